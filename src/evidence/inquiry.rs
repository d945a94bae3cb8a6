//! The question: everything about a change that who gathers evidence needs to know.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::finding::Finding;
use crate::model::history::Curve;
use crate::model::id::Id;
use crate::model::reading::Bad;
use crate::model::state::State;
use crate::model::time::Stamp;
use crate::model::unit::{Span, Unit};

/// A change of one instance that evidence is wanted for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Inquiry {
    /// Number of the question; the answers carry it.
    pub number: u64,
    /// Which instance.
    pub id: Id,
    /// Its kind.
    pub kind: String,
    /// What a person calls it.
    pub title: String,
    /// The state it changed to; `Ok` asks what made it good again.
    pub state: State,
    /// What the survey knows of the instance: selectors and labels (`mount`, `device`, `serial`),
    /// each with its value.
    pub facts: Vec<(String, String)>,
    /// What was read last, by metric name, in the metric's unit.
    pub readings: Vec<(String, f64)>,
    /// The number that was judged, if it was one.
    pub measure: Option<Measure>,
    /// Facts that no number says.
    pub findings: Vec<Finding>,
    /// When the state changed.
    pub at: Stamp,
    /// Since when its cause holds.
    pub since: Stamp,
    /// How long the episode has lasted.
    pub lasted: Span,
    /// The longest window of its rule.
    #[serde(default)]
    pub window: Span,
    /// Directory of the history; filled in by who asks.
    #[serde(default)]
    pub history: PathBuf,
    /// What the history's files do not hold yet; filled in by who asks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recent: Vec<Curve>,
    /// Time zone of the host, for times in the text: `local` or an IANA name.
    pub timezone: String,
}

/// The number that was judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// Name of the metric: `used_percent`.
    pub metric: String,
    /// How a person says it, `{}` standing for the value: `{} full`.
    pub phrase: String,
    /// Its unit.
    pub unit: Unit,
    /// Which side is bad.
    pub bad: Bad,
    /// The value now.
    pub value: Option<f64>,
    /// The limits of both levels, where they have one on this metric.
    pub warn: Option<f64>,
    /// See `warn`.
    pub crit: Option<f64>,
}
