//! The plan's numbers for the networks that the book and the paper describe.
use nin_core::{PRESETS, Plan, Spec};

#[test]
fn d2l() {
    let plan = Plan::new(Spec::preset("d2l").unwrap());
    assert_eq!(plan.parameters(), 1_992_166);
    assert_eq!(plan.macs(), 762_297_352);
    assert_eq!(plan.memory().lines, 37_408);
    assert_eq!(plan.memory().scratch, 2 * 4 * 384);
}

#[test]
fn fashion() {
    let plan = Plan::new(Spec::preset("fashion").unwrap());
    assert_eq!(plan.parameters(), 63_542);
    assert_eq!(plan.macs(), 6_852_640);
    assert_eq!(plan.memory().lines, 4_108);
    assert_eq!(plan.layer_by_layer(), 50_176);
}

#[test]
fn all_presets_parse_and_print() {
    for preset in PRESETS {
        let spec = Spec::parse(preset.line).unwrap_or_else(|error| panic!("{}: {error}", preset.name));
        assert_eq!(spec.to_string(), preset.line);
        let plan = Plan::new(spec);
        println!("{} {} {} {:?} {}", preset.name, plan.parameters(), plan.macs(), plan.memory(), plan.layer_by_layer());
    }
}
