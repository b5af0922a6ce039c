//! The files around the source: Cargo.toml, cargo's configuration, memory map and build script.

use std::fmt::Write;

use super::hal::{Embassy, Parts, defmt};
use super::{Engine, Project, Rows};
use crate::boards::{Board, Hal};

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
    if !board.core.has_atomics() {
        // `static_cell` exchanges a flag; these cores mask interrupts for that.
        text.push_str(
            "portable-atomic = { version = \"1\", default-features = false, features = [\"critical-section\"] }\n",
        );
    }
    if project.rows == Rows::Camera {
        text.push_str("critical-section = \"1\"\nheapless = \"0.9\"\n");
    }
    text.push_str(Parts::of(board).dependencies);
    if let Some(embassy) = Embassy::of(board) {
        text.push_str("cortex-m-rt = \"0.7\"\n");
        text.push_str(defmt());
        text.push_str(&embassy.dependency);
    }
    if board.hal == Hal::CortexM {
        text.push_str("cortex-m-rt = \"0.7\"\n");
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
            text.push_str(defmt());
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

/// Returns the command that runs a program on the emulator.
fn emulator(board: &Board) -> String {
    let machine = board.machine.map_or("", |machine| machine.name);
    let semihosting = "-icount shift=0 -semihosting-config enable=on,target=native -kernel";
    format!("qemu-system-arm -M {machine} -display none -monitor none -serial none {semihosting}")
}

/// Returns .cargo/config.toml.
pub(super) fn config(project: &Project<'_>) -> String {
    let board = project.board;
    let target = board.core.target();
    let runner = match board.chip {
        Some(chip) => format!("probe-rs run --chip {chip}"),
        None => emulator(board),
    };
    let mut text = format!("[build]\ntarget = \"{target}\"\n\n[target.{target}]\nrunner = {}\n", quoted(&runner));
    if board.chip.is_some() {
        text.push_str(
            "# Puts the stack below the statics: a stack that is too deep ends in a fault, not in wrong numbers.\n",
        );
        text.push_str("linker = \"flip-link\"\n");
    }
    if let Some(cpu) = board.core.cpu() {
        let _ = writeln!(text, "# With the core's name, the compiler and nin-core use its DSP instructions.");
        let _ = writeln!(text, "rustflags = [\"-C\", \"target-cpu={cpu}\"]");
    }
    if board.chip.is_some() {
        text.push_str("\n[env]\nDEFMT_LOG = \"info\"\n");
    }
    if board.chip.is_some() && board.machine.is_some() {
        text.push_str("\n[alias]\n# `cargo qemu` runs the program on the emulator.\n");
        text.push_str("qemu = \"run --release --no-default-features --features qemu --config qemu.toml\"\n");
    }
    text
}

/// Returns qemu.toml, which `cargo qemu` adds to cargo's configuration.
pub(super) fn qemu(project: &Project<'_>) -> String {
    let board = project.board;
    format!("[target.{}]\nrunner = {}\n", board.core.target(), quoted(&emulator(board)))
}

/// Returns build.rs.
pub(super) fn build_script(project: &Project<'_>) -> String {
    let board = project.board;
    let mut text = "//! Gives the linker its scripts.\n\nfn main() {\n".to_owned();
    text.push_str("    println!(\"cargo:rerun-if-changed=memory.x\");\n");
    text.push_str("    println!(\"cargo:rustc-link-search={}\", env!(\"CARGO_MANIFEST_DIR\"));\n");
    let mut argument = |indent: &str, argument: &str| {
        let _ = writeln!(text, "{indent}println!(\"cargo:rustc-link-arg-bins={argument}\");");
    };
    // Sections at multiples of 4 bytes, not of the linker's pages.
    argument("    ", "--nmagic");
    for script in Parts::of(board).link {
        argument("    ", script);
    }
    match (board.hal, board.chip, board.machine) {
        (Hal::CortexM, Some(_), Some(_)) => {
            text.push_str("    if std::env::var_os(\"CARGO_FEATURE_PROBE\").is_some() {\n");
            text.push_str("        println!(\"cargo:rustc-link-arg-bins=-Tdefmt.x\");\n    }\n");
        }
        (Hal::CortexM, Some(_), None) => {
            text.push_str("    println!(\"cargo:rustc-link-arg-bins=-Tdefmt.x\");\n");
        }
        _ => {}
    }
    text.push_str("}\n");
    text
}

/// Returns memory.x.
pub(super) fn memory_map(project: &Project<'_>) -> String {
    let board = project.board;
    let mut map = format!("/* {}. */\n{}", board.title, board.memory_map(project.partition));
    if project.partition {
        map.push_str("\n_models_start = ORIGIN(MODELS);\n_models_end = ORIGIN(MODELS) + LENGTH(MODELS);\n");
    }
    map
}
