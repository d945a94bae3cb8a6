//! Events for hooks: composed when a mail would be, made durable with it, delivered from a queue of
//! their own, so that a mail server that hangs holds back no hook, and a hook no mail.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::alert::machine;
use crate::model::limit::{DELIVERY_GRACE, EVENTS_PER_FRAME_BYTES, HOOK_DEADLINE, HOOK_STUCK};
use crate::model::state::State;
use crate::model::time::Moment;
use crate::notify::contact::Contact;
use crate::notify::event::{self, Figures};
use crate::notify::hook::Hook;
use crate::notify::mail::{Form, Mail, MailId};
use crate::notify::notice::Notice;
use crate::notify::outbox::{Attempt, DeliveryReport, Fate, Outbox};
use crate::notify::relay::Relay;
use crate::notify::text::Letterhead;

use super::event::Effect;
use super::record::{self, Posted};
use super::{Engine, Sent, facts};

impl Engine {
    /// One event a notice and hook of the contact, in the order of the notices.
    pub(super) fn events(
        &mut self,
        name: &str,
        contact: &Contact,
        head: &Letterhead,
        notices: &[Notice],
    ) -> Vec<Arc<Mail>> {
        let mut events = Vec::new();
        for notice in notices {
            for hook in &contact.hooks {
                let id = MailId(self.numbers.mail);
                self.numbers.mail += 1;
                let (to, figures) = (hook.recipient(name), self.figures(notice));
                events.push(Arc::new(event::compose(head, to, notice, figures, id, self.now)));
            }
        }
        events
    }

    /// The numbers behind a notice, as far as they are still known.
    fn figures(&self, notice: &Notice) -> Figures {
        let watch = self.ids.get(&notice.id).and_then(|ix| self.watches.get(*ix));
        let Some(watch) = watch else { return Figures::default() };
        let Some(seen) = facts::seen(&self.schedule, watch) else { return Figures::default() };
        let spec = watch.check.kind.spec();
        let readings = seen.readings.iter();
        let value =
            readings.filter_map(|r| Some((spec.metric(r.metric)?.name.to_owned(), r.value)));
        let about = match notice.state {
            State::Ok => notice.worst_state,
            other => other,
        };
        let clause = machine::clause(&watch.check.rule, about, seen);
        let limit = clause
            .and_then(|clause| Some((spec.metric(clause.metric)?.name.to_owned(), clause.limit)));
        Figures { value: value.collect(), limit: limit.into_iter().collect::<BTreeMap<_, _>>() }
    }

    /// Queues what was composed and makes it durable with the notices that it tells; the first
    /// frames hold what is too much for one.
    pub(super) fn queue(
        &mut self,
        parcels: Vec<Arc<Mail>>,
        tells: Vec<u64>,
        effects: &mut Vec<Effect>,
    ) {
        let mut frames: Vec<Vec<Arc<Mail>>> = Vec::new();
        let mut bytes = 0;
        for parcel in parcels {
            bytes += parcel.bytes.len();
            match frames.last_mut().filter(|_| bytes <= EVENTS_PER_FRAME_BYTES) {
                Some(frame) => frame.push(parcel),
                None => {
                    bytes = parcel.bytes.len();
                    frames.push(vec![parcel]);
                }
            }
        }
        // Notices are taken back last: if the power goes in between, one is told twice, not never.
        let mut told = Some(tells);
        let last = frames.len().saturating_sub(1);
        for (place, frame) in frames.into_iter().enumerate() {
            let ids: Vec<MailId> = frame.iter().map(|parcel| parcel.id).collect();
            let mut copies = frame.iter().map(|parcel| (**parcel).clone());
            let Some(mail) = copies.next() else { continue };
            let tells = if place == last { told.take().unwrap_or_default() } else { Vec::new() };
            let also = copies.collect();
            let posted =
                Posted { mail, also, tells, merges: Vec::new(), settled: Vec::new(), digest: None };
            for parcel in frame {
                self.queue_of(parcel.form).push(Arc::clone(&parcel), &[]);
                let sent = Sent { mail: parcel, settled: Vec::new(), accepted: false };
                self.mails.insert(sent.mail.id, sent);
            }
            self.write(record::POSTED, &posted, true, ids, effects);
        }
    }

