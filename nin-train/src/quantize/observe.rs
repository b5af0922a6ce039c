//! Runs the float network and the quantised one on images, and observes every layer's outputs.

use std::convert::Infallible;

use nin_core::plan::{Layer, LayerKind};
use nin_core::{F32, Format, Int8, Model, Network, Piece, argmax};
use rayon::prelude::*;

use super::{CalibrationError, Histogram};
use crate::engine::streaming::Activations;
use crate::integers::{Output, QuantizedModel};
use crate::network::parameters::{activated, is_activated};

/// Images of one task.
const GROUP: usize = 16;

/// A network on one thread; it records every layer's whole output.
pub(super) struct Probe<'m, F: Format> {
    model: &'m Model<'m>,
    state: Vec<u32>,
    activations: Activations,
    /// The maps of the last image, one for each observed layer: rows × columns × channels.
    pub(super) maps: Vec<Vec<F::Value>>,
    pub(super) logits: Vec<f32>,
}

impl<'m, F: Format> Probe<'m, F> {
    fn new(model: &'m Model<'m>) -> Self {
        Self::with(model, Activations::new(model.plan()))
    }

    /// Observes these layers.
    pub(super) fn with(model: &'m Model<'m>, activations: Activations) -> Self {
        let map = |layer: &Layer| vec![bytemuck::Zeroable::zeroed(); layer.output.len()];
        let maps = activations.layers.iter().map(map).collect();
        let state = vec![0; model.state_words()];
        Self { model, state, activations, maps, logits: Vec::new() }
    }

    fn run(&mut self, mut read_row: impl FnMut(usize, &mut [F::Value])) -> Result<(), CalibrationError> {
        let mut network = Network::<F>::new(self.model, &mut self.state)?;
        let (activations, maps) = (&self.activations, &mut self.maps);
        let mut observer = |piece: Piece, values: &[F::Value]| {
            let Some(index) = activations.index(piece) else { return };
            let layer = &activations.layers[index];
            let at = piece.row * layer.output.row() + piece.column * usize::from(layer.output.channels);
            maps[index][at..at + values.len()].copy_from_slice(values);
        };
        let read_row = |y: usize, row: &mut [F::Value]| {
            read_row(y, row);
            Ok::<(), Infallible>(())
        };
        match network.infer_observed(read_row, &mut observer) {
            Ok(logits) => self.logits = logits.to_vec(),
            Err(never) => match never {},
        }
        Ok(())
    }
}

/// Returns one row of an image's bytes.
fn row<'i>(model: &Model<'_>, image: &'i [u8], y: usize) -> &'i [u8] {
    let length = model.plan().spec().input().row();
    &image[y * length..][..length]
}

impl Probe<'_, F32> {
    pub(super) fn image(&mut self, image: &[u8]) -> Result<(), CalibrationError> {
        let model = self.model;
        self.run(|y, values| model.preprocess(row(model, image, y), values))?;
        match self.logits.iter().all(|logit| logit.is_finite()) {
            true => Ok(()),
            false => Err(CalibrationError::NotFinite),
        }
    }
}

impl<F: Format<Value = u8>> Probe<'_, F> {
    pub(super) fn bytes(&mut self, image: &[u8]) -> Result<(), CalibrationError> {
        let model = self.model;
        self.run(|y, values| values.copy_from_slice(row(model, image, y)))
    }
}

/// Calls `visit` for every image, in groups on all threads; the groups' results are joined in order.
pub(super) fn over<S, T: Send>(
    images: &[Vec<u8>],
    start: impl Fn() -> S + Sync,
    empty: impl Fn() -> T + Sync,
    visit: impl Fn(&mut S, &[u8], &mut T) -> Result<(), CalibrationError> + Sync,
    join: impl Fn(T, T) -> T,
) -> Result<T, CalibrationError> {
    let groups: Vec<Result<T, CalibrationError>> = images
        .par_chunks(GROUP)
        .map_init(&start, |state, group| {
            let mut sums = empty();
            group.iter().try_for_each(|image| visit(state, image, &mut sums))?;
            Ok(sums)
        })
        .collect();
    groups.into_iter().try_fold(empty(), |sums, group| Ok(join(sums, group?)))
}

/// Returns a histogram of the outputs of each layer that makes activations.
pub(super) fn histograms(float: &Model<'_>, images: &[Vec<u8>]) -> Result<Vec<Histogram>, CalibrationError> {
    let empty = || vec![Histogram::default(); activated(float.plan())];
    over(
        images,
        || Probe::<F32>::new(float),
        empty,
        |probe, image, histograms: &mut Vec<Histogram>| {
            probe.image(image)?;
            histograms.iter_mut().zip(&probe.maps).for_each(|(histogram, map)| histogram.add(map));
            Ok(())
        },
        |a, b| a.into_iter().zip(b).map(|(a, b)| a.join(b)).collect(),
    )
}

