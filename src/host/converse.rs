//! A child of this very program that is asked by one text on its standard input and answers by
//! lines of JSON, within a deadline: what may hang or grow is done there and not in the agent.
//!
//! Owns: starting the child in a process group of its own, both pipes, and its end with all that it
//! started. Must not know: what is asked and answered. Waits, so it runs on a thread that may.

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::de::DeserializeOwned;

use super::timer::Timer;
use crate::model::unit::Span;

/// Time that a killed child may take to be gone. One that hangs in the kernel (a Maildir or a file
/// on a dead NFS server) is left to itself after that.
const GONE: Span = Span::from_secs(5);

/// Who is asked.
#[derive(Debug, Clone, Copy)]
pub struct Peer<'a> {
    /// This program.
    pub program: &'a Path,
    /// The hidden command, and what it is given.
    pub arguments: &'a [&'a OsStr],
    /// What it is to a person, for messages: `the delivery`.
    pub name: &'static str,
    /// Longest line that it may say.
    pub line_bytes: usize,
}

/// Why there was no whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// The time was over; the child was killed.
    TimedOut,
    /// Anything else, for a person.
    Lost(String),
}

/// Asks, and hands every line of the answer to `hear` until that says that it was the last.
///
/// # Errors
/// The child cannot be started, says what makes no sense or too much, ends before its last line, or
/// takes longer than `within`. In each case it is gone afterwards, as far as it can be killed.
pub fn converse<A: DeserializeOwned>(
    peer: Peer<'_>,
    question: &[u8],
    within: Span,
    hear: &mut dyn FnMut(A) -> bool,
) -> Result<(), Broken> {
    let name = peer.name;
    let unborn = |error: std::io::Error| Broken::Lost(format!("{name} cannot be started: {error}"));
    let deadline = Timer::start(within).map_err(unborn)?;
    #[expect(clippy::disallowed_methods, reason = "children of this program are started here")]
    let mut command = Command::new(peer.program);
    command.args(peer.arguments).process_group(0);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(unborn)?;
    match (child.stdin.take().map(OwnedFd::from), child.stdout.take().map(OwnedFd::from)) {
        (Some(stdin), Some(stdout)) => {
            let outcome = listen(peer, Some(stdin), &stdout, question, &deadline, hear);
            end(&mut child, &stdout);
            outcome
        }
        _ => Err(Broken::Lost(format!("{name} has no pipes"))),
    }
}

/// Writes the question and reads the answers, whichever the pipes are ready for.
fn listen<A: DeserializeOwned>(
    peer: Peer<'_>,
    mut stdin: Option<OwnedFd>,
    stdout: &OwnedFd,
    question: &[u8],
    deadline: &Timer,
    hear: &mut dyn FnMut(A) -> bool,
) -> Result<(), Broken> {
    let name = peer.name;
    let lost = |error: Errno| Broken::Lost(format!("{name} was lost: {error}"));
    if let Some(stdin) = &stdin {
        // A child that does not read must not stop us.
        fcntl(stdin, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(lost)?;
    }
    let mut rest = question;
    let mut buffer = Vec::new();
    loop {
        let mut fds = vec![
            PollFd::new(deadline.as_fd(), PollFlags::POLLIN),
            PollFd::new(stdout.as_fd(), PollFlags::POLLIN),
        ];
        if let Some(stdin) = &stdin {
            fds.push(PollFd::new(stdin.as_fd(), PollFlags::POLLOUT));
        }
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(error) => return Err(lost(error)),
        }
        let ready = |place: usize| fds.get(place).and_then(PollFd::any).unwrap_or(false);
        let (late, readable, writable) = (ready(0), ready(1), ready(2));
        if late {
            return Err(Broken::TimedOut);
        }
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
                Ok(0) => {
                    let why = format!("{name} ended before its work was done");
                    return Err(Broken::Lost(why));
                }
                Ok(count) => buffer.extend(chunk.iter().take(count)),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(lost(error)),
            }
            while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
                let rest = buffer.split_off(end + 1);
                let line = std::mem::replace(&mut buffer, rest);
                let said: A = serde_json::from_slice(&line)
                    .map_err(|error| Broken::Lost(format!("{name} made no sense: {error}")))?;
                if hear(said) {
                    return Ok(());
                }
            }
            if buffer.len() > peer.line_bytes {
                return Err(Broken::Lost(format!("{name} said too much")));
            }
        }
    }
}

