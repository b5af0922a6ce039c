//! A network that runs in memory of the caller.

use core::ffi::{c_char, c_int, c_void};
use core::{ptr, slice};

#[cfg(feature = "affine")]
use nin_core::Affine;
#[cfg(all(feature = "affine", feature = "int4"))]
use nin_core::AffineInt4;
#[cfg(feature = "f16")]
use nin_core::F16;
#[cfg(feature = "f32")]
use nin_core::F32;
#[cfg(feature = "int4")]
use nin_core::Int4;
#[cfg(feature = "int8")]
use nin_core::Int8;
use nin_core::{Answer, Format, Model, Network, WeightType};

use crate::model::read;
use crate::status::NinStatus;

#[cfg(not(any(feature = "f32", feature = "f16", feature = "int8", feature = "int4", feature = "affine")))]
compile_error!("enable the weight types of your models: the features f32, f16, int8, int4 and affine");

/// The memory of a network begins at a multiple of this number of bytes.
pub const NIN_ALIGNMENT: usize = 8;

/// Bytes of a network's memory besides the working memory that `nin-train plan` prints: at most this number, and for a
/// network with float weights four bytes more for each byte of a row.
pub const NIN_NETWORK_BYTES: usize = 1536;

const _: () = assert!(size_of::<NinNetwork>() <= NIN_NETWORK_BYTES && align_of::<NinNetwork>() <= NIN_ALIGNMENT);

/// A network: a model and the working memory of one image. Its content is private.
pub struct NinNetwork {
    model: Model<'static>,
    /// A row of the image for a float network: bytes that the callback writes, or the floats of a pushed row.
    row: &'static mut [f32],
    engine: Engine,
}

/// Writes row `y` of an image to `row`: columns x channels bytes, channels last (red, green, blue). Returns 0, or
/// another number if the row cannot be read; `nin_run` then stops with `NIN_ROW_NOT_READ`. `context` is the argument of
/// `nin_run`.
pub type NinReadRow = Option<unsafe extern "C" fn(context: *mut c_void, y: usize, row: *mut u8) -> c_int>;

