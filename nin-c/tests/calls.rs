//! The functions as a C program calls them, compared with nin-core.
#![allow(clippy::undocumented_unsafe_blocks)] // Each pointer is of a value in the same function.

use std::ffi::{CStr, c_int, c_void};
use std::ptr::{null, null_mut};
use std::thread;

use nin_c::logits::{NinClass, nin_argmax, nin_softmax, nin_top_k};
use nin_c::model::{NinInfo, NinWeightType, nin_check, nin_state_bytes};
use nin_c::network::{
    NIN_NETWORK_BYTES, NIN_UNKNOWN, NinNetwork, nin_answer, nin_class_name, nin_finish, nin_open, nin_probabilities,
    nin_push, nin_run,
};
use nin_c::status::NinStatus::{self, *};
use nin_core::{Aligned, Decision, F32, Int8, Model, Network, Score, Threshold};

static INTEGERS: &Aligned<[u8]> = &Aligned(*include_bytes!("../../nin-embedded/models/fashion-int8.nin"));
static FLOATS: &Aligned<[u8]> = &Aligned(*include_bytes!("../../nin-embedded/models/fashion.nin"));
const SIDE: usize = 28;
const CLASSES: usize = 10;

/// An image without symmetry.
fn image(seed: usize) -> Vec<u8> {
    (0..SIDE * SIDE).map(|i| ((i * i + 31 * i * (seed + 1)) % 256) as u8).collect()
}

/// Memory for a network, and the network in it.
struct Opened {
    network: *mut NinNetwork,
    _memory: Vec<u64>,
}

fn open(file: &[u8]) -> Opened {
    let bytes = unsafe { nin_state_bytes(file.as_ptr().cast(), file.len()) };
    let mut memory = vec![u64::MAX; bytes.div_ceil(8)];
    let mut network = null_mut();
    let status = unsafe { nin_open(file.as_ptr().cast(), file.len(), memory.as_mut_ptr().cast(), bytes, &mut network) };
    assert_eq!(status, NIN_OK);
    Opened { network, _memory: memory }
}

/// Reads rows of the image to which the context points; fails at row 20 if the image begins with 99.
unsafe extern "C" fn read_row(context: *mut c_void, y: usize, row: *mut u8) -> c_int {
    unsafe {
        let image: *const u8 = context.cast();
        image.add(y * SIDE).copy_to(row, SIDE);
        c_int::from(*image == 99 && y == 20)
    }
}

fn run(network: *mut NinNetwork, image: &[u8]) -> Result<Vec<f32>, NinStatus> {
    let mut logits = null();
    match unsafe { nin_run(network, Some(read_row), image.as_ptr().cast_mut().cast(), &mut logits) } {
        NIN_OK => Ok(unsafe { std::slice::from_raw_parts(logits, CLASSES) }.to_vec()),
        error => {
            assert!(logits.is_null());
            Err(error)
        }
    }
}

fn push(network: *mut NinNetwork, image: &[u8]) -> Result<Vec<f32>, NinStatus> {
    for row in image.chunks(SIDE) {
        match unsafe { nin_push(network, row.as_ptr(), row.len()) } {
            NIN_OK => {}
            error => return Err(error),
        }
    }
    let mut logits = null();
    match unsafe { nin_finish(network, &mut logits) } {
        NIN_OK => Ok(unsafe { std::slice::from_raw_parts(logits, CLASSES) }.to_vec()),
        error => Err(error),
    }
}

/// The logits of nin-core.
fn expected(file: &[u8], image: &[u8]) -> Vec<f32> {
    let model = Model::read(file).unwrap();
    let mut state = vec![0; model.state_words()];
    let row = |y: usize| &image[y * SIDE..][..SIDE];
    if std::ptr::eq(file, &raw const INTEGERS.0) {
        let mut network = Network::<Int8>::new(&model, &mut state).unwrap();
        let read = |y: usize, to: &mut [u8]| {
            to.copy_from_slice(row(y));
            Ok::<(), ()>(())
        };
        network.infer(read).unwrap().to_vec()
    } else {
        let mut network = Network::<F32>::new(&model, &mut state).unwrap();
        let read = |y: usize, to: &mut [f32]| {
            model.preprocess(row(y), to);
            Ok::<(), ()>(())
        };
        network.infer(read).unwrap().to_vec()
    }
}

