//! What a round costs on a large machine: 200 sensors, 40 links, 24 arrays. Counted in reads of the
//! reading thread; processor time is in `tests/bench/hardware`.

use std::collections::BTreeSet;
use std::path::Path;

use hostwatch::host::Host;
use hostwatch::model::time::Moment;
use hostwatch::probe::{Options, Probe, kind};

const CHIPS: u64 = 20;
const SENSORS_PER_CHIP: u64 = 10;
const LINKS: u64 = 40;
const ARRAYS: u64 = 24;

fn put(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, format!("{text}\n")).unwrap();
}

fn machine() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for chip in 0..CHIPS {
        let folder = format!("sys/class/hwmon/hwmon{chip}");
        put(root.path(), &format!("{folder}/name"), &format!("chip{chip}"));
        for sensor in 1..=SENSORS_PER_CHIP {
            for (item, value) in
                [("label", "Core"), ("input", "45000"), ("max", "84000"), ("crit", "100000")]
            {
                put(root.path(), &format!("{folder}/temp{sensor}_{item}"), value);
            }
        }
    }
    for link in 0..LINKS {
        let folder = format!("sys/class/net/eth{link}");
        for (item, value) in [
            ("type", "1"),
            ("flags", "0x1003"),
            ("operstate", "up"),
            ("carrier", "1"),
            ("carrier_changes", "2"),
            ("speed", "10000"),
            ("duplex", "full"),
            ("device/vendor", "0x8086"),
            ("statistics/rx_errors", "0"),
            ("statistics/tx_errors", "0"),
            ("statistics/rx_crc_errors", "0"),
            ("statistics/rx_dropped", "0"),
            ("statistics/tx_dropped", "0"),
        ] {
            put(root.path(), &format!("{folder}/{item}"), value);
        }
    }
    let mut mdstat = "Personalities : [raid1]\n".to_owned();
    for array in 0..ARRAYS {
        mdstat += &format!(
            "md{array} : active raid1 sdb{array}[1] sda{array}[0]\n      97280 blocks super 1.2 [2/2] [UU]\n\n"
        );
        let folder = format!("sys/block/md{array}/md");
        for (item, value) in [
            ("array_state", "clean"),
            ("level", "raid1"),
            ("raid_disks", "2"),
            ("degraded", "0"),
            ("sync_action", "idle"),
            ("mismatch_cnt", "0"),
        ] {
            put(root.path(), &format!("{folder}/{item}"), value);
        }
        for (slot, disk) in ["sda", "sdb"].into_iter().enumerate() {
            let member = format!("{folder}/dev-{disk}{array}");
            put(root.path(), &format!("{member}/state"), "in_sync");
            put(root.path(), &format!("{member}/slot"), &slot.to_string());
            put(root.path(), &format!("{member}/errors"), "0");
        }
    }
    put(root.path(), "proc/mdstat", &mdstat);
    root
}

/// Calls of the read family by this thread (proc_pid_io(5)).
fn reads() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/io").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("syscr:")).unwrap();
    line.trim().parse().unwrap()
}

/// Instances of a kind, and the reads of each of three rounds.
fn rounds(host: &Host, name: &str) -> (u64, [u64; 3]) {
    let kind = kind(name).unwrap();
    let found = kind.survey(host).unwrap();
    let sources: BTreeSet<_> = found.iter().map(|one| one.source.clone()).collect();
    let mut probes: Vec<Box<dyn Probe>> =
        sources.iter().map(|source| kind.open(source, &Options::new())).collect();
    let mut count = 0;
    let rounds = [0, 30, 60].map(|seconds| {
        let before = reads();
        count =
            probes.iter_mut().map(|p| p.read(host, Moment(seconds * 1000)).unwrap().len()).sum();
        reads() - before
    });
    (u64::try_from(count).unwrap(), rounds)
}

#[test]
fn a_round_reads_a_bounded_number_of_files_a_thing() {
    let root = machine();
    let host = Host::recorded(root.path());
    for (name, things, most) in [
        // A value, and its share of what finds the chip again; limits are read once in a while.
        ("temperature", CHIPS * SENSORS_PER_CHIP, 2),
        // Seven facts, five counters.
        ("nic", LINKS, 14),
        // Six facts, three of each of two members.
        ("raid", ARRAYS, 14),
    ] {
        let (seen, rounds) = rounds(&host, name);
        println!("{name}: {seen} instances, {rounds:?} reads in the first rounds");
        assert_eq!(seen, things, "{name}");
        assert!(rounds[0] <= 6 * most * things, "{name}: {} reads in the first round", rounds[0]);
        for (round, reads) in rounds.into_iter().enumerate().skip(1) {
            assert!(reads <= most * things, "{name}: {reads} reads in round {round} for {things}");
            assert!(reads >= things.min(LINKS) / 2, "{name}: {reads} reads: was nothing read?");
        }
    }
}

#[test]
fn twice_the_machine_costs_at_most_twice_the_reads() {
    let root = machine();
    let host = Host::recorded(root.path());
    let (links, [_, few, _]) = rounds(&host, "nic");
    for link in 0..LINKS {
        let (from, to) = (format!("sys/class/net/eth{link}"), format!("sys/class/net/eno{link}"));
        for item in ["type", "flags", "operstate", "carrier", "speed", "duplex", "device/vendor"] {
            let text = std::fs::read_to_string(root.path().join(&from).join(item)).unwrap();
            put(root.path(), &format!("{to}/{item}"), text.trim());
        }
    }
    let (twice, [_, many, _]) = rounds(&host, "nic");
    assert_eq!(twice, 2 * links);
    assert!(many <= 2 * few + 4, "{few} reads for {links} links, {many} for {twice}");
}
