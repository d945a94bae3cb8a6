//! What the kernel says of a mounted file system: statfs, and which device a path is on.
//!
//! These calls may wait for a peer or a device when the file system does; the caller chooses the
//! thread.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{AtFlags, OFlag};
use nix::sys::stat::Mode;
use nix::sys::statvfs::{FsFlags, Statvfs};

use super::Host;
use super::file::refusal;
use crate::model::reading::ProbeError;

/// Sizes of a mounted file system, as statfs(2) has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes of one block; the fragment size, which the block counts are in.
    pub block_bytes: u64,
    /// Blocks in all.
    pub blocks: u64,
    /// Free blocks, those reserved for root included.
    pub blocks_free: u64,
    /// Blocks free for an unprivileged user.
    pub blocks_available: u64,
    /// Inodes in all; 0 where the file system makes them as needed.
    pub inodes: u64,
    /// Free inodes.
    pub inodes_free: u64,
    /// Identity of the file system as the kernel gives it; 0 where it has none.
    pub fsid: u64,
    /// Whether the mount or the file system is read-only, as seen from this process' mounts.
    pub read_only: bool,
}

/// Major and minor number of a device.
pub type DeviceNumber = (u64, u64);

/// Bytes of a mount point as a path; mount tables are absolute.
fn path_of(mount: &[u8]) -> PathBuf {
    Path::new(OsStr::from_bytes(mount)).to_owned()
}

fn io(path: &Path, error: nix::Error) -> ProbeError {
    refusal(path, &std::io::Error::from(error))
}

fn live_only(host: &Host) -> Result<(), ProbeError> {
    if host.is_recorded() {
        return Err(ProbeError::Unsupported("a recording holds no statfs answers".to_owned()));
    }
    Ok(())
}

fn space_of(answer: Statvfs) -> Space {
    // The C types of these differ between architectures; all are unsigned.
    Space {
        block_bytes: wide(answer.fragment_size()),
        blocks: wide(answer.blocks()),
        blocks_free: wide(answer.blocks_free()),
        blocks_available: wide(answer.blocks_available()),
        inodes: wide(answer.files()),
        inodes_free: wide(answer.files_free()),
        fsid: wide(answer.filesystem_id()),
        read_only: answer.flags().contains(FsFlags::ST_RDONLY),
    }
}

fn wide<T: TryInto<u64>>(value: T) -> u64 {
    value.try_into().unwrap_or(u64::MAX)
}

/// Asks the file system mounted at `mount` for its sizes: one statfs(2).
///
/// # Errors
/// Absent, denied or failed, naming the path; unsupported under a recorded root.
pub fn space(host: &Host, mount: &[u8]) -> Result<Space, ProbeError> {
    live_only(host)?;
    let path = path_of(mount);
    nix::sys::statvfs::statvfs(&path).map(space_of).map_err(|error| io(&path, error))
}

/// The device that `mount` is on, as this process sees it, without triggering an automount.
///
/// # Errors
/// Absent, denied or failed, naming the path; unsupported under a recorded root.
pub fn device_number(host: &Host, mount: &[u8]) -> Result<DeviceNumber, ProbeError> {
    live_only(host)?;
    let path = path_of(mount);
    let flags = AtFlags::AT_NO_AUTOMOUNT;
    let stat = nix::sys::stat::fstatat(nix::fcntl::AT_FDCWD, &path, flags)
        .map_err(|error| io(&path, error))?;
    Ok(split(stat.st_dev))
}

/// Sizes and device of `mount` through a descriptor that never triggers an automount: for mounts
/// below an automount point, which may have expired since the table was read. Looks at a directory
/// or file, holds nothing afterwards.
///
/// # Errors
/// Absent, denied or failed, naming the path; unsupported under a recorded root.
pub fn space_without_automount(
    host: &Host,
    mount: &[u8],
) -> Result<(DeviceNumber, Space), ProbeError> {
    live_only(host)?;
    let path = path_of(mount);
    let outcome = || -> nix::Result<(DeviceNumber, Space)> {
        let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
        let place = nix::fcntl::open(&path, flags, Mode::empty())?;
        let stat = nix::sys::stat::fstat(&place)?;
        let answer = nix::sys::statvfs::fstatvfs(&place)?;
        Ok((split(stat.st_dev), space_of(answer)))
    };
    outcome().map_err(|error| io(&path, error))
}

fn split(device: nix::libc::dev_t) -> DeviceNumber {
    (wide(nix::sys::stat::major(device)), wide(nix::sys::stat::minor(device)))
}

/// Bytes of a memory page, in which /proc/vmstat counts.
#[must_use]
pub fn page_bytes() -> u64 {
    nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE)
        .ok()
        .flatten()
        .and_then(|bytes| u64::try_from(bytes).ok())
        .unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_asking_agree() {
        let host = Host::live();
        let (device, through_descriptor) = space_without_automount(&host, b"/").unwrap();
        let direct = space(&host, b"/").unwrap();
        assert_eq!(device, device_number(&host, b"/").unwrap());
        assert_eq!(through_descriptor.blocks, direct.blocks);
        assert_eq!(through_descriptor.block_bytes, direct.block_bytes);
    }

    #[test]
    fn a_recording_never_answers_for_the_running_kernel() {
        let host = Host::recorded(Path::new("/"));
        assert_eq!(space(&host, b"/").unwrap_err().word(), "unsupported");
        assert_eq!(device_number(&host, b"/").unwrap_err().word(), "unsupported");
        assert_eq!(space_without_automount(&host, b"/").unwrap_err().word(), "unsupported");
    }

    #[test]
    fn a_mount_that_is_gone_is_absent() {
        assert_eq!(space(&Host::live(), b"/no/such/mount").unwrap_err().word(), "absent");
    }
}
