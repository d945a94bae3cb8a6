//! What the outlets that push metrics send: decoded by a reader that knows nothing of their writer,
//! and held against the batch. And how large it is.

use std::io::Read as _;

use hostwatch::forward::Site;
use hostwatch::forward::dialect::open;
use hostwatch::forward::dialect::protobuf::Message;
use hostwatch::forward::outlet::{Load, Outcome, Outlet};
use hostwatch::forward::series::{self, Instrument};
use hostwatch::forward::target::{OutletPlan, Target, Web as Address};
use hostwatch::model::batch::{Batch, Own, Thing, Verdict};
use hostwatch::model::id::Id;
use hostwatch::model::state::State;
use hostwatch::model::time::Stamp;
use hostwatch::model::unit::Span;

use crate::receivers::Labels;
use crate::web::{Mode, Web};

/// What one attempt may take.
pub(crate) const WITHIN: Span = Span::from_secs(10);

/// A moment for what is decoded here.
const AT: Stamp = Stamp(1_700_000_000_123);

/// The bits of a sample that ends its series.
const STALE: u64 = 0x7ff0_0000_0000_0002;

/// One series of a remote write.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) at_ms: i64,
    pub(crate) bits: u64,
}

impl Series {
    pub(crate) fn value(&self) -> f64 {
        f64::from_bits(self.bits)
    }

    pub(crate) fn is_stale(&self) -> bool {
        self.bits == STALE
    }

    pub(crate) fn label(&self, name: &str) -> &str {
        self.labels.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn map(&self) -> Labels {
        self.labels.iter().cloned().collect()
    }
}

/// One point of OTLP.
#[derive(Debug, Clone, PartialEq)]
struct Dot {
    metric: String,
    unit: String,
    instrument: Instrument,
    attributes: Vec<(String, String)>,
    at_ns: u64,
    since_ns: Option<u64>,
    /// None: flagged as without a value.
    value: Option<f64>,
}

pub(crate) fn site() -> Site {
    let labels = [("rack", "a7"), ("data-centre", "Köln"), ("job", "mine"), ("host.name", "mine")];
    Site {
        name: "web1".to_owned(),
        fqdn: "web1.example.net".to_owned(),
        labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec(),
    }
}

pub(crate) fn remote_write(web: Address) -> Box<dyn Outlet> {
    let plan = OutletPlan { name: "metrics".to_owned(), target: Target::RemoteWrite(web) };
    open(&plan, &site()).unwrap()
}

pub(crate) fn otlp(web: Address) -> Box<dyn Outlet> {
    let plan = OutletPlan { name: "collector".to_owned(), target: Target::Otlp(web) };
    open(&plan, &site()).unwrap()
}

pub(crate) fn at(url: String) -> Address {
    Address { url, ..Address::default() }
}

/// A batch in which so many instances are judged.
pub(crate) fn batch(at: Stamp, instances: usize) -> Batch {
    let verdict = |number: usize| Verdict {
        id: Id::new("filesystem", format!("/srv/Büro {number:04}")),
        kind: "filesystem".into(),
        title: "a file system".to_owned(),
        state: [State::Ok, State::Warning, State::Critical][number % 3],
        since: at.minus(Span::from_secs(3600)),
        read: Some(at),
        changes: 1,
        silenced: false,
        acked: false,
        summary: "used 91%".to_owned(),
        figures: Vec::new(),
    };
    let own = Own {
        started: at.minus(Span::from_secs(7200)),
        booted: at.minus(Span::from_secs(86_400)),
        config_loaded: at.minus(Span::from_secs(7200)),
        ..Own::default()
    };
    let thing = |number: usize| Thing {
        kind: "filesystem".into(),
        instance: format!("/srv/Büro {number:04}").into(),
        labels: vec![("fstype".into(), "ext4".to_owned())],
        values: vec![
            ("used_percent".into(), 40.0 + (number * 7 % 600) as f64 / 10.0),
            ("free_bytes".into(), (number * 7_919 % 1_000_003) as f64 * 4096.0),
            ("size_bytes".into(), 2e12),
        ],
    };
    Batch {
        at,
        things: (0..instances).map(thing).collect(),
        verdicts: (0..instances).map(verdict).collect(),
        own,
        ..Batch::default()
    }
}

/// So many seconds after it.
fn after(seconds: i64) -> Stamp {
    Stamp(AT.0 + 1000 * seconds)
}

/// What a batch holds, as a receiver should have it.
pub(crate) fn expected(batch: &Batch) -> Vec<Series> {
    let series = |sample: series::Sample| {
        let mut labels: Vec<(String, String)> =
            sample.labels.into_iter().map(|(key, value)| (key.into_owned(), value)).collect();
        let more = [
            ("__name__", &*sample.name),
            ("data_centre", "Köln"),
            ("host_name", "mine"),
            ("instance", "web1.example.net"),
            ("job", "hostwatch"),
            ("rack", "a7"),
        ];
        labels.extend(more.map(|(key, value)| (key.to_owned(), value.to_owned())));
        labels.sort();
        Series { labels, at_ms: batch.at.0, bits: sample.value.to_bits() }
    };
    sorted(series::samples(batch).into_iter().map(series).collect())
}

pub(crate) fn sorted(mut series: Vec<Series>) -> Vec<Series> {
    series.sort_by(|a, b| a.labels.cmp(&b.labels));
    series
}

#[derive(Debug, Clone)]
enum Part {
    Number(u64),
    Bytes(Vec<u8>),
}

impl Part {
    fn number(&self) -> u64 {
        let Self::Number(number) = self else { panic!("{self:?} is no number") };
        *number
    }

