//! Working memory of the 8-bit kernels: what the plan reserves beside the tiles of a block, and how the kernels divide
//! it.

use crate::packing::{Packing, WeightType};

/// Pixels that a block carries through all its layers at once: its weights are read once a tile.
pub const TILE: usize = 4;

/// Most inputs that [`Kernels::Dsp`] widens at a time.
pub(crate) const SEGMENT: usize = 288;
/// Most outputs whose sums [`Kernels::Dsp`] keeps from one part of the window to the next.
pub(crate) const KEPT: usize = 64;

/// The kernels that a build has for 8-bit layers; they differ in speed and in working memory, not in results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kernels {
    /// For processors without either of the below: inputs straight from the lines; no memory of their own, but for what
    /// 4-bit weights are widened in.
    Plain,
    /// Cortex-M with the DSP extension: activations are widened to pairs of 16 bits, a part of the window at a time.
    Dsp,
    /// Processors with wide vectors and memory to spare: the windows of a tile are gathered first.
    Wide,
}

impl Kernels {
    /// Those of this build.
    pub const HERE: Kernels = if cfg!(nin_dsp) {
        Kernels::Dsp
    } else if cfg!(target_os = "none") {
        Kernels::Plain
    } else {
        Kernels::Wide
    };

    /// Those of this build that 8-bit weights with so many lanes run on: plain rows run on plain kernels everywhere.
    pub const fn for_lanes(lanes: usize) -> Kernels {
        if lanes == 1 { Kernels::Plain } else { Kernels::HERE }
    }
}

/// Words of the 8-bit packing that 4-bit weights are widened to: of as many outputs as lie side by side, two at least.
pub(crate) const fn widened_words(fan_in: usize, lanes: usize) -> usize {
    Packing::new(WeightType::Int8, lanes, if lanes < 2 { 2 } else { lanes }, fan_in).bytes() / 4
}

/// The working memory of some 8-bit layers, one of which is at work at a time.
#[derive(Clone, Copy)]
pub(crate) struct Work {
    kernels: Kernels,
    /// Inputs of a window that are gathered or widened at once, at most.
    window: usize,
    /// Outputs whose sums wait for the rest of the window, at most.
    kept: usize,
    /// Words of widened weights, at most: of outputs that lie side by side,
    widened: usize,
    /// and of outputs in plain rows, which [`Kernels::Dsp`] may have to run too.
    widened_rows: usize,
}

impl Work {
    /// The memory of no layer.
    pub const fn new(kernels: Kernels) -> Work {
        Work { kernels, window: 0, kept: 0, widened: 0, widened_rows: 0 }
    }

    /// The same with one layer more.
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

    /// Words beside the tiles; `narrow` if some layers have weights of 4 bits.
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
            // Plain rows need no other memory, so they have all of it.
            Kernels::Dsp => max(self.widened, self.widened_rows.saturating_sub(words)),
            Kernels::Wide => self.widened,
        })
    }
}

const fn max(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}
