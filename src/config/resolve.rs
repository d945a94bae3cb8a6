//! The configuration as written to the plan as run: defaults filled in, references followed.
//!
//! Owns: host, contacts, mail, and each check but for its limits, which are `rules`' work. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::code::Code;
use super::diagnostic::{Diagnostic, Findings, nearest, quoted};
use super::file::{Body, Check, Config, Defaults, Mail, Password, Way};
use super::plan::{self, Glob, MailPlan, Plan, Selection};
use super::rules;
use super::schema::{At, Value, mistake, no_value, read_entry, scalar, unknown_key};
use super::source::{Origin, Sources, Spot};
use super::tree::{Data, Entry, Node, lay_over};
use super::types::{List, Reference, Selectors, endpoint};
use super::units;
use crate::alert::rule::Rule;
use crate::model::id::HostIdentity;
use crate::model::limit::{CHECKS, EVERY_MIN};
use crate::model::unit::{Span, Unit};
use crate::notify::contact::Contact;
use crate::notify::relay::{Login, Relay, Secret, Smtp, TlsMode};
use crate::probe::{Kind, KindSpec, Options};

/// Keys of templates and checks that a template cannot hold.
const NOT_IN_TEMPLATES: &[&str] = &["template", "override", "enabled"];

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
    let contacts = contacts(&config, input, findings);
    let defaults = config.defaults.clone().map(|at| at.value).unwrap_or_default();
    check_every(defaults.every.as_ref(), findings);
    let known: BTreeSet<&str> = contacts.keys().map(String::as_str).collect();
    let told = match &defaults.notify {
        Some(names) => references(&names.value, &known, input, findings),
        None => contacts.keys().cloned().collect(),
    };
    let mail = mail(&config, input, &host, findings);
    let scope = Scope { input, defaults: &defaults, contacts: &known, told: &told };
    let checks = checks(&config, &scope, findings);
    Some(Plan { host, checks, contacts, mail })
}

