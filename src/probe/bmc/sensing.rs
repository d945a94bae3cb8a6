//! Reading the sensors: which are asked in a look, with which limits and factors. Owns that a look
//! asks no more than it must; judges nothing.
//!
//! A sensor that gives values is asked in every look. What seldom changes (limits), and sensors that
//! never gave a value (an empty slot), are asked again in turn, a part of them in each look.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::list::SENSORS;
use super::question::{Asker, NO_PRIVILEGE, Refusal, is_passing, target};
use crate::model::time::Moment;
use crate::model::unit::Span;
use crate::parse::ipmi::convert::{self, Factors, Linearization};
use crate::parse::ipmi::reading::{Reading, Thresholds};
use crate::parse::ipmi::sdr::{Access, Address, Sensor};
use crate::parse::ipmi::threshold::{self, Limits};

/// How old limits may be.
const LIMITS_EVERY: Span = Span::from_secs(300);
/// How long a sensor without a reading is left alone, if it never had one.
const IDLE_EVERY: Span = Span::from_secs(100);
/// In how many looks all of them are asked again.
const TURNS: usize = 5;
/// And how many at least in one.
const TURN_MIN: usize = 4;

/// One sensor and what was read of it.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) sensor: Arc<Sensor>,
    /// What came, or why nothing did.
    pub(super) reading: Result<Reading, Silence>,
    pub(super) value: Option<f64>,
    /// Raw thresholds, to tell one that is not there from one that cannot be meant.
    pub(super) thresholds: Thresholds,
    pub(super) limits: Limits,
    /// It was at work once, now or before.
    pub(super) known: bool,
}

/// Why a sensor was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Silence {
    pub(super) why: String,
    /// It says nothing of the sensor: the BMC was busy, or an answer got lost.
    pub(super) passing: bool,
    /// The session may not read it.
    pub(super) refused: bool,
}

impl Seen {
    fn nothing(sensor: &Arc<Sensor>, silence: Silence) -> Self {
        Self {
            sensor: Arc::clone(sensor),
            reading: Err(silence),
            value: None,
            thresholds: Thresholds::default(),
            limits: Limits::default(),
            known: false,
        }
    }

    /// Whether the BMC looks at it and has something to say.
    pub(super) fn is_live(&self) -> bool {
        self.reading.as_ref().is_ok_and(|reading| reading.scanning && !reading.unavailable)
    }
}

/// What is remembered of sensors from look to look.
#[derive(Debug, Default)]
pub(super) struct Sensing {
    limits: HashMap<Address, (Moment, Thresholds)>,
    /// The raw reading for which factors were asked last, and the factors.
    factors: HashMap<Address, (u8, Factors)>,
    /// Sensors that never were at work, as they were seen last.
    idle: HashMap<Address, (Moment, Seen)>,
    /// Sensors that were at work once: they stay listed while they are away.
    known: HashSet<Address>,
}

/// What may still be asked again in this look.
struct Turn {
    limits: usize,
    idle: usize,
}

fn part_of(all: usize) -> usize {
    all.div_ceil(TURNS).max(TURN_MIN)
}

fn is_fresh(at: Moment, now: Moment, every: Span) -> bool {
    now >= at && now.since(at) < every
}

impl Sensing {
    /// Another list: what a number means may be another.
    pub(super) fn begin_anew(&mut self, sensors: &[Arc<Sensor>]) {
        let there: HashSet<Address> = sensors.iter().map(|sensor| sensor.address).collect();
        self.known.retain(|address| there.contains(address));
        self.limits.clear();
        self.factors.clear();
        self.idle.clear();
    }

    /// Reads all sensors that can be read.
    ///
    /// # Errors
    /// When the BMC is lost.
    pub(super) fn read(
        &mut self,
        asker: &mut Asker,
        sensors: &[Arc<Sensor>],
        now: Moment,
    ) -> Result<Vec<Seen>, Refusal> {
        let mut turn = Turn { limits: part_of(self.limits.len()), idle: part_of(self.idle.len()) };
        let mut all = Vec::with_capacity(sensors.len());
        for sensor in sensors.iter().filter(|sensor| sensor.is_readable()).take(SENSORS) {
            if let Some((at, seen)) = self.idle.get(&sensor.address) {
                if is_fresh(*at, now, IDLE_EVERY) || turn.idle == 0 {
                    all.push(seen.clone());
                    continue;
                }
                turn.idle -= 1;
            }
            let mut seen = self.one(asker, sensor, &mut turn, now)?;
            if seen.is_live() {
                self.known.insert(sensor.address);
            }
            seen.known = self.known.contains(&sensor.address);
            let is_passing = seen.reading.as_ref().is_err_and(|silence| silence.passing);
            if seen.known || is_passing {
                self.idle.remove(&sensor.address);
            } else {
                self.idle.insert(sensor.address, (now, seen.clone()));
            }
            all.push(seen);
        }
        Ok(all)
    }

