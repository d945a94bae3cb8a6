//! What is known so far, and the one way in which it is said: whole, whenever there is more.

use crate::model::evidence::{Evidence, Row, Section};
use crate::model::limit::{EVIDENCE_ROWS, EVIDENCE_SECTIONS};
use crate::model::unit::Unit;

/// Everything that was found out, and who hears it.
pub(super) struct Told<'a> {
    evidence: Evidence,
    say: &'a mut dyn FnMut(Evidence),
}

impl<'a> Told<'a> {
    /// Begins with what is known without looking, which is said at once.
    pub(super) fn begin(evidence: Evidence, say: &'a mut dyn FnMut(Evidence)) -> Self {
        if !evidence.is_empty() {
            say(evidence.clone());
        }
        Self { evidence, say }
    }

    /// Adds a list and says it. One without lines is left out: its heading alone says nothing.
    pub(super) fn list(&mut self, heading: String, mut rows: Vec<Row>) {
        if rows.is_empty() {
            return;
        }
        rows.truncate(EVIDENCE_ROWS);
        self.add(Section { heading, rows });
    }

    /// Adds a sentence that stands by itself: why there is no list.
    pub(super) fn remark(&mut self, sentence: String) {
        self.add(Section { heading: sentence, rows: Vec::new() });
    }

    fn add(&mut self, section: Section) {
        if self.evidence.sections.len() < EVIDENCE_SECTIONS {
            self.evidence.sections.push(section);
            (self.say)(self.evidence.clone());
        }
    }
}

/// One line of a list.
pub(super) fn row(amount: String, text: String) -> Row {
    Row { amount, text }
}

/// Bytes as a person reads them.
pub(super) fn bytes(bytes: u64) -> String {
    Unit::Bytes.show(float(bytes))
}

/// Bytes over a time, as a person reads them.
pub(super) fn rate(bytes: u64, seconds: f64) -> String {
    Unit::BytesPerSecond.show(float(bytes) / seconds.max(0.001))
}

/// Percent of a whole; all of nothing.
pub(super) fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 100.0 } else { 100.0 * float(part) / float(whole) }
}

/// A share without decimals, at most all of it: clocks of two counters differ a little.
pub(super) fn share(part: u64, whole: u64) -> String {
    format!("{:.0}%", percent(part.min(whole), whole))
}

/// For a ratio: exact to 2^53, beyond any counter that is shown.
pub(super) fn float(number: u64) -> f64 {
    number as f64
}
