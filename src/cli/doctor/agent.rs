//! What the agent needs for itself: a configuration that it can read, a directory that it can
//! write, a way out for mail; and whether it runs.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::finding::Finding;
use crate::cli::mail::local::{self, Ground};
use crate::cli::mail::test::addresses;
use crate::config;
use crate::config::plan::{BmcPlan, Plan};
use crate::daemon::{control, paths, request, way_out};
use crate::engine::status::Report;
use crate::host::Host;
use crate::model::id::HostIdentity;
use crate::model::state::State;
use crate::model::text::counted;
use crate::notify::relay::Relay;
use crate::parse::account::{Account, Right};
use crate::store::journal::DAMAGED_PREFIX;
use crate::store::secret::Secret;

/// The running agent, as far as it can be asked.
#[derive(Debug)]
pub(super) enum Running {
    /// Its report, and its user's number.
    Yes(Box<Report>, Option<u32>),
    /// It runs, and does not answer this user.
    Shut(String),
    /// There is none.
    No,
}

/// Asks the agent that listens below `state`, or where it does by default.
pub(super) fn running(state: Option<&Path>) -> Running {
    let sockets = paths::sockets_to_try(state);
    match control::request(&sockets, &request::Request::Status) {
        Ok(answer) => match serde_json::from_str(&answer) {
            Ok(report) => Running::Yes(Box::new(report), control::agent_uid(&sockets)),
            Err(error) => Running::Shut(format!("its answer is not understood: {error}")),
        },
        Err(error) => match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused => Running::No,
            _ => Running::Shut(error.to_string()),
        },
    }
}

/// Whether it runs, and what it misses itself.
pub(super) fn report(running: &Running, user: Option<&Account>) -> Vec<Finding> {
    let about = "agent";
    let report = match running {
        Running::No => {
            return vec![Finding::missing(
                about,
                "none is running: nothing is watched",
                "systemctl enable --now hostwatch",
            )];
        }
        Running::Shut(why) => {
            return vec![Finding::missing(
                about,
                format!("it cannot be asked: {why}"),
                "run `hostwatch doctor` as root, or see: systemctl status hostwatch",
            )];
        }
        Running::Yes(report, _) => report,
    };
    let name = user.map_or_else(String::new, |user| format!(" as {}", user.name));
    let things = counted(report.instances.len(), "thing", "things");
    let mut found = vec![Finding::fine(about, format!("runs{name}, and watches {things}"))];
    let mut say = |about: &str, text: String, todo: &str| {
        found.push(Finding::missing(about, text, todo));
    };
    if report.reload_refused.is_some() {
        say("config", "the last reload was refused".to_owned(), "hostwatch validate says why");
    }
    if let Some(why) = &report.store_trouble {
        say("state", format!("it is not kept: {why}"), "make room, or the directory writable");
    }
    if let Some(why) = &report.history_trouble {
        say("history", format!("it is not kept: {why}"), "");
    }
    if let (Some(why), false) = (&report.mail.trouble, report.mail.waiting.is_empty()) {
        let mails = counted(report.mail.waiting.len(), "mail waits", "mails wait");
        say("mail", format!("{mails}: {why}"), "hostwatch mail test shows the conversation");
    }
    let unknown = report.instances.iter().filter(|instance| instance.state == State::Unknown);
    for instance in unknown {
        say(&instance.id.to_string(), instance.summary.clone(), "");
    }
    found
}

/// The configuration: free of mistakes, and readable by the agent's user.
pub(super) fn configuration(
    file: Option<&Path>,
    identity: &HostIdentity,
    user: Option<&Account>,
) -> (Option<Plan>, Vec<Finding>) {
    let about = "config";
    let loaded = config::load(file, identity);
    let (errors, _) = loaded.diagnostics.counts();
    let files = config::files_of(file);
    let Some(plan) = loaded.plan else {
        let text = format!("it cannot be used: {}", counted(errors, "error", "errors"));
        return (None, vec![Finding::missing(about, text, "hostwatch validate")]);
    };
    let mut found = Vec::new();
    if let Some(user) = user {
        let secrets = secrets(&plan).into_iter().map(PathBuf::from);
        for path in files.iter().cloned().chain(secrets) {
            if let Some(shut) = shut_to(user, &path) {
                let (path, shut) = (path.display(), shut.display());
                found.push(Finding::missing(
                    about,
                    format!("the agent's user {} may not read {path} because of {shut}", user.name),
                    format!("chgrp hostwatch {shut} && chmod g+rX {shut}"),
                ));
            }
        }
    }
    if found.is_empty() {
        let files = match files.len() {
            0 => "no file".to_owned(),
            some => counted(some, "file", "files"),
        };
        let checks = counted(plan.checks.len(), "check", "checks");
        let reader = user.map_or_else(String::new, |user| format!(", readable by {}", user.name));
        found.push(Finding::fine(about, format!("valid: {files}, {checks}{reader}")));
    }
    (Some(plan), found)
}

