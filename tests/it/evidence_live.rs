//! What is found behind a change on the running kernel: real processes, files, connections.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use hostwatch::evidence::{Inquiry, RealTime};
use hostwatch::host::Host;
use hostwatch::model::evidence::Evidence;
use hostwatch::model::time::Stamp;
use hostwatch::model::unit::Span;

use crate::evidence::{ask, inquiry, text};

fn now() -> Stamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Stamp(i64::try_from(since.as_millis()).unwrap())
}

fn look(kind: &str, instance: &str, metric: &str) -> Evidence {
    let question = Inquiry { at: now(), ..inquiry(kind, instance, metric) };
    ask(&question, &Host::live(), &mut RealTime::start(Span::from_secs(20)))
}

/// A child that is killed in the end.
struct Busy(Child);

impl Drop for Busy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A file system in memory of the test's own.
struct Small(PathBuf);

impl Small {
    fn mount(at: &Path, options: &str) -> Self {
        std::fs::create_dir_all(at).unwrap();
        mount(Some("small"), at, Some("tmpfs"), MsFlags::empty(), Some(options))
            .expect("this test mounts a tmpfs: run it as root");
        Self(at.to_owned())
    }

    fn put(&self, name: &str, kib: usize) {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, vec![7; kib << 10]).unwrap();
    }

    fn look(&self, metric: &str) -> String {
        text(&look("filesystem", self.0.to_str().unwrap(), metric))
            .replace(self.0.to_str().unwrap(), "/data")
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}

#[test]
fn a_busy_process_is_found_by_its_name_and_never_by_its_arguments() {
    // A name of its own, and many, so that they are seen on a machine that has other work too.
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("hw-busy");
    std::os::unix::fs::symlink("/bin/sh", &program).unwrap();
    let script = "while :; do :; done # hunter2";
    let start = || Command::new(&program).args(["-c", script, "--password=hunter2"]).spawn();
    let _busy: Vec<Busy> = (0..8).map(|_| Busy(start().unwrap())).collect();
    let found = text(&look("cpu", "all", "busy_percent"));
    assert!(found.contains("% | hw-busy root (8 processes, most by ["), "{found}");
    assert!(!found.contains("hunter2"), "{found}");
    assert!(found.starts_with("CPU over 5s: "), "{found}");
}

#[test]
fn what_was_written_is_told_by_folder_and_hostile_names_are_harmless() {
    let directory = tempfile::tempdir().unwrap();
    let small = Small::mount(&directory.path().join("data"), "size=64m");
    for number in 0..20 {
        small.put(&format!("pg/wal/{number}.seg"), 512);
    }
    small.put("backup/evil\n\u{1b}[2J\u{202e}\r\nBcc: x", 3072);
    let bytes = std::ffi::OsStr::from_bytes(b"backup/\xff\xfe");
    std::fs::write(small.0.join(bytes), vec![7; 2 << 20]).unwrap();
    // Links lead nowhere, and round in circles.
    std::os::unix::fs::symlink("..", small.0.join("pg/up")).unwrap();
    std::os::unix::fs::symlink("loop", small.0.join("loop")).unwrap();
    std::os::unix::fs::symlink("/", small.0.join("root")).unwrap();
    // A name more is no file more.
    std::fs::hard_link(small.0.join("pg/wal/0.seg"), small.0.join("pg/wal/again.seg")).unwrap();
    let inner = Small::mount(&small.0.join("inner"), "size=64m");
    inner.put("elsewhere", 9 << 10);
    let found = small.look("used_percent");
    let scan = found.lines().find(|line| line.starts_with("Written")).expect(&found);
    assert!(
        scan.contains("in the last 24 h: 15 MiB") && scan.contains("100% of what is used"),
        "{found}"
    );
    let rows: Vec<&str> = found.lines().filter(|line| line.contains("/data/")).collect();
    assert!(rows[0].starts_with("  10 MiB | /data/pg/wal/, 20 files, newest "), "{found}");
    assert!(
        rows[1].starts_with("  3 MiB | /data/backup/evil\\n\\x1b[2J\\u{202e}\\r\\nBcc: x"),
        "{found}"
    );
    assert!(rows[2].starts_with("  2 MiB | /data/backup/\\xff\\xfe"), "{found}");
    assert!(!found.contains("elsewhere") && !found.contains("inner"), "{found}");
    assert_eq!(rows.len(), 3, "{found}");
}

