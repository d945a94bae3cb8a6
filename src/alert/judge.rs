//! One observation against one level: bad, good, or nothing to say. Owns the meaning of a limit,
//! of hysteresis and of `unless`; knows no time and no state beyond "is this level held".

use crate::alert::rule::{Clause, Guard, Level, Rule};
use crate::alert::words;
use crate::model::finding::Finding;
use crate::model::kind::KindSpec;
use crate::model::reading::{Bad, Observation};
use crate::model::state::State;
use crate::model::unit::Span;

/// What one observation says of one level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Some clause is bad.
    Bad,
    /// Something was read, and no clause is bad.
    Good,
    /// What the level looks at was not read: neither good nor bad.
    Silent,
}

/// A verdict, and which clauses made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// Bit n: clause n was bad, or was bad before and was not read now.
    pub clauses: u32,
}

/// Whether `value` is at or beyond `limit` on the bad side.
#[must_use]
pub fn reaches(bad: Bad, value: f64, limit: f64) -> bool {
    match bad {
        Bad::High => value >= limit,
        Bad::Low => value <= limit,
        Bad::Set => value > 0.5,
    }
}

/// Whether `value` is worse than `other`.
#[must_use]
pub fn worse(bad: Bad, value: f64, other: f64) -> bool {
    match bad {
        Bad::High | Bad::Set => value > other,
        Bad::Low => value < other,
    }
}

/// A guard spares its clause only when it was read and is on its good side.
fn spares(guard: &Guard, observation: &Observation) -> bool {
    observation.get(guard.metric).is_some_and(|value| !reaches(guard.bad, value, guard.limit))
}

/// One clause; `None` when its metric was not read. While its level is held, a clause stays bad
/// until it is beyond `clear`.
#[must_use]
pub fn clause_is_bad(clause: &Clause, observation: &Observation, held: bool) -> Option<bool> {
    let value = observation.get(clause.metric)?;
    let limit = if held { clause.clear } else { clause.limit };
    Some(
        reaches(clause.bad, value, limit)
            && !clause.unless.iter().any(|guard| spares(guard, observation)),
    )
}

/// Bit of a judgement's `clauses` that stands for findings: more clauses than this are not written.
const FINDINGS: u32 = 1 << 31;

/// The finding that makes a level bad by itself: the first that means at least this state.
#[must_use]
pub fn finding(state: State, observation: &Observation) -> Option<&Finding> {
    observation.findings.iter().find(|finding| finding.state.rank() >= state.rank())
}

/// Judges the level that stands for `state`. `before` is the previous judgement's `clauses`: what
/// was bad and cannot be read now is not taken for good.
#[must_use]
pub fn judge(
    state: State,
    level: &Level,
    observation: &Observation,
    held: bool,
    before: u32,
) -> Judgement {
    if observation.silent {
        return Judgement { verdict: Verdict::Silent, clauses: before };
    }
    let (mut bad, mut missing) = (0_u32, 0_u32);
    let mut read = level.findings || level.clauses.is_empty() || !observation.findings.is_empty();
    if finding(state, observation).is_some() {
        bad |= FINDINGS;
    }
    for (n, clause) in level.clauses.iter().enumerate() {
        let bit = 1_u32.checked_shl(u32::try_from(n).unwrap_or(u32::MAX)).unwrap_or(1 << 31);
        match clause_is_bad(clause, observation, held) {
            Some(true) => bad |= bit,
            Some(false) => read = true,
            None => missing |= bit & before,
        }
    }
    let verdict = if bad != 0 {
        Verdict::Bad
    } else if missing != 0 || !read {
        Verdict::Silent
    } else {
        Verdict::Good
    };
    Judgement { verdict, clauses: bad | missing }
}

/// Levels that must hold no longer than this count as held when judged only once.
pub const ONCE_HOLD_MAX: Span = Span::from_secs(300);

