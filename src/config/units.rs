//! Numbers with units as people write them: `15m`, `90%`, `5GiB`, `1Gbit/s`, `85C`, `true`.
//!
//! Owns: the accepted forms, and for every form that is refused what was expected and a rewrite
//! that would be accepted. Pure text; knows no file and no key.

use std::ops::Range;

use super::code::Code;
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

/// What a suffix measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dimension {
    Percent,
    Bytes,
    ByteRate,
    BitRate,
    Rate,
    Time,
    Celsius,
    Rpm,
    Volts,
    Amperes,
    Watts,
}

const KIB: f64 = 1024.0;

/// Every accepted suffix; the factor leads to the base unit (bytes, bits, seconds, ...).
const SUFFIXES: &[(&str, Dimension, f64)] = &[
    ("%", Dimension::Percent, 1.0),
    ("B", Dimension::Bytes, 1.0),
    ("KiB", Dimension::Bytes, KIB),
    ("MiB", Dimension::Bytes, KIB * KIB),
    ("GiB", Dimension::Bytes, KIB * KIB * KIB),
    ("TiB", Dimension::Bytes, KIB * KIB * KIB * KIB),
    ("PiB", Dimension::Bytes, KIB * KIB * KIB * KIB * KIB),
    ("kB", Dimension::Bytes, 1e3),
    ("MB", Dimension::Bytes, 1e6),
    ("GB", Dimension::Bytes, 1e9),
    ("TB", Dimension::Bytes, 1e12),
    ("PB", Dimension::Bytes, 1e15),
    ("B/s", Dimension::ByteRate, 1.0),
    ("KiB/s", Dimension::ByteRate, KIB),
    ("MiB/s", Dimension::ByteRate, KIB * KIB),
    ("GiB/s", Dimension::ByteRate, KIB * KIB * KIB),
    ("kB/s", Dimension::ByteRate, 1e3),
    ("MB/s", Dimension::ByteRate, 1e6),
    ("GB/s", Dimension::ByteRate, 1e9),
    ("bit/s", Dimension::BitRate, 1.0),
    ("kbit/s", Dimension::BitRate, 1e3),
    ("Mbit/s", Dimension::BitRate, 1e6),
    ("Gbit/s", Dimension::BitRate, 1e9),
    ("Tbit/s", Dimension::BitRate, 1e12),
    ("/s", Dimension::Rate, 1.0),
    ("ms", Dimension::Time, 0.001),
    ("s", Dimension::Time, 1.0),
    ("m", Dimension::Time, 60.0),
    ("h", Dimension::Time, 3600.0),
    ("d", Dimension::Time, 86_400.0),
    ("C", Dimension::Celsius, 1.0),
    ("RPM", Dimension::Rpm, 1.0),
    ("V", Dimension::Volts, 1.0),
    ("A", Dimension::Amperes, 1.0),
    ("W", Dimension::Watts, 1.0),
];

