//! The values of constants, and what operators make of constants.

use half::{bf16, f16};

use super::error::OnnxError;
use super::wire::{Damaged, Message, Value};

/// The most dimensions of a constant.
const MOST_DIMS: usize = 8;

/// A constant tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// Its shape, first the slowest dimension.
    pub dims: Vec<usize>,
    /// Its values, last dimension fastest.
    pub numbers: Numbers,
}

/// The values of a constant.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    /// Floats of any width.
    Float(Vec<f32>),
    /// Integers of 32 or 64 bits.
    Int(Vec<i64>),
    /// 8-bit integers.
    Int8(Vec<i8>),
    /// Unsigned 8-bit integers.
    Uint8(Vec<u8>),
    /// Weights of 8-bit integers.
    Steps {
        values: Vec<i8>,
        /// One for each part of the dimension `axis`, or one for all.
        scales: Vec<f32>,
        axis: usize,
    },
    /// Biases of 32-bit integers, as numbers.
    Double(Vec<f64>),
}

impl Numbers {
    pub fn len(&self) -> usize {
        match self {
            Self::Float(values) => values.len(),
            Self::Int(values) => values.len(),
            Self::Int8(values) => values.len(),
            Self::Uint8(values) => values.len(),
            Self::Steps { values, .. } => values.len(),
            Self::Double(values) => values.len(),
        }
    }

    /// Returns the values at some places.
    fn at(&self, places: impl Iterator<Item = usize>) -> Option<Self> {
        Some(match self {
            Self::Float(values) => Self::Float(places.map(|at| values.get(at).copied()).collect::<Option<_>>()?),
            Self::Int(values) => Self::Int(places.map(|at| values.get(at).copied()).collect::<Option<_>>()?),
            Self::Int8(values) => Self::Int8(places.map(|at| values.get(at).copied()).collect::<Option<_>>()?),
            Self::Uint8(values) => Self::Uint8(places.map(|at| values.get(at).copied()).collect::<Option<_>>()?),
            Self::Steps { values, scales, axis } => Self::Steps {
                values: places.map(|at| values.get(at).copied()).collect::<Option<_>>()?,
                scales: scales.clone(),
                axis: *axis,
            },
            Self::Double(values) => Self::Double(places.map(|at| values.get(at).copied()).collect::<Option<_>>()?),
        })
    }
}

/// Where a tensor's values are, if they are in another file.
#[derive(Clone, Copy, Debug)]
pub struct External<'a> {
    pub location: &'a str,
    pub offset: usize,
    pub length: Option<usize>,
}

