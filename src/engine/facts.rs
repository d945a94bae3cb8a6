//! The facts of a watch as text: what a notice says, what `status` shows. Changes no state.

use crate::alert::words;
use crate::alert::{judge, machine};
use crate::model::finding::Finding;
use crate::model::limit::{FACTS_PER_EPISODE, NAME_CHARS};
use crate::model::reading::Observation;
use crate::model::state::State;
use crate::model::time::Moment;
use crate::model::unit::Span;
use crate::notify::notice::{Cause, Notice};

use super::Engine;
use super::agent;
use super::kept::Told;
use super::watch::Watch;

impl Engine {
    /// All facts of one watch for one contact.
    pub(super) fn notice(&self, watch: &Watch, contact: &str, cause: Cause, at: Moment) -> Notice {
        let now = self.now;
        let seen = seen(&self.schedule, watch);
        let told = watch.told_of(contact).cloned().unwrap_or_default();
        let spec = watch.check.kind.spec();
        let rule = &watch.check.rule;
        let state = watch.state;
        let episode = watch.episode.as_deref();
        // A recovery is about the rule that had been broken.
        let about = match state {
            State::Ok => episode.map_or(state, |episode| episode.worst_state),
            other => other,
        };
        let clause = seen.and_then(|seen| machine::clause(rule, about, seen));
        let found = seen.and_then(|seen| judge::finding(about, seen));
        let found = found.filter(|_| state != State::Ok && state != State::Unknown);
        let news = match (state, seen) {
            (State::Warning | State::Critical, Some(seen)) => news(&told, seen),
            _ => Vec::new(),
        };
        let newest = news.first().filter(|_| cause == Cause::Another);
        let found = newest.or(found);
        let by_pin = watch.pin_fact().is_some();
        let detail = match found {
            _ if by_pin => watch.pin_detail(),
            Some(finding) => finding.detail.clone(),
            None => Vec::new(),
        };
        let pinned = watch.pin.as_ref().filter(|_| by_pin);
        let place = clause
            .map(|clause| words::place(&clause.place))
            .filter(|place| !place.is_empty())
            .or_else(|| machine::level(rule, about).map(|level| words::place(&level.place)))
            .unwrap_or_else(|| words::place(&watch.check.place));
        let place = pinned.map_or(place, |pin| words::place(&pin.place));
        Notice {
            contact: contact.to_owned(),
            id: watch.id.clone(),
            kind: spec.name.to_owned(),
            title: watch.found.title.clone(),
            cause,
            state,
            previous: told.last,
            episode: episode.map_or(0, |episode| episode.number),
            seq: told.mails + 1,
            root: told.root.clone(),
            at,
            at_wall: now.wall_at(at),
            since_wall: now.wall_at(watch.caused()),
            lasted: episode.map_or(Span::ZERO, |episode| at.since(episode.began)),
            fact: newest.map_or_else(|| cut(&fact(watch, seen)), |newest| newest.fact.clone()),
            limit: match state {
                State::Unknown => String::new(),
                _ if found.is_some() || by_pin => String::new(),
                _ => clause.map(|clause| words::limit(spec, clause)).unwrap_or_default(),
            },
            summary: summary(watch, seen, now.moment),
            detail,
            news,
            rule: match cause {
                _ if by_pin => "what is pinned must be there".to_owned(),
                Cause::Closed if watch.ended_by_rule => {
                    format!("the rule changed; now: {}", words::rule(spec, rule, about))
                }
                _ => words::rule(spec, rule, about),
            },
            place,
            worst: watch.worst(),
            worst_state: episode.map_or(state, |episode| episode.worst_state),
            changes: watch.flap.recent(now.moment).max(watch.flap.count.min(u32::from(u16::MAX))),
            advice: watch.check.advice.clone(),
            runbook: watch.check.runbook.clone(),
            evidence: None,
            remarks: Vec::new(),
            reminder: self.next_reminder(watch, &told, cause),
            follows: None,
        }
    }

    /// News of the agent itself, for everybody.
    pub(super) fn inform(&mut self, fact: &str, summary: &str) {
        let contacts: Vec<String> = self.plan.contacts.keys().cloned().collect();
        for contact in contacts {
            let notice = self.news(&contact, Cause::Info, fact, summary);
            self.owe(notice);
        }
    }

