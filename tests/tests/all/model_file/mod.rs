//! Model files: what was written is read back, and any other input is a typed error.

mod damage;
mod decisions;
mod fields;
mod weights;

use nin_core::{
    Decision, F16, F32, Int4, Int8, Model, ModelError, Network, Normalization, Plan, Score, Threshold, WeightType,
};
use nin_tests::close::assert_same_bits;
use nin_tests::engine;
use nin_tests::model_file::{Aligned, DecisionBytes, ModelFile, seal};
use nin_tests::random::Case;

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
