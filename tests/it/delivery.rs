//! Delivery through the real child process: to a real Postfix (`tests/mail/postfix-lab.sh`).

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hostwatch::model::id::{HostIdentity, Id};
use hostwatch::model::state::State;
use hostwatch::model::time::{Moment, Now, Stamp};
use hostwatch::model::unit::Span;
use hostwatch::notify::contact::Contact;
use hostwatch::notify::courier;
use hostwatch::notify::deliver::Job;
use hostwatch::notify::mail::{Mail, MailId};
use hostwatch::notify::notice::{Cause, Notice};
use hostwatch::notify::outbox::{DeliveryReport, Fate};
use hostwatch::notify::relay::{Login, Relay, Smtp, TlsMode};
use hostwatch::notify::text::{Letterhead, compose};
use hostwatch::store::secret::Secret;

/// The program under test.
pub(crate) fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_hostwatch"))
}

/// A mail as the agent composes it.
pub(crate) fn mail(id: u64, recipients: &[&str], root: Option<&str>) -> Arc<Mail> {
    let head = Letterhead {
        host: HostIdentity {
            name: "db03".to_owned(),
            fqdn: "db03.example.net".to_owned(),
            timezone: "UTC".to_owned(),
            labels: BTreeMap::new(),
        },
        from: "hostwatch@example.net".to_owned(),
        envelope_from: None,
        also_bad: Vec::new(),
        ok_count: 3,
    };
    let good = root.is_some();
    let notice = Notice {
        contact: "ops".to_owned(),
        id: Id::new("filesystem", "/data"),
        kind: "filesystem".to_owned(),
        title: "/data".to_owned(),
        cause: if good { Cause::Recovered } else { Cause::Problem },
        state: if good { State::Ok } else { State::Critical },
        previous: if good { State::Critical } else { State::Ok },
        episode: 7,
        seq: if good { 2 } else { 1 },
        root: root.map(str::to_owned),
        at: Moment(0),
        at_wall: Stamp(1_795_399_920_000),
        since_wall: Stamp(1_795_399_920_000),
        lasted: Span::from_secs(8040),
        fact: if good { "71% full" } else { "92% full" }.to_owned(),
        limit: "90%".to_owned(),
        summary: "46 GiB of 560 GiB left on \u{e4}rger".to_owned(),
        detail: Vec::new(),
        news: Vec::new(),
        rule: "crit when used >= 90%".to_owned(),
        place: "10-filesystem.yaml:14".to_owned(),
        worst: Some("96%".to_owned()),
        worst_state: State::Critical,
        changes: 1,
        advice: None,
        runbook: None,
        evidence: None,
        remarks: Vec::new(),
        reminder: None,
        follows: None,
    };
    let contact = Contact {
        mail: recipients.iter().map(|r| (*r).to_owned()).collect(),
        html: false,
        ..Contact::default()
    };
    let now = Now { moment: Moment(0), wall: Stamp(1_795_399_920_000) };
    Arc::new(compose(&head, "ops", &contact, &[notice], MailId(id), now))
}

/// A server on loopback.
pub(crate) fn smtp(port: u16, tls: TlsMode) -> Smtp {
    Smtp {
        host: "localhost".to_owned(),
        port,
        tls,
        ca_file: None,
        fingerprint: None,
        ehlo: "db03.example.net".to_owned(),
        login: None,
    }
}

/// What became of a delivery: the last word on each recipient, and the trouble.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) fates: BTreeMap<String, Fate>,
    pub(crate) trouble: Option<String>,
    pub(crate) reports: Vec<DeliveryReport>,
}

impl Outcome {
    pub(crate) fn trouble(&self) -> &str {
        self.trouble.as_deref().unwrap_or("")
    }

    pub(crate) fn is_accepted(&self, recipient: &str) -> bool {
        matches!(self.fates.get(recipient), Some(Fate::Accepted(_)))
    }
}

/// Delivers by the real child.
pub(crate) fn send(mail: &Arc<Mail>, relays: Vec<Relay>, within: Duration) -> Outcome {
    send_with(program(), mail, relays, within)
}

