//! Collectors that are away, slow, broken or wrong, in virtual time: what arrives is what was sampled,
//! in its order, up to the spool's bound, and what is lost is counted.

use std::collections::BTreeSet;
use std::path::Path;

use hostwatch::forward::outlet::{Batches, Outlet};
use hostwatch::forward::queue::reason;
use hostwatch::model::limit::{FORWARD_SAME_FAULTS, SPOOL_MEMORY_BYTES};
use hostwatch::store::spool::Bounds;

use crate::forward_sim::{Answer, CYCLE, Collector, Got, HOUR, Host, MINUTE, SECOND, START};

fn host(directory: &Path, collector: &Collector) -> Host {
    Host::new(directory, Bounds::default(), std::slice::from_ref(collector))
}

fn all() -> Collector {
    Collector::new(Batches::All, true)
}

fn numbers(from: u64, to: u64) -> Vec<u64> {
    (from..=to).collect()
}

#[test]
fn everything_arrives_once_and_in_order_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let collector = all();
    let mut host = host(directory.path(), &collector);
    for _ in 0..20 {
        host.cycles(1);
        host.change();
    }
    host.run_for(SECOND);
    let seen = collector.see();
    assert_eq!(seen.batches(), numbers(1, 20));
    assert_eq!(seen.changes(), numbers(1, 20));
    // Each within a moment of its making.
    let late = seen.got.iter().filter(|(at, _)| at % CYCLE > 200).count();
    assert_eq!(late, 0, "{:?}", seen.got);
    drop(seen);
    let health = host.health();
    assert_eq!((health.numbers.sent, health.numbers.waiting), (40, 0));
    assert!(health.numbers.up && health.trouble.is_none() && health.numbers.dropped.is_empty());
}

#[test]
fn a_collector_that_is_down_for_an_hour_gets_everything_in_order_when_it_is_back() {
    for down in [Answer::Silence, Answer::Status(503, None), Answer::Status(500, None)] {
        let directory = tempfile::tempdir().unwrap();
        let collector = all();
        let answer = down.clone();
        collector.does(move |at, _| {
            if (10 * MINUTE..70 * MINUTE).contains(&at) { answer.clone() } else { Answer::Take }
        });
        let mut host = host(directory.path(), &collector);
        for _ in 0..100 {
            host.change();
            host.cycles(1);
        }
        let trouble = host.health().trouble.unwrap();
        assert!(!trouble.misconfigured);
        assert!(trouble.lasting.as_millis() > 39 * MINUTE, "{trouble:?}");
        assert!(host.health().numbers.waiting > 150);
        for _ in 0..100 {
            host.change();
            host.cycles(1);
        }
        host.run_for(2 * MINUTE);
        let seen = collector.see();
        let order: Vec<Got> = seen.got.iter().map(|(_, got)| *got).collect();
        let expected: Vec<Got> = (1..=200).flat_map(|n| [Got::Change(n), Got::Batch(n)]).collect();
        assert_eq!(order, expected, "{down:?}");
        // At most two attempts a minute while it is down, but for the first ones.
        let vain = seen.attempts.iter().filter(|(at, _)| (11 * MINUTE..70 * MINUTE).contains(at));
        let vain = vain.count();
        assert!((59..=240).contains(&vain), "{down:?}: {vain} attempts");
        // Back to back, yet no more than twenty a second.
        let back = seen.got.iter().map(|(at, _)| *at).filter(|at| *at > 70 * MINUTE);
        let back: Vec<u64> = back.take(200).collect();
        assert!(back[0] < 71 * MINUTE + SECOND, "{down:?}: back after {} ms", back[0]);
        assert!(back.windows(20).all(|ten| ten[19] - ten[0] >= 19 * 50), "{down:?}");
        assert!(back[199] - back[0] < 15 * SECOND, "{down:?}: {} ms", back[199] - back[0]);
        drop(seen);
        let health = host.health();
        assert_eq!((health.numbers.sent, health.numbers.waiting), (400, 0));
        assert!(health.trouble.is_none() && health.numbers.dropped.is_empty(), "{health:?}");
    }
}

