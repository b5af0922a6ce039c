//! Post-training quantisation of the whole family of layers, against the float network.

use std::fs;
use std::path::Path;
use std::process::Command;

use nin_core::{Lanes, Plan, Spec, WeightType, argmax};
use nin_train::engine::streaming::{ModelBytes, Streaming};
use nin_train::formats::model_file::Integers;
use nin_train::integers::WeightBits;
use nin_train::network::parameters::{Init, initial};
use nin_train::network::preprocessing::Preprocessing;
use nin_train::network::trained::Trained;
use nin_train::quantize::{self, Options};
use nin_train::support::random::{Purpose, Stream};

const LINES: &[&str] = &[
    "1x12x11 nin3+1:8 res(dw3+1:8id) dw3/2+same:12id,16 gap fc5",
    "2x11x12 nin3/2+same:8r6 dw3+1r6:12r6 res(dw3+1:16r6,12id)r6 mean2/2 gap fc4,3",
    "3x12x12 nin3+1:8 proj(nin3/2+1:12 nin3+1:12id) res(nin3+1:12 dw5+2id)id max3/2+1 fc4",
    "1x16x9 nin5x3/2x1+same:9id nin1g3:9 avg2x3/2x3 dw3+1id:6id gap",
];

fn network(line: &str, seed: u64) -> (Trained, Vec<Vec<u8>>) {
    let spec = Spec::parse(line).expect(line);
    let plan = Plan::new(spec);
    let mut parameters = initial(&plan, Init::He, seed);
    let mut stream = Stream::new(seed, Purpose::Biases, 0, 0);
    parameters.iter_mut().filter(|value| **value == 0.0).for_each(|bias| *bias = stream.within(0.2));
    let preprocessing = Preprocessing::unit(spec.input().channels.into());
    let images = (0..24).map(|_| (0..plan.shape(0).len()).map(|_| stream.below(256) as u8).collect()).collect();
    (Trained { spec, parameters, preprocessing, class_names: Vec::new() }, images)
}

/// Returns the logits of a model file.
pub fn logits(file: &[u8], images: &[Vec<u8>]) -> Vec<Vec<f32>> {
    let bytes = ModelBytes::new(file);
    let model = bytes.model().expect("a good file");
    let mut streaming = Streaming::new(&model);
    images.iter().map(|image| streaming.classify(image, model.plan().spec().input()).expect("an image")).collect()
}

/// The file's logits follow the float network's on images that were not seen, and the report states how well.
#[test]
fn integers_follow_the_floats() {
    for (seed, line) in (1..).zip(LINES) {
        let (trained, images) = network(line, seed);
        let (seen, new) = images.split_at(12);
        let (integers, report) = quantize::calibrated(&trained, seen, &Options::default(), |_, _| ()).expect(line);
        assert_eq!(integers.weight_type(), WeightType::Affine);
        println!("{line}\n{report}");
        assert!(report.logits > 18.0 && report.layers.iter().all(|layer| layer.decibels > 15.0), "{line}: {report}");
        let floats = logits(&trained.to_model(WeightType::F32, Lanes::Four).unwrap(), new);
        let file = integers.to_bytes(Lanes::Two).unwrap();
        let bytes = logits(&file, new);
        let (mut signal, mut noise) = (0.0, 0.0);
        for (float, byte) in floats.iter().flatten().zip(bytes.iter().flatten()) {
            (signal, noise) = (signal + float * float, noise + (float - byte) * (float - byte));
        }
        let decibels = 10.0 * (signal / noise).log10();
        assert!(decibels > 15.0, "{line}: {decibels} dB");
        // Packings differ in nothing but the layout.
        assert_eq!(logits(&integers.to_bytes(Lanes::Sixteen).unwrap(), new), bytes, "{line}");
        let same = floats.iter().zip(&bytes).filter(|(a, b)| argmax(a) == argmax(b)).count();
        assert!(same + 3 >= new.len(), "{line}: {same} of {}", new.len());
    }
}

#[test]
fn standardised_images_are_folded_into_the_first_layer_or_refused() {
    let (mut trained, images) = network(LINES[0], 1);
    trained.preprocessing = Preprocessing { mean: vec![100.0], scale: vec![0.02] };
    let (_, report) = quantize::calibrated(&trained, &images, &Options::default(), |_, _| ()).unwrap();
    assert!(report.border && report.logits > 5.0, "{report}");
    let (mut trained, images) = network("1x8x8 dw3:4 gap fc2", 2);
    trained.preprocessing = Preprocessing { mean: vec![100.0], scale: vec![0.02] };
    quantize::calibrated(&trained, &images, &Options::default(), |_, _| ()).expect("one channel: not in groups");
    let (mut trained, images) = network("1x8x8 res(nin3+1:4,1id) gap fc2", 3);
    trained.preprocessing = Preprocessing { mean: vec![100.0], scale: vec![0.02] };
    let error = quantize::calibrated(&trained, &images, &Options::default(), |_, _| ()).unwrap_err().to_string();
    assert!(error.contains("no weights that could"), "{error}");
}

