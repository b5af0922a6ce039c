//! The boards that are known by name: their core, flash and RAM.
//!
//! Imports `support`.

use std::fmt;

use strsim::levenshtein;

use crate::support::text::visible;

/// The core of a board, as far as the choice of kernels depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Core {
    /// Cortex-M0.
    CortexM0,
    /// Cortex-M0+.
    CortexM0Plus,
    /// Cortex-M3.
    CortexM3,
    /// Cortex-M4 with a single-precision FPU.
    CortexM4F,
    /// Cortex-M7 with an FPU.
    CortexM7,
    /// Cortex-M33 with the DSP extension and an FPU.
    CortexM33,
    /// RISC-V, RV32IMC: no atomic instructions.
    Rv32imc,
    /// RISC-V, RV32IMAC.
    Rv32imac,
}

impl Core {
    /// Returns the core's name as its vendor writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CortexM0 => "Cortex-M0",
            Self::CortexM0Plus => "Cortex-M0+",
            Self::CortexM3 => "Cortex-M3",
            Self::CortexM4F => "Cortex-M4F",
            Self::CortexM7 => "Cortex-M7",
            Self::CortexM33 => "Cortex-M33",
            Self::Rv32imc => "RISC-V RV32IMC",
            Self::Rv32imac => "RISC-V RV32IMAC",
        }
    }

    /// Returns whether the core has the DSP instructions that multiply pairs of 16-bit integers.
    pub const fn has_dsp(self) -> bool {
        matches!(self, Self::CortexM4F | Self::CortexM7 | Self::CortexM33)
    }
}

impl fmt::Display for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

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
}

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

const fn board(name: &'static str, title: &'static str, core: Core, flash: u64, ram: u64) -> Board {
    Board { name, title, core, flash, ram }
}

/// The board that is assumed if none is named: any Cortex-M with DSP instructions and at least this memory.
pub const GENERIC: Board =
    board("generic", "any Cortex-M4, M7 or M33 with at least this memory", Core::CortexM4F, 256 * KIB, 64 * KIB);

/// All boards, in the order of the help text.
pub const BOARDS: &[Board] = &[
    board("pico", "Raspberry Pi Pico (RP2040)", Core::CortexM0Plus, 2 * MIB, 264 * KIB),
    board("pico2", "Raspberry Pi Pico 2 (RP2350)", Core::CortexM33, 4 * MIB, 520 * KIB),
    board("microbit", "BBC micro:bit, first version (nRF51822)", Core::CortexM0, 256 * KIB, 16 * KIB),
    board("microbit-v2", "BBC micro:bit v2 (nRF52833)", Core::CortexM4F, 512 * KIB, 128 * KIB),
    board("nrf52840-dk", "Nordic nRF52840-DK (nRF52840)", Core::CortexM4F, MIB, 256 * KIB),
    board("nucleo-f401re", "ST Nucleo-F401RE (STM32F401RE)", Core::CortexM4F, 512 * KIB, 96 * KIB),
    board("nucleo-f411re", "ST Nucleo-F411RE (STM32F411RE)", Core::CortexM4F, 512 * KIB, 128 * KIB),
    // Without the 64 KiB that only the core reaches.
    board("nucleo-f429zi", "ST Nucleo-F429ZI (STM32F429ZI)", Core::CortexM4F, 2 * MIB, 192 * KIB),
    board("stm32f407g-disc1", "ST STM32F4 Discovery (STM32F407VG)", Core::CortexM4F, MIB, 128 * KIB),
    board("stm32vldiscovery", "ST STM32VLDISCOVERY (STM32F100RB)", Core::CortexM3, 128 * KIB, 8 * KIB),
    board("netduinoplus2", "Netduino Plus 2 (STM32F405RG)", Core::CortexM4F, MIB, 128 * KIB),
    // The AXI SRAM; the tightly coupled memories and the other domains' SRAM are apart from it.
    board("nucleo-h743zi", "ST Nucleo-H743ZI (STM32H743ZI)", Core::CortexM7, 2 * MIB, 512 * KIB),
    // Without the RAM that the cache and the boot loader use.
    board("esp32-c3", "Espressif ESP32-C3-DevKitM-1 (ESP32-C3)", Core::Rv32imc, 4 * MIB, 320 * KIB),
    board("esp32-c6", "Espressif ESP32-C6-DevKitC-1 (ESP32-C6)", Core::Rv32imac, 8 * MIB, 440 * KIB),
    GENERIC,
];

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
            assert!(board.ram < board.flash && board.ram_for_state() > 0, "{}", board.name);
        }
        assert_eq!(Board::named("Nucleo F401RE").map(|board| board.ram), Ok(96 * 1024));
        let error = Board::named("pico3").unwrap_err().to_string();
        assert!(error.contains("did you mean 'pico'?") && error.contains("esp32-c6"), "{error}");
        assert!(!Board::named("toaster-9000").unwrap_err().to_string().contains("did you mean"));
        assert!(!Board::named("pi\u{1b}co").unwrap_err().to_string().contains('\u{1b}'));
    }

    /// Returns the number of bytes in a memory map's line `NAME : ORIGIN = …, LENGTH = 512K`.
    fn length(map: &str, name: &str) -> Option<u64> {
        let line = map.lines().find(|line| line.trim_start().starts_with(name))?;
        let length = line.rsplit("LENGTH =").next()?.trim();
        let (number, unit) = length.split_at(length.len() - 1);
        Some(number.parse::<u64>().ok()? * if unit == "M" { 1 << 20 } else { 1 << 10 })
    }

    /// The memory maps of the firmware examples, which are files of the repository and not of this crate.
    #[test]
    fn boards_have_the_memory_of_their_memory_maps() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../nin-embedded/boards");
        let mut compared = 0;
        for board in BOARDS {
            let Ok(map) = std::fs::read_to_string(folder.join(format!("{}.x", board.name))) else { continue };
            let flash = length(&map, "FLASH").unwrap() + length(&map, "MODELS").unwrap_or(0);
            assert_eq!((flash, length(&map, "RAM").unwrap()), (board.flash, board.ram), "{}", board.name);
            compared += 1;
        }
        assert!(compared >= 5 || !folder.exists(), "only {compared} boards have a memory map");
    }
}
