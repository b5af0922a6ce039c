//! `nin-train data`: finds, counts and shows the images.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use nin_core::Shape;
use nin_train::data::DatasetKind;
use nin_train::support::text::{Align, Table, bytes, grouped};
use nin_train::{data, report::pictures, support::files};

use super::images::ImageArgs;
use super::size::shape;
use super::{Console, Outcome};

/// The shape of images of a folder, if no other is given.
const OWN_IMAGES: Shape = Shape { channels: 3, rows: 32, columns: 32 };

/// Flags of `data`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  nin-train data                             find (or download) Fashion-MNIST, count it, show samples
  nin-train data --data photos               your own images: photos/CLASS/*.png or .jpg
  nin-train data --sheet sheet.png           ten images of each class as one PNG
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

    /// Write ten images of each class as one PNG
    #[arg(long, value_name = "FILE")]
    sheet: Option<PathBuf>,

    /// Write test images with their labels as a board reads them: bytes, rows from the top, R, G and B of a pixel side
    /// by side (docs/own-images.md)
    #[arg(long, value_name = "FILE")]
    raw: Option<PathBuf>,

    /// How many images --raw writes, of all classes in turn
    #[arg(long, value_name = "N", default_value_t = 10, requires = "raw", value_parser = clap::value_parser!(u16).range(1..))]
    count: u16,

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
    if args.command.is_some() && args.images.kind() != DatasetKind::FashionMnist {
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
    let parts =
        [("training", Some(&splits.train)), ("validation", splits.validation.as_ref()), ("test", Some(&splits.test))];
    let parts = || parts.iter().filter_map(|(part, images)| Some((*part, (*images)?)));
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
    if let Some(path) = &args.sheet {
        let sheet = pictures::sheet(&splits.train, &pictures::of_each_class(&splits.train, 10), 10)?;
        files::write(path, &sheet)?;
        console.result(format_args!("{}: ten training images of each class", path.display()));
    }
    if let Some(path) = &args.raw {
        let to = args.shape.unwrap_or(splits.test.shape());
        let chosen = data::spread(&splits.test, args.count.into());
        let file = data::test_images(&splits.test, &chosen, to)?;
        files::write(path, &file)?;
        let (images, size) = (grouped(chosen.len() as u64), bytes(file.len() as u64));
        console.result(format_args!("{}: {images} test images of {to} with labels, {size}", path.display()));
    }
    if args.sheet.is_none() && args.raw.is_none() {
        let shown = pictures::of_each_class(&splits.test, 1);
        let across = if splits.test.shape().columns <= 32 { 4 } else { 3 };
        for row in shown.chunks(across) {
            console.say(format_args!("\n{}", pictures::text(&splits.test, row)));
        }
    }
    Ok(())
}
