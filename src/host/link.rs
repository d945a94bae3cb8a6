//! Links of the observed machine. Archives of recordings often hold a link as a text file with the
//! path it pointed to; below a recorded root such a file is followed like the link it was.
//!
//! Resolves by the text alone, within the root: a recording cannot point out of it.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::file::open;

/// Longest target that sysfs makes.
const TARGET_BYTES: u64 = 4096;
/// Links followed on the way of one path, as many as the kernel follows.
const LINKS: usize = 40;

/// What the link at `path` points to; with `texts`, a text file that was a link counts as one.
pub(super) fn target(path: &Path, texts: bool) -> Option<String> {
    if let Ok(target) = std::fs::read_link(path) {
        return target.to_str().map(str::to_owned);
    }
    let meta = texts.then(|| std::fs::symlink_metadata(path).ok()).flatten()?;
    if !meta.is_file() || meta.len() > TARGET_BYTES {
        return None;
    }
    let mut text = String::new();
    open(path).ok()?.take(TARGET_BYTES).read_to_string(&mut text).ok()?;
    let text = text.trim_end_matches('\n');
    (text.starts_with("../") && !text.contains('\n')).then(|| text.to_owned())
}

/// Where `target` leads from the folder that holds `path`; both are below one root.
pub(super) fn follow(path: &str, target: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    parts.pop();
    if target.starts_with('/') {
        parts.clear();
    }
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// `path` below `root` with text links on its way followed; `None` if there are none.
pub(super) fn resolve(root: &Path, path: &str) -> Option<PathBuf> {
    let mut path = path.trim_start_matches('/').to_owned();
    let mut followed = false;
    for _ in 0..LINKS {
        let Some((link, rest)) = first_text_link(root, &path) else { break };
        let target = target(&root.join(&link), true)?;
        path = format!("{}/{rest}", follow(&link, &target));
        followed = true;
    }
    followed.then(|| root.join(path))
}

/// The first part of a path that is a file where a folder should be, and what follows it.
fn first_text_link(root: &Path, path: &str) -> Option<(String, String)> {
    path.match_indices('/').find_map(|(at, _)| {
        let (head, rest) = path.split_at(at);
        let meta = std::fs::metadata(root.join(head)).ok()?;
        meta.is_file().then(|| (head.to_owned(), rest.trim_start_matches('/').to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Host;
    use crate::host::dir::{exists, link_name, link_path, names};
    use crate::host::file::read_line;

    #[expect(clippy::disallowed_methods, reason = "a test writes its own recording")]
    fn put(root: &Path, name: &str, text: &str) {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn a_recorded_text_is_followed_like_the_link_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let device = "sys/devices/platform/coretemp.0";
        put(dir.path(), &format!("{device}/hwmon/hwmon0/name"), "coretemp\n");
        put(dir.path(), &format!("{device}/hwmon/hwmon0/device"), "../../../coretemp.0");
        put(
            dir.path(),
            "sys/class/hwmon/hwmon0",
            "../../devices/platform/coretemp.0/hwmon/hwmon0/",
        );
        let host = Host::recorded(dir.path());
        assert_eq!(read_line(&host, "sys/class/hwmon/hwmon0/name").unwrap(), "coretemp");
        assert_eq!(names(&host, "sys/class/hwmon/hwmon0").unwrap(), ["device", "name"]);
        assert_eq!(names(&host, "sys/class/hwmon/hwmon0/device").unwrap(), ["hwmon"]);
        assert!(exists(&host, "sys/class/hwmon/hwmon0/device/hwmon"));
        let link = link_path(&host, &format!("{device}/hwmon/hwmon0/device"));
        assert_eq!(link.as_deref(), Some(device));
        assert_eq!(link_name(&host, "sys/class/hwmon/hwmon0").as_deref(), Some("hwmon0"));
    }

    #[test]
    fn no_text_leads_out_of_the_recording_or_round_in_circles() {
        let dir = tempfile::tempdir().unwrap();
        put(dir.path(), "sys/out", "../../../../../../../../etc");
        put(dir.path(), "sys/round", "../sys/round");
        put(dir.path(), "sys/value", "1");
        let host = Host::recorded(dir.path());
        for path in ["sys/out/passwd", "sys/round/x", "sys/value/x"] {
            assert_eq!(read_line(&host, path).unwrap_err().word(), "absent", "{path}");
        }
        assert_eq!(link_path(&host, "sys/value"), None, "a number is no link");
    }
}
