//! The event log as it grows, is cleared, goes round, and is refused.

use super::*;

/// Sensor type, number, direction and type, and three bytes of data.
const INPUT_LOST: [u8; 6] = [0x08, 9, 0x6f, 3, 0xff, 0xff];
const INPUT_BACK: [u8; 6] = [0x08, 9, 0xef, 3, 0xff, 0xff];
const ECC: [u8; 6] = [0x0c, 8, 0x6f, 0, 0xff, 0xff];
const UNCORRECTABLE: [u8; 6] = [0x0c, 8, 0x6f, 1, 0xff, 0xff];
const BOOT: [u8; 6] = [0x1d, 7, 0x6f, 0, 0xff, 0xff];
const T: u32 = 0x6000_0000;

fn facts(watch: &mut Watch, second: u64) -> Vec<String> {
    let seen = watch.read(second).remove("event log").unwrap();
    seen.findings.into_iter().map(|finding| finding.fact).collect()
}

fn started(script: &Script) -> Watch {
    let mut watch = Watch::of(script);
    assert_eq!(facts(&mut watch, 0), NONE);
    watch
}

const LOST: &str = "power supply sensor 0x09: power supply input lost";

#[test]
fn an_event_is_told_until_its_end_is_logged() {
    let script = Script::new();
    script.log(T, &UNCORRECTABLE);
    let mut watch = started(&script);
    script.log(T + 1, &INPUT_LOST);
    script.log(T + 2, &BOOT);
    assert_eq!(facts(&mut watch, 30), [LOST]);
    assert_eq!(facts(&mut watch, 60), [LOST]);
    script.log(T + 9, &INPUT_BACK);
    assert_eq!(facts(&mut watch, 90), NONE);
    script.log(T + 10, &ECC);
    assert_eq!(facts(&mut watch, 120), ["memory sensor 0x08: correctable ECC error"]);
    assert_eq!(facts(&mut watch, 120 + 86_400 - 30).len(), 1);
    assert_eq!(facts(&mut watch, 120 + 86_400), NONE, "after a day");
}

#[test]
fn a_grave_event_that_began_and_ended_between_two_looks_is_told_once() {
    let script = Script::new();
    let mut watch = started(&script);
    script.log(T, &INPUT_LOST);
    script.log(T + 1, &INPUT_BACK);
    assert_eq!(facts(&mut watch, 30), [format!("{LOST}, and it was over soon")]);
    assert_eq!(facts(&mut watch, 60), NONE);
    // Not each of many of a week that nobody watched.
    for second in 0..40 {
        script.log(T + 10 + second, if second % 2 == 0 { &INPUT_LOST } else { &INPUT_BACK });
    }
    assert_eq!(facts(&mut watch, 90), NONE);
}

#[test]
fn looks_that_nobody_read_end_nothing() {
    let script = Script::new();
    let mut watch = started(&script);
    script.log(T, &INPUT_LOST);
    watch.look(30).unwrap();
    script.log(T + 1, &INPUT_BACK);
    watch.look(55).unwrap();
    assert_eq!(facts(&mut watch, 300).len(), 1);
    assert_eq!(facts(&mut watch, 330), NONE);
}

#[test]
fn a_redundancy_that_is_lost_is_not_over_because_it_is_not_full() {
    for order in [[0, 1], [1, 0]] {
        let script = Script::new();
        let mut watch = started(&script);
        // Redundancy lost begins; fully redundant ends; in either order.
        let events = [[0x08, 6, 0x0b, 1, 0xff, 0xff], [0x08, 6, 0x8b, 0, 0xff, 0xff]];
        for place in order {
            script.log(T, &events[place]);
        }
        assert_eq!(facts(&mut watch, 30), ["power supply sensor 0x06: redundancy lost"]);
        script.log(T + 5, &[0x08, 6, 0x0b, 0, 0xff, 0xff]);
        assert_eq!(facts(&mut watch, 60), NONE);
    }
}

#[test]
fn a_threshold_that_is_passed_back_is_over_in_either_way_of_saying_so() {
    for end in [[0x01, 5, 0x81, 9, 0xff, 0xff], [0x01, 5, 0x01, 8, 0xff, 0xff]] {
        let script = Script::new();
        let mut watch = started(&script);
        script.log(T, &[0x01, 5, 0x01, 9, 0xff, 0xff]);
        assert_eq!(facts(&mut watch, 30), ["temperature sensor 0x05: upper critical going high"]);
        script.log(T + 5, &end);
        assert_eq!(facts(&mut watch, 60), NONE);
    }
}

