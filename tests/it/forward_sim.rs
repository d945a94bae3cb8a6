//! A forwarder in virtual time: collectors that do what a test says, each with a way that takes its
//! time, and a clock that jumps from event to event.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use hostwatch::forward::forwarder::{Forwarder, Next, deliver};
use hostwatch::forward::health::Health;
use hostwatch::forward::outlet::{Appetite, Batches, Load, Mark, Outcome, Outlet, Proof, Reply};
use hostwatch::model::batch::{Batch, Change, Own, Parcel, Verdict};
use hostwatch::model::id::Id;
use hostwatch::model::state::State;
use hostwatch::model::time::{Moment, Now, Stamp};
use hostwatch::model::unit::Span;
use hostwatch::store::spool::{Bounds, Spool};

pub(crate) const SECOND: u64 = 1000;
pub(crate) const MINUTE: u64 = 60 * SECOND;
pub(crate) const HOUR: u64 = 60 * MINUTE;
/// Between two batches.
pub(crate) const CYCLE: u64 = 30 * SECOND;
/// Thu 26 Nov 2026 00:00 UTC, when every story begins.
pub(crate) const START: i64 = 1_795_651_200_000;

/// What a collector does with one attempt.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// Takes it.
    Take,
    /// The outlet has nothing to say to it and asks nobody.
    Unsaid,
    /// Takes it, and its answer is lost.
    TakeInSilence,
    /// No answer: refused, cut off, timed out.
    Silence,
    /// A status, and the pause that is asked for, in seconds.
    Status(u16, Option<u64>),
}

/// A load as a collector tells it from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Got {
    Batch(u64),
    Change(u64),
}

impl Got {
    fn of(load: Load<'_>) -> Self {
        match load {
            Load::Batch(batch) => Self::Batch(batch.own.runs),
            Load::Change(change) => Self::Change(change.number),
        }
    }
}

type Behaviour = dyn FnMut(u64, Got) -> Answer + Send;

/// What a collector and its test both see.
pub(crate) struct Shared {
    pub(crate) now: Now,
    pub(crate) behaviour: Box<Behaviour>,
    /// How long an answer takes, in milliseconds.
    pub(crate) lasts: u64,
    /// How far its clock is ahead of the true time, in milliseconds; `None`: it tells none.
    pub(crate) ahead: Option<i64>,
    /// What it has, in the order in which it came, and when (milliseconds since the start).
    pub(crate) got: Vec<(u64, Got)>,
    /// Stamps of the batches, with its own clock when it came.
    pub(crate) stamps: Vec<(Stamp, Stamp)>,
    /// The batch that came last.
    pub(crate) latest: Option<Batch>,
    /// Begins of all attempts.
    pub(crate) attempts: Vec<(u64, Got)>,
    pub(crate) asked: usize,
    /// How far this host's wall clock is ahead of the true time.
    wall_ahead: i64,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} taken in {} attempts", self.got.len(), self.attempts.len())
    }
}

impl Shared {
    fn clock(&self) -> Option<Stamp> {
        self.ahead.map(|ahead| Stamp(self.now.wall.0 - self.wall_ahead + ahead))
    }

    pub(crate) fn batches(&self) -> Vec<u64> {
        let number = |(_, got): &(u64, Got)| match got {
            Got::Batch(number) => Some(*number),
            Got::Change(_) => None,
        };
        self.got.iter().filter_map(number).collect()
    }

    pub(crate) fn changes(&self) -> Vec<u64> {
        let number = |(_, got): &(u64, Got)| match got {
            Got::Change(number) => Some(*number),
            Got::Batch(_) => None,
        };
        self.got.iter().filter_map(number).collect()
    }
}

/// A handle to a collector; it is also the outlet that reaches it.
#[derive(Debug, Clone)]
pub(crate) struct Collector {
    pub(crate) appetite: Appetite,
    shared: Arc<Mutex<Shared>>,
}

impl Collector {
    pub(crate) fn new(batches: Batches, changes: bool) -> Self {
        let now = Now { moment: Moment(0), wall: Stamp(START) };
        let shared = Shared {
            now,
            behaviour: Box::new(|_, _| Answer::Take),
            lasts: 5,
            ahead: Some(0),
            got: Vec::new(),
            stamps: Vec::new(),
            latest: None,
            attempts: Vec::new(),
            asked: 0,
            wall_ahead: 0,
        };
        let appetite = Appetite { batches, changes };
        Self { appetite, shared: Arc::new(Mutex::new(shared)) }
    }

