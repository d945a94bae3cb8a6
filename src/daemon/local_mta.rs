//! What program stands behind this machine's `sendmail`, and whether it can do its work in a
//! process that may gain no rights.
//!
//! Looks at files and starts nothing. The root is an argument, so that a test's machine can stand in.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::control;

/// Links that are followed from `sendmail` to the program: alternatives make two.
const LINKS: usize = 8;

/// Where systemd finds the agent's unit, first what wins.
const UNIT: [&str; 3] = ["etc/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"];

/// The mail programs that differ in where they look for aliases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mta {
    /// Postfix: aliases from a database that `newaliases` makes.
    Postfix,
    /// Exim: reads /etc/aliases as it is.
    Exim,
    /// The DragonFly Mail Agent: the same.
    Dma,
    /// msmtp: hands everything to a server; aliases only where its own configuration names a file.
    Msmtp,
    /// Another one.
    Other,
}

impl Mta {
    /// For people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Postfix => "Postfix",
            Self::Exim => "Exim",
            Self::Dma => "dma",
            Self::Msmtp => "msmtp",
            Self::Other => "another mail program",
        }
    }
}

/// What is behind a `sendmail`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Which it is.
    pub mta: Mta,
    /// The program with a set-id bit by which it gets its rights, where it needs one.
    pub set_id: Option<String>,
}

/// Whether a path is a program that somebody may start.
#[must_use]
pub fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
}

/// Looks at the program at `path` on the machine below `root`.
#[must_use]
pub fn behind(root: &Path, path: &str) -> Program {
    let mut place = PathBuf::from(path);
    for _ in 0..LINKS {
        let Ok(target) = fs::read_link(below(root, &place)) else { break };
        place = place.parent().unwrap_or(Path::new("/")).join(target);
    }
    let name = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let folder = place.parent().unwrap_or(Path::new("/"));
    let postdrop = ["postdrop", "../sbin/postdrop"].map(|beside| folder.join(beside));
    let postdrop = postdrop.iter().find(|beside| below(root, beside).exists());
    let mta = match name.as_str() {
        "exim" | "exim4" => Mta::Exim,
        "dma" => Mta::Dma,
        "msmtp" => Mta::Msmtp,
        _ if name.starts_with("sendmail") && postdrop.is_some() => Mta::Postfix,
        _ => Mta::Other,
    };
    let asked = match (mta, postdrop) {
        (Mta::Postfix, Some(postdrop)) => postdrop.as_path(),
        _ => place.as_path(),
    };
    let is_set_id = fs::metadata(below(root, asked))
        .is_ok_and(|facts| facts.permissions().mode() & 0o6000 != 0);
    Program { mta, set_id: is_set_id.then(|| asked.to_string_lossy().into_owned()) }
}

/// Whether a process may gain no rights (`NoNewPrivs` of proc_pid_status(5)); `None` where that is
/// not known. `pid` is a number or `self`.
#[must_use]
pub fn gains_no_rights(root: &Path, pid: &str) -> Option<bool> {
    let status = fs::read_to_string(root.join("proc").join(pid).join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("NoNewPrivs:"))?;
    Some(line.trim() == "1")
}

/// Whether the agent may gain no rights: the one that listens at `sockets`, else the one that the
/// unit on this machine would start; `None` where there is neither.
#[must_use]
pub fn agent_gains_no_rights(root: &Path, sockets: &[PathBuf]) -> Option<bool> {
    let running =
        control::agent_pid(sockets).and_then(|pid| gains_no_rights(root, &pid.to_string()));
    let unit = || {
        let units = UNIT.iter().map(|folder| root.join(folder).join("hostwatch.service"));
        let text = units.into_iter().find_map(|unit| fs::read_to_string(unit).ok())?;
        Some(text.lines().any(|line| line.trim() == "NoNewPrivileges=yes"))
    };
    running.or_else(unit)
}

fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn the_program_behind_sendmail_is_found() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        for folder in ["usr/sbin", "usr/bin", "etc/alternatives"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        let program = |path: &str, mode: u32| {
            fs::write(at(path), "").unwrap();
            fs::set_permissions(at(path), fs::Permissions::from_mode(mode)).unwrap();
        };
        let look = || behind(root.path(), "/usr/sbin/sendmail");
        let link = |target: &str| {
            let _ = fs::remove_file(at("usr/sbin/sendmail"));
            symlink(target, at("usr/sbin/sendmail")).unwrap();
        };
        assert_eq!(look(), Program { mta: Mta::Other, set_id: None });
        program("usr/sbin/exim4", 0o4755);
        link("exim4");
        assert_eq!(look(), Program { mta: Mta::Exim, set_id: Some("/usr/sbin/exim4".to_owned()) });
        program("usr/sbin/dma", 0o2755);
        symlink("/usr/sbin/dma", at("etc/alternatives/mta")).unwrap();
        link("/etc/alternatives/mta");
        assert_eq!(look(), Program { mta: Mta::Dma, set_id: Some("/usr/sbin/dma".to_owned()) });
        program("usr/bin/msmtp", 0o755);
        link("../bin/msmtp");
        assert_eq!(look(), Program { mta: Mta::Msmtp, set_id: None });
        fs::remove_file(at("usr/sbin/sendmail")).unwrap();
        program("usr/sbin/sendmail", 0o755);
        program("usr/sbin/postdrop", 0o2555);
        let postdrop = Some("/usr/sbin/postdrop".to_owned());
        assert_eq!(look(), Program { mta: Mta::Postfix, set_id: postdrop });
        link("sendmail");
        assert_eq!(look().mta, Mta::Postfix, "a circle ends");
        fs::create_dir_all(at("proc/7")).unwrap();
        fs::write(at("proc/7/status"), "Name:\tx\nNoNewPrivs:\t1\n").unwrap();
        assert_eq!(gains_no_rights(root.path(), "7"), Some(true));
        assert_eq!(gains_no_rights(root.path(), "8"), None);
    }
}
