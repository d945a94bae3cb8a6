//! People: where mail for a contact goes and how its subjects are written.

/// A person or a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Mail addresses.
    pub mail: Vec<String>,
    /// How subjects are written.
    pub style: Style,
    /// Whether mails have an HTML part beside the text.
    pub html: bool,
    /// Whether the HTML part has a chart of the metric.
    pub chart: bool,
}

impl Default for Contact {
    fn default() -> Self {
        Self { mail: Vec::new(), style: Style::default(), html: true, chart: true }
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
