//! One look at everything a BMC tells. Owns which questions are asked, in which order, and how
//! often what seldom changes is asked again; judges nothing.

use std::sync::Arc;

use super::list::{Sensors, settled};
use super::log::{self, Live, Log};
use super::question::{Asker, NO_PRIVILEGE, Refusal, is_passing};
use super::sensing::Sensing;
use crate::host::Host;
use crate::host::ipmi::{self, Door};
use crate::model::reading::ProbeError;
use crate::model::time::Moment;
use crate::model::unit::Span;
use crate::parse::cpu::boot_time_seconds;
use crate::parse::ipmi::chassis::{self, Status};
use crate::parse::ipmi::dcmi::{self, NoPower, Power};
use crate::parse::ipmi::device::{Device, SelfTest};
use crate::parse::ipmi::sdr::{Address, Sensor};
use crate::parse::ipmi::sel::{self, Entry, Info, Time};
use crate::parse::ipmi::states::{self, Weight};

pub(super) use super::sensing::Seen;

/// How often self test, clock and restart cause are asked again.
const SELDOM_EVERY: Span = Span::from_secs(300);

/// What one look saw.
#[derive(Debug, Clone)]
pub(super) struct Look {
    pub(super) at: Moment,
    pub(super) device: Device,
    pub(super) seldom: Seldom,
    /// All sensors that can be read, in the order of the list.
    pub(super) sensors: Vec<Seen>,
    /// Why the list of sensors ends before its end, where it does.
    pub(super) cut: Option<String>,
    pub(super) chassis: Option<Status>,
    pub(super) power: Watts,
    /// The state of the event log, `None` where there is none.
    pub(super) log: Option<(Info, Log)>,
    pub(super) had: Had,
}

/// What the BMC was seen to have, in this look or an earlier one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Had {
    pub(super) power: bool,
    pub(super) chassis: bool,
    pub(super) log: bool,
}

/// What is asked now and then.
#[derive(Debug, Clone, Default)]
pub(super) struct Seldom {
    pub(super) self_test: Option<SelfTest>,
    /// The BMC's clock, and how far it is ahead of this machine's.
    pub(super) clock: Option<(Time, Option<i64>)>,
    pub(super) restart_cause: Option<&'static str>,
}

/// The power that the BMC measures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Watts {
    /// This.
    Measured(Power),
    /// In words why it is none.
    Not(String),
    /// It knows no such command.
    Unknown,
    /// It did not answer this time.
    Missed,
}

/// What is known of a BMC from look to look.
#[derive(Debug, Default)]
pub(super) struct Bmc {
    asker: Asker,
    sensors: Sensors,
    sensing: Sensing,
    seldom: Option<(Moment, Seldom)>,
    /// Its number in the world, in short, where it has one.
    whose: Option<u32>,
    had: Had,
    /// Its answer of Get Device ID.
    identity: Option<Vec<u8>>,
    /// It measured power once.
    measures: bool,
    pub(super) log: Log,
}

impl Bmc {
    /// Looks at everything.
    ///
    /// # Errors
    /// When the BMC is lost; the next look opens it anew.
    pub(super) fn look(&mut self, host: &Host, now: Moment) -> Result<Look, ProbeError> {
        self.look_through(host, now, || ipmi::open(host, host.bmc()))
    }

    /// Looks at everything through this door, unless one is open.
    pub(super) fn look_through(
        &mut self,
        host: &Host,
        now: Moment,
        open: impl FnOnce() -> Result<Box<dyn Door>, ProbeError>,
    ) -> Result<Look, ProbeError> {
        // Put back at a good end: whatever stops a look, the next one begins afresh.
        let mut asker = std::mem::take(&mut self.asker);
        let is_new = match asker.begin(now, open) {
            Ok(is_new) => is_new,
            Err(error) => {
                self.asker = asker;
                return Err(error);
            }
        };
        let seen = self.ask_all(&mut asker, host, is_new, now);
        if seen.is_err() {
            asker.shut();
        }
        self.asker = asker;
        seen.map_err(|refusal| match refusal {
            Refusal::Lost(error) => error,
            Refusal::Code(_) => {
                ProbeError::Failed(format!("the BMC does not say who it is: {refusal}"))
            }
        })
    }

    /// How far a list of sensors has been read that is not complete.
    pub(super) fn progress(&self) -> Option<usize> {
        self.sensors.progress()
    }

