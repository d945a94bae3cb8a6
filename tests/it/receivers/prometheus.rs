//! Debian's Prometheus: scrapes, takes remote write where it is told to, and is the strict one of the
//! receivers. And `promtool`, which judges what Prometheus would read.

use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use super::authority::{believes, certify};
use super::http::{Http, query};
use super::running::{Program, Room, Running, ports};
use super::{Labels, texts};

/// Who may ask and write where [`Options::is_protected`].
pub(crate) const LOGIN: (&str, &str) = ("hw", "pass of the test");

/// bcrypt of that password, at the lowest cost there is.
const HASH: &str = "$2b$04$KI1BWUWODHb8Q5sASrAWCuunGTPyyRwNjFHDs8pXyCERWl5A3/o5.";

/// How it is set up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// Takes remote write. Without it `/api/v1/write` is 404.
    pub(crate) is_receiver: bool,
    /// How old a sample may be, in any order, such as `30m`. None: as Debian has it, in order.
    pub(crate) out_of_order: Option<&'static str>,
    /// `host:port` of what is scraped, every second.
    pub(crate) targets: Vec<String>,
    /// TLS, and a login: [`LOGIN`].
    pub(crate) is_protected: bool,
}

/// One value of one series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    /// With `__name__`.
    pub(crate) labels: Labels,
    pub(crate) at_ms: i64,
    pub(crate) value: f64,
}

/// The running server.
pub(crate) struct Prometheus {
    pub(crate) running: Running,
    http: Http,
}

impl Prometheus {
    pub(crate) fn start(options: &Options) -> Self {
        let room = Room::new();
        let [port] = ports();
        let mut text = String::from("global: {scrape_interval: 1s, scrape_timeout: 1s}\n");
        if let Some(window) = options.out_of_order {
            text += &format!("storage: {{tsdb: {{out_of_order_time_window: {window}}}}}\n");
        }
        if !options.targets.is_empty() {
            text += &format!(
                "scrape_configs: [{{job_name: hostwatch, static_configs: [{{targets: {}}}]}}]\n",
                Value::from(options.targets.clone())
            );
        }
        room.write("prometheus.yml", &text);
        let mut program = Program::new("/usr/bin/prometheus")
            .arg(format!("--config.file={}", room.text("prometheus.yml")))
            .arg(format!("--storage.tsdb.path={}", room.text("data")))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"));
        if options.is_receiver {
            program = program.arg("--web.enable-remote-write-receiver");
        }
        let mut http = Http::new(port);
        if options.is_protected {
            certify(&room, "tls", "localhost");
            let web = format!(
                "tls_server_config: {{cert_file: tls/localhost.crt, key_file: tls/localhost.key}}\n\
                 basic_auth_users: {{{}: \"{HASH}\"}}\n",
                LOGIN.0
            );
            room.write("web.yml", &web);
            program = program.arg(format!("--web.config.file={}", room.text("web.yml")));
            http = http.tls(believes(&room, "tls")).login(LOGIN.0, LOGIN.1);
        }
        let asked = http.clone();
        let running = Running::start(program, room, move || asked.is_good("/-/ready"));
        Self { running, http }
    }

    /// Such as `https://127.0.0.1:10000`.
    pub(crate) fn url(&self) -> String {
        self.http.url()
    }

    /// The certificate that vouches for it, where it is protected.
    pub(crate) fn authority(&self) -> String {
        self.running.room.text("tls/ca.crt")
    }

    pub(crate) fn http(&self) -> &Http {
        &self.http
    }

    /// What an expression gives at that time. A range (`up[5m]`) gives every sample as it was stored.
    pub(crate) fn query(&self, expression: &str, at_ms: i64) -> Vec<Sample> {
        let at = format!("{}.{:03}", at_ms / 1000, at_ms % 1000);
        let fields = query(&[("query", expression), ("time", &at)]);
        let answer = self.http.get(&format!("/api/v1/query?{fields}")).json();
        let mut found = Vec::new();
        for series in answer["data"]["result"].as_array().into_iter().flatten() {
            let many = series["values"].as_array().into_iter().flatten();
            for pair in many.chain(series.get("value")) {
                found.push(Sample {
                    labels: texts(&series["metric"]),
                    at_ms: milliseconds(&pair[0]),
                    value: pair[1].as_str().unwrap().parse().unwrap(),
                });
            }
        }
        found
    }
}

/// Prometheus writes seconds with up to three digits behind the point.
fn milliseconds(seconds: &Value) -> i64 {
    let text = seconds.to_string();
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let part: i64 = format!("{part:0<3}")[..3].parse().unwrap();
    whole.parse::<i64>().unwrap() * 1000 + part
}

