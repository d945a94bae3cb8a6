//! The journal when the disk fails, runs full, or loses its power: at every call there is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hostwatch::model::limit::JOURNAL_RESERVE_BYTES;
use hostwatch::store::error::StoreError;
use hostwatch::store::frame;
use hostwatch::store::journal::{Journal, Opened};

use crate::disk::{Cut, Dice, Fault, SimDisk, Step, after_power_cut};

type Frames = Vec<Vec<u8>>;

fn directory() -> &'static Path {
    Path::new("state")
}

fn open(disk: &SimDisk) -> Result<Opened, StoreError> {
    Journal::open_on(Box::new(disk.clone()), directory())
}

/// A frame that says its number, of a length that crosses sectors now and then.
fn payload(number: usize, dice: &mut Dice) -> Vec<u8> {
    let length = [0, 40, 300, 700, 3000][dice.below(5)];
    let mut bytes = format!("frame {number} ").into_bytes();
    bytes.extend((0..length).map(|i: usize| (i % 251).to_le_bytes()[0]));
    bytes
}

/// What the journal may hold, as far as its user was told.
struct Told {
    /// More than one after a rewrite that failed: as before, or as asked.
    may_hold: Vec<Frames>,
    /// Refused since the last acknowledged one: a file that could not be cut may end in one.
    refused: Frames,
}

impl Told {
    fn append(&mut self, journal: &mut Journal, bytes: Vec<u8>, sync: bool) {
        match journal.append(&bytes, sync) {
            Ok(()) => {
                self.may_hold.iter_mut().for_each(|frames| frames.push(bytes.clone()));
                self.refused.clear();
            }
            Err(_) => self.refused.push(bytes),
        }
    }

    fn rewrite(&mut self, journal: &mut Journal) {
        let compact: Frames = self.may_hold[0].iter().skip(1).cloned().collect();
        match journal.rewrite(&compact) {
            Ok(()) => self.may_hold = vec![compact],
            Err(_) => self.may_hold.push(compact),
        }
    }

    /// `strict`: not even a refused frame may be found.
    fn check(&self, found: &Frames, strict: bool, case: &str) {
        let fits = self.may_hold.iter().any(|frames| {
            frames == found
                || (!strict
                    && found.split_last().is_some_and(|(last, rest)| {
                        self.refused.contains(last) && rest == frames.as_slice()
                    }))
        });
        let text = |frames: &Frames| -> Vec<String> {
            frames.iter().map(|f| String::from_utf8_lossy(&f[..f.len().min(9)]).into()).collect()
        };
        assert!(
            fits,
            "{case}: found {:?}, told {:?}",
            text(found),
            self.may_hold.iter().map(text).collect::<Vec<_>>()
        );
    }
}

/// Opens, appends, rewrites, stops and starts again; checks at each start what is found.
fn work(disk: &SimDisk, seed: u64, strict: bool, case: &str) -> Told {
    let mut dice = Dice::new(seed);
    let mut told = Told { may_hold: vec![Frames::new()], refused: Frames::new() };
    let mut number = 0;
    for _start in 0..3 {
        // A failed start must leave the files alone; the agent runs on without a journal.
        let Ok(mut opened) = open(disk) else { continue };
        told.check(&opened.frames, strict, case);
        told.may_hold.retain(|frames| frames == &opened.frames || !strict);
        if !strict {
            told.may_hold = vec![opened.frames.clone()];
        }
        for step in 0..6 {
            number += 1;
            let bytes = payload(number, &mut dice);
            told.append(&mut opened.journal, bytes, step % 2 == 0);
            if step == 3 {
                told.rewrite(&mut opened.journal);
            }
        }
    }
    told
}

