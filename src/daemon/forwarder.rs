//! The agent's end of the forwarder: a thread that starts the forwarding process, hands it batches and
//! changes, and starts it anew when it dies or falls silent.
//!
//! Owns: what the process must know, and what it has not put into its spool yet. No check
//! ever waits for it: what is too much while the process hangs is left out, a batch at a time.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::inbox::{Message, Post};
use super::lane_process::this_program;
use crate::config::plan::ForwardPlan;
use crate::engine::event::Event;
use crate::forward::health::{Health, Trouble};
use crate::forward::{Setup, Site};
use crate::model::batch::{OutletNumbers, Parcel};
use crate::model::limit::{
    BATCHES_IN_HAND, BATCHES_UNKEPT, CHANGES_IN_HAND, FORWARDER_PATIENCE, FORWARDER_RESTART,
    FORWARDER_STOP, PARCELS_IN_HAND,
};
use crate::model::time::{Moment, Stamp};
use crate::model::unit::Span;

/// Stack of the threads: they move lines.
const STACK_BYTES: usize = 256 << 10;

/// What the process is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// What it is for; the first line, once. No argument, since it may hold secrets.
    Setup(Setup),
    /// One thing to forward.
    Parcel(Parcel),
}

/// What it answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// A parcel is in the spool.
    Kept(Name),
    /// How the outlets fare: when one has taken everything, and when its trouble begins, goes on or
    /// ends.
    Health(Vec<Health>),
    /// Lines for the log.
    Words(Vec<String>),
}

/// What tells a parcel from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Name {
    /// The batch of this moment.
    Batch(Stamp),
    /// The change of this number.
    Change(u64),
}

impl Name {
    /// The name of a parcel.
    #[must_use]
    pub fn of(parcel: &Parcel) -> Self {
        match parcel {
            Parcel::Batch(batch) => Self::Batch(batch.at),
            Parcel::Change(change) => Self::Change(change.number),
        }
    }
}

/// Parcels, as lines, that no answer has said to be in the spool; oldest first.
type Unkept = Arc<Mutex<VecDeque<(Name, Vec<u8>)>>>;

/// What the thread is told.
#[derive(Debug)]
enum Work {
    Setup(Box<Setup>),
    Parcel(Box<Parcel>),
}

/// The way to the thread.
#[derive(Debug)]
pub struct Forwarder {
    spool: PathBuf,
    post: Post,
    serving: Option<Serving>,
    /// Since when batches have been left out.
    skipping: Option<Moment>,
}

#[derive(Debug)]
struct Serving {
    outlets: Vec<String>,
    work: SyncSender<Work>,
    /// Batches that the thread has not handed on.
    batches: Arc<AtomicUsize>,
    /// The process, for when the thread itself waits for it.
    child: Slot,
    /// Says that the thread has ended, by being dropped.
    end: Receiver<()>,
}

impl Forwarder {
    /// `spool` is the directory for what waits.
    #[must_use]
    pub fn new(spool: PathBuf, post: Post) -> Self {
        Self { spool, post, serving: None, skipping: None }
    }

    /// Serves these outlets from now on.
    pub fn serve(&mut self, outlets: Option<(Site, ForwardPlan)>) {
        let Some((site, plan)) = outlets else {
            self.serving = None;
            return;
        };
        let setup = Setup {
            site,
            every: plan.every,
            spool: self.spool.clone(),
            spool_bytes: plan.spool_bytes,
            outlets: plan.outlets,
        };
        let handed = self.serving.as_mut().is_some_and(|serving| {
            serving.outlets = names(&setup);
            serving.work.try_send(Work::Setup(Box::new(setup.clone()))).is_ok()
        });
        if !handed {
            if let Some(stuck) = self.serving.take() {
                kill(&stuck.child);
            }
            self.serving = begin(setup, &self.post);
        }
    }

    /// Hands a parcel over. What the thread has no room for is left out, and said; the process is
    /// killed when that has lasted for long.
    #[must_use]
    pub fn hand(&mut self, parcel: Parcel, now: Moment) -> Option<Event> {
        let serving = self.serving.as_ref()?;
        let batch = matches!(parcel, Parcel::Batch(_));
        let room = !batch || serving.batches.load(Ordering::Relaxed) < BATCHES_IN_HAND;
        if room {
            let count = usize::from(batch);
            serving.batches.fetch_add(count, Ordering::Relaxed);
            if serving.work.try_send(Work::Parcel(Box::new(parcel))).is_ok() {
                self.skipping = None;
                return None;
            }
            serving.batches.fetch_sub(count, Ordering::Relaxed);
        }
        let since = *self.skipping.get_or_insert(now);
        if now.since(since) >= FORWARDER_PATIENCE {
            kill(&serving.child);
            self.skipping = Some(now);
        }
        let names = serving.outlets.iter().map(String::as_str);
        Some(all_troubled(names, "the forwarding process takes nothing; it will be started again"))
    }

