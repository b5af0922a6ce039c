//! A camera's rows become the network's rows by the definition, whatever format and size; a picture from a file gives
//! the same bytes.

use std::io::Cursor;

use nin_core::camera::{Bgr888, FrameError, FrameReader, Grey, PixelFormat, Rgb565Be, Rgb565Le, Rgb888, Yuyv, luma};
use nin_core::{Int8, Model, Network, Plan, Shape, Spec, WeightType};
use nin_tests::camera::{Picture, grey};
use nin_tests::formula;
use nin_tests::mix::mix;
use nin_tests::random;
use nin_train::data::{fit, load_image};
use proptest::prelude::*;

/// The rows that a reader makes of a frame, which it gets twice: the second frame must not depend on the first.
fn read<P: PixelFormat>(frame: &[u8], (rows, columns): (u16, u16), to: Shape) -> Vec<u8> {
    let mut memory = vec![0xa5a5_a5a5; nin_core::camera::camera_words(to)];
    let mut reader = FrameReader::<P>::new((rows, columns), to, &mut memory).unwrap();
    let length = P::line_bytes(columns.into());
    let mut pushed = [Vec::new(), Vec::new()];
    for out in &mut pushed {
        for line in frame.chunks_exact(length) {
            out.extend_from_slice(reader.push(line).unwrap().unwrap_or(&[]));
        }
    }
    let (mut line, mut pulled) = (vec![0; length], vec![0; to.len()]);
    let read_line = |y: usize, line: &mut [u8]| {
        line.copy_from_slice(&frame[y * length..][..length]);
        Ok::<(), FrameError>(())
    };
    pulled.chunks_exact_mut(to.row()).for_each(|row| reader.read_row(&mut line, read_line, row).unwrap());
    let mut again = Vec::new();
    for line in frame.chunks_exact(length) {
        again.extend_from_slice(reader.push(line).unwrap().unwrap_or(&[]));
    }
    assert_eq!(pushed[0], pushed[1], "the second frame differs");
    assert_eq!(pushed[0], again, "a pushed frame after a pulled one differs");
    assert_eq!(pushed[0], pulled, "pulled rows differ");
    pulled
}

/// A frame of a format as bytes, with the colours that the definition of the format gives.
fn bytes(rows: u16, columns: u16, per_pair: usize, seed: u64) -> Vec<u8> {
    let length = usize::from(rows) * usize::from(columns).div_ceil(2) * per_pair;
    (0..length).map(|i| (mix(seed ^ i as u64) >> 24) as u8).collect()
}

fn picture(rows: u16, columns: u16, colour: impl Fn(usize) -> [u8; 3]) -> Picture {
    let (rows, columns) = (usize::from(rows), usize::from(columns));
    Picture { rows, columns, pixels: (0..rows * columns).map(colour).collect() }
}

/// RGB565 by its definition in words: the level in parts of 31 or 63, its upper bits repeated below.
fn rgb565(pixel: u16) -> [u8; 3] {
    let repeat = |value: u16, bits: u32| {
        let text = format!("{value:0width$b}", width = bits as usize).repeat(2);
        u8::from_str_radix(&text[..8], 2).unwrap()
    };
    [repeat(pixel >> 11, 5), repeat(pixel >> 5 & 63, 6), repeat(pixel & 31, 5)]
}

