//! Captures of real machines, and the live machine against `df`.
//!
//! Captures lie outside the project: `HOSTWATCH_FIXTURES` names their folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use hostwatch::host::Host;
use hostwatch::model::reading::{Observation, ProbeError};
use hostwatch::model::time::Moment;
use hostwatch::parse;
use hostwatch::probe::{self, Found, KINDS, Kind, Options};

/// Folder of the captures.
fn captures() -> PathBuf {
    let folder = std::env::var_os("HOSTWATCH_FIXTURES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures"),
        PathBuf::from,
    );
    assert!(
        folder.join("INDEX.md").is_file(),
        "no captures in {}: set HOSTWATCH_FIXTURES to their folder",
        folder.display()
    );
    folder
}

fn cases(area: &str) -> Vec<PathBuf> {
    let folder = captures().join(area);
    let mut cases: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(!cases.is_empty(), "no cases in {}", folder.display());
    cases
}

fn kind(name: &str) -> &'static dyn Kind {
    probe::kind(name).unwrap_or_else(|| panic!("no kind {name}"))
}

fn label<'a>(found: &'a Found, key: &str) -> &'a str {
    found.labels.iter().find(|(name, _)| *name == key).map_or("", |(_, value)| value)
}

fn text(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned()
}

/// Storage of container engines and file systems mounted read-only are found, but not watched.
fn is_container_layer(source: &str) -> bool {
    source.starts_with("/dev/mapper/docker-")
}

#[test]
fn mount_tables_give_the_file_systems_an_admin_would_watch() {
    let mut tables = 0;
    for case in cases("fs") {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let expected: serde_json::Value =
            serde_json::from_str(&text(&case.join("expected.json"))).unwrap();
        let Some(candidates) = expected.get("candidates").and_then(|c| c.as_object()) else {
            continue;
        };
        for (table, wanted) in candidates {
            // Each table in a root of its own: a capture may hold those of several processes.
            let root = tempfile::tempdir().unwrap();
            let place = if table == "etc/mtab" || table == "proc/mounts" {
                root.path().join(table)
            } else {
                root.path().join("proc/1").join(table.rsplit('/').next().unwrap())
            };
            std::fs::create_dir_all(place.parent().unwrap()).unwrap();
            std::fs::copy(case.join(table), place).unwrap();
            let found = kind("filesystem").survey(&Host::recorded(root.path())).unwrap();
            tables += 1;

            let watched: Vec<&Found> = found.iter().filter(|f| f.by_default).collect();
            let unwanted = wanted["not_to_be_checked"].as_object().unwrap();
            for one in &watched {
                let fstype = label(one, "fstype");
                assert!(
                    !unwanted.contains_key(fstype),
                    "{name} {table}: {} is watched although {fstype} needs no check",
                    one.instance
                );
            }
            let of = |list: &[&Found]| -> BTreeSet<String> {
                list.iter()
                    .map(|f| format!("{} {}", label(f, "device"), label(f, "fstype")))
                    .collect()
            };
            let (watched, found) = (of(&watched), of(&found.iter().collect::<Vec<_>>()));
            for local in wanted["local_file_systems"].as_array().unwrap() {
                let local = local.as_str().unwrap().to_owned();
                if is_container_layer(&local) {
                    assert!(
                        found.contains(&local),
                        "{name} {table}: {local} is not found: {found:?}"
                    );
                } else {
                    assert!(
                        watched.contains(&local),
                        "{name} {table}: {local} is not watched: {watched:?}"
                    );
                }
            }
        }
    }
    assert!(tables >= 10, "only {tables} tables");
}

fn instances(case: &str, kind_name: &str) -> Vec<Found> {
    let host = Host::recorded(&captures().join(case));
    kind(kind_name).survey(&host).unwrap()
}

fn watched_names(case: &str, kind_name: &str) -> Vec<String> {
    let found = instances(case, kind_name);
    found.iter().filter(|f| f.by_default).map(|f| f.instance.to_string()).collect()
}

#[test]
fn one_disk_with_many_mounts_is_one_instance() {
    let snaps = instances("fs/pcp-uuid-00-root", "filesystem");
    let roots: Vec<_> = snaps.iter().filter(|f| label(f, "device") == "/dev/sdc1").collect();
    assert_eq!(roots.len(), 1, "a bind mount below /var/snap is no second file system");
    assert_eq!(&*roots[0].instance, "/");
    assert_eq!(watched_names("fs/linuxfabrik-xfs-server", "filesystem")[0], "/");
    assert!(watched_names("fs/moby-escapes", "filesystem").contains(&"/mnt/foo bar".to_owned()));
    assert_eq!(
        watched_names("fs/jc-ubuntu-snaps", "filesystem"),
        ["/", "/boot"],
        "eight snaps are full by nature"
    );
}

