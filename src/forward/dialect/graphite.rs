//! Graphite's plaintext protocol: `PATH VALUE SECONDS`, a line a value, no answer ever.
//!
//! Paths are without tags: every carbon and every relay takes those, rules for storage and existing
//! dashboards go by them, where tags need a database of their own. `PREFIX.HOST.NAME.VALUES...`: the
//! values of the labels in the order of the labels' names.
//!
//! Since nothing is answered, a load is done only when the server has closed the connection after
//! everything was sent and this side was closed: it read to the end. A reset, or silence, is none.
//! What arrives twice overwrites itself.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::forward::Site;
use crate::forward::outlet::{Appetite, Batches, Load, Mark, Outcome, Outlet, Proof, Reply};
use crate::forward::series::{self, Sample};
use crate::forward::target::Server;
use crate::model::batch::Batch;
use crate::model::limit::{GRAPHITE_NODE_BYTES, GRAPHITE_PATIENCE};
use crate::model::unit::Span;
use crate::net::clock::Deadline;
use crate::net::socket::{Service, Socket};
use crate::net::tls::Guard;

/// What is expected to listen there.
const SERVICE: Service = Service {
    name: "carbon server",
    tls_question: "does this port speak TLS? Carbon itself does not",
    patience: GRAPHITE_PATIENCE,
};

/// Carbon, or a relay.
#[derive(Debug)]
pub(super) struct Graphite {
    server: Server,
    /// Prefix and host.
    begin: String,
}

impl Graphite {
    /// Connects to nothing.
    pub(super) fn new(server: &Server, prefix: &str, site: &Site) -> Self {
        // Its dots are levels, as whoever wrote it meant them.
        let prefix: Vec<String> =
            prefix.split('.').filter(|part| !part.is_empty()).map(node).collect();
        let mut begin = prefix;
        begin.push(node(&site.fqdn));
        Self { server: server.clone(), begin: begin.join(".") }
    }

    fn send(&self, lines: &str, until: Deadline) -> Result<(), String> {
        let Server { host, port, tls, trust } = &self.server;
        let mut socket = Socket::open(host, *port, SERVICE, until)?;
        if *tls {
            let _ = socket.protect(&Guard::of(trust)?, host)?;
        }
        socket.send(lines.as_bytes())?;
        socket.finish()
    }
}

impl Outlet for Graphite {
    fn appetite(&self) -> Appetite {
        Appetite { batches: Batches::All, changes: false }
    }

    fn deliver(&mut self, load: Load<'_>, within: Span) -> Reply {
        let outcome = match load {
            Load::Change(_) => Outcome::Done,
            Load::Batch(batch) => {
                let lines = lines(&self.begin, batch);
                match self.send(&lines, Deadline::within(within.to_std())) {
                    Ok(()) => Outcome::Done,
                    Err(why) => Outcome::Retry { why, after: None, suspect: false },
                }
            }
        };
        Reply { outcome, clock: None }
    }

    fn test(&mut self, mark: &Mark, within: Span) -> Result<Proof, String> {
        let path = format!("{}.hostwatch_forward_test", self.begin);
        let line = format!("{path} {} {}\n", mark.number, mark.at.0.div_euclid(1000));
        self.send(&line, Deadline::within(within.to_std()))?;
        Ok(Proof::Accepted(format!("Graphite never answers: look for {} at {path}", mark.number)))
    }
}

/// A batch as lines. What is no number is left out.
fn lines(begin: &str, batch: &Batch) -> String {
    let samples = series::samples(batch);
    let seconds = batch.at.0.div_euclid(1000);
    let mut lines = String::new();
    for (path, sample) in paths(&samples) {
        if sample.value.is_finite() {
            let _ = writeln!(lines, "{begin}.{path} {} {seconds}", sample.value);
        }
    }
    lines
}

