//! Reminders: who was told of what is critical, or gives no answer, is told again at growing
//! distances. Owns when; a reminder is a notice like any other and goes through the desk.
//!
//! Distances count from the telling, on the timeline, so that they neither drift nor end with the
//! process. Those of one contact that are due soon after one another go together.

use std::sync::Arc;

use crate::model::limit::{REMIND_DAILY, REMIND_TOGETHER};
use crate::model::state::State;
use crate::model::time::{Moment, Stamp};
use crate::model::unit::Span;
use crate::notify::notice::Cause;

use super::Engine;
use super::event::Effect;
use super::kept::Told;
use super::watch::{Watch, WatchIx};

impl Engine {
    /// Whether anybody may be reminded of a watch now.
    pub(super) fn may_remind(&self, ix: WatchIx) -> bool {
        let Some(watch) = self.watches.get(ix) else { return false };
        !self.is_acked(watch) && !self.is_silenced(&watch.id, self.now.moment)
    }

    /// When somebody is to be reminded of a watch next.
    pub(super) fn remind_due(&self, ix: WatchIx) -> Option<Moment> {
        let watch = self.watches.get(ix)?;
        let may = |name: &str| self.plan.contacts.contains_key(name) && self.may_remind(ix);
        let told = watch.told.iter().filter(|(name, _)| may(name));
        told.filter_map(|(_, told)| due(watch, told)).min()
    }

    /// Reminds whoever is to be reminded of a watch now, and of what else is due soon.
    pub(super) fn remind(&mut self, ix: WatchIx, effects: &mut Vec<Effect>) {
        let now = self.now.moment;
        if self.remind_due(ix).is_none_or(|at| at > now) || !self.watches.get(ix).is_some_and(known)
        {
            return;
        }
        let names: Vec<String> = match self.watches.get(ix) {
            Some(watch) => watch.told.iter().map(|(name, _)| name.clone()).collect(),
            None => return,
        };
        for contact in names {
            if self.is_to_remind(ix, &contact, false) {
                self.remind_contact(&contact, effects);
            }
        }
    }

    /// Whether a contact is to be reminded of a watch now; `soon`, together with another reminder.
    fn is_to_remind(&self, ix: WatchIx, contact: &str, soon: bool) -> bool {
        let Some(watch) = self.watches.get(ix) else { return false };
        let Some(told) = watch.told_of(contact) else { return false };
        let Some(at) = due(watch, told) else { return false };
        let early = if soon { early(watch, told, at) } else { Span::ZERO };
        let waits = |desk: &super::desk::Desk| desk.waiting().values().any(|n| n.id == watch.id);
        at - early <= self.now.moment
            && known(watch)
            && self.plan.contacts.contains_key(contact)
            && self.may_remind(ix)
            // What waits is told anyway.
            && !self.desks.get(contact).is_some_and(waits)
    }

    /// Reminds one contact of everything that is due, and of what is due soon.
    fn remind_contact(&mut self, contact: &str, effects: &mut Vec<Effect>) {
        let now = self.now.moment;
        let all: Vec<WatchIx> = self.watches.iter().map(|(ix, _)| ix).collect();
        let due: Vec<WatchIx> =
            all.into_iter().filter(|ix| self.is_to_remind(*ix, contact, true)).collect();
        for ix in due {
            let Some(watch) = self.watches.get(ix) else { continue };
            let notice = self.notice(watch, contact, Cause::Reminder, now);
            let state = notice.state;
            self.owe(notice);
            let Some(watch) = self.watches.get_mut(ix) else { continue };
            let from = watch.told_of(contact).and_then(|told| begin(watch, told));
            let check = Arc::clone(&watch.check);
            if let Some(told) = watch.told_mut(contact) {
                told.reminded =
                    from.map_or(0, |from| after(&check.remind, from, told.reminded, now));
                told.last = state;
                told.lost |= state == State::Unknown;
            }
            self.pending.kept.insert(ix);
            self.inquire_evidence(ix, Cause::Reminder, effects);
            self.arm(ix);
        }
    }

