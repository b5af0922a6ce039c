//! Passes the board's memory map to the linker, and its name, clock and RAM to the source.
//!
//! A board is one file, `boards/NAME.x`: the linker's memory map, with `key: value` lines in the comment above it. The
//! environment variable `NIN_BOARD` chooses the board. On a host this script does nothing.

use std::path::PathBuf;
use std::{env, fs};

fn main() -> Result<(), String> {
    println!("cargo:rerun-if-env-changed=NIN_BOARD");
    println!("cargo:rerun-if-changed=boards");
    println!("cargo:rerun-if-changed=firmware.x");
    println!("cargo:rustc-check-cfg=cfg(nin_plain)");
    let variable = |name: &str| env::var(name).map_err(|error| format!("{name}: {error}"));
    let processor = variable("CARGO_CFG_TARGET_ARCH")?;
    if variable("CARGO_CFG_TARGET_OS")? != "none" || !["arm", "riscv32"].contains(&processor.as_str()) {
        return Ok(());
    }
    let riscv = processor == "riscv32";

    // Without DSP instructions, for which nin-core's build script decides, 8-bit weights are packed in rows.
    if env::var_os("DEP_NIN_CORE_DSP").is_none() {
        println!("cargo:rustc-cfg=nin_plain");
    }

    let board = env::var("NIN_BOARD").unwrap_or_else(|_| if riscv { "riscv32imc-virt" } else { "mps2-an386" }.into());
    let path = PathBuf::from("boards").join(format!("{board}.x"));
    let map = fs::read_to_string(&path).map_err(|_| format!("NIN_BOARD={board}: there is no {}", path.display()))?;
    let value = |key: &str| {
        let key = format!(" * {key}: ");
        map.lines().find_map(|line| line.strip_prefix(&key)).map(str::trim)
    };

    // The library may be built alone for a smaller core than the board's, as a check: no binary is linked then.
    println!("cargo:rustc-env=NIN_BOARD={board}");
    println!("cargo:rustc-env=NIN_SYSTICK={}", value("systick").unwrap_or("0"));
    let ram = map.lines().find_map(|line| Some(line.trim().strip_prefix("RAM")?.rsplit_once("LENGTH = ")?.1));
    let ram =
        ram.and_then(bytes).ok_or_else(|| format!("{}: no region RAM with a length such as 128K", path.display()))?;
    println!("cargo:rustc-env=NIN_RAM={ram}");

    let out = PathBuf::from(variable("OUT_DIR")?);
    let write = |name: &str, text: &str| fs::write(out.join(name), text).map_err(|error| format!("{name}: {error}"));
    write("memory.x", &map)?;
    write("firmware.x", include_str!("firmware.x"))?;
    // A board without a model partition has an empty one.
    let partition = match map.contains("MODELS") {
        true => "_models_start = ORIGIN(MODELS); _models_end = ORIGIN(MODELS) + LENGTH(MODELS);",
        false => "_models_start = 0; _models_end = 0;",
    };
    write("models.x", partition)?;
    println!("cargo:rustc-link-search={}", out.display());
    // cortex-m-rt includes memory.x. riscv-rt needs names for its regions, and defines none for the beginning of RAM.
    write(
        "regions.x",
        r#"REGION_ALIAS("REGION_TEXT", FLASH); REGION_ALIAS("REGION_RODATA", FLASH);
           REGION_ALIAS("REGION_DATA", RAM); REGION_ALIAS("REGION_BSS", RAM);
           REGION_ALIAS("REGION_HEAP", RAM); REGION_ALIAS("REGION_STACK", RAM);
           _ram_start = ORIGIN(RAM);"#,
    )?;
    let own: &[_] = if riscv { &["memory.x", "regions.x"] } else { &[] };
    for script in own.iter().chain(&["link.x", "models.x", "firmware.x"]) {
        println!("cargo:rustc-link-arg-bins=-T{script}");
    }
    Ok(())
}

/// Parses a length of the linker: a number of bytes, which may end in K or M.
fn bytes(length: &str) -> Option<u32> {
    let (digits, unit) = match length.strip_suffix('K') {
        Some(digits) => (digits, 1024),
        None => length.strip_suffix('M').map_or((length, 1), |digits| (digits, 1024 * 1024)),
    };
    digits.parse::<u32>().ok()?.checked_mul(unit)
}
