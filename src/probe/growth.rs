//! How much a counter grew lately: what says whether a cable is bad, where a total since boot does
//! not, and a rate between two readings is mostly zero.

use std::collections::VecDeque;

use super::rate::increase;
use crate::model::limit::{GROWTH_STEPS, GROWTH_WITHIN};
use crate::model::time::Moment;

/// One counter.
#[derive(Debug, Default)]
pub(super) struct Growth {
    last: Option<u64>,
    steps: VecDeque<(Moment, u64)>,
}

impl Growth {
    /// Takes the counter's value now; gives its growth within the last hour, as far as it was
    /// watched. None on the first call. A counter that fell was reset: that step is left out.
    pub(super) fn add(&mut self, now: Moment, value: u64) -> Option<u64> {
        let last = self.last.replace(value)?;
        if let Some(step) = increase(last, value, None).filter(|step| *step > 0) {
            if self.steps.len() >= GROWTH_STEPS
                && let Some((_, oldest)) = self.steps.pop_front()
                && let Some((_, next)) = self.steps.front_mut()
            {
                *next = next.saturating_add(oldest);
            }
            self.steps.push_back((now, step));
        }
        while self.steps.front().is_some_and(|(at, _)| now.since(*at) > GROWTH_WITHIN) {
            self.steps.pop_front();
        }
        Some(self.steps.iter().fold(0, |sum, (_, step)| sum.saturating_add(*step)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_over_the_last_hour_and_survives_resets() {
        let mut growth = Growth::default();
        let minute = |n: u64| Moment(n * 60_000);
        assert_eq!(growth.add(minute(0), 5000), None, "what was before is not known");
        assert_eq!(growth.add(minute(1), 5007), Some(7));
        assert_eq!(growth.add(minute(30), 5010), Some(10));
        assert_eq!(growth.add(minute(40), 2), Some(10), "a reset is no growth");
        assert_eq!(growth.add(minute(50), 3), Some(11));
        assert_eq!(growth.add(minute(62), 3), Some(4), "the first step is over an hour old");
        assert_eq!(growth.add(minute(500), 3), Some(0));
    }

    #[test]
    fn many_steps_cost_bounded_memory_and_lose_nothing() {
        let mut growth = Growth::default();
        for n in 0..=3000 {
            growth.add(Moment(n * 1000), n);
        }
        assert_eq!(growth.steps.len(), GROWTH_STEPS);
        assert_eq!(growth.add(Moment(3_000_000), 3000), Some(3000));
    }
}
