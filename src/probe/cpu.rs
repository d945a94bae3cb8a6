//! `cpu`: how busy all CPUs together were between two readings.
//!
//! `sysinfo` would refresh every CPU, and counts waiting for disks as idle without saying so;
//! `procfs` parses every line of /proc/stat of machines with hundreds of CPUs. Here one kept
//! descriptor gives the first line.

use crate::host::Host;
use crate::host::file::{KeptFile, Shape};
use crate::model::reading::{Bad, Measure, Metric, MetricId, Observation, ProbeError, Reading};
use crate::model::time::Moment;
use crate::model::unit::Unit;
use crate::parse::cpu::{CpuTimes, all_cpus};
use crate::probe::rate::float;
use crate::probe::{
    ALL, FIRST_RUN, Found, Kind, KindSpec, Options, Probe, measured, numbers, the_machine,
};

/// The kind.
#[derive(Debug)]
pub struct Cpu;

const BUSY: MetricId = MetricId(0);
const IOWAIT: MetricId = MetricId(1);
const STEAL: MetricId = MetricId(2);

/// A row of the table of measures.
const fn seconds(name: &'static str, doc: &'static str) -> Measure {
    Measure::counter(name, Unit::Seconds, doc)
}

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
    measures: &[
        seconds(
            "user_seconds",
            "Time of all CPUs since boot with programs, guests of virtual machines among them \
(`/proc/stat`, proc_stat(5)).",
        ),
        seconds("nice_seconds", "The same with programs of low priority."),
        seconds("system_seconds", "The same in the kernel."),
        seconds("idle_seconds", "The same with nothing to do."),
        seconds("iowait_seconds", "The same with nothing to do while a disk was waited for."),
        seconds("irq_seconds", "The same with interrupts."),
        seconds("softirq_seconds", "The same with soft interrupts."),
        seconds("steal_seconds", "The same taken by the hypervisor for other guests."),
    ],
    findings: None,
    example: include_str!("../../conf.d/cpu.yaml"),
};

/// The file.
const STAT: &str = "proc/stat";
/// Room for the first line: eleven numbers of at most twenty digits.
const FIRST_LINE_BYTES: usize = 256;
/// `USER_HZ`, in which the kernel counts for programs whatever its own clock is (proc_stat(5)).
const TICKS_A_SECOND: f64 = 100.0;
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
        Box::new(Reader { stat: KeptFile::new(STAT, Shape::Whole), last: None, told: None })
    }
}

struct Reader {
    stat: KeptFile,
    last: Option<CpuTimes>,
    /// What the measures said last.
    told: Option<CpuTimes>,
}

impl Probe for Reader {
    fn read(&mut self, host: &Host, _: Moment) -> Result<Vec<Observation>, ProbeError> {
        let times = all_cpus(self.stat.read_start(host, FIRST_LINE_BYTES)?)
            .ok_or_else(|| ProbeError::Malformed(format!("no line `cpu` in `/{STAT}`")))?;
        let shares = self.last.replace(times).and_then(|before| shares(before, times));
        let mut seen = numbers(ALL.into(), Vec::new(), FIRST_RUN.to_owned());
        let told = self.told.map_or(times, |told| never_back(told, times));
        self.told = Some(told);
        seen.measures = measures(told);
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

fn measures(times: CpuTimes) -> Vec<Reading> {
    let CpuTimes { user, nice, system, idle, iowait, irq, softirq, steal } = times;
    let all = [user, nice, system, idle, iowait, irq, softirq, steal];
    measured(all.map(|ticks| Some(float(ticks) / TICKS_A_SECOND)))
}

/// Counters that do not step back where the kernel's do: a collector takes a step back for a start
/// at zero, and adds all that was counted since boot once more. Where a CPU was taken away they
/// are what the kernel says.
fn never_back(told: CpuTimes, now: CpuTimes) -> CpuTimes {
    if told.idle.saturating_sub(now.idle) > STEP_BACK_TICKS {
        return now;
    }
    CpuTimes {
        user: now.user.max(told.user),
        nice: now.nice.max(told.nice),
        system: now.system.max(told.system),
        idle: now.idle.max(told.idle),
        iowait: now.iowait.max(told.iowait),
        irq: now.irq.max(told.irq),
        softirq: now.softirq.max(told.softirq),
        steal: now.steal.max(told.steal),
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

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test writes its own recording")]
    fn collectors_get_seconds_by_mode_from_the_first_run_on() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("proc")).unwrap();
        let mut probe = Cpu.open("all", &Options::new());
        let mut read = |line: &str| -> Vec<f64> {
            std::fs::write(dir.path().join(STAT), line).unwrap();
            let seen = probe.read(&Host::recorded(dir.path()), Moment(0)).unwrap().remove(0);
            let names = seen.measures.iter().map(|one| SPEC.measure(one.metric).unwrap().name);
            let modes = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];
            assert!(names.eq(modes.map(|mode| format!("{mode}_seconds"))));
            seen.measures.iter().map(|one| one.value).collect()
        };
        let first = read("cpu  100 200 300 400000 500 600 700 850 9 9\n");
        assert_eq!(first, [1.0, 2.0, 3.0, 4000.0, 5.0, 6.0, 7.0, 8.5]);
        // The kernel steps back a little: that is no start at zero.
        let next = read("cpu  150 200 300 399950 100 600 700 850 9 9\n");
        assert_eq!(next, [1.5, 2.0, 3.0, 4000.0, 5.0, 6.0, 7.0, 8.5]);
        let fewer = read("cpu  50 100 150 200000 50 300 350 400 9 9\n");
        assert_eq!(fewer, [0.5, 1.0, 1.5, 2000.0, 0.5, 3.0, 3.5, 4.0], "a CPU was taken away");
    }
}
