//! Small files of what is slow to ask for and seldom another. Losing one costs time alone, so
//! nothing is synced and no error is told: what cannot be kept is asked for again.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use crate::model::limit::CACHE_FILE_BYTES;

/// Begin of every file: form and version.
const MAGIC: &[u8; 8] = b"hwcache1";
/// Magic, checksum, length of the key.
const HEAD_BYTES: usize = 16;

/// What is kept under a name, if it was kept with this very key.
#[must_use]
pub fn load(directory: &Path, name: &str, key: &[u8]) -> Option<Vec<u8>> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
        .open(directory.join(name))
        .ok()?;
    let mut bytes = Vec::new();
    let most = u64::try_from(CACHE_FILE_BYTES).unwrap_or(u64::MAX);
    file.take(most).read_to_end(&mut bytes).ok()?;
    let (head, rest) = bytes.split_at_checked(HEAD_BYTES)?;
    let word = |at: usize| -> Option<u32> {
        Some(u32::from_le_bytes(*head.get(at..)?.first_chunk::<4>()?))
    };
    if !head.starts_with(MAGIC) || word(8)? != crc32fast::hash(rest) {
        return None;
    }
    let (kept_with, content) = rest.split_at_checked(usize::try_from(word(12)?).ok()?)?;
    (kept_with == key).then(|| content.to_vec())
}

/// Keeps something under a name. Another program that keeps the same at the same time harms
/// nothing: the file appears whole or not at all.
pub fn keep(directory: &Path, name: &str, key: &[u8], content: &[u8]) {
    let _ = try_keep(directory, name, key, content);
}

fn try_keep(directory: &Path, name: &str, key: &[u8], content: &[u8]) -> std::io::Result<()> {
    let rest = [key, content].concat();
    if rest.len() + HEAD_BYTES >= CACHE_FILE_BYTES {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let fresh = directory.join(format!("{name}.{}", std::process::id()));
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    let length = u32::try_from(key.len()).unwrap_or(u32::MAX);
    let written = [&MAGIC[..], &crc32fast::hash(&rest).to_le_bytes(), &length.to_le_bytes(), &rest]
        .iter()
        .try_for_each(|part| file.write_all(part))
        .and_then(|()| std::fs::rename(&fresh, directory.join(name)));
    if written.is_err() {
        let _ = std::fs::remove_file(&fresh);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_under_its_key_alone() {
        let room = tempfile::tempdir().unwrap();
        let directory = room.path().join("cache");
        assert_eq!(load(&directory, "list", b"1"), None);
        keep(&directory, "list", b"1", b"content");
        assert_eq!(load(&directory, "list", b"1").as_deref(), Some(&b"content"[..]));
        assert_eq!(load(&directory, "list", b"2"), None);
        keep(&directory, "list", b"2", b"");
        assert_eq!(load(&directory, "list", b"2").as_deref(), Some(&b""[..]));
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1, "nothing is left behind");
    }

    #[test]
    fn a_damaged_or_cut_file_is_none() {
        let room = tempfile::tempdir().unwrap();
        keep(room.path(), "list", b"key", b"content");
        let file = room.path().join("list");
        let whole = std::fs::read(&file).unwrap();
        for cut in 0..whole.len() {
            std::fs::write(&file, &whole[..cut]).unwrap();
            assert_eq!(load(room.path(), "list", b"key"), None, "{cut}");
        }
        for place in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[place] ^= 0x10;
            std::fs::write(&file, &damaged).unwrap();
            let loaded = load(room.path(), "list", b"key");
            assert_ne!(loaded.as_deref(), Some(&b"content"[..]), "{place}");
        }
    }
}
