//! Texts of bonds as kernels print them in each state.

use proptest::prelude::*;

use super::*;
use crate::parse::mutate::any_text;

/// Linux 6.1, read with `CAP_NET_ADMIN`.
const LACP: &str = "Ethernet Channel Bonding Driver: v6.1.0\n\n\
Bonding Mode: IEEE 802.3ad Dynamic link aggregation\nTransmit Hash Policy: layer3+4 (1)\n\
MII Status: up\nMII Polling Interval (ms): 100\nUp Delay (ms): 0\nDown Delay (ms): 0\n\
Peer Notification Delay (ms): 0\n\n802.3ad info\nLACP active: on\nLACP rate: fast\nMin links: 1\n\
Aggregator selection policy (ad_select): stable\nSystem priority: 65535\n\
System MAC address: 52:54:00:00:00:10\nActive Aggregator Info:\n\tAggregator ID: 1\n\
\tNumber of ports: 2\n\tActor Key: 9\n\tPartner Key: 9\n\tPartner Mac Address: 52:54:00:00:00:12\n\n\
Slave Interface: eth0\nMII Status: up\nSpeed: 1000 Mbps\nDuplex: full\nLink Failure Count: 3\n\
Permanent HW addr: 52:54:00:00:00:10\nSlave queue ID: 0\nAggregator ID: 1\n\
Actor Churn State: monitoring\nPartner Churn State: none\nActor Churned Count: 0\n\
Partner Churned Count: 0\ndetails actor lacp pdu:\n    system priority: 65535\n\
    system mac address: 52:54:00:00:00:10\n    port key: 9\n    port priority: 255\n\
    port number: 1\n    port state: 63\ndetails partner lacp pdu:\n    system priority: 65535\n\
    system mac address: 52:54:00:00:00:12\n    oper key: 9\n    port priority: 255\n\
    port number: 1\n    port state: 61\n\n\
Slave Interface: eth1\nMII Status: going down\nSpeed: Unknown\nDuplex: Unknown\n\
Link Failure Count: 1\nPermanent HW addr: 52:54:00:00:00:11\nSlave queue ID: 0\n\
Aggregator ID: N/A\n";

#[test]
fn everything_of_a_privileged_text_is_read() {
    let bond = bonding(LACP.as_bytes()).unwrap();
    let partner = Some([0x52, 0x54, 0, 0, 0, 0x12]);
    assert_eq!(bond.mode, Some(Mode::Lacp));
    assert_eq!((bond.up, bond.min_links), (Some(true), Some(1)));
    assert_eq!(bond.aggregator, Aggregator::Active(Active { id: 1, ports: Some(2), partner }));
    let [eth0, eth1] = &bond.members[..] else { panic!("{bond:?}") };
    assert_eq!(
        *eth0,
        Member {
            name: "eth0".to_owned(),
            mii: Some(Mii::Up),
            speed: Some(1000),
            full_duplex: Some(true),
            failures: Some(3),
            mac: Some([0x52, 0x54, 0, 0, 0, 0x10]),
            aggregator: Some(1),
            actor_state: Some(63),
            partner_state: Some(61),
            partner,
            actor_churn: Some(Churn::Monitoring),
            partner_churn: Some(Churn::None),
        }
    );
    assert_eq!((eth1.mii, eth1.speed, eth1.full_duplex), (Some(Mii::GoingDown), None, None));
    assert_eq!((eth1.aggregator, eth1.partner), (None, None));
}

#[test]
fn what_an_unprivileged_reader_is_not_told_is_not_known() {
    let mut text = String::new();
    let mut hidden = false;
    for line in LACP.lines() {
        hidden = match line {
            _ if line.starts_with("System priority") => true,
            _ if line.starts_with("details") => true,
            "" => false,
            _ => hidden,
        };
        if !hidden {
            text.push_str(line);
            text.push('\n');
        }
    }
    let bond = bonding(text.as_bytes()).unwrap();
    assert_eq!(bond.aggregator, Aggregator::Unknown);
    assert_eq!(bond.members[0].aggregator, Some(1));
    assert_eq!((bond.members[0].partner, bond.members[0].partner_state), (None, None));
}