#[test]
fn hosts_do_not_come_back_in_step() {
    let mut first = BTreeSet::new();
    for number in 0..40 {
        let directory = tempfile::tempdir().unwrap();
        let collector = Collector::new(Batches::All, false);
        collector.does(|at, _| if at < HOUR { Answer::Silence } else { Answer::Take });
        let mut host = host(directory.path(), &collector);
        let spool = hostwatch::store::spool::Spool::open(
            directory.path(),
            Bounds::default(),
            hostwatch::model::time::Moment(0),
        );
        let outlets = [("outlet0".to_owned(), collector.appetite)];
        host.forwarder =
            hostwatch::forward::forwarder::Forwarder::new(spool, &format!("web{number}"), &outlets);
        host.cycles(124);
        let at = collector.see().got[0].0 - HOUR;
        assert!(at < 61 * SECOND, "{at} ms");
        first.insert(at / 1000);
    }
    assert!(first.len() > 20, "{first:?}");
}

#[test]
fn a_slow_collector_delays_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let collector = all();
    collector.see().lasts = 9 * SECOND;
    let mut host = host(directory.path(), &collector);
    for _ in 0..20 {
        host.change();
        host.cycles(1);
    }
    host.run_for(MINUTE);
    assert_eq!(collector.see().batches(), numbers(1, 20));
    assert_eq!(collector.see().changes(), numbers(1, 20));
    let begins: Vec<u64> = collector.see().attempts.iter().map(|(at, _)| *at).collect();
    assert!(begins.windows(2).all(|two| two[1] - two[0] >= 9 * SECOND), "{begins:?}");
}

#[test]
fn what_is_refused_is_counted_and_said_once() {
    let directory = tempfile::tempdir().unwrap();
    let collector = Collector::new(Batches::All, false);
    collector.does(|_, got| match got {
        Got::Batch(5..=7) => Answer::Status(400, None),
        Got::Batch(9) => Answer::Status(413, None),
        _ => Answer::Take,
    });
    let mut host = host(directory.path(), &collector);
    host.cycles(12);
    assert_eq!(collector.see().batches(), [1, 2, 3, 4, 8, 10, 11, 12]);
    assert_eq!(collector.see().attempts.len(), 12);
    assert_eq!((host.dropped(reason::REFUSED), host.health().lost_values), (4, 4));
    assert!(host.health().trouble.is_none());
    assert_eq!(host.forwarder.take_words(), ["outlet0: HTTP 400", "outlet0: HTTP 413"]);
    // When nothing is taken any more, that is a trouble that somebody must mend.
    collector.does(|_, _| Answer::Status(400, None));
    host.cycles(12);
    assert!(host.health().trouble.is_some_and(|trouble| trouble.misconfigured));
}

#[test]
fn a_wrong_password_or_path_holds_everything_until_it_is_mended() {
    for status in [401, 404] {
        let directory = tempfile::tempdir().unwrap();
        let collector = all();
        collector.does(
            move |at, _| {
                if at < 6 * HOUR { Answer::Status(status, None) } else { Answer::Take }
            },
        );
        let mut host = host(directory.path(), &collector);
        host.change();
        host.cycles(720);
        assert!(host.health().trouble.unwrap().misconfigured);
        let attempts = collector.see().attempts.len();
        assert!((60..=90).contains(&attempts), "{attempts} attempts in six hours");
        host.cycles(20);
        assert_eq!(collector.see().batches(), numbers(1, 740));
        assert_eq!(collector.see().changes(), [1]);
        assert!(host.health().trouble.is_none() && host.health().numbers.dropped.is_empty());
    }
}

