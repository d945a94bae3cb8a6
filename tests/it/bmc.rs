//! The kind `bmc` and the sensors of a BMC, against BMCs that answer: every value compared with what
//! `ipmitool` prints of the same simulator.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use hostwatch::host::Host;
use hostwatch::host::ipmi::{Access, Lan, Password, Privilege};
use hostwatch::model::reading::Observation;
use hostwatch::model::state::State;
use hostwatch::model::time::Moment;
use hostwatch::probe::{KINDS, Kind, Options, Probe, kind, list};

use crate::bmc_peer::{Bmc17, Simulator};
use crate::bmc_table;

/// This machine with the BMC at a port.
pub(crate) fn host(port: u16) -> Host {
    let mut lan = Lan::new("127.0.0.1", "admin", Password("labpass".to_owned()));
    lan.port = port;
    lan.privilege = Privilege::Administrator;
    Host::live().reaching(Access::Lan(lan))
}

/// Everything that reads through one BMC, again and again.
struct All {
    host: Host,
    probes: Vec<(&'static dyn Kind, Box<dyn Probe>)>,
}

impl All {
    fn of(host: Host) -> Self {
        let asks = |kind: &&&'static dyn Kind| kind.asks(&host) && kind.spec().name != "raid";
        let probes =
            KINDS.iter().filter(asks).map(|kind| (*kind, kind.open("bmc", &Options::default())));
        Self { probes: probes.collect(), host }
    }

