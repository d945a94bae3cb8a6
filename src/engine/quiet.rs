//! Silences and acknowledgements: who wants no mail of what, until when and why. Owns their lives from
//! the record in the journal to the end; ordering.rs makes them. A silence keeps mail in the desk
//! (holding.rs) and judges nothing; an acknowledgement belongs to one episode and stops reminders.
//!
//! Their ends are on the timeline, so that no step of the wall clock makes one longer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::plan::Glob;
use crate::model::evidence::Row;
use crate::model::id::Id;
use crate::model::state::State;
use crate::model::text::shown;
use crate::model::time::{Moment, Stamp};
use crate::model::unit::Span;
use crate::notify::notice::{Cause, Notice};
use crate::notify::when::Zone;

use super::event::{Effect, WriteId};
use super::holding::is_over;
use super::kept::Kept;
use super::order::Answer;
use super::status::Quieted;
use super::watch::{Watch, WatchIx};
use super::{Engine, record};

/// What an acknowledgement has to say above the reason, as the head of a line in a mail.
const ACKED: &str = "acked";
/// When something that ended while its instance is not known yet is looked at again.
const LATER: Span = Span::from_secs(60);

/// No mail about ids that match, for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Silence {
    pub(super) number: u64,
    pub(super) what: String,
    pub(super) author: String,
    pub(super) reason: String,
    /// When it was made, for people.
    pub(super) made: Stamp,
    pub(super) until: Moment,
    #[serde(default)]
    pub(super) over: bool,
}

/// Somebody has taken on the problem of one episode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ack {
    pub(super) id: Id,
    pub(super) episode: u64,
    /// What was acknowledged; worse is another matter.
    pub(super) level: State,
    pub(super) author: String,
    pub(super) reason: String,
    /// When it was given, for people.
    pub(super) made: Stamp,
    pub(super) until: Moment,
    /// It holds no more; the episode is told with it all the same.
    #[serde(default)]
    pub(super) over: bool,
}

/// What the journal keeps: each record takes the place of the one before with the same number or
/// id.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Records {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) silences: Vec<Silence>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) acks: Vec<Ack>,
}

impl Records {
    /// Lays later records over these.
    pub(super) fn lay_over(&mut self, later: Self) {
        for silence in later.silences {
            self.silences.retain(|old| old.number != silence.number);
            self.silences.push(silence);
        }
        for ack in later.acks {
            self.acks.retain(|old| old.id != ack.id);
            self.acks.push(ack);
        }
    }
}

/// All of them, and the answers that wait for the disk.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    pub(super) silences: BTreeMap<u64, (Silence, Glob)>,
    pub(super) acks: BTreeMap<Id, Ack>,
    pub(super) next: u64,
    pub(super) waiting: Vec<(WriteId, u64, Answer)>,
}

impl Quiet {
    /// Continues where the journal left off, with acknowledgements of episodes that still last.
    pub(super) fn restore(records: Records, kept: &BTreeMap<Id, Kept>) -> Self {
        let mut quiet = Self::default();
        for silence in records.silences {
            quiet.next = quiet.next.max(silence.number);
            let glob = Glob::new(&silence.what, crate::alert::rule::Place::default());
            if let (false, Ok(glob)) = (silence.over, glob) {
                quiet.silences.insert(silence.number, (silence, glob));
            }
        }
        let lasts = |ack: &Ack| {
            let episode = kept.get(&ack.id).and_then(|kept| kept.episode.as_ref());
            episode.is_some_and(|episode| episode.number == ack.episode)
        };
        let acks = records.acks.into_iter().filter(lasts);
        quiet.acks = acks.map(|ack| (ack.id.clone(), ack)).collect();
        quiet
    }

    /// Everything that must outlive the process.
    pub(super) fn records(&self) -> Records {
        Records {
            silences: self.silences.values().map(|(silence, _)| silence.clone()).collect(),
            acks: self.acks.values().cloned().collect(),
        }
    }

    /// The silence that keeps an id quiet for the longest time from now.
    pub(super) fn silence(&self, id: &Id, now: Moment) -> Option<&Silence> {
        if self.silences.is_empty() {
            return None;
        }
        let name = id.to_string();
        let live = self.silences.values().filter(|(s, glob)| s.until > now && glob.matches(&name));
        live.map(|(silence, _)| silence).max_by_key(|silence| silence.until)
    }

