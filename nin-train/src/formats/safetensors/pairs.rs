//! Matches the tensors of a file to the layers of a line.
//!
//! Shapes decide first: a layer's weight has one of the tensors of its shape. Among layers of equal shapes the order of
//! the names decides, if numbers in the names make it one, or the order of the file, if it is none of the alphabet. What
//! neither decides is asked for.

use super::names::{Named, is_ordered, natural, stem};
use super::norms::{self, Norm};

/// The tensors of one layer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts<'f, 'a, 'd> {
    pub weight: &'f Named<'a, 'd>,
    /// `None` if the layer has no bias.
    pub bias: Option<&'f Named<'a, 'd>>,
    /// The batch normalisation that follows the layer.
    pub norm: Option<Norm<'f, 'a, 'd>>,
}

/// Returns each layer's tensors, or one sentence that states the mismatch.
///
/// `stems` and `shapes` are the layers' names in the book's state dict and their weights' shapes. `found` is in the order
/// of the file. `map` names each layer's tensors, if it is not empty.
pub(super) fn matched<'f, 'a, 'd>(
    stems: &[String],
    shapes: &[Vec<usize>],
    found: &'f [Named<'a, 'd>],
    map: &[String],
) -> Result<Vec<Parts<'f, 'a, 'd>>, String> {
    let (norms, rest) = norms::split(found);
    let (vectors, weights): (Vec<_>, Vec<_>) = rest.into_iter().partition(|(_, tensor)| tensor.shape().len() < 2);
    let (weights, stated) = match map {
        [] => (by_book(stems, &weights).map_or_else(|| in_order(shapes, &weights), Ok)?, Vec::new()),
        map => mapped(map, stems.len(), &weights)?,
    };
    for (shape, (name, tensor)) in shapes.iter().zip(&weights) {
        if tensor.shape() != shape {
            return Err(format!("{name} has the shape {:?} where {shape:?} is expected", tensor.shape()));
        }
    }
    let biases = biases(&weights, &vectors)?;
    for (shape, (name, tensor)) in shapes.iter().zip(&biases).filter_map(|(shape, bias)| Some((shape, (*bias)?))) {
        if tensor.shape() != &shape[..1] {
            return Err(format!("{name} has the shape {:?} where {:?} is expected", tensor.shape(), &shape[..1]));
        }
    }
    let norms = norms::owners(&norms, &weights, &stated)?;
    Ok(weights.into_iter().zip(biases).zip(norms).map(|((weight, bias), norm)| Parts { weight, bias, norm }).collect())
}

/// Returns the weights by the names of the book's state dict, if these are the file's names.
fn by_book<'f, 'a, 'd>(stems: &[String], weights: &[&'f Named<'a, 'd>]) -> Option<Vec<&'f Named<'a, 'd>>> {
    let named = |stem: &String| weights.iter().copied().find(|(name, _)| name.strip_suffix(".weight") == Some(stem));
    if weights.len() == stems.len() { stems.iter().map(named).collect() } else { None }
}

