//! All tests of this package in one program, a file each: one program is linked once, and runs its tests side by side.
//! `cargo test -p nin-tests --test all stream::` runs those of one file. (`../onnx.rs` is a program of its own: it needs the
//! feature `tract`.)

mod camera;
mod channels;
mod emulator;
mod export;
mod exporter;
mod integer;
mod logits;
mod model_file;
mod plan;
mod pytorch;
mod quantize;
mod readme;
mod stream;
mod tflite;
mod trainer;
mod trainer_pytorch;
