//! How the spool reaches its directory and comes back from it: what is read at the start, where a
//! frame goes, how room is made, and what happens when a file cannot be written.

use super::*;

/// Where numbers begin while what the directory holds is not known: no agent gets there by counting.
const NUMBERS_UNKNOWN: u64 = 1 << 50;
/// More numbers than the frames of one file, and those of the other class between them, can have.
const NUMBERS_OF_A_FILE: u64 = 1 << 32;

impl Spool {
    /// Reads what the directory holds, at the start, or as soon as it can be read.
    pub(super) fn load(&mut self, now: Moment) {
        let names = match retry(|| self.disk.list(&self.directory)) {
            Ok(names) => names,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                // Numbers beyond all that may be there, and beyond those of the last time.
                self.next = self.next.max(NUMBERS_UNKNOWN.saturating_add(now.0));
                let error = StoreError::new("list", &self.directory, error);
                return self.fail(now, &error);
            }
        };
        self.loaded = true;
        let path = self.directory.join(POSITIONS);
        let limit = length(SPOOL_POSITIONS_BYTES);
        let bytes = retry(|| self.disk.read(&path, limit)).ok().flatten();
        let positions = bytes.as_deref().and_then(Positions::decode);
        let mut places: Vec<(Class, u64)> =
            names.iter().filter_map(|name| files::place(name)).collect();
        places.sort_unstable();
        places.truncate(SPOOL_FILES);
        let mut damaged: Vec<(Class, u64)> = Vec::new();
        for (class, first) in places {
            let last = self.ring(class).segments.back().map_or(0, Segment::last);
            let bytes = self.content(class, first);
            let found = bytes.as_deref().and_then(|bytes| files::index(bytes, first, last));
            match found {
                Some((segment, before)) if !segment.entries.is_empty() => {
                    damaged.extend(before.into_iter().map(|number| (class, number)));
                    self.next = self.next.max(segment.last().saturating_add(1));
                    self.ring_mut(class).segments.push_back(segment);
                }
                // Nothing in it was ever acknowledged, or nothing of it is left.
                Some(_) => {
                    let path = self.path(class, first);
                    let _ = retry(|| self.disk.remove(&path));
                }
                None => {
                    damaged.push((class, first));
                    self.next = self.next.max(first.saturating_add(NUMBERS_OF_A_FILE));
                    self.words.push(format!(
                        "`{}` cannot be read as a file of the spool and is left alone: what it held \
                         is not sent",
                        self.path(class, first).display()
                    ));
                }
            }
        }
        let frames = self.bulk.newest().is_some() || self.events.newest().is_some();
        self.known = match positions {
            Some(positions) => {
                let readers = positions.readers.iter();
                let passed = readers.flat_map(|r| [r.bulk, r.events.unwrap_or_default()]).max();
                self.next = self.next.max(positions.next).max(passed.unwrap_or_default());
                Some(positions.readers)
            }
            None => (!frames).then(Vec::new),
        };
        if !damaged.is_empty() {
            let directory = self.directory.display();
            self.words.push(match damaged.len() {
                1 => format!("the spool in `{directory}` is damaged in one place: what was there is lost"),
                places => format!(
                    "the spool in `{directory}` is damaged in {places} places: what was there is lost"
                ),
            });
        }
        self.damaged_at_start = damaged;
        self.make_room(0);
        if !self.readers.is_empty() {
            self.known = Some(Vec::new());
            self.count_damage();
        }
    }

    /// Takes a frame, and says which number it has. It is on the disk then, an event for good, or in
    /// memory, or nowhere if nobody wants its class.
    pub fn append(&mut self, now: Moment, class: Class, payload: &[u8]) -> u64 {
        let number = self.next;
        self.next = self.next.saturating_add(1);
        let wanted = |wants: &Wants| match class {
            Class::Bulk => wants.bulk != Bulk::None,
            Class::Event => wants.events,
        };
        if !self.readers.values().any(|reader| wanted(&reader.wants)) {
            return number;
        }
        if payload.len() > SPOOL_FRAME_BYTES {
            self.words.push(format!(
                "{} bytes at once are more than the spool takes ({SPOOL_FRAME_BYTES}): not sent",
                payload.len()
            ));
            self.count_lost(class, |_| 1);
            return number;
        }
        let kept = Kept { number, payload: Arc::from(payload) };
        self.latest = Some((class, kept.clone()));
        if class == Class::Bulk && self.readers.values().all(|r| r.wants.bulk != Bulk::All) {
            // The newest alone is of use to anybody: no file is written for it.
            while !self.bulk.segments.is_empty() {
                self.drop_oldest_file(class);
            }
            self.bulk.memory.clear();
            self.bulk.memory.push_back(kept);
            return number;
        }
        self.ring_mut(class).memory.push_back(kept);
        match &self.trouble {
            None => _ = self.write_memory(now),
            Some((_, again)) if now >= *again => self.save(now),
            Some(_) => {}
        }
        self.bound_memory();
        number
    }

    /// What is due by now: positions, and another try with a directory that could not be written.
    pub fn tick(&mut self, now: Moment) {
        let due = match &self.trouble {
            Some((_, again)) => now >= *again,
            None => {
                let long = now.since(self.saved) >= SPOOL_SAVE_EVERY;
                self.passed > 0 && (long || self.passed >= SPOOL_SAVE_FRAMES)
            }
        };
        if due {
            self.save(now);
        }
    }

    /// Writes down how far every reader is, and what is in memory: before the end.
    pub fn save(&mut self, now: Moment) {
        if !self.loaded {
            self.load(now);
        }
        if !self.loaded || !self.write_memory(now) {
            return;
        }
        let readers = self.readers.iter().map(|(name, reader)| Position {
            name: name.clone(),
            bulk: reader.bulk,
            events: reader.wants.events.then_some(reader.events),
        });
        let bytes = Positions { next: self.next, readers: readers.collect() }.encode();
        if let Err(error) = self.replace_positions(&bytes) {
            return self.fail(now, &error);
        }
        self.passed = 0;
        self.saved = now;
        if self.trouble.take().is_some() {
            let directory = self.directory.display();
            self.words.push(format!("the spool in `{directory}` can be written again"));
        }
    }

    fn replace_positions(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let (new, path) = (self.directory.join(POSITIONS_NEW), self.directory.join(POSITIONS));
        self.make_directory()?;
        let mut file = retry(|| self.disk.create(&new))
            .map_err(|error| StoreError::new("create", &new, error))?;
        write_all(file.as_mut(), 0, bytes)
            .and_then(|()| retry(|| file.sync_data()))
            .map_err(|error| StoreError::new("write to", &new, error))?;
        retry(|| self.disk.rename(&new, &path))
            .map_err(|error| StoreError::new("rename to", &path, error))?;
        retry(|| self.disk.sync_directory(&self.directory))
            .map_err(|error| StoreError::new("sync", &self.directory, error))
    }

    /// Moves what is in memory to files, oldest first; says whether all of it is there.
    fn write_memory(&mut self, now: Moment) -> bool {
        for class in [Class::Event, Class::Bulk] {
            // Of which the newest alone is wanted, it stays where it is.
            if class == Class::Bulk && self.readers.values().all(|r| r.wants.bulk != Bulk::All) {
                continue;
            }
            while let Some(kept) = self.ring(class).memory.front().cloned() {
                if let Err(error) = self.write(class, &kept) {
                    self.fail(now, &error);
                    return false;
                }
                self.ring_mut(class).memory.pop_front();
            }
        }
        true
    }

    fn fail(&mut self, now: Moment, error: &StoreError) {
        let text = format!("{error}: {}: {}", error.source, error.advice());
        if self.trouble.is_none() {
            self.words.push(format!(
                "{text}; meanwhile what is to be forwarded waits in memory, {} KiB at most",
                self.bounds.memory_bytes >> 10
            ));
        }
        self.trouble = Some((text, now + STORE_RETRY));
    }

    /// Writes one frame behind the last one of its class.
    fn write(&mut self, class: Class, kept: &Kept) -> Result<(), StoreError> {
        let bytes = files::numbered(kept.number, &kept.payload);
        self.make_room(length(bytes.len()));
        self.ready(class, kept.number, length(bytes.len()))?;
        let Some((first, end)) = self.ring(class).segments.back().map(|s| (s.first, s.bytes))
        else {
            return Ok(());
        };
        let path = self.path(class, first);
        let Some(mut file) = self.file_mut(class).take() else { return Ok(()) };
        let result = write_all(file.as_mut(), end, &bytes).and_then(|()| match class {
            Class::Event => retry(|| file.sync_data()),
            Class::Bulk => Ok(()),
        });
        let Some(segment) = self.ring_mut(class).segments.back_mut() else { return Ok(()) };
        if let Err(error) = result {
            // What is there of it is no frame, or the same one again.
            let _ = retry(|| file.truncate(end));
            segment.whole = false;
            if segment.entries.is_empty() {
                self.ring_mut(class).segments.pop_back();
                let _ = retry(|| self.disk.remove(&path));
            }
            return Err(StoreError::new("write to", &path, error));
        }
        let from = end.saturating_add(length(frame::length_of(&[])));
        segment.bytes = end.saturating_add(length(bytes.len()));
        let (from, to) = (u32::try_from(from), u32::try_from(segment.bytes));
        if let (Ok(from), Ok(to)) = (from, to) {
            segment.entries.push(Entry { number: kept.number, from, to });
        }
        *self.file_mut(class) = Some(file);
        Ok(())
    }

    /// A file is open, is still there, and has room for so many bytes.
    fn ready(&mut self, class: Class, number: u64, more: u64) -> Result<(), StoreError> {
        let room = self.bounds.segment_bytes;
        let last = self.ring(class).segments.back();
        let last = last.filter(|s| s.whole && s.bytes.saturating_add(more) <= room);
        if let Some(path) = last.map(|segment| self.path(class, segment.first)) {
            // Somebody may have deleted it: what is longer than nothing is there.
            let there = |found: std::io::Result<Option<Vec<u8>>>| !matches!(found, Ok(None));
            if there(self.disk.read(&path, 0)) {
                if self.file_mut(class).is_some() {
                    return Ok(());
                }
                if let Ok(file) = retry(|| self.disk.open(&path)) {
                    *self.file_mut(class) = Some(file);
                    return Ok(());
                }
            }
        }
        self.make_directory()?;
        let path = self.path(class, number);
        let mut file = retry(|| self.disk.create(&path))
            .map_err(|error| StoreError::new("create", &path, error))?;
        let born = write_all(file.as_mut(), 0, &HEADER).and_then(|()| match class {
            Class::Event => retry(|| self.disk.sync_directory(&self.directory)),
            Class::Bulk => Ok(()),
        });
        if let Err(error) = born {
            let _ = retry(|| self.disk.remove(&path));
            return Err(StoreError::new("write to", &path, error));
        }
        let bytes = length(HEADER.len());
        self.ring_mut(class).segments.push_back(Segment {
            first: number,
            bytes,
            whole: true,
            entries: Vec::new(),
        });
        *self.file_mut(class) = Some(file);
        Ok(())
    }

    fn make_directory(&mut self) -> Result<(), StoreError> {
        retry(|| self.disk.make_directory(&self.directory))
            .map_err(|error| StoreError::new("make", &self.directory, error))
    }

    /// Deletes the oldest files until `more` bytes fit: bulk as long as there is any.
    fn make_room(&mut self, more: u64) {
        let many = |spool: &Self| spool.bulk.segments.len() + spool.events.segments.len();
        while self.file_bytes().saturating_add(more) > self.bounds.bytes
            || many(self) >= SPOOL_FILES
        {
            if !self.bulk.segments.is_empty() {
                self.drop_oldest_file(Class::Bulk);
            } else if !self.events.segments.is_empty() {
                self.drop_oldest_file(Class::Event);
            } else {
                return;
            }
        }
    }

    /// Drops the oldest frames of what is in memory, bulk as long as there is any.
    fn bound_memory(&mut self) {
        while self.memory_bytes() > self.bounds.memory_bytes {
            let class = if self.bulk.memory.is_empty() { Class::Event } else { Class::Bulk };
            let Some(kept) = self.ring_mut(class).memory.pop_front() else { return };
            self.count_lost(class, |from| u64::from(kept.number >= from));
        }
    }

    /// Counts damage that was found before the readers were known.
    pub(super) fn count_damage(&mut self) {
        for (class, number) in std::mem::take(&mut self.damaged_at_start) {
            for reader in self.readers.values_mut() {
                if reader.needs(class).is_some_and(|from| number >= from) {
                    reader.lost.damaged += 1;
                }
            }
        }
    }
}

/// A short write is an interruption, or the last free block: the next one tells which.
fn write_all(file: &mut dyn DiskFile, offset: u64, bytes: &[u8]) -> std::io::Result<()> {
    let mut done = 0_usize;
    while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
        match retry(|| file.write_at(offset.saturating_add(length(done)), rest))? {
            0 => return Err(std::io::ErrorKind::WriteZero.into()),
            taken => done = done.saturating_add(taken),
        }
    }
    Ok(())
}
