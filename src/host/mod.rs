//! The only door to the observed machine, live or recorded below a root.
//!
//! Owns: bounded reads of /proc and /sys, statfs, the mount-table watch, the agent's own memory, the BMC. Must not know: kinds,
//! checks, configuration. Unsafe code, where a system call has no safe wrapper, may stand here and
//! nowhere else, each block with its proof.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::reading::ProbeError;
use crate::model::time::Moment;
use crate::model::unit::Span;

pub mod command;
pub mod confine;
pub mod converse;
pub mod dir;
pub mod file;
pub mod identity;
pub mod ipmi;
pub mod kernel_log;
mod link;
pub mod memory;
pub mod mounts;
pub mod mountwatch;
pub mod netlink;
pub mod record;
pub mod space;
pub mod timer;
pub mod tree;

use mounts::MountText;

/// The machine that is observed. Clones share what is kept open.
#[derive(Debug, Clone)]
pub struct Host {
    root: PathBuf,
    recorded: bool,
    may_wait: bool,
    mounts: Arc<Mutex<MountText>>,
    recorder: Option<record::Recorder>,
    bmc: Arc<ipmi::Access>,
    cache: Option<Arc<PathBuf>>,
}

impl Host {
    /// This machine.
    #[must_use]
    pub fn live() -> Self {
        Self {
            root: PathBuf::from("/"),
            recorded: false,
            may_wait: false,
            mounts: Arc::default(),
            recorder: None,
            bmc: Arc::default(),
            cache: None,
        }
    }

    /// A machine recorded below `root`: nothing outside it is read and no program outside
    /// `root/bin` is started.
    #[must_use]
    pub fn recorded(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            recorded: true,
            may_wait: true,
            mounts: Arc::default(),
            recorder: None,
            bmc: Arc::default(),
            cache: None,
        }
    }

    /// The same machine, whose BMC is reached this way.
    #[must_use]
    pub fn reaching(self, bmc: ipmi::Access) -> Self {
        Self { bmc: Arc::new(bmc), ..self }
    }

    /// How its BMC is reached.
    #[must_use]
    pub fn bmc(&self) -> &ipmi::Access {
        &self.bmc
    }

    /// The same machine for a caller that keeps below this directory what is slow to ask for and
    /// seldom another: the list of a BMC's sensors.
    #[must_use]
    pub fn keeping(self, cache: PathBuf) -> Self {
        Self { cache: Some(Arc::new(cache)), ..self }
    }

    /// Where such things are kept, if anywhere.
    #[must_use]
    pub fn cache(&self) -> Option<&Path> {
        self.cache.as_deref().map(PathBuf::as_path)
    }

    /// The same machine for a caller that has time: surveys may start tools.
    #[must_use]
    pub fn waiting(self) -> Self {
        Self { may_wait: true, ..self }
    }

    /// The same machine; everything that is asked of it is noted.
    #[must_use]
    pub fn recording(self, recorder: record::Recorder) -> Self {
        Self { recorder: Some(recorder), mounts: Arc::default(), ..self }
    }

    /// Whether surveys may start tools: of a recording, where a tool answers at once, and where
    /// the caller said so.
    #[must_use]
    pub fn may_wait(&self) -> bool {
        self.may_wait
    }

    /// Whether this is a recording, so that system calls on the running kernel say nothing of it.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.recorded
    }

    /// The path of `path` (such as `proc/stat`, without a leading slash) on this machine.
    #[must_use]
    pub fn path(&self, path: &str) -> PathBuf {
        if let Some(recorder) = &self.recorder {
            recorder.path(path);
        }
        let plain = self.root.join(path.trim_start_matches('/'));
        if !self.recorded {
            return plain;
        }
        match std::fs::symlink_metadata(&plain) {
            // A file on the way to it: perhaps a link that an archive made a text.
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
                link::resolve(&self.root, path).unwrap_or(plain)
            }
            _ => plain,
        }
    }

    /// The mount table as the machine's first process sees it, at most `max_age` old.
    ///
    /// One copy serves every file system of a cycle, however many there are.
    ///
    /// # Errors
    /// When no mount table can be read.
    pub fn mount_table(&self, now: Moment, max_age: Span) -> Result<mounts::Table, ProbeError> {
        self.mounts.lock().unwrap_or_else(PoisonError::into_inner).get(self, Some((now, max_age)))
    }

    /// The mount table as it is now.
    ///
    /// # Errors
    /// When no mount table can be read.
    pub fn mount_table_now(&self) -> Result<mounts::Table, ProbeError> {
        self.mounts.lock().unwrap_or_else(PoisonError::into_inner).get(self, None)
    }
}