    fn ask_all(
        &mut self,
        asker: &mut Asker,
        host: &Host,
        is_new: bool,
        now: Moment,
    ) -> Result<Look, Refusal> {
        let id = self.identity(asker)?;
        let device = Device::parse(&id).map_err(malformed)?;
        let (sensors, is_another) = self.sensors.list(asker, host, (&id, &device), now)?;
        if is_another {
            self.sensing.begin_anew(&sensors);
        }
        let seen = self.sensing.read(asker, &sensors, now)?;
        let chassis = optional(asker.ask(0x00, 0x01, &[]))?;
        let chassis = chassis.and_then(|answer| Status::parse(&answer).ok());
        let power = match power(asker)? {
            Watts::Measured(power) => {
                self.measures = true;
                Watts::Measured(power)
            }
            // It never did: what its sensors add up to need not wait for it.
            Watts::Missed if !self.measures => Watts::Not("it is not answered".to_owned()),
            other => other,
        };
        let seldom = self.seldom(asker, host, now)?;
        if is_new {
            self.whose = optional(asker.ask(0x06, 0x37, &[]))?.and_then(|id| whose(&id));
        }
        let log = match optional(asker.ask(0x0a, 0x40, &[]))?.map(|answer| Info::parse(&answer)) {
            Some(Ok(info)) => {
                let all = All { sensors: &sensors, seen: &seen };
                self.log.look(asker, &info, self.whose, &all, now)?;
                Some((info, self.log.clone()))
            }
            _ => None,
        };
        self.had.chassis |= chassis.is_some();
        self.had.log |= log.is_some();
        let cut = self.sensors.cut().map(str::to_owned);
        let had = self.had;
        let mut look =
            Look { at: now, device, seldom, sensors: seen, cut, chassis, power, log, had };
        self.had.power |= super::whole::power(&look).is_some();
        look.had = self.had;
        Ok(look)
    }

    /// What the BMC says it is. One that says something else than before, or is asked for the first
    /// time, is asked again: a BMC that answers at random is not to be believed in anything.
    fn identity(&mut self, asker: &mut Asker) -> Result<Vec<u8>, Refusal> {
        let id = asker.ask(0x06, 0x01, &[])?;
        if self.identity.as_deref() != Some(&settled(&id)) {
            let again = asker.ask(0x06, 0x01, &[])?;
            if settled(&again) != settled(&id) {
                let why = "the BMC says each time that it is another: its answers make no sense";
                return Err(Refusal::Lost(ProbeError::Malformed(why.to_owned())));
            }
            self.identity = Some(settled(&id));
        }
        Ok(id)
    }

    fn seldom(&mut self, asker: &mut Asker, host: &Host, now: Moment) -> Result<Seldom, Refusal> {
        if let Some((at, seldom)) = &self.seldom
            && now >= *at
            && now.since(*at) < SELDOM_EVERY
        {
            return Ok(seldom.clone());
        }
        let self_test = optional(asker.ask(0x06, 0x04, &[]))?;
        let restart = optional(asker.ask(0x00, 0x07, &[]))?;
        let clock = optional(asker.ask(0x0a, 0x48, &[]))?;
        let seldom = Seldom {
            self_test: self_test.and_then(|answer| SelfTest::parse(&answer).ok()),
            restart_cause: restart.and_then(|answer| chassis::restart_cause(&answer).ok()),
            clock: clock
                .and_then(|answer| sel::clock(&answer).ok())
                .map(|time| (time, ahead(host, time))),
        };
        self.seldom = Some((now, seldom.clone()));
        Ok(seldom)
    }
}

/// The power that the BMC measures (DCMI 1.5 section 6.6.1).
fn power(asker: &mut Asker) -> Result<Watts, Refusal> {
    match asker.ask(0x2c, 0x02, &[dcmi::GROUP, 1, 0, 0]) {
        Ok(answer) => Ok(match dcmi::power(&answer) {
            // What has no supplies that measure says nothing, and says it as zeros or ones.
            Ok(power) if matches!(power.current_watts, 0 | u16::MAX) => {
                Watts::Not(format!("{} W cannot be true", power.current_watts))
            }
            Ok(power) => Watts::Measured(power),
            // No answer of DCMI, whatever it is.
            Err(NoPower::OtherGroup(_)) => Watts::Unknown,
            Err(why) => Watts::Not(why.to_string()),
        }),
        // A user may not ask: worth saying, where the other way is worse.
        Err(refusal @ Refusal::Code(NO_PRIVILEGE)) => Ok(Watts::Not(refusal.to_string())),
        Err(Refusal::Code(code)) if is_passing(code) => Ok(Watts::Missed),
        Err(Refusal::Code(_)) => Ok(Watts::Unknown),
        Err(lost) => Err(lost),
    }
}

/// A System GUID in short; all bytes alike are none.
fn whose(guid: &[u8]) -> Option<u32> {
    let first = guid.first()?;
    guid.iter().any(|byte| byte != first).then(|| crc32fast::hash(guid))
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
        let live = reading.states?;
        // A state that cannot be read, and one that the sensor does not find worth telling, is told
        // by the log alone.
        if seen.sensor.readable_states >> event.offset & 1 == 0 {
            return None;
        }
        let state = states::states(&seen.sensor, live);
        match state.iter().find(|state| state.offset == event.offset) {
            None => Some(false),
            Some(state) => (state.weight >= Weight::Warning).then_some(true),
        }
    }
}

/// Events name the channel on which they came, which records need not.
fn is_of(sensor: &Sensor, address: Address) -> bool {
    let own = sensor.address;
    own.owner == address.owner && own.lun == address.lun && own.number == address.number
}
