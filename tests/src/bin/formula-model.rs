//! Writes a model file with weights by formula, for boards and benchmarks that need a model but no training:
//!
//!     cargo run -p nin-tests --bin formula-model -- d2l f16 target/d2l-f16.nin
//!     cargo run -p nin-tests --bin formula-model -- d2l int8 2 target/d2l-int8.nin
//!
//! A fifth word is a threshold: the model rejects images whose largest logit is below it.

use std::error::Error;
use std::fs;

use nin_core::{Decision, Score, Spec, Threshold, WeightType};
use nin_tests::formula;
use nin_train::formats::model_file::with_decision;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (network, weights, lanes, path, threshold) = match arguments.as_slice() {
        [network, weights, path] => (network, weights, "4", path, None),
        [network, weights, lanes, path] => (network, weights, lanes.as_str(), path, None),
        [network, weights, lanes, path, threshold] => {
            (network, weights, lanes.as_str(), path, Some(threshold.parse()?))
        }
        _ => return Err("usage: formula-model LINE|PRESET TYPE [LANES] FILE [THRESHOLD]".into()),
    };
    let spec = match Spec::preset(network) {
        Some(spec) => spec,
        None => network.parse()?,
    };
    let types = [
        WeightType::F32,
        WeightType::F16,
        WeightType::Int8,
        WeightType::Int4,
        WeightType::Affine,
        WeightType::AffineInt4,
    ];
    let weight_type = types.into_iter().find(|weight_type| weight_type.name() == weights);
    let weight_type = weight_type.ok_or_else(|| {
        let names: Vec<&str> = types.iter().map(|weight_type| weight_type.name()).collect();
        format!("no weights of type {weights}; there are {}", names.join(", "))
    })?;
    let mut model = formula::model(spec, weight_type, lanes.parse()?);
    if let Some(value) = threshold {
        let threshold = Some(Threshold { score: Score::Logit, value });
        model = with_decision(&model, &Decision { threshold, ..Decision::PLAIN })?;
    }
    fs::write(path, model).map_err(|error| format!("{path}: {error}"))?;
    Ok(())
}
