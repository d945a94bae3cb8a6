//! Each check as written to a check as run: template, kind, options, cadence, who is told. Pure.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::alive;
use super::code::Code;
use super::diagnostic::{Diagnostic, Findings, nearest, quoted};
use super::file::{Body, Check, Config, Defaults};
use super::plan::{self, Selection};
use super::resolve::{Input, references, unknown_name};
use super::rules;
use super::schema::{At, mistake, no_value, read_entry, scalar, unknown_key};
use super::selection::selectors;
use super::source::Spot;
use super::tree::{Entry, Node, lay_over};
use super::types::Reference;
use super::units;
use super::yaml;
use crate::alert::rule::Rule;
use crate::model::limit::{CHECKS, EVERY_MIN};
use crate::model::unit::{Span, Unit};
use crate::probe::{Kind, KindSpec, OptionForm, OptionValue, Options};

/// Keys of a check that a template cannot hold.
const NOT_IN_TEMPLATES: &[&str] = &["template", "override", "enabled"];

pub(super) fn check_every(every: Option<&At<Span>>, findings: &mut Findings) {
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
pub(super) struct Scope<'a> {
    pub(super) input: &'a Input<'a>,
    pub(super) defaults: &'a Defaults,
    pub(super) contacts: &'a BTreeSet<&'a str>,
    pub(super) told: &'a [String],
    /// When somebody is reminded where a check says nothing.
    pub(super) remind: &'a [Span],
    /// The checks of each file of the admin, by name.
    pub(super) written: Vec<HashMap<&'a str, &'a Entry>>,
}

pub(super) fn checks(
    config: &Config,
    scope: &Scope<'_>,
    findings: &mut Findings,
) -> Vec<Arc<plan::Check>> {
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
    let before = findings.errors();
    // Each file's part alone: a mistake in a value that a later file replaces is told as well.
    for file in &scope.written {
        let Some(entry) = file.get(name.value.as_str()) else { continue };
        if let (Some((part, _)), Some(spec)) = (read_body(&entry.value, spec, findings), spec) {
            rules::proofread(scope.input, spec, &part, findings);
            let _ = selectors(part.select.as_ref(), spec, scope.input, findings);
            let _ = selectors(part.exclude.as_ref(), spec, scope.input, findings);
        }
    }
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
    if warn.is_none() && crit.is_none() && !unread && !judges_itself(spec) {
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
        remind: match &section.remind {
            Some(own) => alive::remind(Some(own), findings),
            None => scope.remind.to_vec(),
        },
        place: scope.input.sources.place(name.spot),
    }))
}

/// Whether a kind says by itself what is bad, so that its checks need no limit: its own built-in
/// check has none.
fn judges_itself(spec: &KindSpec) -> bool {
    let tree = yaml::parse(spec.example, 0, &mut Findings::default());
    let own = tree.as_ref().and_then(|tree| tree.entry("checks")?.value.entry(spec.name));
    own.is_some_and(|own| own.value.entry("warn").is_none() && own.value.entry("crit").is_none())
}

/// Each word once, in order.
pub(super) fn dedup<'w>(words: &[&'w str]) -> Vec<&'w str> {
    let mut seen = BTreeSet::new();
    words.iter().copied().filter(|word| seen.insert(*word)).collect()
}

/// The kind of a check. Where its name is wrong and another is near, that one is taken after the
/// error, so that the mistakes inside the check are told in the same run.
fn kind_of(
    name: &At<String>,
    node: &Node,
    input: &Input<'_>,
    findings: &mut Findings,
) -> Option<&'static dyn Kind> {
    let names: Vec<_> = input.kinds.iter().map(|kind| kind.spec().name).collect();
    let find = |word: &str| input.kinds.iter().find(|kind| kind.spec().name == word).copied();
    let (word, error) = match node.entry("kind") {
        None if find(&name.value).is_none() && !input.whole => return None,
        None => {
            let message = format!("check `{}` does not say its kind", name.value);
            let error =
                Diagnostic::error(Code::NoKind, name.spot, message).label("not the name of a kind");
            (name.value.as_str(), error)
        }
        Some(entry) if entry.value.is_null() => {
            findings.push(no_value(entry));
            return None;
        }
        Some(entry) => {
            let word = &scalar(&entry.value, "the name of a kind", findings)?.text;
            let message = format!("unknown kind `{}`", quoted(word));
            let error = Diagnostic::error(Code::UnknownKind, entry.value.spot, message)
                .label("no such kind");
            (word.as_str(), error)
        }
    };
    if let Some(kind) = find(word) {
        return Some(kind);
    }
    let near = nearest(word, names.iter().copied());
    let unnamed = error.code == Code::NoKind;
    findings.push(match near {
        Some(near) if unnamed => {
            let spot = name.spot;
            error.help(format!("did you mean `{near}`? Otherwise add `kind: KIND`")).fix(spot, near)
        }
        Some(near) => match node.entry("kind") {
            Some(entry) => {
                error.help(format!("did you mean `{near}`?")).fix(entry.value.spot, near)
            }
            None => error,
        },
        None if unnamed => error.help(format!("add `kind:` with one of: {}", names.join(", "))),
        None => error.help(format!("kinds: {}", names.join(", "))),
    });
    near.and_then(find)
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
        if let Some(value) = option_value(entry, option.form, findings) {
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

fn option_value(entry: &Entry, form: OptionForm, findings: &mut Findings) -> Option<OptionValue> {
    if entry.value.is_null() {
        findings.push(no_value(entry));
        return None;
    }
    let unit = match form {
        OptionForm::Number(unit) => unit,
        OptionForm::Text { noun, example, check } => {
            let scalar = scalar(&entry.value, &format!("{noun} such as {example}"), findings)?;
            if let Err(wrong) = check(&scalar.text) {
                findings.push(
                    Diagnostic::error(Code::Text, entry.value.spot, wrong)
                        .label(format!("not {noun}"))
                        .help(format!("write it as `{example}`")),
                );
                return None;
            }
            return Some(OptionValue::Text(scalar.text.clone()));
        }
    };
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
        Ok((_, value)) => Some(OptionValue::Number(value)),
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
