//! Hooks in virtual time: events are queued with the mails, in order, and neither waits for the
//! other.

use std::collections::{BTreeMap, BTreeSet};

use hostwatch::config::hook::ON_CHANGE;
use hostwatch::config::plan::Plan;
use hostwatch::model::limit::{DELIVERY_GRACE, HOOK_DEADLINE};
use hostwatch::net::route::Route;
use hostwatch::notify::contact::Contact;
use hostwatch::notify::event::Event;
use hostwatch::notify::hook::{Hook, Preset, Program, Webhook};

use crate::sim::{DAY, Gives, HOUR, MINUTE, SECOND, Service, Sim, Taken, check, level, plan};

fn webhook() -> Hook {
    Hook::Webhook(Box::new(Webhook {
        url: "https://ntfy.example.net/db03".to_owned(),
        preset: Preset::Json,
        token: None,
        key: None,
        headers: Vec::new(),
        route: Route::default(),
    }))
}

fn program() -> Hook {
    Hook::Program(Program { argv: vec!["/bin/true".to_owned()], user: None, attempt: 0 })
}

/// `ops` has mail, `phone` a webhook, `both` mail and both kinds of hooks.
fn hooked() -> Plan {
    let mut disk = check("disk");
    disk.notify = ["ops", "phone", "both"].map(str::to_owned).to_vec();
    let mut plan = plan(vec![disk]);
    let phone = Contact { hooks: vec![webhook()], ..Contact::default() };
    let mail = vec!["both@example.net".to_owned()];
    let both = Contact { mail, hooks: vec![webhook(), program()], ..Contact::default() };
    plan.contacts.insert("phone".to_owned(), phone);
    plan.contacts.insert("both".to_owned(), both);
    plan
}

fn event(taken: &Taken) -> Option<Event> {
    serde_json::from_str(&taken.bytes).ok()
}

fn events(sim: &Sim, contact: &str) -> Vec<Event> {
    sim.taken.iter().filter(|taken| taken.contact == contact).filter_map(event).collect()
}

/// When mails were taken, by whom.
fn mails(sim: &Sim) -> Vec<(u64, String, String)> {
    let mails = sim.taken.iter().filter(|taken| event(taken).is_none());
    mails.map(|taken| (taken.at, taken.contact.clone(), taken.subject.clone())).collect()
}

/// Disks that fill and empty in turn, too seldom to flap, for some hours.
fn trouble(sim: &mut Sim, hours: u64) {
    let end = sim.time + hours * HOUR;
    let mut full = false;
    while sim.time < end {
        full = !full;
        for name in ["a", "b"] {
            sim.set(name, Gives::Value(if full { 95.0 } else { 10.0 }));
        }
        sim.run_until(sim.time + 40 * MINUTE);
    }
}

#[test]
fn every_change_is_one_event_a_hook_with_numbers_and_one_mail_tells_them_all() {
    let mut sim = Sim::new(hooked());
    for name in ["a", "b", "c"] {
        sim.set(name, Gives::Value(95.0));
    }
    sim.start();
    sim.run_until(5 * MINUTE);
    let phone = events(&sim, "phone");
    let checks: Vec<&str> = phone.iter().map(|event| event.check.as_str()).collect();
    assert_eq!(checks, ["disk:a", "disk:b", "disk:c"]);
    assert_eq!(phone[0].value, BTreeMap::from([("used_percent".to_owned(), 95.0)]));
    assert_eq!(phone[0].limit, BTreeMap::from([("used_percent".to_owned(), 90.0)]));
    assert!(phone.windows(2).all(|pair| pair[0].seq < pair[1].seq));
    assert_eq!(events(&sim, "both").len(), 6, "one for each of its hooks");
    let ids: BTreeSet<String> = phone.iter().map(|event| event.id.clone()).collect();
    assert_eq!(ids.len(), 3);
    assert_eq!(mails(&sim).len(), 2, "{:?}", mails(&sim));
    sim.set("a", Gives::Value(10.0));
    sim.run_until(20 * MINUTE);
    let over = events(&sim, "phone").pop().unwrap();
    assert_eq!((over.check.as_str(), over.event), ("disk:a", phone[0].event.clone()));
    assert_eq!((over.id.ends_with("-2"), over.state.word()), (true, "ok"));
}

