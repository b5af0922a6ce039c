//! `nin-train import`: converts a network from PyTorch, ONNX or TensorFlow Lite to a model file.

use std::path::{Path, PathBuf};

use clap::Args;
use nin_core::{Kernels, Lanes, Plan, WeightType};
use nin_train::data::{DatasetKind, check_class_names};
use nin_train::formats::lowering::{Imported, Pixels};
use nin_train::formats::model_file::Integers;
use nin_train::formats::safetensors::{Found, Matching};
use nin_train::formats::{onnx, tflite};
use nin_train::network::architecture::Architecture;
use nin_train::network::preprocessing::Preprocessing;
use nin_train::network::trained::Trained;
use nin_train::support::files::{self, FileError};
use nin_train::support::text::{bytes, grouped, visible};

use super::export::refuse_input;
use super::networks::not_finite;
use super::{Console, Outcome, program, word};

/// Flags of `import`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  nin-train import nin.safetensors --line d2l --dataset fashion-mnist
  nin-train import person.tflite --out person.nin
  nin-train import net.onnx --out net.nin --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225
  nin-train import mine.safetensors --line \"1x28x28 nin5+2:32,32 max3/2 nin3+1:32,10 gap\" --mean 0.286 --std 0.353
  nin-train import mine.safetensors --line \"3x32x32 nin3+1:8 nin3+1:8 gap\" --map stem,body

In PyTorch: safetensors.torch.save_file(model.state_dict(), 'nin.safetensors').
Tensors are matched to layers by shape and, among equal shapes, by the numbers in their names. The command prints what it
matched, and asks for --map if the file does not show the order. Batch normalisation is folded into the layer before it.

An ONNX model, or a TensorFlow Lite model of floats, states its layers itself; --mean and --std are those of its training
images. Its logits are the input of the model's final softmax. A TensorFlow Lite model of full-integer int8 computes the
same bytes as TensorFlow Lite's reference kernels, layer by layer, and needs no further options. docs/import.md lists the
operators.")]
pub struct ImportArgs {
    /// The safetensors file, ONNX model or TensorFlow Lite model
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Its architecture [default: read from the file, if nin-train wrote it]
    #[arg(long, alias = "preset", value_name = "LINE|PRESET")]
    line: Option<String>,

    /// The model file to write [default: the file's name with the extension .nin]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// The names of the layers in the order of the line, each without .weight; LAYER+NORM states the batch normalisation
    /// that follows a layer
    #[arg(long, value_name = "LAYER,LAYER,...", value_delimiter = ',')]
    map: Vec<String>,

    /// What batch normalisation adds to a variance; Keras adds 1e-3
    #[arg(long, value_name = "E", default_value_t = 1e-5)]
    norm_epsilon: f64,

    /// Mean of transforms.Normalize in training, one number per channel (for pixels from 0 to 1)
    #[arg(long, value_name = "A,B,C", value_delimiter = ',', requires = "std")]
    mean: Vec<f32>,

    /// Standard deviation of transforms.Normalize, one number per channel
    #[arg(long, value_name = "A,B,C", value_delimiter = ',', requires = "mean")]
    std: Vec<f32>,

    /// Use the class names of this data set
    #[arg(long, value_name = "NAME")]
    dataset: Option<DatasetKind>,

    /// Class names, in the order of the outputs
    #[arg(long, value_name = "A,B,...", value_delimiter = ',', conflicts_with = "dataset")]
    classes: Vec<String>,

    /// Outputs interleaved in memory, for a TensorFlow Lite model: 2 for a Cortex-M with DSP instructions, 16 for a
    /// host, 1 for any; results are the same
    #[arg(long, value_name = "L", default_value_t = Lanes::Two)]
    lanes: Lanes,
}

/// Reads a network of another program and writes a model file.
pub fn run(args: &ImportArgs, console: &Console) -> Outcome {
    let architecture = args.line.as_deref().map(Architecture::parse).transpose()?;
    let file = files::read(&args.file)?;
    let floats = if tflite::is_tflite(&file) {
        let Some(floats) = tflite::import_floats(&file).map_err(FileError::at(&args.file))? else {
            let model = tflite::import(&file).map_err(FileError::at(&args.file))?.model;
            return write_integers(args, Integers::Affine(model), "a TensorFlow Lite model", console);
        };
        Some((floats, "a TensorFlow Lite model"))
    } else if onnx::is_onnx(&file) {
        match onnx::import(&file, &mut beside(&args.file)).map_err(FileError::at(&args.file))? {
            onnx::Network::Floats(floats) => Some((floats, "an ONNX model")),
            onnx::Network::Integers(integers) => return write_integers(args, integers, "an 8-bit ONNX model", console),
        }
    } else {
        None
    };
    let mut trained = match floats {
        Some((floats, kind)) => for_bytes(args, floats, kind, console)?,
        None => read_safetensors(args, &file, architecture.as_ref(), console)?,
    };
    if let Some(kind) = args.dataset {
        trained.class_names = kind.class_names().iter().map(ToString::to_string).collect();
    } else if !args.classes.is_empty() {
        check_class_names(&args.classes)?;
        trained.class_names.clone_from(&args.classes);
    }
    if let Some(place) = trained.not_finite() {
        return Err(FileError::at(&args.file)(not_finite(&place)).into());
    }
    let out = args.out.clone().unwrap_or_else(|| args.file.with_extension("nin"));
    if args.out.is_none() {
        refuse_input(&args.file, Some(&out))?;
    }
    let model = trained.to_model(WeightType::F32, Lanes::default())?;
    files::write(&out, &model)?;
    console.result(format_args!("{}: {}", out.display(), bytes(model.len() as u64)));
    console.say(format_args!("{}", trained.spec));
    let (program, network) = (program(), word(&out));
    // Class names lead to the images of a known data set.
    let images = if trained.class_names.is_empty() { " --data IMAGES" } else { "" };
    console
        .say(format_args!("\nNext:\n  {program} eval {network}{images}\n  {program} export {network} --rust model.rs"));
    Ok(())
}

