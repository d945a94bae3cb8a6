//! `current`: currents of power supplies and regulators against their own limits.

use super::judge::{BOUNDS, Past, Said, Seen, bounds, number, summary};
use super::{Reader, SELECTORS, measures, origin, survey, with_bmc};
use crate::host::Host;
use crate::model::reading::{Bad, Measure, Metric, MetricId, ProbeError};
use crate::model::unit::Unit;
use crate::parse::hwmon::Sensor;
use crate::probe::bmc::{self, Family};
use crate::probe::{Found, Kind, KindSpec, Options, Probe};

/// The kind.
#[derive(Debug)]
pub struct Current;

pub(super) const AMPERES: MetricId = MetricId(0);

static MEASURES: [Measure; 4] =
    measures::table(Unit::Amperes, ["max_amperes", "crit_amperes", "min_amperes", "lcrit_amperes"]);

static SPEC: KindSpec = KindSpec {
    name: "current",
    title: "Currents of power supplies and regulators.",
    doc: concat!(
        "Beyond its own critical limits a current is critical, beyond its upper or lower limit, \
or with an alarm bit on, a warning. A current that was 0 A ever since belongs to an unused \
output.\n\n",
        origin!()
    ),
    selectors: SELECTORS,
    options: &[],
    metrics: &[Metric {
        key: "value",
        name: "current_amperes",
        unit: Unit::Amperes,
        bad: Bad::High,
        phrase: "at {}",
        doc: "The current.",
    }],
    measures: &MEASURES,
    findings: Some("a current is beyond its own critical limits"),
    example: include_str!("../../../conf.d/current.yaml"),
};

impl Kind for Current {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn survey(&self, host: &Host) -> Result<Vec<Found>, ProbeError> {
        survey(host, Sensor::Current)
    }

    with_bmc!(Family::Current);

    fn open(&self, source: &str, _: &Options) -> Box<dyn Probe> {
        let bmc = bmc::open(source, Family::Current);
        bmc.unwrap_or_else(|| Reader::boxed(Sensor::Current, source, judge))
    }
}

/// How far inside its limit a current must be again.
const SLACK_AMPERES: f64 = 0.05;

fn judge(seen: &Seen<'_>, past: &mut Past) -> Option<Said> {
    let amperes = match number(seen, past) {
        Ok(amperes) => amperes,
        Err(said) => return said,
    };
    let words = [("max", "high"), ("crit", "critical")];
    let mut said = Said::of(&[AMPERES], amperes, summary(seen, amperes, Unit::Amperes, &words));
    bounds(&mut said, seen, past, (amperes, Unit::Amperes), BOUNDS, SLACK_AMPERES);
    Some(said)
}
