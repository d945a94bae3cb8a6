//! What the engine hands to the forwarder, and what it makes of a collector's troubles, in virtual
//! time.

use hostwatch::config::plan::{ForwardPlan, Plan};
use hostwatch::engine::event::Event;
use hostwatch::forward::health::{Health, Trouble};
use hostwatch::forward::target::{OutletPlan, Target, Web};
use hostwatch::model::batch::{Batch, Change, OutletNumbers, Parcel};
use hostwatch::model::state::State;
use hostwatch::model::time::Stamp;
use hostwatch::model::unit::Span;

use crate::sim::{self, Gives, HOUR, MINUTE, SECOND, Service, Sim};

fn forwarding(mut plan: Plan, names: &[&str]) -> Plan {
    let outlet = |name: &&str| OutletPlan {
        name: (*name).to_owned(),
        target: Target::RemoteWrite(Web::default()),
    };
    plan.forward = Some(ForwardPlan {
        every: Span::from_secs(30),
        spool_bytes: 16 << 20,
        outlets: names.iter().map(outlet).collect(),
    });
    plan
}

fn batches(sim: &Sim) -> Vec<(u64, &Batch)> {
    let mut found = Vec::new();
    for (at, parcel) in &sim.parcels {
        if let Parcel::Batch(batch) = parcel {
            found.push((*at, batch));
        }
    }
    found
}

fn changes(sim: &Sim) -> Vec<(u64, &Change)> {
    let mut found = Vec::new();
    for (at, parcel) in &sim.parcels {
        if let Parcel::Change(change) = parcel {
            found.push((*at, change));
        }
    }
    found
}

fn health(name: &str, trouble: Option<(&str, bool)>) -> Event {
    let trouble = trouble.map(|(text, misconfigured)| Trouble {
        since: Stamp::default(),
        lasting: Span::ZERO,
        text: text.to_owned(),
        misconfigured,
    });
    let up = trouble.is_none();
    let numbers = OutletNumbers { name: name.to_owned(), up, ..OutletNumbers::default() };
    Event::Forwarded(vec![Health { numbers, lost_values: 0, trouble }])
}

/// What a process says of an outlet that it has not tried.
fn unproven(name: &str) -> Event {
    let numbers = OutletNumbers { name: name.to_owned(), ..OutletNumbers::default() };
    Event::Forwarded(vec![Health { numbers, ..Health::default() }])
}

#[test]
fn a_batch_a_beat_is_what_a_scrape_would_have_shown() {
    let second =
        hostwatch::config::plan::Check { rule: sim::check("second").rule, ..sim::check("second") };
    let mut sim = Sim::new(forwarding(sim::plan(vec![sim::check("disk"), second]), &["vm"]));
    sim.set("a", Gives::Pattern(vec![1.0, 2.0, 3.0], 0));
    sim.set_own("b", Gives::Value(7.0));
    sim.start();
    sim.run_until(2 * MINUTE + 5 * SECOND);
    let made = batches(&sim);
    let times: Vec<u64> = made.iter().map(|(at, _)| *at / SECOND).collect();
    assert_eq!(times, [30, 60, 90, 120]);
    for (at, batch) in &made {
        assert_eq!(batch.at, Stamp(sim.offset + i64::try_from(*at).unwrap()));
        let names: Vec<_> = batch.things.iter().map(|thing| &*thing.instance).collect();
        assert_eq!(names, ["a", "b"], "two checks judge each, and each is there once");
        let ids: Vec<String> = batch.verdicts.iter().map(|v| v.id.to_string()).collect();
        for id in ["agent:forward/vm", "disk:a", "disk:b", "second:a", "second:b"] {
            assert!(ids.iter().any(|have| have == id), "{id} of {ids:?}");
        }
        // Read at 0, 10, 20 ...: the reading of this very beat is in it.
        let reads = usize::try_from(*at / (10 * SECOND)).unwrap();
        let value = [1.0, 2.0, 3.0][reads % 3];
        assert_eq!(batch.things[0].values, [("used_percent".into(), value)], "at {at}");
        let verdict = batch.verdicts.iter().find(|v| v.id.to_string() == "disk:a").unwrap();
        assert_eq!(verdict.read, Some(batch.at));
        assert_eq!((verdict.figures[0].crit, verdict.figures[0].warn), (Some(90.0), None));
    }
    sim.set_own("b", Gives::Error("input/output error"));
    sim.run_until(5 * MINUTE);
    let (_, last) = *batches(&sim).last().unwrap();
    assert_eq!(last.things.len(), 1, "what cannot be read has no value");
    let lost = last.verdicts.iter().find(|v| v.id.to_string() == "disk:b").unwrap();
    assert_eq!(lost.state, State::Unknown);
}

#[test]
fn each_change_is_handed_over_as_it_happens() {
    let mut sim = Sim::new(forwarding(sim::plan(vec![sim::check("disk")]), &["vm"]));
    sim.set("a", Gives::Value(10.0));
    sim.start();
    sim.run_until(15 * SECOND);
    assert!(changes(&sim).is_empty(), "that all is well at the start is no change");
    sim.set("a", Gives::Value(95.0));
    sim.run_until(MINUTE + 5 * SECOND);
    sim.set("a", Gives::Value(10.0));
    sim.run_until(2 * MINUTE);
    let seen: Vec<_> = changes(&sim)
        .into_iter()
        .map(|(at, c)| (at / SECOND, c.number, c.before, c.verdict.state, c.gone))
        .collect();
    let (ok, critical) = (State::Ok, State::Critical);
    assert_eq!(seen, [(20, 1, ok, critical, false), (70, 2, critical, ok, false)]);
    let (at, first) = changes(&sim)[0];
    assert_eq!(first.at, Stamp(sim.offset + i64::try_from(at).unwrap()));
    assert_eq!(first.verdict.changes, 1);
    // What is watched no more has a last word.
    sim.set("a", Gives::Value(95.0));
    sim.run_until(3 * MINUTE);
    sim.reload(forwarding(sim::plan(vec![sim::check("other")]), &["vm"]));
    sim.run_until(4 * MINUTE);
    let last: Vec<_> = changes(&sim).into_iter().filter(|(_, c)| c.gone).collect();
    assert_eq!(last.len(), 1);
    let (_, gone) = last[0];
    assert_eq!((gone.verdict.id.to_string().as_str(), gone.verdict.state), ("disk:a", State::Ok));
}

