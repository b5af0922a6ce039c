//! The windows of convolutions and pools: kernel, strides, padding.

use nin_core::spec::{Side, Window};

use super::error::OnnxError;
use super::model::Node;
use crate::formats::lowering::Size;

/// Padding above, below, on the left, on the right.
pub type Padding = [usize; 4];

/// Returns the window of an operator; `before` is padding that an operator before it added.
pub fn window(
    node: &Node<'_>,
    [rows, columns, _]: Size,
    kernel: [usize; 2],
    before: Padding,
) -> Result<Window, OnnxError> {
    if node.ints("dilations")?.is_some_and(|dilations| dilations.iter().any(|&dilation| dilation != 1)) {
        return Err(node.problem("is dilated; lines have no dilation"));
    }
    let pair = |values: Option<Vec<i64>>| match values.as_deref() {
        None => Some([1, 1]),
        Some(&[down, right]) => Some([down, right]),
        Some(_) => None,
    };
    let strides = pair(node.ints("strides")?).ok_or_else(|| node.problem("has strides that are not two"))?;
    let pads = match node.ints("pads")?.as_deref() {
        None => [0; 4],
        Some(&[above, left, below, right]) => [above, below, left, right],
        Some(_) => return Err(node.problem("has a padding that is not of four sides")),
    };
    if pads.iter().any(|side| !(0..=255).contains(side)) {
        return Err(node.problem("has a padding of less than 0 or more than 255 pixels"));
    }
    let same = match node.text("auto_pad")? {
        None | Some("" | "NOTSET") => None,
        Some("VALID") => Some(None),
        Some("SAME_UPPER") => Some(Some(true)),
        Some("SAME_LOWER") => Some(Some(false)),
        Some(other) => return Err(node.problem(format!("has the padding {other}, which is none of ONNX"))),
    };
    let ceil = node.int("ceil_mode", 0)? != 0;
    let side = |length: usize, kernel: usize, stride: i64, pads: [i64; 2], before: [usize; 2]| {
        let stride = usize::try_from(stride).ok().filter(|stride| (1..=255).contains(stride));
        let stride = stride.filter(|_| (1..=255).contains(&kernel)).ok_or_else(|| {
            node.problem(format!("has a window of {kernel} pixels; windows and strides are from 1 to 255"))
        })?;
        let [first, last] = match same {
            // From 0 to 255 by the check above.
            None => pads.map(|side| side as usize),
            Some(None) => [0, 0],
            Some(Some(upper)) => {
                let length = length + before[0] + before[1];
                let windows = length.div_ceil(stride);
                let total = (windows.saturating_sub(1) * stride + kernel).saturating_sub(length);
                if upper { [total / 2, total - total / 2] } else { [total - total / 2, total / 2] }
            }
        };
        let (first, mut last) = (first + before[0], last + before[1]);
        if ceil {
            // One more window, if it begins on the map, is padding after the map.
            let padded = length + first + last;
            let over = padded.saturating_sub(kernel) % stride;
            let begin = (padded.saturating_sub(kernel) / stride + 1) * stride;
            if padded >= kernel && over > 0 && begin < length + first {
                last += stride - over;
            }
        }
        if first.max(last) >= kernel && first.max(last) > 0 {
            return Err(node.problem(format!(
                "has {} pixels of padding on a side of its window of {kernel}; less fit a line",
                first.max(last)
            )));
        }
        // All are below 256 by the checks above.
        Ok(Side { kernel: kernel as u8, stride: stride as u8, padding: first as u8, after: last as u8 })
    };
    let [above, below, left, right] = pads;
    Ok(Window {
        rows: side(rows, kernel[0], strides[0], [above, below], [before[0], before[1]])?,
        columns: side(columns, kernel[1], strides[1], [left, right], [before[2], before[3]])?,
    })
}

/// Returns the kernel of a pool.
pub fn kernel(node: &Node<'_>) -> Result<[usize; 2], OnnxError> {
    let sides: Vec<usize> =
        node.ints("kernel_shape")?.unwrap_or_default().iter().map(|&side| usize::try_from(side).unwrap_or(0)).collect();
    <[usize; 2]>::try_from(sides).map_err(|_| node.problem("has a window that is not of rows and columns"))
}
