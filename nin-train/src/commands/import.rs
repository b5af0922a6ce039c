//! `nin-train import`: converts a network from PyTorch or TensorFlow Lite to a model file.

use std::path::PathBuf;

use clap::Args;
use nin_core::{Kernels, Lanes, Plan, WeightType};
use nin_train::data::{DatasetKind, check_class_names};
use nin_train::formats::safetensors::{Found, Matching};
use nin_train::formats::tflite;
use nin_train::network::architecture::Architecture;
use nin_train::network::preprocessing::Preprocessing;
use nin_train::network::trained::Trained;
use nin_train::support::files::{self, FileError};
use nin_train::support::text::{bytes, grouped, visible};

use super::export::refuse_input;
use super::{Console, Outcome, program, word};

/// Flags of `import`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  nin-train import nin.safetensors --line d2l --dataset fashion-mnist
  nin-train import person.tflite --out person.nin
  nin-train import mine.safetensors --line \"1x28x28 nin5+2:32,32 max3/2 nin3+1:32,10 gap\" --mean 0.286 --std 0.353
  nin-train import mine.safetensors --line \"3x32x32 nin3+1:8 nin3+1:8 gap\" --map stem,body

In PyTorch: safetensors.torch.save_file(model.state_dict(), 'nin.safetensors').
Tensors are matched to layers by shape and, among equal shapes, by the numbers in their names. The command prints what it
matched, and asks for --map if the file does not show the order. Batch normalisation is folded into the layer before it.

A TensorFlow Lite model must be quantised to full-integer int8. The result computes the same bytes as TensorFlow Lite's
reference kernels, layer by layer; its logits are the input of the model's final softmax. It needs no further options.")]
pub struct ImportArgs {
    /// The safetensors file or TensorFlow Lite model
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

/// Reads the tensors and writes a model file.
pub fn run(args: &ImportArgs, console: &Console) -> Outcome {
    let architecture = args.line.as_deref().map(Architecture::parse).transpose()?;
    let file = files::read(&args.file)?;
    if tflite::is_tflite(&file) {
        return run_tflite(args, &file, console);
    }
    if !(args.norm_epsilon >= 0.0 && args.norm_epsilon.is_finite()) {
        return Err(format!("--norm-epsilon {} is no number from 0", args.norm_epsilon).into());
    }
    let matching = Matching { map: args.map.clone(), epsilon: args.norm_epsilon };
    let (mut trained, found) =
        Trained::from_matched(&file, architecture.as_ref(), &matching).map_err(FileError::at(&args.file))?;
    say_matched(&found, console);
    if !args.mean.is_empty() {
        trained.preprocessing = normalized(&args.mean, &args.std, usize::from(trained.spec.input().channels))?;
    }
    if let Some(kind) = args.dataset {
        trained.class_names = kind.class_names().iter().map(ToString::to_string).collect();
    } else if !args.classes.is_empty() {
        check_class_names(&args.classes)?;
        trained.class_names.clone_from(&args.classes);
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

/// Writes a model file of a TensorFlow Lite model.
fn run_tflite(args: &ImportArgs, file: &[u8], console: &Console) -> Outcome {
    let stated = [("--line", args.line.is_some()), ("--mean and --std", !args.mean.is_empty())];
    if let Some((flag, _)) = stated.iter().find(|(_, stated)| *stated) {
        return Err(format!("{flag}: a TensorFlow Lite model contains this already; leave it out").into());
    }
    let mut model = tflite::import(file).map_err(FileError::at(&args.file))?.model;
    model.class_names = match args.dataset {
        Some(kind) => kind.class_names().iter().map(ToString::to_string).collect(),
        None => args.classes.clone(),
    };
    let out = args.out.clone().unwrap_or_else(|| args.file.with_extension("nin"));
    let bytes_of = model.to_bytes(args.lanes)?;
    files::write(&out, &bytes_of)?;
    let plan = Plan::new(model.spec);
    let ram = plan.bytes(WeightType::Affine, Kernels::Dsp).total() as u64;
    console.result(format_args!("{}: {}", out.display(), bytes(bytes_of.len() as u64)));
    console.say(format_args!(
        "{}\n{} multiply-accumulates, {} of RAM on a Cortex-M4",
        model.spec,
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
