//! Event data 2 and 3 of an event (IPMI 2.0, table 29-6 and table 42-3), where the specification
//! says what they are.
//!
//! Owns the detail behind the phrase. Knows nothing of how much it matters.

use super::convert::value;
use super::sdr::{SPECIFIC_TYPE, Sensor};
use super::sel::Event;
use super::unit::Units;

/// What bits 7:6 or 5:4 of event data 1 say of byte 2 or 3.
#[derive(PartialEq, Eq)]
enum Holds {
    /// Nothing.
    Nothing,
    /// The first meaning: a reading or threshold, or the previous state.
    First,
    /// What only the vendor knows.
    Vendor,
    /// What the table of the sensor type says.
    Table,
}

fn holds(bits: u8) -> Holds {
    match bits & 3 {
        0 => Holds::Nothing,
        1 => Holds::First,
        2 => Holds::Vendor,
        _ => Holds::Table,
    }
}

/// `97 C at or above 95 C`.
pub(super) fn threshold(event: &Event, sensor: Option<&Sensor>) -> Option<String> {
    let [first, reading, limit] = event.data;
    let sensor = sensor.filter(|sensor| sensor.has_thresholds())?;
    let with_unit = |raw| Some(format_value(value(sensor, raw)?, &sensor.units));
    let reading = (holds(first >> 6) == Holds::First).then(|| with_unit(reading)).flatten()?;
    let Some(limit) = (holds(first >> 4) == Holds::First).then(|| with_unit(limit)).flatten()
    else {
        return Some(reading);
    };
    // Going high past a lower threshold, as going low past an upper one, is leaving it.
    let going_high = event.offset % 2 == 1;
    let side = if event.asserted == going_high { "at or above" } else { "at or below" };
    Some(format!("{reading} {side} {limit}"))
}

fn format_value(value: f64, units: &Units) -> String {
    let unit = units.text();
    let digits = if value.abs() >= 100.0 { 0 } else { 2 };
    let number = format!("{value:.digits$}");
    let number = match number.split_once('.') {
        Some(_) => number.trim_end_matches('0').trim_end_matches('.'),
        None => &number,
    };
    match unit.as_str() {
        "" => number.to_owned(),
        "%" => format!("{number}%"),
        unit => format!("{number} {unit}"),
    }
}

/// Detail of a discrete event.
pub(super) fn discrete(event: &Event) -> Option<String> {
    let [first, second, third] = event.data;
    let (in_second, in_third) = (holds(first >> 6), holds(first >> 4));
    let mut parts = Vec::new();
    match in_second {
        Holds::First => parts.extend(previous(second)),
        Holds::Table => parts.extend(second_of_table(event, second)),
        Holds::Vendor => parts.push(format!("vendor's byte {second:#04x}")),
        Holds::Nothing => {}
    }
    match in_third {
        Holds::Table => parts.extend(third_of_table(event, second, third)),
        Holds::Vendor => parts.push(format!("vendor's byte {third:#04x}")),
        Holds::First | Holds::Nothing => {}
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Previous severity in bits 7:4 (offsets of reading type 07h); Fh is none.
fn previous(byte: u8) -> Option<String> {
    let word = match byte >> 4 {
        0 => "OK",
        1 | 4 => "non-critical",
        2 | 5 => "critical",
        3 | 6 => "non-recoverable",
        _ => return None,
    };
    Some(format!("severity before: {word}"))
}

fn second_of_table(event: &Event, byte: u8) -> Option<String> {
    if event.event_type != SPECIFIC_TYPE {
        return None;
    }
    Some(match (event.sensor_type, event.offset) {
        (0x05, 4) => format!("network card {byte}"),
        (0x0f, 0) => post_error(byte)?.to_owned(),
        (0x0f, 1 | 2) => post_progress(byte)?.to_owned(),
        (0x10, 0) => format!("memory module {byte}"),
        (0x10, 1) => format!("event type {byte:#04x}"),
        (0x12, 3) => format!("log entry action {byte:#04x}"),
        (0x12, 5) => {
            if byte & 0x80 == 0 { "before the change" } else { "after the change" }.to_owned()
        }
        (0x1d, 7) => restart(byte)?.to_owned(),
        (0x21, _) => format!("{} slot", slot_kind(byte)?),
        (0x23, _) => watchdog(byte),
        (0x28, 4) => format!("sensor {byte:#04x}"),
        (0x28, 5) => format!("inventory byte {byte:#04x}"),
        (0x2a, _) => format!("user {}", byte & 0x3f),
        (0x2b, _) => version_change(byte)?.to_owned(),
        (0x2c, _) => format!("cause {:#x}, state before {}", byte >> 4, byte & 0x0f),
        _ => format!("byte {byte:#04x}"),
    })
}

fn third_of_table(event: &Event, second: u8, byte: u8) -> Option<String> {
    if event.event_type != SPECIFIC_TYPE {
        return None;
    }
    Some(match (event.sensor_type, event.offset) {
        // DIMM, module, or rank: as the platform counts them.
        (0x0c, _) => format!("memory module {byte}"),
        (0x08, 6) => configuration(byte)?.to_owned(),
        (0x10, 1) if second != 0 => format!("sensor offset {}", byte & 0x0f),
        (0x10, 6) => format!("processor {byte}"),
        (0x10, 5) => format!("{byte}% full"),
        (0x19, 1) => format!("request {byte:#04x}"),
        (0x21, _) => format!("slot {}", byte & 0x7f),
        (0x2a, _) => format!("channel {}", byte & 0x0f),
        _ => format!("byte {byte:#04x}"),
    })
}

fn configuration(byte: u8) -> Option<&'static str> {
    Some(match byte & 0x0f {
        0 => "vendors do not match",
        1 => "revisions do not match",
        2 => "processor missing",
        3 => "power ratings do not match",
        4 => "voltage ratings do not match",
        _ => return None,
    })
}

fn post_error(byte: u8) -> Option<&'static str> {
    Some(match byte {
        0x01 => "no memory installed",
        0x02 => "no usable memory",
        0x03 => "unrecoverable disk failure",
        0x04 => "unrecoverable mainboard failure",
        0x05 => "unrecoverable diskette failure",
        0x06 => "unrecoverable disk controller failure",
        0x07 => "unrecoverable keyboard failure",
        0x08 => "removable boot media not found",
        0x09 => "unrecoverable video controller failure",
        0x0a => "no video device",
        0x0b => "firmware damaged",
        0x0c => "CPU voltage does not match",
        0x0d => "CPU speed does not match",
        _ => return None,
    })
}

