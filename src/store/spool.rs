//! The spool: frames that wait for readers, in files of a directory, bounded in bytes. Owns their
//! numbers, which grow over both classes, and how far each reader is. Knows no meaning of a frame.
//!
//! When it is full, the oldest file of [`Class::Bulk`] goes; [`Class::Event`] loses its oldest only
//! where there is no bulk left. What a reader lost by that is counted for it. An event is on the disk
//! when [`Spool::append`] returns, bulk reaches it in the system's own time. A reader's position is
//! written after what it passed, so that a crash repeats a little and skips nothing.
//!
//! It never fails: while the directory cannot be written, frames stay in memory, bounded too, and
//! [`Spool::take_words`] says so once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::limit::{
    SPOOL_BYTES, SPOOL_FILES, SPOOL_FRAME_BYTES, SPOOL_MEMORY_BYTES, SPOOL_POSITIONS_BYTES,
    SPOOL_SAVE_EVERY, SPOOL_SAVE_FRAMES, SPOOL_SEGMENT_BYTES, SPOOL_SEGMENT_MIN_BYTES, STORE_RETRY,
};
use crate::model::time::Moment;
use crate::store::disk::{Disk, DiskFile, RealDisk};
use crate::store::error::StoreError;
use crate::store::frame;
use crate::store::journal::retry;
use files::{HEADER, POSITIONS, POSITIONS_NEW, Position, Positions};
use ring::{Entry, Kept, Ring, Segment, length};

mod files;
mod ring;
mod writing;

pub use files::frames_in;

/// Which of two a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// May be lost: the oldest goes when room is needed.
    Bulk,
    /// Is lost only when there is no bulk left that could make room.
    Event,
}

/// What a spool may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of all its files.
    pub bytes: u64,
    /// Bytes of one file, unless a single frame is longer.
    pub segment_bytes: u64,
    /// Bytes of what is in memory while no file can be written.
    pub memory_bytes: usize,
}

impl Bounds {
    /// The bounds of a spool of so many bytes.
    #[must_use]
    pub fn of(bytes: u64) -> Self {
        let segment_bytes = (bytes / 16).clamp(SPOOL_SEGMENT_MIN_BYTES, SPOOL_SEGMENT_BYTES);
        Self { bytes, segment_bytes, memory_bytes: SPOOL_MEMORY_BYTES }
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self::of(SPOOL_BYTES)
    }
}

/// Which bulk a reader wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bulk {
    /// None.
    None,
    /// Every frame.
    All,
    /// The newest; those before it are none it waits for.
    Newest,
}

/// What a reader wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wants {
    /// Which bulk.
    pub bulk: Bulk,
    /// Whether events.
    pub events: bool,
}

/// What a reader lost before it could read it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lost {
    /// Bulk that made room, or is larger than a frame may be.
    pub bulk: u64,
    /// Events that made room for events, or are larger than a frame may be.
    pub events: u64,
    /// Places where one frame or more could not be read back.
    pub damaged: u64,
}

/// How far a reader is.
#[derive(Debug)]
struct Reader {
    wants: Wants,
    /// The first bulk that it has not passed.
    bulk: u64,
    /// The first event that it has not passed.
    events: u64,
    lost: Lost,
}

impl Reader {
    /// The first frame of a class that must be kept for it.
    fn needs(&self, class: Class) -> Option<u64> {
        match class {
            Class::Bulk => (self.wants.bulk == Bulk::All).then_some(self.bulk),
            Class::Event => self.wants.events.then_some(self.events),
        }
    }
}

/// The spool.
#[derive(Debug)]
pub struct Spool {
    disk: Box<dyn Disk>,
    directory: PathBuf,
    bounds: Bounds,
    bulk: Ring,
    events: Ring,
    /// The open files behind the last segments.
    bulk_file: Option<Box<dyn DiskFile>>,
    events_file: Option<Box<dyn DiskFile>>,
    /// The number that the next frame gets.
    next: u64,
    readers: BTreeMap<String, Reader>,
    /// What the file of positions said at the start of readers that have not come yet; `None` when
    /// there were frames and no such file, so that nobody is new.
    known: Option<Vec<Position>>,
    /// What cannot be written now, and when that is tried again.
    trouble: Option<(String, Moment)>,
    words: Vec<String>,
    /// Passed since the positions were written.
    passed: u32,
    saved: Moment,
    /// The frame that was appended last: it is mostly read at once.
    latest: Option<(Class, Kept)>,
    /// A file that no frame will be added to, read whole.
    cache: Option<(Class, u64, Vec<u8>)>,
    /// The directory was read.
    loaded: bool,
    /// Frames before which others could not be read at the start.
    damaged_at_start: Vec<(Class, u64)>,
}

