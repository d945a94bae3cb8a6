//! The texts that make up a configuration, and places in them.
//!
//! Owns: file names as the user knows them, byte spans, lines and columns. Knows no YAML.

use std::path::PathBuf;
use std::sync::Arc;

use crate::alert::rule::Place;

/// A stretch of bytes of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Spot {
    /// Number of the source in its [`Sources`].
    pub file: usize,
    /// First byte.
    pub start: usize,
    /// Byte after the last.
    pub end: usize,
}

impl Spot {
    /// No text at all: the place of a default.
    pub const NOWHERE: Self = Self { file: usize::MAX, start: 0, end: 0 };
}

/// Who wrote a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Shipped in the program.
    BuiltIn,
    /// The administrator.
    Admin,
}

/// One text.
#[derive(Debug, Clone)]
pub struct Source {
    /// As the user knows it; `built-in filesystem.yaml` for a default.
    pub name: Arc<str>,
    /// Its text, without a byte order mark.
    pub text: Arc<str>,
    /// Who wrote it.
    pub origin: Origin,
    /// Whether only its owner can read it, so that it may hold a password.
    pub private: bool,
    /// The file it was read from, if it was.
    pub path: Option<PathBuf>,
    line_starts: Arc<[usize]>,
}

impl Source {
    /// A text with a name.
    #[must_use]
    pub fn new(name: &str, text: &str, origin: Origin) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
        Self {
            name: name.into(),
            text: text.into(),
            origin,
            private: true,
            path: None,
            line_starts: starts.collect(),
        }
    }

    /// Line (from 1) that holds a byte.
    #[must_use]
    pub fn line(&self, byte: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= byte).max(1)
    }

    /// First byte of a line (from 1).
    #[must_use]
    pub fn line_start(&self, line: usize) -> usize {
        let last = self.line_starts.last().copied().unwrap_or(0);
        self.line_starts.get(line.saturating_sub(1)).copied().unwrap_or(last)
    }

    /// Text of a line (from 1), without its end.
    #[must_use]
    pub fn line_text(&self, line: usize) -> &str {
        let rest = self.text.get(self.line_start(line)..).unwrap_or_default();
        rest.lines().next().unwrap_or_default()
    }

    /// Column (from 1, in characters) of a byte.
    #[must_use]
    pub fn column(&self, byte: usize) -> usize {
        let start = self.line_start(self.line(byte));
        self.text.get(start..byte).map_or(1, |head| head.chars().count() + 1)
    }
}

/// All texts of one configuration, the built-in ones first.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    list: Vec<Source>,
}

impl Sources {
    /// Adds a text and gives its number.
    pub fn add(&mut self, source: Source) -> usize {
        self.list.push(source);
        self.list.len() - 1
    }

    /// One text.
    #[must_use]
    pub fn get(&self, file: usize) -> Option<&Source> {
        self.list.get(file)
    }

    /// All texts, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.list.iter()
    }

    /// The text with a name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Source> {
        self.list.iter().find(|source| &*source.name == name)
    }

    /// File and line of a spot, for mails and `explain`.
    #[must_use]
    pub fn place(&self, spot: Spot) -> Place {
        self.get(spot.file).map_or_else(Place::default, |source| Place {
            file: source.name.clone(),
            line: u32::try_from(source.line(spot.start)).unwrap_or(u32::MAX),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one_and_in_characters() {
        let source = Source::new("a.yaml", "\u{feff}eins: 1\nzwölf: 12\n", Origin::Admin);
        assert_eq!((source.line(0), source.column(0)), (1, 1));
        let twelve = source.text.find("12").unwrap();
        assert_eq!((source.line(twelve), source.column(twelve)), (2, 8));
        assert_eq!(source.line_text(2), "zwölf: 12");
        assert_eq!(source.line_text(99), "");
    }
}
