//! Files to a plan: which files, in which order, who may write them, and all their mistakes.
//!
//! Owns: the layers (built-in, main file, conf.d), permissions, and the order of the work. Knows no
//! key beyond `checks` and `override`. One of the few doors to the file system: it reads the
//! agent's own configuration, never the observed machine.

use std::collections::{BTreeMap, HashMap};
use std::fs::{Metadata, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::code::Code;
use super::diagnostic::{Diagnostic, Findings, Severity};
use super::hook;
use super::outlets;
use super::plan::{BmcPlan, Plan};
use super::render::Diagnostics;
use super::resolve;
use super::secret;
use super::source::{Origin, Source, Sources, Spot};
use super::tree::{Node, lay_over, settle_appends};
use super::yaml;
use crate::model::id::HostIdentity;
use crate::model::limit::{CONFIG_FILE_BYTES, CONFIG_FILES};
use crate::notify::relay::Relay;
use crate::probe::Kind;

/// Where the configuration is when nobody says otherwise.
pub const DEFAULT_FILE: &str = "/etc/hostwatch/hostwatch.yaml";

/// What came of loading.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What to run; `None` when there was any error.
    pub plan: Option<Plan>,
    /// Every mistake, with the texts.
    pub diagnostics: Diagnostics,
}

/// Reads the built-in checks, then `path` (or the default file), then `conf.d/*.yaml` beside it.
///
/// A file that is named must exist; the default one need not.
#[must_use]
pub fn load(path: Option<&Path>, identity: &HostIdentity) -> Loaded {
    let mut findings = Findings::default();
    let files = files(path, &mut findings);
    finish(&files, identity, findings)
}

/// The files that [`load`] reads, in its order, without a look into them.
#[must_use]
pub fn files_of(path: Option<&Path>) -> Vec<PathBuf> {
    files(path, &mut Findings::default())
}

fn files(path: Option<&Path>, findings: &mut Findings) -> Vec<PathBuf> {
    let main = path.map_or_else(|| PathBuf::from(DEFAULT_FILE), Path::to_path_buf);
    let beside = main.parent().filter(|parent| !parent.as_os_str().is_empty());
    let folder = beside.unwrap_or_else(|| Path::new(".")).join("conf.d");
    let mut files = Vec::new();
    if path.is_some() || exists(&main) {
        files.push(main);
    }
    files.extend(list(&folder, findings));
    files
}

/// Reads the built-in checks, then exactly these files in this order.
#[must_use]
pub fn load_files(files: &[PathBuf], identity: &HostIdentity) -> Loaded {
    finish(files, identity, Findings::default())
}

/// Reads the built-in checks, then these texts, each with its name.
#[must_use]
pub fn load_text(texts: &[(&str, &str)], identity: &HostIdentity) -> Loaded {
    let texts = texts.iter().map(|(name, text)| Source::new(name, text, Origin::Admin));
    assemble(crate::probe::KINDS, texts.collect(), identity, Findings::default())
}

fn finish(files: &[PathBuf], identity: &HostIdentity, mut findings: Findings) -> Loaded {
    let mut texts = Vec::new();
    let mut folders = BTreeMap::new();
    if files.len() > CONFIG_FILES {
        let folder = files.last().map(|file| file.display().to_string()).unwrap_or_default();
        findings.push(
            Diagnostic::file(Code::TooLarge, folder, "too many configuration files")
                .help(format!("at most {CONFIG_FILES}; put several checks into one file")),
        );
    }
    for file in files.iter().take(CONFIG_FILES) {
        check_folders(file, &mut folders, &mut findings);
        if let Some(text) = read(file, &mut findings) {
            texts.push(text);
        }
    }
    let unread = findings.has_errors();
    let mut loaded = assemble(crate::probe::KINDS, texts, identity, findings);
    if let Some(plan) = &loaded.plan {
        let more = check_secrets(plan);
        if more.iter().any(|found| found.severity == Severity::Error) {
            loaded.plan = None;
        }
        loaded.diagnostics.extend(more);
    }
    if unread {
        loaded.plan = None;
    }
    loaded
}

