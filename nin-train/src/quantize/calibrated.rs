//! Post-training quantisation by the arithmetic that the layers of a line need.

use super::{CalibrationError, Options, Report, post_training, with_zero_points};
use crate::formats::model_file::Integers;
use crate::network::architecture::beyond_unsigned;
use crate::network::trained::Trained;

/// Quantises a trained network: by [`post_training`], whose arithmetic is faster, if its line allows that, otherwise
/// by [`with_zero_points`].
///
/// # Errors
///
/// As these two.
pub fn calibrated(
    trained: &Trained,
    images: &[Vec<u8>],
    options: &Options,
    progress: impl FnMut(usize, usize),
) -> Result<(Integers, Report), CalibrationError> {
    if beyond_unsigned(&trained.spec).is_none() {
        let (model, report) = post_training(trained, images, options, progress)?;
        return Ok((Integers::Unsigned(model), report));
    }
    let (model, report) = with_zero_points(trained, images, options, progress)?;
    Ok((Integers::Affine(model), report))
}