#[test]
fn logits_are_those_of_nin_core() {
    for file in [&INTEGERS.0, &FLOATS.0] {
        let opened = open(file);
        for seed in 0..3 {
            let (image, logits) = (image(seed), expected(file, &image(seed)));
            assert!(logits.iter().any(|logit| *logit != logits[0]));
            assert_eq!(run(opened.network, &image), Ok(logits.clone()));
            assert_eq!(push(opened.network, &image), Ok(logits));
        }
    }
}

#[test]
fn threads_do_not_disturb_each_other() {
    thread::scope(|scope| {
        for seed in 0..4 {
            scope.spawn(move || {
                let file = if seed % 2 == 0 { &INTEGERS.0 } else { &FLOATS.0 };
                let (opened, image) = (open(file), image(seed));
                let logits = expected(file, &image);
                for _ in 0..20 {
                    assert_eq!(run(opened.network, &image), Ok(logits.clone()));
                }
            });
        }
    });
}

#[test]
fn rows_with_errors_lose_nothing_else() {
    for file in [&INTEGERS.0, &FLOATS.0] {
        let (opened, good) = (open(file), image(1));
        let logits = expected(file, &good);
        let mut bad = image(2);
        bad[0] = 99;
        assert_eq!(run(opened.network, &bad), Err(NIN_ROW_NOT_READ));
        assert_eq!(run(opened.network, &good), Ok(logits.clone()));

        assert_eq!(unsafe { nin_push(opened.network, good.as_ptr(), SIDE - 1) }, NIN_ROW_LENGTH);
        assert_eq!(unsafe { nin_push(opened.network, good.as_ptr(), SIDE + 1) }, NIN_ROW_LENGTH);
        assert_eq!(push(opened.network, &good[..5 * SIDE]), Err(NIN_ROW_MISSING));
        assert_eq!(push(opened.network, &good), Ok(logits));
        let long = [good.as_slice(), &good[..SIDE]].concat();
        assert_eq!(push(opened.network, &long), Err(NIN_ROW_TOO_MANY));
    }
}

#[test]
fn files_with_errors_are_refused() {
    let check = |file: &[u8]| unsafe { nin_check(file.as_ptr().cast(), file.len(), null_mut()) };
    let file = &INTEGERS.0;
    assert_eq!(check(file), NIN_OK);
    assert_eq!(check(&file[..file.len() - 1]), NIN_FILE_TRUNCATED);
    assert_eq!(check(&[file, &[0][..]].concat()), NIN_FILE_TRAILING_BYTES);
    let changed = |at: usize| {
        let mut file = file.to_vec();
        file[at] ^= 1;
        check(&file)
    };
    assert_eq!(changed(0), NIN_FILE_NO_MODEL);
    assert_eq!(changed(9), NIN_FILE_VERSION);
    assert_eq!(changed(5000), NIN_FILE_CHECKSUM);
    assert_eq!(unsafe { nin_state_bytes(file.as_ptr().cast(), 100) }, 0);
}

#[test]
fn memory_is_checked() {
    let file = &FLOATS.0;
    let mut info = NinInfo {
        rows: 0,
        columns: 0,
        channels: 0,
        classes: 0,
        weight_type: NinWeightType::NIN_INT4,
        row_bytes: 0,
        state_bytes: 0,
    };
    assert_eq!(unsafe { nin_check(file.as_ptr().cast(), file.len(), &mut info) }, NIN_OK);
    assert_eq!((info.rows, info.columns, info.channels, info.classes, info.row_bytes), (28, 28, 1, 10, 28));
    assert_eq!(info.weight_type, NinWeightType::NIN_F32);
    let bytes = info.state_bytes;
    let words = Model::read(file).unwrap().state_words();
    assert!(bytes > 4 * words && bytes <= NIN_NETWORK_BYTES + 4 * (words + SIDE), "{bytes}");
    assert_eq!(bytes, unsafe { nin_state_bytes(file.as_ptr().cast(), file.len()) });

    let mut memory = vec![0u64; bytes.div_ceil(8) + 1];
    let mut open = |file: &[u8], offset: usize, bytes: usize| {
        let mut network = null_mut();
        let memory: *mut u8 = memory.as_mut_ptr().cast();
        let status =
            unsafe { nin_open(file.as_ptr().cast(), file.len(), memory.add(offset).cast(), bytes, &mut network) };
        assert_eq!(network.is_null(), status != NIN_OK);
        status
    };
    assert_eq!(open(file, 0, bytes), NIN_OK);
    assert_eq!(open(file, 8, bytes), NIN_OK);
    assert_eq!(open(file, 0, bytes - 1), NIN_STATE_TOO_SMALL);
    assert_eq!(open(file, 4, bytes), NIN_STATE_ALIGNMENT);
    let mut moved = Aligned([0; 300_000]);
    moved.0[2..][..file.len()].copy_from_slice(file);
    assert_eq!(open(&moved.0[2..][..file.len()], 0, bytes), NIN_FILE_ALIGNMENT);
}

