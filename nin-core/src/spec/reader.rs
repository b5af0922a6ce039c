//! The parser of architecture lines: reads stage by stage and checks that every stage fits. `words` reads the parts of
//! a stage, and `cursor` numbers and characters.

use super::architecture::{MAX_STAGES, Spec};
use super::cursor::{Cursor, column};
use super::error::SpecError;
use super::shape::{Shape, Window};
use super::stage::{Activation, Block, Projection, Stage, Sum, stage_parameters};

const NESTED: &str = "a shortcut cannot begin inside another one";
const HEAD_EXPECTED: &str = "after gap or fc only drop and fc may follow";

/// The state of the line after the stages that were read.
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

/// The beginning of a shortcut.
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
    cursor: Cursor<'a>,
}

impl Reader<'_> {
    pub const fn new(line: &str) -> Reader<'_> {
        Reader { cursor: Cursor::new(line) }
    }

    /// Returns whether the line that was read is canonical, as a [`Spec`] displays it: one space between words, no default
    /// values, no superfluous digits.
    pub const fn is_canonical(&self) -> bool {
        self.cursor.canonical
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
        self.cursor.spaces(0);
        let start = self.cursor.at;
        let input = match self.cursor.shape() {
            Ok(input) => input,
            Err(error) => return Err(error),
        };
        if values_of(input) > MOST_VALUES {
            self.cursor.at = start;
            return self.cursor.error("the input is too large: at most 536,870,911 values");
        }
        spec.input = input;
        spec.len = 0;
        let mut line = Line { shape: input, parameters: 0, values: values_of(input), head: false, open: None };
        loop {
            let before = self.cursor.at;
            if self.cursor.is_at_end() {
                break;
            }
            self.cursor.spaces(1);
            if self.cursor.is_at_end() {
                self.cursor.canonical = false;
                break;
            }
            if self.cursor.at == before {
                return self.cursor.error("expected a space");
            }
            if let Err(error) = self.word_of(spec, &mut line) {
                return Err(error);
            }
        }
        if line.open.is_some() {
            return self.cursor.error("expected `)` at the end of the shortcut's body");
        }
        if !line.head {
            return self.cursor.error("expected the head: gap, fc… or gap fc…");
        }
        Ok(())
    }

    /// Reads one word: a stage, and the ends of a shortcut around it.
    const fn word_of(&mut self, spec: &mut Spec, line: &mut Line) -> Result<(), SpecError> {
        let start = self.cursor.at;
        let residual = self.cursor.word(b"res(");
        if residual || self.cursor.word(b"proj(") {
            if line.open.is_some() {
                self.cursor.at = start;
                return self.cursor.error(NESTED);
            }
            line.open = Some(Open { stage: spec.len, at: start, input: line.shape, projected: !residual });
        }
        let start = self.cursor.at;
        if line.open.is_some() && (self.cursor.word(b"res(") || self.cursor.word(b"proj(")) {
            self.cursor.at = start;
            return self.cursor.error(NESTED);
        }
        let stage = match self.cursor.stage(line.shape) {
            Ok(stage) => stage,
            Err(error) => return Err(error),
        };
        if line.open.is_some() && !matches!(stage, Stage::Block(_)) {
            self.cursor.at = start;
            return self.cursor.error("only nin and dw can be inside a shortcut");
        }
        if let Err(error) = self.add(spec, line, start, stage) {
            return Err(error);
        }
        let end = self.cursor.at;
        let Some(open) = line.open else { return Ok(()) };
        if !self.cursor.take(b')') {
            return Ok(());
        }
        let activation = self.cursor.activation();
        match self.sum(spec, line, open, activation) {
            Ok(sum) => self.add(spec, line, end, Stage::Sum(sum)),
            Err(error) => Err(error),
        }
    }

    /// Checks the body of a shortcut against its input.
    const fn sum(&self, spec: &Spec, line: &mut Line, open: Open, activation: Activation) -> Result<Sum, SpecError> {
        line.open = None;
        let (mut rows, mut columns) = (1u32, 1u32);
        let mut i = open.stage;
        while i < spec.len {
            if let Stage::Block(block) = spec.stages[i as usize] {
                rows = rows.saturating_mul(block.window.rows.stride as u32);
                columns = columns.saturating_mul(block.window.columns.stride as u32);
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
            self.cursor.at = start;
            return self.cursor.error("at most 32 stages fit a line");
        }
        match stage {
            Stage::GlobalAverage if !line.head => line.head = true,
            Stage::Full(_) => line.head = true,
            Stage::Dropout(_) => {}
            _ if line.head => {
                self.cursor.at = start;
                return self.cursor.error(HEAD_EXPECTED);
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
            self.cursor.at = start;
            return self.cursor.error("the network is too large: at most 4,294,967,295 parameters");
        }
        line.values += stage_values(&stage, output);
        if line.values > MOST_VALUES {
            self.cursor.at = start;
            return self.cursor.error("the network is too large: at most 536,870,911 values in all its maps");
        }
        spec.stages[spec.len as usize] = stage;
        spec.len += 1;
        line.shape = output;
        Ok(())
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
