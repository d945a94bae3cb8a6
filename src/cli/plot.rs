//! A curve on a terminal: braille where the locale has it, plain characters elsewhere. Knows
//! columns and rows, and no file.

use super::screen::Screen;
use crate::evidence::calendar::Calendar;
use crate::evidence::chart::{axis, levels};
use crate::evidence::curve::Past;
use crate::model::history::Point;
use crate::model::state::State;
use crate::model::unit::Unit;

/// Dots of a braille character (U+2800): two columns of four rows, each with its bit.
const DOTS: [[u32; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
/// Narrowest plot.
const COLUMNS_MIN: usize = 20;
/// Columns that a label of the time axis needs.
const TICK_COLUMNS: usize = 11;

/// How it is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// Columns of the terminal.
    pub(super) columns: usize,
    /// Rows of the plot itself.
    pub(super) rows: usize,
    /// Whether characters beyond ASCII arrive.
    pub(super) utf8: bool,
    /// Whether colour does.
    pub(super) color: bool,
}

/// A limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Level {
    /// The state that it leads to.
    pub(super) state: State,
    /// Its value.
    pub(super) limit: f64,
}

impl Look {
    /// What this terminal shows: the first of the locale's variables that is set decides (locale(7)).
    pub(super) fn of_terminal(screen: &Screen) -> Self {
        let set = |name: &&str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(set).unwrap_or_default();
        let locale = locale.to_ascii_lowercase();
        let utf8 = locale.contains("utf-8") || locale.contains("utf8");
        Self { columns: screen.columns(), rows: 0, utf8, color: screen.color }
    }
}

/// One character of the plot.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    /// Dots of the curve; in plain characters, 1 for the range and 2 for the mean.
    dots: u32,
    /// What stands there where there is no curve, and whose limit it is.
    under: Option<(char, State)>,
}

/// The lines of the plot.
pub(super) fn draw(
    past: &Past,
    unit: Unit,
    limits: &[Level],
    (from, to): (u32, u32),
    calendar: &Calendar,
    look: Look,
) -> Vec<String> {
    let labels = |value: f64| unit.show(value);
    let values: Vec<f64> = limits.iter().map(|level| level.limit).collect();
    let guess = past.steps(from, to, 1);
    let Some(span) = axis(&guess, unit, &values) else { return Vec::new() };
    let marks = levels(span, unit);
    let margin = marks.iter().map(|value| labels(*value).chars().count()).max().unwrap_or(0) + 2;
    let columns = look.columns.saturating_sub(margin + 1).max(COLUMNS_MIN);
    let dots = if look.utf8 { (2, 4) } else { (1, 1) };
    let (wide, high) = (columns * dots.0, look.rows.max(2) * dots.1);
    let steps = past.steps(from, to, u32::try_from(wide).unwrap_or(u32::MAX));
    let row = |value: f64| -> usize {
        let share = ((value - span.0) / (span.1 - span.0)).clamp(0.0, 1.0);
        let top = high - 1;
        #[expect(clippy::cast_sign_loss, reason = "a share is not negative")]
        let from_below = (share * top as f64).round() as usize;
        top - from_below.min(top)
    };
    let mut cells = vec![vec![Cell::default(); columns]; look.rows.max(2)];
    let count = steps.steps.len().max(1);
    let mut before: Option<usize> = None;
    for x in 0..wide {
        let seen: Option<&Point> = steps.steps.get(x * count / wide).and_then(Option::as_ref);
        let Some(point) = seen else {
            before = None;
            continue;
        };
        let mean = row(f64::from(point.mean));
        let (top, bottom) = (row(f64::from(point.max)), row(f64::from(point.min)));
        // A line from the mean before makes a curve of the means.
        let last = before.unwrap_or(mean);
        let curve = mean.min(last)..=mean.max(last);
        let (top, bottom) = (top.min(*curve.start()), bottom.max(*curve.end()));
        before = Some(mean);
        for y in top..=bottom {
            let cell = cells.get_mut(y / dots.1).and_then(|row| row.get_mut(x / dots.0));
            let Some(cell) = cell else { continue };
            let dot = DOTS.get(x % 2).and_then(|column| column.get(y % 4)).copied().unwrap_or(0);
            cell.dots |= match (look.utf8, curve.contains(&y)) {
                (true, true) => dot,
                // The range is drawn in a quarter of its dots, so that the mean stands out.
                (true, false) if (x | y) & 1 == 0 => dot,
                (true, false) => 0,
                (false, true) => 2,
                (false, false) => 1,
            };
        }
    }
    for level in limits {
        let y = row(level.limit) / dots.1;
        if let Some(line) = cells.get_mut(y) {
            under(line, level, &format!(" {} {} ", level.state.word(), labels(level.limit)), look);
        }
    }
    let mut lines = Vec::new();
    for (y, line) in cells.iter().enumerate() {
        let mark = marks.iter().find(|value| row(**value) / dots.1 == y);
        let mark = mark.map(|value| labels(*value)).unwrap_or_default();
        let edge = if look.utf8 { '\u{2502}' } else { '|' };
        let text: String = line.iter().map(|cell| cell.show(look)).collect();
        lines
            .push(format!("{mark:>width$} {edge}{text}", width = margin - 2).trim_end().to_owned());
    }
    lines.extend(times(calendar, (from, to), margin, columns, look));
    lines
}

