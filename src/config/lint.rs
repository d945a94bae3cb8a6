//! What is valid and yet finds nothing on this host. Pure: the surveys are an argument.

use std::collections::BTreeMap;

use super::code::Code;
use super::diagnostic::{Diagnostic, nearest, quoted};
use super::plan::{Check, Plan};
use crate::probe::Found;

/// Names shown of what does exist.
const SHOWN: usize = 8;

/// Warnings for checks that ask for something that is not there, each listing what is.
///
/// `surveys` holds what was found, by name of the kind; a kind that could not be surveyed is left
/// out, and nothing is said about it.
#[must_use]
pub fn lint(plan: &Plan, surveys: &BTreeMap<&'static str, Vec<Found>>) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    for check in &plan.checks {
        let Some(found) = surveys.get(check.kind.spec().name) else { continue };
        for (key, globs) in &check.selection.select {
            for glob in globs {
                let values = values(found, key);
                if values.iter().any(|value| glob.matches(value)) {
                    continue;
                }
                let message = format!(
                    "check `{}` selects {key} `{}`, and this host has none",
                    check.name,
                    quoted(&glob.text)
                );
                let help = near_or_list(&glob.text, &values, check);
                warnings.push(
                    Diagnostic::at_line(
                        Code::MatchesNothing,
                        glob.place.clone(),
                        &glob.text,
                        message,
                    )
                    .label("matches nothing here")
                    .help(help),
                );
            }
        }
        let each_matches = check.selection.select.iter().all(|(key, globs)| {
            globs.iter().any(|glob| values(found, key).iter().any(|v| glob.matches(v)))
        });
        if check.selection.is_explicit()
            && each_matches
            && !found.iter().any(|instance| check.selection.takes(instance))
        {
            warnings.push(
                Diagnostic::at_line(
                    Code::MatchesNothing,
                    check.place.clone(),
                    &check.name,
                    format!("check `{}` matches nothing on this host", check.name),
                )
                .label("nothing fits all of its selectors and is not excluded"),
            );
        }
    }
    warnings
}

fn values<'f>(found: &'f [Found], key: &str) -> Vec<&'f str> {
    let mut values: Vec<_> = found
        .iter()
        .flat_map(|instance| &instance.attributes)
        .filter(|(name, _)| *name == key)
        .map(|(_, value)| value.as_str())
        .collect();
    values.sort_unstable();
    values.dedup();
    values
}

fn near_or_list(glob: &str, values: &[&str], check: &Check) -> String {
    if values.is_empty() {
        return format!("there is nothing of kind `{}` here", check.kind.spec().name);
    }
    let near = nearest(glob, values.iter().copied())
        .map(|near| format!("did you mean `{}`? ", quoted(near)))
        .unwrap_or_default();
    let shown: Vec<_> = values.iter().take(SHOWN).map(|value| quoted(value)).collect();
    let more = values.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{near}here are: {}{more}", shown.join(", "))
}
