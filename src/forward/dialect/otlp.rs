//! OpenTelemetry metrics over HTTP (OTLP 1.x, protobuf, gzip): for a collector and what takes its
//! protocol.
//!
//! Owns opentelemetry.proto.collector.metrics.v1 as far as numbers need it, and what is said of a
//! request that was taken in part. Must not know: what the metrics mean.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::forward::Site;
use crate::forward::dialect::protobuf::{Fields, Message, Value};
use crate::forward::dialect::readback::{self, Asked};
use crate::forward::dialect::web::{Dialect, Endpoint, Token, clock_of};
use crate::forward::outlet::{Appetite, Batches, Load, Mark, Outcome, Outlet, Proof, Reply};
use crate::forward::series::{self, Instrument, Metric, Point, SCHEMA_URL};
use crate::forward::target::Web;
use crate::model::batch::Batch;
use crate::model::limit::{HTTP_ANSWER_BYTES, REPLY_CHARS};
use crate::model::text::{counted, shown_within};
use crate::model::time::Stamp;
use crate::model::unit::Span;
use crate::net::clock::Deadline;
use crate::net::http::{Method, Request};

const DIALECT: Dialect = Dialect {
    token: Token::Bearer,
    final_500: true,
    not_found: "nothing takes OTLP there: is the path of the address right? Most want /v1/metrics",
};

/// What is this agent, among all that send to the collector.
const SERVICE: &str = "hostwatch";

/// Where receivers with queries of their own take OTLP: VictoriaMetrics, Prometheus.
const PATHS: [&str; 3] =
    ["/opentelemetry/v1/metrics", "/opentelemetry/api/v1/push", "/api/v1/otlp/v1/metrics"];

/// `AGGREGATION_TEMPORALITY_CUMULATIVE`.
const CUMULATIVE: u64 = 2;

/// `DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK`: the series has ended.
const NO_VALUE: u64 = 1;

/// A receiver of OTLP over HTTP.
#[derive(Debug)]
pub struct Otlp {
    endpoint: Endpoint,
    /// The resource, as it is written.
    resource: Vec<u8>,
    /// Points of the newest batch that was delivered: those that are missing in the next one have
    /// ended.
    before: BTreeMap<Known, BTreeSet<Attributes>>,
    /// Its time.
    before_at: Stamp,
}

/// The attributes of a point, as they are written.
type Attributes = Box<[u8]>;

/// What a metric is known by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Known {
    name: Cow<'static, str>,
    unit: Cow<'static, str>,
    instrument: Instrument,
}

impl Known {
    fn of(metric: &Metric) -> Self {
        Self { name: metric.name.clone(), unit: metric.unit.clone(), instrument: metric.instrument }
    }
}

/// A point as it is written, and by what it is known.
struct Written {
    attributes: Attributes,
    fields: Vec<u8>,
}

impl Otlp {
    /// Connects to nothing yet.
    #[must_use]
    pub fn new(web: &Web, site: &Site) -> Self {
        Self {
            endpoint: Endpoint::new(web, DIALECT),
            resource: resource(site),
            before: BTreeMap::new(),
            before_at: Stamp(i64::MIN),
        }
    }

    fn batch(&mut self, batch: &Batch, deadline: Deadline) -> Reply {
        let metrics = series::metrics(batch);
        let mut now: BTreeMap<Known, BTreeSet<Attributes>> = BTreeMap::new();
        let mut request = Export::default();
        // A batch from before, which was passed over and is tried once more, ends nothing.
        let is_next = batch.at > self.before_at;
        for metric in &metrics {
            let points: Vec<Written> =
                metric.points.iter().map(|point| written(point, batch.at)).collect();
            let alive: BTreeSet<Attributes> =
                points.iter().map(|point| point.attributes.clone()).collect();
            let known = Known::of(metric);
            let before = self.before.get(&known).filter(|_| is_next);
            let ended = before.into_iter().flat_map(|before| before.difference(&alive));
            let ended: Vec<Written> = ended.map(|attributes| end(attributes, batch.at)).collect();
            request.add(&known, &metric.description, points.iter().chain(&ended));
            now.insert(known, alive);
        }
        let gone = |known: &Known| is_next && !now.contains_key(known);
        for (known, points) in self.before.iter().filter(|(known, _)| gone(known)) {
            let ended: Vec<Written> =
                points.iter().map(|attributes| end(attributes, batch.at)).collect();
            request.add(known, "", ended.iter());
        }
        let reply = self.send(request, deadline);
        if is_next && matches!(reply.outcome, Outcome::Done | Outcome::Dropped { .. }) {
            (self.before, self.before_at) = (now, batch.at);
        }
        reply
    }

