//! The stages of a network: the words of its line.

use core::fmt;

use super::shape::{Shape, Side, Window};

/// The largest number of layers in one `nin` or `fc`.
pub const MAX_WIDTHS: usize = 6;

/// What follows a convolution or a shortcut's sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Activation {
    /// A ReLU: `max(x, 0)`.
    #[default]
    Relu,
    /// A ReLU6, written `r6`: `min(max(x, 0), 6)`.
    Relu6,
    /// Nothing, written `id`.
    Identity,
}

impl fmt::Display for Activation {
    /// Writes the word's ending: nothing for a ReLU.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Activation::Relu => "",
            Activation::Relu6 => "r6",
            Activation::Identity => "id",
        })
    }
}

/// The numbers after a `nin…:`, `dw…:` or `fc`: output channels, layer by layer.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Widths {
    /// Three bits: the number of layers. Then two bits for each layer: its activation.
    shape: u16,
    pub(super) values: [u16; MAX_WIDTHS],
}

impl Widths {
    /// No layer.
    pub(super) const NONE: Widths = Widths { shape: 0, values: [0; MAX_WIDTHS] };

    /// The number of layers.
    pub(super) const fn count(&self) -> usize {
        (self.shape & 7) as usize
    }

    /// The numbers, first layer first; at least one.
    pub const fn as_slice(&self) -> &[u16] {
        self.values.split_at(self.count()).0
    }

    /// Output channels of the last layer.
    pub const fn last(&self) -> u16 {
        self.values[self.count() - 1]
    }

    /// Returns what follows layer `index`; the last layer of a line has no activation, which is not stated here.
    pub const fn activation(&self, index: usize) -> Activation {
        match self.shape >> (3 + 2 * index) & 3 {
            0 => Activation::Relu,
            1 => Activation::Relu6,
            _ => Activation::Identity,
        }
    }

    /// Whether a ReLU follows every layer.
    pub const fn all_relu(&self) -> bool {
        self.shape >> 3 == 0
    }

    /// Adds a layer; there is room.
    pub(super) const fn push(&mut self, width: u16, activation: Activation) {
        let code = match activation {
            Activation::Relu => 0,
            Activation::Relu6 => 1,
            Activation::Identity => 2,
        };
        let index = self.count();
        self.values[index] = width;
        self.shape = (self.shape | code << (3 + 2 * index)) + 1;
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

/// How the first convolution of a block connects its channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Connection {
    /// `nin`: every output sums over all channels.
    Full,
    /// `nin…gN`: outputs and channels are cut into this many groups; an output sums over the channels of its group.
    Grouped(u16),
    /// `dw`: every channel has its own filter.
    Depthwise,
}

/// A block: a convolution, then 1×1 convolutions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Block {
    /// The window of the first convolution.
    pub window: Window,
    /// The channels that the first convolution connects.
    pub connection: Connection,
    /// Output channels of each convolution. Those of a depthwise one, which the line does not state, are included.
    pub widths: Widths,
}

impl Block {
    /// Returns the number of groups of the first convolution: 1, unless it is grouped or depthwise.
    pub const fn groups(&self) -> u16 {
        match self.connection {
            Connection::Full => 1,
            Connection::Grouped(groups) => groups,
            Connection::Depthwise => self.widths.values[0],
        }
    }
}

/// The end of a shortcut: the sum of a body's output and of its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sum {
    /// Stages between the shortcut's ends; the body begins that many stages before this one.
    pub stages: u8,
    /// The 1×1 convolution on the shortcut; without it, its input is added as it is.
    pub projection: Option<Projection>,
    /// What follows the sum.
    pub activation: Activation,
}

/// A 1×1 convolution on a shortcut. It has as many outputs as the body, the body's strides, and no activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Projection {
    /// Shape of the shortcut's input.
    pub input: Shape,
    /// The product of the body's strides from row to row.
    pub row_stride: u8,
    /// The product of the body's strides from column to column.
    pub column_stride: u8,
}

