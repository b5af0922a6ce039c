//! The `fashion` example with f32 weights and values.
//!
//! `cargo run -p nin-embedded --bin fashion` runs it here, `scripts/firmware.sh mps2-an386 fashion run` on an emulated
//! Cortex-M4F; the package's README says how to flash it.
#![cfg_attr(target_os = "none", no_std, no_main)]

use nin_embedded::{Board, Error, budget, demo, firmware};
use static_cell::ConstStaticCell;

#[path = "../../models/fashion.rs"]
mod model;

/// Bytes of RAM that the firmware may take: static memory, checked by the linker, and stack, measured.
const RAM_BUDGET: usize = budget(option_env!("NIN_RAM_BUDGET"), 32 * 1024);
/// Bytes of flash that it may take, weights included.
const FLASH_BUDGET: usize = budget(option_env!("NIN_FLASH_BUDGET"), 336 * 1024);

static STATE: ConstStaticCell<model::State> = ConstStaticCell::new([0; size_of::<model::State>() / 4]);

firmware!(run, state: model::State, ram: RAM_BUDGET, flash: FLASH_BUDGET);

fn run(board: &impl Board) -> Result<(), Error> {
    let state = STATE.try_take().ok_or(Error::Taken)?;
    demo::fashion(board, model::network(state)?, RAM_BUDGET)
}
