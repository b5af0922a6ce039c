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
//!
//! [`Spec`] is a line that was read: its input's [`Shape`] and its [`Stage`]s, by `reader`. This folder imports nothing
//! of the crate.

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
        Reader::new(line).spec()
    }
}

impl core::str::FromStr for Spec {
    type Err = SpecError;

    fn from_str(line: &str) -> Result<Spec, SpecError> {
        Spec::parse(line)
    }
}
