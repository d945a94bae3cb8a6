//! `pinned`: what must be there, and by which facts each thing is known again. Owns the reading of
//! the section; whether a thing is there is for the engine to see.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::code::Code;
use super::diagnostic::{Diagnostic, Findings, nearest, quoted};
use super::plan::{IDENTITY, Pin, PinSet};
use super::resolve::Input;
use super::schema::{At, Shape, Value, map, no_value, unknown_key};
use super::tree::{Entry, Node};
use super::types::{List, Text};

/// The section as written: kinds, instances and facts are for [`pins`] to judge.
#[derive(Debug, Clone, PartialEq)]
pub struct Pins(pub Node);

impl Value for Pins {
    fn shape() -> Shape {
        Shape::Pins
    }

    fn read(node: &Node, findings: &mut Findings) -> Option<Self> {
        map(node, "a map of kinds", findings)?;
        Some(Self(node.clone()))
    }
}

/// The pins of each kind.
pub(super) fn pins(
    section: Option<&At<Pins>>,
    input: &Input<'_>,
    findings: &mut Findings,
) -> BTreeMap<&'static str, PinSet> {
    let mut all = BTreeMap::new();
    let Some(section) = section else { return all };
    for entry in section.value.0.entries() {
        let Some(kind) = input.kinds.iter().find(|kind| kind.spec().name == entry.key) else {
            findings.push(unknown_kind(entry, input));
            continue;
        };
        // `{}` and nothing at all both pin nothing.
        if entry.value.is_null() {
            continue;
        }
        let spec = kind.spec();
        let known: Vec<&str> = spec
            .selectors
            .iter()
            .map(|selector| selector.key)
            .chain(IDENTITY.iter().copied())
            .chain(["title"])
            .collect();
        let mut set = PinSet::new();
        let instances = map(&entry.value, "a map of instances", findings).unwrap_or_default();
        for instance in instances {
            let facts = facts(instance, spec.name, &known, findings);
            let place = input.sources.place(instance.key_spot);
            set.insert(Arc::from(instance.key.as_str()), Pin { facts, place });
        }
        all.insert(spec.name, set);
    }
    all
}

fn facts(
    instance: &Entry,
    kind: &str,
    known: &[&str],
    findings: &mut Findings,
) -> BTreeMap<String, Vec<String>> {
    let mut facts = BTreeMap::new();
    // An instance without facts is pinned by its name.
    if instance.value.is_null() {
        return facts;
    }
    for fact in map(&instance.value, "a map of facts", findings).unwrap_or_default() {
        if !known.contains(&fact.key.as_str()) {
            let place = format!("a pinned instance of kind `{kind}`");
            findings.push(unknown_key(fact, Code::UnknownKey, &place, known));
        } else if fact.value.is_null() {
            findings.push(no_value(fact));
        } else if let Some(values) = List::<Text>::read(&fact.value, findings) {
            facts.insert(fact.key.clone(), values.into_iter().map(|at| at.value).collect());
        }
    }
    facts
}

fn unknown_kind(entry: &Entry, input: &Input<'_>) -> Diagnostic {
    let names: Vec<_> = input.kinds.iter().map(|kind| kind.spec().name).collect();
    let message = format!("unknown kind `{}`", quoted(&entry.key));
    let found = Diagnostic::error(Code::UnknownKind, entry.key_spot, message).label("no such kind");
    match nearest(&entry.key, names.iter().copied()) {
        Some(near) => found.help(format!("did you mean `{near}`?")).fix(entry.key_spot, near),
        None => found.help(format!("kinds: {}", names.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::load_text;
    use crate::model::id::HostIdentity;

    #[test]
    fn pins_of_several_files_come_together_with_their_places() {
        let one = "pinned:\n  filesystem:\n    /:\n    /data: {type: xfs, fstype: xfs}\n";
        let two = "pinned: {disk_io: {sda: {serial: 0012, title: [disk sda]}}}\n";
        let loaded = load_text(
            &[("10-detected.yaml", one), ("50-mine.yaml", two)],
            &HostIdentity::default(),
        );
        let plan = loaded.plan.unwrap();
        let data = &plan.pinned["filesystem"]["/data"];
        assert_eq!(data.facts["fstype"], ["xfs"]);
        assert_eq!((&*data.place.file, data.place.line), ("10-detected.yaml", 4));
        assert!(plan.pinned["filesystem"]["/"].facts.is_empty());
        assert_eq!(plan.pinned["disk_io"]["sda"].facts["serial"], ["0012"], "as it is written");
    }

    #[test]
    fn mistakes_in_pins_are_told_at_their_place() {
        for (text, told) in [
            ("pinned: {filesytem: {/: {}}}\n", "did you mean `filesystem`?"),
            ("pinned: {filesystem: {/: {seriel: 1}}}\n", "did you mean `serial`?"),
            ("pinned: {filesystem: {/: {serial: {a: 1}}}}\n", "expected"),
            ("pinned: {filesystem: [/]}\n", "a map of instances"),
            ("pinned: [/]\n", "a map of kinds"),
            ("pinned: {filesystem: {/: {serial: }}}\n", "has no value"),
        ] {
            let loaded = load_text(&[("a.yaml", text)], &HostIdentity::default());
            assert!(loaded.plan.is_none(), "{text}");
            let rendered = loaded.diagnostics.render(false);
            assert!(rendered.contains(told), "{rendered}");
            assert!(rendered.contains("a.yaml:1:"), "{rendered}");
        }
    }
}