    /// A silence by its number, as long as it is known.
    pub(super) fn numbered(&self, number: u64) -> Option<&Silence> {
        self.silences.get(&number).map(|(silence, _)| silence)
    }

    /// The acknowledgement of the present episode of a watch, over or not.
    pub(super) fn ack(&self, watch: &Watch) -> Option<&Ack> {
        let episode = watch.episode.as_deref()?.number;
        self.acks.get(&watch.id).filter(|ack| ack.episode == episode)
    }
}

impl Engine {
    /// Whether somebody has taken on what is wrong with a watch, so that nobody is reminded.
    pub(super) fn is_acked(&self, watch: &Watch) -> bool {
        self.quiet.ack(watch).is_some_and(|ack| {
            !ack.over && self.now.moment < ack.until && watch.state.rank() <= ack.level.rank()
        })
    }

    /// Whether nobody is mailed about an id at a time.
    #[must_use]
    pub fn is_silenced(&self, id: &Id, now: Moment) -> bool {
        self.quiet.silence(id, now).is_some()
    }

    /// Every silence, oldest first: for `silence list` and the daily digest.
    #[must_use]
    pub fn silenced(&self) -> Vec<Quieted> {
        self.quiet.silences.values().map(|(silence, _)| self.silence_words(silence)).collect()
    }

    fn silence_words(&self, silence: &Silence) -> Quieted {
        Quieted {
            number: Some(silence.number),
            what: silence.what.clone(),
            by: silence.author.clone(),
            reason: silence.reason.clone(),
            made: silence.made,
            until: self.now.wall_at_or_after(silence.until),
        }
    }

    /// The silence over an instance, and what somebody has acknowledged of it.
    pub(super) fn quieted(&self, watch: &Watch) -> (Option<Quieted>, Option<Quieted>) {
        let silence = self.quiet.silence(&watch.id, self.now.moment);
        let ack = self.quiet.ack(watch).filter(|_| self.is_acked(watch)).map(|ack| Quieted {
            number: None,
            what: ack.id.to_string(),
            by: ack.author.clone(),
            reason: ack.reason.clone(),
            made: ack.made,
            until: self.now.wall_at_or_after(ack.until),
        });
        (silence.map(|silence| self.silence_words(silence)), ack)
    }

    /// A time that lies ahead on the timeline, as people are told it.
    pub(super) fn ahead(&self, until: Moment) -> String {
        let zone = Zone::named(&self.plan.host.timezone);
        zone.soon(self.now.wall, self.now.wall_at_or_after(until))
    }

    /// Ends what is over, and tells what it kept back.
    pub(super) fn care_for_quiet(&mut self, effects: &mut Vec<Effect>) {
        let now = self.now.moment;
        let mut records = Records::default();
        for (silence, _) in self.quiet.silences.values_mut() {
            if !silence.over && silence.until <= now {
                silence.over = true;
                records.silences.push(silence.clone());
            }
        }
        let ended: Vec<Id> = self
            .quiet
            .acks
            .values()
            .filter(|ack| !ack.over && ack.until <= now && self.is_looked_at(&ack.id))
            .map(|ack| ack.id.clone())
            .collect();
        for id in ended {
            let Some(ack) = self.quiet.acks.get_mut(&id) else { continue };
            ack.over = true;
            let ack = ack.clone();
            self.tell_end_of_ack(&ack, effects);
            records.acks.push(ack);
        }
        self.release_held(effects);
        if records.silences.is_empty() && records.acks.is_empty() {
            return;
        }
        for silence in &records.silences {
            let line = format!("silence {} of {} is over", silence.number, shown(&silence.what));
            self.say_quiet(line, effects);
        }
        self.quiet.silences.retain(|_, (silence, _)| !silence.over);
        // Reminders that were kept back may be due.
        let all: Vec<WatchIx> = self.watches.iter().map(|(ix, _)| ix).collect();
        for ix in all {
            self.arm(ix);
        }
        self.flush_turn(effects);
        self.write(record::QUIET, &records, true, Vec::new(), effects);
    }

