//! What the running agent costs, as far as it can be counted: wake-ups, calls, writes, threads,
//! memory. What can only be timed is in `tests/bench`.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::agent::{Agent, Bench, wait_for};

/// The work that `tests/bench` compares with others.
const WORK: &str = "defaults: {every: 1s, timeout: 1s}
checks:
  filesystem: {select: {mount: [/]}, crit: {used: 100%}}
  cpu: {warn: {busy: 100%}, for: 1h}
  memory: {warn: {available: 0%}, crit: {available: 0%}, for: 1h}
  load: {warn: {load5_per_cpu: 900}, for: 1h}
  disk_io: {warn: {busy: 100%}, for: 1h}
  bandwidth: {select: {name: [lo]}, warn: {rx: 9Tbit/s}, for: 1h}
";

/// Nothing is due within the hour.
const IDLE: &str = "defaults: {every: 1h, timeout: 1s}
checks:
  load: {crit: {load1: 9000}, for: 0s}
";

/// A machine with this configuration and none of the built-in checks: each file of theirs is masked
/// by one of its name.
fn only(config: &str) -> Bench {
    let bench = Bench::new(config);
    std::fs::create_dir(bench.path("conf.d")).unwrap();
    for file in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("conf.d")).unwrap() {
        let name = file.unwrap().file_name();
        std::fs::write(bench.path("conf.d").join(name), "checks: {}\n").unwrap();
    }
    bench
}

/// Counters of a process, over all its threads.
#[derive(Debug, Clone, Copy)]
struct Spent {
    /// Times it went to sleep by itself, and so was woken.
    sleeps: u64,
    /// Calls of the read and of the write family (proc_pid_io(5)).
    reads: u64,
    writes: u64,
    threads: u64,
    /// Memory that is its alone and in no file.
    own_kib: u64,
}

fn number(text: &str, key: &str) -> u64 {
    let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_else(|| panic!("{key}"));
    line[key.len()..].split_whitespace().next().unwrap().parse().unwrap()
}

impl Spent {
    fn of(agent: &Agent) -> Self {
        let folder = format!("/proc/{}", agent.pid());
        let text = |name: &str| std::fs::read_to_string(format!("{folder}/{name}")).unwrap();
        let tasks = std::fs::read_dir(format!("{folder}/task")).unwrap();
        let statuses: Vec<String> = tasks
            .filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("status")).ok())
            .collect();
        let io = text("io");
        Self {
            sleeps: statuses.iter().map(|one| number(one, "voluntary_ctxt_switches:")).sum(),
            reads: number(&io, "syscr:"),
            writes: number(&io, "syscw:"),
            threads: u64::try_from(statuses.len()).unwrap(),
            own_kib: number(&text("smaps_rollup"), "Anonymous:"),
        }
    }
}

/// Seconds since boot: the agent's timeline on a fresh state directory.
fn uptime() -> f64 {
    let text = std::fs::read_to_string("/proc/uptime").unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}

/// Waits until the agent has done its first rounds and lies still, with `ahead` before it in which
/// the survey of each full minute does not fall.
fn settle(bench: &Bench, ahead: Duration) {
    wait_for("it watches", Duration::from_secs(20), || bench.state_of("load:all").is_some());
    let asked = Instant::now();
    wait_for("a stretch without a survey", Duration::from_secs(90), || {
        let second = uptime() % 60.0;
        // The answer to the question above, and the first rates, are over after two rounds.
        asked.elapsed() > Duration::from_secs(2)
            && second > 1.0
            && second + ahead.as_secs_f64() < 59.0
    });
}

/// What `rounds` wake-ups cost, and how long they took.
fn rounds(agent: &Agent, rounds: u64) -> (Spent, Spent, Duration) {
    let first = Spent::of(agent);
    let begun = Instant::now();
    wait_for("rounds", Duration::from_secs(3 * rounds), || {
        Spent::of(agent).sleeps >= first.sleeps + rounds
    });
    (first, Spent::of(agent), begun.elapsed())
}

