//! One array in `.npy` format: a header, checked before memory is allocated, and the values.

use std::fmt::Display;
use std::io::{self, Read};
use std::path::Path;

use ndarray::{ArrayD, ArrayView1, IxDyn, ShapeBuilder};
use ndarray_npy::ReadableElement;
use ndarray_npy::npy::header::Header;

use crate::data::arrays::indices;
use crate::data::{DataError, Result};
use crate::support::text::grouped;

/// The longest header that is read; NumPy has the same limit.
const LONGEST_HEADER: usize = 10_000;
/// The largest number of brackets in a header. A plain array has those of a dictionary and a tuple. The parser of
/// Python literals recurses for each bracket.
const MOST_BRACKETS: usize = 16;
/// Bytes allocated at first; more are allocated as data arrives.
const FIRST: u64 = 64 << 20;

/// The advice for a broken array.
const AGAIN: &str = "write it again with NumPy";

/// The array and its file, for messages.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// The file.
    pub path: &'a Path,
    /// The array's name in an archive; `None` for the array of a `.npy` file.
    pub key: Option<&'a str>,
}

impl Place<'_> {
    /// Returns the error for a fault in the array.
    pub fn wrong(self, problem: impl Display, advice: &str) -> DataError {
        let problem = match self.key {
            Some(key) => format!("array '{}' {problem}", key.escape_debug()),
            None => problem.to_string(),
        };
        DataError::file(self.path, problem, advice)
    }

    /// Returns the error for a failed read.
    fn unreadable(self, error: io::Error) -> DataError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => self.wrong("ends too early", AGAIN),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                self.wrong(format!("is damaged ({error})"), AGAIN)
            }
            _ => DataError::io(self.path, "read")(error),
        }
    }
}

/// The type of an array's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Dtype {
    big_endian: bool,
    /// `u` and `i` integers, `f` floats, `b` truth values, `c` complex numbers, `U` Unicode text, `S` bytes of text.
    kind: char,
    /// Bytes of an element; for `U`, characters of four bytes.
    size: usize,
}

impl Dtype {
    /// Reads NumPy's short form: `<f4`, `|u1`, `<U12`. `None` for objects, dates and structures.
    fn parse(text: &str) -> Option<Self> {
        let (order, rest) = match text.chars().next()? {
            order @ ('<' | '>' | '|' | '=') => (order, &text[1..]),
            _ => ('<', text),
        };
        let kind = rest.chars().next().filter(|kind| "uifbcUS".contains(*kind))?;
        Some(Self { big_endian: order == '>', kind, size: rest[1..].parse().ok()? })
    }

    /// Returns bytes of an element.
    fn bytes(self) -> Option<usize> {
        self.size.checked_mul(if self.kind == 'U' { 4 } else { 1 })
    }

    /// Returns NumPy's name: `float32`, `uint8`.
    fn name(self) -> String {
        let bits = self.size.saturating_mul(8);
        match self.kind {
            'u' => format!("uint{bits}"),
            'i' => format!("int{bits}"),
            'f' => format!("float{bits}"),
            'c' => format!("complex{bits}"),
            'b' => "bool".to_owned(),
            _ => "text".to_owned(),
        }
    }
}

/// An array whose header has been read and matches the number of bytes that follow.
pub(super) struct Stored<'a> {
    place: Place<'a>,
    header: Header,
    dtype: Dtype,
    /// Elements.
    len: usize,
    /// Bytes.
    length: u64,
    data: Box<dyn Read + 'a>,
}

