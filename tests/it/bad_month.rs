//! A bad month of a host with 200 checks, and how many mails it makes: ours, and those of a model of
//! Monit's rule on the very same samples.
//!
//! The model of Monit (5.33, as it was seen to behave): every limit is a test of its own; a test
//! fails on the second bad sample in a row (`for 2 cycles`) and succeeds on the first good one, and
//! each of both is a mail of its own; there are no reminders unless asked for, so there are none;
//! counters and failures do not survive a restart, so that every open failure is mailed again.
//! Left out, in its favour: its mails about its own start and stop, its implicit tests, and mails
//! that it loses. It reads every two minutes, as Debian sets it up; so do we.

use std::collections::{BTreeMap, BTreeSet};

use hostwatch::model::unit::Span;
use hostwatch::notify::notice::Cause;

use crate::engine_properties::{Random, check_ledger};
use crate::incidents::once;
use crate::sim::{self, DAY, Gives, HOUR, MINUTE, Sim};

const CYCLE: u64 = 2 * MINUTE;
const WARN: f64 = 80.0;
const CRIT: f64 = 90.0;

/// One test of Monit: one limit of one service.
#[derive(Default, Clone, Copy)]
struct Test {
    bad: u32,
    failed: bool,
}

/// Monit with a test for each of these limits on each service.
struct Monit {
    limits: Vec<f64>,
    /// By limit, then by service.
    tests: Vec<Vec<Test>>,
    mails: usize,
}

impl Monit {
    fn new(limits: &[f64], services: usize) -> Self {
        let tests = vec![vec![Test::default(); services]; limits.len()];
        Self { limits: limits.to_vec(), tests, mails: 0 }
    }

    fn sample(&mut self, service: usize, value: f64) {
        for (limit, tests) in self.limits.iter().zip(&mut self.tests) {
            let test = &mut tests[service];
            test.bad = if value >= *limit { test.bad + 1 } else { 0 };
            let failed = test.bad >= 2 || (test.failed && test.bad > 0);
            self.mails += usize::from(failed != test.failed);
            test.failed = failed;
        }
    }

    fn restart(&mut self) {
        self.tests.iter_mut().flatten().for_each(|test| *test = Test::default());
    }
}

/// What every thing of the host gives.
struct Host {
    random: Random,
    names: Vec<String>,
    /// Blips under way: how many samples more.
    blips: BTreeMap<usize, u64>,
}

/// Noise of a few points around a value.
fn near(random: &mut Random, value: f64, points: u64) -> f64 {
    let noise = f64::from(u32::try_from(random.below(200 * points)).unwrap()) / 100.0;
    value + noise - f64::from(u32::try_from(points).unwrap())
}

impl Host {
    fn new() -> Self {
        let mut names: Vec<String> = [
            "eno1", "eno2", "bond0", "bond0-rx", "bond0-tx", "sda", "sdb", "sda-heat", "md0",
            "root", "var", "data", "log",
        ]
        .map(str::to_owned)
        .to_vec();
        names.extend((0..6).map(|n| format!("nfs{n}")));
        names.extend((0..24).map(|n| format!("temp{n:02}")));
        names.extend((0..8).map(|n| format!("link{n}")));
        let rest = 200 - names.len();
        names.extend((0..rest).map(|n| format!("misc{n:03}")));
        Self { random: Random(0x2545_f491_4f6c_dd1d), names, blips: BTreeMap::new() }
    }

    fn upon(name: &str) -> &'static [&'static str] {
        match name {
            "bond0" => &["eno1", "eno2"],
            "bond0-rx" | "bond0-tx" => &["bond0", "eno1", "eno2"],
            "md0" => &["sda", "sdb"],
            "root" | "var" | "data" | "log" => &["md0", "sda", "sdb"],
            "sda-heat" => &["sda"],
            _ => &[],
        }
    }

    /// The value of one thing at a time.
    fn value(&mut self, place: usize, time: u64) -> f64 {
        let day = time / DAY;
        let hour = time % DAY / HOUR;
        let minutes = time / MINUTE;
        let name = self.names[place].as_str();
        // Every thing has a spike now and then: mostly of one sample, seldom of some.
        if let Some(left) = self.blips.get_mut(&place) {
            *left -= 1;
            if *left == 0 {
                self.blips.remove(&place);
            }
            return 96.0;
        }
        match self.random.below(24_000) {
            0..=9 => return 96.0,
            10 => drop(self.blips.insert(place, 1 + self.random.below(3))),
            _ => {}
        }
        let within = |from: u64, length: u64| (from..from + length).contains(&time);
        let switch = |late: u64| {
            // The switch is off for 47 minutes, and ten days later it starts over and over.
            within(9 * DAY + 3 * HOUR + late, 47 * MINUTE)
                || (within(19 * DAY + 14 * HOUR + late, HOUR) && (minutes / 6).is_multiple_of(2))
        };
        let dying = 14 * DAY + 2 * HOUR;
        match name {
            "eno2" | "bond0" if switch(0) => 96.0,
            "bond0-rx" | "bond0-tx" if switch(CYCLE) => 86.0,
            nfs if nfs.starts_with("nfs") && switch(CYCLE) => 96.0,
            // A disk is slow more and more often, hot, and then gone, under array and file system.
            "sda" if within(dying, 22 * HOUR) => {
                let worse = (time - dying) / HOUR + 2;
                if self.random.below(24) < worse { 86.0 } else { 40.0 }
            }
            "sda-heat" if within(dying + 12 * HOUR, 10 * HOUR) => near(&mut self.random, 82.0, 4),
            "sda" | "md0" if within(dying + 22 * HOUR, 9 * HOUR) => 96.0,
            "data" if within(dying + 22 * HOUR + CYCLE, 9 * HOUR) => 96.0,
            "md0" | "sda" | "sdb" if within(dying + 31 * HOUR, 5 * HOUR) => 86.0,
            // A file system fills in steps; something is thrown away every six hours.
            "log" if (16..26).contains(&day) => {
                let filled = f64::from(u32::try_from((time - 16 * DAY) / HOUR).unwrap()) * 0.06;
                let since = f64::from(u32::try_from(time % (6 * HOUR) / MINUTE).unwrap());
                74.0 + filled + since / 60.0
            }
            // Hot afternoons, at the limit.
            temp if temp.starts_with("temp0")
                && (2..8).contains(&day)
                && (11..18).contains(&hour) =>
            {
                near(&mut self.random, 79.5, 3)
            }
            // Cables that make and break.
            "link0" | "link1" if matches!(day, 4 | 11 | 18 | 25) && hour < 5 => {
                if (minutes / 4).is_multiple_of(2) { 96.0 } else { 30.0 }
            }
            "link2" if day == 21 => {
                if self.random.below(3) > 0 {
                    96.0
                } else {
                    30.0
                }
            }
            _ => 40.0,
        }
    }
}

