//! `voltage`: rails of boards and power supplies against their own limits.

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
pub struct Voltage;

pub(super) const ABOVE: MetricId = MetricId(0);
pub(super) const BELOW: MetricId = MetricId(1);

static MEASURES: [Measure; 4] =
    measures::table(Unit::Volts, ["max_volts", "crit_volts", "min_volts", "lcrit_volts"]);

static SPEC: KindSpec = KindSpec {
    name: "voltage",
    title: "Voltages of boards, processors and power supplies.",
    doc: concat!(
        "Beyond its own critical limits a rail is critical, beyond its upper or lower limit a \
warning, and so is an alarm bit of a chip that has limits it could have compared with: boards \
leave most of them unset, which shows as an alarm that is always on. A rail that read 0 V ever \
since is taken for unused. The inputs of board chips without a label are often scaled by \
resistors that the kernel does not know.\n\n",
        origin!()
    ),
    selectors: SELECTORS,
    options: &[],
    metrics: &[
        Metric {
            key: "above",
            name: "voltage_volts",
            unit: Unit::Volts,
            bad: Bad::High,
            phrase: "at {}",
            doc: "The voltage, for a limit that it must stay below.",
        },
        Metric {
            key: "below",
            name: "lowest_voltage_volts",
            unit: Unit::Volts,
            bad: Bad::Low,
            phrase: "down to {}",
            doc: "The same voltage, for a limit that it must stay above.",
        },
    ],
    measures: &MEASURES,
    findings: Some("a rail is beyond its own critical limits"),
    example: include_str!("../../../conf.d/voltage.yaml"),
};

impl Kind for Voltage {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn survey(&self, host: &Host) -> Result<Vec<Found>, ProbeError> {
        survey(host, Sensor::Voltage)
    }

    with_bmc!(Family::Voltage);

    fn open(&self, source: &str, _: &Options) -> Box<dyn Probe> {
        let bmc = bmc::open(source, Family::Voltage);
        bmc.unwrap_or_else(|| Reader::boxed(Sensor::Voltage, source, judge))
    }
}

/// How far inside its limit a rail must be again.
const SLACK_VOLTS: f64 = 0.01;

fn judge(seen: &Seen<'_>, past: &mut Past) -> Option<Said> {
    let volts = match number(seen, past) {
        Ok(volts) => volts,
        Err(said) => return said,
    };
    let words = [("min", "low"), ("max", "high"), ("lcrit", "critical low"), ("crit", "critical")];
    let summary = summary(seen, volts, Unit::Volts, &words);
    let mut said = Said::of(&[ABOVE, BELOW], volts, summary);
    bounds(&mut said, seen, past, (volts, Unit::Volts), BOUNDS, SLACK_VOLTS);
    Some(said)
}
