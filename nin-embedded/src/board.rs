//! What a firmware needs of the thing it runs on.

use core::fmt;

/// The board, its emulator or a computer in its place.
pub trait Board {
    /// Name of the board, as in `boards/NAME.x`, or `host`.
    fn name(&self) -> &'static str;

    /// Writes a line; most easily through [`say!`](crate::say). A line that cannot be written is lost. (A
    /// Cortex-M's lines go to its debugger, and without one it stops at the first.)
    fn line(&self, text: fmt::Arguments<'_>);

    /// Counts up from the start, in [`unit`](Board::unit).
    fn clock(&self) -> u64;

    /// What the clock counts: `instructions` on the emulator, `cycles` on a board, `ns` on a host.
    fn unit(&self) -> &'static str;

    /// What the firmware was started with: words separated by spaces, such as `bits image=3`.
    fn arguments(&self) -> &str;

    /// The partition for a model that is not part of the firmware; empty if there is none.
    fn models(&self) -> &'static [u8];

    /// Memory that the firmware has used up to now; `None` where that cannot be told.
    fn usage(&self) -> Option<Usage>;

    /// Whether the firmware was started with the word `name`.
    fn asked(&self, name: &str) -> bool {
        self.arguments().split_ascii_whitespace().any(|word| word == name)
    }

    /// The number that the firmware was started with as `name=NUMBER`.
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
    /// Static memory: `.data` and `.bss`, the network's state among them.
    pub statics: usize,
    /// The most stack there ever was.
    pub stack: usize,
    /// Memory left for the stack.
    pub stack_limit: usize,
    /// Code, constants and weights.
    pub flash: usize,
}