/// Every file of a folder with its size and time of change.
fn state(folder: &Path) -> Vec<(std::ffi::OsString, u64, std::time::SystemTime)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let facts = entry.metadata().unwrap();
            (entry.file_name(), facts.len(), facts.modified().unwrap())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn a_round_is_one_wake_up_few_reads_and_no_write() {
    let bench = only(WORK);
    let agent = bench.start_live();
    settle(&bench, Duration::from_secs(16));
    let before = state(&bench.path("state"));
    // A file system that somebody mounts meanwhile wakes it too, but hardly three times in a row.
    let (first, last, took) =
        (0..3).map(|_| rounds(&agent, 4)).max_by_key(|(_, _, took)| *took).unwrap();
    assert!(took > Duration::from_millis(2900), "four wake-ups within {took:?}");
    let reads = last.reads - first.reads;
    assert!(reads <= 4 * 15, "{reads} reads in four rounds");
    assert_eq!(last.writes, first.writes, "writes in a steady state");
    assert_eq!(state(&bench.path("state")), before, "the state directory was written to");
    // Dispatcher, scribe, courier, control, console.
    assert!(last.threads <= 5, "{} threads", last.threads);
    assert_eq!(last.own_kib, first.own_kib, "memory grew within four rounds");
    assert!(last.own_kib < 2048, "{} KiB", last.own_kib);
}

#[test]
fn a_round_takes_at_most_thirty_system_calls() {
    let bench = only(WORK);
    let agent = bench.start_live();
    settle(&bench, Duration::from_secs(9));
    let pid = agent.pid().to_string();
    let mut strace = Command::new("strace")
        .args(["-f", "-q", "-o"])
        .arg(bench.path("calls"))
        .args(["-p", &pid])
        .stderr(Stdio::null())
        .spawn()
        .expect("strace is installed (tests/packages.txt)");
    let calls = || std::fs::read_to_string(bench.path("calls")).unwrap_or_default();
    let sleeps = |text: &str| text.matches(" ppoll(").count();
    wait_for("five rounds", Duration::from_secs(15), || sleeps(&calls()) >= 6);
    strace.kill().unwrap();
    strace.wait().unwrap();
    let text = calls();
    // From the first wake-up to the last call to sleep.
    let begin = text.find("ppoll resumed").or_else(|| text.find(" ppoll(")).unwrap();
    let within = &text[begin..text.rfind(" ppoll(").unwrap()];
    let rounds = sleeps(within) + 1;
    let calls = within.lines().filter(|line| line.contains('(')).count();
    assert!(calls <= 30 * rounds, "{calls} calls in {rounds} rounds:\n{within}");
    assert!(calls >= 5 * rounds, "{calls} calls in {rounds} rounds: was nothing read?\n{within}");
}

#[test]
fn nothing_wakes_when_nothing_is_due() {
    let bench = only(IDLE);
    // On a stand-in for a machine: what is mounted on this one meanwhile is an event.
    let agent = bench.start();
    settle(&bench, Duration::from_secs(5));
    let first = Spent::of(&agent);
    let begun = Instant::now();
    wait_for("four seconds", Duration::from_secs(5), || begun.elapsed() > Duration::from_secs(4));
    let last = Spent::of(&agent);
    assert_eq!((last.sleeps, last.reads), (first.sleeps, first.reads));
}

#[test]
fn a_thousand_checks_of_one_thing_read_it_once_and_are_small() {
    let many: String = (0..1000)
        .map(|n| format!("  load{n}: {{kind: load, crit: {{load1: 9000}}, for: 0s}}\n"))
        .collect();
    let one = IDLE.replace("every: 1h", "every: 1s");
    let few = only(&one);
    let agent = few.start_live();
    settle(&few, Duration::from_secs(4));
    let of_one = Spent::of(&agent).own_kib;
    let bench = only(&format!("{one}{many}"));
    let agent = bench.start_live();
    settle(&bench, Duration::from_secs(6));
    let (first, last, _) = rounds(&agent, 4);
    let reads = last.reads - first.reads;
    assert!(reads <= 4 * 2, "{reads} reads in four rounds");
    let each = (last.own_kib - of_one) * 1024 / 1000;
    assert!(each < 6 << 10, "{each} bytes a check");
}
