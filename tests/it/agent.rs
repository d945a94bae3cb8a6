//! The real agent as a child process, on a state directory and a machine of the test's own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A directory with a configuration, a state directory and files that stand in for a machine.
#[derive(Debug)]
pub(crate) struct Bench {
    /// Removed at the end.
    pub(crate) directory: tempfile::TempDir,
}

impl Bench {
    /// A machine that shows the given load, and a configuration.
    pub(crate) fn new(config: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let bench = Self { directory };
        for part in ["root/proc", "root/sys", "state"] {
            std::fs::create_dir_all(bench.path(part)).unwrap();
        }
        std::fs::write(
            bench.path("root/proc/stat"),
            "cpu 1 0 1 9 0 0 0 0 0 0\ncpu0 1 0 1 9 0 0 0 0 0 0\n",
        )
        .unwrap();
        bench.configure(config);
        bench.load(0.0);
        bench
    }

    /// A path below the directory.
    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.directory.path().join(below)
    }

    /// Replaces the configuration.
    pub(crate) fn configure(&self, config: &str) {
        std::fs::write(self.path("hostwatch.yaml"), config).unwrap();
    }

    /// Sets the machine's load average.
    pub(crate) fn load(&self, load: f64) {
        let text = format!("{load:.2} {load:.2} {load:.2} 1/100 4711\n");
        let new = self.path("root/proc/loadavg.new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, self.path("root/proc/loadavg")).unwrap();
    }

    /// Starts the agent on the files that stand in for a machine.
    pub(crate) fn start(&self) -> Agent {
        self.spawn(self.run_command(&self.path("hostwatch.yaml"), true))
    }

    /// Starts the agent on this very machine.
    pub(crate) fn start_live(&self) -> Agent {
        self.start_live_with(&self.path("hostwatch.yaml"))
    }

    /// Starts the agent on this very machine with another configuration file.
    pub(crate) fn start_live_with(&self, config: &Path) -> Agent {
        self.spawn(self.run_command(config, false))
    }

    /// Starts the agent under a stand-in for a service manager.
    pub(crate) fn start_supervised(&self, socket: &Path, watchdog: Duration) -> Agent {
        let mut command = self.run_command(&self.path("hostwatch.yaml"), true);
        command.env("NOTIFY_SOCKET", socket);
        command.env("WATCHDOG_USEC", watchdog.as_micros().to_string());
        self.spawn(command)
    }

    /// Starts the agent where the boot clock is ahead by some seconds (time_namespaces(7)).
    pub(crate) fn start_in_another_time(&self, ahead_seconds: u32) -> Agent {
        let inner = self.run_command(&self.path("hostwatch.yaml"), true);
        let mut command = Command::new("unshare");
        command.args([
            "--time",
            "--boottime",
            &ahead_seconds.to_string(),
            "--fork",
            "--kill-child",
        ]);
        command.arg(inner.get_program()).args(inner.get_args()).stdin(Stdio::null());
        self.spawn(command)
    }

    /// Runs the agent and waits for its end: for starts that are refused.
    pub(crate) fn run_to_its_end(&self) -> Output {
        self.run_command(&self.path("hostwatch.yaml"), true).output().unwrap()
    }

    fn run_command(&self, config: &Path, stand_in: bool) -> Command {
        let mut command = self.command("run");
        command.arg("--config").arg(config);
        if stand_in {
            command.arg("--root").arg(self.path("root"));
        }
        command
    }

    /// Starts a command that becomes the agent; what it prints goes to the log.
    pub(crate) fn spawn(&self, mut command: Command) -> Agent {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.path("agent.log"))
            .unwrap();
        let child = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        Agent { child }
    }

    /// A command that talks to this agent, or is it.
    pub(crate) fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hostwatch"));
        command.args(verb.split(' ')).arg("--state").arg(self.path("state"));
        command.stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn output(&self, verb: &str) -> Output {
        self.command(verb).output().unwrap()
    }

    /// What the agent has printed so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("agent.log")).unwrap_or_default()
    }

    /// The running agent's report; null while none runs.
    pub(crate) fn report(&self) -> serde_json::Value {
        let output = self.output("status --json");
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// The state of an instance by the running agent.
    pub(crate) fn state_of(&self, id: &str) -> Option<String> {
        let report = self.report();
        let instances = report["instances"].as_array()?.clone();
        let wanted = instances.into_iter().find(|instance| instance["id"] == id)?;
        wanted["state"].as_str().map(str::to_owned)
    }
}

/// A running agent; killed when dropped.
#[derive(Debug)]
pub(crate) struct Agent {
    child: Child,
}

impl Agent {
    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, and waits for the end.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    }

    /// SIGTERM, and waits for the end.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        self.signal(nix::sys::signal::Signal::SIGTERM);
        self.child.wait().unwrap().code()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits until `holds`, looking often; panics with `what` after `limit`.
pub(crate) fn wait_for(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