    /// What is read, by kind and instance; the list names the same instances.
    fn read(&mut self, second: u64) -> BTreeMap<String, Observation> {
        let now = Moment(second * 1000);
        let mut all = BTreeMap::new();
        for (kind, probe) in &mut self.probes {
            let found = list(*kind, &self.host, now).unwrap();
            let seen = probe.read(&self.host, now).unwrap();
            let read: BTreeSet<_> = seen.iter().map(|seen| seen.instance.clone()).collect();
            let of_bmc = found.iter().filter(|found| *found.source == *"bmc");
            let listed: BTreeSet<_> = of_bmc.map(|found| found.instance.clone()).collect();
            assert_eq!(listed, read);
            all.extend(
                seen.into_iter()
                    .map(|seen| (format!("{}:{}", kind.spec().name, seen.instance), seen)),
            );
        }
        all
    }
}

fn worst(seen: &Observation) -> State {
    seen.findings.iter().fold(State::Ok, |worst, finding| worst.worst(finding.state))
}

/// What `ipmitool sensor` prints: name, value, status.
fn ipmitool(port: u16) -> Vec<(String, String, String)> {
    let output = Command::new("ipmitool")
        .args(["-I", "lanplus", "-H", "127.0.0.1", "-p", &port.to_string(), "-C", "3"])
        .args(["-U", "admin", "-P", "labpass", "sensor"])
        .output()
        .expect("ipmitool");
    let text = String::from_utf8(output.stdout).unwrap();
    let cells = |line: &str| -> Option<(String, String, String)> {
        let mut cells = line.split('|').map(|cell| cell.trim().to_owned());
        Some((cells.next()?, cells.next()?, cells.nth(1)?))
    };
    text.lines().filter_map(cells).collect()
}

#[test]
fn every_value_is_what_ipmitool_prints() {
    let simulator = Simulator::start();
    let seen = All::of(host(simulator.port)).read(1000);
    let theirs = ipmitool(simulator.port);
    assert!(theirs.len() >= 16, "{theirs:?}");
    let mut compared = 0;
    let mut by_name: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (name, value, _) in &theirs {
        if let Ok(value) = value.parse::<f64>() {
            by_name.entry(name).or_default().push(value);
        }
    }
    for (name, mut values) in by_name {
        // A value of the table, printed by either with what decimals it likes.
        let ours = seen.iter().filter(|(id, _)| {
            let instance = id.split_once(':').unwrap().1.trim_start_matches("bmc ");
            instance == name || instance.starts_with(&format!("{name} ("))
        });
        let mut ours: Vec<f64> = ours
            .map(|(id, seen)| {
                let first = seen.summary.split([' ', '%', ',']).next().unwrap();
                let shown: f64 = first.parse().unwrap_or_else(|_| panic!("{id}: {}", seen.summary));
                // A reading is exact where there is one.
                seen.readings.first().map_or(shown, |reading| reading.value)
            })
            .collect();
        ours.sort_by(f64::total_cmp);
        values.sort_by(f64::total_cmp);
        assert_eq!(ours.len(), values.len(), "{name}: {ours:?} and {values:?}");
        for (ours, theirs) in ours.iter().zip(&values) {
            assert!(
                (ours - theirs).abs() < 0.0015 + theirs.abs() * 1e-3,
                "{name}: {ours} {theirs}"
            );
            compared += 1;
        }
    }
    assert!(compared >= 12, "only {compared} values were compared");
    let named = |id: &str| seen.get(id).unwrap_or_else(|| panic!("{id} among {:?}", seen.keys()));
    assert_eq!(named("bmc:PSU1 Status").summary.split(';').next(), Some("presence detected"));
    assert_eq!(named("bmc:PS Redundancy").summary.split(';').next(), Some("fully redundant"));
    assert_eq!(named("bmc:power").readings[0].value, 312.0, "{:?}", named("bmc:power"));
    assert!(seen.contains_key("temperature:bmc PS Temp (PSU 1)"));
    assert!(seen.contains_key("temperature:bmc PS Temp (PSU 2)"));
    assert!(!seen.keys().any(|id| id.contains("DIMM A1")), "it is not scanned");
    assert!(
        named("temperature:bmc Therm Margin").readings.is_empty(),
        "a margin is no temperature"
    );
    let bad: Vec<_> = seen.iter().filter(|(_, seen)| worst(seen) != State::Ok).collect();
    assert!(bad.is_empty(), "{bad:?}");
}

#[test]
fn what_changes_is_judged_as_it_is() {
    let simulator = Simulator::start();
    let mut all = All::of(host(simulator.port));
    all.read(1000);
    let mut second = 1000;
    let mut after = |commands: &[&str]| {
        for command in commands {
            simulator.tell(command);
        }
        second += 30;
        let seen = all.read(second);
        let bad = seen.iter().filter(|(_, seen)| worst(seen) != State::Ok);
        bad.map(|(id, seen)| format!("{} {id}: {}", worst(seen).short(), seen.findings[0].fact))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        after(&["sensor_set_value 0x20 0 1 97 1"]),
        ["CRIT temperature:bmc CPU1 Temp: 97 C, at or above its upper critical limit 95 C"]
    );
    assert_eq!(
        after(&["sensor_set_value 0x20 0 1 86 1"]),
        ["WARN temperature:bmc CPU1 Temp: 86 C, at or above its upper limit 85 C"]
    );
    // Hysteresis of two degrees.
    assert_eq!(after(&["sensor_set_value 0x20 0 1 84 1"]).len(), 1);
    assert_eq!(after(&["sensor_set_value 0x20 0 1 82 1"]), [""; 0]);
    let stopped = "CRIT fan:bmc FAN1: stopped (0 RPM, usually 5400 RPM), at or below its lower \
                   non-recoverable limit 300 RPM";
    assert_eq!(after(&["sensor_set_value 0x20 0 3 0 1"]), [stopped]);
    assert_eq!(after(&["sensor_set_value 0x20 0 3 54 1"]), [""; 0]);
    // A signed sensor far below its limits, which the simulator compares as unsigned.
    assert_eq!(after(&["sensor_set_value 0x20 0 2 0xfb 1"]), [""; 0]);
    assert_eq!(
        after(&[
            "sensor_set_bit 0x20 0 11 3 1 1",
            "sensor_set_bit_clr_rest 0x20 0 13 1 1 1",
            "sensor_set_bit 0x20 0 14 0 1 1",
        ]),
        [
            "WARN bmc:Intrusion: chassis opened",
            "WARN bmc:PS Redundancy: redundancy lost",
            "CRIT bmc:PSU1 Status: power supply input lost",
        ]
    );
    assert_eq!(
        after(&[
            "sensor_set_bit 0x20 0 11 3 0 1",
            "sensor_set_bit_clr_rest 0x20 0 13 0 1 1",
            "sensor_set_bit 0x20 0 14 0 0 1",
        ]),
        [""; 0],
        "the log tells nothing twice that its sensors told"
    );
}

#[test]
fn the_log_tells_what_is_new_and_no_sensor_shows() {
    let mut facts = bmc_table::facts();
    // Correctable ECC of a sensor that nobody can read, and its end, an hour ago.
    let event = |record: u16, kind: &str| format!("{:02x}0002004253652000040c{kind}", record);
    facts["events"] = serde_json::json!([event(1, "55 6f 01 ff ff").replace(' ', "")]);
    let peer = Bmc17::start_with(facts.clone());
    let host = host(peer.port);
    let mut all = All::of(host.clone());
    let mut log = |second: u64| all.read(second).remove("bmc:event log").unwrap();
    let first = log(1000);
    assert!(first.findings.is_empty(), "an old log is past: {first:?}");
    assert!(first.summary.contains("uncorrectable ECC"), "{}", first.summary);
    let memo = first.memo.clone().unwrap();

    facts["events"].as_array_mut().unwrap().push(event(2, "566f00ffff").into());
    peer.learn(&facts);
    let second = log(1030);
    assert_eq!(second.findings.len(), 1, "{second:?}");
    assert_eq!(second.findings[0].state, State::Warning);
    assert!(second.findings[0].fact.contains("correctable ECC"), "{second:?}");
    assert!(!second.findings[0].key.is_empty());
    assert_eq!(log(1060).memo, second.memo, "nothing new, nothing to store");

    // Another run of the agent that knows of the first entry alone.
    let kind = kind("bmc").unwrap();
    let mut other = kind.open("bmc", &Options::default());
    other.recall("event log", &memo);
    let again = other.read(&host, Moment(1_090_000)).unwrap();
    let again = again.iter().find(|seen| *seen.instance == *"event log").unwrap();
    assert_eq!(again.findings[0].key, second.findings[0].key);

    facts["events"] = serde_json::json!([]);
    peer.learn(&facts);
    let cleared = log(1120);
    assert!(cleared.findings.is_empty(), "{cleared:?}");
    assert!(cleared.summary.contains("cleared"), "{}", cleared.summary);
    facts["events"] = serde_json::json!([event(1, "576f01ffff")]);
    peer.learn(&facts);
    let fresh = log(1150);
    assert_eq!(fresh.findings.len(), 1, "numbers begin anew: {fresh:?}");
    assert_eq!(fresh.findings[0].state, State::Critical);
}

#[test]
fn what_passed_the_door_is_judged_alike_from_a_recording() {
    use hostwatch::host::record::Recorder;
    let simulator = Simulator::start();
    simulator.tell("sensor_set_bit 0x20 0 12 1 1 1");
    let recorder = Recorder::default();
    let live = All::of(host(simulator.port).recording(recorder.clone())).read(1000);
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("dev/ipmi0");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("answers.txt"), recorder.noted().bmc).unwrap();
    let recorded = All::of(Host::recorded(root.path())).read(1000);
    assert_eq!(live.keys().collect::<Vec<_>>(), recorded.keys().collect::<Vec<_>>());
    for (id, seen) in &live {
        // The clock runs, and a recording has none to compare with.
        if id != "bmc:bmc" {
            assert_eq!(recorded.get(id), Some(seen), "{id}");
        }
    }
    assert_eq!(worst(&recorded["bmc:PSU2 Status"]), State::Critical);
}
