//! Names for network links and bonds.

use super::Source::{Fixed, Instance, Label};
use super::{BYTES_OF_BITS, Family, Naming, RATIO, Row, Since, Tag, row, tag};
use crate::forward::series::Instrument;

const LINK: &[Tag] = &[tag("device", Instance)];
const OTEL_LINK: &[Tag] = &[tag("network.interface.name", Instance)];
const OTEL_RECEIVE: &[Tag] = &otel_link("receive");
const OTEL_TRANSMIT: &[Tag] = &otel_link("transmit");

const fn otel_link(direction: &'static str) -> [Tag; 2] {
    [tag("network.interface.name", Instance), tag("network.io.direction", Fixed(direction))]
}

/// A link as a piece of hardware.
const OTEL_CARD: &[Tag] = &[
    tag("hw.id", Instance),
    tag("hw.name", Instance),
    tag("hw.network.physical_address", Label("mac")),
];

/// What the kernel counts of a link since it came to be.
const fn link_sum(
    value: &'static str,
    (help, name): (&'static str, &'static str),
    (otel, unit, attributes): (&'static str, &'static str, &'static [Tag]),
) -> Row {
    let naming = Naming::counter(help, name, LINK).since(Since::Boot);
    row(value, naming.otel(otel, (unit, 1.0), Instrument::Counter, attributes))
}

/// Packets are counted by `system.device` in the conventions, everything else by interface name.
const fn otel_packets(direction: &'static str) -> [Tag; 2] {
    [tag("network.io.direction", Fixed(direction)), tag("system.device", Instance)]
}

pub(super) static BANDWIDTH: Family = Family {
    kind: "bandwidth",
    hardware: None,
    rows: &[
        link_sum(
            "rx_bytes",
            ("Bytes received", "node_network_receive_bytes_total"),
            ("system.network.io", "By", OTEL_RECEIVE),
        ),
        link_sum(
            "tx_bytes",
            ("Bytes sent", "node_network_transmit_bytes_total"),
            ("system.network.io", "By", OTEL_TRANSMIT),
        ),
        link_sum(
            "rx_packets_count",
            ("Packets received", "node_network_receive_packets_total"),
            ("system.network.packet.count", "{packet}", &otel_packets("receive")),
        ),
        link_sum(
            "tx_packets_count",
            ("Packets sent", "node_network_transmit_packets_total"),
            ("system.network.packet.count", "{packet}", &otel_packets("transmit")),
        ),
        link_sum(
            "rx_errors_count",
            ("Packets received broken", "node_network_receive_errs_total"),
            ("system.network.errors", "{error}", OTEL_RECEIVE),
        ),
        link_sum(
            "tx_errors_count",
            ("Packets that could not be sent", "node_network_transmit_errs_total"),
            ("system.network.errors", "{error}", OTEL_TRANSMIT),
        ),
        link_sum(
            "rx_dropped_count",
            (
                "Packets received and dropped by the kernel, or missed by the card",
                "node_network_receive_drop_total",
            ),
            ("system.network.packet.dropped", "{packet}", OTEL_RECEIVE),
        ),
        link_sum(
            "tx_dropped_count",
            ("Packets dropped instead of sent", "node_network_transmit_drop_total"),
            ("system.network.packet.dropped", "{packet}", OTEL_TRANSMIT),
        ),
        row(
            "rx_percent",
            Naming::gauge(
                "Received, as a share of the negotiated speed or of the configured capacity",
                "hostwatch_bandwidth_receive_ratio",
                LINK,
            )
            .per(100.0)
            .otel(
                "hostwatch.bandwidth.utilization",
                RATIO,
                Instrument::Gauge,
                OTEL_RECEIVE,
            ),
        ),
        row(
            "rx_bits_per_second",
            Naming::gauge(
                "Bytes received a second",
                "hostwatch_bandwidth_receive_bytes_per_second",
                LINK,
            )
            .per(8.0)
            .otel(
                "hostwatch.bandwidth.rate",
                BYTES_OF_BITS,
                Instrument::Gauge,
                OTEL_RECEIVE,
            ),
        ),
        row(
            "tx_percent",
            Naming::gauge(
                "Sent, as a share of the negotiated speed or of the configured capacity",
                "hostwatch_bandwidth_transmit_ratio",
                LINK,
            )
            .per(100.0)
            .otel(
                "hostwatch.bandwidth.utilization",
                RATIO,
                Instrument::Gauge,
                OTEL_TRANSMIT,
            ),
        ),
        row(
            "tx_bits_per_second",
            Naming::gauge(
                "Bytes sent a second",
                "hostwatch_bandwidth_transmit_bytes_per_second",
                LINK,
            )
            .per(8.0)
            .otel(
                "hostwatch.bandwidth.rate",
                BYTES_OF_BITS,
                Instrument::Gauge,
                OTEL_TRANSMIT,
            ),
        ),
    ],
};

/// What is counted over the last hour: it falls again, so it is no sum.
const fn hourly(
    help: &'static str,
    name: &'static str,
    otel: &'static str,
    unit: &'static str,
    attributes: &'static [Tag],
) -> Naming {
    Naming::gauge(help, name, LINK).otel(otel, (unit, 1.0), Instrument::Gauge, attributes)
}

pub(super) static NIC: Family = Family {
    kind: "nic",
    hardware: Some("network"),
    rows: &[
        row(
            "up",
            Naming::gauge(
                "Whether the link is switched on and has a carrier",
                "node_network_up",
                LINK,
            )
            .otel("hw.network.up", ("1", 1.0), Instrument::UpDownCounter, OTEL_CARD),
        ),
        row(
            "carrier",
            Naming::gauge("Whether the link has a carrier", "node_network_carrier", LINK).otel(
                "hostwatch.nic.carrier",
                ("1", 1.0),
                Instrument::Gauge,
                OTEL_LINK,
            ),
        ),
        link_sum(
            "carrier_changes_count",
            ("Times the carrier came or went", "node_network_carrier_changes_total"),
            ("hostwatch.nic.carrier_changes", "{change}", OTEL_LINK),
        ),
        row(
            "full_duplex",
            Naming::gauge(
                "Whether the link can send and receive at the same time",
                "hostwatch_nic_full_duplex",
                LINK,
            )
            .otel(
                "hostwatch.nic.full_duplex",
                ("1", 1.0),
                Instrument::Gauge,
                OTEL_LINK,
            ),
        ),
        row(
            "speed_bits_per_second",
            Naming::gauge("Negotiated speed in bytes a second", "node_network_speed_bytes", LINK)
                .per(8.0)
                .otel(
                    "hw.network.bandwidth.limit",
                    BYTES_OF_BITS,
                    Instrument::UpDownCounter,
                    OTEL_CARD,
                ),
        ),
        row(
            "link_changes",
            hourly(
                "Times the link came up or went down within the last hour",
                "hostwatch_nic_link_changes_last_hour",
                "hostwatch.nic.link_changes",
                "{change}",
                OTEL_LINK,
            ),
        ),
        row(
            "rx_errors",
            hourly(
                "Frames received broken, or lost by the card, within the last hour",
                "hostwatch_nic_receive_errors_last_hour",
                "hostwatch.nic.errors",
                "{error}",
                OTEL_RECEIVE,
            ),
        ),
        row(
            "tx_errors",
            hourly(
                "Frames that could not be sent within the last hour",
                "hostwatch_nic_transmit_errors_last_hour",
                "hostwatch.nic.errors",
                "{error}",
                OTEL_TRANSMIT,
            ),
        ),
        row(
            "crc_errors",
            hourly(
                "Frames with a wrong checksum within the last hour",
                "hostwatch_nic_checksum_errors_last_hour",
                "hostwatch.nic.checksum_errors",
                "{error}",
                OTEL_LINK,
            ),
        ),
        row(
            "rx_dropped",
            hourly(
                "Received frames dropped by the kernel within the last hour",
                "hostwatch_nic_receive_dropped_last_hour",
                "hostwatch.nic.dropped",
                "{packet}",
                OTEL_RECEIVE,
            ),
        ),
        row(
            "tx_dropped",
            hourly(
                "Frames dropped instead of sent within the last hour",
                "hostwatch_nic_transmit_dropped_last_hour",
                "hostwatch.nic.dropped",
                "{packet}",
                OTEL_TRANSMIT,
            ),
        ),
    ],
};

const BOND_LABELS: &[Tag] = &[tag("master", Instance)];

pub(super) static BOND: Family = Family {
    kind: "bond",
    hardware: Some("network"),
    rows: &[
        row(
            "members",
            Naming::gauge(
                "Links in the bond, whatever their state",
                "node_bonding_slaves",
                BOND_LABELS,
            )
            .otel(
                "hostwatch.bond.members",
                ("{link}", 1.0),
                Instrument::Gauge,
                OTEL_LINK,
            ),
        ),
        row(
            "members_up",
            Naming::gauge(
                "Members with a link; with LACP, those that carry traffic",
                "hostwatch_bond_members_usable",
                BOND_LABELS,
            )
            .otel(
                "hostwatch.bond.members_usable",
                ("{link}", 1.0),
                Instrument::Gauge,
                OTEL_LINK,
            ),
        ),
        row(
            "speed_bits_per_second",
            Naming::gauge(
                "What the usable members can carry together, in bytes a second",
                "hostwatch_bond_speed_bytes_per_second",
                BOND_LABELS,
            )
            .per(8.0)
            .otel(
                "hw.network.bandwidth.limit",
                BYTES_OF_BITS,
                Instrument::UpDownCounter,
                OTEL_CARD,
            ),
        ),
        row(
            "failures",
            Naming::gauge(
                "Link failures of all members within the last hour",
                "hostwatch_bond_failures_last_hour",
                BOND_LABELS,
            )
            .otel(
                "hostwatch.bond.failures",
                ("{failure}", 1.0),
                Instrument::Gauge,
                OTEL_LINK,
            ),
        ),
    ],
};
