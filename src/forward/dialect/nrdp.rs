//! Passive check results for Nagios, taken by NRDP: one service an id, and the host itself.
//!
//! NRDP answers 200 whatever it thinks; what it thinks stands in the body. It does not say whether
//! Nagios knows the service: a result for one that is not configured vanishes with a line in Nagios'
//! log. That an agent is gone is found out by Nagios (`check_freshness`): every batch restates all.

use serde::{Deserialize, Serialize};

use crate::forward::Site;
use crate::forward::dialect::plugin;
use crate::forward::dialect::tally::{Latest, Tally};
use crate::forward::dialect::web::{Dialect, Endpoint, Token, clock_of, encoded};
use crate::forward::outlet::{Appetite, Batches, Load, Mark, Outcome, Outlet, Proof, Reply};
use crate::forward::target::Web;
use crate::model::batch::{Batch, Verdict};
use crate::model::limit::{FORWARD_ANSWER_BYTES, NRDP_RESULTS};
use crate::model::state::State;
use crate::model::text::{shown, shown_within};
use crate::model::time::Stamp;
use crate::model::unit::Span;
use crate::net::clock::Deadline;
use crate::net::http::{Method, Request};

/// NRDP in front of Nagios.
#[derive(Debug)]
pub(super) struct Nrdp {
    endpoint: Endpoint,
    host: String,
    latest: Latest,
}

/// One result, as NRDP reads it: all values are texts.
#[derive(Debug, Serialize)]
struct CheckResult<'a> {
    checkresult: Sort,
    hostname: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    servicename: Option<String>,
    state: String,
    output: String,
    /// Used by servers that allow old results, ignored by others.
    time: String,
}

#[derive(Debug, Serialize)]
struct Sort {
    r#type: &'static str,
    checktype: &'static str,
}

#[derive(Debug, Serialize)]
struct Submission<'a> {
    checkresults: &'a [CheckResult<'a>],
}

#[derive(Debug, Deserialize)]
struct Answer {
    result: Answered,
}

#[derive(Debug, Deserialize)]
struct Answered {
    status: i64,
    #[serde(default)]
    message: String,
}

impl Nrdp {
    /// Connects to nothing.
    pub(super) fn new(web: &Web, host: &str, _site: &Site) -> Self {
        let dialect = Dialect {
            token: Token::Apart,
            final_500: false,
            not_found: "is the path right? NRDP's ends in `/nrdp/`",
        };
        Self {
            endpoint: Endpoint::new(web, dialect),
            host: host.to_owned(),
            latest: Latest::default(),
        }
    }

