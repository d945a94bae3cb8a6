//! One line of `doctor`: what was looked at, what is missing there, and what to do about it.

use serde::Serialize;

/// A line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in crate::cli) struct Finding {
    /// What it is about: `config`, `mail`, `bmc`, or the id of what cannot be read.
    pub(in crate::cli) about: String,
    /// Whether nothing is missing.
    pub(in crate::cli) ok: bool,
    /// The fact.
    pub(in crate::cli) text: String,
    /// What to do where something is missing; empty where the text says that.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(in crate::cli) todo: String,
}

impl Finding {
    /// Nothing is missing there.
    pub(in crate::cli) fn fine(about: &str, text: impl Into<String>) -> Self {
        Self { about: about.to_owned(), ok: true, text: text.into(), todo: String::new() }
    }

    /// Something is.
    pub(in crate::cli) fn missing(
        about: &str,
        text: impl Into<String>,
        todo: impl Into<String>,
    ) -> Self {
        Self { about: about.to_owned(), ok: false, text: text.into(), todo: todo.into() }
    }
}
