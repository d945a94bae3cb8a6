//! The history: files of a day, each a row of checksummed blocks, below the state directory. Owns
//! their names, their bounds and what damage costs: the block it is in.
//!
//! Nothing is synced: a power cut costs the newest minutes of a curve. A file is
//! `2026-11-25.0.hwh`, the day in UTC and a number that grows when a file is full. What is deleted
//! is the oldest by name, however the clock was set when it was written.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Span as DateSpan;
use jiff::civil::{Date, date};

use crate::model::history::{Curve, DAY_MINUTES, Minute, Point, Series};
use crate::model::limit::{
    HISTORY_BLOCK_BYTES, HISTORY_BYTES, HISTORY_CURVE_POINTS, HISTORY_DAYS, HISTORY_FILE_BYTES,
    HISTORY_FILES,
};

use super::error::StoreError;
use block::{Packed, Visitor};

mod block;
mod varint;

pub use block::Wanted;

/// Opens every file: name, version, end of line.
const HEADER: [u8; 16] = *b"hw-history 0001\n";
/// Opens every block. With it, blocks behind a damaged one are found again.
const MARKER: [u8; 4] = *b"\xf6HWh";
/// Marker, length of what follows, checksum; numbers are little-endian.
const HEAD_BYTES: usize = 12;
/// Ending of the files.
const ENDING: &str = ".hwh";
/// Work spent on finding blocks behind bad ones, as a multiple of the file's size.
const SEARCH_EFFORT: usize = 4;

/// A file's place in the order of all: its day in UTC, and its number within the day.
type Place = (Date, u32);

/// The writing end.
#[derive(Debug)]
pub struct Archive {
    directory: PathBuf,
    bounds: Bounds,
    open: Option<Open>,
}

/// What an archive may hold.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bytes of all files.
    pub bytes: u64,
    /// Bytes of one file.
    pub file_bytes: u64,
    /// Days of which something is kept.
    pub days: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { bytes: HISTORY_BYTES, file_bytes: HISTORY_FILE_BYTES, days: HISTORY_DAYS }
    }
}

#[derive(Debug)]
struct Open {
    place: Place,
    path: PathBuf,
    file: File,
    end: u64,
}

impl Archive {
    /// An archive in a directory, which is made when something is written.
    #[must_use]
    pub fn new(directory: PathBuf, bounds: Bounds) -> Self {
        Self { directory, bounds, open: None }
    }

    /// Writes some minutes: one block of each day they are of.
    ///
    /// # Errors
    /// The system's; nothing of a block that failed is left behind.
    pub fn append<'a>(
        &mut self,
        minutes: impl IntoIterator<Item = &'a Minute>,
    ) -> Result<(), StoreError> {
        let mut days: BTreeMap<u32, Vec<&Minute>> = BTreeMap::new();
        for minute in minutes {
            days.entry(minute.point.minute / DAY_MINUTES).or_default().push(minute);
        }
        for (day, minutes) in days {
            let payload = block::encode(&minutes);
            // Larger ones are never made: their points are counted before.
            if payload.len() <= HISTORY_BLOCK_BYTES {
                self.write(date_of(day), &framed(&payload))?;
            }
        }
        Ok(())
    }

    fn write(&mut self, day: Date, block: &[u8]) -> Result<(), StoreError> {
        let length = u64::try_from(block.len()).unwrap_or(u64::MAX);
        let fits = |open: &Open| {
            // Somebody may have deleted it.
            let there = open.file.metadata().is_ok_and(|facts| facts.nlink() > 0);
            there && open.end.saturating_add(length) <= self.bounds.file_bytes
        };
        let mut open = match self.open.take() {
            Some(open) if open.place.0 == day && fits(&open) => open,
            _ => self.open_for(day, length)?,
        };
        if let Err(error) = open.file.write_all_at(block, open.end) {
            let _ = open.file.set_len(open.end);
            return Err(StoreError::new("write to", &open.path, error));
        }
        open.end += length;
        self.open = Some(open);
        Ok(())
    }

    /// The file in which there is room for a block of a day; makes room in the directory.
    fn open_for(&self, day: Date, length: u64) -> Result<Open, StoreError> {
        let make = DirBuilder::new().recursive(true).mode(0o700).create(&self.directory);
        make.map_err(|error| StoreError::new("make", &self.directory, error))?;
        let mut files = files(&self.directory)?;
        let newest = files.iter().map(|(place, _)| *place).filter(|(of, _)| *of == day).max();
        let mut number = newest.map_or(0, |(_, number)| number);
        let mut open = self.open_file((day, number))?;
        if open.end > HEADER.len() as u64 && open.end + length > self.bounds.file_bytes {
            number = number.saturating_add(1);
            open = self.open_file((day, number))?;
        }
        files.retain(|(place, _)| *place != open.place);
        self.make_room(files, day, length + open.end);
        Ok(open)
    }

    /// Opens a file behind its last whole block.
    fn open_file(&self, place: Place) -> Result<Open, StoreError> {
        let path = self.directory.join(name(place));
        let failed = |error| StoreError::new("open", &path, error);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.custom_flags(flags()).open(&path).map_err(failed)?;
        let bytes = content(&file).map_err(failed)?;
        let end = if bytes.starts_with(&HEADER) {
            let last = Blocks::of(&bytes).last().map_or(HEADER.len(), |(end, _)| end);
            u64::try_from(last).unwrap_or(0)
        } else {
            file.set_len(0).map_err(failed)?;
            file.write_all_at(&HEADER, 0).map_err(failed)?;
            HEADER.len() as u64
        };
        file.set_len(end).map_err(failed)?;
        Ok(Open { place, path, file, end })
    }

    /// Deletes the oldest files until the others keep to the bounds with `more` bytes of `day`.
    fn make_room(&self, files: Vec<(Place, u64)>, day: Date, more: u64) {
        // A file that grows may become as long as a file may.
        let mut bytes =
            more.max(self.bounds.file_bytes) + files.iter().map(|(_, n)| n).sum::<u64>();
        let mut days: BTreeSet<Date> = files.iter().map(|((day, _), _)| *day).collect();
        days.insert(day);
        let surplus = days.len().saturating_sub(self.bounds.days);
        let old: BTreeSet<Date> = days.into_iter().filter(|of| *of != day).take(surplus).collect();
        for (place, length) in files {
            if bytes > self.bounds.bytes || old.contains(&place.0) {
                // What cannot be deleted now is tried again with the next file.
                let _ = std::fs::remove_file(self.directory.join(name(place)));
                bytes = bytes.saturating_sub(length);
            }
        }
    }
}

