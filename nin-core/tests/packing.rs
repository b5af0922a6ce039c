//! Every parameter of a packed layer has a place of its own, inside of the layer.

use nin_core::packing::{Packing, Part};
use nin_core::{Lanes, WeightType};

const TYPES: [WeightType; 6] =
    [WeightType::F32, WeightType::F16, WeightType::Int8, WeightType::Int4, WeightType::Affine, WeightType::AffineInt4];

#[test]
fn no_two_parameters_share_a_place() {
    for weight_type in TYPES {
        let integers = weight_type.is_integer();
        for lanes in if integers { Lanes::INT8 } else { Lanes::FLOAT } {
            for (outputs, fan_in) in [(1, 1), (2, 2), (3, 5), (5, 6), (16, 7), (17, 9), (33, 16), (4, 291)] {
                let what = format!("{outputs}x{fan_in} in {} by {lanes}", weight_type.name());
                let packing = Packing::new(weight_type, lanes.count(), outputs, fan_in);
                // Half bytes that are taken.
                let mut taken = vec![false; 2 * packing.bytes()];
                let mut take = |byte: usize, part: Part, bytes: usize| {
                    let halves = match part {
                        Part::Whole => 2 * byte..2 * (byte + bytes),
                        Part::Upper => 2 * byte..2 * byte + 1,
                        Part::Lower => 2 * byte + 1..2 * byte + 2,
                    };
                    for half in halves {
                        assert!(!std::mem::replace(&mut taken[half], true), "{what}: byte {byte}");
                    }
                };
                for output in 0..packing.padded_outputs() {
                    take(packing.bias(output), Part::Whole, 4);
                    if integers {
                        take(packing.multiplier(output), Part::Whole, 4);
                        take(packing.shift(output), Part::Whole, 4);
                    }
                    if let Some(half_unit) = packing.half_unit(output) {
                        take(half_unit, Part::Whole, 4);
                    }
                }
                for output in 0..outputs {
                    for input in 0..fan_in {
                        let place = packing.weight(output, input);
                        take(place.byte, place.part, (weight_type.bits() / 8).max(1));
                    }
                }
                // What is left is padding: of outputs, of inputs, and to a multiple of four bytes.
                let filled = packing.padded_outputs() * packing.padded_fan_in() - outputs * fan_in;
                let left = taken.iter().filter(|taken| !**taken).count() - filled * weight_type.bits() / 4;
                assert!(left < 8, "{what}: {left} half bytes are nobody's");
            }
        }
    }
}

#[test]
fn lanes_are_those_of_the_weights() {
    for count in 0..=64 {
        for weight_type in TYPES {
            let allowed = match weight_type {
                WeightType::F32 | WeightType::F16 => [1, 4, 16].contains(&count),
                _ => [1, 2, 16].contains(&count),
            };
            let lanes = Lanes::of(weight_type, count);
            assert_eq!(lanes.map(Lanes::count), allowed.then_some(count), "{count} for {}", weight_type.name());
        }
    }
    for text in ["1", "2", "4", "16"] {
        assert_eq!(text.parse::<Lanes>().map(|lanes| lanes.to_string()), Ok(text.to_owned()));
    }
    for text in ["", "0", "3", "8", "+4", " 1"] {
        let error = text.parse::<Lanes>().unwrap_err();
        assert_eq!(error.to_string(), "this is not a number of lanes; choose 1, 2, 4 or 16");
    }
}
