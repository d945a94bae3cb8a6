//! From transitions to notices: who is told what, and when not. Owns the rule of telling.
//!
//! A contact is told when a state is worse than what it was told, when nothing was read for
//! `unknown_after`, and of a recovery only if it was told of the problem. What flaps is told once.

use std::sync::Arc;

use crate::config::hook::ON_CHANGE;
use crate::model::reading::Observation;
use crate::model::state::State;
use crate::model::time::Moment;
use crate::model::unit::Span;
use crate::notify::notice::{Cause, Notice};

use super::Engine;
use super::agent;
use super::event::Effect;
use super::facts::{self, seen, transition_line};
use super::holding::Hold;
use super::kept::Episode;
use super::watch::{Watch, WatchIx};

/// What is to be told of one watch now.
enum Tell {
    Nothing,
    /// These contacts this; the rest of the watch goes on.
    These(Vec<(String, Cause)>),
    /// These contacts that it is over; then the episode is closed.
    Over(Vec<(String, Cause)>),
}

impl Engine {
    /// Brings a watch forward after anything that may have changed its state.
    pub(super) fn turn(&mut self, ix: WatchIx, at: Moment, effects: &mut Vec<Effect>) {
        let now = self.now;
        let next_episode = self.numbers.episode;
        let behind = self.is_behind_watched(ix);
        let Some(watch) = self.watches.get_mut(ix) else { return };
        watch.give_up_waiting(now.moment);
        let seen = seen(&self.schedule, watch);
        let (before, state, level) = (watch.state, watch.visible(), watch.held_level());
        let mut counted = false;
        if level != watch.level {
            let crossed = (level == State::Ok) != (watch.level == State::Ok);
            if crossed || watch.check.notify_improvement {
                watch.flap.change(at);
                counted = true;
            }
            watch.level = level;
        }
        if state != before {
            if state != State::Ok && watch.episode.is_none() {
                watch.episode = Some(Box::new(Episode {
                    number: next_episode,
                    began: at,
                    worst_state: state,
                    worst: None,
                    routed: Vec::new(),
                }));
                self.numbers.episode += 1;
            }
            if state != State::Ok {
                watch.settling = false;
                watch.confirmed = false;
            }
            if before == State::Unknown && !counted && watch.told.iter().any(|(_, t)| t.lost) {
                watch.flap.change(at);
                counted = true;
            }
            if before == State::Unknown {
                watch.answered = Some(at);
            }
            watch.state = state;
            watch.since = at;
            watch.changes += 1;
        }
        if let Some(episode) = watch.episode.as_deref_mut() {
            episode.worst_state = episode.worst_state.worst(state);
        }
        if state != State::Ok
            && let Some(seen) = seen
        {
            watch.follow(seen);
        }
        let changed = state != before;
        let was_flapping = watch.flap.flapping;
        // What flaps is logged when it begins and when it is steady again.
        // Of what is read through another, the other's line says that there is no answer.
        let silence = state == State::Unknown || before == State::Unknown;
        let behind = behind && silence && watch.level == State::Ok;
        if changed && !was_flapping && !behind {
            let line = transition_line(watch, seen, before, state);
            effects.push(Effect::Log { level: log_level(state), line });
        }
        let settle = watch.forced.is_none()
            && (watch.check.rule.recover_for == Span::ZERO || before == State::Unknown);
        if changed {
            self.forward_change(ix, before, false, effects);
        }
        let told_elsewhere = self.hear_elsewhere(ix);
        let to = self.routed(ix);
        let Some(watch) = self.watches.get_mut(ix) else { return };
        let seen = facts::seen(&self.schedule, watch);
        let facts = Facts { seen, told_elsewhere, to: &to };
        let tell = decide(watch, &facts, now.moment, at, counted, settle && changed);
        if watch.flap.flapping != was_flapping {
            let word =
                if was_flapping { "steady again" } else { "flapping, told once until steady" };
            let line = format!("{}: {word}: {state}", watch.id);
            effects.push(Effect::Log { level: tracing::Level::WARN, line });
        }
        self.carry_out(ix, at, tell, changed, effects);
        self.remind(ix, effects);
        self.review_ack(ix, effects);
        self.arm(ix);
    }

    /// Whether an instance is read through another that is watched itself.
    fn is_behind_watched(&self, ix: WatchIx) -> bool {
        let behind = self.watches.get(ix).and_then(|watch| watch.found.behind.as_ref());
        behind.is_some_and(|(kind, instance)| {
            self.watches.iter().any(|(_, other)| {
                other.id.instance == *instance && other.check.kind.spec().name == *kind
            })
        })
    }

