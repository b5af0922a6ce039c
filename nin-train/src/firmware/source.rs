//! The project's Rust source.

use std::fmt::Write;

use nin_core::WeightType;

use super::hal::{Embassy, Parts};
use super::template::fill;
use super::{Project, Rows};
use crate::boards::{Board, Core, Hal};

/// Returns src/main.rs.
pub(super) fn main(project: &Project<'_>) -> String {
    let (about, camera, uses, start, logits) = match project.rows {
        Rows::Memory => ("", "", "use core::convert::Infallible;\n\n", "", include_str!("templates/rows_memory.rs")),
        Rows::Camera => (
            "\n//! An interrupt delivers the rows.",
            "mod camera;\n",
            "",
            "    let mut rows = camera::start();\n",
            include_str!("templates/rows_camera.rs"),
        ),
    };
    let model = match project.partition {
        true => "    let Ok(model) = &model::read() else { panic!(\"the partition holds no model\") };\n",
        false => "    let model = &model::MODEL;\n",
    };
    fill(
        include_str!("templates/main.rs"),
        &[
            ("title", project.board.title),
            ("about", about),
            ("camera", camera),
            ("uses", uses),
            ("model", model),
            ("start", start),
            ("logits", logits),
        ],
    )
}

/// A Cortex-M7 computes from its caches. Data go past them: the debugger reads the log in RAM.
const CACHES: &str = "        // Code is cached. Data are not: the debugger reads the log from RAM, past the cache.
        core.SCB.enable_icache();
";

/// Returns src/board.rs.
pub(super) fn board(project: &Project<'_>) -> String {
    let board = project.board;
    let caches = if board.core == Core::CortexM7 { CACHES } else { "" };
    let common = [("title", board.title), ("name", board.name), ("caches", caches)];
    let camera = project.rows == Rows::Camera;
    let (template, more) = match board.hal {
        Hal::Esp => {
            let start = if camera { "        clock::start(hal.TIMG0);\n" } else { "" };
            let hal = if camera { "hal" } else { "_hal" };
            (include_str!("templates/board_esp.rs"), vec![("hal", hal), ("clock", start)])
        }
        Hal::RiscV => {
            let start = if camera { "        clock::start();\n" } else { "" };
            (include_str!("templates/board_riscv.rs"), vec![("clock", start)])
        }
        Hal::CortexM => (include_str!("templates/board_cortex_m.rs"), log(board)),
        Hal::Rp | Hal::Nrf | Hal::Stm32 => (include_str!("templates/board_hal.rs"), Vec::new()),
    };
    let embassy = Embassy::of(board);
    let port = embassy.iter().flat_map(|embassy| {
        [
            ("uses", embassy.uses),
            ("before", embassy.before),
            ("init", &embassy.init),
            ("port", embassy.port),
            ("new", &embassy.new),
            ("place", embassy.place),
            ("more", embassy.more),
        ]
    });
    fill(template, &common.into_iter().chain(more).chain(port).collect::<Vec<_>>())
}

/// Returns the functions of `board.rs` that log, and what happens at a panic, for a Cortex-M without a HAL.
fn log(board: &Board) -> Vec<(&'static str, &'static str)> {
    let (log, panics) = match (board.chip, board.machine) {
        (Some(_), Some(_)) => (
            include_str!("templates/log_both.rs"),
            "\n#[cfg(feature = \"qemu\")]\nuse panic_semihosting as _;\n#[cfg(feature = \"probe\")]\n\
             use {defmt_rtt as _, panic_probe as _};\n",
        ),
        (None, _) => (include_str!("templates/log_qemu.rs"), "\nuse panic_semihosting as _;\n"),
        (Some(_), None) => (include_str!("templates/log_probe.rs"), "\nuse {defmt_rtt as _, panic_probe as _};\n"),
    };
    vec![("log", log.trim_end()), ("faults", panics)]
}

/// Returns src/clock.rs.
pub(super) fn clock(project: &Project<'_>) -> String {
    let camera = project.rows == Rows::Camera;
    match (project.board.hal, camera) {
        (Hal::Esp, false) => include_str!("templates/clock_esp.rs").to_owned(),
        (Hal::Esp, true) => include_str!("templates/clock_esp_camera.rs").to_owned(),
        (Hal::RiscV, false) => fill(include_str!("templates/clock_riscv.rs"), &[("about", ""), ("start", "")]),
        (Hal::RiscV, true) => fill(
            include_str!("templates/clock_riscv.rs"),
            &[
                ("about", ", and an interrupt in each millisecond"),
                ("start", include_str!("templates/clock_riscv_turn.rs")),
            ],
        ),
        (Hal::CortexM | Hal::Rp | Hal::Nrf | Hal::Stm32, _) => systick(project.board, camera),
    }
}

/// Returns src/clock.rs for a Cortex-M.
fn systick(board: &Board, camera: bool) -> String {
    let emulated = board.machine.map(|machine| machine.timer / 1000);
    let (note, khz) = match (board.hal, emulated) {
        (Hal::CortexM, Some(emulated)) if board.chip.is_some() => (
            " after reset, and on the emulator",
            format!("if cfg!(feature = \"qemu\") {{ {emulated} }} else {{ {} }}", board.khz),
        ),
        (Hal::CortexM, Some(emulated)) => ("", emulated.to_string()),
        (Hal::CortexM, None) => (" after reset; change it if you set the chip's clocks", board.khz.to_string()),
        _ => (", as `board.rs` sets it", board.khz.to_string()),
    };
    fill(
        include_str!("templates/clock_cortex_m.rs"),
        &[
            ("clock_note", note),
            ("khz", &khz),
            ("turn", if camera { "KHZ" } else { "1 << 24" }),
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
pub(super) fn memory(board: &Board) -> String {
    let [statics_start, statics_end, stack_end, stack_start] = Parts::of(board).symbols;
    let values = [
        ("statics_start", statics_start),
        ("statics_end", statics_end),
        ("stack_end", stack_end),
        ("stack_start", stack_start),
    ];
    fill(include_str!("templates/memory.rs"), &values)
}

/// Returns src/model.rs.
pub(super) fn model(project: &Project<'_>) -> String {
    let name = match project.weight_type {
        WeightType::Int4 => "Int4",
        WeightType::Affine => "Affine",
        WeightType::AffineInt4 => "AffineInt4",
        _ => "Int8",
    };
    // The program contains the kernels for the packing of the file only.
    let weights = match (project.weight_type, project.board.core.has_dsp()) {
        (WeightType::Int8, true) => "Int8<2>",
        (WeightType::Int8, false) => "Int8<1>",
        _ => name,
    };
    let file = match project.partition {
        true => include_str!("templates/model_partition.rs"),
        false => include_str!("templates/model_included.rs"),
    };
    let (aligned, error) = if project.partition { ("", "ModelError, ") } else { ("Aligned, ", "") };
    let budget = project.board.ram - project.parts().ram;
    fill(
        include_str!("templates/model.rs"),
        &[
            ("uses", &format!("nin_core::{{{aligned}{name}, Model, {error}Plan, Spec, WeightType}}")),
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
