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
use hostwatch::probe::{Kind, Options, list};

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

pub(crate) fn fixtures() -> PathBuf {
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

pub(crate) fn install(root: &Path, tool: &str, script: &str) {
    let path = root.join("bin").join(tool);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Surveys and reads a recording as one check does.
fn observe(root: &Path) -> Vec<(String, Result<Observation, String>)> {
    let host = Host::recorded(root);
    let kind = Raid;
    let found = list(&kind, &host, Moment(1000)).unwrap();
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

/// Replaces a word in every captured file of a case.
fn changed(case: &str, from: &str, to: &str) -> (tempfile::TempDir, tempfile::TempDir) {
    let copy = tempfile::tempdir().unwrap();
    let source = fixtures().join(case);
    let mut found = false;
    for name in files(&source) {
        let text = read(&source.join(&name));
        found |= text.contains(from);
        std::fs::write(copy.path().join(&name), text.replace(from, to)).unwrap();
    }
    assert!(found, "{case} holds no `{from}`");
    (staged(copy.path()), copy)
}

fn state_of<'a>(seen: &'a [Seen], name: &str) -> (State, &'a str) {
    let (_, state, summary) = seen
        .iter()
        .find(|(known, ..)| known == name)
        .unwrap_or_else(|| panic!("no `{name}` in {seen:?}"));
    (*state, summary)
}

#[test]
fn a_word_that_is_not_known_is_a_warning() {
    for (case, from, to, name) in [
        ("storcli-json-raid6-ok", "\"State\": \"Optl\"", "\"State\": \"Zorp\"", "c0/v0"),
        ("storcli-json-raid6-ok", "\"State\": \"Onln\"", "\"State\": \"Zorp\"", "c0/drives"),
        (
            "storcli-json-raid6-ok",
            "Controller Status\": \"Optimal",
            "Controller Status\": \"Zorp",
            "c0",
        ),
        ("storcli-json-raid6-ok", "\"State\": \"Optimal\"", "\"State\": \"Zorp\"", "c0/bbu"),
        ("storcli-text-hba", "Controller Status = OK", "Controller Status = Zorp", "c0"),
        ("megacli-unconfigured-bad", "State               : Optimal", "State : Zorp", "a0/ld0"),
        ("megacli-jbod", "Firmware state: JBOD", "Firmware state: Zorp", "a0/pd"),
        ("megacli-unconfigured-bad", "required : No", "required : Zorp", "a0/bbu"),
        ("ssacli-p408i-raid6", "Controller Status: OK", "Controller Status: Zorp", "slot0"),
        ("ssacli-p408i-raid6", "Status: OK", "Status: Zorp", "slot0/ld1"),
        ("ssacli-p408i-raid6", "Status: OK", "Status: Zorp", "slot0/drives"),
        ("ssacli-p408i-raid6", "Cache Status: OK", "Cache Status: Zorp", "slot0/cache"),
        ("arcconf-series8", "Device                   : Optimal", "Device : Zorp", "ctrl1/ld0"),
        ("arcconf-series8", ": Online", ": Zorp", "ctrl1/drives"),
        ("arcconf-zmm-failed", ": Failed", ": Zorp", "ctrl1/battery"),
        ("sas2ircu-optimal", "Okay (OKY)", "Zorp (ZRP)", "ir0/vol1"),
        ("sas2ircu-optimal", "Optimal (OPT)", "Zorp (ZRP)", "ir0/drives"),
        ("tw-cli-rebuilding", "REBUILDING", "ZORP", "c0/u0"),
    ] {
        let (root, _copy) = changed(case, from, to);
        let seen = judged(root.path());
        let (state, text) = state_of(&seen, name);
        assert_eq!(state, State::Warning, "{case} {name}: {text}");
        assert!(text.contains("Zorp") || text.contains("ZRP") || text.contains("ZORP"), "{text}");
    }
}

#[test]
fn every_step_of_a_failing_raid6_reads_as_what_it_is() {
    const CASE: &str = "storcli-json-raid6-ok";
    let lost = |count: usize, volume: &str, drive: &str| {
        let copy = tempfile::tempdir().unwrap();
        let source = fixtures().join(CASE);
        for name in files(&source) {
            let mut text = read(&source.join(&name)).replace("\"Optl\"", &format!("\"{volume}\""));
            for slot in ["252:3", "252:5", "252:7"].iter().take(count) {
                // The state of a drive stands two lines below its place.
                let rows: Vec<String> = text.split("\"EID:Slt\"").map(str::to_owned).collect();
                text = rows
                    .into_iter()
                    .map(|row| match row.starts_with(&format!(": \"{slot}\"")) {
                        true => row.replace("\"Onln\"", &format!("\"{drive}\"")),
                        false => row,
                    })
                    .collect::<Vec<_>>()
                    .join("\"EID:Slt\"");
            }
            std::fs::write(copy.path().join(&name), text).unwrap();
        }
        let root = staged(copy.path());
        (judged(root.path()), observe(root.path()), copy)
    };
    let (seen, all, _copy) = lost(1, "Pdgd", "Offln");
    let (state, text) = state_of(&seen, "c0/v0");
    assert_eq!(state, State::Warning);
    assert!(text.contains("survives the loss of 1 more drive (drive 252:3 Offln)"), "{text}");
    assert_eq!(state_of(&seen, "c0/drives").0, State::Ok, "one fault is told once");
    let volume = all.iter().find(|(name, _)| name == "c0/v0").unwrap().1.as_ref().unwrap();
    let detail = &volume.findings[0].detail[0];
    assert!(detail.contains("/c0/e252/s3") && detail.contains("ST16000NM001G"), "{detail}");
    assert!(detail.contains("serial "), "{detail}");

    let (seen, ..) = lost(2, "Dgrd", "Failed");
    let (state, text) = state_of(&seen, "c0/v0");
    assert_eq!(state, State::Critical);
    assert!(text.contains("degraded, no redundancy left (drives 252:3"), "{text}");

    let (seen, ..) = lost(2, "Dgrd", "Rbld");
    let (state, text) = state_of(&seen, "c0/v0");
    assert_eq!(state, State::Warning, "{text}");
    assert!(text.contains("no redundancy left, rebuilding"), "{text}");

    let (seen, ..) = lost(3, "OfLn", "Offln");
    let (state, text) = state_of(&seen, "c0/v0");
    assert_eq!(state, State::Critical);
    assert!(text.contains("OfLn") && text.contains("252:7 Offln"), "{text}");
}

#[test]
fn a_smart_array_in_recovery_is_told_by_its_logical_drive_alone() {
    let (root, _copy) = changed(
        "ssacli-p408i-raid6",
        "Full Stripe Size: 512 KB\n         Status: OK",
        "Full Stripe Size: 512 KB\n         Status: Interim Recovery Mode",
    );
    let script = read(&root.path().join("bin/ssacli"));
    let path = script.split('\'').nth(1).unwrap().to_owned();
    let text = read(Path::new(&path))
        .replace("Used Space: 3.49 TB (100.00%)\n      Status: OK", "Status: Failed Physical Drive")
        .replace("Bay: 1\n         Status: OK", "Bay: 1\n         Status: Failed");
    std::fs::write(&path, text).unwrap();
    let seen = judged(root.path());
    let (state, text) = state_of(&seen, "slot0/ld1");
    assert_eq!(state, State::Warning, "{text}");
    assert!(text.contains("survives the loss of 1 more drive (drive 2I:1:1 Failed)"), "{text}");
    let others = seen.iter().filter(|(name, state, _)| name != "slot0/ld1" && *state != State::Ok);
    assert_eq!(others.collect::<Vec<_>>(), Vec::<&Seen>::new());
}

#[test]
fn a_rebuild_tells_its_progress() {
    let (root, _copy) = changed("storcli-json-raid6-ok", "\"Onln\"", "\"Rbld\"");
    let script = read(&root.path().join("bin/storcli64"));
    let answer = root.path().join("rebuild.json");
    std::fs::write(
        &answer,
        r#"{"Controllers":[{"Command Status":{"Controller":0,"Status":"Success"},"Response Data":[
        {"Drive-ID":"/c0/e252/s3","Progress%":"-","Status":"Not in progress"},
        {"Drive-ID":"/c0/e252/s0","Progress%":37,"Status":"In progress","Estimated Time Left":"2 Hours 5 Minutes"}]}]}"#,
    )
    .unwrap();
    let rule = format!("case \"$*\" in\n*rebuild*) exec cat '{}' ;;\n", answer.display());
    let script = script.trim_start_matches("#!/bin/sh\n").replacen("case \"$*\" in\n", &rule, 1);
    install(root.path(), "storcli64", &script);
    let seen = judged(root.path());
    let (_, text) = state_of(&seen, "c0/drives");
    assert!(text.contains("37% done, 2 Hours 5 Minutes left"), "{text}");
}

