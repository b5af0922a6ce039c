//! `nin-train data`: which images there are.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use nin_core::Shape;
use nin_train::data::DatasetKind;
use nin_train::support::text::{Align, Table, bytes, grouped};
use nin_train::{data, report::pictures, support::files};

use super::images::ImageArgs;
use super::size::shape;
use super::{Console, Outcome};

/// Flags of `data`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  nin-train data                             find (or fetch) Fashion-MNIST, count it, show some
  nin-train data --data photos               one's own images: photos/CLASS/*.png or .jpg
  nin-train data --sheet sheet.png           ten images of each class as one PNG
  nin-train data subset --out subset.bin.gz  make the bundled subset again

With --data only that folder is read. Without it Fashion-MNIST is looked for in data/fashion-mnist, the user's cache
folder and /usr/share/datasets/fashion-mnist; then fetched; then the bundled subset takes its place.")]
pub struct DataArgs {
    #[command(flatten)]
    images: ImageArgs,

    /// Shape that one's own images are brought to
    #[arg(long, value_name = "CxHxW", default_value = "3x32x32", value_parser = shape)]
    shape: Shape,

    /// Write ten images of each class as one PNG
    #[arg(long, value_name = "FILE")]
    sheet: Option<PathBuf>,

    #[command(subcommand)]
    command: Option<DataCommand>,
}

#[derive(Subcommand, Debug)]
enum DataCommand {
    /// Make the subset that is part of this program again, from the whole Fashion-MNIST
    Subset {
        /// The file to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

/// Prints where images were found, counts them and shows some; or makes the subset.
pub fn run(args: &DataArgs, console: &Console) -> Outcome {
    if args.command.is_some() && args.images.kind() != DatasetKind::FashionMnist {
        return Err(
            "the bundled subset is made of Fashion-MNIST: leave --dataset out, and --data or name its folder".into()
        );
    }
    let splits = args.images.load(args.shape, console)?;
    if let Some(DataCommand::Subset { out }) = &args.command {
        if splits.is_subset {
            return Err("the whole Fashion-MNIST is needed to make its subset, and it was not found".into());
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
    } else {
        let shown = pictures::of_each_class(&splits.test, 1);
        let across = if splits.test.shape().columns <= 32 { 4 } else { 3 };
        for row in shown.chunks(across) {
            console.say(format_args!("\n{}", pictures::text(&splits.test, row)));
        }
    }
    Ok(())
}
