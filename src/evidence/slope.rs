//! Where a number is heading: the line through its latest stretch, and what follows from it, if it
//! is clear. Owns what counts as clear. Says nothing rather than something wrong.
//!
//! A stretch is clear when a straight line (least squares over the means of its minutes) explains
//! nine tenths of its variance, when the minutes reach over most of it, when the change is larger
//! than what rounding makes, and when its last quarter still goes the same way at a third of the
//! pace or more: a step, a burst that is over, and noise are not.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::civil::Date;

use crate::model::history::{DAY_MINUTES, Point, minute_of};
use crate::model::id::Id;
use crate::model::reading::Bad;
use crate::model::state::State;
use crate::model::time::Stamp;
use crate::model::unit::{Span, Unit};
use crate::store::history::{Wanted, curves};

use super::Inquiry;
use super::calendar::{Calendar, roughly};
use super::curve::{Past, stored};

/// Share of the variance that a line must explain.
const CLEAR: f64 = 0.9;
/// Points that a line needs.
const POINTS_MIN: usize = 6;
/// Share of a stretch that its points must reach over.
const REACH: f64 = 0.66;
/// The history keeps a number in parts of its largest value: a change must be some of them.
const ROUNDING: f64 = 4.0 / 1024.0;
/// A time further ahead is not told.
const AHEAD_MINUTES: f64 = 7.0 * 1440.0;
/// Stretches over which a file system's growth is looked at, in minutes.
const GROWTH: &[u32] = &[60, 360, 1440];
/// Stretches over which a temperature is looked at.
const WARMING: &[u32] = &[10, 30, 120];
/// Days that the usual value of an hour is made of, and of which it needs some.
const USUAL_DAYS: u32 = 30;
const USUAL_DAYS_MIN: usize = 5;
/// Days over which slow growth is looked at, and how many of them are needed.
const SLOW_DAYS: u32 = 7;
const SLOW_DAYS_MIN: f64 = 2.0;
/// How far ahead slow growth is told.
const SOON_DAYS: f64 = 60.0;
/// Kinds whose values have hours of the day.
const DAILY: &[&str] = &["bandwidth", "cpu", "disk_io", "load"];

/// A line through a stretch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Change a minute.
    pub slope: f64,
    /// Minutes that the stretch was asked to have.
    pub minutes: u32,
}

/// The line through the last `minutes`, if it is clear.
#[must_use]
pub fn line(points: &[Point], minutes: u32) -> Option<Line> {
    let last = points.last()?.minute;
    let first = points.partition_point(|p| p.minute < last.saturating_sub(minutes));
    let stretch: Vec<(f64, f64)> = points
        .get(first..)?
        .iter()
        .map(|point| (f64::from(point.minute) - f64::from(last), f64::from(point.mean)))
        .collect();
    let reach = -stretch.first()?.0;
    if stretch.len() < POINTS_MIN || reach < REACH * f64::from(minutes) {
        return None;
    }
    let fit = fit(&stretch)?;
    let largest = stretch.iter().fold(0.0_f64, |most, (_, value)| most.max(value.abs()));
    let quarter: Vec<(f64, f64)> =
        stretch.iter().copied().filter(|(at, _)| *at >= -reach / 4.0).collect();
    let end = match (quarter.first(), quarter.last()) {
        (Some(a), Some(b)) if b.0 > a.0 => (b.1 - a.1) / (b.0 - a.0),
        _ => fit.slope,
    };
    let clear = fit.explained >= CLEAR
        && (fit.slope * reach).abs() >= ROUNDING * largest
        && end * fit.slope.signum() >= fit.slope.abs() / 3.0;
    clear.then_some(Line { slope: fit.slope, minutes })
}

struct Fit {
    slope: f64,
    /// Share of the variance, 0 to 1.
    explained: f64,
}

fn fit(points: &[(f64, f64)]) -> Option<Fit> {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let sum =
        |of: &dyn Fn(f64, f64) -> f64| points.iter().map(|p| of(p.0 - x, p.1 - y)).sum::<f64>();
    let (xx, xy, yy) = (sum(&|a, _| a * a), sum(&|a, b| a * b), sum(&|_, b| b * b));
    if !(xx > 0.0 && yy > 0.0) {
        return None;
    }
    Some(Fit { slope: xy / xx, explained: xy * xy / (xx * yy) })
}

/// One sentence on where the judged number is heading, and what is usual; empty where neither can
/// be said.
#[must_use]
pub fn outlook(inquiry: &Inquiry, past: &Past) -> String {
    let mut parts = Vec::new();
    if inquiry.state != State::Ok {
        parts.extend(heading(inquiry, past));
    }
    if let Some(measure) = &inquiry.measure
        && DAILY.contains(&inquiry.kind.as_str())
        && let Some((value, days)) =
            usual(&inquiry.history, &inquiry.id, &measure.metric, inquiry.at, &inquiry.timezone)
    {
        let value = measure.unit.show(value);
        parts.push(format!("usual at this hour: {value} (median of {days} days)"));
    }
    parts.join("; ")
}

fn heading(inquiry: &Inquiry, past: &Past) -> Option<String> {
    let measure = inquiry.measure.as_ref()?;
    let clear =
        |stretches: &[u32]| stretches.iter().find_map(|minutes| line(&past.points, *minutes));
    if inquiry.kind == "filesystem" {
        return filling(inquiry, &clear(GROWTH)?);
    }
    if measure.unit == Unit::Celsius && measure.bad == Bad::High {
        return warming(inquiry, &clear(WARMING)?);
    }
    None
}

