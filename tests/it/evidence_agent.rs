//! The agent and its gathering child: the answer reaches the notice, and a child that hangs costs
//! nothing but its answer.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hostwatch::evidence::child::Answer;
use hostwatch::host::converse::{Broken, Peer, converse};
use hostwatch::model::unit::Span;

use crate::agent::{Bench, wait_for};
use crate::evidence::inquiry;
use crate::hung_mount::{FUSE_LOOKUP, FUSE_OPENDIR, Silent};

fn config(maildir: &Path, limit: f64) -> String {
    format!(
        "version: 1
defaults: {{every: 1s, timeout: 1s, for: 0s, recover_for: 0s}}
mail: {{group_wait: 0s, via: [{{maildir: {}}}]}}
checks:
  load: {{for: 0s, crit: {{load1: {limit}}}}}
",
        maildir.display()
    )
}

fn mails(maildir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(maildir.join("new")).into_iter().flatten().flatten();
    entries.map(|entry| std::fs::read_to_string(entry.path()).unwrap()).collect()
}

#[test]
fn the_child_answers_by_lines_and_the_last_one_has_all() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hostwatch"))
        .args(["gather", "20000"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let question = serde_json::to_vec(&inquiry("memory", "all", "available_percent")).unwrap();
    child.stdin.take().unwrap().write_all(&question).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let lines = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Answer> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = answers.last().unwrap();
    assert!(last.done && last.number == 7 && answers.len() >= 2, "{answers:?}");
    assert!(last.evidence.sections[0].heading.starts_with("Memory and swap in use"), "{last:?}");
    assert!(answers.iter().rev().skip(1).all(|answer| !answer.done));
}

#[test]
fn the_answer_reaches_the_notice() {
    let bench = Bench::new("");
    let maildir = bench.path("Maildir");
    // Whatever the load is, it is too high.
    bench.configure(&config(&maildir, 0.0));
    let _agent = bench.start_live();
    wait_for("a mail", Duration::from_secs(40), || !mails(&maildir).is_empty());
    // The journal keeps the notice until the mail is composed, with what was found.
    let mut kept = String::new();
    for entry in std::fs::read_dir(bench.path("state")).unwrap().flatten() {
        let bytes = std::fs::read(entry.path()).unwrap_or_default();
        kept.push_str(&String::from_utf8_lossy(&bytes));
    }
    assert!(kept.contains("CPU over 5s: "), "{}", bench.log());
}

#[test]
fn a_person_can_ask_who_is_behind_it_now() {
    let bench = Bench::new("version: 1\n");
    let _agent = bench.start_live();
    wait_for("memory is watched", Duration::from_secs(20), || {
        bench.state_of("memory:all").is_some()
    });
    let told = bench.output("explain memory:all --culprits");
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains("\n  Memory and swap in use: "), "{told}");
    let told = bench.output("explain memory:all --culprits --json");
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    let heading = told["culprits"]["sections"][0]["heading"].as_str().unwrap();
    assert!(heading.starts_with("Memory and swap in use: "), "{told}");
    assert_eq!(told["id"], "memory:all");
}

#[test]
fn a_child_that_hangs_in_the_kernel_is_given_up_at_its_deadline() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path().join("silent");
    let silent = Silent::mount(&at, FUSE_OPENDIR);
    // As if it were a disk's: a program's own type would not be walked.
    let mut question = inquiry("filesystem", at.to_str().unwrap(), "used_percent");
    question.facts = vec![("fstype".to_owned(), "ext4".to_owned())];
    let question = serde_json::to_vec(&question).unwrap();
    let arguments = ["gather", "20000"].map(OsStr::new);
    let program = Path::new(env!("CARGO_BIN_EXE_hostwatch"));
    let peer = Peer { program, arguments: &arguments, name: "the child", line_bytes: 1 << 20 };
    let started = Instant::now();
    let outcome = converse(peer, &question, Span::from_secs(3), &mut |answer: Answer| answer.done);
    assert_eq!(outcome, Err(Broken::TimedOut));
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    silent.asked.try_recv().expect("the child was in the mount");
}

#[test]
fn mail_goes_out_in_time_and_checks_go_on_while_a_child_hangs() {
    let bench = Bench::new("");
    let maildir = bench.path("Maildir");
    bench.configure(&config(&maildir, 5.0));
    // Reading about this process never returns, for the child alone: the agent has no need to.
    let silent = Silent::mount(&bench.path("root/proc/4711"), FUSE_LOOKUP);
    let _agent = bench.start();
    wait_for("the load is watched", Duration::from_secs(10), || {
        bench.state_of("load:all").as_deref() == Some("ok")
    });
    bench.load(9.0);
    let began = Instant::now();
    silent.asked.recv_timeout(Duration::from_secs(10)).expect("the child looks at the process");
    let runs = || bench.report()["runs"].as_u64().unwrap();
    let before = runs();
    std::thread::sleep(Duration::from_secs(5));
    assert!(runs() - before >= 4, "only {} runs in 5 s", runs() - before);
    assert!(mails(&maildir).is_empty(), "the mail waits for what is behind it");
    wait_for("the mail goes out without", Duration::from_secs(35), || !mails(&maildir).is_empty());
    let waited = began.elapsed();
    assert!(waited < Duration::from_secs(32), "{waited:?}");
    assert!(mails(&maildir)[0].contains("Subject: CRIT "), "{:?}", mails(&maildir));
}
