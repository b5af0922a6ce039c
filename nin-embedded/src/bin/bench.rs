//! Measures the time of each layer of a network: runs the model in the board's model partition on one image.
//!
//!     scripts/firmware.sh mps2-an386 bench run models=model.nin
//!
//! `NIN_FUSED=1` builds it with fused multiply-add. On the emulator, the same firmware and model always give the same
//! counts.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::cell::Cell;
use core::convert::Infallible;
use core::fmt;

use nin_core::plan::{Layer, LayerKind};
use nin_core::spec::{MAX_STAGES, MAX_WIDTHS};
use nin_core::{Affine, AffineInt4, F16, F16Fused, F32, F32Fused, Int4, Int8, Model, Network, Piece, WeightType};
use nin_embedded::{Board, Error, LevelFormat, budget, firmware, formula_level, model_in, say, state_budget};
use static_cell::ConstStaticCell;

/// Whether the firmware has every weight type. On a board with less than 32 KiB of RAM, whose flash is small too, it
/// has 8-bit and 4-bit weights only.
const ALL: bool = budget(option_env!("NIN_RAM"), usize::MAX) >= 32 * 1024;

/// Whether floats use fused multiply-add, which rounds once for each product. A constant, so that the program contains
/// only the kernels that it measures.
const FUSED: bool = option_env!("NIN_FUSED").is_some();

/// Bytes of working memory for the model.
const STATE: usize = state_budget(option_env!("NIN_STATE"), 164 * 1024);

static WORDS: ConstStaticCell<[u32; STATE / 4]> = ConstStaticCell::new([0; STATE / 4]);
static LAPS: ConstStaticCell<[[Lap; MAX_WIDTHS]; MAX_STAGES]> =
    ConstStaticCell::new([[Lap { time: 0, pieces: 0 }; MAX_WIDTHS]; MAX_STAGES]);

/// The measured time of a layer.
#[derive(Clone, Copy)]
struct Lap {
    time: u64,
    /// The number of observations in it. Each observation needs time itself.
    pieces: u64,
}

firmware!(run);

fn run(board: &impl Board) -> Result<(), Error> {
    let state = WORDS.try_take().ok_or(Error::Taken)?;
    // Borrowed from the result: moved out of it, the model would be on the stack twice.
    let model = model_in(board.models());
    let model = model.as_ref().map_err(|&error| error)?;
    match model.weight_type() {
        WeightType::F32 if FUSED && ALL => bench::<F32Fused>(board, model, state),
        WeightType::F16 if FUSED && ALL => bench::<F16Fused>(board, model, state),
        WeightType::F32 if ALL => bench::<F32>(board, model, state),
        WeightType::F16 if ALL => bench::<F16>(board, model, state),
        WeightType::Int8 => bench::<Int8>(board, model, state),
        WeightType::Int4 => bench::<Int4>(board, model, state),
        WeightType::Affine if ALL => bench::<Affine>(board, model, state),
        WeightType::AffineInt4 if ALL => bench::<AffineInt4>(board, model, state),
        other => Err(Error::WeightType(other)),
    }
}

fn bench<F: LevelFormat>(board: &impl Board, model: &Model<'_>, state: &mut [u32]) -> Result<(), Error> {
    let plan = model.plan();
    let planned = size_of::<u32>() * model.state_words();
    let channels = plan.spec().input().channels as usize;
    let laps = LAPS.try_take().ok_or(Error::Taken)?;
    let mut network = Network::<F>::new(model, state)?;

    // Computing the image is not part of the network's time: `image` measures it, and `last` skips it.
    let (image, last) = (Cell::new(0), Cell::new(0));
    let mut read_row = |y: usize, row: &mut [F::Value]| {
        let start = board.clock();
        let first = y * row.len();
        F::write_row(model, row, |x, channel| formula_level((first + x * channels + channel) as u64));
        let took = board.clock() - start;
        image.set(image.get() + took);
        last.set(last.get() + took);
        Ok::<(), Infallible>(())
    };

    let start = board.clock();
    let Ok(_) = network.infer(&mut read_row);
    let total = board.clock() - start - image.take();
    let usage = board.usage();

    // A piece is reported after it was computed, so the time since the previous piece belongs to its layer. The work
    // that a pool does between two tiles counts for the block that computes the tiles.
    let start = board.clock();
    last.set(start);
    let Ok(_) = network.infer_observed(&mut read_row, &mut |piece: Piece, _: &[F::Value]| {
        let now = board.clock();
        let lap = &mut laps[piece.stage][piece.step];
        lap.time += now - last.replace(now);
        lap.pieces += 1;
    });
    let observed = board.clock() - start - image.take();
    let pieces = laps.iter().flatten().map(|lap| lap.pieces).sum::<u64>().max(1);
    let observing = observed.saturating_sub(total) / pieces;

    say!(board, "{} with {} weights on {}", plan.spec(), model.weight_type().name(), board.name());
    say!(board, "{:<18} {:>12} {:>12} {:>14} {:>8}", "layer", "output", "MACs", board.unit(), "per MAC");
    let mut rest = total;
    for (stage, laps) in laps.iter().enumerate().take(plan.spec().stages().len()) {
        for (step, lap) in laps.iter().enumerate() {
            let Some(layer) = plan.layer(stage, step) else { break };
            let time = lap.time.saturating_sub(lap.pieces * observing);
            rest = rest.saturating_sub(time);
            say!(board, "{}", Row { layer: &layer, time });
        }
    }
    say!(board, "{:<18} {:>12} {:>12} {rest:>14}", "rest", "", "");
    say!(board, "{:<18} {:>12} {:>12} {total:>14} {:>8}", "total", "", plan.macs(), Ratio(total, plan.macs()));
    say!(board, "state: {planned} bytes");
    if let Some(usage) = usage {
        say!(board, "stack: {} bytes", usage.stack);
        say!(board, "flash without model: {} bytes", usage.flash);
    }
    Ok(())
}

/// A row of the table.
struct Row<'a> {
    layer: &'a Layer,
    time: u64,
}

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, size) = match self.layer.kind {
            LayerKind::Convolution(window) => ("convolution", Some(window)),
            LayerKind::MaxPool(window) => ("maximum", Some(window)),
            LayerKind::AvgPool(window) => ("average", Some(window)),
            LayerKind::MeanPool(window) => ("mean", Some(window)),
            LayerKind::Sum => ("sum", None),
            LayerKind::Dropout => ("dropout", None),
            LayerKind::GlobalAverage => ("global average", None),
            LayerKind::Full => ("full", None),
        };
        match size {
            Some(size) => write!(f, "{name:<11} {:>2}x{:<3}", size.rows.kernel, size.columns.kernel)?,
            None => write!(f, "{name:<18}")?,
        }
        let (shape, macs) = (self.layer.output, self.layer.macs());
        write!(f, " {:>4}x{:>3}x{:>3}", shape.channels, shape.rows, shape.columns)?;
        write!(f, " {macs:>12} {:>14}", self.time)?;
        match macs {
            0 => Ok(()),
            macs => write!(f, " {:>8}", Ratio(self.time, macs)),
        }
    }
}

/// A quotient, rounded to three decimals.
struct Ratio(u64, u64);

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let thousandths = (self.0 * 1000 + self.1 / 2) / self.1;
        write!(f, "{:>4}.{:03}", thousandths / 1000, thousandths % 1000)
    }
}
