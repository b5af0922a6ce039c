//! The tensors that each layer reads: the output of the layer before it, except where there is a shortcut.

use nin_core::Plan;
use nin_core::plan::LayerKind;
use nin_core::spec::Stage;

/// The tensors that one layer reads, by index; tensor 0 is the image, tensor i + 1 the output of layer i.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reads {
    /// The tensor that it computes its output from; for a sum, the body's output.
    pub input: usize,
    /// The tensor that a sum adds: where the shortcut begins, or the output of its projection.
    pub shortcut: Option<usize>,
}

/// The tensors that all layers of a network read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// For each layer.
    reads: Vec<Reads>,
    /// For each tensor, whether a shortcut begins there.
    begins: Vec<bool>,
}

impl Chain {
    /// Finds the tensors of a network.
    pub fn new(plan: &Plan) -> Chain {
        let layers: Vec<_> = plan.layers().collect();
        let mut reads: Vec<Reads> = (0..layers.len()).map(|i| Reads { input: i, shortcut: None }).collect();
        let mut begins = vec![false; layers.len() + 1];
        for (i, layer) in layers.iter().enumerate() {
            let Stage::Sum(sum) = plan.spec().stages()[layer.stage] else { continue };
            let body = layer.stage - usize::from(sum.stages);
            let begin = layers.iter().position(|layer| layer.stage == body).unwrap_or(i);
            begins[begin] = true;
            reads[i] = match (layer.kind, sum.projection) {
                (LayerKind::Sum, None) => Reads { input: i, shortcut: Some(begin) },
                // The projection stands between the body and the sum.
                (LayerKind::Sum, Some(_)) => Reads { input: i - 1, shortcut: Some(i) },
                _ => Reads { input: begin, shortcut: None },
            };
        }
        Chain { reads, begins }
    }

    /// Returns the tensors that a layer reads.
    pub fn reads(&self, layer: usize) -> Reads {
        self.reads[layer]
    }

    /// Returns whether a shortcut begins at a tensor.
    pub fn begins(&self, tensor: usize) -> bool {
        self.begins[tensor]
    }

    /// Returns whether a layer is the projection of a shortcut.
    pub fn projects(&self, layer: usize) -> bool {
        self.reads.get(layer).is_some_and(|reads| reads.input != layer && reads.shortcut.is_none())
    }

    /// Returns whether a tensor is read by another layer than the one after it.
    pub fn is_kept(&self, tensor: usize) -> bool {
        self.begins(tensor) || self.projects(tensor)
    }
}

#[cfg(test)]
mod tests {
    use nin_core::{Plan, Spec};

    use super::{Chain, Reads};

    #[test]
    fn a_projection_reads_where_the_shortcut_begins() {
        // Layers: 0 first, 1 and 2 of the first body, 3 its sum, 4 and 5 of the second, 6 its projection, 7 its sum.
        let line = "1x8x8 nin3+1:4 res(dw3+1:4id) proj(nin3/2+1:8 nin3+1:8id) gap fc2";
        let chain = Chain::new(&Plan::new(Spec::new(line)));
        let reads = |input, shortcut| Reads { input, shortcut };
        assert_eq!(chain.reads(3), reads(3, Some(1)));
        assert_eq!(chain.reads(4), reads(4, None));
        assert_eq!((chain.reads(6), chain.reads(7)), (reads(4, None), reads(6, Some(7))));
        assert_eq!((0..10).filter(|&tensor| chain.begins(tensor)).collect::<Vec<_>>(), [1, 4]);
        assert_eq!((0..10).filter(|&layer| chain.projects(layer)).collect::<Vec<_>>(), [6]);
    }
}
