//! `nin-train import`: converts a network trained in PyTorch to a model file.

use std::path::PathBuf;

use clap::Args;
use nin_core::Lanes;
use nin_core::WeightType;
use nin_train::data::DatasetKind;
use nin_train::network::architecture::Architecture;
use nin_train::network::preprocessing::Preprocessing;
use nin_train::network::trained::Trained;
use nin_train::support::files::{self, FileError};
use nin_train::support::text::bytes;

use super::export::refuse_input;
use super::{Console, Outcome, program, word};

/// Flags of `import`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  nin-train import nin.safetensors --line d2l --dataset fashion-mnist
  nin-train import mine.safetensors --line \"1x28x28 nin5+2:32,32 max3/2 nin3+1:32,10 gap\" --mean 0.286 --std 0.353

In PyTorch: safetensors.torch.save_file(model.state_dict(), 'nin.safetensors').
Tensors have the names of the book's model (net.0.0.weight, net.0.0.bias, net.0.2.weight, ...) or any other names that
sort in layer order. Their shapes must match the line.")]
pub struct ImportArgs {
    /// The safetensors file
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Its architecture [default: read from the file, if nin-train wrote it]
    #[arg(long, alias = "preset", value_name = "LINE|PRESET")]
    line: Option<String>,

    /// The model file to write [default: the file's name with the extension .nin]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

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
}

/// Reads the tensors and writes a model file.
pub fn run(args: &ImportArgs, console: &Console) -> Outcome {
    let architecture = args.line.as_deref().map(Architecture::parse).transpose()?;
    let file = files::read(&args.file)?;
    let mut trained = Trained::from_safetensors(&file, architecture.as_ref()).map_err(FileError::at(&args.file))?;
    if !args.mean.is_empty() {
        trained.preprocessing = normalized(&args.mean, &args.std, usize::from(trained.spec.input().channels))?;
    }
    if let Some(kind) = args.dataset {
        trained.class_names = kind.class_names().iter().map(ToString::to_string).collect();
    } else if !args.classes.is_empty() {
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
