//! A batch under the names of the outside: Prometheus samples and OpenTelemetry metrics.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::names::own::{AGENT, DROPPED, OUTLETS, VERDICTS};
use super::names::{Naming, Since, Subject, Tag, fallback, family, find};
use crate::model::batch::{Batch, OutletNumbers, Thing, Verdict};
use crate::model::state::State;
use crate::model::text::shown;
use crate::model::time::Stamp;

/// Whether a value only ever grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// May go up and down.
    Gauge,
    /// Grows until its owner starts anew.
    Counter,
}

/// One value under its Prometheus name.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// `node_filesystem_avail_bytes`.
    pub name: Cow<'static, str>,
    /// One sentence.
    pub help: Cow<'static, str>,
    /// Its form.
    pub form: Form,
    /// In the order of their names; none is empty, none is given twice.
    pub labels: Vec<(Cow<'static, str>, String)>,
    /// In base units.
    pub value: f64,
}

/// All samples of a batch, in the order of names and labels, each series once: of two things that
/// would be the same series, the first is meant. What is no number is left out. The labels `job` and
/// `instance` are not among them: who fetches sets them, who pushes adds them.
#[must_use]
pub fn samples(batch: &Batch) -> Vec<Sample> {
    let mut samples = Vec::with_capacity(batch.verdicts.len() * VERDICTS.len());
    // In the order of the outcome, so that sorting finds most of it done.
    let verdicts = in_order(&batch.verdicts);
    let labels = labels_of(&verdicts, |side| side.prometheus.map(|side| side.labels));
    for fact in VERDICTS {
        let Some(side) = fact.naming.prometheus else { continue };
        for (verdict, labels) in verdicts.iter().zip(&labels) {
            let value = (fact.value)(verdict).and_then(|value| in_unit(value, side.per));
            samples.extend(value.map(|value| Sample {
                name: Cow::Borrowed(side.name),
                help: Cow::Borrowed(fact.naming.help),
                form: side.form,
                labels: labels.clone(),
                value,
            }));
        }
    }
    for thing in &batch.things {
        let of = subject_of_thing(thing);
        for (name, value) in &thing.values {
            match find(&of, name) {
                Some(naming) => samples.extend(sample(naming, &of, *value)),
                None => samples.extend(sample_without_row(&of, name, *value)),
            }
        }
    }
    each_own(batch, |naming, of, value| samples.extend(sample(naming, of, value)));
    samples.sort_by(|a, b| a.name.cmp(&b.name).then_with(|| a.labels.cmp(&b.labels)));
    samples.dedup_by(|later, first| later.name == first.name && later.labels == first.labels);
    samples
}

fn sample(naming: &Naming, of: &Subject<'_>, value: f64) -> Option<Sample> {
    let side = naming.prometheus?;
    let value = in_unit(value, side.per)?;
    Some(Sample {
        name: Cow::Borrowed(side.name),
        help: Cow::Borrowed(naming.help),
        form: side.form,
        labels: tags(side.labels, of),
        value,
    })
}

fn sample_without_row(of: &Subject<'_>, name: &str, value: f64) -> Option<Sample> {
    let made = fallback::made(of.kind, name);
    Some(Sample {
        value: in_unit(value, made.per)?,
        name: made.prometheus.into(),
        help: made.help.into(),
        form: made.form,
        labels: object_of("object", of),
    })
}

/// What an OpenTelemetry metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Instrument {
    /// A value that is not added up.
    Gauge,
    /// A sum that may fall.
    UpDownCounter,
    /// A sum that only grows.
    Counter,
}

/// One OpenTelemetry metric with its points.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// `system.filesystem.usage`.
    pub name: Cow<'static, str>,
    /// One sentence.
    pub description: Cow<'static, str>,
    /// In UCUM: `By`, `1`, `Cel`.
    pub unit: Cow<'static, str>,
    /// What it is.
    pub instrument: Instrument,
    /// Its points, each set of attributes once.
    pub points: Vec<Point>,
}

/// One point of a metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// In the order of their names.
    pub attributes: Vec<(Cow<'static, str>, String)>,
    /// In the metric's unit.
    pub value: f64,
    /// Since when a sum has been counted.
    pub since: Option<Stamp>,
}

