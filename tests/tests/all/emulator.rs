//! Board and host compute the same, bit for bit: the firmware on the emulator against the engine on this computer.
//!
//! Needs `qemu-system-arm` and a compiler for the boards; without them the tests say so and pass, unless
//! `NIN_REQUIRE_EMULATOR=1`.

use std::fs;

use nin_core::camera::{PixelFormat, Rgb565Be};
use nin_core::{Lanes, Shape, Spec, WeightType};
use nin_embedded::demo::camera::{byte, frame};
use nin_embedded::{FASHION, formula_level};
use nin_tests::emulator::{firmware, host, logits, number, printed, root};
use nin_tests::integer_random::{self, Style};
use nin_tests::random::Case;
use nin_tests::{formula, integer_file};
use nin_train::data::{Dataset, fit, spread, test_images};

/// A Cortex-M4F.
const BOARD: &str = "mps2-an386";
/// It runs any model.
const PARTITION: (&str, &str) = (BOARD, "partition");

#[test]
fn the_example_agrees() {
    for (board, program) in [
        (BOARD, "fashion"),
        (BOARD, "fashion-f16"),
        (BOARD, "fashion-int8"),
        // A Cortex-M0 with 16 KB of RAM, and a Cortex-M3 with 8 KB.
        ("microbit", "fashion-int8"),
        ("stm32vldiscovery", "fashion-int8"),
        // A Cortex-M33.
        ("mps2-an505", "fashion"),
        ("mps2-an505", "fashion-int8"),
    ] {
        let Some(output) = firmware(board, program, &["bits"], &[]) else { return };
        let printed = printed(&output);
        let file = fs::read(root().join("nin-embedded/models").join(program).with_extension("nin")).expect(program);
        let images: Vec<_> = FASHION.iter().map(|(image, _)| image).collect();
        let host = host(&file, false, images.len(), |image, (y, x), _| f32::from(images[image].row(y)[x]));
        assert_eq!(logits(&printed), host, "{program} on {board}");

        let statics = number(&printed, "static RAM (.data + .bss)");
        let planned = number(&printed, "state planned");
        assert!(planned <= statics && statics < planned + 256, "{printed}");
        assert!(number(&printed, "stack at most") > 0, "{printed}");
    }
}

/// Images for the `partition` firmware.
enum Show {
    /// Made up, from this counter on.
    Formula(u64),
    /// The ten test images, resized.
    Fashion,
    /// Frames of a camera, made up from this counter on.
    Camera(u64),
}

/// Runs a model from the partition on the emulator, and here; returns what the firmware printed.
fn agree(
    (board, program): (&str, &str),
    line: &str,
    packing: (WeightType, Lanes),
    images: usize,
    show: Show,
) -> Option<String> {
    agree_in((board, program), line, packing, Sums::Separate, images, show)
}

/// How a firmware adds up floats.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sums {
    /// A product is rounded before it is added.
    Separate,
    /// It is not.
    Fused,
}

/// The same with sums of either kind.
fn agree_in(
    (board, program): (&str, &str),
    line: &str,
    (weight_type, lanes): (WeightType, Lanes),
    sums: Sums,
    images: usize,
    show: Show,
) -> Option<String> {
    let spec: Spec = line.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
    let file = formula::model(spec, weight_type, lanes);
    let what = format!("{line} in {} by {lanes}, {sums:?}", weight_type.name());
    agree_on((board, program), &what, (spec, &file), sums, images, show)
}

/// The same for a model file of this architecture, whatever is in it; `what` names it.
fn agree_on(
    (board, program): (&str, &str),
    what: &str,
    (spec, file): (Spec, &[u8]),
    sums: Sums,
    images: usize,
    show: Show,
) -> Option<String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.nin");
    fs::write(&path, file).expect("a temporary file");
    let mut words = vec![format!("models={}", path.display()), format!("count={images}")];
    match show {
        Show::Formula(counter) => words.push(format!("formula={counter}")),
        Show::Camera(counter) => words.push(format!("camera={counter}")),
        Show::Fashion => {}
    }
    if sums == Sums::Fused {
        words.push("fused".into());
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let output = firmware(board, program, &words, &[])?;
    let printed = printed(&output);

    let input = spec.input();
    let (channels, rows, columns) = (input.channels as usize, input.rows as usize, input.columns as usize);
    // What the trainer makes of a picture with the colours of the camera's frame.
    let photo = |image: usize, counter: u64| {
        let (rows, columns) = frame(input);
        let pixels = usize::from(rows) * usize::from(columns);
        let pixel = |at: usize| [2 * at, 2 * at + 1].map(|at| byte(counter, image * 2 * pixels + at));
        let colours: Vec<u8> = (0..pixels).flat_map(|at| Rgb565Be::rgb(&pixel(at), 0)).collect();
        fit(&colours, Shape { channels: 3, rows, columns }, input).into_owned()
    };
    let photos: Vec<Vec<u8>> = match show {
        Show::Camera(counter) => (0..images).map(|image| photo(image, counter)).collect(),
        _ => Vec::new(),
    };
    let fashion: Vec<_> = FASHION.iter().map(|(image, _)| image).collect();
    let host = host(file, sums == Sums::Fused, images, |image, (y, x), channel| match show {
        Show::Formula(counter) => {
            formula_level(counter + (((image * channels + channel) * rows + y) * columns + x) as u64)
        }
        Show::Fashion => fashion[image].fitted(input, y, x).into(),
        Show::Camera(_) => photos[image][(y * columns + x) * channels + channel].into(),
    });
    assert_eq!(logits(&printed), host, "{what} on {board}");
    Some(printed)
}