#[test]
fn a_recorded_mount_has_no_numbers() {
    let host = Host::recorded(&captures().join("fs/jc-ubuntu-snaps"));
    let filesystem = kind("filesystem");
    for found in filesystem.survey(&host).unwrap() {
        let answer = filesystem.open(&found.source, &Options::new()).read(&host, Moment(0));
        let Err(ProbeError::Unsupported(why)) = answer else { panic!("{answer:?}") };
        assert!(why.ends_with("a recording holds no statfs answers"), "{why}");
    }
}

/// Seconds between two captures by their own clocks.
fn uptime(root: &Path) -> f64 {
    text(&root.join("proc/uptime")).split(' ').next().unwrap().parse().unwrap()
}

/// What a kind sees of a machine captured twice.
fn read_twice(case: &str, kind_name: &str) -> (BTreeMap<String, Observation>, f64) {
    let case = captures().join(case);
    let (first, second) = (case.join("t0"), case.join("t1"));
    let seconds = uptime(&second) - uptime(&first);
    // One root whose files are those of the first capture, then those of the second: a probe keeps
    // what it opened, so they are written into the same files.
    let root = tempfile::tempdir().unwrap();
    let host = Host::recorded(root.path());
    let show = |from: &Path| {
        for name in
            ["stat", "meminfo", "vmstat", "diskstats", "loadavg", "net/dev", "pressure/memory"]
        {
            let to = root.path().join("proc").join(name);
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::write(to, std::fs::read(from.join("proc").join(name)).unwrap()).unwrap();
        }
    };
    show(&first);
    let kind = kind(kind_name);
    let source = kind.survey(&host).unwrap()[0].source.clone();
    let mut probe = kind.open(&source, &Options::new());
    let start = 50_000.0;
    let at = |seconds: f64| Moment((start + seconds * 1000.0) as u64);
    probe.read(&host, at(0.0)).unwrap();
    show(&second);
    let seen = probe.read(&host, at(seconds)).unwrap();
    (seen.into_iter().map(|one| (one.instance.to_string(), one)).collect(), seconds)
}

fn value(kind_name: &str, seen: &Observation, metric: &str) -> Option<f64> {
    let table = kind(kind_name).spec().metrics;
    let row = table.iter().position(|m| m.name == metric).unwrap();
    seen.readings.iter().find(|r| usize::from(r.metric.0) == row).map(|r| r.value)
}

fn near(seen: Option<f64>, expected: f64) {
    let seen = seen.expect("a value");
    assert!((seen - expected).abs() <= expected.abs() * 1e-3 + 1e-9, "{seen} is not {expected}");
}

#[test]
fn two_captures_give_the_rates_between_them() {
    let pair = "sysstat-root1-root2";
    let (cpu, _) = read_twice(&format!("proc/{pair}"), "cpu");
    // user 533, nice 3104, system 457, idle 20590, iowait 29, irq 84, softirq 44 ticks.
    let total = 533.0 + 3104.0 + 457.0 + 20_590.0 + 29.0 + 84.0 + 44.0;
    let all = &cpu["all"];
    near(value("cpu", all, "busy_percent"), 100.0 * (total - 20_590.0 - 29.0) / total);
    near(value("cpu", all, "iowait_percent"), 100.0 * 29.0 / total);

    let (links, seconds) = read_twice(&format!("proc/{pair}"), "bandwidth");
    near(value("bandwidth", &links["wlp5s0"], "rx_bits_per_second"), 10_000.0 * 8.0 / seconds);
    near(value("bandwidth", &links["wlp5s0"], "tx_bits_per_second"), 3000.0 * 8.0 / seconds);
    near(value("bandwidth", &links["enp6s0"], "rx_bits_per_second"), 0.0);

    let (memory, seconds) = read_twice(&format!("proc/{pair}"), "memory");
    near(value("memory", &memory["all"], "pressure_percent"), 100.0 * 16_030.0 / (seconds * 1e6));
    near(value("memory", &memory["all"], "oom_kills"), 0.0);

    let (disks, _) = read_twice(&format!("proc/{pair}"), "disk_io");
    near(value("disk_io", &disks["sda"], "busy_percent"), 0.0);
    let (load, _) = read_twice(&format!("proc/{pair}"), "load");
    near(value("load", &load["all"], "load1"), 3.16);
    near(value("load", &load["all"], "runnable"), 4.0);
}

#[test]
fn counters_that_fell_between_two_captures_give_no_rate() {
    let pair = "proc/sysstat-root3-root4";
    let (cpu, _) = read_twice(pair, "cpu");
    assert_eq!(cpu["all"].readings, [], "idle time fell by 6,862 s");
    let (disks, _) = read_twice(pair, "disk_io");
    assert_eq!(disks["sda"].readings, [], "every counter of sda fell");
    let (links, seconds) = read_twice(pair, "bandwidth");
    assert_eq!(links["wlp5s0"].readings, [], "its counters began anew");
    assert_eq!(links["enp6s1"].readings, [], "it was not there before");
    assert!(!links.contains_key("virbr0"), "it is gone");
    near(value("bandwidth", &links["virbr0-1"], "rx_bits_per_second"), 800.0 * 8.0 / seconds);
}

