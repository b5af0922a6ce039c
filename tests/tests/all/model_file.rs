//! Model files: what was written is read back, and any other input is a typed error.

use nin_core::model::{AFFINE_VERSION, HEADER, MAGIC};
use nin_core::packing::Place;
use nin_core::plan::Layer;
use nin_core::{
    Answer, Decision, F16, F32, Int4, Int8, Model, ModelError, Network, Normalization, Plan, Score, Threshold,
    WeightType,
};
use nin_tests::close::assert_same_bits;
use nin_tests::integer::{self, Finish, Integers};
use nin_tests::mix;
use nin_tests::model_file::{Aligned, DecisionBytes, LANES, ModelFile, WEIGHT_TYPES, seal};
use nin_tests::random::{self, Case};
use nin_tests::{engine, integer_file};
use nin_train::formats::model_file::with_decision;
use proptest::prelude::*;

/// A small file in which every field matters: two channels, names, lanes that leave padding, f16.
fn small() -> ModelFile {
    let case = Case::new("2x3x3 nin2:3 gap", 42);
    let mut file = ModelFile::of(&case, WeightType::F16, 4);
    file.mean = vec![127.5, -3.0];
    file.scale = vec![1.0 / 128.0, 0.25];
    file.names = ["one", "zwölf", "3"].map(String::from).to_vec();
    file
}

/// The same with a decision, in version 2.
fn decided() -> ModelFile {
    let decision = DecisionBytes { temperature: 1.5, score: 2, unknown: 1, threshold: -0.75 };
    ModelFile { decision: Some(decision), ..small() }
}

/// Returns the whole content of a file, as a reader gets it.
#[derive(Debug, PartialEq)]
struct Content {
    line: String,
    weight_type: WeightType,
    lanes: usize,
    preprocessing: Vec<[u32; 2]>,
    names: Vec<String>,
    weights: Vec<u8>,
    decision: String,
}

impl Content {
    fn of(model: &Model<'_>) -> Content {
        let channels = usize::from(model.plan().spec().input().channels);
        let bits = |Normalization { mean, scale }| [mean.to_bits(), scale.to_bits()];
        Content {
            line: model.plan().spec().to_string(),
            weight_type: model.weight_type(),
            lanes: model.lanes(),
            preprocessing: (0..channels).map(|channel| bits(model.normalization(channel))).collect(),
            names: model.class_names().map(String::from).collect(),
            weights: model.weights().to_vec(),
            decision: format!("{:?}", model.decision()),
        }
    }
}

/// Reads bytes as a model and, if they are one, runs it: no panic, whatever the bytes.
fn survive(bytes: &[u8]) -> Result<(), ModelError> {
    let file = Aligned::new(bytes);
    let model = Model::read(&file)?;
    let input = model.plan().spec().input();
    assert_eq!(model.class_names().count() % model.plan().classes(), 0, "no names, or all");
    for class in 0..model.plan().classes() + 1 {
        assert_eq!(model.class_name(class), model.class_names().nth(class));
    }
    if model.plan().macs() > 10_000_000 || model.plan().memory().total() > 10_000_000 {
        return Ok(());
    }
    let mut state = engine::state(&model);
    let mut row = vec![0.0; input.row()];
    model.preprocess(&vec![200; input.row()], &mut row);
    match model.weight_type() {
        WeightType::F32 => drop(Network::<F32>::new(&model, &mut state).unwrap().infer(|_, into| {
            into.copy_from_slice(&row);
            Ok::<(), ()>(())
        })),
        WeightType::F16 => drop(Network::<F16>::new(&model, &mut state).unwrap().infer(|_, into| {
            into.copy_from_slice(&row);
            Ok::<(), ()>(())
        })),
        WeightType::Int4 => drop(Network::<Int4>::new(&model, &mut state).unwrap().infer(|y, into| {
            into.iter_mut().enumerate().for_each(|(x, value)| *value = (x * 37 + y) as u8);
            Ok::<(), std::convert::Infallible>(())
        })),
        _ => drop(Network::<Int8>::new(&model, &mut state).unwrap().infer(|y, into| {
            into.iter_mut().enumerate().for_each(|(i, byte)| *byte = (i * 83 + y * 151) as u8);
            Ok::<(), ()>(())
        })),
    }
    Ok(())
}

