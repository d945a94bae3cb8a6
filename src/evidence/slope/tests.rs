//! Lines that are clear and curves that are not, and what is said of each.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::evidence::Measure;
use crate::model::history::{Minute, Series, stamp_of};
use crate::store::history::{Archive, Bounds};

/// Mon 23 Nov 2026 02:12 UTC.
const NOW: u32 = 29_923_332;
const GIB: f64 = 1024.0 * 1024.0 * 1024.0;

fn points(minutes: u32, value: impl Fn(f64) -> f64) -> Vec<Point> {
    let point = |ago: u32| {
        let value = value(f64::from(ago)) as f32;
        Point { minute: NOW - ago, min: value, mean: value, max: value }
    };
    (0..=minutes).rev().map(point).collect()
}

fn inquiry(kind: &str, metric: &str, unit: Unit, value: f64) -> Inquiry {
    Inquiry {
        kind: kind.to_owned(),
        state: State::Critical,
        at: stamp_of(NOW),
        measure: Some(Measure {
            metric: metric.to_owned(),
            phrase: "{}".to_owned(),
            unit,
            bad: Bad::High,
            value: Some(value),
            warn: None,
            crit: None,
        }),
        ..Inquiry::default()
    }
}

fn filesystem(value: f64) -> Inquiry {
    let mut inquiry = inquiry("filesystem", "used_percent", Unit::Percent, value);
    let bytes = |share: f64| share / 100.0 * 560.0 * GIB;
    inquiry.readings = vec![
        ("used_bytes".to_owned(), bytes(value)),
        ("free_bytes".to_owned(), bytes(100.0 - value)),
    ];
    inquiry
}

fn said(inquiry: &Inquiry, points: Vec<Point>) -> String {
    outlook(inquiry, &Past { points })
}

#[test]
fn a_filesystem_that_fills_says_when_it_is_full() {
    // 2.5% of 560 GiB an hour.
    let growing = points(1440, |ago| 92.0 - ago / 60.0 * 2.5);
    assert_eq!(said(&filesystem(92.0), growing), "at +14 GiB/h full in about 3 h");
    let lately = points(1440, |ago| if ago > 60.0 { 89.5 } else { 92.0 - ago / 60.0 * 2.5 });
    assert_eq!(said(&filesystem(92.0), lately), "at +14 GiB/h full in about 3 h");
    let mut ok = filesystem(71.0);
    ok.state = State::Ok;
    assert_eq!(said(&ok, points(1440, |ago| 92.0 - ago / 60.0)), "");
}

#[test]
fn nothing_is_said_of_what_is_not_clear() {
    let full = filesystem(92.0);
    for (what, points) in [
        ("flat", points(1440, |_| 92.0)),
        ("falling", points(1440, |ago| 92.0 + ago / 60.0)),
        ("a step", points(1440, |ago| if ago > 30.0 { 70.0 } else { 92.0 })),
        ("a burst that is over", points(60, |ago| 92.0 - (ago - 25.0).max(0.0) / 2.0)),
        ("noise", points(1440, |ago| 92.0 - (ago * 7.3).sin() * 4.0 - ago / 900.0)),
        ("too slow", points(1440, |ago| 92.0 - ago / 10_000.0)),
        ("too short", points(20, |ago| 92.0 - ago)),
        ("rounding", points(60, |ago| if ago > 30.0 { 92.0 } else { 92.0625 })),
        ("nothing", Vec::new()),
    ] {
        assert_eq!(said(&full, points), "", "{what}");
    }
    let mut no_value = filesystem(92.0);
    no_value.measure = None;
    assert_eq!(said(&no_value, points(60, |ago| 92.0 - ago)), "");
    assert_eq!(said(&filesystem(100.0), points(60, |ago| 100.0 - ago / 10.0)), "", "full already");
}

#[test]
fn a_temperature_says_how_it_rises_and_when_it_meets_its_limit() {
    let mut hot = inquiry("temperature", "temperature_celsius", Unit::Celsius, 71.0);
    hot.measure.as_mut().unwrap().crit = Some(85.0);
    let rising = || points(60, |ago| 71.0 - ago * 0.9);
    assert_eq!(said(&hot, rising()), "+9 C in 10 min; at this slope 85 C in about 16 min");
    hot.measure.as_mut().unwrap().crit = Some(70.0);
    assert_eq!(said(&hot, rising()), "+9 C in 10 min");
}

fn remember(room: &std::path::Path, series: Series, points: Vec<Point>) {
    let mut archive = Archive::new(room.to_owned(), Bounds::default());
    let series = Arc::new(series);
    let minute = |point| Minute { series: Arc::clone(&series), point };
    for part in points.chunks(720) {
        archive.append(&part.iter().copied().map(minute).collect::<Vec<_>>()).unwrap();
    }
}

