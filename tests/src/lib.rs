//! Slow reference implementations, second writers and fixtures for the parity tests.
//!
//! The modules, each using only those above it:
//!
//! - [`close`]: comparison of floating-point results;
//! - [`camera`]: a picture brought to a network's input, slowly, in exact fractions;
//! - [`oracle`]: a slow, simple network: whole maps in f64 or f32;
//! - [`mix`]: weights and images from a counter, so that no file of weights is needed;
//! - [`fixture`]: PyTorch's results for two architectures, from `fixtures/*.json`;
//! - [`images`]: labelled images in memory, as the trainer reads them;
//! - [`random`]: random networks for property tests;
//! - [`model_file`]: a second writer of model files, written from the document alone;
//! - [`engine`]: runs the streaming engine on poisoned memory;
//! - [`integer`]: a slow, simple 8-bit network, written from the document of its arithmetic alone;
//! - [`integer_file`]: a second writer of 8-bit model files, written from the document alone;
//! - [`integer_random`]: random 8-bit networks, including the ends of their ranges;
//! - [`affine`]: a slow, simple 8-bit network with zero points, written from the same document;
//! - [`affine_random`]: random networks of that kind;
//! - [`tflite`]: TensorFlow Lite's results for an 8-bit network, tensor by tensor;
//! - [`damage`]: damaged copies of files.
//!
//! `cargo test` runs the same cases each time. To try new cases:
//!
//! ```text
//! PROPTEST_CASES=5000 PROPTEST_RNG_SEED=$RANDOM cargo test -p nin-tests
//! ```

pub mod affine;
pub mod affine_random;
pub mod camera;
pub mod close;
pub mod damage;
pub mod emulator;
pub mod engine;
pub mod fixture;
pub mod formula;
pub mod images;
pub mod integer;
pub mod integer_file;
pub mod integer_random;
pub mod mix;
pub mod model_file;
pub mod oracle;
pub mod random;
pub mod tflite;
pub mod tflite_import;
