//! Promises of the engine over many inputs, in virtual time.

use std::collections::{BTreeMap, BTreeSet};

use hostwatch::alert::machine::Machine;
use hostwatch::model::reading::{MetricId, Observation, Reading};
use hostwatch::model::state::State;
use hostwatch::model::time::Moment;
use hostwatch::model::unit::Span;
use hostwatch::notify::notice::{Cause, Notice};

use crate::sim::{self, DAY, Gives, HOUR, MINUTE, SECOND, Service, Sim};

/// A small generator, so that a failure is named by its seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

/// The window, as slow and as plain as it can be said: the latest samples whose observed time
/// covers `hold`; gaps add nothing, and one longer than `hold` forgets what was before.
fn oracle(samples: &[(u64, bool)], every: u64, hold: u64, share: f64) -> bool {
    let Some((_, true)) = samples.last() else { return false };
    let observed = |gap: u64| (gap <= 3 * every).then_some(gap);
    // What counts begins after the last gap that is too long, with a bad sample.
    let mut begin = 0;
    for n in 1..samples.len() {
        let gap = samples[n].0 - samples[n - 1].0;
        if gap > 3 * every && gap > hold {
            begin = n;
        }
    }
    if share >= 1.0 {
        for (n, (_, bad)) in samples.iter().enumerate().skip(begin) {
            if !bad {
                begin = n + 1;
            }
        }
        let time: u64 = samples[begin..]
            .windows(2)
            .map(|pair| observed(pair[1].0 - pair[0].0).unwrap_or(0))
            .sum();
        return time >= hold;
    }
    // A window begins with the first bad sample, slides, and ends when nothing in it is bad.
    let mut window: Vec<(u64, bool)> = Vec::new();
    let mut fired = false;
    for (at, bad) in &samples[begin..] {
        if window.is_empty() && !bad {
            continue;
        }
        window.push((*at, *bad));
        let time = |w: &[(u64, bool)]| -> u64 {
            w.windows(2).map(|p| observed(p[1].0 - p[0].0).unwrap_or(0)).sum()
        };
        while window.len() > 1 && time(&window[1..]) >= hold {
            window.remove(0);
        }
        if !window.iter().any(|(_, bad)| *bad) {
            window.clear();
        }
        let bads = window.iter().filter(|(_, bad)| *bad).count() as f64;
        fired = *bad && time(&window) >= hold && bads >= share * window.len() as f64 - 1e-9;
    }
    fired
}

#[test]
fn windows_agree_with_the_plain_definition() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut fired, mut shared) = (0, 0);
    for round in 0..20_000 {
        let every = 10 * SECOND;
        let hold = random.below(30) * 5 * SECOND;
        let share = [1.0, 1.0, 0.95, 0.8, 0.5][random.below(5) as usize];
        let often_bad = 50 + random.below(50);
        let mut check = sim::check("disk");
        check.rule.crit = Some(sim::level(90.0, 90.0, hold, share));
        let mut machine = Machine::default();
        let mut samples = Vec::new();
        let mut at = random.below(100) * SECOND;
        for _ in 0..40 {
            at += match random.below(20) {
                0 => random.below(60) * 5 * SECOND,
                1 => 30 * SECOND,
                2 => 31 * SECOND,
                _ => every,
            };
            let silent = random.below(25) == 0;
            let bad = random.below(100) < often_bad;
            let value = if bad { 95.0 } else { 10.0 };
            let mut seen = Observation::default();
            if !silent {
                seen.readings.push(Reading { metric: MetricId(0), value });
                samples.push((at, bad));
            }
            let state = machine.observe(&check.rule, &seen, Moment(at)).state;
            if silent {
                continue;
            }
            let expected = oracle(&samples, every, hold, share);
            assert_eq!(
                state == State::Critical,
                expected,
                "round {round}: hold {hold} share {share} at {at}: {samples:?}"
            );
            if expected {
                fired += 1;
                shared += u32::from(share < 1.0);
                break;
            }
            // What is stored and read back is the same window.
            if random.below(10) == 0 {
                let text = serde_json::to_string(&machine).unwrap();
                machine = serde_json::from_str(&text).unwrap();
            }
        }
    }
    assert!(fired > 2000 && shared > 500, "the rounds prove little: {fired}, {shared}");
}

/// Whether a notice tells of a problem, or that one is over.
fn is_problem(notice: &Notice) -> bool {
    match notice.cause {
        Cause::Recovered | Cause::Closed => false,
        Cause::Steady => notice.state != State::Ok,
        _ => true,
    }
}

