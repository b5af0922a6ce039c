//! Architecture search: candidates that use a board's budget, and their training by successive halving.
//!
//! [`candidates`] draws the form of a network at random (how many blocks, their kernels, their 1×1 layers, whether the
//! last of those narrows, how widths grow) and then makes it as wide as the [`Budget`] allows. If the budget limits
//! multiply-accumulates, a form may also have depthwise convolutions or shortcuts, which need fewer. [`rungs`] is successive
//! halving (Jamieson and Talwalkar 2016): all are trained briefly, the better third three times as long, and so on.

use std::collections::HashSet;
use std::fmt::Write;

use nin_core::{Plan, Shape, Spec};

use crate::network::resources::Budget;
use crate::support::random::{Purpose, Stream};

/// Successive halving keeps the best 1/`ETA` of the candidates and trains them `ETA` times as long.
const ETA: usize = 3;
/// The largest number of forms drawn for each candidate.
const DRAWS: usize = 200;
/// Widths are multiples of this.
const STEP: usize = 4;
/// The largest width in steps.
const WIDEST: usize = 128;
/// The most stages of a candidate: deeper ones become so narrow within a budget that they learn little.
const DEEPEST: usize = 24;

/// Returns at most `count` different networks for images of this shape and `classes` classes, each as wide as the
/// budget allows; the same seed gives the same networks. There are fewer, or none, if the budget is too small.
pub fn candidates(input: Shape, classes: usize, budget: &Budget, count: usize, seed: u64) -> Vec<Plan> {
    let mut stream = Stream::new(seed, Purpose::Search, 0, 0);
    let mut known = HashSet::new();
    let mut plans = Vec::new();
    for _ in 0..count.saturating_mul(DRAWS) {
        if plans.len() >= count {
            break;
        }
        let mut form = Form::draw(input, &mut stream);
        if budget.macs < u64::MAX {
            form.draw_kind(&mut stream);
        }
        if let Some(plan) = form.widest(input, classes, budget)
            && known.insert(plan.spec().to_string())
        {
            plans.push(plan);
        }
    }
    plans
}

/// Returns the rounds of successive halving as (candidates, epochs), from `count` candidates for `epochs` epochs to the
/// round that decides the winner.
pub fn rungs(count: usize, epochs: u32) -> Vec<(usize, u32)> {
    let mut rungs = vec![(count, epochs)];
    let (mut count, mut epochs) = (count, epochs);
    while count > ETA {
        count = count.div_ceil(ETA);
        epochs = epochs.saturating_mul(ETA as u32);
        rungs.push((count, epochs));
    }
    rungs
}

/// The least number of steps of the first round's training runs; 15 steps from random weights decide nothing.
const STEPS: usize = 300;

/// Returns the epochs of the first round for this number of training images and this batch: the epochs of 300 steps.
pub fn first_epochs(images: usize, batch: usize) -> u32 {
    STEPS.div_ceil(images.div_ceil(batch.max(1)).max(1)) as u32
}

/// A network without its widths.
#[derive(Clone, Debug)]
struct Form {
    blocks: Vec<Block>,
    /// The word of the pooling layer between levels.
    pool: &'static str,
    /// The ratio of a level's width to that of the level before, which has four times as many pixels.
    growth: f32,
    kind: Kind,
    /// Blocks in place of one, where a shortcut goes around each.
    repeats: usize,
}

/// The convolutions of a form after the first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Over all channels.
    Plain,
    /// Over all channels, with shortcuts.
    Residual,
    /// Depthwise, with shortcuts.
    Depthwise,
}

#[derive(Clone, Debug)]
struct Block {
    /// The convolution's word up to the colon.
    convolution: &'static str,
    /// 1×1 layers.
    ones: usize,
    /// Whether the last 1×1 layer halves the channels, so that the next convolution has half the weights.
    narrows: bool,
    level: usize,
}

