//! Where each field of a sensor data record stands (IPMI 2.0, tables 43-1 to 43-9).
//!
//! Owns the offsets. Does not know what the fields are for.

use super::convert::{Factors, Linearization};
use super::name::name;
use super::reading::Thresholds;
use super::sdr::{
    Access, Address, Analog, Capabilities, Described, Direction, Entity, Initialization, Locator,
    LocatorKind, Sensor, THRESHOLD_TYPE,
};
use super::unit::Units;
use super::words::sensor_type_word;
use super::{Bytes, Malformed, bit};

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

pub(super) fn full(record: Bytes<'_>) -> Result<Sensor, Malformed> {
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

pub(super) fn compact(record: Bytes<'_>) -> Result<Vec<Sensor>, Malformed> {
    let mut sensor = common(record, Described::Compact)?;
    sensor.positive_hysteresis = record.find(25).unwrap_or_default();
    sensor.negative_hysteresis = record.find(26).unwrap_or_default();
    sensor.oem = record.find(30).unwrap_or_default();
    sensor.name = named(record, 31, sensor.sensor_type);
    Ok(shared(&sensor, record.find(23), record.find(24)))
}

pub(super) fn event_only(record: Bytes<'_>) -> Result<Vec<Sensor>, Malformed> {
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

pub(super) fn locator(record: Bytes<'_>, kind: LocatorKind) -> Result<Locator, Malformed> {
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