    fn parts(&self) -> Vec<(u64, Part)> {
        let Self::Bytes(bytes) = self else { panic!("{self:?} is no message") };
        parts(bytes)
    }

    fn text(&self) -> String {
        let Self::Bytes(bytes) = self else { panic!("{self:?} is no text") };
        String::from_utf8(bytes.clone()).unwrap()
    }
}

/// A request with these series, which came from elsewhere.
pub(crate) fn request(all: &[Series]) -> Vec<u8> {
    let mut request = Message::new();
    for series in all {
        request.message(1, |one| {
            for (name, value) in &series.labels {
                one.message(1, |label| _ = label.text(1, name).text(2, value));
            }
            one.message(2, |sample| _ = sample.fixed(1, series.bits).signed(2, series.at_ms));
        });
    }
    snap::raw::Encoder::new().compress_vec(&request.into_bytes()).unwrap()
}

/// The fields of a message.
fn parts(bytes: &[u8]) -> Vec<(u64, Part)> {
    let (mut found, mut place) = (Vec::new(), 0);
    let varint = |place: &mut usize| {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = bytes[*place];
            *place += 1;
            number |= u64::from(byte & 127) << shift;
            shift += 7;
            if byte < 128 {
                return number;
            }
        }
    };
    while place < bytes.len() {
        let key = varint(&mut place);
        let part = match key & 7 {
            0 => Part::Number(varint(&mut place)),
            1 => {
                place += 8;
                Part::Number(u64::from_le_bytes(bytes[place - 8..place].try_into().unwrap()))
            }
            2 => {
                let length = usize::try_from(varint(&mut place)).unwrap();
                place += length;
                Part::Bytes(bytes[place - length..place].to_vec())
            }
            other => panic!("a field of wire type {other}"),
        };
        found.push((key >> 3, part));
    }
    found
}

fn one(parts: &[(u64, Part)], field: u64) -> Option<&Part> {
    let mut all = parts.iter().filter(|(key, _)| *key == field).map(|(_, part)| part);
    let first = all.next();
    assert!(all.next().is_none(), "field {field} is there twice");
    first
}

fn every(parts: &[(u64, Part)], field: u64) -> impl Iterator<Item = &Part> {
    parts.iter().filter(move |(key, _)| *key == field).map(|(_, part)| part)
}

/// The series of a request of remote write.
pub(crate) fn written(body: &[u8]) -> Vec<Series> {
    let plain = snap::raw::Decoder::new().decompress_vec(body).unwrap();
    let all = parts(&plain);
    assert!(all.iter().all(|(field, _)| *field == 1));
    let series = every(&all, 1).map(|series| {
        let series = series.parts();
        let label = |label: &Part| {
            let label = label.parts();
            (one(&label, 1).unwrap().text(), one(&label, 2).unwrap().text())
        };
        let sample = one(&series, 2).unwrap().parts();
        Series {
            labels: every(&series, 1).map(label).collect(),
            bits: one(&sample, 1).unwrap().number(),
            at_ms: one(&sample, 2).unwrap().number().cast_signed(),
        }
    });
    series.collect()
}