#[test]
fn a_pause_that_is_asked_for_is_kept_up_to_an_hour() {
    for (asked, at_least, at_most) in [(200, 200, 225), (86_400, 3600, 3970), (0, 1, 3)] {
        for status in [429, 503] {
            let directory = tempfile::tempdir().unwrap();
            let collector = Collector::new(Batches::All, false);
            let mut answers = 0;
            collector.does(move |_, got| {
                answers += u32::from(got == Got::Batch(1));
                if answers == 1 { Answer::Status(status, Some(asked)) } else { Answer::Take }
            });
            let mut host = host(directory.path(), &collector);
            host.batch();
            host.run_for(2 * HOUR);
            let tries: Vec<u64> = collector.see().attempts.iter().map(|(at, _)| *at).collect();
            let pause = tries[1] - tries[0];
            let within = at_least * SECOND..=at_most * SECOND;
            assert!(within.contains(&pause), "{status}, {asked} s: {pause} ms");
            assert_eq!(collector.see().batches(), [1]);
        }
    }
}

#[test]
fn an_answer_that_is_lost_costs_one_repetition_and_no_alarm() {
    let directory = tempfile::tempdir().unwrap();
    let collector = all();
    let mut lost = BTreeSet::new();
    collector.does(move |_, got| {
        let cut = matches!(got, Got::Batch(3) | Got::Change(1)) && lost.insert(got);
        if cut { Answer::TakeInSilence } else { Answer::Take }
    });
    let mut host = host(directory.path(), &collector);
    host.change();
    host.cycles(5);
    assert_eq!(collector.see().batches(), [1, 2, 3, 3, 4, 5]);
    assert_eq!(collector.see().changes(), [1, 1]);
    // A receiver that refuses the repetition has it already.
    let mut cut = false;
    collector.does(move |_, got| match got {
        Got::Batch(8) if cut => Answer::Status(400, None),
        Got::Batch(8) => {
            cut = true;
            Answer::TakeInSilence
        }
        _ => Answer::Take,
    });
    host.cycles(5);
    assert_eq!(collector.see().batches(), [1, 2, 3, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert_eq!((host.dropped(reason::REPEATED), host.dropped(reason::REFUSED)), (1, 0));
}

#[test]
fn a_backlog_that_the_receiver_fails_over_is_stepped_over_and_the_rest_arrives() {
    // Prometheus 2.42 with a window answers 500 to what is older, for ever.
    let directory = tempfile::tempdir().unwrap();
    let collector = Collector::new(Batches::All, true);
    collector.does(|at, got| match got {
        _ if at < HOUR => Answer::Silence,
        Got::Batch(..=60) => Answer::Status(500, None),
        _ => Answer::Take,
    });
    let mut host = host(directory.path(), &collector);
    for _ in 0..120 {
        host.change();
        host.cycles(1);
    }
    host.cycles(40);
    let mut batches = collector.see().batches();
    batches.sort_unstable();
    assert_eq!(batches, numbers(61, 160));
    assert_eq!(collector.see().changes(), numbers(1, 120));
    assert_eq!(host.dropped(reason::POISON), 60);
    assert!(host.health().trouble.is_none());
    // All but the one that was the probe came in order.
    let came = collector.see().batches();
    let behind = came.windows(2).filter(|two| two[1] < two[0]).count();
    assert_eq!(behind, 1, "{came:?}");
    let first = collector.see().got[0].0 - HOUR;
    assert!(first < 10 * MINUTE, "{first} ms");
}

#[test]
fn one_poisonous_load_is_passed_over_whatever_it_is() {
    for batches in [Batches::All, Batches::Newest] {
        let directory = tempfile::tempdir().unwrap();
        let collector = Collector::new(batches, true);
        collector.does(|_, got| match got {
            Got::Change(2 | 3) => Answer::Status(500, None),
            _ => Answer::Take,
        });
        let mut host = host(directory.path(), &collector);
        for _ in 0..4 {
            host.change();
        }
        host.cycles(40);
        assert_eq!(collector.see().changes(), [1, 4], "{batches:?}");
        assert_eq!(host.dropped(reason::POISON), 2);
        let attempts = collector.see().attempts.clone();
        let tries = attempts.iter().filter(|(_, got)| *got == Got::Change(2)).count();
        assert!(tries > usize::try_from(FORWARD_SAME_FAULTS).unwrap(), "{tries}");
        let mut came = collector.see().batches();
        came.sort_unstable();
        came.dedup();
        assert_eq!(came.last(), Some(&40));
    }
}

#[test]
fn a_receiver_that_fails_over_everything_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let collector = all();
    collector.does(|at, _| if at < 5 * HOUR { Answer::Status(500, None) } else { Answer::Take });
    let mut host = host(directory.path(), &collector);
    for _ in 0..600 {
        host.change();
        host.cycles(1);
    }
    host.cycles(10);
    assert_eq!(collector.see().changes(), numbers(1, 600));
    // In order: the head is tried before any probe.
    assert_eq!(collector.see().batches(), numbers(1, 610));
    assert!(host.health().numbers.dropped.is_empty());
}

#[test]
fn an_outlet_with_nothing_to_say_proves_nothing_about_its_receiver() {
    let directory = tempfile::tempdir().unwrap();
    let collector = Collector::new(Batches::Newest, true);
    collector.does(|at, got| match got {
        Got::Batch(_) => Answer::Unsaid,
        Got::Change(_) if at < HOUR => Answer::Status(500, None),
        Got::Change(_) => Answer::Take,
    });
    let mut host = host(directory.path(), &collector);
    host.change();
    host.change();
    host.cycles(130);
    assert_eq!(collector.see().changes(), [1, 2]);
    assert!(host.health().numbers.dropped.is_empty());
}

#[test]
fn a_receiver_that_fails_is_left_alone_whatever_the_clock_says() {
    for ahead in [2 * HOUR, 0] {
        let directory = tempfile::tempdir().unwrap();
        let collector = all();
        collector.does(|at, got| match got {
            Got::Change(_) if at > MINUTE => Answer::Status(500, None),
            _ => Answer::Take,
        });
        let mut host = host(directory.path(), &collector);
        host.wall_ahead = i64::try_from(2 * HOUR).unwrap();
        host.cycles(4);
        host.wall_ahead = i64::try_from(ahead).unwrap();
        host.change();
        host.cycles(60);
        // Those of a wrong clock are no probes, and those that are held neither.
        let attempts =
            collector.see().attempts.iter().filter(|(_, got)| *got == Got::Change(1)).count();
        assert!((6..80).contains(&attempts), "{attempts} attempts in half an hour");
    }
}

#[test]
fn a_step_of_the_clock_is_looked_into_before_the_next_batch() {
    let directory = tempfile::tempdir().unwrap();
    let collector = Collector::new(Batches::All, false);
    let mut host = host(directory.path(), &collector);
    host.cycles(5);
    assert_eq!(collector.see().asked, 1);
    host.wall_ahead = 60_000;
    host.cycles(5);
    assert_eq!(collector.see().asked, 2);
    assert_eq!(collector.see().batches(), numbers(1, 10));
}

#[test]
fn a_receiver_that_breaks_after_a_probe_condemns_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let collector = Collector::new(Batches::All, false);
    // Fails over the first batch until a probe is taken, then is away, then fails over all, then works.
    let mut taken = None;
    collector.does(move |at, got| match (got, taken) {
        (Got::Batch(u64::MAX), _) => Answer::Take,
        (Got::Batch(1), None) => Answer::Status(500, None),
        (_, None) => {
            taken = Some(at);
            Answer::Take
        }
        (_, Some(then)) if at < then + 10 * MINUTE => Answer::Silence,
        (_, Some(then)) if at < then + HOUR => Answer::Status(500, None),
        _ => Answer::Take,
    });
    let mut host = host(directory.path(), &collector);
    host.cycles(180);
    let mut batches = collector.see().batches();
    batches.sort_unstable();
    assert_eq!(batches, numbers(1, 180));
    assert!(host.health().numbers.dropped.is_empty(), "{:?}", host.health());
}

