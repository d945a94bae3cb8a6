//! What comes next, for `status` and `explain`: how far a level is from being entered or left, who
//! is told, and why not. Changes nothing.

use crate::alert::machine::Latch;
use crate::alert::rule::{Level, Rule};
use crate::alert::window::Window;
use crate::alert::words;
use crate::model::state::State;
use crate::model::time::Now;
use crate::model::unit::Span;
use crate::notify::contact::Contact;
use crate::notify::when::Zone;

use super::Engine;
use super::agent::{self, Fault};
use super::holding::{Hold, Holder};
use super::status::{Explanation, LevelWords, Progress, Recipient, Way};
use super::watch::Watch;

impl Engine {
    /// The rule of a watch, and who is told.
    pub(super) fn explanation(&self, watch: &Watch, now: Now) -> Explanation {
        let check = &watch.check;
        let (spec, rule) = (check.kind.spec(), &check.rule);
        let recipients = self.told_or_not(watch, now);
        let flapping = watch.flap.flapping.then(|| watch.flap.recent(now.moment));
        if let Some(fault) = Fault::of(&watch.id) {
            let (level, rule) = fault.rule();
            let levels =
                vec![LevelWords { level, rule: rule.to_owned(), place: "built in".to_owned() }];
            let clears = "clears as soon as that is over".to_owned();
            return Explanation { levels, clears, recipients, flapping, ..Explanation::default() };
        }
        let levels = [(State::Warning, &rule.warn), (State::Critical, &rule.crit)];
        let in_words = |(state, level): (State, &Option<Level>)| {
            let level = level.as_ref()?;
            let (rule, place) = (words::level(spec, level), words::place(&level.place));
            Some(LevelWords { level: state, rule, place })
        };
        Explanation {
            levels: levels.into_iter().filter_map(in_words).collect(),
            clears: words::clears(spec, rule, watch.state),
            cadence: format!("every {}, timeout {}", rule.every, check.timeout),
            recipients,
            flapping,
            advice: check.advice.iter().chain(check.runbook.iter()).cloned().collect(),
        }
    }

    /// Who would be mailed now and who was: by the routes, or by `notify` of the check.
    fn told_or_not(&self, watch: &Watch, now: Now) -> Vec<Recipient> {
        let bad = [State::Warning, State::Critical];
        let levels = [&watch.check.rule.warn, &watch.check.rule.crit];
        let states: Vec<State> = match watch.state {
            State::Ok => {
                let has = |(_, level): &(State, &Option<Level>)| level.is_some();
                let some = bad.into_iter().zip(levels).filter(has).map(|(state, _)| state);
                let some: Vec<State> = some.collect();
                if some.is_empty() { bad.to_vec() } else { some }
            }
            state => vec![state],
        };
        let mut list: Vec<Recipient> = Vec::new();
        for state in states {
            let hold = self.hold_of_route(watch, state, now);
            let known = match watch.state {
                State::Ok => None,
                _ => watch.episode.as_deref().and_then(|e| self.routed_before(watch, e, state)),
            };
            let (to, route) = known.unwrap_or_else(|| self.recipients(watch, state));
            for name in to {
                let mut one = self.recipient(watch, &name, now);
                one.route.clone_from(&route);
                if watch.state == State::Ok
                    && let Some(hold) = &hold
                {
                    one.outlook.push_str(&format!("; a {state} would be {hold}"));
                }
                match list.iter_mut().find(|known| known.contact == name) {
                    Some(known) if known.route != one.route => {
                        let other = one.route.unwrap_or_else(|| "`notify`".to_owned());
                        let hold =
                            hold.as_ref().map(|hold| format!(", {hold}")).unwrap_or_default();
                        known.outlook.push_str(&format!("; {state} by {other}{hold}"));
                    }
                    Some(_) => {}
                    None => list.push(one),
                }
            }
        }
        for (name, told) in &watch.told {
            let knows = told.level != State::Ok || told.lost;
            if knows && !list.iter().any(|known| known.contact == *name) {
                let mut one = self.recipient(watch, name, now);
                if watch.state != State::Ok && one.outlook.starts_with("was told; told again") {
                    "was told before, not routed there now; told when it is over"
                        .clone_into(&mut one.outlook);
                }
                list.push(one);
            }
        }
        list
    }

