//! The door to a BMC over LAN against two BMCs that know nothing of each other, and against what can go
//! wrong between.

use std::time::{Duration, Instant};

use hostwatch::host::Host;
use hostwatch::host::ipmi::answers::Answers;
use hostwatch::host::ipmi::lan::Client;
use hostwatch::host::ipmi::{
    self, Access, Answer, Door, Lan, Notes, Password, Privilege, Recording, Request, Suite, Target,
};
use hostwatch::model::limit::IPMI_LAN_PATIENCE;

use crate::bmc_peer::{Bmc17, LossyNetwork, Simulator, ipmitool};
use crate::bmc_table;

/// Beside the deadline of a question, on a busy machine.
const SLACK: Duration = Duration::from_secs(2);

fn lan(port: u16) -> Lan {
    let password = Password("lookonly".to_owned());
    Lan { port, ..Lan::new("127.0.0.1", "watch", password) }
}

fn client(port: u16, suite: Option<Suite>) -> Client {
    Client::new(Lan { suite, ..lan(port) }).unwrap()
}

fn question(netfn: u8, command: u8, data: &[u8]) -> Request {
    Request { netfn, command, target: Target::BMC, data: data.to_vec() }
}

fn device_id() -> Request {
    question(0x06, 0x01, &[])
}

fn data(door: &mut dyn Door, request: &Request) -> Vec<u8> {
    let answer = door.ask(request).unwrap();
    assert_eq!(answer.code, 0, "{request:?}");
    answer.data
}

/// Every record in parts of at most `most` bytes.
fn records(door: &mut dyn Door, most: u8) -> Vec<Vec<u8>> {
    let reservation = data(door, &question(0x0a, 0x22, &[]));
    let mut number = [0, 0];
    let mut records = Vec::new();
    while number != [0xff, 0xff] {
        let get = |offset: u8, count: u8| {
            let [low, high] = number;
            question(0x0a, 0x23, &[reservation[0], reservation[1], low, high, offset, count])
        };
        let head = data(door, &get(0, 5));
        let mut record = head[2..].to_vec();
        let whole = 5 + record[4];
        while record.len() < usize::from(whole) {
            let offset = record.len() as u8;
            record.extend(&data(door, &get(offset, most.min(whole - offset)))[2..]);
        }
        records.push(record);
        number = [head[0], head[1]];
    }
    records
}

/// A second answer to a question that was sent twice is all that a healthy BMC makes one drop.
fn assert_nothing_strange(door: &Client) {
    let drops = door.drops();
    assert_eq!(drops.all(), drops.foreign, "{drops:?}");
}

/// Asks what does not change by being asked, and compares with `ipmitool`.
fn says_what_ipmitool_says(door: &mut dyn Door, port: u16, suite: u8) {
    let mut questions = vec![
        vec![0x06, 0x01],
        vec![0x00, 0x01],
        vec![0x0a, 0x20],
        vec![0x0a, 0x40],
        vec![0x2c, 0x02, 0xdc, 1, 0, 0],
    ];
    for sensor in bmc_table::SENSORS.iter().filter(|sensor| sensor.lun == 0).step_by(4) {
        questions.push(vec![0x04, 0x2d, sensor.number]);
        questions.push(vec![0x04, 0x27, sensor.number]);
    }
    let mut refused = 0;
    for bytes in questions {
        let answer = door.ask(&question(bytes[0], bytes[1], &bytes[2..])).unwrap();
        match ipmitool(port, suite, &bytes) {
            Ok(said) => assert_eq!(answer, Answer { code: 0, data: said }, "{bytes:02x?}"),
            Err(said) => {
                let code = format!("rsp={:#x}", answer.code);
                assert!(answer.code != 0 && said.contains(&code), "{bytes:02x?}: {code}, {said}");
                refused += 1;
            }
        }
    }
    assert!((1..10).contains(&refused), "the discrete ones have no thresholds: {refused}");
    let numbered = records(door, 16);
    let mine: Vec<&[u8]> = numbered.iter().map(|record| &record[2..]).collect();
    let table = bmc_table::records();
    assert_eq!(mine, table.iter().map(|record| &record[2..]).collect::<Vec<_>>());
    // The same number on another unit is another sensor.
    let other = Request { target: Target::bmc(1), ..question(0x04, 0x2d, &[1]) };
    assert_eq!(data(door, &other)[0], 77);
    assert_eq!(data(door, &question(0x04, 0x2d, &[1]))[0], 45);
}