/// What `promtool check WHAT` says of this text: `metrics`, as they are scraped, or `rules`.
pub(crate) fn promtool(what: &str, text: &str) -> Result<String, String> {
    let mut program = Program::new("/usr/bin/promtool").args(["check", what]);
    let room = Room::new();
    if what != "metrics" {
        room.write("checked.yml", text);
        program = program.arg(room.path("checked.yml"));
    }
    let mut command = program.command();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    // It has remarks that it ends well with.
    let is_clean = output.status.success() && (what != "metrics" || said.is_empty());
    if is_clean { Ok(said) } else { Err(said) }
}

/// A request of remote write by hand: protobuf in a block of snappy that compresses nothing.
fn write_request(pairs: &[(&str, &str)], at_ms: i64, value: f64) -> Vec<u8> {
    let varint = |mut number: u64| {
        let mut out = Vec::new();
        while number > 127 {
            out.push((number & 127) as u8 | 128);
            number >>= 7;
        }
        out.push(number as u8);
        out
    };
    let part = |field: u8, body: &[u8]| {
        [&[field << 3 | 2], varint(body.len() as u64).as_slice(), body].concat()
    };
    let label = |(name, text): &(&str, &str)| {
        part(1, &[part(1, name.as_bytes()), part(2, text.as_bytes())].concat())
    };
    let mut series: Vec<u8> = pairs.iter().flat_map(label).collect();
    let stamp = varint(at_ms.cast_unsigned());
    let sample = [&[1 << 3 | 1], value.to_le_bytes().as_slice(), &[2 << 3], &stamp].concat();
    series.extend(part(2, &sample));
    let plain = part(1, &series);
    let length = u8::try_from(plain.len() - 1).unwrap();
    [varint(plain.len() as u64), vec![60 << 2, length], plain].concat()
}

#[test]
fn prometheus_takes_remote_write_where_it_is_told_to_and_nowhere_else() {
    const KIND: &str = "application/x-protobuf";
    let is_receiver = true;
    let it = Prometheus::start(&Options { is_receiver, is_protected: true, ..Options::default() });
    let now = super::now_ms();
    let series = [("__name__", "hostwatch_check_state"), ("job", "hostwatch")];
    let good = write_request(&series, now, 2.0);
    assert_eq!(it.http().post("/api/v1/write", KIND, &good).status, 204);
    let expected = Sample { labels: super::labels(&series), at_ms: now, value: 2.0 };
    assert_eq!(it.query("hostwatch_check_state[1m]", now), [expected]);
    assert_eq!(it.query("hostwatch_check_state > 1", now).len(), 1);
    let older = write_request(&series, now - 1000, 2.0);
    assert_eq!(it.http().post("/api/v1/write", KIND, &older).status, 400, "out of order");
    let stranger = it.http().clone().login("hw", "no");
    assert_eq!(stranger.post("/api/v1/write", KIND, &good).status, 401);
    assert!(std::fs::exists(it.authority()).unwrap() && it.url().starts_with("https://"));

    let other = Prometheus::start(&Options::default());
    assert_eq!(other.http().post("/api/v1/write", KIND, &good).status, 404);

    let window = Some("30m");
    let mut lax =
        Prometheus::start(&Options { is_receiver, out_of_order: window, ..Options::default() });
    for at in [now, now - 1000] {
        let request = write_request(&series, at, 1.0);
        assert_eq!(lax.http().post("/api/v1/write", KIND, &request).status, 204);
    }
    lax.running.stop();
    lax.running.start_again();
    assert_eq!(lax.query("hostwatch_check_state[1m]", now).len(), 2, "a stop loses nothing");
}

#[test]
fn prometheus_scrapes_what_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("hostwatch.prom"), "hostwatch_up 0.25\n").unwrap();
    let mut exporter = super::node_exporter::NodeExporter::start(folder.path());
    let targets = vec![format!("127.0.0.1:{}", exporter.port)];
    let it = Prometheus::start(&Options { targets, ..Options::default() });
    // It looks for new targets every five seconds.
    let await_value = |expression: &str| {
        super::await_some(expression, || it.query(expression, super::now_ms()).into_iter().next())
    };
    let found = await_value("hostwatch_up");
    assert!((found.value - 0.25).abs() < 1e-9, "{found:?}");
    assert_eq!(found.labels["job"], "hostwatch");
    exporter.running.stop();
    await_value("up == 0");
}

#[test]
fn promtool_judges_metrics_and_rules() {
    let good = "# HELP hostwatch_check_state State of a check.\n# TYPE hostwatch_check_state gauge\n\
                hostwatch_check_state{check=\"load\"} 0\n";
    assert_eq!(promtool("metrics", good), Ok(String::new()));
    let said = promtool("metrics", "# TYPE x_total gauge\nx_total 1\n").unwrap_err();
    assert!(said.contains("no help text"), "{said}");
    assert!(promtool("metrics", "x{ 1\n").is_err());
    let rule = "groups: [{name: a, rules: [{alert: Gone, expr: 'absent(up)'}]}]\n";
    assert!(promtool("rules", rule).unwrap().contains("1 rules found"));
    assert!(promtool("rules", &rule.replace("absent", "present")).is_err());
}
