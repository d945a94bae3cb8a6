//! What mails say: every kind of mail against its golden text, hostile names, and the verdict of
//! an independent parser (Python's `email`).
//!
//! `HOSTWATCH_BLESS=1 cargo test --test it mail_text` writes the golden texts anew; read the diff.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use hostwatch::model::finding::Finding;
use hostwatch::model::id::{HostIdentity, Id};
use hostwatch::model::limit::MAIL_BYTES;
use hostwatch::model::state::State;
use hostwatch::model::time::{Moment, Now, Stamp};
use hostwatch::model::unit::Span;
use hostwatch::notify::contact::{Contact, Style};
use hostwatch::notify::mail::{Mail, MailId};
use hostwatch::notify::notice::{Cause, Notice};
use hostwatch::notify::text::{Letterhead, compose, compose_merged};
use proptest::prelude::*;

/// Mon 23 Nov 2026 03:12 CET.
const EVENT: Stamp = Stamp(1_795_399_920_000);

fn head() -> Letterhead {
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

fn ops() -> Contact {
    Contact {
        mail: vec!["ana@example.net".to_owned(), "ben@example.net".to_owned()],
        html: false,
        ..Contact::default()
    }
}

fn now() -> Now {
    Now { moment: Moment(10_000_000), wall: Stamp(EVENT.0 + 20_000) }
}

fn notice(cause: Cause, state: State) -> Notice {
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

fn recovery() -> Notice {
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
fn failed(slot: &str) -> Finding {
    Finding {
        state: State::Critical,
        code: "drive-failed".to_owned(),
        key: slot.to_owned(),
        fact: format!("drive {slot} failed"),
        detail: vec![format!("drive {slot}: ST4000NM0023, serial Z1Z{slot}X; pull this one")],
    }
}

/// The second disk of an array that is degraded already.
fn another() -> Notice {
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

fn mail(notices: &[Notice]) -> Mail {
    compose(&head(), "ops", &ops(), notices, MailId(77), now())
}

fn golden(name: &str, mail: &Mail) {
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

/// Headers and body as Python's `email` sees them, for many mails in one go.
fn python(mails: &[&str]) -> Vec<serde_json::Value> {
    const SCRIPT: &str = r#"
import sys, json, email, email.policy
out = []
for raw in json.load(sys.stdin):
    m = email.message_from_bytes(raw.encode("ascii"), policy=email.policy.default)
    defects = [str(d) for d in m.defects]
    for v in m.values():
        defects += [str(d) for d in getattr(v, "defects", [])]
    out.append({"headers": [[k, str(v)] for k, v in m.items()], "body": m.get_content(),
                "to": [a.addr_spec for a in m["To"].addresses],
                "from": [m["From"].addresses[0].display_name, m["From"].addresses[0].addr_spec],
                "date": m["Date"].datetime.timestamp(), "type": m.get_content_type(), "defects": defects})
json.dump(out, sys.stdout)
"#;
    let mut child = Command::new("python3")
        .args(["-c", SCRIPT])
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

fn header<'a>(parsed: &'a serde_json::Value, name: &str) -> Option<&'a str> {
    let all = parsed["headers"].as_array().unwrap();
    all.iter().find(|pair| pair[0] == name).and_then(|pair| pair[1].as_str())
}

#[test]
fn each_kind_of_mail_reads_as_it_should() {
    let problem = Notice {
        advice: Some("A stuck replication slot keeps pg_wal: check it first.".to_owned()),
        runbook: Some("https://wiki.example.net/rb/fs-full".to_owned()),
        ..notice(Cause::Problem, State::Critical)
    };
    golden("problem", &mail(&[problem]));
    golden("recovery", &mail(&[recovery()]));
    golden(
        "worse",
        &mail(&[Notice {
            seq: 2,
            root: Some("<hw.7822.1.ops.1.1M81@db03.example.net>".to_owned()),
            previous: State::Warning,
            lasted: Span::from_secs(17_400),
            ..notice(Cause::Worse, State::Critical)
        }]),
    );
    golden("another", &mail(&[another()]));
    golden(
        "several-facts",
        &mail(&[Notice {
            cause: Cause::Problem,
            seq: 1,
            root: None,
            news: ["252:3", "252:4", "252:5"].map(failed).to_vec(),
            ..another()
        }]),
    );
    golden(
        "several-facts-among-others",
        &mail(&[
            Notice { news: ["252:3", "252:4"].map(failed).to_vec(), ..another() },
            notice(Cause::Problem, State::Warning),
        ]),
    );
    golden(
        "lost",
        &mail(&[Notice {
            fact: "no answer for 5m".to_owned(),
            limit: String::new(),
            summary: "statfs has not come back since 03:07".to_owned(),
            detail: Vec::new(),
            rule: "unknown after 5m without a reading".to_owned(),
            ..notice(Cause::Lost, State::Unknown)
        }]),
    );
    golden(
        "flapping",
        &mail(&[Notice { changes: 6, seq: 5, ..notice(Cause::Flapping, State::Warning) }]),
    );
    golden(
        "steady",
        &mail(&[Notice { fact: "71% full".to_owned(), ..notice(Cause::Steady, State::Ok) }]),
    );
    golden(
        "closed",
        &mail(&[Notice {
            fact: "no check watches it any more".to_owned(),
            ..notice(Cause::Closed, State::Critical)
        }]),
    );
    golden(
        "info",
        &mail(&[Notice {
            id: Id::new("agent", "self"),
            title: "hostwatch".to_owned(),
            episode: 0,
            fact: "restarted after a crash (12s gap)".to_owned(),
            limit: String::new(),
            summary: "Nothing was lost: 2 open problems carried over, 1 queued mail sent."
                .to_owned(),
            detail: Vec::new(),
            rule: String::new(),
            place: String::new(),
            ..notice(Cause::Info, State::Ok)
        }]),
    );
    golden(
        "test",
        &mail(&[Notice {
            id: Id::new("agent", "mail"),
            title: "mail".to_owned(),
            episode: 0,
            fact: String::new(),
            limit: String::new(),
            summary: "Asked for by ana with hostwatch mail test.".to_owned(),
            detail: Vec::new(),
            rule: String::new(),
            place: String::new(),
            ..notice(Cause::Test, State::Ok)
        }]),
    );
    let mixed = [
        recovery(),
        notice(Cause::Problem, State::Warning),
        Notice {
            id: Id::new("raid", "md0"),
            kind: "raid".to_owned(),
            title: "md0".to_owned(),
            fact: "degraded, 1 of 2 disks".to_owned(),
            limit: String::new(),
            summary: "raid1, 1.8 TiB, under / and /data; sdb1 failed".to_owned(),
            ..notice(Cause::Problem, State::Critical)
        },
    ];
    golden("mixed", &mail(&mixed));
    let mut head = head();
    head.also_bad = vec![(State::Critical, "raid:md0 degraded, 1 of 2 disks".to_owned())];
    let late = Now { moment: Moment(20_000_000), wall: Stamp(EVENT.0 + 10_020_000) };
    let contact = Contact { style: Style::SameSubject, ..ops() };
    let name = Notice {
        title: "/srv/\u{e4}rger".to_owned(),
        id: Id::new("filesystem", "/srv/\u{e4}rger it's"),
        ..notice(Cause::Problem, State::Critical)
    };
    golden("late-same-subject", &compose(&head, "ops", &contact, &[name], MailId(78), late));
    let held: Vec<Arc<Mail>> = [vec![notice(Cause::Problem, State::Critical)], mixed.to_vec()]
        .iter()
        .map(|notices| Arc::new(mail(notices)))
        .collect();
    golden("digest", &compose_merged(&head, "ops", &ops(), &held, MailId(79), late));
}

#[test]
fn five_hundred_failures_fit_in_one_mail_that_names_them_all() {
    let notices: Vec<Notice> = (0..500)
        .map(|i| Notice {
            id: Id::new("filesystem", format!("/srv/volume-{i:03}")),
            title: format!("/srv/volume-{i:03}"),
            ..notice(Cause::Problem, if i == 250 { State::Critical } else { State::Warning })
        })
        .collect();
    let mail = mail(&notices);
    assert_eq!(mail.subject, "CRIT db03: 500 problems: /srv/volume-250 92% full, +499 more");
    assert!(mail.bytes.len() < 60_000, "{}", mail.bytes.len());
    for n in &notices {
        assert!(mail.bytes.contains(&*n.id.instance), "{}", n.id);
    }
    // Even fifty thousand with long names stay one mail of bounded size.
    let many: Vec<Notice> = (0..50_000)
        .map(|i| Notice { title: format!("/{}{i}", "\u{e9}".repeat(190)), ..notices[0].clone() })
        .collect();
    let mail = self::mail(&many);
    assert!(mail.bytes.len() < MAIL_BYTES, "{}", mail.bytes.len());
    assert!(mail.bytes.contains("more than fit here"));
}

#[test]
fn every_fact_of_many_is_named_and_a_subject_keeps_their_number() {
    let facts: Vec<Finding> = (0..64).map(|slot| failed(&format!("252:{slot}"))).collect();
    let notice = Notice { fact: facts[0].fact.clone(), news: facts, ..another() };
    let alone = mail(std::slice::from_ref(&notice));
    assert_eq!(alone.subject, "CRIT db03: RAID volume c0/v1 drive 252:0 failed, +63 more");
    let many: Vec<Notice> = (0..30)
        .map(|n| Notice { id: Id::new("raid", format!("c0/v{n}")), ..notice.clone() })
        .collect();
    for mail in [alone, mail(&many)] {
        for slot in 0..64 {
            assert!(mail.bytes.contains(&format!("drive 252:{slot} failed")), "{slot}");
        }
        assert!(mail.bytes.len() < MAIL_BYTES);
    }
    let long = Notice { fact: "a drive that has a long name failed".to_owned(), ..notice };
    assert_eq!(
        mail(&[long]).subject,
        "CRIT db03: RAID volume c0/v1 a drive that has a..., +64 more"
    );
}

#[test]
fn problem_and_recovery_thread_and_ids_are_never_used_twice() {
    let first = mail(&[notice(Cause::Problem, State::Critical)]);
    let second = compose(
        &head(),
        "ops",
        &ops(),
        &[Notice { root: Some(first.message_id.clone()), ..recovery() }],
        MailId(78),
        now(),
    );
    let parsed = python(&[&first.bytes, &second.bytes]);
    assert_eq!(header(&parsed[0], "Message-ID"), Some(first.message_id.as_str()));
    assert_eq!(header(&parsed[0], "References"), None);
    assert_eq!(header(&parsed[1], "References"), Some(first.message_id.as_str()));
    assert_eq!(header(&parsed[1], "In-Reply-To"), Some(first.message_id.as_str()));
    assert_eq!(header(&parsed[0], "Importance"), Some("high"));
    assert_eq!(header(&parsed[1], "Importance"), None);
    assert_eq!(parsed[0]["date"], 1_795_399_940.0);
    // The same numbers after a lost state directory, later: another id.
    let later = Now { wall: Stamp(EVENT.0 + 86_400_000), ..now() };
    let again = compose(
        &head(),
        "ops",
        &ops(),
        &[notice(Cause::Problem, State::Critical)],
        MailId(77),
        later,
    );
    assert_ne!(first.message_id, again.message_id);
    assert_eq!(
        first.bytes,
        mail(&[notice(Cause::Problem, State::Critical)]).bytes,
        "composing is pure"
    );
}

#[test]
fn subjects_keep_state_host_object_and_fact_within_sixty() {
    let long = Notice {
        title: "/var/lib/containers/storage/overlay/5c1f0c6be5518dd8".to_owned(),
        ..notice(Cause::Problem, State::Critical)
    };
    let subject = mail(&[long]).subject;
    assert_eq!(subject, "CRIT db03: /var/lib/containers...y/5c1f0c6be5518dd8 92% full");
    assert_eq!(mail(&[recovery()]).subject, "OK db03: /data 71% full (was CRIT 96%, lasted 2h14m)");
}

/// Names as the worst of kernels, filesystems and attackers give them.
fn hostile() -> impl Strategy<Value = String> {
    let nasty = prop::sample::select(vec![
        "\r\nBcc: evil@example.com\r\n",
        "\n.\n",
        "\r\n\r\n",
        "\0",
        "\u{1b}[2J",
        "\u{202e}",
        "\u{2066}",
        "=?utf-8?Q?=0D=0ABcc:_evil@example.com?=",
        "\u{85}",
        "\u{2028}",
        "--",
        "From ",
        "<>",
        ",",
        ";",
        "\"",
        "\\",
        "evil@example.com",
        "\u{e9}\u{65e5}\u{1f600}",
        " ",
        "\t",
        "%s",
        "$(reboot)",
        "'; reboot",
        "Subject: x",
    ]);
    prop_oneof![
        4 => prop::collection::vec(prop_oneof![nasty.prop_map(str::to_owned), any::<String>()], 0..6).prop_map(|v| v.concat()),
        1 => Just("\u{e9}\n".repeat(2048)),
        1 => Just("x".repeat(4096)),
    ]
}

fn hostile_notice() -> impl Strategy<Value = Notice> {
    let causes = prop::sample::select(vec![
        Cause::Problem,
        Cause::Worse,
        Cause::Another,
        Cause::Better,
        Cause::Lost,
        Cause::Recovered,
        Cause::Flapping,
        Cause::Steady,
        Cause::Closed,
        Cause::Test,
        Cause::Info,
    ]);
    let states =
        prop::sample::select(vec![State::Ok, State::Warning, State::Critical, State::Unknown]);
    (causes, states, prop::collection::vec(hostile(), 15)).prop_map(|(cause, state, mut s)| {
        let mut take = || s.pop().unwrap();
        Notice {
            contact: take(),
            id: Id::new(take(), take()),
            kind: take(),
            title: take(),
            fact: take(),
            limit: take(),
            summary: take(),
            detail: vec![take()],
            news: vec![Finding { fact: take(), ..failed("252:3") }, failed(&take())],
            rule: take(),
            place: take(),
            worst: Some(take()),
            root: Some(take()),
            advice: Some("do\nthis".to_owned()),
            ..notice(cause, state)
        }
    })
}

const HEADERS: [&str; 24] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Importance",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "List-Id",
    "X-Hostwatch-Version",
    "X-Hostwatch-Host",
    "X-Hostwatch-Labels",
    "X-Hostwatch-Check",
    "X-Hostwatch-Instance",
    "X-Hostwatch-Kind",
    "X-Hostwatch-State",
    "X-Hostwatch-Previous",
    "X-Hostwatch-Episode",
    "X-Hostwatch-Seq",
    "X-Hostwatch-Count",
    "MIME-Version",
    "Content-Type",
];

#[test]
fn no_name_can_add_a_header_a_recipient_or_a_control_character() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(300)
    });
    let mails = std::cell::RefCell::new(Vec::new());
    let input = (
        prop::collection::vec(hostile_notice(), 1..4),
        prop::collection::vec(hostile(), 5),
        any::<bool>(),
    );
    runner
        .run(&input, |(notices, s, same)| {
            let mut head = head();
            head.host.name = s[0].clone();
            head.host.fqdn = s[1].clone();
            head.host.labels = BTreeMap::from([(s[2].clone(), s[3].clone())]);
            head.also_bad = vec![(State::Warning, s[4].clone())];
            let style = if same { Style::SameSubject } else { Style::StateFirst };
            let contact = Contact { style, ..ops() };
            let mail = compose(&head, &s[2], &contact, &notices, MailId(5), now());
            let digest =
                compose_merged(&head, &s[2], &contact, &[Arc::new(mail.clone())], MailId(6), now());
            for mail in [&mail, &digest] {
                prop_assert!(mail.subject.chars().count() <= 64, "{}", mail.subject);
                prop_assert!(mail.bytes.is_ascii());
                prop_assert!(!mail.bytes.replace("\r\n", "").contains(|c: char| c.is_control()));
                prop_assert!(mail.bytes.split("\r\n").all(|line| line.len() <= 998));
                prop_assert!(!mail.subject.chars().any(char::is_control));
            }
            mails.borrow_mut().push(mail.bytes);
            mails.borrow_mut().push(digest.bytes);
            Ok(())
        })
        .unwrap();
    let mails = mails.into_inner();
    let refs: Vec<&str> = mails.iter().map(String::as_str).collect();
    for (raw, parsed) in mails.iter().zip(python(&refs)) {
        assert_eq!(parsed["defects"], serde_json::json!([]), "{raw}");
        assert_eq!(
            parsed["to"],
            serde_json::json!(["ana@example.net", "ben@example.net"]),
            "{raw}"
        );
        assert_eq!(parsed["from"][1], "hostwatch@example.net", "{raw}");
        let mut seen = std::collections::BTreeSet::new();
        for pair in parsed["headers"].as_array().unwrap() {
            let name = pair[0].as_str().unwrap();
            assert!(
                HEADERS.contains(&name) || name == "Content-Transfer-Encoding",
                "{name}: {raw}"
            );
            assert!(seen.insert(name.to_owned()), "{name} twice: {raw}");
            let value = pair[1].as_str().unwrap();
            assert!(!value.chars().any(|c| c.is_control() || c == '\u{202e}'), "{name}: {value:?}");
        }
        let body = parsed["body"].as_str().unwrap();
        for line in body.lines() {
            assert!(line.chars().count() <= 72, "{line}");
            assert!(!line.chars().any(|c| c.is_control() || c == '\u{202e}'), "{line:?}");
        }
        assert_eq!(body.lines().filter(|line| *line == "--").count(), 1, "{body}");
    }
}
