//! One btrfs file system with its devices, from sysfs or from what the tool printed. Owns: which
//! file says what, and how the file system is called. Must not know: how bad it is.

use crate::host::file::{Shape, read, read_line};
use crate::host::mounts::Format;
use crate::host::{Host, dir};
use crate::model::reading::ProbeError;
use crate::parse::btrfs::{Errors, device_stats, error_stats, show};
use crate::parse::mount::{self, readable};

const SYSFS: &str = "sys/fs/btrfs";

/// A file system.
#[derive(Debug, Clone, Default)]
pub(super) struct Volume {
    /// Mount point, else what its source calls it: UUID in sysfs, label in the tool's listing.
    pub(super) name: String,
    pub(super) uuid: String,
    pub(super) label: String,
    pub(super) mount: Option<String>,
    pub(super) devices: Vec<Device>,
    /// Devices that belong to it, if more than are listed.
    pub(super) total: u64,
    /// Whether some are missing and nothing tells which.
    pub(super) some_missing: bool,
    /// `data`, `metadata`, `system`; its profile; bytes used in it.
    pub(super) profiles: Vec<(&'static str, String, Option<u64>)>,
    /// `none`, `balance`, `device replace`.
    pub(super) operation: String,
    /// Names of its devices that are there; which number each has, sysfs does not tell.
    pub(super) present: Vec<String>,
    /// Whether only error counters are known of it.
    pub(super) counters_only: bool,
}

/// One of its devices.
#[derive(Debug, Clone, Default)]
pub(super) struct Device {
    /// Number within the file system, or the name where that is not known.
    pub(super) id: String,
    /// `sda1`, empty if it is not known.
    pub(super) name: String,
    pub(super) missing: bool,
    /// Gone from the machine though the file system counts on it.
    pub(super) vanished: bool,
    pub(super) errors: Option<Errors>,
    /// Whether the counters grew a short time ago.
    pub(super) growing: bool,
}

impl Device {
    /// `sda1`, else `device 2`.
    pub(super) fn shown(&self) -> String {
        if self.name.is_empty() { format!("device {}", self.id) } else { self.name.clone() }
    }
}

impl Volume {
    /// `raid1`, `raid0 (metadata raid1)`; empty if nothing tells.
    pub(super) fn level(&self) -> String {
        let of = |kind| {
            let mut names: Vec<&str> = self
                .profiles
                .iter()
                .filter(|(k, _, used)| *k == kind && *used != Some(0))
                .map(|(_, profile, _)| profile.as_str())
                .collect();
            names.sort_unstable();
            names.join("+")
        };
        match (of("data"), of("metadata")) {
            (data, metadata) if data == metadata || metadata.is_empty() => data,
            (data, metadata) if data.is_empty() => metadata,
            (data, metadata) => format!("{data} (metadata {metadata})"),
        }
    }

    fn named(mut self) -> Self {
        let label = Some(self.label.clone()).filter(|label| !label.is_empty());
        if self.name.is_empty() {
            self.name = self.mount.clone().or(label).unwrap_or_else(|| self.uuid.clone());
        }
        self
    }