/// Ends the child and all it started, and waits for it as long as that can take.
fn end(child: &mut Child, stdout: &OwnedFd) {
    if let Ok(pid) = i32::try_from(child.id()) {
        let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
    }
    let Ok(deadline) = Timer::start(GONE) else { return };
    // Its end of the pipe is closed by the kernel when it is gone.
    let mut chunk = [0u8; 4096];
    loop {
        let mut fds = [
            PollFd::new(stdout.as_fd(), PollFlags::POLLIN),
            PollFd::new(deadline.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(_) => break,
        }
        let ready = |place: usize| fds.get(place).and_then(PollFd::any).unwrap_or(false);
        if !ready(0) {
            let _ = child.try_wait();
            return;
        }
        match nix::unistd::read(stdout, &mut chunk) {
            Ok(0) => break,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => break,
        }
    }
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::timer::Stopwatch;

    fn ask(script: &str, question: &[u8], within_ms: u64) -> (Vec<u32>, Result<(), Broken>) {
        let arguments = [OsStr::new("-c"), OsStr::new(script)];
        let program = Path::new("/bin/sh");
        let peer = Peer { program, arguments: &arguments, name: "the peer", line_bytes: 1000 };
        let mut heard = Vec::new();
        let outcome = converse(peer, question, Span::from_millis(within_ms), &mut |said: u32| {
            heard.push(said);
            said == 0
        });
        (heard, outcome)
    }

    fn lost(outcome: &Result<(), Broken>) -> &str {
        match outcome {
            Err(Broken::Lost(why)) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_was_said_before_the_end_counts() {
        let script = "read x; echo $x; echo 0; sleep 1000";
        assert_eq!(ask(script, b"7\n", 20_000), (vec![7, 0], Ok(())));
        let (heard, outcome) = ask("echo 3; exit 1", b"", 20_000);
        assert_eq!(heard, [3]);
        assert_eq!(lost(&outcome), "the peer ended before its work was done");
        // Of one that never reads, and one that says no end.
        let (heard, outcome) = ask("echo 4; sleep 1000", &[b'x'; 1 << 20], 500);
        assert_eq!((heard, outcome), (vec![4], Err(Broken::TimedOut)));
        let (_, outcome) = ask("yes | tr -d '\\n'", b"", 20_000);
        assert_eq!(lost(&outcome), "the peer said too much");
        let (_, outcome) = ask("echo '{'", b"", 20_000);
        assert!(lost(&outcome).starts_with("the peer made no sense"));
    }

    #[test]
    fn the_whole_group_ends_at_the_deadline() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("held");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
        let held = std::fs::OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
        let clock = Stopwatch::start();
        let script =
            format!("trap '' TERM; exec 3>{}; sleep 1000 & sleep 1000; sleep 1000", fifo.display());
        let (_, outcome) = ask(&script, b"", 300);
        assert_eq!(outcome, Err(Broken::TimedOut));
        assert!(clock.elapsed() < GONE, "{}", clock.elapsed());
        // Only this test has the fifo still open: nobody else is left to write into it.
        drop(held);
        let flags = nix::fcntl::OFlag::O_WRONLY | nix::fcntl::OFlag::O_NONBLOCK;
        let reopened = nix::fcntl::open(&fifo, flags, nix::sys::stat::Mode::empty());
        assert_eq!(reopened.err(), Some(Errno::ENXIO), "a reader was left behind");
    }
}
