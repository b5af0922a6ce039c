//! ONNX files that this program writes, back through its own import. `../onnx.rs` and `scripts/check_onnx.py` compare
//! their logits with those of other runtimes.

use nin_core::{Lanes, Plan, Spec};
use nin_tests::integer_random::{self, Style};
use nin_tests::random::{self, Case};
use nin_train::formats::lowering::Pixels;
use nin_train::formats::model_file::Integers;
use nin_train::formats::onnx::{self, Network};
use nin_train::integers::QuantizedModel;
use nin_train::network::preprocessing::Preprocessing;
use nin_train::network::trained::Trained;
use nin_train::quantize::{Options, calibrated};
use proptest::prelude::*;

/// Lines whose operators could be other lines, too.
const AMBIGUOUS: [&str; 6] = [
    "3x11x9 nin3/2+1:4,5 drop0.2 nin1:3 max2/2 nin2:6 fc9 drop0.5 fc7 fc5",
    "1x9x8 dw3+1 dw3x2:4r6 mean2/2 avg3x2/1 gap drop0.25 fc3",
    "4x6x6 res(nin1:4id) proj(nin1:5id) proj(nin1/2:5id nin1:3) gap",
    "2x8x8 res(nin3+1:6,2id)id dw1:4 nin2/2:3 avg4/4 gap fc4",
    "2x4x6 nin4x6g2:6r6 gap",
    "5x7x7 proj(dw3/2+1:8id)r6 res(dw3+1id dw3+1id:8) nin4:6 gap fc4,3",
];

fn trained(case: &Case, preprocessing: Preprocessing) -> Trained {
    let classes = Plan::new(case.spec).classes();
    let class_names = (0..classes).map(|class| format!("class {class}")).collect();
    Trained { spec: case.spec, parameters: case.parameters(), preprocessing, class_names }
}

fn back(file: &[u8]) -> Network {
    assert!(onnx::is_onnx(file));
    onnx::import(file, &mut |name| Err(format!("{name} is no file"))).unwrap_or_else(|error| panic!("{error}"))
}

/// The same line, the same bits.
fn check_floats(case: &Case) {
    let channels = usize::from(case.spec.input().channels);
    let preprocessing = Preprocessing { mean: vec![127.5; channels], scale: vec![1.0 / 128.0; channels] };
    let trained = trained(case, preprocessing);
    let Network::Floats(imported) = back(&onnx::floats(&trained)) else { panic!("{case:?} has integers") };
    assert_eq!(imported.for_bytes(None).unwrap(), (trained, Pixels::Bytes), "{case:?}");
}

/// The same model file. Returns whether it has zero points; `None` if the network cannot be quantised.
fn check_integers(case: &Case) -> Option<bool> {
    let channels = usize::from(case.spec.input().channels);
    let trained = trained(case, Preprocessing::unit(channels));
    let images: Vec<Vec<u8>> = (0..4).map(|n| integer_random::image(case, Style::Lively, n).values).collect();
    let (quantised, _) = calibrated(&trained, &images, &Options::default(), |_, _| {}).ok()?;
    check_file(&quantised, &format!("{case:?}"));
    Some(matches!(quantised, Integers::Affine(_)))
}

fn check_file(quantised: &Integers, case: &str) {
    let Network::Integers(integers) = back(&onnx::integers(quantised)) else { panic!("{case} has floats") };
    for lanes in Lanes::INT8 {
        let wanted = quantised.to_bytes(lanes).unwrap();
        assert_eq!(integers.spec(), quantised.spec());
        assert!(integers.to_bytes(lanes).unwrap() == wanted, "{case}, {lanes} lanes");
    }
}

proptest! {
    #![proptest_config(random::config(150))]

    #[test]
    fn any_network_of_floats(case in prop_oneof![random::case(), random::family_case()]) {
        check_floats(&case);
    }
}

proptest! {
    #![proptest_config(random::config(60))]

    #[test]
    fn any_network_of_integers(case in prop_oneof![1 => random::case(), 3 => random::family_case()]) {
        check_integers(&case);
    }
}

#[test]
fn lines_that_operators_do_not_show() {
    for (seed, line) in (1..).zip(AMBIGUOUS) {
        let case = Case::new(line, seed);
        check_floats(&case);
        assert_eq!(check_integers(&case), Some(seed > 1), "{line}");
    }
}

/// A line in the metadata that is not that of the operators is ignored.
#[test]
fn a_wrong_line_is_ignored() {
    let case = Case::new("1x6x6 nin3:4 nin1:3 gap", 1);
    let file = onnx::floats(&trained(&case, Preprocessing::unit(1)));
    for (stated, imported) in [
        ("1x6x6 nin3:4 nin1:3 gap", "1x6x6 nin3:4 nin1:3 gap"),
        ("1x6x6 nin3:4 dw1:3 gap ", "1x6x6 nin3:4,3 gap"),
        ("1x6x6 nin3:4,nin:3 gap ", "1x6x6 nin3:4,3 gap"),
    ] {
        let (mut file, line) = (file.clone(), case.spec.to_string());
        let at = file.windows(line.len()).position(|window| window == line.as_bytes()).expect("the line");
        let padded = format!("{stated:len$}", len = line.len());
        file[at..at + line.len()].copy_from_slice(&padded.as_bytes()[..line.len()]);
        let Network::Floats(floats) = back(&file) else { panic!("integers") };
        assert_eq!(floats.trained.spec.to_string(), imported, "{stated}");
    }
}

/// With ranges that no calibration found.
#[test]
fn without_zero_points() {
    for (line, clip) in [
        ("1x12x10 nin3+1:6,4 avg2/2 nin3:5 gap", 3.0),
        ("2x9x9 nin3+1:4 max3/2+1 nin1:3 gap fc4", 3.0),
        ("3x8x9 nin3:4 fc6,3", 3.0),
    ] {
        let plan = Plan::new(Spec::new(line));
        let channels = usize::from(plan.spec().input().channels);
        let trained = Trained {
            spec: *plan.spec(),
            parameters: (0..plan.parameters()).map(|i| (i as f32 * 0.37).sin() * 0.5).collect(),
            preprocessing: Preprocessing::unit(channels),
            class_names: (0..plan.classes()).map(|class| format!("class {class}")).collect(),
        };
        let layers = plan.layers().filter(|layer| layer.has_weights()).count();
        let quantised = QuantizedModel::new(&trained, &vec![clip; layers]).unwrap();
        check_file(&Integers::Unsigned(quantised), line);
    }
}
