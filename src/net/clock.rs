//! The one clock below `daemon`: deadlines of sockets and of children that deliver. What is said to
//! another machine is said in real time or not at all; everything else takes time as an argument.
//! Must not know: what the time is spent on.

use std::time::{Duration, Instant};

/// A point in real time by which something must be over.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    /// `span` from now.
    #[expect(clippy::disallowed_methods, reason = "sockets and children have real deadlines")]
    pub fn within(span: Duration) -> Self {
        let now = Instant::now();
        Self(now.checked_add(span).unwrap_or(now))
    }

    /// Time left; zero when it is over.
    #[expect(clippy::disallowed_methods, reason = "sockets and children have real deadlines")]
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// The earlier of this one and `span` from now.
    pub fn at_most(self, span: Duration) -> Self {
        let other = Self::within(span);
        if other.0 < self.0 { other } else { self }
    }
}

/// A point in real time from which something is measured.
#[derive(Debug, Clone, Copy)]
pub struct Since(Instant);

impl Since {
    /// From now on.
    #[expect(
        clippy::disallowed_methods,
        reason = "who tests the mail path is told how long it took"
    )]
    pub fn now() -> Self {
        Self(Instant::now())
    }

    /// Milliseconds up to now.
    pub fn ms(self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
