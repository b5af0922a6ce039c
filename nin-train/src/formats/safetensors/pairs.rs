//! Which tensor of a file is which layer's weight or bias.

use ::safetensors::tensor::TensorView;

use super::names::natural;

type Named<'a, 'd> = (&'a str, TensorView<'d>);

/// For each layer, its weight and bias; or what does not fit, in one sentence.
///
/// `stems` and `shapes` are the layers' names in the book's state dict and their weights' shapes.
pub(super) fn matched<'f, 'a, 'd>(
    stems: &[String],
    shapes: &[Vec<usize>],
    found: &'f [Named<'a, 'd>],
) -> Result<Vec<(&'f Named<'a, 'd>, &'f Named<'a, 'd>)>, String> {
    let named = |name: String| found.iter().find(|(other, _)| *other == name);
    let by_name: Option<Vec<_>> =
        stems.iter().map(|stem| named(format!("{stem}.weight")).zip(named(format!("{stem}.bias")))).collect();
    let pairs = match by_name {
        Some(pairs) if found.len() == 2 * stems.len() => pairs,
        _ => in_order(stems.len(), found)?,
    };
    for (shape, ((weight, w), (bias, b))) in shapes.iter().zip(&pairs) {
        if w.shape() != shape {
            return Err(format!("{weight} has the shape {:?} where {shape:?} is expected", w.shape()));
        }
        if b.shape() != &shape[..1] {
            return Err(format!("{bias} has the shape {:?} where {:?} is expected", b.shape(), &shape[..1]));
        }
    }
    Ok(pairs)
}

/// Weights in layer order, each with its bias: the tensor that differs from it only in the last part of its name, or
/// else the one at the same place among the biases.
fn in_order<'f, 'a, 'd>(
    layers: usize,
    found: &'f [Named<'a, 'd>],
) -> Result<Vec<(&'f Named<'a, 'd>, &'f Named<'a, 'd>)>, String> {
    let (mut biases, mut weights): (Vec<_>, Vec<_>) = found.iter().partition(|(_, tensor)| tensor.shape().len() < 2);
    if weights.len() != layers || biases.len() != layers {
        return Err(format!(
            "it has {} weights and {} biases where {layers} of each are expected",
            weights.len(),
            biases.len()
        ));
    }
    // Convolutions (4 dimensions) come before fully connected layers (2): `classifier` stands after `features`.
    weights.sort_by(|(a, x), (b, y)| y.shape().len().cmp(&x.shape().len()).then_with(|| natural(a, b)));
    let stem = |name: &str| name.rsplit_once('.').map(|(stem, _)| stem.to_owned());
    let partner = |(name, _): &Named<'_, '_>| {
        stem(name).and_then(|own| found.iter().find(|(n, t)| t.shape().len() < 2 && stem(n) == Some(own.clone())))
    };
    let partners: Option<Vec<_>> = weights.iter().map(|weight| partner(weight)).collect();
    let distinct = |partners: &[&Named<'_, '_>]| {
        let mut names: Vec<_> = partners.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.dedup();
        names.len() == layers
    };
    match partners {
        Some(partners) if distinct(&partners) => Ok(weights.into_iter().zip(partners).collect()),
        _ => {
            // Without common stems the order of the names is all there is, and it must be one of layers, too.
            if !weights.is_sorted_by(|(a, _), (b, _)| natural(a, b).is_le()) {
                return Err("its names do not say which bias belongs to which weight: name them LAYER.weight and \
                            LAYER.bias"
                    .to_owned());
            }
            biases.sort_by(|(a, _), (b, _)| natural(a, b));
            Ok(weights.into_iter().zip(biases).collect())
        }
    }
}
