//! Generic event/reading types (IPMI 2.0, table 42-2): words and weights of their offsets.
//!
//! Owns the tables alone.

use super::states::Row;
use super::states::Weight::{Critical, Good, Note, Warning};

/// Reading type 01h: events, two for each threshold.
pub(super) static THRESHOLD: &[Row] = &[
    ("lower non-critical going low", Warning, Warning),
    ("lower non-critical going high", Note, Note),
    ("lower critical going low", Critical, Critical),
    ("lower critical going high", Note, Note),
    ("lower non-recoverable going low", Critical, Critical),
    ("lower non-recoverable going high", Note, Note),
    ("upper non-critical going low", Note, Note),
    ("upper non-critical going high", Warning, Warning),
    ("upper critical going low", Note, Note),
    ("upper critical going high", Critical, Critical),
    ("upper non-recoverable going low", Note, Note),
    ("upper non-recoverable going high", Critical, Critical),
];

/// Offsets of reading types 02h and 04h to 0Ch.
pub(super) fn rows(reading_type: u8) -> &'static [Row] {
    match reading_type {
        0x02 => USAGE,
        0x04 => PREDICTIVE,
        0x05 => LIMIT,
        0x06 => PERFORMANCE,
        0x07 => SEVERITY,
        0x08 => PRESENCE,
        0x09 => ENABLED,
        0x0a => AVAILABILITY,
        0x0b => REDUNDANCY,
        0x0c => DEVICE_POWER,
        _ => &[],
    }
}

/// Reading type 03h. What is asserted, only the sensor's name says. On what is hot, under voltage,
/// turning or feeding it is a fault; elsewhere it may as well be an LED.
pub(super) fn asserted(sensor_type: u8) -> &'static [Row] {
    match sensor_type {
        0x01..=0x04 | 0x07..=0x0a | 0x0c | 0x0d | 0x13 | 0x19 => FAULT,
        _ => FLAG,
    }
}

static FAULT: &[Row] = &[("state deasserted", Good, Good), ("state asserted", Warning, Warning)];
static FLAG: &[Row] = &[("state deasserted", Good, Note), ("state asserted", Note, Note)];

static USAGE: &[Row] = &[("idle", Good, Note), ("active", Good, Note), ("busy", Good, Note)];

static PREDICTIVE: &[Row] =
    &[("no failure predicted", Good, Good), ("failure predicted", Warning, Warning)];

static LIMIT: &[Row] = &[("limit not exceeded", Good, Good), ("limit exceeded", Warning, Warning)];

static PERFORMANCE: &[Row] =
    &[("performance met", Good, Good), ("performance lags", Warning, Warning)];

static SEVERITY: &[Row] = &[
    ("transition to OK", Good, Good),
    ("non-critical, was OK", Warning, Warning),
    ("critical, was less severe", Critical, Critical),
    ("non-recoverable, was less severe", Critical, Critical),
    ("non-critical, was more severe", Warning, Warning),
    ("critical, was non-recoverable", Critical, Critical),
    ("non-recoverable", Critical, Critical),
    ("monitored", Note, Note),
    ("informational", Note, Note),
];

static PRESENCE: &[Row] = &[("absent", Note, Note), ("present", Good, Note)];

static ENABLED: &[Row] = &[("disabled", Note, Note), ("enabled", Good, Note)];

static AVAILABILITY: &[Row] = &[
    ("running", Good, Good),
    ("in test", Note, Note),
    ("powered off", Note, Note),
    ("on line", Good, Good),
    ("off line", Note, Note),
    ("off duty", Note, Note),
    ("degraded", Warning, Warning),
    ("power save", Note, Note),
    ("installation error", Warning, Warning),
];

static REDUNDANCY: &[Row] = &[
    ("fully redundant", Good, Good),
    ("redundancy lost", Warning, Warning),
    ("redundancy degraded", Warning, Warning),
    ("not redundant, enough left to run", Warning, Warning),
    ("not redundant, enough again to run", Warning, Warning),
    ("not redundant, too little left to run", Critical, Critical),
    ("redundancy degraded, was full", Warning, Warning),
    ("redundancy degraded, was none", Warning, Warning),
];

static DEVICE_POWER: &[Row] = &[
    ("full power", Good, Note),
    ("power state D1", Note, Note),
    ("power state D2", Note, Note),
    ("power state D3", Note, Note),
];
