//! What is generated from the configuration's tables: committed, current, and accepted by others.
//! `HOSTWATCH_BLESS=1` writes the committed files anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use hostwatch::cli::reference;
use hostwatch::probe::KINDS;

fn top(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn hold(path: &str, text: &str) {
    if std::env::var_os("HOSTWATCH_BLESS").is_some() {
        fs::write(top(path), text).unwrap();
    }
    let committed = fs::read_to_string(top(path)).unwrap_or_default();
    let differs = committed.lines().zip(text.lines()).position(|(have, new)| have != new);
    assert!(
        committed == text,
        "{path} is stale from line {}: run the tests with HOSTWATCH_BLESS=1 and review the change",
        differs.map_or(committed.lines().count().min(text.lines().count()), |line| line) + 1
    );
}

#[test]
fn the_committed_schema_is_current() {
    hold("man/hostwatch.schema.json", &reference::schema());
}

#[test]
fn the_committed_manual_is_current() {
    hold("man/hostwatch.yaml.5", &reference::man_yaml());
}

#[test]
fn the_manual_names_every_key_and_metric() {
    let page = reference::man_yaml();
    for kind in KINDS {
        let spec = kind.spec();
        let metrics = spec.metrics.iter().map(|metric| metric.name);
        let keys = spec.selectors.iter().map(|selector| selector.key);
        for word in metrics.chain(keys).chain(spec.options.iter().map(|option| option.key)) {
            assert!(page.contains(word), "the manual does not name `{word}` of {}", spec.name);
        }
    }
    for key in [
        "recover_for",
        "unknown_after",
        "envelope_from",
        "fingerprint",
        "same\\-subject",
        "bmc.password",
    ] {
        assert!(page.contains(key), "the manual does not name `{key}`");
    }
    // No line may be taken for a request by mistake.
    for line in page.lines().filter(|line| line.starts_with(['.', '\''])) {
        let request = line.split(' ').next().unwrap();
        let known = [".TH", ".SH", ".SS", ".PP", ".TP", ".br", ".nf", ".fi"];
        assert!(known.contains(&request), "{line}");
    }
}

/// Runs the independent validator over files.
fn validate(expectation: &str, files: &[PathBuf]) {
    #[expect(clippy::disallowed_methods, reason = "a test starts the validator")]
    let output = Command::new("python3")
        .arg(top("tests/config/schema.py"))
        .arg(top("man/hostwatch.schema.json"))
        .arg(expectation)
        .args(files)
        .output()
        .expect("python3 is needed: install python3, python3-jsonschema and python3-yaml");
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn yaml_files(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(top(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} holds no file");
    files
}

#[test]
fn an_independent_validator_accepts_what_the_agent_accepts() {
    let mut files = yaml_files("tests/config/good");
    files.extend(yaml_files("tests/config/warn"));
    files.push(top("man/hostwatch.yaml.example"));
    for kind in KINDS {
        files.push(top(&format!("conf.d/{}.yaml", kind.spec().name)));
    }
    validate("good", &files);
}

#[test]
fn an_independent_validator_refuses_what_a_schema_can_see() {
    let seen = [
        "unit-missing",
        "unit-unclear",
        "unit-of-another-quantity",
        "duration-capital-m",
        "duration-order",
        "number-underscore",
        "boolean-yes",
        "key-unknown",
        "key-unknown-top",
        "hook-preset-unknown",
        "key-unknown-nested",
        "key-one-level-too-high",
        "metric-unknown",
        "selector-unknown",
        "kind-unknown",
        "word-unknown",
        "way-two",
        "way-none",
        "shape-list-for-map",
        "version",
        "bmc-false",
        "bmc-unknown-key",
        "bmc-words",
    ];
    let files: Vec<_> =
        seen.iter().map(|name| top(&format!("tests/config/bad/{name}.yaml"))).collect();
    validate("bad", &files);
}