/// A number of which something is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Which.
    pub series: Series,
    /// The block of its first point begins with this minute.
    pub first: u32,
    /// The block of its last point ends with this minute.
    pub last: u32,
    /// How many points.
    pub points: usize,
}

/// The wanted numbers from one minute to another, both inclusive, in the order of their names.
///
/// # Errors
/// When the directory or a file in it cannot be read; one that is not there holds nothing.
pub fn curves(
    directory: &Path,
    wanted: &Wanted<'_>,
    (from, to): (u32, u32),
) -> Result<Vec<Curve>, StoreError> {
    let mut found = Found { reach: (from, to), curves: BTreeMap::new() };
    let days = date_of(from / DAY_MINUTES)..=date_of(to / DAY_MINUTES);
    each_block(directory, &|(day, _)| days.contains(&day), &mut |payload| {
        let _ = block::walk(payload, wanted, &mut found);
    })?;
    let curves =
        found.curves.into_iter().map(|(series, points)| Curve { series, points: in_order(points) });
    Ok(curves.filter(|curve| !curve.points.is_empty()).collect())
}

/// Points by their minutes, and of each minute what was written last.
#[must_use]
pub fn in_order(mut points: Vec<Point>) -> Vec<Point> {
    points.sort_by_key(|point| point.minute);
    let mut kept: Vec<Point> = Vec::with_capacity(points.len());
    for point in points {
        match kept.last_mut() {
            Some(last) if last.minute == point.minute => *last = point,
            _ => kept.push(point),
        }
    }
    kept
}

/// All numbers of which something is kept, in the order of their names.
///
/// # Errors
/// As of [`curves`].
pub fn catalog(directory: &Path) -> Result<Vec<Entry>, StoreError> {
    let mut listed = Listed::default();
    each_block(directory, &|_| true, &mut |payload| {
        let _ = block::walk(payload, &Wanted::default(), &mut listed);
    })?;
    Ok(listed.entries.into_values().collect())
}

struct Found {
    reach: (u32, u32),
    curves: BTreeMap<Series, Vec<Point>>,
}

impl Visitor for Found {
    fn number(&mut self, series: Series, packed: &Packed<'_>) {
        let (first, last) = packed.reach();
        if last < self.reach.0 || first > self.reach.1 {
            return;
        }
        let reach = self.reach.0..=self.reach.1;
        let points = packed.points().unwrap_or_default();
        let curve = self.curves.entry(series).or_default();
        let room = (2 * HISTORY_CURVE_POINTS).saturating_sub(curve.len());
        curve.extend(points.into_iter().filter(|p| reach.contains(&p.minute)).take(room));
    }
}

#[derive(Default)]
struct Listed {
    entries: BTreeMap<Series, Entry>,
}