#[test]
fn no_active_aggregator_replaces_the_block() {
    let text = "Bonding Mode: IEEE 802.3ad Dynamic link aggregation\nMII Status: down\n\
        802.3ad info\nLACP rate: slow\nbond bond0 has no active aggregator\n\n\
        Slave Interface: eth0\nMII Status: down\nAggregator ID: 1\n";
    let bond = bonding(text.as_bytes()).unwrap();
    assert_eq!((bond.aggregator, bond.up), (Aggregator::None, Some(false)));
}

#[test]
fn active_backup_names_its_choices() {
    let read = |text: &str| bonding(text.as_bytes()).unwrap();
    let bond = read(
        "Bonding Mode: fault-tolerance (active-backup) (fail_over_mac active)\n\
         Primary Slave: eth0 (primary_reselect failure)\nCurrently Active Slave: eth1\n",
    );
    assert_eq!(bond.mode, Some(Mode::ActiveBackup));
    assert_eq!(bond.primary.as_deref(), Some("eth0"));
    assert_eq!((bond.primary_always, bond.active.as_deref()), (Some(false), Some("eth1")));
    let bond = read("MII Status: up\nPrimary Slave: None\nCurrently Active Slave: None\n");
    assert_eq!((bond.primary.as_deref(), bond.active.as_deref()), (Some(""), Some("")));
}

#[test]
fn every_mode_is_known_by_number_and_by_both_names() {
    let names = [
        ("load balancing (round-robin)", "balance-rr 0"),
        ("fault-tolerance (active-backup)", "active-backup 1"),
        ("load balancing (xor)", "balance-xor 2"),
        ("fault-tolerance (broadcast)", "broadcast 3"),
        ("IEEE 802.3ad Dynamic link aggregation", "802.3ad 4"),
        ("transmit load balancing", "balance-tlb 5"),
        ("adaptive load balancing", "balance-alb 6"),
    ];
    for (number, (long, short)) in (0..).zip(names) {
        let mode = Mode::from_number(number).unwrap();
        assert_eq!(Mode::from_text(long), Some(mode));
        assert_eq!(Mode::from_text(short), Some(mode));
        assert!(short.starts_with(mode.word()));
    }
    assert_eq!((Mode::from_number(7), Mode::from_text("of the future")), (None, None));
}

#[test]
fn numbers_that_mean_unknown_are_no_speeds() {
    for text in ["-1", "0", "65535", "4294967295", "2147483647", "", "Unknown", "Unknown!"] {
        assert_eq!(speed(text), None, "{text}");
    }
    assert_eq!((speed("10000 Mbps"), speed("100\n")), (Some(10_000), Some(100)));
    assert_eq!(mac("00:25:90:a6:4c:d8"), Some([0, 0x25, 0x90, 0xa6, 0x4c, 0xd8]));
    for text in
        ["", "00:25:90:a6:4c", "00:25:90:a6:4c:d8:00", "0:25:90:a6:4c:d8", "+0:25:90:a6:4c:d8"]
    {
        assert_eq!(mac(text).map(|_| text), None);
    }
}

#[test]
fn sources_complete_each_other_without_contradicting() {
    let mut own = bonding(b"MII Status: up\nSlave Interface: eth0\nMII Status: down\n").unwrap();
    let more = bonding(LACP.as_bytes()).unwrap();
    own.fill_from(more);
    assert_eq!(own.members.len(), 1, "who is a member is told by the first source");
    assert_eq!((own.members[0].mii, own.members[0].speed), (Some(Mii::Down), Some(1000)));
    assert!(matches!(own.aggregator, Aggregator::Active(Active { id: 1, .. })));
}

proptest! {
    #[test]
    fn no_text_panics(text in any_text(LACP)) {
        if let Some(bond) = bonding(&text) {
            prop_assert!(bond.members.len() <= text.len());
        }
    }
}
