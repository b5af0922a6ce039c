//! Board and host compute the same, bit for bit: the firmware on the emulator against the engine on this computer.
//!
//! Needs `qemu-system-arm` and a compiler for the boards; without them the tests say so and pass, unless
//! `NIN_REQUIRE_EMULATOR=1`.

use std::fs;

use nin_core::Lanes;
use nin_core::{Spec, WeightType};
use nin_embedded::{FASHION, formula_level};
use nin_tests::emulator::{firmware, host, logits, number, printed, root};
use nin_tests::integer_random::{self, Style};
use nin_tests::random::Case;
use nin_tests::{formula, integer_file};
use nin_train::data::resize_bilinear;

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
        // A Cortex-M55.
        ("mps3-an547", "fashion"),
        ("mps3-an547", "fashion-int8"),
        // RISC-V cores: RV32IMC, and RV32IMAC with 16 KB of RAM.
        ("riscv-virt", "fashion-int8"),
        ("hifive1", "fashion-int8"),
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
    let mut words = vec![format!("models={}", path.display()), format!("images={images}")];
    if let Show::Formula(counter) = show {
        words.push(format!("formula={counter}"));
    }
    if sums == Sums::Fused {
        words.push("fused".into());
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let output = firmware(board, program, &words, &[])?;
    let printed = printed(&output);

    let input = spec.input();
    let (channels, rows, columns) = (input.channels as usize, input.rows as usize, input.columns as usize);
    let fashion: Vec<_> = FASHION.iter().map(|(image, _)| image).collect();
    let host = host(file, sums == Sums::Fused, images, |image, (y, x), channel| match show {
        Show::Formula(counter) => {
            formula_level(counter + (((image * channels + channel) * rows + y) * columns + x) as u64)
        }
        Show::Fashion => fashion[image].resized((y, rows), (x, columns)),
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
        for (rows, columns) in [(28, 28), (224, 224), (13, 40), (61, 9), (1, 1)] {
            let mut training = vec![0.0; rows * columns];
            resize_bilinear(&pixels, (28, 28), 1, &mut training, (rows, columns));
            let board = |at: usize| image.resized((at / columns, rows), (at % columns, columns));
            assert!((0..rows * columns).all(|at| board(at).to_bits() == training[at].to_bits()), "{rows}x{columns}");
        }
    }
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
    // A Cortex-M4F, M33, M3, M0 and M55, and RISC-V.
    for (target, packings) in [
        (PARTITION, &many[..]),
        (("mps2-an505", "partition"), &[many[0], many[4], many[6]]),
        (("mps2-an385", "partition-int8"), &plain),
        (("microbit", "partition-int8"), &plain),
        (("mps3-an547", "partition"), &[many[0], many[4], many[5], many[7]]),
        (("riscv-virt", "partition"), &[many[5], many[7]]),
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
            // Windows in more parts than a list holds, and windows that are copied first.
            "200x7x9 nin5+2:7 nin3+1:5 gap",
            "1x30x31 nin11/4+3:9,3 gap",
            // A single row of a window's three.
            "8x1x9 nin3+1:5 gap",
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
    // A Cortex-M4F, M33, M3, M0 and M55, and RISC-V.
    for (target, packings) in [
        (PARTITION, &[2, 1][..]),
        (("mps2-an505", "partition"), &[2]),
        (("mps2-an385", "partition-int8"), &[1]),
        (("microbit", "partition-int8"), &[1]),
        (("mps3-an547", "partition"), &[1, 2]),
        (("riscv-virt", "partition"), &[1]),
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
