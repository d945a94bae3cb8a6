//! The spool in its directory: what makes room for what, how far readers are after a stop and after a
//! crash, and what damage, strangers and a missing directory cost.

use std::path::{Path, PathBuf};

use hostwatch::model::limit::{SPOOL_FRAME_BYTES, SPOOL_SAVE_EVERY, STORE_RETRY};
use hostwatch::model::time::Moment;
use hostwatch::store::spool::{Bounds, Bulk, Class, Lost, Spool, Wants};

use crate::disk::SimDisk;

const EVERYTHING: Wants = Wants { bulk: Bulk::All, events: true };
const AT: Moment = Moment(1_000_000);

fn open(directory: &Path, bounds: Bounds) -> Spool {
    let mut spool = Spool::open(directory, bounds, AT);
    spool.set_readers(&[("vm".to_owned(), EVERYTHING)]);
    spool
}

fn text(number: u64) -> String {
    format!("frame {number} {}", "x".repeat(usize::try_from(number % 7).unwrap() * 40))
}

fn append(spool: &mut Spool, class: Class) -> u64 {
    let number = spool.next_number();
    assert_eq!(spool.append(AT, class, text(number).as_bytes()), number);
    number
}

/// Everything of a class that a reader has not passed, and passes it.
fn drain(spool: &mut Spool, reader: &str, class: Class) -> Vec<u64> {
    let mut found = Vec::new();
    while let Some(number) = spool.head(reader, class) {
        if let Some(payload) = spool.read(class, number) {
            assert_eq!(*payload, *text(number).as_bytes());
            found.push(number);
        }
        spool.pass(reader, class, number);
    }
    found
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "hws"));
    paths.sort();
    paths
}

#[test]
fn the_oldest_bulk_makes_room_and_events_only_for_events() {
    let directory = tempfile::tempdir().unwrap();
    let bounds = Bounds::of(64 << 10);
    let mut spool = open(directory.path(), bounds);
    let (mut bulk, mut events) = (Vec::new(), Vec::new());
    for round in 0..1000 {
        bulk.push(append(&mut spool, Class::Bulk));
        if round % 10 == 0 {
            events.push(append(&mut spool, Class::Event));
        }
        assert!(spool.file_bytes() <= bounds.bytes, "{} bytes", spool.file_bytes());
    }
    let lost = spool.take_lost("vm");
    assert_eq!((lost.events, lost.damaged), (0, 0));
    assert!(lost.bulk > 100);
    let (frames, bytes) = spool.waiting("vm");
    assert_eq!(frames, 1100 - lost.bulk);
    assert!(bytes > 40 << 10 && bytes <= bounds.bytes, "{bytes} bytes");
    // Events take the place of all bulk, and then of the oldest events.
    for _ in 0..2000 {
        events.push(append(&mut spool, Class::Event));
        assert!(spool.file_bytes() <= bounds.bytes);
        assert!(spool.take_lost("vm").events == 0 || spool.head("vm", Class::Bulk).is_none());
    }
    assert_eq!(spool.head("vm", Class::Bulk), None);
    let mut spool = open(directory.path(), bounds);
    let found = drain(&mut spool, "vm", Class::Event);
    assert!(found.len() > 300 && events.ends_with(&found), "{} events", found.len());
}

#[test]
fn every_lost_frame_is_counted_once_for_each_reader_that_waited_for_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(directory.path(), Bounds::of(64 << 10), AT);
    let newest = Wants { bulk: Bulk::Newest, events: false };
    let readers = [("a", EVERYTHING), ("b", EVERYTHING), ("c", newest)];
    let readers = readers.map(|(name, wants)| (name.to_owned(), wants));
    spool.set_readers(&readers);
    let (mut lost, mut read) = (Lost::default(), 0);
    for _ in 0..2000 {
        append(&mut spool, Class::Bulk);
        read += drain(&mut spool, "b", Class::Bulk).len();
        let more = spool.take_lost("a");
        lost.bulk += more.bulk;
    }
    let rest = drain(&mut spool, "a", Class::Bulk);
    assert_eq!(lost.bulk + u64::try_from(rest.len()).unwrap(), 2000);
    assert_eq!(rest.last(), Some(&2000));
    assert_eq!((read, spool.take_lost("b")), (2000, Lost::default()));
    assert_eq!(drain(&mut spool, "c", Class::Bulk), [2000]);
    assert_eq!(spool.take_lost("c"), Lost::default());
}

#[test]
fn files_that_everybody_has_passed_are_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path(), Bounds::of(256 << 10));
    for _ in 0..1000 {
        append(&mut spool, Class::Bulk);
        append(&mut spool, Class::Event);
    }
    assert!(files(directory.path()).len() > 8);
    drain(&mut spool, "vm", Class::Bulk);
    drain(&mut spool, "vm", Class::Event);
    assert_eq!(files(directory.path()).len(), 2);
    assert_eq!(spool.waiting("vm"), (0, 0));
}

