//! Values that are not finite or out of range: refused when they are read, in a sentence that names the file.

use std::fs;

use crate::common::{TempDir, noise};
use crate::program::{LINE, command, fails, model, network, png, succeeds, write_images};
use nin_train::Recipe;
use nin_train::data::Shape;
use nin_train::quantize::{CalibrationError, Options, post_training};
use nin_train::training::checkpoint::{Checkpoint, Problem};
use nin_train::training::position::EpochPart;
use nin_train::training::schedule::Schedule;
use nin_train::training::trainer::Trainer;
use sha2::{Digest, Sha256};

/// Returns a run after the first of its two steps.
fn begun() -> Checkpoint {
    let recipe = Recipe { batch: 10, epochs: 2, ..Recipe::default() };
    let names = noise(20, Shape { channels: 1, rows: 28, columns: 28 }, 1);
    let trained = network(LINE, &[]);
    let mut trainer =
        Trainer::new(trained.spec, recipe, trained.preprocessing, names.class_names().to_vec(), 1).unwrap();
    trainer.epoch(&names, |_| std::ops::ControlFlow::Break(())).unwrap();
    let mut checkpoint = trainer.checkpoint();
    assert_eq!(checkpoint.position.step, 1);
    checkpoint.images = None;
    checkpoint
}

/// Returns the error of a run's header after a change.
fn fault(change: impl FnOnce(&mut Checkpoint)) -> String {
    let mut checkpoint = begun();
    change(&mut checkpoint);
    match Checkpoint::from_bytes(&checkpoint.to_bytes()) {
        Err(Problem::Header(fault)) => fault,
        other => panic!("accepted: {other:?}"),
    }
}

