//! `memory`: what programs can still have, swap, and whether programs already wait for memory.
//!
//! `sysinfo` keeps no descriptor and knows neither pressure nor out-of-memory kills; `procfs` loses
//! the whole of meminfo for one missing line.

use crate::host::file::{KeptFile, OptionalFile, Shape, read_line};
use crate::host::{Host, space};
use crate::model::reading::{Bad, Measure, Metric, MetricId, Observation, ProbeError, Reading};
use crate::model::time::Moment;
use crate::model::unit::Unit;
use crate::parse::memory::{MemInfo, VmStat, arc_reclaimable_bytes, meminfo, vmstat};
use crate::parse::pressure::{full_total_us, some_total_us};
use crate::probe::rate::{Interval, float, increase, most};
use crate::probe::{ALL, Found, Kind, KindSpec, Options, Probe, measured, numbers, the_machine};

/// The kind.
#[derive(Debug)]
pub struct Memory;

const AVAILABLE_PERCENT: MetricId = MetricId(0);
const AVAILABLE_BYTES: MetricId = MetricId(1);
const SWAP_PERCENT: MetricId = MetricId(2);
const SWAP_BYTES: MetricId = MetricId(3);
const PRESSURE: MetricId = MetricId(4);
const OOM_KILLS: MetricId = MetricId(5);
const SWAP_IN: MetricId = MetricId(6);

/// A row of the table of measures from `/proc/meminfo`.
const fn bytes(name: &'static str, doc: &'static str) -> Measure {
    Measure::gauge(name, Unit::Bytes, doc)
}

/// A row from `/proc/vmstat`.
const fn counted(name: &'static str, doc: &'static str) -> Measure {
    Measure::counter(name, Unit::Count, doc)
}

static SPEC: KindSpec = KindSpec {
    name: "memory",
    title: "Memory that programs can still have, swap, and programs that wait for memory.",
    doc: "The one instance is `all`. `available` is the kernel's own estimate (`MemAvailable`; on \
kernels before 3.14 worked out by the same formula), plus what the cache of ZFS gives back on demand. \
Memory used as cache is not missing.\n\n\
`pressure` says whether it hurts: the share of time in which some program waited for memory, from \
`/proc/pressure/memory`. A kernel without it has no such reading, nor has a machine without swap one \
of `swap_used`.",
    selectors: &[],
    options: &[],
    metrics: &[
        Metric {
            key: "available",
            name: "available_percent",
            unit: Unit::Percent,
            bad: Bad::Low,
            phrase: "{} of memory available",
            doc: "Share of memory that programs can have without swapping.",
        },
        Metric {
            key: "available",
            name: "available_bytes",
            unit: Unit::Bytes,
            bad: Bad::Low,
            phrase: "{} of memory available",
            doc: "Memory that programs can have without swapping.",
        },
        Metric {
            key: "swap_used",
            name: "swap_used_percent",
            unit: Unit::Percent,
            bad: Bad::High,
            phrase: "{} of swap used",
            doc: "Share of swap space in use.",
        },
        Metric {
            key: "swap_used",
            name: "swap_used_bytes",
            unit: Unit::Bytes,
            bad: Bad::High,
            phrase: "{} of swap used",
            doc: "Swap space in use.",
        },
        Metric {
            key: "pressure",
            name: "pressure_percent",
            unit: Unit::Percent,
            bad: Bad::High,
            phrase: "{} of time waiting for memory",
            doc: "Share of the time since the previous reading in which a program waited for memory.",
        },
        Metric {
            key: "oom_kills",
            name: "oom_kills",
            unit: Unit::Count,
            bad: Bad::High,
            phrase: "{} killed for want of memory",
            doc: "Programs that the kernel killed for want of memory since the previous reading, in \
containers with a limit too.",
        },
        Metric {
            key: "swap_in",
            name: "swap_in_bytes_per_second",
            unit: Unit::BytesPerSecond,
            bad: Bad::High,
            phrase: "{} read back from swap",
            doc: "How fast memory is read back from swap: the sign of too little memory.",
        },
    ],
    measures: &[
        bytes("total_bytes", "Memory (`MemTotal` of `/proc/meminfo`)."),
        bytes("free_bytes", "Memory in no use at all (`MemFree`)."),
        bytes(
            "kernel_available_bytes",
            "The kernel's own estimate of what programs can have (`MemAvailable`), without the \
cache of ZFS.",
        ),
        bytes("buffers_bytes", "Cache of raw block devices (`Buffers`)."),
        bytes("cached_bytes", "Cache of files, with tmpfs (`Cached`)."),
        bytes("slab_reclaimable_bytes", "Caches of the kernel that give way (`SReclaimable`)."),
        bytes("swap_total_bytes", "Swap space (`SwapTotal`)."),
        bytes("swap_free_bytes", "Swap space in no use (`SwapFree`)."),
        Measure::counter(
            "pressure_waiting_seconds",
            Unit::Seconds,
            "Time since boot in which some program waited for memory (`some` of \
`/proc/pressure/memory`).",
        ),
        Measure::counter(
            "pressure_stalled_seconds",
            Unit::Seconds,
            "Time since boot in which all programs that had work waited for memory (`full`).",
        ),
        counted(
            "swap_in_pages_count",
            "Pages read back from swap since boot (`pswpin` of `/proc/vmstat`).",
        ),
        counted("swap_out_pages_count", "Pages written to swap since boot (`pswpout`)."),
        counted(
            "major_faults_count",
            "Page faults since boot for which a disk was read (`pgmajfault`).",
        ),
        counted("oom_kills_count", "Programs killed for want of memory since boot (`oom_kill`)."),
    ],
    findings: None,
    example: include_str!("../../conf.d/memory.yaml"),
};

