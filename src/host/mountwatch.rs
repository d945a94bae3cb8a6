//! A descriptor that says when the mount table changed, for a dispatcher's poll.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};

use nix::poll::PollFlags;

use super::Host;
use super::file::refusal;
use crate::model::reading::ProbeError;

/// Reports `POLLPRI | POLLERR` once after each change of the mount table (proc(5), since Linux
/// 2.6.15). Polling itself takes note of the change: there is nothing to read or to drain.
#[derive(Debug)]
pub struct MountWatch {
    file: File,
}

impl MountWatch {
    /// What to ask poll for.
    pub const EVENTS: PollFlags = PollFlags::POLLPRI;

    /// Watches the table of the machine's first process; of this process where that is hidden
    /// (`hidepid`).
    ///
    /// # Errors
    /// When no table can be opened; unsupported under a recorded root, which never changes.
    pub fn open(host: &Host) -> Result<Self, ProbeError> {
        if host.is_recorded() {
            return Err(ProbeError::Unsupported("a recording does not change".to_owned()));
        }
        let open = |name: &str| {
            let path = host.path(name);
            std::fs::OpenOptions::new()
                .read(true)
                .open(&path)
                .map_err(|error| refusal(&path, &error))
        };
        let file = open("proc/1/mounts").or_else(|_| open("proc/self/mounts"))?;
        Ok(Self { file })
    }
}

impl AsFd for MountWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::poll::{PollFd, PollTimeout, poll};

    #[test]
    fn an_unchanged_table_stays_quiet() {
        let watch = MountWatch::open(&Host::live()).unwrap();
        let mut set = [PollFd::new(watch.as_fd(), MountWatch::EVENTS)];
        assert_eq!(poll(&mut set, PollTimeout::ZERO).unwrap(), 0);
    }

    #[test]
    fn a_recording_has_nothing_to_watch() {
        let host = Host::recorded(std::path::Path::new("/"));
        assert_eq!(MountWatch::open(&host).unwrap_err().word(), "unsupported");
    }
}
