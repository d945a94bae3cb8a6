//! The local `sendmail` program as a way out: Postfix, Exim, dma, msmtp and others have one.
//!
//! Recipients come from the headers (`-t`) when all of them are addressed, else from the command
//! line. `-i` keeps a line with a lone dot from ending the mail. What the program says is shown
//! whatever becomes of it: Postfix' waits for ever for a queue that it may not write, and says so.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, mpsc};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::model::limit::{REPLY_CHARS, SENDMAIL_WORDS};
use crate::model::text::{shown, shown_within};
use crate::net::clock::{Deadline, Since};
use crate::notify::fault::{Blame, code_in};
use crate::notify::mail::Mail;
use crate::notify::mime::is_address;
use crate::notify::outbox::Fate;
use crate::notify::step::{Ear, Stage, Step};

/// `sysexits.h`: the data, or a user, is wrong; trying again is of no use. Usage (64), no
/// permission (77) and configuration (78) are faults of the program's setup, which can be put
/// right while the mail waits.
const REFUSALS: [i32; 2] = [65, 67];

/// Delivers a mail to recipients; an error is the trouble that kept the rest.
pub(super) fn deliver(
    path: &str,
    mail: &Mail,
    recipients: &[String],
    deadline: Deadline,
    ear: &mut Ear<'_>,
) -> Result<(), String> {
    ear.at(Stage::Local);
    hand_to_all(path, mail, recipients, deadline, ear)
        .inspect_err(|trouble| ear.failed(code_in(trouble), trouble))
}

fn hand_to_all(
    path: &str,
    mail: &Mail,
    recipients: &[String],
    deadline: Deadline,
    ear: &mut Ear<'_>,
) -> Result<(), String> {
    let (good, bad): (Vec<&String>, Vec<&String>) = recipients.iter().partition(|r| is_address(r));
    for name in bad {
        let fate = Fate::Refused(format!("\"{}\" is no mail address", shown(name)));
        ear.stopped(name, None, fate);
    }
    if good.is_empty() {
        return Ok(());
    }
    let all = good.len() == mail.recipients.len();
    match hand_over(path, mail, &good, all, deadline, ear)? {
        Verdict::Taken => Ok(()),
        Verdict::Refused(why) if good.len() == 1 => {
            let code = code_in(&why);
            ear.stopped(good.first().map_or("", |r| r.as_str()), code, Fate::Refused(why));
            Ok(())
        }
        // One of them is bad; which, only asking for each can tell.
        Verdict::Refused(_) => {
            for recipient in good {
                if let Verdict::Refused(why) =
                    hand_over(path, mail, &[recipient], false, deadline, ear)?
                {
                    ear.stopped(recipient, code_in(&why), Fate::Refused(why));
                }
            }
            Ok(())
        }
    }
}

enum Verdict {
    Taken,
    Refused(String),
}

fn hand_over(
    path: &str,
    mail: &Mail,
    recipients: &[&String],
    from_headers: bool,
    deadline: Deadline,
    ear: &mut Ear<'_>,
) -> Result<Verdict, String> {
    let name = shown(path).into_owned();
    for recipient in recipients {
        ear.fate(recipient, Fate::Deferred(format!("{name}: given to it, but no verdict came")));
    }
    let mut arguments = Vec::new();
    if from_headers {
        arguments.extend(["-t", "-i", "-f", &mail.from]);
    } else {
        arguments.extend(["-i", "-f", &mail.from, "--"]);
        arguments.extend(recipients.iter().map(|r| r.as_str()));
    }
    let begin = Since::now();
    let ended = run(path, &arguments, &mail.bytes.replace("\r\n", "\n"), deadline)?;
    let said = if ended.said.is_empty() { "it said nothing" } else { ended.said.as_str() };
    match ended.status.code() {
        Some(0) if !ended.took_all => {
            Err(format!("{name} ended well (exit 0) without reading the whole mail: {said}"))
        }
        Some(0) => {
            let mut answer = format!("{name} took it");
            if !ended.said.is_empty() {
                let text = ended.said.clone();
                ear.step(Step::Said { program: name, text });
                answer = format!("{answer}, saying: {said}");
            }
            for recipient in recipients {
                ear.step(Step::Taken { recipient: (*recipient).clone(), took_ms: begin.ms() });
                ear.fate(recipient, Fate::Accepted(answer.clone()));
            }
            Ok(Verdict::Taken)
        }
        Some(code) if REFUSALS.contains(&code) && !is_setup(&ended.said) => {
            Ok(Verdict::Refused(format!("{name} refused it (exit {code}): {said}")))
        }
        Some(code) => Err(format!("{name} failed (exit {code}): {said}")),
        None => Err(format!("{name} was killed by a signal: {said}")),
    }
}

