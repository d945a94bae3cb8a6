//! The commands as scripts and people use them: what they print, and how they exit.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::agent::{Bench, wait_for};
use crate::sink::{Sink, free_port};

const SOON: Duration = Duration::from_secs(15);

/// One check on the load, with what a test adds to the defaults and to the check.
fn config(port: u16, defaults: &str, check: &str) -> String {
    format!(
        "version: 1
defaults: {{every: 1s, timeout: 1s{defaults}}}
contacts: {{ops: {{mail: [ops@example.net]}}}}
mail:
  from: hostwatch@example.net
  group_wait: 0s
  via: [{{smtp: \"127.0.0.1:{port}\", tls: none}}]
checks:
  busy: {{kind: load, crit: {{load1: 50}}, advice: \"look at top\"{check}}}
"
    )
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `check` on the machine of a bench.
fn check(bench: &Bench, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hostwatch"))
        .arg("check")
        .arg("--config")
        .arg(bench.path("hostwatch.yaml"))
        .arg("--root")
        .arg(bench.path("root"))
        .args(more)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn check_judges_at_once_and_exits_by_the_worst_state() {
    let bench = Bench::new(&config(1, ", for: 0s", ""));
    bench.load(3.5);
    let quiet = check(&bench, &["busy:all", "-q"]);
    assert_eq!((quiet.status.code(), text(&quiet.stdout).as_str()), (Some(0), ""));
    let fine = check(&bench, &["busy:all"]);
    assert_eq!(fine.status.code(), Some(0), "{fine:?}");
    assert!(text(&fine.stdout).contains("ok        busy:all"), "{fine:?}");

    bench.load(77.0);
    let quiet = check(&bench, &["busy:all", "-q"]);
    assert_eq!(quiet.status.code(), Some(2), "{quiet:?}");
    assert!(text(&quiet.stdout).contains("critical  busy:all  "), "{quiet:?}");
    assert!(text(&quiet.stdout).contains("77") && text(&quiet.stdout).contains("limit 50"));

    let json = check(&bench, &["busy:*", "--json"]);
    assert_eq!(json.status.code(), Some(2));
    let answer: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(answer["v"], 1);
    let [result] = answer["results"].as_array().unwrap().as_slice() else { panic!("{answer}") };
    for (name, value) in [
        ("id", "busy:all"),
        ("check", "busy"),
        ("kind", "load"),
        ("instance", "all"),
        ("state", "critical"),
    ] {
        assert_eq!(result[name], value, "{answer}");
    }
    assert_eq!(result["readings"]["load1"], 77.0);

    let nagios = check(&bench, &["busy:all", "--nagios"]);
    let line = text(&nagios.stdout);
    assert_eq!(nagios.status.code(), Some(2));
    assert!(line.starts_with("LOAD CRITICAL - all "), "{line}");
    let (words, data) = line.trim_end().split_once(" | ").unwrap();
    assert!(!words.contains('|') && line.lines().count() == 1, "{line}");
    assert!(data.contains("'all load1'=77;;50"), "{line}");
}

#[test]
fn check_says_unknown_for_what_it_cannot_judge() {
    let bench = Bench::new(&config(1, ", for: 0s", ""));
    for wrong in [vec!["--jsn"], vec!["nothing:*"], vec!["[a-"]] {
        let output = check(&bench, &wrong);
        assert_eq!(output.status.code(), Some(3), "{wrong:?}: {output:?}");
        assert!(!output.stderr.is_empty(), "{wrong:?} says why");
    }
    std::fs::write(bench.path("root/proc/loadavg"), "no numbers here\n").unwrap();
    let broken = check(&bench, &["busy:all"]);
    assert_eq!(broken.status.code(), Some(3), "{broken:?}");
    assert!(text(&broken.stdout).contains("unknown   busy:all"), "{broken:?}");
    bench.configure("version: 1\nchecks: {busy: {kind: load, krit: {load1: 1}}}\n");
    assert_eq!(check(&bench, &[]).status.code(), Some(78));
}

#[test]
fn a_rule_on_its_way_is_shown_with_when_it_would_fire() {
    let sink = Sink::start();
    let bench = Bench::new(&config(sink.port, "", ", for: 2h"));
    bench.load(77.0);
    let _agent = bench.start();
    wait_for("the window fills", SOON, || {
        bench.report()["instances"].to_string().contains("entering")
    });
    let report = bench.report();
    assert_eq!(report["v"], 1);
    let find = |value: &serde_json::Value| {
        let all = value["instances"].as_array().unwrap().clone();
        all.into_iter().find(|instance| instance["id"] == "busy:all").unwrap()
    };
    let load = find(&report);
    assert_eq!((&load["check"], &load["instance"]), (&"busy".into(), &"all".into()));
    assert!(load["lasted_ms"].is_u64() && load["age_ms"].is_u64(), "{load}");
    let window = &load["windows"][0];
    assert_eq!(window["level"], "critical");
    assert_eq!(window["needs_ms"], 7_200_000);
    // Times as every language reads them, and in the right order.
    let times = [&report["started"], &report["at"], &window["due"]].map(|time| {
        let time = time.as_str().unwrap_or_else(|| panic!("{report}"));
        assert!(time.len() == "2026-11-23T02:12:00.120Z".len() && time.ends_with('Z'), "{time}");
        time.to_owned()
    });
    assert!(times.is_sorted(), "{times:?}");

    let status = text(&bench.output("status --problems").stdout);
    assert!(status.contains("/2h bad") && status.contains("critical in "), "{status}");
    let explain = text(&bench.output("explain busy:all").stdout);
    for words in [
        "busy:all is ok for",
        "heading for critical",
        "load1 >= 50 for 2h",
        "would be critical at",
        "ops (ops@example.net): nothing to tell: it is ok",
        "look at top",
    ] {
        assert!(explain.contains(words), "{words}: {explain}");
    }
    let json: serde_json::Value =
        serde_json::from_slice(&bench.output("explain busy:all --json").stdout).unwrap();
    assert_eq!(json["explanation"]["levels"][0]["level"], "critical");
    assert_eq!(json["explanation"]["recipients"][0]["contact"], "ops");
}

#[test]
fn a_recovery_on_its_way_is_shown_with_when_it_would_be_over() {
    let sink = Sink::start();
    let bench = Bench::new(&config(sink.port, ", for: 0s, recover_for: 1h", ""));
    bench.load(77.0);
    let _agent = bench.start();
    wait_for("the problem is told", SOON, || sink.received().len() == 1);
    let explain = text(&bench.output("explain busy:all").stdout);
    assert!(explain.contains("was told; told again when it gets worse or is over"), "{explain}");
    assert!(explain.contains("1 mail, it said critical"), "{explain}");
    bench.load(1.0);
    wait_for("the recovery is on its way", SOON, || {
        text(&bench.output("status").stdout).contains("/1h good")
    });
    let status = bench.output("status");
    assert_eq!(status.status.code(), Some(2), "it is not over yet");
    assert!(text(&status.stdout).contains("clears in "), "{status:?}");
    let explain = text(&bench.output("explain busy:all").stdout);
    assert!(explain.contains("would be over at"), "{explain}");
}

#[test]
fn a_test_mail_arrives_or_the_command_says_why_not() {
    let sink = Sink::start();
    let bench = Bench::new(&config(sink.port, "", ""));
    let mail_test = |more: &[&str]| {
        let mut command = bench.command("mail test");
        command.arg("--config").arg(bench.path("hostwatch.yaml")).args(more).output().unwrap()
    };
    let sent = mail_test(&[]);
    let story = text(&sent.stdout);
    assert_eq!(sent.status.code(), Some(0), "{sent:?}");
    assert!(story.contains("accepted ops@example.net: 127.0.0.1:"), "{story}");
    let [mail, second] = &sink.received()[..] else { panic!("{:?}", sink.received()) };
    assert_eq!(mail.recipients, ["ops@example.net"]);
    assert!(mail.header("Subject").unwrap().starts_with("TEST "), "{mail:?}");
    assert_eq!(second.header("References"), mail.header("Message-ID"));

    let wrong = mail_test(&["nobody"]);
    assert_eq!(wrong.status.code(), Some(64), "{wrong:?}");
    assert!(text(&wrong.stderr).contains("the configuration has ops"), "{wrong:?}");

    bench.configure(&config(free_port(), "", ""));
    let failed = mail_test(&[]);
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
    assert!(text(&failed.stdout).contains("failed "), "{failed:?}");
}

#[test]
fn what_waits_is_shown_and_goes_out_when_asked() {
    let port = free_port();
    let bench = Bench::new(&config(port, ", for: 0s", ""));
    bench.load(77.0);
    let _agent = bench.start();
    let queue = || -> serde_json::Value {
        serde_json::from_slice(&bench.output("mail queue --json").stdout).unwrap_or_default()
    };
    wait_for("the mail was tried", SOON, || queue()["waiting"][0]["attempts"] == 1);
    wait_for("and its failure is known", SOON, || queue()["trouble"].is_string());
    let waiting = &queue()["waiting"][0];
    assert!(waiting["subject"].as_str().unwrap().starts_with("CRIT "), "{waiting}");
    assert_eq!(waiting["recipients"][0], "ops@example.net");
    assert!(waiting["made"].as_str().unwrap().ends_with('Z'), "{waiting}");
    assert!(waiting["next_in_ms"].as_u64().unwrap() <= 30_000, "{waiting}");
    let told = text(&bench.output("mail queue").stdout);
    assert!(told.contains("CRIT ") && told.contains("ops@example.net"), "{told}");
    let explain = text(&bench.output("explain busy:all").stdout);
    assert!(explain.contains("ops (ops@example.net)"), "{explain}");
    assert!(text(&bench.output("status").stdout).contains("1 mail waits: "));

    let sink = Sink::start_at(port);
    let flush = bench.output("mail flush");
    assert_eq!(flush.status.code(), Some(0), "{flush:?}");
    wait_for("it arrived", SOON, || sink.received().len() == 1);
    wait_for("nothing waits", SOON, || queue()["waiting"].as_array().is_some_and(Vec::is_empty));
}

/// `doctor` on the machine of a bench.
fn doctor(bench: &Bench, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hostwatch"))
        .arg("doctor")
        .arg("--config")
        .arg(bench.path("hostwatch.yaml"))
        .arg("--root")
        .arg(bench.path("root"))
        .args(more)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn doctor_says_what_is_missing_and_what_to_do_and_exits_by_it() {
    let bench = Bench::new(&config(1, "", ""));
    let fine = doctor(&bench, &[]);
    assert_eq!(fine.status.code(), Some(0), "{fine:?}");
    assert!(text(&fine.stdout).contains("ok       bmc"), "{fine:?}");
    assert!(text(&fine.stdout).ends_with("nothing is missing\n"), "{fine:?}");

    std::fs::create_dir_all(bench.path("root/sys/bus/acpi/devices/IPI0001:00")).unwrap();
    let lacking = doctor(&bench, &[]);
    let said = text(&lacking.stdout);
    assert_eq!(lacking.status.code(), Some(1), "{said}");
    assert!(said.contains("missing  bmc      this machine has one (ACPI"), "{said}");
    assert!(said.contains("-> load the modules: modprobe"), "{said}");
    assert!(said.ends_with("1 thing is missing\n") && said.lines().count() < 24, "{said}");

    let json = doctor(&bench, &["--json"]);
    let answer: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&answer["v"], &answer["missing"]), (&1.into(), &1.into()), "{answer}");
    let findings = answer["findings"].as_array().unwrap();
    let bmc = findings.iter().find(|finding| finding["about"] == "bmc").unwrap();
    assert_eq!(bmc["ok"], false);
    assert!(bmc["todo"].as_str().unwrap().contains("modprobe"), "{answer}");

    bench.configure("version: 1\nbmc: {hots: 192.0.2.10}\n");
    let wrong = doctor(&bench, &[]);
    assert_eq!(wrong.status.code(), Some(1), "{wrong:?}");
    assert!(text(&wrong.stdout).contains("-> hostwatch validate"), "{wrong:?}");
}

#[test]
fn doctor_names_a_raid_controller_without_its_tool() {
    let bench = Bench::new("version: 1\n");
    let device = bench.path("root/sys/bus/pci/devices/0000:01:00.0");
    std::fs::create_dir_all(&device).unwrap();
    for (name, value) in [
        ("class", "0x010400"),
        ("vendor", "0x1000"),
        ("device", "0x005d"),
        ("subsystem_vendor", "0x1028"),
    ] {
        std::fs::write(device.join(name), format!("{value}\n")).unwrap();
    }
    let lacking = doctor(&bench, &[]);
    let said = text(&lacking.stdout);
    assert_eq!(lacking.status.code(), Some(1), "{said}");
    assert!(
        said.contains("missing  raid:pci-0000:01:00.0 ") && said.contains("not watched"),
        "{said}"
    );
    assert!(said.contains("-> install the vendor's tool"), "{said}");
}

#[test]
fn doctor_names_the_agent_that_runs_and_its_user() {
    let sink = Sink::start();
    let bench = Bench::new(&config(sink.port, ", for: 0s", ""));
    let ask = || {
        let mut command = bench.command("doctor --json");
        command.arg("--config").arg(bench.path("hostwatch.yaml"));
        let answer: serde_json::Value =
            serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
        let findings = answer["findings"].as_array().unwrap().clone();
        findings.into_iter().find(|finding| finding["about"] == "agent").unwrap()
    };
    assert_eq!(ask()["ok"], false, "nothing runs yet");
    let _agent = bench.start();
    wait_for("it watches", SOON, || bench.state_of("busy:all").is_some());
    let found = ask();
    assert_eq!(found["ok"], true, "{found}");
    assert!(found["text"].as_str().unwrap().starts_with("runs as "), "{found}");
}

#[test]
fn detect_names_a_bmc_that_has_no_device() {
    let bench = Bench::new("version: 1\n");
    std::fs::create_dir_all(bench.path("root/sys/bus/acpi/devices/IPI0001:00")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_hostwatch"))
        .arg("detect")
        .arg("--root")
        .arg(bench.path("root"))
        .output()
        .unwrap();
    let said = text(&output.stdout);
    assert!(said.contains("  bmc: this machine has one") && said.contains("modprobe"), "{said}");
}