#[test]
fn the_simulator_says_what_ipmitool_hears() {
    let bmc = Simulator::start();
    // It answers DCMI to administrators alone.
    let mut door = Client::new(Lan {
        user: "admin".to_owned(),
        password: Password("labpass".to_owned()),
        privilege: Privilege::Administrator,
        ..lan(bmc.port)
    })
    .unwrap();
    says_what_ipmitool_says(&mut door, bmc.port, 3);
    assert_eq!(door.suite(), Some(Suite::Sha1), "it refuses 17");
    assert_nothing_strange(&door);
    bmc.tell("sensor_set_value 0x20 0 1 97 1");
    assert_eq!(data(&mut door, &question(0x04, 0x2d, &[1]))[0], 97);
    assert_eq!(data(&mut door, &question(0x0a, 0x43, &[0, 0, 0, 0, 0, 0xff])).len(), 18);
}

#[test]
fn the_bmc_with_suite_17_says_what_ipmitool_hears() {
    let mut bmc = Bmc17::start();
    for (suite, number) in [(None, 17), (Some(Suite::Sha256), 17), (Some(Suite::Sha1), 3)] {
        let mut door = client(bmc.port, suite);
        says_what_ipmitool_says(&mut door, bmc.port, number);
        assert_eq!(door.suite().map(u8::from), Some(number));
        assert_nothing_strange(&door);
    }
    let mut facts = bmc_table::facts();
    facts["sensors"]["0:1"]["reading"][0] = 97.into();
    let mut door = client(bmc.port, None);
    let reading = question(0x04, 0x2d, &[1]);
    assert_eq!(data(&mut door, &reading)[0], 45);
    bmc.learn(&facts);
    assert_eq!(data(&mut door, &reading)[0], 97);
    assert_eq!(bmc.counts()[2], 1, "one session a door, and those before are closed");
    drop(door);
    bmc.tell("well");
    assert_eq!(bmc.counts()[2], 0);
}

#[test]
fn a_suite_that_the_bmc_refuses_is_said() {
    let simulator = Simulator::start();
    let error = client(simulator.port, Some(Suite::Sha256)).ask(&device_id()).unwrap_err();
    assert_eq!(error.word(), "unsupported");
    assert!(error.to_string().contains("suite 17"), "{error}");
    let mut facts = bmc_table::facts();
    facts["suites"] = serde_json::json!([3]);
    let bmc = Bmc17::start_with(facts.clone());
    let mut door = client(bmc.port, None);
    assert!(door.ask(&device_id()).is_ok());
    assert_eq!(door.suite(), Some(Suite::Sha1));
    facts["suites"] = serde_json::json!([]);
    bmc.learn(&facts);
    let error = client(bmc.port, None).ask(&device_id()).unwrap_err();
    assert_eq!(error.word(), "unsupported");
    assert!(error.to_string().contains("17 and 3"), "{error}");
}

#[test]
fn who_may_not_ask_is_told_what_to_change() {
    let (simulator, bmc) = (Simulator::start(), Bmc17::start());
    for (port, suite) in [(simulator.port, 3), (bmc.port, 17), (bmc.port, 3)] {
        let suite = Some(Suite::try_from(suite).unwrap());
        let good = Lan { suite, ..lan(port) };
        let wrong = [
            (Lan { password: Password("look".to_owned()), ..good.clone() }, "`password`"),
            (Lan { password: Password(String::new()), ..good.clone() }, "`password`"),
            (Lan { user: "nobody".to_owned(), ..good.clone() }, "`nobody`"),
            (Lan { privilege: Privilege::Administrator, ..good.clone() }, "`administrator`"),
        ];
        // The simulator gives any user any privilege, as `ipmitool` sees too.
        let count = if port == simulator.port { 3 } else { 4 };
        for (wrong, word) in wrong.into_iter().take(count) {
            let begun = Instant::now();
            let Err(error) = Client::new(wrong.clone()).unwrap().ask(&device_id()) else {
                panic!("{wrong:?} was let in");
            };
            assert_eq!(error.word(), "denied", "{wrong:?}: {error}");
            assert!(error.to_string().contains(word), "{error}");
            assert!(!error.to_string().contains("look"), "{error}");
            assert!(begun.elapsed() < SLACK, "{error}: {:?}", begun.elapsed());
        }
        let mut admin = Client::new(Lan {
            user: "admin".to_owned(),
            password: Password("labpass".to_owned()),
            privilege: Privilege::Operator,
            ..good
        })
        .unwrap();
        assert!(admin.ask(&device_id()).is_ok());
    }
}

