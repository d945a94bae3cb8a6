//! A walk through one mounted file system: what its files take, and which were written to lately.
//!
//! Never leaves the device, follows no link, enters no mount and triggers none. Bounded in time,
//! entries, depth and memory; rests between bursts, since a disk that is busy is what is looked
//! into. Folders that were changed last come first, so that a walk that is not finished has seen
//! what matters most.

use std::collections::HashSet;
use std::ffi::CString;

use super::Pace;
use super::heavy::{Tree, Weight};
use crate::host::tree::{Facts, Folder, Room};
use crate::model::limit::{
    WALK_DEPTH, WALK_ENTRIES, WALK_FOLDERS, WALK_LINKED, WALK_PLACES, WALK_TIME,
};
use crate::model::time::Stamp;
use crate::model::unit::Span;

/// Work without a rest.
const BURST: Span = Span::from_millis(50);
/// A rest between bursts.
const REST: Span = Span::from_millis(20);
/// What is left, after a walk, to say what it found.
const TO_SAY: Span = Span::from_secs(2);
/// Entries between two looks at the clock.
const CLOCK_ENTRIES: u64 = 64;

/// What a walk found.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// Places that weigh, the top first.
    pub(super) places: Tree,
    /// Everything that was seen.
    pub(super) seen: Weight,
    /// Folders that were not entered: forbidden, too deep, too many.
    pub(super) denied: u64,
    /// Why it ended early; none if it saw all.
    pub(super) cut: Option<&'static str>,
    /// How long it took.
    pub(super) took: Span,
}

/// How a walk weighs what it sees.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    /// Files written to since then are recent.
    pub(super) since: Stamp,
    /// Bytes below which no place is remembered.
    pub(super) bytes_min: u64,
    /// Entries below which no folder is remembered for their number.
    pub(super) entries_min: u64,
}

impl Scale {
    fn is_worth(&self, weight: &Weight) -> bool {
        weight.bytes >= self.bytes_min || weight.entries >= self.entries_min
    }
}

/// A folder on the way from the top to where the walk is.
struct Level {
    folder: Folder,
    place: usize,
    weight: Weight,
    /// Folders in it that are not walked yet, with their inodes, the one changed last at the end.
    rest: Vec<(Stamp, CString, u64)>,
}

/// Walks below an open folder that is called `name`.
pub(super) fn walk(top: Folder, name: &[u8], scale: Scale, pace: &mut dyn Pace) -> Walk {
    let begin = pace.elapsed();
    let left = pace.within().as_millis().saturating_sub(begin.as_millis() + TO_SAY.as_millis());
    let mut walker = Walker {
        walk: Walk::default(),
        scale,
        begin,
        time: WALK_TIME.min(Span::from_millis(left)),
        burst: begin,
        entries: 0,
        noted: 0,
        linked: HashSet::new(),
        room: Room::default(),
        device: None,
    };
    walker.run(top, name, pace);
    walker.walk.took = Span::from_millis(pace.elapsed().as_millis() - begin.as_millis());
    walker.walk
}

struct Walker {
    walk: Walk,
    scale: Scale,
    begin: Span,
    time: Span,
    burst: Span,
    entries: u64,
    /// Folders that wait to be walked, over the whole way.
    noted: usize,
    linked: HashSet<u64>,
    room: Room,
    device: Option<(u64, u64)>,
}

