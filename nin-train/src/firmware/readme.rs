//! The project's README.

use std::fmt::Write;

use super::hal::Embassy;
use super::manifest::emulator;
use super::{Fit, Project, Rows};
use crate::boards::{Core, Hal};
use crate::support::text::{bytes, grouped, one_line, visible};

/// Returns README.md.
pub(super) fn readme(project: &Project<'_>) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut text, project);
    text
}

fn write(text: &mut String, project: &Project<'_>) -> std::fmt::Result {
    let Project { board, plan, samples, .. } = project;
    let target = board.core.target();
    let (count, right) = (samples.len(), samples.right);
    writeln!(text, "# {}\n", project.name)?;
    writeln!(text, "An image classifier for {} ({}).", board.title, board.core)?;
    writeln!(text, "Written by nin-train {} with this command:\n", env!("CARGO_PKG_VERSION"))?;
    writeln!(text, "    {}\n", visible(&one_line(&project.command)))?;

    writeln!(text, "## Run it\n")?;
    writeln!(text, "```sh\nrustup target add {target}")?;
    match (board.hal, board.chip) {
        (Hal::Esp, _) => writeln!(text, "cargo install espflash           # flashes the board and prints its log")?,
        (_, Some(_)) => {
            if project.flip_link {
                writeln!(
                    text,
                    "cargo install flip-link          # the linker, which places the stack below the statics"
                )?;
            }
            writeln!(text, "cargo install probe-rs-tools     # flashes the board and prints its log")?;
        }
        (_, None) => writeln!(text, "# install the emulator, {}", emulator(board))?,
    }
    writeln!(text, "cargo run --release\n```\n")?;
    writeln!(
        text,
        "A current stable Rust builds it. A compiler without rustup, as Debian packages it, has to build `core`\n\
         itself from the sources of the standard library, and needs the linker of the package `lld`:\n\n\
         ```sh\nexport CARGO_TARGET_{}_LINKER=ld.lld\n\
         RUSTC_BOOTSTRAP=1 cargo run --release -Zbuild-std=core\n```\n",
        board.core.target().to_uppercase().replace(['-', '.'], "_")
    )?;
    if board.chip.is_some() && board.machine.is_some() {
        writeln!(text, "`cargo qemu` runs the same program on the emulator (install {}).\n", emulator(board))?;
    }
    if project.partition {
        partition(text, project)?;
    }
    writeln!(text, "Expected output:\n\n```text")?;
    writeln!(text, "nin: {count} images on {}", board.name)?;
    writeln!(text, "…\n{count} of {count} as on the host, bit for bit")?;
    writeln!(text, "{right} of {count} answers right, at most … us for an image")?;
    writeln!(text, "RAM: {} bytes of state in … of statics, … of stack\n```\n", project.state())?;
    log(text, project)?;

    let fit = Fit::new(project);
    writeln!(text, "## Figures\n")?;
    writeln!(text, "`{}`\n", plan.spec())?;
    writeln!(text, "| what | figure |\n| --- | --: |")?;
    writeln!(text, "| parameters | {} |", grouped(plan.parameters() as u64))?;
    writeln!(text, "| multiply-accumulates for an image | {} |", grouped(plan.macs()))?;
    writeln!(text, "| model file ({} weights) | {} |", project.weight_type.name(), bytes(fit.model))?;
    writeln!(text, "| {count} test images with their logits | {} |", bytes(fit.images))?;
    writeln!(text, "| code, at most | {} |", bytes(fit.code))?;
    writeln!(text, "| flash for the program | {} |", bytes(fit.flash))?;
    writeln!(text, "| working memory | {} |", bytes(fit.state))?;
    writeln!(text, "| stack and other statics, at most | {} |", bytes(fit.stack))?;
    writeln!(text, "| RAM of the board | {} |\n", bytes(board.ram))?;

    writeln!(text, "## Change it\n")?;
    writeln!(text, "| file | content |\n| --- | --- |")?;
    match project.rows {
        Rows::Memory => writeln!(text, "| `src/main.rs` | the program; put your camera's code into `read_row` |")?,
        Rows::Camera => {
            writeln!(text, "| `src/main.rs` | the program: takes rows from the queue while the network computes |")?;
            writeln!(text, "| `src/camera.rs` | the interrupt that fills the queue: put your camera's code here |")?;
        }
    }
    writeln!(text, "| `src/board.rs` | clocks, pins, log |")?;
    writeln!(text, "| `src/clock.rs` | time, from the core's timer |")?;
    writeln!(text, "| `src/memory.rs` | RAM in use |")?;
    writeln!(text, "| `src/model.rs` | the network: its line and its working memory |")?;
    if project.partition {
        writeln!(text, "| `model.nin` | the model file, for the flash partition |")?;
    } else {
        writeln!(text, "| `model.nin` | the model file; another one of the same line can replace it |")?;
    }
    writeln!(text, "| `src/samples.rs`, `samples.bin` | the test images; a product does not need them |")
}

/// Writes how to flash the model into its partition.
fn partition(text: &mut String, project: &Project<'_>) -> std::fmt::Result {
    let board = project.board;
    let Some((origin, length)) = board.models else { return Ok(()) };
    writeln!(
        text,
        "The model is not part of the program. It is in a flash partition of {}, and another",
        bytes(length)
    )?;
    writeln!(text, "model of the same line can replace it without a new build. Write it there first:\n\n```sh")?;
    if let Some(chip) = board.chip {
        writeln!(text, "probe-rs download --chip {chip} --binary-format bin --base-address {origin:#010x} model.nin")?;
    }
    if board.machine.is_some() {
        writeln!(text, "# on the emulator: add to its command in the runner")?;
        writeln!(text, "-device loader,file=model.nin,addr={origin:#010x},force-raw=on")?;
    }
    writeln!(text, "```\n")
}

/// Writes where the log is printed.
fn log(text: &mut String, project: &Project<'_>) -> std::fmt::Result {
    let board = project.board;
    match Embassy::of(board) {
        Some(embassy) => {
            writeln!(text, "The program logs over RTT if a debugger is attached, and does not need one.")?;
            writeln!(text, "It logs the same text over {}.\n", embassy.place)?;
        }
        None if board.hal == Hal::Esp => writeln!(
            text,
            "The program logs over the chip's own USB port if a computer is connected there, otherwise over UART 0,\n\
             which is the DevKit's other USB port. It does not need either.\n"
        )?,
        None if board.chip.is_some() => writeln!(
            text,
            "The program logs over RTT if a debugger is attached, and does not need one. Times are computed from SysTick's\n\
             cycles and the clock frequency in `src/clock.rs`.\n"
        )?,
        _ => writeln!(
            text,
            "The emulator executes 1,000 instructions in each microsecond, so that times are the same in each run.\n"
        )?,
    }
    if board.hal == Hal::Rp {
        let elf = format!("target/{}/release/{}", board.core.target(), project.name);
        let (install, load) = match board.core {
            Core::CortexM0Plus => ("`cargo install elf2uf2-rs`", format!("elf2uf2-rs -d {elf}")),
            _ => ("install Raspberry Pi's `picotool`", format!("picotool load -x -t elf {elf}")),
        };
        writeln!(
            text,
            "Without a debugger: {install}, hold BOOTSEL while you connect the board, and run\n`{load}`.\n"
        )?;
    }
    Ok(())
}
