//! The plan's numbers for the networks that the book and the paper describe.

use nin_core::plan::LayerKind;
use nin_core::{PRESETS, Plan, Spec, WeightType};

const fn plan(name: &str) -> Plan {
    match Spec::preset(name) {
        Some(spec) => Plan::new(spec),
        None => panic!("there is no such preset"),
    }
}

/// All of it is there at compile time.
const D2L: Plan = plan("d2l");
const _: () = assert!(D2L.parameters() == 1_992_166);
const _: () = assert!(D2L.macs() == 762_297_352);
const _: () = assert!(D2L.memory().lines == 37_408);
const _: () = assert!(D2L.state_words(WeightType::F16) * 4 <= 164 * 1024);

/// The figures that the book, the paper and plain arithmetic give.
#[test]
fn presets() {
    let figures = |name| {
        let plan = plan(name);
        (plan.parameters(), plan.macs(), plan.memory().lines, plan.layer_by_layer())
    };
    assert_eq!(figures("d2l"), (1_992_166, 762_297_352, 37_408, 559_872));
    assert_eq!(figures("fashion"), (63_542, 6_852_640, 4_108, 50_176));
    assert_eq!(plan("nin-cifar10").parameters(), 966_986);

    let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
    let ours = ["fashion", "fashion-tiny", "fashion-small", "fashion-large"];
    let tiny = ["fashion-fast", "mobilenet-0.25", "ds-cnn", "resnet-8", "resnet-20"];
    let book = ["d2l", "nin-cifar10", "nin-imagenet"];
    let expected = [&book, &ours[..], &tiny, &["nin-11", "nin-16", "nin-19"]].concat();
    assert_eq!(names, expected);
    let about = |name, low, high| {
        let parameters = plan(name).parameters();
        assert!((low..=high).contains(&parameters), "{name} has {parameters} parameters");
    };
    about("nin-imagenet", 7_550_000, 7_650_000);
    about("fashion-tiny", 16_300, 16_384);
    about("fashion-small", 64_000, 65_536);
    about("fashion-large", 295_000, 300_000);
    about("fashion-fast", 47_000, 48_000);
    assert!(plan("fashion-fast").macs() < 2_000_000);
    // As counted in the models that MLPerf Tiny publishes.
    let published = ["mobilenet-0.25", "ds-cnn", "resnet-8"].map(|name| plan(name).macs());
    assert_eq!(published, [7_489_664, 2_656_768, 12_501_632]);
    // With projections, and with the biases that batch normalisation is folded into.
    assert_eq!(figures("resnet-20"), (271_690, 40_813_184, 28_960, 32_768));
    assert_eq!(plan("nin-imagenet").classes(), 1000);
    for name in ["d2l", "nin-cifar10", "fashion", "fashion-tiny"] {
        assert_eq!(plan(name).classes(), 10, "{name}");
    }
}

/// A device has a plan on its stack while it reads a model file.
#[test]
fn a_plan_is_small() {
    assert!(size_of::<Spec>() <= 840, "{}", size_of::<Spec>());
    assert!(size_of::<Plan>() <= 1_108, "{}", size_of::<Plan>());
}

#[test]
fn presets_are_canonical_and_described() {
    for preset in PRESETS {
        let spec = Spec::parse(preset.line).unwrap_or_else(|error| panic!("{}: {error}", preset.name));
        assert_eq!(spec.to_string(), preset.line);
        assert_eq!(Spec::preset(preset.name), Some(spec));
        assert!(!preset.about.is_empty() && !preset.about.ends_with('.'), "{}", preset.about);
    }
    for name in ["", "D2L", "d2", "d2ll", "fashion-", "1x28x28 gap"] {
        assert_eq!(Spec::preset(name), None, "{name}");
    }
}

/// The number in `nin-11`, `nin-16`, `nin-19` is that of VGG: its layers with weights.
#[test]
fn the_vgg_family_counts_its_layers() {
    for layers in [11, 16, 19] {
        let plan = plan(&format!("nin-{layers}"));
        assert_eq!(plan.layers().filter(|layer| layer.has_weights()).count(), layers);
        let three_by_three = |kind| matches!(kind, LayerKind::Convolution(window) if window.columns.kernel == 3);
        assert_eq!(plan.layers().filter(|layer| three_by_three(layer.kind)).count(), 6, "one for each block");
    }
}

