//! Whether this host's clock can be trusted towards a receiver. Pure.
//!
//! A batch is not sent while the clock is further from the receiver's than
//! [`FORWARD_SKEW`], or before a plausible year. What the receiver's clock shows is known from its
//! answers, and goes on with the agent's own timeline, which no step of the wall clock moves.

use jiff::Timestamp;

use crate::model::limit::{CLOCK_STEP_MS, FORWARD_SKEW};
use crate::model::time::{Moment, Now, Stamp};
use crate::model::unit::Span;

/// 2026-01-01T00:00:00Z: this program did not run before. A clock that shows less was never set.
pub(super) const CLOCK_UNSET_BEFORE: Stamp = Stamp(1_767_225_600_000);

/// Whether a batch may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Gate {
    /// It may.
    Open,
    /// The receiver's clock should be asked for first.
    Ask,
    /// It may not, for this reason, and nothing is asked before then.
    Shut(String, Moment),
}

/// What is known of a receiver's clock.
#[derive(Debug, Default)]
pub(super) struct Skew {
    /// When time was looked at last.
    seen: Option<Now>,
    /// What the receiver's clock showed, and when.
    heard: Option<(Moment, Stamp)>,
    /// The two were compared, or cannot be, since the start and since the last step.
    compared: bool,
    /// It was asked for since the last attempt.
    asked: bool,
    /// Not before this it is asked for again while the clocks differ.
    again: Moment,
}

impl Skew {
    /// Looks at the time: a step of the wall clock takes the trust away.
    pub(super) fn look(&mut self, now: Now) {
        if let Some(seen) = self.seen {
            let should_show = seen.wall_at_or_after(now.moment);
            if should_show.0.abs_diff(now.wall.0) > CLOCK_STEP_MS {
                self.compared = false;
                self.asked = false;
                self.again = Moment::default();
            }
        }
        self.seen = Some(now);
    }

    /// The receiver's clock, from an answer; `None` when it told none.
    pub(super) fn hear(&mut self, now: Now, clock: Option<Stamp>) {
        if let Some(clock) = clock {
            self.heard = Some((now.moment, clock));
            self.compared = true;
        }
    }

    /// It was asked for; while the clocks differ, not again before `next`.
    pub(super) fn answered(&mut self, now: Now, clock: Option<Stamp>, next: Moment) {
        self.asked = true;
        self.again = next;
        self.hear(now, clock);
    }

    /// A batch was taken, or not, by a receiver that tells no time.
    pub(super) fn attempted(&mut self, taken: bool) {
        self.compared |= taken;
        self.asked = false;
    }

    /// Whether a batch may be sent now.
    pub(super) fn gate(&self, now: Now) -> Gate {
        if now.wall < CLOCK_UNSET_BEFORE {
            let shown = show(now.wall);
            let text = format!("the clock of this host is not set: it shows {shown}");
            return Gate::Shut(text, now.moment + Span::from_secs(60));
        }
        if !self.compared && !self.asked {
            return Gate::Ask;
        }
        let receiver = self.receiver(now);
        let apart = Span::from_millis(now.wall.0.abs_diff(receiver.0));
        if apart <= FORWARD_SKEW {
            return Gate::Open;
        }
        if now.moment >= self.again {
            return Gate::Ask;
        }
        let side = if now.wall > receiver { "ahead of" } else { "behind" };
        let text = format!(
            "this host's clock is {apart} {side} the collector's (here {}, there {}): metrics are \
             held until they agree",
            show(now.wall),
            show(receiver)
        );
        Gate::Shut(text, self.again)
    }

    /// Whether something was stamped by a clock that was never set, or in the receiver's future.
    pub(super) fn is_wrong(&self, now: Now, stamp: Stamp) -> bool {
        stamp < CLOCK_UNSET_BEFORE || stamp.minus(FORWARD_SKEW) > self.receiver(now)
    }

    /// What the receiver's clock shows now; where it tells none, this host's is taken for it.
    fn receiver(&self, now: Now) -> Stamp {
        let passed = |since: Moment| i64::try_from(now.moment.since(since).as_millis());
        let shown =
            self.heard.and_then(|(at, clock)| Some(clock.0.saturating_add(passed(at).ok()?)));
        shown.map_or(now.wall, Stamp)
    }
}

fn show(stamp: Stamp) -> String {
    Timestamp::from_millisecond(stamp.0).map_or_else(
        |_| format!("{} ms", stamp.0),
        |time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
    )
}
