//! Which chips there are, where each one's attributes lie, and what each is called.
//!
//! A chip is known by its name and the path of its device (bus address, PCI slot), never by its
//! `hwmon` number, which follows the order in which drivers were loaded.

use std::collections::HashMap;

use crate::host::Host;
use crate::host::dir::{exists, link_path, names};
use crate::host::file::read_line;
use crate::model::reading::ProbeError;
use crate::model::text::shown_within;

const CLASS: &str = "sys/class/hwmon";
/// Chips of one machine: a storage server has one a disk.
const CHIPS: usize = 4096;
/// Characters of a name or label: the longest label of a driver in the kernel has thirty.
pub(super) const LABEL_CHARS: usize = 64;
/// How deep below `sys/devices` a recording without a class folder is searched.
const SEARCH_DEPTH: usize = 16;
/// Folders looked into by that search.
const SEARCH_FOLDERS: usize = 20_000;

/// One chip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chip {
    /// The driver's name for it: `nct6775`, `coretemp`, `nvme`.
    pub(super) name: String,
    /// What a person calls it, unique: `coretemp`, `nvme0`, `sda`, `jc42 0-0018`.
    pub(super) shown: String,
    /// What `sensors` calls it: `nvme-pci-4f00`.
    pub(super) sensors_name: String,
    /// Path of its device below `sys/`, or of its own folder where that is not recorded.
    pub(super) location: String,
    /// Where its attributes lie.
    pub(super) folder: String,
    /// Whether it belongs to one disk and is called by that.
    pub(super) is_disk: bool,
}

impl Chip {
    /// The source that reads it: all that is needed to find it again under another number.
    pub(super) fn source(&self) -> String {
        format!("{} ({} at {})", self.shown, self.name, self.location)
    }

    /// The chip of a source, wherever it is now.
    ///
    /// # Errors
    /// Absent when there is none.
    pub(super) fn find(host: &Host, source: &str) -> Result<Self, ProbeError> {
        let gone = || ProbeError::Absent(format!("the sensor chip {source} is not there"));
        let (shown, rest) = source.rsplit_once(" (").ok_or_else(gone)?;
        let (name, location) =
            rest.strip_suffix(')').and_then(|rest| rest.split_once(" at ")).ok_or_else(gone)?;
        let at = |folder: &String| {
            let chip = Self::at(host, folder)?;
            let own = folder.strip_prefix("sys/") == Some(location);
            (chip.name == name && (own || chip.location == location)).then_some(chip)
        };
        let mut chip = folders_of(host, location)
            .iter()
            .find_map(at)
            // A recording may have the class alone, without the devices behind it.
            .or_else(|| folders(host).ok()?.iter().find_map(at))
            .ok_or_else(gone)?;
        shown.clone_into(&mut chip.shown);
        Ok(chip)
    }

    /// The chip whose folder this is.
    fn at(host: &Host, folder: &str) -> Option<Self> {
        let device = device_of(host, folder);
        // Drivers of the old registration have their name and attributes with the device.
        let mut place = folder.to_owned();
        let mut name = read_line(host, &format!("{folder}/name")).ok();
        if name.is_none() && !has_inputs(host, folder) {
            place = format!("{folder}/device");
            if !exists(host, &format!("{place}/name"))
                && let Some(device) = &device
            {
                place.clone_from(device);
            }
            name = read_line(host, &format!("{place}/name")).ok();
            if name.is_none() && !has_inputs(host, &place) {
                return None;
            }
        }
        let last = folder.rsplit('/').next().unwrap_or_default();
        let name = match name {
            Some(name) if !name.is_empty() => clean(&name),
            _ => clean(last_of(device.as_deref().unwrap_or(last))),
        };
        let disk = device.as_deref().and_then(|device| disk_of(host, &name, device));
        let location = device.as_deref().unwrap_or(folder);
        let location = location.strip_prefix("sys/").unwrap_or(location).to_owned();
        Some(Self {
            shown: disk.clone().unwrap_or_else(|| name.clone()),
            sensors_name: sensors_name(&name, &location),
            location,
            folder: place,
            is_disk: disk.is_some(),
            name,
        })
    }

