//! Names for what the BMC says of the machine as a whole; its sensors are sensors like others.

use super::Source::Fixed;
use super::{Family, Naming, OBJECT, OTEL_OBJECT, RATIO, Tag, row, tag};
use crate::forward::series::Instrument;

/// The machine as a piece of hardware: `hw.host.*` has no other identity.
const OTEL_HOST: &[Tag] = &[tag("hw.id", Fixed("host"))];

pub(super) static BMC: Family = Family {
    kind: "bmc",
    hardware: Some("enclosure"),
    rows: &[
        row(
            "power_watts",
            Naming::gauge(
                "Power that the machine takes now, as the BMC says",
                "hostwatch_bmc_power_watts",
                OBJECT,
            )
            .otel("hw.host.power", ("W", 1.0), Instrument::Gauge, OTEL_HOST),
        ),
        row(
            "average_power_watts",
            Naming::gauge(
                "The same, averaged by the BMC over its own period",
                "hostwatch_bmc_power_average_watts",
                OBJECT,
            )
            .otel(
                "hostwatch.bmc.power_average",
                ("W", 1.0),
                Instrument::Gauge,
                OTEL_OBJECT,
            ),
        ),
        row(
            "log_used_percent",
            Naming::gauge("How full the event log is", "hostwatch_bmc_log_used_ratio", OBJECT)
                .per(100.0)
                .otel("hostwatch.bmc.log_used", RATIO, Instrument::Gauge, OTEL_OBJECT),
        ),
        row(
            "clock_off_seconds",
            Naming::gauge(
                "How far the BMC's clock is from this machine's, either way",
                "hostwatch_bmc_clock_off_seconds",
                OBJECT,
            )
            .otel(
                "hostwatch.bmc.clock_off",
                ("s", 1.0),
                Instrument::Gauge,
                OTEL_OBJECT,
            ),
        ),
        row(
            "intrusion",
            Naming::gauge(
                "Whether the BMC has the chassis' intrusion bit set",
                "hostwatch_bmc_intrusion",
                OBJECT,
            )
            .otel(
                "hostwatch.bmc.intrusion",
                ("1", 1.0),
                Instrument::Gauge,
                OTEL_OBJECT,
            ),
        ),
    ],
};
