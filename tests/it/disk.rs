//! A simulated disk: fails the n-th call, runs full, forgets what was not synced when its power is
//! cut. It keeps what the running system sees apart from what is on the platter.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use hostwatch::store::disk::{Disk, DiskFile};

/// What a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;

/// A small generator: the same seed makes the same run.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % bound.max(1)
    }
}

/// What goes wrong at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The device fails.
    Io,
    /// No space.
    Full,
    /// A signal.
    Interrupted,
    /// A write takes half; other calls work.
    Short,
    /// Remounted read-only: whatever writes fails.
    ReadOnly,
}

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Create {
        path: PathBuf,
        inode: usize,
    },
    Write {
        inode: usize,
        offset: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        inode: usize,
        length: usize,
    },
    Sync {
        inode: usize,
    },
    /// The kernel gave the dirty pages up and calls them clean.
    SyncFailed {
        inode: usize,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Link {
        from: PathBuf,
        to: PathBuf,
    },
    Remove {
        path: PathBuf,
    },
    SyncDirectory,
    /// Not a call: the workload's own mark.
    Mark(usize),
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) names: BTreeMap<PathBuf, usize>,
    pub(crate) inodes: Vec<Vec<u8>>,
    allocated: BTreeMap<usize, usize>,
    pub(crate) trace: Vec<Step>,
    pub(crate) calls: usize,
    /// First failing call, how many fail from there, and how.
    pub(crate) fault: Option<(usize, usize, Fault)>,
    pub(crate) capacity: Option<usize>,
}

/// A handle; clones see the same disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct SimDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    inode: usize,
}

impl SimDisk {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// A disk that holds what is given, all of it synced.
    pub(crate) fn holding(files: BTreeMap<PathBuf, Vec<u8>>) -> Self {
        let disk = Self::default();
        for (path, content) in files {
            let mut state = disk.state();
            let inode = state.inodes.len();
            state.inodes.push(content);
            state.names.insert(path, inode);
        }
        disk
    }

    /// What the running system sees.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let state = self.state();
        state.names.iter().map(|(path, &i)| (path.clone(), state.inodes[i].clone())).collect()
    }

    pub(crate) fn mark(&self, number: usize) {
        self.state().trace.push(Step::Mark(number));
    }

    fn call(&self, writes: bool) -> io::Result<(MutexGuard<'_, State>, bool)> {
        let mut state = self.state();
        let number = state.calls;
        state.calls += 1;
        let Some((first, count, fault)) = state.fault else { return Ok((state, false)) };
        if number < first || number - first >= count {
            return Ok((state, false));
        }
        match fault {
            Fault::Io => Err(io::Error::from_raw_os_error(5)),
            Fault::Full if writes => Err(io::Error::from_raw_os_error(28)),
            Fault::ReadOnly if writes => Err(io::Error::from_raw_os_error(30)),
            Fault::Interrupted => Err(io::Error::from_raw_os_error(4)),
            Fault::Short => Ok((state, true)),
            Fault::Full | Fault::ReadOnly => Ok((state, false)),
        }
    }
}

impl State {
    fn find(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn used(&self) -> usize {
        let mut live: Vec<usize> = self.names.values().copied().collect();
        live.sort_unstable();
        live.dedup();
        live.iter()
            .map(|i| self.inodes[*i].len().max(self.allocated.get(i).copied().unwrap_or(0)))
            .sum()
    }
}

impl Disk for SimDisk {
    fn make_directory(&mut self, _: &Path) -> io::Result<()> {
        // An existing directory is no error even where nothing can be written.
        self.call(false).map(drop)
    }

    fn list(&mut self, directory: &Path) -> io::Result<Vec<String>> {
        let (state, _) = self.call(false)?;
        let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        let inside = state.names.keys().filter(|path| path.parent() == Some(directory));
        Ok(inside.map(name).collect())
    }

