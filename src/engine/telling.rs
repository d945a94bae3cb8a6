//! From transitions to notices: who is told what, and when not. Owns the rule of telling.
//!
//! A contact is told when a state is worse than what it was told, when nothing was read for
//! `unknown_after`, and of a recovery only if it was told of the problem. What flaps is told once.

use std::sync::Arc;

use crate::alert::machine;
use crate::alert::words;
use crate::model::limit::NAME_CHARS;
use crate::model::reading::Observation;
use crate::model::state::State;
use crate::model::time::Moment;
use crate::model::unit::Span;
use crate::notify::notice::{Cause, Notice};

use super::Engine;
use super::agent;
use super::event::Effect;
use super::watch::{Episode, Told, Watch, WatchIx};

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
        let Some(watch) = self.watches.get_mut(ix) else { return };
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
            watch.state = state;
            watch.since = at;
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
        if changed {
            let line = transition_line(watch, seen, before, state);
            effects.push(Effect::Log { level: log_level(state), line });
        }
        let settle = watch.forced.is_none()
            && (watch.check.rule.recover_for == Span::ZERO || before == State::Unknown);
        let tell = decide(watch, now.moment, at, counted, settle && changed);
        self.carry_out(ix, at, tell, changed);
        self.arm(ix);
    }

    /// Makes notices, updates the ledger, marks what must be stored.
    fn carry_out(&mut self, ix: WatchIx, at: Moment, tell: Tell, changed: bool) {
        let (list, over) = match tell {
            Tell::Nothing => (Vec::new(), false),
            Tell::These(list) => (list, false),
            Tell::Over(list) => (list, true),
        };
        let told = !list.is_empty();
        for (contact, cause) in list {
            let Some(watch) = self.watches.get(ix) else { return };
            if !self.plan.contacts.contains_key(&contact) {
                continue;
            }
            let notice = self.notice(watch, &contact, cause, at);
            let state = notice.state;
            self.owe(notice);
            let Some(entry) = self.watches.get_mut(ix).and_then(|w| w.told_mut(&contact)) else {
                continue;
            };
            entry.last = state;
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

    /// Queues a notice for its contact.
    pub(super) fn owe(&mut self, notice: Notice) {
        let number = self.numbers.notice;
        self.numbers.notice += 1;
        let now = self.now.moment;
        let desk = self.desks.entry(notice.contact.clone()).or_default();
        if let Some(replaced) = desk.add(number, notice, now) {
            // One that never reached the journal need not be taken back there.
            if !self.pending.owed.remove(&replaced) {
                self.pending.dropped.push(replaced);
            }
        }
        self.pending.owed.insert(number);
    }

    /// Sets the timer of a watch to when time alone changes what is told of it.
    pub(super) fn arm(&mut self, ix: WatchIx) {
        let Some(watch) = self.watches.get_mut(ix) else { return };
        let lost = watch
            .lost
            .as_ref()
            .filter(|lost| lost.holds)
            .map(|lost| lost.since + watch.check.rule.unknown_after)
            .filter(|when| *when > self.now.moment);
        let steady = watch.flap.steady_at().map(|when| when.max(self.now.moment + MINUTE));
        let timer = lost.into_iter().chain(steady).min();
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

    /// All facts of one watch for one contact.
    pub(super) fn notice(&self, watch: &Watch, contact: &str, cause: Cause, at: Moment) -> Notice {
        let now = self.now;
        let seen = seen(&self.schedule, watch);
        let told = watch.told_of(contact).cloned().unwrap_or_default();
        let Told { last, mails, root, .. } = told;
        let spec = watch.check.kind.spec();
        let rule = &watch.check.rule;
        let state = watch.state;
        let episode = watch.episode.as_deref();
        // A recovery is about the rule that had been broken.
        let about = match state {
            State::Ok => episode.map_or(state, |episode| episode.worst_state),
            other => other,
        };
        let clause = seen.and_then(|seen| machine::clause(rule, about, seen));
        let place = clause
            .map(|clause| words::place(&clause.place))
            .filter(|place| !place.is_empty())
            .or_else(|| machine::level(rule, about).map(|level| words::place(&level.place)))
            .unwrap_or_else(|| words::place(&watch.check.place));
        Notice {
            contact: contact.to_owned(),
            id: watch.id.clone(),
            kind: spec.name.to_owned(),
            title: watch.found.title.clone(),
            cause,
            state,
            previous: last,
            episode: episode.map_or(0, |episode| episode.number),
            seq: mails + 1,
            root,
            at,
            at_wall: now.wall_at(at),
            since_wall: now.wall_at(watch.caused()),
            lasted: episode.map_or(Span::ZERO, |episode| at.since(episode.began)),
            fact: cut(&fact(watch, seen)),
            limit: match state {
                State::Unknown => String::new(),
                _ => clause.map(|clause| words::limit(spec, clause)).unwrap_or_default(),
            },
            summary: summary(watch, seen, now.moment),
            rule: match cause {
                Cause::Closed if watch.ended_by_rule => {
                    format!("the rule changed; now: {}", words::rule(spec, rule, about))
                }
                _ => words::rule(spec, rule, about),
            },
            place,
            worst: watch.worst(),
            worst_state: episode.map_or(state, |episode| episode.worst_state),
            changes: watch.flap.recent(now.moment).max(watch.flap.count.min(u32::from(u16::MAX))),
            advice: watch.check.advice.clone(),
            runbook: watch.check.runbook.clone(),
        }
    }

    /// News of the agent itself, for everybody.
    pub(super) fn inform(&mut self, fact: &str, summary: &str) {
        let contacts: Vec<String> = self.plan.contacts.keys().cloned().collect();
        for contact in contacts {
            let notice = self.news(&contact, Cause::Info, fact, summary);
            self.owe(notice);
        }
    }

    /// A notice that is about no state.
    pub(super) fn news(
        &mut self,
        contact: &str,
        cause: Cause,
        fact: &str,
        summary: &str,
    ) -> Notice {
        let episode = self.numbers.episode;
        self.numbers.episode += 1;
        Notice {
            contact: contact.to_owned(),
            id: crate::model::id::Id::new(agent::KIND, "self"),
            kind: agent::KIND.to_owned(),
            title: "hostwatch".to_owned(),
            cause,
            state: State::Ok,
            previous: State::Ok,
            episode,
            seq: 1,
            root: None,
            at: self.now.moment,
            at_wall: self.now.wall,
            since_wall: self.now.wall,
            lasted: Span::ZERO,
            fact: fact.to_owned(),
            limit: String::new(),
            summary: summary.to_owned(),
            rule: String::new(),
            place: String::new(),
            worst: None,
            worst_state: State::Ok,
            changes: 0,
            advice: None,
            runbook: None,
        }
    }
}

/// How often an instance that flaps without an answer is looked at again.
const MINUTE: Span = Span::from_secs(60);

/// Applies the rule of telling to one watch.
fn decide(watch: &mut Watch, now: Moment, at: Moment, counted: bool, settle: bool) -> Tell {
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
    let everybody = |cause| check.notify.iter().map(|c| (c.clone(), cause)).collect::<Vec<_>>();
    let those_told = |watch: &Watch, cause| {
        let names = watch.told.iter().filter(|(_, t)| t.level != State::Ok || t.lost);
        names.map(|(name, _)| (name.clone(), cause)).collect::<Vec<_>>()
    };
    let lost = |watch: &Watch| {
        let mut list = Vec::new();
        for contact in check.notify.iter().filter(|_| lost_for_long) {
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
            check.notify.iter().filter(worse).map(|c| (c.clone(), Cause::Worse)).collect();
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
            for contact in &check.notify {
                let t = told(watch, contact);
                if state.rank() > t.level.rank() {
                    let first = t.level == State::Ok;
                    list.push((contact.clone(), if first { Cause::Problem } else { Cause::Worse }));
                } else if check.notify_improvement && state.rank() < t.level.rank() {
                    list.push((contact.clone(), Cause::Better));
                }
            }
            Tell::These(list)
        }
    }
}

/// What was read last of a watch.
pub(super) fn seen<'s>(
    schedule: &'s super::schedule::Schedule,
    watch: &Watch,
) -> Option<&'s Observation> {
    let (source, entry) = watch.source?;
    schedule.sources.get(&source)?.entries.get(entry)?.last.as_ref()
}

