//! What a BMC tells besides its sensors: of itself, the power that the machine takes, its chassis,
//! its event log. One instance each.

use std::sync::Arc;

use super::discrete::meaning;
use super::log::{self, shown as time_shown};
use super::look::{Look, Seen, Watts};
use super::{AVERAGE, CLOCK, LOG_USED, OPEN, WATTS};
use super::{CHASSIS, CONTROLLER, EVENT_LOG, POWER};
use crate::model::finding::Finding;
use crate::model::reading::{Observation, Reading};
use crate::model::state::State;
use crate::model::text::{counted, shown};
use crate::model::time::Moment;
use crate::model::unit::{Span, Unit};
use crate::parse::ipmi::chassis::Status;
use crate::parse::ipmi::device::SelfTest;
use crate::parse::ipmi::sdr::Sensor;
use crate::parse::ipmi::sel::Time;
use crate::parse::ipmi::unit::Quantity;
use crate::parse::ipmi::words::manufacturer_word;

/// A clock that is further off makes the times of the event log useless; less is what a BMC without
/// a time server drifts in a year.
const CLOCK_OFF_SECONDS: i64 = 1800;
/// Many BMCs keep local time. Zones differ by quarters of an hour, up to fourteen hours.
const ZONE_STEP_SECONDS: i64 = 900;
const ZONE_MAX_SECONDS: i64 = 14 * 3600;
/// Nobody cares for less.
const IN_STEP: Span = Span::from_secs(5);
/// How exact such a difference is.
const ZONE_SLACK_SECONDS: i64 = 120;
/// Entities that stand for the whole machine: board, chassis, main power (IPMI 2.0 table 43-13).
const WHOLE: &[u8] = &[7, 19, 21, 23];
/// Power supplies.
const SUPPLY: u8 = 10;
/// Sensors of intrusion, which say more than the chassis' bit.
const INTRUSION: u8 = 0x05;

fn finding(state: State, code: &str, fact: String, detail: Vec<String>) -> Finding {
    let detail = detail.iter().map(|line| shown(line).into_owned()).collect();
    let fact = shown(&fact).into_owned();
    Finding { state, code: code.to_owned(), key: String::new(), fact, detail }
}

fn observation(instance: &str, summary: &str, mut findings: Vec<Finding>) -> Observation {
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.state.rank()));
    let summary = shown(summary).into_owned();
    Observation { instance: Arc::from(instance), summary, findings, ..Observation::default() }
}

/// The BMC itself.
pub(super) fn controller(look: &Look) -> Observation {
    let device = &look.device;
    let maker = manufacturer_word(device.manufacturer)
        .map_or_else(|| format!("vendor {}", device.manufacturer), str::to_owned);
    let mut summary =
        format!("{maker}, firmware {}, IPMI {}", device.firmware, device.ipmi_version);
    summary.push_str(&format!(", {}", counted(look.sensors.len(), "sensor", "sensors")));
    let mut findings = Vec::new();
    match &look.seldom.self_test {
        Some(SelfTest::Damaged(words)) if !words.is_empty() => {
            let fact = format!("its self test finds: {}", words.join(", "));
            findings.push(finding(State::Warning, "self-test", fact, Vec::new()));
        }
        Some(SelfTest::Fatal(code)) => {
            let fact = format!("its self test finds its hardware broken (code {code:#04x})");
            findings.push(finding(State::Critical, "self-test", fact, Vec::new()));
        }
        _ => {}
    }
    if device.updating {
        let fact = "its firmware or list of sensors is being updated".to_owned();
        findings.push(finding(State::Ok, "updating", fact, Vec::new()));
    }
    if let Some(why) = &look.cut {
        let fact = format!("its list of sensors cannot be read to its end: {why}");
        let detail = vec![
            "Sensors behind that place are not watched. It is read again every ten minutes."
                .to_owned(),
        ];
        findings.push(finding(State::Warning, "list-cut", fact, detail));
    }
    let is_refused = |seen: &&Seen| seen.reading.as_ref().is_err_and(|silence| silence.refused);
    let refused = look.sensors.iter().filter(is_refused).count();
    if refused > 0 {
        let sensors = counted(refused, "sensor", "sensors");
        let fact = format!("it lets this user read {sensors} not at all");
        let detail =
            vec!["Give its user more privilege, and set `privilege` in section `bmc`.".to_owned()];
        findings.push(finding(State::Warning, "privilege", fact, detail));
    }
    let mut readings = Vec::new();
    match look.seldom.clock {
        Some((Time::At(_), Some(ahead))) => {
            summary.push_str(&format!(", clock {}", off(ahead)));
            readings.push(Reading { metric: CLOCK, value: seconds(ahead.unsigned_abs()) });
            findings.extend(clock(ahead));
        }
        Some((Time::SinceStart(_) | Time::Unset, _)) if device.support.event_log => {
            let fact = "its clock is not set: its event log cannot say when things happened";
            findings.push(finding(State::Ok, "clock-not-set", fact.to_owned(), Vec::new()));
        }
        _ => {}
    }
    for good in findings.iter().filter(|finding| finding.state == State::Ok) {
        summary.push_str(&format!("; {}", good.fact));
    }
    let mut observation = observation(CONTROLLER, &summary, findings);
    observation.readings = readings;
    observation
}

