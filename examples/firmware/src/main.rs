//! Classifies one picture with an 8-bit network and prints the result through the debugger.
#![no_std]
#![no_main]

use core::convert::Infallible;

use cortex_m_rt::entry;
use cortex_m_semihosting::{debug, hprintln};
use nin_core::{Aligned, Int8, Model, Network, Plan, Spec, WeightType, argmax};
use panic_semihosting as _;

/// The architecture. Every buffer size follows from this line at compile time.
const PLAN: Plan =
    Plan::new(Spec::new("1x28x28 nin5+2:32,32,32 max3/2 nin3+1:48,48,48 max3/2 nin3+1:64,64,64 nin3+1:10,10,10 gap"));
/// Working memory, in 32-bit words.
const STATE: usize = PLAN.state_words(WeightType::Int8);
const _: () = assert!(4 * STATE <= 8 * 1024, "the network does not fit the RAM budget");

/// The model stays in flash and is read in place.
static MODEL: &Aligned<[u8]> = &Aligned(*include_bytes!("../../../nin-embedded/models/fashion-int8.nin"));
/// One test image, 28 rows of 28 grey bytes. On your board a camera delivers the rows.
static IMAGE: [u8; 28 * 28] = *include_bytes!("../image.bin");

#[entry]
fn main() -> ! {
    // `read` checks the whole file: an error, or the model as it was written.
    let model = Model::read(&MODEL.0).expect("the model file is damaged");
    let mut state = [0; STATE];
    let mut network = Network::<Int8>::new(&model, &mut state).expect("the model is packed for another core");
    // The network asks for one row after the other. Reading a row may fail; inference cannot.
    let read_row = |y: usize, row: &mut [u8]| {
        row.copy_from_slice(&IMAGE[28 * y..][..28]);
        Ok::<(), Infallible>(())
    };
    let Ok(logits) = network.infer(read_row);
    let class = argmax(logits).and_then(|class| model.class_names().nth(class));
    hprintln!("{}", class.unwrap_or("no class"));
    hprintln!("{:?}", logits);
    debug::exit(debug::EXIT_SUCCESS);
    loop {}
}
