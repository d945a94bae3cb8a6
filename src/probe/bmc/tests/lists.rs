//! The list of sensors, and their names.

use super::*;

/// Two processors' temperatures of one name, a supply and a fan.
fn server() -> Script {
    Script::new()
        .with(full(1, TEMPERATURE, [3, 1], CELSIUS, 1, "Temp"), &value(40))
        .with(full(2, TEMPERATURE, [3, 2], CELSIUS, 1, "Temp"), &AWAY)
        .with(compact(3, 0x08, 0x6f, [10, 1], "Status"), &states(1))
        .with(full(4, FAN, [29, 1], RPM, 100, "FAN1"), &value(54))
}

fn names(watch: &mut Watch, second: u64) -> Vec<String> {
    let look = watch.look(second).unwrap();
    let mut names: Vec<_> = named(&look).iter().map(|one| one.instance.to_string()).collect();
    names.sort();
    names
}

#[test]
fn a_name_does_not_change_because_another_sensor_comes_to_work() {
    let script = server();
    let mut watch = Watch::of(&script);
    assert_eq!(names(&mut watch, 0), ["Status", "bmc FAN1", "bmc Temp (CPU 1)"]);
    script.read(2, &value(41));
    let both = ["Status", "bmc FAN1", "bmc Temp (CPU 1)", "bmc Temp (CPU 2)"];
    assert_eq!(names(&mut watch, 200), both);
    script.read(1, &AWAY);
    assert_eq!(names(&mut watch, 400), both, "one that was at work stays listed");
}

#[test]
fn names_do_not_depend_on_the_order_of_records() {
    let script = server();
    let forth = names(&mut Watch::of(&script), 0);
    script.change(|facts| facts.records.reverse());
    assert_eq!(names(&mut Watch::of(&script), 0), forth);
}

#[test]
fn a_list_is_read_once_and_again_when_it_changed() {
    let script = server();
    let mut watch = Watch::of(&script);
    watch.look(0).unwrap();
    assert_eq!(script.asked(0x0a, 0x23), 4);
    watch.look(30).unwrap();
    assert_eq!(script.asked(0x0a, 0x23), 0);
    script.change(|facts| {
        facts.stamp += 1;
        facts.records.push(full(9, FAN, [29, 2], RPM, 100, "FAN2"));
        facts.readings.insert(9, Ok(value(50).to_vec()));
    });
    watch.look(700).unwrap();
    assert_eq!(script.asked(0x0a, 0x23), 5);
    assert_eq!(names(&mut watch, 730).len(), 4);
}

#[test]
fn stamps_that_never_stand_still_do_not_keep_a_bmc_busy() {
    let script = server();
    let mut watch = Watch::of(&script);
    for second in (0..600).step_by(30) {
        script.change(|facts| facts.stamp += 1);
        watch.look(second).unwrap();
    }
    assert_eq!(script.asked(0x0a, 0x23), 4);
    script.change(|facts| facts.stamp += 1);
    watch.look(600).unwrap();
    assert_eq!(script.asked(0x0a, 0x23), 4);
}

#[test]
fn a_bmc_that_starts_or_is_updated_keeps_its_sensors() {
    let script = server();
    let mut watch = Watch::of(&script);
    watch.look(0).unwrap();
    // The list is refused; the identity says that it is in update.
    script.refuse(0x0a, 0x20, &[], Some(0xd2));
    assert_eq!(watch.look(30).unwrap().sensors.len(), 4);
    script.heal();
    script.change(|facts| {
        facts.id[2] |= 0x80;
        facts.stamp += 1;
    });
    assert_eq!(watch.look(60).unwrap().sensors.len(), 4);
    script.change(|facts| {
        facts.id[2] &= 0x7f;
        facts.stamp -= 1;
    });
    script.asked(0x0a, 0x23);
    watch.look(3000).unwrap();
    assert_eq!(script.asked(0x0a, 0x23), 0, "nothing changed after all");
}

