//! Sensors: captured machines against the verdicts of an administrator, and trees that change
//! under the agent.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hostwatch::host::Host;
use hostwatch::model::reading::{Observation, ProbeError};
use hostwatch::model::state::State;
use hostwatch::model::time::Moment;
use hostwatch::probe::hwmon::{Current, Fan, Humidity, Intrusion, Power, Temperature, Voltage};
use hostwatch::probe::{Found, Kind, Options, Probe};
use proptest::prelude::*;

static KINDS: &[&dyn Kind] =
    &[&Temperature, &Fan, &Voltage, &Current, &Power, &Humidity, &Intrusion];

fn captures() -> PathBuf {
    let folder = std::env::var_os("HOSTWATCH_FIXTURES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures"),
        PathBuf::from,
    );
    assert!(
        folder.join("INDEX.md").is_file(),
        "no captures in {}: set HOSTWATCH_FIXTURES to their folder",
        folder.display()
    );
    folder
}

/// The worst thing that is said of an instance.
fn state(observation: &Observation) -> State {
    observation.findings.iter().fold(State::Ok, |worst, finding| worst.worst(finding.state))
}

fn text(observation: &Observation) -> String {
    let facts: Vec<&str> = observation.findings.iter().map(|f| f.fact.as_str()).collect();
    format!("{} {} {}", observation.instance, observation.summary, facts.join(" "))
}

fn words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Every instance of every kind, read once.
fn all(host: &Host) -> Vec<(&'static str, Observation)> {
    let mut all = Vec::new();
    for kind in KINDS {
        let mut sources: BTreeMap<String, ()> = BTreeMap::new();
        let found = kind.survey(host).unwrap();
        for one in &found {
            sources.insert(one.source.to_string(), ());
        }
        let mut seen = Vec::new();
        for source in sources.keys() {
            seen.extend(kind.open(source, &Options::new()).read(host, Moment(0)).unwrap());
        }
        let mut names: Vec<&str> = found.iter().map(|one| &*one.instance).collect();
        let mut read: Vec<&str> = seen.iter().map(|one| &*one.instance).collect();
        names.sort_unstable();
        read.sort_unstable();
        assert_eq!(names, read, "what is found is read, under the same name");
        names.dedup();
        assert_eq!(names.len(), read.len(), "names are unique: {read:?}");
        all.extend(seen.into_iter().map(|one| (kind.spec().name, one)));
    }
    all
}

#[test]
fn captured_machines_get_the_verdict_of_an_administrator() {
    let mut judged = 0;
    for entry in std::fs::read_dir(captures().join("hwmon")).unwrap() {
        let case = entry.unwrap().path();
        if !case.join("sys").is_dir() {
            // The output of `sensors` is nothing that the agent reads; see below.
            continue;
        }
        judged += 1;
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let results = all(&Host::recorded(&case));
        assert!(!results.is_empty(), "{name}: nothing was found");
        let expected = std::fs::read_to_string(case.join("expected.json")).unwrap();
        let expected: serde_json::Value = serde_json::from_str(&expected).unwrap();
        let mut explained = Vec::new();
        for e in expected["expect"].as_array().unwrap() {
            let subject = e["subject"].as_str().unwrap();
            let accept: Vec<&str> = match e["accept"].as_array() {
                Some(list) => list.iter().map(|s| s.as_str().unwrap()).collect(),
                None => vec![e["state"].as_str().unwrap()],
            };
            let want = words(subject);
            let hits: Vec<_> = results
                .iter()
                .filter(|(_, one)| {
                    let have = words(&text(one));
                    want.iter().all(|word| have.contains(word))
                })
                .collect();
            let worst = hits.iter().fold(State::Ok, |worst, (_, one)| worst.worst(state(one)));
            assert!(
                accept.contains(&worst.word()),
                "{name}: {subject} should be {accept:?}, not {worst}: {hits:?}"
            );
            explained.extend(hits.iter().map(|(_, one)| one.instance.clone()));
        }
        for (kind, one) in &results {
            assert!(
                state(one) == State::Ok || explained.contains(&one.instance),
                "{name}: false alarm of {kind}: {}",
                text(one)
            );
        }
    }
    assert!(judged >= 9, "only {judged} cases");
}

