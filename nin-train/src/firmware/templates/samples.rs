//! Test images, with the logits that the host computed for them.

/// Bytes of a row: its pixels, each with its channels.
pub const ROW: usize = {{row}};
{{rows_constant}}
/// Bytes of an image.
const IMAGE: usize = {{image}};

static PIXELS: [u8; {{count}} * IMAGE] = *include_bytes!("../samples.bin");

/// A test image.
pub struct Sample {
    pixels: &'static [u8],
    /// The index of its class.
    pub label: usize,
    /// The bits of the host's logits.
    pub logits: [u32; {{classes}}],
}

impl Sample {
    /// Returns row `y`.
    pub fn row(&self, y: usize) -> &'static [u8] {
        &self.pixels[y * ROW..][..ROW]
    }
}

const fn sample(index: usize, label: usize, logits: [u32; {{classes}}]) -> Sample {
    Sample { pixels: PIXELS.split_at(index * IMAGE).1.split_at(IMAGE).0, label, logits }
}

/// The test images.
#[rustfmt::skip]
pub static SAMPLES: [Sample; {{count}}] = [
{{samples}}];