fn nin_train(arguments: &[&str], folder: &Path) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nin-train"));
    let output = command.args(arguments).current_dir(folder).output().expect("nin-train");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// 4-bit weights: the file is the network with these weights, in any packing, and is read back as written.
#[test]
fn four_bit_weights() {
    for (seed, line) in (1..).zip(LINES) {
        let (trained, images) = network(line, seed);
        let options = |weights| Options { weights, ..Options::default() };
        let quantized = |weights| quantize::calibrated(&trained, &images, &options(weights), |_, _| ()).expect(line);
        let (eight, _) = quantized(WeightBits::Eight);
        let (four, report) = quantized(WeightBits::Four);
        assert_eq!(four.weight_type(), WeightType::AffineInt4);
        assert!(report.logits > 3.0, "{line}: {report}");
        let Integers::Affine(model) = &four else { panic!("{line}") };
        let wide = model.clone().widened();
        assert_eq!(wide.weight_type(), WeightType::Affine);
        let expected = logits(&wide.to_bytes(Lanes::Sixteen).unwrap(), &images);
        for lanes in Lanes::INT8 {
            let file = four.to_bytes(lanes).unwrap();
            assert!(file.len() < eight.to_bytes(lanes).unwrap().len(), "{line}");
            assert_eq!(logits(&file, &images), expected, "{line}, {lanes} lanes");
            let bytes = ModelBytes::new(&file);
            let back = Integers::from_model(&bytes.model().unwrap()).expect("integers");
            assert_eq!(back.to_bytes(lanes).unwrap(), file, "{line}, {lanes} lanes");
        }
        // A budget between the two.
        let length = |integers: &Integers| integers.to_bytes(Lanes::Two).unwrap().len();
        let budget = (length(&eight) + length(&four)) / 2;
        let weights = quantize::within(&trained, &images, budget, Lanes::Two).unwrap();
        let (mixed, _) = quantized(weights.clone());
        assert!(matches!(weights, WeightBits::FourIn(_)) && length(&mixed) <= budget, "{line}: {weights}");
        let error = quantize::within(&trained, &images, length(&four) - 1, Lanes::Two).unwrap_err().to_string();
        assert!(error.ends_with(&format!("with 4-bit weights everywhere it has {}", length(&four))), "{error}");
    }
}

