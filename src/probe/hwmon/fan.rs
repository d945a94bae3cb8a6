//! `fan`: fans that stop, slow down or report a fault; empty headers and fans that rest are none.

use super::judge::{Bound, Past, Said, Seen, bounds, number, place, summary};
use super::{Reader, SELECTORS, measures, origin, survey, with_bmc};
use crate::host::Host;
use crate::model::reading::{Bad, Measure, Metric, MetricId, ProbeError};
use crate::model::state::State;
use crate::model::unit::Unit;
use crate::parse::hwmon::Sensor;
use crate::probe::bmc::{self, Family};
use crate::probe::{Found, Kind, KindSpec, Options, Probe};

/// The kind.
#[derive(Debug)]
pub struct Fan;

pub(super) const RPM: MetricId = MetricId(0);
const STOPPED: MetricId = MetricId(1);

static MEASURES: [Measure; 4] =
    measures::table(Unit::Rpm, ["max_rpm", "crit_rpm", "min_rpm", "lcrit_rpm"]);

static SPEC: KindSpec = KindSpec {
    name: "fan",
    title: "Fans: stopped, too slow, or with a fault.",
    doc: concat!(
        "A fan that the agent saw turning and that stands still is critical, and so is one whose \
fault bit is set; one below its own lower limit, or with its alarm bit on, is a warning. A header \
that read 0 RPM ever since is taken for empty, whatever its limit. Fans that are meant to rest are \
left alone: those of graphics cards and laptops, those switched off, and those that their \
controller drives with nothing (`pwm` 0).\n\n",
        origin!()
    ),
    selectors: SELECTORS,
    options: &[],
    metrics: &[
        Metric {
            key: "rpm",
            name: "speed_rpm",
            unit: Unit::Rpm,
            bad: Bad::Low,
            phrase: "turns at {}",
            doc: "Revolutions a minute. An empty header and a fan at rest have none, so that a limit \
can be set for all fans.",
        },
        Metric {
            key: "stopped",
            name: "stopped",
            unit: Unit::Flag,
            bad: Bad::Set,
            phrase: "stopped",
            doc: "Whether a fan that turned before stands still.",
        },
    ],
    measures: &MEASURES,
    findings: Some("a fan stops that turned before, or reports a fault"),
    example: include_str!("../../../conf.d/fan.yaml"),
};

impl Kind for Fan {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn survey(&self, host: &Host) -> Result<Vec<Found>, ProbeError> {
        survey(host, Sensor::Fan)
    }

    with_bmc!(Family::Fan);

    fn open(&self, source: &str, _: &Options) -> Box<dyn Probe> {
        let bmc = bmc::open(source, Family::Fan);
        bmc.unwrap_or_else(|| Reader::boxed(Sensor::Fan, source, judge))
    }
}

/// Chips whose firmware stops fans when nothing is hot: graphics cards, laptops, power supplies.
const MAY_REST: &[&str] = &[
    "amdgpu",
    "radeon",
    "nouveau",
    "i915",
    "xe",
    "thinkpad",
    "dell_smm",
    "dell_ddv",
    "asus",
    "asus_custom_fan_curve",
    "acer",
    "hp",
    "surface_fan",
    "cros_ec",
    "framework_laptop",
    "applesmc",
    "macsmc_hwmon",
    "steamdeck_hwmon",
    "gpd_fan",
    "gpdfan",
    "oxp_ec",
    "oxpec",
    "msi_wmi_platform",
    "legion_hwmon",
    "yogafan",
    "corsairpsu",
];

/// Below this, what a counter shows is noise: amdgpu reads 5 RPM of a fan at rest.
const TURNS_RPM: f64 = 30.0;
/// A fan at its limit wavers by some revolutions.
const SLACK_RPM: f64 = 50.0;

static LIMITS: &[Bound] =
    &[Bound { item: "min", state: State::Warning, word: "its lower limit", upper: false }];

fn may_rest(seen: &Seen<'_>) -> bool {
    MAY_REST.contains(&seen.chip.name.as_str())
}

/// Why a fan that stands still may do so.
fn rests(seen: &Seen<'_>) -> Option<&'static str> {
    if may_rest(seen) {
        return Some("at rest, as such a chip lets it");
    }
    let driven = seen.signals.pwm;
    driven.is_some_and(|pwm| pwm < 1.0).then_some("at rest: its controller drives it with nothing")
}

fn judge(seen: &Seen<'_>, past: &mut Past) -> Option<Said> {
    let rpm = match number(seen, past) {
        Ok(rpm) => rpm,
        Err(said) => {
            let mut said = said?;
            // A fan that does not do its work is worse than a thermometer that does not.
            for finding in &mut said.findings {
                finding.state = State::Critical;
                finding.fact =
                    format!("reports a fault: blocked, broken or pulled ({})", place(seen));
            }
            return Some(said);
        }
    };
    if rpm >= TURNS_RPM {
        let mut said = Said::of(&[RPM], rpm, summary(seen, rpm, Unit::Rpm, &[("min", "low")]));
        said.readings.extend(Said::of(&[STOPPED], 0.0, String::new()).readings);
        // Where firmware lets fans rest, the lower limit is what it regulates them down to.
        let limits = if may_rest(seen) { &[] } else { LIMITS };
        bounds(&mut said, seen, past, (rpm, Unit::Rpm), limits, SLACK_RPM);
        return Some(said);
    }
    if let Some(why) = rests(seen) {
        // It must be seen turning again before a stop means anything.
        past.worked = false;
        past.runs = 0;
        return Some(Said {
            summary: format!("{why} (0 RPM), {}", place(seen)),
            ..Said::default()
        });
    }
    if past.worked {
        let mut said = Said::of(&[RPM], 0.0, format!("0 RPM, {}", place(seen)));
        said.readings.extend(Said::of(&[STOPPED], 1.0, String::new()).readings);
        let usual = past.usual.map_or_else(String::new, |usual| {
            format!(", usually {}", Unit::Rpm.show(usual.round()))
        });
        let (turning, all) = seen.alive;
        let fact =
            format!("stopped (0 RPM{usual}), {turning} of {all} fans of {} turn", seen.chip.shown);
        said.say(seen, State::Critical, "stopped", &fact);
        return Some(said);
    }
    let mut said = Said {
        summary: format!("0 RPM since it is watched: no fan on it, or at rest ({})", place(seen)),
        ..Said::default()
    };
    if let Some(limit) = seen.limits.get("min")
        && seen.signals.alarms.iter().any(|alarm| seen.limits.allow(alarm))
    {
        let fact = format!(
            "0 RPM since it is watched, and the chip raises its alarm (its lower limit is {})",
            Unit::Rpm.show(limit)
        );
        said.say(seen, State::Warning, "alarm", &fact);
    }
    Some(said)
}
