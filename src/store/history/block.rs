//! A block of the history: some minutes of many numbers, each number a column that says its name.
//! Pure: points in, bytes out, and back. Knows no file.
//!
//! Values are whole multiples of a power of two that fits the largest value of the column: one part
//! in two thousand of it, three digits. Times and values are differences to the one before, so that
//! what stands still costs nothing and what moves slowly a byte.

use std::borrow::Cow;
use std::sync::Arc;

use crate::model::history::{DAY_MINUTES, Minute, Point, Series};
use crate::model::id::Id;
use crate::model::limit::HISTORY_BLOCK_POINTS;
use crate::model::unit::Unit;

use super::varint::{Reader, fold, put, put_column, unfold};

/// Units by their number in the file. Only added to.
const UNITS: &[Unit] = &[
    Unit::Percent,
    Unit::Bytes,
    Unit::BytesPerSecond,
    Unit::BitsPerSecond,
    Unit::Count,
    Unit::PerSecond,
    Unit::Seconds,
    Unit::Flag,
    Unit::Celsius,
    Unit::Rpm,
    Unit::Volts,
    Unit::Amperes,
    Unit::Watts,
];
/// The largest value of a column is this many bits long.
const VALUE_BITS: i64 = 11;
/// Exponents of steps: those of all finite values, and of the steps below them.
const EXPONENT_MAX: i64 = 200;

/// Which numbers are wanted: those that are as each given name says.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// Name of the kind.
    pub kind: Option<&'a str>,
    /// The instance.
    pub id: Option<&'a Id>,
    /// Name of the metric.
    pub metric: Option<&'a str>,
}

/// The four names of a number, as they stand in the file.
#[derive(Debug, Default)]
struct Names {
    kind: String,
    check: String,
    instance: String,
    metric: String,
}

impl Wanted<'_> {
    fn takes(&self, names: &Names) -> bool {
        self.kind.is_none_or(|kind| kind == names.kind)
            && self.metric.is_none_or(|metric| metric == names.metric)
            && self.id.is_none_or(|id| *id.check == *names.check && *id.instance == *names.instance)
    }
}

/// The bytes of some minutes of one day, in any order. Of two points of one number in one minute
/// the later counts.
#[must_use]
pub(super) fn encode(minutes: &[&Minute]) -> Vec<u8> {
    let finite =
        |point: &Point| [point.min, point.mean, point.max].iter().all(|value| value.is_finite());
    let mut sorted: Vec<&Minute> = minutes.iter().copied().filter(|m| finite(&m.point)).collect();
    sorted.sort_by(|a, b| {
        let same = Arc::ptr_eq(&a.series, &b.series);
        let series = if same { std::cmp::Ordering::Equal } else { a.series.cmp(&b.series) };
        series.then(a.point.minute.cmp(&b.point.minute))
    });
    let first = sorted.iter().map(|m| m.point.minute).min().unwrap_or(0);
    let last = sorted.iter().map(|m| m.point.minute).max().unwrap_or(0);
    let mut out = Vec::new();
    put(&mut out, u64::from(first));
    put(&mut out, u64::from(last - first));
    let mut before = Names::default();
    for one in sorted.chunk_by(|a, b| Arc::ptr_eq(&a.series, &b.series) || a.series == b.series) {
        let Some(series) = one.first().map(|minute| &minute.series) else { continue };
        put_name(&mut out, &mut before.kind, &series.kind);
        put_name(&mut out, &mut before.check, &series.id.check);
        put_name(&mut out, &mut before.instance, &series.id.instance);
        put_name(&mut out, &mut before.metric, &series.metric);
        let unit = UNITS.iter().position(|unit| *unit == series.unit).unwrap_or(UNITS.len());
        put(&mut out, u64::try_from(unit).unwrap_or(u64::MAX));
        let mut points: Vec<Point> = Vec::with_capacity(one.len());
        for minute in one {
            match points.last_mut() {
                Some(last) if last.minute == minute.point.minute => *last = minute.point,
                _ => points.push(minute.point),
            }
        }
        let column = column(&points, first, last);
        put(&mut out, u64::try_from(column.len()).unwrap_or(u64::MAX));
        out.extend_from_slice(&column);
    }
    out
}

/// What a name shares with the one before it, and the rest.
fn put_name(out: &mut Vec<u8>, before: &mut String, name: &str) {
    let same = before.chars().zip(name.chars()).take_while(|(a, b)| a == b);
    let shared: usize = same.map(|(letter, _)| letter.len_utf8()).sum();
    let rest = name.get(shared..).unwrap_or_default();
    put(out, u64::try_from(shared).unwrap_or(0));
    put(out, u64::try_from(rest.len()).unwrap_or(0));
    out.extend_from_slice(rest.as_bytes());
    name.clone_into(before);
}

