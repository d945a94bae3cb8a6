//! Sensor data records (IPMI 2.0, section 43): what a controller says of its sensors and parts.
//!
//! Owns the layout of the records. Does not know readings, values or what is wrong.

use super::convert::{Factors, Linearization};
use super::name::name;
use super::reading::Thresholds;
use super::unit::Units;
use super::words::sensor_type_word;
use super::{Bytes, Malformed, bit};

/// Bytes before the body: id (2), version, type, length.
pub const HEADER_BYTES: usize = 5;
/// Longest record: a length byte cannot say more.
pub const RECORD_BYTES_MAX: usize = HEADER_BYTES + 255;
/// Event/reading type of a sensor with thresholds.
pub const THRESHOLD_TYPE: u8 = 0x01;
/// Event/reading type of a sensor whose states are those of its sensor type.
pub const SPECIFIC_TYPE: u8 = 0x6f;

const WHAT: &str = "sensor data record";

/// One record.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// Type 01h: one sensor, with all that makes its readings values.
    Full(Box<Sensor>),
    /// Type 02h: one sensor or several alike, without values.
    Compact(Vec<Sensor>),
    /// Type 03h: one sensor or several alike that send events and cannot be read.
    EventOnly(Vec<Sensor>),
    /// Types 10h, 11h, 12h: where a part is.
    Locator(Locator),
    /// Any other type: associations, vendors' own.
    Other(u8),
}

/// Which record describes a sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Described {
    /// A full one.
    Full,
    /// A compact one.
    Compact,
    /// An event-only one: Get Sensor Reading is not for it.
    EventOnly,
}

/// Where a sensor is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// Slave address on IPMB with bit 0 clear (the controller itself is 20h), or with bit 0 set the
    /// number of a piece of software such as the BIOS, which nobody can ask.
    pub owner: u8,
    /// Channel behind which the owner is.
    pub channel: u8,
    /// Logical unit within the owner.
    pub lun: u8,
    /// Number within that unit.
    pub number: u8,
}

impl Address {
    /// Whether the owner is software: such sensors send events and have no reading.
    #[must_use]
    pub fn is_software(self) -> bool {
        bit(self.owner, 0)
    }
}

/// The part of the machine that a sensor or locator belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Entity {
    /// Table 43-13; `words::entity_word` says it.
    pub id: u8,
    /// Which of several; 60h and up count within the controller that owns the sensor.
    pub instance: u8,
    /// A container of parts rather than a part.
    pub logical: bool,
}

/// What may be done with thresholds or hysteresis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// There are none.
    None,
    /// They can be read.
    Readable,
    /// They can be read and set.
    Settable,
    /// They are built in and cannot be read.
    Fixed,
}

impl Access {
    fn of(bits: u8) -> Self {
        match bits & 3 {
            0 => Self::None,
            1 => Self::Readable,
            2 => Self::Settable,
            _ => Self::Fixed,
        }
    }
}

/// Byte 12 of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// What it says counts only while its entity is there.
    pub ignore_if_entity_absent: bool,
    /// It takes its state back by itself.
    pub auto_rearm: bool,
    /// Hysteresis.
    pub hysteresis: Access,
    /// Thresholds.
    pub thresholds: Access,
}

/// Byte 11 of the record: what the controller does when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Initialization {
    /// It enables scanning, and what stands in the two last fields is after that.
    pub scanning: bool,
    /// It enables events.
    pub events: bool,
    /// It writes the record's thresholds into the sensor.
    pub thresholds: bool,
    /// It writes the record's hysteresis into the sensor.
    pub hysteresis: bool,
    /// Events are on after power-up.
    pub events_by_default: bool,
    /// Scanning is on after power-up.
    pub scanning_by_default: bool,
}

/// Whether a sensor looks into its entity or out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Nothing said.
    Unspecified,
    /// Input, such as of a power supply.
    Input,
    /// Output.
    Output,
}

impl Direction {
    fn of(bits: u8) -> Self {
        match bits & 3 {
            1 => Self::Input,
            2 => Self::Output,
            _ => Self::Unspecified,
        }
    }
}

