//! `status`, `explain` and `mail queue` from the live state. Changes nothing.

use std::collections::BTreeMap;

use crate::alert::machine::Latch;
use crate::alert::words;
use crate::model::state::State;
use crate::model::time::Now;
use crate::model::unit::Span;
use crate::notify::relay::Relay;

use super::status::{Explanation, Instance, MailReport, Progress, QueuedMail, Report};
use super::watch::Watch;
use super::{Engine, facts};

impl Engine {
    /// Everything a person may want to see of the running agent.
    #[must_use]
    pub fn status(&self, now: Now) -> Report {
        let instances = self
            .ids
            .values()
            .filter_map(|ix| self.watches.get(*ix))
            .map(|watch| self.instance(watch, now))
            .collect();
        Report {
            v: 1,
            host: self.plan.host.fqdn.clone(),
            at: now.wall,
            started: self.started,
            config_loaded: self.config_loaded,
            reload_refused: self.reload_refused.clone(),
            store_trouble: self.pen.broken().map(str::to_owned),
            instances,
            mail: self.mail_report(now),
            hung: self
                .schedule
                .stuck()
                .map(|(source, since)| (source.name(), now.moment.since(since)))
                .collect(),
            runs: self.schedule.runs,
            skipped: self.schedule.skipped,
        }
    }

    fn instance(&self, watch: &Watch, now: Now) -> Instance {
        let seen = facts::seen(&self.schedule, watch);
        let spec = watch.check.kind.spec();
        let entry = watch
            .source
            .and_then(|(id, place)| self.schedule.sources.get(&id)?.entries.get(place))
            .filter(|entry| entry.last.is_some());
        let readings = seen.map_or_else(BTreeMap::new, |seen| {
            seen.readings
                .iter()
                .filter_map(|r| Some((spec.metric(r.metric)?.name.to_owned(), r.value)))
                .collect()
        });
        let mut labels: BTreeMap<String, String> = watch
            .found
            .labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        labels.entry("title".to_owned()).or_insert_with(|| watch.found.title.clone());
        Instance {
            id: watch.id.clone(),
            kind: spec.name.to_owned(),
            state: watch.state,
            since: now.wall_at(watch.since),
            lasted: now.moment.since(watch.since),
            summary: facts::summary(watch, seen, now.moment),
            age: entry.map(|entry| now.moment.since(entry.at)),
            readings,
            labels,
            windows: progress(watch),
            explanation: self.explanation(watch, now),
        }
    }

    fn explanation(&self, watch: &Watch, now: Now) -> Explanation {
        let check = &watch.check;
        let spec = check.kind.spec();
        let rule = &check.rule;
        let told = check
            .notify
            .iter()
            .map(|name| match self.plan.contacts.get(name) {
                Some(contact) => format!("{name}: {}", contact.mail.join(", ")),
                None => format!("{name}: no such contact"),
            })
            .collect();
        let told_last = watch
            .told
            .iter()
            .map(|(name, told)| format!("{name}: {} ({} mails)", told.last, told.mails))
            .collect();
        let advice = check.advice.iter().chain(check.runbook.iter()).cloned().collect();
        let flapping = watch.flap.flapping.then(|| watch.flap.recent(now.moment));
        if watch.forced.is_some() {
            return Explanation { told, told_last, flapping, ..Explanation::default() };
        }
        Explanation {
            levels: words::levels(spec, rule),
            clears: words::clears(spec, rule, watch.state),
            cadence: format!("every {}, timeout {}", rule.every, check.timeout),
            told,
            told_last,
            flapping,
            advice,
        }
    }

    fn mail_report(&self, now: Now) -> MailReport {
        MailReport {
            via: self.plan.mail.via.iter().map(way).collect(),
            sent: self.sent,
            waiting: self
                .outbox
                .waiting()
                .into_iter()
                .map(|waiting| QueuedMail {
                    id: waiting.mail.0,
                    subject: waiting.subject,
                    recipients: waiting.recipients,
                    made: now.wall_at(waiting.made),
                    attempts: waiting.attempts,
                    next_in: waiting.next.since(now.moment),
                    last_answer: waiting.last_answer,
                })
                .collect(),
            trouble: self.outbox.trouble().map(str::to_owned),
            refused: self.refused.iter().map(|(to, why)| format!("{to}: {why}")).collect(),
        }
    }
}

/// How far each level is from being entered, or left.
fn progress(watch: &Watch) -> Vec<Progress> {
    let rule = &watch.check.rule;
    let levels = [
        (State::Warning, &rule.warn, &watch.machine.warn),
        (State::Critical, &rule.crit, &watch.machine.crit),
    ];
    levels
        .into_iter()
        .filter_map(|(state, level, latch)| {
            let level = level.as_ref()?;
            one_progress(state, level.hold, latch)
        })
        .collect()
}

fn one_progress(state: State, needs: Span, latch: &Latch) -> Option<Progress> {
    let (held, bad, seen) = latch.window()?.progress();
    Some(Progress { level: state, held, needs, bad, seen })
}

fn way(relay: &Relay) -> String {
    match relay {
        Relay::Smtp(smtp) => format!("smtp {}:{}", smtp.host, smtp.port),
        Relay::Sendmail { path } => format!("sendmail {path}"),
        Relay::Maildir { path } => format!("maildir {path}"),
    }
}
