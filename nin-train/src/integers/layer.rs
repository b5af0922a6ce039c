//! Quantisation of one layer.

use super::QuantizeError;
use super::fixed::multiplier;
use crate::kernel::vectorized;

/// The bound of a layer's sums; twice this value still fits a 32-bit accumulator.
const ACCUMULATOR: i64 = 1 << 30;

/// The number of steps in an activation's range.
pub(crate) const STEPS: u32 = 255;

/// The step of 4-bit weights in 8-bit units: 4-bit weights are the upper halves of bytes.
pub const GRAIN: i8 = 16;

/// A quantised layer; `docs/int8.md` defines its arithmetic.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizedLayer {
    /// `[out][fan_in]`, the fan-in ordered rows, columns, channels. Weights of 4 bits are multiples of [`GRAIN`].
    pub weights: Vec<i8>,
    /// Bits in which weights are stored: 8 or 4.
    pub bits: u8,
    /// The bias of each output, in units of the input's scale (divided by the pixels of a global average before the
    /// layer) times the output's weight scale.
    pub bias: Vec<i32>,
    /// The value of one step of the input.
    pub input_scale: f32,
    /// The number of pixels that each input sums: those of a global average before the layer, else 1.
    pub pixels: usize,
    /// The scale of each output's weights.
    pub weight_scales: Vec<f32>,
    /// The conversion of the accumulators.
    pub output: Output,
}

impl QuantizedLayer {
    /// Returns the distance of adjacent weights in units of their scale.
    pub(super) fn grain(&self) -> f32 {
        WeightGrid::of(self.bits).grain.into()
    }

    /// The value of one step of the accumulator, per output.
    pub fn units(&self) -> impl Iterator<Item = f64> + '_ {
        let unit = f64::from(self.input_scale) / self.pixels as f64;
        self.weight_scales.iter().map(move |&scale| unit * f64::from(scale))
    }
}

/// The conversion of a layer's accumulators.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// The 8-bit input of the next layer.
    Activations {
        /// The scale of the outputs.
        scale: f32,
        /// One for each output.
        multipliers: Vec<i32>,
        /// The shift of each output, 1 to 31.
        shifts: Vec<u32>,
    },
    /// Logits, in the last fully connected layer.
    Logits {
        /// The value of one step of the accumulator, per output.
        scales: Vec<f32>,
    },
}

/// A float layer, and the parameters of its quantisation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FloatLayer<'a> {
    /// `[out][fan_in]`.
    pub weights: &'a [f32],
    /// One for each output.
    pub biases: &'a [f32],
    /// The value of one step of the input.
    pub input_scale: f32,
    /// The number of pixels that each input sums; 1 for activations.
    pub pixels: usize,
    /// The largest output to represent; `None` for logits.
    pub clip: Option<f32>,
    /// Bits of a weight, 8 or 4.
    pub bits: u8,
}

/// The allowed integers of a weight: multiples of `grain` from −`most` to `most` times `grain`.
#[derive(Clone, Copy)]
struct WeightGrid {
    most: i8,
    grain: i8,
}

impl WeightGrid {
    fn of(bits: u8) -> Self {
        if bits == 4 { Self { most: 7, grain: GRAIN } } else { Self { most: 127, grain: 1 } }
    }

    /// Returns the nearest allowed integer to a weight, at scale `step`.
    fn round(self, weight: f32, step: f64) -> i8 {
        let nearest = (f64::from(weight) / (step * f64::from(self.grain))).round();
        // Within ±127 by the clamp.
        nearest.clamp(-f64::from(self.most), self.most.into()) as i8 * self.grain
    }
}

