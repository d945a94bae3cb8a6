//! What one outlet sends next, and what an answer means for it. Pure in time; what waits is in the
//! spool.
//!
//! | answer | then |
//! |---|---|
//! | done | the next one |
//! | dropped | counted, said once for each distinct text, the next one |
//! | retry | the same again after 1 s to 60 s, or when the receiver asks for it (up to 1 h) |
//! | hold | the same again every five minutes; somebody must mend the configuration |
//!
//! Neither attempts nor age condemn a load: a receiver that is down for long gets everything that the
//! spool could keep, oldest first. When a receiver fails over one load and works otherwise, that is
//! found out as [`doubt`] says. No batch is sent while the clocks differ ([`skew`]);
//! changes are, since they do no harm.

use super::health::Health;
use super::outlet::{Appetite, Batches, Outcome, Reply};
use super::pack;
use crate::model::batch::Parcel;
use crate::model::limit::{FORWARD_DISTANCE, FORWARD_PASSED, FORWARD_REFUSALS};
use crate::model::time::{Moment, Now, Stamp};
use crate::model::unit::Span;
use crate::store::spool::{Bulk, Class, Spool, Wants};
use doubt::{Doubt, Verdict};
use pause::Pause;
use skew::{Gate, Skew};
use standing::Standing;

mod doubt;
mod pause;
mod skew;
mod standing;

/// Why parcels are lost, as it is counted.
pub mod reason {
    /// The receiver refused it, in whole or in part.
    pub const REFUSED: &str = "refused";
    /// The receiver refused it after an attempt that got no answer: it may have it already.
    pub const REPEATED: &str = "refused as repeated";
    /// The receiver fails over it, and takes others.
    pub const POISON: &str = "receiver fails over it";
    /// It was stamped by a clock that was wrong.
    pub const WRONG_CLOCK: &str = "wrong clock";
    /// It made room in the spool.
    pub const SPOOL_FULL: &str = "spool full";
    /// It could not be read back from the spool.
    pub const DAMAGED: &str = "spool damaged";
}

/// What an outlet does next.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Deliver this, and tell [`Queue::settle`] what became of it.
    Deliver {
        /// Its number in the spool.
        seq: u64,
        /// What it is.
        parcel: Parcel,
    },
    /// Ask for the receiver's clock, and tell [`Queue::heard_clock`].
    AskClock,
    /// Nothing before this moment.
    Wait(Moment),
    /// Nothing until something is handed over, or an attempt that is under way ends.
    Idle,
}

/// A load, and why it is its turn.
#[derive(Debug, Clone, Copy)]
struct Turn {
    class: Class,
    seq: u64,
    /// It is sent before its turn, to see whether the receiver works: the class of the load whose
    /// turn it is.
    probe_for: Option<Class>,
}

/// One outlet's queue.
#[derive(Debug)]
pub struct Queue {
    name: String,
    appetite: Appetite,
    pause: Pause,
    doubt: Doubt,
    skew: Skew,
    /// Not before this the next delivery begins, however well it goes.
    pace: Moment,
    under_way: Option<Turn>,
    asking: bool,
    /// Refusals in a row.
    refusals: u32,
    standing: Standing,
}

impl Queue {
    /// A queue for an outlet of this name; `host` makes the pauses of hosts differ.
    #[must_use]
    pub fn new(name: &str, appetite: Appetite, host: &str) -> Self {
        Self {
            name: name.to_owned(),
            appetite,
            pause: Pause::new(&[host, name]),
            doubt: Doubt::default(),
            skew: Skew::default(),
            pace: Moment::default(),
            under_way: None,
            asking: false,
            refusals: 0,
            standing: Standing::default(),
        }
    }

    /// The outlet's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it wants of the spool.
    #[must_use]
    pub fn wants(&self) -> Wants {
        let bulk = match self.appetite.batches {
            Batches::All => Bulk::All,
            Batches::Newest => Bulk::Newest,
        };
        Wants { bulk, events: self.appetite.changes }
    }

    /// The outlet is configured anew: what was wrong may be mended, an attempt that is under way
    /// counts for nothing.
    pub fn renew(&mut self, appetite: Appetite) {
        self.appetite = appetite;
        self.pause.end();
        self.doubt = Doubt::default();
        self.skew = Skew::default();
        self.under_way = None;
        self.asking = false;
        self.refusals = 0;
        self.standing.forget_trouble();
    }

