//! The Rust source that `export --rust` writes: it compiles, runs, and equals what the exporter writes today.
//!
//! After an intended change: `NIN_REGENERATE=1 cargo test -p nin-train --test all generated_source`.

use std::convert::Infallible;
use std::path::Path;

use nin_core::Lanes;
use nin_core::{Kernels, Model, Plan, Spec, WeightType};
use nin_train::engine::streaming::{ModelBytes, Streaming};
use nin_train::formats::model_file::{RustSource, rust_source};
use nin_train::network::preprocessing::Preprocessing;
use nin_train::network::trained::Trained;

#[path = "../generated/tiny.rs"]
mod tiny;

#[path = "../generated/tiny_f16.rs"]
mod tiny_f16;

fn trained() -> Trained {
    let spec = Spec::new("2x5x4 nin3+1:5,3 max2/2 fc4");
    let parameters = (0..Plan::new(spec).parameters()).map(|i| (i as f32 * 0.37).sin() * 0.5).collect();
    let class_names = ["a", "b \"quoted\"", "c", "d"].map(str::to_owned).to_vec();
    Trained {
        spec,
        parameters,
        preprocessing: Preprocessing { mean: vec![1.0, 2.0], scale: vec![0.5, 0.25] },
        class_names,
    }
}

/// Name, weight type and lanes.
const MODELS: [(&str, WeightType, Lanes); 2] =
    [("tiny", WeightType::F32, Lanes::Four), ("tiny_f16", WeightType::F16, Lanes::One)];

#[test]
fn the_committed_files_are_what_the_exporter_writes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/generated");
    for (name, weight_type, lanes) in MODELS {
        let trained = trained();
        let model = trained.to_model(weight_type, lanes).unwrap();
        let source = rust_source(&RustSource {
            plan: &trained.plan(),
            weight_type,
            kernels: Kernels::HERE,
            class_names: &trained.class_names,
            model_file: &format!("{name}.nin"),
            ram_budget: 1024,
            command: &format!("nin-train export tiny.safetensors --rust {name}.rs"),
        });
        let (model_path, source_path) = (folder.join(format!("{name}.nin")), folder.join(format!("{name}.rs")));
        if std::env::var_os("NIN_REGENERATE").is_some() {
            std::fs::write(&model_path, &model).unwrap();
            std::fs::write(&source_path, &source).unwrap();
        }
        assert!(std::fs::read(&model_path).unwrap() == model, "{name}.nin");
        assert_eq!(std::fs::read_to_string(&source_path).unwrap(), source, "{name}.rs");
    }
}

#[test]
fn compiled_in_and_loaded_models_give_the_same_logits() {
    let input = Spec::new(tiny::LINE).input();
    let image: Vec<f32> = (0..input.len()).map(|i| (i as f32 * 1.7).cos()).collect();
    let rows: Vec<&[f32]> = image.chunks(input.row()).collect();
    let mut state = tiny::STATE;
    let mut network = tiny::network(&mut state).unwrap();
    let compiled = network.infer(|y, row| copy(rows[y], row)).unwrap().to_vec();
    let loaded = ModelBytes::new(&trained().to_model(WeightType::F32, Lanes::Sixteen).unwrap());
    let model = loaded.model().unwrap();
    assert_eq!(Streaming::new(&model).logits(&image).unwrap(), compiled);
    assert!(compiled.iter().any(|&logit| logit != 0.0));

    let mut state = tiny_f16::STATE;
    let mut network = tiny_f16::network(&mut state).unwrap();
    let compiled = network.infer(|y, row| copy(rows[y], row)).unwrap().to_vec();
    let halves = Trained::from_model(&trained().to_model(WeightType::F16, Lanes::Four).unwrap()).unwrap();
    let loaded = ModelBytes::new(&halves.to_model(WeightType::F32, Lanes::Sixteen).unwrap());
    let model = loaded.model().unwrap();
    assert_eq!(Streaming::new(&model).logits(&image).unwrap(), compiled, "f16 weights are widened exactly");
}

#[test]
fn constants_are_the_models() {
    for (model, classes, budget) in
        [(&tiny::MODEL, tiny::CLASSES, tiny::RAM_BUDGET), (&tiny_f16::MODEL, tiny_f16::CLASSES, tiny_f16::RAM_BUDGET)]
    {
        assert_eq!(model.plan(), &tiny::PLAN);
        assert_eq!(model.class_names().collect::<Vec<_>>(), classes);
        assert!(4 * model.state_words() <= budget);
    }
    assert_eq!((tiny::MODEL.weight_type(), tiny_f16::MODEL.weight_type()), (WeightType::F32, WeightType::F16));
    assert_eq!((tiny::MODEL.lanes(), tiny_f16::MODEL.lanes()), (4, 1));
    assert_eq!(tiny_f16::PLAN, tiny::PLAN);
    assert_eq!(tiny_f16::LINE, tiny::LINE);
    let _: &Model<'static> = &tiny::MODEL;
}

/// Returns a row and cannot fail.
fn copy(from: &[f32], row: &mut [f32]) -> Result<(), Infallible> {
    row.copy_from_slice(from);
    Ok(())
}
