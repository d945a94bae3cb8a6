//! Lists and reads everything once, for the one-shot commands: what may hang in the lane process,
//! with one deadline for all lists and one for all readings; rates by a second reading a moment
//! later.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use super::clock::Clock;
use super::lane_process::{Answer, LaneProcess, Order};
use crate::config::plan::Check;
use crate::host::Host;
use crate::model::reading::{MetricId, Observation, ProbeError};
use crate::model::time::Moment;
use crate::model::unit::Span;
use crate::probe::{self, Found, Kind, Lane, Probe};

/// Between the two readings of a rate.
const RATE_INTERVAL: Span = Span::from_secs(1);

/// What is read together: kind, source, options.
type Key = (&'static str, Arc<str>, String);

type Outcome = Result<Vec<Observation>, ProbeError>;

/// Collects what is wanted, reads it, and hands out what was seen.
#[derive(Debug)]
pub struct Reader {
    host: Host,
    timeout: Span,
    keys: HashMap<Key, usize>,
    sources: Vec<Source>,
    slow: Option<Slow>,
}

/// The lane process, and what it says.
#[derive(Debug)]
struct Slow {
    process: LaneProcess,
    answers: Receiver<Answer>,
}

/// What there is of one kind.
#[derive(Debug)]
pub struct Listed {
    /// The kind.
    pub kind: &'static dyn Kind,
    /// Its instances, or why they cannot be listed.
    pub found: Result<Vec<Found>, ProbeError>,
    /// A device that had to be asked for more of them gave no answer.
    pub unasked: bool,
}

struct Source {
    check: Arc<Check>,
    name: Arc<str>,
    lane: Lane,
    probe: Option<Box<dyn Probe>>,
    /// Metrics that rules speak of: a rate among them has no value at the first reading.
    metrics: Vec<MetricId>,
    outcome: Outcome,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}", self.name, self.outcome)
    }
}

