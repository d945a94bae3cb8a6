//! Controllers that only their vendor's tool can ask: when a tool is run, and what is shown in
//! between.
//!
//! A run costs a process and a firmware's attention, so its answer serves for minutes, both for the
//! list of instances and for their readings. It may take longer than a check waits: a run goes on
//! beside, and the last answer is shown until it ends. The tool is an instance too: it tells when
//! nothing can be asked, for all that is read through it.

use std::cell::Cell;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::Technology;
use super::controller::Item;
use super::pci;
use super::report::{Report, counted, found};
use crate::host::Host;
use crate::host::command::{self, Ending, Limits, Output, Program};
use crate::model::limit::{
    COMMAND_DEADLINE, TOOL_EVERY, TOOL_EVERY_BAD, TOOL_PATIENCE, TOOL_STACK_BYTES, TOOL_STALE,
};
use crate::model::reading::{Observation, ProbeError};
use crate::model::state::State;
use crate::model::text::shown_within;
use crate::model::time::Moment;
use crate::model::unit::Span;
use crate::probe::{Found, Probe};

/// Controllers of one vendor's family, and the tools for them.
pub(super) struct Vendor {
    /// First word of the source, and the instance that stands for what is not known yet.
    pub name: &'static str,
    /// Names of the tools; those of one list are the same tool.
    pub tools: &'static [&'static [&'static str]],
    /// Whether a controller on the PCI bus is of this family.
    pub is_ours: fn(&pci::Device) -> bool,
    /// Asks the tools, and says what was found.
    pub ask: fn(&dyn Ask) -> Result<Answer, ProbeError>,
    /// What the last run brought, on a running machine.
    state: Mutex<Known>,
    /// A run ended.
    ended: Condvar,
}

/// How long a list waits for the tools: a family has two or three questions, each with a deadline.
const LIST_PATIENCE: Span = COMMAND_DEADLINE.times(3);

/// What a run brought.
type Outcome = Result<Arc<Vec<Item>>, ProbeError>;

/// What is known of a running machine.
struct Known {
    /// A run is under way; there is never a second.
    running: bool,
    /// When the last run began, and what it brought.
    last: Option<(Moment, Outcome)>,
    /// When the last good one began, and what it brought.
    good: Option<(Moment, Arc<Vec<Item>>)>,
}

/// What the tools said.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub items: Vec<Item>,
    /// Why there is nothing, in a tool's own words.
    pub refusal: Option<String>,
}

/// Runs tools; in tests, looks answers up.
pub(super) trait Ask {
    /// Runs the first of these names that is there.
    ///
    /// # Errors
    /// As [`command::run`] says; absent where none of them is there.
    fn ask(&self, names: &[&str], arguments: &[&str]) -> Result<Output, ProbeError>;

    /// An answer that only adds to others: none is no reason to fail.
    fn ask_more(&self, names: &[&str], arguments: &[&str]) -> Vec<u8> {
        self.ask(names, arguments).map(|output| output.stdout).unwrap_or_default()
    }
}

struct OnHost<'a> {
    host: &'a Host,
    /// A question got no answer in time: a controller that hangs is not asked for details.
    late: Cell<bool>,
}

impl Ask for OnHost<'_> {
    fn ask(&self, names: &[&str], arguments: &[&str]) -> Result<Output, ProbeError> {
        let program: Program = command::find(self.host, names).ok_or_else(|| {
            let list = names.join("`, `");
            ProbeError::Absent(format!("none of the tools `{list}` is installed"))
        })?;
        if self.late.get() {
            let name = program.name();
            return Err(ProbeError::TimedOut(format!("`{name}` gave no answer a moment ago")));
        }
        let output = command::run(self.host, &program, arguments, Limits::default());
        self.late.set(matches!(output, Err(ProbeError::TimedOut(_))));
        let output = output?;
        if let Ending::Signal(signal) = output.ending {
            let name = program.name();
            return Err(ProbeError::Failed(format!("`{name}` crashed (signal {signal})")));
        }
        Ok(output)
    }
}

