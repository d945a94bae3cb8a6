//! Units of sensors (IPMI 2.0, 43.17): what a value is, and the word a person reads behind it.
//!
//! Owns the words and the way to one scale of temperature. Does not know raw readings.

/// Bytes 21 to 23 of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Units {
    /// How the raw byte is signed.
    pub format: Format,
    /// Per how much time.
    pub rate: Rate,
    /// How the second unit joins the first.
    pub join: Join,
    /// Whether it is a percentage of something.
    pub percentage: bool,
    /// First unit.
    pub base: u8,
    /// Second unit.
    pub modifier: u8,
}

/// How the raw byte is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// 0 to 255.
    Unsigned,
    /// One's complement.
    OnesComplement,
    /// Two's complement.
    TwosComplement,
    /// It returns no analog reading.
    None,
}

/// Per how much time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// Not a rate.
    None,
    /// Per this: `us`, `ms`, `s`, `min`, `h`, `d`.
    Per(&'static str),
}

/// How the second unit joins the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// There is no second one.
    None,
    /// First divided by second.
    Over,
    /// First times second.
    Times,
}

impl Units {
    /// From the three bytes.
    #[must_use]
    pub fn new([flags, base, modifier]: [u8; 3]) -> Self {
        Self {
            format: match flags >> 6 {
                0 => Format::Unsigned,
                1 => Format::OnesComplement,
                2 => Format::TwosComplement,
                _ => Format::None,
            },
            rate: match flags >> 3 & 7 {
                1 => Rate::Per("us"),
                2 => Rate::Per("ms"),
                3 => Rate::Per("s"),
                4 => Rate::Per("min"),
                5 => Rate::Per("h"),
                6 => Rate::Per("d"),
                _ => Rate::None,
            },
            join: match flags >> 1 & 3 {
                1 => Join::Over,
                2 => Join::Times,
                _ => Join::None,
            },
            percentage: flags & 1 == 1,
            base,
            modifier,
        }
    }

    /// What the values are.
    #[must_use]
    pub fn quantity(&self) -> Quantity {
        if self.percentage {
            return Quantity::Percent;
        }
        if self.join == Join::None {
            match (self.rate, self.base) {
                (Rate::None, _) => {}
                (Rate::Per("min"), 41) => return Quantity::Rotation,
                (Rate::Per("s"), 7) => return Quantity::Power,
                _ => return Quantity::Other(unit_word(self.base)),
            }
        } else {
            return Quantity::Other(unit_word(self.base));
        }
        match self.base {
            1..=3 => Quantity::Temperature,
            4 => Quantity::Voltage,
            5 => Quantity::Current,
            6 => Quantity::Power,
            7 => Quantity::Energy,
            17 => Quantity::Airflow,
            18 => Quantity::Rotation,
            20..=26 => Quantity::Time,
            41 | 42 | 77..=91 => Quantity::Count,
            other => Quantity::Other(unit_word(other)),
        }
    }

    /// The unit behind a value of [`super::convert::value`]: `C`, `RPM`, `V`, `kPa per s`. Empty
    /// for a bare number.
    #[must_use]
    pub fn text(&self) -> String {
        match self.quantity() {
            Quantity::Temperature => return "C".to_owned(),
            Quantity::Percent if self.base == 0 => return "%".to_owned(),
            Quantity::Rotation => return "RPM".to_owned(),
            // Or joules a second.
            Quantity::Power => return "W".to_owned(),
            _ => {}
        }
        let mut text = if self.percentage { "% of ".to_owned() } else { String::new() };
        text.push_str(unit_word(self.base));
        match self.join {
            Join::None => {}
            Join::Over => text = format!("{text}/{}", unit_word(self.modifier)),
            Join::Times => text = format!("{text} {}", unit_word(self.modifier)),
        }
        if let Rate::Per(time) = self.rate {
            text = format!("{text}/{time}");
        }
        text
    }

    /// A value of the first unit on the scale that all values have: degrees Celsius.
    pub(super) fn on_scale(&self, value: f64) -> f64 {
        match (self.quantity(), self.base) {
            (Quantity::Temperature, 2) => (value - 32.0) / 1.8,
            (Quantity::Temperature, 3) => value - 273.15,
            _ => value,
        }
    }

