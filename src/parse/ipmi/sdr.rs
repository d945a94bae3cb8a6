//! Sensor data records (IPMI 2.0, section 43): what a controller says of its sensors and parts.
//!
//! Owns what a record says; `sdr_layout` owns where. Does not know readings, values or what is wrong.

use super::convert::{Factors, Linearization};
use super::reading::Thresholds;
use super::unit::Units;
use super::{Bytes, Malformed, bit, sdr_layout};

/// Bytes before the body: id (2), version, type, length.
pub const HEADER_BYTES: usize = 5;
/// Longest record: a length byte cannot say more.
pub const RECORD_BYTES_MAX: usize = HEADER_BYTES + 255;
/// Event/reading type of a sensor with thresholds.
pub const THRESHOLD_TYPE: u8 = 0x01;
/// Event/reading type of a sensor whose states are those of its sensor type.
pub const SPECIFIC_TYPE: u8 = 0x6f;

/// Name of the bytes in errors.
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
    pub(super) fn of(bits: u8) -> Self {
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
    pub(super) fn of(bits: u8) -> Self {
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
            0x01 => Ok(Self::Full(Box::new(sdr_layout::full(record)?))),
            0x02 => sdr_layout::compact(record).map(Self::Compact),
            0x03 => sdr_layout::event_only(record).map(Self::EventOnly),
            0x10 => sdr_layout::locator(record, LocatorKind::Device).map(Self::Locator),
            0x11 => sdr_layout::locator(record, LocatorKind::Inventory).map(Self::Locator),
            0x12 => sdr_layout::locator(record, LocatorKind::Controller).map(Self::Locator),
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
