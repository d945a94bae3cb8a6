//! The time before a change in a line of text, in a sentence and as a picture. Owns the words; the
//! numbers in them are those of the history, whatever the picture shows.

use crate::model::base64;
use crate::model::evidence::Trend;
use crate::model::history::{DAY_MINUTES, Point, minute_of};
use crate::model::limit::EVIDENCE_PICTURE_CHARS;
use crate::model::reading::Bad;
use crate::model::text::{shorten, shown};
use crate::model::unit::Span;

use super::calendar::{Calendar, roughly};
use super::chart::{self, Picture};
use super::curve::{self, Past, Steps};
use super::slope;
use super::{Inquiry, Measure};

/// How far back is looked, unless the window of the rule is longer.
const BACK_MINUTES: u32 = DAY_MINUTES;
/// How far back at most.
const BACK_MINUTES_MAX: u32 = 7 * DAY_MINUTES;
/// Steps of the curve: a day in tens of minutes.
const STEPS: u32 = 150;
/// Columns of the line.
const LINE_COLUMNS: usize = 70;
/// Letters from low to high.
const LEVELS: [char; 6] = ['.', ',', '-', '=', '+', '#'];
/// Characters of a name in the sentence.
const TITLE_CHARS: usize = 60;

/// The curve before a change, if there is one, and one sentence on where it is heading: ready for
/// [`crate::model::evidence::Evidence`].
#[must_use]
pub fn trend(inquiry: &Inquiry) -> (Option<Trend>, String) {
    let Some(measure) = &inquiry.measure else { return (None, String::new()) };
    let back = minutes(inquiry.window).clamp(BACK_MINUTES, BACK_MINUTES_MAX);
    let past = curve::of(inquiry, back);
    let outlook = slope::outlook(inquiry, &past);
    let now = minute_of(inquiry.at);
    let Some(first) = past.points.first().map(|point| point.minute) else {
        return (None, outlook);
    };
    // One point is no curve.
    if past.points.len() < 2 {
        return (None, outlook);
    }
    let full = first <= now.saturating_sub(back) + back / 20;
    let from = if full { now.saturating_sub(back) } else { first };
    let calendar = Calendar::named(&inquiry.timezone);
    let steps = past.steps(from, now, STEPS);
    let story = Story::of(&past, measure, &calendar, f64::from(now - from));
    let title = format!("{} of {}", label(&inquiry.kind, &measure.metric), inquiry.title);
    let since = minute_of(inquiry.since);
    let marks = if since < now { vec![since, now] } else { vec![now] };
    let picture = Picture {
        title: &title,
        now: &format!("{} at {}", story.now, calendar.clock(now)),
        steps: &steps,
        to: now + (now - from) / 50 + 1,
        unit: measure.unit,
        warn: measure.warn,
        crit: measure.crit,
        marks: &marks,
    };
    let png = chart::draw(&picture, &calendar).map(|chart| base64::encode(&chart.png));
    let trend = Trend {
        line: story.line(&steps),
        alt: story.sentence(&shorten(&shown(&title), TITLE_CHARS), measure),
        png: png.filter(|png| png.len() <= EVIDENCE_PICTURE_CHARS).unwrap_or_default(),
    };
    (Some(trend), outlook)
}

fn minutes(span: Span) -> u32 {
    u32::try_from(span.as_millis() / 60_000).unwrap_or(u32::MAX)
}

/// The numbers of a curve, in words.
#[derive(Debug)]
struct Story {
    length: String,
    first: String,
    now: String,
    least: String,
    most: String,
    /// When the worst was.
    peak: String,
    low_is_bad: bool,
    change: f64,
    /// From the least to the largest value.
    span: f64,
}

impl Story {
    fn of(past: &Past, measure: &Measure, calendar: &Calendar, minutes: f64) -> Self {
        let value = |of: fn(&Point) -> f32| past.points.iter().map(of).map(f64::from);
        let least = value(|p| p.min).fold(f64::INFINITY, f64::min);
        let most = value(|p| p.max).fold(f64::NEG_INFINITY, f64::max);
        let first = value(|p| p.mean).next().unwrap_or(0.0);
        let now = value(|p| p.mean).next_back().unwrap_or(0.0);
        let low_is_bad = measure.bad == Bad::Low;
        let worst = past.points.iter().rev().reduce(|worst, point| {
            let worse = if low_is_bad { point.min < worst.min } else { point.max > worst.max };
            if worse { point } else { worst }
        });
        let peak = worst.map_or_else(String::new, |p| {
            if minutes >= f64::from(DAY_MINUTES) - 1.0 {
                calendar.day_and_clock(p.minute)
            } else {
                calendar.clock(p.minute)
            }
        });
        let show = |value: f64| measure.unit.show(value);
        Self {
            length: roughly(minutes),
            first: show(first),
            now: show(now),
            least: show(least),
            most: show(most),
            peak,
            low_is_bad,
            change: now - first,
            span: most - least,
        }
    }

