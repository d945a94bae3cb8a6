//! A program in the foreground with its folder and its ports: how it starts, stops for a while, and
//! ends. What the program is, its receiver knows.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Instant;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use super::{LOOK, SOON, await_some};

/// First port that receivers use, and how many there are: all below those that the kernel gives to
/// who names none, so that a receiver which was down for a while finds its port free.
const PORTS: (u16, u16) = (10_000, 20_000);

/// Ports that a test process tries before it comes to those of the next process.
const PORTS_A_PROCESS: u32 = 20;

/// Where its output goes, in its room.
const LOG: &str = "log.txt";

/// Ports of loopback on which nothing listens.
pub(crate) fn ports<const COUNT: usize>() -> [u16; COUNT] {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let (first, all) = PORTS;
    let begin = std::process::id().wrapping_mul(PORTS_A_PROCESS) % u32::from(all);
    std::array::from_fn(|_| {
        loop {
            let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
            let port = first + u16::try_from((begin + step) % u32::from(all)).unwrap();
            if TcpListener::bind(("127.0.0.1", port)).is_ok() {
                return port;
            }
        }
    })
}

/// The folder of a receiver, which its own user may enter.
#[derive(Debug)]
pub(crate) struct Room(tempfile::TempDir);

impl Room {
    pub(crate) fn new() -> Self {
        let room = Self(tempfile::tempdir().unwrap());
        std::fs::set_permissions(room.0.path(), Permissions::from_mode(0o755)).unwrap();
        room
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The path as text, for configuration.
    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn folder(&self, name: &str) {
        std::fs::create_dir_all(self.path(name)).unwrap();
    }

    /// Makes a user the owner of all that is in it.
    pub(crate) fn give_to(&self, user: &str) {
        assert!(nix::unistd::geteuid().is_root(), "it runs as {user}: use tests/run as root");
        let done = Command::new("chown").args(["-R", user]).arg(self.0.path()).status().unwrap();
        assert!(done.success(), "there is no user {user}: install with tests/run packages");
    }
}

/// What is started, and as whom.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    argv: Vec<OsString>,
    environment: Vec<(String, String)>,
    user: Option<&'static str>,
    has_children: bool,
}

impl Program {
    pub(crate) fn new(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        assert!(path.exists(), "{} is missing: install with tests/run packages", path.display());
        let argv = vec![path.as_os_str().to_owned()];
        Self { argv, environment: Vec::new(), user: None, has_children: false }
    }

    pub(crate) fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.argv.push(argument.into());
        self
    }

    pub(crate) fn args<'a>(mut self, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        self.argv.extend(arguments.into_iter().map(OsString::from));
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs as this user and not as root.
    pub(crate) fn user(mut self, user: &'static str) -> Self {
        self.user = Some(user);
        self
    }

    /// It has processes or shared memory of its own: they end with it, for they get a namespace.
    pub(crate) fn has_children(mut self) -> Self {
        assert!(nix::unistd::geteuid().is_root(), "namespaces need root: use tests/run as root");
        self.has_children = true;
        self
    }

    /// Every link of the chain ends when the one before it does, also when a test is killed.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if self.has_children {
            command.args(["unshare", "--pid", "--ipc", "--fork", "--kill-child", "setpriv"]);
            command.args(["--pdeathsig", "KILL"]);
        }
        if let Some(user) = self.user {
            let known = nix::unistd::User::from_name(user).unwrap();
            let group = known.expect("its package makes its user: tests/run packages").gid;
            command.args(["--reuid", user, "--regid", &group.to_string(), "--init-groups"]);
        }
        command.args(&self.argv).envs(self.environment.iter().cloned()).current_dir("/");
        command.stdin(Stdio::null());
        command
    }
}

/// A started program. It must be started by the thread that the test runs in: it ends with it.
pub(crate) struct Running {
    pub(crate) room: Room,
    program: Program,
    ready: Box<dyn Fn() -> bool>,
    child: Option<Child>,
}

impl Running {
    /// Starts it and waits until it is ready. Its output goes to [`LOG`] in its room.
    pub(crate) fn start(program: Program, room: Room, ready: impl Fn() -> bool + 'static) -> Self {
        let mut running = Self { room, program, ready: Box::new(ready), child: None };
        running.start_again();
        running
    }