#[test]
fn old_and_large_machines_are_read() {
    let large = "proc/pcp-hp-bl920-480-cpus";
    assert!(instances(large, "disk_io").len() > 50, "107 lines of the 14-column form");
    let host = Host::recorded(&captures().join(large));
    let seen = kind("cpu").open("all", &Options::new()).read(&host, Moment(0)).unwrap();
    assert_eq!(&*seen[0].instance, "all");
    let host = Host::recorded(&captures().join("proc/pcp-meminfo-002"));
    let seen = kind("memory").open("all", &Options::new()).read(&host, Moment(0)).unwrap();
    let percent = value("memory", &seen[0], "available_percent").unwrap();
    assert!((0.0..=100.0).contains(&percent) && percent > 0.0, "{percent}");
    let disks = watched_names("proc/procfs-fixtures", "disk_io");
    assert!(disks.contains(&"sda".to_owned()) && !disks.contains(&"sda1".to_owned()), "{disks:?}");
    let links = watched_names("proc/pcp-procnet-4-15", "bandwidth");
    assert_eq!(links, ["wlp3s0", "enp0s25"], "no tunnel, bridge or container link");
}

/// Every file below a folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kind = std::fs::symlink_metadata(&path).unwrap().file_type();
        if kind.is_dir() {
            files(&path, found);
        } else if kind.is_file() {
            found.push(path);
        }
    }
}

#[test]
fn no_captured_file_of_any_area_panics_any_parser() {
    let mut all = Vec::new();
    files(&captures(), &mut all);
    assert!(all.len() > 1000, "only {} captured files", all.len());
    for path in &all {
        let bytes = std::fs::read(path).unwrap();
        let bytes = &bytes[..bytes.len().min(1 << 20)];
        let mounts = parse::mount::mountinfo(bytes).into_iter().chain(parse::mount::mounts(bytes));
        for mount in mounts {
            assert!(!parse::mount::readable(&mount.place).chars().any(char::is_control));
        }
        let _ =
            (parse::cpu::all_cpus(bytes), parse::cpu::online(bytes), parse::cpu::loadavg(bytes));
        let _ = parse::cpu::count_list(&String::from_utf8_lossy(bytes));
        let _ = parse::memory::meminfo(bytes).available_bytes(1 << 20);
        let _ = (parse::memory::vmstat(bytes), parse::memory::arc_reclaimable_bytes(bytes));
        let _ = (parse::disk::diskstats(bytes).count(), parse::net::net_dev(bytes).count());
        let _ = (parse::pressure::some_total_us(bytes), parse::bonding::bonding(bytes));
    }
}

#[test]
fn every_capture_can_stand_in_for_a_machine() {
    for area in std::fs::read_dir(captures()).unwrap() {
        let area = area.unwrap().path();
        if !area.is_dir() {
            continue;
        }
        for case in cases(&area.file_name().unwrap().to_string_lossy()) {
            let host = Host::recorded(&case);
            for kind in KINDS {
                let name = kind.spec().name;
                let found = kind
                    .survey(&host)
                    .unwrap_or_else(|error| panic!("{name} in {}: {error}", case.display()));
                for one in found {
                    let mut probe = kind.open(&one.source, &Options::new());
                    for moment in [Moment(0), Moment(30_000)] {
                        for seen in probe.read(&host, moment).unwrap_or_default() {
                            assert!(seen.readings.iter().all(|r| r.value.is_finite()), "{seen:?}");
                        }
                    }
                }
            }
        }
    }
}

/// Whether this thread may wait for it: another machine's file system may never answer.
fn is_local(found: &Found) -> bool {
    found.lane == probe::Lane::Inline || ["btrfs", "zfs"].contains(&label(found, "fstype"))
}

