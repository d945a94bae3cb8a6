//! Delivers an event to a program: on its standard input, with a deadline, and never with more
//! rights than it needs. Its exit status is the answer.
//!
//! No shell, nothing looked up in `PATH`, a fixed environment. The process that becomes the
//! program is this one again (`descent`), so that it can give up its rights before.

use std::io::{PipeReader, Read as _, Write as _, pipe};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::{Pid, Uid};

use crate::model::limit::{
    COMMAND_GRACE, PROGRAM_DEADLINE, PROGRAM_TAIL_BYTES, PROGRAM_TRIES, REPLY_CHARS,
};
use crate::model::text::{shown, shown_bytes, shown_within};
use crate::net::clock::Deadline;
use crate::notify::descent::UNCHANGED;
use crate::notify::event::Event;
use crate::notify::hook::{NOBODY, Program};
use crate::notify::mail::Mail;
use crate::notify::outbox::Fate;

/// `sysexits.h`: not now, try again later.
const TEMPORARY: i32 = 75;
/// How long the end of the output is waited for once the program is gone.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Where a script finds its helpers.
const PROGRAM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Starts the program for an event; what becomes of the event. `exe` is this very program.
pub(super) fn deliver(exe: &Path, program: &Program, mail: &Mail, deadline: Deadline) -> Fate {
    let path = program.argv.first().map_or("", String::as_str);
    let name = shown(path).into_owned();
    let event: Event = match serde_json::from_str(&mail.bytes) {
        Ok(event) => event,
        Err(error) => return Fate::Refused(format!("this is no event: {error}")),
    };
    // What an administrator can put right is tried again until it is.
    if let Err(why) = trusted(Path::new(path)) {
        return Fate::Deferred(format!("{name} is not started: {why}"));
    }
    let within = deadline.at_most(PROGRAM_DEADLINE.to_std());
    match run(exe, program, &event, &mail.bytes, within) {
        Err(why) => Fate::Deferred(format!("{name}: {why}")),
        Ok(end) => judge(&name, program.attempt, &end),
    }
}

/// How a run ended.
struct End {
    /// `None` when it was ended at its deadline.
    status: Option<ExitStatus>,
    /// Its last line.
    said: String,
}

fn judge(name: &str, attempt: u32, end: &End) -> Fate {
    let said = if end.said.is_empty() { "it said nothing" } else { end.said.as_str() };
    let how = match end.status.map(|status| status.code()) {
        Some(Some(0)) => return Fate::Accepted(format!("{name}: {said}")),
        Some(Some(TEMPORARY)) => {
            return Fate::Deferred(format!("{name} says not now (exit 75): {said}"));
        }
        Some(Some(code)) => format!("{name} failed (exit {code}): {said}"),
        Some(None) => format!("{name} was killed by a signal: {said}"),
        None => format!("{name} did not end within {PROGRAM_DEADLINE} and was ended: {said}"),
    };
    if attempt >= PROGRAM_TRIES {
        Fate::Refused(format!("{how}; tried {attempt} times"))
    } else {
        Fate::Deferred(how)
    }
}

fn run(
    exe: &Path,
    program: &Program,
    event: &Event,
    input: &str,
    deadline: Deadline,
) -> Result<End, String> {
    let user = match (&program.user, Uid::effective().is_root()) {
        (Some(user), _) => user.as_str(),
        (None, true) => NOBODY,
        (None, false) => UNCHANGED,
    };
    let failed = |error: std::io::Error| format!("cannot be started: {error}");
    let (output, their_end) = pipe().map_err(failed)?;
    #[expect(clippy::disallowed_methods, reason = "a hook's program is started here")]
    let mut command = Command::new(exe);
    command
        .args(["become", user, "--"])
        .args(&program.argv)
        .env_clear()
        .env("PATH", PROGRAM_PATH)
        .env("LANG", "C.UTF-8")
        .env("HOSTWATCH_ID", &event.id)
        .env("HOSTWATCH_EVENT", &event.event)
        .env("HOSTWATCH_HOST", shown(&event.host).as_ref())
        .env("HOSTWATCH_CHECK", shown(&event.check).as_ref())
        .env("HOSTWATCH_STATE", event.state.word())
        .env("HOSTWATCH_PREVIOUS", event.previous.word())
        .stdin(Stdio::piped())
        .stdout(their_end.try_clone().map_err(failed)?)
        .stderr(their_end);
    let child = command.spawn().map_err(failed)?;
    // Our copies of the output's other end must go, or it never ends.
    drop(command);
    Ok(follow(child, input, output, deadline))
}

