//! A kind of check as a table: names, texts, metrics. What a kind does is `probe`'s.
//!
//! It stands here because rules and texts are made from the same table that the probe fills.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::reading::{Measure, Metric, MetricId};
use super::unit::Unit;

/// Everything about a kind that is data: documentation, configuration keys and metrics.
#[derive(Debug)]
pub struct KindSpec {
    /// `filesystem`, also the name of the built-in check of this kind.
    pub name: &'static str,
    /// One sentence: what it watches.
    pub title: &'static str,
    /// A few paragraphs for the man page: where the numbers come from, what is left out and why.
    pub doc: &'static str,
    /// Keys below `select:` and `exclude:`, each a list of globs against an attribute.
    pub selectors: &'static [Selector],
    /// Further keys of a check of this kind, such as `capacity`.
    pub options: &'static [OptionSpec],
    /// All metrics; [`MetricId`] is the row number.
    pub metrics: &'static [Metric],
    /// All numbers that are forwarded and never judged; numbered by row like the metrics.
    pub measures: &'static [Measure],
    /// For kinds whose probes state findings ([`crate::model::finding::Finding`]): what they mean,
    /// to follow "critical when": `not optimal`. Both levels of such a kind exist without limits.
    pub findings: Option<&'static str>,
    /// The shipped `conf.d` file: example, documentation and built-in default in one.
    pub example: &'static str,
}

impl KindSpec {
    /// The row of a metric.
    #[must_use]
    pub fn metric(&self, id: MetricId) -> Option<&'static Metric> {
        self.metrics.get(usize::from(id.0))
    }

    /// The row of a measure.
    #[must_use]
    pub fn measure(&self, id: MetricId) -> Option<&'static Measure> {
        self.measures.get(usize::from(id.0))
    }
}

/// Names of labels that instances may have which a device lists: both ends of the pipe to the lane
/// process know them.
pub const LABELS: &[&str] = &[
    "technology",
    "level",
    "chip",
    "channel",
    "device",
    "entity",
    "serial",
    "wwid",
    "uuid",
    "mac",
    "driver",
    "model",
];

/// A key below `select:` and `exclude:`.
#[derive(Debug)]
pub struct Selector {
    /// `mount`, `type`, `name`.
    pub key: &'static str,
    /// One sentence.
    pub doc: &'static str,
}

/// A further key of a check.
#[derive(Debug)]
pub struct OptionSpec {
    /// The key.
    pub key: &'static str,
    /// What its value looks like.
    pub form: OptionForm,
    /// One sentence.
    pub doc: &'static str,
}

/// What the value of an option looks like.
#[derive(Debug, Clone, Copy)]
pub enum OptionForm {
    /// A number of this unit.
    Number(Unit),
    /// A text that the kind itself reads.
    Text {
        /// What it is: `a speed`.
        noun: &'static str,
        /// One that is right: `1000baseT/Full`.
        example: &'static str,
        /// Says what is wrong with a text, in a few words.
        check: fn(&str) -> Result<(), String>,
    },
}

/// The value of an option. Ordered and equal by its bits, so that it can be part of a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OptionValue {
    /// In the option's unit.
    Number(f64),
    /// As written; checked.
    Text(String),
}

impl OptionValue {
    /// The number, if it is one.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(_) => None,
        }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Number(_) => None,
            Self::Text(text) => Some(text),
        }
    }
}

impl Ord for OptionValue {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Number(_), Self::Text(_)) => Ordering::Less,
            (Self::Text(_), Self::Number(_)) => Ordering::Greater,
        }
    }
}

impl PartialOrd for OptionValue {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for OptionValue {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for OptionValue {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_a_trip_as_json_and_differ_by_their_bits() {
        for value in [OptionValue::Number(0.1), OptionValue::Text("1000".to_owned())] {
            let text = serde_json::to_string(&value).unwrap();
            assert_eq!(serde_json::from_str::<OptionValue>(&text).unwrap(), value);
        }
        assert_ne!(OptionValue::Number(0.0), OptionValue::Number(-0.0));
        assert_ne!(OptionValue::Number(1.0), OptionValue::Text("1".to_owned()));
    }
}
