//! All processes at one moment, and what each did until the next look.

use std::collections::HashMap;

use crate::host::Host;
use crate::host::dir;
use crate::host::file::{Shape, read};
use crate::model::limit::PROCESSES;
use crate::model::text::{counted, shown_bytes};
use crate::parse::process::{self, ProcessStat};

use super::people::{People, status};

/// Names one process for ever: its number and when it was started.
pub(super) type Key = (u32, u64);

/// Numbers of all processes that can be seen.
pub(super) fn numbers(host: &Host) -> Vec<u32> {
    let names = dir::names(host, "proc").unwrap_or_default();
    let numbers = names.iter().filter_map(|name| name.parse().ok());
    numbers.take(PROCESSES).collect()
}

/// What the kernel says of one process; none if it has ended.
pub(super) fn stat(host: &Host, pid: u32) -> Option<ProcessStat> {
    process::stat(&read(host, &format!("proc/{pid}/stat"), Shape::Whole).ok()?)
}

/// All processes now. One that ends while they are read is left out.
pub(super) fn all(host: &Host) -> HashMap<Key, ProcessStat> {
    let stats = numbers(host).into_iter().filter_map(|pid| stat(host, pid));
    stats.map(|stat| ((stat.pid, stat.started), stat)).collect()
}

/// Processes of one name and user: a server's workers are one culprit.
#[derive(Debug, Clone)]
pub(super) struct Group {
    /// The one of them with most.
    pub(super) first: ProcessStat,
    pub(super) uid: Option<u32>,
    pub(super) members: Vec<Key>,
    /// Of all of them.
    pub(super) amount: u64,
    most: u64,
}

impl Group {
    /// `rsync[4410] root`, `php-fpm www-data (12 processes, most of it [2114])`.
    pub(super) fn describe(&self, people: &People) -> String {
        if self.members.len() == 1 {
            return people.describe(&self.first, self.uid);
        }
        let name = shown_bytes(&self.first.name);
        let user = match self.uid {
            Some(uid) if !self.first.is_kernel => format!(" {}", people.name(uid)),
            _ => String::new(),
        };
        let all = counted(self.members.len(), "process", "processes");
        format!("{name}{user} ({all}, most by [{}])", self.first.pid)
    }
}

/// Puts processes together by name and user, the largest first. Users are asked for here, so only
/// of processes that matter.
pub(super) fn grouped(host: &Host, each: Vec<(ProcessStat, u64)>) -> Vec<Group> {
    let mut groups: HashMap<(Vec<u8>, Option<u32>, bool), Group> = HashMap::new();
    for (process, amount) in each.into_iter().filter(|(_, amount)| *amount > 0) {
        let uid = status(host, process.pid).map(|status| status.uid);
        let key = (process.name.clone(), uid, process.is_kernel);
        let group = groups.entry(key).or_insert_with(|| Group {
            first: process.clone(),
            uid,
            members: Vec::new(),
            amount: 0,
            most: 0,
        });
        group.members.push((process.pid, process.started));
        group.amount = group.amount.saturating_add(amount);
        if amount > group.most {
            group.most = amount;
            group.first = process;
        }
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    groups.sort_by(|a, b| b.amount.cmp(&a.amount).then(a.first.pid.cmp(&b.first.pid)));
    groups
}
