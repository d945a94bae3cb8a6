//! A secret of the agent's own: where it is kept, and reading it with care.
//!
//! Owns: what makes a kept secret unfit (others may read it, it is empty). Must not know: what it
//! opens, or how it got into the configuration.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::model::limit::SECRET_BYTES;
use crate::model::text::shown;

/// Where a secret is kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Secret {
    /// A file readable by the agent alone.
    File(String),
    /// A systemd credential: a file below `$CREDENTIALS_DIRECTORY`.
    Credential(String),
    /// An environment variable.
    Env(String),
    /// The secret itself.
    Literal(String),
}

impl Secret {
    /// Reads it from where it is kept.
    ///
    /// # Errors
    /// It is not there, cannot be read, is empty, or others may read it; in words for a person.
    pub fn read(&self) -> Result<String, String> {
        let text = match self {
            Self::Literal(text) => text.clone(),
            Self::Env(name) => std::env::var(name)
                .map_err(|_| format!("environment variable {} is not set", shown(name)))?,
            Self::File(path) => read_secret(Path::new(path), true)
                .map_err(|error| format!("file {}: {error}", shown(path)))?,
            Self::Credential(name) => {
                let folder = std::env::var_os("CREDENTIALS_DIRECTORY").ok_or_else(|| {
                    format!(
                        "credential {}: the service has none; add LoadCredential= to its unit",
                        shown(name)
                    )
                })?;
                if name.contains('/') || name.starts_with('.') {
                    return Err(format!("credential {}: not a plain name", shown(name)));
                }
                // systemd keeps these where nobody else can look; an ACL shows as a group's right.
                read_secret(&Path::new(&folder).join(name), false)
                    .map_err(|error| format!("credential {}: {error}", shown(name)))?
            }
        };
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return Err("the password is empty".to_owned());
        }
        if text.contains(['\r', '\n', '\0']) {
            return Err("the password has more than one line".to_owned());
        }
        Ok(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file {path}"),
            Self::Credential(name) => write!(f, "credential {name}"),
            Self::Env(name) => write!(f, "env {name}"),
            Self::Literal(_) => f.write_str("literal"),
        }
    }
}

fn read_secret(path: &Path, guarded: bool) -> io::Result<String> {
    // Without O_NONBLOCK a fifo in the place of a file would be waited for.
    let nonblocking = nix::fcntl::OFlag::O_NONBLOCK.bits();
    let file = OpenOptions::new().read(true).custom_flags(nonblocking).open(path)?;
    // Asked of the open file, so that nothing can be put in its place in between.
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(io::Error::other("is not a plain file"));
    }
    // The group may read root's file: so the unprivileged agent gets its password. The same rule
    // as the configuration's, so that what was found valid works.
    let denied = if about.uid() == 0 { 0o037 } else { 0o077 };
    if guarded && about.mode() & denied != 0 {
        return Err(io::Error::other(format!(
            "others may read it (mode {:04o}): chmod 600 it",
            about.mode() & 0o7777
        )));
    }
    let owner = about.uid();
    if guarded && owner != 0 && owner != nix::unistd::geteuid().as_raw() {
        return Err(io::Error::other(format!(
            "belongs to another user (uid {owner}): chown it to root or to the agent's user"
        )));
    }
    let mut text = String::new();
    file.take(SECRET_BYTES as u64 + 1).read_to_string(&mut text)?;
    if text.len() > SECRET_BYTES {
        return Err(io::Error::other("is too large for a password"));
    }
    Ok(text)
}
