//! Hours of the week, such as a night: whether a time lies in them, and when they end or begin. Owns
//! days, midnight and daylight saving; the zone and the time are arguments.

use jiff::civil::{Date, Time, Weekday};
use jiff::{Span, ToSpan, Zoned};

use crate::model::time::Stamp;

use super::when::Zone;

/// Windows that follow each other without a gap and are taken as one: a week of them never ends.
const JOINED: usize = 8;

/// A time of day in minutes since midnight, up to 24:00.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Minute(pub u16);

/// Hours on some days of the week, in the host's zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    /// On which days they begin, Monday first.
    pub days: [bool; 7],
    /// When they begin.
    pub from: Minute,
    /// When they end; on the next day where that is not later than `from`.
    pub to: Minute,
}

impl Hours {
    /// Whether a time lies in these hours, and until when: hours that follow at once count as the
    /// same ones. Hours that never end are said to end in a week.
    #[must_use]
    pub fn end(&self, zone: &Zone, at: Stamp) -> Option<Stamp> {
        let mut end = self.window_end(zone, at)?;
        for _ in 0..JOINED {
            let Some(later) = self.window_end(zone, end) else { break };
            end = later;
        }
        Some(end)
    }

    /// When they begin the next time, if a time does not lie in them.
    #[must_use]
    pub fn begin(&self, zone: &Zone, at: Stamp) -> Option<Stamp> {
        if self.window_end(zone, at).is_some() {
            return None;
        }
        let here = zone.at(at);
        (0..=7).find_map(|ahead: i64| {
            let date = here.date().checked_add(ahead.days()).ok()?;
            let (begin, _) = self.on(date, &here)?;
            (begin > at).then_some(begin)
        })
    }

    /// Whether some time of the week lies outside.
    #[must_use]
    pub fn have_an_end(&self) -> bool {
        let whole = self.to.0 == self.from.0 || (self.from.0 == 0 && self.to.0 >= DAY);
        !(whole && self.days.iter().all(|day| *day))
    }

    /// The end of the one window that holds a time.
    fn window_end(&self, zone: &Zone, at: Stamp) -> Option<Stamp> {
        let here = zone.at(at);
        [0_i64, 1].into_iter().find_map(|back| {
            let date = here.date().checked_sub(back.days()).ok()?;
            let (begin, end) = self.on(date, &here)?;
            (begin <= at && at < end).then_some(end)
        })
    }

    /// Begin and end of the window that begins on a date.
    fn on(&self, date: Date, here: &Zoned) -> Option<(Stamp, Stamp)> {
        let day = match date.weekday() {
            Weekday::Monday => 0,
            Weekday::Tuesday => 1,
            Weekday::Wednesday => 2,
            Weekday::Thursday => 3,
            Weekday::Friday => 4,
            Weekday::Saturday => 5,
            Weekday::Sunday => 6,
        };
        if !self.days.get(day).copied().unwrap_or(false) {
            return None;
        }
        let next_day = i64::from(self.to.0 <= self.from.0);
        let begin = local(date, self.from, here)?;
        let end = local(date.checked_add(next_day.days()).ok()?, self.to, here)?;
        Some((begin, end))
    }
}

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// A time of day on a date. One that the clock skips is taken as the hour after it; of one that
/// comes twice the first counts.
fn local(date: Date, minute: Minute, here: &Zoned) -> Option<Stamp> {
    let date = date.checked_add(Span::new().days(i64::from(minute.0 / DAY))).ok()?;
    let rest = minute.0 % DAY;
    let (hour, minute) = (i8::try_from(rest / 60).ok()?, i8::try_from(rest % 60).ok()?);
    let time = Time::new(hour, minute, 0, 0).ok()?;
    let zoned = date.to_datetime(time).to_zoned(here.time_zone().clone()).ok()?;
    Some(Stamp(zoned.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::until;

    fn night() -> Hours {
        let days = [true, true, true, true, true, false, false];
        Hours { days, from: Minute(22 * 60), to: Minute(7 * 60) }
    }

    fn at(text: &str) -> Stamp {
        until::parse(text, &zone(), Stamp(0)).unwrap()
    }

    fn zone() -> Zone {
        Zone::named("Europe/Berlin")
    }

    fn end(hours: &Hours, text: &str) -> Option<String> {
        hours.end(&zone(), at(text)).map(|end| zone().header(end))
    }

    #[test]
    fn a_night_goes_over_midnight_and_belongs_to_the_day_it_begins_on() {
        let night = night();
        assert_eq!(end(&night, "2026-11-23 21:59"), None);
        let tuesday = Some("Tue, 24 Nov 2026 07:00:00 +0100".to_owned());
        assert_eq!(end(&night, "2026-11-23 22:00"), tuesday);
        assert_eq!(end(&night, "2026-11-24 06:59"), tuesday);
        assert_eq!(end(&night, "2026-11-24 07:00"), None);
        // Friday's night ends on Saturday; Saturday and Sunday have none.
        assert!(end(&night, "2026-11-28 03:00").is_some());
        assert_eq!(end(&night, "2026-11-28 23:00"), None);
        assert_eq!(end(&night, "2026-11-30 03:00"), None);
    }

    #[test]
    fn daylight_saving_moves_no_end_and_loses_no_window() {
        let night = Hours { days: [true; 7], ..night() };
        // 29 March 2026: 02:00 is followed by 03:00. 25 October: 03:00 by 02:00.
        let spring = end(&night, "2026-03-28 23:00").unwrap();
        assert_eq!(spring, "Sun, 29 Mar 2026 07:00:00 +0200");
        let autumn = end(&night, "2026-10-24 23:00").unwrap();
        assert_eq!(autumn, "Sun, 25 Oct 2026 07:00:00 +0100");
        // An hour that does not exist, and one that exists twice.
        let gap = Hours { from: Minute(150), to: Minute(240), ..night.clone() };
        assert!(end(&gap, "2026-03-29 03:45").is_some());
        assert_eq!(end(&gap, "2026-03-29 01:59"), None);
        let fold = Hours { from: Minute(60), to: Minute(150), ..night };
        let first = at("2026-10-25T02:15:00+02:00");
        let second = at("2026-10-25T02:45:00+01:00");
        assert!(fold.end(&zone(), first).is_some());
        assert!(fold.end(&zone(), second).is_none());
    }

    #[test]
    fn days_without_a_gap_are_one_and_a_whole_week_has_no_end() {
        let days = [false, false, false, false, false, true, true];
        let weekend = Hours { days, from: Minute(0), to: Minute(DAY) };
        assert_eq!(end(&weekend, "2026-11-28 12:00").unwrap(), "Mon, 30 Nov 2026 00:00:00 +0100");
        assert!(weekend.have_an_end());
        let begin = weekend.begin(&zone(), at("2026-11-25 12:00")).unwrap();
        assert_eq!(zone().header(begin), "Sat, 28 Nov 2026 00:00:00 +0100");
        assert_eq!(weekend.begin(&zone(), at("2026-11-28 12:00")), None);
        let always = Hours { days: [true; 7], from: Minute(0), to: Minute(DAY) };
        assert!(!always.have_an_end());
        assert!(always.end(&zone(), at("2026-11-28 12:00")).is_some(), "bounded all the same");
        assert!(night().have_an_end());
        assert!(!Hours { days: [true; 7], from: Minute(60), to: Minute(60) }.have_an_end());
    }
}
