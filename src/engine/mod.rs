//! The heart: `step(now, event) -> effects`. Owns all mutable monitoring state; does no I/O, asks
//! no clock, so that a month runs in seconds in a test.
//!
//! ```text
//! survey   which instances exist, which check judges which        (listing.rs, survey.rs)
//! schedule what is due, what is outstanding, what hangs           (schedule.rs, sampling.rs)
//! pins     what must be there and is not                        (pins.rs)
//! watch    one instance: windows, state, episode, what was told   (watch.rs, kept.rs)
//! telling  from a transition to notices                           (telling.rs, facts.rs)
//! remind   what is still bad is told again, later and later       (remind.rs)
//! fold     what follows from what: one incident, one mail         (fold.rs)
//! evidence what is behind a change, asked when it happens       (evidence.rs)
//! desk     notices wait for each other, then become a mail        (desk.rs, posting.rs)
//! minutes  what each judged number did, minute by minute          (minutes.rs)
//! hooks    and events for programs and web addresses              (hooks.rs)
//! routing  who is told of a state, by the routes as they were      (routing.rs)
//! quiet    silences and acknowledgements, mail that waits for its hour (quiet.rs, ordering.rs, holding.rs)
//! report   what `status` and `explain` show                       (report.rs, outlook.rs, wire.rs)
//! digest   once a day, numbered: how everything is               (digest.rs)
//! heart    a sign of life to a web address                       (heartbeat.rs)
//! forward  batches and changes for collectors                    (forwarding.rs)
//! pen      nothing is told before it is on the disk               (pen.rs, record.rs, storing.rs)
//! ```

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::config::plan::{Check, Plan};
use crate::model::id::Id;
use crate::model::limit::{CLOCK_STEP_MS, SURVEY_EVERY};
use crate::model::text::counted;
use crate::model::time::{Moment, Now, Stamp};
use crate::model::unit::Span;
use crate::notify::mail::{Mail, MailId};
use crate::notify::outbox::Outbox;

use agent::Fault;
use desk::Desk;
use digest::Digests;
use event::{Effect, Event, NextWake};
use evidence::Questions;
use forwarding::Forwarding;
use heartbeat::Heart;
use kept::Kept;
use listing::Surveyed;
use pen::Pen;
use quiet::Quiet;
use record::{Numbers, Replay};
use schedule::Schedule;
use watch::{WatchIx, Watches};

mod agent;
#[cfg(test)]
mod alternation;
mod desk;
mod digest;
pub mod event;
mod evidence;
mod facts;
mod fold;
#[cfg(test)]
mod folding;
mod forwarding;
mod heartbeat;
mod holding;
mod hooks;
mod kept;
mod listing;
mod minutes;
pub mod order;
mod ordering;
mod outlook;
mod pen;
mod pins;
mod posting;
mod quiet;
pub mod record;
mod reload;
mod remind;
mod report;
mod routing;
mod sampling;
mod schedule;
pub mod status;
mod storing;
mod survey;
mod telling;
mod watch;
mod wire;

pub use record::last_clocks;

/// What the daemon knows at start.
#[derive(Debug, Default)]
pub struct Start {
    /// Frames of the journal, oldest first.
    pub frames: Vec<Vec<u8>>,
    /// Why the journal, or a part of it, was set aside; told to a person.
    pub store_note: Option<String>,
    /// When this system started.
    pub booted: Moment,
    /// Why nothing can be stored at all; the agent then runs from memory and says so.
    pub store_error: Option<String>,
}

/// What goes into the next frame.
#[derive(Debug, Default)]
struct Pending {
    kept: BTreeSet<WatchIx>,
    gone: Vec<Id>,
    owed: BTreeSet<u64>,
    dropped: Vec<u64>,
}

/// A mail in the outbox, and the recipients that need no attempt any more.
#[derive(Debug)]
struct Sent {
    mail: Arc<Mail>,
    settled: Vec<String>,
    accepted: bool,
}

/// All mutable monitoring state.
#[derive(Debug)]
pub struct Engine {
    plan: Plan,
    now: Now,
    started: Stamp,
    config_loaded: Stamp,
    reload_refused: Option<String>,
    kinds: BTreeMap<&'static str, Surveyed>,
    next_survey: Moment,
    schedule: Schedule,
    watches: Watches,
    ids: BTreeMap<Id, WatchIx>,
    /// From the journal, and not seen by a survey yet.
    dormant: BTreeMap<Id, Kept>,
    dormant_until: Moment,
    timers: BTreeSet<(Moment, WatchIx)>,
    /// Watches whose windows changed since the last checkpoint.
    soft: Vec<WatchIx>,
    checkpoint_at: Option<Moment>,
    pending: Pending,
    pen: Pen,
    foreign: Vec<Vec<u8>>,
    numbers: Numbers,
    desks: BTreeMap<String, Desk>,
    questions: Questions,
    /// The minute that is being counted.
    minute: u32,
    digests: Digests,
    heart: Heart,
    forwarding: Forwarding,
    /// When this system started.
    booted: Moment,
    quiet: Quiet,
    /// What was over before a contact heard of it, under a silence.
    blips: VecDeque<(String, Stamp, String)>,
    outbox: Outbox,
    /// Events for hooks.
    hooks: Outbox,
    mails: BTreeMap<MailId, Sent>,
    delivering: Option<(MailId, Moment)>,
    hooking: Option<(MailId, Moment)>,
    /// Since when mail has been stuck.
    stuck: Option<Moment>,
    sent: u64,
    refused: VecDeque<(String, String)>,
    agent_check: Arc<Check>,
    full: bool,
    stopped: bool,
}