#[test]
fn a_fault_at_any_call_loses_no_acknowledged_frame() {
    let healthy = SimDisk::default();
    work(&healthy, 7, true, "no fault");
    let calls = healthy.state().calls;
    assert!(calls > 60, "the workload makes {calls} calls only");
    let mut cases = 0;
    for fault in [Fault::Io, Fault::Full, Fault::Interrupted, Fault::Short, Fault::ReadOnly] {
        for length in [1, 2, 3, 7, usize::MAX] {
            // Recovering from a fault makes calls of its own: go on beyond the healthy number.
            for first in 0..calls + 40 {
                let case = format!("{fault:?} at call {first}, {length} times");
                let disk = SimDisk::default();
                disk.state().fault = Some((first, length, fault));
                let strict = length == 1;
                let told = work(&disk, 7, strict, &case);
                disk.state().fault = None;
                let mut opened = open(&disk).unwrap();
                assert!(opened.note.is_none() || !strict, "{case}: {:?}", opened.note);
                told.check(&opened.frames, strict, &case);
                opened.journal.append(b"it works again", true).unwrap();
                let again = open(&disk).unwrap();
                assert_eq!(again.frames.last().unwrap(), b"it works again", "{case}");
                assert_eq!(again.frames.len(), opened.frames.len() + 1, "{case}");
                cases += 1;
            }
        }
    }
    assert!(cases > 2500, "{cases} cases");
}

#[test]
fn a_single_fault_refuses_at_most_the_one_append_it_hits() {
    let healthy = SimDisk::default();
    work(&healthy, 7, true, "no fault");
    let calls = healthy.state().calls;
    for fault in [Fault::Io, Fault::Full, Fault::Interrupted, Fault::Short] {
        for first in 0..calls {
            let disk = SimDisk::default();
            disk.state().fault = Some((first, 1, fault));
            let Ok(mut opened) = open(&disk) else { continue };
            let mut refused = 0;
            for number in 0_u8..20 {
                refused += usize::from(opened.journal.append(&[number; 100], true).is_err());
            }
            let bound = usize::from(fault == Fault::Io);
            assert!(refused <= bound, "{fault:?} at call {first}: {refused} appends refused");
        }
    }
}

#[test]
fn a_refused_append_leaves_no_byte_behind() {
    let disk = SimDisk::default();
    let mut journal = open(&disk).unwrap().journal;
    journal.append(b"before", true).unwrap();
    let path = directory().join("journal");
    let before = disk.files()[&path].clone();
    let calls = disk.state().calls;
    disk.state().fault = Some((calls, usize::MAX, Fault::Short));
    journal.append(&[b'x'; 4000], true).unwrap_err();
    assert!(disk.files()[&path] == before, "the file has {} bytes", disk.files()[&path].len());
}

/// One step of a workload under a power cut: what was asked, and what was known before it.
struct Asked {
    /// Acknowledged frames before it.
    frames: Frames,
    /// How many of them are promised to survive.
    synced: usize,
    append: Option<Vec<u8>>,
    rewrite: Option<Frames>,
}

impl Asked {
    fn allows(&self, found: &Frames) -> bool {
        if self.rewrite.as_ref() == Some(found) {
            return true;
        }
        let mut all = self.frames.clone();
        all.extend(self.append.clone());
        all.starts_with(found) && found.len() >= self.synced
    }
}

/// Runs a workload and says what was asked at each mark of its trace.
fn recorded(seed: u64, disk: &SimDisk) -> Vec<Asked> {
    let mut dice = Dice::new(seed);
    let mut asked = Vec::new();
    let (mut frames, mut synced) = (Frames::new(), 0);
    let mut number = 0;
    for _start in 0..3 {
        disk.mark(asked.len());
        asked.push(Asked { frames: frames.clone(), synced, append: None, rewrite: None });
        let mut opened = open(disk).unwrap();
        assert_eq!(opened.frames, frames);
        for _ in 0..14 {
            number += 1;
            disk.mark(asked.len());
            if dice.below(7) == 0 {
                let compact: Frames = frames.iter().skip(frames.len() / 2).cloned().collect();
                let rewrite = Some(compact.clone());
                asked.push(Asked { frames: frames.clone(), synced, append: None, rewrite });
                opened.journal.rewrite(&compact).unwrap();
                frames = compact;
                synced = frames.len();
            } else {
                let (bytes, sync) = (payload(number, &mut dice), dice.below(2) == 0);
                let append = Some(bytes.clone());
                asked.push(Asked { frames: frames.clone(), synced, append, rewrite: None });
                opened.journal.append(&bytes, sync).unwrap();
                frames.push(bytes);
                synced = if sync { frames.len() } else { synced };
            }
        }
    }
    disk.mark(asked.len());
    asked.push(Asked { frames, synced, append: None, rewrite: None });
    asked
}

