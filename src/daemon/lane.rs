//! Where sources are read: inline on the dispatcher's wake-up, or in the lane process.
//!
//! A panic of a probe becomes a failed run. A lane process that dies is started again with the
//! next read, at most once a minute.

use std::collections::HashMap;

use super::clock::Clock;
use super::inbox::{Message, Post};
use super::lane_process::{LaneProcess, Order};
use crate::engine::event::{Event, SourceId};
use crate::host::Host;
use crate::model::reading::{ProbeError, Sample};
use crate::model::time::Moment;
use crate::model::unit::Span;
use crate::probe::{self, Kind, Lane, Options, Probe};

/// A lane process that keeps dying is not started more often than this.
const RESTART_EVERY: Span = Span::from_secs(60);

/// All open sources.
#[derive(Debug)]
pub struct Lanes {
    host: Host,
    clock: Clock,
    post: Post,
    sources: HashMap<SourceId, Source>,
    process: Option<LaneProcess>,
    started: Option<Moment>,
}

enum Source {
    Inline(Box<dyn Probe>),
    /// The order that opens it, and the run that is outstanding.
    Own(Order, Option<u64>),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Inline(_) => f.write_str("inline"),
            Self::Own(order, run) => write!(f, "own {order:?} {run:?}"),
        }
    }
}

impl Lanes {
    /// No sources yet.
    #[must_use]
    pub fn new(host: Host, clock: Clock, post: Post) -> Self {
        Self { host, clock, post, sources: HashMap::new(), process: None, started: None }
    }

    /// Opens a source.
    pub fn open(
        &mut self,
        source: SourceId,
        kind: &dyn Kind,
        name: &str,
        options: &Options,
        lane: Lane,
    ) {
        let opened = match lane {
            Lane::Inline => Source::Inline(kind.open(name, options)),
            Lane::Own => {
                let options = options.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
                let order = Order::Open {
                    source: source.0,
                    kind: kind.spec().name.to_owned(),
                    name: name.to_owned(),
                    options: options.collect(),
                };
                if let Some(process) = &mut self.process {
                    let _ = process.send(&order);
                }
                Source::Own(order, None)
            }
        };
        self.sources.insert(source, opened);
    }

    /// Forgets a source. A lane that hangs in it stays until the system lets it go.
    pub fn close(&mut self, source: SourceId) {
        if let (Some(Source::Own(..)), Some(process)) =
            (self.sources.remove(&source), &mut self.process)
        {
            let _ = process.send(&Order::Close { source: source.0 });
        }
    }

    /// Runs a source. An inline source answers at once; a lane answers through the inbox.
    pub fn read(&mut self, source: SourceId, run: u64) -> Option<Event> {
        let now = self.clock.now().moment;
        match self.sources.get_mut(&source)? {
            Source::Inline(probe) => {
                let result = probe::run(probe.as_mut(), &self.host, now);
                let sample = Sample { taken: now, result };
                Some(Event::Sampled { source, run, sample })
            }
            Source::Own(_, outstanding) => {
                *outstanding = Some(run);
                let sent = self.order_read(source, run, now);
                sent.err().map(|why| failed(source, run, now, why))
            }
        }
    }

    fn order_read(&mut self, source: SourceId, run: u64, now: Moment) -> Result<(), String> {
        if self.process.is_none() {
            self.start_process(now)?;
        }
        let order = Order::Read { source: source.0, run, now };
        match self.process.as_mut().map(|process| process.send(&order)) {
            Some(Ok(())) => Ok(()),
            _ => {
                self.process = None;
                Err("the lane process has ended".to_owned())
            }
        }
    }

    fn start_process(&mut self, now: Moment) -> Result<(), String> {
        if self.started.is_some_and(|started| now.since(started) < RESTART_EVERY) {
            return Err("the lane process has ended; it is started again soon".to_owned());
        }
        self.started = Some(now);
        let post = self.post.clone();
        let mut process = LaneProcess::start(&self.host, move |answer| {
            post.send(Message::Lane(answer));
        })
        .map_err(|error| format!("cannot start the lane process: {error}"))?;
        for source in self.sources.values() {
            if let Source::Own(order, _) = source {
                process.send(order).map_err(|error| format!("the lane process: {error}"))?;
            }
        }
        self.process = Some(process);
        Ok(())
    }

    /// Takes in an answer of the lane process, or that it has ended; returns what the engine must
    /// know.
    pub fn hear(&mut self, answer: Option<super::lane_process::Answer>) -> Vec<Event> {
        let now = self.clock.now().moment;
        let Some(answer) = answer else {
            self.process = None;
            let outstanding = self.sources.iter_mut().filter_map(|(source, opened)| {
                let Source::Own(_, run) = opened else { return None };
                let why = "the lane process has ended".to_owned();
                Some(failed(*source, run.take()?, now, why))
            });
            return outstanding.collect();
        };
        let source = SourceId(answer.source);
        if let Some(Source::Own(_, run)) = self.sources.get_mut(&source)
            && *run == Some(answer.run)
        {
            *run = None;
        }
        let sample = Sample { taken: now, result: answer.result };
        vec![Event::Sampled { source, run: answer.run, sample }]
    }
}

fn failed(source: SourceId, run: u64, now: Moment, why: String) -> Event {
    let sample = Sample { taken: now, result: Err(ProbeError::Failed(why)) };
    Event::Sampled { source, run, sample }
}
