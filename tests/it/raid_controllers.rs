//! RAID controllers behind their vendors' tools: captured answers of real machines, judged as an
//! administrator would, and tools that misbehave.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use hostwatch::host::Host;
use hostwatch::model::reading::Observation;
use hostwatch::model::state::State;
use hostwatch::model::time::Moment;
use hostwatch::probe::raid::Raid;
use hostwatch::probe::{Kind, Options};

/// Instance, state, summary.
type Seen = (String, State, String);

/// Captured file names hold a word; its text is what this tool prints when its arguments hold the
/// second one. The first rule that fits counts.
const TOOLS: &[(&[&str], &str, &str)] = &[
    (&["perccli-call-show-all"], "perccli64", ""),
    (&["storcli", "eALL-sALL"], "storcli64", "/sall"),
    (&["eall_sall"], "storcli64", "/sall"),
    (&["vall_show"], "storcli64", "/vall"),
    (&["cv_show"], "storcli64", "/cv"),
    (&["bbu_show"], "storcli64", "/bbu"),
    (&["storcli-cALL-show-all.json"], "storcli64", ""),
    (&["storcli-call-show.json"], "storcli64", ""),
    (&["storcli-c0-show-all.txt"], "storcli64", ""),
    (&["c0_show_all"], "storcli64", ""),
    (&["controller_show_all"], "storcli64", ""),
    (&["show.json"], "storcli64", ""),
    (&["ssacli-ctrl-all-show-config-detail"], "ssacli", ""),
    (&["ld-"], "ssacli", "ld"),
    (&["ctrl-all-show"], "ssacli", "show"),
    (&["getconfig"], "arcconf", "getconfig"),
    (&["getstatus"], "arcconf", "getstatus"),
    (&["ldinfo"], "megacli", "ldinfo"),
    (&["pdlist"], "megacli", "pdlist"),
    (&["bbu"], "megacli", "bbu"),
    (&["unitstatus"], "tw_cli", "unitstatus"),
    (&["drivestatus"], "tw_cli", "drivestatus"),
    (&["info.txt"], "tw_cli", "show"),
    (&["display.txt"], "sas2ircu", "display"),
    (&["list.txt"], "sas2ircu", "list"),
    (&["status.txt"], "sas2ircu", "status"),
];

fn fixtures() -> PathBuf {
    let folder = std::env::var_os("HOSTWATCH_FIXTURES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures"),
        PathBuf::from,
    );
    let folder = folder.join("raid-hw");
    assert!(
        folder.is_dir(),
        "captures of real machines are not at {}; name their folder in HOSTWATCH_FIXTURES",
        folder.display()
    );
    folder
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A recording whose tools print what was captured.
fn staged(case: &Path) -> tempfile::TempDir {
    let mut rules: BTreeMap<&str, Vec<(&str, PathBuf)>> = BTreeMap::new();
    for name in files(case) {
        let rule = TOOLS.iter().find(|(parts, ..)| parts.iter().all(|part| name.contains(part)));
        if let Some((_, tool, word)) = rule.filter(|_| name != "expected.json") {
            rules.entry(tool).or_default().push((word, case.join(&name)));
        }
    }
    let root = tempfile::tempdir().unwrap();
    for (tool, mut answers) in rules {
        // More special questions first, as the shell takes the first that fits; every question to
        // `ssacli` holds `show`.
        answers.sort_by_key(|(word, _)| (*word == "show", std::cmp::Reverse(word.len())));
        let mut script = "case \"$*\" in\n".to_owned();
        for (word, path) in answers {
            script += &format!("*{word}*) exec cat '{}' ;;\n", path.display());
        }
        install(root.path(), tool, &(script + "esac\nexit 1"));
    }
    root
}