/// A recorded machine that a test makes and changes.
struct Machine {
    dir: tempfile::TempDir,
    host: Host,
    now: u64,
}

impl Machine {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::recorded(dir.path());
        Self { dir, host, now: 0 }
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// A chip on a device, as hwmon number `number`.
    fn chip(&self, device: &str, number: u32, name: &str, attributes: &[(&str, &str)]) {
        let folder = format!("{device}/hwmon/hwmon{number}");
        let up = "../".repeat(2);
        self.put(&format!("sys/devices/{folder}/name"), &format!("{name}\n"));
        for (attribute, text) in attributes {
            self.put(&format!("sys/devices/{folder}/{attribute}"), &format!("{text}\n"));
        }
        let root = self.dir.path();
        let class = root.join("sys/class/hwmon");
        std::fs::create_dir_all(&class).unwrap();
        let link = |target: String, at: PathBuf| {
            let _ = std::fs::remove_file(&at);
            std::os::unix::fs::symlink(target, at).unwrap();
        };
        link(format!("{up}devices/{folder}"), class.join(format!("hwmon{number}")));
        link(
            up.trim_end_matches('/').to_owned(),
            root.join(format!("sys/devices/{folder}/device")),
        );
    }

    fn remove(&self, device: &str, number: u32) {
        let root = self.dir.path();
        std::fs::remove_dir_all(root.join(format!("sys/devices/{device}/hwmon/hwmon{number}")))
            .unwrap();
        std::fs::remove_file(root.join(format!("sys/class/hwmon/hwmon{number}"))).unwrap();
    }

    fn names(&self, kind: &dyn Kind) -> Vec<String> {
        self.found(kind).iter().map(|found| found.instance.to_string()).collect()
    }

    fn found(&self, kind: &dyn Kind) -> Vec<Found> {
        kind.survey(&self.host).unwrap()
    }

    /// One reading of the only instance of a kind, by a new probe.
    fn once(&self, kind: &dyn Kind) -> Observation {
        let found = self.found(kind);
        let source = found[0].source.to_string();
        let seen = kind.open(&source, &Options::new()).read(&self.host, Moment(self.now)).unwrap();
        seen.into_iter().find(|one| one.instance == found[0].instance).unwrap()
    }

    fn next(&mut self, probe: &mut dyn Probe) -> Result<Vec<Observation>, ProbeError> {
        self.now += 30_000;
        probe.read(&self.host, Moment(self.now))
    }
}

const BOARD: &str = "platform/nct6775.656";

/// State and first fact of a sensor with these attributes.
fn verdict(kind: &dyn Kind, chip: &str, attributes: &[(&str, &str)]) -> (State, String) {
    let machine = Machine::new();
    machine.chip(BOARD, 0, chip, attributes);
    let seen = machine.once(kind);
    let fact = seen.findings.first().map_or_else(String::new, |finding| finding.fact.clone());
    (state(&seen), fact)
}

