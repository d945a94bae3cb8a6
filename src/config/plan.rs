//! The configuration as run: every default and reference resolved, everything bounded.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::alert::rule::{Place, Rule};
use crate::forward::target::OutletPlan;
use crate::host::ipmi::{Privilege, Suite};
use crate::model::daytime::DayTime;
use crate::model::id::HostIdentity;
use crate::model::unit::Span;
use crate::notify::contact::Contact;
use crate::notify::relay::Relay;
use crate::probe::{Found, Kind, KindSpec, Lane, Options};
use crate::store::secret::Secret;

pub use super::routing::{Route, Routing};

/// What the agent runs.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// This host, for people and for mail.
    pub host: HostIdentity,
    /// Checks in the order of their names.
    pub checks: Vec<Arc<Check>>,
    /// People by contact name.
    pub contacts: BTreeMap<String, Contact>,
    /// How mail goes out.
    pub mail: MailPlan,
    /// Where metrics and changes go; `None`: nowhere.
    pub forward: Option<ForwardPlan>,
    /// How this machine's BMC is reached.
    pub bmc: BmcPlan,
    /// Who is told of what.
    pub routing: Routing,
    /// What must be there, by kind.
    pub pinned: BTreeMap<&'static str, PinSet>,
    /// When somebody is reminded of a fault of the agent itself.
    pub remind: Vec<Span>,
}

/// What must be there of one kind, by instance.
pub type PinSet = BTreeMap<Arc<str>, Pin>;

/// Facts that tell a thing from another in the same place: another value is another thing.
pub const IDENTITY: &[&str] = &["serial", "wwid", "uuid", "mac", "driver", "fstype"];

/// One thing that must be there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pin {
    /// The kind's selectors, [`IDENTITY`] and `title`, each with its values.
    pub facts: BTreeMap<String, Vec<String>>,
    /// Where it is written.
    pub place: Place,
}

impl Pin {
    /// The facts of an instance that belong into its pin.
    #[must_use]
    pub fn facts_of(spec: &KindSpec, found: &Found) -> BTreeMap<String, Vec<String>> {
        let mut facts: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let selects = |name: &str| spec.selectors.iter().any(|selector| selector.key == name);
        let attributes = found.attributes.iter().filter(|(name, _)| selects(name));
        let labels = found.labels.iter();
        for (name, value) in attributes.chain(labels.filter(|(name, _)| IDENTITY.contains(name))) {
            let values = facts.entry((*name).to_owned()).or_default();
            if !value.is_empty() && !values.contains(value) {
                values.push(value.clone());
            }
        }
        if found.title != *found.instance {
            facts.insert("title".to_owned(), vec![found.title.clone()]);
        }
        facts.retain(|_, values| !values.is_empty());
        facts
    }

