//! Names for temperatures, fans and voltages.
//!
//! A sensor of a kernel driver is called as node_exporter calls it; one of the BMC or of a thermal zone,
//! which node_exporter does not name, by hostwatch. Limits are the sensor's own.

use super::Source::{Chip, Fixed, Instance, Label};
use super::{Family, Naming, OTEL_OBJECT, Row, Tag, left_out, row, row_of, tag};
use crate::forward::series::Instrument;

/// node_exporter's labels of a sensor, and the name that verdicts have for it.
const SENSOR: &[Tag] =
    &[tag("chip", Chip), tag("object", Instance), tag("sensor", Label("channel"))];
/// Those of a sensor that may be the BMC's.
pub(super) const ANY_SENSOR: &[Tag] = &[
    tag("chip", Label("chip")),
    tag("entity", Label("entity")),
    tag("object", Instance),
    tag("sensor", Label("channel")),
];
/// Attributes of a piece of hardware.
const OTEL_HARDWARE: &[Tag] =
    &[tag("hw.id", Instance), tag("hw.name", Instance), tag("hw.sensor_location", Label("entity"))];
const HIGH_CRITICAL: &[Tag] = &limit_type("high.critical");
const HIGH_DEGRADED: &[Tag] = &limit_type("high.degraded");
const LOW_CRITICAL: &[Tag] = &limit_type("low.critical");
const LOW_DEGRADED: &[Tag] = &limit_type("low.degraded");

const fn limit_type(limit: &'static str) -> [Tag; 4] {
    [
        tag("hw.id", Instance),
        tag("hw.limit_type", Fixed(limit)),
        tag("hw.name", Instance),
        tag("hw.sensor_location", Label("entity")),
    ]
}

/// What only sensors of kernel drivers have.
const OF_A_CHIP: &str = "channel";

/// A value of a sensor of a kernel driver.
pub(super) const fn of_chip(
    value: &'static str,
    (help, name): (&'static str, &'static str),
    (otel, unit): (&'static str, &'static str),
    attributes: &'static [Tag],
) -> Row {
    let naming = Naming::gauge(help, name, SENSOR);
    row_of(OF_A_CHIP, value, naming.otel(otel, (unit, 1.0), Instrument::Gauge, attributes))
}

/// A value of any other sensor, or of any.
pub(super) const fn of_any(
    value: &'static str,
    (help, name): (&'static str, &'static str),
    (otel, unit): (&'static str, &'static str),
    attributes: &'static [Tag],
) -> Row {
    let naming = Naming::gauge(help, name, ANY_SENSOR);
    row(value, naming.otel(otel, (unit, 1.0), Instrument::Gauge, attributes))
}

pub(super) const CRIT: &str = "Upper critical limit";
pub(super) const MAX: &str = "Upper limit";
pub(super) const MIN: &str = "Lower limit";
pub(super) const LCRIT: &str = "Lower critical limit";

pub(super) static TEMPERATURE: Family = Family {
    kind: "temperature",
    hardware: Some("temperature"),
    rows: &[
        of_chip(
            "temperature_celsius",
            ("Temperature that a chip shows", "node_hwmon_temp_celsius"),
            ("hw.temperature", "Cel"),
            OTEL_HARDWARE,
        ),
        of_any(
            "temperature_celsius",
            ("Temperature that the BMC or a thermal zone shows", "hostwatch_temperature_celsius"),
            ("hw.temperature", "Cel"),
            OTEL_HARDWARE,
        ),
        left_out("lowest_temperature_celsius", "the same number as temperature_celsius"),
        of_chip(
            "max_celsius",
            (MAX, "node_hwmon_temp_max_celsius"),
            ("hw.temperature.limit", "Cel"),
            HIGH_DEGRADED,
        ),
        of_any(
            "max_celsius",
            (MAX, "hostwatch_temperature_max_celsius"),
            ("hw.temperature.limit", "Cel"),
            HIGH_DEGRADED,
        ),
        of_chip(
            "crit_celsius",
            (CRIT, "node_hwmon_temp_crit_celsius"),
            ("hw.temperature.limit", "Cel"),
            HIGH_CRITICAL,
        ),
        of_any(
            "crit_celsius",
            (CRIT, "hostwatch_temperature_crit_celsius"),
            ("hw.temperature.limit", "Cel"),
            HIGH_CRITICAL,
        ),
        of_chip(
            "min_celsius",
            (MIN, "node_hwmon_temp_min_celsius"),
            ("hw.temperature.limit", "Cel"),
            LOW_DEGRADED,
        ),
        of_any(
            "min_celsius",
            (MIN, "hostwatch_temperature_min_celsius"),
            ("hw.temperature.limit", "Cel"),
            LOW_DEGRADED,
        ),
        of_chip(
            "lcrit_celsius",
            (LCRIT, "node_hwmon_temp_lcrit_celsius"),
            ("hw.temperature.limit", "Cel"),
            LOW_CRITICAL,
        ),
        of_any(
            "lcrit_celsius",
            (LCRIT, "hostwatch_temperature_lcrit_celsius"),
            ("hw.temperature.limit", "Cel"),
            LOW_CRITICAL,
        ),
    ],
};