#[test]
fn what_is_written_is_read() {
    let file = small();
    let bytes = file.aligned();
    let model = Model::read(&bytes).unwrap();
    assert_eq!(model.plan(), &Plan::new(file.spec));
    assert_eq!((model.weight_type(), model.lanes()), (WeightType::F16, 4));
    let normalizations = [(127.5, 1.0 / 128.0), (-3.0, 0.25)].map(|(mean, scale)| Normalization { mean, scale });
    assert_eq!([model.normalization(0), model.normalization(1)], normalizations);
    assert_eq!(model.class_names().collect::<Vec<_>>(), ["one", "zwölf", "3"]);
    assert_eq!([0, 1, 2, 3].map(|class| model.class_name(class)), [Some("one"), Some("zwölf"), Some("3"), None]);
    assert_eq!(model.weights().len(), model.plan().weight_bytes(WeightType::F16, 4));
    assert!(model.weights().as_ptr().addr().is_multiple_of(16));
    assert_eq!(model.decision(), &Decision::PLAIN);

    let bytes = decided().aligned();
    let second = Model::read(&bytes).unwrap();
    let threshold = Some(Threshold { score: Score::Energy, value: -0.75 });
    assert_eq!(second.decision(), &Decision { temperature: 1.5, threshold, unknown: Some(1) });
    let without = |model| Content { decision: String::new(), ..Content::of(model) };
    assert_eq!(without(&second), without(&model));
    assert!(second.weights().as_ptr().addr().is_multiple_of(16));

    let plain = ModelFile { names: Vec::new(), ..file };
    let bytes = plain.aligned();
    let model = Model::read(&bytes).unwrap();
    assert_eq!((model.class_names().count(), model.class_name(0)), (0, None));
}

/// Returns the bytes of an image as the network reads them, channel by channel.
#[test]
fn preprocessing_is_per_channel() {
    let file = small();
    let bytes = file.aligned();
    let model = Model::read(&bytes).unwrap();
    let mut row = [f32::NAN; 6];
    model.preprocess(&[0, 0, 255, 1, 128, 255], &mut row);
    let want = [-127.5 / 128.0, 0.75, 127.5 / 128.0, 1.0, 0.5 / 128.0, 64.5];
    assert_same_bits("preprocessed", &row, &want);
    let mut longer = [f32::NAN; 7];
    model.preprocess(&[0, 0, 255], &mut longer);
    assert_same_bits("the rest stays", &longer[..3], &want[..3]);
    assert!(longer[3..].iter().all(|value| value.is_nan()));
    let mut shorter = [f32::NAN; 1];
    model.preprocess(&[0, 0, 255], &mut shorter);
    assert_same_bits("no more than fits", &shorter, &want[..1]);
}

/// A model can be checked while a program compiles.
#[test]
fn reading_is_const() {
    const FILE: &[u8] = &{
        // 1x1x1 gap: no weights, one class.
        let mut file = [0; 64 + 4];
        let head = *b"NiNmodel\x01\x00\x01\x01\x44\x00\x00\x00\x09\x00\x00\x00\x40\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x3f1x1x1 gap";
        let mut i = 0;
        while i < head.len() {
            file[i] = head[i];
            i += 1;
        }
        file
    };
    const ANSWER: Result<Model<'static>, ModelError> = Model::read(FILE);
    let Err(ModelError::Checksum { stored: 0, computed }) = ANSWER else { panic!("{ANSWER:?}") };
    let mut file = FILE.to_vec();
    seal(&mut file);
    assert_eq!(file[64..], computed.to_le_bytes());
    assert_eq!(Model::read(&file).map(|model| Content::of(&model).line), Ok("1x1x1 gap".to_string()));
}

#[test]
fn any_truncation_is_an_error() {
    let bytes = small().write();
    for length in 0..bytes.len() {
        let cut = &bytes[..length];
        let expected = if length < HEADER + 4 { HEADER as u32 + 4 } else { bytes.len() as u32 };
        assert_eq!(survive(cut), Err(ModelError::Truncated { expected, found: length }));
        // A cut that moves the end of the file is refused too.
        if length >= 4 {
            let mut sealed = cut.to_vec();
            seal(&mut sealed);
            assert!(survive(&sealed).is_err(), "the first {length} bytes, sealed");
        }
    }
}

