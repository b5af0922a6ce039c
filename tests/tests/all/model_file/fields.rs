//! Fields that a faulty or hostile writer may combine: each has its own error, in words.

use nin_core::model::HEADER;
use nin_core::{ModelError, Plan, WeightType};
use nin_tests::model_file::{LANES, ModelFile, seal};
use nin_tests::random::Case;

use super::{small, survive};

/// Fields that a faulty or hostile writer may combine: each case has its own error.
#[test]
fn each_wrong_field_has_its_error() {
    let good = small().write();
    let (line_at, names_at) = (48, 48 + 16);
    assert_eq!(&good[line_at..names_at], b"2x3x3 nin2:3 gap");
    let sealed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut file = good.clone();
        change(&mut file);
        seal(&mut file);
        survive(&file).expect_err("a wrong field")
    };
    let put = |at: usize, bytes: &'static [u8]| sealed(&|file| file[at..at + bytes.len()].copy_from_slice(bytes));

    assert_eq!(put(0, b"NiNModel"), ModelError::Magic);
    assert_eq!(put(8, &[2, 0]), ModelError::Layout, "a file of version 1 is no file of version 2");
    assert_eq!(put(8, &[3, 0]), ModelError::Layout, "nor of version 3");
    assert_eq!(put(8, &[4, 0]), ModelError::Version(4));
    assert_eq!(put(8, &[0, 0]), ModelError::Version(0));
    assert_eq!(put(8, &[1, 1]), ModelError::Version(257));
    for code in [0, 7, 255] {
        assert_eq!(sealed(&|file| file[10] = code), ModelError::WeightType(code));
    }
    // Four lanes are for floats only.
    for integers in [3, 4, 5, 6] {
        assert_eq!(sealed(&|file| file[10] = integers), ModelError::Lanes(4));
    }
    for lanes in [0, 2, 3, 5, 8, 15, 17, 64, 255] {
        assert_eq!(sealed(&|file| file[11] = lanes), ModelError::Lanes(lanes));
    }
    let found = good.len();
    assert_eq!(put(12, &[255; 4]), ModelError::Truncated { expected: u32::MAX, found });
    assert_eq!(put(12, &[0; 4]), ModelError::TrailingBytes { expected: 0, found });
    // The other type or layout does not match the length of the weights.
    let weights = |weight_type, lanes| Plan::new(small().spec).weight_bytes(weight_type, lanes);
    let found = weights(WeightType::F16, 4);
    assert_eq!(put(10, &[1]), ModelError::Weights { expected: weights(WeightType::F32, 4), found });
    assert_eq!(put(11, &[16]), ModelError::Weights { expected: weights(WeightType::F16, 16), found });
    assert_eq!(put(11, &[1]), ModelError::Weights { expected: weights(WeightType::F16, 1), found });
    // Lengths and offsets that contradict each other, however large.
    for (at, width) in [(16, 2), (18, 2), (20, 4), (24, 4), (28, 2)] {
        for value in [0u32, 1, 11, 17, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, u32::MAX] {
            if value.to_le_bytes()[..width] != good[at..at + width] {
                let error = sealed(&|file| file[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]));
                let typed = matches!(
                    error,
                    ModelError::Layout
                        | ModelError::Line(_)
                        | ModelError::ClassNames { .. }
                        | ModelError::Weights { .. }
                );
                assert!(typed, "{value} at {at}: {error:?}");
            }
        }
    }
    assert_eq!(put(30, &[1]), ModelError::Layout);
    assert_eq!(put(31, &[1]), ModelError::Layout);
    // The line.
    let Err(line) = nin_core::Spec::parse("2x3x3 nun2:3 gap") else { unreachable!() };
    assert_eq!(put(line_at + 7, b"u"), ModelError::Line(line));
    assert_eq!(put(line_at, b"1"), ModelError::Layout, "the table is for two channels");
    assert_eq!(put(line_at, &[0xFF]), ModelError::Layout);
    assert!(matches!(put(line_at + 11, b"4"), ModelError::ClassNames { expected: 4, found: 3 }));
    // The names.
    assert_eq!(put(names_at + 3, b"-"), ModelError::ClassNames { expected: 3, found: 2 });
    assert_eq!(put(names_at + 1, b"\n"), ModelError::ClassNames { expected: 3, found: 4 });
    assert_eq!(put(names_at + 4, &[0xFF]), ModelError::Layout);
    assert_eq!(put(names_at + 12, b"!"), ModelError::Layout, "filling is zero");
}

/// Either every class has a name or none has: an empty name would shift those after it.
#[test]
fn an_empty_class_name_is_an_error() {
    for names in [&["", "b", "c"][..], &["a", "", "c"], &["a", "b", ""], &["", "", ""], &["a", "b", "c", ""]] {
        let file = ModelFile { names: names.iter().map(|name| name.to_string()).collect(), ..small() };
        let found = names.iter().filter(|name| !name.is_empty()).count();
        assert_eq!(survive(&file.write()), Err(ModelError::ClassNames { expected: 3, found }), "{names:?}");
    }
}