    /// A difference of two values on that scale.
    pub(super) fn step_on_scale(&self, difference: f64) -> f64 {
        match (self.quantity(), self.base) {
            (Quantity::Temperature, 2) => difference / 1.8,
            _ => difference,
        }
    }
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Degrees Celsius, whatever the sensor counts in. A margin below a limit is one, too.
    Temperature,
    /// Volts.
    Voltage,
    /// Amperes.
    Current,
    /// Watts.
    Power,
    /// Revolutions a minute.
    Rotation,
    /// Percent of what only the vendor knows.
    Percent,
    /// Cubic feet a minute.
    Airflow,
    /// Joules.
    Energy,
    /// A time; the text of the unit says which.
    Time,
    /// A number of things.
    Count,
    /// Anything else: the word of its unit, empty for none.
    Other(&'static str),
}

/// Names of units, by number (table 43-15).
static UNITS: &[&str] = &[
    "",
    "C",
    "F",
    "K",
    "V",
    "A",
    "W",
    "J",
    "C",
    "VA",
    "nit",
    "lm",
    "lx",
    "cd",
    "kPa",
    "psi",
    "N",
    "CFM",
    "RPM",
    "Hz",
    "us",
    "ms",
    "s",
    "min",
    "h",
    "d",
    "weeks",
    "mil",
    "in",
    "ft",
    "in3",
    "ft3",
    "mm",
    "cm",
    "m",
    "cm3",
    "m3",
    "l",
    "fl oz",
    "rad",
    "sr",
    "revolutions",
    "cycles",
    "g",
    "oz",
    "lb",
    "ft lb",
    "oz in",
    "gauss",
    "gilberts",
    "H",
    "mH",
    "F",
    "uF",
    "ohm",
    "S",
    "mol",
    "Bq",
    "ppm",
    "",
    "dB",
    "dBA",
    "dBC",
    "Gy",
    "Sv",
    "K",
    "bit",
    "kbit",
    "Mbit",
    "Gbit",
    "B",
    "kB",
    "MB",
    "GB",
    "words",
    "dwords",
    "qwords",
    "lines",
    "hits",
    "misses",
    "retries",
    "resets",
    "overruns",
    "underruns",
    "collisions",
    "packets",
    "messages",
    "characters",
    "errors",
    "correctable errors",
    "uncorrectable errors",
    "fatal errors",
    "grams",
];

/// The word of a unit; empty for none and for unknown ones.
#[must_use]
pub fn unit_word(unit: u8) -> &'static str {
    UNITS.get(usize::from(unit)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_have_words() {
        for (bytes, quantity, text) in [
            ([0x80, 1, 0], Quantity::Temperature, "C"),
            ([0x00, 2, 0], Quantity::Temperature, "C"),
            ([0x00, 4, 0], Quantity::Voltage, "V"),
            ([0x00, 5, 0], Quantity::Current, "A"),
            ([0x00, 6, 0], Quantity::Power, "W"),
            ([0x00, 7, 0], Quantity::Energy, "J"),
            ([0x18, 7, 0], Quantity::Power, "W"),
            ([0x00, 18, 0], Quantity::Rotation, "RPM"),
            ([0x20, 41, 0], Quantity::Rotation, "RPM"),
            ([0x00, 17, 0], Quantity::Airflow, "CFM"),
            ([0x01, 0, 0], Quantity::Percent, "%"),
            ([0x01, 18, 0], Quantity::Percent, "% of RPM"),
            ([0x00, 22, 0], Quantity::Time, "s"),
            ([0x00, 89, 0], Quantity::Count, "correctable errors"),
            ([0x18, 73, 0], Quantity::Other("GB"), "GB/s"),
            ([0x02, 14, 35], Quantity::Other("kPa"), "kPa/cm3"),
            ([0x04, 46, 0], Quantity::Other("ft lb"), "ft lb "),
            ([0x00, 0, 0], Quantity::Other(""), ""),
            ([0x00, 255, 0], Quantity::Other(""), ""),
        ] {
            let units = Units::new(bytes);
            assert_eq!(units.quantity(), quantity, "{bytes:?}");
            assert_eq!(units.text().trim_end(), text.trim_end(), "{bytes:?}");
        }
        assert_eq!(UNITS.len(), 93, "up to grams");
        assert_eq!((unit_word(18), unit_word(60), unit_word(91)), ("RPM", "dB", "fatal errors"));
    }
}
