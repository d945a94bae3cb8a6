//! Directory listings and links of /sys and /dev, bounded. Reads names only.

use super::Host;
use super::file::refusal;
use crate::model::reading::ProbeError;

/// Entries of one directory that are looked at: `/sys/block` of the largest storage servers has a
/// few thousand.
pub const DIRECTORY_ENTRIES: usize = 65_536;

/// Names in a directory, sorted; names that are not UTF-8 are left out (the kernel makes none).
///
/// # Errors
/// Absent, denied or failed, naming the path.
pub fn names(host: &Host, path: &str) -> Result<Vec<String>, ProbeError> {
    let path = host.path(path);
    let entries = std::fs::read_dir(&path).map_err(|error| refusal(&path, &error))?;
    let mut names = Vec::new();
    for entry in entries.take(DIRECTORY_ENTRIES) {
        let entry = entry.map_err(|error| refusal(&path, &error))?;
        if let Ok(name) = entry.file_name().into_string() {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Whether something has this name; a dangling link counts, as recordings hold links without
/// their targets.
#[must_use]
pub fn exists(host: &Host, path: &str) -> bool {
    std::fs::symlink_metadata(host.path(path)).is_ok()
}

/// The last name a link points to, such as the driver's of `device/driver`.
#[must_use]
pub fn link_name(host: &Host, path: &str) -> Option<String> {
    let target = std::fs::read_link(host.path(path)).ok()?;
    Some(target.file_name()?.to_str()?.to_owned())
}
