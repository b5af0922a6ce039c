//! The exporter: its files follow the document, and the engine runs them.

use half::f16;
use nin_core::Lanes;
use nin_core::{Model, Normalization, WeightType};
use nin_tests::close::assert_same_bits;
use nin_tests::engine;
use nin_tests::mix;
use nin_tests::model_file::{self, Aligned, LANES, WEIGHT_TYPES, stored};
use nin_tests::oracle;
use nin_tests::random::{self, Case};
use nin_train::formats::model_file::ExportError;
use nin_train::network::preprocessing::Preprocessing;
use nin_train::network::resources::file_len;
use nin_train::network::trained::Trained;
use proptest::prelude::*;

fn lanes(count: usize) -> Lanes {
    count.to_string().parse().unwrap()
}

/// Returns a network's file from the exporter, after comparing it with the tests' own writer.
fn export(ours: &model_file::ModelFile) -> Result<Vec<u8>, ExportError> {
    let trained = Trained {
        spec: ours.spec,
        parameters: ours.parameters.clone(),
        preprocessing: Preprocessing { mean: ours.mean.clone(), scale: ours.scale.clone() },
        class_names: ours.names.clone(),
    };
    trained.to_model(ours.weight_type, lanes(ours.lanes))
}

proptest! {
    #![proptest_config(random::config(300))]

    #[test]
    fn exporter_file_and_engine_agree(
        case in random::case(),
        numbers in prop::collection::vec(-300.0f32..300.0, 10),
        name in prop::option::of("[^\n]{1,9}"),
    ) {
        let image = case.image(0);
        let channels = usize::from(case.spec.input().channels);
        for weight_type in WEIGHT_TYPES {
            let want = oracle::logits(&case.spec, &stored(case.spec, &case.parameters(), weight_type), &image).0;
            for lanes in LANES {
                let mut file = model_file::ModelFile::of(&case, weight_type, lanes);
                file.mean = numbers[..channels].to_vec();
                file.scale = numbers[5..5 + channels].to_vec();
                if let Some(name) = &name {
                    file.names = (0..case.spec.classes()).map(|class| format!("{name}{class}")).collect();
                }
                let bytes = export(&file).unwrap();
                prop_assert!(bytes == file.write(), "{:?}: the two writers differ", case);

                let bytes = Aligned::new(&bytes);
                let model = Model::read(&bytes).unwrap();
                prop_assert_eq!(model.plan().spec(), &case.spec);
                prop_assert_eq!((model.weight_type(), model.lanes()), (weight_type, lanes));
                prop_assert_eq!(model.class_names().collect::<Vec<_>>(), file.names.iter().collect::<Vec<_>>());
                for channel in 0..channels {
                    let (mean, scale) = (file.mean[channel], file.scale[channel]);
                    prop_assert_eq!(model.normalization(channel), Normalization { mean, scale });
                }
                prop_assert_eq!(model.weights().len(), model.plan().weight_bytes(weight_type, lanes));
                if file.names.is_empty() {
                    prop_assert_eq!(file_len(model.plan(), weight_type, lanes), bytes.len());
                }
                assert_same_bits("an exported network", &engine::logits(&model, &image), &want);
            }
        }
    }
}

/// Returns the one weight of a network from its exported file.
fn exported_weight(weight: f32) -> Result<f16, ExportError> {
    let case = Case::new("1x1x1 nin1:1 gap", 0);
    let mut file = model_file::ModelFile::of(&case, WeightType::F16, 1);
    file.parameters = vec![weight, 0.0];
    let bytes = Aligned::new(&export(&file)?);
    let weights = Model::read(&bytes).unwrap().weights().to_vec();
    Ok(f16::from_le_bytes([weights[4], weights[5]]))
}

/// Rounding to 16 bits, tested against its definition: no other f16 is nearer, and of two equally near values the
/// result is the even one.
#[test]
fn f16_is_rounded_to_nearest_even() {
    let check = |weight: f32| {
        let got = exported_weight(weight).unwrap();
        assert_eq!(got.to_bits(), f16::from_f32(weight).to_bits(), "{weight:e}");
        let off = |other: f16| (f64::from(other.to_f32()) - f64::from(weight)).abs();
        let bits = got.to_bits();
        for other in [bits.wrapping_add(1), bits.wrapping_sub(1)].map(f16::from_bits) {
            if other.is_finite() && other.is_sign_negative() == got.is_sign_negative() {
                assert!(off(got) <= off(other), "{weight:e} became {got}, but {other} is nearer");
                assert!(off(got) < off(other) || bits.is_multiple_of(2), "{weight:e} is between {got} and {other}");
            }
        }
    };
    for n in 0..20_000 {
        // All magnitudes of f16, including subnormal ones and those that round to zero.
        let exponent = (mix::mix(n) % 44) as i32 - 28;
        check((mix::signed(n) * 2f64.powi(exponent)) as f32);
    }
    for n in 0..2_000u16 {
        // Halfway between two neighbours, and slightly to either side.
        let low = f16::from_bits(n * 15);
        let middle = (low.to_f32() + f16::from_bits(low.to_bits() + 1).to_f32()) / 2.0;
        for weight in [middle, middle.next_up(), middle.next_down(), -middle] {
            check(weight);
        }
    }
    for weight in [0.0, 65504.0, 65519.996, 5.960_464_5e-8, 2.980_232_2e-8, f32::MIN_POSITIVE, 1e-45] {
        check(weight);
        check(-weight);
    }
}

#[test]
fn what_cannot_be_stored_is_refused() {
    for weight in [65520.0, -65520.0, 1e30, f32::MAX] {
        assert!(matches!(exported_weight(weight), Err(ExportError::OutOfRange { .. })), "{weight}");
    }
    let case = Case::new("2x5x5 nin3:3 drop0.5 gap fc2", 1);
    for weight_type in WEIGHT_TYPES {
        let count = case.parameters().len();
        for at in 0..count {
            for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut file = model_file::ModelFile::of(&case, weight_type, 4);
                file.parameters[at] = wrong;
                assert!(matches!(export(&file), Err(ExportError::NotFinite { .. })), "parameter {at} is {wrong}");
            }
        }
        for wrong in [count - 1, count + 1, 0] {
            let mut file = model_file::ModelFile::of(&case, weight_type, 4);
            file.parameters.resize(wrong, 0.0);
            assert_eq!(export(&file), Err(ExportError::Parameters { got: wrong, expected: count }));
        }
        let mut file = model_file::ModelFile::of(&case, weight_type, 4);
        for names in [vec!["a"], vec!["a", "b", "c"]] {
            file.names = names.iter().map(|name| name.to_string()).collect();
            assert_eq!(export(&file), Err(ExportError::ClassNames { got: names.len(), expected: 2 }));
        }
        for names in [["a", ""], ["", "b"], ["a\nb", "c"]] {
            file.names = names.map(String::from).to_vec();
            assert!(matches!(export(&file), Err(ExportError::ClassName(_))), "{names:?}");
        }
        // A bias keeps its 32 bits, so it may be large.
        let mut file = model_file::ModelFile::of(&case, weight_type, 4);
        file.parameters[count - 1] = 1e30;
        assert!(export(&file).is_ok());
    }
}
