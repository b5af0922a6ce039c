//! A network of integers of either kind.

use nin_core::{Lanes, Model, Spec, WeightType};

use super::{AffineModel, ExportError};
use crate::integers::QuantizedModel;

/// A network of integers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Integers {
    /// With zero points: every map is bytes, also the average and the logits.
    Affine(AffineModel),
    /// Without zero points: the sums of the average and of the last layer are not rounded to bytes.
    Unsigned(QuantizedModel),
}

impl Integers {
    /// Returns the network in a model file, or `None` if the file has float weights.
    pub fn from_model(model: &Model<'_>) -> Option<Self> {
        match model.weight_type() {
            WeightType::Affine | WeightType::AffineInt4 => AffineModel::from_model(model).map(Self::Affine),
            _ => QuantizedModel::from_model(model).map(Self::Unsigned),
        }
    }

    /// Returns the architecture.
    pub fn spec(&self) -> &Spec {
        match self {
            Self::Affine(model) => &model.spec,
            Self::Unsigned(model) => &model.spec,
        }
    }

    /// Returns the names of the classes, or none.
    pub fn class_names(&self) -> &[String] {
        match self {
            Self::Affine(model) => &model.class_names,
            Self::Unsigned(model) => &model.class_names,
        }
    }

    /// Returns the type of the weights.
    pub fn weight_type(&self) -> WeightType {
        match self {
            Self::Affine(model) => model.weight_type(),
            Self::Unsigned(model) => model.weight_type(),
        }
    }

    /// Sets the names of the classes. A model file has one for each class.
    pub fn name_classes(&mut self, names: &[String]) {
        match self {
            Self::Affine(model) => model.class_names = names.to_vec(),
            Self::Unsigned(model) => model.class_names = names.to_vec(),
        }
    }

    /// Returns the bytes of a model file.
    ///
    /// # Errors
    ///
    /// [`ExportError`] if the packing does not exist for integers, or the parts do not fit each other.
    pub fn to_bytes(&self, lanes: Lanes) -> Result<Vec<u8>, ExportError> {
        match self {
            Self::Affine(model) => model.to_bytes(lanes),
            Self::Unsigned(model) => model.to_bytes(lanes),
        }
    }
}
