//! The list of a BMC's sensors: when it is read anew, from the cache or the BMC, and what serves
//! while it cannot be read. How it is walked through is `repository`'s.
//!
//! A list is known by who the BMC is, how many records it has and when they were changed. Some BMCs
//! say at every question that they were changed just now, and some cannot give a record: neither may
//! make them be read over and over, nor leave a machine without its sensors.

use std::collections::HashSet;
use std::sync::Arc;

use super::question::{Asker, NOT_PRESENT, Refusal, is_passing};
use super::repository::{List, Walk};
use crate::host::Host;
use crate::host::ipmi;
use crate::model::reading::ProbeError;
use crate::model::time::Moment;
use crate::model::unit::Span;
use crate::parse::ipmi::device::{Device, RepositoryInfo};
use crate::parse::ipmi::sdr::{Record, Sensor, records};
use crate::store::cache;

/// A list is read whole no sooner than this after it was: a BMC whose stamps never stand still
/// is not busy with it all the time.
const AGAIN: Span = Span::from_secs(600);
/// Looks in which a record is refused before the list is taken as far as it goes: until then a BMC
/// that was starting has started.
const REFUSALS: u32 = 3;
/// Sensors that are watched: the largest servers have some 500.
pub(super) const SENSORS: usize = 2048;
/// What a BMC without a list, or with an empty one, answers to the question for the first record.
const NO_LIST: &[u8] = &[0xc1, 0xc2, NOT_PRESENT];
/// Bit of byte 3 of Get Device ID: the firmware is in update (IPMI 2.0 section 20.1). It comes and
/// goes and is not part of who the BMC is.
const UPDATING: u8 = 0x80;

/// What is known of the list.
#[derive(Debug, Default)]
pub(super) struct Sensors {
    known: Option<Known>,
    /// A list that is being read, and its key; goes on after an interruption.
    walk: Option<(Vec<u8>, Walk)>,
    /// Looks in a row in which a record was refused.
    refusals: u32,
}

#[derive(Debug)]
struct Known {
    key: Vec<u8>,
    sensors: Vec<Arc<Sensor>>,
    /// Why it is not the whole list.
    cut: Option<String>,
    /// It is to be read again though nothing changed: it is cut, or there was none, which a BMC
    /// that was starting may have said.
    again: bool,
    /// When the BMC was asked for all of it.
    read: Option<Moment>,
}

impl Known {
    fn was_read_lately(&self, now: Moment) -> bool {
        self.read.is_some_and(|read| now >= read && now.since(read) < AGAIN)
    }
}

impl Sensors {
    /// Records of a list that is not complete yet.
    pub(super) fn progress(&self) -> Option<usize> {
        self.walk.as_ref().map(|(_, walk)| walk.count())
    }

    /// Why the list ends before its end, where it does.
    pub(super) fn cut(&self) -> Option<&str> {
        self.known.as_ref()?.cut.as_deref()
    }

    /// The list: as it was, if the BMC says that it did not change; else from the cache or the
    /// BMC. Says whether it is another than last time.
    ///
    /// # Errors
    /// When the BMC is lost, or gives no list for now and none is known.
    pub(super) fn list(
        &mut self,
        asker: &mut Asker,
        host: &Host,
        (id, device): (&[u8], &Device),
        now: Moment,
    ) -> Result<(Vec<Arc<Sensor>>, bool), Refusal> {
        let stamp = match &self.known {
            Some(known) if device.updating => return Ok((known.sensors.clone(), false)),
            _ => stamp(asker, device)?,
        };
        let key = stamp.as_ref().map(|(_, stamp)| key(id, stamp));
        if let Some(known) = &self.known {
            let same = key.as_ref().is_none_or(|key| *key == known.key) && !known.again;
            if same || known.was_read_lately(now) {
                return Ok((known.sensors.clone(), false));
            }
        }
        let (list, stamp) = stamp.unwrap_or((List::Repository, Vec::new()));
        let key = key.unwrap_or_else(|| self::key(id, &stamp));
        let name = cache_name(host);
        let kept = host.cache().and_then(|directory| cache::load(directory, &name, &key));
        let (blob, cut, read) = match kept {
            Some(blob) => (blob, None, None),
            None => {
                let (blob, cut) = match self.walk(asker, list, &key) {
                    Ok(read) => read,
                    Err(refusal) => {
                        let old = self.known.as_ref().map(|known| known.sensors.clone());
                        return match (refusal, old) {
                            (Refusal::Code(_), Some(sensors)) => Ok((sensors, false)),
                            (refusal @ Refusal::Code(_), None) => {
                                Err(Refusal::Lost(ProbeError::Failed(format!(
                                    "the BMC does not give its list of sensors now: {refusal}"
                                ))))
                            }
                            (lost, _) => Err(lost),
                        };
                    }
                };
                if let Some(directory) = host.cache().filter(|_| cut.is_none() && !blob.is_empty())
                {
                    cache::keep(directory, &name, &key, &blob);
                }
                (blob, cut, Some(now))
            }
        };
        let sensors = sensors(&blob);
        let again = cut.is_some() || blob.is_empty();
        self.known = Some(Known { key, sensors: sensors.clone(), cut, again, read });
        Ok((sensors, true))
    }