    fn send(&mut self, request: Export, deadline: Deadline) -> Reply {
        let points = request.points;
        if points == 0 {
            return Reply { outcome: Outcome::Done, clock: None };
        }
        let body = match zipped(&request.into_bytes(&self.resource)) {
            Ok(body) => body,
            Err(why) => {
                return Reply { outcome: Outcome::Dropped { lost: points, why }, clock: None };
            }
        };
        let url = self.endpoint.url().to_owned();
        let headers = vec![
            ("Content-Encoding", "gzip".to_owned()),
            ("Content-Type", "application/x-protobuf".to_owned()),
        ];
        let request = Request {
            url: &url,
            method: Method::Post,
            headers,
            body: Some(&body),
            text_bytes: Some(HTTP_ANSWER_BYTES),
        };
        match self.endpoint.send(request, deadline) {
            Ok(answer) => {
                let outcome = match rejected(&answer.body) {
                    Some((lost, why)) if answer.is_good() => {
                        let why = format!(
                            "{}: {why}; {} lost",
                            self.endpoint.name(),
                            counted(lost, "point", "points")
                        );
                        Outcome::Dropped { lost, why }
                    }
                    _ => self.endpoint.outcome(&answer, points),
                };
                Reply { outcome, clock: clock_of(&answer) }
            }
            Err(outcome) => Reply { outcome, clock: None },
        }
    }
}

impl Outlet for Otlp {
    fn appetite(&self) -> Appetite {
        Appetite { batches: Batches::All, changes: false }
    }

    fn deliver(&mut self, load: Load<'_>, within: Span) -> Reply {
        match load {
            Load::Batch(batch) => self.batch(batch, Deadline::within(within.to_std())),
            Load::Change(_) => Reply { outcome: Outcome::Done, clock: None },
        }
    }

    fn clock(&mut self, within: Span) -> Option<Stamp> {
        self.endpoint.clock(Deadline::within(within.to_std()))
    }

    fn test(&mut self, mark: &Mark, within: Span) -> Result<Proof, String> {
        let deadline = Deadline::within(within.to_std());
        let known = Known {
            name: "hostwatch.forward.test".into(),
            unit: "1".into(),
            instrument: Instrument::Gauge,
        };
        let point = Point {
            attributes: vec![("mark".into(), mark.number.to_string())],
            value: f64::from(mark.number),
            since: None,
        };
        let mut request = Export::default();
        let description = "The number by which a test of an outlet finds its sample again";
        request.add(&known, description, [written(&point, mark.at)].iter());
        match self.send(request, deadline).outcome {
            Outcome::Done => {}
            Outcome::Dropped { why, .. } | Outcome::Retry { why, .. } | Outcome::Hold { why } => {
                return Err(why);
            }
        }
        let bases = readback::bases(self.endpoint.url(), &PATHS);
        // Receivers change the metric's name, each in its way.
        let selector = format!("{{mark=\"{}\"}}", mark.number);
        let asked = Asked { selector: &selector, mark };
        match readback::look(&mut self.endpoint, &bases, &asked, deadline)? {
            Proof::Accepted(_) => Ok(Proof::Accepted(format!(
                "a collector passes on and cannot be asked: look behind it for the metric \
                 hostwatch.forward.test with the attribute mark={}",
                mark.number
            ))),
            found => Ok(found),
        }
    }
}

/// ExportMetricsServiceRequest as it grows.
#[derive(Debug, Default)]
struct Export {
    metrics: Message,
    points: usize,
}

impl Export {
    fn add<'a>(
        &mut self,
        known: &Known,
        description: &str,
        points: impl Iterator<Item = &'a Written>,
    ) {
        let mut data = Message::new();
        for point in points {
            data.bytes(1, &point.fields);
            self.points += 1;
        }
        let field = match known.instrument {
            Instrument::Gauge => 5,
            Instrument::UpDownCounter | Instrument::Counter => {
                data.number(2, CUMULATIVE);
                data.number(3, u64::from(known.instrument == Instrument::Counter));
                7
            }
        };
        self.metrics.message(2, |metric| {
            metric.text(1, &known.name);
            if !description.is_empty() {
                metric.text(2, description);
            }
            metric.text(3, &known.unit).bytes(field, &data.into_bytes());
        });
    }

    fn into_bytes(self, resource: &[u8]) -> Vec<u8> {
        let mut request = Message::new();
        request.message(1, |all| {
            all.bytes(1, resource);
            all.message(2, |scope| {
                scope.message(1, |name| {
                    name.text(1, SERVICE).text(2, env!("CARGO_PKG_VERSION"));
                });
                scope.fields(&self.metrics.into_bytes()).text(3, SCHEMA_URL);
            });
            all.text(3, SCHEMA_URL);
        });
        request.into_bytes()
    }
}

