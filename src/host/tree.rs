//! Folders of a mounted file system, held open and read by their descriptor: what is renamed or
//! replaced meanwhile leads nowhere else, no link is followed, no automount is triggered.
//!
//! Owns: opening, listing and the facts of one entry. Must not know: what is looked for. May wait for
//! a device or a peer; the caller chooses the process. Through `rustix`, since `nix` has no statx(2),
//! which alone tells a birth time and the root of a mount.

use std::ffi::{CStr, OsStr};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, RawDir, Statx, StatxAttributes, StatxFlags,
    StatxTimestamp, openat, statx,
};
use rustix::io::Errno;

use super::Host;
use super::file::refusal;
use super::space::DeviceNumber;
use crate::model::reading::ProbeError;
use crate::model::time::Stamp;

/// Room for one read of a folder: some thousand short names, at least one of the longest.
const LISTING_BYTES: usize = 64 << 10;
/// Blocks of a file are counted in this unit whatever the file system's own are (stat(2)).
const BLOCK_BYTES: u64 = 512;

/// What is known of one entry of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// Whether it is a folder.
    pub is_folder: bool,
    /// Whether something is mounted on it, or would be if it were touched.
    pub is_mount: bool,
    /// The device it is on.
    pub device: DeviceNumber,
    /// Its number on that device.
    pub inode: u64,
    /// Names it has; 0 for a file that was deleted and is open.
    pub links: u32,
    /// Bytes of the disk that it takes.
    pub bytes: u64,
    /// When it was last written to.
    pub modified: Stamp,
    /// When it came to be, where the file system keeps that.
    pub born: Option<Stamp>,
}

impl Facts {
    fn of(answer: &Statx) -> Self {
        let is_mount = StatxAttributes::MOUNT_ROOT | StatxAttributes::AUTOMOUNT;
        let has_birth = answer.stx_mask & StatxFlags::BTIME.bits() != 0;
        Self {
            is_folder: FileType::from_raw_mode(answer.stx_mode.into()) == FileType::Directory,
            is_mount: answer.stx_attributes.intersects(is_mount),
            device: (answer.stx_dev_major.into(), answer.stx_dev_minor.into()),
            inode: answer.stx_ino,
            links: answer.stx_nlink,
            bytes: answer.stx_blocks.saturating_mul(BLOCK_BYTES),
            modified: stamp(answer.stx_mtime),
            born: has_birth.then(|| stamp(answer.stx_btime)),
        }
    }
}

fn stamp(time: StatxTimestamp) -> Stamp {
    Stamp(time.tv_sec.saturating_mul(1000).saturating_add(i64::from(time.tv_nsec / 1_000_000)))
}

/// Network file systems answer from what they know already.
fn flags() -> AtFlags {
    AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT | AtFlags::STATX_DONT_SYNC
}

fn wanted() -> StatxFlags {
    StatxFlags::BASIC_STATS | StatxFlags::BTIME
}

/// An open folder.
#[derive(Debug)]
pub struct Folder(OwnedFd);

impl Folder {
    /// Opens the folder at a path of the observed machine, such as a mount point's.
    ///
    /// # Errors
    /// Absent, denied or failed, naming the path.
    pub fn open(host: &Host, path: &[u8]) -> Result<Self, ProbeError> {
        let path = if host.is_recorded() {
            let below = path.strip_prefix(b"/").unwrap_or(path);
            host.path("").join(OsStr::from_bytes(below))
        } else {
            Path::new(OsStr::from_bytes(path)).to_owned()
        };
        open(&CWD, &path).map_err(|error| refusal(&path, &error.into()))
    }

    /// Opens a folder in this one.
    ///
    /// # Errors
    /// As openat(2); a link is an error.
    pub fn within(&self, name: &CStr) -> io::Result<Self> {
        Ok(open(&self.0, name)?)
    }

    /// What is known of it.
    ///
    /// # Errors
    /// As statx(2).
    pub fn facts(&self) -> io::Result<Facts> {
        let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
        Ok(Facts::of(&statx(&self.0, c"", flags, wanted())?))
    }

    /// What is known of one entry.
    ///
    /// # Errors
    /// As statx(2).
    pub fn facts_of(&self, name: &CStr) -> io::Result<Facts> {
        Ok(Facts::of(&statx(&self.0, name, flags(), wanted())?))
    }

    /// Calls `visit` with every name in it, in the folder's own order, until that says to stop.
    ///
    /// # Errors
    /// As getdents(2).
    pub fn each(&self, room: &mut Room, visit: &mut dyn FnMut(&CStr) -> bool) -> io::Result<()> {
        let mut listing = RawDir::new(&self.0, &mut room.0);
        while let Some(entry) = listing.next() {
            let entry = entry?;
            let name = entry.file_name();
            if !matches!(name.to_bytes(), b"." | b"..") && !visit(name) {
                break;
            }
        }
        Ok(())
    }
}

fn open<P: rustix::path::Arg + Copy>(
    at: &impl std::os::fd::AsFd,
    path: P,
) -> Result<Folder, Errno> {
    let flags =
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    // Looking leaves no trace in the times of access, where the folder's owner or root looks.
    match openat(at, path, flags | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM) => openat(at, path, flags, Mode::empty()),
        other => other,
    }
    .map(Folder)
}

/// Room for the listing of a folder, used again and again.
#[derive(Debug)]
pub struct Room(Vec<MaybeUninit<u8>>);

impl Default for Room {
    fn default() -> Self {
        Self(vec![MaybeUninit::uninit(); LISTING_BYTES])
    }
}

/// Facts of the file behind an open descriptor of a process, through the kernel's link
/// `proc/PID/fd/N`.
///
/// # Errors
/// As statx(2).
pub fn facts_behind(host: &Host, link: &str) -> io::Result<Facts> {
    let path = host.path(link);
    let flags = AtFlags::NO_AUTOMOUNT | AtFlags::STATX_DONT_SYNC;
    Ok(Facts::of(&statx(CWD, &path, flags, wanted())?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test writes its own files")]
    fn entries_are_what_they_are_and_links_lead_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a file\n"), vec![7; 10_000]).unwrap();
        std::fs::create_dir(dir.path().join("folder")).unwrap();
        std::os::unix::fs::symlink(".", dir.path().join("round")).unwrap();
        let top = Folder::open(&Host::live(), dir.path().as_os_str().as_bytes()).unwrap();
        let mut names = BTreeSet::new();
        top.each(&mut Room::default(), &mut |name| names.insert(name.to_bytes().to_vec())).unwrap();
        let expected = [&b"a file\n"[..], b"folder", b"round"].map(<[u8]>::to_vec);
        assert_eq!(names, BTreeSet::from(expected));
        let file = top.facts_of(c"a file\n").unwrap();
        assert!(!file.is_folder && file.bytes >= 10_000 && file.links == 1, "{file:?}");
        assert!(top.facts_of(c"folder").unwrap().is_folder);
        assert!(!top.facts_of(c"round").unwrap().is_folder);
        assert!(top.within(c"round").is_err());
        let inner = top.within(c"folder").unwrap();
        assert_eq!(inner.facts().unwrap(), top.facts_of(c"folder").unwrap());
        assert!(!top.facts().unwrap().is_mount);
        let root = Folder::open(&Host::live(), b"/proc").unwrap().facts().unwrap();
        assert!(root.is_mount, "{root:?}");
    }
}