#[test]
fn a_tool_that_misbehaves_is_unknown_and_one_without_a_controller_is_no_alarm() {
    let none = r#"echo '{"Controllers":[{"Command Status":{"Status":"Failure","Description":"No Controller found"}}]}'; exit 1"#;
    for (tool, script, state, word) in [
        ("storcli64", "exit 3", State::Unknown, "exit status 3"),
        ("storcli64", "echo 'cannot open shared library' >&2; exit 127", State::Unknown, "shared"),
        ("storcli64", "kill -SEGV $$", State::Unknown, "signal 11"),
        ("storcli64", "yes", State::Unknown, "more than"),
        ("storcli64", "echo hello", State::Unknown, "does not understand"),
        ("storcli64", none, State::Ok, "No Controller found"),
        ("perccli64", none, State::Ok, "No Controller found"),
        ("megacli", "exit 1", State::Unknown, "exit status 1"),
        ("ssacli", "echo 'Error: No controllers detected.'; exit 1", State::Ok, "No controllers"),
        ("ssacli", "exit 1", State::Unknown, "exit status 1"),
        ("arcconf", "echo 'Controllers found: 0'", State::Ok, "Controllers found: 0"),
        ("arcconf", "exit 1", State::Unknown, "exit status 1"),
        ("sas2ircu", "echo 'SAS2IRCU: MPTLib2 Error 1'; exit 1", State::Unknown, "MPTLib2"),
        ("tw_cli", "exit 1", State::Unknown, "exit status 1"),
    ] {
        let root = tempfile::tempdir().unwrap();
        install(root.path(), tool, script);
        let seen = judged(root.path());
        assert_eq!(seen.len(), 1, "{tool} `{script}`: {seen:?}");
        let (name, judged, text) = &seen[0];
        assert_eq!(*judged, state, "{tool} `{script}`: {name} {text}");
        assert!(text.contains(word), "{tool} `{script}`: {text}");
    }
}

