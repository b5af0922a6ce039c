//! The parser of architecture lines: reads word by word and checks that every stage fits.

use super::architecture::{MAX_STAGES, Spec};
use super::error::SpecError;
use super::shape::{Shape, Side, Window};
use super::stage::{Activation, Block, Connection, MAX_WIDTHS, Projection, Rate, Stage, Sum, Widths, stage_parameters};

const STAGE_EXPECTED: &str = "expected a stage: nin, dw, max, avg, mean, drop, gap, fc, res(…) or proj(…)";
const NESTED: &str = "a shortcut cannot begin inside another one";
const HEAD_EXPECTED: &str = "after gap or fc only drop and fc may follow";

/// What follows from the stages that were read.
struct Line {
    /// The shape after them.
    shape: Shape,
    parameters: u64,
    values: u64,
    /// Whether the head has begun.
    head: bool,
    /// The shortcut that has begun.
    open: Option<Open>,
}

/// The begin of a shortcut.
#[derive(Clone, Copy)]
struct Open {
    /// Index of the first stage of its body.
    stage: u8,
    /// Its place in the line.
    at: usize,
    input: Shape,
    projected: bool,
}

pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Whether the line is canonical up to here: written as [`Spec`] displays it.
    canonical: bool,
}

impl Reader<'_> {
    pub const fn new(line: &str) -> Reader<'_> {
        Reader { bytes: line.as_bytes(), at: 0, canonical: true }
    }

    /// Whether the line that was read is canonical, as a [`Spec`] displays it: one space between words, no default
    /// values, no superfluous digits.
    pub const fn is_canonical(&self) -> bool {
        self.canonical
    }

    /// Reads the whole line.
    pub const fn spec(&mut self) -> Result<Spec, SpecError> {
        let mut spec = Spec::UNREAD;
        match self.read(&mut spec) {
            Ok(()) => Ok(spec),
            Err(error) => Err(error),
        }
    }

    /// Reads the whole line into `spec`, which is large: a device has it on the stack only once.
    #[inline(never)]
    pub const fn read(&mut self, spec: &mut Spec) -> Result<(), SpecError> {
        self.spaces(0);
        let input = match self.shape() {
            Ok(input) => input,
            Err(error) => return Err(error),
        };
        spec.input = input;
        spec.len = 0;
        let mut line = Line { shape: input, parameters: 0, values: values_of(input), head: false, open: None };
        loop {
            let before = self.at;
            if self.at == self.bytes.len() {
                break;
            }
            self.spaces(1);
            if self.at == self.bytes.len() {
                self.canonical = false;
                break;
            }
            if self.at == before {
                return self.error("expected a space");
            }
            if let Err(error) = self.word_of(spec, &mut line) {
                return Err(error);
            }
        }
        if line.open.is_some() {
            return self.error("expected `)` at the end of the shortcut's body");
        }
        if !line.head {
            return self.error("expected the head: gap, fc… or gap fc…");
        }
        Ok(())
    }

    /// Reads one word: a stage, and the ends of a shortcut around it.
    const fn word_of(&mut self, spec: &mut Spec, line: &mut Line) -> Result<(), SpecError> {
        let start = self.at;
        let residual = self.word(b"res(");
        if residual || self.word(b"proj(") {
            if line.open.is_some() {
                self.at = start;
                return self.error(NESTED);
            }
            line.open = Some(Open { stage: spec.len, at: start, input: line.shape, projected: !residual });
        }
        let start = self.at;
        if line.open.is_some() && (self.word(b"res(") || self.word(b"proj(")) {
            self.at = start;
            return self.error(NESTED);
        }
        let stage = match self.stage(line.shape) {
            Ok(stage) => stage,
            Err(error) => return Err(error),
        };
        if line.open.is_some() && !matches!(stage, Stage::Block(_)) {
            self.at = start;
            return self.error("only nin and dw can be inside a shortcut");
        }
        if let Err(error) = self.add(spec, line, start, stage) {
            return Err(error);
        }
        let end = self.at;
        let Some(open) = line.open else { return Ok(()) };
        if !self.take(b')') {
            return Ok(());
        }
        let activation = self.activation();
        match self.sum(spec, line, open, activation) {
            Ok(sum) => self.add(spec, line, end, Stage::Sum(sum)),
            Err(error) => Err(error),
        }
    }

    /// Checks the body of a shortcut against its input.
    const fn sum(&self, spec: &Spec, line: &mut Line, open: Open, activation: Activation) -> Result<Sum, SpecError> {
        line.open = None;
        let (mut rows, mut columns) = (1, 1);
        let mut i = open.stage;
        while i < spec.len {
            if let Stage::Block(block) = spec.stages[i as usize] {
                // At most 24 factors below 256 each.
                rows *= block.window.rows.stride as u128;
                columns *= block.window.columns.stride as u128;
            }
            i += 1;
        }
        let Open { input, at, .. } = open;
        if rows > 255 || columns > 255 {
            return Err(SpecError {
                column: column(at),
                problem: "the strides of a shortcut's body multiply to at most 255",
                input: Some(input),
            });
        }
        let output = line.shape;
        let projection = Projection { input, row_stride: rows as u8, column_stride: columns as u8 };
        let window = projection.window();
        let same = matches!(window.rows.count(input.rows), Some(rows) if rows == output.rows)
            && matches!(window.columns.count(input.columns), Some(columns) if columns == output.columns);
        let problem = if open.projected {
            "the body must have as many rows and columns as its shortcut's 1×1 convolution with the body's strides"
        } else {
            "the body of res(…) must have its input's shape; proj(…) has a 1×1 convolution on the shortcut"
        };
        if !same || !open.projected && (rows != 1 || columns != 1 || input.channels != output.channels) {
            return Err(SpecError { column: column(at), problem, input: Some(input) });
        }
        let projection = if open.projected { Some(projection) } else { None };
        Ok(Sum { stages: spec.len - open.stage, projection, activation })
    }

    /// Adds a stage that begins at `start` and checks that it fits.
    const fn add(&mut self, spec: &mut Spec, line: &mut Line, start: usize, stage: Stage) -> Result<(), SpecError> {
        if spec.len as usize == MAX_STAGES {
            self.at = start;
            return self.error("at most 24 stages fit a line");
        }
        match stage {
            Stage::GlobalAverage if !line.head => line.head = true,
            Stage::Full(_) => line.head = true,
            Stage::Dropout(_) => {}
            _ if line.head => {
                self.at = start;
                return self.error(HEAD_EXPECTED);
            }
            _ => {}
        }
        let Some(output) = stage.output(line.shape) else {
            let window = match stage {
                Stage::Block(Block { window, .. })
                | Stage::MaxPool(window)
                | Stage::AvgPool(window)
                | Stage::MeanPool(window) => window,
                _ => Window::PIXEL,
            };
            let problem = if window.fits(line.shape) {
                "a map has at most 65,535 rows and columns"
            } else {
                "the window is larger than its padded input"
            };
            return Err(SpecError { column: column(start), problem, input: Some(line.shape) });
        };
        line.parameters += stage_parameters(&stage, line.shape);
        if line.parameters > u32::MAX as u64 {
            self.at = start;
            return self.error("the network is too large: at most 4,294,967,295 parameters");
        }
        line.values += stage_values(&stage, output);
        if line.values > MOST_VALUES {
            self.at = start;
            return self.error("the network is too large: at most 536,870,911 values in all its maps");
        }
        spec.stages[spec.len as usize] = stage;
        spec.len += 1;
        line.shape = output;
        Ok(())
    }

    const fn shape(&mut self) -> Result<Shape, SpecError> {
        const EXPECTED: &str = "expected the input's shape: channels x rows x columns, like 1x28x28";
        let start = self.at;
        let channels = match self.number(u16::MAX, EXPECTED) {
            Ok(number) => number,
            Err(error) => return Err(error),
        };
        if !self.take(b'x') {
            return self.error(EXPECTED);
        }
        let rows = match self.number(u16::MAX, EXPECTED) {
            Ok(number) => number,
            Err(error) => return Err(error),
        };
        if !self.take(b'x') {
            return self.error(EXPECTED);
        }
        let columns = match self.number(u16::MAX, EXPECTED) {
            Ok(number) => number,
            Err(error) => return Err(error),
        };
        let shape = Shape { channels, rows, columns };
        if values_of(shape) > MOST_VALUES {
            self.at = start;
            return self.error("the input is too large: at most 536,870,911 values");
        }
        Ok(shape)
    }

    const fn stage(&mut self, input: Shape) -> Result<Stage, SpecError> {
        if self.word(b"nin") {
            match self.block(input) {
                Ok(block) => Ok(Stage::Block(block)),
                Err(error) => Err(error),
            }
        } else if self.word(b"dw") {
            match self.depthwise(input) {
                Ok(block) => Ok(Stage::Block(block)),
                Err(error) => Err(error),
            }
        } else if self.word(b"max") {
            match self.window(input, true) {
                Ok(window) => Ok(Stage::MaxPool(window)),
                Err(error) => Err(error),
            }
        } else if self.word(b"avg") {
            match self.window(input, true) {
                Ok(window) => Ok(Stage::AvgPool(window)),
                Err(error) => Err(error),
            }
        } else if self.word(b"mean") {
            match self.window(input, true) {
                // Without padding it is the average that is written `avg`.
                Ok(window) if !window.has_padding() => {
                    self.canonical = false;
                    Ok(Stage::AvgPool(window))
                }
                Ok(window) => Ok(Stage::MeanPool(window)),
                Err(error) => Err(error),
            }
        } else if self.word(b"drop") {
            match self.rate() {
                Ok(rate) => Ok(Stage::Dropout(rate)),
                Err(error) => Err(error),
            }
        } else if self.word(b"gap") {
            Ok(Stage::GlobalAverage)
        } else if self.word(b"fc") {
            let mut widths = Widths { len: 0, activations: 0, values: [0; MAX_WIDTHS] };
            match self.widths(&mut widths, false) {
                Ok(()) => Ok(Stage::Full(widths)),
                Err(error) => Err(error),
            }
        } else {
            self.error(STAGE_EXPECTED)
        }
    }

    const fn block(&mut self, input: Shape) -> Result<Block, SpecError> {
        let window = match self.window(input, false) {
            Ok(window) => window,
            Err(error) => return Err(error),
        };
        let at = self.at;
        let mut groups = 1;
        if self.take(b'g') {
            groups = match self.number(u16::MAX, "expected a number of groups, 1 to 65535") {
                Ok(groups) => groups,
                Err(error) => return Err(error),
            };
            self.canonical &= groups != 1;
        }
        if !self.take(b':') {
            return self.error("expected `:` and the block's channels, like nin5+2:32,32,32");
        }
        let mut widths = Widths { len: 0, activations: 0, values: [0; MAX_WIDTHS] };
        if let Err(error) = self.widths(&mut widths, true) {
            return Err(error);
        }
        if !input.channels.is_multiple_of(groups) || !widths.values[0].is_multiple_of(groups) {
            self.at = at;
            return self.error("the input's channels and the first number must be multiples of the groups");
        }
        let connection = match groups {
            1 => Connection::Full,
            _ if groups == input.channels && groups == widths.values[0] => {
                // It is written `dw`.
                self.canonical = false;
                Connection::Depthwise
            }
            _ => Connection::Grouped(groups),
        };
        Ok(Block { window, connection, widths })
    }

    const fn depthwise(&mut self, input: Shape) -> Result<Block, SpecError> {
        let window = match self.window(input, false) {
            Ok(window) => window,
            Err(error) => return Err(error),
        };
        let mut widths = Widths { len: 0, activations: 0, values: [0; MAX_WIDTHS] };
        let activation = self.activation();
        widths.push(input.channels, activation);
        if self.take(b':')
            && let Err(error) = self.widths(&mut widths, true)
        {
            return Err(error);
        }
        Ok(Block { window, connection: Connection::Depthwise, widths })
    }

    /// Reads `K`, `/S` and `+P`; each is one number or two of rows and columns, and a padding may be two of each side.
    const fn window(&mut self, input: Shape, pool: bool) -> Result<Window, SpecError> {
        const STRIDE: &str = "expected a stride, 1 to 255";
        let (height, width) = match self.pair("expected the window's size, 1 to 255") {
            Ok(pair) => pair,
            Err(error) => return Err(error),
        };
        let (mut down, mut right) = (1, 1);
        if self.take(b'/') {
            (down, right) = match self.pair(STRIDE) {
                Ok(pair) => pair,
                Err(error) => return Err(error),
            };
            self.canonical &= pool || down != 1 || right != 1;
        } else if pool {
            return self.error("expected `/` and the pool's stride, like max3/2");
        }
        let mut window = Window {
            rows: Side { kernel: height, stride: down, padding: 0, after: 0 },
            columns: Side { kernel: width, stride: right, padding: 0, after: 0 },
        };
        if self.take(b'+') {
            let start = self.at;
            if self.word(b"same") {
                // Written as numbers.
                self.canonical = false;
                window.rows = Side::same(height, down, input.rows);
                window.columns = Side::same(width, right, input.columns);
            } else {
                (window.rows.padding, window.rows.after) = match self.padding() {
                    Ok(padding) => padding,
                    Err(error) => return Err(error),
                };
                (window.columns.padding, window.columns.after) = (window.rows.padding, window.rows.after);
                if self.take(b'x') {
                    let rows = (window.rows.padding, window.rows.after);
                    (window.columns.padding, window.columns.after) = match self.padding() {
                        Ok(padding) if padding.0 == rows.0 && padding.1 == rows.1 => {
                            self.canonical = false;
                            padding
                        }
                        Ok(padding) => padding,
                        Err(error) => return Err(error),
                    };
                }
                self.canonical &= window.has_padding();
            }
            let (rows, columns) = (most_padding(window.rows), most_padding(window.columns));
            if pool && (rows > height / 2 || columns > width / 2) {
                self.at = start;
                return self.error("a pool's padding is at most half its window");
            }
            if rows >= height || columns >= width {
                self.at = start;
                return self.error("the padding must be smaller than the kernel");
            }
        }
        Ok(window)
    }

    /// Reads a number from 1 to 255, or two as `AxB`.
    const fn pair(&mut self, expected: &'static str) -> Result<(u8, u8), SpecError> {
        let first = match self.number(255, expected) {
            Ok(number) => number as u8,
            Err(error) => return Err(error),
        };
        if !self.take(b'x') {
            return Ok((first, first));
        }
        match self.number(255, expected) {
            Ok(number) => {
                self.canonical &= number as u8 != first;
                Ok((first, number as u8))
            }
            Err(error) => Err(error),
        }
    }

    /// Reads the padding before and after a side: a number from 0 to 255, or two as `A,B`.
    const fn padding(&mut self) -> Result<(u8, u8), SpecError> {
        const EXPECTED: &str = "expected the padding, 0 to 255";
        let first = match self.digits(255, EXPECTED) {
            Ok(number) => number as u8,
            Err(error) => return Err(error),
        };
        if !self.take(b',') {
            return Ok((first, first));
        }
        match self.digits(255, EXPECTED) {
            Ok(number) => {
                self.canonical &= number as u8 != first;
                Ok((first, number as u8))
            }
            Err(error) => Err(error),
        }
    }

    /// Reads numbers of channels, in a block each with its activation.
    const fn widths(&mut self, widths: &mut Widths, block: bool) -> Result<(), SpecError> {
        loop {
            if widths.len as usize == MAX_WIDTHS {
                return self.error("at most 6 layers fit one stage");
            }
            let width = match self.number(u16::MAX, "expected a number of channels, 1 to 65535") {
                Ok(number) => number,
                Err(error) => return Err(error),
            };
            let activation = if block { self.activation() } else { Activation::Relu };
            widths.push(width, activation);
            if !self.take(b',') {
                return Ok(());
            }
        }
    }

    /// Reads `r6`, `id` or nothing.
    const fn activation(&mut self) -> Activation {
        if self.word(b"r6") {
            Activation::Relu6
        } else if self.word(b"id") {
            Activation::Identity
        } else {
            Activation::Relu
        }
    }

    const fn rate(&mut self) -> Result<Rate, SpecError> {
        const EXPECTED: &str = "expected a probability below 1 with at most four decimals, like drop0.5";
        let start = self.at;
        let whole = match self.digits(0, EXPECTED) {
            Ok(number) => number,
            Err(_) => {
                self.at = start;
                return self.error(EXPECTED);
            }
        };
        let mut rate = whole;
        let mut scale = 10_000;
        if self.take(b'.') {
            while self.at < self.bytes.len() && self.bytes[self.at].is_ascii_digit() && scale > 1 {
                scale /= 10;
                rate += (self.bytes[self.at] - b'0') as u16 * scale;
                self.at += 1;
            }
            self.canonical &= self.bytes[self.at - 1] != b'0';
            if scale == 10_000 || self.at < self.bytes.len() && self.bytes[self.at].is_ascii_digit() {
                return self.error(EXPECTED);
            }
        }
        Ok(Rate(rate))
    }

    /// Reads a decimal number from 1 to `most`.
    const fn number(&mut self, most: u16, expected: &'static str) -> Result<u16, SpecError> {
        let start = self.at;
        match self.digits(most, expected) {
            Ok(0) => {
                self.at = start;
                self.error(expected)
            }
            other => other,
        }
    }

    /// Reads a decimal number from 0 to `most`.
    const fn digits(&mut self, most: u16, expected: &'static str) -> Result<u16, SpecError> {
        let start = self.at;
        let mut value = 0u32;
        while self.at < self.bytes.len() && self.bytes[self.at].is_ascii_digit() {
            value = value * 10 + (self.bytes[self.at] - b'0') as u32;
            if value > most as u32 {
                self.at = start;
                return self.error(expected);
            }
            self.at += 1;
        }
        if self.at == start {
            return self.error(expected);
        }
        self.canonical &= self.bytes[start] != b'0' || self.at == start + 1;
        Ok(value as u16)
    }

    /// Skips white space; a canonical line has exactly `canonical` spaces here.
    const fn spaces(&mut self, canonical: usize) {
        let start = self.at;
        while self.at < self.bytes.len() && self.bytes[self.at].is_ascii_whitespace() {
            self.canonical &= self.bytes[self.at] == b' ';
            self.at += 1;
        }
        self.canonical &= self.at - start == canonical;
    }

    const fn take(&mut self, byte: u8) -> bool {
        let found = self.at < self.bytes.len() && self.bytes[self.at] == byte;
        if found {
            self.at += 1;
        }
        found
    }

    const fn word(&mut self, word: &[u8]) -> bool {
        let start = self.at;
        let mut i = 0;
        while i < word.len() {
            if !self.take(word[i]) {
                self.at = start;
                return false;
            }
            i += 1;
        }
        true
    }

    const fn error<T>(&self, problem: &'static str) -> Result<T, SpecError> {
        Err(SpecError { column: column(self.at), problem, input: None })
    }
}

/// The largest number of values in all maps of a network together. As floats their bytes fit 32 bits, and so does every
/// size that is computed from some of them.
const MOST_VALUES: u64 = (1 << 29) - 1;

/// Returns the number of values of a map. ([`Shape::len`] may overflow on a 32-bit device before the parser's check.)
const fn values_of(shape: Shape) -> u64 {
    shape.channels as u64 * shape.rows as u64 * shape.columns as u64
}

/// Returns the number of values in the output maps of all layers of a stage.
const fn stage_values(stage: &Stage, output: Shape) -> u64 {
    let (Stage::Block(Block { widths, .. }) | Stage::Full(widths)) = stage else { return values_of(output) };
    let widths = widths.as_slice();
    let mut values = 0;
    let mut i = 0;
    while i < widths.len() {
        values += values_of(Shape { channels: widths[i], ..output });
        i += 1;
    }
    values
}

const fn column(at: usize) -> u16 {
    if at < u16::MAX as usize { at as u16 + 1 } else { u16::MAX }
}

const fn most_padding(side: Side) -> u8 {
    if side.padding > side.after { side.padding } else { side.after }
}
