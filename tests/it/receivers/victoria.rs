//! VictoriaMetrics, which gives back exactly what it stored: Debian's, and a newer one that takes OTLP
//! (`tests/collectors/newer.sh`). It takes Graphite and Influx lines too.

use std::io::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::http::{Http, query};
use super::running::{Program, Room, Running, ports};
use super::{Labels, await_some, labels, now_ms, texts};

/// How far ahead of the clock samples are looked for; it takes none that are further.
const DAYS_AHEAD: i64 = 3;

/// How it is set up.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Options {
    /// How long samples are kept, such as `1` (month). None: for ever. What is older is dropped
    /// without a word.
    pub(crate) retention: Option<&'static str>,
    /// User and password.
    pub(crate) login: Option<(&'static str, &'static str)>,
}

/// One series with all its samples.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    /// With `__name__`.
    pub(crate) labels: Labels,
    /// Milliseconds since 1970, and the value.
    pub(crate) samples: Vec<(i64, f64)>,
}

/// The running server.
pub(crate) struct VictoriaMetrics {
    pub(crate) running: Running,
    /// Port for Graphite lines.
    pub(crate) graphite: u16,
    /// Port for Influx lines over TCP; over HTTP they go to `/write`.
    pub(crate) influx: u16,
    http: Http,
}

impl VictoriaMetrics {
    /// Debian's, without OTLP.
    pub(crate) fn start(options: &Options) -> Self {
        Self::start_program("/usr/bin/victoria-metrics", options)
    }

    /// One that takes OTLP at `/opentelemetry/v1/metrics`. None: it could not be fetched, and that
    /// may be so (see [`newer`]).
    pub(crate) fn start_newer(options: &Options) -> Option<Self> {
        let program = newer()?;
        Some(Self::start_program(program, options))
    }

    fn start_program(path: impl AsRef<Path>, options: &Options) -> Self {
        let room = Room::new();
        let [port, graphite, influx] = ports();
        let mut program = Program::new(path)
            .arg(format!("-storageDataPath={}", room.text("data")))
            .arg(format!("-httpListenAddr=127.0.0.1:{port}"))
            .arg(format!("-graphiteListenAddr=127.0.0.1:{graphite}"))
            .arg(format!("-influxListenAddr=127.0.0.1:{influx}"))
            .arg(format!("-retentionPeriod={}", options.retention.unwrap_or("100y")))
            // It takes 60 % of the memory for its caches, of which several run here at once.
            .args(["-memory.allowedBytes=256MB", "-search.latencyOffset=0s"]);
        let mut http = Http::new(port);
        if let Some((user, password)) = options.login {
            program = program.arg(format!("-httpAuth.username={user}"));
            program = program.arg(format!("-httpAuth.password={password}"));
            http = http.login(user, password);
        }
        let asked = http.clone();
        let running = Running::start(program, room, move || asked.is_good("/health"));
        Self { running, graphite, influx, http }
    }

    /// Such as `http://127.0.0.1:10000`.
    pub(crate) fn url(&self) -> String {
        self.http.url()
    }

    pub(crate) fn http(&self) -> &Http {
        &self.http
    }

    /// Makes all that it took visible now, and not after a second or two.
    pub(crate) fn flush(&self) {
        self.http.get("/internal/force_flush").good();
    }

    /// Every series of a selector such as `{job="hostwatch"}`, sorted by labels; samples by time. What
    /// was taken before is in it.
    pub(crate) fn export(&self, selector: &str) -> Vec<Series> {
        self.flush();
        // Its own end is the second that is over.
        let end = (now_ms() / 1000 + DAYS_AHEAD * 86_400).to_string();
        let fields = [("match[]", selector), ("end", end.as_str())];
        let answer = self.http.get(&format!("/api/v1/export?{}", query(&fields)));
        let mut found: Vec<Series> = answer.good().lines().map(series).collect();
        found.sort_by(|a, b| a.labels.cmp(&b.labels));
        found
    }
}

/// A line of the export.
fn series(line: &str) -> Series {
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    let times = line["timestamps"].as_array().unwrap().iter().map(|at| at.as_i64().unwrap());
    // What is no number is null.
    let values = line["values"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap_or(f64::NAN));
    let mut samples: Vec<(i64, f64)> = times.zip(values).collect();
    samples.sort_by_key(|(at, _)| *at);
    Series { labels: texts(&line["metric"]), samples }
}

