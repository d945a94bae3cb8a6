//! A configuration that is changed at random: never a panic, never a mistake without a place, and
//! never a plan that quietly lacks something that was written.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::config::load;
use hostwatch::config::diagnostic::At;

/// Mutations in all.
const CASES: u32 = 10_000;

/// The example without its comments, so that most mutations change what is read.
fn example() -> String {
    let text = include_str!("../../man/hostwatch.yaml.example");
    let lines = text.lines().map(|line| line.split("  #").next().unwrap().trim_end());
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| format!("{line}\n")).collect()
}

/// One change: where, how many bytes go, what comes.
#[derive(Debug, Clone)]
struct Edit {
    at: prop::sample::Index,
    remove: usize,
    insert: String,
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let pieces = prop_oneof![
        "[ -~]{0,3}",
        Just("\n".to_owned()),
        Just("\n  ".to_owned()),
        Just(": ".to_owned()),
        Just("- ".to_owned()),
        Just("{".to_owned()),
        Just("]".to_owned()),
        Just("\"".to_owned()),
        Just("&a ".to_owned()),
        Just("*a".to_owned()),
        Just("\u{202e}é\u{0}".to_owned()),
        Just("99999999999999999999".to_owned()),
        Just("null".to_owned()),
        Just("+".to_owned()),
    ];
    let edit = (any::<prop::sample::Index>(), 0_usize..6, pieces)
        .prop_map(|(at, remove, insert)| Edit { at, remove, insert });
    prop::collection::vec(edit, 1..4)
}

fn apply(text: &str, edits: &[Edit]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for edit in edits {
        let at = edit.at.index(chars.len() + 1);
        let end = (at + edit.remove).min(chars.len());
        chars.splice(at..end, edit.insert.chars());
    }
    chars.into_iter().collect()
}

/// Every name below `checks:`, read in the simplest way: two spaces, a name, a colon.
fn names_written(text: &str) -> Vec<&str> {
    let checks = text.split("\nchecks:\n").nth(1).unwrap_or_default();
    checks
        .lines()
        .take_while(|line| line.starts_with(' '))
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| line.starts_with(|c: char| c.is_ascii_alphanumeric()))
        .filter_map(|line| line.strip_suffix(':'))
        .filter(|name| !name.contains([' ', ':', '"', '{']))
        .collect()
}

#[test]
fn a_changed_configuration_gives_a_whole_plan_or_a_mistake_with_its_place() {
    let text = example();
    assert!(load(&[("hostwatch.yaml", &text)]).plan.is_some());
    assert_eq!(names_written(&text), ["filesystem", "archive", "uplink", "disk-latency", "memory"]);
    let mut runner =
        TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let (plans, refusals) = (Cell::new(0), Cell::new(0));
    runner
        .run(&edits(), |edits| {
            let changed = apply(&text, &edits);
            let loaded = load(&[("hostwatch.yaml", &changed)]);
            let drawn = loaded.diagnostics.render(false);
            prop_assert_eq!(loaded.plan.is_none(), loaded.diagnostics.has_errors(), "{}", drawn);
            for found in loaded.diagnostics.list() {
                let At::Spot(spot) = found.at else {
                    return Err(TestCaseError::fail(format!("no place: {drawn}")));
                };
                let source = loaded.diagnostics.sources().get(spot.file);
                prop_assert!(source.is_some_and(|s| spot.start <= s.text.len()), "{}", drawn);
            }
            prop_assert!(!drawn.contains(['\u{1b}', '\u{202e}', '\u{0}']), "{:?}", drawn);
            match &loaded.plan {
                None => refusals.set(refusals.get() + 1),
                Some(plan) => {
                    plans.set(plans.get() + 1);
                    for name in names_written(&changed) {
                        let there = plan.checks.iter().any(|check| &*check.name == name);
                        // The example itself leaves `load` out, on one line; an edit may break it.
                        let removed = changed.matches("enabled").count() > 1 || name == "load";
                        prop_assert!(there || removed, "`{}` is missing\n{}", name, changed);
                    }
                    for check in &plan.checks {
                        prop_assert!(check.timeout <= check.rule.every);
                        for level in check.rule.warn.iter().chain(&check.rule.crit) {
                            let found = check.kind.spec().findings.is_some();
                            prop_assert!(found || !level.clauses.is_empty());
                            prop_assert!((0.5..=1.0).contains(&level.share));
                        }
                        for name in &check.notify {
                            prop_assert!(plan.contacts.contains_key(name));
                        }
                    }
                }
            }
            Ok(())
        })
        .unwrap();
    // Both sides were really reached.
    let (plans, refusals) = (plans.get(), refusals.get());
    assert!(plans > 100 && refusals > 5000, "{plans} plans, {refusals} refusals");
}
