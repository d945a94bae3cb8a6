//! What is found behind a change, on machines that the test stages: processes that work between two
//! looks, disks with lines of the kernel, links with errors.

use std::path::Path;

use hostwatch::evidence::{Inquiry, Measure, Pace, gather};
use hostwatch::host::Host;
use hostwatch::model::evidence::{Evidence, Section};
use hostwatch::model::finding::Finding;
use hostwatch::model::id::Id;
use hostwatch::model::reading::Bad;
use hostwatch::model::state::State;
use hostwatch::model::time::Stamp;
use hostwatch::model::unit::{Span, Unit};

/// 23 Nov 2026 02:12 UTC.
pub(crate) const AT: Stamp = Stamp(1_795_399_920_000);

/// A change of an instance.
pub(crate) fn inquiry(kind: &str, instance: &str, metric: &str) -> Inquiry {
    let measure = Measure {
        metric: metric.to_owned(),
        phrase: "{}".to_owned(),
        unit: Unit::Percent,
        bad: Bad::High,
        value: Some(99.0),
        warn: None,
        crit: Some(90.0),
    };
    Inquiry {
        number: 7,
        id: Id { check: kind.into(), instance: instance.into() },
        kind: kind.to_owned(),
        title: instance.to_owned(),
        state: State::Critical,
        at: AT,
        since: AT,
        measure: (!metric.is_empty()).then_some(measure),
        timezone: "UTC".to_owned(),
        ..Inquiry::default()
    }
}

/// Time that passes only when somebody rests, and a machine that changes meanwhile.
pub(crate) struct Staged<F: FnMut(u32)> {
    now: Span,
    rests: u32,
    change: F,
}

impl<F: FnMut(u32)> Staged<F> {
    pub(crate) fn new(change: F) -> Self {
        Self { now: Span::ZERO, rests: 0, change }
    }
}

impl<F: FnMut(u32)> Pace for Staged<F> {
    fn elapsed(&mut self) -> Span {
        self.now
    }

    fn within(&self) -> Span {
        Span::from_secs(20)
    }

    fn rest(&mut self, span: Span) {
        self.now = Span::from_millis(self.now.as_millis() + span.as_millis());
        self.rests += 1;
        (self.change)(self.rests);
    }
}

/// Asks; every answer is the one before with more.
pub(crate) fn ask(inquiry: &Inquiry, host: &Host, pace: &mut dyn Pace) -> Evidence {
    let mut last = Evidence::default();
    gather(inquiry, host, pace, &mut |evidence| {
        assert!(evidence.sections.starts_with(&last.sections), "{last:?}\n{evidence:?}");
        last = evidence;
    });
    last
}

pub(crate) fn text(evidence: &Evidence) -> String {
    let lines = |section: &Section| {
        let rows = section.rows.iter().map(|row| format!("  {} | {}\n", row.amount, row.text));
        format!("{}\n{}", section.heading, rows.collect::<String>())
    };
    evidence.sections.iter().map(lines).collect()
}

struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        machine
            .put("etc/passwd", "root:x:0:0::/root:/bin/sh\nana:x:1000:1000::/home/ana:/bin/sh\n");
        machine.put("proc/uptime", "10000.00 1.00\n");
        machine
    }

    fn put(&self, path: &str, text: &str) {
        put(self.0.path(), path, text);
    }

    fn host(&self) -> Host {
        Host::recorded(self.0.path())
    }
}

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

struct Task<'a> {
    pid: u32,
    name: &'a str,
    state: char,
    flags: u64,
    ticks: u64,
    ended: u64,
    parent: u32,
    uid: u32,
}

fn task(pid: u32, name: &str, ticks: u64) -> Task<'_> {
    Task { pid, name, state: 'S', flags: 0, ticks, ended: 0, parent: 1, uid: 1000 }
}