    /// Starts it after [`Self::stop`], with the same ports and data.
    pub(crate) fn start_again(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let begin = Instant::now();
        let log = self.room.path(LOG);
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        let mut command = self.program.command();
        command.stdout(log.try_clone().unwrap()).stderr(log).process_group(0);
        self.child = Some(command.spawn().expect("setpriv of util-linux"));
        let name = Path::new(&self.program.argv[0]).file_name().unwrap().to_owned();
        while !(self.ready)() {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            if ended.is_some() || begin.elapsed() > SOON {
                let how = ended.map_or("is not ready in time".to_owned(), |how| how.to_string());
                panic!("{name:?}: {how}; it said:\n{}", self.said());
            }
            std::thread::sleep(LOOK);
        }
        println!("{name:?} was ready after {} ms", begin.elapsed().as_millis());
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn stop(&mut self) {
        self.signal(Signal::SIGTERM);
        let mut child = self.child.take().unwrap();
        let deadline = Instant::now() + SOON;
        while child.try_wait().unwrap().is_none() {
            if Instant::now() > deadline {
                self.child = Some(child);
                panic!("it does not end when asked to; it said:\n{}", self.said());
            }
            std::thread::sleep(LOOK);
        }
    }

    /// It hears connections and answers none, until [`Self::thaw`].
    pub(crate) fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
        await_some("every thread stands still", || self.stands_still().then_some(()));
    }

    pub(crate) fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// A signal reaches the threads of the group's processes one after the other.
    fn stands_still(&self) -> bool {
        let group = self.child.as_ref().unwrap().id().to_string();
        let stat = |place: &Path| {
            let text = std::fs::read_to_string(place.join("stat")).unwrap_or_default();
            text.rsplit(") ").next().unwrap_or_default().to_owned()
        };
        let all = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
        let mut members = all.filter(|it| stat(it).split(' ').nth(2) == Some(&group));
        members.all(|member| {
            let mut threads =
                std::fs::read_dir(member.join("task")).into_iter().flatten().flatten();
            threads.all(|thread| stat(&thread.path()).starts_with(['T', 'Z']))
        })
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("it is started");
        killpg(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
    }

    /// The end of what it wrote.
    pub(crate) fn said(&self) -> String {
        let all = std::fs::read(self.room.path(LOG)).unwrap_or_default();
        let all = String::from_utf8_lossy(&all).into_owned();
        let lines: Vec<&str> = all.lines().collect();
        let mut last = String::new();
        for line in &lines[lines.len().saturating_sub(30)..] {
            writeln!(last, "    {line}").unwrap();
        }
        last
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        // The first process of a namespace takes all others along, and `unshare` waits for that: only
        // then nobody writes into the room any more.
        let path = format!("/proc/{0}/task/{0}/children", child.id());
        let first = std::fs::read_to_string(path).unwrap_or_default();
        let first = first.trim().parse().ok().filter(|_| self.program.has_children);
        let _ = match first {
            Some(first) => kill(Pid::from_raw(first), Signal::SIGKILL),
            None => killpg(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL),
        };
        let _ = child.wait();
    }
}

#[test]
fn what_is_frozen_answers_nothing_and_what_is_stopped_is_gone_with_all_its_children() {
    use super::influx::Influx;

    let mut it = Influx::start();
    it.running.freeze();
    let line = std::net::TcpStream::connect(it.url().strip_prefix("http://").unwrap());
    let mut line = line.expect("the kernel takes the connection");
    line.set_read_timeout(Some(std::time::Duration::from_millis(300))).unwrap();
    std::io::Write::write_all(&mut line, b"GET /ping HTTP/1.0\r\n\r\n").unwrap();
    std::io::Read::read(&mut line, &mut [0; 9]).expect_err("it answers nothing");
    it.running.thaw();
    assert!(it.http().is_good("/ping"));
    it.running.stop();
    assert!(!it.http().is_good("/ping"));
    it.running.start_again();
    assert!(it.http().is_good("/ping"));
}

/// A killed test, here a shell, has no time to clean up.
#[test]
fn nothing_survives_a_test_that_is_killed() {
    // Nobody else's, and over some time whatever happens.
    let seconds = format!("90.{}", std::process::id());
    let running = || {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let lines = processes.filter_map(|it| std::fs::read(it.path().join("cmdline")).ok());
        let expected = ["", "/bin/"].map(|place| format!("{place}sleep\0{seconds}\0"));
        lines.filter(|line| expected.iter().any(|it| it.as_bytes() == line)).count()
    };
    for has_children in [true, false] {
        let script = format!("sleep {seconds} & exec sleep {seconds}");
        let mut program = Program::new("/bin/sleep").arg(&seconds);
        if has_children {
            program = Program::new("/bin/sh").arg("-c").arg(script).has_children();
        }
        let command = program.user("nobody").command();
        let mut parent = Command::new("sh");
        parent.args(["-c", "\"$@\" & wait", "test"]).arg(command.get_program());
        let mut parent = parent.args(command.get_args()).spawn().unwrap();
        let count = if has_children { 2 } else { 1 };
        await_some("it runs", || (running() == count).then_some(()));
        parent.kill().unwrap();
        parent.wait().unwrap();
        await_some("it ends", || (running() == 0).then_some(()));
    }
}
