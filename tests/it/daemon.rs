//! The running agent as a user meets it: start, reload, second start, status, stop.

use std::time::Duration;

use crate::agent::{Bench, wait_for};

const QUIET: &str = "version: 1
defaults: {every: 1s, timeout: 1s, for: 0s, recover_for: 0s}
checks:
  load: {for: 0s, crit: {load1: 50}}
";

fn ready(bench: &Bench) {
    wait_for("it watches", Duration::from_secs(10), || bench.state_of("load:all").is_some());
}

#[test]
fn a_bad_reload_changes_nothing_and_says_why() {
    let bench = Bench::new(QUIET);
    let _agent = bench.start();
    ready(&bench);
    bench.configure(&QUIET.replace("load1: 50", "lod1: 50"));
    let reload = bench.output("reload");
    let errors = String::from_utf8_lossy(&reload.stderr).into_owned();
    assert_eq!(reload.status.code(), Some(78), "{errors}");
    assert!(errors.contains("did you mean") && errors.contains("NOT applied"), "{errors}");
    assert_eq!(bench.state_of("load:all").as_deref(), Some("ok"));
    assert!(bench.report()["reload_refused"].is_string());

    bench.configure(&QUIET.replace("load1: 50", "load1: 0"));
    let reload = bench.output("reload");
    assert_eq!(reload.status.code(), Some(0), "{}", String::from_utf8_lossy(&reload.stderr));
    wait_for("the new rule holds", Duration::from_secs(5), || {
        bench.state_of("load:all").as_deref() == Some("critical")
    });
    assert!(bench.report()["reload_refused"].is_null());
}

#[test]
fn sighup_reloads() {
    let bench = Bench::new(QUIET);
    let agent = bench.start();
    ready(&bench);
    bench.configure(&QUIET.replace("load1: 50", "load1: 0"));
    agent.signal(nix::sys::signal::Signal::SIGHUP);
    wait_for("the new rule holds", Duration::from_secs(5), || {
        bench.state_of("load:all").as_deref() == Some("critical")
    });
}

#[test]
fn a_second_agent_on_one_state_directory_is_refused() {
    let bench = Bench::new(QUIET);
    let agent = bench.start();
    ready(&bench);
    let second = bench.run_to_its_end();
    let text = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(1), "{text}");
    assert!(
        text.contains("another hostwatch") && text.contains(&agent.pid().to_string()),
        "{text}"
    );
    assert_eq!(bench.state_of("load:all").as_deref(), Some("ok"));
}

#[test]
fn a_configuration_with_a_mistake_is_refused_with_78() {
    let bench = Bench::new(&QUIET.replace("crit", "kritisch"));
    let run = bench.run_to_its_end();
    let text = String::from_utf8_lossy(&run.stderr).into_owned();
    assert_eq!(run.status.code(), Some(78), "{text}");
    assert!(text.contains("kritisch") && text.contains("hostwatch.yaml:4"), "{text}");
}

#[test]
fn status_and_explain_answer_and_exit_by_state() {
    let bench = Bench::new(QUIET);
    let _agent = bench.start();
    ready(&bench);
    assert_eq!(bench.output("status").status.code(), Some(0));
    bench.load(77.0);
    wait_for("it is critical", Duration::from_secs(5), || {
        bench.output("status").status.code() == Some(2)
    });
    let status = bench.output("status --problems");
    let text = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(text.contains("critical") && text.contains("load:all"), "{text}");
    let explain = bench.output("explain load:all");
    let text = String::from_utf8_lossy(&explain.stdout).into_owned();
    assert!(text.contains("77") && text.contains("hostwatch.yaml:4"), "{text}");
    let wrong = bench.output("explain lod:all");
    let text = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(text.contains("did you mean `load:all`"), "{text}");
}

#[test]
fn without_an_agent_it_says_so_with_69() {
    let bench = Bench::new(QUIET);
    for command in ["status", "explain load:all", "reload", "mail queue", "mail flush"] {
        let output = bench.output(command);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(69), "{command}: {text}");
        assert!(text.contains("no agent is running"), "{command}: {text}");
    }
}

#[test]
fn a_stop_is_clean_and_quick_and_removes_the_socket() {
    let bench = Bench::new(QUIET);
    let mut agent = bench.start();
    ready(&bench);
    assert_eq!(agent.stop(), Some(0));
    assert!(!bench.path("state/control.sock").exists());
    assert!(bench.log().contains("stopped"));
}

#[test]
fn a_damaged_journal_is_set_aside_and_told() {
    let bench = Bench::new(QUIET);
    let mut agent = bench.start();
    ready(&bench);
    bench.load(77.0);
    wait_for("it is critical", Duration::from_secs(5), || {
        bench.state_of("load:all").as_deref() == Some("critical")
    });
    agent.stop();
    let journal = bench.path("state/journal");
    let mut bytes = std::fs::read(&journal).unwrap();
    bytes[2] ^= 0xff;
    std::fs::write(&journal, bytes).unwrap();
    let _agent = bench.start();
    ready(&bench);
    wait_for("it is told", Duration::from_secs(5), || bench.log().contains("journal"));
    let aside = std::fs::read_dir(bench.path("state"))
        .unwrap()
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().contains("damaged"));
    assert!(aside, "the damaged journal is kept for a person to look at");
}

#[test]
fn with_no_check_configured_it_finds_this_machine_and_names_where_mail_goes() {
    let bench = Bench::new("version: 1\n");
    let _agent = bench.start_live();
    wait_for("it lists what it watches", Duration::from_secs(10), || {
        let log = bench.log();
        ["cpu:all", "memory:all", "load:all", "filesystem:", "mail goes through"]
            .iter()
            .all(|word| log.contains(word))
    });
}

#[test]
fn the_service_manager_is_told_ready_and_fed() {
    let bench = Bench::new(QUIET);
    let socket = std::os::unix::net::UnixDatagram::bind(bench.path("notify")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut agent = bench.start_supervised(&bench.path("notify"), Duration::from_secs(2));
    let mut heard = String::new();
    let mut bytes = [0; 512];
    while !(heard.contains("READY=1") && heard.matches("WATCHDOG=1").count() >= 2) {
        let length = socket.recv(&mut bytes).expect("the agent says that it is ready and alive");
        heard.push_str(&String::from_utf8_lossy(&bytes[..length]));
    }
    agent.stop();
    let length = socket.recv(&mut bytes).unwrap();
    assert!(String::from_utf8_lossy(&bytes[..length]).contains("STOPPING=1"));
}
