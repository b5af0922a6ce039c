//! A checked reader of flatbuffers: every offset and length is compared with the file before it is followed.
//!
//! The [format](https://flatbuffers.dev/internals/) is small, and an importer reads a dozen of TensorFlow Lite's
//! tables. Nothing is copied: values are read from the file on demand.

/// An offset or a length leaves the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damaged;

/// A table: its fields are found by their number in the schema.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The table's list of field offsets, without its two sizes.
    fields: &'a [u8],
}

/// A vector of values of one size.
#[derive(Clone, Copy, Debug)]
pub struct Vector<'a> {
    bytes: &'a [u8],
    /// Where the values begin.
    at: usize,
    len: usize,
}

fn word<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Damaged> {
    bytes.get(at..).and_then(|bytes| bytes.first_chunk()).copied().ok_or(Damaged)
}

fn u32_at(bytes: &[u8], at: usize) -> Result<usize, Damaged> {
    Ok(u32::from_le_bytes(word(bytes, at)?) as usize)
}

/// Follows the offset at `at`.
fn follow(bytes: &[u8], at: usize) -> Result<usize, Damaged> {
    let target = at.checked_add(u32_at(bytes, at)?).ok_or(Damaged)?;
    if target < bytes.len() { Ok(target) } else { Err(Damaged) }
}

impl<'a> Table<'a> {
    /// Returns the table at the root of a file.
    pub fn root(bytes: &'a [u8]) -> Result<Self, Damaged> {
        Self::at(bytes, follow(bytes, 0)?)
    }

    fn at(bytes: &'a [u8], at: usize) -> Result<Self, Damaged> {
        let back = i64::from(i32::from_le_bytes(word(bytes, at)?));
        let list = usize::try_from(at as i64 - back).map_err(|_| Damaged)?;
        let size = usize::from(u16::from_le_bytes(word(bytes, list)?));
        let fields = bytes.get(list..).and_then(|bytes| bytes.get(4..size)).ok_or(Damaged)?;
        Ok(Self { bytes, at, fields })
    }

    /// Returns the place of a field, if the table has it.
    fn field(&self, number: usize) -> Option<usize> {
        let offset = u16::from_le_bytes(word(self.fields, 2 * number).ok()?);
        (offset != 0).then(|| self.at + usize::from(offset))
    }

    fn scalar<const N: usize>(&self, number: usize) -> Result<Option<[u8; N]>, Damaged> {
        self.field(number).map(|at| word(self.bytes, at)).transpose()
    }

    /// Returns a byte; 0 if the table does not have it.
    pub fn byte(&self, number: usize) -> Result<u8, Damaged> {
        Ok(self.scalar::<1>(number)?.map_or(0, |[byte]| byte))
    }

    /// Returns an int; `default` if the table does not have it.
    pub fn int(&self, number: usize, default: i32) -> Result<i32, Damaged> {
        Ok(self.scalar(number)?.map_or(default, i32::from_le_bytes))
    }

    /// Returns a table, if there is one.
    pub fn table(&self, number: usize) -> Result<Option<Table<'a>>, Damaged> {
        self.field(number).map(|at| Table::at(self.bytes, follow(self.bytes, at)?)).transpose()
    }

    /// Returns a vector of values of `size` bytes; an empty one if there is none.
    pub fn vector(&self, number: usize, size: usize) -> Result<Vector<'a>, Damaged> {
        let Some(at) = self.field(number) else { return Ok(Vector::EMPTY) };
        let at = follow(self.bytes, at)?;
        let len = u32_at(self.bytes, at)?;
        let bytes = len.checked_mul(size).ok_or(Damaged)?;
        self.bytes.get(at + 4..).and_then(|rest| rest.get(..bytes)).ok_or(Damaged)?;
        Ok(Vector { bytes: self.bytes, at: at + 4, len })
    }
}

impl<'a> Vector<'a> {
    /// A vector without values.
    pub const EMPTY: Vector<'static> = Vector { bytes: &[], at: 0, len: 0 };

    /// The number of values.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns the bytes of all values of `size` bytes each.
    pub fn raw(&self, size: usize) -> Result<&'a [u8], Damaged> {
        self.bytes.get(self.at..).and_then(|rest| rest.get(..self.len * size)).ok_or(Damaged)
    }

    fn value<const N: usize>(&self, index: usize) -> Result<[u8; N], Damaged> {
        if index < self.len { word(self.bytes, self.at + N * index) } else { Err(Damaged) }
    }

    /// Returns an int.
    pub fn int(&self, index: usize) -> Result<i32, Damaged> {
        self.value(index).map(i32::from_le_bytes)
    }

    /// Returns a long.
    pub fn long(&self, index: usize) -> Result<i64, Damaged> {
        self.value(index).map(i64::from_le_bytes)
    }

    /// Returns a float.
    pub fn float(&self, index: usize) -> Result<f32, Damaged> {
        self.value(index).map(f32::from_le_bytes)
    }

    /// Returns a table.
    pub fn table(&self, index: usize) -> Result<Table<'a>, Damaged> {
        if index >= self.len {
            return Err(Damaged);
        }
        Table::at(self.bytes, follow(self.bytes, self.at + 4 * index)?)
    }
}
