//! One change as an event: the JSON that hooks get, its names and what each means. Pure.
//!
//! The form is a contract with programs and collectors: names may be added within one [`FORMAT`];
//! a name that goes or changes its meaning makes a new one. [`FIELDS`] describes it for the manual.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::evidence::{Evidence, Row};
use crate::model::state::State;
use crate::model::text::shown;
use crate::model::time::{Now, Stamp};
use crate::notify::gate::clean;
use crate::notify::mail::{Form, Mail, MailId};
use crate::notify::notice::{Cause, Notice};
use crate::notify::text::{Desk, Letterhead};
use crate::notify::{subject, words};

/// Version of the form.
pub const FORMAT: u32 = 1;

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// [`FORMAT`].
    pub v: u32,
    /// Event and number within it: `7K2M-1`. The same in every repetition.
    pub id: String,
    /// Full name of the host.
    pub host: String,
    /// The id that people type: `filesystem:/data`.
    pub check: String,
    /// Its kind.
    pub kind: String,
    /// What a person calls it.
    pub title: String,
    /// Why it is told.
    pub cause: Cause,
    /// The state now.
    pub state: State,
    /// The state that was told before.
    pub previous: State,
    /// When it changed, RFC 3339 in UTC.
    pub at: String,
    /// Since when its cause has held.
    pub since: String,
    /// Readings by metric name.
    pub value: BTreeMap<String, f64>,
    /// The limits that were passed, likewise.
    pub limit: BTreeMap<String, f64>,
    /// Words for the host, from the configuration.
    pub labels: BTreeMap<String, String>,
    /// By whom it was taken on.
    pub acked: Option<String>,
    /// Grows with every event of this host.
    pub seq: u64,
    /// The event's name, shared by all until it is over: `7K2M`.
    pub event: String,
    /// The line that a mail would have as its subject.
    pub subject: String,
    /// The instance in one line.
    pub summary: String,
    /// Further lines.
    pub detail: Vec<String>,
    /// The rule in words.
    pub rule: String,
    /// What was found behind it, a line each.
    pub evidence: Vec<String>,
    /// What to do, from the configuration.
    pub advice: Option<String>,
    /// A page that says more, from the configuration.
    pub runbook: Option<String>,
}

/// Every name of an event with its sentence, in the order of the JSON.
pub const FIELDS: &[(&str, &str)] = &[
    ("v", "Version of this form: 1. Names may be added to it."),
    (
        "id",
        "Name of the event and the number of this message within it. A repetition (an answer was \
         lost, the agent was killed) has the same id: whoever keeps the ids takes none twice.",
    ),
    ("host", "Full name of the host."),
    ("check", "The id as people type it, check:instance."),
    ("kind", "Kind of the check."),
    ("title", "What a person calls it."),
    (
        "cause",
        "Why this is told: problem, worse, another (a further fact), better, lost (no reading), \
         recovered, flapping, steady, closed (the rule changed), reminder, acked, unsilenced, test, \
         info.",
    ),
    ("state", "The state now: ok, warning, critical, unknown."),
    ("previous", "The state that was told before."),
    ("at", "When it changed, RFC 3339 in UTC."),
    ("since", "Since when its cause has held, likewise."),
    ("value", "Readings by metric name (hostwatch-kinds(7)), each in its unit."),
    ("limit", "Limits of the rule by metric name, likewise; empty where no number is judged."),
    ("labels", "host.labels of the configuration."),
    ("acked", "Who has taken it on, and why; null where nobody has."),
    ("seq", "Grows with every message of this host, mails included: order, and gaps are no loss."),
    ("event", "Name of the event, the same from the problem to its recovery."),
    ("subject", "The line that a mail has as its subject."),
    ("summary", "The instance in one line."),
    ("detail", "Further lines: which part to pull, what it means."),
    ("rule", "The rule in words."),
    ("evidence", "What was found behind it when it happened, a line each."),
    ("advice", "advice of the check, or null."),
    ("runbook", "runbook of the check, or null."),
];

/// What a notice does not hold: numbers.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// Readings by metric name.
    pub value: BTreeMap<String, f64>,
    /// Limits likewise.
    pub limit: BTreeMap<String, f64>,
}

/// Composes the event of one notice for one hook; queued like a mail.
#[must_use]
pub fn compose(
    head: &Letterhead,
    recipient: String,
    notice: &Notice,
    figures: Figures,
    id: MailId,
    now: Now,
) -> Mail {
    let desk = Desk::new(head, now);
    let n = clean(notice);
    let name = words::event(n.episode);
    let acked = n.remarks.iter().find(|row| row.amount == "acked");
    // JSON knows no infinite number.
    let finite = |mut numbers: BTreeMap<String, f64>| {
        numbers.retain(|_, number| number.is_finite());
        numbers
    };
    let labels = head.host.labels.iter();
    let labels = labels.map(|(key, value)| (shown(key).into_owned(), shown(value).into_owned()));
    let event = Event {
        v: FORMAT,
        id: format!("{name}-{}", n.seq),
        host: desk.fqdn.clone(),
        check: n.id.to_string(),
        kind: n.kind.clone(),
        title: n.title.clone(),
        cause: n.cause,
        state: n.state,
        previous: n.previous,
        at: rfc3339(n.at_wall),
        since: rfc3339(n.since_wall),
        value: finite(figures.value),
        limit: finite(figures.limit),
        labels: labels.collect(),
        acked: acked.map(|row| shown(&row.text).into_owned()),
        seq: id.0,
        event: name,
        subject: subject::subject(&desk, &n),
        summary: n.summary.clone(),
        detail: n.detail.clone(),
        rule: n.rule.clone(),
        evidence: n.evidence.as_deref().map(lines).unwrap_or_default(),
        advice: n.advice.clone(),
        runbook: n.runbook.clone(),
    };
    Mail {
        id,
        contact: notice.contact.clone(),
        form: Form::Event,
        message_id: event.id.clone(),
        subject: event.subject.clone(),
        from: String::new(),
        recipients: vec![recipient],
        // Plain data with string keys and finite numbers always serialises.
        bytes: serde_json::to_string(&event).unwrap_or_default(),
        made: now.moment,
        made_wall: now.wall,
    }
}

fn lines(evidence: &Evidence) -> Vec<String> {
    let row = |row: &Row| {
        let text = format!("{}  {}", row.amount, row.text);
        format!("  {}", shown(text.trim()))
    };
    let outlook = Some(evidence.outlook.as_str()).filter(|text| !text.is_empty());
    let mut lines: Vec<String> = outlook.map(|text| shown(text).into_owned()).into_iter().collect();
    for section in &evidence.sections {
        lines.push(shown(&section.heading).into_owned());
        lines.extend(section.rows.iter().map(row));
    }
    lines.extend(evidence.trend.iter().map(|trend| shown(&trend.line).into_owned()));
    lines
}

/// `2026-11-23T02:12:05.120Z`.
fn rfc3339(stamp: Stamp) -> String {
    let time = jiff::Timestamp::from_millisecond(stamp.0).unwrap_or_default();
    format!("{time:.3}")
}