fn series(kind: &'static str, instance: &str, metric: &'static str) -> Series {
    let id = Id::new(kind, instance);
    Series { kind: kind.into(), id, metric: metric.into(), unit: Unit::Percent }
}

#[test]
fn what_is_usual_is_the_median_of_the_same_hour_of_days_before() {
    let room = tempfile::tempdir().unwrap();
    let calendar = Calendar::named("Europe/Berlin");
    let (today, hour) = calendar.hour(NOW);
    // Each hour has its own value; today, and one odd day, are far off.
    let at = |ago: f64| {
        let minute = NOW - ago as u32;
        let (day, of) = calendar.hour(minute);
        let odd = day == today || ago > 8.0 * 1440.0;
        if odd {
            97.0
        } else if of == hour {
            4.0
        } else {
            50.0
        }
    };
    remember(room.path(), series("bandwidth", "eno1", "tx_percent"), points(10 * 1440, at));
    let id = Id::new("bandwidth", "eno1");
    let (value, days) =
        usual(room.path(), &id, "tx_percent", stamp_of(NOW), "Europe/Berlin").unwrap();
    assert_eq!(days, 10);
    assert!((value - 4.0).abs() < 0.1, "{value}");
    let mut busy = inquiry("bandwidth", "tx_percent", Unit::Percent, 97.0);
    (busy.id, busy.history) = (id.clone(), room.path().to_owned());
    busy.timezone = "Europe/Berlin".to_owned();
    let said = said(&busy, Vec::new());
    assert!(
        said.starts_with("usual at this hour: 4") && said.ends_with("(median of 10 days)"),
        "{said}"
    );
    let early = stamp_of(NOW - 6 * 1440);
    assert_eq!(usual(room.path(), &id, "tx_percent", early, "Europe/Berlin"), None, "four days");
}

#[test]
fn slow_growth_says_which_filesystems_are_full_soon() {
    let room = tempfile::tempdir().unwrap();
    let week = 7 * 1440;
    // One percent a day, with a tooth each night.
    let tooth = |ago: f64| 88.0 - ago / 1440.0 + ((ago % 1440.0) / 1440.0 - 0.5) * 0.3;
    remember(room.path(), series("filesystem", "/data", "used_percent"), points(week, tooth));
    remember(room.path(), series("filesystem", "/", "used_percent"), points(week, |_| 40.0));
    let slow = points(week, |ago| 50.0 - ago / 1440.0 * 0.4);
    remember(room.path(), series("filesystem", "/slow", "used_percent"), slow);
    let fast = points(week, |ago| 90.0 - ago / 1440.0 * 2.0);
    remember(room.path(), series("filesystem", "/fast", "used_percent"), fast);
    let gone = points(week, |ago| 60.0 - ago / 1440.0 * 2.0);
    let gone = gone.into_iter().filter(|p| p.minute < NOW - 2 * 1440).collect();
    remember(room.path(), series("filesystem", "/gone", "used_percent"), gone);
    let found = soon(room.path(), stamp_of(NOW));
    let names: Vec<&str> = found.iter().map(|(id, _)| &*id.instance).collect();
    assert_eq!(names, ["/fast", "/data"]);
    let days: Vec<f64> = found.iter().map(|(_, span)| span.as_secs_f64() / 86_400.0).collect();
    assert!((days[0] - 5.0).abs() < 0.3 && (days[1] - 12.0).abs() < 2.0, "{days:?}");
}

proptest! {
    #[test]
    fn whatever_the_curve_no_time_is_nonsense(
        values in prop::collection::vec(prop_oneof![-1e6_f32..1e6, 0_f32..100.0], 0..200),
        value in prop_oneof![0_f64..100.0, -1e9..1e9],
        kind in prop_oneof![Just("filesystem"), Just("temperature")],
    ) {
        let points: Vec<Point> = (NOW - 200..).zip(&values)
            .map(|(minute, v)| Point { minute, min: *v, mean: *v, max: *v }).collect();
        let (metric, unit) = if kind == "filesystem" {
            ("used_percent", Unit::Percent)
        } else {
            ("temperature_celsius", Unit::Celsius)
        };
        let mut asked = inquiry(kind, metric, unit, value);
        asked.measure.as_mut().unwrap().crit = Some(85.0);
        asked.readings = filesystem(value).readings;
        let said = outlook(&asked, &Past { points });
        for wrong in ["-", "NaN", "inf", "about 0"] {
            prop_assert!(!said.contains(wrong), "{}", said);
        }
    }
}