impl Spool {
    /// Opens a spool in a directory that is locked by the caller, and makes it if need be.
    #[must_use]
    pub fn open(directory: &Path, bounds: Bounds, now: Moment) -> Self {
        Self::open_on(Box::new(RealDisk), directory, bounds, now)
    }

    /// As [`Self::open`], on a disk of the caller's.
    #[must_use]
    pub fn open_on(disk: Box<dyn Disk>, directory: &Path, bounds: Bounds, now: Moment) -> Self {
        let mut spool = Self {
            disk,
            directory: directory.to_owned(),
            bounds,
            bulk: Ring::default(),
            events: Ring::default(),
            bulk_file: None,
            events_file: None,
            next: 1,
            readers: BTreeMap::new(),
            known: Some(Vec::new()),
            trouble: None,
            words: Vec::new(),
            passed: 0,
            saved: now,
            latest: None,
            cache: None,
            loaded: false,
            damaged_at_start: Vec::new(),
        };
        spool.load(now);
        if !spool.loaded {
            spool.known = None;
        }
        spool
    }

    /// Names the readers there are, each with what it wants: one that is known goes on where it was, a
    /// new one begins with the newest bulk and no event that has been, one that is not named is
    /// forgotten.
    pub fn set_readers(&mut self, wanted: &[(String, Wants)]) {
        let newest = self.bulk.newest().unwrap_or(self.next);
        let mut before = std::mem::take(&mut self.readers);
        let known = self.known.replace(Vec::new());
        for (name, wants) in wanted {
            let old = before.remove(name);
            let lost = old.as_ref().map(|reader| reader.lost).unwrap_or_default();
            let (bulk, events) = match old {
                Some(reader) => (reader.bulk, Some(reader.events).filter(|_| reader.wants.events)),
                None => match &known {
                    // Rather repeat than skip.
                    None => (0, Some(0)),
                    Some(known) => match known.iter().find(|position| position.name == *name) {
                        Some(position) => (position.bulk, position.events),
                        None => (newest, None),
                    },
                },
            };
            let reader = Reader { wants: *wants, bulk, events: events.unwrap_or(self.next), lost };
            self.readers.insert(name.clone(), reader);
        }
        self.passed = self.passed.max(1);
        self.count_damage();
        self.collect();
    }