#[test]
fn anything_after_the_end_is_an_error() {
    let bytes = small().write();
    for more in [1, 4, 16, 1000] {
        let mut longer = bytes.clone();
        longer.resize(bytes.len() + more, 0);
        let (expected, found) = (bytes.len() as u32, longer.len());
        assert_eq!(survive(&longer), Err(ModelError::TrailingBytes { expected, found }));
    }
}

/// Every byte of the file, changed to every other value.
#[test]
fn any_changed_byte_is_an_error() {
    let bytes = small().write();
    for at in 0..bytes.len() {
        for flip in 1..=255 {
            let mut wrong = bytes.clone();
            wrong[at] ^= flip;
            let error = survive(&wrong).expect_err("a changed byte");
            let matches = match at {
                0..8 => error == ModelError::Magic,
                // These versions exist.
                8 if matches!(wrong[8], 2 | 3) => matches!(error, ModelError::Checksum { .. }),
                8..10 => matches!(error, ModelError::Version(_)),
                12..16 => matches!(error, ModelError::Truncated { .. } | ModelError::TrailingBytes { .. }),
                _ => matches!(error, ModelError::Checksum { .. }),
            };
            assert!(matches, "byte {at} ^ {flip}: {error:?}");
        }
    }
}

/// Every byte changed to every other value, under a valid checksum.
#[test]
fn a_changed_byte_under_a_right_checksum_never_lies() {
    changed_bytes_never_lie(&small());
    changed_bytes_never_lie(&decided());
}

fn changed_bytes_never_lie(file: &ModelFile) {
    let bytes = file.aligned();
    let before = Model::read(&bytes).unwrap();
    let weights_at = bytes.len() - 4 - before.weights().len();
    for at in 0..bytes.len() - 4 {
        for flip in 1..=255u8 {
            let mut changed = bytes.to_vec();
            changed[at] ^= flip;
            seal(&mut changed);
            let answer = survive(&changed);
            let changed = Aligned::new(&changed);
            let Ok(model) = Model::read(&changed) else {
                answer.expect_err("an error is the same each time");
                continue;
            };
            // It reads: then the change must appear in what was read.
            assert_ne!(Content::of(&model), Content::of(&before), "byte {at} ^ {flip}");
            assert_eq!(model.plan().weight_bytes(model.weight_type(), model.lanes()), model.weights().len());
            if at >= weights_at {
                assert_eq!(model.plan(), before.plan());
            }
        }
    }
}

