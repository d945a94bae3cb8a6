//! Metrics pushed to real receivers, and read back: Prometheus, which is strict, and VictoriaMetrics,
//! which gives back exactly what it stored.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hostwatch::forward::outlet::{Load, Mark, Outcome, Outlet, Proof};
use hostwatch::forward::series;
use hostwatch::forward::target::{Trust, Web as Address};
use hostwatch::model::batch::Batch;
use hostwatch::model::limit::FORWARD_SKEW;
use hostwatch::model::time::Stamp;
use hostwatch::model::unit::Span;
use hostwatch::store::secret::Secret;

use crate::collect_wire::{Series, WITHIN, at, batch, expected, otlp, remote_write, request};
use crate::receivers::prometheus::{self, Prometheus, Sample};
use crate::receivers::victoria::{self, VictoriaMetrics};
use crate::receivers::{Labels, now_ms};

const ALL: &str = "{job=\"hostwatch\"}";

fn before(seconds: i64) -> Stamp {
    Stamp(now_ms() - 1000 * seconds)
}

fn mark(at: Stamp) -> Mark {
    Mark { at, number: 4_000_000_001 }
}

fn deliver(outlet: &mut dyn Outlet, batch: &Batch) -> Outcome {
    outlet.deliver(Load::Batch(batch), WITHIN).outcome
}

/// What a receiver should have of these batches: labels, time, value.
fn wanted(batches: &[&Batch]) -> Vec<(Labels, i64, f64)> {
    let all = batches.iter().flat_map(|batch| expected(batch));
    by_labels(all.map(|series| (series.map(), series.at_ms, short(series.value()))).collect())
}

/// VictoriaMetrics keeps decimal digits, as many as there are in a number that a person writes.
fn short(value: f64) -> f64 {
    format!("{value:.12e}").parse().unwrap()
}

fn by_labels(mut all: Vec<(Labels, i64, f64)>) -> Vec<(Labels, i64, f64)> {
    all.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.cmp(&b.1)));
    all
}

/// All that Prometheus has of this host.
fn stored(it: &Prometheus) -> Vec<(Labels, i64, f64)> {
    let samples = it.query(&format!("{ALL}[4h]"), now_ms() + 1000);
    let plain = |sample: Sample| (sample.labels, sample.at_ms, short(sample.value));
    by_labels(samples.into_iter().map(plain).collect())
}

/// All that VictoriaMetrics has of a selector.
fn kept(it: &VictoriaMetrics, selector: &str) -> Vec<(Labels, i64, f64)> {
    let plain = |series: victoria::Series| {
        let labels = series.labels;
        series.samples.into_iter().map(move |(at, value)| (labels.clone(), at, short(value)))
    };
    by_labels(it.export(selector).into_iter().flat_map(plain).collect())
}

fn receiver() -> prometheus::Options {
    prometheus::Options { is_receiver: true, ..prometheus::Options::default() }
}

fn writes(it: &Prometheus) -> Box<dyn Outlet> {
    remote_write(at(format!("{}/api/v1/write", it.url())))
}

fn is_near(clock: Option<Stamp>) -> bool {
    clock.is_some_and(|clock| (clock.0 - now_ms()).abs() < 5000)
}

#[test]
fn prometheus_has_every_sample_of_every_batch_and_a_series_that_ended_is_gone() {
    let it = Prometheus::start(&receiver());
    let mut outlet = writes(&it);
    assert!(is_near(outlet.clock(WITHIN)));
    assert_eq!(stored(&it), [], "to ask for the clock stores nothing");
    let batches = [batch(before(30), 50), batch(before(20), 50), batch(before(10), 49)];
    for batch in &batches {
        let reply = outlet.deliver(Load::Batch(batch), WITHIN);
        assert_eq!(reply.outcome, Outcome::Done);
        assert!(is_near(reply.clock), "{:?}", reply.clock);
    }
    let [first, second, third] = &batches;
    assert_eq!(stored(&it), wanted(&[first, second, third]));
    // The last batch's own time: five minutes would show it still, if nobody had said that it ended.
    let now = it.query(ALL, third.at.0);
    assert_eq!(now.len(), expected(third).len());
    let said = outlet.test(&mark(before(0)), WITHIN);
    let Ok(Proof::ReadBack(how)) = said else { panic!("{said:?}") };
    assert!(how.contains("/api/v1/query?query=hostwatch_forward_test{mark="), "{how}");
}

