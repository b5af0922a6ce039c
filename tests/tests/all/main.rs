//! All tests of this package in one program, one file per subject, so that only one program is linked. `cargo test -p
//! nin-tests --test all stream::` runs those of one file. (`../onnx.rs` is a separate program because it needs the
//! feature `tract`.)

mod affine;
mod camera;
mod channels;
mod emulator;
mod export;
mod exporter;
mod family_pytorch;
mod float_models;
mod integer;
mod logits;
mod model_file;
mod own_onnx;
mod plan;
mod pytorch;
mod quantize;
mod readme;
mod stream;
mod tflite;
mod tflite_models;
mod trainer;
mod trainer_pytorch;