/// Lays a limit under the curve, with its name on the side where there is less of the curve.
fn under(line: &mut [Cell], level: &Level, name: &str, look: Look) {
    let dash = if look.utf8 { '\u{254c}' } else { '-' };
    let length = name.chars().count();
    let busy = |cells: &[Cell]| cells.iter().filter(|cell| cell.dots != 0).count();
    let head = line.get(..(length + 2).min(line.len())).map_or(0, &busy);
    let tail = line.get(line.len().saturating_sub(length + 2)..).map_or(0, &busy);
    let start = if head <= tail { 2 } else { line.len().saturating_sub(length + 2) };
    for (x, cell) in line.iter_mut().enumerate() {
        let letter = x.checked_sub(start).and_then(|place| name.chars().nth(place));
        cell.under = Some((letter.unwrap_or(dash), level.state));
    }
}

impl Cell {
    fn show(&self, look: Look) -> String {
        match (self.dots, self.under) {
            (0, None) => " ".to_owned(),
            (0, Some((letter, state))) if look.color => {
                let code = if state == State::Critical { "31" } else { "33" };
                format!("\x1b[{code}m{letter}\x1b[0m")
            }
            (0, Some((letter, _))) => letter.to_string(),
            (dots, _) if look.utf8 => char::from_u32(0x2800 + dots).unwrap_or(' ').to_string(),
            (dots, _) => if dots & 2 == 2 { "*" } else { ":" }.to_owned(),
        }
    }
}

/// The axis of time and its labels.
fn times(
    calendar: &Calendar,
    (from, to): (u32, u32),
    margin: usize,
    columns: usize,
    look: Look,
) -> [String; 2] {
    let most = u32::try_from(columns / TICK_COLUMNS).unwrap_or(1);
    let (corner, flat, tick) =
        if look.utf8 { ('\u{2514}', '\u{2500}', '\u{252c}') } else { ('+', '-', '+') };
    let mut axis = vec![flat; columns];
    let mut labels = vec![' '; columns + margin + 1];
    let minutes = f64::from(to.saturating_sub(from)) + 1.0;
    let mut free = 0;
    for (minute, label) in calendar.ticks(from, to, most) {
        #[expect(clippy::cast_sign_loss, reason = "ticks are not before the axis")]
        let x = (f64::from(minute - from) / minutes * columns as f64) as usize;
        if let Some(place) = axis.get_mut(x) {
            *place = tick;
        }
        let length = label.chars().count();
        let start = (margin + x).saturating_sub(length / 2);
        if start < free || start + length > labels.len() {
            continue;
        }
        for (place, letter) in labels.iter_mut().skip(start).zip(label.chars()) {
            *place = letter;
        }
        free = start + length + 1;
    }
    let axis: String = axis.into_iter().collect();
    let labels: String = labels.into_iter().collect();
    [format!("{:>width$}{corner}{axis}", "", width = margin - 1), labels.trim_end().to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Look = Look { columns: 60, rows: 8, utf8: false, color: false };

    fn past(minutes: impl Iterator<Item = u32>) -> Past {
        let point = |minute: u32| {
            let mean = 70.0 + minute as f32 / 30.0;
            Point { minute, min: mean, mean, max: mean }
        };
        Past { points: minutes.map(point).collect() }
    }

    fn drawn(past: &Past, look: Look) -> Vec<String> {
        let limits = [Level { state: State::Critical, limit: 90.0 }];
        draw(past, Unit::Percent, &limits, (0, 599), &Calendar::named("UTC"), look)
    }

    #[test]
    fn a_rise_is_drawn_from_low_left_to_high_right_below_its_limit() {
        let lines = drawn(&past(0..600), LOOK);
        assert_eq!(lines.len(), 10);
        let column = |text: &str, x: usize| text.chars().nth(x);
        let row = |x: usize| lines.iter().position(|line| column(line, x) == Some('*')).unwrap();
        let (left, right) = (row(6), row(50));
        assert!(left > right + 2, "{}", lines.join("\n"));
        let limit = lines.iter().position(|line| line.contains("critical 90%")).unwrap();
        assert!(limit <= right, "{}", lines.join("\n"));
        assert!(lines[9].contains("03:00"), "{}", lines[9]);
        assert!(lines.iter().all(|line| line.is_ascii() && line.len() <= 60));
    }

    #[test]
    fn a_gap_is_empty() {
        for utf8 in [false, true] {
            let look = Look { utf8, ..LOOK };
            let lines = drawn(&past((0..200).chain(400..600)), look);
            let (from, to) = (5 + 55 * 210 / 600, 5 + 55 * 390 / 600);
            for line in &lines[..8] {
                let gap: String = line.chars().skip(from).take(to - from).collect();
                let curve = |c: char| c == '*' || ('\u{2801}'..='\u{28ff}').contains(&c);
                assert!(!gap.chars().any(curve), "{}", lines.join("\n"));
            }
            let all = lines.concat();
            assert!(all.chars().any(|c| ('\u{2801}'..='\u{28ff}').contains(&c)) == utf8);
        }
    }

    #[test]
    fn colour_is_for_limits_alone_and_only_where_it_is_wanted() {
        assert!(!drawn(&past(0..600), LOOK).concat().contains('\u{1b}'));
        let lines = drawn(&past(0..600), Look { color: true, ..LOOK });
        assert!(lines.concat().contains("\u{1b}[31m"));
    }
}