impl FloatLayer<'_> {
    /// Quantises the layer. `name` is for errors.
    pub fn quantize(&self, name: impl Fn() -> String) -> Result<QuantizedLayer, QuantizeError> {
        if !self.weights.iter().chain(self.biases).all(|value| value.is_finite()) {
            return Err(QuantizeError::NotFinite { layer: name() });
        }
        let fan_in = self.weights.len() / self.biases.len();
        let most = (ACCUMULATOR - 1) / (255 * 127);
        let inputs = fan_in.saturating_mul(self.pixels);
        let room = ACCUMULATOR - 1 - i64::try_from(inputs).unwrap_or(i64::MAX).saturating_mul(255 * 127);
        // The bias has to fit as well; a precision of a thousandth of the range is enough.
        if room < ACCUMULATOR / 1024 {
            return Err(QuantizeError::TooWide { layer: name(), inputs, most: most as usize });
        }
        let rows = || self.weights.chunks_exact(fan_in);
        let unit = f64::from(self.input_scale) / self.pixels as f64;
        let grid = WeightGrid::of(self.bits);
        let natural: Vec<f32> = rows().map(|row| weight_scale(row, grid)).collect();

        let scale = self.clip.map(|clip| self.output_scale(clip, unit, &natural));
        let mut layer = QuantizedLayer {
            weights: Vec::with_capacity(self.weights.len()),
            bits: self.bits,
            bias: Vec::with_capacity(self.biases.len()),
            input_scale: self.input_scale,
            pixels: self.pixels,
            weight_scales: Vec::with_capacity(self.biases.len()),
            output: match scale {
                Some(scale) => Output::Activations { scale, multipliers: Vec::new(), shifts: Vec::new() },
                None => Output::Logits { scales: Vec::new() },
            },
        };
        for ((row, &bias), natural) in rows().zip(self.biases).zip(natural) {
            let bias = f64::from(bias);
            // If the weights are almost zero, the bias determines the scale; a precision of a millionth of it is
            // enough.
            let fine = if natural > 0.0 { f64::from(natural) } else { bias.abs() / (unit * f64::from(1 << 20)) };
            let mut weight_scale = fine.max(bias.abs() / (unit * room as f64));
            if let Some(scale) = scale {
                // The factor stays below one half. This clips only the bias of an output that is always 0 or always
                // 255.
                weight_scale = weight_scale.min(widest(scale, unit));
            }
            let weight_scale = if weight_scale > 0.0 { weight_scale as f32 } else { f32::MIN_POSITIVE };
            let step = f64::from(weight_scale);
            layer.weights.extend(row.iter().map(|&weight| grid.round(weight, step)));
            layer.bias.push((bias / (unit * step)).round().clamp(-(room as f64), room as f64) as i32);
            layer.weight_scales.push(weight_scale);
            match &mut layer.output {
                Output::Activations { scale, multipliers, shifts } => {
                    // `widest` keeps the factor below one half; a larger one would saturate anyway.
                    let (multiplier, shift) = multiplier(unit * step / f64::from(*scale)).unwrap_or((i32::MAX, 1));
                    multipliers.push(multiplier);
                    shifts.push(shift);
                }
                Output::Logits { scales } => scales.push((unit * step) as f32),
            }
        }
        Ok(layer)
    }

    /// Returns the output's scale: the clip divided by 255, or more if an output's factor would be one half or more.
    fn output_scale(&self, clip: f32, unit: f64, weight_scales: &[f32]) -> f32 {
        let widest = weight_scales.iter().copied().fold(0.0, f32::max);
        let least = 2.0 * unit * f64::from(widest) * (1.0 + MARGIN);
        let scale = (f64::from(clip) / 255.0).max(least) as f32;
        // For an output that is always 0, any scale is valid.
        if scale >= f32::MIN_POSITIVE { scale } else { self.input_scale }
    }
}

/// The margin of a factor below one half: more than the rounding of three f32.
const MARGIN: f64 = 1e-6;

/// Returns the largest weight scale whose factor is below one half.
fn widest(scale: f32, unit: f64) -> f64 {
    0.5 * f64::from(scale) / unit * (1.0 - 0.25 * MARGIN)
}

/// Returns the scale of one output's weights with the least squared error; 0 if they are almost zero.
fn weight_scale(weights: &[f32], grid: WeightGrid) -> f32 {
    /// The thresholds tried, in hundredths of the largest weight.
    const PARTS: std::ops::RangeInclusive<u32> = 40..=100;
    let most = weights.iter().fold(0.0f32, |most, weight| most.max(weight.abs()));
    if most < f32::MIN_POSITIVE * 1024.0 {
        return 0.0;
    }
    let widest = most / (f32::from(grid.most) * f32::from(grid.grain));
    let error = |scale: f32| squared_error(weights, scale * f32::from(grid.grain), grid.most.into());
    let mut best = (f64::INFINITY, 0.0);
    for part in PARTS.rev() {
        let scale = widest * (part as f32 / 100.0);
        let error = error(scale);
        if error < best.0 {
            best = (error, scale);
        }
        // The clipping error only grows from here: with 8 bits the first few thresholds decide.
        if error > 4.0 * best.0 {
            break;
        }
    }
    best.1
}