/// Fields that a faulty or hostile writer may combine: each case has its own error.
#[test]
fn each_wrong_field_has_its_error() {
    let good = small().write();
    let (line_at, names_at) = (48, 48 + 16);
    assert_eq!(&good[line_at..names_at], b"2x3x3 nin2:3 gap");
    let sealed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut file = good.clone();
        change(&mut file);
        seal(&mut file);
        survive(&file).expect_err("a wrong field")
    };
    let put = |at: usize, bytes: &'static [u8]| sealed(&|file| file[at..at + bytes.len()].copy_from_slice(bytes));

    assert_eq!(put(0, b"NiNModel"), ModelError::Magic);
    assert_eq!(put(8, &[2, 0]), ModelError::Layout, "a file of version 1 is no file of version 2");
    assert_eq!(put(8, &[3, 0]), ModelError::Layout, "nor of version 3");
    assert_eq!(put(8, &[4, 0]), ModelError::Version(4));
    assert_eq!(put(8, &[0, 0]), ModelError::Version(0));
    assert_eq!(put(8, &[1, 1]), ModelError::Version(257));
    for code in [0, 6, 255] {
        assert_eq!(sealed(&|file| file[10] = code), ModelError::WeightType(code));
    }
    // Four lanes are for floats only.
    assert_eq!(put(10, &[3]), ModelError::Lanes(4));
    assert_eq!(put(10, &[4]), ModelError::Lanes(4));
    for lanes in [0, 2, 3, 5, 8, 15, 17, 64, 255] {
        assert_eq!(sealed(&|file| file[11] = lanes), ModelError::Lanes(lanes));
    }
    let found = good.len();
    assert_eq!(put(12, &[255; 4]), ModelError::Truncated { expected: u32::MAX, found });
    assert_eq!(put(12, &[0; 4]), ModelError::TrailingBytes { expected: 0, found });
    // The other type or layout does not match the length of the weights.
    let weights = |weight_type, lanes| Plan::new(small().spec).weight_bytes(weight_type, lanes);
    let found = weights(WeightType::F16, 4);
    assert_eq!(put(10, &[1]), ModelError::Weights { expected: weights(WeightType::F32, 4), found });
    assert_eq!(put(11, &[16]), ModelError::Weights { expected: weights(WeightType::F16, 16), found });
    assert_eq!(put(11, &[1]), ModelError::Weights { expected: weights(WeightType::F16, 1), found });
    // Lengths and offsets that contradict each other, however large.
    for (at, width) in [(16, 2), (18, 2), (20, 4), (24, 4), (28, 2)] {
        for value in [0u32, 1, 11, 17, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, u32::MAX] {
            if value.to_le_bytes()[..width] != good[at..at + width] {
                let error = sealed(&|file| file[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]));
                let typed = matches!(
                    error,
                    ModelError::Layout
                        | ModelError::Line(_)
                        | ModelError::ClassNames { .. }
                        | ModelError::Weights { .. }
                );
                assert!(typed, "{value} at {at}: {error:?}");
            }
        }
    }
    assert_eq!(put(30, &[1]), ModelError::Layout);
    assert_eq!(put(31, &[1]), ModelError::Layout);
    // The line.
    let Err(line) = nin_core::Spec::parse("2x3x3 nun2:3 gap") else { unreachable!() };
    assert_eq!(put(line_at + 7, b"u"), ModelError::Line(line));
    assert_eq!(put(line_at, b"1"), ModelError::Layout, "the table is for two channels");
    assert_eq!(put(line_at, &[0xFF]), ModelError::Layout);
    assert!(matches!(put(line_at + 11, b"4"), ModelError::ClassNames { expected: 4, found: 3 }));
    // The names.
    assert_eq!(put(names_at + 3, b"-"), ModelError::ClassNames { expected: 3, found: 2 });
    assert_eq!(put(names_at + 1, b"\n"), ModelError::ClassNames { expected: 3, found: 4 });
    assert_eq!(put(names_at + 4, &[0xFF]), ModelError::Layout);
    assert_eq!(put(names_at + 12, b"!"), ModelError::Layout, "filling is zero");
}

/// A decision out of range is an error; every one in range is read.
#[test]
fn decisions_are_checked() {
    let good = DecisionBytes { temperature: 1.0, score: 0, unknown: u16::MAX, threshold: 0.0 };
    let read = |decision| survive(&ModelFile { decision: Some(decision), ..small() }.write());
    assert_eq!(read(good), Ok(()), "without any effect, but in order");
    assert_eq!(read(DecisionBytes { unknown: 2, score: 1, threshold: -1e30, temperature: 1e-30 }), Ok(()));
    for temperature in [0.0, -0.0, -1.0, f32::NAN, f32::INFINITY] {
        assert_eq!(read(DecisionBytes { temperature, ..good }), Err(ModelError::Decision), "{temperature}");
    }
    for score in 3..=255 {
        assert_eq!(read(DecisionBytes { score, ..good }), Err(ModelError::Decision), "{score}");
    }
    for threshold in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert_eq!(read(DecisionBytes { score: 1, threshold, ..good }), Err(ModelError::Decision), "{threshold}");
    }
    for threshold in [1.0, -0.0] {
        assert_eq!(read(DecisionBytes { threshold, ..good }), Err(ModelError::Decision), "{threshold} without a score");
    }
    for unknown in [3, 4, 65_534] {
        assert_eq!(read(DecisionBytes { unknown, ..good }), Err(ModelError::Decision), "{unknown}");
    }
    let mut file = decided().write();
    for at in [37, 44, 47] {
        let mut wrong = file.clone();
        wrong[at] = 1;
        seal(&mut wrong);
        assert_eq!(survive(&wrong), Err(ModelError::Decision), "{at}");
    }
    // Every length of the file, under a right checksum.
    while file.len() > 40 {
        file.truncate(file.len() - 1);
        let length = file.len() as u32;
        file[12..16].copy_from_slice(&length.to_le_bytes());
        let mut sealed = file.clone();
        seal(&mut sealed);
        survive(&sealed).expect_err("a file that was cut");
    }
}

