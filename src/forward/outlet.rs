//! What every outlet does, and what an attempt can end in: the words in which the dialects and the
//! queue speak.

use std::fmt::Debug;

use crate::model::batch::{Batch, Change};
use crate::model::time::Stamp;
use crate::model::unit::Span;

/// Which batches an outlet takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Batches {
    /// Every one, oldest first: a gap would be one in the receiver's graphs.
    All,
    /// The newest only: the receiver knows the present and nothing else.
    Newest,
}

/// What an outlet takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appetite {
    /// Batches.
    pub batches: Batches,
    /// Whether it takes changes, each one, in order, as soon as they happen.
    pub changes: bool,
}

/// One thing to deliver.
#[derive(Debug, Clone, Copy)]
pub enum Load<'a> {
    /// How everything looks.
    Batch(&'a Batch),
    /// A change.
    Change(&'a Change),
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Taken.
    Done,
    /// Taken in part or not at all, and another attempt would end alike: what was lost is counted,
    /// the rest is done.
    Dropped {
        /// How many values or results were lost.
        lost: usize,
        /// The receiver's words.
        why: String,
    },
    /// Not now: the same again later.
    Retry {
        /// In words.
        why: String,
        /// The pause that the receiver asks for.
        after: Option<Span>,
        /// The receiver works and may fail over what is in this very load (HTTP 500): if others are
        /// taken while this never is, it is stepped over.
        suspect: bool,
    },
    /// Somebody must mend the configuration of one side: nothing is lost, and tried seldom.
    Hold {
        /// In words.
        why: String,
    },
}

/// The answer to an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// What became of it.
    pub outcome: Outcome,
    /// The receiver's clock, where its answer told it.
    pub clock: Option<Stamp>,
}

/// A sample sent by `forward test`: a value that cannot be mistaken for another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// When it was made.
    pub at: Stamp,
    /// A random number, as label `mark` and as the value, below 2^32.
    pub number: u32,
}

/// What a test of an outlet proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// The sample was found at the receiver; in words, how: `found by GET /api/v1/export`.
    ReadBack(String),
    /// The receiver took it and cannot be asked; in words, what the person can do to see it.
    Accepted(String),
}

/// One receiver and its dialect.
pub trait Outlet: Send + Debug {
    /// What it takes.
    fn appetite(&self) -> Appetite;

    /// Delivers one load, within `within` for the whole of it.
    fn deliver(&mut self, load: Load<'_>, within: Span) -> Reply;

    /// The receiver's clock, asked for by a request that stores nothing; `None` where the dialect
    /// tells no time or there was no answer.
    fn clock(&mut self, _within: Span) -> Option<Stamp> {
        None
    }

    /// Sends one marked sample and looks whether it arrived.
    ///
    /// # Errors
    /// It was not taken, or taken and not found; in words that tell a person what to mend.
    fn test(&mut self, mark: &Mark, within: Span) -> Result<Proof, String>;
}
