//! A time of day as a clock on the wall shows it. Knows no date and no zone.

use std::fmt;

/// Minutes of a day.
const DAY_MINUTES: u16 = 24 * 60;

/// Hours and minutes since midnight.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct DayTime(u16);

impl DayTime {
    /// This hour (0 to 23) and minute; `None` where no clock shows that.
    #[must_use]
    pub fn new(hour: u16, minute: u16) -> Option<Self> {
        (hour < 24 && minute < 60).then_some(Self(hour * 60 + minute))
    }

    /// Takes `07:00` apart: two digits, a colon, two digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (hour, minute) = text.split_once(':')?;
        let number = |part: &str| {
            let plain = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| part.parse::<u16>().ok()).flatten()
        };
        Self::new(number(hour)?, number(minute)?)
    }

    /// The hour, 0 to 23.
    #[must_use]
    pub fn hour(self) -> u16 {
        self.0 % DAY_MINUTES / 60
    }

    /// The minute, 0 to 59.
    #[must_use]
    pub fn minute(self) -> u16 {
        self.0 % 60
    }
}

impl fmt::Display for DayTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour(), self.minute())
    }
}

#[cfg(test)]
mod tests {
    use super::DayTime;

    #[test]
    fn only_what_a_clock_shows_is_a_time_of_day() {
        assert_eq!(DayTime::parse("07:05").map(|time| time.to_string()).as_deref(), Some("07:05"));
        assert_eq!(
            DayTime::parse("23:59").map(|time| (time.hour(), time.minute())),
            Some((23, 59))
        );
        for text in ["24:00", "7:00", "07:60", "0700", "07:00:00", "+7:00", "", "07:0x"] {
            assert_eq!(DayTime::parse(text), None, "{text}");
        }
    }
}