/// What people write instead, and what they likely mean: the first is the rewrite, unless there
/// are several.
const CONFUSED: &[(&str, &[&str])] = &[
    ("K", &["KiB", "kB"]),
    ("k", &["KiB", "kB"]),
    ("M", &["MiB", "MB", "m"]),
    ("G", &["GiB", "GB"]),
    ("g", &["GiB", "GB"]),
    ("T", &["TiB", "TB"]),
    ("t", &["TiB", "TB"]),
    ("KB", &["KiB", "kB"]),
    ("kb", &["KiB", "kB", "kbit/s"]),
    ("Kb", &["KiB", "kB", "kbit/s"]),
    ("mb", &["MiB", "MB", "Mbit/s"]),
    ("Mb", &["MB", "Mbit/s"]),
    ("gb", &["GiB", "GB", "Gbit/s"]),
    ("Gb", &["GB", "Gbit/s"]),
    ("tb", &["TiB", "TB"]),
    ("bps", &["bit/s", "B/s"]),
    ("kbps", &["kbit/s", "kB/s"]),
    ("Kbps", &["kbit/s", "kB/s"]),
    ("mbps", &["Mbit/s", "MB/s"]),
    ("Mbps", &["Mbit/s", "MB/s"]),
    ("MBps", &["MB/s"]),
    ("gbps", &["Gbit/s", "GB/s"]),
    ("Gbps", &["Gbit/s", "GB/s"]),
    ("Mb/s", &["Mbit/s", "MB/s"]),
    ("Gb/s", &["Gbit/s", "GB/s"]),
    ("mbit", &["Mbit/s"]),
    ("Mbit", &["Mbit/s"]),
    ("gbit", &["Gbit/s"]),
    ("Gbit", &["Gbit/s"]),
    ("KB/s", &["KiB/s", "kB/s"]),
    ("S", &["s"]),
    ("sec", &["s"]),
    ("secs", &["s"]),
    ("second", &["s"]),
    ("seconds", &["s"]),
    ("msec", &["ms"]),
    ("min", &["m"]),
    ("mins", &["m"]),
    ("minute", &["m"]),
    ("minutes", &["m"]),
    ("H", &["h"]),
    ("hr", &["h"]),
    ("hrs", &["h"]),
    ("hour", &["h"]),
    ("hours", &["h"]),
    ("D", &["d"]),
    ("day", &["d"]),
    ("days", &["d"]),
    ("pct", &["%"]),
    ("percent", &["%"]),
    ("c", &["C"]),
    ("°C", &["C"]),
    ("℃", &["C"]),
    ("degC", &["C"]),
    ("rpm", &["RPM"]),
    ("watt", &["W"]),
    ("watts", &["W"]),
    ("volt", &["V"]),
    ("volts", &["V"]),
];

impl Dimension {
    /// The dimension a metric of a unit is compared in.
    fn suits(self, unit: Unit) -> Option<f64> {
        let factor = match (self, unit) {
            (Self::Percent, Unit::Percent)
            | (Self::Bytes, Unit::Bytes)
            | (Self::ByteRate, Unit::BytesPerSecond)
            | (Self::BitRate, Unit::BitsPerSecond)
            | (Self::Rate, Unit::PerSecond)
            | (Self::Time, Unit::Seconds)
            | (Self::Celsius, Unit::Celsius)
            | (Self::Rpm, Unit::Rpm)
            | (Self::Volts, Unit::Volts)
            | (Self::Amperes, Unit::Amperes)
            | (Self::Watts, Unit::Watts) => 1.0,
            (Self::ByteRate, Unit::BitsPerSecond) => 8.0,
            (Self::BitRate, Unit::BytesPerSecond) => 0.125,
            _ => return None,
        };
        Some(factor)
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Percent => "a percentage",
            Self::Bytes => "a size in bytes",
            Self::ByteRate => "bytes a second",
            Self::BitRate => "a bit rate",
            Self::Rate => "a rate a second",
            Self::Time => "a duration",
            Self::Celsius => "a temperature",
            Self::Rpm => "a fan speed",
            Self::Volts => "a voltage",
            Self::Amperes => "a current",
            Self::Watts => "a power",
        }
    }
}

/// How a value of a unit is asked for: `a percentage such as 90%`.
#[must_use]
pub fn expected(unit: Unit) -> (&'static str, &'static str) {
    match unit {
        Unit::Percent => ("a percentage", "90%"),
        Unit::Bytes => ("a size", "5GiB"),
        Unit::BytesPerSecond => ("bytes a second", "200MB/s"),
        Unit::BitsPerSecond => ("a bit rate", "1Gbit/s"),
        Unit::Count => ("a number", "3"),
        Unit::PerSecond => ("a rate", "100/s"),
        Unit::Seconds => ("a duration", "50ms"),
        Unit::Flag => ("`true` or `false`", "true"),
        Unit::Celsius => ("a temperature", "85C"),
        Unit::Rpm => ("a fan speed", "600RPM"),
        Unit::Volts => ("a voltage", "11.4V"),
        Unit::Amperes => ("a current", "2.5A"),
        Unit::Watts => ("a power", "420W"),
    }
}