    /// When the contact of a notice hears of it again if it stays as it is, for people.
    pub(super) fn next_reminder(&self, watch: &Watch, told: &Told, cause: Cause) -> Option<Stamp> {
        let now = self.now.moment;
        let steps = &watch.check.remind;
        let bad = matches!(watch.state, State::Critical | State::Unknown);
        let may = self.ids.get(&watch.id).is_none_or(|ix| self.may_remind(*ix));
        if !bad || !may {
            return None;
        }
        let at = match cause {
            Cause::Reminder => {
                let from = begin(watch, told)?;
                nth(steps, from, after(steps, from, told.reminded, now))
            }
            Cause::Problem
            | Cause::Worse
            | Cause::Another
            | Cause::Better
            | Cause::Lost
            | Cause::Unsilenced
            | Cause::Steady => nth(steps, now, 0),
            // What flaps is told when it is steady.
            Cause::Flapping
            | Cause::Recovered
            | Cause::Closed
            | Cause::Acked
            | Cause::Test
            | Cause::Info => None,
        };
        Some(self.now.wall_at_or_after(at?))
    }
}

/// Whether the state of a watch is one that was looked at since the agent started.
fn known(watch: &Watch) -> bool {
    let silent = watch.lost.as_ref().is_some_and(|lost| lost.holds);
    watch.read || silent || watch.forced.is_some() || watch.missing_text().is_some()
}

/// When a contact is to be reminded of a watch.
fn due(watch: &Watch, told: &Told) -> Option<Moment> {
    let open = match watch.state {
        State::Critical => told.level == State::Critical,
        State::Unknown => told.lost || told.level == State::Critical,
        State::Ok | State::Warning => false,
    };
    if !open || watch.flap.flapping {
        return None;
    }
    nth(&watch.check.remind, begin(watch, told)?, told.reminded)
}

/// From when on the distances count. A journal of an earlier release does not say: then from the
/// begin of the problem.
fn begin(watch: &Watch, told: &Told) -> Option<Moment> {
    told.from.or_else(|| watch.episode.as_deref().map(|episode| episode.began))
}

/// How much earlier a reminder may come to go with another.
fn early(watch: &Watch, told: &Told, at: Moment) -> Span {
    let from = begin(watch, told).unwrap_or(at);
    let before = match told.reminded.checked_sub(1) {
        Some(count) => nth(&watch.check.remind, from, count).unwrap_or(from),
        None => from,
    };
    REMIND_TOGETHER.min(Span::from_millis(at.since(before).as_millis() / 4))
}

/// When the reminder comes before which there were `count`: after the last step, one a day.
fn nth(steps: &[Span], from: Moment, count: u32) -> Option<Moment> {
    let last = steps.last()?;
    let place = usize::try_from(count).unwrap_or(usize::MAX);
    if let Some(step) = steps.get(place) {
        return Some(from + *step);
    }
    let beyond = place.saturating_sub(steps.len()).saturating_add(1);
    Some(from + *last + REMIND_DAILY.times(u64::try_from(beyond).unwrap_or(u64::MAX)))
}

/// How many reminders are behind one, after one was told now: what was missed is not made up for.
fn after(steps: &[Span], from: Moment, count: u32, now: Moment) -> u32 {
    let passed = steps.iter().filter(|step| from + **step <= now).count();
    let days = match steps.last() {
        Some(last) if passed == steps.len() => {
            now.since(from + *last).as_millis() / REMIND_DAILY.as_millis().max(1)
        }
        _ => 0,
    };
    let passed = u64::try_from(passed).unwrap_or(u64::MAX).saturating_add(days);
    u32::try_from(passed).unwrap_or(u32::MAX).max(count.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    #[test]
    fn distances_grow_and_then_there_is_one_a_day() {
        let steps = [4, 12, 24].map(|hours| Span::from_secs(hours * 3600));
        let from = Moment(7 * HOUR);
        let times: Vec<u64> =
            (0..6).map(|n| (nth(&steps, from, n).unwrap().0 - from.0) / HOUR).collect();
        assert_eq!(times, [4, 12, 24, 48, 72, 96]);
        assert_eq!(nth(&[], from, 0), None);
    }

    #[test]
    fn what_was_missed_is_not_made_up_for() {
        let steps = [4, 12, 24].map(|hours| Span::from_secs(hours * 3600));
        let at = |hours: u64| Moment(hours * HOUR);
        for (count, hours, next) in [
            (0, 4, 12),
            (0, 3, 12),
            (0, 13, 24),
            (1, 12, 24),
            (2, 24, 48),
            (0, 100, 120),
            (5, 95, 120),
        ] {
            let count = after(&steps, at(0), count, at(hours));
            assert_eq!(nth(&steps, at(0), count), Some(at(next)), "{hours}");
        }
    }
}