#[test]
fn collectors_get_the_limits_that_can_be_true() {
    let measures = |kind: &dyn Kind, attributes: &[(&str, &str)]| -> Vec<(&'static str, f64)> {
        let machine = Machine::new();
        machine.chip(BOARD, 0, "tmp75", attributes);
        let seen = machine.once(kind);
        let name = |id| kind.spec().measure(id).unwrap().name;
        seen.measures.iter().map(|one| (name(one.metric), one.value)).collect()
    };
    let all = [
        ("temp1_input", "40000"),
        ("temp1_min", "-5000"),
        ("temp1_lcrit", "-10000"),
        ("temp1_max", "80850"),
        ("temp1_crit", "84850"),
    ];
    let expected = [
        ("max_celsius", 80.85),
        ("crit_celsius", 84.85),
        ("min_celsius", -5.0),
        ("lcrit_celsius", -10.0),
    ];
    assert_eq!(measures(&Temperature, &all), expected);
    let unset = [("temp1_input", "40000"), ("temp1_max", "0"), ("temp1_crit", "127000")];
    assert_eq!(measures(&Temperature, &unset), []);
    let fan = [("fan1_input", "900"), ("fan1_min", "600")];
    assert_eq!(measures(&Fan, &fan), [("min_rpm", 600.0)]);
    let rail = [("in1_input", "12000"), ("in1_max", "13200"), ("in1_min", "10800")];
    assert_eq!(measures(&Voltage, &rail), [("max_volts", 13.2), ("min_volts", 10.8)]);
    let amperes = [("curr1_input", "1000"), ("curr1_crit", "5000")];
    assert_eq!(measures(&Current, &amperes), [("crit_amperes", 5.0)]);
    let watts = [("power1_input", "9000000"), ("power1_max", "20000000")];
    assert_eq!(measures(&Power, &watts), [("max_watts", 20.0)]);
    let damp = [("humidity1_input", "40000"), ("humidity1_max", "90000")];
    assert_eq!(measures(&Humidity, &damp), [("max_percent", 90.0)]);
}

#[test]
fn a_temperature_is_judged_by_its_own_limits() {
    let t = |chip: &str, attributes: &[(&str, &str)]| verdict(&Temperature, chip, attributes).0;
    let limits = [("temp1_max", "80850"), ("temp1_crit", "84850"), ("temp1_min", "-273150")];
    let at = |input: &'static str| [&limits[..], &[("temp1_input", input)]].concat();
    assert_eq!(t("tmp75", &at("80849")), State::Ok);
    assert_eq!(t("tmp75", &at("80850")), State::Warning);
    assert_eq!(t("tmp75", &at("84850")), State::Critical);
    // The upper limit of a processor is its fans' business until it comes near the critical one.
    let cpu = [("temp1_max", "84000"), ("temp1_crit", "100000")];
    let at = |input: &'static str| [&cpu[..], &[("temp1_input", input)]].concat();
    assert_eq!(t("coretemp", &at("88000")), State::Ok);
    assert_eq!(t("coretemp", &at("91000")), State::Warning);
    assert_eq!(t("coretemp", &at("100000")), State::Critical);
    assert_eq!(t("k10temp", &[("temp1_input", "75000"), ("temp1_max", "70000")]), State::Ok);
    // No limits of its own: what is usual for its like, and nothing for an open input.
    assert_eq!(t("k10temp", &[("temp1_input", "95500")]), State::Ok);
    assert_eq!(t("k10temp", &[("temp1_input", "106000")]), State::Critical);
    assert_eq!(t("nct6798", &[("temp1_input", "113000")]), State::Ok);
    assert_eq!(t("lm90", &[("temp1_input", "-12000"), ("temp1_min", "-10000")]), State::Warning);
    assert_eq!(t("lm90", &[("temp1_input", "0"), ("temp1_min", "5000")]), State::Ok);
    let (state, fact) = verdict(
        &Temperature,
        "tmp75",
        &[("temp1_input", "91000"), ("temp1_crit", "90000"), ("temp1_label", "Inlet")],
    );
    assert_eq!(state, State::Critical);
    assert_eq!(fact, "91 C, at or above its critical limit 90 C (tmp75-isa-0290 temp1)");
}

