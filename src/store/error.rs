//! What goes wrong with the agent's own files, said so that a person can act on it.
//!
//! Knows no journal: an operation, a path, the system's reason, and advice for it.

use std::io;
use std::path::{Path, PathBuf};

/// An error of the agent's own storage: what was tried, on which file, and why it failed.
#[derive(Debug)]
pub struct StoreError {
    /// `append to`, `rename`, ...
    pub operation: &'static str,
    /// The file.
    pub path: PathBuf,
    /// The system's reason.
    pub source: io::Error,
}

impl StoreError {
    pub(crate) fn new(operation: &'static str, path: &Path, source: io::Error) -> Self {
        Self { operation, path: path.to_owned(), source }
    }

    /// What the reader can do about it.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        // The kind for it is not stable yet.
        if self.source.raw_os_error() == Some(nix::errno::Errno::ELOOP as i32) {
            return "the agent follows no symbolic link there: put the file itself in its place";
        }
        match self.source.kind() {
            io::ErrorKind::PermissionDenied => {
                "let the agent's user own the state directory, or name another one with `--state`"
            }
            io::ErrorKind::ReadOnlyFilesystem => {
                "remount the filesystem read-write, or name another directory with `--state`"
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "free space (or inodes, or quota) on the filesystem of the state directory"
            }
            io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
                "name a directory with `--state`, not a file"
            }
            io::ErrorKind::FileTooLarge | io::ErrorKind::InvalidInput => {
                "the record is larger than the journal takes: report this as a fault of the agent"
            }
            _ => "look into the kernel's log: the disk below the state directory may be failing",
        }
    }
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot {} `{}`", self.operation, self.path.display())
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}
