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
