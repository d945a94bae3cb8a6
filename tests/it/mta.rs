//! Real mail programs behind `sendmail`: dma, Exim and msmtp, each on a machine of its own
//! (`tests/mail/machine.sh`), and Postfix; what they hand on, and what their exit codes mean.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hostwatch::notify::courier;
use hostwatch::notify::deliver::Job;
use hostwatch::notify::mail::Mail;
use hostwatch::notify::outbox::Fate;
use hostwatch::notify::relay::Relay;

use crate::agent::wait_for;
use crate::delivery::{Lab, Outcome, mail, program, send};
use crate::hostile::{Fault, Peer, Step};

const MINUTE: Duration = Duration::from_secs(60);

/// A directory to chroot into, whose /usr/sbin/sendmail is one of these programs.
pub(crate) struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    pub(crate) fn new(mta: &str, relay: u16) -> Self {
        assert!(nix::unistd::geteuid().is_root(), "chroot needs root: use tests/run");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mail/machine.sh");
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mail-programs");
        let folder = tempfile::tempdir().unwrap();
        let run = |arguments: &[&str]| {
            let status = Command::new(&script).arg(&cache).args(arguments).status().unwrap();
            assert!(status.success(), "machine.sh {arguments:?}: needs apt, its lists, and chroot");
        };
        run(&["unpack"]);
        run(&["make", folder.path().to_str().unwrap(), mta, &relay.to_string()]);
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What Exim wrote into its log, and what waits in dma's queue.
    fn log(&self) -> String {
        let log = std::fs::read_to_string(self.path("var/log/exim4/mainlog")).unwrap_or_default();
        let mut queue = String::new();
        for entry in std::fs::read_dir(self.path("var/spool/dma")).into_iter().flatten().flatten() {
            queue += &std::fs::read_to_string(entry.path()).unwrap_or_default();
        }
        log + &queue
    }

    fn sendmail(&self) -> Vec<Relay> {
        via(&self.path("sendmail"))
    }
}

fn via(path: &Path) -> Vec<Relay> {
    vec![Relay::Sendmail { path: path.to_str().unwrap().to_owned() }]
}

/// A mail with lines that programs like to spoil.
fn awkward(recipients: &[&str]) -> Arc<Mail> {
    let mut mail = (*mail(1, recipients, None)).clone();
    mail.bytes.push_str(".\r\n..two\r\nFrom here on\r\n\r\nend\r\n");
    Arc::new(mail)
}

/// Every header of ours is there as it was, in its order, and the body to its last byte.
fn is_whole(sent: &Mail, came: &str) {
    let (head, body) = sent.bytes.split_once("\r\n\r\n").unwrap();
    let (new_head, new_body) = came.split_once("\r\n\r\n").unwrap();
    assert_eq!(new_body, body, "the body");
    let mut rest = new_head.split("\r\n");
    for line in head.split("\r\n") {
        assert!(rest.any(|other| other == line), "`{line}` is not in:\n{new_head}");
    }
}

fn count(heard: &str, what: &str) -> usize {
    heard.to_uppercase().matches(&what.to_uppercase()).count()
}

