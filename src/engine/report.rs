//! `status`, `explain` and `mail queue` from the live state. Changes nothing.

use std::collections::BTreeMap;

use crate::model::time::Now;

use super::status::{FORMAT, Hung, Instance, MailReport, QueuedMail, Report};
use super::watch::Watch;
use super::{Engine, facts, outlook};

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
            v: FORMAT,
            host: self.plan.host.fqdn.clone(),
            at: now.wall,
            started: self.started,
            config_loaded: self.config_loaded,
            reload_refused: self.reload_refused.clone(),
            store_trouble: self.pen.broken().map(str::to_owned),
            history_trouble: None,
            instances,
            mail: self.mail_report(now),
            silences: self.silenced(),
            outlets: self.outlets(),
            hung: self
                .schedule
                .stuck()
                .map(|(source, since)| Hung {
                    source: source.name(),
                    lasted: now.moment.since(since),
                })
                .collect(),
            full: self.full,
            runs: self.schedule.runs,
            skipped: self.schedule.skipped,
        }
    }

    fn instance(&self, watch: &Watch, now: Now) -> Instance {
        let seen = facts::seen(&self.schedule, watch);
        let spec = watch.check.kind.spec();
        let read = facts::read_at(&self.schedule, watch);
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
        let (silence, ack) = self.quieted(watch);
        Instance {
            silence,
            ack,
            id: watch.id.clone(),
            kind: spec.name.to_owned(),
            state: watch.state,
            since: now.wall_at(watch.since),
            lasted: now.moment.since(watch.since),
            summary: facts::summary(watch, seen, now.moment),
            age: read.map(|at| now.moment.since(at)),
            readings,
            labels,
            windows: outlook::progress(watch, now),
            explanation: self.explanation(watch, now),
        }
    }

    fn mail_report(&self, now: Now) -> MailReport {
        MailReport {
            via: self.plan.mail.via.iter().map(ToString::to_string).collect(),
            sent: self.sent,
            waiting: self
                .outbox
                .waiting()
                .into_iter()
                .chain(self.hooks.waiting())
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
