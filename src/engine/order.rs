//! What a person can ask for about quiet: a silence, an acknowledgement, the end of one. Plain data
//! as it crosses the control socket.

use serde::{Deserialize, Serialize};

use crate::model::unit::Span;

/// Until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// For so long from now, in milliseconds.
    For(Span),
    /// Until a time as it was typed; without a zone it is in the agent's.
    At(String),
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Order {
    /// No mail about these ids.
    Silence {
        /// An id or a glob of ids.
        what: String,
        /// Until when.
        until: Until,
        /// Why, for people.
        reason: String,
    },
    /// The end of silences.
    EndSilence {
        /// The number of one, or the id or glob of some.
        what: String,
    },
    /// Somebody takes on a problem.
    Ack {
        /// Of which instance.
        id: String,
        /// Until when.
        until: Until,
        /// Why, for people.
        reason: String,
    },
    /// The end of an acknowledgement.
    EndAck {
        /// Of which instance.
        id: String,
    },
}

/// An order, by whom it was given, and the number under which it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Number for the answer.
    pub ticket: u64,
    /// Who, as the kernel says: `ana`, `root (ana via sudo)`.
    pub author: String,
    /// What.
    pub order: Order,
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Exit code of the command, [`crate::model::exit`].
    pub code: u8,
    /// For people.
    pub text: String,
}