#[test]
fn what_a_sensor_shows_it_tells_itself_and_ends_itself() {
    let script = Script::new().with(compact(9, 0x08, 0x6f, [10, 1], "PSU1"), &states(1));
    let mut watch = started(&script);
    script.log(T, &INPUT_LOST);
    script.read(9, &states(9));
    assert_eq!(watch.wrong(30), ["CRIT PSU1: power supply input lost"]);
    script.read(9, &states(1));
    assert_eq!(watch.wrong(60), NONE);
    // Over before the sensor was read, and the end is not logged.
    script.log(T + 60, &INPUT_LOST);
    assert_eq!(watch.wrong(90), ["CRIT event log: PSU1: power supply input lost"]);
    assert_eq!(watch.wrong(120), NONE);
}

#[test]
fn what_a_sensor_shows_and_finds_not_worth_telling_the_log_tells() {
    let row = (0..0x2d_u8).flat_map(|kind| (0..15_u8).map(move |offset| (kind, offset)));
    let mut tried = 0;
    for (kind, offset) in row {
        let script = Script::new().with(compact(9, kind, 0x6f, [7, 1], "S"), &states(0));
        let mut watch = started(&script);
        script.log(T, &[kind, 9, 0x6f, offset, 0xff, 0xff]);
        script.read(9, &states(1 << offset));
        let seen = watch.wrong(30);
        let event = crate::parse::ipmi::states::happening(kind, 0x6f, offset);
        if event.weight >= crate::parse::ipmi::states::Weight::Warning {
            assert_eq!(seen.len(), 1, "{kind:#x} {offset}: {seen:?}");
            tried += 1;
        }
    }
    assert!(tried > 50);
}

#[test]
fn a_busy_log_is_not_a_cleared_one() {
    let script = Script::new();
    for second in 0..20 {
        script.log(T + second, &UNCORRECTABLE);
    }
    let mut watch = started(&script);
    script.log(T + 50, &INPUT_LOST);
    assert_eq!(facts(&mut watch, 30), [LOST]);
    script.log(T + 60, &ECC);
    for (second, code) in [(60, Some(0xc0)), (90, Some(0xff)), (120, None)] {
        script.heal();
        script.refuse(0x0a, 0x43, &[], code);
        let seen = watch.read(second).remove("event log").unwrap();
        assert_eq!(seen.findings.len(), 1, "{seen:?}");
        assert!(!seen.summary.contains("cleared"), "{}", seen.summary);
    }
    script.heal();
    assert_eq!(facts(&mut watch, 200).len(), 2, "and what came meanwhile is told");
}

#[test]
fn an_old_log_is_past_even_if_its_first_answer_is_lost() {
    for code in [Some(0xc0), Some(0xd2), Some(0xcb), None] {
        let script = Script::new();
        for second in 0..600 {
            script.log(T + second, &UNCORRECTABLE);
        }
        // The newest cannot be asked for, now or ever.
        script.refuse(0x0a, 0x43, &[0, 0, 0xff, 0xff], code);
        let mut watch = Watch::of(&script);
        for look in 0..8 {
            assert_eq!(facts(&mut watch, look * 100), NONE, "{code:?}");
        }
        script.heal();
        script.log(T + 700, &INPUT_LOST);
        for look in 8..12 {
            watch.look(look * 100).unwrap();
        }
        assert_eq!(facts(&mut watch, 1200), [LOST], "{code:?}");
    }
}

#[test]
fn a_log_longer_than_a_look_is_read_in_several() {
    let script = Script::new();
    script.log(T, &BOOT);
    let mut watch = started(&script);
    script.asked(0x0a, 0x43);
    for second in 0..1400 {
        script.log(T + second, &BOOT);
    }
    script.log(T + 1500, &INPUT_LOST);
    for second in [30, 60] {
        assert_eq!(facts(&mut watch, second), NONE);
        assert_eq!(script.asked(0x0a, 0x43), 513, "{second}");
    }
    assert_eq!(facts(&mut watch, 90), [LOST]);
}