#[test]
fn one_series_out_of_order_does_not_cost_the_batch() {
    let it = Prometheus::start(&receiver());
    let now = batch(before(10), 50);
    let is_bad = |series: &Series| {
        let object = series.label("object");
        series.label("__name__") == "hostwatch_check_state" && object == "/srv/Büro 0003"
    };
    let mut ahead = expected(&now).into_iter().find(is_bad).unwrap();
    ahead.at_ms += 5000;
    let body = request(std::slice::from_ref(&ahead));
    it.http().post("/api/v1/write", "application/x-protobuf", &body).good();
    let outcome = deliver(writes(&it).as_mut(), &now);
    let Outcome::Dropped { lost, why } = outcome else { panic!("{outcome:?}") };
    println!("{why}");
    assert_eq!(lost, 1);
    assert!(why.contains("out of order sample (") && why.contains("/srv/Büro 0003"), "{why}");
    let mut rest = wanted(&[&now]);
    rest.retain(|(labels, ..)| *labels != ahead.map());
    rest.push((ahead.map(), ahead.at_ms, short(ahead.value())));
    assert_eq!(stored(&it), by_labels(rest));
}

#[test]
fn what_is_too_old_is_lost_and_counted_and_holds_up_nothing() {
    for out_of_order in [None, Some("30m")] {
        let it = Prometheus::start(&prometheus::Options { out_of_order, ..receiver() });
        let mut outlet = writes(&it);
        let [late, old, next] = [before(20), before(3 * 3600), before(10)].map(|at| batch(at, 50));
        assert_eq!(deliver(outlet.as_mut(), &late), Outcome::Done);
        let outcome = deliver(outlet.as_mut(), &old);
        let Outcome::Dropped { lost, why } = outcome else { panic!("{outcome:?}") };
        println!("{out_of_order:?}: {why}");
        assert_eq!(lost, expected(&old).len());
        assert_eq!(deliver(outlet.as_mut(), &next), Outcome::Done);
        assert_eq!(stored(&it), wanted(&[&late, &next]));
    }
}

#[test]
fn what_was_taken_while_its_answer_was_lost_is_there_once() {
    let it = Prometheus::start(&receiver());
    let cut = Cut::before(it.url().rsplit(':').next().unwrap().parse().unwrap());
    let mut outlet = remote_write(at(format!("http://127.0.0.1:{}/api/v1/write", cut.port)));
    let first = batch(before(20), 50);
    let second = batch(before(10), 50);
    let outcome = deliver(outlet.as_mut(), &first);
    assert!(matches!(outcome, Outcome::Retry { suspect: false, .. }), "{outcome:?}");
    assert_eq!(stored(&it), wanted(&[&first]), "it is there");
    cut.heal();
    assert_eq!(deliver(outlet.as_mut(), &first), Outcome::Done);
    assert_eq!(deliver(outlet.as_mut(), &second), Outcome::Done);
    assert_eq!(stored(&it), wanted(&[&first, &second]));
}

#[test]
fn a_prometheus_that_is_no_receiver_says_which_flag_it_needs() {
    let it = Prometheus::start(&prometheus::Options::default());
    let mut outlet = writes(&it);
    let Outcome::Hold { why } = deliver(outlet.as_mut(), &batch(before(0), 2)) else { panic!() };
    assert!(why.contains("--web.enable-remote-write-receiver"), "{why}");
    let why = outlet.test(&mark(before(0)), WITHIN).unwrap_err();
    assert!(why.contains("--web.enable-remote-write-receiver"), "{why}");
    assert!(is_near(outlet.clock(WITHIN)), "any answer tells the time");
}

