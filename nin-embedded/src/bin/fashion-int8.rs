//! Ten images of clothes through the trained network in 8 bits, under a budget: the example to start from. It fits a
//! Cortex-M0 with 16 KB of RAM.
//!
//! `cargo run -p nin-embedded` runs it here, `scripts/firmware.sh mps2-an386 fashion-int8 run` on an emulated
//! Cortex-M4F, with `microbit` on an emulated micro:bit; the package's README says how to flash it.
#![cfg_attr(target_os = "none", no_std, no_main)]

use nin_embedded::{Board, Error, budget, demo, firmware};
use static_cell::ConstStaticCell;

// Packed for the core's kernels; the results are the same.
#[cfg_attr(nin_plain, path = "../../models/fashion-int8-plain.rs")]
#[cfg_attr(not(nin_plain), path = "../../models/fashion-int8.rs")]
mod model;

/// Bytes of RAM that the firmware may take: static memory, checked by the linker, and stack, measured.
const RAM_BUDGET: usize = budget(option_env!("NIN_RAM_BUDGET"), 16 * 1024);
/// Bytes of flash that it may take, weights included.
const FLASH_BUDGET: usize = budget(option_env!("NIN_FLASH_BUDGET"), 160 * 1024);

static STATE: ConstStaticCell<model::State> = ConstStaticCell::new([0; size_of::<model::State>() / 4]);

firmware!(run, state: model::State, ram: RAM_BUDGET, flash: FLASH_BUDGET);

fn run(board: &impl Board) -> Result<(), Error> {
    let state = STATE.try_take().ok_or(Error::Taken)?;
    demo::fashion(board, model::network(state)?, RAM_BUDGET)
}
