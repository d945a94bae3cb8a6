//! What shows that the agent is alive and a problem is still there: the digest, the heartbeat, and
//! reminders, as written to as run. Pure.

use std::collections::BTreeSet;

use super::address::endpoint;
use super::code::Code;
use super::diagnostic::{Diagnostic, Findings};
use super::file::{Digest, Heartbeat};
use super::mail::is_loopback;
use super::plan::{DigestPlan, HeartbeatPlan};
use super::resolve::{Input, references};
use super::schema::At;
use super::secret;
use super::types::List;
use crate::model::limit::{HEARTBEAT_MIN, REMIND_MIN, REMIND_STEPS};
use crate::model::unit::Span;

/// When somebody is reminded if the configuration says nothing.
const REMIND: [Span; 3] =
    [Span::from_secs(4 * 3600), Span::from_secs(12 * 3600), Span::from_secs(24 * 3600)];

/// The distances of reminders: each longer than the one before.
pub(super) fn remind(list: Option<&At<List<Span>>>, findings: &mut Findings) -> Vec<Span> {
    let Some(list) = list else { return REMIND.to_vec() };
    if let Some(item) = list.value.get(REMIND_STEPS) {
        findings.push(
            Diagnostic::error(Code::TooMany, item.spot, "too many reminders")
                .label(format!("at most {REMIND_STEPS}"))
                .help("after the last one there is one a day"),
        );
        return Vec::new();
    }
    let mut steps: Vec<Span> = Vec::new();
    for item in &list.value {
        let wrong = match steps.last() {
            _ if item.value < REMIND_MIN => Some(format!("at least {REMIND_MIN}")),
            Some(before) if item.value <= *before => Some(format!("must be longer than {before}")),
            _ => None,
        };
        match wrong {
            Some(label) => findings.push(
                Diagnostic::error(Code::Range, item.spot, "this is no distance of a reminder")
                    .label(label)
                    .help("each is the time since the problem was told, such as [4h, 12h, 24h]"),
            ),
            None => steps.push(item.value),
        }
    }
    steps
}

pub(super) fn digest(
    section: &Digest,
    contacts: &BTreeSet<&str>,
    input: &Input<'_>,
    findings: &mut Findings,
) -> DigestPlan {
    let to = match &section.to {
        Some(names) => references(&names.value, contacts, input, findings),
        None => contacts.iter().map(|name| (*name).to_owned()).collect(),
    };
    DigestPlan { at: section.at.as_ref().map(|at| at.value).unwrap_or_default(), to }
}

pub(super) fn heartbeat(
    section: &Heartbeat,
    input: &Input<'_>,
    findings: &mut Findings,
) -> Option<HeartbeatPlan> {
    let url = section.url.as_ref()?;
    let every = section.every.as_ref()?;
    if every.value < HEARTBEAT_MIN {
        findings.push(
            Diagnostic::error(Code::Range, every.spot, "`every` is too short")
                .label(format!("at least {HEARTBEAT_MIN}")),
        );
    }
    if let Some(token) = &section.token
        && url.value.0.starts_with("http://")
        && !is_near(&url.value.0)
    {
        findings.push(
            Diagnostic::error(
                Code::ClearPassword,
                url.spot,
                "a token would cross the network unprotected",
            )
            .label("must begin with `https://`")
            .also(token.spot, "because of this token"),
        );
    }
    let token = section.token.as_ref().and_then(|token| secret::kept(token, input, findings));
    Some(HeartbeatPlan { url: url.value.0.clone(), every: every.value, token })
}

/// Whether an address is on this host, so that nothing crosses the network.
fn is_near(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    endpoint(host).is_ok_and(|(host, _)| is_loopback(&host))
}