    /// The queue for mails, or for events.
    pub(super) fn queue_of(&mut self, form: Form) -> &mut Outbox {
        match form {
            Form::Mail => &mut self.outbox,
            Form::Event => &mut self.hooks,
        }
    }

    /// Whether a delivery is one of an event.
    pub(super) fn is_of_hook(&self, mail: MailId) -> bool {
        self.hooking.is_some_and(|(under_way, _)| under_way == mail)
            || self.mails.get(&mail).is_some_and(|sent| sent.mail.form == Form::Event)
    }

    /// What became of a delivery to a hook. A trouble is that hook's alone.
    pub(super) fn hooked(&mut self, report: &DeliveryReport, effects: &mut Vec<Effect>) {
        let mut report = report.clone();
        if let Some(trouble) = report.trouble.take()
            && let Some(sent) = self.mails.get(&report.mail)
        {
            let named: Vec<String> = sent.mail.recipients.clone();
            report
                .recipients
                .extend(named.into_iter().map(|to| (to, Fate::Deferred(trouble.clone()))));
        }
        let settled = self.hooks.report(self.now.moment, &report);
        if report.done && self.hooking.is_some_and(|(mail, _)| mail == report.mail) {
            self.hooking = None;
        }
        self.take_ends(settled, effects);
    }

    /// Starts the next delivery to a hook, and ends one that never reported its end.
    pub(super) fn care_for_hooks(&mut self, effects: &mut Vec<Effect>) {
        let now = self.now.moment;
        if let Some((mail, since)) = self.hooking
            && now >= since + HOOK_DEADLINE + DELIVERY_GRACE
        {
            let trouble = Some("the delivery did not report its end".to_owned());
            let report = DeliveryReport { mail, recipients: Vec::new(), done: true, trouble };
            self.hooked(&report, effects);
            self.hooking = None;
        }
        while self.hooking.is_none()
            && let Some(attempt) = self.hooks.next(now)
        {
            let mail = attempt.mail.id;
            self.hooking = Some((mail, now));
            match self.hook_of(&attempt) {
                Some(hook) => effects.push(Effect::Deliver {
                    mail: attempt.mail,
                    recipients: attempt.recipients,
                    relays: vec![Relay::Hook(hook)],
                }),
                None => {
                    let why = "it is no more in the configuration".to_owned();
                    let refused = |to| (to, Fate::Refused(why.clone()));
                    let recipients = attempt.recipients.into_iter().map(refused).collect();
                    let report = DeliveryReport { mail, recipients, done: true, trouble: None };
                    self.hooked(&report, effects);
                }
            }
        }
    }

    /// The hook of an attempt as the running configuration has it.
    fn hook_of(&self, attempt: &Attempt) -> Option<Hook> {
        let contact = &attempt.mail.contact;
        let hooks = &self.plan.contacts.get(contact)?.hooks;
        let is_it = |hook: &&Hook| attempt.recipients.contains(&hook.recipient(contact));
        let mut hook = hooks.iter().find(is_it)?.clone();
        if let Hook::Program(program) = &mut hook {
            program.attempt = attempt.number;
        }
        Some(hook)
    }

    /// Why a hook has not worked for a while, if one has not.
    pub(super) fn hook_trouble(&self) -> Option<String> {
        let now = self.now.moment;
        let stuck = |made: Moment| now.since(made) >= HOOK_STUCK;
        self.hooks.oldest().filter(|made| stuck(*made))?;
        // Of those that wait behind it nothing is known yet.
        let waiting = self.hooks.waiting();
        let first =
            waiting.iter().find(|event| stuck(event.made) && event.last_answer.is_some())?;
        let answer = first.last_answer.as_deref().unwrap_or_default();
        Some(format!("{} does not work: {answer}", first.recipients.join(", ")))
    }

    /// When hooks need attention next.
    pub(super) fn hooks_due(&self) -> Option<Moment> {
        let delivery = match self.hooking {
            Some((_, since)) => Some(since + HOOK_DEADLINE + DELIVERY_GRACE),
            None => self.hooks.next_due(),
        };
        let stuck = self.hooks.oldest().map(|made| made + HOOK_STUCK);
        let stuck = stuck.filter(|at| *at > self.now.moment);
        delivery.into_iter().chain(stuck).min()
    }
}
