//! One look at everything a BMC tells. Owns which questions are asked, in which order, and how
//! often what seldom changes is asked again; judges nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::log::{self, Live, Log};
use super::question::{Asker, NO_PRIVILEGE, Refusal, target};
use super::repository::{List, Walk};
use crate::host::Host;
use crate::host::ipmi;
use crate::model::reading::ProbeError;
use crate::model::time::Moment;
use crate::model::unit::Span;
use crate::parse::cpu::boot_time_seconds;
use crate::parse::ipmi::chassis::{self, Status};
use crate::parse::ipmi::convert;
use crate::parse::ipmi::dcmi::{self, NoPower, Power};
use crate::parse::ipmi::device::{Device, RepositoryInfo, SelfTest};
use crate::parse::ipmi::reading::{Reading, Thresholds};
use crate::parse::ipmi::sdr::{Access, Address, Record, Sensor, records};
use crate::parse::ipmi::sel::{self, Entry, Info, Time};
use crate::parse::ipmi::states;
use crate::parse::ipmi::threshold::{self, Limits};
use crate::store::cache;

/// How often limits, self test and clock are asked again.
const REFRESH_EVERY: Span = Span::from_secs(300);
/// How long a controller behind the BMC that did not answer is left alone: each question to it
/// costs seconds.
const MUTE_FOR: Span = Span::from_secs(600);
/// Sensors that are read: the largest servers have some 500.
const SENSORS: usize = 2048;

/// What one look saw.
#[derive(Debug, Clone)]
pub(super) struct Look {
    pub(super) at: Moment,
    pub(super) device: Device,
    pub(super) self_test: Option<SelfTest>,
    /// The BMC's clock, and how far it is ahead of this machine's.
    pub(super) clock: Option<(Time, Option<i64>)>,
    pub(super) sensors: Vec<Seen>,
    pub(super) chassis: Option<Status>,
    pub(super) restart_cause: Option<&'static str>,
    /// What it measures, or in words why not; `None` where it knows no such command.
    pub(super) power: Option<Result<Power, String>>,
    /// The state of the event log, `None` where there is none.
    pub(super) log: Option<(Info, Log)>,
}

/// One sensor and what was read of it.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) sensor: Arc<Sensor>,
    /// What came, or why nothing did.
    pub(super) reading: Result<Reading, String>,
    pub(super) value: Option<f64>,
    /// Raw thresholds, to tell one that is not there from one that cannot be meant.
    pub(super) thresholds: Thresholds,
    pub(super) limits: Limits,
}

impl Seen {
    /// Whether the BMC looks at it and has something to say.
    pub(super) fn is_live(&self) -> bool {
        self.reading.as_ref().is_ok_and(|reading| reading.scanning && !reading.unavailable)
    }
}

/// What is known of a BMC from look to look.
#[derive(Debug, Default)]
pub(super) struct Bmc {
    asker: Option<Asker>,
    /// The list of sensors and the key under which it was read.
    list: Option<(Vec<u8>, Vec<Arc<Sensor>>)>,
    /// A list that is being read; goes on after an interruption.
    walk: Option<(Vec<u8>, Walk)>,
    thresholds: HashMap<Address, (Moment, Thresholds)>,
    mute: BTreeMap<u8, Moment>,
    self_test: Option<(Moment, Option<SelfTest>)>,
    pub(super) log: Log,
}

impl Bmc {
    /// Looks at everything.
    ///
    /// # Errors
    /// When the BMC is lost; the next look opens it anew.
    pub(super) fn look(&mut self, host: &Host, now: Moment) -> Result<Look, ProbeError> {
        let mut asker = match self.asker.take() {
            Some(asker) => asker,
            None => Asker::new(ipmi::open(host, host.bmc())?),
        };
        match self.ask_all(&mut asker, host, now) {
            Ok(look) => {
                self.asker = Some(asker);
                Ok(look)
            }
            Err(Refusal::Lost(error)) => Err(error),
            Err(refusal @ Refusal::Code(_)) => {
                Err(ProbeError::Failed(format!("the BMC refuses to say what it is: {refusal}")))
            }
        }
    }

