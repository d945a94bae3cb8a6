//! The configuration as written to the plan as run: defaults filled in, references followed.
//!
//! Owns: host and contacts; `mail`, `bmc`, `checks`, `selection` and `rules` do their parts. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::alive;
use super::bmc::bmc;
use super::checks::{Scope, check_every, checks};
use super::code::Code;
use super::diagnostic::{Diagnostic, Findings, nearest, quoted};
use super::file::Config;
use super::hook::{ON_CHANGE, Written, hooks};
use super::mail::mail;
use super::outlets::forward;
use super::pins::pins;
use super::plan::Plan;
use super::routes::routing;
use super::schema::{At, Value};
use super::source::{Origin, Sources, Spot};
use super::tree::{Entry, Node};
use super::types::{List, Reference};
use crate::model::id::HostIdentity;
use crate::notify::contact::Contact;
use crate::probe::Kind;

/// What there is to resolve.
pub(super) struct Input<'a> {
    /// Kinds that exist.
    pub(super) kinds: &'static [&'static dyn Kind],
    /// The texts.
    pub(super) sources: &'a Sources,
    /// All files laid over each other.
    pub(super) merged: &'a Node,
    /// Each file of the admin alone: a mistake in a value that another file replaces is told too.
    pub(super) written: &'a [Node],
    /// Names of this host.
    pub(super) identity: &'a HostIdentity,
    /// Whether every file could be read, so that a missing name is really missing.
    pub(super) whole: bool,
}

impl Input<'_> {
    /// Whether a spot lies in a file of the admin, and is no default.
    pub(super) fn is_admin(&self, spot: Spot) -> bool {
        self.sources.get(spot.file).is_some_and(|source| source.origin == Origin::Admin)
    }
}

/// Makes the plan. `None` where even its outline cannot be read; with errors in `findings` the plan
/// must not be used.
pub(super) fn resolve(input: &Input<'_>, findings: &mut Findings) -> Option<Plan> {
    for tree in input.written {
        let _ = Config::read(tree, findings);
    }
    let config = Config::read(input.merged, findings)?;
    let host = host(&config, input.identity);
    let mut contacts = contacts(&config, input, findings);
    let defaults = config.defaults.clone().map(|at| at.value).unwrap_or_default();
    check_every(defaults.every.as_ref(), findings);
    let remind = alive::remind(defaults.remind.as_ref(), findings);
    let known: BTreeSet<&str> = contacts.keys().map(String::as_str).collect();
    let told = match &defaults.notify {
        Some(names) => references(&names.value, &known, input, findings),
        None => contacts.keys().cloned().collect(),
    };
    let mail = mail(&config, input, &host, &known, findings);
    let forward = config.forward.as_ref().and_then(|at| forward(&at.value, input, &host, findings));
    let bmc = bmc(&config, input, findings);
    let (schedules, routes) = (config.schedules.as_ref(), config.routes.as_ref());
    let routing = routing(schedules, routes, &known, input, findings);
    let written = input.written.iter().map(by_name).collect();
    let scope = Scope {
        input,
        defaults: &defaults,
        contacts: &known,
        told: &told,
        remind: &remind,
        written,
    };
    let mut checks = checks(&config, &scope, findings);
    if let Some(everything) = on_change(&config, input, &contacts, findings) {
        for check in &mut checks {
            Arc::make_mut(check).notify.push(ON_CHANGE.to_owned());
        }
        contacts.insert(ON_CHANGE.to_owned(), everything);
    }
    let pinned = pins(config.pinned.as_ref(), input, findings);
    Some(Plan { host, checks, contacts, mail, forward, bmc, routing, pinned, remind })
}

/// The contact behind `on_change`, which every check tells.
fn on_change(
    config: &Config,
    input: &Input<'_>,
    contacts: &BTreeMap<String, Contact>,
    findings: &mut Findings,
) -> Option<Contact> {
    let at = config.on_change.as_ref()?;
    let section = &at.value;
    let written = Written {
        node: input.merged.entry("on_change").map(|entry| &entry.value),
        webhook: section.webhook.as_ref(),
        exec: section.exec.as_ref(),
        user: section.user.as_ref(),
    };
    if contacts.contains_key(ON_CHANGE) {
        findings.push(
            Diagnostic::error(Code::Exclusive, at.spot, "`on_change` is also a contact's name")
                .label("this would be told of every change, and that contact is not")
                .help("give the contact another name"),
        );
    }
    if !written.any() {
        findings.push(
            Diagnostic::error(Code::Missing, at.spot, "`on_change` needs `exec` or `webhook`")
                .label("nothing could be told"),
        );
    }
    let hooks = hooks(&written, input, findings);
    (!hooks.is_empty()).then(|| Contact { hooks, ..Contact::default() })
}