    fn submit(&mut self, results: &[CheckResult<'_>], until: Deadline) -> Reply {
        let lost = results.len();
        let token = match self.endpoint.token() {
            Ok(token) => token,
            Err(outcome) => return Reply { outcome, clock: None },
        };
        let body = form(&token.unwrap_or_default(), results);
        let url = self.endpoint.url().to_owned();
        let request = Request {
            url: &url,
            method: Method::Post,
            headers: vec![("Content-Type", "application/x-www-form-urlencoded".to_owned())],
            body: Some(body.as_bytes()),
            text_bytes: Some(FORWARD_ANSWER_BYTES),
        };
        match self.endpoint.send(request, until) {
            Ok(answer) => {
                let outcome = match self.endpoint.outcome(&answer, lost) {
                    Outcome::Done => judged(&self.endpoint.name(), &answer.text, lost),
                    other => other,
                };
                Reply { outcome, clock: clock_of(&answer) }
            }
            Err(outcome) => Reply { outcome, clock: None },
        }
    }

    fn submit_all(&mut self, results: &[CheckResult<'_>], until: Deadline) -> Reply {
        let mut tally = Tally::default();
        for part in results.chunks(NRDP_RESULTS) {
            let reply = self.submit(part, until);
            if let Err(reply) = tally.add(reply) {
                return reply;
            }
        }
        tally.reply()
    }
}

impl Outlet for Nrdp {
    fn appetite(&self) -> Appetite {
        Appetite { batches: Batches::Newest, changes: true }
    }

    fn deliver(&mut self, load: Load<'_>, within: Span) -> Reply {
        let until = Deadline::within(within.to_std());
        let host = self.host.clone();
        match load {
            // What is watched no more has no state; Nagios is told by whoever removes the service.
            Load::Change(change) if change.gone => Reply { outcome: Outcome::Done, clock: None },
            Load::Change(change) => {
                let reply = self.submit(&[service(&host, &change.verdict, change.at)], until);
                self.latest.told(change.at);
                reply
            }
            Load::Batch(batch) if self.latest.is_before(batch.at) => {
                Reply { outcome: Outcome::Done, clock: None }
            }
            Load::Batch(batch) => self.submit_all(&results(&host, batch), until),
        }
    }

    fn clock(&mut self, within: Span) -> Option<Stamp> {
        self.endpoint.clock(Deadline::within(within.to_std()))
    }

    fn test(&mut self, mark: &Mark, within: Span) -> Result<Proof, String> {
        let host = self.host.clone();
        let output = format!("OK - hostwatch forward test, mark {}", mark.number);
        let sent = [host_result(&host, output, mark.at)];
        match self.submit(&sent, Deadline::within(within.to_std())).outcome {
            Outcome::Done => Ok(Proof::Accepted(format!(
                "NRDP does not say whether Nagios knows the host: look at the status of host {} for \
                 `mark {}`, or into nagios.log for a warning about it",
                shown(&host),
                mark.number
            ))),
            Outcome::Dropped { why, .. } | Outcome::Retry { why, .. } | Outcome::Hold { why } => {
                Err(why)
            }
        }
    }
}

/// Everything a batch says: the host is up, and each verdict.
fn results<'a>(host: &'a str, batch: &Batch) -> Vec<CheckResult<'a>> {
    let bad = batch.verdicts.iter().filter(|verdict| verdict.state != State::Ok).count();
    let output = format!("OK - hostwatch reports: {} checks, {bad} not ok", batch.verdicts.len());
    let mut results = vec![host_result(host, output, batch.at)];
    results.extend(batch.verdicts.iter().map(|verdict| service(host, verdict, batch.at)));
    results
}

fn host_result(host: &str, output: String, at: Stamp) -> CheckResult<'_> {
    CheckResult {
        checkresult: Sort { r#type: "host", checktype: "1" },
        hostname: host,
        servicename: None,
        state: "0".to_owned(),
        output,
        time: at.0.div_euclid(1000).to_string(),
    }
}

fn service<'a>(host: &'a str, verdict: &Verdict, at: Stamp) -> CheckResult<'a> {
    CheckResult {
        checkresult: Sort { r#type: "service", checktype: "1" },
        hostname: host,
        servicename: Some(plugin::service(&verdict.id)),
        state: verdict.state.exit_code().to_string(),
        output: plugin::output(verdict),
        time: at.0.div_euclid(1000).to_string(),
    }
}