#[test]
fn a_list_that_is_refused_for_now_is_waited_for() {
    let script = server();
    script.refuse(0x0a, 0x23, &[], Some(0xd0));
    let mut watch = Watch::of(&script);
    for second in [0, 30] {
        let why = watch.look(second).unwrap_err();
        assert!(format!("{why:?}").contains("being updated"), "{why:?}");
    }
    script.heal();
    assert_eq!(watch.look(60).unwrap().sensors.len(), 4);
}

#[test]
fn a_record_that_is_never_given_costs_what_is_behind_it_and_is_told() {
    let script = server();
    // The third record, whichever way it is asked for.
    script.change(|facts| {
        facts.faults.push((0x0a, 0x23, vec![0, 0, 3, 0], Some(0xff)));
        facts.faults.push((0x0a, 0x23, vec![1, 0, 3, 0], Some(0xff)));
    });
    let mut watch = Watch::of(&script);
    assert!(watch.look(0).is_err());
    assert!(watch.look(30).is_err());
    let wrong = watch.wrong(60);
    assert_eq!(
        wrong,
        ["WARN bmc: its list of sensors cannot be read to its end: unspecified error (0xff)"]
    );
    assert_eq!(watch.look(90).unwrap().sensors.len(), 2);
    script.heal();
    assert_eq!(watch.look(700).unwrap().sensors.len(), 4, "and it is tried again");
    assert_eq!(watch.wrong(730), NONE);
}

#[test]
fn a_record_without_content_is_passed_over() {
    let script = server();
    script.change(|facts| facts.records[1] = Vec::new());
    let look = Watch::of(&script).look(0).unwrap();
    assert_eq!(look.sensors.len(), 3);
}

#[test]
fn a_bmc_that_gives_records_in_parts_alone_gives_them_all() {
    for code in [0xca, 0xc7, 0xff] {
        let script = server();
        // Whole ones are refused.
        for record in 0..5 {
            script.refuse(0x0a, 0x23, &[0, 0, record, 0, 0, 0xff], Some(code));
        }
        let look = Watch::of(&script).look(0).unwrap();
        assert_eq!(look.sensors.len(), 4, "{code:#x}");
        let names: BTreeSet<_> =
            look.sensors.iter().map(|seen| seen.sensor.name.as_str()).collect();
        assert_eq!(names, BTreeSet::from(["Temp", "Status", "FAN1"]));
    }
}

#[test]
fn a_bmc_without_list_log_and_chassis_is_a_bmc() {
    let script = Script::new();
    for (netfn, command) in [(0x0a, 0x20), (0x0a, 0x23), (0x0a, 0x40), (0x00, 0x01), (0x04, 0x20)] {
        script.refuse(netfn, command, &[], Some(0xc1));
    }
    let mut watch = Watch::of(&script);
    let seen = watch.read(0);
    assert_eq!(seen.keys().collect::<Vec<_>>(), ["bmc"]);
    assert!(seen["bmc"].summary.starts_with("Dell, firmware 2.12, IPMI 2.0, 0 sensors"));
}

#[test]
fn a_list_that_is_empty_while_the_bmc_starts_is_asked_for_again() {
    let script = server();
    let records = std::mem::take(&mut script.0.lock().unwrap().records);
    let mut watch = Watch::of(&script);
    assert_eq!(watch.wrong(0), NONE);
    script.change(|facts| facts.records = records.clone());
    script.refuse(0x0a, 0x20, &[], Some(0xc1));
    assert_eq!(watch.look(610).unwrap().sensors.len(), 4);
    let script = server();
    script.refuse(0x0a, 0x23, &[], Some(0xc1));
    let mut watch = Watch::of(&script);
    assert_eq!(watch.look(0).unwrap().sensors.len(), 0);
    script.heal();
    assert_eq!(watch.look(610).unwrap().sensors.len(), 4);
}
