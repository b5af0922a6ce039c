//! The table of boards.

use std::fmt;

use super::core::Core;
use super::{Board, Hal, Machine};
use crate::support::text::visible;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// Where a Cortex-M has its RAM.
const SRAM: u64 = 0x2000_0000;
/// Where an STM32 has its flash.
const STM32: u64 = 0x0800_0000;
/// Where a Raspberry Pi chip maps its external flash.
const XIP: u64 = 0x1000_0000;

/// A board without a HAL, with its flash at 0 and its RAM where a Cortex-M has it.
const fn board(name: &'static str, title: &'static str, core: Core, flash: u64, ram: u64) -> Board {
    Board {
        name,
        title,
        core,
        flash,
        ram,
        flash_origin: 0,
        ram_origin: SRAM,
        models: None,
        chip: None,
        machine: None,
        hal: Hal::CortexM,
        note: "",
    }
}

impl Board {
    const fn at(self, flash_origin: u64, ram_origin: u64) -> Self {
        Self { flash_origin, ram_origin, ..self }
    }

    const fn chip(self, name: &'static str) -> Self {
        Self { chip: Some(name), ..self }
    }

    const fn hal(self, hal: Hal) -> Self {
        Self { hal, ..self }
    }

    const fn emulated(self, name: &'static str, timer: u32) -> Self {
        Self { machine: Some(Machine { name, timer }), ..self }
    }

    /// With a model partition of `length` bytes at the end of flash.
    const fn partition(self, length: u64) -> Self {
        Self { models: Some((self.flash_origin + self.flash - length, length)), ..self }
    }

    /// With a model partition in a memory of its own.
    const fn partition_at(self, origin: u64, length: u64) -> Self {
        Self { models: Some((origin, length)), ..self }
    }

    const fn note(self, note: &'static str) -> Self {
        Self { note, ..self }
    }
}

/// How the names of chips begin: their core, and the address of their flash.
const CHIPS: &[(&str, Core, u64)] = &[
    ("STM32F0", Core::CortexM0, STM32),
    ("STM32G0", Core::CortexM0Plus, STM32),
    ("STM32C0", Core::CortexM0Plus, STM32),
    ("STM32L0", Core::CortexM0Plus, STM32),
    ("STM32F1", Core::CortexM3, STM32),
    ("STM32F2", Core::CortexM3, STM32),
    ("STM32L1", Core::CortexM3, STM32),
    ("STM32F3", Core::CortexM4F, STM32),
    ("STM32F4", Core::CortexM4F, STM32),
    ("STM32G4", Core::CortexM4F, STM32),
    ("STM32L4", Core::CortexM4F, STM32),
    ("STM32WB5", Core::CortexM4F, STM32),
    ("STM32F7", Core::CortexM7, STM32),
    ("STM32H7", Core::CortexM7, STM32),
    ("STM32H5", Core::CortexM33, STM32),
    ("STM32L5", Core::CortexM33, STM32),
    ("STM32U5", Core::CortexM33, STM32),
    ("STM32WBA", Core::CortexM33, STM32),
    ("nRF51", Core::CortexM0, 0),
    ("nRF52", Core::CortexM4F, 0),
    ("nRF91", Core::CortexM33, 0),
    ("ATSAMD21", Core::CortexM0Plus, 0),
    ("ATSAMD51", Core::CortexM4F, 0),
    ("ATSAME5", Core::CortexM4F, 0),
    ("LPC55", Core::CortexM33, 0),
    ("MK64", Core::CortexM4F, 0),
    ("EFR32", Core::CortexM33, 0),
    ("MAX32", Core::CortexM4F, XIP),
];

impl Board {
    /// Returns a board with any Cortex-M, from its chip's name in probe-rs and its memory in bytes. It has no HAL: its
    /// clock stays as it is after reset.
    ///
    /// # Errors
    ///
    /// [`UnknownChip`] if the name does not show the core, or is no name.
    pub fn generic(chip: &str, flash: u64, ram: u64) -> Result<Self, UnknownChip> {
        let starts = |prefix: &str| chip.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        let plain = chip.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        let Some(&(_, core, origin)) = CHIPS.iter().find(|(prefix, ..)| plain && starts(prefix)) else {
            return Err(UnknownChip { name: chip.to_owned() });
        };
        // The part of a name determines the core. An H7's RAM has another address than that of the others.
        let ram_origin = if starts("STM32H7") { 0x2400_0000 } else { SRAM };
        // A board's name lives as long as the program, and there is one.
        let chip: &'static str = Box::leak(chip.to_owned().into_boxed_str());
        Ok(board("generic", chip, core, flash, ram).at(origin, ram_origin).chip(chip))
    }

