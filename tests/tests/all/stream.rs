//! The streaming engine against the whole-map oracle, including errors, restarts and misuse.

use std::collections::BTreeMap;
use std::convert::Infallible;

use nin_core::plan::Layer;
use nin_core::{F16, F16Fused, F32, F32Fused, Model, Network, NetworkError, Piece, Spec, Stage, WeightType};
use nin_tests::close::{assert_close_in_scale, assert_same_bits};
use nin_tests::engine::{self, Floats, POISON, frame};
use nin_tests::model_file::{Aligned, LANES, ModelFile, WEIGHT_TYPES, stored};
use nin_tests::oracle::{self, Map, Op};
use nin_tests::random::{self, Case};
use proptest::prelude::*;

/// Returns a new network for a case, with a state that holds only NaN.
fn with_network<F: Floats, T>(case: &Case, run: impl FnOnce(&mut Network<'_, F>) -> T) -> T {
    let file = ModelFile::of(case, F::WEIGHTS, 4).aligned();
    let model = Model::read(&file).unwrap();
    let mut state = engine::state(&model);
    run(&mut Network::new(&model, &mut state).unwrap())
}

/// Returns the logits that a network must give, bit for bit.
fn expected<F: Floats>(case: &Case, image: &Map<f32>) -> Vec<f32> {
    F::oracle(&case.spec, &stored(case.spec, &case.parameters(), F::WEIGHTS), image)
}

fn check_every_layout(case: &Case) {
    let image = case.image(0);
    for weight_type in WEIGHT_TYPES {
        let parameters = stored(case.spec, &case.parameters(), weight_type);
        let (in_f64, scale) = oracle::logits(&case.spec, &parameters, &image.widen());
        let in_f32 = F32::oracle(&case.spec, &parameters, &image);
        let fused = F32Fused::oracle(&case.spec, &parameters, &image);
        for lanes in LANES {
            let what = format!("{case:?}, {} in {lanes} lanes", weight_type.name());
            let file = ModelFile::of(case, weight_type, lanes).aligned();
            let model = Model::read(&file).unwrap_or_else(|error| panic!("{what}: {error}"));
            let logits = engine::logits(&model, &image);
            assert_close_in_scale(&what, &logits, &in_f64, 1e-5, scale);
            assert_same_bits(&what, &logits, &in_f32);
            let logits = engine::fused_logits(&model, &image);
            assert_close_in_scale(&what, &logits, &in_f64, 1e-5, scale);
            assert_same_bits(&format!("{what}, fused"), &logits, &fused);
        }
    }
}

proptest! {
    #![proptest_config(random::config(1_500))]

    /// Close to the reference in f64, and equal to the documented order of sums: any weight type, any layout.
    #[test]
    fn equals_the_oracle(case in random::case()) {
        check_every_layout(&case);
    }
}

/// Cases for which random networks are too small: rows of many tiles, many lanes, long lines with every kind of stage.
#[test]
fn equals_the_oracle_on_larger_networks() {
    for (seed, line) in [
        "3x61x45 nin11/4:24,24,24 max3/2 nin5+2:40,17 max3/2 drop0.5 nin3+1:10,10,10 gap",
        "2x33x47 avg3/2+1 nin7/3+6:33 max2/1+1 avg2/1+1 nin1:5,6,7,8,9,10 gap fc21,4",
        "1x97x13 max5/3+2 max2/1 nin3/5+2:7 avg3/1+1 fc11 drop0.5 fc6,3",
        "4x20x20 nin2/2:8 nin2/2+1:8 nin2/2:8 nin2/1+1:8 max2/2 nin3+2:8 gap drop0.2 fc5",
        "1x255x3 nin3/2+2:4 max3/2+1 nin3/2+2:4 max3/2+1 nin3/2+2:4 max3/2+1 nin3+2:4 gap",
        "5x3x255 nin3/2+2:4 max3/2+1 nin3/2+2:4 avg3/2+1 nin3/2+2:4 max3/2+1 nin3+2:4 gap",
        "1x40x40 nin25+24:3 nin31/2+15:2 max19/7+9 gap",
        "1x9x9 nin3+1:3 nin3+1:3 nin3+1:3 nin3+1:3 nin3+1:3 nin3+1:3 nin3+1:3 nin3+1:3 nin3+1:3 nin3+1:3 nin3+1:3 nin3+1:3 nin3+1:3 nin3+1:3 nin3+1:3 nin3+1:3 nin3+1:3 nin3+1:3 nin3+1:3 nin3+1:3 nin3+1:3 nin3+1:3 drop0.5 gap",
    ]
    .into_iter()
    .enumerate()
    {
        check_every_layout(&Case::new(line, seed as u64));
    }
}

/// Depthwise and grouped convolutions, shortcuts, activations, windows of every shape.
#[test]
fn equals_the_oracle_on_the_whole_family() {
    for (seed, line) in [
        "3x24x24 nin3/2+0,1:8 dw3+1:16 dw3/2+0,1:24 dw3+1:24 dw3/2+0,1:40 avg3x3/1 fc2",
        "1x49x10 nin10x4/2+4,5x1:12 dw3+1:12 dw3+1:12 avg25x5/1 fc12",
        "3x16x20 nin3+1:8 res(nin3+1:8 nin3+1:8id) proj(nin3/2+0,1:12 nin3+1:12id) proj(nin3/2+0,1:20,20id) mean8x10/4+4 fc10",
        "4x9x14 nin1:6id res(dw3+1:9r6,6id)id res(dw5+2r6:6id)r6 max3/2 res(nin3+1:6id)id gap fc3",
        "6x11x7 res(nin3+1g2:4,6 nin3x1+1x0g3:9,6id nin1x5+0x2:6r6)r6 dw2id:5 gap",
        "2x12x12 max3/2+1 res(nin3+1:4,2 nin3+1:4,2 nin3+1:2id) avg2/2 fc3",
        "2x10x13 res(nin1:2) res(nin3+1:2id) proj(nin4/2x1+1,2x3,0:5id nin2x1/2x3+0,1x0:3) mean3/2+1 mean2x3/2x1+0,1x1,0 gap",
        "5x30x5 res(nin7+3:5 nin7+3:5 nin1:5) proj(dw5/3+2:4 dw3/2+1:7id)r6 gap",
        "3x8x8 drop0.5 res(nin3+1:3) drop0.1 res(dw3+1id) drop0.2 fc4,3",
        "1x5x5 dw3+1:4 nin3+1g2:6,4 dw3r6 fc2",
        "3x9x11 nin3+1:4 res(nin3+1:4 nin3+1:4id) res(nin3+1:4 nin3+1:4id) res(nin3+1:4 nin3+1:4id) proj(nin3/2+1:6 nin3+1:6id) res(nin3+1:6 nin3+1:6id) res(nin3+1:6 nin3+1:6id) proj(nin3/2+1:8 nin3+1:8id) res(nin3+1:8 nin3+1:8id) res(nin3+1:8 nin3+1:8id) drop0.1 gap drop0.1 fc3",
    ]
    .into_iter()
    .enumerate()
    {
        check_every_layout(&Case::new(line, seed as u64));
    }
}

fn check_frames<F: Floats>(case: &Case) {
    let images = [case.image(0), case.image(1), case.image(2)];
    let want = images.each_ref().map(|image| expected::<F>(case, image));
    let file = ModelFile::of(case, F::WEIGHTS, 4).aligned();
    let model = Model::read(&file).unwrap();
    let mut state = engine::state(&model);
    // One network, several images: none influences the next.
    let mut network = Network::<F>::new(&model, &mut state).unwrap();
    for n in [0, 1, 1, 2, 0] {
        assert_same_bits(&format!("{case:?}, image {n}"), &frame(&mut network, &images[n]), &want[n]);
    }
    // The same memory, poisoned between images.
    for n in [2, 0] {
        state.fill(POISON);
        let mut network = Network::<F>::new(&model, &mut state).unwrap();
        assert_same_bits(&format!("{case:?}, image {n}"), &frame(&mut network, &images[n]), &want[n]);
    }
    // Any other content has no influence either.
    for junk in [0, u32::MAX, f32::INFINITY.to_bits(), f32::MAX.to_bits()] {
        state.fill(junk);
        let mut network = Network::<F>::new(&model, &mut state).unwrap();
        assert_same_bits(&format!("{case:?} after {junk:x}"), &frame(&mut network, &images[0]), &want[0]);
    }
}

fn check_rows<F: Floats>(case: &Case, broken_at: usize) {
    let (first, second) = (case.image(0), case.image(1));
    let (rows, values) = (usize::from(case.spec.input().rows), case.spec.input().row());
    let want = [expected::<F>(case, &first), expected::<F>(case, &second)];
    with_network::<F, _>(case, |network| {
        // Rows are requested in order, each once, each in a slice of its length.
        let mut asked = Vec::new();
        let logits = network.infer(|y, row| {
            asked.push((y, row.len()));
            row.copy_from_slice(first.rows().nth(y).unwrap());
            Ok::<(), Infallible>(())
        });
        assert_same_bits("infer", logits.unwrap(), &want[0]);
        assert_eq!(asked, (0..rows).map(|y| (y, values)).collect::<Vec<_>>());

        // A camera that fails: its own error is returned at once; the next image is right.
        let mut asked = 0;
        let answer = network.infer(|y, row| {
            asked += 1;
            if y == broken_at {
                // As if only half a row had arrived.
                row.fill(f32::NAN);
                return Err("the cable");
            }
            row.copy_from_slice(second.rows().nth(y).unwrap());
            Ok(())
        });
        assert_eq!(answer, Err("the cable"));
        assert_eq!(asked, broken_at + 1);
        assert_same_bits("after an error", &frame(network, &second), &want[1]);

        // Pushed rows give the same.
        for (image, want) in [(&first, &want[0]), (&second, &want[1])] {
            image.rows().for_each(|row| network.push_row(row).unwrap());
            assert_same_bits("pushed", network.finish().unwrap(), want);
        }

        // Rows of a wrong length are refused, and so is one row too many.
        for (y, row) in first.rows().enumerate() {
            if y == broken_at {
                for found in [0, values - 1, values + 1, 2 * values] {
                    let wrong = vec![f32::NAN; found];
                    let error = NetworkError::RowLength { expected: values, found };
                    assert_eq!(network.push_row(&wrong), Err(error));
                }
            }
            network.push_row(row).unwrap();
        }
        let too_many = NetworkError::Rows { expected: rows, found: rows + 1 };
        assert_eq!(network.push_row(&vec![f32::NAN; values]), Err(too_many));
        assert_eq!(network.push_row(&[]), Err(too_many));
        assert_same_bits("after refused rows", network.finish().unwrap(), &want[0]);

        // An image that ends early is dropped, and the next one is right, whether rows are pushed or requested.
        for pushed in [true, false] {
            second.rows().take(broken_at).for_each(|row| network.push_row(row).unwrap());
            let too_few = NetworkError::Rows { expected: rows, found: broken_at };
            assert_eq!(network.finish().map(<[f32]>::to_vec), Err(too_few));
            second.rows().take(broken_at).for_each(|row| network.push_row(row).unwrap());
            if pushed {
                network.finish().unwrap_err();
                first.rows().for_each(|row| network.push_row(row).unwrap());
                assert_same_bits("pushed after an early end", network.finish().unwrap(), &want[0]);
            } else {
                assert_same_bits("asked after an early end", &frame(network, &first), &want[0]);
                second.rows().for_each(|row| network.push_row(row).unwrap());
                assert_same_bits("pushed after being asked", network.finish().unwrap(), &want[1]);
                let none = NetworkError::Rows { expected: rows, found: 0 };
                assert_eq!(network.finish().map(<[f32]>::to_vec), Err(none), "an answer is given once");
            }
        }
    });
}

fn check_memory<F: Floats>(case: &Case) {
    let image = case.image(0);
    let want = expected::<F>(case, &image);
    let file = ModelFile::of(case, F::WEIGHTS, 4).aligned();
    let model = Model::read(&file).unwrap();
    let needed = model.plan().state_words(F::WEIGHTS);
    assert_eq!(needed, model.plan().memory().total());
    for found in [0, needed / 2, needed - 1] {
        let error = Network::<F>::new(&model, &mut vec![0; found]).err();
        assert_eq!(error, Some(NetworkError::State { needed, found }));
    }
    // Words past the network's state stay untouched.
    let mut state: Vec<u32> = (0..needed as u32 + 17).map(|i| POISON ^ i).collect();
    let mut network = Network::<F>::new(&model, &mut state).unwrap();
    assert_same_bits("more state than needed", &frame(&mut network, &image), &want);
    for (i, &word) in state.iter().enumerate().skip(needed) {
        assert_eq!(word, POISON ^ i as u32, "word {i} of state, {needed} are the network's");
    }
}

/// Returns every layer's map, assembled from the pieces that the observer gets; each value must appear once.
fn check_observer<F: Floats>(case: &Case) {
    let image = case.image(0);
    let parameters = stored(case.spec, &case.parameters(), F::WEIGHTS);
    let layers = oracle::layers(&F::forward(&case.spec, &parameters, &image));
    let mut steps = BTreeMap::new();
    let mut maps = BTreeMap::new();
    for layer in &layers {
        let step = steps.entry(layer.stage).and_modify(|step| *step += 1).or_insert(0_usize);
        maps.insert((layer.stage, *step), (layer, vec![None; layer.map.values.len()]));
    }
    with_network::<F, _>(case, |network| {
        let mut next = 0;
        let mut last_seen = BTreeMap::new();
        let mut observer = |piece: Piece, values: &[f32]| {
            let (layer, seen) = maps.get_mut(&(piece.stage, piece.step)).expect("a layer of the line");
            let shape = layer.map.shape;
            let at = piece.row * shape.row() + piece.column * usize::from(shape.channels);
            assert!(at + values.len() <= (piece.row + 1) * shape.row(), "{piece:?} of {shape} ends in its row");
            assert!(
                values.len().is_multiple_of(shape.channels.into()) && !values.is_empty(),
                "{piece:?}: whole pixels"
            );
            let before = last_seen.insert((piece.stage, piece.step), (piece.row, piece.column));
            assert!(before < Some((piece.row, piece.column)), "{piece:?} comes in reading order");
            for (seen, &value) in seen[at..].iter_mut().zip(values) {
                assert_eq!(seen.replace(value), None, "{piece:?} is seen twice");
            }
        };
        let answer = network.infer_observed(
            |y, row| {
                assert_eq!(y, next);
                next += 1;
                row.copy_from_slice(image.rows().nth(y).unwrap());
                Ok::<(), Infallible>(())
            },
            &mut observer,
        );
        let want = &layers.last().unwrap().map.values;
        assert_same_bits("an observed network's logits", answer.unwrap(), want);
    });
    let working = |stage: &Stage| !matches!(stage, Stage::Dropout(_));
    let last_stage = case.spec.stages().iter().rposition(working).unwrap();
    let last = maps.keys().copied().filter(|&(stage, _)| stage == last_stage).max().unwrap();
    for (&place, (layer, seen)) in &maps {
        // On a device, dropout does nothing, a global average remains a sum, and the last layer's output is the answer.
        if matches!(layer.op, Op::Dropout | Op::GlobalAverage) || place == last {
            assert!(seen.iter().all(Option::is_none), "{case:?}: {place:?} is not reported");
            continue;
        }
        let seen: Option<Vec<f32>> = seen.iter().copied().collect();
        let seen = seen.unwrap_or_else(|| panic!("{case:?}: values of {place:?} are missing"));
        assert_same_bits(&format!("{case:?}: {place:?}"), &seen, &layer.map.values);
    }
}

/// Values that no image contains: nothing panics, and the next image is right.
fn check_wild_images<F: Floats>(case: &Case, bits: &[u32]) {
    let image = case.image(0);
    let mut wild = image.clone();
    for (i, value) in wild.values.iter_mut().enumerate() {
        *value = f32::from_bits(bits[i % bits.len()].rotate_left((i / bits.len()) as u32));
    }
    with_network::<F, _>(case, |network| {
        frame(network, &wild);
        assert_same_bits("after a wild image", &frame(network, &image), &expected::<F>(case, &image));
    });
}

proptest! {
    #![proptest_config(random::config(400))]

    #[test]
    fn frames_are_independent(case in random::case()) {
        check_frames::<F32>(&case);
        check_frames::<F16>(&case);
        check_frames::<F32Fused>(&case);
        check_frames::<F16Fused>(&case);
    }

    #[test]
    fn rows_come_as_they_may(case in random::case(), broken_at in any::<prop::sample::Index>()) {
        let broken_at = broken_at.index(case.spec.input().rows.into());
        check_rows::<F32>(&case, broken_at);
        check_rows::<F16>(&case, broken_at);
        check_rows::<F32Fused>(&case, broken_at);
    }

    #[test]
    fn state_is_what_the_plan_says(case in random::case()) {
        check_memory::<F32>(&case);
        check_memory::<F16>(&case);
        check_memory::<F32Fused>(&case);
        check_memory::<F16Fused>(&case);
    }

    #[test]
    fn the_observer_sees_every_layer(case in random::case()) {
        check_observer::<F32>(&case);
        check_observer::<F16>(&case);
        check_observer::<F32Fused>(&case);
        check_observer::<F16Fused>(&case);
    }

    #[test]
    fn wild_images_do_no_harm(case in random::case(), bits in prop::collection::vec(any::<u32>(), 1..9)) {
        check_wild_images::<F32>(&case, &bits);
        check_wild_images::<F16>(&case, &bits);
        check_wild_images::<F16Fused>(&case, &bits);
    }
}

#[test]
fn a_network_refuses_weights_of_another_type() {
    let case = Case::new("1x4x4 nin3:2 gap", 0);
    for (weight_type, other) in [(WeightType::F32, WeightType::F16), (WeightType::F16, WeightType::F32)] {
        let file = ModelFile::of(&case, weight_type, 1).aligned();
        let model = Model::read(&file).unwrap();
        let mut state = engine::state(&model);
        let error = match other {
            WeightType::F32 => Network::<F32>::new(&model, &mut state).unwrap_err(),
            _ => Network::<F16>::new(&model, &mut state).unwrap_err(),
        };
        assert_eq!(error, NetworkError::WeightType { expected: other, found: weight_type });
    }
}

/// Weights that are not aligned to four bytes are refused, whatever the layout; aligned ones run.
#[test]
fn a_network_refuses_weights_that_stand_askew() {
    let case = Case::new("2x5x4 nin3+1:5,3 gap fc3", 0);
    let image = case.image(0);
    for weight_type in WEIGHT_TYPES {
        for lanes in LANES {
            let bytes = ModelFile::of(&case, weight_type, lanes).write();
            let want = engine::logits(&Model::read(&Aligned::new(&bytes)).unwrap(), &image);
            for shift in 0..16 {
                let mut shifted = vec![0; shift];
                shifted.extend(&bytes);
                let shifted = Aligned::new(&shifted);
                let model = Model::read(&shifted[shift..]).unwrap();
                let mut state = engine::state(&model);
                let error = match weight_type {
                    WeightType::F32 => Network::<F32>::new(&model, &mut state).err(),
                    _ => Network::<F16>::new(&model, &mut state).err(),
                };
                if shift % 4 == 0 {
                    assert_eq!(error, None);
                    assert_same_bits("shifted", &engine::logits(&model, &image), &want);
                } else {
                    assert_eq!(error, Some(NetworkError::Alignment));
                }
            }
        }
    }
}

/// A line without weights has an empty list of weights, and runs.
#[test]
fn a_network_without_weights() {
    let case = Case::new("3x4x5 max2/2 drop0.5 gap", 7);
    assert_eq!(nin_core::Plan::new(case.spec).layers().filter(Layer::has_weights).count(), 0);
    check_every_layout(&case);
}

/// A ReLU's zero is +0, whatever the sign of its input; otherwise two targets might differ in that bit.
#[test]
fn a_relu_makes_no_negative_zero() {
    let spec = Spec::new("1x1x5 nin1:1,1 gap");
    for lanes in LANES {
        let file = ModelFile::plain(spec, vec![-1.0, -0.0, -1.0, -0.0], WeightType::F32, lanes).aligned();
        let model = Model::read(&file).unwrap();
        let mut state = engine::state(&model);
        let mut network = Network::<F32>::new(&model, &mut state).unwrap();
        let mut seen = Vec::new();
        let zeros = |_, row: &mut [f32]| {
            row.fill(0.0);
            Ok::<(), Infallible>(())
        };
        let logits = network.infer_observed(zeros, &mut |_, values: &[f32]| seen.extend_from_slice(values));
        assert_same_bits("logits", logits.unwrap(), &[0.0]);
        assert_same_bits("all that was seen", &seen, &[0.0; 10]);
    }
}

#[test]
fn errors_in_words() {
    let words = |error: NetworkError| error.to_string();
    let (expected, found) = (WeightType::F32, WeightType::F16);
    assert_eq!(
        words(NetworkError::WeightType { expected, found }),
        "the model's weights are f16, this network computes with f32"
    );
    assert_eq!(words(NetworkError::Alignment), "the model file must begin at a multiple of four bytes");
    assert_eq!(
        words(NetworkError::Lanes(2)),
        "the model's weights are packed in 2 lanes: export it for this processor"
    );
    assert_eq!(words(NetworkError::State { needed: 10, found: 9 }), "the network needs 10 words of state, there are 9");
    assert_eq!(
        words(NetworkError::RowLength { expected: 28, found: 27 }),
        "a row of the image has 28 values, this one has 27"
    );
    assert_eq!(words(NetworkError::Rows { expected: 28, found: 29 }), "an image has 28 rows, this one has 29");
}
