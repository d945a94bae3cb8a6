//! `disk_io`: how busy each disk was between two readings, and how long requests took.
//!
//! `procfs` loses the whole of diskstats for one odd counter; `sysinfo` has neither busy time nor
//! latency. One kept descriptor serves all disks.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::host::file::{KeptFile, Shape, read, read_line};
use crate::host::{Host, dir};
use crate::model::reading::{Bad, Measure, Metric, MetricId, Observation, ProbeError, Reading};
use crate::model::time::Moment;
use crate::model::unit::Unit;
use crate::parse::disk::{DiskCounters, diskstats};
use crate::probe::rate::{Interval, float, increase, most};
use crate::probe::stack;
use crate::probe::{
    FIRST_RUN, Found, Kind, KindSpec, Lane, Options, Probe, Selector, measured, numbers,
};

/// The kind.
#[derive(Debug)]
pub struct DiskIo;

const BUSY: MetricId = MetricId(0);
const AWAIT: MetricId = MetricId(1);
const READ: MetricId = MetricId(2);
const WRITE: MetricId = MetricId(3);
const QUEUE: MetricId = MetricId(4);

/// A row of the table of measures.
const fn total(name: &'static str, unit: Unit, doc: &'static str) -> Measure {
    Measure::counter(name, unit, doc)
}

static SPEC: KindSpec = KindSpec {
    name: "disk_io",
    title: "How busy each disk is, how much it reads and writes, and how long requests take.",
    doc: "One instance is one disk of `/proc/diskstats`. Watched without being asked for: whole disks. \
Only if a check selects them: partitions, and what is made of other disks (md, dm, bcache, drbd, zvols), \
since its members are watched; and loop, RAM, zram, optical and floppy devices, once they were used.\n\n\
`busy` is the share of time in which at least one request was under way. A disk that serves many \
requests at once (SSD, array, cloud disk) can do more at 100% busy: `await` says whether requests wait.",
    selectors: &[
        Selector {
            key: "device",
            doc: "Name, such as `sd*`; for dm devices also their own name, such as `vg0-root`.",
        },
        Selector {
            key: "type",
            doc: "`disk`, `partition`, `md`, `dm`, `loop`, `virtual` or `removable`.",
        },
    ],
    options: &[],
    metrics: &[
        Metric {
            key: "busy",
            name: "busy_percent",
            unit: Unit::Percent,
            bad: Bad::High,
            phrase: "{} busy",
            doc: "Share of time with at least one request under way.",
        },
        Metric {
            key: "await",
            name: "await_seconds",
            unit: Unit::Seconds,
            bad: Bad::High,
            phrase: "{} a request",
            doc: "Mean time from handing a request in to its end; 0 when there was none.",
        },
        Metric {
            key: "read",
            name: "read_bytes_per_second",
            unit: Unit::BytesPerSecond,
            bad: Bad::High,
            phrase: "{} read",
            doc: "Bytes read.",
        },
        Metric {
            key: "write",
            name: "write_bytes_per_second",
            unit: Unit::BytesPerSecond,
            bad: Bad::High,
            phrase: "{} written",
            doc: "Bytes written.",
        },
        Metric {
            key: "queue",
            name: "queue",
            unit: Unit::Count,
            bad: Bad::High,
            phrase: "{} requests under way",
            doc: "Mean number of requests under way.",
        },
    ],
    measures: &[
        total(
            "read_bytes",
            Unit::Bytes,
            "Bytes read since the device came to be (sectors of 512 bytes in `/proc/diskstats`, \
iostats.rst of the kernel).",
        ),
        total("written_bytes", Unit::Bytes, "The same, written."),
        total("reads_count", Unit::Count, "Reads completed."),
        total("writes_count", Unit::Count, "Writes completed."),
        total(
            "reading_seconds",
            Unit::Seconds,
            "Time that all reads took together. The kernel counts times in 32 bits of \
milliseconds, so that they begin anew after at most 50 days of work.",
        ),
        total("writing_seconds", Unit::Seconds, "Time that all writes took together."),
        total("io_seconds", Unit::Seconds, "Time with at least one request under way."),
        total(
            "io_weighted_seconds",
            Unit::Seconds,
            "Time that all requests were under way together.",
        ),
    ],
    findings: None,
    example: include_str!("../../conf.d/disk_io.yaml"),
};

