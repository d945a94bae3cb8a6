//! Controllers that only their vendor's tool can ask: when a tool is run, and what is shown in
//! between.
//!
//! A run costs a process and a firmware's attention, so its answer serves for minutes, and surveys
//! of a running machine never start one: until a tool was asked once, it stands for its controllers
//! as a single instance.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Technology;
use super::controller::Item;
use super::pci;
use super::report::{Report, found};
use crate::host::Host;
use crate::host::command::{self, Ending, Limits, Output, Program};
use crate::model::limit::{TOOL_EVERY, TOOL_EVERY_BAD};
use crate::model::reading::{Observation, ProbeError};
use crate::model::state::State;
use crate::model::text::shown_within;
use crate::model::time::Moment;
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
    last: Mutex<Option<Last>>,
    /// One run at a time: two checks may want the same source.
    turn: Mutex<()>,
}

/// What the tools said.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub items: Vec<Item>,
    /// Why there is nothing, in a tool's own words.
    pub refusal: Option<String>,
}

#[derive(Clone)]
struct Last {
    at: Moment,
    items: Arc<Vec<Item>>,
}

/// Runs tools; in tests, looks answers up.
pub(super) trait Ask {
    /// Runs the first of these names that is there.
    ///
    /// # Errors
    /// As [`command::run`] says; absent where none of them is there.
    fn ask(&self, names: &[&str], arguments: &[&str]) -> Result<Output, ProbeError>;

    /// What the first answer to questions of many versions is: nothing is no reason to fail.
    fn ask_more(&self, names: &[&str], arguments: &[&str]) -> Vec<u8> {
        self.ask(names, arguments).map(|output| output.stdout).unwrap_or_default()
    }
}

struct OnHost<'a>(&'a Host);

impl Ask for OnHost<'_> {
    fn ask(&self, names: &[&str], arguments: &[&str]) -> Result<Output, ProbeError> {
        let program: Program = command::find(self.0, names).ok_or_else(|| {
            let list = names.join("`, `");
            ProbeError::Absent(format!("none of the tools `{list}` is installed"))
        })?;
        let output = command::run(self.0, &program, arguments, Limits::default())?;
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
        Self { name, tools, is_ours, ask, last: Mutex::new(None), turn: Mutex::new(()) }
    }

    fn last(&self) -> MutexGuard<'_, Option<Last>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tool(&self, host: &Host) -> Option<Program> {
        self.tools.iter().find_map(|names| command::find(host, names))
    }

    /// Runs the tools, whatever they said before.
    fn run(&self, host: &Host) -> Result<Vec<Item>, ProbeError> {
        let answer = (self.ask)(&OnHost(host))?;
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
        Ok(vec![Item { found: self.placeholder(tool), seen: report.finish("no controller") }])
    }

    /// Stands for controllers that are not known yet, or do not answer.
    fn placeholder(&self, tool: &str) -> Found {
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
        let Some(tool) = self.tool(host) else { return Ok(Vec::new()) };
        let placeholder = || vec![self.placeholder(tool.name())];
        if host.may_wait() {
            let items = self.run(host);
            return Ok(items.map_or_else(
                // The reading will say why.
                |_| placeholder(),
                |items| items.into_iter().map(|item| item.found).collect(),
            ));
        }
        // A tool that came with the distribution, on a machine without such a controller.
        if !self.is_present(host) {
            return Ok(Vec::new());
        }
        let known = self.last().clone();
        Ok(known.map_or_else(placeholder, |last| {
            last.items.iter().map(|item| item.found.clone()).collect()
        }))
    }

    fn open(&self, _: &str) -> Box<dyn Probe> {
        Box::new(Reader(self))
    }
}

