//! The terminal: data to standard output, talk to standard error, colour only where it is wanted.

use std::io::{IsTerminal, Write};

use crate::model::state::State;
use crate::model::text::shown;

/// Where a command prints.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    /// Whether standard output shows colour.
    pub color: bool,
}

impl Screen {
    /// Colour on a terminal that is not dumb, and never against `NO_COLOR` (no-color.org).
    #[must_use]
    pub fn new() -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let dumb = set("TERM").is_none_or(|term| term == "dumb");
        Self { color: std::io::stdout().is_terminal() && !dumb && set("NO_COLOR").is_none() }
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

    /// Rows with aligned columns; the first column is a state, the last is not padded.
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
        let line = |cells: &[&str]| {
            let mut text = String::new();
            for (index, cell) in cells.iter().enumerate() {
                let width = widths.get(index).copied().unwrap_or(0);
                if index + 1 == cells.len() {
                    text.push_str(cell);
                } else {
                    text.push_str(&format!("{cell:<width$}  "));
                }
            }
            text
        };
        if let Some((first, rest)) = head.split_first() {
            self.out(format!("{first:<8}  {}", line(rest)).trim_end());
        }
        for ((state, _), row) in rows.iter().zip(&cells) {
            let row: Vec<&str> = row.iter().map(String::as_str).collect();
            self.out(format!("{}  {}", self.state(*state, 8), line(&row)).trim_end());
        }
    }
}

impl Default for Screen {
    fn default() -> Self {
        Self::new()
    }
}
