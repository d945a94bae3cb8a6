//! The dispatcher: one thread that owns the engine, sleeps until something is due or happens, and
//! does what the engine asks for. The only thread of this process that wakes in a steady state, but
//! for the one that hears the lane process.

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::AsFd;
use std::path::PathBuf;

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

use super::clock::Clock;
use super::console::Console;
use super::courier::Courier;
use super::detective::Detective;
use super::errand::{Errand, Errands};
use super::forwarder::Forwarder;
use super::historian::Historian;
use super::inbox::{Inbox, Message, Post};
use super::lane::Lanes;
use super::request::{Done, Request};
use super::scribe::{Scribe, Work};
use super::signals::Signals;
use super::supervisor::Supervisor;
use super::{reach, watching};
use crate::config::plan::Plan;
use crate::engine::Engine;
use crate::engine::event::{Effect, Event, NextWake};
use crate::engine::order::{Answer, Asked};
use crate::host::mountwatch::MountWatch;
use crate::host::{Host, memory};
use crate::model::exit;
use crate::model::text::counted;
use crate::model::time::Moment;
use crate::model::unit::Span;
use crate::notify::when::Zone;

/// Longest sleep, so that a suspend on a kernel whose poll does not count it is noticed.
const SLEEP_MAX: Span = Span::from_secs(3600);
/// How long a stop waits for the last write.
const STOP_PATIENCE: Span = Span::from_secs(5);

/// Loads the configuration again; run on a thread of its own since files may be on a slow disk.
pub type Loader = Box<dyn Fn() -> Result<Plan, String> + Send + Sync>;

/// Everything that the dispatcher drives.
pub struct Dispatcher {
    /// What is observed.
    pub host: Host,
    /// The clock.
    pub clock: Clock,
    /// The engine.
    pub engine: Engine,
    /// The inbox.
    pub inbox: Inbox,
    /// For threads it starts.
    pub post: Post,
    /// Open sources.
    pub lanes: Lanes,
    /// Writes the journal.
    pub scribe: Scribe,
    /// Keeps what the numbers did.
    pub historian: Historian,
    /// Delivers mail.
    pub courier: Courier,
    /// Hands batches and changes to the process that forwards them.
    pub forwarder: Forwarder,
    /// Finds out what is behind a change.
    pub detective: Detective,
    /// Has small things done that may wait.
    pub errands: Errands,
    /// Signals.
    pub signals: Signals,
    /// The service manager.
    pub supervisor: Supervisor,
    /// What people see; changes are printed unless quiet.
    pub console: &'static Console,
    /// Whether each change is printed.
    pub prints_changes: bool,
    /// Loads the configuration again.
    pub loader: std::sync::Arc<Loader>,
    /// Control socket, removed at the end.
    pub socket: Option<PathBuf>,
    /// Whether a reload that is under way must be answered on the control socket.
    pub reload_waiting: Vec<std::sync::mpsc::Sender<String>>,
    /// Orders that wait for their answer.
    pub orders: Orders,
}

/// Who waits for the answer to an order, by its number.
#[derive(Debug, Default)]
pub struct Orders {
    next: u64,
    waiting: BTreeMap<u64, std::sync::mpsc::Sender<String>>,
}

impl std::fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dispatcher").field("clock", &self.clock).finish_non_exhaustive()
    }
}

impl Dispatcher {
    /// Runs until a signal asks for the end.
    pub fn run(mut self, first: Vec<Effect>) {
        let mut wake = self.settle(first, NextWake::Never);
        wake = self.step(Event::Wake, wake);
        watching::print(self.console, &self.engine.status(self.clock.now()), self.prints_changes);
        self.supervisor.ready("watching");
        memory::give_back();
        let mounts = MountWatch::open(&self.host).ok();
        loop {
            let happened = self.sleep(wake, mounts.as_ref());
            if happened.mounts {
                wake = self.step(Event::Changed { kind: "filesystem" }, wake);
            }
            if happened.signal {
                let asked = self.signals.take();
                if asked.reload {
                    self.load();
                }
                if asked.stop {
                    return self.stop();
                }
            }
            if happened.inbox {
                wake = self.read_inbox(wake);
            }
            wake = self.step(Event::Wake, wake);
            self.supervisor.alive(self.clock.now().moment);
        }
    }

    /// One event and everything that follows from it at once.
    fn step(&mut self, event: Event, _was: NextWake) -> NextWake {
        let mut effects = Vec::new();
        let wake = self.engine.step(self.clock.now(), event, &mut effects);
        if effects.is_empty() { wake } else { self.settle(effects, wake) }
    }

