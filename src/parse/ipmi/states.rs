//! States of discrete sensors in words, and how much each matters (IPMI 2.0, tables 42-1 to 42-3).
//!
//! Owns the verdict of a sysadmin on one bit, live or in the event log. The tables stand in
//! `generic` and `specific`. Does not know history, nor what a check makes of it.

use std::borrow::Cow;

use super::sdr::{SPECIFIC_TYPE, Sensor, THRESHOLD_TYPE};
use super::{bit, generic, specific};

/// How much a state matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Weight {
    /// As it should be.
    Good,
    /// A fact; no reason to wake anybody.
    Note,
    /// Somebody should look.
    Warning,
    /// Something is broken, or soon is.
    Critical,
}

/// How an event comes to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// By the deassertion of the same offset.
    Deassertion,
    /// By the assertion of another offset of the sensor, of which one holds at a time
    /// (`fully redundant`, `transition to OK`); a deassertion ends it, too.
    Replacement,
    /// It happened and does not end: an error that was counted, a boot.
    Momentary,
}

/// A row of the tables: phrase, weight of the bit while it is set, weight of the event.
pub(super) type Row = (&'static str, Weight, Weight);

/// One state that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// 0 to 14.
    pub offset: u8,
    /// Short, in lower case: `power supply input lost`.
    pub phrase: Cow<'static, str>,
    /// How much it matters that it holds now.
    pub weight: Weight,
}

/// An offset of a sensor type and reading type, as an event of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// Short, in lower case.
    pub phrase: Cow<'static, str>,
    /// How much it matters that it happened.
    pub weight: Weight,
    /// How it ends.
    pub ending: Ending,
}

/// The states of an answer that the sensor can be in. Bits that its record does not name are left
/// over from other sensors or from nowhere: controllers send them for empty bays and for sensors
/// that only send events.
#[must_use]
pub fn reported_states(sensor: &Sensor, states: u16) -> u16 {
    states & sensor.readable_states
}

/// The states of a discrete sensor that hold, bit 0 first; none for sensors with thresholds, see
/// [`crossed`].
#[must_use]
pub fn states(sensor: &Sensor, states: u16) -> Vec<State> {
    if sensor.has_thresholds() {
        return Vec::new();
    }
    let reported = reported_states(sensor, states);
    (0..15_u8)
        .filter(|offset| bit(reported, u32::from(*offset)))
        .map(|offset| {
            let (phrase, weight, _) = row(sensor.sensor_type, sensor.reading_type, offset);
            State { offset, phrase, weight }
        })
        .collect()
}

/// What a controller found about a sensor with thresholds: bits 0 to 5 of the third byte of its
/// reading, only those of thresholds that can be read.
#[must_use]
pub fn crossed(sensor: &Sensor, bits: u8) -> Vec<State> {
    let found = if sensor.has_thresholds() { bits & sensor.readable_thresholds } else { 0 };
    (0..6_u8)
        .zip(CROSSED)
        .filter(|(offset, _)| bit(found, u32::from(*offset)))
        .map(|(offset, (phrase, weight))| State { offset, phrase: Cow::Borrowed(phrase), weight })
        .collect()
}

const CROSSED: [(&str, Weight); 6] = [
    ("at or below lower non-critical", Weight::Warning),
    ("at or below lower critical", Weight::Critical),
    ("at or below lower non-recoverable", Weight::Critical),
    ("at or above upper non-critical", Weight::Warning),
    ("at or above upper critical", Weight::Critical),
    ("at or above upper non-recoverable", Weight::Critical),
];

/// An offset as an event of the log. Sensors with thresholds have twelve.
#[must_use]
pub fn happening(sensor_type: u8, reading_type: u8, offset: u8) -> Happening {
    let (phrase, _, weight) = row(sensor_type, reading_type, offset);
    Happening { phrase, weight, ending: ending(sensor_type, reading_type, offset) }
}

fn row(sensor_type: u8, reading_type: u8, offset: u8) -> (Cow<'static, str>, Weight, Weight) {
    let place = usize::from(offset);
    let found = match reading_type {
        THRESHOLD_TYPE => generic::THRESHOLD.get(place).copied(),
        0x03 => generic::asserted(sensor_type).get(place).copied(),
        SPECIFIC_TYPE => specific::rows(sensor_type).get(place).copied(),
        generic => generic::rows(generic).get(place).copied(),
    };
    match found.filter(|(phrase, ..)| !phrase.is_empty()) {
        Some((phrase, live, event)) => (Cow::Borrowed(phrase), live, event),
        None => (Cow::Owned(format!("vendor's state {offset}")), Weight::Note, Weight::Note),
    }
}

