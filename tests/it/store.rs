//! The journal on the real filesystem: what a person meets.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use hostwatch::store::frame;
use hostwatch::store::journal::{Journal, Opened};

fn open(directory: &Path) -> Opened {
    let opened = Journal::open(directory).unwrap();
    assert!(opened.trouble.is_none(), "{:?}", opened.trouble);
    opened
}

fn texts(opened: &Opened) -> Vec<&str> {
    opened.frames.iter().map(|frame| std::str::from_utf8(frame).unwrap()).collect()
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn frames_survive_reopening_and_a_rewrite() {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = open(directory.path()).journal;
    journal.append(b"one", true).unwrap();
    journal.append(b"two", false).unwrap();
    drop(journal);
    let mut opened = open(directory.path());
    assert_eq!(texts(&opened), ["one", "two"]);
    opened.journal.rewrite(&[b"both".to_vec()]).unwrap();
    opened.journal.append(b"three", true).unwrap();
    let file = std::fs::metadata(directory.path().join("journal")).unwrap();
    assert_eq!(opened.journal.bytes(), file.len());
    drop(opened);
    let opened = open(directory.path());
    assert_eq!(texts(&opened), ["both", "three"]);
    assert_eq!(opened.note, None);
    assert_eq!(names(directory.path()), ["journal", "journal.reserve"]);
}

#[test]
fn the_files_are_for_the_owner_alone() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("lib/hostwatch");
    let mut journal = open(&state).journal;
    journal.append(b"secret", true).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&state), 0o700);
    for name in names(&state) {
        assert_eq!(mode(&state.join(&name)), 0o600, "{name}");
    }
    journal.rewrite(&[]).unwrap();
    assert_eq!(mode(&state.join("journal")), 0o600);
}

#[test]
fn a_torn_tail_is_cut_without_a_word() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    open(directory.path()).journal.append(b"whole", true).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let mut torn = whole.clone();
    torn.extend(&frame::encode(b"never finished")[..20]);
    std::fs::write(&path, torn).unwrap();
    let mut opened = open(directory.path());
    assert_eq!((texts(&opened), &opened.note), (vec!["whole"], &None));
    assert_eq!(std::fs::read(&path).unwrap(), whole);
    opened.journal.append(b"next", true).unwrap();
    assert_eq!(texts(&open(directory.path())), ["whole", "next"]);
}

#[test]
fn a_journal_damaged_in_its_middle_is_set_aside_and_its_good_part_used() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    let mut opened = open(directory.path());
    for text in ["one", "two", "three"] {
        opened.journal.append(text.as_bytes(), true).unwrap();
    }
    let mut bytes = std::fs::read(&path).unwrap();
    let second = 16 + 15 + 12;
    bytes[second] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    drop(opened);
    let mut opened = open(directory.path());
    assert_eq!(texts(&opened), ["one"]);
    let note = opened.note.as_deref().unwrap();
    assert!(note.contains("damaged in its middle") && note.contains("journal.damaged-1"), "{note}");
    assert_eq!(std::fs::read(directory.path().join("journal.damaged-1")).unwrap(), bytes);
    opened.journal.append(b"four", true).unwrap();
    let opened = open(directory.path());
    assert_eq!((texts(&opened), &opened.note), (vec!["one", "four"], &None));
}

#[test]
fn copies_of_damaged_journals_are_bounded_and_the_newest_stay() {
    let directory = tempfile::tempdir().unwrap();
    for round in 0..7 {
        std::fs::write(directory.path().join("journal"), format!("not a journal {round}")).unwrap();
        assert!(open(directory.path()).note.is_some());
    }
    let kept: Vec<String> =
        names(directory.path()).into_iter().filter(|name| name.contains("damaged")).collect();
    assert_eq!(kept, (4..8).map(|n| format!("journal.damaged-{n}")).collect::<Vec<_>>());
    let last = std::fs::read_to_string(directory.path().join("journal.damaged-7")).unwrap();
    assert_eq!(last, "not a journal 6");
}

#[test]
fn a_journal_of_another_version_is_kept_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("journal"), "hw-journal 0002\nnew things").unwrap();
    let opened = open(directory.path());
    assert_eq!(opened.frames.len(), 0);
    let note = opened.note.unwrap();
    assert!(note.contains("no journal of this version"), "{note}");
    let kept = std::fs::read_to_string(directory.path().join("journal.damaged-1")).unwrap();
    assert_eq!(kept, "hw-journal 0002\nnew things");
}

#[test]
fn a_link_in_place_of_the_journal_is_refused_with_advice() {
    let directory = tempfile::tempdir().unwrap();
    let victim = directory.path().join("victim");
    std::fs::write(&victim, "keep me").unwrap();
    let state = directory.path().join("state");
    std::fs::create_dir(&state).unwrap();
    std::os::unix::fs::symlink(&victim, state.join("journal")).unwrap();
    let error = Journal::open(&state).unwrap_err();
    assert!(error.advice().contains("symbolic link"), "{error}: {}", error.advice());
    assert_eq!(std::fs::read_to_string(victim).unwrap(), "keep me");
}

#[test]
fn a_file_in_place_of_the_directory_is_refused_with_advice() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Journal::open(&file).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("cannot create the state directory `{}`", file.display())
    );
    assert!(error.advice().contains("not a file"), "{}", error.advice());
}

#[test]
fn a_frame_beyond_the_bound_is_refused_and_nothing_else_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = open(directory.path()).journal;
    journal.append(b"before", true).unwrap();
    let huge = vec![b'x'; hostwatch::model::limit::JOURNAL_FRAME_BYTES + 1];
    assert!(journal.append(&huge, true).is_err());
    assert!(journal.rewrite(&[huge]).is_err());
    journal.append(b"after", true).unwrap();
    assert_eq!(texts(&open(directory.path())), ["before", "after"]);
}
