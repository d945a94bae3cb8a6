//! InfluxDB, versions 1 and 2: a batch in the line protocol, and what its words say of lost points.
//!
//! Each series is a measurement of its Prometheus name with one field `value`, always a float: the
//! first write fixes a field's type. The host and its labels are tags.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::forward::Site;
use crate::forward::dialect::web::{Dialect, Endpoint, Token, clock_of, encoded};
use crate::forward::outlet::{Appetite, Batches, Load, Mark, Outcome, Outlet, Proof, Reply};
use crate::forward::series;
use crate::forward::target::Web;
use crate::model::batch::Batch;
use crate::model::limit::FORWARD_ANSWER_BYTES;
use crate::model::text::shown;
use crate::model::time::Stamp;
use crate::model::unit::Span;
use crate::net::clock::Deadline;
use crate::net::http::Answer;

/// One sample under a name that nothing else has.
const MARK: &str = "hostwatch_forward_test";

/// InfluxDB, or what takes its protocol.
#[derive(Debug)]
pub(super) struct Influx {
    endpoint: Endpoint,
    site: Site,
    write: String,
    /// Where version 1 is asked; version 2 is asked in a language of its own, by another right.
    query: Option<String>,
}

impl Influx {
    /// Version 2 is spoken where there is an organisation. Connects to nothing.
    pub(super) fn new(web: &Web, database: &str, organisation: Option<&str>, site: &Site) -> Self {
        let token = if organisation.is_some() { Token::Word } else { Token::Bearer };
        let not_found = match organisation {
            Some(_) => "is there a bucket of this name, and is the organisation right?",
            None => "is there a database of this name? `CREATE DATABASE` makes one",
        };
        let dialect = Dialect { token, final_500: false, not_found };
        let base = web.url.trim_end_matches('/');
        let database = encoded(database);
        let (write, query) = match organisation {
            Some(organisation) => {
                let organisation = encoded(organisation);
                let write = format!(
                    "{base}/api/v2/write?org={organisation}&bucket={database}&precision=ms"
                );
                (write, None)
            }
            None => (
                format!("{base}/write?db={database}&precision=ms"),
                Some(format!("{base}/query?db={database}&q=")),
            ),
        };
        Self { endpoint: Endpoint::new(web, dialect), site: site.clone(), write, query }
    }

    fn post(&mut self, lines: &str, until: Deadline) -> Reply {
        let lost = lines.lines().count();
        let headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Encoding", "gzip")];
        let answer = match gzip(lines.as_bytes()) {
            Ok(body) => self.endpoint.post(&self.write, &headers, &body, until),
            Err(why) => Err(Outcome::Dropped { lost, why }),
        };
        match answer {
            Ok(answer) => {
                let clock = clock_of(&answer);
                let outcome = self.endpoint.outcome(&answer, lost_of(&answer, lost));
                Reply { outcome, clock }
            }
            Err(outcome) => Reply { outcome, clock: None },
        }
    }
}

impl Outlet for Influx {
    fn appetite(&self) -> Appetite {
        Appetite { batches: Batches::All, changes: false }
    }

    fn deliver(&mut self, load: Load<'_>, within: Span) -> Reply {
        let Load::Batch(batch) = load else {
            return Reply { outcome: Outcome::Done, clock: None };
        };
        let lines = lines(batch, &self.site);
        self.post(&lines, Deadline::within(within.to_std()))
    }

    fn clock(&mut self, within: Span) -> Option<Stamp> {
        self.endpoint.clock(Deadline::within(within.to_std()))
    }

