//! The system event log (IPMI 2.0, sections 31 and 32): its state, its entries, their words.
//!
//! Owns one entry at a time: what it says, how much it matters, what it ends. Does not know the
//! others, nor what was told already.

use super::sdr::{Sensor, THRESHOLD_TYPE};
use super::states::{Ending, Weight, happening};
use super::words::{manufacturer_word, sensor_type_word};
use super::{Bytes, Malformed, bit, sel_data};

/// Bytes of every entry.
pub const ENTRY_BYTES: usize = 16;
/// Number of the next entry when there is none.
pub const LAST_ENTRY: u16 = 0xffff;

/// Timestamps below are seconds since the controller started, its clock not yet set (37.1).
const CLOCK_SET_FROM_S: u32 = 0x2000_0000;

/// Answer of Get SEL Info (31.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Info {
    /// `51h` and the like.
    pub version: u8,
    /// Entries it holds.
    pub entries: u16,
    /// Free bytes; FFFFh is that or more.
    pub free_bytes: u16,
    /// When an entry was last added.
    pub last_addition: Time,
    /// When entries were last erased.
    pub last_erase: Time,
    /// Events were lost because it is full.
    pub overflow: bool,
    /// Reserve SEL is there.
    pub reserve: bool,
}

impl Info {
    /// Takes the answer apart.
    ///
    /// # Errors
    ///
    /// If it is cut off.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let answer = Bytes::new("answer of Get SEL Info", bytes);
        let operations = answer.need(13)?;
        Ok(Self {
            version: answer.need(0)?,
            entries: answer.u16(1)?,
            free_bytes: answer.u16(3)?,
            last_addition: Time::of(answer.u32(5)?),
            last_erase: Time::of(answer.u32(9)?),
            overflow: bit(operations, 7),
            reserve: bit(operations, 1),
        })
    }

    /// How full it is, as far as entries and free bytes tell.
    #[must_use]
    pub fn used_percent(&self) -> Option<f64> {
        if self.free_bytes == u16::MAX {
            return None;
        }
        let used = f64::from(self.entries) * 16.0;
        let all = used + f64::from(self.free_bytes);
        (all > 0.0).then(|| used * 100.0 / all)
    }
}

/// A time by the controller's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Time {
    /// It does not say.
    Unset,
    /// Seconds since the controller started: its clock was not set.
    SinceStart(u32),
    /// Seconds of 1970, in the zone that the controller takes for its own.
    At(u32),
}

impl Time {
    /// From the four bytes.
    #[must_use]
    pub fn of(seconds: u32) -> Self {
        match seconds {
            0 | u32::MAX => Self::Unset,
            1..CLOCK_SET_FROM_S => Self::SinceStart(seconds),
            _ => Self::At(seconds),
        }
    }
}

/// Answer of Get SEL Time (31.10).
///
/// # Errors
///
/// If it is cut off.
pub fn clock(bytes: &[u8]) -> Result<Time, Malformed> {
    Bytes::new("answer of Get SEL Time", bytes).u32(0).map(Time::of)
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number; 0 and FFFFh are none.
    pub record: u16,
    /// When it was written.
    pub time: Time,
    /// What it says.
    pub body: Body,
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Type 02h: an event of a sensor.
    Event(Event),
    /// Types C0h to DFh: a vendor's, with a time.
    Timestamped {
        /// IANA enterprise number.
        manufacturer: u32,
        /// The vendor's.
        data: [u8; 6],
    },
    /// Types E0h to FFh, and types that the specification does not know: without a time.
    Vendor {
        /// Type byte.
        kind: u8,
        /// The vendor's.
        data: [u8; 13],
    },
}

/// An event of a sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Who saw it: slave address and channel, or with bit 0 set a piece of software.
    pub generator: u16,
    /// `04h`: format of IPMI 1.5 and 2.0; `03h`: of 1.0.
    pub revision: u8,
    /// Table 42-3.
    pub sensor_type: u8,
    /// Number of the sensor.
    pub number: u8,
    /// It began; else it ended.
    pub asserted: bool,
    /// Event/reading type, table 42-1.
    pub event_type: u8,
    /// 0 to 15.
    pub offset: u8,
    /// Three bytes of event data.
    pub data: [u8; 3],
}

/// What two events have in common of which one ends the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Who saw it.
    pub generator: u16,
    /// Type of the sensor.
    pub sensor_type: u8,
    /// Number of the sensor.
    pub number: u8,
    /// Event/reading type.
    pub event_type: u8,
    /// Offset; none where all offsets of the sensor replace each other.
    pub offset: Option<u8>,
}

