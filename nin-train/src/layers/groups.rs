//! The products of convolutions by how they connect their channels.
//!
//! A depthwise convolution has a kernel of its own. Any other convolution in groups is computed as a full one, whose
//! weights between groups are 0.

use nin_core::plan::Layer;

use crate::kernel::{Buffer, Finish, Panels, View, Windows, accumulate, depthwise, multiply};

/// How a layer connects its channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Connection {
    /// Each output sums over all channels.
    Full,
    /// Each output sums over the channels of its group.
    Grouped,
    /// Each output sums over one channel, its own.
    Depthwise,
}

impl Connection {
    pub(super) fn of(layer: &Layer) -> Connection {
        match layer.groups {
            1 => Connection::Full,
            groups if (groups, groups) == (layer.input.channels, layer.output.channels) => Connection::Depthwise,
            _ => Connection::Grouped,
        }
    }

    /// Computes a product of windows.
    #[allow(clippy::too_many_arguments)] // one product: its operands, and where its results go
    pub(super) fn multiply(
        self,
        from: View,
        windows: &Windows,
        panels: &Panels,
        finish: &Finish,
        to: &mut [f32],
        to_at: &[u32],
        pixels: usize,
    ) {
        match self {
            Connection::Depthwise => depthwise::multiply(from, windows, panels, finish, to, to_at, pixels),
            _ => multiply(from, windows, panels, finish, to, to_at, pixels),
        }
    }

    /// Adds to the gradient of the weights.
    #[allow(clippy::too_many_arguments)] // one product: its operands, where its results go, and its memory
    pub(super) fn accumulate(
        self,
        from: View,
        windows: &Windows,
        d: View,
        d_at: &[u32],
        outputs: usize,
        sums: &mut [f32],
        scratch: &mut Buffer,
        pixels: usize,
    ) {
        match self {
            Connection::Depthwise => depthwise::accumulate(from, windows, d, d_at, outputs, sums, pixels),
            _ => accumulate(from, windows, d, d_at, outputs, sums, scratch, pixels),
        }
    }
}

/// Returns the row of the weights' gradient that belongs to a weight. In a grouped layer the gradient has a row for each
/// channel of all groups.
pub(super) fn gradient_row(layer: &Layer, output: usize, input: usize) -> usize {
    match Connection::of(layer) {
        Connection::Grouped => {
            let [groups, channels, outputs] =
                [layer.groups, layer.input.channels, layer.output.channels].map(usize::from);
            let own = channels / groups;
            input / own * channels + output / (outputs / groups) * own + input % own
        }
        _ => input,
    }
}

/// Returns a grouped layer's weights as those of a full convolution.
pub(super) fn ungrouped(layer: &Layer, weight: &[f32]) -> Vec<f32> {
    let fan_in = layer.fan_in();
    let full = fan_in * usize::from(layer.groups);
    let mut all = vec![0.0; usize::from(layer.output.channels) * full];
    for (output, weights) in weight.chunks_exact(fan_in).enumerate() {
        for (input, weight) in weights.iter().enumerate() {
            all[output * full + gradient_row(layer, output, input)] = *weight;
        }
    }
    all
}
