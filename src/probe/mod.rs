//! What can be watched: one file a kind, and the list of them.
//!
//! A kind is a table (names, units, texts) and two functions: `survey` finds the instances,
//! `open` gives a probe that reads a source. A probe judges nothing: rules do that.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::host::Host;
use crate::host::dir::exists;
pub use crate::model::kind::{KindSpec, OptionForm, OptionSpec, OptionValue, Selector};
use crate::model::reading::{MetricId, Observation, ProbeError, Reading};
use crate::model::time::Moment;

pub mod bandwidth;
pub mod bmc;
pub mod bond;
pub mod cpu;
pub mod disk_io;
pub mod filesystem;
mod growth;
pub mod hwmon;
pub mod load;
pub mod memory;
pub mod nic;
pub mod raid;
mod rate;
mod stack;

/// All kinds, in the order in which people read of them.
pub static KINDS: &[&dyn Kind] = &[
    &filesystem::Filesystem,
    &cpu::Cpu,
    &memory::Memory,
    &disk_io::DiskIo,
    &bandwidth::Bandwidth,
    &nic::Nic,
    &bond::Bonds,
    &load::Load,
    &hwmon::Temperature,
    &hwmon::Fan,
    &hwmon::Voltage,
    &hwmon::Current,
    &hwmon::Power,
    &hwmon::Humidity,
    &hwmon::Intrusion,
    &bmc::Bmc,
    &raid::Raid,
];

/// The kind of this name.
#[must_use]
pub fn kind(name: &str) -> Option<&'static dyn Kind> {
    KINDS.iter().copied().find(|kind| kind.spec().name == name)
}

/// Values of a check for the kind's [`OptionSpec`] keys, each in the option's form.
pub type Options = BTreeMap<&'static str, OptionValue>;

/// Where a source is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Answered from kernel memory alone: read on the dispatcher's own wake-up.
    Inline,
    /// May wait for a device, a peer or another process: a thread of its own.
    Own,
}

