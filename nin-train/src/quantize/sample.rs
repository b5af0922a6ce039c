//! The images for calibration.

use nin_core::Shape;

use super::CalibrationError;
use crate::data::Dataset;
use crate::engine::streaming::fitted;
use crate::network::trained::Trained;
use crate::support::random::{Purpose, Stream};

/// Returns up to `count` images of a data set, always the same ones, in the network's shape: rows × columns × channels
/// bytes.
///
/// # Errors
///
/// [`CalibrationError`] if there is no image, or images have other channels than the network's input.
pub fn sample(data: &Dataset, input: Shape, count: usize) -> Result<Vec<Vec<u8>>, CalibrationError> {
    // A data set has fewer than 2³² images: their bytes are in memory.
    let mut order: Vec<u32> = (0..data.len() as u32).collect();
    Stream::new(0, Purpose::Order, 0, 0).shuffle(&mut order);
    let image = |index: u32| Some(fitted(data.image(index as usize), data.shape(), input)?.into_owned());
    let images: Option<Vec<Vec<u8>>> = order.iter().take(count).map(|&index| image(index)).collect();
    match images {
        Some(images) if images.is_empty() => Err(CalibrationError::NoImages),
        Some(images) => Ok(images),
        None => {
            let text = format!("images of {} do not fit the network's {input}", data.shape());
            Err(CalibrationError::Images(text))
        }
    }
}

/// Checks that there are images, that they fit the network, and that not all of their pixels are equal.
pub(super) fn check_images(trained: &Trained, images: &[Vec<u8>]) -> Result<(), CalibrationError> {
    let input = trained.spec.input();
    match images.iter().find(|image| image.len() != input.len()) {
        Some(image) => {
            let text = format!("an image of {} bytes does not fit the network's {input}", image.len());
            Err(CalibrationError::Images(text))
        }
        None => match images.iter().flatten().next() {
            None => Err(CalibrationError::NoImages),
            Some(&value) if images.iter().flatten().all(|&other| other == value) => {
                Err(CalibrationError::Constant(value))
            }
            Some(_) => Ok(()),
        },
    }
}