    pub(crate) fn see(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap()
    }

    pub(crate) fn does(&self, behaviour: impl FnMut(u64, Got) -> Answer + Send + 'static) {
        self.see().behaviour = Box::new(behaviour);
    }
}

/// What a dialect over HTTP makes of a status (RFC 9110 and the remote-write specification).
fn outcome(status: u16, after: Option<u64>) -> Outcome {
    let why = format!("HTTP {status}");
    match status {
        200..=299 => Outcome::Done,
        401 | 403 | 404 => Outcome::Hold { why },
        500 => Outcome::Retry { why, after: after.map(Span::from_secs), suspect: true },
        429 | 502..=504 => {
            Outcome::Retry { why, after: after.map(Span::from_secs), suspect: false }
        }
        _ => Outcome::Dropped { lost: 1, why },
    }
}

impl Outlet for Collector {
    fn appetite(&self) -> Appetite {
        self.appetite
    }

    fn deliver(&mut self, load: Load<'_>, _: Span) -> Reply {
        let mut shared = self.see();
        let (at, got) = (shared.now.moment.0, Got::of(load));
        shared.attempts.push((at, got));
        let answer = (shared.behaviour)(at, got);
        let clock = shared.clock();
        if matches!(answer, Answer::Take | Answer::TakeInSilence) {
            shared.got.push((at, got));
            if let Load::Batch(batch) = load {
                let stamps = (batch.at, clock.unwrap_or(shared.now.wall));
                shared.stamps.push(stamps);
                shared.latest = Some(batch.clone());
            }
        }
        let silent = Outcome::Retry { why: "no answer".to_owned(), after: None, suspect: false };
        match answer {
            Answer::Take => Reply { outcome: Outcome::Done, clock },
            Answer::Unsaid => Reply { outcome: Outcome::Done, clock: None },
            Answer::Status(status, after) => Reply { outcome: outcome(status, after), clock },
            Answer::Silence | Answer::TakeInSilence => Reply { outcome: silent, clock: None },
        }
    }

    fn clock(&mut self, _: Span) -> Option<Stamp> {
        let mut shared = self.see();
        shared.asked += 1;
        // A collector that is down tells no time either.
        let at = shared.now.moment.0;
        match (shared.behaviour)(at, Got::Batch(u64::MAX)) {
            Answer::Silence | Answer::TakeInSilence => None,
            _ => shared.clock(),
        }
    }

    fn test(&mut self, _: &Mark, _: Span) -> Result<Proof, String> {
        Err("not of use here".to_owned())
    }
}

/// A host with its forwarder, its outlets and its time.
pub(crate) struct Host {
    pub(crate) forwarder: Forwarder,
    pub(crate) collectors: Vec<(String, Collector)>,
    under_way: Vec<Option<(u64, u64, Reply)>>,
    /// Milliseconds since the start.
    pub(crate) at: u64,
    /// How far the wall clock is ahead of the true time.
    pub(crate) wall_ahead: i64,
    pub(crate) batches: u64,
    pub(crate) changes: u64,
    directory: PathBuf,
    bounds: Bounds,
}

impl Host {
    pub(crate) fn new(directory: &Path, bounds: Bounds, collectors: &[Collector]) -> Self {
        let name = |number: usize| format!("outlet{number}");
        let collectors: Vec<(String, Collector)> =
            collectors.iter().enumerate().map(|(n, one)| (name(n), one.clone())).collect();
        let spool = Spool::open(directory, bounds, Moment(0));
        let forwarder = Forwarder::new(spool, "web1.example.net", &appetites(&collectors));
        let under_way = collectors.iter().map(|_| None).collect();
        Self {
            forwarder,
            collectors,
            under_way,
            at: 0,
            wall_ahead: 0,
            batches: 0,
            changes: 0,
            directory: directory.to_owned(),
            bounds,
        }
    }

    pub(crate) fn now(&self) -> Now {
        let at = i64::try_from(self.at).unwrap();
        Now { moment: Moment(self.at), wall: Stamp(START + at + self.wall_ahead) }
    }