#[test]
fn a_bmc_that_stops_and_goes_on_is_asked_again() {
    let bmc = Simulator::start();
    let mut door = client(bmc.port, None);
    let said = data(&mut door, &device_id());
    bmc.stop();
    let begun = Instant::now();
    let error = door.ask(&device_id()).unwrap_err();
    assert_eq!(error.word(), "timed out");
    assert!(begun.elapsed() < IPMI_LAN_PATIENCE.to_std() + SLACK, "{:?}", begun.elapsed());
    bmc.go_on();
    assert_eq!(data(&mut door, &device_id()), said);
}

#[test]
fn a_bmc_that_forgot_the_session_is_asked_in_another() {
    let mut bmc = Bmc17::start();
    let mut door = client(bmc.port, None);
    let said = data(&mut door, &device_id());
    bmc.tell("restart");
    assert_eq!(data(&mut door, &device_id()), said);
    assert_eq!(bmc.counts()[1], 2);
    let mut simulator = Simulator::start();
    let mut door = client(simulator.port, None);
    let said = data(&mut door, &device_id());
    simulator.restart();
    assert_eq!(data(&mut door, &device_id()), said);
}

#[test]
fn what_is_no_answer_is_dropped_and_counted() {
    let mut bmc = Bmc17::start();
    let mut door = client(bmc.port, None);
    let said = data(&mut door, &device_id());
    bmc.tell("noise");
    for count in 1..=20 {
        assert_eq!(data(&mut door, &device_id()), said);
        assert!(door.drops().all() >= count * 2, "{:?}", door.drops());
    }
    let drops = door.drops();
    assert!(drops.garbled >= 20 && drops.unproven >= 20 && drops.replayed == 0, "{drops:?}");
    bmc.tell("replay");
    for number in [1, 2, 1, 2, 3] {
        // Answers that differ: none of an earlier question is taken for a later one's.
        let value = if number == 3 { 54 } else { [45, 22][number - 1] };
        let reading = question(0x04, 0x2d, &[number as u8]);
        assert_eq!(data(&mut door, &reading)[0], value);
    }
    assert!(door.drops().replayed >= 5, "{:?}", door.drops());
    assert_eq!(bmc.counts()[1], 1, "one session all the time");
}

#[test]
fn a_network_that_loses_packets_costs_time_and_no_answer() {
    let (simulator, mut bmc) = (Simulator::start(), Bmc17::start());
    let losses: [fn(bool, usize) -> bool; 3] = [
        |is_question, number| !is_question || number % 2 == 1,
        |is_question, number| is_question || number % 2 == 1,
        |_, number| number % 3 != 1,
    ];
    // The simulator answers a step of the opening once: the loss of every second answer would hit the
    // same step each time that the opening starts over.
    let cases =
        [(simulator.port, 0), (simulator.port, 2), (bmc.port, 0), (bmc.port, 1), (bmc.port, 2)];
    std::thread::scope(|scope| {
        for (port, which) in cases {
            scope.spawn(move || {
                let network = LossyNetwork::before(port, losses[which]);
                let mut door = client(network.port, None);
                for _ in 0..3 {
                    let answer = door.ask(&device_id());
                    assert!(answer.is_ok(), "{port}, {which}: {answer:?}");
                }
            });
        }
    });
    assert!(bmc.counts()[1] <= 6, "{:?}", bmc.counts());
}

