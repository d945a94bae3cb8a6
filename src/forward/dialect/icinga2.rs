//! Passive check results for Icinga 2 by its API: one request a result, over a kept connection.
//!
//! A service is named by `service: HOST!NAME`, which is one look into a table; a filter would be
//! evaluated for every service of the site. What did not change is restated every
//! [`ICINGA_RESTATE`]: a thousand hosts with 50 services are then some 170 requests a second for the
//! server, where restating in each cycle of 30 s would be 1,700.
//!
//! When its `ttl` is over, Icinga runs the service's own check: `check_command = "passive"` makes it
//! UNKNOWN, unless active checks are switched off, which takes `ttl` its meaning. `ttl` is three times as long, so that
//! one lost restatement turns nothing UNKNOWN. A dead agent is seen sooner by the service `hostwatch`,
//! where there is one: it is told in every batch, for three cycles.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::forward::Site;
use crate::forward::dialect::plugin;
use crate::forward::dialect::tally::{Latest, Tally};
use crate::forward::dialect::web::{Dialect, Endpoint, Token, clock_of, encoded};
use crate::forward::outlet::{Appetite, Batches, Load, Mark, Outcome, Outlet, Proof, Reply};
use crate::forward::target::Web;
use crate::model::batch::{Batch, Change, Verdict};
use crate::model::limit::{
    FORWARD_ANSWER_BYTES, ICINGA_CYCLE_MAX, ICINGA_CYCLE_MIN, ICINGA_RESTATE, ICINGA_RESULTS,
};
use crate::model::state::State;
use crate::model::text::shown;
use crate::model::time::Stamp;
use crate::model::unit::Span;
use crate::net::clock::Deadline;
use crate::net::http::{self, Method, Request};

/// The service that says that the agent is alive.
const AGENT: &str = "hostwatch";

/// Icinga 2.
#[derive(Debug)]
pub(super) struct Icinga2 {
    endpoint: Endpoint,
    base: String,
    host: String,
    source: String,
    latest: Latest,
    memory: Memory,
}

/// What was told last of each service.
#[derive(Debug, Default)]
struct Memory {
    told: BTreeMap<String, Told>,
    /// Services that Icinga does not know, each told to a person once.
    missing: BTreeSet<String>,
    /// Time of the batch before, and the distance of the last two.
    batch: Option<Stamp>,
    cycle: Option<Span>,
}

#[derive(Debug, Clone, Copy)]
struct Told {
    state: State,
    at: Stamp,
}

/// The body of `process-check-result`.
#[derive(Debug, Serialize)]
struct CheckResult {
    r#type: &'static str,
    /// `web1!filesystem:/data`.
    service: String,
    exit_status: u8,
    plugin_output: String,
    performance_data: Vec<String>,
    check_source: String,
    execution_start: f64,
    execution_end: f64,
    /// In seconds.
    ttl: u64,
}

impl Icinga2 {
    /// Connects to nothing.
    pub(super) fn new(web: &Web, host: &str, site: &Site) -> Self {
        let dialect = Dialect {
            token: Token::Bearer,
            final_500: false,
            not_found: "is this Icinga's API? its address has no path",
        };
        Self {
            endpoint: Endpoint::new(web, dialect),
            base: web.url.trim_end_matches('/').to_owned(),
            host: host.to_owned(),
            source: site.fqdn.clone(),
            latest: Latest::default(),
            memory: Memory::default(),
        }
    }

    fn submit(&mut self, result: &CheckResult, until: Deadline) -> Answered {
        let url = format!("{}/v1/actions/process-check-result", self.base);
        let body = serde_json::to_string(result).unwrap_or_default();
        let request = Request {
            url: &url,
            method: Method::Post,
            headers: vec![
                // Without it the answer is 400 and a page.
                ("Accept", "application/json".to_owned()),
                ("Content-Type", "application/json".to_owned()),
            ],
            body: Some(body.as_bytes()),
            text_bytes: Some(FORWARD_ANSWER_BYTES),
        };
        let answer = match self.endpoint.send(request, until) {
            Ok(answer) => answer,
            Err(outcome) => return Answered::Replied(Reply { outcome, clock: None }),
        };
        if is_unknown(&answer) {
            return Answered::Missing(clock_of(&answer));
        }
        let outcome = self.endpoint.outcome(&answer, 1);
        Answered::Replied(Reply { outcome, clock: clock_of(&answer) })
    }

