//! `nin-train export`: writes a trained network for boards, ONNX runtimes and PyTorch.

use std::path::{Component, Path, PathBuf};

use clap::{Args, ValueEnum};
use nin_core::{Kernels, Lanes, Plan, WeightType};
use nin_train::engine::streaming::ModelBytes;
use nin_train::formats::model_file::{CHeader, Integers, RustSource, c_header, c_name, rust_source, with_decision};
use nin_train::support::text::{bytes, visible_path};
use nin_train::{formats::onnx, support::files};

use super::networks::{self, Loaded};
use super::size::{check_ram, size};
use super::{Console, Outcome};

/// Flags of `export`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  nin-train export runs/fashion/checkpoint --out fashion.nin            for a board, f32 weights
  nin-train export runs/fashion/checkpoint --out fashion.nin --type f16 in half the flash
  nin-train export runs/fashion/checkpoint --rust src/fashion.rs        model file and Rust source
  nin-train export runs/fashion/checkpoint --safetensors fashion.safetensors
  nin-train export fashion-int8.nin --c model.h                         C header, for firmware in C
  nin-train export fashion-int8.nin --onnx fashion-int8.onnx            8-bit integers in QDQ form

A model file can be compiled into a firmware (--rust) or written to its flash and replaced later.
docs/model-file.md describes it byte by byte. From a run with train --qat, this command writes the float weights, but
with --onnx the integers. `nin-train quantize` writes the integers as a model file.")]
pub struct ExportArgs {
    /// A checkpoint, model file or safetensors file
    #[arg(value_name = "NETWORK")]
    network: PathBuf,

    /// The model file to write [default with --rust: the same name with the extension .nin]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Storage type of the weights
    #[arg(long = "type", value_name = "TYPE", default_value = "f32")]
    weight_type: Type,

    /// Outputs interleaved in memory: 4 for Cortex-M, 16 for a host, 1 for the smallest file; results are the same
    #[arg(long, value_name = "L", default_value_t = Lanes::Four)]
    lanes: Lanes,

    /// Write Rust source that compiles the model into a firmware
    #[arg(long, value_name = "FILE")]
    rust: Option<PathBuf>,

    /// Limit of the network's RAM, which the Rust source asserts: bytes, or with K or M [default: the RAM needed,
    /// rounded up to KiB]
    #[arg(long, value_name = "BYTES", value_parser = size, requires = "rust")]
    ram_budget: Option<u64>,

    /// Write a C header with the bytes of the model file, for nin-c (docs/c.md); a model file is taken as it is, another
    /// network is converted as --type and --lanes state
    #[arg(long, value_name = "FILE.h")]
    c: Option<PathBuf>,

    /// Write an ONNX file, for onnxruntime, tract and others; it reads images as bytes
    #[arg(long, value_name = "FILE")]
    onnx: Option<PathBuf>,

