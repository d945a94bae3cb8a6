//! Records written by hand for the tests of this room, and what holds for any bytes at all.

use proptest::prelude::*;

use super::chassis::Status;
use super::convert::{reading_factors, value, value_with};
use super::device::{Device, RepositoryInfo, SelfTest};
use super::reading::{Reading, Thresholds};
use super::sdr::{Record, Sensor};
use super::states::{crossed, happening, states};
use super::threshold::{limits, recorded};
use super::{Malformed, dcmi, name, sdr, sel, words};

/// A full record: a temperature of a PSU, signed, 85, 95 and 105 above, 5, 0 and -10 below.
pub(super) fn full_bytes(name: &str) -> Vec<u8> {
    let mut record = vec![0x0c, 0, 0x51, 1, 0, 0x20, 0x11, 7, 0x0a, 0x81, 0x7f, 0x68, 1, 1];
    record.extend([0x85, 0x32, 0x85, 0x32, 0x3f, 0x1b, 0x80, 1, 0]);
    record.extend([0, 1, 0, 0, 0, 0x01, 0x00, 7, 25, 80, 10, 0x7f, 0x80]);
    record.extend([105, 95, 85, 0xf6, 0, 5, 2, 3, 0, 0, 0x99]);
    record.push(0xc0 | u8::try_from(name.len()).unwrap());
    record.extend(name.as_bytes());
    with_length(record)
}

fn with_length(mut record: Vec<u8>) -> Vec<u8> {
    record[4] = u8::try_from(record.len() - 5).unwrap();
    record
}

pub(super) fn full(name: &str) -> Sensor {
    let Ok(Record::Full(sensor)) = Record::parse(&full_bytes(name)) else { panic!("{name}") };
    *sensor
}

/// A compact record: memory, sensor-specific, presence and two faults.
fn compact_bytes(sharing: [u8; 2], name: &[u8]) -> Vec<u8> {
    let mut record = vec![8, 0, 0x51, 2, 0, 0x20, 0, 0xc0, 0x20, 1, 0x6f, 0xc0, 0x0c, 0x6f];
    record.extend([0x20, 0, 0, 0, 0x62, 0x80, 0xc0, 0, 0]);
    record.extend(sharing);
    record.extend([1, 2, 0, 0, 0, 0x77]);
    record.extend(name);
    with_length(record)
}

/// A discrete sensor whose record names all states.
pub(super) fn discrete(sensor_type: u8, reading_type: u8) -> Sensor {
    let mut sensor = full("S");
    sensor.analog = None;
    sensor.sensor_type = sensor_type;
    sensor.reading_type = reading_type;
    sensor.readable_thresholds = 0;
    sensor.readable_states = 0x7fff;
    sensor
}

#[test]
fn a_full_record_is_read() {
    let sensor = full("PSU1 Temp");
    assert_eq!((sensor.record, sensor.name.as_str()), (12, "PSU1 Temp"));
    let address = sensor.address;
    assert_eq!((address.owner, address.channel, address.lun, address.number), (0x20, 1, 1, 7));
    assert!(!address.is_software() && sensor.is_readable() && sensor.has_thresholds());
    assert_eq!((sensor.entity.id, sensor.entity.instance, sensor.entity.logical), (10, 1, true));
    let can = sensor.capabilities;
    assert!(!can.ignore_if_entity_absent && can.auto_rearm);
    assert_eq!((can.hysteresis, can.thresholds), (sdr::Access::Settable, sdr::Access::Settable));
    assert!(sensor.initialization.events_by_default);
    assert_eq!((sensor.readable_thresholds, sensor.settable_thresholds), (0x3f, 0x1b));
    assert_eq!((sensor.readable_states, sensor.assertions), (0, 0x3285));
    assert_eq!((sensor.positive_hysteresis, sensor.negative_hysteresis), (2, 3));
    assert_eq!((sensor.direction, sensor.oem), (sdr::Direction::Input, 0x99));
    let analog = sensor.analog.as_ref().unwrap();
    assert_eq!(
        (analog.nominal, analog.normal_max, analog.normal_min),
        (Some(25), Some(80), Some(10))
    );
    assert_eq!((analog.max, analog.min), (Some(0x7f), Some(0x80)));
    let limits = limits(&sensor, &recorded(&sensor));
    assert_eq!((limits.upper_non_critical, limits.upper_critical), (Some(85.0), Some(95.0)));
    assert_eq!((limits.lower_critical, limits.lower_non_recoverable), (Some(0.0), Some(-10.0)));
    assert_eq!((limits.positive_hysteresis, limits.negative_hysteresis), (Some(2.0), Some(3.0)));
}

