//! Weights and biases as array views with PyTorch's shapes.

use ndarray::{ArrayView1, ArrayView4, ArrayViewMut1, ArrayViewMut4};
use nin_core::Plan;

use crate::network::parameters::{Tensor, tensors};

/// One weight layer's parameters.
#[derive(Clone, Debug)]
pub struct LayerView<'a> {
    /// The layer, and where its parameters stand in the flat buffer.
    pub tensor: Tensor,
    /// The weight (outputs × inputs × rows × columns, as PyTorch orders it; the inputs of a convolution in groups are
    /// those of one group). The weight of a fully connected layer has
    /// the rows and columns of the layer's input; PyTorch's two-dimensional form is
    /// `weight.to_shape((outputs, inputs * rows * columns))`, which copies.
    pub weight: ArrayView4<'a, f32>,
    /// The bias (outputs).
    pub bias: ArrayView1<'a, f32>,
}

/// One weight layer's parameters, mutable.
#[derive(Debug)]
pub struct LayerViewMut<'a> {
    /// The layer, and where its parameters stand in the flat buffer.
    pub tensor: Tensor,
    /// The weight (outputs × inputs × rows × columns), as in [`LayerView`].
    pub weight: ArrayViewMut4<'a, f32>,
    /// The bias (outputs).
    pub bias: ArrayViewMut1<'a, f32>,
}

/// Returns the lengths of the weight's axes in memory: outputs × rows × columns × inputs.
fn sides(tensor: &Tensor) -> (usize, usize, usize, usize) {
    let (rows, columns) = tensor.kernel();
    (tensor.bias.len(), rows, columns, tensor.channels())
}

/// The permutation from the order in memory to PyTorch's.
const TO_PYTORCH: [usize; 4] = [0, 3, 1, 2];
/// [`tensors`] computes place and sides of a weight from the same layer.
const FITS: &str = "a weight is as long as its sides say";

/// Returns views of each weight layer's parameters, in the order of the layers.
///
/// ```
/// use nin_core::{Plan, Spec};
/// use nin_train::network::parameters::{Init, initial};
/// use nin_train::network::views::layer_views;
///
/// let plan = Plan::new(Spec::new("3x8x8 nin5+2:4,2 gap"));
/// let parameters = initial(&plan, Init::He, 1);
/// let layers = layer_views(&plan, &parameters);
/// assert_eq!(layers[0].weight.dim(), (4, 3, 5, 5));
/// assert_eq!(layers[1].weight.dim(), (2, 4, 1, 1));
/// assert_eq!(layers[1].bias.len(), 2);
/// ```
///
/// # Panics
///
/// If there are fewer parameters than the plan has.
pub fn layer_views<'a>(plan: &Plan, parameters: &'a [f32]) -> Vec<LayerView<'a>> {
    let view = |tensor: Tensor| {
        let weight = ArrayView4::from_shape(sides(&tensor), &parameters[tensor.weight.clone()]).expect(FITS);
        let bias = ArrayView1::from(&parameters[tensor.bias.clone()]);
        LayerView { weight: weight.permuted_axes(TO_PYTORCH), bias, tensor }
    };
    tensors(plan).into_iter().map(view).collect()
}

/// Returns mutable views of each weight layer's parameters, in the order of the layers.
///
/// # Panics
///
/// If there are fewer parameters than the plan has.
pub fn layer_views_mut<'a>(plan: &Plan, parameters: &'a mut [f32]) -> Vec<LayerViewMut<'a>> {
    let mut rest = parameters;
    let mut view = |tensor: Tensor| {
        // The tensors stand one after the other.
        let (weight, after) = std::mem::take(&mut rest).split_at_mut(tensor.weight.len());
        let (bias, after) = after.split_at_mut(tensor.bias.len());
        rest = after;
        let weight = ArrayViewMut4::from_shape(sides(&tensor), weight).expect(FITS);
        LayerViewMut { weight: weight.permuted_axes(TO_PYTORCH), bias: ArrayViewMut1::from(bias), tensor }
    };
    tensors(plan).into_iter().map(&mut view).collect()
}

#[cfg(test)]
mod tests {
    use nin_core::{Plan, Spec};

    use super::{layer_views, layer_views_mut};

    /// The exporter's order for PyTorch is the other statement of the same permutation.
    #[test]
    fn weights_are_in_pytorchs_order() {
        let plan = Plan::new(Spec::new("2x7x6 nin3+1:5,4 max2/2 fc6,3"));
        let mut parameters: Vec<f32> = (0..plan.parameters()).map(|i| i as f32).collect();
        for layer in layer_views(&plan, &parameters) {
            let order: Vec<f32> = layer.tensor.torch_order().map(|i| i as f32).collect();
            assert_eq!(layer.weight.iter().copied().collect::<Vec<_>>(), order);
            assert_eq!(layer.bias[1], (layer.tensor.bias.start + 1) as f32);
        }
        let before = parameters.clone();
        for mut layer in layer_views_mut(&plan, &mut parameters) {
            layer.weight[[1, 0, 0, 0]] += 0.5;
            layer.bias[2] += 0.5;
        }
        let changed: Vec<usize> = (0..before.len()).filter(|&i| before[i] != parameters[i]).collect();
        let expected = layer_views(&plan, &before).into_iter().flat_map(|layer| {
            let fan_in = layer.tensor.layer.fan_in();
            [layer.tensor.weight.start + fan_in, layer.tensor.bias.start + 2]
        });
        assert_eq!(changed, expected.collect::<Vec<_>>());
    }
}
