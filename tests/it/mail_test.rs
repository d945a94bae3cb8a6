//! `hostwatch mail test` names each thing that is wrong: against a strict relay of a real Postfix, a
//! host behind NAT with a Postfix of its own, and servers that misbehave.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::delivery::{Lab, program};
use crate::hostile::{Fault, Peer, Step};
use crate::mta::Machine;

/// A configuration in a folder of its own.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new(mail: &str, recipient: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "host: {{name: db03.lan}}\ncontacts: {{ops: {{mail: [\"{recipient}\"], html: false}}}}\nmail:\n{mail}"
        );
        std::fs::write(folder.path().join("hostwatch.yaml"), text).unwrap();
        for (name, text) in [("right", "s3cret\n"), ("wrong", "guess\n")] {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(&path, mode).unwrap();
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs it, with these words in front of the command.
    fn run(&self, before: &[&str], more: &[&str]) -> Output {
        let mut words = before.iter().copied().map(PathBuf::from);
        let first = words.next().unwrap_or_else(|| program().to_owned());
        let mut command = Command::new(first);
        if !before.is_empty() {
            command.args(words).arg(program());
        }
        command.args(["mail", "test"]).args(more).arg("--config").arg(self.path("hostwatch.yaml"));
        command.arg("--state").arg(self.path("state")).env("SUDO_USER", "ana");
        command.output().unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The story has every one of these, and this exit code.
fn tells(output: &Output, code: i32, words: &[&str]) -> String {
    let story = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{story}");
    for word in words {
        assert!(story.contains(word), "`{word}` is not in:\n{story}");
    }
    assert!(!story.contains("s3cret") && !story.contains("guess"), "a password:\n{story}");
    story
}

/// What is written instead, who is mailed, and what is told.
type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a [&'a str]);

/// A Postfix that is strict about names, and one of a host that hands it everything.
struct Site {
    relay: Lab,
    host: tempfile::TempDir,
}

impl Site {
    fn start() -> Self {
        let relay = Lab::start();
        let host = tempfile::tempdir().unwrap();
        let site = Self { relay, host };
        site.script(&["strict"]);
        site
    }

    fn script(&self, arguments: &[&str]) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mail/satellite.sh");
        let mut command = Command::new(script);
        command.arg(self.host.path()).arg(self.relay.path("")).args(arguments);
        assert!(command.status().unwrap().success(), "satellite.sh {arguments:?}");
    }

    /// The whole of the wanted configuration, or with something else in the place of a part of it.
    fn mail(&self, instead: &[(&str, &str)]) -> String {
        let mut text = format!(
            "  from: hostwatch@example.net\n  ehlo: gw.example.net\n  via:\n    - smtp: \"localhost:{}\"\n      \
             tls: required\n      ca: {}\n      user: hostwatch@mail.example.net\n      password: {{file: RIGHT}}\n",
            self.relay.ports[1],
            self.relay.file("conf/ca.pem"),
        );
        for (from, to) in instead {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, to);
        }
        text
    }

    fn test(&self, instead: &[(&str, &str)], recipient: &str) -> Output {
        let bench = Bench::new("", recipient);
        let yaml = std::fs::read_to_string(bench.path("hostwatch.yaml")).unwrap();
        let mail = self.mail(instead);
        let mail = mail.replace("RIGHT", bench.path("right").to_str().unwrap());
        let mail = mail.replace("WRONG", bench.path("wrong").to_str().unwrap());
        std::fs::write(bench.path("hostwatch.yaml"), yaml + &mail).unwrap();
        bench.run(&[], &[])
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if self.host.path().join("conf").exists() {
            self.script(&["stop"]);
        }
    }
}

#[test]
fn a_strict_relay_lets_through_what_is_set_up_and_every_fault_has_a_name() {
    let site = Site::start();
    let ops = "ops@example.net";
    let good = site.test(&[], ops);
    let story = tells(
        &good,
        0,
        &[
            "way      smtp localhost:",
            "hostwatch.yaml:7)\nfrom     hostwatch@example.net (",
            "route    ops -> ops@example.net (",
            "hostwatch.yaml:2)\n",
            "(127.0.0.1) from 127.0.0.1, ",
            "ehlo     as gw.example.net; STARTTLS is offered\n",
            "tls      1.3, certificate OK, expires in 1 d\n         -> have the server's certificate renewed",
            "ehlo     as gw.example.net; a login is offered\n",
            "login    as hostwatch@mail.example.net by PLAIN",
            "accepted ops@example.net: localhost:",
            "250 2.0.0 Ok: queued as ",
            "thread   ops@example.net: ",
        ],
    );
    assert!(story.contains("every mail was accepted; look for TEST "), "{story}");
    // Both are there, the second in the thread of the first, and the first says how it came.
    let mails = site.relay.inbox(2);
    let first = mails.iter().find(|mail| mail.contains("the mail path works (test ")).unwrap();
    let second = mails.iter().find(|mail| mail.contains("second mail of test ")).unwrap();
    let header = |mail: &str, name: &str| {
        let head = mail.split("\n\n").next().unwrap().replace("\n ", " ");
        let line = head.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
        line.unwrap_or_default().trim().to_owned()
    };
    assert_eq!(header(second, "References:"), header(first, "Message-ID:"));
    assert_eq!(header(second, "In-Reply-To:"), header(first, "Message-ID:"));
    assert!(
        first.contains("Received: from gw.example.net") && first.contains("ESMTPSA"),
        "{first}"
    );
    assert!(first.contains("Return-Path: <hostwatch@example.net>"), "{first}");
    assert!(first.contains("Sent by root (ana, says sudo) with"), "{first}");
    assert!(first.contains("MAIL FROM <hostwatch@example.net>, EHLO gw.example.net."), "{first}");

    let plain = format!("localhost:{}", site.relay.ports[0]);
    let submission = format!("localhost:{}", site.relay.ports[1]);
    let no_login = ("      user: hostwatch@mail.example.net\n      password: {file: RIGHT}\n", "");
    let other_ca = site.relay.file("conf/other-ca.pem");
    let ca = site.relay.file("conf/ca.pem");
    let cases: &[Case<'_>] = &[
        (
            &[("ehlo: gw.example.net", "ehlo: db03")],
            ops,
            &[
                "rcpt     localhost:",
                "504 5.5.2 <db03>: Helo command rejected",
                "-> the server does not like the name that this host gives, EHLO db03: set `mail.ehlo`",
                "not now  ops@example.net",
            ],
        ),
        (
            &[("ehlo: gw.example.net", "ehlo: db03.lan")],
            ops,
            &[
                "550 5.7.1 <db03.lan>: Helo command rejected: Host not found",
                "EHLO db03.lan: set `mail.ehlo`",
            ],
        ),
        (
            &[("from: hostwatch@example.net", "from: hostwatch@db03.lan")],
            ops,
            &[
                "from     <hostwatch@db03.lan>: db03.lan is a private name",
                "550 5.1.8 <hostwatch@db03.lan>: Sender address rejected",
                "-> the server takes no mail from db03.lan: set `mail.from`",
            ],
        ),
        (
            &[("RIGHT", "WRONG")],
            ops,
            &[
                "login    localhost:",
                "535 5.7.8",
                "-> correct `user` (hostwatch@mail.example.net)",
                "failed   no way out took it",
            ],
        ),
        (
            &[no_login],
            ops,
            &[
                "554 5.7.1 <unknown[127.0.0.1]>: Client host rejected",
                "-> the server turns this host away: it may want a login (`user`, `password`)",
            ],
        ),
        (
            &[no_login, (&submission, &plain)],
            "ops@example.org",
            &[
                "554 5.7.1",
                "-> the server passes nothing on for this host, or not to example.org: give it a login",
            ],
        ),
        (
            &[no_login, ("tls: required", "tls: none"), (&format!("      ca: {ca}\n"), "")],
            ops,
            &[
                "530 5.7.0 Must issue a STARTTLS command first",
                "-> the server wants TLS: write `tls: required`",
            ],
        ),
        (
            &[(&ca, &other_ca)],
            ops,
            &[
                "tls      localhost:",
                "the authority in `ca` did not sign",
                "or pin it: `fingerprint: ",
            ],
        ),
        (
            &[],
            "reject@example.net",
            &[
                "550 5.1.1 <reject@example.net>",
                "-> the server knows nobody called reject@example.net",
                "refused  reject@example.net",
            ],
        ),
        (
            &[],
            "grey@example.net",
            &[
                "450 4.2.0 <grey@example.net>",
                "-> not now: the agent tries again by itself",
                "not now  grey@example.net",
            ],
        ),
        (
            &[(&submission, "localhost:1")],
            ops,
            &[
                "connect  localhost:1 cannot be reached: connection refused; is the mail server running",
            ],
        ),
        (
            &[("localhost:", "relay.invalid:")],
            ops,
            &["connect  relay.invalid cannot be looked up", "name server?"],
        ),
    ];
    for (instead, recipient, words) in cases {
        tells(&site.test(instead, recipient), 1, words);
    }
    assert_eq!(site.relay.inbox(2).len(), 2, "of the refused ones nothing came");
}

/// root by alias, a relay with TLS and login, a private name: the sendmail of this very machine.
#[test]
fn a_host_behind_nat_gets_through_with_its_own_postfix() {
    let site = Site::start();
    site.script(&["start", &site.relay.ports[1].to_string()]);
    let bench = Bench::new("  via: [{sendmail: /usr/sbin/sendmail}]\n", "root");
    let within = site.host.path().join("within");
    let output = bench.run(&[within.to_str().unwrap()], &[]);
    let relay = format!("[localhost]:{}", site.relay.ports[1]);
    tells(
        &output,
        0,
        &[
            "way      sendmail /usr/sbin/sendmail (",
            "from     hostwatch@db03.lan (by default)",
            &format!("relay    /etc/postfix/main.cf: Postfix hands it to {relay}"),
            "-> ops@example.net",
            "accepted root: /usr/sbin/sendmail took it; took ",
            "from     <hostwatch@db03.lan>: db03.lan is a private name",
        ],
    );
    let mails = site.relay.inbox(2);
    for mail in &mails {
        assert!(mail.contains("Delivered-To: ops@example.net"), "{mail}");
        assert!(
            mail.contains("Received: from gw.example.net") && mail.contains("ESMTPSA"),
            "{mail}"
        );
        assert!(mail.contains("Return-Path: <hostwatch@example.net>"), "{mail}");
    }
    // The alias is lost, and its database says still what it said.
    std::fs::write(site.host.path().join("conf/aliases"), "postmaster: root\n").unwrap();
    let output = bench.run(&[within.to_str().unwrap()], &[]);
    tells(
        &output,
        0,
        &[
            "has no line for root: its mail stays on this machine",
            "then run newaliases",
            "and mend ",
        ],
    );
}

#[test]
fn servers_that_misbehave_are_named_and_json_has_the_same() {
    for (fault, words) in [
        (Fault::Code(Step::Connect, 554), vec!["greeting ", "554 5.3.2", "block list"]),
        (
            Fault::Code(Step::Ehlo, 550),
            vec!["ehlo     ", "does not accept EHLO gw.example.net", "mail.ehlo"],
        ),
        (Fault::Code(Step::Mail, 550), vec!["sender   ", "takes no mail from example.net"]),
        (
            Fault::Code(Step::Dot, 554),
            vec!["message  ", "and not the mail", "refused  ops@example.net"],
        ),
        (Fault::Stripped, vec!["tls      ", "does not offer STARTTLS", "is the right port?"]),
        (Fault::FalseTls, vec!["tls      ", "TLS failed", "`tls: implicit`"]),
    ] {
        let peer = Peer::start(fault);
        let tls =
            if matches!(fault, Fault::Stripped | Fault::FalseTls) { "required" } else { "none" };
        let mail = format!(
            "  from: hostwatch@example.net\n  ehlo: gw.example.net\n  via: [{{smtp: \"127.0.0.1:{}\", tls: {tls}}}]\n",
            peer.port
        );
        let bench = Bench::new(&mail, "ops@example.net");
        let words: Vec<String> = words
            .iter()
            .map(|word| word.replace("is the right", &format!("is {} the right", peer.port)))
            .collect();
        tells(&bench.run(&[], &[]), 1, &words.iter().map(String::as_str).collect::<Vec<_>>());
        let output = bench.run(&[], &["--json"]);
        assert_eq!(output.status.code(), Some(1));
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&json["v"], &json["accepted"]), (&1.into(), &false.into()), "{json}");
        let lines = json["lines"].as_array().unwrap();
        let wrong = lines.iter().filter(|line| line["ok"] == false).count();
        assert_eq!(json["wrong"], wrong, "{json}");
        let said: Vec<String> = lines
            .iter()
            .map(|line| {
                format!(
                    "{:<8} {} {}",
                    line["about"].as_str().unwrap(),
                    line["text"].as_str().unwrap(),
                    line["todo"]
                )
            })
            .collect();
        for word in &words {
            assert!(said.iter().any(|line| line.contains(word)), "{word}: {json}");
        }
        assert!(
            json["steps"].as_array().unwrap().iter().any(|step| step["step"] == "failed"),
            "{json}"
        );
    }
}

