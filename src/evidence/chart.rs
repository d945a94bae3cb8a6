//! The curve as a picture for a mail: mean, band, limits, the moment of the change. Owns the layout;
//! what the numbers mean is said beside it in words, and every word in it is legible at half size
//! on a phone. It has a light ground of its own, so that it works in dark mails.

use crate::model::text::{shorten, shown};
use crate::model::unit::Unit;

use super::calendar::Calendar;
use super::curve::Steps;
use canvas::{Canvas, Ink, LETTER_HEIGHT, LETTER_WIDTH, Side};

mod canvas;

/// Size of the picture, twice of what it is shown at.
pub const WIDTH: u32 = 720;
/// See [`WIDTH`].
pub const HEIGHT: u32 = 240;
/// Ground above the plot, for the title.
const TOP: i32 = 34;
/// Ground below it, for times.
const BOTTOM: i32 = 30;
/// Ground to the right.
const RIGHT: i32 = 14;
/// Longest label of the value axis.
const LABEL_CHARS: usize = 12;
/// Marks on the value axis.
const LEVELS: f64 = 5.0;
/// Marks on the time axis.
const TIMES: u32 = 7;

/// What is drawn.
#[derive(Debug, Clone)]
pub struct Picture<'a> {
    /// What it is: `Used space of /data`.
    pub title: &'a str,
    /// The value now, in words.
    pub now: &'a str,
    /// The curve.
    pub steps: &'a Steps,
    /// The last minute of the time axis.
    pub to: u32,
    /// Unit of the values.
    pub unit: Unit,
    /// The limit of the warning level.
    pub warn: Option<f64>,
    /// The limit of the critical level.
    pub crit: Option<f64>,
    /// Moments to mark: when it changed, and since when its cause holds.
    pub marks: &'a [u32],
}

/// Where values and times stand in the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plot {
    /// Left, top, right and bottom edge of the plot.
    pub edges: (i32, i32, i32, i32),
    /// Least and largest value of the axis.
    pub values: (f64, f64),
    /// First and last minute of the axis.
    pub minutes: (u32, u32),
}

/// A drawn chart.
#[derive(Debug, Clone)]
pub struct Chart {
    /// The file.
    pub png: Vec<u8>,
    /// Its layout.
    pub plot: Plot,
}

impl Plot {
    /// Row of a value.
    #[must_use]
    pub fn y(&self, value: f64) -> i32 {
        let (low, high) = self.values;
        let (top, bottom) = (f64::from(self.edges.1), f64::from(self.edges.3));
        let share = ((value - low) / (high - low)).clamp(0.0, 1.0);
        (bottom - share * (bottom - top)).round() as i32
    }

    /// Column of a time, in minutes.
    #[must_use]
    pub fn x(&self, minute: f64) -> i32 {
        let (from, to) = (f64::from(self.minutes.0), f64::from(self.minutes.1) + 1.0);
        let (left, right) = (f64::from(self.edges.0), f64::from(self.edges.2));
        (left + ((minute - from) / (to - from)).clamp(0.0, 1.0) * (right - left)).round() as i32
    }
}

/// Draws; `None` where there is nothing to draw.
#[must_use]
pub fn draw(picture: &Picture<'_>, calendar: &Calendar) -> Option<Chart> {
    let limits: Vec<f64> = picture.warn.into_iter().chain(picture.crit).collect();
    let values = axis(picture.steps, picture.unit, &limits)?;
    let levels = levels(values, picture.unit);
    let label = |value: f64| shorten(&picture.unit.show(value), LABEL_CHARS);
    let longest = levels.iter().map(|v| label(*v).chars().count()).max().unwrap_or(0);
    let left = i32::try_from(longest).unwrap_or(0) * LETTER_WIDTH + 16;
    let (width, height) = (i32::try_from(WIDTH).ok()?, i32::try_from(HEIGHT).ok()?);
    let plot = Plot {
        edges: (left, TOP, width - RIGHT, height - BOTTOM),
        values,
        minutes: (picture.steps.from, picture.to),
    };
    let mut canvas = Canvas::new(WIDTH, HEIGHT);
    let (left, top, right, bottom) = plot.edges;
    for value in levels {
        let y = plot.y(value);
        canvas.fill((left, y), (right, y), Ink::Grid);
        let place = (left - 6, y - LETTER_HEIGHT / 2);
        canvas.text(&label(value), place, Side::Right, Ink::Letters);
    }
    for (minute, label) in calendar.ticks(plot.minutes.0, plot.minutes.1, TIMES) {
        let x = plot.x(f64::from(minute));
        canvas.fill((x, top), (x, bottom + 4), Ink::Grid);
        let half = i32::try_from(label.len()).unwrap_or(0) * LETTER_WIDTH / 2;
        let middle = x.clamp(half + 4, width - half - 4);
        canvas.text(&label, (middle, bottom + 6), Side::Middle, Ink::Letters);
    }
    curve(&mut canvas, &plot, picture.steps);
    canvas.fill((left, bottom), (right, bottom), Ink::Border);
    canvas.fill((left, top), (left, bottom), Ink::Border);
    for mark in picture.marks.iter().filter(|m| (plot.minutes.0..=plot.minutes.1).contains(m)) {
        let x = plot.x(f64::from(*mark) + 0.5);
        canvas.upright_dashes(x, (top, bottom), Ink::Mark);
        for row in 0..7 {
            canvas.fill((x - 6 + row, top + row), (x + 7 - row, top + row), Ink::Mark);
        }
    }
    limit_lines(&mut canvas, &plot, picture);
    let room = usize::try_from((width - 24) / LETTER_WIDTH).unwrap_or(0);
    let now = shorten(&shown(picture.now), room / 2);
    let title = shorten(&shown(picture.title), room.saturating_sub(now.chars().count() + 2));
    canvas.text(&title, (10, 8), Side::Left, Ink::Letters);
    canvas.text(&now, (width - 12, 8), Side::Right, Ink::Curve);
    canvas.border(Ink::Border);
    Some(Chart { png: canvas.png()?, plot })
}

