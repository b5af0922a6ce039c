//! `nin-train firmware`: writes a cargo project that runs a network on a board.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use nin_core::{Lanes, WeightType};
use nin_train::boards::{BOARDS, Board, Chip, Core, Memory};
use nin_train::engine::streaming::ModelBytes;
use nin_train::firmware::{Engine, FirmwareError, Project, Rows, Samples, lanes};
use nin_train::formats::model_file::{Integers, with_decision};
use nin_train::quantize::{self, Options};
use nin_train::support::files::{self, FileError};
use nin_train::support::text::{bytes, visible_path};
use nin_train::support::threads;

use super::export::command;
use super::images::ImageArgs;
use super::known::Others;
use super::networks::{self, Loaded};
use super::rejection::RejectionArgs;
use super::size::{count, size};
use super::{Console, Outcome, cost, threads_of, word};

/// Flags of `firmware`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  nin-train firmware runs/photos/model.nin --board pico --out my-classifier
  nin-train firmware runs/fashion/model.nin --board mps2-an386 --out emulated
  nin-train firmware runs/fashion/model.nin --board generic:STM32L476RGTx --flash 1M --ram 96K --out nucleo

A float network is quantised to 8 bits on training images, and its threshold for \"none of these\" is found on validation
images; a model file of quantize is used unchanged. The project has test images, which the board classifies first. All
of these are images of the run, unless --data names others. `nin-train firmware --list` lists the boards.")]
pub struct FirmwareArgs {
    /// A model file, checkpoint or safetensors file
    #[arg(value_name = "NETWORK", required_unless_present = "list")]
    network: Option<PathBuf>,

    /// The board, or generic:CHIP for any Cortex-M, with the chip's name in probe-rs
    #[arg(long, value_name = "NAME", required_unless_present = "list")]
    board: Option<String>,

    /// Folder of the project, which must be new or empty
    #[arg(long, value_name = "DIR", required_unless_present = "list")]
    out: Option<PathBuf>,

    /// List the boards
    #[arg(long, exclusive = true)]
    list: bool,

    #[command(flatten)]
    images: ImageArgs,

    /// How rows reach the network
    #[arg(long, value_name = "SOURCE", default_value = "memory")]
    rows: Source,

    /// Put the model into a flash partition of its own, where another one can replace it
    #[arg(long)]
    partition: bool,

    /// Number of test images; fewer if flash is short
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    samples: u32,

    #[command(flatten)]
    rejection: RejectionArgs,

    #[command(flatten)]
    generic: GenericArgs,

    /// Threads [default: one for each processor]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

/// What a generic:CHIP needs beside its name.
#[derive(Args, Debug)]
struct GenericArgs {
    /// Flash of a generic:CHIP: bytes, or with K or M, and its address if the chip's family is not known: 1M@0x08000000
    #[arg(long, value_name = "BYTES", value_parser = memory)]
    flash: Option<Memory>,

    /// RAM of a generic:CHIP, like --flash
    #[arg(long, value_name = "BYTES", value_parser = memory)]
    ram: Option<Memory>,

    /// Core of a generic:CHIP [default: that of the chip's family]
    #[arg(long, value_name = "NAME", value_parser = core)]
    core: Option<Core>,