/// The checks of one file.
fn by_name(tree: &Node) -> HashMap<&str, &Entry> {
    let checks = tree.entry("checks").map(|entry| entry.value.entries()).unwrap_or_default();
    checks.iter().map(|entry| (entry.key.as_str(), entry)).collect()
}

fn host(config: &Config, identity: &HostIdentity) -> HostIdentity {
    let mut host = identity.clone();
    let section = config.host.clone().map(|at| at.value).unwrap_or_default();
    if let Some(name) = section.name.map(|at| at.value.0).filter(|name| name != "auto") {
        if let Some((short, _)) = name.split_once('.') {
            host.fqdn.clone_from(&name);
            host.name = short.to_owned();
        } else {
            // A machine that is called otherwise is called so in full, too.
            let domain = host.fqdn.split_once('.').map(|(_, domain)| domain.to_owned());
            host.fqdn = domain.map_or_else(|| name.clone(), |domain| format!("{name}.{domain}"));
            host.name = name;
        }
    }
    if let Some(zone) = section.timezone {
        host.timezone = zone.value.0;
    }
    if let Some(labels) = section.labels {
        host.labels.extend(labels.value.0);
    }
    host
}

fn contacts(
    config: &Config,
    input: &Input<'_>,
    findings: &mut Findings,
) -> BTreeMap<String, Contact> {
    let mut contacts = BTreeMap::new();
    for (name, contact) in config.contacts.iter().flat_map(|at| &at.value.0) {
        let section = &contact.value;
        let mail: Vec<String> = section
            .mail
            .iter()
            .flat_map(|list| &list.value)
            .map(|address| address.value.0.clone())
            .collect();
        let node = input.merged.entry("contacts").and_then(|e| e.value.entry(&name.value));
        let node = node.map(|entry| &entry.value);
        let written = Written {
            node,
            webhook: section.webhook.as_ref(),
            exec: section.exec.as_ref(),
            user: section.user.as_ref(),
        };
        let hooks = hooks(&written, input, findings);
        // A contact of which `mail` could not be read has its error already.
        let unread = node.is_some_and(|node| node.entry("mail").is_some());
        if mail.is_empty() && !written.any() && (section.mail.is_some() || !unread) {
            findings.push(
                Diagnostic::error(
                    Code::NoAddress,
                    name.spot,
                    format!("contact `{}` has no mail address", name.value),
                )
                .label("nobody could be told")
                .help("add `mail: [\"ops@example.net\"]`, `webhook` or `exec`"),
            );
        }
        let style = section.style.as_ref().map(|style| style.value.0).unwrap_or_default();
        let html = section.html.as_ref().is_none_or(|at| at.value);
        let chart = section.chart.as_ref().is_none_or(|at| at.value);
        contacts.insert(name.value.clone(), Contact { mail, hooks, style, html, chart });
    }
    let written = input.merged.entry("contacts").is_some_and(|e| !e.value.entries().is_empty());
    if contacts.is_empty() && !written {
        let root = Contact { mail: vec!["root".to_owned()], ..Contact::default() };
        contacts.insert("root".to_owned(), root);
    }
    contacts
}

/// Names of contacts, each once; unknown ones are told.
pub(super) fn references(
    names: &List<Reference>,
    known: &BTreeSet<&str>,
    input: &Input<'_>,
    findings: &mut Findings,
) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    for name in names {
        let text = name.value.0.as_str();
        if known.contains(text) {
            if !told.iter().any(|have| have == text) {
                told.push(text.to_owned());
            }
            continue;
        }
        // A contact that is written but broken has its error already.
        let written = input
            .merged
            .entry("contacts")
            .is_some_and(|contacts| contacts.value.entry(text).is_some());
        if input.whole && !written {
            let list: Vec<_> = known.iter().copied().collect();
            findings.push(unknown_name(name, "contact", &list));
        }
    }
    told
}

pub(super) fn unknown_name(name: &At<Reference>, noun: &str, known: &[&str]) -> Diagnostic {
    let text = quoted(&name.value.0);
    let found =
        Diagnostic::error(Code::UnknownName, name.spot, format!("{noun} `{text}` is not defined"))
            .label(format!("no such {noun}"));
    match nearest(&name.value.0, known.iter().copied()) {
        Some(near) => found
            .help(format!("a {noun} with a similar name exists: `{near}`"))
            .fix(name.spot, near),
        None if known.is_empty() => found.help(format!("no {noun} is defined")),
        None => found.help(format!("defined: {}", known.join(", "))),
    }
}