#[test]
fn limits_that_nobody_set_raise_no_alarm() {
    for limit in ["0", "65261850", "127000", "255000"] {
        let attributes = [
            ("temp1_input", "45000"),
            ("temp1_max", limit),
            ("temp1_alarm", "1"),
            ("temp1_crit", limit),
            ("temp1_crit_alarm", "1"),
        ];
        let (state, fact) = verdict(&Temperature, "nct6793", &attributes);
        assert_eq!(state, State::Ok, "{limit}: {fact}");
    }
    let volts = [("in1_input", "1850"), ("in1_min", "0"), ("in1_max", "0"), ("in1_alarm", "1")];
    assert_eq!(verdict(&Voltage, "nct6793", &volts).0, State::Ok);
    let contrary =
        [("in1_input", "1850"), ("in1_min", "980"), ("in1_max", "30"), ("in1_alarm", "1")];
    assert_eq!(verdict(&Voltage, "w83627ehf", &contrary).0, State::Ok);
    let unused = [("in0_input", "0"), ("in0_min", "0"), ("in0_max", "0")];
    assert_eq!(verdict(&Voltage, "ucsi_source_psy_USBC000:001", &unused).0, State::Ok);
}

#[test]
fn an_alarm_within_limits_is_a_warning_and_a_critical_one_near_them_critical() {
    let rail = [
        ("in5_input", "2520"),
        ("in5_min", "400"),
        ("in5_crit", "4000"),
        ("in5_crit_alarm", "1"),
        ("in5_label", "vin5"),
    ];
    let (state, fact) = verdict(&Voltage, "irps5401", &rail);
    assert_eq!(state, State::Warning);
    assert!(fact.contains("the chip raises in5_crit_alarm"), "{fact}");
    let near = [("temp1_input", "98000"), ("temp1_crit", "100000"), ("temp1_crit_alarm", "1")];
    assert_eq!(verdict(&Temperature, "coretemp", &near).0, State::Critical);
    let far = [("temp1_input", "48000"), ("temp1_crit", "100000"), ("temp1_crit_alarm", "1")];
    assert_eq!(verdict(&Temperature, "coretemp", &far).0, State::Warning);
    let nvme = [("temp1_input", "48000"), ("temp1_max", "80000"), ("temp1_alarm", "1")];
    assert_eq!(verdict(&Temperature, "nvme", &nvme).0, State::Warning);
}

#[test]
fn rails_currents_and_watts_beyond_their_limits_are_told() {
    let amperes = [
        ("curr4_input", "9280"),
        ("curr4_max", "3810"),
        ("curr4_crit", "4810"),
        ("curr4_label", "iout4"),
    ];
    let (state, fact) = verdict(&Current, "irps5401", &amperes);
    assert_eq!(state, State::Critical);
    assert!(fact.starts_with("9.28 A, at or above its critical limit 4.81 A"), "{fact}");
    let low =
        [("in1_input", "152"), ("in1_lcrit", "1400"), ("in1_min", "1440"), ("in1_max", "2160")];
    assert_eq!(verdict(&Voltage, "irps5401", &low).0, State::Critical);
    let minus = [("in5_input", "-10500"), ("in5_min", "-13200"), ("in5_max", "-10800")];
    assert_eq!(verdict(&Voltage, "lm78", &minus).0, State::Warning);
    let watts = [("power1_input", "900000000"), ("power1_max", "800000000")];
    assert_eq!(verdict(&Power, "pmbus", &watts).0, State::Warning);
    let capped =
        [("power1_average", "303000000"), ("power1_cap", "303000000"), ("power1_cap_alarm", "1")];
    assert_eq!(verdict(&Power, "amdgpu", &capped).0, State::Ok);
    let misread = [("power1_input", "88610000"), ("power1_crit", "6000000")];
    assert_eq!(verdict(&Power, "fam15h_power", &misread).0, State::Ok);
    let wet = [("humidity1_input", "91000"), ("humidity1_max", "90000")];
    assert_eq!(verdict(&Humidity, "sht3x", &wet).0, State::Warning);
}

#[test]
fn the_average_is_read_where_there_is_one() {
    let machine = Machine::new();
    machine.chip(
        BOARD,
        0,
        "amdgpu",
        &[("power1_average", "41000000"), ("power1_input", "99000000")],
    );
    assert_eq!(machine.once(&Power).readings[0].value, 41.0);
}

