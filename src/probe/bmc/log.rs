//! The event log of a BMC: how far it was read, which of its events are open.
//!
//! Owns: what is new since the last look, that an event and its end make a pair, that an old log
//! never floods. What an entry says is `parse::ipmi::sel`'s.
//!
//! What a log held before it was watched is its past. A new event is open until its end is logged,
//! the log is cleared, or, where its like has no end, a day is over. While the sensor itself shows
//! the same state, the sensor's own instance tells it, and the log does not tell it again.

use serde::{Deserialize, Serialize};

use super::question::{Asker, NOT_PRESENT, Refusal};
use crate::model::time::Moment;
use crate::model::unit::Span;
use crate::parse::ipmi::sdr::{Address, Sensor};
use crate::parse::ipmi::sel::{Entry, Info, LAST_ENTRY, Time};
use crate::parse::ipmi::states::Weight;

/// How long an event without an end counts as open: until the next working day has seen it.
const OPEN_FOR: Span = Span::from_secs(86_400);
/// Open events that are kept; of more, the oldest are dropped and counted.
const OPEN: usize = 64;
/// Entries read in one look: a log of 4096 entries that was not read for long takes some looks,
/// each of which leaves the BMC time for others.
const ENTRIES_PER_LOOK: usize = 512;
/// Characters of an event's words.
const PHRASE_CHARS: usize = 160;

/// What the agent must know of a log after a restart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Log {
    /// The entry that was read last, and what it was; nothing while the log was empty.
    #[serde(default)]
    last: Option<(u16, u32)>,
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
    pub(super) open: Vec<Open>,
    /// Open events that were dropped since there were too many.
    #[serde(default)]
    pub(super) dropped: u32,
    /// The newest entry in words.
    #[serde(default)]
    pub(super) newest: String,
    /// An entry was read at least once: what comes now is new.
    #[serde(default)]
    begun: bool,
}

/// An event that is not over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Open {
    /// Number of its entry.
    pub(super) record: u16,
    /// The sixteen bytes, so that its words can be found anew.
    bytes: Vec<u8>,
    /// When it was first read here.
    pub(super) at: Moment,
    /// Its sensor showed it too, which told it.
    #[serde(default)]
    told_by_sensor: bool,
    /// At least one look has shown it.
    #[serde(default)]
    shown: bool,
}

/// What the sensors show now.
pub(super) trait Live {
    /// The sensor of an event.
    fn sensor(&self, address: Address) -> Option<&Sensor>;
    /// Whether it is read now, and shows the state of the event.
    fn shows(&self, entry: &Entry) -> Option<bool>;
}

impl Open {
    pub(super) fn entry(&self) -> Option<Entry> {
        Entry::parse(&self.bytes).ok()
    }

    /// Whether this is for the log to tell.
    pub(super) fn is_news(&self) -> bool {
        !self.told_by_sensor
    }

    /// Tells it from every other event, also after the log's numbers began anew.
    pub(super) fn key(&self) -> String {
        format!("{}-{:08x}", self.record, crc32fast::hash(&self.bytes))
    }
}

impl Log {
    /// Continues where another run of the agent left off.
    pub(super) fn recall(memo: &str) -> Option<Self> {
        serde_json::from_str(memo).ok()
    }