    /// What to do now. While a delivery or a question for the clock is under way: nothing.
    pub fn next(&mut self, now: Now, spool: &mut Spool) -> Next {
        self.skew.look(now);
        self.count_lost(spool);
        if self.under_way.is_some() || self.asking {
            return Next::Idle;
        }
        for _ in 0..FORWARD_PASSED {
            let Some(mut turn) = self.turn(spool) else {
                self.standing.holds_nothing();
                return Next::Idle;
            };
            let until = self.pause.until.max(self.pace);
            if until > now.moment {
                return Next::Wait(until);
            }
            if turn.class == Class::Bulk {
                match self.skew.gate(now) {
                    Gate::Open => self.standing.holds_nothing(),
                    Gate::Ask => {
                        self.asking = true;
                        return Next::AskClock;
                    }
                    Gate::Shut(text, until) => {
                        self.standing.holds(now, &text);
                        if turn.probe_for.is_some() {
                            // There is nothing to probe with, so the head waits as it did before.
                            self.doubt.no_probe();
                            self.pause.fail(now.moment, None);
                            continue;
                        }
                        // Changes do no harm, whatever the clock says.
                        let Some(seq) = spool.head(&self.name, Class::Event) else {
                            return Next::Wait(until);
                        };
                        turn = Turn { class: Class::Event, seq, probe_for: None };
                    }
                }
            }
            if let Some(deliver) = self.load(now, turn, spool) {
                return deliver;
            }
        }
        Next::Wait(now.moment)
    }

    /// Takes in what became of the delivery of `seq`.
    pub fn settle(&mut self, now: Now, seq: u64, reply: &Reply, spool: &mut Spool) {
        let Some(turn) = self.under_way.take_if(|turn| turn.seq == seq) else { return };
        self.skew.look(now);
        self.skew.hear(now, reply.clock);
        let batch = turn.class == Class::Bulk;
        match &reply.outcome {
            Outcome::Done => {
                self.standing.sent(now);
                self.refusals = 0;
                self.works(batch);
                self.through(now, turn, reply.clock.is_some(), spool);
            }
            Outcome::Dropped { lost, why } => {
                let again = self.doubt.may_have_arrived(seq);
                self.standing.lose(if again { reason::REPEATED } else { reason::REFUSED }, 1);
                self.standing.lose_values(*lost);
                self.refusals = if again { 0 } else { self.refusals.saturating_add(1) };
                self.works(batch);
                if self.refusals >= FORWARD_REFUSALS {
                    self.standing.refuses(now, why);
                }
                self.standing.say(why);
                self.through(now, turn, true, spool);
            }
            Outcome::Retry { why, after, suspect } => {
                self.fails(now, why, false, batch);
                self.again(now, turn, why, *after, *suspect, spool);
            }
            Outcome::Hold { why } => {
                self.fails(now, why, true, batch);
                self.doubt.no_probe();
                self.pause.hold(now.moment);
            }
        }
    }

    /// The receiver's clock, as it was asked for; `None` when there was no answer, or none is told.
    pub fn heard_clock(&mut self, now: Now, clock: Option<Stamp>) {
        self.asking = false;
        self.skew.look(now);
        let next = now.moment + self.pause.slow();
        self.skew.answered(now, clock, next);
    }

    /// How it is doing.
    #[must_use]
    pub fn health(&self, now: Now, spool: &Spool) -> Health {
        self.standing.health(now, &self.name, spool.waiting(&self.name))
    }

    /// What a person should know, each text once.
    pub fn take_words(&mut self) -> Vec<String> {
        self.standing.take_words()
    }

    /// Whose turn it is: changes and batches by their numbers where every batch is sent, else changes
    /// first and then the newest batch; or a probe.
    fn turn(&mut self, spool: &mut Spool) -> Option<Turn> {
        let head = loop {
            let event = spool.head(&self.name, Class::Event);
            let batch = spool.head(&self.name, Class::Bulk);
            let event_first = match (event, batch) {
                (Some(event), Some(batch)) => !self.in_order() || event < batch,
                (event, _) => event.is_some(),
            };
            let class = if event_first { Class::Event } else { Class::Bulk };
            let seq = if event_first { event? } else { batch? };
            if class == Class::Bulk && self.in_order() && self.doubt.was_taken(seq) {
                spool.pass(&self.name, Class::Bulk, seq);
                continue;
            }
            break Turn { class, seq, probe_for: None };
        };
        Some(self.probe(head, spool).unwrap_or(head))
    }