fn ending(sensor_type: u8, reading_type: u8, offset: u8) -> Ending {
    match reading_type {
        THRESHOLD_TYPE => Ending::Deassertion,
        SPECIFIC_TYPE if specific::is_momentary(sensor_type, offset) => Ending::Momentary,
        SPECIFIC_TYPE => Ending::Deassertion,
        0x02..=0x0c => Ending::Replacement,
        _ => Ending::Momentary,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::ipmi::tests::{discrete, full};

    fn seen(sensor_type: u8, reading_type: u8, bits: u16) -> Vec<(String, Weight)> {
        let found = states(&discrete(sensor_type, reading_type), bits);
        found.into_iter().map(|state| (state.phrase.into_owned(), state.weight)).collect()
    }

    #[test]
    fn live_bits_have_the_weight_an_admin_gives_them() {
        use Weight::{Critical, Good, Note, Warning};
        for (sensor_type, reading_type, bits, phrase, weight) in [
            (0x08, 0x6f, 1, "presence detected", Good),
            (0x08, 0x6f, 2, "failure detected", Critical),
            (0x08, 0x6f, 4, "failure predicted", Warning),
            (0x08, 0x6f, 8, "power supply input lost", Critical),
            (0x08, 0x0b, 1, "fully redundant", Good),
            (0x08, 0x0b, 2, "redundancy lost", Warning),
            (0x09, 0x0b, 8, "not redundant, enough left to run", Warning),
            (0x09, 0x0b, 32, "not redundant, too little left to run", Critical),
            (0x05, 0x6f, 1, "chassis opened", Warning),
            (0x07, 0x6f, 1, "internal error (IERR)", Critical),
            (0x07, 0x6f, 0x400, "throttled", Warning),
            (0x0c, 0x6f, 1, "correctable ECC error", Warning),
            (0x0c, 0x6f, 2, "uncorrectable ECC error", Critical),
            (0x0d, 0x6f, 2, "drive fault", Critical),
            (0x0d, 0x6f, 0x80, "rebuild in progress", Note),
            (0x10, 0x6f, 0x20, "event log almost full", Warning),
            (0x23, 0x6f, 2, "watchdog reset the machine", Warning),
            (0x23, 0x6f, 0x100, "watchdog interrupt", Note),
            (0x25, 0x6f, 2, "absent", Note),
            (0x29, 0x6f, 1, "battery low", Warning),
            (0x29, 0x6f, 2, "battery failed", Critical),
            (0x29, 0x6f, 4, "presence detected", Good),
            (0x18, 0x07, 1, "transition to OK", Good),
            (0x18, 0x07, 4, "critical, was less severe", Critical),
            (0x18, 0x07, 0x40, "non-recoverable", Critical),
            (0x07, 0x03, 2, "state asserted", Warning),
            (0x07, 0x03, 1, "state deasserted", Good),
            (0xc1, 0x03, 2, "state asserted", Note),
            (0x15, 0x03, 2, "state asserted", Note),
            (0x01, 0x05, 2, "limit exceeded", Warning),
            (0x15, 0x08, 2, "present", Good),
            (0x04, 0x08, 1, "absent", Note),
            (0xc0, 0x6f, 4, "vendor's state 2", Note),
            (0x08, 0x70, 1, "vendor's state 0", Note),
            (0x23, 0x6f, 0x20, "vendor's state 5", Note),
            (0x08, 0x6f, 0x4000, "vendor's state 14", Note),
        ] {
            assert_eq!(
                seen(sensor_type, reading_type, bits),
                [(phrase.to_owned(), weight)],
                "{sensor_type:#x} {reading_type:#x} {bits:#x}"
            );
        }
        assert_eq!(seen(0x08, 0x6f, 9).len(), 2);
        assert_eq!(seen(0x08, 0x6f, 0x8000), [], "bit 15 is reserved");
    }

    #[test]
    fn bits_that_the_record_does_not_name_are_nothing() {
        let mut memory = discrete(0x0c, 0x6f);
        memory.readable_states = 0x0040;
        assert_eq!(states(&memory, 0x0001), []);
        assert_eq!(reported_states(&memory, 0x00ff), 0x0040);
        assert_eq!(states(&full("T"), 0x00ff), [], "it has thresholds");
    }

    #[test]
    fn what_the_controller_found_itself_counts_for_thresholds_it_has() {
        let mut sensor = full("T");
        sensor.readable_thresholds = 0b01_1011;
        let found = crossed(&sensor, 0xff);
        let words: Vec<_> = found.iter().map(|state| (state.offset, &*state.phrase)).collect();
        assert_eq!(
            words,
            [
                (0, "at or below lower non-critical"),
                (1, "at or below lower critical"),
                (3, "at or above upper non-critical"),
                (4, "at or above upper critical")
            ]
        );
        assert_eq!(found[3].weight, Weight::Critical);
        assert_eq!(crossed(&sensor, 0xc0), []);
        assert_eq!(crossed(&discrete(0x08, 0x6f), 0xff), []);
    }

    #[test]
    fn events_end_in_their_own_way() {
        for (sensor_type, reading_type, offset, ending) in [
            (0x01, 0x01, 9, Ending::Deassertion),
            (0x08, 0x6f, 3, Ending::Deassertion),
            (0x08, 0x0b, 1, Ending::Replacement),
            (0x18, 0x07, 2, Ending::Replacement),
            (0x0c, 0x6f, 1, Ending::Momentary),
            (0x0c, 0x6f, 5, Ending::Deassertion),
            (0x10, 0x6f, 4, Ending::Deassertion),
            (0x10, 0x6f, 2, Ending::Momentary),
            (0x1d, 0x6f, 0, Ending::Momentary),
            (0xc5, 0x72, 0, Ending::Momentary),
        ] {
            let found = happening(sensor_type, reading_type, offset);
            assert_eq!(found.ending, ending, "{sensor_type:#x} {reading_type:#x} {offset}");
        }
        assert_eq!(happening(0x10, 0x6f, 2).weight, Weight::Note);
        assert_eq!(happening(0x01, 0x01, 9).phrase, "upper critical going high");
    }
}
