//! Numbers with units as people write them: `15m`, `90%`, `5GiB`, `1Gbit/s`, `85C`, `true`.
//!
//! Owns: the accepted forms, and for every form that is refused what was expected and a rewrite
//! that would be accepted. Pure text; knows no file and no key.

use std::ops::Range;

use super::code::Code;
pub use advice::join;
use advice::{decimal_span, examples, from_seconds, no_unit, nouns, unknown_unit, unknown_unit_at};
use suffix::SUFFIXES;
pub use suffix::{SPAN_PATTERN, expected, pattern};
mod advice;
mod suffix;
use crate::model::unit::{Span, Unit};

/// Why a text is no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// What kind of mistake.
    pub code: Code,
    /// Which bytes of the text are wrong; `None` for all of it.
    pub at: Option<Range<usize>>,
    /// What is wrong, in one line.
    pub message: String,
    /// What is said at the caret.
    pub label: String,
    /// What to do.
    pub help: String,
    /// The whole text rewritten, where one rewrite is the obvious one.
    pub rewrite: Option<String>,
}

/// Reads a value of one of several units; gives the index of the unit that fits, and the value in
/// that unit.
///
/// # Errors
/// When the text is none of them.
pub fn quantity(text: &str, allowed: &[Unit]) -> Result<(usize, f64), Box<Mistake>> {
    let find = |unit: Unit| allowed.iter().position(|have| *have == unit);
    if let Some(flag) = find(Unit::Flag)
        && (allowed.len() == 1 || matches!(text, "true" | "false"))
    {
        return boolean(text).map(|value| (flag, if value { 1.0 } else { 0.0 }));
    }
    let (number, suffix_at) = number(text, allowed)?;
    let suffix = text.get(suffix_at..).unwrap_or_default();
    if suffix.is_empty() {
        let Some(count) = find(Unit::Count) else { return Err(no_unit(text, allowed)) };
        return Ok((count, number));
    }
    if suffix.contains(|c: char| c.is_ascii_digit())
        && let Some(seconds) = find(Unit::Seconds)
    {
        return span(text).map(|span| (seconds, span.as_secs_f64()));
    }
    let Some((_, dimension, factor)) = SUFFIXES.iter().find(|(name, ..)| *name == suffix) else {
        return Err(unknown_unit(text, suffix_at, allowed));
    };
    let fitting =
        allowed.iter().enumerate().find_map(|(index, unit)| Some((index, dimension.suits(*unit)?)));
    let Some((index, conversion)) = fitting else {
        return Err(Box::new(Mistake {
            code: Code::WrongUnit,
            at: Some(suffix_at..text.len()),
            message: format!("`{text}` is {}, not {}", dimension.noun(), nouns(allowed)),
            label: format!("expected {}", nouns(allowed)),
            help: format!("write it as {}", examples(allowed)),
            rewrite: None,
        }));
    };
    Ok((index, number * factor * conversion))
}

