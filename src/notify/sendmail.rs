//! The local `sendmail` program as a way out: Postfix, Exim, dma, msmtp and others have one.
//!
//! Recipients come from the headers (`-t`) when all of them are addressed, else from the command
//! line. `-i` keeps a line with a lone dot from ending the mail.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::model::limit::REPLY_CHARS;
use crate::model::text::{shown, shown_within};
use crate::notify::clock::Deadline;
use crate::notify::mail::Mail;
use crate::notify::mime::is_address;
use crate::notify::outbox::Fate;

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
    report: &mut dyn FnMut(&str, Fate),
) -> Result<(), String> {
    let (good, bad): (Vec<&String>, Vec<&String>) = recipients.iter().partition(|r| is_address(r));
    for name in bad {
        report(name, Fate::Refused(format!("\"{}\" is no mail address", shown(name))));
    }
    if good.is_empty() {
        return Ok(());
    }
    let all = good.len() == mail.recipients.len();
    match hand_over(path, mail, &good, all, deadline, report)? {
        Verdict::Taken => Ok(()),
        Verdict::Refused(why) if good.len() == 1 => {
            report(good.first().map_or("", |r| r.as_str()), Fate::Refused(why));
            Ok(())
        }
        // One of them is bad; which, only asking for each can tell.
        Verdict::Refused(_) => {
            for recipient in good {
                if let Verdict::Refused(why) =
                    hand_over(path, mail, &[recipient], false, deadline, report)?
                {
                    report(recipient, Fate::Refused(why));
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
    report: &mut dyn FnMut(&str, Fate),
) -> Result<Verdict, String> {
    let name = shown(path).into_owned();
    for recipient in recipients {
        report(recipient, Fate::Deferred(format!("{name}: given to it, but no verdict came")));
    }
    let mut arguments = Vec::new();
    if from_headers {
        arguments.extend(["-t", "-i", "-f", &mail.from]);
    } else {
        arguments.extend(["-i", "-f", &mail.from, "--"]);
        arguments.extend(recipients.iter().map(|r| r.as_str()));
    }
    let (code, said) = run(path, &arguments, &mail.bytes.replace("\r\n", "\n"), deadline)?;
    match code {
        Some(0) => {
            for recipient in recipients {
                report(recipient, Fate::Accepted(format!("{name} took it")));
            }
            Ok(Verdict::Taken)
        }
        Some(code) if REFUSALS.contains(&code) => {
            Ok(Verdict::Refused(format!("{name} refused it (exit {code}): {said}")))
        }
        Some(code) => Err(format!("{name} failed (exit {code}): {said}")),
        None => Err(format!("{name} was killed by a signal: {said}")),
    }
}

/// Runs the program; what it says is kept for people, up to a bound.
fn run(
    path: &str,
    arguments: &[&str],
    input: &str,
    deadline: Deadline,
) -> Result<(Option<i32>, String), String> {
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
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{name} cannot be started: {error}"))?;
    let pid = child.id();
    let (sender, result) = mpsc::channel();
    let input = input.as_bytes().to_vec();
    std::thread::spawn(move || {
        if let Some(mut stdin) = child.stdin.take() {
            // A program that does not want it all says why with its exit code.
            let _ = stdin.write_all(&input);
        }
        let mut said = Vec::new();
        if let Some(stderr) = child.stderr.take() {
            // A program that detaches a sender of its own may keep this open: read no more than
            // can be shown, and let its exit decide.
            let _ = stderr.take(4 * REPLY_CHARS as u64).read_to_end(&mut said);
        }
        let _ = sender.send((child.wait(), said));
    });
    match result.recv_timeout(deadline.left()) {
        Ok((Ok(status), said)) => {
            let said = String::from_utf8_lossy(&said).trim().replace('\n', "; ");
            let said = if said.is_empty() { "it said nothing".to_owned() } else { said };
            Ok((status.code(), shown_within(&said, REPLY_CHARS).into_owned()))
        }
        Ok((Err(error), _)) => Err(format!("{name} was lost: {error}")),
        Err(_) => {
            if let Ok(pid) = i32::try_from(pid) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
            Err(format!("{name} did not end in time and was killed"))
        }
    }
}