/// The exporter's file is the second writer's, byte for byte; a decision can be replaced and removed.
#[test]
fn decisions_are_written_as_documented() {
    let (first, second) = (small().write(), decided().write());
    let bytes = Aligned::new(&second);
    let decision = *Model::read(&bytes).unwrap().decision();
    assert_eq!(with_decision(&first, &decision).unwrap(), second);
    assert_eq!(with_decision(&second, &decision).unwrap(), second);
    assert_eq!(with_decision(&second, &Decision::PLAIN).unwrap(), first);
    assert_eq!(with_decision(&first, &Decision::PLAIN).unwrap(), first);
    let wrong = Decision { unknown: Some(3), ..Decision::PLAIN };
    assert_eq!(with_decision(&first, &wrong), Err(ModelError::Decision));
}

/// Answers by their definition.
#[test]
fn answers_follow_the_decision() {
    let answer = |threshold, unknown, logits: &[f32]| Decision { temperature: 3.0, threshold, unknown }.answer(logits);
    let by = |score, value| Some(Threshold { score, value });
    let logits = [1.0, 2.0, 0.5];
    assert_eq!(answer(None, None, &logits), Answer::Class(1));
    assert_eq!(answer(None, Some(0), &logits), Answer::Class(1));
    assert_eq!(answer(None, Some(1), &logits), Answer::Unknown);
    assert_eq!(answer(by(Score::Logit, 2.0), None, &logits), Answer::Class(1));
    assert_eq!(answer(by(Score::Logit, 2.001), None, &logits), Answer::Unknown);
    // ln(e + e² + e^0.5) = 2.4644
    assert_eq!(answer(by(Score::Energy, 2.45), None, &logits), Answer::Class(1));
    assert_eq!(answer(by(Score::Energy, 2.48), None, &logits), Answer::Unknown);
    assert_eq!(answer(None, None, &[]), Answer::Unknown);
    assert_eq!(answer(by(Score::Logit, -9.0), None, &[f32::NAN, 1.0]), Answer::Unknown);
    assert_eq!(answer(by(Score::Energy, -9.0), None, &[f32::NAN, 1.0]), Answer::Unknown);
    for i in 0..2000u64 {
        let logits: Vec<f32> = (0..1 + i % 12).map(|k| 30.0 * mix::signed(100 * i + k) as f32).collect();
        let exact = logits.iter().map(|&logit| f64::from(logit).exp()).sum::<f64>().ln();
        let energy = f64::from(Score::Energy.of(&logits));
        assert!((energy - exact).abs() < 0.02, "{logits:?}: {energy}, not {exact}");
    }
    let mut probabilities = [0.0, 3.0];
    Decision { temperature: 3.0, ..Decision::PLAIN }.probabilities(&mut probabilities);
    assert!((probabilities[1] - 0.7311).abs() < 0.001, "{probabilities:?}");
}

/// Either every class has a name or none has: an empty name would shift those after it.
#[test]
fn an_empty_class_name_is_an_error() {
    for names in [&["", "b", "c"][..], &["a", "", "c"], &["a", "b", ""], &["", "", ""], &["a", "b", "c", ""]] {
        let file = ModelFile { names: names.iter().map(|name| name.to_string()).collect(), ..small() };
        let found = names.iter().filter(|name| !name.is_empty()).count();
        assert_eq!(survive(&file.write()), Err(ModelError::ClassNames { expected: 3, found }), "{names:?}");
    }
}

