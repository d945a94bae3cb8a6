//! Delivery when servers, programs and files misbehave (`hostile`): nothing is lost, nothing
//! leaks, everything ends in time.

use std::time::{Duration, Instant};

use hostwatch::model::limit::DELIVERY_DEADLINE;
use hostwatch::model::time::Moment;
use hostwatch::model::unit::Span;
use hostwatch::notify::deliver::Job;
use hostwatch::notify::outbox::{Fate, Outbox};
use hostwatch::notify::relay::{Login, Relay, Smtp, TlsMode};
use hostwatch::store::secret::Secret;

use crate::agent::wait_for;
use crate::delivery::{Outcome, mail, program, send, send_with, smtp};
use crate::hostile::{Fault, Peer, Step};

const SOON: Duration = Duration::from_secs(20);
/// What a machine with much else to do may add to a deadline; far less than a server's own 60 s.
const LOADED: Duration = Duration::from_secs(15);
const PASSWORD: &str = "s3cret-word";
/// The password alone, and as PLAIN and LOGIN send it.
const PASSWORD_FORMS: [&str; 3] = [PASSWORD, "AGh3AHMzY3JldC13b3Jk", "czNjcmV0LXdvcmQ="];

fn with_login(way: Smtp) -> Smtp {
    let password = Secret::Literal(PASSWORD.to_owned());
    Smtp { login: Some(Login { user: "hw".to_owned(), password }), ..way }
}

fn to(peer: &Peer, tls: TlsMode, within: Duration) -> Outcome {
    let relay = Relay::Smtp(smtp(peer.port, tls));
    send(&mail(1, &["a@example.net", "b@example.net"], None), vec![relay], within)
}

#[test]
fn every_answer_at_every_step_is_understood() {
    use Step::{Connect, Data, Dot, Ehlo, Mail, Rcpt};
    for step in [Connect, Ehlo, Mail] {
        for code in [421, 450, 550] {
            let peer = Peer::start(Fault::Code(step, code));
            let outcome = to(&peer, TlsMode::None, SOON);
            assert!(outcome.fates.is_empty(), "{step:?} {code}: {outcome:?}");
            assert!(outcome.trouble().contains(&code.to_string()), "{step:?} {code}: {outcome:?}");
            assert!(outcome.trouble().contains("this is the fault"), "the server's own words");
        }
    }
    for step in [Rcpt, Data, Dot] {
        for code in [450, 550] {
            let peer = Peer::start(Fault::Code(step, code));
            let outcome = to(&peer, TlsMode::None, SOON);
            assert_eq!(outcome.trouble, None, "{step:?} {code}");
            for fate in ["a@example.net", "b@example.net"].map(|r| &outcome.fates[r]) {
                let text = match (fate, code) {
                    (Fate::Deferred(text), 450) | (Fate::Refused(text), 550) => text,
                    _ => panic!("{step:?} {code}: {outcome:?}"),
                };
                assert!(text.starts_with(&format!("localhost:{}: {code}", peer.port)), "{text}");
            }
        }
        let peer = Peer::start(Fault::Code(step, 421));
        let outcome = to(&peer, TlsMode::None, SOON);
        assert!(outcome.trouble().contains("421"), "{step:?}: {outcome:?}");
        assert!(!outcome.fates.values().any(|fate| !matches!(fate, Fate::Deferred(_))));
    }
    let peer = Peer::start(Fault::Code(Rcpt, 535));
    let outcome = to(&peer, TlsMode::None, SOON);
    assert!(
        matches!(outcome.fates["a@example.net"], Fate::Deferred(_)),
        "a login can be corrected"
    );
    for fault in [Fault::None, Fault::NoGoodbye, Fault::OddEhlo] {
        let peer = Peer::start(fault);
        let outcome = to(&peer, TlsMode::Opportunistic, SOON);
        assert!(
            outcome.is_accepted("a@example.net") && outcome.is_accepted("b@example.net"),
            "{fault:?}: {outcome:?}"
        );
        assert_eq!(outcome.trouble, None);
        assert!(
            peer.heard().contains("RCPT TO:<a@example.net> NOTIFY=FAILURE,DELAY\r\n"),
            "{fault:?}"
        );
    }
}

