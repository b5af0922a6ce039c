//! A camera drives the timing: its interrupt puts rows into a queue, the main loop pushes them into the network.
//!
//!     cargo run -p nin-core --example camera -- [MODEL.nin [IMAGES.idx]]
//!
//! The model has 8-bit weights and takes images of 1×28×28. A thread replaces the interrupt.

mod common;

use std::error::Error;
use std::thread;

use heapless::spsc::Queue;
use nin_core::{Int8, Model, Network, argmax};

const ROWS: usize = 28;

fn main() -> Result<(), Box<dyn Error>> {
    let file = common::ModelBytes::read("nin-embedded/models/fashion-int8.nin")?;
    let model = Model::read(file.bytes())?;
    let mut state = vec![0; model.state_words()];
    let mut network = Network::<Int8>::new(&model, &mut state)?;

    let images = common::images()?;
    let (rows, _) = images.as_chunks::<ROWS>();
    // The queue holds up to three rows: most rows need little time, but one that completes windows needs more.
    let mut queue: Queue<[u8; ROWS], 4> = Queue::new();
    let (mut camera, mut arrived) = queue.split();
    thread::scope(|scope| {
        scope.spawn(move || {
            for &row in rows {
                // A real camera does not wait: on a board a full queue loses the frame, so make the queue longer.
                while camera.enqueue(row).is_err() {
                    thread::yield_now();
                }
            }
        });
        for _ in rows.chunks_exact(ROWS) {
            for _ in 0..ROWS {
                let row = loop {
                    // On a board: sleep until the next interrupt (`wfi`).
                    match arrived.dequeue() {
                        Some(row) => break row,
                        None => thread::yield_now(),
                    }
                };
                network.push_row(&row)?;
            }
            let class = argmax(network.finish()?).unwrap_or(0);
            println!("{}", model.class_name(class).unwrap_or("a class without a name"));
        }
        Ok(())
    })
}
