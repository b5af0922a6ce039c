//! The table of boards.

use super::core::Core;
use super::{Board, Hal, Machine};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// Where a Cortex-M has its RAM.
pub(super) const SRAM: u64 = 0x2000_0000;
/// Where an STM32 has its flash.
pub(super) const STM32: u64 = 0x0800_0000;
/// Where a Raspberry Pi chip maps its external flash.
const XIP: u64 = 0x1000_0000;

/// A board without a HAL, with its flash at 0 and its RAM where a Cortex-M has it.
pub(super) const fn board(name: &'static str, title: &'static str, core: Core, flash: u64, ram: u64) -> Board {
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
        khz: 0,
        note: "",
    }
}

impl Board {
    pub(super) const fn at(self, flash_origin: u64, ram_origin: u64) -> Self {
        Self { flash_origin, ram_origin, ..self }
    }

    pub(super) const fn chip(self, name: &'static str) -> Self {
        Self { chip: Some(name), ..self }
    }

    const fn hal(self, hal: Hal) -> Self {
        Self { hal, ..self }
    }

    /// With the core's clock in kHz: as its HAL sets it, or as it is after reset.
    pub(super) const fn khz(self, khz: u32) -> Self {
        Self { khz, ..self }
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
        .khz(125_000)
        .chip("RP2040")
        .partition(MIB),
    board("pico2", "Raspberry Pi Pico 2 (RP2350)", Core::CortexM33, 4 * MIB, 520 * KIB)
        .at(XIP, SRAM)
        .hal(Hal::Rp)
        .khz(150_000)
        .chip("RP235x")
        .partition(2 * MIB),
    board("microbit", "BBC micro:bit, first version (nRF51822)", Core::CortexM0, 256 * KIB, 16 * KIB)
        .emulated("microbit", 16_000_000)
        .partition(96 * KIB)
        .note("For the emulator only: the chip has no SysTick timer, which the firmware uses to count."),
    board("microbit-v2", "BBC micro:bit v2 (nRF52833)", Core::CortexM4F, 512 * KIB, 128 * KIB)
        .hal(Hal::Nrf)
        .khz(64_000)
        .chip("nRF52833_xxAA")
        .partition(256 * KIB),
    board("nrf52840-dk", "Nordic nRF52840-DK (nRF52840)", Core::CortexM4F, MIB, 256 * KIB)
        .hal(Hal::Nrf)
        .khz(64_000)
        .chip("nRF52840_xxAA")
        .partition(512 * KIB)
        .note(UPPER_HALF),
    board("nucleo-f401re", "ST Nucleo-F401RE (STM32F401RE)", Core::CortexM4F, 512 * KIB, 96 * KIB)
        .at(STM32, SRAM)
        .hal(Hal::Stm32)
        .khz(84_000)
        .chip("STM32F401RETx")
        .partition(256 * KIB),
    board("nucleo-f411re", "ST Nucleo-F411RE (STM32F411RE)", Core::CortexM4F, 512 * KIB, 128 * KIB)
        .at(STM32, SRAM)
        .hal(Hal::Stm32)
        .khz(96_000)
        .chip("STM32F411RETx")
        .partition(256 * KIB),
    // Without the 64 KiB that only the core reaches.
    board("nucleo-f429zi", "ST Nucleo-F429ZI (STM32F429ZI)", Core::CortexM4F, 2 * MIB, 192 * KIB)
        .at(STM32, SRAM)
        .hal(Hal::Stm32)
        .khz(168_000)
        .chip("STM32F429ZITx")
        .partition(MIB)
        .note(UPPER_HALF),
    board("stm32f407g-disc1", "ST STM32F4 Discovery (STM32F407VG)", Core::CortexM4F, MIB, 128 * KIB)
        .at(STM32, SRAM)
        .hal(Hal::Stm32)
        .khz(168_000)
        .chip("STM32F407VGTx")
        .partition(512 * KIB)
        .note(UPPER_HALF),
    board("stm32vldiscovery", "ST STM32VLDISCOVERY (STM32F100RB)", Core::CortexM3, 128 * KIB, 8 * KIB)
        .at(STM32, SRAM)
        .khz(8_000)
        .chip("STM32F100RBTx")
        .emulated("stm32vldiscovery", 24_000_000)
        .note("Run on the emulator only."),
    board("netduinoplus2", "Netduino Plus 2 (STM32F405RG)", Core::CortexM4F, MIB, 128 * KIB)
        .at(STM32, SRAM)
        .khz(16_000)
        .chip("STM32F405RGTx")
        .emulated("netduinoplus2", 168_000_000)
        .partition(512 * KIB)
        .note("Run on the emulator only. The upper half of the flash can hold a model file."),
    // The AXI SRAM; the tightly coupled memories and the other domains' SRAM are apart from it.
    board("nucleo-h743zi", "ST Nucleo-H743ZI (STM32H743ZI)", Core::CortexM7, 2 * MIB, 512 * KIB)
        .at(STM32, 0x2400_0000)
        .hal(Hal::Stm32)
        .khz(400_000)
        .chip("STM32H743ZITx")
        .partition(MIB),
    // Flash is the application partition that espflash writes. RAM is without what the cache and the boot loader use.
    board("esp32-c3", "Espressif ESP32-C3-DevKitM-1 (ESP32-C3)", Core::Rv32imc, 4032 * KIB, 313 * KIB)
        .at(0x4200_0000, 0x3FC8_0000)
        .hal(Hal::Esp)
        .khz(160_000)
        .chip("esp32c3"),
    board("esp32-c6", "Espressif ESP32-C6-DevKitC-1 (ESP32-C6)", Core::Rv32imac, 4032 * KIB, 441 * KIB)
        .at(0x4200_0000, 0x4080_0000)
        .hal(Hal::Esp)
        .khz(160_000)
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
        .emulated("mps3-an547", 32_000_000)
        .partition_at(0x7000_0000, 16 * MIB)
        .note("A part of its DDR4 memory stands for an external flash chip that holds a model file."),
    board("riscv32-virt", "QEMU's machine virt with one RV32IMAC core", Core::Rv32imac, 4 * MIB, 4 * MIB)
        .at(0x8000_0000, 0x8040_0000)
        .hal(Hal::RiscV)
        .emulated("virt", 10_000_000)
        .partition_at(0x8100_0000, 16 * MIB)
        .note(RAM_FOR_FLASH),
    board("riscv32imc-virt", "QEMU's machine virt with one RV32IMC core", Core::Rv32imc, 4 * MIB, 4 * MIB)
        .at(0x8000_0000, 0x8040_0000)
        .hal(Hal::RiscV)
        .emulated("virt", 10_000_000)
        .partition_at(0x8100_0000, 16 * MIB)
        .note(RAM_FOR_FLASH),
    GENERIC,
];
