//! The cores of the boards.

use std::fmt;

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
    /// Cortex-M55 with Helium and an FPU.
    CortexM55,
    /// RISC-V, RV32IMC: no atomic instructions.
    Rv32imc,
    /// RISC-V, RV32IMAC.
    Rv32imac,
}

impl Core {
    /// The cores of Arm, from the smallest.
    pub const ARM: [Self; 7] = [
        Self::CortexM0,
        Self::CortexM0Plus,
        Self::CortexM3,
        Self::CortexM4F,
        Self::CortexM7,
        Self::CortexM33,
        Self::CortexM55,
    ];

    /// Returns the core's name as its vendor writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CortexM0 => "Cortex-M0",
            Self::CortexM0Plus => "Cortex-M0+",
            Self::CortexM3 => "Cortex-M3",
            Self::CortexM4F => "Cortex-M4F",
            Self::CortexM7 => "Cortex-M7",
            Self::CortexM33 => "Cortex-M33",
            Self::CortexM55 => "Cortex-M55",
            Self::Rv32imc => "RISC-V RV32IMC",
            Self::Rv32imac => "RISC-V RV32IMAC",
        }
    }

    /// Returns the compiler's name of the target.
    pub const fn target(self) -> &'static str {
        match self {
            Self::CortexM0 | Self::CortexM0Plus => "thumbv6m-none-eabi",
            Self::CortexM3 => "thumbv7m-none-eabi",
            Self::CortexM4F | Self::CortexM7 => "thumbv7em-none-eabihf",
            Self::CortexM33 | Self::CortexM55 => "thumbv8m.main-none-eabihf",
            Self::Rv32imc => "riscv32imc-unknown-none-elf",
            Self::Rv32imac => "riscv32imac-unknown-none-elf",
        }
    }

    /// Returns the core's name for `-C target-cpu`, if the target alone does not imply its DSP instructions or Helium.
    pub const fn cpu(self) -> Option<&'static str> {
        match self {
            Self::CortexM33 => Some("cortex-m33"),
            Self::CortexM55 => Some("cortex-m55"),
            _ => None,
        }
    }

    /// Returns whether the core is an Arm Cortex-M.
    pub const fn is_arm(self) -> bool {
        !matches!(self, Self::Rv32imc | Self::Rv32imac)
    }

    /// Returns whether the core can exchange values in memory atomically.
    pub const fn has_atomics(self) -> bool {
        !matches!(self, Self::CortexM0 | Self::CortexM0Plus | Self::Rv32imc)
    }

    /// Returns whether the best kernels of the core are those with DSP instructions, which multiply pairs of 16-bit
    /// integers. A Cortex-M55 has these instructions, but Helium is faster.
    pub const fn has_dsp(self) -> bool {
        matches!(self, Self::CortexM4F | Self::CortexM7 | Self::CortexM33)
    }
}

impl fmt::Display for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
