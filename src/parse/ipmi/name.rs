//! Names in records and inventories: type/length byte and four codings (IPMI 2.0, 43.15; Platform
//! Management FRU Information Storage Definition, 13).
//!
//! Owns the letters. Does not know whose name it is.

/// Bits 4:0 of the type/length byte.
const LENGTH_MASK: u8 = 0x1f;

/// A name behind its type/length byte; what is cut off is missing, what no person can read is left
/// out. Empty where there is none.
#[must_use]
pub fn name(bytes: &[u8]) -> String {
    let Some((head, rest)) = bytes.split_first() else { return String::new() };
    let length = usize::from(head & LENGTH_MASK);
    let text = rest.get(..length).unwrap_or(rest);
    let letters: String = match head >> 6 {
        0 => unicode(text),
        1 => text.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]).map(bcd_plus).collect(),
        2 => packed(text),
        // ISO 8859-1 is the first page of Unicode.
        _ => text.iter().map(|byte| char::from(*byte)).collect(),
    };
    readable(&letters)
}

/// Control characters removed, white space at the ends trimmed and elsewhere one space.
fn readable(letters: &str) -> String {
    let kept: String = letters
        .chars()
        .map(|letter| if letter.is_whitespace() { ' ' } else { letter })
        .filter(|letter| !letter.is_control() && *letter != '\u{fffd}')
        .collect();
    kept.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The specification names no coding of Unicode: UTF-8 if it is that, else UTF-16.
fn unicode(text: &[u8]) -> String {
    match std::str::from_utf8(text) {
        Ok(utf8) if !text.contains(&0) => utf8.to_owned(),
        _ => {
            let units: Vec<u16> = text
                .chunks_exact(2)
                .filter_map(|pair| Some(u16::from_le_bytes(pair.try_into().ok()?)))
                .collect();
            String::from_utf16_lossy(&units)
        }
    }
}

fn bcd_plus(digit: u8) -> char {
    match digit {
        0..=9 => char::from(b'0' + digit),
        10 => ' ',
        11 => '-',
        12 => '.',
        13 => ':',
        14 => ',',
        _ => '_',
    }
}

/// Four letters in three bytes, the first in the lowest bits.
fn packed(text: &[u8]) -> String {
    let mut letters = String::new();
    for group in text.chunks(3) {
        let bits = group.iter().rev().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        for place in 0..group.len() * 8 / 6 {
            let code = bits >> (6 * place) & 0x3f;
            letters.push(char::from_u32(0x20 + code).unwrap_or(' '));
        }
    }
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_coding_gives_letters() {
        assert_eq!(name(b"\xc9CPU1 Temp"), "CPU1 Temp");
        assert_eq!(name(b"\xc5T\xe9mp\xb0"), "T\u{e9}mp\u{b0}");
        // The example of the specification.
        assert_eq!(name(&[0x83, 0x29, 0xdc, 0xa6]), "IPMI");
        assert_eq!(name(&[0x82, 0x29, 0xdc]), "IP");
        assert_eq!(name(&[0x43, 0x12, 0xb3, 0xc4]), "12-3.4");
        assert_eq!(name(&[0x06, b'F', 0, b'a', 0, b'n', 0]), "Fan");
        assert_eq!(name("\x04F\u{fc}n".as_bytes()), "F\u{fc}n");
    }

    #[test]
    fn what_no_person_can_read_is_left_out() {
        assert_eq!(name(b"\xc8 FAN  1\0\0"), "FAN 1");
        assert_eq!(name(b"\xc4A\x07B\x9f"), "AB");
        assert_eq!(name(b"\xdfcut"), "cut");
        assert_eq!(name(b"\xc0rest"), "");
        assert_eq!(name(b"\xc2\0\0"), "");
        assert_eq!(name(b""), "");
        assert_eq!(name(&[0x02, 0, 0xd8]), "");
    }
}
