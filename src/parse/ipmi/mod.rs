//! Bytes of a baseboard management controller (IPMI 2.0 revision 1.1, DCMI 1.5) as structs.
//!
//! Owns what the bytes mean. Knows nothing of how they are fetched, nor what a check makes of them.
//! Every answer is given without its completion code, as a transport hands it over.
//!
//! By hand rather than through `ipmi-rs`: its records stop the process at three lengths, its M and B
//! lose their sign, it knows neither linearization nor thresholds, chassis status or DCMI.

pub mod chassis;
pub mod convert;
pub mod dcmi;
pub mod device;
mod generic;
pub mod name;
pub mod reading;
pub mod sdr;
mod sdr_layout;
pub mod sel;
mod sel_data;
mod specific;
pub mod states;
pub mod threshold;
pub mod unit;
pub mod words;

use std::fmt;

/// Why bytes are not what they should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Malformed {
    /// Fewer bytes than the least that makes sense.
    Short {
        /// What was read: `Get Device ID answer`.
        what: &'static str,
        /// Bytes there were.
        bytes: usize,
        /// Bytes there should have been at least.
        least: usize,
    },
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short { what, bytes, least } => {
                write!(f, "{what} of {bytes} bytes, at least {least} are needed")
            }
        }
    }
}

impl std::error::Error for Malformed {}

/// Bytes by place, for one kind of answer.
#[derive(Clone, Copy)]
struct Bytes<'a> {
    what: &'static str,
    bytes: &'a [u8],
}

impl<'a> Bytes<'a> {
    fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { what, bytes }
    }

    fn find(self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    fn need(self, at: usize) -> Result<u8, Malformed> {
        self.find(at).ok_or_else(|| self.short(at + 1))
    }

    /// Least significant byte first, as all numbers of IPMI.
    fn u16(self, at: usize) -> Result<u16, Malformed> {
        Ok(u16::from_le_bytes([self.need(at)?, self.need(at + 1)?]))
    }

    fn u32(self, at: usize) -> Result<u32, Malformed> {
        let (low, high) = (self.u16(at)?, self.u16(at + 2)?);
        Ok(u32::from(low) | u32::from(high) << 16)
    }

    fn short(self, least: usize) -> Malformed {
        Malformed::Short { what: self.what, bytes: self.bytes.len(), least }
    }
}

/// Whether a bit of a byte or a word is set.
fn bit(bits: impl Into<u32>, number: u32) -> bool {
    bits.into().checked_shr(number).is_some_and(|bits| bits & 1 == 1)
}

#[cfg(test)]
mod tests;