fn install(root: &Path, tool: &str, script: &str) {
    let path = root.join("bin").join(tool);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Surveys and reads a recording as one check does.
fn observe(root: &Path) -> Vec<(String, Result<Observation, String>)> {
    let host = Host::recorded(root);
    let kind = Raid;
    let found = kind.survey(&host).unwrap();
    let mut sources: Vec<_> = found.iter().map(|found| found.source.clone()).collect();
    sources.sort();
    sources.dedup();
    let mut seen = BTreeMap::new();
    for source in sources {
        match kind.open(&source, &Options::default()).read(&host, Moment(1000)) {
            Ok(list) => {
                seen.extend(list.into_iter().map(|seen| (seen.instance.clone(), Ok(seen))));
            }
            Err(error) => {
                let lost = found.iter().filter(|found| found.source == source);
                let error = format!("{}: {error}", error.word());
                seen.extend(lost.map(|found| (found.instance.clone(), Err(error.clone()))));
            }
        }
    }
    let named: std::collections::BTreeSet<_> = found.iter().map(|f| f.instance.clone()).collect();
    assert_eq!(named, seen.keys().cloned().collect(), "survey and reading name the same instances");
    seen.into_iter().map(|(name, seen)| (name.to_string(), seen)).collect()
}

fn judged(root: &Path) -> Vec<Seen> {
    let judge = |(name, seen): (String, Result<Observation, String>)| match seen {
        Ok(seen) => {
            let state = seen.findings.iter().fold(State::Ok, |worst, f| worst.worst(f.state));
            (name, state, seen.summary)
        }
        Err(error) => (name, State::Unknown, error),
    };
    observe(root).into_iter().map(judge).collect()
}

fn words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn find<'a>(subject: &str, seen: &'a [Seen]) -> Vec<&'a Seen> {
    if subject == "overall" {
        return seen.iter().collect();
    }
    let exact: Vec<&Seen> =
        seen.iter().filter(|(name, ..)| name.eq_ignore_ascii_case(subject)).collect();
    if !exact.is_empty() {
        return exact;
    }
    let wanted = words(subject);
    let fits = |(name, _, summary): &&Seen| {
        let there = words(&format!("{name} {summary}"));
        wanted.iter().all(|word| there.contains(word))
    };
    seen.iter().filter(fits).collect()
}

/// What is wrong with a verdict on a capture, by what a competent administrator expects.
fn wrong(case: &Path, seen: &[Seen]) -> Vec<String> {
    let expected: serde_json::Value =
        serde_json::from_str(&read(&case.join("expected.json"))).unwrap();
    let mut wrong = Vec::new();
    let mut explained = Vec::new();
    for row in expected["expect"].as_array().unwrap() {
        let accept: Vec<&str> = match row["accept"].as_array() {
            Some(list) => list.iter().map(|word| word.as_str().unwrap()).collect(),
            None => vec![row["state"].as_str().unwrap()],
        };
        let subject = row["subject"].as_str().unwrap();
        if subject.starts_with("(none") {
            continue;
        }
        let hits = find(subject, seen);
        explained.extend(hits.iter().map(|(name, ..)| name.clone()));
        match hits.iter().max_by_key(|(_, state, _)| state.rank()) {
            Some((_, state, _)) if accept.contains(&state.word()) => {}
            None if !seen.is_empty() && accept.contains(&"ok") => {}
            hit => wrong.push(format!("{subject}: {} expected, {hit:?} found", accept.join("/"))),
        }
    }
    let alarms = seen
        .iter()
        .filter(|(name, state, _)| *state != State::Ok && !explained.contains(name))
        .map(|alarm| format!("false alarm: {alarm:?}"));
    wrong.extend(alarms);
    wrong
}

#[test]
fn captured_machines_are_judged_as_an_administrator_would() {
    let folder = fixtures();
    let mut complaints = Vec::new();
    let cases = files(&folder);
    assert!(cases.len() >= 20, "captures are missing: {cases:?}");
    for case in cases {
        let path = folder.join(&case);
        let seen = judged(staged(&path).path());
        if std::env::var_os("SHOW_VERDICTS").is_some() {
            seen.iter().for_each(|(name, state, text)| println!("{case}: {name} {state}: {text}"));
        }
        complaints.extend(wrong(&path, &seen).into_iter().map(|text| format!("{case}: {text}")));
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
