//! What is remembered of a number over weeks: the least, the mean and the largest value of each
//! minute. Owns the form alone; who counts, stores and draws it are other rooms.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::id::Id;
use super::time::Stamp;
use super::unit::Unit;

/// Milliseconds of a minute.
pub const MINUTE_MS: i64 = 60_000;
/// Minutes of a day.
pub const DAY_MINUTES: u32 = 24 * 60;

/// A time in UTC as RFC 3339, for what programs read.
#[must_use]
pub fn rfc3339(minute: u32) -> String {
    let time = jiff::Timestamp::from_millisecond(stamp_of(minute).0).unwrap_or_default();
    time.to_string()
}

/// Which number: one metric of one instance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Series {
    /// Name of the kind.
    pub kind: Cow<'static, str>,
    /// The instance.
    pub id: Id,
    /// Name of the metric within the kind: `used_percent`.
    pub metric: Cow<'static, str>,
    /// Its unit.
    pub unit: Unit,
}

/// One minute of a number.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Minutes since 1970-01-01 UTC by the wall clock.
    pub minute: u32,
    /// The least value.
    pub min: f32,
    /// The mean of all samples.
    pub mean: f32,
    /// The largest value.
    pub max: f32,
}

impl Point {
    /// When its minute began.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        stamp_of(self.minute)
    }
}

/// One finished minute of one number.
#[derive(Debug, Clone, PartialEq)]
pub struct Minute {
    /// Which number.
    pub series: Arc<Series>,
    /// Its values.
    pub point: Point,
}

/// A number over time, oldest first, at most one point a minute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// Which number.
    pub series: Series,
    /// Its minutes; where none was sampled there is none.
    pub points: Vec<Point>,
}

/// The minute that a time is in; times before 1970 are in the first.
#[must_use]
pub fn minute_of(stamp: Stamp) -> u32 {
    u32::try_from(stamp.0.div_euclid(MINUTE_MS).max(0)).unwrap_or(u32::MAX)
}

/// When a minute begins.
#[must_use]
pub fn stamp_of(minute: u32) -> Stamp {
    Stamp(i64::from(minute) * MINUTE_MS)
}
