//! Programs of the observed machine: where they may stand, and how one is run to its end.
//!
//! Owns: the folders, the trust in a file, the environment, deadline and output bound of a child.
//! Must not know: what a program prints. Nothing is looked up in `PATH`, no shell is involved, and
//! no clock is asked: a timer descriptor ends the wait.

use std::fs::File;
use std::io::{self, PipeReader};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, Uid};

use super::Host;
use super::file::refusal;
use super::timer::Timer;
use crate::model::limit::{
    COMMAND_DEADLINE, COMMAND_GRACE, COMMAND_OUTPUT_BYTES, COMMAND_STDERR_BYTES,
};
use crate::model::reading::ProbeError;
use crate::model::unit::Span;

use child::{Stream, Waiter, stuck};

mod child;

/// Where distributions and vendors put their tools, in the order in which they are looked for.
const FOLDERS: &[&str] = &[
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
    "/usr/local/sbin",
    "/usr/local/bin",
    "/opt/MegaRAID/storcli",
    "/opt/MegaRAID/storcli2",
    "/opt/MegaRAID/perccli",
    "/opt/MegaRAID/perccli2",
    "/opt/MegaRAID/MegaCli",
    "/opt/MegaRAID/CmdTool2",
    "/opt/lsi/storcli",
    "/opt/lsi/perccli",
    "/opt/lsi/MegaCLI",
    "/opt/smartstorageadmin/ssacli/bin",
    "/opt/hp/ssacli/bld",
    "/opt/hp/hpssacli/bld",
    "/opt/hp/hpacucli/bld",
    "/opt/compaq/hpacucli/bld",
    "/usr/StorMan",
    "/usr/Adaptec_Event_Monitor",
    "/usr/Arcconf",
    "/opt/StorMan",
    "/opt/Adaptec/arcconf",
    "/opt/microsemi/arcconf",
    "/opt/dell/perccli",
    "/opt/AMCC/CLI",
    "/opt/3ware/CLI",
    "/opt/tw_cli",
];

/// What scripts among the tools find their own helpers with.
const CHILD_PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// A program that may be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    path: PathBuf,
    name: String,
}

impl Program {
    /// The name that it was found by: `storcli64`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// What a run may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Then it is asked to end (SIGTERM), and killed [`COMMAND_GRACE`] later.
    pub deadline: Span,
    /// Bytes on standard output; more is an error, never a cut.
    pub output_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { deadline: COMMAND_DEADLINE, output_bytes: COMMAND_OUTPUT_BYTES }
    }
}

/// How a program ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With this exit status.
    Exit(i32),
    /// By this signal, which the agent did not send.
    Signal(i32),
}

/// What a program printed until it ended by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// How it ended. Many vendors' tools exit with a status for an ordinary answer, so that it is
    /// the caller's to judge.
    pub ending: Ending,
    /// Standard output, whole.
    pub stdout: Vec<u8>,
    /// Standard error, whole.
    pub stderr: Vec<u8>,
}

/// The first of these names that is there: in the fixed folders, or in `bin` of a recording.
#[must_use]
pub fn find(host: &Host, names: &[&str]) -> Option<Program> {
    let found = |folder: &Path| {
        names.iter().find_map(|name| {
            let path = folder.join(name);
            let file = path.metadata().ok().filter(std::fs::Metadata::is_file)?;
            (file.permissions().mode() & 0o111 != 0)
                .then(|| Program { path, name: (*name).to_owned() })
        })
    };
    if host.is_recorded() {
        return found(&host.path("bin"));
    }
    FOLDERS.iter().find_map(|folder| found(Path::new(folder)))
}

/// Whether what the agent starts has the rights of root, which vendors' tools need.
#[must_use]
pub fn is_root() -> bool {
    Uid::effective().is_root()
}

