/// The model stays in flash and is read in place.
static FILE: &Aligned<[u8]> = &Aligned(*include_bytes!("../model.nin"));

/// Reads and checks the model.
///
/// # Errors
///
/// If the file is damaged.
pub fn read() -> Result<Model<'static>, ModelError> {
    Model::read(&FILE.0)
}
