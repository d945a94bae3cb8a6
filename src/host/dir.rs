//! Directory listings and links of /sys and /dev, bounded. Reads names only.

use super::Host;
use super::file::refusal;
use super::link::{follow, target};
use crate::model::reading::ProbeError;

/// Entries of one directory that are looked at: `/sys/block` of the largest storage servers has a
/// few thousand.
pub const DIRECTORY_ENTRIES: usize = 65_536;

/// Names in a directory, sorted; names that are not UTF-8 are left out (the kernel makes none).
///
/// # Errors
/// Absent, denied or failed, naming the path.
pub fn names(host: &Host, path: &str) -> Result<Vec<String>, ProbeError> {
    if let Some(recorder) = &host.recorder {
        recorder.folder(path);
    }
    // The last part of a path may be a link too.
    let path = host.path(&format!("{}/", path.trim_end_matches('/')));
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
    let target = target(&host.path(path), host.is_recorded())?;
    let last = target.trim_end_matches('/').rsplit('/').next()?;
    (!matches!(last, "" | "." | "..")).then(|| last.to_owned())
}

/// What a link of the kernel's says, such as `/proc/PID/fd/3`: `socket:[4711]`, `/tmp/x (deleted)`.
/// What is not UTF-8 in it is replaced.
#[must_use]
pub fn link_text(host: &Host, path: &str) -> Option<String> {
    let target = std::fs::read_link(host.path(path)).ok()?;
    Some(target.to_string_lossy().into_owned())
}

/// Where a link points to, as a path like its own; `..` is resolved by the text. `None` if it is
/// no link.
#[must_use]
pub fn link_path(host: &Host, path: &str) -> Option<String> {
    Some(follow(path, &target(&host.path(path), host.is_recorded())?))
}

/// The folder behind an entry of a class, such as `sys/class/net/eno1`. The kernel has links there;
/// a recording that passed through an archive without links has files with the link's text.
#[must_use]
pub fn folder(host: &Host, path: &str) -> String {
    if host.is_recorded()
        && let Ok(line) = super::file::read_line(host, path)
        && line.starts_with("../")
        && let Some(target) = lexical(path, &line)
    {
        return target;
    }
    path.to_owned()
}

/// Where a relative link leads; none if that is out of the root.
fn lexical(path: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_kept_as_a_file_leads_to_its_folder_and_never_out() {
        let path = "sys/class/net/eno1";
        let target = lexical(path, "../../devices/pci0000:00/net/eno1/");
        assert_eq!(target.as_deref(), Some("sys/devices/pci0000:00/net/eno1"));
        assert_eq!(lexical(path, "../../../../../secret"), None);
    }
}
