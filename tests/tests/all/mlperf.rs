//! The person detector that MLPerf Tiny publishes, against checksums of every tensor that TensorFlow Lite's reference
//! kernels compute. The files are not part of this repository: `NIN_MLPERF` names the folder that has them.

use std::path::PathBuf;

use nin_core::{Lanes, Model};
use nin_tests::model_file::{Aligned, crc32};
use nin_tests::tflite_import::{place, run};
use nin_train::formats::tflite::import;
use serde::Deserialize;

#[derive(Deserialize)]
struct Tensor {
    op: String,
    sum: i64,
    crc32: u32,
}

#[derive(Deserialize)]
struct Checksums {
    output: Vec<i8>,
    tensors: Vec<Tensor>,
}

#[test]
fn every_tensor_of_the_person_detector() {
    let Some(folder) = std::env::var_os("NIN_MLPERF").map(PathBuf::from) else {
        eprintln!("skipped: NIN_MLPERF does not name a folder with vww_96_int8.tflite and vww.json");
        return;
    };
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let imported = import(&read("vww_96_int8.tflite")).unwrap();
    let checksums: Checksums = serde_json::from_slice(&read("vww.json")).unwrap();
    println!("{}", imported.model.spec);
    let image: Vec<u8> = (0..96 * 96 * 3).map(|i| (31 * i + 7) as u8).collect();
    for lanes in Lanes::INT8 {
        let file = Aligned::new(&imported.model.to_bytes(lanes).unwrap());
        let model = Model::read(&file).unwrap();
        let (maps, logits) = run(&model, &image);
        let mut compared = 0;
        for (operator, tensor) in checksums.tensors.iter().enumerate() {
            let Some((place, last)) = place(&imported, operator) else {
                assert!(["RESHAPE", "SOFTMAX"].contains(&tensor.op.as_str()), "operator {operator}, {}", tensor.op);
                continue;
            };
            let scale = match &imported.model.records.last() {
                Some(nin_train::formats::model_file::Record::Layer(layer)) => layer.words,
                _ => panic!("a last layer"),
            };
            let signed: Vec<u8> = if last {
                logits
                    .iter()
                    .map(|logit| (logit / scale.scale) as i32 + i32::from(scale.output_zero) - 128)
                    .map(|q| q as u8)
                    .collect()
            } else {
                let (_, map) = maps.iter().find(|(at, _)| *at == (place.stage, place.step)).unwrap();
                map.values.iter().map(|&value| value ^ 0x80).collect()
            };
            let sum: i64 = signed.iter().map(|&value| i64::from(value as i8)).sum();
            let what = format!("operator {operator}, {}, {lanes} lanes", tensor.op);
            assert_eq!((sum, crc32(&signed)), (tensor.sum, tensor.crc32), "{what}");
            compared += 1;
        }
        assert_eq!(compared, 29);
        assert_eq!(checksums.output[0] > 0, logits[0] > logits[1]);
    }
}
