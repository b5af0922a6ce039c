//! The architecture line: what is read, what is refused and in which words.

use nin_core::spec::Block;
use nin_core::{PRESETS, Shape, Spec, Stage, Window};
use proptest::prelude::*;

#[test]
fn a_line_says_what_it_says() {
    let spec = Spec::parse("3x20x30 nin5/2+1:7,8 max3/2+1 avg2/1 drop0.25 nin1:9 gap fc12,10").unwrap();
    assert_eq!(spec.input(), Shape { channels: 3, rows: 20, columns: 30 });
    assert_eq!(spec.classes(), 10);
    let [block, max, avg, dropout, plain, average, full] = *spec.stages() else { panic!("{spec:?}") };
    let Stage::Block(Block { window, widths, .. }) = block else { panic!("{block:?}") };
    assert_eq!((window, widths.as_slice()), (Window::square(5, 2, 1), &[7, 8][..]));
    assert_eq!(max, Stage::MaxPool(Window::square(3, 2, 1)));
    assert_eq!(avg, Stage::AvgPool(Window::square(2, 1, 0)));
    let Stage::Dropout(rate) = dropout else { panic!("{dropout:?}") };
    assert_eq!(rate.value(), 0.25);
    let Stage::Block(Block { window, widths, .. }) = plain else { panic!("{plain:?}") };
    assert_eq!((window, widths.as_slice()), (Window::square(1, 1, 0), &[9][..]));
    assert_eq!(average, Stage::GlobalAverage);
    let Stage::Full(widths) = full else { panic!("{full:?}") };
    assert_eq!((widths.as_slice(), widths.last()), (&[12, 10][..], 10));
}

#[test]
fn printing_is_canonical() {
    for (line, printed) in [
        ("  1x5x5\tnin3/1+0:4   gap\n", "1x5x5 nin3:4 gap"),
        ("1x5x5 nin3/2+0:4 max2/1+0 gap", "1x5x5 nin3/2:4 max2/1 gap"),
        ("01x05x05 nin03/02+00:004,4 gap", "1x5x5 nin3/2:4,4 gap"),
        ("1x5x5 drop0 gap drop0.5000 fc3,2 drop0.0001", "1x5x5 drop0 gap drop0.5 fc3,2 drop0.0001"),
        ("1x5x5 drop0.0 drop0.0100 drop0.9999 fc1", "1x5x5 drop0 drop0.01 drop0.9999 fc1"),
        ("1x5x5 gap", "1x5x5 gap"),
        ("1x9x9 nin3x3/1x1+0x0:4 gap", "1x9x9 nin3:4 gap"),
        ("1x9x9 nin3x2/2x1+1,1x0,1:4r6,2id gap", "1x9x9 nin3x2/2x1+1x0,1:4r6,2id gap"),
        ("1x9x9 nin3+1,2x1,2:4 gap", "1x9x9 nin3+1,2:4 gap"),
        ("3x96x96 nin3/2+same:8 dw3+same:16 gap", "3x96x96 nin3/2+0,1:8 dw3+1:16 gap"),
        ("1x49x10 nin10x4/2+same:64 gap", "1x49x10 nin10x4/2+4,5x1:64 gap"),
        ("2x9x9 dw3+0:4 nin3g1:4 nin3g4:4 nin3g2:6 gap", "2x9x9 dw3:4 nin3:4 dw3 nin3g2:6 gap"),
        ("2x9x9 mean3/2 mean3/2+1 gap", "2x9x9 avg3/2 mean3/2+1 gap"),
        (
            "2x9x9 res(dw3+1id nin1:2id)id proj(nin3/2+1:4)r6 gap",
            "2x9x9 res(dw3+1id nin1:2id)id proj(nin3/2+1:4)r6 gap",
        ),
        ("65535x1x1 gap", "65535x1x1 gap"),
    ] {
        let spec = Spec::parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(spec.to_string(), printed);
        assert_eq!(format!("{spec:?}"), format!("Spec(\"{printed}\")"));
        assert_eq!(printed.parse(), Ok(spec));
    }
}

