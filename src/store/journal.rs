//! The journal: one append-only file of frames, each with its length and checksum.
//!
//! Owns the file, its reserve of blocks and the copies of damaged ones. What a frame that was
//! acknowledged with `sync` promises: it is read back after a crash or a power cut. What a frame
//! that was refused promises: it is not in the file. When a call fails in a way that leaves the
//! file in doubt (a failed sync, a failed truncate), the next append first writes the good frames
//! to a new file; until that works, every append is refused.

use std::io;
use std::path::{Path, PathBuf};

use crate::model::limit::{
    JOURNAL_BYTES, JOURNAL_DAMAGED_COPIES, JOURNAL_FRAME_BYTES, JOURNAL_RESERVE_BYTES,
    JOURNAL_RESERVE_RETRY_APPENDS, STORE_RETRIES,
};
use crate::store::disk::{Disk, DiskFile, RealDisk};
pub use crate::store::error::StoreError;
use crate::store::frame::{self, End};

const JOURNAL: &str = "journal";
const TEMPORARY: &str = "journal.new";
const RESERVE: &str = "journal.reserve";
/// How names of damaged journals begin that were set aside.
pub const DAMAGED_PREFIX: &str = "journal.damaged-";

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    disk: Box<dyn Disk>,
    directory: PathBuf,
    file: Option<Box<dyn DiskFile>>,
    /// Where the next frame goes: everything before it is header and whole frames.
    end_bytes: u64,
    /// The file may hold something else than it should: write it anew before the next append.
    in_doubt: bool,
    /// The journal's name in its directory may not be durable yet.
    directory_unsynced: bool,
    reserved: bool,
    appends_to_reserve: u32,
}

/// What opening found.
#[derive(Debug)]
pub struct Opened {
    /// Ready for appending (or, with `trouble`, for trying).
    pub journal: Journal,
    /// The whole frames, in order.
    pub frames: Vec<Vec<u8>>,
    /// For a person: that a damaged file was set aside, and where.
    pub note: Option<String>,
    /// The frames could be read, but the journal cannot be written now (read-only or full
    /// filesystem). Every append tries again.
    pub trouble: Option<StoreError>,
}

impl Journal {
    /// Opens or creates the journal in a state directory that is locked.
    ///
    /// # Errors
    /// When the directory cannot be made or the journal in it cannot be read; the agent can run
    /// without a journal then, and must say so. A damaged journal is no error, see
    /// [`Opened::note`], nor is one that cannot be written, see [`Opened::trouble`].
    pub fn open(directory: &Path) -> Result<Opened, StoreError> {
        Self::open_on(Box::new(RealDisk), directory)
    }