#[test]
fn null_is_an_error() {
    let (file, opened) = (&INTEGERS.0, open(&INTEGERS.0));
    let (mut network, mut logits, row) = (null_mut(), null(), [0; SIDE]);
    unsafe {
        assert_eq!(nin_check(null(), 0, null_mut()), NIN_NULL);
        assert_eq!(nin_open(null(), 0, null_mut(), 0, &mut network), NIN_NULL);
        assert_eq!(nin_open(file.as_ptr().cast(), file.len(), null_mut(), 1 << 20, &mut network), NIN_NULL);
        assert_eq!(nin_open(file.as_ptr().cast(), file.len(), null_mut(), 1 << 20, null_mut()), NIN_NULL);
        assert_eq!(nin_run(opened.network, None, null_mut(), &mut logits), NIN_NULL);
        assert_eq!(nin_run(null_mut(), Some(read_row), null_mut(), &mut logits), NIN_NULL);
        assert_eq!(nin_run(opened.network, Some(read_row), null_mut(), null_mut()), NIN_NULL);
        assert_eq!(nin_push(null_mut(), row.as_ptr(), SIDE), NIN_NULL);
        assert_eq!(nin_push(opened.network, null(), SIDE), NIN_NULL);
        assert_eq!(nin_finish(null_mut(), &mut logits), NIN_NULL);
        assert_eq!(nin_class_name(null(), 0, null_mut(), 0), 0);
        assert_eq!(nin_argmax(null(), 10), -1);
        assert_eq!(nin_top_k(null(), 10, null_mut(), 3), 0);
        nin_softmax(null_mut(), 10);
        let mut room = [7.0; CLASSES];
        assert_eq!(nin_answer(null(), room.as_ptr()), NIN_UNKNOWN);
        assert_eq!(nin_answer(opened.network, null()), NIN_UNKNOWN);
        nin_probabilities(null(), room.as_ptr(), room.as_mut_ptr());
        nin_probabilities(opened.network, null(), room.as_mut_ptr());
        nin_probabilities(opened.network, room.as_ptr(), null_mut());
        assert_eq!(room, [7.0; CLASSES]);
    }
}

#[test]
fn names_are_copied_and_cut() {
    let opened = open(&INTEGERS.0);
    let mut name = [b'x' as std::ffi::c_char; 32];
    let mut copy = |class: usize, size: usize| {
        let length = unsafe { nin_class_name(opened.network, class, name.as_mut_ptr(), size) };
        (length, unsafe { CStr::from_ptr(name.as_ptr()) }.to_str().unwrap().to_owned())
    };
    assert_eq!(copy(1, 32), (7, "Trouser".to_owned()));
    assert_eq!(copy(1, 8), (7, "Trouser".to_owned()));
    assert_eq!(copy(1, 4), (7, "Tro".to_owned()));
    assert_eq!(copy(10, 32), (0, String::new()));
}

#[test]
fn answers_are_those_of_nin_core() {
    let nan = f32::NAN;
    for logits in [&[][..], &[1.0], &[nan, 2.0, nan, 3.0, 3.0, -1.0], &[nan, nan], &[5.0, 4.0, 4.0, 6.0, 5.0]] {
        let class = unsafe { nin_argmax(logits.as_ptr(), logits.len()) };
        assert_eq!(class, nin_core::argmax(logits).map_or(-1, |class| class as i32));
        let mut top = [NinClass { index: 77, logit: 77.0 }; 4];
        let found = unsafe { nin_top_k(logits.as_ptr(), logits.len(), top.as_mut_ptr(), 3) };
        let pairs =
            |top: &[NinClass]| top.iter().map(|one| (one.index as usize, one.logit.to_bits())).collect::<Vec<_>>();
        let expected = nin_core::top_k::<3>(logits);
        let expected: Vec<_> = expected.iter().map(|(class, logit)| (*class, logit.to_bits())).collect();
        assert_eq!(pairs(&top[..found]), expected);
        assert_eq!(top[3].index, 77);
        assert_eq!(unsafe { nin_top_k(logits.as_ptr(), logits.len(), top.as_mut_ptr(), 0) }, 0);
    }
    let (mut here, mut there) = ([1.0, 3.0, -2.0], [1.0, 3.0, -2.0]);
    unsafe { nin_softmax(here.as_mut_ptr(), 3) };
    nin_core::softmax(&mut there);
    assert_eq!(here, there);
}