pub(super) static FAN: Family = Family {
    kind: "fan",
    hardware: Some("fan"),
    rows: &[
        of_chip(
            "speed_rpm",
            ("Revolutions a minute that a chip counts", "node_hwmon_fan_rpm"),
            ("hw.fan.speed", "rpm"),
            OTEL_HARDWARE,
        ),
        of_any(
            "speed_rpm",
            ("Revolutions a minute that the BMC counts", "hostwatch_fan_speed_rpm"),
            ("hw.fan.speed", "rpm"),
            OTEL_HARDWARE,
        ),
        of_any(
            "stopped",
            ("Whether a fan that turned before stands still", "hostwatch_fan_stopped"),
            ("hostwatch.fan.stopped", "1"),
            OTEL_OBJECT,
        ),
        of_chip(
            "max_rpm",
            (MAX, "node_hwmon_fan_max_rpm"),
            ("hw.fan.speed.limit", "rpm"),
            HIGH_DEGRADED,
        ),
        of_any(
            "max_rpm",
            (MAX, "hostwatch_fan_max_rpm"),
            ("hw.fan.speed.limit", "rpm"),
            HIGH_DEGRADED,
        ),
        of_any(
            "crit_rpm",
            (CRIT, "hostwatch_fan_crit_rpm"),
            ("hw.fan.speed.limit", "rpm"),
            HIGH_CRITICAL,
        ),
        of_chip(
            "min_rpm",
            (MIN, "node_hwmon_fan_min_rpm"),
            ("hw.fan.speed.limit", "rpm"),
            LOW_DEGRADED,
        ),
        of_any(
            "min_rpm",
            (MIN, "hostwatch_fan_min_rpm"),
            ("hw.fan.speed.limit", "rpm"),
            LOW_DEGRADED,
        ),
        of_any(
            "lcrit_rpm",
            (LCRIT, "hostwatch_fan_lcrit_rpm"),
            ("hw.fan.speed.limit", "rpm"),
            LOW_CRITICAL,
        ),
    ],
};

pub(super) static VOLTAGE: Family = Family {
    kind: "voltage",
    hardware: Some("voltage"),
    rows: &[
        of_chip(
            "voltage_volts",
            ("Voltage that a chip shows", "node_hwmon_in_volts"),
            ("hw.voltage", "V"),
            OTEL_HARDWARE,
        ),
        of_any(
            "voltage_volts",
            ("Voltage that the BMC shows", "hostwatch_voltage_volts"),
            ("hw.voltage", "V"),
            OTEL_HARDWARE,
        ),
        left_out("lowest_voltage_volts", "the same number as voltage_volts"),
        of_chip(
            "max_volts",
            (MAX, "node_hwmon_in_max_volts"),
            ("hw.voltage.limit", "V"),
            HIGH_DEGRADED,
        ),
        of_any(
            "max_volts",
            (MAX, "hostwatch_voltage_max_volts"),
            ("hw.voltage.limit", "V"),
            HIGH_DEGRADED,
        ),
        of_chip(
            "crit_volts",
            (CRIT, "node_hwmon_in_crit_volts"),
            ("hw.voltage.limit", "V"),
            HIGH_CRITICAL,
        ),
        of_any(
            "crit_volts",
            (CRIT, "hostwatch_voltage_crit_volts"),
            ("hw.voltage.limit", "V"),
            HIGH_CRITICAL,
        ),
        of_chip(
            "min_volts",
            (MIN, "node_hwmon_in_min_volts"),
            ("hw.voltage.limit", "V"),
            LOW_DEGRADED,
        ),
        of_any(
            "min_volts",
            (MIN, "hostwatch_voltage_min_volts"),
            ("hw.voltage.limit", "V"),
            LOW_DEGRADED,
        ),
        of_chip(
            "lcrit_volts",
            (LCRIT, "node_hwmon_in_lcrit_volts"),
            ("hw.voltage.limit", "V"),
            LOW_CRITICAL,
        ),
        of_any(
            "lcrit_volts",
            (LCRIT, "hostwatch_voltage_lcrit_volts"),
            ("hw.voltage.limit", "V"),
            LOW_CRITICAL,
        ),
    ],
};
