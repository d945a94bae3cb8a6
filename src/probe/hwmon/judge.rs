//! What all sensors have in common when they are judged: limits on two sides, alarm bits, faults,
//! inputs that say nothing.

use std::collections::BTreeSet;

use super::channel::{Channel, Limits, Signals, Value};
use super::chip::Chip;
use crate::model::finding::Finding;
use crate::model::reading::{MetricId, Reading};
use crate::model::state::State;
use crate::model::text::shown;
use crate::model::unit::Unit;

/// What one run saw of a channel.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    pub(super) chip: &'a Chip,
    pub(super) channel: &'a Channel,
    pub(super) limits: &'a Limits,
    pub(super) signals: &'a Signals,
    /// Channels of the chip that read more than zero, and all of them.
    pub(super) alive: (usize, usize),
}

/// What is remembered of a channel between runs.
#[derive(Debug, Clone, Default)]
pub(super) struct Past {
    /// Runs in a row that read more than zero, up to [`STEADY_RUNS`]; that many once make the
    /// sensor known to work.
    pub(super) runs: u32,
    /// Whether it was seen working.
    pub(super) worked: bool,
    /// What it usually reads, where it is more than zero.
    pub(super) usual: Option<f64>,
    /// Limits that are held until the value is well away from them.
    held: BTreeSet<&'static str>,
    /// Whether the bit of an intrusion was seen off.
    pub(super) was_closed: bool,
}

/// A header without a fan picks up single pulses; a fan turns in every run.
pub(super) const STEADY_RUNS: u32 = 3;

impl Past {
    /// Takes note of a number.
    pub(super) fn note(&mut self, number: f64) {
        if number.abs() < f64::EPSILON {
            self.runs = 0;
            return;
        }
        self.runs = (self.runs + 1).min(STEADY_RUNS);
        self.worked |= self.runs == STEADY_RUNS;
        self.usual = Some(self.usual.map_or(number, |usual| usual + 0.1 * (number - usual)));
    }
}

/// What is said of a channel.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) readings: Vec<Reading>,
    pub(super) summary: String,
    pub(super) findings: Vec<Finding>,
}

impl Said {
    /// A value and its summary.
    pub(super) fn of(metrics: &[MetricId], number: f64, summary: String) -> Self {
        let readings = metrics.iter().map(|metric| Reading { metric: *metric, value: number });
        Self { readings: readings.collect(), summary, findings: Vec::new() }
    }

    /// Adds a fact. A good one is for the summary too.
    pub(super) fn say(&mut self, seen: &Seen<'_>, state: State, code: &str, fact: &str) {
        let device = shown(&seen.chip.location);
        let chip = format!("Sensor {} of chip {}, {device}.", seen.channel.id, seen.chip.name);
        // The summary has the limits that this one stands among.
        let detail = vec![shown(&format!("Now {}.", self.summary)).into_owned(), chip];
        self.findings.push(Finding {
            state,
            code: code.to_owned(),
            key: String::new(),
            fact: shown(&format!("{fact} ({})", place(seen))).into_owned(),
            detail,
        });
        self.findings.sort_by_key(|finding| std::cmp::Reverse(finding.state.rank()));
        if state == State::Ok {
            self.summary = format!("{}; {fact}", self.summary);
        }
    }
}

/// As `sensors` has it: `nvme-pci-4f00 temp2`.
pub(super) fn place(seen: &Seen<'_>) -> String {
    format!("{} {}", seen.chip.sensors_name, seen.channel.id)
}

/// The number to judge, or what is said where there is none. `None` inside: the sensor worked
/// before and gives nothing now, so that nothing can be said of it.
pub(super) fn number(seen: &Seen<'_>, past: &Past) -> Result<f64, Option<Said>> {
    let silent = |why: String| {
        if past.worked {
            return Err(None);
        }
        let mut said = Said { summary: why, ..Said::default() };
        said.summary = shown(&format!("{} ({})", said.summary, place(seen))).into_owned();
        Err(Some(said))
    };
    match &seen.signals.value {
        Value::Number(number) => Ok(*number),
        Value::Fault => {
            let mut said =
                Said { summary: "the sensor reports a fault".to_owned(), ..Said::default() };
            let fact = "the sensor is broken, open or shorted: its fault bit is set";
            said.say(seen, State::Warning, "fault", fact);
            Err(Some(said))
        }
        Value::Nonsense(text) if text.is_empty() => {
            silent("no value: its input is empty".to_owned())
        }
        Value::Nonsense(text) => silent(format!("no value: `{text}` cannot be true")),
        Value::Nothing(error) => silent(format!("no value: {error}")),
        Value::Off => Err(Some(Said {
            summary: format!("switched off ({})", place(seen)),
            ..Said::default()
        })),
    }
}