/// The pure part: texts to a plan.
pub(crate) fn assemble(
    kinds: &'static [&'static dyn Kind],
    admin: Vec<Source>,
    identity: &HostIdentity,
    mut findings: Findings,
) -> Loaded {
    let mut sources = Sources::default();
    for kind in kinds {
        let file = format!("{}.yaml", kind.spec().name);
        let masked = admin.iter().any(|source| {
            Path::new(&*source.name).file_name().is_some_and(|name| name == file.as_str())
        });
        if !masked {
            let name = format!("built-in {file}");
            sources.add(Source::new(&name, kind.spec().example, Origin::BuiltIn));
        }
    }
    for source in admin {
        sources.add(source);
    }
    // A file that cannot be parsed or read hides names that others refer to: those references
    // are then not called mistakes.
    let mut whole = !findings.has_errors();
    let mut trees = Vec::new();
    for (file, source) in sources.iter().enumerate() {
        match yaml::parse(&source.text, file, &mut findings) {
            Some(tree) => trees.push((source.origin, tree)),
            None => whole = false,
        }
    }
    check_overrides(&trees, &mut findings);
    let mut refused = Vec::new();
    let mut merged = Node::empty_map(Spot::NOWHERE);
    for (_, tree) in &trees {
        lay_over(&mut merged, tree, &mut refused);
    }
    settle_appends(&mut merged, &mut refused);
    let mut written = Vec::new();
    for (origin, mut tree) in trees {
        if origin == Origin::Admin {
            settle_appends(&mut tree, &mut refused);
            written.push(tree);
        }
    }
    for (spot, key) in refused {
        findings.push(
            Diagnostic::error(Code::Append, spot, format!("`{key}+` appends to a list"))
                .label("one of the two is a map")
                .help(format!("write `{key}:`; maps are merged key by key anyway")),
        );
    }
    let plan = resolve::resolve(
        &resolve::Input {
            kinds,
            sources: &sources,
            merged: &merged,
            written: &written,
            identity,
            whole,
        },
        &mut findings,
    );
    let plan = plan.filter(|_| !findings.has_errors());
    Loaded { plan, diagnostics: findings.finish(sources) }
}

/// A check that two files of the admin define must say so, or a typing mistake in a name would
/// quietly change another check.
fn check_overrides(trees: &[(Origin, Node)], findings: &mut Findings) {
    let mut first: HashMap<&str, (Origin, Spot)> = HashMap::new();
    for (origin, tree) in trees {
        let Some(checks) = tree.entry("checks") else { continue };
        for check in checks.value.entries() {
            let meant = check.value.entry("override").is_some_and(|entry| {
                matches!(&entry.value.data, super::tree::Data::Scalar(s) if s.text == "true")
            });
            match first.get(check.key.as_str()) {
                Some((Origin::Admin, before)) if !meant => findings.push(
                    Diagnostic::error(
                        Code::Redefined,
                        check.key_spot,
                        format!("check `{}` is defined in two files", check.key),
                    )
                    .label("defined again here")
                    .also(*before, "first defined here")
                    .help("add `override: true` here if this is meant to change it"),
                ),
                None if meant => findings.push(
                    Diagnostic::warning(
                        Code::OverridesNothing,
                        check.key_spot,
                        format!("check `{}` overrides nothing", check.key),
                    )
                    .label("no other file defines it")
                    .help("is the name right?"),
                ),
                _ => {}
            }
            first.entry(check.key.as_str()).or_insert((*origin, check.key_spot));
            if let Some(entry) = first.get_mut(check.key.as_str())
                && entry.0 == Origin::BuiltIn
                && *origin == Origin::Admin
            {
                *entry = (Origin::Admin, check.key_spot);
            }
        }
    }
}

fn exists(path: &Path) -> bool {
    !matches!(path.symlink_metadata(), Err(e) if e.kind() == std::io::ErrorKind::NotFound)
}

/// The `*.yaml` files of a folder, in byte order of their names.
fn list(folder: &Path, findings: &mut Findings) -> Vec<PathBuf> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            findings.push(unreadable(folder, &error));
            return Vec::new();
        }
    };
    let mut files = Vec::new();
    for entry in entries {
        match entry {
            Ok(entry) => {
                let path = entry.path();
                let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
                if !hidden && path.extension().is_some_and(|ext| ext == "yaml") {
                    files.push(path);
                } else if !hidden && path.extension().is_some_and(|ext| ext == "yml") {
                    findings.push(
                        Diagnostic::file(
                            Code::Unreadable,
                            path.display().to_string(),
                            "files in conf.d end in `.yaml`",
                        )
                        .help("rename it to end in `.yaml`, or move it away"),
                    );
                }
            }
            Err(error) => findings.push(unreadable(folder, &error)),
        }
    }
    files.sort_by(|a, b| a.as_os_str().cmp(b.as_os_str()));
    files
}

pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Diagnostic {
    let help = match error.kind() {
        std::io::ErrorKind::NotFound => "check the path".to_owned(),
        std::io::ErrorKind::PermissionDenied => {
            format!(
                "let the agent's group read it: chgrp hostwatch {0} && chmod g+r {0}",
                path.display()
            )
        }
        _ => "check that it is a readable file".to_owned(),
    };
    Diagnostic::file(
        Code::Unreadable,
        path.display().to_string(),
        format!("cannot read this: {error}"),
    )
    .help(help)
}