#[test]
fn a_fault_stands_above_the_input() {
    let open = [("temp2_input", "42000"), ("temp2_fault", "1"), ("temp2_crit", "30000")];
    let (state, fact) = verdict(&Temperature, "tmp421", &open);
    assert_eq!(state, State::Warning);
    assert!(fact.contains("fault bit"), "{fact}");
    let machine = Machine::new();
    machine.chip(BOARD, 0, "tmp421", &open);
    assert!(machine.once(&Temperature).readings.is_empty(), "what it reads is not true");
    let fan = [("fan1_input", "1200"), ("fan1_fault", "1")];
    assert_eq!(verdict(&Fan, "max6639", &fan).0, State::Critical);
    let off = [("fan1_input", "0"), ("fan1_fault", "1"), ("fan1_enable", "0")];
    assert_eq!(verdict(&Fan, "max6639", &off).0, State::Ok, "switched off");
}

#[test]
fn a_sensor_that_never_worked_is_quiet_and_one_that_did_is_unknown() {
    let mut machine = Machine::new();
    machine.chip(BOARD, 0, "nct6793", &[("temp1_input", "-128000"), ("temp2_input", "40000")]);
    let source = machine.found(&Temperature)[0].source.to_string();
    let mut probe = Temperature.open(&source, &Options::new());
    let seen = machine.next(probe.as_mut()).unwrap();
    assert_eq!((seen.len(), seen[0].readings.len()), (2, 0));
    assert!(seen[0].summary.starts_with("no value: `-128000`"), "{}", seen[0].summary);
    machine.put(&format!("sys/devices/{BOARD}/hwmon/hwmon0/temp2_input"), "127500\n");
    let seen = machine.next(probe.as_mut()).unwrap();
    assert_eq!(seen.len(), 1, "no reading is not a good one: {seen:?}");
}

#[test]
fn a_fan_that_turned_and_stops_is_critical_and_an_empty_header_is_not() {
    let mut machine = Machine::new();
    let fans = [
        ("fan1_input", "0"),
        ("fan1_min", "600"),
        ("fan2_input", "1200"),
        ("fan3_input", "900"),
        ("pwm3", "120"),
    ];
    machine.chip(BOARD, 0, "nct6798", &fans);
    let source = machine.found(&Fan)[0].source.to_string();
    let mut probe = Fan.open(&source, &Options::new());
    for _ in 0..3 {
        let seen = machine.next(probe.as_mut()).unwrap();
        assert!(seen.iter().all(|one| state(one) == State::Ok), "{seen:?}");
        assert!(seen[0].readings.is_empty(), "an empty header is not a fan at 0 RPM");
    }
    let set = |machine: &Machine, name: &str, text: &str| {
        machine.put(&format!("sys/devices/{BOARD}/hwmon/hwmon0/{name}"), text);
    };
    set(&machine, "fan2_input", "0\n");
    set(&machine, "fan3_input", "0\n");
    set(&machine, "pwm3", "0\n");
    let seen = machine.next(probe.as_mut()).unwrap();
    let states: Vec<State> = seen.iter().map(state).collect();
    assert_eq!(states, [State::Ok, State::Critical, State::Ok], "fan3 is driven with nothing");
    let fact = &seen[1].findings[0].fact;
    assert!(fact.starts_with("stopped (0 RPM, usually 1200 RPM), 0 of 3 fans"), "{fact}");
    // It stays so however long it stands, and is well when it turns.
    let seen = machine.next(probe.as_mut()).unwrap();
    assert_eq!(state(&seen[1]), State::Critical);
    set(&machine, "fan2_input", "1100\n");
    let seen = machine.next(probe.as_mut()).unwrap();
    assert_eq!(state(&seen[1]), State::Ok);
    // One pulse on an empty header makes no fan.
    set(&machine, "fan1_input", "45000\n");
    machine.next(probe.as_mut()).unwrap();
    set(&machine, "fan1_input", "0\n");
    assert_eq!(state(&machine.next(probe.as_mut()).unwrap()[0]), State::Ok);
}

