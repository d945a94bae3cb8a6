//! Promises about incidents, reminders and digests over many inputs, in virtual time.

use std::collections::{BTreeMap, BTreeSet};

use hostwatch::config::plan::DigestPlan;
use hostwatch::model::daytime::DayTime;
use hostwatch::model::unit::Span;
use hostwatch::notify::notice::Cause;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;

use crate::engine_properties::{Random, check_ledger};
use crate::sim::{self, DAY, Gives, HOUR, MINUTE, SECOND, Sim, Taken};

/// Each mail once, as a server that knows Message-IDs shows them; equal ones are equal.
pub(crate) fn once(taken: &[Taken]) -> Vec<&Taken> {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    let mut mails = Vec::new();
    for one in taken {
        match seen.insert(&one.message_id, &one.bytes) {
            Some(before) => assert_eq!(before, one.bytes, "another mail under the same id"),
            None => mails.push(one),
        }
    }
    mails
}

#[test]
fn whatever_stands_upon_what_nothing_is_dropped_and_no_one_is_reminded_of_nothing() {
    let (mut reminders, mut remarks, mut kills) = (0, 0, 0);
    for seed in 1..=40_u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut check = sim::check("disk");
        check.rule.warn = Some(sim::level(80.0, 80.0, 0, 1.0));
        check.rule.every = Span::from_secs(60);
        check.rule.recover_for = Span::from_secs([0, 120][random.below(2) as usize]);
        check.remind = [20 * 60, 3600].map(Span::from_secs).to_vec();
        let mut sim = Sim::new(sim::plan(vec![check]));
        let names: Vec<String> = (0..12).map(|n| format!("t{n:02}")).collect();
        for (n, name) in names.iter().enumerate() {
            sim.set(name, Gives::Value(10.0));
            // Rings too: nobody promises that a kernel makes none.
            let upon = (0..random.below(4)).map(|_| names[random.below(12) as usize].clone());
            sim.world.get_mut(name).unwrap().upon = upon.filter(|u| *u != names[n]).collect();
        }
        sim.start();
        let mut bad_since: BTreeMap<String, u64> = BTreeMap::new();
        let mut lasting: BTreeSet<String> = BTreeSet::new();
        for _ in 0..60 {
            for name in &names {
                let value = match random.below(12) {
                    0 => 95.0,
                    1 => 85.0,
                    2 => 10.0,
                    _ => continue,
                };
                sim.set(name, Gives::Value(value));
                if value > 80.0 {
                    bad_since.entry(name.clone()).or_insert(sim.time);
                } else if let Some(since) = bad_since.remove(name)
                    && sim.time - since > 5 * MINUTE
                {
                    lasting.insert(name.clone());
                }
            }
            if random.below(8) == 0 {
                sim.kill_after = Some(random.below(40) as usize);
            }
            sim.run_until(sim.time + random.below(12) * MINUTE + MINUTE);
            if sim.engine.is_none() {
                kills += 1;
                sim.time += random.below(300) * SECOND;
                sim.start();
            }
        }
        sim.kill_after = None;
        for name in &names {
            sim.set(name, Gives::Value(10.0));
        }
        sim.run_until(sim.time + 4 * HOUR);
        let mails = once(&sim.taken);
        let told: Vec<_> = mails.iter().flat_map(|mail| mail.tells.iter().cloned()).collect();
        assert_eq!(check_ledger(&told, seed, true), 0, "seed {seed}: never closed");
        for name in &lasting {
            let named = told.iter().any(|notice| *notice.id.instance == **name);
            assert!(named, "seed {seed}: {name} is in no mail");
        }
        let mut open = BTreeSet::new();
        for notice in &told {
            match notice.cause {
                Cause::Recovered | Cause::Closed => drop(open.remove(&notice.id)),
                Cause::Reminder => {
                    reminders += 1;
                    assert!(open.contains(&notice.id), "seed {seed}: of nothing: {notice:?}");
                }
                _ => drop(open.insert(notice.id.clone())),
            }
            remarks += notice.remarks.iter().filter(|row| row.amount == "cause").count();
        }
    }
    assert!(kills > 60, "only {kills} kills");
    assert!(reminders > 100 && remarks > 50, "proves little: {reminders}, {remarks}");
}