const DISKSTATS: &str = "proc/diskstats";
/// A line has a name of at most 32 bytes and nineteen numbers of at most twenty digits.
const RECORDS: Shape = Shape::Records(512);
/// More than any device moves in a second; an advance beyond it is another device's counter.
const MOST_SECTORS_A_SECOND: f64 = 128e6;
/// More requests than any device ends in a second.
const MOST_REQUESTS_A_SECOND: f64 = 100e6;
/// More milliseconds that requests wait together in a second: a queue of a hundred thousand.
const MOST_WAIT_MS_A_SECOND: f64 = 100e6;

/// What a device is, by its name and, for partitions, its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Disk,
    Partition,
    Md,
    Dm,
    Loop,
    Virtual,
    Removable,
}

impl Sort {
    fn word(self) -> &'static str {
        match self {
            Self::Disk => "disk",
            Self::Partition => "partition",
            Self::Md => "md",
            Self::Dm => "dm",
            Self::Loop => "loop",
            Self::Virtual => "virtual",
            Self::Removable => "removable",
        }
    }

    /// By the name alone.
    fn of(name: &str) -> Self {
        const SORTS: &[(&str, Sort)] = &[
            ("dm-", Sort::Dm),
            ("md", Sort::Md),
            ("loop", Sort::Loop),
            ("ram", Sort::Virtual),
            ("zram", Sort::Virtual),
            ("bcache", Sort::Virtual),
            ("drbd", Sort::Virtual),
            ("zd", Sort::Virtual),
            ("mtdblock", Sort::Virtual),
            ("nbd", Sort::Virtual),
            ("sr", Sort::Removable),
            ("fd", Sort::Removable),
        ];
        let numbered = |prefix: &str| {
            name.strip_prefix(prefix)
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit() || c == '_'))
        };
        let hardware_part =
            name.starts_with("mmcblk") && (name.contains("boot") || name.ends_with("rpmb"));
        if hardware_part {
            return Self::Partition;
        }
        SORTS.iter().find(|(prefix, _)| numbered(prefix)).map_or(Self::Disk, |(_, sort)| *sort)
    }
}

/// The whole disk that a partition of this name belongs to, if it is a partition's name: `sda` of
/// `sda1`, `nvme0n1` of `nvme0n1p2`.
pub(super) fn parent(name: &str) -> Option<&str> {
    let base = name.trim_end_matches(|c: char| c.is_ascii_digit());
    if base.len() == name.len() {
        return None;
    }
    match base.strip_suffix('p') {
        Some(whole) if whole.ends_with(|c: char| c.is_ascii_digit()) => Some(whole),
        _ => Some(base),
    }
}

/// Whether a device that was never used is not worth a word.
fn is_idle_placeholder(sort: Sort, counters: DiskCounters) -> bool {
    counters.is_untouched() && matches!(sort, Sort::Loop | Sort::Virtual | Sort::Removable)
}

impl Kind for DiskIo {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn survey(&self, host: &Host) -> Result<Vec<Found>, ProbeError> {
        let text = match read(host, DISKSTATS, RECORDS) {
            Err(ProbeError::Absent(_)) if host.is_recorded() => return Ok(Vec::new()),
            other => other?,
        };
        let whole: HashSet<String> =
            dir::names(host, "sys/block").unwrap_or_default().into_iter().collect();
        let names: HashSet<&str> = diskstats(&text).map(|(name, _)| name).collect();
        let is_partition = |name: &str| {
            !whole.contains(name) && parent(name).is_some_and(|whole| names.contains(whole))
        };
        let mut seen = HashSet::new();
        Ok(diskstats(&text)
            .filter(|(name, _)| seen.insert(*name))
            .filter_map(|(name, counters)| {
                let sort = if is_partition(name) { Sort::Partition } else { Sort::of(name) };
                (!is_idle_placeholder(Sort::of(name), counters)).then(|| found(host, name, sort))
            })
            .collect())
    }

