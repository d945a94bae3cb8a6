//! People: where mail for a contact goes, how its subjects are written, and which hooks it has.

use super::hook::Hook;

/// A person or a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Mail addresses.
    pub mail: Vec<String>,
    /// What is told beside them, each change by itself.
    pub hooks: Vec<Hook>,
    /// How subjects are written.
    pub style: Style,
    /// Whether mails have an HTML part beside the text.
    pub html: bool,
    /// Whether the HTML part has a chart of the metric.
    pub chart: bool,
}

impl Default for Contact {
    fn default() -> Self {
        Self {
            mail: Vec::new(),
            hooks: Vec::new(),
            style: Style::default(),
            html: true,
            chart: true,
        }
    }
}

impl Contact {
    /// Everything that is told: addresses, then hooks in words.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        let hooks = self.hooks.iter().map(ToString::to_string);
        self.mail.iter().cloned().chain(hooks).collect()
    }
}

/// How subjects are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Style {
    /// State first: legible, threads by headers.
    #[default]
    StateFirst,
    /// One subject an episode, so that mail programs that thread by subject do so.
    SameSubject,
}
