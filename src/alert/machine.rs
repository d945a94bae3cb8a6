//! Two latches, warning and critical: entered when a level's window says so, left after
//! `recover_for` of good. Owns the held levels of one instance and their windows; knows nothing of
//! people, of mail, or of missing answers (those are the caller's overlay).

use serde::{Deserialize, Serialize};

use crate::alert::judge::{self, Judgement, Verdict};
use crate::alert::rule::{Clause, Level, Rule};
use crate::alert::window::{Pace, Shares, Streak, Window};
use crate::model::reading::Observation;
use crate::model::state::State;
use crate::model::time::Moment;
use crate::model::unit::Span;

/// One level of one instance. While all samples are good it holds nothing on the heap.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latch {
    /// Whether the level is held.
    #[serde(default)]
    pub held: bool,
    /// First sample of the window that made it fire.
    #[serde(default)]
    pub began: Moment,
    /// Clauses that were bad in the latest judgement.
    #[serde(default)]
    clauses: u32,
    /// On the way to being held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    window: Option<Box<Window>>,
    /// On the way to being left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    good: Option<Box<Streak>>,
}

impl Latch {
    /// Takes in one observation; says the verdict and whether anything worth storing changed.
    fn observe(
        &mut self,
        (state, level): (State, &Level),
        rule: &Rule,
        seen: &Observation,
        at: Moment,
    ) -> (Verdict, bool) {
        let Judgement { verdict, clauses } =
            judge::judge(state, level, seen, self.held, self.clauses);
        self.clauses = clauses;
        let changed = match (verdict, self.held) {
            (Verdict::Silent, _) => false,
            (Verdict::Bad, true) => self.good.take().is_some(),
            (Verdict::Good, true) => {
                let pace = Pace { every: rule.every, hold: rule.recover_for };
                match &mut self.good {
                    Some(streak) => streak.push(at, pace),
                    None => self.good = Some(Box::new(Streak::start(at))),
                }
                if self.good.as_ref().is_some_and(|streak| streak.held >= rule.recover_for) {
                    *self = Self::default();
                }
                true
            }
            (Verdict::Bad, false) => {
                self.approach(level, rule.every, at);
                true
            }
            (Verdict::Good, false) => {
                let pace = Pace { every: rule.every, hold: level.hold };
                match self.window.as_deref_mut() {
                    None => false,
                    Some(Window::Every(_)) => {
                        self.window = None;
                        true
                    }
                    Some(Window::Share(shares)) => {
                        if !shares.push(at, false, pace) {
                            self.window = None;
                        }
                        true
                    }
                }
            }
        };
        (verdict, changed)
    }

    /// One more bad sample while the level is not held.
    fn approach(&mut self, level: &Level, every: Span, at: Moment) {
        let pace = Pace { every, hold: level.hold };
        let share = level.share < 1.0;
        match self.window.as_deref_mut() {
            Some(Window::Every(streak)) if !share => streak.push(at, pace),
            Some(Window::Share(shares)) if share => {
                shares.push(at, true, pace);
            }
            _ => {
                if level.hold == Span::ZERO {
                    self.hold(at);
                    return;
                }
                let window = if share {
                    Window::Share(Shares::start(at))
                } else {
                    Window::Every(Streak::start(at))
                };
                self.window = Some(Box::new(window));
            }
        }
        let reached = match self.window.as_deref() {
            Some(Window::Every(streak)) => streak.held >= level.hold,
            Some(Window::Share(shares)) => shares.reached(level.hold, level.share),
            None => false,
        };
        if reached {
            self.hold(at);
        }
    }

    /// The level is held from now on; its window has done its work.
    fn hold(&mut self, at: Moment) {
        self.held = true;
        self.began = self.window.take().map_or(at, |window| window.began());
        self.good = None;
    }

    /// Window on the way to being held.
    #[must_use]
    pub fn window(&self) -> Option<&Window> {
        self.window.as_deref()
    }

    /// Good time on the way to being left.
    #[must_use]
    pub fn good(&self) -> Option<&Streak> {
        self.good.as_deref()
    }

    fn is_blank(&self) -> bool {
        !self.held && self.window.is_none()
    }
}

/// What an observation did to a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The state that is held now.
    pub state: State,
    /// Whether windows or latches changed and are worth storing.
    pub changed: bool,
}

/// Both latches of one instance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The warning level.
    #[serde(default)]
    pub warn: Latch,
    /// The critical level.
    #[serde(default)]
    pub crit: Latch,
}

impl Machine {
    /// Judges one observation taken `at`.
    pub fn observe(&mut self, rule: &Rule, seen: &Observation, at: Moment) -> Step {
        let critical_before = self.crit.held;
        let mut changed = false;
        if let Some(level) = &rule.crit {
            changed |= self.crit.observe((State::Critical, level), rule, seen, at).1;
        }
        if let Some(level) = &rule.warn {
            let (verdict, moved) = self.warn.observe((State::Warning, level), rule, seen, at);
            changed |= moved;
            // What falls from critical while it is still over the warning limit is a warning at
            // once: the warning's own hold would report a recovery in between.
            let over = verdict == Verdict::Bad && !self.warn.held;
            if over && (critical_before || self.crit.held) {
                self.warn.hold(if self.crit.held { self.crit.began } else { at });
                changed = true;
            }
        }
        Step { state: self.state(), changed }
    }

    /// The state that is held.
    #[must_use]
    pub fn state(&self) -> State {
        if self.crit.held {
            State::Critical
        } else if self.warn.held {
            State::Warning
        } else {
            State::Ok
        }
    }