    /// Clock of a generic:CHIP after reset in Hz, or with K or M [default: that of the chip's family]
    #[arg(long, value_name = "HZ", value_parser = count)]
    clock: Option<u64>,
}

/// `1M` or `1M@0x08000000`: the length of a memory, and its address.
fn memory(text: &str) -> Result<Memory, String> {
    let (length, origin) = text.split_once('@').map_or((text, None), |(length, origin)| (length, Some(origin)));
    let address = |text: &str| {
        let address = text.strip_prefix("0x").and_then(|digits| u32::from_str_radix(digits, 16).ok());
        address
            .map(u64::from)
            .ok_or_else(|| "an address is a hexadecimal number of 32 bits, like 0x08000000".to_owned())
    };
    Ok(Memory { length: size(length)?, origin: origin.map(address).transpose()? })
}

/// `cortex-m4f`: a core of Arm.
fn core(text: &str) -> Result<Core, String> {
    let found = Core::ARM.into_iter().find(|core| core.name().eq_ignore_ascii_case(text));
    found.ok_or_else(|| format!("the cores are {}", Core::ARM.map(|core| core.name().to_lowercase()).join(", ")))
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Source {
    /// The network asks for each row
    Memory,
    /// An interrupt puts rows into a queue
    Camera,
}

/// The number of training images for the calibration, as for `quantize`.
const CALIBRATION: usize = 1000;

/// Writes the project and prints what to type next.
pub fn run(args: &FirmwareArgs, console: &Console) -> Outcome {
    let (Some(network), Some(name), Some(out)) = (&args.network, &args.board, &args.out) else {
        list(console);
        return Ok(());
    };
    let board = chosen(name, &args.generic)?;
    if !board.has_project() {
        return Err(FirmwareError::Board(board.name).into());
    }
    refuse_filled(out)?;
    let package = package_name(out);

    let loaded = networks::load(network)?;
    let on_host = loaded.fast_model()?;
    let host = on_host.model()?;
    let plan = *host.plan();
    let threads = threads_of(args.threads.unwrap_or(0), console);
    cost::check(&host, network, 0, threads, console)?;
    let mut images = match loaded.integers()? {
        // No image is needed to find its integers, and it may come without any.
        Some(Integers::Affine(_)) if loaded.model_file().is_some() && !args.images.are_named() => None,
        _ => Some(loaded.known()?.load(&args.images, plan.spec().input(), Others::Noted, console)?.splits),
    };
    let pool = threads::pool(threads)?;
    let train = images.as_ref().map(|splits| &splits.train);
    let integers = pool.install(|| integers(&loaded, train, console))?;
    // The decision of a model file of integers is that of `quantize` or `import`.
    let has_decision = loaded.stored_type().is_some_and(WeightType::is_integer);
    let decision = match &mut images {
        Some(splits) if !has_decision => args.rejection.decide(&loaded, &integers, splits, &pool, console)?,
        _ => loaded.decision()?,
    };
    let model = integers.to_bytes(lanes(&board)).map_err(FileError::at(network))?;
    let model = with_decision(&model, &decision).map_err(FileError::at(network))?;
    let on_host = ModelBytes::new(&with_decision(&integers.to_bytes(Lanes::Sixteen)?, &decision)?);
    let mut project = Project {
        name: package,
        board: &board,
        rows: match args.rows {
            Source::Memory => Rows::Memory,
            Source::Camera => Rows::Camera,
        },
        partition: args.partition,
        plan,
        weight_type: integers.weight_type(),
        model: &model,
        samples: Samples::default(),
        engine: Engine::here(),
        flip_link: is_installed("flip-link"),
        command: command(),
    };
    let wanted = args.samples as usize;
    // At least one: whether that fits is checked below, with everything else.
    let count = project.room(wanted).max(1);
    let samples = match &images {
        Some(splits) => Samples::new(&on_host.model()?, &splits.test, count),
        None => {
            console.warn(format_args!("no images are named, so the board classifies made-up ones; --data names yours"));
            Samples::made_up(&on_host.model()?, count)
        }
    };
    project.samples = samples.map_err(FileError::at(network))?;
    if project.samples.is_empty() {
        return Err("there is no test image; name images with --dataset or --data".into());
    }
    let fit = project.check()?;
    if count < wanted.min(images.as_ref().map_or(wanted, |splits| splits.test.len())) {
        console.warn(format_args!("only {count} test images fit the flash beside the model"));
    }
    for (path, content) in project.files() {
        let path = out.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(FileError::at(folder))?;
        }
        files::write(&path, &content)?;
    }

    let model_and_images = fit.model + fit.images;
    console.result(format_args!(
        "{}: a project for {}, with a model of {} ({} weights), {} of RAM for the network",
        out.display(),
        board.title,
        bytes(fit.model),
        project.weight_type.name(),
        bytes(fit.state)
    ));
    console.say(format_args!(
        "flash: about {} of {}; RAM: about {} of {}",
        bytes(fit.code + model_and_images),
        bytes(board.flash),
        bytes(fit.state + fit.stack),
        bytes(board.ram)
    ));
    let readme = out.join("README.md");
    console.say(format_args!(
        "\nNext ({} explains it):\n  rustup target add {}\n  cd {}\n  cargo run --release",
        readme.display(),
        board.core.target(),
        word(out)
    ));
    Ok(())
}

/// Prints the boards.
fn list(console: &Console) {
    for board in BOARDS.iter().filter(|board| board.has_project()) {
        console.result(format_args!("{:17} {} ({})", board.name, board.title, board.core));
    }
    console.result(format_args!("{:17} any Cortex-M that probe-rs knows, with --flash and --ram", "generic:CHIP"));
}

/// Returns the board with this name, or the generic board with this chip and memory.
fn chosen(name: &str, given: &GenericArgs) -> Outcome<Board> {
    let &GenericArgs { flash, ram, core, clock } = given;
    if let Some((_, chip)) = name.split_once(':').filter(|(kind, _)| kind.eq_ignore_ascii_case("generic")) {
        let (Some(flash), Some(ram)) = (flash, ram) else {
            return Err(
                format!("{name}: give the chip's memory with --flash and --ram, like --flash 512K --ram 96K").into()
            );
        };
        let khz = match clock.map(|clock| u32::try_from(clock / 1000)).transpose() {
            Ok(Some(0)) | Err(_) => return Err("--clock is in Hz, at least 1K".into()),
            Ok(khz) => khz,
        };
        return Ok(Board::generic(&Chip { name: chip, flash, ram, core, khz })?);
    }
    if flash.is_some() || ram.is_some() || core.is_some() || clock.is_some() {
        return Err(
            format!("--flash, --ram, --core and --clock are for generic:CHIP; the memory of {name} is known").into()
        );
    }
    let board = *Board::named(name)?;
    if board.chip.is_none() && board.machine.is_none() {
        return Err(format!("{name}: name the chip, like generic:STM32L476RGTx, with --flash and --ram").into());
    }
    Ok(board)
}

/// Returns whether the shell would find a program.
fn is_installed(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let file = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&paths).any(|folder| folder.join(&file).is_file())
}

