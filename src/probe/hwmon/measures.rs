//! What collectors get of a sensor beyond its value: its own limits, those that can be true.

use crate::model::reading::{Measure, Reading};
use crate::model::unit::Unit;
use crate::probe::measured;

/// Limits of one sensor in the order of the kinds' tables: upper, upper critical, lower, lower
/// critical.
pub(in crate::probe) type Limits = [Option<f64>; 4];

/// What the kernel calls them (sysfs-interface.rst of hwmon), in that order.
pub(super) const ITEMS: [&str; 4] = ["max", "crit", "min", "lcrit"];

/// The table of a kind of sensors; names in the order of [`ITEMS`].
pub(super) const fn table(unit: Unit, names: [&'static str; 4]) -> [Measure; 4] {
    let [max, crit, min, lcrit] = names;
    [
        Measure::gauge(max, unit, "The sensor's own upper limit, where it has one."),
        Measure::gauge(crit, unit, "Its upper critical limit."),
        Measure::gauge(min, unit, "Its lower limit."),
        Measure::gauge(lcrit, unit, "Its lower critical limit."),
    ]
}

/// The measures of a sensor with these limits.
pub(in crate::probe) fn of(limits: Limits) -> Vec<Reading> {
    measured(limits)
}