/// Files with secrets that the plan names.
fn secrets(plan: &Plan) -> Vec<String> {
    let mail = plan.mail.via.iter().filter_map(|relay| match relay {
        Relay::Smtp(smtp) => Some(&smtp.login.as_ref()?.password),
        Relay::Sendmail { .. } | Relay::Maildir { .. } | Relay::Hook(_) => None,
    });
    let bmc = match &plan.bmc {
        BmcPlan::Lan(lan) => Some(&lan.password),
        BmcPlan::InBand | BmcPlan::Off => None,
    };
    let file = |secret: &Secret| match secret {
        Secret::File(path) => Some(path.clone()),
        _ => None,
    };
    mail.chain(bmc).filter_map(file).collect()
}

/// What keeps a user from reading a file: itself, or a directory above it.
fn shut_to(user: &Account, path: &Path) -> Option<PathBuf> {
    let may = |path: &Path, right: Right| {
        path.metadata().is_ok_and(|facts| user.may(right, facts.mode(), facts.uid(), facts.gid()))
    };
    let mut folders: Vec<&Path> = path.ancestors().skip(1).collect();
    folders.reverse();
    let folders = folders.into_iter().filter(|folder| !folder.as_os_str().is_empty());
    let shut = folders.into_iter().find(|folder| !may(folder, Right::Search));
    shut.or_else(|| (!may(path, Right::Read)).then_some(path)).map(Path::to_owned)
}

/// The state directory: writable by the agent's user, and without a journal that was set aside.
pub(super) fn state(directory: &Path, user: Option<&Account>) -> Vec<Finding> {
    let about = "state";
    let place = directory.display();
    let facts = match directory.metadata() {
        Ok(facts) => facts,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return vec![Finding::fine(about, format!("{place} is made by the first start"))];
        }
        Err(error) => {
            let todo = "run `hostwatch doctor` as root";
            return vec![Finding::missing(about, format!("{place}: {error}"), todo)];
        }
    };
    let mut found = Vec::new();
    let keeps = |user: &Account| user.may(Right::Keep, facts.mode(), facts.uid(), facts.gid());
    if !facts.is_dir() {
        found.push(Finding::missing(about, format!("{place} is no directory"), "move it away"));
    } else if let Some(user) = user.filter(|user| !keeps(user)) {
        let mode = facts.mode() & 0o7777;
        found.push(Finding::missing(
            about,
            format!("the agent's user {} may not write {place} (mode {mode:04o})", user.name),
            format!("chown -R {0}: {place} && chmod 0700 {place}", user.name),
        ));
    }
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(DAMAGED_PREFIX) {
            found.push(Finding::missing(
                about,
                format!("a damaged journal was set aside: {}", entry.path().display()),
                "states and waiting mail of that time may be lost; look after the disk, then remove \
                 the file",
            ));
        }
    }
    if found.is_empty() {
        found.push(Finding::fine(about, format!("{place} can be written")));
    }
    found
}

/// A way out for mail, judged as far as that can be done here: nothing is sent and no server asked.
pub(super) fn mail(plan: &Plan, state: &Path, gains_no_rights: Option<bool>) -> Vec<Finding> {
    let about = "mail";
    let via = way_out::find(&plan.mail, state, gains_no_rights == Some(true));
    if let (true, Some(Relay::Maildir { path })) = (plan.mail.via.is_empty(), via.first()) {
        return vec![Finding::missing(
            about,
            format!("no way out: it stays in {path}, where somebody must look for it"),
            "add to hostwatch.yaml: mail: {via: [{smtp: HOST}]}, and prove it: hostwatch mail test",
        )];
    }
    let mut plan = plan.clone();
    plan.mail.via = via;
    let ground =
        Ground { host: &Host::live(), plan: &plan, gains_no_rights, addresses: &addresses };
    let mut list = local::look(&ground);
    if list.iter().all(|finding| finding.ok) {
        let ways: Vec<String> = plan.mail.via.iter().map(ToString::to_string).collect();
        let text = format!("goes out by {}; prove it: hostwatch mail test", ways.join(", then "));
        list.insert(0, Finding::fine(about, text));
    }
    list
}

#[cfg(test)]
mod tests;