    /// How far a list of sensors has been read that is not complete.
    pub(super) fn progress(&self) -> Option<usize> {
        self.walk.as_ref().map(|(_, walk)| walk.count())
    }

    fn ask_all(&mut self, asker: &mut Asker, host: &Host, now: Moment) -> Result<Look, Refusal> {
        let id = asker.ask(0x06, 0x01, &[])?;
        let device = Device::parse(&id).map_err(malformed)?;
        let sensors = self.sensors(asker, host, &id, &device)?;
        let mut seen = Vec::with_capacity(sensors.len());
        for sensor in sensors.iter().filter(|sensor| sensor.is_readable()).take(SENSORS) {
            seen.push(self.read(asker, sensor, now)?);
        }
        let self_test = self.self_test(asker, now)?;
        let chassis = optional(asker.ask(0x00, 0x01, &[]))?;
        let restart = optional(asker.ask(0x00, 0x07, &[]))?;
        let power = power(asker)?;
        let clock = match optional(asker.ask(0x0a, 0x48, &[]))? {
            Some(answer) => sel::clock(&answer).ok().map(|time| (time, ahead(host, time))),
            None => None,
        };
        let log = match optional(asker.ask(0x0a, 0x40, &[]))?.map(|answer| Info::parse(&answer)) {
            Some(Ok(info)) => {
                let all = All { sensors: &sensors, seen: &seen };
                self.log.look(asker, &info, &all, now)?;
                Some((info, self.log.clone()))
            }
            _ => None,
        };
        Ok(Look {
            at: now,
            device,
            self_test,
            clock,
            sensors: seen,
            chassis: chassis.and_then(|answer| Status::parse(&answer).ok()),
            restart_cause: restart.and_then(|answer| chassis::restart_cause(&answer).ok()),
            power,
            log,
        })
    }

    /// The list of sensors: as it was, if the BMC says that it did not change; else from the cache
    /// or the BMC.
    fn sensors(
        &mut self,
        asker: &mut Asker,
        host: &Host,
        id: &[u8],
        device: &Device,
    ) -> Result<Vec<Arc<Sensor>>, Refusal> {
        let (list, stamp) = match optional(asker.ask(0x0a, 0x20, &[]))? {
            Some(answer) if RepositoryInfo::parse(&answer).is_ok() => (List::Repository, answer),
            // Its free space counts for nothing, and the stamps stand still if nothing changed.
            _ if device.support.record_repository => (List::Repository, Vec::new()),
            _ => (List::Device, optional(asker.ask(0x04, 0x20, &[1]))?.unwrap_or_default()),
        };
        let key = [id, &stamp].concat();
        if let Some((known, sensors)) = &self.list
            && *known == key
        {
            return Ok(sensors.clone());
        }
        let name = cache_name(host);
        let kept = host.cache().and_then(|directory| cache::load(directory, &name, &key));
        let blob = match kept {
            Some(blob) => blob,
            None => {
                let (_, mut walk) = match self.walk.take() {
                    Some(walk) if walk.0 == key => walk,
                    _ => (key.clone(), Walk::new(list)),
                };
                match walk.go_on(asker) {
                    Ok(blob) => {
                        if let Some(directory) = host.cache() {
                            cache::keep(directory, &name, &key, &blob);
                        }
                        blob
                    }
                    // A BMC without any list still has power, chassis and log.
                    Err(Refusal::Code(_)) if walk.count() == 0 => Vec::new(),
                    Err(refusal) => {
                        self.walk = Some((key, walk));
                        return Err(match refusal {
                            Refusal::Code(_) => Refusal::Lost(ProbeError::Failed(format!(
                                "the BMC does not give its list of sensors: {refusal}"
                            ))),
                            lost => lost,
                        });
                    }
                }
            }
        };
        let parsed = records(&blob).filter_map(|record| Record::parse(record).ok());
        let sensors: Vec<Arc<Sensor>> = parsed
            .flat_map(|record| record.sensors().to_vec())
            .take(SENSORS)
            .map(Arc::new)
            .collect();
        self.thresholds.clear();
        self.list = Some((key, sensors.clone()));
        Ok(sensors)
    }

