//! Looks at a BMC that is scripted: a table of records, readings and log entries, and what it
//! refuses, loses or cuts off.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use super::look::{Bmc, Look};
use super::name::named;
use super::{Family, Reader};
use crate::host::Host;
use crate::host::ipmi::{Answer, Door, Request};
use crate::model::reading::{Observation, ProbeError};
use crate::model::state::State;
use crate::model::time::Moment;

mod cost;
mod events;
mod fuzz;
mod judging;
mod lists;

/// What the BMC is, and what was asked of it.
#[derive(Debug, Clone, Default)]
struct Facts {
    id: Vec<u8>,
    records: Vec<Vec<u8>>,
    /// Changes with the records.
    stamp: u32,
    /// By number: answer or completion code.
    readings: BTreeMap<u8, Result<Vec<u8>, u8>>,
    thresholds: BTreeMap<u8, Vec<u8>>,
    chassis: Option<Vec<u8>>,
    power: Option<Vec<u8>>,
    guid: Vec<u8>,
    /// Entries of sixteen bytes; the first two are the number.
    events: Option<Vec<Vec<u8>>>,
    added: u32,
    erased: u32,
    /// By network function, command and the first bytes of the data: a completion code, or none
    /// for no answer.
    faults: Vec<(u8, u8, Vec<u8>, Option<u8>)>,
    asked: Vec<Request>,
}

/// A BMC in memory; clones share it.
#[derive(Debug, Clone)]
struct Script(Arc<Mutex<Facts>>);

impl Script {
    /// A BMC of IPMI 2.0 with everything, and nothing wrong.
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Facts {
            id: vec![0x20, 1, 2, 0x12, 2, 0xbf, 0xa2, 2, 0, 0, 1],
            stamp: 0x6000_0000,
            chassis: Some(vec![0x21, 0, 0]),
            guid: (0..16).collect(),
            events: Some(Vec::new()),
            ..Facts::default()
        })))
    }

    fn change(&self, change: impl FnOnce(&mut Facts)) {
        change(&mut self.0.lock().unwrap());
    }

    /// Adds a sensor with its reading.
    fn with(self, record: Vec<u8>, reading: &[u8]) -> Self {
        self.change(|facts| {
            facts.readings.insert(record[7], Ok(reading.to_vec()));
            facts.records.push(record);
        });
        self
    }

    fn read(&self, number: u8, reading: &[u8]) {
        self.change(|facts| {
            facts.readings.insert(number, Ok(reading.to_vec()));
        });
    }

    fn refuse(&self, netfn: u8, command: u8, data: &[u8], code: Option<u8>) {
        self.change(|facts| facts.faults.push((netfn, command, data.to_vec(), code)));
    }

    fn heal(&self) {
        self.change(|facts| facts.faults.clear());
    }

    /// Logs an event at a second; its number is the next.
    fn log(&self, second: u32, event: &[u8]) {
        self.change(|facts| {
            let events = facts.events.get_or_insert_default();
            let last = events.last().map_or(0, |entry| u16::from_le_bytes([entry[0], entry[1]]));
            let mut entry = (last + 1).to_le_bytes().to_vec();
            entry.push(2);
            entry.extend(second.to_le_bytes());
            entry.extend([0x20, 0, 4]);
            entry.extend(event);
            assert_eq!(entry.len(), 16);
            events.push(entry);
            facts.added = second;
        });
    }

    /// How often a command was asked since the last time.
    fn asked(&self, netfn: u8, command: u8) -> usize {
        let mut facts = self.0.lock().unwrap();
        let is_it = |request: &&Request| (request.netfn, request.command) == (netfn, command);
        let count = facts.asked.iter().filter(is_it).count();
        facts.asked.retain(|request| (request.netfn, request.command) != (netfn, command));
        count
    }
}

