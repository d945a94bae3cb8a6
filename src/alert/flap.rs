//! When something changes too often to be told each time. Owns the recent changes of one instance.

use serde::{Deserialize, Serialize};

use crate::model::limit::{FLAP_CHANGES, FLAP_WITHIN};
use crate::model::time::Moment;

/// Changes that are remembered: enough to count to the limit, and to say "many".
const REMEMBERED: usize = 16;

/// Recent changes of one instance between good and bad.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flap {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    changes: Vec<Moment>,
    /// Whether people were told that it flaps.
    #[serde(default)]
    pub flapping: bool,
    /// Changes since it began to flap, those before included.
    #[serde(default)]
    pub count: u32,
}

impl Flap {
    /// Something changed.
    pub fn change(&mut self, at: Moment) {
        self.changes.retain(|past| at.since(*past) < FLAP_WITHIN);
        if self.changes.len() >= REMEMBERED {
            self.changes.remove(0);
        }
        self.changes.push(at);
        self.count = self.count.saturating_add(1);
    }

    /// Changes within the hour before `at` (at most 16 are remembered).
    #[must_use]
    pub fn recent(&self, at: Moment) -> u32 {
        let recent = self.changes.iter().filter(|past| at.since(**past) < FLAP_WITHIN).count();
        u32::try_from(recent).unwrap_or(u32::MAX)
    }

    /// Whether it changes so often that telling each change helps nobody.
    #[must_use]
    pub fn is_too_often(&self, at: Moment) -> bool {
        self.recent(at) >= FLAP_CHANGES
    }

    /// When it counts as steady, if nothing changes until then.
    #[must_use]
    pub fn steady_at(&self) -> Option<Moment> {
        let last = self.changes.last().copied().unwrap_or_default();
        self.flapping.then(|| last + FLAP_WITHIN)
    }

    /// It begins to flap.
    pub fn begin(&mut self, at: Moment) {
        self.flapping = true;
        self.count = self.recent(at);
    }

    /// Nothing is remembered.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.changes.is_empty() && !self.flapping
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_changes_within_an_hour_are_too_often() {
        let minute = |n: u64| Moment(n * 60_000);
        let mut flap = Flap::default();
        for n in [0, 30, 61] {
            flap.change(minute(n));
            assert!(!flap.is_too_often(minute(n)), "{n}");
        }
        flap.change(minute(62));
        assert!(flap.is_too_often(minute(62)));
        flap.begin(minute(62));
        assert_eq!(flap.steady_at(), Some(minute(122)));
        for n in 63..1000 {
            flap.change(minute(n));
        }
        assert_eq!(flap.recent(minute(1000)), 16, "bounded");
    }
}
