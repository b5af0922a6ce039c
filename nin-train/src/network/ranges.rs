//! The ranges of activations that quantisation-aware training trains, in the order of the layers.
//!
//! A line for 8-bit arithmetic without zero points has one for each layer with weights and a ReLU: the largest output. With
//! zero points each layer with weights, each shortcut's sum and each global average has a range. It has one end, the
//! largest value, if the outputs are not negative, and otherwise two: the largest value, then the smallest.

use nin_core::Plan;
use nin_core::plan::LayerKind;

use super::architecture::beyond_unsigned;
use super::parameters::is_activated;

/// A layer whose outputs have a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ranged {
    /// Position among [`Plan::layers`].
    pub layer: usize,
    /// Whether outputs may be negative, so that the range has two ends.
    pub signed: bool,
    /// Whether a ReLU follows.
    pub relu: bool,
    /// Whether that is a ReLU6.
    pub relu6: bool,
}

impl Ranged {
    /// Returns the number of values of the range, 1 or 2.
    pub fn ends(&self) -> usize {
        1 + usize::from(self.signed)
    }
}

/// Returns the layers of a network whose outputs have a range.
pub fn ranged(plan: &Plan) -> Vec<Ranged> {
    let zero_points = beyond_unsigned(plan.spec()).is_some();
    // Whether the newest map may hold negative values. Pools are not inside shortcuts, so they read the newest one.
    let mut signed = false;
    let mut ranges = Vec::new();
    for (index, layer) in plan.layers().enumerate() {
        let own = match layer.kind {
            _ if !zero_points => is_activated(&layer),
            LayerKind::Convolution(_) | LayerKind::Full | LayerKind::Sum => {
                signed = !layer.relu;
                true
            }
            LayerKind::GlobalAverage => true,
            _ => false,
        };
        if own {
            ranges.push(Ranged { layer: index, signed, relu: layer.relu, relu6: layer.relu6 });
        }
    }
    ranges
}

/// Returns the number of values of all ranges.
pub fn len(plan: &Plan) -> usize {
    ranged(plan).iter().map(Ranged::ends).sum()
}

#[cfg(test)]
mod tests {
    use nin_core::{Plan, Spec};

    use super::{len, ranged};

    #[test]
    fn a_map_without_a_relu_has_two_ends() {
        let of = |line| {
            let plan = Plan::new(Spec::new(line));
            let ends: Vec<_> = ranged(&plan).iter().map(|range| (range.layer, range.ends())).collect();
            assert_eq!(len(&plan), ends.iter().map(|(_, ends)| ends).sum::<usize>());
            ends
        };
        assert_eq!(of("1x8x8 nin3:4,4 avg2/2 gap fc5,3"), [(0, 1), (1, 1), (4, 1)]);
        // Layers: nin, max, dw, its sum, gap, the two of fc.
        let line = "1x8x8 nin3+1:4 max2/2 res(dw3+1:4id) gap fc5,3";
        assert_eq!(of(line), [(0, 1), (2, 1), (3, 2), (4, 1), (5, 1), (6, 1), (7, 2)]);
        assert_eq!(of("1x8x8 nin3+1:4id mean2/2 gap"), [(0, 2), (2, 2)]);
    }
}
