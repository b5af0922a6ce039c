//! The parser of architecture lines: reads word by word and checks that every stage fits.

use super::architecture::{MAX_STAGES, Spec};
use super::error::SpecError;
use super::shape::{Shape, Window};
use super::stage::{MAX_WIDTHS, Rate, Stage, Widths, stage_parameters};

const STAGE_EXPECTED: &str = "expected a stage: nin, max, avg, drop, gap or fc";
const HEAD_EXPECTED: &str = "after gap or fc only drop and fc may follow";

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
        self.spaces(0);
        let input = match self.shape() {
            Ok(input) => input,
            Err(error) => return Err(error),
        };
        let mut spec = Spec { input, len: 0, stages: [Stage::GlobalAverage; MAX_STAGES] };
        let mut shape = input;
        let mut parameters = 0u64;
        let mut values = values_of(input);
        // Whether the head has begun.
        let mut head = false;
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
            let start = self.at;
            let stage = match self.stage() {
                Ok(stage) => stage,
                Err(error) => return Err(error),
            };
            if spec.len as usize == MAX_STAGES {
                self.at = start;
                return self.error("at most 24 stages fit a line");
            }
            match stage {
                Stage::GlobalAverage if !head => head = true,
                Stage::Full(_) => head = true,
                Stage::Dropout(_) => {}
                _ if head => {
                    self.at = start;
                    return self.error(HEAD_EXPECTED);
                }
                _ => {}
            }
            let Some(output) = stage.output(shape) else {
                let problem = match stage {
                    Stage::Block(window, _) | Stage::MaxPool(window) | Stage::AvgPool(window)
                        if !window.fits(shape.rows) || !window.fits(shape.columns) =>
                    {
                        "the window is larger than its padded input"
                    }
                    _ => "a map has at most 65,535 rows and columns",
                };
                return Err(SpecError { column: column(start), problem, input: Some(shape) });
            };
            parameters += stage_parameters(&stage, shape);
            if parameters > u32::MAX as u64 {
                self.at = start;
                return self.error("the network is too large: at most 4,294,967,295 parameters");
            }
            values += stage_values(&stage, output);
            if values > MOST_VALUES {
                self.at = start;
                return self.error("the network is too large: at most 536,870,911 values in all its maps");
            }
            spec.stages[spec.len as usize] = stage;
            spec.len += 1;
            shape = output;
        }
        if !head {
            return self.error("expected the head: gap, fc… or gap fc…");
        }
        Ok(spec)
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

    const fn stage(&mut self) -> Result<Stage, SpecError> {
        if self.word(b"nin") {
            let window = match self.window(false) {
                Ok(window) => window,
                Err(error) => return Err(error),
            };
            if !self.take(b':') {
                return self.error("expected `:` and the block's channels, like nin5+2:32,32,32");
            }
            match self.widths() {
                Ok(widths) => Ok(Stage::Block(window, widths)),
                Err(error) => Err(error),
            }
        } else if self.word(b"max") {
            match self.window(true) {
                Ok(window) => Ok(Stage::MaxPool(window)),
                Err(error) => Err(error),
            }
        } else if self.word(b"avg") {
            match self.window(true) {
                Ok(window) => Ok(Stage::AvgPool(window)),
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
            match self.widths() {
                Ok(widths) => Ok(Stage::Full(widths)),
                Err(error) => Err(error),
            }
        } else {
            self.error(STAGE_EXPECTED)
        }
    }

    const fn window(&mut self, pool: bool) -> Result<Window, SpecError> {
        let kernel = match self.number(255, "expected the window's size, 1 to 255") {
            Ok(number) => number as u8,
            Err(error) => return Err(error),
        };
        let stride = if self.take(b'/') {
            let stride = match self.number(255, "expected a stride, 1 to 255") {
                Ok(number) => number as u8,
                Err(error) => return Err(error),
            };
            self.canonical &= pool || stride != 1;
            stride
        } else if pool {
            return self.error("expected `/` and the pool's stride, like max3/2");
        } else {
            1
        };
        let mut padding = 0;
        if self.take(b'+') {
            let start = self.at;
            padding = match self.digits(255, "expected the padding, 0 to 255") {
                Ok(number) => number as u8,
                Err(error) => return Err(error),
            };
            self.canonical &= padding != 0;
            if pool && padding > kernel / 2 {
                self.at = start;
                return self.error("a pool's padding is at most half its window");
            }
            if padding >= kernel {
                self.at = start;
                return self.error("the padding must be smaller than the kernel");
            }
        }
        Ok(Window { kernel, stride, padding })
    }

    const fn widths(&mut self) -> Result<Widths, SpecError> {
        let mut widths = Widths { len: 0, values: [0; MAX_WIDTHS] };
        loop {
            if widths.len as usize == MAX_WIDTHS {
                return self.error("at most 6 layers fit one stage");
            }
            widths.values[widths.len as usize] =
                match self.number(u16::MAX, "expected a number of channels, 1 to 65535") {
                    Ok(number) => number,
                    Err(error) => return Err(error),
                };
            widths.len += 1;
            if !self.take(b',') {
                return Ok(widths);
            }
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
    let (Stage::Block(_, widths) | Stage::Full(widths)) = stage else { return values_of(output) };
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
