//! Where each layer's weights and biases stand in the flat parameters.
//!
//! All parameters of a network are one slice: for each layer with weights, in order, the weights `[out][fan_in]`
//! (fan-in ordered rows, columns, channels), then the biases `[out]`. Export, import and the layer table walk it with
//! [`weight_layers`]; nothing here owns a number.

use std::fmt;
use std::ops::Range;

use nin_core::Plan;
use nin_core::plan::Layer;

/// One layer with weights, and its part of the flat parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerView {
    /// The layer.
    pub layer: Layer,
    /// Which layer of its stage it is, from 0.
    pub step: usize,
    /// Where its weights stand: `[out][fan_in]`.
    pub weights: Range<usize>,
    /// Where its biases stand: `[out]`.
    pub biases: Range<usize>,
}

impl LayerView {
    /// Outputs: rows of the weight matrix.
    pub fn outputs(&self) -> usize {
        usize::from(self.layer.output.channels)
    }

    /// "stage 3 (nin3+1:48,48,48), layer 2": how messages name the layer.
    pub fn name<'a>(&'a self, plan: &'a Plan) -> impl fmt::Display + 'a {
        LayerName { view: self, plan }
    }
}

struct LayerName<'a> {
    view: &'a LayerView,
    plan: &'a Plan,
}

impl fmt::Display for LayerName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = self.view.layer.stage;
        write!(f, "stage {} ({}), layer {}", stage + 1, self.plan.spec().stages()[stage], self.view.step + 1)
    }
}

/// The layers with weights, in order, each with its place in the flat parameters.
pub fn weight_layers(plan: &Plan) -> impl Iterator<Item = LayerView> + Clone + '_ {
    let mut at = 0;
    let mut last = None;
    plan.layers().filter(Layer::has_weights).map(move |layer| {
        let step = match last {
            Some((stage, step)) if stage == layer.stage => step + 1,
            _ => 0,
        };
        last = Some((layer.stage, step));
        let weights = at..at + layer.weights();
        at += layer.parameters();
        LayerView { biases: weights.end..at, weights, layer, step }
    })
}

#[cfg(test)]
mod tests {
    use nin_core::{PRESETS, Plan, Spec};

    use super::weight_layers;

    #[test]
    fn views_cover_the_parameters_without_gaps() {
        for preset in PRESETS {
            let plan = Plan::new(Spec::new(preset.line));
            let mut at = 0;
            for view in weight_layers(&plan) {
                assert_eq!(view.weights.start, at);
                assert_eq!(view.weights.end, view.biases.start);
                assert_eq!(view.weights.len(), view.outputs() * view.layer.fan_in());
                assert_eq!(view.biases.len(), view.outputs());
                at = view.biases.end;
            }
            assert_eq!(at, plan.parameters(), "{}", preset.name);
        }
    }

    #[test]
    fn names_say_stage_and_layer() {
        let plan = Plan::new(Spec::new("1x8x8 nin3:4,5 max2/2 fc6,7"));
        let names: Vec<_> = weight_layers(&plan).map(|view| view.name(&plan).to_string()).collect();
        assert_eq!(
            names,
            [
                "stage 1 (nin3:4,5), layer 1",
                "stage 1 (nin3:4,5), layer 2",
                "stage 3 (fc6,7), layer 1",
                "stage 3 (fc6,7), layer 2"
            ]
        );
    }
}
