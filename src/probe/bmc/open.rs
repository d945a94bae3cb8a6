//! Events of the log that are not over: what opens one, what ends it, what tells it.
//!
//! Owns: that an event and its end make a pair, however a BMC words it; that nothing ends before
//! somebody saw it. How entries are read is `log`'s.

use serde::{Deserialize, Serialize};

use crate::model::time::Moment;
use crate::model::unit::Span;
use crate::parse::ipmi::sdr::{Address, Sensor, THRESHOLD_TYPE};
use crate::parse::ipmi::sel::{Entry, Event};
use crate::parse::ipmi::states::Weight;

/// How long an event counts as open if nothing ends it: until the next working day has seen it.
pub(super) const OPEN_FOR: Span = Span::from_secs(86_400);
/// Open events that are kept; of more, the oldest are dropped and counted.
const OPEN: usize = 64;
/// Event/reading type of severities, of which `informational` and `monitored` end nothing.
const SEVERITY: u8 = 0x07;

/// Events that are not over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Events {
    /// Oldest first.
    #[serde(default)]
    pub(super) open: Vec<Open>,
    /// Open events that were dropped since there were too many.
    #[serde(default)]
    pub(super) dropped: u32,
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
    /// Its end was logged before anybody saw it.
    #[serde(default)]
    pub(super) over: bool,
    /// Somebody has seen it. Not stored: once more after a restart harms nothing.
    #[serde(skip)]
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

    fn event(&self) -> Option<Event> {
        self.entry()?.event().copied()
    }

    fn is_grave(&self) -> bool {
        self.event().is_some_and(|event| event.weight() == Weight::Critical)
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

impl Events {
    /// No more than are ever kept.
    pub(super) fn bound(&mut self) {
        self.open.truncate(OPEN);
    }

    /// What ended before it was seen is past.
    pub(super) fn forget_over(&mut self) {
        self.open.retain(|open| !open.over || open.shown);
    }

    /// What a look of this time found was handed on.
    pub(super) fn told(&mut self, at: Moment) {
        for open in self.open.iter_mut().filter(|open| open.at <= at) {
            open.shown = true;
        }
    }

    /// Opens what begins, closes what ends.
    pub(super) fn take(&mut self, bytes: &[u8], now: Moment) {
        let Ok(entry) = Entry::parse(bytes) else { return };
        let Some(event) = entry.event() else { return };
        let is_end = event.is_end() || is_way_back(event);
        if is_end {
            self.open.retain_mut(|open| {
                if !open.event().is_some_and(|open| ends(event, &open)) {
                    return true;
                }
                // A supply that lost its input for a second has, even if nobody looked then.
                open.over = !open.shown && !open.told_by_sensor && open.is_grave();
                open.over
            });
        }
        if event.is_end() || !event.asserted || entry.weight() < Weight::Warning {
            return;
        }
        if self.open.iter().any(|open| open.bytes == bytes) {
            return;
        }
        // Of one that is open already the newer entry stands.
        if let Some(key) = event.key() {
            self.open.retain(|open| open.event().and_then(|event| event.key()) != Some(key));
        }
        if self.open.len() >= OPEN {
            self.open.remove(0);
            self.dropped = self.dropped.saturating_add(1);
        }
        self.open.push(Open {
            record: entry.record,
            bytes: bytes.to_vec(),
            at: now,
            told_by_sensor: false,
            over: false,
            shown: false,
        });
    }

    /// Compares open events with what the sensors show, and ends what is over.
    pub(super) fn settle(&mut self, live: &dyn Live, now: Moment) {
        self.open.retain_mut(|open| {
            let Some(entry) = open.entry() else { return false };
            // A timeline that went back keeps none open for ever.
            open.at = open.at.min(now);
            if now.since(open.at) >= OPEN_FOR || (open.over && open.shown) {
                return false;
            }
            let momentary = entry.event().is_some_and(|event| event.key().is_none());
            match live.shows(&entry) {
                Some(true) => {
                    open.told_by_sensor = true;
                    true
                }
                // It is over, and many a BMC does not log that.
                Some(false) => momentary || !(open.shown || open.told_by_sensor),
                None => true,
            }
        });
    }
}

/// Whether an event of a threshold says that the value came back over it, as some BMCs log the end.
fn is_way_back(event: &Event) -> bool {
    event.event_type == THRESHOLD_TYPE && event.asserted && event.weight() < Weight::Warning
}

/// Whether an event ends an open one.
fn ends(event: &Event, open: &Event) -> bool {
    if is_way_back(event) {
        let place = |event: &Event| (event.generator, event.number, event.event_type);
        return place(event) == place(open) && event.offset ^ 1 == open.offset;
    }
    if event.key().is_none() || event.key() != open.key() {
        return false;
    }
    match event.asserted {
        // `fully redundant` that ended is no end of `redundancy lost`, but its begin.
        false => event.offset == open.offset,
        true => event.event_type != SEVERITY || event.weight() == Weight::Good,
    }
}
