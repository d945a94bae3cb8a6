//! Repositories, readings and verdicts of six recorded controllers through the decoder.
//!
//! `sdr.bin` holds the records, `readings.txt` what Get Sensor Reading and Get Sensor Thresholds
//! answered. The format those came in cannot hold the bit "not available": a sensor without event
//! messages and with reading 0 had it on the machine.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::PathBuf;

use hostwatch::parse::ipmi::convert::value;
use hostwatch::parse::ipmi::reading::{Reading, Thresholds};
use hostwatch::parse::ipmi::sdr::{Record, Sensor, records};
use hostwatch::parse::ipmi::states::{Weight, crossed, states};
use hostwatch::parse::ipmi::threshold::{Limits, limits, recorded};
use hostwatch::parse::ipmi::unit::Quantity;

/// One sensor as the machine answered about it.
struct Seen {
    sensor: Sensor,
    reading: Option<Reading>,
    value: Option<f64>,
    limits: Limits,
    /// Worst of what the controller says and, for limits that were read, of what they say.
    weight: Weight,
    why: String,
}

fn folder(machine: &str) -> PathBuf {
    super::raid::captures().join("bmc").join(format!("infrasim-{machine}"))
}

fn every_record(machine: &str) -> Vec<Record> {
    let bytes = std::fs::read(folder(machine).join("sdr.bin")).unwrap();
    records(&bytes).map(|record| Record::parse(record).unwrap()).collect()
}

type Answers = BTreeMap<(u8, u8, u8), (Reading, Thresholds)>;

/// Bytes of the answers, by owner, unit and number.
fn answers(machine: &str) -> Answers {
    let text = std::fs::read_to_string(folder(machine).join("readings.txt")).unwrap();
    let hex = |word: &str| u8::from_str_radix(word, 16).unwrap();
    let mut found = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (left, right) = line.split_once('|').unwrap_or((line, ""));
        let words: Vec<&str> = left.split_whitespace().collect();
        let [owner, unit, number, raw, mut flags, low, high] =
            <[&str; 7]>::try_from(words).unwrap().map(hex);
        if flags & 0x80 == 0 && raw == 0 {
            flags |= 0x20;
        }
        let reading = Reading::parse(&[raw, flags, low, high]).unwrap();
        // Written from the gravest to the mildest; an answer has it the other way round.
        let mut words = right.split_whitespace();
        let mask = words.next().map_or(0, |mask| u8::from_str_radix(mask, 2).unwrap());
        let values: Vec<u8> = words.map(hex).collect();
        let mut answer = vec![mask];
        answer.extend(values.iter().rev());
        let thresholds = Thresholds::parse(&answer).unwrap();
        found.insert((owner, unit, number), (reading, thresholds));
    }
    found
}

fn beyond(value: Option<f64>, limits: &Limits) -> Weight {
    let Some(value) = value else { return Weight::Good };
    let at = |limit: Option<f64>, sign: f64| limit.is_some_and(|l| (value - l) * sign >= 0.0);
    if at(limits.upper_critical, 1.0)
        || at(limits.upper_non_recoverable, 1.0)
        || at(limits.lower_critical, -1.0)
        || at(limits.lower_non_recoverable, -1.0)
    {
        Weight::Critical
    } else if at(limits.upper_non_critical, 1.0) || at(limits.lower_non_critical, -1.0) {
        Weight::Warning
    } else {
        Weight::Good
    }
}

fn machine(name: &str) -> Vec<Seen> {
    let answers = answers(name);
    let mut seen = Vec::new();
    for record in every_record(name) {
        for sensor in record.sensors() {
            let at = (sensor.address.owner, sensor.address.lun, sensor.address.number);
            let answer = answers.get(&at).filter(|_| sensor.is_readable());
            let reading = answer.map(|(reading, _)| *reading);
            let raw = reading.and_then(|reading| reading.raw);
            let value = raw.filter(|_| sensor.has_thresholds()).and_then(|raw| value(sensor, raw));
            let thresholds = answer.map_or_else(|| recorded(sensor), |(_, thresholds)| *thresholds);
            let limits = limits(sensor, &thresholds);
            let bits = reading.and_then(|reading| reading.states).unwrap_or_default();
            let mut found = states(sensor, bits);
            found.extend(crossed(sensor, reading.and_then(|r| r.crossed()).unwrap_or_default()));
            let worst = found.iter().max_by_key(|state| state.weight);
            let own = beyond(value, &limits);
            seen.push(Seen {
                sensor: sensor.clone(),
                reading,
                value,
                limits,
                weight: worst.map_or(Weight::Good, |state| state.weight).max(own),
                why: worst.map_or_else(|| format!("{value:?}"), |state| state.phrase.to_string()),
            });
        }
    }
    seen
}

