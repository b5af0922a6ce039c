/// The model file stays in flash and is read in place.
static FILE: &Aligned<[u8]> = &Aligned(*include_bytes!("../model.nin"));

/// The model. It is checked while the program compiles.
#[allow(long_running_const_eval)]
pub static MODEL: Model<'static> = match Model::read(&FILE.0) {
    Ok(model) => model,
    Err(_) => panic!("the model file is damaged"),
};
