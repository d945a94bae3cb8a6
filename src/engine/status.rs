//! What the running agent shows of itself: `status`, `explain` and `mail queue` print this, as
//! text or as JSON. Plain data, serialised over the control socket.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::id::Id;
use crate::model::state::State;
use crate::model::time::Stamp;
use crate::model::unit::Span;

/// The whole agent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Version of this format: 1.
    pub v: u32,
    /// Full name of the host.
    pub host: String,
    /// Wall-clock time of the report.
    pub at: Stamp,
    /// When the agent started.
    pub started: Stamp,
    /// When the running configuration was loaded.
    pub config_loaded: Stamp,
    /// Why the last reload was refused, if it was.
    pub reload_refused: Option<String>,
    /// Why state cannot be stored, if it cannot.
    pub store_trouble: Option<String>,
    /// Instances in the order of their ids.
    pub instances: Vec<Instance>,
    /// The outbox.
    pub mail: MailReport,
    /// Sources whose run has not come back, and since when.
    pub hung: Vec<(String, Span)>,
    /// Runs made, runs late or skipped since start.
    pub runs: u64,
    /// Runs that were skipped since the one before had not come back.
    pub skipped: u64,
}

/// One instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    /// `check:instance`.
    pub id: Id,
    /// Its kind.
    pub kind: String,
    /// The state that holds.
    pub state: State,
    /// Since when.
    pub since: Stamp,
    /// For how long.
    pub lasted: Span,
    /// One line: what was read last, or why nothing was.
    pub summary: String,
    /// Age of the last reading; `None` before the first.
    pub age: Option<Span>,
    /// Values by metric name, in the metric's unit.
    pub readings: BTreeMap<String, f64>,
    /// Text facts.
    pub labels: BTreeMap<String, String>,
    /// Levels whose window is filling or full.
    pub windows: Vec<Progress>,
    /// The rule of the instance's check, for `explain`.
    pub explanation: Explanation,
}

/// How far a level is from firing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// `warning` or `critical`.
    pub level: State,
    /// How long it has been bad.
    pub held: Span,
    /// How long it must be.
    pub needs: Span,
    /// Bad samples in the window.
    pub bad: u32,
    /// All samples in the window.
    pub seen: u32,
}

/// Why the state is what it is, and who would be told.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// Each level in words with its place: `crit  used >= 90% for 2m` at `conf.d/fs.yaml:14`.
    pub levels: Vec<(String, String)>,
    /// When a state is left: `clears below 87% for 5m`.
    pub clears: String,
    /// `every 30s, timeout 10s`.
    pub cadence: String,
    /// Contacts and addresses that are told.
    pub told: Vec<String>,
    /// What each contact was told last.
    pub told_last: Vec<String>,
    /// Whether it is flapping, and how often it changed within the hour.
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
    pub made: Stamp,
    /// Attempts so far.
    pub attempts: u32,
    /// Time to the next attempt.
    pub next_in: Span,
    /// The last answer.
    pub last_answer: Option<String>,
}
