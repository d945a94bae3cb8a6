//! The lock on a state directory: two agents on one journal would each undo the other's work.
//!
//! The kernel drops the lock with the process, however that ends, so a stale file is harmless; the
//! process id in it is only for the message to the second one.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};

use crate::store::disk::{Disk as _, RealDisk};
use crate::store::error::StoreError;
use crate::store::journal::retry;

const LOCK: &str = "lock";
/// A process id and a line end; more is not ours.
const PID_BYTES: u64 = 16;

/// A locked state directory; dropping it unlocks.
#[derive(Debug)]
pub struct StateLock {
    _lock: Flock<File>,
}

/// Why a state directory could not be locked.
#[derive(Debug)]
pub enum LockError {
    /// Another agent has it.
    Held {
        /// The state directory.
        directory: PathBuf,
        /// The other's process, if its file says so.
        pid: Option<u32>,
    },
    /// The directory cannot be used.
    Store(StoreError),
}

impl std::fmt::Display for LockError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Held { directory, pid } => {
                let pid = pid.map_or(String::new(), |pid| format!(" (process {pid})"));
                write!(
                    f,
                    "another hostwatch{pid} runs on the state directory `{}`: stop it first, or \
                     give this one a directory of its own with `--state`",
                    directory.display()
                )
            }
            Self::Store(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for LockError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Held { .. } => None,
            Self::Store(error) => Some(&error.source),
        }
    }
}

impl StateLock {
    /// Locks a state directory, making it if need be.
    ///
    /// # Errors
    /// [`LockError::Held`] when another agent runs on it; [`LockError::Store`] when the directory
    /// cannot be made, or the lock file in it cannot be opened.
    pub fn acquire(directory: &Path) -> Result<Self, LockError> {
        let path = directory.join(LOCK);
        let made = retry(|| RealDisk.make_directory(directory));
        let (file, writable) = open(&path).map_err(|error| {
            // Without a directory the open fails too, and says less.
            LockError::Store(match made {
                Err(cause) if !directory.is_dir() => {
                    StoreError::new("create the state directory", directory, cause)
                }
                _ => StoreError::new("open the lock", &path, error),
            })
        })?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => {
                if writable {
                    write_pid(&lock);
                }
                Ok(Self { _lock: lock })
            }
            Err((file, Errno::EWOULDBLOCK)) => {
                Err(LockError::Held { directory: directory.to_owned(), pid: read_pid(&file) })
            }
            Err((_, errno)) => Err(LockError::Store(StoreError::new("lock", &path, errno.into()))),
        }
    }
}

/// The lock file, and whether it can be written: on a filesystem that is read-only by now, the
/// agent still runs, and still alone.
fn open(path: &Path) -> io::Result<(File, bool)> {
    let flags = OFlag::O_NOFOLLOW.bits();
    let written = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(flags)
        .open(path);
    match written {
        Ok(file) => Ok((file, true)),
        Err(error) => match OpenOptions::new().read(true).custom_flags(flags).open(path) {
            Ok(file) => Ok((file, false)),
            Err(_) => Err(error),
        },
    }
}

fn write_pid(file: &File) {
    let line = format!("{}\n", std::process::id());
    // Only for a message: a full disk must not stop the agent here.
    let _ = file.set_len(0).and_then(|()| file.write_at(line.as_bytes(), 0));
}

fn read_pid(file: &File) -> Option<u32> {
    let mut text = String::new();
    file.take(PID_BYTES).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_agent_is_told_who_has_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path().join("state");
        let first = StateLock::acquire(&state).unwrap();
        let error = StateLock::acquire(&state).unwrap_err();
        let told = error.to_string();
        assert!(told.contains(&format!("(process {})", std::process::id())), "{told}");
        assert!(told.contains("--state"), "{told}");
        drop(first);
        StateLock::acquire(&state).unwrap();
    }

    #[test]
    fn a_stale_process_id_is_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(LOCK);
        std::fs::write(&path, "4194304999\n").unwrap();
        let _lock = StateLock::acquire(directory.path()).unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap(), format!("{}\n", std::process::id()));
    }

    #[test]
    fn a_link_in_place_of_the_lock_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let victim = directory.path().join("victim");
        std::fs::write(&victim, "keep me").unwrap();
        std::os::unix::fs::symlink(&victim, directory.path().join(LOCK)).unwrap();
        assert!(matches!(StateLock::acquire(directory.path()), Err(LockError::Store(_))));
        assert_eq!(std::fs::read_to_string(victim).unwrap(), "keep me");
    }

    #[test]
    fn a_file_in_place_of_the_directory_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = StateLock::acquire(&file).unwrap_err();
        assert!(error.to_string().contains("create the state directory"), "{error}");
    }
}
