//! `hostwatch doctor`: what is missing for this machine to be watched well, and what to do, on one
//! screen.
//!
//! Owns: the order of the look and how it is printed. What is missing, `agent`, `bmc` and the kinds
//! say themselves.

use std::collections::BTreeSet;
use std::path::Path;

use super::args::Doctor;
use super::detect::cannot_read;
use super::inventory::{self, Inventory};
use super::screen::Screen;
use crate::daemon::{local_mta, paths};
use crate::host::Host;
use crate::host::file::{Shape, read};
use crate::model::exit;
use crate::model::text::{counted, shown};
use crate::model::unit::Span;
use crate::parse::account::Account;

mod agent;
pub(super) mod bmc;
pub(super) mod finding;

use agent::Running;
use finding::Finding;

/// The version of the JSON format.
const FORMAT: u32 = 1;
/// The user of the packaged unit.
const USER: &str = "hostwatch";
/// Columns of the first two words of a line.
const INDENT: usize = 18;

/// Looks and prints.
#[must_use]
pub fn run(screen: &Screen, asked: &Doctor) -> u8 {
    let host = match inventory::host(asked.root.as_deref()) {
        Ok(host) => host,
        Err(error) => {
            screen.err(&error);
            return exit::FAILED;
        }
    };
    let findings = look(&host, asked);
    let missing = findings.iter().filter(|finding| !finding.ok).count();
    if asked.json {
        let answer = serde_json::json!({
            "v": FORMAT, "host": host.identity().fqdn, "missing": missing, "findings": findings,
        });
        screen.out(&answer.to_string());
    } else {
        print(screen, &findings, missing);
    }
    if missing == 0 { exit::DONE } else { exit::FAILED }
}

fn print(screen: &Screen, findings: &[Finding], missing: usize) {
    for finding in findings {
        let word = if finding.ok { "ok" } else { "missing" };
        let (about, text) = (shown(&finding.about), shown(&finding.text));
        screen.out(&format!("{word:<8} {about:<8} {text}"));
        if !finding.todo.is_empty() {
            screen.out(&format!("{:INDENT$}-> {}", "", shown(&finding.todo)));
        }
    }
    screen.out(&match missing {
        0 => "nothing is missing".to_owned(),
        some => format!("{} missing", counted(some, "thing is", "things are")),
    });
}

fn look(host: &Host, asked: &Doctor) -> Vec<Finding> {
    // Of a recorded machine nothing is known but what its kernel showed: its agent is not here.
    let running =
        if host.is_recorded() { Running::No } else { agent::running(asked.state.as_deref()) };
    let user = user(host, &running);
    let (plan, mut found) = if host.is_recorded() && asked.config.is_none() {
        (inventory::plan(host, None, asked.root.as_deref(), false).ok(), Vec::new())
    } else {
        agent::configuration(asked.config.as_deref(), &host.identity(), user.as_ref())
    };
    if !host.is_recorded() {
        let state = paths::state_of_the_agent(asked.state.as_deref());
        found.extend(agent::state(&state, user.as_ref()));
        let sockets = paths::sockets_to_try(asked.state.as_deref());
        let no_rights = local_mta::agent_gains_no_rights(Path::new("/"), &sockets);
        found.extend(plan.iter().flat_map(|plan| agent::mail(plan, &state, no_rights)));
        found.extend(agent::report(&running, user.as_ref()));
    }
    // Without a plan nobody knows how devices are to be reached.
    let Some(plan) = plan else { return found };
    let host = inventory::reaching(host.clone(), &plan);
    found.push(bmc::look(&host, user.as_ref()));
    let inventory = Inventory::take(&host, &plan, Span::from_secs(asked.timeout), true);
    found.extend(devices(&inventory, &found));
    found
}

/// The user that the agent runs as: the running one's, else the packaged unit's. `None` where it
/// is not known, or is whoever looks.
fn user(host: &Host, running: &Running) -> Option<Account> {
    let text = |path: &str| {
        let bytes = read(host, path, Shape::UntilEnd).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let (passwd, group) = (text("etc/passwd"), text("etc/group"));
    match running {
        Running::Yes(_, Some(uid)) => Some(Account::numbered(*uid, &passwd, &group)),
        _ => Account::named(USER, &passwd, &group),
    }
}

/// What is there and cannot be read, and RAID controllers that nobody can ask; each once.
fn devices(inventory: &Inventory, told: &[Finding]) -> Vec<Finding> {
    let mut told: BTreeSet<String> = told.iter().map(|finding| finding.about.clone()).collect();
    let unread = cannot_read(inventory).into_iter();
    // Its own line has said more.
    let unread = unread.filter(|(about, _)| about != "bmc" && !about.starts_with("bmc:"));
    let mut found: Vec<Finding> =
        unread.map(|(about, why)| Finding::missing(&about, why, "")).collect();
    for item in inventory.items.iter().filter(|item| &*item.found.source == "pci") {
        for (id, verdict) in &item.watched {
            let text = format!("{}: {}", item.found.title, verdict.summary);
            let todo = "install the vendor's tool; the agent then finds the drives by itself";
            found.push(Finding::missing(&id.to_string(), text, todo));
        }
    }
    found.retain(|finding| told.insert(finding.about.clone()));
    found
}

#[cfg(test)]
mod tests;
