//! A mail, or an event for a hook, as it is queued: immutable bytes, so that every retry is the same.

use serde::{Deserialize, Serialize};

use crate::model::limit::{DELIVERY_DEADLINE, HOOK_DEADLINE};
use crate::model::time::{Moment, Stamp};
use crate::model::unit::Span;

/// Number of a mail; grows by one, never used twice in one state directory.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct MailId(pub u64);

/// What the bytes of a [`Mail`] are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// A mail, for mail servers.
    #[default]
    Mail,
    /// An event in JSON ([`Event`]), for a hook.
    ///
    /// [`Event`]: crate::notify::event::Event
    Event,
}

impl Form {
    fn is_mail(&self) -> bool {
        *self == Self::Mail
    }

    /// How long one attempt may take before the process that makes it is killed. A hook has a
    /// queue of its own, so that neither waits for the other.
    #[must_use]
    pub fn deadline(self) -> Span {
        match self {
            Self::Mail => DELIVERY_DEADLINE,
            Self::Event => HOOK_DEADLINE,
        }
    }
}

/// A mail, or an event for a hook, that waits for delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// Its number; order of numbers is order of events.
    pub id: MailId,
    /// Name of the contact it is for.
    pub contact: String,
    /// What its bytes are.
    #[serde(default, skip_serializing_if = "Form::is_mail")]
    pub form: Form,
    /// Its Message-ID, with angle brackets; of an event its id, the same in every repetition.
    pub message_id: String,
    /// Subject as a person reads it.
    pub subject: String,
    /// Envelope sender.
    pub from: String,
    /// Envelope recipients, in the contact's order; of an event the one hook: `webhook:phone`.
    pub recipients: Vec<String>,
    /// The whole message with CRLF line ends; ASCII, since the body is encoded. Of an event the
    /// JSON.
    pub bytes: String,
    /// When it was composed.
    pub made: Moment,
    /// The same, for people.
    pub made_wall: Stamp,
}