proptest! {
    #![proptest_config(random::config(120))]

    #[test]
    fn every_format_agrees_with_the_definition(
        (rows, columns) in (1u16..40, 1u16..40),
        (more_rows, more_columns) in (0u16..70, 0u16..70),
        colour in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let to = Shape { channels: if colour { 3 } else { 1 }, rows, columns };
        let (rows, columns) = (rows + more_rows, columns + more_columns);
        let even = columns + columns % 2;
        let size = (rows, columns);

        let frame = bytes(rows, even, 2, seed);
        let frame = &frame[..usize::from(rows) * usize::from(columns)];
        let expected = picture(rows, columns, |i| [frame[i]; 3]).fitted(to);
        prop_assert_eq!(&read::<Grey>(frame, size, to), &expected);

        let frame = bytes(rows, even, 6, seed);
        let frame = &frame[..3 * usize::from(rows) * usize::from(columns)];
        let rgb = picture(rows, columns, |i| [frame[3 * i], frame[3 * i + 1], frame[3 * i + 2]]).fitted(to);
        prop_assert_eq!(&read::<Rgb888>(frame, size, to), &rgb);
        let expected = picture(rows, columns, |i| [frame[3 * i + 2], frame[3 * i + 1], frame[3 * i]]).fitted(to);
        prop_assert_eq!(&read::<Bgr888>(frame, size, to), &expected);
        // The trainer, from a picture in memory.
        let from = Shape { channels: 3, rows, columns };
        prop_assert_eq!(&fit(frame, from, to)[..], &rgb);

        let frame = bytes(rows, even, 4, seed);
        let frame = &frame[..2 * usize::from(rows) * usize::from(columns)];
        let colours = picture(rows, columns, |i| rgb565(u16::from_le_bytes([frame[2 * i], frame[2 * i + 1]])));
        let expected = colours.fitted(to);
        prop_assert_eq!(&read::<Rgb565Le>(frame, size, to), &expected);
        let swapped: Vec<u8> = frame.chunks_exact(2).flat_map(|pixel| [pixel[1], pixel[0]]).collect();
        prop_assert_eq!(&read::<Rgb565Be>(&swapped, size, to), &expected);
        // A picture with the same colours.
        let flat = colours.pixels.concat();
        prop_assert_eq!(&fit(&flat, from, to)[..], &expected);

        let frame = bytes(rows, columns, 4, seed);
        let line = 4 * usize::from(columns).div_ceil(2);
        let expected = picture(rows, columns, |i| {
            let (y, x) = (i / usize::from(columns), i % usize::from(columns));
            let pair = &frame[y * line + x / 2 * 4..][..4];
            let (level, u, v) = (f64::from(pair[2 * (x % 2)]), f64::from(pair[1]) - 128.0, f64::from(pair[3]) - 128.0);
            if !colour {
                return [level as u8; 3];
            }
            // Halves are rounded up; the coefficients are 256ths. A cast saturates.
            let near = |value: f64| (value + 0.5).floor();
            [level + near(359.0 / 256.0 * v), level - near((88.0 * u + 183.0 * v) / 256.0), level + near(454.0 / 256.0 * u)]
                .map(|value| value as u8)
        }).fitted(to);
        prop_assert_eq!(&read::<Yuyv>(&frame, size, to), &expected);
    }

    #[test]
    fn the_trainer_agrees_with_the_definition_at_any_size(
        (rows, columns) in (1u16..30, 1u16..30),
        (to_rows, to_columns) in (1u16..60, 1u16..60),
        colour in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let frame = bytes(rows, columns + columns % 2, 6, seed);
        let frame = &frame[..3 * usize::from(rows) * usize::from(columns)];
        let to = Shape { channels: if colour { 3 } else { 1 }, rows: to_rows, columns: to_columns };
        let expected = picture(rows, columns, |i| [frame[3 * i], frame[3 * i + 1], frame[3 * i + 2]]).fitted(to);
        prop_assert_eq!(&fit(frame, Shape { channels: 3, rows, columns }, to)[..], &expected);
        // Five channels: each as if it were grey.
        let plane = Shape { channels: 1, rows, columns };
        let five: Vec<u8> = frame.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], p[0], p[1]]).collect();
        let out = fit(&five, Shape { channels: 5, ..plane }, Shape { channels: 5, ..to }).into_owned();
        let third: Vec<u8> = frame.iter().skip(2).step_by(3).copied().collect();
        let expected = fit(&third, plane, Shape { channels: 1, ..to }).into_owned();
        prop_assert_eq!(out.iter().skip(2).step_by(5).copied().collect::<Vec<u8>>(), expected);
    }
}

/// Sums of 32 and of 64 bits give the same means, at the largest frame of 32-bit sums too.
#[test]
fn sums_do_not_overflow() {
    for (level, to) in [(255, 1), (254, 3), (1, 7)] {
        let to = Shape { channels: 1, rows: to, columns: to };
        let line = vec![level; 4096];
        let mut memory = vec![0; 100];
        let mut reader = FrameReader::<Grey>::new((4096, 4096), to, &mut memory).unwrap();
        let mut rows = 0;
        for _ in 0..4096 {
            if let Some(row) = reader.push(&line).unwrap() {
                assert!(row.iter().all(|&value| value == level), "{row:?}");
                rows += 1;
            }
        }
        assert_eq!(rows, to.rows);
    }
    let shape = Shape { channels: 1, rows: 4097, columns: 4096 };
    let to = Shape { channels: 1, rows: 4097, columns: 1 };
    let mut memory = vec![0; 10];
    let error =
        FrameReader::<Grey>::new((40_000, 40_000), Shape { rows: 5, columns: 5, ..to }, &mut memory).unwrap_err();
    assert!(error.to_string().contains("too many pixels"), "{error}");
    // The trainer takes wider sums there.
    let shape = Shape { rows: 4200, columns: 4200, ..shape };
    let image: Vec<u8> = (0..shape.len()).map(|i| if i / 2100 % 2 == 0 { 200 } else { 101 }).collect();
    let to = Shape { channels: 1, rows: 1, columns: 1 };
    assert_eq!(fit(&image, shape, to)[..], [151]);
    assert_eq!(fit(&image, shape, Shape { rows: 2, columns: 2, ..to })[..], [200, 101, 200, 101]);
}