impl Form {
    fn draw(input: Shape, stream: &mut Stream) -> Form {
        let side = input.rows.min(input.columns);
        // Large images lose most of their pixels in the first layer, as in the book.
        let (first, side): (&[&str], u16) = match side {
            96.. => (&["nin7/4+2", "nin11/4+2"], side / 4),
            48.. => (&["nin5/2+2", "nin3/2+1"], side / 2),
            5.. => (&["nin3+1", "nin3+1", "nin5+2"], side),
            _ => (&["nin3+1"], side),
        };
        // The last maps have 4 to 9 pixels on each side if the image is large enough.
        let pools = 1 + (0..4).filter(|halvings| side >> halvings > 9).count() + stream.below(2);
        let levels = (0..=pools).filter(|halvings| *halvings == 0 || side >> halvings >= 3).count();
        let narrows = stream.below(3) > 0;
        let mut blocks = Vec::new();
        for level in 0..levels {
            for _ in 0..1 + stream.below(2) {
                let convolution = if blocks.is_empty() { first[stream.below(first.len())] } else { "nin3+1" };
                blocks.push(Block { convolution, ones: 1 + stream.below(2), narrows, level });
            }
        }
        if let Some(last) = blocks.last_mut() {
            // No convolution follows that would become cheaper.
            last.narrows = false;
        }
        let pool = ["max3/2+1", "max2/2"][stream.below(2)];
        let growth = [1.0, 1.25, 1.5, 2.0][stream.below(4)];
        Form { blocks, pool, growth, kind: Kind::Plain, repeats: 1 }
    }

    /// Draws whether the form has depthwise convolutions and shortcuts; its layers do not narrow then.
    fn draw_kind(&mut self, stream: &mut Stream) {
        self.kind = [Kind::Plain, Kind::Residual, Kind::Depthwise, Kind::Depthwise][stream.below(4)];
        self.repeats = 1 + stream.below(2);
        if self.kind != Kind::Plain {
            self.blocks.iter_mut().for_each(|block| block.narrows = false);
        }
    }

    /// Returns the line whose first level has `width` steps of channels.
    fn line(&self, input: Shape, classes: usize, width: usize) -> String {
        let mut line = format!("{}x{}x{}", input.channels, input.rows, input.columns);
        let mut level = 0;
        let mut before = 0;
        for (number, block) in self.blocks.iter().enumerate() {
            if block.level > level {
                level = block.level;
                line += " ";
                line += self.pool;
            }
            let steps = (width as f32 * self.growth.powi(level as i32)).round() as usize;
            let channels = STEP * steps.max(1);
            if self.kind != Kind::Plain && number > 0 {
                self.with_shortcuts(&mut line, before, channels);
                before = channels;
                continue;
            }
            before = channels;
            let last = if block.narrows { STEP * steps.div_ceil(2).max(1) } else { channels };
            let middle = std::iter::repeat_n(channels, block.ones - 1);
            let widths: Vec<_> = std::iter::once(channels).chain(middle).chain([last]).map(|c| c.to_string()).collect();
            // Writing to a string cannot fail.
            let _ = write!(line, " {}:{}", block.convolution, widths.join(","));
        }
        line + &format!(" gap fc{classes}")
    }

    /// Adds blocks of a residual or depthwise form to a line whose last block has `before` channels.
    fn with_shortcuts(&self, line: &mut String, before: usize, channels: usize) {
        let depthwise = self.kind == Kind::Depthwise;
        let convolution = if depthwise { "dw3+1" } else { "nin3+1" };
        // Writing to a string cannot fail.
        if before != channels {
            let _ = write!(line, " {convolution}:{channels}");
        }
        for _ in 0..self.repeats {
            let _ = match depthwise {
                true => write!(line, " res(dw3+1:{channels}id)"),
                false => write!(line, " res(nin3+1:{channels} nin3+1:{channels}id)"),
            };
        }
    }

    /// Returns the widest network of this form that fits the budget.
    fn widest(&self, input: Shape, classes: usize, budget: &Budget) -> Option<Plan> {
        let plan = |width| Spec::parse(&self.line(input, classes, width)).ok().map(Plan::new);
        let fits = |width| plan(width).is_some_and(|plan| plan.spec().stages().len() <= DEEPEST && budget.holds(&plan));
        if !fits(1) {
            return None;
        }
        let (mut fit, mut over) = (1, WIDEST + 1);
        while over - fit > 1 {
            let middle = fit.midpoint(over);
            if fits(middle) { fit = middle } else { over = middle }
        }
        plan(fit)
    }
}

