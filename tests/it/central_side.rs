//! What stands in docs/collectors: rules that are tested, configurations that are valid, and no name
//! that the agent does not send.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use hostwatch::forward::names::FAMILIES;
use hostwatch::forward::names::own::{AGENT, DROPPED, OUTLETS, VERDICTS};

use crate::receivers::prometheus::promtool;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/collectors")
}

fn text(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}

fn approved(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).current_dir(folder()).output();
    let output =
        output.unwrap_or_else(|error| panic!("{program}: {error}: run tests/run packages"));
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&said));
}

#[test]
fn rules_do_what_their_tests_say() {
    approved("promtool", &["check", "rules", "rules.yml"]);
    approved("promtool", &["test", "rules", "rules.test.yml"]);
}

#[test]
fn configurations_are_valid() {
    approved("promtool", &["check", "config", "--syntax-only", "prometheus.yml"]);
    approved("amtool", &["check-config", "alertmanager.yml"]);
}

/// Everything that is asked for on the dashboard.
fn expressions() -> Vec<String> {
    let board: serde_json::Value = serde_json::from_str(&text("grafana-dashboard.json")).unwrap();
    let panels = board["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_dashboard_asks_in_promql() {
    let all = expressions();
    assert!(all.len() >= 12, "{all:?}");
    let mut rules = "groups:\n  - name: dashboard\n    rules:\n".to_owned();
    for (n, expression) in all.iter().enumerate() {
        let expression = expression
            .replace("$instance", ".*")
            .replace("$__rate_interval", "2m")
            .replace("$__range", "6h");
        let expression = serde_json::Value::from(expression);
        rules += &format!("      - {{record: \"panel:{n}\", expr: {expression}}}\n");
    }
    promtool("rules", &rules).unwrap_or_else(|said| panic!("{said}\n{rules}"));
}

#[test]
fn every_name_is_one_that_the_agent_sends() {
    let rows = FAMILIES.iter().flat_map(|family| family.rows).map(|row| &row.naming);
    let own = VERDICTS.iter().map(|fact| &fact.naming).chain(AGENT.iter().map(|fact| &fact.naming));
    let outlets = OUTLETS.iter().map(|fact| &fact.naming).chain([&DROPPED.naming]);
    let sent: BTreeSet<&str> = rows
        .chain(own)
        .chain(outlets)
        .filter_map(|naming| Some(naming.prometheus.as_ref()?.name))
        .collect();
    let mut asked = 0;
    for words in expressions().into_iter().chain([text("rules.yml"), text("README.md")]) {
        for word in words.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            let is_name = ["hostwatch_", "node_", "ipmi_"].iter().any(|it| word.starts_with(it));
            if is_name && !["node_exporter"].contains(&word) {
                assert!(sent.contains(word), "`{word}` is sent by no agent: {words}");
                asked += 1;
            }
        }
    }
    assert!(asked > 20, "only {asked} names were found");
}