#[test]
fn a_load_that_gets_no_answer_for_a_day_holds_up_nobody_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let collector = Collector::new(Batches::All, false);
    collector.does(|_, got| if got == Got::Batch(2) { Answer::Silence } else { Answer::Take });
    let mut host = host(directory.path(), &collector);
    host.cycles(2800);
    assert_eq!(collector.see().batches(), [1]);
    host.cycles(200);
    let mut batches = collector.see().batches();
    batches.sort_unstable();
    assert_eq!(batches[..3], [1, 3, 4]);
    assert_eq!(batches.len(), 2999);
    assert_eq!(host.dropped(reason::POISON), 1);
}

#[test]
fn who_wants_the_present_gets_every_change_and_the_newest_batch_once() {
    let directory = tempfile::tempdir().unwrap();
    let collector = Collector::new(Batches::Newest, true);
    collector.does(|at, _| {
        if (10 * MINUTE..70 * MINUTE).contains(&at) { Answer::Silence } else { Answer::Take }
    });
    let mut host = host(directory.path(), &collector);
    for _ in 0..200 {
        host.change();
        host.cycles(1);
    }
    assert_eq!(collector.see().changes(), numbers(1, 200));
    let batches = collector.see().batches();
    assert!(batches.windows(2).all(|two| two[0] < two[1]), "{batches:?}");
    assert!((75..=82).contains(&batches.len()), "{} batches", batches.len());
    assert!(host.health().numbers.dropped.is_empty());
    // No batch was written for it.
    let files = std::fs::read_dir(directory.path()).unwrap();
    let names: Vec<String> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.iter().all(|name| !name.starts_with("bulk")), "{names:?}");
}