    /// Reads the list. Of one that is refused time and again, what there is, and why no more.
    fn walk(
        &mut self,
        asker: &mut Asker,
        list: List,
        key: &[u8],
    ) -> Result<(Vec<u8>, Option<String>), Refusal> {
        let mut walk = match self.walk.take() {
            Some((known, walk)) if known == key => walk,
            _ => Walk::new(list),
        };
        match walk.go_on(asker) {
            Ok(()) => {
                self.refusals = 0;
                Ok((walk.blob(), None))
            }
            Err(Refusal::Code(code)) => {
                self.refusals += 1;
                // A BMC without any list still has power, chassis and log.
                let none = walk.count() == 0 && !is_passing(code);
                if none || self.refusals >= REFUSALS {
                    self.refusals = 0;
                    let is_none = none && NO_LIST.contains(&code);
                    let why = (!is_none).then(|| Refusal::Code(code).to_string());
                    return Ok((walk.blob(), why));
                }
                // A record that is gone may have been the last one's next: all from the beginning.
                if is_passing(code) {
                    self.walk = Some((key.to_vec(), walk));
                }
                Err(Refusal::Code(code))
            }
            Err(lost) => {
                self.walk = Some((key.to_vec(), walk));
                Err(lost)
            }
        }
    }
}

/// Which list it is, and what tells one state of it from another. None while the BMC does not say.
fn stamp(asker: &mut Asker, device: &Device) -> Result<Option<(List, Vec<u8>)>, Refusal> {
    match asker.ask(0x0a, 0x20, &[]) {
        Ok(answer) => match RepositoryInfo::parse(&answer) {
            Ok(info) if info.records == 0 && device.has_device_records => {}
            // Its free space and what it can do now count for nothing.
            Ok(info) => {
                let stamp = [
                    &info.records.to_le_bytes()[..],
                    &info.last_addition_s.to_le_bytes(),
                    &info.last_erase_s.to_le_bytes(),
                ];
                return Ok(Some((List::Repository, stamp.concat())));
            }
            Err(_) if device.support.record_repository => {
                return Ok(Some((List::Repository, Vec::new())));
            }
            Err(_) => {}
        },
        Err(Refusal::Code(code)) if is_passing(code) => return Ok(None),
        Err(Refusal::Code(_)) if device.support.record_repository => {
            return Ok(Some((List::Repository, Vec::new())));
        }
        Err(Refusal::Code(_)) => {}
        Err(lost) => return Err(lost),
    }
    match asker.ask(0x04, 0x20, &[1]) {
        Ok(answer) => Ok(Some((List::Device, answer))),
        Err(Refusal::Code(code)) if is_passing(code) => Ok(None),
        Err(Refusal::Code(_)) => Ok(Some((List::Device, Vec::new()))),
        Err(lost) => Err(lost),
    }
}

fn key(id: &[u8], stamp: &[u8]) -> Vec<u8> {
    [&settled(id), stamp].concat()
}

/// An answer of Get Device ID without the bit that says that the device is being updated, so that
/// equal ones are of one device (section 20.1).
pub(super) fn settled(id: &[u8]) -> Vec<u8> {
    let mut id = id.to_vec();
    if let Some(major) = id.get_mut(2) {
        *major &= !UPDATING;
    }
    id
}

/// The sensors of records. Of two of one number that can be read, the first is meant.
fn sensors(blob: &[u8]) -> Vec<Arc<Sensor>> {
    let mut known = HashSet::new();
    records(blob)
        .filter_map(|record| Record::parse(record).ok())
        .flat_map(|record| record.sensors().to_vec())
        .filter(|sensor| !sensor.is_readable() || known.insert(sensor.address))
        .take(SENSORS)
        .map(Arc::new)
        .collect()
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
