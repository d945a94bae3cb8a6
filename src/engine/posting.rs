//! From notices to mails, and what becomes of them. Owns the moment at which notices become a mail,
//! the one delivery under way, and the fault `agent:mail`.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::limit::BURST_NOTICES;
use crate::model::limit::{DELIVERY_DEADLINE, DELIVERY_GRACE, MAIL_STUCK, REFUSALS, REPLY_CHARS};
use crate::model::state::State;
use crate::model::time::Moment;
use crate::notify::mail::{Mail, MailId};
use crate::notify::notice::Notice;
use crate::notify::outbox::{DeliveryReport, Fate, Settled};
use crate::notify::text::{self, Letterhead};

use super::agent::Fault;
use super::desk::{self, Desk};
use super::event::Effect;
use super::holding::Hold;
use super::record::{self, Ends, Posted};
use super::{Engine, Sent, facts};

/// Other problems named in one mail.
const ALSO_BAD: usize = 50;

impl Engine {
    /// Takes over what waits from the journal.
    pub(super) fn restore_mail(
        &mut self,
        owed: BTreeMap<u64, Notice>,
        mut held: BTreeMap<u64, Hold>,
        mails: BTreeMap<MailId, (Arc<Mail>, Vec<String>)>,
        effects: &mut Vec<Effect>,
    ) {
        for (number, notice) in owed {
            if self.plan.contacts.contains_key(&notice.contact) {
                let hold = held.remove(&number).or_else(|| self.silence_hold(&notice));
                let desk = self.desks.entry(notice.contact.clone()).or_default();
                // It has waited since it happened, not since the restart.
                let since = notice.at.min(self.now.moment);
                if let Some(replaced) = desk.add(number, notice, since, hold) {
                    self.pending.dropped.push(replaced);
                }
            } else {
                self.drop_notice(number, &notice, effects);
            }
        }
        for (id, (mail, settled)) in mails {
            let queue = self.queue_of(mail.form);
            queue.push(Arc::clone(&mail), &settled);
            // It was durable, so it may have been on its way when the agent ended.
            queue.release(id);
            queue.may_have_left(id);
            self.mails.insert(id, Sent { mail, settled, accepted: false });
        }
    }

    fn drop_notice(&mut self, number: u64, notice: &Notice, effects: &mut Vec<Effect>) {
        let line = format!(
            "contact {} is no more: not told that {} is {}",
            notice.contact, notice.id, notice.state
        );
        effects.push(Effect::Log { level: tracing::Level::WARN, line });
        self.pending.owed.remove(&number);
        self.pending.dropped.push(number);
    }

    /// Drops what is owed to contacts that are no more.
    pub(super) fn drop_contacts(&mut self, effects: &mut Vec<Effect>) {
        let gone: Vec<String> = self
            .desks
            .keys()
            .filter(|contact| !self.plan.contacts.contains_key(*contact))
            .cloned()
            .collect();
        for contact in gone {
            let Some(desk) = self.desks.remove(&contact) else { continue };
            for (number, notice) in desk.waiting() {
                self.drop_notice(*number, notice, effects);
            }
        }
    }

    /// Composes the mails that are due, or all.
    pub(super) fn post(&mut self, all: bool, effects: &mut Vec<Effect>) {
        let now = self.now.moment;
        let due = |at: Option<Moment>| at.is_some_and(|at| all || at <= now);
        while let Some(contact) = self
            .desks
            .iter()
            .find(|(_, desk)| due(self.desk_due(desk)))
            .map(|(name, _)| name.clone())
        {
            // What is told must be on the disk before the mail that tells it.
            self.flush_turn(effects);
            let Some(desk) = self.desks.get_mut(&contact) else { break };
            let storm = desk.is_held();
            let (numbers, mut notices): (Vec<u64>, Vec<Notice>) =
                desk.take(now).into_iter().unzip();
            self.fold(&mut notices);
            if let Some(first) = notices.first_mut().filter(|_| storm) {
                first.remarks.push(desk::storm_remark());
            }
            self.compose(&contact, numbers, &notices, effects);
        }
        self.merge(effects);
    }

    /// When the next mail of a desk is due: evidence that is being gathered is waited for.
    fn desk_due(&self, desk: &Desk) -> Option<Moment> {
        let due = desk.due(self.plan.mail.group_wait)?;
        let awaited = |notice: &Notice| self.questions.awaited(&notice.id, notice.episode);
        let evidence = desk.waiting().values().take(BURST_NOTICES).filter_map(awaited).max();
        Some(evidence.map_or(due, |at| at.max(due)))
    }

