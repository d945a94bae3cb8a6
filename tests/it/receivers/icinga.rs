//! Debian's Icinga 2 with its API over TLS: hosts and services that are checked by nobody, and what
//! was said of them.

use super::authority::{believes, certify};
use super::http::{Http, query};
use super::running::{Program, Room, Running, ports};

/// User and password of its API, who may send check results and look.
pub(crate) const LOGIN: (&str, &str) = ("hostwatch", "pass of the test");

/// Its own name, and that of its certificate.
const NODE: &str = "icinga.example.net";

/// What Icinga knows of a host or a service.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Known {
    /// 0 ok, 1 warning, 2 critical, 3 unknown; of a host 0 up, 1 down. None: no result came yet.
    pub(crate) state: Option<u8>,
    pub(crate) output: String,
    pub(crate) perfdata: Vec<String>,
    /// Who said so.
    pub(crate) source: String,
    /// Seconds since 1970 from when the result is.
    pub(crate) executed_at: f64,
    /// Seconds for which it holds.
    pub(crate) ttl: f64,
}

/// The running server.
pub(crate) struct Icinga {
    pub(crate) running: Running,
    http: Http,
}

impl Icinga {
    /// With these hosts and the services of each.
    pub(crate) fn start(objects: &[(&str, &[&str])]) -> Self {
        let room = Room::new();
        let [port] = ports();
        certify(&room, "lib/certs", NODE);
        for folder in ["cache", "run", "log", "spool"] {
            room.folder(folder);
        }
        room.write("icinga2.conf", &configuration(port, objects));
        let at = |variable: &str, folder: &str| format!("{variable}={}", room.text(folder));
        let mut program = Program::new("/usr/sbin/icinga2").args(["daemon", "-c"]);
        program = program.arg(room.text("icinga2.conf"));
        for define in [
            at("DataDir", "lib"),
            at("CacheDir", "cache"),
            at("InitRunDir", "run"),
            at("LogDir", "log"),
            at("SpoolDir", "spool"),
            "RunAsUser=root".to_owned(),
            "RunAsGroup=root".to_owned(),
            format!("NodeName={NODE}"),
            "ZoneName=lab".to_owned(),
            "Configuration.Concurrency=2".to_owned(),
        ] {
            program = program.arg("-D").arg(define);
        }
        let http = Http::new(port).tls(believes(&room, "lib/certs")).login(LOGIN.0, LOGIN.1);
        let asked = http.clone();
        let ready = move || asked.is_good("/v1/status/IcingaApplication");
        let running = Running::start(program.has_children(), room, ready);
        Self { running, http }
    }

    /// Such as `https://127.0.0.1:10000`.
    pub(crate) fn url(&self) -> String {
        self.http.url()
    }

    /// The certificate that vouches for it.
    pub(crate) fn authority(&self) -> String {
        self.running.room.text("lib/certs/ca.crt")
    }

    pub(crate) fn http(&self) -> &Http {
        &self.http
    }

    pub(crate) fn host(&self, host: &str) -> Known {
        self.known("hosts", host)
    }

    pub(crate) fn service(&self, host: &str, service: &str) -> Known {
        self.known("services", &format!("{host}!{service}"))
    }

    fn known(&self, kind: &str, name: &str) -> Known {
        let fields = query(&[("attrs", "state"), ("attrs", "last_check_result")]);
        let answer = self.http.get(&format!("/v1/objects/{kind}/{name}?{fields}")).json();
        let known = &answer["results"][0]["attrs"];
        let result = &known["last_check_result"];
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let number = |value: &serde_json::Value| value.as_f64().unwrap_or_default();
        // Before a first result it says a state all the same.
        let state = known["state"].as_f64().filter(|_| !result.is_null());
        Known {
            state: state.map(|state| format!("{state}").parse().unwrap()),
            output: text(&result["output"]),
            perfdata: result["performance_data"]
                .as_array()
                .into_iter()
                .flatten()
                .map(text)
                .collect(),
            source: text(&result["check_source"]),
            executed_at: number(&result["execution_end"]),
            ttl: number(&result["ttl"]),
        }
    }
}

fn configuration(port: u16, objects: &[(&str, &[&str])]) -> String {
    let (user, password) = LOGIN;
    let mut text = format!(
        "include <itl>
object Endpoint NodeName {{}}
object Zone ZoneName {{ endpoints = [ NodeName ] }}
object CheckerComponent \"checker\" {{}}
object ApiListener \"api\" {{ bind_host = \"127.0.0.1\", bind_port = {port} }}
object ApiUser \"{user}\" {{
  password = \"{password}\"
  permissions = [ \"actions/process-check-result\", \"objects/query/*\", \"status/query\" ]
}}
"
    );
    let passive =
        "check_command = \"passive\"\n  enable_active_checks = false\n  max_check_attempts = 1";
    for (host, services) in objects {
        text += &format!("object Host \"{host}\" {{\n  {passive}\n}}\n");
        for service in *services {
            text += &format!(
                "object Service \"{service}\" {{\n  host_name = \"{host}\"\n  {passive}\n}}\n"
            );
        }
    }
    text
}

#[test]
fn icinga_takes_a_result_of_a_service_that_it_knows() {
    let mut it = Icinga::start(&[("web1", &["fs_data", "load"]), ("web2", &[])]);
    let post = |http: &Http, whose: &str, name: &str| {
        let body = serde_json::json!({
            "type": "Service", whose: name, "exit_status": 2, "plugin_output": "96% of \u{e4}",
            "performance_data": ["used=96%;80;90"], "check_source": "web1", "ttl": 120,
        });
        let path = "/v1/actions/process-check-result";
        http.post(path, "application/json", body.to_string().as_bytes())
    };
    assert_eq!(it.service("web1", "fs_data").state, None);
    assert_eq!(it.host("web2").state, None);
    post(it.http(), "service", "web1!fs_data").good();
    // It answers otherwise to a filter that nothing passes.
    assert_eq!(post(it.http(), "service", "web1!nothing").status, 404);
    let filter = "host.name==\"web1\" && service.name==\"nothing\"";
    assert_eq!(post(it.http(), "filter", filter).status, 500);
    let stranger = it.http().clone().login("hostwatch", "no");
    assert_eq!(post(&stranger, "service", "web1!fs_data").status, 401);
    let known = super::await_some("the state", || {
        Some(it.service("web1", "fs_data")).filter(|known| known.state.is_some())
    });
    assert_eq!((known.state, known.output.as_str()), (Some(2), "96% of \u{e4}"));
    assert_eq!(known.perfdata, ["used=96%;80;90"]);
    assert_eq!((known.source.as_str(), known.ttl as u32), ("web1", 120));
    assert!(known.executed_at > 1_700_000_000.0, "{known:?}");
    assert_eq!(it.service("web1", "load").state, None);
    it.running.stop();
    it.running.start_again();
    assert_eq!(it.service("web1", "fs_data"), known, "a stop loses nothing");
    assert!(std::fs::exists(it.authority()).unwrap() && it.url().starts_with("https://"));
}