impl Task<'_> {
    fn stage(&self, root: &Path) {
        let Self { pid, name, state, flags, ticks, ended, parent, uid } = self;
        let stat = format!(
            "{pid} ({name}) {state} {parent} 1 1 0 -1 {flags} 0 0 0 0 {ticks} 0 {ended} 0 20 0 1 0 5 0 \
             0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
        );
        put(root, &format!("proc/{pid}/stat"), &stat);
        let kib = ticks * 100;
        let status = format!(
            "Name:\t{name}\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\nVmRSS:\t{kib} kB\nRssAnon:\t{kib} kB\n\
             VmSwap:\t{kib} kB\n"
        );
        put(root, &format!("proc/{pid}/status"), &status);
        // What it was started with stands beside it on a real machine, and is not to be read.
        put(root, &format!("proc/{pid}/cmdline"), "tool\0--password=hunter2\0");
        put(root, &format!("proc/{pid}/environ"), "SECRET=hunter2\0");
    }
}

#[test]
fn processors_are_explained_by_processes_and_what_is_none() {
    let machine = Machine::new();
    let root = machine.0.path();
    machine.put("proc/stat", "cpu 0 0 0 0 0 0 0 0 0 0\ncpu0 0\ncpu1 0\n");
    for (pid, name) in [(10, "rsync"), (11, "php-fpm"), (12, "php-fpm"), (14, "a) S 9 (b")] {
        task(pid, name, 0).stage(root);
    }
    Task { flags: 0x0020_0000, uid: 0, ..task(13, "kswapd0", 0) }.stage(root);
    task(20, "make", 0).stage(root);
    Task { parent: 20, ..task(21, "cc", 30) }.stage(root);
    let mut pace = Staged::new(|_| {
        // Of 1000 ticks 900 are used: 400 by rsync, 200 by both of php-fpm, 100 by the kernel's
        // thread, 90 by programs that make started. The one seen before had 30 already.
        put(root, "proc/stat", "cpu 700 0 100 50 50 20 30 50 0 0\ncpu0 0\ncpu1 0\n");
        task(10, "rsync", 400).stage(root);
        task(11, "php-fpm", 150).stage(root);
        task(12, "php-fpm", 50).stage(root);
        Task { flags: 0x0020_0000, uid: 0, ..task(13, "kswapd0", 100) }.stage(root);
        Task { ended: 120, ..task(20, "make", 1) }.stage(root);
        std::fs::remove_dir_all(root.join("proc/21")).unwrap();
    });
    let found = ask(&inquiry("cpu", "all", "busy_percent"), &machine.host(), &mut pace);
    let expected = "CPU over 5s: 90% of 2 CPUs used, the processes listed explain 88% of that
  40% | rsync[10] ana
  20% | php-fpm ana (2 processes, most by [11])
  10% | kswapd0[13]
  9% | programs that make[20] ana started and that have ended
  5% | idle while disks are waited for
  5% | taken by the hypervisor for other guests
  5% | interrupts of devices
";
    assert_eq!(text(&found), expected);
}

#[test]
fn a_machine_that_shows_nothing_gives_no_lists() {
    let empty = tempfile::tempdir().unwrap();
    let host = Host::recorded(empty.path());
    for kind in ["cpu", "load", "temperature", "fan", "power", "humidity", "bmc", "agent"] {
        let found = ask(&inquiry(kind, "x", ""), &host, &mut Staged::new(|_| {}));
        assert!(found.is_empty(), "{kind}: {found:?}");
    }
    // Here it is said that something could not be seen.
    for (kind, instance) in
        [("filesystem", "/data"), ("bandwidth", "eno1"), ("nic", "eno1"), ("raid", "md0")]
    {
        let found = ask(&inquiry(kind, instance, ""), &host, &mut Staged::new(|_| {}));
        assert!(text(&found).contains("not known"), "{kind}: {found:?}");
    }
    let mut good = inquiry("cpu", "all", "busy_percent");
    good.state = State::Ok;
    assert!(ask(&good, &Host::live(), &mut Staged::new(|_| {})).is_empty());
}