#[test]
fn slow_servers_end_in_time_and_leave_time_for_the_next() {
    for fault in [Fault::Silent(Step::Connect), Fault::Silent(Step::Dot), Fault::Drip] {
        let (bad, good) = (Peer::start(fault), Peer::start(Fault::None));
        let begin = Instant::now();
        let within = Duration::from_secs(6);
        let relays = [&bad, &good].map(|peer| Relay::Smtp(smtp(peer.port, TlsMode::None)));
        let outcome = send(&mail(1, &["a@example.net"], None), relays.to_vec(), within);
        assert!(outcome.is_accepted("a@example.net"), "{fault:?}: {outcome:?}");
        assert!(begin.elapsed() < within + LOADED, "{fault:?}");
        let begin = Instant::now();
        let alone = to(&bad, TlsMode::None, within);
        assert!(
            alone.trouble().contains("did not answer: no answer in time"),
            "{fault:?}: {alone:?}"
        );
        assert!(begin.elapsed() < within + LOADED, "{fault:?}");
    }
}

/// Runs a delivery and prints the most memory that it took, in KiB, after what it said. What a
/// process took at most outlives an exec, so the one that begins it must itself be small.
const MEASURED: &str = "
import resource, subprocess, sys
subprocess.run([sys.argv[1], 'deliver'], stdin=open(sys.argv[2]))
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
";

#[test]
fn endless_replies_cost_little_memory_and_time() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("job");
    for fault in [Fault::HugeLine, Fault::EndlessLines, Fault::EndlessLine] {
        let peer = Peer::start(fault);
        let one = mail(1, &["a@example.net"], None);
        let job = Job {
            recipients: one.recipients.clone(),
            mail: one,
            relays: vec![Relay::Smtp(smtp(peer.port, TlsMode::Opportunistic))],
            within_ms: u64::try_from(SOON.as_millis()).unwrap(),
            troubles: Vec::new(),
        };
        std::fs::write(&file, serde_json::to_vec(&job).unwrap()).unwrap();
        let output = std::process::Command::new("python3")
            .args(["-c", MEASURED])
            .args([program(), &file])
            .output()
            .expect("python3 is needed: install with tests/run");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        // That it says so also says that it did not wait for its deadline.
        assert!(said.contains("sent a reply of over 64 KiB"), "{fault:?}: {output:?}");
        let peak_kib: u64 = said.lines().last().unwrap().parse().unwrap();
        assert!(peak_kib < 64 << 10, "{fault:?}: the delivery took {peak_kib} KiB");
    }
}

#[test]
fn a_connection_that_breaks_leaves_the_mail_to_a_retry_with_the_same_bytes() {
    let large = {
        let mut mail = (*mail(1, &["a@example.net"], None)).clone();
        mail.bytes.push_str(&"0123456789abcdef\r\n".repeat(40_000));
        std::sync::Arc::new(mail)
    };
    let peer = Peer::start(Fault::ResetMidData);
    let outcome = send(&large, vec![Relay::Smtp(smtp(peer.port, TlsMode::None))], SOON);
    assert!(matches!(&outcome.fates["a@example.net"], Fate::Deferred(_)), "{outcome:?}");
    // Which of the two depends on how much the kernel had taken from us by then.
    let words = ["broke the connection", "after it got the whole mail"];
    assert!(words.iter().any(|word| outcome.trouble().contains(word)), "{outcome:?}");

    // The server has the mail, but we cannot know: it is tried again, and told apart by nothing.
    let peer = Peer::start(Fault::DropAfterDot);
    let relay = vec![Relay::Smtp(smtp(peer.port, TlsMode::None))];
    let one = mail(7, &["a@example.net"], None);
    let mut outbox = Outbox::new(Span::from_secs(86_400));
    outbox.push(std::sync::Arc::clone(&one), &[]);
    outbox.release(one.id);
    for now in [Moment(0), Moment(60_000)] {
        let attempt = outbox.next(now).unwrap();
        let outcome = send(&attempt.mail, relay.clone(), SOON);
        assert!(outcome.trouble().contains("after it got the whole mail"), "{outcome:?}");
        for report in &outcome.reports {
            assert!(outbox.report(now, report).is_empty());
        }
    }
    assert!(outbox.merge_candidates().is_none());
    let mails = peer.mails();
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[0], mails[1]);
    assert_eq!(mails[0], one.bytes, "dots and all");
}

