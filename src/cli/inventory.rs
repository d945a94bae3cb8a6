//! What is on the machine, what is watched of it, and how that differs from what is pinned. Owns
//! one look at everything; prints nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::check::{Verdict, judge};
use crate::config;
use crate::config::plan::{Check, Pin, Plan};
use crate::daemon::once::Reader;
use crate::daemon::{paths, reach};
use crate::host::Host;
use crate::model::id::Id;
use crate::model::reading::ProbeError;
use crate::model::unit::Span;
use crate::probe::{self, Found, KINDS, Kind};

/// The machine that is meant: this one, or a recording.
pub(super) fn host(root: Option<&Path>) -> Result<Host, String> {
    match root {
        Some(root) if !root.is_dir() => Err(format!("`{}` is not a directory", root.display())),
        Some(root) => Ok(Host::recorded(root)),
        None => Ok(Host::live().waiting()),
    }
}

/// The machine as a configuration has it reached. A live one may use what the agent keeps.
pub(super) fn reaching(host: Host, plan: &Plan) -> Host {
    let cache = if host.is_recorded() { None } else { paths::cache_that_is_there() };
    let host = host.reaching(reach::access(&plan.bmc));
    match cache {
        Some(cache) => host.keeping(cache),
        None => host,
    }
}

/// The configuration that is meant; the errors, rendered, where it has any.
pub(super) fn plan(
    host: &Host,
    file: Option<&Path>,
    root: Option<&Path>,
    color: bool,
) -> Result<Plan, String> {
    let identity = host.identity();
    let loaded = match (file, root) {
        // A recorded machine is judged with the built-in checks unless told otherwise.
        (None, Some(_)) => config::load_files(&[], &identity),
        (file, _) => config::load(file, &identity),
    };
    loaded.plan.ok_or_else(|| loaded.diagnostics.render(color))
}

/// All that was found.
#[derive(Debug)]
pub(super) struct Inventory {
    /// What there is, by kind and instance.
    pub(super) items: Vec<Item>,
    /// Kinds whose list could not be read.
    pub(super) unread: Vec<(&'static str, ProbeError)>,
    /// Kinds with a device that gave no answer, so that some of their instances are not known.
    pub(super) unasked: BTreeSet<&'static str>,
}

/// One instance.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) kind: &'static dyn Kind,
    pub(super) found: Found,
    /// What each check that watches it says now.
    pub(super) watched: Vec<(Id, Verdict)>,
    /// Why none does.
    pub(super) why_not: Option<String>,
}

impl Item {
    /// What a person types for it: by its check, else by its kind.
    pub(super) fn id(&self) -> String {
        match self.watched.first() {
            Some((id, _)) => id.to_string(),
            None => format!("{}:{}", self.kind.spec().name, self.found.instance),
        }
    }

    /// Whether `init` pins it.
    pub(super) fn is_to_be_pinned(&self) -> bool {
        !self.watched.is_empty() && self.kind.is_fixture(&self.found)
    }
}

impl Inventory {
    /// Looks at everything once. With `values`, watched instances are read and judged too.
    pub(super) fn take(host: &Host, plan: &Plan, timeout: Span, values: bool) -> Self {
        let mut unread = Vec::new();
        let mut seen = Vec::new();
        let mut reader = Reader::new(host.clone(), timeout);
        let mut unasked = BTreeSet::new();
        for listed in reader.list(KINDS.iter().copied()) {
            let kind = listed.kind;
            let name = kind.spec().name;
            if listed.unasked {
                unasked.insert(name);
            }
            let found = match listed.found {
                Ok(found) => found,
                // What a recording lacks is no fault of the machine.
                Err(_) if host.is_recorded() => continue,
                Err(error) => {
                    unread.push((name, error));
                    continue;
                }
            };
            let mut checks: BTreeMap<&str, Vec<Arc<Check>>> = BTreeMap::new();
            for (check, found) in plan.assign(name, &found) {
                checks.entry(&found.instance).or_default().push(Arc::clone(check));
                if values {
                    reader.want(check, found);
                }
            }
            for one in &found {
                let mine = checks.remove(&*one.instance).unwrap_or_default();
                let why = mine.is_empty().then(|| why_not(plan, name, one));
                seen.push((kind, one.clone(), mine, why));
            }
        }
        if values {
            reader.read();
        }
        let items = seen
            .into_iter()
            .map(|(kind, found, checks, why_not)| {
                let watched = checks.iter().map(|check| {
                    let id = Id::new(Arc::clone(&check.name), Arc::clone(&found.instance));
                    (id, judge(&reader, check, &found))
                });
                Item { kind, watched: watched.collect(), why_not, found }
            })
            .collect();
        Self { items, unread, unasked }
    }

