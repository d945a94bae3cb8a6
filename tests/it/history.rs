//! The history on the disk: bounds, damage, clocks that are set; what the engine hands out of a
//! minute; how seldom it is written. And the command that shows it.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use hostwatch::model::history::{Minute, Point, Series};
use hostwatch::model::id::Id;
use hostwatch::model::limit::HISTORY_BLOCK_MINUTES;
use hostwatch::model::unit::Unit;
use hostwatch::store::history::{Archive, Bounds, Wanted, catalog, curves};

use crate::agent::{Bench, wait_for};
use crate::fuzz::cpu_time;
use crate::sim::{self, Gives, MINUTE, SECOND, Sim};

const DAY: u32 = 1440;
/// Mon 23 Nov 2026 00:00 UTC.
const MONDAY: u32 = 29_923_200;

fn series(instance: &str) -> Arc<Series> {
    let series = Series {
        kind: "filesystem".into(),
        id: Id::new("filesystem", instance),
        metric: "used_percent".into(),
        unit: Unit::Percent,
    };
    Arc::new(series)
}

fn minute(series: &Arc<Series>, minute: u32, value: f32) -> Minute {
    let point = Point { minute, min: value, mean: value, max: value };
    Minute { series: Arc::clone(series), point }
}

fn all(directory: &Path) -> Vec<Point> {
    let found = curves(directory, &Wanted::default(), (0, u32::MAX)).unwrap();
    found.into_iter().flat_map(|curve| curve.points).collect()
}

fn files(directory: &Path) -> Vec<(String, u64)> {
    let mut files: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|e| (e.file_name().into_string().unwrap(), e.metadata().unwrap().len()))
        .collect();
    files.sort();
    files
}

/// A file of the history, and the block in it alone: what the fuzzer begins with.
pub(crate) fn written() -> Vec<Vec<u8>> {
    let room = tempfile::tempdir().unwrap();
    let mut archive = Archive::new(room.path().to_owned(), Bounds::default());
    let all = [series("/"), series("/data"), series("/home/\u{e9}")];
    let value = |at: u32, n: u32| ((at * 37 + n * 11) % 90) as f32;
    for block in 0..3 {
        let minutes = (0..12).filter(|at| at % 5 != 3).flat_map(|at| {
            let at = MONDAY + block * 12 + at;
            all.iter().zip(0..).map(move |(s, n)| minute(s, at, value(at, n)))
        });
        archive.append(&minutes.collect::<Vec<_>>()).unwrap();
    }
    let file = std::fs::read(room.path().join("2026-11-23.0.hwh")).unwrap();
    let length = u32::from_le_bytes(*file[20..].first_chunk().unwrap());
    let payload = file[28..28 + usize::try_from(length).unwrap()].to_vec();
    vec![file, payload]
}

/// A day of one number, a block every twelve minutes.
fn day(archive: &mut Archive, series: &Arc<Series>, from: u32) {
    for block in (from..from + DAY).step_by(12) {
        let minutes: Vec<Minute> =
            (block..block + 12).map(|at| minute(series, at, (at % 100) as f32)).collect();
        archive.append(&minutes).unwrap();
    }
}

#[test]
fn what_is_written_is_read_back_by_name_and_time() {
    let room = tempfile::tempdir().unwrap();
    let directory = room.path().join("history");
    let mut archive = Archive::new(directory.clone(), Bounds::default());
    let (a, b) = (series("/data"), series("/"));
    day(&mut archive, &a, MONDAY);
    day(&mut archive, &b, MONDAY + 600);
    let id = Id::new("filesystem", "/data");
    let wanted = Wanted { id: Some(&id), ..Wanted::default() };
    let found = curves(&directory, &wanted, (MONDAY + 100, MONDAY + 199)).unwrap();
    assert_eq!((found.len(), found[0].points.len()), (1, 100));
    assert_eq!(found[0].series, *a);
    assert_eq!(found[0].points[0].minute, MONDAY + 100);
    let listed = catalog(&directory).unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!((listed[1].first, listed[1].last, listed[1].points), (MONDAY, MONDAY + 1439, 1440));
    let names: Vec<String> = files(&directory).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["2026-11-23.0.hwh", "2026-11-24.0.hwh"]);
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory.join(&names[0])), 0o600);
    assert_eq!(mode(&directory), 0o700);
    assert!(curves(&room.path().join("none"), &wanted, (0, u32::MAX)).unwrap().is_empty());
}

