//! Calibrated probabilities and "none of these", from training to the model file.

use std::fs;

use crate::common::{TempDir, options};
use crate::program::{command, fails, succeeds};

use nin_core::{Answer, Decision, Model, Score};
use nin_train::data::{Dataset, DatasetKind, FolderOptions, LoadOptions, Shape, load};
use nin_train::engine::arrays::logits;
use nin_train::engine::confidence::{Rejection, find};
use nin_train::engine::streaming::ModelBytes;
use nin_train::training::checkpoint::Checkpoint;

/// Writes stripes of three directions, with some noise: `count` images of 12×12 each.
fn stripes(folder: &TempDir, name: &str, count: u64, direction: u32) {
    fs::create_dir_all(folder.0.join(name)).unwrap();
    for i in 0..count {
        let mut noise = i * 7 + u64::from(direction) * 1_000;
        let image = image::GrayImage::from_fn(12, 12, |x, y| {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let along = [x, y, x + y][direction as usize] + i as u32;
            let level = if along % 4 < 2 { 60 } else { 190 };
            image::Luma([level + (noise >> 58) as u8])
        });
        image.save(folder.0.join(format!("{name}/{i}.png"))).unwrap();
    }
}

const LINE: &str = "1x12x12 nin3+1:8,8 max2/2 nin3+1:8 gap fc2";

#[test]
fn a_run_with_validation_images_is_calibrated() {
    let folder = TempDir::new();
    stripes(&folder, "photos/across", 40, 0);
    stripes(&folder, "photos/down", 40, 1);
    let train = ["train", "--data", "photos", "--line", LINE, "--epochs", "6", "--out", "r", "--validation", "0.25"];
    let (text, _) = succeeds(&mut command(&folder, &train));
    assert!(text.contains("On 16 validation images: temperature"), "{text}");
    assert!(text.contains("\"None of these\" below a largest logit of"), "{text}");

    let file = ModelBytes::new(&fs::read(folder.0.join("r/model.nin")).unwrap());
    let model = file.model().unwrap();
    let decision = *model.decision();
    assert_eq!(u16::from_le_bytes([file.bytes()[8], file.bytes()[9]]), 2);
    assert!(decision.temperature != 1.0 && decision.unknown.is_none(), "{decision:?}");
    assert_eq!(decision.threshold.unwrap().score, Score::Logit);
    let best = Checkpoint::load(&folder.0.join("r/best")).unwrap();
    assert_eq!(best.decision, decision);
    assert_eq!(Checkpoint::from_bytes(&best.to_bytes()).unwrap(), best);
    let report = fs::read_to_string(folder.0.join("r/report.html")).unwrap();
    assert!(report.contains("Probabilities are calibrated with the temperature"), "no confidence in the report");
    // The same page again, and nothing left to train.
    succeeds(&mut command(&folder, &["report", "r"]));
    assert_eq!(fs::read_to_string(folder.0.join("r/report.html")).unwrap(), report);
    let sentence = fails(&mut command(&folder, &["train", "--resume", "r"]));
    assert!(sentence.contains("6"), "{sentence}");

    // Exported and quantised files carry it; the quantised one has its own, found on its own logits.
    succeeds(&mut command(&folder, &["export", "r/best", "--out", "f16.nin", "--type", "f16"]));
    let f16 = ModelBytes::new(&fs::read(folder.0.join("f16.nin")).unwrap());
    assert_eq!(f16.model().unwrap().decision(), &decision);
    let quantize = ["quantize", "r/best", "--out", "int8.nin", "--keep", "0.5", "--reject-by", "energy"];
    let (text, _) = succeeds(&mut command(&folder, &quantize));
    assert!(text.contains("below an energy of") && text.contains("50 % of the right answers"), "{text}");
    let int8 = ModelBytes::new(&fs::read(folder.0.join("int8.nin")).unwrap());
    assert_eq!(int8.model().unwrap().decision().threshold.unwrap().score, Score::Energy);
    // The run's model file is as good as its checkpoint.
    succeeds(&mut command(&folder, &[&["quantize", "r/model.nin", "--out", "same.nin"], &quantize[4..]].concat()));
    assert!(fs::read(folder.0.join("same.nin")).unwrap() == int8.bytes(), "another decision");
    // From a model file alone there are no validation images: its decision is kept, and --keep cannot change it.
    fs::create_dir(folder.0.join("alone")).unwrap();
    fs::copy(folder.0.join("r/model.nin"), folder.0.join("alone/model.nin")).unwrap();
    let alone = ["quantize", "alone/model.nin", "--data", "photos", "--out", "kept.nin"];
    for (flags, threshold, note) in [
        (&[][..], decision.threshold, None),
        (&["--keep", "0.5"], decision.threshold, Some("note: --keep is not used")),
        (&["--keep", "off"], None, None),
    ] {
        let (_, said) = succeeds(&mut command(&folder, &[&alone[..], flags].concat()));
        assert_eq!(said.lines().find(|line| line.contains("--keep")).is_some(), note.is_some(), "{said}");
        assert!(note.is_none_or(|note| said.contains(note)), "{said}");
        let kept = ModelBytes::new(&fs::read(folder.0.join("kept.nin")).unwrap());
        assert_eq!(kept.model().unwrap().decision(), &Decision { threshold, ..decision });
    }

    // `eval` and `predict` answer as the library does.
    let (text, _) = succeeds(&mut command(&folder, &["eval", "int8.nin", "--data", "photos"]));
    assert!(text.contains("accepted ") && text.contains("of these are right"), "{text}");
    let black = image::GrayImage::new(12, 12);
    black.save(folder.0.join("black.png")).unwrap();
    for (file, name) in [(&int8, "int8.nin"), (&file, "r/model.nin")] {
        let model = file.model().unwrap();
        let expected = answer(&model, &black);
        let (text, _) = succeeds(&mut command(&folder, &["predict", name, "black.png"]));
        assert_eq!(text.contains("none of these"), expected == Answer::Unknown, "{text}");
    }
    let off = ["quantize", "r/best", "--out", "off.nin", "--keep", "off"];
    succeeds(&mut command(&folder, &off));
    let off = ModelBytes::new(&fs::read(folder.0.join("off.nin")).unwrap());
    assert_eq!(off.model().unwrap().decision().threshold, None);
    // A threshold that keeps half of the right answers rejects others.
    let found = find(&off.model().unwrap(), &dataset(&folder), Some(Rejection { score: Score::Logit, keep: 0.5 }));
    let decision = found.unwrap().decision;
    let known = logits(&off.model().unwrap(), dataset(&folder).images()).unwrap();
    let rejected = known.outer_iter().filter(|row| decision.answer(row.as_slice().unwrap()) == Answer::Unknown);
    assert!((20..=60).contains(&rejected.count()));
}

