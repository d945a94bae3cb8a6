//! One instance of one check: its machine, its episode, and what each contact was told of it.
//! Owns the transitions of one instance; knows neither the schedule nor the desk.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::alert::flap::Flap;
use crate::alert::judge;
use crate::alert::machine::{self, Machine};
use crate::alert::words;
use crate::config::plan::{Check, Pin};
use crate::model::id::Id;
use crate::model::limit::FAILED_RUNS;
use crate::model::reading::{Bad, MetricId, Observation, ProbeError};
use crate::model::state::State;
use crate::model::time::Moment;
use crate::model::unit::Unit;
use crate::probe::Found;

use super::event::SourceId;
use super::kept::{Episode, Kept, Lost, Told};
use super::minutes::Tally;
use super::pins::Absence;

/// Number of a watch while the agent runs.
pub(super) type WatchIx = usize;

/// One instance of one check.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) id: Id,
    pub(super) check: Arc<Check>,
    pub(super) found: Arc<Found>,
    /// Where it is read, and which entry of that source it is; `None` for the agent's own.
    pub(super) source: Option<(SourceId, usize)>,
    pub(super) machine: Machine,
    pub(super) lost: Option<Lost>,
    /// The state that holds, and since when.
    pub(super) state: State,
    pub(super) since: Moment,
    /// Of ok, warning, critical: what was counted last for flapping.
    pub(super) level: State,
    /// The agent's own faults have a state without readings.
    pub(super) forced: Option<(State, String)>,
    pub(super) episode: Option<Box<Episode>>,
    pub(super) told: Vec<(String, Told)>,
    pub(super) flap: Flap,
    /// Good again, and one more good sample is awaited before that is told.
    pub(super) settling: bool,
    pub(super) confirmed: bool,
    /// Read at least once since the agent started.
    pub(super) read: bool,
    /// The rule under which the machine got where it is, if that is not the check's.
    pub(super) other_rule: Option<(bool, bool)>,
    /// The rule change ended the problem.
    pub(super) ended_by_rule: bool,
    /// When the survey did not list it for the first time.
    pub(super) missing: Option<Moment>,
    /// That it must be there, and how it is known again.
    pub(super) pin: Option<Arc<Pin>>,
    /// It is pinned, and no survey lists it.
    pub(super) absent: Option<Absence>,
    /// Another thing stands where the pinned one was.
    pub(super) replaced: Option<String>,
    pub(super) timer: Option<Moment>,
    /// Changes of state since the agent started.
    pub(super) changes: u64,
    /// Waits for the next checkpoint.
    pub(super) dirty: bool,
    /// The journal holds something of it.
    pub(super) stored: bool,
    /// What its probe wants back after a restart.
    pub(super) memo: Option<String>,
    /// When it answered again after a silence.
    pub(super) answered: Option<Moment>,
    /// What its numbers did in the minute that is being counted.
    pub(super) tally: Tally,
}

/// What a sample did to a watch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Touch {
    /// The state, or what people may have to be told, changed.
    pub(super) turn: bool,
    /// Windows changed.
    pub(super) soft: bool,
}

impl Watch {
    pub(super) fn new(check: Arc<Check>, found: Arc<Found>, now: Moment) -> Self {
        Self {
            id: Id::new(Arc::clone(&check.name), Arc::clone(&found.instance)),
            check,
            found,
            source: None,
            machine: Machine::default(),
            lost: None,
            state: State::Ok,
            since: now,
            level: State::Ok,
            forced: None,
            episode: None,
            told: Vec::new(),
            flap: Flap::default(),
            settling: false,
            confirmed: false,
            read: false,
            other_rule: None,
            ended_by_rule: false,
            missing: None,
            pin: None,
            absent: None,
            replaced: None,
            timer: None,
            changes: 0,
            dirty: false,
            stored: false,
            memo: None,
            answered: None,
            tally: Tally::default(),
        }
    }

    /// Continues where the journal left off.
    pub(super) fn restore(&mut self, kept: Kept) {
        let same = kept.rule == fingerprints(&self.check);
        if !same {
            let (warn, crit) = fingerprints(&self.check);
            self.other_rule = Some((warn == kept.rule.0, crit == kept.rule.1));
        }
        self.machine = kept.machine;
        self.lost = kept.lost;
        self.state = kept.state;
        self.since = kept.since;
        self.absent = kept.absent;
        self.replaced = kept.replaced;
        self.level = self.held_level();
        if matches!(kept.state, State::Ok | State::Warning | State::Critical)
            && self.check.kind.spec().name == super::agent::KIND
        {
            self.level = kept.state;
            self.forced = Some((kept.state, kept.summary));
        }
        self.episode = kept.episode.map(Box::new);
        self.told = kept.told;
        self.flap = kept.flap;
        self.settling = kept.settling;
        self.stored = true;
        self.memo = kept.memo;
    }

