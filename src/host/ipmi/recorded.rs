//! A BMC that was recorded: the files below `dev/ipmi0` of a recorded machine answer.
//!
//! Owns: their format. Must not know: what the records and readings mean.
//!
//! | file | holds |
//! |---|---|
//! | `answers.txt` | questions and answers as they passed a door ([`super::answers`]); looked at first |
//! | `sdr.bin` | the sensor records, one after the other |
//! | `readings.txt` | a sensor a line: `owner lun number  reading flags state state`, and where it has thresholds ` \| ` with their mask and the six values, highest first |
//! | `mc.txt` | `mc_add` lines as `ipmi_sim` takes them: what Get Device ID says |
//!
//! Every file may be missing, not all. Questions about what is not held get the completion codes
//! that a BMC gives for commands and sensors it does not have.

use std::collections::{BTreeMap, BTreeSet};

use super::answers::{Answers, byte};
use super::{Answer, Door, Request, Target, allow};
use crate::host::Host;
use crate::host::file::{Shape, read};
use crate::model::limit::{IPMI_RECORDED_SENSORS, IPMI_RECORDS};
use crate::model::reading::ProbeError;

const FOLDER: &str = "dev/ipmi0";
/// Bytes of a record before its body: number, version, type, length (IPMI 2.0 section 43).
const RECORD_HEADER_BYTES: usize = 5;
/// Get SDR's number for the record after the last, and its length for the whole record.
const LAST: u16 = 0xffff;
const WHOLE: u8 = 0xff;
/// Completion codes (IPMI 2.0 table 5-2).
const DONE: u8 = 0x00;
const NO_SUCH_COMMAND: u8 = 0xc1;
const WRONG_LENGTH: u8 = 0xc7;
const OUT_OF_RANGE: u8 = 0xc9;
const NOT_PRESENT: u8 = 0xcb;
/// Flags of a reading: it sends events; reading and states are not available.
const EVENTS: u8 = 0x80;
const UNAVAILABLE: u8 = 0x20;
/// The one reservation that is ever given.
const RESERVATION: [u8; 2] = [1, 0];

/// A sensor's number and who owns it.
type Sensor = (u8, u8, u8);

/// What Get Sensor Reading and Get Sensor Thresholds answer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Held {
    reading: Vec<u8>,
    thresholds: Option<Vec<u8>>,
}

/// A recorded BMC.
#[derive(Debug)]
pub(super) struct Recorded {
    answers: Answers,
    records: Vec<(u16, Vec<u8>)>,
    sensors: BTreeMap<Sensor, Held>,
    devices: BTreeMap<u8, Vec<u8>>,
}

impl Recorded {
    /// Reads the files.
    pub(super) fn open(host: &Host) -> Result<Self, ProbeError> {
        let file = |name: &str| match read(host, &format!("{FOLDER}/{name}"), Shape::UntilEnd) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(ProbeError::Absent(_)) => Ok(None),
            Err(error) => Err(error),
        };
        let text = |name: &str| {
            let bytes = file(name)?;
            Ok::<_, ProbeError>(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
        };
        let (answers, sdr) = (text("answers.txt")?, file("sdr.bin")?);
        let (readings, mc) = (text("readings.txt")?, text("mc.txt")?);
        if answers.is_none() && sdr.is_none() && readings.is_none() && mc.is_none() {
            return Err(ProbeError::Absent(format!("the recording holds no BMC in `{FOLDER}`")));
        }
        Ok(Self::new(
            &answers.unwrap_or_default(),
            &sdr.unwrap_or_default(),
            &readings.unwrap_or_default(),
            &mc.unwrap_or_default(),
        ))
    }

    fn new(answers: &str, sdr: &[u8], readings: &str, mc: &str) -> Self {
        let sensors = readings.lines().filter_map(sensor).take(IPMI_RECORDED_SENSORS).collect();
        let devices = mc.lines().filter_map(device).collect();
        Self { answers: Answers::parse(answers), records: records(sdr), sensors, devices }
    }

