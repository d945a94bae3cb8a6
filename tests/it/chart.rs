//! The chart in a mail, opened by a reader of its own: it is a PNG of the promised form, and its
//! curve stands where the data says.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use hostwatch::evidence::calendar::Calendar;
use hostwatch::evidence::chart::{Chart, HEIGHT, Picture, WIDTH, draw};
use hostwatch::evidence::curve::{Past, Steps};
use hostwatch::model::history::Point;
use hostwatch::model::unit::Unit;

/// Mon 23 Nov 2026 02:12 UTC.
const NOW: u32 = 29_923_332;
/// Colour of the curve.
const LINE: [u8; 3] = [0x12, 0x4f, 0x96];

fn past(minutes: u32, value: impl Fn(f64) -> f64) -> Past {
    let point = |ago: u32| {
        let mean = value(f64::from(ago)) as f32;
        Point { minute: NOW - ago, min: mean * 0.98, mean, max: mean * 1.01 }
    };
    Past { points: (0..=minutes).rev().map(point).collect() }
}

fn chart(steps: &Steps, unit: Unit, limits: (Option<f64>, Option<f64>)) -> Chart {
    let picture = Picture {
        title: "Used space of /data",
        now: "92% at 02:12",
        steps,
        to: NOW + 30,
        unit,
        warn: limits.0,
        crit: limits.1,
        marks: &[NOW - 290, NOW],
    };
    draw(&picture, &Calendar::named("Europe/Paris")).unwrap()
}

/// What the reader says of a chart.
fn read(chart: &Chart, steps: &Steps, gaps: &[(u32, u32)]) -> serde_json::Value {
    let room = tempfile::tempdir().unwrap();
    let file = room.path().join("chart.png");
    std::fs::write(&file, &chart.png).unwrap();
    if let Some(folder) = std::env::var_os("HOSTWATCH_CHARTS") {
        let name = format!("chart-{}.png", chart.png.len());
        std::fs::copy(&file, Path::new(&folder).join(name)).unwrap();
    }
    let (left, top, right, bottom) = chart.plot.edges;
    let half = f64::from(steps.width) / 2.0;
    let points: Vec<(f64, f64)> =
        steps.seen().map(|p| (f64::from(p.minute) + half, f64::from(p.mean))).collect();
    let asked = serde_json::json!({
        "file": file, "left": left, "top": top, "right": right, "bottom": bottom,
        "low": chart.plot.values.0, "high": chart.plot.values.1,
        "from": chart.plot.minutes.0, "to": chart.plot.minutes.1,
        "line": LINE, "points": points, "gaps": gaps,
    });
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chart/read.py");
    let mut reader = Command::new("python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    reader.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let output = reader.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn holds(chart: &Chart, steps: &Steps, gaps: &[(u32, u32)]) {
    let said = read(chart, steps, gaps);
    assert_eq!(said["wrong"], serde_json::json!([]), "{said}");
    assert_eq!((said["width"].as_u64(), said["height"].as_u64()), (Some(720), Some(240)));
    assert_eq!((WIDTH, HEIGHT), (720, 240));
    let (seen, of) = (said["seen"].as_u64().unwrap(), said["of"].as_u64().unwrap());
    assert!(seen * 10 >= of * 7, "{seen} of {of} points of the curve are to be seen");
    assert!(chart.png.len() < 8 << 10, "{} bytes", chart.png.len());
}

#[test]
fn the_curve_stands_where_the_data_says() {
    let steps = past(1440, |ago| 92.0 - ago / 90.0).steps(NOW - 1440, NOW, 150);
    holds(&chart(&steps, Unit::Percent, (Some(85.0), Some(90.0))), &steps, &[]);
    let wild = |ago: f64| 4e8 + 3.9e8 * (ago / 100.0).sin() * (ago / 7.0).cos();
    let steps = past(1440, wild).steps(NOW - 1440, NOW, 150);
    holds(&chart(&steps, Unit::BitsPerSecond, (None, Some(9.5e8))), &steps, &[]);
    let steps = past(40, |ago| 71.0 - ago * 0.9).steps(NOW - 40, NOW, 150);
    holds(&chart(&steps, Unit::Celsius, (Some(75.0), Some(85.0))), &steps, &[]);
    let steps = past(7 * 1440, |ago| 12.0 + (ago / 2000.0).sin() / 10.0);
    let steps = steps.steps(NOW - 7 * 1440, NOW, 150);
    holds(&chart(&steps, Unit::Volts, (None, None)), &steps, &[]);
}

#[test]
fn a_gap_is_empty() {
    let mut past = past(1440, |ago| 50.0 + ago / 100.0);
    past.points.retain(|p| !(400..800).contains(&(NOW - p.minute)));
    let steps = past.steps(NOW - 1440, NOW, 150);
    let chart = chart(&steps, Unit::Percent, (None, Some(90.0)));
    holds(&chart, &steps, &[(NOW - 790, NOW - 410)]);
}

#[test]
fn the_reader_sees_a_curve_that_is_wrong() {
    let steps = past(1440, |ago| 92.0 - ago / 90.0).steps(NOW - 1440, NOW, 150);
    let other = past(1440, |ago| 88.0 - ago / 120.0).steps(NOW - 1440, NOW, 150);
    let chart = chart(&steps, Unit::Percent, (Some(85.0), Some(90.0)));
    let said = read(&chart, &other, &[]);
    assert!(said["wrong"].as_array().unwrap().len() > 50, "{said}");
    let said = read(&chart, &steps, &[(NOW - 800, NOW - 400)]);
    assert!(!said["wrong"].as_array().unwrap().is_empty());
}
