//! The table of names against what there is: every row names a kind and a value of it, every value
//! has a row or is known to have none, and the programs that read the text have no complaint.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use hostwatch::forward::dialect::exposition;
use hostwatch::forward::dialect::textfile::Textfile;
use hostwatch::forward::names::{FAMILIES, Subject, find};
use hostwatch::forward::outlet::{Load, Outcome, Outlet as _};
use hostwatch::forward::series::samples;
use hostwatch::model::batch::{Batch, OutletNumbers, Own, Thing, Verdict};
use hostwatch::model::id::Id;
use hostwatch::model::state::State;
use hostwatch::model::time::Stamp;
use hostwatch::model::unit::Span;
use hostwatch::probe::KINDS;

/// Values that have no row: they are called as `fallback` makes it.
const WITHOUT_ROW: &[&str] = &[];

/// Names in `node_memory_*` are node_exporter's, after `/proc/meminfo`; nobody would find others.
const NOT_SNAKE_CASE: &str = "node_memory_";

/// Names of everything that is read of a kind.
fn values(kind: &str) -> Vec<&'static str> {
    let spec = hostwatch::probe::kind(kind).unwrap().spec();
    let mut names: Vec<&str> = spec.metrics.iter().map(|metric| metric.name).collect();
    names.extend(spec.measures.iter().map(|measure| measure.name));
    names
}

#[test]
fn the_table_names_kinds_and_values_that_exist() {
    let kinds: Vec<&str> = KINDS.iter().map(|kind| kind.spec().name).collect();
    for family in FAMILIES {
        assert!(kinds.contains(&family.kind), "there is no kind {}", family.kind);
        let known = values(family.kind);
        for row in family.rows {
            assert!(known.contains(&row.value), "{} has no {}", family.kind, row.value);
        }
    }
}

#[test]
fn every_value_has_a_row_or_is_known_to_have_none() {
    let mut without = BTreeSet::new();
    for kind in KINDS {
        let kind = kind.spec().name;
        let of = Subject { kind, ..Subject::default() };
        without.extend(
            values(kind)
                .into_iter()
                .filter(|value| find(&of, value).is_none())
                .map(|value| format!("{kind}.{value}")),
        );
    }
    assert_eq!(without.iter().map(String::as_str).collect::<Vec<_>>(), WITHOUT_ROW);
}

/// Everything there is of every kind, once with the labels of a chip's sensor and once without, and
/// a kind that has no row.
fn everything() -> Batch {
    let labels = [
        ("channel", "temp1"),
        ("chip", "coretemp"),
        ("device", "devices/platform/coretemp.0"),
        ("entity", "CPU 1"),
        ("fstype", "ext4"),
        ("level", "raid1"),
        ("mac", "00:25:90:aa:bb:cc"),
        ("technology", "md"),
    ];
    let mut batch = Batch { at: Stamp(1_700_000_060_000), ..Batch::default() };
    for kind in KINDS {
        let kind = kind.spec().name;
        for (instance, labels) in [("one \"quoted\"", &labels[..]), ("two\nlines", &[][..])] {
            batch.things.push(Thing {
                kind: kind.into(),
                instance: instance.into(),
                labels: labels.iter().map(|(key, text)| ((*key).into(), (*text).into())).collect(),
                values: values(kind).into_iter().map(|name| (name.into(), 1.5)).collect(),
            });
            batch.verdicts.push(Verdict {
                id: Id::new(kind, instance),
                kind: kind.into(),
                title: instance.to_owned(),
                state: State::Warning,
                since: batch.at,
                read: Some(batch.at),
                changes: 1,
                silenced: true,
                acked: false,
                summary: String::new(),
                figures: Vec::new(),
            });
        }
    }
    batch.things.push(Thing {
        kind: "tape".into(),
        instance: "st0".into(),
        labels: Vec::new(),
        values: ["wear_percent", "read_bytes_total", "mounts_count", "speed_bits_per_second"]
            .map(|name| (name.into(), 2.0))
            .to_vec(),
    });
    let now = batch.at;
    batch.own = Own { started: now, booted: now, config_loaded: now, ..Own::default() };
    batch.outlets.push(OutletNumbers {
        name: "central".to_owned(),
        dropped: vec![("age".into(), 1), ("space".into(), 2)],
        last_sent: Some(now),
        ..OutletNumbers::default()
    });
    batch
}

/// Says loudly that a program is missing.
fn start(command: &mut Command) -> Option<Child> {
    match command.spawn() {
        Ok(child) => Some(child),
        Err(error) => {
            eprintln!("SKIPPED: {}: {error}", command.get_program().to_string_lossy());
            None
        }
    }
}

#[test]
fn promtool_has_no_complaint() {
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let Some(mut child) = start(&mut command) else { return };
    let text = exposition::text(&samples(&everything()));
    child.stdin.take().unwrap().write_all(&text).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    let complaints: Vec<&str> = said
        .lines()
        .filter(|line| !(line.starts_with(NOT_SNAKE_CASE) && line.contains("camelCase")))
        .collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
    // 3: read as a whole, with the complaints that were left out above.
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn node_exporter_serves_the_file_beside_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hostwatch.prom");
    let mut outlet = Textfile::open(path.to_str().unwrap()).unwrap();
    let reply = outlet.deliver(Load::Batch(&everything()), Span::from_secs(5));
    assert_eq!(reply.outcome, Outcome::Done);
    let mut command = Command::new("prometheus-node-exporter");
    command
        .arg("--web.listen-address=127.0.0.1:0")
        .arg(format!("--collector.textfile.directory={}", folder.path().display()))
        .stderr(Stdio::piped());
    let Some(mut child) = start(&mut command) else { return };
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    let address = loop {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "node_exporter ended before it listened");
        let listening = line.contains("Listening on");
        if let Some((_, address)) = line.trim().split_once("address=").filter(|_| listening) {
            break address.to_owned();
        }
    };
    let page = std::panic::catch_unwind(|| fetch(&address));
    child.kill().unwrap();
    child.wait().unwrap();
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    let page = page.unwrap();
    assert!(page.contains("\nnode_textfile_scrape_error 0\n"), "{rest}");
    let served =
        "hostwatch_check_state{check=\"nic\",kind=\"nic\",object=\"one \\\"quoted\\\"\"} 1";
    assert!(page.contains(served), "{rest}");
    // What it serves itself is not disturbed by what the file says.
    let of_us = |line: &&str| line.contains("level=error") && line.contains("hostwatch");
    assert_eq!(rest.lines().find(of_us), None);
    assert!(!rest.contains("was collected before"), "{rest}");
}

fn fetch(address: &str) -> String {
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
    client.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    let mut page = String::new();
    client.read_to_string(&mut page).unwrap();
    page
}