    fn answer(&self, request: &Request) -> Answer {
        if let Some(answer) = self.answers.get(request) {
            return answer.clone();
        }
        let Request { netfn, command, target, data } = request;
        let outcome = match (netfn, command) {
            (0x06, 0x01) => self.device_id(*target),
            (0x0a, 0x20) if !self.records.is_empty() => Ok(self.repository_info()),
            (0x0a, 0x22) if !self.records.is_empty() => Ok(RESERVATION.to_vec()),
            (0x0a, 0x23) | (0x04, 0x21) => self.record(request),
            (0x04, 0x2d) => self.sensor(*target, data).map(|held| held.reading.clone()),
            (0x04, 0x27) => self
                .sensor(*target, data)
                .and_then(|held| held.thresholds.clone().ok_or(NOT_PRESENT)),
            _ => Err(NO_SUCH_COMMAND),
        };
        match outcome {
            Ok(data) => Answer { code: DONE, data },
            Err(code) => Answer { code, data: Vec::new() },
        }
    }

    /// Of the BMC something is known even without a file: that it is one, of IPMI 2.0, with a
    /// repository of records.
    fn device_id(&self, target: Target) -> Result<Vec<u8>, u8> {
        match self.devices.get(&target.address) {
            Some(device) => Ok(device.clone()),
            None if target.is_bmc() => Ok(device_id([0x20, 0, 0, 0, 0x9f, 0, 0], false)),
            None => Err(NO_SUCH_COMMAND),
        }
    }

    /// IPMI 2.0 section 33.9: version, number of records, free space unknown, times unset, and
    /// that records can be reserved.
    fn repository_info(&self) -> Vec<u8> {
        let [low, high] = u16::try_from(self.records.len()).unwrap_or(u16::MAX).to_le_bytes();
        vec![0x51, low, high, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x02]
    }

    /// IPMI 2.0 section 33.12.
    fn record(&self, request: &Request) -> Result<Vec<u8>, u8> {
        let [_, _, low, high, offset, count] = *request.data.as_slice() else {
            return Err(WRONG_LENGTH);
        };
        // Noted under another reservation: the record is the same.
        let wanted = [low, high, offset, count];
        let same = |asked: &[u8]| asked.get(2..) == Some(&wanted[..]);
        if let Some(answer) = self.answers.find(request, same) {
            return Ok(answer.data.clone());
        }
        if (request.netfn, request.command) != (0x0a, 0x23) {
            return Err(NO_SUCH_COMMAND);
        }
        let number = u16::from_le_bytes([low, high]);
        let place = match number {
            0 => Some(0),
            LAST => self.records.len().checked_sub(1),
            _ => self.records.iter().position(|(known, _)| *known == number),
        };
        let place = place.ok_or(NOT_PRESENT)?;
        let (_, record) = self.records.get(place).ok_or(NOT_PRESENT)?;
        let next = self.records.get(place + 1).map_or(LAST, |(number, _)| *number);
        let rest = record.get(usize::from(offset)..).ok_or(OUT_OF_RANGE)?;
        let count = if count == WHOLE { rest.len() } else { usize::from(count) };
        let part = rest.get(..count.min(rest.len())).unwrap_or_default();
        Ok([&next.to_le_bytes(), part].concat())
    }

    fn sensor(&self, target: Target, data: &[u8]) -> Result<&Held, u8> {
        let [number] = *data else { return Err(WRONG_LENGTH) };
        self.sensors.get(&(target.address, target.lun, number)).ok_or(NOT_PRESENT)
    }
}

impl Door for Recorded {
    fn ask(&mut self, request: &Request) -> Result<Answer, ProbeError> {
        allow::question(request)?;
        Ok(self.answer(request))
    }
}