/// Returns a model file with this decision in place of none, as `docs/model-file.md` defines version 2.
fn decided(file: &[u8], decision: &Decision) -> Vec<u64> {
    let weights = Model::read(file).unwrap().weights();
    // Between the header of 32 bytes, and the means and texts. The weights stay at a multiple of 16 bytes.
    let texts = &file[32..file.len() - 4 - weights.len()];
    let mut out = [&file[..32], &decision.to_bytes(), texts].concat();
    out.extend(weights);
    let length = out.len() + 4;
    out[8..10].copy_from_slice(&2u16.to_le_bytes());
    out[12..16].copy_from_slice(&u32::try_from(length).unwrap().to_le_bytes());
    let weights_at = u32::try_from(length - 4 - weights.len()).unwrap();
    out[20..24].copy_from_slice(&weights_at.to_le_bytes());
    let crc = (0..out.len()).fold(!0u32, |crc, i| {
        (0..8).fold(crc ^ u32::from(out[i]), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    });
    out.extend((!crc).to_le_bytes());
    let words = out.chunks(8).map(|bytes| {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        u64::from_ne_bytes(word)
    });
    words.collect()
}

/// The answer is the class, or none of them: by the threshold, by the class for unknown images, or by NaN.
#[test]
fn an_image_may_be_none_of_the_classes() {
    let length = INTEGERS.0.len() + Decision::BYTES;
    let logits: Vec<Vec<f32>> = (0..6).map(|seed| expected(&INTEGERS.0, &image(seed))).collect();
    let most = |logits: &[f32]| logits.iter().copied().fold(f32::MIN, f32::max);
    let mut largest: Vec<f32> = logits.iter().map(|logits| most(logits)).collect();
    largest.sort_by(f32::total_cmp);
    assert!(largest[2] < largest[3]);
    // The threshold itself is accepted.
    let threshold = Some(Threshold { score: Score::Logit, value: largest[3] });
    let class = nin_core::argmax(&logits[0]).unwrap();
    for decision in [
        Decision { threshold, ..Decision::PLAIN },
        Decision { temperature: 2.5, unknown: Some(class as u16), ..Decision::PLAIN },
    ] {
        let words = decided(&INTEGERS.0, &decision);
        let file = unsafe { std::slice::from_raw_parts(words.as_ptr().cast::<u8>(), length) };
        assert_eq!(*Model::read(file).unwrap().decision(), decision);
        let opened = open(file);
        let mut rejected = 0;
        for (seed, logits) in logits.iter().enumerate() {
            let class = nin_core::argmax(logits).unwrap();
            let accepted = match decision.threshold {
                Some(Threshold { value, .. }) => most(logits) >= value,
                None => decision.unknown != Some(class as u16),
            };
            assert_eq!(run(opened.network, &image(seed)).as_ref(), Ok(logits));
            let answer = unsafe { nin_answer(opened.network, logits.as_ptr()) };
            assert_eq!(answer, if accepted { class as i32 } else { NIN_UNKNOWN }, "image {seed}");
            rejected += usize::from(!accepted);

            let mut probabilities = [0.0; CLASSES];
            unsafe { nin_probabilities(opened.network, logits.as_ptr(), probabilities.as_mut_ptr()) };
            let scaled = |logit: &f32| f64::from(*logit / decision.temperature).exp();
            let sum: f64 = logits.iter().map(scaled).sum();
            for (probability, logit) in probabilities.iter().zip(logits) {
                assert!((f64::from(*probability) - scaled(logit) / sum).abs() < 0.001, "image {seed}");
            }
        }
        assert!(if decision.threshold.is_some() { rejected == 3 } else { rejected > 0 }, "{rejected} of 6");
        let nan = [f32::NAN; CLASSES];
        let answer = unsafe { nin_answer(opened.network, nan.as_ptr()) };
        assert!(answer == NIN_UNKNOWN || decision.threshold.is_none(), "{answer}");
    }
}
