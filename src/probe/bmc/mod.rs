//! `bmc`: what the management controller of a server knows and the kernel does not, over IPMI; and
//! its sensors, for the kinds of sensors.
//!
//! Owns: the kind's table, which instances there are, and a reader that all kinds share. How a BMC
//! is reached is `host::ipmi`'s, what its bytes mean `parse::ipmi`'s. Nothing here writes to a BMC:
//! the door has a list of what may be asked.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::host::Host;
use crate::host::dir::exists;
use crate::host::ipmi::Access;
use crate::model::reading::{Bad, Metric, MetricId, Observation, ProbeError};
use crate::model::time::Moment;
use crate::model::unit::{Span, Unit};
use crate::parse::ipmi::sdr::{Address, Sensor};
use crate::parse::ipmi::sel::Entry;
use crate::probe::{Found, Kind, KindSpec, Lane, Options, Probe, Selector};

mod analog;
mod discrete;
mod list;
mod log;
mod look;
mod name;
mod open;
mod question;
mod repository;
mod sensing;
#[cfg(test)]
mod tests;
mod watcher;
mod whole;

pub(in crate::probe) use name::Family;

use log::{Live, Log};
use look::{Look, Seen};
use name::named;
use watcher::Watcher;

/// The kind.
#[derive(Debug)]
pub struct Bmc;

/// The source that reads everything, of every kind.
const SOURCE: &str = "bmc";
/// Instances that are no sensors.
const CONTROLLER: &str = "bmc";
const POWER: &str = "power";
const CHASSIS: &str = "chassis";
const EVENT_LOG: &str = "event log";

/// Whether a sensor may not be called so.
fn is_reserved(name: &str) -> bool {
    [CONTROLLER, POWER, CHASSIS, EVENT_LOG].iter().any(|own| name.eq_ignore_ascii_case(own))
}

// Rows of the metric table.
const WATTS: MetricId = MetricId(0);
const AVERAGE: MetricId = MetricId(1);
const LOG_USED: MetricId = MetricId(2);
const CLOCK: MetricId = MetricId(3);
const OPEN: MetricId = MetricId(4);

static SPEC: KindSpec = KindSpec {
    name: "bmc",
    title: "The management controller (BMC): power, supplies, redundancy, chassis, event log.",
    doc: "Asked over IPMI: through the device file of this machine (`/dev/ipmi0`, no password), or \
over the network where section `bmc` says so. It only reads: nothing is ever written to a BMC, no \
log cleared, no event subscribed to.\n\n\
Instances are `bmc` (whether it answers, its self test, its clock), `power` (watts that the \
machine takes, as DCMI measures them, else by its sensors), `chassis` (power faults, intrusion, \
why power was last lost), `event log`, and every sensor with states rather than values: power \
supplies, redundancy, doors, processors, memory, drives. Its temperatures, fans, volts, amperes and \
watts are instances of those kinds, named `bmc ` and the sensor. Two sensors of one name are told \
apart by the part they belong to.\n\n\
A power supply that failed or lost its input is critical, a lost redundancy, an opened chassis or a \
correctable memory error a warning, as an administrator would say; what merely is (present, \
enabled, idle) is nothing. Values are compared with the limits that the BMC holds for its sensors. \
A sensor that the BMC does not scan, or has for not available, has no reading; one that gave readings before counts as missed for five minutes first, so that a BMC that starts anew ends no fault and begins none.\n\n\
Of the event log, what stands in it when it is first looked at is past. A new entry that says of a \
fault is told once; it is over when the log says so, when the log is cleared, when the sensor shows \
that it is over, or after a day. A grave one that began and ended between two looks is told too. What a sensor shows by itself is told by the sensor.\n\n\
One question is asked at a time, and a BMC that is slow is asked less often, so that it is never \
busy with this for more than a quarter of its time. One that does not answer is one unknown \
instance, `bmc`, and not each of its sensors too. The list of sensors is kept in the state \
directory and read anew when the BMC says that it changed. Sensors of controllers behind the BMC \
are read through the device file only.",
    selectors: &[
        Selector { key: "name", doc: "The instance: `power`, `event log`, `PS Redundancy`." },
        Selector { key: "sensor", doc: "The sensor's own name: `Status`." },
        Selector { key: "entity", doc: "The part it belongs to: `PSU 2`, `CPU 1`." },
    ],
    options: &[],
    metrics: &[
        Metric {
            key: "watts",
            name: "power_watts",
            unit: Unit::Watts,
            bad: Bad::High,
            phrase: "takes {}",
            doc: "Power that the machine takes now; of instance `power`.",
        },
        Metric {
            key: "average",
            name: "average_power_watts",
            unit: Unit::Watts,
            bad: Bad::High,
            phrase: "takes {} on average",
            doc: "The same, averaged by the BMC over its own period.",
        },
        Metric {
            key: "log",
            name: "log_used_percent",
            unit: Unit::Percent,
            bad: Bad::High,
            phrase: "{} full",
            doc: "How full the event log is; of instance `event log`.",
        },
        Metric {
            key: "clock",
            name: "clock_off_seconds",
            unit: Unit::Seconds,
            bad: Bad::High,
            phrase: "clock off by {}",
            doc: "How far the BMC's clock is from this machine's, either way; of instance `bmc`.",
        },
        Metric {
            key: "open",
            name: "intrusion",
            unit: Unit::Flag,
            bad: Bad::Set,
            phrase: "intrusion bit set",
            doc: "Whether the chassis' intrusion bit is set, where no sensor says so; of instance \
`chassis`.",
        },
    ],
    measures: &[],
    findings: Some("the BMC reports a fault, or logs one"),
    example: include_str!("../../../conf.d/bmc.yaml"),
};