#[test]
fn a_password_is_mended_in_its_file_and_nothing_was_lost() {
    let it = Prometheus::start(&prometheus::Options { is_protected: true, ..receiver() });
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::set_permissions(secret.path(), PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::write(secret.path(), "wrong").unwrap();
    let (user, password) = prometheus::LOGIN;
    let file = Secret::File(secret.path().to_str().unwrap().to_owned());
    let trusts = |ca_file: Option<String>, fingerprint: Option<String>| Address {
        url: format!("{}/api/v1/write", it.url()),
        login: Some((user.to_owned(), file.clone())),
        trust: Trust { ca_file, fingerprint, ..Trust::default() },
        ..Address::default()
    };
    let mut outlet = remote_write(trusts(Some(it.authority()), None));
    let first = batch(before(20), 50);
    let Outcome::Hold { why } = deliver(outlet.as_mut(), &first) else { panic!() };
    assert!(why.contains("401") && why.contains("are user and password"), "{why}");
    std::fs::write(secret.path(), password).unwrap();
    assert_eq!(deliver(outlet.as_mut(), &first), Outcome::Done);

    let certificate = it.running.room.text("tls/localhost.crt");
    let print = Command::new("openssl")
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in", &certificate])
        .output()
        .unwrap();
    let print = String::from_utf8(print.stdout).unwrap();
    let print = print.trim().rsplit('=').next().unwrap().replace(':', "").to_lowercase();
    let second = batch(before(10), 50);
    let mut pinned = remote_write(trusts(None, Some(print)));
    assert_eq!(deliver(pinned.as_mut(), &second), Outcome::Done);
    assert_eq!(stored(&it), wanted(&[&first, &second]));
    let said = pinned.test(&mark(before(0)), WITHIN);
    assert!(matches!(said, Ok(Proof::ReadBack(_))), "{said:?}");

    for stranger in [trusts(None, None), trusts(None, Some("00".repeat(32)))] {
        let outcome = deliver(remote_write(stranger).as_mut(), &second);
        let Outcome::Retry { why, .. } = outcome else { panic!("{outcome:?}") };
        println!("{why}");
        assert!(why.contains("certificate") || why.contains("fingerprint"), "{why}");
    }
}

/// Prometheus would take them, and then refuse the right ones of all other hosts.
#[test]
fn a_clock_that_is_hours_ahead_is_seen_before_anything_is_sent() {
    let it = Prometheus::start(&receiver());
    let ours = Stamp(now_ms() + 2 * 3_600_000);
    let theirs = writes(&it).clock(WITHIN).unwrap();
    assert!(theirs.until(ours) > FORWARD_SKEW);
    assert_eq!(stored(&it), []);
}

#[test]
fn victoria_metrics_exports_what_was_sent() {
    let login = Some(("hw", "secret"));
    let it = VictoriaMetrics::start(&victoria::Options { login, ..victoria::Options::default() });
    let with = |password: &str| Address {
        url: format!("{}/api/v1/write", it.url()),
        login: Some(("hw".to_owned(), Secret::Literal(password.to_owned()))),
        ..Address::default()
    };
    let batches = [batch(before(20), 50), batch(before(10), 50)];
    let Outcome::Hold { why } = deliver(remote_write(with("wrong")).as_mut(), &batches[0]) else {
        panic!()
    };
    assert!(why.contains("401"), "{why}");
    let mut outlet = remote_write(with("secret"));
    for batch in &batches {
        assert_eq!(deliver(outlet.as_mut(), batch), Outcome::Done);
    }
    assert_eq!(kept(&it, ALL), wanted(&[&batches[0], &batches[1]]));
    let said = outlet.test(&mark(before(0)), WITHIN);
    let Ok(Proof::ReadBack(how)) = said else { panic!("{said:?}") };
    assert!(how.contains("/api/v1/export?match[]=hostwatch_forward_test{mark="), "{how}");
}

#[test]
fn a_test_finds_out_that_victoria_metrics_keeps_nothing() {
    let retention = Some("1");
    let it =
        VictoriaMetrics::start(&victoria::Options { retention, ..victoria::Options::default() });
    let mut outlet = remote_write(at(format!("{}/api/v1/write", it.url())));
    let within = Span::from_secs(4);
    let why = outlet.test(&mark(before(90 * 86_400)), within).unwrap_err();
    println!("{why}");
    assert!(why.contains("took the sample and does not show it"), "{why}");
    assert!(why.contains("-retentionPeriod"), "{why}");
    assert!(matches!(outlet.test(&mark(before(0)), WITHIN), Ok(Proof::ReadBack(_))));
}

#[test]
fn a_newer_victoria_metrics_has_every_point_of_otlp() {
    let Some(it) = VictoriaMetrics::start_newer(&victoria::Options::default()) else { return };
    let mut outlet = otlp(at(format!("{}/opentelemetry/v1/metrics", it.url())));
    assert!(is_near(outlet.clock(WITHIN)));
    let batches = [batch(before(20), 50), batch(before(10), 49)];
    for batch in &batches {
        assert_eq!(deliver(outlet.as_mut(), batch), Outcome::Done);
    }
    let mut wanted = Vec::new();
    for batch in &batches {
        for metric in series::metrics(batch) {
            for point in &metric.points {
                let mut labels: Labels = point
                    .attributes
                    .iter()
                    .map(|(key, value)| (key.to_string(), value.clone()))
                    .collect();
                labels.insert("__name__".to_owned(), metric.name.to_string());
                wanted.push((labels, batch.at.0, short(point.value)));
            }
        }
    }
    let mut found = kept(&it, "{\"service.name\"=\"hostwatch\"}");
    for (labels, ..) in &mut found {
        assert_eq!(labels.remove("host.name").as_deref(), Some("web1.example.net"));
        for key in ["data-centre", "job", "rack", "os.type"] {
            assert!(labels.remove(key).is_some(), "{key}: {labels:?}");
        }
        labels.retain(|key, _| !key.starts_with("service.") && !key.starts_with("scope."));
    }
    let ends = found.iter().filter(|(.., value)| value.is_nan()).count();
    println!("{} samples, {ends} ends", found.len());
    found.retain(|(.., value)| !value.is_nan());
    assert_eq!(by_labels(found), by_labels(wanted));
    let said = outlet.test(&mark(before(0)), WITHIN);
    assert!(matches!(said, Ok(Proof::ReadBack(_))), "{said:?}");
}

#[test]
fn a_collector_that_cannot_be_asked_is_not_said_to_have_it() {
    let web = crate::web::Web::start();
    let said = otlp(at(web.url("/v1/metrics"))).test(&mark(before(0)), WITHIN);
    let Ok(Proof::Accepted(how)) = said else { panic!("{said:?}") };
    assert!(how.contains("hostwatch.forward.test with the attribute mark=4000000001"), "{how}");
    let said = remote_write(at(web.url("/write"))).test(&mark(before(0)), WITHIN);
    let Ok(Proof::Accepted(how)) = said else { panic!("{said:?}") };
    assert!(how.contains("look for hostwatch_forward_test{mark=\"4000000001\"}"), "{how}");
    web.answer(crate::web::Mode::Judged(|asked| match asked.path.as_str() {
        "/api/v1/write" => (204, ""),
        _ => (404, "not found"),
    }));
    let said = remote_write(at(web.url("/api/v1/write"))).test(&mark(before(0)), WITHIN);
    assert!(matches!(said, Ok(Proof::Accepted(_))), "{said:?}");
}

/// Stands before a server: passes requests on, and lets no answer through until it is healed.
struct Cut {
    port: u16,
    is_healed: Arc<AtomicBool>,
}

impl Cut {
    fn before(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let is_healed = Arc::new(AtomicBool::new(false));
        let healed = Arc::clone(&is_healed);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let healed = Arc::clone(&healed);
                std::thread::spawn(move || drop(pass(client, server, &healed)));
            }
        });
        Self { port, is_healed }
    }

    fn heal(&self) {
        self.is_healed.store(true, Ordering::SeqCst);
    }
}

fn pass(client: TcpStream, server: u16, healed: &AtomicBool) -> std::io::Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", server))?;
    let (mut asks, mut asked) = (client.try_clone()?, server.try_clone()?);
    std::thread::spawn(move || std::io::copy(&mut asks, &mut asked));
    let (mut says, mut bytes) = (client, [0; 4096]);
    loop {
        let count = server.read(&mut bytes)?;
        if count == 0 || !healed.load(Ordering::SeqCst) {
            says.shutdown(Shutdown::Both)?;
            return server.shutdown(Shutdown::Both);
        }
        says.write_all(&bytes[..count])?;
    }
}
