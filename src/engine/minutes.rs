//! Minutes: what each judged number did, counted as samples come and handed out once a minute for
//! the history. Owns the counting; where it is kept is not known here.
//!
//! On the hot path, so it allocates once a watch and once a minute, and wakes nobody: a minute is
//! handed out with the first sample after it.

use std::borrow::Cow;
use std::sync::Arc;

use crate::alert::rule::Level;
use crate::config::plan::Check;
use crate::model::history::{Minute, Point, Series, minute_of};
use crate::model::id::Id;
use crate::model::limit::{HISTORY_METRICS, HISTORY_SERIES};
use crate::model::reading::{MetricId, Observation};
use crate::model::unit::Unit;

use super::Engine;
use super::event::Effect;

/// The numbers of one watch in the minute that is being counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Made with the first sample.
    numbers: Option<Box<[Number]>>,
}

#[derive(Debug)]
struct Number {
    metric: MetricId,
    samples: u32,
    min: f32,
    max: f32,
    sum: f64,
    series: Arc<Series>,
}

impl Tally {
    /// Counts a sample.
    pub(super) fn add(&mut self, id: &Id, check: &Check, seen: &Observation) {
        let numbers = self.numbers.get_or_insert_with(|| numbers(id, check));
        for number in numbers {
            if let Some(value) = seen.get(number.metric).filter(|value| value.is_finite()) {
                number.add(value);
            }
        }
    }

    /// Hands out what was counted, and begins again.
    fn take(&mut self, minute: u32) -> impl Iterator<Item = Minute> {
        self.numbers.iter_mut().flatten().filter_map(move |number| number.take(minute))
    }
}

impl Number {
    fn add(&mut self, value: f64) {
        let near = value as f32;
        let first = self.samples == 0;
        self.min = if first { near } else { self.min.min(near) };
        self.max = if first { near } else { self.max.max(near) };
        self.sum = if first { value } else { self.sum + value };
        self.samples = self.samples.saturating_add(1);
    }

    fn take(&mut self, minute: u32) -> Option<Minute> {
        let samples = std::mem::take(&mut self.samples);
        // A mean beside its bounds by a rounding would be another number than a constant one.
        let mean = (self.sum / f64::from(samples)) as f32;
        let point =
            Point { minute, min: self.min, mean: mean.clamp(self.min, self.max), max: self.max };
        (samples > 0).then(|| Minute { series: Arc::clone(&self.series), point })
    }
}

/// The metrics that the rule's limits are about; the first number of a kind that is judged by facts
/// alone.
fn numbers(id: &Id, check: &Check) -> Box<[Number]> {
    let spec = check.kind.spec();
    let clauses = [&check.rule.crit, &check.rule.warn];
    let clauses = clauses.into_iter().flatten().flat_map(|level: &Level| &level.clauses);
    let mut metrics: Vec<MetricId> = Vec::new();
    for clause in clauses {
        let counts = spec.metric(clause.metric).is_some_and(|metric| metric.unit != Unit::Flag);
        if counts && !metrics.contains(&clause.metric) {
            metrics.push(clause.metric);
        }
    }
    if metrics.is_empty() {
        let first = (0_u8..).map(MetricId).zip(spec.metrics).find(|(_, m)| m.unit != Unit::Flag);
        metrics.extend(first.map(|(id, _)| id));
    }
    metrics.truncate(HISTORY_METRICS);
    let one = |metric: MetricId| {
        let row = spec.metric(metric)?;
        let series = Series {
            kind: Cow::Borrowed(spec.name),
            id: id.clone(),
            metric: Cow::Borrowed(row.name),
            unit: row.unit,
        };
        let series = Arc::new(series);
        Some(Number { metric, samples: 0, min: 0.0, max: 0.0, sum: 0.0, series })
    };
    metrics.into_iter().filter_map(one).collect()
}

impl Engine {
    /// Hands out the minute that has ended, if one has. Steps of the wall clock end one too: the
    /// history is for people, and keeps their time.
    pub(super) fn turn_minute(&mut self, effects: &mut Vec<Effect>) {
        let minute = minute_of(self.now.wall);
        if minute != self.minute {
            self.close_minute(effects);
            self.minute = minute;
        }
    }

    /// Hands out what was counted of the present minute.
    pub(super) fn close_minute(&mut self, effects: &mut Vec<Effect>) {
        let minute = self.minute;
        let counted = self.watches.tallies().flat_map(|tally| tally.take(minute));
        let minutes: Vec<Minute> = counted.take(HISTORY_SERIES).collect();
        if !minutes.is_empty() {
            effects.push(Effect::Remember(minutes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number() -> Number {
        let series = Series {
            kind: "k".into(),
            id: Id::new("c", "i"),
            metric: "m".into(),
            unit: Unit::Count,
        };
        let series = Arc::new(series);
        Number { metric: MetricId(0), samples: 0, min: 0.0, max: 0.0, sum: 0.0, series }
    }

    #[test]
    fn a_minute_begins_anew() {
        let mut number = number();
        for value in [5.0, 2.0, 8.0] {
            number.add(value);
        }
        let point = number.take(7).unwrap().point;
        assert_eq!(point, Point { minute: 7, min: 2.0, mean: 5.0, max: 8.0 });
        assert_eq!(number.take(8), None);
        number.add(-3.0);
        let point = number.take(9).unwrap().point;
        assert_eq!((point.min, point.mean, point.max), (-3.0, -3.0, -3.0));
    }

    #[test]
    fn a_constant_stays_one() {
        let mut number = number();
        for _ in 0..7 {
            number.add(0.1);
        }
        let point = number.take(0).unwrap().point;
        assert!(point.min.to_bits() == point.mean.to_bits() && point.max <= point.mean);
    }
}