    fn read(&mut self, path: &Path, limit_bytes: u64) -> io::Result<Option<Vec<u8>>> {
        let (state, _) = self.call(false)?;
        let Some(&inode) = state.names.get(path) else { return Ok(None) };
        let content = state.inodes[inode].clone();
        if content.len() as u64 > limit_bytes {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(Some(content))
    }

    fn open(&mut self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let (state, _) = self.call(true)?;
        let inode = state.find(path)?;
        Ok(Box::new(SimFile { disk: self.clone(), inode }))
    }

    fn create(&mut self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let (mut state, _) = self.call(true)?;
        let inode = if let Some(&inode) = state.names.get(path) {
            state.inodes[inode].clear();
            state.trace.push(Step::Truncate { inode, length: 0 });
            inode
        } else {
            let inode = state.inodes.len();
            state.inodes.push(Vec::new());
            state.names.insert(path.to_owned(), inode);
            state.trace.push(Step::Create { path: path.to_owned(), inode });
            inode
        };
        Ok(Box::new(SimFile { disk: self.clone(), inode }))
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let (mut state, _) = self.call(true)?;
        let inode = state.find(from)?;
        state.names.remove(from);
        state.names.insert(to.to_owned(), inode);
        state.trace.push(Step::Rename { from: from.to_owned(), to: to.to_owned() });
        Ok(())
    }

    fn link(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let (mut state, _) = self.call(true)?;
        let inode = state.find(from)?;
        state.names.insert(to.to_owned(), inode);
        state.trace.push(Step::Link { from: from.to_owned(), to: to.to_owned() });
        Ok(())
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        let (mut state, _) = self.call(true)?;
        state.find(path)?;
        state.names.remove(path);
        state.trace.push(Step::Remove { path: path.to_owned() });
        Ok(())
    }

    fn sync_directory(&mut self, _: &Path) -> io::Result<()> {
        let (mut state, _) = self.call(true)?;
        state.trace.push(Step::SyncDirectory);
        Ok(())
    }
}

impl DiskFile for SimFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        let (mut state, short) = self.disk.call(true)?;
        let offset = usize::try_from(offset).unwrap();
        let mut taken = if short { bytes.len() / 2 } else { bytes.len() };
        if let Some(capacity) = state.capacity {
            let now = state.inodes[self.inode].len();
            let grows = (offset + taken).saturating_sub(now);
            let room = capacity.saturating_sub(state.used());
            taken -= grows.saturating_sub(room).min(taken);
            if taken == 0 && !bytes.is_empty() {
                return Err(io::Error::from_raw_os_error(28));
            }
        }
        let bytes = bytes[..taken].to_vec();
        write(&mut state.inodes[self.inode], offset, &bytes);
        state.trace.push(Step::Write { inode: self.inode, offset, bytes });
        Ok(taken)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        let inode = self.inode;
        let result = self.disk.call(true).map(|(mut state, _)| {
            state.trace.push(Step::Sync { inode });
        });
        if let Err(error) = &result
            && error.kind() != io::ErrorKind::Interrupted
        {
            self.disk.state().trace.push(Step::SyncFailed { inode });
        }
        result
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let (mut state, _) = self.disk.call(true)?;
        let length = usize::try_from(length).unwrap();
        state.inodes[self.inode].resize(length, 0);
        state.trace.push(Step::Truncate { inode: self.inode, length });
        Ok(())
    }

    fn allocate(&mut self, length: u64) -> io::Result<()> {
        let (mut state, _) = self.disk.call(true)?;
        let length = usize::try_from(length).unwrap();
        if state.capacity.is_some_and(|capacity| state.used() + length > capacity) {
            return Err(io::Error::from_raw_os_error(28));
        }
        state.allocated.insert(self.inode, length);
        Ok(())
    }
}

fn write(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(bytes);
}

/// What of the un-synced writes reaches the platter when the power goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cut {
    Nothing,
    Everything,
    /// Each sector, each length and a prefix of the renames by themselves.
    Torn(u64),
}

