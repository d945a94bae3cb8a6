//! A rule as run: limits per level, how long they must hold, when they are left again.

use crate::model::reading::{Bad, MetricId};
use crate::model::unit::Span;

/// Where something stands in the configuration, for mails and `explain`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// File as the user knows it; `built-in filesystem.yaml` for a default.
    pub file: std::sync::Arc<str>,
    /// Line, from 1.
    pub line: u32,
}

/// The rule of one check; shared by its instances.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Limits of the warning state.
    pub warn: Option<Level>,
    /// Limits of the critical state.
    pub crit: Option<Level>,
    /// How often the check is run.
    pub every: Span,
    /// How long all clear limits must be kept before a state is left.
    pub recover_for: Span,
    /// How long an instance may give no reading before that is told to a person.
    pub unknown_after: Span,
}

/// One level: bad when any clause is bad.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// Its limits; a level of findings alone has none.
    pub clauses: Vec<Clause>,
    /// Whether the findings of the kind's probe feed it: then a reading without any is good news,
    /// also of an instance that has none of the metrics which the limits are about.
    pub findings: bool,
    /// How long it must have been bad, without a gap and in at least `share` of the samples.
    pub hold: Span,
    /// Share of samples that must be bad, 0 to 1; 1 means every sample.
    pub share: f64,
    /// Where the level is written.
    pub place: Place,
}

/// One limit.
#[derive(Debug, Clone, PartialEq)]
pub struct Clause {
    /// Which metric.
    pub metric: MetricId,
    /// Which side is bad.
    pub bad: Bad,
    /// Entered at or beyond this value.
    pub limit: f64,
    /// Left on the good side of this value (hysteresis); equal to `limit` for none.
    pub clear: f64,
    /// Not bad while this other limit is *not* reached: `used: 97%` unless `free` is above 500 GiB.
    pub unless: Vec<Guard>,
    /// Where the limit is written.
    pub place: Place,
}

/// An exception to a clause: while the metric is on the good side of `limit`, the clause is good.
#[derive(Debug, Clone, PartialEq)]
pub struct Guard {
    /// Which metric.
    pub metric: MetricId,
    /// Which side of `limit` is bad.
    pub bad: Bad,
    /// The limit.
    pub limit: f64,
}

impl Rule {
    /// Whether two rules' warning and critical levels ask for the same, wherever they are written.
    #[must_use]
    pub fn same_levels(&self, other: &Self) -> (bool, bool) {
        let same = |a: &Option<Level>, b: &Option<Level>| match (a, b) {
            (None, None) => true,
            (Some(a), Some(b)) => a.fingerprint() == b.fingerprint(),
            _ => false,
        };
        (same(&self.warn, &other.warn), same(&self.crit, &other.crit))
    }
}

impl Level {
    /// A number that changes when what the level asks for changes, but not when its place does.
    /// Stable across restarts.
    #[must_use]
    pub fn fingerprint(&self) -> u32 {
        let mut hash = crc32fast::Hasher::new();
        hash.update(&self.hold.as_millis().to_le_bytes());
        hash.update(&self.share.to_bits().to_le_bytes());
        let side = |bad: Bad| match bad {
            Bad::High => 0_u8,
            Bad::Low => 1,
            Bad::Set => 2,
        };
        for clause in &self.clauses {
            hash.update(&[b'c', clause.metric.0, side(clause.bad)]);
            hash.update(&clause.limit.to_bits().to_le_bytes());
            hash.update(&clause.clear.to_bits().to_le_bytes());
            for guard in &clause.unless {
                hash.update(&[b'g', guard.metric.0, side(guard.bad)]);
                hash.update(&guard.limit.to_bits().to_le_bytes());
            }
        }
        hash.finalize()
    }
}