#[test]
fn old_days_and_old_bytes_go_and_the_newest_stay() {
    let room = tempfile::tempdir().unwrap();
    let bounds = Bounds { bytes: 60_000, file_bytes: 6_000, days: 5 };
    let mut archive = Archive::new(room.path().to_owned(), bounds);
    let one = series("/data");
    for n in 0..9 {
        day(&mut archive, &one, MONDAY + n * DAY);
    }
    let days: std::collections::BTreeSet<u32> =
        all(room.path()).iter().map(|point| (point.minute - MONDAY) / DAY).collect();
    assert_eq!(days.into_iter().collect::<Vec<_>>(), [4, 5, 6, 7, 8]);
    let many: Vec<Arc<Series>> = (0..40).map(|n| series(&format!("/srv/{n}"))).collect();
    let noise = |n: u32| ((n.wrapping_mul(2_654_435_761)) >> 12) as f32;
    for block in 0..120 {
        let minutes: Vec<Minute> = many
            .iter()
            .zip(0..)
            .map(|(s, n)| minute(s, MONDAY + 9 * DAY + block, noise(block * 977 + n)))
            .collect();
        archive.append(&minutes).unwrap();
        let sizes: Vec<u64> = files(room.path()).into_iter().map(|(_, size)| size).collect();
        assert!(sizes.iter().sum::<u64>() <= bounds.bytes, "{sizes:?}");
        assert!(sizes.iter().all(|size| *size <= bounds.file_bytes), "{sizes:?}");
    }
    let newest = all(room.path()).iter().map(|point| point.minute).max();
    assert_eq!(newest, Some(MONDAY + 9 * DAY + 119));
}

#[test]
fn a_torn_end_is_cut_and_written_over() {
    let room = tempfile::tempdir().unwrap();
    let one = series("/data");
    let block = |from: u32| -> Vec<Minute> {
        (from..from + 12).map(|at| minute(&one, at, (at % 7) as f32)).collect()
    };
    Archive::new(room.path().to_owned(), Bounds::default()).append(&block(MONDAY)).unwrap();
    let path = room.path().join("2026-11-23.0.hwh");
    let first = std::fs::read(&path).unwrap().len();
    Archive::new(room.path().to_owned(), Bounds::default()).append(&block(MONDAY + 12)).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for cut in first..whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        assert_eq!(all(room.path()).len(), 12, "{cut}");
        let mut again = Archive::new(room.path().to_owned(), Bounds::default());
        again.append(&block(MONDAY + 24)).unwrap();
        let minutes: Vec<u32> = all(room.path()).iter().map(|p| p.minute - MONDAY).collect();
        assert_eq!(minutes.len(), 24, "{cut}");
        assert_eq!((minutes[11], minutes[12]), (11, 24));
    }
    for head in 0..first {
        std::fs::write(&path, &whole[..head]).unwrap();
        assert!(all(room.path()).is_empty(), "{head}");
    }
}

#[test]
fn a_flipped_bit_costs_its_block_and_no_other() {
    let room = tempfile::tempdir().unwrap();
    let one = series("/data");
    let mut archive = Archive::new(room.path().to_owned(), Bounds::default());
    for from in [0, 12, 24] {
        let minutes: Vec<Minute> =
            (from..from + 12).map(|at| minute(&one, MONDAY + at, at as f32)).collect();
        archive.append(&minutes).unwrap();
    }
    drop(archive);
    let path = room.path().join("2026-11-23.0.hwh");
    let whole = std::fs::read(&path).unwrap();
    let truth = all(room.path());
    for place in 16..whole.len() {
        let mut damaged = whole.clone();
        damaged[place] ^= 1 << (place % 8);
        std::fs::write(&path, &damaged).unwrap();
        let found = all(room.path());
        assert_eq!(found.len(), 24, "{place}");
        assert!(found.iter().all(|point| truth.contains(point)), "{place}");
    }
    // Behind a damaged block the writer goes on where the file ends.
    let mut damaged = whole.clone();
    damaged[30] ^= 1;
    std::fs::write(&path, &damaged).unwrap();
    let mut archive = Archive::new(room.path().to_owned(), Bounds::default());
    archive.append(&[minute(&one, MONDAY + 100, 5.0)]).unwrap();
    assert_eq!(all(room.path()).len(), 25);
}

