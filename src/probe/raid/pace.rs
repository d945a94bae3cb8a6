//! How often a tool is asked that costs a process: its last answer serves in between.

use crate::model::limit::{TOOL_EVERY, TOOL_EVERY_BAD};
use crate::model::time::Moment;

/// The last answer of a tool, and when it is to be asked again.
#[derive(Debug)]
pub(super) struct Paced<T> {
    last: Option<(Moment, bool, T)>,
}

impl<T> Default for Paced<T> {
    fn default() -> Self {
        Self { last: None }
    }
}

impl<T> Paced<T> {
    /// Whether it is time to ask.
    pub(super) fn is_due(&self, now: Moment) -> bool {
        self.last.as_ref().is_none_or(|(taken, well, _)| {
            now.since(*taken) >= if *well { TOOL_EVERY } else { TOOL_EVERY_BAD }
        })
    }

    /// Ask at the next run, whatever the time: something else shows a change.
    pub(super) fn hurry(&mut self) {
        self.last = None;
    }

    /// Keeps an answer. `well` says that nothing in it is worth a second look soon.
    pub(super) fn keep(&mut self, now: Moment, well: bool, answer: T) -> &T {
        &self.last.insert((now, well, answer)).2
    }

    /// The kept answer.
    pub(super) fn answer(&self) -> Option<&T> {
        self.last.as_ref().map(|(_, _, answer)| answer)
    }
}
