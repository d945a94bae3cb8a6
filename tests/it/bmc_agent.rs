//! The running agent and a BMC over the network: what changes there while it runs leads to the
//! right mails, and a BMC that is silent or lies costs nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use crate::agent::{Agent, Bench};
use crate::bmc_peer::{Bmc17, Simulator};
use crate::bmc_table;

/// A BMC is looked at twice a minute, and a lost one is told after some seconds more.
const SOON: Duration = Duration::from_secs(90);

/// Facts of a BMC whose clock is right.
fn facts() -> serde_json::Value {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let mut facts = bmc_table::facts();
    facts["now"] = now.as_secs().into();
    facts
}

/// An agent that watches this machine's load and its BMC, and mails into a Maildir.
fn bench(port: u16) -> Bench {
    let bench = Bench::new("");
    fs::write(bench.path("secret"), "labpass").unwrap();
    fs::set_permissions(bench.path("secret"), fs::Permissions::from_mode(0o600)).unwrap();
    let (secret, inbox) = (bench.path("secret"), bench.path("inbox"));
    let others: String = ["filesystem", "cpu", "memory", "memory-oom", "disk_io", "bandwidth"]
        .into_iter()
        .chain(["bandwidth-tx", "nic", "bond", "raid"])
        .map(|check| format!("  {check}: {{enabled: false}}\n"))
        .collect();
    bench.configure(&format!(
        "version: 1
contacts: {{ops: {{mail: [ops@example.net]}}}}
mail: {{group_wait: 1s, via: [{{maildir: {}}}]}}
defaults: {{every: 2s, timeout: 2s, for: 0s, recover_for: 0s, unknown_after: 4s}}
bmc: {{host: \"127.0.0.1:{port}\", user: admin, password: {{file: {}}}, privilege: administrator}}
checks:
{others}  bmc: {{every: 2s, timeout: 2s}}
  load: {{every: 2s, for: 0s, crit: {{load1: 1000000}}}}
  temperature: {{every: 2s, for: 0s}}
  fan: {{every: 2s, for: 0s}}
  voltage: {{every: 2s, for: 0s}}
  current: {{every: 2s, for: 0s}}
  power: {{every: 2s, for: 0s}}
  humidity: {{every: 2s}}
  intrusion: {{every: 2s}}
",
        inbox.display(),
        secret.display()
    ));
    bench
}

fn start(bench: &Bench) -> Agent {
    let agent = bench.start_live();
    wait(bench, "the agent is ready", || bench.report()["instances"].is_array());
    agent
}

/// Waits, and shows what the agent saw and said where it waits in vain.
fn wait(bench: &Bench, what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + SOON;
    while !holds() {
        if std::time::Instant::now() > deadline {
            panic!(
                "{what}: not within {SOON:?}\n{}\n{:#?}\n{:#?}",
                bench.log(),
                states(bench),
                mails(bench)
            );
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Texts of all mails so far.
fn mails(bench: &Bench) -> Vec<String> {
    let Ok(folder) = fs::read_dir(bench.path("inbox/new")) else { return Vec::new() };
    folder.flatten().map(|entry| fs::read_to_string(entry.path()).unwrap()).collect()
}

fn said(bench: &Bench, words: &[&str]) -> bool {
    let mails = mails(bench);
    // Bodies are wrapped.
    let mails: Vec<String> =
        mails.iter().map(|mail| mail.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    words.iter().all(|word| mails.iter().any(|mail| mail.contains(word)))
}

fn states(bench: &Bench) -> Vec<(String, String)> {
    let report = bench.report();
    let instances = report["instances"].as_array().cloned().unwrap_or_default();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    instances.iter().map(|one| (text(&one["id"]), text(&one["state"]))).collect()
}

fn is(bench: &Bench, id: &str, state: &str) -> bool {
    bench.state_of(id).as_deref() == Some(state)
}

#[test]
fn what_happens_to_the_hardware_is_mailed_and_its_end_too() {
    let simulator = Simulator::start();
    let bench = bench(simulator.port);
    let agent = start(&bench);
    wait(&bench, "all sensors are listed", || is(&bench, "bmc:PSU1 Status", "ok"));
    let ids: BTreeSet<String> = states(&bench).into_iter().map(|(id, _)| id).collect();
    for id in ["bmc:power", "bmc:event log", "bmc:chassis", "temperature:bmc CPU1 Temp"] {
        assert!(ids.contains(id), "{id} among {ids:?}");
    }
    assert!(mails(&bench).is_empty(), "{:?}", mails(&bench));

    simulator.tell("sensor_set_value 0x20 0 1 97 1");
    simulator.tell("sensor_set_value 0x20 0 3 0 1");
    simulator.tell("sensor_set_bit 0x20 0 11 3 1 1");
    simulator.tell("sensor_set_bit_clr_rest 0x20 0 13 1 1 1");
    simulator.tell("sensor_set_bit 0x20 0 14 0 1 1");
    // An event of a sensor that nobody can read.
    simulator.tell("sensor_set_bit 0x20 0 15 3 1 1");
    wait(&bench, "six things are told", || {
        said(
            &bench,
            &[
                "97 C, at or above its upper critical limit 95 C",
                "stopped (0 RPM",
                "power supply input lost",
                "redundancy lost",
                "chassis opened",
            ],
        )
    });
    simulator.tell("sensor_set_value 0x20 0 1 45 1");
    simulator.tell("sensor_set_value 0x20 0 3 54 1");
    simulator.tell("sensor_set_bit 0x20 0 11 3 0 1");
    simulator.tell("sensor_set_bit_clr_rest 0x20 0 13 0 1 1");
    simulator.tell("sensor_set_bit 0x20 0 14 0 0 1");
    wait(&bench, "all are well again", || {
        ["temperature:bmc CPU1 Temp", "fan:bmc FAN1", "bmc:PSU1 Status", "bmc:Intrusion"]
            .iter()
            .all(|id| is(&bench, id, "ok"))
    });
    wait(&bench, "the end is told", || said(&bench, &["RECOVERED", "fully redundant"]));

    let before = mails(&bench).len();
    simulator.stop();
    wait(&bench, "the BMC is silent", || is(&bench, "bmc:bmc", "unknown"));
    wait(&bench, "that is told", || mails(&bench).len() > before);
    assert!(is(&bench, "load:all", "ok"), "nothing else is touched");
    wait(&bench, "its sensors are unknown too", || is(&bench, "fan:bmc FAN1", "unknown"));
    let unknown: Vec<String> =
        mails(&bench).into_iter().filter(|mail| mail.contains("UNKNOWN")).collect();
    assert!(!unknown.is_empty());
    assert!(unknown.iter().all(|mail| !mail.contains("FAN1")), "one mail for all: {unknown:?}");
    simulator.go_on();
    wait(&bench, "it answers again", || is(&bench, "bmc:bmc", "ok"));
    wait(&bench, "its sensors are read again", || is(&bench, "fan:bmc FAN1", "ok"));
    drop(agent);
}

#[test]
fn an_event_while_the_agent_is_away_is_told_and_none_twice() {
    let mut facts = facts();
    let peer = Bmc17::start_with(facts.clone());
    let bench = bench(peer.port);
    let mut agent = start(&bench);
    wait(&bench, "the log is read", || is(&bench, "bmc:event log", "ok"));
    // Uncorrectable ECC error of a sensor that nobody can read.
    let event =
        |record: u16| format!("{record:02x}00020042536520000 40c556f01ffff").replace(' ', "");
    facts["events"].as_array_mut().unwrap().push(event(2).into());
    peer.learn(&facts);
    wait(&bench, "a new entry is told", || said(&bench, &["uncorrectable ECC error"]));
    agent.kill();
    let told = mails(&bench).len();
    facts["events"].as_array_mut().unwrap().push(event(3).replace("6f01ffff", "6f02ffff").into());
    facts["events"].as_array_mut().unwrap().push(event(4).into());
    peer.learn(&facts);
    let agent = start(&bench);
    wait(&bench, "what came meanwhile is told", || {
        mails(&bench).len() > told && said(&bench, &["parity error"])
    });
    // One mail names both, in the thread of the first.
    let all = mails(&bench);
    let later: Vec<&String> = all.iter().filter(|mail| mail.contains("References:")).collect();
    assert_eq!(later.len(), 1, "{all:#?}");
    drop(agent);
}

#[test]
fn a_bmc_that_answers_garbage_is_unknown_and_nothing_else_is() {
    let mut peer = Bmc17::start_with(facts());
    let bench = bench(peer.port);
    let agent = start(&bench);
    wait(&bench, "its sensors are read", || is(&bench, "fan:bmc FAN1", "ok"));
    peer.tell("garbage");
    wait(&bench, "it is unknown", || is(&bench, "bmc:bmc", "unknown"));
    assert!(is(&bench, "load:all", "ok"));
    peer.tell("well");
    wait(&bench, "it is well again", || is(&bench, "bmc:bmc", "ok"));
    drop(agent);
}
