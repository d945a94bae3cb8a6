//! Names and numbers of hwmon attributes: `temp1_crit_alarm`, `-273150`. Pure text.

/// What a channel measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sensor {
    /// `temp`, in thousandths of a degree Celsius.
    Temperature,
    /// `fan`, in revolutions a minute.
    Fan,
    /// `in`, in millivolts.
    Voltage,
    /// `curr`, in milliamperes.
    Current,
    /// `power`, in microwatts.
    Power,
    /// `humidity`, in thousandths of a percent.
    Humidity,
    /// `intrusion`: an alarm bit alone.
    Intrusion,
}

impl Sensor {
    /// How its attributes begin.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Temperature => "temp",
            Self::Fan => "fan",
            Self::Voltage => "in",
            Self::Current => "curr",
            Self::Power => "power",
            Self::Humidity => "humidity",
            Self::Intrusion => "intrusion",
        }
    }

    /// How many of the attribute's units make a whole one.
    #[must_use]
    pub fn per_unit(self) -> f64 {
        match self {
            Self::Fan | Self::Intrusion => 1.0,
            Self::Temperature | Self::Voltage | Self::Current | Self::Humidity => 1e3,
            Self::Power => 1e6,
        }
    }

    /// Splits the name of one of its attributes: `temp1_crit` is channel 1, item `crit`. Names of
    /// another sensor, and names without a number or an item, are none.
    #[must_use]
    pub fn attribute(self, name: &str) -> Option<(u32, &str)> {
        let rest = name.strip_prefix(self.prefix())?;
        let (number, item) = rest.split_once('_')?;
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let plain = digits && (number == "0" || !number.starts_with('0'));
        (plain && !item.is_empty()).then_some(())?;
        Some((number.parse().ok()?, item))
    }
}

/// The number of an attribute, as whole units. Anything but one whole number is none.
#[must_use]
pub fn value(sensor: Sensor, text: &str) -> Option<f64> {
    let number: i64 = text.trim().parse().ok()?;
    #[expect(clippy::cast_precision_loss, reason = "exact to 2^53, which no sensor reaches")]
    let number = number as f64;
    Some(number / sensor.per_unit())
}

/// Whether a yes/no attribute (`alarm`, `fault`, `enable`) says yes; none if it says neither.
#[must_use]
pub fn flag(text: &str) -> Option<bool> {
    text.trim().parse::<i64>().ok().map(|number| number != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_of_attributes_are_split_and_others_are_none() {
        for (sensor, name, expected) in [
            (Sensor::Temperature, "temp1_input", Some((1, "input"))),
            (Sensor::Temperature, "temp12_crit_alarm", Some((12, "crit_alarm"))),
            (Sensor::Voltage, "in0_input", Some((0, "input"))),
            (Sensor::Voltage, "intrusion0_alarm", None),
            (Sensor::Temperature, "bogus1_input", None),
            (Sensor::Temperature, "temp_input", None),
            (Sensor::Temperature, "temp1_", None),
            (Sensor::Temperature, "temp+1_input", None),
            (Sensor::Fan, "fan99999999999_input", None),
            (Sensor::Fan, "fan00_input", None),
        ] {
            assert_eq!(sensor.attribute(name), expected, "{name}");
        }
    }

    #[test]
    fn numbers_have_whole_units() {
        assert_eq!(value(Sensor::Temperature, "-273150\n"), Some(-273.15));
        assert_eq!(value(Sensor::Power, "3103000"), Some(3.103));
        assert_eq!(value(Sensor::Fan, "N/A"), None);
        assert_eq!(value(Sensor::Fan, ""), None);
        assert_eq!((flag("1\n"), flag("0"), flag("x")), (Some(true), Some(false), None));
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(name in ".*", digits in "temp[0-9]{0,12}_?.{0,4}") {
            for sensor in [Sensor::Temperature, Sensor::Fan, Sensor::Power, Sensor::Intrusion] {
                let _ = (sensor.attribute(&name), sensor.attribute(&digits));
                prop_assert!(value(sensor, &name).is_none_or(f64::is_finite));
                let _ = flag(&name);
            }
        }
    }
}
