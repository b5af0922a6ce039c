//! The model file, read in place: from flash, without copying.
//!
//! `docs/model-file.md` in the repository describes its layout field by field.

use core::fmt;

use crate::plan::{Kernels, Plan, WeightType};
use crate::spec::{Spec, SpecError};

/// First bytes of every model file.
pub const MAGIC: [u8; 8] = *b"NiNmodel";
/// The version of the layout that this crate reads.
pub const VERSION: u16 = 1;
/// Bytes before the preprocessing table.
pub const HEADER: usize = 32;

/// Aligns what it holds as a model file must be: `static FILE: Aligned<[u8; N]> = Aligned(*include_bytes!(…))`.
#[repr(C, align(16))]
#[derive(Clone, Copy, Debug)]
pub struct Aligned<T: ?Sized>(pub T);

/// A checked model: its architecture and what lies where in its file.
///
/// Reading is `const`: a model compiled into a firmware can be checked while that compiles.
#[derive(Clone, Copy, Debug)]
pub struct Model<'m> {
    plan: Plan,
    weight_type: WeightType,
    lanes: u8,
    preprocessing: &'m [u8],
    class_names: &'m str,
    weights: &'m [u8],
}

impl<'m> Model<'m> {
    /// Reads and checks a model file.
    ///
    /// # Errors
    ///
    /// [`ModelError`] says which check failed. Whatever the bytes, the answer is an error or a model that is
    /// exactly what was written, up to what a 32-bit checksum can tell.
    pub const fn read(file: &'m [u8]) -> Result<Model<'m>, ModelError> {
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
        if version != VERSION {
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
        let weight_type = match file[10] {
            1 => WeightType::F32,
            2 => WeightType::F16,
            3 => WeightType::Int8,
            4 => WeightType::Int4,
            other => return Err(ModelError::WeightType(other)),
        };
        let lanes = file[11];
        match weight_type {
            WeightType::F32 | WeightType::F16 if matches!(lanes, 1 | 4 | 16) => {}
            WeightType::Int8 | WeightType::Int4 if matches!(lanes, 1 | 2 | 16) => {}
            _ => return Err(ModelError::Lanes(lanes)),
        }
        Model::parts(body, weight_type, lanes)
    }

    /// Takes apart what the checksum has vouched for; a writer may still have put together what does not fit.
    const fn parts(body: &'m [u8], weight_type: WeightType, lanes: u8) -> Result<Model<'m>, ModelError> {
        let (line_len, names_len) = (u16_at(body, 16) as usize, u16_at(body, 18) as usize);
        let (weights_at, weights_len) = (u32_at(body, 20) as usize, u32_at(body, 24) as usize);
        let table_len = 8 * u16_at(body, 28) as usize;
        let text_at = HEADER + table_len;
        let text_end = text_at + line_len + names_len;
        if u16_at(body, 30) != 0
            || weights_at != text_end.next_multiple_of(16)
            || weights_at > body.len()
            || weights_len != body.len() - weights_at
        {
            return Err(ModelError::Layout);
        }
        let (front, weights) = body.split_at(weights_at);
        let (table, text) = front.split_at(HEADER).1.split_at(table_len);
        let (line, text) = text.split_at(line_len);
        let (names, padding) = text.split_at(names_len);
        let Ok(line) = core::str::from_utf8(line) else { return Err(ModelError::Layout) };
        let Ok(names) = core::str::from_utf8(names) else { return Err(ModelError::Layout) };
        let spec = match Spec::parse(line) {
            Ok(spec) => spec,
            Err(error) => return Err(ModelError::Line(error)),
        };
        let plan = Plan::new(spec);
        if spec.input().channels as usize * 8 != table_len || !all_zero(padding) {
            return Err(ModelError::Layout);
        }
        let (found, empty) = lines(names.as_bytes());
        if !names.is_empty() && (found != plan.classes() || empty) {
            return Err(ModelError::ClassNames { expected: plan.classes(), found });
        }
        let expected = match weight_type {
            WeightType::Int4 => match mixed_bytes(&plan, lanes as usize, weights) {
                Ok(expected) => expected,
                Err(bits) => return Err(ModelError::Bits(bits)),
            },
            _ => plan.weight_bytes(weight_type, lanes as usize),
        };
        if weights.len() != expected {
            return Err(ModelError::Weights { expected, found: weights.len() });
        }
        Ok(Model { plan, weight_type, lanes, preprocessing: table, class_names: names, weights })
    }

    /// The architecture and its resources.
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How the weights are stored.
    pub const fn weight_type(&self) -> WeightType {
        self.weight_type
    }

    /// Outputs that lie side by side in the packed weights. They change speed, not results; but not every build runs
    /// all: floats have 1, 4 or 16, everywhere; integers 1 (everywhere), 2 (hosts, Cortex-M with DSP instructions) or
    /// 16 (hosts).
    pub const fn lanes(&self) -> usize {
        self.lanes as usize
    }

    /// 32-bit words of working memory that a [`Network`](crate::Network) of this model needs in this build: at most
    /// [`Plan::state_words`], and less where its packing runs on kernels that need less.
    pub const fn state_words(&self) -> usize {
        self.plan.bytes(self.weight_type, Kernels::for_lanes(self.lanes())).total() / 4
    }

    /// The packed weights and biases, layer by layer; see `docs/model-file.md`.
    pub const fn weights(&self) -> &'m [u8] {
        self.weights
    }

    /// The names of the classes in order; none if the file has none.
    pub fn class_names(&self) -> impl Iterator<Item = &'m str> + Clone + use<'m> {
        self.class_names.split('\n').filter(|name| !name.is_empty())
    }

    /// The name of class `index`, if the file has names.
    pub fn class_name(&self, index: usize) -> Option<&'m str> {
        self.class_names().nth(index)
    }

    /// `(mean, scale)` of an input channel: a pixel's byte becomes `(byte - mean) * scale`.
    ///
    /// # Panics
    ///
    /// If the input has no such channel.
    pub fn preprocessing(&self, channel: usize) -> (f32, f32) {
        let (means, scales) = self.preprocessing.split_at(self.preprocessing.len() / 2);
        let value = |of: &[u8]| f32::from_bits(u32_at(of, 4 * channel));
        (value(means), value(scales))
    }

    /// Turns a row of pixel bytes, channels last, into what a network of floats reads: `(byte - mean) * scale`. (One of
    /// integers reads the bytes themselves.)
    ///
    /// Both rows hold columns × channels values; what one has more than the other is left as it is.
    pub fn preprocess(&self, bytes: &[u8], row: &mut [f32]) {
        let channels = self.plan.spec().input().channels as usize;
        for channel in 0..channels {
            let (mean, scale) = self.preprocessing(channel);
            let pixels = bytes.iter().skip(channel).step_by(channels);
            for (value, &byte) in row.iter_mut().skip(channel).step_by(channels).zip(pixels) {
                *value = (f32::from(byte) - mean) * scale;
            }
        }
    }
}

/// Bytes of the weights of a model whose layers say for themselves how many bits they have; `Err` is a number of bits
/// that no layer has. Where the weights end early, layers count as those with the fewest bits.
const fn mixed_bytes(plan: &Plan, lanes: usize, weights: &[u8]) -> Result<usize, u32> {
    let mut bytes = 0usize;
    let mut stage = 0;
    while stage < plan.spec().stages().len() {
        let mut step = 0;
        while let Some(layer) = plan.layer(stage, step) {
            step += 1;
            if !layer.has_weights() {
                // A `gap` that ends the line has the scale of its logits.
                bytes = bytes.saturating_add(plan.stage_weight_bytes(stage, WeightType::Int4, lanes));
                continue;
            }
            let bits = if bytes <= weights.len() && weights.len() - bytes >= 4 { u32_at(weights, bytes) } else { 4 };
            match layer.mixed_bytes(bits, lanes) {
                Some(own) => bytes = bytes.saturating_add(own),
                None => return Err(bits),
            }
        }
        stage += 1;
    }
    Ok(bytes)
}

/// CRC-32 as zip and Ethernet have it, half a byte at a time: bit by bit a board takes nearly five times as long over its
/// model, and a table of bytes takes a kilobyte of flash.
const fn crc32(bytes: &[u8]) -> u32 {
    const NIBBLES: [u32; 16] = {
        let mut table = [0; 16];
        let mut nibble = 0;
        while nibble < 16 {
            let mut rest = nibble as u32;
            let mut bit = 0;
            while bit < 4 {
                rest = if rest & 1 == 1 { rest >> 1 ^ 0xedb8_8320 } else { rest >> 1 };
                bit += 1;
            }
            table[nibble] = rest;
            nibble += 1;
        }
        table
    };
    let mut crc = u32::MAX;
    let mut i = 0;
    while i < bytes.len() {
        crc ^= bytes[i] as u32;
        crc = crc >> 4 ^ NIBBLES[crc as usize & 15];
        crc = crc >> 4 ^ NIBBLES[crc as usize & 15];
        i += 1;
    }
    !crc
}

/// The value that the catalogues of CRCs give for checking one.
const _: () = assert!(crc32(b"123456789") == 0xcbf4_3926);

const fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

const fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

const fn all_zero(bytes: &[u8]) -> bool {
    count(bytes, 0) == bytes.len()
}

/// How many lines a text has that are not empty, and whether one is.
const fn lines(text: &[u8]) -> (usize, bool) {
    let (mut found, mut empty) = (0, false);
    let (mut start, mut i) = (0, 0);
    while i <= text.len() {
        if i == text.len() || text[i] == b'\n' {
            if i > start {
                found += 1;
            } else {
                empty = true;
            }
            start = i + 1;
        }
        i += 1;
    }
    (found, empty)
}

const fn count(bytes: &[u8], wanted: u8) -> usize {
    let (mut i, mut found) = (0, 0);
    while i < bytes.len() {
        if bytes[i] == wanted {
            found += 1;
        }
        i += 1;
    }
    found
}

/// Why bytes are not a model that this crate can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModelError {
    /// The file ends early.
    Truncated {
        /// Bytes that there should be.
        expected: u32,
        /// Bytes that there are.
        found: usize,
    },
    /// Bytes follow the file's end.
    TrailingBytes {
        /// Bytes that there should be.
        expected: u32,
        /// Bytes that there are.
        found: usize,
    },
    /// It does not begin as a model file does.
    Magic,
    /// A version of the layout that this crate does not know.
    Version(u16),
    /// The bytes are not those that were written.
    Checksum {
        /// What the file says.
        stored: u32,
        /// What its bytes give.
        computed: u32,
    },
    /// A weight type that this crate does not know.
    WeightType(u8),
    /// A packing of the weights that this crate does not know.
    Lanes(u8),
    /// A layer says that its weights have a number of bits that this crate does not know.
    Bits(u32),
    /// The parts do not lie where the layout puts them.
    Layout,
    /// The architecture line is wrong.
    Line(SpecError),
    /// The number of class names that are not empty is neither zero nor the number of classes, or one is empty.
    ClassNames {
        /// The number of classes.
        expected: usize,
        /// The number of names.
        found: usize,
    },
    /// The weights are not as many as the architecture takes.
    Weights {
        /// Bytes that the architecture takes.
        expected: usize,
        /// Bytes that the file has.
        found: usize,
    },
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ModelError::Truncated { expected, found } => {
                write!(f, "the model file ends early: it has {found} of {expected} bytes")
            }
            ModelError::TrailingBytes { expected, found } => {
                write!(f, "the model file has {found} bytes where it says {expected}")
            }
            ModelError::Magic => f.write_str("not a model file: it does not begin with \"NiNmodel\""),
            ModelError::Version(version) => {
                write!(f, "the model file has version {version}; this program reads version {VERSION}")
            }
            ModelError::Checksum { stored, computed } => {
                write!(f, "the model file is damaged: its checksum is {computed:08x}, not {stored:08x}")
            }
            ModelError::WeightType(code) => write!(f, "the model file has an unknown weight type, {code}"),
            ModelError::Lanes(lanes) => {
                write!(f, "the model file packs its weights by {lanes}, which is none of the packings of their type")
            }
            ModelError::Bits(bits) => write!(f, "the model file has a layer with weights of {bits} bits, not 4 or 8"),
            ModelError::Layout => f.write_str("the parts of the model file do not lie where its layout puts them"),
            ModelError::Line(error) => write!(f, "the model file's architecture line is wrong: {error}"),
            ModelError::ClassNames { expected, found } if expected == found => {
                f.write_str("the model file has a class without a name")
            }
            ModelError::ClassNames { expected, found } => {
                write!(f, "the model file names {found} classes, but its architecture has {expected}")
            }
            ModelError::Weights { expected, found } => {
                write!(f, "the model file has {found} bytes of weights, but its architecture takes {expected}")
            }
        }
    }
}

impl core::error::Error for ModelError {}
