//! `power`: watts of supplies, processors and cards.

use super::judge::{Bound, Past, Said, Seen, bounds, number, summary};
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
pub struct Power;

pub(super) const WATTS: MetricId = MetricId(0);

static MEASURES: [Measure; 4] =
    measures::table(Unit::Watts, ["max_watts", "crit_watts", "min_watts", "lcrit_watts"]);

static SPEC: KindSpec = KindSpec {
    name: "power",
    title: "Electrical power of supplies, processors and cards.",
    doc: concat!(
        "A supply or regulator at its own critical limit is critical, at its upper limit, or with \
an alarm bit on, a warning. The limits of processors and graphics cards are what their firmware \
regulates to, so that reaching them says nothing, and a power cap that works is no fault. Where a \
chip gives both an average and a momentary value, the average is read.\n\n",
        origin!()
    ),
    selectors: SELECTORS,
    options: &[],
    metrics: &[Metric {
        key: "watts",
        name: "power_watts",
        unit: Unit::Watts,
        bad: Bad::High,
        phrase: "takes {}",
        doc: "The power.",
    }],
    measures: &MEASURES,
    findings: Some("power is at the sensor's own critical limit"),
    example: include_str!("../../../conf.d/power.yaml"),
};

impl Kind for Power {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn survey(&self, host: &Host) -> Result<Vec<Found>, ProbeError> {
        survey(host, Sensor::Power)
    }

    with_bmc!(Family::Power);

    fn open(&self, source: &str, _: &Options) -> Box<dyn Probe> {
        let bmc = bmc::open(source, Family::Power);
        bmc.unwrap_or_else(|| Reader::boxed(Sensor::Power, source, judge))
    }
}

static LIMITS: &[Bound] = &[
    Bound { item: "crit", state: State::Critical, word: "its critical limit", upper: true },
    Bound { item: "max", state: State::Warning, word: "its upper limit", upper: true },
];

/// Chips whose limits their own firmware keeps: to reach them is to work. `fam15h_power` shows
/// the processor's nominal power as critical limit, and misreads the idle processor.
const REGULATED: &[&str] =
    &["amdgpu", "radeon", "nouveau", "i915", "xe", "fam15h_power", "zenpower", "zenergy"];

/// How far inside its limit a power must be again.
const SLACK_WATTS: f64 = 1.0;

fn judge(seen: &Seen<'_>, past: &mut Past) -> Option<Said> {
    let watts = match number(seen, past) {
        Ok(watts) => watts,
        Err(said) => return said,
    };
    let words = [("cap", "cap"), ("max", "high"), ("crit", "critical")];
    let mut said = Said::of(&[WATTS], watts, summary(seen, watts, Unit::Watts, &words));
    if !REGULATED.contains(&seen.chip.name.as_str()) {
        bounds(&mut said, seen, past, (watts, Unit::Watts), LIMITS, SLACK_WATTS);
    }
    Some(said)
}