    /// Does effects and what follows from them, until nothing is left to do now.
    fn settle(&mut self, effects: Vec<Effect>, wake: NextWake) -> NextWake {
        let mut wake = wake;
        let mut todo: VecDeque<Effect> = effects.into();
        let mut more = Vec::new();
        while let Some(effect) = todo.pop_front() {
            if let Some(event) = self.perform(effect) {
                wake = self.engine.step(self.clock.now(), event, &mut more);
                todo.extend(more.drain(..));
            }
        }
        wake
    }

    fn perform(&mut self, effect: Effect) -> Option<Event> {
        match effect {
            Effect::Survey(kind) => {
                let asking = kind.asks(&self.host);
                if asking {
                    self.lanes.list(kind);
                }
                let result = kind.survey(&self.host);
                Some(Event::Surveyed { kind: kind.spec().name, result, asking })
            }
            Effect::Recall { source, instance, memo } => {
                self.lanes.recall(source, instance, memo);
                None
            }
            Effect::Open { source, kind, name, options, lane } => {
                self.lanes.open(source, kind, &name, &options, lane);
                None
            }
            Effect::Close(source) => {
                self.lanes.close(source);
                None
            }
            Effect::Read { source, run } => self.lanes.read(source, run),
            Effect::Append { id, frame, sync } => {
                self.scribe.hand(Work::Append { id, frame, sync })
            }
            Effect::Rewrite { id, frames } => self.scribe.hand(Work::Rewrite { id, frames }),
            Effect::Deliver { mail, recipients, relays } => {
                self.courier.hand(mail, recipients, relays)
            }
            Effect::Remember(minutes) => {
                self.historian.keep(minutes);
                None
            }
            Effect::Outlets(outlets) => {
                self.forwarder.serve(outlets.map(|outlets| *outlets));
                None
            }
            Effect::Forward(parcel) => self.forwarder.hand(*parcel, self.clock.now().moment),
            Effect::Inquire(mut inquiry) => {
                self.historian.brief(&mut inquiry);
                self.detective.hand(inquiry)
            }
            Effect::Beat { url, token } => self.errands.hand(Errand::Beat { url, token }),
            Effect::Foresee => {
                let (history, at) = (self.historian.directory(), self.clock.now().wall);
                self.errands.hand(Errand::Foresee { history, at })
            }
            Effect::Answer { ticket, answer: Answer { code, text } } => {
                if let Some(reply) = self.orders.waiting.remove(&ticket) {
                    let _ = reply.send(Done { done: code == exit::DONE, code, text }.to_json());
                }
                None
            }
            Effect::Log { level, line } => {
                self.say(level, line);
                None
            }
        }
    }

    fn say(&self, level: tracing::Level, line: String) {
        let line = if self.console.is_journal() {
            line
        } else {
            format!("{}  {line}", Zone::named("local").clock(self.clock.now().wall))
        };
        match level {
            tracing::Level::ERROR => tracing::error!("{line}"),
            tracing::Level::WARN => tracing::warn!("{line}"),
            tracing::Level::INFO if self.prints_changes => self.console.out(line),
            _ => {}
        }
    }

    fn read_inbox(&mut self, wake: NextWake) -> NextWake {
        let mut wake = wake;
        let messages: Vec<Message> = self.inbox.drain().collect();
        for message in messages {
            match message {
                Message::Event(event) => {
                    self.answer_reload(&event);
                    let reloaded = matches!(event, Event::Reload(_) | Event::ReloadRefused(_));
                    wake = self.step(event, wake);
                    if reloaded {
                        memory::give_back();
                    }
                }
                Message::Lane(number, answer) => {
                    for event in self.lanes.hear(number, answer) {
                        wake = self.step(event, wake);
                    }
                }
                Message::Reach(access) if access != *self.host.bmc() => {
                    self.host = self.host.clone().reaching(access);
                    for event in self.lanes.renew(self.host.clone()) {
                        wake = self.step(event, wake);
                    }
                }
                Message::Reach(_) => {}
                Message::Ask(Request::Status, reply) => {
                    let mut report = self.engine.status(self.clock.now());
                    report.history_trouble = self.historian.trouble();
                    let _ = reply.send(serde_json::to_string(&report).unwrap_or_default());
                }
                Message::Ask(Request::Recent { id }, reply) => {
                    let recent = self.historian.recent(id.as_deref());
                    let _ = reply.send(serde_json::to_string(&recent).unwrap_or_default());
                }
                Message::Order(order, author, reply) => {
                    self.orders.next += 1;
                    let ticket = self.orders.next;
                    self.orders.waiting.insert(ticket, reply);
                    let asked = Asked { ticket, author, order };
                    wake = self.step(Event::Order(Box::new(asked)), wake);
                }
                // The control thread hands orders over with who gave them.
                Message::Ask(Request::Order { .. }, _) => {}
                Message::Ask(Request::Reload, reply) => {
                    self.reload_waiting.push(reply);
                    self.load();
                }
                Message::Ask(Request::Flush, reply) => {
                    wake = self.step(Event::Flush, wake);
                    let text = "all waiting mail is being tried".to_owned();
                    let done = Done { done: true, code: exit::DONE, text };
                    let _ = reply.send(done.to_json());
                }
            }
        }
        wake
    }

