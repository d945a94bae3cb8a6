//! `intrusion`: a chassis that is opened while it is watched.

use super::judge::{Past, Said, Seen, place};
use super::{Reader, SELECTORS, survey};
use crate::host::Host;
use crate::model::reading::{Bad, Metric, MetricId, ProbeError};
use crate::model::state::State;
use crate::model::unit::Unit;
use crate::parse::hwmon::Sensor;
use crate::probe::{Found, Kind, KindSpec, Options, Probe};

/// The kind.
#[derive(Debug)]
pub struct Intrusion;

const OPEN: MetricId = MetricId(0);

static SPEC: KindSpec = KindSpec {
    name: "intrusion",
    title: "Chassis intrusion bits of board chips.",
    doc: "Board chips keep the bit until it is cleared, and most boards set it when power comes: a \
bit that was set when the agent first saw it is information. One that is seen to change from closed \
to open is a warning. It is cleared by writing 0 to `intrusionN_alarm` of the chip below \
`/sys/class/hwmon`; to be told of every bit that is set, ask for `crit: {open: true}`.",
    selectors: SELECTORS,
    options: &[],
    metrics: &[Metric {
        key: "open",
        name: "intrusion",
        unit: Unit::Flag,
        bad: Bad::Set,
        phrase: "intrusion bit set",
        doc: "Whether the bit is set.",
    }],
    measures: &[],
    findings: Some("never by itself; a chassis that is opened is a warning"),
    example: include_str!("../../../conf.d/intrusion.yaml"),
};

impl Kind for Intrusion {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn survey(&self, host: &Host) -> Result<Vec<Found>, ProbeError> {
        survey(host, Sensor::Intrusion)
    }

    fn open(&self, source: &str, _: &Options) -> Box<dyn Probe> {
        Reader::boxed(Sensor::Intrusion, source, judge)
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of every kind's judge")]
fn judge(seen: &Seen<'_>, past: &mut Past) -> Option<Said> {
    let is_set = seen.signals.alarms.iter().any(|alarm| alarm == "alarm");
    let value = if is_set { 1.0 } else { 0.0 };
    if !is_set {
        past.was_closed = true;
        return Some(Said::of(&[OPEN], value, format!("closed, {}", place(seen))));
    }
    let mut said = Said::of(&[OPEN], value, format!("intrusion bit set, {}", place(seen)));
    if past.was_closed {
        let fact = "the chassis was opened, or its switch failed";
        said.say(seen, State::Warning, "opened", fact);
    } else {
        said.say(seen, State::Ok, "latched", "it has been set since before it was watched");
    }
    Some(said)
}
