//! What sensors mean, and what their silence does not.

use super::*;
use crate::model::reading::{MetricId, Reading};

fn limits(script: &Script, number: u8, answer: [u8; 7]) {
    script.change(|facts| {
        facts.thresholds.insert(number, answer.to_vec());
    });
}

#[test]
fn a_fan_in_percent_idles_and_does_not_stand() {
    let script = Script::new().with(full(1, FAN, [29, 1], PERCENT, 1, "Fan 1"), &value(20));
    let mut watch = Watch::of(&script);
    for second in [0, 30, 60] {
        assert_eq!(watch.wrong(second), NONE);
    }
    script.read(1, &value(0));
    assert_eq!(watch.wrong(90), ["CRIT bmc Fan 1: stopped (0%, usually 20%)"]);
}

#[test]
fn a_fan_that_turned_in_an_earlier_run_stands_in_this_one_and_a_resting_supply_is_none() {
    let script = Script::new()
        .with(full(1, FAN, [29, 1], RPM, 100, "FAN1"), &value(0))
        .with(full(2, FAN, [10, 1], RPM, 100, "PSU1 Fan"), &value(50));
    let mut watch = Watch::of(&script);
    assert_eq!(watch.wrong(0), NONE, "it never turned");
    script.read(2, &value(0));
    assert_eq!(watch.wrong(30), NONE, "a supply may rest");
    script.read(1, &value(50));
    let memo = watch.read(60)["bmc FAN1"].memo.clone().unwrap();
    script.read(1, &value(0));
    let stopped = "CRIT bmc FAN1: stopped (0 RPM";
    assert!(watch.wrong(90)[0].starts_with(stopped));
    let mut later = Watch::of(&script);
    for reader in &mut later.readers {
        crate::probe::Probe::recall(reader, "bmc FAN1", &memo);
    }
    assert_eq!(later.wrong(120), ["CRIT bmc FAN1: stopped (0 RPM)"]);
}

#[test]
fn a_limit_is_left_by_its_hysteresis_and_says_so() {
    let script = Script::new().with(full(1, TEMPERATURE, [3, 1], CELSIUS, 1, "CPU"), &value(40));
    limits(&script, 1, [0x18, 0, 0, 0, 85, 95, 0]);
    let mut watch = Watch::of(&script);
    assert_eq!(watch.wrong(0), NONE);
    let mut at = |second, raw| {
        script.read(1, &value(raw));
        watch.wrong(second)
    };
    let high = "at or above its upper critical limit 95 C";
    assert_eq!(at(30, 95), [format!("CRIT bmc CPU: 95 C, {high}")]);
    let near = "was above its upper critical limit 95 C and is still near it";
    assert_eq!(at(60, 94), [format!("CRIT bmc CPU: 94 C, {near}")]);
    assert_eq!(at(90, 92), ["WARN bmc CPU: 92 C, at or above its upper limit 85 C"]);
    assert_eq!(at(120, 84).len(), 1);
    assert_eq!(at(150, 82), NONE);
    // Without having been there, near is well.
    assert_eq!(at(180, 84), NONE);
}

#[test]
fn collectors_get_the_limits_that_the_bmc_holds() {
    let script = Script::new()
        .with(full(1, TEMPERATURE, [3, 1], CELSIUS, 1, "CPU"), &value(40))
        .with(full(2, FAN, [29, 1], PERCENT, 1, "Fan 1"), &value(20));
    limits(&script, 1, [0x18, 0, 0, 0, 85, 95, 0]);
    limits(&script, 2, [0x18, 0, 0, 0, 85, 95, 0]);
    let seen = Watch::of(&script).read(0);
    let row = |row, value| Reading { metric: MetricId(row), value };
    assert_eq!(seen["bmc CPU"].measures, [row(0, 85.0), row(1, 95.0)], "upper, upper critical");
    assert_eq!(seen["bmc Fan 1"].measures, [], "limits in percent are no turns a minute");
}

#[test]
fn an_erased_hysteresis_holds_no_fault_for_ever() {
    let mut record = full(1, TEMPERATURE, [3, 1], CELSIUS, 1, "CPU");
    record[42..44].copy_from_slice(&[0xff, 0xff]);
    let script = Script::new().with(record, &value(95));
    limits(&script, 1, [0x18, 0, 0, 0, 85, 95, 0]);
    let mut watch = Watch::of(&script);
    assert_eq!(watch.wrong(0).len(), 1);
    script.read(1, &value(30));
    assert_eq!(watch.wrong(30), NONE);
}

#[test]
fn what_a_bmc_finds_behind_a_falling_curve_counts() {
    let mut record = full(1, TEMPERATURE, [3, 1], CELSIUS, 1, "Therm");
    // M is -1, B is 100.
    record[24..27].copy_from_slice(&[0xff, 0xc0, 100]);
    let script = Script::new().with(record, &value(40));
    limits(&script, 1, [0x18, 0, 0, 0, 15, 5, 0]);
    let mut watch = Watch::of(&script);
    assert_eq!(watch.wrong(0), NONE);
    script.read(1, &[4, 0xc0, 0xd8, 0]);
    assert_eq!(watch.wrong(30), ["CRIT bmc Therm: 96 C, and the BMC finds it critically high"]);
}

