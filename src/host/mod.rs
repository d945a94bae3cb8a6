//! The only door to the observed machine, live or recorded below a root.
//!
//! Owns: bounded reads of /proc and /sys, statfs, the mount-table watch. Must not know: kinds,
//! checks, configuration. Unsafe code, where a system call has no safe wrapper, may stand here and
//! nowhere else, each block with its proof.

use std::path::{Path, PathBuf};

/// The machine that is observed.
#[derive(Debug, Clone)]
pub struct Host {
    root: PathBuf,
    recorded: bool,
}

impl Host {
    /// This machine.
    #[must_use]
    pub fn live() -> Self {
        Self { root: PathBuf::from("/"), recorded: false }
    }

    /// A machine recorded below `root`: nothing outside it is read and no program outside
    /// `root/bin` is started.
    #[must_use]
    pub fn recorded(root: &Path) -> Self {
        Self { root: root.to_owned(), recorded: true }
    }

    /// Whether this is a recording, so that system calls on the running kernel say nothing of it.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.recorded
    }

    /// The path of `path` (such as `proc/stat`, without a leading slash) on this machine.
    #[must_use]
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }
}
