//! `temperature`, `fan`, `voltage`, `current`, `power`, `humidity`, `intrusion`: the sensors that
//! the kernel shows as hwmon chips, one file a kind over one reader of chips.
//!
//! Owns: finding channels, reading them, remembering what each read before. What a number means is
//! for each kind's file; what can be true at all is `channel`'s.
//!
//! `sysinfo` (`Components`) is not used: it keys sensors by their label, so that of two sockets or
//! two equal NVMe drives one is lost, knows temperatures alone, neither alarm nor fault bits nor
//! lower limits, takes a read error for "no value", and has no other root than `/`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::host::{Host, dir};
use crate::model::limit::STACK_WIDTH;
use crate::model::reading::{MetricId, Observation, ProbeError};
use crate::model::text::shown;
use crate::model::time::Moment;
use crate::model::unit::Span;
use crate::parse::hwmon::Sensor;
use crate::probe::{Found, Lane, Probe, Selector};

mod channel;
mod chip;
mod current;
mod fan;
mod humidity;
mod intrusion;
mod judge;
mod measures;
mod power;
mod temperature;
mod thermal;
mod voltage;

pub use current::Current;
pub use fan::Fan;
pub use humidity::Humidity;
pub use intrusion::Intrusion;
pub use power::Power;
pub use temperature::Temperature;
pub use voltage::Voltage;

pub(super) use channel::can_be_felt;
use channel::{Channel, Limits, Signals, Value, channels, never_set};
use chip::{Chip, chips};
use judge::{Past, Said, Seen};
pub(super) use measures::of as limit_measures;

/// Keys below `select:` that all kinds of sensors have.
static SELECTORS: &[Selector] = &[
    Selector { key: "name", doc: "The instance: `coretemp Package id 0`, `nvme0 Composite`." },
    Selector {
        key: "sensor",
        doc: "The driver's label, else the channel: `Package id 0`, `fan2`.",
    },
    Selector { key: "chip", doc: "The driver's name of the chip: `coretemp`, `nct6775`, `nvme`." },
    Selector { key: "device", doc: "The chip as `sensors` names it: `nvme-pci-4f00`." },
];

/// What every kind's page says of where its sensors come from.
macro_rules! origin {
    () => {
        "Read are the hwmon chips of the kernel (`/sys/class/hwmon`, what `sensors` prints). A sensor \
is named after its chip, or the disk it belongs to, and the driver's label; where two chips share \
a name, the address of the device tells them apart. The number of a `hwmon` folder, which changes \
from boot to boot, is not part of the name.\n\n\
A number that no sensor feels (-273 C, 127 C, 65535 RPM) is not a reading, and a limit that nobody \
set (0, 65261 C, a minimum above the maximum) is not a limit. Where the driver sets the fault bit, \
what the input reads does not count. A sensor that never gave a value is said to have none and is \
not judged; one that worked before becomes unknown.\n\n\
The sensors of a BMC are among them, named `bmc ` and the sensor, against the limits that the BMC \
holds for them: see kind `bmc`."
    };
}
use origin;

/// What a kind of sensors says of those that a BMC has, which must be asked for.
macro_rules! with_bmc {
    ($family:expr) => {
        fn asks(&self, host: &Host) -> bool {
            $crate::probe::bmc::is_there(host)
        }

        fn inquire(
            &self,
            host: &Host,
            now: $crate::model::time::Moment,
        ) -> Result<Vec<Found>, ProbeError> {
            $crate::probe::bmc::inquire(host, now, $family)
        }

        fn is_inquired(&self, facts: &std::collections::BTreeMap<String, Vec<String>>) -> bool {
            $crate::probe::bmc::is_pinned(facts)
        }

        fn is_fixture(&self, found: &Found) -> bool {
            !$crate::probe::bmc::is_sensor(found)
        }
    };
}
use with_bmc;

/// Rows of what a sensor feels, for sensors of other origin.
pub(super) const TEMPERATURE_VALUES: &[MetricId] = &[temperature::VALUE, temperature::BELOW];
pub(super) const VOLTAGE_VALUES: &[MetricId] = &[voltage::ABOVE, voltage::BELOW];
pub(super) const CURRENT_VALUES: &[MetricId] = &[current::AMPERES];
pub(super) const POWER_VALUES: &[MetricId] = &[power::WATTS];
pub(super) const FAN_VALUES: &[MetricId] = &[fan::RPM];

/// How often limits, labels and the list of channels are read again: some drivers ask the device
/// for each limit.
const REFRESH_EVERY: Span = Span::from_secs(300);

/// Chips read from registers of the processor itself: they cannot wait.
const CPU_REGISTERS: &[&str] = &["coretemp", "k10temp", "zenpower", "fam15h_power"];