impl Entry {
    /// Takes one entry apart: sixteen bytes, without the number of the next.
    ///
    /// # Errors
    ///
    /// If it is cut off.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let entry = Bytes::new("event log entry", bytes);
        let record = entry.u16(0)?;
        let kind = entry.need(2)?;
        entry.need(ENTRY_BYTES - 1)?;
        let mut time = Time::of(entry.u32(3)?);
        let byte = |at| entry.find(at).unwrap_or_default();
        let body = match kind {
            0x02 => Body::Event(Event {
                generator: entry.u16(7)?,
                revision: byte(9),
                sensor_type: byte(10),
                number: byte(11),
                asserted: !bit(byte(12), 7),
                event_type: byte(12) & 0x7f,
                offset: byte(13) & 0x0f,
                data: [byte(13), byte(14), byte(15)],
            }),
            0xc0..=0xdf => Body::Timestamped {
                manufacturer: u32::from_le_bytes([byte(7), byte(8), byte(9), 0]),
                data: [10, 11, 12, 13, 14, 15].map(byte),
            },
            _ => {
                time = Time::Unset;
                Body::Vendor { kind, data: std::array::from_fn(|place| byte(3 + place)) }
            }
        };
        Ok(Self { record, time, body })
    }

    /// Takes an answer of Get SEL Entry (31.5) apart: number of the next entry ([`LAST_ENTRY`] if
    /// there is none) and the entry.
    ///
    /// # Errors
    ///
    /// If it is cut off.
    pub fn parse_answer(bytes: &[u8]) -> Result<(u16, Self), Malformed> {
        let next = Bytes::new("answer of Get SEL Entry", bytes).u16(0)?;
        Ok((next, Self::parse(bytes.get(2..).unwrap_or_default())?))
    }

    /// The event, if it is one.
    #[must_use]
    pub fn event(&self) -> Option<&Event> {
        match &self.body {
            Body::Event(event) => Some(event),
            _ => None,
        }
    }

    /// The entry in words, with the name of its sensor if that is known:
    /// `PSU1 Status: power supply input lost`.
    #[must_use]
    pub fn phrase(&self, sensor: Option<&Sensor>) -> String {
        match &self.body {
            Body::Event(event) => event.phrase(sensor),
            Body::Timestamped { manufacturer, data } => match manufacturer_word(*manufacturer) {
                Some(word) => format!("entry of {word}: {}", hex(data)),
                None => format!("entry of vendor {manufacturer}: {}", hex(data)),
            },
            Body::Vendor { kind, data } => format!("vendor's entry {kind:#04x}: {}", hex(data)),
        }
    }

    /// How much it matters that it was written. The end of something matters little.
    #[must_use]
    pub fn weight(&self) -> Weight {
        self.event().map_or(Weight::Note, Event::weight)
    }
}

impl Event {
    /// What this event and the one that ends it have in common; none for those that have no end.
    #[must_use]
    pub fn key(&self) -> Option<Key> {
        let offset = match happening(self.sensor_type, self.event_type, self.offset).ending {
            Ending::Momentary => return None,
            Ending::Deassertion => Some(self.offset),
            Ending::Replacement => None,
        };
        Some(Key {
            generator: self.generator,
            sensor_type: self.sensor_type,
            number: self.number,
            event_type: self.event_type,
            offset,
        })
    }

    /// Whether it ends what an earlier event of the same key began.
    #[must_use]
    pub fn is_end(&self) -> bool {
        let happening = happening(self.sensor_type, self.event_type, self.offset);
        match happening.ending {
            Ending::Momentary => false,
            Ending::Deassertion => !self.asserted,
            Ending::Replacement => !self.asserted || happening.weight <= Weight::Note,
        }
    }

    /// How much it matters that it happened.
    #[must_use]
    pub fn weight(&self) -> Weight {
        let weight = happening(self.sensor_type, self.event_type, self.offset).weight;
        match (self.asserted, weight) {
            (true, _) => weight,
            (false, Weight::Warning | Weight::Critical) => Weight::Good,
            (false, _) => Weight::Note,
        }
    }

    /// The event in words.
    #[must_use]
    pub fn phrase(&self, sensor: Option<&Sensor>) -> String {
        let name = sensor.map_or_else(
            || format!("{} sensor {:#04x}", sensor_type_word(self.sensor_type), self.number),
            |sensor| sensor.name.clone(),
        );
        let mut text =
            format!("{name}: {}", happening(self.sensor_type, self.event_type, self.offset).phrase);
        let detail = if self.event_type == THRESHOLD_TYPE {
            sel_data::threshold(self, sensor)
        } else {
            sel_data::discrete(self)
        };
        if let Some(detail) = detail {
            text = format!("{text}, {detail}");
        }
        if !self.asserted {
            text.push_str(", over");
        }
        text
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}
