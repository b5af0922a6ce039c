//! Rows from an interrupt to the network, through a queue without locks.
//!
//! Here SysTick replaces the camera: it delivers the rows of the test images, one each millisecond. On your board, call
//! [`row_is_due`] from your camera's line interrupt or from the end of a DMA transfer.

use core::cell::RefCell;

use critical_section::Mutex;
use heapless::spsc::{Consumer, Producer, Queue};
use static_cell::StaticCell;

use crate::samples::{ROW, ROWS, SAMPLES};

/// The pixels of a row.
pub type Row = [u8; ROW];

/// Size of the queue: one more than the three rows that it can hold while the network computes.
const ROOM: usize = 4;

static QUEUE: StaticCell<Queue<Row, ROOM>> = StaticCell::new();
static CAMERA: Mutex<RefCell<Option<Camera>>> = Mutex::new(RefCell::new(None));

/// The interrupt's half of the queue.
struct Camera {
    rows: Producer<'static, Row>,
    next: usize,
}

/// Starts the camera. Call it once; returns the rows.
pub fn start() -> Consumer<'static, Row> {
    let (producer, consumer) = QUEUE.init(Queue::new()).split();
    critical_section::with(|cs| CAMERA.replace(cs, Some(Camera { rows: producer, next: 0 })));
    consumer
}

/// The interrupt: puts a row into the queue. A camera cannot wait and loses a row if the queue is full; this one waits.
pub fn row_is_due() {
    critical_section::with(|cs| {
        let Some(camera) = &mut *CAMERA.borrow_ref_mut(cs) else { return };
        let Some(sample) = SAMPLES.get(camera.next / ROWS) else { return };
        if camera.rows.ready() {
            let mut row = [0; ROW];
            row.copy_from_slice(sample.row(camera.next % ROWS));
            let _ = camera.rows.enqueue(row);
            camera.next += 1;
        }
    });
}
