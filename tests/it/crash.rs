//! Kill -9 at any moment loses no mail, and repeats at most one a kill, byte for byte (R1).

use std::collections::BTreeMap;
use std::time::Duration;

use crate::agent::{Bench, wait_for};
use crate::sink::{Received, Sink};

/// Kills in a normal run; `HOSTWATCH_KILLS=1000` for the long one.
const KILLS: u32 = 200;

/// One check a step of the load: raising the load by one makes exactly one more check critical.
fn config(port: u16, checks: u32) -> String {
    let mut text = format!(
        "version: 1
defaults: {{every: 1s, timeout: 1s, for: 0s, recover_for: 0s}}
contacts: {{root: {{mail: [root@example.net]}}}}
mail:
  from: hostwatch@example.net
  group_wait: 0s
  via: [{{smtp: \"127.0.0.1:{port}\", tls: none}}]
checks:
  load: {{enabled: false}}
  cpu: {{enabled: false}}
  memory: {{enabled: false}}
"
    );
    for step in 1..=checks {
        text.push_str(&format!("  step-{step}: {{kind: load, crit: {{load1: {step}}}}}\n"));
    }
    text
}

#[test]
fn killed_at_random_moments_it_loses_no_mail_and_repeats_only_itself() {
    let kills = std::env::var("HOSTWATCH_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(KILLS);
    let sink = Sink::start();
    let bench = Bench::new(&config(sink.port, kills));
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for step in 1..=kills {
        let mut agent = bench.start();
        // Some kills fall before the change is seen, some between seeing, storing and sending.
        std::thread::sleep(Duration::from_millis(random.below(60)));
        bench.load(f64::from(step));
        std::thread::sleep(Duration::from_millis(random.below(1200) * u64::from(step % 2)));
        agent.kill();
    }
    let _last = bench.start();
    let distinct = || {
        let mails = sink.received();
        let ids = mails.iter().filter_map(|mail| mail.header("Message-ID"));
        ids.collect::<std::collections::BTreeSet<_>>().len()
    };
    let told = || {
        let mails = sink.received();
        (1..=kills).all(|step| place(&mails, step, "critical").is_some())
    };
    wait_for("every change is told", Duration::from_secs(60), told);
    let settled = distinct();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(distinct(), settled, "no mail after all is told");

    let mut copies: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for mail in sink.received() {
        let id = mail.header("Message-ID").expect("every mail has a Message-ID");
        copies.entry(id).or_default().push(mail.message);
    }
    for (id, same) in &copies {
        assert!(same.iter().all(|copy| *copy == same[0]), "{id}: a repeat differs:\n{same:#?}");
    }
    let repeats: usize = copies.values().map(|same| same.len() - 1).sum();
    assert!(repeats <= usize::try_from(kills).unwrap(), "{repeats} repeats in {kills} kills");

    // Order: the problems of one recipient arrive as they happened, and each recovery after its
    // problem.
    bench.load(0.0);
    let steps = || 1..=kills;
    wait_for("every recovery is told", Duration::from_secs(60), || {
        let mails = sink.received();
        steps().all(|step| place(&mails, step, "ok").is_some())
    });
    let mails = sink.received();
    let problems: Vec<usize> =
        steps().map(|step| place(&mails, step, "critical").expect("it was told")).collect();
    assert!(problems.is_sorted(), "told out of order: {problems:?}");
    for (step, problem) in steps().zip(problems) {
        let recovery = place(&mails, step, "ok").unwrap();
        assert!(problem < recovery, "step-{step}: recovered in {recovery}, bad in {problem}");
    }
}

/// The first mail that tells this state of a step's check: by its headers where it is about that
/// alone, else by the line that lists it.
fn place(mails: &[Received], step: u32, state: &str) -> Option<usize> {
    let check = format!("step-{step}");
    let lines = match state {
        "ok" => vec![format!("OK   {check}:all")],
        _ => vec![format!("CRIT {check}:all"), format!("     hostwatch explain {check}:all")],
    };
    mails.iter().position(|mail| match mail.header("X-Hostwatch-Check") {
        Some(name) => name == check && mail.header("X-Hostwatch-State").as_deref() == Some(state),
        None => mail.message.lines().any(|line| {
            lines.iter().any(|begin| {
                line.strip_prefix(begin.as_str())
                    .is_some_and(|rest| !rest.starts_with(char::is_numeric))
            })
        }),
    })
}

/// Xorshift: the test's moments are random but the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