#[test]
fn a_stop_repeats_nothing_and_a_crash_a_little() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path(), Bounds::default());
    for _ in 0..50 {
        append(&mut spool, Class::Bulk);
        append(&mut spool, Class::Event);
    }
    for _ in 0..10 {
        let head = spool.head("vm", Class::Bulk).unwrap();
        spool.pass("vm", Class::Bulk, head);
    }
    spool.save(AT);
    let mut spool = open(directory.path(), Bounds::default());
    assert_eq!(spool.waiting("vm").0, 90);
    assert_eq!(spool.head("vm", Class::Bulk), Some(21));
    assert_eq!(drain(&mut spool, "vm", Class::Event).len(), 50);
    // Crashed before it was written down.
    let mut spool = open(directory.path(), Bounds::default());
    assert_eq!(spool.waiting("vm").0, 90);
    assert_eq!(drain(&mut spool, "vm", Class::Event).len(), 50);
    spool.tick(AT + SPOOL_SAVE_EVERY);
    let mut spool = open(directory.path(), Bounds::default());
    assert_eq!(spool.waiting("vm").0, 40);
    assert_eq!(append(&mut spool, Class::Event), 101);
}

#[test]
fn a_new_reader_begins_with_the_newest_bulk_and_one_that_is_gone_is_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path(), Bounds::default());
    for _ in 0..10 {
        append(&mut spool, Class::Bulk);
        append(&mut spool, Class::Event);
    }
    let both = [("vm".to_owned(), EVERYTHING), ("new".to_owned(), EVERYTHING)];
    spool.set_readers(&both);
    assert_eq!(spool.head("new", Class::Bulk), Some(19));
    assert_eq!(spool.head("new", Class::Event), None);
    assert_eq!(append(&mut spool, Class::Event), 21);
    assert_eq!(spool.head("new", Class::Event), Some(21));
    assert_eq!(spool.waiting("vm").0, 21);
    spool.set_readers(&both[1..]);
    assert_eq!(spool.head("vm", Class::Bulk), None);
    spool.set_readers(&both);
    assert_eq!(spool.head("vm", Class::Bulk), Some(19));
    // The same over a restart.
    spool.set_readers(&both[..1]);
    spool.save(AT);
    let mut spool = Spool::open(directory.path(), Bounds::default(), AT);
    spool.set_readers(&both);
    assert_eq!((spool.head("new", Class::Event), spool.head("vm", Class::Event)), (None, None));
    assert_eq!(spool.head("vm", Class::Bulk), Some(19));
}

#[test]
fn lost_positions_repeat_and_skip_nothing() {
    for damage in [None, Some(&b"something else"[..])] {
        let directory = tempfile::tempdir().unwrap();
        let mut spool = open(directory.path(), Bounds::default());
        for _ in 0..10 {
            append(&mut spool, Class::Event);
        }
        spool.pass("vm", Class::Event, 4);
        spool.save(AT);
        let path = directory.path().join("positions");
        match damage {
            None => std::fs::remove_file(path).unwrap(),
            Some(bytes) => std::fs::write(path, bytes).unwrap(),
        }
        let mut spool = open(directory.path(), Bounds::default());
        assert_eq!(drain(&mut spool, "vm", Class::Event).len(), 10);
    }
}

#[test]
fn a_torn_tail_costs_the_frame_it_is_in() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path(), Bounds::default());
    for _ in 0..5 {
        append(&mut spool, Class::Bulk);
    }
    spool.save(AT);
    let path = files(directory.path()).remove(0);
    let whole = std::fs::read(&path).unwrap();
    for cut in 1..text(5).len() + 20 {
        std::fs::write(&path, &whole[..whole.len() - cut]).unwrap();
        let mut spool = open(directory.path(), Bounds::default());
        // A number that was given is not given again.
        assert_eq!(append(&mut spool, Class::Bulk), 6, "cut by {cut}");
        assert_eq!(drain(&mut spool, "vm", Class::Bulk), [1, 2, 3, 4, 6], "cut by {cut}");
        assert_eq!(spool.take_lost("vm"), Lost::default());
        files(directory.path()).iter().for_each(|path| std::fs::remove_file(path).unwrap());
    }
}

#[test]
fn a_damaged_frame_is_skipped_and_counted() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path(), Bounds::default());
    for _ in 0..9 {
        append(&mut spool, Class::Event);
    }
    let path = files(directory.path()).remove(0);
    let mut bytes = std::fs::read(&path).unwrap();
    let place = bytes.windows(7).position(|seven| seven == b"frame 4").unwrap();
    bytes[place] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    // While it runs: the number is known, the frame is not.
    assert_eq!(spool.head("vm", Class::Event), Some(1));
    assert!(spool.read(Class::Event, 4).is_none() && spool.read(Class::Event, 5).is_some());
    let mut spool = open(directory.path(), Bounds::default());
    assert_eq!(spool.take_lost("vm"), Lost { damaged: 1, ..Lost::default() });
    assert_eq!(drain(&mut spool, "vm", Class::Event), [1, 2, 3, 5, 6, 7, 8, 9]);
    let words = spool.take_words();
    assert!(words.len() == 1 && words[0].contains("damaged in one place"), "{words:?}");
}

