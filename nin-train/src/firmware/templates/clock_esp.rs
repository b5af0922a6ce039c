//! Time, from the chip's system timer.

use esp_hal::time::Instant;

/// Returns the microseconds since the start.
pub fn micros() -> u64 {
    Instant::now().duration_since_epoch().as_micros()
}