/// `at +14 GiB/h full in about 3 h`.
fn filling(inquiry: &Inquiry, line: &Line) -> Option<String> {
    let measure = inquiry.measure.as_ref()?;
    let reading = |name: &str| inquiry.readings.iter().find(|(n, _)| n == name).map(|(_, v)| *v);
    let value = measure.value?;
    let (used, free) = (reading("used_bytes"), reading("free_bytes"));
    let all = used.zip(free).map(|(used, free)| used + free);
    let of_all = |slope: f64| all.map(|all| slope / 100.0 * all);
    let (left, slope, bytes) = match measure.metric.as_str() {
        "used_percent" => (100.0 - value, line.slope, of_all(line.slope)),
        "used_bytes" => (free?, line.slope, Some(line.slope)),
        "free_percent" => (value, -line.slope, of_all(-line.slope)),
        "free_bytes" => (value, -line.slope, Some(-line.slope)),
        "inodes_percent" => (100.0 - value, line.slope, None),
        _ => return None,
    };
    let ahead = left / slope;
    if !(slope > 0.0 && left > 0.0 && ahead.is_finite() && ahead <= AHEAD_MINUTES) {
        return None;
    }
    let pace = bytes.map_or_else(
        || format!("{}/h", Unit::Percent.show(slope * 60.0)),
        |bytes| format!("{}/h", Unit::Bytes.show(bytes * 60.0)),
    );
    let end = if measure.metric == "inodes_percent" { "no inodes left" } else { "full" };
    Some(format!("at +{pace} {end} in about {}", roughly(ahead)))
}

/// `+9 C in 10 min; at this slope 85 C in about 16 min`.
fn warming(inquiry: &Inquiry, line: &Line) -> Option<String> {
    let measure = inquiry.measure.as_ref()?;
    let value = measure.value?;
    let risen = line.slope * f64::from(line.minutes);
    if risen < 1.0 {
        return None;
    }
    let risen = format!("+{risen:.0} C in {}", roughly(f64::from(line.minutes)));
    let limits = [measure.warn, measure.crit].into_iter().flatten();
    let next = limits.filter(|limit| *limit > value).fold(f64::INFINITY, f64::min);
    let ahead = (next - value) / line.slope;
    if ahead.is_finite() && ahead <= AHEAD_MINUTES {
        let limit = measure.unit.show(next);
        return Some(format!("{risen}; at this slope {limit} in about {}", roughly(ahead)));
    }
    Some(risen)
}

/// What a number usually is at this hour of the day, and of how many days that is the median: of
/// each day before, the mean of that hour by the wall clock.
#[must_use]
pub fn usual(
    history: &Path,
    id: &Id,
    metric: &str,
    at: Stamp,
    timezone: &str,
) -> Option<(f64, usize)> {
    let calendar = Calendar::named(timezone);
    let now = minute_of(at);
    let (today, hour) = calendar.hour(now);
    let from = now.saturating_sub(USUAL_DAYS * DAY_MINUTES);
    let mut days: BTreeMap<Date, (f64, f64)> = BTreeMap::new();
    for point in stored(history, id, metric, (from, now)).points {
        let (day, of) = calendar.hour(point.minute);
        if of == hour && day != today {
            let (sum, count) = days.entry(day).or_default();
            *sum += f64::from(point.mean);
            *count += 1.0;
        }
    }
    let mut means: Vec<f64> = days.values().map(|(sum, count)| sum / count).collect();
    if means.len() < USUAL_DAYS_MIN {
        return None;
    }
    let middle = means.len() / 2;
    let median = *means.select_nth_unstable_by(middle, f64::total_cmp).1;
    Some((median, means.len()))
}

/// File systems that will be full within two months if they grow as in the last days, soonest
/// first.
#[must_use]
pub fn soon(history: &Path, at: Stamp) -> Vec<(Id, Span)> {
    let now = minute_of(at);
    let wanted = Wanted { kind: Some("filesystem"), id: None, metric: Some("used_percent") };
    let from = now.saturating_sub(SLOW_DAYS * DAY_MINUTES);
    let found = curves(history, &wanted, (from, now)).unwrap_or_default();
    let mut full: Vec<(Id, Span)> = found
        .into_iter()
        .filter_map(|curve| Some((curve.series.id, full_in(&curve.points, now)?)))
        .collect();
    full.sort_by(|a, b| a.1.cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
    let mut seen = std::collections::BTreeSet::new();
    full.retain(|(id, _)| seen.insert(std::sync::Arc::clone(&id.instance)));
    full
}

/// In how long a file system is full, by the hourly means of some days.
fn full_in(points: &[Point], now: u32) -> Option<Span> {
    let past = Past { points: points.to_vec() };
    let (first, last) = (points.first()?, points.last()?);
    // One that is not watched any more has nothing ahead.
    if now.saturating_sub(last.minute) > DAY_MINUTES {
        return None;
    }
    let hours = past.steps(first.minute, last.minute, SLOW_DAYS * 24);
    let hourly: Vec<(f64, f64)> =
        hours.seen().map(|p| (f64::from(p.minute) / 1440.0, f64::from(p.mean))).collect();
    let reach = hourly.last()?.0 - hourly.first()?.0;
    let fit = fit(&hourly)?;
    let left = 100.0 - f64::from(last.mean);
    let days = left / fit.slope;
    let grown = fit.slope * reach >= ROUNDING * f64::from(last.max);
    // A log that is rotated each night makes teeth on a line that rises all the same.
    let clear = reach >= SLOW_DAYS_MIN && fit.explained >= CLEAR - 0.2 && grown;
    if !(clear && fit.slope > 0.0 && days.is_finite() && days <= SOON_DAYS) {
        return None;
    }
    #[expect(clippy::cast_sign_loss, reason = "what is left and the slope are not negative")]
    let seconds = (days.max(0.0) * 86_400.0) as u64;
    Some(Span::from_secs(seconds))
}

#[cfg(test)]
mod tests;
