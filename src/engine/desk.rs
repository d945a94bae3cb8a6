//! What one contact is still owed, and when it goes into a mail. Owns grouping and the storm brake;
//! knows no state and no text.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::model::evidence::{Evidence, Row};
use crate::model::id::Id;
use crate::model::limit::{BURST_NOTICES, BURST_WAIT, NOTICES_PER_MAIL};
use crate::model::limit::{STORM_BREAKS, STORM_MAILS, STORM_WITHIN};
use crate::model::state::State;
use crate::model::time::Moment;
use crate::model::unit::Span;
use crate::notify::notice::{Cause, Notice};

/// The desk of one contact.
#[derive(Debug, Default)]
pub(super) struct Desk {
    waiting: BTreeMap<u64, Notice>,
    /// Which notice is about which episode of which instance.
    about: BTreeMap<(Id, u64), u64>,
    /// Since when the first of them waits; ahead of now if all of them may wait for others.
    first: Option<Moment>,
    /// Since when the first critical change of something new waits.
    urgent: Option<Moment>,
    /// What was told within [`STORM_WITHIN`], and when.
    recent: BTreeMap<Id, Moment>,
    /// Mails of this storm that did not wait for it.
    breaks: usize,
    /// The latest mails, at most [`STORM_MAILS`].
    sent: VecDeque<Moment>,
    /// The latest mail that told very many changes.
    burst: Option<Moment>,
}

impl Desk {
    /// Adds a notice that waits since then. One that still waits about the same episode of the same
    /// instance becomes one line with it; its number is returned.
    pub(super) fn add(&mut self, number: u64, mut notice: Notice, since: Moment) -> Option<u64> {
        self.first = Some(self.first.map_or(since, |first| first.min(since)));
        let grew = matches!(notice.cause, Cause::Problem | Cause::Worse);
        if grew && notice.state == State::Critical && !self.recent.contains_key(&notice.id) {
            self.urgent.get_or_insert(since);
        }
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
        let stormy = self.is_storm(first);
        let burst = self.burst.is_some_and(|at| first.since(at) < STORM_WITHIN);
        let least = if burst { BURST_WAIT } else { Span::ZERO };
        let gathered = first + if stormy { STORM_WITHIN } else { least }.max(group_wait);
        let at_once = self.urgent.filter(|_| stormy && self.breaks < STORM_BREAKS);
        Some(at_once.map_or(gathered, |since| gathered.min(since + least.max(group_wait))))
    }

    /// Whether what waits is gathered, since many mails went before.
    pub(super) fn is_held(&self) -> bool {
        self.first.is_some_and(|first| self.is_storm(first))
    }

    fn is_storm(&self, at: Moment) -> bool {
        self.sent.len() >= STORM_MAILS
            && self.sent.front().is_some_and(|oldest| at.since(*oldest) < STORM_WITHIN)
    }

    /// Takes what goes into one mail now.
    pub(super) fn take(&mut self, now: Moment) -> Vec<(u64, Notice)> {
        let stormy = self.first.is_some_and(|first| self.is_storm(first));
        let early = stormy && self.first.is_some_and(|first| now.since(first) < STORM_WITHIN);
        self.breaks = if stormy { self.breaks + usize::from(early) } else { 0 };
        self.urgent = None;
        self.recent.retain(|_, at| now.since(*at) < STORM_WITHIN);
        let mut taken = Vec::new();
        while taken.len() < NOTICES_PER_MAIL
            && let Some((number, notice)) = self.waiting.pop_first()
        {
            self.about.remove(&(notice.id.clone(), notice.episode));
            self.recent.insert(notice.id.clone(), now);
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

/// What a mail says that was held back by a storm.
pub(super) fn storm_remark() -> Row {
    let text = format!(
        "more than {STORM_MAILS} mails within {STORM_WITHIN}: changes are gathered for as long; \
         nothing is left out"
    );
    Row { amount: "storm".to_owned(), text }
}
