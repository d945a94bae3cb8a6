//! The courier: a thread for mails and one for events, each of which hands one at a time to a
//! delivery child and reports back.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use super::inbox::{Message, Post};
use crate::engine::event::Event;
use crate::notify::courier;
use crate::notify::deliver::Job;
use crate::notify::mail::{Form, Mail};
use crate::notify::outbox::DeliveryReport;
use crate::notify::relay::Relay;

/// What is handed over.
type Load = (Arc<Mail>, Vec<String>, Vec<Relay>);

/// The way to the courier.
#[derive(Debug)]
pub struct Courier {
    mails: SyncSender<Load>,
    events: SyncSender<Load>,
}

impl Courier {
    /// Starts the threads: one for mails, one for events, so that neither waits for the other.
    /// `program` is this very program, for the delivery child.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(program: &Path, post: &Post) -> std::io::Result<Self> {
        let mails = thread("courier", program.to_owned(), post.clone())?;
        let events = thread("hooks", program.to_owned(), post.clone())?;
        Ok(Self { mails, events })
    }

    /// Hands over a delivery; reports come through the inbox, or at once if there is no hope.
    #[must_use]
    pub fn hand(
        &self,
        mail: Arc<Mail>,
        recipients: Vec<String>,
        relays: Vec<Relay>,
    ) -> Option<Event> {
        let id = mail.id;
        let sender = match mail.form {
            Form::Mail => &self.mails,
            Form::Event => &self.events,
        };
        sender.try_send((mail, recipients, relays)).err().map(|_| {
            Event::Delivery(DeliveryReport {
                mail: id,
                recipients: Vec::new(),
                done: true,
                trouble: Some("the previous delivery has not come back".to_owned()),
            })
        })
    }
}

fn thread(name: &str, program: PathBuf, post: Post) -> std::io::Result<SyncSender<Load>> {
    // The engine has at most one delivery under way, and gives up on one that never reports.
    let (sender, jobs) = sync_channel::<Load>(2);
    std::thread::Builder::new().name(name.to_owned()).stack_size(256 << 10).spawn(move || {
        for (mail, recipients, relays) in jobs {
            let deadline = mail.form.deadline().to_std();
            let job = Job { mail, recipients, relays, within_ms: 0, troubles: Vec::new() };
            courier::deliver(&program, &job, deadline, &mut |report| {
                post.send(Message::Event(Event::Delivery(report)));
            });
        }
    })?;
    Ok(sender)
}
