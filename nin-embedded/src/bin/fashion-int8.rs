//! Classifies ten images of clothes with the trained 8-bit network, within a memory budget. This is the example to
//! start from. It fits a Cortex-M0 with 16 KB of RAM.
//!
//! `cargo run -p nin-embedded` runs it on this computer, `scripts/firmware.sh mps2-an386 fashion-int8 run` on an
//! emulated Cortex-M4F, and with `microbit` on an emulated micro:bit. The package's README describes how to flash it.
#![cfg_attr(target_os = "none", no_std, no_main)]

use nin_embedded::{Board, Error, budget, demo, firmware};
use static_cell::ConstStaticCell;

// The weights are packed for the kernels of the core; both files give the same results.
#[cfg_attr(nin_plain, path = "../../models/fashion-int8-plain.rs")]
#[cfg_attr(not(nin_plain), path = "../../models/fashion-int8.rs")]
mod model;

/// The limit in bytes of static memory, which the linker checks, and of static memory and stack, which is measured.
const RAM_BUDGET: usize = budget(option_env!("NIN_RAM_BUDGET"), 16 * 1024);
/// The limit in bytes of flash, including weights.
const FLASH_BUDGET: usize = budget(option_env!("NIN_FLASH_BUDGET"), 160 * 1024);

static STATE: ConstStaticCell<model::State> = ConstStaticCell::new([0; size_of::<model::State>() / 4]);

firmware!(run, state: model::State, ram: RAM_BUDGET, flash: FLASH_BUDGET);

fn run(board: &impl Board) -> Result<(), Error> {
    let state = STATE.try_take().ok_or(Error::Taken)?;
    demo::fashion(board, model::network(state)?, RAM_BUDGET)
}
