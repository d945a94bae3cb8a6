//! Links that come, go, wrap and lie.

use super::*;

/// A recording of a machine with changing links.
struct Machine {
    dir: tempfile::TempDir,
    host: Host,
    probe: Box<dyn Probe>,
    now: u64,
}

impl Machine {
    fn new(options: &Options) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::recorded(dir.path());
        Self { dir, host, probe: Bandwidth.open("net/dev", options), now: 0 }
    }

    #[expect(clippy::disallowed_methods, reason = "a test writes its own recording")]
    fn put(&self, name: &str, text: &str) {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn link(&self, name: &str, index: u64, carrier: &str, speed: &str) {
        self.put(&format!("sys/class/net/{name}/device/vendor"), "");
        self.put(&format!("sys/class/net/{name}/ifindex"), &format!("{index}\n"));
        self.put(&format!("sys/class/net/{name}/carrier"), carrier);
        self.put(&format!("sys/class/net/{name}/speed"), speed);
    }

    /// Ten seconds on, the links have these counters (received, sent).
    fn see(&mut self, links: &[(&str, u64, u64)]) -> Vec<Observation> {
        let line = |(name, rx, tx): &(&str, u64, u64)| {
            format!("{name:>6}: {rx} 1 0 0 0 0 0 0 {tx} 1 0 0 0 0 0 0\n")
        };
        let text: String = links.iter().map(line).collect();
        self.put(NET_DEV, &format!("Inter-| Receive\n face |bytes packets\n{text}"));
        self.now += 10_000;
        self.probe.read(&self.host, Moment(self.now)).unwrap()
    }
}

#[test]
fn percent_of_the_negotiated_speed_each_way() {
    let mut machine = Machine::new(&Options::new());
    machine.link("eno1", 2, "1\n", "1000\n");
    assert_eq!(machine.see(&[("eno1", 0, 0)])[0].readings, []);
    let seen = &machine.see(&[("eno1", 1_187_500_000, 125_000_000)])[0];
    assert_eq!(seen.get(RX_BITS), Some(950e6));
    assert_eq!(seen.get(RX_PERCENT), Some(95.0));
    assert_eq!(seen.get(TX_PERCENT), Some(10.0));
    assert_eq!(seen.summary, "receives 950 Mbit/s (95%), sends 100 Mbit/s (10%) of 1 Gbit/s");
}

#[test]
fn collectors_get_the_totals_from_the_first_run_on() {
    let mut machine = Machine::new(&Options::new());
    let line = "eno1: 100 2 3 4 5 6 7 8 900 10 11 12 13 14 15 16\n";
    machine.put(NET_DEV, &format!("Inter-| Receive\n face |bytes packets\n{line}"));
    let seen = machine.probe.read(&machine.host, Moment(1)).unwrap().remove(0);
    assert_eq!(seen.readings, []);
    let names = seen.measures.iter().map(|one| SPEC.measure(one.metric).unwrap().name);
    let values = seen.measures.iter().map(|one| one.value);
    let expected = [
        ("rx_bytes", 100.0),
        ("rx_packets_count", 2.0),
        ("rx_errors_count", 3.0),
        ("rx_dropped_count", 4.0),
        ("tx_bytes", 900.0),
        ("tx_packets_count", 10.0),
        ("tx_errors_count", 11.0),
        ("tx_dropped_count", 12.0),
    ];
    assert!(names.zip(values).eq(expected), "{:?}", seen.measures);
}

#[test]
fn what_drivers_say_for_unknown_is_no_speed() {
    for (carrier, speed) in [
        ("1", "-1"),
        ("1", "65535"),
        ("1", "4294967295"),
        ("1", ""),
        ("0", "1000"),
        ("", "10"),
        ("1", "0"),
    ] {
        let mut machine = Machine::new(&Options::new());
        machine.link("eno1", 2, carrier, speed);
        machine.see(&[("eno1", 0, 0)]);
        let seen = &machine.see(&[("eno1", 1_250_000, 0)])[0];
        assert_eq!(seen.get(RX_BITS), Some(1e6), "{carrier} {speed}");
        assert_eq!(seen.get(RX_PERCENT), None, "{carrier} {speed}");
    }
}

#[test]
fn a_declared_capacity_stands_for_the_speed_of_any_link() {
    let mut machine = Machine::new(&Options::from([(CAPACITY, OptionValue::Number(20e6))]));
    machine.put("sys/class/net/tun0/speed", "10\n");
    machine.put("sys/class/net/tun0/carrier", "1\n");
    machine.see(&[("tun0", 0, 0)]);
    assert_eq!(machine.see(&[("tun0", 12_500_000, 0)])[0].get(RX_PERCENT), Some(50.0));
}