    /// What is new, missing, or another thing than what is pinned.
    pub(super) fn differences(&self, plan: &Plan) -> Vec<Difference> {
        let mut list = Vec::new();
        let mut here: BTreeSet<(&str, &str)> = BTreeSet::new();
        for item in &self.items {
            let kind = item.kind.spec();
            let instance = &item.found.instance;
            here.insert((kind.name, instance));
            let pin = plan.pinned.get(kind.name).and_then(|pins| pins.get(instance));
            let change = match pin {
                None if item.is_to_be_pinned() => Change::New,
                None => continue,
                Some(pin) => match pin.difference(&item.found) {
                    Some(text) => Change::Changed(text),
                    None => continue,
                },
            };
            let (kind, instance) = (kind.name, Arc::clone(instance));
            list.push(Difference { id: item.id(), kind, instance, change });
        }
        let unread: BTreeSet<&str> = self.unread.iter().map(|(kind, _)| *kind).collect();
        for (kind, pins) in &plan.pinned {
            // A list that cannot be read proves nothing gone.
            if unread.contains(kind) {
                continue;
            }
            let of_kind = self.items.iter().filter(|item| item.kind.spec().name == *kind);
            let found: Vec<Found> = of_kind.map(|item| item.found.clone()).collect();
            for (instance, pin) in
                pins.iter().filter(|(name, _)| !here.contains(&(*kind, &***name)))
            {
                let silent = self.unasked.contains(kind)
                    && probe::kind(kind).is_some_and(|kind| kind.is_inquired(&pin.facts));
                if silent {
                    continue;
                }
                let id = missing_id(plan, kind, instance, pin);
                let place = crate::alert::words::place(&pin.place);
                let change = match pin.is_elsewhere(instance, &found) {
                    true => Change::Missing(format!("{place}, now under another name,")),
                    false => Change::Missing(place),
                };
                list.push(Difference { id, kind, instance: Arc::clone(instance), change });
            }
        }
        list.sort_by(|a, b| a.id.cmp(&b.id));
        list
    }
}

/// The id under which the agent tells that something is missing.
fn missing_id(plan: &Plan, kind: &str, instance: &Arc<str>, pin: &Pin) -> String {
    let spec = KINDS.iter().map(|kind| kind.spec()).find(|spec| spec.name == kind);
    let found = spec.map(|spec| [pin.found(spec, instance)]);
    let check = found.as_ref().and_then(|found| {
        plan.assign(kind, found).first().map(|(check, _)| Arc::clone(&check.name))
    });
    Id::new(check.unwrap_or_else(|| Arc::from(kind)), Arc::clone(instance)).to_string()
}

/// Why no check watches what was found.
fn why_not(plan: &Plan, kind: &str, found: &Found) -> String {
    let mut checks = plan.checks.iter().filter(|check| check.kind.spec().name == kind).peekable();
    if checks.peek().is_none() {
        return format!("no check of kind `{kind}`");
    }
    let excluded = checks.find(|check| {
        check.selection.exclude.iter().any(|(key, globs)| {
            let of = |(name, value): &(&str, String)| {
                name == key && globs.iter().any(|glob| glob.matches(value))
            };
            found.attributes.iter().any(of)
        })
    });
    match excluded {
        Some(check) => format!("excluded by check `{}`", check.name),
        None if found.by_default => "selected by no check".to_owned(),
        None => "only on request: name it below `select:` of a check".to_owned(),
    }
}

/// One difference to what is pinned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) id: String,
    pub(super) kind: &'static str,
    pub(super) instance: Arc<str>,
    pub(super) change: Change,
}

/// What differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// It is there and not pinned.
    New,
    /// It is pinned at this place and not there.
    Missing(String),
    /// Another thing stands where it was.
    Changed(String),
}

impl Change {
    /// The stable word of JSON.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Missing(_) => "missing",
            Self::Changed(_) => "changed",
        }
    }

    /// In words.
    pub(super) fn detail(&self) -> String {
        match self {
            Self::New => "is there and not pinned".to_owned(),
            Self::Missing(place) => format!("is pinned by {place} and not there"),
            Self::Changed(text) => text.clone(),
        }
    }
}