/// Band and line; both break where nothing was sampled.
fn curve(canvas: &mut Canvas, plot: &Plot, steps: &Steps) {
    let width = f64::from(steps.width);
    for step in steps.seen() {
        let at = f64::from(step.minute);
        let (from, to) = (plot.x(at), plot.x(at + width));
        let (high, low) = (plot.y(f64::from(step.max)), plot.y(f64::from(step.min)));
        canvas.fill((from, high), ((to - 1).max(from), low), Ink::Band);
    }
    let place = |step: &crate::model::history::Point| {
        (plot.x(f64::from(step.minute) + width / 2.0), plot.y(f64::from(step.mean)))
    };
    let mut before: Option<(i32, i32)> = None;
    for step in &steps.steps {
        let now = step.as_ref().map(place);
        match (before, now) {
            (Some(before), Some(now)) => canvas.line(before, now, 3, Ink::Curve),
            (None, Some((x, y))) => canvas.fill((x - 1, y - 1), (x + 1, y + 1), Ink::Curve),
            (_, None) => {}
        }
        before = now;
    }
}

/// Both limits with their names, each on the far side of the other.
fn limit_lines(canvas: &mut Canvas, plot: &Plot, picture: &Picture<'_>) {
    let (left, top, right, bottom) = plot.edges;
    let limits = [
        (picture.warn, picture.crit, "warning", Ink::Warning),
        (picture.crit, picture.warn, "critical", Ink::Critical),
    ];
    for (limit, other, word, ink) in limits {
        let Some(limit) = limit else { continue };
        let y = plot.y(limit);
        canvas.dashes((left, right), y - 1, ink);
        let below = other.is_some_and(|other| other > limit);
        let above_y = y - LETTER_HEIGHT - 2;
        let below_y = y + 4;
        let label_y = match below {
            true if below_y + LETTER_HEIGHT <= bottom => below_y,
            true => above_y,
            false if above_y >= top => above_y,
            false => below_y,
        };
        let text = format!("{word} {}", picture.unit.show(limit));
        let width = i32::try_from(text.chars().count()).unwrap_or(0) * LETTER_WIDTH;
        let corner = (left + 6, label_y);
        canvas.fill(corner, (corner.0 + width, label_y + LETTER_HEIGHT - 2), Ink::Paper);
        canvas.text(&text, corner, Side::Left, ink);
    }
}

/// The values that the axis spans: everything seen, and the limits, with some air.
#[must_use]
pub fn axis(steps: &Steps, unit: Unit, limits: &[f64]) -> Option<(f64, f64)> {
    let seen = steps.seen().flat_map(|p| [f64::from(p.min), f64::from(p.max)]);
    steps.seen().next()?;
    let all = || seen.clone().chain(limits.iter().copied()).filter(|value| value.is_finite());
    let low = all().fold(f64::INFINITY, f64::min);
    let high = all().fold(f64::NEG_INFINITY, f64::max);
    let air = ((high - low) * 0.12).max(high.abs().max(1.0) * 0.01);
    let floor = if low >= 0.0 { 0.0_f64.max(low - air) } else { low - air };
    let ceiling = match unit {
        Unit::Percent if high <= 100.0 => (high + air).min(100.0),
        _ => high + air,
    };
    (ceiling > floor).then_some((floor, ceiling))
}

/// Round values on the axis: multiples of 1, 2 or 5 of the unit that is shown.
#[must_use]
pub fn levels((low, high): (f64, f64), unit: Unit) -> Vec<f64> {
    let base: f64 = match unit {
        Unit::Bytes | Unit::BytesPerSecond => 1024.0,
        _ => 1000.0,
    };
    let raw = (high - low) / LEVELS;
    if !(raw > 0.0 && raw.is_finite()) {
        return Vec::new();
    }
    let scale = base.powi((raw.log2() / base.log2()).floor() as i32);
    let tens = 10.0_f64.powi((raw / scale).log10().floor() as i32) * scale;
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|n| n * tens).find(|s| *s >= raw);
    let step = step.unwrap_or(tens * 10.0);
    let first = (low / step).ceil();
    let count = ((high / step).floor() - first).clamp(0.0, 8.0) as i32;
    (0..=count).map(|n| (first + f64::from(n)) * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_round_in_the_unit_that_is_shown() {
        let shown = |values, unit: Unit| -> Vec<String> {
            levels(values, unit).into_iter().map(|value| unit.show(value)).collect()
        };
        assert_eq!(shown((73.0, 95.0), Unit::Percent), ["75%", "80%", "85%", "90%", "95%"]);
        let rates = shown((0.0, 1.0e9), Unit::BitsPerSecond);
        assert_eq!((rates.len(), &*rates[1], &*rates[5]), (6, "200 Mbit/s", "1 Gbit/s"));
        let gib = 1024.0_f64.powi(3);
        assert_eq!(shown((9.0 * gib, 61.0 * gib), Unit::Bytes), ["20 GiB", "40 GiB", "60 GiB"]);
        assert_eq!(shown((11.3, 12.7), Unit::Volts), ["11.50 V", "12.00 V", "12.50 V"]);
        assert!(levels((5.0, 5.0), Unit::Count).is_empty());
        assert!(levels((f64::NAN, 1.0), Unit::Count).is_empty());
    }
}