#[test]
fn a_graphics_card_may_rest_its_fan() {
    let mut machine = Machine::new();
    machine.chip(
        "pci0000:00/0000:03:00.0",
        4,
        "amdgpu",
        &[("fan1_input", "900"), ("fan1_min", "0")],
    );
    let source = machine.found(&Fan)[0].source.to_string();
    let mut probe = Fan.open(&source, &Options::new());
    for _ in 0..5 {
        machine.next(probe.as_mut()).unwrap();
    }
    machine.put("sys/devices/pci0000:00/0000:03:00.0/hwmon/hwmon4/fan1_input", "5\n");
    assert_eq!(state(&machine.next(probe.as_mut()).unwrap()[0]), State::Ok);
}

#[test]
fn slow_fans_and_alarmed_headers_are_warnings() {
    let fan = |attributes: &[(&str, &str)]| verdict(&Fan, "w83795g", attributes).0;
    assert_eq!(fan(&[("fan1_input", "500"), ("fan1_min", "600")]), State::Warning);
    assert_eq!(fan(&[("fan1_input", "700"), ("fan1_min", "600")]), State::Ok);
    assert_eq!(fan(&[("fan1_input", "0"), ("fan1_min", "600")]), State::Ok);
    assert_eq!(
        fan(&[("fan1_input", "0"), ("fan1_min", "600"), ("fan1_alarm", "1")]),
        State::Warning
    );
    assert_eq!(fan(&[("fan1_input", "0"), ("fan1_min", "0"), ("fan1_alarm", "1")]), State::Ok);
    assert_eq!(fan(&[("fan1_input", "65535")]), State::Ok, "no value");
}

#[test]
fn a_chassis_that_is_opened_while_watched_is_told() {
    let mut machine = Machine::new();
    machine.chip(BOARD, 0, "nct6779", &[("intrusion0_alarm", "1")]);
    let source = machine.found(&Intrusion)[0].source.to_string();
    let mut probe = Intrusion.open(&source, &Options::new());
    assert_eq!(state(&machine.next(probe.as_mut()).unwrap()[0]), State::Ok, "latched at power-on");
    let bit = format!("sys/devices/{BOARD}/hwmon/hwmon0/intrusion0_alarm");
    machine.put(&bit, "0\n");
    assert_eq!(state(&machine.next(probe.as_mut()).unwrap()[0]), State::Ok);
    machine.put(&bit, "1\n");
    assert_eq!(state(&machine.next(probe.as_mut()).unwrap()[0]), State::Warning);
}

#[test]
fn a_chip_keeps_its_name_under_another_number() {
    let mut machine = Machine::new();
    let (zero, one) = ("platform/coretemp.0", "platform/coretemp.1");
    let sensor = |celsius: &'static str| [("temp1_input", celsius), ("temp1_label", "Core 0")];
    machine.chip(zero, 0, "coretemp", &sensor("50000"));
    machine.chip(one, 1, "coretemp", &sensor("99000"));
    let before = machine.found(&Temperature);
    assert_eq!(machine.names(&Temperature), ["coretemp.0 Core 0", "coretemp.1 Core 0"]);
    let mut probe = Temperature.open(&before[0].source, &Options::new());
    assert_eq!(machine.next(probe.as_mut()).unwrap()[0].readings[0].value, 50.0);
    // The drivers are loaded in the other order.
    machine.remove(zero, 0);
    machine.remove(one, 1);
    machine.chip(zero, 1, "coretemp", &sensor("51000"));
    machine.chip(one, 0, "coretemp", &sensor("98000"));
    assert_eq!(machine.found(&Temperature), before);
    let seen = machine.next(probe.as_mut()).unwrap();
    assert_eq!((&*seen[0].instance, seen[0].readings[0].value), ("coretemp.0 Core 0", 51.0));
    machine.remove(zero, 1);
    let gone = machine.next(probe.as_mut()).unwrap_err();
    assert_eq!(gone.word(), "absent", "{gone}");
    machine.chip(zero, 7, "coretemp", &sensor("52000"));
    assert_eq!(machine.next(probe.as_mut()).unwrap()[0].readings[0].value, 52.0);
}

