//! Pauses between attempts. Pure; the same seed waits the same.

use crate::model::limit::{FORWARD_HOLD, FORWARD_PAUSE_MAX, RETRY_AFTER_MAX};
use crate::model::time::Moment;
use crate::model::unit::Span;

/// The first pause; each further one is twice as long.
const FIRST_MS: u64 = 2000;

/// A pause after failures. Its length differs from host to host: those that lost the same receiver at
/// the same moment do not come back in step.
#[derive(Debug)]
pub(super) struct Pause {
    failures: u32,
    /// When the next attempt may be made.
    pub(super) until: Moment,
    dice: u64,
}

impl Pause {
    /// No pause; the jitter of what follows is made of these words.
    pub(super) fn new(seed: &[&str]) -> Self {
        // FNV-1a, 64 bits.
        let bytes = seed.iter().flat_map(|part| part.bytes());
        let dice = bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self { failures: 0, until: Moment::default(), dice }
    }

    /// An attempt failed: from one second to a minute, half of it by chance, and as long as the
    /// receiver asks for, up to an hour and a tenth of it by chance.
    pub(super) fn fail(&mut self, now: Moment, after: Option<Span>) {
        let longest = FORWARD_PAUSE_MAX.as_millis();
        let ours = FIRST_MS.checked_shl(self.failures.min(16)).unwrap_or(longest).min(longest);
        self.failures = self.failures.saturating_add(1);
        let asked = after.unwrap_or_default().min(RETRY_AFTER_MAX).as_millis();
        let wait = (ours / 2 + self.up_to(ours / 2)).max(asked + self.up_to(asked / 10));
        self.until = now + Span::from_millis(wait);
    }

    /// Somebody must mend something: minutes.
    pub(super) fn hold(&mut self, now: Moment) {
        self.failures = 0;
        self.until = now + self.slow();
    }

    /// The time between two tries that nothing hurries.
    pub(super) fn slow(&mut self) -> Span {
        let middle = FORWARD_HOLD.as_millis();
        Span::from_millis(middle - middle / 5 + self.up_to(2 * (middle / 5)))
    }

    /// An attempt was answered well.
    pub(super) fn end(&mut self) {
        self.failures = 0;
        self.until = Moment::default();
    }

    fn up_to(&mut self, most: u64) -> u64 {
        // SplitMix64.
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.dice;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % most.saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(host: &str) -> Vec<u64> {
        let mut pause = Pause::new(&[host, "vm"]);
        let fail = |_| {
            pause.fail(Moment(0), None);
            pause.until.0
        };
        (0..12).map(fail).collect()
    }

    #[test]
    fn pauses_grow_from_a_second_to_a_minute_and_differ_by_host() {
        let (one, other) = (waits("web1"), waits("web2"));
        assert_ne!(one, other);
        assert_eq!(one, waits("web1"));
        assert!((1000..=2000).contains(&one[0]), "{one:?}");
        assert!(one[6..].iter().all(|wait| (30_000..=60_000).contains(wait)), "{one:?}");
        let distinct: std::collections::BTreeSet<u64> = one[6..].iter().copied().collect();
        assert!(distinct.len() > 3, "{one:?}");
    }

    #[test]
    fn what_the_receiver_asks_for_is_honoured_up_to_an_hour() {
        let mut pause = Pause::new(&[]);
        pause.fail(Moment(0), Some(Span::from_secs(100)));
        assert!((100_000..=110_000).contains(&pause.until.0), "{}", pause.until);
        pause.fail(Moment(0), Some(Span::from_secs(86_400)));
        assert!((3_600_000..=3_960_000).contains(&pause.until.0), "{}", pause.until);
        pause.end();
        pause.fail(Moment(0), Some(Span::ZERO));
        assert!((1000..=2000).contains(&pause.until.0), "{}", pause.until);
        pause.hold(Moment(0));
        assert!((240_000..=360_000).contains(&pause.until.0), "{}", pause.until);
    }
}
