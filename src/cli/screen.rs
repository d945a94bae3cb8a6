//! The terminal: data to standard output, talk to standard error, colour only where it is wanted.

use std::borrow::Cow;
use std::io::{IsTerminal, Write};

use crate::model::state::State;
use crate::model::text::shown;

/// Where a command prints.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    /// Whether standard output shows colour.
    pub color: bool,
    /// Columns of the terminal; `None` when the output goes elsewhere, and is then never cut.
    columns: Option<usize>,
}

/// The longest state, `critical`.
const STATE_WIDTH: usize = 8;
/// Columns of output that goes to no terminal.
const PAGE_COLUMNS: usize = 80;
/// Narrowest last column of a table, on however narrow a terminal.
const LAST_COLUMN_MIN: usize = 20;

impl Screen {
    /// Colour on a terminal that is not dumb, and never against `NO_COLOR` (no-color.org).
    #[must_use]
    pub fn new() -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let dumb = set("TERM").is_none_or(|term| term == "dumb");
        let stdout = std::io::stdout();
        Self {
            color: stdout.is_terminal() && !dumb && set("NO_COLOR").is_none(),
            columns: terminal_size::terminal_size_of(&stdout)
                .map(|(width, _)| usize::from(width.0)),
        }
    }

    /// Columns of the terminal; a page's where there is none.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns.unwrap_or(PAGE_COLUMNS)
    }

    /// A line of data. A reader that has gone away (`| head`) is no error.
    pub fn out(&self, text: &str) {
        let _ = writeln!(std::io::stdout(), "{text}");
    }

    /// A line of talk.
    pub fn err(&self, text: &str) {
        let _ = writeln!(std::io::stderr(), "{text}");
    }

    /// A state as a word, coloured where colour is wanted; `width` pads the word, not the colour.
    #[must_use]
    pub fn state(&self, state: State, width: usize) -> String {
        let word = format!("{:<width$}", state.word());
        if !self.color {
            return word;
        }
        let code = match state {
            State::Ok => "32",
            State::Warning => "33",
            State::Critical => "1;31",
            State::Unknown => "35",
        };
        format!("\x1b[{code}m{word}\x1b[0m")
    }

    /// Rows with aligned columns; the first column is a state, the last is not padded, and is cut
    /// where a terminal ends.
    pub fn table(&self, head: &[&str], rows: &[(State, Vec<String>)]) {
        let cells: Vec<Vec<String>> = rows
            .iter()
            .map(|(_, row)| row.iter().map(|cell| shown(cell).into_owned()).collect())
            .collect();
        let width = |column: usize| {
            let of = |text: Option<&str>| text.map_or(0, |text| text.chars().count());
            cells
                .iter()
                .map(|row| of(row.get(column).map(String::as_str)))
                .chain([of(head.get(column + 1).copied())])
                .max()
                .unwrap_or(0)
        };
        let columns = head.len().saturating_sub(1);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let before: usize =
            STATE_WIDTH + 2 + widths.iter().rev().skip(1).map(|w| w + 2).sum::<usize>();
        let room = self.columns.map(|columns| columns.saturating_sub(before).max(LAST_COLUMN_MIN));
        let line = |cells: &[&str]| {
            let mut text = String::new();
            for (index, cell) in cells.iter().enumerate() {
                let width = widths.get(index).copied().unwrap_or(0);
                if index + 1 == cells.len() {
                    text.push_str(&cut(cell, room));
                } else {
                    text.push_str(&format!("{cell:<width$}  "));
                }
            }
            text
        };
        if let Some((first, rest)) = head.split_first() {
            self.out(format!("{first:<STATE_WIDTH$}  {}", line(rest)).trim_end());
        }
        for ((state, _), row) in rows.iter().zip(&cells) {
            let row: Vec<&str> = row.iter().map(String::as_str).collect();
            self.out(format!("{}  {}", self.state(*state, STATE_WIDTH), line(&row)).trim_end());
        }
    }
}

/// The text, or as much of it as there is room for.
fn cut(text: &str, room: Option<usize>) -> Cow<'_, str> {
    match room {
        Some(room) if text.chars().count() > room => {
            let head: String = text.chars().take(room.saturating_sub(3)).collect();
            Cow::Owned(format!("{}...", head.trim_end()))
        }
        _ => Cow::Borrowed(text),
    }
}

impl Default for Screen {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn only_a_terminal_cuts() {
        assert_eq!(cut("47% full, 48.9 GiB left", None), "47% full, 48.9 GiB left");
        assert_eq!(cut("47% full, 48.9 GiB left", Some(23)), "47% full, 48.9 GiB left");
        assert_eq!(cut("47% full, 48.9 GiB left", Some(13)), "47% full,...");
    }
}
