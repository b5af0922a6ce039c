//! generated
use nin_core::{Aligned, F16, Model, Network, NetworkError, Plan, Spec, WeightType};
/// Architecture.
pub const LINE: &str = "1x28x28 nin5+2:32,32,32 max3/2 nin3+1:48,48,48 max3/2 nin3+1:64,64,64 nin3+1:10,10,10 gap";
/// Plan.
pub const PLAN: Plan = Plan::new(Spec::new(LINE));
/// State.
pub type State = [u32; PLAN.state_words(WeightType::F16)];
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
/// If this build of nin-core has no kernels for the model's layout.
pub fn network(state: &mut State) -> Result<Network<'_, F16>, NetworkError> {
    Network::new(&MODEL, state)
}
