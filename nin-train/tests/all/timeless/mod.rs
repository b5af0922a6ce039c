//! Runs compared byte by byte.

use nin_train::training::checkpoint::Checkpoint;

/// Returns a checkpoint's bytes, without how long its run took.
pub fn bytes(mut checkpoint: Checkpoint) -> Vec<u8> {
    for report in &mut checkpoint.history {
        (report.seconds, report.images_per_second) = (0.0, 0.0);
    }
    checkpoint.position.seconds = 0.0;
    checkpoint.to_bytes()
}
