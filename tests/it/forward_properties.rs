//! Promises of forwarding over many stories: collectors that fail in every way, crashes, stops and
//! reloads in random order. Nothing is lost beyond what is counted, order is kept, and the spool keeps
//! to its bound.

use proptest::prelude::*;

use hostwatch::forward::outlet::Batches;
use hostwatch::store::spool::Bounds;

use crate::forward_sim::{Answer, Collector, HOUR, Host, MINUTE};

#[derive(Debug, Clone)]
enum Step {
    Batches(u64),
    Changes(u64),
    Pass(u64),
    Collector(Mood),
    Crash,
    Stop,
    Reload,
}

/// How a collector answers everything.
#[derive(Debug, Clone, Copy)]
enum Mood {
    Well,
    Silent,
    Busy,
    Broken,
    Locked,
    /// Every third answer is lost.
    Lossy,
    /// Every fourth batch is refused.
    Picky,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let mood = prop_oneof![
        Just(Mood::Well),
        Just(Mood::Silent),
        Just(Mood::Busy),
        Just(Mood::Broken),
        Just(Mood::Locked),
        Just(Mood::Lossy),
        Just(Mood::Picky),
    ];
    let step = prop_oneof![
        4 => (1_u64..20).prop_map(Step::Batches),
        4 => (1_u64..5).prop_map(Step::Changes),
        3 => (1_u64..20 * MINUTE).prop_map(Step::Pass),
        4 => mood.prop_map(Step::Collector),
        1 => Just(Step::Crash),
        1 => Just(Step::Stop),
        1 => Just(Step::Reload),
    ];
    prop::collection::vec(step, 1..40)
}

fn set(collector: &Collector, mood: Mood) {
    use crate::forward_sim::Got;
    let mut count = 0;
    collector.does(move |_, got| {
        count += 1;
        match mood {
            Mood::Silent => Answer::Silence,
            Mood::Busy => Answer::Status(429, Some(30)),
            Mood::Broken => Answer::Status(500, None),
            Mood::Locked => Answer::Status(401, None),
            Mood::Lossy if count % 3 == 0 => Answer::TakeInSilence,
            Mood::Picky if matches!(got, Got::Batch(n) if n % 4 == 0) => Answer::Status(400, None),
            Mood::Well | Mood::Lossy | Mood::Picky => Answer::Take,
        }
    });
}

/// The first time that each number comes.
fn firsts(numbers: &[u64]) -> Vec<u64> {
    let mut seen = std::collections::BTreeSet::new();
    numbers.iter().copied().filter(|number| seen.insert(*number)).collect()
}

fn lost(host: &Host) -> u64 {
    host.health().numbers.dropped.iter().map(|(_, n)| n).sum()
}

fn tell(steps: &[Step], batches: Batches) {
    let directory = tempfile::tempdir().unwrap();
    let collector = Collector::new(batches, true);
    let bounds = Bounds::of(64 << 10);
    let mut host = Host::new(directory.path(), bounds, std::slice::from_ref(&collector));
    let mut counted = 0;
    for step in steps {
        match step {
            Step::Batches(count) => host.cycles(*count),
            Step::Changes(count) => (0..*count).for_each(|_| host.change()),
            Step::Pass(time) => host.run_for(*time),
            Step::Collector(mood) => set(&collector, *mood),
            Step::Crash => {
                host.run_for(0);
                counted += lost(&host);
                host.crash();
            }
            Step::Stop => {
                host.run_for(0);
                counted += lost(&host);
                host.restart();
            }
            Step::Reload => {
                let outlets = [("outlet0".to_owned(), collector.appetite)];
                host.forwarder.set_outlets(&outlets);
                host.crash_under_way();
            }
        }
        let bytes = host.spool_bytes();
        assert!(bytes <= bounds.bytes + 8192, "{bytes} bytes");
    }
    set(&collector, Mood::Well);
    host.cycles(1);
    host.run_for(2 * HOUR);
    counted += lost(&host);
    let seen = collector.see();
    let changes = firsts(&seen.changes());
    assert_eq!(changes, (1..=host.changes).collect::<Vec<u64>>(), "changes");
    let got = firsts(&seen.batches());
    // Only a receiver that fails over a load is probed with a later one.
    let broken = steps.iter().any(|step| matches!(step, Step::Collector(Mood::Broken)));
    let in_order = got.windows(2).all(|two| two[0] < two[1]);
    assert!(in_order || broken, "batches out of order: {got:?}");
    assert_eq!(got.iter().max(), Some(&host.batches));
    if batches == Batches::All {
        let missing = host.batches - u64::try_from(got.len()).unwrap();
        assert!(missing <= counted, "{missing} missing, {counted} counted");
    }
    drop(seen);
    let health = host.health();
    assert_eq!((health.numbers.waiting, health.trouble), (0, None));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_beyond_the_counted_and_order_is_kept(steps in steps()) {
        tell(&steps, Batches::All);
    }

    #[test]
    fn who_wants_the_present_loses_no_change(steps in steps()) {
        tell(&steps, Batches::Newest);
    }
}
