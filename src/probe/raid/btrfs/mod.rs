//! btrfs: devices and error counters of every mounted file system, from sysfs; from the tool where
//! the kernel (before 5.14) or a recording has no counters there.
//!
//! Owns: which file systems exist, their names, and what is remembered between two runs.

use std::collections::BTreeMap;

use super::pace::Paced;
use super::report::found;
use super::{Technology, tool};
use crate::host::Host;
use crate::model::limit::ERRORS_FRESH;
use crate::model::reading::{Observation, ProbeError};
use crate::model::time::Moment;
use crate::parse::btrfs::{Errors, device_stats};
use crate::probe::{Found, Probe};

use volume::Volume;

mod judge;
mod volume;

/// The technology.
#[derive(Debug)]
pub(super) struct Btrfs;

const NAME: &str = "btrfs";

impl Technology for Btrfs {
    fn name(&self) -> &'static str {
        NAME
    }

    fn survey(&self, host: &Host) -> Result<Vec<Found>, ProbeError> {
        let found = |volume: &Volume| {
            let title = match &volume.mount {
                Some(place) => format!("btrfs {place}"),
                None => format!("btrfs {}", volume.name),
            };
            found(&volume.name, title, NAME, NAME, &volume.level())
        };
        Ok(volumes(host)?.iter().map(found).collect())
    }

    fn open(&self, _: &str) -> Box<dyn Probe> {
        Box::new(Reader { stats: BTreeMap::new(), past: BTreeMap::new() })
    }
}

/// Every file system, of the kernel and, in a recording, of the tool's answers.
fn volumes(host: &Host) -> Result<Vec<Volume>, ProbeError> {
    let mut volumes = volume::from_kernel(host)?;
    if host.is_recorded() {
        let show = tool::ask(host, &["btrfs"], &["filesystem", "show"]).unwrap_or_default();
        let stats = tool::ask(host, &["btrfs"], &["device", "stats"]).unwrap_or_default();
        volume::from_tool(&mut volumes, &show, &stats);
    }
    Ok(volumes)
}

/// The tool's answer: counters by device.
type Stats = Result<Vec<(String, Errors)>, ProbeError>;

/// What is remembered of the counters of one device.
#[derive(Debug, Default, Clone, Copy)]
struct Counted {
    last: Errors,
    grew: Option<Moment>,
}

struct Reader {
    /// Answers of the tool, by mount point.
    stats: BTreeMap<String, Paced<Stats>>,
    /// By file system and device.
    past: BTreeMap<(String, String), Counted>,
}

impl Probe for Reader {
    fn read(&mut self, host: &Host, now: Moment) -> Result<Vec<Observation>, ProbeError> {
        let mut volumes = volumes(host)?;
        self.stats.retain(|place, _| volumes.iter().any(|v| v.mount.as_ref() == Some(place)));
        let mut seen = BTreeMap::new();
        let mut observations = Vec::new();
        for volume in &mut volumes {
            let mut trouble = None;
            if !host.is_recorded() && volume.devices.iter().any(|d| d.errors.is_none()) {
                trouble = self.ask_tool(host, volume, now).err();
            }
            for device in &mut volume.devices {
                let Some(errors) = device.errors else { continue };
                let key = (volume.name.clone(), device.id.clone());
                let mut counted =
                    self.past.get(&key).copied().unwrap_or(Counted { last: errors, grew: None });
                if errors.total() > counted.last.total() {
                    counted.grew = Some(now);
                }
                counted.last = errors;
                device.growing = counted.grew.is_some_and(|at| now.since(at) < ERRORS_FRESH);
                seen.insert(key, counted);
            }
            observations.push(judge::judge(host, volume, trouble.as_ref()));
        }
        self.past = seen;
        Ok(observations)
    }
}

impl Reader {
    /// Fills in the counters that the kernel does not show in sysfs.
    fn ask_tool(
        &mut self,
        host: &Host,
        volume: &mut Volume,
        now: Moment,
    ) -> Result<(), ProbeError> {
        let Some(place) = volume.mount.clone() else { return Ok(()) };
        let paced = self.stats.entry(place.clone()).or_default();
        if paced.is_due(now) {
            let answer = tool::ask(host, &["btrfs"], &["device", "stats", &place])
                .map(|text| device_stats(&text));
            let well =
                answer.as_ref().is_ok_and(|all| all.iter().all(|(_, errors)| errors.total() == 0));
            paced.keep(now, well, answer);
        }
        match paced.answer() {
            Some(Ok(stats)) => {
                volume.take_stats(stats);
                Ok(())
            }
            Some(Err(error)) => Err(error.clone()),
            None => Ok(()),
        }
    }
}
