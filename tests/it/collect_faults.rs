//! The outlets that push metrics, against a receiver that refuses, lies, stalls and cuts: what
//! becomes of a batch, how many requests it costs, and that the deadline holds for all of them.

use std::collections::BTreeSet;
use std::time::Instant;

use hostwatch::forward::outlet::{Load, Outcome, Outlet};
use hostwatch::forward::target::Web as Address;
use hostwatch::model::time::Stamp;
use hostwatch::model::unit::Span;
use hostwatch::store::secret::Secret;

use crate::collect_wire::{
    Series, WITHIN, at, batch, expected, otlp, remote_write, sorted, written,
};
use crate::web::{Asked, Mode, Web};

const AT: Stamp = Stamp(1_700_000_000_123);

fn outlets(web: &Web) -> [Box<dyn Outlet>; 2] {
    [remote_write(at(web.url("/api/v1/write"))), otlp(at(web.url("/v1/metrics")))]
}

fn deliver(outlet: &mut dyn Outlet, instances: usize) -> Outcome {
    outlet.deliver(Load::Batch(&batch(AT, instances)), WITHIN).outcome
}

/// What a receiver kept that judges like that.
fn kept(web: &Web, judge: fn(&Asked) -> (u16, &'static str)) -> Vec<Series> {
    let asked = web.asked();
    let taken = asked.iter().filter(|asked| judge(asked).0 < 300);
    sorted(taken.flat_map(|asked| written(&asked.bytes)).collect())
}

#[test]
fn what_a_person_must_mend_is_said_and_holds_the_queue() {
    let web = Web::start();
    for mut outlet in outlets(&web) {
        for (status, more, words) in [
            (301, "Location: https://new.example/write\r\n", "redirects to https://new.example/"),
            (401, "", "are user and password, or the token, right?"),
            (403, "", "may not write there"),
            (404, "", "is the path of the address right"),
            (405, "", "something else is at this address"),
            (415, "", "something else is at this address"),
        ] {
            web.answer(Mode::Status(status, more, "no"));
            let Outcome::Hold { why } = deliver(outlet.as_mut(), 2) else { panic!("{status}") };
            assert!(why.contains(words) && why.starts_with("http://127.0.0.1:"), "{why}");
        }
    }
    let mut outlet = remote_write(at(web.url("/api/v1/write")));
    web.answer(Mode::Status(404, "", "404 page not found"));
    let Outcome::Hold { why } = deliver(outlet.as_mut(), 2) else { panic!() };
    assert!(why.contains("--web.enable-remote-write-receiver"), "{why}");
}

#[test]
fn what_passes_is_tried_again_and_what_is_refused_is_counted() {
    let web = Web::start();
    let [mut prometheus, mut collector] = outlets(&web);
    let wait = Some(Span::from_secs(7));
    for outlet in [&mut prometheus, &mut collector] {
        web.answer(Mode::Status(429, "Retry-After: 7\r\n", "slowly"));
        let Outcome::Retry { after, suspect: false, .. } = deliver(outlet.as_mut(), 2) else {
            panic!()
        };
        assert_eq!(after, wait);
        web.answer(Mode::Status(503, "", "starting"));
        let outcome = deliver(outlet.as_mut(), 2);
        assert!(matches!(outcome, Outcome::Retry { suspect: false, .. }), "{outcome:?}");
        web.answer(Mode::Status(400, "", "snappy: corrupt input"));
        let Outcome::Dropped { lost, why } = deliver(outlet.as_mut(), 2) else { panic!() };
        assert!(lost >= 2 && why.contains("400 snappy: corrupt input"), "{lost} {why}");
    }
    web.answer(Mode::Status(500, "", "disk full"));
    let outcome = deliver(prometheus.as_mut(), 2);
    assert!(matches!(outcome, Outcome::Retry { suspect: true, .. }), "{outcome:?}");
    let outcome = deliver(collector.as_mut(), 2);
    assert!(matches!(outcome, Outcome::Dropped { .. }), "{outcome:?}");
    // ExportMetricsServiceResponse: three points were rejected, for there was no room.
    web.answer(Mode::Status(200, "", "\n\x0b\x08\x03\x12\x07no room"));
    let Outcome::Dropped { lost, why } = deliver(collector.as_mut(), 2) else { panic!() };
    assert!(lost == 3 && why.contains("no room; 3 points lost"), "{lost} {why}");
}

#[test]
fn nobody_there_is_no_loss_and_is_said_in_words() {
    for (url, words) in [
        ("http://127.0.0.1:1/api/v1/write", "connection refused"),
        ("http://no-such-host.invalid/api/v1/write", "is the name right?"),
    ] {
        let outcome = deliver(remote_write(at(url.to_owned())).as_mut(), 2);
        let Outcome::Retry { why, suspect: false, .. } = outcome else { panic!("{outcome:?}") };
        assert!(why.contains(words), "{why}");
    }
    let web = Web::start();
    let url = web.url("/api/v1/write").replace("http:", "https:");
    let outcome = deliver(remote_write(at(url)).as_mut(), 2);
    assert!(matches!(outcome, Outcome::Retry { .. }), "{outcome:?}");
}

#[test]
fn a_receiver_that_stalls_lies_or_never_ends_takes_no_longer_than_the_deadline() {
    let within = Span::from_secs(2);
    for mode in [
        Mode::Silent,
        Mode::Drip,
        Mode::EndlessHeader,
        Mode::EndlessText,
        Mode::Cut,
        Mode::Close,
        Mode::Garbage,
    ] {
        let web = Web::start();
        for mut outlet in outlets(&web) {
            web.answer(mode.clone());
            let begin = Instant::now();
            let outcome = outlet.deliver(Load::Batch(&batch(AT, 2)), within).outcome;
            let took = begin.elapsed();
            println!("{mode:?}: {} ms, {outcome:?}", took.as_millis());
            assert!(took.as_millis() < 3500, "{mode:?} took {took:?}");
            let is_final =
                matches!(mode, Mode::EndlessText) && matches!(outcome, Outcome::Dropped { .. });
            assert!(is_final || matches!(outcome, Outcome::Retry { .. }), "{mode:?}: {outcome:?}");
            // It is well again: nothing of the failure stays.
            web.answer(Mode::Status(200, "", ""));
            assert_eq!(deliver(outlet.as_mut(), 2), Outcome::Done, "after {mode:?}");
            assert_eq!(outlet.clock(within), None);
        }
    }
}

fn small_only(asked: &Asked) -> (u16, &'static str) {
    if written(&asked.bytes).len() > 40 { (413, "request too large") } else { (204, "") }
}

#[test]
fn a_batch_that_is_too_large_goes_in_parts_and_the_next_one_at_once() {
    let web = Web::start();
    web.answer(Mode::Judged(small_only));
    let mut outlet = remote_write(at(web.url("/api/v1/write")));
    assert_eq!(deliver(outlet.as_mut(), 100), Outcome::Done);
    let wanted = expected(&batch(AT, 100));
    assert_eq!(kept(&web, small_only), wanted);
    let requests = web.asked().len();
    assert_eq!(deliver(outlet.as_mut(), 100), Outcome::Done);
    let later = &web.asked()[requests..];
    assert!(later.iter().all(|asked| small_only(asked).0 == 204), "it knows what is too much");
    let later = later.iter().flat_map(|asked| written(&asked.bytes)).collect();
    assert_eq!(sorted(later), wanted);
}

#[test]
fn a_receiver_for_which_nothing_is_small_enough_is_not_asked_for_ever() {
    let web = Web::start();
    for (status, text) in [(413, "no"), (400, "out of order sample"), (409, "conflict")] {
        web.answer(Mode::Status(status, "", text));
        let before = web.asked().len();
        let outcome = deliver(remote_write(at(web.url("/api/v1/write"))).as_mut(), 1000);
        let Outcome::Dropped { lost, why } = outcome else { panic!("{outcome:?}") };
        let requests = web.asked().len() - before;
        println!("{status} {text}: {requests} requests, {why}");
        assert_eq!(lost, expected(&batch(AT, 1000)).len());
        assert!(requests <= 20, "{requests}");
    }
    // All samples of a batch have one time: no part of it is better.
    for (status, text) in [(400, "out of bounds"), (400, "too far in the future")] {
        web.answer(Mode::Status(status, "", text));
        let before = web.asked().len();
        let outcome = deliver(remote_write(at(web.url("/api/v1/write"))).as_mut(), 1000);
        assert!(matches!(outcome, Outcome::Dropped { .. }), "{outcome:?}");
        assert_eq!(web.asked().len() - before, 1);
    }
}

/// Instances 7, 8 and 700 came late.
fn refuses_three(asked: &Asked) -> (u16, &'static str) {
    let late = ["/srv/Büro 0007", "/srv/Büro 0008", "/srv/Büro 0700"];
    let is_late = |series: &Series| {
        series.label("__name__") == "hostwatch_check_state"
            && late.contains(&series.label("object"))
    };
    match written(&asked.bytes).iter().any(is_late) {
        true => (400, "out of order sample"),
        false => (204, ""),
    }
}

#[test]
fn a_few_bad_samples_cost_themselves_and_no_other() {
    let web = Web::start();
    web.answer(Mode::Judged(refuses_three));
    let mut outlet = remote_write(at(web.url("/api/v1/write")));
    let outcome = deliver(outlet.as_mut(), 1000);
    let Outcome::Dropped { lost, why } = outcome else { panic!("{outcome:?}") };
    println!("{} requests, {why}", web.asked().len());
    let all = expected(&batch(AT, 1000));
    let got: BTreeSet<_> =
        kept(&web, refuses_three).into_iter().map(|series| series.labels).collect();
    assert_eq!(got.len() + lost, all.len());
    assert_eq!(lost, 3);
    assert!(why.contains("out of order sample (") && why.contains("object=\"/srv/"), "{why}");
    assert!(web.asked().len() <= 70, "{}", web.asked().len());
}

#[test]
fn what_is_there_already_is_not_lost() {
    let web = Web::start();
    let mut outlet = remote_write(at(web.url("/api/v1/write")));
    web.answer(Mode::Close);
    let outcome = deliver(outlet.as_mut(), 100);
    assert!(matches!(outcome, Outcome::Retry { .. }), "{outcome:?}");
    web.answer(Mode::Status(400, "", "duplicate sample for timestamp"));
    assert_eq!(deliver(outlet.as_mut(), 100), Outcome::Done, "its answer was lost");
    let outcome = deliver(outlet.as_mut(), 100);
    assert!(matches!(outcome, Outcome::Dropped { .. }), "this one was answered: {outcome:?}");
}

#[test]
fn a_login_goes_along_and_a_changed_password_is_used_at_once() {
    let web = Web::start();
    let file = tempfile::NamedTempFile::new().unwrap();
    let secret = || Secret::File(file.path().to_str().unwrap().to_owned());
    let address = Address {
        url: web.url("/api/v1/write"),
        login: Some(("hw".to_owned(), secret())),
        headers: vec![("X-Scope-OrgID".to_owned(), "tenant".to_owned())],
        ..Address::default()
    };
    let token = Address { login: None, token: Some(secret()), ..address.clone() };
    let (mut by_password, mut by_token) = (remote_write(address), otlp(token));
    let Outcome::Hold { why } = deliver(by_password.as_mut(), 1) else { panic!() };
    assert!(why.contains("password of hw: the password is empty"), "{why}");
    for (secret, login) in [("one", "Basic aHc6b25l"), ("two", "Basic aHc6dHdv")] {
        std::fs::write(file.path(), secret).unwrap();
        assert_eq!(deliver(by_password.as_mut(), 1), Outcome::Done);
        let asked = web.asked().pop().unwrap();
        assert_eq!(asked.header("authorization"), Some(login));
        assert_eq!(asked.header("x-scope-orgid"), Some("tenant"));
        assert_eq!(deliver(by_token.as_mut(), 1), Outcome::Done);
        let asked = web.asked().pop().unwrap();
        assert_eq!(asked.header("authorization"), Some(format!("Bearer {secret}").as_str()));
    }
    assert!(!format!("{by_password:?} {by_token:?}").contains("api/v1"), "{by_password:?}");
}