#[test]
fn a_cleared_log_ends_what_was_open_and_begins_anew() {
    let script = Script::new();
    script.log(T, &ECC);
    let mut watch = started(&script);
    script.log(T + 1, &INPUT_LOST);
    assert_eq!(facts(&mut watch, 30), [LOST]);
    script.change(|facts| {
        facts.events = Some(Vec::new());
        facts.erased = T + 40;
    });
    let seen = watch.read(60).remove("event log").unwrap();
    assert!(seen.findings.is_empty() && seen.summary.contains("cleared"), "{seen:?}");
    script.log(T + 70, &UNCORRECTABLE);
    assert_eq!(facts(&mut watch, 90).len(), 1);
    // Cleared and written to between two looks: the number is used again.
    script.change(|facts| {
        facts.events = Some(Vec::new());
        facts.erased = T + 100;
    });
    script.log(T + 110, &INPUT_LOST);
    assert_eq!(facts(&mut watch, 120), [LOST]);
}

#[test]
fn a_log_that_went_round_or_was_numbered_anew_tells_no_old_entry() {
    let script = Script::new();
    for second in 0..40 {
        script.log(T + second, &UNCORRECTABLE);
    }
    let mut watch = started(&script);
    // One entry is deleted, and all have other numbers.
    script.change(|facts| {
        let events = facts.events.as_mut().unwrap();
        events.remove(3);
        for (place, entry) in events.iter_mut().enumerate() {
            entry[..2].copy_from_slice(&u16::try_from(place + 100).unwrap().to_le_bytes());
        }
        facts.erased = T + 50;
    });
    script.log(T + 60, &INPUT_LOST);
    assert_eq!(facts(&mut watch, 30), [LOST]);
}

#[test]
fn the_log_of_another_board_is_past() {
    let script = Script::new();
    script.log(T, &ECC);
    let mut watch = started(&script);
    let memo = watch.read(30)["event log"].memo.clone().unwrap();
    let other = Script::new();
    other.change(|facts| facts.guid = (16..32).collect());
    for second in 0..40 {
        other.log(T - 1000 + second, &UNCORRECTABLE);
    }
    let mut later = Watch::of(&other);
    later.bmc.log = super::super::log::Log::recall(&memo).unwrap();
    assert_eq!(facts(&mut later, 60), NONE);
    other.log(T, &INPUT_LOST);
    assert_eq!(facts(&mut later, 90), [LOST]);
}

#[test]
fn a_clock_that_stands_or_fell_back_hides_no_event() {
    // Never set: all times are seconds since the start, or nothing.
    let script = Script::new();
    script.log(0, &BOOT);
    let mut watch = started(&script);
    script.log(0, &INPUT_LOST);
    assert_eq!(facts(&mut watch, 30), [LOST]);
    // Set, and the BMC was reset with an empty log and a clock of zero.
    let script = Script::new();
    script.log(T, &BOOT);
    let mut watch = started(&script);
    script.change(|facts| facts.events = Some(Vec::new()));
    script.log(5, &INPUT_LOST);
    assert_eq!(facts(&mut watch, 30), [LOST]);
}

#[test]
fn an_entry_that_is_never_given_does_not_stop_the_log() {
    let script = Script::new();
    script.log(T, &BOOT);
    let mut watch = started(&script);
    script.log(T + 1, &BOOT);
    script.log(T + 2, &INPUT_LOST);
    script.refuse(0x0a, 0x43, &[0, 0, 2, 0], Some(0xff));
    let told: Vec<_> = (1..8).map(|look| facts(&mut watch, look * 30).len()).collect();
    assert_eq!(told.last(), Some(&1), "{told:?}");
    script.log(T + 3, &ECC);
    assert_eq!(facts(&mut watch, 300).len(), 2);
}

#[test]
fn numbers_that_lead_in_a_circle_end() {
    let script = Script::new();
    script.log(T, &BOOT);
    let mut watch = started(&script);
    script.log(T + 1, &ECC);
    script.change(|facts| {
        // The second is followed by itself.
        let events = facts.events.as_mut().unwrap();
        let again = events[1].clone();
        events.push(again);
    });
    for look in 1..5 {
        assert_eq!(facts(&mut watch, look * 30).len(), 1);
    }
}

#[test]
fn a_memo_stands_while_nothing_happens_and_is_bounded() {
    let script = Script::new();
    script.log(T, &BOOT);
    let mut watch = started(&script);
    for second in 0..500_u32 {
        script.log(T + second, &[0x0c, 8, 0x6f, 0, 0xff, u8::try_from(second % 200).unwrap()]);
    }
    let memo = |watch: &mut Watch, second| {
        let seen = watch.read(second).remove("event log").unwrap();
        assert!(seen.findings.len() <= 64);
        seen.memo.unwrap()
    };
    let first = memo(&mut watch, 30);
    assert!(first.len() < 16 << 10, "{}", first.len());
    for second in [60, 90, 700] {
        assert_eq!(memo(&mut watch, second), first);
    }
}
