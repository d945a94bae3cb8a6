//! BMCs to talk to: OpenIPMI's `ipmi_sim` (cipher suites up to 3), `bmc17.py` (3 and 17, with faults on
//! command), a network that loses packets, and `ipmitool` to compare with.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::agent::wait_for;
use crate::bmc_table;
use crate::sink::free_port;

/// Starting takes a tenth of it on an idle machine.
const START: Duration = Duration::from_secs(20);

fn bmc_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bmc")
}

fn free_udp_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// OpenIPMI's simulator with the table's sensors, a log, and DCMI.
pub(crate) struct Simulator {
    child: Child,
    folder: tempfile::TempDir,
    pub(crate) port: u16,
    console: u16,
}

impl Simulator {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, console) = (free_udp_port(), free_port());
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("state")).unwrap();
        let built = Command::new("gcc")
            .args(["-Wall", "-Werror", "-shared", "-fPIC", "-o"])
            .arg(at("dcmi.so"))
            .arg(bmc_folder().join("dcmi.c"))
            .status()
            .expect("gcc");
        assert!(built.success(), "dcmi.c needs libopenipmi-dev");
        let methods = ["user", "operator", "admin"]
            .map(|level| format!("    allowed_auths_{level} none md2 md5 straight\n"))
            .concat();
        let configuration = format!(
            "name \"bench\"\nloadlib \"{}\" \"{}\"\nset_working_mc 0x20\n  startlan 1\n    \
             addr 127.0.0.1 {port}\n    priv_limit admin\n    allowed_auths_callback none md2 md5 \
             straight\n{methods}    guid a123456789abcdefa123456789abcdef\n  endlan\n  \
             console 127.0.0.1 {console}\n  user 1 true \"\" \"\" user 10 none md2 md5 straight\n  \
             user 2 true \"admin\" \"labpass\" admin 10 none md2 md5 straight\n  \
             user 3 true \"watch\" \"lookonly\" user 10 none md2 md5 straight\n",
            at("dcmi.so").display(),
            at("power").display(),
        );
        std::fs::write(at("lan.conf"), configuration).unwrap();
        std::fs::write(at("bmc.emu"), bmc_table::simulator_commands()).unwrap();
        std::fs::write(at("power"), "312 120 480 305 1\n").unwrap();
        let child = Self::spawn(folder.path());
        let simulator = Self { child, folder, port, console };
        simulator.wait();
        simulator
    }

    fn spawn(folder: &Path) -> Child {
        Command::new("ipmi_sim")
            .args(["-n", "-c"])
            .arg(folder.join("lan.conf"))
            .arg("-f")
            .arg(folder.join("bmc.emu"))
            .arg("-s")
            .arg(folder.join("state"))
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(folder.join("log")).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .expect("ipmi_sim of the Debian package openipmi")
    }

    fn wait(&self) {
        let mut console = None;
        wait_for("ipmi_sim listens", START, || {
            console = TcpStream::connect(("127.0.0.1", self.console)).ok();
            console.is_some()
        });
        // It would die of a connection that ends before its greeting.
        prompt(&mut console.unwrap());
    }

    /// A command on its console, such as `sensor_set_value 0x20 0 1 97 1`.
    pub(crate) fn tell(&self, command: &str) {
        let mut console = TcpStream::connect(("127.0.0.1", self.console)).unwrap();
        prompt(&mut console);
        console.write_all(format!("{command}\n").as_bytes()).unwrap();
        let said = prompt(&mut console);
        assert!(!said.contains("**"), "{command}: {said}");
    }

    pub(crate) fn stop(&self) {
        self.signal(Signal::SIGSTOP);
    }

    pub(crate) fn go_on(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }

    /// Ends it and starts it again at the same port: it knows no session any more.
    pub(crate) fn restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = Self::spawn(self.folder.path());
        self.wait();
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads up to the console's prompt.
fn prompt(console: &mut TcpStream) -> String {
    console.set_read_timeout(Some(START)).unwrap();
    let mut said = Vec::new();
    let mut byte = [0];
    while !said.ends_with(b"> ") {
        console.read_exact(&mut byte).expect("the console's prompt");
        said.push(byte[0]);
    }
    String::from_utf8_lossy(&said).into_owned()
}

