//! Working memory of the 8-bit kernels: what the plan reserves in addition to the tiles of a block.

use crate::packing::{Packing, WeightType};

/// Pixels that pass through all layers of a block at once: its weights are read once per tile.
pub const TILE: usize = 4;

/// The largest number of inputs that [`Kernels::Dsp`] widens at a time.
pub(crate) const SEGMENT: usize = 288;
/// The largest number of outputs whose sums [`Kernels::Dsp`] keeps from one segment of the window to the next.
pub(crate) const KEPT: usize = 64;
/// The number of channels of a layer in groups whose inputs [`Kernels::Dsp`] can always copy at once.
const COPIED: usize = 32;

/// The kernels that a build has for 8-bit layers; they differ in speed and in working memory, not in results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kernels {
    /// For all processors: reads inputs directly from the lines. Needs working memory only to widen 4-bit weights.
    Plain,
    /// For Cortex-M with the DSP extension: widens activations to pairs of 16 bits, a segment of the window at a time.
    Dsp,
    /// For hosts, with or without wide vectors: copies the windows of a tile to contiguous memory first.
    Wide,
}

impl Kernels {
    /// The kernels of this build.
    pub const HERE: Kernels = if cfg!(nin_dsp) {
        Kernels::Dsp
    } else if cfg!(target_os = "none") {
        Kernels::Plain
    } else {
        Kernels::Wide
    };

    /// Returns the kernels of this build for 8-bit weights with `lanes` lanes: with 1, plain kernels in every build.
    pub const fn for_lanes(lanes: usize) -> Kernels {
        if lanes == 1 { Kernels::Plain } else { Kernels::HERE }
    }
}

/// Returns the words of the 8-bit packing that 4-bit weights are widened to: of `lanes` outputs, but at least two.
pub(crate) const fn widened_words(fan_in: usize, lanes: usize) -> usize {
    Packing::new(WeightType::Int8, lanes, if lanes < 2 { 2 } else { lanes }, fan_in).bytes() / 4
}

/// The working memory that 8-bit layers share; one of them runs at a time.
#[derive(Clone, Copy)]
pub(crate) struct Work {
    kernels: Kernels,
    /// The most inputs of a window that are gathered or widened at once.
    window: usize,
    /// The most outputs whose sums are kept until the rest of the window is read.
    kept: usize,
    /// The most words of widened weights of side-by-side outputs.
    widened: usize,
    /// The same for outputs in plain rows, which [`Kernels::Dsp`] may also have to run.
    widened_rows: usize,
}

impl Work {
    /// The working memory of no layer.
    pub const fn new(kernels: Kernels) -> Work {
        Work { kernels, window: 0, kept: 0, widened: 0, widened_rows: 0 }
    }

    /// Adds one convolution.
    pub const fn with(self, fan_in: usize, outputs: usize) -> Work {
        let padded = fan_in.next_multiple_of(4);
        let segment = if padded < SEGMENT { padded } else { SEGMENT };
        let kept = if padded <= SEGMENT {
            0
        } else if outputs < KEPT {
            outputs.next_multiple_of(2)
        } else {
            KEPT
        };
        let (window, widened) = match self.kernels {
            Kernels::Plain => (0, 0),
            // Two outputs of a segment.
            Kernels::Dsp => (segment, widened_words(segment, 2)),
            Kernels::Wide => (padded, widened_words(fan_in, 16)),
        };
        Work {
            kernels: self.kernels,
            window: max(self.window, window),
            kept: max(self.kept, kept),
            widened: max(self.widened, widened),
            widened_rows: max(self.widened_rows, widened_words(fan_in, 1)),
        }
    }

    /// Adds a layer in groups of `channels` channels, with a stride along the columns and `tile` pixels in a tile:
    /// [`Kernels::Dsp`] copies the inputs of a tile with padding, at least [`COPIED`] channels at a time.
    pub const fn with_groups(self, channels: usize, stride: usize, tile: usize) -> Work {
        let channels = channels.next_multiple_of(4);
        // Three rows of a tile's windows, which are no more than two columns apart.
        let columns = if stride < 2 { tile + 2 } else { 2 * TILE + 1 };
        let bytes = 3 * columns * if channels < COPIED { channels } else { COPIED };
        let window = match self.kernels {
            // Twice as many words.
            Kernels::Dsp => bytes.div_ceil(8),
            _ => 0,
        };
        Work { window: max(self.window, window), ..self }
    }

    /// Returns the words in addition to the tiles; `narrow` if some layers have 4-bit weights.
    pub const fn words(self, narrow: bool) -> usize {
        let words = match self.kernels {
            Kernels::Plain => 0,
            // Pairs of 16 bits, then sums of 32.
            Kernels::Dsp => TILE * (self.window / 2 + self.kept),
            Kernels::Wide => TILE * (self.window / 4),
        };
        if !narrow {
            return words;
        }
        words.saturating_add(match self.kernels {
            Kernels::Plain => self.widened_rows,
            // Plain rows use no other working memory, so their widened weights may take all of it.
            Kernels::Dsp => max(self.widened, self.widened_rows.saturating_sub(words)),
            Kernels::Wide => self.widened,
        })
    }
}

const fn max(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}
