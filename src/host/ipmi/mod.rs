//! The door to a management controller (BMC): one question, one answer, as bytes.
//!
//! Owns: how a question travels (the kernel's device file, or RMCP+ over the network), what may be
//! asked at all, deadlines, recorded BMCs. Must not know: what sensors, records and events mean.
//!
//! `ipmi-rs` serves as transport and command layer: its device file is opened by `device`, and `lan`
//! implements its `IpmiConnection`. Its `Ipmi` above them is not used: it takes answers of network
//! functions that it does not know (DCMI is one) for answers to another question.

use std::fmt::Debug;

use ipmi_rs::connection::{
    Address, Channel, IpmiConnection, LogicalUnit, Message, Request as Wired, RequestTargetAddress,
};

use super::Host;
use crate::model::reading::ProbeError;
use crate::model::unit::Span;

pub use access::{Access, Lan, Password, Privilege, Suite};
pub use note::{Notes, Recording};

mod access;
pub mod allow;
pub mod answers;
mod device;
pub mod lan;
mod note;
mod recorded;

/// Bit 0 of a response's network function (IPMI 2.0 section 5.1).
const RESPONSE: u8 = 1;
/// The BMC's own address (IPMI 2.0 section 5.5).
const BMC_ADDRESS: u8 = 0x20;

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// Slave address in 8 bits: 0x20 is the BMC. Odd ones name software, which nobody can ask.
    pub address: u8,
    /// Channel that the address is on; 0 is the primary management bus (IPMB).
    pub channel: u8,
    /// Logical unit, 0 to 3.
    pub lun: u8,
}

impl Target {
    /// The BMC itself.
    pub const BMC: Self = Self::bmc(0);

    /// A logical unit of the BMC.
    #[must_use]
    pub const fn bmc(lun: u8) -> Self {
        Self { address: BMC_ADDRESS, channel: 0, lun }
    }

    /// Whether this is the BMC itself rather than a controller behind it.
    #[must_use]
    pub const fn is_bmc(self) -> bool {
        self.address == BMC_ADDRESS
    }
}

/// A question. [`allow`] lists those that are ever sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Request {
    /// Network function, even.
    pub netfn: u8,
    /// Command.
    pub command: u8,
    /// Who is asked.
    pub target: Target,
    /// What follows the command.
    pub data: Vec<u8>,
}

/// What came back. A refusal by the BMC is an answer too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Completion code: 0 is done, the others are in IPMI 2.0 table 5-2.
    pub code: u8,
    /// What follows the completion code.
    pub data: Vec<u8>,
}

/// A way to a BMC. One question is in flight at a time.
pub trait Door: Send + Debug {
    /// Asks and waits for the answer, for a bounded time.
    ///
    /// # Errors
    /// Denied for what [`allow`] does not list, for a wrong user or password, and where the device
    /// may not be opened; unsupported for a target that cannot be reached this way; timed out;
    /// absent; malformed; failed. The next question starts afresh.
    fn ask(&mut self, request: &Request) -> Result<Answer, ProbeError>;
}

/// Gives a busy BMC some time before it is asked again.
#[expect(clippy::disallowed_methods, reason = "nothing tells when a BMC is free again")]
pub fn rest(span: Span) {
    std::thread::sleep(span.to_std());
}

/// A door to the BMC of this machine, or to the recorded one, whichever way that was reached when
/// it was recorded.
///
/// Over the network nothing is sent yet: the first question opens the session.
///
/// # Errors
/// Absent where there is no device or recording, or nobody is to ask; denied; failed.
pub fn open(host: &Host, access: &Access) -> Result<Box<dyn Door>, ProbeError> {
    let door: Box<dyn Door> = match access {
        Access::Off => {
            let why = "the configuration leaves the BMC alone";
            return Err(ProbeError::Absent(why.to_owned()));
        }
        Access::Unusable(why) => return Err(ProbeError::Denied(why.clone())),
        _ if host.is_recorded() => Box::new(recorded::Recorded::open(host)?),
        Access::InBand => Box::new(device::Device::open(host)?),
        Access::Lan(lan) => Box::new(lan::Client::new(lan.clone())?),
    };
    Ok(match &host.recorder {
        Some(recorder) => Box::new(Recording::new(door, recorder.bmc.clone())),
        None => door,
    })
}

/// Asks over any connection, and compares the answer with the question by its raw bytes.
fn ask_over<C>(connection: &mut C, request: &Request) -> Result<Answer, ProbeError>
where
    C: IpmiConnection<Error = ProbeError, SendError = ProbeError, RecvError = ProbeError>,
{
    allow::question(request)?;
    let message = Message::new_raw(request.netfn, request.command, request.data.clone());
    let mut wired = Wired::new(message, wired_target(request.target)?);
    let response = connection.send_recv(&mut wired)?;
    if response.netfn_raw() != request.netfn | RESPONSE || response.cmd() != request.command {
        return Err(ProbeError::Malformed(format!(
            "the BMC answered {:#04x} {:#04x} to the question {:#04x} {:#04x}",
            response.netfn_raw(),
            response.cmd(),
            request.netfn,
            request.command
        )));
    }
    // Of a connection, an answer has at least its completion code: `Response::new` sees to it.
    Ok(Answer { code: response.cc(), data: response.data().to_vec() })
}

fn wired_target(target: Target) -> Result<RequestTargetAddress, ProbeError> {
    let impossible = || {
        ProbeError::Unsupported(format!(
            "address {:#04x} on channel {} is not one that can be asked",
            target.address, target.channel
        ))
    };
    let lun = LogicalUnit::try_from(target.lun).map_err(|()| impossible())?;
    if target.is_bmc() {
        return Ok(RequestTargetAddress::Bmc(lun));
    }
    // Bit 0 marks the number of a program (IPMI 2.0 section 5.5), not of a controller.
    let channel = Channel::new(target.channel).filter(|_| target.address & 1 == 0);
    let channel = channel.ok_or_else(impossible)?;
    Ok(RequestTargetAddress::BmcOrIpmb(Address(target.address), channel, lun))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_logical_unit_of_the_bmc_or_a_controller_on_a_bus() {
        assert_eq!(wired_target(Target::bmc(1)), Ok(RequestTargetAddress::Bmc(LogicalUnit::One)));
        let satellite = Target { address: 0x2c, channel: 0, lun: 0 };
        assert_eq!(
            wired_target(satellite),
            Ok(RequestTargetAddress::BmcOrIpmb(Address(0x2c), Channel::Primary, LogicalUnit::Zero))
        );
        for wrong in [
            Target { address: 0xb1, channel: 0, lun: 0 },
            Target { address: 0x2c, channel: 12, lun: 0 },
            Target { address: 0x20, channel: 0, lun: 4 },
        ] {
            assert_eq!(wired_target(wrong).unwrap_err().word(), "unsupported", "{wrong:?}");
        }
    }
}