/// The same with another program in the child's place.
pub(crate) fn send_with(
    exe: &Path,
    mail: &Arc<Mail>,
    relays: Vec<Relay>,
    within: Duration,
) -> Outcome {
    let job = Job {
        mail: Arc::clone(mail),
        recipients: mail.recipients.clone(),
        relays,
        within_ms: 0,
        troubles: Vec::new(),
    };
    let mut reports = Vec::new();
    courier::deliver(exe, &job, within, &mut |report| reports.push(report));
    assert!(reports.last().unwrap().done, "{reports:?}");
    assert_eq!(reports.iter().filter(|report| report.done).count(), 1, "{reports:?}");
    let fates = reports.iter().flat_map(|report| report.recipients.clone()).collect();
    let trouble = reports.last().unwrap().trouble.clone();
    Outcome { fates, trouble, reports }
}

const MINUTE: Duration = Duration::from_secs(60);

/// A Postfix of our own, stopped when dropped.
pub(crate) struct Lab {
    dir: tempfile::TempDir,
    pub(crate) ports: Vec<u16>,
}

impl Lab {
    pub(crate) fn start() -> Self {
        assert!(
            Path::new("/usr/sbin/postfix").exists() && Path::new("/usr/sbin/saslpasswd2").exists(),
            "Postfix and sasl2-bin are needed: install with tests/run"
        );
        assert!(nix::unistd::geteuid().is_root(), "Postfix must be started by root: use tests/run");
        let dir = tempfile::tempdir().unwrap();
        // Postfix' own users must reach what is below.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(dir.path(), open).unwrap();
        // Held until all four are known, so that they differ.
        let held: Vec<TcpListener> =
            (0..4).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports: Vec<u16> = held.iter().map(|l| l.local_addr().unwrap().port()).collect();
        drop(held);
        let lab = Self { dir, ports };
        let ports: Vec<String> = lab.ports.iter().map(u16::to_string).collect();
        let mut arguments = vec!["start"];
        arguments.extend(ports.iter().map(String::as_str));
        lab.script(&arguments);
        lab
    }

