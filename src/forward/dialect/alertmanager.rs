//! Prometheus' Alertmanager, API v2: what is not ok as alerts, each member of a cluster told by itself.
//!
//! A member gossips silences to the others, but no alerts. So each has a memory of its own here, and
//! what one missed reaches it with the next batch: a load is done once one member has taken it. A
//! member that will not take anything until somebody mends it is told as a loss, while the others are
//! served.
//!
//! An alert carries an end of its own, [`ALERT_LIFE`] ahead: without, the server's `resolve_timeout`
//! (5 minutes) would tell people that all is well while the host reboots or its agent is dead; with
//! three cycles, a clock that is two minutes off would end every alert at once. That an agent is gone
//! is another alert, made from its metrics. After a restart of the agent each member is asked which
//! alerts of this host it has, and those that are over are resolved; where it cannot be asked, they
//! end by themselves within that hour.

use serde::Deserialize;

use crate::forward::Site;
use crate::forward::dialect::alert::{Alert, Known, Labels, MARK, NAME, mark, of_batch, of_change};
use crate::forward::dialect::tally::{Latest, Tally};
use crate::forward::dialect::web::{Dialect, Endpoint, Token, clock_of, encoded};
use crate::forward::outlet::{Appetite, Batches, Load, Mark, Outcome, Outlet, Proof, Reply};
use crate::forward::target::Web;
use crate::model::limit::{ALERTS_A_POST, FORWARD_ANSWER_BYTES};
use crate::model::text::shown_within;
use crate::model::time::Stamp;
use crate::model::unit::Span;
use crate::net::clock::Deadline;

/// A cluster of Alertmanagers, or one.
#[derive(Debug)]
pub(super) struct Alertmanager {
    members: Vec<Member>,
    site: Site,
    latest: Latest,
}

#[derive(Debug)]
struct Member {
    endpoint: Endpoint,
    /// `http://127.0.0.1:9093/api/v2/alerts`.
    url: String,
    known: Known,
    /// Whether it was asked which alerts it has.
    is_asked: bool,
}

/// An alert as the server shows it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    labels: Labels,
    starts_at: String,
}

impl Alertmanager {
    /// Connects to nothing.
    pub(super) fn new(cluster: &[Web], site: &Site) -> Self {
        let dialect = Dialect {
            token: Token::Bearer,
            final_500: false,
            not_found: "is this an Alertmanager with API v2? its address is written without `/api/v2`",
        };
        let member = |web: &Web| Member {
            endpoint: Endpoint::new(web, dialect),
            url: format!("{}/api/v2/alerts", web.url.trim_end_matches('/')),
            known: Known::new(),
            is_asked: false,
        };
        let members = cluster.iter().map(member).collect();
        Self { members, site: site.clone(), latest: Latest::default() }
    }

    /// Tells each member; each has its share of the time that is left.
    fn tell(&mut self, load: Load<'_>, until: Deadline) -> Reply {
        let mut replies = Vec::new();
        let mut left = u32::try_from(self.members.len()).unwrap_or(u32::MAX);
        for member in &mut self.members {
            let share = until.left().checked_div(left).unwrap_or_default();
            replies.push(member.tell(load, &self.site, until.at_most(share)));
            left = left.saturating_sub(1);
        }
        together(replies)
    }
}

impl Outlet for Alertmanager {
    fn appetite(&self) -> Appetite {
        Appetite { batches: Batches::Newest, changes: true }
    }

    fn deliver(&mut self, load: Load<'_>, within: Span) -> Reply {
        match load {
            Load::Batch(batch) if self.latest.is_before(batch.at) => {
                return Reply { outcome: Outcome::Done, clock: None };
            }
            Load::Batch(_) => {}
            Load::Change(change) => self.latest.told(change.at),
        }
        self.tell(load, Deadline::within(within.to_std()))
    }

    fn clock(&mut self, within: Span) -> Option<Stamp> {
        let until = Deadline::within(within.to_std());
        self.members.iter_mut().find_map(|member| member.endpoint.clock(until))
    }

    fn test(&mut self, mark: &Mark, within: Span) -> Result<Proof, String> {
        let until = Deadline::within(within.to_std());
        let mut words = Vec::new();
        for member in &mut self.members {
            words.push(member.test(mark, &self.site, until)?);
        }
        Ok(Proof::ReadBack(words.join("; ")))
    }
}

impl Member {
    fn tell(&mut self, load: Load<'_>, site: &Site, until: Deadline) -> Reply {
        let (alerts, next) = match load {
            Load::Batch(batch) => {
                self.remember(site, until);
                of_batch(batch, site, &self.known)
            }
            Load::Change(change) => of_change(change, site, &self.known),
        };
        let reply = self.post(&alerts, until);
        // What was refused for good is not tried again either.
        if matches!(reply.outcome, Outcome::Done | Outcome::Dropped { .. }) {
            self.known = next;
        }
        reply
    }

    fn post(&mut self, alerts: &[Alert], until: Deadline) -> Reply {
        let mut tally = Tally::default();
        for part in alerts.chunks(ALERTS_A_POST) {
            let body = serde_json::to_vec(part).unwrap_or_default();
            let headers = [("Content-Type", "application/json")];
            let reply = match self.endpoint.post(&self.url, &headers, &body, until) {
                Ok(answer) => Reply {
                    outcome: self.endpoint.outcome(&answer, part.len()),
                    clock: clock_of(&answer),
                },
                Err(outcome) => Reply { outcome, clock: None },
            };
            if let Err(reply) = tally.add(reply) {
                return reply;
            }
        }
        tally.reply()
    }