fn form(token: &str, results: &[CheckResult<'_>]) -> String {
    let json = serde_json::to_string(&Submission { checkresults: results }).unwrap_or_default();
    format!("token={}&cmd=submitcheck&JSONDATA={}", encoded(token), encoded(&json))
}

/// What the body of an answer with status 200 means.
fn judged(name: &str, text: &str, lost: usize) -> Outcome {
    let Ok(answer) = serde_json::from_str::<Answer>(text) else {
        let begin = shown_within(text.trim(), 80);
        return Outcome::Hold {
            why: format!(
                "{name}: this is no answer of NRDP: {begin}; is the path of the address right?"
            ),
        };
    };
    let words = shown(answer.result.message.trim()).into_owned();
    match answer.result.status {
        0 => Outcome::Done,
        _ if words.contains("TOKEN") => {
            Outcome::Hold { why: format!("{name}: {words}; is the token among NRDP's?") }
        }
        _ => Outcome::Dropped { lost, why: format!("{name}: {words}") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forward::dialect::plugin::tests::{figure, verdict as sample};
    use crate::model::batch::Batch;

    fn verdict(instance: &str) -> Verdict {
        let mut verdict = sample(instance, instance, "96% full");
        verdict.figures = vec![figure("used_percent", 96.0, 80.0, Some(90.0), false)];
        verdict
    }

    /// Decodes a form by code that shares nothing with the encoder.
    fn decoded(form: &str) -> Vec<(String, String)> {
        let plain = |text: &str| {
            let mut bytes = Vec::new();
            let mut rest = text.bytes();
            while let Some(byte) = rest.next() {
                match byte {
                    b'%' => {
                        let hex = [rest.next().unwrap(), rest.next().unwrap()];
                        let hex = std::str::from_utf8(&hex).unwrap().to_owned();
                        bytes.push(u8::from_str_radix(&hex, 16).unwrap());
                    }
                    b'+' => bytes.push(b' '),
                    other => bytes.push(other),
                }
            }
            String::from_utf8(bytes).unwrap()
        };
        let pairs = form.split('&').map(|pair| pair.split_once('=').unwrap());
        pairs.map(|(key, value)| (plain(key), plain(value))).collect()
    }

    #[test]
    fn a_batch_is_the_host_and_each_service() {
        let batch = Batch {
            at: Stamp(1_795_400_000_500),
            verdicts: vec![verdict("/data")],
            ..Batch::default()
        };
        let form = form("s&c=r t", &results("web1", &batch));
        assert_eq!(
            decoded(&form),
            [
                ("token".to_owned(), "s&c=r t".to_owned()),
                ("cmd".to_owned(), "submitcheck".to_owned()),
                (
                    "JSONDATA".to_owned(),
                    concat!(
                        r#"{"checkresults":[{"checkresult":{"type":"host","checktype":"1"},"#,
                        r#""hostname":"web1","state":"0","#,
                        r#""output":"OK - hostwatch reports: 1 checks, 1 not ok","#,
                        r#""time":"1795400000"},"#,
                        r#"{"checkresult":{"type":"service","checktype":"1"},"hostname":"web1","#,
                        r#""servicename":"filesystem:/data","state":"2","#,
                        r#""output":"CRITICAL - /data 96% full (since 2026-11-23T02:12:00Z) | "#,
                        r#"used_percent=96%;80;90","time":"1795400000"}]}"#
                    )
                    .to_owned()
                ),
            ]
        );
    }

    #[test]
    fn odd_names_arrive_as_one_name_and_one_line() {
        let form =
            form("t", &[service("w\u{e4}b", &verdict("/d\u{e4}ta \"a|b\"\n&c=%41+1"), Stamp(0))]);
        let json: serde_json::Value = serde_json::from_str(&decoded(&form)[2].1).unwrap();
        let result = &json["checkresults"][0];
        assert_eq!(result["hostname"], "w\u{e4}b");
        assert_eq!(result["servicename"], "filesystem:/d\u{e4}ta _a_b__n_c__41+1");
        let output = result["output"].as_str().unwrap();
        assert!(
            output.starts_with("CRITICAL - /d\u{e4}ta \"a/b\"\\n&c=%41+1 96% full"),
            "{output}"
        );
    }

    #[test]
    fn an_answer_of_200_says_in_its_body_what_it_means() {
        let of = |text: &str| judged("x", text, 3);
        assert_eq!(
            of(r#"{"result":{"status":0,"message":"OK","meta":{"output":"1"}}}"#),
            Outcome::Done
        );
        let refused = |message: &str| {
            of(&format!("{{\"result\":{{\"status\":-1,\"message\":\"{message}\"}}}}"))
        };
        for words in ["BAD TOKEN", "NO TOKEN"] {
            assert!(matches!(refused(words), Outcome::Hold { why } if why.contains(words)));
        }
        for words in ["BAD JSON", "NO DATA"] {
            let dropped = Outcome::Dropped { lost: 3, why: format!("x: {words}") };
            assert_eq!(refused(words), dropped);
        }
        assert!(matches!(of("<html>Welcome"), Outcome::Hold { why } if why.contains("Welcome")));
    }
}
