//! The architecture line: one line of text that says what a network is.
//!
//! ```text
//! 1x28x28 nin5+2:32,32,32 max3/2 nin3+1:48,48,48 max3/2 drop0.5 nin3+1:10,10,10 gap
//! ```
//!
//! | word | meaning |
//! | --- | --- |
//! | `CxHxW` | the input: channels × rows × columns; stands first |
//! | `ninK/S+P:a,b,c` | a block: a K×K convolution with stride S and padding P to `a` channels, then a 1×1 convolution for each further number, a ReLU after each; `/1` and `+0` may be left out |
//! | `maxK/S+P` | maximum over K×K windows with stride S; `+0` may be left out |
//! | `avgK/S+P` | average over K×K windows (padding counts as zeros, as in PyTorch by default) |
//! | `dropP` | dropout with probability P, while training only |
//! | `gap` | global average: one value a channel |
//! | `fcA,B,…` | fully connected layers with a ReLU between them; after the line's last one there is none |
//!
//! A line ends in its head: `gap`, `fc…` or `gap fc…`; from there on only `drop` and further `fc…` may follow. K and S
//! are 1 to 255; P is less than K, and for a pool at most half of it; a dropout probability is below 1 and has at most
//! four decimals. A line has at most 24 stages, a `nin` or `fc` at most six numbers, each 1 to 65,535.
//! Windows round down, as in PyTorch. The parser is a `const fn`: a device reads the line at compile time
//! (a wrong one is a compile failure in words), the trainer at run time.

mod reader;

use core::fmt;

use self::reader::Reader;

/// Most stages a line may have.
pub const MAX_STAGES: usize = 24;
/// Most numbers one `nin` or `fc` may list.
pub const MAX_WIDTHS: usize = 6;

/// The shape of one image or feature map: channels × rows × columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Channels of each pixel.
    pub channels: u16,
    /// Rows (height) in pixels.
    pub rows: u16,
    /// Columns (width) in pixels.
    pub columns: u16,
}

impl Shape {
    /// Values in the whole map: channels × rows × columns.
    pub const fn len(self) -> usize {
        self.pixels() * self.channels as usize
    }

    /// Whether the map holds no value; never so for a shape from a [`Spec`].
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Pixels of the map: rows × columns.
    pub const fn pixels(self) -> usize {
        self.rows as usize * self.columns as usize
    }

    /// Values in one row: columns × channels.
    pub const fn row(self) -> usize {
        self.columns as usize * self.channels as usize
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.channels, self.rows, self.columns)
    }
}

/// A square window that slides over a map: its size, step and border, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Rows and columns of the window; at least 1.
    pub kernel: u8,
    /// Pixels from one window to the next; at least 1.
    pub stride: u8,
    /// Pixels of padding on each side: zeros for a convolution or an average, nothing for a maximum.
    pub padding: u8,
}

impl Window {
    /// Whether the window fits a side of `length` pixels at all.
    const fn fits(self, length: u16) -> bool {
        self.kernel as u32 <= length as u32 + 2 * self.padding as u32
    }

    /// Windows along a side of `length` pixels, rounded down; `None` if not even one fits, or more than 65,535.
    pub const fn count(self, length: u16) -> Option<u16> {
        if !self.fits(length) {
            return None;
        }
        let padded = length as u32 + 2 * self.padding as u32;
        let count = (padded - self.kernel as u32) / self.stride as u32 + 1;
        // Only an input near 65,535 pixels with padding can get here.
        if count > u16::MAX as u32 { None } else { Some(count as u16) }
    }

    /// The windows, of `count`, that lie over position `at`.
    pub(crate) const fn over(self, at: usize, count: u16) -> (usize, usize) {
        let (kernel, stride) = (self.kernel as usize, self.stride as usize);
        let at = at + self.padding as usize;
        let first = if at < kernel { 0 } else { (at - kernel) / stride + 1 };
        let end = at / stride + 1;
        (first, if end < count as usize { end } else { count as usize })
    }

    /// The part of a side of `length` that window `index` covers: first position and the one past its last.
    #[inline(never)] // as `Plan::shape`: one copy is less flash
    pub(crate) const fn covers(self, index: usize, length: u16) -> (usize, usize) {
        let (start, padding) = (index * self.stride as usize, self.padding as usize);
        let end = start + self.kernel as usize - padding;
        (start.saturating_sub(padding), if end < length as usize { end } else { length as usize })
    }