/// What was seen of one instance.
#[derive(Debug)]
pub enum Seen<'a> {
    /// Its readings.
    Observation(&'a Observation),
    /// Why there are none.
    Error(&'a ProbeError),
    /// It vanished between survey and reading.
    Nothing,
}

impl Reader {
    /// Nothing wanted yet.
    #[must_use]
    pub fn new(host: Host, timeout: Span) -> Self {
        Self { host, timeout, keys: HashMap::new(), sources: Vec::new(), slow: None }
    }

    /// Finds the instances of these kinds; returns when all have answered or the deadline has
    /// passed.
    pub fn list(&mut self, kinds: impl Iterator<Item = &'static dyn Kind>) -> Vec<Listed> {
        let mut list = Vec::new();
        let mut waiting = 0;
        let now = Clock::new().now().moment;
        for kind in kinds {
            let asks = kind.asks(&self.host);
            if asks && let Some(slow) = self.slow() {
                let order = Order::List { kind: kind.spec().name.to_owned(), now };
                waiting += usize::from(slow.process.send(&order).is_ok());
            }
            list.push(Listed { kind, found: kind.survey(&self.host), unasked: asks });
        }
        self.collect(waiting, |_, answer| {
            let Answer::Listed { kind, result } = answer else { return false };
            let mut all = list.iter_mut();
            if let Some(one) = all.find(|one| one.kind.spec().name == kind)
                && let (Ok(found), Ok(asked)) = (&mut one.found, result)
            {
                let asked = asked.into_iter().map(|line| line.found(one.kind)).collect();
                *found = probe::join(std::mem::take(found), asked);
                one.unasked = false;
            }
            true
        });
        list
    }

    fn slow(&mut self) -> Option<&mut Slow> {
        if self.slow.is_none() {
            let (sender, answers) = channel();
            let process = LaneProcess::start(&self.host, move |answer| {
                // When the child ends, the sender goes with this closure and the wait is over.
                if let Some(answer) = answer {
                    let _ = sender.send(answer);
                }
            });
            self.slow = Some(Slow { process: process.ok()?, answers });
        }
        self.slow.as_mut()
    }

    /// Adds an instance.
    pub fn want(&mut self, check: &Arc<Check>, found: &Found) {
        let index = *self.keys.entry(key(check, found)).or_insert(self.sources.len());
        if index == self.sources.len() {
            let late = format!("no answer from {} within {}", found.source, self.timeout);
            self.sources.push(Source {
                check: Arc::clone(check),
                name: Arc::clone(&found.source),
                lane: found.lane,
                probe: None,
                metrics: Vec::new(),
                outcome: Err(ProbeError::TimedOut(late)),
            });
        }
        let levels = [&check.rule.warn, &check.rule.crit];
        let clauses = levels.into_iter().flatten().flat_map(|level| &level.clauses);
        if let Some(source) = self.sources.get_mut(index) {
            source.metrics.extend(clauses.map(|clause| clause.metric));
        }
    }

    /// Reads everything; returns when all have answered or the deadline has passed.
    pub fn read(&mut self) {
        let clock = Clock::new();
        let waiting = self.start_slow(clock.now().moment);
        self.read_inline(clock.now().moment);
        let incomplete = self.sources.iter().any(|s| s.lane == Lane::Inline && !s.is_complete());
        if incomplete && !self.host.is_recorded() {
            std::thread::sleep(RATE_INTERVAL.to_std());
            self.read_inline(clock.now().moment);
        }
        self.collect(waiting, |sources, answer| {
            let Answer::Read { source, result, .. } = answer else { return false };
            let index = usize::try_from(source).unwrap_or(usize::MAX);
            if let Some(source) = sources.get_mut(index) {
                source.outcome = result;
            }
            true
        });
    }

    fn read_inline(&mut self, now: Moment) {
        for source in self.sources.iter_mut().filter(|source| source.lane == Lane::Inline) {
            if source.probe.is_some() && source.is_complete() {
                continue;
            }
            let check = &source.check;
            let probe =
                source.probe.get_or_insert_with(|| check.kind.open(&source.name, &check.options));
            source.outcome = probe::run(probe.as_mut(), &self.host, now);
        }
    }

    /// Orders the readings of slow sources; says how many.
    fn start_slow(&mut self, now: Moment) -> usize {
        let mut orders = Vec::new();
        for (source, number) in self.sources.iter().zip(0_u32..) {
            if source.lane == Lane::Inline {
                continue;
            }
            let options =
                source.check.options.iter().map(|(key, v)| ((*key).to_owned(), v.clone()));
            orders.push(Order::Open {
                source: number,
                kind: source.check.kind.spec().name.to_owned(),
                name: source.name.to_string(),
                options: options.collect(),
            });
            orders.push(Order::Read { source: number, run: 0, now });
        }
        if orders.is_empty() {
            return 0;
        }
        let Some(slow) = self.slow() else { return 0 };
        let _ = orders.iter().try_for_each(|order| slow.process.send(order));
        orders.len() / 2
    }

    /// Takes in answers until as many as are waited for have come, or the deadline has passed.
    /// `take` says whether an answer was one of them.
    fn collect(&mut self, waiting: usize, mut take: impl FnMut(&mut [Source], Answer) -> bool) {
        let clock = Clock::new();
        let deadline = clock.now().moment + self.timeout;
        let Some(slow) = &self.slow else { return };
        let mut left = waiting;
        while left > 0 {
            let patience = deadline.since(clock.now().moment);
            let Ok(answer) = slow.answers.recv_timeout(patience.to_std()) else { return };
            left -= usize::from(take(&mut self.sources, answer));
        }
    }

    /// What was seen of an instance.
    #[must_use]
    pub fn seen(&self, check: &Check, found: &Found) -> Seen<'_> {
        let source = self.keys.get(&key(check, found)).and_then(|index| self.sources.get(*index));
        match source.map(|source| &source.outcome) {
            Some(Ok(observations)) => observations
                .iter()
                .find(|observation| observation.instance == found.instance)
                .map_or(Seen::Nothing, Seen::Observation),
            Some(Err(error)) => Seen::Error(error),
            None => Seen::Nothing,
        }
    }
}

impl Source {
    /// Whether every metric that a rule speaks of has a value, or none will come.
    fn is_complete(&self) -> bool {
        match &self.outcome {
            Ok(observations) => observations.iter().all(|observation| {
                self.metrics.iter().all(|metric| observation.get(*metric).is_some())
            }),
            Err(_) => false,
        }
    }
}

fn key(check: &Check, found: &Found) -> Key {
    (check.kind.spec().name, Arc::clone(&found.source), format!("{:?}", check.options))
}
