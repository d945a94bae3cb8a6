//! What one contact is owed about one transition: every fact the mail needs, as text, so that it
//! can be composed later, after a restart or a reload, exactly as it was meant.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::evidence::{Evidence, Row};
use crate::model::finding::Finding;
use crate::model::id::Id;
use crate::model::limit::FACTS_PER_EPISODE;
use crate::model::state::State;
use crate::model::time::{Moment, Stamp};
use crate::model::unit::Span;

/// Why a person is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Something became bad (or was bad when first seen).
    Problem,
    /// A problem grew: warning to critical.
    Worse,
    /// A further fact of a problem that is known: a second disk, a new record of a log.
    Another,
    /// A problem shrank: critical to warning (only where asked for).
    Better,
    /// No reading for `unknown_after`.
    Lost,
    /// Good again, after `recover_for`.
    Recovered,
    /// It changes too often: this is the last mail until it is steady.
    Flapping,
    /// It was flapping and has been steady; `state` says in which state.
    Steady,
    /// The problem is closed because the rule changed or the check was removed.
    Closed,
    /// It is still bad, and that was told a while ago.
    Reminder,
    /// Somebody has taken it on.
    Acked,
    /// A silence or an acknowledgement has ended, and it is still bad.
    Unsilenced,
    /// Somebody asked for a test.
    Test,
    /// News of the agent itself that is no state: restarted after a crash, state set aside.
    Info,
}

/// One thing to tell one contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Name of the contact.
    pub contact: String,
    /// Which instance.
    pub id: Id,
    /// Its kind.
    pub kind: String,
    /// What a person calls it: `/data`, `CPU`.
    pub title: String,
    /// Why this is told.
    pub cause: Cause,
    /// The state now.
    pub state: State,
    /// The state this contact was told last.
    pub previous: State,
    /// Number of the episode.
    pub episode: u64,
    /// How many mails of this episode this contact got, this one included.
    pub seq: u32,
    /// Message-ID of the first mail of this episode to this contact; `None` if this is it.
    pub root: Option<String>,
    /// When the transition happened, on the agent's timeline.
    pub at: Moment,
    /// When the transition happened, for people.
    pub at_wall: Stamp,
    /// Since when the present state's cause holds (the window's begin), for people.
    pub since_wall: Stamp,
    /// How long the episode has lasted.
    pub lasted: Span,
    /// The fact, short, without the title: `92% full`, `no answer`.
    pub fact: String,
    /// The limit that was passed, short: `90%`. Empty where there is none.
    pub limit: String,
    /// The instance in one line: `92% full, 46 GiB of 560 GiB left`.
    pub summary: String,
    /// Further lines about the fact, most useful first: which part to pull, what it means.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub detail: Vec<String>,
    /// The facts with a key of their own that this notice is the first to tell, `fact` among them
    /// if it is one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub news: Vec<Finding>,
    /// The rule in words: `crit when used >= 90% for 2m; clears below 87% for 5m`.
    pub rule: String,
    /// Where the rule stands: `/etc/hostwatch/conf.d/30-net.yaml:14`.
    pub place: String,
    /// The worst value of the episode: `96%`.
    pub worst: Option<String>,
    /// The worst state of the episode.
    pub worst_state: State,
    /// Changes of state in the last hour.
    pub changes: u32,
    /// What to do, from the configuration.
    pub advice: Option<String>,
    /// A page that says more, from the configuration.
    pub runbook: Option<String>,
    /// What was gathered when it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Arc<Evidence>>,
    /// Further lines below the times, each with a word at its head of at most six letters:
    /// `acked` by whom, `held` by which schedule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<Row>,
    /// When this contact is reminded if it stays as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminder: Option<Stamp>,
    /// The instance whose fault this one follows from, where that is told in the same mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<Id>,
}

impl Notice {
    /// Whether it is about something bad that is going on.
    #[must_use]
    pub fn is_problem(&self) -> bool {
        match self.cause {
            Cause::Problem
            | Cause::Worse
            | Cause::Another
            | Cause::Better
            | Cause::Lost
            | Cause::Reminder
            | Cause::Unsilenced
            | Cause::Flapping => true,
            Cause::Steady => self.state != State::Ok,
            Cause::Recovered | Cause::Closed | Cause::Acked | Cause::Test | Cause::Info => false,
        }
    }

    /// What it tells beside its `fact`.
    pub fn further(&self) -> impl Iterator<Item = &Finding> {
        self.news.iter().filter(|finding| finding.fact != self.fact)
    }

    /// Takes the place of one that was not sent: what only that one would have told is told here.
    pub fn replace(&mut self, old: Self) {
        let mut news = old.news;
        for finding in std::mem::take(&mut self.news) {
            if !news.iter().any(|other| other.key == finding.key) {
                news.push(finding);
            }
        }
        news.truncate(FACTS_PER_EPISODE);
        self.news = news;
        if self.cause == Cause::Another && old.cause != Cause::Lost {
            // The first fact leads; this one follows it.
            self.fact = old.fact;
            self.detail = old.detail;
        }
        self.cause = match (old.cause, self.cause) {
            (Cause::Problem, Cause::Worse | Cause::Another | Cause::Better) => Cause::Problem,
            (Cause::Worse, Cause::Another) => Cause::Worse,
            (Cause::Flapping, Cause::Worse | Cause::Another | Cause::Better | Cause::Lost) => {
                Cause::Flapping
            }
            (Cause::Steady, Cause::Worse | Cause::Another | Cause::Better) => Cause::Steady,
            (_, cause) => cause,
        };
        if self.evidence.is_none() {
            self.evidence = old.evidence;
        }
        self.previous = old.previous;
        self.seq = old.seq;
        self.root = old.root;
    }
}