#[test]
fn a_deleted_file_that_is_open_is_told_with_who_holds_it() {
    let directory = tempfile::tempdir().unwrap();
    let small = Small::mount(&directory.path().join("data"), "size=64m");
    small.put("log/server.log", 4096);
    let held = File::open(small.0.join("log/server.log")).unwrap();
    let child = Command::new("sleep").arg("1000").stdin(Stdio::from(held)).spawn().unwrap();
    let holder = Busy(child);
    std::fs::remove_file(small.0.join("log/server.log")).unwrap();
    let found = small.look("used_percent");
    let expected = format!("  4 MiB | /data/log/server.log, held by sleep[{}] root", holder.0.id());
    assert!(found.lines().any(|line| line == expected), "{expected}\n{found}");
    assert!(found.starts_with("Deleted but still open"), "{found}");
}

#[test]
fn of_a_filesystem_without_inodes_the_folders_with_most_files_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let small = Small::mount(&directory.path().join("data"), "size=64m,nr_inodes=4000");
    for number in 0..1500 {
        small.put(&format!("spool/{number}"), 0);
    }
    small.put("large", 2048);
    let found = small.look("inodes_percent");
    assert!(found.starts_with("Folders with most files ("), "{found}");
    assert!(found.contains("\n  1501 | /data/spool/\n"), "{found}");
}

#[test]
fn old_files_are_told_where_nothing_was_written() {
    let directory = tempfile::tempdir().unwrap();
    let small = Small::mount(&directory.path().join("data"), "size=64m");
    small.put("archive/a", 6 << 10);
    let file = File::options().write(true).open(small.0.join("archive/a")).unwrap();
    file.set_modified(SystemTime::now() - std::time::Duration::from_secs(3 * 86_400)).unwrap();
    let found = small.look("used_percent");
    assert!(found.contains("Largest folders; only 0 B were written in the last 24 h"), "{found}");
    assert!(found.contains("\n  6 MiB | /data/archive/a\n"), "{found}");
}

#[test]
fn folders_that_come_and_go_under_the_walk_cost_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let small = Small::mount(&directory.path().join("data"), "size=64m");
    for number in 0..200 {
        small.put(&format!("stays/{number}/file"), 16);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let (top, until) = (small.0.clone(), Arc::clone(&stop));
    let mover = std::thread::spawn(move || {
        let mut rounds = 0_u32;
        while !until.load(Ordering::Relaxed) {
            let folder = top.join("goes/a/b/c");
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("file"), [7; 4096]).unwrap();
            std::fs::rename(top.join("goes/a"), top.join("moved")).unwrap();
            std::os::unix::fs::symlink("/", top.join("goes/a")).unwrap();
            std::fs::remove_file(top.join("goes/a")).unwrap();
            std::fs::remove_dir_all(top.join("moved")).unwrap();
            rounds += 1;
        }
        rounds
    });
    for _ in 0..20 {
        let found = small.look("used_percent");
        assert!(found.contains("/data/stays/, 200 files"), "{found}");
        assert!(!found.contains("/etc") && !found.contains("/usr"), "{found}");
    }
    stop.store(true, Ordering::Relaxed);
    assert!(mover.join().unwrap() > 20);
}

#[test]
fn remote_files_are_left_alone() {
    let mut question = inquiry("filesystem", "/mnt/share", "used_percent");
    question.facts = vec![("fstype".to_owned(), "nfs4".to_owned())];
    let found = ask(&question, &Host::live(), &mut RealTime::start(Span::from_secs(20)));
    let said = "What fills /mnt/share is not known, not walked: files of type nfs4";
    assert!(text(&found).starts_with(said), "{found:?}");
}

#[test]
fn who_sends_on_a_link_is_found() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let stop = Arc::new(AtomicBool::new(false));
    let until = Arc::clone(&stop);
    let receiver = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut sink = vec![0; 1 << 16];
        while stream.read(&mut sink).is_ok_and(|count| count > 0) {}
    });
    let sender = std::thread::spawn(move || {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        while !until.load(Ordering::Relaxed) {
            stream.write_all(&[7; 1 << 16]).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    });
    let found = text(&look("bandwidth", "lo", "tx_percent"));
    stop.store(true, Ordering::Relaxed);
    sender.join().unwrap();
    receiver.join().unwrap();
    assert!(found.starts_with("Sent to peers by TCP by its addresses over 5s ("), "{found}");
    let own = format!("[{}] root -> 127.0.0.1 port", std::process::id());
    let line = found.lines().find(|line| line.contains(&own)).unwrap_or_else(|| panic!("{found}"));
    let share: f64 = line.trim().split('%').next().unwrap().parse().unwrap();
    assert!(share > 20.0 && line.contains("bit/s"), "{found}");
}
