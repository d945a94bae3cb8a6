//! How many questions a look takes: each is 5 ms to 100 ms of a slow computer that others need too.

use std::path::Path;

use super::*;
use crate::host::ipmi::{self, Access};

/// A door that counts.
#[derive(Debug)]
struct Counting(Box<dyn Door>, Arc<Mutex<usize>>);

impl Door for Counting {
    fn ask(&mut self, request: &Request) -> Result<Answer, ProbeError> {
        *self.1.lock().unwrap() += 1;
        self.0.ask(request)
    }
}

/// A captured BMC as a recorded machine.
fn capture(name: &str) -> tempfile::TempDir {
    let top = std::env::var_os("HOSTWATCH_FIXTURES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures"),
        std::path::PathBuf::from,
    );
    let case = top.join("bmc").join(name);
    assert!(case.is_dir(), "no capture {}: set HOSTWATCH_FIXTURES", case.display());
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("dev/ipmi0");
    std::fs::create_dir_all(&folder).unwrap();
    for file in ["sdr.bin", "readings.txt", "mc.txt"] {
        std::fs::copy(case.join(file), folder.join(file)).unwrap();
    }
    root
}

#[test]
fn a_large_server_is_asked_for_what_changes_and_little_else() {
    let root = capture("infrasim-dell-r730");
    let host = Host::recorded(root.path());
    let count = Arc::new(Mutex::new(0));
    let mut bmc = Bmc::default();
    let mut look = |second: u64| {
        *count.lock().unwrap() = 0;
        let look = bmc.look_through(&host, Moment(second * 1000), || {
            let door = ipmi::open(&host, &Access::InBand)?;
            Ok(Box::new(Counting(door, Arc::clone(&count))))
        });
        (look.unwrap(), *count.lock().unwrap())
    };
    let (first, asked) = look(0);
    let live = first.sensors.iter().filter(|seen| seen.is_live()).count();
    let steady: Vec<usize> = (1..40).map(|turn| look(turn * 30).1).collect();
    let most = steady.iter().copied().max().unwrap();
    let mean = steady.iter().sum::<usize>() / steady.len();
    println!(
        "{} sensors, {live} at work: {asked} questions first, then {mean} on average, {most} at most",
        first.sensors.len()
    );
    // Records, readings and limits, each once.
    assert!(asked <= 420, "{asked}");
    // The sensors at work, and a fifth of the others and of the limits.
    assert!(mean <= live + 40, "{mean} for {live}");
    assert!(most <= live + 60, "{most} for {live}: {steady:?}");
}