    fn change(&mut self, change: &Change, until: Deadline) -> Reply {
        if change.gone {
            let _ = self.memory.told.remove(&plugin::service(&change.verdict.id));
            // Its `ttl` says the rest.
            return Reply { outcome: Outcome::Done, clock: None };
        }
        let ttl = self.memory.ttl();
        let result = result(&self.host, &self.source, &change.verdict, change.at, ttl);
        let name = plugin::service(&change.verdict.id);
        match self.submit(&result, until) {
            Answered::Replied(reply) => {
                if reply.outcome == Outcome::Done {
                    self.memory.taken(name, change.verdict.state, change.at);
                }
                self.latest.told(change.at);
                reply
            }
            Answered::Missing(clock) => {
                let _ = self.memory.missing.insert(name.clone());
                self.latest.told(change.at);
                let why = missing(&self.endpoint.name(), &self.host, &name);
                Reply { outcome: Outcome::Dropped { lost: 1, why }, clock }
            }
        }
    }

    fn batch(&mut self, batch: &Batch, until: Deadline) -> Reply {
        self.memory.begin(batch);
        let mut tally = Tally::default();
        let mut is_known = false;
        let alive = alive(&self.host, &self.source, batch, self.memory.agent_ttl());
        match self.submit(&alive, until) {
            Answered::Replied(reply) => {
                if let Err(reply) = tally.add(reply) {
                    return reply;
                }
                is_known = true;
            }
            // Nobody need have it.
            Answered::Missing(_) => {}
        }
        let ttl = self.memory.ttl();
        for verdict in self.memory.due(batch) {
            let name = plugin::service(&verdict.id);
            let result = result(&self.host, &self.source, verdict, batch.at, ttl);
            match self.submit(&result, until) {
                Answered::Replied(reply) => {
                    let is_done = reply.outcome == Outcome::Done;
                    if let Err(reply) = tally.add(reply) {
                        return reply;
                    }
                    if is_done {
                        self.memory.taken(name, verdict.state, batch.at);
                    }
                }
                Answered::Missing(_) => {
                    let why = missing(&self.endpoint.name(), &self.host, &name);
                    if self.memory.missing.insert(name.clone()) {
                        tally.lose(1, why);
                    }
                    // It is asked for again when others are restated: somebody may have made it.
                    self.memory.asked(name, verdict.state, batch.at);
                }
            }
        }
        // Where nothing at all is known, that is said of every batch.
        let count = batch.verdicts.len();
        if !is_known && count > 0 && self.memory.missing.len() == count {
            let name = self.endpoint.name();
            let why = format!(
                "{name}: Icinga knows none of the services of host \"{}\": is there such a host?",
                shown(&self.host)
            );
            return Reply { outcome: Outcome::Dropped { lost: count, why }, clock: None };
        }
        tally.reply()
    }
}

/// What came of one result.
enum Answered {
    Replied(Reply),
    /// Icinga has no such service; with its clock.
    Missing(Option<Stamp>),
}

impl Outlet for Icinga2 {
    fn appetite(&self) -> Appetite {
        Appetite { batches: Batches::Newest, changes: true }
    }

    fn deliver(&mut self, load: Load<'_>, within: Span) -> Reply {
        let until = Deadline::within(within.to_std());
        match load {
            Load::Change(change) => self.change(change, until),
            Load::Batch(batch) if self.latest.is_before(batch.at) => {
                Reply { outcome: Outcome::Done, clock: None }
            }
            Load::Batch(batch) => self.batch(batch, until),
        }
    }

    fn clock(&mut self, within: Span) -> Option<Stamp> {
        self.endpoint.clock(Deadline::within(within.to_std()))
    }

