//! LVM volumes with redundancy, and thin pools: found in sysfs, judged by `dmsetup status`, or by
//! `lvs` where that does not answer. Owns: which volumes those are. Both tools need root's rights.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::pace::Paced;
use super::report::found;
use super::{Technology, tool};
use crate::host::file::read_line;
use crate::host::{Host, dir};
use crate::model::limit::STACK_WIDTH;
use crate::model::reading::{Observation, ProbeError};
use crate::model::state::State;
use crate::model::time::Moment;
use crate::parse::dmsetup::{self, Target, Volume, volume};
use crate::probe::{Found, Probe, stack};

mod judge;

/// The technology.
#[derive(Debug)]
pub(super) struct Dm;

const NAME: &str = "lvm";

impl Technology for Dm {
    fn name(&self) -> &'static str {
        NAME
    }

    fn survey(&self, host: &Host) -> Result<Vec<Found>, ProbeError> {
        let mut volumes = kernel(host)?;
        if host.is_recorded()
            && let Ok(answer) = ask(host)
        {
            for (name, level) in answer.levels() {
                volumes.insert(name, level);
            }
        }
        let stacks = stacks(host, &volumes);
        let found = |(name, level): (&String, &String)| Found {
            upon: stacks.get(name).cloned().unwrap_or_default(),
            ..found(name, name.clone(), NAME, NAME, level)
        };
        Ok(volumes.iter().map(found).collect())
    }

    fn open(&self, _: &str) -> Box<dyn Probe> {
        Box::new(Reader { tool: Paced::default() })
    }
}

/// Volumes with redundancy, and thin pools, by their parts in sysfs; with the level if its name
/// tells.
fn kernel(host: &Host) -> Result<BTreeMap<String, String>, ProbeError> {
    let mut volumes = BTreeMap::new();
    let names = match dir::names(host, "sys/block") {
        Ok(names) => names,
        Err(ProbeError::Absent(_)) => return Ok(volumes),
        Err(error) => return Err(error),
    };
    let dm_name = |block: &str| read_line(host, &format!("sys/block/{block}/dm/name")).ok();
    for block in names.iter().filter(|name| name.starts_with("dm-")) {
        let Some(name) = dm_name(block) else { continue };
        let uuid = read_line(host, &format!("sys/block/{block}/dm/uuid")).unwrap_or_default();
        if uuid.ends_with("-tpool") {
            volumes.insert(volume(&name), "thin-pool".to_owned());
            continue;
        }
        // What holds the differences of a snapshot bears its name.
        if uuid.starts_with("LVM-") && uuid.ends_with("-cow") {
            volumes.insert(volume(&name), "snapshot".to_owned());
            continue;
        }
        let parts = dir::names(host, &format!("sys/block/{block}/slaves")).unwrap_or_default();
        if parts.iter().any(|part| dm_name(part).is_some_and(|part| part.ends_with("_corig"))) {
            volumes.insert(volume(&name), "cache".to_owned());
            continue;
        }
        let is_image = |part: &String| {
            dm_name(part).is_some_and(|part| {
                let (base, number) = part.rsplit_once('_').unwrap_or_default();
                number.bytes().all(|byte| byte.is_ascii_digit())
                    && (base.ends_with("_rimage") || base.ends_with("_mimage"))
            })
        };
        if parts.iter().any(is_image) {
            volumes.insert(volume(&name), String::new());
        }
    }
    Ok(volumes)
}

/// What each volume stands upon.
fn stacks(
    host: &Host,
    volumes: &BTreeMap<String, String>,
) -> BTreeMap<String, Vec<(&'static str, Arc<str>)>> {
    let mut stacks: BTreeMap<String, Vec<(&'static str, Arc<str>)>> = BTreeMap::new();
    let blocks = dir::names(host, "sys/block").unwrap_or_default();
    for block in blocks.iter().filter(|block| block.starts_with("dm-")) {
        let Ok(own) = read_line(host, &format!("sys/block/{block}/dm/name")) else { continue };
        let name = volume(&own);
        if volumes.contains_key(&name) {
            let stack = stacks.entry(name).or_default();
            for thing in stack::below_device(host, block) {
                if stack.len() < STACK_WIDTH && !stack.contains(&thing) {
                    stack.push(thing);
                }
            }
        }
    }
    stacks
}

/// What the tools say.
#[derive(Debug, Default)]
struct Answer {
    targets: Vec<Target>,
    volumes: Vec<Volume>,
}

impl Answer {
    /// Names and levels of everything in it.
    fn levels(&self) -> BTreeMap<String, String> {
        let mut levels = BTreeMap::new();
        for target in &self.targets {
            levels.insert(volume(&target.device), judge::level(&target.status).to_owned());
        }
        for volume in self.volumes.iter().filter(|volume| judge::is_judged(volume)) {
            levels.entry(volume.name.clone()).or_insert_with(|| volume.segment.clone());
        }
        levels
    }

    fn observations(&self) -> Vec<Observation> {
        let mut seen = BTreeSet::new();
        let mut observations = Vec::new();
        for target in &self.targets {
            let name = volume(&target.device);
            if seen.insert(name.clone()) {
                observations.push(judge::target(&name, target));
            }
        }
        for volume in self.volumes.iter().filter(|volume| judge::is_judged(volume)) {
            if seen.insert(volume.name.clone()) {
                observations.push(judge::volume(volume));
            }
        }
        observations
    }
}

const LVS: &[&str] = &[
    "--all",
    "--reportformat",
    "json",
    "--options",
    "vg_name,lv_name,lv_attr,segtype,copy_percent,data_percent,metadata_percent,raid_sync_action",
];

/// `dmsetup` asks the kernel alone; `lvs` also reads disks, so it comes second.
fn ask(host: &Host) -> Result<Answer, ProbeError> {
    let status = tool::ask(host, &["dmsetup"], &["status"]);
    let mut answer = Answer::default();
    match status {
        Ok(text) => answer.targets = dmsetup::status(&text),
        Err(error) => match tool::ask(host, &["lvs"], LVS) {
            Ok(text) => answer.volumes = dmsetup::lvs(&text),
            Err(ProbeError::Absent(_)) => return Err(error),
            Err(second) => return Err(second),
        },
    }
    Ok(answer)
}

struct Reader {
    tool: Paced<Result<Vec<Observation>, ProbeError>>,
}

impl Probe for Reader {
    fn read(&mut self, host: &Host, now: Moment) -> Result<Vec<Observation>, ProbeError> {
        if self.tool.is_due(now) {
            let answer = ask(host).map(|answer| answer.observations());
            let well = answer.as_ref().is_ok_and(|all| {
                all.iter().flat_map(|one| one.findings.iter()).all(|f| f.state == State::Ok)
            });
            self.tool.keep(now, well, answer);
        }
        self.tool.answer().cloned().unwrap_or_else(|| Ok(Vec::new()))
    }
}