    fn read(
        &mut self,
        asker: &mut Asker,
        sensor: &Arc<Sensor>,
        now: Moment,
    ) -> Result<Seen, Refusal> {
        let nothing = |why: String| Seen {
            sensor: Arc::clone(sensor),
            reading: Err(why),
            value: None,
            thresholds: Thresholds::default(),
            limits: Limits::default(),
        };
        let address = sensor.address;
        let to = target(address);
        let is_mute = |since: &Moment| now >= *since && now.since(*since) < MUTE_FOR;
        if self.mute.get(&address.owner).is_some_and(is_mute) {
            return Ok(nothing(format!("controller {:#04x} does not answer", address.owner)));
        }
        let answer = match asker.ask_at(to, 0x04, 0x2d, &[address.number]) {
            Ok(answer) => answer,
            Err(refusal @ Refusal::Code(_)) => {
                let silent = matches!(refusal, Refusal::Code(0xc3 | 0xd3));
                if silent && !to.is_bmc() {
                    self.mute.insert(address.owner, now);
                }
                return Ok(nothing(refusal.to_string()));
            }
            Err(lost) => return Err(lost),
        };
        let reading = match Reading::parse(&answer) {
            Ok(reading) => reading,
            Err(error) => return Ok(nothing(error.to_string())),
        };
        let thresholds = self.thresholds(asker, sensor, now)?;
        let value = match reading.raw {
            Some(raw) => value(asker, sensor, raw)?,
            None => None,
        };
        Ok(Seen {
            sensor: Arc::clone(sensor),
            value,
            limits: threshold::limits(sensor, &thresholds),
            thresholds,
            reading: Ok(reading),
        })
    }

    /// The sensor's own thresholds where it gives them, else those of its record.
    fn thresholds(
        &mut self,
        asker: &mut Asker,
        sensor: &Sensor,
        now: Moment,
    ) -> Result<Thresholds, Refusal> {
        let readable =
            matches!(sensor.capabilities.thresholds, Access::Readable | Access::Settable);
        if !sensor.has_thresholds() || !readable {
            return Ok(threshold::recorded(sensor));
        }
        if let Some((at, thresholds)) = self.thresholds.get(&sensor.address)
            && now >= *at
            && now.since(*at) < REFRESH_EVERY
        {
            return Ok(*thresholds);
        }
        let to = target(sensor.address);
        let answer = optional(asker.ask_at(to, 0x04, 0x27, &[sensor.address.number]))?;
        let own = answer.and_then(|answer| Thresholds::parse(&answer).ok());
        let thresholds = own.unwrap_or_else(|| threshold::recorded(sensor));
        self.thresholds.insert(sensor.address, (now, thresholds));
        Ok(thresholds)
    }

    fn self_test(&mut self, asker: &mut Asker, now: Moment) -> Result<Option<SelfTest>, Refusal> {
        if let Some((at, result)) = &self.self_test
            && now >= *at
            && now.since(*at) < REFRESH_EVERY
        {
            return Ok(result.clone());
        }
        let answer = optional(asker.ask(0x06, 0x04, &[]))?;
        let result = answer.and_then(|answer| SelfTest::parse(&answer).ok());
        self.self_test = Some((now, result.clone()));
        Ok(result)
    }
}

/// The power that the BMC measures (DCMI 1.5 section 6.6.1).
fn power(asker: &mut Asker) -> Result<Option<Result<Power, String>>, Refusal> {
    match asker.ask(0x2c, 0x02, &[dcmi::GROUP, 1, 0, 0]) {
        Ok(answer) => Ok(match dcmi::power(&answer) {
            // No answer of DCMI, whatever it is.
            Err(NoPower::OtherGroup(_)) => None,
            power => Some(power.map_err(|why| why.to_string())),
        }),
        // A user may not ask: worth saying, where the other way is worse.
        Err(refusal @ Refusal::Code(NO_PRIVILEGE)) => Ok(Some(Err(refusal.to_string()))),
        Err(Refusal::Code(_)) => Ok(None),
        Err(lost) => Err(lost),
    }
}

