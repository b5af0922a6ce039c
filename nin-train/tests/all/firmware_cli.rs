//! `nin-train firmware` as a program: the project's files, their content, and what is refused before anything is written.
//! (`scripts/boards.sh` compiles and runs the projects.)

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nin_core::{Model, Plan, Spec};
use nin_train::boards::BOARDS;
use nin_train::data::{Dataset, idx, subset};
use nin_train::engine::streaming::{ModelBytes, Streaming};
use nin_train::network::preprocessing::Preprocessing;
use nin_train::network::trained::Trained;

const LINE: &str = "1x28x28 nin5/2+2:6,6 max3/2 nin3+1:8,10 gap";

/// Returns an empty folder for one test, with a few images in `images` and a network of random weights.
fn folder(name: &str, line: &'static str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("firmware-{name}"));
    let _ = fs::remove_dir_all(&folder);
    let images = folder.join("images");
    fs::create_dir_all(&images).unwrap();
    let splits = subset::bundled().unwrap();
    let every = |data: &Dataset, step: usize| data.select(&(0..data.len()).step_by(step).collect::<Vec<_>>());
    for (name, data) in [("train", every(&splits.train, 60)), ("t10k", every(&splits.test, 10))] {
        let create = |end: &str| fs::File::create(images.join(format!("{name}-{end}"))).unwrap();
        idx::write_images(&data, &mut create("images-idx3-ubyte")).unwrap();
        idx::write_labels(&data, &mut create("labels-idx1-ubyte")).unwrap();
    }
    let spec = Spec::new(line);
    let parameters = (0..Plan::new(spec).parameters()).map(|i| (i as f32 * 0.37).sin() * 0.4 + 0.05).collect();
    let trained = Trained { spec, parameters, preprocessing: Preprocessing::unit(1), class_names: Vec::new() };
    fs::write(folder.join("network.safetensors"), trained.to_safetensors().unwrap()).unwrap();
    folder
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nin-train"));
    command.current_dir(folder).args(arguments).args(["--data", "images", "--quiet"]);
    command.output().expect("the program runs")
}

fn firmware(folder: &Path, arguments: &[&str]) -> Output {
    run(folder, &[&["firmware", "network.safetensors"], arguments].concat())
}

fn refusal(folder: &Path, arguments: &[&str]) -> String {
    let output = firmware(folder, &[arguments, &["--out", "project"]].concat());
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && !text.contains("panicked"), "{arguments:?}: {text}");
    assert!(!folder.join("project").exists(), "{arguments:?} leaves files behind");
    text
}

#[test]
fn a_project_has_the_logits_of_its_model() {
    let folder = folder("logits", LINE);
    for (board, images) in [("pico", 10), ("mps2-an386", 3)] {
        let samples = images.to_string();
        let output = firmware(&folder, &["--board", board, "--out", board, "--samples", &samples]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let read = |file: &str| fs::read(folder.join(board).join(file)).unwrap();
        let text = |file: &str| String::from_utf8(read(file)).unwrap();

        let bytes = ModelBytes::new(&read("model.nin"));
        let model: Model<'_> = bytes.model().unwrap();
        assert_eq!(model.plan().spec(), &Spec::new(LINE));
        let mut streaming = Streaming::new(&model);
        let (source, pixels) = (text("src/samples.rs"), read("samples.bin"));
        assert_eq!(pixels.len(), images * 28 * 28);
        // Of ten classes, the first image of each in turn.
        let test =
            idx::load(&folder.join("images"), &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], "").unwrap().1;
        for (index, image) in pixels.chunks(28 * 28).enumerate() {
            let first = (0..test.len()).find(|&i| test.label(i) == index).unwrap();
            assert_eq!(image, test.image(first), "image {index}");
            let logits = streaming.classify(image, model.plan().spec().input()).unwrap();
            let bits: Vec<_> = logits.iter().map(|logit| format!("{:#010x}", logit.to_bits())).collect();
            assert!(source.contains(&format!("sample({index}, {index}, [{}]),", bits.join(", "))), "{source}");
        }
        assert!(text("src/model.rs").contains(if board == "pico" { "Int8<1>" } else { "Int8<2>" }));
    }
}