#[test]
fn a_dead_hook_delays_no_mail_and_a_dead_mail_server_no_event() {
    let run = |mail: Service, hooks: Service| {
        let mut sim = Sim::new(hooked());
        sim.set("a", Gives::Value(10.0));
        sim.set("b", Gives::Value(10.0));
        sim.start();
        (sim.mail, sim.hooks) = (mail, hooks);
        trouble(&mut sim, 8);
        sim
    };
    let well = run(Service::Up, Service::Up);
    let told: Vec<String> = events(&well, "phone").into_iter().map(|event| event.check).collect();
    assert!(told.len() >= 20, "{told:?}");
    for dead in [Service::Hangs, Service::Down] {
        let mut sim = run(Service::Up, dead);
        let about_disks = |sim: &Sim| {
            let mut mails = mails(sim);
            mails.retain(|(_, _, subject)| !subject.contains("agent"));
            mails
        };
        assert_eq!(about_disks(&sim), about_disks(&well), "{dead:?}: mails go as if nothing was");
        assert_eq!(events(&sim, "phone").len(), 0);
        // The fault names the hook and goes out by mail.
        let fault = mails(&sim).into_iter().find(|(_, _, subject)| subject.contains("agent mail"));
        let (at, _, subject) = fault.expect("a fault of the hook is told");
        assert!(subject.starts_with("WARN") && at < 40 * MINUTE, "{subject} at {at}");
        // When it works again, everything comes, in order, and the fault is over.
        sim.hooks = Service::Up;
        sim.run_until(sim.time + HOUR);
        let late: Vec<String> = events(&sim, "phone")
            .into_iter()
            .filter(|event| event.kind == "disk")
            .map(|event| event.check)
            .collect();
        assert_eq!(late, told, "{dead:?}");
        for contact in ["phone", "both"] {
            let seqs: Vec<u64> = sim
                .taken
                .iter()
                .filter(|t| t.contact == contact)
                .filter_map(|t| Some((event(t)?, t)))
                .map(|(event, _)| event.seq)
                .collect();
            let distinct: BTreeSet<u64> = seqs.iter().copied().collect();
            assert_eq!(distinct.len(), seqs.len(), "{contact}: none twice");
            if contact == "phone" {
                assert!(seqs.is_sorted(), "{seqs:?}");
            }
        }
        assert!(sim.report().instances.iter().all(|i| i.state.word() == "ok" || i.kind == "disk"));
    }
    for dead in [Service::Hangs, Service::Down] {
        let sim = run(dead, Service::Up);
        let seen = |sim: &Sim| {
            let taken = sim.taken.iter().filter(|taken| taken.contact == "phone");
            let taken = taken.filter_map(|taken| Some((taken.at, event(taken)?)));
            taken.filter(|(_, event)| event.kind == "disk").map(|(at, e)| (at, e.check)).collect()
        };
        let (with, without): (Vec<_>, Vec<_>) = (seen(&sim), seen(&well));
        assert_eq!(with, without, "{dead:?}: events go as if nothing was");
        assert_eq!(mails(&sim).len(), 0);
    }
}

