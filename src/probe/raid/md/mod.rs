//! Linux md: arrays from `/proc/mdstat` and `/sys/block/*/md` together, as neither shows all.
//!
//! Owns: which arrays exist, and what is remembered of them between two runs. What a state means
//! stands in `judge`.

use std::collections::BTreeMap;

use super::Technology;
use super::report::found;
use crate::host::Host;
use crate::host::dir;
use crate::host::file::{KeptFile, Shape, read};
use crate::model::limit::REBUILD_STUCK;
use crate::model::reading::{Observation, ProbeError};
use crate::model::time::Moment;
use crate::parse::mdstat::{self, mdstat};
use crate::probe::{Found, Probe, stack};

use array::Array;
use judge::Past;

mod advice;
mod array;
mod judge;
mod measures;
mod view;

pub(super) use measures::MEASURES;

/// The technology.
#[derive(Debug)]
pub(super) struct Md;

const MDSTAT: &str = "proc/mdstat";

impl Technology for Md {
    fn name(&self) -> &'static str {
        "md"
    }

    fn survey(&self, host: &Host) -> Result<Vec<Found>, ProbeError> {
        let text = match read(host, MDSTAT, Shape::UntilEnd) {
            Ok(text) => mdstat(&text),
            Err(ProbeError::Absent(_)) => Vec::new(),
            Err(error) => return Err(error),
        };
        let names = links(host);
        let found = arrays(host, text).into_iter().map(|array| {
            let title = match names.get(&array.name) {
                Some(name) if *name != array.name => format!("{} ({name})", array.name),
                _ => array.name.clone(),
            };
            let level = if array.container().is_some() { "container" } else { array.level() };
            let upon = stack::below_device(host, &array.name);
            Found { upon, ..found(&array.name, title, "md", "md", level) }
        });
        Ok(found.collect())
    }

    fn open(&self, _: &str) -> Box<dyn Probe> {
        Box::new(Reader { mdstat: KeptFile::new(MDSTAT, Shape::UntilEnd), past: BTreeMap::new() })
    }
}

/// Names given to arrays: `md127` is `data` if `/dev/md/data` points to it.
fn links(host: &Host) -> BTreeMap<String, String> {
    let names = dir::names(host, "dev/md").unwrap_or_default();
    names
        .into_iter()
        .filter_map(|name| Some((dir::link_name(host, &format!("dev/md/{name}"))?, name)))
        .collect()
}

/// Every array of mdstat, and those that only sysfs shows.
fn arrays(host: &Host, text: Vec<mdstat::Array>) -> Vec<Array> {
    let mut all: Vec<Array> = text
        .into_iter()
        .map(|text| Array {
            name: text.name.clone(),
            sys: array::attributes(host, &text.name),
            text: Some(text),
        })
        .collect();
    for name in dir::names(host, "sys/block").unwrap_or_default() {
        if !name.starts_with("md") || all.iter().any(|array| array.name == name) {
            continue;
        }
        let Some(sys) = array::attributes(host, &name) else { continue };
        // A device node that waits for an array to be made, as one that was stopped leaves.
        if sys.array_state.as_deref() == Some("clear") {
            continue;
        }
        all.push(Array { name, text: None, sys: Some(sys) });
    }
    all
}

struct Reader {
    mdstat: KeptFile,
    past: BTreeMap<String, Past>,
}

impl Probe for Reader {
    fn read(&mut self, host: &Host, now: Moment) -> Result<Vec<Observation>, ProbeError> {
        let text = match self.mdstat.read(host) {
            Ok(text) => mdstat(text),
            Err(ProbeError::Absent(_)) => Vec::new(),
            Err(error) => return Err(error),
        };
        let arrays = arrays(host, text);
        self.past.retain(|name, _| arrays.iter().any(|array| array.name == *name));
        let spares = wanted_spares(host);
        let observations = arrays.iter().map(|array| {
            let past = self.past.entry(array.name.clone()).or_default();
            remember(past, array, now);
            past.wanted_spares = spares.get(&array.name).copied().unwrap_or_default();
            judge::judge(host, array, past)
        });
        Ok(observations.collect())
    }
}

/// Notes how far a synchronisation is, and that the array could be written.
fn remember(past: &mut Past, array: &Array, now: Moment) {
    let sync = array.text.as_ref().and_then(|text| text.sync.as_ref());
    let position = sync.filter(|sync| sync.waiting.is_none()).and_then(|sync| sync.done_kib);
    let moved = past.position.is_none_or(|(last, _)| Some(last) != position);
    match position {
        Some(position) if moved => past.position = Some((position, now)),
        Some(_) => {}
        None => past.position = None,
    }
    past.stuck = past
        .position
        .map(|(_, since)| now.since(since))
        .filter(|standing| *standing >= REBUILD_STUCK);
    if let Some(text) = &array.text
        && text.activity == "active"
        && text.read_only.is_none()
    {
        past.was_writable = true;
    }
}

/// How many spares `mdadm.conf` asks for, by array.
fn wanted_spares(host: &Host) -> BTreeMap<String, u64> {
    let text = ["etc/mdadm/mdadm.conf", "etc/mdadm.conf"]
        .iter()
        .find_map(|path| read(host, path, Shape::UntilEnd).ok())
        .unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let mut wanted = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        if words.next() != Some("ARRAY") {
            continue;
        }
        let mut name = None;
        for word in words {
            if let Some(device) = word.trim_start_matches('/').strip_prefix("dev/") {
                name = match device.strip_prefix("md/") {
                    Some(number) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
                        Some(format!("md{number}"))
                    }
                    Some(_) => dir::link_name(host, &format!("dev/{device}")),
                    None => Some(device.to_owned()),
                };
            } else if let Some(count) = word.strip_prefix("spares=")
                && let (Some(name), Ok(count)) = (&name, count.parse())
            {
                wanted.insert(name.clone(), count);
            }
        }
    }
    wanted
}
