//! `load`: the load average, as it is and for each CPU.
//!
//! `procfs` and `sysinfo` open the file anew each time; a kept descriptor costs a seventh.

use crate::host::Host;
use crate::host::file::{KeptFile, Shape, read};
use crate::model::reading::{Bad, Measure, Metric, MetricId, Observation, ProbeError, Reading};
use crate::model::time::Moment;
use crate::model::unit::{Span, Unit};
use crate::parse::cpu::{count_list, loadavg, online};
use crate::probe::rate::float;
use crate::probe::{ALL, Found, Kind, KindSpec, Options, Probe, measured, numbers, the_machine};

/// The kind.
#[derive(Debug)]
pub struct Load;

const MEANS: [MetricId; 3] = [MetricId(0), MetricId(1), MetricId(2)];
const MEANS_PER_CPU: [MetricId; 3] = [MetricId(3), MetricId(4), MetricId(5)];
const RUNNABLE: MetricId = MetricId(6);

/// A row of the table: they differ in three words.
const fn mean(
    key: &'static str,
    name: &'static str,
    phrase: &'static str,
    doc: &'static str,
) -> Metric {
    Metric { key, name, unit: Unit::Count, bad: Bad::High, phrase, doc }
}

static SPEC: KindSpec = KindSpec {
    name: "load",
    title: "The load average.",
    doc: "The one instance is `all`. The load is the mean number of tasks that run, want to run, or \
wait for a disk or a dead file server, so a high load may have many causes: `cpu`, `disk_io` and the \
`pressure` of `memory` say which. Values for each CPU (`load5_per_cpu: 4`) fit machines of every size.",
    selectors: &[],
    options: &[],
    metrics: &[
        mean("load1", "load1", "at {}", "Mean over one minute."),
        mean("load5", "load5", "at {}", "Mean over five minutes."),
        mean("load15", "load15", "at {}", "Mean over fifteen minutes."),
        mean(
            "load1_per_cpu",
            "load1_per_cpu",
            "at {} for each CPU",
            "Mean over one minute, divided by the CPUs online.",
        ),
        mean(
            "load5_per_cpu",
            "load5_per_cpu",
            "at {} for each CPU",
            "Mean over five minutes, divided by the CPUs online.",
        ),
        mean(
            "load15_per_cpu",
            "load15_per_cpu",
            "at {} for each CPU",
            "Mean over fifteen minutes, divided by the CPUs online.",
        ),
        mean(
            "runnable",
            "runnable",
            "{} tasks to run",
            "Tasks that run or want to, at the moment.",
        ),
    ],
    measures: &[Measure::gauge(
        "cpus_count",
        Unit::Count,
        "CPUs online (`/sys/devices/system/cpu/online`).",
    )],
    findings: None,
    example: include_str!("../../conf.d/load.yaml"),
};

const LOADAVG: &str = "proc/loadavg";
/// How often the CPUs are counted: they come and go rarely.
const COUNT_EVERY: Span = Span::from_secs(60);

impl Kind for Load {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn survey(&self, host: &Host) -> Result<Vec<Found>, ProbeError> {
        the_machine(host, LOADAVG, "load")
    }

    fn open(&self, _: &str, _: &Options) -> Box<dyn Probe> {
        Box::new(Reader {
            loadavg: KeptFile::new(LOADAVG, Shape::Whole),
            online: KeptFile::new("sys/devices/system/cpu/online", Shape::Whole),
            cpus: None,
        })
    }
}

struct Reader {
    loadavg: KeptFile,
    online: KeptFile,
    cpus: Option<(Moment, u64)>,
}

impl Reader {
    /// CPUs online; none where neither file says.
    fn cpus(&mut self, host: &Host, now: Moment) -> Option<u64> {
        if let Some((counted, cpus)) = self.cpus
            && counted <= now
            && now.since(counted) < COUNT_EVERY
        {
            return (cpus > 0).then_some(cpus);
        }
        let list = self.online.read(host).ok().and_then(|text| std::str::from_utf8(text).ok());
        let cpus = list.and_then(count_list).unwrap_or_else(|| {
            let stat = read(host, "proc/stat", Shape::Whole).unwrap_or_default();
            u64::try_from(online(&stat)).unwrap_or(0)
        });
        self.cpus = Some((now, cpus));
        (cpus > 0).then_some(cpus)
    }
}

impl Probe for Reader {
    fn read(&mut self, host: &Host, now: Moment) -> Result<Vec<Observation>, ProbeError> {
        let load = loadavg(self.loadavg.read(host)?)
            .ok_or_else(|| ProbeError::Malformed(format!("no load average in `/{LOADAVG}`")))?;
        let cpus = self.cpus(host, now);
        let mut readings = Vec::with_capacity(7);
        for ((metric, per_cpu), value) in MEANS.into_iter().zip(MEANS_PER_CPU).zip(load.means) {
            readings.push(Reading { metric, value });
            if let Some(cpus) = cpus {
                readings.push(Reading { metric: per_cpu, value: value / float(cpus) });
            }
        }
        readings.push(Reading { metric: RUNNABLE, value: float(load.runnable) });
        let [one, five, fifteen] = load.means;
        let mut summary = format!("load {one} {five} {fifteen}");
        match cpus {
            Some(1) => summary.push_str(" on 1 CPU"),
            Some(cpus) => summary.push_str(&format!(" on {cpus} CPUs")),
            None => {}
        }
        let measures = measured([cpus.map(float)]);
        Ok(vec![Observation { measures, ..numbers(ALL.into(), readings, summary) }])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test writes its own recording")]
    fn the_cpus_are_told_where_they_are_known() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("proc")).unwrap();
        std::fs::write(dir.path().join(LOADAVG), "1.50 1.00 0.50 2/300 4000\n").unwrap();
        let read = || {
            let mut probe = Load.open("all", &Options::new());
            probe.read(&Host::recorded(dir.path()), Moment(0)).unwrap().remove(0)
        };
        assert_eq!(read().measures, [], "no file says");
        std::fs::write(dir.path().join("proc/stat"), "cpu 1 1 1 1\ncpu0 1\ncpu1 1\n").unwrap();
        let seen = read();
        assert_eq!(seen.measures, [Reading { metric: MetricId(0), value: 2.0 }]);
        assert_eq!(seen.get(MEANS_PER_CPU[0]), Some(0.75));
    }
}