#[test]
fn a_frame_that_was_written_twice_is_read_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path(), Bounds::default());
    for _ in 0..3 {
        append(&mut spool, Class::Event);
    }
    let path = files(directory.path()).remove(0);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, [&bytes[..], &bytes[16..]].concat()).unwrap();
    let mut spool = open(directory.path(), Bounds::default());
    assert_eq!(spool.waiting("vm").0, 3);
    assert_eq!(drain(&mut spool, "vm", Class::Event), [1, 2, 3]);
}

#[test]
fn files_of_others_are_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let strange = [
        ("notes.txt", &b"mine"[..]),
        ("bulk-1.hws", b"not one of ours by its name"),
        ("event-00000000000000000003.hws", b"not one of ours by its head"),
    ];
    for (name, content) in strange {
        std::fs::write(directory.path().join(name), content).unwrap();
    }
    let mut spool = open(directory.path(), Bounds::default());
    for _ in 0..5 {
        append(&mut spool, Class::Event);
        append(&mut spool, Class::Bulk);
    }
    assert_eq!(drain(&mut spool, "vm", Class::Event).len(), 5);
    spool.save(AT);
    for (name, content) in strange {
        assert_eq!(std::fs::read(directory.path().join(name)).unwrap(), content, "{name}");
    }
    let words = spool.take_words();
    assert!(words.iter().any(|word| word.contains("is left alone")), "{words:?}");
}

#[test]
fn a_directory_that_is_deleted_is_made_again() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("spool");
    let mut spool = open(&place, Bounds::default());
    for _ in 0..5 {
        append(&mut spool, Class::Bulk);
    }
    std::fs::remove_dir_all(&place).unwrap();
    for _ in 0..5 {
        append(&mut spool, Class::Bulk);
    }
    assert_eq!(drain(&mut spool, "vm", Class::Bulk), [6, 7, 8, 9, 10]);
    let mut spool = open(&place, Bounds::default());
    assert_eq!(drain(&mut spool, "vm", Class::Bulk), [6, 7, 8, 9, 10]);
}

#[test]
fn a_frame_that_is_too_large_is_counted_and_said() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path(), Bounds::default());
    spool.append(AT, Class::Bulk, &vec![0; SPOOL_FRAME_BYTES + 1]);
    assert_eq!(spool.take_lost("vm").bulk, 1);
    assert!(spool.take_words()[0].contains("more than the spool takes"));
    let largest = vec![7; SPOOL_FRAME_BYTES];
    let number = spool.append(AT, Class::Bulk, &largest);
    append(&mut spool, Class::Bulk);
    assert_eq!(*spool.read(Class::Bulk, number).unwrap(), *largest);
}

#[test]
fn a_full_disk_is_said_once_and_written_when_there_is_room() {
    let disk = SimDisk::default();
    let place = Path::new("spool");
    let mut spool = Spool::open_on(Box::new(disk.clone()), place, Bounds::default(), AT);
    spool.set_readers(&[("vm".to_owned(), EVERYTHING)]);
    disk.state().capacity = Some(2000);
    for _ in 0..100 {
        append(&mut spool, Class::Event);
        append(&mut spool, Class::Bulk);
    }
    let words = spool.take_words();
    assert_eq!(words.len(), 1, "{words:?}");
    assert!(words[0].contains("free space"), "{words:?}");
    assert!(spool.memory_bytes() > 10_000 && spool.trouble().is_some());
    disk.state().capacity = None;
    spool.tick(AT + STORE_RETRY);
    assert_eq!((spool.memory_bytes(), spool.trouble()), (0, None));
    assert!(spool.take_words()[0].contains("can be written again"));
    // All of it, in its order, from the disk.
    let mut spool = Spool::open_on(Box::new(disk), place, Bounds::default(), AT);
    spool.set_readers(&[("vm".to_owned(), EVERYTHING)]);
    assert_eq!(drain(&mut spool, "vm", Class::Event).len(), 100);
    assert_eq!(drain(&mut spool, "vm", Class::Bulk).len(), 100);
}

#[test]
fn nobody_wanting_anything_writes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(directory.path(), Bounds::default(), AT);
    spool.set_readers(&[]);
    for _ in 0..100 {
        append(&mut spool, Class::Event);
        append(&mut spool, Class::Bulk);
    }
    assert!(files(directory.path()).is_empty() && spool.memory_bytes() == 0);
}