/// A picture in a file, a frame of a camera with the same colours, and what the network reads row by row.
#[test]
fn a_file_and_a_camera_give_the_same_bytes_and_logits() {
    let (rows, columns) = (61u16, 97u16);
    let frame: Vec<u8> = (0..2 * 61 * 97u64).map(|i| mix(i) as u8).collect();
    let colours: Vec<u8> = frame.chunks_exact(2).flat_map(|p| Rgb565Be::rgb(p, 0)).collect();
    let mut png = Cursor::new(Vec::new());
    let image = image::RgbImage::from_raw(columns.into(), rows.into(), colours).unwrap();
    image.write_to(&mut png, image::ImageFormat::Png).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photo.png");
    std::fs::write(&path, png.into_inner()).unwrap();

    for line in ["3x24x20 nin3+1:6 max2/2 nin3+1:4 gap fc3", "1x24x20 nin3+1:6 max2/2 nin3+1:4 gap fc3"] {
        let spec: Spec = line.parse().unwrap();
        let to = spec.input();
        let loaded = load_image(&path, to.channels, to.rows, to.columns, false).unwrap();
        assert_eq!(loaded, read::<Rgb565Be>(&frame, (rows, columns), to));

        let file = formula::model(spec, WeightType::Int8, nin_core::Lanes::One);
        let file = nin_train::engine::streaming::ModelBytes::new(&file);
        let model = Model::read(file.bytes()).unwrap();
        let (mut first, mut second) = (vec![0; model.state_words()], vec![0; model.state_words()]);
        let mut memory = vec![0; Plan::new(spec).camera_words()];
        let mut reader = FrameReader::<Rgb565Be>::new((rows, columns), to, &mut memory).unwrap();
        let mut network = Network::<Int8>::new(&model, &mut first).unwrap();
        for line in frame.chunks_exact(2 * usize::from(columns)) {
            if let Some(row) = reader.push(line).unwrap() {
                network.push_row(row).unwrap();
            }
        }
        let pushed = network.finish().unwrap().to_vec();
        let mut network = Network::<Int8>::new(&model, &mut second).unwrap();
        let mut memory = vec![0; 2 * usize::from(columns)];
        let read_line = |y: usize, line: &mut [u8]| {
            line.copy_from_slice(&frame[y * line.len()..][..line.len()]);
            Ok::<(), FrameError>(())
        };
        let pulled = network.infer(|_, row| reader.read_row(&mut memory, read_line, row)).unwrap();
        assert_eq!(pushed, pulled);
        let mut state = nin_train::engine::streaming::Streaming::new(&model);
        assert_eq!(pushed, state.classify(&loaded, to).unwrap());
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let to = Shape { channels: 3, rows: 4, columns: 5 };
    let mut memory = [0; 19];
    let new = |frame, to, words: usize, memory: &mut [u32; 19]| {
        FrameReader::<Yuyv>::new(frame, to, &mut memory[..words]).map(drop).map_err(|error| error.to_string())
    };
    assert!(new((4, 5), to, 19, &mut memory).is_ok());
    assert!(new((4, 5), to, 18, &mut memory).unwrap_err().contains("needs 19 words of memory, there are 18"));
    assert!(new((3, 50), to, 19, &mut memory).unwrap_err().contains("smaller than the network's input 3x4x5"));
    let two = Shape { channels: 2, ..to };
    assert!(new((8, 8), two, 19, &mut memory).unwrap_err().contains("has 2"));
    let mut reader = FrameReader::<Yuyv>::new((4, 5), to, &mut memory).unwrap();
    assert_eq!(reader.push(&[0; 10]), Err(FrameError::Line { expected: 12, found: 10 }));
    let mut row = [0; 15];
    // A camera's error ends the frame; the next one is whole.
    let error = reader.read_row(&mut [0; 12], |_, _| Err(FrameError::Channels(9)), &mut row);
    assert_eq!(error, Err(FrameError::Channels(9)));
    assert_eq!(
        reader.read_row::<FrameError>(&mut [0; 12], |_, _| Ok(()), &mut row[..3]).unwrap_err().to_string(),
        "a row of the network's input has 15 bytes, this one has 3"
    );
}

#[test]
fn grey_levels_keep_their_value() {
    for level in 0..=255 {
        assert_eq!(luma([level; 3]), level);
        assert_eq!(grey([level; 3]), i128::from(level));
    }
    assert_eq!([luma([255, 0, 0]), luma([0, 255, 0]), luma([0, 0, 255])], [77, 149, 29]);
}
