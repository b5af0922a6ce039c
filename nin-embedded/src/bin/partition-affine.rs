//! The `partition` firmware for imported 8-bit networks only.
//!
//!     nin-train import person.tflite --out person.nin
//!     scripts/firmware.sh mps2-an386 partition-affine run models=person.nin images=images.bin
#![cfg_attr(target_os = "none", no_std, no_main)]

use nin_core::{Affine, WeightType};
use nin_embedded::{Board, Error, STACK, demo, firmware, model_in, state_budget};
use static_cell::ConstStaticCell;

/// Bytes of working memory for the model, or what a smaller board has.
const STATE: usize = state_budget(option_env!("NIN_STATE"), 44 * 1024);
/// Bytes of RAM that the firmware may take, stack included.
const RAM_BUDGET: usize = STATE + STACK;

static WORDS: ConstStaticCell<[u32; STATE / 4]> = ConstStaticCell::new([0; STATE / 4]);

firmware!(run);

fn run(board: &impl Board) -> Result<(), Error> {
    let state = WORDS.try_take().ok_or(Error::Taken)?;
    // Borrowed from the result: moved out of it, the model would be on the stack twice.
    let model = model_in(board.models());
    let model = model.as_ref().map_err(|&error| error)?;
    match model.weight_type() {
        WeightType::Affine => demo::partition::<Affine>(board, model, state, RAM_BUDGET),
        other => Err(Error::WeightType(other)),
    }
}
