//! Errands through the real child: the heartbeat to a web server, the forecast from a history.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use hostwatch::model::history::{Minute, Point, Series};
use hostwatch::model::id::Id;
use hostwatch::model::unit::Unit;
use hostwatch::store::history::{Archive, Bounds};
use serde_json::{Value, json};

use crate::delivery::program;
use crate::web::{Mode, Web};

/// Mon 23 Nov 2026, 00:00 UTC, in minutes.
const MONDAY: u32 = 1_795_392_000 / 60;
const DAY: u32 = 24 * 60;

/// What the child says of one errand.
fn run(job: &Value) -> Value {
    let mut child = Command::new(program())
        .arg("errand")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(job.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_heartbeat_is_one_get_with_its_token_and_a_no_is_told() {
    let web = Web::start();
    let beat = |path: &str| json!({"beat": {"url": web.url(path), "token": "t0ken"}});
    assert_eq!(run(&beat("/hb/db03")), json!({"beaten": {"Ok": null}}));
    let asked = web.asked();
    assert_eq!((asked[0].method.as_str(), asked[0].path.as_str()), ("GET", "/hb/db03"));
    assert_eq!(asked[0].header("authorization"), Some("Bearer t0ken"));
    web.answer(Mode::Status(503, "", "not now"));
    let said = run(&beat("/hb/db03"));
    let why = said["beaten"]["Err"].as_str().unwrap();
    assert!(why.contains("503") && why.contains("127.0.0.1"), "{why}");
}

/// Six days of one filesystem, from a value, so much a day.
fn remember(room: &Path, instance: &str, from: f32, a_day: f32) {
    let series = Arc::new(Series {
        kind: "filesystem".into(),
        id: Id::new("filesystem", instance),
        metric: "used_percent".into(),
        unit: Unit::Percent,
    });
    let mut archive = Archive::new(room.to_owned(), Bounds::default());
    let minute = |at: u32| {
        let value = from + a_day * at as f32 / DAY as f32;
        let point = Point { minute: MONDAY - 6 * DAY + at, min: value, mean: value, max: value };
        Minute { series: Arc::clone(&series), point }
    };
    for begin in (0..6 * DAY).step_by(720) {
        archive.append(&(begin..begin + 720).map(minute).collect::<Vec<_>>()).unwrap();
    }
}

#[test]
fn the_forecast_names_what_fills_up_and_nothing_else() {
    let room = tempfile::tempdir().unwrap();
    let at = i64::from(MONDAY) * 60_000;
    let job = json!({"foresee": {"history": room.path(), "at": at}});
    assert_eq!(run(&job), json!({"foreseen": []}), "no history is no forecast");
    remember(room.path(), "/data", 50.0, 4.0);
    remember(room.path(), "/var", 40.0, 0.0);
    let said = run(&job);
    let lines = said["foreseen"].as_array().unwrap();
    assert_eq!(lines.len(), 1, "{said}");
    // 26% are left, at 4% a day.
    assert!(lines[0].as_str().unwrap().starts_with("/data full in about 6"), "{said}");
}