#[test]
fn every_board_has_a_project_that_a_person_can_read() {
    let folder = folder("boards", "1x28x28 nin5/2+2:4,10 gap");
    let generic = ["generic:STM32L476RGTx", "--flash", "1M", "--ram", "96K"];
    let unknown =
        ["generic:X", "--core", "cortex-m0+", "--clock", "48M", "--flash", "256K@0x8000", "--ram", "64K@0x20000000"];
    let mut boards: Vec<Vec<&str>> = BOARDS.iter().filter(|board| board.has_project()).map(|b| vec![b.name]).collect();
    boards.push(generic.to_vec());
    boards.push(unknown.to_vec());
    boards.push(vec!["esp32-c6", "--rows", "camera"]);
    boards.push(vec!["riscv32-virt", "--rows", "camera"]);
    boards.push(vec!["pico", "--rows", "camera"]);
    boards.push(vec!["nrf52840-dk", "--partition"]);
    assert!(boards.len() > 25);
    // Calibrated once.
    let quantized = run(&folder, &["quantize", "network.safetensors", "--out", "int8.nin"]);
    assert!(quantized.status.success(), "{}", String::from_utf8_lossy(&quantized.stderr));
    for (number, board) in boards.iter().enumerate() {
        let out = format!("project-{number}");
        let output = run(&folder, &[&["firmware", "int8.nin", "--out", &out, "--board"], board.as_slice()].concat());
        assert!(output.status.success(), "{board:?}: {}", String::from_utf8_lossy(&output.stderr));
        let text = |file: &str| fs::read_to_string(folder.join(&out).join(file)).unwrap();
        for file in ["main", "board", "clock", "memory", "model", "samples"] {
            let source = text(&format!("src/{file}.rs"));
            assert!(!source.contains("{{"), "{board:?} {file}: {source}");
            let long = source.lines().find(|line| line.chars().count() > 120 && !line.contains("sample("));
            assert_eq!(long, None, "{board:?} {file}");
        }
        assert!(text("src/main.rs").lines().count() <= 80);
        assert!(text("README.md").contains("10 of 10 as on the host, bit for bit"));
        assert!(text("Cargo.toml").contains(&format!("name = \"{out}\"")));
    }
    let camera = fs::read_to_string(folder.join(format!("project-{}/src/main.rs", boards.len() - 2))).unwrap();
    assert!(camera.contains("push_row") && camera.contains("mod camera;"));
    let map = fs::read_to_string(folder.join(format!("project-{}/memory.x", boards.len() - 1))).unwrap();
    assert!(map.contains("MODELS : ORIGIN = 0x00080000, LENGTH = 512K"), "{map}");
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_written() {
    let small = folder("small", LINE);
    let flash = refusal(&small, &["--board", "generic:STM32F401RETx", "--flash", "32K", "--ram", "96K"]);
    assert!(flash.contains("of flash, but the program needs") && flash.contains("--weights 4bit"), "{flash}");
    let ram = refusal(&small, &["--board", "generic:STM32F401RETx", "--flash", "512K", "--ram", "2K"]);
    assert!(ram.contains("2.0 KiB of RAM, but the program needs") && ram.contains("search --flash N --ram"), "{ram}");
    // More state than 16 KiB of RAM.
    let wide = folder("wide", "1x28x28 nin3+1:512 nin3+1:4,10 gap");
    let ram = refusal(&wide, &["--board", "microbit"]);
    assert!(ram.contains("microbit has 16.0 KiB of RAM"), "{ram}");
    let large = folder("large", "1x28x28 nin3+1:512 nin3+1:32,10 gap");
    let partition = refusal(&large, &["--board", "microbit", "--partition"]);
    assert!(partition.contains("its partition 98,304"), "{partition}");
}

#[test]
fn mistakes_are_named() {
    let folder = folder("mistakes", LINE);
    for (arguments, said) in [
        (&["--board", "pico3"][..], "did you mean 'pico'?"),
        (&["--board", "generic"], "name the chip"),
        (&["--board", "generic:STM32F401RETx"], "--flash and --ram"),
        (&["--board", "generic:Z80", "--flash", "1M", "--ram", "1M"], "give its core, its clock after reset"),
        (&["--board", "generic:STM32F4\"", "--flash", "1M", "--ram", "1M"], "this chip is not known"),
        (&["--board", "generic:X", "--flash", "1M", "--ram", "1M", "--clock", "16"], "--clock is in Hz"),
        (&["--board", "pico", "--flash", "1M"], "the memory of pico is known"),
        (&["--board", "esp32-c3", "--partition"], "no partition"),
        (&["--board", "stm32vldiscovery", "--partition"], "no partition"),
        (&["--board", "pico", "--dataset", "npz"], "is"),
    ] {
        let text = refusal(&folder, arguments);
        assert!(text.contains(said), "{arguments:?}: {text}");
        assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    }
    // The parser's messages have a second line, which names --help.
    let flash = refusal(&folder, &["--board", "generic:X", "--flash", "1M@12", "--ram", "1M"]);
    assert!(flash.contains("an address is a hexadecimal number of 32 bits"), "{flash}");
    let core = refusal(&folder, &["--board", "generic:X", "--core", "avr", "--flash", "1M", "--ram", "1M"]);
    assert!(core.contains("the cores are cortex-m0, cortex-m0+"), "{core}");
    fs::create_dir(folder.join("full")).unwrap();
    fs::write(folder.join("full/notes.txt"), "mine").unwrap();
    let output = firmware(&folder, &["--board", "pico", "--out", "full"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && text.contains("the folder has files"), "{text}");
    assert_eq!(fs::read_dir(folder.join("full")).unwrap().count(), 1);
}

/// The board answers "none of these" where the host does: with the threshold of `quantize`, or one of its own.
#[test]
fn a_project_has_the_decision_of_its_model() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("firmware-decision");
    let _ = fs::remove_dir_all(&folder);
    for (class, light) in [("dark", 20u8), ("light", 150)] {
        fs::create_dir_all(folder.join("photos").join(class)).unwrap();
        for number in 0..20u8 {
            let image =
                image::RgbImage::from_fn(12, 12, |x, y| image::Rgb([light + (x * y / 4) as u8, light + number, 90]));
            image.save(folder.join("photos").join(class).join(format!("{number}.png"))).unwrap();
        }
    }
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nin-train"));
        let output = command.current_dir(&folder).args(arguments).arg("--quiet").output().expect("the program runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let line = "3x12x12 nin3+1:6 gap fc2";
    run(&["train", "--data", "photos", "--line", line, "--epochs", "2", "--validation", "0.25", "--out", "run"]);
    run(&["quantize", "run/model.nin", "--out", "run/int8.nin"]);
    run(&["firmware", "run/int8.nin", "--board", "mps2-an386", "--out", "quantized"]);
    run(&["firmware", "run/checkpoint", "--board", "mps2-an386", "--out", "floats", "--keep", "0.5"]);
    run(&["firmware", "run/checkpoint", "--board", "mps2-an386", "--out", "off", "--keep", "off"]);
    let decision = |file: &str| {
        let bytes = ModelBytes::new(&fs::read(folder.join(file)).unwrap());
        *bytes.model().unwrap().decision()
    };
    let whole = decision("run/int8.nin");
    assert!(whole.threshold.is_some() && whole.temperature != 1.0, "{whole:?}");
    assert_eq!(decision("quantized/model.nin"), whole);
    let half = decision("floats/model.nin").threshold.unwrap();
    assert!(half.value > whole.threshold.unwrap().value, "fewer right answers are kept: {half:?} {whole:?}");
    assert_eq!(decision("off/model.nin").threshold, None);

    // What its README promises is what the board will count.
    let bytes = ModelBytes::new(&fs::read(folder.join("floats/model.nin")).unwrap());
    let model = bytes.model().unwrap();
    let (pixels, source) = (
        fs::read(folder.join("floats/samples.bin")).unwrap(),
        fs::read_to_string(folder.join("floats/src/samples.rs")).unwrap(),
    );
    let mut streaming = Streaming::new(&model);
    let right = pixels.chunks(3 * 12 * 12).enumerate().filter(|(index, image)| {
        let logits = streaming.classify(image, model.plan().spec().input()).unwrap();
        let label = usize::from(!source.contains(&format!("sample({index}, 0, [")));
        model.answer(&logits).class() == Some(label)
    });
    let right = right.count();
    let readme = fs::read_to_string(folder.join("floats/README.md")).unwrap();
    assert!(readme.contains(&format!("{right} of 8 answers right")), "{right}: {readme}");
}
