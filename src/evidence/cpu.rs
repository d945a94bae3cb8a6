//! Who uses the processors: CPU time of every process between two looks at `/proc/PID/stat`, against
//! that of the whole machine. What no process uses (waiting for disks, interrupts, the hypervisor's
//! other guests) is said beside it.

use std::collections::HashMap;

use super::processes::{self, Key, grouped};
use super::told::{Told, percent, row, share};
use super::waiting::Waiting;
use super::{Inquiry, Pace, io};
use crate::host::Host;
use crate::host::file::{Shape, read};
use crate::model::evidence::Row;
use crate::model::limit::{EVIDENCE_LOOK, EVIDENCE_ROWS};
use crate::model::text::counted;
use crate::model::unit::Unit;
use crate::parse::cpu::{CpuTimes, all_cpus, online};
use crate::parse::process::ProcessStat;

use super::people::People;

/// A line of less than this share of what is used explains nothing, in percent.
const WORTH_PERCENT: f64 = 2.0;
/// From this share of the machine's time on, waiting and interrupts are told, in percent.
const REMARK_PERCENT: f64 = 5.0;

pub(super) fn gather(inquiry: &Inquiry, host: &Host, pace: &mut dyn Pace, told: &mut Told<'_>) {
    let judged = inquiry.measure.as_ref().map(|measure| measure.metric.as_str());
    if judged == Some("iowait_percent") {
        return io::gather(host, pace, told);
    }
    let before = Look::take(host);
    pace.rest(EVIDENCE_LOOK);
    tell(host, &before, told);
}

/// The load counts tasks that run and tasks that wait for a disk: both are listed.
pub(super) fn gather_load(host: &Host, pace: &mut dyn Pace, told: &mut Told<'_>) {
    let before = Look::take(host);
    let waiting = Waiting::watch(host, pace);
    tell(host, &before, told);
    waiting.tell(host, told);
}

struct Look {
    times: CpuTimes,
    cpus: usize,
    processes: HashMap<Key, ProcessStat>,
}

impl Look {
    fn take(host: &Host) -> Self {
        let text = read(host, "proc/stat", Shape::UntilEnd).unwrap_or_default();
        Self {
            times: all_cpus(&text).unwrap_or_default(),
            cpus: online(&text),
            processes: processes::all(host),
        }
    }
}

fn all_ticks(times: &CpuTimes) -> u64 {
    let CpuTimes { user, nice, system, idle, iowait, irq, softirq, steal } = *times;
    [user, nice, system, idle, iowait, irq, softirq, steal]
        .iter()
        .fold(0, |sum, n| sum.saturating_add(*n))
}

fn tell(host: &Host, before: &Look, told: &mut Told<'_>) {
    let after = Look::take(host);
    let moved = |of: fn(&CpuTimes) -> u64| of(&after.times).saturating_sub(of(&before.times));
    let whole = moved(all_ticks);
    if whole == 0 {
        return;
    }
    let used = whole.saturating_sub(moved(|t| t.idle)).saturating_sub(moved(|t| t.iowait));
    let mut each: Vec<(ProcessStat, u64)> = Vec::new();
    for (key, process) in &after.processes {
        let then = before.processes.get(key).map_or(0, |process| process.ticks);
        each.push((process.clone(), process.ticks.saturating_sub(then)));
    }
    let people = People::of(host);
    let mut explained = 0;
    let mut rows: Vec<Row> = Vec::new();
    for group in grouped(host, each).into_iter().take(EVIDENCE_ROWS - 2) {
        // The largest is told in any case: that none is large is an answer too.
        if !rows.is_empty() && percent(group.amount, used) < WORTH_PERCENT {
            break;
        }
        explained += group.amount;
        rows.push(row(amount(group.amount, whole), group.describe(&people)));
    }
    if let Some((ticks, text)) = short_lived(host, before, &after, &people)
        && percent(ticks, used) >= WORTH_PERCENT
    {
        explained += ticks;
        rows.push(row(amount(ticks, whole), text));
        rows.sort_by(|a, b| leading(b).total_cmp(&leading(a)));
    }
    let others = [
        (moved(|t| t.iowait), "idle while disks are waited for"),
        (moved(|t| t.steal), "taken by the hypervisor for other guests"),
        (moved(|t| t.irq.saturating_add(t.softirq)), "interrupts of devices"),
    ];
    for (ticks, what) in others {
        if percent(ticks, whole) >= REMARK_PERCENT {
            rows.push(row(amount(ticks, whole), what.to_owned()));
        }
    }
    let heading = format!(
        "CPU over {EVIDENCE_LOOK}: {} of {} used, the processes listed explain {} of that",
        share(used, whole),
        counted(after.cpus.max(1), "CPU", "CPUs"),
        share(explained, used),
    );
    told.list(heading, rows);
}

fn amount(ticks: u64, whole: u64) -> String {
    Unit::Percent.show((percent(ticks, whole) * 10.0).round() / 10.0)
}

/// The number that an amount begins with.
fn leading(row: &Row) -> f64 {
    row.amount.trim_end_matches('%').parse().unwrap_or_default()
}

/// The process whose children took most between two looks and had ended at the second: a script
/// that starts a thousand programs shows in none of them.
fn short_lived(host: &Host, before: &Look, after: &Look, people: &People) -> Option<(u64, String)> {
    // What a child that ended had taken before the first look is not of this time.
    let mut earlier: HashMap<u32, u64> = HashMap::new();
    for (key, process) in &before.processes {
        if !after.processes.contains_key(key) {
            let taken = earlier.entry(process.parent).or_default();
            *taken = taken.saturating_add(process.ticks).saturating_add(process.ended_ticks);
        }
    }
    let (ticks, parent) = after
        .processes
        .iter()
        .filter_map(|(key, process)| {
            let then = before.processes.get(key)?.ended_ticks;
            let earlier = earlier.get(&process.pid).copied().unwrap_or_default();
            let taken = process.ended_ticks.saturating_sub(then).saturating_sub(earlier);
            (taken > 0).then_some((taken, process))
        })
        .max_by_key(|(taken, process)| (*taken, process.pid))?;
    let uid = super::people::status(host, parent.pid).map(|status| status.uid);
    Some((
        ticks,
        format!("programs that {} started and that have ended", people.describe(parent, uid)),
    ))
}
