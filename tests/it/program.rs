//! Events through programs: with which rights one runs, what it gets, and programs that misbehave.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hostwatch::model::limit::PROGRAM_TRIES;
use hostwatch::notify::hook::{Hook, Program};
use hostwatch::notify::mail::Form;
use hostwatch::notify::notice::Cause;
use hostwatch::notify::outbox::Fate;
use hostwatch::notify::relay::Relay;

use crate::agent::{Bench, wait_for};
use crate::delivery::send;
use crate::webhook::event;

/// A folder that everybody may enter, with a program in it, and one that everybody may write to.
struct Place(tempfile::TempDir);

impl Place {
    fn new(script: &str) -> Self {
        assert!(nix::unistd::geteuid().is_root(), "to become another user: use tests/run");
        let place = Self(tempfile::Builder::new().tempdir_in("/tmp").unwrap());
        mode(place.0.path(), 0o755);
        std::fs::create_dir(place.path("out")).unwrap();
        mode(&place.path("out"), 0o1777);
        std::fs::write(place.path("hook"), format!("#!/bin/sh\n{script}\n")).unwrap();
        mode(&place.path("hook"), 0o755);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn out(&self, name: &str) -> String {
        std::fs::read_to_string(self.path("out").join(name)).unwrap_or_default()
    }

    fn program(&self, arguments: &[&str]) -> Program {
        let mut argv = vec![self.path("hook").to_str().unwrap().to_owned()];
        argv.extend(arguments.iter().map(|word| (*word).to_owned()));
        Program { argv, user: None, attempt: 1 }
    }

    /// Runs the program for an event; the answer without its path.
    fn run(&self, program: Program) -> Fate {
        let hook = Relay::Hook(Hook::Program(program));
        let outcome = send(&event(Cause::Problem), vec![hook], Form::Event.deadline().to_std());
        assert_eq!(outcome.trouble, None, "{outcome:?}");
        let path = self.path("hook");
        let path = path.to_str().unwrap();
        let bare = |text: &String| text.replace(path, "hook");
        match &outcome.fates["webhook:phone"] {
            Fate::Accepted(text) => Fate::Accepted(bare(text)),
            Fate::Deferred(text) => Fate::Deferred(bare(text)),
            Fate::Delayed(text, wait) => Fate::Delayed(bare(text), *wait),
            Fate::Refused(text) => Fate::Refused(bare(text)),
        }
    }
}

fn mode(path: &Path, bits: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(bits)).unwrap();
}

fn accepted(text: &str) -> Fate {
    Fate::Accepted(text.to_owned())
}

#[test]
fn a_program_runs_as_nobody_with_nothing_of_the_agents() {
    let place = Place::new(
        "out=$1/out; cat /proc/self/status >$out/status; ls /proc/self/fd >$out/fds
cat /proc/self/limits >$out/limits; env | sort >$out/env; pwd >$out/cwd; umask >$out/umask
cut -d' ' -f1,5,6 /proc/$$/stat >$out/ids; cat >$out/event; shift; printf '%s|' \"$@\" >$out/arguments
echo first; echo done by $(id -un) >&2",
    );
    // As if whoever started the agent had left something open.
    let left_open = nix::unistd::dup(std::fs::File::open("/etc/passwd").unwrap()).unwrap();
    let base = place.0.path().to_str().unwrap();
    let program = place.program(&[base, "--flag", "a b; $(touch x)", ""]);
    assert_eq!(place.run(program), accepted("hook: done by nobody"));
    drop(left_open);
    let status = place.out("status");
    let line = |key: &str| {
        let found = status.lines().find_map(|line| line.strip_prefix(key));
        found.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("Uid:"), "65534 65534 65534 65534");
    assert_eq!(line("Gid:"), "65534 65534 65534 65534");
    assert_eq!(line("Groups:"), "", "no supplementary groups");
    for capabilities in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
        assert_eq!(line(capabilities), "0000000000000000", "{capabilities}");
    }
    // The fourth is the folder that `ls` itself has open.
    assert_eq!(place.out("fds"), "0\n1\n2\n3\n");
    let environment: Vec<String> = place.out("env").lines().map(str::to_owned).collect();
    let names: Vec<&str> = environment.iter().map(|line| line.split('=').next().unwrap()).collect();
    let shells = ["OLDPWD", "PWD", "SHLVL", "_"];
    let given: Vec<&str> = names.into_iter().filter(|name| !shells.contains(name)).collect();
    assert_eq!(
        given,
        [
            "HOSTWATCH_CHECK",
            "HOSTWATCH_EVENT",
            "HOSTWATCH_HOST",
            "HOSTWATCH_ID",
            "HOSTWATCH_PREVIOUS",
            "HOSTWATCH_STATE",
            "LANG",
            "PATH"
        ]
    );
    assert!(environment.contains(&"HOSTWATCH_STATE=critical".to_owned()));
    assert!(environment.contains(&"LANG=C.UTF-8".to_owned()));
    assert_eq!((place.out("cwd").as_str(), place.out("umask").as_str()), ("/\n", "0077\n"));
    let ids = place.out("ids");
    let ids: Vec<&str> = ids.split_whitespace().collect();
    assert!(ids[0] == ids[1] && ids[0] == ids[2], "a group and a session of its own: {ids:?}");
    assert!(place.out("limits").lines().any(|line| {
        line.starts_with("Max core file size") && line.split_whitespace().nth(4) == Some("0")
    }));
    assert_eq!(place.out("event"), format!("{}\n", event(Cause::Problem).bytes));
    assert_eq!(place.out("arguments"), "--flag|a b; $(touch x)||", "no shell looks at arguments");
}