    /// `held until 07:00 by schedule night`, if the route of a state would hold it now.
    fn hold_of_route(&self, watch: &Watch, state: State, now: Now) -> Option<String> {
        let plan = &self.plan;
        let (check, found) = (&watch.check, &watch.found);
        let (until, schedule) = plan.routing.find(&plan.host, check, found, state, now.wall)?.1?;
        let zone = Zone::named(&plan.host.timezone);
        Some(format!("held until {} by schedule {schedule}", zone.soon(now.wall, until)))
    }

    fn recipient(&self, watch: &Watch, name: &str, now: Now) -> Recipient {
        let contact = self.plan.contacts.get(name);
        let told = watch.told_of(name);
        Recipient {
            contact: name.to_owned(),
            route: None,
            addresses: contact.map(Contact::addresses).unwrap_or_default(),
            told: told.filter(|told| told.mails > 0).map(|told| told.last),
            mails: told.map_or(0, |told| told.mails),
            outlook: match contact {
                None => "not told: the configuration has no such contact".to_owned(),
                Some(_) => self.outlook(watch, name, now),
            },
        }
    }

    /// What a contact would hear of a watch now, or why nothing.
    fn outlook(&self, watch: &Watch, contact: &str, now: Now) -> String {
        let waiting = self.desks.get(contact).and_then(|desk| {
            let number = desk.waiting().iter().find(|(_, notice)| notice.id == watch.id)?.0;
            Some(desk.hold_of(*number))
        });
        let told = watch.told_of(contact).cloned().unwrap_or_default();
        let knows = told.level != State::Ok || told.lost;
        if let Some(Some(hold)) = waiting {
            return self.held_words(hold, now);
        }
        if waiting.is_some() {
            return match self.outbox.trouble() {
                Some(trouble) => format!("a mail waits: {trouble}"),
                None => "a mail goes out in a moment".to_owned(),
            };
        }
        if let Some(silence) = self.quiet.silence(&watch.id, now.moment) {
            let until = self.ahead(silence.until);
            let rest = if knows { "; told when it is over" } else { "" };
            return format!(
                "not told: silenced by {} until {until} ({}){rest}",
                silence.author, silence.reason
            );
        }
        if watch.flap.flapping {
            return "not told of each change: it changes too often; told when it is steady".into();
        }
        match watch.state {
            State::Ok if knows => "told when it has stayed ok".to_owned(),
            State::Ok => "nothing to tell: it is ok".to_owned(),
            State::Unknown if told.lost => "was told; told again when it answers".to_owned(),
            State::Unknown if knows => "was told of the problem; told when it is over".to_owned(),
            State::Unknown => {
                let patience = watch.check.rule.unknown_after;
                let since = watch.lost.as_ref().map_or(watch.since, |lost| lost.since);
                let left = (since + patience).since(now.moment);
                format!("not told yet: told if nothing is read for {patience} ({left} to go)")
            }
            state @ (State::Warning | State::Critical) => {
                if watch.id == Fault::Mail.id() && state == State::Critical {
                    "not told: that mail does not go out is told when it works again".to_owned()
                } else if knows && self.is_acked(watch) {
                    "was told; not reminded: it is acked".to_owned()
                } else if knows {
                    "was told; told again when it gets worse or is over".to_owned()
                } else {
                    "not told yet".to_owned()
                }
            }
        }
    }
}

impl Engine {
    /// `held until 07:00 by schedule night`.
    fn held_words(&self, hold: &Hold, now: Now) -> String {
        let until = Zone::named(&self.plan.host.timezone).soon(now.wall, hold.wall);
        match &hold.by {
            Holder::Schedule(name) => format!("held until {until} by schedule {name}"),
            Holder::Silence(number) => match self.quiet.numbered(*number) {
                Some(silence) => format!(
                    "not told: silenced by {} until {until} ({})",
                    silence.author, silence.reason
                ),
                None => format!("not told: silenced until {until}"),
            },
        }
    }
}

/// How far each level is from being entered or left.
pub(super) fn progress(watch: &Watch, now: Now) -> Vec<Progress> {
    if watch.check.kind.spec().name == agent::KIND {
        return Vec::new();
    }
    let rule = &watch.check.rule;
    let levels = [
        (State::Critical, &rule.crit, &watch.machine.crit),
        (State::Warning, &rule.warn, &watch.machine.warn),
    ];
    let one = |(state, level, latch): (State, &Option<Level>, &Latch)| {
        let mut progress = one_progress(state, level.as_ref()?, rule, latch, now)?;
        if watch.lost.is_some() {
            // Nothing is being counted.
            progress.due = None;
        }
        Some(progress)
    };
    levels.into_iter().filter_map(one).collect()
}

