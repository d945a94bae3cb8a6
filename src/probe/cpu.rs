//! `cpu`: how busy all CPUs together were between two readings.
//!
//! `sysinfo` would refresh every CPU, and counts waiting for disks as idle without saying so;
//! `procfs` parses every line of /proc/stat of machines with hundreds of CPUs. Here one kept
//! descriptor gives the first line.

use crate::host::Host;
use crate::host::file::{KeptFile, Shape};
use crate::model::reading::{Bad, Metric, MetricId, Observation, ProbeError, Reading};
use crate::model::time::Moment;
use crate::model::unit::Unit;
use crate::parse::cpu::{CpuTimes, all_cpus};
use crate::probe::rate::float;
use crate::probe::{ALL, FIRST_RUN, Found, Kind, KindSpec, Options, Probe, numbers, the_machine};

/// The kind.
#[derive(Debug)]
pub struct Cpu;

const BUSY: MetricId = MetricId(0);
const IOWAIT: MetricId = MetricId(1);
const STEAL: MetricId = MetricId(2);

static SPEC: KindSpec = KindSpec {
    name: "cpu",
    title: "How busy all CPUs together are.",
    doc: "The one instance is `all`. Values are shares of the time since the previous reading, from \
the first line of `/proc/stat`: 100% is every CPU busy all the time. Guests of virtual machines are \
part of their host's `busy`, counted once.\n\n\
Waiting for disks (`iowait`) is no work, so it is a metric of its own and not part of `busy`; `steal` \
is part of `busy`, as this machine can do no more.",
    selectors: &[],
    options: &[],
    metrics: &[
        Metric {
            key: "busy",
            name: "busy_percent",
            unit: Unit::Percent,
            bad: Bad::High,
            phrase: "{} busy",
            doc: "Share of time with work: programs, kernel, interrupts, and what the hypervisor took.",
        },
        Metric {
            key: "iowait",
            name: "iowait_percent",
            unit: Unit::Percent,
            bad: Bad::High,
            phrase: "{} waiting for disks",
            doc: "Share of time without work while a disk was waited for.",
        },
        Metric {
            key: "steal",
            name: "steal_percent",
            unit: Unit::Percent,
            bad: Bad::High,
            phrase: "{} taken by the hypervisor",
            doc: "Share of time that the hypervisor gave to other guests though this one had work.",
        },
    ],
    findings: None,
    example: include_str!("../../conf.d/cpu.yaml"),
};

/// The file.
const STAT: &str = "proc/stat";
/// Room for the first line: eleven numbers of at most twenty digits.
const FIRST_LINE_BYTES: usize = 256;
/// Counters of single CPUs may step back a little when a CPU comes out of deep sleep; a larger
/// fall (a CPU taken away) makes the interval worthless.
const STEP_BACK_TICKS: u64 = 100;

impl Kind for Cpu {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn survey(&self, host: &Host) -> Result<Vec<Found>, ProbeError> {
        the_machine(host, STAT, "CPU")
    }

    fn open(&self, _: &str, _: &Options) -> Box<dyn Probe> {
        Box::new(Reader { stat: KeptFile::new(STAT, Shape::Whole), last: None })
    }
}

struct Reader {
    stat: KeptFile,
    last: Option<CpuTimes>,
}

impl Probe for Reader {
    fn read(&mut self, host: &Host, _: Moment) -> Result<Vec<Observation>, ProbeError> {
        let times = all_cpus(self.stat.read_start(host, FIRST_LINE_BYTES)?)
            .ok_or_else(|| ProbeError::Malformed(format!("no line `cpu` in `/{STAT}`")))?;
        let shares = self.last.replace(times).and_then(|before| shares(before, times));
        let mut seen = numbers(ALL.into(), Vec::new(), FIRST_RUN.to_owned());
        if let Some([busy, iowait, steal]) = shares {
            seen.readings = vec![
                Reading { metric: BUSY, value: busy },
                Reading { metric: IOWAIT, value: iowait },
                Reading { metric: STEAL, value: steal },
            ];
            seen.summary = format!("{busy:.0}% busy, {iowait:.0}% waiting for disks");
            if steal >= 1.0 {
                seen.summary.push_str(&format!(", {steal:.0}% taken by the hypervisor"));
            }
        }
        Ok(vec![seen])
    }
}

/// Busy, waiting and stolen percent of the time between two readings; none if the counters were
/// reset or did not move.
fn shares(before: CpuTimes, after: CpuTimes) -> Option<[f64; 3]> {
    let advance = |before: u64, after: u64| match after.checked_sub(before) {
        Some(ticks) => Some(ticks),
        None => (before - after <= STEP_BACK_TICKS).then_some(0),
    };
    let work = [
        advance(before.user, after.user)?,
        advance(before.nice, after.nice)?,
        advance(before.system, after.system)?,
        advance(before.irq, after.irq)?,
        advance(before.softirq, after.softirq)?,
    ];
    let steal = advance(before.steal, after.steal)?;
    let idle = advance(before.idle, after.idle)?;
    // proc_stat(5): the waiting time may fall.
    let iowait = after.iowait.saturating_sub(before.iowait);
    let busy = work.iter().fold(steal, |sum, ticks| sum.saturating_add(*ticks));
    let total = busy.saturating_add(idle).saturating_add(iowait);
    let percent = |ticks: u64| 100.0 * float(ticks) / float(total);
    (total > 0).then(|| [percent(busy), percent(iowait), percent(steal)])
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: CpuTimes = CpuTimes {
        user: 1000,
        nice: 0,
        system: 1000,
        idle: 10_000,
        iowait: 500,
        irq: 0,
        softirq: 0,
        steal: 0,
    };

    #[test]
    fn busy_iowait_and_steal_are_apart() {
        let after =
            CpuTimes { user: 1040, system: 1010, idle: 10_030, iowait: 510, steal: 10, ..BEFORE };
        assert_eq!(shares(BEFORE, after), Some([60.0, 10.0, 10.0]));
    }

    #[test]
    fn a_fallen_counter_is_no_share() {
        let after = CpuTimes { user: 1050, idle: 10_050, iowait: 100, ..BEFORE };
        assert_eq!(shares(BEFORE, after), Some([50.0, 0.0, 0.0]), "iowait may fall");
        let offline = CpuTimes { user: 1050, idle: 5000, ..BEFORE };
        assert_eq!(shares(BEFORE, offline), None, "a CPU was taken away");
        let step = CpuTimes { user: 1050, idle: 9_990, ..BEFORE };
        assert_eq!(shares(BEFORE, step), Some([100.0, 0.0, 0.0]));
        assert_eq!(shares(BEFORE, BEFORE), None);
    }
}
