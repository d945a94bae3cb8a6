//! A state directory that is full or read-only: mail still goes out, and that trouble is itself
//! told (R8).

use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::agent::{Bench, wait_for};
use crate::sink::{Received, Sink};

/// A small filesystem in memory.
struct Small(PathBuf);

impl Small {
    fn mount(at: &Path) -> Self {
        mount(Some("small"), at, Some("tmpfs"), MsFlags::empty(), Some("size=2m"))
            .expect("this test mounts a tmpfs: run it as root");
        Self(at.to_owned())
    }

    fn remount(&self, flags: MsFlags) {
        let options = Some("size=2m");
        mount(Some("small"), &self.0, Some("tmpfs"), MsFlags::MS_REMOUNT | flags, options).unwrap();
    }

    /// Writes until nothing more fits.
    fn fill(&self) {
        use std::io::Write;
        let mut file = std::fs::File::create(self.0.join("filler")).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
    }

    fn free(&self) {
        std::fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}

fn config(port: u16) -> String {
    format!(
        "version: 1
defaults: {{every: 1s, timeout: 1s, for: 0s, recover_for: 0s}}
contacts: {{root: {{mail: [root@example.net]}}}}
mail:
  from: hostwatch@example.net
  group_wait: 0s
  via: [{{smtp: \"127.0.0.1:{port}\", tls: none}}]
checks:
  load: {{for: 0s, crit: {{load1: 1}}}}
  high: {{kind: load, crit: {{load1: 5}}}}
"
    )
}

fn told(sink: &Sink, words: &[&str]) -> bool {
    sink.received().iter().any(|mail| words.iter().all(|word| mail.message.contains(word)))
}

#[test]
fn a_read_only_state_directory_still_mails_and_is_told() {
    let sink = Sink::start();
    let bench = Bench::new(&config(sink.port));
    let small = Small::mount(&bench.path("state"));
    small.remount(MsFlags::MS_RDONLY);
    let _agent = bench.start();
    wait_for("the trouble is mailed", Duration::from_secs(10), || told(&sink, &["agent:state"]));
    bench.load(2.0);
    wait_for("the problem is mailed", Duration::from_secs(10), || told(&sink, &["load:all"]));
    small.remount(MsFlags::empty());
    wait_for("state is kept again", Duration::from_secs(150), || {
        let recovered = |mail: &Received| {
            mail.header("X-Hostwatch-Instance").as_deref() == Some("state")
                && mail.header("X-Hostwatch-State").as_deref() == Some("ok")
        };
        sink.received().iter().any(recovered) && bench.path("state/journal").exists()
    });
}

#[test]
fn a_full_state_directory_still_mails_and_recovers() {
    let sink = Sink::start();
    let bench = Bench::new(&config(sink.port));
    let small = Small::mount(&bench.path("state"));
    let _agent = bench.start();
    wait_for("it watches", Duration::from_secs(10), || bench.state_of("load:all").is_some());
    small.fill();
    bench.load(2.0);
    wait_for("the problem is mailed", Duration::from_secs(10), || told(&sink, &["load:all"]));
    small.free();
    bench.load(9.0);
    wait_for("the next one too", Duration::from_secs(10), || told(&sink, &["high:all"]));
    // Whether or not the reserve was enough, state is kept again in the end.
    wait_for("state is kept again", Duration::from_secs(150), || {
        bench.report()["store_trouble"].is_null()
    });
}
