//! Whether the BMC can be asked, and by the agent's user; what to do where it cannot.
//!
//! Owns: the traces that a BMC leaves on a machine without its device. Must not know: what a BMC
//! tells.

use std::os::unix::fs::MetadataExt as _;

use super::finding::Finding;
use crate::host::Host;
use crate::host::dir;
use crate::host::ipmi::{self, Access, Request, Target};
use crate::model::reading::ProbeError;
use crate::parse::account::{Account, Right};
use crate::parse::ipmi::device::Device;
use crate::parse::ipmi::words::manufacturer_word;

const ABOUT: &str = "bmc";
/// Get Device ID (IPMI 2.0 section 20.1): every BMC answers it to everybody.
const DEVICE_ID: (u8, u8) = (0x06, 0x01);
const DEVICE: &str = "dev/ipmi0";
const LOAD: &str = "load the modules: modprobe -a ipmi_si ipmi_devintf; and at every start: echo \
                    ipmi_devintf > /etc/modules-load.d/ipmi.conf";

/// Looks. `user` is the agent's, where it is known and another than who looks.
pub(in crate::cli) fn look(host: &Host, user: Option<&Account>) -> Finding {
    match host.bmc() {
        Access::Off => Finding::fine(ABOUT, "the configuration leaves it alone"),
        Access::Unusable(why) => Finding::missing(
            ABOUT,
            why.clone(),
            "correct `password` in section `bmc`, then: hostwatch reload",
        ),
        Access::InBand => in_band(host, user),
        Access::Lan(_) => match ask(host) {
            Ok(who) => Finding::fine(ABOUT, who),
            Err(error) => Finding::missing(ABOUT, error.to_string(), over_lan(&error)),
        },
    }
}

fn in_band(host: &Host, user: Option<&Account>) -> Finding {
    if let Some(finding) = user.and_then(|user| closed_to(host, user)) {
        return finding;
    }
    // A recording holds what a BMC said, in a folder of the device's name, or nothing of it.
    if host.is_recorded() && !host.path(DEVICE).is_dir() {
        return no_device(host);
    }
    match ask(host) {
        Ok(who) => Finding::fine(ABOUT, who),
        Err(ProbeError::Absent(_)) => no_device(host),
        // Whoever looks may not; the agent was found to be let in above.
        Err(ProbeError::Denied(_)) if user.is_some() => Finding::fine(
            ABOUT,
            "the agent's user may open its device; run `hostwatch doctor` as root to ask it",
        ),
        Err(error @ ProbeError::Denied(_)) => Finding::missing(
            ABOUT,
            error.to_string(),
            "run `hostwatch doctor` as root to see it as the agent may",
        ),
        Err(error) => Finding::missing(
            ABOUT,
            error.to_string(),
            "see what the kernel says: dmesg | grep -i ipmi; a BMC that hangs is restarted by \
             taking the machine's power away",
        ),
    }
}

/// The device as it is shut to a user.
fn closed_to(host: &Host, user: &Account) -> Option<Finding> {
    let facts = host.path(DEVICE).metadata().ok().filter(|facts| !facts.is_dir())?;
    let (mode, owner, group) = (facts.mode() & 0o7777, facts.uid(), facts.gid());
    // Opened for reading it takes every question.
    if user.may(Right::Read, mode, owner, group) {
        return None;
    }
    Some(Finding::missing(
        ABOUT,
        format!(
            "the agent's user {} may not open /{DEVICE} (mode {mode:04o}, owner {owner}, group {group})",
            user.name
        ),
        format!(
            "install systemd/60-hostwatch-ipmi.rules into /usr/lib/udev/rules.d, then: udevadm \
             control --reload && udevadm trigger /{DEVICE}"
        ),
    ))
}

/// No device: a fault only where the firmware says that there is a BMC.
fn no_device(host: &Host) -> Finding {
    let Some(trace) = trace(host) else {
        return Finding::fine(ABOUT, "this machine shows none");
    };
    let text = format!("this machine has one ({trace}), and there is no /{DEVICE}");
    let loaded = |module: &str| dir::exists(host, &format!("sys/module/{module}"));
    let driven = loaded("ipmi_si") || loaded("ipmi_ssif");
    if driven && loaded("ipmi_devintf") {
        let todo = "the modules are loaded and found nothing: see dmesg | grep -i ipmi, and the BMC's \
                    settings in the firmware";
        return Finding::missing(ABOUT, text, todo);
    }
    Finding::missing(ABOUT, text, LOAD)
}

/// A BMC that the firmware names and that has no device to be asked through, with what to do: what
/// no instance can tell.
pub(in crate::cli) fn without_device(host: &Host) -> Option<(String, String)> {
    if *host.bmc() != Access::InBand || dir::exists(host, DEVICE) {
        return None;
    }
    let finding = no_device(host);
    (!finding.ok).then(|| (finding.about, format!("{}; {}", finding.text, finding.todo)))
}

/// Where the firmware names a BMC: ACPI's device of that id, the table SPMI, or the record of type
/// 38 in SMBIOS (IPMI 2.0 appendix C1 and C3).
fn trace(host: &Host) -> Option<String> {
    let first = |folder: &str, head: &str| {
        let names = dir::names(host, folder).unwrap_or_default();
        names.into_iter().find(|name| name.starts_with(head))
    };
    if let Some(name) = first("sys/bus/acpi/devices", "IPI0001") {
        return Some(format!("ACPI device {name}"));
    }
    if dir::exists(host, "sys/firmware/acpi/tables/SPMI") {
        return Some("ACPI table SPMI".to_owned());
    }
    first("sys/firmware/dmi/entries", "38-").map(|name| format!("SMBIOS record {name}"))
}

/// Asks the BMC who it is.
fn ask(host: &Host) -> Result<String, ProbeError> {
    let mut door = ipmi::open(host, host.bmc())?;
    let (netfn, command) = DEVICE_ID;
    let request = Request { netfn, command, target: Target::BMC, data: Vec::new() };
    let answer = door.ask(&request)?;
    if answer.code != 0 && host.is_recorded() {
        return Ok("is recorded".to_owned());
    }
    if answer.code != 0 {
        let text = format!("the BMC does not say who it is (completion code {:#04x})", answer.code);
        return Err(ProbeError::Unsupported(text));
    }
    let device =
        Device::parse(&answer.data).map_err(|error| ProbeError::Malformed(error.to_string()))?;
    let maker = manufacturer_word(device.manufacturer);
    let maker =
        maker.map_or_else(|| format!("manufacturer {}", device.manufacturer), str::to_owned);
    let way = match host.bmc() {
        Access::Lan(lan) => format!("over the network at {lan}"),
        Access::InBand | Access::Off | Access::Unusable(_) => format!("through /{DEVICE}"),
    };
    let (version, firmware) = (&device.ipmi_version, &device.firmware);
    Ok(format!("answers {way}: IPMI {version}, {maker}, firmware {firmware}"))
}

fn over_lan(error: &ProbeError) -> &'static str {
    match error {
        ProbeError::TimedOut(_) | ProbeError::Absent(_) => {
            "is `host` right, IPMI over LAN switched on in the BMC, UDP port 623 open up to it?"
        }
        ProbeError::Denied(_) => {
            "are `user`, `password` and `privilege` of section `bmc` right, and may that user use \
             IPMI over LAN?"
        }
        ProbeError::Unsupported(_) | ProbeError::Malformed(_) => {
            "try another `cipher` or `privilege` in section `bmc`, or a newer firmware of the BMC"
        }
        ProbeError::Failed(_) => "correct `host` in section `bmc`, or the way to it",
    }
}

#[cfg(test)]
mod tests;