impl Engine {
    /// Brings the ledger forward from the journal; the first effects (surveys) are appended.
    #[must_use]
    pub fn new(plan: Plan, start: Start, now: Now, effects: &mut Vec<Effect>) -> Self {
        let first = start.frames.is_empty();
        let replay = Replay::read(start.frames);
        let agent_check = Arc::new(agent::check(&plan));
        // A journal that was lost must not make numbers, and with them Message-IDs, come again:
        // receivers drop a mail whose ID they have seen.
        let floor = u64::try_from(now.wall.0 / 1000).unwrap_or(0);
        let numbers = Numbers {
            mail: replay.next.mail.max(floor).max(1),
            episode: replay.next.episode.max(floor).max(1),
            notice: replay.next.notice.max(1),
        };
        let quiet = Quiet::restore(replay.quiet, &replay.kept);
        let mut engine = Self {
            now,
            started: now.wall,
            config_loaded: now.wall,
            reload_refused: None,
            kinds: BTreeMap::new(),
            next_survey: grid(now.moment, SURVEY_EVERY),
            schedule: Schedule::default(),
            watches: Watches::default(),
            ids: BTreeMap::new(),
            dormant: replay.kept,
            dormant_until: now.moment + SURVEY_EVERY,
            timers: BTreeSet::new(),
            soft: Vec::new(),
            checkpoint_at: None,
            pending: Pending::default(),
            pen: Pen::new(replay.bytes, start.store_error.clone(), now.moment),
            foreign: replay.foreign,
            numbers,
            desks: BTreeMap::new(),
            questions: Questions::default(),
            minute: 0,
            digests: Digests::new(replay.digests, now.moment),
            heart: Heart::default(),
            forwarding: Forwarding::default(),
            booted: start.booted,
            quiet,
            blips: VecDeque::new(),
            outbox: Outbox::new(plan.mail.keep),
            hooks: Outbox::new(plan.mail.keep),
            mails: BTreeMap::new(),
            delivering: None,
            hooking: None,
            stuck: None,
            sent: 0,
            refused: VecDeque::new(),
            agent_check,
            full: false,
            stopped: false,
            plan,
        };
        engine.restore_mail(replay.owed, replay.held, replay.mails, effects);
        engine.restore_agent(effects);
        engine.close_unknown_checks(effects);
        if replay.unreadable > 0 {
            let line = format!(
                "{} of the journal could not be understood and were skipped",
                counted(replay.unreadable, "record", "records")
            );
            engine.inform("a part of its state was lost", &line);
            effects.push(Effect::Log { level: tracing::Level::WARN, line });
        }
        if let Some(note) = start.store_note {
            engine.inform("its state was set aside", &note);
            effects.push(Effect::Log { level: tracing::Level::WARN, line: note });
        }
        if replay.unclean && !first {
            let open = engine.dormant.values().filter(|kept| kept.episode.is_some()).count();
            let line = format!(
                "the agent was not stopped in order; the last thing it wrote is {} old; {} and {} \
                 were carried over",
                now.moment.since(replay.last),
                counted(open, "open problem", "open problems"),
                counted(engine.mails.len(), "mail", "mails"),
            );
            engine.inform("restarted after a crash", &line);
            effects.push(Effect::Log { level: tracing::Level::WARN, line });
        }
        if let Some(why) = start.store_error {
            engine.set_fault(
                &Fault::State,
                Some(format!("cannot store its state: {why}")),
                effects,
            );
        }
        if engine.plan.forward.is_some() {
            engine.set_outlets(effects);
        }
        engine.mark_start(effects);
        engine.learn_kinds(effects);
        engine.flush_turn(effects);
        engine
    }

    /// Whether something handed out to be written has not been answered: worth waiting for at the
    /// end.
    #[must_use]
    pub fn has_unwritten(&self) -> bool {
        self.pen.is_waiting()
    }

