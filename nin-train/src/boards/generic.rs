//! Boards with any Cortex-M, from the name of its chip.

use std::fmt;

use super::Board;
use super::core::Core;
use super::table::{SRAM, STM32, board};
use crate::support::text::visible;

/// A family of chips: how their names begin, their core, the addresses of flash and RAM, and the core's clock in kHz
/// after reset, when an internal oscillator drives it.
struct Family(&'static str, Core, u64, u64, u32);

/// RAM of an STM32H7: its tightly coupled memory is smaller.
const AXI: u64 = 0x2400_0000;

/// The first that fits counts. Chips whose core or addresses differ within a family are not here, and neither are those
/// without a SysTick timer (nRF51).
const FAMILIES: &[Family] = &[
    Family("STM32F0", Core::CortexM0, STM32, SRAM, 8_000),
    Family("STM32G0", Core::CortexM0Plus, STM32, SRAM, 16_000),
    Family("STM32C0", Core::CortexM0Plus, STM32, SRAM, 12_000),
    Family("STM32L0", Core::CortexM0Plus, STM32, SRAM, 2_097),
    Family("STM32F1", Core::CortexM3, STM32, SRAM, 8_000),
    Family("STM32F2", Core::CortexM3, STM32, SRAM, 16_000),
    Family("STM32L1", Core::CortexM3, STM32, SRAM, 2_097),
    Family("STM32F3", Core::CortexM4F, STM32, SRAM, 8_000),
    Family("STM32F4", Core::CortexM4F, STM32, SRAM, 16_000),
    Family("STM32G4", Core::CortexM4F, STM32, SRAM, 16_000),
    Family("STM32L4", Core::CortexM4F, STM32, SRAM, 4_000),
    Family("STM32WB5", Core::CortexM4F, STM32, SRAM, 4_000),
    Family("STM32F7", Core::CortexM7, STM32, SRAM, 16_000),
    Family("STM32H7", Core::CortexM7, STM32, AXI, 64_000),
    Family("STM32H5", Core::CortexM33, STM32, SRAM, 32_000),
    Family("STM32L5", Core::CortexM33, STM32, SRAM, 4_000),
    Family("STM32U5", Core::CortexM33, STM32, SRAM, 4_000),
    Family("STM32WBA", Core::CortexM33, STM32, SRAM, 16_000),
    Family("nRF52", Core::CortexM4F, 0, SRAM, 64_000),
    Family("nRF53", Core::CortexM33, 0, SRAM, 64_000),
    Family("nRF91", Core::CortexM33, 0, SRAM, 64_000),
    Family("ATSAMD21", Core::CortexM0Plus, 0, SRAM, 1_000),
    Family("ATSAMD51", Core::CortexM4F, 0, SRAM, 48_000),
    Family("ATSAME5", Core::CortexM4F, 0, SRAM, 48_000),
    Family("LPC55", Core::CortexM33, 0, SRAM, 12_000),
];

/// A memory of a chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Its length in bytes.
    pub length: u64,
    /// The address of its first byte; `None` if the family of the chip has it.
    pub origin: Option<u64>,
}

/// A chip by its name in probe-rs, and what is given about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chip<'a> {
    /// The name.
    pub name: &'a str,
    /// Flash.
    pub flash: Memory,
    /// RAM.
    pub ram: Memory,
    /// The core; `None` if the family of the chip has it.
    pub core: Option<Core>,
    /// The core's clock after reset in kHz; `None` if the family of the chip has it.
    pub khz: Option<u32>,
}

impl Board {
    /// Returns a board with any Cortex-M. It has no HAL: its clock stays as it is after reset.
    ///
    /// # Errors
    ///
    /// [`UnknownChip`] if the name is no name, or the chip's family is not known and neither are all of core, clock and
    /// addresses.
    pub fn generic(chip: &Chip<'_>) -> Result<Self, UnknownChip> {
        let unknown = || UnknownChip { name: chip.name.to_owned() };
        let starts =
            |prefix: &str| chip.name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        if chip.name.is_empty() || !chip.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
            return Err(unknown());
        }
        let family = FAMILIES.iter().find(|Family(prefix, ..)| starts(prefix));
        let core = chip.core.or(family.map(|family| family.1)).filter(|core| core.is_arm()).ok_or_else(unknown)?;
        let flash = chip.flash.origin.or(family.map(|family| family.2)).ok_or_else(unknown)?;
        let ram = chip.ram.origin.or(family.map(|family| family.3)).ok_or_else(unknown)?;
        let khz = chip.khz.or(family.map(|family| family.4)).ok_or_else(unknown)?;
        // A board's name lives as long as the program, and there is one.
        let name: &'static str = Box::leak(chip.name.to_owned().into_boxed_str());
        Ok(board("generic", name, core, chip.flash.length, chip.ram.length).at(flash, ram).khz(khz).chip(name))
    }
}

/// The name of a chip about which too little is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownChip {
    /// The name.
    pub name: String,
}

impl fmt::Display for UnknownChip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<_> = FAMILIES.iter().map(|Family(prefix, ..)| *prefix).collect();
        write!(
            f,
            "generic:{}: this chip is not known (known: names that begin with {}); give its core, its clock after reset, \
             and the addresses of its memory, like --core cortex-m4f --clock 16M --flash 1M@0x08000000 \
             --ram 96K@0x20000000",
            visible(&self.name),
            known.join(", ")
        )
    }
}

impl std::error::Error for UnknownChip {}

#[cfg(test)]
mod tests {
    use super::{Chip, Memory};
    use crate::boards::{Board, Core};

    const MEMORY: Memory = Memory { length: 65_536, origin: None };
    const NAMELESS: Chip<'_> = Chip { name: "", flash: MEMORY, ram: MEMORY, core: None, khz: None };

    #[test]
    fn a_family_has_core_addresses_and_clock() {
        let board = |name| Board::generic(&Chip { name, ..NAMELESS }).unwrap();
        let h7 = board("stm32h743zitx");
        assert_eq!(
            (h7.core, h7.flash_origin, h7.ram_origin, h7.khz),
            (Core::CortexM7, 0x800_0000, 0x2400_0000, 64_000)
        );
        let f1 = board("STM32F100RBTx");
        assert_eq!((f1.core, f1.flash_origin, f1.ram_origin, f1.khz), (Core::CortexM3, 0x800_0000, 0x2000_0000, 8_000));
        assert_eq!(board("STM32WBA52CGUx").core, Core::CortexM33);
        assert_eq!(board("STM32WB55RGVx").core, Core::CortexM4F);
    }

    #[test]
    fn another_chip_needs_everything() {
        let at = |origin| Memory { origin: Some(origin), ..MEMORY };
        let whole = Chip {
            name: "MAX32660",
            flash: at(0),
            ram: at(0x2000_0000),
            core: Some(Core::CortexM4F),
            khz: Some(96_000),
        };
        assert_eq!(Board::generic(&whole).unwrap().khz, 96_000);
        for lacking in [
            Chip { flash: MEMORY, ..whole },
            Chip { ram: MEMORY, ..whole },
            Chip { core: None, ..whole },
            Chip { core: Some(Core::Rv32imc), ..whole },
            Chip { khz: None, ..whole },
            Chip { name: "", ..whole },
            Chip { name: "MAX\"", ..whole },
        ] {
            let error = Board::generic(&lacking).unwrap_err().to_string();
            assert!(error.contains("--core cortex-m4f") && error.contains("nRF52"), "{error}");
        }
    }
}