#[test]
fn limits_are_within_reach() {
    let stages = format!("1x28x28{} gap", " nin1:1".repeat(31));
    assert_eq!(Spec::parse(&stages).unwrap().stages().len(), 32);
    // The ends of shortcuts count, and one may begin at any stage.
    let shortcuts = format!("1x28x28{} fc2", " res(nin1:1)".repeat(15));
    assert_eq!(Spec::parse(&shortcuts).unwrap().stages().len(), 31);
    let late = format!("1x28x28{} res(nin1:1) gap", " nin1:1".repeat(29));
    assert_eq!(Spec::parse(&late).unwrap().shortcut(29).map(|sum| sum.stages), Some(1));
    for line in [
        "1x28x28 nin3:1,2,3,4,5,65535 gap",
        "1x1x1 nin255/255+254:1 gap",
        "1x255x255 max255/255+127 gap",
        "1x65535x1 nin3+1:1 gap",
        "1x65535x8191 gap",
        "1x1x1 nin1:65535 nin1:32767 nin1:65485 gap",
    ] {
        assert!(Spec::parse(line).is_ok(), "{line}: {:?}", Spec::parse(line));
    }
}

/// Every way a line can go wrong, with all that its reader is told.
#[test]
fn wrong_lines() {
    const SHAPE: &str = "expected the input's shape: channels x rows x columns, like 1x28x28";
    const HEAD: &str = "expected the head: gap, fc… or gap fc…";
    const STAGE: &str = "expected a stage: nin, dw, max, avg, mean, drop, gap, fc, res(…) or proj(…)";
    const SIZE: &str = "expected the window's size, 1 to 255";
    const STRIDE: &str = "expected a stride, 1 to 255";
    const PADDING: &str = "expected the padding, 0 to 255";
    const CHANNELS: &str = "expected a number of channels, 1 to 65535";
    const COLON: &str = "expected `:` and the block's channels, like nin5+2:32,32,32";
    const POOL: &str = "expected `/` and the pool's stride, like max3/2";
    const HALF: &str = "a pool's padding is at most half its window";
    const RATE: &str = "expected a probability below 1 with at most four decimals, like drop0.5";
    const AFTER: &str = "after gap or fc only drop and fc may follow";
    const SPACE: &str = "expected a space";
    const PARAMETERS: &str = "the network is too large: at most 4,294,967,295 parameters";
    const VALUES: &str = "the network is too large: at most 536,870,911 values in all its maps";
    const INPUT: &str = "the input is too large: at most 536,870,911 values";
    let table = [
        // The input.
        ("", 1, SHAPE),
        ("   ", 4, SHAPE),
        ("x", 1, SHAPE),
        ("1", 2, SHAPE),
        ("1x", 3, SHAPE),
        ("1x28", 5, SHAPE),
        ("1x28x", 6, SHAPE),
        ("0x28x28 gap", 1, SHAPE),
        ("1x0x28 gap", 3, SHAPE),
        ("1x28x0 gap", 6, SHAPE),
        ("-1x28x28 gap", 1, SHAPE),
        ("65536x1x1 gap", 1, SHAPE),
        ("1x65536x1 gap", 3, SHAPE),
        ("1x1x99999999999999999999 gap", 5, SHAPE),
        ("1X28X28 gap", 2, SHAPE),
        ("1 x 28 x 28 gap", 2, SHAPE),
        ("\u{feff}1x28x28 gap", 1, SHAPE),
        ("nin3:8 gap", 1, SHAPE),
        ("1x28x28x28 gap", 8, SPACE),
        ("1x28x28gap", 8, SPACE),
        ("65535x65535x65535 gap", 1, INPUT),
        (" 1x23171x23171 gap", 2, INPUT),
        ("16385x1x65533 gap", 1, INPUT),
        // The head.
        ("1x28x28", 8, HEAD),
        ("1x28x28 ", 9, HEAD),
        ("1x28x28 nin3+1:8,8 max3/2", 26, HEAD),
        ("1x28x28 nin3+1:8,8 drop0.5", 27, HEAD),
        ("1x28x28 gap gap", 13, AFTER),
        ("1x28x28 gap nin1:8", 13, AFTER),
        ("1x28x28 gap max1/1", 13, AFTER),
        ("1x28x28 gap drop0.5 avg1/1", 21, AFTER),
        ("1x28x28 fc10 gap", 14, AFTER),
        ("1x28x28 fc10 nin1:10", 14, AFTER),
        // Words.
        ("1x28x28 conv3:8 gap", 9, STAGE),
        ("1x28x28 Nin3:8 gap", 9, STAGE),
        ("1x28x28 nin3:8 é gap", 16, STAGE),
        ("1x28x28 \u{2009}gap", 9, STAGE),
        ("1x28x28 1x28x28 gap", 9, STAGE),
        ("1x28x28 nin3+1:8,8;gap", 19, SPACE),
        ("1x28x28 nin3:8x gap", 15, SPACE),
        ("1x28x28 max3/2:8 gap", 15, SPACE),
        ("1x28x28 gap10", 12, SPACE),
        ("1x28x28 gap,", 12, SPACE),
        // Blocks.
        ("1x28x28 nin:8 gap", 12, SIZE),
        ("1x28x28 nin0:8 gap", 12, SIZE),
        ("1x28x28 nin256:8 gap", 12, SIZE),
        ("1x28x28 nin3", 13, COLON),
        ("1x28x28 nin3 gap", 13, COLON),
        ("1x28x28 nin3+1/2:8 gap", 15, COLON),
        ("1x28x28 nin3:", 14, CHANNELS),
        ("1x28x28 nin3: gap", 14, CHANNELS),
        ("1x28x28 nin3:0 gap", 14, CHANNELS),
        ("1x28x28 nin3:8, gap", 16, CHANNELS),
        ("1x28x28 nin3:8,,8 gap", 16, CHANNELS),
        ("1x28x28 nin3:8,0 gap", 16, CHANNELS),
        ("1x28x28 nin3:65536 gap", 14, CHANNELS),
        ("1x28x28 nin3:1,2,3,4,5,6,7 gap", 26, "at most 6 layers fit one stage"),
        ("1x28x28 nin3/:8 gap", 14, STRIDE),
        ("1x28x28 nin3/0:8 gap", 14, STRIDE),
        ("1x28x28 nin3/256:8 gap", 14, STRIDE),
        ("1x28x28 nin3+:8 gap", 14, PADDING),
        ("1x28x28 nin3+256:8 gap", 14, PADDING),
        ("1x28x28 nin3+3:8 gap", 14, "the padding must be smaller than the kernel"),
        // The rest of the family.
        ("2x28x28 nin3g3:3 gap", 13, "the input's channels and the first number must be multiples of the groups"),
        ("2x28x28 nin3g0:3 gap", 14, "expected a number of groups, 1 to 65535"),
        ("2x28x28 dw3: gap", 13, CHANNELS),
        ("2x28x28 dw3+1,3 gap", 13, "the padding must be smaller than the kernel"),
        ("2x28x28 dw3x gap", 13, SIZE),
        ("2x28x28 dw3+1, gap", 15, PADDING),
        ("2x28x28 mean3/2+2 gap", 17, HALF),
        ("2x28x28 res(max3/2) gap", 13, "only nin and dw can be inside a shortcut"),
        ("2x28x28 res(res(nin1:2)) gap", 13, "a shortcut cannot begin inside another one"),
        ("2x28x28 res(nin1:2 gap", 20, "only nin and dw can be inside a shortcut"),
        ("2x28x28 res(nin1:2", 19, "expected `)` at the end of the shortcut's body"),
        ("2x28x28 nin1:2) gap", 15, SPACE),
        ("2x28x28 gap res(nin1:2)", 17, AFTER),
        ("2x28x28 fc3id", 12, SPACE),
        // Pools.
        ("1x28x28 max gap", 12, SIZE),
        ("1x28x28 max0/2 gap", 12, SIZE),
        ("1x28x28 max3 gap", 13, POOL),
        ("1x28x28 avg3 gap", 13, POOL),
        ("1x28x28 max3/ gap", 14, STRIDE),
        ("1x28x28 max3/0 gap", 14, STRIDE),
        ("1x28x28 avg3/2+x gap", 16, PADDING),
        ("1x28x28 max3/2+2 gap", 16, HALF),
        ("1x28x28 max1/1+1 gap", 16, HALF),
        ("1x28x28 avg2/2+2 gap", 16, HALF),
        // Dropout.
        ("1x28x28 drop gap", 13, RATE),
        ("1x28x28 drop1 gap", 13, RATE),
        ("1x28x28 drop1.0 gap", 13, RATE),
        ("1x28x28 drop.5 gap", 13, RATE),
        ("1x28x28 drop-0.5 gap", 13, RATE),
        ("1x28x28 drop50% gap", 13, RATE),
        ("1x28x28 drop0. gap", 15, RATE),
        ("1x28x28 drop0.12345 gap", 19, RATE),
        ("1x28x28 drop0,5 gap", 14, SPACE),
        // Fully connected layers.
        ("1x28x28 fc", 11, CHANNELS),
        ("1x28x28 fc gap", 11, CHANNELS),
        ("1x28x28 fc0", 11, CHANNELS),
        ("1x28x28 fc70000", 11, CHANNELS),
        ("1x28x28 fc10,", 14, CHANNELS),
        ("1x28x28 fc10, 10", 14, CHANNELS),
        ("1x28x28 gap fc1,2,3,4,5,6,7", 27, "at most 6 layers fit one stage"),
        // Sizes.
        ("65535x90x90 fc65535", 13, PARAMETERS),
        ("1x28x28 nin1:65535 fc65535", 20, PARAMETERS),
        ("1x1x1 nin1:65535 nin1:65534 nin1:2 gap", 29, PARAMETERS),
        ("1x8191x65535 nin1:2 gap", 14, VALUES),
        ("1x256x256 nin1:8190,1 gap", 11, VALUES),
        ("1x4096x4096 max1/1 nin1:16 nin1:15 gap", 28, VALUES),
    ];
    for (line, column, problem) in table {
        let error = Spec::parse(line).expect_err(line);
        assert_eq!((error.column, error.problem, error.input), (column, problem, None), "{line:?}");
        assert_eq!(error.to_string(), format!("column {column}: {problem}"));
    }
    let many = format!("1x28x28{} gap", " nin1:1".repeat(32));
    assert_eq!(Spec::parse(&many).unwrap_err().to_string(), "column 233: at most 32 stages fit a line");
    let sum = format!("1x28x28{} res(nin1:1) gap", " nin1:1".repeat(31));
    assert_eq!(Spec::parse(&sum).unwrap_err().to_string(), "column 236: at most 32 stages fit a line");
    let strides = format!("1x1x1 res({}) gap", ["nin255/255+254:1"; 20].join(" "));
    let problem = "column 7: the strides of a shortcut's body multiply to at most 255 (its input is 1x1x1)";
    assert_eq!(Spec::parse(&strides).unwrap_err().to_string(), problem);
    let far = format!("1x28x28{}conv", " ".repeat(70_000));
    assert_eq!(Spec::parse(&far).unwrap_err().to_string(), format!("column 65535: {STAGE}"));
}