impl Door for Script {
    fn ask(&mut self, request: &Request) -> Result<Answer, ProbeError> {
        let mut facts = self.0.lock().unwrap();
        facts.asked.push(request.clone());
        let fault = facts.faults.iter().find(|(netfn, command, data, _)| {
            (*netfn, *command) == (request.netfn, request.command) && request.data.starts_with(data)
        });
        match fault {
            Some((.., Some(code))) => Ok(Answer { code: *code, data: Vec::new() }),
            Some(_) => Err(ProbeError::TimedOut("late".to_owned())),
            None => Ok(match facts.answer(request) {
                Ok(data) => Answer { code: 0, data },
                Err(code) => Answer { code, data: Vec::new() },
            }),
        }
    }
}

impl Facts {
    fn answer(&self, request: &Request) -> Result<Vec<u8>, u8> {
        let data = &request.data;
        match (request.netfn, request.command) {
            (0x06, 0x01) => Ok(self.id.clone()),
            (0x06, 0x04) => Ok(vec![0x55, 0]),
            (0x06, 0x37) => Ok(self.guid.clone()),
            (0x00, 0x01) => self.chassis.clone().ok_or(0xc1),
            (0x00, 0x07) => Ok(vec![1, 0]),
            (0x2c, 0x02) => self.power.clone().ok_or(0xc1),
            (0x0a, 0x20) => {
                let mut info = vec![0x51];
                info.extend(u16::try_from(self.records.len()).unwrap().to_le_bytes());
                info.extend([0, 0]);
                info.extend(self.stamp.to_le_bytes());
                info.extend([0; 4]);
                info.push(2);
                Ok(info)
            }
            (0x0a, 0x22) => Ok(vec![1, 0]),
            (0x0a, 0x23) => {
                let number = u16::from_le_bytes([data[2], data[3]]);
                let place = usize::from(number.saturating_sub(1));
                let record = self.records.get(place).ok_or(0xcb)?;
                let is_last = place + 1 == self.records.len();
                let next = if is_last { 0xffff } else { u16::try_from(place + 2).unwrap() };
                let (from, count) = (usize::from(data[4]), usize::from(data[5]));
                let rest = record.get(from..).ok_or(0xc9)?;
                let count = if count == 0xff { rest.len() } else { count };
                Ok([&next.to_le_bytes()[..], rest.get(..count).ok_or(0xc9)?].concat())
            }
            (0x04, 0x2d) => self.readings.get(&data[0]).cloned().unwrap_or(Err(0xcb)),
            (0x04, 0x27) => self.thresholds.get(&data[0]).cloned().ok_or(0xcb),
            (0x0a, 0x48) => Ok(0x6100_0000_u32.to_le_bytes().to_vec()),
            (0x0a, 0x40) => {
                let events = self.events.as_ref().ok_or(0xc1)?;
                let mut info = vec![0x51];
                info.extend(u16::try_from(events.len()).unwrap().to_le_bytes());
                info.extend([0, 0x10]);
                info.extend(self.added.to_le_bytes());
                info.extend(self.erased.to_le_bytes());
                info.push(2);
                Ok(info)
            }
            (0x0a, 0x43) => {
                let events = self.events.as_ref().ok_or(0xc1)?;
                let number = u16::from_le_bytes([data[2], data[3]]);
                let place = match number {
                    0 => Some(0),
                    0xffff => events.len().checked_sub(1),
                    _ => events.iter().position(|entry| entry[..2] == number.to_le_bytes()),
                };
                let entry = place.and_then(|place| events.get(place)).ok_or(0xcb)?;
                let next = events.get(place.unwrap() + 1);
                let next = next.map_or([0xff, 0xff], |next| [next[0], next[1]]);
                Ok([&next[..], entry].concat())
            }
            _ => Err(0xc1),
        }
    }
}

