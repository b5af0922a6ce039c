//! The images that a network is calibrated with.

use nin_core::Shape;

use super::QuantizeError;
use crate::dataset::{Dataset, resize_bilinear};
use crate::random::{Purpose, Stream};

/// Up to `count` images of a data set, the same each time, in the network's shape: rows × columns × channels bytes.
///
/// # Errors
///
/// [`QuantizeError`] if there is no image, or images have other channels than the network sees.
pub fn sample(data: &Dataset, input: Shape, count: usize) -> Result<Vec<Vec<u8>>, QuantizeError> {
    if data.shape().channels != input.channels {
        let text = format!("images of {} do not fit the network's {input}", data.shape());
        return Err(QuantizeError::Images(text));
    }
    // A data set has fewer than 2³² images: their bytes are in memory.
    let mut order: Vec<u32> = (0..data.len() as u32).collect();
    Stream::new(0, Purpose::Order, 0, 0).shuffle(&mut order);
    let images: Vec<Vec<u8>> =
        order.iter().take(count).map(|&index| resized(data.image(index as usize), data.shape(), input)).collect();
    if images.is_empty() { Err(QuantizeError::NoImages) } else { Ok(images) }
}

/// An image's bytes in another size.
fn resized(image: &[u8], shape: Shape, wanted: Shape) -> Vec<u8> {
    let size = |shape: Shape| (usize::from(shape.rows), usize::from(shape.columns));
    if size(shape) == size(wanted) {
        return image.to_vec();
    }
    let mut values = vec![0.0; wanted.len()];
    resize_bilinear(image, size(shape), wanted.channels.into(), &mut values, size(wanted));
    // A cast saturates.
    values.into_iter().map(|value| value.round() as u8).collect()
}