#[test]
fn a_clock_that_is_ahead_sends_no_batch_until_it_is_right() {
    let directory = tempfile::tempdir().unwrap();
    let collector = all();
    let mut host = host(directory.path(), &collector);
    let ahead = i64::try_from(2 * HOUR + 3 * MINUTE).unwrap();
    host.wall_ahead = ahead;
    for _ in 0..20 {
        host.change();
        host.cycles(1);
    }
    assert_eq!(collector.see().changes(), numbers(1, 20));
    assert!(collector.see().batches().is_empty());
    let text = host.health().trouble.unwrap().text;
    assert!(text.starts_with("this host's clock is 2h3m ahead of the collector's"), "{text}");
    assert!(text.contains("here 2026-11-26 02:"), "{text}");
    let asked = collector.see().asked;
    assert!((2..=5).contains(&asked), "asked {asked} times in ten minutes");
    // The clock is set: what it stamped is ahead of the collector, and would blind it.
    host.wall_ahead = 0;
    host.cycles(10);
    assert_eq!(collector.see().batches(), numbers(21, 30));
    assert_eq!(host.dropped(reason::WRONG_CLOCK), 20);
    assert!(host.health().trouble.is_none());
    for (stamp, clock) in &collector.see().stamps {
        assert!(stamp.0 <= clock.0 + 300_000, "{stamp:?} at {clock:?}");
    }
    // A step while it runs is seen before the next batch.
    host.wall_ahead = ahead;
    host.cycles(4);
    assert_eq!(collector.see().batches(), numbers(21, 30));
}

