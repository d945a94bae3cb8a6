//! Names for sensors of what the OpenTelemetry conventions do not name: currents, powers, humidity,
//! intrusion.

use super::Source::{Fixed, Instance};
use super::sensors::{ANY_SENSOR, CRIT, LCRIT, MAX, MIN, of_any, of_chip};
use super::{Family, Naming, OTEL_OBJECT, RATIO, Row, Tag, left_out, row, tag};
use crate::forward::series::Instrument;

/// Limits of what the conventions do not name.
const OTEL_HIGH_CRITICAL: &[Tag] = &own_limit("high.critical");
const OTEL_HIGH_DEGRADED: &[Tag] = &own_limit("high.degraded");
const OTEL_LOW_CRITICAL: &[Tag] = &own_limit("low.critical");
const OTEL_LOW_DEGRADED: &[Tag] = &own_limit("low.degraded");

const fn own_limit(limit: &'static str) -> [Tag; 2] {
    [tag("hostwatch.object", Instance), tag("hw.limit_type", Fixed(limit))]
}

pub(super) static CURRENT: Family = Family {
    kind: "current",
    hardware: None,
    rows: &[
        of_chip(
            "current_amperes",
            ("Electrical current that a chip shows", "node_hwmon_curr_amps"),
            ("hostwatch.current", "A"),
            OTEL_OBJECT,
        ),
        of_any(
            "current_amperes",
            ("Electrical current that the BMC shows", "hostwatch_current_amperes"),
            ("hostwatch.current", "A"),
            OTEL_OBJECT,
        ),
        of_chip(
            "max_amperes",
            (MAX, "node_hwmon_curr_max_amps"),
            ("hostwatch.current.limit", "A"),
            OTEL_HIGH_DEGRADED,
        ),
        of_any(
            "max_amperes",
            (MAX, "hostwatch_current_max_amperes"),
            ("hostwatch.current.limit", "A"),
            OTEL_HIGH_DEGRADED,
        ),
        of_chip(
            "crit_amperes",
            (CRIT, "node_hwmon_curr_crit_amps"),
            ("hostwatch.current.limit", "A"),
            OTEL_HIGH_CRITICAL,
        ),
        of_any(
            "crit_amperes",
            (CRIT, "hostwatch_current_crit_amperes"),
            ("hostwatch.current.limit", "A"),
            OTEL_HIGH_CRITICAL,
        ),
        of_chip(
            "min_amperes",
            (MIN, "node_hwmon_curr_min_amps"),
            ("hostwatch.current.limit", "A"),
            OTEL_LOW_DEGRADED,
        ),
        of_any(
            "min_amperes",
            (MIN, "hostwatch_current_min_amperes"),
            ("hostwatch.current.limit", "A"),
            OTEL_LOW_DEGRADED,
        ),
        of_chip(
            "lcrit_amperes",
            (LCRIT, "node_hwmon_curr_lcrit_amps"),
            ("hostwatch.current.limit", "A"),
            OTEL_LOW_CRITICAL,
        ),
        of_any(
            "lcrit_amperes",
            (LCRIT, "hostwatch_current_lcrit_amperes"),
            ("hostwatch.current.limit", "A"),
            OTEL_LOW_CRITICAL,
        ),
    ],
};

/// node_exporter tells a momentary and an average value apart (`node_hwmon_power_watt`,
/// `node_hwmon_power_average_watt`), the kind does not.
pub(super) static POWER: Family = Family {
    kind: "power",
    hardware: Some("power_supply"),
    rows: &[
        // `hw.power` must say the type of the component, and that is not known of every sensor.
        of_any(
            "power_watts",
            ("Power that a supply, a processor or a card takes", "hostwatch_power_watts"),
            ("hostwatch.power", "W"),
            OTEL_OBJECT,
        ),
        of_any(
            "max_watts",
            (MAX, "hostwatch_power_max_watts"),
            ("hostwatch.power.limit", "W"),
            OTEL_HIGH_DEGRADED,
        ),
        of_any(
            "crit_watts",
            (CRIT, "hostwatch_power_crit_watts"),
            ("hostwatch.power.limit", "W"),
            OTEL_HIGH_CRITICAL,
        ),
        of_any(
            "min_watts",
            (MIN, "hostwatch_power_min_watts"),
            ("hostwatch.power.limit", "W"),
            OTEL_LOW_DEGRADED,
        ),
        of_any(
            "lcrit_watts",
            (LCRIT, "hostwatch_power_lcrit_watts"),
            ("hostwatch.power.limit", "W"),
            OTEL_LOW_CRITICAL,
        ),
    ],
};

/// A share of a sensor's.
const fn ratio(
    value: &'static str,
    (help, name): (&'static str, &'static str),
    otel: &'static str,
    attributes: &'static [Tag],
) -> Row {
    let naming = Naming::gauge(help, name, ANY_SENSOR).per(100.0);
    row(value, naming.otel(otel, RATIO, Instrument::Gauge, attributes))
}

pub(super) static HUMIDITY: Family = Family {
    kind: "humidity",
    hardware: None,
    rows: &[
        ratio(
            "humidity_percent",
            ("Relative humidity", "hostwatch_humidity_ratio"),
            "hostwatch.humidity",
            OTEL_OBJECT,
        ),
        left_out("lowest_humidity_percent", "the same number as humidity_percent"),
        ratio(
            "max_percent",
            (MAX, "hostwatch_humidity_max_ratio"),
            "hostwatch.humidity.limit",
            OTEL_HIGH_DEGRADED,
        ),
        ratio(
            "crit_percent",
            (CRIT, "hostwatch_humidity_crit_ratio"),
            "hostwatch.humidity.limit",
            OTEL_HIGH_CRITICAL,
        ),
        ratio(
            "min_percent",
            (MIN, "hostwatch_humidity_min_ratio"),
            "hostwatch.humidity.limit",
            OTEL_LOW_DEGRADED,
        ),
        ratio(
            "lcrit_percent",
            (LCRIT, "hostwatch_humidity_lcrit_ratio"),
            "hostwatch.humidity.limit",
            OTEL_LOW_CRITICAL,
        ),
    ],
};

pub(super) static INTRUSION: Family = Family {
    kind: "intrusion",
    hardware: Some("enclosure"),
    rows: &[of_any(
        "intrusion",
        ("Whether an intrusion bit of the chassis is set", "hostwatch_intrusion"),
        ("hostwatch.intrusion", "1"),
        OTEL_OBJECT,
    )],
};
