//! The 8-bit engine against the whole-map reference, bit for bit, layer by layer.

use std::collections::BTreeMap;
use std::convert::Infallible;

use nin_core::{Format, Int4, Int8, Kernels, Model, Network, NetworkError, Piece, Plan, WeightType};
use nin_tests::close::assert_same_bits;
use nin_tests::engine;
use nin_tests::integer::{self, Answer, Bytes, Integers, Step};
use nin_tests::integer_file::{self, LANES};
use nin_tests::integer_random::{self, Style};
use nin_tests::model_file::Aligned;
use nin_tests::random::{self, Case};
use nin_tests::tflite::TfLite;
use proptest::prelude::*;

/// Runs the engine on poisoned memory and compares every layer's map, each value seen once, and the logits.
fn check(what: &str, network: &Integers, image: &Bytes, want: &Answer, lanes: usize) {
    let what = format!("{what}, {lanes} lanes");
    check_file::<Int8>(&what, &integer_file::aligned(network, lanes), image, want);
}

fn check_file<F: Format<Value = u8>>(what: &str, file: &Aligned, image: &Bytes, want: &Answer) {
    let model = Model::read(file).unwrap_or_else(|error| panic!("{what}: {error}"));
    let mut state = engine::state(&model);
    let mut engine = Network::<F>::new(&model, &mut state).unwrap_or_else(|error| panic!("{what}: {error}"));
    let unseen = |made: &Step| ((made.stage, made.step), (made.map.clone(), vec![None; made.map.values.len()]));
    let mut maps: BTreeMap<_, _> = want.steps.iter().map(unseen).collect();
    let mut observer = |piece: Piece, values: &[u8]| {
        let Some((map, seen)) = maps.get_mut(&(piece.stage, piece.step)) else {
            panic!("{what}: {piece:?} is of no layer");
        };
        let at = piece.row * map.shape.row() + piece.column * usize::from(map.shape.channels);
        for (i, &value) in values.iter().enumerate() {
            let expected = map.values[at + i];
            assert_eq!(value, expected, "{what}: value {i} of {piece:?}");
            assert_eq!(seen[at + i].replace(value), None, "{what}: {piece:?} is seen twice");
        }
    };
    let mut rows = image.values.chunks_exact(image.shape.row());
    let read_row = |_: usize, row: &mut [u8]| {
        row.copy_from_slice(rows.next().expect("no more rows than the image has"));
        Ok::<(), Infallible>(())
    };
    let logits = engine.infer_observed(read_row, &mut observer);
    assert_same_bits(what, logits.unwrap(), &want.logits);
    for (place, (_, seen)) in &maps {
        assert!(seen.iter().all(Option::is_some), "{what}: values of {place:?} are missing");
    }
    // Again in the same memory, without an observer: one image leaves nothing behind for the next.
    let rows = image.values.chunks_exact(image.shape.row());
    rows.for_each(|row| engine.push_row(row).unwrap());
    assert_same_bits(what, engine.finish().unwrap(), &want.logits);
}

/// Returns the network with the weights of some layers rounded to 4 bits, and the bits of each layer.
fn narrowed(network: &Integers, narrow: impl Fn(usize) -> bool) -> (Integers, Vec<u8>) {
    let mut network = network.clone();
    let mut bits = Vec::new();
    for (index, layer) in network.layers.iter_mut().enumerate() {
        if narrow(index) {
            layer.weights.iter_mut().for_each(|weight| *weight = *weight / 16 * 16);
        }
        bits.push(if narrow(index) { 4 } else { 8 });
    }
    (network, bits)
}

/// 4-bit weights, in all layers and in every second layer.
fn check_in_bits(case: &Case, style: Style) {
    let network = integer_random::network(case, style);
    for every in [1, 2] {
        let (network, bits) = narrowed(&network, |layer| (layer as u64 + case.seed).is_multiple_of(every));
        let image = integer_random::image(case, style, 0);
        let want = integer::forward(&network, &image);
        for lanes in LANES {
            let file = Aligned::new(&integer_file::write_in_bits(&network, &bits, lanes, 1.0 / 255.0, &[]));
            check_file::<Int4>(&format!("{case:?}, {style:?}, bits {bits:?}, {lanes} lanes"), &file, &image, &want);
        }
    }
}

fn check_case(case: &Case, style: Style) {
    let network = integer_random::network(case, style);
    for n in 0..2 {
        let image = integer_random::image(case, style, n);
        let want = integer::forward(&network, &image);
        for lanes in LANES {
            check(&format!("{case:?}, {style:?}, image {n}"), &network, &image, &want, lanes);
        }
    }
}

proptest! {
    #![proptest_config(random::config(1_000))]

    #[test]
    fn the_engine_computes_what_the_document_says(case in random::case(), style in integer_random::style()) {
        check_case(&case, style);
    }
}

