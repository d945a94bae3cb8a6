//! `mail test`: composes a test mail for each contact and delivers it now, in plain sight, apart
//! from the agent and its outbox. A second mail follows in the same thread, as a recovery follows
//! its problem.
//!
//! Tells what happens; how that is shown and what to do about it, the command says.

use std::path::Path;
use std::sync::Arc;

use super::clock::Clock;
use super::lane_process::this_program;
use super::start::{self, Refusal};
use super::test_hook;
use super::{local_mta, paths};
use crate::config::plan::Plan;
use crate::host::Host;
use crate::model::exit;
use crate::model::id::Id;
use crate::model::limit::DELIVERY_DEADLINE;
use crate::model::state::State;
use crate::model::time::Now;
use crate::model::unit::Span;
use crate::notify::contact::Contact;
use crate::notify::courier;
use crate::notify::deliver::Job;
use crate::notify::mail::{Mail, MailId};
use crate::notify::notice::{Cause, Notice};
use crate::notify::outbox::Fate;
use crate::notify::step::Word;
use crate::notify::text::{Letterhead, compose};

/// What happens, in its order.
#[derive(Debug)]
pub enum Tale<'a> {
    /// The configuration was read; ways out are filled in.
    Plan {
        /// It.
        plan: &'a Plan,
        /// Whether the agent may gain no rights, where that is known.
        gains_no_rights: Option<bool>,
        /// The name of this test, as the mails have it.
        test: &'a str,
    },
    /// A mail is on its way.
    Letter {
        /// For whom.
        contact: &'a str,
        /// It.
        mail: &'a Mail,
        /// Whether it is the second one, which only proves the thread.
        second: bool,
    },
    /// A step of its delivery.
    Word(&'a Word),
    /// A line about the event that a hook is sent.
    Hook {
        /// What it is about: `hook`, `accepted`, `refused`.
        about: &'a str,
        /// Whether nothing is wrong.
        ok: bool,
        /// The fact.
        text: String,
    },
}

/// What was asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Only this contact.
    pub contact: Option<&'a str>,
    /// Main configuration file.
    pub config: Option<&'a Path>,
    /// State directory.
    pub state: Option<&'a Path>,
}

/// Sends; what happens is handed to `tell`. True when every recipient was accepted.
///
/// # Errors
/// When the configuration is bad or names no such contact.
pub fn send(asked: Asked<'_>, tell: &mut dyn FnMut(Tale<'_>)) -> Result<bool, Refusal> {
    let directory = paths::state_directory(asked.state);
    let identity = Host::live().identity();
    let sockets = paths::sockets_to_try(asked.state);
    let gains_no_rights = local_mta::agent_gains_no_rights(Path::new("/"), &sockets);
    // The way that the agent would go, and not who asks.
    let plan = start::load(asked.config, &identity, &directory, gains_no_rights == Some(true))
        .map_err(|text| Refusal { code: exit::BAD_CONFIG, text })?;
    let wanted = |name: &str| asked.contact.is_none_or(|contact| contact == name);
    let chosen: Vec<_> = plan.contacts.iter().filter(|(name, _)| wanted(name)).collect();
    if chosen.is_empty() {
        let known: Vec<&str> = plan.contacts.keys().map(String::as_str).collect();
        let text = format!("no such contact; the configuration has {}", known.join(", "));
        return Err(Refusal { code: exit::USAGE, text });
    }
    let now = Clock::new().now();
    let test = format!("{:04x}", now.wall.0.div_euclid(1000).rem_euclid(0x1_0000));
    tell(Tale::Plan { plan: &plan, gains_no_rights, test: &test });
    let mut all_accepted = true;
    for (number, (name, contact)) in (0_u64..).zip(chosen) {
        // The number of a test mail comes from the clock: it is not one of the outbox' numbers.
        let number = now.wall.0.unsigned_abs().saturating_add(2 * number);
        let head = letterhead(&plan);
        for hook in &contact.hooks {
            let notice = notice(&plan, &test, name, None, now);
            all_accepted &= test_hook::send(&head, hook, &notice, MailId(number), now, tell);
        }
        if contact.mail.is_empty() {
            continue;
        }
        let first = letter(&plan, &test, (name, contact), MailId(number), None, now);
        let accepted = deliver(&plan, &first, first.recipients.clone(), false, tell);
        all_accepted &= accepted.len() == first.recipients.len();
        if accepted.is_empty() {
            continue;
        }
        let id = MailId(first.id.0.saturating_add(1));
        let second = letter(&plan, &test, (name, contact), id, Some(&first.message_id), now);
        let count = accepted.len();
        all_accepted &= deliver(&plan, &second, accepted, true, tell).len() == count;
    }
    Ok(all_accepted)
}