/// What a tool said instead of an answer: its first line, or its status.
fn complaint(output: &Output) -> String {
    let text = [&output.stdout, &output.stderr]
        .into_iter()
        .map(|text| String::from_utf8_lossy(text))
        .find_map(|text| {
            let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
            Some(shown_within(line, 120).into_owned())
        });
    match (text, output.ending) {
        (Some(text), _) => format!("`{text}`"),
        (None, Ending::Exit(code)) => format!("nothing, and exit status {code}"),
        (None, Ending::Signal(signal)) => format!("nothing, and died of signal {signal}"),
    }
}

/// An answer without a controller: that there is none, where a line says so with one of these
/// words; a failure of the tool otherwise.
///
/// # Errors
/// Failed, or malformed, quoting what the tool said.
pub(super) fn refused(
    names: &[&str],
    output: &Output,
    words: &[&str],
) -> Result<Answer, ProbeError> {
    let texts = [&output.stdout, &output.stderr];
    let none = texts.iter().map(|text| String::from_utf8_lossy(text)).find_map(|text| {
        let says = |line: &&str| {
            let line = line.to_ascii_lowercase();
            let denies = ["no ", "not ", "0", "none", "cannot", "unable"];
            words.iter().any(|word| line.contains(word)) && denies.iter().any(|d| line.contains(d))
        };
        text.lines().map(str::trim).find(says).map(str::to_owned)
    });
    if let Some(line) = none {
        return Ok(Answer { items: Vec::new(), refusal: Some(line) });
    }
    Err(nonsense(names, output))
}

/// The error for an answer that says nothing of controllers.
pub(super) fn nonsense(names: &[&str], output: &Output) -> ProbeError {
    let name = names.first().copied().unwrap_or_default();
    let said = complaint(output);
    match output.ending {
        Ending::Exit(0) => ProbeError::Malformed(format!(
            "`{name}` answers what the agent does not understand: {said}"
        )),
        _ => ProbeError::Failed(format!("`{name}` fails: {said}")),
    }
}

impl fmt::Debug for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vendor").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Vendor {
    pub(super) const fn new(
        name: &'static str,
        tools: &'static [&'static [&'static str]],
        is_ours: fn(&pci::Device) -> bool,
        ask: fn(&dyn Ask) -> Result<Answer, ProbeError>,
    ) -> Self {
        let known = Known { running: false, last: None, good: None };
        Self { name, tools, is_ours, ask, state: Mutex::new(known), ended: Condvar::new() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tool(&self, host: &Host) -> Option<Program> {
        self.tools.iter().find_map(|names| command::find(host, names))
    }

    /// Runs the tools, and waits for them, on a stack that their answers fit on.
    fn run_and_wait(&self, host: &Host) -> Result<Vec<Item>, ProbeError> {
        std::thread::scope(|scope| {
            let thread = thread().spawn_scoped(scope, || self.run(host));
            let joined = thread.map_err(|error| no_thread(&error))?.join();
            joined.unwrap_or_else(|_| Err(ProbeError::Failed(PANICKED.to_owned())))
        })
    }

    /// Begins a run beside what else goes on; its end is told by `ended`.
    fn begin(&'static self, host: &Host, now: Moment, known: &mut Known) {
        known.running = true;
        let host = host.clone();
        let started = thread().spawn(move || {
            let mut run = Running { vendor: self, at: now, result: None };
            run.result = Some(self.run(&host));
        });
        if let Err(error) = started {
            known.running = false;
            known.last = Some((now, Err(no_thread(&error))));
        }
    }

    /// Runs the tools, whatever they said before.
    fn run(&self, host: &Host) -> Result<Vec<Item>, ProbeError> {
        let answer = (self.ask)(&OnHost { host, late: Cell::new(false) })?;
        if !answer.items.is_empty() {
            return Ok(answer.items);
        }
        let tool = self.tool(host);
        let tool = tool.as_ref().map_or(self.name, Program::name);
        let said = answer.refusal.unwrap_or_else(|| "no controller".to_owned());
        let said = shown_within(&said, 120).into_owned();
        let present = !host.is_recorded() && self.is_present(host);
        if present && !command::is_root() {
            return Err(ProbeError::Denied(format!(
                "`{tool}` says `{said}`, although the machine has a controller: it needs the \
                 rights of root"
            )));
        }
        let mut report = Report::new(self.name);
        let fact = format!("`{tool}` finds no controller: {said}");
        report.say(State::Ok, "no-controller", fact, Vec::new());
        Ok(vec![Item { found: self.stand_in(tool), seen: report.finish("no controller") }])
    }

    /// Stands for the tool, and with it for controllers that are not known yet.
    fn stand_in(&self, tool: &str) -> Found {
        found(self.name, format!("RAID controllers ({tool})"), self.name, self.name, "")
    }

    fn is_present(&self, host: &Host) -> bool {
        pci::devices(host).iter().any(self.is_ours)
    }
}

impl Technology for &'static Vendor {
    fn name(&self) -> &'static str {
        self.name
    }

    fn survey(&self, host: &Host) -> Result<Vec<Found>, ProbeError> {
        let tool = self.tool(host).filter(|_| self.asks(host));
        Ok(tool.map(|tool| self.stand_in(tool.name())).into_iter().collect())
    }

    fn asks(&self, host: &Host) -> bool {
        // Its tool may have come with the distribution, on a machine without such a controller.
        self.tool(host).is_some() && (host.may_wait() || self.is_present(host))
    }

    fn inquire(&'static self, host: &Host, now: Moment) -> Result<Vec<Found>, ProbeError> {
        let before = self.known().good.clone();
        let items = match (Reader(self).items(host, now, LIST_PATIENCE), before) {
            (Ok(items), _) => items,
            // One run that fails proves nothing gone.
            (Err(_), Some((_, items))) => items,
            (Err(error), None) => return Err(error),
        };
        let behind = Some(("raid", Arc::from(self.name)));
        let found = items.iter().filter(|item| *item.found.instance != *self.name);
        Ok(found.map(|item| Found { behind: behind.clone(), ..item.found.clone() }).collect())
    }

    fn open(&self, _: &str) -> Box<dyn Probe> {
        Box::new(Reader(self))
    }
}