/// Runs a program to its end: no shell, nothing on standard input, a fixed environment, the root
/// folder as its own, a process group that is ended as a whole.
///
/// # Errors
/// Absent; denied, also for a file that others than root could have changed; timed out; failed when
/// it printed more than `limits` allow. An exit status is no error.
pub fn run(
    host: &Host,
    program: &Program,
    arguments: &[&str],
    limits: Limits,
) -> Result<Output, ProbeError> {
    let path = trusted(host, &program.path)?;
    let name = &program.name;
    if stuck().contains(&path) {
        return Err(ProbeError::TimedOut(format!(
            "the last run of `{name}` still waits for a device and cannot even be killed"
        )));
    }
    let failed = |error: io::Error| ProbeError::Failed(format!("cannot run `{name}`: {error}"));
    let timer = Timer::start(limits.deadline).map_err(failed)?;
    // The thread comes first: a child that nobody can wait for would stay a zombie.
    let (ended, waiter) = Waiter::start(path.clone()).map_err(failed)?;
    #[expect(clippy::disallowed_methods, reason = "the one place that starts a host's programs")]
    let spawned = Command::new(&path)
        .args(arguments)
        .env_clear()
        .env("LC_ALL", "C")
        .env("PATH", CHILD_PATH)
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = spawned.map_err(|error| match refusal(&path, &error) {
        absent @ ProbeError::Absent(_) => absent,
        ProbeError::Denied(_) => {
            ProbeError::Denied(format!("the agent may not run `{name}`: {error}"))
        }
        _ => failed(error),
    })?;
    let streams = [
        Stream::new(child.stdout.take().map(|pipe| File::from(OwnedFd::from(pipe)))),
        Stream::new(child.stderr.take().map(|pipe| File::from(OwnedFd::from(pipe)))),
    ];
    let group = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
    waiter.hand_over(child);
    let run = Run { name, path: &path, group, timer, ended, limits };
    let outcome = run.follow(streams);
    let status = match &outcome {
        Outcome::Stuck => None,
        _ => waiter.reap(),
    };
    let answer = run.report(outcome, status)?;
    if let (Some(recorder), Ending::Exit(code)) = (&host.recorder, answer.ending) {
        recorder.tool(name, arguments, code, &answer.stdout);
    }
    Ok(answer)
}

/// Where the program really stands, if nobody can have changed it who may not.
///
/// With root's rights the whole path counts: who may rename a folder may put another file in its
/// place. As folders that only root changes cannot be swapped, looking first and starting later is
/// safe. A recording's programs may belong to who runs the agent, and lie anywhere.
fn trusted(host: &Host, path: &Path) -> Result<PathBuf, ProbeError> {
    let path = path.canonicalize().map_err(|error| refusal(path, &error))?;
    let refuse = |part: &Path, why: &str| {
        let (path, part) = (path.display(), part.display());
        Err(ProbeError::Denied(format!("`{path}` is not started: `{part}` {why}")))
    };
    let own = Uid::effective();
    let parts = match (host.is_recorded(), own.is_root()) {
        (true, _) => 1,
        (false, true) => usize::MAX,
        (false, false) => 0,
    };
    if host.is_recorded() {
        let root = host.path("").canonicalize().map_err(|error| refusal(&path, &error))?;
        if !path.starts_with(root) {
            return refuse(&path, "lies outside of the recording");
        }
    }
    for part in path.ancestors().take(parts) {
        let file = part.metadata().map_err(|error| refusal(part, &error))?;
        if file.uid() != 0 && !(host.is_recorded() && file.uid() == own.as_raw()) {
            return refuse(part, "does not belong to root (`chown root` would change that)");
        }
        if file.mode() & 0o022 != 0 {
            return refuse(part, "can be changed by others (`chmod go-w` would change that)");
        }
    }
    Ok(path)
}

/// How following a child came to its end.
enum Outcome {
    /// It ended by itself.
    Ended([Stream; 2]),
    /// The deadline passed, and it was ended.
    Late,
    /// It printed too much, and was ended.
    Flood,
    /// The system refused to let it be followed, and it was ended.
    Lost(io::Error),
    /// It could not be ended.
    Stuck,
}

struct Run<'a> {
    name: &'a str,
    path: &'a Path,
    group: Pid,
    timer: Timer,
    ended: PipeReader,
    limits: Limits,
}

