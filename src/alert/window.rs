//! The bounded past that a level looks at. Owns what counts as unbroken: two samples at most
//! [`GAP_INTERVALS`] intervals apart do, and the time between them counts; a longer gap is neither
//! good nor bad, so its time adds nothing.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::model::limit::{GAP_INTERVALS, WINDOW_SLOTS};
use crate::model::time::Moment;
use crate::model::unit::Span;

/// How the samples of a check are spaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Interval of the check.
    pub every: Span,
    /// How long a window must be observed; also how long a gap it survives.
    pub hold: Span,
}

impl Pace {
    /// Observed time between two samples, or `None` when so much was missed that what was observed
    /// before no longer counts.
    fn observed(self, from: Moment, to: Moment) -> Option<Span> {
        let gap = to.since(from);
        if gap <= self.every.times(GAP_INTERVALS) {
            Some(gap)
        } else if gap <= self.hold {
            Some(Span::ZERO)
        } else {
            None
        }
    }
}

/// An unbroken run of equal samples, in constant space.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Streak {
    /// First sample.
    pub began: Moment,
    /// Latest sample.
    pub last: Moment,
    /// Observed time between the two.
    pub held: Span,
    /// Samples.
    pub seen: u32,
}

impl Streak {
    /// A run that begins with this sample.
    #[must_use]
    pub fn start(at: Moment) -> Self {
        Self { began: at, last: at, held: Span::ZERO, seen: 1 }
    }

    /// One more sample of the same kind.
    pub fn push(&mut self, at: Moment, pace: Pace) {
        let Some(observed) = pace.observed(self.last, at) else {
            *self = Self::start(at);
            return;
        };
        self.held = Span::from_millis(self.held.as_millis().saturating_add(observed.as_millis()));
        self.last = at;
        self.seen = self.seen.saturating_add(1);
    }
}

/// A few consecutive samples: one while the window has room, more once it was thinned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slot {
    /// Observed time between the previous slot's last sample and this slot's first.
    lead: Span,
    /// Observed time from this slot's first sample to its last.
    inner: Span,
    bad: u32,
    seen: u32,
}

/// A sliding window in which a share of the samples must be bad. It begins with a bad sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredShares", into = "StoredShares")]
pub struct Shares {
    began: Moment,
    last: Moment,
    slots: VecDeque<Slot>,
    /// Samples that go into one slot; doubled when the slots are used up.
    per_slot: u32,
    /// Sums over the slots.
    total: Span,
    bad: u32,
    seen: u32,
}

impl Shares {
    /// A window that begins with this bad sample.
    #[must_use]
    pub fn start(at: Moment) -> Self {
        let slot = Slot { lead: Span::ZERO, inner: Span::ZERO, bad: 1, seen: 1 };
        Self {
            began: at,
            last: at,
            slots: VecDeque::from([slot]),
            per_slot: 1,
            total: Span::ZERO,
            bad: 1,
            seen: 1,
        }
    }

    /// One more sample. Returns false when nothing bad is left, so that the window can be dropped.
    pub fn push(&mut self, at: Moment, bad: bool, pace: Pace) -> bool {
        let Some(observed) = pace.observed(self.last, at) else {
            if bad {
                *self = Self::start(at);
            }
            return bad;
        };
        self.last = at;
        self.total = plus(self.total, observed);
        self.bad = self.bad.saturating_add(u32::from(bad));
        self.seen = self.seen.saturating_add(1);
        match self.slots.back_mut() {
            Some(slot) if slot.seen < self.per_slot => {
                slot.inner = plus(slot.inner, observed);
                slot.bad += u32::from(bad);
                slot.seen += 1;
            }
            _ => self.slots.push_back(Slot {
                lead: observed,
                inner: Span::ZERO,
                bad: u32::from(bad),
                seen: 1,
            }),
        }
        if self.slots.len() > WINDOW_SLOTS {
            self.thin();
        }
        self.slide(pace.hold);
        self.bad > 0
    }

    /// Observed time from the first sample of the window to its last.
    #[must_use]
    pub fn covered(&self) -> Span {
        minus(self.total, self.slots.front().map_or(Span::ZERO, |slot| slot.lead))
    }

    /// Whether the window is long enough and enough of it is bad.
    #[must_use]
    pub fn reached(&self, hold: Span, share: f64) -> bool {
        self.covered() >= hold && f64::from(self.bad) >= share * f64::from(self.seen) - 1e-9
    }

    /// Drops what is older than the window needs.
    fn slide(&mut self, hold: Span) {
        while let (Some(front), Some(next)) = (self.slots.front(), self.slots.get(1)) {
            let without = minus(minus(minus(self.total, front.lead), front.inner), next.lead);
            if without < hold {
                break;
            }
            self.began = self.began + front.inner + next.lead;
            self.total = minus(minus(self.total, front.lead), front.inner);
            self.bad -= front.bad;
            self.seen -= front.seen;
            self.slots.pop_front();
        }
    }

    /// Joins neighbours, so that a window of any length fits.
    fn thin(&mut self) {
        self.per_slot = self.per_slot.saturating_mul(2);
        let mut joined = VecDeque::with_capacity(WINDOW_SLOTS);
        let mut slots = self.slots.drain(..);
        while let Some(mut slot) = slots.next() {
            if let Some(next) = slots.next() {
                slot.inner = plus(plus(slot.inner, next.lead), next.inner);
                slot.bad += next.bad;
                slot.seen += next.seen;
            }
            joined.push_back(slot);
        }
        drop(slots);
        self.slots = joined;
    }
}