#[test]
fn the_load_is_explained_by_what_waits_too() {
    let machine = Machine::new();
    let root = machine.0.path();
    machine.put("proc/stat", "cpu 0 0 0 0 0 0 0 0 0 0\ncpu0 0\nprocs_blocked 3\n");
    machine.put("proc/30/wchan", "rpc_wait_bit_killable");
    Task { state: 'D', ..task(30, "c\u{1b}p) (x", 0) }.stage(root);
    task(31, "sync", 0).stage(root);
    let mut pace = Staged::new(|look| {
        let state = if look == 2 { 'D' } else { 'S' };
        Task { state, ..task(31, "sync", 0) }.stage(root);
    });
    let found = ask(&inquiry("load", "all", "load1"), &machine.host(), &mut pace);
    let expected = "Waiting for a disk or the kernel (5 looks in 5s, 2 more not seen)
  5/5 looks | c\\x1bp) (x[30] ana, in rpc_wait_bit_killable
  1/5 looks | sync[31] ana
";
    assert_eq!(text(&found), expected);
}

#[test]
fn memory_is_explained_with_swap_and_with_what_no_process_holds() {
    let machine = Machine::new();
    let root = machine.0.path();
    machine.put(
        "proc/meminfo",
        "MemTotal: 100000 kB\nMemAvailable: 10000 kB\nShmem: 30000 kB\nSUnreclaim: 100 kB\n\
         SwapTotal: 50000 kB\nSwapFree: 10000 kB\nHugePages_Total: 10\nHugepagesize: 2048 kB\n",
    );
    // 100 KiB a tick, in memory and again swapped out.
    task(40, "java", 300).stage(root);
    task(41, "small", 1).stage(root);
    let mut pace = Staged::new(|_| task(40, "java", 400).stage(root));
    let found = ask(&inquiry("memory", "all", ""), &machine.host(), &mut pace);
    let expected = "Memory and swap in use: 127 MiB, of which the lines below explain 100%
  78.1 MiB | java[40] ana, 39.1 MiB of it swapped out, +19.5 MiB in 5s
  29.3 MiB | tmpfs and shared memory, held by no process alone
  20 MiB | huge pages set aside, used or not
";
    assert_eq!(text(&found), expected);
}

#[test]
fn who_was_killed_for_memory_comes_first() {
    let machine = Machine::new();
    machine.put(
        "dev/kmsg",
        "6,1,9998000000,-;unrelated\n\
         3,2,9999000000,-;Out of memory: Killed process 811 (java) total-vm:7kB, UID:0\n\
         3,3,100,-;Out of memory: Killed process 1 (of long ago) total-vm:7kB\n",
    );
    let memory = inquiry("memory", "all", "oom_kills");
    let found = ask(&memory, &machine.host(), &mut Staged::new(|_| {}));
    let first = "Killed by the kernel for want of memory\n  02:11:59 | java[811]\n";
    assert_eq!(text(&found), first);
    std::fs::remove_file(machine.0.path().join("dev/kmsg")).unwrap();
    let found = ask(&memory, &machine.host(), &mut Staged::new(|_| {}));
    assert!(text(&found).starts_with("Who was killed is not known: "), "{found:?}");
}