/// R19: for each contact and instance, nothing is told to be over that was not told, a problem is
/// not told twice unless with a fact that was not told yet, and at the end of a steady good hour nothing is open.
pub(crate) fn check_ledger(notices: &[Notice], seed: u64, mails: bool) -> usize {
    let mut open: BTreeMap<(String, String), State> = BTreeMap::new();
    let mut facts: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for notice in notices.iter().filter(|n| n.kind == "disk") {
        let key = (notice.contact.clone(), notice.id.to_string());
        let before = open.get(&key).copied();
        if is_problem(notice) {
            let known = facts.entry(key.clone()).or_default();
            let grown = notice.news.iter().filter(|f| known.insert(f.key.clone())).count() > 0;
            let again = matches!(notice.cause, Cause::Problem | Cause::Another);
            if again && before == Some(notice.state) && !grown {
                panic!("seed {seed}: told twice: {notice:?}");
            }
            open.insert(key, notice.state);
        } else {
            // The first notice of an episode that is a recovery tells of both in one line.
            let both = mails && notice.seq == 1 && notice.root.is_none();
            assert!(before.is_some() || both, "seed {seed}: over, but never told: {notice:?}");
            open.remove(&key);
            facts.remove(&key);
        }
    }
    open.len()
}

#[test]
fn mails_alternate_whatever_the_samples_are() {
    // Through frames and all; the ledger's own test has the 100,000 sequences.
    let (mut sequences, mut told, mut another) = (0, 0, 0);
    for seed in 1..=20_u64 {
        let mut random = Random(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let mut check = sim::check("disk");
        let hold = [0, 0, 20, 60][random.below(4) as usize] * SECOND;
        check.rule.crit = Some(sim::level(90.0, 85.0, hold, 1.0));
        check.rule.warn = (random.below(2) == 0).then(|| sim::level(80.0, 75.0, 0, 1.0));
        check.rule.every = Span::from_secs([10, 60, 600][random.below(3) as usize]);
        check.rule.recover_for = Span::from_secs([0, 0, 30, 120][random.below(4) as usize]);
        check.rule.unknown_after = Span::from_secs([0, 60, 900][random.below(3) as usize]);
        check.notify_improvement = random.below(4) == 0;
        let every = check.rule.every.as_millis();
        let mut plan = sim::plan(vec![check]);
        plan.mail.group_wait = Span::from_secs(40 * 86_400);
        let mut sim = Sim::new(plan);
        let names: Vec<String> = (0..200).map(|n| format!("i{n:03}")).collect();
        for name in &names {
            sim.set(name, Gives::Value(10.0));
        }
        sim.start();
        for round in 1..=12 {
            for name in &names {
                match random.below(30) {
                    0 => sim.find(name, State::Critical, &format!("{round}"), "a disk failed"),
                    1 => sim.find(name, State::Warning, &format!("{round}"), "a disk is slow"),
                    2 => sim.world.get_mut(name).unwrap().findings.clear(),
                    _ => {}
                }
                let gives = match random.below(20) {
                    0..=2 => Gives::Value(95.0),
                    3 => Gives::Value(82.0),
                    4 => Gives::Absent,
                    5 => Gives::Blank,
                    6..=8 => Gives::Value(10.0),
                    _ => continue,
                };
                sim.set(name, gives);
            }
            sim.run_until(round * every);
        }
        // All is good from now on; a sleep makes the steady hour short.
        for name in &names {
            sim.set(name, Gives::Value(10.0));
            sim.world.get_mut(name).unwrap().findings.clear();
        }
        sim.run_until(sim.time + 14 * every);
        sim.suspend(HOUR);
        sim.run_until(sim.time + 2 * every + MINUTE);
        told += sim.notices.len();
        another += sim.notices.iter().filter(|n| n.news.len() > 1).count();
        sequences += names.len();
        let open = check_ledger(&sim.notices, seed, false);
        assert_eq!(open, 0, "seed {seed}: problems that were never closed");
    }
    assert_eq!(sequences, 4000);
    assert!(told > 4000, "the sequences tell little: {told}");
    assert!(another > 300, "few facts came while something was bad: {another}");
}

#[test]
fn flapping_at_every_sample_for_a_day_makes_few_mails() {
    for (hold, recover) in [(0, 0), (10, 0), (0, 10), (20, 20)] {
        let mut check = sim::check("disk");
        check.rule.crit = Some(sim::level(90.0, 90.0, hold * SECOND, 1.0));
        check.rule.recover_for = Span::from_secs(recover);
        for pattern in [vec![95.0, 10.0], vec![95.0, 95.0, 10.0, 10.0], vec![95.0, 95.0, 10.0]] {
            let mut plan = sim::plan(vec![check.clone()]);
            plan.mail.group_wait = Span::ZERO;
            let mut sim = Sim::new(plan);
            sim.set("a", Gives::Pattern(pattern.clone(), 0));
            sim.start();
            sim.run_until(HOUR);
            let hour = sim.taken.len();
            sim.run_until(DAY);
            let day = sim.taken.len();
            let most = if pattern.len() == 2 { 2 } else { 3 };
            assert!(hour <= most, "{hold} {recover} {pattern:?}: {hour} mails in an hour");
            assert!(day <= 30, "{hold} {recover} {pattern:?}: {day} mails in a day");
        }
    }
}

#[test]
fn five_hundred_failures_are_three_mails_that_name_all() {
    let mut sim = Sim::new(sim::plan(vec![sim::check("disk")]));
    for n in 0..500 {
        // Each in a lane of its own, and over a minute: the worst case for gathering.
        sim.set_own(&format!("mount{n:03}"), Gives::Value(10.0));
    }
    sim.start();
    for second in 0..60 {
        sim.run_until(MINUTE + second * SECOND);
        for n in (0..500).filter(|n| n % 60 == second) {
            sim.world.get_mut(&format!("mount{n:03}")).unwrap().gives = Gives::Value(95.0);
        }
    }
    sim.run_until(11 * MINUTE);
    assert!(sim.taken.len() <= 3, "{} mails", sim.taken.len());
    let text: BTreeSet<String> = sim
        .taken
        .iter()
        .flat_map(|taken| taken.tells.iter().map(|notice| notice.id.to_string()))
        .collect();
    assert_eq!(text.len(), 500);
}

#[test]
fn a_day_without_a_mail_server_loses_and_reorders_nothing() {
    let mut sim = Sim::new(sim::plan(vec![sim::check("disk")]));
    for n in 0..30 {
        sim.set(&format!("d{n:02}"), Gives::Value(10.0));
    }
    sim.start();
    sim.run_until(HOUR);
    sim.mail = Service::Down;
    for n in 0..30_u64 {
        sim.run_until(HOUR + (n + 1) * 30 * MINUTE);
        sim.set(&format!("d{n:02}"), Gives::Value(95.0));
    }
    sim.run_until(25 * HOUR);
    assert!(sim.taken.is_empty());
    let report = sim.report();
    let stuck = report.instances.iter().find(|i| i.id.to_string() == "agent:mail").unwrap();
    assert_eq!(stuck.state, State::Critical, "an hour without mail is a fault");
    let first = sim.attempts[0];
    let second = sim.attempts[1];
    assert!(second - first <= MINUTE, "first retry after {} ms", second - first);
    for pair in sim.attempts.windows(2) {
        assert!(pair[1] - pair[0] <= 15 * MINUTE, "{pair:?}");
    }
    sim.mail = Service::Up;
    sim.run_until(26 * HOUR);
    let told: Vec<&Notice> =
        sim.taken.iter().flat_map(|t| &t.tells).filter(|n| n.cause == Cause::Problem).collect();
    assert_eq!(told.len(), 30);
    assert!(told.windows(2).all(|pair| pair[0].at <= pair[1].at), "out of order");
    for (n, notice) in told.iter().enumerate() {
        let at = HOUR + (n as u64 + 1) * 30 * MINUTE;
        assert!(notice.at.0 >= at && notice.at.0 <= at + MINUTE, "event time, not sending time");
    }
    assert!(sim.taken.last().unwrap().tells.iter().any(|n| n.cause == Cause::Info));
}

#[test]
fn killed_at_any_effect_nothing_is_lost_and_repeats_are_equal() {
    let mut kills = 0;
    for seed in 1..=300_u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut check = sim::check("disk");
        check.rule.every = Span::from_secs(60);
        let mut sim = Sim::new(sim::plan(vec![check]));
        for name in ["a", "b", "c"] {
            sim.set(name, Gives::Value(10.0));
        }
        sim.start();
        let mut bad = [false; 3];
        for _ in 0..6 {
            let which = random.below(3) as usize;
            bad[which] = !bad[which];
            let value = if bad[which] { 95.0 } else { 10.0 };
            sim.set(["a", "b", "c"][which], Gives::Value(value));
            sim.kill_after = Some(random.below(40) as usize);
            sim.run_until(sim.time + random.below(25) * MINUTE + MINUTE);
            if sim.engine.is_none() {
                kills += 1;
                sim.time += random.below(5) * SECOND;
                sim.start();
            }
        }
        sim.kill_after = None;
        if sim.engine.is_none() {
            sim.start();
        }
        for name in ["a", "b", "c"] {
            sim.set(name, Gives::Value(95.0));
        }
        sim.run_until(sim.time + 3 * HOUR);
        for name in ["a", "b", "c"] {
            sim.set(name, Gives::Value(10.0));
        }
        sim.run_until(sim.time + 3 * HOUR);
        // Equal Message-IDs are equal mails.
        let mut by_id: BTreeMap<&str, &str> = BTreeMap::new();
        let mut once = Vec::new();
        for taken in &sim.taken {
            match by_id.insert(&taken.message_id, &taken.bytes) {
                Some(before) => assert_eq!(before, taken.bytes, "seed {seed}"),
                None => once.extend(taken.tells.iter().cloned()),
            }
        }
        let open = check_ledger(&once, seed, true);
        assert_eq!(open, 0, "seed {seed}: a problem without its recovery");
        for name in ["disk:a", "disk:b", "disk:c"] {
            let told = once.iter().any(|n| n.id.to_string() == name);
            assert!(told, "seed {seed}: {name} was never told");
        }
    }
    assert!(kills > 200, "only {kills} kills");
}