#[test]
fn a_record_cut_off_anywhere_is_an_error_or_lacks_its_end() {
    let whole = full_bytes("PSU1 Temp");
    for length in 0..whole.len() {
        let seen = Record::parse(&whole[..length]);
        // Through the exponents of the factors; a nominal reading can be done without.
        assert_eq!(seen.is_ok(), length >= 30, "{length}: {seen:?}");
    }
    let Ok(Record::Full(cut)) = Record::parse(&whole[..39]) else { panic!() };
    let thresholds = recorded(&cut);
    assert_eq!((thresholds.upper_non_critical, thresholds.lower_critical), (Some(85), None));
    assert_eq!(cut.name, "temperature", "what its type says");
    assert_eq!(
        Record::parse(&whole[..20]).unwrap_err(),
        Malformed::Short { what: "sensor data record", bytes: 20, least: 24 }
    );
    // A length byte that says less than there is: the rest belongs to another record.
    let mut short = full_bytes("PSU1 Temp");
    short[4] = 25;
    let Ok(Record::Full(short)) = Record::parse(&short) else { panic!() };
    assert_eq!((short.name.as_str(), short.positive_hysteresis), ("temperature", 0));
    assert_eq!(short.analog.as_ref().unwrap().nominal, None);
}

#[test]
fn shared_records_are_one_sensor_each() {
    let named = |sharing, name: &[u8]| -> Vec<Sensor> {
        Record::parse(&compact_bytes(sharing, name)).unwrap().sensors().to_vec()
    };
    let names = |sharing, name: &[u8]| -> Vec<String> {
        named(sharing, name).into_iter().map(|sensor| sensor.name).collect()
    };
    assert_eq!(names([0x03, 0x0a], b"\xc4DIMM"), ["DIMM 10", "DIMM 11", "DIMM 12"]);
    assert_eq!(names([0x13, 0x19], b"\xc4DIMM"), ["DIMM Z", "DIMM AA", "DIMM AB"]);
    assert_eq!(names([0x03, 0x00], b"\xc8Drive 15"), ["Drive 15", "Drive 16", "Drive 17"]);
    assert_eq!(names([0x02, 0x01], b"\xc0"), ["memory 1", "memory 2"]);
    assert_eq!(names([0x01, 0x05], b"\xc4DIMM"), ["DIMM"]);
    assert_eq!(names([0x00, 0x00], b"\xc4DIMM"), ["DIMM"]);
    let instances = named([0x83, 0x80], b"\xc4DIMM");
    let last = &instances[2];
    assert_eq!((last.address.number, last.entity.instance), (0xc2, 3));
    assert_eq!((last.direction, last.oem), (sdr::Direction::Output, 0x77));
    assert_eq!((last.readable_states, last.positive_hysteresis), (0x0062, 1));
    let together = named([0x03, 0x00], b"\xc4DIMM");
    assert_eq!((together[2].entity.instance, together[2].address.number), (1, 0xc2));
}

#[test]
fn other_records_are_read() {
    let record = [&[9, 0, 0x51, 3, 15, 0xb1, 0, 5, 3, 1, 0x28, 3, 2, 1, 0, 0x11, 0xc3][..], b"Bus"];
    let Ok(Record::EventOnly(events)) = Record::parse(&record.concat()) else { panic!() };
    assert_eq!((events[0].name.as_str(), events[1].name.as_str()), ("Bus 1", "Bus 2"));
    assert!(!events[0].is_readable() && events[0].address.is_software());
    let head = [1, 0, 0x51, 0x11, 14, 0x20, 0x01, 0x80, 0x30, 0, 0x10, 0, 0x0a, 1, 0, 0xc3];
    let Ok(Record::Locator(part)) = Record::parse(&[&head[..], b"PS1"].concat()) else { panic!() };
    assert_eq!((part.kind, part.device, part.channel), (sdr::LocatorKind::Inventory, 1, 3));
    assert_eq!((part.entity.id, part.name.as_str()), (10, "PS1"));
    let head = [1, 0, 0x51, 0x12, 15, 0x2c, 0x06, 0, 0xdf, 0, 0, 0, 0x2e, 1, 0, 0xc2];
    let Ok(Record::Locator(part)) = Record::parse(&[&head[..], b"ME"].concat()) else { panic!() };
    assert_eq!((part.kind, part.address, part.channel), (sdr::LocatorKind::Controller, 0x2c, 6));
    assert_eq!(Record::parse(&[1, 0, 0x51, 0xc0, 0]), Ok(Record::Other(0xc0)));
    assert!(Record::parse(&head[..8]).is_err());
}