fn host(config: &Config, identity: &HostIdentity) -> HostIdentity {
    let mut host = identity.clone();
    let section = config.host.clone().map(|at| at.value).unwrap_or_default();
    if let Some(name) = section.name.map(|at| at.value.0).filter(|name| name != "auto") {
        if let Some((short, _)) = name.split_once('.') {
            host.fqdn.clone_from(&name);
            host.name = short.to_owned();
        } else {
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
        // A contact of which `mail` could not be read has its error already.
        let unread = input
            .merged
            .entry("contacts")
            .and_then(|entry| entry.value.entry(&name.value))
            .is_some_and(|entry| entry.value.entry("mail").is_some());
        if mail.is_empty() && (section.mail.is_some() || !unread) {
            findings.push(
                Diagnostic::error(
                    Code::NoAddress,
                    name.spot,
                    format!("contact `{}` has no mail address", name.value),
                )
                .label("nobody could be told")
                .help("add `mail: [\"ops@example.net\"]`"),
            );
        }
        let style = section.style.as_ref().map(|style| style.value.0).unwrap_or_default();
        contacts.insert(name.value.clone(), Contact { mail, style });
    }
    let written = input.merged.entry("contacts").is_some_and(|e| !e.value.entries().is_empty());
    if contacts.is_empty() && !written {
        let root = Contact { mail: vec!["root".to_owned()], style: Default::default() };
        contacts.insert("root".to_owned(), root);
    }
    contacts
}

/// Names of contacts, each once; unknown ones are told.
fn references(
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

fn unknown_name(name: &At<Reference>, noun: &str, known: &[&str]) -> Diagnostic {
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

fn mail(
    config: &Config,
    input: &Input<'_>,
    host: &HostIdentity,
    findings: &mut Findings,
) -> MailPlan {
    let section: Mail = config.mail.clone().map(|at| at.value).unwrap_or_default();
    let queue = section.queue.map(|at| at.value).unwrap_or_default();
    let ehlo = section.ehlo.map_or_else(|| host.fqdn.clone(), |at| at.value.0);
    let via = section
        .via
        .iter()
        .flat_map(|list| &list.value)
        .filter_map(|way| relay(&way.value, way.spot, &ehlo, input, findings))
        .collect();
    MailPlan {
        from: section.from.map_or_else(|| format!("hostwatch@{}", host.fqdn), |at| at.value.0),
        envelope_from: section.envelope_from.map(|at| at.value.0),
        via,
        keep: queue.keep.map(|at| at.value).unwrap_or_default(),
        group_wait: section.group_wait.map(|at| at.value).unwrap_or_default(),
    }
}

fn relay(
    way: &Way,
    spot: Spot,
    ehlo: &str,
    input: &Input<'_>,
    findings: &mut Findings,
) -> Option<Relay> {
    let only_smtp = [
        ("tls", way.tls.as_ref().map(|at| at.spot)),
        ("ca", way.ca.as_ref().map(|at| at.spot)),
        ("fingerprint", way.fingerprint.as_ref().map(|at| at.spot)),
        ("user", way.user.as_ref().map(|at| at.spot)),
        ("password", way.password.as_ref().map(|at| at.spot)),
    ];
    let Some(server) = &way.smtp else {
        for (key, spot) in only_smtp {
            if let Some(spot) = spot {
                findings.push(
                    Diagnostic::error(Code::Exclusive, spot, format!("`{key}` is only for `smtp`"))
                        .label("has no meaning here"),
                );
            }
        }
        let path = |at: &At<super::types::AbsolutePath>| at.value.0.clone();
        return match (&way.sendmail, &way.maildir) {
            (Some(program), _) => Some(Relay::Sendmail { path: path(program) }),
            (None, Some(folder)) => Some(Relay::Maildir { path: path(folder) }),
            (None, None) => None,
        };
    };
    let (host, port) = endpoint(&server.value.0).ok()?;
    let login = login(way, spot, input, findings);
    let tls = way.tls.as_ref().map_or_else(
        || match (port, way.user.is_some()) {
            (Some(465), _) => TlsMode::Implicit,
            (_, true) if !is_loopback(&host) => TlsMode::Required,
            _ => TlsMode::Opportunistic,
        },
        |at| at.value.0,
    );
    let unprotected = matches!(tls, TlsMode::None | TlsMode::Opportunistic);
    if let (Some(mode), Some(user), true, false) =
        (&way.tls, &way.user, unprotected, is_loopback(&host))
    {
        findings.push(
            Diagnostic::error(
                Code::ClearPassword,
                mode.spot,
                "a password would cross the network unprotected",
            )
            .label("must be `required` or `implicit`")
            .also(user.spot, "because of this login")
            .help("write `tls: required`"),
        );
    }
    let port = port.unwrap_or(match tls {
        TlsMode::Implicit => 465,
        TlsMode::Required => 587,
        TlsMode::None | TlsMode::Opportunistic => 25,
    });
    Some(Relay::Smtp(Smtp {
        host,
        port,
        tls,
        ca_file: way.ca.as_ref().map(|at| at.value.0.clone()),
        fingerprint: way
            .fingerprint
            .as_ref()
            .map(|at| at.value.0.replace(':', "").to_ascii_lowercase()),
        ehlo: ehlo.to_owned(),
        login,
    }))
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn login(way: &Way, spot: Spot, input: &Input<'_>, findings: &mut Findings) -> Option<Login> {
    let (user, password) = match (&way.user, &way.password) {
        (Some(user), Some(password)) => (user, password),
        (Some(user), None) => {
            findings.push(
                Diagnostic::error(Code::Missing, user.spot, "`user` without `password`")
                    .label("add `password: {credential: NAME}`"),
            );
            return None;
        }
        (None, Some(password)) => {
            findings.push(
                Diagnostic::error(Code::Missing, password.spot, "`password` without `user`")
                    .label("add `user: NAME`"),
            );
            return None;
        }
        (None, None) => return None,
    };
    let secret = match &password.value {
        Password::Literal(text) => {
            let private = input.sources.get(password.spot.file).is_some_and(|file| file.private);
            if private {
                findings.push(
                    Diagnostic::warning(
                        Code::PasswordHere,
                        password.spot,
                        "a password stands in the configuration",
                    )
                    .label("copied with every backup of this file")
                    .help("keep it in a file of mode 0600 and write `password: {file: PATH}`"),
                );
            } else {
                findings.push(
                    Diagnostic::error(
                        Code::LiteralPassword,
                        password.spot,
                        "a password in a file that others can read",
                    )
                    .label("readable by more than the agent")
                    .help("write `password: {file: PATH}`, or run chmod 0600 on this file"),
                );
            }
            Secret::Literal(text.0.clone())
        }
        Password::Kept(kept) => match (&kept.file, &kept.credential, &kept.env) {
            (Some(file), ..) => Secret::File(file.value.0.clone()),
            (None, Some(name), _) => Secret::Credential(name.value.0.clone()),
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
                Secret::Env(name.value.0.clone())
            }
            (None, None, None) => return None,
        },
    };
    let _ = spot;
    Some(Login { user: user.value.clone(), password: secret })
}

fn check_every(every: Option<&At<Span>>, findings: &mut Findings) {
    if let Some(at) = every
        && at.value < EVERY_MIN
    {
        findings.push(
            Diagnostic::error(Code::Range, at.spot, "`every` is too short")
                .label(format!("at least {EVERY_MIN}"))
                .help("faster reads would measure the agent itself"),
        );
    }
}

/// What all checks are resolved against.
struct Scope<'a> {
    input: &'a Input<'a>,
    defaults: &'a Defaults,
    contacts: &'a BTreeSet<&'a str>,
    told: &'a [String],
}

fn checks(config: &Config, scope: &Scope<'_>, findings: &mut Findings) -> Vec<Arc<plan::Check>> {
    let empty = Vec::new();
    let templates: &Vec<_> = config.templates.as_ref().map_or(&empty, |at| &at.value.0);
    for (_, body) in templates {
        for key in NOT_IN_TEMPLATES {
            if let Some(entry) = body.value.0.entry(key) {
                findings.push(
                    Diagnostic::error(
                        Code::UnknownKey,
                        entry.key_spot,
                        format!("a template cannot hold `{key}`"),
                    )
                    .label("only in a check"),
                );
            }
        }
    }
    let mut used = BTreeSet::new();
    let mut checks = Vec::new();
    let bodies = config.checks.as_ref().map_or(&empty, |at| &at.value.0);
    if let Some((name, _)) = bodies.get(CHECKS) {
        findings.push(
            Diagnostic::error(Code::TooMany, name.spot, "too many checks")
                .label(format!("at most {CHECKS}"))
                .help("one check watches many instances: use `select` with globs"),
        );
        return checks;
    }
    for (name, body) in bodies {
        checks.extend(check(name, &body.value, templates, &mut used, scope, findings));
    }
    for (name, body) in templates {
        if used.contains(name.value.as_str()) {
            continue;
        }
        if scope.input.whole {
            findings.push(
                Diagnostic::warning(
                    Code::UnusedTemplate,
                    name.spot,
                    format!("template `{}` is not used", name.value),
                )
                .label("no check names it"),
            );
        }
        // Its fixed keys are read all the same; its metrics mean nothing without a kind.
        let _ = Check::read_known(&body.value.0, findings);
    }
    checks.sort_by(|a, b| a.name.cmp(&b.name));
    checks
}

fn check<'t>(
    name: &At<String>,
    body: &Body,
    templates: &'t [(At<String>, At<Body>)],
    used: &mut BTreeSet<&'t str>,
    scope: &Scope<'_>,
    findings: &mut Findings,
) -> Option<Arc<plan::Check>> {
    let mut node = body.0.clone();
    if let Some(entry) = node.entry("template")
        && let Some(reference) = read_entry::<Reference>(entry, findings)
    {
        match templates.iter().find(|(name, _)| name.value == reference.value.0) {
            Some((name, template)) => {
                used.insert(name.value.as_str());
                let mut whole = template.value.0.clone();
                // Appends were settled file by file, so nothing can be refused here.
                lay_over(&mut whole, &node, &mut Vec::new());
                node = whole;
            }
            None if scope.input.whole => {
                let known: Vec<_> = templates.iter().map(|(name, _)| name.value.as_str()).collect();
                findings.push(unknown_name(&reference, "template", &known));
            }
            None => {}
        }
    }
    let kind = kind_of(name, &node, scope.input, findings);
    let spec = kind.map(|kind| kind.spec());
    for tree in scope.input.written {
        let alone = tree.entry("checks").and_then(|checks| checks.value.entry(&name.value));
        if let Some(entry) = alone {
            let _ = read_body(&entry.value, spec, findings);
        }
    }
    let before = findings.errors();
    let (section, options) = read_body(&node, spec, findings)?;
    let kind = kind?;
    let spec = kind.spec();
    check_every(section.every.as_ref(), findings);
    let defaults = scope.defaults;
    let span = |own: &Option<At<Span>>, default: &Option<At<Span>>| {
        own.as_ref().or(default.as_ref()).map_or(Span::ZERO, |at| at.value)
    };
    let every = span(&section.every, &defaults.every).max(EVERY_MIN);
    let timeout = timeout(&section, every, scope, findings);
    let rules = rules::Context {
        input: scope.input,
        spec,
        check: &section,
        default_hold: defaults.hold.as_ref(),
        every: At {
            value: every,
            spot: section.every.as_ref().or(defaults.every.as_ref()).map_or(name.spot, |e| e.spot),
        },
    };
    let (warn, crit) = rules.levels(findings);
    let unread = findings.errors() > before;
    if warn.is_none() && crit.is_none() && !unread {
        let metrics: Vec<_> = spec.metrics.iter().map(|metric| metric.key).collect();
        findings.push(
            Diagnostic::error(
                Code::NoLimit,
                name.spot,
                format!("check `{}` has no limit", name.value),
            )
            .label("neither `warn` nor `crit`")
            .help(format!(
                "add a limit on one of: {}; or `enabled: false` to remove the check",
                dedup(&metrics).join(", ")
            )),
        );
    }
    let notify = match &section.notify {
        Some(names) => references(&names.value, scope.contacts, scope.input, findings),
        None => scope.told.to_vec(),
    };
    let selection = Selection {
        select: selectors(section.select.as_ref(), spec, scope.input, findings),
        exclude: selectors(section.exclude.as_ref(), spec, scope.input, findings),
    };
    if section.enabled.as_ref().is_some_and(|at| !at.value) {
        return None;
    }
    Some(Arc::new(plan::Check {
        name: name.value.as_str().into(),
        kind,
        selection,
        rule: Rule {
            warn,
            crit,
            every,
            recover_for: span(&section.recover_for, &defaults.recover_for),
            unknown_after: span(&section.unknown_after, &defaults.unknown_after),
        },
        timeout,
        notify,
        advice: section.advice.map(|at| at.value),
        runbook: section.runbook.map(|at| at.value.0),
        options,
        notify_improvement: section.notify_improvement.is_some_and(|at| at.value),
        place: scope.input.sources.place(name.spot),
    }))
}

/// Each word once, in order.
pub(super) fn dedup<'w>(words: &[&'w str]) -> Vec<&'w str> {
    let mut seen = BTreeSet::new();
    words.iter().copied().filter(|word| seen.insert(*word)).collect()
}