#[test]
fn a_controller_without_its_tool_is_information() {
    let root = tempfile::tempdir().unwrap();
    let device = |address: &str, class: &str, vendor: &str| {
        let folder = root.path().join("sys/bus/pci/devices").join(address);
        std::fs::create_dir_all(&folder).unwrap();
        for (name, text) in [("class", class), ("vendor", vendor), ("device", "0x005d")] {
            std::fs::write(folder.join(name), format!("{text}\n")).unwrap();
        }
    };
    device("0000:65:00.0", "0x010400", "0x1000");
    device("0000:00:17.0", "0x010400", "0x8086");
    device("0000:00:1f.0", "0x060100", "0x1000");
    let seen = judged(root.path());
    assert_eq!(seen.len(), 1, "{seen:?}");
    let (state, text) = state_of(&seen, "pci-0000:65:00.0");
    assert_eq!(state, State::Ok);
    assert!(text.contains("not watched") && text.contains("storcli64"), "{text}");
    install(root.path(), "storcli64", "exit 1");
    assert!(judged(root.path()).iter().all(|(name, ..)| !name.starts_with("pci-")));
}

#[test]
fn both_vendors_tools_may_see_the_same_controllers() {
    let root = staged(&fixtures().join("storcli-json-raid6-ok"));
    let script = read(&root.path().join("bin/storcli64"));
    install(root.path(), "perccli64", script.trim_start_matches("#!/bin/sh\n"));
    let alone = staged(&fixtures().join("storcli-json-raid6-ok"));
    assert_eq!(judged(root.path()), judged(alone.path()));
}

