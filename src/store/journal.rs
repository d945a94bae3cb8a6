//! The journal: one append-only file of frames, each with its length and checksum.

use std::path::Path;

/// An error of the agent's own storage: what was tried, on which file, and why it failed.
#[derive(Debug)]
pub struct StoreError {
    /// `append to`, `rename`, ...
    pub operation: &'static str,
    /// The file.
    pub path: std::path::PathBuf,
    /// The system's reason.
    pub source: std::io::Error,
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

/// An open journal.
#[derive(Debug)]
pub struct Journal {}

/// What opening found.
#[derive(Debug)]
pub struct Opened {
    /// Ready for appending.
    pub journal: Journal,
    /// The whole frames, in order.
    pub frames: Vec<Vec<u8>>,
    /// For a person: that a damaged file was set aside, and where.
    pub note: Option<String>,
}

impl Journal {
    /// Opens or creates the journal in a state directory that is locked.
    ///
    /// # Errors
    /// When the directory cannot be used at all. A damaged journal is no error: see
    /// [`Opened::note`].
    pub fn open(directory: &Path) -> Result<Opened, StoreError> {
        let _ = directory;
        Ok(Opened { journal: Self {}, frames: Vec::new(), note: None })
    }

    /// Appends one frame; after a crash it is there whole or not at all. With `sync` it is on the
    /// disk when this returns.
    ///
    /// # Errors
    /// The frame is then not in the journal, and the journal is as before.
    pub fn append(&mut self, frame: &[u8], sync: bool) -> Result<(), StoreError> {
        let _ = (frame, sync);
        Ok(())
    }

    /// Replaces the journal's content atomically.
    ///
    /// # Errors
    /// The journal is then as before.
    pub fn rewrite(&mut self, frames: &[Vec<u8>]) -> Result<(), StoreError> {
        let _ = frames;
        Ok(())
    }
}