    /// The process ends without a word, and another begins.
    pub(crate) fn crash(&mut self) {
        let spool = Spool::open(&self.directory, self.bounds, Moment(self.at));
        self.forwarder = Forwarder::new(spool, "web1.example.net", &appetites(&self.collectors));
        self.under_way = self.collectors.iter().map(|_| None).collect();
    }

    /// Attempts that are under way end with nobody to hear of it.
    pub(crate) fn crash_under_way(&mut self) {
        self.under_way.iter_mut().for_each(|under_way| *under_way = None);
    }

    pub(crate) fn spool_bytes(&self) -> u64 {
        let files = std::fs::read_dir(&self.directory).unwrap();
        files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
    }

    /// It stops as it should, and starts again.
    pub(crate) fn restart(&mut self) {
        self.forwarder.stop(self.now());
        self.crash();
    }

    pub(crate) fn batch(&mut self) {
        self.batches += 1;
        let own = Own { runs: self.batches, ..Own::default() };
        let now = self.now();
        let batch = Batch { at: now.wall, own, ..Batch::default() };
        self.forwarder.take(now, Parcel::Batch(batch));
    }

    pub(crate) fn change(&mut self) {
        self.changes += 1;
        let now = self.now();
        self.forwarder.take(now, Parcel::Change(change(self.changes, now.wall)));
    }

    /// So many cycles, each with its batch.
    pub(crate) fn cycles(&mut self, count: u64) {
        for _ in 0..count {
            self.batch();
            self.run_for(CYCLE);
        }
    }

    pub(crate) fn run_for(&mut self, milliseconds: u64) {
        let end = self.at + milliseconds;
        loop {
            let due = self.step();
            match due.filter(|due| *due < end) {
                Some(due) => self.at = due.max(self.at),
                None => break,
            }
        }
        self.at = end;
        self.step();
    }

    /// Everything that is due now; when something is due next.
    fn step(&mut self) -> Option<u64> {
        let mut due: Option<u64> = None;
        let mut sooner = |at: u64| due = Some(due.map_or(at, |due: u64| due.min(at)));
        for place in 0..self.collectors.len() {
            for round in 0.. {
                assert!(round < 10_000, "outlet {place} never rests at {} ms", self.at);
                let now = self.now();
                if let Some((end, seq, reply)) = self.under_way[place].take() {
                    if end > self.at {
                        sooner(end);
                        self.under_way[place] = Some((end, seq, reply));
                        break;
                    }
                    self.forwarder.settle(now, place, seq, &reply);
                }
                let collector = &mut self.collectors[place].1;
                {
                    let mut shared = collector.see();
                    shared.now = now;
                    shared.wall_ahead = self.wall_ahead;
                }
                match self.forwarder.next(now, place) {
                    Next::Deliver { seq, parcel } => {
                        let reply = deliver(collector, &parcel);
                        let end = self.at + collector.see().lasts;
                        self.under_way[place] = Some((end, seq, reply));
                    }
                    Next::AskClock => {
                        let clock = collector.clock(Span::from_secs(10));
                        self.forwarder.heard_clock(now, place, clock);
                    }
                    Next::Wait(until) => {
                        sooner(until.0.max(self.at));
                        if until.0 > self.at {
                            break;
                        }
                    }
                    Next::Idle => break,
                }
            }
        }
        due
    }

    pub(crate) fn health(&self) -> Health {
        self.forwarder.health(self.now()).swap_remove(0)
    }

    /// How many parcels the first outlet lost for a reason.
    pub(crate) fn dropped(&self, reason: &str) -> u64 {
        let health = self.health();
        health.numbers.dropped.iter().find(|(why, _)| why == reason).map_or(0, |(_, n)| *n)
    }
}

fn appetites(collectors: &[(String, Collector)]) -> Vec<(String, Appetite)> {
    collectors.iter().map(|(name, one)| (name.clone(), one.appetite)).collect()
}

pub(crate) fn change(number: u64, at: Stamp) -> Change {
    let verdict = Verdict {
        id: Id::new("filesystem", "/var/lib/data"),
        kind: "filesystem".into(),
        title: "/var/lib/data".to_owned(),
        state: State::Critical,
        since: at,
        read: Some(at),
        changes: number,
        silenced: false,
        acked: false,
        summary: format!("9{}% full, {number} MiB of 560 GiB left", number % 10),
        figures: Vec::new(),
    };
    Change { number, at, before: State::Ok, verdict, gone: false }
}