fn one_progress(
    state: State,
    level: &Level,
    rule: &Rule,
    latch: &Latch,
    now: Now,
) -> Option<Progress> {
    if latch.held {
        let good = latch.good()?;
        let (held, needs) = (good.held, rule.recover_for);
        let due = good.last + left(held, needs);
        return Some(Progress {
            level: state,
            way: Way::Leaving,
            held,
            needs,
            counted: good.seen,
            seen: good.seen,
            due: Some(now.wall_at_or_after(due)),
        });
    }
    let window = latch.window()?;
    let (held, bad, seen) = window.progress();
    let left = left(held, level.hold);
    let due = window.last() + left;
    Some(Progress {
        level: state,
        way: Way::Entering,
        held,
        needs: level.hold,
        counted: bad,
        seen,
        due: will_be_full(window, left, level, rule).then(|| now.wall_at_or_after(due)),
    })
}

fn left(held: Span, needs: Span) -> Span {
    Span::from_millis(needs.as_millis().saturating_sub(held.as_millis()))
}

/// Whether bad samples alone from now on make enough of the window bad by the time it is full.
fn will_be_full(window: &Window, left: Span, level: &Level, rule: &Rule) -> bool {
    let (_, bad, seen) = window.progress();
    let more = left.as_secs_f64() / rule.every.as_secs_f64().max(0.001);
    f64::from(bad) + more >= level.share * (f64::from(seen) + more) - 1e-9
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::machine::Machine;
    use crate::alert::rule::{Clause, Place};
    use crate::model::reading::{Bad, MetricId, Observation, Reading};
    use crate::model::time::{Moment, Stamp};

    const WALL: i64 = 1_795_399_920_000;

    fn rule(share: f64) -> Rule {
        let place = Place::default();
        let clause = Clause {
            metric: MetricId(0),
            bad: Bad::High,
            limit: 90.0,
            clear: 90.0,
            unless: Vec::new(),
            place: place.clone(),
        };
        Rule {
            warn: Some(Level {
                clauses: vec![clause],
                findings: false,
                hold: Span::from_secs(60),
                share,
                place,
            }),
            crit: None,
            every: Span::from_secs(10),
            recover_for: Span::from_secs(300),
            unknown_after: Span::from_secs(900),
        }
    }

    /// Progress of the warning after these values, ten seconds apart, seen with the last one.
    fn after(values: &[f64], share: f64) -> Option<Progress> {
        let rule = rule(share);
        let mut machine = Machine::default();
        let mut at = Moment(0);
        for (value, n) in values.iter().zip(0_u64..) {
            at = Moment(n * 10_000);
            let readings = vec![Reading { metric: MetricId(0), value: *value }];
            machine.observe(&rule, &Observation { readings, ..Observation::default() }, at);
        }
        let now = Now { moment: at, wall: Stamp(WALL) };
        one_progress(State::Warning, rule.warn.as_ref()?, &rule, &machine.warn, now)
    }

    #[test]
    fn says_when_a_level_would_be_entered() {
        let progress = after(&[10.0, 95.0, 95.0, 95.0], 1.0).unwrap();
        assert_eq!((progress.way, progress.held), (Way::Entering, Span::from_secs(20)));
        assert_eq!((progress.counted, progress.seen), (3, 3));
        assert_eq!(progress.due, Some(Stamp(WALL + 40_000)));
        assert_eq!(after(&[95.0, 10.0], 1.0), None);
    }

    #[test]
    fn says_when_a_level_would_be_left() {
        let mut values = vec![95.0; 7];
        assert_eq!(after(&values, 1.0), None, "held, and nothing good yet");
        values.extend([10.0, 10.0, 10.0]);
        let progress = after(&values, 1.0).unwrap();
        assert_eq!((progress.way, progress.held), (Way::Leaving, Span::from_secs(20)));
        assert_eq!(progress.needs, Span::from_secs(300));
        assert_eq!(progress.due, Some(Stamp(WALL + 280_000)));
    }

    #[test]
    fn promises_nothing_where_too_many_were_good() {
        let close = after(&[95.0, 95.0, 10.0, 95.0], 0.75).unwrap();
        assert_eq!((close.counted, close.seen), (3, 4));
        assert_eq!(close.due, Some(Stamp(WALL + 30_000)));
        let far = after(&[95.0, 10.0, 10.0, 10.0, 10.0, 95.0], 0.75).unwrap();
        assert_eq!(far.due, None);
    }
}