fn kind_of(
    name: &At<String>,
    node: &Node,
    input: &Input<'_>,
    findings: &mut Findings,
) -> Option<&'static dyn Kind> {
    let names: Vec<_> = input.kinds.iter().map(|kind| kind.spec().name).collect();
    let find = |word: &str| input.kinds.iter().find(|kind| kind.spec().name == word).copied();
    let Some(entry) = node.entry("kind") else {
        let found = find(&name.value);
        if found.is_none() && input.whole {
            let near = nearest(&name.value, names.iter().copied());
            let message = format!("check `{}` does not say its kind", name.value);
            let error =
                Diagnostic::error(Code::NoKind, name.spot, message).label("not the name of a kind");
            findings.push(match near {
                Some(near) => error
                    .help(format!("did you mean `{near}`? Otherwise add `kind: KIND`"))
                    .fix(name.spot, near),
                None => error.help(format!("add `kind:` with one of: {}", names.join(", "))),
            });
        }
        return found;
    };
    if entry.value.is_null() {
        findings.push(no_value(entry));
        return None;
    }
    let word = scalar(&entry.value, "the name of a kind", findings)?;
    let found = find(&word.text);
    if found.is_none() {
        let error = Diagnostic::error(
            Code::UnknownKind,
            entry.value.spot,
            format!("unknown kind `{}`", quoted(&word.text)),
        )
        .label("no such kind");
        findings.push(match nearest(&word.text, names.iter().copied()) {
            Some(near) => error.help(format!("did you mean `{near}`?")).fix(entry.value.spot, near),
            None => error.help(format!("kinds: {}", names.join(", "))),
        });
    }
    found
}