/// Who sends: the site's own attributes, none in the place of one that has a meaning here.
fn resource(site: &Site) -> Vec<u8> {
    let name = if site.fqdn.is_empty() { &site.name } else { &site.fqdn };
    let own = [
        ("host.name", name.as_str()),
        ("os.type", "linux"),
        ("service.instance.id", name),
        ("service.name", SERVICE),
        ("service.version", env!("CARGO_PKG_VERSION")),
    ];
    let labels = site.labels.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let labels = labels.filter(|(key, value)| {
        !key.is_empty() && !value.is_empty() && !own.iter().any(|(own, _)| own == key)
    });
    let mut resource = Message::new();
    for (key, value) in own.into_iter().chain(labels) {
        attribute(&mut resource, 1, key, value);
    }
    resource.into_bytes()
}

/// KeyValue with a text.
fn attribute(message: &mut Message, field: u32, key: &str, value: &str) {
    message.message(field, |pair| {
        pair.text(1, key).message(2, |any| {
            any.text(1, value);
        });
    });
}

fn written(point: &Point, at: Stamp) -> Written {
    let mut attributes = Message::new();
    for (key, value) in &point.attributes {
        attribute(&mut attributes, 7, key, value);
    }
    let attributes: Attributes = attributes.into_bytes().into();
    let mut fields = Message::new();
    if let Some(since) = point.since {
        fields.fixed(2, nanoseconds(since));
    }
    fields.fixed(3, nanoseconds(at)).fixed(4, point.value.to_bits()).fields(&attributes);
    Written { attributes, fields: fields.into_bytes() }
}

/// The last point of a series: without a value.
fn end(attributes: &[u8], at: Stamp) -> Written {
    let mut fields = Message::new();
    fields.fixed(3, nanoseconds(at)).fields(attributes).number(8, NO_VALUE);
    Written { attributes: attributes.into(), fields: fields.into_bytes() }
}

fn nanoseconds(at: Stamp) -> u64 {
    u64::try_from(at.0).unwrap_or(0).saturating_mul(1_000_000)
}

fn zipped(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let zipped = encoder.write_all(bytes).and_then(|()| encoder.finish());
    zipped.map_err(|error| format!("it cannot be packed: {error}"))
}

/// How many points a good answer says were not taken, and why: ExportMetricsServiceResponse with
/// its `partial_success`. One that rejects nothing is a warning to the author of the sender.
fn rejected(answer: &[u8]) -> Option<(usize, String)> {
    let partial = Fields::of(answer).find_map(|field| match field {
        (1, Value::Bytes(partial)) => Some(partial),
        _ => None,
    })?;
    let (mut lost, mut why) = (0, String::new());
    for field in Fields::of(partial) {
        match field {
            (1, Value::Number(count)) => lost = usize::try_from(count).unwrap_or(0),
            (2, Value::Bytes(text)) => {
                let text = String::from_utf8_lossy(text);
                why = shown_within(text.trim(), REPLY_CHARS).into_owned();
            }
            _ => {}
        }
    }
    (lost > 0).then_some((lost, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_what_was_not_taken() {
        let answer = |count: u64, why: &str| {
            let mut answer = Message::new();
            answer.message(1, |partial| {
                partial.number(1, count).text(2, why);
            });
            answer.into_bytes()
        };
        assert_eq!(rejected(&answer(300, "no room\n")), Some((300, "no room".to_owned())));
        assert_eq!(rejected(&answer(0, "deprecated")), None);
        assert_eq!(rejected(&[]), None);
        assert_eq!(rejected(b"{\"partialSuccess\":{}}"), None);
    }

    #[test]
    fn a_site_adds_to_what_a_host_is_and_changes_none_of_it() {
        let labels = [("service.name", "mine"), ("rack", "a7"), ("empty", "")];
        let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
        let site = Site { name: "web1".to_owned(), fqdn: String::new(), labels };
        let bytes = resource(&site);
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("rack") && text.contains("web1") && text.contains("linux"), "{text}");
        assert!(!text.contains("mine") && !text.contains("empty"), "{text}");
    }
}