    /// Lets the process write down where it stands, and waits a little for that.
    pub fn stop(&mut self) {
        let Some(Serving { work, end, .. }) = self.serving.take() else { return };
        drop(work);
        let _ = end.recv_timeout(FORWARDER_STOP.to_std());
    }
}

fn names(setup: &Setup) -> Vec<String> {
    setup.outlets.iter().map(|outlet| outlet.name.clone()).collect()
}

fn begin(setup: Setup, post: &Post) -> Option<Serving> {
    let (work, orders) = sync_channel(PARCELS_IN_HAND);
    let (ended, end) = sync_channel::<()>(1);
    let outlets = names(&setup);
    let (batches, child) = (Arc::<AtomicUsize>::default(), Slot::default());
    let keeper = Keeper {
        batches: Arc::clone(&batches),
        slot: Arc::clone(&child),
        setup,
        post: post.clone(),
        process: None,
        started: None,
        unkept: Arc::default(),
    };
    let thread = std::thread::Builder::new().name("forwarder".to_owned()).stack_size(STACK_BYTES);
    let spawned = thread.spawn(move || {
        let mut keeper = keeper;
        keeper.run(&orders);
        drop(ended);
    });
    match spawned {
        Ok(_) => Some(Serving { outlets, work, batches, child, end }),
        Err(error) => {
            tracing::error!("nothing is forwarded: cannot start a thread: {error}");
            None
        }
    }
}

/// The process that runs now.
type Slot = Arc<Mutex<Option<Arc<Mutex<Child>>>>>;

/// Ends a process that takes nothing.
fn kill(slot: &Slot) {
    let child = slot.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(child) = child {
        let _ = child.lock().unwrap_or_else(PoisonError::into_inner).kill();
    }
}

/// Every outlet in the same trouble.
fn all_troubled<'a>(names: impl Iterator<Item = &'a str>, text: &str) -> Event {
    let health = |name: &str| Health {
        numbers: OutletNumbers { name: name.to_owned(), ..OutletNumbers::default() },
        lost_values: 0,
        trouble: Some(Trouble {
            since: Stamp::default(),
            lasting: Span::ZERO,
            text: text.to_owned(),
            misconfigured: false,
        }),
    };
    Event::Forwarded(names.map(health).collect())
}

/// The body of the thread.
struct Keeper {
    batches: Arc<AtomicUsize>,
    slot: Slot,
    setup: Setup,
    post: Post,
    process: Option<Process>,
    started: Option<Instant>,
    unkept: Unkept,
}

