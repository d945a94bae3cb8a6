//! What a mail says, apart from how it is drawn: one content, from which the text and the HTML are
//! made, so that both state the same facts. Owns the form of that content; who fills it in and who
//! draws it are its neighbours. Its texts are clean already.

use crate::model::state::State;

/// The content of one mail.
#[derive(Debug, Clone, Default)]
pub(super) struct Page {
    /// What colour repeats of it.
    pub(super) tone: Tone,
    /// The state as a word: `CRITICAL`.
    pub(super) word: &'static str,
    /// The host's full name.
    pub(super) fqdn: String,
    /// When, short: `03:12 CET`. May be empty.
    pub(super) when: String,
    /// The fact under the eyes of who knows the word and the host: `/data: 92% full (limit 90%)`.
    pub(super) title: String,
    /// The same as a sentence that needs nothing beside it: what a phone shows as preview.
    pub(super) sentence: String,
    /// Everything else, in the order of reading.
    pub(super) parts: Vec<Part>,
    /// The last line.
    pub(super) footer: String,
}

/// How good or bad it is; never the only sign of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Tone {
    Critical,
    Warning,
    Unknown,
    Good,
    #[default]
    News,
}

impl From<State> for Tone {
    fn from(state: State) -> Self {
        match state {
            State::Ok => Self::Good,
            State::Warning => Self::Warning,
            State::Critical => Self::Critical,
            State::Unknown => Self::Unknown,
        }
    }
}

/// A part of a mail.
#[derive(Debug, Clone)]
pub(super) enum Part {
    /// A sentence.
    Line(String),
    /// A text with a word at its head: `since`, `rule`. Without one it goes on with the fact
    /// before.
    Fact { word: String, text: String },
    /// A heading over what follows.
    Heading(String),
    /// Rows under a heading.
    List { heading: String, rows: Vec<Row> },
    /// Rows beside a word: what a digest is made of.
    Table { word: &'static str, rows: Vec<Row> },
    /// The metric over time.
    Trend { line: String, alt: String, picture: String },
    /// What to do.
    Steps(Vec<Step>),
    /// A command, as it can be typed.
    Command(String),
    /// A page of the web.
    Link(String),
    /// The command that keeps it quiet.
    Quiet(String),
    /// One of many things that are told.
    Item(Item),
    /// What another mail said, line by line.
    Said { heading: String, text: String },
}

/// One line of a list.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    /// How good or bad it is, where the row says.
    pub(super) tone: Option<Tone>,
    /// How much, or in which state. May be empty.
    pub(super) amount: String,
    /// Of what.
    pub(super) text: String,
    /// What stands at its end: how long. May be empty.
    pub(super) tail: String,
}

/// One thing to do.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// What a command is for, and the command.
    Command { why: &'static str, command: String },
    /// An advice; it may have lines.
    Advice(String),
    /// A page of the web.
    Link(String),
}

/// One of many things that are told.
#[derive(Debug, Clone, Default)]
pub(super) struct Item {
    /// How many causes it follows from, one from the other.
    pub(super) depth: usize,
    /// How good or bad it is.
    pub(super) tone: Tone,
    /// The short word for that: `CRIT`.
    pub(super) tag: &'static str,
    /// The fact.
    pub(super) headline: String,
    /// What else there is to know.
    pub(super) parts: Vec<Part>,
}

impl Part {
    /// A text with a word at its head.
    pub(super) fn fact(word: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Fact { word: word.into(), text: text.into() }
    }

    /// Bytes it takes as text, within a fifth.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Line(text) | Self::Heading(text) | Self::Command(text) | Self::Link(text) => {
                line(text)
            }
            Self::Quiet(text) => line(text),
            Self::Fact { word, text } => word.len() + line(text),
            Self::List { heading, rows } => {
                line(heading) + rows.iter().map(Row::weight).sum::<usize>()
            }
            Self::Table { rows, .. } => rows.iter().map(Row::weight).sum(),
            Self::Trend { line: text, .. } => line(text),
            Self::Steps(steps) => steps
                .iter()
                .map(|step| match step {
                    Step::Command { why, command } => why.len() + line(command),
                    Step::Advice(text) | Step::Link(text) => line(text),
                })
                .sum(),
            Self::Item(item) => {
                line(&item.headline) + item.parts.iter().map(Self::weight).sum::<usize>()
            }
            Self::Said { heading, text } => line(heading) + text.len(),
        }
    }
}

impl Row {
    /// A row of what is counted or measured.
    pub(super) fn new(amount: impl Into<String>, text: impl Into<String>) -> Self {
        Self { amount: amount.into(), text: text.into(), ..Self::default() }
    }

    /// A row about something in this state.
    pub(super) fn of(state: State, text: impl Into<String>) -> Self {
        Self { tone: Some(state.into()), ..Self::new(state.short(), text) }
    }

    /// See [`Part::weight`].
    pub(super) fn weight(&self) -> usize {
        self.amount.len() + line(&self.text) + line(&self.tail)
    }
}

/// A wrapped line with its indentation.
fn line(text: &str) -> usize {
    text.len() + 7 + text.len() / 12
}
