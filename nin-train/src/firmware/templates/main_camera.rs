//! Classifies images with the network of `model.rs` on {{title}}. An interrupt delivers the rows.
#![no_std]
#![no_main]

mod board;
mod camera;
mod clock;
mod memory;
mod model;
mod samples;

use board::{Board, entry, say};
use nin_core::{Answer, Network};
use samples::{ROWS, SAMPLES};
use static_cell::StaticCell;

/// The network's working memory: a few rows of each layer.
static STATE: StaticCell<model::State> = StaticCell::new();

#[entry]
fn main() -> ! {
    memory::paint_stack();
    let mut board = Board::start();
    say!(board, "nin: {} images on {}", SAMPLES.len(), board::NAME);

    let Ok(model) = model::read() else { panic!("{{broken}}") };
    let state = STATE.init_with(|| [0; model::STATE_WORDS]);
    let Ok(mut network) = Network::<model::Weights>::new(&model, state) else {
        panic!("the model is packed for another core")
    };

    let (mut same, mut right, mut rows) = (0, 0, camera::start());
    for (index, sample) in SAMPLES.iter().enumerate() {
        let mut y = 0;
        while y < ROWS {
            // The interrupt fills the queue while the network computes.
            let Some(row) = rows.dequeue() else { continue };
            // An error would mean that the row has another length.
            y += usize::from(network.push_row(&row).is_ok());
        }
        let Ok(logits) = network.finish() else { panic!("rows are missing") };

        let answer = model.answer(logits);
        let name = match answer {
            Answer::Class(class) => model.class_name(class).unwrap_or("class without a name"),
            Answer::Unknown => "none of these",
        };
        say!(board, "image {index}: {name}");
        same += usize::from(logits.iter().map(|logit| logit.to_bits()).eq(sample.logits));
        right += usize::from(answer == sample.answer(model.decision().unknown));
    }

    say!(board, "{same} of {} as on the host, bit for bit", SAMPLES.len());
    say!(board, "{right} of {} answers right, {} us in all", SAMPLES.len(), board.micros());
    let (statics, stack) = (memory::statics(), memory::stack_used());
    say!(board, "RAM: {} bytes of state in {statics} of statics, {stack} of stack", 4 * model::STATE_WORDS);
    board.end(same == SAMPLES.len())
}
