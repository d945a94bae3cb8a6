//! The forwarding process: a child in which every outlet has a thread of its own, behind one spool.
//!
//! Collectors, their TLS and their delays stay out of the agent: the child holds no lock and no file
//! of the agent's, and can be killed. Orders come in and answers go out as lines of JSON
//! ([`super::forwarder`]); when the input ends, it writes down where it stands, and ends.

use std::io::{self, BufRead, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::clock::Clock;
use super::forwarder::{Answer, Name, Order};
use crate::forward::Setup;
use crate::forward::forwarder::{Forwarder, Next, deliver};
use crate::forward::outlet::{Outcome, Outlet, Reply};
use crate::forward::unopened::open_or_wait;
use crate::host::confine::confine;
use crate::model::limit::{
    FORWARD_ATTEMPT, FORWARDER_LINE_BYTES, FORWARDER_MEMORY_BYTES, FORWARDER_STOP,
    OUTLET_STACK_BYTES,
};
use crate::model::unit::Span;
use crate::store::lock::StateLock;
use crate::store::spool::{Bounds, Spool};

/// Longest sleep of an outlet's thread that has nothing to do.
const SLEEP_MAX: Span = Span::from_secs(3600);

/// What the threads share.
struct Shared {
    clock: Clock,
    forwarder: Mutex<Forwarder>,
    /// Something was handed over, or the end has come.
    woken: Condvar,
    ending: AtomicBool,
    out: Mutex<io::Stdout>,
    /// Which outlets were in trouble when that was told last.
    told: Mutex<Vec<bool>>,
}

/// The process' whole life.
///
/// # Errors
/// It is told nothing that makes sense, or another has its spool.
pub fn serve() -> io::Result<()> {
    let served = forward();
    if let Err(error) = &served {
        // The agent has the log.
        let words = Answer::Words(vec![format!("the forwarding process ends: {error}")]);
        say(&mut io::stdout(), &words);
    }
    served
}

fn forward() -> io::Result<()> {
    confine(FORWARDER_MEMORY_BYTES, FORWARDER_MEMORY_BYTES)?;
    // The agent is asked to stop by these, and its end is this one's: the whole group gets them.
    let ignored = Arc::new(AtomicBool::new(false));
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&ignored))?;
    }
    let mut input = io::stdin().lock();
    let Some(Order::Setup(setup)) = read(&mut input)? else {
        return Err(io::Error::other("it was not told what for"));
    };
    let clock = Clock::new();
    // One that the agent gave up may still be about to end. A directory that cannot be used is the
    // spool's to complain of: then what waits is in memory.
    let _lock = match StateLock::acquire(&setup.spool) {
        Ok(lock) => Some(lock),
        Err(error @ crate::store::lock::LockError::Held { .. }) => {
            return Err(io::Error::other(error.to_string()));
        }
        Err(_) => None,
    };
    let Setup { site, spool, spool_bytes, outlets, .. } = setup;
    let spool = Spool::open(&spool, Bounds::of(spool_bytes), clock.now().moment);
    let opened: Vec<Box<dyn Outlet>> =
        outlets.iter().map(|plan| open_or_wait(plan, &site)).collect();
    let names: Vec<_> = outlets
        .iter()
        .zip(&opened)
        .map(|(plan, outlet)| (plan.name.clone(), outlet.appetite()))
        .collect();
    let forwarder = Forwarder::new(spool, &site.fqdn, &names);
    let shared = Arc::new(Shared {
        clock,
        forwarder: Mutex::new(forwarder),
        woken: Condvar::new(),
        ending: AtomicBool::new(false),
        out: Mutex::new(io::stdout()),
        told: Mutex::new(vec![false; names.len()]),
    });
    let (ended, ends) = channel();
    for (place, outlet) in opened.into_iter().enumerate() {
        begin(&shared, place, outlet, ended.clone())?;
    }
    drop(ended);
    shared.say_health();
    let heard = shared.listen(&mut input);
    shared.end();
    // Outlets are closed in order as far as they come back; one that hangs ends with the process.
    let _ = ends.recv_timeout(FORWARDER_STOP.to_std() / 2);
    heard
}

/// One order; `None` at the end of the input.
fn read(input: &mut impl BufRead) -> io::Result<Option<Order>> {
    let mut line = Vec::new();
    let bound = u64::try_from(FORWARDER_LINE_BYTES).unwrap_or(u64::MAX);
    input.take(bound).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    serde_json::from_slice(&line).map(Some).map_err(io::Error::other)
}