fn one<'a>(seen: &'a [Seen], name: &str) -> &'a Seen {
    seen.iter().find(|one| one.sensor.name == name).unwrap_or_else(|| {
        let names: Vec<_> = seen.iter().map(|one| &one.sensor.name).collect();
        panic!("no {name} in {names:?}")
    })
}

fn close(seen: Option<f64>, expected: f64) {
    let seen = seen.expect("a value");
    assert!((seen - expected).abs() < 1e-9, "{seen} is not {expected}");
}

const MACHINES: [&str; 6] =
    ["dell-c6320", "dell-r640", "dell-r730", "quanta-t41", "s2600kp", "s2600wtt"];

#[test]
fn every_record_of_six_machines_is_read() {
    for (name, records, sensors) in [
        ("dell-c6320", 167, 164),
        ("dell-r640", 214, 232),
        ("dell-r730", 187, 220),
        ("quanta-t41", 119, 114),
        ("s2600kp", 163, 99),
        ("s2600wtt", 198, 94),
    ] {
        let found = every_record(name);
        let all: usize = found.iter().map(|record| record.sensors().len()).sum();
        assert_eq!((found.len(), all), (records, sensors), "{name}");
        for sensor in found.iter().flat_map(Record::sensors) {
            assert!(!sensor.name.is_empty());
            assert!(sensor.name.chars().all(|c| c.is_ascii_graphic() || c == ' '), "{sensor:?}");
        }
    }
}

#[test]
fn readings_have_the_values_their_machines_showed() {
    for (name, sensor, expected, quantity) in [
        ("dell-c6320", "FAN_1", 9590.0, Quantity::Rotation),
        ("dell-c6320", "Temp", 40.0, Quantity::Temperature),
        ("dell-c6320", "CPU Usage", 1.0, Quantity::Percent),
        ("dell-c6320", "Input Voltage", 11.97, Quantity::Voltage),
        ("dell-r640", "Fan1A", 5760.0, Quantity::Rotation),
        ("dell-r640", "Temp", 48.0, Quantity::Temperature),
        ("dell-r640", "Current 1", 0.4, Quantity::Current),
        ("dell-r730", "Fan1", 3840.0, Quantity::Rotation),
        ("dell-r730", "Inlet Temp", 24.0, Quantity::Temperature),
        ("dell-r730", "Pwr Consumption", 112.0, Quantity::Power),
        ("dell-r730", "Current 2", 0.0, Quantity::Current),
        ("quanta-t41", "Temp_CPU0", 51.0, Quantity::Temperature),
        ("quanta-t41", "Fan_SYS0_0", 4800.0, Quantity::Rotation),
        ("quanta-t41", "Volt_P12V", 12.12, Quantity::Voltage),
        ("quanta-t41", "Airflow", 13.0, Quantity::Airflow),
        ("s2600kp", "Sys Fan 1A", 8976.0, Quantity::Rotation),
        ("s2600kp", "P1 Therm Margin", -28.0, Quantity::Temperature),
        ("s2600kp", "MTT CPU1", 49.0, Quantity::Percent),
        ("s2600wtt", "Front Panel Temp", 26.0, Quantity::Temperature),
        ("s2600wtt", "System Fan 1", 5353.0, Quantity::Rotation),
        ("s2600wtt", "System Fan 6", 0.0, Quantity::Rotation),
        ("s2600wtt", "P1 Therm Margin", -59.0, Quantity::Temperature),
        ("s2600wtt", "PS2 Input Power", 0.0, Quantity::Power),
    ] {
        let seen = machine(name);
        let seen = one(&seen, sensor);
        close(seen.value, expected);
        assert_eq!(seen.sensor.units.quantity(), quantity, "{name} {sensor}");
    }
}

