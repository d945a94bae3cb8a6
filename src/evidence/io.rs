//! Who makes disks work: bytes of `/proc/PID/io` between two looks. The kernel counts them for a
//! process and not for a disk, and shows them to the process' own user and to root alone: how many
//! could be read is said, and processes that wait for a disk are listed besides, which anybody sees.

use std::collections::HashMap;

use super::Pace;
use super::people::People;
use super::processes::{self, Key, grouped};
use super::told::{Told, rate, row};
use super::waiting::Waiting;
use crate::host::Host;
use crate::host::file::{Shape, read};
use crate::model::evidence::Row;
use crate::model::limit::{EVIDENCE_LOOK, EVIDENCE_ROWS};
use crate::parse::process::{self, ProcessIo, ProcessStat};

struct Look {
    processes: HashMap<Key, ProcessStat>,
    io: HashMap<Key, ProcessIo>,
}

impl Look {
    fn take(host: &Host) -> Self {
        let processes = processes::all(host);
        let io = processes.keys().filter_map(|key| {
            let text = read(host, &format!("proc/{}/io", key.0), Shape::Whole).ok()?;
            Some((*key, process::io(&text)?))
        });
        Self { io: io.collect(), processes }
    }
}

pub(super) fn gather(host: &Host, pace: &mut dyn Pace, told: &mut Told<'_>) {
    let before = Look::take(host);
    let waiting = Waiting::watch(host, pace);
    let after = Look::take(host);
    // A process that has ended is counted with who waited for it: what it had before is not of now.
    let mut earlier: HashMap<u32, ProcessIo> = HashMap::new();
    for (key, io) in before.io.iter().filter(|(key, _)| !after.io.contains_key(*key)) {
        let Some(process) = before.processes.get(key) else { continue };
        let sum = earlier.entry(process.parent).or_default();
        sum.read_bytes = sum.read_bytes.saturating_add(io.read_bytes);
        sum.write_bytes = sum.write_bytes.saturating_add(io.write_bytes);
    }
    let people = People::of(host);
    let seconds = EVIDENCE_LOOK.as_secs_f64();
    let mut moved: HashMap<Key, ProcessIo> = HashMap::new();
    for (key, now) in &after.io {
        let then = before.io.get(key).copied().unwrap_or_default();
        let ended = earlier.get(&key.0).copied().unwrap_or_default();
        let less = |now: u64, then: u64, ended: u64| now.saturating_sub(then).saturating_sub(ended);
        moved.insert(
            *key,
            ProcessIo {
                read_bytes: less(now.read_bytes, then.read_bytes, ended.read_bytes),
                write_bytes: less(now.write_bytes, then.write_bytes, ended.write_bytes),
            },
        );
    }
    let each = moved.iter().filter_map(|(key, io)| {
        let process = after.processes.get(key)?.clone();
        Some((process, io.read_bytes.saturating_add(io.write_bytes)))
    });
    let rows: Vec<Row> = grouped(host, each.collect())
        .into_iter()
        .take(EVIDENCE_ROWS)
        .map(|group| {
            let of = |value: fn(&ProcessIo) -> u64| {
                let members = group.members.iter().filter_map(|key| moved.get(key));
                members.fold(0_u64, |sum, io| sum.saturating_add(value(io)))
            };
            let (read, written) = (of(|io| io.read_bytes), of(|io| io.write_bytes));
            let way = match (read, written) {
                (_, 0) => "reads".to_owned(),
                (0, _) => "writes".to_owned(),
                _ => format!("reads {}, writes {}", rate(read, seconds), rate(written, seconds)),
            };
            row(rate(group.amount, seconds), format!("{}, {way}", group.describe(&people)))
        })
        .collect();
    // The kernel's own threads have no bytes of their own.
    let all = after.processes.values().filter(|process| !process.is_kernel).count();
    let readable = after
        .io
        .keys()
        .filter(|key| after.processes.get(*key).is_some_and(|process| !process.is_kernel))
        .count();
    let coverage = format!("bytes of {readable} of {all} processes could be read");
    if rows.is_empty() {
        if readable < all {
            told.remark(format!("I/O by process is not known: {coverage} (the others need root)"));
        }
    } else {
        told.list(format!("I/O on all disks over {EVIDENCE_LOOK} ({coverage})"), rows);
    }
    waiting.tell(host, told);
}