/// A regular expression of the accepted forms, for the JSON Schema.
#[must_use]
pub fn pattern(unit: Unit) -> Option<String> {
    const NUMBER: &str = r"(0|[1-9][0-9]*)(\.[0-9]+)?";
    let dimensions: &[Dimension] = match unit {
        Unit::Flag | Unit::Count => return None,
        Unit::Seconds => return Some(SPAN_PATTERN.to_owned()),
        Unit::Percent => &[Dimension::Percent],
        Unit::Bytes => &[Dimension::Bytes],
        Unit::BytesPerSecond | Unit::BitsPerSecond => &[Dimension::ByteRate, Dimension::BitRate],
        Unit::PerSecond => &[Dimension::Rate],
        Unit::Celsius => &[Dimension::Celsius],
        Unit::Rpm => &[Dimension::Rpm],
        Unit::Volts => &[Dimension::Volts],
        Unit::Amperes => &[Dimension::Amperes],
        Unit::Watts => &[Dimension::Watts],
    };
    let names: Vec<_> = SUFFIXES
        .iter()
        .filter(|(_, dimension, _)| dimensions.contains(dimension))
        .map(|(name, ..)| *name)
        .collect();
    Some(format!("^{NUMBER}({})$", names.join("|")))
}

/// A regular expression of durations.
pub const SPAN_PATTERN: &str = r"^(?=[0-9])((0|[1-9][0-9]*)d)?((0|[1-9][0-9]*)h)?((0|[1-9][0-9]*)m)?((0|[1-9][0-9]*)s)?((0|[1-9][0-9]*)ms)?$";

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
                *dimension == Dimension::Time && Some(*name) == text.get(suffix_at..)
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

/// `2.5h` as `2h30m`, where it comes out even.
fn decimal_span(text: &str) -> Option<String> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, word) = (text.get(..split)?, text.get(split..)?.trim());
    let known = CONFUSED
        .iter()
        .find(|(wrong, _)| *wrong == word)
        .and_then(|(_, right)| right.first().copied())
        .unwrap_or(word);
    let (_, _, factor) = SUFFIXES
        .iter()
        .find(|(name, dimension, _)| *name == known && *dimension == Dimension::Time)?;
    from_seconds(number.parse::<f64>().ok()? * factor)
}

fn from_seconds(seconds: f64) -> Option<String> {
    let milliseconds = (seconds * 1000.0).round();
    if !(0.0..1e15).contains(&milliseconds) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "just checked to be whole, positive and small"
    )]
    let span = Span::from_millis(milliseconds as u64);
    let shown = span.to_string();
    // What is printed is rounded to two units: offered only where nothing is lost.
    if super::units::span(&shown).is_ok_and(|back| back == span) {
        return Some(shown);
    }
    Some(format!("{}ms", span.as_millis()))
}

fn no_unit(text: &str, allowed: &[Unit]) -> Box<Mistake> {
    let short = |unit: Unit| match unit {
        Unit::Percent => "percent",
        Unit::Bytes => "bytes",
        Unit::BytesPerSecond => "bytes a second",
        Unit::BitsPerSecond => "bits a second",
        Unit::Seconds => "seconds, minutes or hours",
        other => expected(other).0,
    };
    let unit_of = |unit: Unit| {
        let example = expected(unit).1;
        example.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').to_owned()
    };
    let (label, units): (String, Vec<String>) = match allowed {
        [Unit::Seconds] => ("seconds or minutes?".to_owned(), vec!["s".to_owned(), "m".to_owned()]),
        [Unit::Bytes] => ("which unit?".to_owned(), vec!["MiB".to_owned(), "GiB".to_owned()]),
        [one] => ("the unit is missing".to_owned(), vec![unit_of(*one)]),
        _ => {
            let names: Vec<_> = allowed.iter().map(|unit| short(*unit)).collect();
            (
                format!("{}?", join(&names, "or")),
                allowed.iter().map(|unit| unit_of(*unit)).collect(),
            )
        }
    };
    let writes: Vec<_> = units.iter().map(|unit| format!("`{text}{unit}`")).collect();
    let rewrite = match units.as_slice() {
        [unit] => Some(format!("{text}{unit}")),
        _ => None,
    };
    Box::new(Mistake {
        code: Code::NoUnit,
        at: None,
        message: "number without a unit".to_owned(),
        label,
        help: format!("write {}", join(&writes, "or")),
        rewrite,
    })
}

