//! What a ring of the spool knows of its frames: numbers, places and lengths, by file, and the frames
//! themselves that are in memory only. Touches no file.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// A frame in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) number: u64,
    /// Where its payload stands in the file, the number before it included.
    pub(super) from: u32,
    pub(super) to: u32,
}

impl Entry {
    pub(super) fn place(self) -> Range<usize> {
        let at = |byte| usize::try_from(byte).unwrap_or(usize::MAX);
        at(self.from)..at(self.to)
    }

    fn bytes(self) -> u64 {
        u64::from(self.to.saturating_sub(self.from))
    }
}

/// One file of a ring.
#[derive(Debug, Default)]
pub(super) struct Segment {
    /// The number in its name: no frame in it has a smaller one.
    pub(super) first: u64,
    /// Its frames; numbers grow.
    pub(super) entries: Vec<Entry>,
    /// Its length.
    pub(super) bytes: u64,
    /// It ends with a whole frame, so that another may follow.
    pub(super) whole: bool,
}

impl Segment {
    pub(super) fn last(&self) -> u64 {
        self.entries.last().map_or(self.first, |entry| entry.number)
    }

    /// Place of the first frame whose number is not smaller.
    fn from(&self, number: u64) -> usize {
        self.entries.partition_point(|entry| entry.number < number)
    }

    /// Frames from a number on, and their bytes.
    pub(super) fn count(&self, number: u64) -> (u64, u64) {
        let rest = self.entries.get(self.from(number)..).unwrap_or_default();
        (length(rest.len()), rest.iter().map(|entry| entry.bytes()).sum())
    }
}

/// A frame that is in no file.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) number: u64,
    pub(super) payload: Arc<[u8]>,
}

/// All frames of one class: files, oldest first, then what is in memory.
#[derive(Debug, Default)]
pub(super) struct Ring {
    pub(super) segments: VecDeque<Segment>,
    pub(super) memory: VecDeque<Kept>,
}

impl Ring {
    /// The first frame whose number is not smaller.
    pub(super) fn at_or_after(&self, number: u64) -> Option<u64> {
        self.ahead(number, 0)
    }

    /// The frame `steps` behind the first one whose number is not smaller.
    pub(super) fn ahead(&self, number: u64, steps: usize) -> Option<u64> {
        let mut left = steps;
        let files = self.segments.partition_point(|segment| segment.last() < number);
        for segment in self.segments.range(files..) {
            let rest = segment.entries.get(segment.from(number)..).unwrap_or_default();
            match rest.get(left) {
                Some(entry) => return Some(entry.number),
                None => left -= rest.len(),
            }
        }
        let skipped = self.memory.partition_point(|kept| kept.number < number);
        self.memory.get(skipped.saturating_add(left)).map(|kept| kept.number)
    }

    pub(super) fn newest(&self) -> Option<u64> {
        let in_files = || self.segments.iter().rev().find_map(|s| s.entries.last());
        let in_memory = self.memory.back().map(|kept| kept.number);
        in_memory.or_else(|| in_files().map(|entry| entry.number))
    }

    /// Frames from a number on, and their bytes.
    pub(super) fn count(&self, number: u64) -> (u64, u64) {
        let files = self.segments.partition_point(|segment| segment.last() < number);
        let (mut frames, mut bytes) = (0, 0);
        for segment in self.segments.range(files..) {
            let (more, longer) = segment.count(number);
            frames += more;
            bytes += longer;
        }
        for kept in self.memory.iter().filter(|kept| kept.number >= number) {
            frames += 1;
            bytes += length(kept.payload.len());
        }
        (frames, bytes)
    }

    pub(super) fn kept(&self, number: u64) -> Option<&Kept> {
        let place = self.memory.binary_search_by_key(&number, |kept| kept.number).ok()?;
        self.memory.get(place)
    }

    /// The file of a frame, and its place there.
    pub(super) fn find(&self, number: u64) -> Option<(&Segment, Entry)> {
        let file = self.segments.partition_point(|segment| segment.last() < number);
        let segment = self.segments.get(file)?;
        let entry = segment.entries.get(segment.from(number))?;
        (entry.number == number).then_some((segment, *entry))
    }

    pub(super) fn file_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.memory.iter().map(|kept| kept.payload.len()).sum()
    }
}

pub(super) fn length(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
