//! `expect`: a speed and a duplex as people and data sheets write them. Pure.

/// What a link should run at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expected {
    /// Mbit/s.
    pub(super) speed: u32,
    /// Full or half, where that is said.
    pub(super) full_duplex: Option<bool>,
}

/// Reads `1000baseT/Full`, `1000baseT-FD`, `10GBASE-T`, `1Gbit/s full`, `2.5G`, `1000`.
///
/// # Errors
/// A few words on what is wrong.
pub(super) fn parse(text: &str) -> Result<Expected, String> {
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
    let (number, rest) = lower.split_at(digits);
    let number: f64 = number.parse().map_err(|_| "it begins with no speed".to_owned())?;
    let rest = rest.trim_start();
    let (factor, rest) = match rest.split_once("base") {
        // `10gbase-t` is in Gbit/s, `10000baset` in Mbit/s.
        Some((prefix, medium)) => {
            let factor = scale(prefix.trim())?;
            let end = medium.find(['/', ' ']).unwrap_or(medium.len());
            let (medium, rest) = medium.split_at(end);
            let duplex = ["-fd", "-hd"].iter().find(|word| medium.ends_with(*word));
            (factor, duplex.map_or(rest, |word| word.trim_start_matches('-')))
        }
        None => {
            let unit = UNITS.iter().find_map(|(unit, factor)| {
                let rest = rest.strip_prefix(unit)?;
                let ends = !rest.starts_with(|c: char| c.is_ascii_alphanumeric());
                ends.then_some((*factor, rest))
            });
            match unit {
                Some((factor, rest)) => (factor, rest),
                // What is no unit may only be a duplex.
                None if rest.starts_with(['f', 'h', '/', '-', ',']) => (1.0, rest),
                None => return Err(no_unit(rest)),
            }
        }
    };
    let full_duplex = duplex(rest)?;
    let speed = number * factor;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be a whole number in range on the next line"
    )]
    let whole = speed as u32;
    if !(1.0..=10_000_000.0).contains(&speed) || (f64::from(whole) - speed).abs() > 1e-6 {
        return Err("it is no speed of a link".to_owned());
    }
    Ok(Expected { speed: whole, full_duplex })
}

/// Units with their Mbit/s, longer spellings first; a number without one is in Mbit/s, as below
/// `/sys` and on data sheets.
const UNITS: &[(&str, f64)] = &[
    ("mbit/s", 1.0),
    ("mbps", 1.0),
    ("mb/s", 1.0),
    ("mbit", 1.0),
    ("m", 1.0),
    ("gbit/s", 1e3),
    ("gbps", 1e3),
    ("gb/s", 1e3),
    ("gbit", 1e3),
    ("g", 1e3),
    ("tbit/s", 1e6),
    ("tbps", 1e6),
    ("t", 1e6),
    ("", 1.0),
];

fn scale(unit: &str) -> Result<f64, String> {
    let found = UNITS.iter().find(|(known, _)| *known == unit);
    found.map(|(_, factor)| *factor).ok_or_else(|| no_unit(unit))
}

fn no_unit(text: &str) -> String {
    format!("`{text}` is no unit of speed")
}

fn duplex(text: &str) -> Result<Option<bool>, String> {
    let word = text.trim_matches([' ', '/', '-', ',']);
    let word = word.strip_suffix("duplex").unwrap_or(word).trim_matches([' ', '-']);
    match word {
        "" => Ok(None),
        "full" | "fd" => Ok(Some(true)),
        "half" | "hd" => Ok(Some(false)),
        other => Err(format!("`{other}` is neither `full` nor `half`")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_usual_spelling_is_read() {
        for (text, speed, full_duplex) in [
            ("1000baseT/Full", 1000, Some(true)),
            ("1000baseT-FD", 1000, Some(true)),
            ("1000BASE-T", 1000, None),
            ("100baseTX-HD", 100, Some(false)),
            ("100baseT/Half", 100, Some(false)),
            ("10000baseSR/Full", 10_000, Some(true)),
            ("10GBASE-T", 10_000, None),
            ("2.5GBASE-T/Full", 2500, Some(true)),
            ("25Gbase-SR full", 25_000, Some(true)),
            ("1Gbit/s full", 1000, Some(true)),
            ("1 Gbit/s, full duplex", 1000, Some(true)),
            ("100 Mbit/s half-duplex", 100, Some(false)),
            ("1Gbit/s/full", 1000, Some(true)),
            ("10Gbps", 10_000, None),
            ("2.5G", 2500, None),
            ("1000", 1000, None),
            ("1000/full", 1000, Some(true)),
            ("1000 FD", 1000, Some(true)),
            ("1000-FD", 1000, Some(true)),
        ] {
            assert_eq!(parse(text), Ok(Expected { speed, full_duplex }), "{text}");
        }
    }

    #[test]
    fn what_is_no_speed_is_refused_in_words() {
        for (text, words) in [
            ("", "begins with no speed"),
            ("full", "begins with no speed"),
            ("1.2.3G", "begins with no speed"),
            ("1000 fool", "neither `full` nor `half`"),
            ("1000baseT/Fill", "neither `full` nor `half`"),
            ("1GiB/s", "no unit"),
            ("0", "no speed of a link"),
            ("0.5", "no speed of a link"),
            ("99999999999", "no speed of a link"),
        ] {
            let wrong = parse(text).unwrap_err();
            assert!(wrong.contains(words), "{text}: {wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[0-9.]{0,4}[ gmtGbase/s.TFDfulhd-]{0,14}|.{0,30}") {
            if let Ok(expected) = parse(&text) {
                prop_assert!(expected.speed > 0);
            }
        }
    }
}
