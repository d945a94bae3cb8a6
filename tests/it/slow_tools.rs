//! RAID controllers behind a vendor's tool that takes its time, as the running agent sees them: the
//! lane process asks, the agent learns what there is, judges it and sends mail.
//!
//! The tool is a script that prints what `storcli64` printed on a real machine. On a recorded root
//! it is run for each reading. For the live path the agent gets a mount namespace of its own, in
//! which a folder of programs and the list of PCI devices are the test's.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::agent::{Bench, wait_for};
use crate::raid_controllers::{fixtures, install};
use crate::sink::{Received, Sink};

const LONG: Duration = Duration::from_secs(60);

fn config(port: u16) -> String {
    format!(
        "version: 1
defaults: {{every: 1s, timeout: 1s, for: 0s, recover_for: 0s}}
contacts: {{root: {{mail: [root@example.net]}}}}
mail:
  from: hostwatch@example.net
  group_wait: 0s
  via: [{{smtp: \"127.0.0.1:{port}\", tls: none}}]
checks:
  raid: {{for: 0s, every: 8s, timeout: 7s}}
  load: {{warn: {{load1: 100000}}}}
"
    )
}

/// Answers after some seconds with what stands in `answer` and `drives` beside the tool.
fn slow_tool(root: &Path, seconds: u32) {
    let case = fixtures().join("storcli-json-raid6-ok");
    for (name, file) in [
        ("answer", "storcli-cALL-show-all.json"),
        ("drives", "storcli-cALL-eALL-sALL-show-all.json"),
    ] {
        std::fs::create_dir_all(root.join("bin")).unwrap();
        std::fs::copy(case.join(file), root.join("bin").join(name)).unwrap();
    }
    let folder = "${0%/*}";
    let script = format!(
        "case \"$*\" in
*/sall*) exec cat {folder}/drives ;;
'/call show all'*) sleep {seconds}; exec cat {folder}/answer ;;
esac
exit 1"
    );
    install(root, "storcli64", &script);
}

/// The volume loses a drive.
fn degrade(root: &Path) {
    let path = root.join("bin/answer");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("\"Optl\""), "the capture shows an optimal volume");
    let new = root.join("bin/new");
    std::fs::write(&new, text.replace("\"Optl\"", "\"Dgrd\"")).unwrap();
    std::fs::rename(new, path).unwrap();
}

fn mails(sink: &Sink) -> Vec<String> {
    sink.received().iter().filter_map(|mail| mail.header("subject")).collect()
}

fn raid_states(bench: &Bench) -> Vec<(String, String)> {
    let report = bench.report();
    let all = report["instances"].as_array().cloned().unwrap_or_default();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    all.iter()
        .map(|one| (text(&one["id"]), text(&one["state"])))
        .filter(|(id, _)| id.starts_with("raid:"))
        .collect()
}

fn load_age(bench: &Bench) -> u64 {
    let report = bench.report();
    let all = report["instances"].as_array().cloned().unwrap_or_default();
    let load = all.iter().find(|one| one["id"] == "load:all");
    load.and_then(|one| one["age_ms"].as_u64()).unwrap_or(u64::MAX)
}

#[test]
fn volumes_of_a_slow_tool_are_found_judged_and_told() {
    let sink = Sink::start();
    let bench = Bench::new(&config(sink.port));
    slow_tool(&bench.path("root"), 3);
    let started = Instant::now();
    let mut agent = bench.start();
    wait_for("the load is watched", LONG, || bench.state_of("load:all").is_some());
    assert!(bench.state_of("raid:c0/v0").is_none(), "listed within {:?}", started.elapsed());
    // What the tool has not listed is not waited for.
    let mut oldest = 0;
    wait_for("the volume is watched and good", LONG, || {
        oldest = oldest.max(load_age(&bench));
        bench.state_of("raid:c0/v0").as_deref() == Some("ok")
            && raid_states(&bench).iter().all(|(_, state)| state == "ok")
    });
    assert!(oldest < 2_900, "the load was read {oldest} ms ago while the tool runs");
    assert!(started.elapsed() >= Duration::from_secs(3), "{:?}", started.elapsed());
    assert!(bench.state_of("raid:c0").is_some(), "{:?}", raid_states(&bench));
    assert!(mails(&sink).is_empty(), "{:?}", mails(&sink));
    degrade(&bench.path("root"));
    wait_for("a mail of the volume", LONG, || {
        mails(&sink).iter().any(|subject| subject.contains("c0/v0"))
    });
    // A restart knows the volume although the tool has not answered yet, and tells nothing anew.
    let before = mails(&sink);
    agent.kill();
    let _agent = bench.start();
    wait_for("the volume is watched again", LONG, || {
        bench.state_of("raid:c0/v0").is_some_and(|state| state != "ok")
    });
    let after = mails(&sink);
    // Killed between the server's yes and its own record, it may say the very same again.
    let of_volume = |mail: &&Received| mail.header("subject").is_some_and(|s| s.contains("c0/v0"));
    let received = sink.received();
    let ids: BTreeSet<Option<String>> =
        received.iter().filter(of_volume).map(|mail| mail.header("message-id")).collect();
    assert_eq!(ids.len(), 1, "{before:?} {after:?}");
    assert!(!after.iter().any(|subject| subject.contains("gone")), "{after:?}");
}

#[test]
fn a_live_agent_finds_the_volumes_of_a_controller_by_its_tool() {
    let sink = Sink::start();
    let bench = Bench::new(&config(sink.port));
    let machine = bench.path("root");
    slow_tool(&machine, 2);
    degrade(&machine);
    let device = machine.join("pci/0000:65:00.0");
    std::fs::create_dir_all(&device).unwrap();
    for (name, text) in [("class", "0x010400"), ("vendor", "0x1000"), ("device", "0x005d")] {
        std::fs::write(device.join(name), format!("{text}\n")).unwrap();
    }
    let mounts = "set -e
mount --make-rprivate /
mount --bind \"$1/bin\" /usr/local/sbin
mount --bind \"$1/pci\" /sys/bus/pci/devices
shift
exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", mounts, "sh"]).arg(&machine);
    command.arg(env!("CARGO_BIN_EXE_hostwatch")).args(["run", "--state"]).arg(bench.path("state"));
    command.arg("--config").arg(bench.path("hostwatch.yaml")).stdin(Stdio::null());
    let _agent = bench.spawn(command);
    wait_for("the load is watched", LONG, || bench.state_of("load:all").is_some());
    wait_for("the volume is judged", LONG, || {
        bench.state_of("raid:c0/v0").is_some_and(|state| state != "ok")
    });
    wait_for("a mail of the volume", LONG, || {
        mails(&sink).iter().any(|subject| subject.contains("c0/v0"))
    });
    assert_eq!(bench.state_of("raid:megaraid").as_deref(), Some("ok"), "{}", bench.log());
}