    /// A notice that is about no state.
    pub(super) fn news(
        &mut self,
        contact: &str,
        cause: Cause,
        fact: &str,
        summary: &str,
    ) -> Notice {
        let episode = self.numbers.episode;
        self.numbers.episode += 1;
        Notice {
            contact: contact.to_owned(),
            id: crate::model::id::Id::new(agent::KIND, "self"),
            kind: agent::KIND.to_owned(),
            title: "hostwatch".to_owned(),
            cause,
            state: State::Ok,
            previous: State::Ok,
            episode,
            seq: 1,
            root: None,
            at: self.now.moment,
            at_wall: self.now.wall,
            since_wall: self.now.wall,
            lasted: Span::ZERO,
            fact: fact.to_owned(),
            limit: String::new(),
            summary: summary.to_owned(),
            detail: Vec::new(),
            news: Vec::new(),
            rule: String::new(),
            place: String::new(),
            worst: None,
            worst_state: State::Ok,
            changes: 0,
            advice: None,
            runbook: None,
            evidence: None,
            remarks: Vec::new(),
            reminder: None,
            follows: None,
        }
    }
}

/// What was read last of a watch.
pub(super) fn seen<'s>(
    schedule: &'s super::schedule::Schedule,
    watch: &Watch,
) -> Option<&'s Observation> {
    let (source, entry) = watch.source?;
    schedule.sources.get(&source)?.entries.get(entry)?.last.as_ref()
}

/// When a watch was read last; `None` before the first time, and for the agent's own.
pub(super) fn read_at(schedule: &super::schedule::Schedule, watch: &Watch) -> Option<Moment> {
    let (source, entry) = watch.source?;
    let entry = schedule.sources.get(&source)?.entries.get(entry)?;
    entry.last.as_ref().map(|_| entry.at)
}

/// The fact of a watch, short.
pub(super) fn fact(watch: &Watch, seen: Option<&Observation>) -> String {
    if let Some((_, text)) = &watch.forced {
        return text.clone();
    }
    if let Some(text) = watch.pin_fact() {
        return text.to_owned();
    }
    match (&watch.lost, watch.state) {
        (Some(lost), State::Unknown) => return lost.fact.clone(),
        (None, State::Unknown) => return "not read yet".to_owned(),
        _ => {}
    }
    let Some(seen) = seen else { return "not read yet".to_owned() };
    let about = match watch.state {
        State::Ok => watch.episode.as_deref().map_or(State::Ok, |episode| episode.worst_state),
        other => other,
    };
    let spec = watch.check.kind.spec();
    if let Some(finding) = judge::finding(about, seen).filter(|_| about != State::Ok) {
        return finding.fact.clone();
    }
    match machine::clause(&watch.check.rule, about, seen) {
        // A recovery from "read-only" is not "read-only".
        Some(clause)
            if watch.state == State::Ok && clause.bad == crate::model::reading::Bad::Set =>
        {
            seen.summary.clone()
        }
        Some(clause) => words::fact_of(spec, clause, seen),
        None => seen.summary.clone(),
    }
}

/// The instance in one line.
pub(super) fn summary(watch: &Watch, seen: Option<&Observation>, now: Moment) -> String {
    if let Some((_, text)) = &watch.forced {
        return text.clone();
    }
    if let Some(absent) = &watch.absent {
        return match absent.holds {
            true => absent.text.clone(),
            false => format!("not found for {}; it is pinned", now.since(absent.since)),
        };
    }
    if let Some(replaced) = &watch.replaced
        && watch.lost.is_none()
    {
        let seen = seen.map_or("", |seen| seen.summary.as_str());
        return format!("{replaced}; {seen}").trim_end_matches("; ").to_owned();
    }
    match (&watch.lost, seen) {
        (Some(lost), _) if lost.holds => {
            let since = now.since(lost.since);
            if lost.text.is_empty() {
                format!("{} for {since}", lost.fact)
            } else {
                format!("{} for {since}: {}", lost.fact, cut(&lost.text))
            }
        }
        (_, Some(seen)) => seen.summary.clone(),
        (_, None) => "not read yet".to_owned(),
    }
}

/// One line for the log.
pub(super) fn transition_line(
    watch: &Watch,
    seen: Option<&Observation>,
    before: State,
    state: State,
) -> String {
    format!("{}: {before} -> {state}: {}", watch.id, fact(watch, seen))
}

/// What a contact has not been told of the facts of a reading, worst first, fit to be kept.
fn news(told: &Told, seen: &Observation) -> Vec<Finding> {
    let mut news: Vec<&Finding> = told.news(seen, State::Warning).collect();
    news.sort_by_key(|finding| std::cmp::Reverse(finding.state.rank()));
    news.truncate(FACTS_PER_EPISODE);
    let fit = |finding: &&Finding| Finding { fact: cut(&finding.fact), ..(*finding).clone() };
    news.iter().map(fit).collect()
}

fn cut(text: &str) -> String {
    text.chars().take(NAME_CHARS).collect()
}