    /// The instance as far as its pin describes it, for when nothing else does.
    #[must_use]
    pub fn found(&self, spec: &'static KindSpec, instance: &Arc<str>) -> Found {
        let title = self.facts.get("title").and_then(|values| values.first());
        let values = |name: &'static str| {
            let values = self.facts.get(name).into_iter().flatten();
            values.map(move |value| (name, value.clone()))
        };
        Found {
            instance: Arc::clone(instance),
            title: title.map_or_else(|| instance.to_string(), Clone::clone),
            source: Arc::from(""),
            lane: Lane::Inline,
            attributes: spec.selectors.iter().flat_map(|s| values(s.key)).collect(),
            labels: IDENTITY.iter().flat_map(|name| values(name)).collect(),
            behind: None,
            upon: Vec::new(),
            by_default: true,
        }
    }

    /// Whether the very thing stands under another name now: the kernel hands out `sda` and `sdb`
    /// anew at every start. Only by facts that no two things share; a bond's members share a MAC.
    #[must_use]
    pub fn is_elsewhere(&self, instance: &str, found: &[Found]) -> bool {
        const UNIQUE: &[&str] = &["serial", "wwid", "uuid"];
        let mine = |(name, value): &(&str, String)| {
            UNIQUE.contains(name) && self.facts.get(*name).is_some_and(|v| v.contains(value))
        };
        let others = found.iter().filter(|found| *found.instance != *instance);
        others.flat_map(|found| found.attributes.iter().chain(&found.labels)).any(mine)
    }

    /// How what was found differs from what is pinned: `serial B instead of A`. A fact that the
    /// thing does not tell today proves nothing.
    #[must_use]
    pub fn difference(&self, found: &Found) -> Option<String> {
        let facts = found.attributes.iter().chain(&found.labels);
        let facts: Vec<_> = facts.filter(|(_, value)| !value.is_empty()).collect();
        let mut changes = Vec::new();
        for name in IDENTITY {
            let Some(pinned) = self.facts.get(*name) else { continue };
            let now: Vec<&str> =
                facts.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect();
            let same = now.is_empty() || now.iter().any(|now| pinned.iter().any(|p| p == now));
            if !same && !changes.iter().any(|(other, _, _)| other == name) {
                changes.push((*name, now.join(", "), pinned.join(", ")));
            }
        }
        let texts: Vec<String> = changes
            .into_iter()
            .map(|(name, now, pinned)| format!("{name} {now} instead of {pinned}"))
            .collect();
        (!texts.is_empty()).then(|| texts.join("; "))
    }
}

impl Plan {
    /// Which check judges which of the instances that a survey of `kind` found, as pairs of check
    /// and instance. A check that asks for instances by `select` takes them from the kind's
    /// general checks, so that nothing is told twice; several such checks may share one.
    #[must_use]
    pub fn assign<'a>(
        &'a self,
        kind: &str,
        found: &'a [Found],
    ) -> Vec<(&'a Arc<Check>, &'a Found)> {
        let of_kind = || self.checks.iter().filter(|check| check.kind.spec().name == kind);
        let mut pairs = Vec::new();
        for instance in found {
            let asked_for = of_kind()
                .any(|check| check.selection.is_explicit() && check.selection.takes(instance));
            for check in of_kind() {
                let mine = check.selection.is_explicit() || !asked_for;
                if mine && check.selection.takes(instance) {
                    pairs.push((check, instance));
                }
            }
        }
        pairs
    }
}

/// One check.
#[derive(Debug, Clone)]
pub struct Check {
    /// Its name.
    pub name: Arc<str>,
    /// Its kind.
    pub kind: &'static dyn Kind,
    /// Which instances.
    pub selection: Selection,
    /// Its rule.
    pub rule: Rule,
    /// How long one run of a source may take.
    pub timeout: Span,
    /// Names of contacts to tell.
    pub notify: Vec<String>,
    /// What a person should do, from the configuration.
    pub advice: Option<String>,
    /// A page that says more.
    pub runbook: Option<String>,
    /// Values of the kind's options, by key, in the option's unit.
    pub options: Options,
    /// Whether a getting better (critical to warning) is mailed too.
    pub notify_improvement: bool,
    /// How long after it was told somebody is told again of what is still critical: each longer
    /// than the one before; after the last, daily. Empty: never.
    pub remind: Vec<Span>,
    /// Where the check is written.
    pub place: Place,
}