    /// The probe that is due instead of the load whose turn it is.
    fn probe(&self, head: Turn, spool: &Spool) -> Option<Turn> {
        let steps = self.doubt.probe()?;
        let first = spool.head(&self.name, Class::Bulk)?;
        let seq = match (self.in_order(), head.class) {
            (false, _) => first,
            (true, Class::Bulk) => spool.ahead(Class::Bulk, head.seq, steps)?,
            (true, Class::Event) => spool.ahead(Class::Bulk, first, steps.saturating_sub(1))?,
        };
        let probe = Turn { class: Class::Bulk, seq, probe_for: Some(head.class) };
        ((seq, Class::Bulk) != (head.seq, head.class)).then_some(probe)
    }

    fn in_order(&self) -> bool {
        self.appetite.batches == Batches::All
    }

    /// The load itself, if it can be sent; else it is counted and passed over.
    fn load(&mut self, now: Now, turn: Turn, spool: &mut Spool) -> Option<Next> {
        let parcel = spool.read(turn.class, turn.seq).as_deref().and_then(pack::unpack);
        let why = match &parcel {
            None => Some(reason::DAMAGED),
            Some(Parcel::Batch(batch)) if self.skew.is_wrong(now, batch.at) => {
                Some(reason::WRONG_CLOCK)
            }
            Some(_) => None,
        };
        match (parcel, why) {
            (Some(parcel), None) => {
                self.under_way = Some(turn);
                self.pace = now.moment + FORWARD_DISTANCE;
                Some(Next::Deliver { seq: turn.seq, parcel })
            }
            (_, why) if turn.probe_for.is_none() => {
                self.standing.lose(why.unwrap_or(reason::DAMAGED), 1);
                self.pass(turn, spool);
                None
            }
            // It is counted when its turn has come.
            _ => {
                self.doubt.probe_failed(self.is_newest(turn, spool));
                self.pause.fail(now.moment, None);
                None
            }
        }
    }

    /// A load was taken or refused. `answered`: by a receiver, and not by the outlet itself that had
    /// nothing to say.
    fn through(&mut self, now: Now, turn: Turn, answered: bool, spool: &mut Spool) {
        let Some(head) = turn.probe_for else { return self.pass(turn, spool) };
        if self.in_order() {
            self.doubt.remember(turn.seq);
        } else {
            spool.pass(&self.name, turn.class, turn.seq);
        }
        if answered || head == turn.class {
            self.doubt.probe_was_taken(turn.seq, self.in_order());
        } else {
            self.doubt.no_probe();
            self.pause.fail(now.moment, None);
        }
    }

    fn pass(&mut self, turn: Turn, spool: &mut Spool) {
        spool.pass(&self.name, turn.class, turn.seq);
        self.doubt.head_is_through(turn.seq);
    }

    /// A load was not taken, and may be later.
    fn again(
        &mut self,
        now: Now,
        turn: Turn,
        why: &str,
        after: Option<Span>,
        suspect: bool,
        spool: &mut Spool,
    ) {
        let batch = turn.class == Class::Bulk;
        if turn.probe_for.is_some() {
            self.doubt.probe_failed(self.is_newest(turn, spool));
            return self.pause.fail(now.moment, after);
        }
        if batch && !self.in_order() {
            // The next attempt is with a newer one.
            return self.pause.fail(now.moment, after);
        }
        // Who asks for a pause means all loads.
        let suspect = suspect && after.is_none();
        match self.doubt.head_failed(now.moment, turn.seq, why, suspect, batch) {
            Verdict::PassOver => {
                self.standing.lose(reason::POISON, 1);
                self.standing.say(&format!("passed over, since later ones are taken: {why}"));
                self.pass(turn, spool);
            }
            Verdict::Probe if after.is_none() && self.probe(turn, spool).is_some() => {}
            Verdict::Probe | Verdict::Wait => {
                self.doubt.no_probe();
                self.pause.fail(now.moment, after);
            }
        }
    }

    fn is_newest(&self, turn: Turn, spool: &Spool) -> bool {
        spool.ahead(turn.class, turn.seq.saturating_add(1), 0).is_none()
    }

    fn works(&mut self, batch: bool) {
        self.standing.works();
        self.pause.end();
        if batch {
            self.skew.attempted(true);
        }
    }

    fn fails(&mut self, now: Now, why: &str, misconfigured: bool, batch: bool) {
        self.standing.fails(now, why, misconfigured);
        if batch {
            self.skew.attempted(false);
        }
    }

    fn count_lost(&mut self, spool: &mut Spool) {
        let lost = spool.take_lost(&self.name);
        self.standing.lose(reason::SPOOL_FULL, lost.bulk.saturating_add(lost.events));
        self.standing.lose(reason::DAMAGED, lost.damaged);
        if lost.events > 0 {
            self.standing.say("the spool is full of changes: the oldest are lost");
        }
    }
}
