//! A sensor with a value: against the limits that the BMC holds for it, and against what the BMC
//! itself found.
//!
//! The value decides wherever there is a limit it can be compared with: BMCs are known that compare
//! signed values as unsigned ones, and recordings without any findings. What the BMC found decides
//! where it does not tell its limits. A limit that nobody can have meant decides nothing.

use super::look::Seen;
use super::name::{Family, Named};
use crate::model::finding::Finding;
use crate::model::reading::{MetricId, Observation, Reading};
use crate::model::state::State;
use crate::model::text::shown;
use crate::model::unit::Unit;
use crate::parse::hwmon::Sensor as Felt;
use crate::parse::ipmi::sdr::Access;
use crate::parse::ipmi::threshold;
use crate::probe::hwmon;

/// Below this a fan stands.
const TURNS_RPM: f64 = 30.0;
/// Entity of power supplies (IPMI 2.0 table 43-13).
const SUPPLY: u8 = 10;

/// What is remembered of a sensor between looks.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Past {
    /// The limit that was reached, until the value is well away from it.
    held: Option<usize>,
    /// What it usually reads, if it was seen at work.
    usual: Option<f64>,
    /// It read more than nothing once, now or in an earlier run of the agent.
    pub(super) turned: bool,
}

impl Past {
    /// Takes note of what was read.
    fn note(&mut self, value: f64) {
        if value > 0.0 {
            self.turned = true;
            let usual = self.usual.map_or(value, |usual| usual + 0.1 * (value - usual));
            self.usual = Some(usual);
        }
    }
}

/// A limit: its place in the BMC's own six bits, its word, what reaching it means.
struct Bound {
    /// Bit of Get Sensor Reading (IPMI 2.0 section 35.14).
    bit: u8,
    word: &'static str,
    state: State,
    upper: bool,
}

const fn bound(bit: u8, word: &'static str, state: State, upper: bool) -> Bound {
    Bound { bit, word, state, upper }
}

/// Most severe first.
static BOUNDS: [Bound; 6] = [
    bound(5, "its upper non-recoverable limit", State::Critical, true),
    bound(4, "its upper critical limit", State::Critical, true),
    bound(2, "its lower non-recoverable limit", State::Critical, false),
    bound(1, "its lower critical limit", State::Critical, false),
    bound(3, "its upper limit", State::Warning, true),
    bound(0, "its lower limit", State::Warning, false),
];

/// Judges one sensor.
pub(super) fn judge(named: &Named<'_>, past: &mut Past) -> Observation {
    let seen = named.seen;
    let mut observation =
        Observation { instance: named.instance.clone(), ..Observation::default() };
    let Some(value) = seen.value.filter(|value| can_be_felt(named, *value)) else {
        observation.summary = nothing(named);
        // A fan that was there and is not read any more was pulled, or is broken with its sensor.
        if named.family == Family::Fan && past.turned && !seen.is_live() {
            let fact = "gave readings before and gives none now".to_owned();
            observation.findings.push(finding(State::Warning, "silent", fact, named));
        } else if let (None, Some((state, words))) = (seen.value, found_by_bmc(seen)) {
            let fact = format!("the BMC finds it {words}, and gives no value");
            observation.findings.push(finding(state, "found-by-bmc", fact, named));
        }
        return observation;
    };
    let unit = Shown::of(seen);
    observation.readings = readings(named, value);
    if !observation.readings.is_empty() {
        observation.measures = measures(seen);
    }
    observation.summary = summary(named, value, &unit);
    let reached = BOUNDS.iter().enumerate().find(|(place, bound)| {
        let Some(limit) = limit(seen, bound) else { return false };
        let slack = if past.held == Some(*place) { slack(seen, bound) } else { 0.0 };
        if bound.upper { value >= limit - slack } else { value <= limit + slack }
    });
    past.held = reached.map(|(place, _)| place);
    let stands = named.family == Family::Fan && unit.is_standing(value);
    let stopped = || format!("stopped ({}{})", unit.show(value), usually(past, &unit));
    if let Some((_, bound)) = reached {
        let limit = limit(seen, bound).unwrap_or(value);
        let is_past = if bound.upper { value >= limit } else { value <= limit };
        let side = if bound.upper { "above" } else { "below" };
        let (code, how) = match stands && !bound.upper {
            true => ("stopped", stopped()),
            false => (side, unit.show(value)),
        };
        let shown = unit.show(limit);
        let fact = match is_past {
            true => format!("{how}, at or {side} {} {shown}", bound.word),
            false => format!("{how}, was {side} {} {shown} and is still near it", bound.word),
        };
        observation.findings.push(finding(bound.state, code, fact, named));
    } else if let Some((state, words)) = found_by_bmc(seen) {
        let fact = format!("{}, and the BMC finds it {words}", unit.show(value));
        observation.findings.push(finding(state, "found-by-bmc", fact, named));
    } else if stands && past.turned {
        // One that has a limit for it would have reached it. A supply that rests, since the other
        // carries the load, rests its fan too, and says itself when it failed.
        let rests = seen.sensor.entity.id == SUPPLY;
        let state = if rests { State::Ok } else { State::Critical };
        observation.findings.push(finding(state, "stopped", stopped(), named));
    }
    past.note(value);
    observation
}