    /// Asks which services the host has there, states the one of the agent, and reads it back. No
    /// other is touched: a made-up result would be believed.
    fn test(&mut self, mark: &Mark, within: Span) -> Result<Proof, String> {
        let until = Deadline::within(within.to_std());
        let output = format!("OK - hostwatch forward test, mark {}", mark.number);
        let service = format!("{}!{AGENT}", self.host);
        let result = CheckResult {
            r#type: "Service",
            service: service.clone(),
            exit_status: 0,
            plugin_output: output.clone(),
            performance_data: Vec::new(),
            check_source: self.source.clone(),
            execution_start: seconds(mark.at),
            execution_end: seconds(mark.at),
            ttl: self.memory.agent_ttl(),
        };
        match self.submit(&result, until) {
            Answered::Missing(_) => {
                return Err(format!(
                    "{}: there is no service {AGENT} of host {} to test with: define one with \
                     check_command \"passive\" and active checks left on (the agent keeps it \
                     alive), or there is no such host at all",
                    self.endpoint.name(),
                    shown(&self.host)
                ));
            }
            Answered::Replied(reply) => match reply.outcome {
                Outcome::Done => {}
                Outcome::Dropped { why, .. }
                | Outcome::Retry { why, .. }
                | Outcome::Hold { why } => return Err(why),
            },
        }
        let path = format!("/v1/objects/services/{}?attrs=last_check_result", encoded(&service));
        let url = format!("{}{path}", self.base);
        let request = Request {
            url: &url,
            headers: vec![("Accept", "application/json".to_owned())],
            text_bytes: Some(FORWARD_ANSWER_BYTES),
            ..Request::default()
        };
        match self.endpoint.send(request, until) {
            Ok(answer) if answer.is_good() && answer.text.contains(&output) => {
                Ok(Proof::ReadBack(format!("found by GET {path}")))
            }
            Ok(answer) if answer.is_good() => Err(format!(
                "{}: it took the result for {service}, but does not show it by GET {path}",
                self.endpoint.name()
            )),
            // Who may state results need not be allowed to ask.
            Ok(_) | Err(_) => Ok(Proof::Accepted(format!(
                "look at the last check result of {service} for `mark {}`",
                mark.number
            ))),
        }
    }
}

impl Memory {
    /// Notes the distance of two batches, and forgets what is watched no more.
    fn begin(&mut self, batch: &Batch) {
        if let Some(before) = self.batch.replace(batch.at).filter(|before| *before < batch.at) {
            self.cycle = Some(before.until(batch.at));
        }
        let names: BTreeSet<String> =
            batch.verdicts.iter().map(|verdict| plugin::service(&verdict.id)).collect();
        self.told.retain(|name, _| names.contains(name));
        self.missing.retain(|name| names.contains(name));
    }

    /// What is told of a batch: states that are not told yet, then those told longest ago; at most
    /// [`ICINGA_RESULTS`].
    fn due<'a>(&self, batch: &'a Batch) -> Vec<&'a Verdict> {
        let mut due: Vec<(Option<Stamp>, &Verdict)> = batch
            .verdicts
            .iter()
            .filter_map(|verdict| match self.told.get(&plugin::service(&verdict.id)) {
                Some(told) if told.state == verdict.state => {
                    // After the clock was set back nothing would be due for a long time.
                    let is_due = told.at > batch.at || told.at.until(batch.at) >= ICINGA_RESTATE;
                    is_due.then_some((Some(told.at), verdict))
                }
                _ => Some((None, verdict)),
            })
            .collect();
        due.sort_by_key(|(told, _)| *told);
        due.into_iter().take(ICINGA_RESULTS).map(|(_, verdict)| verdict).collect()
    }

    fn taken(&mut self, name: String, state: State, at: Stamp) {
        let _ = self.missing.remove(&name);
        self.asked(name, state, at);
    }

    fn asked(&mut self, name: String, state: State, at: Stamp) {
        let _ = self.told.insert(name, Told { state, at });
    }

    /// How long a result holds, in seconds: three times the distance of two.
    fn ttl(&self) -> u64 {
        self.cycle().max(ICINGA_RESTATE).times(3).as_millis() / 1000
    }

    /// How long the agent may be silent, in seconds.
    fn agent_ttl(&self) -> u64 {
        self.cycle().times(3).as_millis() / 1000
    }

    /// Distance of batches, as far as it has been seen.
    fn cycle(&self) -> Span {
        self.cycle.unwrap_or(ICINGA_CYCLE_MAX).clamp(ICINGA_CYCLE_MIN, ICINGA_CYCLE_MAX)
    }
}

/// Icinga's 404 for a service, which is none of the address.
fn is_unknown(answer: &http::Answer) -> bool {
    answer.status == 404 && answer.text.contains("o objects found")
}

fn missing(server: &str, host: &str, name: &str) -> String {
    format!(
        "{server}: Icinga has no service \"{name}\" of host \"{}\": define it with check_command \"passive\" and active checks left on",
        shown(host)
    )
}

fn result(host: &str, source: &str, verdict: &Verdict, at: Stamp, ttl: u64) -> CheckResult {
    CheckResult {
        r#type: "Service",
        service: format!("{host}!{}", plugin::service(&verdict.id)),
        exit_status: verdict.state.exit_code(),
        plugin_output: plugin::text(verdict),
        performance_data: plugin::performance_data(verdict),
        check_source: source.to_owned(),
        execution_start: seconds(at),
        execution_end: seconds(at),
        ttl,
    }
}