#[test]
fn one_lost_answer_ends_no_fault_and_begins_none() {
    let script = Script::new()
        .with(compact(1, 0x08, 0x6f, [10, 1], "PSU1"), &states(0x9))
        .with(full(2, FAN, [29, 1], RPM, 100, "FAN1"), &value(50));
    let mut watch = Watch::of(&script);
    assert_eq!(watch.wrong(0), ["CRIT PSU1: power supply input lost"]);
    for (second, code) in [(30, 0xce), (60, 0xd2), (90, 0xff)] {
        script.heal();
        script.refuse(0x04, 0x2d, &[], Some(code));
        let seen = watch.read(second);
        assert!(seen["PSU1"].silent && seen["bmc FAN1"].silent, "no sample: {seen:?}");
    }
    script.heal();
    // A BMC that starts anew has nothing for some minutes.
    for number in [1, 2] {
        script.read(number, &AWAY);
    }
    for second in (120..420).step_by(30) {
        let seen = watch.read(second);
        assert!(seen["PSU1"].silent && seen["bmc FAN1"].silent, "{second}: {seen:?}");
    }
    assert_eq!(watch.wrong(420), ["WARN bmc FAN1: gave readings before and gives none now"]);
    assert!(watch.read(450)["PSU1"].summary.starts_with("no reading now"));
    script.read(1, &states(1));
    script.read(2, &value(50));
    assert_eq!(watch.wrong(480), NONE);
}

#[test]
fn a_firmware_update_is_no_fault_however_long_it_takes() {
    let script = Script::new().with(full(2, FAN, [29, 1], RPM, 100, "FAN1"), &value(50));
    let mut watch = Watch::of(&script);
    assert_eq!(watch.wrong(0), NONE);
    script.change(|facts| facts.id[2] |= 0x80);
    script.read(2, &AWAY);
    for second in [30, 600, 1200] {
        assert_eq!(watch.wrong(second), NONE);
    }
}

#[test]
fn limits_that_are_refused_for_a_moment_are_those_of_before() {
    let script = Script::new().with(full(1, TEMPERATURE, [3, 1], CELSIUS, 1, "CPU"), &value(90));
    limits(&script, 1, [0x18, 0, 0, 0, 85, 95, 0]);
    let mut watch = Watch::of(&script);
    assert_eq!(watch.wrong(0).len(), 1);
    script.refuse(0x04, 0x27, &[], Some(0xc0));
    assert_eq!(watch.wrong(330).len(), 1);
    assert_eq!(watch.read(360)["bmc CPU"].summary.matches("critical 95 C").count(), 1);
}

#[test]
fn one_sensor_that_never_answers_does_not_lose_the_bmc() {
    let script = Script::new()
        .with(full(1, TEMPERATURE, [3, 1], CELSIUS, 1, "CPU"), &value(40))
        .with(full(2, TEMPERATURE, [7, 1], CELSIUS, 1, "Board"), &value(40));
    script.refuse(0x04, 0x2d, &[1], None);
    let mut watch = Watch::of(&script);
    assert!(watch.read(0).contains_key("bmc Board"));
    assert!(watch.read(30).contains_key("bmc Board"));
    let asked = script.asked(0x04, 0x2d);
    assert_eq!(asked, 4, "two for the silent one, once");
}

#[test]
fn sensors_that_the_user_may_not_read_are_told() {
    let script = Script::new().with(full(1, TEMPERATURE, [3, 1], CELSIUS, 1, "CPU"), &value(40));
    script.refuse(0x04, 0x2d, &[], Some(0xd4));
    let wrong = Watch::of(&script).wrong(0);
    assert_eq!(wrong, ["WARN bmc: it lets this user read 1 sensor not at all"]);
}

#[test]
fn power_is_what_dcmi_measures_and_no_other_number_for_one_look() {
    let script = Script::new().with(full(1, 0x0b, [7, 1], WATT, 2, "Pwr"), &value(100));
    let dcmi = vec![0xdc, 0x38, 1, 0x78, 0, 0xe0, 1, 0x31, 1, 0, 0, 0, 0x60, 0xe8, 3, 0, 0, 0x40];
    script.change(|facts| facts.power = Some(dcmi));
    let mut watch = Watch::of(&script);
    let watts = |seen: &BTreeMap<String, Observation>| {
        seen.get("power").map(|seen| seen.readings[0].value.round())
    };
    assert_eq!(watts(&watch.read(0)), Some(312.0));
    script.refuse(0x2c, 0x02, &[], Some(0xc0));
    assert_eq!(watts(&watch.read(30)), None);
    assert!(watch.look(45).unwrap().had.power, "and it stays listed");
    script.heal();
    script.change(|facts| facts.power = Some(vec![0xdc, 0x38, 1]));
    let seen = watch.read(60);
    assert_eq!(watts(&seen), Some(200.0), "cut off: its sensor");
    assert!(seen["power"].summary.contains("3 bytes"), "{}", seen["power"].summary);
    let nothing = vec![0xdc, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x60, 0xe8, 3, 0, 0, 0x40];
    script.change(|facts| facts.power = Some(nothing));
    assert_eq!(watts(&watch.read(90)), Some(200.0), "no machine takes 0 W");
}

#[test]
fn a_chassis_that_was_opened_before_is_a_fact_and_one_that_is_opened_now_a_warning() {
    let script = Script::new();
    script.change(|facts| facts.chassis = Some(vec![0x21, 0, 1]));
    let mut watch = Watch::of(&script);
    assert_eq!(watch.wrong(0), NONE);
    script.change(|facts| facts.chassis = Some(vec![0x21, 0, 0]));
    assert_eq!(watch.wrong(30), NONE);
    script.change(|facts| facts.chassis = Some(vec![0x29, 0, 1]));
    assert_eq!(
        watch.wrong(60),
        ["CRIT chassis: fault of the main power", "WARN chassis: the chassis was opened"]
    );
    script.refuse(0x00, 0x01, &[], Some(0xc0));
    let seen = watch.read(90);
    assert!(!seen.contains_key("chassis"), "no sample, and no end of the fault");
}
