//! The list of a tile's parts.

use core::mem::MaybeUninit;

use super::task::Part;
use crate::kernel::operands::Patch;

/// The most parts of a list. A tile over an edge of a map has up to four in each row of its windows.
const PARTS: usize = 32;

/// The bytes that stand in for padding.
static ZEROS: [u8; 64] = [0; 64];

/// Room for the parts of a list, and for its end where kernels read that.
pub type Room = [MaybeUninit<Part>; PARTS + cfg!(nin_mve) as usize];

/// Returns room for a list. It is not part of a [`List`], which the compiler would fill with zeros together with it.
#[inline(always)]
pub fn room() -> Room {
    [MaybeUninit::uninit(); size_of::<Room>() / size_of::<Part>()]
}

/// The parts of the windows of 1, 2 or 4 pixels.
pub struct List<'r> {
    parts: &'r mut Room,
    /// Parts that are written.
    length: usize,
    inputs: usize,
    pixels: usize,
}

/// Columns of the windows that are all on the map, or all beside it, for each pixel.
#[derive(Clone, Copy)]
struct Segment {
    from: usize,
    end: usize,
    on: [bool; 4],
}

impl<'r> List<'r> {
    /// Returns an empty list for `pixels` pixels.
    #[inline(always)]
    pub fn new(parts: &'r mut Room, pixels: usize) -> Self {
        List { parts, length: 0, inputs: 0, pixels }
    }

    /// Returns the number of inputs of one pixel in all parts.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Returns the parts.
    #[inline(always)]
    pub fn parts(&self) -> &[Part] {
        let written = &self.parts[..self.length];
        // SAFETY: the parts up to `length` are written.
        unsafe { core::slice::from_raw_parts(written.as_ptr().cast(), written.len()) }
    }

    /// Adds as many inputs of every pixel. Returns whether there was room.
    #[inline(always)]
    pub fn push(&mut self, x: [&[u8]; 4]) -> bool {
        let length = x[0].len();
        debug_assert!(length > 0 && x.iter().all(|x| x.len() == length));
        let Some(part) = self.parts[..PARTS].get_mut(self.length) else { return false };
        part.write(Part::new(x.map(<[u8]>::as_ptr), length));
        (self.length, self.inputs) = (self.length + 1, self.inputs + length);
        true
    }

    /// Writes the end behind the parts; `beyond` is the number of inputs that are in no part.
    #[cfg(nin_mve)]
    #[inline(always)]
    pub fn end(&mut self, beyond: usize) {
        self.parts[self.length].write(Part::end(beyond));
    }

    /// Adds the windows of all pixels, without their rows above and below the map. Returns whether there was room for
    /// them, and anything to add.
    #[inline(always)]
    pub fn windows(&mut self, patch: &Patch<'_, u8>, quad: &[usize; 4]) -> bool {
        let (first, last) = (quad[0], quad[self.pixels - 1]);
        if patch.flat {
            // One row of one column.
            return self.push(quad.map(|pixel| &patch.lines[pixel * patch.channels..][..patch.channels]));
        }
        // Windows are further right from pixel to pixel.
        if patch.valid(first).0 > 0 || patch.valid(last).1 < patch.kernel {
            return self.over_an_edge(patch, quad);
        }
        let run = patch.kernel * patch.channels;
        let at = quad.map(|pixel| patch.at(pixel, 0));
        for y in patch.rows.0..patch.rows.1 {
            let line = patch.line(y);
            if !self.push(at.map(|at| &line[at..][..run])) {
                return false;
            }
        }
        self.length > 0
    }

    /// The same for windows that are not all on the map.
    #[inline(never)]
    fn over_an_edge(&mut self, patch: &Patch<'_, u8>, quad: &[usize; 4]) -> bool {
        let channels = patch.channels;
        let mut segments = [Segment { from: 0, end: 0, on: [false; 4] }; 9];
        let segments = segments_of(patch, quad, &mut segments);
        for y in patch.rows.0..patch.rows.1 {
            let line = patch.line(y);
            for segment in segments {
                let inputs = (segment.end - segment.from) * channels;
                let piece = if segment.on == [true; 4] { inputs } else { ZEROS.len() };
                for done in (0..inputs).step_by(piece) {
                    let count = piece.min(inputs - done);
                    let x = [0, 1, 2, 3].map(|index| match segment.on[index] {
                        true => &line[patch.at(quad[index], segment.from) + done..][..count],
                        false => &ZEROS[..count],
                    });
                    if !self.push(x) {
                        return false;
                    }
                }
            }
        }
        self.length > 0
    }
}

/// Cuts the columns of the windows where one of them begins or ends to be on the map.
fn segments_of<'s>(patch: &Patch<'_, u8>, quad: &[usize; 4], segments: &'s mut [Segment; 9]) -> &'s [Segment] {
    let valid = quad.map(|pixel| patch.valid(pixel));
    let mut cuts = [0; 10];
    cuts[9] = patch.kernel;
    for (cuts, (left, right)) in cuts[1..9].as_chunks_mut().0.iter_mut().zip(valid) {
        *cuts = [left, right];
    }
    cuts.sort_unstable();
    let mut count = 0;
    for cut in cuts.windows(2).filter(|cut| cut[0] < cut[1]) {
        let on = valid.map(|(left, right)| left <= cut[0] && cut[1] <= right);
        segments[count] = Segment { from: cut[0], end: cut[1], on };
        count += 1;
    }
    &segments[..count]
}