#[cfg(test)]
mod tests {
    use nin_core::{Shape, Spec};

    use super::{Budget, candidates, first_epochs, rungs};

    const FASHION: Shape = Shape { channels: 1, rows: 28, columns: 28 };
    const BOARD: Budget = Budget { flash: 64 << 10, ram: 16 << 10, macs: 20_000_000 };

    #[test]
    fn candidates_fill_their_budget_and_are_the_same_each_time() {
        let plans = candidates(FASHION, 10, &BOARD, 30, 1);
        assert_eq!(plans.len(), 30);
        for plan in &plans {
            assert!(BOARD.holds(plan), "{}", plan.spec());
            assert_eq!((plan.classes(), plan.shape(0)), (10, FASHION));
            // One step wider in every layer would be too much; by how much depends on the form.
            assert!(plan.parameters() > 4_000, "{}", plan.spec());
        }
        let lines = |plans: &[nin_core::Plan]| plans.iter().map(|plan| plan.spec().to_string()).collect::<Vec<_>>();
        assert_eq!(lines(&plans), lines(&candidates(FASHION, 10, &BOARD, 30, 1)));
        assert_ne!(lines(&plans), lines(&candidates(FASHION, 10, &BOARD, 30, 2)));
        assert_eq!(lines(&plans[..10]), lines(&candidates(FASHION, 10, &BOARD, 10, 1)), "more are more of the same");
    }

    /// A limit of multiply-accumulates brings in the whole family; without one, candidates are as they were.
    #[test]
    fn a_limit_of_operations_draws_from_the_whole_family() {
        let lines = |macs| -> Vec<String> {
            let budget = Budget { macs, ..BOARD };
            let plans = candidates(FASHION, 10, &budget, 30, 1);
            assert!(plans.iter().all(|plan| budget.holds(plan)));
            plans.iter().map(|plan| plan.spec().to_string()).collect()
        };
        let few = lines(2_000_000);
        for part in ["res(dw3+1:", "res(nin3+1:", " dw3+1:", "max"] {
            assert!(few.iter().any(|line| line.contains(part)), "{part}: {few:?}");
        }
        assert!(few.iter().any(|line| !line.contains("res(")), "{few:?}");
        assert!(lines(u64::MAX).iter().all(|line| !line.contains("res(") && !line.contains("dw")));
    }

    #[test]
    fn images_of_any_size_have_candidates() {
        for (channels, rows, columns) in [(1, 224, 224), (3, 96, 96), (3, 64, 48), (3, 32, 32), (1, 8, 8), (1, 3, 3)] {
            let budget = Budget { flash: 256 << 10, ram: 64 << 10, macs: u64::MAX };
            let found = candidates(Shape { channels, rows, columns }, 5, &budget, 5, 1);
            assert!(!found.is_empty(), "{channels}x{rows}x{columns}");
            assert!(found.iter().all(|plan| Spec::parse(&plan.spec().to_string()).is_ok()));
        }
    }

    #[test]
    fn nothing_fits_in_nothing() {
        assert!(candidates(FASHION, 10, &Budget { flash: 100, ..BOARD }, 5, 1).is_empty());
        assert!(candidates(FASHION, 10, &Budget { ram: 100, ..BOARD }, 5, 1).is_empty());
        assert!(candidates(FASHION, 10, &Budget { macs: 100, ..BOARD }, 5, 1).is_empty());
    }

    #[test]
    fn first_rounds_of_small_sets_are_longer() {
        // 54,000 images are 422 steps; 1,917 images are 60 steps; one image is one.
        assert_eq!([first_epochs(54_000, 128), first_epochs(1_917, 32), first_epochs(1, 32)], [1, 5, 300]);
    }

    #[test]
    fn rounds_are_a_third_each_and_three_times_as_long() {
        assert_eq!(rungs(27, 1), [(27, 1), (9, 3), (3, 9)]);
        assert_eq!(rungs(10, 2), [(10, 2), (4, 6), (2, 18)]);
        assert_eq!(rungs(1, 5), [(1, 5)]);
    }
}
