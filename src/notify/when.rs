//! Wall-clock times as people read them, in the host's zone. Asks no clock.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::model::daytime::DayTime;
use crate::model::time::Stamp;

/// A day, where no calendar tells.
const DAY_MS: i64 = 86_400_000;

/// The zone in which times are shown.
#[derive(Debug, Clone)]
pub struct Zone(TimeZone);

impl Zone {
    /// `local` (or nothing) for the host's own zone, else an IANA name; UTC where that is unknown.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "" | "local" => Self(TimeZone::try_system().unwrap_or(TimeZone::UTC)),
            name => Self(TimeZone::get(name).unwrap_or(TimeZone::UTC)),
        }
    }

    /// The first time after `after` at which a clock on the wall shows `time`. Where it is set
    /// forward over that time, when it would have shown it; where it is set back, the first of both.
    #[must_use]
    pub fn next(&self, time: DayTime, after: Stamp) -> Stamp {
        let (hour, minute) = (i8::try_from(time.hour()), i8::try_from(time.minute()));
        let (hour, minute) = (hour.unwrap_or_default(), minute.unwrap_or_default());
        let mut day = self.at(after).date();
        for _ in 0..3 {
            let here = day.at(hour, minute, 0, 0).to_zoned(self.0.clone());
            let stamp = here.map(|here| Stamp(here.timestamp().as_millisecond()));
            if let Some(stamp) = stamp.ok().filter(|stamp| *stamp > after) {
                return stamp;
            }
            day = day.tomorrow().unwrap_or(day);
        }
        Stamp(after.0.saturating_add(DAY_MS))
    }

    /// A time with its zone, for arithmetic with days.
    pub(super) fn at(&self, stamp: Stamp) -> Zoned {
        let time = Timestamp::from_millisecond(stamp.0).unwrap_or(Timestamp::UNIX_EPOCH);
        time.to_zoned(self.0.clone())
    }

    /// RFC 5322: `Mon, 23 Nov 2026 03:12:00 +0100`.
    #[must_use]
    pub fn header(&self, stamp: Stamp) -> String {
        self.at(stamp).strftime("%a, %d %b %Y %H:%M:%S %z").to_string()
    }

    /// `Mon 23 Nov 2026 03:12 CET (02:12 UTC)`; the UTC date only where it is another day.
    #[must_use]
    pub fn full(&self, stamp: Stamp) -> String {
        let (here, there) = (self.at(stamp), Self(TimeZone::UTC).at(stamp));
        let local = here.strftime("%a %d %b %Y %H:%M %Z").to_string();
        if here.offset() == there.offset() {
            return local;
        }
        let form = if here.date() == there.date() { "%H:%M UTC" } else { "%a %H:%M UTC" };
        format!("{local} ({})", there.strftime(form))
    }

    /// `03:12:45`: for lines on a screen.
    #[must_use]
    pub fn clock(&self, stamp: Stamp) -> String {
        self.at(stamp).strftime("%H:%M:%S").to_string()
    }

    /// `Mon 03:12`: short, for lists.
    #[must_use]
    pub fn short(&self, stamp: Stamp) -> String {
        self.at(stamp).strftime("%a %H:%M").to_string()
    }

    /// `03:12 CET`: where the day is clear.
    #[must_use]
    pub fn hour(&self, stamp: Stamp) -> String {
        self.at(stamp).strftime("%H:%M %Z").to_string()
    }

    /// `Mon 23 Nov`.
    #[must_use]
    pub fn day(&self, stamp: Stamp) -> String {
        self.at(stamp).strftime("%a %d %b").to_string()
    }

    /// `07:12`, or `Tue 07:12` where that is another day than today, or the date as well where it
    /// is more than six days away.
    #[must_use]
    pub fn soon(&self, now: Stamp, stamp: Stamp) -> String {
        let (today, at) = (self.at(now), self.at(stamp));
        let form = match stamp.0.saturating_sub(now.0) {
            _ if today.date() == at.date() => "%H:%M",
            away if away.unsigned_abs() <= 6 * 86_400_000 => "%a %H:%M",
            _ => "%a %d %b %Y %H:%M",
        };
        at.strftime(form).to_string()
    }

    /// `Mon 23 Nov 2026 03:12 -> 05:26 CET (02:12 -> 04:26 UTC)`.
    #[must_use]
    pub fn range(&self, from: Stamp, to: Stamp) -> String {
        let (begin, end) = (self.at(from), self.at(to));
        let form = if begin.date() == end.date() { "%H:%M %Z" } else { "%a %d %b %H:%M %Z" };
        let local = format!("{} -> {}", begin.strftime("%a %d %b %Y %H:%M"), end.strftime(form));
        let utc = Self(TimeZone::UTC);
        let (begin_utc, end_utc) = (utc.at(from), utc.at(to));
        if end.offset() == end_utc.offset() {
            return local;
        }
        format!("{local} ({} -> {})", begin_utc.strftime("%H:%M"), end_utc.strftime("%H:%M UTC"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_name_their_zone_and_utc() {
        let zone = Zone::named("Europe/Berlin");
        let stamp = Stamp(1_795_399_920_000);
        assert_eq!(zone.header(stamp), "Mon, 23 Nov 2026 03:12:00 +0100");
        assert_eq!(zone.full(stamp), "Mon 23 Nov 2026 03:12 CET (02:12 UTC)");
        let midnight = Stamp(stamp.0 - 3 * 3_600_000);
        assert_eq!(zone.full(midnight), "Mon 23 Nov 2026 00:12 CET (Sun 23:12 UTC)");
        assert_eq!(Zone::named("UTC").full(stamp), "Mon 23 Nov 2026 02:12 UTC");
        let end = Stamp(stamp.0 + 8_040_000);
        assert_eq!(
            zone.range(stamp, end),
            "Mon 23 Nov 2026 03:12 -> 05:26 CET (02:12 -> 04:26 UTC)"
        );
        assert_eq!(zone.hour(stamp), "03:12 CET");
        assert_eq!(zone.day(stamp), "Mon 23 Nov");
        assert_eq!(zone.soon(stamp, Stamp(stamp.0 + 14_400_000)), "07:12");
        assert_eq!(zone.soon(stamp, Stamp(stamp.0 + 86_400_000)), "Tue 03:12");
        assert_eq!(zone.soon(stamp, Stamp(stamp.0 + 604_800_000)), "Mon 30 Nov 2026 03:12");
        assert_eq!(Zone::named("No/Where").full(stamp), "Mon 23 Nov 2026 02:12 UTC");
    }
}
