//! Hostile or absurd input: one sentence, a bounded cost, and no escape sequences on the terminal.

#![cfg(unix)]

use std::fs::{self, File};
use std::io::Write;
use std::process::Command;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use crate::common::{TempDir, gzip};
use crate::program::{LINE, command, fails, model, network, png, succeeds, write_images};
use flate2::Compression;
use flate2::write::GzEncoder;
use nin_train::data::{idx, load_image};
use nin_train::support::threads;

#[test]
fn threads_are_bounded_by_the_processors() {
    let most = 4 * available_parallelism().unwrap().get();
    assert_eq!(threads::pool(100_000).unwrap().current_num_threads(), most);
    assert_eq!(threads::pool(1).unwrap().current_num_threads(), 1);

    let folder = TempDir::new();
    write_images(&folder);
    folder.write("m.nin", &model(&network(LINE, &[])));
    let note = format!("; {most} are started");
    let train = ["train", "--line", LINE, "--epochs", "1", "--out", "run", "--threads", "1000000"];
    for arguments in
        [&["eval", "m.nin", "--threads", "1000000"][..], &["quantize", "m.nin", "--threads", "9999"], &train]
    {
        let (_, said) = succeeds(command(&folder, arguments).args(["--data", "images"]));
        assert!(said.contains("note: ") && said.contains(&note), "{said}");
    }
    let (alone, said) = succeeds(&mut command(&folder, &["eval", "m.nin", "--data", "images", "--quiet"]));
    assert_eq!(said, "");
    let mut absurd = command(&folder, &["eval", "m.nin", "--data", "images", "--quiet"]);
    let (bounded, said) = succeeds(absurd.env("RAYON_NUM_THREADS", "100000"));
    assert!(said.contains("RAYON_NUM_THREADS=100000") && said.contains(&format!("{most} threads")), "{said}");
    assert_eq!(bounded, alone);
}

/// Clears the screen, sets the window title, reverses the text direction.
const EVIL: &str = "\u{1b}[2J\u{1b}]0;pwned\u{7}\u{202e}evil";
const SHOWN: &str = r"\u001b[2J\u001b]0;pwned\u0007\u202eevil";

/// Returns whether a text is free of control and direction characters.
fn is_harmless(text: &str) -> bool {
    !text.contains(|c: char| c != '\n' && c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c))
}

#[test]
fn names_do_not_reach_the_terminal_as_commands() {
    let folder = TempDir::new();
    for class in [EVIL, "good"] {
        let class = folder.0.join("photos").join(class);
        fs::create_dir_all(&class).unwrap();
        (0..4).for_each(|i| png(&class.join(format!("{i}.png")), 8, 8));
    }
    let file = format!("{EVIL}.png");
    png(&folder.0.join(&file), 8, 8);
    folder.write("m.nin", &model(&network("1x8x8 nin3:4 gap fc2", &["good", EVIL])));
    let photos = model(&network("1x8x8 nin3:4 gap fc2", &[EVIL, "good"]));
    folder.write("photos.nin", &photos);
    folder.write(&format!("{EVIL}.nin"), &photos);
    folder.write(&format!("{EVIL}.broken"), b"nothing");

    let evil = format!("{EVIL}.nin");
    let commands: [&[&str]; 6] = [
        &["data", "--data", "photos", "--shape", "1x8x8"],
        &["predict", "m.nin", &file],
        &["predict", "m.nin", &file, "--quiet"],
        &["predict", "m.nin", &file, "--logits"],
        &["eval", "photos.nin", "--data", "photos"],
        &["export", &evil, "--out", &format!("{EVIL}.out")],
    ];
    for arguments in commands {
        let (printed, said) = succeeds(&mut command(&folder, arguments));
        assert!(is_harmless(&printed) && is_harmless(&said), "{printed:?} {said:?}");
        assert!(printed.contains(SHOWN), "{arguments:?}: {printed}");
        if arguments.contains(&"--logits") {
            let line: serde_json::Value = serde_json::from_str(&printed).unwrap();
            assert_eq!(line["image"], file, "JSON holds the name itself");
        }
    }
    let broken = format!("{EVIL}.broken");
    let missing = format!("{EVIL}\n.nin");
    for arguments in
        [&["eval", "m.nin", "--data", "photos"][..], &["eval", &broken], &["export", &missing, "--out", "x.nin"]]
    {
        let said = fails(&mut command(&folder, arguments));
        assert!(is_harmless(&said) && said.contains(SHOWN), "{said:?}");
    }
    let typed = command(&folder, &["eval", "m.nin", &format!("--{EVIL}")]).output().unwrap();
    assert_eq!(typed.status.code(), Some(2));
    assert!(is_harmless(std::str::from_utf8(&typed.stderr).unwrap()), "{:?}", typed.stderr);
}