/// What makes a raw reading a value; full records alone have it.
#[derive(Debug, Clone, PartialEq)]
pub struct Analog {
    /// The curve behind the straight line.
    pub linearization: Linearization,
    /// The straight line.
    pub factors: Factors,
    /// Raw nominal reading, if the record says that it is one.
    pub nominal: Option<u8>,
    /// Raw upper end of the normal range.
    pub normal_max: Option<u8>,
    /// Raw lower end of the normal range.
    pub normal_min: Option<u8>,
    /// Raw highest reading.
    pub max: Option<u8>,
    /// Raw lowest reading.
    pub min: Option<u8>,
    /// Raw thresholds of the record; those of the sensor itself may differ.
    pub thresholds: Thresholds,
}

/// One sensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Sensor {
    /// Id of its record.
    pub record: u16,
    /// Kind of its record.
    pub described: Described,
    /// Where it is asked.
    pub address: Address,
    /// What it belongs to.
    pub entity: Entity,
    /// Table 42-3; `words::sensor_type_word` says it.
    pub sensor_type: u8,
    /// Table 42-1: 01h thresholds, 02h to 0Ch generic, 6Fh of the sensor type, 70h to 7Fh vendor.
    pub reading_type: u8,
    /// What it can do.
    pub capabilities: Capabilities,
    /// How it starts.
    pub initialization: Initialization,
    /// Thresholds that can be read, bits 0 to 5: lower non-critical, critical, non-recoverable,
    /// upper the same. 0 for discrete sensors.
    pub readable_thresholds: u8,
    /// Thresholds that can be set, in the same order.
    pub settable_thresholds: u8,
    /// States that Get Sensor Reading can return, bits 0 to 14. 0 for sensors with thresholds.
    pub readable_states: u16,
    /// Events that it can send when a state begins.
    pub assertions: u16,
    /// Events that it can send when a state ends.
    pub deassertions: u16,
    /// Of its value.
    pub units: Units,
    /// What makes its reading a value.
    pub analog: Option<Analog>,
    /// Raw hysteresis above, for lower thresholds; 0 is none or not known.
    pub positive_hysteresis: u8,
    /// Raw hysteresis below, for upper thresholds.
    pub negative_hysteresis: u8,
    /// Input or output.
    pub direction: Direction,
    /// Reserved for the vendor.
    pub oem: u8,
    /// Never empty.
    pub name: String,
}

impl Sensor {
    /// Whether it has thresholds rather than states.
    #[must_use]
    pub fn has_thresholds(&self) -> bool {
        self.reading_type == THRESHOLD_TYPE
    }

    /// Whether Get Sensor Reading can be asked for it.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.described != Described::EventOnly && !self.address.is_software()
    }
}

/// Kinds of locators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocatorKind {
    /// 10h: a device behind the controller.
    Device,
    /// 11h: an inventory (FRU).
    Inventory,
    /// 12h: another management controller.
    Controller,
}

/// Where a part or its inventory is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locator {
    /// Id of its record.
    pub record: u16,
    /// What it locates.
    pub kind: LocatorKind,
    /// Slave address of the controller that is asked.
    pub address: u8,
    /// Channel to it.
    pub channel: u8,
    /// Logical unit for access; 0 for controllers.
    pub lun: u8,
    /// Number of a logical inventory, or slave address of a device; 0 for controllers.
    pub device: u8,
    /// The part.
    pub entity: Entity,
    /// Empty where the record has none.
    pub name: String,
}

/// Takes a repository apart: records one after the other, each with its header. A last one that is
/// cut off comes as it is.
pub fn records(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.len() < HEADER_BYTES {
            return None;
        }
        let end = (HEADER_BYTES + usize::from(*rest.get(4)?)).min(rest.len());
        let (record, after) = rest.split_at_checked(end)?;
        rest = after;
        Some(record)
    })
}

impl Record {
    /// Takes one record apart, header first. What is cut off behind the last field that is needed
    /// is absent: thresholds, hysteresis, the name.
    ///
    /// # Errors
    ///
    /// If a field is cut off without which the rest means nothing.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let length = Bytes::new(WHAT, bytes).need(4)?;
        let end = (HEADER_BYTES + usize::from(length)).min(bytes.len());
        let record = Bytes::new(WHAT, bytes.get(..end).unwrap_or(bytes));
        match record.need(3)? {
            0x01 => Ok(Self::Full(Box::new(full(record)?))),
            0x02 => compact(record).map(Self::Compact),
            0x03 => event_only(record).map(Self::EventOnly),
            0x10 => locator(record, LocatorKind::Device).map(Self::Locator),
            0x11 => locator(record, LocatorKind::Inventory).map(Self::Locator),
            0x12 => locator(record, LocatorKind::Controller).map(Self::Locator),
            other => Ok(Self::Other(other)),
        }
    }

    /// The sensors it describes, if any.
    #[must_use]
    pub fn sensors(&self) -> &[Sensor] {
        match self {
            Self::Full(sensor) => std::slice::from_ref(sensor),
            Self::Compact(sensors) | Self::EventOnly(sensors) => sensors,
            Self::Locator(_) | Self::Other(_) => &[],
        }
    }
}

