//! Pauses between attempts. Pure.

use crate::model::time::Moment;
use crate::model::unit::Span;

/// Waits between attempts: the first retry comes within a minute, later ones never more than a
/// quarter of an hour apart (greylisting wants more than one minute and often five).
const WAITS: [Span; 6] = [
    Span::from_secs(30),
    Span::from_secs(60),
    Span::from_secs(120),
    Span::from_secs(300),
    Span::from_secs(600),
    Span::from_secs(900),
];

/// A pause after failures.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Backoff {
    failures: usize,
    /// When the next attempt may be made.
    pub(super) until: Moment,
}

impl Backoff {
    /// Waits count from the begin of the attempt, so that a slow failure does not stretch them;
    /// yet a server is left alone for the shortest wait after it failed.
    pub(super) fn fail(&mut self, started: Moment, now: Moment) {
        let [shortest, .., longest] = WAITS;
        let wait = WAITS.get(self.failures).copied().unwrap_or(longest);
        self.failures = self.failures.saturating_add(1);
        self.until = (started + wait).max(now + shortest);
    }
}
