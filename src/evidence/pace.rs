//! Time as the gathering child has it: how long it has worked, and waiting between two looks.

use crate::host::timer::{Stopwatch, pause};
use crate::model::unit::Span;

/// Time; a test's own stands still, or changes the machine meanwhile.
pub trait Pace {
    /// Since the work began.
    fn elapsed(&mut self) -> Span;
    /// How long all of it may take before it is stopped.
    fn within(&self) -> Span;
    /// Waits.
    fn rest(&mut self, span: Span);
}

/// The time that passes.
#[derive(Debug)]
pub struct RealTime {
    clock: Stopwatch,
    within: Span,
}

impl RealTime {
    /// Begins now.
    #[must_use]
    pub fn start(within: Span) -> Self {
        Self { clock: Stopwatch::start(), within }
    }
}

impl Pace for RealTime {
    fn elapsed(&mut self) -> Span {
        self.clock.elapsed()
    }

    fn within(&self) -> Span {
        self.within
    }

    fn rest(&mut self, span: Span) {
        pause(span);
    }
}
