//! RMCP+ status codes (IPMI 2.0 table 13-15) in words for a person.

use super::super::access::Lan;
use super::wire::Fault;
use crate::model::reading::ProbeError;

/// What a code other than 0 means for who asked.
pub(super) fn refusal(code: u8, lan: &Lan) -> Fault {
    let (user, privilege) = (&lan.user, lan.privilege);
    let denied = |text: String| Fault::Told(ProbeError::Denied(text));
    match code {
        0x04 | 0x05 | 0x10 | 0x11 => Fault::Suite,
        0x01 | 0x0b => Fault::Told(ProbeError::Failed(format!(
            "the BMC at {lan} has no session left: others hold them all, and idle ones end after a \
             minute"
        ))),
        0x09 | 0x0a => denied(too_high(lan)),
        0x0c | 0x0d => denied(format!(
            "the BMC at {lan} does not know the user `{user}`, or not for `{privilege}`: create it \
             there, enable it for IPMI over LAN, or correct `user`"
        )),
        0x0f => denied(wrong_password(lan)),
        _ => Fault::Told(ProbeError::Failed(format!(
            "the BMC at {lan} opened no session: status {code:#04x} of IPMI 2.0 table 13-15"
        ))),
    }
}

/// The privilege is not the user's to have.
pub(super) fn too_high(lan: &Lan) -> String {
    format!(
        "the BMC at {lan} does not give the user `{}` the privilege `{}`: ask for less with \
         `privilege`, or raise the user's limit for IPMI over LAN there",
        lan.user, lan.privilege
    )
}

/// The BMC and the configuration know different passwords.
pub(super) fn wrong_password(lan: &Lan) -> String {
    format!(
        "the BMC at {lan} and the configuration have different passwords for the user `{}`: correct \
         `password`",
        lan.user
    )
}