/// A share window as stored: equal neighbours are counted, so that hours of the same take a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct StoredShares {
    began: Moment,
    last: Moment,
    per_slot: u32,
    /// How many times: lead, inner, bad, seen.
    slots: Vec<(u32, u64, u64, u32, u32)>,
}

impl From<Shares> for StoredShares {
    fn from(shares: Shares) -> Self {
        let mut slots: Vec<(u32, u64, u64, u32, u32)> = Vec::new();
        for slot in &shares.slots {
            let (lead, inner) = (slot.lead.as_millis(), slot.inner.as_millis());
            match slots.last_mut() {
                Some((n, l, i, bad, seen))
                    if (*l, *i, *bad, *seen) == (lead, inner, slot.bad, slot.seen) =>
                {
                    *n += 1;
                }
                _ => slots.push((1, lead, inner, slot.bad, slot.seen)),
            }
        }
        Self { began: shares.began, last: shares.last, per_slot: shares.per_slot, slots }
    }
}

impl From<StoredShares> for Shares {
    fn from(stored: StoredShares) -> Self {
        let mut shares = Self {
            began: stored.began,
            last: stored.last,
            slots: VecDeque::new(),
            per_slot: stored.per_slot.max(1),
            total: Span::ZERO,
            bad: 0,
            seen: 0,
        };
        for (times, lead, inner, bad, seen) in stored.slots {
            let slot =
                Slot { lead: Span::from_millis(lead), inner: Span::from_millis(inner), bad, seen };
            for _ in 0..times {
                if shares.slots.len() >= WINDOW_SLOTS {
                    break;
                }
                shares.total = plus(plus(shares.total, slot.lead), slot.inner);
                shares.bad = shares.bad.saturating_add(bad);
                shares.seen = shares.seen.saturating_add(seen);
                shares.slots.push_back(slot);
            }
        }
        shares
    }
}

/// What a level has seen on its way to firing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// Every sample must be bad.
    Every(Streak),
    /// A share of the samples must be bad.
    Share(Shares),
}

impl Window {
    /// First sample that counts.
    #[must_use]
    pub fn began(&self) -> Moment {
        match self {
            Self::Every(streak) => streak.began,
            Self::Share(shares) => shares.began,
        }
    }

    /// Latest sample.
    #[must_use]
    pub fn last(&self) -> Moment {
        match self {
            Self::Every(streak) => streak.last,
            Self::Share(shares) => shares.last,
        }
    }

    /// Observed time, bad samples, all samples.
    #[must_use]
    pub fn progress(&self) -> (Span, u32, u32) {
        match self {
            Self::Every(streak) => (streak.held, streak.seen, streak.seen),
            Self::Share(shares) => (shares.covered(), shares.bad, shares.seen),
        }
    }
}

fn plus(a: Span, b: Span) -> Span {
    Span::from_millis(a.as_millis().saturating_add(b.as_millis()))
}

fn minus(a: Span, b: Span) -> Span {
    Span::from_millis(a.as_millis().saturating_sub(b.as_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { every: Span::from_secs(10), hold: Span::from_secs(60) };

    fn at(seconds: u64) -> Moment {
        Moment(seconds * 1000)
    }

    #[test]
    fn a_gap_adds_nothing_and_a_long_one_starts_anew() {
        let mut streak = Streak::start(at(0));
        streak.push(at(10), PACE);
        assert_eq!(streak.held, Span::from_secs(10));
        streak.push(at(40), PACE);
        assert_eq!(streak.held, Span::from_secs(40), "three intervals are unbroken");
        streak.push(at(80), PACE);
        assert_eq!(streak.held, Span::from_secs(40), "a longer gap adds nothing");
        streak.push(at(90), PACE);
        assert_eq!(streak.held, Span::from_secs(50));
        streak.push(at(151), PACE);
        assert_eq!(streak, Streak::start(at(151)), "a gap beyond the window starts anew");
    }

    #[test]
    fn shares_slide_and_are_stored_whole() {
        let mut shares = Shares::start(at(0));
        for n in 1..=20 {
            assert!(shares.push(at(n * 10), n % 4 != 0, PACE));
        }
        assert_eq!(shares.covered(), Span::from_secs(60));
        assert_eq!((shares.bad, shares.seen), (5, 7));
        assert!(shares.reached(PACE.hold, 0.7) && !shares.reached(PACE.hold, 0.75));
        let text = serde_json::to_string(&shares).expect("serialises");
        assert_eq!(serde_json::from_str::<Shares>(&text).expect("reads back"), shares);
    }

    #[test]
    fn a_window_of_any_length_fits() {
        let pace = Pace { every: Span::from_secs(1), hold: Span::from_secs(86_400) };
        let mut shares = Shares::start(at(0));
        for n in 1..=200_000_u64 {
            shares.push(at(n), n % 10 != 0, pace);
            assert!(shares.slots.len() <= WINDOW_SLOTS);
        }
        let covered = shares.covered();
        assert!(covered >= pace.hold && covered < Span::from_secs(87_000), "{covered}");
        assert!(shares.reached(pace.hold, 0.89) && !shares.reached(pace.hold, 0.91));
    }

    #[test]
    fn a_window_without_anything_bad_is_dropped() {
        let mut shares = Shares::start(at(0));
        let kept = (1..=8).take_while(|n| shares.push(at(n * 10), false, PACE)).count();
        assert_eq!(kept, 6, "the bad sample counts until it is older than the window");
    }
}