    /// Who need not hear that an instance gives no answer, since it is read through another that
    /// gives none either: one mail of that is enough, as one of the switch and not of every host
    /// behind it. When the other answers again, the time until silence is told begins anew.
    pub(super) fn hear_elsewhere(&self, ix: WatchIx) -> Vec<String> {
        let Some(watch) = self.watches.get(ix) else { return Vec::new() };
        let (Some((kind, instance)), Some(lost)) = (&watch.found.behind, &watch.lost) else {
            return Vec::new();
        };
        let wait = watch.check.rule.unknown_after;
        let through = self.watches.iter().filter(|(_, other)| {
            other.id.instance == *instance && other.check.kind.spec().name == *kind
        });
        let silent = through.filter(|(_, other)| {
            let fresh = |at: Moment| at > lost.since && self.now.moment < at + wait;
            other.state == State::Unknown || other.answered.is_some_and(fresh)
        });
        silent.flat_map(|(_, other)| self.recipients(other, State::Unknown).0).collect()
    }

    /// Makes notices, updates the ledger, marks what must be stored.
    fn carry_out(
        &mut self,
        ix: WatchIx,
        at: Moment,
        tell: Tell,
        changed: bool,
        effects: &mut Vec<Effect>,
    ) {
        let (list, over) = match tell {
            Tell::Nothing => (Vec::new(), false),
            Tell::These(list) => (list, false),
            Tell::Over(list) => (list, true),
        };
        let now = self.now.moment;
        let told = !list.is_empty();
        let worth = list.iter().map(|(_, cause)| *cause).next();
        for (contact, cause) in list {
            let Some(watch) = self.watches.get(ix) else { return };
            if !self.plan.contacts.contains_key(&contact) {
                continue;
            }
            let notice = self.notice(watch, &contact, cause, at);
            let state = notice.state;
            self.owe(notice);
            let known = self.watches.get(ix).and_then(|watch| seen(&self.schedule, watch));
            let Some(entry) = self.watches.get_mut(ix).and_then(|w| w.told_mut(&contact)) else {
                continue;
            };
            if let Some(known) = known.filter(|_| state != State::Unknown) {
                entry.note_facts(known);
            }
            entry.last = state;
            if state != State::Ok {
                entry.from = Some(now);
                entry.reminded = 0;
            }
            match (cause, state) {
                (_, State::Unknown) => entry.lost = true,
                (Cause::Better, _) => entry.level = state,
                (Cause::Steady, _) => {
                    entry.level = state;
                    entry.lost = false;
                }
                _ if state.rank() > entry.level.rank() => entry.level = state,
                _ => {}
            }
        }
        if let Some(cause) = worth {
            self.inquire_evidence(ix, cause, effects);
        }
        let Some(watch) = self.watches.get_mut(ix) else { return };
        if over {
            watch.told.clear();
            watch.episode = None;
            watch.settling = false;
            watch.confirmed = false;
            watch.ended_by_rule = false;
        }
        // What flaps would write at every change; the next checkpoint is soon enough for what
        // nobody is told.
        if told || (changed && !watch.flap.flapping) {
            self.pending.kept.insert(ix);
        } else if changed || over {
            self.mark(ix);
        }
    }

    /// Queues a notice for its contact, to go out in a moment or when nothing keeps it back.
    pub(super) fn owe(&mut self, mut notice: Notice) {
        notice.remarks.extend(self.ack_remark(&notice));
        let hold = self.hold_for(&notice);
        self.lay_down(notice, hold);
    }

    /// Lays a notice on its contact's desk.
    pub(super) fn lay_down(&mut self, mut notice: Notice, hold: Option<Hold>) {
        let number = self.numbers.notice;
        self.numbers.notice += 1;
        self.digests.count(&notice);
        let since = self.join_incident(&mut notice);
        let desk = self.desks.entry(notice.contact.clone()).or_default();
        if let Some(replaced) = desk.add(number, notice, since, hold) {
            // Whether it has reached the journal before is not known here: it may have been changed
            // since, and wait to be written again.
            self.pending.owed.remove(&replaced);
            self.pending.dropped.push(replaced);
        }
        self.pending.owed.insert(number);
    }

    /// Sets the timer of a watch to when time alone changes what is told of it.
    pub(super) fn arm(&mut self, ix: WatchIx) {
        let remind = self.remind_due(ix);
        let Some(watch) = self.watches.get_mut(ix) else { return };
        // One that is due and cannot be told yet, since nothing was read yet, is looked at again.
        let remind = remind.map(|when| match when > self.now.moment {
            true => when,
            false => self.now.moment + MINUTE,
        });
        let lost = watch
            .lost
            .as_ref()
            .filter(|lost| lost.holds)
            .map(|lost| lost.since + watch.check.rule.unknown_after)
            .filter(|when| *when > self.now.moment);
        // Silence that was not told because of what stands before it: that may end first.
        let behind = lost.is_none()
            && watch.found.behind.is_some()
            && watch.state == State::Unknown
            && !watch.told.iter().any(|(_, told)| told.lost || told.level == State::Critical);
        let behind = behind.then_some(self.now.moment + MINUTE);
        let steady = watch.flap.steady_at().map(|when| when.max(self.now.moment + MINUTE));
        let absent = watch.absent.as_ref().and_then(super::pins::Absence::due);
        let absent = absent.filter(|when| *when > self.now.moment);
        let timer = lost.into_iter().chain(steady).chain(absent).chain(behind).chain(remind).min();
        if timer != watch.timer {
            if let Some(old) = watch.timer {
                self.timers.remove(&(old, ix));
            }
            watch.timer = timer;
            if let Some(new) = timer {
                self.timers.insert((new, ix));
            }
        }
    }
}