/// Delivers; says by whom it was accepted.
fn deliver(
    plan: &Plan,
    mail: &Arc<Mail>,
    recipients: Vec<String>,
    second: bool,
    tell: &mut dyn FnMut(Tale<'_>),
) -> Vec<String> {
    tell(Tale::Letter { contact: &mail.contact, mail, second });
    let job = Job {
        recipients,
        mail: Arc::clone(mail),
        relays: plan.mail.via.clone(),
        within_ms: 0,
        troubles: Vec::new(),
    };
    let mut accepted = Vec::new();
    courier::deliver_aloud(&this_program(), &job, DELIVERY_DEADLINE.to_std(), &mut |word| {
        if let Word::Report(report) = &word {
            let taken = report.recipients.iter().filter(|(_, f)| matches!(f, Fate::Accepted(_)));
            accepted.extend(taken.map(|(recipient, _)| recipient.clone()));
        }
        tell(Tale::Word(&word));
    });
    accepted
}

fn letter(
    plan: &Plan,
    test: &str,
    (name, contact): (&str, &Contact),
    id: MailId,
    root: Option<&str>,
    now: Now,
) -> Arc<Mail> {
    let notice = notice(plan, test, name, root, now);
    Arc::new(compose(&letterhead(plan), name, contact, &[notice], id, now))
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

fn notice(plan: &Plan, test: &str, contact: &str, root: Option<&str>, now: Now) -> Notice {
    let mail = &plan.mail;
    let ways: Vec<String> = mail.via.iter().map(ToString::to_string).collect();
    let sender = mail.envelope_from.as_ref().unwrap_or(&mail.from);
    let (fact, detail) = match root {
        None => (
            format!("the mail path works (test {test})"),
            vec![
                format!("Way: {}.", ways.join(", else ")),
                format!("MAIL FROM <{sender}>, EHLO {}.", mail.ehlo),
                "If this took more than 60 s, look at the relay's queue.".to_owned(),
                "A second mail follows at once: both must stand in ONE thread.".to_owned(),
            ],
        ),
        Some(_) => (
            format!("second mail of test {test}, same thread"),
            vec![
                "If it stands beside the first mail and not below it, threading is broken.".into(),
            ],
        ),
    };
    Notice {
        contact: contact.to_owned(),
        id: Id::new("agent", "mail"),
        kind: "agent".to_owned(),
        title: "mail".to_owned(),
        cause: Cause::Test,
        state: State::Ok,
        previous: State::Ok,
        episode: now.wall.0.unsigned_abs(),
        seq: if root.is_some() { 2 } else { 1 },
        root: root.map(str::to_owned),
        at: now.moment,
        at_wall: now.wall,
        since_wall: now.wall,
        lasted: Span::ZERO,
        fact,
        limit: String::new(),
        summary: format!("Sent by {} with `hostwatch mail test`.", sent_by()),
        detail,
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

/// The user of this process, and who sudo says is behind it: a claim, since anybody may set it.
fn sent_by() -> String {
    let uid = nix::unistd::getuid();
    let user = nix::unistd::User::from_uid(uid).ok().flatten();
    let name = user.map_or_else(|| format!("user {uid}"), |user| user.name);
    match std::env::var("SUDO_USER").ok().filter(|sudo| !sudo.is_empty() && *sudo != name) {
        Some(sudo) => format!("{name} ({sudo}, says sudo)"),
        None => name,
    }
}