/// Which instances a check takes.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Lists of globs a selector; an instance must match one of each list. Empty: all that are
    /// watched by default.
    pub select: Vec<(&'static str, Vec<Glob>)>,
    /// Lists of globs; an instance that matches any is left out.
    pub exclude: Vec<(&'static str, Vec<Glob>)>,
}

/// One glob with its text and place.
#[derive(Debug, Clone)]
pub struct Glob {
    /// As written.
    pub text: String,
    /// Compiled; `None` for a plain name, since thousands of checks that name one instance each
    /// need no pattern machine of several kilobytes each.
    pattern: Option<Box<globset::GlobMatcher>>,
    /// Where it is written.
    pub place: Place,
}

impl Glob {
    /// Compiles a glob.
    ///
    /// # Errors
    /// What is wrong with the pattern.
    pub fn new(text: &str, place: Place) -> Result<Self, globset::ErrorKind> {
        let plain = !text.contains(['*', '?', '[', ']', '{', '}', '\\']);
        let pattern = if plain {
            None
        } else {
            let glob = globset::Glob::new(text).map_err(|error| error.kind().clone())?;
            Some(Box::new(glob.compile_matcher()))
        };
        Ok(Self { text: text.to_owned(), pattern, place })
    }

    /// Whether a value matches.
    #[must_use]
    pub fn matches(&self, value: &str) -> bool {
        match &self.pattern {
            Some(pattern) => pattern.is_match(value),
            None => self.text == value,
        }
    }
}

impl Selection {
    /// Whether this check asks for instances by name, and so takes them from the kind's general
    /// check.
    #[must_use]
    pub fn is_explicit(&self) -> bool {
        !self.select.is_empty()
    }

    /// Whether an instance is selected and not excluded.
    #[must_use]
    pub fn takes(&self, found: &Found) -> bool {
        let matches = |key: &str, globs: &[Glob]| {
            found
                .attributes
                .iter()
                .any(|(name, value)| *name == key && globs.iter().any(|glob| glob.matches(value)))
        };
        let selected = if self.select.is_empty() {
            found.by_default
        } else {
            self.select.iter().all(|(key, globs)| matches(key, globs))
        };
        selected && !self.exclude.iter().any(|(key, globs)| matches(key, globs))
    }
}

/// How mail goes out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MailPlan {
    /// Header and envelope sender.
    pub from: String,
    /// Envelope sender, where it differs from `from`.
    pub envelope_from: Option<String>,
    /// Ways out, tried in order. Empty: the daemon finds one.
    pub via: Vec<Relay>,
    /// How long a mail is tried.
    pub keep: Span,
    /// Changes within this time go to a contact in one mail.
    pub group_wait: Span,
    /// Whether evidence is gathered when something changes.
    pub culprits: bool,
    /// Name given in EHLO.
    pub ehlo: String,
    /// Where all this is written.
    pub places: MailPlaces,
    /// The numbered mail a day.
    pub digest: Option<DigestPlan>,
    /// The sign of life to a web address.
    pub heartbeat: Option<HeartbeatPlan>,
}

/// The numbered mail a day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DigestPlan {
    /// When it is sent, in the host's time zone.
    pub at: DayTime,
    /// Names of contacts who get it.
    pub to: Vec<String>,
}

/// The sign of life to a web address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeartbeatPlan {
    /// Where it is sent.
    pub url: String,
    /// How often.
    pub every: Span,
    /// Where the bearer token is that is sent along.
    pub token: Option<Secret>,
}

/// Where the way of mail is written; nowhere, where a default holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MailPlaces {
    /// `mail.from`.
    pub from: Option<Place>,
    /// `mail.envelope_from`.
    pub envelope_from: Option<Place>,
    /// `mail.ehlo`.
    pub ehlo: Option<Place>,
    /// Each way out, in the order of `via`.
    pub via: Vec<Place>,
    /// Each contact.
    pub contacts: BTreeMap<String, Place>,
}

/// Where metrics and changes go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardPlan {
    /// How often a batch is made.
    pub every: Span,
    /// How much may wait on disk.
    pub spool_bytes: u64,
    /// In the order of their names.
    pub outlets: Vec<OutletPlan>,
}

/// How this machine's BMC is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum BmcPlan {
    /// Through the kernel's device file.
    #[default]
    InBand,
    /// Over the network.
    Lan(LanPlan),
    /// Not at all.
    Off,
}

/// A BMC on the network, and who asks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LanPlan {
    /// Name or address, without brackets.
    pub host: String,
    /// UDP port; `None` is the usual one.
    pub port: Option<u16>,
    /// User of the BMC.
    pub user: String,
    /// Where that user's password is.
    pub password: Secret,
    /// What a session asks for.
    pub privilege: Privilege,
    /// The one cipher suite to speak; `None` tries all, the strongest first.
    pub suite: Option<Suite>,
}
