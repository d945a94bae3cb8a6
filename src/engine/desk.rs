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

use super::holding::{Hold, Holder, is_over};

/// The desk of one contact.
#[derive(Debug, Default)]
pub(super) struct Desk {
    waiting: BTreeMap<u64, Notice>,
    /// Of those that wait, the ones that are kept back.
    held: BTreeMap<u64, Hold>,
    /// Which notice is about which episode of which instance.
    about: BTreeMap<(Id, u64), u64>,
    /// Since when the first of those waits that are not kept back; ahead of now if all of them may
    /// wait for others.
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
    /// That one goes out in a moment takes the new one along; that an end is told of what nobody
    /// was mailed of is no reason to tell it sooner.
    pub(super) fn add(
        &mut self,
        number: u64,
        mut notice: Notice,
        since: Moment,
        mut hold: Option<Hold>,
    ) -> Option<u64> {
        let grew = matches!(notice.cause, Cause::Problem | Cause::Worse);
        let urgent =
            grew && notice.state == State::Critical && !self.recent.contains_key(&notice.id);
        let about = (notice.id.clone(), notice.episode);
        let replaced = self.about.insert(about, number);
        if let Some(before) = replaced
            && let Some(old) = self.waiting.remove(&before)
        {
            hold = match self.held.remove(&before) {
                Some(held) if is_over(&notice) && old.root.is_none() => Some(held),
                Some(_) => hold,
                None => None,
            };
            notice.replace(old);
        }
        self.waiting.insert(number, notice);
        match hold {
            Some(hold) => self.hold(number, hold),
            None => {
                self.first = Some(self.first.map_or(since, |first| first.min(since)));
                if urgent {
                    self.urgent.get_or_insert(since);
                }
                self.take_along(number);
            }
        }
        replaced
    }

    /// What goes out takes along what a route keeps back of the end of an earlier episode: told after
    /// it, that would read as if all were well.
    fn take_along(&mut self, number: u64) {
        if self.held.is_empty() {
            return;
        }
        let Some(id) = self.waiting.get(&number).map(|notice| notice.id.clone()) else { return };
        let waiting = &self.waiting;
        self.held.retain(|held, hold| {
            let ended = waiting.get(held).is_some_and(|old| old.id == id && is_over(old));
            !(ended && matches!(hold.by, Holder::Schedule(_)))
        });
    }

    /// Keeps back a notice that waits.
    pub(super) fn hold(&mut self, number: u64, hold: Hold) {
        self.held.insert(number, hold);
        if self.held.len() == self.waiting.len() {
            self.first = None;
        }
    }

    /// Why and how long a notice is kept back.
    pub(super) fn hold_of(&self, number: u64) -> Option<&Hold> {
        self.held.get(&number)
    }

    /// What is kept back.
    pub(super) fn held(&self) -> &BTreeMap<u64, Hold> {
        &self.held
    }

    /// Lets a notice go: it waits as if it had just come.
    pub(super) fn release(&mut self, number: u64, now: Moment) {
        if self.held.remove(&number).is_some() {
            self.first.get_or_insert(now);
            self.take_along(number);
        }
    }

    /// Takes a notice off the desk that is not to be mailed.
    pub(super) fn remove(&mut self, number: u64) -> Option<Notice> {
        let notice = self.waiting.remove(&number)?;
        self.held.remove(&number);
        self.about.remove(&(notice.id.clone(), notice.episode));
        if self.held.len() == self.waiting.len() {
            self.first = None;
        }
        Some(notice)
    }

    /// Adds a remark to the notice that waits about this episode of this instance; says which.
    pub(super) fn remark(&mut self, about: &(Id, u64), row: Row) -> Option<u64> {
        let number = *self.about.get(about)?;
        self.waiting.get_mut(&number)?.remarks.push(row);
        Some(number)
    }

    /// A notice that waits, to be changed.
    pub(super) fn waiting_mut(&mut self, number: u64) -> Option<&mut Notice> {
        self.waiting.get_mut(&number)
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
        let free = self.waiting.keys().filter(|number| !self.held.contains_key(number));
        for number in free.take(NOTICES_PER_MAIL).copied().collect::<Vec<_>>() {
            let Some(notice) = self.waiting.remove(&number) else { continue };
            self.about.remove(&(notice.id.clone(), notice.episode));
            self.recent.insert(notice.id.clone(), now);
            taken.push((number, notice));
        }
        if self.waiting.len() == self.held.len() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Stamp;

    struct Random(u64);

    impl Random {
        fn below(&mut self, n: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % n
        }
    }

    /// The first notice of an episode to a contact; others are made of it.
    fn blank() -> Notice {
        let text = r#"{"contact":"ops","id":{"check":"disk","instance":"a"},"kind":"disk",
            "title":"a","cause":"problem","state":"critical","previous":"ok","episode":1,"seq":1,
            "root":null,"at":0,"at_wall":0,"since_wall":0,"lasted":0,"fact":"","limit":"",
            "summary":"","rule":"","place":"","worst":null,"worst_state":"critical","changes":0,
            "advice":null,"runbook":null}"#;
        serde_json::from_str(text).unwrap()
    }

