//! Bonds of captured machines, each judged as a competent administrator would; the running
//! kernel's bonds where it has the driver.

use std::path::{Path, PathBuf};
use std::process::Command;

use hostwatch::host::Host;
use hostwatch::model::reading::Observation;
use hostwatch::model::state::State;
use hostwatch::model::time::Moment;
use hostwatch::probe::{self, Options};

/// Captures of one area, each with its verdicts.
pub(crate) fn cases(area: &str) -> Vec<PathBuf> {
    let top = std::env::var_os("HOSTWATCH_FIXTURES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures"),
        PathBuf::from,
    );
    let folder = top.join(area);
    assert!(folder.is_dir(), "no captures in {}: set HOSTWATCH_FIXTURES", folder.display());
    let mut cases: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

/// What a kind sees by default of a recorded machine in one look.
pub(crate) fn seen(root: &Path, kind: &str) -> Vec<Observation> {
    let kind = probe::kind(kind).unwrap();
    let host = Host::recorded(root);
    let found = kind.survey(&host).unwrap();
    let mut sources: Vec<_> = found.iter().map(|found| found.source.clone()).collect();
    sources.sort();
    sources.dedup();
    let wanted = |one: &Observation| {
        found.iter().any(|found| found.by_default && found.instance == one.instance)
    };
    sources
        .iter()
        .flat_map(|source| kind.open(source, &Options::new()).read(&host, Moment(0)).unwrap())
        .filter(wanted)
        .collect()
}

pub(crate) fn worst(seen: &Observation) -> State {
    seen.findings.iter().map(|finding| finding.state).fold(State::Ok, State::worst)
}

/// Holds every capture of an area against its verdicts; gives how many verdicts were met by name.
pub(crate) fn judge(area: &str, kinds: &[&str]) -> usize {
    let mut met = 0;
    let mut wrong = Vec::new();
    for case in cases(area) {
        let name = format!("{area}/{}", case.file_name().unwrap().to_string_lossy());
        let text = std::fs::read_to_string(case.join("expected.json")).unwrap();
        let expected: serde_json::Value = serde_json::from_str(&text).unwrap();
        let seen: Vec<Observation> = kinds.iter().flat_map(|kind| seen(&case, kind)).collect();
        assert!(!seen.is_empty(), "{name}: nothing was seen");
        let mut explained = Vec::new();
        for verdict in expected["expect"].as_array().unwrap() {
            let subject = verdict["subject"].as_str().unwrap();
            let accepted: Vec<&str> = match verdict.get("accept") {
                Some(list) => list.as_array().unwrap().iter().flat_map(|s| s.as_str()).collect(),
                None => vec![verdict["state"].as_str().unwrap()],
            };
            let hits: Vec<_> = seen.iter().filter(|one| &*one.instance == subject).collect();
            explained.extend(hits.iter().map(|one| one.instance.clone()));
            // What is well need not be watched: a tunnel, a bond's own link.
            if hits.is_empty() && !(area == "nic" && accepted.contains(&"ok")) {
                wrong.push(format!("{name}: {subject} is not reported"));
            }
            for hit in hits {
                met += 1;
                if !accepted.contains(&worst(hit).word()) {
                    wrong.push(format!("{name}: {subject} is {}, {accepted:?}", hit.summary));
                }
            }
        }
        for one in &seen {
            if worst(one) != State::Ok && !explained.contains(&one.instance) {
                wrong.push(format!("{name}: false alarm: {} {}", one.instance, one.summary));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    met
}

#[test]
fn captured_bonds_get_the_verdicts_of_an_administrator() {
    let met = judge("bond", &["bond", "nic"]);
    assert!(met >= 14, "only {met} verdicts were about something that was seen");
}

#[test]
fn sysfs_alone_and_procfs_alone_are_enough() {
    let all = cases("bond");
    let case = |name: &str| all.iter().find(|case| case.ends_with(name)).unwrap();
    let summary = |case: &str, bond: &str| {
        let seen = seen(case.as_ref(), "bond");
        let one = seen.iter().find(|one| &*one.instance == bond).unwrap();
        (worst(one), one.summary.clone())
    };
    let path = |name| case(name).to_str().unwrap().to_owned();
    assert_eq!(
        summary(&path("linuxfabrik-b4-nok-lacp"), "bond0"),
        (
            State::Warning,
            "no link on enp3s0f0 (1 of 2 links); 802.3ad, 1 of 2 links, 1 Gbit/s".to_owned()
        )
    );
    let (state, text) = summary(&path("node-exporter-sysfs"), "int");
    assert_eq!(state, State::Warning);
    assert!(text.starts_with("no link on eth1 (1 of 2 links)"), "{text}");
}

/// Runs a script in namespaces of its own, where it may make links; none if it cannot.
pub(crate) fn in_own_network(script: &str) -> std::process::Output {
    let script = format!("mount -t sysfs sysfs /sys && {script}");
    let output = Command::new("unshare").args(["-rnm", "sh", "-ec", &script]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("unshare:"), "no namespace of its own: {said}");
    output
}

#[test]
fn a_bond_of_the_running_kernel_is_read_over_netlink() {
    let probe = in_own_network("ip link add bond9 type bond mode 802.3ad");
    if !probe.status.success() {
        let said = String::from_utf8_lossy(&probe.stderr);
        eprintln!("SKIPPED: this kernel makes no bonds (module bonding): {}", said.trim());
        return;
    }
    let agent = env!("CARGO_BIN_EXE_hostwatch");
    let output = in_own_network(&format!(
        "ip link add bond9 type bond mode active-backup miimon 100; \
         ip link add vt0 type veth peer name vt1; ip link add vt2 type veth peer name vt3; \
         ip link set vt0 master bond9; ip link set vt2 master bond9; \
         for l in vt0 vt1 vt2 bond9; do ip link set $l up; done; \
         timeout 10 sh -c 'until grep -q 1 /sys/class/net/bond9/carrier; do :; done'; \
         {agent} check bond:bond9 --json || true"
    ));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
    let bond = &answer["results"][0];
    assert_eq!(bond["state"], "warning", "{text}");
    assert!(bond["summary"].as_str().unwrap().contains("no spare left"), "{text}");
}
