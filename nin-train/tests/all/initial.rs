//! Initial weights: each initialisation against its definition.

use nin_core::{Plan, Spec};
use nin_train::network::parameters::{Init, initial, tensors};

const SPEC: Spec = Spec::new("2x20x18 nin5+2:24,40 max3/2 nin3:12,30 gap fc10");

/// Returns the largest possible weight of a layer with `fan_in` inputs and `fan_out` outputs times positions.
type Bound = fn(fan_in: f64, fan_out: f64) -> f64;

#[test]
fn weights_are_uniform_within_their_bound() {
    let plan = Plan::new(SPEC);
    let cases: [(Init, Bound); 4] = [
        (Init::Xavier, |fan_in, fan_out| (6.0 / (fan_in + fan_out)).sqrt()),
        (Init::XavierBook, |fan_in, fan_out| (6.0 / (fan_in + fan_out)).sqrt()),
        (Init::He, |fan_in, _| (6.0 / fan_in).sqrt()),
        (Init::Pytorch, |fan_in, _| 1.0 / fan_in.sqrt()),
    ];
    for (init, bound) in cases {
        let parameters = initial(&plan, init, 7);
        for tensor in tensors(&plan) {
            let (rows, columns) = tensor.kernel();
            let fan_in = tensor.layer.fan_in() as f64;
            let fan_out = f64::from(tensor.layer.output.channels) * (rows * columns) as f64;
            let bound = bound(fan_in, fan_out);
            let weights: Vec<f64> = parameters[tensor.weight].iter().map(|weight| f64::from(*weight) / bound).collect();
            let count = weights.len() as f64;
            let (mean, square) =
                (weights.iter().sum::<f64>() / count, weights.iter().map(|w| w * w).sum::<f64>() / count);
            // Four standard errors of the uniform distribution from −1 to 1, and of its square.
            let place = format!("{init:?}, layer {}: mean {mean}, mean square {square}", tensor.index);
            assert!(weights.iter().all(|weight| weight.abs() <= 1.0 + 1e-6), "{place}");
            assert!(mean.abs() < 4.0 * (1.0 / 3.0 / count).sqrt(), "{place}");
            assert!((square - 1.0 / 3.0).abs() < 4.0 * (4.0 / 45.0 / count).sqrt(), "{place}");
            let biases = &parameters[tensor.bias];
            match init {
                Init::XavierBook => {
                    assert!(biases.iter().all(|bias| f64::from(*bias).abs() <= 1.0 / fan_in.sqrt() + 1e-6), "{place}");
                    assert!(biases.iter().any(|bias| *bias != 0.0), "{place}");
                }
                _ => assert!(biases.iter().all(|bias| *bias == 0.0), "{place}"),
            }
        }
    }
}

#[test]
fn logits_that_a_relu_follows_begin_above_it() {
    let plan = Plan::new(Spec::new("1x9x9 nin3:8,8 nin3:5,5 gap"));
    for (init, logits) in [(Init::Xavier, 0.0), (Init::He, 1.0), (Init::Pytorch, 1.0)] {
        let parameters = initial(&plan, init, 7);
        let biases: Vec<f32> =
            tensors(&plan).iter().flat_map(|tensor| &parameters[tensor.bias.clone()]).copied().collect();
        assert!(biases[..21].iter().all(|bias| *bias == 0.0), "{init:?}: {biases:?}");
        assert_eq!(biases[21..], [logits; 5], "{init:?}");
    }
}

#[test]
fn each_seed_begins_elsewhere() {
    let plan = Plan::new(SPEC);
    assert_eq!(initial(&plan, Init::Pytorch, 1), initial(&plan, Init::Pytorch, 1));
    assert_ne!(initial(&plan, Init::Pytorch, 1), initial(&plan, Init::Pytorch, 2));
}
