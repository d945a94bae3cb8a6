//! The spool when the disk fails, runs full, or loses its power: at every call there is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hostwatch::model::limit::STORE_RETRY;
use hostwatch::model::time::Moment;
use hostwatch::store::frame;
use hostwatch::store::spool::{Bounds, Bulk, Class, Spool, Wants, frames_in};

use crate::disk::{Cut, Dice, Fault, SimDisk, Step, after_power_cut};

const EVERYTHING: Wants = Wants { bulk: Bulk::All, events: true };
const SMALL: Bounds = Bounds { bytes: 1 << 20, segment_bytes: 4096, memory_bytes: 1 << 20 };

fn open(disk: &SimDisk, at: u64) -> Spool {
    let place = Path::new("spool");
    let mut spool = Spool::open_on(Box::new(disk.clone()), place, SMALL, Moment(at));
    spool.set_readers(&[("vm".to_owned(), EVERYTHING)]);
    spool
}

fn payload(number: usize, dice: &mut Dice) -> Vec<u8> {
    let length = [0, 40, 300, 700, 3000][dice.below(5)];
    let mut bytes = format!("{number} ").into_bytes();
    bytes.extend((0..length).map(|i: usize| (i % 251).to_le_bytes()[0]));
    bytes
}

fn number(payload: &[u8]) -> usize {
    let text = payload.split(|byte| *byte == b' ').next().unwrap();
    std::str::from_utf8(text).unwrap().parse().unwrap()
}

/// What the workload knows of one class: numbers of what was appended, and how many were passed.
#[derive(Debug, Clone, Default)]
struct Told {
    appended: Vec<usize>,
    /// Of those, how many are promised to be on the disk.
    durable: usize,
    passed: usize,
}

/// Appends and reads; says at each mark of the disk's trace what was told before it.
fn work(disk: &SimDisk, seed: u64, steps: usize) -> Vec<[Told; 2]> {
    let mut dice = Dice::new(seed);
    let mut told: [Told; 2] = Default::default();
    let mut marks = Vec::new();
    let mut spool = open(disk, 0);
    for step in 1..=steps {
        disk.mark(marks.len());
        marks.push(told.clone());
        let at = Moment(u64::try_from(step).unwrap() * 1000);
        let place = usize::from(dice.below(3) == 0);
        let class = [Class::Bulk, Class::Event][place];
        if dice.below(3) < 2 {
            spool.append(at, class, &payload(step, &mut dice));
            told[place].appended.push(step);
            if spool.trouble().is_none() {
                told[1].durable = told[1].appended.len();
            }
        } else if let Some(head) = spool.head("vm", class) {
            let found = spool.read(class, head).expect("what is not damaged is read");
            assert_eq!(number(&found), told[place].appended[told[place].passed], "step {step}");
            spool.pass("vm", class, head);
            told[place].passed += 1;
        }
        if dice.below(9) == 0 {
            spool.save(at);
        }
    }
    disk.mark(marks.len());
    marks.push(told);
    marks
}

/// Numbers of everything a reader has not passed.
fn rest(spool: &mut Spool, class: Class) -> Vec<usize> {
    let mut found = Vec::new();
    while let Some(head) = spool.head("vm", class) {
        found.extend(spool.read(class, head).map(|payload| number(&payload)));
        spool.pass("vm", class, head);
    }
    found
}

#[test]
fn a_fault_at_any_call_loses_nothing_while_it_runs_and_nothing_that_was_written() {
    let healthy = SimDisk::default();
    work(&healthy, 5, 40);
    let calls = healthy.state().calls;
    assert!(calls > 80, "the workload makes {calls} calls only");
    for fault in [Fault::Io, Fault::Full, Fault::Interrupted, Fault::Short, Fault::ReadOnly] {
        for length in [1, 20, usize::MAX] {
            for first in 0..calls + 20 {
                let case = format!("{fault:?} at call {first}, {length} times");
                let disk = SimDisk::default();
                // A read that fails is a frame lost to damage: not what this is about.
                let mut spool = open(&disk, 0);
                disk.state().fault = Some((first, length, fault));
                let mut dice = Dice::new(5);
                let mut appended: [Vec<usize>; 2] = Default::default();
                for step in 1..=25 {
                    let place = usize::from(dice.below(3) == 0);
                    let class = [Class::Bulk, Class::Event][place];
                    let at = Moment(u64::try_from(step).unwrap() * 1000);
                    spool.append(at, class, &payload(step, &mut dice));
                    appended[place].push(step);
                    if step % 8 == 0 {
                        spool.save(at);
                    }
                }
                disk.state().fault = None;
                assert!(spool.take_words().len() <= 8, "{case}");
                spool.tick(Moment(100_000) + STORE_RETRY);
                spool.save(Moment(200_000));
                assert_eq!((spool.trouble(), spool.memory_bytes()), (None, 0), "{case}");
                let mut again = open(&SimDisk::holding(disk.files()), 300_000);
                for (place, class) in [(0, Class::Bulk), (1, Class::Event)] {
                    assert_eq!(rest(&mut spool, class), appended[place], "{case}: as it runs");
                    assert_eq!(rest(&mut again, class), appended[place], "{case}: from the disk");
                }
            }
        }
    }
}