#[test]
fn no_password_ever_leaves_without_a_proven_server() {
    for (fault, words) in [
        (Fault::Stripped, "does not offer STARTTLS"),
        (Fault::FalseTls, "TLS failed"),
        (Fault::Injects, "sent data before TLS began"),
    ] {
        let peer = Peer::start(fault);
        let way = with_login(smtp(peer.port, TlsMode::Required));
        let outcome = send(&mail(1, &["a@example.net"], None), vec![Relay::Smtp(way)], SOON);
        assert!(outcome.trouble().contains(words), "{fault:?}: {outcome:?}");
        let heard = peer.heard();
        assert!(!heard.contains("AUTH") && !heard.contains("MAIL"), "{fault:?}: {heard}");
        assert!(!PASSWORD_FORMS.iter().any(|form| heard.contains(form)), "{fault:?}: {heard}");
        // TLS where it can be had, and a pin: the pin is meant.
        let way =
            Smtp { fingerprint: Some("ab".repeat(32)), ..smtp(peer.port, TlsMode::Opportunistic) };
        let outcome = send(&mail(1, &["a@example.net"], None), vec![Relay::Smtp(way)], SOON);
        assert!(outcome.trouble().contains(words), "{fault:?}: {outcome:?}");
        // Without either, the mail goes out in the clear, as Postfix' `may` does.
        if fault != Fault::Injects {
            let outcome = to(&peer, TlsMode::Opportunistic, SOON);
            assert!(outcome.is_accepted("a@example.net"), "{fault:?}: {outcome:?}");
        }
    }
    // The forms above are what would be seen: on loopback, where a password may go in the clear.
    let peer = Peer::start(Fault::Stripped);
    let way = with_login(smtp(peer.port, TlsMode::None));
    let outcome = send(&mail(1, &["a@example.net"], None), vec![Relay::Smtp(way)], SOON);
    assert!(outcome.trouble().contains("does not let user hw in: 502"), "{outcome:?}");
    assert!(peer.heard().contains(PASSWORD_FORMS[1]), "{}", peer.heard());
}

#[test]
fn secrets_are_read_with_care() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret");
    std::fs::write(&path, "pass word\n").unwrap();
    let file = Secret::File(path.to_str().unwrap().to_owned());
    for mode in [0o644, 0o660, 0o604] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let refusal = format!("others may read it (mode {mode:04o}): chmod 600 it");
        assert!(file.read().unwrap_err().ends_with(&refusal));
    }
    // Root's, for the group of the agent.
    assert!(nix::unistd::geteuid().is_root(), "run as root: use tests/run");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(file.read().unwrap(), "pass word");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(file.read().unwrap(), "pass word");
    std::fs::write(&path, "\n").unwrap();
    assert!(file.read().unwrap_err().contains("empty"));
    assert!(Secret::Env("HOSTWATCH_NO_SUCH".to_owned()).read().is_err());
    // A way out without its password is left out and named; the next is used.
    let peer = Peer::start(Fault::None);
    let mut locked = with_login(smtp(1, TlsMode::None));
    locked.login.as_mut().unwrap().password = Secret::File("/nonexistent/secret".to_owned());
    let open = Relay::Smtp(smtp(peer.port, TlsMode::None));
    let one = mail(1, &["a@example.net"], None);
    let outcome = send(&one, vec![Relay::Smtp(locked.clone()), open], SOON);
    assert!(outcome.is_accepted("a@example.net"), "{outcome:?}");
    let outcome = send(&one, vec![Relay::Smtp(locked)], SOON);
    assert!(
        outcome.trouble().starts_with("localhost:1: no password: file /nonexistent/secret"),
        "{outcome:?}"
    );
}

/// A program of a few lines of shell.
fn script(dir: &std::path::Path, name: &str, text: &str) -> std::path::PathBuf {
    let path = dir.join(name);
    program_of(&path, &format!("#!/bin/sh\n{text}\n"));
    path
}