fn clock(ahead: i64) -> Option<Finding> {
    if ahead.abs() < CLOCK_OFF_SECONDS {
        return None;
    }
    let step = (ahead + ahead.signum() * ZONE_STEP_SECONDS / 2) / ZONE_STEP_SECONDS;
    let rest = (ahead - step * ZONE_STEP_SECONDS).abs();
    let fact = format!("its clock is {}", off(ahead));
    if rest <= ZONE_SLACK_SECONDS && ahead.abs() <= ZONE_MAX_SECONDS + ZONE_SLACK_SECONDS {
        return Some(finding(
            State::Ok,
            "clock-zone",
            format!("{fact}, as if in another time zone"),
            Vec::new(),
        ));
    }
    let detail = vec![
        "The times of its event log are wrong by as much. Set it, or give the BMC a time server."
            .to_owned(),
    ];
    Some(finding(State::Warning, "clock", fact, detail))
}

fn off(ahead: i64) -> String {
    let span = Span::from_secs(ahead.unsigned_abs());
    match ahead.signum() {
        _ if span <= IN_STEP => "in step".to_owned(),
        -1 => format!("{span} behind"),
        _ => format!("{span} ahead"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a clock is off by less than 2^53 seconds")]
fn seconds(span: u64) -> f64 {
    span as f64
}

/// The power that the machine takes: what the BMC measures, else what its sensors add up to.
pub(super) fn power(look: &Look) -> Option<Observation> {
    // Another way to the same number would be another number.
    if look.power == Watts::Missed {
        return None;
    }
    if let Watts::Measured(power) = &look.power {
        let summary = format!(
            "{}, {} on average over {}, {} to {} since it is measured",
            Unit::Watts.show(f64::from(power.current_watts)),
            Unit::Watts.show(f64::from(power.average_watts)),
            Span::from_millis(u64::from(power.period_ms)),
            Unit::Watts.show(f64::from(power.minimum_watts)),
            Unit::Watts.show(f64::from(power.maximum_watts)),
        );
        let mut observation = observation(POWER, &summary, Vec::new());
        observation.readings = vec![
            Reading { metric: WATTS, value: f64::from(power.current_watts) },
            Reading { metric: AVERAGE, value: f64::from(power.average_watts) },
        ];
        return Some(observation);
    }
    let why = match &look.power {
        Watts::Not(why) => format!("; its own measurement: {why}"),
        _ => String::new(),
    };
    let (watts, from) = sensed(look)?;
    let summary = format!("{}, {from}{why}", Unit::Watts.show(watts));
    let mut observation = observation(POWER, &summary, Vec::new());
    observation.readings = vec![Reading { metric: WATTS, value: watts }];
    Some(observation)
}

/// Watts by the sensors: the one of the whole machine, else the inputs of its supplies together.
fn sensed(look: &Look) -> Option<(f64, String)> {
    let watts = || {
        look.sensors.iter().filter(|seen| {
            seen.sensor.has_thresholds() && seen.sensor.units.quantity() == Quantity::Power
        })
    };
    let name = |sensor: &Sensor| sensor.name.to_ascii_lowercase();
    let whole = watts().filter(|seen| WHOLE.contains(&seen.sensor.entity.id));
    let whole = whole.filter_map(|seen| Some((seen.value?, seen)));
    // Of several the largest holds the others: the board's part of the whole.
    if let Some((value, seen)) = whole.max_by(|a, b| a.0.total_cmp(&b.0)) {
        return Some((value, format!("by sensor {}", seen.sensor.name)));
    }
    let is_input = |seen: &&Seen| {
        let name = name(&seen.sensor);
        let words: Vec<&str> = name.split(|c: char| !c.is_ascii_alphanumeric()).collect();
        seen.sensor.entity.id == SUPPLY
            && (words.iter().any(|word| ["in", "input", "pin"].contains(word))
                || name.ends_with("pin"))
    };
    // A part of a sum is no sum.
    let is_missed =
        |seen: &Seen| seen.known && seen.reading.as_ref().is_err_and(|silence| silence.passing);
    if watts().filter(is_input).any(is_missed) {
        return None;
    }
    let inputs: Vec<f64> = watts().filter(is_input).filter_map(|seen| seen.value).collect();
    if inputs.is_empty() {
        return None;
    }
    let count = counted(inputs.len(), "supply", "supplies");
    Some((inputs.iter().sum(), format!("the inputs of {count} together")))
}

/// The chassis. `was_closed`: it was seen closed while it was watched.
pub(super) fn chassis(look: &Look, was_closed: &mut bool) -> Option<Observation> {
    let status = look.chassis.as_ref()?;
    let mut findings = Vec::new();
    let faults = [
        (status.power_fault, State::Critical, "power-fault", "fault of the main power"),
        (status.overload, State::Critical, "overload", "power is off because of an overload"),
        (status.control_fault, State::Critical, "control-fault", "power cannot be controlled"),
        (status.interlock, State::Warning, "interlock", "a power interlock is open"),
        (status.drive_fault, State::Critical, "drive-fault", "fault of a drive"),
        (status.cooling_fault, State::Critical, "cooling-fault", "fault of the cooling or a fan"),
    ];
    for (is_set, state, code, fact) in faults {
        if is_set {
            findings.push(finding(state, code, fact.to_owned(), Vec::new()));
        }
    }
    let sensor_tells = look.sensors.iter().any(|seen| {
        seen.sensor.sensor_type == INTRUSION && !seen.sensor.has_thresholds() && seen.known
    });
    let mut readings = Vec::new();
    if !sensor_tells {
        readings.push(Reading { metric: OPEN, value: f64::from(u8::from(status.intrusion)) });
        if status.intrusion && *was_closed {
            let fact = "the chassis was opened".to_owned();
            findings.push(finding(State::Warning, "opened", fact, Vec::new()));
        } else if status.intrusion {
            let fact = "its intrusion bit has been set since before it was watched".to_owned();
            findings.push(finding(State::Ok, "latched", fact, Vec::new()));
        }
    }
    *was_closed |= !status.intrusion;
    let mut observation = observation(CHASSIS, &standing(status, look, &findings), findings);
    observation.readings = readings;
    observation.memo = Some(if *was_closed { "closed" } else { "open" }.to_owned());
    Some(observation)
}

fn standing(status: &Status, look: &Look, findings: &[Finding]) -> String {
    let mut parts: Vec<String> = findings.iter().map(|finding| finding.fact.clone()).collect();
    if parts.is_empty() {
        parts.push("no fault".to_owned());
    }
    let last = status.last_power_event;
    let events = [
        (last.ac_failed, "AC failed"),
        (last.overload, "an overload"),
        (last.interlock, "an interlock"),
        (last.fault, "a power fault"),
    ];
    let last: Vec<&str> = events.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
    if !last.is_empty() {
        parts.push(format!("power last went off because of {}", last.join(" and ")));
    }
    if let Some(cause) = look.seldom.restart_cause {
        parts.push(format!("last started: {cause}"));
    }
    parts.join("; ")
}

/// The event log.
pub(super) fn event_log(look: &Look, live: &dyn log::Live, now: Moment) -> Option<Observation> {
    let (info, log) = look.log.as_ref()?;
    let mut findings = Vec::new();
    for open in log.events.open.iter().rev().filter(|open| open.is_news()) {
        let Some(entry) = open.entry() else { continue };
        let Some(state) = meaning(entry.weight()) else { continue };
        let detail = vec![
            format!("Entry {} of the event log, {}.", open.record, time_shown(entry.time)),
            "It is over when the log says so, is cleared, or after a day.".to_owned(),
        ];
        let over = if open.over { ", and it was over soon" } else { "" };
        let fact = format!("{}{over}", log::words(&entry, live));
        let mut event = finding(state, "event", fact, detail);
        event.key = open.key();
        findings.push(event);
    }
    if info.overflow {
        let fact = "full: events are lost".to_owned();
        let detail = vec![
            "Look through it and clear it: `ipmitool sel elist`, `ipmitool sel clear`.".to_owned(),
        ];
        findings.push(finding(State::Warning, "overflow", fact, detail));
    }
    let mut summary = counted(usize::from(info.entries), "entry", "entries");
    let used = info.used_percent();
    if let Some(used) = used {
        summary.push_str(&format!(", {} full", Unit::Percent.show(used)));
    }
    if let Some(ago) = log.cleared(now) {
        summary.push_str(&format!(", cleared {ago} ago"));
    }
    if log.events.dropped > 0 {
        summary.push_str(&format!(", {} more open events than are kept", log.events.dropped));
    }
    if !log.newest.is_empty() && info.entries > 0 {
        summary.push_str(&format!("; newest: {}", log.newest));
    }
    let mut observation = observation(EVENT_LOG, &summary, findings);
    let used = used.map(|value| Reading { metric: LOG_USED, value });
    observation.readings = used.into_iter().collect();
    observation.memo = Some(log.memo());
    Some(observation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_in_another_zone_is_a_fact_and_one_that_is_off_a_warning() {
        let of = |ahead| clock(ahead).map(|finding| (finding.state, finding.code));
        let zone = Some((State::Ok, "clock-zone".to_owned()));
        let off = Some((State::Warning, "clock".to_owned()));
        for (ahead, wanted) in [
            (0, None),
            (1799, None),
            (-1799, None),
            (3600, zone.clone()),
            (-7 * 3600 + 100, zone.clone()),
            (20_700, zone.clone()),
            (14 * 3600, zone),
            (3600 + 300, off.clone()),
            (-86_400, off.clone()),
            (15 * 3600, off.clone()),
            (i64::from(u32::MAX), off.clone()),
            (-i64::from(u32::MAX), off),
        ] {
            assert_eq!(of(ahead), wanted, "{ahead}");
        }
        assert_eq!(clock(-7200 - 400).unwrap().fact, "its clock is 2h6m behind");
    }
}
