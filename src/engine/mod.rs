//! The heart: `step(now, event) -> effects`. Owns all mutable monitoring state; does no I/O, asks
//! no clock, so that a month runs in seconds in a test.

use crate::config::plan::Plan;
use crate::model::time::Now;

use event::{Effect, Event, NextWake};

pub mod event;
pub mod status;

/// What the daemon knows at start.
#[derive(Debug, Default)]
pub struct Start {
    /// Frames of the journal, oldest first.
    pub frames: Vec<Vec<u8>>,
    /// Why the journal, or a part of it, was set aside; told to a person.
    pub store_note: Option<String>,
    /// Why nothing can be stored at all; the agent then runs from memory and says so.
    pub store_error: Option<String>,
}

/// All mutable monitoring state.
#[derive(Debug)]
pub struct Engine {
    plan: Plan,
}

impl Engine {
    /// Brings the ledger forward from the journal; the first effects (surveys) are appended.
    #[must_use]
    pub fn new(plan: Plan, start: Start, now: Now, effects: &mut Vec<Effect>) -> Self {
        let _ = (start, now, effects);
        Self { plan }
    }

    /// Takes in one event, appends what is to be done, and says when to be woken.
    pub fn step(&mut self, now: Now, event: Event, effects: &mut Vec<Effect>) -> NextWake {
        let _ = (now, event, effects);
        NextWake::Never
    }

    /// Everything a person may want to see of the running agent.
    #[must_use]
    pub fn status(&self, now: Now) -> status::Report {
        let _ = now;
        status::Report { host: self.plan.host.fqdn.clone(), ..status::Report::default() }
    }
}
