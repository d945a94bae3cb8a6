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