/// What is on the platter when the power goes after `steps`, on a disk that held `before`.
pub(crate) fn after_power_cut(
    before: &BTreeMap<PathBuf, Vec<u8>>,
    steps: &[Step],
    cut: Cut,
) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut durable: Vec<Vec<u8>> = Vec::new();
    let mut names = BTreeMap::new();
    for (path, content) in before {
        names.insert(path.clone(), durable.len());
        durable.push(content.clone());
    }
    let mut pending: BTreeMap<usize, Vec<&Step>> = BTreeMap::new();
    let mut renames: Vec<&Step> = Vec::new();
    for step in steps {
        match step {
            Step::Create { inode, .. } => {
                durable.resize(durable.len().max(inode + 1), Vec::new());
                renames.push(step);
            }
            Step::Write { inode, .. } | Step::Truncate { inode, .. } => {
                pending.entry(*inode).or_default().push(step);
            }
            Step::Sync { inode } => {
                for step in pending.remove(inode).unwrap_or_default() {
                    apply(&mut durable[*inode], step);
                }
            }
            Step::SyncFailed { inode } => {
                pending.remove(inode);
            }
            Step::Rename { .. } | Step::Link { .. } | Step::Remove { .. } => renames.push(step),
            Step::SyncDirectory => {
                for step in renames.drain(..) {
                    rename(&mut names, step);
                }
            }
            Step::Mark(_) => {}
        }
    }
    let mut dice = Dice::new(if let Cut::Torn(seed) = cut { seed } else { 0 });
    // A filesystem's own journal keeps the order of names, so a prefix of them survives.
    let kept = match cut {
        Cut::Nothing => 0,
        Cut::Everything => renames.len(),
        Cut::Torn(_) => dice.below(renames.len() + 1),
    };
    for step in renames.iter().take(kept) {
        rename(&mut names, step);
    }
    for (inode, steps) in &pending {
        durable[*inode] = torn(&durable[*inode], steps, cut, &mut dice);
    }
    names.into_iter().map(|(path, inode)| (path, durable[inode].clone())).collect()
}

fn torn(synced: &[u8], steps: &[&Step], cut: Cut, dice: &mut Dice) -> Vec<u8> {
    let mut versions = vec![synced.to_vec()];
    for step in steps {
        let mut next = versions.last().unwrap().clone();
        apply(&mut next, step);
        versions.push(next);
    }
    let pick = |dice: &mut Dice| match cut {
        Cut::Nothing => 0,
        Cut::Everything => versions.len() - 1,
        Cut::Torn(_) => dice.below(versions.len()),
    };
    let length = versions[pick(dice)].len();
    let mut result = vec![0; length];
    for start in (0..length).step_by(SECTOR_BYTES) {
        let version = &versions[pick(dice)];
        let end = (start + SECTOR_BYTES).min(length).min(version.len());
        if start < end {
            result[start..end].copy_from_slice(&version[start..end]);
        }
    }
    result
}

fn apply(content: &mut Vec<u8>, step: &Step) {
    match step {
        Step::Write { offset, bytes, .. } => write(content, *offset, bytes),
        Step::Truncate { length, .. } => content.resize(*length, 0),
        other => panic!("{other:?} is no change of a content"),
    }
}

fn rename(names: &mut BTreeMap<PathBuf, usize>, step: &Step) {
    match step {
        Step::Create { path, inode } => {
            names.insert(path.clone(), *inode);
        }
        Step::Rename { from, to } => {
            if let Some(inode) = names.remove(from) {
                names.insert(to.clone(), inode);
            }
        }
        Step::Link { from, to } => {
            if let Some(&inode) = names.get(from) {
                names.insert(to.clone(), inode);
            }
        }
        Step::Remove { path } => {
            names.remove(path);
        }
        other => panic!("{other:?} is no change of a name"),
    }
}
