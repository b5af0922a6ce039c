//! The result of a function, and its text.

use core::ffi::{CStr, c_char};

use nin_core::{ModelError, NetworkError};

/// The result of a function: `NIN_OK`, or what is wrong. `nin_status_text` returns its text.
#[allow(non_camel_case_types)]
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NinStatus {
    /// No error.
    NIN_OK = 0,
    /// A pointer is NULL.
    NIN_NULL = 1,

    /// The file ends early.
    NIN_FILE_TRUNCATED = 10,
    /// Bytes follow the end of the file.
    NIN_FILE_TRAILING_BYTES = 11,
    /// The file does not begin as a model file does.
    NIN_FILE_NO_MODEL = 12,
    /// The file has a version that this library does not read.
    NIN_FILE_VERSION = 13,
    /// The file is damaged: its checksum is wrong.
    NIN_FILE_CHECKSUM = 14,
    /// The file was written with a mistake, or by a newer program: its checksum is right, but one of its parts is not
    /// valid.
    NIN_FILE_INVALID = 15,
    /// The file does not begin at a multiple of four bytes.
    NIN_FILE_ALIGNMENT = 16,
    /// The weights have a type that this library was built without.
    NIN_FILE_WEIGHT_TYPE = 17,
    /// The weights are packed for another processor.
    NIN_FILE_PACKING = 18,

    /// The memory for the network is too small.
    NIN_STATE_TOO_SMALL = 30,
    /// The memory for the network does not begin at a multiple of `NIN_ALIGNMENT` bytes.
    NIN_STATE_ALIGNMENT = 31,

    /// The callback could not read a row.
    NIN_ROW_NOT_READ = 40,
    /// A row has another length than the network's rows.
    NIN_ROW_LENGTH = 41,
    /// The image already has all its rows.
    NIN_ROW_TOO_MANY = 42,
    /// Rows are missing; the image was dropped.
    NIN_ROW_MISSING = 43,
}

use NinStatus::*;

impl NinStatus {
    /// Every status with its text.
    const TEXTS: [(NinStatus, &CStr); 17] = [
        (NIN_OK, c"no error"),
        (NIN_NULL, c"a pointer is NULL"),
        (NIN_FILE_TRUNCATED, c"the model file ends early"),
        (NIN_FILE_TRAILING_BYTES, c"bytes follow the end of the model file"),
        (NIN_FILE_NO_MODEL, c"not a model file: it does not begin with \"NiNmodel\""),
        (NIN_FILE_VERSION, c"the model file has a version that this library does not read: export the model again"),
        (NIN_FILE_CHECKSUM, c"the model file is damaged: its checksum is wrong"),
        (NIN_FILE_INVALID, c"the model file was written with a mistake: a part of it is not valid"),
        (NIN_FILE_ALIGNMENT, c"the model file must begin at a multiple of four bytes"),
        (NIN_FILE_WEIGHT_TYPE, c"the library was built without the model's weight type: enable its Cargo feature"),
        (NIN_FILE_PACKING, c"the model's weights are packed for another processor: export it for this one"),
        (NIN_STATE_TOO_SMALL, c"the network needs more memory: nin_state_bytes returns how much"),
        (NIN_STATE_ALIGNMENT, c"the network's memory must begin at a multiple of NIN_ALIGNMENT bytes"),
        (NIN_ROW_NOT_READ, c"the callback could not read a row"),
        (NIN_ROW_LENGTH, c"a row has another length than the network's rows"),
        (NIN_ROW_TOO_MANY, c"the image already has all its rows"),
        (NIN_ROW_MISSING, c"rows are missing; the image was dropped"),
    ];
}

/// Returns the text of a status, one line that ends with a zero byte; of another number, "unknown status". The text is
/// constant.
#[unsafe(no_mangle)]
pub extern "C" fn nin_status_text(status: i32) -> *const c_char {
    for (one, text) in &NinStatus::TEXTS {
        if *one as i32 == status {
            return text.as_ptr();
        }
    }
    c"unknown status".as_ptr()
}

impl From<ModelError> for NinStatus {
    fn from(error: ModelError) -> NinStatus {
        match error {
            ModelError::Truncated { .. } => NIN_FILE_TRUNCATED,
            ModelError::TrailingBytes { .. } => NIN_FILE_TRAILING_BYTES,
            ModelError::Magic => NIN_FILE_NO_MODEL,
            ModelError::Version(_) => NIN_FILE_VERSION,
            ModelError::Checksum { .. } => NIN_FILE_CHECKSUM,
            _ => NIN_FILE_INVALID,
        }
    }
}

impl From<NetworkError> for NinStatus {
    fn from(error: NetworkError) -> NinStatus {
        match error {
            NetworkError::WeightType { .. } => NIN_FILE_WEIGHT_TYPE,
            NetworkError::Lanes(_) => NIN_FILE_PACKING,
            NetworkError::Alignment => NIN_FILE_ALIGNMENT,
            NetworkError::State { .. } => NIN_STATE_TOO_SMALL,
            NetworkError::RowLength { .. } => NIN_ROW_LENGTH,
            NetworkError::Rows { expected, found } if found > expected => NIN_ROW_TOO_MANY,
            NetworkError::Rows { .. } => NIN_ROW_MISSING,
            // There is no other error now, and this one means that the model and the library do not fit each other.
            _ => NIN_FILE_INVALID,
        }
    }
}

#[cfg(test)]
mod tests {
    use core::ffi::CStr;

    use super::{NinStatus, nin_status_text};

    #[test]
    fn every_status_has_a_text_of_its_own() {
        for (index, (status, text)) in NinStatus::TEXTS.iter().enumerate() {
            // SAFETY: the function returns a constant text that ends with a zero byte.
            assert_eq!(unsafe { CStr::from_ptr(nin_status_text(*status as i32)) }, *text);
            assert!(NinStatus::TEXTS[..index].iter().all(|(other, before)| other != status && before != text));
        }
        for unknown in [-1, 2, i32::MAX] {
            // SAFETY: as above.
            assert_eq!(unsafe { CStr::from_ptr(nin_status_text(unknown)) }, c"unknown status");
        }
    }
}