fn usually(past: &Past, unit: &Shown) -> String {
    past.usual.map_or_else(String::new, |usual| format!(", usually {}", unit.show(usual.round())))
}

fn finding(state: State, code: &str, fact: String, named: &Named<'_>) -> Finding {
    Finding {
        state,
        code: code.to_owned(),
        key: String::new(),
        fact: shown(&fact).into_owned(),
        detail: vec![shown(&named.origin()).into_owned()],
    }
}

/// Why there is no value.
fn nothing(named: &Named<'_>) -> String {
    let why = match &named.seen.reading {
        Err(silence) => format!("no reading: {}", silence.why),
        Ok(reading) if reading.unavailable => {
            "no reading now: the BMC has it for not available".to_owned()
        }
        Ok(reading) if !reading.scanning => "no reading: the BMC does not scan it".to_owned(),
        Ok(_) => match named.seen.value {
            Some(value) => format!("no reading: {value} cannot be true"),
            None => "no reading".to_owned(),
        },
    };
    shown(&format!("{why}; {}", named.origin())).into_owned()
}

/// A margin tells how far a value is below the limit that counts; it is no temperature, and limits
/// of the configuration are not for it.
fn is_margin(named: &Named<'_>) -> bool {
    let name = named.name.to_ascii_lowercase();
    named.family == Family::Temperature
        && ["margin", "mgn", "mrgn", "tjmax", "dts"].iter().any(|w| name.contains(w))
}

fn can_be_felt(named: &Named<'_>, value: f64) -> bool {
    let felt = match named.family {
        Family::Temperature if is_margin(named) => return value > -200.0 && value < 127.0,
        Family::Temperature => Felt::Temperature,
        Family::Voltage => Felt::Voltage,
        Family::Current => Felt::Current,
        Family::Power => Felt::Power,
        Family::Fan => Felt::Fan,
        Family::State => return true,
    };
    hwmon::can_be_felt(felt, value)
}

fn readings(named: &Named<'_>, value: f64) -> Vec<Reading> {
    let is_rpm = Shown::of(named.seen).unit == Some(Unit::Rpm);
    let rows: &[MetricId] = match named.family {
        Family::Temperature if is_margin(named) => &[],
        Family::Temperature => hwmon::TEMPERATURE_VALUES,
        Family::Voltage => hwmon::VOLTAGE_VALUES,
        Family::Current => hwmon::CURRENT_VALUES,
        Family::Power => hwmon::POWER_VALUES,
        Family::Fan if is_rpm => hwmon::FAN_VALUES,
        Family::Fan | Family::State => &[],
    };
    rows.iter().map(|metric| Reading { metric: *metric, value }).collect()
}

/// The limits that the BMC holds, in the order of the sensors' tables.
fn measures(seen: &Seen) -> Vec<Reading> {
    let limits = &seen.limits;
    hwmon::limit_measures([
        limits.upper_non_critical,
        limits.upper_critical,
        limits.lower_non_critical,
        limits.lower_critical,
    ])
}

/// How values of a sensor are shown.
struct Shown {
    unit: Option<Unit>,
    word: String,
}