#[test]
fn disks_are_explained_by_bytes_and_it_is_said_whose_are_hidden() {
    let machine = Machine::new();
    let root = machine.0.path();
    let io = |read: u64, written: u64| {
        format!("rchar: 9\nread_bytes: {read}\nwrite_bytes: {written}\ncancelled_write_bytes: 0\n")
    };
    for (pid, name) in [(50, "postgres"), (51, "hidden"), (52, "tar"), (60, "sh")] {
        task(pid, name, 0).stage(root);
    }
    Task { parent: 60, ..task(61, "dd", 0) }.stage(root);
    for pid in [50, 52, 60] {
        machine.put(&format!("proc/{pid}/io"), &io(1 << 20, 1 << 20));
    }
    machine.put("proc/61/io", &io(1 << 30, 0));
    let mut pace = Staged::new(|look| {
        if look == 1 {
            put(root, "proc/50/io", &io(11 << 20, 41 << 20));
            put(root, "proc/52/io", &io(1 << 20, 6 << 20));
            // The shell waited for dd: what dd had read before is no news.
            std::fs::remove_dir_all(root.join("proc/61")).unwrap();
            put(root, "proc/60/io", &io((1 << 30) + (1 << 20), 1 << 20));
        }
    });
    let found = ask(&inquiry("disk_io", "sda", "busy_percent"), &machine.host(), &mut pace);
    let expected = "I/O on all disks over 5s (bytes of 3 of 4 processes could be read)
  10 MiB/s | postgres[50] ana, reads 2 MiB/s, writes 8 MiB/s
  1 MiB/s | tar[52] ana, writes
";
    assert_eq!(text(&found), expected);
    for pid in [50, 52, 60] {
        std::fs::remove_file(root.join(format!("proc/{pid}/io"))).unwrap();
    }
    let none = ask(&inquiry("disk_io", "sda", ""), &machine.host(), &mut Staged::new(|_| {}));
    let said = "I/O by process is not known: bytes of 0 of 4 processes could be read";
    assert!(text(&none).starts_with(said), "{none:?}");
}

#[test]
fn what_a_process_was_started_with_is_never_told() {
    let machine = Machine::new();
    let root = machine.0.path();
    machine.put("proc/stat", "cpu 0 0 0 0 0 0 0 0 0 0\ncpu0 0\nprocs_blocked 1\n");
    machine.put("proc/meminfo", "MemTotal: 1000 kB\nMemAvailable: 0 kB\n");
    Task { state: 'D', ..task(70, "tool", 0) }.stage(root);
    let io = |n: u64| format!("read_bytes: {n}\nwrite_bytes: 0\ncancelled_write_bytes: 0\n");
    machine.put("proc/70/io", &io(0));
    for kind in ["cpu", "load", "memory", "disk_io"] {
        let mut pace = Staged::new(|_| {
            put(root, "proc/stat", "cpu 900 0 0 0 0 0 0 0 0 0\ncpu0 0\nprocs_blocked 1\n");
            Task { state: 'D', ..task(70, "tool", 900) }.stage(root);
            put(root, "proc/70/io", &io(9 << 20));
        });
        let found = ask(&inquiry(kind, "all", ""), &machine.host(), &mut pace);
        assert!(text(&found).contains("tool[70]"), "{kind}: {found:?}");
        assert!(!text(&found).contains("hunter2"), "{kind}: {found:?}");
        put(root, "proc/stat", "cpu 0 0 0 0 0 0 0 0 0 0\ncpu0 0\nprocs_blocked 1\n");
        Task { state: 'D', ..task(70, "tool", 0) }.stage(root);
        put(root, "proc/70/io", &io(0));
    }
}