/// The value of a raw reading; where every reading has factors of its own, they are asked for.
fn value(asker: &mut Asker, sensor: &Sensor, raw: u8) -> Result<Option<f64>, Refusal> {
    use convert::Linearization::NonLinear;
    let asks = sensor.analog.as_ref().is_some_and(|analog| analog.linearization == NonLinear);
    if !asks {
        return Ok(convert::value(sensor, raw));
    }
    let to = target(sensor.address);
    let answer = optional(asker.ask_at(to, 0x04, 0x23, &[sensor.address.number, raw]))?;
    let factors = answer.and_then(|answer| convert::reading_factors(&answer).ok());
    Ok(factors.and_then(|(_, factors)| convert::value_with(sensor, raw, factors)))
}

/// An answer that a BMC need not have.
fn optional(answer: Result<Vec<u8>, Refusal>) -> Result<Option<Vec<u8>>, Refusal> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(Refusal::Code(_)) => Ok(None),
        Err(lost) => Err(lost),
    }
}

fn malformed(error: crate::parse::ipmi::Malformed) -> Refusal {
    Refusal::Lost(ProbeError::Malformed(format!("the BMC's answer makes no sense: {error}")))
}

/// Seconds that the BMC's clock is ahead of the clock of the machine it belongs to.
fn ahead(host: &Host, time: Time) -> Option<i64> {
    let Time::At(seconds) = time else { return None };
    let file = |path| crate::host::file::read(host, path, crate::host::file::Shape::UntilEnd).ok();
    let boot = boot_time_seconds(&file("proc/stat")?)?;
    let uptime = String::from_utf8(file("proc/uptime")?).ok()?;
    let up: f64 = uptime.split_whitespace().next()?.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "an uptime is far below 2^63 seconds")]
    let now = boot.checked_add(up as i64)?;
    Some(i64::from(seconds) - now)
}

/// Another BMC has another file.
fn cache_name(host: &Host) -> String {
    match host.bmc() {
        // Nothing is asked of the last two, so that nothing is kept.
        ipmi::Access::InBand | ipmi::Access::Off | ipmi::Access::Unusable(_) => {
            "sensors-of-bmc".to_owned()
        }
        ipmi::Access::Lan(lan) => {
            let place = lan.to_string();
            format!("sensors-of-bmc-{:08x}", crc32fast::hash(place.as_bytes()))
        }
    }
}

/// All sensors and what they show, for the event log.
struct All<'a> {
    sensors: &'a [Arc<Sensor>],
    seen: &'a [Seen],
}

impl Live for All<'_> {
    fn sensor(&self, address: Address) -> Option<&Sensor> {
        self.sensors.iter().map(Arc::as_ref).find(|sensor| is_of(sensor, address))
    }

    fn shows(&self, entry: &Entry) -> Option<bool> {
        let event = entry.event()?;
        let address = log::address(event.generator, event.number);
        let seen = self.seen.iter().find(|seen| is_of(&seen.sensor, address))?;
        if seen.sensor.sensor_type != event.sensor_type
            || seen.sensor.reading_type != event.event_type
        {
            return None;
        }
        let reading = seen.reading.as_ref().ok()?;
        if seen.sensor.has_thresholds() {
            // Twelve offsets, two for each of the six comparisons.
            return Some(reading.crossed()? >> (event.offset / 2).min(7) & 1 == 1);
        }
        let live = states::reported_states(&seen.sensor, reading.states?);
        // A state that cannot be read is told by the log alone.
        let readable = seen.sensor.readable_states >> event.offset & 1 == 1;
        readable.then_some(live >> event.offset & 1 == 1)
    }
}

/// Events name the channel on which they came, which records need not.
fn is_of(sensor: &Sensor, address: Address) -> bool {
    let own = sensor.address;
    own.owner == address.owner && own.lun == address.lun && own.number == address.number
}