/// Reads a check's fixed keys and its kind's options. With an unknown kind, other keys are left
/// alone: they may well be its options.
fn read_body(
    node: &Node,
    spec: Option<&'static KindSpec>,
    findings: &mut Findings,
) -> Option<(Check, Options)> {
    let (section, rest) = Check::read_known(node, findings)?;
    let mut options = Options::new();
    let Some(spec) = spec else { return Some((section, options)) };
    for entry in rest {
        let Some(option) = spec.options.iter().find(|option| option.key == entry.key) else {
            let known: Vec<_> = Check::SECTION
                .fields
                .iter()
                .map(|field| field.key)
                .chain(spec.options.iter().map(|option| option.key))
                .collect();
            let place = format!("a check of kind `{}`", spec.name);
            findings.push(
                misplaced(entry, spec)
                    .unwrap_or_else(|| unknown_key(entry, Code::UnknownKey, &place, &known)),
            );
            continue;
        };
        if let Some(value) = option_value(entry, option.unit, findings) {
            options.insert(option.key, value);
        }
    }
    Some((section, options))
}

/// A metric or selector one level too high is a common slip and gets its own words.
fn misplaced(entry: &Entry, spec: &KindSpec) -> Option<Diagnostic> {
    let key = entry.key.as_str();
    let (noun, home) = if spec.metrics.iter().any(|metric| metric.key == key) {
        ("a metric", "below `warn:` or `crit:`")
    } else if spec.selectors.iter().any(|selector| selector.key == key) {
        ("a selector", "below `select:` or `exclude:`")
    } else {
        return None;
    };
    Some(
        Diagnostic::error(
            Code::UnknownKey,
            entry.key_spot,
            format!("`{key}` is {noun} and stands {home}"),
        )
        .label("one level too high"),
    )
}