#[test]
fn a_bad_month_makes_fewer_mails_than_monit_would_and_names_everything() {
    let mut check = sim::check("disk");
    check.rule.warn = Some(sim::level(WARN, WARN - 3.0, 2 * MINUTE, 1.0));
    check.rule.crit = Some(sim::level(CRIT, CRIT - 3.0, 2 * MINUTE, 1.0));
    check.rule.every = Span::from_millis(CYCLE);
    check.rule.recover_for = Span::from_secs(300);
    check.remind = [4 * 3600, 12 * 3600, 24 * 3600].map(Span::from_secs).to_vec();
    let mut sim = Sim::new(sim::plan(vec![check]));
    let mut host = Host::new();
    for name in &host.names {
        sim.set(name, Gives::Value(40.0));
        let upon = Host::upon(name).iter().map(|upon| (*upon).to_owned());
        sim.world.get_mut(name).unwrap().upon = upon.collect();
    }
    let services = host.names.len();
    let mut both = Monit::new(&[WARN, CRIT], services);
    let mut single = Monit::new(&[CRIT], services);
    let mut given = vec![40.0; services];
    let boots = [5 * DAY + HOUR, 12 * DAY, 15 * DAY + 4 * HOUR, 22 * DAY + 7 * HOUR, 28 * DAY];
    // Runs of bad samples that nobody may miss: longer than a blip, with no restart in them.
    let mut runs: Vec<(String, u64, u64)> = Vec::new();
    let mut bad_since: BTreeMap<String, u64> = BTreeMap::new();
    sim.start();
    let mut cycle = 0;
    while cycle * CYCLE < 30 * DAY {
        let time = cycle * CYCLE;
        for (place, before) in given.iter_mut().enumerate() {
            let value = host.value(place, time);
            both.sample(place, value);
            single.sample(place, value);
            if value == std::mem::replace(before, value) {
                continue;
            }
            let name = &host.names[place];
            if value >= WARN {
                bad_since.entry(name.clone()).or_insert(time);
            } else if let Some(since) = bad_since.remove(name)
                && time - since > 3 * CYCLE
            {
                runs.push((name.clone(), since, time));
            }
            sim.world.get_mut(name).unwrap().gives = Gives::Value(value);
        }
        // Everything is read at the full cycle.
        sim.run_until(time + CYCLE - 1);
        cycle += 1;
        if boots.iter().any(|boot| (time..time + CYCLE).contains(boot)) {
            sim.stop();
            sim.start();
            both.restart();
            single.restart();
            bad_since.clear();
            given.fill(0.0);
        }
    }
    for name in &host.names {
        sim.set(name, Gives::Value(40.0));
    }
    sim.run_until(31 * DAY);
    let mails = once(&sim.taken);
    let ours = mails.len();
    let told: Vec<_> = mails.iter().flat_map(|mail| mail.tells.iter().cloned()).collect();
    let reminders = mails
        .iter()
        .filter(|mail| mail.tells.iter().all(|notice| notice.cause == Cause::Reminder))
        .count();
    println!(
        "a bad month: {ours} mails of ours ({reminders} of them reminders, {} facts), {} of Monit \
         with both limits, {} with the critical one alone; {} problems lasted",
        told.len(),
        both.mails,
        single.mails,
        runs.len()
    );
    assert_eq!(check_ledger(&told, 0, true), 0, "a problem that was never closed");
    // Whoever was told that it is bad, or that it flaps, knows of what comes then.
    for (name, since, until) in &runs {
        let mut known = false;
        let mut named = false;
        for (mail, notice) in mails.iter().flat_map(|m| m.tells.iter().map(move |n| (m, n))) {
            if *notice.id.instance != **name {
                continue;
            }
            named |= (*since..until + HOUR).contains(&mail.at);
            if mail.at <= *until {
                known = !matches!(notice.cause, Cause::Recovered | Cause::Closed);
            }
        }
        assert!(named || known, "{name} was bad from {since} to {until}, and no mail says so");
    }
    let kinds: BTreeSet<_> = told.iter().map(|notice| format!("{:?}", notice.cause)).collect();
    for cause in ["Problem", "Worse", "Recovered", "Flapping", "Steady", "Reminder"] {
        assert!(kinds.contains(cause), "no {cause} in that month: {kinds:?}");
    }
    assert!(runs.len() > 100 && both.mails > 300, "the month was not bad: {}", runs.len());
    assert!(2 * ours < both.mails, "{ours} mails, and Monit would send {}", both.mails);
    assert!(ours < single.mails, "{ours}, and Monit with half of the tests {}", single.mails);
}