const MEMINFO: &str = "proc/meminfo";
/// A longest name of some thirty letters and a number of at most twenty digits.
const VMSTAT_LINE_BYTES: usize = 64;

impl Kind for Memory {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn survey(&self, host: &Host) -> Result<Vec<Found>, ProbeError> {
        the_machine(host, MEMINFO, "memory")
    }

    fn open(&self, _: &str, _: &Options) -> Box<dyn Probe> {
        Box::new(Reader {
            meminfo: KeptFile::new(MEMINFO, Shape::Whole),
            vmstat: OptionalFile::new("proc/vmstat", Shape::Records(VMSTAT_LINE_BYTES)),
            pressure: OptionalFile::new("proc/pressure/memory", Shape::Whole),
            arc: OptionalFile::new("proc/spl/kstat/zfs/arcstats", Shape::UntilEnd),
            min_free_bytes: None,
            interval: Interval::default(),
            last: Counters::default(),
        })
    }
}

struct Reader {
    meminfo: KeptFile,
    vmstat: OptionalFile,
    pressure: OptionalFile,
    arc: OptionalFile,
    /// Only kernels without their own estimate need it.
    min_free_bytes: Option<u64>,
    interval: Interval,
    last: Counters,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counters {
    waited_us: Option<u64>,
    oom_kills: Option<u64>,
    swapped_in_pages: Option<u64>,
}

impl Reader {
    fn available(&mut self, host: &Host, info: &MemInfo, arc: u64) -> Option<u64> {
        let min_free = if info.available.is_some() {
            0
        } else {
            *self.min_free_bytes.get_or_insert_with(|| {
                let text = read_line(host, "proc/sys/vm/min_free_kbytes").unwrap_or_default();
                text.parse::<u64>().unwrap_or(0).saturating_mul(1024)
            })
        };
        let total = info.total.unwrap_or(u64::MAX);
        info.available_bytes(min_free).map(|bytes| bytes.saturating_add(arc).min(total))
    }
}

impl Probe for Reader {
    fn read(&mut self, host: &Host, now: Moment) -> Result<Vec<Observation>, ProbeError> {
        let info = meminfo(self.meminfo.read(host)?);
        let Some(total) = info.total.filter(|total| *total > 0) else {
            return Err(ProbeError::Malformed(format!("no `MemTotal` in `/{MEMINFO}`")));
        };
        let arc = self.arc.read(host, now).and_then(arc_reclaimable_bytes).unwrap_or(0);
        let stat = self.vmstat.read(host, now).map(vmstat).unwrap_or_default();
        let pressure = self.pressure.read(host, now);
        let stalled_us = pressure.and_then(full_total_us);
        let counters = Counters {
            waited_us: pressure.and_then(some_total_us),
            oom_kills: stat.oom_kills,
            swapped_in_pages: stat.swapped_in_pages,
        };
        let mut readings = Vec::with_capacity(7);
        let mut put = |metric, value| readings.push(Reading { metric, value });
        let mut summary = String::new();
        if let Some(available) = self.available(host, &info, arc) {
            put(AVAILABLE_PERCENT, 100.0 * float(available) / float(total));
            put(AVAILABLE_BYTES, float(available));
            let show = |bytes| Unit::Bytes.show(float(bytes));
            summary = format!("{} of {} available", show(available), show(total));
        }
        if let (Some(space @ 1..), Some(free)) = (info.swap_total, info.swap_free) {
            let used = space.saturating_sub(free);
            let percent = 100.0 * float(used) / float(space);
            put(SWAP_PERCENT, percent);
            put(SWAP_BYTES, float(used));
            summary.push_str(&format!(", {percent:.0}% of swap used"));
        }
        let before = std::mem::replace(&mut self.last, counters);
        if let Some(seconds) = self.interval.advance(now) {
            let moved =
                |before: Option<u64>, after: Option<u64>, most| increase(before?, after?, most);
            // The kernel brings the waiting time up to date every two seconds.
            let waited = moved(before.waited_us, counters.waited_us, Some(most(seconds, 1e6)));
            if let Some(us) = waited {
                let percent = (float(us) / (seconds * 1e4)).min(100.0);
                put(PRESSURE, percent);
                if percent >= 1.0 {
                    summary.push_str(&format!(", {percent:.0}% of time waiting for memory"));
                }
            }
            if let Some(kills) = moved(before.oom_kills, counters.oom_kills, None) {
                put(OOM_KILLS, float(kills));
                if kills > 0 {
                    summary.push_str(&format!(", {kills} killed for want of memory"));
                }
            }
            if let Some(pages) = moved(before.swapped_in_pages, counters.swapped_in_pages, None) {
                put(SWAP_IN, float(pages.saturating_mul(space::page_bytes())) / seconds);
            }
        }
        let measures = measures(&info, &stat, counters.waited_us, stalled_us);
        Ok(vec![Observation { measures, ..numbers(ALL.into(), readings, summary) }])
    }
}

fn measures(
    info: &MemInfo,
    stat: &VmStat,
    waited_us: Option<u64>,
    stalled_us: Option<u64>,
) -> Vec<Reading> {
    let whole = |value: Option<u64>| value.map(float);
    let seconds = |us: Option<u64>| us.map(|us| float(us) / 1e6);
    measured([
        whole(info.total),
        whole(info.free),
        whole(info.available),
        whole(info.buffers),
        whole(info.cached),
        whole(info.slab_reclaimable),
        whole(info.swap_total),
        whole(info.swap_free),
        seconds(waited_us),
        seconds(stalled_us),
        whole(stat.swapped_in_pages),
        whole(stat.swapped_out_pages),
        whole(stat.major_faults),
        whole(stat.oom_kills),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A recording whose files change.
    struct Machine {
        dir: tempfile::TempDir,
        host: Host,
        probe: Box<dyn Probe>,
        now: u64,
    }

    impl Machine {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let host = Host::recorded(dir.path());
            Self { dir, host, probe: Memory.open("all", &Options::new()), now: 0 }
        }

        #[expect(clippy::disallowed_methods, reason = "a test writes its own recording")]
        fn put(&self, name: &str, text: &str) {
            let path = self.dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }

        fn counters(&self, swapped_in: u64, kills: u64, waited_us: u64) {
            self.put("proc/vmstat", &format!("pswpin {swapped_in}\noom_kill {kills}\n"));
            self.put("proc/pressure/memory", &format!("some avg10=0.00 total={waited_us}\n"));
        }

        fn after_ten_seconds(&mut self) -> Observation {
            self.now += 10_000;
            self.probe.read(&self.host, Moment(self.now)).unwrap().remove(0)
        }
    }

    const NO_SWAP: &str = "MemTotal: 1000 kB\nMemFree: 50 kB\nMemAvailable: 100 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n";

    #[test]
    fn kills_pressure_and_swap_in_are_between_two_readings() {
        let mut machine = Machine::new();
        machine.put(MEMINFO, NO_SWAP);
        machine.counters(100, 7, 50_000_000);
        let first = machine.after_ten_seconds();
        assert_eq!(first.get(AVAILABLE_PERCENT), Some(10.0));
        assert_eq!(first.get(SWAP_PERCENT), None, "no swap is not a full swap");
        assert_eq!(first.get(OOM_KILLS), None, "what was killed before the agent came is no news");
        machine.counters(110, 9, 52_500_000);
        let next = machine.after_ten_seconds();
        assert_eq!(next.get(OOM_KILLS), Some(2.0));
        assert_eq!(next.get(PRESSURE), Some(25.0));
        assert_eq!(next.get(SWAP_IN), Some(float(space::page_bytes())));
        machine.counters(0, 0, 0);
        let reset = machine.after_ten_seconds();
        assert_eq!(
            (reset.get(OOM_KILLS), reset.get(PRESSURE), reset.get(SWAP_IN)),
            (None, None, None)
        );
    }

    #[test]
    fn collectors_get_the_kernels_own_numbers() {
        let mut machine = Machine::new();
        machine.put(
            MEMINFO,
            "MemTotal: 1000 kB\nMemFree: 50 kB\nMemAvailable: 100 kB\nBuffers: 3 kB\n\
             Cached: 40 kB\nSReclaimable: 7 kB\nSwapTotal: 20 kB\nSwapFree: 15 kB\n",
        );
        machine.put("proc/vmstat", "pgmajfault 9\npswpin 4\npswpout 6\noom_kill 2\n");
        machine.put(
            "proc/pressure/memory",
            "some avg10=0.00 total=2500000\nfull avg10=0.00 total=1500000\n",
        );
        machine.put(
            "proc/spl/kstat/zfs/arcstats",
            "1 1\nname type data\nc_min 4 102400\nsize 4 512000\n",
        );
        let named = |seen: &Observation| -> Vec<(&'static str, f64)> {
            let measures = seen.measures.iter();
            measures.map(|one| (SPEC.measure(one.metric).unwrap().name, one.value)).collect()
        };
        let expected = [
            ("total_bytes", 1_024_000.0),
            ("free_bytes", 51_200.0),
            ("kernel_available_bytes", 102_400.0),
            ("buffers_bytes", 3072.0),
            ("cached_bytes", 40_960.0),
            ("slab_reclaimable_bytes", 7168.0),
            ("swap_total_bytes", 20_480.0),
            ("swap_free_bytes", 15_360.0),
            ("pressure_waiting_seconds", 2.5),
            ("pressure_stalled_seconds", 1.5),
            ("swap_in_pages_count", 4.0),
            ("swap_out_pages_count", 6.0),
            ("major_faults_count", 9.0),
            ("oom_kills_count", 2.0),
        ];
        assert_eq!(named(&machine.after_ten_seconds()), expected);
        let mut old = Machine::new();
        old.put(MEMINFO, "MemTotal: 1000 kB\nMemFree: 100 kB\n");
        let seen = old.after_ten_seconds();
        assert_eq!(named(&seen), [("total_bytes", 1_024_000.0), ("free_bytes", 102_400.0)]);
        assert_eq!(seen.measures.capacity(), 2, "no room is kept for what is not known");
    }

    #[test]
    fn the_cache_of_zfs_gives_way() {
        let mut machine = Machine::new();
        machine.put(
            MEMINFO,
            &NO_SWAP.replace("SwapTotal: 0 kB\nSwapFree: 0", "SwapTotal: 200 kB\nSwapFree: 50"),
        );
        machine.put(
            "proc/spl/kstat/zfs/arcstats",
            "1 1\nname type data\nc_min 4 102400\nsize 4 512000\n",
        );
        let seen = machine.after_ten_seconds();
        assert_eq!(seen.get(AVAILABLE_PERCENT), Some(50.0), "100 KiB and 400 KiB of cache");
        assert_eq!(seen.get(SWAP_PERCENT), Some(75.0));
        assert_eq!(seen.summary, "500 KiB of 1000 KiB available, 75% of swap used");
    }

    #[test]
    fn an_older_kernel_without_counters_is_read_all_the_same() {
        let mut machine = Machine::new();
        machine
            .put(MEMINFO, "MemTotal: 1000 kB\nMemFree: 100 kB\nBuffers: 50 kB\nCached: 250 kB\n");
        machine.put("proc/sys/vm/min_free_kbytes", "40\n");
        // The low watermark is 50 KiB: 100 - 50 free, 300 - 50 of the cache.
        assert_eq!(machine.after_ten_seconds().get(AVAILABLE_PERCENT), Some(30.0));
        machine.put(MEMINFO, "nothing of the kind\n");
        let error = machine.probe.read(&machine.host, Moment(99_000)).unwrap_err();
        assert_eq!(error.word(), "malformed");
    }
}
