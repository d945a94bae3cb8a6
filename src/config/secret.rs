//! User, password and where the password is kept: the same rules for a mail server and a BMC.
//!
//! Owns: what is said of a password that stands in a file, and whether a kept one can be read by
//! the agent and by nobody else. Must not know: what it opens.

use std::fs::OpenOptions;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::code::Code;
use super::diagnostic::{Diagnostic, Findings, Severity};
use super::file::Password;
use super::load::{check_writers, unreadable};
use super::resolve::Input;
use super::schema::At;
use crate::store::secret::Secret;

/// Both, or a message about the one that is missing.
pub(super) fn pair<'a, U>(
    user: Option<&'a At<U>>,
    password: Option<&'a At<Password>>,
    findings: &mut Findings,
) -> Option<(&'a At<U>, &'a At<Password>)> {
    let missing = match (user, password) {
        (Some(user), Some(password)) => return Some((user, password)),
        (Some(user), None) => {
            Diagnostic::error(Code::Missing, user.spot, "`user` without `password`")
                .label("add `password: {credential: NAME}`")
        }
        (None, Some(password)) => {
            Diagnostic::error(Code::Missing, password.spot, "`password` without `user`")
                .label("add `user: NAME`")
        }
        (None, None) => return None,
    };
    findings.push(missing);
    None
}

/// Where a password is, with what is to be said about that place.
pub(super) fn kept(
    password: &At<Password>,
    input: &Input<'_>,
    findings: &mut Findings,
) -> Option<Secret> {
    let kept = match &password.value {
        Password::Literal(text) => {
            let private = input.sources.get(password.spot.file).is_some_and(|file| file.private);
            findings.push(literal(password, private));
            return Some(Secret::Literal(text.0.clone()));
        }
        Password::Kept(kept) => kept,
    };
    match (&kept.file, &kept.credential, &kept.env) {
        (Some(file), ..) => Some(Secret::File(file.value.0.clone())),
        (None, Some(name), _) => Some(Secret::Credential(name.value.0.clone())),
        (None, None, Some(name)) => {
            findings.push(
                Diagnostic::warning(
                    Code::SecretInEnvironment,
                    name.spot,
                    "a password in the environment",
                )
                .label("programs that the agent starts inherit it")
                .help("a systemd credential (`{credential: NAME}`) is not inherited"),
            );
            Some(Secret::Env(name.value.0.clone()))
        }
        (None, None, None) => None,
    }
}

fn literal(password: &At<Password>, private: bool) -> Diagnostic {
    if private {
        Diagnostic::warning(
            Code::PasswordHere,
            password.spot,
            "a password stands in the configuration",
        )
        .label("copied with every backup of this file")
        .help("keep it in a file of mode 0600 and write `password: {file: PATH}`")
    } else {
        Diagnostic::error(
            Code::LiteralPassword,
            password.spot,
            "a password in a file that others can read",
        )
        .label("readable by more than the agent")
        .help("write `password: {file: PATH}`, or run chmod 0600 on this file")
    }
}

/// A secret's file must exist, and only the agent (or root and the agent's group) may read it.
///
/// `unread` is how bad one is that cannot be read: what others may read is always an error.
pub(super) fn check(secret: &Secret, unread: Severity) -> Vec<Diagnostic> {
    let Secret::File(path) = secret else { return Vec::new() };
    // Opened as the agent will open it: a password that it cannot read is found out now, and not
    // with the first use. What is no plain file is not opened, since that may wait.
    let opened = Path::new(path).metadata().and_then(|facts| {
        if facts.is_file() {
            OpenOptions::new().read(true).open(path)?;
        }
        Ok(facts)
    });
    let facts = match opened {
        Ok(facts) => facts,
        Err(error) => {
            let found = unreadable(Path::new(path), &error);
            return vec![match unread {
                Severity::Error => found,
                Severity::Warning => {
                    Diagnostic { severity: unread, code: Code::SecretUnread, ..found }
                }
            }];
        }
    };
    let mut findings = Findings::default();
    check_writers(Path::new(path), &facts, "secret", &mut findings);
    let for_group = facts.mode() & 0o040 != 0 && facts.uid() != 0;
    if facts.mode() & 0o007 != 0 || for_group {
        let mode = facts.mode() & 0o7777;
        findings.push(
            Diagnostic::file(
                Code::Permissions,
                path.clone(),
                format!("this secret can be read by others (mode {mode:04o})"),
            )
            .help(format!("run: chmod 0600 {path}")),
        );
    }
    findings.into_list()
}
