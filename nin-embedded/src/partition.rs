//! Reads a model, and test images for it, from a flash partition outside the firmware.

use nin_core::{Model, ModelError, TestImages, TestImagesError};

/// Reads the model at the beginning of a flash partition. Other bytes may follow it.
///
/// # Errors
///
/// As [`Model::read`]. An erased partition gives [`ModelError::Magic`].
pub fn model_in(partition: &[u8]) -> Result<Model<'_>, ModelError> {
    match Model::read(partition) {
        Err(ModelError::TrailingBytes { expected, .. }) => Model::read(&partition[..expected as usize]),
        other => other,
    }
}

/// Reads the test images that follow the model in a flash partition, at the next multiple of 16 bytes; `None` if there
/// are none. `scripts/run.sh` places them there.
///
/// # Errors
///
/// As [`TestImages::read`], for a file that ends early or has no pixels.
pub fn images_in(partition: &[u8]) -> Result<Option<TestImages<'_>>, TestImagesError> {
    let Err(ModelError::TrailingBytes { expected, .. }) = Model::read(partition) else { return Ok(None) };
    match partition.get((expected as usize).next_multiple_of(16)..).map(TestImages::read) {
        None | Some(Err(TestImagesError::Magic)) => Ok(None),
        Some(images) => images.map(Some),
    }
}
