//! Flags that limit a network to the memory of a board.

use std::fmt;

use clap::Args;
use nin_core::Shape;
use nin_train::boards::{Board, GENERIC};
use nin_train::data::preview::preview;
use nin_train::network::family::{self, MACS};
use nin_train::network::resources::Budget;
use nin_train::support::text::bytes;

use super::images::ImageArgs;
use super::size::size;

/// The shape of a folder's images if none of them can be read.
const USUAL: Shape = Shape { channels: 3, rows: 64, columns: 64 };
/// Sides to try if a network for larger images does not fit the board.
const SIDES: [u16; 5] = [48, 32, 24, 16, 8];
/// A number of classes that decides the size of the images before the true number is known.
const CLASSES: usize = 10;

/// A board for whose projects nobody needs hardware.
pub const EMULATED: &str = "mps2-an386";

/// The memory that a network may use.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Board")]
pub struct BudgetArgs {
    /// Board that the network must fit, for example pico, microbit-v2, nucleo-f401re or esp32-c3 (an unknown name lists
    /// all). The network may use half of its flash and half of its RAM [default: generic, with 256 KiB and 64 KiB]
    #[arg(long, value_name = "NAME", value_parser = Board::named)]
    board: Option<&'static Board>,

    /// Flash for the model file, in 8 bits: bytes, or with K or M (64K is 65,536); the engine's code is not included
    /// [default: half of the board's]
    #[arg(long, value_name = "BYTES", value_parser = size)]
    flash: Option<u64>,

    /// RAM for the engine's state: bytes, or with K or M [default: half of the board's]
    #[arg(long, value_name = "BYTES", value_parser = size)]
    ram: Option<u64>,
}

impl BudgetArgs {
    /// Returns the first of these flags that was given.
    pub fn given(&self) -> Option<&'static str> {
        let flags =
            [("--board", self.board.is_some()), ("--flash", self.flash.is_some()), ("--ram", self.ram.is_some())];
        flags.iter().find(|(_, given)| *given).map(|(flag, _)| *flag)
    }

    /// Returns the board to write firmware for: the one that was named if there is a project for it, else one that QEMU
    /// emulates.
    pub fn firmware_board(&self) -> &'static str {
        self.board.filter(|board| board.has_project()).map_or(EMULATED, |board| board.name)
    }

    /// Returns the limits for a model with these class names, which its file contains.
    pub fn budget(&self, names: &[String], macs: u64) -> Budget {
        let names = names.join("\n").len().next_multiple_of(16) as u64;
        Budget { flash: self.flash().saturating_sub(names), ram: self.ram(), macs }
    }

    /// Returns the shape to which the pictures of a folder are resized: one that suits them, or a smaller one if the
    /// board is too small. (Other data sets have their own shape.)
    pub fn shape(&self, images: &ImageArgs) -> Shape {
        let wanted = images.folder().and_then(preview).map_or(USUAL, |found| found.shape());
        let limits = self.budget(&[], MACS);
        let fits = |shape: &Shape| family::fitting(*shape, CLASSES, &limits).is_some();
        if fits(&wanted) {
            return wanted;
        }
        let smaller = SIDES.into_iter().filter(|side| *side < wanted.rows.min(wanted.columns));
        let mut shapes = smaller.map(|side| Shape { channels: wanted.channels, rows: side, columns: side });
        // The error about the board comes when the number of classes is known.
        shapes.find(fits).unwrap_or(wanted)
    }

    fn flash(&self) -> u64 {
        self.flash.unwrap_or_else(|| self.board.unwrap_or(&GENERIC).flash_for_model())
    }

    fn ram(&self) -> u64 {
        self.ram.unwrap_or_else(|| self.board.unwrap_or(&GENERIC).ram_for_state())
    }
}

/// The limits in words: `128 KiB of flash and 32 KiB of RAM, half of the board 'generic'`.
impl fmt::Display for BudgetArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of flash and {} of RAM", bytes(self.flash()), bytes(self.ram()))?;
        let board = self.board.unwrap_or(&GENERIC).name;
        match (self.flash, self.ram) {
            (None, None) => write!(f, ", half of the board '{board}'"),
            (None, Some(_)) => write!(f, "; the flash is half of the board '{board}'"),
            (Some(_), None) => write!(f, "; the RAM is half of the board '{board}'"),
            (Some(_), Some(_)) => Ok(()),
        }
    }
}