    /// Takes over counters that the tool printed.
    pub(super) fn take_stats(&mut self, stats: &[(String, Errors)]) {
        for (path, errors) in stats {
            let name = base(path);
            let id = path.strip_prefix("devid:").unwrap_or_default();
            let known = self.devices.iter_mut().find(|d| d.name == name || d.id == id);
            if let Some(device) = known {
                device.errors = Some(*errors);
            } else {
                let name = name.to_owned();
                let errors = Some(*errors);
                self.devices.push(Device { id: path.clone(), name, errors, ..Device::default() });
            }
        }
    }
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// File systems that the kernel has open.
pub(super) fn from_kernel(host: &Host) -> Result<Vec<Volume>, ProbeError> {
    let names = match dir::names(host, SYSFS) {
        Ok(names) => names,
        Err(ProbeError::Absent(_)) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    // Beside them stands `features`; a UUID has 36 letters.
    let uuids: Vec<String> = names.into_iter().filter(|name| name.len() == 36).collect();
    if uuids.is_empty() {
        return Ok(Vec::new());
    }
    let mounts = mounts(host);
    Ok(uuids.into_iter().map(|uuid| volume(host, uuid, &mounts)).collect())
}

/// Device and place of every btrfs mount, shortest place first.
fn mounts(host: &Host) -> Vec<(String, String)> {
    let Ok(table) = host.mount_table_now() else { return Vec::new() };
    let lines = match table.format {
        Format::MountInfo => mount::mountinfo(&table.text),
        Format::Mounts => mount::mounts(&table.text),
    };
    let mut mounts: Vec<(String, String)> = lines
        .into_iter()
        .filter(|line| line.fstype == "btrfs")
        .map(|line| (base(&readable(&line.source)).to_owned(), readable(&line.place)))
        .collect();
    mounts.sort_by_key(|(_, place)| (place.len(), place.clone()));
    mounts
}

fn volume(host: &Host, uuid: String, mounts: &[(String, String)]) -> Volume {
    let folder = format!("{SYSFS}/{uuid}");
    let mut names = dir::names(host, &format!("{folder}/devices")).unwrap_or_default();
    let mut devices = Vec::new();
    for id in dir::names(host, &format!("{folder}/devinfo")).unwrap_or_default() {
        let info = format!("{folder}/devinfo/{id}");
        let flag = |name| read_line(host, &format!("{info}/{name}")).is_ok_and(|text| text == "1");
        // The target of a running replacement is no member yet.
        if flag("replace_target") {
            continue;
        }
        let errors = read(host, &format!("{info}/error_stats"), Shape::Whole).ok();
        let errors = errors.and_then(|text| error_stats(&text));
        devices.push(Device { id, missing: flag("missing"), errors, ..Device::default() });
    }
    devices.sort_by_key(|device| device.id.parse::<u64>().unwrap_or(u64::MAX));
    let aliases: Vec<String> = names
        .iter()
        .filter_map(|name| read_line(host, &format!("sys/block/{name}/dm/name")).ok())
        .collect();
    let mount = mounts
        .iter()
        .find(|(source, _)| names.contains(source) || aliases.contains(source))
        .map(|(_, place)| place.clone());
    let gone = vanished(host, &names);
    let present: Vec<String> = names.iter().filter(|name| !gone.contains(name)).cloned().collect();
    if devices.is_empty() {
        devices = names
            .drain(..)
            .map(|name| Device { id: name.clone(), name, ..Device::default() })
            .collect();
    } else if devices.iter().filter(|device| !device.missing).count() == 1 && names.len() == 1 {
        // No file tells which number belongs to which device; alone it is clear.
        if let Some(device) = devices.iter_mut().find(|device| !device.missing) {
            device.name = names.pop().unwrap_or_default();
        }
    }
    for name in gone {
        let by_name = devices.iter().position(|device| device.name == name);
        // No file tells its number; one of those that nothing names it must be.
        let nameless = || devices.iter().rposition(|d| d.name.is_empty() && !d.missing);
        match by_name.or_else(nameless).and_then(|at| devices.get_mut(at)) {
            Some(device) => {
                device.vanished = true;
                device.name = name;
            }
            None => {
                devices.push(Device { id: name.clone(), name, vanished: true, ..Device::default() })
            }
        }
    }
    let label = read_line(host, &format!("{folder}/label")).unwrap_or_default();
    let name = mount.clone().unwrap_or_else(|| uuid.clone());
    let operation = read_line(host, &format!("{folder}/exclusive_operation")).unwrap_or_default();
    let total = u64::try_from(devices.len()).unwrap_or_default();
    let profiles = profiles(host, &folder);
    Volume {
        name,
        uuid,
        label,
        mount,
        devices,
        total,
        profiles,
        operation,
        present,
        ..Volume::default()
    }
    .named()
}

/// Devices of the file system that the machine does not have any more.
fn vanished(host: &Host, names: &[String]) -> Vec<String> {
    let is_there = |name: &&String| dir::exists(host, &format!("sys/class/block/{name}"));
    // A recording without any of them was made without block devices.
    if host.is_recorded() && !names.iter().any(|name| is_there(&name)) {
        return Vec::new();
    }
    names.iter().filter(|name| !is_there(name)).cloned().collect()
}

fn profiles(host: &Host, folder: &str) -> Vec<(&'static str, String, Option<u64>)> {
    const KNOWN: &[&str] =
        &["single", "dup", "raid0", "raid1", "raid1c3", "raid1c4", "raid10", "raid5", "raid6"];
    let mut profiles = Vec::new();
    for kind in ["data", "metadata", "system"] {
        let place = format!("{folder}/allocation/{kind}");
        for name in dir::names(host, &place).unwrap_or_default() {
            if KNOWN.contains(&name.as_str()) {
                let used = read_line(host, &format!("{place}/{name}/used_bytes")).ok();
                profiles.push((kind, name, used.and_then(|used| used.parse().ok())));
            }
        }
    }
    profiles
}

/// Adds what the tool printed on a recorded machine.
pub(super) fn from_tool(volumes: &mut Vec<Volume>, listing: &[u8], stats: &[u8]) {
    for shown in show(listing) {
        let known = volumes.iter_mut().find(|volume| volume.uuid == shown.uuid);
        let devices: Vec<Device> = shown
            .devices
            .into_iter()
            .map(|(id, path, missing)| {
                let name = base(&path).to_owned();
                Device { id, name, missing, ..Device::default() }
            })
            .collect();
        if let Some(volume) = known {
            volume.some_missing |= shown.some_missing;
            for device in devices.into_iter().filter(|device| device.missing) {
                match volume.devices.iter_mut().find(|known| known.id == device.id) {
                    Some(known) => known.missing = true,
                    None => volume.devices.push(device),
                }
            }
        } else {
            volumes.push(
                Volume {
                    uuid: shown.uuid,
                    label: shown.label,
                    devices,
                    total: shown.total,
                    some_missing: shown.some_missing,
                    ..Volume::default()
                }
                .named(),
            );
        }
    }
    let mut rest = Vec::new();
    for (path, errors) in device_stats(stats) {
        let owner = volumes
            .iter_mut()
            .find(|volume| volume.devices.iter().any(|device| device.name == base(&path)));
        match owner {
            Some(volume) => volume.take_stats(&[(path, errors)]),
            None => rest.push((path, errors)),
        }
    }
    if !rest.is_empty() {
        // A recording of the counters alone names no file system.
        let name = "device stats".to_owned();
        let mut volume = Volume { name, counters_only: true, ..Volume::default() };
        volume.take_stats(&rest);
        volume.total = u64::try_from(volume.devices.len()).unwrap_or_default();
        volumes.push(volume);
    }
}
