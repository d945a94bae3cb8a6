//! Where sources are read: inline on the dispatcher's wake-up, or in the lane process.
//!
//! A panic of a probe becomes a failed run. A lane process that dies is started again with the
//! next read, at most once a minute.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::clock::Clock;
use super::inbox::{Message, Post};
use super::lane_process::{Answer, LaneProcess, Order};
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
    /// How many processes were started: the number of the one that is heard.
    process_number: u32,
    started: Option<Moment>,
}

enum Source {
    Inline(Box<dyn Probe>),
    Own(Own),
}

/// A source in the lane process.
#[derive(Debug)]
struct Own {
    /// The order that opens it.
    order: Order,
    /// The run that is outstanding.
    run: Option<u64>,
    /// What its instances had to remember last, for a process that takes over.
    memos: BTreeMap<Arc<str>, String>,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Inline(_) => f.write_str("inline"),
            Self::Own(own) => write!(f, "{own:?}"),
        }
    }
}

impl Lanes {
    /// No sources yet.
    #[must_use]
    pub fn new(host: Host, clock: Clock, post: Post) -> Self {
        Self {
            host,
            clock,
            post,
            sources: HashMap::new(),
            process: None,
            process_number: 0,
            started: None,
        }
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
                Source::Own(Own { order, run: None, memos: BTreeMap::new() })
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

    /// Gives a source back what one of its instances had to remember.
    pub fn recall(&mut self, source: SourceId, instance: Arc<str>, memo: String) {
        match self.sources.get_mut(&source) {
            Some(Source::Inline(probe)) => probe.recall(&instance, &memo),
            Some(Source::Own(own)) => {
                own.memos.insert(Arc::clone(&instance), memo.clone());
                if let Some(process) = &mut self.process {
                    let _ = process.send(&Order::Recall { source: source.0, instance, memo });
                }
            }
            None => {}
        }
    }

    /// Has the devices of a kind asked for their instances. A process that cannot be started now
    /// is with the next survey.
    pub fn list(&mut self, kind: &dyn Kind) {
        let now = self.clock.now().moment;
        if self.process.is_none() && self.start_process(now).is_err() {
            return;
        }
        let order = Order::List { kind: kind.spec().name.to_owned(), now };
        if self.process.as_mut().is_some_and(|process| process.send(&order).is_err()) {
            self.process = None;
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
            Source::Own(own) => {
                own.run = Some(run);
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
        self.process_number = self.process_number.wrapping_add(1);
        let (post, number) = (self.post.clone(), self.process_number);
        let mut process = LaneProcess::start(&self.host, move |answer| {
            post.send(Message::Lane(number, answer));
        })
        .map_err(|error| format!("cannot start the lane process: {error}"))?;
        for order in self.all_again() {
            process.send(&order).map_err(|error| format!("the lane process: {error}"))?;
        }
        self.process = Some(process);
        Ok(())
    }

    /// What a process that takes over must be told: its sources, and what each had to remember.
    fn all_again(&self) -> impl Iterator<Item = Order> {
        self.sources.iter().flat_map(|(source, opened)| {
            let Source::Own(own) = opened else { return Vec::new() };
            let recalls = own.memos.iter().map(|(instance, memo)| Order::Recall {
                source: source.0,
                instance: Arc::clone(instance),
                memo: memo.clone(),
            });
            std::iter::once(own.order.clone()).chain(recalls).collect()
        })
    }

    /// Goes on with another view of the machine: a new lane process in place of the running one,
    /// at once, in which every source is opened anew and what was being read is read again.
    /// Returns what the engine must know.
    pub fn renew(&mut self, host: Host) -> Vec<Event> {
        self.host = host;
        // Where nothing was slow so far, the first slow source starts the process.
        if self.process.take().is_none() {
            return Vec::new();
        }
        let now = self.clock.now().moment;
        // The one before did not die, so this one need not wait.
        self.started = None;
        let mut events = Vec::new();
        let outstanding: Vec<(SourceId, u64)> = self
            .sources
            .iter()
            .filter_map(|(source, opened)| match opened {
                Source::Own(own) => Some((*source, own.run?)),
                Source::Inline(_) => None,
            })
            .collect();
        for (source, run) in outstanding {
            if let Err(why) = self.order_read(source, run, now) {
                events.push(failed(source, run, now, why));
            }
        }
        if self.process.is_none() && self.started.is_none() {
            // Whoever cannot start it now does with the next read.
            let _ = self.start_process(now);
        }
        events
    }

    /// Takes in an answer of the lane process of this number, or that it has ended; returns what
    /// the engine must know. One that was replaced has no more to say.
    pub fn hear(&mut self, number: u32, answer: Option<Answer>) -> Vec<Event> {
        if number != self.process_number {
            return Vec::new();
        }
        let now = self.clock.now().moment;
        let Some(answer) = answer else {
            self.process = None;
            let outstanding = self.sources.iter_mut().filter_map(|(source, opened)| {
                let Source::Own(own) = opened else { return None };
                let why = "the lane process has ended".to_owned();
                Some(failed(*source, own.run.take()?, now, why))
            });
            return outstanding.collect();
        };
        let (source, run, result) = match answer {
            Answer::Read { source, run, result } => (SourceId(source), run, result),
            Answer::Listed { kind, result } => {
                let Some(kind) = probe::kind(&kind) else { return Vec::new() };
                let result =
                    result.map(|lines| lines.into_iter().map(|line| line.found(kind)).collect());
                return vec![Event::Inquired { kind: kind.spec().name, result }];
            }
        };
        if let Some(Source::Own(own)) = self.sources.get_mut(&source) {
            if own.run == Some(run) {
                own.run = None;
            }
            for seen in result.iter().flatten() {
                if let Some(memo) = &seen.memo {
                    own.memos.insert(Arc::clone(&seen.instance), memo.clone());
                }
            }
        }
        let sample = Sample { taken: now, result };
        vec![Event::Sampled { source, run, sample }]
    }
}

fn failed(source: SourceId, run: u64, now: Moment, why: String) -> Event {
    let sample = Sample { taken: now, result: Err(ProbeError::Failed(why)) };
    Event::Sampled { source, run, sample }
}

#[cfg(test)]
mod tests {
    use super::super::inbox::Inbox;
    use super::*;
    use crate::model::reading::Observation;

    fn lanes() -> Lanes {
        let (post, _) = Inbox::open().unwrap();
        let mut lanes = Lanes::new(Host::live(), Clock::new(), post);
        let kind = &crate::probe::raid::Raid;
        lanes.open(SourceId(1), kind, "megaraid", &Options::default(), Lane::Own);
        lanes.open(SourceId(2), kind, "md", &Options::default(), Lane::Inline);
        lanes
    }

    fn answer(run: u64, memo: Option<&str>) -> Option<Answer> {
        let memo = memo.map(str::to_owned);
        let seen = Observation { instance: "c0".into(), memo, ..Observation::default() };
        Some(Answer::Read { source: 1, run, result: Ok(vec![seen]) })
    }

    /// The present process says this, or has ended.
    fn hear(lanes: &mut Lanes, answer: Option<Answer>) -> Vec<Event> {
        let number = lanes.process_number;
        lanes.hear(number, answer)
    }

    /// What the next process would be told, in short.
    fn again(lanes: &Lanes) -> Vec<String> {
        let short = |order| match order {
            Order::Open { source, name, .. } => format!("open {source} {name}"),
            Order::Recall { source, instance, memo } => {
                format!("recall {source} {instance} {memo}")
            }
            other => format!("{other:?}"),
        };
        lanes.all_again().map(short).collect()
    }

    #[test]
    fn a_process_that_takes_over_is_told_the_latest_memo_after_its_source() {
        let mut lanes = lanes();
        assert_eq!(again(&lanes), ["open 1 megaraid"]);
        lanes.recall(SourceId(1), "c0".into(), "of the journal".to_owned());
        assert_eq!(again(&lanes), ["open 1 megaraid", "recall 1 c0 of the journal"]);
        hear(&mut lanes, answer(1, Some("of run 1")));
        hear(&mut lanes, answer(2, None));
        assert_eq!(again(&lanes), ["open 1 megaraid", "recall 1 c0 of run 1"]);
        assert!(hear(&mut lanes, None).is_empty(), "nothing was outstanding");
        assert_eq!(again(&lanes), ["open 1 megaraid", "recall 1 c0 of run 1"]);
        lanes.close(SourceId(1));
        assert!(again(&lanes).is_empty());
    }

    #[test]
    fn what_is_outstanding_when_the_process_ends_has_failed() {
        let mut lanes = lanes();
        let Some(Source::Own(own)) = lanes.sources.get_mut(&SourceId(1)) else { panic!() };
        own.run = Some(7);
        let events = hear(&mut lanes, None);
        let [Event::Sampled { source: SourceId(1), run: 7, sample }] = events.as_slice() else {
            panic!("{events:?}")
        };
        assert!(sample.result.is_err());
        assert!(hear(&mut lanes, None).is_empty(), "once");
    }
}