/// What the book's chapters compare NiN with: the parameters that PyTorch counts for these networks.
#[test]
fn heads_of_other_networks() {
    for (name, line, parameters) in [
        ("LeNet", "1x28x28 nin5+2:6 avg2/2 nin5:16 avg2/2 fc120,84,10", 61_706),
        (
            "AlexNet",
            "1x224x224 nin11/4+1:96 max3/2 nin5+2:256 max3/2 nin3+1:384 nin3+1:384 nin3+1:256 max3/2 fc4096 drop0.5 fc4096 drop0.5 fc10",
            46_764_746,
        ),
        (
            "VGG-11",
            "1x224x224 nin3+1:64 max2/2 nin3+1:128 max2/2 nin3+1:256 nin3+1:256 max2/2 nin3+1:512 nin3+1:512 max2/2 nin3+1:512 nin3+1:512 max2/2 fc4096 drop0.5 fc4096 drop0.5 fc10",
            128_806_154,
        ),
    ] {
        assert_eq!(Plan::new(Spec::new(line)).parameters(), parameters, "{name}");
    }
}

/// A ReLU stands after every layer with weights but a fully connected one at the very end.
#[test]
fn where_the_relus_are() {
    for (line, relus) in [
        ("1x4x4 nin3:2,3 gap", "yy-"),
        ("1x4x4 nin3:2 gap fc3,4", "y-yn"),
        ("1x4x4 max2/2 fc3 drop0.5 fc4 drop0.5", "-y-n-"),
        ("1x4x4 fc3", "n"),
    ] {
        let plan = Plan::new(Spec::new(line));
        let sign = |has_weights, relu| match (has_weights, relu) {
            (true, true) => 'y',
            (true, false) => 'n',
            (false, false) => '-',
            (false, true) => '!',
        };
        let signs: String = plan.layers().map(|layer| sign(layer.has_weights(), layer.relu)).collect();
        assert_eq!(signs, relus, "{line}");
    }
}

/// Packed weights fill up to whole groups of lanes and to whole words.
#[test]
fn weight_bytes() {
    let plan = Plan::new(Spec::new("3x5x5 nin3:5 gap"));
    // 27 inputs, 5 outputs: with 4 lanes 8 outputs, with 16 lanes 16.
    assert_eq!(plan.weight_bytes(WeightType::F32, 1), 4 * (5 + 5 * 27));
    assert_eq!(plan.weight_bytes(WeightType::F32, 4), 4 * (8 + 8 * 27));
    assert_eq!(plan.weight_bytes(WeightType::F32, 16), 4 * (16 + 16 * 27));
    assert_eq!(plan.weight_bytes(WeightType::F16, 1), 4 * 5 + 2 * 5 * 27 + 2);
    assert_eq!(plan.weight_bytes(WeightType::F16, 4), 4 * 8 + 2 * 8 * 27);
}

/// The rows that a shortcut delays: none more than the windows of its body, unless it is long.
#[test]
fn shortcuts_keep_the_rows_that_they_delay() {
    for (line, rows) in [
        ("8x20x20 nin3+1:8 gap", 3),
        ("8x20x20 res(nin3+1:8) gap", 3),
        ("8x20x20 res(nin3+1:8 nin3+1:8id) gap", 3),
        ("8x20x20 res(nin3+1:8 nin3+1:8 nin3+1:8id) gap", 4),
        ("8x20x20 res(nin1:8 nin3+1:8id) gap", 2),
        ("8x20x20 proj(nin3/2+0,1:8 nin3+1:8id) gap", 5),
        ("8x20x20 proj(nin3/2+1:8 nin3+1:8id) gap", 4),
        ("8x20x20 max3/1+1 res(nin3+1:8 nin3+1:8id) gap", 5),
        ("8x2x20 res(nin3+1:8 nin3+1:8 nin3+1:8id) gap", 2),
    ] {
        let plan = Plan::new(Spec::parse(line).unwrap());
        let stage = plan.spec().stages().iter().position(|stage| matches!(stage, nin_core::Stage::Block(_))).unwrap();
        assert_eq!(plan.ring(stage), rows, "{line}");
    }
    // The published person detector: the rows that its windows cover, and a sum for each channel of the last map.
    let person = "3x96x96 nin3/2+0,1:8 dw3+1:16 dw3/2+0,1:32 dw3+1:32 dw3/2+0,1:64 dw3+1:64 dw3/2+0,1:128 dw3+1:128 \
                  dw3+1:128 dw3+1:128 dw3+1:128 dw3+1:128 dw3/2+0,1:256 dw3+1:256 avg3/3 fc2";
    let plan = Plan::new(Spec::parse(person).unwrap());
    assert_eq!((plan.macs(), plan.layer_by_layer()), (7_489_664, 55_296));
    let bytes = plan.bytes(WeightType::Affine, nin_core::Kernels::Dsp).total();
    assert_eq!(bytes, 34_792, "at most 36 KB");
}