/// Starts the thread of an outlet. When the last of them ends, its end of `ended` goes.
fn begin(
    shared: &Arc<Shared>,
    place: usize,
    outlet: Box<dyn Outlet>,
    ended: Sender<()>,
) -> io::Result<()> {
    let shared = Arc::clone(shared);
    let thread =
        std::thread::Builder::new().name("outlet".to_owned()).stack_size(OUTLET_STACK_BYTES);
    thread.spawn(move || {
        let mut outlet = outlet;
        while !shared.ending.load(Ordering::Acquire) {
            shared.turn(place, outlet.as_mut());
        }
        drop(outlet);
        drop(ended);
    })?;
    Ok(())
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Forwarder> {
        self.forwarder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes orders until there are no more.
    fn listen(&self, input: &mut impl BufRead) -> io::Result<()> {
        while let Some(order) = read(input)? {
            let Order::Parcel(parcel) = order else { continue };
            let name = Name::of(&parcel);
            self.lock().take(self.clock.now(), parcel);
            self.woken.notify_all();
            self.say(&Answer::Kept(name));
            // An outlet that works says by itself that it has taken everything.
            if matches!(name, Name::Batch(_)) && self.is_troubled() {
                self.say_health();
            }
        }
        Ok(())
    }

    /// One thing that an outlet does: a delivery, a question for the time, or waiting.
    fn turn(&self, place: usize, outlet: &mut dyn Outlet) {
        let mut forwarder = self.lock();
        match forwarder.next(self.clock.now(), place) {
            Next::Deliver { seq, parcel } => {
                drop(forwarder);
                let delivered = catch_unwind(AssertUnwindSafe(|| deliver(outlet, &parcel)));
                let reply = delivered.unwrap_or_else(|_| defect());
                self.lock().settle(self.clock.now(), place, seq, &reply);
                self.report(place);
            }
            Next::AskClock => {
                drop(forwarder);
                let asked = catch_unwind(AssertUnwindSafe(|| outlet.clock(FORWARD_ATTEMPT)));
                self.lock().heard_clock(self.clock.now(), place, asked.unwrap_or_default());
                self.report(place);
            }
            // That batches are held is found out while looking for one.
            Next::Wait(_) | Next::Idle if self.is_news(&forwarder, place) => {
                drop(forwarder);
                self.report(place);
            }
            Next::Wait(until) => {
                let span = until.since(self.clock.now().moment).min(SLEEP_MAX);
                // At least a little, so that a moment that has come already is no busy loop.
                let span = span.to_std().max(Duration::from_millis(1));
                drop(self.woken.wait_timeout(forwarder, span));
            }
            Next::Idle => drop(self.woken.wait_timeout(forwarder, SLEEP_MAX.to_std())),
        }
    }

    /// Whether the trouble of an outlet began or ended since that was told.
    fn is_news(&self, forwarder: &Forwarder, place: usize) -> bool {
        let health = forwarder.health(self.clock.now());
        let troubled = health.get(place).map(|health| health.trouble.is_some());
        troubled != self.told.lock().unwrap_or_else(PoisonError::into_inner).get(place).copied()
    }

    /// Whether any outlet was in trouble when that was told last.
    fn is_troubled(&self) -> bool {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).contains(&true)
    }

    /// Tells the agent of an outlet that has taken everything, or whose trouble began or ended.
    fn report(&self, place: usize) {
        let (health, words) = {
            let mut forwarder = self.lock();
            (forwarder.health(self.clock.now()), forwarder.take_words())
        };
        if !words.is_empty() {
            self.say(&Answer::Words(words));
        }
        let mine = health.get(place);
        let troubled = mine.is_some_and(|health| health.trouble.is_some());
        let idle = mine.is_some_and(|health| health.numbers.waiting == 0);
        let before = self.told.lock().unwrap_or_else(PoisonError::into_inner).get(place).copied();
        if idle || before != Some(troubled) {
            self.say_health();
        }
    }

    fn say_health(&self) {
        let health = self.lock().health(self.clock.now());
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) =
            health.iter().map(|health| health.trouble.is_some()).collect();
        self.say(&Answer::Health(health));
    }

    fn say(&self, answer: &Answer) {
        say(&mut self.out.lock().unwrap_or_else(PoisonError::into_inner), answer);
    }

    fn end(&self) {
        self.ending.store(true, Ordering::Release);
        self.lock().stop(self.clock.now());
        self.woken.notify_all();
    }
}

fn say(out: &mut io::Stdout, answer: &Answer) {
    let Ok(mut line) = serde_json::to_vec(answer) else { return };
    line.push(b'\n');
    let _ = out.write_all(&line).and_then(|()| out.flush());
}

/// What is said of an outlet that panicked: a defect in one dialect must not silence the others.
fn defect() -> Reply {
    let why = "the outlet has a defect (panic); please report it".to_owned();
    Reply { outcome: Outcome::Retry { why, after: None, suspect: true }, clock: None }
}