impl Run<'_> {
    fn follow(&self, mut streams: [Stream; 2]) -> Outcome {
        let bounds = [self.limits.output_bytes, COMMAND_STDERR_BYTES];
        loop {
            let ready = match self.wait(&streams, PollTimeout::NONE) {
                Ok(ready) => ready,
                Err(error) => return self.end(Outcome::Lost(error)),
            };
            for ((stream, bytes_max), readable) in streams.iter_mut().zip(bounds).zip(ready.output)
            {
                if readable && stream.read(bytes_max) {
                    return self.end(Outcome::Flood);
                }
            }
            if ready.ended {
                break;
            }
            if ready.late {
                return self.end(Outcome::Late);
            }
        }
        // Whatever it left behind would keep the pipes open; none of the tools means to.
        let _ = killpg(self.group, Signal::SIGKILL);
        // What it printed is all in the pipes by now: a process that left the group and holds one
        // open is not waited for.
        loop {
            let ready = match self.wait(&streams, PollTimeout::ZERO) {
                Ok(ready) => ready,
                Err(error) => return self.end(Outcome::Lost(error)),
            };
            if ready.output == [false; 2] {
                return Outcome::Ended(streams);
            }
            for ((stream, bytes_max), readable) in streams.iter_mut().zip(bounds).zip(ready.output)
            {
                if readable && stream.read(bytes_max) {
                    return Outcome::Flood;
                }
            }
        }
    }

    /// Ends the whole group: first it is asked, then killed.
    fn end(&self, outcome: Outcome) -> Outcome {
        for signal in [Signal::SIGTERM, Signal::SIGKILL] {
            let _ = killpg(self.group, signal);
            if self.timer.again(COMMAND_GRACE).is_err() {
                continue;
            }
            loop {
                match self.wait(&[], PollTimeout::NONE) {
                    Ok(ready) if ready.ended => {
                        // The first process may have gone without the others.
                        let _ = killpg(self.group, Signal::SIGKILL);
                        return outcome;
                    }
                    Ok(ready) if ready.late => break,
                    Ok(_) => {}
                    Err(_) => break,
                }
            }
        }
        stuck().insert(self.path.to_owned());
        Outcome::Stuck
    }

    /// Waits until something happens.
    fn wait(&self, streams: &[Stream], timeout: PollTimeout) -> io::Result<Ready> {
        let mut set = vec![
            PollFd::new(self.ended.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.timer.0.as_fd(), PollFlags::POLLIN),
        ];
        let open: Vec<Option<BorrowedFd<'_>>> =
            streams.iter().map(|stream| stream.pipe.as_ref().map(AsFd::as_fd)).collect();
        set.extend(open.iter().flatten().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)));
        loop {
            match poll(&mut set, timeout) {
                Ok(_) => break,
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mut ready = set.iter().map(|fd| fd.any().unwrap_or(true));
        let mut next = || ready.next().unwrap_or(false);
        let (ended, late) = (next(), next());
        let mut output = [false; 2];
        for (readable, fd) in output.iter_mut().zip(&open) {
            *readable = fd.is_some() && next();
        }
        Ok(Ready { ended, late, output })
    }

    fn report(&self, outcome: Outcome, status: Option<ExitStatus>) -> Result<Output, ProbeError> {
        let name = self.name;
        match outcome {
            Outcome::Ended([stdout, stderr]) => {
                let status = status.ok_or_else(|| {
                    ProbeError::Failed(format!("the system lost the end of `{name}`"))
                })?;
                let ending = match (status.code(), status.signal()) {
                    (Some(code), _) => Ending::Exit(code),
                    (None, signal) => Ending::Signal(signal.unwrap_or_default()),
                };
                Ok(Output { ending, stdout: stdout.text, stderr: stderr.text })
            }
            Outcome::Late => Err(ProbeError::TimedOut(format!(
                "`{name}` gave no answer within {} and was ended",
                self.limits.deadline
            ))),
            Outcome::Flood => Err(ProbeError::Failed(format!(
                "`{name}` printed more than {} bytes and was ended",
                self.limits.output_bytes
            ))),
            Outcome::Lost(error) => {
                Err(ProbeError::Failed(format!("cannot follow `{name}`: {error}")))
            }
            Outcome::Stuck => Err(ProbeError::TimedOut(format!(
                "`{name}` gave no answer within {} and cannot even be killed: it waits in the \
                 kernel for a device",
                self.limits.deadline
            ))),
        }
    }
}

/// What a wait came back for.
struct Ready {
    ended: bool,
    late: bool,
    output: [bool; 2],
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::OpenOptionsExt;

    /// A recording with one program.
    fn scripted(name: &str, script: &str) -> (tempfile::TempDir, Host, Program) {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::recorded(dir.path());
        put(&dir.path().join("bin").join(name), &format!("#!/bin/sh\n{script}\n"));
        let program = find(&host, &["none", name]).unwrap();
        (dir, host, program)
    }

    #[expect(clippy::disallowed_methods, reason = "a test writes its own recording")]
    fn put(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn quick(deadline_ms: u64) -> Limits {
        Limits { deadline: Span::from_millis(deadline_ms), ..Limits::default() }
    }

    /// A fifo that a script holds open: its end tells when the last holder is gone.
    fn held(dir: &Path) -> (String, impl FnOnce() -> bool) {
        let path = dir.join("held");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
        let file = fs::OpenOptions::new()
            .read(true)
            .custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits())
            .open(&path)
            .unwrap();
        let released = move || {
            let mut set = [PollFd::new(file.as_fd(), PollFlags::empty())];
            poll(&mut set, PollTimeout::from(20_000_u16)).unwrap() == 1
        };
        (path.to_str().unwrap().to_owned(), released)
    }

