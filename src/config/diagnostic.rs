//! Mistakes with their places, drawn the way a compiler draws them, or as JSON lines for editors.
//!
//! Owns: how a mistake is worded around its place, and the nearest known name. Knows no key and
//! no file system.

use std::collections::HashSet;
use std::ops::Range;

use super::code::Code;
use super::render::Diagnostics;
use super::source::{Source, Sources, Spot};
use crate::alert::rule::Place;
use crate::model::limit::{DIAGNOSTICS, NAME_CHARS};
use crate::model::text::{shown, shown_within};

/// How bad a mistake is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can be used, and likely does not do what was meant.
    Warning,
}

/// Where a mistake is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// In a text.
    Spot(Spot),
    /// A file as a whole.
    File(String),
    /// A line of a text; the stretch that reads like `needle` is marked.
    Line(Place, String),
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad.
    pub severity: Severity,
    /// What kind.
    pub code: Code,
    /// What is wrong, in one line.
    pub message: String,
    /// Where.
    pub at: At,
    /// What is said at the caret: what was expected.
    pub label: String,
    /// Other places that matter, each with what is said there.
    pub related: Vec<(Spot, String)>,
    /// What to do.
    pub help: Option<String>,
    /// A rewrite that would be accepted.
    pub fix: Option<(Spot, String)>,
}

impl Diagnostic {
    /// An error at a place.
    #[must_use]
    pub fn error(code: Code, spot: Spot, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, At::Spot(spot), message.into())
    }

    /// A warning at a place.
    #[must_use]
    pub fn warning(code: Code, spot: Spot, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, At::Spot(spot), message.into())
    }

    /// An error that concerns a whole file.
    #[must_use]
    pub fn file(code: Code, file: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, At::File(file.into()), message.into())
    }

    /// A warning at a line that reads like `needle`.
    #[must_use]
    pub fn at_line(code: Code, place: Place, needle: &str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, At::Line(place, needle.to_owned()), message.into())
    }

    fn new(severity: Severity, code: Code, at: At, message: String) -> Self {
        Self {
            severity,
            code,
            message,
            at,
            label: String::new(),
            related: Vec::new(),
            help: None,
            fix: None,
        }
    }

    /// Says something at the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Shows a second place.
    #[must_use]
    pub fn also(mut self, spot: Spot, label: impl Into<String>) -> Self {
        self.related.push((spot, label.into()));
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Offers a rewrite.
    #[must_use]
    pub fn fix(mut self, spot: Spot, text: impl Into<String>) -> Self {
        self.fix = Some((spot, text.into()));
        self
    }

    /// The text and the stretch of it that is marked, on one line.
    pub(super) fn resolve<'s>(&self, sources: &'s Sources) -> Option<(&'s Source, Range<usize>)> {
        match &self.at {
            At::Spot(spot) => {
                let source = sources.get(spot.file)?;
                Some((source, one_line(source, *spot)))
            }
            At::Line(place, needle) => {
                let source = sources.named(&place.file)?;
                let line = usize::try_from(place.line).ok()?;
                let start = source.line_start(line);
                let text = source.line_text(line);
                let found = text.find(needle.as_str()).map(|at| (start + at, needle.len()));
                let indent = text.len() - text.trim_start().len();
                let (at, len) = found.unwrap_or((start + indent, text.trim().len()));
                Some((source, at..at + len))
            }
            At::File(_) => None,
        }
    }

    /// Sorts by text and place, whole files first.
    pub(super) fn order(&self, sources: &Sources) -> (usize, usize) {
        match &self.at {
            At::Spot(spot) => (spot.file.saturating_add(1), spot.start),
            At::File(_) => (0, 0),
            At::Line(place, _) => {
                let file = sources.iter().position(|source| source.name == place.file);
                let line = usize::try_from(place.line).unwrap_or(usize::MAX);
                let start = sources.named(&place.file).map_or(0, |s| s.line_start(line));
                (file.map_or(usize::MAX, |file| file.saturating_add(1)), start)
            }
        }
    }
}

