//! Test images, with the logits that the host computed for them.

use nin_core::Answer;

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
    label: usize,
    /// The bits of the host's logits.
    pub logits: [u32; {{classes}}],
}

impl Sample {
    /// Returns row `y`.
    pub fn row(&self, y: usize) -> &'static [u8] {
        &self.pixels[y * ROW..][..ROW]
    }

    /// Returns the right answer; `unknown` is the class of images that belong to no class, if the model has one.
    pub fn answer(&self, unknown: Option<u16>) -> Answer {
        match unknown {
            Some(unknown) if usize::from(unknown) == self.label => Answer::Unknown,
            _ => Answer::Class(self.label),
        }
    }
}

const fn sample(index: usize, label: usize, logits: [u32; {{classes}}]) -> Sample {
    Sample { pixels: PIXELS.split_at(index * IMAGE).1.split_at(IMAGE).0, label, logits }
}

/// The test images.
#[rustfmt::skip]
pub static SAMPLES: [Sample; {{count}}] = [
{{samples}}];
