//! What is handed to the forwarder: a batch on every beat, each change as it happens; and the faults
//! `agent:forward/NAME` of what the forwarder tells about its outlets. Knows no dialect.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::alert::rule::{Level, Rule};
use crate::forward::Site;
use crate::forward::health::Health;
use crate::model::batch::{Batch, Change, Figure, Own, Parcel, Thing, Verdict};
use crate::model::kind::KindSpec;
use crate::model::limit::{OUTLET_DOWN, OUTLET_MISCONFIGURED};
use crate::model::reading::{Bad, Observation};
use crate::model::state::State;
use crate::model::text::shown_within;
use crate::model::time::Moment;
use crate::model::unit::Span;

use super::agent::{self, Fault};
use super::event::Effect;
use super::watch::{Watch, WatchIx};
use super::{Engine, facts, grid};

/// What an outlet says of itself, at most: characters in a fault's text.
const TROUBLE_CHARS: usize = 400;

/// What is known of forwarding.
#[derive(Debug, Default)]
pub(super) struct Forwarding {
    /// When the next batch is due; `None` before the first.
    next: Option<Moment>,
    /// Changes handed over.
    changes: u64,
    /// By name of the outlet.
    outlets: BTreeMap<String, Known>,
}

/// What is known of one outlet.
#[derive(Debug)]
struct Known {
    health: Health,
    /// Since when it has been in trouble, on the agent's own timeline.
    troubled: Option<Moment>,
}

impl Known {
    /// When its trouble is told.
    fn due(&self) -> Option<Moment> {
        let patience = match &self.health.trouble {
            Some(trouble) if trouble.misconfigured => OUTLET_MISCONFIGURED,
            _ => OUTLET_DOWN,
        };
        Some(self.troubled? + patience)
    }
}

impl Engine {
    /// Makes a batch when one is due and everything that was to be read now has been, and tells of
    /// outlets that have been in trouble for long.
    pub(super) fn care_for_forwarding(&mut self, effects: &mut Vec<Effect>) {
        let Some(every) = self.plan.forward.as_ref().map(|plan| plan.every) else {
            self.forwarding = Forwarding::default();
            return;
        };
        let now = self.now.moment;
        let next = *self.forwarding.next.get_or_insert_with(|| grid(now, every));
        if now >= next && self.schedule.inline == 0 {
            self.forwarding.next = Some(grid(now, every));
            effects.push(Effect::Forward(Box::new(Parcel::Batch(self.batch()))));
        }
        let overdue = self
            .forwarding
            .outlets
            .iter()
            .filter(|(_, known)| known.due().is_some_and(|due| due <= now));
        let overdue: Vec<(String, String)> =
            overdue.map(|(name, known)| (name.clone(), trouble_text(known, now))).collect();
        for (name, text) in overdue {
            self.set_fault(&Fault::Outlet(name.into()), Some(text), effects);
        }
    }

    /// How everything looks now.
    pub(super) fn batch(&self) -> Batch {
        let mut things = Vec::with_capacity(self.ids.len());
        let mut verdicts = Vec::with_capacity(self.ids.len());
        let mut have: BTreeSet<(&str, &str)> = BTreeSet::new();
        for watch in self.ids.values().filter_map(|ix| self.watches.get(*ix)) {
            verdicts.push(self.verdict(watch));
            let spec = watch.check.kind.spec();
            let Some(seen) = facts::seen(&self.schedule, watch) else { continue };
            // What cannot be read now has no value now, whatever it was before.
            if watch.state != State::Unknown && have.insert((spec.name, &watch.found.instance)) {
                things.push(thing(spec, watch, seen));
            }
        }
        Batch { at: self.now.wall, things, verdicts, own: self.own_numbers(), outlets: Vec::new() }
    }

    fn verdict(&self, watch: &Watch) -> Verdict {
        let seen = facts::seen(&self.schedule, watch);
        let spec = watch.check.kind.spec();
        let read = facts::read_at(&self.schedule, watch);
        let (silence, ack) = self.quieted(watch);
        Verdict {
            id: watch.id.clone(),
            kind: Cow::Borrowed(spec.name),
            title: watch.found.title.clone(),
            state: watch.state,
            since: self.now.wall_at(watch.since),
            read: read.map(|at| self.now.wall_at(at)),
            changes: watch.changes,
            silenced: silence.is_some(),
            acked: ack.is_some(),
            summary: facts::summary(watch, seen, self.now.moment),
            figures: seen.map(|seen| figures(spec, &watch.check.rule, seen)).unwrap_or_default(),
        }
    }

    fn own_numbers(&self) -> Own {
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        Own {
            started: self.started,
            booted: self.now.wall_at(self.booted),
            config_loaded: self.config_loaded,
            config_refused: self.reload_refused.is_some(),
            runs: self.schedule.runs,
            skipped: self.schedule.skipped,
            hung: count(self.schedule.stuck().count()),
            mails_sent: self.sent,
            mails_waiting: count(self.mails.len()),
        }
    }

    /// Hands a change of state over.
    pub(super) fn forward_change(
        &mut self,
        ix: WatchIx,
        before: State,
        gone: bool,
        effects: &mut Vec<Effect>,
    ) {
        if self.plan.forward.is_none() {
            return;
        }
        let Some(watch) = self.watches.get(ix) else { return };
        let mut verdict = self.verdict(watch);
        if gone {
            verdict.state = State::Ok;
            verdict.since = self.now.wall;
        }
        self.forwarding.changes += 1;
        let number = self.forwarding.changes;
        let change = Change { number, at: verdict.since, before, verdict, gone };
        effects.push(Effect::Forward(Box::new(Parcel::Change(change))));
    }