/// Every captured text.
fn texts() -> Vec<Vec<u8>> {
    let folder = fixtures();
    let mut texts = Vec::new();
    for case in files(&folder) {
        for name in files(&folder.join(&case)) {
            texts.push(read(&folder.join(&case).join(name)).into_bytes());
        }
    }
    texts
}

/// Reads a text as an answer of every tool.
fn read_as_all(text: &[u8]) {
    use hostwatch::parse::{arcconf, ircu, megacli, ssacli, storcli, tw_cli};
    let mut answers = storcli::Answers::default();
    answers.add(text);
    answers.add(text);
    let mut list = Vec::new();
    megacli::volumes(&mut list, text);
    megacli::drives(&mut list, text);
    megacli::battery(&mut list, text);
    ssacli::read(&mut Vec::new(), text);
    let _ = arcconf::controllers_found(text);
    if let Some(mut one) = arcconf::config(1, text) {
        arcconf::status(&mut one, text);
    }
    let _ = ircu::adapters(text);
    if let Some(mut one) = ircu::display(0, text) {
        ircu::status(&mut one, text);
    }
    let mut list = tw_cli::controllers(text);
    let mut spare = hostwatch::parse::controller::Controller::default();
    let one = list.first_mut().unwrap_or(&mut spare);
    tw_cli::units(one, text);
    tw_cli::drives(one, text);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]

    #[test]
    fn no_answer_makes_a_parser_panic(
        which in proptest::prelude::any::<proptest::sample::Index>(),
        edits in proptest::collection::vec(
            (proptest::prelude::any::<proptest::sample::Index>(), proptest::prelude::any::<u8>(), 0..5_u8),
            1..40,
        ),
    ) {
        static TEXTS: std::sync::LazyLock<Vec<Vec<u8>>> = std::sync::LazyLock::new(texts);
        let mut text = TEXTS[which.index(TEXTS.len())].clone();
        for (place, byte, what) in edits {
            if text.is_empty() {
                break;
            }
            let place = place.index(text.len());
            match what {
                0 => text[place] = byte,
                1 => drop(text.remove(place)),
                2 => text.insert(place, byte),
                3 => {
                    let end = (place + usize::from(byte)).min(text.len());
                    text.drain(place..end);
                }
                _ => {
                    let end = (place + usize::from(byte)).min(text.len());
                    let part = text[place..end].to_vec();
                    text.splice(place..place, part);
                }
            }
        }
        read_as_all(&text);
    }
}

#[test]
fn the_longest_answers_are_read_in_bounded_time() {
    let mut lines = String::from("Smart Array P410 in Slot 1\nAdapter #0\n");
    let mut number = 0;
    while lines.len() < 1 << 20 {
        number += 1;
        lines += &format!("physicaldrive {number}\nSlot Number: {number}\nState : x\n");
    }
    read_as_all(lines.as_bytes());
    read_as_all("{\"Controllers\":[".repeat(100_000).as_bytes());
    read_as_all("[".repeat(1 << 20).as_bytes());
}
