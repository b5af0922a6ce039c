/// Symbols of `memory.x`.
mod linker {
    unsafe extern "C" {
        pub static _models_start: u8;
        pub static _models_end: u8;
    }
}

/// Reads and checks the model at the beginning of the flash partition `MODELS`. Other bytes may follow it.
///
/// # Errors
///
/// If there is no model, or if it is damaged.
///
/// # Panics
///
/// If the model is of another network.
pub fn read() -> Result<Model<'static>, ModelError> {
    let (start, end) = (&raw const linker::_models_start, &raw const linker::_models_end);
    // SAFETY: the memory map has this region in flash, and the linker puts nothing there.
    let partition = unsafe { core::slice::from_raw_parts(start, end.addr() - start.addr()) };
    let model = match Model::read(partition) {
        Err(ModelError::TrailingBytes { expected, .. }) => Model::read(&partition[..expected as usize]),
        other => other,
    }?;
    assert!(model.plan().spec() == PLAN.spec(), "the model in the partition is of another network");
    Ok(model)
}