    /// Returns whether [`firmware`](crate::firmware) has a project for the board.
    pub fn can_run_projects(&self) -> bool {
        !matches!(self.hal, Hal::Other) && (self.chip.is_some() || self.machine.is_some())
    }
}

/// The name of a chip that does not show the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownChip {
    /// The name.
    pub name: String,
}

impl fmt::Display for UnknownChip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<_> = CHIPS.iter().map(|(prefix, ..)| *prefix).collect();
        write!(
            f,
            "generic:{}: the core of this chip is not known; names that begin with {} are (take one with the same core and \
             change chip and memory map in the project)",
            visible(&self.name),
            known.join(", ")
        )
    }
}

impl std::error::Error for UnknownChip {}

/// The board that is assumed if none is named: any Cortex-M with DSP instructions and at least this memory.
pub const GENERIC: Board =
    board("generic", "any Cortex-M4, M7 or M33 with at least this memory", Core::CortexM4F, 256 * KIB, 64 * KIB);

const UPPER_HALF: &str = "Not run on hardware yet. The upper half of the flash can hold a model file.";
const EXTERNAL: &str = "The PSRAM stands for an external flash chip that holds a model file.";
const RAM_FOR_FLASH: &str = "Parts of its RAM stand for flash and for an external flash chip that holds a model file.";