/// The points of a request of OTLP, and the attributes of who sends.
fn exported(body: &[u8]) -> (Vec<Dot>, Vec<(String, String)>) {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(body).read_to_end(&mut plain).unwrap();
    let all = one(&parts(&plain), 1).unwrap().parts();
    assert_eq!(one(&all, 3).unwrap().text(), series::SCHEMA_URL);
    let resource = pairs(&one(&all, 1).unwrap().parts(), 1);
    let scope = one(&all, 2).unwrap().parts();
    assert_eq!(one(&scope, 3).unwrap().text(), series::SCHEMA_URL);
    let name = one(&scope, 1).unwrap().parts();
    assert_eq!(one(&name, 1).unwrap().text(), "hostwatch");
    assert_eq!(one(&name, 2).unwrap().text(), env!("CARGO_PKG_VERSION"));
    let mut dots = Vec::new();
    for metric in every(&scope, 2) {
        let metric = metric.parts();
        let (instrument, data) = match (one(&metric, 5), one(&metric, 7)) {
            (Some(gauge), None) => (Instrument::Gauge, gauge.parts()),
            (None, Some(sum)) => {
                let sum = sum.parts();
                assert_eq!(one(&sum, 2).unwrap().number(), 2, "cumulative");
                let grows = one(&sum, 3).is_some_and(|it| it.number() == 1);
                (if grows { Instrument::Counter } else { Instrument::UpDownCounter }, sum)
            }
            other => panic!("{other:?}"),
        };
        for point in every(&data, 1) {
            let point = point.parts();
            let is_flagged = one(&point, 8).is_some_and(|flags| flags.number() == 1);
            let value = one(&point, 4).map(|value| f64::from_bits(value.number()));
            assert_eq!(value.is_none(), is_flagged, "{point:?}");
            dots.push(Dot {
                metric: one(&metric, 1).unwrap().text(),
                unit: one(&metric, 3).unwrap().text(),
                instrument,
                attributes: pairs(&point, 7),
                at_ns: one(&point, 3).unwrap().number(),
                since_ns: one(&point, 2).map(Part::number),
                value,
            });
        }
    }
    (dots, resource)
}

/// Pairs of a name and a text.
fn pairs(parts: &[(u64, Part)], field: u64) -> Vec<(String, String)> {
    let pair = |pair: &Part| {
        let pair = pair.parts();
        let text = one(&one(&pair, 2).unwrap().parts(), 1).unwrap().text();
        (one(&pair, 1).unwrap().text(), text)
    };
    every(parts, field).map(pair).collect()
}

/// Sends a batch; gives the body of the request.
fn sent(web: &Web, outlet: &mut dyn Outlet, batch: &Batch) -> Vec<u8> {
    let reply = outlet.deliver(Load::Batch(batch), WITHIN);
    assert_eq!(reply.outcome, Outcome::Done);
    web.asked().pop().unwrap().bytes
}

#[test]
fn a_remote_write_holds_every_sample_of_the_batch_and_no_other() {
    let web = Web::start();
    web.answer(Mode::Status(204, "Date: Mon, 23 Nov 2026 02:12:00 GMT\r\n", ""));
    let mut outlet = remote_write(at(web.url("/api/v1/write")));
    let batch = batch(AT, 40);
    let reply = outlet.deliver(Load::Batch(&batch), WITHIN);
    assert_eq!(reply.outcome, Outcome::Done);
    assert_eq!(reply.clock, Some(Stamp(1_795_399_920_000)));
    let asked = &web.asked()[0];
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/api/v1/write"));
    assert_eq!(asked.header("content-encoding"), Some("snappy"));
    assert_eq!(asked.header("content-type"), Some("application/x-protobuf"));
    assert_eq!(asked.header("x-prometheus-remote-write-version"), Some("0.1.0"));
    let agent = concat!("hostwatch/", env!("CARGO_PKG_VERSION"));
    assert_eq!(asked.header("user-agent"), Some(agent));
    let written = written(&asked.bytes);
    for series in &written {
        assert!(series.labels.is_sorted_by(|a, b| a.0 < b.0), "{series:?}");
        assert!(series.labels.iter().all(|(_, value)| !value.is_empty()), "{series:?}");
    }
    assert!(!written.is_empty());
    assert_eq!(sorted(written), expected(&batch));
}

#[test]
fn a_series_that_has_ended_is_ended_once() {
    let web = Web::start();
    let mut outlet = remote_write(at(web.url("/api/v1/write")));
    let batches =
        [(3, 0), (2, 10), (2, 20)].map(|(instances, later)| batch(after(later), instances));
    let [first, second, third] =
        batches.clone().map(|batch| written(&sent(&web, outlet.as_mut(), &batch)));
    assert!(!first.iter().any(Series::is_stale));
    let gone = |series: &Series| series.labels.iter().any(|(_, value)| value == "/srv/Büro 0002");
    let ended: Vec<_> = second.iter().filter(|series| series.is_stale()).collect();
    assert!(!ended.is_empty() && ended.iter().all(|series| gone(series)), "{ended:?}");
    assert_eq!(ended.len(), first.iter().filter(|series| gone(series)).count());
    assert_eq!(sorted(third), expected(&batches[2]));
}

