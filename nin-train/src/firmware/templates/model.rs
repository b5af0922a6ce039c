//! The network. Every size follows from its line at compile time.

use {{uses}};

/// Shapes, sizes and operations.
#[rustfmt::skip]
pub const PLAN: Plan = Plan::new(Spec::new({{line}}));

/// Type of the weights; the model file is packed for this core.
pub type Weights = {{weights}};

/// The network's working memory in 32-bit words.
pub const STATE_WORDS: usize = PLAN.state_words(WeightType::{{weights_name}});

/// The network's working memory.
pub type State = [u32; STATE_WORDS];

const _: () = assert!(4 * STATE_WORDS <= {{state_budget}}, "the network does not fit its share of the RAM");

{{file}}
