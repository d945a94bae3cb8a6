//! What a probe brings home: values of named metrics for one instance, or the reason why not.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::finding::Finding;
use super::time::Moment;
use super::unit::Unit;

/// Which side of a limit is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bad {
    /// At or above the limit (used space, temperature).
    High,
    /// At or below the limit (free space, fan speed).
    Low,
    /// A yes/no metric that is bad when it is 1 (read-only).
    Set,
}

/// One metric of a kind: a row of the kind's table, the single source of its name, unit and text.
#[derive(Debug)]
pub struct Metric {
    /// Key below `warn:` and `crit:`. Two rows may share one key with different units, so that
    /// both `free: 5%` and `free: 5GiB` are possible.
    pub key: &'static str,
    /// Unique name within the kind, with the unit last (`used_percent`); used in JSON.
    pub name: &'static str,
    /// Unit of the value.
    pub unit: Unit,
    /// Which side is bad.
    pub bad: Bad,
    /// How a person says it, `{}` standing for the value with its unit: `{} full`. Used in
    /// subjects and first lines after the name of the instance.
    pub phrase: &'static str,
    /// One sentence for people: what it is and where it comes from.
    pub doc: &'static str,
}

/// A number that a kind's probe has at hand and no rule judges: it is forwarded alone. A row of the
/// kind's table of them.
#[derive(Debug)]
pub struct Measure {
    /// Unique among the kind's metrics and measures, with the unit last (`size_bytes`); a count ends
    /// in `count`, a yes/no fact bears no unit.
    pub name: &'static str,
    /// Unit of the value.
    pub unit: Unit,
    /// Whether it only grows until its owner starts anew: what the kernel counts since boot.
    pub counter: bool,
    /// One sentence for people: what it is and where it comes from.
    pub doc: &'static str,
}

impl Measure {
    /// What may go up and down.
    #[must_use]
    pub const fn gauge(name: &'static str, unit: Unit, doc: &'static str) -> Self {
        Self { name, unit, counter: false, doc }
    }

    /// What only grows.
    #[must_use]
    pub const fn counter(name: &'static str, unit: Unit, doc: &'static str) -> Self {
        Self { name, unit, counter: true, doc }
    }
}

/// Row number in the kind's metric table, or in its table of measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MetricId(pub u8);

/// One measured value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Which metric of the kind.
    pub metric: MetricId,
    /// In the metric's unit; yes/no metrics are 1 and 0. Never NaN: what cannot be said is left out.
    pub value: f64,
}

/// All readings of one instance in one run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// Which instance.
    pub instance: Arc<str>,
    /// Values, at most one a metric. A metric that has no value now (first run of a rate, a link
    /// without speed) is simply not there.
    pub readings: Vec<Reading>,
    /// Numbers for collectors, at most one a row of the kind's measures, whose row number stands in
    /// place of a metric's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measures: Vec<Reading>,
    /// The instance in one line, for tables and the second line of a mail:
    /// `92% full, 46 GiB of 560 GiB left`.
    pub summary: String,
    /// Facts that no number says; empty for kinds of numbers only.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// Nothing can be said now, neither good nor bad: a sensor that its device has for not
    /// available. The state stays as it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub silent: bool,
    /// What the probe must know again after a restart of the agent, in its own form: how far it
    /// read a log. Stored in one transaction with the transition that the same reading makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memo: Option<String>,
}

impl Observation {
    /// Value of one metric, if it was read.
    #[must_use]
    pub fn get(&self, metric: MetricId) -> Option<f64> {
        self.readings.iter().find(|r| r.metric == metric).map(|r| r.value)
    }
}

/// Everything one run of one source brought home.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// When the run ended.
    pub taken: Moment,
    /// What was seen, or why nothing was.
    pub result: Result<Vec<Observation>, ProbeError>,
}

/// Why something could not be read. The words are stable: they are counted and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeError {
    /// Not there (any more).
    Absent(String),
    /// There, but the agent may not read it.
    Denied(String),
    /// This kernel or device does not offer it.
    Unsupported(String),
    /// An answer came and made no sense.
    Malformed(String),
    /// No answer within the deadline.
    TimedOut(String),
    /// The system reported an error.
    Failed(String),
}

impl ProbeError {
    /// `absent`, `denied`, ...: for counting.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Absent(_) => "absent",
            Self::Denied(_) => "denied",
            Self::Unsupported(_) => "unsupported",
            Self::Malformed(_) => "malformed",
            Self::TimedOut(_) => "timed out",
            Self::Failed(_) => "failed",
        }
    }
}

impl fmt::Display for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Absent(text)
        | Self::Denied(text)
        | Self::Unsupported(text)
        | Self::Malformed(text)
        | Self::TimedOut(text)
        | Self::Failed(text)) = self;
        f.write_str(text)
    }
}

impl std::error::Error for ProbeError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_observation_of_an_older_release_has_no_measures() {
        let old = r#"{"instance":"sda","readings":[{"metric":0,"value":1.5}],"summary":"busy"}"#;
        let mut seen: Observation = serde_json::from_str(old).unwrap();
        assert_eq!((seen.get(MetricId(0)), seen.measures.len()), (Some(1.5), 0));
        let text = serde_json::to_string(&seen).unwrap();
        assert!(!text.contains("measures"), "none are not written: {text}");
        seen.measures.push(Reading { metric: MetricId(2), value: 7.0 });
        let text = serde_json::to_string(&seen).unwrap();
        assert_eq!(serde_json::from_str::<Observation>(&text).unwrap(), seen);
    }
}
