//! The model file, read in place: from flash, without copying.
//!
//! `docs/model-file.md` in the repository describes the layout field by field. `layout` reads it, `error` holds
//! [`ModelError`], `decision` turns logits into an answer, `weights` checks the weights, [`Normalization`] maps a
//! pixel's byte to a float. This module may import `spec`, `packing`, `plan` and `logits`.

mod decision;
mod error;
mod layout;
mod normalization;
mod weights;

pub use self::decision::{Answer, Decision, Score, Threshold};
pub use self::error::ModelError;
pub use self::layout::{AFFINE_VERSION, DECISION_VERSION, HEADER, MAGIC, VERSION};
use self::layout::{all_zero, crc32, has_one_mean, is_one_scale, lines, u16_at, u32_at};
pub use self::normalization::Normalization;
use crate::packing::{Lanes, WeightType};
use crate::plan::{Kernels, Plan};
use crate::spec::Reader;

/// Aligns a model file to 16 bytes: `static FILE: Aligned<[u8; N]> = Aligned(*include_bytes!(…))`.
#[repr(C, align(16))]
#[derive(Clone, Copy, Debug)]
pub struct Aligned<T: ?Sized>(pub T);

/// A checked model: its architecture and the parts of its file.
///
/// Reading is `const`: a model that is compiled into a firmware can be checked at compile time.
#[derive(Clone, Copy, Debug)]
pub struct Model<'m> {
    plan: Plan,
    weight_type: WeightType,
    lanes: u8,
    decision: Decision,
    preprocessing: &'m [u8],
    class_names: &'m str,
    weights: &'m [u8],
}

impl<'m> Model<'m> {
    /// Reads and checks a model file.
    ///
    /// # Errors
    ///
    /// [`ModelError`] states which check failed. For any bytes the result is an error or a model that is exactly what
    /// was written, as far as a 32-bit checksum can tell.
    #[inline(never)]
    pub const fn read(file: &'m [u8]) -> Result<Model<'m>, ModelError> {
        let mut model = Model::UNREAD;
        match model.fill(file) {
            Ok(()) => Ok(model),
            Err(error) => Err(error),
        }
    }

    /// A place for a file that is read into it.
    const UNREAD: Model<'m> = Model {
        plan: Plan::UNREAD,
        weight_type: WeightType::F32,
        lanes: 1,
        decision: Decision::PLAIN,
        preprocessing: &[],
        class_names: "",
        weights: &[],
    };

    /// Reads and checks a model file. The model is large: a device has it on the stack only once.
    #[inline(never)]
    const fn fill(&mut self, file: &'m [u8]) -> Result<(), ModelError> {
        if file.len() < HEADER + 4 {
            return Err(ModelError::Truncated { expected: HEADER as u32 + 4, found: file.len() });
        }
        let mut i = 0;
        while i < MAGIC.len() {
            if file[i] != MAGIC[i] {
                return Err(ModelError::Magic);
            }
            i += 1;
        }
        let version = u16_at(file, 8);
        if version < VERSION || version > AFFINE_VERSION {
            return Err(ModelError::Version(version));
        }
        let length = u32_at(file, 12);
        if length as usize > file.len() {
            return Err(ModelError::Truncated { expected: length, found: file.len() });
        }
        if (length as usize) < file.len() {
            return Err(ModelError::TrailingBytes { expected: length, found: file.len() });
        }
        let (body, checksum) = file.split_at(file.len() - 4);
        let computed = crc32(body);
        let stored = u32_at(checksum, 0);
        if computed != stored {
            return Err(ModelError::Checksum { stored, computed });
        }
        self.weight_type = match file[10] {
            1 => WeightType::F32,
            2 => WeightType::F16,
            3 => WeightType::Int8,
            4 => WeightType::Int4,
            5 => WeightType::Affine,
            6 => WeightType::AffineInt4,
            other => return Err(ModelError::WeightType(other)),
        };
        self.lanes = file[11];
        if Lanes::of(self.weight_type, self.lanes()).is_none() {
            return Err(ModelError::Lanes(self.lanes));
        }
        self.fill_parts(body, version)
    }