#[test]
fn fifty_things_that_flap_all_day_make_few_mails() {
    let mut check = sim::check("disk");
    check.rule.every = Span::from_secs(30);
    check.remind = [4 * 3600, 12 * 3600].map(Span::from_secs).to_vec();
    let mut sim = Sim::new(sim::plan(vec![check]));
    for n in 0..50 {
        let mut pattern = vec![95.0; 1 + n % 5];
        pattern.extend(vec![10.0; 1 + n % 7]);
        sim.set(&format!("f{n:02}"), Gives::Pattern(pattern, 0));
    }
    sim.start();
    sim.run_until(DAY);
    assert!(sim.taken.len() <= 30, "{} mails", sim.taken.len());
    let named: BTreeSet<_> = sim.taken.iter().flat_map(|t| &t.tells).map(|n| &n.id).collect();
    assert_eq!(named.len(), 50);
}

#[test]
fn a_storm_of_single_failures_names_each_and_is_braked() {
    let mut check = sim::check("disk");
    check.rule.every = Span::from_secs(10);
    let mut sim = Sim::new(sim::plan(vec![check]));
    for n in 0..60 {
        sim.set(&format!("s{n:02}"), Gives::Value(10.0));
    }
    sim.start();
    for n in 0..60 {
        sim.run_until(MINUTE * (n + 1));
        sim.set(&format!("s{n:02}"), Gives::Value(95.0));
    }
    sim.run_until(2 * HOUR);
    for start in 0..110 {
        let within = |t: &&Taken| (start * MINUTE..(start + 10) * MINUTE).contains(&t.at);
        let mails = sim.taken.iter().filter(within).count();
        assert!(mails <= 16, "{mails} mails in the ten minutes from {start}");
    }
    let named: BTreeSet<_> = sim.taken.iter().flat_map(|t| &t.tells).map(|n| &n.id).collect();
    assert_eq!(named.len(), 60);
    assert!(sim.taken.len() < 45, "{} mails of 60 failures", sim.taken.len());
}

/// Milliseconds of 07:00 in Berlin.
fn seven(day: Date) -> i64 {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    day.at(7, 0, 0, 0).to_zoned(zone).unwrap().timestamp().as_millisecond()
}

/// A host with a digest at seven, started at noon of a day.
fn with_digest(day: Date) -> Sim {
    let mut check = sim::check("disk");
    check.rule.every = Span::from_secs(600);
    let mut plan = sim::plan(vec![check]);
    plan.host.timezone = "Europe/Berlin".to_owned();
    let at = DayTime::new(7, 0).unwrap();
    plan.mail.digest = Some(DigestPlan { at, to: vec!["ops".to_owned()] });
    let mut sim = Sim::new(plan);
    sim.offset = seven(day) + i64::try_from(5 * HOUR).unwrap();
    sim.set("a", Gives::Value(10.0));
    sim
}

/// Number of a digest, and when it came.
fn digests(sim: &Sim) -> Vec<(u64, u64)> {
    let number = |mail: &&Taken| {
        let line = mail.bytes.lines().find(|line| line.starts_with("X-Hostwatch-Digest: "))?;
        Some((line.split(' ').nth(1)?.parse().ok()?, mail.at))
    };
    once(&sim.taken).iter().filter_map(number).collect()
}

