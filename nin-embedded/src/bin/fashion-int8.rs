//! The `fashion` example with 8-bit weights and activations: a quarter of the flash, and RAM enough on boards with 8 KB.
//!
//! `cargo run -p nin-embedded --bin fashion-int8` runs it here, `scripts/firmware.sh microbit fashion-int8 run` on an
//! emulated Cortex-M0; the package's README says how to flash it.
#![cfg_attr(target_os = "none", no_std, no_main)]

use nin_core::Kernels;
use nin_embedded::{Board, Error, budget, demo, firmware};
use static_cell::ConstStaticCell;

#[path = "../../models/fashion-int8.rs"]
mod dsp;
#[path = "../../models/fashion-int8-plain.rs"]
mod plain;

/// Bytes of RAM that the firmware may take: static memory, checked by the linker, and stack, measured.
const RAM_BUDGET: usize = budget(option_env!("NIN_RAM_BUDGET"), 16 * 1024);
/// Bytes of flash that it may take, weights included.
const FLASH_BUDGET: usize = budget(option_env!("NIN_FLASH_BUDGET"), 160 * 1024);

const _: () = assert!(size_of::<dsp::State>() <= RAM_BUDGET, "the network's state does not fit the RAM budget");

static STATE: ConstStaticCell<dsp::State> = ConstStaticCell::new(dsp::STATE);

firmware!(run, ram: RAM_BUDGET, flash: FLASH_BUDGET);

fn run(board: &impl Board) -> Result<(), Error> {
    let state = STATE.try_take().ok_or(Error::Taken)?;
    // The weights are packed for the processor; the linker leaves out the packing that is not asked for.
    let network = match Kernels::HERE {
        Kernels::Plain => plain::network(state)?,
        _ => dsp::network(state)?,
    };
    demo::fashion(board, network, RAM_BUDGET)
}
