//! What leaves the agent for collectors, as plain data: a batch (how everything that is watched looked
//! at one moment) and a change of state. Names of collectors are `forward`'s.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::id::Id;
use super::state::State;
use super::time::Stamp;

/// How everything looked at one moment: what a scrape at that moment would have shown.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// The moment; all values are stamped with it.
    pub at: Stamp,
    /// What was read, each instance once, however many checks judge it.
    pub things: Vec<Thing>,
    /// What the checks say of it.
    pub verdicts: Vec<Verdict>,
    /// Numbers of the agent itself.
    pub own: Own,
    /// Numbers of the outlets; filled where they are known.
    #[serde(default)]
    pub outlets: Vec<OutletNumbers>,
}

/// One instance of a kind and what was read of it last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Thing {
    /// Name of the kind.
    pub kind: Cow<'static, str>,
    /// Name of the instance within the kind.
    pub instance: Arc<str>,
    /// Text facts, such as `fstype`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<(Cow<'static, str>, String)>,
    /// Values by the names of the kind's metrics and measures, in their own units.
    pub values: Vec<(Cow<'static, str>, f64)>,
}

/// What a check says of one instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Check and instance.
    pub id: Id,
    /// Name of the kind.
    pub kind: Cow<'static, str>,
    /// What a person calls the instance.
    pub title: String,
    /// The state that holds.
    pub state: State,
    /// Since when.
    pub since: Stamp,
    /// When it was read last; `None` before the first time, and for the agent's own.
    pub read: Option<Stamp>,
    /// Changes of state since the agent started.
    pub changes: u64,
    /// Whether a silence keeps mail about it back.
    pub silenced: bool,
    /// Whether somebody has taken it on.
    pub acked: bool,
    /// One line: what was read last, or why nothing was.
    pub summary: String,
    /// Numbers for tools that draw them: name in the kind's table, value, and the limits of warning
    /// and critical where the rule has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<Figure>,
}

/// One judged number with its limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Name of the metric in its kind.
    pub name: Cow<'static, str>,
    /// In the metric's unit.
    pub value: f64,
    /// Limit of warning.
    pub warn: Option<f64>,
    /// Limit of critical.
    pub crit: Option<f64>,
    /// Whether low values are the bad ones.
    pub low: bool,
}

/// A change of state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Grows by one with each change while the agent runs.
    pub number: u64,
    /// When it happened.
    pub at: Stamp,
    /// The state before.
    pub before: State,
    /// What holds from now on; `since` is the time of the change.
    pub verdict: Verdict,
    /// The instance is watched no more: this is the last that is said of it.
    #[serde(default)]
    pub gone: bool,
}

/// Numbers of the agent itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Own {
    /// When the agent started: counters of its own begin there.
    pub started: Stamp,
    /// When this system started: counters of the kernel begin there.
    pub booted: Stamp,
    /// When the running configuration was loaded.
    pub config_loaded: Stamp,
    /// Whether the last reload was refused.
    pub config_refused: bool,
    /// Runs of sources since the start.
    pub runs: u64,
    /// Runs that were skipped since the one before had not come back.
    pub skipped: u64,
    /// Sources that hang.
    pub hung: u64,
    /// Mails accepted since the start.
    pub mails_sent: u64,
    /// Mails and events that wait.
    pub mails_waiting: u64,
}

/// Numbers of one outlet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutletNumbers {
    /// Name of the outlet in the configuration.
    pub name: String,
    /// Parcels that wait for it.
    pub waiting: u64,
    /// Their bytes in the spool.
    pub waiting_bytes: u64,
    /// Parcels that were taken, since the forwarder started.
    pub sent: u64,
    /// Parcels that were lost since then, by reason.
    pub dropped: Vec<(Cow<'static, str>, u64)>,
    /// When it took something last.
    pub last_sent: Option<Stamp>,
    /// Whether the last attempt worked.
    pub up: bool,
}

/// What is handed over to be forwarded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parcel {
    /// How everything looks.
    Batch(Batch),
    /// One change.
    Change(Change),
}
