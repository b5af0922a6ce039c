//! Writes the Protocol Buffers wire format.
//!
//! A message is a sequence of fields. Each has a key (field number and wire type) and a value; see
//! <https://protobuf.dev/programming-guides/encoding>.

/// A message under construction.
#[derive(Clone, Debug, Default)]
pub(super) struct Message(Vec<u8>);

/// Wire types.
const VARINT: u32 = 0;
const LENGTH: u32 = 2;

impl Message {
    /// Returns the message's bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn key(&mut self, field: u32, wire_type: u32) {
        self.varint(u64::from(field << 3 | wire_type));
    }

    /// Adds an `int32`, `int64` or enum.
    pub fn int(mut self, field: u32, value: i64) -> Self {
        self.key(field, VARINT);
        // Negative numbers are ten bytes long, as their 64-bit two's complement.
        self.varint(value as u64);
        self
    }

    /// Adds a `string` or `bytes`.
    pub fn bytes(mut self, field: u32, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        self.key(field, LENGTH);
        self.varint(value.len() as u64);
        self.0.extend(value);
        self
    }

    /// Adds a nested message.
    pub fn message(self, field: u32, value: &Message) -> Self {
        self.bytes(field, &value.0)
    }

    /// Adds a field for each item.
    pub fn each<T>(self, items: impl IntoIterator<Item = T>, add: impl Fn(Self, T) -> Self) -> Self {
        items.into_iter().fold(self, add)
    }
}

#[cfg(test)]
mod tests {
    use super::Message;

    /// The examples of the encoding's documentation.
    #[test]
    fn the_documents_examples() {
        assert_eq!(Message::default().int(1, 150).into_bytes(), [0x08, 0x96, 0x01]);
        let text = Message::default().bytes(2, "testing");
        assert_eq!(text.clone().into_bytes(), [0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67]);
        let inner = Message::default().int(1, 150);
        assert_eq!(Message::default().message(3, &inner).into_bytes(), [0x1a, 0x03, 0x08, 0x96, 0x01]);
        let minus_two = [0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(Message::default().int(1, -2).into_bytes(), minus_two);
        let each = Message::default().each([3, 270], |message, value| message.int(4, value));
        assert_eq!(each.into_bytes(), [0x20, 0x03, 0x20, 0x8e, 0x02]);
    }
}