/// The records of `sdr.bin`, up to the first that is cut off. One with a number that stood already,
/// or that Get SDR gives a meaning of its own, cannot be asked for and is left out.
fn records(mut bytes: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let mut records = Vec::new();
    let mut numbers = BTreeSet::new();
    while let Some([low, high, _, _, length]) = bytes.first_chunk::<RECORD_HEADER_BYTES>() {
        let whole = RECORD_HEADER_BYTES + usize::from(*length);
        let Some((record, rest)) = bytes.split_at_checked(whole) else { break };
        let number = u16::from_le_bytes([*low, *high]);
        let reachable = number != LAST && (number != 0 || records.is_empty());
        if reachable && numbers.insert(number) {
            records.push((number, record.to_vec()));
        }
        if records.len() >= IPMI_RECORDS {
            break;
        }
        bytes = rest;
    }
    records
}

/// A line of `readings.txt`.
fn sensor(line: &str) -> Option<(Sensor, Held)> {
    let (values, limits) = line.split_once('|').unwrap_or((line, ""));
    let mut words = values.split_whitespace().map(byte);
    let place = (words.next()??, words.next()??, words.next()??);
    let mut reading: Vec<u8> = words.collect::<Option<_>>()?;
    // The reading and its flags; state bytes are optional (IPMI 2.0 section 35.14).
    if !(2..=4).contains(&reading.len()) {
        return None;
    }
    // Such files come from a simulator's, which has no word for "not available": there a sensor
    // that sends no events and reads nothing was that.
    if let [0, flags, ..] = reading.as_mut_slice()
        && *flags & EVENTS == 0
    {
        *flags |= UNAVAILABLE;
    }
    Some((place, Held { reading, thresholds: thresholds(limits) }))
}

/// `mask unr ucr unc lnr lcr lnc`, the mask's digits in the same order, as Get Sensor Thresholds
/// has them: the mask, then the lower and the upper ones, each from non-critical on (section 35.9).
fn thresholds(text: &str) -> Option<Vec<u8>> {
    let mut words = text.split_whitespace();
    let mask = words.next().filter(|mask| mask.len() == 6)?;
    let mask = u8::from_str_radix(mask, 2).ok()?;
    let values: Vec<u8> = words.map(byte).collect::<Option<_>>()?;
    let [unr, ucr, unc, lnr, lcr, lnc] = *values.as_slice() else { return None };
    Some(vec![mask, lnc, lcr, lnr, unc, ucr, unr])
}

/// `mc_add address device-id no-device-sdrs|has-device-sdrs revision major minor support
/// manufacturer product`, numbers in C's notation.
fn device(line: &str) -> Option<(u8, Vec<u8>)> {
    let mut words = line.strip_prefix("mc_add ")?.split_whitespace();
    let number = |words: &mut std::str::SplitWhitespace<'_>| c_number(words.next()?);
    let address = u8::try_from(number(&mut words)?).ok()?;
    let id = number(&mut words)?;
    let has_records = words.next()? == "has-device-sdrs";
    let mut facts = [id, 0, 0, 0, 0, 0, 0];
    for fact in facts.iter_mut().skip(1) {
        *fact = number(&mut words)?;
    }
    Some((address, device_id(facts, has_records)))
}

/// The answer to Get Device ID (IPMI 2.0 section 20.1) of: number, revision, firmware's major and
/// minor, additional support, manufacturer, product.
fn device_id(facts: [u32; 7], has_records: bool) -> Vec<u8> {
    let [id, revision, major, minor, support, manufacturer, product] = facts.map(u32::to_le_bytes);
    let records = if has_records { 0x80 } else { 0 };
    let [m0, m1, m2, _] = manufacturer;
    let [p0, p1, ..] = product;
    let [id, revision, major, minor, support] =
        [id, revision, major, minor, support].map(|[low, ..]| low);
    // 0x02 is version 2.0.
    let (revision, major) = (records | (revision & 0x0f), major & 0x7f);
    vec![id, revision, major, minor, 0x02, support, m0, m1, m2, p0, p1]
}

fn c_number(word: &str) -> Option<u32> {
    match word.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => word.parse().ok(),
    }
}

#[cfg(test)]
mod tests;