    /// Whether it is known how an instance is doing, if it is there at all.
    fn is_looked_at(&self, id: &Id) -> bool {
        let watch = self.ids.get(id).and_then(|ix| self.watches.get(*ix));
        watch.is_none_or(Watch::is_seen) && !self.dormant.contains_key(id)
    }

    /// An acknowledgement has run out: who was told, and thinks that somebody cares, hears of it.
    fn tell_end_of_ack(&mut self, ack: &Ack, effects: &mut Vec<Effect>) {
        let Some(ix) = self.ids.get(&ack.id).copied() else { return };
        let Some(watch) = self.watches.get(ix).filter(|watch| watch.state != State::Ok) else {
            return;
        };
        if watch.episode.as_deref().is_none_or(|episode| episode.number != ack.episode) {
            return;
        }
        let told = watch.told.iter().filter(|(name, told)| {
            (told.level != State::Ok || told.lost) && self.plan.contacts.contains_key(name)
        });
        let mut notices: Vec<Notice> = told
            .map(|(name, _)| self.notice(watch, name, Cause::Unsilenced, self.now.moment))
            .collect();
        self.say_quiet(format!("{}: no longer acked, and still {}", ack.id, watch.state), effects);
        let now = self.now.moment;
        for notice in notices.drain(..) {
            if let Some(told) = self.watches.get_mut(ix).and_then(|w| w.told_mut(&notice.contact)) {
                (told.from, told.reminded) = (Some(now), 0);
            }
            self.owe(notice);
        }
        self.pending.kept.insert(ix);
        self.arm(ix);
    }

    /// After a turn: an acknowledgement ends with its episode, and when it worsens.
    pub(super) fn review_ack(&mut self, ix: WatchIx, effects: &mut Vec<Effect>) {
        let Some(watch) = self.watches.get(ix) else { return };
        if self.quiet.acks.is_empty() || !self.quiet.acks.contains_key(&watch.id) {
            return;
        }
        let Some(ack) = self.quiet.ack(watch) else {
            self.quiet.acks.remove(&watch.id);
            return;
        };
        if ack.over || watch.state.rank() <= ack.level.rank() {
            return;
        }
        let line = format!("{}: worse than what {} has acked", ack.id, ack.author);
        let ended = Ack { over: true, ..ack.clone() };
        self.say_quiet(line, effects);
        self.quiet.acks.insert(ended.id.clone(), ended.clone());
        let records = Records { silences: Vec::new(), acks: vec![ended] };
        self.write(record::QUIET, &records, false, Vec::new(), effects);
    }

    /// An instance is watched no more.
    pub(super) fn forget_ack(&mut self, id: &Id) {
        self.quiet.acks.remove(id);
    }

    /// What a notice must say of the acknowledgement of its episode.
    pub(super) fn ack_remark(&self, notice: &Notice) -> Option<Row> {
        let ack = self.quiet.acks.get(&notice.id).filter(|ack| ack.episode == notice.episode)?;
        let over = ack.over || ack.until <= self.now.moment || is_over(notice);
        Some(self.ack_row(ack, over))
    }

    /// `by ana until 07:12: disk ordered`, or when it was.
    pub(super) fn ack_row(&self, ack: &Ack, over: bool) -> Row {
        let text = if over {
            let zone = Zone::named(&self.plan.host.timezone);
            format!("by {} {}: {}", ack.author, zone.short(ack.made), ack.reason)
        } else {
            format!("by {} until {}: {}", ack.author, self.ahead(ack.until), ack.reason)
        };
        Row { amount: ACKED.to_owned(), text }
    }

    /// When something quiet ends next.
    pub(super) fn quiet_due(&self) -> Option<Moment> {
        let now = self.now.moment;
        let silences = self.quiet.silences.values().map(|(silence, _)| silence.until);
        let acks = self.quiet.acks.values().filter(|ack| !ack.over).map(|ack| ack.until);
        let next = silences.chain(acks).chain(self.holds_due()).min()?;
        Some(if next > now { next } else { now + LATER })
    }

    /// Every silence, every acknowledgement and every end is one line, whatever is printed.
    pub(super) fn say_quiet(&self, line: String, effects: &mut Vec<Effect>) {
        effects.push(Effect::Log { level: tracing::Level::WARN, line });
    }
}
