//! A checked reader of protobuf's wire format: every length is compared with the bytes before it is followed.
//!
//! A message is a sequence of fields; see <https://protobuf.dev/programming-guides/encoding>. Nothing is copied, and no
//! memory is taken: fields are read from the file when they are asked for. A generated reader would make an object of each
//! message, hundreds of bytes for one that takes two bytes in the file.

/// A length leaves the file, or a number has no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damaged;

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// An integer.
    Int(i64),
    /// Eight bytes.
    Eight([u8; 8]),
    /// A string, bytes, a message, or numbers in a row.
    Bytes(&'a [u8]),
    /// Four bytes.
    Four([u8; 4]),
}

/// A message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Message<'a>(pub &'a [u8]);

/// The fields of a message, in the order of the file.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

/// Takes a number from the beginning of `bytes`.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for place in 0..10 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn chunk<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (chunk, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*chunk)
}

/// Takes a field from the beginning of `bytes`.
fn field<'a>(bytes: &mut &'a [u8]) -> Option<(u32, Value<'a>)> {
    let key = varint(bytes)?;
    let number = u32::try_from(key >> 3).ok().filter(|number| *number > 0)?;
    let value = match key & 7 {
        0 => Value::Int(varint(bytes)? as i64),
        1 => Value::Eight(chunk(bytes)?),
        2 => {
            let length = usize::try_from(varint(bytes)?).ok()?;
            let (value, rest) = bytes.split_at_checked(length)?;
            *bytes = rest;
            Value::Bytes(value)
        }
        5 => Value::Four(chunk(bytes)?),
        _ => return None,
    };
    Some((number, value))
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Value<'a>), Damaged>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = field(&mut self.rest);
        if field.is_none() {
            self.rest = &[];
        }
        Some(field.ok_or(Damaged))
    }
}

impl<'a> Message<'a> {
    /// Returns the fields.
    pub fn fields(self) -> Fields<'a> {
        Fields { rest: self.0 }
    }

    /// Returns the last value of a field: the one that counts if there are several.
    fn last(self, number: u32) -> Result<Option<Value<'a>>, Damaged> {
        let mut last = None;
        for field in self.fields() {
            let (found, value) = field?;
            if found == number {
                last = Some(value);
            }
        }
        Ok(last)
    }

    /// Returns an integer; 0 if there is none.
    pub fn int(self, number: u32) -> Result<i64, Damaged> {
        match self.last(number)? {
            None => Ok(0),
            Some(Value::Int(value)) => Ok(value),
            Some(_) => Err(Damaged),
        }
    }

    /// Returns a float, if there is one.
    pub fn float(self, number: u32) -> Result<Option<f32>, Damaged> {
        match self.last(number)? {
            None => Ok(None),
            Some(Value::Four(value)) => Ok(Some(f32::from_le_bytes(value))),
            Some(_) => Err(Damaged),
        }
    }

    /// Returns bytes, if there are any.
    pub fn bytes(self, number: u32) -> Result<Option<&'a [u8]>, Damaged> {
        match self.last(number)? {
            None => Ok(None),
            Some(Value::Bytes(value)) => Ok(Some(value)),
            Some(_) => Err(Damaged),
        }
    }

    /// Returns a string; an empty one if there is none.
    pub fn text(self, number: u32) -> Result<&'a str, Damaged> {
        std::str::from_utf8(self.bytes(number)?.unwrap_or_default()).map_err(|_| Damaged)
    }

    /// Returns a message, if there is one.
    pub fn message(self, number: u32) -> Result<Option<Message<'a>>, Damaged> {
        Ok(self.bytes(number)?.map(Message))
    }

    /// Calls `read` for the bytes of each field of this number.
    pub fn each(self, number: u32, mut read: impl FnMut(&'a [u8]) -> Result<(), Damaged>) -> Result<(), Damaged> {
        for field in self.fields() {
            match field? {
                (found, Value::Bytes(bytes)) if found == number => read(bytes)?,
                (found, _) if found == number => return Err(Damaged),
                _ => {}
            }
        }
        Ok(())
    }

    /// Calls `read` for each integer of a repeated field, whether they are in a row or one by one.
    pub fn ints(self, number: u32, mut read: impl FnMut(i64)) -> Result<(), Damaged> {
        for field in self.fields() {
            match field? {
                (found, Value::Int(value)) if found == number => read(value),
                (found, Value::Bytes(mut bytes)) if found == number => {
                    while !bytes.is_empty() {
                        read(varint(&mut bytes).ok_or(Damaged)? as i64);
                    }
                }
                (found, _) if found == number => return Err(Damaged),
                _ => {}
            }
        }
        Ok(())
    }

    /// Calls `read` for each float of a repeated field, whether they are in a row or one by one.
    pub fn floats(self, number: u32, mut read: impl FnMut(f32)) -> Result<(), Damaged> {
        for field in self.fields() {
            match field? {
                (found, Value::Four(value)) if found == number => read(f32::from_le_bytes(value)),
                (found, Value::Bytes(bytes)) if found == number && bytes.len().is_multiple_of(4) => {
                    bytes.as_chunks().0.iter().for_each(|&value| read(f32::from_le_bytes(value)));
                }
                (found, _) if found == number => return Err(Damaged),
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Damaged, Message, Value};

    /// The examples of the encoding's documentation.
    #[test]
    fn the_documents_examples() {
        assert_eq!(Message(&[0x08, 0x96, 0x01]).int(1), Ok(150));
        assert_eq!(Message(&[0x12, 7, b't', b'e', b's', b't', b'i', b'n', b'g']).text(2), Ok("testing"));
        let inner = Message(&[0x1a, 0x03, 0x08, 0x96, 0x01]).message(3).unwrap().unwrap();
        assert_eq!(inner.int(1), Ok(150));
        let minus_two = Message(&[0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
        assert_eq!(minus_two.int(1), Ok(-2));
        // Numbers in a row, and the same one by one.
        for bytes in
            [&[0x32, 6, 0x03, 0x8e, 0x02, 0x9e, 0xa7, 0x05][..], &[0x30, 3, 0x30, 0x8e, 2, 0x30, 0x9e, 0xa7, 5]]
        {
            let mut ints = Vec::new();
            Message(bytes).ints(6, |int| ints.push(int)).unwrap();
            assert_eq!(ints, [3, 270, 86_942]);
        }
        // The last value counts; others are passed over.
        assert_eq!(Message(&[0x08, 1, 0x10, 7, 0x08, 2]).int(1), Ok(2));
        assert_eq!(Message(&[0x0d, 0, 0, 0x80, 0x3f]).float(1), Ok(Some(1.0)));
    }

    #[test]
    fn what_leaves_the_file_is_damage() {
        for bytes in [&[0x08][..], &[0x12, 5, b'a'], &[0x0d, 1, 2], &[0x09, 1], &[0x0b], &[0x00, 1], &[0xff; 11]] {
            assert_eq!(Message(bytes).int(7), Err(Damaged), "{bytes:?}");
        }
        assert_eq!(Message(&[0x08, 1]).text(1), Err(Damaged), "a number for a string");
        assert_eq!(Message(&[0x08, 1]).fields().next(), Some(Ok((1, Value::Int(1)))));
    }
}
