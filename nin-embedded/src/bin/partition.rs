//! Runs whatever model stands in the board's model partition, so that a model can be replaced without rebuilding the
//! firmware. It prints the logits as the bits of floats, which a test compares with those of a host.
//!
//!     scripts/firmware.sh mps2-an386 partition run models=model.nin
//!
//! With `images=FILE` it shows the network your test images (`nin-train data --raw FILE` writes them), in colour too:
//!
//!     scripts/firmware.sh mps2-an386 partition run models=model.nin images=images.bin
//!
//! Without, it shows the ten of Fashion-MNIST, resized to the network's input row by row as they stream; with
//! `formula=COUNTER`, images whose pixels a formula gives, from a counter on; with `camera=COUNTER`, frames of a larger
//! camera; `count=N` is their number. With the word `fused`, the sums of floats are rounded once for each product.
#![cfg_attr(target_os = "none", no_std, no_main)]

use nin_core::{Affine, F16, F16Fused, F32, F32Fused, Int4, Int8, WeightType};
use nin_embedded::{Board, Error, STACK, demo, firmware, model_in, state_budget};
use static_cell::ConstStaticCell;

/// Bytes of working memory for the model: the book's network at 224×224 fits, or what a smaller board has.
const STATE: usize = state_budget(option_env!("NIN_STATE"), 164 * 1024);
/// Bytes of RAM that the firmware may take, stack included.
const RAM_BUDGET: usize = STATE + STACK;

static WORDS: ConstStaticCell<[u32; STATE / 4]> = ConstStaticCell::new([0; STATE / 4]);

firmware!(run);

fn run(board: &impl Board) -> Result<(), Error> {
    let state = WORDS.try_take().ok_or(Error::Taken)?;
    let model = model_in(board.models())?;
    let fused = board.asked("fused");
    match model.weight_type() {
        WeightType::F32 if fused => demo::partition::<F32Fused>(board, &model, state, RAM_BUDGET),
        WeightType::F16 if fused => demo::partition::<F16Fused>(board, &model, state, RAM_BUDGET),
        WeightType::F32 => demo::partition::<F32>(board, &model, state, RAM_BUDGET),
        WeightType::F16 => demo::partition::<F16>(board, &model, state, RAM_BUDGET),
        WeightType::Int8 => demo::partition::<Int8>(board, &model, state, RAM_BUDGET),
        WeightType::Int4 => demo::partition::<Int4>(board, &model, state, RAM_BUDGET),
        WeightType::Affine => demo::partition::<Affine>(board, &model, state, RAM_BUDGET),
        other => Err(Error::WeightType(other)),
    }
}