/// Returns the weights that a map names, and the normalisation that it states for each.
fn mapped<'f, 'a, 'd, 'm>(
    map: &'m [String],
    layers: usize,
    weights: &[&'f Named<'a, 'd>],
) -> Result<(Vec<&'f Named<'a, 'd>>, Vec<Option<&'m str>>), String> {
    if map.len() != layers {
        return Err(format!("--map names {} layers where the line has {layers}", map.len()));
    }
    let mut taken: Vec<&Named<'_, '_>> = Vec::new();
    let mut norms = Vec::new();
    for entry in map {
        let (layer, norm) = entry.split_once('+').map_or((entry.as_str(), None), |(layer, norm)| (layer, Some(norm)));
        let is_named = |(name, _): &&&Named<'_, '_>| *name == layer || stem(name) == layer;
        let weight = weights.iter().find(is_named).copied();
        let weight = weight.ok_or_else(|| format!("--map names {layer}, and the file has no weight of that name"))?;
        if taken.iter().any(|(name, _)| *name == weight.0) {
            return Err(format!("--map names {layer} twice"));
        }
        taken.push(weight);
        norms.push(norm);
    }
    Ok((taken, norms))
}

/// Returns the weights in the order of the layers.
fn in_order<'f, 'a, 'd>(
    shapes: &[Vec<usize>],
    weights: &[&'f Named<'a, 'd>],
) -> Result<Vec<&'f Named<'a, 'd>>, String> {
    if weights.len() != shapes.len() {
        return Err(format!("it has {} weights where {} are expected", weights.len(), shapes.len()));
    }
    // Writers sort by name, unless they keep the order of the layers.
    let deliberate = !weights.is_sorted_by(|(a, _), (b, _)| a < b);
    let mut natural_order = weights.to_vec();
    natural_order.sort_by(|(a, _), (b, _)| natural(a, b));
    let mut ordered = Vec::with_capacity(shapes.len());
    for (at, shape) in shapes.iter().enumerate() {
        let alike = |weights: &[&'f Named<'a, 'd>]| -> Vec<&'f Named<'a, 'd>> {
            weights.iter().copied().filter(|(_, tensor)| tensor.shape() == shape).collect()
        };
        let (own, layers) = (alike(&natural_order), shapes.iter().filter(|other| *other == shape).count());
        if own.len() != layers {
            // Most likely the layer at this place has another shape.
            let (name, tensor) = natural_order[at];
            return Err(match own.len() {
                0 => format!("{name} has the shape {:?} where {shape:?} is expected", tensor.shape()),
                own => format!("it has {own} weights of the shape {shape:?} where {layers} are expected"),
            });
        }
        let doubtful = own.windows(2).find(|pair| !is_ordered(pair[0].0, pair[1].0));
        let own = match doubtful {
            None => own,
            Some(_) if deliberate => alike(weights),
            Some(pair) => {
                return Err(format!(
                    "{} and {} have the same shape, {shape:?}, and neither their names nor the order of the file tells \
                     which layer comes first: name the layers in the order of the line with --map LAYER,LAYER,…",
                    pair[0].0, pair[1].0
                ));
            }
        };
        ordered.push(own[shapes[..at].iter().filter(|other| *other == shape).count()]);
    }
    Ok(ordered)
}

/// Returns each layer's bias: the vector whose name differs from the weight's in the last part only. Without common names
/// it is the one at the same position among the biases.
fn biases<'f, 'a, 'd>(
    weights: &[&Named<'a, 'd>],
    vectors: &[&'f Named<'a, 'd>],
) -> Result<Vec<Option<&'f Named<'a, 'd>>>, String> {
    let partner = |weight: &&Named<'_, '_>| {
        let own = vectors.iter().copied().find(|(name, _)| stem(name) == stem(weight.0));
        own.filter(|_| weight.0.contains('.'))
    };
    let partners: Vec<_> = weights.iter().map(partner).collect();
    if partners.iter().flatten().count() == vectors.len() {
        return Ok(partners);
    }
    let is_alone = |(name, _): &&Named<'_, '_>| !partners.iter().flatten().any(|(other, _)| other == name);
    if vectors.len() == weights.len() && weights.is_sorted_by(|(a, _), (b, _)| natural(a, b).is_le()) {
        let mut biases: Vec<_> = vectors.iter().copied().map(Some).collect();
        biases.sort_by(|a, b| natural(a.map_or("", |bias| bias.0), b.map_or("", |bias| bias.0)));
        return Ok(biases);
    }
    let name = vectors.iter().copied().find(is_alone).map_or("a vector", |(name, _)| name);
    Err(format!(
        "it does not show which bias belongs to which weight: {name} belongs to none; name them LAYER.weight and LAYER.bias"
    ))
}
