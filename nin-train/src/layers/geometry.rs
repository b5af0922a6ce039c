//! The memory layouts that a layer with weights needs, and its windows over them.

use nin_core::plan::{Layer, LayerKind};
use nin_core::spec::Window;

use super::Map;
use crate::kernel::Windows;

/// Returns the window of a convolution; a fully connected layer is a window over its whole input.
pub(super) fn window(layer: &Layer) -> Option<Window> {
    match layer.kind {
        LayerKind::Convolution(window) => Some(window),
        _ => None,
    }
}

/// Returns the layout of a layer's input.
pub(crate) fn input_map(layer: &Layer) -> Map {
    window(layer).map_or_else(|| Map::plain(layer.input), |window| Map::bordered(layer.input, window))
}

/// Returns the layout of the gradient of a layer's output. With it, the gradient of the input is also a product of
/// windows with stride 1.
pub(crate) fn gradient_map(layer: &Layer, needs_dx: bool) -> Map {
    let Some(Window { rows, columns }) = window(layer).filter(|_| needs_dx) else { return Map::plain(layer.output) };
    let before = [rows, columns].map(|side| usize::from(side.kernel) - 1 - usize::from(side.padding));
    let gap = [rows.stride.into(), columns.stride.into()];
    let memory = [(layer.input.rows, rows), (layer.input.columns, columns)]
        .map(|(length, side)| usize::from(length) + usize::from(side.kernel) - 1);
    Map::spaced(layer.output, before, gap, memory)
}

/// Returns the windows of a layer over the map of its input, which may have a wider border than the layer needs.
pub(super) fn windows(layer: &Layer, map: &Map, images: usize) -> Windows {
    let Some(window) = window(layer) else { return whole(map, images) };
    let channels = usize::from(map.shape.channels);
    let padding = [window.rows.padding, window.columns.padding].map(usize::from);
    let start = map.origin - padding[0] * map.line - padding[1] * channels;
    let stride = [window.rows.stride, window.columns.stride].map(usize::from);
    over(map, start, [layer.output.rows, layer.output.columns], window, stride, images)
}

/// Returns the windows over the gradient of a layer's output, one for each pixel of the layer's input.
pub(super) fn gradient_windows(layer: &Layer, map: &Map, images: usize) -> Windows {
    let Some(window) = window(layer) else { return whole(map, images) };
    over(map, 0, [layer.input.rows, layer.input.columns], window, [1, 1], images)
}

/// Returns a window for each of `rows × columns` pixels, `stride` rows and columns of memory apart, the first at `start`.
fn over(
    map: &Map,
    start: usize,
    [rows, columns]: [u16; 2],
    window: Window,
    stride: [usize; 2],
    images: usize,
) -> Windows {
    let channels = usize::from(map.shape.channels);
    let mut offsets = Vec::with_capacity(images * usize::from(rows) * usize::from(columns));
    for image in 0..images {
        for row in 0..usize::from(rows) {
            let start = start + image * map.image + row * stride[0] * map.line;
            offsets.extend((0..usize::from(columns)).map(|column| (start + column * stride[1] * channels) as u32));
        }
    }
    let (rows, across) = (window.rows.kernel.into(), usize::from(window.columns.kernel));
    Windows { offsets, rows, step: map.line, length: across * channels }
}

/// Returns each image as one window.
pub(super) fn whole(map: &Map, images: usize) -> Windows {
    let offsets = (0..images).map(|image| map.at(image, 0, 0) as u32).collect();
    Windows { offsets, rows: 1, step: 0, length: map.shape.len() }
}
