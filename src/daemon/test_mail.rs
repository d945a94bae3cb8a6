//! `mail test`: composes a test mail for each contact and delivers it now, in plain sight, apart
//! from the agent and its outbox.

use std::path::Path;
use std::sync::Arc;

use super::clock::Clock;
use super::lane_process::this_program;
use super::paths;
use super::start::{self, Refusal};
use super::test_hook;
use crate::config::plan::Plan;
use crate::host::Host;
use crate::model::exit;
use crate::model::id::Id;
use crate::model::limit::DELIVERY_DEADLINE;
use crate::model::state::State;
use crate::model::time::Now;
use crate::model::unit::Span;
use crate::notify::courier;
use crate::notify::deliver::Job;
use crate::notify::mail::MailId;
use crate::notify::notice::{Cause, Notice};
use crate::notify::outbox::Fate;
use crate::notify::text::{Letterhead, compose};

/// Sends; each line of the story is handed to `tell`. True when every recipient was accepted.
///
/// # Errors
/// When the configuration is bad or names no such contact.
pub fn send(
    contact: Option<&str>,
    config: Option<&Path>,
    state: Option<&Path>,
    tell: &mut dyn FnMut(&str),
) -> Result<bool, Refusal> {
    let directory = paths::state_directory(state);
    let identity = Host::live().identity();
    let plan = start::load(config, &identity, &directory)
        .map_err(|text| Refusal { code: exit::BAD_CONFIG, text })?;
    let chosen: Vec<_> =
        plan.contacts.iter().filter(|(name, _)| contact.is_none_or(|c| c == *name)).collect();
    if chosen.is_empty() {
        let known: Vec<&str> = plan.contacts.keys().map(String::as_str).collect();
        let text = format!("no such contact; the configuration has {}", known.join(", "));
        return Err(Refusal { code: exit::USAGE, text });
    }
    let now = Clock::new().now();
    let ways: Vec<String> = plan.mail.via.iter().map(ToString::to_string).collect();
    tell(&format!("from     {}", plan.mail.from));
    tell(&format!("way out  {}", ways.join(", then ")));
    let mut all_accepted = true;
    for (number, (name, contact)) in (0_u64..).zip(chosen) {
        // The number of a test mail comes from the clock: it is not one of the outbox' numbers.
        let id = MailId(now.wall.0.unsigned_abs().saturating_add(number));
        let notice = notice(name, id.0, now);
        let head = letterhead(&plan);
        for hook in &contact.hooks {
            all_accepted &= test_hook::send(&head, hook, &notice, id, now, tell);
        }
        if contact.mail.is_empty() {
            continue;
        }
        let mail = compose(&head, name, contact, &[notice], id, now);
        let job = Job {
            recipients: mail.recipients.clone(),
            mail: Arc::new(mail),
            relays: plan.mail.via.clone(),
            within_ms: 0,
            troubles: Vec::new(),
        };
        tell(&format!("contact  {name}: {}", job.recipients.join(", ")));
        let mut unsettled = job.recipients.len();
        let deadline = DELIVERY_DEADLINE.to_std();
        courier::deliver(&this_program(), &job, deadline, &mut |report| {
            for (recipient, fate) in &report.recipients {
                let (word, answer) = match fate {
                    Fate::Accepted(answer) => {
                        unsettled = unsettled.saturating_sub(1);
                        ("accepted", answer)
                    }
                    Fate::Deferred(answer) | Fate::Delayed(answer, _) => ("not now", answer),
                    Fate::Refused(answer) => ("refused", answer),
                };
                tell(&format!("{word:<8} {recipient}: {answer}"));
            }
            if let Some(trouble) = &report.trouble {
                tell(&format!("failed   {trouble}"));
            }
        });
        all_accepted &= unsettled == 0;
    }
    Ok(all_accepted)
}

fn letterhead(plan: &Plan) -> Letterhead {
    Letterhead {
        host: plan.host.clone(),
        from: plan.mail.from.clone(),
        envelope_from: plan.mail.envelope_from.clone(),
        also_bad: Vec::new(),
        ok_count: 0,
    }
}

fn notice(contact: &str, episode: u64, now: Now) -> Notice {
    Notice {
        contact: contact.to_owned(),
        id: Id::new("agent", "mail"),
        kind: "agent".to_owned(),
        title: "mail".to_owned(),
        cause: Cause::Test,
        state: State::Ok,
        previous: State::Ok,
        episode,
        seq: 1,
        root: None,
        at: now.moment,
        at_wall: now.wall,
        since_wall: now.wall,
        lasted: Span::ZERO,
        fact: "the mail path works".to_owned(),
        limit: String::new(),
        summary: "Sent by `hostwatch mail test`.".to_owned(),
        detail: Vec::new(),
        news: Vec::new(),
        rule: String::new(),
        place: String::new(),
        worst: None,
        worst_state: State::Ok,
        changes: 0,
        advice: None,
        runbook: None,
        evidence: None,
        remarks: Vec::new(),
        reminder: None,
        follows: None,
    }
}