/// Returns an error that names the first of these flags that was typed.
fn refuse(flags: &[(&str, bool)], model: &str) -> Outcome {
    match flags.iter().find(|(_, stated)| *stated) {
        Some((flag, _)) => Err(format!("{flag}: {model} contains this already; leave it out").into()),
        None => Ok(()),
    }
}

/// Returns the network of a safetensors file.
fn read_safetensors(
    args: &ImportArgs,
    file: &[u8],
    architecture: Option<&Architecture>,
    console: &Console,
) -> Outcome<Trained> {
    if !(args.norm_epsilon >= 0.0 && args.norm_epsilon.is_finite()) {
        return Err(format!("--norm-epsilon {} is no number from 0", args.norm_epsilon).into());
    }
    let matching = Matching { map: args.map.clone(), epsilon: args.norm_epsilon };
    let (mut trained, found) =
        Trained::from_matched(file, architecture, &matching).map_err(FileError::at(&args.file))?;
    say_matched(&found, console);
    if !args.mean.is_empty() {
        trained.preprocessing = normalized(&args.mean, &args.std, usize::from(trained.spec.input().channels))?;
    }
    Ok(trained)
}

/// Returns an imported network with the conversion of an image's bytes, and prints what that is.
fn for_bytes(args: &ImportArgs, imported: Imported, kind: &str, console: &Console) -> Outcome<Trained> {
    refuse(&[("--line", args.line.is_some()), ("--map", !args.map.is_empty())], kind)?;
    let stated = match &args.mean[..] {
        [] => None,
        mean => Some(normalized(mean, &args.std, usize::from(imported.trained.spec.input().channels))?),
    };
    let floats = imported.floats;
    let (trained, pixels) = imported.for_bytes(stated).map_err(FileError::at(&args.file))?;
    if floats {
        console.say(format_args!(
            "The model reads floats: {}",
            match pixels {
                Pixels::Bytes => "pixels from 0 to 255, which it scales itself; --mean and --std state others",
                Pixels::Unit => "pixels from 0 to 1 are assumed; --mean and --std state others",
                Pixels::Stated => "pixels as --mean and --std state",
            }
        ));
    }
    Ok(trained)
}

/// Returns how files beside a model are read.
pub(super) fn beside(model: &Path) -> impl FnMut(&str) -> Result<Vec<u8>, String> {
    let folder = model.parent().unwrap_or(Path::new("")).to_owned();
    move |name: &str| std::fs::read(folder.join(name)).map_err(|error| error.to_string())
}

/// Prints which tensors each layer was made of.
fn say_matched(found: &Found, console: &Console) {
    let width = found.layers.iter().map(|(layer, _)| layer.chars().count()).max().unwrap_or(0);
    for (layer, tensors) in &found.layers {
        let tensors: Vec<_> = tensors.iter().map(|name| visible(name)).collect();
        console.say(format_args!("{layer:width$}  {}", tensors.join(", ")));
    }
    match found.rounded {
        0 => {}
        1 => console.say(format_args!("One tensor of 64-bit floats was rounded to 32 bits.")),
        tensors => console.say(format_args!("{tensors} tensors of 64-bit floats were rounded to 32 bits.")),
    }
}

/// Writes a model file of a network of 8-bit integers.
fn write_integers(args: &ImportArgs, mut model: Integers, kind: &str, console: &Console) -> Outcome {
    let stated =
        [("--line", args.line.is_some()), ("--map", !args.map.is_empty()), ("--mean and --std", !args.mean.is_empty())];
    refuse(&stated, kind)?;
    if let Some(kind) = args.dataset {
        model.name_classes(&kind.class_names().iter().map(ToString::to_string).collect::<Vec<_>>());
    } else if !args.classes.is_empty() {
        check_class_names(&args.classes)?;
        model.name_classes(&args.classes);
    }
    let out = args.out.clone().unwrap_or_else(|| args.file.with_extension("nin"));
    let bytes_of = model.to_bytes(args.lanes)?;
    files::write(&out, &bytes_of)?;
    let plan = Plan::new(*model.spec());
    let ram = plan.bytes(model.weight_type(), Kernels::Dsp).total() as u64;
    console.result(format_args!("{}: {}", out.display(), bytes(bytes_of.len() as u64)));
    console.say(format_args!(
        "{}\n{} multiply-accumulates, {} of RAM on a Cortex-M4",
        model.spec(),
        grouped(plan.macs()),
        bytes(ram)
    ));
    let (program, network) = (program(), word(&out));
    console.say(format_args!("\nNext:\n  {program} predict {network} IMAGE"));
    Ok(())
}

/// Returns the preprocessing `(byte - mean) * scale` that equals PyTorch's `(byte / 255 - mean) / std`.
fn normalized(mean: &[f32], std: &[f32], channels: usize) -> Outcome<Preprocessing> {
    if mean.len() != channels || std.len() != channels {
        return Err(format!("--mean and --std need {channels} number(s) each, one per channel").into());
    }
    if !std.iter().all(|&std| std > 0.0) {
        return Err("the numbers of --std must be larger than 0".into());
    }
    Ok(Preprocessing {
        mean: mean.iter().map(|mean| 255.0 * mean).collect(),
        scale: std.iter().map(|std| 1.0 / (255.0 * std)).collect(),
    })
}