#[test]
fn files_of_others_and_of_later_versions_are_left_alone() {
    let room = tempfile::tempdir().unwrap();
    let strangers = ["2026-11-22.0.hwh2", "notes.txt", "2026-11-22.00.hwh", "2026-13-22.0.hwh"];
    for name in strangers {
        std::fs::write(room.path().join(name), "hw-history 0001\n").unwrap();
    }
    std::fs::write(room.path().join("2026-11-20.0.hwh"), "hw-history 0002\nwhatever").unwrap();
    std::fs::create_dir(room.path().join("2026-11-21.0.hwh")).unwrap();
    let mut archive = Archive::new(room.path().to_owned(), Bounds::default());
    archive.append(&[minute(&series("/data"), MONDAY, 5.0)]).unwrap();
    assert_eq!(all(room.path()).len(), 1);
    assert_eq!(files(room.path()).len(), strangers.len() + 3);
}

#[test]
fn a_clock_that_is_set_back_writes_over_and_one_set_ahead_costs_a_day() {
    let room = tempfile::tempdir().unwrap();
    let bounds = Bounds { days: 3, ..Bounds::default() };
    let mut archive = Archive::new(room.path().to_owned(), bounds);
    let one = series("/data");
    for (at, value) in [(100, 1.0), (101, 1.0), (102, 1.0), (101, 2.0), (102, 2.0), (103, 2.0)] {
        archive.append(&[minute(&one, MONDAY + at, value)]).unwrap();
    }
    let values: Vec<f32> = all(room.path()).iter().map(|point| point.mean).collect();
    assert_eq!(values, [1.0, 2.0, 2.0, 2.0]);
    // A hundred years ahead, and before 1970: the days that are there stay but for the bound.
    archive.append(&[minute(&one, MONDAY + 36_500 * DAY, 3.0)]).unwrap();
    archive.append(&[minute(&one, 0, 4.0)]).unwrap();
    archive.append(&[minute(&one, u32::MAX, 5.0)]).unwrap();
    archive.append(&[minute(&one, MONDAY + 104, 6.0)]).unwrap();
    assert!(all(room.path()).iter().any(|point| point.minute == MONDAY + 104));
}

#[test]
fn the_engine_hands_out_each_minute_once_and_little_is_written() {
    let mut sim = Sim::new(sim::plan(vec![sim::check("disk")]));
    for n in 0..20 {
        sim.set(&format!("d{n}"), Gives::Value(40.0 + f64::from(n)));
    }
    sim.start();
    let (wakes, writes) = (sim.wakes, sim.writes.len());
    sim.run_until(60 * MINUTE + SECOND);
    let handed = sim.minutes.len();
    assert_eq!(handed, 60, "one effect a minute");
    // Reads and surveys are all that wakes: six a minute, and one more.
    assert!(sim.wakes - wakes <= 60 * 7, "{} wake-ups", sim.wakes - wakes);
    assert_eq!(sim.writes.len(), writes, "nothing goes to the journal");
    for (_, minutes) in &sim.minutes {
        assert_eq!(minutes.len(), 20);
        assert!(minutes.iter().all(|m| m.point.minute == minutes[0].point.minute));
    }
    let of_one: Vec<&Minute> = sim
        .minutes
        .iter()
        .flat_map(|(_, minutes)| minutes)
        .filter(|m| &*m.series.id.instance == "d7")
        .collect();
    let numbers: Vec<u32> =
        of_one.iter().map(|m| m.point.minute - of_one[0].point.minute).collect();
    assert_eq!(numbers, (0..60).collect::<Vec<_>>());
    assert!(of_one.iter().all(|m| m.point.mean == 47.0 && &*m.series.metric == "used_percent"));
    // A block every twelve minutes is five writes an hour.
    let writes_an_hour = 60 / usize::try_from(HISTORY_BLOCK_MINUTES).unwrap();
    assert_eq!(handed / usize::try_from(HISTORY_BLOCK_MINUTES).unwrap(), writes_an_hour);
    assert!(writes_an_hour <= 6);
}