#[test]
fn without_an_outlet_nothing_is_made() {
    let mut sim = Sim::new(sim::plan(vec![sim::check("disk")]));
    sim.set("a", Gives::Value(95.0));
    sim.start();
    sim.run_until(HOUR);
    assert_eq!((sim.parcels.len(), sim.outlets_named), (0, 0));
    assert!(!sim.report().instances.iter().any(|i| i.id.to_string().contains("forward/")));
}

#[test]
fn an_outlet_that_takes_nothing_is_told_after_a_while_and_when_it_works_again() {
    for (misconfigured, minutes) in [(false, 15), (true, 5)] {
        let mut sim = Sim::new(forwarding(sim::plan(vec![sim::check("disk")]), &["vm", "am"]));
        sim.set("a", Gives::Value(10.0));
        sim.start();
        sim.run_until(MINUTE);
        let begin = sim.time;
        // The words change with every attempt, as they do.
        for n in 0..minutes * 2 {
            let text = format!("401 wrong password, attempt {n}");
            sim.event(health("vm", Some((&text, misconfigured))));
            sim.event(health("am", None));
            // A process that was started anew has tried nothing yet, and says so.
            sim.event(unproven("vm"));
            sim.run_until(sim.time + 30 * SECOND - 1);
            assert!(sim.taken.is_empty(), "told after {} ms", sim.time - begin);
        }
        sim.run_until(begin + minutes * MINUTE + 2 * MINUTE);
        assert_eq!(sim.taken.len(), 1, "{:?}", sim.taken);
        let mail = &sim.taken[0];
        assert!(mail.subject.contains("forward/vm"), "{}", mail.subject);
        assert!(mail.bytes.contains("401 wrong password"), "{}", mail.bytes);
        let report = sim.report();
        let states: Vec<(String, State)> =
            report.instances.iter().map(|i| (i.id.to_string(), i.state)).collect();
        assert!(states.contains(&("agent:forward/vm".to_owned(), State::Warning)));
        assert!(states.contains(&("agent:forward/am".to_owned(), State::Ok)));
        sim.event(health("vm", None));
        sim.run_until(sim.time + 10 * MINUTE);
        assert_eq!(sim.taken.len(), 2, "that it works again is told once");
        // A short trouble is none.
        for _ in 0..4 {
            sim.event(health("vm", Some(("connection refused", false))));
            sim.run_until(sim.time + 2 * MINUTE);
            sim.event(health("vm", None));
            sim.run_until(sim.time + 2 * MINUTE);
        }
        assert_eq!(sim.taken.len(), 2);
    }
}

#[test]
fn an_outlet_that_is_removed_takes_its_trouble_along() {
    let mut sim = Sim::new(forwarding(sim::plan(vec![sim::check("disk")]), &["vm"]));
    sim.set("a", Gives::Value(10.0));
    sim.start();
    sim.event(health("vm", Some(("connection refused", false))));
    sim.run_until(20 * MINUTE);
    assert_eq!(sim.taken.len(), 1);
    assert_eq!(sim.outlets_named, 1);
    // The same again changes nothing: the process that forwards goes on.
    sim.reload(forwarding(sim::plan(vec![sim::check("disk")]), &["vm"]));
    assert_eq!(sim.outlets_named, 1);
    sim.reload(sim::plan(vec![sim::check("disk")]));
    let made = sim.parcels.len();
    sim.run_until(40 * MINUTE);
    assert_eq!((sim.outlets_named, sim.parcels.len()), (2, made));
    assert_eq!(sim.taken.len(), 2, "{:?}", sim.taken.last());
    let report = sim.report();
    assert!(report.outlets.is_empty());
    assert!(!report.instances.iter().any(|i| i.id.to_string() == "agent:forward/vm"));
    // Late words of the process that was ended mean nothing.
    sim.event(health("vm", Some(("connection refused", false))));
    sim.run_until(2 * HOUR);
    assert_eq!(sim.taken.len(), 2);
}

#[test]
fn forwarding_moves_no_read_no_mail_and_no_state() {
    let run = |plan: Plan| {
        let mut sim = Sim::new(plan);
        sim.set("a", Gives::Pattern(vec![10.0, 95.0, 95.0, 95.0, 10.0, 10.0, 10.0, 10.0], 0));
        sim.set_own("b", Gives::Value(50.0));
        sim.mail = Service::Up;
        sim.start();
        sim.event(health("vm", Some(("connection refused", false))));
        sim.run_until(10 * MINUTE);
        let mails: Vec<_> = sim.taken.iter().map(|t| (t.at, t.subject.clone())).collect();
        (sim.report().runs, mails, sim.wakes)
    };
    let (plain, with) = (sim::plan(vec![sim::check("disk")]), sim::plan(vec![sim::check("disk")]));
    let (plain, with) = (run(plain), run(forwarding(with, &["vm"])));
    assert_eq!((plain.0, &plain.1), (with.0, &with.1));
    assert_eq!(plain.2, with.2, "a batch shares the wake-up of the checks");
}
