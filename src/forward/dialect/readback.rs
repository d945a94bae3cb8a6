//! Looks whether a sample that a test has sent is to be found: by the queries of Prometheus and of
//! VictoriaMetrics, which many others speak too.
//!
//! Must not know: by which dialect the sample was sent.

use serde_json::Value;

use crate::forward::dialect::web::{Endpoint, encoded};
use crate::forward::outlet::{Mark, Proof};
use crate::host::timer::pause;
use crate::model::limit::{FORWARD_LOOK_BYTES, FORWARD_LOOK_EVERY};
use crate::net::clock::Deadline;
use crate::net::http::Answer;

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// As a person types it into a query.
    pub selector: &'a str,
    /// The sample.
    pub mark: &'a Mark,
}

/// Where a receiver may be asked that takes samples at `url`: addresses that queries stand below.
/// None where the path is not one of `paths`.
#[must_use]
pub fn bases(url: &str, paths: &[&str]) -> Vec<String> {
    let address = url.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let Some(base) = paths.iter().find_map(|path| address.strip_suffix(path)) else {
        return Vec::new();
    };
    let mut bases = vec![base.to_owned()];
    if base.contains("/insert/") {
        // Clusters of VictoriaMetrics behind one address.
        bases.push(base.replace("/insert/", "/select/"));
    }
    // Mimir and Cortex have their queries below a path of their own.
    bases.extend((!base.ends_with("/prometheus")).then(|| format!("{base}/prometheus")));
    bases
}

/// What a receiver says to a question.
enum Look {
    Found,
    Nothing,
    NotHere,
}

/// Asks until the sample is there or time is over: some show it a second or two after they took it.
///
/// # Errors
/// Who can be asked does not have it.
pub fn look(
    endpoint: &mut Endpoint,
    bases: &[String],
    asked: &Asked<'_>,
    deadline: Deadline,
) -> Result<Proof, String> {
    let questions: Vec<Question<'_>> = bases.iter().flat_map(|base| questions(base)).collect();
    let mut who_answers: Option<&Question<'_>> = None;
    for round in 0.. {
        for question in &questions {
            if who_answers.is_some_and(|it| !std::ptr::eq(it, question)) {
                continue;
            }
            match question.ask(endpoint, asked, round, deadline) {
                Look::Found => {
                    return Ok(Proof::ReadBack(format!("found by GET {}", question.shown(asked))));
                }
                Look::Nothing => {
                    who_answers = Some(question);
                    break;
                }
                Look::NotHere => {}
            }
        }
        let Some(question) = who_answers else { break };
        if deadline.left() <= FORWARD_LOOK_EVERY.to_std() {
            return Err(format!(
                "{} took the sample and does not show it: GET {} finds nothing. VictoriaMetrics \
                 drops without a word what is older than its -retentionPeriod or days ahead; a \
                 relay may pass it on elsewhere or later",
                endpoint.name(),
                question.shown(asked)
            ));
        }
        pause(FORWARD_LOOK_EVERY);
    }
    Ok(Proof::Accepted(format!(
        "it cannot be asked here whether it kept the sample: look for {} where its graphs are",
        asked.selector
    )))
}

/// One way to ask.
struct Question<'a> {
    base: &'a str,
    path: &'static str,
    found: fn(&str, &Mark) -> Option<bool>,
}

/// First what has been stored (VictoriaMetrics alone knows that), then what a query shows.
fn questions(base: &str) -> [Question<'_>; 2] {
    [
        Question { base, path: "/api/v1/export?match[]=", found: exported },
        Question { base, path: "/api/v1/query?query=", found: queried },
    ]
}

