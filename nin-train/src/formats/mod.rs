//! Files out (and in): the model file of a device, ONNX, safetensors.

pub mod model_file;
pub mod onnx;
pub mod safetensors;
