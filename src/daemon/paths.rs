//! Where the agent keeps its state and its control socket.

use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

/// Main configuration file when none is named.
pub const CONFIG_FILE: &str = "/etc/hostwatch/hostwatch.yaml";
/// State directory of an agent that runs as root and is not told otherwise.
const STATE_DIRECTORY: &str = "/var/lib/hostwatch";
/// Runtime directory that systemd makes for the packaged unit.
const RUNTIME_DIRECTORY: &str = "/run/hostwatch";
/// Name of the control socket.
const SOCKET: &str = "control.sock";
/// Name of the cache.
const CACHE: &str = "cache";
/// Name of the history.
const HISTORY: &str = "history";
/// Name of the spool.
const SPOOL: &str = "spool";

/// The state directory: as asked for, else systemd's, else root's, else the user's own.
#[must_use]
pub fn state_directory(asked: Option<&Path>) -> PathBuf {
    if let Some(asked) = asked {
        return asked.to_owned();
    }
    let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(given) = from("STATE_DIRECTORY") {
        return PathBuf::from(given);
    }
    if geteuid().is_root() {
        return PathBuf::from(STATE_DIRECTORY);
    }
    if let Some(state) = from("XDG_STATE_HOME") {
        return PathBuf::from(state).join("hostwatch");
    }
    from("HOME").map_or_else(
        || PathBuf::from("hostwatch-state"),
        |home| PathBuf::from(home).join(".local/state/hostwatch"),
    )
}

/// The state directory of the agent that this machine has: as asked for, else the packaged unit's
/// where it is there, else where an agent of this user would keep it.
#[must_use]
pub fn state_of_the_agent(asked: Option<&Path>) -> PathBuf {
    let packaged = Path::new(STATE_DIRECTORY);
    if asked.is_none() && packaged.symlink_metadata().is_ok() {
        return packaged.to_owned();
    }
    state_directory(asked)
}

/// Where the agent keeps, below its state directory, what is slow to ask for and seldom another.
/// Made by whoever writes there first.
#[must_use]
pub fn cache(state: &Path) -> PathBuf {
    state.join(CACHE)
}

/// Where the agent keeps, below its state directory, what its numbers did over the last weeks. Made
/// when something is written there.
#[must_use]
pub fn history(state: &Path) -> PathBuf {
    state.join(HISTORY)
}

/// Where what waits for collectors is kept, below the state directory. Made with the first outlet.
#[must_use]
pub fn spool(state: &Path) -> PathBuf {
    state.join(SPOOL)
}

/// The agent's cache for a command that runs beside it: only one that is there and may be listed,
/// so that no command of root's makes a directory in which the agent's user then cannot write.
#[must_use]
pub fn cache_that_is_there() -> Option<PathBuf> {
    let states = [PathBuf::from(STATE_DIRECTORY), state_directory(None)];
    states.iter().map(|state| cache(state)).find(|cache| std::fs::read_dir(cache).is_ok())
}

/// Where the agent listens: systemd's runtime directory if it gave one and no other state
/// directory was asked for, else the state directory.
#[must_use]
pub fn listening_socket(asked_state: Option<&Path>) -> PathBuf {
    match std::env::var_os("RUNTIME_DIRECTORY").filter(|value| !value.is_empty()) {
        Some(runtime) if asked_state.is_none() => PathBuf::from(runtime).join(SOCKET),
        _ => state_directory(asked_state).join(SOCKET),
    }
}

/// Where a client looks for the agent, best first.
#[must_use]
pub fn sockets_to_try(asked_state: Option<&Path>) -> Vec<PathBuf> {
    if let Some(asked) = asked_state {
        return vec![asked.join(SOCKET)];
    }
    let mut candidates = vec![
        Path::new(RUNTIME_DIRECTORY).join(SOCKET),
        Path::new(STATE_DIRECTORY).join(SOCKET),
        state_directory(None).join(SOCKET),
    ];
    candidates.dedup();
    candidates
}