#[test]
fn a_kill_at_any_moment_loses_no_event_and_repeats_the_very_same() {
    let mut never = false;
    let mut effects = 0;
    while !never {
        let mut sim = Sim::new(hooked());
        sim.set("a", Gives::Value(95.0));
        sim.kill_after = Some(effects);
        sim.start();
        sim.run_until(3 * MINUTE);
        never = sim.engine.is_some();
        if !never {
            sim.start();
            sim.run_until(6 * MINUTE);
        }
        for (contact, each) in [("phone", 1), ("both", 2)] {
            let taken = sim.taken.iter().filter(|taken| taken.contact == contact);
            let told: Vec<(Event, &str)> = taken
                .filter_map(|taken| Some((event(taken)?, taken.bytes.as_str())))
                .filter(|(event, _)| event.check == "disk:a")
                .collect();
            let distinct: BTreeSet<&str> = told.iter().map(|(_, bytes)| *bytes).collect();
            assert_eq!(distinct.len(), each, "{contact}, killed after {effects}: {told:#?}");
            assert!(told.len() <= each + 1, "{contact}, killed after {effects}");
        }
        effects += 1;
    }
    assert!(effects > 10, "the kills fell somewhere: {effects}");
}

#[test]
fn what_is_refused_or_taken_out_of_the_configuration_is_given_up_and_told() {
    let mut sim = Sim::new(hooked());
    sim.refused = vec!["webhook:phone".to_owned()];
    sim.set("a", Gives::Value(95.0));
    sim.start();
    sim.run_until(10 * MINUTE);
    let report = sim.report();
    assert!(report.mail.refused.iter().any(|line| line.starts_with("webhook:phone: 550")));
    let fault = mails(&sim).into_iter().find(|(_, _, subject)| subject.contains("agent mail"));
    assert!(fault.is_some(), "{:?}", mails(&sim));
    // A hook that is gone is not waited for.
    sim.refused.clear();
    sim.hooks = Service::Down;
    sim.set("a", Gives::Value(10.0));
    sim.run_until(20 * MINUTE);
    assert!(sim.report().mail.waiting.iter().any(|w| w.recipients == ["webhook:phone"]));
    let mut without = hooked();
    without.contacts.get_mut("phone").unwrap().hooks = vec![program()];
    sim.reload(without);
    sim.run_until(DAY);
    assert!(!sim.report().mail.waiting.iter().any(|w| w.recipients == ["webhook:phone"]));
    assert!(sim.log.iter().any(|(_, line)| line.contains("webhook:phone is given up")
        && line.contains("no more in the configuration")));
}

#[test]
fn a_hook_that_never_reports_its_end_is_given_up_in_time() {
    let mut sim = Sim::new(hooked());
    sim.set("a", Gives::Value(95.0));
    sim.hooks = Service::Hangs;
    sim.start();
    sim.run_until(MINUTE);
    sim.hooks = Service::Up;
    let longest = HOOK_DEADLINE.as_millis() + DELIVERY_GRACE.as_millis() + 2 * MINUTE;
    sim.run_until(MINUTE + longest);
    assert_eq!(events(&sim, "phone").len(), 1);
}

#[test]
fn on_change_hears_what_nobody_else_is_told() {
    let mut disk = check("disk");
    disk.rule.warn = Some(level(80.0, 80.0, 0, 1.0));
    disk.notify = vec!["ops".to_owned(), ON_CHANGE.to_owned()];
    let mut plan = plan(vec![disk]);
    let everything = Contact { hooks: vec![program()], ..Contact::default() };
    plan.contacts.insert(ON_CHANGE.to_owned(), everything);
    let mut sim = Sim::new(plan);
    sim.set("a", Gives::Value(10.0));
    sim.start();
    for value in [85.0, 95.0, 85.0, 10.0] {
        sim.set("a", Gives::Value(value));
        sim.run_until(sim.time + 5 * MINUTE + SECOND);
    }
    let told: Vec<(&str, &str)> = events(&sim, ON_CHANGE)
        .iter()
        .map(|event| (event.previous.word(), event.state.word()))
        .collect();
    assert_eq!(
        told,
        [("ok", "warning"), ("warning", "critical"), ("critical", "warning"), ("warning", "ok")]
    );
    assert_eq!(mails(&sim).len(), 3, "ops is not told that it got better");
}
