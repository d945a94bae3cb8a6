//! The real agent with outlets, against real receivers: a collector that goes and comes, hangs, or is
//! not there; a forwarding process that is killed; what people type.

use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::agent::{Agent, Bench, wait_for};
use crate::receivers::alertmanager::Alertmanager;
use crate::receivers::node_exporter::NodeExporter;
use crate::receivers::prometheus::{self, Prometheus, promtool};
use crate::receivers::running::ports;
use crate::receivers::victoria::{self, VictoriaMetrics};
use crate::receivers::{labels, now_ms};

const SOON: Duration = Duration::from_secs(20);
/// Longer than the pause of an outlet whose receiver was away for a moment.
const BACK: Duration = Duration::from_secs(70);

fn config(bench: &Bench, outlets: &str) -> String {
    let maildir = bench.path("mail");
    let maildir = maildir.display();
    format!(
        "version: 1
host: {{name: db03.example.net}}
defaults: {{every: 1s, timeout: 1s, for: 0s, recover_for: 0s}}
contacts: {{ops: {{mail: [ops@example.net]}}}}
mail: {{group_wait: 0s, culprits: false, via: [{{maildir: {maildir}}}]}}
forward:
  every: 5s
  outlets:
{outlets}
checks:
  load: {{enabled: false}}
  lot: {{kind: load, crit: {{load1: 5}}}}
  cpu: {{enabled: false}}
  memory: {{enabled: false}}
"
    )
}

fn bench(outlets: &str) -> Bench {
    let bench = Bench::new("version: 1\n");
    bench.configure(&config(&bench, outlets));
    bench
}

/// The agent's own process that forwards.
fn forwarder(agent: &Agent) -> Option<Pid> {
    let children = format!("/proc/{0}/task", agent.pid());
    for task in std::fs::read_dir(children).ok()?.flatten() {
        let list = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for pid in list.split_whitespace() {
            let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            if line.split('\0').nth(1) == Some("forwarder") {
                return pid.parse().ok().map(Pid::from_raw);
            }
        }
    }
    None
}

/// Stamps and values of one series, each once: what is sent again is the same again.
fn series(it: &VictoriaMetrics, selector: &str) -> Vec<(i64, f64)> {
    let mut found = it.export(selector);
    assert!(found.len() <= 1, "{selector} is one series: {found:?}");
    let mut samples = found.pop().map(|series| series.samples).unwrap_or_default();
    samples.dedup();
    samples
}

/// No beat is missing between the first and the last.
fn assert_whole(samples: &[(i64, f64)]) {
    for pair in samples.windows(2) {
        let apart = pair[1].0 - pair[0].0;
        assert!((4_000..=6_000).contains(&apart), "{apart} ms apart: {samples:?}");
    }
}

const STATE: &str = "hostwatch_check_state{check=\"lot\"}";
const BATCH: &str = "hostwatch_batch_timestamp_seconds";

#[test]
fn a_collector_that_was_away_gets_everything_and_a_killed_forwarder_loses_nothing() {
    let mut collector = VictoriaMetrics::start(&victoria::Options::default());
    let url = collector.url();
    let bench = bench(&format!("    vm: {{remote_write: \"{url}/api/v1/write\"}}"));
    let agent = bench.start();
    wait_for("two batches", SOON, || series(&collector, BATCH).len() >= 2);
    collector.running.stop();
    bench.load(9.0);
    let is = |state: &str| bench.state_of("lot:all").as_deref() == Some(state);
    wait_for("it is bad", SOON, || is("critical"));
    // Two beats in which nobody takes anything.
    let runs = |bench: &Bench| bench.report()["runs"].as_u64().unwrap_or_default();
    let (before, begun) = (runs(&bench), Instant::now());
    wait_for("two beats", SOON, || begun.elapsed() >= Duration::from_secs(11));
    let made = runs(&bench) - before;
    assert!(made >= 10, "checks are read once a second, whoever is away: {made} in 11 s");
    let status = bench.output("forward status");
    let status = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(status.contains("cannot be reached: connection refused"), "{status}");
    let status = bench.output("status");
    let status = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(status.contains("outlet vm: "), "{status}");
    bench.load(0.0);
    wait_for("it is good", SOON, || is("ok"));
    let process = forwarder(&agent).expect("there is an outlet");
    kill(process, Signal::SIGKILL).unwrap();
    collector.running.start_again();
    let back = now_ms();
    wait_for("everything is there", BACK, || {
        series(&collector, BATCH).last().is_some_and(|(at, _)| *at > back)
    });
    assert_ne!(forwarder(&agent), Some(process));
    let states = series(&collector, STATE);
    assert_whole(&states);
    let shown: Vec<u32> = states.iter().map(|(_, value)| *value as u32).collect();
    let mut shapes = shown.clone();
    shapes.dedup();
    assert_eq!(shapes, [0, 2, 0], "{shown:?}");
    let changes = series(&collector, "hostwatch_check_state_changes_total{check=\"lot\"}");
    assert_eq!(changes.last().map(|(_, value)| *value as u32), Some(2));
}

