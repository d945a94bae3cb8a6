//! A deadline that poll can wait for, so that no clock is asked below `daemon`.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use crate::model::unit::Span;

/// A timer that poll can wait for; readable once its time is over.
#[derive(Debug)]
pub(super) struct Timer(pub(super) TimerFd);

impl Timer {
    pub(super) fn start(after: Span) -> io::Result<Self> {
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC)?;
        let timer = Self(timer);
        timer.again(after)?;
        Ok(timer)
    }

    pub(super) fn again(&self, after: Span) -> io::Result<()> {
        // A timer of zero would never fire.
        let after = after.to_std().max(Duration::from_millis(1));
        let once = Expiration::OneShot(TimeSpec::from_duration(after));
        Ok(self.0.set(once, TimerSetTimeFlags::empty())?)
    }

    /// Whether its time is over; does not wait.
    pub(super) fn is_over(&self) -> bool {
        let mut wait = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        loop {
            match poll(&mut wait, PollTimeout::ZERO) {
                Err(Errno::EINTR) => {}
                // A timer that cannot be asked must not keep anybody waiting.
                other => return other != Ok(0),
            }
        }
    }
}

/// Waits for as long; not at all without a timer from the kernel.
pub fn pause(span: Span) {
    let Ok(timer) = Timer::start(span) else { return };
    let mut wait = [PollFd::new(timer.0.as_fd(), PollFlags::POLLIN)];
    while poll(&mut wait, PollTimeout::NONE) == Err(Errno::EINTR) {}
}

/// Measures how long a device takes: what is left of a long timer.
#[derive(Debug)]
pub struct Stopwatch(Option<Timer>);

/// Longest time that is measured.
const LONGEST: Span = Span::from_secs(86_400);

impl Stopwatch {
    /// Starts now. Without a timer from the kernel it measures nothing.
    #[must_use]
    pub fn start() -> Self {
        Self(Timer::start(LONGEST).ok())
    }

    /// Time since its start.
    #[must_use]
    pub fn elapsed(&self) -> Span {
        let left = self.0.as_ref().and_then(|timer| timer.0.get().ok().flatten());
        let Some(Expiration::OneShot(left)) = left else { return Span::ZERO };
        let left = u64::try_from(Duration::from(left).as_millis()).unwrap_or(u64::MAX);
        Span::from_millis(LONGEST.as_millis().saturating_sub(left))
    }
}

impl AsFd for Timer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