/// The engines of the formats that the library was built with.
enum Engine {
    #[cfg(feature = "f32")]
    F32(Network<'static, F32>),
    #[cfg(feature = "f16")]
    F16(Network<'static, F16>),
    #[cfg(feature = "int8")]
    Int8(Network<'static, Int8>),
    #[cfg(feature = "int4")]
    Int4(Network<'static, Int4>),
    #[cfg(feature = "affine")]
    Affine(Network<'static, Affine>),
    #[cfg(all(feature = "affine", feature = "int4"))]
    AffineInt4(Network<'static, AffineInt4>),
}

/// Returns the bytes of memory for a network of this model; `usize::MAX` if the address space is too small for it.
pub(crate) fn bytes_of(model: &Model<'_>) -> usize {
    let words = model.state_words().saturating_add(row_values(model));
    words.saturating_mul(size_of::<u32>()).saturating_add(size_of::<NinNetwork>())
}

/// Returns the values of the row that is kept beside the working memory.
fn row_values(model: &Model<'_>) -> usize {
    match model.weight_type() {
        WeightType::F32 | WeightType::F16 => model.plan().spec().input().row(),
        _ => 0,
    }
}

/// Checks a model file of `length` bytes and makes a network of it in the `bytes` bytes from `memory` on. Writes the
/// network's address to `network`, or NULL if there is an error. The file stays where it is and is not copied, so it
/// must not change; the memory belongs to the network as long as the program uses it.
///
/// # Safety
///
/// `file` is NULL or points to `length` bytes, `memory` is NULL or points to `bytes` bytes that nothing else uses, and
/// `network` is NULL or points to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nin_open(
    file: *const c_void,
    length: usize,
    memory: *mut c_void,
    bytes: usize,
    network: *mut *mut NinNetwork,
) -> NinStatus {
    if network.is_null() {
        return NinStatus::NIN_NULL;
    }
    // SAFETY: the caller's promise.
    let opened = unsafe { open(file, length, memory, bytes) };
    // SAFETY: the caller's promise; it is not NULL.
    unsafe { network.write(opened.unwrap_or(ptr::null_mut())) };
    opened.err().unwrap_or(NinStatus::NIN_OK)
}

/// # Safety
///
/// As for [`nin_open`].
unsafe fn open(
    file: *const c_void,
    length: usize,
    memory: *mut c_void,
    bytes: usize,
) -> Result<*mut NinNetwork, NinStatus> {
    // SAFETY: the caller's promise. The memory is the network's alone, and the file does not change.
    let model: Model<'static> = unsafe { read(file, length) }?;
    if memory.is_null() {
        return Err(NinStatus::NIN_NULL);
    }
    if !memory.addr().is_multiple_of(NIN_ALIGNMENT) {
        return Err(NinStatus::NIN_STATE_ALIGNMENT);
    }
    if bytes < bytes_of(&model) {
        return Err(NinStatus::NIN_STATE_TOO_SMALL);
    }
    let network: *mut NinNetwork = memory.cast();
    let (words, values) = (model.state_words(), row_values(&model));
    // SAFETY: the memory holds the network, then `words` words, then `values` floats; it is aligned for all of them,
    // and zeros are valid words and floats. The model is written before it is used, and nothing changes it afterwards:
    // only the other fields are borrowed mutably.
    unsafe {
        let state: *mut u32 = network.add(1).cast();
        state.write_bytes(0, words + values);
        let model = {
            let place = &raw mut (*network).model;
            place.write(model);
            &*place
        };
        let engine = Engine::new(model, slice::from_raw_parts_mut(state, words))?;
        (&raw mut (*network).row).write(slice::from_raw_parts_mut(state.add(words).cast(), values));
        (&raw mut (*network).engine).write(engine);
    }
    Ok(network)
}

impl Engine {
    fn new(model: &'static Model<'static>, state: &'static mut [u32]) -> Result<Engine, NinStatus> {
        Ok(match model.weight_type() {
            #[cfg(feature = "f32")]
            WeightType::F32 => Engine::F32(Network::new(model, state)?),
            #[cfg(feature = "f16")]
            WeightType::F16 => Engine::F16(Network::new(model, state)?),
            #[cfg(feature = "int8")]
            WeightType::Int8 => Engine::Int8(Network::new(model, state)?),
            #[cfg(feature = "int4")]
            WeightType::Int4 => Engine::Int4(Network::new(model, state)?),
            #[cfg(feature = "affine")]
            WeightType::Affine => Engine::Affine(Network::new(model, state)?),
            #[cfg(all(feature = "affine", feature = "int4"))]
            WeightType::AffineInt4 => Engine::AffineInt4(Network::new(model, state)?),
            _ => return Err(NinStatus::NIN_FILE_WEIGHT_TYPE),
        })
    }
}

/// Runs one image through the network: calls `read_row` for each row in order, with `context` as its first argument.
/// Rows of another image that were pushed but not finished are dropped. Writes the address of the logits to `logits`,
/// one float for each class; they are valid until the network is used again. If there is an error, it writes NULL.
///
/// # Safety
///
/// `network` is NULL or from `nin_open`, and nothing else uses it meanwhile; `logits` is NULL or points to a pointer.
/// `read_row` writes only the bytes of the row.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nin_run(
    network: *mut NinNetwork,
    read_row: NinReadRow,
    context: *mut c_void,
    logits: *mut *const f32,
) -> NinStatus {
    let Some(read_row) = read_row else { return NinStatus::NIN_NULL };
    // SAFETY: the caller's promise: the row is as long as the callback expects.
    let read = |y: usize, row: &mut [u8]| match unsafe { read_row(context, y, row.as_mut_ptr()) } {
        0 => Ok(()),
        _ => Err(NinStatus::NIN_ROW_NOT_READ),
    };
    // SAFETY: the caller's promise.
    unsafe {
        answer(network, logits, |engine, row| match engine {
            #[cfg(feature = "f32")]
            Engine::F32(network) => Input::run(network, row, read),
            #[cfg(feature = "f16")]
            Engine::F16(network) => Input::run(network, row, read),
            #[cfg(feature = "int8")]
            Engine::Int8(network) => Input::run(network, row, read),
            #[cfg(feature = "int4")]
            Engine::Int4(network) => Input::run(network, row, read),
            #[cfg(feature = "affine")]
            Engine::Affine(network) => Input::run(network, row, read),
            #[cfg(all(feature = "affine", feature = "int4"))]
            Engine::AffineInt4(network) => Input::run(network, row, read),
        })
    }
}

/// Takes the next row of an image, if the camera drives the timing: `length` bytes, which must be columns x channels.
/// The network copies them. After the last row, `nin_finish` returns the logits. A row with an error is ignored.
///
/// # Safety
///
/// `network` is NULL or from `nin_open`, and nothing else uses it meanwhile; `row` is NULL or points to `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nin_push(network: *mut NinNetwork, row: *const u8, length: usize) -> NinStatus {
    if network.is_null() || row.is_null() {
        return NinStatus::NIN_NULL;
    }
    // SAFETY: the caller's promise; neither is NULL. The model is not borrowed mutably: the engine refers to it.
    let (engine, values, row) =
        unsafe { (&mut (*network).engine, &mut (*network).row, slice::from_raw_parts(row, length)) };
    let pushed = match engine {
        #[cfg(feature = "f32")]
        Engine::F32(network) => Input::push(network, values, row),
        #[cfg(feature = "f16")]
        Engine::F16(network) => Input::push(network, values, row),
        #[cfg(feature = "int8")]
        Engine::Int8(network) => Input::push(network, values, row),
        #[cfg(feature = "int4")]
        Engine::Int4(network) => Input::push(network, values, row),
        #[cfg(feature = "affine")]
        Engine::Affine(network) => Input::push(network, values, row),
        #[cfg(all(feature = "affine", feature = "int4"))]
        Engine::AffineInt4(network) => Input::push(network, values, row),
    };
    pushed.err().unwrap_or(NinStatus::NIN_OK)
}

/// Writes the address of the logits of an image whose rows were pushed to `logits`, as `nin_run` does. The next row
/// begins the next image. If rows are missing, the image is dropped.
///
/// # Safety
///
/// As for `nin_run`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nin_finish(network: *mut NinNetwork, logits: *mut *const f32) -> NinStatus {
    // SAFETY: the caller's promise.
    unsafe {
        answer(network, logits, |engine, _| {
            Ok(match engine {
                #[cfg(feature = "f32")]
                Engine::F32(network) => network.finish()?,
                #[cfg(feature = "f16")]
                Engine::F16(network) => network.finish()?,
                #[cfg(feature = "int8")]
                Engine::Int8(network) => network.finish()?,
                #[cfg(feature = "int4")]
                Engine::Int4(network) => network.finish()?,
                #[cfg(feature = "affine")]
                Engine::Affine(network) => network.finish()?,
                #[cfg(all(feature = "affine", feature = "int4"))]
                Engine::AffineInt4(network) => network.finish()?,
            })
        })
    }
}

/// Writes the logits that `run` returns, or NULL.
///
/// # Safety
///
/// As for [`nin_run`].
unsafe fn answer(
    network: *mut NinNetwork,
    logits: *mut *const f32,
    run: impl FnOnce(&'static mut Engine, &mut [f32]) -> Result<&'static [f32], NinStatus>,
) -> NinStatus {
    if network.is_null() || logits.is_null() {
        return NinStatus::NIN_NULL;
    }
    // SAFETY: the caller's promise; neither is NULL. The model is not borrowed mutably: the engine refers to it.
    let (engine, row) = unsafe { (&mut (*network).engine, &mut (*network).row) };
    let (found, status) = match run(engine, row) {
        Ok(found) => (found.as_ptr(), NinStatus::NIN_OK),
        Err(status) => (ptr::null(), status),
    };
    // SAFETY: as above.
    unsafe { logits.write(found) };
    status
}

/// A format, and how its network takes rows of bytes.
trait Input: Format + Sized {
    /// Runs an image whose rows `read` writes.
    fn run<'n>(
        network: &'n mut Network<'static, Self>,
        row: &mut [f32],
        read: impl FnMut(usize, &mut [u8]) -> Result<(), NinStatus>,
    ) -> Result<&'n [f32], NinStatus>;

    /// Takes a row.
    fn push(network: &mut Network<'static, Self>, values: &mut [f32], row: &[u8]) -> Result<(), NinStatus>;
}

/// Implements [`Input`] for a format that reads normalised floats, and one that reads bytes.
macro_rules! inputs {
    (floats: $format:ty) => {
        impl Input for $format {
            fn run<'n>(
                network: &'n mut Network<'static, Self>,
                row: &mut [f32],
                mut read: impl FnMut(usize, &mut [u8]) -> Result<(), NinStatus>,
            ) -> Result<&'n [f32], NinStatus> {
                let model = network.model();
                let length = row.len();
                let bytes = &mut bytemuck::cast_slice_mut::<f32, u8>(row)[..length];
                network.infer(|y, values| {
                    read(y, bytes)?;
                    model.preprocess(bytes, values);
                    Ok(())
                })
            }

            fn push(network: &mut Network<'static, Self>, values: &mut [f32], row: &[u8]) -> Result<(), NinStatus> {
                if row.len() != values.len() {
                    return Err(NinStatus::NIN_ROW_LENGTH);
                }
                network.model().preprocess(row, values);
                Ok(network.push_row(values)?)
            }
        }
    };
    (bytes: $format:ty) => {
        impl Input for $format {
            fn run<'n>(
                network: &'n mut Network<'static, Self>,
                _: &mut [f32],
                read: impl FnMut(usize, &mut [u8]) -> Result<(), NinStatus>,
            ) -> Result<&'n [f32], NinStatus> {
                network.infer(read)
            }

            fn push(network: &mut Network<'static, Self>, _: &mut [f32], row: &[u8]) -> Result<(), NinStatus> {
                Ok(network.push_row(row)?)
            }
        }
    };
}

