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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::ipmi::tests::{discrete, full};

    /// An event at 60000000h of sensor 7 of the controller.
    fn event(sensor_type: u8, direction_type: u8, data: [u8; 3]) -> Entry {
        let mut bytes = vec![1, 0, 2, 0, 0, 0, 0x60, 0x20, 0, 4, sensor_type, 7, direction_type];
        bytes.extend(data);
        Entry::parse(&bytes).unwrap()
    }

    #[test]
    fn an_entry_is_read() {
        let answer = [2, 0, 1, 0, 2, 0, 0, 0, 0x60, 0x41, 0, 4, 8, 7, 0xef, 3, 0xff, 0xff];
        let (next, entry) = Entry::parse_answer(&answer).unwrap();
        assert_eq!((next, entry.record, entry.time), (2, 1, Time::At(0x6000_0000)));
        let event = *entry.event().unwrap();
        assert_eq!((event.generator, event.sensor_type, event.number), (0x41, 8, 7));
        assert_eq!((event.asserted, event.event_type, event.offset), (false, 0x6f, 3));
        assert!(Entry::parse_answer(&answer[..17]).is_err());
        assert!(Entry::parse(&answer[2..17]).is_err());
    }

    #[test]
    fn times_before_the_clock_was_set_are_no_dates() {
        assert_eq!(Time::of(0x1fff_ffff), Time::SinceStart(0x1fff_ffff));
        assert_eq!(Time::of(0x2000_0000), Time::At(0x2000_0000));
        assert_eq!((Time::of(0), Time::of(u32::MAX)), (Time::Unset, Time::Unset));
        assert_eq!(clock(&[4, 3, 2, 0x61]), Ok(Time::At(0x6102_0304)));
        assert!(clock(&[4, 3, 2]).is_err());
    }

    #[test]
    fn vendors_entries_keep_their_bytes() {
        let timed = [9, 0, 0xc1, 0, 0, 0, 0x60, 0xa2, 2, 0, 1, 2, 3, 4, 5, 6];
        let entry = Entry::parse(&timed).unwrap();
        assert_eq!(entry.phrase(None), "entry of Dell: 01 02 03 04 05 06");
        assert_eq!((entry.time, entry.weight()), (Time::At(0x6000_0000), Weight::Note));
        let untimed = [9, 0, 0xe0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13];
        let entry = Entry::parse(&untimed).unwrap();
        assert_eq!(entry.time, Time::Unset);
        assert_eq!(
            entry.phrase(None),
            "vendor's entry 0xe0: 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d"
        );
    }

    #[test]
    fn events_have_phrases() {
        let mut psu = discrete(8, 0x6f);
        psu.name = "PSU1 Status".to_owned();
        let temperature = full("CPU1 Temp");
        for (entry, sensor, phrase) in [
            (event(8, 0x6f, [3, 255, 255]), Some(&psu), "PSU1 Status: power supply input lost"),
            (
                event(8, 0xef, [3, 255, 255]),
                Some(&psu),
                "PSU1 Status: power supply input lost, over",
            ),
            (
                event(8, 0x6f, [3, 255, 255]),
                None,
                "power supply sensor 0x07: power supply input lost",
            ),
            (
                event(8, 0x6f, [0x36, 255, 3]),
                Some(&psu),
                "PSU1 Status: configuration error, power ratings do not match",
            ),
            (
                event(1, 1, [0x59, 97, 95]),
                Some(&temperature),
                "CPU1 Temp: upper critical going high, 97 C at or above 95 C",
            ),
            (
                event(1, 0x81, [0x59, 92, 95]),
                Some(&temperature),
                "CPU1 Temp: upper critical going high, 92 C at or below 95 C, over",
            ),
            (
                event(1, 1, [0x52, 0xf6, 0]),
                Some(&temperature),
                "CPU1 Temp: lower critical going low, -10 C at or below 0 C",
            ),
            (
                event(1, 1, [0x49, 97, 0xff]),
                Some(&temperature),
                "CPU1 Temp: upper critical going high, 97 C",
            ),
            (
                event(1, 1, [0x59, 97, 95]),
                None,
                "temperature sensor 0x07: upper critical going high",
            ),
            (
                event(0x0c, 0x6f, [0x31, 255, 4]),
                None,
                "memory sensor 0x07: uncorrectable ECC error, memory module 4",
            ),
            (
                event(0x18, 0x07, [0x43, 0x1f, 255]),
                None,
                "chassis sensor 0x07: non-recoverable, was less severe, severity before: non-critical",
            ),
            (
                event(0x0f, 0x6f, [0xc0, 2, 255]),
                None,
                "firmware progress sensor 0x07: POST error, no usable memory",
            ),
            (
                event(0x0f, 0x6f, [0xa0, 0x12, 0x85]),
                None,
                "firmware progress sensor 0x07: POST error, vendor's byte 0x12, vendor's byte 0x85",
            ),
            (
                event(0x10, 0x6f, [0x35, 255, 80]),
                None,
                "event log sensor 0x07: event log almost full, 80% full",
            ),
            (event(0xc5, 0x72, [2, 0, 0]), None, "vendor's own sensor 0x07: vendor's state 2"),
        ] {
            assert_eq!(entry.phrase(sensor), phrase);
        }
    }

    #[test]
    fn an_end_finds_its_beginning() {
        let lost = event(8, 0x6f, [3, 255, 255]);
        let back = event(8, 0xef, [3, 255, 255]);
        let of = |entry: &Entry| *entry.event().unwrap();
        assert_eq!(of(&lost).key(), of(&back).key());
        assert!(!of(&lost).is_end() && of(&back).is_end());
        assert_eq!((lost.weight(), back.weight()), (Weight::Critical, Weight::Good));
        assert_ne!(of(&lost).key(), of(&event(8, 0x6f, [1, 255, 255])).key());
        let broken = of(&event(8, 0x0b, [1, 255, 255]));
        let full = of(&event(8, 0x0b, [0, 255, 255]));
        assert_eq!(broken.key(), full.key());
        assert!(!broken.is_end() && full.is_end());
        assert_eq!(full.weight(), Weight::Good);
        let ecc = of(&event(0x0c, 0x6f, [0, 255, 255]));
        assert_eq!((ecc.key(), ecc.is_end(), ecc.weight()), (None, false, Weight::Warning));
        let hot = of(&event(1, 1, [0x59, 97, 95]));
        let cool = of(&event(1, 0x81, [0x59, 90, 95]));
        assert_eq!(hot.key(), cool.key());
        assert!(cool.is_end() && !hot.is_end());
    }

    #[test]
    fn the_log_says_how_full_it_is() {
        let mut answer = [0x51, 100, 0, 0x40, 6, 0, 0, 0, 0x60, 0xff, 0xff, 0xff, 0xff, 0x82];
        let info = Info::parse(&answer).unwrap();
        assert_eq!((info.entries, info.free_bytes), (100, 1600));
        assert_eq!((info.last_addition, info.last_erase), (Time::At(0x6000_0000), Time::Unset));
        assert!(info.overflow && info.reserve);
        assert!(info.used_percent().is_some_and(|used| (used - 50.0).abs() < 1e-9));
        answer[3..5].fill(0xff);
        assert_eq!(Info::parse(&answer).unwrap().used_percent(), None);
        assert!(Info::parse(&answer[..13]).is_err());
    }
}
