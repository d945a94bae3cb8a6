//! Mistakes with their places, drawn the way a compiler draws them, or as JSON lines for editors.
//!
//! Owns: how a mistake is worded around its place, and the nearest known name. Knows no key and
//! no file system.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Patch, Renderer, Snippet};
use serde_json::json;

use super::code::Code;
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
    fn resolve<'s>(&self, sources: &'s Sources) -> Option<(&'s Source, Range<usize>)> {
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
    fn order(&self, sources: &Sources) -> (usize, usize) {
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
fn one_line(source: &Source, spot: Spot) -> Range<usize> {
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
        Diagnostics { list, sources, dropped: self.dropped }
    }
}

/// All mistakes of one run, in the order of files and lines, with the texts they quote.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    sources: Sources,
    dropped: usize,
}

impl Diagnostics {
    /// Each mistake.
    #[must_use]
    pub fn list(&self) -> &[Diagnostic] {
        &self.list
    }

    /// The texts.
    #[must_use]
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Adds more, such as what [`crate::config::lint`] found.
    pub fn extend(&mut self, more: impl IntoIterator<Item = Diagnostic>) {
        self.list.extend(more);
        let sources = &self.sources;
        self.list.sort_by_key(|found| found.order(sources));
    }

    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Number of errors and of warnings.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let errors = self.list.iter().filter(|found| found.severity == Severity::Error).count();
        (errors, self.list.len() - errors)
    }

    /// Whether the configuration cannot be used.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.counts().0 > 0
    }

    /// `3 errors, 1 warning`; empty when there is nothing.
    #[must_use]
    pub fn summary(&self) -> String {
        let count = |n: usize, noun: &str| match n {
            0 => None,
            1 => Some(format!("1 {noun}")),
            n => Some(format!("{n} {noun}s")),
        };
        let (errors, warnings) = self.counts();
        let parts: Vec<_> =
            [count(errors, "error"), count(warnings, "warning")].into_iter().flatten().collect();
        let mut text = parts.join(", ");
        if self.dropped > 0 {
            let _ = write!(text, " ({} more not shown)", self.dropped);
        }
        text
    }

    /// Draws all of them, then the count. Empty when there is nothing.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let mut text = String::new();
        for found in &self.list {
            text.push_str(&self.draw(found, &renderer));
            text.push_str("\n\n");
        }
        if !self.list.is_empty() {
            text.push_str(&self.summary());
            text.push('\n');
        }
        text
    }

    fn draw(&self, found: &Diagnostic, renderer: &Renderer) -> String {
        let level = match found.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(sentence(&found.message)).id(found.code.text());
        let mut groups = Vec::new();
        let mut group = match (found.resolve(&self.sources), &found.at) {
            (Some((source, range)), _) => {
                let mut primary = AnnotationKind::Primary.span(range);
                if !found.label.is_empty() {
                    primary = primary.label(sentence(&found.label));
                }
                let mut snippets = vec![(
                    source.name.clone(),
                    Snippet::source(&*source.text).path(&*source.name).annotation(primary),
                )];
                for (spot, label) in &found.related {
                    let Some(other) = self.sources.get(spot.file) else { continue };
                    let note =
                        AnnotationKind::Context.span(one_line(other, *spot)).label(sentence(label));
                    match snippets.iter().position(|(name, _)| *name == other.name) {
                        Some(at) => {
                            let (name, snippet) = snippets.remove(at);
                            snippets.insert(at, (name, snippet.annotation(note)));
                        }
                        None => snippets.push((
                            other.name.clone(),
                            Snippet::source(&*other.text).path(&*other.name).annotation(note),
                        )),
                    }
                }
                let mut snippets = snippets.into_iter().map(|(_, snippet)| snippet);
                let mut group: Group<'_> = match snippets.next() {
                    Some(first) => title.element(first),
                    None => Group::with_title(title),
                };
                for snippet in snippets {
                    group = group.element(snippet);
                }
                group
            }
            (None, At::File(file)) => {
                let group = title.element(Origin::path(file.as_str()));
                if found.label.is_empty() {
                    group
                } else {
                    group.element(Level::NOTE.message(sentence(&found.label)))
                }
            }
            (None, At::Line(place, _)) => {
                let line = usize::try_from(place.line).unwrap_or(1);
                title.element(Origin::path(place.file.to_string()).line(line))
            }
            (None, At::Spot(_)) => Group::with_title(title),
        };
        let fix = found.fix.as_ref().and_then(|(spot, text)| {
            let source = self.sources.get(spot.file)?;
            Some((source, one_line(source, *spot), text))
        });
        let help = found.help.as_deref().map(sentence);
        match (fix, help) {
            (Some((source, range, text)), help) => {
                let title = help.unwrap_or_else(|| format!("write `{}`", sentence(text)));
                groups.push(group);
                groups.push(
                    Level::HELP.secondary_title(title).element(
                        Snippet::source(&*source.text)
                            .path(&*source.name)
                            .patch(Patch::new(range, text.as_str())),
                    ),
                );
            }
            (None, Some(help)) => {
                group = group.element(Level::HELP.message(help));
                groups.push(group);
            }
            (None, None) => groups.push(group),
        }
        renderer.render(&groups)
    }

    /// One JSON object a line, for editors: lines and columns from 1, columns in characters.
    #[must_use]
    pub fn json_lines(&self) -> String {
        let place = |source: &Source, range: &Range<usize>| {
            json!({
                "file": &*source.name,
                "line": source.line(range.start),
                "column": source.column(range.start),
                "end_line": source.line(range.end),
                "end_column": source.column(range.end),
            })
        };
        let mut text = String::new();
        for found in &self.list {
            let mut object = match (found.resolve(&self.sources), &found.at) {
                (Some((source, range)), _) => place(source, &range),
                (None, At::File(file)) => json!({"file": file}),
                (None, At::Line(at, _)) => json!({"file": &*at.file, "line": at.line}),
                (None, At::Spot(_)) => json!({}),
            };
            let related: Vec<_> = found
                .related
                .iter()
                .filter_map(|(spot, label)| {
                    let source = self.sources.get(spot.file)?;
                    let mut at = place(source, &one_line(source, *spot));
                    at.as_object_mut()?.insert("message".to_owned(), json!(label));
                    Some(at)
                })
                .collect();
            if let Some(map) = object.as_object_mut() {
                let severity = match found.severity {
                    Severity::Error => "error",
                    Severity::Warning => "warning",
                };
                map.insert("severity".to_owned(), json!(severity));
                map.insert("code".to_owned(), json!(found.code.text()));
                map.insert("message".to_owned(), json!(found.message));
                map.insert("label".to_owned(), json!(found.label));
                map.insert("help".to_owned(), json!(found.help));
                map.insert("replacement".to_owned(), json!(found.fix.as_ref().map(|(_, t)| t)));
                map.insert("related".to_owned(), json!(related));
            }
            let _ = writeln!(text, "{object}");
        }
        text
    }
}

/// Text from a file as it may be shown on a terminal.
#[must_use]
pub fn quoted(text: &str) -> String {
    shown(text).into_owned()
}

/// A whole sentence as it may be shown on a terminal.
fn sentence(text: &str) -> String {
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
