//! Two clocks as two types: [`Moment`] for every duration, [`Stamp`] only to print.

use std::fmt;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

use super::unit::Span;

/// A point on the agent's own timeline, in milliseconds.
///
/// It advances as `CLOCK_BOOTTIME` does (suspend counts, steps of the wall clock do not). At start
/// the daemon continues the timeline of the journal: by the boot-time difference within one boot,
/// by the wall clock's across a reboot. Persisted moments therefore stay valid as they are.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Moment(pub u64);

impl Moment {
    /// Time passed from `earlier` to `self`; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Span {
        Span::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Span> for Moment {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.as_millis()))
    }
}

impl Sub<Span> for Moment {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.as_millis()))
    }
}

/// A point of wall-clock time: milliseconds since 1970-01-01 UTC. Only for people to read.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Stamp(pub i64);

impl Stamp {
    /// Time from this stamp to a later one; zero if it is not later.
    #[must_use]
    pub fn until(self, later: Self) -> Span {
        Span::from_millis(u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0))
    }

    /// The stamp `span` before this one.
    #[must_use]
    pub fn minus(self, span: Span) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// Both clocks, read together by the daemon and handed down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// For durations.
    pub moment: Moment,
    /// For people.
    pub wall: Stamp,
}

impl Now {
    /// What the wall clock showed, or would have shown by today's reading, at `moment`.
    #[must_use]
    pub fn wall_at(self, moment: Moment) -> Stamp {
        self.wall.minus(self.moment.since(moment))
    }

    /// The same for a moment that may lie ahead: what the wall clock will show if nobody sets it.
    #[must_use]
    pub fn wall_at_or_after(self, moment: Moment) -> Stamp {
        let ahead = i64::try_from(moment.since(self.moment).as_millis()).unwrap_or(i64::MAX);
        Stamp(self.wall_at(moment).0.saturating_add(ahead))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}s", self.0 / 1000, self.0 % 1000)
    }
}
