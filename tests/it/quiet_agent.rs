//! Silences and acknowledgements of the real agent, over its control socket: who may, what is stored
//! before the answer, what people see.

use std::process::Output;
use std::time::Duration;

use crate::agent::{Bench, wait_for};
use crate::sink::Sink;

const SOON: Duration = Duration::from_secs(20);

fn config(port: u16) -> String {
    format!(
        "version: 1
defaults: {{every: 1s, timeout: 1s, for: 0s, recover_for: 0s}}
contacts: {{ops: {{mail: [ops@example.net]}}, boss: {{mail: [boss@example.net]}}}}
mail:
  from: hostwatch@example.net
  group_wait: 0s
  culprits: false
  via: [{{smtp: \"127.0.0.1:{port}\", tls: none}}]
routes:
  - {{when: {{kind: [agent]}}, to: []}}
  - {{when: {{check: [\"l*\"], state: [crit]}}, to: [ops]}}
checks:
  load: {{enabled: false}}
  lot: {{kind: load, crit: {{load1: 5}}}}
  cpu: {{enabled: false}}
  memory: {{enabled: false}}
"
    )
}

fn words(bench: &Bench, verb: &str, more: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = bench.command(verb).args(more).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    (status.code(), text)
}

#[test]
fn what_is_answered_is_stored() {
    let sink = Sink::start();
    let bench = Bench::new(&config(sink.port));
    let mut agent = bench.start();
    wait_for("the load is read", SOON, || bench.state_of("lot:all").as_deref() == Some("ok"));
    let order = ["--for", "2h", "--reason", "disks are moved"];
    let (code, told) = words(&bench, "silence lot:*", &order);
    assert_eq!(code, Some(0), "{told}");
    agent.kill();
    let mut agent = bench.start();
    wait_for("it is back", SOON, || bench.state_of("lot:all").is_some());
    let (code, told) = words(&bench, "silence list", &[]);
    assert!(code == Some(0) && told.contains("lot:*"), "{told}");
    assert!(told.contains("disks are moved") && told.contains(" by root"), "{told}");
    bench.load(9.0);
    wait_for("it is bad", SOON, || bench.state_of("lot:all").as_deref() == Some("critical"));
    let row = bench.report()["instances"].as_array().unwrap().clone();
    let row = row.into_iter().find(|one| one["id"] == "lot:all").unwrap();
    assert_eq!(row["silence"]["reason"], "disks are moved", "{row}");
    let (_, told) = words(&bench, "explain lot:all", &[]);
    assert!(told.contains("route 2, ") && told.contains("hostwatch.yaml:11"), "{told}");
    assert!(told.contains("not told: silenced by root until"), "{told}");
    let (_, told) = words(&bench, "status", &[]);
    assert!(told.contains("[silenced by root until"), "{told}");
    let is_told = || sink.received().iter().any(|mail| mail.message.contains("Subject: CRIT"));
    assert!(!is_told(), "mailed under a silence");
    let (code, told) = words(&bench, "silence end 1", &[]);
    assert_eq!(code, Some(0), "{told}");
    wait_for("it is told", SOON, is_told);
    // Taken on: stored before the answer as well, and mailed to those who were told, and them alone.
    let order = ["--for", "4h", "--reason", "somebody compiles"];
    let (code, told) = words(&bench, "ack lot:all", &order);
    assert_eq!(code, Some(0), "{told}");
    agent.kill();
    let _agent = bench.start();
    let acked = || {
        let rows = bench.report()["instances"].as_array().cloned().unwrap_or_default();
        rows.iter().any(|one| one["ack"]["reason"] == "somebody compiles")
    };
    wait_for("it is acked after the restart", SOON, acked);
    wait_for("it is mailed", SOON, || {
        sink.received().iter().any(|mail| mail.message.contains("acked by root"))
    });
    let to_boss = |message: &str| message.contains("To: boss") && message.contains("lot:all");
    assert!(!sink.received().iter().any(|mail| to_boss(&mail.message)), "it is routed to ops");
    let (code, told) = words(&bench, "ack lot:all --end", &[]);
    assert_eq!(code, Some(0), "{told}");
    assert!(!acked());
    let log = bench.log();
    for line in [
        "silence 1: lot:* until ",
        "silence 1 of lot:* is ended by root",
        "lot:all: acked by root until ",
        "lot:all: the acknowledgement of root is ended by root",
    ] {
        assert_eq!(log.matches(line).count(), 1, "{line}: {log}");
    }
}

#[test]
fn what_is_missing_or_wrong_is_said() {
    let sink = Sink::start();
    let bench = Bench::new(&config(sink.port));
    let _agent = bench.start();
    wait_for("the load is read", SOON, || bench.state_of("lot:all").as_deref() == Some("ok"));
    for (verb, more, code, told) in [
        ("silence lot:all", &["--for", "1h"][..], 64, "--reason"),
        ("silence lot:all", &["--reason", "r"], 64, "--for"),
        ("silence lot:all", &["--for", "1h", "--until", "07:00", "--reason", "r"], 64, "cannot"),
        ("silence lot:all", &["--for", "31d", "--reason", "r"], 64, "at most 30d"),
        ("silence lot:all", &["--for", "0s", "--reason", "r"], 64, "over already"),
        ("silence lot:all", &["--for", "90", "--reason", "r"], 64, "unit"),
        ("silence lot:all", &["--for", "1h", "--reason", " "], 64, "say why"),
        ("silence lot:all", &["--until", "soon", "--reason", "r"], 64, "is no time"),
        ("silence lot:[", &["--for", "1h", "--reason", "r"], 64, "is not an id or a glob"),
        ("silence end 7", &[], 1, "there is no silence `7`"),
        ("silence x:*", &["--for", "1h", "--reason", "r"], 0, "nothing is watched under that"),
        ("ack lot:all", &["--for", "1h", "--reason", "r"], 1, "is ok: there is nothing"),
        ("ack lot:other", &["--for", "1h", "--reason", "r"], 1, "is not watched"),
        ("ack lot:all --end", &[], 1, "not acknowledged"),
    ] {
        let (got, text) = words(&bench, verb, more);
        assert_eq!(got, Some(code), "{verb} {more:?}: {text}");
        assert!(text.contains(told), "{verb} {more:?}: {text}");
    }
    // Another user is refused, whatever it says it is.
    let socket = bench.path("state").join("control.sock");
    assert!(nix::unistd::geteuid().is_root(), "to become another user: use tests/run");
    for path in [bench.directory.path().to_owned(), bench.path("state"), socket.clone()] {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
    }
    let program = bench.path("hostwatch");
    std::fs::copy(env!("CARGO_BIN_EXE_hostwatch"), &program).unwrap();
    let as_nobody = |arguments: &[&str]| {
        let mut command = std::process::Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
        command.arg(&program).args(arguments).arg("--state").arg(bench.path("state"));
        command.env("SUDO_USER", "root").current_dir("/").output().unwrap()
    };
    for order in [
        &["silence", "lot:all", "--for", "1h", "--reason", "r"][..],
        &["silence", "end", "1"],
        &["ack", "lot:all", "--for", "1h", "--reason", "r"],
    ] {
        let refused = as_nobody(order);
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(77), "{order:?}: {told}");
        assert!(told.contains("only root and the agent's own user"), "{told}");
    }
    let (_, told) = words(&bench, "silence list", &[]);
    assert!(told.contains("x:*") && !told.contains("lot:all"), "{told}");
}

#[test]
fn who_became_root_is_named_and_a_full_disk_is_admitted() {
    let sink = Sink::start();
    let bench = Bench::new(&config(sink.port));
    let _agent = bench.start();
    wait_for("the load is read", SOON, || bench.state_of("lot:all").as_deref() == Some("ok"));
    let order = ["--for", "1h", "--reason", "r"];
    let output =
        bench.command("silence lot:all").args(order).env("SUDO_USER", "ana").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let (_, told) = words(&bench, "silence list", &[]);
    assert!(told.contains("by root (ana via sudo): r"), "{told}");
    let forged = "x\u{1b}[2J\nhostwatch: all is well";
    let order = ["--for", "1h", "--reason", forged];
    let (code, told) = words(&bench, "silence lot:al?", &order);
    assert_eq!(code, Some(0), "{told}");
    let (_, told) = words(&bench, "silence list", &[]);
    assert!(told.contains("x\\x1b[2J\\nhostwatch"), "{told}");
    assert!(bench.log().lines().all(|line| !line.starts_with("hostwatch: all")), "a forged line");
}
