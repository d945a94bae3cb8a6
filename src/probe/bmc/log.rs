//! The event log of a BMC: how far it was read, which of its events are open.
//!
//! Owns: what is new since the last look, that an old log never floods, that a BMC that is busy or
//! refuses an entry ends nothing. What an entry says is `parse::ipmi::sel`'s, which events pair
//! `open`'s.
//!
//! What a log held before it was watched is its past. A new event is open until its end is logged,
//! its sensor shows that it is over, the log is cleared, or a day is over. While the sensor itself
//! shows the same state, the sensor's own instance tells it, and the log does not tell it again.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::question::{Asker, NAMES_NOTHING, Refusal};
use crate::model::time::Moment;
use crate::model::unit::Span;
use crate::parse::ipmi::sdr::Address;
use crate::parse::ipmi::sel::{Entry, Info, LAST_ENTRY, Time};

pub(super) use super::open::Live;
use super::open::{Events, OPEN_FOR};

/// Entries read in one look: a log of 4096 entries that was not read for long takes some looks,
/// each of which leaves the BMC time for others.
const ENTRIES_PER_LOOK: usize = 512;
/// New entries of one look from which on this is catching up: what began and ended meanwhile is
/// past.
const CATCHING_UP: usize = 32;
/// Characters of an event's words.
const PHRASE_CHARS: usize = 160;
/// How often the log is asked for an entry behind the last, whatever its counters say: some stand.
const CHECK_EVERY: Span = Span::from_secs(300);
/// Looks in which an entry is refused before the log is read on behind it.
const REFUSALS: u32 = 4;
/// No entry is later than this.
const ALL_PAST: (u32, u32) = (u32::MAX, 0);
/// Number that asks for the first entry.
const FIRST_ENTRY: u16 = 0;

/// What the agent must know of a log after a restart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Log {
    /// The entry that was read last, and a checksum of what it says; nothing while the log was
    /// empty.
    #[serde(default)]
    last: Option<(u16, u32)>,
    /// Whose log it is: the BMC's number in the world, in short.
    #[serde(default)]
    whose: Option<u32>,
    /// While it is read from its beginning: what the newest entry that is past has for a time, by
    /// the BMC's clock, and its checksum.
    #[serde(default)]
    past_until: Option<(u32, u32)>,
    /// Seconds by the BMC's clock: when the log was cleared last.
    #[serde(default)]
    erased: u32,
    /// When an entry was added last, likewise.
    #[serde(default)]
    added: u32,
    /// Entries when it was read last.
    #[serde(default)]
    entries: u16,
    /// When it was seen cleared.
    #[serde(default)]
    cleared: Option<Moment>,
    /// Events that are not over.
    #[serde(default)]
    pub(super) events: Events,
    /// The newest entry in words.
    #[serde(default)]
    pub(super) newest: String,
    /// It was read to its end once: what comes now is new.
    #[serde(default)]
    begun: bool,
    /// Looks in a row in which an entry was refused.
    #[serde(skip)]
    refusals: u32,
    /// When it was asked for an entry behind the last.
    #[serde(skip)]
    checked: Option<Moment>,
}

impl Log {
    /// Continues where another run of the agent left off.
    pub(super) fn recall(memo: &str) -> Option<Self> {
        let mut log: Self = serde_json::from_str(memo).ok()?;
        log.events.bound();
        Some(log)
    }

