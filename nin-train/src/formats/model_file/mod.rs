//! The model file, which a device runs.
//!
//! `docs/model-file.md` defines the format. [`Trained::to_model`] and [`QuantizedModel::to_bytes`] write it,
//! and `nin_core::Model` reads it in place. [`with_decision`] adds temperature, threshold and unknown class.
//! [`rust_source`] writes the Rust file that compiles a model into a firmware, [`c_header`] the C header.
//!
//! [`QuantizedModel::to_bytes`]: crate::integers::QuantizedModel::to_bytes

mod affine;
mod c_header;
mod decision;
mod error;
mod int8;
mod integers;
mod pack;
mod source;
mod unpack;

pub use nin_core::Lanes;
use nin_core::model::{AFFINE_VERSION, HEADER, MAGIC, VERSION};
use nin_core::{Decision, Plan, WeightType};

pub use crate::integers::{AffineLayer, AffineModel, Record};
pub use c_header::{CHeader, c_header, c_name};
pub use decision::with_decision;
pub use error::ExportError;
pub use integers::Integers;
pub use pack::unpacked;
pub use source::{RustSource, rust_source};

use crate::network::preprocessing::Preprocessing;
use crate::network::trained::Trained;

/// Returns the code of a weight type in the file.
const fn code(weight_type: WeightType) -> Option<u8> {
    match weight_type {
        WeightType::F32 => Some(1),
        WeightType::F16 => Some(2),
        WeightType::Int8 => Some(3),
        WeightType::Int4 => Some(4),
        WeightType::Affine => Some(5),
        WeightType::AffineInt4 => Some(6),
        _ => None,
    }
}

impl Trained {
    /// Returns the bytes of a model file with float weights, interleaved for `lanes` outputs.
    ///
    /// # Errors
    ///
    /// [`ExportError`] if the parts of the network do not fit each other, or a weight is out of range.
    pub fn to_model(&self, weight_type: WeightType, lanes: Lanes) -> Result<Vec<u8>, ExportError> {
        let plan = &self.plan();
        let (got, expected) = (self.parameters.len(), plan.parameters());
        if got != expected {
            return Err(ExportError::Parameters { got, expected });
        }
        if weight_type.is_integer() {
            return Err(ExportError::NotQuantized);
        }
        if !Lanes::FLOAT.contains(&lanes) {
            return Err(ExportError::Packing { lanes, weight_type: weight_type.name() });
        }
        let weights = FloatWeights { plan, parameters: &self.parameters, weight_type, lanes }.packed()?;
        let Self { preprocessing, class_names, .. } = self;
        Parts { plan, preprocessing, class_names, weight_type, lanes }.to_bytes(&weights)
    }
}

/// The weights of a network of floats, with their storage in a model file.
struct FloatWeights<'a> {
    plan: &'a Plan,
    /// In the order of [`parameters`](crate::network::parameters).
    parameters: &'a [f32],
    weight_type: WeightType,
    /// The number of outputs whose weights are interleaved.
    lanes: Lanes,
}

/// The contents of a model file before its weights.
struct Parts<'a> {
    plan: &'a Plan,
    preprocessing: &'a Preprocessing,
    class_names: &'a [String],
    weight_type: WeightType,
    lanes: Lanes,
}

impl Parts<'_> {
    /// Returns the whole file with these weights.
    fn to_bytes(&self, weights: &[u8]) -> Result<Vec<u8>, ExportError> {
        let line = self.plan.spec().to_string();
        let names = self.class_names.join("\n");
        self.check(&names)?;
        let weight_type = code(self.weight_type).ok_or(ExportError::WeightType(self.weight_type.name()))?;
        let affine = self.weight_type.has_zero_points() || self.plan.spec().is_extended();
        let version = if affine { AFFINE_VERSION } else { VERSION };
        // Files of version 3 have a decision.
        let decision = affine.then(|| Decision::PLAIN.to_bytes());
        let head = HEADER
            + decision.map_or(0, |bytes| bytes.len())
            + 8 * self.preprocessing.mean.len()
            + line.len()
            + names.len();
        let offset = head.next_multiple_of(16);
        let length = offset + weights.len() + 4;
        let u16_of = |length: usize, what| u16::try_from(length).map_err(|_| ExportError::TooLong { what, length });
        let u32_of = |length: usize, what| u32::try_from(length).map_err(|_| ExportError::TooLong { what, length });

        let mut file = Vec::with_capacity(length);
        file.extend(MAGIC);
        file.extend(version.to_le_bytes());
        file.extend([weight_type, self.lanes.count() as u8]);
        file.extend(u32_of(length, "file")?.to_le_bytes());
        file.extend(u16_of(line.len(), "architecture line")?.to_le_bytes());
        file.extend(u16_of(names.len(), "list of class names")?.to_le_bytes());
        file.extend(u32_of(offset, "header")?.to_le_bytes());
        file.extend(u32_of(weights.len(), "weights")?.to_le_bytes());
        file.extend(self.plan.spec().input().channels.to_le_bytes());
        file.extend(0u16.to_le_bytes());
        decision.iter().for_each(|bytes| file.extend(bytes));
        let numbers = self.preprocessing.mean.iter().chain(&self.preprocessing.scale);
        numbers.for_each(|number| file.extend(number.to_le_bytes()));
        file.extend(line.as_bytes());
        file.extend(names.as_bytes());
        file.resize(offset, 0);
        file.extend(weights);
        let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&file);
        file.extend(crc.to_le_bytes());
        Ok(file)
    }

    fn check(&self, names: &str) -> Result<(), ExportError> {
        let channels = usize::from(self.plan.spec().input().channels);
        for (what, numbers) in [("mean", &self.preprocessing.mean), ("scale", &self.preprocessing.scale)] {
            if numbers.len() != channels || !numbers.iter().all(|number| number.is_finite()) {
                return Err(ExportError::Preprocessing { what, channels });
            }
        }
        let (got, expected) = (self.class_names.len(), self.plan.classes());
        if got != 0 && got != expected {
            return Err(ExportError::ClassNames { got, expected });
        }
        check_names(self.class_names)?;
        // An empty list and a list of one empty name have the same bytes; the check above excludes the second.
        debug_assert_eq!(names.is_empty(), self.class_names.is_empty());
        Ok(())
    }
}

/// Checks that a model file can store these class names.
///
/// # Errors
///
/// [`ExportError`] if a name is empty or has a line break, or if the whole list is too long.
pub fn check_names(class_names: &[String]) -> Result<(), ExportError> {
    if let Some(name) = class_names.iter().find(|name| name.is_empty() || name.contains('\n')) {
        return Err(ExportError::ClassName(name.clone()));
    }
    let length = class_names.iter().map(|name| name.len() + 1).sum::<usize>().saturating_sub(1);
    match u16::try_from(length) {
        Ok(_) => Ok(()),
        Err(_) => Err(ExportError::TooLong { what: "list of class names", length }),
    }
}