fn dataset(folder: &TempDir) -> Dataset {
    let shape = Shape { channels: 1, rows: 12, columns: 12 };
    let options = options(DatasetKind::Folder, Some(&folder.0.join("photos")));
    let options = LoadOptions { folder: FolderOptions { shape, ..FolderOptions::default() }, ..options };
    load(&options, &mut |_| ()).unwrap().train
}

fn answer(model: &Model<'_>, image: &image::GrayImage) -> Answer {
    let image = ndarray::ArrayView4::from_shape((1, 12, 12, 1), image.as_raw()).unwrap();
    model.answer(logits(model, image).unwrap().as_slice().unwrap())
}

#[test]
fn a_folder_of_unknown_images_becomes_a_class_that_is_rejected() {
    let folder = TempDir::new();
    stripes(&folder, "photos/across", 40, 0);
    stripes(&folder, "photos/down", 40, 1);
    stripes(&folder, "others/deep/inside", 40, 2);
    let line = LINE.replace("fc2", "fc3");
    let train = [
        "train",
        "--data",
        "photos",
        "--unknown",
        "others",
        "--line",
        &line,
        "--epochs",
        "20",
        "--batch",
        "16",
        "--out",
        "r",
    ];
    let (text, _) = succeeds(&mut command(&folder, &train));
    assert!(text.contains("40 images of none of the classes from others"), "{text}");
    let file = ModelBytes::new(&fs::read(folder.0.join("r/model.nin")).unwrap());
    let model = file.model().unwrap();
    assert_eq!(model.decision(), &Decision { unknown: Some(2), ..Decision::PLAIN });
    assert_eq!(model.class_name(2), Some("_unknown"));
    let (text, _) = succeeds(&mut command(&folder, &["predict", "r/model.nin", "others/deep/inside/1.png", "-q"]));
    assert_eq!(text, "others/deep/inside/1.png: none of these\n");
    let (text, _) = succeeds(&mut command(&folder, &["predict", "r/model.nin", "photos/down/1.png", "-q"]));
    assert_eq!(text, "photos/down/1.png: down\n");
    // The run knows its images, those of none of the classes too.
    succeeds(&mut command(&folder, &["eval", "r/checkpoint"]));
    succeeds(&mut command(&folder, &["quantize", "r/checkpoint", "--out", "int8.nin"]));
    let int8 = ModelBytes::new(&fs::read(folder.0.join("int8.nin")).unwrap());
    assert_eq!(int8.model().unwrap().decision().unknown, Some(2));
    fs::create_dir(folder.0.join("empty")).unwrap();
    let sentence = fails(&mut command(&folder, &["train", "--data", "photos", "--unknown", "empty", "--line", &line]));
    assert!(sentence.contains("empty: has fewer than two image files"), "{sentence}");
}
