//! What a project needs for each hardware abstraction layer: dependencies, linker scripts, and the parts of `board.rs`.

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
    /// Symbols of the linker script: start and end of the statics, and the end of the stack.
    pub symbols: [&'static str; 3],
}

const KIB: u64 = 1024;
const CORTEX_M_RT: [&str; 3] = ["_ram_start", "__euninit", "_stack_end"];

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
            Hal::RiscV => Self {
                dependencies: "riscv = { version = \"0.16\", features = [\"critical-section-single-hart\"] }
riscv-rt = { version = \"0.18\", features = [\"single-hart\"] }
semihosting = { version = \"0.1\", features = [\"stdio\"] }
",
                link: &["-Tmemory.x", "-Tlink.x"],
                code: 40 * KIB,
                ram: 4 * KIB,
                symbols: ["__sdata", "__ebss", "_estack"],
            },
            Hal::Esp => Self {
                dependencies: "",
                link: &["-Tlinkall.x"],
                code: 128 * KIB,
                ram: 16 * KIB,
                symbols: ["_data_start", "_bss_end", "_stack_end"],
            },
            Hal::Rp => Self {
                dependencies: "cortex-m = \"0.7\"\n",
                link: match board.boot_stage() {
                    0 => &["-Tlink.x", "-Tdefmt.x"],
                    _ => &["-Tlink.x", "-Tlink-rp.x", "-Tdefmt.x"],
                },
                code: 64 * KIB,
                ram: 8 * KIB,
                symbols: CORTEX_M_RT,
            },
            Hal::Nrf | Hal::Stm32 => Self {
                dependencies: "cortex-m = { version = \"0.7\", features = [\"critical-section-single-core\"] }\n",
                link: &["-Tlink.x", "-Tdefmt.x"],
                code: 64 * KIB,
                ram: 8 * KIB,
                symbols: CORTEX_M_RT,
            },
            Hal::CortexM => Self {
                dependencies: "cortex-m = { version = \"0.7\", features = [\"critical-section-single-core\"] }\n",
                link: &["-Tlink.x"],
                code: 48 * KIB,
                ram: 2 * KIB,
                symbols: CORTEX_M_RT,
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
    pub init: String,
    /// The serial port: the type of its half that sends, an expression that makes it, and where it comes out.
    pub serial: Option<(&'static str, String, &'static str)>,
    /// The core's clock in MHz after the set-up.
    pub mhz: u32,
}

impl Embassy {
    /// Returns the parts for a board, if it is set up by a HAL of Embassy.
    pub fn of(board: &Board) -> Option<Self> {
        match board.hal {
            Hal::Rp => Some(Self::rp(board.boot_stage() > 0)),
            Hal::Nrf => Some(Self::nrf(board)),
            Hal::Stm32 => Some(Self::stm32(board)),
            _ => None,
        }
    }

    fn rp(first: bool) -> Self {
        let chip = if first { "rp2040" } else { "rp235xa" };
        Self {
            dependency: format!(
                "embassy-rp = {{ version = \"0.10\", features = [\"{chip}\", \"critical-section-impl\", \"time-driver\"] }}\n"
            ),
            uses: "use embassy_rp::uart::{Blocking, Config, UartTx};\n",
            before: "",
            init: "let hal = embassy_rp::init(embassy_rp::config::Config::default());".to_owned(),
            serial: Some((
                "UartTx<'static, Blocking>",
                "UartTx::new_blocking(hal.UART0, hal.PIN_0, Config::default())".to_owned(),
                "UART 0 on GP0 (pin 1), 115,200 baud",
            )),
            mhz: if first { 125 } else { 150 },
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
            init: "let hal = embassy_nrf::init(embassy_nrf::config::Config::default());".to_owned(),
            serial: Some((
                "UarteTx<'static>",
                format!("UarteTx::new(hal.UARTE0, Interrupts, hal.{pin}, Config::default())"),
                place,
            )),
            mhz: 64,
        }
    }

    fn stm32(board: &Board) -> Self {
        const LINK: &str = "the USB serial port of the on-board ST-LINK, 115,200 baud";
        let f4 = |m: &str, n: &str, p: &str, apb1: &str, apb2: &str| {
            format!(
                "let mut config = embassy_stm32::Config::default();
        // The PLL multiplies the internal oscillator of 16 MHz.
        config.rcc.hsi = true;
        config.rcc.pll_src = PllSource::HSI;
        config.rcc.pll = Some(Pll {{
            prediv: PllPreDiv::{m},
            mul: PllMul::{n},
            divp: Some(PllPDiv::{p}),
            divq: None,
            divr: None,
        }});
        config.rcc.sys = Sysclk::PLL1_P;
        config.rcc.apb1_pre = APBPrescaler::{apb1};
        config.rcc.apb2_pre = APBPrescaler::{apb2};
        let hal = embassy_stm32::init(config);"
            )
        };
        let h7 = "let mut config = embassy_stm32::Config::default();
        // The PLL multiplies the internal oscillator of 64 MHz.
        config.rcc.hsi = Some(HSIPrescaler::DIV1);
        config.rcc.pll1 = Some(Pll {
            source: PllSource::HSI,
            prediv: PllPreDiv::DIV4,
            mul: PllMul::MUL50,
            fracn: None,
            divp: Some(PllDiv::DIV2),
            divq: None,
            divr: None,
        });
        config.rcc.sys = Sysclk::PLL1_P;
        config.rcc.ahb_pre = AHBPrescaler::DIV2;
        config.rcc.apb1_pre = APBPrescaler::DIV2;
        config.rcc.apb2_pre = APBPrescaler::DIV2;
        config.rcc.apb3_pre = APBPrescaler::DIV2;
        config.rcc.apb4_pre = APBPrescaler::DIV2;
        config.rcc.voltage_scale = VoltageScale::Scale1;
        let hal = embassy_stm32::init(config);"
            .to_owned();
        let (chip, mhz, init, port) = match board.name {
            "nucleo-f401re" => {
                ("stm32f401re", 84, f4("DIV16", "MUL336", "DIV4", "DIV2", "DIV1"), Some(("USART2", "PA2")))
            }
            "nucleo-f411re" => {
                ("stm32f411re", 96, f4("DIV16", "MUL384", "DIV4", "DIV2", "DIV1"), Some(("USART2", "PA2")))
            }
            "nucleo-f429zi" => {
                ("stm32f429zi", 168, f4("DIV16", "MUL336", "DIV2", "DIV4", "DIV2"), Some(("USART3", "PD8")))
            }
            "nucleo-h743zi" => ("stm32h743zi", 400, h7, Some(("USART3", "PD8"))),
            _ => ("stm32f407vg", 168, f4("DIV16", "MUL336", "DIV2", "DIV4", "DIV2"), None),
        };
        Self {
            dependency: format!("embassy-stm32 = {{ version = \"0.6\", features = [\"{chip}\"] }}\n"),
            uses: match port {
                Some(_) => {
                    "use embassy_stm32::mode::Blocking;\nuse embassy_stm32::rcc::*;\nuse embassy_stm32::usart::{Config, UartTx};\n"
                }
                None => "use embassy_stm32::rcc::*;\n",
            },
            before: "",
            init: match port {
                Some(_) => init,
                None => init.replace("let hal = ", "let _hal = "),
            },
            serial: port.map(|(port, pin)| {
                let new =
                    format!("UartTx::new_blocking(hal.{port}, hal.{pin}, Config::default()).expect(\"115,200 baud\")");
                ("UartTx<'static, Blocking>", new, LINK)
            }),
            mhz,
        }
    }
}