/// The BMC in Python.
pub(crate) struct Bmc17 {
    child: Child,
    say: Option<ChildStdin>,
    hear: BufReader<ChildStdout>,
    folder: tempfile::TempDir,
    pub(crate) port: u16,
}

impl Bmc17 {
    pub(crate) fn start() -> Self {
        Self::start_with(bmc_table::facts())
    }

    pub(crate) fn start_with(facts: serde_json::Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("facts.json");
        std::fs::write(&path, facts.to_string()).unwrap();
        // Debian's own Python: that is the one with Debian's python3-cryptography.
        let mut child = Command::new("/usr/bin/python3")
            .arg(bmc_folder().join("bmc17.py"))
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3");
        let (say, mut hear) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        let mut line = String::new();
        hear.read_line(&mut line).unwrap();
        let port =
            line.strip_prefix("port ").expect("python3-cryptography").trim().parse().unwrap();
        Self { child, say, hear, folder, port }
    }

    /// Changes what it knows.
    pub(crate) fn learn(&self, facts: &serde_json::Value) {
        let new = self.folder.path().join("new");
        std::fs::write(&new, facts.to_string()).unwrap();
        std::fs::rename(new, self.folder.path().join("facts.json")).unwrap();
    }

    /// A line of its own help; gives what it says.
    pub(crate) fn tell(&mut self, line: &str) -> String {
        writeln!(self.say.as_mut().unwrap(), "{line}").unwrap();
        let mut said = String::new();
        self.hear.read_line(&mut said).unwrap();
        said.trim().to_owned()
    }

    /// Packets of sessions that came, sessions ever opened, sessions open now.
    pub(crate) fn counts(&mut self) -> [usize; 3] {
        let said = self.tell("count");
        let counts: Vec<usize> = said.split(' ').map(|word| word.parse().unwrap()).collect();
        counts.try_into().unwrap()
    }
}

impl Drop for Bmc17 {
    fn drop(&mut self) {
        drop(self.say.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A network between a client and a BMC that loses the packets which `keeps` does not keep. It is told
/// whether the client sent the packet, and how many there were before it in that direction.
pub(crate) struct LossyNetwork {
    pub(crate) port: u16,
    over: Arc<AtomicBool>,
    relay: Option<std::thread::JoinHandle<()>>,
}

impl LossyNetwork {
    pub(crate) fn before(bmc: u16, keeps: fn(bool, usize) -> bool) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let port = socket.local_addr().unwrap().port();
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&over);
        let relay = std::thread::spawn(move || {
            let bmc = SocketAddr::from(([127, 0, 0, 1], bmc));
            let (mut client, mut numbers, mut packet) = (None, [0; 2], [0; 2048]);
            while !ended.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut packet) else { continue };
                if from != bmc {
                    client = Some(from);
                }
                let to = if from == bmc { client } else { Some(bmc) };
                let number = &mut numbers[usize::from(from == bmc)];
                if let Some(to) = to.filter(|_| keeps(from != bmc, *number)) {
                    let _ = socket.send_to(&packet[..length], to);
                }
                *number += 1;
            }
        });
        Self { port, over, relay: Some(relay) }
    }
}

impl Drop for LossyNetwork {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = self.relay.take().map(std::thread::JoinHandle::join);
    }
}

/// What `ipmitool raw` prints for a question, as bytes; its standard error where it fails.
pub(crate) fn ipmitool(port: u16, suite: u8, question: &[u8]) -> Result<Vec<u8>, String> {
    let output = Command::new("ipmitool")
        .args(["-I", "lanplus", "-H", "127.0.0.1", "-p", &port.to_string()])
        .args(["-C", &suite.to_string(), "-U", "admin", "-P", "labpass", "raw"])
        .args(question.iter().map(|byte| format!("{byte:#04x}")))
        .output()
        .expect("ipmitool");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(text.split_whitespace().map(|word| u8::from_str_radix(word, 16).unwrap()).collect())
}