/// Where the kernel's device file may be.
const DEVICES: &[&str] = &["dev/ipmi0", "dev/ipmi/0", "dev/ipmidev/0"];

/// Whether this machine has a BMC that can be asked.
pub(super) fn is_there(host: &Host) -> bool {
    match host.bmc() {
        Access::Off => false,
        // It is asked for, and its instance tells that it cannot be asked.
        Access::Unusable(_) => true,
        Access::Lan(_) if !host.is_recorded() => true,
        Access::InBand | Access::Lan(_) => DEVICES.iter().any(|device| exists(host, device)),
    }
}

/// Sensors of a family, as instances.
///
/// # Errors
/// When the BMC does not answer.
pub(super) fn inquire(host: &Host, now: Moment, family: Family) -> Result<Vec<Found>, ProbeError> {
    let look = Watcher::of(host).look_patiently(host, now)?;
    let named = named(&look);
    Ok(named.iter().filter(|named| named.family == family).map(found_of).collect())
}

/// A reader of a family's sensors.
pub(super) fn open(source: &str, family: Family) -> Option<Box<dyn Probe>> {
    (source == SOURCE).then(|| -> Box<dyn Probe> { Box::new(Reader::new(family)) })
}

/// Whether what is pinned by these facts is a sensor of a BMC.
pub(super) fn is_pinned(facts: &std::collections::BTreeMap<String, Vec<String>>) -> bool {
    facts.get("chip").is_some_and(|chips| chips.iter().any(|chip| chip == SOURCE))
}

/// Whether an instance is a sensor of a BMC: which of them it scans may change with every part and
/// every firmware, so that none is pinned.
pub(super) fn is_sensor(found: &Found) -> bool {
    *found.source == *SOURCE
}

fn found_of(named: &name::Named<'_>) -> Found {
    let entity = name::part(&named.seen.sensor);
    let attributes = match named.family {
        Family::State => vec![
            ("name", named.instance.to_string()),
            ("sensor", named.name.clone()),
            ("entity", entity.clone()),
        ],
        _ => vec![
            ("name", named.instance.to_string()),
            ("sensor", named.name.clone()),
            ("chip", SOURCE.to_owned()),
            ("device", entity.clone()),
        ],
    };
    let title = named.title();
    found(&named.instance, title, attributes, vec![("chip", SOURCE.to_owned()), ("entity", entity)])
}

