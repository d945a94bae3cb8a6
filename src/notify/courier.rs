//! The agent's side of a delivery: starts the child, gives it the job with passwords filled in,
//! hands on what it reports, and ends it at the deadline. Waits, so it runs on a thread that may.

use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use crate::host::converse::{self as host, Broken, Peer};
use crate::model::limit::DELIVERY_LINE_BYTES;
use crate::model::text::shown;
use crate::model::unit::Span;
use crate::net::route::origin;
use crate::notify::deliver::Job;
use crate::notify::hook::Hook;
use crate::notify::outbox::DeliveryReport;
use crate::notify::relay::Relay;
use crate::notify::step::Word;
use crate::store::secret::Secret;

/// How much earlier than its end the child is told to stop, so that it can say why.
const WORD: Duration = Duration::from_secs(2);

/// Delivers a job by a child process of the program `exe`, within `deadline`; hands on every
/// report, the last one with `done`. Never fails: what goes wrong is a report.
pub fn deliver(exe: &Path, job: &Job, deadline: Duration, report: &mut dyn FnMut(DeliveryReport)) {
    deliver_aloud(exe, job, deadline, &mut |word| {
        if let Word::Report(said) = word {
            report(said);
        }
    });
}

/// The same for a person who looks on: steps on the way are handed on, too.
pub fn deliver_aloud(exe: &Path, job: &Job, deadline: Duration, hear: &mut dyn FnMut(Word)) {
    let mail = job.mail.id;
    let mut ended = false;
    let outcome = converse(exe, &with_secrets(job), deadline, &mut |word: Word| match word {
        Word::Report(said) if said.mail == mail && !ended => {
            ended = said.done;
            hear(Word::Report(said));
        }
        Word::Report(_) => {}
        Word::Step { .. } if ended => {}
        step @ Word::Step { .. } => hear(step),
    });
    if !ended {
        let trouble = outcome.err().unwrap_or_else(|| "the delivery ended without a word".into());
        let recipients = Vec::new();
        let last = DeliveryReport { mail, recipients, done: true, trouble: Some(trouble) };
        hear(Word::Report(last));
    }
}

fn converse(
    exe: &Path,
    job: &Job,
    within: Duration,
    hear: &mut dyn FnMut(Word),
) -> Result<(), String> {
    let mut job = job.clone();
    let soon = within.saturating_sub(WORD.min(within / 4));
    job.within_ms = u64::try_from(soon.as_millis()).unwrap_or(u64::MAX);
    let text =
        serde_json::to_vec(&job).map_err(|error| format!("job cannot be written: {error}"))?;
    let arguments = [OsStr::new("deliver")];
    let peer = Peer {
        program: exe,
        arguments: &arguments,
        name: "the delivery",
        line_bytes: DELIVERY_LINE_BYTES,
    };
    let within = Span::from_millis(u64::try_from(within.as_millis()).unwrap_or(u64::MAX));
    let outcome = host::converse(peer, &text, within, &mut |word: Word| {
        let done = matches!(&word, Word::Report(said) if said.done);
        hear(word);
        done
    });
    outcome.map_err(|broken| match broken {
        Broken::TimedOut => {
            let within = Span::from_secs(within.as_millis() / 1000);
            format!("no way out answered within {within}")
        }
        Broken::Lost(why) => why,
    })
}

/// The job with every password read; a way out whose password cannot be read is left out, and why
/// is said.
fn with_secrets(job: &Job) -> Job {
    let mut job = job.clone();
    let mut troubles = Vec::new();
    job.relays.retain_mut(|relay| {
        let (name, secrets): (String, Vec<&mut Secret>) = match relay {
            Relay::Smtp(server) => (
                format!("{}:{}", shown(&server.host), server.port),
                server.login.iter_mut().map(|login| &mut login.password).collect(),
            ),
            Relay::Hook(Hook::Webhook(webhook)) => {
                let name = shown(origin(&webhook.url)).into_owned();
                (name, webhook.token.iter_mut().chain(&mut webhook.key).collect())
            }
            Relay::Sendmail { .. } | Relay::Maildir { .. } | Relay::Hook(Hook::Program(_)) => {
                return true;
            }
        };
        for kept in secrets {
            match kept.read() {
                Ok(secret) => *kept = Secret::Literal(secret),
                Err(why) => {
                    troubles.push(format!("{name}: no password: {why}"));
                    return false;
                }
            }
        }
        true
    });
    job.troubles.extend(troubles);
    job
}