impl<'a> Stored<'a> {
    /// Reads the header of an array file of `length` bytes.
    pub fn open(mut reader: Box<dyn Read + 'a>, length: u64, place: Place<'a>) -> Result<Self> {
        let start = start(&mut reader, place)?;
        let header = Header::from_reader(&mut &start[..]).map_err(|_| place.wrong("has a broken header", AGAIN))?;
        let described = header.type_descriptor.as_string();
        let Some(dtype) = described.and_then(|text| Dtype::parse(text)) else {
            let text = header.type_descriptor.to_string();
            let problem =
                format!("has the dtype {}", text.chars().filter(|c| !c.is_control()).take(40).collect::<String>());
            return Err(place.wrong(problem, "give numbers, or text that is not a Python object"));
        };
        let elements = |sides: &[usize]| sides.iter().try_fold(1usize, |product, &side| product.checked_mul(side));
        // The product without empty axes must fit too, because `ndarray` checks it.
        let sides: Vec<usize> = header.shape.iter().map(|&side| side.max(1)).collect();
        let whole = dtype.bytes().and_then(|size| elements(&sides)?.checked_mul(size));
        let (Some(len), Some(_), true) =
            (elements(&header.shape), whole.filter(|&whole| isize::try_from(whole).is_ok()), header.shape.len() <= 8)
        else {
            return Err(place.wrong(format!("declares the impossible shape {}", listed(&header.shape)), AGAIN));
        };
        let (declared, there) =
            (len as u64 * dtype.bytes().unwrap_or(0) as u64, length.saturating_sub(start.len() as u64));
        if declared != there {
            let (shape, declared, there) = (listed(&header.shape), grouped(declared), grouped(there));
            let problem = format!("declares the shape {shape}, {declared} bytes, but holds {there}");
            return Err(place.wrong(problem, AGAIN));
        }
        Ok(Self { place, header, dtype, len, length: declared, data: reader })
    }

    /// Returns the array's place.
    pub fn place(&self) -> Place<'a> {
        self.place
    }

    /// Returns the lengths of its axes.
    pub fn shape(&self) -> &[usize] {
        &self.header.shape
    }

    /// Returns its shape for messages: `60000 × 28 × 28`.
    pub fn listed_shape(&self) -> String {
        listed(&self.header.shape)
    }

    /// Returns the values of an array of `uint8`.
    pub fn pixels(self) -> Result<ArrayD<u8>> {
        let Self { place, dtype, .. } = self;
        if (dtype.kind, dtype.size) != ('u', 1) {
            let advice = match dtype.kind {
                'f' => "convert it to uint8: (255 * x).round().astype('uint8') for values from 0 to 1, else x.round()",
                _ => "convert it to uint8, 0 to 255",
            };
            return Err(place.wrong(format!("has the dtype {}, but images must be uint8", dtype.name()), advice));
        }
        let shape = IxDyn(&self.header.shape).set_f(self.header.layout.is_fortran());
        let values = self.bytes()?;
        ArrayD::from_shape_vec(shape, values).map_err(|_| place.wrong("has an impossible shape", AGAIN))
    }

    /// Returns the labels of an array of integers, N or N × 1, as indices of at most `classes` classes.
    pub fn labels(self, classes: usize) -> Result<Vec<u16>> {
        let place = self.place;
        if !matches!(self.shape(), [_] | [_, 1]) {
            let problem = format!("has the shape {}, but labels must be N or N × 1", self.listed_shape());
            return Err(place.wrong(problem, "give one class index for each image"));
        }
        let Dtype { kind, size, .. } = self.dtype;
        match (kind, size) {
            ('u', 1) => self.indices::<u8>(classes),
            ('u', 2) => self.indices::<u16>(classes),
            ('u', 4) => self.indices::<u32>(classes),
            ('u', 8) => self.indices::<u64>(classes),
            ('i', 1) => self.indices::<i8>(classes),
            ('i', 2) => self.indices::<i16>(classes),
            ('i', 4) => self.indices::<i32>(classes),
            ('i', 8) => self.indices::<i64>(classes),
            _ => {
                let problem = format!("has the dtype {}, but labels must be integers", self.dtype.name());
                Err(place.wrong(problem, "convert it, for example with y.astype('int64')"))
            }
        }
    }

    fn indices<L: ReadableElement + Copy + Display + TryInto<u16>>(self, classes: usize) -> Result<Vec<u16>> {
        let (place, len) = (self.place, self.len);
        let descriptor = self.header.type_descriptor.clone();
        let values = L::read_to_end_exact_vec(&self.bytes()?[..], &descriptor, len);
        let values = values.map_err(|_| place.wrong("is damaged", AGAIN))?;
        let wrong = |problem| place.wrong(format!("is wrong: {problem}"), "number the classes from 0");
        indices(ArrayView1::from(&values), classes).map_err(wrong)
    }

    /// Returns the texts of a one-dimensional array of text.
    pub fn text(self) -> Result<Vec<String>> {
        let (place, dtype) = (self.place, self.dtype);
        let advice = "give numpy.array([\"name of class 0\", …])";
        if self.shape().len() != 1 || !matches!(dtype.kind, 'U' | 'S') || dtype.size == 0 {
            let problem = format!("has the dtype {} and the shape {}", dtype.name(), self.listed_shape());
            return Err(place.wrong(problem + ", but class names must be N texts", advice));
        }
        let bytes = self.bytes()?;
        let texts = bytes.chunks_exact(dtype.bytes().unwrap_or(1)).map(|text| {
            // NumPy pads texts with zeros.
            let text = match dtype.kind {
                'S' => String::from_utf8(text.to_vec()).ok()?,
                _ => {
                    let code = |code: &[u8; 4]| match dtype.big_endian {
                        true => u32::from_be_bytes(*code),
                        false => u32::from_le_bytes(*code),
                    };
                    text.as_chunks().0.iter().map(|bytes| char::from_u32(code(bytes))).collect::<Option<String>>()?
                }
            };
            Some(text.trim_end_matches('\0').to_owned())
        });
        texts.collect::<Option<_>>().ok_or_else(|| place.wrong("holds text that is no Unicode", advice))
    }

    /// Returns all bytes of the values. Memory is allocated as they arrive. The end is read too, because the archive's
    /// checksum is verified there.
    fn bytes(mut self) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(self.length.min(FIRST) as usize);
        let read = self.data.by_ref().take(self.length).read_to_end(&mut bytes);
        let after = read.and_then(|_| self.data.read(&mut [0])).map_err(|error| self.place.unreadable(error))?;
        match bytes.len() as u64 == self.length && after == 0 {
            true => Ok(bytes),
            false => Err(self.place.wrong("does not hold as many bytes as the file declares", AGAIN)),
        }
    }
}

