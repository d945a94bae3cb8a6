//! ZFS pools: the kernel's word from `/proc/spl/kstat/zfs`, the tree of disks from `zpool status`.
//!
//! Owns: how both are put together and what they mean. The kernel's word costs nothing and cannot
//! hang; the tool may, as when a pool's disks are gone.

use super::pace::Paced;
use super::report::found;
use super::{Technology, tool};
use crate::host::file::read_line;
use crate::host::{Host, dir};
use crate::model::reading::{Observation, ProbeError};
use crate::model::state::State;
use crate::model::time::Moment;
use crate::parse::zpool::{self, Pool};
use crate::probe::{Found, Probe};

use judge::judge;

mod judge;
mod tree;

/// The technology.
#[derive(Debug)]
pub(super) struct Zfs;

const KSTAT: &str = "proc/spl/kstat/zfs";

impl Technology for Zfs {
    fn name(&self) -> &'static str {
        "zfs"
    }

    fn survey(&self, host: &Host) -> Result<Vec<Found>, ProbeError> {
        let mut names: Vec<String> = kernel(host)?.into_iter().map(|(name, _)| name).collect();
        if host.is_recorded()
            && let Ok(pools) = ask(host, &mut None)
        {
            names.extend(pools.into_iter().map(|pool| pool.name));
        }
        names.sort_unstable();
        names.dedup();
        let found = |name: &String| found(name, format!("pool {name}"), "zfs", "zfs", "");
        Ok(names.iter().map(found).collect())
    }

    fn open(&self, _: &str) -> Box<dyn Probe> {
        Box::new(Reader { tool: Paced::default(), json: None, last: Vec::new() })
    }
}

/// Imported pools and the kernel's word on each; empty where the word is not offered.
fn kernel(host: &Host) -> Result<Vec<(String, String)>, ProbeError> {
    let names = match dir::names(host, KSTAT) {
        Ok(names) => names,
        Err(ProbeError::Absent(_)) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    // Pools are folders; everything else there is a file.
    let pools =
        names.into_iter().filter(|name| dir::names(host, &format!("{KSTAT}/{name}")).is_ok());
    Ok(pools
        .map(|name| {
            let state = read_line(host, &format!("{KSTAT}/{name}/state")).unwrap_or_default();
            (name, state)
        })
        .collect())
}

/// Asks the tool. `json` remembers whether it knows that form.
fn ask(host: &Host, json: &mut Option<bool>) -> Result<Vec<Pool>, ProbeError> {
    if *json != Some(false) {
        match tool::ask(host, &["zpool"], &["status", "-j"]) {
            Ok(output) => {
                *json = Some(true);
                return Ok(zpool::status(&output));
            }
            // A tool before 2.3 does not know the option; nothing else is worth a second try.
            Err(ProbeError::Failed(_)) if json.is_none() => {}
            Err(error) => return Err(error),
        }
    }
    let output = tool::ask(host, &["zpool"], &["status"])?;
    *json = Some(false);
    Ok(zpool::status(&output))
}

struct Reader {
    tool: Paced<Result<Vec<Pool>, ProbeError>>,
    json: Option<bool>,
    last: Vec<(String, String)>,
}

impl Probe for Reader {
    fn read(&mut self, host: &Host, now: Moment) -> Result<Vec<Observation>, ProbeError> {
        let kernel = kernel(host)?;
        if kernel != self.last {
            self.tool.hurry();
            self.last.clone_from(&kernel);
        }
        if self.tool.is_due(now) {
            let answer = ask(host, &mut self.json);
            let well = answer
                .as_ref()
                .is_ok_and(|pools| pools.iter().all(|pool| worst(host, pool) == State::Ok));
            self.tool.keep(now, well, answer);
        }
        let (pools, trouble) = match self.tool.answer() {
            Some(Ok(pools)) => (pools.as_slice(), None),
            Some(Err(error)) => (&[][..], Some(error)),
            None => (&[][..], None),
        };
        if kernel.is_empty()
            && let Some(error) = trouble
        {
            return Err(error.clone());
        }
        let mut observations = Vec::new();
        for (name, state) in &kernel {
            let pool = pools.iter().find(|pool| pool.name == *name);
            observations.push(judge(host, name, Some(state), pool, trouble));
        }
        for pool in pools.iter().filter(|pool| !kernel.iter().any(|(name, _)| *name == pool.name)) {
            observations.push(judge(host, &pool.name, None, Some(pool), None));
        }
        Ok(observations)
    }
}

fn worst(host: &Host, pool: &Pool) -> State {
    let observation = judge(host, &pool.name, None, Some(pool), None);
    observation.findings.iter().fold(State::Ok, |worst, finding| worst.worst(finding.state))
}