    /// Splits a file with a valid checksum into its parts and checks them: the writer may have made a mistake.
    const fn fill_parts(&mut self, body: &'m [u8], version: u16) -> Result<(), ModelError> {
        let weight_type = self.weight_type;
        let (line_len, names_len) = (u16_at(body, 16) as usize, u16_at(body, 18) as usize);
        let (weights_at, weights_len) = (u32_at(body, 20) as usize, u32_at(body, 24) as usize);
        let table_len = 8 * u16_at(body, 28) as usize;
        let decision_len = if version == VERSION { 0 } else { Decision::BYTES };
        let table_at = HEADER + decision_len;
        let text_at = table_at + table_len;
        let text_end = text_at + line_len + names_len;
        if u16_at(body, 30) != 0
            || weights_at != text_end.next_multiple_of(16)
            || weights_at > body.len()
            || weights_len != body.len() - weights_at
        {
            return Err(ModelError::Layout);
        }
        let (front, weights) = body.split_at(weights_at);
        let (header, rest) = front.split_at(table_at);
        let (table, text) = rest.split_at(table_len);
        let (line, text) = text.split_at(line_len);
        let (names, padding) = text.split_at(names_len);
        let Ok(line) = core::str::from_utf8(line) else { return Err(ModelError::Layout) };
        let Ok(names) = core::str::from_utf8(names) else { return Err(ModelError::Layout) };
        let mut reader = Reader::new(line);
        if let Err(error) = self.plan.read(&mut reader) {
            return Err(ModelError::Line(error));
        }
        let (plan, spec) = (&self.plan, self.plan.spec());
        if !reader.is_canonical() {
            return Err(ModelError::NotCanonical);
        }
        // Version 3 is only for models that need it.
        let affine = weight_type.has_zero_points() || spec.is_extended();
        if affine != (version == AFFINE_VERSION) {
            return Err(ModelError::Version(version));
        }
        if spec.is_extended() && matches!(weight_type, WeightType::Int8 | WeightType::Int4) {
            return Err(ModelError::WeightType(body[10]));
        }
        if spec.input().channels as usize * 8 != table_len || !all_zero(padding) {
            return Err(ModelError::Layout);
        }
        let (found, empty) = lines(names.as_bytes());
        if !names.is_empty() && (found != plan.classes() || empty) {
            return Err(ModelError::ClassNames { expected: plan.classes(), found });
        }
        if version != VERSION {
            self.decision = match Decision::read(header.split_at(HEADER).1, plan.classes()) {
                Some(decision) => decision,
                None => return Err(ModelError::Decision),
            };
        }
        let preprocessing = match weight_type {
            WeightType::Int8 | WeightType::Int4 => is_one_scale(table) && has_one_mean(table, 0),
            WeightType::Affine | WeightType::AffineInt4 => is_one_scale(table) && has_one_mean(table, u32_at(table, 0)),
            _ => true,
        };
        if !preprocessing {
            return Err(ModelError::Preprocessing);
        }
        self.preprocessing = table;
        self.class_names = names;
        self.weights = weights;
        weights::check(plan, weight_type, self.lanes(), weights)
    }

    /// The architecture and its resources.
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The type in which the weights are stored.
    pub const fn weight_type(&self) -> WeightType {
        self.weight_type
    }

    /// The number of outputs that are side by side in the packed weights. It changes the speed, not the results. Float
    /// weights have 1, 4 or 16 lanes, which every build runs. Integer weights have 1 (every build), 2 (hosts and
    /// Cortex-M with DSP instructions) or 16 (hosts).
    pub const fn lanes(&self) -> usize {
        self.lanes as usize
    }

    /// How the logits become an answer and probabilities.
    pub const fn decision(&self) -> &Decision {
        &self.decision
    }

    /// Returns the answer for an image's logits: a class, or none of them if the model rejects the image (see
    /// [`Decision::answer`]).
    pub fn answer(&self, logits: &[f32]) -> Answer {
        self.decision.answer(logits)
    }

    /// Returns the working memory in 32-bit words that a [`Network`](crate::Network) of this model needs in this build:
    /// at most [`Plan::state_words`], and less if the kernels for its packing need less.
    pub const fn state_words(&self) -> usize {
        self.plan.bytes(self.weight_type, Kernels::for_lanes(self.lanes())).total() / 4
    }

    /// The packed weights and biases, layer by layer; see `docs/model-file.md`.
    pub const fn weights(&self) -> &'m [u8] {
        self.weights
    }

    /// Returns the names of the classes in order; none if the file has none.
    pub fn class_names(&self) -> impl Iterator<Item = &'m str> + Clone + use<'m> {
        self.class_names.split('\n').filter(|name| !name.is_empty())
    }

    /// Returns the name of class `index`; `None` if the file has no names or there is no such class.
    pub fn class_name(&self, index: usize) -> Option<&'m str> {
        self.class_names().nth(index)
    }

    /// Returns the normalization of an input channel for a float network.
    ///
    /// # Panics
    ///
    /// If the input has no such channel.
    pub fn normalization(&self, channel: usize) -> Normalization {
        let (means, scales) = self.preprocessing.split_at(self.preprocessing.len() / 2);
        let value = |of: &[u8]| f32::from_bits(u32_at(of, 4 * channel));
        Normalization { mean: value(means), scale: value(scales) }
    }

    /// Normalizes a row of pixel bytes, channels last, for a float network with [`Normalization::apply`]. (An integer
    /// network reads the bytes themselves.)
    ///
    /// Both rows hold columns × channels values. If one is longer, its additional values are ignored.
    pub fn preprocess(&self, bytes: &[u8], row: &mut [f32]) {
        let channels = self.plan.spec().input().channels as usize;
        for channel in 0..channels {
            let normalization = self.normalization(channel);
            let pixels = bytes.iter().skip(channel).step_by(channels);
            for (value, &byte) in row.iter_mut().skip(channel).step_by(channels).zip(pixels) {
                *value = normalization.apply(f32::from(byte));
            }
        }
    }
}