    /// For the next run of the agent.
    pub(super) fn memo(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads what is new. `whose` tells one BMC from another.
    ///
    /// # Errors
    /// When the BMC is lost; what was read until then counts.
    pub(super) fn look(
        &mut self,
        asker: &mut Asker,
        info: &Info,
        whose: Option<u32>,
        live: &dyn Live,
        now: Moment,
    ) -> Result<(), Refusal> {
        let is_whole = if !self.begun {
            self.begin(asker, info, live, now)?
        } else if self.stands(info, now) {
            true
        } else {
            self.read_on(asker, info, whose, live, now)?
        };
        if is_whole {
            self.refusals = 0;
            self.whose = whose.or(self.whose);
            (self.entries, self.erased, self.added) = counters(info);
        }
        self.events.settle(live, now);
        Ok(())
    }

    /// Whether nothing was added, as far as the log's counters tell.
    fn stands(&self, info: &Info, now: Moment) -> bool {
        // A full log that goes round under a clock that stands shows no change there.
        let may_hide = info.entries > 0 && seconds(info.last_addition) == 0;
        let is_checked = |at: Moment| now >= at && now.since(at) < CHECK_EVERY;
        counters(info) == (self.entries, self.erased, self.added)
            && !may_hide
            && self.checked.is_some_and(is_checked)
    }

    /// When the log was seen cleared, if that was not long ago.
    pub(super) fn cleared(&self, now: Moment) -> Option<Span> {
        self.cleared.map(|at| now.since(at)).filter(|ago| *ago < OPEN_FOR)
    }

    /// The first look: all there is, is past. Says whether the end was reached, as all below.
    fn begin(
        &mut self,
        asker: &mut Asker,
        info: &Info,
        live: &dyn Live,
        now: Moment,
    ) -> Result<bool, Refusal> {
        if info.entries > 0 && self.past_until.is_none() {
            match entry(asker, LAST_ENTRY)? {
                Got::Entry(_, bytes) => self.note(LAST_ENTRY, &bytes, live),
                // One that cannot be asked for its newest entry is read from the beginning.
                Got::Gone => self.past_until = Some(ALL_PAST),
                Got::Nothing => {
                    self.refusals += 1;
                    if self.refusals >= REFUSALS {
                        self.past_until = Some(ALL_PAST);
                    }
                    return Ok(false);
                }
            }
        }
        self.begun = self.past_until.is_none() || self.read_on(asker, info, None, live, now)?;
        Ok(self.begun)
    }

    fn read_on(
        &mut self,
        asker: &mut Asker,
        info: &Info,
        whose: Option<u32>,
        live: &dyn Live,
        now: Moment,
    ) -> Result<bool, Refusal> {
        let next = match self.last {
            None if info.entries == 0 => {
                self.checked = Some(now);
                return Ok(true);
            }
            None => FIRST_ENTRY,
            Some(_) if info.entries == 0 => {
                self.clear(now);
                return Ok(true);
            }
            Some((record, print)) => match entry(asker, record)? {
                Got::Entry(next, bytes) if print_of(&bytes) == print => next,
                Got::Nothing => return self.refused(asker, live, now),
                // It is gone, or another has its number.
                Got::Entry(..) | Got::Gone => {
                    if whose.is_some() && self.whose.is_some() && whose != self.whose {
                        *self = Self { whose, ..Self::default() };
                        return self.begin(asker, info, live, now);
                    }
                    self.start_over(info, now);
                    FIRST_ENTRY
                }
            },
        };
        self.checked = Some(now);
        self.walk(asker, next, live, now)
    }

    /// The last entry is gone: the log was cleared, went all round, or has other numbers now. What
    /// its clock puts before the newest entry that was there is no news.
    fn start_over(&mut self, info: &Info, now: Moment) {
        let (entries, erased, _) = counters(info);
        let print = self.last.map_or(0, |(_, print)| print);
        let until = match (info.last_addition, Time::of(self.added)) {
            (Time::At(added), Time::At(before)) if added >= before => Some((before, print)),
            _ => None,
        };
        if entries < self.entries || erased != self.erased {
            self.clear(now);
        }
        self.past_until = until;
    }

    /// Whoever cleared it has seen what was open.
    fn clear(&mut self, now: Moment) {
        self.events = Events::default();
        (self.last, self.past_until) = (None, None);
        self.cleared = Some(now);
    }

    /// Reads from an entry on.
    fn walk(
        &mut self,
        asker: &mut Asker,
        first: u16,
        live: &dyn Live,
        now: Moment,
    ) -> Result<bool, Refusal> {
        let (mut next, mut read) = (first, BTreeSet::new());
        // Where numbers lead back, the log ends.
        while next != LAST_ENTRY && !read.contains(&next) {
            if read.len() >= ENTRIES_PER_LOOK {
                return Ok(false);
            }
            match entry(asker, next)? {
                Got::Entry(after, bytes) => {
                    if !self.is_past(&bytes) {
                        self.events.take(&bytes, now);
                    }
                    self.note(next, &bytes, live);
                    read.insert(next);
                    next = after;
                }
                // An empty log.
                Got::Gone if next == FIRST_ENTRY => break,
                // One that was cleared between two questions, or does not give this entry.
                Got::Gone | Got::Nothing => return self.refused(asker, live, now),
            }
        }
        if read.len() > CATCHING_UP {
            self.events.forget_over();
        }
        self.past_until = None;
        Ok(true)
    }

    /// An entry was refused. Time and again, and the log is read on from its newest.
    fn refused(
        &mut self,
        asker: &mut Asker,
        live: &dyn Live,
        now: Moment,
    ) -> Result<bool, Refusal> {
        self.refusals += 1;
        if self.refusals < REFUSALS {
            return Ok(false);
        }
        let Got::Entry(_, bytes) = entry(asker, LAST_ENTRY)? else { return Ok(false) };
        if !self.is_past(&bytes) {
            self.events.take(&bytes, now);
        }
        self.note(LAST_ENTRY, &bytes, live);
        self.past_until = None;
        Ok(true)
    }

    fn is_past(&self, bytes: &[u8]) -> bool {
        let Some((until, print)) = self.past_until else { return false };
        match Entry::parse(bytes).map(|entry| entry.time) {
            Ok(Time::At(second)) if second == until => print_of(bytes) == print,
            Ok(Time::At(second)) => second < until,
            // Written before the clock was set, which it is.
            _ => true,
        }
    }

    /// Remembers the newest entry, by the number that it was asked for or has.
    fn note(&mut self, asked: u16, bytes: &[u8], live: &dyn Live) {
        let own = bytes.first_chunk::<2>().map(|number| u16::from_le_bytes(*number));
        let record = match asked {
            FIRST_ENTRY | LAST_ENTRY => own.unwrap_or_default(),
            asked => asked,
        };
        self.last = Some((record, print_of(bytes)));
        if let Ok(entry) = Entry::parse(bytes) {
            self.newest = words(&entry, live);
        }
    }
}

fn counters(info: &Info) -> (u16, u32, u32) {
    (info.entries, seconds(info.last_erase), seconds(info.last_addition))
}

fn seconds(time: Time) -> u32 {
    match time {
        Time::Unset => 0,
        Time::SinceStart(seconds) | Time::At(seconds) => seconds,
    }
}

/// What an entry says, in short, whatever its number.
fn print_of(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes.get(2..).unwrap_or_default())
}