/// Says what the signals of one channel mean; `None` when nothing can be said now.
type Judge = fn(&Seen<'_>, &mut Past) -> Option<Said>;

/// All channels of a sensor, as instances.
fn survey(host: &Host, sensor: Sensor) -> Result<Vec<Found>, ProbeError> {
    let mut found: Vec<Found> = Vec::new();
    for chip in chips(host)? {
        // A chip that vanishes while it is listed is gone.
        let Ok(channels) = channels(host, &chip, sensor) else { continue };
        let upon = upon(host, &chip);
        let found_here = |channel| Found { upon: upon.clone(), ..found_of(&chip, channel) };
        found.extend(channels.iter().map(found_here));
    }
    let mut names = HashSet::new();
    found.retain(|found| names.insert(found.instance.clone()));
    Ok(found)
}

/// The disk whose sensor a chip is.
fn upon(host: &Host, chip: &Chip) -> Vec<(&'static str, Arc<str>)> {
    if !chip.is_disk {
        return Vec::new();
    }
    // SATA disks are called by their block device, NVMe disks by their controller.
    let blocks = dir::names(host, "sys/block").unwrap_or_default();
    let space = format!("{}n", chip.shown);
    let is_its = |name: &String| *name == chip.shown || name.starts_with(&space);
    let mine = blocks.into_iter().filter(is_its).take(STACK_WIDTH);
    mine.map(|name| ("disk_io", Arc::from(name))).collect()
}

fn found_of(chip: &Chip, channel: &Channel) -> Found {
    let sensor = channel.label.as_ref().unwrap_or(&channel.id);
    let quick = CPU_REGISTERS.contains(&chip.name.as_str());
    Found {
        instance: channel.instance.as_str().into(),
        title: channel.instance.clone(),
        source: chip.source().into(),
        lane: if quick { Lane::Inline } else { Lane::Own },
        attributes: vec![
            ("name", channel.instance.clone()),
            ("sensor", sensor.clone()),
            ("chip", chip.name.clone()),
            ("device", chip.sensors_name.clone()),
        ],
        labels: vec![
            ("chip", chip.name.clone()),
            ("channel", channel.id.clone()),
            ("device", shown(&chip.location).into_owned()),
        ],
        behind: None,
        upon: Vec::new(),
        by_default: true,
    }
}

/// Reads one sensor's channels of one chip.
struct Reader {
    sensor: Sensor,
    judge: Judge,
    source: String,
    open: Option<Open>,
    past: HashMap<String, Past>,
}

/// A chip as it was found.
struct Open {
    chip: Chip,
    since: Moment,
    channels: Vec<(Channel, Limits)>,
}

impl Reader {
    fn boxed(sensor: Sensor, source: &str, judge: Judge) -> Box<dyn Probe> {
        let source = source.to_owned();
        Box::new(Self { sensor, judge, source, open: None, past: HashMap::new() })
    }

    fn find(&self, host: &Host, now: Moment) -> Result<Open, ProbeError> {
        let chip = Chip::find(host, &self.source)?;
        let random = never_set(host, &chip);
        let channels = channels(host, &chip, self.sensor)?
            .into_iter()
            .map(|channel| {
                let mut limits = Limits::read(host, &chip, self.sensor, &channel);
                if random {
                    limits.distrust();
                }
                (channel, limits)
            })
            .collect();
        Ok(Open { chip, since: now, channels })
    }

    /// What all channels signal, if the chip is still where it was.
    fn signals(&self, host: &Host, open: &Open) -> Option<Vec<Signals>> {
        let signals: Vec<Signals> = open
            .channels
            .iter()
            .map(|(channel, _)| Signals::read(host, &open.chip, self.sensor, channel))
            .collect();
        let is_gone = |one: &Signals| matches!(one.value, Value::Nothing(ProbeError::Absent(_)));
        let has_input = self.sensor != Sensor::Intrusion;
        (signals.is_empty() || !has_input || !signals.iter().all(is_gone)).then_some(signals)
    }
}

impl Probe for Reader {
    fn read(&mut self, host: &Host, now: Moment) -> Result<Vec<Observation>, ProbeError> {
        let kept = self.open.take().filter(|open| {
            // Without a device behind it, a recorded folder may hold another chip by now.
            now.since(open.since) < REFRESH_EVERY
                && Chip::find(host, &self.source).is_ok_and(|chip| chip.folder == open.chip.folder)
        });
        let open = match kept {
            Some(open) => open,
            None => self.find(host, now)?,
        };
        let (open, signals) = match self.signals(host, &open) {
            Some(signals) => (open, signals),
            // Renumbered or unloaded between two runs.
            None => {
                let open = self.find(host, now)?;
                let signals = self.signals(host, &open).unwrap_or_default();
                (open, signals)
            }
        };
        let felt = |one: &Signals| matches!(one.value, Value::Number(number) if number > 0.0);
        let alive = (signals.iter().filter(|one| felt(one)).count(), signals.len());
        let mut observations = Vec::with_capacity(signals.len());
        let mut refused = None;
        for ((channel, limits), signals) in open.channels.iter().zip(&signals) {
            let past = self.past.entry(channel.id.clone()).or_default();
            let seen = Seen { chip: &open.chip, channel, limits, signals, alive };
            let Some(said) = (self.judge)(&seen, past) else {
                if let Value::Nothing(error) = &signals.value {
                    refused = Some(error.clone());
                }
                continue;
            };
            if let Value::Number(number) = signals.value {
                past.note(number);
            }
            observations.push(Observation {
                instance: channel.instance.as_str().into(),
                readings: said.readings,
                measures: measures::of(measures::ITEMS.map(|item| limits.get(item))),
                summary: said.summary,
                findings: said.findings,
                ..Observation::default()
            });
        }
        let has = |id: &String| open.channels.iter().any(|(channel, _)| channel.id == *id);
        self.past.retain(|id, _| has(id));
        self.open = Some(open);
        match refused {
            Some(error) if observations.is_empty() => Err(error),
            _ => Ok(observations),
        }
    }
}
