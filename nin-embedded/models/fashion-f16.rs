//! A Network in Network for 10 classes, ready to compile into a firmware.
//!
//! Made by nin-train 0.1.0 with
//!
//!     nin-train export runs/15/checkpoint --type f16 --out nin-embedded/models/fashion-f16.nin --rust nin-embedded/models/fashion-f16.rs
//!
//! Run that again rather than edit this file. The model is read from "fashion-f16.nin"
//! while the firmware compiles: a broken file, or a network over its memory budget, fails the build.
//!
//! | parameters | multiply-accumulates | weights |
//! | ---------: | -------------------: | ------: |
//! | 63542 | 6852640 | f16 |

#![allow(dead_code)] // Not every firmware uses everything.

use nin_core::{Aligned, F16, Model, Network, NetworkError, Plan, Spec, WeightType};

/// The architecture.
#[rustfmt::skip]
pub const LINE: &str = "1x28x28 nin5+2:32,32,32 max3/2 nin3+1:48,48,48 max3/2 nin3+1:64,64,64 nin3+1:10,10,10 gap";

/// Its shapes and sizes.
pub const PLAN: Plan = Plan::new(Spec::new(LINE));

/// Bytes of RAM that the network may take.
pub const RAM_BUDGET: usize = 19456;

/// The names of the classes by label.
#[rustfmt::skip]
pub const CLASSES: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

/// Working memory: rows on their way through the network. Put one into a `static` or on the stack.
pub type State = [u32; PLAN.state_words(WeightType::F16)];

/// Fresh working memory.
#[allow(clippy::large_const_arrays)] // It is copied once, into its place.
pub const STATE: State = [0; PLAN.state_words(WeightType::F16)];

const _: () = assert!(size_of::<State>() <= RAM_BUDGET, "the model does not fit its RAM budget");

#[rustfmt::skip]
static FILE: &Aligned<[u8]> = &Aligned(*include_bytes!("fashion-f16.nin"));

/// The model, read in place.
// Checking the file's CRC while compiling takes a while, and is meant to.
#[allow(long_running_const_eval)]
pub static MODEL: Model<'static> = match Model::read(&FILE.0) {
    Ok(model) => model,
    Err(_) => panic!("the model file is broken: export it again"),
};

/// The network, working in `state`.
///
/// # Errors
///
/// If this build of nin-core has no kernels for the packing of the weights.
pub fn network(state: &mut State) -> Result<Network<'_, F16>, NetworkError> {
    Network::new(&MODEL, state)
}