/// From training to a prediction of the integers, as a user types it.
#[test]
fn train_quantize_eval_predict() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("quantize-family");
    fs::create_dir_all(&folder).unwrap();
    let _ = fs::remove_dir_all(folder.join("run"));
    let line = "1x28x28 nin3/2+1:6 res(dw3+1:6id) dw3/2+same:8 gap fc10";
    let subset = ["--dataset", "fashion-mnist-subset", "--threads", "2"];
    let run = |arguments: &[&str]| nin_train(arguments, &folder);
    let train = ["train", "--line", line, "--epochs", "2", "--batch-norm", "16", "--out", "run"];
    let (good, text) = run(&[&train[..], &subset[..]].concat());
    assert!(good, "{text}");
    let (good, text) = run(&["quantize", "run/checkpoint", "--out", "net.nin", "--rust", "net.rs", "--threads", "2"]);
    assert!(good && text.contains("int8-affine accuracy") && text.contains("dw3+1:6id"), "{text}");
    assert!(fs::read_to_string(folder.join("net.rs")).unwrap().contains("Affine"));
    let accuracy = |text: &str| text.split("accuracy ").nth(1).map(|rest| rest.split(' ').next().unwrap().to_owned());
    let (good, evaluated) = run(&["eval", "net.nin", "--dataset", "fashion-mnist-subset"]);
    assert!(good, "{evaluated}");
    let quantized = accuracy(text.split("int8-affine ").nth(1).unwrap()).unwrap();
    assert!(evaluated.contains(&quantized), "{quantized} in {evaluated}");
    // By way of ONNX, floats and integers come back as they were.
    for (command, model) in [
        (&["export", "run/checkpoint", "--out", "floats.nin"][..], "floats.nin"),
        (&["quantize", "run/checkpoint", "--out", "net.nin", "--threads", "2"], "net.nin"),
        (&["export", "net.nin"], "net.nin"),
    ] {
        let (good, text) = run(&[command, &["--onnx", "net.onnx"]].concat());
        assert!(good && text.contains("net.onnx: "), "{text}");
        let (good, text) = run(&["import", "net.onnx", "--out", "back.nin"]);
        assert!(good, "{text}");
        let [back, own] = ["back.nin", model].map(|name| ModelBytes::new(&fs::read(folder.join(name)).unwrap()));
        let [back, own] = [&back, &own].map(|bytes| bytes.model().unwrap());
        assert_eq!(back.plan().spec(), own.plan().spec());
        assert!(back.weights() == own.weights(), "{command:?}");
    }
    let (good, text) = run(&["quantize", "run/checkpoint", "--equalize", "--threads", "2"]);
    assert!(good && text.contains("int8-affine accuracy"), "{text}");
    for (flags, said) in [
        (&["quantize", "run/checkpoint", "--weights", "4bit:2"][..], "layer 2, the first of `dw3+1:6id`, is in groups"),
        (&["train", "--from", "run/checkpoint", "--qat", "--weights", "4bit:2"], "is in groups"),
        (&["quantize", "run/checkpoint", "--flash", "500"], "with 4-bit weights everywhere it has"),
    ] {
        let (good, text) = run(flags);
        assert!(!good && text.contains(said), "{flags:?}: {text}");
    }

    // 4-bit weights, after training and in training.
    let (good, text) = run(&["quantize", "run/checkpoint", "--weights", "4bit", "--rust", "four.rs", "--threads", "2"]);
    assert!(good && text.contains("int4-affine accuracy"), "{text}");
    assert!(fs::read_to_string(folder.join("four.rs")).unwrap().contains("Network<'_, AffineInt4>"), "four.rs");
    let sizes = ["four.nin", "net.nin"].map(|name| fs::metadata(folder.join(name)).unwrap().len());
    assert!(sizes[0] < sizes[1], "{sizes:?}");
    let (good, evaluated) = run(&["eval", "four.nin", "--dataset", "fashion-mnist-subset"]);
    assert!(good && evaluated.contains(&accuracy(text.split("int4-affine ").nth(1).unwrap()).unwrap()), "{evaluated}");
    let (good, text) = run(&["quantize", "run/checkpoint", "--flash", &(sizes[1] - 30).to_string(), "--threads", "2"]);
    assert!(good && text.contains("--weights 4bit:"), "{text}");
    let _ = fs::remove_dir_all(folder.join("qat4"));
    let aware = ["train", "--from", "run/checkpoint", "--qat", "--weights", "4bit", "--epochs", "1", "--out", "qat4"];
    let (good, text) = run(&[&aware[..], &["--threads", "2"]].concat());
    assert!(good, "{text}");
    let file = fs::read(folder.join("qat4/model.nin")).unwrap();
    assert_eq!(ModelBytes::new(&file).model().unwrap().weight_type(), WeightType::AffineInt4);

    // Quantisation-aware training: the run's model file has the integers that training computed with.
    let _ = fs::remove_dir_all(folder.join("qat"));
    let (good, text) =
        run(&["train", "--from", "run/checkpoint", "--qat", "--epochs", "1", "--out", "qat", "--threads", "2"]);
    assert!(good, "{text}");
    let file = fs::read(folder.join("qat/model.nin")).unwrap();
    assert_eq!(ModelBytes::new(&file).model().unwrap().weight_type(), WeightType::Affine);
    let (good, evaluated) = run(&["eval", "qat/model.nin", "--dataset", "fashion-mnist-subset"]);
    assert!(good, "{evaluated}");
    let number = |text: &str| -> f64 {
        let digits = |after: &str| after.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect::<String>();
        let found = text.split("accuracy ").skip(1).find_map(|after| digits(after).parse().ok());
        found.unwrap_or_else(|| panic!("no accuracy in {text}"))
    };
    let (trained, integers) = (number(&text), number(&evaluated));
    assert!((trained - integers).abs() < 0.3, "{trained} while it trained, {integers} of the file");
    let (good, text) = run(&["quantize", "qat/checkpoint", "--out", "qat.nin", "--threads", "2"]);
    assert!(good && text.contains("its integers are used unchanged"), "{text}");
    assert_eq!(fs::read(folder.join("qat.nin")).unwrap(), file);
}