    /// Its address, for telling it from another of the same name: `0-0018`, `03:00.0`.
    fn address(&self) -> &str {
        let last = last_of(&self.location);
        last.strip_prefix("0000:").unwrap_or(last)
    }
}

/// All chips, in the order of their devices; what each is called is unique.
///
/// # Errors
/// When the list itself cannot be read.
pub(super) fn chips(host: &Host) -> Result<Vec<Chip>, ProbeError> {
    let mut chips: Vec<Chip> = Vec::new();
    for folder in folders(host)? {
        let Some(mut chip) = Chip::at(host, &folder) else { continue };
        // A second chip of that name on one device is known by its own folder.
        if chips.iter().any(|c| c.location == chip.location && c.name == chip.name) {
            chip.location = folder.strip_prefix("sys/").unwrap_or(&folder).to_owned();
        }
        chips.push(chip);
    }
    chips.sort_by(|a, b| (&a.location, &a.name).cmp(&(&b.location, &b.name)));
    for step in [one_with_address, one_with_location] {
        let mut count: HashMap<String, u32> = HashMap::new();
        for chip in &chips {
            *count.entry(chip.shown.clone()).or_default() += 1;
        }
        for chip in &mut chips {
            if count.get(&chip.shown).is_some_and(|count| *count > 1) {
                chip.shown = step(chip);
            }
        }
    }
    Ok(chips)
}

/// `coretemp.1`, `jc42 0-0018`.
fn one_with_address(chip: &Chip) -> String {
    let address = clean(chip.address());
    if address.starts_with(&chip.name) { address } else { format!("{} {address}", chip.name) }
}

fn one_with_location(chip: &Chip) -> String {
    format!("{} {}", chip.name, clean(&chip.location))
}

/// A name as it may stand in an instance; ` (` would end it within a source.
pub(super) fn clean(name: &str) -> String {
    let name = shown_within(name.trim(), LABEL_CHARS).into_owned();
    name.replace('(', "[").replace(')', "]")
}

fn last_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