fn read(path: &Path, findings: &mut Findings) -> Option<Source> {
    let name = path.display().to_string();
    // Without O_NONBLOCK a fifo in the place of a file would hang the agent.
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits() | nix::fcntl::OFlag::O_CLOEXEC.bits())
        .open(path);
    let read = opened.and_then(|file| {
        let facts = file.metadata()?;
        if !facts.is_file() {
            return Err(std::io::Error::other("not a regular file"));
        }
        let mut bytes = Vec::new();
        file.take(CONFIG_FILE_BYTES + 1).read_to_end(&mut bytes)?;
        Ok((facts, bytes))
    });
    let (facts, bytes) = match read {
        Ok(read) => read,
        Err(error) => {
            findings.push(unreadable(path, &error));
            return None;
        }
    };
    check_writers(path, &facts, "configuration file", findings);
    if u64::try_from(bytes.len()).is_ok_and(|bytes| bytes > CONFIG_FILE_BYTES) {
        findings.push(
            Diagnostic::file(Code::TooLarge, name, "this file is too large")
                .help(format!("at most {} MiB; split it", CONFIG_FILE_BYTES >> 20)),
        );
        return None;
    }
    match String::from_utf8(bytes) {
        Ok(text) => {
            let mut source = Source::new(&name, &text, Origin::Admin);
            source.private = facts.mode() & 0o077 == 0;
            source.path = Some(path.to_owned());
            Some(source)
        }
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let line = error.as_bytes().iter().take(at).filter(|b| **b == b'\n').count() + 1;
            findings.push(
                Diagnostic::file(Code::NotText, format!("{name}:{line}"), "this is not UTF-8 text")
                    .help(format!("convert it: iconv -f latin1 -t utf-8 {name}")),
            );
            None
        }
    }
}

/// Whoever can write the configuration decides what mail is sent and where: only root and the
/// agent's own user may.
pub(super) fn check_writers(path: &Path, facts: &Metadata, noun: &str, findings: &mut Findings) {
    let name = path.display().to_string();
    let me = nix::unistd::geteuid().as_raw();
    if facts.uid() != 0 && facts.uid() != me {
        findings.push(
            Diagnostic::file(
                Code::Permissions,
                name.clone(),
                format!("this {noun} belongs to user {}, who could change it", facts.uid()),
            )
            .help(format!("run: chown root {name}")),
        );
    }
    // Others may write in a sticky directory such as /tmp, and yet not replace what is there.
    let sticky = facts.is_dir() && facts.mode() & 0o1000 != 0;
    if facts.mode() & 0o022 != 0 && !sticky {
        let who = if facts.mode() & 0o002 != 0 { "everybody" } else { "its group" };
        findings.push(
            Diagnostic::file(
                Code::Permissions,
                name.clone(),
                format!("this {noun} can be changed by {who} (mode {:04o})", facts.mode() & 0o7777),
            )
            .help(format!("run: chmod go-w {name}")),
        );
    }
}

/// Every directory above a file, each looked at once.
fn check_folders(path: &Path, seen: &mut BTreeMap<PathBuf, ()>, findings: &mut Findings) {
    // The real path: a link to a safe directory is safe only if its target is.
    let Ok(real) = path.canonicalize() else { return };
    for folder in real.ancestors().skip(1) {
        if seen.insert(folder.to_owned(), ()).is_some() {
            continue;
        }
        if let Ok(facts) = folder.metadata() {
            check_writers(folder, &facts, "directory", findings);
        }
    }
}

/// Secrets must exist, and only the agent may read them.
fn check_secrets(plan: &Plan) -> Vec<Diagnostic> {
    let servers = plan.mail.via.iter().filter_map(|relay| match relay {
        Relay::Smtp(smtp) => Some(&smtp.login.as_ref()?.password),
        Relay::Sendmail { .. } | Relay::Maildir { .. } | Relay::Hook(_) => None,
    });
    let mut found: Vec<Diagnostic> =
        servers.flat_map(|password| secret::check(password, Severity::Error)).collect();
    // Without the password of its BMC a machine is watched all the same, and the BMC's own
    // instance tells what is wrong; without that of its mail nobody would hear of anything.
    if let BmcPlan::Lan(lan) = &plan.bmc {
        found.extend(secret::check(&lan.password, Severity::Warning));
    }
    found.extend(hook::check(plan));
    found.extend(outlets::check(plan));
    found
}