/// All boards, in the order of the help text.
pub const BOARDS: &[Board] = &[
    board("pico", "Raspberry Pi Pico (RP2040)", Core::CortexM0Plus, 2 * MIB, 264 * KIB)
        .at(XIP, SRAM)
        .hal(Hal::Rp)
        .chip("RP2040")
        .partition(MIB),
    board("pico2", "Raspberry Pi Pico 2 (RP2350)", Core::CortexM33, 4 * MIB, 520 * KIB)
        .at(XIP, SRAM)
        .hal(Hal::Other)
        .chip("RP235x")
        .partition(2 * MIB),
    board("microbit", "BBC micro:bit, first version (nRF51822)", Core::CortexM0, 256 * KIB, 16 * KIB)
        .chip("nRF51822_xxAA")
        .emulated("microbit", 16_000_000)
        .partition(96 * KIB)
        .note("Run on the emulator only: the chip has no SysTick timer, which the firmware uses to count."),
    board("microbit-v2", "BBC micro:bit v2 (nRF52833)", Core::CortexM4F, 512 * KIB, 128 * KIB)
        .hal(Hal::Nrf)
        .chip("nRF52833_xxAA")
        .partition(256 * KIB),
    board("nrf52840-dk", "Nordic nRF52840-DK (nRF52840)", Core::CortexM4F, MIB, 256 * KIB)
        .hal(Hal::Nrf)
        .chip("nRF52840_xxAA")
        .partition(512 * KIB)
        .note(UPPER_HALF),
    board("nucleo-f401re", "ST Nucleo-F401RE (STM32F401RE)", Core::CortexM4F, 512 * KIB, 96 * KIB)
        .at(STM32, SRAM)
        .chip("STM32F401RETx")
        .partition(256 * KIB),
    board("nucleo-f411re", "ST Nucleo-F411RE (STM32F411RE)", Core::CortexM4F, 512 * KIB, 128 * KIB)
        .at(STM32, SRAM)
        .chip("STM32F411RETx")
        .partition(256 * KIB),
    // Without the 64 KiB that only the core reaches.
    board("nucleo-f429zi", "ST Nucleo-F429ZI (STM32F429ZI)", Core::CortexM4F, 2 * MIB, 192 * KIB)
        .at(STM32, SRAM)
        .chip("STM32F429ZITx")
        .partition(MIB)
        .note(UPPER_HALF),
    board("stm32f407g-disc1", "ST STM32F4 Discovery (STM32F407VG)", Core::CortexM4F, MIB, 128 * KIB)
        .at(STM32, SRAM)
        .chip("STM32F407VGTx")
        .partition(512 * KIB)
        .note(UPPER_HALF),
    board("stm32vldiscovery", "ST STM32VLDISCOVERY (STM32F100RB)", Core::CortexM3, 128 * KIB, 8 * KIB)
        .at(STM32, SRAM)
        .chip("STM32F100RBTx")
        .emulated("stm32vldiscovery", 24_000_000)
        .note("Run on the emulator only."),
    board("netduinoplus2", "Netduino Plus 2 (STM32F405RG)", Core::CortexM4F, MIB, 128 * KIB)
        .at(STM32, SRAM)
        .chip("STM32F405RGTx")
        .emulated("netduinoplus2", 168_000_000)
        .partition(512 * KIB)
        .note("Run on the emulator only. The upper half of the flash can hold a model file."),
    // The AXI SRAM; the tightly coupled memories and the other domains' SRAM are apart from it.
    board("nucleo-h743zi", "ST Nucleo-H743ZI (STM32H743ZI)", Core::CortexM7, 2 * MIB, 512 * KIB)
        .at(STM32, 0x2400_0000)
        .chip("STM32H743ZITx")
        .partition(MIB),
    // Without the RAM that the cache and the boot loader use; esp-hal has their memory maps.
    board("esp32-c3", "Espressif ESP32-C3-DevKitM-1 (ESP32-C3)", Core::Rv32imc, 4 * MIB, 320 * KIB)
        .at(0x4200_0000, 0x3FC8_0000)
        .hal(Hal::Other)
        .chip("esp32c3"),
    board("esp32-c6", "Espressif ESP32-C6-DevKitC-1 (ESP32-C6)", Core::Rv32imac, 8 * MIB, 440 * KIB)
        .at(0x4200_0000, 0x4080_0000)
        .hal(Hal::Other)
        .chip("esp32c6"),
    board("mps2-an385", "Arm MPS2 with the AN385 image, as QEMU emulates it", Core::CortexM3, 4 * MIB, 4 * MIB)
        .emulated("mps2-an385", 25_000_000)
        .partition_at(0x2100_0000, 16 * MIB)
        .note(EXTERNAL),
    board("mps2-an386", "Arm MPS2 with the AN386 image, as QEMU emulates it", Core::CortexM4F, 4 * MIB, 4 * MIB)
        .emulated("mps2-an386", 25_000_000)
        .partition_at(0x2100_0000, 16 * MIB)
        .note(EXTERNAL),
    board("mps2-an500", "Arm MPS2 with the AN500 image, as QEMU emulates it", Core::CortexM7, 4 * MIB, 4 * MIB)
        .emulated("mps2-an500", 25_000_000)
        .partition_at(0x6000_0000, 16 * MIB)
        .note(EXTERNAL),
    board("mps2-an505", "Arm MPS2 with the AN505 image, as QEMU emulates it", Core::CortexM33, 4 * MIB, 4 * MIB)
        .at(0x1000_0000, 0x3800_0000)
        .emulated("mps2-an505", 20_000_000)
        .partition_at(0x8000_0000, 16 * MIB)
        .note(EXTERNAL),
    board("mps2-f429", "The memory of an STM32F429 on the emulator", Core::CortexM4F, 2 * MIB, 192 * KIB)
        .emulated("mps2-an386", 25_000_000)
        .partition(1979 * KIB)
        .note("To see that a network fits. All flash but the first 69 KiB holds a model file."),
    board("mps3-an547", "Arm MPS3 with the AN547 image, as QEMU emulates it", Core::CortexM55, 512 * KIB, 512 * KIB)
        .at(0x1000_0000, 0x3000_0000)
        .hal(Hal::Other)
        .emulated("mps3-an547", 32_000_000)
        .partition_at(0x7000_0000, 16 * MIB)
        .note("A part of its DDR4 memory stands for an external flash chip that holds a model file."),
    board("riscv32-virt", "QEMU's machine virt with one RV32IMAC core", Core::Rv32imac, 4 * MIB, 4 * MIB)
        .at(0x8000_0000, 0x8040_0000)
        .hal(Hal::Other)
        .emulated("virt", 10_000_000)
        .partition_at(0x8100_0000, 16 * MIB)
        .note(RAM_FOR_FLASH),
    board("riscv32imc-virt", "QEMU's machine virt with one RV32IMC core", Core::Rv32imc, 4 * MIB, 4 * MIB)
        .at(0x8000_0000, 0x8040_0000)
        .hal(Hal::Other)
        .emulated("virt", 10_000_000)
        .partition_at(0x8100_0000, 16 * MIB)
        .note(RAM_FOR_FLASH),
    GENERIC,
];
