//! `nin-train plan`: prints the memory and work of networks.

use std::borrow::Cow;
use std::path::Path;

use clap::Args;
use nin_train::formats::{onnx, tflite};
use nin_train::network::architecture::{Architecture, named, parse_words};
use nin_train::network::resources::Resources;
use nin_train::report::{Candidate, Comparison, LayerTable};
use nin_train::support::files::{self, FileError};
use nin_train::support::text::{Align, Table};

use serde_json::json;

use super::import::beside;
use super::size::{check_ram, size};
use super::{Console, Outcome};

/// Flags of `plan`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  nin-train plan fashion                        layer by layer
  nin-train plan d2l lenet alexnet vgg-11       NiN and classic networks side by side
  nin-train plan 1x28x28 nin5+2:16,16 max3/2 nin3+1:10,10 gap
  nin-train plan d2l --batch 1                  memory for a single image
  nin-train plan person.tflite                  what a TensorFlow Lite or ONNX model would need, without importing it
  nin-train plan fashion --ram-budget 8K        an error if the network needs more than 8 KiB

An architecture line: the input as channels x rows x columns, then the stages, then the head.
  ninK/S+P:a,b,c   KxK convolution with stride S and padding P to a channels, then 1x1 to b, to c; ReLU after each
                   (/1 after nin and every +0 may be omitted)
  dwK/S+P:b,c      the same with a depthwise convolution first
  res(...)         a shortcut around nin and dw   proj(...)   one with a 1x1 convolution
  maxK/S+P         maximum pooling  avgK/S+P   average pooling (meanK/S+P: padding does not count)
  dropP            dropout with probability P, in training only
  gap              global average   fcA,B,C    fully connected layers
A line ends with gap, fc..., or gap fc.... docs/networks.md has the rest: windows that are not square, activations,
groups.")]
pub struct PlanArgs {
    /// Preset names, architecture lines, TensorFlow Lite or ONNX models; without any, the presets are listed
    #[arg(value_name = "LINE|PRESET|FILE")]
    networks: Vec<String>,

    /// Batch size, for the memory of training and prediction on a host
    #[arg(long, default_value_t = 128, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    batch: u64,

    /// Limit of the network's RAM in 8 bits: bytes, or with K or M. A network that needs more is an error
    #[arg(long, value_name = "BYTES", value_parser = size)]
    ram_budget: Option<u64>,

    /// Print the result as one JSON object; docs/json.md describes it
    #[arg(long)]
    json: bool,
}

/// Prints the layer table of one network, or several side by side.
pub fn run(args: &PlanArgs, console: &Console) -> Outcome {
    if args.networks.is_empty() && args.json {
        let presets: Vec<_> =
            named().map(|preset| json!({ "name": preset.name, "about": preset.about, "line": preset.line })).collect();
        console.result(format_args!("{}", json!({ "presets": presets })));
        return Ok(());
    }
    if args.networks.is_empty() {
        let mut table = Table::new([("name", Align::Left), ("description", Align::Left)]);
        named().for_each(|preset| {
            table.row([preset.name.to_owned(), preset.about.to_owned()]);
        });
        console.result(format_args!("{table:width$}\n", width = console.columns()));
        console.say(format_args!("Plan one with `nin-train plan NAME`, several with `nin-train plan NAME NAME`."));
        return Ok(());
    }
    let words = args.networks.iter().map(|word| line_of(word)).collect::<Outcome<Vec<_>>>()?;
    let architectures = parse_words(words.iter().map(AsRef::as_ref))?;
    print(args, &architectures, console);
    for architecture in &architectures {
        let needed = Resources::new(&architecture.plan()).streaming_int8;
        let name = architecture.about.map_or("the network", |_| &architecture.name);
        check_ram(needed as usize, args.ram_budget, name)?;
    }
    Ok(())
}

/// Prints the architectures as JSON, as the table of one, or side by side.
fn print(args: &PlanArgs, architectures: &[Architecture], console: &Console) {
    if args.json {
        let network = |architecture: &Architecture| {
            let mut network = LayerTable { plan: &architecture.plan(), batch: args.batch }.json();
            network["name"] = architecture.about.map(|_| architecture.name.as_str()).into();
            network
        };
        let networks: Vec<_> = architectures.iter().map(network).collect();
        return console.result(format_args!("{}", json!({ "networks": networks })));
    }
    let width = console.columns();
    if let [architecture] = architectures {
        let plan = architecture.plan();
        if let Some(about) = architecture.about {
            console.say(format_args!("{}: {about}\n", architecture.name));
        }
        return console.result(format_args!("{:width$}", LayerTable { plan: &plan, batch: args.batch }));
    }
    let mut customs = 0;
    let candidates: Vec<_> = architectures
        .iter()
        .map(|architecture| {
            customs += usize::from(architecture.about.is_none());
            Candidate {
                name: match architecture.about {
                    Some(_) => architecture.name.clone(),
                    None => format!("line {customs}"),
                },
                plan: architecture.plan(),
                note: architecture.about.map(str::to_owned),
            }
        })
        .collect();
    console.result(format_args!("{:width$}", Comparison { candidates: &candidates, batch: args.batch }));
}

/// Returns a word of the command line, or the line of the model of another program that it names.
fn line_of(word: &str) -> Outcome<Cow<'_, str>> {
    let path = Path::new(word);
    if path.extension().is_none_or(|extension| extension != "tflite" && extension != "onnx") {
        return Ok(word.into());
    }
    let file = files::read(path)?;
    let spec = if tflite::is_tflite(&file) {
        match tflite::import_floats(&file).map_err(FileError::at(path))? {
            Some(floats) => floats.trained.spec,
            None => tflite::import(&file).map_err(FileError::at(path))?.model.spec,
        }
    } else if onnx::is_onnx(&file) {
        match onnx::import(&file, &mut beside(path)).map_err(FileError::at(path))? {
            onnx::Network::Floats(floats) => floats.trained.spec,
            onnx::Network::Integers(integers) => *integers.spec(),
        }
    } else {
        return Err(FileError::at(path)("this is neither a TensorFlow Lite model nor an ONNX model").into());
    };
    Ok(spec.to_string().into())
}
