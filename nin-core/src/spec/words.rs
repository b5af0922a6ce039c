//! The words of an architecture line: the input's shape, and each kind of stage with its numbers.

use super::cursor::Cursor;
use super::error::SpecError;
use super::shape::{Shape, Side, Window};
use super::stage::{Activation, Block, Connection, MAX_WIDTHS, Rate, Stage, Widths};

const STAGE_EXPECTED: &str = "expected a stage: nin, dw, max, avg, mean, drop, gap, fc, res(…) or proj(…)";

impl Cursor<'_> {
    /// Reads the input's shape.
    pub(super) const fn shape(&mut self) -> Result<Shape, SpecError> {
        const EXPECTED: &str = "expected the input's shape: channels x rows x columns, like 1x28x28";
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
        Ok(Shape { channels, rows, columns })
    }

    /// Reads a stage whose input has the shape `input`.
    pub(super) const fn stage(&mut self, input: Shape) -> Result<Stage, SpecError> {
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
            let mut widths = Widths::NONE;
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
        let mut widths = Widths::NONE;
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
        let mut widths = Widths::NONE;
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
            if widths.count() == MAX_WIDTHS {
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
    pub(super) const fn activation(&mut self) -> Activation {
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
            let mut last = 0;
            while scale > 1
                && let Some(digit) = self.digit()
            {
                scale /= 10;
                rate += digit as u16 * scale;
                last = digit;
                self.at += 1;
            }
            self.canonical &= last != 0;
            if scale == 10_000 || self.digit().is_some() {
                return self.error(EXPECTED);
            }
        }
        Ok(Rate(rate))
    }
}

const fn most_padding(side: Side) -> u8 {
    if side.padding > side.after { side.padding } else { side.after }
}
