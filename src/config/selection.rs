//! `select` and `exclude` to compiled globs. Pure.

use super::code::Code;
use super::diagnostic::{Diagnostic, Findings, quoted};
use super::plan::Glob;
use super::resolve::Input;
use super::schema::{At, no_value, scalar, unknown_key};
use super::source::{Sources, Spot};
use super::tree::{Data, Node};
use super::types::Selectors;
use crate::probe::KindSpec;

pub(super) fn selectors(
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
    compile(&scalar.text, item.spot, sources, findings)
}

/// The glob of a text.
pub(super) fn compile(
    text: &str,
    spot: Spot,
    sources: &Sources,
    findings: &mut Findings,
) -> Option<Glob> {
    if text.is_empty() {
        findings.push(
            Diagnostic::error(Code::Text, spot, "an empty glob matches nothing")
                .label("write a name or a pattern"),
        );
        return None;
    }
    match Glob::new(text, sources.place(spot)) {
        Ok(glob) => Some(glob),
        Err(error) => {
            findings.push(
                Diagnostic::error(Code::Text, spot, format!("`{}` is not a glob", quoted(text)))
                    .label(error.to_string())
                    .help("`*` any text, `?` one character, `[ab]` one of these, `{a,b}` either"),
            );
            None
        }
    }
}