fn unknown_unit(text: &str, suffix_at: usize, allowed: &[Unit]) -> Box<Mistake> {
    unknown_unit_at(text, suffix_at..text.len(), allowed)
}

fn unknown_unit_at(text: &str, at: Range<usize>, allowed: &[Unit]) -> Box<Mistake> {
    let suffix = text.get(at.clone()).unwrap_or_default();
    let fits = |name: &str| {
        SUFFIXES.iter().any(|(have, dimension, _)| {
            *have == name && allowed.iter().any(|unit| dimension.suits(*unit).is_some())
        })
    };
    let mut meant: Vec<&str> = CONFUSED
        .iter()
        .find(|(wrong, _)| *wrong == suffix)
        .map(|(_, right)| right.iter().copied().filter(|name| fits(name)).collect())
        .unwrap_or_default();
    if meant.is_empty() {
        meant = SUFFIXES
            .iter()
            .map(|(name, ..)| *name)
            .filter(|name| name.eq_ignore_ascii_case(suffix) && fits(name))
            .collect();
    }
    let write = |unit: &str| {
        let head = text.get(..at.start).unwrap_or_default();
        let tail = text.get(at.end..).unwrap_or_default();
        format!("{head}{unit}{tail}")
    };
    let rewrite = match meant.as_slice() {
        [one] => Some(write(one)).filter(|text| quantity(text, allowed).is_ok()),
        _ => None,
    };
    let sizes = meant.iter().any(|name| name.ends_with("iB")) && meant.len() > 1;
    let help = match meant.as_slice() {
        [] => format!("write it as {}", examples(allowed)),
        names => {
            let writes: Vec<_> = names.iter().map(|name| format!("`{}`", write(name))).collect();
            let note = if sizes { " (`KiB` is 1024 bytes, `kB` 1000)" } else { "" };
            format!("write {}{note}", join(&writes, "or"))
        }
    };
    let time = allowed == [Unit::Seconds];
    Box::new(Mistake {
        code: if time { Code::Duration } else { Code::Unit },
        at: Some(at.clone()),
        message: if meant.len() > 1 {
            format!("the unit `{suffix}` is not clear")
        } else {
            format!("`{suffix}` is not a unit of {}", nouns(allowed))
        },
        label: if meant.len() > 1 { "which one?" } else { "unknown unit" }.to_owned(),
        help,
        rewrite,
    })
}

fn nouns(allowed: &[Unit]) -> String {
    let names: Vec<_> = allowed.iter().map(|unit| expected(*unit).0).collect();
    join(&names, "or")
}

fn examples(allowed: &[Unit]) -> String {
    let names: Vec<_> = allowed
        .iter()
        .map(|unit| match unit {
            Unit::Seconds => "`50ms`, `15m` or `2h30m`".to_owned(),
            unit => format!("`{}`", expected(*unit).1),
        })
        .collect();
    join(&names, "or")
}

/// `a`, `a or b`, `a, b or c`.
#[must_use]
pub fn join<T: AsRef<str>>(words: &[T], last: &str) -> String {
    match words {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [head @ .., tail] => {
            let head: Vec<_> = head.iter().map(AsRef::as_ref).collect();
            format!("{} {last} {}", head.join(", "), tail.as_ref())
        }
    }
}

#[cfg(test)]
mod tests {
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
