//! Units: durations, and how a value of each unit is printed for a person.
//!
//! Reading units from configuration text, with positions of mistakes, is `config::units`' work.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A length of time in milliseconds.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Span(u64);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// Whole seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Milliseconds.
    #[must_use]
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(milliseconds)
    }

    /// In milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// In seconds.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a span of 2^53 ms is 285,000 years")]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// For the standard library.
    #[must_use]
    pub const fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0)
    }

    /// `n` times as long.
    #[must_use]
    pub const fn times(self, n: u64) -> Self {
        Self(self.0.saturating_mul(n))
    }
}

impl fmt::Display for Span {
    /// The two largest units that are not zero: `2h30m`, `4d2h`, `90s` is `1m30s`, `250ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0;
        if ms == 0 {
            return f.pad("0s");
        }
        if ms < 1000 {
            return f.pad(&format!("{ms}ms"));
        }
        let seconds = ms / 1000;
        let parts = [
            (seconds / 86_400, "d"),
            (seconds % 86_400 / 3600, "h"),
            (seconds % 3600 / 60, "m"),
            (seconds % 60, "s"),
        ];
        let mut text = String::new();
        if let Some(first) = parts.iter().position(|(n, _)| *n > 0) {
            for (n, unit) in parts.iter().skip(first).take(2).filter(|(n, _)| *n > 0) {
                text.push_str(&format!("{n}{unit}"));
            }
        }
        f.pad(&text)
    }
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// 0 to 100 (a few metrics may exceed 100).
    Percent,
    /// Bytes; shown with binary prefixes.
    Bytes,
    /// Bytes a second.
    BytesPerSecond,
    /// Bits a second; shown with decimal prefixes, as links are sold.
    BitsPerSecond,
    /// A plain number of things.
    Count,
    /// Things a second.
    PerSecond,
    /// A length of time in seconds.
    Seconds,
    /// A yes/no fact, 1 or 0.
    Flag,
    /// Degrees Celsius.
    Celsius,
    /// Turns a minute.
    Rpm,
    /// Volts.
    Volts,
    /// Amperes.
    Amperes,
    /// Watts.
    Watts,
}

impl Unit {
    /// Prints a value of this unit for a person: `92%`, `46 GiB`, `971 Mbit/s`, `1m30s`.
    #[must_use]
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Percent => format!("{}%", short(value)),
            Self::Bytes => scaled(value, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]),
            Self::BytesPerSecond => scaled(
                value,
                1024.0,
                &["B/s", "KiB/s", "MiB/s", "GiB/s", "TiB/s", "PiB/s", "EiB/s"],
            ),
            Self::BitsPerSecond => {
                scaled(value, 1000.0, &["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"])
            }
            Self::Count => short(value),
            Self::PerSecond => format!("{}/s", short(value)),
            Self::Seconds => seconds(value),
            Self::Flag => if value > 0.5 { "yes" } else { "no" }.to_owned(),
            Self::Celsius => format!("{} C", short(value)),
            Self::Rpm => format!("{} RPM", short(value)),
            Self::Volts => format!("{value:.2} V"),
            Self::Amperes => format!("{value:.2} A"),
            Self::Watts => format!("{} W", short(value)),
        }
    }
}

/// Three significant digits, no trailing zeros: `92`, `4.7`, `0.03`.
fn short(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        v if v >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

fn scaled(value: f64, step: f64, names: &[&str]) -> String {
    let mut value = value;
    let mut name = names.first().copied().unwrap_or_default();
    for next in names.iter().skip(1) {
        if value.abs() < step {
            break;
        }
        value /= step;
        name = next;
    }
    format!("{} {name}", short(value))
}

fn seconds(value: f64) -> String {
    if value.abs() < 1.0 {
        return format!("{} ms", short(value * 1000.0));
    }
    if value.abs() < 60.0 {
        return format!("{} s", short(value));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "float casts saturate, and negative spans are printed as zero"
    )]
    let whole = value as u64;
    Span::from_secs(whole).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_print_as_people_write_them() {
        for (seconds, text) in
            [(0, "0s"), (45, "45s"), (90, "1m30s"), (9000, "2h30m"), (352_800, "4d2h"), (60, "1m")]
        {
            assert_eq!(Span::from_secs(seconds).to_string(), text);
        }
        assert_eq!(Span::from_secs(86_400 + 60).to_string(), "1d");
    }

    #[test]
    fn values_print_with_their_unit() {
        let gib = 1024.0 * 1024.0 * 1024.0;
        assert_eq!(Unit::Bytes.show(46.0 * gib), "46 GiB");
        assert_eq!(Unit::Bytes.show(9.2 * gib), "9.2 GiB");
        assert_eq!(Unit::BitsPerSecond.show(971e6), "971 Mbit/s");
        assert_eq!(Unit::Percent.show(92.0), "92%");
        assert_eq!(Unit::Seconds.show(0.05), "50 ms");
        assert_eq!(Unit::Seconds.show(9000.0), "2h30m");
    }
}