/// Percent that `df` prints for a mount; `-` is none.
fn df(flags: &str, mount: &str) -> Option<f64> {
    let output = Command::new("df").args([flags, "--", mount]).env("LC_ALL", "C").output();
    let output = output.expect("df runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().nth(1).unwrap_or_else(|| panic!("df {flags} {mount}: {text}"));
    line.split_whitespace().nth(4).unwrap().strip_suffix('%').map(|n| n.parse().unwrap())
}

#[test]
fn percent_is_what_df_prints_on_this_machine() {
    let host = Host::live();
    let filesystem = kind("filesystem");
    let found = filesystem.survey(&host).unwrap();
    let watched: Vec<_> = found.iter().filter(|f| f.by_default && is_local(f)).collect();
    assert!(!watched.is_empty(), "nothing is watched on this machine: {found:?}");
    for one in watched {
        let mount = &*one.instance;
        let both = || (df("-P", mount), df("-iP", mount));
        // The disk fills while we look: equal to what df said just before or just after.
        let before = both();
        let seen = filesystem.open(&one.source, &Options::new()).read(&host, Moment(0)).unwrap();
        let after = both();
        let space = value("filesystem", &seen[0], "used_percent");
        let inodes = value("filesystem", &seen[0], "inodes_percent");
        assert!(space == before.0 || space == after.0, "{mount}: {space:?}, df says {before:?}");
        assert!(inodes == before.1 || inodes == after.1, "{mount}: {inodes:?}, df -i {before:?}");
    }
}

#[test]
fn every_kind_reads_this_machine() {
    let host = Host::live();
    for kind in KINDS {
        let name = kind.spec().name;
        for found in kind.survey(&host).unwrap_or_else(|error| panic!("{name}: {error}")) {
            if !found.by_default || (name == "filesystem" && !is_local(&found)) {
                continue;
            }
            let mut probe = kind.open(&found.source, &Options::new());
            for moment in [Moment(1000), Moment(31_000)] {
                let seen =
                    probe.read(&host, moment).unwrap_or_else(|error| panic!("{name}: {error}"));
                assert!(
                    seen.iter().any(|one| one.instance == found.instance),
                    "{name}: {} is found but not read",
                    found.instance
                );
            }
        }
    }
}

#[test]
fn the_tables_of_kinds_are_sound() {
    let mut names = BTreeSet::new();
    for kind in KINDS {
        let spec = kind.spec();
        assert!(names.insert(spec.name), "two kinds {}", spec.name);
        assert!(probe::kind(spec.name).is_some());
        assert!(spec.title.ends_with('.') && !spec.doc.is_empty());
        assert!(spec.example.contains(&format!("  {}:\n", spec.name)), "{}'s own check", spec.name);
        let metrics: BTreeSet<_> = spec.metrics.iter().map(|m| m.name).collect();
        assert_eq!(metrics.len(), spec.metrics.len(), "{}: metric names", spec.name);
        let keys: BTreeSet<_> =
            spec.metrics.iter().map(|m| (m.key, format!("{:?}", m.unit))).collect();
        assert_eq!(keys.len(), spec.metrics.len(), "{}: a key has one row a unit", spec.name);
        assert!(spec.metrics.iter().all(|m| m.doc.ends_with('.')), "{}: sentences", spec.name);
    }
    assert_eq!(probe::kind("filesytem").map(|k| k.spec().name), None);
}

/// System calls of this thread that read, so far (proc_pid_io(5)).
fn reads_of_this_thread() -> u64 {
    let text = text(Path::new("/proc/thread-self/io"));
    let line = text.lines().find_map(|line| line.strip_prefix("syscr: "));
    line.expect("this kernel counts reads (CONFIG_TASK_IO_ACCOUNTING)").parse().unwrap()
}

#[test]
fn a_cycle_of_all_kinds_takes_few_reads() {
    const CYCLES: u64 = 20;
    let host = Host::live();
    let mut probes = Vec::new();
    let mut ext4 = 0;
    for kind in KINDS {
        let found = kind.survey(&host).unwrap();
        let watched = found.iter().filter(|f| f.by_default && f.lane == probe::Lane::Inline);
        let watched: Vec<_> = watched.collect();
        let is_ext4 = |(name, value): &(&str, String)| *name == "fstype" && value == "ext4";
        ext4 += watched.iter().filter(|found| found.labels.iter().any(is_ext4)).count();
        let sources: BTreeSet<_> = watched.iter().map(|f| f.source.clone()).collect();
        probes.extend(sources.iter().map(|source| kind.open(source, &Options::new())));
    }
    let mut cycle = |n: u64| {
        for probe in &mut probes {
            probe.read(&host, Moment(1000 + n * 30_000)).unwrap();
        }
    };
    // Files are opened, and links looked at, in the first two.
    (0..2).for_each(&mut cycle);
    let before = reads_of_this_thread();
    (2..2 + CYCLES).for_each(&mut cycle);
    // Seven files, the mount table and the links' speeds once a minute, and whether each ext4 refuses
    // writes; statfs is no read. The kernel hands out a page at a time, and the counters of a machine
    // that has been up for long fill more than one.
    let reads = (reads_of_this_thread() - before) / CYCLES;
    let pages = std::fs::read("/proc/vmstat").unwrap().len() / 4096;
    let most = 10 + u64::try_from(ext4 + pages).unwrap();
    assert!(reads <= most, "{reads} reads a cycle, {ext4} ext4, {pages} further pages");
}
