//! One channel of a chip: which attributes it has, what they say, and what of that can be true.
//!
//! Drivers pass on what registers hold: limits that nobody set read 0 or 65261 C, an input without
//! a sensor reads -273 C, 127 C or 255 C. Such numbers stop here.

use std::collections::{BTreeMap, BTreeSet};

use super::chip::{Chip, LABEL_CHARS};
use crate::host::Host;
use crate::host::dir::names;
use crate::host::file::read_line;
use crate::model::reading::ProbeError;
use crate::model::text::shown_within;
use crate::parse::hwmon::{Sensor, flag, value};

/// Channels of one sensor that one chip may have: the largest in the kernel has some 50.
const CHANNELS: usize = 512;

/// One channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Channel {
    /// `temp1`.
    pub(super) id: String,
    /// What the driver calls it: `Package id 0`.
    pub(super) label: Option<String>,
    /// Name of its instance.
    pub(super) instance: String,
    /// Items it has: `input`, `crit_alarm`.
    pub(super) items: BTreeSet<String>,
    /// Whether a `pwm` of its number exists.
    pub(super) has_pwm: bool,
}

/// The channels of a chip's sensor, in their order; instances are unique.
///
/// # Errors
/// When the chip's folder cannot be listed.
pub(super) fn channels(
    host: &Host,
    chip: &Chip,
    sensor: Sensor,
) -> Result<Vec<Channel>, ProbeError> {
    let names = names(host, &chip.folder)?;
    let mut items: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    for (number, item) in names.iter().filter_map(|name| sensor.attribute(name)) {
        items.entry(number).or_default().insert(item.to_owned());
    }
    items.retain(|_, items| {
        ["input", "average", "fault", "alarm"].iter().any(|item| items.contains(*item))
    });
    let mut channels: Vec<Channel> = items
        .into_iter()
        .take(CHANNELS)
        .map(|(number, items)| {
            let id = format!("{}{number}", sensor.prefix());
            let has_label = items.contains("label");
            let label = has_label.then(|| read_line(host, &format!("{}/{id}_label", chip.folder)));
            let label = label
                .and_then(Result::ok)
                .map(|label| shown_within(label.trim(), LABEL_CHARS).into_owned())
                .filter(|label| !label.is_empty());
            let pwm = format!("pwm{number}");
            let has_pwm = sensor == Sensor::Fan && names.binary_search(&pwm).is_ok();
            Channel { id, label, instance: String::new(), items, has_pwm }
        })
        .collect();
    let labels: Vec<Option<String>> = channels.iter().map(|c| c.label.clone()).collect();
    let alone = channels.len() == 1;
    for channel in &mut channels {
        channel.instance = match &channel.label {
            Some(label) if labels.iter().filter(|l| l.as_ref() == Some(label)).count() > 1 => {
                format!("{} {label} {}", chip.shown, channel.id)
            }
            Some(label) => format!("{} {label}", chip.shown),
            // A disk has one temperature.
            None if chip.is_disk && alone => chip.shown.clone(),
            None => format!("{} {}", chip.shown, channel.id),
        };
    }
    Ok(channels)
}

/// What a channel's input says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// A number that can be true.
    Number(f64),
    /// The driver says that the sensor is broken; whatever the input reads is not true then.
    Fault,
    /// A number that cannot be true.
    Nonsense(String),
    /// The driver gives no number.
    Nothing(ProbeError),
    /// Switched off.
    Off,
}

/// Limits of a channel that can be true, in whole units.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Limits {
    /// By item: `max`, `crit`.
    known: BTreeMap<&'static str, f64>,
    /// Items that stand in sysfs and can not be true.
    unset: BTreeSet<&'static str>,
}

/// Items that are upper limits, and lower ones.
const UPPER: &[&str] = &["max", "crit", "emergency", "cap"];
const LOWER: &[&str] = &["min", "lcrit"];

impl Limits {
    /// Reads them.
    pub(super) fn read(host: &Host, chip: &Chip, sensor: Sensor, channel: &Channel) -> Self {
        let read = |items: &[&'static str]| -> Vec<(&'static str, Option<f64>)> {
            items
                .iter()
                .filter(|item| channel.items.contains(**item))
                .map(|item| {
                    let line = read_line(host, &format!("{}/{}_{item}", chip.folder, channel.id));
                    (*item, line.ok().and_then(|text| value(sensor, &text)))
                })
                .collect()
        };
        let (upper, lower) = (read(UPPER), read(LOWER));
        Self::of(sensor, &upper, &lower)
    }