    /// After a restart: asks which alerts of this host it has. Once; if it does not say, they end by
    /// themselves.
    fn remember(&mut self, site: &Site, until: Deadline) {
        if self.is_asked {
            return;
        }
        if let Ok(found) = self.ask(&[("alertname", NAME), ("instance", &site.fqdn)], until) {
            // What answers, but does not say, will not later either.
            self.is_asked = true;
            for alert in found.unwrap_or_default() {
                let since = alert.starts_at.parse::<jiff::Timestamp>();
                let since = Stamp(since.map_or(0, jiff::Timestamp::as_millisecond));
                let _ = self.known.entry(alert.labels).or_insert(since);
            }
        }
    }

    /// Alerts with these labels that fire there; within, why it does not say.
    fn ask(
        &mut self,
        labels: &[(&str, &str)],
        until: Deadline,
    ) -> Result<Result<Vec<Shown>, String>, String> {
        let url = format!("{}?{}", self.url, filter(labels));
        let answer =
            self.endpoint.get(&url, FORWARD_ANSWER_BYTES, until).map_err(
                |outcome| match outcome {
                    Outcome::Hold { why } | Outcome::Retry { why, .. } => why,
                    Outcome::Dropped { why, .. } => why,
                    Outcome::Done => String::new(),
                },
            )?;
        if !answer.is_good() || !answer.is_whole {
            return Ok(Err(format!("{}: {}", self.endpoint.name(), answer.words())));
        }
        let found = serde_json::from_str(&answer.text);
        Ok(found.map_err(|error| format!("{}: {error}", self.endpoint.name())))
    }

    fn test(&mut self, sent: &Mark, site: &Site, until: Deadline) -> Result<String, String> {
        // Long enough to be found and to reach the test's receiver, if a route leads to one.
        const LIFE_MS: i64 = 60_000;
        let alert = mark(sent.number, sent.at, LIFE_MS, site);
        match self.post(&[alert], until).outcome {
            Outcome::Done => {}
            Outcome::Dropped { why, .. } | Outcome::Retry { why, .. } | Outcome::Hold { why } => {
                return Err(why);
            }
        }
        let number = sent.number.to_string();
        let labels = [("alertname", MARK), ("mark", number.as_str())];
        match self.ask(&labels, until).and_then(|said| said) {
            Ok(found) if found.iter().any(|alert| alert.labels.get("mark") == Some(&number)) => {
                Ok(format!("found by GET {}/api/v2/alerts", self.endpoint.name()))
            }
            Ok(_) => Err(format!(
                "{} took the alert, but does not show it: are the clocks of both a minute apart?",
                self.endpoint.name()
            )),
            Err(why) => Err(format!("it was taken, but cannot be asked for: {why}")),
        }
    }
}

/// `filter=alertname%3D%22HostwatchCheck%22&...`: matchers as the server reads them.
fn filter(labels: &[(&str, &str)]) -> String {
    let matcher = |(name, value): &(&str, &str)| {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        format!("filter={}", encoded(&format!("{name}=\"{value}\"")))
    };
    labels.iter().map(matcher).collect::<Vec<_>>().join("&")
}

/// One outcome of all members: done when at least one took it, and the others may get it with the
/// next batch. A member that takes nothing until somebody mends it is a loss, told with the words.
fn together(replies: Vec<Reply>) -> Reply {
    let clock = replies.iter().find_map(|reply| reply.clock);
    let is_taken = replies
        .iter()
        .any(|reply| matches!(reply.outcome, Outcome::Done | Outcome::Dropped { .. }));
    let rank = |outcome: &Outcome| match (outcome, is_taken) {
        (Outcome::Done, _) => 0,
        (Outcome::Retry { .. }, true) => 0,
        (Outcome::Hold { .. }, _) => 1,
        (Outcome::Dropped { .. }, _) => 2,
        (Outcome::Retry { .. }, false) => 3,
    };
    let worst = replies.into_iter().map(|reply| reply.outcome).max_by_key(rank);
    let outcome = match worst {
        Some(Outcome::Retry { .. }) if is_taken => Outcome::Done,
        Some(Outcome::Hold { why }) if is_taken => {
            Outcome::Dropped { lost: 1, why: shown_within(&why, 400).into_owned() }
        }
        Some(outcome) => outcome,
        None => Outcome::Hold { why: "no Alertmanager is configured".to_owned() },
    };
    Reply { outcome, clock }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matcher_is_quoted_for_the_server_and_then_for_the_address() {
        assert_eq!(
            filter(&[("a", "x\"\\\n"), ("b", "\u{fc}")]),
            concat!("filter=a%3D%22x%5C%22%5C%5C%5Cn%22&", "filter=b%3D%22%C3%BC%22")
        );
    }

    #[test]
    fn one_member_that_took_it_is_enough_and_one_that_never_will_is_told() {
        let reply = |outcome: Outcome| Reply { outcome, clock: None };
        let of =
            |outcomes: &[Outcome]| together(outcomes.iter().cloned().map(reply).collect()).outcome;
        let retry = Outcome::Retry { why: "away".to_owned(), after: None, suspect: false };
        let hold = Outcome::Hold { why: "401".to_owned() };
        let dropped = Outcome::Dropped { lost: 2, why: "400".to_owned() };
        assert_eq!(of(&[Outcome::Done, Outcome::Done]), Outcome::Done);
        assert_eq!(of(&[retry.clone(), Outcome::Done]), Outcome::Done);
        assert_eq!(of(&[retry.clone(), retry.clone()]), retry);
        assert_eq!(of(&[hold.clone(), hold.clone()]), hold);
        assert_eq!(of(&[hold.clone(), retry.clone()]), retry);
        let told = Outcome::Dropped { lost: 1, why: "401".to_owned() };
        assert_eq!(of(&[Outcome::Done, hold]), told);
        assert_eq!(of(&[dropped.clone(), Outcome::Done]), dropped);
    }
}