/// Makes a text a program.
pub(crate) fn program_of(path: &std::path::Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_child_that_hangs_is_ended_with_all_it_started_and_what_it_said_counts() {
    let dir = tempfile::tempdir().unwrap();
    let pids = dir.path().join("pids");
    let said = r#"{"mail":1,"recipients":[["a@example.net",{"accepted":"250 ok"}]],"done":false,"trouble":null}"#;
    let text = format!("echo '{said}'\nsleep 600 &\necho $$ $! > {}\nwait", pids.display());
    let hangs = script(dir.path(), "hangs", &text);
    let begin = Instant::now();
    let one = mail(1, &["a@example.net", "b@example.net"], None);
    let outcome = send_with(&hangs, &one, Vec::new(), Duration::from_secs(6));
    assert!(begin.elapsed() < Duration::from_secs(6) + LOADED);
    assert!(outcome.is_accepted("a@example.net") && outcome.fates.len() == 1, "{outcome:?}");
    assert_eq!(outcome.trouble(), "no way out answered within 6s");
    for pid in std::fs::read_to_string(&pids).unwrap().split_whitespace() {
        // A killed process is gone when the system gets round to it; then it is nowhere, or dead and
        // waiting for the machine's init to take notice.
        wait_for("what it had started is gone", LOADED, || {
            let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            state.is_empty() || state.contains(") Z ")
        });
    }
    let dies = script(dir.path(), "dies", "exit 3");
    assert_eq!(
        send_with(&dies, &one, Vec::new(), SOON).trouble(),
        "the delivery ended before its work was done"
    );
    let raves = script(dir.path(), "raves", "echo hello");
    assert!(
        send_with(&raves, &one, Vec::new(), SOON)
            .trouble()
            .starts_with("the delivery made no sense")
    );
    let absent = dir.path().join("absent");
    assert!(
        send_with(&absent, &one, Vec::new(), SOON)
            .trouble()
            .starts_with("the delivery cannot be started")
    );
    assert!(SOON < DELIVERY_DEADLINE.to_std());
}

#[test]
fn a_child_dies_with_the_agent() {
    let dir = tempfile::tempdir().unwrap();
    let peer = Peer::start(Fault::Silent(Step::Mail));
    let one = mail(1, &["a@example.net"], None);
    let job = Job {
        recipients: one.recipients.clone(),
        mail: one,
        relays: vec![Relay::Smtp(smtp(peer.port, TlsMode::None))],
        within_ms: 60_000,
        troubles: Vec::new(),
    };
    let file = dir.path().join("job");
    std::fs::write(&file, serde_json::to_vec(&job).unwrap()).unwrap();
    let (exe, pid_file) = (program().display(), dir.path().join("pid"));
    let text =
        format!("{exe} deliver < {} & echo $! > {}; wait", file.display(), pid_file.display());
    let mut agent = std::process::Command::new(script(dir.path(), "agent", &text)).spawn().unwrap();
    // It is in the middle of its work when the peer has heard of the mail.
    let begin = Instant::now();
    let wait_for = |what: &dyn Fn() -> bool| {
        while !what() {
            assert!(begin.elapsed() < SOON);
            std::thread::park_timeout(Duration::from_millis(10));
        }
    };
    wait_for(&|| peer.heard().contains("MAIL FROM"));
    let pid = std::fs::read_to_string(&pid_file).unwrap().trim().to_owned();
    agent.kill().unwrap();
    agent.wait().unwrap();
    wait_for(&|| {
        let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        state.is_empty() || state.contains(") Z ")
    });
}

#[test]
fn exit_codes_of_sendmail_are_understood() {
    let dir = tempfile::tempdir().unwrap();
    let run_within = |name: &str, text: &str, recipients: &[&str], within: Duration| {
        let path = script(dir.path(), name, text).to_str().unwrap().to_owned();
        send(&mail(1, recipients, None), vec![Relay::Sendmail { path }], within)
    };
    let run =
        |name: &str, text: &str, recipients: &[&str]| run_within(name, text, recipients, SOON);
    let log = dir.path().join("arguments");
    let outcome = run(
        "takes",
        &format!("echo \"$@\" >> {}; cat > /dev/null", log.display()),
        &["a@example.net", "b@example.net"],
    );
    assert!(
        outcome.is_accepted("a@example.net") && outcome.is_accepted("b@example.net"),
        "{outcome:?}"
    );
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "-t -i -f hostwatch@example.net\n");
    // One of two is bad: each is asked for alone.
    let picky = "cat > /dev/null; case \"$*\" in *bad*|*-t*) echo no such user >&2; exit 67;; esac";
    let outcome = run("picky", picky, &["bad@example.net", "good@example.net"]);
    assert!(outcome.is_accepted("good@example.net"), "{outcome:?}");
    let Fate::Refused(why) = &outcome.fates["bad@example.net"] else { panic!("{outcome:?}") };
    assert!(why.ends_with("refused it (exit 67): no such user"), "{why}");
    // Everything else can change: the mail is kept.
    for code in [1, 64, 69, 70, 75, 77, 78] {
        let outcome = run("later", &format!("echo busy >&2; exit {code}"), &["a@example.net"]);
        assert!(outcome.trouble().ends_with(&format!("failed (exit {code}): busy")), "{outcome:?}");
    }
    let outcome = run_within("stuck", "sleep 600", &["a@example.net"], Duration::from_secs(4));
    assert!(
        outcome.trouble().ends_with("did not end in time and was killed: it said nothing"),
        "{outcome:?}"
    );
    let path = dir.path().join("absent").to_str().unwrap().to_owned();
    let outcome = send(&mail(1, &["a@example.net"], None), vec![Relay::Sendmail { path }], SOON);
    assert!(outcome.trouble().contains("cannot be started"), "{outcome:?}");
}
