//! A model that is not part of the firmware, and test images for it.

use nin_core::{Model, ModelError, TestImages, TestImagesError};

/// Reads the model that stands at the beginning of a flash partition, whatever follows it there.
///
/// # Errors
///
/// As [`Model::read`]; an erased partition does not begin as a model file does.
pub fn model_in(partition: &[u8]) -> Result<Model<'_>, ModelError> {
    match Model::read(partition) {
        Err(ModelError::TrailingBytes { expected, .. }) => Model::read(&partition[..expected as usize]),
        other => other,
    }
}

/// Reads the test images that follow the model in a flash partition, at the next multiple of 16 bytes; `None` if there
/// are none. `scripts/run.sh` puts them there.
///
/// # Errors
///
/// As [`TestImages::read`], for a file that ends early or holds no pixels.
pub fn images_in(partition: &[u8]) -> Result<Option<TestImages<'_>>, TestImagesError> {
    let Err(ModelError::TrailingBytes { expected, .. }) = Model::read(partition) else { return Ok(None) };
    match partition.get((expected as usize).next_multiple_of(16)..).map(TestImages::read) {
        None | Some(Err(TestImagesError::Magic)) => Ok(None),
        Some(images) => images.map(Some),
    }
}