/// One instance that a survey found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Name of the instance; unique within the kind.
    pub instance: Arc<str>,
    /// What a person calls it in a subject: `/data`, `CPU`, `disk sda`, `eno1`.
    pub title: String,
    /// The thing that is read together and may hang together; instances with an equal source
    /// share one read.
    pub source: Arc<str>,
    /// Where that source is read.
    pub lane: Lane,
    /// Values for the kind's selectors, in any order; an absent one matches no glob.
    pub attributes: Vec<(&'static str, String)>,
    /// Text facts shown in JSON and status, such as `fstype`.
    pub labels: Vec<(&'static str, String)>,
    /// Kind and instance of what it is read through, where that is watched by itself: while that
    /// gives no answer, one mail says so for all.
    pub behind: Option<(&'static str, Arc<str>)>,
    /// Kind and instance of everything it stands upon, however far below, nearest first: of a
    /// file system its array and the disks of that, of a bond its links. What is wrong with one
    /// of these may be the cause of what is wrong with this. Whether they are watched, others know.
    pub upon: Vec<(&'static str, Arc<str>)>,
    /// Watched unless a check asks by `select`; false for what is only worth watching on request.
    pub by_default: bool,
}

/// A kind: its table, how its instances are found, how a source is read.
pub trait Kind: Sync + Debug {
    /// The table.
    fn spec(&self) -> &'static KindSpec;

    /// Finds the instances that exist now. Reads kernel memory only, so it cannot hang.
    ///
    /// # Errors
    /// When the list itself cannot be read.
    fn survey(&self, host: &Host) -> Result<Vec<Found>, ProbeError>;

    /// Whether this machine has a device or a tool that must be asked for instances, which may take
    /// long: a BMC, a RAID controller. Says so from kernel memory alone.
    fn asks(&self, _: &Host) -> bool {
        false
    }

    /// Asks it. Runs where it may wait; who cannot be asked is told by an instance of its own.
    ///
    /// # Errors
    /// When there was no answer: what it listed before is still taken to be there.
    fn inquire(&self, _: &Host, _: Moment) -> Result<Vec<Found>, ProbeError> {
        Ok(Vec::new())
    }

    /// Whether what is pinned by these facts is listed by [`Kind::inquire`], so that a survey alone
    /// proves nothing gone.
    fn is_inquired(&self, _: &BTreeMap<String, Vec<String>>) -> bool {
        false
    }

    /// Whether an instance belongs to the machine, so that its vanishing is a fault: what `init`
    /// pins. A session's own tmpfs or a stick that somebody plugs in does not.
    fn is_fixture(&self, found: &Found) -> bool {
        &*found.instance != ALL
    }

    /// Whether a limit on this metric is reached by what the thing holds or does, whatever it
    /// stands upon: a file system fills up on healthy disks, too. Other limits may be reached
    /// because of what is wrong below.
    fn is_its_own_fault(&self, _: MetricId) -> bool {
        false
    }

    /// Whether an instance is one side of the thing it stands upon, so that what is wrong with it
    /// is wrong with that thing: the heat of a disk.
    fn is_side(&self) -> bool {
        false
    }

    /// A probe of one source. Does no I/O yet. `options` are the check's values for the kind's
    /// [`OptionSpec`] keys; checks with different options need a probe each.
    fn open(&self, source: &str, options: &Options) -> Box<dyn Probe>;
}

/// Reads one source, again and again; keeps file descriptors and last counters in between.
pub trait Probe: Send {
    /// One run.
    ///
    /// Rates are over the time since this probe's previous run; the first run has none. A counter
    /// that fell is a reset: that rate is left out once.
    ///
    /// # Errors
    /// When the whole source gave nothing. A single missing instance is simply not in the list.
    fn read(&mut self, host: &Host, now: Moment) -> Result<Vec<Observation>, ProbeError>;

    /// Takes back what an instance said in [`Observation::memo`], before the agent was stopped.
    fn recall(&mut self, _instance: &str, _memo: &str) {}
}

/// Everything of a kind, listed by whoever has the time: what a survey finds, and what devices
/// answer that must be asked.
///
/// # Errors
/// As [`Kind::survey`]. A device that does not answer hides only what it would have listed.
pub fn list(kind: &dyn Kind, host: &Host, now: Moment) -> Result<Vec<Found>, ProbeError> {
    let found = kind.survey(host)?;
    if !kind.asks(host) {
        return Ok(found);
    }
    Ok(join(found, inquire(kind, host, now).unwrap_or_default()))
}

/// [`Kind::inquire`], with a panic turned into a failure.
///
/// # Errors
/// As there.
pub fn inquire(kind: &dyn Kind, host: &Host, now: Moment) -> Result<Vec<Found>, ProbeError> {
    catch_unwind(AssertUnwindSafe(|| kind.inquire(host, now))).unwrap_or_else(|_| {
        Err(ProbeError::Failed("the list of instances has a defect (panic)".to_owned()))
    })
}

/// Both lists as one; of two of a name, the first is meant.
#[must_use]
pub fn join(mut found: Vec<Found>, asked: Vec<Found>) -> Vec<Found> {
    if asked.is_empty() {
        return found;
    }
    let names: HashSet<Arc<str>> = found.iter().map(|found| Arc::clone(&found.instance)).collect();
    found.extend(asked.into_iter().filter(|asked| !names.contains(&asked.instance)));
    found
}

/// Instance of kinds that watch the machine as a whole.
const ALL: &str = "all";
/// Summary of a rate's first run.
const FIRST_RUN: &str = "no rate yet, this is the first reading";

/// What a kind of numbers only has seen of an instance.
fn numbers(instance: Arc<str>, readings: Vec<Reading>, summary: String) -> Observation {
    Observation { instance, readings, summary, ..Observation::default() }
}

/// Measures in the order of their table; what is not known is none. They are kept with what was
/// read last, so the list is made as long as it is.
fn measured<const ROWS: usize>(values: [Option<f64>; ROWS]) -> Vec<Reading> {
    let mut measures = Vec::with_capacity(values.iter().flatten().count());
    for (row, value) in (0..=u8::MAX).zip(values) {
        measures.extend(value.map(|value| Reading { metric: MetricId(row), value }));
    }
    measures
}

/// The one instance of a kind that watches the machine as a whole, told from `file`. A recording
/// without that file is of something else and has no such instance.
fn the_machine(host: &Host, file: &str, title: &str) -> Result<Vec<Found>, ProbeError> {
    if host.is_recorded() && !exists(host, file) {
        return Ok(Vec::new());
    }
    Ok(vec![Found {
        instance: ALL.into(),
        title: title.to_owned(),
        source: ALL.into(),
        lane: Lane::Inline,
        attributes: Vec::new(),
        labels: Vec::new(),
        behind: None,
        upon: Vec::new(),
        by_default: true,
    }])
}
/// One run, with a panic turned into a failure: a defect in one probe must not silence the rest.
///
/// # Errors
/// As [`Probe::read`].
pub fn run(
    probe: &mut dyn Probe,
    host: &Host,
    now: Moment,
) -> Result<Vec<Observation>, ProbeError> {
    catch_unwind(AssertUnwindSafe(|| probe.read(host, now)))
        .unwrap_or_else(|_| Err(ProbeError::Failed("the probe has a defect (panic)".to_owned())))
}
