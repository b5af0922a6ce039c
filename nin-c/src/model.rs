//! Checks a model file and returns its shapes and memory.

use core::ffi::c_void;
use core::slice;

use nin_core::{Model, WeightType};

use crate::network::bytes_of;
use crate::status::NinStatus;

/// The type in which a model's weights are stored.
#[allow(non_camel_case_types)]
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NinWeightType {
    /// 32-bit floats.
    NIN_F32 = 1,
    /// 16-bit floats.
    NIN_F16 = 2,
    /// 8-bit integers.
    NIN_INT8 = 3,
    /// 4-bit integers in some or all layers, 8-bit integers in the others.
    NIN_INT4 = 4,
    /// 8-bit integers with zero points, of models from TensorFlow Lite and of networks with depthwise layers or shortcuts.
    NIN_AFFINE = 5,
    /// The same with 4-bit integers in some or all layers; it needs the features `affine` and `int4`.
    NIN_AFFINE_INT4 = 6,
}

/// Shapes, weight type and memory of a model.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NinInfo {
    /// Rows of an image.
    pub rows: u16,
    /// Columns of an image.
    pub columns: u16,
    /// Channels of an image: 1 (grey) or 3 (red, green, blue), or another number.
    pub channels: u16,
    /// The number of classes, which is the number of logits.
    pub classes: u16,
    /// The type of the weights.
    pub weight_type: NinWeightType,
    /// Bytes of a row of the image: columns x channels.
    pub row_bytes: usize,
    /// Bytes of memory that `nin_open` needs for this model.
    pub state_bytes: usize,
}

/// Checks a model file of `length` bytes: its checksum, and that every part is valid. Writes its shapes and memory to
/// `info`, which may be NULL. `nin_open` does the same check.
///
/// # Safety
///
/// `file` is NULL or points to `length` bytes, `info` is NULL or points to a `NinInfo`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nin_check(file: *const c_void, length: usize, info: *mut NinInfo) -> NinStatus {
    // SAFETY: the caller's promise.
    let model = match unsafe { read(file, length) } {
        Ok(model) => model,
        Err(status) => return status,
    };
    if !info.is_null() {
        // SAFETY: the caller's promise; it is not NULL.
        unsafe { info.write(NinInfo::of(&model)) };
    }
    NinStatus::NIN_OK
}

/// Returns the bytes of memory that `nin_open` needs for a model file of `length` bytes; 0 if the file is not valid.
///
/// # Safety
///
/// `file` is NULL or points to `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nin_state_bytes(file: *const c_void, length: usize) -> usize {
    // SAFETY: the caller's promise.
    unsafe { read(file, length) }.map_or(0, |model| bytes_of(&model))
}

impl NinInfo {
    fn of(model: &Model<'_>) -> NinInfo {
        let input = model.plan().spec().input();
        NinInfo {
            rows: input.rows,
            columns: input.columns,
            channels: input.channels,
            classes: model.plan().classes() as u16,
            weight_type: match model.weight_type() {
                WeightType::F16 => NinWeightType::NIN_F16,
                WeightType::Int8 => NinWeightType::NIN_INT8,
                WeightType::Int4 => NinWeightType::NIN_INT4,
                WeightType::Affine => NinWeightType::NIN_AFFINE,
                WeightType::AffineInt4 => NinWeightType::NIN_AFFINE_INT4,
                _ => NinWeightType::NIN_F32,
            },
            row_bytes: input.row(),
            state_bytes: bytes_of(model),
        }
    }
}

/// Reads and checks a model file.
///
/// # Safety
///
/// `file` is NULL or points to `length` bytes, which nothing changes as long as the model is used.
pub(crate) unsafe fn read<'m>(file: *const c_void, length: usize) -> Result<Model<'m>, NinStatus> {
    if file.is_null() {
        return Err(NinStatus::NIN_NULL);
    }
    // SAFETY: the caller's promise; it is not NULL.
    Ok(Model::read(unsafe { slice::from_raw_parts(file.cast(), length) })?)
}
