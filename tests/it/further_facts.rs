//! Facts with a key of their own and what probes must remember, in virtual time: what the journal
//! holds after any frame, whatever effect is the last, and the thread that a mailbox shows.

use std::collections::{BTreeMap, BTreeSet};

use hostwatch::model::limit::FACTS_PER_EPISODE;
use hostwatch::model::state::State;
use hostwatch::model::unit::Span;
use hostwatch::notify::notice::{Cause, Notice};
use serde_json::Value;

use crate::engine_properties::check_ledger;
use crate::sim::{self, Gives, HOUR, MINUTE, SECOND, Sim};

/// One thing whose log can be read: each record is a critical fact, and the memo is its number.
fn with_a_log() -> Sim {
    let mut sim = Sim::new(sim::plan(vec![sim::check("disk")]));
    sim.set("a", Gives::Value(10.0));
    sim
}

fn record(sim: &mut Sim, number: u64) {
    sim.find("a", State::Critical, &number.to_string(), &format!("record {number}"));
    sim.world.get_mut("a").unwrap().memo = Some(number.to_string());
}

/// What the journal holds of `disk:a` after each of its frames: its memo, the facts that are noted
/// as told, and the facts that were ever owed.
fn remembered(journal: &[Vec<u8>]) -> Vec<(Option<u64>, usize, BTreeSet<String>)> {
    let (mut memo, mut noted, mut owed) = (None, 0, BTreeSet::new());
    let mut all = Vec::new();
    for frame in journal {
        let frame: Value = serde_json::from_slice(frame).unwrap();
        for kept in frame["kept"].as_array().into_iter().flatten() {
            if kept["id"]["check"] == "disk" && kept["id"]["instance"] == "a" {
                memo = kept["memo"].as_str().map(|memo| memo.parse().unwrap());
                noted = kept["told"][0][1]["facts"].as_array().map_or(0, Vec::len);
            }
        }
        for notice in frame["owed"].as_array().into_iter().flatten() {
            let notice: Notice = serde_json::from_value(notice[1].clone()).unwrap();
            owed.extend(notice.news.iter().map(|finding| finding.key.clone()));
        }
        all.push((memo, noted, owed.clone()));
    }
    all
}

#[test]
fn a_memo_reaches_the_disk_with_the_notice_that_its_reading_makes() {
    let mut sim = with_a_log();
    sim.start();
    for number in 1..=5 {
        sim.run_until(number * 7 * MINUTE);
        record(&mut sim, number);
    }
    sim.run_until(HOUR);
    let all = remembered(&sim.journal);
    for (place, (memo, noted, owed)) in all.iter().enumerate() {
        let records = usize::try_from(memo.unwrap_or(0)).unwrap();
        assert_eq!((*noted, owed.len()), (records, records), "after frame {place}");
    }
    assert_eq!(all.last().unwrap().0, Some(5));
}

#[test]
fn killed_after_any_effect_every_fact_is_told_and_the_memo_comes_back() {
    let mut kills = 0;
    for effects in 0..260 {
        let mut sim = with_a_log();
        sim.start();
        sim.kill_after = Some(effects);
        let mut number = 0;
        let mut again = |sim: &mut Sim| {
            if sim.engine.is_none() {
                kills += 1;
                let known = remembered(&sim.journal).last().and_then(|(memo, ..)| *memo);
                let before = sim.recalls.len();
                sim.time += SECOND;
                sim.start();
                let given: Vec<&str> =
                    sim.recalls[before..].iter().map(|(_, _, memo)| memo.as_str()).collect();
                let known: Vec<String> = known.iter().map(u64::to_string).collect();
                assert_eq!(given, known, "killed after {effects}");
            }
        };
        for minute in (2..12).step_by(2) {
            sim.run_until(minute * MINUTE);
            again(&mut sim);
            number += 1;
            record(&mut sim, number);
        }
        sim.run_until(20 * MINUTE);
        again(&mut sim);
        sim.kill_after = None;
        sim.run_until(25 * MINUTE);
        let mut mails = BTreeMap::new();
        let mut once: Vec<Notice> = Vec::new();
        for taken in &sim.taken {
            match mails.insert(taken.message_id.clone(), taken.bytes.clone()) {
                Some(before) => assert_eq!(before, taken.bytes, "killed after {effects}"),
                None => once.extend(taken.tells.iter().cloned()),
            }
        }
        assert_eq!(check_ledger(&once, effects as u64, true), 1);
        let told: Vec<&str> =
            once.iter().flat_map(|n| &n.news).map(|finding| finding.key.as_str()).collect();
        assert_eq!(told, ["1", "2", "3", "4", "5"], "killed after {effects}");
    }
    assert!(kills > 150, "only {kills} kills");
}