const PANICKED: &str = "the agent stumbled over the answer of a tool; please report this";

fn thread() -> std::thread::Builder {
    std::thread::Builder::new().name("tool".to_owned()).stack_size(TOOL_STACK_BYTES)
}

fn no_thread(error: &std::io::Error) -> ProbeError {
    ProbeError::Failed(format!("cannot start a thread for a tool: {error}"))
}

/// A run under way. Its end is told however it comes.
struct Running {
    vendor: &'static Vendor,
    at: Moment,
    result: Option<Result<Vec<Item>, ProbeError>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let result = self.result.take();
        let result = result.unwrap_or_else(|| Err(ProbeError::Failed(PANICKED.to_owned())));
        let result = result.map(Arc::new);
        let mut known = self.vendor.known();
        known.running = false;
        if let Ok(items) = &result {
            known.good = Some((self.at, Arc::clone(items)));
        }
        known.last = Some((self.at, result));
        self.vendor.ended.notify_all();
    }
}

impl Known {
    /// Whether the last answer is old enough for another run.
    fn is_due(&self, now: Moment) -> bool {
        let Some((at, result)) = &self.last else { return true };
        let is_bad = |item: &Item| item.seen.findings.iter().any(|f| f.state != State::Ok);
        let bad = result.as_ref().map_or(true, |items| items.iter().any(is_bad));
        now < *at || now.since(*at) >= if bad { TOOL_EVERY_BAD } else { TOOL_EVERY }
    }
}