/// The path of each sample, below the host. Where two would have the same, since what told them apart
/// cannot stand in a path, each of them ends in a hash of its labels: none is taken for the other.
fn paths(samples: &[Sample]) -> Vec<(String, &Sample)> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut paths: Vec<(String, &Sample)> = Vec::new();
    for sample in samples {
        let mut path = node(&sample.name);
        for (_, value) in &sample.labels {
            path.push('.');
            path.push_str(&node(value));
        }
        *counts.entry(path.clone()).or_default() += 1;
        paths.push((path, sample));
    }
    for (path, sample) in &mut paths {
        if counts.get(path).is_some_and(|count| *count > 1) {
            let _ = write!(path, "_{:08x}", hash(sample));
        }
    }
    paths
}

fn hash(sample: &Sample) -> u32 {
    let mut text = String::new();
    for (name, value) in &sample.labels {
        let _ = write!(text, "{name}={value:?},");
    }
    crc32fast::hash(text.as_bytes())
}

/// A level of a path, which becomes the name of a folder: letters, digits, `_` and `-`. A long one
/// keeps its begin, and a hash of all of it.
fn node(text: &str) -> String {
    let clean: String =
        text.chars().map(|c| if c.is_alphanumeric() || c == '-' { c } else { '_' }).collect();
    if clean.len() <= GRAPHITE_NODE_BYTES {
        return if clean.is_empty() { "_".to_owned() } else { clean };
    }
    let mut short = String::new();
    for c in clean.chars() {
        if short.len() + c.len_utf8() > GRAPHITE_NODE_BYTES - 9 {
            break;
        }
        short.push(c);
    }
    format!("{short}_{:08x}", crc32fast::hash(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forward::dialect::plugin::tests::verdict;
    use crate::forward::series::Form;
    use crate::model::time::Stamp;

    fn sample(labels: &[(&'static str, &str)]) -> Sample {
        let labels = labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Sample {
            name: "node_x_bytes".into(),
            help: "".into(),
            form: Form::Gauge,
            labels,
            value: 1.0,
        }
    }

    #[test]
    fn a_batch_is_lines_below_prefix_and_host() {
        let site = Site { fqdn: "web1.example.net".to_owned(), ..Site::default() };
        let graphite = Graphite::new(&Server::default(), "servers..hw ", &site);
        let verdicts = vec![verdict("/srv/d\u{e4}ta a|b\n\"c\".d", "t", "s")];
        let batch = Batch { at: Stamp(1_795_400_000_999), verdicts, ..Batch::default() };
        let all = lines(&graphite.begin, &batch);
        let wanted = "servers.hw_.web1_example_net.hostwatch_check_state.filesystem.filesystem.\
                      _srv_d\u{e4}ta_a_b_n_c__d 2 1795400000\n";
        let first = all.lines().find(|line| line.contains("hostwatch_check_state")).unwrap();
        assert_eq!(format!("{first}\n"), wanted);
        for line in all.lines() {
            let parts: Vec<&str> = line.split(' ').collect();
            assert!(parts.len() == 3 && parts[1].parse::<f64>().is_ok(), "{line}");
            assert!(parts[0].split('.').all(|node| !node.is_empty()), "{line}");
        }
    }

    #[test]
    fn samples_that_a_path_cannot_tell_apart_get_a_hash_and_keep_it() {
        let samples = [
            sample(&[("mountpoint", "/a/b")]),
            sample(&[("mountpoint", "/a_b")]),
            sample(&[("mountpoint", "/c")]),
            sample(&[("device", "/a/b")]),
        ];
        let found = paths(&samples);
        let names: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(names[2], "node_x_bytes._c");
        let mut apart = names.clone();
        apart.sort_unstable();
        apart.dedup();
        assert_eq!(apart.len(), 4, "{names:?}");
        assert!(names[0].starts_with("node_x_bytes._a_b_") && names[0].len() == 26, "{names:?}");
        let reversed: Vec<Sample> = samples.iter().rev().cloned().collect();
        assert_eq!(paths(&reversed)[3].0, names[0]);
    }

    #[test]
    fn a_level_fits_into_the_name_of_a_file() {
        let (one, other) =
            (format!("{}x", "\u{65e5}".repeat(90)), format!("{}y", "\u{65e5}".repeat(90)));
        assert!(node(&one).len() <= GRAPHITE_NODE_BYTES);
        assert_ne!(node(&one), node(&other));
        assert_eq!(node(""), "_");
        assert_eq!(node("eno1.100"), "eno1_100");
    }
}