    fn test(&mut self, mark: &Mark, within: Span) -> Result<Proof, String> {
        let until = Deadline::within(within.to_std());
        let number = mark.number.to_string();
        let mut sent = String::new();
        let labels = [("mark", number.as_str())];
        line(&mut sent, MARK, labels, &self.site, f64::from(mark.number), mark.at);
        match self.post(&sent, until).outcome {
            Outcome::Done => {}
            Outcome::Dropped { why, .. } | Outcome::Retry { why, .. } | Outcome::Hold { why } => {
                return Err(why);
            }
        }
        let question = format!("SELECT value FROM {MARK} WHERE mark = '{number}'");
        let Some(query) = &self.query else {
            return Ok(Proof::Accepted(format!(
                "look for measurement {MARK} with mark = {number} in the bucket"
            )));
        };
        let url = format!("{query}{}", encoded(&question));
        match self.endpoint.get(&url, FORWARD_ANSWER_BYTES, until) {
            Ok(answer) if answer.is_good() && holds(&answer.text, mark.number) => {
                Ok(Proof::ReadBack(format!("found by {question}")))
            }
            Ok(answer) if answer.is_good() => {
                Err(format!("{} took it, but does not find it by {question}", self.endpoint.name()))
            }
            // Who may write need not be allowed to read.
            Ok(_) | Err(_) => Ok(Proof::Accepted(format!("ask by {question}"))),
        }
    }
}

/// Whether an answer to the question for the mark holds its value.
fn holds(answer: &str, number: u32) -> bool {
    let Ok(answer) = serde_json::from_str::<serde_json::Value>(answer) else { return false };
    let rows = answer.pointer("/results/0/series/0/values").and_then(|rows| rows.as_array());
    let value = |row: &serde_json::Value| row.get(1).and_then(serde_json::Value::as_u64);
    rows.is_some_and(|rows| rows.iter().any(|row| value(row) == Some(u64::from(number))))
}

/// How many points a refusal lost: where only some were, it says `dropped=3`.
fn lost_of(answer: &Answer, all: usize) -> usize {
    if !answer.text.contains("partial write") {
        return all;
    }
    let rest = answer.text.split("dropped=").nth(1).unwrap_or_default();
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().map_or(1, |lost: usize| lost.min(all))
}

/// A batch as lines, each of one value, with the time of the batch in milliseconds.
fn lines(batch: &Batch, site: &Site) -> String {
    let mut lines = String::new();
    for sample in series::samples(batch) {
        let labels = sample.labels.iter().map(|(name, value)| (name.as_ref(), value.as_str()));
        line(&mut lines, &sample.name, labels, site, sample.value, batch.at);
    }
    lines
}

/// Writes one line. What is no number has no form in the protocol and is left out.
fn line<'a>(
    lines: &mut String,
    name: &str,
    labels: impl IntoIterator<Item = (&'a str, &'a str)>,
    site: &'a Site,
    value: f64,
    at: Stamp,
) {
    if !value.is_finite() {
        return;
    }
    let mut tags: BTreeMap<&str, &str> = BTreeMap::new();
    for (key, value) in &site.labels {
        // The server refuses a tag of this name: its own column has it.
        let key = if key == "time" { "time_" } else { key };
        let _ = tags.insert(key, value);
    }
    let _ = tags.insert("host", &site.fqdn);
    tags.extend(labels);
    lines.push_str(&escaped(name, false));
    for (key, value) in tags.into_iter().filter(|(key, value)| !key.is_empty() && !value.is_empty())
    {
        let _ = write!(lines, ",{}={}", escaped(key, true), escaped(value, true));
    }
    let _ = writeln!(lines, " value={value} {}", at.0);
}