/// A limit of a sensor, and what reaching it means.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    pub(super) item: &'static str,
    pub(super) state: State,
    /// `its critical limit`.
    pub(super) word: &'static str,
    /// Whether it is an upper limit.
    pub(super) upper: bool,
}

/// Upper and lower limits of volts, amperes, percent; most severe first.
pub(super) static BOUNDS: &[Bound] = &[
    Bound { item: "crit", state: State::Critical, word: "its critical limit", upper: true },
    Bound { item: "lcrit", state: State::Critical, word: "its lower critical limit", upper: false },
    Bound { item: "max", state: State::Warning, word: "its upper limit", upper: true },
    Bound { item: "min", state: State::Warning, word: "its lower limit", upper: false },
];

/// Says the most severe limit that is reached, and what the alarm bits add. `slack` is how far a
/// value must be from a limit that it had reached, to be well again.
pub(super) fn bounds(
    said: &mut Said,
    seen: &Seen<'_>,
    past: &mut Past,
    (number, unit): (f64, Unit),
    bounds: &[Bound],
    slack: f64,
) {
    let mut reached: Option<&Bound> = None;
    for bound in bounds {
        let Some(limit) = seen.limits.get(bound.item) else { continue };
        let slack = if past.held.contains(bound.item) { slack } else { 0.0 };
        let is_reached =
            if bound.upper { number >= limit - slack } else { number <= limit + slack };
        if is_reached {
            past.held.insert(bound.item);
            reached = reached.or(Some(bound));
        } else {
            past.held.remove(bound.item);
        }
    }
    // An input without anything on it reads zero; that it is below its limit says nothing then.
    let is_empty = number.abs() < f64::EPSILON && !past.worked;
    if let Some(bound) = reached.filter(|bound| bound.upper || !is_empty)
        && let Some(limit) = seen.limits.get(bound.item)
    {
        let side = if bound.upper { "above" } else { "below" };
        let fact =
            format!("{}, at or {side} {} {}", unit.show(number), bound.word, unit.show(limit));
        let code = format!("{side}-{}", bound.item);
        said.say(seen, bound.state, &code, &fact);
    } else if !is_empty {
        alarms(said, seen, (number, unit));
    }
}

/// Says what alarm bits are on although no limit is reached: the chip sees more than its input
/// shows, or saw it a moment ago.
fn alarms(said: &mut Said, seen: &Seen<'_>, (number, unit): (f64, Unit)) {
    let (real, noise): (Vec<&String>, Vec<&String>) = seen
        .signals
        .alarms
        .iter()
        // A power cap that works is no fault.
        .filter(|alarm| *alarm != "cap_alarm")
        .partition(|alarm| seen.limits.allow(alarm));
    let names = |alarms: &[&String]| {
        let names: Vec<String> =
            alarms.iter().map(|alarm| format!("{}_{alarm}", seen.channel.id)).collect();
        names.join(", ")
    };
    if !real.is_empty() {
        let within =
            if seen.limits.is_empty() { "" } else { " although the value is within limits" };
        let fact = format!("{}, the chip raises {}{within}", unit.show(number), names(&real));
        said.say(seen, State::Warning, "alarm", &fact);
    } else if !noise.is_empty() {
        let fact = format!("{} is on, but has no limit that was ever set", names(&noise));
        said.say(seen, State::Ok, "alarm-without-limit", &fact);
    }
}

/// `35.9 C (high 80.9 C, critical 84.9 C), nvme-pci-4f00 temp1`.
pub(super) fn summary(seen: &Seen<'_>, number: f64, unit: Unit, words: &[(&str, &str)]) -> String {
    let limits: Vec<String> = words
        .iter()
        .filter_map(|(item, word)| Some(format!("{word} {}", unit.show(seen.limits.get(item)?))))
        .collect();
    let limits =
        if limits.is_empty() { String::new() } else { format!(" ({})", limits.join(", ")) };
    format!("{}{limits}, {}", unit.show(number), place(seen))
}
