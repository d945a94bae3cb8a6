//! Sources and when they are due. Everything due together is one wake-up: due times are multiples
//! of `every` from the timeline's zero. Owns at most one outstanding run a source.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::model::reading::Observation;
use crate::model::time::Moment;
use crate::model::unit::Span;
use crate::probe::{Lane, Options};

use super::event::SourceId;
use super::watch::WatchIx;

/// What is read together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SourceKey {
    pub(super) kind: &'static str,
    pub(super) name: Arc<str>,
    pub(super) every: Span,
    /// Options of the checks.
    pub(super) options: Options,
}

/// One instance of a source, and who judges it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) instance: Arc<str>,
    pub(super) watches: Vec<WatchIx>,
    /// The run that saw it last.
    pub(super) seen_in: u64,
    pub(super) last: Option<Observation>,
    pub(super) at: Moment,
}

/// What a source is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    Idle,
    Busy {
        run: u64,
        since: Moment,
    },
    /// The run was given up, yet its thread has not come back.
    Stuck {
        run: u64,
        since: Moment,
    },
}

/// A source.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) key: SourceKey,
    pub(super) lane: Lane,
    pub(super) timeout: Span,
    pub(super) entries: Vec<Entry>,
    index: HashMap<Arc<str>, usize>,
    pub(super) doing: Doing,
    pub(super) due: Moment,
    /// Runs in a row that failed as a whole; only the first is logged.
    pub(super) failing: bool,
}

impl Source {
    pub(super) fn new(key: SourceKey, lane: Lane) -> Self {
        Self {
            key,
            lane,
            timeout: Span::ZERO,
            entries: Vec::new(),
            index: HashMap::new(),
            doing: Doing::Idle,
            due: Moment(0),
            failing: false,
        }
    }

    /// Index of an instance. Probes name instances in the same order each time, so the place after
    /// the previous one is tried first.
    pub(super) fn locate(&self, instance: &Arc<str>, guess: usize) -> Option<usize> {
        match self.entries.get(guess) {
            Some(entry) if Arc::ptr_eq(&entry.instance, instance) => Some(guess),
            Some(entry) if entry.instance == *instance => Some(guess),
            _ => self.index.get(instance).copied(),
        }
    }

    /// Replaces the list of instances; what was read of those that stay is kept.
    pub(super) fn set_entries(&mut self, list: Vec<(Arc<str>, Vec<WatchIx>)>) {
        let mut old: HashMap<Arc<str>, Entry> =
            self.entries.drain(..).map(|entry| (Arc::clone(&entry.instance), entry)).collect();
        self.index.clear();
        for (n, (instance, watches)) in list.into_iter().enumerate() {
            self.index.insert(Arc::clone(&instance), n);
            let (seen_in, last, at) = old
                .remove(&instance)
                .map_or((0, None, Moment(0)), |entry| (entry.seen_in, entry.last, entry.at));
            self.entries.push(Entry { instance, watches, seen_in, last, at });
        }
    }

    /// `filesystem /data`, for people.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.key.kind, self.key.name)
    }
}

/// All sources and their times.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    pub(super) sources: BTreeMap<SourceId, Source>,
    by_key: BTreeMap<SourceKey, SourceId>,
    due: BTreeSet<(Moment, SourceId)>,
    deadlines: BTreeSet<(Moment, SourceId)>,
    next_source: u32,
    next_run: u64,
    /// Runs answered, and runs left out.
    pub(super) runs: u64,
    pub(super) skipped: u64,
    /// Inline runs that were asked for and not answered yet.
    pub(super) inline: usize,
}

impl Schedule {
    pub(super) fn find(&self, key: &SourceKey) -> Option<SourceId> {
        self.by_key.get(key).copied()
    }