#[test]
fn disks_of_one_model_are_told_apart_by_their_names() {
    let machine = Machine::new();
    for (number, bus) in [(0, "04"), (1, "05")] {
        let device = format!("pci0000:00/0000:{bus}:00.0/nvme/nvme{number}");
        let label = [("temp1_input", "40000"), ("temp1_label", "Composite")];
        machine.chip(&device, number, "nvme", &label);
    }
    let scsi = "pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0";
    machine.chip(scsi, 2, "drivetemp", &[("temp1_input", "31000"), ("temp1_crit", "60000")]);
    machine.put(&format!("sys/devices/{scsi}/block/sda/size"), "1\n");
    assert_eq!(machine.names(&Temperature), ["sda", "nvme0 Composite", "nvme1 Composite"]);
    let found = machine.found(&Temperature);
    let device = found[2].attributes.iter().find(|(key, _)| *key == "device").unwrap();
    assert_eq!(device.1, "nvme-pci-0500");
}

#[test]
fn chips_are_found_where_old_drivers_and_bare_captures_have_them() {
    let machine = Machine::new();
    // The old registration: nothing but links in the chip's folder.
    machine.put("sys/class/hwmon/hwmon0/device/name", "w83793\n");
    machine.put("sys/class/hwmon/hwmon0/device/fan3_input", "4200\n");
    assert_eq!(machine.names(&Fan), ["w83793 fan3"]);
    assert_eq!(machine.once(&Fan).readings[0].value, 4200.0);
    // A capture of devices alone.
    let machine = Machine::new();
    machine.put("sys/devices/pci0000:00/0000:00:18.3/hwmon/hwmon3/name", "k10temp\n");
    machine.put("sys/devices/pci0000:00/0000:00:18.3/hwmon/hwmon3/temp1_input", "44600\n");
    assert_eq!(machine.names(&Temperature), ["k10temp temp1"]);
    assert_eq!(machine.once(&Temperature).readings[0].value, 44.6);
}

#[test]
fn thermal_zones_stand_in_where_no_chip_shows_the_processor() {
    let machine = Machine::new();
    let zone = |file: &str, text: &str| {
        machine.put(&format!("sys/class/thermal/thermal_zone1/{file}"), text);
    };
    zone("type", "x86_pkg_temp\n");
    zone("temp", "101000\n");
    zone("trip_point_0_type", "passive\n");
    zone("trip_point_0_temp", "60000\n");
    zone("trip_point_1_type", "critical\n");
    zone("trip_point_1_temp", "100000\n");
    machine.put("sys/class/thermal/thermal_zone0/type", "acpitz\n");
    assert_eq!(machine.names(&Temperature), ["x86_pkg_temp"]);
    assert_eq!(state(&machine.once(&Temperature)), State::Critical);
    machine.chip("platform/coretemp.0", 0, "coretemp", &[("temp1_input", "50000")]);
    assert_eq!(machine.names(&Temperature), ["coretemp temp1"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_content_is_too_odd(
        name in ".{0,80}",
        label in ".{0,80}",
        attributes in proptest::collection::vec(
            ("(temp|fan|in|curr|power|humidity|intrusion)[0-9]{1,2}_(input|average|max|min|crit|lcrit|alarm|crit_alarm|fault|enable|label)",
             prop_oneof![".{0,30}", "-?[0-9]{1,20}", Just("0".to_owned()), Just("1".to_owned())]),
            0..30,
        ),
    ) {
        let machine = Machine::new();
        machine.chip(BOARD, 0, &name, &[("temp1_input", "1000"), ("temp1_label", &label)]);
        for (attribute, text) in &attributes {
            machine.put(&format!("sys/devices/{BOARD}/hwmon/hwmon0/{attribute}"), text);
        }
        for (_, one) in all(&machine.host) {
            prop_assert!(one.readings.iter().all(|reading| reading.value.is_finite()));
            prop_assert!(!text(&one).chars().any(char::is_control), "{}", text(&one));
        }
    }
}