#[cfg(feature = "f32")]
inputs!(floats: F32);
#[cfg(feature = "f16")]
inputs!(floats: F16);
#[cfg(feature = "int8")]
inputs!(bytes: Int8);
#[cfg(feature = "int4")]
inputs!(bytes: Int4);
#[cfg(feature = "affine")]
inputs!(bytes: Affine);
#[cfg(all(feature = "affine", feature = "int4"))]
inputs!(bytes: AffineInt4);

/// The answer of `nin_answer` for an image of none of the classes.
pub const NIN_UNKNOWN: i32 = -1;

/// Returns the class of an image with these logits. Returns `NIN_UNKNOWN` if the logits are below the threshold of the
/// model file, as NaN is, or if its class for unknown images has the largest one. For a model with neither, the answer is
/// that of `nin_argmax`. `logits` are those of `nin_run` or `nin_finish`, or a copy.
///
/// # Safety
///
/// `network` is NULL or from `nin_open`; `logits` is NULL or points to a float for each class of the model.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nin_answer(network: *const NinNetwork, logits: *const f32) -> i32 {
    if network.is_null() || logits.is_null() {
        return NIN_UNKNOWN;
    }
    // SAFETY: the caller's promise; neither is NULL. Nothing changes the model.
    let (model, logits) = unsafe {
        let model = &(*network).model;
        (model, slice::from_raw_parts(logits, model.plan().classes()))
    };
    match model.answer(logits) {
        Answer::Class(class) => class as i32,
        Answer::Unknown => NIN_UNKNOWN,
    }
}