#[test]
fn a_collector_that_hangs_moves_no_check_and_the_agent_stops_at_once() {
    let collector = VictoriaMetrics::start(&victoria::Options::default());
    let url = collector.url();
    let bench = bench(&format!("    vm: {{remote_write: \"{url}/api/v1/write\"}}"));
    let mut agent = bench.start();
    wait_for("a batch", SOON, || !series(&collector, BATCH).is_empty());
    collector.running.freeze();
    let runs = |bench: &Bench| bench.report()["runs"].as_u64().unwrap_or_default();
    let (before, begun) = (runs(&bench), Instant::now());
    // Up to a beat until something is sent, ten seconds until that is given up.
    let trouble = || {
        let report = bench.report();
        assert_eq!(report["outlets"][0]["numbers"]["name"], "vm");
        report["outlets"][0]["trouble"]["text"].as_str().unwrap_or_default().to_owned()
    };
    wait_for("an attempt is given up", Duration::from_secs(30), || {
        trouble().contains("no answer in time")
    });
    let made = runs(&bench) - before;
    let most = begun.elapsed().as_secs();
    assert!(most >= 10 && made >= most - 1, "{made} runs in {most} s");
    let stopped = now_ms();
    let begun = Instant::now();
    assert_eq!(agent.stop(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    collector.running.thaw();
    // What was not taken is on the disk, and the next agent sends it.
    let _agent = bench.start();
    let back = now_ms();
    wait_for("everything is there", BACK, || {
        series(&collector, BATCH).last().is_some_and(|(at, _)| *at > back)
    });
    let stamps = series(&collector, BATCH);
    let until_stop: Vec<_> = stamps.iter().copied().filter(|(at, _)| *at < stopped).collect();
    // One that was taken, and those of the time in which the collector hung.
    assert!(until_stop.len() >= 3, "{stamps:?}, stopped at {stopped}");
    assert_whole(&until_stop);
}

#[test]
fn what_is_fetched_is_what_is_pushed_and_promtool_has_nothing_to_say() {
    let [port] = ports();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hostwatch.prom");
    let bench = bench(&format!(
        "    local: {{prometheus: \"127.0.0.1:{port}\"}}\n    node: {{textfile: {}}}",
        file.display()
    ));
    let node = NodeExporter::start(folder.path());
    let targets = vec![format!("127.0.0.1:{port}")];
    let scraper = Prometheus::start(&prometheus::Options { targets, ..Default::default() });
    let mut agent = bench.start_live();
    wait_for("the file is there", SOON, || file.exists());
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(promtool("metrics", &text), Ok(String::new()), "{text}");
    let handed = node.metrics();
    assert!(handed.contains("hostwatch_check_state{check=\"lot\""), "{handed}");
    assert!(handed.contains("node_textfile_scrape_error 0"), "{handed}");
    wait_for("Prometheus has fetched", SOON, || {
        !scraper.query("hostwatch_check_state{check=\"lot\"}", now_ms()).is_empty()
    });
    // node_exporter's own names for what it knows too.
    for name in ["node_load1", "node_filesystem_avail_bytes", "node_filesystem_size_bytes"] {
        assert!(!scraper.query(name, now_ms()).is_empty(), "{name}");
    }
    let up = scraper.query("hostwatch_forward_up", now_ms());
    assert_eq!(up.len(), 2, "{up:?}");
    agent.stop();
    wait_for("nothing is served any more", SOON, || {
        scraper.query("up", now_ms()).first().is_some_and(|sample| sample.value == 0.0)
    });
}

#[test]
fn alertmanager_hears_of_a_problem_and_of_its_end() {
    let alertmanager = Alertmanager::start("5m");
    let bench = bench(&format!("    am: {{alertmanager: [\"{}\"]}}", alertmanager.url()));
    let _agent = bench.start();
    wait_for("the load is read", SOON, || bench.state_of("lot:all").as_deref() == Some("ok"));
    bench.load(9.0);
    let told = |status: &str| {
        let wanted = labels(&[("check", "lot"), ("severity", "critical")]);
        let told = alertmanager.told();
        told.into_iter().any(|one| {
            one.status == status && wanted.iter().all(|(k, v)| one.labels.get(k) == Some(v))
        })
    };
    wait_for("it fires", SOON, || told("firing"));
    assert!(!told("resolved"));
    bench.load(0.0);
    wait_for("it is over", SOON, || told("resolved"));
}

#[test]
fn an_outlet_is_proven_by_a_sample_that_is_found() {
    let collector = VictoriaMetrics::start(&victoria::Options::default());
    let bench = bench(&format!(
        "    vm: {{remote_write: \"{}/api/v1/write\"}}\n    gone: {{graphite: \"127.0.0.1:1\"}}",
        collector.url()
    ));
    let config = bench.path("hostwatch.yaml");
    let ask = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hostwatch"));
        command.args(["forward", "test"]).args(more).arg("--config").arg(&config);
        let output = command.output().unwrap();
        let (out, err) = (&output.stdout, &output.stderr);
        let text = [out.as_slice(), err].concat();
        (output.status.code(), String::from_utf8_lossy(&text).into_owned())
    };
    let (code, text) = ask(&["vm"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("clocks") || text.contains("agree"), "{text}");
    assert!(text.contains("found    by GET "), "{text}");
    assert_eq!(collector.export("hostwatch_forward_test").len(), 1);
    let (code, text) = ask(&[]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("gone") && text.contains("connection refused"), "{text}");
    let (code, text) = ask(&["vm", "--json"]);
    assert_eq!(code, Some(0), "{text}");
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["outlets"][0]["works"], true, "{text}");
    let (code, text) = ask(&["wm"]);
    assert_eq!(code, Some(64), "{text}");
    assert!(text.contains("there are: gone, vm") || text.contains("there are: vm, gone"), "{text}");
    bench.configure("version: 1\n");
    assert_eq!(ask(&[]).0, Some(64));
}

#[test]
fn outlets_are_changed_by_a_reload() {
    let collector = VictoriaMetrics::start(&victoria::Options::default());
    let bench = bench("    dead: {remote_write: \"http://127.0.0.1:1/api/v1/write\"}");
    let agent = bench.start();
    wait_for("there is a forwarder", SOON, || forwarder(&agent).is_some());
    let url = collector.url();
    let both = format!("    vm: {{remote_write: \"{url}/api/v1/write\"}}");
    bench.configure(&config(&bench, &both));
    assert!(bench.output("reload").status.success());
    wait_for("the new one is served", SOON, || !series(&collector, BATCH).is_empty());
    assert!(bench.state_of("agent:forward/vm").is_some());
    assert_eq!(bench.state_of("agent:forward/dead"), None);
    bench.configure(&config(&bench, "    {}"));
    assert!(bench.output("reload").status.success(), "{}", bench.log());
    wait_for("there is none", SOON, || forwarder(&agent).is_none());
    assert_eq!(bench.state_of("agent:forward/vm"), None);
}