#[test]
fn a_directory_that_cannot_be_listed_at_the_start_is_read_later() {
    let disk = SimDisk::default();
    let mut spool = open(&disk, 0);
    let mut dice = Dice::new(1);
    for step in 1..=10 {
        spool.append(Moment(0), Class::Event, &payload(step, &mut dice));
    }
    spool.pass("vm", Class::Event, 3);
    spool.save(Moment(0));
    let calls = disk.state().calls;
    disk.state().fault = Some((calls, 1, Fault::Io));
    let mut spool = open(&disk, 5000);
    for step in 11..=20 {
        spool.append(Moment(6000), Class::Event, &payload(step, &mut dice));
    }
    assert!(spool.trouble().is_some());
    spool.tick(Moment(7000) + STORE_RETRY);
    assert_eq!(spool.trouble(), None);
    let expected: Vec<usize> = (1..=20).collect();
    assert_eq!(rest(&mut spool, Class::Event), expected);
}

#[test]
fn a_power_cut_at_any_call_loses_no_event_and_skips_nothing() {
    let mut cases = 0;
    for workload in 0..4 {
        let disk = SimDisk::default();
        let marks = work(&disk, workload + 3, 50);
        let trace = disk.state().trace.clone();
        let mut current = 0;
        for (length, step) in trace.iter().enumerate() {
            if let Step::Mark(number) = step {
                current = *number;
            }
            let cuts = [Cut::Nothing, Cut::Everything].into_iter().chain((1..8).map(Cut::Torn));
            for cut in cuts {
                let case = format!("workload {workload}, {} steps, {cut:?}", length + 1);
                let left = after_power_cut(&BTreeMap::new(), &trace[..=length], cut);
                check_after_cut(&left, &marks, current, &case);
                cases += 1;
            }
        }
    }
    assert!(cases > 3000, "{cases} cases only");
}

fn check_after_cut(
    left: &BTreeMap<PathBuf, Vec<u8>>,
    marks: &[[Told; 2]],
    current: usize,
    case: &str,
) {
    let before = &marks[current];
    let after = &marks[(current + 1).min(marks.len() - 1)];
    let mut spool = open(&SimDisk::holding(left.clone()), 1_000_000);
    let next = spool.next_number();
    let events = rest(&mut spool, Class::Event);
    let bulk = rest(&mut spool, Class::Bulk);
    // Every event that was acknowledged and not passed, in order; before it what is repeated.
    let promised = &before[1].appended[..before[1].durable];
    let unread: Vec<usize> = promised.iter().skip(after[1].passed).copied().collect();
    let kept: Vec<usize> = events.iter().filter(|n| unread.contains(n)).copied().collect();
    assert_eq!(kept, unread, "{case}: {events:?}");
    for (place, found) in [(0, &bulk), (1, &events)] {
        assert!(found.windows(2).all(|two| two[0] < two[1]), "{case}: {found:?}");
        let known = |number| after[place].appended.contains(number);
        assert!(found.iter().all(known), "{case}: {found:?} was never appended");
    }
    // What comes next is seen by the reader, whatever numbers were lost.
    assert_eq!(spool.append(Moment(0), Class::Bulk, b"999 "), next);
    assert_eq!(rest(&mut spool, Class::Bulk), [999], "{case}");
}

#[test]
fn no_mutated_file_makes_the_spool_panic_or_invent_a_frame() {
    let mut dice = Dice::new(17);
    let rounds = std::env::var("HOSTWATCH_FUZZ").map_or(3000, |rounds| rounds.parse().unwrap());
    for round in 0..rounds {
        let disk = SimDisk::default();
        let mut spool = open(&disk, 0);
        let mut known = Vec::new();
        for step in 1..dice.below(12) + 2 {
            let class = [Class::Bulk, Class::Event][dice.below(2)];
            known.push(payload(step, &mut dice));
            spool.append(Moment(0), class, known.last().unwrap());
        }
        if dice.below(3) > 0 {
            spool.save(Moment(0));
        }
        let mut files = disk.files();
        for bytes in files.values_mut() {
            for _ in 0..dice.below(4) {
                mutate(bytes, &mut dice);
            }
            assert!(frames_in(bytes) <= bytes.len());
        }
        let mut again = open(&SimDisk::holding(files), 0);
        for class in [Class::Bulk, Class::Event] {
            while let Some(head) = again.head("vm", class) {
                if let Some(found) = again.read(class, head) {
                    assert!(known.iter().any(|one| **one == *found), "round {round}");
                }
                again.pass("vm", class, head);
            }
        }
        let number = again.append(Moment(0), Class::Event, b"1 on");
        assert_eq!(again.head("vm", Class::Event), Some(number), "round {round}");
    }
}

fn mutate(bytes: &mut Vec<u8>, dice: &mut Dice) {
    if bytes.is_empty() {
        return;
    }
    let at = dice.below(bytes.len());
    match dice.below(5) {
        0 => bytes[at] ^= 1 << dice.below(8),
        1 => bytes.truncate(at),
        2 => {
            // A head that claims what follows, whatever that is.
            let head = frame::encode(&[0; 200])[..12].to_vec();
            bytes.splice(at..at, head);
        }
        3 => {
            let end = (at + dice.below(64)).min(bytes.len());
            bytes.drain(at..end);
        }
        _ => {
            let copy = bytes[at..].to_vec();
            bytes.extend(copy);
        }
    }
}
