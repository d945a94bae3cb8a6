//! The spool and the queues of all outlets, as one thing: what a forwarder does between its clock, its
//! input and its threads. Needs none of these.
//!
//! Two ways to use it. In one thread: [`Forwarder::take`] what comes, and [`Forwarder::run`] with the
//! outlets when it is due. With a thread an outlet: the forwarder behind one lock; the thread asks
//! [`Forwarder::next`] under the lock, delivers without it, and tells [`Forwarder::settle`] under it.
//! A hanging receiver holds its own thread then and nothing else.
//!
//! ```text
//! loop {                                               // outlet `i`
//!     match lock().next(now(), i) {
//!         Next::Deliver { seq, parcel } => {
//!             let reply = deliver(&mut *outlet, &parcel);       // no lock is held
//!             lock().settle(now(), i, seq, &reply);
//!         }
//!         Next::AskClock => {
//!             let clock = outlet.clock(FORWARD_ATTEMPT);        // no lock is held
//!             lock().heard_clock(now(), i, clock);
//!         }
//!         Next::Wait(until) => wait_for_a_parcel_or(until),
//!         Next::Idle => wait_for_a_parcel(),
//!     }
//! }
//! ```

use super::health::Health;
use super::outlet::{Appetite, Load, Outlet, Reply};
use super::pack;
pub use super::queue::Next;
use super::queue::Queue;
use crate::model::batch::Parcel;
use crate::model::limit::{FORWARD_ATTEMPT, FORWARD_PASSED};
use crate::model::time::{Moment, Now, Stamp};
use crate::store::spool::{Class, Spool, Wants};

/// The spool and the queues.
#[derive(Debug)]
pub struct Forwarder {
    spool: Spool,
    queues: Vec<Queue>,
    host: String,
}

impl Forwarder {
    /// A forwarder for outlets of these names and appetites, on an open spool. `host` is this host's
    /// full name: it makes the pauses of hosts differ.
    #[must_use]
    pub fn new(spool: Spool, host: &str, outlets: &[(String, Appetite)]) -> Self {
        let mut forwarder = Self { spool, queues: Vec::new(), host: host.to_owned() };
        forwarder.set_outlets(outlets);
        forwarder
    }

    /// Other outlets after a reload: one of a name that was there goes on where it was, a new one
    /// begins with the newest batch and the changes to come, one that is gone is forgotten.
    pub fn set_outlets(&mut self, outlets: &[(String, Appetite)]) {
        let mut before = std::mem::take(&mut self.queues);
        for (name, appetite) in outlets {
            let old = before.iter().position(|queue| queue.name() == name);
            let queue = match old {
                Some(place) => {
                    let mut queue = before.swap_remove(place);
                    queue.renew(*appetite);
                    queue
                }
                None => Queue::new(name, *appetite, &self.host),
            };
            self.queues.push(queue);
        }
        let readers: Vec<(String, Wants)> =
            self.queues.iter().map(|queue| (queue.name().to_owned(), queue.wants())).collect();
        self.spool.set_readers(&readers);
    }

    /// Takes what the agent hands over, and puts it into the spool; a batch with the numbers that the
    /// outlets have by now.
    pub fn take(&mut self, now: Now, mut parcel: Parcel) {
        let class = match &mut parcel {
            Parcel::Batch(batch) => {
                let numbers = |queue: &Queue| queue.health(now, &self.spool).numbers;
                batch.outlets = self.queues.iter().map(numbers).collect();
                Class::Bulk
            }
            Parcel::Change(_) => Class::Event,
        };
        self.spool.append(now.moment, class, &pack::pack(&parcel));
    }

    /// What the outlet at this place does next.
    pub fn next(&mut self, now: Now, outlet: usize) -> Next {
        self.spool.tick(now.moment);
        match self.queues.get_mut(outlet) {
            Some(queue) => queue.next(now, &mut self.spool),
            None => Next::Idle,
        }
    }

    /// What became of the delivery of `seq`.
    pub fn settle(&mut self, now: Now, outlet: usize, seq: u64, reply: &Reply) {
        if let Some(queue) = self.queues.get_mut(outlet) {
            queue.settle(now, seq, reply, &mut self.spool);
        }
        self.spool.tick(now.moment);
    }

    /// The receiver's clock, as it was asked for.
    pub fn heard_clock(&mut self, now: Now, outlet: usize, clock: Option<Stamp>) {
        if let Some(queue) = self.queues.get_mut(outlet) {
            queue.heard_clock(now, clock);
        }
    }

    /// How every outlet is doing, in the order in which they were given.
    #[must_use]
    pub fn health(&self, now: Now) -> Vec<Health> {
        self.queues.iter().map(|queue| queue.health(now, &self.spool)).collect()
    }

    /// Lines for the log: each thing once, with the name of its outlet.
    pub fn take_words(&mut self) -> Vec<String> {
        let mut words = self.spool.take_words();
        for queue in &mut self.queues {
            let name = queue.name().to_owned();
            words.extend(queue.take_words().into_iter().map(|text| format!("{name}: {text}")));
        }
        words
    }

    /// Writes down how far every outlet is, before the end.
    pub fn stop(&mut self, now: Now) {
        self.spool.save(now.moment);
    }

    /// Does what is due at this moment, one outlet after the other, for a caller of one thread: the
    /// outlets stand in the order in which they were given. Returns when something is due next, if
    /// nothing is handed over before.
    pub fn run(&mut self, now: Now, outlets: &mut [Box<dyn Outlet>]) -> Option<Moment> {
        let mut due: Option<Moment> = None;
        for (place, outlet) in outlets.iter_mut().enumerate() {
            for _ in 0..FORWARD_PASSED {
                match self.next(now, place) {
                    Next::Deliver { seq, parcel } => {
                        let reply = deliver(outlet.as_mut(), &parcel);
                        self.settle(now, place, seq, &reply);
                    }
                    Next::AskClock => {
                        let clock = outlet.clock(FORWARD_ATTEMPT);
                        self.heard_clock(now, place, clock);
                    }
                    Next::Wait(until) => {
                        due = Some(due.map_or(until, |due| due.min(until)));
                        break;
                    }
                    Next::Idle => break,
                }
            }
        }
        due
    }
}

/// One attempt, within the time that any attempt may take.
pub fn deliver(outlet: &mut dyn Outlet, parcel: &Parcel) -> Reply {
    let load = match parcel {
        Parcel::Batch(batch) => Load::Batch(batch),
        Parcel::Change(change) => Load::Change(change),
    };
    outlet.deliver(load, FORWARD_ATTEMPT)
}