    /// One mail from notices, and an event of each for the contact's hooks.
    fn compose(
        &mut self,
        name: &str,
        tells: Vec<u64>,
        notices: &[Notice],
        effects: &mut Vec<Effect>,
    ) {
        let Some(contact) = self.plan.contacts.get(name).cloned() else { return };
        let head = self.letterhead(notices);
        let mut parcels = Vec::new();
        if !contact.mail.is_empty() || contact.hooks.is_empty() {
            let id = MailId(self.numbers.mail);
            self.numbers.mail += 1;
            parcels.push(Arc::new(text::compose(&head, name, &contact, notices, id, self.now)));
        }
        let root = parcels.first().map(|mail| mail.message_id.clone());
        parcels.extend(self.events(name, &contact, &head, notices));
        for notice in notices {
            // After a restart mail may go out before a survey has found the instance again.
            let watch = self.ids.get(&notice.id).and_then(|ix| self.watches.get_mut(*ix));
            let ledger = match watch {
                Some(watch) => Some((watch.episode.as_deref(), &mut watch.told)),
                None => self.dormant.get_mut(&notice.id).map(|k| (k.episode.as_ref(), &mut k.told)),
            };
            let Some((episode, told)) = ledger else { continue };
            let current = episode.is_some_and(|episode| episode.number == notice.episode);
            if current && let Some((_, told)) = told.iter_mut().find(|(c, _)| c == name) {
                told.mails = told.mails.max(notice.seq);
                told.root = told.root.take().or_else(|| root.clone());
            }
        }
        self.queue(parcels, tells, effects);
    }

    /// Puts one mail in the place of very many that cannot go out.
    fn merge(&mut self, effects: &mut Vec<Effect>) {
        let Some((name, mails)) = self.outbox.merge_candidates() else { return };
        let Some(contact) = self.plan.contacts.get(&name) else { return };
        let head = self.letterhead(&[]);
        let id = MailId(self.numbers.mail);
        self.numbers.mail += 1;
        let mail = Arc::new(text::compose_merged(&head, &name, contact, &mails, id, self.now));
        let old: Vec<MailId> = mails.iter().map(|mail| mail.id).collect();
        let merges = self.outbox.replace(&old, Arc::clone(&mail));
        if merges.is_empty() {
            return;
        }
        for id in &merges {
            self.mails.remove(id);
        }
        let posted = Posted {
            mail: (*mail).clone(),
            also: Vec::new(),
            tells: Vec::new(),
            merges,
            settled: Vec::new(),
            digest: None,
        };
        self.mails.insert(id, Sent { mail, settled: Vec::new(), accepted: false });
        self.write(record::POSTED, &posted, true, vec![id], effects);
    }

    pub(super) fn letterhead(&self, notices: &[Notice]) -> Letterhead {
        let mut also_bad = Vec::new();
        let mut ok_count = 0;
        for (ix, watch) in self.watches.iter() {
            if watch.state == State::Ok {
                ok_count += usize::from(watch.forced.is_none());
            } else if watch.state == State::Unknown && !self.hear_elsewhere(ix).is_empty() {
                // What it is read through says it for all.
            } else if also_bad.len() < ALSO_BAD
                && !notices.iter().any(|notice| notice.id == watch.id)
            {
                let seen = facts::seen(&self.schedule, watch);
                let line = format!("{} {}", watch.found.title, facts::fact(watch, seen));
                also_bad.push((watch.state, line));
            }
        }
        // What was open before the restart and has not been looked at yet is open all the same.
        let dormant = self.dormant.values().filter(|kept| kept.state != State::Ok);
        also_bad.extend(
            dormant
                .take(ALSO_BAD.saturating_sub(also_bad.len()))
                .map(|kept| (kept.state, format!("{} {}", kept.title, kept.summary))),
        );
        Letterhead {
            host: self.plan.host.clone(),
            from: self.plan.mail.from.clone(),
            envelope_from: self.plan.mail.envelope_from.clone(),
            also_bad,
            ok_count,
        }
    }

    /// What became of a delivery.
    pub(super) fn delivered(&mut self, report: &DeliveryReport, effects: &mut Vec<Effect>) {
        if self.is_of_hook(report.mail) {
            return self.hooked(report, effects);
        }
        let settled = self.outbox.report(self.now.moment, report);
        if report.done && self.delivering.is_some_and(|(mail, _)| mail == report.mail) {
            self.delivering = None;
        }
        self.take_ends(settled, effects);
    }

