//! A network's integers as a model file states them.

use nin_core::packing::affine::{Factor, Words};
use nin_core::plan::Layer;

use super::layers::{AffineLayers, LayerIntegers, words};
use super::model::{AffineLayer, AffineModel, Record};
use crate::integers::layer::{Output, QuantizedLayer};
use crate::network::chain::Chain;
use crate::network::preprocessing::Preprocessing;
use crate::network::trained::Trained;

/// Returns a network whose layers were quantised.
pub(crate) fn model(trained: &Trained, integers: AffineLayers) -> AffineModel {
    let plan = trained.plan();
    let (chain, grids) = (Chain::new(&plan), integers.grids);
    let mut records = Vec::new();
    for ((index, layer), integers) in plan.layers().enumerate().zip(integers.layers) {
        let reads = chain.reads(index);
        let words = words(&layer, grids[reads.input], grids[index + 1]);
        records.extend(match integers {
            LayerIntegers::Weighted(quantized) => Some(Record::Layer(weighted(&layer, quantized, words))),
            LayerIntegers::Sum(factors) => {
                let shortcut_zero = grids[reads.shortcut.unwrap_or(reads.input)].zero;
                Some(Record::Sum { words, shortcut_zero, factors })
            }
            LayerIntegers::Average(factor) => Some(Record::Average { words, factor }),
            LayerIntegers::Unscaled => None,
        });
    }
    let channels = usize::from(plan.spec().input().channels);
    let preprocessing = Preprocessing::one_scale(channels, grids[0].scale);
    AffineModel { spec: trained.spec, preprocessing, class_names: trained.class_names.clone(), records }
}

/// Returns a layer with weights.
fn weighted(layer: &Layer, quantized: QuantizedLayer, words: Words) -> AffineLayer {
    // The input's zero point times the weights; with it a bias stays within 32 bits, as `quantize` leaves it half of them.
    let zero = i32::from(words.input_zero);
    let rows = quantized.weights.chunks_exact(layer.fan_in());
    let sums = rows.map(|row| row.iter().map(|&weight| i32::from(weight)).sum::<i32>());
    let bias = quantized.bias.iter().zip(sums).map(|(bias, sum)| bias - zero * sum).collect();
    let factors = match &quantized.output {
        Output::Activations { multipliers, shifts, .. } => {
            let factors = multipliers.iter().zip(shifts);
            factors.map(|(&multiplier, &shift)| Factor { multiplier, shift: shift as i32 }).collect()
        }
        // `quantize` makes none with zero points.
        Output::Logits { .. } => Vec::new(),
    };
    AffineLayer { words: Words { four_bits: quantized.bits == 4, ..words }, bias, factors, weights: quantized.weights }
}

#[cfg(test)]
mod tests {
    use nin_core::{Plan, Spec};

    use super::*;
    use crate::integers::WeightBits;
    use crate::integers::affine::{Ends, quantize};

    /// Records are in the order of the plan's layers, so that a model file can be written.
    #[test]
    fn a_line_of_the_family_has_a_model_file() {
        let line = "2x9x8 nin3+1:4 res(dw3+1r6:4id) proj(nin3/2+1:6 dw3+1:5id)id mean3/2+1 gap fc7,3";
        let spec = Spec::parse(line).unwrap();
        let plan = Plan::new(spec);
        let parameters = (0..plan.parameters()).map(|i| ((i * 37) as f32).sin() * 0.3).collect();
        let trained = Trained { spec, parameters, preprocessing: Preprocessing::unit(2), class_names: Vec::new() };
        let range = |layer: Layer| Ends { least: if layer.relu { 0.0 } else { -0.5 }, most: 2.0 };
        let ranges: Vec<Ends> = plan.layers().map(range).collect();
        let integers = quantize(&plan, &trained.parameters, 1.0 / 255.0, &ranges, &WeightBits::Eight).unwrap();
        let grids = integers.grids.clone();
        let model = model(&trained, integers);
        assert!(model.fits() && model.to_bytes(nin_core::Lanes::One).is_ok());
        assert_eq!(grids.len(), plan.layers().count() + 1);
        assert_eq!((grids[0].zero, grids[1].zero), (0, 0));
        assert!(grids[3].zero > 0, "no ReLU");
    }
}
