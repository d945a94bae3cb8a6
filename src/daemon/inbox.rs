//! The dispatcher's inbox: what other threads have to say, and a descriptor that wakes it.
//!
//! Unbounded by itself, bounded by its senders: a lane has one run outstanding, the scribe and the
//! courier answer what they were asked, the control thread waits for each reply.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use nix::sys::eventfd::{EfdFlags, EventFd};

use super::lane_process::Answer;
use super::request::Request;
use crate::engine::event::Event;
use crate::engine::order::Order;
use crate::host::ipmi::Access;

/// What reaches the dispatcher.
#[derive(Debug)]
pub enum Message {
    /// Something for the engine.
    Event(Event),
    /// An answer of the lane process of this number, or `None` when it has ended.
    Lane(u32, Option<Answer>),
    /// The BMC is reached this way from now on; comes just before the configuration that says so.
    Reach(Access),
    /// An order from the control socket, who gave it, and where the answer goes.
    Order(Order, String, Sender<String>),
    /// A question from the control socket, and where the answer goes.
    Ask(Request, Sender<String>),
}

/// The sending end; cheap to clone.
#[derive(Debug, Clone)]
pub struct Post {
    sender: Sender<Message>,
    wake: Arc<EventFd>,
}

impl Post {
    /// Sends and wakes the dispatcher. A dispatcher that is gone has no use for the message.
    pub fn send(&self, message: Message) {
        if self.sender.send(message).is_ok() {
            let _ = self.wake.write(1);
        }
    }
}

/// The receiving end.
#[derive(Debug)]
pub struct Inbox {
    receiver: Receiver<Message>,
    wake: Arc<EventFd>,
}

impl Inbox {
    /// A pair of ends.
    ///
    /// # Errors
    /// When the kernel gives no event descriptor.
    pub fn open() -> nix::Result<(Post, Self)> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let wake = Arc::new(EventFd::from_value_and_flags(0, flags)?);
        let (sender, receiver) = channel();
        Ok((Post { sender, wake: Arc::clone(&wake) }, Self { receiver, wake }))
    }

    /// Everything that has arrived.
    pub fn drain(&self) -> impl Iterator<Item = Message> + '_ {
        let _ = self.wake.read();
        self.receiver.try_iter()
    }
}

impl AsFd for Inbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}
