//! Promises about quiet over many stories: routes, nights, silences, acknowledgements, kills and set
//! clocks in random order, judged by the mails alone (R4, R10, R18, R19).

use std::collections::{BTreeMap, BTreeSet};

use hostwatch::engine::order::{Order, Until};
use hostwatch::model::state::State;
use hostwatch::model::unit::Span;
use hostwatch::notify::contact::Contact;
use hostwatch::notify::notice::{Cause, Notice};

use crate::quiet_plan;
use crate::sim::{self, DAY, Gives, HOUR, MINUTE, SECOND, Sim};

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// A silence as the test keeps it.
struct Silence {
    what: String,
    from: u64,
    end: u64,
}

impl Silence {
    fn takes(&self, id: &str, at: u64) -> bool {
        // The moment itself belongs to neither side.
        let within = self.from < at && at < self.end;
        within && (self.what == "disk:*" || self.what == id)
    }
}

fn is_over(notice: &Notice) -> bool {
    match notice.cause {
        Cause::Recovered | Cause::Closed => true,
        Cause::Steady => notice.state == State::Ok,
        _ => false,
    }
}

/// What the rounds were worth.
#[derive(Default, Debug)]
struct Seen {
    sequences: usize,
    mails: usize,
    unsilenced: usize,
    acked: usize,
    held: usize,
    silent_recoveries: usize,
    kills: usize,
}

#[test]
fn whatever_is_silenced_held_or_acked_each_contact_hears_of_each_problem_and_of_its_end() {
    let rounds = std::env::var("HOSTWATCH_QUIET_ROUNDS").ok().and_then(|n| n.parse().ok());
    let mut seen = Seen::default();
    // `HOSTWATCH_QUIET_SEED=7` plays one round again.
    let only: Option<u64> =
        std::env::var("HOSTWATCH_QUIET_SEED").ok().and_then(|seed| seed.parse().ok());
    if let Some(seed) = only {
        return round(seed, &mut seen);
    }
    for seed in 1..=rounds.unwrap_or(40_u64) {
        round(seed, &mut seen);
    }
    println!("{seen:?}");
    assert!(seen.unsilenced > 10 && seen.acked > 5 && seen.held > 20, "{seen:?}");
    assert!(seen.silent_recoveries > 0 && seen.kills > 60, "{seen:?}");
}

