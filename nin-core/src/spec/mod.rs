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
//! | `maxK/S+P` | maximum over K×K windows with stride S; `+0` may be omitted |
//! | `avgK/S+P` | average over K×K windows (padding counts as zeros, as in PyTorch by default) |
//! | `dropP` | dropout with probability P, in training only |
//! | `gap` | global average: one value per channel |
//! | `fcA,B,…` | fully connected layers with a ReLU between them; none after the line's last layer |
//!
//! A line ends with its head: `gap`, `fc…` or `gap fc…`. Only `drop` and further `fc…` may follow. K and S are 1 to
//! 255; P is less than K, and for a pool at most half of K. A dropout probability is below 1 and has at most four
//! decimals. A line has at most 24 stages; a `nin` or `fc` lists at most six numbers, each 1 to 65,535. The number of
//! windows is rounded down, as in PyTorch. The parser is a `const fn`: a device reads the line at compile time, where a
//! wrong line is a compile error with a message; the trainer reads it at run time.
//!
//! `reader` parses a line into a [`Spec`]: the input's [`Shape`] and the [`Stage`]s. This module imports nothing from
//! the rest of the crate.

mod architecture;
mod error;
mod reader;
mod shape;
mod stage;

pub use self::architecture::{MAX_STAGES, Spec};
pub use self::error::SpecError;
pub(crate) use self::reader::Reader;
pub use self::shape::{Shape, Window};
pub(crate) use self::stage::stage_parameters;
pub use self::stage::{MAX_WIDTHS, Rate, Stage, Widths};

impl Spec {
    /// Parses a line in a constant; a wrong line fails the build with a message.
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
