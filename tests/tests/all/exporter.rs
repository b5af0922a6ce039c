//! The exporter against the document that defines the format.

use half::f16;
use nin_core::Lanes;
use nin_core::{Model, Normalization, PRESETS, Plan, Spec, WeightType};
use nin_train::formats::model_file::{ExportError, unpacked};
use nin_train::network::parameters::tensors;
use nin_train::network::preprocessing::Preprocessing;
use nin_train::network::resources::file_len;
use nin_train::network::trained::Trained;

const DOCUMENT: &str = include_str!("../../../docs/model-file.md");

/// Returns the bytes of the document's listing: the text between the offset and the bar of each line.
fn listing() -> Vec<u8> {
    let (_, rest) = DOCUMENT.split_once("```hex\n").expect("the document has a listing");
    let (listing, _) = rest.split_once("```").expect("the listing ends");
    let mut bytes = Vec::new();
    for line in listing.lines() {
        let (offset, rest) = line.split_once("  ").expect("offset, two spaces, bytes");
        assert_eq!(usize::from_str_radix(offset, 16).unwrap(), bytes.len(), "offset of a line of the listing");
        let (hex, _) = rest.split_once('|').expect("a bar before the text");
        bytes.extend(hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()));
    }
    bytes
}

fn dump(bytes: &[u8]) -> String {
    let mut text = String::new();
    for (i, line) in bytes.chunks(16).enumerate() {
        let hex: Vec<_> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        let shown: String =
            line.iter().map(|&b| if (32..127).contains(&b) && b != b'|' { b as char } else { '.' }).collect();
        text += &format!("{:08x}  {:<47}  |{shown}|\n", 16 * i, hex.join(" "));
    }
    text
}

#[test]
fn the_documents_example_is_what_the_exporter_writes() {
    let trained = Trained {
        spec: Spec::new("1x2x2 nin1:2 gap"),
        parameters: vec![1.0, -0.5, 0.25, 0.0],
        preprocessing: Preprocessing { mean: vec![127.5], scale: vec![1.0 / 128.0] },
        class_names: vec!["no".to_owned(), "yes".to_owned()],
    };
    let bytes = trained.to_model(WeightType::F32, Lanes::Four).unwrap();
    assert!(bytes == listing(), "the exporter writes\n{}", dump(&bytes));
}

/// Returns parameters that are all different, and not symmetric in any direction.
fn parameters(plan: &Plan) -> Vec<f32> {
    (0..plan.parameters()).map(|i| (i as f32 * 0.37).sin() * 0.5).collect()
}

fn trained(line: &str, preprocessing: Preprocessing) -> Trained {
    let spec = Spec::parse(line).unwrap();
    Trained { spec, parameters: parameters(&Plan::new(spec)), preprocessing, class_names: Vec::new() }
}

