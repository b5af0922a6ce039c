//! The stages of a network: the words of its line.

use core::fmt;

use super::shape::{Shape, Window};

/// The largest number of layers in one `nin` or `fc`.
pub const MAX_WIDTHS: usize = 6;

/// The numbers after a `nin…:` or `fc`: output channels, layer by layer.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Widths {
    pub(super) len: u8,
    pub(super) values: [u16; MAX_WIDTHS],
}

impl Widths {
    /// The numbers, first layer first; at least one.
    pub const fn as_slice(&self) -> &[u16] {
        self.values.split_at(self.len as usize).0
    }

    /// Output channels of the last layer.
    pub const fn last(&self) -> u16 {
        self.values[self.len as usize - 1]
    }
}

impl fmt::Debug for Widths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

/// A dropout probability, 0 ≤ p < 1, in steps of 1/10,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate(pub(super) u16);

impl Rate {
    /// The probability.
    pub fn value(self) -> f32 {
        f32::from(self.0) / 10_000.0
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0");
        }
        let (mut digits, mut places) = (self.0, 4);
        while digits.is_multiple_of(10) {
            digits /= 10;
            places -= 1;
        }
        write!(f, "0.{digits:0places$}")
    }
}

/// One word of the line after its input shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// `ninK/S+P:a,b,c`: a convolution, then 1×1 convolutions, a ReLU after each.
    Block(Window, Widths),
    /// `maxK/S+P`: maximum pooling.
    MaxPool(Window),
    /// `avgK/S+P`: average pooling.
    AvgPool(Window),
    /// `dropP`: dropout, while training only.
    Dropout(Rate),
    /// `gap`: global average pooling.
    GlobalAverage,
    /// `fcA,B,…`: fully connected layers.
    Full(Widths),
}

impl Stage {
    /// Returns the shape of this stage's output for `input`; `None` if its window does not fit.
    pub const fn output(&self, input: Shape) -> Option<Shape> {
        match self {
            Stage::Block(window, widths) => windows(*window, input, widths.last()),
            Stage::MaxPool(window) | Stage::AvgPool(window) => windows(*window, input, input.channels),
            Stage::Dropout(_) => Some(input),
            Stage::GlobalAverage => Some(Shape { channels: input.channels, rows: 1, columns: 1 }),
            Stage::Full(widths) => Some(Shape { channels: widths.last(), rows: 1, columns: 1 }),
        }
    }
}

const fn windows(window: Window, input: Shape, channels: u16) -> Option<Shape> {
    match (window.count(input.rows), window.count(input.columns)) {
        (Some(rows), Some(columns)) => Some(Shape { channels, rows, columns }),
        _ => None,
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = |f: &mut fmt::Formatter<'_>, widths: &Widths| {
            for (i, width) in widths.as_slice().iter().enumerate() {
                write!(f, "{}{width}", if i == 0 { "" } else { "," })?;
            }
            Ok(())
        };
        let padding = |f: &mut fmt::Formatter<'_>, window: &Window| match window.padding {
            0 => Ok(()),
            padding => write!(f, "+{padding}"),
        };
        match self {
            Stage::Block(window, widths) => {
                write!(f, "nin{}", window.kernel)?;
                if window.stride != 1 {
                    write!(f, "/{}", window.stride)?;
                }
                padding(f, window)?;
                f.write_str(":")?;
                numbers(f, widths)
            }
            Stage::MaxPool(window) => {
                write!(f, "max{}/{}", window.kernel, window.stride)?;
                padding(f, window)
            }
            Stage::AvgPool(window) => {
                write!(f, "avg{}/{}", window.kernel, window.stride)?;
                padding(f, window)
            }
            Stage::Dropout(rate) => write!(f, "drop{rate}"),
            Stage::GlobalAverage => f.write_str("gap"),
            Stage::Full(widths) => {
                f.write_str("fc")?;
                numbers(f, widths)
            }
        }
    }
}

/// Returns the number of weights and biases of a stage with this input.
pub(crate) const fn stage_parameters(stage: &Stage, input: Shape) -> u64 {
    let (widths, mut fan_in) = match stage {
        Stage::Block(window, widths) => (widths, window.kernel as u64 * window.kernel as u64 * input.channels as u64),
        Stage::Full(widths) => (widths, input.len() as u64),
        _ => return 0,
    };
    let widths = widths.as_slice();
    let mut parameters = 0;
    let mut i = 0;
    while i < widths.len() {
        parameters += (fan_in + 1) * widths[i] as u64;
        fan_in = widths[i] as u64;
        i += 1;
    }
    parameters
}