/// Reads a duration: whole numbers of `d`, `h`, `m`, `s`, `ms`, each at most once, the larger
/// first.
///
/// # Errors
/// When it is none.
pub fn span(text: &str) -> Result<Span, Box<Mistake>> {
    const PARTS: &[(&str, u64)] =
        &[("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
    let allowed = &[Unit::Seconds];
    let wrong = |at: Range<usize>, label: &str, rewrite: Option<String>| {
        Box::new(Mistake {
            code: Code::Duration,
            at: Some(at),
            message: format!("`{text}` is not a duration"),
            label: label.to_owned(),
            help: rewrite.as_deref().map_or_else(
                || "write it as `250ms`, `45s`, `15m`, `2h30m` or `7d`".to_owned(),
                |rewrite| format!("write `{rewrite}`"),
            ),
            rewrite,
        })
    };
    let (first, suffix_at) = number(text, allowed)?;
    if suffix_at == text.len() {
        return Err(no_unit(text, allowed));
    }
    if text.get(..suffix_at).is_some_and(|head| head.contains('.')) {
        let factor = SUFFIXES
            .iter()
            .find(|(name, dimension, _)| {
                *dimension == suffix::Dimension::Time && Some(*name) == text.get(suffix_at..)
            })
            .map(|(_, _, factor)| *factor);
        let rewrite = factor.and_then(|factor| from_seconds(first * factor));
        return Err(wrong(0..suffix_at, "durations have no decimals", rewrite));
    }
    let mut total: u64 = 0;
    let mut at = 0;
    let mut next = PARTS;
    while at < text.len() {
        let rest = text.get(at..).unwrap_or_default();
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let unit_at = at + digits;
        let tail = rest.get(digits..).unwrap_or_default();
        let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let unit = tail.get(..letters).unwrap_or_default();
        if digits == 0 {
            return Err(unknown_unit(text, suffix_at, allowed));
        }
        if unit.is_empty() {
            return Err(wrong(at..text.len(), "this number has no unit", None));
        }
        let Some(found) = PARTS.iter().position(|(name, _)| *name == unit) else {
            return Err(unknown_unit_at(text, unit_at..unit_at + letters, allowed));
        };
        let Some(position) = next.iter().position(|(name, _)| *name == unit) else {
            return Err(wrong(at..unit_at + letters, "larger units come first, each once", None));
        };
        next = next.get(position + 1..).unwrap_or_default();
        let factor = PARTS.get(found).map_or(1, |(_, factor)| *factor);
        let value = rest
            .get(..digits)
            .and_then(|digits| digits.parse::<u64>().ok())
            .and_then(|value| value.checked_mul(factor))
            .and_then(|value| total.checked_add(value));
        let Some(value) = value else {
            return Err(wrong(at..unit_at, "too large", None));
        };
        total = value;
        at = unit_at + letters;
    }
    Ok(Span::from_millis(total))
}

/// Reads `true` or `false`.
///
/// # Errors
/// For everything else, also the other words that YAML 1.1 takes for booleans.
pub fn boolean(text: &str) -> Result<bool, Box<Mistake>> {
    match text {
        "true" => return Ok(true),
        "false" => return Ok(false),
        _ => {}
    }
    let rewrite = match text.to_ascii_lowercase().as_str() {
        "yes" | "on" | "true" | "1" | "y" | "enabled" => Some("true"),
        "no" | "off" | "false" | "0" | "n" | "disabled" => Some("false"),
        _ => None,
    };
    Err(Box::new(Mistake {
        code: Code::Bool,
        at: None,
        message: format!("`{text}` is neither `true` nor `false`"),
        label: "expected `true` or `false`".to_owned(),
        help: rewrite.map_or_else(
            || "write `true` or `false`".to_owned(),
            |rewrite| format!("write `{rewrite}`"),
        ),
        rewrite: rewrite.map(str::to_owned),
    }))
}

/// The number at the beginning, and where its suffix starts.
fn number(text: &str, allowed: &[Unit]) -> Result<(f64, usize), Box<Mistake>> {
    let mistake = |code, at: Range<usize>, message: &str, label: &str, rewrite: Option<String>| {
        Box::new(Mistake {
            code,
            at: Some(at),
            message: message.to_owned(),
            label: label.to_owned(),
            help: rewrite.as_deref().map_or_else(
                || format!("write it as {}", examples(allowed)),
                |rewrite| format!("write `{rewrite}`"),
            ),
            rewrite,
        })
    };
    let operator = text.len() - text.trim_start_matches(['<', '>', '=', '!', '~']).len();
    if operator > 0 {
        let rest = text.get(operator..).unwrap_or_default().trim_start();
        let rewrite = quantity(rest, allowed).is_ok().then(|| rest.to_owned());
        return Err(mistake(
            Code::Operator,
            0..operator,
            "limits have no operators",
            "the metric knows which side is bad",
            rewrite,
        ));
    }
    if text.starts_with(['-', '+']) && text.as_bytes().get(1).is_some_and(u8::is_ascii_digit) {
        let rest = text.get(1..).unwrap_or_default();
        let cold = text.starts_with('-') && allowed.contains(&Unit::Celsius);
        if cold && let Ok((value, at)) = number(rest, allowed) {
            return Ok((-value, at + 1));
        }
        let rewrite = quantity(rest, allowed).is_ok().then(|| rest.to_owned());
        return Err(mistake(Code::Range, 0..1, "a sign is not possible here", "no sign", rewrite));
    }
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    if digits == 0 {
        return Err(Box::new(Mistake {
            code: Code::Number,
            at: None,
            message: format!("`{text}` is not {}", nouns(allowed)),
            label: format!("expected {}", nouns(allowed)),
            help: format!("write it as {}", examples(allowed)),
            rewrite: None,
        }));
    }
    let bytes = text.as_bytes();
    let follows = bytes.get(digits).copied().unwrap_or(0);
    let after = bytes.get(digits + 1).is_some_and(u8::is_ascii_digit);
    if bytes.first() == Some(&b'0') && digits == 1 && matches!(follows, b'x' | b'X' | b'o' | b'b') {
        return Err(mistake(
            Code::Number,
            0..text.len(),
            "numbers are decimal here",
            "not a decimal number",
            None,
        ));
    }
    if follows == b'_' {
        let plain = text.replace('_', "");
        let rewrite = quantity(&plain, allowed).is_ok().then_some(plain);
        return Err(mistake(
            Code::Number,
            digits..digits + 1,
            "numbers have no separators here",
            "no underscore",
            rewrite,
        ));
    }
    if follows == b',' && after {
        let dotted = text.replacen(',', ".", 1);
        let rewrite = match decimal_span(&dotted) {
            Some(span) if allowed.contains(&Unit::Seconds) => Some(span),
            _ => quantity(&dotted, allowed).is_ok().then_some(dotted),
        };
        return Err(mistake(
            Code::Number,
            digits..digits + 1,
            "decimals are written with a point",
            "comma",
            rewrite,
        ));
    }
    if bytes.first() == Some(&b'0') && digits > 1 {
        let plain = text.trim_start_matches('0');
        let plain = if plain.starts_with(|c: char| c.is_ascii_digit()) {
            plain.to_owned()
        } else {
            format!("0{plain}")
        };
        let rewrite = quantity(&plain, allowed).is_ok().then_some(plain);
        return Err(mistake(
            Code::Number,
            0..digits,
            "numbers have no leading zeros here: YAML 1.1 reads them as octal",
            "leading zero",
            rewrite,
        ));
    }
    let mut end = digits;
    if follows == b'.' && after {
        end += 1;
        end += bytes.iter().skip(end).take_while(|b| b.is_ascii_digit()).count();
    }
    let value = text.get(..end).and_then(|number| number.parse::<f64>().ok());
    match value {
        Some(value) if value.is_finite() && value < 1e18 => {
            // `15 m`: the unit follows without a space.
            let gap = text.get(end..).map_or(0, |t| t.len() - t.trim_start().len());
            if gap > 0 && end + gap < text.len() {
                let joined: String = text.split_whitespace().collect();
                let rewrite = match quantity(&joined, allowed) {
                    Ok(_) => Some(joined),
                    Err(inner) => inner.rewrite,
                };
                return Err(mistake(
                    Code::Unit,
                    end..end + gap,
                    "a unit follows its number without a space",
                    "no space here",
                    rewrite,
                ));
            }
            Ok((value, end))
        }
        _ => Err(mistake(Code::Range, 0..end, "this number is too large", "too large", None)),
    }
}

#[cfg(test)]
mod tests {
    use super::suffix::KIB;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_read_exactly() {
        for (text, milliseconds) in [
            ("15m", 900_000),
            ("2h30m", 9_000_000),
            ("7d", 604_800_000),
            ("250ms", 250),
            ("0s", 0),
            ("1d2h3m4s5ms", 93_784_005),
        ] {
            assert_eq!(span(text), Ok(Span::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn wrong_durations_are_refused_with_a_rewrite() {
        for (text, code, rewrite) in [
            ("90", Code::NoUnit, None),
            ("010s", Code::Number, Some("10s")),
            ("1_000s", Code::Number, Some("1000s")),
            ("0x10s", Code::Number, None),
            ("2,5h", Code::Number, Some("2h30m")),
            ("2,5 hours", Code::Number, Some("2h30m")),
            ("2.5h", Code::Duration, Some("2h30m")),
            ("15M", Code::Duration, Some("15m")),
            ("15 m", Code::Unit, Some("15m")),
            ("15 minutes", Code::Unit, Some("15m")),
            ("5min", Code::Duration, Some("5m")),
            ("-5s", Code::Range, Some("5s")),
            ("> 90s", Code::Operator, Some("90s")),
            ("30m2h", Code::Duration, None),
            ("2h30", Code::Duration, None),
            ("5m5m", Code::Duration, None),
            ("", Code::Number, None),
            ("soon", Code::Number, None),
            ("99999999999999999d", Code::Duration, None),
        ] {
            let mistake = span(text).expect_err(text);
            assert_eq!((mistake.code, mistake.rewrite.as_deref()), (code, rewrite), "{text}");
            if let Some(rewrite) = rewrite {
                span(rewrite).unwrap();
            }
        }
    }

    #[test]
    fn quantities_find_their_unit() {
        let gib = KIB * KIB * KIB;
        let both = &[Unit::Percent, Unit::Bytes];
        for (text, allowed, index, value) in [
            ("90%", both.as_slice(), 0, 90.0),
            ("97.5%", both.as_slice(), 0, 97.5),
            ("5GiB", both.as_slice(), 1, 5.0 * gib),
            ("5GB", both.as_slice(), 1, 5e9),
            ("1Gbit/s", &[Unit::BitsPerSecond], 0, 1e9),
            ("100MB/s", &[Unit::BitsPerSecond], 0, 8e8),
            ("50ms", &[Unit::Seconds], 0, 0.05),
            ("1m30s", &[Unit::Percent, Unit::Seconds], 1, 90.0),
            ("3", &[Unit::Count], 0, 3.0),
            ("1.5", &[Unit::Count], 0, 1.5),
            ("true", &[Unit::Flag], 0, 1.0),
            ("85C", &[Unit::Celsius], 0, 85.0),
            ("-5C", &[Unit::Celsius], 0, -5.0),
            ("11.4V", &[Unit::Volts], 0, 11.4),
            ("100/s", &[Unit::PerSecond], 0, 100.0),
        ] {
            let (found, number) =
                quantity(text, allowed).unwrap_or_else(|m| panic!("{text}: {m:?}"));
            assert_eq!(found, index, "{text}");
            assert!((number - value).abs() < 1e-6, "{text}: {number}");
        }
    }

    #[test]
    fn wrong_quantities_say_what_was_meant() {
        let both = &[Unit::Percent, Unit::Bytes];
        for (text, allowed, code, help) in [
            ("5", both.as_slice(), Code::NoUnit, "write `5%` or `5GiB`"),
            (
                "5G",
                both.as_slice(),
                Code::Unit,
                "write `5GiB` or `5GB` (`KiB` is 1024 bytes, `kB` 1000)",
            ),
            ("5gib", both.as_slice(), Code::Unit, "write `5GiB`"),
            ("5Gbit/s", both.as_slice(), Code::WrongUnit, "write it as `90%` or `5GiB`"),
            ("10Mb", &[Unit::BitsPerSecond], Code::Unit, "write `10Mbit/s`"),
            ("> 90%", both.as_slice(), Code::Operator, "write `90%`"),
            (">=90%", both.as_slice(), Code::Operator, "write `90%`"),
            ("90 %", both.as_slice(), Code::Unit, "write `90%`"),
            ("yes", &[Unit::Flag], Code::Bool, "write `true`"),
            ("On", &[Unit::Flag], Code::Bool, "write `true`"),
            ("90percent", both.as_slice(), Code::Unit, "write `90%`"),
            ("80F", &[Unit::Celsius], Code::Unit, "write it as `85C`"),
        ] {
            let mistake = quantity(text, allowed).expect_err(text);
            assert_eq!((mistake.code, mistake.help.as_str()), (code, help), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_every_range_lies_within(text in "\\PC{0,24}") {
            let all = [Unit::Percent, Unit::Bytes, Unit::Seconds, Unit::BitsPerSecond, Unit::Celsius];
            for result in [quantity(&text, &all).map(|_| ()), span(&text).map(|_| ())] {
                if let Err(Some(at)) = result.map_err(|mistake| mistake.at) {
                    prop_assert!(at.start <= at.end && at.end <= text.len(), "{text:?} {at:?}");
                }
            }
        }

        #[test]
        fn durations_survive_printing(seconds in 0_u64..4_000_000) {
            let span_in = Span::from_secs(seconds);
            let shown = from_seconds(span_in.as_secs_f64()).unwrap();
            prop_assert_eq!(span(&shown).unwrap(), span_in);
        }
    }
}