    /// As [`Self::open`], on a disk of the caller's.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_on(mut disk: Box<dyn Disk>, directory: &Path) -> Result<Opened, StoreError> {
        let path = directory.join(JOURNAL);
        let made = retry(|| disk.make_directory(directory));
        let names = retry(|| disk.list(directory)).map_err(|error| {
            let (operation, cause) = match made {
                Err(cause) => ("create the state directory", cause),
                Ok(()) => ("list the state directory", error),
            };
            StoreError::new(operation, directory, cause)
        })?;
        if names.iter().any(|name| name == TEMPORARY) {
            // Half a rewrite. If it stays, the next rewrite replaces it.
            let _ = disk.remove(&directory.join(TEMPORARY));
        }
        let content = match retry(|| disk.read(&path, JOURNAL_BYTES)) {
            Ok(content) => Some(content),
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => None,
            Err(error) => return Err(StoreError::new("read", &path, error)),
        };
        let mut journal = Self {
            disk,
            directory: directory.to_owned(),
            file: None,
            end_bytes: 0,
            in_doubt: true,
            directory_unsynced: true,
            reserved: false,
            appends_to_reserve: 0,
        };
        let mut opened_note = None;
        let mut frames = Vec::new();
        let mut end = End::Torn;
        match &content {
            Some(None) => {}
            Some(Some(bytes)) => {
                let scan = frame::scan(bytes);
                end = scan.end;
                frames = scan.frames;
                journal.end_bytes = u64::try_from(scan.good_bytes).unwrap_or(u64::MAX);
            }
            None => end = End::Foreign,
        }
        if matches!(end, End::Damaged | End::Foreign) {
            let bytes = content.as_ref().and_then(|content| content.as_deref());
            let kept = journal.set_aside(&names, bytes);
            opened_note = Some(journal.note(end, frames.len(), kept));
        }
        let trouble = journal.settle(end).err();
        journal.take_reserve(names.iter().any(|name| name == RESERVE));
        Ok(Opened { journal, frames, note: opened_note, trouble })
    }

    /// Appends one frame; after a crash it is there whole or not at all. With `sync` it is on the
    /// disk when this returns.
    ///
    /// # Errors
    /// The frame is then not in the journal, and the journal is as before.
    pub fn append(&mut self, frame: &[u8], sync: bool) -> Result<(), StoreError> {
        let path = self.path();
        let bytes = frame::encode(frame);
        let added = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if frame.len() > JOURNAL_FRAME_BYTES || self.end_bytes.saturating_add(added) > JOURNAL_BYTES
        {
            let error = io::ErrorKind::FileTooLarge.into();
            return Err(StoreError::new("append to", &path, error));
        }
        loop {
            self.ready()?;
            let result = self.write_frame(&bytes).and_then(|()| self.flush(sync));
            match result {
                Ok(()) => break,
                // A full disk may show only when delayed blocks are wanted: at the sync.
                Err(error) if is_full(&error) && self.release_reserve() => {}
                Err(error) => return Err(StoreError::new("append to", &path, error)),
            }
        }
        self.end_bytes = self.end_bytes.saturating_add(added);
        self.renew_reserve();
        Ok(())
    }

    /// Replaces the journal's content atomically.
    ///
    /// # Errors
    /// The journal is then as before; only if its very last step failed (the sync of the
    /// directory) it is already the new one. It is whole either way.
    pub fn rewrite(&mut self, frames: &[Vec<u8>]) -> Result<(), StoreError> {
        let mut content = frame::HEADER.to_vec();
        for frame in frames {
            if frame.len() > JOURNAL_FRAME_BYTES {
                let error = io::ErrorKind::FileTooLarge.into();
                return Err(StoreError::new("rewrite", &self.path(), error));
            }
            content.extend(frame::encode(frame));
        }
        if u64::try_from(content.len()).unwrap_or(u64::MAX) > JOURNAL_BYTES {
            let error = io::ErrorKind::FileTooLarge.into();
            return Err(StoreError::new("rewrite", &self.path(), error));
        }
        self.replace(&content)?;
        if !self.reserved {
            self.take_reserve(false);
        }
        Ok(())
    }

    /// Length of the file: what [`crate::model::limit::JOURNAL_COMPACT_BYTES`] is held against.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.end_bytes
    }

    fn path(&self) -> PathBuf {
        self.directory.join(JOURNAL)
    }

    /// After opening: makes the file what its good bytes are.
    fn settle(&mut self, end: End) -> Result<(), StoreError> {
        if self.end_bytes == 0 || matches!(end, End::Damaged | End::Foreign) {
            return self.write_anew();
        }
        let path = self.path();
        let length = self.end_bytes;
        let mut file =
            retry(|| self.disk.open(&path)).map_err(|e| StoreError::new("write to", &path, e))?;
        if end == End::Torn {
            retry(|| file.truncate(length))
                .map_err(|e| StoreError::new("cut the torn tail of", &path, e))?;
        }
        self.file = Some(file);
        self.in_doubt = false;
        Ok(())
    }

    /// Before an append: the file holds what it should, and its name is durable.
    fn ready(&mut self) -> Result<(), StoreError> {
        if self.in_doubt || self.file.is_none() { self.write_anew() } else { Ok(()) }
    }

    /// Writes the good frames, as the file has them now, to a new file in its place.
    fn write_anew(&mut self) -> Result<(), StoreError> {
        let path = self.path();
        let mut content = frame::HEADER.to_vec();
        if self.end_bytes > 0 {
            // The frame that brought the doubt may still hang on its end.
            let limit = JOURNAL_BYTES.saturating_mul(2);
            let found = retry(|| self.disk.read(&path, limit))
                .map_err(|e| StoreError::new("read", &path, e))?
                .unwrap_or_default();
            let good = usize::try_from(self.end_bytes).unwrap_or(usize::MAX).min(found.len());
            let scan = frame::scan(found.get(..good).unwrap_or_default());
            content = found;
            content.truncate(scan.good_bytes);
            if content.is_empty() {
                content = frame::HEADER.to_vec();
            }
        }
        self.replace(&content)
    }

    fn replace(&mut self, content: &[u8]) -> Result<(), StoreError> {
        let temporary = self.directory.join(TEMPORARY);
        let path = self.path();
        let file = loop {
            match self.write_temporary(&temporary, content) {
                Ok(file) => break file,
                Err(error) => {
                    let _ = self.disk.remove(&temporary);
                    if !(is_full(&error) && self.release_reserve()) {
                        return Err(StoreError::new("write", &temporary, error));
                    }
                }
            }
        };
        retry(|| self.disk.rename(&temporary, &path)).map_err(|error| {
            let _ = self.disk.remove(&temporary);
            StoreError::new("rename to", &path, error)
        })?;
        self.file = Some(file);
        self.end_bytes = u64::try_from(content.len()).unwrap_or(u64::MAX);
        self.in_doubt = false;
        self.directory_unsynced = true;
        self.sync_directory().map_err(|e| StoreError::new("sync", &self.directory, e))
    }

    fn write_temporary(&mut self, path: &Path, content: &[u8]) -> io::Result<Box<dyn DiskFile>> {
        let mut file = retry(|| self.disk.create(path))?;
        let mut done = 0_usize;
        // Not visible under the journal's name yet, so short writes may be continued.
        while let Some(rest) = content.get(done..).filter(|rest| !rest.is_empty()) {
            let offset = u64::try_from(done).unwrap_or(u64::MAX);
            match retry(|| file.write_at(offset, rest))? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                taken => done += taken,
            }
        }
        retry(|| file.sync_data())?;
        Ok(file)
    }

    /// One write call for the whole frame: a concurrent reader, or a crash of the process alone,
    /// sees all of it or none of it.
    fn write_frame(&mut self, bytes: &[u8]) -> io::Result<()> {
        let end = self.end_bytes;
        let Some(file) = self.file.as_mut() else {
            return Err(io::ErrorKind::NotFound.into());
        };
        // A short write is an interruption, or the last free block: once more tells which.
        for _ in 0..STORE_RETRIES {
            let result = retry(|| file.write_at(end, bytes));
            if matches!(result, Ok(taken) if taken == bytes.len()) {
                return Ok(());
            }
            let cut = retry(|| file.truncate(end));
            self.in_doubt = cut.is_err();
            result.and(cut)?;
        }
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self, sync: bool) -> io::Result<()> {
        if !sync {
            return Ok(());
        }
        let end = self.end_bytes;
        if self.directory_unsynced
            && let Err(error) = self.sync_directory()
        {
            self.retract(end);
            return Err(error);
        }
        let Some(file) = self.file.as_mut() else {
            return Err(io::ErrorKind::NotFound.into());
        };
        if let Err(error) = retry(|| file.sync_data()) {
            self.retract(end);
            // Frames that were to reach the disk in their own time may never do so now.
            self.in_doubt = true;
            return Err(error);
        }
        Ok(())
    }

    fn retract(&mut self, end: u64) {
        if let Some(file) = self.file.as_mut()
            && retry(|| file.truncate(end)).is_err()
        {
            self.in_doubt = true;
        }
    }

    fn sync_directory(&mut self) -> io::Result<()> {
        retry(|| self.disk.sync_directory(&self.directory))?;
        self.directory_unsynced = false;
        Ok(())
    }

    /// Keeps the damaged journal under a name of its own and drops the oldest such copies.
    fn set_aside(&mut self, names: &[String], bytes: Option<&[u8]>) -> Result<PathBuf, StoreError> {
        let mut numbers: Vec<u32> = names
            .iter()
            .filter_map(|name| name.strip_prefix(DAMAGED_PREFIX)?.parse().ok())
            .collect();
        numbers.sort_unstable();
        let number = numbers.last().map_or(1, |last| last.saturating_add(1));
        let surplus = (numbers.len() + 1).saturating_sub(JOURNAL_DAMAGED_COPIES);
        for old in numbers.iter().take(surplus) {
            let _ = self.disk.remove(&self.directory.join(format!("{DAMAGED_PREFIX}{old}")));
        }
        let path = self.path();
        let copy = self.directory.join(format!("{DAMAGED_PREFIX}{number}"));
        // A second name takes no space; the copy is for filesystems without links.
        retry(|| self.disk.link(&path, &copy))
            .or_else(|error| {
                let bytes = bytes.ok_or(error)?;
                self.write_temporary(&copy, bytes).map(drop)
            })
            .or_else(|error| match self.end_bytes {
                // Nothing in it is of use to this agent: the file itself can go there.
                0 => retry(|| self.disk.rename(&path, &copy)),
                _ => Err(error),
            })
            .map_err(|error| StoreError::new("keep a copy in", &copy, error))?;
        Ok(copy)
    }

    fn note(&self, end: End, frames: usize, kept: Result<PathBuf, StoreError>) -> String {
        let path = self.path();
        let path = path.display();
        let found = if end == End::Damaged {
            format!(
                "the journal `{path}` is damaged in its middle: the {frames} records before the \
                 damage are used, what came after them is not"
            )
        } else {
            format!(
                "`{path}` is no journal of this version of the agent: starting with an empty one"
            )
        };
        match kept {
            Ok(copy) => format!("{found}; the file is kept as `{}`", copy.display()),
            Err(error) => format!("{found}; the file could not be kept: {error}: {}", error.source),
        }
    }

    /// Takes blocks that a full disk cannot take from us, so that it still records its own alarm.
    fn take_reserve(&mut self, exists: bool) {
        let path = self.directory.join(RESERVE);
        let taken = (if exists { self.disk.open(&path) } else { self.disk.create(&path) })
            .and_then(|mut file| retry(|| file.allocate(JOURNAL_RESERVE_BYTES)));
        self.reserved = taken.is_ok();
        self.appends_to_reserve = JOURNAL_RESERVE_RETRY_APPENDS;
        if !self.reserved {
            // Whatever part of it was taken would only make the disk fuller.
            let _ = self.disk.remove(&path);
        }
    }

    fn release_reserve(&mut self) -> bool {
        if !self.reserved {
            return false;
        }
        self.reserved = false;
        self.appends_to_reserve = JOURNAL_RESERVE_RETRY_APPENDS;
        self.disk.remove(&self.directory.join(RESERVE)).is_ok()
    }

    fn renew_reserve(&mut self) {
        if !self.reserved {
            self.appends_to_reserve = self.appends_to_reserve.saturating_sub(1);
            if self.appends_to_reserve == 0 {
                self.take_reserve(false);
            }
        }
    }
}

/// Repeats a call that a signal interrupted, a bounded number of times.
pub(crate) fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let mut result = call();
    for _ in 0..STORE_RETRIES {
        match &result {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => result = call(),
            _ => break,
        }
    }
    result
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
