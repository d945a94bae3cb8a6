//! Debian's Nagios 4: hosts and services that are checked by nobody, and what it judged of results
//! that came through NRDP's spool (`nrdp.rs`).

use std::path::Path;

use super::nrdp::Nrdp;
use super::running::{Program, Room, Running};

/// What Nagios says of a host or a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    /// 0 ok, 1 warning, 2 critical, 3 unknown; of a host 0 up, 1 down. None: no result came yet.
    pub(crate) state: Option<u8>,
    pub(crate) output: String,
    /// With `\n` between its lines.
    pub(crate) long_output: String,
    pub(crate) perfdata: String,
}

/// The running server, with the door for results.
pub(crate) struct Nagios {
    pub(crate) running: Running,
    pub(crate) nrdp: Nrdp,
}

impl Nagios {
    /// With these hosts and the services of each.
    pub(crate) fn start(objects: &[(&str, &[&str])]) -> Self {
        let room = Room::new();
        let base = room.text("");
        room.folder("results");
        room.folder("temp");
        room.write("objects.cfg", &configured(objects));
        room.write("resource.cfg", "");
        room.write(
            "nagios.cfg",
            &format!(
                "cfg_file={base}objects.cfg
resource_file={base}resource.cfg
log_file={base}nagios.log
status_file={base}status.dat
object_cache_file={base}objects.cache
precached_object_file={base}objects.precache
temp_file={base}nagios.tmp
temp_path={base}temp
check_result_path={base}results
command_file={base}nagios.cmd
query_socket={base}nagios.qh
lock_file={base}nagios.pid
nagios_user=nagios
nagios_group=nagios
check_external_commands=1
use_syslog=0
log_passive_checks=1
status_update_interval=1
check_result_reaper_frequency=1
interval_length=1
retain_state_information=0
check_service_freshness=0
check_for_updates=0
check_workers=1
"
            ),
        );
        room.give_to("nagios");
        let nrdp = Nrdp::start(&room.path("results"));
        let status = room.path("status.dat");
        let program = Program::new("/usr/sbin/nagios4").arg(room.text("nagios.cfg"));
        let running = Running::start(program.user("nagios").has_children(), room, move || {
            !status_of(&status).is_empty()
        });
        Self { running, nrdp }
    }

    /// What the status file, which is written anew every second, says now.
    pub(crate) fn service(&self, host: &str, service: &str) -> Known {
        self.known("servicestatus", host, Some(service))
    }

    pub(crate) fn host(&self, host: &str) -> Known {
        self.known("hoststatus", host, None)
    }

    fn known(&self, kind: &str, host: &str, service: Option<&str>) -> Known {
        let status = status_of(&self.running.room.path("status.dat"));
        let value = |entry: &Entry, key: &str| {
            let found = entry.values.iter().find(|(name, _)| name == key);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let entry = status.iter().find(|entry| {
            entry.kind == kind
                && value(entry, "host_name") == host
                && service.is_none_or(|service| value(entry, "service_description") == service)
        });
        let entry = entry.unwrap_or_else(|| panic!("Nagios knows no {kind} {host} {service:?}"));
        let came = value(entry, "has_been_checked") == "1";
        Known {
            state: came.then(|| value(entry, "current_state").parse().unwrap()),
            output: value(entry, "plugin_output"),
            long_output: value(entry, "long_plugin_output").replace("\\n", "\n"),
            perfdata: value(entry, "performance_data"),
        }
    }
}

/// `kind { key=value ... }` of the status file.
struct Entry {
    kind: String,
    values: Vec<(String, String)>,
}

/// Every whole entry; the file is replaced at once, never written in place.
fn status_of(path: &Path) -> Vec<Entry> {
    let (mut entries, mut open) = (Vec::new(), None);
    for line in std::fs::read_to_string(path).unwrap_or_default().lines() {
        let line = line.trim();
        if let Some(kind) = line.strip_suffix(" {") {
            open = Some(Entry { kind: kind.to_owned(), values: Vec::new() });
        } else if line == "}" {
            entries.extend(open.take());
        } else if let (Some(entry), Some((key, value))) = (&mut open, line.split_once('=')) {
            entry.values.push((key.to_owned(), value.to_owned()));
        }
    }
    entries
}

fn configured(objects: &[(&str, &[&str])]) -> String {
    let mut text = String::from(
        "define timeperiod {
  timeperiod_name always
  alias always
  monday 00:00-24:00
}
define command {
  command_name none
  command_line /bin/true
}
define contact {
  contact_name nobody
  host_notifications_enabled 0
  service_notifications_enabled 0
  host_notification_period always
  service_notification_period always
  host_notification_options n
  service_notification_options n
  host_notification_commands none
  service_notification_commands none
}
",
    );
    let passive = "  check_command none
  max_check_attempts 1
  check_interval 60
  retry_interval 60
  check_period always
  contacts nobody
  notification_period always
  notifications_enabled 0
  active_checks_enabled 0
  passive_checks_enabled 1
}
";
    for (host, services) in objects {
        text += &format!("define host {{\n  host_name {host}\n  address 127.0.0.1\n{passive}");
        for service in *services {
            text += &format!(
                "define service {{\n  host_name {host}\n  service_description {service}\n{passive}"
            );
        }
    }
    text
}

#[test]
fn nagios_judges_what_comes_through_nrdp_which_is_always_200() {
    use super::http::Http;
    use super::nrdp::TOKEN;

    let mut it = Nagios::start(&[("web1", &["fs_data", "load"])]);
    assert_eq!(it.service("web1", "fs_data").state, None);
    let http = Http::new(it.nrdp.port);
    let send = |token: &str, data: &str| {
        let fields = [("token", token), ("cmd", "submitcheck"), ("JSONDATA", data)];
        http.form("/nrdp/", &fields).json()["result"]["message"].as_str().unwrap().to_owned()
    };
    let of = |kind: &str, service: &str, state: &str| {
        serde_json::json!({
            "checkresult": {"type": kind, "checktype": "1"}, "hostname": "web1",
            "servicename": service, "state": state,
            "output": "96% of \u{e4}\nfirst\nsecond | used=96%;80;90",
        })
    };
    let results = [of("service", "fs_data", "2"), of("host", "", "1"), of("service", "none", "1")];
    let data = serde_json::json!({"checkresults": results}).to_string();
    assert_eq!(send("", &data), "NO TOKEN");
    assert_eq!(send("other", &data), "BAD TOKEN");
    assert_eq!(send(TOKEN, "{"), "BAD JSON");
    assert_eq!(send(TOKEN, &data), "OK", "also with a service that Nagios does not know");
    let known = super::await_some("Nagios' judgement", || {
        Some(it.service("web1", "fs_data")).filter(|known| known.state.is_some())
    });
    assert_eq!((known.state, known.output.as_str()), (Some(2), "96% of \u{e4}"));
    assert_eq!(known.long_output.trim_end(), "first\nsecond");
    assert_eq!(known.perfdata, "used=96%;80;90");
    assert_eq!(it.host("web1").state, Some(1));
    assert_eq!(it.service("web1", "load").state, None);
    let said = it.nrdp.said();
    let status: Vec<i64> = said.iter().map(|it| it["result"]["status"].as_i64().unwrap()).collect();
    assert_eq!(status, [-1, -1, -1, 0]);
    it.running.freeze();
    it.running.thaw();
    it.running.stop();
    it.running.start_again();
    assert_eq!(it.service("web1", "fs_data").state, None, "it remembers nothing");
    assert!(it.nrdp.url().ends_with("/nrdp/"));
}