#[test]
fn a_stage_that_does_not_fit_names_its_input() {
    for (line, words) in [
        ("1x28x28 nin29:8 gap", "column 9: the window is larger than its padded input (its input is 1x28x28)"),
        ("1x5x9 max6/1 gap", "column 7: the window is larger than its padded input (its input is 1x5x9)"),
        ("1x9x5 nin8+1:1 gap", "column 7: the window is larger than its padded input (its input is 1x9x5)"),
        (
            "3x28x28 nin5/9:7 max2/2 avg2/2 gap",
            "column 25: the window is larger than its padded input (its input is 7x1x1)",
        ),
        (
            "2x28x28 nin1:2 res(nin1:3) gap",
            "column 16: the body of res(…) must have its input's shape; proj(…) has a 1×1 convolution on the shortcut \
             (its input is 2x28x28)",
        ),
        (
            "2x28x28 proj(nin5/2:3) gap",
            "column 9: the body must have as many rows and columns as its shortcut's 1×1 convolution with the body's \
             strides (its input is 2x28x28)",
        ),
        ("1x65535x1 nin3+2:1 gap", "column 11: a map has at most 65,535 rows and columns (its input is 1x65535x1)"),
    ] {
        assert_eq!(Spec::parse(line).unwrap_err().to_string(), words, "{line}");
    }
}

