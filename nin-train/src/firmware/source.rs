//! The project's Rust source.

use std::fmt::Write;

use nin_core::WeightType;

use super::hal::{Embassy, Parts};
use super::template::fill;
use super::{Project, Rows};

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
            ("broken", if project.partition { "the partition holds no model" } else { "the model file is damaged" }),
        ],
    )
}

/// Returns src/board.rs.
pub(super) fn board(project: &Project<'_>) -> String {
    let board = project.board;
    let (title, name) = (("title", board.title), ("name", board.name));
    let Some(embassy) = Embassy::of(board) else {
        let (log, panics) = match (board.chip, board.machine) {
            (Some(_), Some(_)) => (
                include_str!("templates/log_both.rs"),
                "\n#[cfg(feature = \"qemu\")]\nuse panic_semihosting as _;\n#[cfg(feature = \"probe\")]\n\
                 use {defmt_rtt as _, panic_probe as _};\n",
            ),
            (None, _) => (include_str!("templates/log_qemu.rs"), "\nuse panic_semihosting as _;\n"),
            (Some(_), None) => (include_str!("templates/log_probe.rs"), "\nuse {defmt_rtt as _, panic_probe as _};\n"),
        };
        let log = log.trim_end();
        return fill(include_str!("templates/board_cortex_m.rs"), &[title, name, ("log", log), ("faults", panics)]);
    };
    let (kind, new, place) = &embassy.serial;
    fill(
        include_str!("templates/board_hal.rs"),
        &[
            title,
            name,
            ("uses", embassy.uses),
            ("before", embassy.before),
            ("init", embassy.init),
            ("serial", kind),
            ("new", new),
            ("place", place),
        ],
    )
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
pub(super) fn memory() -> String {
    include_str!("templates/memory.rs").to_owned()
}

/// Returns src/model.rs.
pub(super) fn model(project: &Project<'_>) -> String {
    let name = match project.weight_type {
        WeightType::Int4 => "Int4",
        WeightType::Affine => "Affine",
        _ => "Int8",
    };
    // The program contains the kernels for the packing of the file only.
    let weights = match (project.weight_type, project.board.core.has_dsp()) {
        (WeightType::Int4 | WeightType::Affine, _) => name,
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