impl Keeper {
    fn run(&mut self, orders: &Receiver<Work>) {
        self.ensure();
        loop {
            match orders.recv_timeout(FORWARDER_PATIENCE.to_std()) {
                Ok(Work::Setup(setup)) => {
                    self.end();
                    self.setup = *setup;
                    self.started = None;
                    self.ensure();
                }
                Ok(Work::Parcel(parcel)) => {
                    if matches!(*parcel, Parcel::Batch(_)) {
                        self.batches.fetch_sub(1, Ordering::Relaxed);
                    }
                    self.forward(*parcel);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.look();
        }
        self.end();
    }

    fn forward(&mut self, parcel: Parcel) {
        let name = Name::of(&parcel);
        let Ok(line) = line(&Order::Parcel(parcel)) else { return };
        {
            let mut unkept = self.unkept.lock().unwrap_or_else(PoisonError::into_inner);
            make_room(&mut unkept);
            unkept.push_back((name, line.clone()));
        }
        // A new process gets everything that is not kept, this one too.
        if self.process.is_none() {
            self.ensure();
        } else {
            self.send(&line, true);
        }
    }

    /// Sees to it that there is a process, if it is not too early for a new one.
    fn ensure(&mut self) {
        let early = self.started.is_some_and(|at| at.elapsed() < FORWARDER_RESTART.to_std());
        if early || self.process.is_some() {
            return;
        }
        self.started = Some(Instant::now());
        match Process::start(&self.post, Arc::clone(&self.unkept)) {
            Ok(process) => {
                let child = Some(Arc::clone(&process.child));
                *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = child;
                self.process = Some(process);
            }
            Err(error) => {
                self.tell(&format!("the forwarding process cannot be started: {error}"));
                return;
            }
        }
        if let Ok(setup) = line(&Order::Setup(self.setup.clone())) {
            self.send(&setup, false);
        }
        let waiting: Vec<Vec<u8>> = {
            let unkept = self.unkept.lock().unwrap_or_else(PoisonError::into_inner);
            unkept.iter().map(|(_, line)| line.clone()).collect()
        };
        for line in waiting {
            self.send(&line, true);
        }
    }

    fn send(&mut self, line: &[u8], is_answered: bool) {
        let Some(process) = &mut self.process else { return };
        if let Err(error) = process.send(line, is_answered) {
            self.tell(&format!("the forwarding process is gone ({error}); it is started again"));
            self.end();
        }
    }

    /// Ends a process that owes an answer for too long.
    fn look(&mut self) {
        let silent = self.process.as_ref().is_some_and(Process::is_silent);
        if silent {
            let text = format!("the forwarding process gave no answer within {FORWARDER_PATIENCE}");
            self.tell(&text);
            self.end();
        }
    }

    /// Lets the process end in order, and kills it if it does not.
    fn end(&mut self) {
        if let Some(process) = self.process.take() {
            *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = None;
            process.end();
        }
    }

    /// Tells the engine of a trouble that is every outlet's.
    fn tell(&self, text: &str) {
        let names = self.setup.outlets.iter().map(|outlet| outlet.name.as_str());
        self.post.send(Message::Event(all_troubled(names, text)));
    }
}

/// An order as it is written.
fn line(order: &Order) -> std::io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(order).map_err(std::io::Error::other)?;
    line.push(b'\n');
    Ok(line)
}

/// Keeps what waits for the process within its bounds: the oldest batches go, then the oldest changes.
fn make_room(unkept: &mut VecDeque<(Name, Vec<u8>)>) {
    let is_batch = |(name, _): &(Name, Vec<u8>)| matches!(name, Name::Batch(_));
    let batches = unkept.iter().filter(|one| is_batch(one)).count();
    if batches >= BATCHES_UNKEPT
        && let Some(oldest) = unkept.iter().position(is_batch)
    {
        unkept.remove(oldest);
    }
    if unkept.len() >= CHANGES_IN_HAND {
        unkept.pop_front();
    }
}

/// The process as the thread sees it.
struct Process {
    orders: ChildStdin,
    child: Arc<Mutex<Child>>,
    /// When it was told something that it has not answered.
    owes: Arc<Mutex<Option<Instant>>>,
    /// Says that its output has ended, by being dropped.
    gone: Receiver<()>,
}

impl Process {
    fn start(post: &Post, unkept: Unkept) -> std::io::Result<Self> {
        let mut command = Command::new(this_program());
        command.arg("forwarder").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let missing = || std::io::Error::other("the child has no pipes");
        let orders = child.stdin.take().ok_or_else(missing)?;
        let answers = child.stdout.take().ok_or_else(missing)?;
        let child = Arc::new(Mutex::new(child));
        let owes: Arc<Mutex<Option<Instant>>> = Arc::default();
        let (going, gone) = sync_channel::<()>(1);
        let (heard, post, ending) = (Arc::clone(&owes), post.clone(), Arc::clone(&child));
        let thread = std::thread::Builder::new().name("forwarded".to_owned());
        thread.stack_size(STACK_BYTES).spawn(move || {
            for line in BufReader::new(answers).lines() {
                let Ok(line) = line else { break };
                match serde_json::from_str(&line) {
                    Ok(Answer::Kept(name)) => {
                        let mut unkept = unkept.lock().unwrap_or_else(PoisonError::into_inner);
                        unkept.retain(|(other, _)| *other != name);
                        let owes = (!unkept.is_empty()).then(Instant::now);
                        *heard.lock().unwrap_or_else(PoisonError::into_inner) = owes;
                    }
                    Ok(Answer::Health(all)) => {
                        post.send(Message::Event(Event::Forwarded(all)));
                    }
                    Ok(Answer::Words(lines)) => {
                        for line in lines {
                            tracing::warn!("forward: {line}");
                        }
                    }
                    Err(_) => {}
                }
            }
            drop(going);
            // Its pipe is closed, so it is ending; without this it would stay as a zombie.
            let _ = ending.lock().unwrap_or_else(PoisonError::into_inner).wait();
        })?;
        Ok(Self { orders, child, owes, gone })
    }

    fn send(&mut self, line: &[u8], is_answered: bool) -> std::io::Result<()> {
        if is_answered {
            let mut owes = self.owes.lock().unwrap_or_else(PoisonError::into_inner);
            owes.get_or_insert_with(Instant::now);
        }
        self.orders.write_all(line)
    }

    fn is_silent(&self) -> bool {
        let owes = self.owes.lock().unwrap_or_else(PoisonError::into_inner);
        owes.is_some_and(|since| since.elapsed() >= FORWARDER_PATIENCE.to_std())
    }

    fn end(self) {
        drop(self.orders);
        if matches!(
            self.gone.recv_timeout(Duration::from_millis(FORWARDER_STOP.as_millis())),
            Err(RecvTimeoutError::Timeout)
        ) {
            let _ = self.child.lock().unwrap_or_else(PoisonError::into_inner).kill();
        }
    }
}
