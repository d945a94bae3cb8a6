//! How the running agent hands on the way to the BMC: to the lane process alone, over its input,
//! and anew with a reload that changes it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use crate::agent::{Agent, Bench, wait_for};

const SOON: Duration = Duration::from_secs(15);
const PASSWORD: &str = "hidden-from-argv";

/// A check of a sensor, which is read in the lane process, and how the BMC is reached.
fn config(bmc: &str) -> String {
    format!(
        "version: 1
defaults: {{every: 1s, timeout: 1s, for: 0s, recover_for: 0s}}
checks:
  temperature: {{every: 1s, timeout: 1s, for: 0s, crit: {{value: 80C}}}}
{bmc}
"
    )
}

fn over_lan(bench: &Bench) -> String {
    let secret = bench.path("secret");
    format!("bmc: {{host: 192.0.2.10, user: monitor, password: {{file: {}}}}}", secret.display())
}

fn password(bench: &Bench, text: &str) {
    fs::write(bench.path("secret"), text).unwrap();
    fs::set_permissions(bench.path("secret"), fs::Permissions::from_mode(0o600)).unwrap();
}

/// A machine with one sensor, on a chip that is slow to read.
fn bench(bmc: &str) -> Bench {
    let bench = Bench::new("");
    password(&bench, PASSWORD);
    let bmc = if bmc.is_empty() { over_lan(&bench) } else { bmc.to_owned() };
    bench.configure(&config(&bmc));
    fs::create_dir_all(bench.path("root/sys/class/hwmon/hwmon0")).unwrap();
    fs::write(bench.path("root/sys/class/hwmon/hwmon0/name"), "nct6775\n").unwrap();
    degrees(&bench, 40);
    bench
}

fn degrees(bench: &Bench, degrees: u32) {
    let input = bench.path("root/sys/class/hwmon/hwmon0/temp1_input");
    fs::write(input, format!("{}\n", degrees * 1000)).unwrap();
}

fn sensor_is(bench: &Bench, state: &str) -> bool {
    let report = bench.report();
    let instances = report["instances"].as_array().cloned().unwrap_or_default();
    instances.iter().any(|instance| {
        instance["kind"] == "temperature"
            && instance["state"] == state
            && instance["age_ms"].is_u64()
    })
}

/// Lane processes of an agent: number, command line, state letter.
fn lanes(agent: &Agent) -> Vec<(u32, String, char)> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        let Some((_, rest)) = stat.rsplit_once(')') else { continue };
        let fields: Vec<&str> = rest.split_whitespace().collect();
        if fields[1] == agent.pid().to_string() {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            found.push((pid, line, fields[0].chars().next().unwrap()));
        }
    }
    found
}

#[test]
fn the_password_is_no_argument_and_the_cache_is_below_the_state() {
    let bench = bench("");
    let agent = bench.start();
    wait_for("the sensor is read", SOON, || sensor_is(&bench, "ok"));
    let lanes = lanes(&agent);
    let [(_, line, _)] = lanes.as_slice() else { panic!("{lanes:?}") };
    assert!(!line.contains(PASSWORD), "{line}");
    let cache = bench.path("state/cache");
    assert!(line.contains(&format!("--cache {}", cache.display())), "{line}");
    assert!(!bench.log().contains(PASSWORD));
}

#[test]
fn a_reload_that_changes_the_way_starts_the_lane_process_anew_at_once() {
    let bench = bench("");
    let agent = bench.start();
    wait_for("the sensor is read", SOON, || sensor_is(&bench, "ok"));
    let first = lanes(&agent)[0].0;
    let reload = |what: &str| {
        let reload = bench.output("reload");
        assert_eq!(reload.status.code(), Some(0), "{what}: {reload:?}");
    };
    // The same way: the same process.
    bench.configure(&config(&format!("{}\n# a remark", over_lan(&bench))));
    reload("a remark");
    wait_for("the sensor is read again", SOON, || sensor_is(&bench, "ok"));
    assert_eq!(lanes(&agent)[0].0, first);
    // Another password in the same file, and then none of it at all: far sooner than a process that
    // died would be replaced, and twice.
    let mut before = first;
    for change in 0..2 {
        if change == 0 {
            password(&bench, "another");
        } else {
            bench.configure(&config("bmc: {enabled: false}"));
        }
        reload("another way");
        wait_for("one lane process, another than before", SOON, || {
            let now = lanes(&agent);
            now.len() == 1 && now[0].0 != before && now[0].2 != 'Z'
        });
        before = lanes(&agent)[0].0;
        degrees(&bench, if change == 0 { 99 } else { 40 });
        let state = if change == 0 { "critical" } else { "ok" };
        wait_for("the new process reads", SOON, || sensor_is(&bench, state));
    }
}

#[test]
fn a_password_that_cannot_be_read_stops_nothing() {
    let bench = bench("bmc: {host: 192.0.2.10, user: monitor, password: {credential: none}}");
    let _agent = bench.start();
    wait_for("the sensor is read", SOON, || sensor_is(&bench, "ok"));
    // The BMC's own instance tells it, until the BMC is left alone.
    let told = || {
        let instances = bench.report()["instances"].as_array().cloned().unwrap_or_default();
        let bmc = instances.into_iter().find(|instance| instance["id"] == "bmc:bmc");
        bmc.map(|bmc| bmc["summary"].as_str().unwrap_or_default().to_owned())
    };
    wait_for("the BMC has no password", SOON, || {
        told().is_some_and(|text| text.contains("no password") && text.contains("credential none"))
    });
    bench.configure(&config("bmc: {enabled: false}"));
    assert_eq!(bench.output("reload").status.code(), Some(0));
    wait_for("the BMC is left alone", SOON, || told().is_none());
    // A file that is not there is told, and is no reason not to start either.
    let missing = bench.path("none");
    bench.configure(&config(&format!(
        "bmc: {{host: 192.0.2.10, user: monitor, password: {{file: {}}}}}",
        missing.display()
    )));
    let reload = bench.output("reload");
    assert_eq!(reload.status.code(), Some(0), "{reload:?}");
    wait_for("the warning is in the log", SOON, || bench.log().contains("W106"));
}
