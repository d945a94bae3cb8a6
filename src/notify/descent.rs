//! From the agent's rights to those of a hook's program: a process that gives up what it has and
//! becomes the program, in place, so that no code of the program ever runs with more.
//!
//! Everything here is about this one process, which does nothing else and is then gone.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{
    Uid, User, chdir, close, getgid, getgroups, getppid, getresuid, setgroups, setresgid,
    setresuid, setsid,
};

use crate::model::limit::{PROGRAM_DEADLINE, PROGRAM_FILES, PROGRAM_MEMORY_BYTES};

/// Stands for "as who is there": an agent without root's rights can become nobody else.
pub const UNCHANGED: &str = "-";

/// Becomes the program `argv` as `user`; comes back only to say why not.
#[must_use]
pub fn descend(user: &str, argv: &[OsString]) -> String {
    let Some((program, arguments)) = argv.split_first() else { return "no program".to_owned() };
    if let Err(why) = give_up(user) {
        return why;
    }
    #[expect(clippy::disallowed_methods, reason = "a hook's program is started here")]
    let error = Command::new(program).args(arguments).exec();
    format!("cannot be started: {error}")
}

/// Descriptors that are closed: the unit's bound, and as much as a shell or a service manager uses.
const DESCRIPTORS: i32 = 65_536;

fn give_up(user: &str) -> Result<(), String> {
    let parent = getppid();
    // Its own session: no terminal, and a group that can be ended as a whole.
    setsid().map_err(|error| format!("no session of its own: {error}"))?;
    umask(Mode::from_bits_truncate(0o077));
    chdir("/").map_err(|error| format!("the root directory cannot be entered: {error}"))?;
    // What whoever started the agent left open is no business of a program. Ours close by
    // themselves; all of them are closed here, since only the numbers are known.
    let (open_max, _) = getrlimit(Resource::RLIMIT_NOFILE).map_err(|e| format!("no limit: {e}"))?;
    for number in 3..i32::try_from(open_max).unwrap_or(i32::MAX).min(DESCRIPTORS) {
        let _ = close(number);
    }
    let seconds = PROGRAM_DEADLINE.as_millis() / 1000;
    for (resource, most) in [
        (Resource::RLIMIT_CORE, 0),
        (Resource::RLIMIT_CPU, seconds),
        (Resource::RLIMIT_NOFILE, PROGRAM_FILES),
        (Resource::RLIMIT_DATA, PROGRAM_MEMORY_BYTES),
    ] {
        let bounded = getrlimit(resource)
            .and_then(|(_, hard)| setrlimit(resource, most.min(hard), most.min(hard)));
        bounded.map_err(|error| format!("it cannot be bounded: {error}"))?;
    }
    if user != UNCHANGED {
        become_user(user)?;
    }
    // Set after the change of user, which resets it. The program ends with whoever watches it.
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(|error| format!("no bond: {error}"))?;
    if getppid() != parent {
        return Err("the agent is gone".to_owned());
    }
    Ok(())
}

fn become_user(name: &str) -> Result<(), String> {
    let found = User::from_name(name).map_err(|error| format!("user {name}: {error}"))?;
    let user = found.ok_or_else(|| format!("there is no user {name}"))?;
    if user.uid == Uid::effective() && !Uid::effective().is_root() {
        return Ok(());
    }
    let refused = |error| format!("cannot become user {name}: {error}");
    setgroups(&[]).map_err(refused)?;
    setresgid(user.gid, user.gid, user.gid).map_err(refused)?;
    setresuid(user.uid, user.uid, user.uid).map_err(refused)?;
    // Believed only when seen: a program must never run with rights that it was to lose.
    let now = getresuid().map_err(refused)?;
    let groups = getgroups().map_err(refused)?;
    let became = [now.real, now.effective, now.saved].iter().all(|uid| *uid == user.uid)
        && getgid() == user.gid
        && groups.iter().all(|group| *group == user.gid);
    if became { Ok(()) } else { Err(format!("did not become user {name}")) }
}
