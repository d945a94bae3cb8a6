//! The file calls that durable state is made of, as a trait: the real ones here, failing and
//! power-cut ones in tests.
//!
//! Each method is one system call on purpose (retries are the caller's): a fault is injected at a
//! call, and what follows must hold whichever call it was. Knows nothing of journals.

use std::fmt::Debug;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use nix::fcntl::{FallocateFlags, OFlag, fallocate};

/// Directories and names.
pub trait Disk: Debug + Send {
    /// Makes a directory and its parents, readable by the owner alone; an existing one is fine.
    ///
    /// # Errors
    /// The system's.
    fn make_directory(&mut self, path: &Path) -> io::Result<()>;
    /// Names of the entries of a directory; names that are no UTF-8 are not ours and left out.
    ///
    /// # Errors
    /// The system's.
    fn list(&mut self, directory: &Path) -> io::Result<Vec<String>>;
    /// The whole content of a file; none if there is no such file.
    ///
    /// # Errors
    /// The system's; `FileTooLarge` when it has more than `limit_bytes`.
    fn read(&mut self, path: &Path, limit_bytes: u64) -> io::Result<Option<Vec<u8>>>;
    /// Opens an existing file for writing. A symbolic link is refused.
    ///
    /// # Errors
    /// The system's.
    fn open(&mut self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file for writing, new or emptied, readable by the owner alone.
    ///
    /// # Errors
    /// The system's.
    fn create(&mut self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Renames within one directory, replacing.
    ///
    /// # Errors
    /// The system's.
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives a file a second name.
    ///
    /// # Errors
    /// The system's.
    fn link(&mut self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a name.
    ///
    /// # Errors
    /// The system's.
    fn remove(&mut self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// The system's.
    fn sync_directory(&mut self, path: &Path) -> io::Result<()>;
}

/// An open file.
pub trait DiskFile: Debug + Send {
    /// One write at an offset; says how many bytes were taken.
    ///
    /// # Errors
    /// The system's.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize>;
    /// Makes the content (and the length) durable.
    ///
    /// # Errors
    /// The system's. Linux marks the pages clean all the same, so a second call that succeeds
    /// proves nothing about what was written before the first.
    fn sync_data(&mut self) -> io::Result<()>;
    /// Cuts the file to a length.
    ///
    /// # Errors
    /// The system's.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
    /// Takes blocks for a length without writing them.
    ///
    /// # Errors
    /// The system's; `EOPNOTSUPP` where the filesystem cannot.
    fn allocate(&mut self, length: u64) -> io::Result<()>;
}

/// The running machine's files.
#[derive(Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn make_directory(&mut self, path: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)
    }

    fn list(&mut self, directory: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(directory)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn read(&mut self, path: &Path, limit_bytes: u64) -> io::Result<Option<Vec<u8>>> {
        let file = match OpenOptions::new().read(true).custom_flags(no_follow()).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut content = Vec::new();
        file.take(limit_bytes.saturating_add(1)).read_to_end(&mut content)?;
        if u64::try_from(content.len()).unwrap_or(u64::MAX) > limit_bytes {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(Some(content))
    }

    fn open(&mut self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().write(true).custom_flags(no_follow()).open(path)?;
        Ok(Box::new(RealFile(file)))
    }

    fn create(&mut self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .custom_flags(no_follow())
            .open(path)?;
        Ok(Box::new(RealFile(file)))
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn link(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::hard_link(from, to)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn sync_directory(&mut self, path: &Path) -> io::Result<()> {
        OpenOptions::new().read(true).custom_flags(OFlag::O_DIRECTORY.bits()).open(path)?.sync_all()
    }
}

#[derive(Debug)]
struct RealFile(File);

impl DiskFile for RealFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_at(bytes, offset)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn allocate(&mut self, length: u64) -> io::Result<()> {
        let length = i64::try_from(length).map_err(io::Error::other)?;
        Ok(fallocate(&self.0, FallocateFlags::empty(), 0, length)?)
    }
}

/// Our own files are never links: one planted in the directory must not lead a write elsewhere.
fn no_follow() -> i32 {
    OFlag::O_NOFOLLOW.bits()
}
