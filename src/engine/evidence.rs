//! Evidence: who is asked what is behind a change, and where the answer goes. Owns the questions
//! that are under way; what is gathered, and how, is not known here.
//!
//! A question is asked once a change, however many contacts are told. Its answer is laid into
//! every notice about that episode that has not become a mail yet; a mail waits for it a little.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::alert::machine;
use crate::evidence::{Inquiry, Measure};
use crate::model::evidence::Evidence;
use crate::model::id::Id;
use crate::model::limit::{EVIDENCE_PICTURE_CHARS, INQUIRY_DEADLINE, INQUIRY_GRACE};
use crate::model::limit::{EVIDENCE_ROWS, EVIDENCE_SECTIONS, INQUIRIES};
use crate::model::state::State;
use crate::model::time::Moment;
use crate::notify::notice::Cause;

use super::event::Effect;
use super::watch::WatchIx;
use super::{Engine, agent, facts};

/// A question under way.
#[derive(Debug)]
struct Asked {
    id: Id,
    episode: u64,
    since: Moment,
}

/// Questions under way, by number.
#[derive(Debug, Default)]
pub(super) struct Questions {
    next: u64,
    asked: BTreeMap<u64, Asked>,
}

impl Questions {
    /// Until when mail about this episode waits for an answer, if one is under way.
    pub(super) fn awaited(&self, id: &Id, episode: u64) -> Option<Moment> {
        let about = |asked: &&Asked| asked.episode == episode && asked.id == *id;
        self.asked.values().filter(about).map(|a| a.since + INQUIRY_DEADLINE + INQUIRY_GRACE).max()
    }
}

impl Engine {
    /// Asks what is behind a change that was just told of.
    pub(super) fn inquire_evidence(&mut self, ix: WatchIx, cause: Cause, fx: &mut Vec<Effect>) {
        let now = self.now.moment;
        self.questions.asked.retain(|_, a| now < a.since + INQUIRY_DEADLINE + INQUIRY_GRACE);
        let worth = match cause {
            Cause::Problem
            | Cause::Worse
            | Cause::Another
            | Cause::Better
            | Cause::Flapping
            | Cause::Reminder
            | Cause::Recovered => true,
            // Of what cannot be read there is nothing to gather; the others tell no change.
            Cause::Lost
            | Cause::Steady
            | Cause::Closed
            | Cause::Acked
            | Cause::Unsilenced
            | Cause::Test
            | Cause::Info => false,
        };
        if !worth || !self.plan.mail.culprits || self.questions.asked.len() >= INQUIRIES {
            return;
        }
        let Some(watch) = self.watches.get(ix) else { return };
        let Some(episode) = watch.episode.as_deref() else { return };
        let spec = watch.check.kind.spec();
        if spec.name == agent::KIND {
            return;
        }
        let seen = facts::seen(&self.schedule, watch);
        let rule = &watch.check.rule;
        let about = match watch.state {
            State::Ok => episode.worst_state,
            other => other,
        };
        let clause = seen.and_then(|seen| machine::clause(rule, about, seen));
        let measure = clause.and_then(|clause| {
            let metric = spec.metric(clause.metric)?;
            let limit = |level: &Option<crate::alert::rule::Level>| {
                let clauses = level.iter().flat_map(|level| &level.clauses);
                clauses.filter(|c| c.metric == clause.metric).map(|c| c.limit).next()
            };
            Some(Measure {
                metric: metric.name.to_owned(),
                phrase: metric.phrase.to_owned(),
                unit: metric.unit,
                bad: metric.bad,
                value: seen.and_then(|seen| seen.get(clause.metric)),
                warn: limit(&rule.warn),
                crit: limit(&rule.crit),
            })
        });
        let readings = seen.into_iter().flat_map(|seen| &seen.readings).filter_map(|reading| {
            Some((spec.metric(reading.metric)?.name.to_owned(), reading.value))
        });
        let known = watch.found.attributes.iter().chain(&watch.found.labels);
        let number = self.questions.next;
        let inquiry = Inquiry {
            number,
            id: watch.id.clone(),
            kind: spec.name.to_owned(),
            title: watch.found.title.clone(),
            state: watch.state,
            facts: known.map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            readings: readings.collect(),
            measure,
            findings: seen.map(|seen| seen.findings.clone()).unwrap_or_default(),
            at: self.now.wall,
            since: self.now.wall_at(watch.caused()),
            lasted: now.since(episode.began),
            window: rule
                .warn
                .iter()
                .chain(&rule.crit)
                .map(|level| level.hold)
                .max()
                .unwrap_or_default(),
            history: PathBuf::new(),
            recent: Vec::new(),
            timezone: self.plan.host.timezone.clone(),
        };
        let asked = Asked { id: watch.id.clone(), episode: episode.number, since: now };
        self.questions.next += 1;
        self.questions.asked.insert(number, asked);
        fx.push(Effect::Inquire(Box::new(inquiry)));
    }

    /// An answer came, or a part of one: each is the whole of what is known so far.
    pub(super) fn gathered(&mut self, number: u64, evidence: Evidence, done: bool) {
        let Some(asked) = self.questions.asked.get(&number) else { return };
        let about = (asked.id.clone(), asked.episode);
        if done {
            self.questions.asked.remove(&number);
        }
        if evidence.is_empty() {
            return;
        }
        let evidence = Arc::new(bounded(evidence));
        for desk in self.desks.values_mut() {
            if let Some(number) = desk.lay_in(&about, &evidence) {
                self.pending.owed.insert(number);
            }
        }
    }
}

/// Evidence as it may stand in the journal, whatever a child said.
fn bounded(mut evidence: Evidence) -> Evidence {
    evidence.sections.truncate(EVIDENCE_SECTIONS);
    for section in &mut evidence.sections {
        section.rows.truncate(EVIDENCE_ROWS);
    }
    if let Some(trend) = &mut evidence.trend
        && trend.png.len() > EVIDENCE_PICTURE_CHARS
    {
        trend.png.clear();
    }
    evidence
}