fn alive(host: &str, source: &str, batch: &Batch, ttl: u64) -> CheckResult {
    let bad = batch.verdicts.iter().filter(|verdict| verdict.state != State::Ok).count();
    CheckResult {
        r#type: "Service",
        service: format!("{host}!{AGENT}"),
        exit_status: 0,
        plugin_output: format!(
            "OK - the agent reports: {} checks, {bad} not ok",
            batch.verdicts.len()
        ),
        performance_data: vec![format!("checks={}", batch.verdicts.len()), format!("bad={bad}")],
        check_source: source.to_owned(),
        execution_start: seconds(batch.at),
        execution_end: seconds(batch.at),
        ttl,
    }
}

/// Seconds of Unix time.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of 285,000 years fit")]
fn seconds(at: Stamp) -> f64 {
    at.0 as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forward::dialect::plugin::tests::{figure, verdict};

    fn batch(at_secs: i64, count: usize) -> Batch {
        let verdicts = (0..count).map(|at| verdict(&format!("/{at:04}"), "t", "s")).collect();
        Batch { at: Stamp(at_secs * 1000), verdicts, ..Batch::default() }
    }

    #[test]
    fn a_result_names_its_service_and_its_time() {
        let mut verdict = verdict("/d\u{e4}ta \"a|b\"\n!.x", "/d\u{e4}ta", "96% \"full\"|\nx");
        verdict.figures = vec![figure("used_percent", 96.5, 90.0, Some(95.0), false)];
        let at = Stamp(1_795_400_000_123);
        let result = result("web1", "web1.example.net", &verdict, at, 900);
        assert_eq!(
            serde_json::to_string(&result).unwrap(),
            concat!(
                "{\"type\":\"Service\",\"service\":\"web1!filesystem:/d\u{e4}ta _a_b__n_.x\",",
                "\"exit_status\":2,\"plugin_output\":",
                "\"CRITICAL - /d\u{e4}ta 96% \\\"full\\\"/\\\\nx (since 2026-11-23T02:12:00Z)\",",
                "\"performance_data\":[\"used_percent=96.5%;90;95\"],",
                "\"check_source\":\"web1.example.net\",\"execution_start\":1795400000.123,",
                "\"execution_end\":1795400000.123,\"ttl\":900}"
            )
        );
    }

    /// Tells what is due of a batch; how many that are.
    fn tell(memory: &mut Memory, batch: &Batch) -> usize {
        memory.begin(batch);
        let due: Vec<(String, State)> = memory
            .due(batch)
            .iter()
            .map(|verdict| (plugin::service(&verdict.id), verdict.state))
            .collect();
        let count = due.len();
        for (name, state) in due {
            memory.taken(name, state, batch.at);
        }
        count
    }

    #[test]
    fn what_did_not_change_is_restated_long_before_its_time_is_over() {
        let mut memory = Memory::default();
        let told: Vec<usize> = (0..22).map(|n| tell(&mut memory, &batch(n * 30, 50))).collect();
        let mut wanted = vec![0; 22];
        (wanted[0], wanted[10], wanted[20]) = (50, 50, 50);
        assert_eq!(told, wanted);
        assert_eq!((memory.ttl(), memory.agent_ttl()), (900, 90));
        let mut changed = batch(660, 50);
        changed.verdicts[7].state = State::Ok;
        assert_eq!(tell(&mut memory, &changed), 1);
        // The clock is set back: nothing waits for it to catch up.
        assert_eq!(tell(&mut memory, &batch(10, 50)), 50);
    }

    #[test]
    fn a_large_host_is_told_in_turns_and_nobody_starves() {
        let mut memory = Memory::default();
        for n in 0..10 {
            assert_eq!(tell(&mut memory, &batch(n * 30, 950)), if n == 9 { 50 } else { 100 });
        }
        // Those that were told first are due first.
        memory.begin(&batch(300, 950));
        let at = batch(300, 950);
        let due = memory.due(&at);
        assert_eq!((due.len(), &*due[0].id.instance), (100, "/0000"));
        tell(&mut memory, &batch(330, 3));
        assert_eq!(memory.told.len(), 3, "what is gone is forgotten");
    }

    #[test]
    fn a_slow_cycle_lengthens_what_a_result_holds() {
        let mut memory = Memory::default();
        assert_eq!(memory.agent_ttl(), 1800);
        tell(&mut memory, &batch(0, 1));
        tell(&mut memory, &batch(500, 1));
        assert_eq!((memory.ttl(), memory.agent_ttl()), (1500, 1500));
        tell(&mut memory, &batch(501, 1));
        assert_eq!((memory.ttl(), memory.agent_ttl()), (900, 90));
    }
}
