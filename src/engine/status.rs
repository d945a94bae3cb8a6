//! What the running agent shows of itself: `status`, `explain` and `mail queue` print this, as
//! text or as JSON. Plain data, serialised over the control socket.
//!
//! The JSON is a contract with scripts: times are RFC 3339 in UTC, lengths of time are whole
//! milliseconds in names that end in `_ms`, readings carry their unit in their name. Names may be
//! added within one [`FORMAT`]; a name that goes or changes its meaning makes a new one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::forward::health::Health;
use crate::model::id::Id;
use crate::model::state::State;
use crate::model::time::Stamp;
use crate::model::unit::Span;

use super::wire;

/// Version of this format.
pub const FORMAT: u32 = 1;

/// The whole agent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`FORMAT`].
    pub v: u32,
    /// Full name of the host.
    pub host: String,
    /// Wall-clock time of the report.
    #[serde(with = "wire::rfc3339")]
    pub at: Stamp,
    /// When the agent started.
    #[serde(with = "wire::rfc3339")]
    pub started: Stamp,
    /// When the running configuration was loaded.
    #[serde(with = "wire::rfc3339")]
    pub config_loaded: Stamp,
    /// Why the last reload was refused, if it was.
    pub reload_refused: Option<String>,
    /// Why state cannot be stored, if it cannot.
    pub store_trouble: Option<String>,
    /// Why the history cannot be kept, if it cannot; nothing else depends on it.
    #[serde(default)]
    pub history_trouble: Option<String>,
    /// Instances in the order of their ids.
    pub instances: Vec<Instance>,
    /// The outbox.
    pub mail: MailReport,
    /// Silences, oldest first.
    #[serde(default)]
    pub silences: Vec<Quieted>,
    /// Outlets, in the order of their names.
    #[serde(default)]
    pub outlets: Vec<Health>,
    /// Sources whose run has not come back.
    pub hung: Vec<Hung>,
    /// Whether there is more on this host than the agent watches ([`INSTANCES`]).
    ///
    /// [`INSTANCES`]: crate::model::limit::INSTANCES
    pub full: bool,
    /// Runs made since start.
    pub runs: u64,
    /// Runs that were skipped since the one before had not come back.
    pub skipped: u64,
}

/// A source that has not answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hung {
    /// What is read: `filesystem /mnt/backup`.
    pub source: String,
    /// For how long.
    #[serde(rename = "for_ms")]
    pub lasted: Span,
}

/// One instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    /// As `id`, `check` and `instance`.
    #[serde(flatten, with = "wire::id")]
    pub id: Id,
    /// Its kind.
    pub kind: String,
    /// The state that holds.
    pub state: State,
    /// Since when.
    #[serde(with = "wire::rfc3339")]
    pub since: Stamp,
    /// For how long.
    #[serde(rename = "lasted_ms")]
    pub lasted: Span,
    /// One line: what was read last, or why nothing was.
    pub summary: String,
    /// Age of the last reading; `None` before the first.
    #[serde(rename = "age_ms")]
    pub age: Option<Span>,
    /// Values by metric name, in the metric's unit, as the manual page names them.
    pub readings: BTreeMap<String, f64>,
    /// Text facts.
    pub labels: BTreeMap<String, String>,
    /// The silence that keeps mail about it back.
    #[serde(default)]
    pub silence: Option<Quieted>,
    /// Who has taken on what is wrong with it.
    #[serde(default)]
    pub ack: Option<Quieted>,
    /// Levels on their way to being entered or left.
    pub windows: Vec<Progress>,
    /// The rule of the instance's check, for `explain`.
    pub explanation: Explanation,
}

/// A silence or an acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quieted {
    /// Number of a silence.
    pub number: Option<u64>,
    /// The id, or the glob of ids.
    pub what: String,
    /// Who wanted it: the user as the kernel says.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Since when.
    #[serde(with = "wire::rfc3339")]
    pub made: Stamp,
    /// Until when.
    #[serde(with = "wire::rfc3339")]
    pub until: Stamp,
}

/// Which way a level is going.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// Bad for some time, and not for long enough to be told.
    Entering,
    /// Good for some time, and not for long enough to be over.
    Leaving,
}

/// How far a level is from being entered or left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// `warning` or `critical`.
    pub level: State,
    /// Whether it is being entered or left.
    pub way: Way,
    /// How long it has been bad (entering) or good (leaving).
    #[serde(rename = "held_ms")]
    pub held: Span,
    /// How long it must be.
    #[serde(rename = "needs_ms")]
    pub needs: Span,
    /// Bad samples (entering) or good ones (leaving) in the window.
    pub counted: u32,
    /// All samples in the window.
    pub seen: u32,
    /// When the level is entered or left if every sample from now on is like the latest; `None`
    /// where that cannot be said.
    #[serde(with = "wire::rfc3339_or_null")]
    pub due: Option<Stamp>,
}

/// One level of a rule in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelWords {
    /// `warning` or `critical`.
    pub level: State,
    /// `used >= 90% for 2m`.
    pub rule: String,
    /// Where it stands: `conf.d/fs.yaml:14`.
    pub place: String,
}

/// Who is told, and how that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// Name of the contact.
    pub contact: String,
    /// Which route leads there, and where it is written; none where `notify` of the check does.
    #[serde(default)]
    pub route: Option<String>,
    /// Its addresses; none if the configuration does not know it.
    pub addresses: Vec<String>,
    /// The state it was told last in this episode, if it was told.
    pub told: Option<State>,
    /// Mails of this episode.
    pub mails: u32,
    /// What it would hear now, or why nothing: a sentence.
    pub outlook: String,
}

/// Why the state is what it is, and who would be told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// Each level of the rule.
    pub levels: Vec<LevelWords>,
    /// When a state is left: `clears below 87% for 5m`.
    pub clears: String,
    /// `every 30s, timeout 10s`.
    pub cadence: String,
    /// Who is told.
    pub recipients: Vec<Recipient>,
    /// How often it changed within the hour, if it flaps.
    pub flapping: Option<u32>,
    /// Advice and runbook from the configuration.
    pub advice: Vec<String>,
}

/// The outbox in one glance.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MailReport {
    /// Ways out, in order, in words.
    pub via: Vec<String>,
    /// Mails accepted since start.
    pub sent: u64,
    /// Mails waiting, oldest first.
    pub waiting: Vec<QueuedMail>,
    /// The latest failure, if the latest attempt failed.
    pub trouble: Option<String>,
    /// Recipients refused for good since start, and why.
    pub refused: Vec<String>,
}

/// One waiting mail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueuedMail {
    /// Its number.
    pub id: u64,
    /// Its subject.
    pub subject: String,
    /// Recipients that have not got it.
    pub recipients: Vec<String>,
    /// When it was composed.
    #[serde(with = "wire::rfc3339")]
    pub made: Stamp,
    /// Attempts so far.
    pub attempts: u32,
    /// Time to the next attempt.
    #[serde(rename = "next_in_ms")]
    pub next_in: Span,
    /// The last answer.
    pub last_answer: Option<String>,
}