#[test]
fn each_weight_stands_where_the_document_says() {
    let input = Preprocessing { mean: vec![1.0, 2.0], scale: vec![3.0, 4.0] };
    let trained = trained("2x7x6 nin3+1:5,3 max2/2 nin2:6 fc9,5", input);
    let (plan, values) = (trained.plan(), &trained.parameters);
    for weight_type in [WeightType::F32, WeightType::F16] {
        for lanes in [Lanes::One, Lanes::Four, Lanes::Sixteen] {
            let l = lanes.count();
            let bytes = trained.to_model(weight_type, lanes).unwrap();
            assert_eq!(bytes.len(), file_len(&plan, weight_type, l));
            let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
            let f32_at = |at: usize| f32::from_bits(u32_at(at));
            assert_eq!([32, 36, 40, 44].map(f32_at), [1.0, 2.0, 3.0, 4.0]);
            assert_eq!(u32_at(12) as usize, bytes.len());
            let mut at = u32_at(20) as usize;
            assert!(at.is_multiple_of(16) && at + u32_at(24) as usize + 4 == bytes.len());
            for tensor in tensors(&plan) {
                let outputs = tensor.bias.len();
                for o in 0..outputs.next_multiple_of(l) {
                    let expected = if o < outputs { values[tensor.bias.start + o] } else { 0.0 };
                    assert_eq!(f32_at(at), expected);
                    at += 4;
                }
                let fan_in = tensor.layer.fan_in();
                for o in 0..outputs.next_multiple_of(l) {
                    for i in 0..fan_in {
                        let expected = if o < outputs { values[tensor.weight.start + o * fan_in + i] } else { 0.0 };
                        let place = (o / l * fan_in + i) * l + o % l;
                        if weight_type == WeightType::F32 {
                            assert_eq!(f32_at(at + 4 * place), expected);
                        } else {
                            let half = f16::from_le_bytes([bytes[at + 2 * place], bytes[at + 2 * place + 1]]);
                            assert_eq!(half, f16::from_f32(expected));
                        }
                    }
                }
                at += (outputs.next_multiple_of(l) * fan_in * weight_type.bits() / 8).next_multiple_of(4);
            }
            assert_eq!(at + 4, bytes.len());
            // nin-core reads the same.
            let model = Model::read(&bytes).unwrap();
            assert_eq!((model.plan(), model.weight_type(), model.lanes()), (&plan, weight_type, l));
            let normalizations = [(1.0, 3.0), (2.0, 4.0)].map(|(mean, scale)| Normalization { mean, scale });
            assert_eq!([model.normalization(0), model.normalization(1)], normalizations);
            let stored =
                |value: f32| if weight_type == WeightType::F16 { f16::from_f32(value).to_f32() } else { value };
            let mut expected = values.clone();
            for tensor in tensors(&plan) {
                expected[tensor.weight].iter_mut().for_each(|weight| *weight = stored(*weight));
            }
            assert_eq!(unpacked(&model), expected);
        }
    }
}

#[test]
fn the_announced_length_is_the_files() {
    for preset in PRESETS.iter().filter(|preset| Plan::new(Spec::new(preset.line)).parameters() < 100_000) {
        let channels = Spec::new(preset.line).input().channels;
        let trained = trained(preset.line, Preprocessing::unit(channels.into()));
        let bytes = trained.to_model(WeightType::F32, Lanes::default()).unwrap();
        assert_eq!(bytes.len(), file_len(&trained.plan(), WeightType::F32, 4), "{}", preset.name);
    }
}

#[test]
fn what_does_not_fit_is_refused_and_named() {
    let good = trained("1x4x4 nin3:2 max2/2 nin1:3 gap", Preprocessing::unit(1));
    let written = |trained: &Trained, weight_type| trained.to_model(weight_type, Lanes::default());
    assert!(written(&good, WeightType::F32).is_ok());

    let mut large = good.clone();
    let last = tensors(&good.plan()).last().unwrap().weight.start;
    large.parameters[last] = 65_520.0;
    assert!(written(&large, WeightType::F32).is_ok(), "f32 holds it");
    let error = written(&large, WeightType::F16).unwrap_err();
    assert_eq!(error, ExportError::OutOfRange { layer: "stage 3 (nin1:3), layer 1".into(), weight: "65520".into() });
    large.parameters[last] = 65_519.0;
    assert!(written(&large, WeightType::F16).is_ok());
    large.parameters[last] = f32::NAN;
    let error = written(&large, WeightType::F32).unwrap_err();
    assert_eq!(error, ExportError::NotFinite { layer: "stage 3 (nin1:3), layer 1".into() });

    let short = Trained { parameters: good.parameters[1..].to_vec(), ..good.clone() };
    assert!(matches!(written(&short, WeightType::F32), Err(ExportError::Parameters { .. })));
    let colours = Trained { preprocessing: Preprocessing::unit(3), ..good.clone() };
    let error = written(&colours, WeightType::F32).unwrap_err();
    assert!(matches!(error, ExportError::Preprocessing { what: "mean", channels: 1 }));
    for names in [&["a", "b"][..], &["a", "b", "c", "d"], &["a", "b\nc", "d"], &["a", "", "c"]] {
        let class_names = names.iter().map(ToString::to_string).collect();
        let named = Trained { class_names, ..good.clone() };
        assert!(written(&named, WeightType::F32).is_err(), "{names:?}");
    }
}
