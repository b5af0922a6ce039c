//! File formats: the model file of a device, ONNX, safetensors, TensorFlow Lite, arrays for NumPy.
//! [`lowering`] makes lines of what the importers read.
//!
//! [`open`] reads a network from any file that contains one, including checkpoints.
//!
//! Imports [`support`](crate::support), [`network`](crate::network), [`integers`](crate::integers) and, for
//! checkpoints, [`training`](crate::training).

pub mod foreign;
pub mod lowering;
pub mod model_file;
pub mod npz;
pub mod onnx;
pub mod open;
pub mod safetensors;
pub mod tflite;
