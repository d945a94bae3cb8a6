//! What fills a file system: files written to lately, put together by folder, and deleted files that
//! are still open. Of one that runs out of inodes, the folders with most entries.

use super::heavy::{Heavy, Weight};
use super::hour::Hours;
use super::told::{Told, bytes, percent, row};
use super::walk::{Scale, Walk, walk};
use super::{Inquiry, Pace, deleted};
use crate::host::Host;
use crate::host::space::{Space, space};
use crate::host::tree::Folder;
use crate::model::evidence::Row;
use crate::model::limit::WALK_RECENT;
use crate::model::text::shown_bytes;
use crate::parse::mount::{REMOTE_TYPES, mountinfo, mounts};

/// Places are told from this share of all on, and no more than this many.
const SHARE: f64 = 0.04;
const PLACES: usize = 6;
/// What was written lately explains a full disk only if it is at least this much of what is used, in
/// percent; below it the largest folders are told instead.
const RECENT_PERCENT: f64 = 2.0;
/// Smallest place that is remembered, as a part of what is used, and in bytes where that is not known.
const REMEMBERED_PART: u64 = 4000;
const REMEMBERED_BYTES: u64 = 4096;

pub(super) fn gather(inquiry: &Inquiry, host: &Host, pace: &mut dyn Pace, told: &mut Told<'_>) {
    let Some(place) = Mounted::of(inquiry, host) else { return };
    // A walk would load the peer, and wait for it if it is gone.
    if REMOTE_TYPES.contains(&place.fstype.as_str()) || place.fstype.starts_with("fuse.") {
        let what = format!("not walked: files of type {} are not on this machine", place.fstype);
        return told.remark(format!("What fills {} is not known, {what}", place.name));
    }
    let judged = inquiry.measure.as_ref().map_or("", |measure| measure.metric.as_str());
    if judged == "readonly" {
        return;
    }
    let space = space(host, &place.path).ok();
    let top = match Folder::open(host, &place.path) {
        Ok(top) => top,
        Err(why) => return told.remark(format!("What fills {} is not known: {why}", place.name)),
    };
    let device = top.facts().ok().map(|facts| facts.device);
    let by_number = judged == "inodes_percent";
    let remark = match device {
        Some(device) if !by_number => deleted::tell(host, &place.name, device, told),
        _ => None,
    };
    let used = space.map_or(0, |space| used_bytes(&space));
    let inodes = space.map_or(0, |space| space.inodes.saturating_sub(space.inodes_free));
    let scale = Scale {
        since: inquiry.at.minus(WALK_RECENT),
        bytes_min: (used / REMEMBERED_PART).max(REMEMBERED_BYTES),
        entries_min: (inodes / REMEMBERED_PART).max(100),
    };
    let walk = walk(top, &place.path, scale, pace);
    let hours = Hours::near(inquiry.at, &inquiry.timezone);
    if by_number {
        by_entries(&walk, inodes, told);
    } else {
        by_bytes(&walk, used, &hours, told);
    }
    if let Some(remark) = remark {
        told.remark(remark);
    }
}

fn used_bytes(space: &Space) -> u64 {
    space.blocks.saturating_sub(space.blocks_free).saturating_mul(space.block_bytes)
}

fn by_bytes(walk: &Walk, used: u64, hours: &Hours, told: &mut Told<'_>) {
    let scan = scan(walk, walk.seen.bytes, used);
    let hours_back = WALK_RECENT.as_millis() / 3_600_000;
    let recent = |weight: &Weight| weight.recent_bytes;
    if percent(walk.seen.recent_bytes, used.max(walk.seen.bytes)) >= RECENT_PERCENT {
        let heavy = walk.places.heaviest(SHARE, recent);
        let rows: Vec<Row> = heavy
            .iter()
            .take(PLACES)
            .map(|heavy| row(bytes(heavy.weight.recent_bytes), written(heavy, hours)))
            .collect();
        let all = bytes(walk.seen.recent_bytes);
        told.list(format!("Written in the last {hours_back} h: {all} ({scan})"), rows);
        return;
    }
    let heavy = walk.places.heaviest(SHARE, |weight| weight.bytes);
    let rows = heavy.iter().take(PLACES).map(|heavy| {
        let files = files(heavy.weight.entries, heavy);
        row(bytes(heavy.weight.bytes), format!("{}{files}", name(heavy)))
    });
    let recent = bytes(walk.seen.recent_bytes);
    let heading =
        format!("Largest folders; only {recent} were written in the last {hours_back} h ({scan})");
    told.list(heading, rows.collect());
}