#[test]
fn a_bmc_that_opens_sessions_and_says_nothing_times_out() {
    let mut bmc = Bmc17::start();
    let mut door = client(bmc.port, None);
    data(&mut door, &device_id());
    bmc.tell("deaf");
    let begun = Instant::now();
    assert_eq!(door.ask(&device_id()).unwrap_err().word(), "timed out");
    assert!(begun.elapsed() < IPMI_LAN_PATIENCE.to_std() + SLACK, "{:?}", begun.elapsed());
    bmc.tell("slow 1");
    data(&mut door, &device_id());
    bmc.tell("well");
    data(&mut door, &device_id());
}

#[test]
fn refusals_and_cut_answers_are_answers() {
    let mut bmc = Bmc17::start();
    let mut door = client(bmc.port, None);
    bmc.tell("busy");
    assert_eq!(door.ask(&device_id()).unwrap(), Answer { code: 0xc0, data: Vec::new() });
    assert_eq!(data(&mut door, &device_id()).len(), 11);
    bmc.tell("short");
    assert_eq!(data(&mut door, &device_id()).len(), 2);
    bmc.tell("small");
    assert_eq!(records(&mut door, 8).len(), bmc_table::records().len());
    let long = question(0x0a, 0x23, &[0, 0, 1, 0, 0, 9]);
    assert_eq!(door.ask(&long).unwrap().code, 0xca);
}

#[test]
fn what_is_not_to_be_sent_is_not_sent() {
    let mut bmc = Bmc17::start();
    let mut door = client(bmc.port, None);
    for (netfn, command) in [(0x00, 0x02), (0x0a, 0x47), (0x04, 0x26), (0x06, 0x3c), (0x06, 0x34)] {
        let error = door.ask(&question(netfn, command, &[0; 6])).unwrap_err();
        assert_eq!(error.word(), "denied");
    }
    let satellite = Target { address: 0x2c, channel: 0, lun: 0 };
    let error = door.ask(&Request { target: satellite, ..device_id() }).unwrap_err();
    assert_eq!(error.word(), "unsupported");
    assert_eq!(bmc.counts(), [0, 0, 0]);
}

#[test]
fn nobody_there_is_said_in_time_and_ipv6_is_spoken() {
    let mut facts = bmc_table::facts();
    facts["host"] = "::1".into();
    let bmc = Bmc17::start_with(facts);
    let mut door = Client::new(Lan { host: "::1".to_owned(), ..lan(bmc.port) }).unwrap();
    data(&mut door, &device_id());
    drop(door);
    let port = bmc.port;
    drop(bmc);
    let begun = Instant::now();
    assert_eq!(client(port, None).ask(&device_id()).unwrap_err().word(), "timed out");
    assert!(begun.elapsed() < IPMI_LAN_PATIENCE.to_std() + SLACK, "{:?}", begun.elapsed());
    let unknown = Lan { host: "bmc.invalid".to_owned(), ..lan(port) };
    let error = Client::new(unknown).unwrap().ask(&device_id()).unwrap_err();
    assert!(error.to_string().contains("bmc.invalid"), "{error}");
    let long = Lan { password: Password("x".repeat(21)), ..lan(port) };
    assert_eq!(Client::new(long).unwrap_err().word(), "unsupported");
}

#[test]
fn a_recorded_bmc_answers_as_the_real_one_did() {
    let bmc = Bmc17::start();
    let access = Access::Lan(lan(bmc.port));
    let notes = Notes::default();
    let mut door = Recording::new(ipmi::open(&Host::live(), &access).unwrap(), notes.clone());
    let recorded = records(&mut door, 16);
    let reading = question(0x04, 0x2d, &[1]);
    let (id, value) = (data(&mut door, &device_id()), data(&mut door, &reading));
    let text = notes.answers().text();
    assert_eq!(Answers::parse(&text), notes.answers());
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("dev/ipmi0")).unwrap();
    std::fs::write(root.path().join("dev/ipmi0/answers.txt"), text).unwrap();
    let host = Host::recorded(root.path());
    for access in [Access::InBand, access] {
        let mut door = ipmi::open(&host, &access).unwrap();
        assert_eq!(records(door.as_mut(), 16), recorded);
        assert_eq!(data(door.as_mut(), &device_id()), id);
        assert_eq!(data(door.as_mut(), &reading), value);
    }
}