proptest! {
    #![proptest_config(random::config(500))]

    #[test]
    fn the_engine_computes_the_same_with_weights_of_four_bits(case in random::case(), style in integer_random::style()) {
        check_in_bits(&case, style);
    }
}

/// A packing that a weight type does not support is refused. Plain rows need no more memory than plain kernels use,
/// whatever kernels exist.
#[test]
fn packings_are_not_mixed_up() {
    let case = Case::new("1x9x10 nin3+1:20,7 gap", 3);
    let network = integer_random::network(&case, Style::Lively);
    let new = |lanes: usize, words: &dyn Fn(&Model) -> usize, into: fn(&Model, &mut [u32]) -> Option<NetworkError>| {
        let file = integer_file::aligned(&network, lanes);
        let model = Model::read(&file).unwrap();
        into(&model, &mut vec![0; words(&model)])
    };
    let enough = |model: &Model| model.plan().state_words(WeightType::Int8);
    fn by<const LANES: usize>(model: &Model, state: &mut [u32]) -> Option<NetworkError> {
        Network::<Int8<LANES>>::new(model, state).err()
    }
    assert_eq!(new(1, &enough, by::<2>), Some(NetworkError::Lanes(1)));
    assert_eq!(new(2, &enough, by::<1>), Some(NetworkError::Lanes(2)));
    assert_eq!(new(16, &enough, by::<2>), Some(NetworkError::Lanes(16)));
    for lanes in LANES {
        assert_eq!(new(lanes, &enough, by::<0>), None, "any packing, where none is named");
    }

    let plain = Plan::new(case.spec).bytes(WeightType::Int8, Kernels::Plain).total() / 4;
    assert_eq!(new(1, &|_| plain, by::<1>), None);
    let too_few = NetworkError::State { needed: plain, found: plain - 1 };
    assert_eq!(new(1, &|_| plain - 1, by::<0>), Some(too_few));
    assert!(plain < Plan::new(case.spec).state_words(WeightType::Int8), "a host's own kernels take more");
}

/// Cases for which random networks are too small: many tiles, windows with more inputs than a kernel computes at once,
/// many outputs.
#[test]
fn the_engine_computes_larger_networks() {
    for (seed, line) in [
        "3x61x45 nin11/4:24,24,24 max3/2 nin5+2:40,17 max3/2 drop0.5 nin3+1:10,10,10 gap",
        "2x33x47 avg3/2+1 nin7/3+6:33 max2/1+1 avg2/1+1 nin1:5,6,7,8,9,10 gap fc21,4",
        "1x97x13 max5/3+2 max2/1 nin3/5+2:7 avg3/1+1 fc11 drop0.5 fc6,3",
        "1x28x28 nin5+2:32,32,32 max3/2 nin3+1:48,48,48 max3/2 nin3+1:64,64,64 nin3+1:10,10,10 gap",
        "1x9x10 nin3+1:100,130,67 nin3+1:131,70 nin5+2:66 gap fc70,9",
        "2x12x7 nin9+4:65,3 nin3/2+2:129 avg3/2+1 fc65,5",
    ]
    .into_iter()
    .enumerate()
    {
        for style in [Style::Lively, Style::Extreme, Style::Wild] {
            check_case(&Case::new(line, seed as u64), style);
            check_in_bits(&Case::new(line, seed as u64), style);
        }
    }
}

/// Ordinary random networks have activations that are not all zero; otherwise the tests above would compare zeros.
#[test]
fn lively_networks_are_alive() {
    let case = Case::new("1x28x28 nin5+2:32,32,32 max3/2 nin3+1:48,48,48 max3/2 nin3+1:10,10,10 gap", 1);
    let network = integer_random::network(&case, Style::Lively);
    let answer = integer::forward(&network, &integer_random::image(&case, Style::Lively, 0));
    for made in &answer.steps {
        let values = &made.map.values;
        let inside = values.iter().filter(|value| (1..255).contains(*value)).count() as f64 / values.len() as f64;
        assert!(inside > 0.2, "layer {} of stage {}: {inside}", made.step, made.stage);
    }
}

#[test]
fn the_engine_computes_what_tensorflow_lite_does() {
    let fixture = TfLite::load("fashion_tflite_int8");
    let (network, image) = (fixture.network(), fixture.image());
    let want = integer::forward(&network, &image);
    // The reference is tested elsewhere; here the tensors must be the same.
    let outputs: Vec<Vec<u8>> = fixture.ops.iter().map(|op| op.output()).take(want.steps.len()).collect();
    assert_eq!(want.steps.iter().map(|made| made.map.values.clone()).collect::<Vec<_>>(), outputs);
    LANES.iter().for_each(|&lanes| check("fashion_tflite_int8", &network, &image, &want, lanes));
}