/// Whether a refusal is held against this host and not against the mail: msmtp, which speaks to the
/// server while we wait, ends with 65 for a sender that the server does not like as for an unknown
/// recipient. Its own words name the recipient, so only the server's count.
fn is_setup(said: &str) -> bool {
    let Some(code) = code_in(said) else { return false };
    let reply = said.split_once(&code.to_string()).map_or("", |(_, words)| words);
    let sender = said.contains("envelope from address") && !said.contains("recipient address");
    sender || Blame::of(code, reply).is_setup()
}

struct Ended {
    status: ExitStatus,
    /// Whether it read the whole mail.
    took_all: bool,
    said: String,
}

/// Runs the program; what it says is kept for people, up to a bound.
fn run(path: &str, arguments: &[&str], input: &str, deadline: Deadline) -> Result<Ended, String> {
    let name = shown(path).into_owned();
    #[expect(clippy::disallowed_methods, reason = "delivery starts the local sendmail")]
    let mut command = Command::new(path);
    // Nothing of the agent's environment but what finding its own files may need.
    command.args(arguments).env_clear();
    for key in ["PATH", "HOME", "USER", "LOGNAME", "TZ"] {
        if let Some(value) = std::env::var_os(key) {
            command.env(key, value);
        }
    }
    let mut child = command
        .env("LC_ALL", "C")
        // The sender that Exim leaves behind must outlive this delivery, whose group is ended with it.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{name} cannot be started: {error}"))?;
    let pid = child.id();
    let (words, all_said) = listen(&mut child);
    let (sender, result) = mpsc::channel();
    let input = input.as_bytes().to_vec();
    std::thread::spawn(move || {
        // A program that does not want it all says why with its exit code.
        let took_all = child.stdin.take().is_some_and(|mut pipe| pipe.write_all(&input).is_ok());
        let _ = sender.send((child.wait(), took_all));
    });
    match result.recv_timeout(deadline.left()) {
        Ok((Ok(status), took_all)) => {
            // A sender that it left behind may keep the pipe open, so its end is not waited for.
            let _ = all_said.recv_timeout(deadline.at_most(SENDMAIL_WORDS.to_std()).left());
            Ok(Ended { status, took_all, said: one_line(&words) })
        }
        Ok((Err(error), _)) => Err(format!("{name} was lost: {error}")),
        Err(_) => {
            if let Ok(pid) = i32::try_from(pid) {
                let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
            }
            let said = one_line(&words);
            let said = if said.is_empty() { "it said nothing".to_owned() } else { said };
            Err(format!("{name} did not end in time and was killed: {said}"))
        }
    }
}

/// Reads what the program says, on a thread of its own; the receiver hears when there is no more.
fn listen(child: &mut Child) -> (Arc<Mutex<Vec<u8>>>, mpsc::Receiver<()>) {
    let words = Arc::new(Mutex::new(Vec::new()));
    let (sender, end) = mpsc::channel();
    if let Some(mut stderr) = child.stderr.take() {
        let kept = Arc::clone(&words);
        std::thread::spawn(move || {
            let mut chunk = [0u8; 1024];
            // Read to its end, that it is never stopped by a full pipe; kept is what can be shown.
            while let Ok(count @ 1..) = stderr.read(&mut chunk) {
                if let Ok(mut kept) = kept.lock() {
                    let room = (4 * REPLY_CHARS).saturating_sub(kept.len()).min(count);
                    kept.extend(chunk.iter().take(room));
                }
            }
            drop(sender);
        });
    }
    (words, end)
}

/// Its lines, each once, as one.
fn one_line(words: &Mutex<Vec<u8>>) -> String {
    let words = words.lock().map(|words| words.clone()).unwrap_or_default();
    let text = String::from_utf8_lossy(&words);
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    shown_within(&lines.join("; "), REPLY_CHARS).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_of_this_host_is_no_refusal_of_the_mail() {
        let msmtp = |what: &str, reply: &str| {
            format!(
                "msmtp: {what} not accepted by the server; msmtp: server message: {reply}; msmtp: could not send mail"
            )
        };
        let (from, to) =
            ("envelope from address a@relay.lan", "recipient address relay@example.net");
        assert!(is_setup(&msmtp(from, "550 5.1.8 Sender address rejected: Domain not found")));
        assert!(is_setup(&msmtp(from, "550 no")));
        assert!(is_setup(&msmtp(to, "554 5.7.1 <relay@example.net>: Relay access denied")));
        assert!(is_setup(&msmtp(
            to,
            "504 5.5.2 <db03>: Helo command rejected: need fully-qualified hostname"
        )));
        assert!(!is_setup(&msmtp(to, "550 5.1.1 <relay@example.net>: no such user")));
        assert!(!is_setup("no such user"));
    }
}
