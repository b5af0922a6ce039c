//! Memory maps for the linker.

use std::fmt::Write;

use super::{Board, Core, Hal};
use crate::support::text::bytes;

impl Board {
    /// Returns the bytes at the beginning of flash that hold a second boot stage.
    pub const fn boot_stage(&self) -> u64 {
        if matches!(self.hal, Hal::Rp) && matches!(self.core, Core::CortexM0Plus) { 256 } else { 0 }
    }

    /// Returns the flash in bytes that code, constants and, without a partition, the model share.
    pub const fn program_flash(&self, partition: bool) -> u64 {
        let flash = self.flash - self.boot_stage();
        match self.models {
            Some((start, length)) if partition && start < self.flash_origin + self.flash => flash - length,
            _ => flash,
        }
    }

    /// Returns the linker's `MEMORY` command. With `partition`, a region `MODELS` holds a model file.
    pub fn memory_map(&self, partition: bool) -> String {
        let mut map = "MEMORY\n{\n".to_owned();
        let mut region = |name: &str, origin: u64, length: u64| {
            // Writing to a String cannot fail.
            let _ = writeln!(map, "  {name:<6} : ORIGIN = {origin:#010x}, LENGTH = {}", linker_length(length));
        };
        let boot = self.boot_stage();
        if boot > 0 {
            region("BOOT2", self.flash_origin, boot);
        }
        region("FLASH", self.flash_origin + boot, self.program_flash(partition));
        if let Some((origin, length)) = self.models.filter(|_| partition) {
            region("MODELS", origin, length);
        }
        region("RAM", self.ram_origin, self.ram);
        map.push_str("}\n");
        map
    }

    /// Returns the board's file in `nin-embedded/boards`: the memory map with a partition, below a comment with the
    /// fields that the scripts there read.
    pub fn described_map(&self) -> String {
        let Self { title, core, flash, ram, .. } = self;
        let mut map = format!("/* {title}: {core}, {} of flash, {} of RAM.\n", bytes(*flash), bytes(*ram));
        map.push_str(" * Written from nin-train/src/boards/table.rs: change it there.\n");
        let mut line = |text: &str| {
            map.push_str(" *");
            map.push_str(if text.is_empty() { "" } else { " " });
            map.push_str(text);
            map.push('\n');
        };
        if !self.note.is_empty() {
            line(self.note);
        }
        line("");
        line(&format!("target: {}", core.target()));
        if let Some(cpu) = core.cpu() {
            line(&format!("cpu: {cpu}"));
        }
        if let Some(machine) = self.machine {
            line(&format!("qemu: {}", machine.name));
            line(&format!("systick: {}", machine.timer));
        }
        // A program beside the largest partition is built for size.
        if self.program_flash(true) <= 72 * 1024 {
            line("optimise: z");
        }
        if let Some(chip) = self.chip {
            line(&format!("chip: {chip}"));
        }
        map.push_str(" */\n");
        map.push_str(&self.memory_map(true));
        map
    }
}

/// Returns a length as linker scripts write it.
fn linker_length(bytes: u64) -> String {
    const KIB: u64 = 1024;
    const MIB: u64 = 1024 * KIB;
    match bytes {
        _ if bytes.is_multiple_of(MIB) => format!("{}M", bytes / MIB),
        _ if bytes.is_multiple_of(KIB) => format!("{}K", bytes / KIB),
        _ => bytes.to_string(),
    }
}
