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