/// Lines that need more memory than exists: an error, at once.
#[test]
fn a_huge_network_is_an_error() {
    for line in [
        "1x1x1 fc65535,65534",
        "65535x90x90 fc1",
        "1x8191x65535 gap fc65535",
        "65535x1x1 nin1:65534 gap",
        "255x1x1 nin15+14:65535 gap",
    ] {
        let case = Case::new("1x1x1 gap", 0);
        let mut file = ModelFile::of(&case, WeightType::F32, 16);
        let spec = nin_core::Spec::new(line);
        file.mean = vec![0.0; spec.input().channels.into()];
        file.scale = file.mean.clone();
        let mut bytes = file.write();
        // Put the long line in place of the short one.
        let at = HEADER + 8 * file.mean.len();
        bytes.truncate(at);
        bytes.extend(line.bytes());
        let weights_at = bytes.len().next_multiple_of(16);
        bytes.resize(weights_at + 4, 0);
        bytes[16..18].copy_from_slice(&(line.len() as u16).to_le_bytes());
        bytes[20..24].copy_from_slice(&(weights_at as u32).to_le_bytes());
        let length = bytes.len() as u32;
        bytes[12..16].copy_from_slice(&length.to_le_bytes());
        for (code, weight_type) in [(1, WeightType::F32), (2, WeightType::F16)] {
            for lanes in LANES {
                bytes[10..12].copy_from_slice(&[code, lanes as u8]);
                seal(&mut bytes);
                let expected = Plan::new(spec).weight_bytes(weight_type, lanes);
                assert_eq!(survive(&bytes), Err(ModelError::Weights { expected, found: 0 }), "{line}");
            }
        }
    }
}

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

/// A line has only one canonical form.
#[test]
fn a_line_is_canonical() {
    for line in [
        "1x4x4  gap",
        " 1x4x4 gap",
        "1x4x4 gap ",
        "1x4x4\tgap",
        "01x4x4 gap",
        "1x4x4 nin1/1:2 gap",
        "1x4x4 nin1+0:2 gap",
        "1x4x4 nin1:02 gap",
        "1x4x4 max2/2+0 gap",
        "1x4x4 drop0.50 gap",
        "1x4x4 drop0.0 gap",
    ] {
        let spec: nin_core::Spec = line.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_ne!(spec.to_string(), line);
        let parameters = vec![0.5; Plan::new(spec).parameters()];
        let right = ModelFile::plain(spec, parameters, WeightType::F32, 1);
        assert_eq!(survive(&right.write()), Ok(()), "{spec}");
        assert_eq!(survive(&right.write_line(line)), Err(ModelError::NotCanonical), "{line}");
    }
}

/// A line may be as long as its length field allows, and no longer.
#[test]
fn a_long_line_is_read_to_its_end() {
    let case = Case::new("1x1x1 gap", 0);
    let short = ModelFile::of(&case, WeightType::F32, 1).write();
    let long = |line: &str| {
        let mut bytes = short[..HEADER + 8].to_vec();
        bytes.extend(line.bytes());
        bytes[16..18].copy_from_slice(&(line.len() as u16).to_le_bytes());
        bytes.resize(bytes.len().next_multiple_of(16), 0);
        let weights_at = bytes.len() as u32;
        bytes[20..24].copy_from_slice(&weights_at.to_le_bytes());
        bytes[12..16].copy_from_slice(&(weights_at + 4).to_le_bytes());
        bytes.extend([0; 4]);
        seal(&mut bytes);
        survive(&bytes)
    };
    let spaces = " ".repeat(65_535 - "1x1x1gap".len());
    assert_eq!(long(&format!("1x1x1{spaces}gap")), Err(ModelError::NotCanonical));
    let wrong = long(&format!("1x1x1{spaces}gip")).unwrap_err();
    assert!(matches!(wrong, ModelError::Line(error) if error.column == 65_533), "{wrong:?}");
}