impl Projection {
    /// Returns the window of the convolution.
    pub const fn window(self) -> Window {
        Window {
            rows: Side { kernel: 1, stride: self.row_stride, padding: 0, after: 0 },
            columns: Side { kernel: 1, stride: self.column_stride, padding: 0, after: 0 },
        }
    }
}

/// One stage of a network. Each is one word of the line after its input shape, except for a [`Sum`]: the word before it
/// ends in its parenthesis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// `ninK/S+P:a,b,c` or `dwK/S+P:b,c`: a convolution, then 1×1 convolutions, an activation after each.
    Block(Block),
    /// `)`: the end of `res(…)` or `proj(…)`.
    Sum(Sum),
    /// `maxK/S+P`: maximum pooling.
    MaxPool(Window),
    /// `avgK/S+P`: average pooling; padding counts as zeros.
    AvgPool(Window),
    /// `meanK/S+P`: average pooling; padding does not count.
    MeanPool(Window),
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
            Stage::Block(block) => windows(block.window, input, block.widths.last()),
            Stage::MaxPool(window) | Stage::AvgPool(window) | Stage::MeanPool(window) => {
                windows(*window, input, input.channels)
            }
            Stage::Dropout(_) | Stage::Sum(_) => Some(input),
            Stage::GlobalAverage => Some(Shape { channels: input.channels, rows: 1, columns: 1 }),
            Stage::Full(widths) => Some(Shape { channels: widths.last(), rows: 1, columns: 1 }),
        }
    }
}

const fn windows(window: Window, input: Shape, channels: u16) -> Option<Shape> {
    match (window.rows.count(input.rows), window.columns.count(input.columns)) {
        (Some(rows), Some(columns)) => Some(Shape { channels, rows, columns }),
        _ => None,
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = |f: &mut fmt::Formatter<'_>, widths: &Widths, first: usize| {
            for (i, width) in widths.as_slice().iter().enumerate().skip(first) {
                write!(f, "{}{width}{}", if i == first { "" } else { "," }, widths.activation(i))?;
            }
            Ok(())
        };
        match self {
            Stage::Block(Block { window, connection: Connection::Depthwise, widths }) => {
                f.write_str("dw")?;
                window.write(f, false)?;
                write!(f, "{}", widths.activation(0))?;
                if widths.count() > 1 {
                    f.write_str(":")?;
                }
                numbers(f, widths, 1)
            }
            Stage::Block(Block { window, connection, widths }) => {
                f.write_str("nin")?;
                window.write(f, false)?;
                if let Connection::Grouped(groups) = connection {
                    write!(f, "g{groups}")?;
                }
                f.write_str(":")?;
                numbers(f, widths, 0)
            }
            Stage::Sum(sum) => write!(f, "){}", sum.activation),
            Stage::MaxPool(window) => write!(f, "max{window}"),
            Stage::AvgPool(window) => write!(f, "avg{window}"),
            Stage::MeanPool(window) => write!(f, "mean{window}"),
            Stage::Dropout(rate) => write!(f, "drop{rate}"),
            Stage::GlobalAverage => f.write_str("gap"),
            Stage::Full(widths) => {
                f.write_str("fc")?;
                numbers(f, widths, 0)
            }
        }
    }
}

/// Returns the number of weights and biases of a stage with this input.
pub(crate) const fn stage_parameters(stage: &Stage, input: Shape) -> u64 {
    let (widths, mut fan_in) = match stage {
        Stage::Block(block) => (block.widths, block.window.pixels() as u64 * (input.channels / block.groups()) as u64),
        Stage::Full(widths) => (*widths, input.len() as u64),
        Stage::Sum(Sum { projection: Some(projection), .. }) => {
            return (projection.input.channels as u64 + 1) * input.channels as u64;
        }
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
