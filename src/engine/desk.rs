//! What one contact is still owed, and when it goes into a mail. Owns grouping and the storm brake;
//! knows no state and no text.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::model::evidence::Evidence;
use crate::model::id::Id;
use crate::model::limit::{BURST_NOTICES, BURST_WAIT, NOTICES_PER_MAIL, STORM_MAILS, STORM_WITHIN};
use crate::model::time::Moment;
use crate::model::unit::Span;
use crate::notify::notice::Notice;

/// The desk of one contact.
#[derive(Debug, Default)]
pub(super) struct Desk {
    waiting: BTreeMap<u64, Notice>,
    /// Which notice is about which episode of which instance.
    about: BTreeMap<(Id, u64), u64>,
    /// Since when the first of them waits.
    first: Option<Moment>,
    /// The latest mails, at most [`STORM_MAILS`].
    sent: VecDeque<Moment>,
    /// The latest mail that told very many changes.
    burst: Option<Moment>,
}

impl Desk {
    /// Adds a notice. One that still waits about the same episode of the same instance becomes one
    /// line with it; its number is returned.
    pub(super) fn add(&mut self, number: u64, mut notice: Notice, now: Moment) -> Option<u64> {
        self.first.get_or_insert(now);
        let about = (notice.id.clone(), notice.episode);
        let replaced = self.about.insert(about, number);
        if let Some(old) = replaced.and_then(|old| self.waiting.remove(&old)) {
            notice.replace(old);
        }
        self.waiting.insert(number, notice);
        replaced
    }

    /// Lays evidence into the notice that waits about this episode of this instance; says which.
    pub(super) fn lay_in(&mut self, about: &(Id, u64), evidence: &Arc<Evidence>) -> Option<u64> {
        let number = *self.about.get(about)?;
        self.waiting.get_mut(&number)?.evidence = Some(Arc::clone(evidence));
        Some(number)
    }

    /// When the next mail is due.
    pub(super) fn due(&self, group_wait: Span) -> Option<Moment> {
        let first = self.first?;
        let stormy = self.sent.len() >= STORM_MAILS
            && self.sent.front().is_some_and(|oldest| first.since(*oldest) < STORM_WITHIN);
        let burst = self.burst.is_some_and(|at| first.since(at) < STORM_WITHIN);
        let wait = if stormy {
            STORM_WITHIN
        } else if burst {
            BURST_WAIT
        } else {
            Span::ZERO
        };
        Some(first + wait.max(group_wait))
    }

    /// Takes what goes into one mail now.
    pub(super) fn take(&mut self, now: Moment) -> Vec<(u64, Notice)> {
        let mut taken = Vec::new();
        while taken.len() < NOTICES_PER_MAIL
            && let Some((number, notice)) = self.waiting.pop_first()
        {
            self.about.remove(&(notice.id.clone(), notice.episode));
            taken.push((number, notice));
        }
        if self.waiting.is_empty() {
            self.first = None;
        }
        if self.sent.len() >= STORM_MAILS {
            self.sent.pop_front();
        }
        self.sent.push_back(now);
        if taken.len() >= BURST_NOTICES {
            self.burst = Some(now);
        }
        taken
    }

    /// What waits.
    pub(super) fn waiting(&self) -> &BTreeMap<u64, Notice> {
        &self.waiting
    }
}