/// Returns an error if the folder has files, or is a file.
fn refuse_filled(out: &Path) -> Outcome {
    let shown = visible_path(out);
    match fs::read_dir(out).map(Iterator::count) {
        Ok(1..) => {
            Err(format!("{shown}: the folder has files, which would be overwritten; name a new one with --out").into())
        }
        Ok(0) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(FileError::at(out)(error).into()),
    }
}

/// Returns the folder's name as the name of a package: letters, digits and `-`, a letter first.
fn package_name(out: &Path) -> String {
    let name = out.file_name().map_or_else(String::new, |name| name.to_string_lossy().to_lowercase());
    let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let name = name.trim_matches('-');
    // Cargo reserves some names, and `core` and such would hide a crate that the source uses.
    const TAKEN: [&str; 8] = ["", "core", "test", "build", "deps", "examples", "incremental", "nin-core"];
    match name {
        name if TAKEN.contains(&name) || !name.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            format!("firmware-{name}").trim_end_matches('-').to_owned()
        }
        name => name.to_owned(),
    }
}

/// Returns the network's integers: those of the file, or new ones by calibration on training images.
fn integers(loaded: &Loaded, train: Option<&nin_train::data::Dataset>, console: &Console) -> Outcome<Integers> {
    if let Some(model) = loaded.integers()? {
        return Ok(model);
    }
    let trained = loaded.trained()?;
    let train =
        train.ok_or("there are no training images to find the ranges of activations on; name some with --data")?;
    let sample = quantize::sample(train, trained.spec.input(), CALIBRATION)?;
    let bar = console.bar(0, "calibrating {bar:40} pass {pos} of {len}");
    let (model, report) = quantize::calibrated(&trained, &sample, &Options::default(), |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    })?;
    bar.finish_and_clear();
    if !report.is_faithful() {
        console.warn(format_args!("8 bits differ too much from the floats; `nin-train quantize` prints a report"));
    }
    Ok(model)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::package_name;

    #[test]
    fn packages_have_names_that_cargo_takes() {
        for (folder, name) in [
            ("my-classifier", "my-classifier"),
            ("out/My Photos", "my-photos"),
            ("3d", "firmware-3d"),
            ("core", "firmware-core"),
            ("..", "firmware"),
            ("größe", "gr--e"),
        ] {
            assert_eq!(package_name(Path::new(folder)), name);
        }
    }
}
