//! The one clock of delivery: deadlines of sockets and children. A delivery happens in real time
//! or not at all; everything else in this room takes time as an argument.

use std::time::{Duration, Instant};

/// A point in real time by which something must be over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(Instant);

impl Deadline {
    /// `span` from now.
    #[expect(clippy::disallowed_methods, reason = "sockets and children have real deadlines")]
    pub(super) fn within(span: Duration) -> Self {
        let now = Instant::now();
        Self(now.checked_add(span).unwrap_or(now))
    }

    /// Time left; zero when it is over.
    #[expect(clippy::disallowed_methods, reason = "sockets and children have real deadlines")]
    pub(super) fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// The earlier of this one and `span` from now.
    pub(super) fn at_most(self, span: Duration) -> Self {
        let other = Self::within(span);
        if other.0 < self.0 { other } else { self }
    }
}

/// A point in real time from which something is measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Since(Instant);

impl Since {
    /// From now on.
    #[expect(
        clippy::disallowed_methods,
        reason = "who tests the mail path is told how long it took"
    )]
    pub(super) fn now() -> Self {
        Self(Instant::now())
    }

    /// Milliseconds up to now.
    pub(super) fn ms(self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
