//! The body of the child that gathers: one question in as JSON, answers out as lines of JSON, each
//! the whole of what is known so far.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use super::{Inquiry, RealTime, gather};
use crate::host::Host;
use crate::host::confine::{confine, stand_back};
use crate::model::evidence::Evidence;
use crate::model::limit::{EVIDENCE_MEMORY_BYTES, INQUIRY_BYTES};
use crate::model::unit::Span;

/// One line of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Number of the question.
    pub number: u64,
    /// All that is known so far.
    pub evidence: Evidence,
    /// Whether nothing more comes.
    pub done: bool,
}

/// Reads a question from `input` and answers on `output`; expects to be stopped after `within`.
///
/// # Errors
/// The question cannot be read, or nobody listens any more.
pub fn serve(
    host: &Host,
    within: Span,
    input: &mut dyn Read,
    output: &mut dyn Write,
) -> io::Result<()> {
    confine(EVIDENCE_MEMORY_BYTES, EVIDENCE_MEMORY_BYTES)?;
    let mut text = Vec::new();
    input.take(INQUIRY_BYTES as u64 + 1).read_to_end(&mut text)?;
    if text.len() > INQUIRY_BYTES {
        return Err(io::Error::other("the question is too large"));
    }
    let inquiry: Inquiry = serde_json::from_slice(&text)?;
    // A walk takes seconds of work. The rest takes a fraction of one, and must come to its turn on
    // the very machine whose processors are taken.
    if inquiry.kind == "filesystem" {
        stand_back();
    }
    let number = inquiry.number;
    let mut last = Evidence::default();
    let mut outcome = Ok(());
    gather(&inquiry, host, &mut RealTime::start(within), &mut |evidence| {
        last.clone_from(&evidence);
        if outcome.is_ok() {
            outcome = say(output, &Answer { number, evidence, done: false });
        }
    });
    outcome?;
    say(output, &Answer { number, evidence: last, done: true })
}

fn say(output: &mut dyn Write, answer: &Answer) -> io::Result<()> {
    serde_json::to_writer(&mut *output, answer)?;
    output.write_all(b"\n")?;
    output.flush()
}
