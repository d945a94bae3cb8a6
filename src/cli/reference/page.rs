//! Manual pages as roff: headings, paragraphs, items, and what every page says of a kind.

use std::fmt::Write as _;

use super::prose;
use crate::config::units;
use crate::model::reading::Bad;
use crate::model::unit::Unit;
use crate::probe::{KindSpec, OptionForm};

#[derive(Default)]
pub(super) struct Page {
    pub(super) out: String,
}

impl Page {
    pub(super) fn raw(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    pub(super) fn heading(&mut self, title: &str) {
        self.raw(&format!(".SH {title}"));
    }

    /// Paragraphs, separated by empty lines; words in backticks are bold.
    pub(super) fn text(&mut self, text: &str) {
        for paragraph in text.split("\n\n") {
            self.raw(".PP");
            self.raw(&roff(&prose(paragraph)));
        }
    }

    pub(super) fn item(&mut self, term: &str, texts: &[&str]) {
        self.raw(".TP");
        self.raw(&format!("\\fB{}\\fR", escape(term)));
        for (index, text) in texts.iter().enumerate() {
            if index > 0 {
                self.raw(".br");
            }
            self.raw(&roff(&prose(text)));
        }
    }

    pub(super) fn code(&mut self, text: &str) {
        self.raw(".nf");
        for line in text.lines() {
            let line = escape(line);
            self.raw(if line.is_empty() { "\\&" } else { &line });
        }
        self.raw(".fi");
    }

    /// What a kind watches, and what can be said of it in a check.
    pub(super) fn keys_of_kind(&mut self, spec: &KindSpec) {
        self.text(spec.title);
        for paragraph in spec.doc.split("\n\n") {
            self.text(paragraph);
        }
        if !spec.selectors.is_empty() {
            self.text("Keys below `select` and `exclude`:");
            for selector in spec.selectors {
                self.item(selector.key, &[selector.doc]);
            }
        }
        if !spec.options.is_empty() {
            self.text("Further keys:");
            for option in spec.options {
                let (noun, example) = match option.form {
                    OptionForm::Number(unit) => units::expected(unit),
                    OptionForm::Text { noun, example, .. } => (noun, example),
                };
                self.item(option.key, &[&format!("{} ({noun}, `{example}`)", prose(option.doc))]);
            }
        }
        self.text("Metrics, below `warn`, `crit` and `clear`:");
        for metric in spec.metrics {
            let bad = match metric.bad {
                Bad::High => "bad when high",
                Bad::Low => "bad when low",
                Bad::Set => "bad when true",
            };
            let example = match metric.unit {
                Unit::Flag => "true",
                unit => units::expected(unit).1,
            };
            let term = format!("{}: {example}", metric.key);
            self.item(
                &term,
                &[&format!("{} ({bad}; `{}` in JSON)", prose(metric.doc), metric.name)],
            );
        }
    }
}

/// Text for roff, with words in backticks bold.
fn roff(text: &str) -> String {
    let mut out = String::new();
    for (index, part) in text.split('`').enumerate() {
        if index % 2 == 1 {
            let _ = write!(out, "\\fB{}\\fR", escape(part));
        } else {
            out.push_str(&escape(part));
        }
    }
    if out.starts_with(['.', '\'']) { format!("\\&{out}") } else { out }
}

/// Text that roff prints as it is.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\e"),
            '-' => out.push_str("\\-"),
            '^' => out.push_str("\\(ha"),
            '~' => out.push_str("\\(ti"),
            '"' => out.push_str("\\(dq"),
            '\'' => out.push_str("\\(aq"),
            '`' => out.push_str("\\(ga"),
            '*' | '.' | '|' => out.push(c),
            c => out.push(c),
        }
    }
    if out.starts_with('.') { format!("\\&{out}") } else { out }
}
