//! `nin-train data`: finds, counts and shows the images.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use nin_core::Shape;
use nin_train::data::DatasetKind;
use nin_train::data::survey::Survey;
use nin_train::support::text::{Align, Table, bytes, grouped};
use nin_train::{data, report::pictures, support::files};

use serde_json::json;

use super::images::ImageArgs;
use super::size::shape;
use super::survey::{self, Sizes};
use super::{Console, Outcome};

/// The shape of images of a folder, if no other is given.
const OWN_IMAGES: Shape = Shape { channels: 3, rows: 32, columns: 32 };
/// Images of each class and part on a sheet.
const EACH: usize = 5;

/// Flags of `data`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  nin-train data                             find (or download) Fashion-MNIST, count it, show samples
  nin-train data --data photos               your own pictures: photos/CLASS/*.jpg, .png, .webp …
  nin-train data --data labels.csv           a table of picture files and labels
  nin-train data --sheet sheet.png           training and test images of each class as one PNG
  nin-train data --data photos --shape 3x64x64 --raw images.bin --count 10
                                             ten test images as a board reads them
  nin-train data subset --out subset.bin.gz  rebuild the bundled subset

With --data only that folder or file is read. Without it, Fashion-MNIST is searched for in data/fashion-mnist, the
user's cache folder and /usr/share/datasets/fashion-mnist. If it is in none of them, it is downloaded; if the download
fails, the bundled subset is used.")]
pub struct DataArgs {
    #[command(flatten)]
    images: ImageArgs,

    /// Shape to which your own images are resized, and those of --raw [3x32x32; --raw: the images' own]
    #[arg(long, value_name = "CxHxW", value_parser = shape)]
    shape: Option<Shape>,

    /// Write images of each class as one PNG: a row of five training images, five validation images if there are any, and
    /// five test images
    #[arg(long, value_name = "FILE")]
    sheet: Option<PathBuf>,

    /// Write test images with their labels as a board reads them: bytes, rows from the top, R, G and B of a pixel side
    /// by side (docs/own-images.md)
    #[arg(long, value_name = "FILE")]
    raw: Option<PathBuf>,

    /// Number of images that --raw writes, of all classes in turn
    #[arg(long, value_name = "N", default_value_t = 10, requires = "raw", value_parser = clap::value_parser!(u16).range(1..))]
    count: u16,

    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,

    #[command(subcommand)]
    command: Option<DataCommand>,
}

#[derive(Subcommand, Debug)]
enum DataCommand {
    /// Rebuild the bundled subset from the complete Fashion-MNIST
    Subset {
        /// The file to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

/// Prints where the images were found, their counts and samples; or builds the subset.
pub fn run(args: &DataArgs, console: &Console) -> Outcome {
    let console = &Console { quiet: console.quiet || args.json };
    if args.command.is_some() && !matches!(args.images.kind(), DatasetKind::FashionMnist | DatasetKind::Idx) {
        return Err(
            "the bundled subset is built from Fashion-MNIST: omit --dataset, and omit --data or pass its folder".into(),
        );
    }
    let splits = args.images.load(args.shape.unwrap_or(OWN_IMAGES), console)?;
    if let Some(DataCommand::Subset { out }) = &args.command {
        if splits.is_subset {
            return Err(
                "the subset is built from the complete Fashion-MNIST, which was not found: pass its folder as --data"
                    .into(),
            );
        }
        let subset = data::make_subset(&splits)?;
        files::write(out, &subset)?;
        console.result(format_args!("{}: {}", out.display(), bytes(subset.len() as u64)));
        return Ok(());
    }
    let survey = Survey::of(&splits);
    let sizes = args.images.folder().and_then(|folder| Sizes::of(&splits, folder));
    let parts = || splits.parts().map(|(part, images)| (part.name(), images));
    let sheet = |path: &PathBuf| -> Outcome {
        files::write(path, &pictures::sheet_of_parts(&splits, EACH)?)?;
        let names: Vec<&str> = parts().map(|(part, _)| part).collect();
        console.say(format_args!("{}: {EACH} images of each class: {}", path.display(), names.join(", ")));
        Ok(())
    };
    let raw = |path: &PathBuf| -> Outcome {
        let to = args.shape.unwrap_or(splits.test.shape());
        let chosen = data::spread(&splits.test, args.count.into());
        let file = data::test_images(&splits.test, &chosen, to)?;
        files::write(path, &file)?;
        let (images, size) = (grouped(chosen.len() as u64), bytes(file.len() as u64));
        console.say(format_args!("{}: {images} test images of {to} with labels, {size}", path.display()));
        Ok(())
    };
    if args.json {
        args.raw.as_ref().map(raw).transpose()?;
        args.sheet.as_ref().map(sheet).transpose()?;
        let counts: serde_json::Map<_, _> =
            parts().map(|(part, images)| (part.to_owned(), json!(images.class_counts()))).collect();
        let line = json!({
            "source": splits.source,
            "note": splits.notice,
            "shape": splits.train.shape().to_string(),
            "classes": splits.train.class_names(),
            "counts": counts,
            "sizes": sizes.map(|sizes| sizes.json()),
            "faults": survey::json(&survey, &splits),
        });
        console.result(format_args!("{line}"));
        return Ok(());
    }
    let columns = parts().map(|(part, _)| (part, Align::Right));
    let mut table = Table::new([("", Align::Right), ("class", Align::Left)].into_iter().chain(columns));
    let counts: Vec<Vec<usize>> = parts().map(|(_, images)| images.class_counts()).collect();
    for (class, name) in splits.train.class_names().iter().enumerate() {
        let counts = counts.iter().map(|counts| grouped(counts[class] as u64));
        table.row([class.to_string(), name.clone()].into_iter().chain(counts));
    }
    let sums = counts.iter().map(|counts| grouped(counts.iter().sum::<usize>() as u64));
    table.rule().row([String::new(), format!("images of {}", splits.train.shape())].into_iter().chain(sums));
    console.result(format_args!("{table}"));
    if let Some(sizes) = sizes {
        console.result(format_args!("{}", sizes.text()));
    }
    let faults = survey::lines(&survey, &splits);
    if faults.is_empty() {
        console.result(format_args!("No duplicates, no images of one colour."));
    }
    faults.iter().for_each(|fault| console.result(format_args!("{fault}.")));
    if let Some(path) = &args.sheet {
        sheet(path)?;
    }
    args.raw.as_ref().map(raw).transpose()?;
    if args.sheet.is_none() && args.raw.is_none() {
        let shown = pictures::of_each_class(&splits.test, 1);
        let across = if splits.test.shape().columns <= 32 { 4 } else { 3 };
        for row in shown.chunks(across) {
            console.say(format_args!("\n{}", pictures::text(&splits.test, row)));
        }
    }
    Ok(())
}