/// The book's network at its full size: its state fits 164 KB with 16-bit weights, 48 KB with 8 bits. The images are
/// resized as they stream.
#[test]
fn the_books_network_agrees() {
    let line = Spec::preset("d2l").expect("a preset").to_string();
    let float = agree(PARTITION, &line, (WeightType::F16, Lanes::Four), 1, Show::Fashion);
    let Some(printed) = float else { return };
    assert!(number(&printed, "state planned") <= 164 * 1024, "{printed}");
    // Weights, code and RAM in what an STM32F429 has of them.
    let small = ("mps2-f429", "partition-int8");
    let Some(printed) = agree(small, &line, (WeightType::Int8, Lanes::Two), 1, Show::Fashion) else { return };
    assert!(number(&printed, "state planned") <= 48 * 1024, "{printed}");
}

/// Resized on the board or in training: the same levels.
#[test]
fn images_are_resized_as_for_training() {
    for (image, _) in FASHION.iter() {
        let pixels: Vec<u8> = (0..28).flat_map(|y| image.row(y)).copied().collect();
        let from = Shape { channels: 1, rows: 28, columns: 28 };
        for (rows, columns) in [(28, 28), (224, 224), (13, 40), (61, 9), (1, 1), (20, 20)] {
            let to = Shape { channels: 1, rows, columns };
            let (columns, training) = (usize::from(columns), fit(&pixels, from, to));
            let board = |at: usize| image.fitted(to, at / columns, at % columns);
            assert!((0..to.len()).all(|at| board(at) == training[at]), "{to}");
        }
    }
}

/// A camera's rows on the board give the logits of the same picture on this computer: grey and colour, floats and
/// integers, with and without instructions for long products.
#[test]
fn camera_rows_agree() {
    let int8 = (WeightType::Int8, Lanes::One);
    for (target, packing) in [
        (PARTITION, (WeightType::F32, Lanes::Four)),
        (PARTITION, int8),
        (("mps2-an385", "partition-int8"), int8),
        (("microbit", "partition-int8"), int8),
    ] {
        for line in ["3x20x24 nin3/2+1:8,6 max2/2 nin3+1:5 gap fc4", "1x19x13 nin3/2+1:8,6 max2/2 nin3+1:5 gap fc4"] {
            let Some(printed) = agree(target, line, packing, 2, Show::Camera(7)) else { return };
            assert!(printed.contains("per pixel of the camera"), "{printed}");
        }
    }
}

/// A user's colour images from the file that `nin-train data --raw` writes.
#[test]
fn own_images_run_on_the_board() {
    let spec: Spec = "3x9x14 nin3+1:5,7 avg2/2 nin3/2+1:9 gap fc3".parse().unwrap();
    let input = spec.input();
    let names = ["cat", "dog", "owl"].map(String::from).to_vec();
    let pixels = (0..10 * 2 * input.len() as u64).map(|at| formula_level(at) as u8).collect();
    let shape = Shape { rows: 2 * input.rows, ..input };
    let data = Dataset::new(pixels, shape, (0..10).map(|label| label % 3).collect(), names).unwrap();
    let indices = spread(&data, 10);
    let images = test_images(&data, &indices, input).unwrap();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [model, file] = ["model.nin", "images.bin"].map(|name| folder.path().join(name));
    let network = formula::model(spec, WeightType::Int8, Lanes::One);
    fs::write(&model, &network).unwrap();
    fs::write(&file, &images).unwrap();
    let words = [format!("models={}", model.display()), format!("images={}", file.display())];
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    for (board, program) in [PARTITION, ("microbit", "partition-int8")] {
        let Some(output) = firmware(board, program, &words, &[]) else { return };
        let printed = printed(&output);
        let host = host(&network, false, 10, |image, (y, x), channel| {
            let fitted = fit(data.image(indices[image]), shape, input);
            fitted[(y * usize::from(input.columns) + x) * 3 + channel].into()
        });
        assert_eq!(logits(&printed), host, "{printed}");
        assert!(printed.contains(" of 10 images right\n"), "{printed}");
    }
    // Images of another shape are refused in words.
    fs::write(&file, test_images(&data, &indices, shape).unwrap()).unwrap();
    let Some(output) = firmware(BOARD, "partition", &words, &[]) else { return };
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && text.contains("the model takes images of 3x9x14"), "{text}");
    // And so are none, by a colour network.
    let Some(output) = firmware(BOARD, "partition", &words[..1], &[]) else { return };
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && text.contains("nin-train data --raw FILE"), "{text}");
}

