//! The integers of any line, by the arithmetic that its layers need.

use nin_core::{Lanes, Spec, WeightType};

use super::{CalibrationError, Options, Report, post_training, with_zero_points};
use crate::formats::model_file::{AffineModel, ExportError};
use crate::integers::QuantizedModel;
use crate::network::architecture::beyond_unsigned;
use crate::network::trained::Trained;

/// A network of integers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Integers {
    /// With 8-bit or 4-bit weights and activations without zero points, the faster arithmetic.
    Unsigned(QuantizedModel),
    /// With zero points: depthwise convolutions, shortcuts, layers without a ReLU.
    Affine(AffineModel),
}

impl Integers {
    /// Quantises a trained network, without zero points if its line allows that: [`post_training`] or
    /// [`with_zero_points`].
    ///
    /// # Errors
    ///
    /// As these two.
    pub fn calibrated(
        trained: &Trained,
        images: &[Vec<u8>],
        options: &Options,
        progress: impl FnMut(usize, usize),
    ) -> Result<(Self, Report), CalibrationError> {
        if beyond_unsigned(&trained.spec).is_none() {
            let (model, report) = post_training(trained, images, options, progress)?;
            return Ok((Self::Unsigned(model), report));
        }
        let (model, report) = with_zero_points(trained, images, options, progress)?;
        Ok((Self::Affine(model), report))
    }

    /// Returns the architecture.
    pub fn spec(&self) -> &Spec {
        match self {
            Self::Unsigned(model) => &model.spec,
            Self::Affine(model) => &model.spec,
        }
    }

    /// Returns the names of the classes, or none.
    pub fn class_names(&self) -> &[String] {
        match self {
            Self::Unsigned(model) => &model.class_names,
            Self::Affine(model) => &model.class_names,
        }
    }

    /// Returns the type of the weights in a model file.
    pub fn weight_type(&self) -> WeightType {
        match self {
            Self::Unsigned(model) => model.weight_type(),
            Self::Affine(_) => WeightType::Affine,
        }
    }

    /// Returns the bytes of a model file.
    ///
    /// # Errors
    ///
    /// [`ExportError`] if the lanes are not for these weights, or the file cannot hold the network.
    pub fn to_bytes(&self, lanes: Lanes) -> Result<Vec<u8>, ExportError> {
        match self {
            Self::Unsigned(model) => model.to_bytes(lanes),
            Self::Affine(model) => model.to_bytes(lanes),
        }
    }
}
