//! Redundant storage on captured machines: every verdict is compared with an administrator's.
//!
//! A capture becomes a root as the corpus' own script makes one: kernel files as they are, outputs
//! of tools behind programs in `bin` that print them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use hostwatch::host::Host;
use hostwatch::model::reading::Observation;
use hostwatch::model::state::State;
use hostwatch::model::time::Moment;
use hostwatch::probe::raid::Raid;
use hostwatch::probe::{Found, Kind, Options};

/// Captured file, the tool that printed it, a word of the arguments that asked for it.
const TOOLS: &[(&str, &str, &str)] = &[
    ("zpool-status", "zpool", "status"),
    ("btrfs-device-stats", "btrfs", "stats"),
    ("btrfs-filesystem-show", "btrfs", "show"),
    ("dmsetup-status", "dmsetup", "status"),
    ("lvs-report.json", "lvs", ""),
];

/// Verdicts that contradict each other or the capture, each with the reason.
const CONTRADICTIONS: &[(&str, &str, &str)] = &[(
    "procfs-composite",
    "md7",
    "the capture's mdstat and sysfs describe different machines: md7 is asked to be both critical \
     (degraded raid6 in mdstat) and ok (a container in sysfs)",
)];

pub(crate) fn captures() -> PathBuf {
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

/// Makes a root of a capture; none if it holds nothing that an agent could read.
fn stage(case: &Path) -> Option<tempfile::TempDir> {
    let root = tempfile::tempdir().unwrap();
    let mut scripts: BTreeMap<&str, Vec<(&str, PathBuf)>> = BTreeMap::new();
    let mut any = false;
    for entry in std::fs::read_dir(case).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if matches!(name.as_str(), "proc" | "sys" | "dev" | "etc") {
            std::os::unix::fs::symlink(entry.path(), root.path().join(&name)).unwrap();
            any = true;
        } else if let Some((_, tool, word)) = TOOLS.iter().find(|(part, ..)| name.contains(part)) {
            scripts.entry(tool).or_default().push((word, entry.path()));
            any = true;
        }
    }
    for (tool, mut rules) in scripts {
        rules.sort_by_key(|(word, _)| std::cmp::Reverse(word.len()));
        let cases: String = rules
            .iter()
            .map(|(word, path)| format!("*{word}*) exec cat '{}' ;;\n", path.display()))
            .collect();
        tool_script(root.path(), tool, &format!("case \"$*\" in\n{cases}esac\nexit 1\n"));
    }
    any.then_some(root)
}

