//! A kind of check as a table: names, texts, metrics. What a kind does is `probe`'s.
//!
//! It stands here because rules and texts are made from the same table that the probe fills.

use super::reading::{Metric, MetricId};
use super::unit::Unit;

/// Everything about a kind that is data: documentation, configuration keys and metrics.
#[derive(Debug)]
pub struct KindSpec {
    /// `filesystem`, also the name of the built-in check of this kind.
    pub name: &'static str,
    /// One sentence: what it watches.
    pub title: &'static str,
    /// A few paragraphs for the man page: where the numbers come from, what is left out and why.
    pub doc: &'static str,
    /// Keys below `select:` and `exclude:`, each a list of globs against an attribute.
    pub selectors: &'static [Selector],
    /// Further keys of a check of this kind, such as `capacity`.
    pub options: &'static [OptionSpec],
    /// All metrics; [`MetricId`] is the row number.
    pub metrics: &'static [Metric],
    /// The shipped `conf.d` file: example, documentation and built-in default in one.
    pub example: &'static str,
}

impl KindSpec {
    /// The row of a metric.
    #[must_use]
    pub fn metric(&self, id: MetricId) -> Option<&'static Metric> {
        self.metrics.get(usize::from(id.0))
    }
}

/// A key below `select:` and `exclude:`.
#[derive(Debug)]
pub struct Selector {
    /// `mount`, `type`, `name`.
    pub key: &'static str,
    /// One sentence.
    pub doc: &'static str,
}

/// A further key of a check, with a value of one unit.
#[derive(Debug)]
pub struct OptionSpec {
    /// The key.
    pub key: &'static str,
    /// Unit of its value.
    pub unit: Unit,
    /// One sentence.
    pub doc: &'static str,
}
