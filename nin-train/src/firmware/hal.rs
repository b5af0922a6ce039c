//! The parts of a project for each hardware abstraction layer: dependencies, linker scripts, and items of `board.rs`.

use nin_core::WeightType;

use super::template::fill;
use crate::boards::{Board, Core, Hal};

/// The parts of a project that depend on the hardware abstraction layer.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    /// The entries of `[dependencies]` for core and HAL.
    pub dependencies: String,
    /// Linker scripts.
    pub link: &'static [&'static str],
    /// Bytes of code and constants beside the model and the images: an upper bound by measurement.
    pub code: u64,
    /// Bytes of RAM for the stack and for statics beside the network's: an upper bound by measurement.
    pub ram: u64,
    /// Symbols of the linker script: start and end of the statics, end (the lowest address) and start of the stack.
    pub symbols: [&'static str; 4],
}

const KIB: u64 = 1024;

/// Symbols of `cortex-m-rt`.
const CORTEX_M_RT: [&str; 4] = ["_ram_start", "__euninit", "_stack_end", "_stack_start"];

const SINGLE_CORE: &str = "cortex-m = { version = \"0.7\", features = [\"critical-section-single-core\"] }\n";
const RT: &str = "cortex-m-rt = \"0.7\"\n";

/// The log over RTT, the same for each HAL on a Cortex-M.
pub(super) const DEFMT: &str = "defmt = \"1\"
defmt-rtt = \"1\"
panic-probe = { version = \"1\", features = [\"print-defmt\"] }
";

/// Returns whether the board's RAM is so small that the log has a smaller buffer.
pub(super) const fn is_small(board: &Board) -> bool {
    board.ram <= 16 * KIB
}

impl Parts {
    /// Returns the parts of a project for a model with these weights.
    pub fn with(board: &Board, weights: WeightType, partition: bool) -> Self {
        let mut parts = Self::of(board);
        if weights.has_zero_points() {
            // Kernels for zero points, depthwise convolutions and shortcuts, and their stack.
            let (code, narrow) = match board.core {
                Core::CortexM55 => (32, 12),
                core if core.has_dsp() => (28, 12),
                _ => (14, 4),
            };
            parts.code += code * KIB;
            if weights.is_narrow() {
                parts.code += narrow * KIB;
            }
            parts.ram += 3 * KIB / 2;
        }
        if partition {
            // The model is checked on the board, not while the program compiles.
            parts.code += 32 * KIB;
            parts.ram += 6 * KIB;
        }
        parts
    }

    /// Returns the parts of a project for 8-bit or 4-bit weights without zero points, with the model in the program.
    pub fn of(board: &Board) -> Self {
        let embassy = || Embassy::of(board).map_or_else(String::new, |embassy| embassy.dependency);
        match board.hal {
            Hal::Rp => Self {
                // The HAL brings critical sections for two cores.
                dependencies: format!("cortex-m = \"0.7\"\n{RT}{DEFMT}{}", embassy()),
                link: if board.boot_stage() > 0 { &["link.x", "link-rp.x", "defmt.x"] } else { &["link.x", "defmt.x"] },
                code: 80 * KIB,
                ram: 12 * KIB,
                symbols: CORTEX_M_RT,
            },
            Hal::Nrf | Hal::Stm32 => Self {
                dependencies: format!("{SINGLE_CORE}{RT}{DEFMT}{}", embassy()),
                link: &["link.x", "defmt.x"],
                code: 56 * KIB,
                ram: 6 * KIB,
                symbols: CORTEX_M_RT,
            },
            Hal::CortexM => Self {
                dependencies: format!("{SINGLE_CORE}{RT}"),
                link: &["link.x"],
                code: 48 * KIB,
                // The log over RTT has a buffer, and the kernels for Helium keep vectors on the stack.
                ram: match board.core {
                    Core::CortexM55 => 6 * KIB,
                    _ if board.chip.is_some() && !is_small(board) => 35 * KIB / 8,
                    _ => 27 * KIB / 8,
                },
                symbols: CORTEX_M_RT,
            },
            Hal::Esp => Self {
                dependencies: esp(board.chip.unwrap_or_default()),
                link: &["linkall.x"],
                code: 88 * KIB,
                ram: 32 * KIB,
                // The stack's end is guarded; what is below belongs to nobody.
                symbols: ["_data_start", "_bss_end", "__stack_chk_guard", "_stack_start"],
            },
            Hal::RiscV => Self {
                dependencies: "riscv = { version = \"0.16\", features = [\"critical-section-single-hart\"] }
riscv-rt = { version = \"0.18\", features = [\"single-hart\"] }
semihosting = { version = \"0.1\", features = [\"stdio\"] }
"
                .to_owned(),
                link: &["memory.x", "link.x"],
                code: 48 * KIB,
                ram: 4 * KIB,
                symbols: ["__sdata", "__ebss", "__euninit", "_stack_start"],
            },
        }
    }
}

fn esp(chip: &str) -> String {
    let crates =
        [("esp-hal", "1.1", "\", \"unstable"), ("esp-bootloader-esp-idf", "0.6", ""), ("esp-println", "0.18", "")];
    crates
        .map(|(name, version, more)| format!("{name} = {{ version = \"{version}\", features = [\"{chip}{more}\"] }}\n"))
        .concat()
}

/// The parts of `board.rs` for a board with a HAL of Embassy.
#[derive(Clone, Debug)]
pub(super) struct Embassy {
    /// The HAL's entry in `[dependencies]`.
    pub dependency: String,
    pub uses: &'static str,
    /// Items before the type `Board`.
    pub before: &'static str,
    /// Statements that set the HAL up.
    pub init: String,
    /// The type of the serial port's half that sends.
    pub port: &'static str,
    /// An expression that makes it.
    pub new: String,
    /// Where it comes out.
    pub place: &'static str,
    /// Statements that log a text elsewhere too.
    pub more: &'static str,
}

impl Embassy {
    /// Returns the parts for a board, if it is set up by a HAL of Embassy.
    pub fn of(board: &Board) -> Option<Self> {
        match board.hal {
            Hal::Rp => Some(Self::rp(board.core)),
            Hal::Nrf => Some(Self::nrf(board)),
            Hal::Stm32 => Some(Self::stm32(board)),
            Hal::CortexM | Hal::Esp | Hal::RiscV => None,
        }
    }

    fn rp(core: Core) -> Self {
        let chip = if core == Core::CortexM0Plus { "rp2040" } else { "rp235xa" };
        Self {
            dependency: format!(
                "embassy-executor = {{ version = \"0.10\", features = [\"executor-interrupt\", \"platform-cortex-m\"] }}
embassy-rp = {{ version = \"0.10\", features = [\"{chip}\", \"critical-section-impl\", \"time-driver\"] }}
embassy-usb-logger = \"0.6\"
log = \"0.4\"
"
            ),
            uses: "use embassy_executor::InterruptExecutor;
use embassy_rp::interrupt;
use embassy_rp::peripherals::USB;
use embassy_rp::uart::{Blocking, Config, UartTx};
use embassy_rp::{bind_interrupts, usb};
",
            before: include_str!("templates/usb_rp.rs"),
            init: include_str!("templates/init_rp.rs").trim().to_owned(),
            port: "UartTx<'static, Blocking>",
            new: "UartTx::new_blocking(hal.UART0, hal.PIN_0, Config::default())".to_owned(),
            place: "the USB port (2 KiB wait for a listener) and UART 0 on GP0 (pin 1), 115,200 baud",
            more: "        log::info!(\"{text}\");\n",
        }
    }

    fn nrf(board: &Board) -> Self {
        let (chip, place) = match board.name {
            "microbit-v2" => ("nrf52833", "the USB serial port of the micro:bit, 115,200 baud"),
            _ => ("nrf52840", "the USB serial port of the on-board debugger, 115,200 baud"),
        };
        Self {
            dependency: format!("embassy-nrf = {{ version = \"0.11\", features = [\"{chip}\"] }}\n"),
            uses: "use embassy_nrf::uarte::{Config, InterruptHandler, UarteTx};
use embassy_nrf::{bind_interrupts, peripherals};
",
            before: "
bind_interrupts!(struct Interrupts {
    UARTE0 => InterruptHandler<peripherals::UARTE0>;
});
",
            init: "let hal = embassy_nrf::init(embassy_nrf::config::Config::default());".to_owned(),
            port: "UarteTx<'static>",
            new: "UarteTx::new(hal.UARTE0, Interrupts, hal.P0_06, Config::default())".to_owned(),
            place,
            more: "",
        }
    }

    fn stm32(board: &Board) -> Self {
        const LINK: &str = "the USB serial port of the on-board ST-LINK, 115,200 baud";
        // The oscillator of 16 MHz, divided by 16, times MUL, divided by P.
        let f4 = |mul: &str, p: &str, apb1: &str, apb2: &str| {
            let values = [("mul", mul), ("p", p), ("apb1", apb1), ("apb2", apb2)];
            fill(include_str!("templates/init_stm32f4.rs"), &values)
        };
        let (chip, init, usart, pin, place) = match board.name {
            "nucleo-f401re" => ("stm32f401re", f4("MUL336", "DIV4", "DIV2", "DIV1"), "USART2", "PA2", LINK),
            "nucleo-f411re" => ("stm32f411re", f4("MUL384", "DIV4", "DIV2", "DIV1"), "USART2", "PA2", LINK),
            "nucleo-f429zi" => ("stm32f429zi", f4("MUL336", "DIV2", "DIV4", "DIV2"), "USART3", "PD8", LINK),
            "nucleo-h743zi" => {
                ("stm32h743zi", include_str!("templates/init_stm32h7.rs").to_owned(), "USART3", "PD8", LINK)
            }
            _ => ("stm32f407vg", f4("MUL336", "DIV2", "DIV4", "DIV2"), "USART2", "PA2", "USART 2 on PA2, 115,200 baud"),
        };
        Self {
            dependency: format!("embassy-stm32 = {{ version = \"0.6\", features = [\"{chip}\", \"unstable-pac\"] }}\n"),
            uses: "use embassy_stm32::mode::Blocking;
use embassy_stm32::rcc::*;
use embassy_stm32::usart::{Config, UartTx};
",
            before: "",
            init: init.trim().to_owned(),
            port: "UartTx<'static, Blocking>",
            new: format!(
                "UartTx::new_blocking(hal.{usart}, hal.{pin}, Config::default()).expect(\"a port has 115,200 baud\")"
            ),
            place,
            more: "",
        }
    }
}
