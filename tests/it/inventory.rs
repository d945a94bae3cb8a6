//! `init`, `detect` and what is pinned, with the real agent on a machine that loses a disk. Owns
//! no rule of the engine: the scenarios do.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use crate::agent::{Bench, wait_for};

const STAT: &str = " 1 0 8 1 1 0 8 1 0 2 2\n";

/// A machine with these disks.
fn disks(root: &Path, names: &[&str]) {
    let text: String = names
        .iter()
        .enumerate()
        .map(|(n, name)| format!("   8 {:>7} {name}{STAT}", n * 16))
        .collect();
    let new = root.join("proc/diskstats.new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, root.join("proc/diskstats")).unwrap();
}

fn hostwatch(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hostwatch"))
        .args(arguments)
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}

/// Paths of a bench as arguments.
struct Paths {
    root: String,
    config: String,
    directory: String,
}

impl Paths {
    fn of(bench: &Bench) -> Self {
        let path = |below: &str| bench.path(below).display().to_string();
        Self { root: path("root"), config: path("hostwatch.yaml"), directory: path("") }
    }

    fn init(&self, more: &[&str]) -> Output {
        let mut all = vec!["init", "--root", &self.root, "--dir", &self.directory];
        all.extend(more);
        hostwatch(&all)
    }

    fn detect(&self, more: &[&str]) -> Output {
        let mut all = vec!["detect", "--root", &self.root, "--config", &self.config];
        all.extend(more);
        hostwatch(&all)
    }
}

#[test]
fn what_init_pins_is_missed_over_restart_and_reload_until_it_is_accepted() {
    let bench = Bench::new("mail: {via: [{maildir: /nonexistent/never}]}\n");
    let paths = Paths::of(&bench);
    disks(&bench.path("root"), &["sda", "sdb"]);
    let output = paths.init(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("Left alone"), "its own file was there: {}", text(&output));
    assert_eq!(paths.detect(&["--diff"]).status.code(), Some(0), "nothing differs yet");
    let mut agent = bench.start();
    let state = |id: &str| bench.state_of(id);
    let limit = Duration::from_secs(30);
    wait_for("the disks", limit, || state("disk_io:sdb").as_deref() == Some("ok"));
    agent.stop();
    disks(&bench.path("root"), &["sda"]);
    // The minute of grace is the agent's own; it is shown in virtual time by the scenarios.
    let mut agent = bench.start();
    let minutes = Duration::from_secs(100);
    wait_for("the missing disk", minutes, || state("disk_io:sdb").as_deref() == Some("critical"));
    let report = bench.report().to_string();
    assert!(report.contains("missing: was pinned by"), "{report}");
    agent.kill();
    let mut agent = bench.start();
    wait_for("the restart", limit, || state("disk_io:sdb").as_deref() == Some("critical"));
    let output = bench.output("reload");
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(state("disk_io:sdb").as_deref(), Some("critical"), "a reload changes nothing");
    let output = paths.detect(&["--diff"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).starts_with("missing  disk_io:sdb"), "{}", text(&output));
    disks(&bench.path("root"), &["sda", "sdb"]);
    wait_for("the disk again", minutes, || state("disk_io:sdb").as_deref() == Some("ok"));
    disks(&bench.path("root"), &["sda", "sdc"]);
    let output = paths.detect(&["accept", "disk_io:sdb"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("forgotten  disk_io:sdb"), "{}", text(&output));
    let output = paths.detect(&["accept", "--all"]);
    assert!(text(&output).contains("pinned     disk_io:sdc"), "{}", text(&output));
    assert!(bench.output("reload").status.success());
    wait_for("the new disk", minutes, || state("disk_io:sdc").as_deref() == Some("ok"));
    wait_for("the old one's end", minutes, || state("disk_io:sdb").is_none());
    agent.stop();
}

#[test]
fn init_writes_once_and_never_again() {
    let bench = Bench::new("");
    std::fs::remove_file(bench.path("hostwatch.yaml")).unwrap();
    disks(&bench.path("root"), &["sda"]);
    let paths = Paths::of(&bench);
    let output = paths.init(&["--dry-run", "--mail-to", "ops@example.net"]);
    assert!(text(&output).contains("ops@example.net"), "{}", text(&output));
    assert!(!bench.path("hostwatch.yaml").exists() && !bench.path("conf.d").exists());
    let asked = ["--yes", "--mail-to", "ops@example.net", "--relay", "mx1.example.net:587"];
    let output = paths.init(&asked);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let read = |name: &str| std::fs::read_to_string(bench.path(name)).unwrap();
    let (main, pins) = (read("hostwatch.yaml"), read("conf.d/10-detected.yaml"));
    assert!(main.contains("mx1.example.net:587") && pins.contains("\"sda\""), "{main}{pins}");
    let output = hostwatch(&["validate", &paths.config]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    disks(&bench.path("root"), &["sda", "sdb"]);
    let output = paths.init(&["--yes", "--mail-to", "other@example.net"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert_eq!(text(&output).matches("Left alone").count(), 2, "{}", text(&output));
    assert_eq!((read("hostwatch.yaml"), read("conf.d/10-detected.yaml")), (main, pins));
    let output = paths.detect(&["--diff", "--json"]);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["differences"][0]["id"], "disk_io:sdb");
    assert_eq!(answer["differences"][0]["change"], "new");
}

#[test]
fn init_refuses_what_is_wrong_and_writes_nothing() {
    let bench = Bench::new("");
    std::fs::remove_file(bench.path("hostwatch.yaml")).unwrap();
    let paths = Paths::of(&bench);
    let output = paths.init(&["--yes", "--mail-to", "no address", "--relay", "mx1:99999"]);
    assert_eq!(output.status.code(), Some(64), "{}", text(&output));
    assert!(!bench.path("hostwatch.yaml").exists() && !bench.path("conf.d").exists());
    bench.configure("chekcs: {}\n");
    let output = paths.init(&["--yes"]);
    assert_eq!(output.status.code(), Some(78), "{}", text(&output));
    assert!(!bench.path("conf.d").exists());
}

/// The ids that a machine is judged by.
fn ids(arguments: &[&str]) -> Vec<String> {
    let output = hostwatch(arguments);
    let answer: serde_json::Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output)));
    let results = answer["results"].as_array().unwrap();
    results.iter().map(|result| result["id"].as_str().unwrap().to_owned()).collect()
}

/// Every text below a folder: contents, names, targets of links.
fn everything(folder: &Path, into: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        into.push_str(&format!("\n{}\n", path.file_name().unwrap().to_string_lossy()));
        let facts = path.symlink_metadata().unwrap();
        if facts.is_symlink() {
            into.push_str(&std::fs::read_link(&path).unwrap().to_string_lossy());
        } else if facts.is_dir() {
            everything(&path, into);
        } else {
            into.push_str(&String::from_utf8_lossy(&std::fs::read(&path).unwrap()));
        }
    }
}