    /// A new source, due at once.
    pub(super) fn add(&mut self, source: Source, now: Moment) -> SourceId {
        let id = SourceId(self.next_source);
        self.next_source = self.next_source.saturating_add(1);
        self.by_key.insert(source.key.clone(), id);
        self.due.insert((now, id));
        self.sources.insert(id, Source { due: now, ..source });
        id
    }

    pub(super) fn remove(&mut self, id: SourceId) {
        let Some(source) = self.sources.remove(&id) else { return };
        self.by_key.remove(&source.key);
        self.due.remove(&(source.due, id));
        if let Doing::Busy { since, .. } = source.doing {
            self.deadlines.remove(&(since + source.timeout, id));
            if source.lane == Lane::Inline {
                self.inline = self.inline.saturating_sub(1);
            }
        }
    }

    /// Starts what is due; calls `read` with source and run for each. What still runs is skipped.
    pub(super) fn start_due(&mut self, now: Moment, mut read: impl FnMut(SourceId, u64)) {
        while let Some((when, id)) = self.due.first().copied().filter(|(when, _)| *when <= now) {
            self.due.remove(&(when, id));
            let Some(source) = self.sources.get_mut(&id) else { continue };
            let every = source.key.every.as_millis().max(1);
            source.due = Moment((now.0 / every).saturating_add(1).saturating_mul(every));
            self.due.insert((source.due, id));
            if source.doing != Doing::Idle {
                self.skipped += 1;
                continue;
            }
            self.next_run += 1;
            source.doing = Doing::Busy { run: self.next_run, since: now };
            match source.lane {
                Lane::Own => {
                    self.deadlines.insert((now + source.timeout, id));
                }
                Lane::Inline => self.inline += 1,
            }
            read(id, self.next_run);
        }
    }

    /// A run came back. Says whether its answer counts; a late one only frees its lane.
    pub(super) fn finish(&mut self, id: SourceId, run: u64) -> bool {
        let Some(source) = self.sources.get_mut(&id) else { return false };
        match source.doing {
            Doing::Busy { run: current, since } if current == run => {
                source.doing = Doing::Idle;
                self.deadlines.remove(&(since + source.timeout, id));
                if source.lane == Lane::Inline {
                    self.inline = self.inline.saturating_sub(1);
                }
                self.runs += 1;
                true
            }
            Doing::Stuck { run: current, .. } if current == run => {
                source.doing = Doing::Idle;
                false
            }
            _ => false,
        }
    }

    /// Gives up one run whose time is over.
    pub(super) fn overdue(&mut self, now: Moment) -> Option<(SourceId, Moment)> {
        let (when, id) = self.deadlines.first().copied().filter(|(when, _)| *when <= now)?;
        self.deadlines.remove(&(when, id));
        let source = self.sources.get_mut(&id)?;
        let Doing::Busy { run, since } = source.doing else { return None };
        source.doing = Doing::Stuck { run, since };
        Some((id, since))
    }

    /// Takes a new timeout; a run under way keeps its deadline's place.
    pub(super) fn set_timeout(&mut self, id: SourceId, timeout: Span) {
        let Some(source) = self.sources.get_mut(&id) else { return };
        if source.timeout == timeout {
            return;
        }
        if let (Doing::Busy { since, .. }, Lane::Own) = (source.doing, source.lane) {
            self.deadlines.remove(&(since + source.timeout, id));
            self.deadlines.insert((since + timeout, id));
        }
        source.timeout = timeout;
    }

    /// When something is due or overdue next.
    pub(super) fn next(&self) -> Option<Moment> {
        let due = self.due.first().map(|(when, _)| *when);
        let deadline = self.deadlines.first().map(|(when, _)| *when);
        due.into_iter().chain(deadline).min()
    }

    /// Sources whose run has not come back, and since when.
    pub(super) fn stuck(&self) -> impl Iterator<Item = (&Source, Moment)> {
        self.sources.values().filter_map(|source| match source.doing {
            Doing::Stuck { since, .. } => Some((source, since)),
            _ => None,
        })
    }
}
