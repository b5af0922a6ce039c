//! The plan against the counts of the oracle.

use nin_core::{Plan, Spec};
use nin_tests::oracle::{self, Op, Step};
use nin_tests::random;
use proptest::prelude::*;

fn check(spec: Spec, steps: &[Step]) -> Result<(), TestCaseError> {
    let plan = Plan::new(spec);
    let layers = oracle::layers(steps);
    prop_assert_eq!(plan.layers().count(), layers.len());
    let mut shape = spec.input();
    for (layer, step) in plan.layers().zip(&layers) {
        prop_assert_eq!(layer.stage, step.stage);
        prop_assert_eq!((layer.input, layer.output), (shape, step.map.shape), "{:?}", layer);
        prop_assert_eq!(layer.parameters(), step.parameters, "{:?}", layer);
        prop_assert_eq!(layer.macs(), step.macs, "{:?}", layer);
        prop_assert_eq!(layer.has_weights(), matches!(step.op, Op::Convolution | Op::Full));
        shape = step.map.shape;
    }
    prop_assert_eq!(plan.classes(), shape.len());
    prop_assert_eq!(spec.classes(), shape.len());
    prop_assert_eq!(plan.shape(spec.stages().len()), shape);
    prop_assert_eq!(plan.parameters(), steps.iter().map(|step| step.parameters).sum::<usize>());
    prop_assert_eq!(plan.macs(), steps.iter().map(|step| step.macs).sum::<u64>());

    // A ReLU wherever the oracle has one.
    let mut relus = Vec::new();
    for step in steps {
        match step.op {
            Op::Relu => *relus.last_mut().unwrap() = true,
            _ => relus.push(false),
        }
    }
    prop_assert_eq!(plan.layers().map(|layer| layer.relu).collect::<Vec<_>>(), relus);

    // Layer by layer, the input and the output of one layer are in memory at the same time.
    let mut most = 0;
    let mut before = spec.input().len();
    for step in layers.iter().filter(|step| step.op != Op::Dropout) {
        most = most.max(before + step.map.values.len());
        before = step.map.values.len();
    }
    prop_assert_eq!(plan.layer_by_layer(), most);
    Ok(())
}

proptest! {
    #![proptest_config(random::config(1_000))]

    #[test]
    fn plan_counts_what_is_done(case in random::case()) {
        check(case.spec, &oracle::forward(&case.spec, &case.parameters(), &case.image(0).widen()))?;
        prop_assert_eq!(Spec::parse(&case.spec.to_string()), Ok(case.spec));
    }
}

/// The random networks are useful: they contain every kind of stage and edge case, and their logits are not constant.
#[test]
fn random_networks_reach_the_corners() {
    use nin_core::Stage;
    use nin_core::spec::{Block, Side};
    use proptest::strategy::ValueTree;

    let mut seen = std::collections::BTreeMap::<&str, usize>::new();
    let mut runner = proptest::test_runner::TestRunner::new(random::config(1));
    let total = 1_000;
    for _ in 0..total {
        let case = random::case().new_tree(&mut runner).unwrap().current();
        let plan = Plan::new(case.spec);
        let mut see = |what, is| *seen.entry(what).or_default() += usize::from(is);
        let input = case.spec.input();
        see("non-square", input.rows != input.columns);
        see("one row or column", input.rows == 1 || input.columns == 1);
        let stages: Vec<Stage> = case.spec.stages().to_vec();
        for (i, stage) in stages.iter().enumerate() {
            let shape = plan.shape(i);
            see("one pixel", shape.pixels() == 1);
            if let Stage::Block(Block { window, .. }) | Stage::MaxPool(window) | Stage::AvgPool(window) = stage {
                see("stride > kernel", window.columns.stride > window.columns.kernel);
                see("overlap", window.columns.kernel > window.columns.stride);
                see(
                    "window as large as the padded input",
                    u16::from(window.columns.kernel - 2 * window.columns.padding.min(window.columns.kernel / 2))
                        >= shape.rows,
                );
            }
            match stage {
                Stage::Block(Block { window, widths, .. }) => {
                    let Side { kernel, padding, .. } = &window.columns;
                    see("padding ≥ kernel/2", *padding > 0 && *padding >= kernel / 2);
                    see("padding = kernel − 1 > 1", *padding + 1 == *kernel && *kernel > 2);
                    see("no 1×1", widths.as_slice().len() == 1);
                    see("three 1×1", widths.as_slice().len() == 4);
                    see("width over 16", widths.as_slice().iter().any(|&width| width > 16));
                }
                Stage::MaxPool(window) => see("max with padding", window.columns.padding > 0),
                Stage::AvgPool(window) => see("avg with padding", window.columns.padding > 0),
                Stage::Full(widths) => see("fc of several layers", widths.as_slice().len() > 1),
                _ => {}
            }
        }
        let working: Vec<Stage> = stages.into_iter().filter(|stage| !matches!(stage, Stage::Dropout(_))).collect();
        let pool = |stage: &Stage| matches!(stage, Stage::MaxPool(_) | Stage::AvgPool(_));
        see("pool → pool", working.windows(2).any(|pair| pool(&pair[0]) && pool(&pair[1])));
        see("max → gap", working.windows(2).any(|pair| matches!(pair, [Stage::MaxPool(_), Stage::GlobalAverage])));
        see("avg → gap", working.windows(2).any(|pair| matches!(pair, [Stage::AvgPool(_), Stage::GlobalAverage])));
        see("max → fc", working.windows(2).any(|pair| matches!(pair, [Stage::MaxPool(_), Stage::Full(_)])));
        see("avg → fc", working.windows(2).any(|pair| matches!(pair, [Stage::AvgPool(_), Stage::Full(_)])));
        see("block → fc", working.windows(2).any(|pair| matches!(pair, [Stage::Block(..), Stage::Full(_)])));
        see("fc → fc", working.windows(2).any(|pair| matches!(pair, [Stage::Full(_), Stage::Full(_)])));
        see("gap fc", working.windows(2).any(|pair| matches!(pair, [Stage::GlobalAverage, Stage::Full(_)])));
        see("max first", matches!(working[0], Stage::MaxPool(_)));
        see("avg first", matches!(working[0], Stage::AvgPool(_)));
        see("gap first", matches!(working[0], Stage::GlobalAverage));
        see("fc first", matches!(working[0], Stage::Full(_)));
        see("several blocks", working.iter().filter(|stage| matches!(stage, Stage::Block(..))).count() > 2);
        let (logits, scale) = oracle::logits(&case.spec, &case.parameters(), &case.image(0).widen());
        see("live logits", logits.iter().any(|logit| logit.abs() > 1e-3 * scale));
        let other = oracle::logits(&case.spec, &case.parameters(), &case.image(1).widen()).0;
        see("logits that depend on the image", logits != other);
    }
    println!("{seen:#?}");
    for (what, count) in &seen {
        let least = match *what {
            "live logits" | "logits that depend on the image" => total * 9 / 10,
            _ => total / 100,
        };
        assert!(*count >= least, "only {count} of {total}: {what}");
    }
}