#[test]
fn a_repository_is_split_at_its_lengths() {
    let (one, two) = (full_bytes("A"), compact_bytes([1, 0], b"\xc1B"));
    let all = [one.clone(), two.clone()].concat();
    assert_eq!(sdr::records(&all).collect::<Vec<_>>(), [&one[..], &two[..]]);
    let cut: Vec<_> = sdr::records(&all[..all.len() - 3]).collect();
    assert_eq!(cut[1], &two[..two.len() - 3]);
    assert_eq!(sdr::records(&all[..one.len() + 4]).count(), 1, "no header, no record");
    assert_eq!(sdr::records(&[]).count(), 0);
}

/// Real records, changed at some places and cut somewhere; or nothing but bytes.
fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    let seed = prop_oneof![
        Just(full_bytes("CPU1 Temp")),
        Just(compact_bytes([0x1c, 0x81], b"\x86\x29\xdc\xa6\x29\xdc\xa6")),
        Just(vec![0xdc, 0x38, 1, 0x78, 0, 0xe0, 1, 0x31, 1, 0x4d, 7, 3, 0x6b, 0xe8, 3, 0, 0, 0x40]),
        Just(vec![2, 0, 1, 0, 2, 0, 0, 0, 0x60, 0x20, 0, 4, 1, 7, 1, 0x59, 97, 95]),
    ];
    let edits = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8);
    let damaged = (seed, edits, any::<prop::sample::Index>()).prop_map(|(mut seed, edits, end)| {
        for (place, byte) in edits {
            let place = place.index(seed.len());
            seed[place] = byte;
        }
        seed.truncate(end.index(seed.len() + 1));
        seed
    });
    prop_oneof![damaged, proptest::collection::vec(any::<u8>(), 0..120)]
}

proptest! {
    #[test]
    fn no_bytes_break_a_parser(bytes in any_bytes(), raw in any::<u8>(), bits in any::<u16>()) {
        let thresholds = Thresholds::parse(&bytes).unwrap_or_default();
        let factors = reading_factors(&bytes).ok();
        let entry = sel::Entry::parse(&bytes).ok();
        let _ = (Reading::parse(&bytes), dcmi::power(&bytes), dcmi::has_power(&bytes));
        let _ = (Status::parse(&bytes), Device::parse(&bytes), SelfTest::parse(&bytes));
        let _ = (RepositoryInfo::parse(&bytes), sel::Info::parse(&bytes), sel::clock(&bytes));
        let _ = (sel::Entry::parse_answer(&bytes), name::name(&bytes));
        if let Ok(record) = Record::parse(&bytes) {
            for sensor in record.sensors() {
                prop_assert!(!sensor.name.is_empty());
                prop_assert!(value(sensor, raw).is_none_or(f64::is_finite));
                if let Some((_, factors)) = factors {
                    prop_assert!(value_with(sensor, raw, factors).is_none_or(f64::is_finite));
                }
                let _ = (limits(sensor, &thresholds), limits(sensor, &recorded(sensor)));
                let _ = (states(sensor, bits), crossed(sensor, raw), sensor.units.text());
                let _ = entry.as_ref().map(|entry| entry.phrase(Some(sensor)));
            }
        }
        prop_assert!(sdr::records(&bytes).map(<[u8]>::len).sum::<usize>() <= bytes.len());
    }

    #[test]
    fn every_happening_has_words(kind in any::<u8>(), reading in any::<u8>(), offset in 0..16_u8) {
        let happening = happening(kind, reading, offset);
        prop_assert!(!happening.phrase.is_empty());
        prop_assert!(happening.phrase.starts_with(|c: char| c.is_ascii_alphanumeric()));
        prop_assert!(!words::sensor_type_word(kind).is_empty());
        prop_assert!(!words::entity_word(kind).is_empty());
        prop_assert!(!words::completion_word(kind).is_empty());
    }
}
