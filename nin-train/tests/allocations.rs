//! A training step allocates its memory once: later allocations are only the threads' bookkeeping, and never as large
//! as images, maps or parameters.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

use nin_core::{Plan, Shape, Spec};
use nin_train::data::Augment;
use nin_train::data::Dataset;
use nin_train::engine::distill::{Distill, Teacher};
use nin_train::network::parameters::{Init, initial};
use nin_train::network::preprocessing::Preprocessing;
use nin_train::training::checkpoint::Checkpoint;
use nin_train::training::optim::Optimizer;
use nin_train::{Recipe, Trainer};

/// Bytes allocated since the program began.
static TAKEN: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: the system's allocator does all the work; only a counter is added.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        TAKEN.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller ensures it.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller ensures it.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Far less than the 36 KB of one image's largest map here.
const BOOKKEEPING: usize = 16 << 10;

#[test]
fn a_step_allocates_nothing_large() {
    let shape = Shape { channels: 1, rows: 24, columns: 24 };
    let bytes = (0..200 * shape.len()).map(|i| (i * 7 % 251) as u8).collect();
    let labels = (0..200).map(|i| i % 4).collect();
    let data = Dataset::new(bytes, shape, labels, ["a", "b", "c", "d"].map(String::from).to_vec()).unwrap();
    let spec = Spec::new("1x24x24 nin5+2:16,16 max3/2 drop0.2 nin3+1:32,32 gap fc4");
    let plain = Recipe { batch: 20, ..Recipe::default() };
    let whole = Recipe {
        optimizer: Optimizer::Sgd { momentum: 0.9, decay: 1e-4, nesterov: true },
        augment: Augment { flip: true, crop: 2, rotate: 10, erase: 0.5, brightness: 0.2, contrast: 0.2 },
        mixup: 0.4,
        batch_norm: Some(5),
        distill: Some(Distill::default()),
        balanced: true,
        ema: 0.9,
        ..plain.clone()
    };
    for recipe in [plain, whole] {
        let parameters = initial(&Plan::new(spec), Init::He, 1);
        let teachers = match recipe.distill {
            Some(_) => vec![Teacher { spec, parameters: parameters.clone() }],
            None => Vec::new(),
        };
        let begun = Checkpoint::begin(&spec, recipe, Preprocessing::unit(1), data.class_names().to_vec(), parameters);
        let mut trainer = Trainer::resume(Checkpoint { teachers, ..begun }, 2).unwrap();
        let mut before = None;
        let mut most = 0;
        trainer
            .epoch(&data, |progress| {
                let now = TAKEN.load(Ordering::Relaxed);
                // In the first steps, each thread allocates its memory.
                if let Some(before) = before.replace(now).filter(|_| progress.step > 4) {
                    most = most.max(now - before);
                }
                ControlFlow::Continue(())
            })
            .unwrap();
        assert!(before.is_some() && most < BOOKKEEPING, "a step took {most} bytes");
    }
}
