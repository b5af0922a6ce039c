//! Matches the tensors of a file to the weights and biases of the layers.

use ::safetensors::tensor::TensorView;

use super::names::natural;

type Named<'a, 'd> = (&'a str, TensorView<'d>);

/// Returns each layer's weight and bias, or one sentence that states the mismatch.
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

/// Returns the weights in layer order, each with its bias. The bias is the tensor whose name differs in the last part
/// only, or else the one at the same position among the biases.
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
    // Convolutions (4 dimensions) come before fully connected layers (2): `classifier` must follow `features`.
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
            // Without common stems only the order of the names is known, so it must be the order of the layers, too.
            if !weights.is_sorted_by(|(a, _), (b, _)| natural(a, b).is_le()) {
                return Err("its names do not show which bias belongs to which weight: name them LAYER.weight and \
                            LAYER.bias"
                    .to_owned());
            }
            biases.sort_by(|(a, _), (b, _)| natural(a, b));
            Ok(weights.into_iter().zip(biases).collect())
        }
    }
}
