//! What happened between two readings of a counter, when it can be said.

use crate::model::time::Moment;

/// Largest distance that is taken for the wrap of a 32-bit counter: a reset of a small counter
/// would look like a larger one.
const WRAP_MOST: u64 = 1 << 30;

/// How far a counter advanced; none if it was reset, or advanced more than `most` (a device or link
/// replaced by another of the same name).
///
/// A 64-bit counter that fell was reset. A counter that may have 32 bits and fell from near its end
/// wrapped, if the advance is possible; without a known `most` nothing is assumed.
pub(super) fn increase(before: u64, after: u64, most: Option<u64>) -> Option<u64> {
    if let Some(advance) = after.checked_sub(before) {
        return (advance <= most.unwrap_or(u64::MAX)).then_some(advance);
    }
    let to_end = u64::from(u32::MAX).checked_sub(before)?;
    let advance = to_end.checked_add(after)?.checked_add(1)?;
    (advance <= most?.min(WRAP_MOST)).then_some(advance)
}

/// Remembers when a probe ran last, and gives the seconds since.
#[derive(Debug, Default)]
pub(super) struct Interval {
    last: Option<Moment>,
}

impl Interval {
    /// Seconds since the last call; none on the first and where no time passed.
    pub(super) fn advance(&mut self, now: Moment) -> Option<f64> {
        let last = self.last.replace(now)?;
        let seconds = now.since(last).as_secs_f64();
        (seconds > 0.0).then_some(seconds)
    }
}

/// A counter's advance as a number to divide.
#[expect(
    clippy::cast_precision_loss,
    reason = "an advance within one interval has far less than 53 bits"
)]
pub(super) fn float(value: u64) -> f64 {
    value as f64
}

/// The most that can have happened in some seconds at a speed, with room for counters that drivers
/// bring up to date only every other second.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "float casts saturate, and neither factor is negative"
)]
pub(super) fn most(seconds: f64, per_second: f64) -> u64 {
    ((seconds + 2.5) * per_second * 1.1) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resets_wraps_and_replacements() {
        let near_end = u64::from(u32::MAX) - 99;
        assert_eq!(increase(10, 30, Some(100)), Some(20));
        assert_eq!(increase(10, 300, Some(100)), None, "more than possible");
        assert_eq!(increase(near_end, 50, Some(1000)), Some(150), "a 32-bit wrap");
        assert_eq!(increase(near_end, 50, Some(100)), None);
        assert_eq!(increase(near_end, 50, None), None, "nothing is assumed");
        assert_eq!(increase(500, 0, Some(u64::MAX)), None, "a small counter that fell was reset");
        assert_eq!(increase(1 << 40, 5, Some(u64::MAX)), None, "64 bits do not wrap");
        assert_eq!(increase(u64::MAX, 0, Some(u64::MAX)), None);
    }

    #[test]
    fn intervals_need_two_moments() {
        let mut interval = Interval::default();
        assert_eq!(interval.advance(Moment(1000)), None);
        assert_eq!(interval.advance(Moment(3500)), Some(2.5));
        assert_eq!(interval.advance(Moment(3500)), None);
        assert_eq!(interval.advance(Moment(1000)), None, "a timeline that went back has no rate");
        assert_eq!(interval.advance(Moment(2000)), Some(1.0));
    }
}