/// Judges one observation without a past, for the one-shot `check`: a level that needs to hold for
/// longer than [`ONCE_HOLD_MAX`] is not judged, but said.
#[must_use]
pub fn judge_once(rule: &Rule, spec: &KindSpec, observation: &Observation) -> (State, String) {
    let mut pending = None;
    for (state, level) in [(State::Critical, &rule.crit), (State::Warning, &rule.warn)] {
        let Some(level) = level else { continue };
        if judge(state, level, observation, false, 0).verdict != Verdict::Bad {
            continue;
        }
        if let Some(finding) = finding(state, observation) {
            return (state, finding.fact.clone());
        }
        let Some(clause) = culprit(level, observation) else { continue };
        let fact = words::fact_of(spec, clause, observation);
        let limit = words::limit(spec, clause);
        if level.hold <= ONCE_HOLD_MAX {
            let text = if limit.is_empty() { fact } else { format!("{fact} (limit {limit})") };
            return (state, text);
        }
        pending.get_or_insert_with(|| {
            let beyond = match clause.bad {
                Bad::High => format!("over the limit {limit}"),
                Bad::Low => format!("under the limit {limit}"),
                Bad::Set => "bad".to_owned(),
            };
            format!("{fact}: now {beyond}; the rule needs that for {}", level.hold)
        });
    }
    (State::Ok, pending.unwrap_or_else(|| observation.summary.clone()))
}