#[test]
fn no_record_of_what_was_told_precedes_the_notice_that_tells_it() {
    // The agent is woken just before a checkpoint, and its reads last until after it.
    for early in 1..40 {
        let mut slow = sim::check("slow");
        slow.rule.crit = Some(sim::level(90.0, 90.0, HOUR, 1.0));
        let mut disk = sim::check("disk");
        for (check, name) in [(&mut slow, "s"), (&mut disk, "[ab]")] {
            let place = check.place.clone();
            let glob = hostwatch::config::plan::Glob::new(name, place).unwrap();
            check.selection.select = vec![("name", vec![glob])];
        }
        let mut sim = Sim::new(sim::plan(vec![disk, slow]));
        // On the way to a state of its own: something waits for the checkpoint.
        sim.set("s", Gives::Value(95.0));
        sim.start();
        sim.run_until(2 * MINUTE - early);
        sim.read_takes = 10;
        sim.set("a", Gives::Value(95.0));
        sim.set("b", Gives::Value(10.0));
        sim.world.get_mut("a").unwrap().source = "one".to_owned();
        sim.world.get_mut("b").unwrap().source = "other".to_owned();
        record(&mut sim, 1);
        sim.event(hostwatch::engine::event::Event::Changed { kind: "disk" });
        sim.run_until(5 * MINUTE);
        for (place, (_, noted, owed)) in remembered(&sim.journal).iter().enumerate() {
            assert_eq!(*noted, owed.len(), "{early} ms before, after frame {place}");
        }
    }
}

#[test]
fn a_log_that_fills_is_told_to_its_bound() {
    let mut sim = with_a_log();
    sim.start();
    let facts = FACTS_PER_EPISODE as u64;
    for number in 1..=facts + 10 {
        sim.run_until(number * 5 * MINUTE);
        record(&mut sim, number);
    }
    sim.run_until(sim.time + HOUR);
    let told: Vec<&str> = sim
        .taken
        .iter()
        .flat_map(|taken| taken.tells.iter().flat_map(|n| &n.news))
        .map(|finding| finding.key.as_str())
        .collect();
    let wanted: Vec<String> = (1..=facts).map(|number| number.to_string()).collect();
    assert_eq!(told, wanted);
    // A first reading that is fuller than that is one mail, and the end of it.
    let mut sim = with_a_log();
    for number in 1..=300 {
        record(&mut sim, number);
    }
    sim.start();
    sim.run_until(HOUR);
    assert_eq!(sim.taken.len(), 1);
    assert_eq!(sim.taken[0].tells[0].news.len(), FACTS_PER_EPISODE);
    record(&mut sim, 301);
    sim.run_until(2 * HOUR);
    assert_eq!(sim.taken.len(), 1);
}

#[test]
fn further_facts_are_answers_to_the_first_mail() {
    let mut sim = with_a_log();
    sim.start();
    for number in 1..=3 {
        sim.run_until(number * 10 * MINUTE);
        record(&mut sim, number);
    }
    sim.run_until(HOUR);
    let causes: Vec<Cause> =
        sim.taken.iter().flat_map(|taken| &taken.tells).map(|notice| notice.cause).collect();
    assert_eq!(causes, [Cause::Problem, Cause::Another, Cause::Another]);
    let root = sim.taken[0].message_id.clone();
    let references = format!("\r\nReferences: {root}\r\n");
    assert!(!sim.taken[0].bytes.contains("References:"));
    for (later, number) in sim.taken[1..].iter().zip(2..) {
        assert!(later.bytes.contains(&references), "{}", later.bytes);
        assert_eq!(later.subject, format!("CRIT db03: a record {number}"));
        let seq = format!("X-Hostwatch-Seq: {number}\r\n");
        assert!(later.bytes.contains(&seq), "{}", later.bytes);
    }
    // To each contact its own thread, from the mail that told it first.
    let mut plan = sim.plan.clone();
    plan.mail.group_wait = Span::ZERO;
    sim.reload(plan);
    sim.kill();
    sim.start();
    record(&mut sim, 4);
    sim.run_until(2 * HOUR);
    let last = sim.taken.iter().rev().find(|taken| taken.bytes.contains("record 4")).unwrap();
    assert!(last.bytes.contains(root.as_str()), "{}", last.bytes);
}