fn entity(id: u8, instance: u8) -> Entity {
    Entity { id, instance: instance & 0x7f, logical: bit(instance, 7) }
}

fn address(record: Bytes<'_>) -> Result<Address, Malformed> {
    let unit = record.need(6)?;
    Ok(Address {
        owner: record.need(5)?,
        channel: unit >> 4,
        lun: unit & 3,
        number: record.need(7)?,
    })
}

/// What full and compact records have in common: bytes 1 to 20.
fn common(record: Bytes<'_>, described: Described) -> Result<Sensor, Malformed> {
    let init = record.need(10)?;
    let can = record.need(11)?;
    let reading_type = record.need(13)?;
    let mask = record.u16(18)?;
    let [low, high] = mask.to_le_bytes();
    let (readable_thresholds, settable_thresholds, readable_states) =
        if reading_type == THRESHOLD_TYPE {
            (low & 0x3f, high & 0x3f, 0)
        } else {
            (0, 0, mask & 0x7fff)
        };
    Ok(Sensor {
        record: record.u16(0)?,
        described,
        address: address(record)?,
        entity: entity(record.need(8)?, record.need(9)?),
        sensor_type: record.need(12)?,
        reading_type,
        capabilities: Capabilities {
            ignore_if_entity_absent: bit(can, 7),
            auto_rearm: bit(can, 6),
            hysteresis: Access::of(can >> 4),
            thresholds: Access::of(can >> 2),
        },
        initialization: Initialization {
            scanning: bit(init, 6),
            events: bit(init, 5),
            thresholds: bit(init, 4),
            hysteresis: bit(init, 3),
            events_by_default: bit(init, 1),
            scanning_by_default: bit(init, 0),
        },
        readable_thresholds,
        settable_thresholds,
        readable_states,
        assertions: record.u16(14)? & 0x7fff,
        deassertions: record.u16(16)? & 0x7fff,
        units: Units::new([20, 21, 22].map(|at| record.find(at).unwrap_or_default())),
        analog: None,
        positive_hysteresis: 0,
        negative_hysteresis: 0,
        direction: Direction::Unspecified,
        oem: 0,
        name: String::new(),
    })
}

fn full(record: Bytes<'_>) -> Result<Sensor, Malformed> {
    let mut sensor = common(record, Described::Full)?;
    let flags = record.find(30).unwrap_or_default();
    let said = |number, at| bit(flags, number).then(|| record.find(at)).flatten();
    sensor.analog = Some(Analog {
        linearization: Linearization::of(record.need(23)?),
        factors: Factors::new([
            record.need(24)?,
            record.need(25)?,
            record.need(26)?,
            record.need(27)?,
            record.need(29)?,
        ]),
        nominal: said(0, 31),
        normal_max: said(1, 32),
        normal_min: said(2, 33),
        max: record.find(34),
        min: record.find(35),
        thresholds: Thresholds {
            upper_non_recoverable: record.find(36),
            upper_critical: record.find(37),
            upper_non_critical: record.find(38),
            lower_non_recoverable: record.find(39),
            lower_critical: record.find(40),
            lower_non_critical: record.find(41),
        },
    });
    sensor.direction = Direction::of(record.need(28)?);
    sensor.positive_hysteresis = record.find(42).unwrap_or_default();
    sensor.negative_hysteresis = record.find(43).unwrap_or_default();
    sensor.oem = record.find(46).unwrap_or_default();
    sensor.name = named(record, 47, sensor.sensor_type);
    Ok(sensor)
}

fn compact(record: Bytes<'_>) -> Result<Vec<Sensor>, Malformed> {
    let mut sensor = common(record, Described::Compact)?;
    sensor.positive_hysteresis = record.find(25).unwrap_or_default();
    sensor.negative_hysteresis = record.find(26).unwrap_or_default();
    sensor.oem = record.find(30).unwrap_or_default();
    sensor.name = named(record, 31, sensor.sensor_type);
    Ok(shared(&sensor, record.find(23), record.find(24)))
}

