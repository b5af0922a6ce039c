//! Batch normalisation in a state dict: which layer it follows, and its folding into that layer.

use super::names::{Named, is_ordered, natural, stem};

/// The tensors of one batch normalisation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Norm<'f, 'a, 'd> {
    /// Its name.
    pub name: &'f str,
    pub mean: &'f Named<'a, 'd>,
    pub variance: &'f Named<'a, 'd>,
    /// `None` is 1.
    pub gain: Option<&'f Named<'a, 'd>>,
    /// `None` is 0.
    pub shift: Option<&'f Named<'a, 'd>>,
}

impl Norm<'_, '_, '_> {
    fn channels(&self) -> &[usize] {
        self.mean.1.shape()
    }

    /// The names of its tensors.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        [Some(self.mean), Some(self.variance), self.gain, self.shift].into_iter().flatten().map(|(name, _)| *name)
    }
}

/// Separates the batch normalisations from the other tensors of a file, and leaves out their counters.
pub(super) fn split<'f, 'a, 'd>(found: &'f [Named<'a, 'd>]) -> (Vec<Norm<'f, 'a, 'd>>, Vec<&'f Named<'a, 'd>>) {
    let of = |name: &'f str, part: &str| {
        found.iter().find(|(other, _)| other.strip_suffix(part).and_then(|other| other.strip_suffix('.')) == Some(name))
    };
    let norms = found.iter().filter_map(|mean| {
        let name = mean.0.strip_suffix(".running_mean")?;
        let variance = of(name, "running_var")?;
        Some(Norm { name, mean, variance, gain: of(name, "weight"), shift: of(name, "bias") })
    });
    let mut norms: Vec<_> = norms.collect();
    norms.sort_by(|a, b| natural(a.name, b.name));
    let is_rest = |(name, _): &&Named<'_, '_>| {
        !name.ends_with("num_batches_tracked") && !norms.iter().any(|norm| norm.names().any(|own| own == *name))
    };
    let rest = found.iter().filter(is_rest).collect();
    (norms, rest)
}

/// Returns the normalisation that follows each layer; `stated` names some of them.
pub(super) fn owners<'f, 'a, 'd>(
    norms: &[Norm<'f, 'a, 'd>],
    weights: &[&Named<'a, 'd>],
    stated: &[Option<&str>],
) -> Result<Vec<Option<Norm<'f, 'a, 'd>>>, String> {
    let mut owners = vec![None; weights.len()];
    for (layer, name) in stated.iter().enumerate().filter_map(|(layer, name)| Some((layer, (*name)?))) {
        let norm = norms.iter().find(|norm| norm.name == name);
        owners[layer] =
            Some(*norm.ok_or_else(|| format!("--map names {name}, and the file has no such normalisation"))?);
    }
    let mut left = Vec::new();
    for norm in norms {
        if owners.iter().flatten().any(|own: &Norm<'_, '_, '_>| own.name == norm.name) {
            continue;
        }
        let free = |layer: &usize| owners[*layer].is_none() && weights[*layer].1.shape()[..1] == *norm.channels();
        let free: Vec<usize> = (0..weights.len()).filter(free).collect();
        match by_name(norm.name, &free, weights) {
            Some(layer) => owners[layer] = Some(*norm),
            None => left.push(*norm),
        }
    }
    // What names do not pair may be as many as the layers that are left of the same size.
    for norm in &left {
        let alike: Vec<_> = left.iter().filter(|other| other.channels() == norm.channels()).collect();
        let place = alike.iter().position(|other| other.name == norm.name).unwrap_or(0);
        let is_free = |layer: &usize| {
            let taken = owners[*layer].is_some_and(|own| !left.iter().any(|other| other.name == own.name));
            !taken && weights[*layer].1.shape()[..1] == *norm.channels()
        };
        let mut free: Vec<usize> = (0..weights.len()).filter(is_free).collect();
        // Fully connected layers are rarely normalised.
        let is_convolution = |layer: &usize| weights[*layer].1.shape().len() == 4;
        if free.iter().filter(|layer| is_convolution(layer)).count() == alike.len() {
            free.retain(is_convolution);
        }
        if alike.len() != free.len() || !alike.windows(2).all(|pair| is_ordered(pair[0].name, pair[1].name)) {
            return Err(format!(
                "it does not show which layer the batch normalisation {} follows: state it with --map, as LAYER+{} among \
                 all layers in the order of the line",
                norm.name, norm.name
            ));
        }
        owners[free[place]] = Some(*norm);
    }
    Ok(owners)
}

/// Returns the layer that a normalisation follows by its name: the one before it in a `Sequential` (`features.0` before
/// `features.1`), or the one of the same name but for the kind of layer (`conv2` and `bn2`).
fn by_name(norm: &str, free: &[usize], weights: &[&Named<'_, '_>]) -> Option<usize> {
    let index = |name: &str| {
        let (parent, last) = name.rsplit_once('.').unwrap_or(("", name));
        Some((parent.to_owned(), last.parse::<u64>().ok()?))
    };
    if let Some((parent, own)) = index(norm) {
        let before = free.iter().filter_map(|&layer| {
            let (other, at) = index(stem(weights[layer].0))?;
            (other == parent && at < own).then_some((at, layer))
        });
        return before.max().map(|(_, layer)| layer);
    }
    let key = |name: &str| {
        let kinds = ["batchnorm", "batch_norm", "norm", "bn", "conv", "linear", "fc"];
        let plain = kinds.iter().fold(name.to_lowercase(), |name, kind| name.replace(kind, ""));
        plain.replace(['_', '-'], "")
    };
    let mut alike = free.iter().filter(|&&layer| key(stem(weights[layer].0)) == key(norm));
    match (alike.next(), alike.next()) {
        (Some(&layer), None) => Some(layer),
        _ => None,
    }
}

/// Multiplies the weights of a layer by its normalisation's factors and returns the biases that go with them.
///
/// `[mean, variance, gain, shift]` and `bias` have one value for each output.
pub(super) fn fold(
    weights: &mut [f32],
    bias: &[f32],
    [mean, variance, gain, shift]: [&[f32]; 4],
    epsilon: f64,
) -> Vec<f32> {
    let fan_in = weights.len() / bias.len().max(1);
    let mut folded = Vec::with_capacity(bias.len());
    for (output, &bias) in bias.iter().enumerate() {
        let factor = f64::from(gain[output]) / (f64::from(variance[output]) + epsilon).sqrt();
        let row = &mut weights[output * fan_in..][..fan_in];
        row.iter_mut().for_each(|weight| *weight = (f64::from(*weight) * factor) as f32);
        folded.push(((f64::from(bias) - f64::from(mean[output])) * factor + f64::from(shift[output])) as f32);
    }
    folded
}