fn post_progress(byte: u8) -> Option<&'static str> {
    Some(match byte {
        0x01 => "memory initialization",
        0x02 => "disk initialization",
        0x03 => "secondary processors",
        0x04 => "user authentication",
        0x05 => "in setup",
        0x06 => "USB configuration",
        0x07 => "PCI configuration",
        0x08 => "option ROM",
        0x09 => "video initialization",
        0x0a => "cache initialization",
        0x0b => "management bus",
        0x0c => "keyboard controller",
        0x0d => "management controller",
        0x0e => "docking station",
        0x0f => "enabling docking station",
        0x10 => "ejecting docking station",
        0x11 => "disabling docking station",
        0x12 => "waking the operating system",
        0x13 => "starting the operating system",
        0x14 => "mainboard initialization",
        0x16 => "diskette initialization",
        0x17 => "keyboard test",
        0x18 => "pointing device test",
        0x19 => "primary processor",
        _ => return None,
    })
}

fn restart(byte: u8) -> Option<&'static str> {
    super::chassis::restart_cause(&[byte]).ok().filter(|word| *word != "unknown")
}

fn slot_kind(byte: u8) -> Option<&'static str> {
    Some(match byte & 0x7f {
        0 => "PCI",
        1 => "drive array",
        2 => "peripheral",
        3 => "docking",
        4 => "bus",
        5 => "SSD",
        6 => "blade",
        7 => "memory",
        8 => "expansion",
        _ => return None,
    })
}

fn watchdog(byte: u8) -> String {
    let timer = match byte & 0x0f {
        1 => "BIOS",
        2 => "POST",
        3 => "operating system load",
        4 => "operating system",
        5 => "vendor",
        _ => "unknown",
    };
    format!("timer of {timer}")
}

fn version_change(byte: u8) -> Option<&'static str> {
    Some(match byte {
        0x01 => "device id",
        0x02 => "management controller firmware",
        0x03 => "device revision",
        0x04 => "manufacturer id",
        0x05 => "IPMI version",
        0x06 => "firmware of auxiliary controller",
        0x07 => "firmware boot block",
        0x08 => "other controller firmware",
        0x09 => "system firmware",
        0x0a => "SMBIOS",
        0x0b => "operating system",
        0x0c => "operating system loader",
        0x0d => "service partition",
        0x0e => "management software agent",
        0x0f => "management software application",
        0x10 => "management software middleware",
        0x11 => "programmable hardware",
        0x12 => "inventory",
        _ => return None,
    })
}