#[test]
fn a_power_cut_at_any_call_loses_no_synced_frame_and_invents_none() {
    let mut cases = 0;
    for workload in 0..6 {
        let disk = SimDisk::default();
        let asked = recorded(workload, &disk);
        let trace = disk.state().trace.clone();
        let mut current = 0;
        for (length, step) in trace.iter().enumerate() {
            if let Step::Mark(number) = step {
                current = *number;
            }
            let cuts = [Cut::Nothing, Cut::Everything].into_iter().chain((1..18).map(Cut::Torn));
            for cut in cuts {
                let case = format!("workload {workload}, {} steps, {cut:?}", length + 1);
                let left = after_power_cut(&BTreeMap::new(), &trace[..=length], cut);
                let found = recover_twice(&left, &case, cases);
                assert!(asked[current].allows(&found), "{case}: found {} frames", found.len());
                cases += 1;
            }
        }
    }
    assert!(cases >= 10_000, "{cases} cases only");
}

/// Recovers; cuts the power during the recovery as well and recovers again; then writes on.
fn recover_twice(left: &BTreeMap<PathBuf, Vec<u8>>, case: &str, seed: u64) -> Frames {
    let disk = SimDisk::holding(left.clone());
    let mut opened = open(&disk).unwrap();
    let trace = disk.state().trace.clone();
    let length = Dice::new(seed + 1).below(trace.len() + 1);
    let again = after_power_cut(left, &trace[..length], Cut::Torn(seed + 1));
    let second = open(&SimDisk::holding(again)).unwrap();
    assert_eq!(second.frames, opened.frames, "{case}: the power went again in the recovery");
    opened.journal.append(b"after", true).unwrap();
    let trace = disk.state().trace.clone();
    let written_on = after_power_cut(left, &trace, Cut::Nothing);
    let third = open(&SimDisk::holding(written_on)).unwrap();
    let mut expected = opened.frames.clone();
    expected.push(b"after".to_vec());
    assert_eq!(third.frames, expected, "{case}: written on after the recovery");
    opened.frames
}

#[test]
fn a_failed_sync_takes_no_later_acknowledged_frame_with_it() {
    // The kernel forgets dirty pages after a failed sync; the next sync then proves nothing.
    let healthy = SimDisk::default();
    recorded(3, &healthy);
    let calls = healthy.state().calls;
    for first in 0..calls {
        for cut in [Cut::Nothing, Cut::Everything, Cut::Torn(1), Cut::Torn(2)] {
            let disk = SimDisk::default();
            disk.state().fault = Some((first, 1, Fault::Io));
            let Ok(mut opened) = open(&disk) else { continue };
            let mut synced = Frames::new();
            let mut all = Frames::new();
            let mut dice = Dice::new(3);
            for number in 0..24 {
                let (bytes, sync) = (payload(number, &mut dice), number % 3 == 0);
                if opened.journal.append(&bytes, sync).is_ok() {
                    all.push(bytes);
                    if sync {
                        synced = all.clone();
                    }
                }
            }
            let trace = disk.state().trace.clone();
            let left = after_power_cut(&BTreeMap::new(), &trace, cut);
            let found = open(&SimDisk::holding(left)).unwrap().frames;
            assert!(found.starts_with(&synced) && all.starts_with(&found), "call {first}, {cut:?}");
        }
    }
}