/// Returns a command of the program with limited address space, so that an excessive allocation aborts.
fn limited(folder: &TempDir, kilobytes: u32, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    let script = format!("ulimit -v {kilobytes}; exec \"$0\" \"$@\"");
    command.current_dir(&folder.0).args(["-c", &script, env!("CARGO_BIN_EXE_nin-train")]).args(arguments);
    command
}

#[test]
fn a_run_that_does_not_fit_is_refused_before_it_takes_memory() {
    let folder = TempDir::new();
    write_images(&folder);
    folder.write("small.nin", &model(&network(LINE, &[])));
    let (vast, large) = ("1x28x28 nin3:65535,59000 gap fc10", "1x28x28 nin1:65535,4500 gap fc10");
    let train = ["train", "--data", "images", "--out", "run", "--threads", "1", "--line"];
    for (arguments, kilobytes) in [
        (&[vast][..], 4_000_000),
        // Its maps are small, but its parameters are not.
        (&[large], 2_000_000),
        (&[large, "--optimizer", "sgd", "--ema", "0.9"], 2_000_000),
        (&[vast, "--from", "small.nin"], 4_000_000),
        (&["1x11000x11000 nin3+1:3 gap fc10"], 2_000_000),
        (&["1x5000x5000 nin3+1:3 gap fc10", "--batch-norm", "8"], 2_000_000),
    ] {
        let begun = Instant::now();
        let said = fails(&mut limited(&folder, kilobytes, &[&train[..], arguments].concat()));
        assert!(said.contains("the network needs at least ") && said.contains(" are available"), "{said}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{arguments:?}");
        assert!(!folder.0.join("run").exists());
    }
}

#[test]
fn a_small_model_cannot_ask_for_much() {
    let folder = TempDir::new();
    write_images(&folder);
    png(&folder.0.join("p.png"), 9, 9);
    // Images of 537 megapixels; three rows of 100 MB.
    folder.write("pixels.nin", &model(&network("1x23170x23170 gap fc10", &[])));
    folder.write("rows.nin", &model(&network("1x9x65535 nin1:400 nin3+1:1 gap fc10", &[])));
    for (file, kilobytes, problem) in [
        ("pixels.nin", 4_000_000, "pixels.nin: the network reads images of 536,848,900 pixels"),
        ("rows.nin", 300_000, "rows.nin: the network needs "),
    ] {
        for arguments in [
            &["predict", file, "p.png"][..],
            &["eval", file, "--data", "images", "--threads", "1"],
            &["quantize", file, "--data", "images", "--threads", "1"],
        ] {
            let said = fails(&mut limited(&folder, kilobytes, arguments));
            assert!(said.contains(problem), "{said}");
        }
    }
}

#[test]
fn a_small_picture_cannot_unpack_to_much() {
    let folder = TempDir::new();
    // All black: 120 megapixels in less than 200 KB.
    let path = folder.0.join("vast.png");
    image::GrayImage::new(12_000, 10_000).save(&path).unwrap();
    assert!(fs::metadata(&path).unwrap().len() < 1 << 20);
    let error = load_image(&path, 1, 8, 8, false).unwrap_err().to_string();
    assert!(error.ends_with("vast.png: has 12000x10000 pixels, too many; make it smaller"), "{error}");
    assert!(
        load_image(&path, 1, 10_001, 10_000, false).is_err_and(|error| error.to_string().contains("100 megapixels"))
    );
}

#[test]
fn a_gzip_file_is_refused_by_its_header() {
    let folder = TempDir::new();
    write_images(&folder);
    // Two gigabytes of black images in two megabytes, and 60 labels.
    let images = folder.0.join("images").join(idx::NAMES[0]);
    let mut file = GzEncoder::new(File::create(&images).unwrap(), Compression::fast());
    let count: u32 = 2_000_000_000 / (28 * 28);
    file.write_all(&[0, 0, 8, 3]).unwrap();
    [count, 28, 28].iter().for_each(|size| file.write_all(&size.to_be_bytes()).unwrap());
    let megabyte = vec![0; 1 << 20];
    (0..4).for_each(|_| file.write_all(&megabyte).unwrap());
    file.finish().unwrap();
    let said = fails(&mut limited(&folder, 1_000_000, &["data", "--data", "images"]));
    assert!(said.contains("holds 60 labels, but there are 2,551,020 images"), "{said}");

    // With as many labels, only the memory is too small.
    let mut labels = vec![0, 0, 8, 1];
    labels.extend(count.to_be_bytes());
    labels.resize(8 + count as usize, 0);
    folder.write(&format!("images/{}", idx::NAMES[1]), &gzip(&labels));
    let said = fails(&mut limited(&folder, 1_000_000, &["data", "--data", "images"]));
    assert!(said.contains(idx::NAMES[0]) && said.contains("there is memory left for"), "{said}");
}