/// A spot clipped to its first line, in valid character boundaries of its text.
pub(super) fn one_line(source: &Source, spot: Spot) -> Range<usize> {
    let text = &*source.text;
    let boundary = |at: usize| {
        (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
    };
    let start = boundary(spot.start);
    let end = boundary(spot.end).max(start);
    let line_end = text.get(start..end).and_then(|t| t.find('\n')).map_or(end, |at| start + at);
    start..line_end
}

/// Mistakes while they are collected: each place gets each kind of mistake once.
#[derive(Debug, Default)]
pub struct Findings {
    list: Vec<Diagnostic>,
    seen: HashSet<(Code, Spot)>,
    errors: usize,
    /// Mistakes beyond [`DIAGNOSTICS`].
    dropped: usize,
}

impl Findings {
    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if let At::Spot(spot) = diagnostic.at
            && !self.seen.insert((diagnostic.code, spot))
        {
            return;
        }
        if diagnostic.severity == Severity::Error {
            self.errors += 1;
        }
        // Warnings never push an error out.
        if self.list.len() < DIAGNOSTICS {
            self.list.push(diagnostic);
        } else if diagnostic.severity == Severity::Error
            && let Some(warning) =
                self.list.iter_mut().find(|have| have.severity == Severity::Warning)
        {
            *warning = diagnostic;
            self.dropped += 1;
        } else {
            self.dropped += 1;
        }
    }

    /// Whether any error was found.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Number of errors so far.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// The mistakes as they came.
    #[must_use]
    pub fn into_list(self) -> Vec<Diagnostic> {
        self.list
    }

    /// Orders them by place and ties them to the texts.
    #[must_use]
    pub fn finish(self, sources: Sources) -> Diagnostics {
        let mut list = self.list;
        list.sort_by_key(|found| found.order(&sources));
        Diagnostics::new(list, sources, self.dropped)
    }
}

/// Text from a file as it may be shown on a terminal.
#[must_use]
pub fn quoted(text: &str) -> String {
    shown(text).into_owned()
}

/// A whole sentence as it may be shown on a terminal.
pub(super) fn sentence(text: &str) -> String {
    shown_within(text, SENTENCE_CHARS).into_owned()
}

/// A message with several quoted names in it.
const SENTENCE_CHARS: usize = 5 * NAME_CHARS;

/// The known name that was probably meant: off by at most a third of the longer word, or one is the
/// beginning of the other (`warning`, `warn`).
#[must_use]
pub fn nearest<'n>(word: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let lower = word.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&lower, &name.to_lowercase()), name))
        .filter(|(distance, name)| {
            let name_lower = name.to_lowercase();
            let begins = lower.len().min(name.len()) >= 3
                && (name_lower.starts_with(&lower) || lower.starts_with(&name_lower));
            begins
                || *distance <= (name.chars().count().max(lower.chars().count()) / 3).max(1)
                    && *distance < name.chars().count()
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::super::source::Origin as From;
    use super::*;

    fn drawn(text: &str, needle: &str) -> String {
        let mut sources = Sources::default();
        let file = sources.add(Source::new("a.yaml", text, From::Admin));
        let start = text.find(needle).unwrap();
        let spot = Spot { file, start, end: start + needle.len() };
        let mut findings = Findings::default();
        findings.push(Diagnostic::error(Code::NoUnit, spot, "number without a unit").label("here"));
        findings.push(Diagnostic::error(Code::NoUnit, spot, "the same again"));
        findings.finish(sources).render(false)
    }

    #[test]
    fn a_mistake_is_drawn_once_with_line_and_caret() {
        let text = drawn("checks:\n  mem: 5\n", "5");
        assert!(text.contains("error[E021]: number without a unit"), "{text}");
        assert!(text.contains("--> a.yaml:2:8"), "{text}");
        assert!(text.contains("^ here"), "{text}");
        assert!(text.ends_with("1 error\n"), "{text}");
    }

    #[test]
    fn the_nearest_name_is_found_and_the_far_one_is_not() {
        assert_eq!(nearest("warning", ["warn", "crit", "every"]), Some("warn"));
        assert_eq!(nearest("filesytem", ["filesystem", "memory"]), Some("filesystem"));
        assert_eq!(nearest("evry", ["warn", "every"]), Some("every"));
        assert_eq!(nearest("zzz", ["warn", "every"]), None);
    }
}
