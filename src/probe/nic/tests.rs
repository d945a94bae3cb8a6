//! Folders of links as drivers were seen to fill them, read through the probe.

use std::path::Path;

use super::*;
use crate::model::finding::Finding;

struct Machine {
    dir: tempfile::TempDir,
    host: Host,
    probe: Box<dyn Probe>,
}

impl Machine {
    fn new() -> Self {
        Self::expecting(None)
    }

    fn expecting(text: Option<&str>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::recorded(dir.path());
        let options = text.map(|text| (EXPECT, OptionValue::Text(text.to_owned())));
        let probe = Nic.open(LINKS, &options.into_iter().collect());
        Self { dir, host, probe }
    }

    #[expect(clippy::disallowed_methods, reason = "a test writes its own recording")]
    fn put(&self, path: &str, text: &str) {
        let path: &Path = &self.dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, format!("{text}\n")).unwrap();
    }

    /// A card's folder; an empty value removes the file, as a driver that answers EINVAL does.
    fn link(&self, name: &str, files: &[(&str, &str)]) {
        std::fs::create_dir_all(self.dir.path().join(format!("sys/class/net/{name}/device")))
            .unwrap();
        self.put(&format!("sys/class/net/{name}/type"), "1");
        for (file, value) in files {
            let path = format!("sys/class/net/{name}/{file}");
            if value.is_empty() {
                let _ = std::fs::remove_file(self.dir.path().join(path));
            } else {
                self.put(&path, value);
            }
        }
    }

    fn read(&mut self, seconds: u64) -> Vec<Observation> {
        self.probe.read(&self.host, Moment(seconds * 1000)).unwrap()
    }

    fn one(&mut self, seconds: u64) -> Observation {
        self.read(seconds).remove(0)
    }
}

fn worst(observation: &Observation) -> State {
    observation.findings.iter().map(|f: &Finding| f.state).fold(State::Ok, State::worst)
}

const UP: &[(&str, &str)] = &[
    ("flags", "0x1003"),
    ("operstate", "up"),
    ("carrier", "1"),
    ("carrier_changes", "2"),
    ("carrier_up_count", "1"),
    ("speed", "1000"),
    ("duplex", "full"),
];

#[test]
fn a_link_that_is_up_has_its_speed() {
    let mut machine = Machine::new();
    machine.link("eth0", UP);
    let seen = machine.one(0);
    assert_eq!((seen.get(SPEED), seen.summary.as_str()), (Some(1e9), "1 Gbit/s full duplex"));
    assert_eq!(seen.get(LINK_CHANGES), None, "a count needs two readings");
    assert_eq!(worst(&seen), State::Ok);
}

#[test]
fn collectors_get_standing_duplex_and_changes() {
    let named = |seen: &Observation| -> Vec<(&'static str, f64)> {
        let measures = seen.measures.iter();
        measures.map(|one| (SPEC.measure(one.metric).unwrap().name, one.value)).collect()
    };
    let changes = ("carrier_changes_count", 2.0);
    let mut machine = Machine::new();
    machine.link("eth0", UP);
    let up = [("up", 1.0), ("carrier", 1.0), changes, ("full_duplex", 1.0)];
    assert_eq!(named(&machine.one(0)), up);
    machine.link("eth0", &[("flags", "0x1002"), ("carrier", "1")]);
    assert_eq!(named(&machine.one(1)), [("up", 0.0), ("carrier", 1.0), changes], "switched off");
    machine.link("eth0", &[("flags", "0x1003"), ("carrier", "0"), ("operstate", "down")]);
    assert_eq!(named(&machine.one(2)), [("up", 0.0), ("carrier", 0.0), changes], "no cable");
}

#[test]
fn numbers_that_mean_unknown_and_old_ones_are_no_speeds() {
    for unknown in ["-1", "65535", "4294967295", "0", ""] {
        let mut machine = Machine::new();
        machine.link("eth0", UP);
        machine.link("eth0", &[("speed", unknown), ("duplex", "half")]);
        let seen = machine.one(0);
        assert_eq!((seen.get(SPEED), worst(&seen)), (None, State::Ok), "{unknown}");
        assert_eq!(seen.summary, "link up, speed not known");
    }
    // virtio and vmxnet3 keep the speed that they had.
    let mut machine = Machine::new();
    machine.link("eth0", UP);
    machine.link("eth0", &[("carrier", "0"), ("operstate", "down")]);
    let seen = machine.one(0);
    assert_eq!((seen.get(SPEED), seen.summary.as_str()), (None, "no link"));
}

#[test]
fn switched_off_answers_nothing_and_is_no_fault() {
    let mut machine = Machine::new();
    machine.link("eth0", UP);
    machine.one(0);
    let off = [
        ("flags", "0x1002"),
        ("carrier", ""),
        ("speed", ""),
        ("duplex", ""),
        ("operstate", "down"),
    ];
    machine.link("eth0", &off);
    let seen = machine.one(30);
    assert_eq!((worst(&seen), seen.summary.as_str()), (State::Ok, "switched off"));
    // Switched on again without a cable: what was before does not count.
    machine.link("eth0", &[("flags", "0x1003"), ("carrier", "0")]);
    assert_eq!(worst(&machine.one(60)), State::Ok);
}

