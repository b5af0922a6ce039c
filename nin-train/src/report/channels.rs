//! Counts the dead channels of a network.
//!
//! A channel is dead if the output of its ReLU is 0 for all images. No gradient reaches its weights, so it stays dead,
//! and the next layer reads only zeros (Lu, Shin, Su, Karniadakis 2019, "Dying ReLU and Initialization").

use std::fmt;

use nin_core::plan::Layer;
use nin_core::{Model, Observer, Piece};
use rayon::prelude::*;

use crate::data::Dataset;
use crate::engine::streaming::{Activations, Streaming, StreamingError};
use crate::network::resources::layer_name;
use crate::support::text::{Align, Table};

/// A layer with weights and a ReLU, and its dead channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerChannels {
    /// The layer.
    pub layer: Layer,
    /// The number of its channels that were 0 in every pixel of every image.
    pub dead: usize,
}

impl LayerChannels {
    /// Returns the number of its channels.
    pub fn channels(&self) -> usize {
        usize::from(self.layer.output.channels)
    }

    /// Returns its name, for example `conv 3x3 +1`.
    pub fn name(&self) -> String {
        layer_name(self.layer.kind)
    }
}

/// The layers with weights and a ReLU, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channels {
    /// The layers.
    pub layers: Vec<LayerChannels>,
}

impl Channels {
    /// Runs every image of a data set through a model, on all threads of the current rayon pool, and calls `done` with
    /// the number of images after each group of them.
    ///
    /// # Errors
    ///
    /// [`StreamingError`] if the images do not fit the network, or this build cannot run the model.
    pub fn observe(
        model: &Model<'_>,
        dataset: &Dataset,
        done: &(dyn Fn(usize) + Sync),
    ) -> Result<Channels, StreamingError> {
        /// Images per task.
        const GROUP: usize = 64;
        let indices: Vec<usize> = (0..dataset.len()).collect();
        let alive = indices
            .par_chunks(GROUP)
            .map(|group| {
                let (mut streaming, mut alive) = (Streaming::new(model), Alive::new(model));
                for &index in group {
                    streaming.classify_observed(dataset.image(index), dataset.shape(), &mut alive)?;
                }
                done(group.len());
                Ok::<_, StreamingError>(alive)
            })
            .try_reduce(|| Alive::new(model), |one, other| Ok(one.or(&other)))?;
        let layers = alive.activations.layers.iter().zip(&alive.channels);
        let layers = layers
            .map(|(&layer, channels)| LayerChannels { layer, dead: channels.iter().filter(|&&alive| !alive).count() });
        Ok(Channels { layers: layers.collect() })
    }
}

/// The channels that were above 0 in any pixel of any image.
struct Alive {
    activations: Activations,
    /// One flag per channel, for each layer.
    channels: Vec<Vec<bool>>,
}

impl Alive {
    fn new(model: &Model<'_>) -> Self {
        let activations = Activations::new(model.plan());
        let channels = |layer: &Layer| vec![false; usize::from(layer.output.channels)];
        Self { channels: activations.layers.iter().map(channels).collect(), activations }
    }

    fn or(mut self, other: &Self) -> Self {
        let pairs = self.channels.iter_mut().flatten().zip(other.channels.iter().flatten());
        pairs.for_each(|(one, &other)| *one |= other);
        self
    }
}

impl<V: PartialOrd + Default> Observer<V> for Alive {
    fn piece(&mut self, piece: Piece, values: &[V]) {
        let Some(channels) = self.activations.index(piece).map(|index| &mut self.channels[index]) else { return };
        for pixel in values.chunks_exact(channels.len()) {
            channels.iter_mut().zip(pixel).for_each(|(alive, value)| *alive |= *value > V::default());
        }
    }
}

impl fmt::Display for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new([("layer", Align::Left), ("channels", Align::Right), ("dead", Align::Right)]);
        for layer in &self.layers {
            table.row([layer.name(), layer.channels().to_string(), layer.dead.to_string()]);
        }
        let dead: usize = self.layers.iter().map(|layer| layer.dead).sum();
        let all: usize = self.layers.iter().map(LayerChannels::channels).sum();
        write!(f, "{table}\n{dead} of {all} channels are dead: 0 in every pixel of every image.")
    }
}
