//! What may be asked of a BMC: the whole list. Every door looks here before it sends, so that no
//! mistake elsewhere can write to a BMC, clear its log or switch a machine off.
//!
//! Sections are of IPMI 2.0 revision 1.1 (`I`) and of DCMI 1.5 (`D`).

use super::Request;
use crate::model::reading::ProbeError;

/// A command that may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// Network function of the request.
    pub netfn: u8,
    /// Command.
    pub command: u8,
    /// What the data must begin with: the body's number where the network function is shared.
    pub first: Option<u8>,
    /// Its name in the specification.
    pub name: &'static str,
    /// Where the specification describes it.
    pub section: &'static str,
}

const fn one(netfn: u8, command: u8, name: &'static str, section: &'static str) -> Allowed {
    Allowed { netfn, command, first: None, name, section }
}

const fn dcmi(command: u8, name: &'static str, section: &'static str) -> Allowed {
    Allowed { netfn: 0x2c, command, first: Some(0xdc), name, section }
}

/// The questions. All of them read.
pub const QUESTIONS: &[Allowed] = &[
    one(0x00, 0x01, "Get Chassis Status", "I 28.2"),
    one(0x00, 0x07, "Get System Restart Cause", "I 28.11"),
    one(0x04, 0x20, "Get Device SDR Info", "I 35.2"),
    one(0x04, 0x21, "Get Device SDR", "I 35.3"),
    one(0x04, 0x22, "Reserve Device SDR Repository", "I 35.4"),
    one(0x04, 0x23, "Get Sensor Reading Factors", "I 35.5"),
    one(0x04, 0x27, "Get Sensor Thresholds", "I 35.9"),
    one(0x04, 0x2d, "Get Sensor Reading", "I 35.14"),
    one(0x06, 0x01, "Get Device ID", "I 20.1"),
    one(0x06, 0x04, "Get Self Test Results", "I 20.4"),
    one(0x06, 0x37, "Get System GUID", "I 22.14"),
    one(0x0a, 0x20, "Get SDR Repository Info", "I 33.9"),
    one(0x0a, 0x22, "Reserve SDR Repository", "I 33.11"),
    one(0x0a, 0x23, "Get SDR", "I 33.12"),
    one(0x0a, 0x40, "Get SEL Info", "I 31.2"),
    one(0x0a, 0x43, "Get SEL Entry", "I 31.5"),
    one(0x0a, 0x48, "Get SEL Time", "I 31.10"),
    dcmi(0x01, "Get DCMI Capabilities Info", "D 6.1.1"),
    dcmi(0x02, "Get Power Reading", "D 6.6.1"),
];

/// What the network session says for itself, besides the payloads that open it.
pub const SESSION: &[Allowed] = &[SET_PRIVILEGE, CLOSE_SESSION];

/// Sets how much the session's own later commands may do; by default no more than a user's.
pub const SET_PRIVILEGE: Allowed = one(0x06, 0x3b, "Set Session Privilege Level", "I 22.18");
/// Ends the session itself.
pub const CLOSE_SESSION: Allowed = one(0x06, 0x3c, "Close Session", "I 22.19");

/// Whether a question is on the list.
///
/// # Errors
/// Denied otherwise, naming it.
pub fn question(request: &Request) -> Result<&'static Allowed, ProbeError> {
    let fits = |allowed: &&Allowed| {
        allowed.netfn == request.netfn
            && allowed.command == request.command
            && allowed.first.is_none_or(|first| request.data.first() == Some(&first))
    };
    QUESTIONS.iter().find(fits).ok_or_else(|| {
        ProbeError::Denied(format!(
            "command {:#04x} {:#04x} is not one that this agent ever sends to a BMC",
            request.netfn, request.command
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::super::Target;
    use super::*;

    fn request(netfn: u8, command: u8, data: &[u8]) -> Request {
        Request { netfn, command, target: Target::BMC, data: data.to_vec() }
    }

    #[test]
    fn of_all_commands_only_those_listed_pass() {
        let mut passed = 0;
        for netfn in 0..=u8::MAX {
            for command in 0..=u8::MAX {
                for data in [&[][..], &[0xdc, 1], &[0xdd, 1]] {
                    let known = QUESTIONS.iter().find(|allowed| {
                        (allowed.netfn, allowed.command) == (netfn, command)
                            && (allowed.first.is_none() || allowed.first == data.first().copied())
                    });
                    let outcome = question(&request(netfn, command, data));
                    match known {
                        Some(allowed) => assert_eq!(outcome, Ok(allowed)),
                        None => assert_eq!(outcome.unwrap_err().word(), "denied"),
                    }
                    passed += usize::from(known.is_some());
                }
            }
        }
        // Two need their first byte, so that one in three of their requests passes.
        assert_eq!(passed, (QUESTIONS.len() - 2) * 3 + 2);
    }

    #[test]
    fn nothing_that_writes_is_listed() {
        // Chassis Control, Cold and Warm Reset, Set User Password, Set Watchdog, Set Event Receiver,
        // Set Sensor Hysteresis, Thresholds and Event Enable, Add and Delete and Clear SDR, Add and
        // Delete SEL Entry, Clear SEL, Set SEL Time, Send Message, Write FRU, Set Power Limit.
        for (netfn, command) in [
            (0x00, 0x02),
            (0x06, 0x02),
            (0x06, 0x03),
            (0x06, 0x47),
            (0x06, 0x24),
            (0x04, 0x00),
            (0x04, 0x24),
            (0x04, 0x26),
            (0x04, 0x28),
            (0x0a, 0x24),
            (0x0a, 0x26),
            (0x0a, 0x27),
            (0x0a, 0x44),
            (0x0a, 0x46),
            (0x0a, 0x47),
            (0x0a, 0x49),
            (0x06, 0x34),
            (0x0a, 0x12),
            (0x2c, 0x04),
            (0x06, 0x3b),
            (0x06, 0x3c),
        ] {
            assert!(
                question(&request(netfn, command, &[0xdc])).is_err(),
                "{netfn:#x} {command:#x}"
            );
        }
        assert!(QUESTIONS.iter().chain(SESSION).all(|allowed| allowed.netfn % 2 == 0));
        let reads = |allowed: &Allowed| {
            allowed.name.starts_with("Get ") || allowed.name.starts_with("Reserve ")
        };
        assert!(QUESTIONS.iter().all(reads));
    }
}
