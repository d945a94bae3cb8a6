//! How an outlet fares, as plain data: what the forwarder tells the agent, `status` shows and
//! `agent:forward/NAME` is made of.

use serde::{Deserialize, Serialize};

use crate::model::batch::OutletNumbers;
use crate::model::time::Stamp;

/// One outlet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// What waits, what was sent and lost.
    pub numbers: OutletNumbers,
    /// What is wrong, if something is.
    pub trouble: Option<Trouble>,
}

/// Why an outlet takes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Since when.
    pub since: Stamp,
    /// In words for a person: what happened, and what to mend.
    pub text: String,
    /// It does not heal by itself: somebody must mend one side.
    pub misconfigured: bool,
}
