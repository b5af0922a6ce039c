//! The parts of a project for each hardware abstraction layer: dependencies, linker scripts, and items of `board.rs`.

use crate::boards::{Board, Hal};

/// The parts of a project that depend on the hardware abstraction layer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts {
    /// The entries of `[dependencies]` beside those of every project.
    pub dependencies: &'static str,
    /// Arguments for the linker.
    pub link: &'static [&'static str],
    /// Bytes of code and constants beside the model and the images, measured and rounded up.
    pub code: u64,
    /// Bytes of RAM for the stack and for statics beside the network's, measured and rounded up.
    pub ram: u64,
}

const KIB: u64 = 1024;

const DEFMT: &str = "defmt = \"1\"
defmt-rtt = \"1\"
panic-probe = { version = \"1\", features = [\"print-defmt\"] }
";

/// Returns the entries for the log, the same for each HAL on a Cortex-M.
pub(super) const fn defmt() -> &'static str {
    DEFMT
}

impl Parts {
    pub fn of(board: &Board) -> Self {
        match board.hal {
            Hal::Rp => Self {
                dependencies: "cortex-m = \"0.7\"\n",
                link: &["-Tlink.x", "-Tlink-rp.x", "-Tdefmt.x"],
                code: 64 * KIB,
                ram: 8 * KIB,
            },
            Hal::Nrf => Self {
                dependencies: "cortex-m = { version = \"0.7\", features = [\"critical-section-single-core\"] }\n",
                link: &["-Tlink.x", "-Tdefmt.x"],
                code: 64 * KIB,
                ram: 8 * KIB,
            },
            Hal::CortexM | Hal::Other => Self {
                dependencies: "cortex-m = { version = \"0.7\", features = [\"critical-section-single-core\"] }\n",
                link: &["-Tlink.x"],
                code: 48 * KIB,
                ram: 2 * KIB,
            },
        }
    }
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
    pub init: &'static str,
    /// The serial port: the type of its half that sends, an expression that makes it, and where it comes out.
    pub serial: (&'static str, String, &'static str),
    /// The core's clock in MHz after the set-up.
    pub mhz: u32,
}

impl Embassy {
    /// Returns the parts for a board, if it is set up by a HAL of Embassy.
    pub fn of(board: &Board) -> Option<Self> {
        match board.hal {
            Hal::Rp => Some(Self::rp()),
            Hal::Nrf => Some(Self::nrf(board)),
            _ => None,
        }
    }

    fn rp() -> Self {
        Self {
            dependency: "embassy-rp = { version = \"0.10\", features = [\"rp2040\", \"critical-section-impl\", \"time-driver\"] }\n"
                .to_owned(),
            uses: "use embassy_rp::uart::{Blocking, Config, UartTx};\n",
            before: "",
            init: "let hal = embassy_rp::init(embassy_rp::config::Config::default());",
            serial: (
                "UartTx<'static, Blocking>",
                "UartTx::new_blocking(hal.UART0, hal.PIN_0, Config::default())".to_owned(),
                "UART 0 on GP0 (pin 1), 115,200 baud",
            ),
            mhz: 125,
        }
    }

    fn nrf(board: &Board) -> Self {
        let (chip, pin, place) = match board.name {
            "microbit-v2" => ("nrf52833", "P0_06", "the USB serial port of the micro:bit, 115,200 baud"),
            _ => ("nrf52840", "P0_06", "the USB serial port of the on-board debugger, 115,200 baud"),
        };
        Self {
            dependency: format!("embassy-nrf = {{ version = \"0.11\", features = [\"{chip}\"] }}\n"),
            uses: "use embassy_nrf::uarte::{Config, InterruptHandler, UarteTx};\nuse embassy_nrf::{bind_interrupts, peripherals};\n",
            before: "\nbind_interrupts!(struct Interrupts {\n    UARTE0 => InterruptHandler<peripherals::UARTE0>;\n});\n",
            init: "let hal = embassy_nrf::init(embassy_nrf::config::Config::default());",
            serial: (
                "UarteTx<'static>",
                format!("UarteTx::new(hal.UARTE0, Interrupts, hal.{pin}, Config::default())"),
                place,
            ),
            mhz: 64,
        }
    }
}