    fn open(&self, _: &str, _: &Options) -> Box<dyn Probe> {
        Box::new(Reader {
            diskstats: KeptFile::new(DISKSTATS, RECORDS),
            interval: Interval::default(),
            disks: HashMap::new(),
            run: 0,
        })
    }
}

fn found(host: &Host, name: &str, sort: Sort) -> Found {
    let mut attributes = vec![("device", name.to_owned()), ("type", sort.word().to_owned())];
    let mut labels = vec![("type", sort.word().to_owned())];
    let mut title = format!("disk {name}");
    let line = |path: String| read_line(host, &path).ok().filter(|line| !line.is_empty());
    if let Some(own) = line(format!("sys/block/{name}/dm/name")).filter(|_| sort == Sort::Dm) {
        title = format!("disk {own}");
        labels.push(("name", own.clone()));
        attributes.push(("device", own));
    }
    if let Some(model) =
        line(format!("sys/block/{name}/device/model")).filter(|_| sort == Sort::Disk)
    {
        labels.push(("model", model));
    }
    // By bus: NVMe, virtio, SCSI and SATA each keep their number elsewhere.
    for (fact, places) in
        [("serial", ["device/serial", "serial"]), ("wwid", ["device/wwid", "wwid"])]
    {
        let mut places = places.iter().filter(|_| sort == Sort::Disk);
        if let Some(number) = places.find_map(|at| line(format!("sys/block/{name}/{at}"))) {
            labels.push((fact, number));
        }
    }
    Found {
        instance: name.into(),
        title,
        source: "diskstats".into(),
        lane: Lane::Inline,
        attributes,
        labels,
        behind: None,
        upon: stack::below_device(host, name),
        by_default: sort == Sort::Disk,
    }
}

struct Reader {
    diskstats: KeptFile,
    interval: Interval,
    disks: HashMap<Arc<str>, Disk>,
    run: u64,
}

#[derive(Debug)]
struct Disk {
    sort: Sort,
    last: DiskCounters,
    seen_in: u64,
}

impl Probe for Reader {
    fn read(&mut self, host: &Host, now: Moment) -> Result<Vec<Observation>, ProbeError> {
        let text = self.diskstats.read(host)?;
        let seconds = self.interval.advance(now);
        self.run += 1;
        let run = self.run;
        let mut seen = Vec::with_capacity(self.disks.len());
        for (name, counters) in diskstats(text) {
            let (name, before, sort) = match self.disks.get_key_value(name) {
                Some((name, disk)) => (name.clone(), Some(disk.last), disk.sort),
                None => (name.into(), None, Sort::of(name)),
            };
            if is_idle_placeholder(sort, counters) {
                continue;
            }
            let rates =
                before.zip(seconds).and_then(|(b, seconds)| Rates::of(b, counters, seconds));
            self.disks.insert(name.clone(), Disk { sort, last: counters, seen_in: run });
            seen.push(Observation { measures: measures(counters), ..observe(name, rates) });
        }
        // A disk that comes back under its old name starts anew.
        self.disks.retain(|_, disk| disk.seen_in == run);
        Ok(seen)
    }
}

fn observe(instance: Arc<str>, rates: Option<Rates>) -> Observation {
    let Some(rates) = rates else {
        return numbers(instance, Vec::new(), FIRST_RUN.to_owned());
    };
    let readings = vec![
        Reading { metric: BUSY, value: rates.busy },
        Reading { metric: AWAIT, value: rates.wait },
        Reading { metric: READ, value: rates.read },
        Reading { metric: WRITE, value: rates.written },
        Reading { metric: QUEUE, value: rates.queue },
    ];
    let summary = format!(
        "{:.0}% busy, {} read, {} written, {} a request",
        rates.busy,
        Unit::BytesPerSecond.show(rates.read),
        Unit::BytesPerSecond.show(rates.written),
        Unit::Seconds.show(rates.wait)
    );
    numbers(instance, readings, summary)
}

