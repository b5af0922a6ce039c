//! What operators make of constants.

use super::Reader;
use crate::formats::onnx::read::constant::{Constant, Numbers};
use crate::formats::onnx::read::error::OnnxError;
use crate::formats::onnx::read::model::Node;

impl<'a> Reader<'_, 'a, '_> {
    /// Returns what an operator makes of constants, if that is known.
    pub(super) fn constant(&mut self, node: &Node<'a>) -> Result<Option<Constant>, OnnxError> {
        if node.op == "Constant" {
            if let Some(tensor) = node.tensor("value")? {
                return self.values.read(tensor, node);
            }
            let numbers = match (node.ints("value_ints")?, node.int("value_int", i64::MIN)?) {
                (Some(ints), _) => return Ok(Some(Constant::row(ints))),
                (None, i64::MIN) => Numbers::Float(vec![node.float("value_float", 0.0)?]),
                (None, int) => Numbers::Int(vec![int]),
            };
            return Ok(Some(Constant { dims: Vec::new(), numbers }));
        }
        let mut inputs = Vec::new();
        for name in node.inputs.iter().filter(|name| !name.is_empty()) {
            let Some(constant) = self.values.constant(name, node)? else { return Ok(None) };
            inputs.push(constant);
        }
        let position = |at: i64, rank: usize| usize::try_from(if at < 0 { at + rank as i64 } else { at }).ok();
        Ok(match (node.op, &inputs[..]) {
            ("Identity" | "Dropout", [one, ..]) => Some(one.clone()),
            ("Cast", [one]) => match (node.int("to", 0)?, &one.numbers) {
                (1 | 10 | 11 | 16, Numbers::Int(values)) => {
                    let numbers = Numbers::Float(values.iter().map(|&value| value as f32).collect());
                    Some(Constant { dims: one.dims.clone(), numbers })
                }
                (1 | 10 | 11 | 16, Numbers::Float(_)) | (6 | 7, Numbers::Int(_)) => Some(one.clone()),
                _ => None,
            },
            ("Shape", [one]) => Some(Constant::row(one.dims.iter().map(|&side| side as i64).collect())),
            ("Reshape", [one, shape]) => {
                let zero_is_zero = node.int("allowzero", 0)? != 0;
                shape.ints().and_then(|shape| one.reshaped(shape, zero_is_zero))
            }
            ("Transpose", [one]) => {
                let rank = one.dims.len();
                let order = node.ints("perm")?.map_or_else(
                    || Some((0..rank).rev().collect()),
                    |order| order.iter().map(|&at| usize::try_from(at).ok()).collect::<Option<Vec<_>>>(),
                );
                order.and_then(|order| one.transposed(&order))
            }
            ("Squeeze", [one, ..]) => {
                let dims = one.dims.iter().filter(|&&side| side != 1).map(|&side| side as i64).collect::<Vec<_>>();
                one.reshaped(&dims, true)
            }
            ("Unsqueeze", [one, rest @ ..]) => {
                let axes = match (node.ints("axes")?, rest) {
                    (Some(axes), _) => Some(axes),
                    (None, [axes]) => axes.ints().map(<[i64]>::to_vec),
                    _ => None,
                };
                axes.and_then(|axes| {
                    let rank = one.dims.len() + axes.len();
                    let axes = axes.iter().map(|&at| position(at, rank)).collect::<Option<Vec<_>>>()?;
                    let mut own = one.dims.iter();
                    let side = |at| if axes.contains(&at) { Some(1) } else { own.next().map(|&side| side as i64) };
                    one.reshaped(&(0..rank).map(side).collect::<Option<Vec<_>>>()?, true)
                })
            }
            ("Concat", parts) => {
                let parts: Option<Vec<&[i64]>> = parts.iter().map(Constant::ints).collect();
                parts.map(|parts| Constant::row(parts.concat()))
            }
            ("Gather", [one, places]) => one.gathered(places),
            ("QuantizeLinear", [one, scale, ..]) => one.quantised(scale, node.int("axis", 1)?),
            ("DequantizeLinear", [one, scale, zero @ ..]) => one.dequantised(scale, zero.first(), node.int("axis", 1)?),
            ("Slice", [one, start, end, rest @ ..]) => {
                let step = rest.get(1).and_then(Constant::single).unwrap_or(1.0);
                let first = |constant: &Constant| constant.ints().and_then(|ints| ints.first().copied());
                first(start).zip(first(end)).and_then(|(start, end)| one.sliced(start, end, step as i64))
            }
            ("ConstantOfShape", [shape]) => {
                let length =
                    shape.ints().and_then(|ints| if let [one] = ints { usize::try_from(*one).ok() } else { None });
                let value = node.tensor("value")?.map(|tensor| Constant::read(tensor, None)).transpose()?.flatten();
                match value.map_or(Some(0.0), |value| value.single()) {
                    Some(0.0) => length.filter(|&length| length <= 64).map(|length| Constant::row(vec![0; length])),
                    _ => None,
                }
            }
            (op @ ("Add" | "Sub" | "Mul" | "Div"), [one, other]) => one.combined(other, op),
            _ => None,
        })
    }
}
