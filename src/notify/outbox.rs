//! The outbox: which mail goes to whom next, and when again. Pure; the engine makes it durable.
//!
//! Order is kept per recipient: a mail is tried for a recipient only when every earlier mail for
//! that recipient is settled. At most one attempt is under way.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::time::Moment;
use crate::model::unit::Span;
use crate::notify::mail::{Mail, MailId};

/// What became of one recipient of a mail, as the delivery reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Accepted; by whom, for people (`mx1:587, 250 2.0.0 queued as 4Zx1`).
    Accepted(String),
    /// Not now (4xx, no connection, timeout): try again later.
    Deferred(String),
    /// Never (5xx): trying again is of no use.
    Refused(String),
}

/// What became of one delivery, or of a part of it: reported as it happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryReport {
    /// Which mail.
    pub mail: MailId,
    /// Recipients and what became of each; a recipient not named yet is still under way.
    pub recipients: Vec<(String, Fate)>,
    /// Whether the attempt is over: recipients that were never named are then deferred.
    pub done: bool,
    /// Why no way out worked at all, for people.
    pub trouble: Option<String>,
}

/// A recipient of a mail that needs no further attempt; to be made durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// Which mail.
    pub mail: MailId,
    /// Which recipient.
    pub recipient: String,
    /// `Accepted` or `Refused` (or deferred for longer than mail is kept).
    pub fate: Fate,
}

/// One attempt to make now.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The mail.
    pub mail: Arc<Mail>,
    /// Those of its recipients whose turn it is.
    pub recipients: Vec<String>,
}

/// One waiting mail, for `mail queue`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Which mail.
    pub mail: MailId,
    /// Its subject.
    pub subject: String,
    /// Recipients not settled.
    pub recipients: Vec<String>,
    /// When it was composed.
    pub made: Moment,
    /// Attempts so far.
    pub attempts: u32,
    /// When it is tried next.
    pub next: Moment,
    /// The last answer, for people.
    pub last_answer: Option<String>,
}

/// The queue.
#[derive(Debug, Default)]
pub struct Outbox {
    keep: Span,
}

impl Outbox {
    /// An empty outbox that tries mails for `keep`.
    #[must_use]
    pub fn new(keep: Span) -> Self {
        Self { keep }
    }

    /// Queues a mail. It is not tried before [`Self::release`]. `settled` names recipients that
    /// need no attempt any more (after a restart).
    pub fn push(&mut self, mail: Arc<Mail>, settled: &[String]) {
        let _ = (mail, settled, self.keep);
    }

    /// The mail is durable (or cannot be made so): it may be tried.
    pub fn release(&mut self, id: MailId) {
        let _ = id;
    }

    /// The attempt to make now, if one is due and none is under way.
    pub fn next(&mut self, now: Moment) -> Option<Attempt> {
        let _ = now;
        None
    }

    /// When [`Self::next`] is worth asking again, if nothing is reported before.
    #[must_use]
    pub fn next_due(&self) -> Option<Moment> {
        None
    }

    /// Takes in a report; returns what is settled by it and must be made durable.
    pub fn report(&mut self, now: Moment, report: &DeliveryReport) -> Vec<Settled> {
        let _ = (now, report);
        Vec::new()
    }

    /// Tries everything now, whatever the backoff says.
    pub fn flush(&mut self, now: Moment) {
        let _ = now;
    }

    /// What waits, oldest first.
    #[must_use]
    pub fn waiting(&self) -> Vec<Waiting> {
        Vec::new()
    }
}
