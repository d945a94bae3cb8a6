//! A batch under the names of the outside: Prometheus samples and OpenTelemetry metrics.

use std::borrow::Cow;

use crate::model::batch::Batch;
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

/// All samples of a batch, in the order of names and labels, each series once. The labels `job` and
/// `instance` are not among them: who fetches sets them, who pushes adds them.
#[must_use]
pub fn samples(batch: &Batch) -> Vec<Sample> {
    let mut samples: Vec<Sample> = batch
        .verdicts
        .iter()
        .map(|verdict| Sample {
            name: "hostwatch_check_state".into(),
            help: "State of a check's instance: 0 ok, 1 warning, 2 critical, 3 unknown".into(),
            form: Form::Gauge,
            labels: vec![
                ("check".into(), verdict.id.check.to_string()),
                ("kind".into(), verdict.kind.to_string()),
                ("object".into(), verdict.id.instance.to_string()),
            ],
            value: f64::from(verdict.state.exit_code()),
        })
        .collect();
    samples.sort_by(|a, b| a.name.cmp(&b.name).then_with(|| a.labels.cmp(&b.labels)));
    samples
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

/// All metrics of a batch, in the order of their names.
#[must_use]
pub fn metrics(batch: &Batch) -> Vec<Metric> {
    let points = batch
        .verdicts
        .iter()
        .map(|verdict| Point {
            attributes: vec![
                ("hostwatch.check.name".into(), verdict.id.check.to_string()),
                ("hostwatch.object".into(), verdict.id.instance.to_string()),
            ],
            value: f64::from(verdict.state.exit_code()),
            since: None,
        })
        .collect();
    vec![Metric {
        name: "hostwatch.check.state".into(),
        description: "State of a check's instance: 0 ok, 1 warning, 2 critical, 3 unknown".into(),
        unit: "1".into(),
        instrument: Instrument::Gauge,
        points,
    }]
}
