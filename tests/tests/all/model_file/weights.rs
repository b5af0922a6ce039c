//! The weights of a model file: padding and shifts are checked, and any valid weights run.

use nin_core::packing::Place;
use nin_core::plan::Layer;
use nin_core::{ModelError, Plan, WeightType};
use nin_tests::integer::{self, Finish, Integers};
use nin_tests::integer_file;
use nin_tests::model_file::{ModelFile, seal};
use nin_tests::random::{self};
use proptest::prelude::*;

use super::survive;

/// Bytes that every integer file must have: each half byte that is 0 for any weights must be 0.
#[test]
fn padding_and_shifts_are_checked() {
    // Numbers without a 0 among their hexadecimal digits, so that each 0 is padding or part of a shift.
    let spec = nin_core::Spec::new("2x2x3 nin1:3 nin1:5 gap fc3");
    let layers = [(2, 3, true), (3, 5, true), (5, 3, false)].map(|(fan_in, outputs, activations)| integer::Layer {
        weights: vec![0x70; fan_in * outputs],
        bias: vec![0x1111_1111; outputs],
        finish: match activations {
            true => Finish::Activations(vec![(0x4141_4141, 9); outputs]),
            false => Finish::Logits(vec![f32::from_bits(0x3F11_1111); outputs]),
        },
    });
    let network = Integers { spec, layers: layers.to_vec(), scale: 1.0 };
    for lanes in integer_file::LANES {
        for file in [
            integer_file::write(&network, lanes, 0.5, &[]),
            integer_file::write_in_bits(&network, &[4, 8, 4], lanes, 0.5, &[]),
        ] {
            assert_eq!(survive(&file), Ok(()));
            let with = |at: usize, word: u32| {
                let mut changed = file.clone();
                changed[at..at + 4].copy_from_slice(&word.to_le_bytes());
                seal(&mut changed);
                survive(&changed)
            };
            // Means and scales of the two channels.
            for (at, value) in [(32, 1.0f32), (36, -1.0), (40, 0.25), (44, 0.75)] {
                assert_eq!(with(at, value.to_bits()), Err(ModelError::Preprocessing), "{lanes} lanes, at {at}");
            }
            let weights_at = u32::from_le_bytes(file[20..24].try_into().unwrap()) as usize;
            let mut found = [0, 0];
            for at in weights_at..file.len() - 4 {
                for digit in [0x0F, 0xF0].into_iter().filter(|digit| file[at] & digit == 0) {
                    let mut changed = file.clone();
                    changed[at] |= digit;
                    seal(&mut changed);
                    match survive(&changed) {
                        Err(ModelError::Padding) => found[0] += 1,
                        Err(ModelError::Shift) => found[1] += 1,
                        // The words that state the bits of a layer, and 8-bit weights whose lower half is 0.
                        Err(ModelError::Bits(_)) => {}
                        Ok(()) => assert_eq!((digit, file[at]), (0x0F, 0x70), "{lanes} lanes, at {at}"),
                        Err(other) => panic!("{lanes} lanes, at {at}: {other}"),
                    }
                }
            }
            assert!(found[0] > 0 && found[1] > 0, "{lanes} lanes: {found:?}");
        }
    }
}

/// Turns random bytes into possible weights of a layer: padding is 0, and shifts are in range.
fn tidy(weight_type: WeightType, lanes: usize, layer: &Layer, bytes: &mut [u8]) {
    let (packing, outputs) = (layer.packing(weight_type, lanes), usize::from(layer.output.channels));
    let wild = bytes.to_vec();
    bytes.fill(0);
    let mut keep = |at: usize, count: usize| bytes[at..at + count].copy_from_slice(&wild[at..at + count]);
    let width = (weight_type.bits() / 8).max(1);
    for output in 0..outputs {
        keep(packing.bias(output), 4);
        for input in 0..layer.fan_in() {
            keep(packing.weight(output, input).byte, width);
        }
    }
    if matches!(weight_type, WeightType::F32 | WeightType::F16) {
        return;
    }
    for output in 0..packing.padded_outputs() {
        let word = |at: usize| u32::from_le_bytes(wild[at..at + 4].try_into().expect("a word"));
        let mut put = |at: usize, word: u32| bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
        let shift = if layer.relu { 1 + word(packing.shift(output)) % 31 } else { 0 };
        put(packing.shift(output), shift);
        put(packing.multiplier(output), if output < outputs { word(packing.multiplier(output)) } else { 0 });
        if let Some(at) = packing.half_unit(output) {
            put(at, (1 << shift) >> 1);
        }
    }
    // Half bytes that hold one weight.
    let mut halves = vec![0u8; bytes.len()];
    for (output, input) in (0..outputs).flat_map(|output| (0..layer.fan_in()).map(move |input| (output, input))) {
        let Place { byte, part } = packing.weight(output, input);
        halves[byte] |= [0xFF, 0xF0, 0x0F][part as usize];
    }
    bytes.iter_mut().zip(halves).filter(|(_, mask)| *mask != 0).for_each(|(byte, mask)| *byte &= mask);
}

proptest! {
    #![proptest_config(random::config(1_000))]

    /// Weights that no exporter would write (8-bit ones with any bias, multiplier and shift) run without a panic if
    /// padding and shifts are valid.
    #[test]
    fn any_weights_run(
        case in random::case(),
        (weight_type, lanes) in prop::sample::select(vec![
            (WeightType::F32, 4), (WeightType::F16, 4), (WeightType::F16, 16),
            (WeightType::Int8, 1), (WeightType::Int8, 2), (WeightType::Int8, 16),
            (WeightType::Int4, 1), (WeightType::Int4, 2), (WeightType::Int4, 16),
        ]),
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 1..64),
            prop::collection::vec(prop::sample::select(vec![0, 0x7F, 0x80, 0xFF]), 1..64),
        ],
    ) {
        let file = ModelFile { weight_type, lanes, ..ModelFile::of(&case, WeightType::F32, 1) };
        let plan = Plan::new(case.spec);
        let length = plan.weight_bytes(weight_type, lanes);
        let mut weights: Vec<u8> = bytes.iter().copied().cycle().take(length).collect();
        let mut at = 0;
        for layer in plan.layers().filter(|layer| layer.has_weights()) {
            let part = &mut weights[at..at + layer.weight_bytes(weight_type, lanes)];
            at += part.len();
            // Layers of a model with 4-bit weights state their bits.
            let (bits, part) = part.split_at_mut(if weight_type == WeightType::Int4 { 4 } else { 0 });
            bits.copy_from_slice(&4u32.to_le_bytes()[..bits.len()]);
            tidy(weight_type, lanes, &layer, part);
        }
        prop_assert_eq!(survive(&file.write_with(&weights)), Ok(()));
    }
}
