//! When a BMC is looked at, and what is shown in between: one look at a time, whoever wants it,
//! on a thread of its own.
//!
//! A BMC is a slow computer that others need too. A look begins when somebody reads, not sooner
//! than [`EVERY`] after the last began, and never so soon that the BMC would be busy with us for
//! more than a quarter of its time. One that does not answer is asked less and less often. Whoever
//! reads waits a little and else gets the last look.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::log::Log;
use super::look::{Bmc, Look};
use crate::host::Host;
use crate::host::ipmi::Access;
use crate::host::timer::Stopwatch;
use crate::model::limit::{TOOL_PATIENCE, TOOL_STACK_BYTES, TOOL_STALE};
use crate::model::reading::ProbeError;
use crate::model::time::Moment;
use crate::model::unit::Span;

/// A look is younger than this for everybody who reads in one cycle of half a minute.
const EVERY: Span = Span::from_secs(25);
/// For how long something must have been so before that is worth saying.
const WORTH_SAYING: Span = Span::from_secs(60);
/// Longest pause after looks that failed.
const PAUSE_MAX: Span = Span::from_secs(300);
/// How long a list of sensors is waited for: a hundred records at the pace of the slowest
/// interfaces.
const LIST_PATIENCE: Span = Span::from_secs(300);

/// A BMC that is watched.
#[derive(Debug)]
pub(super) struct Watcher {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// What is known from look to look; away while a look is under way.
    bmc: Option<Bmc>,
    running: bool,
    /// When the last look began, and how long it took.
    begun: Option<Moment>,
    took: Span,
    last: Option<Result<Arc<Look>, ProbeError>>,
    good: Option<Arc<Look>>,
    /// Looks that failed in a row, and since when.
    failed: u32,
    silent_since: Option<Moment>,
    /// Records of a list that is being read.
    progress: Option<usize>,
    /// What an earlier run of the agent remembered, for the next look.
    recalled: Option<Log>,
    /// The time of the look whose events were handed on last.
    told: Option<Moment>,
}

/// Ways to a BMC that are kept, each with its session: one is in use, the others are from before the
/// configuration changed.
const WATCHED: usize = 4;

/// All that are watched: one, unless the configuration changed.
static WATCHERS: Mutex<BTreeMap<String, Arc<Watcher>>> = Mutex::new(BTreeMap::new());

impl Watcher {
    /// The watcher of this machine's BMC. A recording has one for each who asks: it answers at
    /// once, and is not the machine that runs.
    pub(super) fn of(host: &Host) -> Arc<Self> {
        if host.is_recorded() {
            return Arc::new(Self::new());
        }
        let name = match host.bmc() {
            Access::InBand => String::new(),
            access => serde_json::to_string(access).unwrap_or_default(),
        };
        let mut all = WATCHERS.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= WATCHED && !all.contains_key(&name) {
            all.clear();
        }
        Arc::clone(all.entry(name).or_insert_with(|| Arc::new(Self::new())))
    }

    fn new() -> Self {
        let state = State { bmc: Some(Bmc::default()), ..State::default() };
        Self { state: Mutex::new(state), ended: Condvar::new() }
    }

    /// The latest look, a new one where it is time.
    ///
    /// # Errors
    /// Why the last look failed; timed out while the first has not ended.
    pub(super) fn look(
        self: &Arc<Self>,
        host: &Host,
        now: Moment,
    ) -> Result<Arc<Look>, ProbeError> {
        self.wait(host, now, TOOL_PATIENCE)
    }

    /// The latest look for somebody who has more time.
    ///
    /// # Errors
    /// As [`Watcher::look`].
    pub(super) fn look_patiently(
        self: &Arc<Self>,
        host: &Host,
        now: Moment,
    ) -> Result<Arc<Look>, ProbeError> {
        self.wait(host, now, LIST_PATIENCE)
    }

    fn wait(
        self: &Arc<Self>,
        host: &Host,
        now: Moment,
        patience: Span,
    ) -> Result<Arc<Look>, ProbeError> {
        let mut state = self.lock();
        if !state.running && state.is_due(now) {
            self.begin(host, now, &mut state);
        }
        let (state, _) = self
            .ended
            .wait_timeout_while(state, patience.to_std(), |state| state.running)
            .unwrap_or_else(PoisonError::into_inner);
        match (&state.last, &state.good) {
            (Some(last), _) if !state.running => match last {
                Ok(look) => Ok(Arc::clone(look)),
                Err(error) => Err(state.since(error, now)),
            },
            (Some(Err(error)), _) => Err(state.since(error, now)),
            (_, Some(good)) if now.since(good.at) < TOOL_STALE => Ok(Arc::clone(good)),
            _ => {
                let read = state.progress.map(|count| format!(", {count} records so far"));
                Err(ProbeError::TimedOut(format!(
                    "the list of the BMC's sensors is being read{}",
                    read.unwrap_or_default()
                )))
            }
        }
    }

    /// Gives back what an earlier run of the agent knew of the event log.
    pub(super) fn recall(&self, log: Log) {
        let mut state = self.lock();
        match &mut state.bmc {
            Some(bmc) => bmc.log = log,
            None => state.recalled = Some(log),
        }
    }

    /// What the look of this time found in the event log was handed on.
    pub(super) fn told(&self, at: Moment) {
        self.lock().told = Some(at);
    }

