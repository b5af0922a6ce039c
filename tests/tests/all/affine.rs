//! Networks with zero points: the engine against the slow reference, every map byte for byte.

use nin_core::{Lanes, Model, ModelError, Plan, WeightType};
use nin_tests::affine;
use nin_tests::affine_random::{LINES, narrowed, network};
use nin_tests::integer::Bytes;
use nin_tests::mix;
use nin_tests::model_file::{Aligned, seal};
use nin_tests::tflite_import::run;

#[test]
fn every_map_of_random_networks() {
    let (mut between, mut narrow) = (0, 0);
    for line in LINES {
        for seed in 0..4 {
            let eight = network(line, seed);
            let four = narrowed(eight.clone(), seed);
            narrow += usize::from(four.weight_type() == WeightType::AffineInt4);
            for model in [eight, four] {
                let shape = model.spec.input();
                let values: Vec<u8> = (0..shape.len() as u64).map(|at| mix::mix(seed << 32 | at) as u8).collect();
                let answer = affine::forward(&model, &Bytes { shape, values: values.clone() });
                for lanes in Lanes::INT8 {
                    let file = Aligned::new(&model.to_bytes(lanes).unwrap());
                    let (maps, logits) = run(&Model::read(&file).unwrap(), &values);
                    assert_eq!(logits, answer.logits, "{line}, seed {seed}, {lanes} lanes");
                    for (at, map) in maps {
                        let Some(step) = answer.steps.iter().find(|step| (step.stage, step.step) == at) else {
                            continue;
                        };
                        // What the engine does not pass to an observer stays 0.
                        if map.values.iter().any(|&value| value != 0) {
                            assert!(step.map.values == map.values, "{line}, seed {seed}, {lanes} lanes, {at:?}");
                        }
                        between += map.values.iter().filter(|&&value| value > 0 && value < 255).count();
                    }
                }
            }
        }
    }
    assert!(between > 200_000, "{between} values that no clamp made");
    assert!(narrow > LINES.len(), "{narrow} networks with 4-bit weights");
}

/// The fourth flag of a layer states 4-bit weights: only in a file of that type, and not in a layer in groups.
#[test]
fn the_bits_of_a_layer_are_checked() {
    let model = network("1x6x6 nin3+1:8 dw3+1:6 gap fc3", 0);
    let file = model.to_bytes(Lanes::One).unwrap();
    let weights = u32::from_le_bytes(file[20..24].try_into().unwrap()) as usize;
    let plan = Plan::new(model.spec);
    // Where the words of each layer begin.
    let lengths = plan.layers().map(|layer| layer.weight_bytes(WeightType::Affine, 1));
    let begins: Vec<usize> = lengths.scan(weights, |at, length| Some(std::mem::replace(at, *at + length))).collect();
    let read = |weight_type: u8, flag: Option<(usize, u8)>| {
        let mut changed = file.clone();
        changed[10] = weight_type;
        if let Some((layer, flag)) = flag {
            changed[begins[layer] + 7] = flag;
        }
        seal(&mut changed);
        Model::read(&changed).map(|model| model.weight_type())
    };
    assert_eq!(read(5, None), Ok(WeightType::Affine));
    assert_eq!(read(6, None), Ok(WeightType::AffineInt4), "8 bits in every layer");
    // The depthwise layer and the average.
    for layer in [1, 3] {
        for flag in [1, 2, 255] {
            assert_eq!(read(6, Some((layer, flag))), Err(ModelError::Padding), "layer {layer}, {flag}");
        }
    }
    for layer in 0..begins.len() {
        assert_eq!(read(6, Some((layer, 2))), Err(ModelError::Padding), "layer {layer}");
        assert!(read(5, Some((layer, 1))).is_err(), "layer {layer}");
    }
}