    /// Write a safetensors file with PyTorch's shapes and the book's names
    #[arg(long, value_name = "FILE")]
    safetensors: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Type {
    /// 32-bit floats
    F32,
    /// 16-bit floats, converted exactly to 32 bits when used
    F16,
}

impl From<Type> for WeightType {
    fn from(weight_type: Type) -> Self {
        match weight_type {
            Type::F32 => Self::F32,
            Type::F16 => Self::F16,
        }
    }
}

/// Writes the requested files and prints their sizes.
pub fn run(args: &ExportArgs, console: &Console) -> Outcome {
    let out = match (&args.out, &args.rust) {
        (Some(out), _) => Some(out.clone()),
        (None, Some(rust)) => Some(rust.with_extension("nin")),
        (None, None) => None,
    };
    if out.is_none() && args.c.is_none() && args.safetensors.is_none() && args.onnx.is_none() {
        return Err(
            "nothing to write: pass --out FILE, --rust FILE, --c FILE, --onnx FILE or --safetensors FILE".into()
        );
    }
    if out.is_none() && args.c.is_none() && (!matches!(args.weight_type, Type::F32) || args.lanes != Lanes::Four) {
        return Err(
            "--type and --lanes apply to the model file only: pass --out FILE, --rust FILE or --c FILE, too".into()
        );
    }
    if args.out.is_none() {
        refuse_input(&args.network, out.as_deref())?;
    }
    refuse_twice(out.as_deref(), args.rust.as_deref())?;
    let loaded = networks::load(&args.network)?;
    let integers = loaded.integers()?;
    if let (Some(_), Some(integers @ Integers::Affine(_))) = (loaded.model_file(), &integers) {
        return affine(args, &loaded, integers, out.as_deref(), console);
    }
    if let Some(path) = &args.c {
        let as_it_is = matches!(args.weight_type, Type::F32) && args.lanes == Lanes::Four;
        match loaded.model_file().filter(|_| as_it_is) {
            Some(file) => write_c(path, file, console)?,
            None => write_c(path, &loaded.trained()?.to_model(args.weight_type.into(), args.lanes)?, console)?,
        }
        if out.is_none() && args.onnx.is_none() && args.safetensors.is_none() {
            return Ok(());
        }
    }
    if let (Some(path), Some(model)) = (&args.onnx, &integers) {
        if out.is_some() || args.safetensors.is_some() {
            return Err("--onnx writes the network's integers, the other files its floats: use two commands".into());
        }
        let file = onnx::integers(model);
        files::write(path, &file)?;
        console.result(format_args!("{}: int8 weights, {}", path.display(), bytes(file.len() as u64)));
        return Ok(());
    }
    let trained = loaded.trained()?;
    let weight_type = WeightType::from(args.weight_type);
    if let Some(out) = &out {
        let source = args.rust.as_deref().map(|rust| beside(out, rust).map(|name| (rust, name))).transpose()?;
        let model = with_decision(&trained.to_model(weight_type, args.lanes)?, &loaded.decision()?)?;
        let (plan, network) = (trained.plan(), visible_path(&args.network));
        let state = 4 * plan.state_words(weight_type);
        check_ram(state, args.ram_budget, &format!("{network}: the network"))?;
        files::write(out, &model)?;
        let length = bytes(model.len() as u64);
        console.result(format_args!("{}: {} weights, {length} of flash", out.display(), weight_type.name()));
        if let Some((rust, name)) = source {
            let text = rust_source(&RustSource {
                plan: &plan,
                weight_type,
                kernels: Kernels::HERE,
                class_names: &trained.class_names,
                model_file: &name,
                ram_budget: args.ram_budget.map_or_else(|| state.next_multiple_of(1024), |budget| budget as usize),
                command: &command(),
            });
            files::write(rust, text.as_bytes())?;
            let ram = bytes(state as u64);
            console.result(format_args!("{}: Rust source, {ram} of RAM", rust.display()));
        }
    }
    if let Some(path) = &args.onnx {
        let file = onnx::floats(&trained);
        files::write(path, &file)?;
        console.result(format_args!("{}: {}", path.display(), bytes(file.len() as u64)));
    }
    if let Some(path) = &args.safetensors {
        let file = trained.to_safetensors()?;
        files::write(path, &file)?;
        console.result(format_args!("{}: {}", path.display(), bytes(file.len() as u64)));
    }
    Ok(())
}

/// Writes the requested files of a network of integers with zero points.
fn affine(args: &ExportArgs, loaded: &Loaded, model: &Integers, out: Option<&Path>, console: &Console) -> Outcome {
    let (name, kind) = (visible_path(&args.network), model.weight_type());
    if args.safetensors.is_some() {
        return Err(format!(
            "{name}: the weights are integers, which --safetensors does not write; use the network that they were \
             made from"
        )
        .into());
    }
    if !matches!(args.weight_type, Type::F32) {
        return Err(format!("{name}: the weights are integers, which --type cannot change; leave it out").into());
    }
    // Integers have no packing of four lanes, the default of floats.
    let lanes = if args.lanes == Lanes::Four { Lanes::Two } else { args.lanes };
    let file = with_decision(&model.to_bytes(lanes)?, &loaded.decision()?)?;
    if let Some(path) = &args.c {
        let as_it_is = loaded.model_file().filter(|_| args.lanes == Lanes::Four);
        write_c(path, as_it_is.unwrap_or(&file), console)?;
    }
    if let Some(path) = &args.onnx {
        let file = onnx::integers(model);
        files::write(path, &file)?;
        console.result(format_args!("{}: {} weights, {}", path.display(), kind.name(), bytes(file.len() as u64)));
    }
    let Some(out) = out else { return Ok(()) };
    let source = args.rust.as_deref().map(|rust| beside(out, rust).map(|name| (rust, name))).transpose()?;
    let plan = Plan::new(*model.spec());
    let kernels = if lanes == Lanes::One { Kernels::Plain } else { Kernels::Dsp };
    let state = plan.bytes(kind, kernels).total();
    check_ram(state, args.ram_budget, &format!("{name}: the network"))?;
    files::write(out, &file)?;
    let length = bytes(file.len() as u64);
    console.result(format_args!("{}: {} weights, {length} of flash", out.display(), kind.name()));
    if let Some((rust, name)) = source {
        let text = rust_source(&RustSource {
            plan: &plan,
            weight_type: kind,
            kernels,
            class_names: model.class_names(),
            model_file: &name,
            ram_budget: args.ram_budget.map_or_else(|| state.next_multiple_of(1024), |budget| budget as usize),
            command: &command(),
        });
        files::write(rust, text.as_bytes())?;
        console.result(format_args!("{}: Rust source, {} of RAM", rust.display(), bytes(state as u64)));
    }
    Ok(())
}

/// Writes the C header of a model file.
fn write_c(path: &Path, file: &[u8], console: &Console) -> Outcome {
    let bytes_of_file = ModelBytes::new(file);
    let model = bytes_of_file.model()?;
    let name = c_name(&path.file_stem().unwrap_or_default().to_string_lossy());
    let text = c_header(&CHeader { model: &model, file, name: &name, command: &command() });
    files::write(path, text.as_bytes())?;
    let (path, length) = (path.display(), bytes(file.len() as u64));
    console.result(format_args!(
        "{path}: C header, {name}[] with {} weights, {length} of flash",
        model.weight_type().name()
    ));
    Ok(())
}

/// Returns an error if the output file, whose name was derived from another name, would overwrite the network.
pub(super) fn refuse_input(network: &Path, out: Option<&Path>) -> Outcome {
    match out {
        Some(out) if out.canonicalize().is_ok_and(|out| network.canonicalize().is_ok_and(|network| network == out)) => {
            let out = out.display();
            Err(format!("the input {out} would be overwritten: name another output file with --out").into())
        }
        _ => Ok(()),
    }
}

/// Returns an error if the model file and the Rust source have the same path.
pub(super) fn refuse_twice(model: Option<&Path>, rust: Option<&Path>) -> Outcome {
    // The files may not exist yet, so only the folders are resolved.
    let place = |path: &Path| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some((folder.canonicalize().ok()?, path.file_name()?.to_owned()))
    };
    match (model, rust) {
        (Some(model), Some(rust)) if model == rust || place(model).is_some_and(|m| place(rust) == Some(m)) => {
            let rust = rust.display();
            Err(format!("{rust} cannot be both the model file and the Rust source that includes it: name that FILE.rs")
                .into())
        }
        _ => Ok(()),
    }
}

/// Returns the model file's name for `include_bytes!`, or an error unless it is in the folder of the Rust file.
pub(super) fn beside(model: &Path, rust: &Path) -> Outcome<String> {
    // `./model.rs` and `model.nin` are in the same folder.
    let folder = |path: &Path| {
        path.parent()
            .unwrap_or(Path::new(""))
            .components()
            .filter(|part| *part != Component::CurDir)
            .collect::<PathBuf>()
    };
    if folder(model) != folder(rust) {
        let (model, rust) = (model.display(), rust.display());
        return Err(format!("{rust} includes the model file, so {model} must be in the same folder").into());
    }
    let name = model.file_name().and_then(|name| name.to_str());
    Ok(name.ok_or("the model file's name must be UTF-8 to be included in Rust source")?.to_owned())
}

/// Returns this command line for the source's header, without the program's folder.
pub(super) fn command() -> String {
    let words = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    let words = words.map(|word| match word.contains(char::is_whitespace) {
        true => format!("{word:?}"),
        false => word,
    });
    std::iter::once("nin-train".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}