    fn one(
        &mut self,
        asker: &mut Asker,
        sensor: &Arc<Sensor>,
        turn: &mut Turn,
        now: Moment,
    ) -> Result<Seen, Refusal> {
        let address = sensor.address;
        let answer = match asker.ask_at(target(address), 0x04, 0x2d, &[address.number]) {
            Ok(answer) => answer,
            Err(refusal @ Refusal::Code(code)) => {
                let passing = is_passing(code);
                let refused = code == NO_PRIVILEGE;
                let silence = Silence { why: refusal.to_string(), passing, refused };
                return Ok(Seen::nothing(sensor, silence));
            }
            Err(lost) => return Err(lost),
        };
        let reading = match Reading::parse(&answer) {
            Ok(reading) => reading,
            Err(error) => {
                let silence = Silence { why: error.to_string(), passing: true, refused: false };
                return Ok(Seen::nothing(sensor, silence));
            }
        };
        let mut seen = Seen {
            sensor: Arc::clone(sensor),
            reading: Ok(reading),
            value: None,
            thresholds: Thresholds::default(),
            limits: Limits::default(),
            known: false,
        };
        if seen.is_live() {
            seen.thresholds = self.thresholds(asker, sensor, turn, now)?;
            seen.limits = threshold::limits(sensor, &seen.thresholds);
            if let Some(raw) = reading.raw {
                seen.value = self.value(asker, sensor, raw)?;
            }
        }
        Ok(seen)
    }

    /// The sensor's own thresholds where it gives them, else those of its record.
    fn thresholds(
        &mut self,
        asker: &mut Asker,
        sensor: &Sensor,
        turn: &mut Turn,
        now: Moment,
    ) -> Result<Thresholds, Refusal> {
        let readable =
            matches!(sensor.capabilities.thresholds, Access::Readable | Access::Settable);
        if !sensor.has_thresholds() || !readable {
            return Ok(threshold::recorded(sensor));
        }
        let before = self.limits.get(&sensor.address).copied();
        if let Some((at, thresholds)) = before {
            if is_fresh(at, now, LIMITS_EVERY) || turn.limits == 0 {
                return Ok(thresholds);
            }
            turn.limits -= 1;
        }
        let number = sensor.address.number;
        let own = match asker.ask_at(target(sensor.address), 0x04, 0x27, &[number]) {
            Ok(answer) => Thresholds::parse(&answer).ok(),
            Err(Refusal::Code(code)) if !is_passing(code) => Some(threshold::recorded(sensor)),
            Err(Refusal::Code(_)) => None,
            Err(lost) => return Err(lost),
        };
        // Not now: what it said before holds, and it is asked again in the next look.
        let Some(own) = own else {
            return Ok(before.map_or_else(|| threshold::recorded(sensor), |(_, before)| before));
        };
        self.limits.insert(sensor.address, (now, own));
        Ok(own)
    }

    /// The value of a raw reading; where every reading has factors of its own, they are asked for.
    fn value(
        &mut self,
        asker: &mut Asker,
        sensor: &Sensor,
        raw: u8,
    ) -> Result<Option<f64>, Refusal> {
        let is = |analog: &crate::parse::ipmi::sdr::Analog| {
            analog.linearization == Linearization::NonLinear
        };
        if !sensor.analog.as_ref().is_some_and(is) {
            return Ok(convert::value(sensor, raw));
        }
        let address = sensor.address;
        let factors = match self.factors.get(&address) {
            Some((of, factors)) if *of == raw => Some(*factors),
            _ => match asker.ask_at(target(address), 0x04, 0x23, &[address.number, raw]) {
                Ok(answer) => convert::reading_factors(&answer).ok().map(|(_, factors)| factors),
                Err(Refusal::Code(_)) => None,
                Err(lost) => return Err(lost),
            },
        };
        if let Some(factors) = factors {
            self.factors.insert(address, (raw, factors));
        }
        Ok(factors.and_then(|factors| convert::value_with(sensor, raw, factors)))
    }
}
