//! Attributes of netlink messages: what is common to links and to link modes.
//!
//! An attribute is a length, a type and a value, padded to four bytes; numbers are in the
//! machine's own byte order. What is cut off ends the list and costs nothing that stood before.

/// Flags within an attribute's type: nested, network byte order.
const TYPE_MASK: u16 = 0x3fff;
const HEADER_BYTES: usize = 4;

/// Attributes of a message or of a nest: types and values.
pub(crate) fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let ([l0, l1, t0, t1], _) = rest.split_first_chunk::<HEADER_BYTES>()?;
        let length = usize::from(u16::from_ne_bytes([*l0, *l1]));
        let value = rest.get(HEADER_BYTES..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((u16::from_ne_bytes([*t0, *t1]) & TYPE_MASK, value))
    })
}

/// The first attribute of a type.
pub(crate) fn attribute(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).find(|(found, _)| *found == kind).map(|(_, value)| value)
}

/// An unsigned number of 1, 2, 4 or 8 bytes.
pub(crate) fn unsigned(value: &[u8]) -> Option<u64> {
    match value {
        [byte] => Some(u64::from(*byte)),
        [a, b] => Some(u64::from(u16::from_ne_bytes([*a, *b]))),
        _ if value.len() == 4 => Some(u64::from(u32::from_ne_bytes(*value.first_chunk()?))),
        _ if value.len() == 8 => Some(u64::from_ne_bytes(*value.first_chunk()?)),
        _ => None,
    }
}

/// A number that fits a smaller type.
pub(crate) fn narrow<T: TryFrom<u64>>(value: &[u8]) -> Option<T> {
    T::try_from(unsigned(value)?).ok()
}

/// A text that ends with a NUL.
pub(crate) fn text(value: &[u8]) -> Option<String> {
    let end = value.iter().position(|byte| *byte == 0).unwrap_or(value.len());
    Some(std::str::from_utf8(value.get(..end)?).ok()?.to_owned())
}

/// Writes one attribute.
#[must_use]
pub fn encode(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(HEADER_BYTES + value.len()).unwrap_or(u16::MAX);
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn attributes_are_found_through_padding_and_flags() {
        let mut bytes = encode(3, b"eno1\0");
        bytes.extend(encode(0x8000 | 18, &encode(1, b"bond\0")));
        bytes.extend(encode(4, &1500_u32.to_ne_bytes()));
        assert_eq!(attribute(&bytes, 3).and_then(text).as_deref(), Some("eno1"));
        let nest = attribute(&bytes, 18).unwrap();
        assert_eq!(attribute(nest, 1).and_then(text).as_deref(), Some("bond"));
        assert_eq!(attribute(&bytes, 4).and_then(unsigned), Some(1500));
        assert_eq!(attribute(&bytes, 4).and_then(narrow::<u8>), None);
        assert_eq!(attribute(&bytes, 5), None);
        // The last one cut off, and one that says it is shorter than its own header.
        assert_eq!(attributes(&bytes[..bytes.len() - 1]).count(), 2);
        assert_eq!(attributes(&[3, 0, 1, 0, 8, 0, 1, 0, 0, 0, 0, 0]).count(), 0);
    }

    proptest! {
        #[test]
        fn no_bytes_panic_or_go_on_for_ever(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(attributes(&bytes).count() <= bytes.len() / HEADER_BYTES);
            for (_, value) in attributes(&bytes) {
                let _ = (unsigned(value), text(value), attributes(value).count());
            }
        }

        #[test]
        fn what_is_written_is_read(kind in 0..TYPE_MASK, value in proptest::collection::vec(any::<u8>(), 0..99)) {
            let bytes = encode(kind, &value);
            prop_assert_eq!(attributes(&bytes).collect::<Vec<_>>(), [(kind, value.as_slice())]);
        }
    }
}