fn measures(counters: DiskCounters) -> Vec<Reading> {
    let seconds = |ms: u64| Some(float(ms) / 1000.0);
    measured([
        Some(float(counters.read_sectors) * 512.0),
        Some(float(counters.written_sectors) * 512.0),
        Some(float(counters.reads)),
        Some(float(counters.writes)),
        seconds(counters.read_ms),
        seconds(counters.write_ms),
        seconds(counters.busy_ms),
        seconds(counters.queue_ms),
    ])
}

/// What a disk did between two readings.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rates {
    busy: f64,
    wait: f64,
    read: f64,
    written: f64,
    queue: f64,
}

impl Rates {
    /// None if any counter says that this is not the same device, or that it was reset.
    fn of(before: DiskCounters, after: DiskCounters, seconds: f64) -> Option<Self> {
        if before.device != after.device {
            return None;
        }
        let requests = |b, a| increase(b, a, Some(most(seconds, MOST_REQUESTS_A_SECOND)));
        let sectors = |b, a| increase(b, a, Some(most(seconds, MOST_SECTORS_A_SECOND)));
        let waits = |b, a| increase(b, a, Some(most(seconds, MOST_WAIT_MS_A_SECOND)));
        let ended = requests(before.reads, after.reads)?
            .saturating_add(requests(before.writes, after.writes)?);
        let read = sectors(before.read_sectors, after.read_sectors)?;
        let written = sectors(before.written_sectors, after.written_sectors)?;
        let waited = waits(before.read_ms, after.read_ms)?
            .saturating_add(waits(before.write_ms, after.write_ms)?);
        let busy = waits(before.busy_ms, after.busy_ms)?;
        let queue = waits(before.queue_ms, after.queue_ms)?;
        Some(Self {
            busy: (float(busy) / (seconds * 10.0)).min(100.0),
            wait: if ended == 0 { 0.0 } else { float(waited) / float(ended) / 1000.0 },
            read: float(read) * 512.0 / seconds,
            written: float(written) * 512.0 / seconds,
            queue: float(queue) / (seconds * 1000.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A recording of one changing diskstats.
    struct Machine {
        dir: tempfile::TempDir,
        host: Host,
        probe: Box<dyn Probe>,
        now: u64,
    }

    impl Machine {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            std::fs::create_dir(dir.path().join("proc")).unwrap();
            let host = Host::recorded(dir.path());
            Self { dir, host, probe: DiskIo.open("diskstats", &Options::new()), now: 0 }
        }

        #[expect(clippy::disallowed_methods, reason = "a test writes its own recording")]
        fn after_ten_seconds(&mut self, text: &str) -> Vec<Observation> {
            std::fs::write(self.dir.path().join(DISKSTATS), text).unwrap();
            self.now += 10_000;
            self.probe.read(&self.host, Moment(self.now)).unwrap()
        }
    }

    #[test]
    fn rates_of_one_disk() {
        let mut machine = Machine::new();
        let first = machine.after_ten_seconds("8 0 sda 100 0 1000 50 100 0 1000 50 0 5000 100\n");
        assert_eq!(first[0].readings, []);
        let next =
            machine.after_ten_seconds("8 0 sda 150 0 21000 150 150 0 1000 250 0 9000 5100\n");
        let value = |metric| next[0].get(metric).unwrap();
        assert_eq!(value(BUSY), 40.0);
        assert_eq!(value(AWAIT), 0.003, "300 ms over 100 requests");
        assert_eq!(value(READ), 20_000.0 * 512.0 / 10.0);
        assert_eq!(value(WRITE), 0.0);
        assert_eq!(value(QUEUE), 0.5);
    }

    #[test]
    fn collectors_get_the_totals_from_the_first_run_on() {
        let mut machine = Machine::new();
        let seen = machine.after_ten_seconds("8 0 sda 5 0 10 1500 7 0 20 2500 0 3250 4500\n");
        assert_eq!(seen[0].readings, []);
        let names = seen[0].measures.iter().map(|one| SPEC.measure(one.metric).unwrap().name);
        let values = seen[0].measures.iter().map(|one| one.value);
        let expected = [
            ("read_bytes", 5120.0),
            ("written_bytes", 10_240.0),
            ("reads_count", 5.0),
            ("writes_count", 7.0),
            ("reading_seconds", 1.5),
            ("writing_seconds", 2.5),
            ("io_seconds", 3.25),
            ("io_weighted_seconds", 4.5),
        ];
        assert!(names.zip(values).eq(expected), "{:?}", seen[0].measures);
    }

    #[test]
    fn unplug_reset_and_replacement_make_no_rate() {
        let mut machine = Machine::new();
        let busy = "8 0 sda 9000 0 900000 500 900 0 90000 500 0 50000 1000\n";
        let fresh = "8 0 sda 2 0 16 1 0 0 0 0 0 1 1\n";
        machine.after_ten_seconds(busy);
        assert_eq!(machine.after_ten_seconds(fresh)[0].readings, [], "reset");
        assert_eq!(machine.after_ten_seconds(fresh)[0].get(READ), Some(0.0));
        assert_eq!(machine.after_ten_seconds("")[..], [], "unplugged");
        assert_eq!(machine.after_ten_seconds(busy)[0].readings, [], "another under its name");
        let other = "8 16 sda 9999 0 999999 500 900 0 90000 500 0 50000 1000\n";
        assert_eq!(machine.after_ten_seconds(other)[0].readings, [], "another number");
        let impossible = "8 16 sda 10000 0 99999999999999 500 900 0 90000 500 0 50000 1000\n";
        assert_eq!(machine.after_ten_seconds(impossible)[0].readings, []);
    }

    #[test]
    fn times_wrap_at_32_bits_and_busy_stays_below_a_hundred() {
        let mut machine = Machine::new();
        machine.after_ten_seconds("8 0 sda 1 0 8 4294967200 1 0 8 0 0 4294967000 4294967290\n");
        let seen = machine.after_ten_seconds("8 0 sda 3 0 8 104 1 0 8 0 0 12000 9994\n");
        assert_eq!(seen[0].get(BUSY), Some(100.0), "12,296 ms of 10 s");
        assert_eq!(seen[0].get(AWAIT), Some(0.1));
        assert_eq!(seen[0].get(QUEUE), Some(1.0));
    }

    #[test]
    fn whole_disks_are_watched_and_the_rest_can_be_selected() {
        let mut machine = Machine::new();
        machine.after_ten_seconds(
            "8 0 sda 1 0 1 1 1 0 1 1 0 1 1\n8 1 sda1 1 0 1 1 1 0 1 1 0 1 1\n\
             259 0 nvme0n1 0 0 0 0 0 0 0 0 0 0 0\n259 1 nvme0n1p1 1 0 1 1 1 0 1 1 0 1 1\n\
             202 1 xvda1 1 0 1 1 1 0 1 1 0 1 1\n9 127 md127 1 0 1 1 1 0 1 1 0 1 1\n\
             253 0 dm-0 1 0 1 1 1 0 1 1 0 1 1\n7 0 loop0 0 0 0 0 0 0 0 0 0 0 0\n\
             7 1 loop1 1 0 1 1 1 0 1 1 0 1 1\n1 0 ram0 0 0 0 0 0 0 0 0 0 0 0\n11 0 sr0 1 0 1 1 0 0 0 0 0 1 1\n",
        );
        let found = DiskIo.survey(&machine.host).unwrap();
        let names: Vec<_> = found.iter().map(|f| &*f.instance).collect();
        let all = ["sda", "sda1", "nvme0n1", "nvme0n1p1", "xvda1", "md127", "dm-0", "loop1", "sr0"];
        assert_eq!(names, all);
        let watched: Vec<_> = found.iter().filter(|f| f.by_default).map(|f| &*f.instance).collect();
        assert_eq!(watched, ["sda", "nvme0n1", "xvda1"], "a cloud's xvda1 without xvda is a disk");
    }
}