/// What the compiler prints for a wrong line in a constant is what the panic says at run time.
#[test]
fn a_wrong_constant_says_where_and_why() {
    for (line, words) in [
        (
            "1x28x28 conv3:8 gap",
            "architecture line, column 9: expected a stage: nin, dw, max, avg, mean, drop, gap, fc, res(…) or proj(…)",
        ),
        ("1x28x28 nin3:8", "architecture line, column 15: expected the head: gap, fc… or gap fc…"),
        ("", "architecture line, column 1: expected the input's shape: channels x rows x columns, like 1x28x28"),
    ] {
        let panic = std::panic::catch_unwind(|| Spec::new(line)).unwrap_err();
        assert_eq!(panic.downcast_ref::<String>().map(String::as_str), Some(words));
    }
    let far = format!("1x28x28{}conv", " ".repeat(70_000));
    let panic = std::panic::catch_unwind(|| Spec::new(&far)).unwrap_err();
    let words = panic.downcast_ref::<String>().unwrap();
    assert!(words.starts_with("architecture line, column 65535: expected a stage"), "{words}");
}

/// Words that mostly belong to the grammar, now and then with a number out of range or a slip.
fn word() -> impl Strategy<Value = String> {
    let number = || prop_oneof![8 => 1u32..=9, 2 => 0u32..=300, 1 => any::<u32>()];
    let sides = prop_oneof![6 => Just(""), 1 => Just("x2"), 1 => Just("x3")];
    let paddings = prop_oneof![6 => Just(""), 1 => Just(",1"), 1 => Just("x1"), 1 => Just("x0,1")];
    let window = (number(), sides, prop::option::of(number()), prop::option::of(0u32..4), paddings);
    let window = window.prop_map(|(k, side, s, p, padding)| {
        let option =
            |sign: &str, number: Option<u32>, more: &str| number.map_or(String::new(), |n| format!("{sign}{n}{more}"));
        format!("{k}{side}{}{}", option("/", s, ""), option("+", p, padding))
    });
    let numbers = || {
        prop::collection::vec(number(), 1..=6)
            .prop_map(|numbers| numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(","))
    };
    prop_oneof![
        4 => (window.clone(), numbers()).prop_map(|(window, numbers)| format!("nin{window}:{numbers}")),
        1 => numbers().prop_map(|numbers| format!("dw3+1:{numbers}id")),
        1 => numbers().prop_map(|numbers| format!("proj(dw3/2+1r6 nin1g2:{numbers})")),
        1 => Just("res(dw3+1 dw3+same)id".to_string()),
        4 => window.clone().prop_map(|window| format!("max{window}")),
        4 => window.clone().prop_map(|window| format!("avg{window}")),
        1 => window.prop_map(|window| format!("mean{window}")),
        4 => (0u32..10_000).prop_map(|rate| format!("drop0.{rate:04}")),
        4 => numbers().prop_map(|numbers| format!("fc{numbers}")),
        4 => Just("gap".to_string()),
    ]
}