#[test]
fn its_exit_status_is_the_answer() {
    let place = Place::new("echo \"why $1\"; exit \"$1\"");
    let exits = |code: &str, attempt| place.run(Program { attempt, ..place.program(&[code]) });
    assert_eq!(exits("0", 1), accepted("hook: why 0"));
    let later = "hook says not now (exit 75): why 75".to_owned();
    assert_eq!(exits("75", 1), Fate::Deferred(later.clone()));
    assert_eq!(exits("75", 99), Fate::Deferred(later), "for as long as mail is tried");
    assert_eq!(exits("3", 1), Fate::Deferred("hook failed (exit 3): why 3".to_owned()));
    let last = format!("hook failed (exit 3): why 3; tried {PROGRAM_TRIES} times");
    assert_eq!(exits("3", PROGRAM_TRIES), Fate::Refused(last));
    let place = Place::new("kill -9 $$");
    let killed = "hook was killed by a signal: it said nothing".to_owned();
    assert_eq!(place.run(place.program(&[])), Fate::Deferred(killed));
}

#[test]
fn what_hangs_floods_or_leaves_children_behind_is_ended() {
    // It ignores the request to end, and so does what it started.
    let place = Place::new(
        "trap '' TERM; (trap '' TERM; echo $$ >$1/out/pid; sleep 300) & echo waiting; sleep 300",
    );
    let base = place.0.path().to_str().unwrap().to_owned();
    let begin = Instant::now();
    match place.run(place.program(&[&base])) {
        Fate::Deferred(text) => {
            assert!(
                text.starts_with("hook did not end within 30s and was ended: waiting"),
                "{text}"
            );
        }
        fate => panic!("{fate:?}"),
    }
    assert!(begin.elapsed() < Duration::from_secs(50), "{:?}", begin.elapsed());
    assert_eq!(alive(&base), 0, "nothing of it is left");

    let place = Place::new("yes $(printf '%01000d' 1) | head -c 100000000; echo; echo end");
    assert_eq!(place.run(place.program(&[])), accepted("hook: end"));

    let place = Place::new("(sleep 300; :) & echo started");
    let base = place.0.path().to_str().unwrap().to_owned();
    let begin = Instant::now();
    assert_eq!(place.run(place.program(&[&base])), accepted("hook: started"));
    assert!(begin.elapsed() < Duration::from_secs(20), "its output is not waited for");
    assert_eq!(alive(&base), 0);
}

/// Processes whose arguments name this.
fn alive(word: &str) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| String::from_utf8_lossy(line).contains(word)).count()
}

#[test]
fn what_others_could_have_changed_is_not_started() {
    let place = Place::new("touch $1/out/ran");
    let base = place.0.path().to_str().unwrap().to_owned();
    let refused = |word: &str| match place.run(place.program(&[&base])) {
        Fate::Deferred(text) => assert!(text.contains(word), "{text}"),
        fate => panic!("{fate:?}"),
    };
    mode(&place.path("hook"), 0o775);
    refused("others can change this");
    mode(&place.path("hook"), 0o644);
    refused("not executable");
    mode(&place.path("hook"), 0o755);
    mode(place.0.path(), 0o777);
    refused("others can change this");
    mode(place.0.path(), 0o755);
    std::os::unix::fs::chown(place.path("hook"), Some(65_534), None).unwrap();
    refused("belongs neither to root");
    std::os::unix::fs::chown(place.path("hook"), Some(0), None).unwrap();
    let nobody = Program { user: Some("no-such-user".to_owned()), ..place.program(&[&base]) };
    assert_eq!(
        place.run(nobody),
        Fate::Deferred("hook says not now (exit 75): there is no user no-such-user".to_owned())
    );
    assert!(!place.path("out/ran").exists(), "it never ran");
    assert!(matches!(place.run(place.program(&[&base])), Fate::Accepted(_)));
    assert!(place.path("out/ran").exists());
}

#[test]
fn an_agent_that_is_killed_takes_its_program_along_and_tells_again() {
    let place =
        Place::new("echo $HOSTWATCH_ID >>$1/out/ids; [ -e $1/out/go ] || { sleep 300; :; }");
    let base = place.0.path().to_str().unwrap().to_owned();
    let bench = Bench::new(&format!(
        "version: 1
defaults: {{every: 1s, timeout: 1s, for: 0s, recover_for: 0s}}
contacts: {{root: {{mail: [root@example.net]}}}}
on_change: {{exec: [\"{}\", \"{base}\"]}}
mail: {{group_wait: 0s, via: [{{maildir: \"{base}/mail\"}}]}}
checks:
  load: {{enabled: false}}
  busy: {{kind: load, crit: {{load1: 5}}}}
  cpu: {{enabled: false}}
  memory: {{enabled: false}}
",
        place.path("hook").display()
    ));
    bench.load(9.0);
    let mut agent = bench.start();
    let soon = Duration::from_secs(30);
    let ids = || place.out("ids").lines().map(str::to_owned).collect::<Vec<_>>();
    wait_for("the program runs", soon, || ids().len() == 1 && alive(&base) == 1);
    agent.kill();
    wait_for("the program is gone", soon, || alive(&base) == 0);
    std::fs::write(place.path("out/go"), "").unwrap();
    let _again = bench.start();
    wait_for("it is told again", soon, || ids().len() >= 2);
    assert_eq!(ids()[0], ids()[1], "under the same id");
    wait_for("nothing waits", soon, || {
        let report = bench.report();
        report["mail"]["waiting"].as_array().is_some_and(Vec::is_empty)
    });
}
