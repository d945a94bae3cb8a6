//! Pressure stall information, `/proc/pressure/*` (Linux 4.20): how long tasks waited.

use super::{fields, lines, number};

/// Microseconds since boot in which at least one task waited: `total=` of the line `some`. There is
/// no line `full` for CPUs before Linux 5.13.
#[must_use]
pub fn some_total_us(text: &[u8]) -> Option<u64> {
    total_us(text, b"some ")
}

/// Microseconds since boot in which all tasks waited at the same time: `total=` of the line `full`.
#[must_use]
pub fn full_total_us(text: &[u8]) -> Option<u64> {
    total_us(text, b"full ")
}

fn total_us(text: &[u8], of: &[u8]) -> Option<u64> {
    let line = lines(text).find(|line| line.starts_with(of))?;
    fields(line).find_map(|field| field.strip_prefix(b"total=")).and_then(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::mutate::any_text;
    use proptest::prelude::*;

    const TEXT: &str = "some avg10=70.24 avg60=68.52 avg300=69.91 total=3559632828\n\
        full avg10=57.59 avg60=58.06 avg300=60.38 total=3300487258\n";

    #[test]
    fn some_with_and_without_full() {
        assert_eq!(some_total_us(TEXT.as_bytes()), Some(3_559_632_828));
        assert_eq!(full_total_us(TEXT.as_bytes()), Some(3_300_487_258));
        assert_eq!(
            some_total_us(b"some avg10=2.04 avg60=0.75 avg300=0.42 total=157656722\n"),
            Some(157_656_722)
        );
        assert_eq!(some_total_us(b"full avg10=0.00 total=1\n"), None);
        assert_eq!(full_total_us(b"some avg10=0.00 total=1\n"), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any_text(TEXT)) {
            let _ = (some_total_us(&text), full_total_us(&text));
        }
    }
}