    /// Since when the cause of the present state holds: the begin of the window that fired.
    #[must_use]
    pub fn began(&self) -> Option<Moment> {
        match self.state() {
            State::Critical => Some(self.crit.began),
            State::Warning => Some(self.warn.began),
            _ => None,
        }
    }

    /// Nothing is held and nothing is on its way.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.warn.is_blank() && self.crit.is_blank()
    }

    /// The rule was changed. Levels that are as they were keep everything. A changed level starts
    /// anew; if the instance was in a problem, what is still over the new limit stays held.
    pub fn change_rule(&mut self, same: (bool, bool), new: &Rule, seen: &Observation, at: Moment) {
        let was_bad = self.state() != State::Ok;
        let levels = [
            (State::Warning, same.0, &new.warn, &mut self.warn),
            (State::Critical, same.1, &new.crit, &mut self.crit),
        ];
        for (state, same, level, latch) in levels {
            if same {
                continue;
            }
            let began = if latch.held { latch.began } else { at };
            *latch = Latch::default();
            let Some(level) = level else { continue };
            let judgement = judge::judge(state, level, seen, false, 0);
            if was_bad && judgement.verdict == Verdict::Bad {
                latch.hold(at);
                latch.began = began;
                latch.clauses = judgement.clauses;
            }
        }
    }
}

/// The level that a state stands for.
#[must_use]
pub fn level(rule: &Rule, state: State) -> Option<&Level> {
    match state {
        State::Critical => rule.crit.as_ref(),
        State::Warning => rule.warn.as_ref(),
        State::Ok | State::Unknown => None,
    }
}

/// The clause to name for a state: its own level's culprit; for ok the one nearest to trouble.
#[must_use]
pub fn clause<'r>(rule: &'r Rule, state: State, seen: &Observation) -> Option<&'r Clause> {
    level(rule, state)
        .or(rule.crit.as_ref())
        .or(rule.warn.as_ref())
        .and_then(|level| judge::culprit(level, seen))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::rule::Place;
    use crate::model::reading::{Bad, MetricId, Reading};

    fn level(limit: f64, clear: f64, hold: u64, share: f64) -> Level {
        let place = Place::default();
        let clause = Clause {
            metric: MetricId(0),
            bad: Bad::High,
            limit,
            clear,
            unless: Vec::new(),
            place: place.clone(),
        };
        Level { clauses: vec![clause], findings: false, hold: Span::from_secs(hold), share, place }
    }

    fn rule(warn: Option<Level>, crit: Option<Level>, recover: u64) -> Rule {
        Rule {
            warn,
            crit,
            every: Span::from_secs(10),
            recover_for: Span::from_secs(recover),
            unknown_after: Span::from_secs(900),
        }
    }

    fn run(rule: &Rule, values: &[f64]) -> Vec<State> {
        let mut machine = Machine::default();
        values
            .iter()
            .zip(0_u64..)
            .map(|(value, n)| {
                let reading = Reading { metric: MetricId(0), value: *value };
                let seen = Observation { readings: vec![reading], ..Observation::default() };
                machine.observe(rule, &seen, Moment(n * 10_000)).state
            })
            .collect()
    }

    use State::{Critical as C, Ok as O, Warning as W};

    #[test]
    fn a_level_holds_after_its_time_and_not_before() {
        let rule = rule(None, Some(level(90.0, 90.0, 20, 1.0)), 20);
        let states = run(&rule, &[95.0, 95.0, 95.0, 95.0, 10.0, 10.0, 10.0, 10.0]);
        assert_eq!(states, [O, O, C, C, C, C, O, O]);
        let broken = run(&rule, &[95.0, 95.0, 10.0, 95.0, 95.0, 10.0]);
        assert_eq!(broken, [O; 6], "one good sample breaks a hold of every sample");
    }

    #[test]
    fn hysteresis_keeps_a_state_until_it_is_clear() {
        let rule = rule(None, Some(level(90.0, 87.0, 0, 1.0)), 0);
        let states = run(&rule, &[89.0, 90.0, 88.0, 87.0, 86.0, 88.0]);
        assert_eq!(states, [O, C, C, C, O, O]);
    }

    #[test]
    fn critical_falls_to_warning_and_not_through_it() {
        let rule = rule(Some(level(80.0, 80.0, 3600, 1.0)), Some(level(95.0, 95.0, 0, 1.0)), 0);
        let states = run(&rule, &[96.0, 85.0, 85.0, 96.0, 70.0]);
        assert_eq!(states, [C, W, W, C, O]);
    }

    #[test]
    fn a_share_forgives_single_good_samples() {
        let rule = rule(Some(level(90.0, 90.0, 40, 0.75)), None, 0);
        let states = run(&rule, &[95.0, 95.0, 10.0, 95.0, 95.0, 10.0]);
        assert_eq!(states, [O, O, O, O, W, O]);
        let thin = run(&rule, &[95.0, 10.0, 95.0, 10.0, 95.0, 95.0]);
        assert_eq!(thin, [O; 6]);
    }

    #[test]
    fn nothing_is_kept_while_all_is_good() {
        let rule = rule(Some(level(90.0, 90.0, 40, 0.75)), Some(level(95.0, 95.0, 20, 1.0)), 0);
        let mut machine = Machine::default();
        let seen = Observation {
            readings: vec![Reading { metric: MetricId(0), value: 1.0 }],
            ..Observation::default()
        };
        for n in 0..100 {
            assert!(!machine.observe(&rule, &seen, Moment(n * 10_000)).changed);
        }
        assert_eq!(machine, Machine::default());
    }
}