/// Returns the place of a tensor's values in another file, if they are in one.
pub fn external(tensor: Message<'_>) -> Result<Option<External<'_>>, Damaged> {
    if tensor.int(14)? != 1 {
        return Ok(None);
    }
    let mut found = External { location: "", offset: 0, length: None };
    tensor.each(13, |bytes| {
        let entry = Message(bytes);
        let number = |text: &str| text.parse().map_err(|_| Damaged);
        match (entry.text(1)?, entry.text(2)?) {
            ("location", text) => found.location = text,
            ("offset", text) => found.offset = number(text)?,
            ("length", text) => found.length = Some(number(text)?),
            _ => {}
        }
        Ok(())
    })?;
    Ok(Some(found))
}

impl Constant {
    /// Returns one integer or a row of them.
    pub fn row(values: Vec<i64>) -> Self {
        Self { dims: vec![values.len()], numbers: Numbers::Int(values) }
    }

    /// Reads a `TensorProto`; `outside` are its values if they are in another file. `None` if its type is none of ours.
    pub fn read(tensor: Message<'_>, outside: Option<&[u8]>) -> Result<Option<Self>, OnnxError> {
        let mut dims = Vec::new();
        let mut valid = true;
        tensor.ints(1, |side| match usize::try_from(side) {
            Ok(side) if dims.len() < MOST_DIMS => dims.push(side),
            _ => valid = false,
        })?;
        let count =
            dims.iter().try_fold(1usize, |count, &side| count.checked_mul(side)).filter(|_| valid).ok_or(Damaged)?;
        let raw = match outside {
            Some(bytes) => Some(bytes),
            None => tensor.bytes(9)?,
        };
        let element = tensor.int(2)?;
        // A type's values, if they are not raw, are in the field of a wider type.
        let numbers = match (element, raw) {
            (1, Some(raw)) => {
                Numbers::Float(raw.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
            }
            (1, None) => {
                let mut values = Vec::new();
                tensor.floats(4, |value| values.push(value))?;
                Numbers::Float(values)
            }
            (11, Some(raw)) => {
                Numbers::Float(raw.as_chunks().0.iter().map(|&bytes| f64::from_le_bytes(bytes) as f32).collect())
            }
            (11, None) => {
                let mut values = Vec::new();
                for field in tensor.fields() {
                    match field? {
                        (10, Value::Eight(bytes)) => values.push(f64::from_le_bytes(bytes) as f32),
                        (10, Value::Bytes(bytes)) => {
                            values.extend(bytes.as_chunks().0.iter().map(|&bytes| f64::from_le_bytes(bytes) as f32));
                        }
                        _ => {}
                    }
                }
                Numbers::Float(values)
            }
            (10 | 16, raw) => {
                let widened = |bits: u16| match element {
                    10 => f16::from_bits(bits).to_f32(),
                    _ => bf16::from_bits(bits).to_f32(),
                };
                Numbers::Float(match raw {
                    Some(raw) => raw.as_chunks().0.iter().map(|&bytes| widened(u16::from_le_bytes(bytes))).collect(),
                    None => ints(tensor, 5)?.into_iter().map(|bits| widened(bits as u16)).collect(),
                })
            }
            (7, Some(raw)) => Numbers::Int(raw.as_chunks().0.iter().map(|&bytes| i64::from_le_bytes(bytes)).collect()),
            (7, None) => Numbers::Int(ints(tensor, 7)?),
            (6, Some(raw)) => {
                Numbers::Int(raw.as_chunks().0.iter().map(|&bytes| i32::from_le_bytes(bytes).into()).collect())
            }
            (6, None) => Numbers::Int(ints(tensor, 5)?),
            (3, Some(raw)) => Numbers::Int8(raw.iter().map(|&byte| byte as i8).collect()),
            (3, None) => Numbers::Int8(ints(tensor, 5)?.into_iter().map(|value| value as i8).collect()),
            (2, Some(raw)) => Numbers::Uint8(raw.to_vec()),
            (2, None) => Numbers::Uint8(ints(tensor, 5)?.into_iter().map(|value| value as u8).collect()),
            _ => return Ok(None),
        };
        if numbers.len() != count {
            return Err(OnnxError::Damaged);
        }
        Ok(Some(Self { dims, numbers }))
    }

    /// Returns the floats, if the values are floats.
    pub fn floats(&self) -> Option<&[f32]> {
        if let Numbers::Float(values) = &self.numbers { Some(values) } else { None }
    }

    /// Returns the constant rounded to integers by its scale: what QuantizeLinear does, for symmetric 8-bit integers.
    pub fn quantised(&self, scale: &Self, axis: i64) -> Option<Self> {
        let (values, scales) = (self.floats()?, scale.floats()?);
        let (step, length) = self.along(scales.len(), axis)?;
        let scale = |at: usize| scales[if length == 1 { 0 } else { at / step % length }];
        let steps = values
            .iter()
            .enumerate()
            .map(|(at, value)| (value / scale(at)).round_ties_even().clamp(-128.0, 127.0) as i8);
        Some(Self { dims: self.dims.clone(), numbers: Numbers::Int8(steps.collect()) })
    }

    /// Returns the constant as numbers: what DequantizeLinear does. Weights keep their integers.
    pub fn dequantised(&self, scale: &Self, zero: Option<&Self>, axis: i64) -> Option<Self> {
        let scales = scale.floats()?;
        let axis_at = usize::try_from(if axis < 0 { axis + self.dims.len() as i64 } else { axis }).ok()?;
        let (step, length) = self.along(scales.len(), axis)?;
        let is_zero = match zero.map(|zero| &zero.numbers) {
            None => true,
            Some(Numbers::Int8(values)) => values.iter().all(|&value| value == 0),
            Some(Numbers::Uint8(values)) => values.iter().all(|&value| value == 0),
            Some(Numbers::Int(values)) => values.iter().all(|&value| value == 0),
            Some(_) => false,
        };
        let scale = |at: usize| scales[if length == 1 { 0 } else { at / step % length }];
        let single = |zero: Option<&Self>| match zero.map(|zero| &zero.numbers) {
            Some(Numbers::Uint8(values)) if values.len() == 1 => Some(f32::from(values[0])),
            Some(Numbers::Int8(values)) if values.len() == 1 => Some(f32::from(values[0])),
            None => Some(0.0),
            _ => None,
        };
        let numbers = match &self.numbers {
            Numbers::Int8(values) if self.dims.len() >= 2 && is_zero => {
                Numbers::Steps { values: values.clone(), scales: scales.to_vec(), axis: axis_at }
            }
            Numbers::Int(values) if is_zero => {
                let value = |(at, value): (usize, &i64)| *value as f64 * f64::from(scale(at));
                Numbers::Double(values.iter().enumerate().map(value).collect())
            }
            // A number for each channel is no weight.
            Numbers::Uint8(values) if self.dims.len() < 2 || values.len() == 1 => {
                let zero = single(zero)?;
                Numbers::Float(
                    values.iter().enumerate().map(|(at, &value)| (f32::from(value) - zero) * scale(at)).collect(),
                )
            }
            Numbers::Int8(values) if self.dims.len() < 2 || values.len() == 1 => {
                let zero = single(zero)?;
                Numbers::Float(
                    values.iter().enumerate().map(|(at, &value)| (f32::from(value) - zero) * scale(at)).collect(),
                )
            }
            _ => return None,
        };
        Some(Self { dims: self.dims.clone(), numbers })
    }

    /// Returns the distance of neighbours along a dimension and its length, if there is a scale for each, or one for all.
    fn along(&self, scales: usize, axis: i64) -> Option<(usize, usize)> {
        if scales == 1 {
            return Some((1, 1));
        }
        let axis = usize::try_from(if axis < 0 { axis + self.dims.len() as i64 } else { axis }).ok()?;
        let length = *self.dims.get(axis)?;
        (length == scales && length > 0).then(|| (self.dims[axis + 1..].iter().product(), length))
    }

    /// Returns the integers, if the values are integers of 32 or 64 bits.
    pub fn ints(&self) -> Option<&[i64]> {
        if let Numbers::Int(values) = &self.numbers { Some(values) } else { None }
    }

    /// Returns the only value as a float, if there is one.
    pub fn single(&self) -> Option<f32> {
        match &self.numbers {
            Numbers::Float(values) if values.len() == 1 => Some(values[0]),
            Numbers::Int(values) if values.len() == 1 => Some(values[0] as f32),
            _ => None,
        }
    }

    /// Returns the constant in another shape.
    pub fn reshaped(&self, shape: &[i64], zero_is_zero: bool) -> Option<Self> {
        let dims = reshaped(&self.dims, shape, zero_is_zero)?;
        // Scales stay with their dimension.
        let is_free = !matches!(self.numbers, Numbers::Steps { .. }) || dims == self.dims;
        is_free.then(|| Self { dims, numbers: self.numbers.clone() })
    }

    /// Returns the constant with its dimensions in another order.
    pub fn transposed(&self, order: &[usize]) -> Option<Self> {
        let rank = self.dims.len();
        let mut seen = order.to_vec();
        seen.sort_unstable();
        if !seen.into_iter().eq(0..rank) {
            return None;
        }
        let mut strides = vec![1; rank];
        for at in (1..rank).rev() {
            strides[at - 1] = strides[at] * self.dims[at];
        }
        let dims: Vec<usize> = order.iter().map(|&at| self.dims[at]).collect();
        let place = |index: usize| {
            let (mut rest, mut place) = (index, 0);
            for at in (0..rank).rev() {
                place += rest % dims[at] * strides[order[at]];
                rest /= dims[at];
            }
            place
        };
        let mut numbers = self.numbers.at((0..self.numbers.len()).map(place))?;
        if let Numbers::Steps { axis, .. } = &mut numbers {
            *axis = order.iter().position(|at| at == axis)?;
        }
        Some(Self { dims, numbers })
    }

    /// Returns the parts of a row or scalar of integers at some places; a negative place counts from the end.
    pub fn gathered(&self, places: &Self) -> Option<Self> {
        let (values, at) = (self.ints()?, places.ints()?);
        if self.dims.len() != 1 || places.dims.len() > 1 {
            return None;
        }
        let place = |&at: &i64| if at < 0 { at + values.len() as i64 } else { at };
        let found = at.iter().map(|at| values.get(usize::try_from(place(at)).ok()?).copied()).collect::<Option<_>>()?;
        Some(Self { dims: places.dims.clone(), numbers: Numbers::Int(found) })
    }

    /// Returns a row of integers from `start` to before `end`; with a step of −1, a whole constant with its first dimension
    /// in reverse, as old exporters of PyTorch turn paddings around.
    pub fn sliced(&self, start: i64, end: i64, step: i64) -> Option<Self> {
        let values = self.ints()?;
        let length = *self.dims.first()? as i64;
        let clamp = |at: i64| (if at < 0 { at.saturating_add(length) } else { at }).clamp(0, length) as usize;
        match step {
            1 if self.dims.len() == 1 => {
                let (start, end) = (clamp(start), clamp(end));
                Some(Self::row(values.get(start..end.max(start))?.to_vec()))
            }
            -1 if start == -1 && end < -length => {
                let row = values.len().checked_div(length as usize).filter(|&row| row > 0)?;
                let numbers = Numbers::Int(values.chunks_exact(row).rev().flatten().copied().collect());
                Some(Self { dims: self.dims.clone(), numbers })
            }
            _ => None,
        }
    }

    /// Returns what an arithmetic operator makes of two constants of one shape, or of one and a single value.
    pub fn combined(&self, other: &Self, op: &str) -> Option<Self> {
        let dims = if other.numbers.len() == 1 { &self.dims } else { &other.dims };
        let count = self.numbers.len().max(other.numbers.len());
        let fits =
            [self, other].iter().all(|one| one.numbers.len() == 1 || (one.numbers.len() == count && one.dims == *dims));
        if !fits {
            return None;
        }
        let pick = |length: usize, at: usize| if length == 1 { 0 } else { at };
        let numbers = match (&self.numbers, &other.numbers) {
            (Numbers::Float(a), Numbers::Float(b)) => Numbers::Float(
                (0..count)
                    .map(|at| {
                        let (a, b) = (a[pick(a.len(), at)], b[pick(b.len(), at)]);
                        Some(match op {
                            "Add" => a + b,
                            "Sub" => a - b,
                            "Mul" => a * b,
                            "Div" => a / b,
                            _ => return None,
                        })
                    })
                    .collect::<Option<_>>()?,
            ),
            (Numbers::Int(a), Numbers::Int(b)) => Numbers::Int(
                (0..count)
                    .map(|at| {
                        let (a, b) = (a[pick(a.len(), at)], b[pick(b.len(), at)]);
                        match op {
                            "Add" => a.checked_add(b),
                            "Sub" => a.checked_sub(b),
                            "Mul" => a.checked_mul(b),
                            "Div" => a.checked_div(b),
                            _ => None,
                        }
                    })
                    .collect::<Option<_>>()?,
            ),
            _ => return None,
        };
        Some(Self { dims: dims.clone(), numbers })
    }
}

/// Returns the product of some sides, unless it leaves 64 bits.
fn product(mut sides: impl Iterator<Item = usize>) -> Option<usize> {
    sides.try_fold(1, |count: usize, side| count.checked_mul(side))
}

/// Returns the dimensions that a tensor of some dimensions has in another shape: 0 is the same one, unless zero is zero, and
/// −1 what is left.
pub fn reshaped(dims: &[usize], shape: &[i64], zero_is_zero: bool) -> Option<Vec<usize>> {
    let sides = shape.iter().enumerate().map(|(at, &side)| match side {
        0 if !zero_is_zero => dims.get(at).copied().map(Some),
        -1 => Some(None),
        _ => usize::try_from(side).ok().map(Some),
    });
    let sides = sides.collect::<Option<Vec<_>>>()?;
    let all = product(dims.iter().copied())?;
    let known = product(sides.iter().flatten().copied())?;
    let open = sides.iter().filter(|side| side.is_none()).count();
    let rest = if open == 1 { all.checked_div(known)? } else { 1 };
    let found: Vec<usize> = sides.into_iter().map(|side| side.unwrap_or(rest)).collect();
    let count = product(found.iter().copied())?;
    (open <= 1 && count == all && found.len() <= MOST_DIMS).then_some(found)
}

fn ints(tensor: Message<'_>, field: u32) -> Result<Vec<i64>, Damaged> {
    let mut values = Vec::new();
    tensor.ints(field, |value| values.push(value))?;
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::{Constant, Message, Numbers};

    fn ints(dims: &[usize], values: &[i64]) -> Constant {
        Constant { dims: dims.into(), numbers: Numbers::Int(values.into()) }
    }

    #[test]
    fn constants_change_their_shape() {
        let two_by_three = ints(&[2, 3], &[1, 2, 3, 4, 5, 6]);
        assert_eq!(two_by_three.transposed(&[1, 0]), Some(ints(&[3, 2], &[1, 4, 2, 5, 3, 6])));
        assert_eq!(two_by_three.transposed(&[0, 0]), None);
        assert_eq!(two_by_three.reshaped(&[-1, 2], false), Some(ints(&[3, 2], &[1, 2, 3, 4, 5, 6])));
        assert_eq!(two_by_three.reshaped(&[0, -1], false), Some(two_by_three.clone()));
        assert_eq!(two_by_three.reshaped(&[4, -1], false), None);
        assert_eq!(two_by_three.reshaped(&[0, 6], true), None);
        assert_eq!(two_by_three.sliced(-1, i64::MIN + 1, -1), Some(ints(&[2, 3], &[4, 5, 6, 1, 2, 3])));
        assert_eq!(ints(&[4], &[7, 8, 9, 10]).sliced(1, -1, 1), Some(ints(&[2], &[8, 9])));
        assert_eq!(ints(&[3], &[7, 8, 9]).gathered(&ints(&[], &[-1])), Some(ints(&[], &[9])));
        assert_eq!(ints(&[3], &[7, 8, 9]).gathered(&ints(&[1], &[3])), None);
        assert_eq!(two_by_three.combined(&ints(&[], &[2]), "Mul"), Some(ints(&[2, 3], &[2, 4, 6, 8, 10, 12])));
        assert_eq!(ints(&[1], &[i64::MAX]).combined(&ints(&[1], &[1]), "Add"), None);
    }

    #[test]
    fn a_tensor_has_as_many_values_as_its_shape() {
        // dims 2 (field 1), type int64 (field 2: 7), int64_data 5, 6 (field 7, packed).
        let tensor = |values: &[u8]| [&[0x08, 2, 0x10, 7, 0x3a, values.len() as u8], values].concat();
        let file = tensor(&[5, 6]);
        assert_eq!(Constant::read(Message(&file), None).unwrap(), Some(ints(&[2], &[5, 6])));
        assert!(Constant::read(Message(&tensor(&[5])), None).is_err());
        // A shape whose product leaves 64 bits, and a negative one.
        let huge =
            [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x08, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x10, 7];
        assert!(Constant::read(Message(&huge), None).is_err());
        let negative = [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x10, 7];
        assert!(Constant::read(Message(&negative), None).is_err());
    }
}