    /// Takes in one event, appends what is to be done, and says when to be woken.
    pub fn step(&mut self, now: Now, event: Event, effects: &mut Vec<Effect>) -> NextWake {
        self.watch_clock(now, effects);
        let wake = matches!(event, Event::Wake);
        match event {
            Event::Wake => {}
            Event::Surveyed { kind, result, asking } => {
                self.surveyed(kind, result, asking, effects);
            }
            Event::Inquired { kind, result } => self.inquired(kind, result, effects),
            Event::Changed { kind } => self.ask_survey(kind, effects),
            Event::Sampled { source, run, sample } => self.sampled(source, run, sample, effects),
            Event::Stored(id) => {
                let mails = self.pen.stored(id);
                self.release(&mails);
            }
            Event::StoreFailed(id, why) => {
                let mails = self.pen.failed(id, why, now.moment);
                self.release(&mails);
            }
            Event::Delivery(report) => self.delivered(&report, effects),
            Event::Gathered { number, evidence, done } => {
                self.gathered(number, evidence, done);
            }
            Event::Beaten(result) => self.beaten(result, effects),
            Event::Forwarded(told) => self.forwarded(told, effects),
            Event::Foreseen(lines) => self.digests.soon = lines,
            Event::Order(asked) => self.order(*asked, effects),
            Event::Reload(plan) => self.reload(*plan, effects),
            Event::ReloadRefused(why) => self.refuse_reload(why, effects),
            Event::Flush => {
                self.outbox.flush(now.moment);
                self.hooks.flush(now.moment);
                self.post(true, effects);
            }
            Event::Stop => self.stop(effects),
        }
        if !self.stopped {
            self.run_due(effects);
            self.care_for_quiet(effects);
            // Everything read on one wake-up goes into one frame.
            if wake || self.schedule.inline == 0 {
                self.flush_turn(effects);
                self.post(false, effects);
            }
            self.care_for_store(effects);
            self.care_for_digests(effects);
            self.answer_orders(effects);
            self.care_for_mail(effects);
            self.care_for_heartbeat(effects);
            self.care_for_forwarding(effects);
            if self.schedule.inline == 0 {
                self.flush_turn(effects);
            }
            self.checkpoint(effects);
        }
        self.next_wake()
    }

    /// Does what time alone brings.
    fn run_due(&mut self, effects: &mut Vec<Effect>) {
        let now = self.now.moment;
        if now >= self.next_survey {
            self.next_survey = grid(now, SURVEY_EVERY);
            let kinds: Vec<&'static str> = self.kinds.keys().copied().collect();
            for kind in kinds {
                self.ask_survey(kind, effects);
            }
        }
        self.schedule.start_due(now, |source, run| effects.push(Effect::Read { source, run }));
        while let Some((source, since)) = self.schedule.overdue(now) {
            self.gave_no_answer(source, since, effects);
        }
        while let Some((when, ix)) = self.timers.first().copied().filter(|(w, _)| *w <= now) {
            self.timers.remove(&(when, ix));
            if let Some(watch) = self.watches.get_mut(ix) {
                watch.timer = None;
            }
            self.turn(ix, now, effects);
        }
    }

    /// Notices a step of the wall clock. It changes nothing here: durations are of the timeline.
    fn watch_clock(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let passed = now.moment.since(self.now.moment).as_millis();
        let shown = now.wall.0.saturating_sub(self.now.wall.0);
        let step = i128::from(shown) - i128::from(passed);
        if step.unsigned_abs() > u128::from(CLOCK_STEP_MS) {
            let ms = u64::try_from(step.unsigned_abs()).unwrap_or(u64::MAX);
            let way = if step > 0 { "forward" } else { "back" };
            let line = format!(
                "the wall clock was set {way} by {}; no window and no delay is affected",
                Span::from_millis(ms)
            );
            effects.push(Effect::Log { level: tracing::Level::WARN, line });
        }
        // The timeline never runs backwards, whatever the caller says.
        let moment = now.moment.max(self.now.moment);
        self.now = Now { moment, wall: now.wall };
    }

    fn next_wake(&self) -> NextWake {
        if self.stopped {
            return NextWake::Never;
        }
        let surveys = (!self.kinds.is_empty()).then_some(self.next_survey);
        let times = [
            surveys,
            self.checkpoint_at,
            self.schedule.next(),
            self.timers.first().map(|(when, _)| *when),
            self.pen.next(),
            self.mail_due(),
            self.digests_due(),
            self.heartbeat_due(),
            self.forwarding_due(),
            self.quiet_due(),
        ];
        times.into_iter().flatten().min().map_or(NextWake::Never, NextWake::At)
    }
}

/// The next multiple of `every` after `now`, so that everything periodic shares its wake-ups.
fn grid(now: Moment, every: Span) -> Moment {
    let every = every.as_millis().max(1);
    Moment((now.0 / every).saturating_add(1).saturating_mul(every))
}
