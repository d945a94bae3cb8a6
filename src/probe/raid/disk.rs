//! Which disk to pull: model, serial number and place of the disk behind a member's name.

use crate::host::Host;
use crate::host::dir;
use crate::host::file::{Shape, read, read_line};

/// The whole disk that holds a partition: `sdb` for `sdb1`, `nvme0n1` for `nvme0n1p2`; itself for
/// a disk.
fn whole_disk(host: &Host, name: &str) -> String {
    if dir::exists(host, &format!("sys/block/{name}")) {
        return name.to_owned();
    }
    // A partition's folder stands in its disk's.
    let trimmed = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let candidates = [trimmed, trimmed.strip_suffix('p').unwrap_or(trimmed)];
    for candidate in candidates {
        if candidate != name && dir::exists(host, &format!("sys/block/{candidate}/{name}")) {
            return candidate.to_owned();
        }
    }
    name.to_owned()
}

/// `ST2000NM0008, serial ZC1A77Q2, at 0:0:3:0`; empty if the kernel tells nothing.
pub(super) fn identity(host: &Host, member: &str) -> String {
    let disk = whole_disk(host, member);
    let attribute = |name: &str| {
        read_line(host, &format!("sys/block/{disk}/{name}")).ok().filter(|text| !text.is_empty())
    };
    let mut parts = Vec::new();
    if let Some(model) = attribute("device/model") {
        parts.push(model);
    }
    let serial = serial_page(host, &disk)
        .or_else(|| attribute("device/serial"))
        .or_else(|| attribute("serial"));
    if let Some(serial) = serial {
        parts.push(format!("serial {serial}"));
    } else if let Some(wwid) = attribute("device/wwid").or_else(|| attribute("wwid")) {
        parts.push(format!("id {wwid}"));
    }
    if let Some(slot) = enclosure_slot(host, &disk) {
        parts.push(format!("slot {slot}"));
    } else if let Some(place) = dir::link_name(host, &format!("sys/block/{disk}/device")) {
        parts.push(format!("at {place}"));
    }
    parts.join(", ")
}

/// Serial number from the SCSI page 0x80: four bytes of header, then text.
fn serial_page(host: &Host, disk: &str) -> Option<String> {
    let page = read(host, &format!("sys/block/{disk}/device/vpd_pg80"), Shape::Whole).ok()?;
    let text = String::from_utf8_lossy(page.get(4..)?).into_owned();
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0').to_owned();
    (!text.is_empty()).then_some(text)
}

/// The bay, where an enclosure (SES) says which one: `device/enclosure_device:Slot 03`.
fn enclosure_slot(host: &Host, disk: &str) -> Option<String> {
    dir::names(host, &format!("sys/block/{disk}/device"))
        .ok()?
        .iter()
        .find_map(|name| name.strip_prefix("enclosure_device:"))
        .map(|slot| slot.trim().trim_start_matches("Slot ").to_owned())
}

/// `sdb1 (ST2000NM0008, serial ZC1A77Q2)`, or the bare name.
pub(super) fn described(host: &Host, member: &str) -> String {
    match identity(host, member) {
        identity if identity.is_empty() => member.to_owned(),
        identity => format!("{member} ({identity})"),
    }
}