/// Version of the semantic conventions that the names follow.
pub const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.44.0";

/// All metrics of a batch, in the order of their names, their points in the order of attributes,
/// each once as in [`samples`].
#[must_use]
pub fn metrics(batch: &Batch) -> Vec<Metric> {
    let mut all = Metrics { batch, by_name: BTreeMap::new() };
    let verdicts = in_order(&batch.verdicts);
    let attributes = labels_of(&verdicts, |side| side.otel.map(|side| side.attributes));
    for fact in VERDICTS {
        for (verdict, attributes) in verdicts.iter().zip(&attributes) {
            if let Some(value) = (fact.value)(verdict) {
                all.point(&fact.naming, value, || attributes.clone());
            }
        }
    }
    for thing in &batch.things {
        let of = subject_of_thing(thing);
        for (name, value) in &thing.values {
            match find(&of, name) {
                Some(naming) => all.add(naming, &of, *value),
                None => all.add_without_row(&of, name, *value),
            }
        }
    }
    each_own(batch, |naming, of, value| all.add(naming, of, value));
    all.add_status(&batch.verdicts);
    let mut metrics: Vec<Metric> = all.by_name.into_values().collect();
    for metric in &mut metrics {
        metric.points.sort_by(|a, b| a.attributes.cmp(&b.attributes));
        metric.points.dedup_by(|later, first| later.attributes == first.attributes);
    }
    metrics
}

struct Metrics<'a> {
    batch: &'a Batch,
    by_name: BTreeMap<Cow<'static, str>, Metric>,
}

impl Metrics<'_> {
    fn add(&mut self, naming: &Naming, of: &Subject<'_>, value: f64) {
        let attributes = naming.otel.map(|side| side.attributes).unwrap_or_default();
        self.point(naming, value, || tags(attributes, of));
    }

    fn point(&mut self, naming: &Naming, value: f64, attributes: impl FnOnce() -> Labels) {
        let Some(side) = naming.otel else { return };
        let Some(value) = in_unit(value, side.per) else { return };
        let since = match naming.since {
            _ if side.instrument != Instrument::Counter => None,
            Since::Unknown => None,
            Since::Boot => Some(self.batch.own.booted),
            Since::Start => Some(self.batch.own.started),
        };
        let since = since.filter(|stamp| stamp.0 > 0);
        let attributes = attributes();
        let metric = self.by_name.entry(Cow::Borrowed(side.name)).or_insert_with(|| Metric {
            name: Cow::Borrowed(side.name),
            description: Cow::Borrowed(naming.help),
            unit: Cow::Borrowed(side.unit),
            instrument: side.instrument,
            points: Vec::new(),
        });
        metric.points.push(Point { attributes, value, since });
    }

    fn add_without_row(&mut self, of: &Subject<'_>, name: &str, value: f64) {
        let made = fallback::made(of.kind, name);
        let Some(value) = in_unit(value, made.per) else { return };
        let attributes = object_of("hostwatch.object", of);
        let key: Cow<'static, str> = Cow::Owned(made.otel);
        let metric = self.by_name.entry(key.clone()).or_insert_with(|| Metric {
            name: key,
            description: made.help.into(),
            unit: Cow::Borrowed(made.unit),
            instrument: made.instrument,
            points: Vec::new(),
        });
        metric.points.push(Point { attributes, value, since: None });
    }

    /// `hw.status`: for each piece of hardware a series a state, of which the one that holds is 1. Of
    /// several checks of a thing the worst counts; where none can say, no state is 1.
    fn add_status(&mut self, verdicts: &[Verdict]) {
        let mut worst: BTreeMap<(&str, &str), State> = BTreeMap::new();
        for verdict in verdicts {
            if let Some(hardware) = family(&verdict.kind).and_then(|family| family.hardware) {
                let key = (hardware, &*verdict.id.instance);
                let state = worst.entry(key).or_insert(verdict.state);
                *state = state.worst(verdict.state);
            }
        }
        let mut points = Vec::with_capacity(worst.len() * HARDWARE_STATES.len());
        for ((hardware, instance), held) in worst {
            let instance = shown(instance);
            for (state, word) in HARDWARE_STATES {
                let attributes = vec![
                    ("hw.id".into(), instance.clone().into_owned()),
                    ("hw.name".into(), instance.clone().into_owned()),
                    ("hw.state".into(), (*word).to_owned()),
                    ("hw.type".into(), hardware.to_owned()),
                ];
                let value = f64::from(u8::from(*state == held));
                points.push(Point { attributes, value, since: None });
            }
        }
        if !points.is_empty() {
            let metric = Metric {
                name: HARDWARE_STATUS.into(),
                description: "Whether a piece of hardware is in this state".into(),
                unit: "1".into(),
                instrument: Instrument::UpDownCounter,
                points,
            };
            self.by_name.insert(HARDWARE_STATUS.into(), metric);
        }
    }
}

