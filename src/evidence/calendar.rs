//! Times of the curve in the host's zone: hours of the day, ticks, short labels. Asks no clock.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::model::history::{DAY_MINUTES, stamp_of};

/// Steps between the ticks of a time axis, in minutes.
const TICKS: &[u32] = &[1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 7200];

/// The zone in which times are said.
#[derive(Debug, Clone)]
pub struct Calendar(TimeZone);

impl Calendar {
    /// `local` (or nothing) for the host's own zone, else an IANA name; UTC where that is unknown.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "" | "local" => Self(TimeZone::try_system().unwrap_or(TimeZone::UTC)),
            name => Self(TimeZone::get(name).unwrap_or(TimeZone::UTC)),
        }
    }

    fn at(&self, minute: u32) -> Zoned {
        let time = Timestamp::from_millisecond(stamp_of(minute).0).unwrap_or_default();
        time.to_zoned(self.0.clone())
    }

    /// The day and the hour of the day that a minute is in.
    #[must_use]
    pub fn hour(&self, minute: u32) -> (Date, i8) {
        let here = self.at(minute);
        (here.date(), here.hour())
    }

    /// `03:12`.
    #[must_use]
    pub fn clock(&self, minute: u32) -> String {
        self.at(minute).strftime("%H:%M").to_string()
    }

    /// `Mon 03:12`.
    #[must_use]
    pub fn day_and_clock(&self, minute: u32) -> String {
        self.at(minute).strftime("%a %H:%M").to_string()
    }

    /// `2026-11-23 03:12 +01:00`.
    #[must_use]
    pub fn full(&self, minute: u32) -> String {
        self.at(minute).strftime("%Y-%m-%d %H:%M %:z").to_string()
    }

    /// Minutes since the clock on the wall showed a whole multiple of `step` minutes of its day.
    #[must_use]
    pub fn past_multiple(&self, minute: u32, step: u32) -> u32 {
        let here = self.at(minute);
        let of_day = i64::from(here.hour()) * 60 + i64::from(here.minute());
        let day = i64::from(here.date().day() - 1);
        let local = if step > DAY_MINUTES { day * i64::from(DAY_MINUTES) + of_day } else { of_day };
        u32::try_from(local.rem_euclid(i64::from(step.max(1)))).unwrap_or(0)
    }

    /// Marks of a time axis with their labels: at most `most`, at round times of the wall clock.
    #[must_use]
    pub fn ticks(&self, from: u32, to: u32, most: u32) -> Vec<(u32, String)> {
        let span = to.saturating_sub(from);
        let fits = |step: &&u32| span / **step < most.max(1);
        let step = TICKS.iter().find(fits).or(TICKS.last()).copied().unwrap_or(DAY_MINUTES);
        // Zones differ from UTC by whole quarters of an hour, in summer too.
        let grid = step.min(15);
        let first = from.div_ceil(grid).saturating_mul(grid);
        let marks = (first..=to).step_by(usize::try_from(grid).unwrap_or(15));
        let form = if step >= DAY_MINUTES { "%a %d" } else { "%H:%M" };
        marks
            .filter(|minute| self.past_multiple(*minute, step) == 0)
            .map(|minute| (minute, self.at(minute).strftime(form).to_string()))
            .collect()
    }
}

/// `40 min`, `24 h`, `7 d`: a length of time in one unit, rounded.
#[must_use]
pub fn roughly(minutes: f64) -> String {
    if minutes < 90.0 {
        return format!("{:.0} min", minutes.max(1.0));
    }
    let hours = minutes / 60.0;
    if hours < 48.0 { format!("{hours:.0} h") } else { format!("{:.0} d", hours / 24.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_said_in_one_unit() {
        let said = [0.2, 40.0, 89.0, 91.0, 178.0, 1440.0, 2870.0, 10_080.0].map(roughly);
        assert_eq!(said, ["1 min", "40 min", "89 min", "2 h", "3 h", "24 h", "48 h", "7 d"]);
    }

    #[test]
    fn ticks_stand_at_round_times_of_the_wall_clock() {
        // Mon 23 Nov 2026 02:12 UTC.
        let end = 29_923_332;
        let labels = |zone: &str, span: u32| -> Vec<String> {
            let ticks = Calendar::named(zone).ticks(end - span, end, 6);
            ticks.into_iter().map(|(_, label)| label).collect()
        };
        assert_eq!(labels("UTC", 1440), ["06:00", "12:00", "18:00", "00:00"]);
        assert_eq!(labels("Asia/Kolkata", 1440), ["12:00", "18:00", "00:00", "06:00"]);
        assert_eq!(labels("UTC", 40), ["01:40", "01:50", "02:00", "02:10"]);
        assert_eq!(labels("UTC", 7 * 1440).first().map(String::as_str), Some("Tue 17"));
    }

    #[test]
    fn a_day_of_summer_time_has_its_ticks() {
        // Sun 29 Mar 2026: from 02:00 CET to 03:00 CEST.
        let zone = Calendar::named("Europe/Berlin");
        let midnight = 29_578_980;
        assert_eq!(zone.day_and_clock(midnight), "Sun 00:00");
        let ticks = zone.ticks(midnight, midnight + 23 * 60, 9);
        let clocks: Vec<&str> = ticks.iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!(
            clocks,
            ["00:00", "03:00", "06:00", "09:00", "12:00", "15:00", "18:00", "21:00", "00:00"]
        );
        assert_eq!(ticks[1].0 - ticks[0].0, 120);
    }
}
