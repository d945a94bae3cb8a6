//! Answers about one sensor: its reading (IPMI 2.0, 35.14) and its thresholds (35.9).
//!
//! Owns what is valid in them. Does not know the sensor's record.

use super::{Bytes, Malformed, bit};

/// Answer of Get Sensor Reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Raw reading; none if it is not scanned or not available now.
    pub raw: Option<u8>,
    /// Whether the controller looks at the sensor.
    pub scanning: bool,
    /// Whether it sends events. Some vendors clear it for what is not there.
    pub events: bool,
    /// Whether the controller says that reading and states are not valid: it is starting, or the
    /// part is not there.
    pub unavailable: bool,
    /// Bits of the states that hold, 0 to 14. None if they are not in the answer or not valid;
    /// what was cut off is not taken for zeros.
    pub states: Option<u16>,
}

impl Reading {
    /// Takes the answer apart. One byte is taken for a reading of a sensor that is scanned.
    ///
    /// # Errors
    ///
    /// If it is empty.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let answer = Bytes::new("answer of Get Sensor Reading", bytes);
        let raw = answer.need(0)?;
        // All messages and scanning enabled, nothing wrong.
        let flags = answer.find(1).unwrap_or(0xc0);
        let (scanning, unavailable) = (bit(flags, 6), bit(flags, 5));
        let valid = scanning && !unavailable;
        let states = answer.find(2).map(|low| {
            let high = answer.find(3).unwrap_or_default() & 0x7f;
            u16::from_le_bytes([low, high])
        });
        Ok(Self {
            raw: valid.then_some(raw),
            scanning,
            events: bit(flags, 7),
            unavailable,
            states: states.filter(|_| valid),
        })
    }

    /// For a sensor with thresholds: what the controller itself found, bits 0 to 5: at or below
    /// lower non-critical, critical, non-recoverable, at or above upper the same. The two bits
    /// above are reserved, and usually set.
    #[must_use]
    pub fn crossed(&self) -> Option<u8> {
        let [low, _] = self.states?.to_le_bytes();
        Some(low & 0x3f)
    }
}

/// The six raw thresholds; none is one that the sensor does not have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Thresholds {
    /// At or above it, damage is likely.
    pub upper_non_recoverable: Option<u8>,
    /// At or above it, the machine is outside of what it is made for.
    pub upper_critical: Option<u8>,
    /// At or above it, it comes near to that.
    pub upper_non_critical: Option<u8>,
    /// At or below it, it comes near to being outside of what it is made for.
    pub lower_non_critical: Option<u8>,
    /// At or below it, it is.
    pub lower_critical: Option<u8>,
    /// At or below it, damage is likely.
    pub lower_non_recoverable: Option<u8>,
}

impl Thresholds {
    /// Takes an answer of Get Sensor Thresholds apart: a mask and six bytes. What is cut off is
    /// none.
    ///
    /// # Errors
    ///
    /// If it is empty.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let answer = Bytes::new("answer of Get Sensor Thresholds", bytes);
        let mask = answer.need(0)?;
        Ok(Self {
            lower_non_critical: answer.find(1),
            lower_critical: answer.find(2),
            lower_non_recoverable: answer.find(3),
            upper_non_critical: answer.find(4),
            upper_critical: answer.find(5),
            upper_non_recoverable: answer.find(6),
        }
        .only(mask))
    }

    /// Those that a mask names, bits 0 to 5: lower non-critical, critical, non-recoverable, upper
    /// the same.
    #[must_use]
    pub fn only(self, mask: u8) -> Self {
        Self {
            lower_non_critical: self.lower_non_critical.filter(|_| bit(mask, 0)),
            lower_critical: self.lower_critical.filter(|_| bit(mask, 1)),
            lower_non_recoverable: self.lower_non_recoverable.filter(|_| bit(mask, 2)),
            upper_non_critical: self.upper_non_critical.filter(|_| bit(mask, 3)),
            upper_critical: self.upper_critical.filter(|_| bit(mask, 4)),
            upper_non_recoverable: self.upper_non_recoverable.filter(|_| bit(mask, 5)),
        }
    }

    /// Mild to grave: upper non-critical, critical, non-recoverable.
    pub(super) fn upper(self) -> [Option<u8>; 3] {
        [self.upper_non_critical, self.upper_critical, self.upper_non_recoverable]
    }

    /// Mild to grave: lower non-critical, critical, non-recoverable.
    pub(super) fn lower(self) -> [Option<u8>; 3] {
        [self.lower_non_critical, self.lower_critical, self.lower_non_recoverable]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_valid_bytes_count() {
        let whole = Reading::parse(&[45, 0xc0, 0xc8, 0x80]).unwrap();
        assert_eq!((whole.raw, whole.states, whole.crossed()), (Some(45), Some(0x00c8), Some(8)));
        assert!(whole.scanning && whole.events && !whole.unavailable);
        let absent = Reading::parse(&[0, 0x60, 0x17, 2]).unwrap();
        assert_eq!((absent.raw, absent.states, absent.crossed()), (None, None, None));
        assert!(absent.unavailable && !absent.events);
        let disabled = Reading::parse(&[4, 0x80, 1, 0]).unwrap();
        assert_eq!((disabled.raw, disabled.states, disabled.scanning), (None, None, false));
    }

    #[test]
    fn short_answers_say_what_they_hold() {
        assert_eq!(
            Reading::parse(&[]).unwrap_err().to_string(),
            "answer of Get Sensor Reading of 0 bytes, at least 1 are needed"
        );
        let raw = Reading::parse(&[9]).unwrap();
        assert_eq!((raw.raw, raw.states), (Some(9), None));
        let flags = Reading::parse(&[9, 0x40]).unwrap();
        assert_eq!((flags.raw, flags.states, flags.events), (Some(9), None, false));
        assert_eq!(Reading::parse(&[9, 0xc0, 0x41]).unwrap().states, Some(0x41));
    }

    #[test]
    fn thresholds_are_those_of_the_mask() {
        let some = Thresholds::parse(&[0b01_1011, 5, 3, 1, 85, 90, 95]).unwrap();
        assert_eq!(some.lower(), [Some(5), Some(3), None]);
        assert_eq!(some.upper(), [Some(85), Some(90), None]);
        let cut = Thresholds::parse(&[0x3f, 5, 3]).unwrap();
        assert_eq!((cut.lower(), cut.upper()), ([Some(5), Some(3), None], [None; 3]));
        assert!(Thresholds::parse(&[]).is_err());
    }
}