fn found(
    instance: &str,
    title: String,
    attributes: Vec<(&'static str, String)>,
    labels: Vec<(&'static str, String)>,
) -> Found {
    let behind = (instance != CONTROLLER).then(|| (SPEC.name, Arc::from(CONTROLLER)));
    Found {
        instance: instance.into(),
        title,
        source: SOURCE.into(),
        lane: Lane::Own,
        attributes,
        labels,
        behind,
        upon: Vec::new(),
        by_default: true,
    }
}

fn whole(instance: &'static str, title: &str) -> Found {
    found(instance, title.to_owned(), vec![("name", instance.to_owned())], Vec::new())
}

impl Kind for Bmc {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn survey(&self, host: &Host) -> Result<Vec<Found>, ProbeError> {
        Ok(is_there(host).then(|| whole(CONTROLLER, "BMC")).into_iter().collect())
    }

    fn asks(&self, host: &Host) -> bool {
        is_there(host)
    }

    fn inquire(&self, host: &Host, now: Moment) -> Result<Vec<Found>, ProbeError> {
        let look = Watcher::of(host).look_patiently(host, now)?;
        let mut all = Vec::new();
        if look.had.power {
            all.push(whole(POWER, "power"));
        }
        if look.had.chassis {
            all.push(whole(CHASSIS, "chassis"));
        }
        if look.had.log {
            all.push(whole(EVENT_LOG, "BMC event log"));
        }
        all.extend(inquire(host, now, Family::State)?);
        Ok(all)
    }

    fn is_inquired(&self, facts: &std::collections::BTreeMap<String, Vec<String>>) -> bool {
        let names = facts.get("name");
        !names.is_some_and(|names| names.iter().any(|name| name == CONTROLLER))
    }

    fn is_fixture(&self, found: &Found) -> bool {
        *found.instance == *CONTROLLER
    }

    fn open(&self, _: &str, _: &Options) -> Box<dyn Probe> {
        Box::new(Reader::new(Family::State))
    }
}

/// How long a sensor that was at work is missed before its absence counts as what it says: a BMC
/// that starts anew has nothing for a minute or three, and a fault that it showed is not over.
const AWAY_FOR: Span = Span::from_secs(300);
/// What is remembered of a fan that turned once.
const TURNED: &str = "turned";

/// Reads one family's sensors, and what else the kind `bmc` tells.
#[derive(Debug)]
struct Reader {
    family: Family,
    past: HashMap<Address, analog::Past>,
    /// Since when sensors that were at work give nothing.
    away: HashMap<Address, Moment>,
    /// Fans that turned when an earlier run of the agent watched them.
    turned: BTreeSet<String>,
    /// The chassis was seen closed.
    was_closed: bool,
    /// What an earlier run of the agent knew of the event log, until the next look.
    log: Option<Log>,
}

impl Reader {
    fn new(family: Family) -> Self {
        Self {
            family,
            past: HashMap::new(),
            away: HashMap::new(),
            turned: BTreeSet::new(),
            was_closed: false,
            log: None,
        }
    }

    /// Whether a sensor is away and no sample: for a moment, as far as one can tell.
    fn misses(&mut self, seen: &Seen, look: &Look) -> bool {
        let address = seen.sensor.address;
        if seen.is_live() {
            self.away.remove(&address);
            return false;
        }
        let passing = seen.reading.as_ref().is_err_and(|silence| silence.passing);
        if passing || look.device.updating {
            return true;
        }
        let since = *self.away.entry(address).or_insert(look.at);
        look.at.since(since) < AWAY_FOR
    }

    /// What one look says of everything.
    fn judge(&mut self, look: &Look, now: Moment) -> Vec<Observation> {
        let mut all = Vec::new();
        if self.family == Family::State {
            all.push(whole::controller(look));
            all.extend(whole::power(look));
            all.extend(whole::chassis(look, &mut self.was_closed));
            all.extend(whole::event_log(look, &Shown(look), now));
        }
        let family = self.family;
        for named in named(look).iter().filter(|named| named.family == family) {
            if self.misses(named.seen, look) {
                all.push(silent(named));
                continue;
            }
            let sensor = &named.seen.sensor;
            if !sensor.has_thresholds() || sensor.analog.is_none() {
                all.push(discrete::judge(named));
                continue;
            }
            let past = self.past.entry(sensor.address).or_default();
            past.turned |= self.turned.contains(&*named.instance);
            let mut observation = analog::judge(named, past);
            if self.family == Family::Fan && past.turned {
                observation.memo = Some(TURNED.to_owned());
            }
            all.push(observation);
        }
        let there: BTreeSet<_> = look.sensors.iter().map(|seen| seen.sensor.address).collect();
        self.past.retain(|address, _| there.contains(address));
        self.away.retain(|address, _| there.contains(address));
        all
    }
}

impl Probe for Reader {
    fn read(&mut self, host: &Host, now: Moment) -> Result<Vec<Observation>, ProbeError> {
        let watcher = Watcher::of(host);
        if let Some(log) = self.log.take() {
            watcher.recall(log);
        }
        let look = watcher.look(host, now)?;
        let all = self.judge(&look, now);
        if self.family == Family::State {
            watcher.told(look.at);
        }
        Ok(all)
    }

    fn recall(&mut self, instance: &str, memo: &str) {
        match instance {
            CHASSIS => self.was_closed |= memo == "closed",
            EVENT_LOG => self.log = Log::recall(memo).or(self.log.take()),
            fan if memo == TURNED && self.turned.len() < list::SENSORS => {
                self.turned.insert(fan.to_owned());
            }
            _ => {}
        }
    }
}

/// A sensor that is away for a moment: nothing is said of it, neither good nor bad.
fn silent(named: &name::Named<'_>) -> Observation {
    let why = match &named.seen.reading {
        Err(silence) => silence.why.clone(),
        Ok(_) => "the BMC has it for not available".to_owned(),
    };
    let summary = format!("no reading now: {why}; {}", named.origin());
    let summary = crate::model::text::shown(&summary).into_owned();
    let instance = named.instance.clone();
    Observation { instance, summary, silent: true, ..Observation::default() }
}

/// The sensors of a look, for the words of the event log.
struct Shown<'a>(&'a Look);

impl Live for Shown<'_> {
    fn sensor(&self, address: Address) -> Option<&Sensor> {
        let is_it = |own: Address| {
            own.owner == address.owner && own.lun == address.lun && own.number == address.number
        };
        self.0.sensors.iter().map(|seen| &*seen.sensor).find(|sensor| is_it(sensor.address))
    }

    fn shows(&self, _: &Entry) -> Option<bool> {
        None
    }
}