    /// What must outlive the process.
    pub(super) fn keep(&self, summary: &str) -> Kept {
        let rule = match self.other_rule {
            // Judged under a rule that is gone: the next start must notice that too.
            Some((warn, crit)) => {
                let (w, c) = fingerprints(&self.check);
                (if warn { w } else { !w }, if crit { c } else { !c })
            }
            None => fingerprints(&self.check),
        };
        Kept {
            id: self.id.clone(),
            kind: self.check.kind.spec().name.to_owned(),
            title: self.found.title.clone(),
            rule,
            state: self.state,
            since: self.since,
            machine: self.machine.clone(),
            lost: self.lost.clone(),
            episode: self.episode.as_deref().cloned(),
            told: self.told.clone(),
            flap: self.flap.clone(),
            settling: self.settling,
            summary: summary.to_owned(),
            absent: self.absent.clone(),
            replaced: self.replaced.clone(),
            memo: self.memo.clone(),
        }
    }

    /// A reading came.
    pub(super) fn observe(&mut self, seen: &Observation, at: Moment) -> Touch {
        let mut touch = Touch::default();
        let back = self.absent.take().is_some();
        if self.lost.take().is_some() || back {
            touch = Touch { turn: true, soft: true };
        }
        self.read = true;
        let rule = &self.check.rule;
        if let Some(same) = self.other_rule.take() {
            let was_bad = self.machine.state() != State::Ok;
            self.machine.change_rule(same, rule, seen, at);
            self.ended_by_rule = was_bad && self.machine.state() == State::Ok;
            touch = Touch { turn: true, soft: true };
        }
        self.tally.add(&self.id, &self.check, seen);
        let before = self.level;
        let step = self.machine.observe(rule, seen, at);
        let level = self.held_level();
        touch.soft |= step.changed;
        touch.turn |= level != before || level != self.state || self.has_news(seen);
        if seen.memo.is_some() && seen.memo != self.memo {
            self.memo.clone_from(&seen.memo);
            touch.soft = true;
        }
        if self.settling && level == State::Ok && !touch.turn {
            self.confirmed = true;
            touch.turn = true;
        }
        if self.episode.is_some() && step.state != State::Ok {
            touch.soft |= self.follow(seen);
        }
        touch
    }

    /// Remembers the worst value of the episode. Says whether it is a new one.
    pub(super) fn follow(&mut self, seen: &Observation) -> bool {
        let Some(episode) = self.episode.as_deref_mut() else { return false };
        let (metric, before) = match episode.worst {
            Some((metric, value)) => (MetricId(metric), Some(value)),
            None => {
                let state = self.machine.state();
                let Some(clause) = machine::clause(&self.check.rule, state, seen) else {
                    return false;
                };
                (clause.metric, None)
            }
        };
        let Some(value) = seen.get(metric) else { return false };
        let bad = self.check.kind.spec().metric(metric).map_or(Bad::High, |m| m.bad);
        let new = before.is_none_or(|before| judge::worse(bad, value, before));
        if new {
            episode.worst = Some((metric.0, value));
        }
        new
    }

    /// The worst value of the episode, for people.
    pub(super) fn worst(&self) -> Option<String> {
        let (metric, value) = self.episode.as_deref()?.worst?;
        let metric = self.check.kind.spec().metric(MetricId(metric))?;
        (metric.unit != Unit::Flag).then(|| metric.unit.show(value))
    }

    /// A run brought nothing for this instance. `at_once`: no second run is awaited.
    pub(super) fn fail(&mut self, error: &ProbeError, since: Moment, at_once: bool) -> Touch {
        let never_read = !self.read && self.state != State::Unknown;
        let fact = words::lost(error);
        let lost = self.lost.get_or_insert_with(|| Lost {
            since,
            fact: String::new(),
            text: String::new(),
            runs: 0,
            holds: false,
        });
        lost.runs = lost.runs.saturating_add(1);
        if lost.fact != fact {
            fact.clone_into(&mut lost.fact);
        }
        let (ProbeError::Absent(text)
        | ProbeError::Denied(text)
        | ProbeError::Unsupported(text)
        | ProbeError::Malformed(text)
        | ProbeError::TimedOut(text)
        | ProbeError::Failed(text)) = error;
        if lost.text != *text {
            lost.text.clone_from(text);
        }
        let held = lost.holds;
        lost.holds |= at_once || never_read || lost.runs >= FAILED_RUNS;
        let turn = lost.holds && !held;
        if lost.holds && self.absent.as_ref().is_some_and(|absent| absent.back) {
            self.absent = None;
        }
        Touch { turn, soft: turn }
    }

