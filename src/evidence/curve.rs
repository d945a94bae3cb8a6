//! The past of one number: read from the history, continued by what is not on the disk yet and by
//! the value that was judged, and laid into equal steps. Knows no picture and no words.

use std::path::Path;

use crate::model::history::{Point, minute_of};
use crate::model::id::Id;
use crate::model::limit::GAP_INTERVALS;
use crate::store::history::{Wanted, curves, in_order};

use super::Inquiry;

/// Lengths of a step, in minutes.
const STEPS: &[u32] = &[1, 2, 5, 10, 20, 30, 60, 120, 360, 1440];

/// Minutes of a number, oldest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Past {
    /// The points.
    pub points: Vec<Point>,
}

/// A number in equal steps; `None` where nothing was sampled.
#[derive(Debug, Clone, PartialEq)]
pub struct Steps {
    /// First minute of the first step.
    pub from: u32,
    /// Minutes of a step.
    pub width: u32,
    /// The steps, each as a point that bears its first minute.
    pub steps: Vec<Option<Point>>,
}

/// A number's minutes from the history; what cannot be read is not there.
#[must_use]
pub fn stored(history: &Path, id: &Id, metric: &str, reach: (u32, u32)) -> Past {
    let wanted = Wanted { kind: None, id: Some(id), metric: Some(metric) };
    let found = curves(history, &wanted, reach).unwrap_or_default();
    // One id and metric of two kinds: the check was renamed to another kind meanwhile.
    Past { points: in_order(found.into_iter().flat_map(|curve| curve.points).collect()) }
}

/// The past of the number that was judged, up to the change.
#[must_use]
pub fn of(inquiry: &Inquiry, minutes: u32) -> Past {
    let Some(measure) = &inquiry.measure else { return Past::default() };
    let now = minute_of(inquiry.at);
    let from = now.saturating_sub(minutes);
    let mut points = stored(&inquiry.history, &inquiry.id, &measure.metric, (from, now)).points;
    let recent = inquiry.recent.iter().filter(|curve| curve.series.metric == measure.metric);
    points.extend(recent.flat_map(|curve| &curve.points).filter(|p| p.minute >= from));
    // After the change the present value stands for its minute, which is not over.
    points.retain(|point| point.minute <= now);
    let mut points = in_order(points);
    if let Some(value) = measure.value.filter(|value| value.is_finite()) {
        let value = value as f32;
        let begun = points.pop_if(|point| point.minute == now);
        points.push(Point {
            minute: now,
            min: begun.map_or(value, |point| point.min.min(value)),
            mean: value,
            max: begun.map_or(value, |point| point.max.max(value)),
        });
    }
    Past { points }
}

impl Past {
    /// The usual distance of two points in minutes.
    #[must_use]
    pub fn cadence(&self) -> u32 {
        let pairs = self.points.iter().zip(self.points.iter().skip(1));
        let mut apart: Vec<u32> = pairs.map(|(a, b)| b.minute.saturating_sub(a.minute)).collect();
        let middle = apart.len() / 2;
        if apart.is_empty() { 1 } else { (*apart.select_nth_unstable(middle).1).max(1) }
    }

    /// From one minute to another (inclusive) in at most `most` steps, none shorter than the
    /// distance of the points.
    #[must_use]
    pub fn steps(&self, from: u32, to: u32, most: u32) -> Steps {
        let minutes = to.saturating_sub(from) + 1;
        let cadence = self.cadence();
        let fits = |width: &&u32| **width >= cadence && minutes.div_ceil(**width) <= most.max(1);
        let width = STEPS
            .iter()
            .find(fits)
            .copied()
            .unwrap_or_else(|| minutes.div_ceil(most.max(1)).max(cadence));
        let count = usize::try_from(minutes.div_ceil(width)).unwrap_or(0);
        let mut sums: Vec<Option<(Point, f64, u32)>> = vec![None; count];
        for point in self.points.iter().filter(|p| (from..=to).contains(&p.minute)) {
            let place = usize::try_from((point.minute - from) / width).unwrap_or(usize::MAX);
            let Some(slot) = sums.get_mut(place) else { continue };
            let mean = f64::from(point.mean);
            *slot = Some(match slot {
                None => (*point, mean, 1),
                Some((step, sum, n)) => {
                    let step = Point {
                        min: step.min.min(point.min),
                        max: step.max.max(point.max),
                        ..*step
                    };
                    (step, *sum + mean, *n + 1)
                }
            });
        }
        let starts = (0..).map(|n: u32| from.saturating_add(n.saturating_mul(width)));
        let steps = sums.into_iter().zip(starts).map(|(sum, minute)| {
            sum.map(|(step, sum, n)| Point { minute, mean: (sum / f64::from(n)) as f32, ..step })
        });
        let mut steps = Steps { from, width, steps: steps.collect() };
        steps.bridge(cadence);
        steps
    }
}

impl Steps {
    /// Fills steps that only the rhythm of the samples left empty.
    fn bridge(&mut self, cadence: u32) {
        let reach = usize::try_from(u64::from(cadence) * GAP_INTERVALS / u64::from(self.width));
        let reach = reach.unwrap_or(0);
        let mut before: Option<(usize, Point)> = None;
        for place in 0..self.steps.len() {
            let Some(point) = self.steps.get(place).copied().flatten() else { continue };
            if let Some((last, known)) = before
                && place - last <= reach
            {
                let mut minute = known.minute;
                for slot in self.steps.iter_mut().take(place).skip(last + 1) {
                    minute += self.width;
                    *slot = Some(Point { minute, ..known });
                }
            }
            before = Some((place, point));
        }
    }

    /// The steps that have a value.
    pub fn seen(&self) -> impl Iterator<Item = &Point> + Clone {
        self.steps.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(minutes: impl Iterator<Item = u32>) -> Past {
        let point = |minute: u32| {
            let value = minute as f32;
            Point { minute, min: value - 1.0, mean: value, max: value + 1.0 }
        };
        Past { points: minutes.map(point).collect() }
    }

    #[test]
    fn a_day_has_steps_of_ten_minutes_with_the_extremes_of_each() {
        let steps = past(0..1440).steps(0, 1439, 150);
        assert_eq!((steps.width, steps.steps.len()), (10, 144));
        let point = steps.steps[1].unwrap();
        assert_eq!(point, Point { minute: 10, min: 9.0, mean: 14.5, max: 20.0 });
    }

    #[test]
    fn a_gap_stays_one_and_a_slow_rhythm_is_none() {
        let steps = past((0..30).chain(50..60)).steps(0, 59, 60);
        let missing = steps.steps.iter().filter(|step| step.is_none()).count();
        assert_eq!((steps.width, missing), (1, 20));
        let slow = past((0..40).filter(|n| *n != 7).map(|n| n * 5)).steps(0, 199, 60);
        assert_eq!((slow.width, past((0..40).map(|n| n * 5)).cadence()), (5, 5));
        assert!(slow.steps.iter().all(Option::is_some), "{slow:?}");
        let lone = past([5].into_iter()).steps(0, 9, 60);
        assert_eq!(lone.seen().count(), 1);
    }
}
