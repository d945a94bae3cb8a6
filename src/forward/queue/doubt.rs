//! Whether it is the receiver that fails, or the load. Pure.
//!
//! A receiver that answers 500 may be broken, or may fail over what is in this very load (Prometheus
//! 2.42 does so with samples older than its window). So the load at the head is tried; when it has
//! failed in the same words [`FORWARD_SAME_FAULTS`] times, each further failure is followed at once by a
//! probe: a later batch, one behind the head, then three, seven, fifteen ... up to the newest, and from
//! one again. If a probe is taken, the receiver works: everything before it is tried once more, in order, and
//! what fails again is passed over. If none is, the receiver is broken, and nothing is lost by waiting.
//! The head goes first each time, so that a receiver which was mended gets everything in order.
//!
//! A load without an answer is not suspect, and no number of attempts condemns it: while a receiver is
//! down, everything waits, bounded by the spool alone. Only if one gets none for a day is it probed
//! too, since it may be what brings the receiver down.

use std::collections::BTreeSet;

use crate::model::limit::{
    FORWARD_FAULTS, FORWARD_SAME_FAULTS, FORWARD_SILENCE, FORWARD_SILENCES, FORWARD_TAKEN,
};
use crate::model::time::Moment;

/// What fails at the head.
#[derive(Debug)]
struct Head {
    seq: u64,
    /// The words of the latest failure, and how often they came in a row.
    why: String,
    same: u32,
    /// Failures that were answered, whatever the words.
    faults: u32,
    /// Failures of any sort, and when the first one was.
    failures: u32,
    since: Moment,
}

impl Head {
    fn is_suspect(&self) -> bool {
        self.same >= FORWARD_SAME_FAULTS || self.faults >= FORWARD_FAULTS
    }

    fn is_silent(&self, now: Moment) -> bool {
        self.failures >= FORWARD_SILENCES && now.since(self.since) >= FORWARD_SILENCE
    }
}

/// What to do with a load that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The same again after a pause.
    Wait,
    /// A probe, at once.
    Probe,
    /// Pass over it.
    PassOver,
}

/// What is known of loads that fail.
#[derive(Debug, Default)]
pub(super) struct Doubt {
    head: Option<Head>,
    /// The next attempt is a probe.
    probing: bool,
    /// How far behind the head it is.
    steps: usize,
    /// A probe was taken: everything up to this one gets one more attempt.
    proven: Option<u64>,
    /// Loads that were taken before those in front of them.
    taken: BTreeSet<u64>,
}

impl Doubt {
    /// How far behind the head the probe is that is due, if one is.
    pub(super) fn probe(&self) -> Option<usize> {
        self.probing.then_some(self.steps.max(1))
    }

    /// There is nothing to probe with.
    pub(super) fn no_probe(&mut self) {
        self.probing = false;
    }

    /// Whether a load that is at the head now was taken as a probe.
    pub(super) fn was_taken(&mut self, seq: u64) -> bool {
        // What lies before it has been passed, or was dropped by the spool.
        self.taken = self.taken.split_off(&seq);
        let taken = self.taken.remove(&seq);
        if self.proven.is_some_and(|proven| proven <= seq) {
            self.proven = None;
        }
        taken
    }

    /// Whether the load was attempted before in vain, without an answer: it may have arrived.
    pub(super) fn may_have_arrived(&self, seq: u64) -> bool {
        self.head.as_ref().is_some_and(|head| head.seq == seq && head.failures > head.faults)
    }

    /// The head was taken or refused.
    pub(super) fn head_is_through(&mut self, seq: u64) {
        self.head = None;
        self.probing = false;
        self.steps = 0;
        if self.proven.is_some_and(|proven| proven <= seq) {
            self.proven = None;
        }
    }

    /// A probe was taken, by a receiver that is proven to work by that. Where every load is sent,
    /// `in_order`, everything up to the probe gets another attempt, else the head alone.
    pub(super) fn probe_was_taken(&mut self, probe: u64, in_order: bool) {
        self.probing = false;
        self.steps = 0;
        let head = self.head.as_ref().map(|head| head.seq);
        self.proven = if in_order { Some(probe) } else { head };
    }

    /// A load was taken before those in front of it.
    pub(super) fn remember(&mut self, seq: u64) {
        self.taken.insert(seq);
        if self.taken.len() > FORWARD_TAKEN {
            // Sent once more than it need be.
            self.taken.pop_first();
        }
    }

    /// A probe failed; `last`: it was the newest there is.
    pub(super) fn probe_failed(&mut self, last: bool) {
        self.probing = false;
        self.steps = if last { 1 } else { self.steps.max(1).saturating_mul(2).saturating_add(1) };
    }

    /// The load at the head failed. `suspect`: the receiver answered, and may mean this very load.
    /// `hasty`: one more failure is enough to pass over it, once the receiver is proven to work.
    pub(super) fn head_failed(
        &mut self,
        now: Moment,
        seq: u64,
        why: &str,
        suspect: bool,
        hasty: bool,
    ) -> Verdict {
        let head = match self.head.take().filter(|head| head.seq == seq) {
            Some(head) => head,
            None => Head { seq, why: String::new(), same: 0, faults: 0, failures: 0, since: now },
        };
        let head = self.head.insert(head);
        head.failures = head.failures.saturating_add(1);
        if suspect {
            head.faults = head.faults.saturating_add(1);
            head.same = if head.why == why { head.same.saturating_add(1) } else { 1 };
            head.why = why.to_owned();
        } else {
            head.same = 0;
            head.why.clear();
        }
        let silent = head.is_silent(now);
        let proven = self.proven.is_some();
        let condemned = if suspect { hasty || head.is_suspect() } else { silent };
        if proven && condemned {
            return Verdict::PassOver;
        }
        if !suspect {
            // It worked, and does no more: what fails from here on may be its fault again.
            self.proven = None;
        }
        self.probing = silent || head.is_suspect();
        if self.probing { Verdict::Probe } else { Verdict::Wait }
    }
}
