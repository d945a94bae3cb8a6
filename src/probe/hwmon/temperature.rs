//! `temperature`: chips, processors, disks, memory modules against their own limits.

use super::judge::{Bound, Past, STEADY_RUNS, Said, Seen, bounds, number, summary};
use super::{Reader, SELECTORS, measures, origin, survey, thermal, with_bmc};
use crate::host::Host;
use crate::model::reading::{Bad, Measure, Metric, MetricId, ProbeError};
use crate::model::state::State;
use crate::model::unit::Unit;
use crate::parse::hwmon::Sensor;
use crate::probe::bmc::{self, Family};
use crate::probe::{Found, Kind, KindSpec, Options, Probe};

/// The kind.
#[derive(Debug)]
pub struct Temperature;

pub(super) const VALUE: MetricId = MetricId(0);
pub(super) const BELOW: MetricId = MetricId(1);

static MEASURES: [Measure; 4] =
    measures::table(Unit::Celsius, ["max_celsius", "crit_celsius", "min_celsius", "lcrit_celsius"]);

static SPEC: KindSpec = KindSpec {
    name: "temperature",
    title: "Temperatures of processors, boards, disks and memory modules.",
    doc: concat!(
        "Each sensor is judged by its own limits: at its critical or emergency limit it is \
critical, at its upper limit a warning. The upper limit of a processor is where its fans should \
run at full speed, which a busy one reaches every day; there the warning comes at the last ten \
degrees below the critical limit. Processors, graphics cards, disks and memory modules that \
declare no limit are held to what is usual for their like. Alarm bits of the chip count where \
there is a limit they could have compared with.\n\n",
        origin!(),
        "\n\nNVMe and, with the module `drivetemp`, SATA disks are among them, named by the disk: \
`nvme0 Composite`, `sda`. Thermal zones of the processor (`/sys/class/thermal`) are read where no \
chip shows its temperature."
    ),
    selectors: SELECTORS,
    options: &[],
    metrics: &[
        Metric {
            key: "value",
            name: "temperature_celsius",
            unit: Unit::Celsius,
            bad: Bad::High,
            phrase: "at {}",
            doc: "The temperature.",
        },
        Metric {
            key: "below",
            name: "lowest_temperature_celsius",
            unit: Unit::Celsius,
            bad: Bad::Low,
            phrase: "down to {}",
            doc: "The same temperature, for limits that are bad when it falls: a cold room.",
        },
    ],
    measures: &MEASURES,
    findings: Some("a sensor reaches its own critical limit"),
    example: include_str!("../../../conf.d/temperature.yaml"),
};

impl Kind for Temperature {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn survey(&self, host: &Host) -> Result<Vec<Found>, ProbeError> {
        let mut found = survey(host, Sensor::Temperature)?;
        let is_cpu = |found: &Found| {
            let chip = found.attributes.iter().find(|(key, _)| *key == "chip");
            chip.is_some_and(|(_, name)| is_cpu(name))
        };
        if !found.iter().any(is_cpu) {
            found.extend(thermal::survey(host)?);
        }
        Ok(found)
    }

    with_bmc!(Family::Temperature);

    fn is_side(&self) -> bool {
        true
    }

    fn open(&self, source: &str, _: &Options) -> Box<dyn Probe> {
        let other = bmc::open(source, Family::Temperature).or_else(|| thermal::open(source));
        other.unwrap_or_else(|| Reader::boxed(Sensor::Temperature, source, judge))
    }
}

/// Whether a chip or zone of this name is the processor's.
pub(super) fn is_cpu(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["coretemp", "k10temp", "k8temp", "zenpower", "via_cputemp", "x86_pkg_temp"]
        .contains(&name.as_str())
        || name.starts_with("cpu")
        || name.contains("_cpu")
        || name.contains("-cpu")
}

static TEMPERATURES: &[Bound] = &[
    Bound { item: "emergency", state: State::Critical, word: "its emergency limit", upper: true },
    Bound { item: "crit", state: State::Critical, word: "its critical limit", upper: true },
    Bound { item: "lcrit", state: State::Critical, word: "its lower critical limit", upper: false },
    Bound { item: "max", state: State::Warning, word: "its upper limit", upper: true },
    Bound { item: "min", state: State::Warning, word: "its lower limit", upper: false },
];

/// Degrees below the critical limit of a processor at which its upper limit counts.
const CPU_NEAR_CELSIUS: f64 = 10.0;
/// A temperature at its limit goes up and down by a degree.
const SLACK_CELSIUS: f64 = 2.0;

/// Warning and critical limit for a chip that declares none.
fn usual(chip: &str) -> Option<(f64, f64)> {
    Some(match chip {
        // Ryzen 7000 runs at 95 C by design under full load.
        "k10temp" | "zenpower" => (98.0, 105.0),
        "amdgpu" | "radeon" | "nouveau" | "i915" | "xe" => (100.0, 110.0),
        "nvme" => (80.0, 90.0),
        "drivetemp" => (60.0, 70.0),
        "jc42" | "spd5118" => (85.0, 95.0),
        name if is_cpu(name) => (95.0, 105.0),
        _ => return None,
    })
}

fn judge(seen: &Seen<'_>, past: &mut Past) -> Option<Said> {
    let number = match number(seen, past) {
        Ok(number) => number,
        Err(said) => return said,
    };
    // A temperature is there or not; unlike a fan it needs no warming up to be known to work.
    if number.abs() > f64::EPSILON {
        past.runs = STEADY_RUNS - 1;
    }
    let words = [("max", "high"), ("crit", "critical"), ("emergency", "emergency")];
    let mut limits = seen.limits.clone();
    if is_cpu(&seen.chip.name) {
        match limits.get("crit") {
            Some(crit) => {
                limits.raise("max", crit - CPU_NEAR_CELSIUS);
            }
            // The 70 C of k10temp are a unit of its fan control.
            None if seen.chip.name == "k10temp" => limits.forget("max"),
            None => {}
        }
    }
    let has_upper = words.iter().any(|(item, _)| limits.get(item).is_some());
    let usual = if has_upper { None } else { usual(&seen.chip.name) };
    let near = Seen { limits: &limits, ..*seen };
    let mut said = Said::of(&[VALUE, BELOW], number, summary(seen, number, Unit::Celsius, &words));
    bounds(&mut said, &near, past, (number, Unit::Celsius), TEMPERATURES, SLACK_CELSIUS);
    if let Some((warn, crit)) = usual {
        let (state, limit) =
            if number >= crit { (State::Critical, crit) } else { (State::Warning, warn) };
        if number >= limit {
            let (number, limit) = (Unit::Celsius.show(number), Unit::Celsius.show(limit));
            let fact = format!("{number}, at or above the {limit} that are usual as a limit");
            said.say(seen, state, "above-usual", &fact);
        }
    }
    // The chip calls it critical, and the value all but does.
    let critical = |alarm: &String| alarm == "crit_alarm" || alarm == "emergency_alarm";
    if let Some(alarm) = seen.signals.alarms.iter().find(|alarm| critical(alarm))
        && seen.limits.allow(alarm)
        && limits.get("crit").is_none_or(|crit| crit - number <= CPU_NEAR_CELSIUS)
        && !said.findings.iter().any(|finding| finding.state == State::Critical)
    {
        let fact =
            format!("{}, the chip raises {}_{alarm}", Unit::Celsius.show(number), seen.channel.id);
        said.say(seen, State::Critical, "critical-alarm", &fact);
    }
    Some(said)
}