/// Corners of the kernels: widths that are no multiple of the lanes, padding, strides, pools, every kind of head.
#[test]
fn small_networks_agree() {
    let many = [
        (WeightType::F32, Lanes::Four),
        (WeightType::F16, Lanes::Four),
        (WeightType::F32, Lanes::One),
        (WeightType::F16, Lanes::Sixteen),
        (WeightType::Int8, Lanes::Two),
        (WeightType::Int8, Lanes::One),
        (WeightType::Int4, Lanes::Two),
        (WeightType::Int4, Lanes::One),
    ];
    let plain = [(WeightType::Int8, Lanes::One)];
    // A Cortex-M4F, a Cortex-M33, a Cortex-M3 and a Cortex-M0.
    for (target, packings) in [
        (PARTITION, &many[..]),
        (("mps2-an505", "partition"), &[many[0], many[4], many[6]]),
        (("mps2-an385", "partition-int8"), &plain),
        (("microbit", "partition-int8"), &plain),
    ] {
        for line in [
            "1x28x28 nin5+2:32,32,32 max3/2 nin3+1:48,48,48 max3/2 nin3+1:64,64,64 nin3+1:10,10,10 gap",
            "3x9x14 nin3+1:5,7 avg2/2 nin3/2+1:9 gap",
            "2x17x11 nin4/3+2:6,4,3 max2/1 nin1:33,18 fc12,5",
            "1x8x8 max3/2+1 nin3+2:16,17 gap fc4",
            "5x1x1 nin1:3 gap",
            "4x13x6 nin5/2+4:20 avg3/2+1 nin2:10,10 drop0.5 gap",
            "30x5x7 nin4+2:6,5 max3/2+1 nin5/3+2:7 gap",
            "8x6x9 nin7+3:4 nin3+1:12,1 gap fc3",
            "70x3x5 nin3+1:4,2 gap",
        ] {
            for &packing in packings {
                let floats = matches!(packing.0, WeightType::F32 | WeightType::F16);
                for sums in [Sums::Separate, Sums::Fused].into_iter().take(1 + usize::from(floats)) {
                    if agree_in(target, line, packing, sums, 2, Show::Formula(1_000_000_000)).is_none() {
                        return;
                    }
                }
            }
        }
    }
}

/// Weights of ±127 and biases near the limit, any multiplier and any shift: where a carry or a half-word that is wrong
/// in a hand-written kernel shows.
#[test]
fn networks_at_the_ends_of_their_ranges_agree() {
    // A Cortex-M4F, a Cortex-M33, a Cortex-M3 and a Cortex-M0.
    for (target, packings) in [
        (PARTITION, &[2, 1][..]),
        (("mps2-an505", "partition"), &[2]),
        (("mps2-an385", "partition-int8"), &[1]),
        (("microbit", "partition-int8"), &[1]),
    ] {
        for (seed, line) in [
            "3x9x14 nin3+1:5,7 avg2/2 nin3/2+1:9 gap",
            "2x17x11 nin4/3+2:6,4,3 max2/1 nin1:33,18 fc12,5",
            // Windows of more than a kernel takes at once.
            "70x3x5 nin3+1:4,2 gap",
            "1x28x28 nin5+2:32,32 max3/2 nin3+1:48,10 gap fc10",
        ]
        .into_iter()
        .enumerate()
        {
            for style in [Style::Extreme, Style::Wild] {
                let case = Case::new(line, seed as u64);
                let network = integer_random::network(&case, style);
                for &lanes in packings {
                    let what = format!("{line}, {style:?}, by {lanes}");
                    let file = integer_file::write(&network, lanes, 1.0 / 255.0, &[]);
                    let show = Show::Formula(1_000_000_000);
                    if agree_on(target, &what, (case.spec, &file), Sums::Separate, 2, show).is_none() {
                        return;
                    }
                }
            }
        }
    }
}

/// An erased partition is an error in words and a status, on the board too.
#[test]
fn an_empty_partition_is_an_error() {
    let Some(output) = firmware(BOARD, "partition", &[], &[]) else { return };
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "error: not a model file: it does not begin with \"NiNmodel\"\n"
    );
}

/// A firmware over a budget is not built, and says which one.
#[test]
fn budgets_hold() {
    for (name, bytes, sentence) in [
        ("NIN_RAM_BUDGET", "1000", "the network's state does not fit the RAM budget"),
        ("NIN_RAM_BUDGET", "18520", "static memory (.data + .bss) does not fit the firmware's RAM budget"),
        ("NIN_FLASH_BUDGET", "200000", "code, constants and weights do not fit the firmware's flash budget"),
    ] {
        let Some(output) = firmware(BOARD, "fashion", &[], &[(name, bytes)]) else { return };
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(sentence), "{name}={bytes}: {said}");
    }
}

/// Static memory that fits is not enough: the stack counts too.
#[test]
fn the_stack_counts() {
    let Some(output) = firmware(BOARD, "fashion", &[], &[("NIN_RAM_BUDGET", "18700")]) else { return };
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("more than the budget of 18700"), "{said}");
}