fn round(seed: u64, seen: &mut Seen) {
    let mut random = Random(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
    let mut check = sim::check("disk");
    check.rule.warn = Some(sim::level(80.0, 80.0, 0, 1.0));
    check.rule.every = Span::from_secs(600);
    check.rule.unknown_after = Span::from_secs([0, 3600][random.below(2) as usize]);
    let mut plan = sim::plan(vec![check]);
    let mail = vec!["boss@example.net".to_owned()];
    plan.contacts.insert("boss".to_owned(), Contact { mail, ..Contact::default() });
    quiet_plan::schedule(&mut plan, "night all 22:00 07:00");
    for route in [
        "state warn schedule night to ops hold",
        "state crit schedule night to boss",
        "state unknown not night to boss hold",
    ] {
        if random.below(3) > 0 {
            quiet_plan::route(&mut plan, route);
        }
    }
    let mut sim = Sim::new(plan);
    let names: Vec<String> = (0..12).map(|n| format!("i{n:02}")).collect();
    for name in &names {
        sim.set(name, Gives::Value(10.0));
    }
    sim.start();
    let mut silences: Vec<Silence> = Vec::new();
    for _ in 0..25 {
        for _ in 0..2 {
            let name = &names[random.below(12) as usize];
            let gives = match random.below(8) {
                0..=2 => Gives::Value(95.0),
                3 | 4 => Gives::Value(85.0),
                5 => Gives::Absent,
                _ => Gives::Value(10.0),
            };
            sim.set(name, gives);
        }
        let id = format!("disk:{}", names[random.below(12) as usize]);
        let what = if random.below(3) == 0 { "disk:*".to_owned() } else { id.clone() };
        match random.below(12) {
            0 | 1 => {
                let hours = random.below(12) + 1;
                let until = Until::For(Span::from_secs(hours * 3600));
                sim.order(Order::Silence { what: what.clone(), until, reason: "r".to_owned() });
                silences.push(Silence { what, from: sim.time, end: sim.time + hours * HOUR });
            }
            2 => {
                sim.order(Order::EndSilence { what: what.clone() });
                let ended = silences.iter_mut().filter(|s| s.what == what && s.end > sim.time);
                ended.for_each(|silence| silence.end = sim.time);
            }
            3 | 4 => {
                let until = Until::For(Span::from_secs((random.below(9) + 1) * 1800));
                sim.order(Order::Ack { id, until, reason: "r".to_owned() });
            }
            5 => sim.order(Order::EndAck { id }),
            6 => {
                sim.kill();
                sim.time += random.below(300) * SECOND;
                sim.start();
                seen.kills += 1;
            }
            7 => {
                sim.stop();
                sim.time += random.below(300) * SECOND;
                sim.start();
            }
            8 => sim.kill_after = Some(random.below(30) as usize),
            9 => {
                let step = i64::try_from(random.below(20) * HOUR).unwrap();
                sim.offset += if random.below(2) == 0 { step } else { -step };
            }
            _ => {}
        }
        sim.run_until(sim.time + (random.below(150) + 1) * MINUTE);
        sim.kill_after = None;
        if sim.engine.is_none() {
            sim.start();
            seen.kills += 1;
        }
    }
    // A steady end: some are bad, the others good, all silences and nights pass.
    let bad: BTreeSet<&String> = names.iter().filter(|_| random.below(2) == 0).collect();
    for name in &names {
        sim.set(name, Gives::Value(if bad.contains(name) { 95.0 } else { 10.0 }));
    }
    sim.run_until(sim.time + 2 * DAY);
    judge(seed, &sim, &silences, &bad, seen);
    seen.sequences += names.len();
}

fn judge(seed: u64, sim: &Sim, silences: &[Silence], bad: &BTreeSet<&String>, seen: &mut Seen) {
    let mut mailed = BTreeSet::new();
    let mut open: BTreeMap<(String, String), State> = BTreeMap::new();
    for taken in &sim.taken {
        // A mail that a kill repeats is the same mail.
        if !mailed.insert(&taken.message_id) {
            continue;
        }
        seen.mails += 1;
        for notice in taken.tells.iter().filter(|notice| notice.kind == "disk") {
            let id = notice.id.to_string();
            let key = (taken.contact.clone(), id.clone());
            let before = open.get(&key).copied();
            let silent = silences.iter().any(|silence| silence.takes(&id, taken.at));
            let over = is_over(notice);
            assert!(
                !silent || (over && before.is_some()),
                "seed {seed}: told under a silence at {}: {notice:?}",
                taken.at
            );
            seen.silent_recoveries += usize::from(silent);
            seen.unsilenced += usize::from(notice.cause == Cause::Unsilenced);
            seen.acked += usize::from(notice.cause == Cause::Acked);
            seen.held += usize::from(notice.remarks.iter().any(|row| row.amount == "held"));
            if over {
                let both = notice.seq == 1 && notice.root.is_none();
                assert!(before.is_some() || both, "seed {seed}: never told: {notice:?}");
                open.remove(&key);
            } else {
                let again = notice.cause == Cause::Problem && before == Some(notice.state);
                assert!(!again, "seed {seed}: told twice: {notice:?}");
                assert!(
                    notice.cause != Cause::Acked || before.is_some(),
                    "seed {seed}: acked, and never told: {notice:?}"
                );
                open.insert(key, notice.state);
            }
        }
    }
    let known: BTreeSet<String> = open.keys().map(|(_, id)| id.clone()).collect();
    let wanted: BTreeSet<String> = bad.iter().map(|name| format!("disk:{name}")).collect();
    let wrong: Vec<&String> = known.symmetric_difference(&wanted).collect();
    let tale: String = wrong.iter().map(|id| story(sim, id)).collect();
    assert!(
        wrong.is_empty(),
        "seed {seed}: known to be bad, or bad and not known: {wrong:?}\n{tale}"
    );
}

/// What happened to one instance, and what was mailed of it.
fn story(sim: &Sim, id: &str) -> String {
    let mut lines: Vec<(u64, String)> = sim.log.clone();
    lines.retain(|(_, line)| line.contains(id) || !line.contains("disk:i"));
    for taken in &sim.taken {
        for notice in taken.tells.iter().filter(|notice| notice.id.to_string() == id) {
            let Notice { cause, state, root, seq, remarks, .. } = notice;
            let text = format!("{} {cause:?} {state} {seq} {root:?} {remarks:?}", taken.contact);
            lines.push((taken.at, format!("mail {}: {text}", taken.message_id)));
        }
    }
    lines.sort_by_key(|(at, _)| *at);
    lines.iter().map(|(at, line)| format!("{} {line}\n", at / 1000)).collect()
}