    /// For the next run of the agent.
    pub(super) fn memo(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads what is new.
    ///
    /// # Errors
    /// When the BMC is lost; what was read until then counts.
    pub(super) fn look(
        &mut self,
        asker: &mut Asker,
        info: &Info,
        live: &dyn Live,
        now: Moment,
    ) -> Result<(), Refusal> {
        let (erased, added) = (seconds(info.last_erase), seconds(info.last_addition));
        let counters = (info.entries, erased, added);
        // A full log that goes round under a clock that stands shows no change there.
        let may_hide = info.entries > 0 && added == 0;
        let read = if !self.begun {
            self.begin(asker, live)
        } else if counters == (self.entries, self.erased, self.added) && !may_hide {
            Ok(())
        } else {
            self.read_on(asker, live, now)
        };
        (self.entries, self.erased, self.added) = counters;
        self.settle(live, now);
        read
    }

    /// When the log was seen cleared, if that was not long ago.
    pub(super) fn cleared(&self, now: Moment) -> Option<Span> {
        self.cleared.map(|at| now.since(at)).filter(|ago| *ago < OPEN_FOR)
    }

    /// The first look: all there is, is past.
    fn begin(&mut self, asker: &mut Asker, live: &dyn Live) -> Result<(), Refusal> {
        match entry(asker, LAST_ENTRY) {
            Ok((_, bytes)) => self.note(&bytes, live),
            Err(Refusal::Code(_)) => {}
            Err(lost) => return Err(lost),
        }
        self.begun = true;
        Ok(())
    }

    fn read_on(&mut self, asker: &mut Asker, live: &dyn Live, now: Moment) -> Result<(), Refusal> {
        let mut next = match self.last {
            None => 0,
            Some((record, print)) => match entry(asker, record) {
                Ok((next, bytes)) if crc32fast::hash(&bytes) == print => next,
                // It is gone, or another has its number: the log was cleared, and all there is, is
                // new. Whoever cleared it has seen what was open.
                Ok(_) | Err(Refusal::Code(_)) => {
                    self.open.clear();
                    self.dropped = 0;
                    self.last = None;
                    self.cleared = Some(now);
                    0
                }
                Err(lost) => return Err(lost),
            },
        };
        let mut before = None;
        for _ in 0..ENTRIES_PER_LOOK {
            if next == LAST_ENTRY || before == Some(next) {
                break;
            }
            before = Some(next);
            match entry(asker, next) {
                Ok((after, bytes)) => {
                    self.note(&bytes, live);
                    self.take(&bytes, now);
                    next = after;
                }
                // An empty log, or one that was cleared between two questions.
                Err(Refusal::Code(_)) => break,
                Err(lost) => return Err(lost),
            }
        }
        Ok(())
    }

    /// Remembers the newest entry.
    fn note(&mut self, bytes: &[u8], live: &dyn Live) {
        let Ok(entry) = Entry::parse(bytes) else { return };
        self.last = Some((entry.record, crc32fast::hash(bytes)));
        self.newest = words(&entry, live);
    }

    /// Opens what begins, closes what ends.
    fn take(&mut self, bytes: &[u8], now: Moment) {
        let Ok(entry) = Entry::parse(bytes) else { return };
        let Some(event) = entry.event() else { return };
        let key = event.key();
        if event.is_end() {
            self.open.retain(|open| {
                let theirs = open.entry().and_then(|open| open.event().and_then(|e| e.key()));
                key.is_none() || theirs != key
            });
            return;
        }
        if !event.asserted || entry.weight() < Weight::Warning {
            return;
        }
        // Of one that is open already the newer entry stands.
        if key.is_some() {
            self.open.retain(|open| {
                open.entry().and_then(|open| open.event().and_then(|e| e.key())) != key
            });
        }
        if self.open.len() >= OPEN {
            self.open.remove(0);
            self.dropped = self.dropped.saturating_add(1);
        }
        let bytes = bytes.to_vec();
        let record = entry.record;
        self.open.push(Open { record, bytes, at: now, told_by_sensor: false, shown: false });
    }

    /// Compares open events with what the sensors show, and ends what is over.
    fn settle(&mut self, live: &dyn Live, now: Moment) {
        self.open.retain_mut(|open| {
            let Some(entry) = open.entry() else { return false };
            if now.since(open.at) >= OPEN_FOR {
                return false;
            }
            let momentary = entry.event().is_some_and(|event| event.key().is_none());
            let kept = match live.shows(&entry) {
                Some(true) => {
                    open.told_by_sensor = true;
                    true
                }
                // It is over, and many a BMC does not log that.
                Some(false) => momentary || !(open.shown || open.told_by_sensor),
                None => true,
            };
            open.shown = true;
            kept
        });
    }
}

fn seconds(time: Time) -> u32 {
    match time {
        Time::Unset => 0,
        Time::SinceStart(seconds) | Time::At(seconds) => seconds,
    }
}

/// Number of the next entry, and the sixteen bytes of this one.
fn entry(asker: &mut Asker, record: u16) -> Result<(u16, Vec<u8>), Refusal> {
    let [low, high] = record.to_le_bytes();
    // No reservation, from the beginning, whole.
    let answer = asker.ask(0x0a, 0x43, &[0, 0, low, high, 0, 0xff])?;
    let Some((next, bytes)) = answer.split_first_chunk::<2>() else {
        return Err(Refusal::Code(NOT_PRESENT));
    };
    if Entry::parse(bytes).is_err() {
        return Err(Refusal::Code(NOT_PRESENT));
    }
    Ok((u16::from_le_bytes(*next), bytes.to_vec()))
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