#[test]
fn the_digest_comes_daily_over_restarts_and_both_changes_of_the_clock() {
    let (mut restarts, mut late, mut all) = (0, 0, 0);
    for (seed, first) in (1..=4_u64).flat_map(|n| [(n, date(2026, 3, 15)), (n, date(2026, 10, 12))])
    {
        let mut random = Random(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let mut sim = with_digest(first);
        sim.start();
        let mut off: Vec<(u64, u64)> = Vec::new();
        while sim.time < 31 * DAY {
            if random.below(3) == 0 {
                sim.kill_after = Some(random.below(60) as usize);
            }
            sim.run_until(sim.time + random.below(30 * 60) * MINUTE);
            sim.kill_after = None;
            let since = sim.died.take().unwrap_or(sim.time);
            if sim.engine.is_some() && random.below(2) == 0 {
                sim.stop();
            } else {
                sim.kill();
            }
            sim.time += match random.below(4) {
                0 => random.below(20 * 60) * MINUTE,
                _ => random.below(90) * SECOND,
            };
            off.push((since, sim.time));
            restarts += 1;
            sim.start();
        }
        sim.run_until(sim.time + 2 * DAY);
        let got = digests(&sim);
        for (n, (number, _)) in (1..).zip(&got) {
            assert_eq!(*number, n, "seed {seed}: {got:?}");
        }
        // At seven, or as soon as the agent is back and has read: within a minute of either.
        let absent = |at: u64| {
            off.iter().find(|(since, back)| (since.saturating_sub(MINUTE)..=*back).contains(&at))
        };
        let mut days = 0;
        for day in first.tomorrow().unwrap().series(jiff::Span::new().days(1)) {
            let due = u64::try_from(seven(day) - sim.offset).unwrap();
            if due + 2 * MINUTE > sim.time {
                break;
            }
            days += 1;
            let until = absent(due).map_or(due, |(_, back)| *back) + MINUTE;
            // A process that dies while it sends comes back and sends.
            let until = absent(until).map_or(until, |(_, back)| back + MINUTE);
            let came = got.iter().any(|(_, at)| (due..=until).contains(at));
            assert!(came, "seed {seed}, {first}: none of {day} from {due} to {until}: {got:?}");
            late += usize::from(until > due + 5 * MINUTE);
        }
        all += got.len();
        assert!(got.len() <= days, "seed {seed}: {} digests of {days} days", got.len());
    }
    assert!(restarts > 200 && all > 200 && late > 10, "{restarts} {all} {late}");
}

#[test]
fn the_digest_comes_to_the_minute_while_the_agent_runs() {
    for first in [date(2026, 3, 15), date(2026, 10, 12)] {
        let mut sim = with_digest(first);
        sim.start();
        sim.run_until(31 * DAY);
        let days = first.tomorrow().unwrap().series(jiff::Span::new().days(1));
        let due = days.map(|day| u64::try_from(seven(day) - sim.offset).unwrap());
        let got = digests(&sim);
        assert_eq!(got.len(), 31);
        for ((number, at), due) in got.iter().zip(due) {
            assert!(at.abs_diff(due) <= MINUTE, "#{number} came {} ms off", at.abs_diff(due));
        }
    }
}

#[test]
fn a_clock_that_is_set_leaves_no_day_without_and_makes_no_second_digest() {
    for seed in 1..=8_u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut sim = with_digest(date(2026, 6, 1));
        sim.start();
        for _ in 0..25 {
            sim.run_until(sim.time + random.below(40) * HOUR);
            let step = i64::try_from(match random.below(4) {
                0 => random.below(30) * DAY,
                1 => random.below(24) * HOUR,
                _ => random.below(120) * SECOND,
            })
            .unwrap();
            sim.offset += if random.below(2) == 0 { step } else { -step };
            if random.below(3) == 0 {
                sim.kill();
                sim.start();
            }
        }
        sim.run_until(sim.time + 2 * DAY);
        let got = digests(&sim);
        assert!(got.len() > 10, "seed {seed}: {got:?}");
        for pair in got.windows(2) {
            assert_eq!(pair[1].0, pair[0].0 + 1, "seed {seed}: {got:?}");
            let hours = (pair[1].1 - pair[0].1) / HOUR;
            // Half a day at least; at most until the first such time after that, which a clock that
            // is set back again and again puts off each time.
            assert!(hours >= 11, "seed {seed}: {hours} h between {pair:?}");
        }
    }
}
