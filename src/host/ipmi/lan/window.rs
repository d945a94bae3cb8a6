//! Which sequence numbers of a session were seen, so that a packet counts once.

/// Numbers behind the newest that may still come (IPMI 2.0 section 6.12.13 asks for 16 at least).
const WIDTH: u32 = 32;

/// The newest number, and which of those before it came.
#[derive(Debug, Clone, Default)]
pub(super) struct Window {
    newest: u32,
    /// Bit n: the number n before the newest came.
    seen: u32,
}

impl Window {
    /// Whether a number is new; it counts as seen from then on. To be asked of authenticated
    /// packets alone.
    pub(super) fn takes(&mut self, number: u32) -> bool {
        // Zero is for packets outside of a session.
        if number == 0 {
            return false;
        }
        if number > self.newest {
            self.seen = self.seen.checked_shl(number - self.newest).unwrap_or(0) | 1;
            self.newest = number;
            return true;
        }
        let behind = self.newest - number;
        if behind >= WIDTH || self.seen & (1 << behind) != 0 {
            return false;
        }
        self.seen |= 1 << behind;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_comes_twice_or_much_too_late_is_not_taken() {
        let mut window = Window::default();
        assert!(!window.takes(0));
        assert!(window.takes(40));
        assert!(!window.takes(40));
        assert!(window.takes(39), "packets may overtake each other");
        assert!(!window.takes(39));
        assert!(window.takes(9));
        assert!(!window.takes(8), "32 behind");
        assert!(window.takes(u32::MAX));
        assert!(!window.takes(40));
    }

    proptest! {
        #[test]
        fn no_number_is_taken_twice(numbers in proptest::collection::vec(0..100_u32, 0..300)) {
            let mut window = Window::default();
            let mut taken = BTreeSet::new();
            for number in numbers {
                if window.takes(number) {
                    prop_assert!(taken.insert(number));
                }
            }
        }
    }
}