/// What came of a question for an entry.
enum Got {
    /// Number of the next entry, and the bytes of this one, sixteen if it is whole.
    Entry(u16, Vec<u8>),
    /// There is none of this number.
    Gone,
    /// Nothing, for whatever reason.
    Nothing,
}

fn entry(asker: &mut Asker, record: u16) -> Result<Got, Refusal> {
    let [low, high] = record.to_le_bytes();
    // No reservation, from the beginning, whole.
    match asker.ask(0x0a, 0x43, &[0, 0, low, high, 0, 0xff]) {
        Ok(answer) => Ok(match answer.split_first_chunk::<2>() {
            Some((next, bytes)) => Got::Entry(u16::from_le_bytes(*next), bytes.to_vec()),
            None => Got::Nothing,
        }),
        Err(Refusal::Code(code)) if NAMES_NOTHING.contains(&code) => Ok(Got::Gone),
        Err(Refusal::Code(_)) => Ok(Got::Nothing),
        Err(lost) => Err(lost),
    }
}

/// An entry in words.
pub(super) fn words(entry: &Entry, live: &dyn Live) -> String {
    let sensor =
        entry.event().and_then(|event| live.sensor(address(event.generator, event.number)));
    entry.phrase(sensor).chars().take(PHRASE_CHARS).collect()
}

/// The sensor that an event's generator names (section 32.1).
pub(super) fn address(generator: u16, number: u8) -> Address {
    let [owner, unit] = generator.to_le_bytes();
    Address { owner, channel: unit >> 4, lun: unit & 3, number }
}

/// A time by the BMC's clock, for people.
pub(super) fn shown(time: Time) -> String {
    match time {
        Time::Unset => "at an unknown time".to_owned(),
        Time::SinceStart(seconds) => {
            format!("{} after the BMC started", Span::from_secs(u64::from(seconds)))
        }
        Time::At(seconds) => match jiff::Timestamp::from_second(i64::from(seconds)) {
            Ok(time) => {
                let text = time.to_string();
                let text = text.trim_end_matches('Z').replace('T', " ");
                format!("{text} by the BMC's clock")
            }
            Err(_) => "at an unknown time".to_owned(),
        },
    }
}
