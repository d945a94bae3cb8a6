//! One delivery, in a process of its own: the job comes in as JSON, what becomes of each
//! recipient goes out as JSON lines the moment it is known, so that a child that is killed loses
//! no verdict it already had.
//!
//! The process knows no engine. It dies with the agent, dumps no core (passwords), and has a
//! bound on its memory, so that no server can make the machine it watches suffer.

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::host::confine::confine;
use crate::model::limit::{DELIVERY_JOB_BYTES, DELIVERY_MEMORY_BYTES, PROGRAM_MEMORY_BYTES};
use crate::net::clock::Deadline;
use crate::notify::hook::Hook;
use crate::notify::mail::Mail;
use crate::notify::outbox::{DeliveryReport, Fate};
use crate::notify::relay::Relay;
use crate::notify::step::{Ear, Heard, Step, Word};
use crate::notify::{maildir, program, sendmail, smtp, webhook};

/// What is to be delivered, to whom, and how.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// The mail.
    pub mail: Arc<Mail>,
    /// Those of its recipients whose turn it is.
    pub recipients: Vec<String>,
    /// Ways out, in order.
    pub relays: Vec<Relay>,
    /// Milliseconds for all of it; [`crate::notify::courier`] sets it from its own deadline.
    #[serde(default)]
    pub within_ms: u64,
    /// Why ways out were left out before the job was given, for people.
    #[serde(default)]
    pub troubles: Vec<String>,
}

/// Reads a job from `input` and reports on `output`; the body of the child process. `exe` is this
/// very program.
///
/// # Errors
/// The job cannot be read, or nobody listens to the reports any more.
pub fn serve(exe: &Path, input: &mut dyn Read, output: &mut dyn Write) -> io::Result<()> {
    // The program of a hook may take more; this process does not.
    confine(DELIVERY_MEMORY_BYTES, PROGRAM_MEMORY_BYTES)?;
    let mut text = Vec::new();
    input.take(DELIVERY_JOB_BYTES as u64 + 1).read_to_end(&mut text)?;
    if text.len() > DELIVERY_JOB_BYTES {
        return Err(io::Error::other("the job is too large"));
    }
    let job: Job = serde_json::from_slice(&text)?;
    let mut broken = Ok(());
    run(exe, &job, &mut |word| {
        if broken.is_ok() {
            broken = serde_json::to_writer(&mut *output, &word)
                .map_err(io::Error::from)
                .and_then(|()| output.write_all(b"\n"))
                .and_then(|()| output.flush());
        }
    });
    broken
}

/// Tries the ways out in order until every recipient has a verdict.
fn run(exe: &Path, job: &Job, say: &mut dyn FnMut(Word)) {
    let mail = job.mail.id;
    let mut open = job.recipients.clone();
    let mut troubles = job.troubles.clone();
    let whole = Deadline::within(Duration::from_millis(job.within_ms));
    for (place, relay) in job.relays.iter().enumerate() {
        if open.is_empty() {
            break;
        }
        // A way out that stalls must leave time for those after it.
        let after = u32::try_from(job.relays.len() - place).unwrap_or(u32::MAX);
        let deadline = whole.at_most(whole.left() / after.max(1));
        let mut settled = Vec::new();
        say(Word::Step { on_the_way: Step::Way { place } });
        let mut heard = |heard: Heard<'_>| match heard {
            Heard::Step(on_the_way) => say(Word::Step { on_the_way }),
            Heard::Fate(recipient, fate) => {
                settled.retain(|name| name != recipient);
                if fate_is_final(&fate) {
                    settled.push(recipient.to_owned());
                }
                let recipients = vec![(recipient.to_owned(), fate)];
                let report = DeliveryReport { mail, recipients, done: false, trouble: None };
                say(Word::Report(report));
            }
        };
        let mut ear = Ear::new(&mut heard);
        let outcome = match relay {
            Relay::Smtp(server) => smtp::deliver(server, &job.mail, &open, deadline, &mut ear),
            Relay::Sendmail { path } => {
                sendmail::deliver(path, &job.mail, &open, deadline, &mut ear)
            }
            Relay::Maildir { path } => maildir::deliver(path, &job.mail, &open, &mut ear),
            Relay::Hook(hook) => {
                for recipient in &open {
                    let fate = match hook {
                        Hook::Webhook(webhook) => webhook::deliver(webhook, &job.mail, deadline),
                        Hook::Program(program) => {
                            program::deliver(exe, program, &job.mail, deadline)
                        }
                    };
                    ear.fate(recipient, fate);
                }
                Ok(())
            }
        };
        match outcome {
            // Whoever was deferred by a server that works stays with that server.
            Ok(()) => {
                open.clear();
                troubles.clear();
            }
            Err(trouble) => {
                open.retain(|recipient| !settled.contains(recipient));
                troubles.push(trouble);
            }
        }
    }
    if job.relays.is_empty() && troubles.is_empty() {
        troubles.push("no way to send mail is configured".to_owned());
    }
    let trouble = (!open.is_empty()).then(|| troubles.join("; "));
    say(Word::Report(DeliveryReport { mail, recipients: Vec::new(), done: true, trouble }));
}

fn fate_is_final(fate: &Fate) -> bool {
    !matches!(fate, Fate::Deferred(_) | Fate::Delayed(..))
}