    /// The state that holds now.
    pub(super) fn visible(&self) -> State {
        if let Some((state, _)) = &self.forced {
            *state
        } else if self.missing_text().is_some() {
            State::Critical
        } else if self.lost.as_ref().is_some_and(|lost| lost.holds) {
            State::Unknown
        } else {
            self.held_level()
        }
    }

    /// Of ok, warning and critical, the one that is held, whether or not it can be read now.
    pub(super) fn held_level(&self) -> State {
        match &self.forced {
            Some((state, _)) => *state,
            None if self.missing_text().is_some() => State::Critical,
            None if self.replaced.is_some() => self.machine.state().worst(State::Warning),
            None => self.machine.state(),
        }
    }

    /// Since when the cause of the present state holds.
    pub(super) fn caused(&self) -> Moment {
        match self.visible() {
            State::Unknown => self.lost.as_ref().map_or(self.since, |lost| lost.since),
            State::Ok => self.since,
            _ if self.missing_text().is_some() => {
                self.absent.as_ref().map_or(self.since, |absent| absent.since)
            }
            _ => self.machine.began().unwrap_or(self.since),
        }
    }

    /// Whether there is something to say of it since the agent started.
    pub(super) fn is_seen(&self) -> bool {
        self.read || self.lost.is_some() || self.source.is_none()
    }

    pub(super) fn told_of(&self, contact: &str) -> Option<&Told> {
        self.told.iter().find(|(name, _)| name == contact).map(|(_, told)| told)
    }

    pub(super) fn told_mut(&mut self, contact: &str) -> Option<&mut Told> {
        if !self.told.iter().any(|(name, _)| name == contact) {
            self.told.push((contact.to_owned(), Told::default()));
        }
        self.told.iter_mut().find(|(name, _)| name == contact).map(|(_, told)| told)
    }

    /// Whether a fact came that somebody who knows of the problem does not know.
    pub(super) fn has_news(&self, seen: &Observation) -> bool {
        let level = self.held_level();
        level != State::Ok
            && self
                .told
                .iter()
                .any(|(_, t)| t.level == level && t.news(seen, level).next().is_some())
    }

    /// Whether anybody was told of a problem that is not over.
    pub(super) fn anybody_told(&self) -> bool {
        self.told.iter().any(|(_, told)| told.level != State::Ok || told.lost)
    }
}

/// Fingerprints of both levels of a check.
pub(super) fn fingerprints(check: &Check) -> (u32, u32) {
    let print = |level: &Option<crate::alert::rule::Level>| {
        level.as_ref().map_or(0, crate::alert::rule::Level::fingerprint)
    };
    (print(&check.rule.warn), print(&check.rule.crit))
}

/// All watches, by number.
#[derive(Debug, Default)]
pub(super) struct Watches {
    slots: Vec<Option<Watch>>,
    free: BTreeSet<WatchIx>,
}

impl Watches {
    pub(super) fn insert(&mut self, watch: Watch) -> WatchIx {
        if let Some(ix) = self.free.pop_first()
            && let Some(slot) = self.slots.get_mut(ix)
        {
            *slot = Some(watch);
            return ix;
        }
        self.slots.push(Some(watch));
        self.slots.len() - 1
    }

    pub(super) fn remove(&mut self, ix: WatchIx) -> Option<Watch> {
        let watch = self.slots.get_mut(ix)?.take()?;
        self.free.insert(ix);
        Some(watch)
    }

    pub(super) fn get(&self, ix: WatchIx) -> Option<&Watch> {
        self.slots.get(ix)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, ix: WatchIx) -> Option<&mut Watch> {
        self.slots.get_mut(ix)?.as_mut()
    }

    pub(super) fn tallies(&mut self) -> impl Iterator<Item = &mut Tally> {
        self.slots.iter_mut().flatten().map(|watch| &mut watch.tally)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (WatchIx, &Watch)> {
        self.slots.iter().enumerate().filter_map(|(ix, slot)| Some((ix, slot.as_ref()?)))
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}
