//! Operators that change the dimensions of a tensor and no value.

use super::Reader;
use crate::formats::onnx::read::axes::Axes;
use crate::formats::onnx::read::constant::reshaped;
use crate::formats::onnx::read::error::OnnxError;
use crate::formats::onnx::read::model::Node;
use crate::formats::onnx::read::values::Map;

impl Reader<'_, '_, '_> {
    /// Adds an operator that changes the dimensions of a tensor and no value.
    pub(super) fn reshape(&mut self, node: &Node<'_>, map: &Map) -> Result<Map, OnnxError> {
        let size = self.net.size(map.layer);
        let dims = map.axes.dims(size);
        let rank = dims.len();
        let position = |at: i64, rank: usize| {
            usize::try_from(if at < 0 { at + rank as i64 } else { at }).ok().filter(|&at| at < rank)
        };
        let axes = match node.op {
            "Transpose" => {
                let order = node.ints("perm")?.map_or_else(
                    || (0..rank).rev().collect(),
                    |order| order.iter().filter_map(|&at| position(at, rank)).collect::<Vec<_>>(),
                );
                map.axes.transposed(&order)
            }
            "Flatten" => {
                let axis = node.int("axis", 1)?;
                let axis = if axis == rank as i64 { Some(rank) } else { position(axis, rank) };
                axis.map(|axis| Axes(vec![map.axes.0[..axis].concat(), map.axes.0[axis..].concat()]))
            }
            "Squeeze" => {
                let stated = self.ints(node, "axes", 1)?;
                let places: Vec<usize> = match &stated {
                    Some(axes) => axes.iter().filter_map(|&at| position(at, rank)).collect(),
                    None => (0..rank).filter(|&at| dims[at] == 1).collect(),
                };
                let kept = (0..rank).filter(|at| !places.contains(at)).map(|at| dims[at]).collect::<Vec<_>>();
                map.axes.reshaped(&kept, size)
            }
            "Unsqueeze" => {
                let places = self.ints(node, "axes", 1)?.unwrap_or_default();
                let rank = rank + places.len();
                let places: Vec<usize> = places.iter().filter_map(|&at| position(at, rank)).collect();
                let mut own = map.axes.0.iter();
                let side = |at| if places.contains(&at) { Some(Vec::new()) } else { own.next().cloned() };
                (0..rank).map(side).collect::<Option<Vec<_>>>().map(Axes)
            }
            _ => {
                let shape = self.input(node, 1)?;
                let mut shape = shape.ints().unwrap_or_default().to_vec();
                // A network reads one image, however many the file has.
                if let (Some(first), Some(Some(images))) = (shape.first_mut(), self.model.input.dims.first())
                    && *first == *images as i64
                {
                    *first = 1;
                }
                let zero_is_zero = node.int("allowzero", 0)? != 0;
                reshaped(&dims, &shape, zero_is_zero).and_then(|dims| map.axes.reshaped(&dims, size))
            }
        };
        let axes =
            axes.ok_or_else(|| node.problem("turns a map into another map; only a map as a vector can follow"))?;
        Ok(Map { axes, ..map.clone() })
    }
}
