//! The project's Rust source.

use std::fmt::Write;

use nin_core::WeightType;

use super::hal::{Embassy, Parts};
use super::template::fill;
use super::{Project, Rows};
use crate::boards::Hal;

/// Returns src/main.rs.
pub(super) fn main(project: &Project<'_>) -> String {
    let template = match project.rows {
        Rows::Memory => include_str!("templates/main.rs"),
        Rows::Camera => include_str!("templates/main_camera.rs"),
    };
    fill(
        template,
        &[
            ("title", project.board.title),
            ("modules", if project.board.core.is_arm() { "mod clock;\n" } else { "" }),
            ("broken", if project.partition { "the partition holds no model" } else { "the model file is damaged" }),
        ],
    )
}

/// Returns src/board.rs.
pub(super) fn board(project: &Project<'_>) -> String {
    let board = project.board;
    let (title, name) = (("title", board.title), ("name", board.name));
    let Some(embassy) = Embassy::of(board) else {
        return match board.hal {
            Hal::RiscV => fill(include_str!("templates/board_riscv.rs"), &[title, name]),
            Hal::Esp => fill(include_str!("templates/board_esp.rs"), &[title, name]),
            _ => {
                let (log, faults) = match (board.chip, board.machine) {
                    (Some(_), Some(_)) => (
                        include_str!("templates/log_both.rs"),
                        "\n#[cfg(feature = \"qemu\")]\nuse panic_semihosting as _;\n#[cfg(feature = \"probe\")]\nuse {defmt_rtt as _, panic_probe as _};\n",
                    ),
                    (None, _) => (include_str!("templates/log_qemu.rs"), "\nuse panic_semihosting as _;\n"),
                    (Some(_), None) => {
                        (include_str!("templates/log_probe.rs"), "\nuse {defmt_rtt as _, panic_probe as _};\n")
                    }
                };
                let log = log.trim_end();
                fill(include_str!("templates/board_cortex_m.rs"), &[title, name, ("log", log), ("faults", faults)])
            }
        };
    };
    let (fields, start, line, fmt_uses) = match &embassy.serial {
        Some((kind, new, place)) => (
            format!("    serial: {kind},\n"),
            format!("let serial = {new};\n        Board {{ serial }}\n"),
            format!(
                "    /// Logs a line over RTT, where it is lost if no debugger listens, and over
    /// {place}.
    pub fn line(&mut self, text: fmt::Arguments<'_>) {{
        defmt::println!(\"{{}}\", defmt::Display2Format(&text));
        // A line that the port does not take is lost.
        let _ = write!(self, \"{{text}}\\r\\n\");
    }}
"
            ),
            "::{self, Write}",
        ),
        None => (
            String::new(),
            "Board {}\n".to_owned(),
            "    /// Logs a line over RTT; it is lost if no debugger listens.
    pub fn line(&mut self, text: fmt::Arguments<'_>) {
        defmt::println!(\"{}\", defmt::Display2Format(&text));
    }
"
            .to_owned(),
            "",
        ),
    };
    let start = format!(
        "        {}
        let mut core = cortex_m::Peripherals::take().expect(\"the board is set up once\");
        clock::start(&mut core.SYST);
        {start}",
        embassy.init
    );
    let text = fill(
        include_str!("templates/board_hal.rs"),
        &[
            title,
            name,
            ("fmt_uses", fmt_uses),
            ("uses", embassy.uses),
            ("before", embassy.before),
            ("fields", &fields),
            ("start", &start),
            ("line", &line),
        ],
    );
    match embassy.serial {
        None => text.replace("pub struct Board {\n}", "pub struct Board {}"),
        Some(_) => text.replace(
            "\n/// Logs a line.\nmacro_rules!",
            "
impl Write for Board {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.serial.blocking_write(text.as_bytes()).map_err(|_| fmt::Error)
    }
}

/// Logs a line.
macro_rules!",
        ),
    }
}

/// Returns src/clock.rs, for a Cortex-M.
pub(super) fn clock(project: &Project<'_>) -> String {
    let board = project.board;
    let (note, mhz) = match (Embassy::of(board), board.machine, board.chip) {
        (Some(embassy), _, _) => ("", embassy.mhz.to_string()),
        (None, Some(machine), None) => ("", (machine.timer / 1_000_000).to_string()),
        (None, Some(machine), Some(_)) => {
            let emulated = machine.timer / 1_000_000;
            (" after reset, and on the emulator", format!("if cfg!(feature = \"qemu\") {{ {emulated} }} else {{ 16 }}"))
        }
        (None, None, _) => {
            (" after reset; change it if your chip starts at another or you set its clocks", "16".into())
        }
    };
    let camera = project.rows == Rows::Camera;
    fill(
        include_str!("templates/clock_cortex_m.rs"),
        &[
            ("clock_note", note),
            ("mhz", &mhz),
            ("turn", if camera { "1000 * MHZ" } else { "1 << 24" }),
            ("turn_note", if camera { ": a millisecond, the time between two rows" } else { "" }),
            ("on_turn", if camera { "\n    crate::camera::row_is_due();" } else { "" }),
        ],
    )
}

/// Returns src/camera.rs.
pub(super) fn camera() -> String {
    include_str!("templates/camera.rs").to_owned()
}

/// Returns src/memory.rs.
pub(super) fn memory(project: &Project<'_>) -> String {
    let [start, end, stack] = Parts::of(project.board).symbols;
    fill(include_str!("templates/memory.rs"), &[("statics_start", start), ("statics_end", end), ("stack_end", stack)])
}

/// Returns src/model.rs.
pub(super) fn model(project: &Project<'_>) -> String {
    let name = if project.weight_type == WeightType::Int4 { "Int4" } else { "Int8" };
    // The program contains the kernels for the packing of the file only.
    let weights = match (project.weight_type, project.board.core.has_dsp()) {
        (WeightType::Int4, _) => "Int4",
        (_, true) => "Int8<2>",
        (_, false) => "Int8<1>",
    };
    let file = match project.partition {
        true => include_str!("templates/model_partition.rs"),
        false => include_str!("templates/model_included.rs"),
    };
    let aligned = if project.partition { "" } else { "Aligned, " };
    let budget = project.board.ram - Parts::of(project.board).ram;
    fill(
        include_str!("templates/model.rs"),
        &[
            ("uses", &format!("nin_core::{{{aligned}{name}, Model, ModelError, Plan, Spec, WeightType}}")),
            ("weights_name", name),
            ("line", &format!("{:?}", project.plan.spec().to_string())),
            ("weights", weights),
            ("state_budget", &budget.to_string()),
            ("file", file.trim_end()),
        ],
    )
}

/// Returns src/samples.rs.
pub(super) fn samples(project: &Project<'_>) -> String {
    let input = project.plan.spec().input();
    let samples = &project.samples;
    let mut rows = String::new();
    for (index, (label, logits)) in samples.labels.iter().zip(&samples.logits).enumerate() {
        let bits: Vec<String> = logits.iter().map(|logit| format!("{:#010x}", logit.to_bits())).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(rows, "    sample({index}, {label}, [{}]),", bits.join(", "));
    }
    let constant = format!("\n/// Rows of an image.\npub const ROWS: usize = {};\n", input.rows);
    fill(
        include_str!("templates/samples.rs"),
        &[
            ("row", &input.row().to_string()),
            ("rows_constant", if project.rows == Rows::Camera { &constant } else { "" }),
            ("image", &input.len().to_string()),
            ("count", &samples.len().to_string()),
            ("classes", &project.plan.classes().to_string()),
            ("samples", &rows),
        ],
    )
}
