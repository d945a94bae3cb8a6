//! What to say about a value that is refused: what was expected, what was likely meant, and a
//! rewrite that would be accepted.

use std::ops::Range;

use super::suffix::{CONFUSED, Dimension, SUFFIXES, expected};
use super::{Mistake, quantity};
use crate::config::code::Code;
use crate::model::unit::{Span, Unit};

/// `2.5h` as `2h30m`, where it comes out even.
pub(super) fn decimal_span(text: &str) -> Option<String> {
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

pub(super) fn from_seconds(seconds: f64) -> Option<String> {
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
    if super::span(&shown).is_ok_and(|back| back == span) {
        return Some(shown);
    }
    Some(format!("{}ms", span.as_millis()))
}

pub(super) fn no_unit(text: &str, allowed: &[Unit]) -> Box<Mistake> {
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

pub(super) fn unknown_unit(text: &str, suffix_at: usize, allowed: &[Unit]) -> Box<Mistake> {
    unknown_unit_at(text, suffix_at..text.len(), allowed)
}

pub(super) fn unknown_unit_at(text: &str, at: Range<usize>, allowed: &[Unit]) -> Box<Mistake> {
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

pub(super) fn nouns(allowed: &[Unit]) -> String {
    let names: Vec<_> = allowed.iter().map(|unit| expected(*unit).0).collect();
    join(&names, "or")
}

pub(super) fn examples(allowed: &[Unit]) -> String {
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