    /// The number that the next frame gets.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.next
    }

    /// The first frame of a class that a reader has not passed, if it wants any of that class.
    #[must_use]
    pub fn head(&self, reader: &str, class: Class) -> Option<u64> {
        let reader = self.readers.get(reader)?;
        match class {
            Class::Event if reader.wants.events => self.events.at_or_after(reader.events),
            Class::Event => None,
            Class::Bulk => match reader.wants.bulk {
                Bulk::None => None,
                Bulk::All => self.bulk.at_or_after(reader.bulk),
                Bulk::Newest => self.bulk.newest().filter(|number| *number >= reader.bulk),
            },
        }
    }

    /// The frame of a class that comes `steps` frames behind the first whose number is not smaller
    /// than `from`; the newest where there are not so many.
    #[must_use]
    pub fn ahead(&self, class: Class, from: u64, steps: usize) -> Option<u64> {
        let ring = self.ring(class);
        ring.ahead(from, steps).or_else(|| ring.newest().filter(|newest| *newest >= from))
    }

    /// What a reader has passed: everything of a class up to and with this number.
    pub fn pass(&mut self, reader: &str, class: Class, number: u64) {
        if let Some(reader) = self.readers.get_mut(reader) {
            let place = match class {
                Class::Bulk => &mut reader.bulk,
                Class::Event => &mut reader.events,
            };
            *place = (*place).max(number.saturating_add(1));
            self.passed = self.passed.saturating_add(1);
        }
        self.collect();
    }

    /// Frames that wait for a reader, and their bytes. Of bulk of which it wants the newest, that is
    /// one at most.
    #[must_use]
    pub fn waiting(&self, name: &str) -> (u64, u64) {
        let Some(reader) = self.readers.get(name) else { return (0, 0) };
        let (mut frames, mut bytes) = (0, 0);
        let bulk = self.head(name, Class::Bulk).map_or((0, 0), |from| self.bulk.count(from));
        let events = if reader.wants.events { self.events.count(reader.events) } else { (0, 0) };
        for (more, longer) in [bulk, events] {
            frames += more;
            bytes += longer;
        }
        (frames, bytes)
    }

    /// What a reader lost since this was asked last.
    pub fn take_lost(&mut self, reader: &str) -> Lost {
        self.readers.get_mut(reader).map(|r| std::mem::take(&mut r.lost)).unwrap_or_default()
    }

    /// What a person should know, each once.
    pub fn take_words(&mut self) -> Vec<String> {
        std::mem::take(&mut self.words)
    }

    /// What is wrong with the directory now.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_ref().map(|(text, _)| text.as_str())
    }

    /// Bytes of all files.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.bulk.file_bytes() + self.events.file_bytes()
    }

    /// Bytes of the frames that are in memory for want of a file.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.bulk.memory_bytes() + self.events.memory_bytes()
    }

    fn ring(&self, class: Class) -> &Ring {
        match class {
            Class::Bulk => &self.bulk,
            Class::Event => &self.events,
        }
    }

    fn ring_mut(&mut self, class: Class) -> &mut Ring {
        match class {
            Class::Bulk => &mut self.bulk,
            Class::Event => &mut self.events,
        }
    }

    fn file_mut(&mut self, class: Class) -> &mut Option<Box<dyn DiskFile>> {
        match class {
            Class::Bulk => &mut self.bulk_file,
            Class::Event => &mut self.events_file,
        }
    }

    /// A frame's payload; `None` when it cannot be read (any more): what it was is lost.
    pub fn read(&mut self, class: Class, number: u64) -> Option<Arc<[u8]>> {
        if let Some((_, latest)) =
            self.latest.as_ref().filter(|(of, latest)| *of == class && latest.number == number)
        {
            return Some(Arc::clone(&latest.payload));
        }
        if let Some(kept) = self.ring(class).kept(number) {
            return Some(Arc::clone(&kept.payload));
        }
        let (segment, entry) = self.ring(class).find(number)?;
        let first = segment.first;
        let growing = self.ring(class).segments.back().is_some_and(|last| last.first == first);
        let from = |bytes: &[u8]| -> Option<Arc<[u8]>> {
            let numbered = frame::payload_at(bytes, entry.place())?;
            files::payload_of(number, numbered).map(Arc::from)
        };
        if let Some((_, _, bytes)) =
            self.cache.as_ref().filter(|(of, file, _)| *of == class && *file == first)
        {
            return from(bytes);
        }
        let bytes = self.content(class, first)?;
        let payload = from(&bytes);
        if !growing {
            self.cache = Some((class, first, bytes));
        }
        payload
    }

    fn content(&mut self, class: Class, first: u64) -> Option<Vec<u8>> {
        let path = self.path(class, first);
        let limit = SPOOL_SEGMENT_BYTES.saturating_add(length(SPOOL_FRAME_BYTES));
        retry(|| self.disk.read(&path, limit)).ok().flatten()
    }

    fn path(&self, class: Class, first: u64) -> PathBuf {
        self.directory.join(files::name(class, first))
    }

    /// Deletes files that every reader has passed, but for the last of each class.
    fn collect(&mut self) {
        for class in [Class::Bulk, Class::Event] {
            let needed = self.readers.values().filter_map(|reader| reader.needs(class)).min();
            // Before anybody has come, nothing is passed.
            let needed =
                if self.known.is_none() || self.readers.is_empty() { Some(0) } else { needed };
            let passed = |segment: &Segment| needed.is_none_or(|from| segment.last() < from);
            while self.ring(class).segments.len() > 1
                && self.ring(class).segments.front().is_some_and(passed)
            {
                self.drop_oldest_file(class);
            }
            let newest = self.ring(class).newest();
            self.ring_mut(class).memory.retain(|kept| {
                needed.is_some_and(|from| kept.number >= from) || Some(kept.number) == newest
            });
        }
    }

    /// Forgets the oldest file of a class, deletes it, and counts what readers lose by that.
    fn drop_oldest_file(&mut self, class: Class) {
        let Some(segment) = self.ring_mut(class).segments.pop_front() else { return };
        if self.ring(class).segments.is_empty() {
            *self.file_mut(class) = None;
        }
        if self.cache.as_ref().is_some_and(|(of, first, _)| (*of, *first) == (class, segment.first))
        {
            self.cache = None;
        }
        self.count_lost(class, |from| segment.count(from).0);
        // What cannot be deleted now is read again after a restart, and deleted then.
        let path = self.path(class, segment.first);
        let _ = retry(|| self.disk.remove(&path));
    }

    fn count_lost(&mut self, class: Class, count: impl Fn(u64) -> u64) {
        for reader in self.readers.values_mut() {
            let Some(from) = reader.needs(class) else { continue };
            match class {
                Class::Bulk => reader.lost.bulk += count(from),
                Class::Event => reader.lost.events += count(from),
            }
        }
    }
}
