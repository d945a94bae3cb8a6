//! The agent's side of a delivery: starts the child, gives it the job with passwords filled in,
//! hands on what it reports, and ends it at the deadline. Waits, so it runs on a thread that may.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::model::limit::DELIVERY_LINE_BYTES;
use crate::model::text::shown;
use crate::model::unit::Span;
use crate::notify::clock::Deadline;
use crate::notify::deliver::Job;
use crate::notify::outbox::DeliveryReport;
use crate::notify::relay::Relay;
use crate::store::secret::Secret;

/// Time that a killed child may take to be gone. One that hangs in the kernel (a Maildir on a
/// dead NFS server) is left to itself after that.
const GONE: Duration = Duration::from_secs(5);
/// How much earlier than its end the child is told to stop, so that it can say why.
const WORD: Duration = Duration::from_secs(2);

/// Delivers a job by a child process of the program `exe`, within `deadline`; hands on every
/// report, the last one with `done`. Never fails: what goes wrong is a report.
pub fn deliver(exe: &Path, job: &Job, deadline: Duration, report: &mut dyn FnMut(DeliveryReport)) {
    let mail = job.mail.id;
    let mut ended = false;
    let outcome = converse(exe, &with_secrets(job), deadline, &mut |said: DeliveryReport| {
        if said.mail == mail && !ended {
            ended = said.done;
            report(said);
        }
    });
    if !ended {
        let trouble = outcome.err().unwrap_or_else(|| "the delivery ended without a word".into());
        report(DeliveryReport { mail, recipients: Vec::new(), done: true, trouble: Some(trouble) });
    }
}

fn converse(
    exe: &Path,
    job: &Job,
    within: Duration,
    report: &mut dyn FnMut(DeliveryReport),
) -> Result<(), String> {
    let deadline = Deadline::within(within);
    let mut job = job.clone();
    let soon = within.saturating_sub(WORD.min(within / 4));
    job.within_ms = u64::try_from(soon.as_millis()).unwrap_or(u64::MAX);
    let text =
        serde_json::to_vec(&job).map_err(|error| format!("job cannot be written: {error}"))?;
    #[expect(clippy::disallowed_methods, reason = "the delivery child is started here")]
    let mut command = Command::new(exe);
    command.arg("deliver").stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
    let mut child =
        command.spawn().map_err(|error| format!("the delivery cannot be started: {error}"))?;
    let pipes = (child.stdin.take().map(OwnedFd::from), child.stdout.take().map(OwnedFd::from));
    let outcome = match pipes {
        (Some(stdin), Some(stdout)) => {
            let outcome = listen(Some(stdin), &stdout, &text, deadline, report);
            end(&mut child, &stdout);
            outcome
        }
        _ => Err("the delivery has no pipes".to_owned()),
    };
    outcome.map_err(|error| {
        if error == TIMED_OUT {
            format!("no way out answered within {}", Span::from_secs(within.as_secs()))
        } else {
            error
        }
    })
}

const TIMED_OUT: &str = "timed out";

/// Writes the job and reads the reports, whichever the pipes are ready for.
fn listen(
    mut stdin: Option<OwnedFd>,
    stdout: &OwnedFd,
    job: &[u8],
    deadline: Deadline,
    report: &mut dyn FnMut(DeliveryReport),
) -> Result<(), String> {
    let lost = |error: Errno| format!("the delivery was lost: {error}");
    if let Some(stdin) = &stdin {
        // A child that does not read must not stop us.
        fcntl(stdin, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(lost)?;
    }
    let mut rest = job;
    let mut buffer = Vec::new();
    loop {
        let left = deadline.left();
        if left.is_zero() {
            return Err(TIMED_OUT.to_owned());
        }
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let mut fds = vec![PollFd::new(stdout.as_fd(), PollFlags::POLLIN)];
        if let Some(stdin) = &stdin {
            fds.push(PollFd::new(stdin.as_fd(), PollFlags::POLLOUT));
        }
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(lost(error)),
        }
        let ready = |place: usize| fds.get(place).and_then(PollFd::any).unwrap_or(false);
        let (readable, writable) = (ready(0), ready(1));
        if writable && let Some(pipe) = &stdin {
            match nix::unistd::write(pipe, rest) {
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(Errno::EAGAIN | Errno::EINTR) => {}
                // It is gone; its end is read below.
                Err(_) => rest = &[],
            }
            if rest.is_empty() {
                stdin = None;
            }
        }
        if readable {
            let mut chunk = [0u8; 4096];
            match nix::unistd::read(stdout, &mut chunk) {
                Ok(0) => return Err("the delivery ended before its work was done".to_owned()),
                Ok(count) => buffer.extend(chunk.iter().take(count)),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(lost(error)),
            }
            while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
                let rest = buffer.split_off(end + 1);
                let line = std::mem::replace(&mut buffer, rest);
                let said: DeliveryReport = serde_json::from_slice(&line)
                    .map_err(|error| format!("the delivery made no sense: {error}"))?;
                let done = said.done;
                report(said);
                if done {
                    return Ok(());
                }
            }
            if buffer.len() > DELIVERY_LINE_BYTES {
                return Err("the delivery said too much".to_owned());
            }
        }
    }
}

/// Ends the child and all it started, and waits for it as long as that can take.
fn end(child: &mut Child, stdout: &OwnedFd) {
    if let Ok(pid) = i32::try_from(child.id()) {
        let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
    }
    // Its end of the pipe is closed by the kernel when it is gone.
    let deadline = Deadline::within(GONE);
    let mut chunk = [0u8; 4096];
    loop {
        let timeout = PollTimeout::try_from(deadline.left()).unwrap_or(PollTimeout::ZERO);
        let mut fds = [PollFd::new(stdout.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, timeout) {
            Err(Errno::EINTR) => {}
            Ok(0) | Err(_) => {
                let _ = child.try_wait();
                return;
            }
            Ok(_) => match nix::unistd::read(stdout, &mut chunk) {
                Ok(0) => break,
                Ok(_) | Err(Errno::EINTR) => {}
                Err(_) => break,
            },
        }
    }
    let _ = child.wait();
}

/// The job with every password read; a way out whose password cannot be read is left out, and why
/// is said.
fn with_secrets(job: &Job) -> Job {
    let mut job = job.clone();
    let mut troubles = Vec::new();
    job.relays.retain_mut(|relay| {
        let Relay::Smtp(server) = relay else { return true };
        let Some(login) = &mut server.login else { return true };
        match login.password.read() {
            Ok(secret) => {
                login.password = Secret::Literal(secret);
                true
            }
            Err(why) => {
                troubles.push(format!(
                    "{}:{}: no password: {why}",
                    shown(&server.host),
                    server.port
                ));
                false
            }
        }
    });
    job.troubles.extend(troubles);
    job
}