/// Returns the largest magnitude of each output channel, for each layer with weights and each sum; `None` for others.
pub(super) fn channel_maxima(float: &Model<'_>, images: &[Vec<u8>]) -> Result<Vec<Option<Vec<f32>>>, CalibrationError> {
    let observed = |layer: &Layer| layer.has_weights() || layer.kind == LayerKind::Sum;
    let layers = Activations::of(float.plan(), observed).layers;
    let empty = || layers.iter().map(|layer| vec![0f32; layer.output.channels.into()]).collect::<Vec<_>>();
    let maxima = over(
        images,
        || Probe::<F32>::with(float, Activations::of(float.plan(), observed)),
        empty,
        |probe, image, maxima: &mut Vec<Vec<f32>>| {
            probe.image(image)?;
            for (maxima, map) in maxima.iter_mut().zip(&probe.maps) {
                map.chunks_exact(maxima.len()).for_each(|pixel| raise(maxima, pixel));
            }
            Ok(())
        },
        |mut a, b| {
            a.iter_mut().zip(&b).for_each(|(a, b)| raise(a, b));
            a
        },
    )?;
    let mut maxima = maxima.into_iter();
    Ok(float.plan().layers().map(|layer| if observed(&layer) { maxima.next() } else { None }).collect())
}

/// Raises each maximum to the magnitude of the value at the same index, if that is larger.
pub(super) fn raise(maxima: &mut [f32], values: &[f32]) {
    maxima.iter_mut().zip(values).for_each(|(maximum, value)| *maximum = maximum.max(value.abs()));
}

/// The differences between two networks on some images.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Differences {
    /// For each layer that makes activations.
    pub layers: Vec<LayerSums>,
    /// The logits, treated as a layer's channels.
    pub logits: LayerSums,
    /// Images with the same predicted class.
    pub agreed: usize,
    /// Images.
    pub images: usize,
}

/// Sums over all pixels of all images.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LayerSums {
    /// Squares of the float values.
    pub signal: f64,
    /// Squares of the quantisation errors.
    pub noise: f64,
    pub channels: Vec<ChannelSums>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ChannelSums {
    /// The quantisation errors.
    pub error: f64,
    /// The number of values clipped neither by the ReLU nor by the range.
    pub free: u64,
    /// All values.
    pub count: u64,
}

impl LayerSums {
    pub(super) fn new(channels: usize) -> Self {
        Self { signal: 0.0, noise: 0.0, channels: vec![ChannelSums::default(); channels] }
    }

    /// Returns the signal-to-noise ratio in decibels; infinite without noise.
    pub fn decibels(&self) -> f64 {
        10.0 * (self.signal / self.noise).log10()
    }

    pub(super) fn add(&mut self, floats: &[f32], values: impl Iterator<Item = (f32, bool)>) {
        let channels = self.channels.len();
        for (i, (&float, (value, free))) in floats.iter().zip(values).enumerate() {
            let error = f64::from(value) - f64::from(float);
            self.signal += f64::from(float).powi(2);
            self.noise += error * error;
            let channel = &mut self.channels[i % channels];
            channel.error += error;
            channel.free += u64::from(free);
            channel.count += 1;
        }
    }

    pub(super) fn join(mut self, other: Self) -> Self {
        for (a, b) in self.channels.iter_mut().zip(other.channels) {
            *a = ChannelSums { error: a.error + b.error, free: a.free + b.free, count: a.count + b.count };
        }
        Self { signal: self.signal + other.signal, noise: self.noise + other.noise, ..self }
    }
}

/// Compares the quantised network, and its model file, with the float one.
pub(super) fn compare(
    float: &Model<'_>,
    quantized: &QuantizedModel,
    model: &Model<'_>,
    images: &[Vec<u8>],
) -> Result<Differences, CalibrationError> {
    let plan = float.plan();
    let scales: Vec<f32> = quantized
        .layers
        .iter()
        .filter_map(|layer| match &layer.output {
            Output::Activations { scale, .. } => Some(*scale),
            Output::Logits { .. } => None,
        })
        .collect();
    let channels: Vec<usize> = plan.layers().filter(is_activated).map(|layer| layer.output.channels.into()).collect();
    over(
        images,
        || (Probe::<F32>::new(float), Probe::<Int8>::new(model)),
        || Differences {
            layers: channels.iter().map(|&channels| LayerSums::new(channels)).collect(),
            logits: LayerSums::new(plan.classes()),
            agreed: 0,
            images: 0,
        },
        |(float, integer), image, sums: &mut Differences| {
            float.image(image)?;
            integer.bytes(image)?;
            let maps = float.maps.iter().zip(&integer.maps);
            for ((layer, (floats, bytes)), &scale) in sums.layers.iter_mut().zip(maps).zip(&scales) {
                layer.add(floats, bytes.iter().map(|&byte| (f32::from(byte) * scale, (1..255).contains(&byte))));
            }
            sums.logits.add(&float.logits, integer.logits.iter().map(|&logit| (logit, true)));
            sums.agreed += usize::from(argmax(&float.logits) == argmax(&integer.logits));
            sums.images += 1;
            Ok(())
        },
        |a, b| Differences {
            layers: a.layers.into_iter().zip(b.layers).map(|(a, b)| a.join(b)).collect(),
            logits: a.logits.join(b.logits),
            agreed: a.agreed + b.agreed,
            images: a.images + b.images,
        },
    )
}
