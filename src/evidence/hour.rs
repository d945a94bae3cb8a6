//! Times within a list: the hour, and the day where it is another than the change's.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::model::time::Stamp;

/// Times near one moment in one zone.
pub(super) struct Hours {
    zone: TimeZone,
    near: Stamp,
}

impl Hours {
    /// `local` (or nothing) for the host's own zone, else an IANA name; UTC where that is unknown.
    pub(super) fn near(near: Stamp, zone: &str) -> Self {
        let zone = match zone {
            "" | "local" => TimeZone::try_system(),
            name => TimeZone::get(name),
        };
        Self { zone: zone.unwrap_or(TimeZone::UTC), near }
    }

    fn at(&self, stamp: Stamp) -> Zoned {
        let time = Timestamp::from_millisecond(stamp.0).unwrap_or(Timestamp::UNIX_EPOCH);
        time.to_zoned(self.zone.clone())
    }

    /// `03:11`, or `Sun 22:40`.
    pub(super) fn short(&self, stamp: Stamp) -> String {
        self.show(stamp, "%H:%M")
    }

    /// `03:11:58`, or `Sun 22:40:01`.
    pub(super) fn long(&self, stamp: Stamp) -> String {
        self.show(stamp, "%H:%M:%S")
    }

    fn show(&self, stamp: Stamp, form: &str) -> String {
        let time = self.at(stamp);
        let day = if time.date() == self.at(self.near).date() { "" } else { "%a " };
        time.strftime(&format!("{day}{form}")).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_is_said_where_it_is_another() {
        let near = Stamp(1_795_399_920_000);
        let hours = Hours::near(near, "Europe/Berlin");
        assert_eq!(hours.short(near), "03:12");
        assert_eq!(hours.long(Stamp(near.0 - 61_000)), "03:10:59");
        assert_eq!(hours.short(Stamp(near.0 - 4 * 3_600_000)), "Sun 23:12");
        assert_eq!(Hours::near(near, "No/Where").short(near), "02:12");
    }
}