    /// Most windows that lie over one pixel row: how many output rows are in progress at once.
    pub const fn overlap(self) -> usize {
        (self.kernel as usize).div_ceil(self.stride as usize)
    }
}

/// The numbers after a `nin…:` or `fc`: output channels, layer by layer.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Widths {
    len: u8,
    values: [u16; MAX_WIDTHS],
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
pub struct Rate(u16);

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
    /// The shape this stage makes of `input`; `None` if its window does not fit.
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

/// A network's architecture: what the line says, checked. Every window fits and the line has its head.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Spec {
    input: Shape,
    len: u8,
    stages: [Stage; MAX_STAGES],
}

impl Spec {
    /// Reads a line in a constant: a wrong one fails the build and says why.
    ///
    /// ```
    /// use nin_core::Spec;
    /// const SPEC: Spec = Spec::new("1x28x28 nin5+2:32,32,32 max3/2 nin3+1:10,10,10 gap");
    /// assert_eq!(SPEC.classes(), 10);
    /// ```
    ///
    /// With a stage misspelt, this does not compile: "architecture line, column 9: expected a stage: nin, max, avg,
    /// drop, gap or fc".
    ///
    /// ```compile_fail,E0080
    /// use nin_core::Spec;
    /// const SPEC: Spec = Spec::new("1x28x28 conv5+2:32,32,32 max3/2 nin3+1:10,10,10 gap");
    /// ```
    ///
    /// # Panics
    ///
    /// If the line is wrong; use [`Spec::parse`] for a line from outside.
    pub const fn new(line: &str) -> Spec {
        match Spec::parse(line) {
            Ok(spec) => spec,
            Err(error) => {
                let (text, len) = error.sentence();
                match core::str::from_utf8(text.split_at(len).0) {
                    Ok(text) => panic!("{}", text),
                    Err(_) => panic!("wrong architecture line"),
                }
            }
        }
    }

    /// Reads a line.
    ///
    /// # Errors
    ///
    /// [`SpecError`] names the column (from 1) where the line goes wrong, and what should stand there.
    pub const fn parse(line: &str) -> Result<Spec, SpecError> {
        let mut reader = Reader { bytes: line.as_bytes(), at: 0 };
        reader.spec()
    }

    /// The shape of the input image.
    pub const fn input(&self) -> Shape {
        self.input
    }

    /// The stages, in order.
    pub const fn stages(&self) -> &[Stage] {
        self.stages.split_at(self.len as usize).0
    }

    /// How many classes the network tells apart: the channels of its last stage.
    pub const fn classes(&self) -> usize {
        let mut shape = self.input;
        let mut i = 0;
        while i < self.len as usize {
            // A stage of a parsed spec always fits.
            if let Some(output) = self.stages[i].output(shape) {
                shape = output;
            }
            i += 1;
        }
        shape.channels as usize
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.input.fmt(f)?;
        self.stages().iter().try_for_each(|stage| write!(f, " {stage}"))
    }
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Spec(\"{self}\")")
    }
}

impl core::str::FromStr for Spec {
    type Err = SpecError;

    fn from_str(line: &str) -> Result<Spec, SpecError> {
        Spec::parse(line)
    }
}

/// Where an architecture line goes wrong, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpecError {
    /// Column of the line, counted in bytes from 1.
    pub column: u16,
    /// What is wrong, or what was expected there.
    pub problem: &'static str,
    /// For a stage that does not fit: the shape of its input.
    pub input: Option<Shape>,
}

impl SpecError {
    /// "architecture line, column N: problem" as bytes, for a constant's panic.
    const fn sentence(&self) -> ([u8; 160], usize) {
        let mut text = [0; 160];
        let mut len = put(&mut text, 0, b"architecture line, column ");
        let mut scale = 10_000;
        while scale > 0 {
            if self.column >= scale || scale == 1 {
                len = put(&mut text, len, &[b'0' + (self.column / scale % 10) as u8]);
            }
            scale /= 10;
        }
        len = put(&mut text, len, b": ");
        len = put(&mut text, len, self.problem.as_bytes());
        (text, len)
    }
}

const fn put(text: &mut [u8; 160], mut at: usize, part: &[u8]) -> usize {
    let mut i = 0;
    while i < part.len() && at < text.len() {
        text[at] = part[i];
        at += 1;
        i += 1;
    }
    at
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column, self.problem)?;
        match self.input {
            Some(input) => write!(f, " (its input is {input})"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for SpecError {}

/// Weights and biases of a stage on `input`.
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