    /// One instance as the ledger has it: its episode, whether it is bad, whether the contact was
    /// mailed of this episode.
    #[derive(Default, Clone)]
    struct Thing {
        episode: u64,
        bad: bool,
        mailed: bool,
    }

    /// Takes a mail and holds it against what was told before.
    fn take(desk: &mut Desk, things: &mut [Thing], open: &mut [Option<u64>], seed: u64) -> usize {
        let mail = desk.take(Moment(0));
        for (_, notice) in &mail {
            let n: usize = notice.id.instance.parse().unwrap();
            if is_over(notice) {
                let known = open[n] == Some(notice.episode);
                assert!(known || notice.root.is_none(), "{seed}: over, and never told: {notice:?}");
                assert!(
                    known || open[n].is_none(),
                    "{seed}: an old end after a new begin: {notice:?}"
                );
                open[n] = None;
            } else {
                open[n] = Some(notice.episode);
            }
            if things[n].episode == notice.episode {
                things[n].mailed = true;
            }
        }
        mail.len()
    }

    /// Ends everything that keeps back, as the engine does; says how much nobody hears of.
    fn let_go(desk: &mut Desk) -> usize {
        let mut dropped = 0;
        for (number, hold) in desk.held().clone() {
            let blip = |old: &Notice| is_over(old) && old.root.is_none();
            if hold.by == Holder::Silence(1) && desk.waiting().get(&number).is_some_and(blip) {
                dropped += usize::from(desk.remove(number).is_some());
            } else {
                desk.release(number, Moment(0));
            }
        }
        dropped
    }

    #[test]
    fn what_is_held_is_neither_lost_nor_told_in_another_order() {
        let blank = blank();
        let (mut mailed, mut held, mut dropped) = (0, 0, 0);
        for seed in 1..=100_000_u64 {
            let mut random = Random(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
            let mut desk = Desk::default();
            let mut things = vec![Thing::default(); 2];
            let mut open = vec![None; 2];
            let mut episode = 0;
            for number in 0..12 {
                let n = usize::try_from(random.below(2)).unwrap();
                match random.below(8) {
                    0 | 1 => mailed += take(&mut desk, &mut things, &mut open, seed),
                    2 => {
                        dropped += let_go(&mut desk);
                    }
                    _ => {
                        let thing = &mut things[n];
                        let (cause, state) = match (thing.bad, random.below(3)) {
                            (false, _) => {
                                episode += 1;
                                *thing = Thing { episode, bad: true, mailed: false };
                                (Cause::Problem, State::Warning)
                            }
                            (true, 0) => (Cause::Worse, State::Critical),
                            (true, _) => {
                                thing.bad = false;
                                (Cause::Recovered, State::Ok)
                            }
                        };
                        let mut notice = Notice { cause, state, ..blank.clone() };
                        notice.id.instance = n.to_string().into();
                        notice.episode = thing.episode;
                        notice.root = thing.mailed.then(|| "<root@h>".to_owned());
                        let by = match random.below(3) {
                            0 => Some(Holder::Schedule("night".to_owned())),
                            // A silence keeps no end back that somebody waits for.
                            1 if !is_over(&notice) || notice.root.is_none() => {
                                Some(Holder::Silence(1))
                            }
                            _ => None,
                        };
                        held += usize::from(by.is_some());
                        let until = Moment(1);
                        let hold = by.map(|by| Hold { by, until, wall: Stamp(1) });
                        desk.add(number, notice, Moment(0), hold);
                    }
                }
                let free = desk.waiting().len() > desk.held().len();
                assert_eq!(desk.due(Span::ZERO).is_some(), free, "{seed}: when it is due");
            }
            // In the end everything is let go, and what was told last is what is so.
            dropped += let_go(&mut desk);
            mailed += take(&mut desk, &mut things, &mut open, seed);
            assert!(desk.waiting().is_empty() && desk.about.is_empty(), "{seed}: left behind");
            for (thing, open) in things.iter().zip(&open) {
                let bad = thing.bad.then_some(thing.episode);
                assert_eq!(*open, bad, "{seed}: what was told last");
            }
        }
        assert!(mailed > 100_000 && held > 100_000 && dropped > 1000, "{mailed} {held} {dropped}");
    }
}