impl Visitor for Listed {
    fn number(&mut self, series: Series, packed: &Packed<'_>) {
        let (first, last) = packed.reach();
        let points = packed.count().unwrap_or(0);
        match self.entries.get_mut(&series) {
            Some(entry) => {
                entry.first = entry.first.min(first);
                entry.last = entry.last.max(last);
                entry.points += points;
            }
            None => {
                let entry = Entry { series: series.clone(), first, last, points };
                self.entries.insert(series, entry);
            }
        }
    }
}

/// Hands every whole block of the wanted files to `see`, oldest file first.
fn each_block(
    directory: &Path,
    wanted: &dyn Fn(Place) -> bool,
    see: &mut dyn FnMut(&[u8]),
) -> Result<(), StoreError> {
    for (place, _) in files(directory)? {
        if !wanted(place) {
            continue;
        }
        let path = directory.join(name(place));
        let opened = OpenOptions::new().read(true).custom_flags(flags()).open(&path);
        let bytes = match opened.and_then(|file| content(&file)) {
            Ok(bytes) => bytes,
            // Deleted since it was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(StoreError::new("read", &path, error)),
        };
        if bytes.starts_with(&HEADER) {
            Blocks::of(&bytes).for_each(|(_, payload)| see(payload));
        }
    }
    Ok(())
}

/// Everything that a file of this form amounts to, without a checksum: for tests of what bytes can
/// do.
#[must_use]
pub fn points_in(bytes: &[u8]) -> usize {
    let mut found = Found { reach: (0, u32::MAX), curves: BTreeMap::new() };
    let _ = block::walk(bytes, &Wanted::default(), &mut found);
    for (_, payload) in Blocks::of(bytes) {
        let _ = block::walk(payload, &Wanted::default(), &mut found);
    }
    found.curves.values().map(Vec::len).sum()
}

/// The whole blocks of a file, each with the place behind it.
struct Blocks<'a> {
    bytes: &'a [u8],
    at: usize,
    effort: usize,
}

impl<'a> Blocks<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, at: HEADER.len(), effort: bytes.len().saturating_mul(SEARCH_EFFORT) }
    }

    /// A block here: its payload, if it is whole.
    fn block(&mut self) -> Option<&'a [u8]> {
        let here = self.bytes.get(self.at..)?;
        let head = here.get(..HEAD_BYTES)?;
        let word = |from: usize| Some(u32::from_le_bytes(*head.get(from..)?.first_chunk()?));
        let length = usize::try_from(word(4)?).ok().filter(|n| *n <= HISTORY_BLOCK_BYTES)?;
        let payload = here.get(HEAD_BYTES..HEAD_BYTES.checked_add(length)?)?;
        if !head.starts_with(&MARKER) || payload.len() > self.effort {
            return None;
        }
        self.effort -= payload.len();
        (checksum(payload) == word(8)?).then_some(payload)
    }
}

impl<'a> Iterator for Blocks<'a> {
    type Item = (usize, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while self.at < self.bytes.len() {
            if let Some(payload) = self.block() {
                self.at += HEAD_BYTES + payload.len();
                return Some((self.at, payload));
            }
            let rest = self.bytes.get(self.at + 1..)?;
            let next = rest.windows(MARKER.len()).position(|four| four == MARKER)?;
            self.at += 1 + next;
        }
        None
    }
}

fn framed(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    [&MARKER[..], &length.to_le_bytes(), &checksum(payload).to_le_bytes(), payload].concat()
}

fn checksum(payload: &[u8]) -> u32 {
    let mut hash = crc32fast::Hasher::new();
    hash.update(&u64::try_from(payload.len()).unwrap_or(u64::MAX).to_le_bytes());
    hash.update(payload);
    hash.finalize()
}

/// Our files with their lengths, oldest first. Names of others, and of later versions, are not ours.
fn files(directory: &Path) -> Result<Vec<(Place, u64)>, StoreError> {
    let failed = |error| StoreError::new("list", directory, error);
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut found = Vec::new();
    for entry in entries.take(HISTORY_FILES) {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let Some(place) = name.to_str().and_then(place) else { continue };
        let facts = entry.metadata().map_err(failed)?;
        if facts.is_file() {
            found.push((place, facts.len()));
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn content(file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // A block may be appended to a file that is nearly full.
    file.take(HISTORY_FILE_BYTES + HISTORY_BLOCK_BYTES as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn name((day, number): Place) -> String {
    format!("{day}.{number}{ENDING}")
}

fn place(name: &str) -> Option<Place> {
    let (day, number) = name.strip_suffix(ENDING)?.split_once('.')?;
    let place = (day.parse().ok()?, number.parse().ok()?);
    (self::name(place) == name).then_some(place)
}

fn date_of(day: u32) -> Date {
    let days = DateSpan::new().try_days(day).unwrap_or_default();
    date(1970, 1, 1).checked_add(days).unwrap_or(Date::MAX)
}

/// Our own files are never links; a pipe in their place is not waited for.
fn flags() -> i32 {
    nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK
}
