//! Names for values without a row: made from the kind's own name of the value, whose last word is its
//! unit. Such a name is good enough to be used, and no promise.

use crate::forward::series::{Form, Instrument};

/// What a value without a row is called.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// By Prometheus; its one label is `object`.
    pub prometheus: String,
    /// By OpenTelemetry; its one attribute is `hostwatch.object`.
    pub otel: String,
    /// Unit of OpenTelemetry, in UCUM.
    pub unit: &'static str,
    /// What it is: a sum where the name ends in `_total`.
    pub form: Form,
    /// The same for OpenTelemetry.
    pub instrument: Instrument,
    /// The value is divided by this, on both sides.
    pub per: f64,
    /// One sentence.
    pub help: String,
}

/// Last words of names: base unit for Prometheus, unit of OpenTelemetry, divisor. The first that fits.
const UNITS: &[(&str, &str, &str, f64)] = &[
    ("_percent", "_ratio", "1", 100.0),
    ("_bits_per_second", "_bytes_per_second", "By/s", 8.0),
    ("_bytes_per_second", "_bytes_per_second", "By/s", 1.0),
    ("_bytes", "_bytes", "By", 1.0),
    ("_timestamp_seconds", "_timestamp_seconds", "s", 1.0),
    ("_seconds", "_seconds", "s", 1.0),
    ("_celsius", "_celsius", "Cel", 1.0),
    ("_volts", "_volts", "V", 1.0),
    ("_amperes", "_amperes", "A", 1.0),
    ("_watts", "_watts", "W", 1.0),
    ("_joules", "_joules", "J", 1.0),
    ("_rpm", "_rpm", "rpm", 1.0),
    // Prometheus keeps `_count` for the parts of histograms.
    ("_count", "", "1", 1.0),
];

/// A name for a value of a kind.
#[must_use]
pub fn made(kind: &str, value: &str) -> Made {
    let (kind, value) = (word(kind), word(value));
    let (stem, total) = match value.strip_suffix("_total") {
        Some(stem) => (stem, "_total"),
        None => (value.as_str(), ""),
    };
    let known = UNITS.iter().find_map(|(last, base, unit, per)| {
        stem.strip_suffix(last).map(|stem| (stem, *base, *unit, *per))
    });
    let (bare, base, unit, per) = known.unwrap_or((stem, "", "1", 1.0));
    let (form, instrument) = if total.is_empty() {
        (Form::Gauge, Instrument::Gauge)
    } else {
        (Form::Counter, Instrument::Counter)
    };
    Made {
        prometheus: format!("hostwatch_{kind}_{bare}{base}{total}"),
        otel: format!("hostwatch.{kind}.{bare}"),
        unit,
        form,
        instrument,
        per,
        help: format!("Value {value} of kind {kind}"),
    }
}

/// Whether both worlds take this as a part of a name.
#[must_use]
pub fn is_word(name: &str) -> bool {
    let mut letters = name.bytes();
    letters.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && letters.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Letters of a name of a kind; more are cut.
const WORD_CHARS: usize = 60;

/// Makes a part of a name of anything: what fits nowhere becomes an underscore.
fn word(text: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let word: String = text.chars().take(WORD_CHARS).map(kept).collect();
    let word = word.trim_matches('_');
    if word.is_empty() { "unnamed".to_owned() } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_made_in_base_units() {
        let names = |kind: &str, value: &str| {
            let made = made(kind, value);
            (made.prometheus, made.otel, made.unit, made.per)
        };
        let expect = |a: &str, b: &str, unit, per| (a.to_owned(), b.to_owned(), unit, per);
        assert_eq!(
            names("tape", "wear_percent"),
            expect("hostwatch_tape_wear_ratio", "hostwatch.tape.wear", "1", 100.0)
        );
        assert_eq!(
            names("tape", "speed_bits_per_second"),
            expect("hostwatch_tape_speed_bytes_per_second", "hostwatch.tape.speed", "By/s", 8.0)
        );
        assert_eq!(
            names("tape", "read_bytes_total"),
            expect("hostwatch_tape_read_bytes_total", "hostwatch.tape.read", "By", 1.0)
        );
        assert_eq!(names("tape", "errors_count").0, "hostwatch_tape_errors");
        assert_eq!(made("tape", "mounts_total").form, Form::Counter);
    }

    #[test]
    fn a_name_made_of_anything_is_valid() {
        for (kind, value) in [("", ""), ("\u{1f525}", "a b\nc"), ("9", "%"), ("X-Y", "\"_total\"")]
        {
            let made = made(kind, value);
            assert!(is_word(&made.prometheus), "{made:?}");
            assert!(made.otel.split('.').all(|part| !part.is_empty()), "{made:?}");
        }
        let long = made(&"k".repeat(1000), &"v".repeat(1000));
        assert!(long.prometheus.len() < 200);
    }
}
