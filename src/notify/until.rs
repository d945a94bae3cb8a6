//! Points of time as people type them: `07:00`, `tomorrow 07:00`, `2026-12-24 12:00`, RFC 3339. Pure:
//! the zone and the present time are arguments.

use jiff::civil::{DateTime, Time};
use jiff::{Timestamp, ToSpan};

use crate::model::text::shown_within;
use crate::model::time::Stamp;

use super::when::Zone;

/// Characters of a text that is shown back.
const SHOWN: usize = 40;

/// Reads a time. A time of day alone is the next one; without a zone it is in the host's.
///
/// # Errors
/// What could have been written instead.
pub fn parse(text: &str, zone: &Zone, now: Stamp) -> Result<Stamp, String> {
    let text = text.trim();
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(Stamp(time.as_millisecond()));
    }
    let here = zone.at(now);
    let at = |civil: DateTime| {
        let zoned = civil.to_zoned(here.time_zone().clone()).ok()?;
        Some(Stamp(zoned.timestamp().as_millisecond()))
    };
    let read = || {
        if let Some(time) = time_of_day(text) {
            let today = at(here.date().to_datetime(time))?;
            if today > now {
                return Some(today);
            }
            return at(here.date().checked_add(1.day()).ok()?.to_datetime(time));
        }
        if let Some(rest) = text.strip_prefix("tomorrow ") {
            let time = time_of_day(rest.trim())?;
            return at(here.date().checked_add(1.day()).ok()?.to_datetime(time));
        }
        let (date, time) = text.split_once([' ', 'T'])?;
        at(date.parse::<jiff::civil::Date>().ok()?.to_datetime(time_of_day(time.trim())?))
    };
    read().ok_or_else(|| {
        format!(
            "`{}` is no time; write `07:00`, `tomorrow 07:00`, `2026-12-24 12:00` or \
             `2026-12-24T12:00:00+01:00`",
            shown_within(text, SHOWN)
        )
    })
}

/// `07:00` or `07:00:00`.
fn time_of_day(text: &str) -> Option<Time> {
    let digits = |c: char| c.is_ascii_digit() || c == ':';
    let whole = (4..=8).contains(&text.len()) && text.chars().all(digits);
    let mut parts = text.split(':').map(|part| part.parse::<i8>().ok());
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = match parts.next() {
        Some(second) => second?,
        None => 0,
    };
    (whole && parts.next().is_none()).then(|| Time::new(hour, minute, second, 0).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Monday, 23 November 2026, 03:12 in Berlin.
    const NOW: Stamp = Stamp(1_795_399_920_000);

    fn read(text: &str) -> String {
        let zone = Zone::named("Europe/Berlin");
        parse(text, &zone, NOW).map_or_else(|wrong| wrong, |stamp| zone.header(stamp))
    }

    #[test]
    fn times_are_read_in_the_zone_of_the_host() {
        for (text, time) in [
            ("07:00", "Mon, 23 Nov 2026 07:00:00 +0100"),
            ("7:00", "Mon, 23 Nov 2026 07:00:00 +0100"),
            ("03:12", "Tue, 24 Nov 2026 03:12:00 +0100"),
            ("02:00:30", "Tue, 24 Nov 2026 02:00:30 +0100"),
            ("tomorrow 07:00", "Tue, 24 Nov 2026 07:00:00 +0100"),
            ("2026-12-24 12:00", "Thu, 24 Dec 2026 12:00:00 +0100"),
            ("2026-07-24T12:00", "Fri, 24 Jul 2026 12:00:00 +0200"),
            ("2026-12-24T12:00:00+03:00", "Thu, 24 Dec 2026 10:00:00 +0100"),
            ("2026-12-24T12:00:00Z", "Thu, 24 Dec 2026 13:00:00 +0100"),
        ] {
            assert_eq!(read(text), time, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused_with_what_to_write() {
        for text in ["", "7", "25:00", "07:60", "+7:00", "soon", "07:00:00:00", "2026-13-01 12:00"]
        {
            assert!(read(text).contains("is no time; write `07:00`"), "{text}: {}", read(text));
        }
    }
}
