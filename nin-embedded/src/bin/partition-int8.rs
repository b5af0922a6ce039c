//! The `partition` firmware for 8-bit networks only. With the book's network at 224×224 it fits a chip with 2 MB of
//! flash, code and weights included.
//!
//!     cargo run -p nin-tests --bin formula-model -- d2l int8 2 target/d2l-int8.nin
//!     scripts/firmware.sh mps2-f429 partition-int8 run models=target/d2l-int8.nin
#![cfg_attr(target_os = "none", no_std, no_main)]

use nin_core::{Int8, WeightType};
use nin_embedded::{Board, Error, STACK, demo, firmware, model_in, state_budget};
use static_cell::ConstStaticCell;

/// Bytes of working memory for the model: enough for the book's network, or less on a smaller board.
const STATE: usize = state_budget(option_env!("NIN_STATE"), 44 * 1024);
/// The limit in bytes of static memory and stack.
const RAM_BUDGET: usize = STATE + STACK;

static WORDS: ConstStaticCell<[u32; STATE / 4]> = ConstStaticCell::new([0; STATE / 4]);

firmware!(run);

fn run(board: &impl Board) -> Result<(), Error> {
    let state = WORDS.try_take().ok_or(Error::Taken)?;
    // Borrowed from the result: moved out of it, the model would be on the stack twice.
    let model = model_in(board.models());
    let model = model.as_ref().map_err(|&error| error)?;
    match model.weight_type() {
        WeightType::Int8 => demo::partition::<Int8>(board, model, state, RAM_BUDGET),
        other => Err(Error::WeightType(other)),
    }
}
