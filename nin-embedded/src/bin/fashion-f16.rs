//! The `fashion` example with 16-bit weights: half the flash.
//!
//! `cargo run -p nin-embedded --bin fashion-f16` runs it on this computer, `scripts/firmware.sh mps2-an386 fashion-f16
//! run` on an emulated Cortex-M4F. The package's README describes how to flash it.
#![cfg_attr(target_os = "none", no_std, no_main)]

use nin_embedded::{Board, Error, budget, demo, firmware};
use static_cell::ConstStaticCell;

#[path = "../../models/fashion-f16.rs"]
mod model;

/// The limit in bytes of static memory, which the linker checks, and of static memory and stack, which is measured.
const RAM_BUDGET: usize = budget(option_env!("NIN_RAM_BUDGET"), 32 * 1024);
/// The limit in bytes of flash, including weights.
const FLASH_BUDGET: usize = budget(option_env!("NIN_FLASH_BUDGET"), 208 * 1024);

static STATE: ConstStaticCell<model::State> = ConstStaticCell::new([0; size_of::<model::State>() / 4]);

firmware!(run, state: model::State, ram: RAM_BUDGET, flash: FLASH_BUDGET);

fn run(board: &impl Board) -> Result<(), Error> {
    let state = STATE.try_take().ok_or(Error::Taken)?;
    demo::fashion(board, model::network(state)?, RAM_BUDGET)
}
