//! All mistakes of one run, drawn the way a compiler draws them, or as JSON lines for editors.

use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Patch, Renderer, Snippet};
use serde_json::json;

use super::diagnostic::{At, Diagnostic, Severity, one_line, sentence};
use super::source::{Source, Sources};

/// All mistakes of one run, in the order of files and lines, with the texts they quote.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    sources: Sources,
    dropped: usize,
}

impl Diagnostics {
    pub(super) fn new(list: Vec<Diagnostic>, sources: Sources, dropped: usize) -> Self {
        Self { list, sources, dropped }
    }

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