#[test]
fn a_full_disk_still_records_its_own_alarm() {
    let disk = SimDisk::default();
    let mut journal = open(&disk).unwrap().journal;
    journal.append(b"before", true).unwrap();
    let used = journal.bytes() + JOURNAL_RESERVE_BYTES;
    disk.state().capacity = Some(usize::try_from(used).unwrap() + 100);
    journal.append(&[b'a'; 5000], true).unwrap();
    let mut expected = vec![b"before".to_vec(), vec![b'a'; 5000]];
    // The reserve is spent in the end: refused, and the file as before.
    let refused = loop {
        match journal.append(&[b'b'; 60_000], true) {
            Ok(()) => expected.push(vec![b'b'; 60_000]),
            Err(error) => break error,
        }
    };
    assert!(expected.len() > 15, "the reserve held {} frames only", expected.len());
    assert!(refused.advice().contains("free space"), "{refused}");
    assert_eq!(open(&disk).unwrap().frames, expected);
    // Space returns, and so does the reserve.
    disk.state().capacity = None;
    for _ in 0..60 {
        journal.append(b"later", false).unwrap();
    }
    assert!(disk.files().contains_key(&directory().join("journal.reserve")));
}

#[test]
fn a_disk_full_from_the_start_gives_its_frames_and_writes_when_it_can() {
    let disk = SimDisk::default();
    open(&disk).unwrap().journal.append(b"known", true).unwrap();
    disk.state().fault = Some((0, usize::MAX, Fault::ReadOnly));
    let mut opened = open(&disk).unwrap();
    assert_eq!(opened.frames, [b"known".to_vec()]);
    let trouble = opened.trouble.as_ref().unwrap();
    assert!(trouble.advice().contains("remount"), "{trouble}: {}", trouble.advice());
    assert!(opened.journal.append(b"lost", true).is_err());
    disk.state().fault = None;
    opened.journal.append(b"kept", true).unwrap();
    assert_eq!(open(&disk).unwrap().frames, [b"known".to_vec(), b"kept".to_vec()]);
}

#[test]
fn no_mutated_journal_makes_opening_panic_or_invent_a_frame() {
    let mut dice = Dice::new(11);
    let mut pool: Frames = (0..8).map(|number| payload(number, &mut dice)).collect();
    pool.push(frame::HEADER.to_vec());
    let known = |found: &[u8]| pool.iter().any(|frame| frame.as_slice() == found);
    // A night's worth: HOSTWATCH_FUZZ=1000000.
    let rounds = std::env::var("HOSTWATCH_FUZZ").map_or(20_000, |rounds| rounds.parse().unwrap());
    for round in 0..rounds {
        let mut bytes = frame::HEADER.to_vec();
        for _ in 0..dice.below(6) {
            bytes.extend(frame::encode(&pool[dice.below(pool.len())]));
        }
        for _ in 0..dice.below(5) {
            mutate(&mut bytes, &mut dice);
        }
        let path = directory().join("journal");
        let disk = SimDisk::holding(BTreeMap::from([(path, bytes)]));
        let mut opened = open(&disk).unwrap();
        assert!(opened.frames.iter().all(|found| known(found)), "round {round}");
        opened.journal.append(b"on", true).unwrap();
        let again = open(&disk).unwrap();
        assert_eq!(again.frames.len(), opened.frames.len() + 1, "round {round}");
        assert_eq!(again.note, None, "round {round}");
    }
}

fn mutate(bytes: &mut Vec<u8>, dice: &mut Dice) {
    if bytes.is_empty() {
        return;
    }
    let at = dice.below(bytes.len());
    match dice.below(6) {
        0 => bytes[at] ^= 1 << dice.below(8),
        1 => bytes.truncate(at),
        2 => {
            bytes.drain(at..(at + dice.below(20)).min(bytes.len()));
        }
        3 => {
            let piece = bytes[at..(at + dice.below(600)).min(bytes.len())].to_vec();
            let to = dice.below(bytes.len());
            bytes.splice(to..to, piece);
        }
        4 => {
            let end = (at + dice.below(600)).min(bytes.len());
            bytes[at..end].fill(0);
        }
        _ => {
            let length = u32::try_from(dice.below(1 << 30)).unwrap().to_le_bytes();
            let end = (at + 4).min(bytes.len());
            bytes[at..end].copy_from_slice(&length[..end - at]);
        }
    }
}
