//! Preprocessing for an 8-bit network: means and channel scales move into the first layer with weights, and one scale
//! remains.

use nin_core::plan::LayerKind;

use super::QuantizeError;
use crate::network::parameters::tensors;
use crate::network::preprocessing::Preprocessing;
use crate::network::trained::Trained;

/// A network whose input is an image's bytes times one scale.
pub(crate) struct Folded {
    /// The network, with its first layer changed so that the results are the same.
    pub trained: Trained,
    /// The scale.
    pub scale: f32,
    /// Whether results differ slightly at the border: the padding of the first layer was the mean, and now is black.
    pub border: bool,
}

/// Moves means, and the differences between the channels' scales, into the first layer with weights.
pub(crate) fn fold(trained: &Trained) -> Result<Folded, QuantizeError> {
    let Preprocessing { mean, scale: scales } = &trained.preprocessing;
    let channels = usize::from(trained.spec.input().channels);
    let usable = |scale: &f32| scale.is_normal() && *scale > 0.0;
    if !trained.preprocessing.fits(channels) || !scales.iter().all(usable) {
        return Err(QuantizeError::InputScale(scales.clone()));
    }
    let scale = scales.iter().copied().fold(0.0, f32::max);
    let plain = Preprocessing::one_scale(channels, scale);
    let mut folded = Trained { preprocessing: plain, ..trained.clone() };
    if folded.preprocessing == trained.preprocessing {
        return Ok(Folded { trained: folded, scale, border: false });
    }
    let plan = trained.plan();
    let Some(first) = tensors(&plan).into_iter().next() else {
        return Err(QuantizeError::Input);
    };
    // Only a full convolution, and no shortcut from the image, can take up all channels.
    let begins = plan.spec().stages()[..=first.layer.stage].iter().enumerate();
    if first.layer.groups > 1 || begins.into_iter().any(|(stage, _)| plan.spec().shortcut(stage).is_some()) {
        return Err(QuantizeError::Input);
    }
    let fan_in = first.layer.fan_in();
    let weights = &trained.parameters[first.weight.clone()];
    for (row, bias) in weights.chunks_exact(fan_in).zip(first.bias.clone()) {
        let mut sum = f64::from(trained.parameters[bias]);
        for (k, &weight) in row.iter().enumerate() {
            sum -= f64::from(weight) * f64::from(scales[k % channels]) * f64::from(mean[k % channels]);
        }
        folded.parameters[bias] = sum as f32;
    }
    for (k, weight) in folded.parameters[first.weight].iter_mut().enumerate() {
        *weight *= scales[k % fan_in % channels] / scale;
    }
    let padded = plan.layers().take(first.index + 1).any(|layer| match layer.kind {
        LayerKind::Convolution(window) | LayerKind::AvgPool(window) => window.has_padding(),
        _ => false,
    });
    Ok(Folded { trained: folded, scale, border: padded && mean.iter().any(|&mean| mean != 0.0) })
}

#[cfg(test)]
mod tests {
    use nin_core::Spec;

    use super::*;
    use crate::{Arithmetic, Engine};

    fn trained(line: &str) -> Trained {
        let spec = Spec::parse(line).unwrap();
        let parameters = (0..nin_core::Plan::new(spec).parameters()).map(|i| (i as f32 * 0.7).sin()).collect();
        let preprocessing = Preprocessing { mean: vec![10.0, 100.0], scale: vec![0.01, 0.004] };
        Trained { spec, parameters, preprocessing, class_names: Vec::new() }
    }

    fn logits(trained: &Trained) -> Vec<f32> {
        let bytes = (0..trained.spec.input().len()).map(|i| (i * 89 % 256) as f32);
        let Preprocessing { mean, scale } = &trained.preprocessing;
        let image: Vec<f32> = bytes.enumerate().map(|(i, byte)| (byte - mean[i % 2]) * scale[i % 2]).collect();
        let mut engine = Engine::new(trained.spec, &Arithmetic::Float, 0, 1).unwrap();
        engine.load(&trained.parameters);
        engine.activations(&image).pop().unwrap()
    }

    #[test]
    fn the_first_layer_takes_up_means_and_scales() {
        for line in ["2x7x6 nin3:4,3 gap fc3", "2x7x6 max2/2 nin2:4,3 gap fc3", "2x7x6 avg2/2 fc5,3", "2x7x6 gap fc3"] {
            let trained = trained(line);
            let folded = fold(&trained).unwrap();
            assert_eq!((folded.scale, folded.border), (0.01, false), "{line}");
            assert_eq!(folded.trained.preprocessing, Preprocessing { mean: vec![0.0; 2], scale: vec![0.01; 2] });
            let (got, want) = (logits(&folded.trained), logits(&trained));
            assert!(want.iter().any(|&logit| logit.abs() > 0.01), "{line}: alive");
            for (got, want) in got.iter().zip(&want) {
                assert!((got - want).abs() < 1e-5 * want.abs().max(1.0), "{line}: {got} is not {want}");
            }
        }
    }

    #[test]
    fn padding_was_the_mean() {
        assert!(fold(&trained("2x7x6 nin3+1:4 gap")).unwrap().border);
        assert!(fold(&trained("2x7x6 avg3/2+1 nin3:4 gap")).unwrap().border);
        assert!(!fold(&trained("2x7x6 max3/2+1 nin3:4 nin3+1:4 gap")).unwrap().border);
        let unit = Trained { preprocessing: Preprocessing::unit(2), ..trained("2x7x6 nin3+1:4 gap") };
        let folded = fold(&unit).unwrap();
        assert!(!folded.border && folded.trained == unit);
    }

    #[test]
    fn what_no_layer_can_take_up_is_refused() {
        assert!(matches!(fold(&trained("2x7x6 max2/2 gap")), Err(QuantizeError::Input)));
        let mut odd = trained("2x7x6 nin3:4 gap");
        odd.preprocessing.scale[1] = -0.1;
        assert!(matches!(fold(&odd), Err(QuantizeError::InputScale(_))));
    }
}
