//! Classifies frames of a camera that is larger than the network's input; a [`FrameReader`] resizes its rows.

use core::hint::black_box;

use nin_core::camera::{FrameReader, PixelFormat, Rgb565Be, camera_words};
use nin_core::{Network, NetworkError, Shape};

use super::{PerMac, print};
use crate::{Board, Error, LevelFormat, formula_level, say};

/// Returns rows and columns of the camera's frame for a network: more than twice its rows and three times its columns,
/// and no multiple of them.
pub fn frame(input: Shape) -> (u16, u16) {
    (2 * input.rows + 5, 3 * input.columns + 1)
}

/// Returns byte `at` of the camera's frames, which are RGB565 with the upper byte first.
pub fn byte(counter: u64, at: usize) -> u8 {
    formula_level(counter + at as u64) as u8
}

/// Classifies `count` frames whose bytes are computed by a formula, starting at a counter, and prints the answers.
/// `memory` holds the reader, a row of the camera and a row of the network.
pub(super) fn show<F: LevelFormat>(
    board: &impl Board,
    mut network: Network<'_, F>,
    counter: u64,
    count: usize,
    memory: &mut [u32],
) -> Result<(), Error> {
    let model = network.model();
    let input = model.plan().spec().input();
    let (rows, columns) = frame(input);
    let length = Rgb565Be::line_bytes(columns.into());
    let (reader_words, line_words, row_words) = (camera_words(input), length.div_ceil(4), input.row().div_ceil(4));
    let (needed, found) = (reader_words + line_words + row_words, memory.len());
    if found < needed {
        return Err(Error::Network(NetworkError::State { needed, found }));
    }
    let (reader, memory) = memory.split_at_mut(reader_words);
    let (line, row) = memory.split_at_mut(line_words);
    let line = &mut bytemuck::cast_slice_mut(line)[..length];
    let bytes = &mut bytemuck::cast_slice_mut(row)[..input.row()];
    let mut reader = FrameReader::<Rgb565Be>::new((rows, columns), input, reader)?;
    for index in 0..count {
        let start = board.clock();
        let logits = network.infer(|_, row| {
            let first = index * usize::from(rows) * length;
            let read_line = |y: usize, line: &mut [u8]| {
                let at = first + y * length;
                line.iter_mut().enumerate().for_each(|(x, value)| *value = byte(counter, at + x));
                Ok::<(), Error>(())
            };
            reader.read_row(line, read_line, bytes)?;
            let channels = usize::from(input.channels);
            F::write_row(model, row, |x, channel| f32::from(bytes[x * channels + channel]));
            Ok::<(), Error>(())
        })?;
        print(board, model, (index, None), logits, board.clock() - start);
        // The time of the reader alone, without the formula and the network.
        let start = board.clock();
        for _ in 0..rows {
            black_box(reader.push(black_box(line))?);
        }
        let reading = board.clock() - start;
        let pixels = u64::from(rows) * u64::from(columns);
        say!(board, "    reader: {} {} per pixel of the camera", PerMac(reading, pixels), board.unit());
    }
    say!(board, "camera of {columns} columns and {rows} rows, reader: {} bytes", 4 * reader_words);
    Ok(())
}