    /// Those among the numbers read that can be true.
    pub(super) fn of(
        sensor: Sensor,
        upper: &[(&'static str, Option<f64>)],
        lower: &[(&'static str, Option<f64>)],
    ) -> Self {
        let mut limits = Self::default();
        for (item, number) in upper {
            limits.put(item, number.filter(|limit| can_be_upper(sensor, *limit)));
        }
        for (item, number) in lower {
            limits.put(item, number.filter(|limit| can_be_lower(sensor, *limit)));
        }
        // What nothing can be between was never set.
        let contrary =
            |low: Option<f64>, high: Option<f64>| low.zip(high).is_some_and(|(l, h)| l >= h);
        if contrary(limits.get("min"), limits.get("max")) {
            limits.put("min", None);
            limits.put("max", None);
        }
        if contrary(limits.get("lcrit"), limits.get("crit")) {
            limits.put("lcrit", None);
            limits.put("crit", None);
        }
        limits
    }

    fn put(&mut self, item: &'static str, limit: Option<f64>) {
        if let Some(limit) = limit {
            self.known.insert(item, limit);
        } else {
            self.known.remove(item);
            self.unset.insert(item);
        }
    }

    /// A limit that can be true.
    pub(super) fn get(&self, item: &str) -> Option<f64> {
        self.known.get(item).copied()
    }

    /// Whether none can be true.
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Moves a limit that stands lower up to `least`.
    pub(super) fn raise(&mut self, item: &'static str, least: f64) {
        if let Some(limit) = self.known.get_mut(item) {
            *limit = limit.max(least);
        }
    }

    /// Takes all limits for never set, and with them the alarms that compare with them.
    pub(super) fn distrust(&mut self) {
        self.unset.extend(std::mem::take(&mut self.known).into_keys());
    }

    /// Takes a limit out that means something else on this chip.
    pub(super) fn forget(&mut self, item: &'static str) {
        self.known.remove(item);
    }

    /// Whether an alarm bit can mean something: one that compares with a limit which was never
    /// set is always on.
    pub(super) fn allow(&self, alarm: &str) -> bool {
        match alarm.strip_suffix("_alarm") {
            Some(item) => !self.unset.contains(item),
            None => {
                self.unset.is_empty() || (!self.known.is_empty() && !self.unset.contains("max"))
            }
        }
    }
}

/// Chips of boards whose registers of limits hold anything after power-on, if the firmware does
/// not set them.
const BOARD_CHIPS: &[&str] = &["it8", "nct6", "w836", "f718", "f719"];

/// Whether the limits of a chip were never set: several minima lie above their maxima. What stands
/// in its other registers is as random then, even where it could be true.
pub(super) fn never_set(host: &Host, chip: &Chip) -> bool {
    if !BOARD_CHIPS.iter().any(|start| chip.name.starts_with(start)) {
        return false;
    }
    let files = names(host, &chip.folder).unwrap_or_default();
    let mut contrary = 0;
    for sensor in [Sensor::Voltage, Sensor::Temperature] {
        let read = |number: u32, item: &str| {
            let file = format!("{}/{}{number}_{item}", chip.folder, sensor.prefix());
            read_line(host, &file).ok().and_then(|text| value(sensor, &text))
        };
        let minima = files.iter().filter_map(|name| sensor.attribute(name));
        for (number, _) in minima.filter(|(_, item)| *item == "min").take(CHANNELS) {
            let pair = read(number, "min").zip(read(number, "max"));
            // A maximum of 0 is what an untouched register of another kind holds.
            contrary += u32::from(pair.is_some_and(|(min, max)| min > max && max.abs() > 1e-4));
        }
    }
    contrary >= 2
}

/// Whether a number can be an upper limit of this sensor: not 0 or below, not the end of a
/// register's range, not beyond physics.
fn can_be_upper(sensor: Sensor, limit: f64) -> bool {
    match sensor {
        // 127 and more is what an untouched register holds; silicon ends before.
        Sensor::Temperature => limit > 1.0 && limit < 200.0 && !is_end_of_range(limit),
        Sensor::Fan => limit > 0.0 && limit < 65_535.0,
        // Rails of -12 V have negative limits.
        Sensor::Voltage => limit.abs() > 1e-4 && limit.abs() < 1000.0,
        Sensor::Current => limit > 0.0 && limit < 10_000.0,
        Sensor::Power => limit > 0.0 && limit < 100_000.0,
        Sensor::Humidity => limit > 0.0 && limit <= 100.0,
        Sensor::Intrusion => false,
    }
}

fn can_be_lower(sensor: Sensor, limit: f64) -> bool {
    match sensor {
        Sensor::Temperature => limit.abs() > 1e-3 && limit > -60.0 && limit < 60.0,
        Sensor::Voltage => limit.abs() > 1e-4 && limit.abs() < 1000.0,
        _ => can_be_upper(sensor, limit),
    }
}

fn is_end_of_range(celsius: f64) -> bool {
    (127.0..128.0).contains(&celsius) || (celsius - 255.0).abs() < 1.0
}

/// Whether a number can be what the sensor feels.
pub(in crate::probe) fn can_be_felt(sensor: Sensor, number: f64) -> bool {
    match sensor {
        // -40 C is what open thermistors of embedded controllers read, -61 and -62 others.
        Sensor::Temperature => {
            number > -60.0
                && number < 200.0
                && !is_end_of_range(number)
                && (number + 40.0).abs() > 1e-6
        }
        Sensor::Fan => (0.0..60_000.0).contains(&number),
        Sensor::Voltage => number.abs() < 1000.0,
        Sensor::Current => number.abs() < 10_000.0,
        Sensor::Power => (-100_000.0..100_000.0).contains(&number),
        Sensor::Humidity => (0.0..=100.0).contains(&number),
        Sensor::Intrusion => true,
    }
}

/// What one run read of a channel.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Signals {
    pub(super) value: Value,
    /// Alarm items that are on: `alarm`, `crit_alarm`.
    pub(super) alarms: Vec<String>,
    /// What `pwm` of the same number drives the fan with, 0 to 255.
    pub(super) pwm: Option<f64>,
}

impl Signals {
    /// Reads them.
    pub(super) fn read(host: &Host, chip: &Chip, sensor: Sensor, channel: &Channel) -> Self {
        let item = |item: &str| read_line(host, &format!("{}/{}_{item}", chip.folder, channel.id));
        let says = |name: &str| {
            let line = channel.items.contains(name).then(|| item(name).ok()).flatten();
            line.and_then(|text| flag(&text))
        };
        let alarms = channel.items.iter().filter(|item| item.ends_with("alarm"));
        let alarms = alarms.filter(|item| says(item) == Some(true)).cloned().collect();
        let value = if says("enable") == Some(false) {
            Value::Off
        } else if says("fault") == Some(true) {
            Value::Fault
        } else {
            // The average is what a rule over time should see.
            let mut number = Err(ProbeError::Unsupported("it has no input".to_owned()));
            for name in ["average", "input"] {
                if channel.items.contains(name) && number.is_err() {
                    number = item(name);
                }
            }
            match number {
                Ok(text) => match value_of(sensor, &text) {
                    Some(number) => Value::Number(number),
                    None => Value::Nonsense(shown_within(&text, LABEL_CHARS).into_owned()),
                },
                Err(error) => Value::Nothing(error),
            }
        };
        let pwm = channel.has_pwm.then(|| {
            let number = channel.id.trim_start_matches("fan");
            read_line(host, &format!("{}/pwm{number}", chip.folder)).ok()?.parse().ok()
        });
        Self { value, alarms, pwm: pwm.flatten() }
    }
}

fn value_of(sensor: Sensor, text: &str) -> Option<f64> {
    value(sensor, text).filter(|number| can_be_felt(sensor, *number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_no_sensor_feels_are_no_readings() {
        for nonsense in [
            "-273100", "-128000", "-127000", "127000", "127500", "255000", "-40000", "65261850",
            "", "N/A",
        ] {
            assert_eq!(value_of(Sensor::Temperature, nonsense), None, "{nonsense}");
        }
        for felt in ["-5000", "0", "38000", "126000", "128000", "-39000"] {
            assert!(value_of(Sensor::Temperature, felt).is_some(), "{felt}");
        }
        assert_eq!(value_of(Sensor::Fan, "65535"), None);
        assert_eq!(value_of(Sensor::Fan, "-1"), None);
        assert_eq!(value_of(Sensor::Fan, "24000"), Some(24_000.0));
        assert_eq!(value_of(Sensor::Humidity, "120000"), None);
        assert_eq!(value_of(Sensor::Power, "4294967295000000"), None);
    }

    #[test]
    fn limits_that_nobody_set_are_none() {
        let temperature = |max, min| {
            Limits::of(Sensor::Temperature, &[("max", Some(max))], &[("min", Some(min))])
        };
        for max in [0.0, 65_261.85, 127.0, 255.0, -1.0] {
            assert_eq!(temperature(max, -273.15), temperature(0.0, 0.0), "{max}");
        }
        assert_eq!(temperature(80.85, -5.0).get("min"), Some(-5.0));
        let volts =
            |max, min| Limits::of(Sensor::Voltage, &[("max", Some(max))], &[("min", Some(min))]);
        assert!(volts(0.0, 0.0).is_empty());
        assert!(volts(0.03, 0.98).is_empty(), "nothing is between");
        assert_eq!(volts(-10.8, -13.2).get("max"), Some(-10.8));
    }

    #[test]
    fn limits_of_a_chip_that_nobody_set_raise_no_alarm() {
        let mut limits = Limits::of(Sensor::Voltage, &[("max", Some(2.0))], &[("min", Some(1.0))]);
        assert!(limits.allow("alarm") && limits.allow("max_alarm"));
        limits.distrust();
        assert!(limits.is_empty() && !limits.allow("alarm") && !limits.allow("max_alarm"));
    }

    #[test]
    fn an_alarm_needs_a_limit_that_was_set() {
        let volts =
            |max, min| Limits::of(Sensor::Voltage, &[("max", Some(max))], &[("min", Some(min))]);
        assert!(!volts(0.0, 0.0).allow("alarm"));
        assert!(!volts(0.0, 0.55).allow("alarm"));
        assert!(volts(1.744, 0.0).allow("alarm"), "a minimum of 0 is usual");
        assert!(volts(1.744, 0.0).allow("crit_alarm"), "a chip that has no such limit to show");
        assert!(!volts(1.744, 0.0).allow("min_alarm"));
    }
}