/// A measurement or a part of a tag. A line end has no form in either; a backslash at the end would
/// take away the meaning of what follows, and cannot be escaped.
fn escaped(text: &str, is_tag: bool) -> String {
    let text = shown(text);
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, ',' | ' ') || (is_tag && c == '=') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    while escaped.ends_with('\\') {
        let _ = escaped.pop();
        escaped.push('_');
    }
    escaped
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let packed = encoder.write_all(bytes).and_then(|()| encoder.finish());
    packed.map_err(|error| format!("cannot be packed: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forward::dialect::plugin::tests::verdict;

    fn site() -> Site {
        let labels = [("rack", "a, 7"), ("time", "now"), ("empty", ""), ("kind", "shadowed")];
        let labels = labels.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        Site { name: "web1".to_owned(), fqdn: "web1.example.net".to_owned(), labels }
    }

    /// Measurement, tags, fields and time of a line, read as the protocol's description has it.
    fn parsed(line: &str) -> (String, Vec<(String, String)>, String, i64) {
        let mut parts = vec![String::new()];
        let mut chars = line.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' if chars.peek().is_some_and(|next| ", =".contains(*next)) => {
                    // Kept apart from one that separates.
                    let escaped = match chars.next().unwrap() {
                        ',' => '\u{1}',
                        ' ' => '\u{2}',
                        _ => '\u{3}',
                    };
                    parts.last_mut().unwrap().push(escaped);
                }
                ' ' => parts.push(String::new()),
                c => parts.last_mut().unwrap().push(c),
            }
        }
        let plain =
            |text: &str| text.replace('\u{1}', ",").replace('\u{2}', " ").replace('\u{3}', "=");
        assert_eq!(parts.len(), 3, "{line}");
        let mut head = parts[0].split(',');
        let name = plain(head.next().unwrap());
        let tags = head.map(|tag| tag.split_once('=').unwrap());
        let tags = tags.map(|(key, value)| (plain(key), plain(value))).collect();
        (name, tags, parts[1].clone(), parts[2].parse().unwrap())
    }

    fn state_line(instance: &str) -> String {
        let verdicts = vec![verdict(instance, "t", "s")];
        let batch = Batch { at: Stamp(1_795_400_000_123), verdicts, ..Batch::default() };
        let all = lines(&batch, &site());
        all.lines().find(|line| line.starts_with("hostwatch_check_state")).unwrap().to_owned()
    }

    #[test]
    fn a_sample_is_a_line_with_one_float() {
        assert_eq!(
            state_line("/data"),
            "hostwatch_check_state,check=filesystem,host=web1.example.net,kind=filesystem,\
             object=/data,rack=a\\,\\ 7,time_=now value=2 1795400000123"
        );
        let mut lines = String::new();
        for value in [1e21, f64::MIN_POSITIVE, f64::NAN, f64::NEG_INFINITY] {
            line(&mut lines, "m", [], &Site::default(), value, Stamp(5));
        }
        assert_eq!(lines.lines().count(), 2, "{lines}");
        for line in lines.lines() {
            let (name, tags, field, at) = parsed(line);
            assert_eq!((name.as_str(), tags.len(), at), ("m", 0, 5));
            let value = field.strip_prefix("value=").unwrap();
            assert!(value.parse::<f64>().is_ok() && !value.ends_with('i'), "{line}");
        }
    }

    #[test]
    fn odd_names_arrive_as_they_are() {
        for (name, read) in [
            ("/d\u{e4}ta a,b=c|d.e\"f'", "/d\u{e4}ta a,b=c|d.e\"f'"),
            ("/a\nb", "/a\\nb"),
            ("C:\\", "C:_"),
            ("a\\,b", "a\\,b"),
        ] {
            let (_, tags, field, _) = parsed(&state_line(name));
            let object = tags.iter().find(|(key, _)| key == "object").unwrap();
            assert_eq!((object.1.as_str(), field.as_str()), (read, "value=2"), "{name}");
            assert_eq!(tags.len(), 6);
        }
    }

    #[test]
    fn a_partial_write_says_how_much_was_lost() {
        let of = |text: &str| lost_of(&Answer { text: text.to_owned(), ..Answer::default() }, 10);
        let partial = r#"{"error":"partial write: field type conflict: x dropped=3"}"#;
        assert_eq!(of(partial), 3);
        assert_eq!(
            of(r#"{"error":"partial write: points beyond retention policy dropped=99"}"#),
            10
        );
        assert_eq!(of(r#"{"error":"partial write: ?"}"#), 1);
        assert_eq!(of(r#"{"error":"unable to parse 'x': missing fields"}"#), 10);
    }

    #[test]
    fn version_2_is_spoken_where_there_is_an_organisation() {
        let web = Web { url: "https://x.example/base/".to_owned(), ..Web::default() };
        let one = Influx::new(&web, "h w", None, &site());
        assert_eq!(one.write, "https://x.example/base/write?db=h%20w&precision=ms");
        let two = Influx::new(&web, "hw", Some("\u{fc}&"), &site());
        let wanted = "https://x.example/base/api/v2/write?org=%C3%BC%26&bucket=hw&precision=ms";
        assert_eq!(two.write, wanted);
    }
}
