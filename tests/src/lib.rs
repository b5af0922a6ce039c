//! The proof that every implementation here computes the same network.
//!
//! Five things that the tests in `tests/` are made of, in the order in which they lean on one another:
//!
//! - [`close`]: the one comparison of floating-point results;
//! - [`oracle`]: the network computed slowly and obviously, whole maps in f64;
//! - [`mix`]: numbers for weights and images from a counter, so that no file of weights is needed;
//! - [`fixture`]: what PyTorch computes for two architectures, from `fixtures/*.json`;
//! - [`random`]: random networks for property tests.
//!
//! `cargo test` runs every property on the same cases each time. To look for new ones:
//!
//! ```text
//! PROPTEST_CASES=5000 PROPTEST_RNG_SEED=$RANDOM cargo test -p nin-tests
//! ```

pub mod close;
pub mod fixture;
pub mod mix;
pub mod oracle;
pub mod random;
