//! What a child of the agent takes on itself before it works: it dies with the agent, leaves no
//! core, has a bound on its memory, and stands back behind what the machine is there for.

use std::io;

use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;

/// The lowest priority. The kernel takes the place in a disk's queue from it too: the last of the
/// best-effort class (ioprio_set(2)).
const LOWEST: i32 = 19;

/// Ties the process to the one that started it and bounds its data, in bytes; a program that it
/// starts may take up to the second bound.
///
/// # Errors
/// The agent is gone already, or the kernel refuses a bound.
pub fn confine(memory_bytes: u64, most_bytes: u64) -> io::Result<()> {
    let parent = nix::unistd::getppid();
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    // The agent may have died before the line above.
    if nix::unistd::getppid() != parent {
        return Err(io::Error::other("the agent is gone"));
    }
    prctl::set_dumpable(false)?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    let (_, hard) = getrlimit(Resource::RLIMIT_DATA)?;
    let most = most_bytes.min(hard);
    setrlimit(Resource::RLIMIT_DATA, memory_bytes.min(most), most)?;
    Ok(())
}

/// Lets everybody else go first, for the processor and for disks. A sandbox may forbid it: then
/// only the pace of the work spares the machine.
pub fn stand_back() {
    let _ = rustix::process::setpriority_process(None, LOWEST);
}
