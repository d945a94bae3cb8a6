//! The whole agent as a user without any privilege: every kind that needs none works, and what may
//! not be read is told.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use crate::agent::wait_for;
use crate::sink::Sink;

const SOON: Duration = Duration::from_secs(30);

/// User and group `nobody` (Debian's base-passwd).
const NOBODY: u32 = 65_534;

/// A place that nobody can reach, with a copy of the program.
struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        assert!(nix::unistd::geteuid().is_root(), "to become another user: use tests/run");
        let directory = tempfile::Builder::new().tempdir_in("/tmp").unwrap();
        let place = Self { directory };
        mode(place.directory.path(), 0o755);
        std::fs::copy(env!("CARGO_BIN_EXE_hostwatch"), place.path("hostwatch")).unwrap();
        std::fs::create_dir(place.path("state")).unwrap();
        std::os::unix::fs::chown(place.path("state"), Some(NOBODY), Some(NOBODY)).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str, mode_bits: u32) {
        std::fs::write(self.path(name), text).unwrap();
        mode(&self.path(name), mode_bits);
    }

    /// A command as nobody, with no capability and no way to get one.
    fn as_nobody(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("setpriv");
        let id = NOBODY.to_string();
        command.args(["--reuid", &id, "--regid", &id, "--clear-groups", "--no-new-privs"]);
        command.args(["--bounding-set=-all", "--inh-caps=-all"]);
        command.arg(self.path("hostwatch")).args(arguments);
        command.args(["--config", self.path("hostwatch.yaml").to_str().unwrap()]);
        command.current_dir("/").stdin(Stdio::null());
        command
    }

    fn report(&self) -> serde_json::Value {
        let output = Command::new(self.path("hostwatch"))
            .args(["status", "--json", "--state"])
            .arg(self.path("state"))
            .output()
            .unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }
}

fn mode(path: &Path, bits: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(bits)).unwrap();
}

/// Ends the agent with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn every_kind_works_and_mail_goes_out() {
    let place = Place::new();
    let sink = Sink::start();
    let text = format!(
        "version: 1
defaults: {{every: 1s, timeout: 1s}}
contacts: {{ops: {{mail: [ops@example.net]}}}}
mail:
  from: hostwatch@example.net
  group_wait: 0s
  via: [{{smtp: \"127.0.0.1:{}\", tls: none}}]
checks:
  any-load: {{kind: load, crit: {{load1: 0}}, for: 0s}}
",
        sink.port
    );
    place.write("hostwatch.yaml", &text, 0o644);
    let mut run = place.as_nobody(&["run"]);
    run.arg("--state").arg(place.path("state")).stdout(Stdio::null()).stderr(Stdio::null());
    let _agent = Running(run.spawn().unwrap());
    wait_for("a problem is mailed", SOON, || {
        sink.received().iter().any(|mail| mail.message.contains("any-load:all"))
    });
    // What there is to compare with: the same machine as root sees it.
    let seen_by_root = Command::new(place.path("hostwatch"))
        .args(["check", "--json", "--config"])
        .arg(place.path("hostwatch.yaml"))
        .output()
        .unwrap();
    let root: serde_json::Value = serde_json::from_slice(&seen_by_root.stdout).unwrap();
    let kinds = ["filesystem", "cpu", "memory", "disk_io", "bandwidth", "load"];
    let of_kinds = |list: &serde_json::Value| {
        let mut list = list.as_array().cloned().unwrap_or_default();
        list.retain(|one| kinds.iter().any(|kind| one["kind"] == *kind));
        list
    };
    let all = of_kinds(&root["results"]);
    for kind in ["filesystem", "cpu", "memory", "load"] {
        assert!(all.iter().any(|result| result["kind"] == kind), "{kind}: {root}");
    }
    for result in all {
        let id = result["id"].as_str().unwrap();
        let names = |readings: &serde_json::Value| {
            let readings = readings.as_object().cloned().unwrap_or_default();
            readings.keys().cloned().collect::<Vec<_>>()
        };
        wait_for(&format!("{id} is read as root reads it"), SOON, || {
            let report = place.report();
            let mine = of_kinds(&report["instances"]);
            mine.iter().any(|one| {
                one["id"] == id
                    && one["state"] != "unknown"
                    && names(&one["readings"]) == names(&result["readings"])
            })
        });
    }
}

#[test]
fn what_may_not_be_read_or_could_be_forged_is_refused_with_what_to_do() {
    let place = Place::new();
    let run = |place: &Place| -> Output {
        let mut run = place.as_nobody(&["run"]);
        run.arg("--state").arg(place.path("state"));
        // One that is not refused would run for ever.
        let mut bounded = Command::new("timeout");
        bounded
            .arg("20")
            .arg(run.get_program())
            .args(run.get_args())
            .current_dir("/")
            .output()
            .unwrap()
    };
    for (bits, words) in [
        (0o600, "cannot read this: Permission denied"),
        (0o664, "can be changed by its group (mode 0664)"),
        (0o666, "can be changed by everybody (mode 0666)"),
    ] {
        place.write("hostwatch.yaml", "version: 1\n", bits);
        let refused = run(&place);
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(78), "{bits:o}: {told}");
        assert!(told.contains(words) && told.contains("help: "), "{bits:o}: {told}");
    }
    // Root's secret that this user may not read.
    let with_secret = format!(
        "version: 1
mail:
  from: hostwatch@example.net
  via: [{{smtp: \"localhost:587\", tls: required, user: a, password: {{file: {}}}}}]
",
        place.path("secret").display()
    );
    place.write("hostwatch.yaml", &with_secret, 0o644);
    place.write("secret", "pass word\n", 0o600);
    let refused = run(&place);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(78), "{told}");
    assert!(told.contains("secret") && told.contains("Permission denied"), "{told}");
    assert!(std::fs::read_dir(place.path("state")).unwrap().next().is_none(), "nothing was begun");
}
