//! The boards that are known by name: core, memory map, name in probe-rs, machine in QEMU, hardware abstraction layer.
//!
//! The projects of `nin-train firmware` and the memory maps in `nin-embedded/boards` are written from this table
//! ([`Board::described_map`]).
//!
//! Imports `support`.

mod core;
mod generic;
mod map;
mod table;

pub use self::core::Core;
pub use generic::{Chip, Memory, UnknownChip};
pub use table::{BOARDS, GENERIC};

use std::fmt;

use strsim::levenshtein;

use crate::support::text::visible;

/// A board and its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Board {
    /// The name to type, in lower case: `pico`.
    pub name: &'static str,
    /// The name in full, with its chip.
    pub title: &'static str,
    /// The core that runs the network.
    pub core: Core,
    /// Flash in bytes.
    pub flash: u64,
    /// RAM in bytes: the largest contiguous part that a program can use.
    pub ram: u64,
    /// The address of the first byte of flash.
    pub flash_origin: u64,
    /// The address of the first byte of RAM.
    pub ram_origin: u64,
    /// The partition that can hold a model file apart from the program: its address and its length in bytes.
    pub models: Option<(u64, u64)>,
    /// The chip's name in probe-rs; `None` if the board exists only on an emulator.
    pub chip: Option<&'static str>,
    /// The machine in QEMU that emulates the board.
    pub machine: Option<Machine>,
    /// The crate that sets the board up.
    pub hal: Hal,
    /// The core's clock in kHz, as the HAL sets it, or without a HAL as it is after reset; 0 on a board that exists only
    /// on an emulator.
    pub khz: u32,
    /// A remark for people who read its memory map.
    pub note: &'static str,
}

/// An emulated board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The name for QEMU's option `-M`.
    pub name: &'static str,
    /// The frequency of its timer in Hz: SysTick on Arm.
    pub timer: u32,
}

/// The crate that sets a board's clocks and serial port up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Hal {
    /// None: `cortex-m-rt` alone, with the clocks as they are after reset.
    CortexM,
    /// `embassy-rp`.
    Rp,
    /// `embassy-nrf`.
    Nrf,
    /// `embassy-stm32`.
    Stm32,
    /// `esp-hal`.
    Esp,
    /// None: `riscv-rt` alone.
    RiscV,
}

impl Board {
    /// Returns the board with this name; upper and lower case are the same, and so are `_`, a space and `-`.
    ///
    /// # Errors
    ///
    /// [`UnknownBoard`], which lists the known names.
    pub fn named(name: &str) -> Result<&'static Board, UnknownBoard> {
        let wanted = name.trim().to_lowercase().replace(['_', ' '], "-");
        let found = BOARDS.iter().find(|board| board.name == wanted);
        found.ok_or_else(|| UnknownBoard { name: name.to_owned() })
    }

    /// Returns whether [`firmware`](crate::firmware) has a project for the board: it is a chip, or on an emulator.
    pub const fn has_project(&self) -> bool {
        self.chip.is_some() || self.machine.is_some()
    }

    /// Returns the flash that a model file may fill: half of it. The other half is for the program.
    pub const fn flash_for_model(&self) -> u64 {
        self.flash / 2
    }

    /// Returns the RAM that the engine's working memory may fill: half of it. The other half is for the stack and the
    /// rest of the program.
    pub const fn ram_for_state(&self) -> u64 {
        self.ram / 2
    }
}

/// The name of a board that is not in [`BOARDS`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownBoard {
    /// The name.
    pub name: String,
}

impl fmt::Display for UnknownBoard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no board '{}'", visible(&self.name))?;
        let wanted = self.name.to_lowercase();
        let near = BOARDS.iter().min_by_key(|board| levenshtein(board.name, &wanted));
        if let Some(near) = near.filter(|near| levenshtein(near.name, &wanted) <= 3) {
            write!(f, "; did you mean '{}'?", near.name)?;
        }
        let names: Vec<_> = BOARDS.iter().map(|board| board.name).collect();
        write!(f, " (boards: {}; or pass --flash and --ram)", names.join(", "))
    }
}

impl std::error::Error for UnknownBoard {}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{BOARDS, Board};

    #[test]
    fn boards_are_found_by_name() {
        for board in BOARDS {
            assert_eq!(Board::named(board.name), Ok(board));
            assert!(board.ram <= board.flash && board.ram_for_state() > 0, "{}", board.name);
        }
        assert_eq!(Board::named("Nucleo F401RE").map(|board| board.ram), Ok(96 * 1024));
        let error = Board::named("pico3").unwrap_err().to_string();
        assert!(error.contains("did you mean 'pico'?") && error.contains("esp32-c6"), "{error}");
        assert!(!Board::named("toaster-9000").unwrap_err().to_string().contains("did you mean"));
        assert!(!Board::named("pi\u{1b}co").unwrap_err().to_string().contains('\u{1b}'));
    }

    /// The memory maps of the repository's firmware, which are not part of this crate. `NIN_WRITE_BOARDS=1` writes
    /// them.
    #[test]
    fn memory_maps_are_written_from_this_table() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../nin-embedded/boards");
        let Ok(files) = std::fs::read_dir(&folder) else { return };
        let mut names: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        names.sort();
        assert!(names.len() >= 10, "{names:?}");
        for path in names {
            let name = path.file_stem().unwrap().to_str().unwrap();
            let map = Board::named(name).unwrap_or_else(|error| panic!("{error}")).described_map();
            if std::env::var_os("NIN_WRITE_BOARDS").is_some() {
                std::fs::write(&path, &map).unwrap();
            }
            let there = std::fs::read_to_string(&path).unwrap();
            assert_eq!(there, map, "{name}: run NIN_WRITE_BOARDS=1 cargo test -p nin-train --lib boards::");
        }
    }

    #[test]
    fn regions_lie_inside_the_memory() {
        for board in BOARDS {
            let end = board.flash_origin + board.flash;
            if let Some((start, length)) = board.models {
                assert!(length > 0 && (start >= end || start + length == end), "{}", board.name);
            }
            assert!(board.program_flash(true) <= board.flash && board.program_flash(true) > 0, "{}", board.name);
            assert_eq!(board.program_flash(false), board.flash - board.boot_stage(), "{}", board.name);
        }
        let map = Board::named("pico").unwrap().memory_map(true);
        assert!(map.contains("BOOT2  : ORIGIN = 0x10000000, LENGTH = 256\n"), "{map}");
        assert!(map.contains("FLASH  : ORIGIN = 0x10000100, LENGTH = 1048320\n"), "{map}");
        assert!(map.contains("MODELS : ORIGIN = 0x10100000, LENGTH = 1M\n"), "{map}");
    }
}
