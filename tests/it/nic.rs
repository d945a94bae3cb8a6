//! Links of captured machines, and links made for the test on the running kernel.

use std::fs;

use super::bond::{in_own_network, judge};

#[test]
fn captured_links_get_the_verdicts_of_an_administrator() {
    let met = judge("nic", &["nic"]);
    assert!(met >= 5, "only {met} verdicts were about something that was seen");
}

/// Results of `check` by instance: state and what is said.
fn check(prepare: &str, options: &str) -> Vec<(String, String, String)> {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("hostwatch.yaml");
    let text = format!("checks:\n  wire:\n    kind: nic\n    select: {{name: \"vt*\"}}\n{options}");
    fs::write(&config, text).unwrap();
    let agent = env!("CARGO_BIN_EXE_hostwatch");
    let config = config.display();
    let output = in_own_network(&format!(
        "ip link add vt0 type veth peer name vt1; ip link set vt0 up; ip link set vt1 up; \
         {prepare} {agent} check 'wire:*' --config {config} --json || true"
    ));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let answer: serde_json::Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}{said}"));
    let word = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let results = answer["results"].as_array().unwrap();
    results
        .iter()
        .map(|one| (word(&one["instance"]), word(&one["state"]), word(&one["summary"])))
        .collect()
}

fn row(name: &str, state: &str, text: &str) -> (String, String, String) {
    (name.to_owned(), state.to_owned(), text.to_owned())
}

#[test]
fn a_real_link_is_held_against_what_is_expected() {
    let fine = "10 Gbit/s full duplex";
    for options in ["", "    expect: 10000baseT/Full\n", "    expect: 10Gbit/s\n"] {
        assert_eq!(
            check("", options),
            [row("vt0", "ok", fine), row("vt1", "ok", fine)],
            "{options}"
        );
    }
    let seen = check("", "    expect: 25GBASE-SR\n");
    let slow = "runs at 10000 Mbit/s full duplex, expected 25000 Mbit/s";
    assert_eq!(seen[0], row("vt0", "critical", slow));
}

#[test]
fn a_real_link_without_carrier_has_no_speed_and_is_lost_where_it_is_used() {
    // The kernel answers 10000 for `speed` all the same. Carrier goes a moment after the other end.
    let down = "ip link set vt1 down; \
        timeout 10 sh -c 'until grep -q 0 /sys/class/net/vt0/carrier; do :; done';";
    let seen = check(down, "");
    assert_eq!(seen, [row("vt0", "ok", "no link"), row("vt1", "ok", "switched off")]);
    let seen = check(&format!("ip addr add 192.0.2.1/24 dev vt0; {down}"), "");
    assert_eq!(seen[0], row("vt0", "critical", "lost its link"));
    let seen = check(down, "    expect: 10G\n");
    assert_eq!(seen[0], row("vt0", "critical", "no link, 10000 Mbit/s expected"));
    assert_eq!(seen[1], row("vt1", "warning", "switched off by the administrator"));
}