/// Feeds and hears the program until it ends, or ends it.
fn follow(mut child: Child, input: &str, output: PipeReader, deadline: Deadline) -> End {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
    if let Some(mut stdin) = child.stdin.take() {
        let input = format!("{input}\n");
        // A program that does not want it all says why with its exit status.
        std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    }
    let (sender, tail) = mpsc::channel();
    std::thread::spawn(move || drop(sender.send(last_words(output))));
    let (sender, ended) = mpsc::channel();
    // Seen but not reaped, so that its number cannot be another's yet when its group is ended.
    std::thread::spawn(move || {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        let _ = sender.send(waitid(Id::Pid(pid), flags));
    });
    let in_time = ended.recv_timeout(deadline.left()).is_ok();
    if !in_time {
        end(pid, Signal::SIGTERM);
        let _ = ended.recv_timeout(COMMAND_GRACE.to_std());
    }
    // What it left behind goes with it.
    end(pid, Signal::SIGKILL);
    let gone = in_time || ended.recv_timeout(COMMAND_GRACE.to_std()).is_ok() || is_over(&mut child);
    let status = if gone { child.wait().ok() } else { None };
    End { status: status.filter(|_| in_time), said: heard(&tail) }
}

fn is_over(child: &mut Child) -> bool {
    child.try_wait().is_ok_and(|status| status.is_some())
}

/// Its group, and the process itself in case that it has none of its own yet.
fn end(pid: Pid, signal: Signal) {
    let _ = killpg(pid, signal);
    let _ = kill(pid, signal);
}

fn heard(tail: &Receiver<Vec<u8>>) -> String {
    let tail = tail.recv_timeout(LAST_WORDS).unwrap_or_default();
    let mut lines = tail.split(|byte| *byte == b'\n').rev();
    let last = lines.find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
    shown_within(&shown_bytes(last.trim_ascii()), REPLY_CHARS).into_owned()
}

/// Reads to the end, and keeps the end.
fn last_words(mut output: PipeReader) -> Vec<u8> {
    let mut tail = Vec::new();
    let mut chunk = [0u8; 4096];
    while let Ok(count @ 1..) = output.read(&mut chunk) {
        tail.extend(chunk.iter().take(count));
        let over = tail.len().saturating_sub(PROGRAM_TAIL_BYTES);
        tail.drain(..over);
    }
    tail
}

/// Where the program really stands, if nobody can have changed it who may not: file and every
/// folder above it belong to root or to the agent's own user, and others may not write there.
///
/// # Errors
/// In words, with what would put it right.
pub fn trusted(path: &Path) -> Result<PathBuf, String> {
    let at = |part: &Path, why: &dyn std::fmt::Display| format!("{}: {why}", part.display());
    let real = path.canonicalize().map_err(|error| at(path, &error))?;
    let own = Uid::effective().as_raw();
    for (place, part) in real.ancestors().enumerate() {
        let facts = part.metadata().map_err(|error| at(part, &error))?;
        if place == 0 && !facts.is_file() {
            let what = if facts.file_type().is_fifo() { "a pipe" } else { "no plain file" };
            return Err(at(part, &format!("this is {what}")));
        }
        if place == 0 && facts.permissions().mode() & 0o111 == 0 {
            return Err(at(part, &"this is not executable (`chmod +x` would change that)"));
        }
        if facts.uid() != 0 && facts.uid() != own {
            return Err(at(part, &"this belongs neither to root nor to the agent's user"));
        }
        // Others may write in a sticky directory such as /tmp, and yet not replace what is there.
        let sticky = facts.is_dir() && facts.mode() & 0o1000 != 0;
        if facts.mode() & 0o022 != 0 && !sticky {
            return Err(at(part, &"others can change this (`chmod go-w` would change that)"));
        }
    }
    Ok(real)
}
