//! Debian's Alertmanager: alerts as it sees them, and what it tells others of them, here a web server
//! of the test.

use super::http::Http;
use super::running::{Program, Room, Running, ports};
use super::{Labels, texts};
use crate::web::Web;

/// An alert that it knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Alert {
    pub(crate) labels: Labels,
    pub(crate) annotations: Labels,
    /// RFC 3339, as it was sent.
    pub(crate) starts_at: String,
    /// Where none was sent: when it would be resolved by itself.
    pub(crate) ends_at: String,
}

/// What it told the web server of one alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    /// `firing` or `resolved`.
    pub(crate) status: String,
    pub(crate) labels: Labels,
    pub(crate) annotations: Labels,
}

/// The running server.
pub(crate) struct Alertmanager {
    pub(crate) running: Running,
    http: Http,
    hook: Web,
}

impl Alertmanager {
    /// `resolve_timeout` is how long an alert without an end lives, such as `5m`.
    pub(crate) fn start(resolve_timeout: &str) -> Self {
        let (room, hook) = (Room::new(), Web::start());
        let [port] = ports();
        let text = format!(
            "global: {{resolve_timeout: {resolve_timeout}}}\n\
             route: {{receiver: hook, group_by: ['...'], group_wait: 100ms, group_interval: 1s}}\n\
             receivers: [{{name: hook, webhook_configs: [{{url: '{}', send_resolved: true}}]}}]\n",
            hook.url("/")
        );
        room.write("alertmanager.yml", &text);
        let program = Program::new("/usr/bin/prometheus-alertmanager")
            .arg(format!("--config.file={}", room.text("alertmanager.yml")))
            .arg(format!("--storage.path={}", room.text("data")))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=");
        let http = Http::new(port);
        let asked = http.clone();
        let running = Running::start(program, room, move || asked.is_good("/-/ready"));
        Self { running, http, hook }
    }

    /// Such as `http://127.0.0.1:10000`.
    pub(crate) fn url(&self) -> String {
        self.http.url()
    }

    pub(crate) fn http(&self) -> &Http {
        &self.http
    }

    /// Alerts that are firing now, sorted by labels.
    pub(crate) fn alerts(&self) -> Vec<Alert> {
        let answer = self.http.get("/api/v2/alerts").json();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let alert = |it: &serde_json::Value| Alert {
            labels: texts(&it["labels"]),
            annotations: texts(&it["annotations"]),
            starts_at: text(&it["startsAt"]),
            ends_at: text(&it["endsAt"]),
        };
        let mut found: Vec<Alert> = answer.as_array().unwrap().iter().map(alert).collect();
        found.sort_by(|a, b| a.labels.cmp(&b.labels));
        found
    }

    /// All that it told so far, in order.
    pub(crate) fn told(&self) -> Vec<Told> {
        let mut told = Vec::new();
        for asked in self.hook.asked() {
            for alert in asked.json()["alerts"].as_array().unwrap() {
                told.push(Told {
                    status: alert["status"].as_str().unwrap().to_owned(),
                    labels: texts(&alert["labels"]),
                    annotations: texts(&alert["annotations"]),
                });
            }
        }
        told
    }
}

#[test]
fn alertmanager_knows_an_alert_and_tells_when_it_fires_and_when_it_is_over() {
    let mut it = Alertmanager::start("5m");
    let http = it.http().clone();
    let post = |ends: &str| {
        let body = format!(
            r#"[{{"labels":{{"alertname":"HostwatchCheck","check":"fs"}},"annotations":{{"summary":"\u00e4rger"}}{ends}}}]"#
        );
        http.post("/api/v2/alerts", "application/json", body.as_bytes()).status
    };
    assert_eq!(
        it.http().post("/api/v2/alerts", "application/json", br#"[{"labels":{}}]"#).status,
        400
    );
    assert_eq!(post(""), 200);
    let alert = it.alerts().remove(0);
    let names = super::labels(&[("alertname", "HostwatchCheck"), ("check", "fs")]);
    assert_eq!(alert.labels, names);
    assert_eq!(alert.annotations, super::labels(&[("summary", "\u{e4}rger")]));
    assert!(alert.starts_at < alert.ends_at, "{alert:?}");
    let told = |status: &str| Told {
        status: status.to_owned(),
        labels: names.clone(),
        annotations: alert.annotations.clone(),
    };
    let await_told = |it: &Alertmanager, count| {
        super::await_some("it is told", || Some(it.told()).filter(|told| told.len() >= count))
    };
    assert_eq!(await_told(&it, 1), [told("firing")]);
    assert_eq!(post(r#","endsAt":"2020-01-02T00:00:00Z","startsAt":"2020-01-01T00:00:00Z""#), 200);
    assert_eq!(await_told(&it, 2), [told("firing"), told("resolved")]);
    assert_eq!(it.alerts(), []);
    assert_eq!(post(""), 200);
    it.running.stop();
    it.running.start_again();
    assert_eq!(it.alerts(), [], "it remembers none: that is why alerts are sent again and again");
    assert!(it.url().ends_with(|digit: char| digit.is_ascii_digit()));
}
