//! What `predict --npz` writes: logits, and what each layer computed, of all images together.

use std::path::Path;

use ndarray::{Array4, ArrayView4, Axis, concatenate};
use nin_core::{Model, Shape};
use nin_train::data::{load_image, npz};
use nin_train::engine::arrays::{Maps, activation_bytes, activations, logits};
use nin_train::formats::npz::Npz;
use nin_train::support::text::{bytes, grouped};
use nin_train::support::{files, memory};

use super::super::{Console, Outcome};
use super::PredictArgs;

/// Reads the images of one argument (images × rows × columns × channels): all of an array file, or one picture in the
/// network's input shape.
pub fn read(path: &Path, input: Shape, invert: bool) -> Outcome<Array4<u8>> {
    let mut images = match npz::is_npz(path) || npz::is_npy(path) {
        true => npz::images(path)?,
        false => {
            let pixels = load_image(path, input.channels, input.rows, input.columns, false)?;
            let sides = (1, input.rows.into(), input.columns.into(), input.channels.into());
            Array4::from_shape_vec(sides, pixels)?
        }
    };
    if invert {
        images.mapv_inplace(|value| 255 - value);
    }
    Ok(images)
}

/// Writes the archive.
pub fn write(args: &PredictArgs, out: &Path, model: &Model<'_>, console: &Console) -> Outcome {
    let images = together(args, model.plan().spec().input())?;
    let count = images.dim().0;
    let mut file = Npz::new();
    file.add("images", &images)?;
    if args.activations {
        // The arrays, and the archive that holds them again.
        let needed = 2 * count as u64 * activation_bytes(model) as u64;
        if let Some(left) = memory::left().filter(|&left| left < needed) {
            return Err(format!(
                "the activations of {} images take {} of memory, and {} are left: give it fewer images",
                grouped(count as u64),
                bytes(needed),
                bytes(left)
            )
            .into());
        }
        let (logits, layers) = activations(model, images.view())?;
        file.add("logits", &logits)?;
        for layer in &layers {
            match &layer.maps {
                Maps::Floats(maps) => file.add(&layer.name(), maps)?,
                Maps::Bytes(maps) => file.add(&layer.name(), maps)?,
                _ => return Err("the model has activations of an unknown type".into()),
            }
        }
    } else {
        file.add("logits", &logits(model, images.view())?)?;
    }
    let file = file.into_bytes()?;
    files::write(out, &file)?;
    let what = if args.activations { "logits and activations" } else { "logits" };
    console.result(format_args!(
        "{}: {what} of {} images, {}",
        out.display(),
        grouped(count as u64),
        bytes(file.len() as u64)
    ));
    Ok(())
}

/// All images in one array. One that cannot be read is an error: the rows of the others would move.
fn together(args: &PredictArgs, input: Shape) -> Outcome<Array4<u8>> {
    let mut parts = Vec::new();
    for path in &args.images {
        let part = read(path, input, args.invert)?;
        let size = |images: &Array4<u8>| images.dim();
        if let Some(first) = parts.first() {
            let ((_, rows, columns, channels), (_, y, x, c)) = (size(first), size(&part));
            if (rows, columns, channels) != (y, x, c) {
                return Err(format!(
                    "{}: the images are {c}x{y}x{x}, those before are {channels}x{rows}x{columns}; one file of --npz \
                     holds images of one shape",
                    path.display()
                )
                .into());
            }
        }
        parts.push(part);
    }
    match parts.len() {
        1 => Ok(parts.swap_remove(0)),
        _ => {
            let views: Vec<ArrayView4<'_, u8>> = parts.iter().map(|part| part.view()).collect();
            Ok(concatenate(Axis(0), &views)?)
        }
    }
}