fn by_entries(walk: &Walk, inodes: u64, told: &mut Told<'_>) {
    let scan = scan(walk, walk.seen.entries, inodes);
    let heavy = walk.places.heaviest(SHARE, |weight| weight.entries);
    let rows =
        heavy.iter().take(PLACES).map(|heavy| row(heavy.weight.entries.to_string(), name(heavy)));
    told.list(format!("Folders with most files ({scan})"), rows.collect());
}

/// `9s scan, 96% of the used space seen, 3 folders may not be read`.
fn scan(walk: &Walk, seen: u64, used: u64) -> String {
    let mut text = format!("{} scan", seconds(walk));
    if used > 0 {
        text.push_str(&format!(", {:.0}% of what is used was seen", percent(seen.min(used), used)));
    }
    if walk.denied > 0 {
        let folders = if walk.denied == 1 { "folder" } else { "folders" };
        text.push_str(&format!(", {} {folders} could not be read", walk.denied));
    }
    if let Some(why) = walk.cut {
        text.push_str(&format!(", not finished: {why}"));
    }
    text
}

fn seconds(walk: &Walk) -> String {
    format!("{} s", (walk.took.as_millis() + 500) / 1000)
}

/// `/data/pg_wal/, 412 files, newest 03:11`.
fn written(heavy: &Heavy, hours: &Hours) -> String {
    let weight = &heavy.weight;
    let mut text = name(heavy);
    text.push_str(&files(weight.recent_files, heavy));
    text.push_str(&format!(", newest {}", hours.short(weight.newest)));
    // A database file is large and written to all day, and fills nothing by that.
    if weight.new_bytes.saturating_mul(2) < weight.recent_bytes {
        text.push_str(&format!(", {} of it in new files", bytes(weight.new_bytes)));
    }
    text
}

fn files(count: u64, heavy: &Heavy) -> String {
    match count {
        _ if heavy.path.last() != Some(&b'/') => String::new(),
        1 => ", 1 file".to_owned(),
        count => format!(", {count} files"),
    }
}

fn name(heavy: &Heavy) -> String {
    let name = shown_bytes(&heavy.path);
    if heavy.is_rest { format!("elsewhere below {name}") } else { name }
}

/// The mount that is asked about.
struct Mounted {
    /// As the system has it.
    path: Vec<u8>,
    /// As a person reads it.
    name: String,
    fstype: String,
}

impl Mounted {
    /// Its name in the question is readable; the bytes are those of the mount with this name.
    fn of(inquiry: &Inquiry, host: &Host) -> Option<Self> {
        let fact = |name: &str| {
            let found = inquiry.facts.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.clone())
        };
        let name = fact("mount").unwrap_or_else(|| inquiry.id.instance.to_string());
        let fstype = fact("fstype").or_else(|| fact("type")).unwrap_or_default();
        let table = host.mount_table_now().ok();
        let list = table.map(|table| match table.format {
            crate::host::mounts::Format::MountInfo => mountinfo(&table.text),
            crate::host::mounts::Format::Mounts => mounts(&table.text),
        });
        let readable = crate::parse::mount::readable;
        let found = list.unwrap_or_default().into_iter().rev().find(|m| readable(&m.place) == name);
        let path = match found {
            Some(mount) => mount.place,
            None if name.starts_with('/') => name.clone().into_bytes(),
            None => return None,
        };
        Some(Self { path, name, fstype })
    }
}
