//! Classifies images with the network of `model.rs` on {{title}}.{{about}}
#![no_std]
#![no_main]

mod board;
{{camera}}mod clock;
mod memory;
mod model;
mod samples;

{{uses}}use board::{Board, entry, say};
use nin_core::{Answer, Network};
use samples::SAMPLES;
use static_cell::StaticCell;

/// The network's working memory: a few rows of each layer.
static STATE: StaticCell<model::State> = StaticCell::new();

#[entry]
fn main() -> ! {
    memory::paint_stack();
    let mut board = Board::start();
    say!(board, "nin: {} images on {}", SAMPLES.len(), board::NAME);

{{model}}    let state = STATE.init_with(|| [0; model::STATE_WORDS]);
    let Ok(mut network) = Network::<model::Weights>::new(model, state) else {
        panic!("the model is packed for another core")
    };

{{start}}    let (mut same, mut right, mut longest) = (0, 0, 0);
    for (index, sample) in SAMPLES.iter().enumerate() {
        let start = board.micros();
{{logits}}        let micros = board.micros() - start;

        let answer = model.answer(logits);
        let name = match answer {
            Answer::Class(class) => model.class_name(class).unwrap_or("class without a name"),
            Answer::Unknown => "none of these",
        };
        say!(board, "image {index}: {name} ({micros} us)");
        same += usize::from(logits.iter().map(|logit| logit.to_bits()).eq(sample.logits));
        right += usize::from(answer == sample.answer(model.decision().unknown));
        longest = longest.max(micros);
    }

    say!(board, "{same} of {} as on the host, bit for bit", SAMPLES.len());
    say!(board, "{right} of {} answers right, at most {longest} us for an image", SAMPLES.len());
    let (statics, stack) = (memory::statics(), memory::stack_used());
    say!(board, "RAM: {} bytes of state in {statics} of statics, {stack} of stack", 4 * model::STATE_WORDS);
    board.end(same == SAMPLES.len())
}