#[test]
fn dma_exim_and_msmtp_hand_on_what_they_were_given() {
    // dma speaks for each recipient anew.
    for (mta, mails) in [("dma", 2), ("exim", 1), ("msmtp", 1)] {
        let peer = Peer::start(Fault::None);
        let machine = Machine::new(mta, peer.port);
        let both = ["ops@example.net", "duty@example.net"];
        let sent = awkward(&both);
        let outcome = send(&sent, machine.sendmail(), MINUTE);
        assert!(both.iter().all(|one| outcome.is_accepted(one)), "{mta}: {outcome:?}");
        wait_for("both were told to the relay, with the mail", MINUTE, || {
            let heard = peer.heard();
            let told = |one: &&str| count(&heard, &format!("RCPT TO:<{one}>")) == 1;
            both.iter().all(told) && peer.mails().len() == mails
        });
        for came in peer.mails() {
            is_whole(&sent, &came);
        }
        let from = count(&peer.heard(), "MAIL FROM:");
        assert_eq!(count(&peer.heard(), "MAIL FROM:<hostwatch@example.net>"), from, "{mta}");
        assert!(peer.heard().contains("EHLO gw.example.net"), "{mta}: {}", peer.heard());

        // One of two alone, who is named on the command line; and a name of this machine.
        let before = peer.mails().len();
        let job = Job {
            mail: awkward(&both),
            recipients: vec!["duty@example.net".to_owned()],
            relays: machine.sendmail(),
            within_ms: 0,
            troubles: Vec::new(),
        };
        courier::deliver(program(), &job, MINUTE, &mut |_| {});
        wait_for("it came", MINUTE, || peer.mails().len() == before + 1);
        is_whole(&job.mail, &peer.mails()[before]);
        assert_eq!(count(&peer.heard(), "RCPT TO:<duty@example.net>"), 2, "{mta}");
        assert_eq!(count(&peer.heard(), "RCPT TO:<ops@example.net>"), 1, "{mta}");
        let outcome = send(&mail(2, &["root"], None), machine.sendmail(), MINUTE);
        assert!(outcome.is_accepted("root"), "{mta}: {outcome:?}");
        let begin = Instant::now();
        while count(&peer.heard(), "RCPT TO:<ops@example.net>") < 2 {
            assert!(begin.elapsed() < MINUTE, "{mta}: {}\n{}", peer.heard(), machine.log());
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }
}

fn trouble(outcome: &Outcome, words: &[&str]) {
    let kept = |fate: &Fate| matches!(fate, Fate::Deferred(_));
    assert!(outcome.fates.values().all(kept), "{outcome:?}");
    for word in words {
        assert!(outcome.trouble().contains(word), "{word}: {outcome:?}");
    }
}

#[test]
fn msmtp_says_what_its_server_said_and_only_a_bad_recipient_is_given_up() {
    let to = |fault: Fault, within: Duration| {
        let peer = Peer::start(fault);
        let machine = Machine::new("msmtp", peer.port);
        send(&mail(1, &["ops@example.net"], None), machine.sendmail(), within)
    };
    let outcome = to(Fault::Code(Step::Rcpt, 550), MINUTE);
    let Fate::Refused(why) = &outcome.fates["ops@example.net"] else { panic!("{outcome:?}") };
    assert!(why.contains("refused it (exit 65)"), "{why}");
    assert!(why.contains("server message: 550 5.3.2 this is the fault"), "{why}");
    trouble(
        &to(Fault::Code(Step::Rcpt, 450), MINUTE),
        &["(exit 69)", "450 4.3.2 this is the fault"],
    );
    // The same exit code as for a bad recipient, but of the sender: that can be put right.
    let words =
        ["(exit 65)", "envelope from address hostwatch@example.net not accepted", "550 5.3.2"];
    trouble(&to(Fault::Code(Step::Mail, 550), MINUTE), &words);
    trouble(&to(Fault::Code(Step::Rcpt, 530), MINUTE), &["(exit 65)", "530 5.3.2"]);
    let begin = Instant::now();
    let outcome = to(Fault::Silent(Step::Connect), Duration::from_secs(6));
    trouble(&outcome, &["did not end in time and was killed"]);
    assert!(begin.elapsed() < MINUTE);

    let machine = Machine::new("msmtp", crate::sink::free_port());
    let one = mail(1, &["ops@example.net"], None);
    trouble(&send(&one, machine.sendmail(), MINUTE), &["(exit 75)", "Connection refused"]);
    std::fs::remove_file(machine.path("etc/msmtprc")).unwrap();
    trouble(&send(&one, machine.sendmail(), MINUTE), &["(exit 78)", "no configuration file"]);
}

#[test]
fn a_program_without_its_rights_or_its_configuration_says_so() {
    let peer = Peer::start(Fault::None);
    let one = mail(1, &["ops@example.net"], None);
    let unit = |machine: &Machine| send(&one, via(&machine.path("sendmail-of-the-unit")), MINUTE);
    let dma = Machine::new("dma", peer.port);
    trouble(&unit(&dma), &["(exit 73)", "can not create temp file", "Permission denied"]);
    std::fs::write(dma.path("etc/dma/dma.conf"), "SMARTHOST\nNONSENSE x\n").unwrap();
    trouble(
        &send(&one, dma.sendmail(), MINUTE),
        &["(exit 78)", "syntax error in /etc/dma/dma.conf"],
    );
    let exim = Machine::new("exim", peer.port);
    trouble(&unit(&exim), &["(exit 1)", "Permission denied"]);
    std::fs::remove_file(exim.path("etc/exim4/exim4.conf")).unwrap();
    trouble(&send(&one, exim.sendmail(), MINUTE), &["(exit 1)", "non-existent configuration file"]);
    // msmtp has no queue and needs no rights.
    let msmtp = Machine::new("msmtp", peer.port);
    let outcome = unit(&msmtp);
    assert!(outcome.is_accepted("ops@example.net"), "{outcome:?}");
    assert_eq!(peer.mails().len(), 1, "of the others nothing came");
}

/// Exim answers when the mail is in its queue, and goes on to send it: that part is no part of the
/// delivery, and not ended with it. A relay that takes its time makes sure that it is still at work.
#[test]
fn exim_goes_on_when_the_delivery_is_over() {
    let relay = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let machine = Machine::new("exim", relay.local_addr().unwrap().port());
    let outcome = send(&mail(1, &["ops@example.net"], None), machine.sendmail(), MINUTE);
    assert!(outcome.is_accepted("ops@example.net"), "{outcome:?}");
    // The delivery is over, and only now the relay says a word.
    let (mut line, _) = relay.accept().unwrap();
    line.set_read_timeout(Some(MINUTE)).unwrap();
    std::io::Write::write_all(&mut line, b"220 late.example.net ESMTP\r\n").unwrap();
    let mut heard = [0_u8; 4];
    std::io::Read::read_exact(&mut line, &mut heard).unwrap();
    assert_eq!(&heard, b"EHLO");
}

/// Postfix' waits for ever for a queue that it may not write.
#[test]
fn postfix_without_its_rights_is_ended_and_what_it_said_is_told() {
    let lab = Lab::start();
    let unit = lab.path("sendmail-of-the-unit");
    let text = format!(
        "#!/bin/sh\nexec unshare --mount sh -c 'mount --bind {} /etc/postfix && exec setpriv \
         --no-new-privs --reuid=65534 --regid=65534 --clear-groups /usr/sbin/sendmail \"$@\"' x \"$@\"\n",
        lab.path("conf").display()
    );
    crate::delivery_faults::program_of(&unit, &text);
    let begin = Instant::now();
    let one = mail(1, &["ops@example.net"], None);
    let outcome = send(&one, via(&unit), Duration::from_secs(8));
    assert!(begin.elapsed() < MINUTE, "{outcome:?}");
    trouble(
        &outcome,
        &["did not end in time and was killed", "mail_queue_enter", "Permission denied"],
    );
}

#[test]
fn a_program_that_does_not_read_or_leaves_something_behind_is_understood() {
    let dir = tempfile::tempdir().unwrap();
    let run = |text: &str, mail: &Arc<Mail>| {
        let path = dir.path().join("sendmail");
        crate::delivery_faults::program_of(&path, &format!("#!/bin/sh\n{text}\n"));
        send(mail, via(&path), MINUTE)
    };
    let one = mail(1, &["a@example.net"], None);
    let large = {
        let mut mail = (*one).clone();
        mail.bytes.push_str(&"0123456789abcdef\r\n".repeat(40_000));
        Arc::new(mail)
    };
    let outcome = run("exec <&-; exit 0", &large);
    trouble(&outcome, &["ended well (exit 0) without reading the whole mail"]);
    trouble(&run("exec <&-; echo full >&2; exit 75", &large), &["failed (exit 75): full"]);
    // A sender that stays behind holds the pipe open: its program's word is enough.
    let begin = Instant::now();
    let outcome = run("cat > /dev/null; echo queued as 7 >&2; sleep 50 & exit 0", &one);
    let Fate::Accepted(answer) = &outcome.fates["a@example.net"] else { panic!("{outcome:?}") };
    assert!(answer.ends_with("sendmail took it, saying: queued as 7"), "{answer}");
    assert!(begin.elapsed() < Duration::from_secs(40));
    // Endless words are no reason to wait, nor to remember them.
    let outcome = run("yes 'no room' >&2 & cat > /dev/null; sleep 0.2; kill $!; exit 75", &one);
    trouble(&outcome, &["failed (exit 75): no room"]);
    let path = dir.path().join("sendmail");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    trouble(&send(&one, via(&path), MINUTE), &["cannot be started: Permission denied"]);
}

/// Where nobody says which way, and the local program cannot have its rights: the server behind it.
#[test]
fn an_agent_without_new_rights_goes_to_the_server_behind_sendmail() {
    let plan = hostwatch::config::plan::MailPlan { ehlo: "gw".to_owned(), ..Default::default() };
    let find =
        |none: bool| hostwatch::daemon::way_out::find(&plan, Path::new("/nonexistent"), none);
    let words = |ways: Vec<Relay>| ways.iter().map(ToString::to_string).collect::<Vec<_>>();
    // Postfix is installed, see `Lab`.
    assert_eq!(words(find(false)), ["sendmail /usr/sbin/sendmail"]);
    let both = ["smtp localhost:25 (TLS when offered)", "sendmail /usr/sbin/sendmail"];
    assert_eq!(words(find(true)), both);
}
