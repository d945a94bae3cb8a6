//! The one field of a certificate that a person must act on before it is too late: the end of its
//! life. DER as RFC 5280, section 4.1 lays it out; signatures and names are rustls' work, which
//! does not hand this field on.

/// Tags of DER that are met on the way.
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// `notAfter` in seconds of Unix time; `None` where the bytes are no certificate.
#[must_use]
pub fn ends_unix(certificate: &[u8]) -> Option<i64> {
    let (outer, _) = element(certificate, SEQUENCE)?;
    let (mut rest, _) = element(outer, SEQUENCE)?;
    if rest.first() == Some(&VERSION) {
        rest = any(rest)?.2;
    }
    // Serial number, algorithm, issuer.
    for _ in 0..3 {
        rest = any(rest)?.2;
    }
    let (validity, _) = element(rest, SEQUENCE)?;
    let (_, _, after) = any(validity)?;
    let (tag, text, _) = any(after)?;
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    match (tag, text.len()) {
        // RFC 5280, section 4.1.2.5.1: two digits below 50 are of this century.
        (UTC_TIME, 12) => {
            let year = number(text, 0, 2)?;
            seconds(if year < 50 { 2000 + year } else { 1900 + year }, text.get(2..)?)
        }
        (GENERALIZED_TIME, 14) => seconds(number(text, 0, 4)?, text.get(4..)?),
        _ => None,
    }
}

/// The content of an element that must have this tag, and what follows it.
fn element(bytes: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    let (tag, content, rest) = any(bytes)?;
    (tag == wanted).then_some((content, rest))
}

/// Tag and content of the first element, and what follows it.
fn any(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = if *first < 0x80 {
        (usize::from(*first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(*first & 0x7f))?;
        // A certificate is far below 16 MiB.
        if digits.is_empty() || digits.len() > 3 {
            return None;
        }
        (digits.iter().fold(0_usize, |all, digit| all << 8 | usize::from(*digit)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

fn number(text: &str, from: usize, to: usize) -> Option<i64> {
    let digits = text.get(from..to)?;
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// Seconds from year and `MMDDhhmmss`.
fn seconds(year: i64, text: &str) -> Option<i64> {
    let part = |at: usize| number(text, at, at + 2);
    let (month, day) = (part(0)?, part(2)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Days since 1970 by the years that begin in March, so that a leap day is a year's last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year.div_euclid(4) - year.div_euclid(100)
        + year.div_euclid(400)
        + (153 * month + 2) / 5
        + day
        - 719_469;
    Some(days * 86_400 + part(4)? * 3600 + part(6)? * 60 + part(8)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate's outline with this end.
    fn certificate(tag: u8, end: &str) -> Vec<u8> {
        let wrap = |tag: u8, content: &[u8]| {
            let mut out = vec![tag, u8::try_from(content.len()).unwrap()];
            out.extend_from_slice(content);
            out
        };
        let mut times = wrap(UTC_TIME, b"200101000000Z");
        times.extend(wrap(tag, end.as_bytes()));
        let mut inner = wrap(VERSION, &[2, 1, 2]);
        inner.extend(wrap(2, &[7]));
        inner.extend(wrap(SEQUENCE, &[]));
        inner.extend(wrap(SEQUENCE, &[]));
        inner.extend(wrap(SEQUENCE, &times));
        wrap(SEQUENCE, &wrap(SEQUENCE, &inner))
    }

    #[test]
    fn the_end_is_read_in_both_forms() {
        // `date -u -d ... +%s`
        for (tag, end, unix) in [
            (UTC_TIME, "261123021200Z", 1_795_399_920),
            (UTC_TIME, "700101000000Z", 0),
            (UTC_TIME, "491231235959Z", 2_524_607_999),
            (GENERALIZED_TIME, "20500101000000Z", 2_524_608_000),
            (GENERALIZED_TIME, "20240229120000Z", 1_709_208_000),
        ] {
            assert_eq!(ends_unix(&certificate(tag, end)), Some(unix), "{end}");
        }
        assert_eq!(ends_unix(&certificate(UTC_TIME, "2611230212Z")), None);
        assert_eq!(ends_unix(&certificate(4, "261123021200Z")), None);
        assert_eq!(ends_unix(b"0"), None);
    }
}
