//! Runs the model in the board's model partition. A model can be replaced without rebuilding the firmware. The logits
//! are printed as the bits of floats; a test compares them with those of a host.
//!
//!     scripts/firmware.sh mps2-an386 partition run models=model.nin
//!
//! With `images=FILE` it classifies your test images, grey or in colour. `nin-train data --raw FILE` writes the file:
//!
//!     scripts/firmware.sh mps2-an386 partition run models=model.nin images=images.bin
//!
//! Without it, the images are ten of Fashion-MNIST, resized to the network's input row by row. Other arguments:
//!
//! - `formula=COUNTER`: images whose pixels are computed by a formula, starting at a counter
//! - `camera=COUNTER`: the same pixels as frames of a camera that is larger than the network's input
//! - `count=N`: the number of images
//! - `fused`: floats use fused multiply-add, which rounds once for each product
#![cfg_attr(target_os = "none", no_std, no_main)]

use nin_core::{Affine, AffineInt4, F16, F16Fused, F32, F32Fused, Int4, Int8, WeightType};
use nin_embedded::{Board, Error, STACK, demo, firmware, model_in, state_budget};
use static_cell::ConstStaticCell;

/// Bytes of working memory for the model: enough for the book's network at 224×224, or less on a smaller board.
const STATE: usize = state_budget(option_env!("NIN_STATE"), 164 * 1024);
/// The limit in bytes of static memory and stack.
const RAM_BUDGET: usize = STATE + STACK;

static WORDS: ConstStaticCell<[u32; STATE / 4]> = ConstStaticCell::new([0; STATE / 4]);

firmware!(run);

fn run(board: &impl Board) -> Result<(), Error> {
    let state = WORDS.try_take().ok_or(Error::Taken)?;
    // Borrowed from the result: moved out of it, the model would be on the stack twice.
    let model = model_in(board.models());
    let model = model.as_ref().map_err(|&error| error)?;
    let fused = board.asked("fused");
    match model.weight_type() {
        WeightType::F32 if fused => demo::partition::<F32Fused>(board, model, state, RAM_BUDGET),
        WeightType::F16 if fused => demo::partition::<F16Fused>(board, model, state, RAM_BUDGET),
        WeightType::F32 => demo::partition::<F32>(board, model, state, RAM_BUDGET),
        WeightType::F16 => demo::partition::<F16>(board, model, state, RAM_BUDGET),
        WeightType::Int8 => demo::partition::<Int8>(board, model, state, RAM_BUDGET),
        WeightType::Int4 => demo::partition::<Int4>(board, model, state, RAM_BUDGET),
        WeightType::Affine => demo::partition::<Affine>(board, model, state, RAM_BUDGET),
        WeightType::AffineInt4 => demo::partition::<AffineInt4>(board, model, state, RAM_BUDGET),
        other => Err(Error::WeightType(other)),
    }
}