/// How often an instance is looked at again that gives no answer and flaps, or is read through
/// another that gives none.
const MINUTE: Span = Span::from_secs(60);

/// What the rule of telling must know beside the watch.
struct Facts<'s> {
    seen: Option<&'s Observation>,
    /// Who hears of its silence by another instance.
    told_elsewhere: Vec<String>,
    /// Who is told of the present state.
    to: &'s [String],
}

/// Applies the rule of telling to one watch.
fn decide(
    watch: &mut Watch,
    facts: &Facts<'_>,
    now: Moment,
    at: Moment,
    counted: bool,
    settle: bool,
) -> Tell {
    let check = Arc::clone(&watch.check);
    let state = watch.state;
    let lost_for_long = state == State::Unknown
        && watch.lost.as_ref().is_some_and(|l| l.since + check.rule.unknown_after <= now);
    if check.kind.spec().name == agent::KIND
        && *watch.id.instance == *agent::Fault::Mail.instance()
        && state == State::Critical
    {
        // That mail does not go out cannot be told by mail.
        return Tell::Nothing;
    }
    let told = |watch: &Watch, contact: &str| watch.told_of(contact).cloned().unwrap_or_default();
    let everybody = |cause| facts.to.iter().map(|c| (c.clone(), cause)).collect::<Vec<_>>();
    let those_told = |watch: &Watch, cause| {
        let names = watch.told.iter().filter(|(_, t)| t.level != State::Ok || t.lost);
        names.map(|(name, _)| (name.clone(), cause)).collect::<Vec<_>>()
    };
    let lost = |watch: &Watch| {
        let mut list = Vec::new();
        for contact in facts.to.iter().filter(|_| lost_for_long) {
            if facts.told_elsewhere.contains(contact) {
                continue;
            }
            let t = told(watch, contact);
            if !t.lost && t.level != State::Critical {
                list.push((contact.clone(), Cause::Lost));
            }
        }
        list
    };
    if watch.flap.flapping {
        let steady = watch.flap.steady_at().is_some_and(|when| when <= now);
        if steady && state != State::Unknown {
            let list = those_told(watch, Cause::Steady);
            watch.flap = crate::alert::flap::Flap::default();
            return if state == State::Ok { Tell::Over(list) } else { Tell::These(list) };
        }
        let worse = |contact: &&String| {
            state == State::Critical && told(watch, contact).level != State::Critical
        };
        let mut list: Vec<(String, Cause)> =
            facts.to.iter().filter(worse).map(|c| (c.clone(), Cause::Worse)).collect();
        list.extend(lost(watch));
        return Tell::These(list);
    }
    match state {
        State::Ok if !watch.anybody_told() => {
            if watch.episode.is_none() {
                Tell::Nothing
            } else {
                Tell::Over(Vec::new())
            }
        }
        State::Ok if watch.ended_by_rule => Tell::Over(those_told(watch, Cause::Closed)),
        State::Ok if (settle || watch.settling) && !watch.confirmed => {
            watch.settling = true;
            Tell::Nothing
        }
        State::Ok => Tell::Over(those_told(watch, Cause::Recovered)),
        State::Unknown => {
            let list = lost(watch);
            if list.is_empty() {
                return Tell::Nothing;
            }
            watch.flap.change(now);
            if watch.flap.is_too_often(now) {
                watch.flap.begin(now);
                return Tell::These(everybody(Cause::Flapping));
            }
            Tell::These(list)
        }
        State::Warning | State::Critical => {
            if counted && watch.flap.is_too_often(at) {
                watch.flap.begin(at);
                return Tell::These(everybody(Cause::Flapping));
            }
            let mut list = Vec::new();
            for contact in facts.to {
                let t = told(watch, contact);
                if state.rank() > t.level.rank() {
                    let first = t.level == State::Ok;
                    list.push((contact.clone(), if first { Cause::Problem } else { Cause::Worse }));
                } else if (check.notify_improvement || contact == ON_CHANGE)
                    && state.rank() < t.level.rank()
                {
                    list.push((contact.clone(), Cause::Better));
                } else if t.level == state
                    && facts.seen.is_some_and(|seen| t.news(seen, state).next().is_some())
                {
                    list.push((contact.clone(), Cause::Another));
                }
            }
            Tell::These(list)
        }
    }
}

fn log_level(state: State) -> tracing::Level {
    match state {
        State::Ok => tracing::Level::INFO,
        State::Critical => tracing::Level::ERROR,
        State::Warning | State::Unknown => tracing::Level::WARN,
    }
}
