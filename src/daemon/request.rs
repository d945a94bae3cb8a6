//! What can be asked over the control socket, and the answer: one line of JSON each.

use serde::{Deserialize, Serialize};

use crate::engine::order::Order;

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// The whole report, [`crate::engine::status::Report`].
    Status,
    /// The minutes of one instance, or of all, that are not in the history's files yet; answers
    /// curves, [`crate::model::history::Curve`].
    Recent {
        /// Its id as people type it.
        id: Option<String>,
    },
    /// Read the configuration again; answers a [`Done`].
    Reload,
    /// Try all waiting mail now; answers a [`Done`].
    Flush,
    /// Quiet, or its end; answers a [`Done`] once that is on the disk.
    Order {
        /// What is asked for.
        order: Order,
        /// Who the client says it is, if it became another user: believed of root alone.
        claim: Option<String>,
    },
}

impl Request {
    /// Whether it is for root and the agent's own user alone.
    #[must_use]
    pub fn changes_something(&self) -> bool {
        !matches!(self, Self::Status | Self::Recent { .. })
    }
}

/// The answer to what changes something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Whether it was done.
    pub done: bool,
    /// Exit code that the client should end with.
    pub code: u8,
    /// For people.
    pub text: String,
}

impl Done {
    /// As one line.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
