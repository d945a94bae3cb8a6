//! Files that were deleted and that a process still holds open: they take space, and no folder
//! shows them. Found through the kernel's links `/proc/PID/fd/N`, which only the process' own user
//! and root may read: how many could be is said.

use std::collections::BTreeMap;

use super::people::{People, status};
use super::processes::{numbers, stat};
use super::told::{Told, bytes, row};
use crate::host::Host;
use crate::host::dir;
use crate::host::space::DeviceNumber;
use crate::host::tree::facts_behind;
use crate::model::evidence::Row;
use crate::model::limit::OPEN_FILES;
use crate::model::text::{counted, shown};

/// Files smaller than this fill nothing, in bytes.
const BYTES_MIN: u64 = 1 << 20;
/// What the kernel writes behind the name of a deleted file.
const MARK: &str = " (deleted)";

struct Held {
    bytes: u64,
    name: String,
    holder: u32,
    holders: usize,
}

/// Lists those of a device; `mount` is where it is mounted. Gives what is to be said at the end where
/// nothing was found and not everything seen.
#[must_use]
pub(super) fn tell(
    host: &Host,
    mount: &str,
    device: DeviceNumber,
    told: &mut Told<'_>,
) -> Option<String> {
    let mut held: BTreeMap<u64, Held> = BTreeMap::new();
    let (mut all, mut seen, mut room) = (0_usize, 0_usize, OPEN_FILES);
    for pid in numbers(host) {
        let folder = format!("proc/{pid}/fd");
        let links = dir::names(host, &folder);
        // A thread of the kernel has no files, a process that has ended none any more.
        if stat(host, pid).is_none_or(|process| process.is_kernel) {
            continue;
        }
        all += 1;
        let Ok(links) = links else { continue };
        seen += 1;
        for link in links.iter().take(room) {
            room -= 1;
            let link = format!("{folder}/{link}");
            let Some(target) = dir::link_text(host, &link) else { continue };
            let Some(name) = target.strip_suffix(MARK) else { continue };
            // Asking for facts may wait for a file server: only of what is below the mount.
            if !is_below(name, mount) {
                continue;
            }
            let Ok(facts) = facts_behind(host, &link) else { continue };
            if facts.device != device || facts.links > 0 || facts.bytes < BYTES_MIN {
                continue;
            }
            let file = held.entry(facts.inode).or_insert_with(|| Held {
                bytes: facts.bytes,
                name: name.to_owned(),
                holder: pid,
                holders: 0,
            });
            // One process may hold it many times.
            file.holders += usize::from(file.holders == 0 || file.holder != pid);
        }
    }
    let people = People::of(host);
    let mut files: Vec<Held> = held.into_values().collect();
    files.sort_by_key(|held| std::cmp::Reverse(held.bytes));
    let rows: Vec<Row> = files
        .iter()
        .map(|held| {
            let uid = status(host, held.holder).map(|status| status.uid);
            let holder = stat(host, held.holder)
                .map_or_else(|| format!("[{}]", held.holder), |p| people.describe(&p, uid));
            let more = match held.holders {
                0 | 1 => String::new(),
                more => format!(" and {}", counted(more - 1, "other", "others")),
            };
            row(bytes(held.bytes), format!("{}, held by {holder}{more}", shown(&held.name)))
        })
        .collect();
    let coverage = format!("open files of {seen} of {all} processes could be seen");
    if rows.is_empty() {
        let remark = || format!("Deleted files that are still open: none found ({coverage})");
        return (seen < all).then(remark);
    }
    told.list(format!("Deleted but still open: only the process gives it back ({coverage})"), rows);
    None
}

/// Whether a path lies below a mount point, by its text.
fn is_below(path: &str, mount: &str) -> bool {
    let mount = mount.trim_end_matches('/');
    path.strip_prefix(mount).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::is_below;

    #[test]
    fn a_mount_holds_what_is_below_it() {
        assert!(is_below("/data/x", "/data") && is_below("/x", "/"));
        assert!(!is_below("/data2/x", "/data") && !is_below("pipe:[1]", "/"));
    }
}