/// Reads all bytes before the values: magic number, version, header length, header.
fn start(reader: &mut dyn Read, place: Place<'_>) -> Result<Vec<u8>> {
    let mut start = Vec::new();
    let mut read = |count: usize, start: &mut Vec<u8>| {
        let (from, mut part) = (start.len(), reader.take(count as u64));
        part.read_to_end(start).map_err(|error| place.unreadable(error))?;
        match start.len() - from == count {
            true => Ok(()),
            false => Err(place.wrong("ends within its header", AGAIN)),
        }
    };
    read(8, &mut start)?;
    if !start.starts_with(b"\x93NUMPY") {
        return Err(place.wrong("is not a .npy array: it does not start with \\x93NUMPY", AGAIN));
    }
    let bytes = if start[6] == 1 { 2 } else { 4 };
    read(bytes, &mut start)?;
    let length = start[8..].iter().rev().fold(0usize, |length, &byte| length << 8 | usize::from(byte));
    if length > LONGEST_HEADER {
        return Err(place.wrong(format!("has a header of {} bytes, which is too long", grouped(length as u64)), AGAIN));
    }
    read(length, &mut start)?;
    if start[10..].iter().filter(|byte| b"([{".contains(byte)).count() > MOST_BRACKETS {
        return Err(place.wrong("has a broken header", AGAIN));
    }
    Ok(start)
}

/// Returns a shape as text: `60000 × 28 × 28`.
fn listed(sides: &[usize]) -> String {
    match sides {
        [] => "()".to_owned(),
        _ => sides.iter().take(9).map(usize::to_string).collect::<Vec<_>>().join(" × "),
    }
}

#[cfg(test)]
mod tests {
    use super::Dtype;

    #[test]
    fn dtypes_are_read_as_numpy_writes_them() {
        let names = [("|u1", "uint8"), ("<f4", "float32"), (">i8", "int64"), ("|b1", "bool"), ("<U12", "text")];
        for (text, name) in names {
            assert_eq!(Dtype::parse(text).unwrap().name(), name);
        }
        assert_eq!(Dtype::parse("<U12").unwrap().bytes(), Some(48));
        for text in ["|O", "", "<", "<M8[ns]", "é1", "<uä"] {
            assert_eq!(Dtype::parse(text), None, "{text}");
        }
    }
}