    fn begin(self: &Arc<Self>, host: &Host, now: Moment, state: &mut State) {
        state.running = true;
        state.begun = Some(now);
        let mut bmc = state.bmc.take().unwrap_or_default();
        if let Some(log) = state.recalled.take() {
            bmc.log = log;
        }
        if let Some(at) = state.told.take() {
            bmc.log.events.told(at);
        }
        let log = bmc.log.clone();
        let (watcher, host) = (Arc::clone(self), host.clone());
        let thread =
            std::thread::Builder::new().name("bmc".to_owned()).stack_size(TOOL_STACK_BYTES);
        let spawned = thread.spawn(move || {
            let mut run = Run { watcher, bmc, now, result: None };
            let watch = Stopwatch::start();
            let result = run.bmc.look(&host, now);
            run.watcher.lock().took = watch.elapsed();
            run.result = Some(result);
        });
        if let Err(error) = spawned {
            state.running = false;
            let mut bmc = Bmc::default();
            bmc.log = log;
            state.bmc = Some(bmc);
            let why = format!("cannot start a thread for the BMC: {error}");
            state.last = Some(Err(ProbeError::Failed(why)));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether it is time for a look.
    fn is_due(&self, now: Moment) -> bool {
        let Some(begun) = self.begun else { return true };
        let pause = match self.failed {
            0 => EVERY.max(self.took.times(4)),
            failed => PAUSE_MAX.min(EVERY.times(1 << failed.min(8).saturating_sub(1))),
        };
        now < begun || now.since(begun) >= pause
    }

    /// The error, and for how long it has been so.
    fn since(&self, error: &ProbeError, now: Moment) -> ProbeError {
        let Some(since) = self.silent_since.filter(|since| now.since(*since) >= WORTH_SAYING)
        else {
            return error.clone();
        };
        let text = |text: &str| format!("{text} (so for {})", now.since(since));
        match error {
            ProbeError::TimedOut(why) => ProbeError::TimedOut(text(why)),
            ProbeError::Failed(why) => ProbeError::Failed(text(why)),
            ProbeError::Malformed(why) => ProbeError::Malformed(text(why)),
            steady => steady.clone(),
        }
    }
}

/// A look under way. Its end is told however it comes.
struct Run {
    watcher: Arc<Watcher>,
    bmc: Bmc,
    now: Moment,
    result: Option<Result<Look, ProbeError>>,
}

impl Drop for Run {
    fn drop(&mut self) {
        let result = self.result.take().unwrap_or_else(|| {
            let why = "the agent stumbled over an answer of the BMC; please report this";
            Err(ProbeError::Failed(why.to_owned()))
        });
        let mut state = self.watcher.lock();
        state.running = false;
        state.progress = self.bmc.progress();
        let mut bmc = std::mem::take(&mut self.bmc);
        // What is recalled while a look is under way: the look knew nothing of the log, and took
        // for past what is not.
        let recalled = state.recalled.take();
        if let Some(log) = &recalled {
            bmc.log = log.clone();
        }
        state.bmc = Some(bmc);
        let result = result.map(|mut look| {
            if let (Some((_, log)), Some(recalled)) = (&mut look.log, recalled) {
                *log = recalled;
            }
            Arc::new(look)
        });
        match &result {
            Ok(look) => {
                state.failed = 0;
                state.silent_since = None;
                state.good = Some(Arc::clone(look));
            }
            Err(_) => {
                state.failed = state.failed.saturating_add(1);
                state.silent_since.get_or_insert(self.now);
            }
        }
        state.last = Some(result);
        self.watcher.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_bmc_is_asked_seldom_and_a_silent_one_less_and_less() {
        let at = Moment(1_000_000);
        let second = Span::from_secs(1);
        let state = |took: u64, failed: u32| State {
            begun: Some(at),
            took: Span::from_secs(took),
            failed,
            ..State::default()
        };
        for (took, failed, pause) in
            [(1, 0, 25), (30, 0, 120), (6, 1, 25), (6, 2, 50), (6, 3, 100), (6, 9, 300)]
        {
            let pause = Span::from_secs(pause);
            let state = state(took, failed);
            assert!(state.is_due(at + pause), "{took} {failed}");
            assert!(!state.is_due(Moment(at.0 + pause.as_millis() - second.as_millis())));
        }
        assert!(State::default().is_due(at));
        assert!(state(1, 0).is_due(Moment(0)), "a timeline that went back");
    }

    /// A watcher whose look began and has not ended.
    fn under_way() -> (Arc<Watcher>, Run) {
        let watcher = Arc::new(Watcher::new());
        let bmc = watcher.lock().bmc.take().unwrap_or_default();
        watcher.lock().running = true;
        watcher.lock().begun = Some(Moment(5));
        let run = Run { watcher: Arc::clone(&watcher), bmc, now: Moment(5), result: None };
        (watcher, run)
    }

    #[test]
    fn what_is_recalled_while_a_look_is_under_way_is_not_lost() {
        let memo = r#"{"last":[7,9],"entries":3,"begun":true,"newest":"n"}"#;
        let (watcher, run) = under_way();
        watcher.recall(Log::recall(memo).unwrap());
        drop(run);
        let kept = watcher.lock().bmc.as_ref().unwrap().log.clone();
        assert_eq!(kept, Log::recall(memo).unwrap());
    }

    #[test]
    fn a_look_that_stumbles_is_a_look_that_failed() {
        let (watcher, run) = under_way();
        let thread = std::thread::spawn(move || {
            let _run = run;
            panic!("as an answer that nobody thought of would");
        });
        assert!(thread.join().is_err());
        let state = watcher.lock();
        assert!(!state.running && state.failed == 1 && state.bmc.is_some());
        assert!(matches!(state.last, Some(Err(ProbeError::Failed(_)))));
        assert!(!state.is_due(Moment(5)) && state.is_due(Moment(25_005)));
    }
}
