//! The chassis (IPMI 2.0, section 28): its power, its faults, why it started.
//!
//! Owns the answers. Does not weigh them.

use super::{Bytes, Malformed, bit};

/// Answer of Get Chassis Status (28.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// System power is on.
    pub power_on: bool,
    /// It went down because of an overload.
    pub overload: bool,
    /// It went down because a panel interlock is open.
    pub interlock: bool,
    /// A fault of main power was found.
    pub power_fault: bool,
    /// The controller could not switch power as it was told.
    pub control_fault: bool,
    /// What happens when AC comes back.
    pub restore_policy: RestorePolicy,
    /// Why power last went down, or came up.
    pub last_power_event: LastPowerEvent,
    /// The chassis was opened; many keep it until somebody clears it.
    pub intrusion: bool,
    /// Buttons of the front panel are locked.
    pub front_panel_lockout: bool,
    /// A drive fault.
    pub drive_fault: bool,
    /// A cooling or fan fault.
    pub cooling_fault: bool,
}

/// What happens when AC comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestorePolicy {
    /// It stays off.
    StaysOff,
    /// As it was.
    Previous,
    /// It goes on.
    GoesOn,
    /// Not known.
    Unknown,
}

/// Why power last changed; several may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastPowerEvent {
    /// AC failed.
    pub ac_failed: bool,
    /// Overload.
    pub overload: bool,
    /// Interlock.
    pub interlock: bool,
    /// Fault.
    pub fault: bool,
    /// Switched on by command.
    pub on_by_command: bool,
}

impl Status {
    /// Takes the answer apart.
    ///
    /// # Errors
    ///
    /// If it has less than three bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let answer = Bytes::new("answer of Get Chassis Status", bytes);
        let (power, last, faults) = (answer.need(0)?, answer.need(1)?, answer.need(2)?);
        Ok(Self {
            power_on: bit(power, 0),
            overload: bit(power, 1),
            interlock: bit(power, 2),
            power_fault: bit(power, 3),
            control_fault: bit(power, 4),
            restore_policy: match power >> 5 & 3 {
                0 => RestorePolicy::StaysOff,
                1 => RestorePolicy::Previous,
                2 => RestorePolicy::GoesOn,
                _ => RestorePolicy::Unknown,
            },
            last_power_event: LastPowerEvent {
                ac_failed: bit(last, 0),
                overload: bit(last, 1),
                interlock: bit(last, 2),
                fault: bit(last, 3),
                on_by_command: bit(last, 4),
            },
            intrusion: bit(faults, 0),
            front_panel_lockout: bit(faults, 1),
            drive_fault: bit(faults, 2),
            cooling_fault: bit(faults, 3),
        })
    }
}

/// Answer of Get System Restart Cause (28.11), in words.
///
/// # Errors
///
/// If it is empty.
pub fn restart_cause(bytes: &[u8]) -> Result<&'static str, Malformed> {
    let cause = Bytes::new("answer of Get System Restart Cause", bytes).need(0)?;
    Ok(match cause & 0x0f {
        0x1 => "chassis control command",
        0x2 => "reset button",
        0x3 => "power button",
        0x4 => "watchdog",
        0x5 => "vendor's own cause",
        0x6 => "power restored, policy is always on",
        0x7 => "power restored, policy is as before",
        0x8 => "reset by platform event filter",
        0x9 => "power cycle by platform event filter",
        0xa => "soft reset",
        0xb => "real-time clock",
        _ => "unknown",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_of_the_chassis_are_read() {
        let status = Status::parse(&[0x49, 0x11, 0x49, 0]).unwrap();
        assert!(status.power_on && status.power_fault && !status.overload);
        assert_eq!(status.restore_policy, RestorePolicy::GoesOn);
        assert!(status.last_power_event.ac_failed && status.last_power_event.on_by_command);
        assert!(status.intrusion && status.cooling_fault && !status.drive_fault);
        assert!(Status::parse(&[0x21, 0x10]).is_err());
        assert_eq!(Status::parse(&[0x20, 0, 4]).unwrap().restore_policy, RestorePolicy::Previous);
    }

    #[test]
    fn causes_have_words() {
        assert_eq!(restart_cause(&[0xf4, 1]), Ok("watchdog"));
        assert_eq!(restart_cause(&[0]), Ok("unknown"));
        assert!(restart_cause(&[]).is_err());
    }
}