/// Made of verdicts, for kinds with a type of hardware.
pub const HARDWARE_STATUS: &str = "hw.status";
/// Values of `hw.state`, and the verdict that each is.
pub const HARDWARE_STATES: &[(State, &str)] =
    &[(State::Ok, "ok"), (State::Warning, "degraded"), (State::Critical, "failed")];

/// Everything that is no verdict and no instance of a kind.
fn each_own(batch: &Batch, mut add: impl FnMut(&Naming, &Subject<'_>, f64)) {
    for fact in AGENT {
        if let Some(value) = (fact.value)(batch) {
            add(&fact.naming, &Subject::default(), value);
        }
    }
    for outlet in &batch.outlets {
        let of = Subject { instance: &outlet.name, ..Subject::default() };
        for fact in OUTLETS {
            if let Some(value) = (fact.value)(outlet) {
                add(&fact.naming, &of, value);
            }
        }
        each_lost(outlet, &mut add);
    }
}

fn each_lost(outlet: &OutletNumbers, add: &mut impl FnMut(&Naming, &Subject<'_>, f64)) {
    for (reason, lost) in &outlet.dropped {
        let labels = [(Cow::Borrowed("reason"), reason.clone().into_owned())];
        let of = Subject { instance: &outlet.name, labels: &labels, ..Subject::default() };
        if let Some(value) = (DROPPED.value)(lost) {
            add(&DROPPED.naming, &of, value);
        }
    }
}

fn in_order(verdicts: &[Verdict]) -> Vec<&Verdict> {
    let mut sorted: Vec<&Verdict> = verdicts.iter().collect();
    sorted.sort_by(|a, b| {
        (&a.id.check, &a.kind, &a.id.instance).cmp(&(&b.id.check, &b.kind, &b.id.instance))
    });
    sorted
}

fn subject_of(verdict: &Verdict) -> Subject<'_> {
    Subject {
        check: &verdict.id.check,
        kind: &verdict.kind,
        instance: &verdict.id.instance,
        labels: &[],
    }
}

fn subject_of_thing(thing: &Thing) -> Subject<'_> {
    Subject { check: "", kind: &thing.kind, instance: &thing.instance, labels: &thing.labels }
}

type Labels = Vec<(Cow<'static, str>, String)>;

/// The labels of each verdict, which all of its values share.
fn labels_of(
    verdicts: &[&Verdict],
    side: impl Fn(&Naming) -> Option<&'static [Tag]>,
) -> Vec<Labels> {
    let shared = VERDICTS.iter().find_map(|fact| side(&fact.naming)).unwrap_or_default();
    verdicts.iter().map(|verdict| tags(shared, &subject_of(verdict))).collect()
}

fn tags(tags: &[Tag], of: &Subject<'_>) -> Labels {
    let mut labels = Vec::with_capacity(tags.len());
    for tag in tags {
        labels.extend(tag.value(of).map(|value| (Cow::Borrowed(tag.name), value)));
    }
    labels
}

fn object_of(name: &'static str, of: &Subject<'_>) -> Labels {
    let object = shown(of.instance);
    if object.is_empty() { Vec::new() } else { vec![(name.into(), object.into_owned())] }
}

/// A value in its outside unit; none for what is no number.
fn in_unit(value: f64, per: f64) -> Option<f64> {
    let value = value / per;
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests;