#[test]
fn a_stop_hands_out_what_is_counted_and_a_gap_is_none() {
    let mut sim = Sim::new(sim::plan(vec![sim::check("disk")]));
    sim.set("d", Gives::Value(10.0));
    sim.start();
    sim.run_until(30 * SECOND);
    assert_eq!(sim.minutes.len(), 0);
    sim.set("d", Gives::Value(30.0));
    sim.run_until(55 * SECOND);
    sim.stop();
    let point = sim.minutes[0].1[0].point;
    assert!(point.min == 10.0 && point.max == 30.0 && point.mean > 10.0 && point.mean < 30.0);
    // The same minute goes on after a start: what is written later counts.
    sim.start();
    sim.run_until(59 * SECOND);
    sim.suspend(10 * MINUTE);
    sim.run_until(12 * MINUTE);
    let minutes: Vec<u32> =
        sim.minutes.iter().map(|(_, m)| m[0].point.minute - point.minute).collect();
    assert_eq!((minutes[0], minutes[1]), (0, 0));
    assert!(minutes[2] >= 10, "{minutes:?}");
}

#[test]
fn a_running_agent_keeps_what_it_reads_and_the_command_shows_it() {
    let bench =
        Bench::new("checks:\n  load: {every: 1s, warn: {load5: 900}, crit: {load1: 9000}}\n");
    bench.load(3.5);
    let mut agent = bench.start();
    wait_for("it watches", Duration::from_secs(20), || bench.state_of("load:all").is_some());
    // Nothing is on the disk, and the agent says what it has.
    assert!(!bench.path("state/history").exists());
    let (code, _, err) = shown(&bench.path("state"), &["load:all"]);
    assert!(code == Some(1) || code == Some(0), "{err}");
    assert_eq!(bench.report()["history_trouble"], serde_json::Value::Null);
    assert_eq!(agent.stop(), Some(0));
    let asked = ["load:all", "--csv", "--metric", "load5"];
    let (code, out, err) = shown(&bench.path("state"), &asked);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.lines().count() > 1, "{out}");
    let good = |line: &str| line.ends_with(",\"load:all\",load5,3.5,3.5,3.5");
    assert!(out.lines().skip(1).all(good), "{out}");
}

/// A week of 200 numbers as they are on a server: most stand still or crawl, some never rest.
fn week(directory: &Path) -> (usize, u64) {
    let mut archive = Archive::new(directory.to_owned(), Bounds::default());
    let all: Vec<Arc<Series>> = (0..200).map(|n| series(&format!("/srv/volume-{n}"))).collect();
    let mut dice = 1_u64;
    let mut points = 0;
    for block in (MONDAY..MONDAY + 7 * DAY).step_by(12) {
        let mut minutes = Vec::new();
        for at in block..block + 12 {
            for (n, one) in all.iter().enumerate() {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let noise = (dice >> 40) as f32 / (1 << 24) as f32;
                let mean = match n % 4 {
                    0 => 40.0,
                    1 => 50.0 + (at - MONDAY) as f32 / 1000.0,
                    2 => 45.0 + (noise * 3.0).floor(),
                    _ => noise * 1e9,
                };
                let spread = if n % 4 == 3 { noise * 0.2 * mean } else { 0.0 };
                let point = Point { minute: at, min: mean - spread, mean, max: mean + spread };
                minutes.push(Minute { series: Arc::clone(one), point });
            }
        }
        points += minutes.len();
        archive.append(&minutes).unwrap();
    }
    (points, files(directory).iter().map(|(_, size)| size).sum())
}