fn tool_script(root: &Path, tool: &str, body: &str) {
    use std::os::unix::fs::PermissionsExt;
    let path = root.join("bin").join(tool);
    put(root, &format!("bin/{tool}"), &format!("#!/bin/sh\n{body}"));
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[expect(clippy::disallowed_methods, reason = "a test writes its own recording")]
fn put(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Every instance with what is said of it.
fn look(host: &Host) -> Vec<(Found, Observation)> {
    let found = Raid.survey(host).unwrap();
    let sources: BTreeSet<_> = found.iter().map(|found| found.source.clone()).collect();
    let mut seen = Vec::new();
    for source in sources {
        let read = Raid.open(&source, &Options::new()).read(host, Moment(1000)).unwrap();
        for observation in read {
            let found = found
                .iter()
                .find(|found| found.source == source && found.instance == observation.instance)
                .unwrap_or_else(|| panic!("{} was read but not found", observation.instance));
            seen.push((found.clone(), observation));
        }
    }
    assert_eq!(found.len(), seen.len(), "found {found:?}");
    seen
}

fn state(observation: &Observation) -> State {
    observation.findings.iter().fold(State::Ok, |worst, finding| worst.worst(finding.state))
}

fn words(text: &str) -> BTreeSet<String> {
    text.to_lowercase()
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// What is wrong with the verdicts on a capture.
fn judge(case: &Path) -> Vec<String> {
    let name = case.file_name().unwrap().to_str().unwrap();
    let Some(root) = stage(case) else { return Vec::new() };
    let seen = look(&Host::recorded(root.path()));
    #[expect(clippy::disallowed_methods, reason = "captures are the test's own input")]
    let text = std::fs::read(case.join("expected.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let mut wrong = Vec::new();
    let mut explained = BTreeSet::new();
    for expect in expected["expect"].as_array().unwrap() {
        let subject = expect["subject"].as_str().unwrap();
        let accepted: Vec<&str> = match expect["accept"].as_array() {
            Some(accept) => accept.iter().filter_map(|state| state.as_str()).collect(),
            None => vec![expect["state"].as_str().unwrap()],
        };
        let wanted = words(subject);
        let exact: Vec<_> =
            seen.iter().filter(|(_, o)| o.instance.eq_ignore_ascii_case(subject)).collect();
        let hits: Vec<_> = match subject {
            "overall" => seen.iter().collect(),
            _ if subject.starts_with("(none") => Vec::new(),
            _ if !exact.is_empty() => exact,
            _ => seen
                .iter()
                .filter(|(_, o)| wanted.is_subset(&words(&format!("{} {}", o.instance, o.summary))))
                .collect(),
        };
        explained.extend(hits.iter().map(|(_, o)| o.instance.clone()));
        let known = CONTRADICTIONS
            .iter()
            .any(|(c, s, reason)| *c == name && *s == subject && !reason.is_empty());
        if hits.is_empty() && !subject.starts_with("(none") && subject != "overall" {
            wrong.push(format!("{name}: {subject} is not reported"));
        }
        for (_, observation) in hits {
            if !accepted.contains(&state(observation).to_string().as_str()) && !known {
                wrong.push(format!(
                    "{name}: {subject} should be {accepted:?} ({}), but is {}: {}",
                    expect["why"],
                    state(observation),
                    observation.summary
                ));
            }
        }
    }
    for (_, observation) in &seen {
        if !explained.contains(&observation.instance) && state(observation) != State::Ok {
            wrong.push(format!("{name}: false alarm: {}", observation.summary));
        }
    }
    if std::env::var_os("HOSTWATCH_SHOW").is_some() {
        for (found, observation) in &seen {
            println!("{name}: {} [{}] {}", found.title, state(observation), observation.summary);
            for line in observation.findings.iter().flat_map(|finding| finding.detail.iter()) {
                println!("        {line}");
            }
        }
    }
    wrong
}

fn hold(area: &str) {
    let folder = captures().join(area);
    let mut cases: Vec<PathBuf> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(!cases.is_empty(), "no cases in {}", folder.display());
    let wrong: Vec<String> = cases.iter().flat_map(|case| judge(case)).collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn md_arrays_are_judged_as_an_administrator_would() {
    hold("raid-md");
}

#[test]
fn zfs_pools_are_judged_as_an_administrator_would() {
    hold("raid-zfs");
}

#[test]
fn btrfs_is_judged_as_an_administrator_would() {
    hold("raid-btrfs");
}

#[test]
fn volumes_are_judged_as_an_administrator_would() {
    hold("raid-dm");
}

/// An array as sysfs shows it: files below `md`, members with their state and slot.
fn sysfs(root: &Path, name: &str, files: &[(&str, &str)], members: &[(&str, &str, &str)]) {
    for (file, value) in files {
        put(root, &format!("sys/block/{name}/md/{file}"), &format!("{value}\n"));
    }
    for (device, state, slot) in members {
        let member = format!("sys/block/{name}/md/dev-{device}");
        put(root, &format!("{member}/state"), &format!("{state}\n"));
        put(root, &format!("{member}/slot"), &format!("{slot}\n"));
    }
}

/// One array in one state as real kernels show it: mdstat below the heading, attributes, members;
/// then the verdict and a word of what is said.
struct Row {
    name: &'static str,
    mdstat: &'static str,
    files: &'static [(&'static str, &'static str)],
    members: &'static [(&'static str, &'static str, &'static str)],
    state: State,
    says: &'static str,
}

const UP: &[(&str, &str, &str)] = &[("sda", "in_sync", "0"), ("sdb", "in_sync", "1")];
const WHOLE: &str = "md0 : active raid1 sdb[1] sda[0]\n      97280 blocks super 1.2 [2/2] [UU]\n";
const HALF: &str = "md0 : active raid1 sda[0]\n      97280 blocks super 1.2 [2/1] [U_]\n";

/// Seen on Linux 6.x with real and pulled disks.
const ROWS: &[Row] = &[
    Row {
        name: "clean",
        mdstat: WHOLE,
        files: &[("array_state", "clean"), ("degraded", "0"), ("sync_action", "idle")],
        members: UP,
        state: State::Ok,
        says: "optimal",
    },
    Row {
        name: "member failed, the array state stays clean",
        mdstat: "md0 : active raid1 sdb[1](F) sda[0]\n      97280 blocks super 1.2 [2/1] [U_]\n",
        files: &[("array_state", "clean"), ("degraded", "1"), ("sync_action", "idle")],
        members: &[("sda", "in_sync", "0"), ("sdb", "faulty", "none")],
        state: State::Critical,
        says: "degraded, 1 of 2 disks (sdb failed); nothing is being rebuilt",
    },
    Row {
        name: "member removed",
        mdstat: HALF,
        files: &[("array_state", "clean"), ("degraded", "1"), ("sync_action", "idle")],
        members: &[("sda", "in_sync", "0")],
        state: State::Critical,
        says: "slot 1 is empty",
    },
    Row {
        name: "recovering, sysfs lags behind",
        mdstat: "md0 : active raid1 sdb[2] sda[0]\n      97280 blocks super 1.2 [2/1] [U_]\n      \
[>....]  recovery =  3.6% (3584/97280) finish=0.4min speed=3584K/sec\n",
        files: &[("degraded", "1"), ("sync_action", "recover"), ("sync_completed", "0 / 194560")],
        members: &[("sda", "in_sync", "0"), ("sdb", "spare", "1")],
        state: State::Warning,
        says: "rebuild 3.6%, 24s left",
    },
    Row {
        name: "rebuild stopped by hand",
        mdstat: "md0 : active raid1 sdb[2] sda[0]\n      97280 blocks super 1.2 [2/1] [U_]\n",
        files: &[("degraded", "1"), ("sync_action", "frozen")],
        members: &[("sda", "in_sync", "0"), ("sdb", "spare", "1")],
        state: State::Critical,
        says: "stopped",
    },
    Row {
        name: "check, with mismatches being counted",
        mdstat: "md0 : active raid1 sdb[1] sda[0]\n      97280 blocks super 1.2 [2/2] [UU]\n      \
[>....]  check =  3.1% (3200/97280) finish=0.4min speed=3200K/sec\n",
        files: &[("degraded", "0"), ("sync_action", "check"), ("mismatch_cnt", "512")],
        members: UP,
        state: State::Ok,
        says: "routine check 3.1%",
    },
    Row {
        name: "mismatches after a check of parity",
        mdstat: "md0 : active raid5 sdc[2] sdb[1] sda[0]\n      9 blocks super 1.2 level 5, 512k \
chunk, algorithm 2 [3/3] [UUU]\n",
        files: &[("mismatch_cnt", "512"), ("last_sync_action", "check"), ("sync_action", "idle")],
        members: &[],
        state: State::Warning,
        says: "512 sectors",
    },
    Row {
        name: "mismatches of a mirror are noise",
        mdstat: WHOLE,
        files: &[("mismatch_cnt", "512"), ("last_sync_action", "check"), ("sync_action", "idle")],
        members: UP,
        state: State::Ok,
        says: "optimal",
    },
    Row {
        name: "resync queued behind another array",
        mdstat: "md0 : active raid1 sdb[1] sda[0]\n      9 blocks super 1.2 [2/2] [UU]\n      \t\
resync=DELAYED\n",
        files: &[("sync_action", "resync"), ("sync_completed", "delayed")],
        members: UP,
        state: State::Ok,
        says: "waits for another array",
    },
    Row {
        name: "resync waits for the first write",
        mdstat: "md0 : active (auto-read-only) raid1 sdb[1] sda[0]\n      9 blocks super 1.2 [2/2] \
[UU]\n      \tresync=PENDING\n",
        files: &[("array_state", "read-auto"), ("sync_action", "idle")],
        members: UP,
        state: State::Ok,
        says: "waits for the first write",
    },
    Row {
        name: "a spare took over, the failed one is still attached",
        mdstat: "md0 : active raid5 dm-3[3] dm-2[2] dm-1[1](F) dm-0[0]\n      9 blocks super 1.2 \
level 5, 512k chunk, algorithm 2 [3/3] [UUU]\n",
        files: &[("degraded", "0")],
        members: &[("dm-1", "faulty", "none")],
        state: State::Warning,
        says: "1 failed disk still attached (dm-1)",
    },
    Row {
        name: "raid5 after the second loss says active and write-pending",
        mdstat: "md0 : active raid5 sdc[2](F) sdb[1] sda[0](F)\n      9 blocks super 1.2 level 5, \
512k chunk, algorithm 2 [3/1] [_U_]\n",
        files: &[("array_state", "write-pending"), ("degraded", "2")],
        members: &[("sda", "faulty,blocked", "none"), ("sdb", "in_sync", "1")],
        state: State::Critical,
        says: "failed, only 1 of 3 disks left",
    },
    Row {
        name: "raid6 without two works, and has nothing left",
        mdstat: "md0 : active raid6 sdb[1] sda[0]\n      9 blocks super 1.2 level 6, 512k chunk, \
algorithm 2 [4/2] [UU__]\n",
        files: &[("degraded", "2")],
        members: &[],
        state: State::Critical,
        says: "degraded, 2 of 4 disks",
    },
    Row {
        name: "inactive, with hardly a file",
        mdstat: "md0 : inactive dm-3[3](S)\n      96256 blocks super 1.2\n",
        files: &[("array_state", "inactive"), ("level", ""), ("raid_disks", "")],
        members: &[],
        state: State::Critical,
        says: "inactive",
    },
    Row {
        name: "a disk was pulled and nobody wrote since",
        mdstat: WHOLE,
        files: &[
            ("array_state", "clean"),
            ("degraded", "0"),
            ("../../../class/block/sda/size", "9"),
        ],
        members: UP,
        state: State::Critical,
        says: "sdb vanished",
    },
    Row {
        name: "a stripe has few files",
        mdstat: "md0 : active raid0 sdf[1] sde[0]\n      9 blocks super 1.2 512k chunks\n",
        files: &[("array_state", "clean"), ("level", "raid0")],
        members: &[],
        state: State::Ok,
        says: "raid0 of 2 disks",
    },
    Row {
        name: "a stripe that lost a disk still says active",
        mdstat: "md0 : active raid0 sdf[1] sde[0]\n      9 blocks super 1.2 512k chunks\n",
        files: &[("array_state", "broken"), ("level", "raid0")],
        members: &[("sde", "in_sync", "0"), ("sdf", "in_sync", "1")],
        state: State::Critical,
        says: "broken",
    },
    Row {
        name: "a sick member of a whole array",
        mdstat: WHOLE,
        files: &[("degraded", "0"), ("dev-sdb/bad_blocks", "99968 384")],
        members: &[("sda", "in_sync", "0"), ("sdb", "in_sync,write_error,want_replacement", "1")],
        state: State::Warning,
        says: "sdb failed to write",
    },
    Row {
        name: "a word that no kernel used so far",
        mdstat: WHOLE,
        files: &[("array_state", "melted"), ("sync_action", "idle")],
        members: &[("sda", "in_sync", "0"), ("sdb", "in_sync,haunted", "1")],
        state: State::Warning,
        says: "unknown array state `melted`, state `haunted` of sdb",
    },
    Row {
        name: "a level that no kernel had so far",
        mdstat: "md0 : active raid7 sdb[1] sda[0]\n      9 blocks super 1.2 [2/2] [UU]\n",
        files: &[],
        members: &[],
        state: State::Warning,
        says: "unknown level `raid7`",
    },
    Row {
        name: "a mirror grown to one disk",
        mdstat: "md0 : active raid1 sda[0]\n      9 blocks super 1.2 [1/1] [U]\n",
        files: &[("degraded", "0")],
        members: &[],
        state: State::Ok,
        says: "raid1 of 1 disk",
    },
    Row {
        name: "a disk is copied to its replacement",
        mdstat: "md0 : active raid1 sdc[2](R) sdb[1] sda[0]\n      9 blocks super 1.2 [2/2] [UU]\n      \
[>....]  recovery =  3.6% (3584/97280) finish=0.4min speed=3584K/sec\n",
        files: &[("sync_action", "recover")],
        members: &[
            ("sda", "in_sync,want_replacement", "0"),
            ("sdb", "in_sync", "1"),
            ("sdc", "spare,replacement", "0"),
        ],
        state: State::Ok,
        says: "replacement of a disk 3.6%",
    },
];

#[test]
fn every_state_that_kernels_were_seen_in_has_its_verdict() {
    let mut wrong = Vec::new();
    for row in ROWS {
        let root = tempfile::tempdir().unwrap();
        put(root.path(), "proc/mdstat", &format!("Personalities : [raid1]\n{}", row.mdstat));
        sysfs(root.path(), "md0", row.files, row.members);
        let seen = look(&Host::recorded(root.path()));
        let observation = &seen[0].1;
        if state(observation) != row.state || !observation.summary.contains(row.says) {
            wrong.push(format!("{}: {} {}", row.name, state(observation), observation.summary));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn which_disk_to_pull_is_named_by_serial_and_place() {
    let root = tempfile::tempdir().unwrap();
    put(
        root.path(),
        "proc/mdstat",
        "md0 : active raid1 sdb1[1](F) sda1[0]\n      9 blocks super 1.2 [2/1] [U_]\n",
    );
    put(root.path(), "sys/block/sdb/sdb1/partition", "1\n");
    put(root.path(), "sys/block/sdb/device/model", "ST2000NM0008    \n");
    put(root.path(), "sys/block/sdb/device/vpd_pg80", "\0\u{1}\0\u{8}ZC1A77Q2");
    put(root.path(), "sys/block/sdb/device/enclosure_device:Slot 03/slot", "3\n");
    let seen = look(&Host::recorded(root.path()));
    let detail = &seen[0].1.findings[0].detail;
    let named = "Failed member sdb1 (ST2000NM0008, serial ZC1A77Q2, slot 03)";
    assert!(detail.iter().any(|line| line.starts_with(named)), "{detail:?}");
    assert!(detail.iter().any(|line| line == "Do not pull: sda1"), "{detail:?}");
}

#[test]
fn a_rebuild_that_stands_and_an_array_that_turns_read_only_are_told() {
    let root = tempfile::tempdir().unwrap();
    let host = Host::recorded(root.path());
    let text = |access: &str, line: &str| {
        format!(
            "md0 : active {access}raid1 sdb[1] sda[0]\n      9 blocks super 1.2 [2/2] [UU]\n{line}"
        )
    };
    let line = "      [>]  resync =  3.6% (3584/97280) finish=0.4min speed=0K/sec\n";
    put(root.path(), "proc/mdstat", &text("", line));
    let mut probe = Raid.open("md", &Options::new());
    let mut at = |seconds: u64| probe.read(&host, Moment(seconds * 1000)).unwrap().remove(0);
    assert_eq!(state(&at(0)), State::Ok);
    assert_eq!(state(&at(899)), State::Ok);
    let stuck = at(900);
    assert_eq!(state(&stuck), State::Warning, "{}", stuck.summary);
    put(root.path(), "proc/mdstat", &text("", &line.replace("3584/", "3585/")));
    assert_eq!(state(&at(901)), State::Ok);
    put(root.path(), "proc/mdstat", &text("(read-only) ", ""));
    let turned = at(960);
    assert_eq!(state(&turned), State::Critical, "{}", turned.summary);
}

#[test]
fn a_tool_is_asked_again_only_after_its_pace_or_a_change() {
    let root = tempfile::tempdir().unwrap();
    let host = Host::recorded(root.path());
    let pool = |state: &str| {
        format!("cat <<'.'\n  pool: tank\n state: {state}\nconfig:\n\n\tNAME STATE\n\terrors:\n.\n")
    };
    put(root.path(), "proc/spl/kstat/zfs/tank/state", "ONLINE\n");
    tool_script(root.path(), "zpool", &pool("ONLINE"));
    let mut probe = Raid.open("zfs", &Options::new());
    let mut at = |seconds: u64| state(&probe.read(&host, Moment(seconds * 1000)).unwrap()[0]);
    assert_eq!(at(0), State::Ok);
    tool_script(root.path(), "zpool", &pool("MELTED"));
    assert_eq!(at(299), State::Ok, "not asked yet");
    assert_eq!(at(300), State::Warning, "asked again");
    tool_script(root.path(), "zpool", &pool("ONLINE"));
    assert_eq!(at(330), State::Warning, "not asked yet");
    assert_eq!(at(360), State::Ok, "asked sooner while something is wrong");
    put(root.path(), "proc/spl/kstat/zfs/tank/state", "SUSPENDED\n");
    assert_eq!(at(361), State::Critical, "the kernel's word counts at once");
}

#[test]
fn error_counters_of_btrfs_are_told_while_they_grow() {
    let root = tempfile::tempdir().unwrap();
    let host = Host::recorded(root.path());
    let device = "sys/fs/btrfs/0abb23a9-579b-43e6-ad30-227ef47fcb9d/devinfo/1";
    let stats = |write: u64, corruption: u64| {
        format!(
            "write_errs {write}\nread_errs 0\nflush_errs 0\ncorruption_errs {corruption}\ngeneration_errs 0\n"
        )
    };
    put(root.path(), &format!("{device}/missing"), "0\n");
    put(root.path(), &format!("{device}/error_stats"), &stats(0, 0));
    let mut probe = Raid.open("btrfs", &Options::new());
    let mut at = |seconds: u64| probe.read(&host, Moment(seconds * 1000)).unwrap().remove(0);
    assert_eq!(state(&at(0)), State::Ok);
    put(root.path(), &format!("{device}/error_stats"), &stats(0, 3));
    let grown = at(60);
    assert_eq!(state(&grown), State::Warning);
    assert!(grown.summary.contains("growing"), "{}", grown.summary);
    assert!(at(2000).summary.contains("counted 3 corruption"));
    put(root.path(), &format!("{device}/error_stats"), &stats(1, 3));
    assert_eq!(state(&at(2060)), State::Critical, "writes fail");
    put(root.path(), &format!("{device}/missing"), "1\n");
    assert!(at(2120).summary.contains("degraded"));
}

#[test]
fn volumes_are_found_in_sysfs_and_a_tool_without_rights_says_so() {
    let root = tempfile::tempdir().unwrap();
    let host = Host::recorded(root.path());
    for (block, name, uuid, parts) in [
        ("dm-0", "vg-root", "LVM-a", &["sda1"][..]),
        ("dm-1", "vg-data_rimage_0", "LVM-b", &["sda2"]),
        ("dm-2", "vg-data_rimage_1", "LVM-c", &["sdb2"]),
        ("dm-3", "vg-data", "LVM-d", &["dm-1", "dm-2"]),
        ("dm-4", "vg-pool-tpool", "LVM-e-tpool", &["sdb3"]),
    ] {
        put(root.path(), &format!("sys/block/{block}/dm/name"), name);
        put(root.path(), &format!("sys/block/{block}/dm/uuid"), uuid);
        for part in parts {
            put(root.path(), &format!("sys/block/{block}/slaves/{part}/dev"), "8:0\n");
        }
    }
    let found = Raid.survey(&host).unwrap();
    let names: Vec<&str> = found.iter().map(|found| &*found.instance).collect();
    assert_eq!(names, ["vg/data", "vg/pool"]);
    let complaint = "echo '/dev/mapper/control: open failed: Permission denied' >&2; exit 1\n";
    tool_script(root.path(), "dmsetup", complaint);
    tool_script(root.path(), "lvs", complaint);
    let error = Raid.open("lvm", &Options::new()).read(&host, Moment(0)).unwrap_err();
    assert_eq!(error.word(), "denied", "{error}");
}