struct Reader(&'static Vendor);

impl Reader {
    fn items(&self, host: &Host, now: Moment, patience: Span) -> Outcome {
        let vendor = self.0;
        // Recordings do not share what a running machine said.
        if host.may_wait() {
            return vendor.run_and_wait(host).map(Arc::new);
        }
        let mut known = vendor.known();
        if !known.running && known.is_due(now) {
            vendor.begin(host, now, &mut known);
        }
        let (known, _) = vendor
            .ended
            .wait_timeout_while(known, patience.to_std(), |known| known.running)
            .unwrap_or_else(PoisonError::into_inner);
        match (&known.last, &known.good) {
            (Some((_, result)), _) if !known.running => result.clone(),
            (_, Some((at, items))) if now.since(*at) < TOOL_STALE => Ok(Arc::clone(items)),
            _ => Err(ProbeError::TimedOut(format!("`{}` has not answered yet", vendor.name))),
        }
    }
}

impl Probe for Reader {
    fn read(&mut self, host: &Host, now: Moment) -> Result<Vec<Observation>, ProbeError> {
        let items = self.items(host, now, TOOL_PATIENCE)?;
        let mut seen: Vec<Observation> = items.iter().map(|item| item.seen.clone()).collect();
        if !seen.iter().any(|seen| *seen.instance == *self.0.name) {
            let tool = self.0.tool(host);
            let tool = tool.as_ref().map_or(self.0.name, Program::name);
            let count = u64::try_from(seen.len()).unwrap_or(u64::MAX);
            let parts = counted(count, "part", "parts");
            let report = Report::new(self.0.name);
            seen.push(report.finish(&format!("`{tool}` answers and tells of {parts}")));
        }
        Ok(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(state: State) -> Vec<Item> {
        let mut report = Report::new("c0");
        report.say(state, "x", "x".to_owned(), Vec::new());
        vec![Item { found: found("c0", String::new(), "v", "v", ""), seen: report.finish("x") }]
    }

    #[test]
    fn an_answer_serves_for_minutes_and_a_bad_one_for_one() {
        let at = Moment(1_000_000);
        let second = Span::from_secs(1);
        let last = |result: Result<State, ProbeError>| {
            let result = result.map(|state| Arc::new(items(state)));
            Known { running: false, last: Some((at, result)), good: None }
        };
        assert!(!last(Ok(State::Ok)).is_due(at + TOOL_EVERY - second));
        assert!(last(Ok(State::Ok)).is_due(at + TOOL_EVERY));
        let failed = Err(ProbeError::Failed(String::new()));
        for bad in [last(Ok(State::Warning)), last(failed)] {
            assert!(!bad.is_due(at + TOOL_EVERY_BAD - second));
            assert!(bad.is_due(at + TOOL_EVERY_BAD));
        }
        assert!(last(Ok(State::Ok)).is_due(at - second), "a timeline that went back");
    }

    #[test]
    fn a_panic_of_a_run_is_an_error_and_lets_the_next_begin() {
        fn ask(_: &dyn Ask) -> Result<Answer, ProbeError> {
            panic!("as a test");
        }
        static VENDOR: Vendor = Vendor::new("v", &[&["true"]], |_| true, ask);
        let technology: &dyn Technology = &&VENDOR;
        for second in [0, 60] {
            let read = technology.open("v").read(&Host::live(), Moment(second * 1000));
            assert_eq!(read.unwrap_err().word(), "failed");
            assert!(!VENDOR.known().running);
        }
    }

    #[test]
    fn a_running_machine_is_asked_by_its_probe_and_never_by_a_survey() {
        use std::sync::atomic::{AtomicU64, Ordering};
        static RUNS: AtomicU64 = AtomicU64::new(0);
        fn ask(_: &dyn Ask) -> Result<Answer, ProbeError> {
            RUNS.fetch_add(1, Ordering::Relaxed);
            Ok(Answer { items: items(State::Ok), refusal: None })
        }
        // A tool that every machine has, and a controller that every machine is said to have.
        static VENDOR: Vendor = Vendor::new("v", &[&["true"]], |_| true, ask);
        let host = Host::live();
        static BY_REFERENCE: &Vendor = &VENDOR;
        let technology: &'static dyn Technology = &BY_REFERENCE;
        let names = |found: Result<Vec<Found>, ProbeError>| -> Vec<String> {
            found.unwrap().iter().map(|found| found.instance.to_string()).collect()
        };
        let listed = names(technology.survey(&host));
        assert!(listed.is_empty() || listed == ["v"], "{listed:?}");
        assert_eq!(RUNS.load(Ordering::Relaxed), 0);
        let mut probe = technology.open("v");
        for second in [0, 10, 299] {
            let now = Moment(second * 1000);
            let seen = probe.read(&host, now).unwrap();
            let seen: Vec<&str> = seen.iter().map(|seen| &*seen.instance).collect();
            assert_eq!(seen, ["c0", "v"], "the tool tells of itself");
            assert_eq!(names(technology.inquire(&host, now)), ["c0"]);
        }
        assert_eq!(RUNS.load(Ordering::Relaxed), 1, "list and readings share one answer");
        technology.open("v").read(&host, Moment(300_000)).unwrap();
        assert_eq!(RUNS.load(Ordering::Relaxed), 2, "another check shares the answer's age");
        assert_eq!(names(technology.inquire(&Host::live().waiting(), Moment(0))), ["c0"]);
        assert_eq!(RUNS.load(Ordering::Relaxed), 3);
    }
}