/// A full record of the BMC's own: number, sensor type, entity and its instance, unit bytes, M.
fn full(number: u8, kind: u8, entity: [u8; 2], units: [u8; 3], m: u8, name: &str) -> Vec<u8> {
    let mut record = vec![number, 0, 0x51, 1, 0, 0x20, 0, number];
    // Scanning and events; thresholds and hysteresis that can be read; a threshold sensor.
    record.extend(entity);
    record.extend([0x7f, 0x54, kind, 1, 0, 0, 0, 0, 0x3f, 0]);
    record.extend(units);
    record.extend([0, m, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0]);
    record.extend([0, 0, 0, 0, 0, 0, 2, 2, 0, 0, 0]);
    named_record(record, name)
}

const CELSIUS: [u8; 3] = [0, 1, 0];
const RPM: [u8; 3] = [0, 18, 0];
const PERCENT: [u8; 3] = [1, 0, 0];
const WATT: [u8; 3] = [0, 6, 0];
const TEMPERATURE: u8 = 0x01;
const FAN: u8 = 0x04;

/// A compact record: number, sensor type, reading type, entity and its instance.
fn compact(number: u8, kind: u8, reading: u8, entity: [u8; 2], name: &str) -> Vec<u8> {
    let mut record = vec![number, 0, 0x51, 2, 0, 0x20, 0, number];
    record.extend(entity);
    record.extend([0x7f, 0x40, kind, reading, 0xff, 0x7f, 0xff, 0x7f, 0xff, 0x7f, 0xc0, 0, 0]);
    record.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    named_record(record, name)
}

fn named_record(mut record: Vec<u8>, name: &str) -> Vec<u8> {
    record.push(0xc0 | u8::try_from(name.len()).unwrap());
    record.extend(name.as_bytes());
    record[4] = u8::try_from(record.len() - 5).unwrap();
    record
}

/// One BMC with the readers of all families.
struct Watch {
    script: Script,
    bmc: Bmc,
    readers: Vec<Reader>,
}

impl Watch {
    fn of(script: &Script) -> Self {
        use Family::{Current, Fan, Power, State, Temperature, Voltage};
        let families = [State, Temperature, Fan, Voltage, Current, Power];
        let readers = families.into_iter().map(Reader::new).collect();
        Self { script: script.clone(), bmc: Bmc::default(), readers }
    }

    fn look(&mut self, second: u64) -> Result<Look, ProbeError> {
        let script = self.script.clone();
        let host = Host::recorded(std::path::Path::new("/nonexistent"));
        self.bmc.look_through(&host, Moment(second * 1000), || Ok(Box::new(script)))
    }

    /// Everything that one look says, by instance; the families' names do not meet.
    fn read(&mut self, second: u64) -> BTreeMap<String, Observation> {
        let look = self.look(second).unwrap();
        let now = Moment(second * 1000);
        let all = self.readers.iter_mut().flat_map(|reader| reader.judge(&look, now));
        let all = all.map(|seen| (seen.instance.to_string(), seen)).collect();
        self.bmc.log.events.told(now);
        all
    }

    /// What is wrong: instance and fact.
    fn wrong(&mut self, second: u64) -> Vec<String> {
        let seen = self.read(second);
        let bad = seen.iter().flat_map(|(name, seen)| {
            let bad = seen.findings.iter().filter(|finding| finding.state != State::Ok);
            bad.map(move |finding| format!("{} {name}: {}", finding.state.short(), finding.fact))
        });
        bad.collect()
    }
}

const NONE: [&str; 0] = [];

/// Reading of a sensor that works: raw value and nothing crossed.
fn value(raw: u8) -> [u8; 4] {
    [raw, 0xc0, 0xc0, 0]
}

/// Reading of a discrete sensor in these states.
fn states(bits: u16) -> [u8; 4] {
    let [low, high] = bits.to_le_bytes();
    [0, 0xc0, low, high | 0x80]
}

/// Not available.
const AWAY: [u8; 4] = [0, 0x60, 0, 0];
