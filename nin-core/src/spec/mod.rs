//! The architecture line: one line of text that describes a network.
//!
//! ```text
//! 1x28x28 nin5+2:32,32,32 max3/2 nin3+1:48,48,48 max3/2 drop0.5 nin3+1:10,10,10 gap
//! ```
//!
//! | word | meaning |
//! | --- | --- |
//! | `CxHxW` | the input: channels × rows × columns; the first word |
//! | `ninK/S+P:a,b,c` | a block: a K×K convolution with stride S and padding P to `a` channels, then a 1×1 convolution for each further number, each followed by a ReLU; `/1` and `+0` may be omitted |
//! | `ninK/S+PgN:a,b` | the same with the first convolution in N groups |
//! | `dwK/S+P:b,c` | a block whose first convolution is depthwise; `:b,c` may be omitted |
//! | `res(… …)` | `nin` and `dw` with a shortcut around them: their input is added to their output, and a ReLU follows |
//! | `proj(… …)` | the same with a 1×1 convolution on the shortcut, which has the strides of the body and no activation |
//! | `maxK/S+P` | maximum over K×K windows with stride S; `+0` may be omitted |
//! | `avgK/S+P` | average over K×K windows (padding counts as zeros, as in PyTorch by default) |
//! | `meanK/S+P` | average over K×K windows (padding does not count, as in TensorFlow) |
//! | `dropP` | dropout with probability P, in training only |
//! | `gap` | global average: one value per channel |
//! | `fcA,B,…` | fully connected layers with a ReLU between them; none after the line's last layer |
//!
//! K and S may be two numbers, rows × columns: `10x4`. P may be too, and each of the two may state the padding before and
//! after the map: `+0,1` is no padding above and on the left, one pixel below and on the right; `+4,5x1` is 4 above, 5
//! below, 1 on the left and on the right. `+same` is TensorFlow's padding, which is stored as numbers. The number of a
//! layer in a block, the window of `dw` and the `)` of a shortcut may end in `id` (no activation) or `r6` (ReLU6).
//!
//! A line ends with its head: `gap`, `fc…` or `gap fc…`. Only `drop` and further `fc…` may follow. K and S are 1 to
//! 255; P is less than K, and for a pool at most half of K. A dropout probability is below 1 and has at most four
//! decimals. A line has at most 32 stages; a `nin` or `fc` lists at most six numbers, each 1 to 65,535. The number of
//! windows is rounded down, as in PyTorch. The parser is a `const fn`: a device reads the line at compile time, where a
//! wrong line is a compile error with a message; the trainer reads it at run time.
//!
//! `reader` parses a line into a [`Spec`]: the input's [`Shape`] and the [`Stage`]s. `words` reads the words of a line,
//! `cursor` their numbers and characters. This module imports nothing from the rest of the crate.

mod architecture;
mod cursor;
mod error;
mod reader;
mod shape;
mod stage;
mod words;

pub use self::architecture::{MAX_STAGES, Spec};
pub use self::error::SpecError;
pub(crate) use self::reader::Reader;
pub use self::shape::{Shape, Side, Window};
pub(crate) use self::stage::stage_parameters;
pub use self::stage::{Activation, Block, Connection, MAX_WIDTHS, Projection, Rate, Stage, Sum, Widths};

impl Spec {
    /// Parses a line in a constant; a wrong line fails the build with a message.
    ///
    /// ```
    /// use nin_core::Spec;
    /// const SPEC: Spec = Spec::new("1x28x28 nin5+2:32,32,32 max3/2 nin3+1:10,10,10 gap");
    /// assert_eq!(SPEC.classes(), 10);
    /// ```
    ///
    /// With a stage misspelt, this does not compile: "architecture line, column 9: expected a stage: nin, dw, max, …".
    ///
    /// ```compile_fail,E0080
    /// use nin_core::Spec;
    /// const SPEC: Spec = Spec::new("1x28x28 conv5+2:32,32,32 max3/2 nin3+1:10,10,10 gap");
    /// ```
    ///
    /// # Panics
    ///
    /// If the line is wrong; use [`Spec::parse`] for a line known only at run time.
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

    /// Parses a line.
    ///
    /// # Errors
    ///
    /// [`SpecError`] names the column (from 1) of the mistake and what was expected there.
    pub const fn parse(line: &str) -> Result<Spec, SpecError> {
        Reader::new(line).spec()
    }
}

impl core::str::FromStr for Spec {
    type Err = SpecError;

    fn from_str(line: &str) -> Result<Spec, SpecError> {
        Spec::parse(line)
    }
}
