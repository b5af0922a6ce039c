//! A family of lines: one for each shape of images, number of classes and budget.
//!
//! Each has a first block at full or half resolution, blocks twice as wide after each pool, a last block several times
//! as wide as the first, and then `gap fcN`. A wide last block and a linear layer learn from every seed; a last block
//! of one channel a class may lose classes to dead ReLUs.

use std::fmt::Write;

use nin_core::{Plan, Shape, Spec};

use super::resources::Budget;

/// The channels of the first block, widest first. More than 24 cost time and gain little on the image sets of
/// `dev/photo_study.py`.
const WIDTHS: [usize; 6] = [24, 20, 16, 12, 8, 4];
/// Each block's channels as a multiple of the first block's; the last number is that of all further blocks.
const GROWTH: [usize; 4] = [1, 2, 4, 6];
/// The least number of blocks.
const BLOCKS: usize = 3;
/// The largest side of the last maps.
const LAST_SIDE: u16 = 7;
/// Images of at least this side lose half of their rows and columns in the first layer.
const LARGE: u16 = 48;
/// Images of at least this side lose three quarters.
const HUGE: u16 = 144;

/// The most multiply-accumulates of a network that is chosen without a limit: about 0.1 s at 64 MHz on a Cortex-M4.
pub const MACS: u64 = 6_000_000;

/// Returns the widest network of the family for images of this shape that fits the budget; `None` if not even the
/// narrowest fits, or if the shape or the number of classes is beyond what a line can hold.
pub fn fitting(input: Shape, classes: usize, budget: &Budget) -> Option<Plan> {
    let plan = |width| Spec::parse(&line(input, classes, width)).ok().map(Plan::new);
    WIDTHS.into_iter().filter_map(plan).find(|plan| budget.holds(plan))
}

/// Returns the line whose first block has `width` channels.
fn line(input: Shape, classes: usize, width: usize) -> String {
    let side = input.rows.min(input.columns);
    let (first, mut side) = match side {
        HUGE.. => ("nin7/4+2", side / 4),
        LARGE.. => ("nin5/2+2", side / 2),
        _ => ("nin3+1", side),
    };
    let mut pools = 0;
    while side > LAST_SIDE {
        side = side.div_ceil(2);
        pools += 1;
    }
    let blocks = BLOCKS.max(pools + 1);
    let mut line = format!("{}x{}x{}", input.channels, input.rows, input.columns);
    for block in 0..blocks {
        // Small images have fewer pools than blocks: the first blocks follow each other.
        if block >= blocks - pools {
            line += " max3/2+1";
        }
        let convolution = if block == 0 { first } else { "nin3+1" };
        let channels = width * GROWTH[block.min(GROWTH.len() - 1)];
        // Writing to a string cannot fail.
        let _ = write!(line, " {convolution}:{channels},{channels}");
    }
    line + &format!(" gap fc{classes}")
}

#[cfg(test)]
mod tests {
    use nin_core::{Shape, Spec};

    use super::{BLOCKS, MACS, WIDTHS, fitting, line};
    use crate::network::resources::Budget;

    const fn shape(channels: u16, rows: u16, columns: u16) -> Shape {
        Shape { channels, rows, columns }
    }

    const BUDGET: Budget = Budget { flash: 128 << 10, ram: 32 << 10, macs: MACS };

    #[test]
    fn every_shape_has_a_line() {
        for rows in (1..=64).chain([96, 128, 143, 144, 224, 320]) {
            for (channels, columns) in [(1, rows), (3, rows), (3, rows + rows / 3)] {
                let shape = shape(channels, rows, columns);
                for width in WIDTHS {
                    let line = line(shape, 7, width);
                    let spec = Spec::parse(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
                    assert_eq!((spec.input(), nin_core::Plan::new(spec).classes()), (shape, 7));
                    assert!(line.matches("nin").count() >= BLOCKS && line.ends_with("gap fc7"), "{line}");
                }
            }
        }
    }

    #[test]
    fn the_widest_that_fits_is_chosen() {
        let wide = fitting(shape(3, 64, 64), 6, &BUDGET).unwrap();
        assert!(BUDGET.holds(&wide));
        let tight = Budget { ram: 6 << 10, ..BUDGET };
        let narrow = fitting(shape(3, 64, 64), 6, &tight).unwrap();
        assert!(tight.holds(&narrow) && narrow.parameters() < wide.parameters() / 2);
        // One step wider would be too much.
        let index = WIDTHS.iter().position(|width| line(shape(3, 64, 64), 6, *width) == narrow.spec().to_string());
        let wider = line(shape(3, 64, 64), 6, WIDTHS[index.unwrap() - 1]);
        assert!(!tight.holds(&nin_core::Plan::new(Spec::new(&wider))));
        assert_eq!(fitting(shape(3, 64, 64), 6, &Budget { ram: 100, ..BUDGET }), None);
        assert_eq!(fitting(shape(3, 64, 64), 0, &BUDGET), None);
    }
}
