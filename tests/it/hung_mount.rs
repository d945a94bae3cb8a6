//! A mount that never answers delays no other check, and does not keep the agent alive (R6).
//!
//! The peer is the kernel's own FUSE: the test speaks its protocol (include/uapi/linux/fuse.h),
//! reads the statfs request and answers when it likes. A process that waits for such an answer
//! survives even SIGKILL.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::agent::{Bench, wait_for};

pub(crate) const FUSE_LOOKUP: u32 = 1;
const FUSE_GETATTR: u32 = 3;
const FUSE_INIT: u32 = 26;
const FUSE_STATFS: u32 = 17;
pub(crate) const FUSE_OPENDIR: u32 = 27;

/// A mounted filesystem that answers one call only when told.
pub(crate) struct Silent {
    mount_point: PathBuf,
    answer: Sender<()>,
    pub(crate) asked: Receiver<()>,
}

impl Silent {
    /// One that is silent to this call, by its number.
    pub(crate) fn mount(mount_point: &Path, call: u32) -> Self {
        let device = File::options().read(true).write(true).open("/dev/fuse").expect(
            "this test mounts a FUSE filesystem: run it as root on a kernel with /dev/fuse",
        );
        let options = format!("fd={},rootmode=40000,user_id=0,group_id=0", device.as_raw_fd());
        std::fs::create_dir_all(mount_point).unwrap();
        let fstype = "fuse.silent";
        mount(Some("silent"), mount_point, Some(fstype), MsFlags::empty(), Some(options.as_str()))
            .expect("mounting needs root");
        let (answer, may_answer) = channel();
        let (tell, asked) = channel();
        std::thread::spawn(move || serve(device, call, &may_answer, &tell));
        Self { mount_point: mount_point.to_owned(), answer, asked }
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        let _ = self.answer.send(());
        let _ = umount2(&self.mount_point, MntFlags::MNT_DETACH);
    }
}

fn serve(mut device: File, call: u32, may_answer: &Receiver<()>, tell: &Sender<()>) {
    let mut request = vec![0_u8; 1 << 20];
    let mut silent = true;
    let mut held: Vec<Vec<u8>> = Vec::new();
    // Non-blocking so that held answers can go out when the test says so.
    nix::fcntl::fcntl(&device, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK))
        .unwrap();
    loop {
        if silent && may_answer.try_recv().is_ok() {
            silent = false;
            for reply in held.drain(..) {
                let _ = device.write(&reply);
            }
        }
        let length = match device.read(&mut request) {
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                std::thread::sleep(Duration::from_millis(5));
                continue;
            }
            // The filesystem is unmounted.
            Err(_) => return,
        };
        let word = |at: usize| u32::from_ne_bytes(request[at..at + 4].try_into().unwrap());
        let unique: [u8; 8] = request[8..16].try_into().unwrap();
        assert_eq!(length, usize::try_from(word(0)).unwrap());
        match word(4) {
            FUSE_INIT => {
                // fuse_init_out: major, minor, max_readahead, flags, queue limits, max_write, ...
                let mut body = Vec::new();
                for value in [7_u32, 31, 65_536, 0, 0x0010_0010, 65_536, 1] {
                    body.extend(value.to_ne_bytes());
                }
                body.resize(64, 0);
                device.write_all(&reply(unique, &body)).unwrap();
            }
            FUSE_GETATTR => {
                // fuse_attr_out: how long it is valid (u64, u32, padding), then fuse_attr, of
                // which ino and mode and nlink say "a directory".
                let mut body = vec![0_u8; 16 + 88];
                body[16..24].copy_from_slice(&1_u64.to_ne_bytes());
                body[16 + 60..16 + 64].copy_from_slice(&0o040_755_u32.to_ne_bytes());
                body[16 + 64..16 + 68].copy_from_slice(&2_u32.to_ne_bytes());
                device.write_all(&reply(unique, &body)).unwrap();
            }
            FUSE_STATFS => {
                // fuse_kstatfs: blocks, bfree, bavail, files, ffree (u64), bsize, namelen, frsize.
                let mut body = Vec::new();
                for value in [1000_u64, 900, 900, 100, 90] {
                    body.extend(value.to_ne_bytes());
                }
                for value in [4096_u32, 255, 4096] {
                    body.extend(value.to_ne_bytes());
                }
                body.resize(80, 0);
                let reply = reply(unique, &body);
                if call == FUSE_STATFS {
                    let _ = tell.send(());
                }
                if silent && call == FUSE_STATFS {
                    held.push(reply);
                } else {
                    let _ = device.write(&reply);
                }
            }
            // No such call (ENOSYS) for whatever else is asked.
            _ => {
                let mut refusal = Vec::new();
                refusal.extend(16_u32.to_ne_bytes());
                refusal.extend((-38_i32).to_ne_bytes());
                refusal.extend(unique);
                if word(4) == call {
                    let _ = tell.send(());
                }
                if silent && word(4) == call {
                    held.push(refusal);
                } else {
                    let _ = device.write(&refusal);
                }
            }
        }
    }
}