/// The clause that a person should be told of: the first that reaches its limit, else the first
/// that is not yet clear, else the first that was read.
#[must_use]
pub fn culprit<'r>(level: &'r Level, observation: &Observation) -> Option<&'r Clause> {
    let find =
        |held| level.clauses.iter().find(|c| clause_is_bad(c, observation, held) == Some(true));
    find(false)
        .or_else(|| find(true))
        .or_else(|| level.clauses.iter().find(|c| observation.get(c.metric).is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::rule::Place;
    use crate::model::reading::{Metric, MetricId, Reading};
    use crate::model::unit::Unit;

    fn clause(metric: u8, bad: Bad, limit: f64, clear: f64) -> Clause {
        Clause {
            metric: MetricId(metric),
            bad,
            limit,
            clear,
            unless: Vec::new(),
            place: Place::default(),
        }
    }

    fn level(clauses: Vec<Clause>) -> Level {
        Level { clauses, findings: false, hold: Span::ZERO, share: 1.0, place: Place::default() }
    }

    fn seen(values: &[(u8, f64)]) -> Observation {
        Observation {
            readings: values
                .iter()
                .map(|(m, value)| Reading { metric: MetricId(*m), value: *value })
                .collect(),
            ..Observation::default()
        }
    }

    #[test]
    fn limits_are_entered_at_and_left_beyond_clear() {
        let high = level(vec![clause(0, Bad::High, 90.0, 87.0)]);
        let low = level(vec![clause(0, Bad::Low, 5.0, 8.0)]);
        for (level, value, held, verdict) in [
            (&high, 89.9, false, Verdict::Good),
            (&high, 90.0, false, Verdict::Bad),
            (&high, 87.0, true, Verdict::Bad),
            (&high, 86.9, true, Verdict::Good),
            (&low, 5.1, false, Verdict::Good),
            (&low, 5.0, false, Verdict::Bad),
            (&low, 8.0, true, Verdict::Bad),
            (&low, 8.1, true, Verdict::Good),
        ] {
            assert_eq!(
                judge(State::Critical, level, &seen(&[(0, value)]), held, 0).verdict,
                verdict,
                "{value}"
            );
        }
    }

    #[test]
    fn what_was_bad_and_is_not_read_is_not_good() {
        let two = level(vec![clause(0, Bad::High, 90.0, 90.0), clause(1, Bad::High, 50.0, 50.0)]);
        let first = judge(State::Critical, &two, &seen(&[(0, 95.0), (1, 10.0)]), false, 0);
        assert_eq!(first, Judgement { verdict: Verdict::Bad, clauses: 1 });
        let missing = judge(State::Critical, &two, &seen(&[(1, 10.0)]), true, first.clauses);
        assert_eq!(missing, Judgement { verdict: Verdict::Silent, clauses: 1 });
        let back = judge(State::Critical, &two, &seen(&[(0, 10.0)]), true, missing.clauses);
        assert_eq!(back, Judgement { verdict: Verdict::Good, clauses: 0 });
        assert_eq!(judge(State::Critical, &two, &seen(&[]), false, 0).verdict, Verdict::Silent);
    }

    #[test]
    fn a_guard_spares_only_when_it_was_read() {
        let mut guarded = clause(0, Bad::High, 97.0, 97.0);
        guarded.unless.push(Guard { metric: MetricId(1), bad: Bad::Low, limit: 500.0 });
        let rule = level(vec![guarded]);
        for (values, verdict) in [
            (vec![(0, 98.0), (1, 900.0)], Verdict::Good),
            (vec![(0, 98.0), (1, 400.0)], Verdict::Bad),
            (vec![(0, 98.0)], Verdict::Bad),
        ] {
            assert_eq!(
                judge(State::Critical, &rule, &seen(&values), false, 0).verdict,
                verdict,
                "{values:?}"
            );
        }
    }

    #[test]
    fn findings_feed_the_level_of_their_state_and_their_absence_is_good() {
        let found = |state: State| Observation {
            findings: vec![Finding {
                state,
                code: "degraded".to_owned(),
                key: String::new(),
                fact: "degraded, 1 of 2 disks".to_owned(),
                detail: Vec::new(),
            }],
            ..Observation::default()
        };
        let none = level(Vec::new());
        let verdict = |of: State, seen: &Observation, held| judge(of, &none, seen, held, 0).verdict;
        assert_eq!(verdict(State::Critical, &found(State::Critical), false), Verdict::Bad);
        assert_eq!(verdict(State::Warning, &found(State::Critical), false), Verdict::Bad);
        assert_eq!(verdict(State::Warning, &found(State::Warning), false), Verdict::Bad);
        assert_eq!(verdict(State::Critical, &found(State::Warning), true), Verdict::Good);
        assert_eq!(verdict(State::Warning, &found(State::Ok), true), Verdict::Good);
        assert_eq!(verdict(State::Warning, &Observation::default(), true), Verdict::Good);
        // With a limit on a metric that this instance does not have, as one rule for all of them.
        let limited = level(vec![clause(0, Bad::High, 90.0, 90.0)]);
        let limited = Level { findings: true, ..limited };
        let verdict = |seen: &Observation| judge(State::Warning, &limited, seen, true, 0).verdict;
        assert_eq!(verdict(&found(State::Warning)), Verdict::Bad);
        assert_eq!(verdict(&Observation::default()), Verdict::Good);
        let silent = Observation { silent: true, ..Observation::default() };
        assert_eq!(verdict(&silent), Verdict::Silent, "nothing can be said now");
        let before = judge(State::Warning, &limited, &silent, true, 5);
        assert_eq!(before.clauses, 5);
        let bad_before = judge(State::Warning, &limited, &Observation::default(), true, 1);
        assert_eq!(bad_before.verdict, Verdict::Silent, "what was bad and is not read is not good");
    }

    #[test]
    fn one_look_judges_what_needs_no_past_and_says_what_does() {
        const SPEC: KindSpec = KindSpec {
            name: "memory",
            title: "",
            doc: "",
            selectors: &[],
            options: &[],
            metrics: &[Metric {
                key: "available",
                name: "available_percent",
                unit: Unit::Percent,
                bad: Bad::Low,
                phrase: "{} available",
                doc: "",
            }],
            measures: &[],
            findings: None,
            example: "",
        };
        let lasting = |limit: f64, seconds: u64| Level {
            hold: Span::from_secs(seconds),
            ..level(vec![clause(0, Bad::Low, limit, limit)])
        };
        let rule = Rule {
            warn: Some(lasting(10.0, 301)),
            crit: Some(lasting(5.0, 300)),
            every: Span::from_secs(30),
            recover_for: Span::ZERO,
            unknown_after: Span::ZERO,
        };
        let look = |percent: f64| {
            let seen = Observation { summary: "fine".to_owned(), ..seen(&[(0, percent)]) };
            let (state, text) = judge_once(&rule, &SPEC, &seen);
            (state, text)
        };
        assert_eq!(look(5.0), (State::Critical, "5% available (limit 5%)".to_owned()));
        let pending = "10% available: now under the limit 10%; the rule needs that for 5m1s";
        assert_eq!(look(10.0), (State::Ok, pending.to_owned()));
        assert_eq!(look(11.0), (State::Ok, "fine".to_owned()));
    }
}