    /// `Last 24 h: 76% -> 92%   ..,,--==++##   (peak now)`: in fewer columns less is drawn, and the
    /// numbers stay.
    fn line(&self, steps: &Steps) -> String {
        let Self { length, first, now, least, most, peak, .. } = self;
        let head = format!("Last {length}: {first} -> {now}");
        let ends = |least_at: &String, most_at: &String| least == least_at && most == most_at;
        let tails = match self.low_is_bad {
            false if ends(first, now) => vec!["(peak now)".to_owned()],
            false if ends(now, first) => vec!["(peak at first)".to_owned()],
            true if ends(now, first) => vec!["(lowest now)".to_owned()],
            true if ends(first, now) => vec!["(lowest at first)".to_owned()],
            false => vec![
                format!("(min {least}, max {most} at {peak})"),
                format!("(min {least}, max {most})"),
            ],
            true => vec![
                format!("(min {least} at {peak}, max {most})"),
                format!("(min {least}, max {most})"),
            ],
        };
        // The time of the peak is worth more than a fine picture, and less than a picture.
        let drawn = |columns: &[usize]| -> Vec<String> {
            let pictures: Vec<String> = columns.iter().map(|n| spark(steps, *n)).collect();
            let with = |tail: &String| -> Vec<String> {
                pictures.iter().map(|picture| format!("{head}   {picture}   {tail}")).collect()
            };
            tails.iter().flat_map(with).collect()
        };
        let whole = drawn(&[24, 12]).into_iter().chain(drawn(&[8]));
        let plain = tails.last().map(|tail| format!("{head} {tail}"));
        let plain = plain.unwrap_or_default();
        whole
            .chain([plain])
            .find(|line| line.chars().count() <= LINE_COLUMNS)
            .unwrap_or_else(|| shorten(&head, LINE_COLUMNS))
    }

    /// `Used space of /data, 24 h: 76% rising to 92%, limit 90%`.
    fn sentence(&self, title: &str, measure: &Measure) -> String {
        let Self { length, first, now, least, most, .. } = self;
        let way = match self.change {
            change if first == now || change.abs() < self.span * 0.1 => {
                format!("{now}, as {length} before")
            }
            change if change > 0.0 => format!("{first} rising to {now}"),
            _ => format!("{first} falling to {now}"),
        };
        let mut text = format!("{title}, {length}: {way}");
        if ![first, now].contains(&least) || ![first, now].contains(&most) {
            text.push_str(&format!(", between {least} and {most}"));
        }
        let limits: Vec<String> = [measure.warn, measure.crit]
            .into_iter()
            .flatten()
            .map(|l| measure.unit.show(l))
            .collect();
        match limits.as_slice() {
            [] => {}
            [one] => text.push_str(&format!(", limit {one}")),
            more => text.push_str(&format!(", limits {}", more.join(" and "))),
        }
        text
    }
}

/// The curve in so many characters; a space where nothing was sampled.
fn spark(steps: &Steps, columns: usize) -> String {
    let values: Vec<Option<f64>> =
        steps.steps.iter().map(|step| step.map(|p| f64::from(p.mean))).collect();
    let seen = || values.iter().flatten().copied();
    let low = seen().fold(f64::INFINITY, f64::min);
    let high = seen().fold(f64::NEG_INFINITY, f64::max);
    let columns = columns.min(values.len()).max(1);
    let column = |place: usize| {
        let (from, to) = (place * values.len() / columns, (place + 1) * values.len() / columns);
        let part: Vec<f64> = values.get(from..to)?.iter().flatten().copied().collect();
        let mean = part.iter().sum::<f64>() / part.len() as f64;
        if part.is_empty() {
            return None;
        }
        let share = if high > low { (mean - low) / (high - low) } else { 0.4 };
        let top = LEVELS.len() - 1;
        #[expect(clippy::cast_sign_loss, reason = "a share is not negative")]
        let level = (share * top as f64).round() as usize;
        LEVELS.get(level.min(top)).copied()
    };
    (0..columns).map(|place| column(place).unwrap_or(' ')).collect()
}

/// What a number is called at the head of its curve.
#[must_use]
pub fn label(kind: &str, metric: &str) -> String {
    let known = match (kind, metric) {
        ("filesystem", "used_percent" | "used_bytes") => "Used space",
        ("filesystem", "free_percent" | "free_bytes") => "Free space",
        ("filesystem", "inodes_percent") => "Used inodes",
        ("bandwidth", "rx_percent" | "rx_bits_per_second") => "Receiving",
        ("bandwidth", "tx_percent" | "tx_bits_per_second") => "Sending",
        ("memory", "available_percent" | "available_bytes") => "Available memory",
        ("cpu" | "disk_io", "busy_percent") => "Busy time",
        ("disk_io", "await_seconds") => "Waiting time",
        ("temperature", "lowest_temperature_celsius") => "Temperature",
        ("voltage", "lowest_voltage_volts") => "Voltage",
        _ => "",
    };
    if !known.is_empty() {
        return known.to_owned();
    }
    const ENDINGS: &[&str] = &[
        "_bytes_per_second",
        "_bits_per_second",
        "_percent",
        "_bytes",
        "_seconds",
        "_celsius",
        "_watts",
        "_volts",
        "_amperes",
        "_rpm",
        "_count",
    ];
    let name = ENDINGS.iter().find_map(|ending| metric.strip_suffix(ending)).unwrap_or(metric);
    let name = name.replace('_', " ");
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests;
