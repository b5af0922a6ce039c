//! Random 8-bit networks: ordinary ones, and networks at the ends of every range.

use nin_core::plan::{LayerKind, Plan};
use proptest::prelude::*;

use crate::integer::{Bytes, Finish, Integers, Layer, multiplier};
use crate::mix;
use crate::random::Case;

/// The numbers in a network and its images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Weights and pixels of any size, factors that keep the activations alive.
    Lively,
    /// Weights of ±127 only, pixels of 0 or 255, biases near the limit, any factor.
    Extreme,
    /// Each output differs: any weights, any bias, any multiplier and any shift, or all zeros.
    Wild,
}

/// Returns any style.
pub fn style() -> impl Strategy<Value = Style> {
    prop_oneof![3 => Just(Style::Lively), 1 => Just(Style::Extreme), 2 => Just(Style::Wild)]
}

/// Numbers from a counter.
struct Draw(u64);

impl Draw {
    /// Returns a number from 0 to below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mix::mix(self.0) % end
    }

    /// Returns a number from −`most` to `most`.
    fn around(&mut self, most: i64) -> i64 {
        self.below(2 * most as u64 + 1) as i64 - most
    }

    fn weight(&mut self, style: Style) -> i8 {
        match style {
            Style::Extreme => [-127, 127][self.below(2) as usize],
            Style::Lively | Style::Wild => self.around(127) as i8,
        }
    }
}

/// Returns the network of a case.
pub fn network(case: &Case, style: Style) -> Integers {
    let mut draw = Draw(mix::mix(case.seed));
    let plan = Plan::new(case.spec);
    let mut pixels = 1;
    let mut layers = Vec::new();
    for planned in plan.layers() {
        if planned.kind == LayerKind::GlobalAverage {
            pixels = planned.input.pixels();
        }
        if !planned.has_weights() {
            continue;
        }
        let (outputs, fan_in) = (planned.output.channels, planned.fan_in());
        let room = (1 << 30) - 1 - (fan_in * pixels) as i64 * 255 * 127;
        assert!(room > 0, "{}: too wide for 8 bits", case.spec);
        let mut layer = Layer { weights: Vec::new(), bias: Vec::new(), finish: Finish::Activations(Vec::new()) };
        let (mut factors, mut scales) = (Vec::new(), Vec::new());
        for _ in 0..outputs {
            // In a wild network, some outputs have another style, or weights of zero.
            let own = match (style, draw.below(4)) {
                (Style::Wild, 0) => Style::Lively,
                (Style::Wild, 1) => Style::Extreme,
                _ => style,
            };
            let blind = style == Style::Wild && draw.below(8) == 0;
            layer.weights.extend((0..fan_in).map(|_| if blind { 0 } else { draw.weight(own) }));
            // The expected magnitude of a sum of that many products.
            let spread = (fan_in as f64).sqrt() * 70.0 * 100.0 * pixels as f64;
            layer.bias.push(match own {
                Style::Lively => draw.around((spread as i64).min(room)) as i32,
                Style::Extreme => ([-1, 1][draw.below(2) as usize] * (room - draw.below(3) as i64).max(0)) as i32,
                Style::Wild => draw.around(room) as i32,
            });
            factors.push(match own {
                Style::Lively => multiplier((100.0 / spread * (0.5 + draw.below(100) as f64 / 50.0)).min(0.499)),
                Style::Extreme => {
                    [(i32::MAX, 1), (i32::MAX, 31), (1 << 30, 1), (1 << 30, 31), (0, 1)][draw.below(5) as usize]
                }
                Style::Wild => ((draw.below(1 << 30) as i32) | 1 << 30, 1 + draw.below(31) as u32),
            });
            scales.push((1.0 + draw.below(1000) as f32) * 1e-5);
        }
        layer.finish = if planned.relu { Finish::Activations(factors) } else { Finish::Logits(scales) };
        layers.push(layer);
        pixels = 1;
    }
    Integers { spec: case.spec, layers, scale: 0.001 * (1.0 + draw.below(1000) as f32) }
}

/// Returns image `n` of a case.
pub fn image(case: &Case, style: Style, n: u64) -> Bytes {
    let shape = case.spec.input();
    let mut draw = Draw(mix::mix(!case.seed).wrapping_add(n << 32));
    let mut value = || match style {
        Style::Extreme => [0, 255, 255][draw.below(3) as usize],
        Style::Lively | Style::Wild => draw.below(256) as u8,
    };
    // The first image of an extreme case saturates every layer.
    let full = style == Style::Extreme && n == 0;
    Bytes { shape, values: (0..shape.len()).map(|_| if full { 255 } else { value() }).collect() }
}
