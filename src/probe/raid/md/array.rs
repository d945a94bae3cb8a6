//! One md array as sysfs and mdstat show it together. Owns: which file says what. Must not know:
//! what it means.

use crate::host::Host;
use crate::host::dir;
use crate::host::file::read_line;
use crate::parse::mdstat;

/// What sysfs says of one array; files that an array does not have are none.
#[derive(Debug, Clone, Default)]
pub(super) struct Attributes {
    pub(super) array_state: Option<String>,
    pub(super) level: Option<String>,
    /// Places; during a reshape the new number.
    pub(super) raid_disks: Option<u64>,
    /// Places without a member in sync. Absent for striped arrays.
    pub(super) degraded: Option<u64>,
    pub(super) sync_action: Option<String>,
    pub(super) last_sync_action: Option<String>,
    /// Done and all, in sectors. Lags behind mdstat.
    pub(super) sync_completed: Option<(u64, u64)>,
    pub(super) mismatches: Option<u64>,
    pub(super) metadata: Option<String>,
    /// RAID10: number of copies beside each other and far apart.
    pub(super) copies: Option<(u64, u64)>,
    pub(super) members: Vec<Member>,
}

/// A member as sysfs shows it.
#[derive(Debug, Clone, Default)]
pub(super) struct Member {
    pub(super) device: String,
    /// The words of `state`: `in_sync`, `faulty`, `spare`, `want_replacement`, ...
    pub(super) states: Vec<String>,
    pub(super) slot: Option<usize>,
    /// Its block device does not exist any more, whatever the state says.
    pub(super) vanished: bool,
    /// Read errors that were repaired.
    pub(super) errors: u64,
    /// Whether ranges are written down as unreadable.
    pub(super) bad_blocks: bool,
}

impl Member {
    pub(super) fn is(&self, word: &str) -> bool {
        self.states.iter().any(|state| state == word)
    }
}

/// Both views of one array.
#[derive(Debug, Clone, Default)]
pub(super) struct Array {
    pub(super) name: String,
    pub(super) text: Option<mdstat::Array>,
    pub(super) sys: Option<Attributes>,
}

impl Array {
    /// `raid1`; empty for an array that does not run.
    pub(super) fn level(&self) -> &str {
        let text = self.text.as_ref().and_then(|text| text.personality.as_deref());
        let sys = self.sys.as_ref().and_then(|sys| sys.level.as_deref());
        text.or(sys).unwrap_or_default()
    }

    /// The firmware's format if this is no array but the container of some: `imsm`, `ddf`.
    pub(super) fn container(&self) -> Option<String> {
        // An array within a container says `external:/md127/0`.
        let format = |metadata: &str| {
            metadata
                .strip_prefix("external:")
                .filter(|format| !format.starts_with(['/', '-']))
                .map(str::to_owned)
        };
        if let Some(text) = &self.text {
            let inactive = text.activity == "inactive" && text.personality.is_none();
            return text.metadata.as_deref().and_then(format).filter(|_| inactive);
        }
        let sys = self.sys.as_ref()?;
        let named = sys.metadata.as_deref().and_then(format);
        match sys.level.as_deref() {
            Some("container") => Some(named.unwrap_or_else(|| "firmware".to_owned())),
            Some("") | None => named,
            Some(_) => None,
        }
    }

    /// A member's slot, where sysfs tells.
    pub(super) fn slot(&self, device: &str) -> Option<usize> {
        self.sys.as_ref()?.members.iter().find(|member| member.device == device)?.slot
    }
}

/// A line, none if the file is absent or empty.
fn line(host: &Host, path: &str) -> Option<String> {
    read_line(host, path).ok().filter(|text| !text.is_empty())
}

/// The first number of a text such as `11 (10)`.
fn first_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

/// Reads what sysfs says of `name`, none if it is no md array.
pub(super) fn attributes(host: &Host, name: &str) -> Option<Attributes> {
    let folder = format!("sys/block/{name}/md");
    let entries = dir::names(host, &folder).ok()?;
    let attribute = |name: &str| line(host, &format!("{folder}/{name}"));
    let mut members: Vec<Member> = entries
        .iter()
        .filter_map(|entry| Some((entry, entry.strip_prefix("dev-")?)))
        .map(|(entry, device)| member(host, &format!("{folder}/{entry}"), device))
        .collect();
    for (slot, device) in entries.iter().filter_map(|entry| {
        let slot = entry.strip_prefix("rd")?.parse().ok()?;
        Some((slot, dir::link_name(host, &format!("{folder}/{entry}"))?))
    }) {
        let device = device.strip_prefix("dev-").unwrap_or(&device).to_owned();
        if let Some(member) = members.iter_mut().find(|member| member.device == device) {
            member.slot = member.slot.or(Some(slot));
        }
    }
    if host.is_recorded() && members.iter().all(|member| member.vanished) {
        // A recording of the array without its disks.
        for member in &mut members {
            member.vanished = false;
        }
    }
    let level = read_line(host, &format!("{folder}/level")).ok();
    let layout = attribute("layout").and_then(|text| first_number(&text));
    Some(Attributes {
        array_state: attribute("array_state"),
        raid_disks: attribute("raid_disks").and_then(|text| first_number(&text)),
        degraded: attribute("degraded").and_then(|text| first_number(&text)),
        sync_action: attribute("sync_action"),
        last_sync_action: attribute("last_sync_action"),
        sync_completed: attribute("sync_completed").and_then(|text| {
            let (done, all) = text.split_once('/')?;
            Some((done.trim().parse().ok()?, all.trim().parse().ok()?))
        }),
        mismatches: attribute("mismatch_cnt").and_then(|text| first_number(&text)),
        metadata: attribute("metadata_version"),
        copies: layout
            .filter(|_| level.as_deref() == Some("raid10"))
            .map(|layout| ((layout & 0xff).max(1), ((layout >> 8) & 0xff).max(1))),
        level,
        members,
    })
}

fn member(host: &Host, folder: &str, device: &str) -> Member {
    let attribute = |name: &str| line(host, &format!("{folder}/{name}"));
    Member {
        // A slash in the name of a device is a `!` in sysfs.
        device: device.replace('!', "/"),
        states: attribute("state")
            .map(|text| text.split(',').map(|word| word.trim().to_owned()).collect())
            .unwrap_or_default(),
        slot: attribute("slot").and_then(|text| text.parse().ok()),
        vanished: vanished(host, folder, device),
        errors: attribute("errors").and_then(|text| first_number(&text)).unwrap_or_default(),
        bad_blocks: attribute("bad_blocks").is_some()
            || attribute("unacknowledged_bad_blocks").is_some(),
    }
}

/// Whether the member's block device is gone: md itself notices only at the next access.
fn vanished(host: &Host, folder: &str, device: &str) -> bool {
    if !dir::exists(host, "sys/class/block") {
        // Recordings of /sys/block alone hold partitions within their disks.
        return dir::exists(host, &format!("{folder}/block"))
            && dir::names(host, &format!("{folder}/block")).is_err();
    }
    !dir::exists(host, &format!("sys/class/block/{device}"))
}