    fn script(&self, arguments: &[&str]) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mail/postfix-lab.sh");
        let status = Command::new(script).arg(self.dir.path()).args(arguments).status().unwrap();
        assert!(status.success(), "postfix-lab.sh {arguments:?}");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    /// Mails in the Maildir once there are `count` of them.
    pub(crate) fn inbox(&self, count: usize) -> Vec<String> {
        let new: PathBuf = self.dir.path().join("mail/inbox/new");
        let begin = Instant::now();
        loop {
            let mails: Vec<String> = std::fs::read_dir(&new)
                .map(|entries| {
                    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
                    paths.sort();
                    paths.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
                })
                .unwrap_or_default();
            if mails.len() >= count {
                return mails;
            }
            let log = || std::fs::read_to_string(self.dir.path().join("mail.log"));
            assert!(begin.elapsed() < MINUTE, "{} of {count} came: {:?}", mails.len(), log());
            // Postfix delivers after it accepted; nothing announces it but the file.
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mail/postfix-lab.sh");
        let _ = Command::new(script).arg(self.dir.path()).arg("stop").status();
    }
}

fn login(password: &str) -> Option<Login> {
    Some(Login {
        user: "hostwatch@mail.example.net".to_owned(),
        password: Secret::Literal(password.to_owned()),
    })
}

#[test]
fn postfix_takes_mail_in_every_way_it_offers() {
    let lab = Lab::start();
    let ca_file = Some(lab.file("conf/ca.pem"));
    let [plain, submission, implicit, login_only] = lab.ports[..] else { panic!() };

    // Plain, one dead and one greylisted recipient beside a good one.
    let all = ["reject@example.net", "ops@example.net", "grey@example.net"];
    let first = mail(1, &all, None);
    let outcome = send(&first, vec![Relay::Smtp(smtp(plain, TlsMode::None))], MINUTE);
    assert!(outcome.is_accepted("ops@example.net"), "{outcome:?}");
    let Fate::Refused(why) = &outcome.fates["reject@example.net"] else { panic!("{outcome:?}") };
    assert_eq!(
        why,
        &format!(
            "localhost:{plain}: 550 5.1.1 <reject@example.net>: Recipient address rejected: no such user"
        )
    );
    let Fate::Deferred(why) = &outcome.fates["grey@example.net"] else { panic!("{outcome:?}") };
    assert!(why.contains("450 4.2.0") && why.contains("come again"), "{why}");
    assert_eq!(outcome.trouble, None, "a recipient's trouble is not the server's");
    assert!(lab.inbox(1)[0].contains("with ESMTP id"));

    // The greylisted one is let through later, with the same bytes. A process of the server that
    // has not heard of it yet may answer first, as on any real server.
    lab.script(&["ungrey"]);
    let again = mail(1, &["grey@example.net"], None);
    let begin = Instant::now();
    loop {
        let outcome = send(&again, vec![Relay::Smtp(smtp(plain, TlsMode::None))], MINUTE);
        if outcome.is_accepted("grey@example.net") {
            break;
        }
        assert!(begin.elapsed() < MINUTE, "{outcome:?}");
    }
    lab.inbox(2);

    // TLS and logins; `with` is what Postfix itself writes about the session.
    let required = Smtp { ca_file: ca_file.clone(), ..smtp(plain, TlsMode::Required) };
    let ways = [
        (smtp(plain, TlsMode::Opportunistic), "with ESMTPS id"),
        (required.clone(), "with ESMTPS id"),
        (Smtp { port: submission, login: login("s3cret"), ..required.clone() }, "with ESMTPSA id"),
        (Smtp { port: login_only, login: login("s3cret"), ..required.clone() }, "with ESMTPSA id"),
        (
            Smtp {
                tls: TlsMode::Implicit,
                port: implicit,
                login: login("s3cret"),
                ..required.clone()
            },
            "with ESMTPSA id",
        ),
    ];
    for (place, (way, with)) in ways.iter().enumerate() {
        let name = format!("way{place}@example.net");
        let outcome = send(&mail(10, &[&name], None), vec![Relay::Smtp(way.clone())], MINUTE);
        assert!(outcome.is_accepted(&name), "{way:?}: {outcome:?}");
        let mails = lab.inbox(3 + place);
        let mine = mails.iter().find(|mail| mail.contains(&format!("Delivered-To: {name}")));
        assert!(mine.is_some_and(|mail| mail.contains(with)), "{way:?}: {mails:?}");
    }
    let before = lab.inbox(7).len();

    // Servers that are not believed, and why; nothing is delivered.
    let refused = |way: &Smtp, words: &[&str]| {
        let outcome =
            send(&mail(20, &["ops@example.net"], None), vec![Relay::Smtp(way.clone())], MINUTE);
        assert!(outcome.fates.is_empty(), "{outcome:?}");
        for word in words {
            assert!(outcome.trouble().contains(word), "{word}: {outcome:?}");
        }
        outcome.trouble.unwrap()
    };
    let other = Smtp { ca_file: Some(lab.file("conf/other-ca.pem")), ..required.clone() };
    let why = refused(&other, &["authority in `ca` did not sign", "fingerprint: "]);
    let pin = why.rsplit("fingerprint: ").next().unwrap()[..64].to_owned();
    refused(&Smtp { ca_file: None, ..required.clone() }, &["no authority of this system signed"]);
    refused(&Smtp { host: "127.0.0.2".to_owned(), ..required.clone() }, &["cannot be reached"]);
    refused(
        &Smtp { ca_file: Some(lab.file("nothing.pem")), ..required.clone() },
        &["nothing.pem cannot be read"],
    );
    refused(
        &Smtp { port: submission, login: login("wrong"), ..required.clone() },
        &["does not accept user hostwatch@mail.example.net", "535 5.7.8"],
    );
    refused(&Smtp { login: login("s3cret"), ..required.clone() }, &["offers no login", "587"]);
    refused(
        &Smtp { fingerprint: Some("0".repeat(64)), ..required.clone() },
        &["another certificate than the pinned one", &pin],
    );
    refused(&Smtp { tls: TlsMode::Implicit, ..required.clone() }, &["TLS failed", "tls: required"]);
    // A submission port that wants a login and gets none: an alarm must outlive that mistake.
    let no_login = Smtp { port: submission, ..required.clone() };
    let outcome = send(&mail(21, &["ops@example.net"], None), vec![Relay::Smtp(no_login)], MINUTE);
    let Fate::Deferred(why) = &outcome.fates["ops@example.net"] else { panic!("{outcome:?}") };
    assert!(why.contains("554 5.7.1"), "{why}");

    // The pin that the message named is enough without any authority, and a dead way out passes
    // the mail on to the next.
    let pinned = Smtp { ca_file: None, fingerprint: Some(pin), ..required };
    let dead = Smtp { host: "127.0.0.2".to_owned(), ..smtp(plain, TlsMode::None) };
    let outcome = send(
        &mail(22, &["pin@example.net"], None),
        vec![Relay::Smtp(dead), Relay::Smtp(pinned)],
        MINUTE,
    );
    assert!(outcome.is_accepted("pin@example.net") && outcome.trouble.is_none(), "{outcome:?}");
    assert_eq!(lab.inbox(before + 1).len(), before + 1, "of the refused ones nothing came");

    // The local sendmail: all recipients by header, some by name.
    let sendmail = Relay::Sendmail { path: lab.file("sendmail") };
    let outcome = send(
        &mail(30, &["sm1@example.net", "sm2@example.net"], None),
        vec![sendmail.clone()],
        MINUTE,
    );
    assert!(
        outcome.is_accepted("sm1@example.net") && outcome.is_accepted("sm2@example.net"),
        "{outcome:?}"
    );
    lab.inbox(before + 3);
    let whole = mail(31, &["sm3@example.net", "sm4@example.net"], None);
    let job = Job {
        mail: whole,
        recipients: vec!["sm4@example.net".to_owned()],
        relays: vec![sendmail],
        within_ms: 0,
        troubles: Vec::new(),
    };
    courier::deliver(program(), &job, MINUTE, &mut |_| {});
    let mails = lab.inbox(before + 4);
    assert!(mails.iter().any(|mail| mail.contains("Delivered-To: sm4@")));
    assert!(!mails.iter().any(|mail| mail.contains("Delivered-To: sm3@")));
}

/// What Python's `mailbox` and `email` make of a Maildir: message id, references, text.
fn read_maildir(path: &str) -> serde_json::Value {
    const SCRIPT: &str = r#"
import sys, json, mailbox, email, email.policy
parse = lambda f: email.message_from_binary_file(f, policy=email.policy.default)
box = mailbox.Maildir(sys.argv[1], factory=parse)
json.dump([{"id": m["Message-ID"], "refs": m["References"], "reply": m["In-Reply-To"], "subject": m["Subject"],
            "auto": m["Auto-Submitted"], "body": m.get_content(), "defects": [str(d) for d in m.defects]} for m in box], sys.stdout)
"#;
    let output = Command::new("python3")
        .args(["-c", SCRIPT, path])
        .output()
        .expect("python3 is needed: install with tests/run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_problem_and_its_recovery_thread_in_the_reader_s_mailbox() {
    let lab = Lab::start();
    let relay = vec![Relay::Smtp(Smtp {
        ca_file: Some(lab.file("conf/ca.pem")),
        ..smtp(lab.ports[0], TlsMode::Required)
    })];
    let problem = mail(1, &["ops@example.net"], None);
    let recovery = mail(2, &["ops@example.net"], Some(&problem.message_id));
    assert!(send(&problem, relay.clone(), MINUTE).is_accepted("ops@example.net"));
    lab.inbox(1);
    assert!(send(&recovery, relay, MINUTE).is_accepted("ops@example.net"));
    lab.inbox(2);
    let read = read_maildir(&lab.file("mail/inbox"));
    let find = |id: &str| read.as_array().unwrap().iter().find(|m| m["id"] == id).unwrap();
    let (first, second) = (find(&problem.message_id), find(&recovery.message_id));
    assert_eq!(first["refs"], serde_json::Value::Null);
    assert_eq!(second["refs"], problem.message_id.as_str());
    assert_eq!(second["reply"], problem.message_id.as_str());
    assert_eq!(first["subject"], "CRIT db03: /data 92% full (limit 90%)");
    assert_eq!(second["subject"], "OK db03: /data 71% full (was CRIT 96%, lasted 2h14m)");
    assert_eq!(first["auto"], "auto-generated");
    assert!(first["body"].as_str().unwrap().contains("on \u{e4}rger\n"), "{first}");
    assert!(first["defects"].as_array().unwrap().is_empty());
}

#[test]
fn a_maildir_gets_each_mail_once_however_often_it_is_tried() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("inbox").to_str().unwrap().to_owned();
    let relay = vec![Relay::Maildir { path: path.clone() }];
    let one = mail(1, &["a@example.net", "b@example.net"], None);
    for _ in 0..2 {
        let outcome = send(&one, relay.clone(), MINUTE);
        assert!(outcome.is_accepted("a@example.net") && outcome.is_accepted("b@example.net"));
    }
    send(&mail(2, &["a@example.net"], None), relay, MINUTE);
    let read = read_maildir(&path);
    assert_eq!(read.as_array().unwrap().len(), 2);
    assert_eq!(std::fs::read_dir(format!("{path}/tmp")).unwrap().count(), 0);
    // A way out that cannot be written is a trouble with a name.
    let outcome = send(&one, vec![Relay::Maildir { path: "/proc/inbox".to_owned() }], MINUTE);
    assert!(outcome.trouble().starts_with("Maildir /proc/inbox cannot be written"), "{outcome:?}");
}
