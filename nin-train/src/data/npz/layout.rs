//! The order of the axes of an array of images.

use ndarray::{Array4, Axis, Ix3, Ix4};

use super::stored::Stored;
use crate::data::Result;

/// Returns the images of an array of `uint8`, as images × rows × columns × channels. In an array with four axes, the
/// axis of length 1 or 3 holds the channels: the last (channels last) or the second (channels first).
pub(super) fn channels_last(stored: Stored<'_>) -> Result<Array4<u8>> {
    let (place, shape) = (stored.place(), stored.listed_shape());
    let is_channels = |side: usize| matches!(side, 1 | 3);
    let first = match *stored.shape() {
        _ if stored.shape().contains(&0) => {
            return Err(place.wrong(format!("has the shape {shape}, so it is empty"), "add images"));
        }
        [_, _, _] => None,
        [_, second, _, last] => match (is_channels(second), is_channels(last)) {
            (false, true) => Some(false),
            (true, false) => Some(true),
            (true, true) => {
                return Err(place.wrong(
                    format!("has the shape {shape}, in which both the second and the last axis may be the channels"),
                    "give more rows and columns, or for one channel N × rows × columns",
                ));
            }
            (false, false) => {
                return Err(place.wrong(
                    format!("has the shape {shape}, in which neither the second nor the last axis has 1 or 3 channels"),
                    "give N × rows × columns × channels or N × channels × rows × columns",
                ));
            }
        },
        _ => {
            return Err(place.wrong(
                format!("has the shape {shape}, which is not a shape of images"),
                "give N × rows × columns, N × rows × columns × channels or N × channels × rows × columns",
            ));
        }
    };
    let pixels = stored.pixels()?;
    let unfit =
        |_| place.wrong(format!("has the shape {shape}, which is not a shape of images"), "give N × rows × columns");
    match first {
        None => Ok(pixels.into_dimensionality::<Ix3>().map_err(unfit)?.insert_axis(Axis(3))),
        Some(false) => pixels.into_dimensionality::<Ix4>().map_err(unfit),
        Some(true) => Ok(pixels.into_dimensionality::<Ix4>().map_err(unfit)?.permuted_axes([0, 2, 3, 1])),
    }
}
