//! Debian's InfluxDB 1: the lines' own server, with its refusals, and its queries.

use serde_json::Value;

use super::http::{Http, query};
use super::running::{Program, Room, Running, ports};

/// The database that it starts with.
pub(crate) const DATABASE: &str = "hw";

/// One row of an answer: its columns' names with their values. `time` is in nanoseconds.
pub(crate) type Row = std::collections::BTreeMap<String, Value>;

/// The running server.
pub(crate) struct Influx {
    pub(crate) running: Running,
    http: Http,
}

impl Influx {
    pub(crate) fn start() -> Self {
        let room = Room::new();
        let [port, backup] = ports();
        let program = Program::new("/usr/bin/influxd")
            .args(["run", "-config", "/dev/null"])
            .env("INFLUXDB_REPORTING_DISABLED", "true")
            .env("INFLUXDB_BIND_ADDRESS", &format!("127.0.0.1:{backup}"))
            .env("INFLUXDB_HTTP_BIND_ADDRESS", &format!("127.0.0.1:{port}"))
            .env("INFLUXDB_META_DIR", &room.text("meta"))
            .env("INFLUXDB_DATA_DIR", &room.text("data"))
            .env("INFLUXDB_DATA_WAL_DIR", &room.text("wal"));
        let http = Http::new(port);
        let asked = http.clone();
        let running = Running::start(program, room, move || asked.is_good("/ping"));
        let influx = Self { running, http };
        influx.http.form("/query", &[("q", &format!("CREATE DATABASE {DATABASE}"))]).good();
        influx
    }

    /// Such as `http://127.0.0.1:10000`.
    pub(crate) fn url(&self) -> String {
        self.http.url()
    }

    pub(crate) fn http(&self) -> &Http {
        &self.http
    }

    /// Rows of a statement such as `SELECT * FROM load`.
    pub(crate) fn query(&self, statement: &str) -> Vec<Row> {
        let fields = query(&[("db", DATABASE), ("epoch", "ns"), ("q", statement)]);
        let answer = self.http.get(&format!("/query?{fields}")).json();
        let mut rows = Vec::new();
        for series in answer["results"][0]["series"].as_array().into_iter().flatten() {
            let names = series["columns"].as_array().unwrap();
            for values in series["values"].as_array().unwrap() {
                let pairs = names.iter().zip(values.as_array().unwrap());
                let name = |name: &Value| name.as_str().unwrap().to_owned();
                rows.push(pairs.map(|(key, value)| (name(key), value.clone())).collect());
            }
        }
        rows
    }
}

#[test]
fn influx_takes_lines_and_refuses_those_that_do_not_fit() {
    let mut it = Influx::start();
    let write = |database: &str, line: &str| {
        let path = format!("/write?db={database}&precision=s");
        it.http().post(&path, "text/plain", line.as_bytes()).status
    };
    let good = "load,host=web\\ 1 one=1.5,cores=4i 1700000000\n";
    assert_eq!(write(DATABASE, good), 204);
    assert_eq!(write("other", good), 404);
    let conflict = "load,host=web\\ 1 cores=4.5 1700000001\nload,host=web2 one=2.5 1700000001\n";
    assert_eq!(write(DATABASE, conflict), 400, "the other line is stored all the same");
    let rows = it.query("SELECT one, cores, host FROM load");
    let row = |time: u64, one: f64, cores: Value, host: &str| {
        let pairs = [("time", time.into()), ("one", one.into()), ("cores", cores)];
        let pairs = pairs.into_iter().chain([("host", host.into())]);
        pairs.map(|(name, value): (_, Value)| (name.to_owned(), value)).collect::<Row>()
    };
    let first = row(1_700_000_000_000_000_000, 1.5, 4.into(), "web 1");
    let second = row(1_700_000_001_000_000_000, 2.5, Value::Null, "web2");
    assert_eq!(rows, [first, second]);
    it.running.stop();
    it.running.start_again();
    assert_eq!(it.query("SELECT one, cores, host FROM load"), rows, "a stop loses nothing");
    assert!(it.url().starts_with("http://127.0.0.1:"));
}
