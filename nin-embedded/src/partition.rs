//! A model that is not part of the firmware.

use nin_core::{Model, ModelError};

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