#[test]
fn a_clock_that_is_behind_sends_late_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let collector = all();
    let mut host = host(directory.path(), &collector);
    host.wall_ahead = -i64::try_from(2 * HOUR).unwrap();
    host.cycles(10);
    assert!(collector.see().batches().is_empty());
    let text = host.health().trouble.unwrap().text;
    assert!(text.starts_with("this host's clock is 2h behind the collector's"), "{text}");
    host.wall_ahead = 0;
    host.cycles(10);
    assert_eq!(collector.see().batches(), numbers(1, 20));
}

#[test]
fn a_collector_whose_clock_is_wrong_gets_nothing_until_it_is_right() {
    let directory = tempfile::tempdir().unwrap();
    let collector = all();
    collector.see().ahead = Some(-3_600_000);
    let mut host = host(directory.path(), &collector);
    host.cycles(10);
    assert!(collector.see().batches().is_empty());
    collector.see().ahead = Some(0);
    host.cycles(15);
    assert_eq!(collector.see().batches(), numbers(1, 25));
}

#[test]
fn a_collector_that_was_away_at_the_start_is_asked_for_its_clock_before_it_gets_a_batch() {
    let directory = tempfile::tempdir().unwrap();
    let collector = Collector::new(Batches::All, false);
    collector.does(|at, _| if at < 30 * MINUTE { Answer::Silence } else { Answer::Take });
    let mut host = host(directory.path(), &collector);
    host.wall_ahead = i64::try_from(HOUR).unwrap();
    host.cycles(120);
    assert!(collector.see().got.is_empty(), "{:?}", collector.see().got);
}

#[test]
fn a_clock_that_was_never_set_sends_no_batch_anywhere() {
    for ahead in [Some(0), None] {
        let directory = tempfile::tempdir().unwrap();
        let collector = all();
        collector.see().ahead = ahead;
        let mut host = host(directory.path(), &collector);
        host.wall_ahead = -START;
        host.change();
        host.cycles(10);
        assert!(collector.see().batches().is_empty());
        assert_eq!(collector.see().changes(), [1]);
        let text = host.health().trouble.unwrap().text;
        assert!(text.contains("is not set: it shows 1970-01-01 00:05"), "{text}");
        host.wall_ahead = 0;
        host.cycles(4);
        assert_eq!(collector.see().batches(), numbers(11, 14));
        assert_eq!(host.dropped(reason::WRONG_CLOCK), 10);
    }
}

#[test]
fn a_batch_carries_the_numbers_of_the_outlets() {
    let directory = tempfile::tempdir().unwrap();
    let (away, here) = (all(), Collector::new(Batches::Newest, false));
    away.does(|_, _| Answer::Silence);
    let mut host = Host::new(directory.path(), Bounds::default(), &[away, here.clone()]);
    host.change();
    host.cycles(3);
    let batch = here.see().latest.clone().unwrap();
    let numbers: Vec<(&str, u64, u64, bool)> = batch
        .outlets
        .iter()
        .map(|one| (one.name.as_str(), one.waiting, one.sent, one.up))
        .collect();
    assert_eq!(numbers, [("outlet0", 3, 0, false), ("outlet1", 0, 2, true)]);
    assert!(batch.outlets[0].waiting_bytes > 100);
    assert!(batch.outlets[1].last_sent.is_some());
    assert_eq!(host.health().numbers.waiting, 4);
}

#[test]
fn what_the_spool_cannot_keep_is_the_oldest_and_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let collector = all();
    collector.does(|at, _| if at < 24 * HOUR { Answer::Silence } else { Answer::Take });
    let bounds = Bounds::of(128 << 10);
    let mut host = Host::new(directory.path(), bounds, std::slice::from_ref(&collector));
    for cycle in 0..2880 {
        if cycle % 50 == 0 {
            host.change();
        }
        host.cycles(1);
    }
    host.cycles(20);
    let batches = collector.see().batches();
    let first = batches[0];
    assert!(first > 500, "{first}");
    assert_eq!(batches, numbers(first, 2900));
    assert_eq!(host.dropped(reason::SPOOL_FULL), first - 1);
    assert_eq!(collector.see().changes(), numbers(1, 58));
}