#[test]
fn limits_that_somebody_set_are_kept_and_others_are_not() {
    let limits = |name: &str, sensor: &str| one(&machine(name), sensor).limits;
    let quanta = limits("quanta-t41", "Temp_CPU0");
    close(quanta.upper_non_critical, 89.0);
    close(quanta.upper_critical, 90.0);
    assert_eq!((quanta.lower_critical, quanta.lower_non_critical), (None, None));
    let fan = limits("s2600wtt", "System Fan 6");
    close(fan.lower_critical, 1696.0);
    close(fan.lower_non_critical, 1961.0);
    close(fan.positive_hysteresis, 53.0);
    let stuck = limits("dell-c6320", "FAN_5");
    assert_eq!((stuck.upper_critical, stuck.lower_critical), (None, None), "nobody set them");
    let fan = limits("dell-c6320", "FAN_1");
    assert_eq!(fan.upper_critical, None, "the top of the range");
    close(fan.lower_critical, 1050.0);
    let throttled = limits("s2600kp", "MTT CPU1");
    assert_eq!(throttled.upper_non_critical, None, "0 % and more is always");
    let inlet = limits("dell-c6320", "Inlet Temp");
    close(inlet.upper_critical, 47.0);
    assert_eq!(inlet.lower_critical, None, "both lower ones are raw 0");
    let inlet = limits("dell-r730", "Inlet Temp");
    close(inlet.lower_non_critical, 3.0);
    close(inlet.upper_non_critical, 42.0);
    assert_eq!((inlet.lower_critical, inlet.upper_critical), (None, None), "not in the mask");
    let board = limits("s2600wtt", "BB P1 VR Temp");
    close(board.lower_non_critical, 5.0);
    let idle = limits("quanta-t41", "PSU1 Input");
    assert_eq!(idle, Limits::default(), "a lower one of 0 W says nothing");
}

/// Sensors worse than a note, in the order of the repository.
fn alarms(name: &str) -> Vec<String> {
    let seen = machine(name);
    let bad = seen.iter().filter(|one| one.weight > Weight::Note);
    bad.map(|one| format!("{}: {:?} {}", one.sensor.name, one.weight, one.why)).collect()
}

#[test]
fn alarms_are_those_of_a_competent_sysadmin() {
    assert_eq!(alarms("dell-c6320"), [""; 0]);
    assert_eq!(alarms("dell-r640"), [""; 0]);
    assert_eq!(alarms("quanta-t41"), [""; 0]);
    assert_eq!(
        alarms("dell-r730"),
        ["PS Redundancy: Warning redundancy lost", "Status: Critical power supply input lost"]
    );
    assert_eq!(
        alarms("s2600kp"),
        [
            "Pwr Unit Redund: Warning not redundant, enough left to run",
            "PS1 Status: Critical power supply input lost"
        ]
    );
    assert_eq!(alarms("s2600wtt"), ["System Fan 6: Critical Some(0.0)"]);
}

#[test]
fn what_is_not_scanned_or_not_there_says_nothing() {
    for (name, sensor) in
        [("dell-c6320", "FAN_5"), ("quanta-t41", "HDD12"), ("quanta-t41", "NVMeSSD_0")]
    {
        let seen = machine(name);
        let reading = one(&seen, sensor).reading.unwrap();
        assert_eq!((reading.raw, reading.states), (None, None), "{name} {sensor}");
    }
    let seen = machine("dell-c6320");
    let event_only = one(&seen, "Memory Removed");
    assert!(event_only.sensor.address.is_software() && !event_only.sensor.is_readable());
}

#[test]
fn shared_records_become_sensors_with_names_of_their_own() {
    let names = |machine: &str, start: &str| -> Vec<String> {
        let found = every_record(machine);
        let all = found.iter().flat_map(Record::sensors).map(|sensor| sensor.name.clone());
        all.filter(|name| name.starts_with(start)).collect()
    };
    let drives = names("dell-r730", "Drive ");
    assert_eq!(
        (drives[0].as_str(), drives[14].as_str(), drives[15].as_str()),
        ("Drive 0", "Drive 14", "Drive 15")
    );
    assert_eq!(drives.len(), 32);
    assert_eq!(names("dell-r730", "A "), (1..=12).map(|n| format!("A {n}")).collect::<Vec<_>>());
    assert!(MACHINES.iter().all(|name| machine(name).len() > 60));
}