    /// Reads the configuration on a thread of its own; the result comes through the inbox.
    fn load(&self) {
        let (loader, post) = (std::sync::Arc::clone(&self.loader), self.post.clone());
        let thread = std::thread::Builder::new().name("loader".to_owned());
        let spawned = thread.spawn(move || {
            post.send(Message::Event(match loader() {
                Ok(plan) => {
                    post.send(Message::Reach(reach::access(&plan.bmc)));
                    Event::Reload(Box::new(plan))
                }
                Err(errors) => Event::ReloadRefused(errors),
            }));
        });
        if let Err(error) = spawned {
            tracing::error!("cannot start a thread to reload: {error}");
        }
    }

    fn answer_reload(&mut self, event: &Event) {
        let done = match event {
            Event::Reload(plan) => Done {
                done: true,
                code: exit::DONE,
                text: format!("reloaded: {}", counted(plan.checks.len(), "check", "checks")),
            },
            Event::ReloadRefused(errors) => Done {
                done: false,
                code: exit::BAD_CONFIG,
                text: format!(
                    "{errors}\nconfiguration NOT applied; the running one stays in force"
                ),
            },
            _ => return,
        };
        for reply in self.reload_waiting.drain(..) {
            let _ = reply.send(done.to_json());
        }
    }

    /// Sleeps until `wake`, a descriptor speaks, or the watchdog wants food.
    fn sleep(&self, wake: NextWake, mounts: Option<&MountWatch>) -> Happened {
        let now = self.clock.now().moment;
        let due = match wake {
            NextWake::At(moment) => moment,
            NextWake::Never => Moment(u64::MAX),
        };
        let due = self.supervisor.next_feeding().map_or(due, |feeding| due.min(feeding));
        let span = due.since(now).min(SLEEP_MAX);
        let mut polled = vec![
            PollFd::new(self.inbox.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
        ];
        if let Some(watch) = mounts {
            polled.push(PollFd::new(watch.as_fd(), MountWatch::EVENTS));
        }
        // An interrupted sleep is a short sleep: the loop looks at everything again.
        let _ = ppoll(&mut polled, Some(TimeSpec::from_duration(span.to_std())), None);
        let spoke = |index: usize| polled.get(index).and_then(PollFd::any).unwrap_or(false);
        Happened { inbox: spoke(0), signal: spoke(1), mounts: spoke(2) }
    }

    /// Hands out what must be kept and waits a little for the disk; lanes are left to themselves.
    fn stop(mut self) {
        self.supervisor.stopping();
        let _ = self.step(Event::Stop, NextWake::Never);
        let deadline = self.clock.now().moment + STOP_PATIENCE;
        while self.engine.has_unwritten() && self.clock.now().moment < deadline {
            let left = deadline.since(self.clock.now().moment);
            let mut polled = [PollFd::new(self.inbox.as_fd(), PollFlags::POLLIN)];
            let _ = ppoll(&mut polled, Some(TimeSpec::from_duration(left.to_std())), None);
            let _ = self.read_inbox(NextWake::Never);
        }
        self.forwarder.stop();
        self.historian.stop(deadline.since(self.clock.now().moment).to_std());
        if let Some(socket) = &self.socket {
            let _ = std::fs::remove_file(socket);
        }
        if self.prints_changes {
            self.console.out("stopped".to_owned());
        }
        self.console.flush();
    }
}

/// Which descriptors spoke.
struct Happened {
    inbox: bool,
    signal: bool,
    mounts: bool,
}
