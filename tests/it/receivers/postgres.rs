//! A database server of its own for a receiver that needs one, without regard for a power cut.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::fcntl::{Flock, FlockArg};

use super::running::{Program, Room, Running, ports};

/// The running server; its one user, without a password, is `postgres`.
pub(crate) struct Postgres {
    pub(crate) running: Running,
    pub(crate) port: u16,
    programs: PathBuf,
}

impl Postgres {
    /// With a copy of the data that `fill` put into an empty one: that takes five seconds and more, so
    /// it is done once, and kept under `name` between runs.
    pub(crate) fn start(name: &str, fill: impl FnOnce(&Self)) -> Self {
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let lock = std::fs::File::create(kept.with_extension("lock")).unwrap();
        // Tests run beside each other.
        let lock = Flock::lock(lock, FlockArg::LockExclusive).unwrap();
        if !kept.exists() {
            let mut first = Self::open(Self::empty());
            fill(&first);
            // Files of a server that runs are no database.
            first.running.stop();
            let new = kept.with_extension("new");
            let _ = std::fs::remove_dir_all(&new);
            copy(&first.running.room.path("data"), &new);
            std::fs::rename(new, &kept).unwrap();
        }
        drop(lock);
        let room = Room::new();
        copy(&kept, &room.path("data"));
        room.give_to("postgres");
        Self::open(room)
    }

    fn empty() -> Room {
        let room = Room::new();
        room.give_to("postgres");
        let made = Program::new(programs().join("initdb"))
            .args(["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "-D"])
            .arg(room.text("data"))
            .user("postgres");
        let output = made.command().output().unwrap();
        assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
        room
    }

    fn open(room: Room) -> Self {
        let programs = programs();
        let [port] = ports();
        let mut program = Program::new(programs.join("postgres")).arg("-D").arg(room.text("data"));
        for setting in [
            "listen_addresses=127.0.0.1",
            &format!("port={port}"),
            &format!("unix_socket_directories={}", room.text("")),
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
            "shared_buffers=32MB",
            // Kept in its own folder and namespace, so that nothing of it stays behind.
            "dynamic_shared_memory_type=mmap",
        ] {
            program = program.arg("-c").arg(setting);
        }
        let program = program.user("postgres").has_children();
        let asked = programs.join("pg_isready");
        let running = Running::start(program, room, move || {
            let port = port.to_string();
            let mut command = Command::new(&asked);
            command.args(["-q", "-h", "127.0.0.1", "-p", &port]);
            command.status().unwrap().success()
        });
        Self { running, port, programs }
    }

    /// Runs a script of SQL; gives its rows as lines, with tabs between the values.
    pub(crate) fn run(&self, database: &str, script: Stdio) -> String {
        let output = Command::new(self.programs.join("psql"))
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "postgres"])
            .args(["-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", database])
            .stdin(script)
            .output()
            .unwrap();
        assert!(output.status.success(), "psql: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a few lines of SQL.
    pub(crate) fn say(&self, database: &str, sql: &str) -> String {
        let path = self.running.room.path("script.sql");
        std::fs::write(&path, sql).unwrap();
        self.run(database, std::fs::File::open(path).unwrap().into())
    }
}

/// Its major version, which its files are of.
pub(crate) fn version() -> String {
    programs().parent().and_then(Path::file_name).unwrap().to_string_lossy().into_owned()
}

/// With owners and modes.
fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(done.success(), "cp -a {} {}", from.display(), to.display());
}

/// The folder of the newest version that is installed.
fn programs() -> PathBuf {
    let all = Path::new("/usr/lib/postgresql");
    let versions = std::fs::read_dir(all).into_iter().flatten().flatten();
    let folders = versions.map(|version| version.path().join("bin"));
    let mut found: Vec<PathBuf> = folders.filter(|it| it.join("initdb").exists()).collect();
    found.sort();
    found.pop().expect("postgresql is missing: install with tests/run packages")
}