/// Lines that need more memory than exists: an error, at once.
#[test]
fn a_huge_network_is_an_error() {
    for line in [
        "1x1x1 fc65535,65534",
        "65535x90x90 fc1",
        "1x8191x65535 gap fc65535",
        "65535x1x1 nin1:65534 gap",
        "255x1x1 nin15+14:65535 gap",
    ] {
        let case = Case::new("1x1x1 gap", 0);
        let mut file = ModelFile::of(&case, WeightType::F32, 16);
        let spec = nin_core::Spec::new(line);
        file.mean = vec![0.0; spec.input().channels.into()];
        file.scale = file.mean.clone();
        let mut bytes = file.write();
        // Put the long line in place of the short one.
        let at = HEADER + 8 * file.mean.len();
        bytes.truncate(at);
        bytes.extend(line.bytes());
        let weights_at = bytes.len().next_multiple_of(16);
        bytes.resize(weights_at + 4, 0);
        bytes[16..18].copy_from_slice(&(line.len() as u16).to_le_bytes());
        bytes[20..24].copy_from_slice(&(weights_at as u32).to_le_bytes());
        let length = bytes.len() as u32;
        bytes[12..16].copy_from_slice(&length.to_le_bytes());
        for (code, weight_type) in [(1, WeightType::F32), (2, WeightType::F16)] {
            for lanes in LANES {
                bytes[10..12].copy_from_slice(&[code, lanes as u8]);
                seal(&mut bytes);
                let expected = Plan::new(spec).weight_bytes(weight_type, lanes);
                assert_eq!(survive(&bytes), Err(ModelError::Weights { expected, found: 0 }), "{line}");
            }
        }
    }
}

/// A line has only one canonical form.
#[test]
fn a_line_is_canonical() {
    for line in [
        "1x4x4  gap",
        " 1x4x4 gap",
        "1x4x4 gap ",
        "1x4x4\tgap",
        "01x4x4 gap",
        "1x4x4 nin1/1:2 gap",
        "1x4x4 nin1+0:2 gap",
        "1x4x4 nin1:02 gap",
        "1x4x4 max2/2+0 gap",
        "1x4x4 drop0.50 gap",
        "1x4x4 drop0.0 gap",
    ] {
        let spec: nin_core::Spec = line.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_ne!(spec.to_string(), line);
        let parameters = vec![0.5; Plan::new(spec).parameters()];
        let right = ModelFile::plain(spec, parameters, WeightType::F32, 1);
        assert_eq!(survive(&right.write()), Ok(()), "{spec}");
        assert_eq!(survive(&right.write_line(line)), Err(ModelError::NotCanonical), "{line}");
    }
}

/// A line may be as long as its length field allows, and no longer.
#[test]
fn a_long_line_is_read_to_its_end() {
    let case = Case::new("1x1x1 gap", 0);
    let short = ModelFile::of(&case, WeightType::F32, 1).write();
    let long = |line: &str| {
        let mut bytes = short[..HEADER + 8].to_vec();
        bytes.extend(line.bytes());
        bytes[16..18].copy_from_slice(&(line.len() as u16).to_le_bytes());
        bytes.resize(bytes.len().next_multiple_of(16), 0);
        let weights_at = bytes.len() as u32;
        bytes[20..24].copy_from_slice(&weights_at.to_le_bytes());
        bytes[12..16].copy_from_slice(&(weights_at + 4).to_le_bytes());
        bytes.extend([0; 4]);
        seal(&mut bytes);
        survive(&bytes)
    };
    let spaces = " ".repeat(65_535 - "1x1x1gap".len());
    assert_eq!(long(&format!("1x1x1{spaces}gap")), Err(ModelError::NotCanonical));
    let wrong = long(&format!("1x1x1{spaces}gip")).unwrap_err();
    assert!(matches!(wrong, ModelError::Line(error) if error.column == 65_533), "{wrong:?}");
}

#[test]
fn errors_in_words() {
    let line = nin_core::Spec::parse("1x1x1 gup").unwrap_err();
    for (error, words) in [
        (ModelError::Truncated { expected: 36, found: 7 }, "the model file ends early: it has 7 of 36 bytes"),
        (
            ModelError::TrailingBytes { expected: 36, found: 40 },
            "the model file has 40 bytes, but its header states 36",
        ),
        (
            ModelError::NotCanonical,
            "the model file's architecture line is not in its canonical form: export the model again",
        ),
        (
            ModelError::Preprocessing,
            "the model file has integer weights, but means that are not 0 or scales that differ",
        ),
        (
            ModelError::Padding,
            "the model file has weights for outputs or inputs that do not exist: export the model again",
        ),
        (ModelError::Shift, "the model file has an output whose shift is out of range: quantize the network again"),
        (ModelError::Magic, "not a model file: it does not begin with \"NiNmodel\""),
        (
            ModelError::Version(4),
            "the model file has version 4, which this program does not read, or which does not fit its content; this \
             program reads versions 1 to 3",
        ),
        (
            ModelError::Decision,
            "the model file has a temperature, threshold or unknown class that is out of range: export the model again",
        ),
        (
            ModelError::Checksum { stored: 0x1234, computed: 0xABCD },
            "the model file is damaged: its checksum is 0000abcd, not 00001234",
        ),
        (ModelError::WeightType(9), "the model file has an unknown weight type, 9"),
        (ModelError::Bits(5), "the model file has a layer with weights of 5 bits, not 4 or 8"),
        (ModelError::Lanes(5), "the model file packs its weights in 5 lanes, which their type does not have"),
        (ModelError::Layout, "the parts of the model file are not where its layout puts them"),
        (
            ModelError::Line(line),
            "the model file's architecture line is wrong: column 7: expected a stage: nin, dw, max, avg, mean, drop, gap, fc, res(…) or proj(…)",
        ),
        (
            ModelError::ClassNames { expected: 10, found: 9 },
            "the model file names 9 classes, but its architecture has 10",
        ),
        (
            ModelError::Weights { expected: 100, found: 99 },
            "the model file has 99 bytes of weights, but its architecture needs 100",
        ),
    ] {
        assert_eq!(error.to_string(), words);
    }
}