impl Shown {
    fn of(seen: &Seen) -> Self {
        use crate::parse::ipmi::unit::Quantity;
        let unit = match seen.sensor.units.quantity() {
            Quantity::Temperature => Some(Unit::Celsius),
            Quantity::Voltage => Some(Unit::Volts),
            Quantity::Current => Some(Unit::Amperes),
            Quantity::Power => Some(Unit::Watts),
            Quantity::Rotation => Some(Unit::Rpm),
            Quantity::Percent => Some(Unit::Percent),
            _ => None,
        };
        Self { unit, word: seen.sensor.units.text() }
    }

    /// Whether a fan of such a value stands. Many give percents of their full speed, and 20% is
    /// what they idle at.
    fn is_standing(&self, value: f64) -> bool {
        value <= 0.0 || (self.unit == Some(Unit::Rpm) && value < TURNS_RPM)
    }

    fn show(&self, value: f64) -> String {
        match self.unit {
            Some(unit) => unit.show(value),
            None => format!("{} {}", Unit::Count.show(value), self.word).trim_end().to_owned(),
        }
    }
}

/// `24 C (low -7 C, high 42 C, critical 47 C), BMC sensor 04h, system board 1`.
fn summary(named: &Named<'_>, value: f64, unit: &Shown) -> String {
    let limits = &named.seen.limits;
    let known: Vec<String> = [
        ("critical low", limits.lower_critical),
        ("low", limits.lower_non_critical),
        ("high", limits.upper_non_critical),
        ("critical", limits.upper_critical),
    ]
    .into_iter()
    .filter_map(|(word, limit)| Some(format!("{word} {}", unit.show(limit?))))
    .collect();
    let known = if known.is_empty() { String::new() } else { format!(" ({})", known.join(", ")) };
    let margin = if is_margin(named) { " of margin" } else { "" };
    shown(&format!("{}{margin}{known}, {}", unit.show(value), named.origin())).into_owned()
}

fn limit(seen: &Seen, bound: &Bound) -> Option<f64> {
    let limits = &seen.limits;
    match bound.bit {
        0 => limits.lower_non_critical,
        1 => limits.lower_critical,
        2 => limits.lower_non_recoverable,
        3 => limits.upper_non_critical,
        4 => limits.upper_critical,
        _ => limits.upper_non_recoverable,
    }
}

/// How far a value must be from a limit that it had reached, to be well again.
fn slack(seen: &Seen, bound: &Bound) -> f64 {
    let own =
        if bound.upper { seen.limits.negative_hysteresis } else { seen.limits.positive_hysteresis };
    own.unwrap_or(0.0)
}

/// What the BMC itself found, where it compares with limits that it does not tell, or that make no
/// value.
fn found_by_bmc(seen: &Seen) -> Option<(State, &'static str)> {
    let crossed = seen.reading.as_ref().ok()?.crossed()?;
    let sensor = &seen.sensor;
    let fixed = sensor.capabilities.thresholds == Access::Fixed;
    let thresholds = &seen.thresholds;
    let raw = [
        thresholds.lower_non_critical,
        thresholds.lower_critical,
        thresholds.lower_non_recoverable,
        thresholds.upper_non_critical,
        thresholds.upper_critical,
        thresholds.upper_non_recoverable,
    ];
    let bound = BOUNDS.iter().find(|bound| {
        let is_set = crossed >> bound.bit & 1 == 1;
        let told = raw.get(usize::from(bound.bit)).copied().flatten();
        let counts = match told {
            // Behind a curve that falls, or whose factors are asked for one by one, no limit makes
            // a value. One that makes one and is left out of `limits` is one that nobody can have
            // meant; one that is not reached is compared wrongly by the BMC.
            Some(raw) => raw != 0 && !threshold::is_comparable(sensor),
            None => fixed || sensor.readable_thresholds == 0,
        };
        is_set && counts
    })?;
    let words = match (bound.upper, bound.state) {
        (true, State::Critical) => "critically high",
        (true, _) => "too high",
        (false, State::Critical) => "critically low",
        (false, _) => "too low",
    };
    Some((bound.state, words))
}