impl Walker {
    fn run(&mut self, top: Folder, name: &[u8], pace: &mut dyn Pace) {
        let Ok(facts) = top.facts() else { return };
        self.device = Some(facts.device);
        let mut path: Vec<Level> = Vec::new();
        let place = self.walk.places.push(name.to_vec(), 0, true);
        path.push(self.enter(top, place, &facts, pace));
        while let Some(level) = path.last_mut() {
            let next = if self.walk.cut.is_some() { None } else { level.rest.pop() };
            let Some((_, name, inode)) = next else {
                let Some(done) = path.pop() else { return };
                let top = path.is_empty();
                let keep = top || self.scale.is_worth(&done.weight);
                self.walk.places.settle(done.place, done.weight, keep);
                match path.last_mut() {
                    Some(parent) => parent.weight.add(&done.weight),
                    None => self.walk.seen = done.weight,
                }
                continue;
            };
            let (parent, depth) = (level.place, path.len());
            self.noted -= 1;
            let folder = match path.last().map(|level| level.folder.within(&name)) {
                Some(Ok(folder)) if depth < WALK_DEPTH => folder,
                // It went away meanwhile.
                Some(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => continue,
                _ => {
                    self.walk.denied += 1;
                    continue;
                }
            };
            // Whatever took its place since it was listed is not what was listed.
            let now = folder.facts().ok().filter(|now| {
                now.inode == inode && Some(now.device) == self.device && !now.is_mount
            });
            let Some(facts) = now else { continue };
            if self.walk.places.len() >= WALK_PLACES {
                self.walk.cut = Some("too many large folders");
                continue;
            }
            let place = self.walk.places.push(name.to_bytes().to_vec(), parent, true);
            path.push(self.enter(folder, place, &facts, pace));
        }
    }

    /// Lists a folder: weighs its files, notes its folders.
    fn enter(&mut self, folder: Folder, place: usize, facts: &Facts, pace: &mut dyn Pace) -> Level {
        let mut level = Level {
            folder,
            place,
            weight: Weight { bytes: facts.bytes, entries: 1, ..Weight::default() },
            rest: Vec::new(),
        };
        let mut room = std::mem::take(&mut self.room);
        let Level { folder, weight, rest, .. } = &mut level;
        let listed = folder.each(&mut room, &mut |name| {
            self.keep_pace(pace);
            if self.walk.cut.is_some() {
                return false;
            }
            // A file that went away meanwhile takes no space.
            let Ok(facts) = folder.facts_of(name) else { return true };
            if Some(facts.device) != self.device || facts.is_mount {
                return true;
            }
            if facts.is_folder {
                if self.noted < WALK_FOLDERS {
                    self.noted += 1;
                    rest.push((facts.modified, name.to_owned(), facts.inode));
                } else {
                    self.walk.denied += 1;
                }
                return true;
            }
            if facts.links > 1 && !self.is_first(facts.inode) {
                weight.entries += 1;
                return true;
            }
            let own = self.weigh(&facts);
            weight.add(&own);
            if own.bytes >= self.scale.bytes_min && self.walk.places.len() < WALK_PLACES {
                let file = self.walk.places.push(name.to_bytes().to_vec(), place, false);
                self.walk.places.settle(file, own, true);
            }
            true
        });
        self.walk.denied += u64::from(listed.is_err());
        self.room = room;
        level.rest.sort_by_key(|(modified, _, _)| *modified);
        level
    }

    fn weigh(&self, facts: &Facts) -> Weight {
        let mut weight = Weight { bytes: facts.bytes, entries: 1, ..Weight::default() };
        if facts.modified >= self.scale.since {
            weight.recent_bytes = facts.bytes;
            weight.recent_files = 1;
            weight.newest = facts.modified;
            if facts.born.is_none_or(|born| born >= self.scale.since) {
                weight.new_bytes = facts.bytes;
            }
        }
        weight
    }

    /// Of a file with several names the first that is seen counts.
    fn is_first(&mut self, inode: u64) -> bool {
        if self.linked.len() < WALK_LINKED {
            self.linked.insert(inode)
        } else {
            !self.linked.contains(&inode)
        }
    }

    fn keep_pace(&mut self, pace: &mut dyn Pace) {
        self.entries += 1;
        if self.entries > WALK_ENTRIES {
            self.walk.cut = Some("too many files");
        }
        if !self.entries.is_multiple_of(CLOCK_ENTRIES) {
            return;
        }
        let now = pace.elapsed();
        if now.as_millis().saturating_sub(self.begin.as_millis()) > self.time.as_millis() {
            self.walk.cut = Some("time was up");
        } else if now.as_millis().saturating_sub(self.burst.as_millis()) > BURST.as_millis() {
            pace.rest(REST);
            self.burst = pace.elapsed();
        }
    }
}
