//! `humidity`: relative humidity against the sensor's own limits.

use super::judge::{BOUNDS, Past, Said, Seen, bounds, number, summary};
use super::{Reader, SELECTORS, measures, origin, survey};
use crate::host::Host;
use crate::model::reading::{Bad, Measure, Metric, MetricId, ProbeError};
use crate::model::unit::Unit;
use crate::parse::hwmon::Sensor;
use crate::probe::{Found, Kind, KindSpec, Options, Probe};

/// The kind.
#[derive(Debug)]
pub struct Humidity;

const ABOVE: MetricId = MetricId(0);
const BELOW: MetricId = MetricId(1);

static MEASURES: [Measure; 4] =
    measures::table(Unit::Percent, ["max_percent", "crit_percent", "min_percent", "lcrit_percent"]);

static SPEC: KindSpec = KindSpec {
    name: "humidity",
    title: "Relative humidity, where a machine has a sensor for it.",
    doc: concat!(
        "Beyond the sensor's own critical limits it is critical, beyond its other limits, or with \
an alarm bit on, a warning.\n\n",
        origin!()
    ),
    selectors: SELECTORS,
    options: &[],
    metrics: &[
        Metric {
            key: "above",
            name: "humidity_percent",
            unit: Unit::Percent,
            bad: Bad::High,
            phrase: "at {}",
            doc: "Relative humidity, for a limit that it must stay below.",
        },
        Metric {
            key: "below",
            name: "lowest_humidity_percent",
            unit: Unit::Percent,
            bad: Bad::Low,
            phrase: "down to {}",
            doc: "The same, for a limit that it must stay above.",
        },
    ],
    measures: &MEASURES,
    findings: Some("humidity is beyond the sensor's own critical limits"),
    example: include_str!("../../../conf.d/humidity.yaml"),
};

impl Kind for Humidity {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn survey(&self, host: &Host) -> Result<Vec<Found>, ProbeError> {
        survey(host, Sensor::Humidity)
    }

    fn open(&self, source: &str, _: &Options) -> Box<dyn Probe> {
        Reader::boxed(Sensor::Humidity, source, judge)
    }
}

/// How far inside its limit it must be again.
const SLACK_PERCENT: f64 = 1.0;

fn judge(seen: &Seen<'_>, past: &mut Past) -> Option<Said> {
    let percent = match number(seen, past) {
        Ok(percent) => percent,
        Err(said) => return said,
    };
    let summary = summary(seen, percent, Unit::Percent, &[("min", "low"), ("max", "high")]);
    let mut said = Said::of(&[ABOVE, BELOW], percent, summary);
    bounds(&mut said, seen, past, (percent, Unit::Percent), BOUNDS, SLACK_PERCENT);
    Some(said)
}
