//! Files out (and in): the model file of a device, ONNX, safetensors, arrays for NumPy.

pub mod model_file;
pub mod npz;
pub mod onnx;
pub mod safetensors;