#[test]
fn a_failed_disk_has_its_port_and_the_kernels_lines() {
    let machine = Machine::new();
    let root = machine.0.path();
    let device = "sys/devices/pci0000:00/0000:00:1f.2/ata4/host3/target3:0:0/3:0:0:0";
    machine.put(&format!("{device}/block/sdb/sdb1/partition"), "1\n");
    machine.put(&format!("{device}/ioerr_cnt"), "0x12\n");
    machine.put(&format!("{device}/state"), "offline\n");
    std::fs::create_dir_all(root.join("sys/block")).unwrap();
    let link = |target: &str, at: &str| std::os::unix::fs::symlink(target, root.join(at)).unwrap();
    link(&format!("../../{device}/block/sdb").replace("../../sys/", "../"), "sys/block/sdb");
    link("../../../3:0:0:0", &format!("{device}/block/sdb/device"));
    machine.put(
        "dev/kmsg",
        "3,1,9990000000,-;ata4.00: failed command: WRITE FPDMA QUEUED\n\
         3,2,9991000000,-;blk_update_request: I/O error, dev sdb, sector 7\x1b[2J\n\
         3,3,9992000000,-;ata42.00: of another disk\n6,4,9992000000,-;sdb: only information\n\
         3,5,1000,-;sd 3:0:0:0: [sdb] of long ago\n",
    );
    let mut question = inquiry("raid", "md0", "");
    question.findings = vec![Finding {
        state: State::Critical,
        code: "degraded".to_owned(),
        key: String::new(),
        fact: "degraded, 1 of 2 disks (sdb1 failed)".to_owned(),
        detail: vec!["failed member sdb1 (ST2000, serial Z1)".to_owned()],
    }];
    let found = ask(&question, &machine.host(), &mut Staged::new(|_| {}));
    let expected = "What the kernel counted since the disk was found
  18 | commands of sdb on ata4 ended in an error, the kernel calls it offline
The kernel about sdb, ata4 in the last hour
  02:11:50 | ata4.00: failed command: WRITE FPDMA QUEUED
  02:11:51 | blk_update_request: I/O error, dev sdb, sector 7\\x1b[2J
";
    assert_eq!(text(&found), expected);
}

#[test]
fn a_link_has_the_errors_that_grow_first() {
    let machine = Machine::new();
    let root = machine.0.path();
    machine.put("dev/kmsg", "4,1,9999000000,-;ixgbe 0000:01:00.0 eno1: NIC Link is Down\n");
    machine.put("sys/class/net/bond0/lower_eno1", "");
    machine.put("sys/class/net/eno1/statistics/rx_crc_errors", "7\n");
    machine.put("sys/class/net/eno1/statistics/rx_errors", "9\n");
    machine.put("sys/class/net/eno1/statistics/collisions", "100\n");
    machine.put("sys/class/net/bond0/statistics/rx_errors", "9\n");
    let mut pace =
        Staged::new(|_| put(root, "sys/class/net/eno1/statistics/rx_crc_errors", "12\n"));
    let found = ask(&inquiry("bond", "bond0", ""), &machine.host(), &mut pace);
    let expected = "The kernel about bond0, eno1 in the last hour
  02:11:59 | ixgbe 0000:01:00.0 eno1: NIC Link is Down
Errors counted since the links were set up
  12 | eno1: frames with a wrong checksum (cable, plug, the other port), +5 in 5s
  9 | bond0: frames with an error
  100 | eno1: collisions (duplex mismatch)
";
    assert_eq!(text(&found), expected);
    let escape =
        ask(&inquiry("nic", "../../../etc", ""), &machine.host(), &mut Staged::new(|_| {}));
    assert!(escape.is_empty());
}

#[test]
fn other_sensors_are_shown_beside_a_hot_one() {
    let machine = Machine::new();
    for (file, value) in [
        ("hwmon0/name", "coretemp"),
        ("hwmon0/temp1_input", "84000"),
        ("hwmon0/temp1_label", "Package id 0"),
        ("hwmon0/temp1_crit", "95000"),
        ("hwmon0/temp2_input", "-128000"),
        ("hwmon1/name", "nct6775"),
        ("hwmon1/temp1_input", "24000"),
        ("hwmon1/fan1_input", "8900"),
        ("hwmon1/fan2_input", "700"),
        ("hwmon1/fan3_input", "0"),
    ] {
        machine.put(&format!("sys/class/hwmon/{file}"), &format!("{value}\n"));
    }
    let found = ask(&inquiry("temperature", "x", ""), &machine.host(), &mut Staged::new(|_| {}));
    let expected = "Other temperatures now, the hottest first
  84 C | coretemp Package id 0 (limit 95 C)
  24 C | nct6775 temp1
Other fans that turn now, the slowest first
  700 RPM | nct6775 fan2
  8900 RPM | nct6775 fan1
";
    assert_eq!(text(&found), expected);
}
