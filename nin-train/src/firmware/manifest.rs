//! The files around the source: Cargo.toml, cargo's configuration, memory map and build script.

use std::fmt::Write;

use super::hal::{DEFMT, Parts, is_small};
use super::{Engine, Project, Rows};
use crate::boards::{Board, Core, Hal};

/// Returns a string in TOML, in quotes.
fn quoted(text: &str) -> String {
    // JSON's escapes are TOML's; a string always has a form in JSON.
    serde_json::to_string(text).unwrap_or_default()
}

/// Returns Cargo.toml.
pub(super) fn cargo_toml(project: &Project<'_>) -> String {
    let Project { name, board, .. } = project;
    let (chip, machine) = (board.chip.is_some(), board.machine.is_some());
    let mut text = format!(
        "[package]
name = {}
version = \"0.1.0\"
edition = \"2024\"
publish = false

[dependencies]
",
        quoted(name)
    );
    text.push_str(&match &project.engine {
        Engine::Version(version) => format!("nin-core = {}\n", quoted(version)),
        Engine::Path(path) => format!("nin-core = {{ path = {} }}\n", quoted(&path.to_string_lossy())),
    });
    text.push_str("static_cell = \"2.1\"\n");
    if !board.core.has_atomics() && board.hal != Hal::Esp {
        // `static_cell` exchanges a flag; these cores mask interrupts for that. (esp-hal has its own way.)
        text.push_str(
            "portable-atomic = { version = \"1\", default-features = false, features = [\"critical-section\"] }\n",
        );
    }
    if project.rows == Rows::Camera {
        text.push_str("critical-section = \"1\"\n");
        text.push_str(match board.core {
            Core::Rv32imc => "heapless = { version = \"0.9\", features = [\"portable-atomic\"] }\n",
            _ => "heapless = \"0.9\"\n",
        });
    }
    text.push_str(&Parts::of(board).dependencies);
    if board.hal == Hal::CortexM {
        if machine {
            let optional = if chip { ", optional = true" } else { "" };
            let _ = writeln!(text, "cortex-m-semihosting = {{ version = \"0.6\"{optional} }}");
            let _ = writeln!(text, "panic-semihosting = {{ version = \"0.7\", features = [\"exit\"]{optional} }}");
        }
        if chip && machine {
            text.push_str(
                "defmt = { version = \"1\", optional = true }
defmt-rtt = { version = \"1\", optional = true }
panic-probe = { version = \"1\", features = [\"print-defmt\"], optional = true }

[features]
default = [\"probe\"]
# A board: the log goes over RTT, which probe-rs prints.
probe = [\"dep:defmt\", \"dep:defmt-rtt\", \"dep:panic-probe\"]
# The emulator: the log goes over semihosting, which stops a board without a debugger.
qemu = [\"dep:cortex-m-semihosting\", \"dep:panic-semihosting\"]
",
            );
        } else if chip {
            text.push_str(DEFMT);
        }
    }
    text.push_str(
        "
[profile.dev]
opt-level = 3

[profile.release]
lto = \"fat\"
codegen-units = 1
debug = \"line-tables-only\"

# Not part of a workspace in a folder above.
[workspace]
",
    );
    text
}

/// Returns the name of the emulator, a program of QEMU.
pub(super) fn emulator(board: &Board) -> &'static str {
    if board.core.is_arm() { "qemu-system-arm" } else { "qemu-system-riscv32" }
}

/// Returns the command that runs a program on the emulator.
fn emulate(board: &Board) -> String {
    let machine = board.machine.map_or("", |machine| machine.name);
    // A RISC-V machine would load its own firmware first.
    let bios = if board.core.is_arm() { "" } else { " -bios none" };
    let semihosting = "-icount shift=0 -semihosting-config enable=on,target=native -kernel";
    format!("{} -M {machine}{bios} -display none -monitor none -serial none {semihosting}", emulator(board))
}

/// Returns .cargo/config.toml.
pub(super) fn config(project: &Project<'_>) -> String {
    let board = project.board;
    let target = board.core.target();
    let runner = match (board.hal, board.chip) {
        (Hal::Esp, Some(chip)) => format!("espflash flash --monitor --chip {chip}"),
        (_, Some(chip)) => format!("probe-rs run --chip {chip}"),
        (_, None) => emulate(board),
    };
    let mut text = format!("[build]\ntarget = \"{target}\"\n\n[target.{target}]\nrunner = {}\n", quoted(&runner));
    let probe = board.core.is_arm() && board.chip.is_some();
    if probe {
        text.push_str(
            "# flip-link puts the stack below the statics: a stack that is too deep ends in a fault, not in wrong\n",
        );
        text.push_str("# numbers. ");
        text.push_str(match project.flip_link {
            true => "Without it (`cargo install flip-link`), delete this line.\nlinker = \"flip-link\"\n",
            false => "`cargo install flip-link`, then use this line.\n# linker = \"flip-link\"\n",
        });
    }
    if let Some(cpu) = board.core.cpu() {
        let _ = writeln!(text, "# With the core's name, the compiler and nin-core use its DSP instructions.");
        let _ = writeln!(text, "rustflags = [\"-C\", \"target-cpu={cpu}\"]");
    }
    if probe {
        text.push_str("\n[env]\nDEFMT_LOG = \"info\"\n");
        if is_small(board) {
            text.push_str("DEFMT_RTT_BUFFER_SIZE = \"512\"\n");
        }
    }
    if probe && board.machine.is_some() {
        text.push_str("\n[alias]\n# `cargo qemu` runs the program on the emulator.\n");
        text.push_str("qemu = \"run --release --no-default-features --features qemu --config qemu.toml\"\n");
    }
    text
}

/// Returns qemu.toml, which `cargo qemu` adds to cargo's configuration.
pub(super) fn qemu(project: &Project<'_>) -> String {
    let board = project.board;
    format!("[target.{}]\nrunner = {}\n", board.core.target(), quoted(&emulate(board)))
}

/// Returns build.rs.
pub(super) fn build_script(project: &Project<'_>) -> String {
    let board = project.board;
    let mut text = "//! Gives the linker its scripts.\n\nfn main() {\n".to_owned();
    if has_memory_map(board) {
        text.push_str("    println!(\"cargo:rerun-if-changed=memory.x\");\n");
        text.push_str("    println!(\"cargo:rustc-link-search={}\", env!(\"CARGO_MANIFEST_DIR\"));\n");
    }
    let mut argument = |indent: &str, argument: &str| {
        let _ = writeln!(text, "{indent}println!(\"cargo:rustc-link-arg-bins={argument}\");");
    };
    if board.core.is_arm() {
        // Sections at multiples of 4 bytes, not of the linker's pages.
        argument("    ", "--nmagic");
    }
    for script in Parts::of(board).link {
        argument("    ", &format!("-T{script}"));
    }
    match (board.hal, board.chip, board.machine) {
        (Hal::CortexM, Some(_), Some(_)) => {
            text.push_str("    if std::env::var_os(\"CARGO_FEATURE_PROBE\").is_some() {\n");
            text.push_str("        println!(\"cargo:rustc-link-arg-bins=-Tdefmt.x\");\n    }\n");
        }
        (Hal::CortexM, Some(_), None) => argument("    ", "-Tdefmt.x"),
        _ => {}
    }
    text.push_str("}\n");
    text
}

/// Returns whether the project has a memory map: esp-hal has its own.
pub(super) fn has_memory_map(board: &Board) -> bool {
    board.hal != Hal::Esp
}

/// Returns memory.x.
pub(super) fn memory_map(project: &Project<'_>) -> String {
    let board = project.board;
    let mut map = format!("/* {}. */\n{}", board.title, board.memory_map(project.partition));
    match board.hal {
        Hal::RiscV => map.push_str(include_str!("templates/regions_riscv.x")),
        Hal::Rp if board.boot_stage() == 0 => map.push_str(include_str!("templates/image_rp2350.x")),
        _ => {}
    }
    if project.partition {
        map.push_str("\n_models_start = ORIGIN(MODELS);\n_models_end = ORIGIN(MODELS) + LENGTH(MODELS);\n");
    }
    map
}