/// Returns the squared error of rounding weights to at most `most` steps in either direction. Training calls this in
/// each step, so it is vectorised: eight f32 sums in parallel, with the same result on every processor.
fn squared_error(weights: &[f32], step: f32, most: f32) -> f64 {
    vectorized(
        #[inline(always)]
        || {
            let (inverse, mut sums) = (1.0 / step, [0.0f32; 8]);
            let mut add = |lane: usize, weight: f32| {
                // Adding and subtracting 1.5 · 2²³ rounds to an integer.
                const WHOLE: f32 = 12_582_912.0;
                let nearest = (weight * inverse).clamp(-most, most) + WHOLE - WHOLE;
                let error = weight - nearest * step;
                sums[lane] += error * error;
            };
            let (runs, rest) = weights.as_chunks::<8>();
            runs.iter().for_each(|run| run.iter().enumerate().for_each(|(lane, &weight)| add(lane, weight)));
            rest.iter().enumerate().for_each(|(lane, &weight)| add(lane, weight));
            sums.iter().map(|&sum| f64::from(sum)).sum()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats<'a>(weights: &'a [f32], biases: &'a [f32]) -> FloatLayer<'a> {
        FloatLayer { weights, biases, input_scale: 0.01, pixels: 1, clip: Some(2.0), bits: 8 }
    }

    fn quantized(layer: FloatLayer<'_>) -> QuantizedLayer {
        layer.quantize(|| "the layer".to_owned()).unwrap()
    }

    fn factors(layer: &QuantizedLayer) -> Vec<(i32, u32)> {
        let Output::Activations { multipliers, shifts, .. } = &layer.output else { panic!() };
        multipliers.iter().copied().zip(shifts.iter().copied()).collect()
    }

    #[test]
    fn weights_and_biases_come_back() {
        let weights: Vec<f32> = (0..60).map(|i| ((i * 37 % 60) as f32 - 30.0) / 50.0).collect();
        let biases = [0.1, -0.2, 3.0];
        let layer = quantized(floats(&weights, &biases));
        for (output, &bias) in biases.iter().enumerate() {
            let scale = layer.weight_scales[output];
            for (integer, float) in layer.weights.iter().zip(&weights).skip(output * 20).take(20) {
                assert!((f32::from(*integer) * scale - float).abs() <= 0.51 * scale);
            }
            assert!((layer.bias[output] as f32 * scale * 0.01 - bias).abs() <= 0.51 * scale * 0.01);
            let real = f64::from(0.01f32) * f64::from(scale) / f64::from(2.0f32 / 255.0);
            assert_eq!(Some(factors(&layer)[output]), multiplier(real));
        }
    }

    #[test]
    fn few_levels_clip_an_outlier() {
        let mut weights = vec![0.1; 100];
        weights.iter_mut().step_by(2).for_each(|weight| *weight = -0.07);
        weights[0] = 0.2;
        let layer = quantized(FloatLayer { bits: 4, ..floats(&weights, &[0.0]) });
        assert_eq!(layer.weights[0], 7 * GRAIN);
        let scale = layer.weight_scales[0] * f32::from(GRAIN);
        assert!(scale < 0.2 / 7.0, "{scale}");
        assert!(layer.weights.iter().all(|weight| weight % GRAIN == 0 && (-7..=7).contains(&(weight / GRAIN))));
        for (integer, float) in layer.weights.iter().zip(&weights).skip(1) {
            assert!((f32::from(*integer) * layer.weight_scales[0] - float).abs() <= 0.51 * scale);
        }
    }

    #[test]
    fn a_large_bias_widens_the_weights() {
        // A weight of 1e-9 beside a bias of 1: at its natural scale the bias would not fit.
        let layer = quantized(floats(&[1e-9, 0.5], &[1.0, 0.0]));
        let value = f64::from(layer.bias[0]) * f64::from(layer.weight_scales[0]) * f64::from(0.01f32);
        assert!((value - 1.0).abs() < 1e-6, "{value}");
        assert!(i64::from(layer.bias[0]) + 255 * 127 < ACCUMULATOR);
        assert_eq!(layer.weight_scales[1], 0.5 / 127.0);
    }

    #[test]
    fn outputs_without_weights() {
        let layer = quantized(floats(&[0.0; 6], &[0.5, 0.0, -0.5]));
        assert!(layer.weights.iter().all(|&weight| weight == 0));
        let units =
            |output: usize| f64::from(layer.bias[output]) * f64::from(layer.weight_scales[output]) * f64::from(0.01f32);
        assert!((units(0) - 0.5).abs() < 1e-5 && units(1) == 0.0 && (units(2) + 0.5).abs() < 1e-5);
        assert!(layer.weight_scales.iter().all(|&scale| scale > 0.0 && scale.is_finite()));
        // All is zero: any scale will do, but a usable one.
        let layer = quantized(FloatLayer { clip: Some(0.0), ..floats(&[0.0; 6], &[0.0; 3]) });
        assert!(factors(&layer).iter().all(|&(_, shift)| (1..=31).contains(&shift)));
    }

    #[test]
    fn a_factor_stays_below_one_half() {
        // A range far too narrow for such weights, and a bias that nothing can balance.
        for (clip, bias) in [(1e-3, 0.0), (1e-6, -1e12), (1e-3, 1e12), (0.0, 0.0)] {
            let layer = quantized(FloatLayer { clip: Some(clip), ..floats(&[100.0, -3.0], &[bias, bias]) });
            for (multiplier, shift) in factors(&layer) {
                assert!(multiplier < i32::MAX && (1..=31).contains(&shift), "{clip} {bias}: {multiplier} {shift}");
            }
            assert!(layer.bias.iter().all(|bias| i64::from(bias.abs()) + 255 * 127 < ACCUMULATOR));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let error = |layer: FloatLayer<'_>| layer.quantize(|| "the layer".to_owned()).unwrap_err().to_string();
        assert!(error(floats(&[f32::NAN], &[0.0])).contains("the layer has a weight that is infinite"));
        assert!(error(floats(&[0.0], &[f32::INFINITY])).contains("infinite"));
        let wide = vec![0.1; 33_200];
        let text = error(floats(&wide, &[0.0]));
        assert!(text.contains("sums 33200 inputs") && text.contains("holds 33155"), "{text}");
        assert!(error(FloatLayer { pixels: 40_000, ..floats(&[0.1], &[0.0]) }).contains("40000"));
    }
}
