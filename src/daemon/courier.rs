//! The courier: a thread for mails and one for events, each of which hands one at a time to a
//! delivery child and reports back.

use std::path::Path;
use std::sync::Arc;

use super::inbox::{Message, Post};
use super::worker::Worker;
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
    mails: Worker<Load>,
    events: Worker<Load>,
}

impl Courier {
    /// A thread for mails and one for events, so that neither waits for the other. `program` is this
    /// very program, for the delivery child.
    #[must_use]
    pub fn new(program: &Path, post: &Post) -> Self {
        let worker = |name| {
            let (program, post) = (program.to_owned(), post.clone());
            // The engine has at most one delivery under way, and gives up on one that never reports.
            Worker::new(name, 2, move |load| deliver(&program, &post, load))
        };
        Self { mails: worker("courier"), events: worker("hooks") }
    }

    /// Hands over a delivery; reports come through the inbox, or at once if there is no hope.
    #[must_use]
    pub fn hand(
        &mut self,
        mail: Arc<Mail>,
        recipients: Vec<String>,
        relays: Vec<Relay>,
    ) -> Option<Event> {
        let id = mail.id;
        let worker = match mail.form {
            Form::Mail => &mut self.mails,
            Form::Event => &mut self.events,
        };
        worker.hand((mail, recipients, relays)).err().map(|_| {
            Event::Delivery(DeliveryReport {
                mail: id,
                recipients: Vec::new(),
                done: true,
                trouble: Some("the previous delivery has not come back".to_owned()),
            })
        })
    }
}

fn deliver(program: &Path, post: &Post, (mail, recipients, relays): Load) {
    let deadline = mail.form.deadline().to_std();
    let job = Job { mail, recipients, relays, within_ms: 0, troubles: Vec::new() };
    courier::deliver(program, &job, deadline, &mut |report| {
        post.send(Message::Event(Event::Delivery(report)));
    });
}