fn option_value(entry: &Entry, unit: Unit, findings: &mut Findings) -> Option<f64> {
    if entry.value.is_null() {
        findings.push(no_value(entry));
        return None;
    }
    let (noun, example) = units::expected(unit);
    let scalar = scalar(&entry.value, &format!("{noun} such as {example}"), findings)?;
    match units::quantity(&scalar.text, &[unit]) {
        Ok((_, value)) if unit == Unit::Percent && value > 100.0 => {
            findings.push(
                Diagnostic::error(Code::Range, entry.value.spot, "more than the whole")
                    .label("at most 100%"),
            );
            None
        }
        Ok((_, value)) => Some(value),
        Err(wrong) => {
            findings.push(mistake(*wrong, &entry.value));
            None
        }
    }
}

fn timeout(section: &Check, every: Span, scope: &Scope<'_>, findings: &mut Findings) -> Span {
    let fallback = scope.defaults.timeout.as_ref().map_or(every, |at| at.value).min(every);
    let Some(own) = &section.timeout else { return fallback };
    if own.value == Span::ZERO {
        findings.push(
            Diagnostic::error(Code::Range, own.spot, "`timeout` is too short")
                .label("must be more than 0s"),
        );
    }
    if own.value <= every {
        return own.value;
    }
    // A check's own time limit against a cadence set elsewhere by the admin is a contradiction;
    // what is built in simply gives way.
    if scope.input.is_admin(own.spot) {
        let mut error = Diagnostic::error(
            Code::TimeoutLong,
            own.spot,
            format!("`timeout` is longer than `every` ({every})"),
        )
        .label(format!("at most {every}"))
        .help("a run that takes longer delays the next one: make `every` longer too");
        if let Some(other) = section.every.as_ref().filter(|at| at.spot != Spot::NOWHERE) {
            error = error.also(other.spot, "run this often");
        }
        findings.push(error);
    }
    every
}

fn selectors(
    section: Option<&At<Selectors>>,
    spec: &'static KindSpec,
    input: &Input<'_>,
    findings: &mut Findings,
) -> Vec<(&'static str, Vec<Glob>)> {
    let Some(section) = section else { return Vec::new() };
    let noun = "a map of selectors";
    let Some(entries) = super::schema::map(&section.value.0, noun, findings) else {
        return Vec::new();
    };
    let mut lists = Vec::new();
    for entry in entries {
        let Some(selector) = spec.selectors.iter().find(|known| known.key == entry.key) else {
            let known: Vec<_> = spec.selectors.iter().map(|selector| selector.key).collect();
            let place = format!("a selection of kind `{}`", spec.name);
            findings.push(unknown_key(entry, Code::UnknownSelector, &place, &known));
            continue;
        };
        if entry.value.is_null() {
            findings.push(no_value(entry));
            continue;
        }
        let items = match &entry.value.data {
            Data::List(items) => items.as_slice(),
            _ => std::slice::from_ref(&entry.value),
        };
        let globs: Vec<_> =
            items.iter().filter_map(|item| glob(item, input.sources, findings)).collect();
        lists.push((selector.key, globs));
    }
    lists
}

fn glob(item: &Node, sources: &Sources, findings: &mut Findings) -> Option<Glob> {
    let scalar = scalar(item, "a glob such as \"/srv/*\"", findings)?;
    if scalar.text.is_empty() {
        findings.push(
            Diagnostic::error(Code::Text, item.spot, "an empty glob matches nothing")
                .label("write a name or a pattern"),
        );
        return None;
    }
    match globset::Glob::new(&scalar.text) {
        Ok(glob) => Some(Glob {
            text: scalar.text.clone(),
            matcher: glob.compile_matcher(),
            place: sources.place(item.spot),
        }),
        Err(error) => {
            findings.push(
                Diagnostic::error(
                    Code::Text,
                    item.spot,
                    format!("`{}` is not a glob", quoted(&scalar.text)),
                )
                .label(error.kind().to_string())
                .help("`*` any text, `?` one character, `[ab]` one of these, `{a,b}` either"),
            );
            None
        }
    }
}