fn reply(unique: [u8; 8], body: &[u8]) -> Vec<u8> {
    let mut reply = Vec::new();
    reply.extend(u32::try_from(16 + body.len()).unwrap().to_ne_bytes());
    reply.extend(0_i32.to_ne_bytes());
    reply.extend(unique);
    reply.extend(body);
    reply
}

#[test]
fn a_mount_that_never_answers_delays_nothing_and_cannot_hold_the_agent() {
    let directory = tempfile::tempdir().unwrap();
    let mount_point = directory.path().join("silent");
    let silent = Silent::mount(&mount_point, FUSE_STATFS);
    let bench = Bench::new(&format!(
        "version: 1
defaults: {{every: 1s, timeout: 1s, for: 0s, recover_for: 0s}}
mail: {{culprits: false, via: [{{maildir: {maildir}}}]}}
checks:
  silent: {{kind: filesystem, select: {{mount: [\"{mount}\"]}}, crit: {{used: 99%}}}}
  load: {{warn: {{load1: 100000}}}}
",
        maildir = bench_maildir(directory.path()).display(),
        mount = mount_point.display()
    ));
    let mut agent = bench.start_live();
    let id = format!("silent:{}", mount_point.display());
    silent.asked.recv_timeout(Duration::from_secs(10)).expect("the mount is asked once");

    // Timeout and one cycle, and a second of patience for a busy machine.
    let started = Instant::now();
    wait_for("the hung mount is unknown", Duration::from_secs(4), || {
        bench.state_of(&id).as_deref() == Some("unknown")
    });
    let before = bench.report();
    let load_age = age(&before, "load:all");
    assert!(load_age < 2_500, "load was read {load_age} ms ago while a mount hangs");

    // Cadence of the others over some cycles: one run a second, none left out.
    std::thread::sleep(Duration::from_secs(5));
    let after = bench.report();
    let runs = after["runs"].as_u64().unwrap() - before["runs"].as_u64().unwrap();
    assert!(runs >= 5, "only {runs} runs in 5 s after {:?}", started.elapsed());
    assert!(age(&after, "load:all") < 2_500);
    assert!(silent.asked.try_recv().is_err(), "a second request while the first hangs");
    assert_eq!(children(agent.pid()), 1, "one process for all that hangs");

    // The agent ends at once although a process of its own cannot be killed.
    let stopping = Instant::now();
    assert_eq!(agent.stop(), Some(0));
    assert!(stopping.elapsed() < Duration::from_secs(6), "{:?}", stopping.elapsed());

    // And starts again on the same state directory.
    let _agent = bench.start_live();
    wait_for("the new agent asks", Duration::from_secs(10), || {
        bench.state_of("load:all").is_some()
    });
    silent.answer.send(()).unwrap();
    wait_for("the mount is ok when it answers", Duration::from_secs(10), || {
        bench.state_of(&id).as_deref() == Some("ok")
    });
}

fn bench_maildir(directory: &Path) -> PathBuf {
    directory.join("Maildir")
}

fn age(report: &serde_json::Value, id: &str) -> u64 {
    let instances = report["instances"].as_array().unwrap();
    let found = instances
        .iter()
        .find(|instance| instance["id"] == id)
        .unwrap_or_else(|| panic!("{id} is watched: {report}"));
    found["age_ms"].as_u64().unwrap()
}

/// Children of a process, by the kernel's own list.
fn children(pid: u32) -> usize {
    let mut count = 0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten() {
        let list = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        count += list.split_whitespace().count();
    }
    count
}