#[test]
fn a_month_without_a_collector_is_bounded_in_files_and_memory() {
    let directory = tempfile::tempdir().unwrap();
    let collector = all();
    collector.does(|_, _| Answer::Silence);
    let bounds = Bounds::of(256 << 10);
    let mut host = Host::new(directory.path(), bounds, std::slice::from_ref(&collector));
    let before = resident_kib();
    // Every five minutes, so that the month takes seconds.
    for cycle in 0_u64..30 * 288 {
        if cycle % 100 == 0 {
            host.change();
        }
        host.batch();
        host.run_for(5 * MINUTE);
        if cycle % 500 == 0 {
            let bytes: u64 = std::fs::read_dir(directory.path())
                .unwrap()
                .map(|file| file.unwrap().metadata().unwrap().len())
                .sum();
            assert!(bytes <= bounds.bytes + 1024, "{bytes} bytes after {cycle} cycles");
        }
    }
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < 48 << 10, "{grown} KiB");
    let (waiting, dropped) = (host.health().numbers.waiting, host.dropped(reason::SPOOL_FULL));
    assert_eq!(waiting + dropped, 30 * 288 + 87);
    collector.does(|_, _| Answer::Take);
    host.run_for(HOUR);
    assert_eq!(collector.see().changes(), numbers(1, 87));
    assert_eq!(host.health().numbers.waiting, 0);
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn one_thread_runs_all_outlets_when_they_are_due() {
    let directory = tempfile::tempdir().unwrap();
    let (one, other) = (all(), Collector::new(Batches::Newest, true));
    let mut host = Host::new(directory.path(), Bounds::default(), &[one.clone(), other.clone()]);
    let mut outlets: Vec<Box<dyn Outlet>> = vec![Box::new(one.clone()), Box::new(other.clone())];
    host.batch();
    host.change();
    // The pace of each outlet is the only thing that is waited for.
    while let Some(due) = host.forwarder.run(host.now(), &mut outlets) {
        host.at = due.0;
    }
    assert!(host.at < SECOND, "{} ms", host.at);
    for collector in [&one, &other] {
        assert_eq!(collector.see().batches(), [1]);
        assert_eq!(collector.see().changes(), [1]);
    }
}

#[test]
fn without_a_directory_everything_is_sent_from_memory_within_its_bound() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("spool");
    std::fs::write(&place, "a file in its place").unwrap();
    let collector = all();
    collector.does(|at, _| if at < HOUR { Answer::Silence } else { Answer::Take });
    let mut bounds = Bounds::default();
    assert_eq!(bounds.memory_bytes, SPOOL_MEMORY_BYTES);
    bounds.memory_bytes = 16 << 10;
    let mut host = Host::new(&place, bounds, std::slice::from_ref(&collector));
    for _ in 0..20 {
        host.change();
        host.cycles(10);
    }
    let words = host.forwarder.take_words();
    assert_eq!(words.len(), 1, "{words:?}");
    assert!(words[0].contains("waits in memory, 16 KiB at most"), "{words:?}");
    let batches = collector.see().batches();
    assert_eq!(batches, numbers(batches[0], 200));
    assert_eq!(host.dropped(reason::SPOOL_FULL), batches[0] - 1);
    assert!(batches[0] > 1, "nothing was lost: the bound was not reached");
    assert_eq!(collector.see().changes(), numbers(1, 20));
    // The place is free: it is used within a minute, and what waits is written.
    std::fs::remove_file(&place).unwrap();
    collector.does(|_, _| Answer::Silence);
    host.cycles(4);
    let words = host.forwarder.take_words();
    assert!(words.iter().any(|word| word.contains("can be written again")), "{words:?}");
    host.crash();
    collector.does(|_, _| Answer::Take);
    host.cycles(1);
    assert_eq!(collector.see().batches().last(), Some(&205));
}
