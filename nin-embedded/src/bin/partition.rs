//! Runs whatever model stands in the board's model partition, so that a model can be replaced without rebuilding the
//! firmware. It prints the logits as the bits of floats, which a test compares with those of a host.
//!
//!     scripts/firmware.sh mps2-an386 partition run models=model.nin
//!
//! It shows the network the ten test images, resized to its input row by row as they stream; with `formula=COUNTER`,
//! images whose pixels a formula gives, from a counter on; with `images=N`, so many of either.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::convert::Infallible;

use nin_core::{F16, F32, Int8, Model, Network, WeightType, argmax};
use nin_embedded::demo::{Bits, memory};
use nin_embedded::{Board, Error, FASHION, Sight, budget, firmware, formula_level, model_in, say};
use static_cell::ConstStaticCell;

/// Bytes of working memory for the model; the book's network at 224×224 fits.
const STATE: usize = budget(option_env!("NIN_STATE"), 164 * 1024);
/// Bytes of RAM that the firmware may take, stack included.
const RAM_BUDGET: usize = STATE + 8 * 1024;

static WORDS: ConstStaticCell<[u32; STATE / 4]> = ConstStaticCell::new([0; STATE / 4]);

firmware!(run);

fn run(board: &impl Board) -> Result<(), Error> {
    let state = WORDS.try_take().ok_or(Error::Taken)?;
    let model = model_in(board.models())?;
    match model.weight_type() {
        WeightType::F32 => stream::<F32>(board, &model, state),
        WeightType::F16 => stream::<F16>(board, &model, state),
        WeightType::Int8 => stream::<Int8>(board, &model, state),
        other => Err(Error::WeightType(other)),
    }
}

fn stream<F: Sight>(board: &impl Board, model: &Model<'_>, state: &mut [u32]) -> Result<(), Error> {
    let plan = model.plan();
    let input = plan.spec().input();
    let (channels, rows, columns) = (input.channels as usize, input.rows as usize, input.columns as usize);
    say!(board, "{} with {} weights on {}", plan.spec(), model.weight_type().name(), board.name());
    let formula = board.number("formula");
    if formula.is_none() && channels != 1 {
        return Err(Error::Channels(channels));
    }

    let mut network = Network::<F>::new(model, state)?;
    let images = board.number("images").map_or(FASHION.len(), |images| images as usize);
    for (index, (image, _)) in FASHION.iter().cycle().take(images).enumerate() {
        let start = board.clock();
        let Ok(logits) = network.infer(|y, row| {
            F::see(model, row, |x, channel| match formula {
                Some(counter) => {
                    let at = ((index * channels + channel) * rows + y) * columns + x;
                    formula_level(counter + at as u64)
                }
                None => image.resized((y, rows), (x, columns)),
            });
            Ok::<(), Infallible>(())
        });
        let took = board.clock() - start;
        say!(board, "image {index}: class {}, {took} {}", argmax(logits).unwrap_or(0), board.unit());
        say!(board, "    logits {}", Bits(logits));
        let hundredths = took * 100 / plan.macs();
        say!(board, "    {}.{:02} {} per MAC", hundredths / 100, hundredths % 100, board.unit());
    }
    memory(board, size_of::<u32>() * plan.state_words(model.weight_type()), RAM_BUDGET)
}