impl Question<'_> {
    /// For people, as they type it.
    fn shown(&self, asked: &Asked<'_>) -> String {
        format!("{}{}{}", self.base, self.path, asked.selector)
    }

    fn ask(
        &self,
        endpoint: &mut Endpoint,
        asked: &Asked<'_>,
        round: u32,
        deadline: Deadline,
    ) -> Look {
        // VictoriaMetrics keeps for ten seconds which series a selector has: no two are alike.
        let selector = asked.selector.trim_end_matches('}');
        let selector = encoded(&format!("{selector},mark!=\"{round}\"}}"));
        let seconds = asked.mark.at.0.div_euclid(1000).saturating_add(1);
        let url = format!("{}{}{selector}&time={seconds}", self.base, self.path);
        let answer = endpoint.get(&url, FORWARD_LOOK_BYTES, deadline);
        let found = answer.ok().filter(Answer::is_good);
        match found.and_then(|answer| (self.found)(&answer.text, asked.mark)) {
            Some(true) => Look::Found,
            Some(false) => Look::Nothing,
            None => Look::NotHere,
        }
    }
}

/// In lines of JSON, one a series; none is a good answer too. `None` for what is no such answer.
fn exported(text: &str, mark: &Mark) -> Option<bool> {
    let mut is_found = false;
    for line in text.lines() {
        let series: Value = serde_json::from_str(line).ok()?;
        let list = |key: &str| series.get(key).and_then(Value::as_array).cloned();
        let (values, times) = (list("values")?, list("timestamps")?);
        is_found |= values.iter().zip(&times).any(|(value, time)| {
            is_number(value.as_f64(), mark) && time.as_i64() == Some(mark.at.0)
        });
    }
    Some(is_found)
}

/// In a vector. `None` for what is no such answer.
fn queried(text: &str, mark: &Mark) -> Option<bool> {
    let answer: Value = serde_json::from_str(text).ok()?;
    let series = answer.pointer("/data/result")?.as_array()?;
    Some(series.iter().any(|series| {
        let value = series.pointer("/value/1").and_then(Value::as_str);
        is_number(value.and_then(|value| value.parse().ok()), mark)
    }))
}

fn is_number(value: Option<f64>, mark: &Mark) -> bool {
    value.is_some_and(|value| (value - f64::from(mark.number)).abs() < 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Stamp;

    const MARK: Mark = Mark { at: Stamp(1_700_000_000_123), number: 4_000_000_001 };

    #[test]
    fn queries_stand_where_the_samples_go() {
        let of = |url: &str| bases(url, &["/api/v1/write", "/api/v1/push"]);
        let both = |base: &str| vec![base.to_owned(), format!("{base}/prometheus")];
        assert_eq!(of("http://a:9090/api/v1/write"), both("http://a:9090"));
        assert_eq!(of("https://a/x/api/v1/push/?y=z"), both("https://a/x"));
        let cluster = ["http://a/insert/0/prometheus", "http://a/select/0/prometheus"];
        assert_eq!(of("http://a/insert/0/prometheus/api/v1/write"), cluster);
        assert!(of("http://a/write").is_empty());
    }

    #[test]
    fn an_export_holds_the_very_sample_or_not() {
        let line = |value: u32, time: i64| {
            format!("{{\"metric\":{{}},\"values\":[{value}],\"timestamps\":[{time}]}}\n")
        };
        assert_eq!(exported(&line(MARK.number, MARK.at.0), &MARK), Some(true));
        assert_eq!(exported(&line(MARK.number, 1), &MARK), Some(false));
        assert_eq!(exported(&line(1, MARK.at.0), &MARK), Some(false));
        assert_eq!(exported("", &MARK), Some(false));
        assert_eq!(exported("<html>", &MARK), None);
    }

    #[test]
    fn a_query_shows_the_very_number_or_not() {
        let answer = |value: &str| {
            format!(
                "{{\"status\":\"success\",\"data\":{{\"resultType\":\"vector\",\"result\":\
                 [{{\"metric\":{{}},\"value\":[1700000000,\"{value}\"]}}]}}}}"
            )
        };
        assert_eq!(queried(&answer("4000000001"), &MARK), Some(true));
        assert_eq!(queried(&answer("4000000002"), &MARK), Some(false));
        assert_eq!(queried("{\"data\":{\"result\":[]}}", &MARK), Some(false));
        assert_eq!(queried("{\"status\":\"error\"}", &MARK), None);
        assert_eq!(queried("", &MARK), None);
    }
}
