//! What must not move the agent: a mail server that stalls, reloads without end, being stopped for
//! a while, a boot clock that jumps (R5, R9, R11, R10).

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::agent::{Agent, Bench, wait_for};
use crate::hostile::{Fault, Peer, Step};
use crate::sink::Sink;

const SOON: Duration = Duration::from_secs(20);

/// Reloads in a normal run; `HOSTWATCH_RELOADS=1000` for the long one.
const RELOADS: u32 = 150;

fn config(port: u16, check: &str) -> String {
    format!(
        "version: 1
defaults: {{every: 1s, timeout: 1s, for: 0s, recover_for: 0s}}
contacts: {{ops: {{mail: [ops@example.net]}}}}
mail:
  from: hostwatch@example.net
  group_wait: 0s
  via: [{{smtp: \"127.0.0.1:{port}\", tls: none}}]
checks:
  busy: {{kind: load, crit: {{load1: 50}}{check}}}
"
    )
}

fn instance(bench: &Bench) -> serde_json::Value {
    let report = bench.report();
    let all = report["instances"].as_array().cloned().unwrap_or_default();
    all.into_iter().find(|instance| instance["id"] == "busy:all").unwrap_or_default()
}

/// A line of `/proc/PID/status` in KiB.
fn memory_kib(pid: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap()
}

fn descriptors(agent: &Agent) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", agent.pid())).unwrap().count()
}

#[test]
fn a_mail_server_that_never_speaks_moves_no_sample() {
    let tarpit = Peer::start(Fault::Silent(Step::Connect));
    let bench = Bench::new(&config(tarpit.port, ""));
    bench.load(77.0);
    let agent = bench.start();
    wait_for("a mail is under way", SOON, || bench.report()["mail"]["waiting"][0]["attempts"] == 1);
    let before = bench.report()["runs"].as_u64().unwrap();
    let begin = Instant::now();
    // The attempt is still under way when this ends: the server never says a word.
    while begin.elapsed() < Duration::from_secs(8) {
        let busy = instance(&bench);
        let age_ms = busy["age_ms"].as_u64().unwrap();
        assert!(age_ms < 2_000, "read {age_ms} ms ago, with an interval of 1 s");
        std::thread::sleep(Duration::from_millis(200));
    }
    let report = bench.report();
    let sources = 4; // processors, load, memory, and the disks of this bench
    let runs = report["runs"].as_u64().unwrap() - before;
    assert!((7..=10 * sources).contains(&runs), "{runs} runs in 8 s");
    assert_eq!(report["skipped"], 0);
    assert_eq!(report["mail"]["waiting"][0]["attempts"], 1, "still the first attempt");
    let peak_kib = memory_kib(agent.pid(), "VmHWM");
    assert!(peak_kib < 64 << 10, "the agent took {peak_kib} KiB");
}

#[test]
fn reloads_without_end_leak_nothing_and_keep_what_holds() {
    let reloads =
        std::env::var("HOSTWATCH_RELOADS").ok().and_then(|n| n.parse().ok()).unwrap_or(RELOADS);
    let sink = Sink::start();
    let good = [config(sink.port, ""), config(sink.port, ", advice: \"look at top\"")];
    let bad = config(sink.port, ", krit: {}");
    let bench = Bench::new(&good[0]);
    bench.load(77.0);
    let agent = bench.start();
    wait_for("the problem is told", SOON, || sink.received().len() == 1);
    let since = instance(&bench)["since"].clone();
    let reload = |text: &str, code: i32| {
        bench.configure(text);
        let output = bench.output("reload");
        assert_eq!(output.status.code(), Some(code), "{output:?}");
    };
    let round = |n: u32| match n % 3 {
        0 => reload(&bad, 78),
        n => reload(&good[n as usize - 1], 0),
    };
    // Memory of its own: pages of the program itself come and go with the page cache.
    // The first ones pay for what is then kept for the next.
    (0..30).for_each(round);
    let (files, kib) = (descriptors(&agent), memory_kib(agent.pid(), "RssAnon"));
    (0..reloads).for_each(round);
    reload(&good[0], 0);
    wait_for("no descriptor is left open", SOON, || descriptors(&agent) <= files);
    let grown = memory_kib(agent.pid(), "RssAnon").saturating_sub(kib);
    assert!(grown < 1024, "{grown} KiB more after {reloads} reloads");
    let busy = instance(&bench);
    assert_eq!((busy["state"].as_str(), &busy["since"]), (Some("critical"), &since));
    let about_load =
        sink.received().iter().filter(|mail| mail.message.contains("busy:all")).count();
    assert_eq!(about_load, 1, "told once, whatever was reloaded");
}

#[test]
fn time_in_which_the_agent_was_stopped_is_neither_good_nor_bad() {
    let sink = Sink::start();
    let bench = Bench::new(&config(sink.port, ", for: 9s"));
    bench.load(77.0);
    let agent = bench.start();
    let held_ms = || instance(&bench)["windows"][0]["held_ms"].as_u64();
    wait_for("the window fills", SOON, || held_ms().is_some_and(|held| held >= 2_000));
    let runs = || bench.report()["runs"].as_u64().unwrap();
    let (before, runs_before) = (held_ms().unwrap(), runs());
    agent.signal(Signal::SIGSTOP);
    // Longer than a gap that counts as unbroken (3 intervals), and enough to fire if it counted.
    std::thread::sleep(Duration::from_secs(8));
    agent.signal(Signal::SIGCONT);
    wait_for("it reads again", SOON, || runs() > runs_before);
    let after = held_ms().expect("it has not fired: 8 s of it were not seen");
    assert!(after >= before && after < before + 5_000, "{before} ms before, {after} ms after");
    assert!(runs() - runs_before < 16, "no burst of what was missed");
    wait_for("it fires in the end", SOON, || instance(&bench)["state"] == "critical");
    wait_for("and is told once", SOON, || sink.received().len() == 1);
}

#[test]
fn a_boot_clock_that_jumps_between_two_starts_fires_nothing() {
    let sink = Sink::start();
    let bench = Bench::new(&config(sink.port, ", for: 1h"));
    bench.load(77.0);
    let mut agent = bench.start();
    wait_for("the window fills", SOON, || !instance(&bench)["windows"][0].is_null());
    agent.stop();
    // A day later by the boot clock, at the same time by the wall clock.
    let later = bench.start_in_another_time(86_400);
    wait_for("it watches", SOON, || instance(&bench)["age_ms"].is_u64());
    let busy = instance(&bench);
    assert_eq!(busy["state"], "ok", "{busy}");
    let held_ms = busy["windows"][0]["held_ms"].as_u64().unwrap();
    assert!(held_ms < 60_000, "a day that nobody saw counts as {held_ms} ms");
    drop(later);
    // Back again: the timeline goes on, and never back.
    let _again = bench.start();
    wait_for("it watches again", SOON, || instance(&bench)["age_ms"].is_u64());
    let busy = instance(&bench);
    assert_eq!(busy["state"], "ok", "{busy}");
    assert!(sink.received().iter().all(|mail| !mail.message.contains("busy:all")));
}
