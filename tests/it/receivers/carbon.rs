//! Debian's Graphite (carbon-cache): a file a metric, read with `whisper-fetch`.

use std::net::TcpStream;
use std::path::{Path, PathBuf};

use super::running::{Program, Room, Running, ports};

/// Seconds between two values that it keeps: a value goes to the step that its time is in.
pub(crate) const STEP: u64 = 1;

/// The running server.
pub(crate) struct Carbon {
    pub(crate) running: Running,
    /// Port for lines.
    pub(crate) port: u16,
}

impl Carbon {
    pub(crate) fn start() -> Self {
        let room = Room::new();
        let [port, pickle, queries] = ports();
        room.folder("conf");
        room.write(
            "conf/carbon.conf",
            &format!(
                "[cache]
STORAGE_DIR = {base}
CONF_DIR = {base}conf
LOG_DIR = {base}log
PID_DIR = {base}
LOCAL_DATA_DIR = {base}whisper
USER =
LINE_RECEIVER_INTERFACE = 127.0.0.1
LINE_RECEIVER_PORT = {port}
PICKLE_RECEIVER_INTERFACE = 127.0.0.1
PICKLE_RECEIVER_PORT = {pickle}
CACHE_QUERY_INTERFACE = 127.0.0.1
CACHE_QUERY_PORT = {queries}
ENABLE_UDP_LISTENER = False
MAX_CREATES_PER_MINUTE = inf
MAX_UPDATES_PER_SECOND = inf
CARBON_METRIC_INTERVAL = 0
ENABLE_TAGS = False
",
                base = room.text(""),
            ),
        );
        let kept = format!("[all]\npattern = .*\nretentions = {STEP}s:1d\n");
        room.write("conf/storage-schemas.conf", &kept);
        let program = Program::new("/usr/bin/carbon-cache")
            .arg(format!("--config={}", room.text("conf/carbon.conf")))
            .args(["--nodaemon", "start"]);
        let running =
            Running::start(program, room, move || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self { running, port }
    }

    /// Values of the last day of a metric such as `hostwatch.web1.load1`: seconds since 1970, and the
    /// value. Empty until it is written, a second or so after it came.
    pub(crate) fn fetch(&self, metric: &str) -> Vec<(u64, f64)> {
        let path = self.path(metric);
        if !path.exists() {
            return Vec::new();
        }
        let program = Program::new("/usr/bin/whisper-fetch").arg(path);
        let output = program.command().output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let pairs = text.lines().filter_map(|line| line.split_once('\t'));
        // Its own --drop=nulls would shift the times.
        let known = pairs.filter(|(_, value)| *value != "None");
        known.map(|(at, value)| (at.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn path(&self, metric: &str) -> PathBuf {
        let base = self.running.room.path("whisper");
        let place = metric.split('.').fold(base, |place, part| place.join(part));
        Path::new(&place).with_extension("wsp")
    }
}

#[test]
fn carbon_keeps_a_line_and_says_nothing_of_a_bad_one() {
    use std::io::Write;

    let mut it = Carbon::start();
    let now = u64::try_from(super::now_ms() / 1000).unwrap();
    let lines = format!("no line at all\nhostwatch.web1.load1 0.25 {now}\n");
    let mut socket = TcpStream::connect(("127.0.0.1", it.port)).unwrap();
    socket.write_all(lines.as_bytes()).unwrap();
    let found = super::await_some("it is written", || {
        Some(it.fetch("hostwatch.web1.load1")).filter(|found| !found.is_empty())
    });
    assert_eq!(found, [(now, 0.25)]);
    it.running.stop();
    it.running.start_again();
    assert_eq!(it.fetch("hostwatch.web1.load1"), found, "a stop loses nothing");
    assert_eq!(it.fetch("hostwatch.web1.load5"), []);
}