#[test]
fn what_was_not_taken_is_sent_again_with_all_its_ends() {
    let web = Web::start();
    let mut outlet = remote_write(at(web.url("/api/v1/write")));
    sent(&web, outlet.as_mut(), &batch(AT, 3));
    web.answer(Mode::Status(503, "", "starting"));
    let second = batch(after(10), 2);
    let reply = outlet.deliver(Load::Batch(&second), WITHIN);
    assert!(matches!(reply.outcome, Outcome::Retry { suspect: false, .. }), "{reply:?}");
    let refused = web.asked().pop().unwrap().bytes;
    web.answer(Mode::Status(204, "", ""));
    assert_eq!(sent(&web, outlet.as_mut(), &second), refused);
    assert!(written(&refused).iter().any(Series::is_stale));
    // One that was passed over, and is tried once more when the receiver has newer ones.
    let late = batch(after(5), 1);
    assert_eq!(sorted(written(&sent(&web, outlet.as_mut(), &late))), expected(&late));
}

#[test]
fn otlp_holds_every_point_of_the_batch_and_no_other() {
    let web = Web::start();
    let mut outlet = otlp(at(web.url("/v1/metrics")));
    let batch = batch(AT, 40);
    let (dots, mut resource) = exported(&sent(&web, outlet.as_mut(), &batch));
    let asked = &web.asked()[0];
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/v1/metrics"));
    assert_eq!(asked.header("content-encoding"), Some("gzip"));
    assert_eq!(asked.header("content-type"), Some("application/x-protobuf"));
    let at_ns = AT.0.cast_unsigned() * 1_000_000;
    let expected: Vec<Dot> = series::metrics(&batch)
        .into_iter()
        .flat_map(|metric| {
            let (name, unit) = (metric.name.into_owned(), metric.unit.into_owned());
            let dot = move |point: series::Point| Dot {
                metric: name.clone(),
                unit: unit.clone(),
                instrument: metric.instrument,
                attributes: point
                    .attributes
                    .into_iter()
                    .map(|(key, value)| (key.into_owned(), value))
                    .collect(),
                at_ns,
                since_ns: point.since.map(|since| since.0.cast_unsigned() * 1_000_000),
                value: Some(point.value),
            };
            metric.points.into_iter().map(dot)
        })
        .collect();
    assert!(!dots.is_empty());
    assert_eq!(dots, expected);
    resource.sort();
    let own = [
        ("data-centre", "Köln"),
        ("host.name", "web1.example.net"),
        ("job", "mine"),
        ("os.type", "linux"),
        ("rack", "a7"),
        ("service.instance.id", "web1.example.net"),
        ("service.name", "hostwatch"),
        ("service.version", env!("CARGO_PKG_VERSION")),
    ];
    assert_eq!(resource, own.map(|(key, value)| (key.to_owned(), value.to_owned())));
}

#[test]
fn a_point_of_otlp_that_has_ended_is_flagged_once() {
    let web = Web::start();
    let mut outlet = otlp(at(web.url("/v1/metrics")));
    let batches = [(3, 0), (2, 10), (2, 20), (0, 30)];
    let [first, second, third, fourth] = batches.map(|(instances, later)| {
        exported(&sent(&web, outlet.as_mut(), &batch(after(later), instances))).0
    });
    let ended = |dots: &[Dot]| dots.iter().filter(|dot| dot.value.is_none()).cloned().collect();
    let [none, some, none_again, all]: [Vec<Dot>; 4] =
        [ended(&first), ended(&second), ended(&third), ended(&fourth)];
    assert_eq!((none.len(), none_again.len()), (0, 0));
    assert!(!some.is_empty());
    for dot in &some {
        let gone = |(_, value): &(String, String)| value == "/srv/Büro 0002";
        assert!(dot.attributes.iter().any(gone), "{dot:?}");
    }
    assert!(all.len() >= 2, "{all:?}");
}

/// Printed for whoever sizes a collector.
#[test]
fn a_sample_takes_few_bytes() {
    let web = Web::start();
    let mut outlets = [
        ("remote write", remote_write(at(web.url("/api/v1/write"))), [34.0, 22.0, 20.0]),
        ("OTLP", otlp(at(web.url("/v1/metrics"))), [36.0, 14.0, 8.0]),
    ];
    let count = |instances| series::samples(&batch(AT, instances)).len();
    for (place, wanted) in [50, 200, 1000].into_iter().enumerate() {
        let instances = (wanted - count(0)) * 100 / (count(100) - count(0));
        let batch = batch(AT, instances);
        for (name, outlet, most) in &mut outlets {
            let bytes = sent(&web, outlet.as_mut(), &batch);
            let samples = match *name {
                "OTLP" => exported(&bytes).0.len(),
                _ => written(&bytes).len(),
            };
            let each = bytes.len() as f64 / samples as f64;
            println!("{name}: {samples} samples in {} bytes, {each:.1} bytes each", bytes.len());
            assert!(each < most[place], "{name}: {each} bytes a sample");
        }
    }
}
