//! The interface between a firmware and the board, emulator or computer that it runs on.

use core::fmt;

/// A board, its emulator, or a computer in place of a board.
pub trait Board {
    /// Returns the name of the board, as in `boards/NAME.x`, or `host`.
    fn name(&self) -> &'static str;

    /// Writes a line; the macro [`say!`](crate::say) formats it. A line that cannot be written is lost. Boards write
    /// to their debugger; without one they stop at the first line.
    fn line(&self, text: fmt::Arguments<'_>);

    /// Returns the time since the start, in [`unit`](Board::unit).
    fn clock(&self) -> u64;

    /// Returns the unit of the clock: `instructions` on the emulator, `cycles` on a board, `ns` on a host.
    fn unit(&self) -> &'static str;

    /// Returns the arguments of the firmware: words separated by spaces, such as `bits count=3`.
    fn arguments(&self) -> &str;

    /// Returns the partition for a model that is not part of the firmware; empty if there is none.
    fn models(&self) -> &'static [u8];

    /// Returns the memory that the firmware has used so far; `None` where it is not measured.
    fn usage(&self) -> Option<Usage>;

    /// Returns whether `name` is among the arguments.
    fn asked(&self, name: &str) -> bool {
        self.arguments().split_ascii_whitespace().any(|word| word == name)
    }

    /// Returns the number of the argument `name=NUMBER`, if there is one.
    fn number(&self, name: &str) -> Option<u64> {
        let word = |word: &str| word.strip_prefix(name)?.strip_prefix('=')?.parse().ok();
        self.arguments().split_ascii_whitespace().find_map(word)
    }
}

/// Writes a line to a [`Board`], formatted like `println!`.
#[macro_export]
macro_rules! say {
    ($board:expr, $($text:tt)*) => {
        $crate::Board::line($board, ::core::format_args!($($text)*))
    };
}

/// Memory in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Static memory: `.data` and `.bss`, including the network's state.
    pub statics: usize,
    /// The peak of the stack.
    pub stack: usize,
    /// The memory that is reserved for the stack.
    pub stack_limit: usize,
    /// Code, constants and weights.
    pub flash: usize,
}