    /// What the forwarder tells about its outlets.
    pub(super) fn forwarded(&mut self, told: Vec<Health>, effects: &mut Vec<Effect>) {
        let now = self.now.moment;
        let planned = |name: &str| {
            let plan = self.plan.forward.iter().flat_map(|plan| &plan.outlets);
            plan.into_iter().any(|outlet| outlet.name == name)
        };
        let told: Vec<Health> =
            told.into_iter().filter(|health| planned(&health.numbers.name)).collect();
        for mut health in told {
            let name = health.numbers.name.clone();
            let known = self.forwarding.outlets.get(&name);
            let before = known.and_then(|known| known.troubled);
            // A process that has just begun knows of no trouble yet, which is no proof of health.
            if health.trouble.is_none() && !health.numbers.up && before.is_some() {
                health.trouble = known.and_then(|known| known.health.trouble.clone());
            }
            let troubled = health.trouble.is_some().then(|| before.unwrap_or(now));
            let changed = troubled.is_some() != before.is_some();
            if changed {
                let (level, line) = match &health.trouble {
                    Some(trouble) => {
                        let text = shown_within(&trouble.text, TROUBLE_CHARS);
                        (tracing::Level::WARN, format!("outlet {name} does not work: {text}"))
                    }
                    None => (tracing::Level::INFO, format!("outlet {name} works")),
                };
                effects.push(Effect::Log { level, line });
            }
            self.forwarding.outlets.insert(name.clone(), Known { health, troubled });
            if troubled.is_none() {
                self.set_fault(&Fault::Outlet(name.into()), None, effects);
            }
        }
    }

    /// How the outlets fare, for `status`.
    pub(super) fn outlets(&self) -> Vec<Health> {
        self.forwarding.outlets.values().map(|known| known.health.clone()).collect()
    }

    /// Says where things go.
    pub(super) fn set_outlets(&self, effects: &mut Vec<Effect>) {
        let plan = self.plan.forward.clone();
        let outlets = plan.map(|plan| Box::new((Site::of(&self.plan.host), plan)));
        effects.push(Effect::Outlets(outlets));
    }

    /// Forgets outlets that the plan has no more.
    pub(super) fn drop_outlets(&mut self, effects: &mut Vec<Effect>) {
        let faults: Vec<Fault> = self
            .ids
            .keys()
            .filter_map(Fault::of)
            .filter(|fault| !fault.can_be(&self.plan))
            .collect();
        for fault in faults {
            if let Fault::Outlet(name) = &fault {
                self.forwarding.outlets.remove(&**name);
            }
            if let Some(ix) = self.ids.get(&fault.id()).copied() {
                self.end(ix, fault.farewell(), effects);
            }
        }
        // Another distance of batches begins at once.
        self.forwarding.next = None;
    }

    /// When forwarding needs attention next.
    pub(super) fn forwarding_due(&self) -> Option<Moment> {
        self.plan.forward.as_ref()?;
        let now = self.now.moment;
        let told = self.forwarding.outlets.values().filter_map(Known::due);
        let told = told.filter(|due| *due > now);
        self.forwarding.next.into_iter().chain(told).min()
    }
}

fn trouble_text(known: &Known, now: Moment) -> String {
    let text = known.health.trouble.as_ref().map_or("", |trouble| trouble.text.as_str());
    let lasted: Span = known.troubled.map_or(Span::ZERO, |since| now.since(since));
    let waiting = known.health.numbers.waiting;
    let text = shown_within(text, TROUBLE_CHARS);
    format!("has taken nothing for {lasted}: {text}; {waiting} wait in the spool")
}

fn thing(spec: &'static KindSpec, watch: &Watch, seen: &Observation) -> Thing {
    let judged = seen.readings.iter();
    let judged = judged.filter_map(|r| Some((Cow::Borrowed(spec.metric(r.metric)?.name), r.value)));
    let measured = seen.measures.iter();
    let measured =
        measured.filter_map(|r| Some((Cow::Borrowed(spec.measure(r.metric)?.name), r.value)));
    let labels = watch.found.labels.iter();
    Thing {
        kind: Cow::Borrowed(spec.name),
        instance: Arc::clone(&watch.found.instance),
        labels: labels.map(|(name, value)| (Cow::Borrowed(*name), value.clone())).collect(),
        values: judged.chain(measured).collect(),
    }
}

/// The numbers that the rule is about, each with its limits.
fn figures(spec: &'static KindSpec, rule: &Rule, seen: &Observation) -> Vec<Figure> {
    let limit = |level: &Option<Level>, metric| {
        let clause = level.as_ref()?.clauses.iter().find(|clause| clause.metric == metric)?;
        (clause.bad != Bad::Set).then_some(clause.limit)
    };
    let figure = |reading: &crate::model::reading::Reading| {
        let metric = spec.metric(reading.metric)?;
        Some(Figure {
            name: Cow::Borrowed(metric.name),
            value: reading.value,
            warn: limit(&rule.warn, reading.metric),
            crit: limit(&rule.crit, reading.metric),
            low: metric.bad == Bad::Low,
        })
    };
    seen.readings.iter().filter_map(figure).collect()
}

/// Outlets of the plan as faults that may show.
pub(super) fn faults(plan: &crate::config::plan::Plan) -> Vec<Fault> {
    let outlets = plan.forward.iter().flat_map(|forward| &forward.outlets);
    outlets.map(|outlet| Fault::Outlet(Arc::from(outlet.name.as_str()))).collect()
}

/// Name of the agent's own instance of an outlet.
pub(super) fn instance(name: &str) -> String {
    format!("{}{name}", agent::OUTLET)
}
