//! conf.d/10-detected.yaml: how its `pinned:` is written, and how a file comes to the disk whole or
//! not at all. Owns no decision on what is pinned.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::limit::CONFIG_FILE_BYTES;
use crate::probe::{KINDS, KindSpec};

/// Name of the file in conf.d.
pub(super) const NAME: &str = "10-detected.yaml";

/// Facts of each pinned instance.
pub(super) type Facts = BTreeMap<String, Vec<String>>;
/// What is to be pinned, by kind.
pub(super) type Sets = BTreeMap<&'static str, BTreeMap<Arc<str>, Facts>>;

/// The file of pins beside a main configuration file.
pub(super) fn beside(main: &Path) -> PathBuf {
    let folder = main.parent().filter(|parent| !parent.as_os_str().is_empty());
    folder.unwrap_or_else(|| Path::new(".")).join("conf.d").join(NAME)
}

/// What stands above the pins in a new file.
pub(super) const HEAD: &str = "\
# What `hostwatch init` found on this machine. Each thing listed here must be there from now on:
# when it vanishes the agent says so, and never calls it recovered before it is back.
#
#   hostwatch detect --diff          what differs now
#   hostwatch detect accept ID       pin it as it is now, or forget what is gone
#   hostwatch reload                 put it in force
#
# `detect accept` rewrites `pinned:` and leaves the rest of this file alone.

";

/// `pinned:` as YAML, with a comment for each kind.
pub(super) fn block(sets: &Sets) -> String {
    if sets.values().all(BTreeMap::is_empty) {
        return "pinned: {}\n".to_owned();
    }
    let mut text = String::from("pinned:\n");
    for kind in KINDS {
        let spec = kind.spec();
        let Some(set) = sets.get(spec.name).filter(|set| !set.is_empty()) else { continue };
        text.push_str(&format!("  # {}\n  {}:\n", comment(spec), spec.name));
        for (instance, facts) in set {
            let facts: Vec<String> = facts.iter().map(fact).collect();
            text.push_str(&format!("    {}: {{{}}}\n", quote(instance), facts.join(", ")));
        }
    }
    text
}

fn comment(spec: &KindSpec) -> String {
    spec.title.lines().collect::<Vec<_>>().join(" ")
}

fn fact((name, values): (&String, &Vec<String>)) -> String {
    match values.as_slice() {
        [one] => format!("{name}: {}", quote(one)),
        many => {
            let many: Vec<String> = many.iter().map(|value| quote(value)).collect();
            format!("{name}: [{}]", many.join(", "))
        }
    }
}

/// A text in double quotes, as YAML and JSON both read it.
pub(super) fn quote(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

/// The text of a file with another `pinned:`; everything else stays as it is.
pub(super) fn replace(old: &str, block: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    let mut placed = false;
    for line in old.split_inclusive('\n') {
        // The block ends where a line begins at the margin: the next key, or a comment on it.
        let at_margin = !line.starts_with([' ', '\t', '\n', '\r']);
        if at_margin {
            inside = line.starts_with("pinned:");
            if inside && !placed {
                text.push_str(block);
                placed = true;
            }
        }
        if !inside {
            text.push_str(line);
        }
    }
    if !placed {
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(block);
    }
    text
}

/// Reads a file of ours, bounded; empty where there is none.
pub(super) fn read(path: &Path) -> io::Result<String> {
    let file = match OpenOptions::new().read(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    file.take(CONFIG_FILE_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

/// Writes a new file, whole or not at all; an error of kind `AlreadyExists` if there is one.
pub(super) fn create(path: &Path, text: &str) -> io::Result<()> {
    let staged = stage(path, text)?;
    // Unlike a rename, a link never replaces what is there.
    let linked = std::fs::hard_link(&staged, path);
    let _ = std::fs::remove_file(&staged);
    linked.and_then(|()| settle(path))
}

/// Replaces a file, whole or not at all, and keeps the one before; gives where that is.
pub(super) fn rewrite(path: &Path, text: &str) -> io::Result<Option<PathBuf>> {
    let staged = stage(path, text)?;
    let backup = path.with_extension("yaml.bak");
    let kept = match std::fs::remove_file(&backup) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => match std::fs::hard_link(path, &backup) {
            Ok(()) => Ok(Some(backup)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        },
    };
    let done = kept.and_then(|kept| std::fs::rename(&staged, path).map(|()| kept));
    if done.is_err() {
        let _ = std::fs::remove_file(&staged);
    }
    done.and_then(|kept| settle(path).map(|()| kept))
}

/// A finished copy beside the place; its name keeps it from being read as configuration.
fn stage(path: &Path, text: &str) -> io::Result<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let staged = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&staged)?;
    let written = file
        .write_all(text.as_bytes())
        // A umask of 077 would hide the file from the agent's user.
        .and_then(|()| file.set_permissions(std::fs::Permissions::from_mode(0o644)))
        .and_then(|()| file.sync_all());
    if let Err(error) = written {
        let _ = std::fs::remove_file(&staged);
        return Err(error);
    }
    Ok(staged)
}

/// Makes the name itself durable.
fn settle(path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    OpenOptions::new().read(true).open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_pins_are_replaced() {
        let old = "# mine\nversion: 1\npinned:\n  # a\n  disk_io:\n\n    sda: {}\n# later\nchecks:\n  load: {}\n";
        let new = replace(old, "pinned: {}\n");
        assert_eq!(new, "# mine\nversion: 1\npinned: {}\n# later\nchecks:\n  load: {}\n");
        assert_eq!(replace(&new, "pinned: {}\n"), new);
        assert_eq!(replace("a: 1", "pinned: {}\n"), "a: 1\npinned: {}\n");
        assert_eq!(replace("", "pinned: {}\n"), "pinned: {}\n");
    }

    #[test]
    fn hostile_names_are_read_back_as_they_were() {
        let names = ["/", "/a b", "/say \"hi\" #1", "a: b", "\\x41", "*", "yes", "ü\u{2028}"];
        let mut sets = Sets::new();
        for name in names {
            let facts = Facts::from([("type".to_owned(), vec![name.to_owned()])]);
            sets.entry("filesystem").or_default().insert(name.into(), facts);
        }
        let text = block(&sets);
        let identity = crate::model::id::HostIdentity::default();
        let loaded = crate::config::load_text(&[(NAME, &text)], &identity);
        let plan = loaded.plan.unwrap_or_else(|| panic!("{}", loaded.diagnostics.render(false)));
        let pins = &plan.pinned["filesystem"];
        assert_eq!(pins.len(), names.len());
        for name in names {
            assert_eq!(pins[name].facts["type"], [name], "{text}");
        }
    }

    #[test]
    fn nothing_is_overwritten_unless_meant() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NAME);
        create(&path, "a\n").unwrap();
        assert_eq!(create(&path, "b\n").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(read(&path).unwrap(), "a\n");
        let backup = rewrite(&path, "b\n").unwrap().unwrap();
        let again = rewrite(&path, "c\n").unwrap().unwrap();
        assert_eq!((backup == again, read(&again).unwrap().as_str()), (true, "b\n"));
        assert_eq!(read(&path).unwrap(), "c\n");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "nothing else is left");
    }
}