fn event_only(record: Bytes<'_>) -> Result<Vec<Sensor>, Malformed> {
    let sensor_type = record.need(10)?;
    let sensor = Sensor {
        record: record.u16(0)?,
        described: Described::EventOnly,
        address: address(record)?,
        entity: entity(record.need(8)?, record.need(9)?),
        sensor_type,
        reading_type: record.need(11)?,
        capabilities: Capabilities {
            ignore_if_entity_absent: false,
            auto_rearm: false,
            hysteresis: Access::None,
            thresholds: Access::None,
        },
        initialization: Initialization {
            scanning: false,
            events: false,
            thresholds: false,
            hysteresis: false,
            events_by_default: false,
            scanning_by_default: false,
        },
        readable_thresholds: 0,
        settable_thresholds: 0,
        readable_states: 0,
        assertions: 0,
        deassertions: 0,
        units: Units::new([0; 3]),
        analog: None,
        positive_hysteresis: 0,
        negative_hysteresis: 0,
        direction: Direction::Unspecified,
        oem: record.find(15).unwrap_or_default(),
        name: named(record, 16, sensor_type),
    };
    Ok(shared(&sensor, record.find(12), record.find(13)))
}

/// The sensors of a shared record (43.2): each has the next number, perhaps the next entity
/// instance, and a name that counts.
fn shared(first: &Sensor, sharing: Option<u8>, counting: Option<u8>) -> Vec<Sensor> {
    let (sharing, counting) = (sharing.unwrap_or_default(), counting.unwrap_or_default());
    let count = (sharing & 0x0f).max(1);
    let alphabetic = sharing >> 4 & 3 == 1;
    (0..count)
        .map(|step| {
            let mut sensor = first.clone();
            sensor.direction = Direction::of(sharing >> 6);
            sensor.address.number = first.address.number.wrapping_add(step);
            if bit(counting, 7) {
                sensor.entity.instance = first.entity.instance.wrapping_add(step) & 0x7f;
            }
            if count > 1 {
                let place = u32::from(counting & 0x7f) + u32::from(step);
                sensor.name = match (alphabetic, numbered(&first.name)) {
                    (true, _) => format!("{} {}", first.name, letters(place)),
                    // Dell names the first of fifteen `Drive 0` and counts from 0.
                    (false, Some((stem, from))) if counting & 0x7f == 0 => {
                        format!("{stem}{}", from.saturating_add(u32::from(step)))
                    }
                    (false, _) => format!("{} {place}", first.name),
                };
            }
            sensor
        })
        .collect()
}

/// A name that ends with a number behind a space.
fn numbered(name: &str) -> Option<(&str, u32)> {
    let at = name.rfind(' ')? + 1;
    let (stem, digits) = name.split_at_checked(at)?;
    Some((stem, digits.parse().ok()?))
}

/// 0 is A, 25 is Z, 26 is AA (43.2).
fn letters(place: u32) -> String {
    let letter = |number: u32| char::from_u32(u32::from(b'A') + number % 26).unwrap_or('?');
    match (place / 26).checked_sub(1) {
        None => letter(place).to_string(),
        Some(more) => [letter(more), letter(place)].iter().collect(),
    }
}

fn named(record: Bytes<'_>, at: usize, sensor_type: u8) -> String {
    let name = name(record.bytes.get(at..).unwrap_or_default());
    if name.is_empty() { sensor_type_word(sensor_type).to_owned() } else { name }
}

fn locator(record: Bytes<'_>, kind: LocatorKind) -> Result<Locator, Malformed> {
    let (access, second, third) = (record.need(5)?, record.need(6)?, record.need(7)?);
    let (channel, lun, device) = match kind {
        LocatorKind::Controller => (second & 0x0f, 0, 0),
        LocatorKind::Inventory => (record.need(8)? >> 4, third >> 3 & 3, second),
        // Bit 3 of the channel is bit 0 of the slave address.
        LocatorKind::Device => ((second & 1) << 3 | third >> 5, third >> 3 & 3, second & 0xfe),
    };
    Ok(Locator {
        record: record.u16(0)?,
        kind,
        address: access,
        channel,
        lun,
        device,
        entity: entity(record.need(12)?, record.need(13)?),
        name: name(record.bytes.get(15..).unwrap_or_default()),
    })
}