#[test]
fn a_link_lost_while_watched_is_told_and_worse_in_use() {
    let mut machine = Machine::new();
    machine.link("eth0", UP);
    machine.one(0);
    machine.link("eth0", &[("carrier", "0"), ("operstate", "down"), ("carrier_changes", "3")]);
    let seen = machine.one(30);
    assert_eq!((worst(&seen), seen.get(LINK_CHANGES)), (State::Warning, Some(1.0)));
    machine.put("proc/net/route", "Iface\tDestination\tGateway\neth0\t00000000\t0100000A");
    assert_eq!(worst(&machine.one(60)), State::Critical);
    machine.put("proc/net/route", "Iface\tDestination\tGateway\neth01\t00000000\t0100000A");
    assert_eq!(worst(&machine.one(90)), State::Warning, "another link's route");
    machine.put("proc/net/if_inet6", "fe800000000000000000000000000001 02 40 20 80 eth0");
    assert_eq!(worst(&machine.one(120)), State::Warning, "every link has such an address");
    machine.put("proc/net/if_inet6", "20010db8000000000000000000000001 02 40 00 80     eth0");
    assert_eq!(worst(&machine.one(150)), State::Critical);
}

#[test]
fn a_new_speed_is_seen_with_the_bounce_that_it_makes() {
    let mut machine = Machine::expecting(Some("1000baseT/Full"));
    machine.link("eth0", UP);
    assert_eq!(worst(&machine.one(0)), State::Ok);
    machine.link("eth0", &[("speed", "100"), ("carrier_changes", "4")]);
    let seen = machine.one(30);
    assert_eq!((worst(&seen), seen.get(SPEED)), (State::Critical, Some(1e8)));
    assert_eq!(
        seen.summary,
        "runs at 100 Mbit/s full duplex, expected 1000 Mbit/s full duplex; 100 Mbit/s full duplex"
    );
    // Without a bounce (a hypervisor's link) within the minute.
    machine.link("eth0", &[("speed", "1000")]);
    assert_eq!(worst(&machine.one(60)), State::Critical);
    assert_eq!(worst(&machine.one(90)), State::Ok);
}

#[test]
fn errors_are_counted_and_a_spares_drops_are_not() {
    let machine = Machine::new();
    machine.link("eth0", UP);
    machine.link("eth0", &[("bonding_slave/state", "backup")]);
    let counters = |n: &str| {
        for name in ["rx_errors", "tx_errors", "rx_crc_errors", "rx_dropped", "tx_dropped"] {
            machine.put(&format!("sys/class/net/eth0/statistics/{name}"), n);
        }
    };
    counters("100");
    let mut probe = Nic.open(LINKS, &Options::new());
    let mut read =
        |seconds: u64| probe.read(&machine.host, Moment(seconds * 1000)).unwrap().remove(0);
    read(0);
    counters("130");
    let seen = read(60);
    assert_eq!((seen.get(CRC_ERRORS), seen.get(RX_ERRORS)), (Some(30.0), Some(30.0)));
    assert_eq!((seen.get(RX_DROPPED), seen.get(TX_DROPPED)), (None, None));
    assert!(seen.summary.ends_with("member of a bond"), "{}", seen.summary);
    machine.put("sys/class/net/eth0/bonding_slave/state", "active");
    read(120);
    counters("135");
    assert_eq!(read(180).get(RX_DROPPED), Some(5.0));
}

#[test]
fn links_are_sorted_by_what_stands_behind_them() {
    let machine = Machine::new();
    machine.link("eth0", UP);
    machine.link("eth1", &[("speed", "10000"), ("device/physfn/vendor", "0x8086")]);
    machine.link("wlp2s0", &[("operstate", "up"), ("phy80211/name", "phy0")]);
    machine.link("can0", &[("operstate", "up"), ("type", "280")]);
    machine.put("sys/class/net/bond0/bonding/mode", "802.3ad 4");
    machine.put("sys/class/net/bond0/operstate", "up");
    machine.put("sys/class/net/veth12ab/speed", "10000");
    machine.put("sys/class/net/eno1/speed", "1000");
    machine.put("sys/class/net/lo/operstate", "unknown");
    machine.put("sys/class/net/bonding_masters", "bond0");
    machine.put("sys/class/net/tap0", "../../devices/virtual/net/tap0");
    machine.put("sys/devices/virtual/net/tap0/speed", "10");
    machine.put("sys/class/net/ens3", "../../devices/pci0000:00/0000:00:03.0/net/ens3");
    machine.put("sys/devices/pci0000:00/0000:00:03.0/net/ens3/speed", "10000");
    let found = Nic.survey(&machine.host).unwrap();
    let sorts: Vec<_> = found
        .iter()
        .map(|found| {
            let sort = found.attributes.iter().find(|(key, _)| *key == "type").unwrap();
            (found.title.as_str(), sort.1.as_str(), found.by_default)
        })
        .collect();
    assert_eq!(
        sorts,
        [
            ("bond0", "bond", false),
            ("can0", "virtual", false),
            ("eno1", "physical", true),
            ("ens3", "physical", true),
            ("eth0", "physical", true),
            ("eth1", "vf", false),
            ("lo", "virtual", false),
            ("tap0", "virtual", false),
            ("veth12ab", "virtual", false),
            ("wlp2s0", "wireless", true),
        ]
    );
    let read = |source| {
        let seen = Nic.open(source, &Options::new()).read(&machine.host, Moment(0)).unwrap();
        seen.iter().map(|seen| seen.instance.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(read(LINKS), ["eno1", "ens3", "eth0", "wlp2s0"]);
    assert_eq!(read(OTHERS).len(), 6);
}