/// The points of one number.
fn column(points: &[Point], first: u32, last: u32) -> Vec<u8> {
    let mut out = Vec::new();
    let count = u64::try_from(points.len()).unwrap_or(0);
    let all = count == u64::from(last - first) + 1;
    put(&mut out, (count << 1) | u64::from(all));
    if !all {
        let mut next = first;
        put_column(
            &mut out,
            points.iter().map(|point| {
                let skipped = point.minute.saturating_sub(next);
                next = point.minute.saturating_add(1);
                u64::from(skipped)
            }),
        );
    }
    let largest = points
        .iter()
        .fold(0.0_f64, |most, p| most.max(f64::from(p.min).abs()).max(f64::from(p.max).abs()));
    let exponent = if largest > 0.0 { largest.log2().floor() as i64 + 1 - VALUE_BITS } else { 0 };
    let exponent = exponent.clamp(-EXPONENT_MAX, EXPONENT_MAX);
    put(&mut out, fold(exponent));
    let step = step(exponent);
    let steps = |value: f32| (f64::from(value) / step).round() as i64;
    let mut before = 0;
    put_column(
        &mut out,
        points.iter().map(|point| {
            let now = steps(point.mean);
            fold(now - std::mem::replace(&mut before, now))
        }),
    );
    put_column(
        &mut out,
        points.iter().map(|p| (steps(p.max) - steps(p.mean)).max(0).unsigned_abs()),
    );
    put_column(
        &mut out,
        points.iter().map(|p| (steps(p.mean) - steps(p.min)).max(0).unsigned_abs()),
    );
    out
}

fn step(exponent: i64) -> f64 {
    2.0_f64.powi(i32::try_from(exponent).unwrap_or(0))
}

/// What a walk through a block finds.
pub(super) trait Visitor {
    /// A number that is wanted, with its points still packed.
    fn number(&mut self, series: Series, packed: &Packed<'_>);
}

/// A column that is not unpacked yet.
#[derive(Debug)]
pub(super) struct Packed<'a> {
    first: u32,
    span: u32,
    column: &'a [u8],
}

/// Walks through a block; stops where it makes no sense.
pub(super) fn walk(payload: &[u8], wanted: &Wanted<'_>, visitor: &mut dyn Visitor) -> Option<()> {
    let mut reader = Reader { rest: payload };
    let first = u32::try_from(reader.number()?).ok()?;
    let span = u32::try_from(reader.number()?).ok().filter(|span| *span < DAY_MINUTES)?;
    first.checked_add(span)?;
    let mut names = Names::default();
    let mut points = 0;
    while !reader.rest.is_empty() {
        name(&mut reader, &mut names.kind)?;
        name(&mut reader, &mut names.check)?;
        name(&mut reader, &mut names.instance)?;
        name(&mut reader, &mut names.metric)?;
        let unit = reader.count()?;
        let length = reader.count()?;
        let packed = Packed { first, span, column: reader.bytes(length)? };
        points += packed.count()?;
        if points > HISTORY_BLOCK_POINTS {
            return None;
        }
        // A unit of a later version: its number is left out, the others are read.
        if let Some(unit) = UNITS.get(unit).copied().filter(|_| wanted.takes(&names)) {
            let series = Series {
                kind: Cow::Owned(names.kind.clone()),
                id: Id::new(names.check.as_str(), names.instance.as_str()),
                metric: Cow::Owned(names.metric.clone()),
                unit,
            };
            visitor.number(series, &packed);
        }
    }
    Some(())
}

fn name(reader: &mut Reader<'_>, before: &mut String) -> Option<()> {
    let shared = reader.count()?;
    let length = reader.count()?;
    let rest = std::str::from_utf8(reader.bytes(length)?).ok()?;
    if !before.is_char_boundary(shared) {
        return None;
    }
    before.truncate(shared);
    before.push_str(rest);
    Some(())
}

impl Packed<'_> {
    /// How many points it has.
    pub(super) fn count(&self) -> Option<usize> {
        let head = Reader { rest: self.column }.number()?;
        usize::try_from(head >> 1).ok().filter(|count| *count <= self.span as usize + 1)
    }

    /// The first and the last minute of its block.
    pub(super) fn reach(&self) -> (u32, u32) {
        (self.first, self.first + self.span)
    }

    /// Its points, oldest first.
    pub(super) fn points(&self) -> Option<Vec<Point>> {
        let count = self.count()?;
        let mut reader = Reader { rest: self.column };
        let all = reader.number()? & 1 == 1;
        let skipped = if all { vec![0; count] } else { reader.column(count)? };
        let exponent = unfold(reader.number()?);
        if exponent.abs() > EXPONENT_MAX {
            return None;
        }
        let step = step(exponent);
        let (mean, above, below) =
            (reader.column(count)?, reader.column(count)?, reader.column(count)?);
        let mut points = Vec::with_capacity(count);
        let (mut next, mut value) = (u64::from(self.first), 0_i64);
        for (((skipped, mean), above), below) in skipped.iter().zip(mean).zip(above).zip(below) {
            let minute = next.checked_add(*skipped)?;
            next = minute.checked_add(1)?;
            let minute = u32::try_from(minute).ok().filter(|m| *m <= self.first + self.span)?;
            value = value.checked_add(unfold(mean))?;
            let most = value.checked_add(i64::try_from(above).ok()?)?;
            let least = value.checked_sub(i64::try_from(below).ok()?)?;
            let real = |steps: i64| (steps as f64 * step) as f32;
            let point = Point { minute, min: real(least), mean: real(value), max: real(most) };
            if !(point.min.is_finite() && point.max.is_finite()) {
                return None;
            }
            points.push(point);
        }
        Some(points)
    }
}

#[cfg(test)]
mod tests;
