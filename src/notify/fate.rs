//! What becomes of a mail or an event: the words in which a delivery tells the outbox.

use serde::{Deserialize, Serialize};

use crate::model::unit::Span;
use crate::notify::mail::MailId;

/// What became of one recipient of a mail, as the delivery reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Accepted; by whom, for people (`mx1:587, 250 2.0.0 queued as 4Zx1`).
    Accepted(String),
    /// Not now (4xx, no connection, timeout): try again later.
    Deferred(String),
    /// Not now, and the other end says for how long.
    Delayed(String, Span),
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
