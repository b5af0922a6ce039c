//! Pools, averages and padding.

use super::Reader;
use crate::formats::onnx::read::axes::{Axes, Axis};
use crate::formats::onnx::read::constant::Numbers;
use crate::formats::onnx::read::error::OnnxError;
use crate::formats::onnx::read::model::Node;
use crate::formats::onnx::read::values::Map;
use crate::formats::onnx::read::windows::{kernel, window};

impl Reader<'_, '_, '_> {
    pub(super) fn pool(&mut self, node: &Node<'_>, map: &Map) -> Result<Map, OnnxError> {
        let size = self.size(node, map)?;
        let padded = map.padding != [0; 4];
        if node.op == "GlobalMaxPool" {
            let kernel = [size[0], size[1]];
            let layer = self.net.maximum(map.layer, window(node, size, kernel, [0; 4])?, &node.place)?;
            return Ok(self.made(layer));
        }
        let window = window(node, size, kernel(node)?, map.padding)?;
        let layer = match node.op {
            // Zeros of a Pad are values, and no value is below them after a ReLU.
            "MaxPool" if !padded || self.net.is_positive(map.layer) => {
                self.net.maximum(map.layer, window, &node.place)?
            }
            "MaxPool" => {
                return Err(node.problem("follows a Pad whose zeros are values; the padding of a pool is none"));
            }
            _ => {
                let counts = node.int("count_include_pad", 0)? != 0;
                let ceil = node.int("ceil_mode", 0)? != 0 && window.has_padding();
                let own = node.ints("pads")?.is_some_and(|pads| pads.iter().any(|&side| side != 0));
                if (padded && own && !counts) || (ceil && (counts || padded)) {
                    return Err(node.problem(
                        "counts some of its padding and not the rest; an average of a line counts all or none",
                    ));
                }
                self.net.average(map.layer, window, counts || padded, &node.place)?
            }
        };
        Ok(self.made(layer))
    }

    pub(super) fn average(&mut self, node: &Node<'_>, map: &Map) -> Result<Map, OnnxError> {
        if matches!(node.op, "GlobalAveragePool" | "QLinearGlobalAveragePool") {
            self.size(node, map)?;
            let layer = self.net.global_average(map.layer, &node.place);
            // Of one pixel it is the map itself.
            return Ok(Map { alone: layer != map.layer || map.alone, ..self.made(layer) });
        }
        let rank = map.axes.0.len();
        let axes = self.ints(node, "axes", 1)?.unwrap_or_default();
        let places = axes.iter().map(|&at| usize::try_from(if at < 0 { at + rank as i64 } else { at }).ok());
        let places: Vec<usize> = places.collect::<Option<_>>().unwrap_or_default();
        let averaged: Vec<Axis> = places.iter().filter_map(|&at| map.axes.0.get(at)).flatten().copied().collect();
        let kept = |axis: &Axis| *axis == Axis::Channels;
        let left = map.axes.0.iter().flatten().filter(|axis| !averaged.contains(axis)).any(|axis| !kept(axis));
        if averaged.iter().any(kept) || left || places.is_empty() {
            return Err(node.problem("averages other sides than rows and columns"));
        }
        let keep = node.int("keepdims", 1)? != 0;
        let dims = (0..rank).filter(|at| keep || !places.contains(at));
        let axes = dims.map(|at| if places.contains(&at) { Vec::new() } else { map.axes.0[at].clone() }).collect();
        let layer = self.net.global_average(map.layer, &node.place);
        Ok(Map { axes: Axes(axes), alone: layer != map.layer || map.alone, ..self.made(layer) })
    }

    pub(super) fn pad(&mut self, node: &Node<'_>, map: &Map) -> Result<Map, OnnxError> {
        let mode = node.text("mode")?.unwrap_or("constant");
        let zero = self.net.grid(map.layer).map(|grid| grid.zero);
        let is_zero = self.optional(node, 2)?.is_none_or(|value| match &value.numbers {
            // Bytes are padded with the one that stands for 0.
            Numbers::Uint8(values) => values.len() == 1 && zero == Some(values[0]),
            Numbers::Int8(values) => values.len() == 1 && zero == Some(values[0] as u8 ^ 0x80),
            _ => value.single() == Some(0.0),
        });
        if !matches!(mode, "" | "constant") || !is_zero {
            return Err(node.problem("pads with other values than zeros"));
        }
        let amounts = self.ints(node, "pads", 1)?.unwrap_or_default();
        let rank = map.axes.0.len();
        let stated = self.ints(node, "axes", 3)?;
        let axes: Vec<i64> = stated.unwrap_or_else(|| (0..rank as i64).collect());
        let mut padding = [0; 4];
        let count = axes.len();
        for (number, &axis) in axes.iter().enumerate() {
            let (before, after) = (amounts.get(number), amounts.get(count + number));
            let side = |amount: Option<&i64>| amount.and_then(|&amount| u8::try_from(amount).ok()).map(usize::from);
            let (Some(before), Some(after)) = (side(before), side(after)) else {
                return Err(node.problem("pads by less than 0 or more than 255 pixels"));
            };
            let axis = if axis < 0 { axis + rank as i64 } else { axis };
            match axis {
                2 => (padding[0], padding[1]) = (before, after),
                3 => (padding[2], padding[3]) = (before, after),
                _ if (before, after) == (0, 0) => {}
                _ => return Err(node.problem("pads other sides than rows and columns")),
            }
        }
        self.size(node, map)?;
        Ok(Map { padding, ..map.clone() })
    }
}