#[test]
fn a_checkpoint_is_finite_in_range_and_of_one_piece() {
    let good = begun();
    assert_eq!(Checkpoint::from_bytes(&good.to_bytes()).unwrap(), good);

    assert!(fault(|run| run.recipe.schedule = Schedule::OneCycle { rise: -5.0 }).contains("rise must be from 0 to 1"));
    assert!(fault(|run| run.recipe.epochs = 0).contains("at least one epoch"));
    assert!(fault(|run| run.position.epoch = 3).contains("beyond its last epoch"));
    assert!(fault(|run| run.position.step = 1 << 63).contains("steps and their images"));
    assert!(fault(|run| run.position.images = 11).contains("steps and their images"));
    assert!(fault(|run| run.position.correct = 11).contains("counts of images"));
    assert!(fault(|run| run.position.parts.push(EpochPart { done: 7.0, loss: 0.0, accuracy: 0.5 })).contains("finite"));
    assert!(fault(|run| run.position.epoch = 1).contains("epochs' results"));
    assert!(fault(|run| run.state.steps = u64::MAX).contains("more steps"));

    // A number that is finite in JSON, but not as f32.
    for (from, to, wanted) in [
        (r#""rise":0.3"#, r#""rise":1e308"#, "rise must be from 0 to 1"),
        (r#""mean":[0.0]"#, r#""mean":[1e308]"#, "number out of range"),
        (r#""lr":0.003"#, r#""lr":-1e30"#, "the learning rate must be a finite number"),
    ] {
        let bytes = edited(&good, from, to);
        let problem = Checkpoint::from_bytes(&bytes).unwrap_err().to_string();
        assert!(problem.contains(wanted), "{problem}");
        let folder = TempDir::new();
        folder.write("run/checkpoint", &bytes);
        let said = fails(&mut command(&folder, &["train", "--resume", "run", "--offline"]));
        assert!(said.starts_with("error: run/checkpoint: ") && said.contains(wanted), "{said}");
    }
}

/// Returns a checkpoint's bytes with another text in its header.
fn edited(checkpoint: &Checkpoint, from: &str, to: &str) -> Vec<u8> {
    let bytes = checkpoint.to_bytes();
    let length = u32::from_le_bytes(bytes[12..16].try_into().unwrap()) as usize;
    let header = std::str::from_utf8(&bytes[16..16 + length]).unwrap();
    assert!(header.contains(from), "{header}");
    let header = header.replace(from, to);
    let mut edited = bytes[..12].to_vec();
    edited.extend((header.len() as u32).to_le_bytes());
    edited.extend(header.as_bytes());
    edited.extend(&bytes[16 + length..bytes.len() - 32]);
    let hash = Sha256::digest(&edited);
    edited.extend(hash);
    edited
}

/// Returns a model file's bytes with changed parts and a valid checksum.
fn with_weight(file: &[u8], old: f32, new: f32) -> Vec<u8> {
    let mut file = file[..file.len() - 4].to_vec();
    let at = file.windows(4).position(|bytes| bytes == old.to_le_bytes()).unwrap();
    file[at..at + 4].copy_from_slice(&new.to_le_bytes());
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&file);
    file.extend(crc.to_le_bytes());
    file
}

#[test]
fn a_file_with_numbers_that_are_none_is_named() {
    let folder = TempDir::new();
    write_images(&folder);
    png(&folder.0.join("p.png"), 28, 28);
    let mut trained = network(LINE, &[]);
    (trained.parameters[3], trained.preprocessing.mean[0]) = (0.123, 0.456);
    let sound = model(&trained);
    folder.write("nan.nin", &with_weight(&sound, 0.123, f32::NAN));
    folder.write("mean.nin", &with_weight(&sound, 0.456, f32::INFINITY));
    for (file, place) in
        [("nan.nin", "stage 1 (nin5/4:4), layer 1 contains"), ("mean.nin", "the mean of the input contains")]
    {
        let train = ["train", "--data", "images", "--epochs", "1", "--out", "run", "--from", file];
        for arguments in [
            &["eval", file, "--data", "images"][..],
            &["predict", file, "p.png"],
            &["export", file, "--out", "x.nin"],
            &["quantize", file, "--data", "images"],
            &train,
        ] {
            let said = fails(&mut command(&folder, arguments));
            assert!(said.starts_with(&format!("error: {file}: {place} an infinite number or NaN")), "{said}");
        }
    }
    // Import names the tensor.
    (trained.parameters[3], trained.preprocessing.mean[0]) = (f32::NAN, 0.0);
    folder.write("t.safetensors", &trained.to_safetensors().unwrap());
    let said = fails(&mut command(&folder, &["import", "t.safetensors", "--line", LINE, "--out", "x.nin"]));
    assert!(said.starts_with("error: t.safetensors: the tensor net.0.0.weight contains an infinite number"), "{said}");
    assert!(said.contains("save the network from an earlier epoch") && !said.contains("rate"), "{said}");

    // A large finite number is finite.
    let mut large = network(LINE, &[]);
    large.parameters.fill(0.0);
    large.parameters[3] = 3.4e38;
    folder.write("large.nin", &model(&large));
    let (_, said) = succeeds(&mut command(&folder, &["export", "large.nin", "--out", "x.nin"]));
    assert_eq!(said, "");
}

/// Weights of 1e20, then ±1e20: the second layer's sums exceed the range of f32.
#[test]
fn answers_that_are_no_numbers_are_errors() {
    let folder = TempDir::new();
    let mut overflowing = network("3x4x4 nin1:1 nin1:2 gap", &["a", "b"]);
    overflowing.parameters = vec![1e20, 1e20, 1e20, 0.0, 1e20, -1e20, 0.0, 0.0];
    folder.write("o.nin", &model(&overflowing));
    for class in ["a", "b"] {
        fs::create_dir_all(folder.0.join("photos").join(class)).unwrap();
        (0..4).for_each(|i| png(&folder.0.join(format!("photos/{class}/{i}.png")), 4, 4));
    }
    let picture = "photos/a/0.png";
    for arguments in [
        &["predict", "o.nin", picture][..],
        &["predict", "o.nin", picture, "--logits"],
        &["eval", "o.nin", "--data", "photos"],
        &["eval", "o.nin", "--data", "photos", "--json"],
        &["quantize", "o.nin", "--data", "photos", "--out", "q.nin"],
    ] {
        let said = fails(&mut command(&folder, arguments));
        assert!(said.contains("logits are infinite or NaN"), "{said}");
    }
    assert!(!folder.0.join("q.nin").exists());
}

/// The rows of the first layer differ by 10 orders of magnitude, and the second layer compensates this: one scale for
/// the activations between them cannot represent both.
fn unequal() -> nin_train::network::trained::Trained {
    let mut trained = network("3x4x4 nin1:2 nin1:2 gap", &["a", "b"]);
    trained.parameters = [[1e-6; 3], [1e4; 3]].concat();
    trained.parameters.extend([0.0, 0.0, 1e6, 0.0, 0.0, 1e-5, 0.0, 0.0]);
    trained
}

#[test]
fn integers_that_do_not_follow_the_floats_are_not_called_free() {
    let folder = TempDir::new();
    folder.write("u.nin", &model(&unequal()));
    for class in ["a", "b"] {
        fs::create_dir_all(folder.0.join("photos").join(class)).unwrap();
        (0..6).for_each(|i| png(&folder.0.join(format!("photos/{class}/{i}.png")), 4 + i, 4));
    }
    let (printed, _) = succeeds(&mut command(&folder, &["quantize", "u.nin", "--data", "photos"]));
    assert!(
        printed.contains("8 bits differ too much from the floats: the logits' signal-to-noise ratio is "),
        "{printed}"
    );
    assert!(!printed.contains("cost nothing"), "{printed}");

    assert!(printed.contains("try --equalize or train --qat"), "{printed}");

    // Rescaled channels share one scale: this network needs nothing else.
    let (printed, _) = succeeds(&mut command(&folder, &["quantize", "u.nin", "--data", "photos", "--equalize"]));
    assert!(printed.contains("8 bits cost nothing: the same accuracy"), "{printed}");

    // An ordinary network is judged by its accuracy alone.
    folder.write("s.nin", &model(&network("3x8x8 nin3:8 nin1:2 gap", &["a", "b"])));
    let (printed, _) = succeeds(&mut command(&folder, &["quantize", "s.nin", "--data", "photos"]));
    assert!(printed.contains("8 bits cost "), "{printed}");
}

#[test]
fn constant_images_show_no_range() {
    let trained = network(LINE, &[]);
    let constant = |value: u8| vec![vec![value; 28 * 28]; 3];
    for value in [0, 255] {
        let refused = post_training(&trained, &constant(value), &Options::default(), |_, _| {});
        assert!(matches!(refused, Err(CalibrationError::Constant(found)) if found == value), "{refused:?}");
    }
    // One image that differs in one pixel is enough.
    let mut images = constant(0);
    images[1][40] = 9;
    assert!(post_training(&trained, &images, &Options::default(), |_, _| {}).is_ok());
}

#[test]
fn flags_have_ranges() {
    let folder = TempDir::new();
    write_images(&folder);
    png(&folder.0.join("p.png"), 28, 28);
    folder.write("m.nin", &model(&network(LINE, &[])));
    for fraction in ["NaN", "-1", "0", "1", "1e300", "inf", "x"] {
        let output = command(&folder, &["data", "--data", "images", &format!("--test-fraction={fraction}")]).output();
        let output = output.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{fraction}: {said}");
        assert!(said.contains("a number above 0 and below 1"), "{said}");
    }
    succeeds(&mut command(&folder, &["data", "--data", "images", "--test-fraction", "0.5"]));
    assert_eq!(command(&folder, &["predict", "m.nin", "p.png", "--top", "0"]).status().unwrap().code(), Some(2));
    succeeds(&mut command(&folder, &["predict", "m.nin", "p.png", "--top", "1"]));
}

#[test]
fn a_list_of_class_names_that_is_too_long_is_named() {
    let folder = TempDir::new();
    let record = vec![0; 3073];
    for name in ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"] {
        folder.write(&format!("cifar/{name}.bin"), &record);
    }
    let names: Vec<String> = (0..10).map(|i| format!("{i}{}", "x".repeat(1000))).collect();
    folder.write("cifar/batches.meta.txt", names.join("\n").as_bytes());
    let said = fails(&mut command(&folder, &["data", "--data", "cifar"]));
    assert!(said.contains("batches.meta.txt: has a class name of 1,001 bytes, and 1000 is the limit"), "{said}");
}

#[test]
fn a_damaged_best_network_says_how_to_go_on() {
    let folder = TempDir::new();
    write_images(&folder);
    let train = ["train", "--data", "images", "--line", LINE, "--epochs", "1", "--validation", "0.2", "--out", "run"];
    succeeds(&mut command(&folder, &train));
    folder.write("run/best", b"NINTRAIN");
    let resume = ["train", "--resume", "run", "--epochs", "2", "--data", "images"];
    let said = fails(&mut command(&folder, &resume));
    assert!(said.starts_with("error: run/best: the checkpoint is cut off"), "{said}");
    assert!(said.ends_with("start another from its last network with train --from run/checkpoint"), "{said}");
    succeeds(&mut command(
        &folder,
        &["train", "--from", "run/checkpoint", "--epochs", "1", "--data", "images", "--out", "b"],
    ));
}
