//! What is said of a curve, and that it is drawn.

use std::path::PathBuf;

use super::*;
use crate::model::history::{Curve, Series, stamp_of};
use crate::model::id::Id;
use crate::model::state::State;
use crate::model::unit::Unit;

/// Mon 23 Nov 2026 02:12 UTC.
const NOW: u32 = 29_923_332;

fn inquiry(minutes: u32, value: impl Fn(f64) -> f64) -> Inquiry {
    let id = Id::new("filesystem", "/data");
    let point = |ago: u32| {
        let value = value(f64::from(ago)) as f32;
        Point { minute: NOW - ago, min: value, mean: value, max: value }
    };
    let series = Series {
        kind: "filesystem".into(),
        id: id.clone(),
        metric: "used_percent".into(),
        unit: Unit::Percent,
    };
    Inquiry {
        id,
        kind: "filesystem".to_owned(),
        title: "/data".to_owned(),
        state: State::Critical,
        at: stamp_of(NOW),
        since: stamp_of(NOW - 2),
        timezone: "UTC".to_owned(),
        history: PathBuf::from("/no/such/history"),
        recent: vec![Curve { series, points: (1..=minutes).rev().map(point).collect() }],
        measure: Some(Measure {
            metric: "used_percent".to_owned(),
            phrase: "{} full".to_owned(),
            unit: Unit::Percent,
            bad: Bad::High,
            value: Some(value(0.0)),
            warn: Some(85.0),
            crit: Some(90.0),
        }),
        ..Inquiry::default()
    }
}

fn told(inquiry: &Inquiry) -> Trend {
    trend(inquiry).0.unwrap()
}

#[test]
fn a_rise_is_told_with_its_numbers() {
    let told = told(&inquiry(1440, |ago| 92.0 - (ago / 90.0).floor()));
    assert_eq!(told.line, "Last 24 h: 76% -> 92%   ...,,,,-----====+++++###   (peak now)");
    assert_eq!(told.alt, "Used space of /data, 24 h: 76% rising to 92%, limits 85% and 90%");
    assert!(told.png.len() > 1000 && told.png.len() < 8 * 1024 * 4 / 3, "{}", told.png.len());
    assert!(told.png.starts_with("iVBORw0KGgo"), "{}", &told.png[..20]);
}

#[test]
fn less_history_is_said_to_be_less() {
    let told = told(&inquiry(40, |ago| 92.0 - ago / 10.0));
    assert!(told.line.starts_with("Last 40 min: 88% -> 92%   ."), "{}", told.line);
    assert!(told.alt.contains(", 40 min: 88% rising to 92%"), "{}", told.alt);
    let (none, outlook) = trend(&inquiry(0, |_| 92.0));
    assert_eq!((none, outlook.as_str()), (None, ""));
}

#[test]
fn a_peak_before_is_told_with_its_time() {
    let told = told(&inquiry(1440, |ago| if (ago - 600.0).abs() < 5.0 { 98.0 } else { 91.0 }));
    assert!(told.line.ends_with("(min 91%, max 98% at Sun 16:16)"), "{}", told.line);
    assert!(told.alt.contains("24 h: 91%, as 24 h before, between 91% and 98%"), "{}", told.alt);
}

#[test]
fn where_low_is_bad_the_lowest_is_told() {
    let mut low = inquiry(1440, |ago| 10.0 + (ago / 60.0).floor());
    low.measure.as_mut().unwrap().bad = Bad::Low;
    assert!(told(&low).line.ends_with("(lowest now)"), "{}", told(&low).line);
}

#[test]
fn a_line_is_short_ascii_whatever_the_values() {
    for unit in [Unit::BitsPerSecond, Unit::Bytes, Unit::Volts, Unit::Seconds] {
        for scale in [1e-3, 1.0, 1e3, 1e9, 1e14] {
            // These have no prefixes, and no server has a million volts.
            if matches!(unit, Unit::Volts | Unit::Seconds) && scale > 1e3 {
                continue;
            }
            let mut inquiry = inquiry(1440, |ago| (ago * 1.7).sin() * scale + scale * 1.1);
            inquiry.measure.as_mut().unwrap().unit = unit;
            let line = told(&inquiry).line;
            assert!(line.is_ascii() && line.len() <= LINE_COLUMNS, "{line}");
            let said = line.contains("min ") && line.contains("max ");
            assert!(said || line.contains("(peak "), "{line}");
        }
    }
}

#[test]
fn hostile_names_are_spelled_out_and_cut() {
    for name in ["/a\r\nBcc: x", "\u{202e}evil", "<b>&", &"x".repeat(4096), "\u{1b}[2J", "日本語"]
    {
        let mut inquiry = inquiry(60, |ago| 92.0 - ago / 10.0);
        inquiry.title = name.to_owned();
        let told = told(&inquiry);
        let safe = |text: &str| !text.chars().any(|c| c.is_control() || c == '\u{202e}');
        assert!(safe(&told.alt) && safe(&told.line) && told.alt.chars().count() < 200, "{told:?}");
        assert!(!told.png.is_empty());
    }
}

#[test]
fn a_gap_is_a_gap() {
    let mut gap = inquiry(1440, |ago| 50.0 + ago / 100.0);
    gap.recent[0].points.retain(|p| !(400..800).contains(&(NOW - p.minute)));
    let line = told(&gap).line;
    assert!(line.contains("      "), "{line}");
}
