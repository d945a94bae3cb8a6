//! Who holds the memory: what each process has for itself, in memory and swapped out, and what no
//! process has (tmpfs, huge pages, the kernel's own). Where the kernel killed a process for want of
//! memory, its own lines come first.

use std::collections::HashMap;

use super::kernel;
use super::people::{People, status};
use super::processes::{Key, all, grouped};
use super::told::{Told, bytes, percent, row, share};
use super::{Inquiry, Pace};
use crate::host::Host;
use crate::host::file::{Shape, read};
use crate::model::evidence::Row;
use crate::model::limit::{EVIDENCE_LOOK, EVIDENCE_ROWS};
use crate::model::text::shown_bytes;
use crate::parse::kernel_log::killed_process;
use crate::parse::memory::{MemInfo, meminfo};
use crate::parse::process::{ProcessStat, ProcessStatus};
use crate::parse::{fields, lines, number};

/// A line of less than this share of what is in use explains nothing, in percent.
const WORTH_PERCENT: f64 = 2.0;
/// From this share of all memory on, what no process holds is told, in percent.
const REMARK_PERCENT: f64 = 10.0;
/// Growth between two looks that is worth a word, in bytes.
const GROWTH_BYTES: u64 = 1 << 20;

/// What a process has for itself; on kernels before 4.5 what it shares is in it.
fn own(status: &ProcessStatus) -> u64 {
    status.own.unwrap_or(status.resident).saturating_add(status.swapped)
}

pub(super) fn gather(inquiry: &Inquiry, host: &Host, pace: &mut dyn Pace, told: &mut Told<'_>) {
    let judged = inquiry.measure.as_ref().map(|measure| measure.metric.as_str());
    if judged == Some("oom_kills") {
        killed(inquiry, host, told);
    }
    let before = look(host);
    pace.rest(EVIDENCE_LOOK);
    let after = look(host);
    let text = read(host, "proc/meminfo", Shape::UntilEnd).unwrap_or_default();
    let info = meminfo(&text);
    let used = in_use(&info);
    let people = People::of(host);
    let each = after.iter().map(|(process, status)| (process.clone(), own(status))).collect();
    let then: HashMap<Key, u64> =
        before.iter().map(|(process, status)| (key(process), own(status))).collect();
    let mut explained: u64 = 0;
    let mut rows: Vec<Row> = Vec::new();
    for group in grouped(host, each).into_iter().take(EVIDENCE_ROWS - 2) {
        // The largest is told in any case: that none is large is an answer too.
        if !rows.is_empty() && percent(group.amount, used) < WORTH_PERCENT {
            break;
        }
        explained = explained.saturating_add(group.amount);
        let mut text = group.describe(&people);
        let (mut swapped, mut grown) = (0_u64, 0_u64);
        for (process, status) in after.iter().filter(|(p, _)| group.members.contains(&key(p))) {
            swapped = swapped.saturating_add(status.swapped);
            let then = then.get(&key(process)).copied().unwrap_or_else(|| own(status));
            grown = grown.saturating_add(own(status).saturating_sub(then));
        }
        if percent(swapped, group.amount) >= REMARK_PERCENT {
            text.push_str(&format!(", {} of it swapped out", bytes(swapped)));
        }
        if grown >= GROWTH_BYTES {
            text.push_str(&format!(", +{} in {EVIDENCE_LOOK}", bytes(grown)));
        }
        rows.push(row(bytes(group.amount), text));
    }
    let total = info.total.unwrap_or_default();
    for (amount, what) in outside(&text) {
        if total > 0 && percent(amount, total) >= REMARK_PERCENT {
            explained = explained.saturating_add(amount);
            rows.push(row(bytes(amount), what.to_owned()));
        }
    }
    let heading = format!(
        "Memory and swap in use: {}, of which the lines below explain {}",
        bytes(used),
        share(explained, used)
    );
    told.list(heading, rows);
}

fn key(process: &ProcessStat) -> Key {
    (process.pid, process.started)
}

fn look(host: &Host) -> Vec<(ProcessStat, ProcessStatus)> {
    let processes = all(host).into_values().filter(|process| !process.is_kernel);
    processes
        .filter_map(|process| Some((status(host, process.pid)?, process)))
        .map(|(s, p)| (p, s))
        .collect()
}

/// Memory that new programs cannot have, and swap space that is used, in bytes.
fn in_use(info: &MemInfo) -> u64 {
    let available = info.available_bytes(0).unwrap_or_default();
    let memory = info.total.unwrap_or_default().saturating_sub(available);
    let swap = info.swap_total.unwrap_or_default();
    memory.saturating_add(swap.saturating_sub(info.swap_free.unwrap_or_default()))
}

/// What no process holds for itself, in bytes.
fn outside(meminfo: &[u8]) -> [(u64, &'static str); 3] {
    let kib = |key: &[u8]| {
        let line = lines(meminfo).find_map(|line| line.strip_prefix(key)).unwrap_or_default();
        fields(line).next().and_then(number).unwrap_or_default()
    };
    [
        (kib(b"Shmem:").saturating_mul(1024), "tmpfs and shared memory, held by no process alone"),
        (
            kib(b"HugePages_Total:").saturating_mul(kib(b"Hugepagesize:")).saturating_mul(1024),
            "huge pages set aside, used or not",
        ),
        (kib(b"SUnreclaim:").saturating_mul(1024), "the kernel's own, which it cannot give back"),
    ]
}

/// Which processes the kernel killed.
fn killed(inquiry: &Inquiry, host: &Host, told: &mut Told<'_>) {
    let found = kernel::lines(inquiry, host, &|text| killed_process(text).is_some());
    match found {
        Ok(lines) => {
            let rows = lines.iter().filter_map(|line| {
                let (pid, name) = killed_process(&line.text)?;
                Some(row(line.at.clone(), format!("{}[{pid}]", shown_bytes(name))))
            });
            told.list("Killed by the kernel for want of memory".to_owned(), rows.collect());
        }
        Err(why) => told.remark(format!("Who was killed is not known: {why}")),
    }
}