/// What must not leave this machine.
fn secrets() -> Vec<String> {
    let mut list = Vec::new();
    let mut add = |path: &Path| {
        let value = std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        let blank = value.chars().all(|c| matches!(c, '0' | ':' | 'f'));
        if value.len() > 1 && !blank && !value.starts_with("localhost") {
            list.push(value);
        }
    };
    add(Path::new("/proc/sys/kernel/hostname"));
    for class in ["/sys/class/net", "/sys/block"] {
        for entry in std::fs::read_dir(class).into_iter().flatten() {
            let path = entry.unwrap().path();
            for name in ["address", "serial", "device/serial", "wwid", "device/wwid"] {
                add(&path.join(name));
            }
        }
    }
    list
}

#[test]
fn a_capture_is_judged_like_the_machine_and_names_nobody() {
    let bench = Bench::new("");
    let place = bench.path("capture").display().to_string();
    let output = hostwatch(&["capture", &place]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let config = bench.path("hostwatch.yaml").display().to_string();
    let live = ids(&["check", "--json", "--config", &config]);
    assert_eq!(ids(&["check", "--json", "--root", &place]), live);
    let mut all = String::new();
    everything(&bench.path("capture"), &mut all);
    let words: std::collections::BTreeSet<&str> =
        all.split(|c: char| c.is_whitespace() || "/\"',=".contains(c)).collect();
    for secret in secrets() {
        assert!(!words.contains(secret.as_str()), "`{secret}` is in the capture");
    }
    let output = hostwatch(&["capture", &place]);
    assert_eq!(output.status.code(), Some(1), "what is there is not written over");
    let plain = bench.path("plain").display().to_string();
    assert_eq!(hostwatch(&["capture", "--no-scrub", &plain]).status.code(), Some(0));
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let kept = bench.path("plain/proc/sys/kernel/hostname");
    assert_eq!(std::fs::read_to_string(kept).unwrap(), name);
}
