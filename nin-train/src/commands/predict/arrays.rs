//! `predict --npz`: writes the logits of all images, and the activations of each layer.

use std::path::{Path, PathBuf};

use ndarray::{Array2, Array4, ArrayView4, Axis, concatenate};
use nin_core::{Model, Shape};
use nin_train::data::{load_image, npz};
use nin_train::engine::arrays::{Maps, activation_bytes, activations, logits};
use nin_train::engine::streaming::StreamingError;
use nin_train::formats::npz::Npz;
use nin_train::support::files::FileError;
use nin_train::support::text::{bytes, grouped};
use nin_train::support::{files, memory};

use super::super::{Console, Outcome};

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

/// What to write.
pub struct Request<'a> {
    /// The network's file, for messages.
    pub network: &'a Path,
    /// Pictures and array files.
    pub images: &'a [PathBuf],
    /// Whether light becomes dark.
    pub invert: bool,
    /// Whether each layer's output is written, too.
    pub activations: bool,
    /// The file.
    pub out: &'a Path,
}

/// Writes the archive.
pub fn write(request: &Request<'_>, model: &Model<'_>, console: &Console) -> Outcome {
    let images = together(request, model.plan().spec().input())?;
    let count = images.dim().0;
    let mut file = Npz::new();
    file.add("images", &images)?;
    if request.activations {
        // The arrays, and the archive that holds them again.
        let needed = 2 * count as u64 * activation_bytes(model) as u64;
        if let Some(left) = memory::shortage(needed) {
            return Err(format!(
                "the activations of {} images need {} of memory, but {} are available: pass fewer images",
                grouped(count as u64),
                bytes(needed),
                bytes(left)
            )
            .into());
        }
        let (logits, layers) = activations(model, images.view())?;
        check(&logits, request)?;
        file.add("logits", &logits)?;
        for layer in &layers {
            match &layer.maps {
                Maps::Floats(maps) => file.add(&layer.name(), maps)?,
                Maps::Bytes(maps) => file.add(&layer.name(), maps)?,
            }
        }
    } else {
        let logits = logits(model, images.view())?;
        check(&logits, request)?;
        file.add("logits", &logits)?;
    }
    let file = file.into_bytes()?;
    files::write(request.out, &file)?;
    let what = if request.activations { "logits and activations" } else { "logits" };
    console.result(format_args!(
        "{}: {what} of {} images, {}",
        request.out.display(),
        grouped(count as u64),
        bytes(file.len() as u64)
    ));
    Ok(())
}

/// Checks that the logits are finite numbers.
fn check(logits: &Array2<f32>, request: &Request<'_>) -> Outcome {
    match logits.iter().all(|logit| logit.is_finite()) {
        true => Ok(()),
        false => Err(FileError::at(request.network)(StreamingError::NotFinite).into()),
    }
}

/// Returns all images in one array. One that cannot be read is an error, since the array's indices follow the arguments.
fn together(request: &Request<'_>, input: Shape) -> Outcome<Array4<u8>> {
    let mut parts = Vec::new();
    for path in request.images {
        let part = read(path, input, request.invert)?;
        let size = |images: &Array4<u8>| images.dim();
        if let Some(first) = parts.first() {
            let ((_, rows, columns, channels), (_, y, x, c)) = (size(first), size(&part));
            if (rows, columns, channels) != (y, x, c) {
                return Err(format!(
                    "{}: the images are {c}x{y}x{x}, but the previous ones {channels}x{rows}x{columns}; a file of --npz \
                     has images of one shape",
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