/// Turns the logits of an image into probabilities with the temperature of the model file, which calibrates them on
/// validation images: to display results. Writes one for each class to `probabilities`, which may be `logits` if these
/// are a copy.
///
/// # Safety
///
/// `network` is NULL or from `nin_open`; `logits` and `probabilities` are NULL or point to a float for each class of the
/// model. The program may change those of `probabilities`; they are not the logits of a network.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nin_probabilities(network: *const NinNetwork, logits: *const f32, probabilities: *mut f32) {
    if network.is_null() || logits.is_null() || probabilities.is_null() {
        return;
    }
    // SAFETY: the caller's promise; none is NULL, and the two may overlap. Nothing changes the model.
    let (model, probabilities) = unsafe {
        let model = &(*network).model;
        let classes = model.plan().classes();
        logits.copy_to(probabilities, classes);
        (model, slice::from_raw_parts_mut(probabilities, classes))
    };
    model.decision().probabilities(probabilities);
}

/// Writes the name of class `index` to `name`, which holds `size` bytes, and a zero byte after it; a name that is too
/// long is cut. Returns the length of the whole name in bytes: 0 if the model has no names or there is no such class.
/// Names are UTF-8.
///
/// # Safety
///
/// `network` is NULL or from `nin_open`; `name` is NULL or points to `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nin_class_name(
    network: *const NinNetwork,
    index: usize,
    name: *mut c_char,
    size: usize,
) -> usize {
    // SAFETY: the caller's promise; it is not NULL.
    let found = if network.is_null() { None } else { unsafe { &(*network).model }.class_name(index) };
    let found = found.unwrap_or_default();
    if !name.is_null() && size > 0 {
        let mut end = found.len().min(size - 1);
        while !found.is_char_boundary(end) {
            end -= 1;
        }
        // SAFETY: the caller's promise: `end` is less than `size`.
        unsafe {
            name.cast::<u8>().copy_from_nonoverlapping(found.as_ptr(), end);
            name.add(end).write(0);
        }
    }
    found.len()
}
