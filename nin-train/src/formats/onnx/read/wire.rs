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
}

#[cfg(test)]
mod tests {
    use super::{Damaged, Message, Value};

    #[test]
    fn fields_are_read_until_they_leave_the_file() {
        let fields = |bytes| Message(bytes).fields().collect::<Vec<_>>();
        assert_eq!(fields(&[0x08, 0x96, 0x01]), [Ok((1, Value::Int(150)))]);
        assert_eq!(
            fields(&[0x12, 1, b't', 0x0d, 0, 0, 0x80, 0x3f]),
            [Ok((2, Value::Bytes(b"t"))), Ok((1, Value::Four([0, 0, 0x80, 0x3f])))]
        );
        for bytes in [&[0x08][..], &[0x12, 5, b'a'], &[0x0d, 1, 2], &[0x09, 1], &[0x0b], &[0x00, 1], &[0xff; 11]] {
            assert_eq!(fields(bytes), [Err(Damaged)], "{bytes:?}");
        }
    }
}