/// The agent on machines whose sendmail is another program.
#[test]
fn each_machine_s_own_sendmail_is_judged_and_used() {
    for (mta, alias) in [("dma", true), ("exim", true), ("msmtp", false)] {
        let peer = Peer::start(Fault::None);
        let machine = Machine::new(mta, peer.port);
        let exe = machine.path("usr/bin/hostwatch");
        if std::fs::hard_link(program(), &exe).is_err() {
            std::fs::copy(program(), &exe).unwrap();
        }
        std::fs::create_dir_all(machine.path("etc/hostwatch")).unwrap();
        let root = machine.path("");
        let test = || {
            // The agent starts its child by way of /proc.
            let within = "mount --rbind /proc $0/proc && exec chroot $0 hostwatch mail test";
            let mut command = Command::new("unshare");
            command.args(["--mount", "sh", "-c", within]).arg(&root).output().unwrap()
        };
        let yaml =
            "host: {name: db03.example.net}\nmail: {via: [{sendmail: /usr/sbin/sendmail}]}\n";
        std::fs::write(machine.path("etc/hostwatch/hostwatch.yaml"), yaml).unwrap();
        let words = [
            "root     /etc/aliases: root -> ops@example.net",
            "accepted root: /usr/sbin/sendmail took it",
        ];
        tells(&test(), 0, &words);
        crate::agent::wait_for("both came", std::time::Duration::from_secs(60), || {
            peer.heard().matches("RCPT TO:<ops@example.net>").count() == 2
        });
        std::fs::remove_file(machine.path("etc/aliases")).unwrap();
        if alias {
            tells(&test(), 0, &["there is no /etc/aliases: its mail stays on this machine"]);
        } else {
            tells(
                &test(),
                1,
                &[
                    "there is no /etc/aliases: its server gets it as it is",
                    "(exit 78)",
                    "is not set up",
                ],
            );
        }
        std::fs::remove_file(machine.path("usr/sbin/sendmail")).unwrap();
        tells(
            &test(),
            1,
            &[
                "/usr/sbin/sendmail is no program",
                "there is no /usr/sbin/sendmail: install a mail program",
            ],
        );
    }
}