/// Random bytes after more and more of a valid file's beginning, under a valid checksum.
fn forged() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop::collection::vec(any::<u8>(), 0..200);
    (bytes, 0..6usize, any::<bool>()).prop_map(|(mut bytes, depth, small_numbers)| {
        if small_numbers {
            // Small numbers are valid more often.
            bytes.iter_mut().for_each(|byte| *byte &= 0x11);
        }
        let length = bytes.len();
        let fields: [(usize, &[u8]); 5] = [
            (0, &MAGIC),
            (8, &(1 + length as u16 / 2 % AFFINE_VERSION).to_le_bytes()),
            (12, &(length as u32).to_le_bytes()),
            (10, &[1 + (length % 2) as u8, LANES[length % 3] as u8]),
            (20, &[64, 0, 0, 0]),
        ];
        for (at, field) in fields.into_iter().take(depth) {
            if at + field.len() <= length {
                bytes[at..at + field.len()].copy_from_slice(field);
            }
        }
        if depth > 0 && length >= 4 {
            seal(&mut bytes);
        }
        bytes
    })
}

proptest! {
    #![proptest_config(random::config(20_000))]

    #[test]
    fn random_bytes_are_an_error(bytes in forged()) {
        prop_assert!(survive(&bytes).is_err());
    }
}

proptest! {
    #![proptest_config(random::config(1_000))]

    /// Several bytes of a random network's file at once: an error, or under a valid checksum a model that runs.
    #[test]
    fn several_changed_bytes(
        case in random::case(),
        lanes in prop::sample::select(LANES.to_vec()),
        weight_type in prop::sample::select(WEIGHT_TYPES.to_vec()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 1u8..), 1..5),
        in_head in any::<bool>(),
    ) {
        let right = ModelFile::of(&case, weight_type, lanes).write();
        prop_assert_eq!(survive(&right), Ok(()));
        let mut wrong = right.clone();
        let head = if in_head { right.len().min(128) } else { right.len() };
        for (at, flip) in changes {
            wrong[at.index(head)] ^= flip;
        }
        if wrong != right {
            prop_assert!(survive(&wrong).is_err());
            seal(&mut wrong);
            let _ = survive(&wrong);
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

#[test]
fn errors_in_words() {
    let line = nin_core::Spec::parse("1x1x1 gup").unwrap_err();
    for (error, words) in [
        (ModelError::Truncated { expected: 36, found: 7 }, "the model file ends early: it has 7 of 36 bytes"),
        (
            ModelError::TrailingBytes { expected: 36, found: 40 },
            "the model file has 40 bytes, but its header states 36",
        ),
        (
            ModelError::NotCanonical,
            "the model file's architecture line is not in its canonical form: export the model again",
        ),
        (
            ModelError::Preprocessing,
            "the model file has integer weights, but means that are not 0 or scales that differ",
        ),
        (
            ModelError::Padding,
            "the model file has weights for outputs or inputs that do not exist: export the model again",
        ),
        (ModelError::Shift, "the model file has an output whose shift is out of range: quantize the network again"),
        (ModelError::Magic, "not a model file: it does not begin with \"NiNmodel\""),
        (
            ModelError::Version(4),
            "the model file has version 4, which this program does not read, or which does not fit its content; this \
             program reads versions 1 to 3",
        ),
        (
            ModelError::Decision,
            "the model file has a temperature, threshold or unknown class that is out of range: export the model again",
        ),
        (
            ModelError::Checksum { stored: 0x1234, computed: 0xABCD },
            "the model file is damaged: its checksum is 0000abcd, not 00001234",
        ),
        (ModelError::WeightType(9), "the model file has an unknown weight type, 9"),
        (ModelError::Bits(5), "the model file has a layer with weights of 5 bits, not 4 or 8"),
        (ModelError::Lanes(5), "the model file packs its weights in 5 lanes, which their type does not have"),
        (ModelError::Layout, "the parts of the model file are not where its layout puts them"),
        (
            ModelError::Line(line),
            "the model file's architecture line is wrong: column 7: expected a stage: nin, dw, max, avg, mean, drop, gap, fc, res(…) or proj(…)",
        ),
        (
            ModelError::ClassNames { expected: 10, found: 9 },
            "the model file names 9 classes, but its architecture has 10",
        ),
        (
            ModelError::Weights { expected: 100, found: 99 },
            "the model file has 99 bytes of weights, but its architecture needs 100",
        ),
    ] {
        assert_eq!(error.to_string(), words);
    }
}
