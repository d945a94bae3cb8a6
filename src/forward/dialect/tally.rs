//! What several requests come to that one load needs, and which loads come too late to be sent.

use crate::forward::outlet::{Outcome, Reply};
use crate::model::limit::FORWARD_REORDER;
use crate::model::time::Stamp;

/// Adds up the replies to the parts of one load.
#[derive(Debug, Default)]
pub(super) struct Tally {
    lost: usize,
    why: Option<String>,
    clock: Option<Stamp>,
}

impl Tally {
    /// Adds the reply to one part. `Err` where the rest cannot be sent now: what becomes of the load.
    pub(super) fn add(&mut self, reply: Reply) -> Result<(), Reply> {
        self.clock = reply.clock.or(self.clock);
        match reply.outcome {
            Outcome::Done => {}
            // The first words are kept: those of the rest are alike.
            Outcome::Dropped { lost, why } => self.lose(lost, why),
            outcome => return Err(Reply { outcome, clock: self.clock }),
        }
        Ok(())
    }

    /// Counts what was lost.
    pub(super) fn lose(&mut self, lost: usize, why: String) {
        self.lost += lost;
        let _ = self.why.get_or_insert(why);
    }

    /// What the whole load came to.
    pub(super) fn reply(self) -> Reply {
        let outcome = match self.why {
            Some(why) => Outcome::Dropped { lost: self.lost, why },
            None => Outcome::Done,
        };
        Reply { outcome, clock: self.clock }
    }
}

/// Remembers the latest change that was told. A batch that is older would tell the state before it as
/// the newest, until the next one: such a batch is not sent.
#[derive(Debug, Default)]
pub(super) struct Latest(Option<Stamp>);

impl Latest {
    /// A change was told.
    pub(super) fn told(&mut self, at: Stamp) {
        self.0 = Some(at);
    }

    /// Whether a batch of this time is behind what was told. One that is far behind is not: the clock
    /// was set back.
    pub(super) fn is_before(&self, batch: Stamp) -> bool {
        self.0.is_some_and(|told| batch < told && batch.until(told) <= FORWARD_REORDER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(outcome: Outcome, clock: Option<i64>) -> Reply {
        Reply { outcome, clock: clock.map(Stamp) }
    }

    #[test]
    fn losses_add_up_and_what_may_pass_ends_the_load() {
        let mut tally = Tally::default();
        let dropped = |lost, why: &str| Outcome::Dropped { lost, why: why.to_owned() };
        assert_eq!(tally.add(reply(Outcome::Done, Some(5))), Ok(()));
        assert_eq!(tally.add(reply(dropped(2, "a"), None)), Ok(()));
        assert_eq!(tally.add(reply(dropped(3, "b"), None)), Ok(()));
        let hold = Outcome::Hold { why: "token".to_owned() };
        assert_eq!(tally.add(reply(hold.clone(), None)), Err(reply(hold, Some(5))));
        assert_eq!(tally.reply(), reply(dropped(5, "a"), Some(5)));
        assert_eq!(Tally::default().reply(), reply(Outcome::Done, None));
    }

    #[test]
    fn a_batch_from_before_a_change_is_behind_unless_the_clock_was_set() {
        let mut latest = Latest::default();
        assert!(!latest.is_before(Stamp(0)));
        latest.told(Stamp(10_000_000));
        assert!(latest.is_before(Stamp(9_990_000)));
        assert!(!latest.is_before(Stamp(10_000_000)) && !latest.is_before(Stamp(10_000_001)));
        assert!(!latest.is_before(Stamp(1_000_000)));
    }
}
