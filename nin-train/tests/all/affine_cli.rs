//! A model of integers with zero points, as `import` writes it, in every command that takes a model.

use std::fs;

use nin_core::packing::affine::{Factor, Words};
use nin_core::{Lanes, Model, Plan, Spec, WeightType};
use nin_train::engine::streaming::ModelBytes;
use nin_train::formats::model_file::{AffineLayer, AffineModel, Record};
use nin_train::network::preprocessing::Preprocessing;

use crate::common::TempDir;
use crate::program::{command, fails, png, succeeds, write_images};

/// A network with a shortcut, zero points and a depthwise layer, for the images of `write_images`.
fn imported() -> AffineModel {
    let spec = Spec::new("1x28x28 nin5/4+0,1:4 res(dw3+1:4id)r6 gap fc10");
    let plan = Plan::new(spec);
    let zeros = [10, 0, 7, 30, 0, 0, 128];
    let mut records = Vec::new();
    for layer in plan.layers().filter(|layer| layer.weight_bytes(WeightType::Affine, 1) > 0) {
        let number = records.len();
        let words = Words {
            input_zero: zeros[number],
            output_zero: zeros[number + 1],
            least: if layer.relu { zeros[number + 1] } else { 0 },
            most: 255,
            plain: false,
            lanes: 1,
            once: false,
            four_bits: false,
            scale: 0.05,
        };
        let factor = |shift: i32| Factor { multiplier: (1 << 30) + 12_345, shift };
        let (outputs, fan_in) = (usize::from(layer.output.channels), layer.fan_in());
        records.push(match layer.kind {
            nin_core::plan::LayerKind::Sum => {
                Record::Sum { words, shortcut_zero: 0, factors: [factor(1), factor(1), factor(20)] }
            }
            nin_core::plan::LayerKind::GlobalAverage => Record::Average { words, factor: factor(5) },
            _ => Record::Layer(AffineLayer {
                words,
                bias: (0..outputs as i32).map(|output| 300 * output - 200).collect(),
                factors: (0..outputs as i32).map(|output| factor(6 + output % 3)).collect(),
                weights: (0..outputs * fan_in).map(|i| (i * i * 31 + 17 * i) as i8).collect(),
            }),
        });
    }
    let preprocessing = Preprocessing { mean: vec![10.0], scale: vec![1.0 / 255.0] };
    AffineModel { spec, preprocessing, class_names: Vec::new(), records }
}

#[test]
fn every_command_takes_an_imported_model() {
    let folder = TempDir::new();
    write_images(&folder);
    let model = imported();
    assert!(model.fits());
    folder.write("m.nin", &model.to_bytes(Lanes::Two).unwrap());
    png(&folder.0.join("a.png"), 28, 28);
    let logits = |file: &str| succeeds(&mut command(&folder, &["predict", file, "a.png", "--logits"])).0;
    let own = logits("m.nin");
    assert!(own.contains("\"logits\":["), "{own}");

    let (printed, _) = succeeds(&mut command(&folder, &["eval", "m.nin", "--data", "images"]));
    assert!(printed.contains("of 20 images"), "{printed}");

    // Another packing is another file with the same logits.
    succeeds(&mut command(&folder, &["export", "m.nin", "--rust", "model.rs", "--out", "one.nin", "--lanes", "1"]));
    assert_eq!(fs::read(folder.0.join("one.nin")).unwrap(), model.to_bytes(Lanes::One).unwrap());
    assert_eq!(logits("one.nin"), own);
    let source = fs::read_to_string(folder.0.join("model.rs")).unwrap();
    for part in ["Network<'_, Affine>", "WeightType::Affine", "res(dw3+1:4id)r6"] {
        assert!(source.contains(part), "no {part} in {source}");
    }
    let (printed, _) = succeeds(&mut command(&folder, &["export", "m.nin", "--c", "model.h"]));
    assert!(printed.contains("model.h: C header, MODEL[] with int8-affine weights"), "{printed}");
    for (flag, sentence) in [
        (&["--safetensors", "m"][..], "m.nin: the weights are integers, which --safetensors does not write"),
        (&["--out", "f16.nin", "--type", "f16"], "m.nin: the weights are integers, which --type cannot change"),
    ] {
        let said = fails(command(&folder, &["export", "m.nin"]).args(flag));
        assert!(said.contains(sentence), "{said}");
    }
    let said = fails(&mut command(&folder, &["quantize", "m.nin", "--data", "images", "--out", "q.nin"]));
    assert!(said.contains("m.nin: the model has integers already"), "{said}");

    succeeds(&mut command(&folder, &["demo", "m.nin", "--data", "images", "--out", "demo.html"]));
    let page = fs::read_to_string(folder.0.join("demo.html")).unwrap();
    assert!(page.contains("the sum of dw3+1:4id)r6"), "the shortcut's sum has no name");
}

/// With images, and without: then the board classifies made-up ones.
#[test]
fn a_project_runs_an_imported_model() {
    let folder = TempDir::new();
    write_images(&folder);
    folder.write("m.nin", &imported().to_bytes(Lanes::Sixteen).unwrap());
    for (board, lanes, images, noted) in
        [("mps2-an386", 2, &["--data", "images"][..], false), ("pico", 1, &["--samples", "3"], true)]
    {
        let mut run = command(&folder, &["firmware", "m.nin", "--board", board, "--out", board]);
        let (_, said) = succeeds(run.args(images));
        assert_eq!(said.contains("made-up"), noted, "{said}");
        let text = |file: &str| fs::read_to_string(folder.0.join(board).join(file)).unwrap();
        let source = text("src/model.rs");
        assert!(source.contains("pub type Weights = Affine;") && source.contains("WeightType::Affine"), "{source}");
        let bytes = ModelBytes::new(&fs::read(folder.0.join(board).join("model.nin")).unwrap());
        let model: Model<'_> = bytes.model().unwrap();
        assert_eq!((model.weight_type(), model.lanes()), (WeightType::Affine, lanes));
        let samples = text("src/samples.rs").matches("    sample(").count();
        assert_eq!(samples, if noted { 3 } else { 10 });
    }
}