#[test]
fn a_long_window_over_random_kills_is_neither_early_nor_lost() {
    let hold = 150 * MINUTE;
    for seed in 1..=60_u64 {
        let mut random = Random(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let mut check = sim::check("disk");
        check.rule.crit = Some(sim::level(90.0, 90.0, hold, 1.0));
        let mut sim = Sim::new(sim::plan(vec![check]));
        sim.set("a", Gives::Value(10.0));
        sim.start();
        sim.run_until(HOUR);
        sim.set("a", Gives::Value(95.0));
        let kills = random.below(4) + 1;
        let mut lost = 0;
        for n in 0..kills {
            let at = HOUR + (n * 35 + random.below(30)) * MINUTE + random.below(60) * SECOND;
            sim.run_until(at.max(sim.time));
            let down = random.below(240) * SECOND;
            if random.below(2) == 0 {
                sim.kill();
                // What was observed since the last checkpoint is not known any more.
                lost += MINUTE;
            } else {
                sim.stop();
            }
            sim.time += down;
            lost += down + 10 * SECOND;
            sim.start();
        }
        sim.run_until(HOUR + hold + lost + HOUR);
        let fired = sim
            .log
            .iter()
            .find(|(_, line)| line.starts_with("disk:a: ok -> critical"))
            .unwrap_or_else(|| panic!("seed {seed}: never fired"));
        let earliest = HOUR + hold;
        assert!(fired.0 >= earliest, "seed {seed}: early at {}", fired.0);
        assert!(
            fired.0 <= earliest + lost + 20 * SECOND,
            "seed {seed}: late at {}, {} allowed",
            fired.0,
            earliest + lost
        );
    }
}

#[test]
fn a_steady_state_writes_nothing_and_wakes_once_a_cycle() {
    let mut sim = Sim::new(sim::plan(vec![sim::check("disk")]));
    for n in 0..50 {
        sim.set(&format!("d{n}"), Gives::Value(10.0));
    }
    sim.start();
    sim.run_until(5 * MINUTE);
    let (writes, wakes) = (sim.writes.len(), sim.wakes);
    sim.run_until(5 * MINUTE + DAY);
    assert_eq!(sim.writes.len(), writes, "a write in a steady state");
    assert_eq!(sim.wakes - wakes, DAY / (10 * SECOND), "wake-ups");
}

#[test]
fn the_same_input_gives_the_same_mails() {
    let play = || {
        let mut sim = Sim::new(sim::plan(vec![sim::check("disk")]));
        sim.set("a", Gives::Pattern(vec![10.0, 95.0, 95.0, 10.0, 10.0, 10.0, 10.0], 0));
        sim.set("b", Gives::Value(95.0));
        sim.start();
        sim.run_until(3 * HOUR);
        sim.kill();
        sim.start();
        sim.run_until(6 * HOUR);
        sim.taken.iter().map(|taken| taken.bytes.clone()).collect::<Vec<_>>()
    };
    assert_eq!(play(), play());
    assert!(!play().is_empty());
}
