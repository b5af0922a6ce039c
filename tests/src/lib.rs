//! The proof that every implementation here computes the same network.
//!
//! What the tests in `tests/` are made of, in the order in which one leans on another:
//!
//! - [`close`]: the one comparison of floating-point results;
//! - [`camera`]: a picture brought to a network's input, slowly, in exact fractions;
//! - [`oracle`]: the network computed slowly and obviously, whole maps in f64 or f32;
//! - [`mix`]: numbers for weights and images from a counter, so that no file of weights is needed;
//! - [`fixture`]: what PyTorch computes for two architectures, from `fixtures/*.json`;
//! - [`images`]: labelled images in memory, as the trainer reads them;
//! - [`random`]: random networks for property tests;
//! - [`model_file`]: a second writer of model files, from the document alone;
//! - [`engine`]: the streaming engine, run on memory that was poisoned before;
//! - [`integer`]: 8-bit networks computed slowly and obviously, from the document of their arithmetic alone;
//! - [`integer_file`]: a second writer of their model files, likewise;
//! - [`integer_random`]: random ones, at the ends of their ranges too;
//! - [`tflite`]: what TensorFlow Lite computes for an 8-bit network, tensor by tensor.
//!
//! `cargo test` runs every property on the same cases each time. To look for new ones:
//!
//! ```text
//! PROPTEST_CASES=5000 PROPTEST_RNG_SEED=$RANDOM cargo test -p nin-tests
//! ```

pub mod camera;
pub mod close;
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
