//! Mails to look at: a host, people, notices of every kind, and the eyes of a stranger (Python's own
//! parsers, `tests/mail/look.py`).

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use hostwatch::model::finding::Finding;
use hostwatch::model::id::{HostIdentity, Id};
use hostwatch::model::state::State;
use hostwatch::model::time::{Moment, Now, Stamp};
use hostwatch::model::unit::Span;
use hostwatch::notify::contact::Contact;
use hostwatch::notify::mail::{Mail, MailId};
use hostwatch::notify::notice::{Cause, Notice};
use hostwatch::notify::text::{Letterhead, compose};

/// Mon 23 Nov 2026 03:12 CET.
pub(crate) const EVENT: Stamp = Stamp(1_795_399_920_000);

pub(crate) fn head() -> Letterhead {
    Letterhead {
        host: HostIdentity {
            name: "db03".to_owned(),
            fqdn: "db03.example.net".to_owned(),
            timezone: "Europe/Berlin".to_owned(),
            labels: BTreeMap::from([("site".to_owned(), "fra1".to_owned())]),
        },
        from: "hostwatch@example.net".to_owned(),
        envelope_from: None,
        also_bad: Vec::new(),
        ok_count: 41,
    }
}

pub(crate) fn ops() -> Contact {
    Contact {
        mail: vec!["ana@example.net".to_owned(), "ben@example.net".to_owned()],
        html: false,
        ..Contact::default()
    }
}

pub(crate) fn now() -> Now {
    Now { moment: Moment(10_000_000), wall: Stamp(EVENT.0 + 20_000) }
}

pub(crate) fn notice(cause: Cause, state: State) -> Notice {
    Notice {
        contact: "ops".to_owned(),
        id: Id::new("filesystem", "/data"),
        kind: "filesystem".to_owned(),
        title: "/data".to_owned(),
        cause,
        state,
        previous: State::Ok,
        episode: 237_652,
        seq: 1,
        root: None,
        at: Moment(10_000_000 - 20_000),
        at_wall: EVENT,
        since_wall: Stamp(EVENT.0 - 120_000),
        lasted: Span::from_secs(120),
        fact: "92% full".to_owned(),
        limit: "90%".to_owned(),
        summary: "92% full, 46 GiB of 560 GiB left".to_owned(),
        detail: Vec::new(),
        news: Vec::new(),
        rule: "crit when used >= 90% for 2m; clears below 87% for 5m".to_owned(),
        place: "/etc/hostwatch/conf.d/10-filesystem.yaml:14".to_owned(),
        worst: Some("92%".to_owned()),
        worst_state: state,
        changes: 1,
        advice: None,
        runbook: None,
        evidence: None,
        remarks: Vec::new(),
        reminder: None,
        follows: None,
    }
}

pub(crate) fn recovery() -> Notice {
    Notice {
        seq: 2,
        previous: State::Critical,
        root: Some("<hw.7822.1.ops.1.1M81@db03.example.net>".to_owned()),
        lasted: Span::from_secs(8040),
        fact: "71% full".to_owned(),
        summary: "71% full, 163 GiB of 560 GiB left".to_owned(),
        worst: Some("96%".to_owned()),
        worst_state: State::Critical,
        ..notice(Cause::Recovered, State::Ok)
    }
}

/// A failed disk of a controller.
pub(crate) fn failed(slot: &str) -> Finding {
    Finding {
        state: State::Critical,
        code: "drive-failed".to_owned(),
        key: slot.to_owned(),
        fact: format!("drive {slot} failed"),
        detail: vec![format!("drive {slot}: ST4000NM0023, serial Z1Z{slot}X; pull this one")],
    }
}

/// The second disk of an array that is degraded already.
pub(crate) fn another() -> Notice {
    let news = failed("252:3");
    Notice {
        id: Id::new("raid", "c0/v1"),
        kind: "raid".to_owned(),
        title: "RAID volume c0/v1".to_owned(),
        fact: news.fact.clone(),
        limit: String::new(),
        summary: "raid6, 14.5 TiB, degraded".to_owned(),
        detail: news.detail.clone(),
        news: vec![news],
        seq: 2,
        root: Some("<hw.7822.1.ops.1.1M81@db03.example.net>".to_owned()),
        previous: State::Critical,
        since_wall: Stamp(EVENT.0 - 7_200_000),
        lasted: Span::from_secs(7200),
        rule: "critical when not optimal".to_owned(),
        place: "/etc/hostwatch/conf.d/20-raid.yaml:5".to_owned(),
        worst: None,
        ..notice(Cause::Another, State::Critical)
    }
}

pub(crate) fn mail(notices: &[Notice]) -> Mail {
    compose(&head(), "ops", &ops(), notices, MailId(77), now())
}

pub(crate) fn golden(name: &str, mail: &Mail) {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/mail/golden/{name}.eml"));
    assert!(!mail.bytes.replace("\r\n", "").contains(['\r', '\n']), "bare line end");
    let text = mail.bytes.replace("\r\n", "\n");
    if std::env::var_os("HOSTWATCH_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, wanted, "{name}: run with HOSTWATCH_BLESS=1 and read the diff");
}

/// What a stranger sees in many mails.
pub(crate) fn look(mails: &[&str]) -> Vec<serde_json::Value> {
    look_with(&["-c", include_str!("../mail/look.py")], mails)
}

/// The same of their parts alone: reading the headers of mails with hostile names takes long.
pub(crate) fn look_inside(mails: &[&str]) -> Vec<serde_json::Value> {
    look_with(&["-c", include_str!("../mail/look.py"), "parts"], mails)
}

fn look_with(arguments: &[&str], mails: &[&str]) -> Vec<serde_json::Value> {
    let mut child = Command::new("python3")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is needed: install with tests/run");
    let input = serde_json::to_vec(mails).unwrap();
    child.stdin.take().unwrap().write_all(&input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

pub(crate) fn header<'a>(parsed: &'a serde_json::Value, name: &str) -> Option<&'a str> {
    let all = parsed["headers"].as_array().unwrap();
    all.iter().find(|pair| pair[0] == name).and_then(|pair| pair[1].as_str())
}
