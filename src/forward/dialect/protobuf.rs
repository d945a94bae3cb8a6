//! Protocol Buffers as far as metrics need them: messages are written field by field, and a short
//! answer is read.
//!
//! Owns the wire format (protobuf.dev, "Encoding"). Must not know: which message it is, or what a
//! field means.

/// How the value of a field is written.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const LENGTH: u64 = 2;
const FIXED32: u64 = 5;

/// A message that is being written. Fields stand in the order in which they are given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message(Vec<u8>);

impl Message {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// As it goes over the line.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// `uint32`, `uint64`, `bool` or an enumeration.
    pub fn number(&mut self, field: u32, value: u64) -> &mut Self {
        self.key(field, VARINT);
        self.varint(value);
        self
    }

    /// `int64`: a negative one takes ten bytes.
    pub fn signed(&mut self, field: u32, value: i64) -> &mut Self {
        self.number(field, value.cast_unsigned())
    }

    /// `fixed64`, or a `double` by its bits.
    pub fn fixed(&mut self, field: u32, value: u64) -> &mut Self {
        self.key(field, FIXED64);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// `bytes`, or a message that is written already.
    pub fn bytes(&mut self, field: u32, value: &[u8]) -> &mut Self {
        self.key(field, LENGTH);
        self.varint(u64::try_from(value.len()).unwrap_or(u64::MAX));
        self.0.extend(value);
        self
    }

    /// `string`.
    pub fn text(&mut self, field: u32, value: &str) -> &mut Self {
        self.bytes(field, value.as_bytes())
    }

    /// A message within this one.
    pub fn message(&mut self, field: u32, write: impl FnOnce(&mut Self)) -> &mut Self {
        let mut inner = Self::new();
        write(&mut inner);
        self.bytes(field, &inner.0)
    }

    /// Appends fields that are written already.
    pub fn fields(&mut self, fields: &[u8]) -> &mut Self {
        self.0.extend(fields);
        self
    }

    fn key(&mut self, field: u32, kind: u64) {
        self.varint((u64::from(field) << 3) | kind);
    }

    /// Seven bits a byte, the lowest first; the eighth says that more come.
    fn varint(&mut self, mut value: u64) {
        while value > 0x7f {
            self.0.push(low_byte(value) | 0x80);
            value >>= 7;
        }
        self.0.push(low_byte(value));
    }
}

fn low_byte(value: u64) -> u8 {
    let [low, ..] = value.to_le_bytes();
    low
}

/// What a field of a message holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// A number as it stands: signed ones by their bits.
    Number(u64),
    /// Bytes, text or a message.
    Bytes(&'a [u8]),
}

/// The fields of a message, in their order; ends where it is malformed.
#[derive(Debug, Clone)]
pub struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// Of a message.
    #[must_use]
    pub fn of(message: &'a [u8]) -> Self {
        Self(message)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for place in 0..10 {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f).checked_shl(7 * place)?;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, bytes: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(bytes).ok()?)?;
        self.0 = rest;
        Some(taken)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u64, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let key = self.varint()?;
        let value = match key & 7 {
            VARINT => Value::Number(self.varint()?),
            FIXED64 => Value::Number(u64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            LENGTH => {
                let length = self.varint()?;
                Value::Bytes(self.take(length)?)
            }
            FIXED32 => Value::Number(u64::from(u32::from_le_bytes(self.take(4)?.try_into().ok()?))),
            _ => return None,
        };
        Some((key >> 3, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Message)) -> Vec<u8> {
        let mut message = Message::new();
        write(&mut message);
        message.into_bytes()
    }

    /// The examples of protobuf.dev, and numbers at the edges of their lengths.
    #[test]
    fn known_encodings_come_out() {
        assert_eq!(written(|m| _ = m.number(1, 150)), [0x08, 0x96, 0x01]);
        let testing = [0x12, 0x07, b't', b'e', b's', b't', b'i', b'n', b'g'];
        assert_eq!(written(|m| _ = m.text(2, "testing")), testing);
        let nested = written(|m| _ = m.message(3, |inner| _ = inner.number(1, 150)));
        assert_eq!(nested, [0x1a, 0x03, 0x08, 0x96, 0x01]);
        let minus_two = [0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(written(|m| _ = m.signed(1, -2)), minus_two);
        let one = [0x21, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f];
        assert_eq!(written(|m| _ = m.fixed(4, 1f64.to_bits())), one);
        assert_eq!(written(|m| _ = m.number(16, 0)), [0x80, 0x01, 0x00]);
        for (value, bytes) in [
            (0, vec![0]),
            (127, vec![0x7f]),
            (128, vec![0x80, 0x01]),
            (16_383, vec![0xff, 0x7f]),
            (16_384, vec![0x80, 0x80, 0x01]),
        ] {
            assert_eq!(written(|m| m.varint(value)), bytes, "{value}");
        }
        assert_eq!(written(|m| m.varint(u64::MAX)).len(), 10);
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = written(|m| {
            m.number(1, u64::MAX).fixed(2, 7).text(15, "ü").bytes(16, &[]).signed(300, -1);
        });
        let fields: Vec<_> = Fields::of(&bytes).collect();
        let wanted = [
            (1, Value::Number(u64::MAX)),
            (2, Value::Number(7)),
            (15, Value::Bytes("ü".as_bytes())),
            (16, Value::Bytes(&[])),
            (300, Value::Number(u64::MAX)),
        ];
        assert_eq!(fields, wanted);
    }

    #[test]
    fn what_is_malformed_ends_the_reading() {
        for bad in [
            &[0x80][..],
            &[0x08],
            &[0x0a, 0x05, b'x'],
            &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            &[0x09, 1, 2],
            &[0x0b],
            &[0xff; 16],
            b"<html>",
        ] {
            assert_eq!(Fields::of(bad).count(), 0, "{bad:?}");
        }
    }
}