/// Answers of a management controller of which there is no capture, and records at the lengths at
/// which others stumbled.
pub(super) fn answers_by_hand() -> Vec<Vec<u8>> {
    let mut full =
        vec![7, 0, 0x51, 1, 59, 0x20, 0, 7, 10, 1, 0x7f, 0x68, 1, 1, 0, 0, 0, 0, 0x3f, 0x3f];
    full.extend([0x80, 1, 0, 7, 0xff, 0xc0, 100, 0, 0, 0xf1, 7, 25, 80, 5, 0x7f, 0x80]);
    full.extend([105, 95, 85, 0xf6, 0, 5, 2, 2, 0, 0, 0, 0xd0]);
    full.extend(b"CPU1 Temperature");
    let mut shared =
        vec![8, 0, 0x51, 2, 30, 0x20, 0, 0xc0, 32, 1, 0x6f, 0xc0, 12, 0x6f, 0, 0, 0, 0, 0x62, 0];
    shared.extend([0xc0, 0, 0, 0x1c, 0x81, 0, 0, 0, 0, 0, 0, 0x86, 0x29, 0xdc, 0xa6]);
    let event_only =
        [&[9, 0, 0x51, 3, 16, 0x2c, 0, 5, 3, 1, 40, 3, 2, 1, 0, 0, 0x44][..], &[0x12; 4]];
    let mut answers =
        vec![full.clone(), shared.clone(), event_only.concat(), [full.clone(), shared].concat()];
    answers.extend([20, 22, 47].map(|length| full.iter().take(length).copied().collect()));
    answers.extend([
        vec![0x2d, 0xc0, 0xc0, 0x80],
        vec![0x3f, 5, 0, 0xf6, 85, 95, 105],
        vec![0xdc, 0x38, 1, 0x78, 0, 0xe0, 1, 0x31, 1, 0x4d, 7, 3, 0x6b, 0xe8, 3, 0, 0, 0x40],
        vec![0x20, 0x81, 2, 0x12, 2, 0xbf, 0xa2, 2, 0, 0, 1, 1, 2, 3, 4],
        vec![0x51, 200, 0, 0, 1, 0, 0, 0, 0x60, 0, 0, 0, 0, 0x82],
        vec![2, 0, 1, 0, 2, 0, 0, 0, 0x60, 0x20, 0, 4, 1, 7, 1, 0x59, 97, 95],
        vec![3, 0, 2, 0, 2, 9, 0, 0, 0, 0x33, 0, 4, 8, 8, 0x6f, 0xf6, 1, 3],
    ]);
    answers
}

/// Everything that reads bytes of a controller; sensors found in them meet what else they may say.
pub(super) fn decode_all(bytes: &[u8]) {
    use hostwatch::parse::ipmi::{
        chassis, convert, dcmi, device, name, reading, sdr, sel, states, threshold,
    };
    let reading = reading::Reading::parse(bytes);
    let thresholds = reading::Thresholds::parse(bytes).unwrap_or_default();
    let factors = convert::reading_factors(bytes);
    black_box(name::name(bytes));
    black_box(dcmi::power(bytes).map_err(|why| why.to_string()).ok());
    black_box(dcmi::has_power(bytes).ok());
    black_box(chassis::Status::parse(bytes).map_err(|why| why.to_string()).ok());
    black_box(chassis::restart_cause(bytes).ok());
    black_box(device::Device::parse(bytes).ok());
    black_box(device::SelfTest::parse(bytes).ok());
    black_box(device::RepositoryInfo::parse(bytes).ok());
    black_box(sel::Info::parse(bytes).ok().and_then(|info| info.used_percent()));
    black_box(sel::clock(bytes).ok());
    let entry = sel::Entry::parse_answer(bytes).map(|(_, entry)| entry);
    let entry = entry.or_else(|_| sel::Entry::parse(bytes)).ok();
    if let Some(entry) = &entry {
        black_box((
            entry.phrase(None),
            entry.weight(),
            entry.event().map(|e| (e.key(), e.is_end())),
        ));
    }
    let alone = std::iter::once(bytes);
    for record in sdr::records(bytes).chain(alone).filter_map(|one| sdr::Record::parse(one).ok()) {
        for sensor in record.sensors() {
            assert!(!sensor.name.is_empty());
            black_box((sensor.units.text(), threshold::recorded(sensor)));
            let limits = threshold::limits(sensor, &thresholds);
            let order = [
                limits.lower_non_recoverable,
                limits.lower_critical,
                limits.lower_non_critical,
                limits.upper_non_critical,
                limits.upper_critical,
                limits.upper_non_recoverable,
            ];
            assert!(order.iter().flatten().is_sorted(), "{limits:?}");
            let bits = u16::from_le_bytes([bytes[0], bytes[bytes.len() / 2]]);
            black_box((states::states(sensor, bits), states::crossed(sensor, bytes[0])));
            black_box(reading.as_ref().ok().and_then(|one| convert::value(sensor, one.raw?)));
            if let Ok((_, factors)) = factors {
                black_box(convert::value_with(sensor, bytes[0], factors));
            }
            black_box(entry.as_ref().map(|entry| entry.phrase(Some(sensor))));
        }
    }
}