#[test]
fn virtual_links_and_idle_claims_have_no_percent() {
    let mut machine = Machine::new(&Options::new());
    machine.put("sys/class/net/tun0/speed", "10\n");
    machine.put("sys/class/net/tun0/carrier", "1\n");
    machine.link("ens3", 2, "1\n", "10\n");
    std::os::unix::fs::symlink(
        "../../bus/virtio/drivers/virtio_net",
        machine.dir.path().join("sys/class/net/ens3/device/driver"),
    )
    .unwrap();
    machine.see(&[("tun0", 0, 0), ("ens3", 0, 0)]);
    for seen in machine.see(&[("tun0", 12_500_000, 0), ("ens3", 12_500_000, 0)]) {
        assert_eq!((seen.get(RX_BITS), seen.get(RX_PERCENT)), (Some(10e6), None));
    }
}

#[test]
fn unplug_reset_wrap_and_replacement_never_exceed_the_link() {
    let wire = 1e9;
    let mut machine = Machine::new(&Options::new());
    machine.link("eno1", 2, "1\n", "1000\n");
    let near_end = u64::from(u32::MAX) - 999_999;
    machine.see(&[("eno1", near_end, 5_000_000)]);
    // A driver that counts in 32 bits.
    let seen = machine.see(&[("eno1", 1_500_000, 5_000_000)]);
    assert_eq!(seen[0].get(RX_BITS), Some(2e6));
    // The driver is loaded anew.
    assert_eq!(machine.see(&[("eno1", 10, 10)])[0].readings, []);
    // Counters that jump: 80 GB in ten seconds.
    assert_eq!(machine.see(&[("eno1", 80_000_000_000, 10)])[0].readings, []);
    let seen = machine.see(&[("eno1", 80_001_250_000, 10)]);
    assert_eq!(seen[0].get(RX_BITS), Some(1e6), "the next interval counts again");
    // Unplugged, and another plugged in.
    assert_eq!(machine.see(&[]), []);
    assert_eq!(machine.see(&[("eno1", 90_000_000_000, 10)])[0].readings, []);
    // Removed and made anew between two readings, found out by its index.
    machine.link("eno1", 7, "1\n", "1000\n");
    for _ in 0..5 {
        machine.see(&[("eno1", 90_000_000_000, 10)]);
    }
    assert_eq!(machine.see(&[("eno1", 90_000_500_000, 10)])[0].readings, []);
    // Late counting: more than the wire within one interval is shown as the wire.
    let seen = machine.see(&[("eno1", 90_001_400_000 + 1_300_000_000, 10)]);
    assert_eq!(seen[0].get(RX_BITS), Some(wire));
    assert_eq!(seen[0].get(RX_PERCENT), Some(100.0));
}

#[test]
fn a_raised_speed_is_seen_at_once() {
    let mut machine = Machine::new(&Options::new());
    machine.link("eno1", 2, "1\n", "100\n");
    machine.see(&[("eno1", 0, 0)]);
    machine.link("eno1", 2, "1\n", "10000\n");
    assert_eq!(machine.see(&[("eno1", 1_250_000_000, 0)])[0].get(RX_PERCENT), Some(10.0));
}

#[test]
fn a_fallen_counter_of_unknown_speed_is_a_reset() {
    let mut machine = Machine::new(&Options::new());
    machine.put("sys/class/net/veth0/ifindex", "4\n");
    machine.see(&[("veth0", u64::from(u32::MAX), 0)]);
    assert_eq!(machine.see(&[("veth0", 5, 0)])[0].readings, []);
}

#[test]
fn hardware_and_bonds_are_watched_unasked() {
    let mut machine = Machine::new(&Options::new());
    machine.link("eno1", 2, "1\n", "1000\n");
    machine.put("sys/class/net/bond0/bonding/mode", "802.3ad 4\n");
    machine.put("sys/class/net/docker0/ifindex", "9\n");
    machine.see(&[("lo", 0, 0), ("eno1", 0, 0), ("bond0", 0, 0), ("docker0", 0, 0)]);
    let watched = |host: &Host| -> Vec<String> {
        let found = Bandwidth.survey(host).unwrap();
        found.iter().filter(|f| f.by_default).map(|f| f.instance.to_string()).collect()
    };
    assert_eq!(watched(&machine.host), ["eno1", "bond0"]);
    std::fs::remove_dir_all(machine.dir.path().join("sys")).unwrap();
    assert_eq!(watched(&machine.host), ["eno1", "bond0"], "by their names");
}
