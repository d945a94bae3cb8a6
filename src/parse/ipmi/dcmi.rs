//! Data Center Manageability Interface (DCMI 1.5): the machine's power.
//!
//! Owns the answers behind the group byte. Does not know sensors.

use std::fmt;

use super::{Bytes, Malformed, bit};

/// First byte of every DCMI request and answer.
pub const GROUP: u8 = 0xdc;

/// Answer of Get Power Reading (6.6.1), of a measurement that is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Power {
    /// Now.
    pub current_watts: u16,
    /// Lowest over the period.
    pub minimum_watts: u16,
    /// Highest over the period.
    pub maximum_watts: u16,
    /// Mean over the period.
    pub average_watts: u16,
    /// By the controller's clock, in seconds of 1970; small if that clock was never set.
    pub timestamp_s: u32,
    /// Over which the three are.
    pub period_ms: u32,
}

/// Why there is no power reading in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoPower {
    /// Bytes are missing.
    Malformed(Malformed),
    /// The answer belongs to another group: no DCMI controller.
    OtherGroup(u8),
    /// The controller measures nothing now.
    Inactive,
}

impl fmt::Display for NoPower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => why.fmt(f),
            Self::OtherGroup(group) => write!(f, "an answer of group {group:#04x}, not of DCMI"),
            Self::Inactive => f.write_str("the controller's power measurement is not active"),
        }
    }
}

impl std::error::Error for NoPower {}

impl From<Malformed> for NoPower {
    fn from(why: Malformed) -> Self {
        Self::Malformed(why)
    }
}

/// Takes an answer of Get Power Reading apart, group byte first.
///
/// # Errors
///
/// If it is cut off, of another group, or of a measurement that is not active.
pub fn power(bytes: &[u8]) -> Result<Power, NoPower> {
    let answer = Bytes::new("answer of Get Power Reading", bytes);
    let group = answer.need(0)?;
    if group != GROUP {
        return Err(NoPower::OtherGroup(group));
    }
    let state = answer.need(17)?;
    if !bit(state, 6) {
        return Err(NoPower::Inactive);
    }
    Ok(Power {
        current_watts: answer.u16(1)?,
        minimum_watts: answer.u16(3)?,
        maximum_watts: answer.u16(5)?,
        average_watts: answer.u16(7)?,
        timestamp_s: answer.u32(9)?,
        period_ms: answer.u32(13)?,
    })
}

/// Whether an answer of Get DCMI Capabilities Info (6.1), parameter 1, group byte first, says that
/// power can be read.
///
/// # Errors
///
/// If it is cut off or of another group.
pub fn has_power(bytes: &[u8]) -> Result<bool, NoPower> {
    // Group, version (2), revision, three bytes of capabilities; platform power in the second.
    let answer = Bytes::new("answer of Get DCMI Capabilities Info", bytes);
    let group = answer.need(0)?;
    if group != GROUP {
        return Err(NoPower::OtherGroup(group));
    }
    Ok(bit(answer.need(5)?, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: [u8; 18] =
        [0xdc, 0x38, 1, 0x78, 0, 0xe0, 1, 0x31, 1, 0x4d, 7, 3, 0x6b, 0xe8, 3, 0, 0, 0x40];

    #[test]
    fn watts_are_read() {
        let power = power(&ANSWER).unwrap();
        assert_eq!(
            power,
            Power {
                current_watts: 312,
                minimum_watts: 120,
                maximum_watts: 480,
                average_watts: 305,
                timestamp_s: 0x6b03_074d,
                period_ms: 1000
            }
        );
    }

    #[test]
    fn each_reason_for_no_watts_is_told_apart() {
        let mut answer = ANSWER;
        answer[17] = 0;
        assert_eq!(power(&answer), Err(NoPower::Inactive));
        answer[0] = 0;
        assert_eq!(power(&answer), Err(NoPower::OtherGroup(0)));
        for length in 0..ANSWER.len() {
            assert!(matches!(power(&ANSWER[..length]), Err(NoPower::Malformed(_))), "{length}");
        }
        assert_eq!(
            power(&ANSWER[..3]).unwrap_err().to_string(),
            "answer of Get Power Reading of 3 bytes, at least 18 are needed"
        );
    }

    #[test]
    fn a_controller_says_whether_it_measures() {
        assert_eq!(has_power(&[0xdc, 1, 5, 2, 0, 1, 7]), Ok(true));
        assert_eq!(has_power(&[0xdc, 1, 5, 2, 0, 0, 7]), Ok(false));
        assert!(has_power(&[0xdc, 1, 5]).is_err());
    }
}