/// The fact of a watch, short.
pub(super) fn fact(watch: &Watch, seen: Option<&Observation>) -> String {
    if let Some((_, text)) = &watch.forced {
        return text.clone();
    }
    match (&watch.lost, watch.state) {
        (Some(lost), State::Unknown) => return lost.fact.clone(),
        (None, State::Unknown) => return "not read yet".to_owned(),
        _ => {}
    }
    let Some(seen) = seen else { return "not read yet".to_owned() };
    let about = match watch.state {
        State::Ok => watch.episode.as_deref().map_or(State::Ok, |episode| episode.worst_state),
        other => other,
    };
    let spec = watch.check.kind.spec();
    match machine::clause(&watch.check.rule, about, seen) {
        // A recovery from "read-only" is not "read-only".
        Some(clause)
            if watch.state == State::Ok && clause.bad == crate::model::reading::Bad::Set =>
        {
            seen.summary.clone()
        }
        Some(clause) => words::fact_of(spec, clause, seen),
        None => seen.summary.clone(),
    }
}

/// The instance in one line.
pub(super) fn summary(watch: &Watch, seen: Option<&Observation>, now: Moment) -> String {
    if let Some((_, text)) = &watch.forced {
        return text.clone();
    }
    match (&watch.lost, seen) {
        (Some(lost), _) if lost.holds => {
            let since = now.since(lost.since);
            if lost.text.is_empty() {
                format!("{} for {since}", lost.fact)
            } else {
                format!("{} for {since}: {}", lost.fact, cut(&lost.text))
            }
        }
        (_, Some(seen)) => seen.summary.clone(),
        (_, None) => "not read yet".to_owned(),
    }
}

fn transition_line(
    watch: &Watch,
    seen: Option<&Observation>,
    before: State,
    state: State,
) -> String {
    format!("{}: {before} -> {state}: {}", watch.id, fact(watch, seen))
}

fn log_level(state: State) -> tracing::Level {
    match state {
        State::Ok => tracing::Level::INFO,
        State::Critical => tracing::Level::ERROR,
        State::Warning | State::Unknown => tracing::Level::WARN,
    }
}

fn cut(text: &str) -> String {
    text.chars().take(NAME_CHARS).collect()
}