    #[test]
    fn arguments_environment_and_folder_are_fixed() {
        let (_dir, host, program) =
            scripted("tool", "pwd; echo \"$#:$1:$2\"; env; read x; echo \"<$x>\"");
        let output = run(&host, &program, &["a b", "$HOME;`id`"], quick(20_000)).unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.starts_with("/\n2:a b:$HOME;`id`\n"), "{text}");
        assert!(text.contains("LC_ALL=C\n") && !text.contains("CARGO"), "{text}");
        assert!(text.ends_with("<>\n"), "{text}");
        assert!(program.name() == "tool" && output.stderr.is_empty());
    }

    #[test]
    fn an_exit_status_and_a_signal_are_answers() {
        let (_dir, host, program) = scripted("tool", "echo out; echo err >&2; exit 3");
        let output = run(&host, &program, &[], quick(20_000)).unwrap();
        let expected = Output {
            ending: Ending::Exit(3),
            stdout: b"out\n".to_vec(),
            stderr: b"err\n".to_vec(),
        };
        assert_eq!(output, expected);
        let (_dir, host, program) = scripted("tool", "echo half; kill -SEGV $$");
        let output = run(&host, &program, &[], quick(20_000)).unwrap();
        assert_eq!((output.ending, &*output.stdout), (Ending::Signal(11), &b"half\n"[..]));
    }

    #[test]
    fn a_program_that_hangs_is_ended_with_its_group() {
        for stubborn in ["", "trap '' TERM\n"] {
            let script = format!("{stubborn}exec 3>\"$1\"; sleep 1000 & sleep 1000; sleep 1000");
            let (dir, host, program) = scripted("tool", &script);
            let (path, released) = held(dir.path());
            let error = run(&host, &program, &[&path], quick(700)).unwrap_err();
            assert_eq!(error.word(), "timed out", "{error}");
            assert!(released(), "something was left behind after `{stubborn}`");
            // Nothing waits in the kernel: the next run is allowed.
            assert!(stuck().is_empty());
        }
    }

    #[test]
    fn a_flood_is_an_error_and_never_a_cut() {
        for (script, bytes) in
            [("yes", 4096), ("yes >&2", usize::MAX), ("head -c 5000 /dev/zero", 4999)]
        {
            let (_dir, host, program) = scripted("tool", script);
            let limits = Limits { output_bytes: bytes, ..quick(60_000) };
            let error = run(&host, &program, &[], limits).unwrap_err();
            assert_eq!(error.word(), "failed", "{script}: {error}");
            assert!(error.to_string().contains("more than"), "{error}");
        }
        let (_dir, host, program) = scripted("tool", "head -c 3000000 /dev/zero");
        let output = run(&host, &program, &[], quick(60_000)).unwrap();
        assert_eq!(output.stdout.len(), 3_000_000);
    }

    #[test]
    fn processes_that_keep_the_output_open_are_not_waited_for() {
        let script = "setsid sleep 30 & exec 3>\"$1\"; sleep 1000 & echo done";
        let (dir, host, program) = scripted("tool", script);
        let (path, released) = held(dir.path());
        let output = run(&host, &program, &[&path], quick(25_000)).unwrap();
        assert_eq!(output.stdout, b"done\n");
        assert!(released(), "something was left behind");
    }

    #[test]
    fn a_child_is_reaped() {
        let (_dir, host, program) = scripted("tool", "echo $$");
        let output = run(&host, &program, &[], quick(20_000)).unwrap();
        let pid = String::from_utf8(output.stdout).unwrap();
        assert!(!Path::new("/proc").join(pid.trim()).exists(), "{pid} is a zombie");
    }

    #[test]
    fn what_is_missing_or_not_to_be_trusted_is_not_started() {
        let (dir, host, program) = scripted("tool", "echo started");
        assert_eq!(find(&host, &["other"]), None);
        fs::set_permissions(&program.path, fs::Permissions::from_mode(0o775)).unwrap();
        let error = run(&host, &program, &[], Limits::default()).unwrap_err();
        assert_eq!(error.word(), "denied");
        assert!(error.to_string().contains("chmod go-w"), "{error}");
        fs::remove_file(&program.path).unwrap();
        assert_eq!(run(&host, &program, &[], Limits::default()).unwrap_err().word(), "absent");
        // A link out of the recording would start a program of this machine.
        std::os::unix::fs::symlink("/bin/true", dir.path().join("bin/link")).unwrap();
        let link = find(&host, &["link"]).unwrap();
        assert_eq!(run(&host, &link, &[], Limits::default()).unwrap_err().word(), "denied");
        put(&dir.path().join("bin/odd"), "#!/no/such/interpreter\n");
        let odd = find(&host, &["odd"]).unwrap();
        assert_eq!(run(&host, &odd, &[], Limits::default()).unwrap_err().word(), "absent");
    }

    #[test]
    fn tools_of_this_machine_are_found_without_a_path_variable() {
        let host = Host::live();
        let program = find(&host, &["no-such-tool", "true"]).unwrap();
        assert_eq!(run(&host, &program, &[], quick(20_000)).unwrap().ending, Ending::Exit(0));
    }
}