/// The newer program, fetched if it is not there. None where it cannot be had: that fails the test
/// with `HOSTWATCH_REQUIRE_RECEIVERS=1`, which `tests/run` sets.
pub(crate) fn newer() -> Option<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/collectors/newer.sh");
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("newer-victoria-metrics");
    let output = Command::new(script).arg(cache).output().expect("a shell");
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() {
        return Some(PathBuf::from(said));
    }
    let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let is_required = std::env::var_os("HOSTWATCH_REQUIRE_RECEIVERS").is_some_and(|it| it == "1");
    assert!(!is_required, "HOSTWATCH_REQUIRE_RECEIVERS=1, but there is no receiver of OTLP: {why}");
    eprintln!("SKIPPED: nothing was sent over OTLP, for there is no receiver of it: {why}");
    None
}

#[test]
fn victoria_metrics_gives_back_what_it_was_given() {
    let login = Some(("hw", "secret"));
    let victoria = VictoriaMetrics::start(&Options { login, ..Options::default() });
    assert_eq!(victoria.http().clone().login("hw", "no").get("/api/v1/labels").status, 401);
    assert!(victoria.url().starts_with("http://127.0.0.1:"));
    let line = r#"{"metric":{"__name__":"up","job":"hostwatch"},"values":[1,0.5],"timestamps":[1700000000123,1700000001000]}"#;
    victoria.http().post("/api/v1/import", "application/json", line.as_bytes()).good();
    let expected = Series {
        labels: labels(&[("__name__", "up"), ("job", "hostwatch")]),
        samples: vec![(1_700_000_000_123, 1.0), (1_700_000_001_000, 0.5)],
    };
    assert_eq!(victoria.export(r#"{job="hostwatch"}"#), [expected]);
}

#[test]
fn victoria_metrics_takes_lines_of_graphite_and_influx() {
    let mut victoria = VictoriaMetrics::start(&Options::default());
    send_line(victoria.graphite, "web1.load1;fs=/data 0.25 1700000000");
    send_line(victoria.influx, "load,host=web1 one=1.5 1700000001000000000");
    let found = await_some("both lines", || {
        let found = victoria.export(r#"{__name__!=""}"#);
        (found.len() == 2).then_some(found)
    });
    assert_eq!(found[0].labels, labels(&[("__name__", "load_one"), ("host", "web1")]));
    assert_eq!(found[0].samples, [(1_700_000_001_000, 1.5)]);
    assert_eq!(found[1].labels, labels(&[("__name__", "web1.load1"), ("fs", "/data")]));
    assert_eq!(found[1].samples, [(1_700_000_000_000, 0.25)]);
    victoria.running.stop();
    victoria.running.start_again();
    assert_eq!(victoria.export(r#"{__name__!=""}"#), found, "a stop loses nothing");
}

fn send_line(port: u16, line: &str) {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// The trap that `forward test` is for.
#[test]
fn victoria_metrics_drops_what_is_too_old_without_a_word() {
    let retention = Some("1");
    let victoria = VictoriaMetrics::start(&Options { retention, ..Options::default() });
    let now = now_ms();
    let line = format!("up{{at=\"old\"}} 1 1700000000000\nup{{at=\"now\"}} 1 {now}\n");
    let answer = victoria.http().post("/api/v1/import/prometheus", "text/plain", line.as_bytes());
    assert_eq!(answer.status, 204);
    let found = victoria.export("up");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].labels["at"], "now");
}

#[test]
fn a_newer_victoria_metrics_takes_otlp() {
    let Some(victoria) = VictoriaMetrics::start_newer(&Options::default()) else { return };
    let post = |body: &[u8]| {
        victoria.http().post("/opentelemetry/v1/metrics", "application/x-protobuf", body)
    };
    let old = VictoriaMetrics::start(&Options::default());
    let answer = old.http().post("/opentelemetry/v1/metrics", "application/x-protobuf", b"");
    assert_eq!(answer.status, 400, "Debian's knows no such path");
    // Lengths of 1 byte: nothing here is longer than 127.
    let part = |field: u8, body: &[u8]| [&[field << 3 | 2, body.len() as u8], body].concat();
    let at = 1_700_000_000_123_000_000_u64.to_le_bytes();
    let point = [&[3 << 3 | 1], at.as_slice(), &[4 << 3 | 1], &0.25_f64.to_le_bytes()].concat();
    let metric = [part(1, b"hw.temperature"), part(5, &part(1, &point))].concat();
    let body = part(1, &part(2, &part(2, &metric)));
    assert_eq!(post(&body).status, 200);
    assert_eq!(post(b"no protobuf").status, 400);
    let found = victoria.export(r#"{__name__!=""}"#);
    let expected = Series {
        labels: labels(&[("__name__", "hw.temperature")]),
        samples: vec![(1_700_000_000_123, 0.25)],
    };
    assert_eq!(found, [expected]);
}