    /// Makes durable who needs no attempt any more.
    pub(super) fn take_ends(&mut self, settled: Vec<Settled>, effects: &mut Vec<Effect>) {
        if settled.is_empty() {
            return;
        }
        for end in &settled {
            self.settle(end, effects);
        }
        self.write(record::ENDS, &Ends { settled }, true, Vec::new(), effects);
    }

    fn settle(&mut self, end: &Settled, effects: &mut Vec<Effect>) {
        match &end.fate {
            Fate::Accepted(_) => {
                self.refused.retain(|(address, _)| *address != end.recipient);
            }
            Fate::Refused(why) | Fate::Deferred(why) | Fate::Delayed(why, _) => {
                let why: String = why.chars().take(REPLY_CHARS).collect();
                let line = format!("mail to {} is given up: {why}", end.recipient);
                effects.push(Effect::Log { level: tracing::Level::ERROR, line });
                self.refused.retain(|(address, _)| *address != end.recipient);
                if self.refused.len() >= REFUSALS {
                    self.refused.pop_front();
                }
                self.refused.push_back((end.recipient.clone(), why));
            }
        }
        let Some(sent) = self.mails.get_mut(&end.mail) else { return };
        sent.accepted |= matches!(end.fate, Fate::Accepted(_));
        sent.settled.push(end.recipient.clone());
        if sent.mail.recipients.iter().all(|recipient| sent.settled.contains(recipient)) {
            self.sent += u64::from(sent.accepted);
            self.mails.remove(&end.mail);
        }
    }

    /// Starts the next delivery, ends one that never reported its end, and watches over the way
    /// out itself.
    pub(super) fn care_for_mail(&mut self, effects: &mut Vec<Effect>) {
        let now = self.now.moment;
        if let Some((mail, since)) = self.delivering
            && now >= since + DELIVERY_DEADLINE + DELIVERY_GRACE
        {
            let trouble = Some("the delivery did not report its end".to_owned());
            let report = DeliveryReport { mail, recipients: Vec::new(), done: true, trouble };
            self.delivered(&report, effects);
            self.delivering = None;
        }
        if self.delivering.is_none()
            && let Some(attempt) = self.outbox.next(now)
        {
            self.delivering = Some((attempt.mail.id, now));
            effects.push(Effect::Deliver {
                mail: attempt.mail,
                recipients: attempt.recipients,
                relays: self.plan.mail.via.clone(),
            });
        }
        self.care_for_hooks(effects);
        self.judge_mail(effects);
    }

    /// The state of `agent:mail`. That mail is stuck cannot be told by mail while it is; it is told
    /// when it works again.
    fn judge_mail(&mut self, effects: &mut Vec<Effect>) {
        let now = self.now.moment;
        let oldest = self.outbox.oldest();
        let stuck = oldest.filter(|made| now.since(*made) >= MAIL_STUCK);
        if let Some(made) = stuck {
            let since = *self.stuck.get_or_insert(made);
            let trouble = self.outbox.trouble().unwrap_or("no answer yet").to_owned();
            let text = format!("mail has waited for {}: {trouble}", now.since(since));
            self.force(&Fault::Mail, State::Critical, Some(text), effects);
            return;
        }
        if let Some(since) = self.stuck.take() {
            let span = now.since(since);
            self.inform(
                &format!("mail works again after {span}"),
                &format!("mail could not be delivered for {span}; nothing was lost"),
            );
        }
        let refused = self.refused.back();
        let refused = refused.map(|(address, why)| format!("{address} is refused: {why}"));
        let fault = refused.or_else(|| self.hook_trouble());
        self.set_fault(&Fault::Mail, fault, effects);
    }

    /// When mail needs attention next.
    pub(super) fn mail_due(&self) -> Option<Moment> {
        let desks = self.desks.values().filter_map(|desk| self.desk_due(desk));
        let delivery = match self.delivering {
            Some((_, since)) => Some(since + DELIVERY_DEADLINE + DELIVERY_GRACE),
            None => self.outbox.next_due(),
        };
        let stuck = match self.stuck {
            None => self.outbox.oldest().map(|made| made + MAIL_STUCK),
            Some(_) => None,
        };
        desks
            .chain(delivery)
            .chain(stuck)
            .chain(self.hooks_due())
            .min()
            .map(|at| at.max(self.now.moment))
    }
}