#[test]
fn a_week_of_two_hundred_numbers_is_small_and_read_quickly() {
    let room = tempfile::tempdir().unwrap();
    let (points, bytes) = week(room.path());
    let id = Id::new("filesystem", "/srv/volume-103");
    let wanted = Wanted { id: Some(&id), ..Wanted::default() };
    let begun = cpu_time();
    let found = curves(room.path(), &wanted, (MONDAY, MONDAY + 7 * DAY)).unwrap();
    let took = cpu_time() - begun;
    assert_eq!(found[0].points.len(), 7 * 1440);
    let each = bytes as f64 / points as f64;
    println!("{points} points in {bytes} bytes: {each:.2} each; one of 200 read in {took:?}");
    assert!(each < 4.0, "{each} bytes a point");
    assert!(took.as_secs_f64() < 2.0, "{took:?} of the processor, without optimization");
}

fn shown(state: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_hostwatch"))
        .arg("history")
        .args(arguments)
        .arg("--state")
        .arg(state)
        .env("LC_ALL", "C")
        .env("TZ", "Europe/Berlin")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_command_lists_shows_and_names_the_nearest() {
    let room = tempfile::tempdir().unwrap();
    let (code, out, err) = shown(room.path(), &[]);
    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
    let directory = room.path().join("history");
    let now = u32::try_from(jiff::Timestamp::now().as_second() / 60).unwrap();
    let mut archive = Archive::new(directory, Bounds::default());
    let (data, evil) = (series("/data"), series("/a\u{1b}[2J\n,\"x"));
    for at in (now - 2000..now).filter(|at| !(now - 900..now - 600).contains(at)) {
        archive
            .append(&[minute(&data, at, 70.0 + (at % 2000) as f32 / 100.0), minute(&evil, at, 5.0)])
            .unwrap();
    }
    let (code, out, _) = shown(room.path(), &[]);
    assert_eq!(code, Some(0));
    assert!(out.contains("filesystem:/data") && out.contains("used_percent"), "{out}");
    assert!(!out.contains('\u{1b}') && out.lines().count() == 3, "{out}");

    let (code, out, _) = shown(room.path(), &["filesystem:/data"]);
    assert_eq!(code, Some(0));
    let rows: Vec<&str> = out.lines().collect();
    assert!(rows[0].contains("Used space (used_percent), 24 h to"), "{out}");
    assert!(rows.len() > 12 && rows.len() < 30, "{out}");
    assert!(rows.iter().any(|row| row.ends_with('-')), "the gap is shown: {out}");
    let (_, out, _) = shown(room.path(), &["filesystem:/data", "--since", "30m"]);
    assert!(out.contains("29 min to") || out.contains("30 min to"), "{out}");

    let (code, out, _) = shown(room.path(), &["filesystem:/data", "--plot", "--since", "2d"]);
    assert_eq!(code, Some(0));
    assert!(out.contains('*') && out.contains("critical 93%") && out.is_ascii(), "{out}");
    assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");

    let (code, out, _) = shown(room.path(), &["filesystem:/data", "--csv", "--since", "1h"]);
    assert_eq!(code, Some(0));
    assert!(out.starts_with("time,id,metric,min,mean,max\n20"), "{out}");
    assert!((58..=61).contains(&out.lines().count()), "{}", out.lines().count());
    let (_, out, _) = shown(room.path(), &["filesystem:/a\u{1b}[2J\n,\"x", "--csv"]);
    assert!(out.lines().nth(1).unwrap().contains("\"filesystem:/a\\x1b[2J\\n,\"\"x\""), "{out}");
    let (_, out, _) = shown(room.path(), &["filesystem:/data", "--json", "--since", "1h"]);
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(value["v"], 1);
    assert!(value["curves"][0]["points"].as_array().unwrap().len() >= 58);

    let (code, _, err) = shown(room.path(), &["filesystem:/dat"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("did you mean `filesystem:/data`?"), "{err}");
    let (code, _, err) = shown(room.path(), &["filesystem:/data", "--metric", "used_percnt"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("did you mean `used_percent`?"), "{err}");
    let (code, _, err) = shown(room.path(), &["filesystem:/data", "--since", "7 days"]);
    assert_eq!(code, Some(64), "{err}");
    let (code, _, _) = shown(room.path(), &["filesystem:/data", "--since", "0s"]);
    assert!(code.is_some_and(|code| code != 101));
}