struct Reader(&'static Vendor);

impl Reader {
    fn items(&self, host: &Host, now: Moment) -> Result<Arc<Vec<Item>>, ProbeError> {
        let vendor = self.0;
        // Recordings do not share what a running machine said.
        if host.is_recorded() {
            return vendor.run(host).map(Arc::new);
        }
        let _turn = vendor.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = vendor.last().as_ref().filter(|last| last.serves(now)) {
            return Ok(Arc::clone(&last.items));
        }
        let items = Arc::new(vendor.run(host)?);
        *vendor.last() = Some(Last { at: now, items: Arc::clone(&items) });
        Ok(items)
    }
}

impl Last {
    /// Whether it is young enough to be repeated.
    fn serves(&self, now: Moment) -> bool {
        let bad = self.items.iter().any(|item| {
            let rebuilding =
                |finding: &crate::model::finding::Finding| finding.code == "rebuilding";
            item.seen.findings.iter().any(|f| f.state != State::Ok || rebuilding(f))
        });
        now >= self.at && now.since(self.at) < if bad { TOOL_EVERY_BAD } else { TOOL_EVERY }
    }
}

impl Probe for Reader {
    fn read(&mut self, host: &Host, now: Moment) -> Result<Vec<Observation>, ProbeError> {
        Ok(self.items(host, now)?.iter().map(|item| item.seen.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::unit::Span;

    fn last(state: State) -> Last {
        let mut report = Report::new("c0");
        report.say(state, "x", "x".to_owned(), Vec::new());
        let found = found("c0", String::new(), "v", "v", "");
        let items = Arc::new(vec![Item { found, seen: report.finish("x") }]);
        Last { at: Moment(1_000_000), items }
    }

    #[test]
    fn an_answer_serves_for_minutes_and_a_bad_one_for_one() {
        let at = Moment(1_000_000);
        let second = Span::from_secs(1);
        assert!(last(State::Ok).serves(at + TOOL_EVERY - second));
        assert!(!last(State::Ok).serves(at + TOOL_EVERY));
        assert!(last(State::Warning).serves(at + TOOL_EVERY_BAD - second));
        assert!(!last(State::Warning).serves(at + TOOL_EVERY_BAD));
        assert!(!last(State::Ok).serves(at - second), "a timeline that went back");
    }

    #[test]
    fn a_running_machine_is_asked_by_its_probe_and_never_by_a_survey() {
        use std::sync::atomic::{AtomicU64, Ordering};
        static RUNS: AtomicU64 = AtomicU64::new(0);
        fn ask(_: &dyn Ask) -> Result<Answer, ProbeError> {
            RUNS.fetch_add(1, Ordering::Relaxed);
            let items = last(State::Ok).items.to_vec();
            Ok(Answer { items, refusal: None })
        }
        // A tool that every machine has, and a controller that every machine is said to have.
        static VENDOR: Vendor = Vendor::new("v", &[&["true"]], |_| true, ask);
        let host = Host::live();
        let technology: &dyn Technology = &&VENDOR;
        let names = || -> Vec<String> {
            let found = technology.survey(&host).unwrap();
            found.iter().map(|found| found.instance.to_string()).collect()
        };
        let before = names();
        assert!(before.is_empty() || before == ["v"], "{before:?}");
        assert_eq!(RUNS.load(Ordering::Relaxed), 0);
        let mut probe = technology.open("v");
        for second in [0, 10, 299] {
            let seen = probe.read(&host, Moment(second * 1000)).unwrap();
            assert_eq!(&*seen[0].instance, "c0");
        }
        assert_eq!(RUNS.load(Ordering::Relaxed), 1);
        technology.open("v").read(&host, Moment(300_000)).unwrap();
        assert_eq!(RUNS.load(Ordering::Relaxed), 2, "another check shares the answer's age");
        if !before.is_empty() {
            assert_eq!(names(), ["c0"]);
        }
        let waiting = Host::live().waiting();
        let found = technology.survey(&waiting).unwrap();
        assert_eq!(&*found[0].instance, "c0");
        assert_eq!(RUNS.load(Ordering::Relaxed), 3);
    }
}