fn line() -> impl Strategy<Value = String> {
    let input = (1u32..=9, 1u32..=70, 1u32..=70).prop_map(|(c, h, w)| format!("{c}x{h}x{w}"));
    let head = prop_oneof![Just("gap"), Just("gap fc7"), Just("fc7,5 drop0.5"), Just("")];
    let small = prop_oneof![6 => Just("nin1:2"), 2 => Just("res(nin1:2)"), 2 => Just("max1/1"), 1 => Just("drop0.1")];
    let words = prop_oneof![
        7 => prop::collection::vec(word(), 0..5),
        // As many as fit, and more.
        1 => prop::collection::vec(small.prop_map(str::to_owned), 20..40),
    ];
    (input, words, head).prop_map(|(input, words, head)| {
        let words: Vec<&str> = [&input[..]].into_iter().chain(words.iter().map(String::as_str)).chain([head]).collect();
        words.join(" ")
    })
}

/// The same cases each time unless `PROPTEST_RNG_SEED` says otherwise.
fn config() -> ProptestConfig {
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 4_000;
    }
    if std::env::var_os("PROPTEST_RNG_SEED").is_none() {
        config.rng_seed = proptest::test_runner::RngSeed::Fixed(2013);
    }
    config
}

/// Whatever the text: no panic; what reads prints as what reads the same; an error lies in the text.
fn check(line: &str) -> Result<bool, TestCaseError> {
    match Spec::parse(line) {
        Ok(spec) => {
            let printed = spec.to_string();
            prop_assert_eq!(Spec::parse(&printed), Ok(spec), "{}", printed);
            prop_assert_eq!(Spec::parse(&printed).map(|spec| spec.to_string()), Ok(printed));
            Ok(true)
        }
        Err(error) => {
            prop_assert!(error.column >= 1 && usize::from(error.column) <= line.len() + 1, "{} in {:?}", error, line);
            Ok(false)
        }
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn random_lines(line in line()) {
        check(&line)?;
    }

    #[test]
    fn random_bytes(text in "[ -~\t\n]{0,60}") {
        check(&text)?;
    }

    #[test]
    fn random_unicode(text in any::<String>()) {
        check(&text)?;
    }

    #[test]
    fn one_slip(preset in prop::sample::select(PRESETS), at in any::<prop::sample::Index>(), with in "[ -~]{0,3}") {
        let at = at.index(preset.line.len());
        let mut line = preset.line.to_string();
        line.replace_range(at..at + 1, &with);
        check(&line)?;
        check(&preset.line[..at])?;
    }
}

/// The random lines are worth something: many read, many do not.
#[test]
fn random_lines_are_of_both_kinds() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::new(config());
    let right =
        (0..1_000).filter(|_| matches!(check(&line().new_tree(&mut runner).unwrap().current()), Ok(true))).count();
    assert!((200..800).contains(&right), "{right} of 1,000 read");
}
