//! A mail as it is queued: immutable bytes, so that every retry is the same mail.

use serde::{Deserialize, Serialize};

use crate::model::time::{Moment, Stamp};

/// Number of a mail; grows by one, never used twice in one state directory.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct MailId(pub u64);

/// A mail that waits for delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// Its number; order of numbers is order of events.
    pub id: MailId,
    /// Name of the contact it is for.
    pub contact: String,
    /// Its Message-ID, with angle brackets.
    pub message_id: String,
    /// Subject as a person reads it.
    pub subject: String,
    /// Envelope sender.
    pub from: String,
    /// Envelope recipients, in the contact's order.
    pub recipients: Vec<String>,
    /// The whole message with CRLF line ends; ASCII, since the body is encoded.
    pub bytes: String,
    /// When it was composed.
    pub made: Moment,
    /// The same, for people.
    pub made_wall: Stamp,
}
