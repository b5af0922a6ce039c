//! Networks with zero points: the engine against the slow reference, every map byte for byte.

use nin_core::{Lanes, Model};
use nin_tests::affine;
use nin_tests::affine_random::{LINES, network};
use nin_tests::integer::Bytes;
use nin_tests::mix;
use nin_tests::model_file::Aligned;
use nin_tests::tflite_import::run;

#[test]
fn every_map_of_random_networks() {
    let mut between = 0;
    for line in LINES {
        for seed in 0..4 {
            let model = network(line, seed);
            let shape = model.spec.input();
            let values: Vec<u8> = (0..shape.len() as u64).map(|at| mix::mix(seed << 32 | at) as u8).collect();
            let answer = affine::forward(&model, &Bytes { shape, values: values.clone() });
            for lanes in Lanes::INT8 {
                let file = Aligned::new(&model.to_bytes(lanes).unwrap());
                let (maps, logits) = run(&Model::read(&file).unwrap(), &values);
                assert_eq!(logits, answer.logits, "{line}, seed {seed}, {lanes} lanes");
                for (at, map) in maps {
                    let Some(step) = answer.steps.iter().find(|step| (step.stage, step.step) == at) else { continue };
                    // What the engine does not pass to an observer stays 0.
                    if map.values.iter().any(|&value| value != 0) {
                        assert!(step.map.values == map.values, "{line}, seed {seed}, {lanes} lanes, {at:?}");
                    }
                    between += map.values.iter().filter(|&&value| value > 0 && value < 255).count();
                }
            }
        }
    }
    assert!(between > 100_000, "{between} values that no clamp made");
}
