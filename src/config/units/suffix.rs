//! The units themselves: every accepted suffix, what people write instead, and how a value of a
//! unit is asked for. Tables and their texts alone.

use crate::model::unit::Unit;

/// What a suffix measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dimension {
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

pub(super) const KIB: f64 = 1024.0;

/// Every accepted suffix; the factor leads to the base unit (bytes, bits, seconds, ...).
pub(super) const SUFFIXES: &[(&str, Dimension, f64)] = &[
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
pub(super) const CONFUSED: &[(&str, &[&str])] = &[
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
    pub(super) fn suits(self, unit: Unit) -> Option<f64> {
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

    pub(super) fn noun(self) -> &'static str {
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
