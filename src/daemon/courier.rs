//! The courier: a thread that hands one mail at a time to a delivery child and reports back.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use super::inbox::{Message, Post};
use crate::engine::event::Event;
use crate::model::limit::DELIVERY_DEADLINE;
use crate::notify::courier;
use crate::notify::deliver::Job;
use crate::notify::mail::Mail;
use crate::notify::outbox::DeliveryReport;
use crate::notify::relay::Relay;

/// The way to the courier.
#[derive(Debug)]
pub struct Courier {
    sender: SyncSender<(Arc<Mail>, Vec<String>, Vec<Relay>)>,
}

impl Courier {
    /// Starts the thread. `program` is this very program, for the delivery child.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(program: PathBuf, post: Post) -> std::io::Result<Self> {
        // The engine has at most one delivery under way, and gives up on one that never reports.
        let (sender, jobs) = sync_channel::<(Arc<Mail>, Vec<String>, Vec<Relay>)>(2);
        std::thread::Builder::new().name("courier".to_owned()).stack_size(256 << 10).spawn(
            move || {
                for (mail, recipients, relays) in jobs {
                    let job = Job { mail, recipients, relays, within_ms: 0, troubles: Vec::new() };
                    courier::deliver(&program, &job, DELIVERY_DEADLINE.to_std(), &mut |report| {
                        post.send(Message::Event(Event::Delivery(report)));
                    });
                }
            },
        )?;
        Ok(Self { sender })
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
        self.sender.try_send((mail, recipients, relays)).err().map(|_| {
            Event::Delivery(DeliveryReport {
                mail: id,
                recipients: Vec::new(),
                done: true,
                trouble: Some("the previous delivery has not come back".to_owned()),
            })
        })
    }
}