fn is_hwmon(name: &str) -> bool {
    name.strip_prefix("hwmon")
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Folders of all chips, by their real paths where the recording has them.
fn folders(host: &Host) -> Result<Vec<String>, ProbeError> {
    let mut folders = match names(host, CLASS) {
        Ok(names) => names
            .iter()
            .filter(|name| is_hwmon(name))
            .map(|name| {
                let entry = format!("{CLASS}/{name}");
                link_path(host, &entry).filter(|path| exists(host, path)).unwrap_or(entry)
            })
            .collect(),
        // No chip, no class.
        Err(ProbeError::Absent(_)) if !host.is_recorded() => Vec::new(),
        Err(ProbeError::Absent(_)) => search(host),
        Err(error) => return Err(error),
    };
    folders.sort_unstable();
    folders.dedup();
    folders.truncate(CHIPS);
    Ok(folders)
}

/// Folders that may be those of a chip at `location`.
fn folders_of(host: &Host, location: &str) -> Vec<String> {
    let place = format!("sys/{location}");
    if is_hwmon(last_of(location)) {
        return vec![place];
    }
    let below = format!("{place}/hwmon");
    [place, below]
        .iter()
        .flat_map(|folder| {
            let names = names(host, folder).unwrap_or_default();
            names.into_iter().filter(|n| is_hwmon(n)).map(move |name| format!("{folder}/{name}"))
        })
        .collect()
}

/// Chips of a recording that has devices alone.
fn search(host: &Host) -> Vec<String> {
    let mut found = Vec::new();
    let mut next = vec![("sys/devices".to_owned(), 0)];
    let mut looked_into = 0;
    while let Some((folder, depth)) = next.pop() {
        looked_into += 1;
        if looked_into > SEARCH_FOLDERS || found.len() > CHIPS {
            break;
        }
        for name in names(host, &folder).unwrap_or_default() {
            let path = format!("{folder}/{name}");
            // Links lead back up.
            if link_path(host, &path).is_some() {
                continue;
            }
            if is_hwmon(&name) {
                found.push(path);
            } else if depth < SEARCH_DEPTH {
                next.push((path, depth + 1));
            }
        }
    }
    found
}

/// The device of the chip in this folder: what `device` points to, else what the path says.
fn device_of(host: &Host, folder: &str) -> Option<String> {
    if let Some(device) = link_path(host, &format!("{folder}/device")) {
        return Some(device);
    }
    let parent = folder.rsplit_once('/')?.0;
    if parent == CLASS {
        return None;
    }
    Some(parent.strip_suffix("/hwmon").unwrap_or(parent).to_owned())
}

/// Whether a folder holds attributes of any sensor.
fn has_inputs(host: &Host, folder: &str) -> bool {
    let is_input = |name: &String| {
        ["_input", "_average", "_alarm", "_fault"].iter().any(|end| name.ends_with(end))
    };
    names(host, folder).is_ok_and(|names| names.iter().any(is_input))
}

/// The disk that a chip belongs to.
fn disk_of(host: &Host, name: &str, device: &str) -> Option<String> {
    let first = |folder: &str| {
        let names = names(host, &format!("{device}/{folder}")).unwrap_or_default();
        names.first().map(|name| clean(name))
    };
    match name {
        "nvme" => {
            let last = last_of(device);
            // Before Linux 5.15 the chip hung on the PCI device.
            if last.starts_with("nvme") { Some(clean(last)) } else { first("nvme") }
        }
        "drivetemp" => first("block"),
        _ => None,
    }
}

/// The name that `sensors` prints, as people look for it in its output.
fn sensors_name(name: &str, location: &str) -> String {
    let mut parts = location.rsplit('/');
    let mut last = parts.next().unwrap_or_default();
    if last.starts_with("nvme") {
        last = parts.find(|part| pci_address(part).is_some()).unwrap_or(last);
    }
    let bus = if let Some(address) = pci_address(last) {
        format!("pci-{address:04x}")
    } else if location.contains("/i2c-")
        && let Some((bus, address)) = last.split_once('-')
    {
        format!("i2c-{}-{}", clean(bus), clean(address.trim_start_matches('0')))
    } else if location.contains("devices/platform/") {
        let number = last.rsplit_once('.').and_then(|(_, number)| number.parse::<u32>().ok());
        format!("isa-{:04x}", number.unwrap_or(0))
    } else if location.contains("devices/virtual/") {
        "virtual-0".to_owned()
    } else {
        return name.to_owned();
    };
    format!("{name}-{bus}")
}

/// `0000:4f:00.0` as `sensors` counts it: bus, device and function in one number.
fn pci_address(part: &str) -> Option<u32> {
    let mut parts = part.split(':');
    let (_domain, bus, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let (device, function) = rest.split_once('.')?;
    let hex = |text| u32::from_str_radix(text, 16).ok().filter(|number| *number < 256);
    parts.next().is_none().then_some(())?;
    Some((hex(bus)? << 8) | (hex(device)? << 3) | (hex(function)? & 7))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chips_are_called_as_sensors_calls_them() {
        for (name, location, expected) in [
            ("k10temp", "devices/pci0000:00/0000:00:18.3", "k10temp-pci-00c3"),
            ("nvme", "devices/pci0000:00/0000:4f:00.0/nvme/nvme1", "nvme-pci-4f00"),
            ("coretemp", "devices/platform/coretemp.1", "coretemp-isa-0001"),
            ("nct6775", "devices/platform/nct6775.656", "nct6775-isa-0290"),
            ("jc42", "devices/pci0000:00/0000:00:1f.4/i2c-0/0-0018", "jc42-i2c-0-18"),
            ("acpitz", "devices/virtual/thermal/thermal_zone0", "acpitz-virtual-0"),
            ("xe", "class/hwmon/hwmon4", "xe"),
        ] {
            assert_eq!(sensors_name(name, location), expected);
        }
    }
}
