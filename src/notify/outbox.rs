//! The outbox: which mail goes to whom next, and when again. Pure; the engine makes it durable.
//!
//! Order is kept per recipient: a mail is tried for a recipient only when every earlier mail for
//! that recipient is settled. At most one attempt is under way. A trouble of the way out makes
//! everybody wait, a deferral makes that recipient wait alone. Nothing leaves the outbox without
//! a [`Settled`] that says why.
//!
//! # Merging
//!
//! After every report, and after every push while mail is stuck, the engine asks
//! [`Outbox::merge_candidates`]; if it names mails, the engine composes one mail from them
//! (`text::compose_merged`), calls [`Outbox::replace`], makes both facts durable in one frame, and
//! releases the new mail as it does any other. Only mails that cannot have reached a server are
//! named, so a merge repeats nothing. After a restart the engine pushes what the journal holds and
//! calls [`Outbox::may_have_left`] for every mail that was released before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::limit::{OUTBOX_BYTES, OUTBOX_MERGE, RETRY_AFTER_MAX};
use crate::model::time::Moment;
use crate::model::unit::Span;
use crate::notify::backoff::Backoff;
pub use crate::notify::fate::{DeliveryReport, Fate, Settled};
use crate::notify::mail::{Form, Mail, MailId};

/// One attempt to make now.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The mail.
    pub mail: Arc<Mail>,
    /// Those of its recipients whose turn it is.
    pub recipients: Vec<String>,
    /// Which attempt with this mail it is, from 1, as far as this process knows.
    pub number: u32,
}

/// One waiting mail, for `mail queue`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Which mail.
    pub mail: MailId,
    /// Its subject.
    pub subject: String,
    /// Recipients not settled.
    pub recipients: Vec<String>,
    /// When it was composed.
    pub made: Moment,
    /// Attempts so far.
    pub attempts: u32,
    /// When it is tried next.
    pub next: Moment,
    /// The last answer, for people.
    pub last_answer: Option<String>,
}

/// A queued mail.
#[derive(Debug)]
struct Entry {
    mail: Arc<Mail>,
    /// Recipients not settled, in the contact's order.
    open: Vec<String>,
    released: bool,
    /// Whether a server may have seen it; such a mail is never merged.
    left: bool,
    attempts: u32,
    last_answer: Option<String>,
}

/// The attempt under way.
#[derive(Debug)]
struct UnderWay {
    mail: MailId,
    recipients: Vec<String>,
    started: Moment,
    /// Recipients that were deferred so far.
    deferred: BTreeSet<String>,
    /// Pauses that were asked for.
    pauses: BTreeMap<String, Span>,
    /// A recipient was accepted or refused: a server was reached and answered.
    answered: bool,
    /// Somebody asked for everything to be tried, while this attempt was running.
    flushed: bool,
}

/// The queue.
#[derive(Debug, Default)]
pub struct Outbox {
    keep: Span,
    entries: BTreeMap<MailId, Entry>,
    bytes: usize,
    under_way: Option<UnderWay>,
    /// All ways out fail.
    everybody: Backoff,
    /// One recipient is deferred.
    recipients: BTreeMap<String, Backoff>,
    /// Why the latest attempt failed as a whole.
    trouble: Option<String>,
}

impl Outbox {
    /// An empty outbox that tries mails for `keep`; zero means for ever.
    #[must_use]
    pub fn new(keep: Span) -> Self {
        Self { keep, ..Self::default() }
    }

    /// Takes a new `keep` after a reload.
    pub fn set_keep(&mut self, keep: Span) {
        self.keep = keep;
    }

    /// Queues a mail. It is not tried before [`Self::release`]. `settled` names recipients that
    /// need no attempt any more (after a restart). A mail that is queued already, or has nobody
    /// left to go to, is not queued.
    pub fn push(&mut self, mail: Arc<Mail>, settled: &[String]) {
        let mut open: Vec<String> = Vec::new();
        for recipient in &mail.recipients {
            if !settled.contains(recipient) && !open.contains(recipient) {
                open.push(recipient.clone());
            }
        }
        if open.is_empty() || self.entries.contains_key(&mail.id) {
            return;
        }
        self.bytes += mail.bytes.len();
        let left = !settled.is_empty();
        self.entries.insert(
            mail.id,
            Entry { mail, open, released: false, left, attempts: 0, last_answer: None },
        );
    }

    /// The mail is durable (or cannot be made so): it may be tried.
    pub fn release(&mut self, id: MailId) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.released = true;
        }
    }

    /// The mail comes from before a restart and had been released: a server may have seen it, so
    /// it must go out as it is and is never merged.
    pub fn may_have_left(&mut self, id: MailId) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.left = true;
        }
    }

    /// The attempt to make now, if one is due and none is under way.
    pub fn next(&mut self, now: Moment) -> Option<Attempt> {
        if self.under_way.is_some() || self.everybody.until > now {
            return None;
        }
        let (id, recipients) = self.turns().find_map(|(entry, turn)| {
            let due: Vec<String> =
                turn.into_iter().filter(|r| self.waits_until(r) <= now).cloned().collect();
            (!due.is_empty()).then_some((entry.mail.id, due))
        })?;
        let entry = self.entries.get_mut(&id)?;
        entry.attempts = entry.attempts.saturating_add(1);
        self.under_way = Some(UnderWay {
            mail: id,
            recipients: recipients.clone(),
            started: now,
            deferred: BTreeSet::new(),
            pauses: BTreeMap::new(),
            answered: false,
            flushed: false,
        });
        Some(Attempt { mail: Arc::clone(&entry.mail), recipients, number: entry.attempts })
    }

    /// When [`Self::next`] is worth asking again, if nothing is reported before.
    #[must_use]
    pub fn next_due(&self) -> Option<Moment> {
        if self.under_way.is_some() {
            return None;
        }
        self.turns()
            .flat_map(|(_, turn)| turn)
            .map(|recipient| self.waits_until(recipient).max(self.everybody.until))
            .min()
    }

    /// Takes in a report; returns what is settled by it and must be made durable.
    pub fn report(&mut self, now: Moment, report: &DeliveryReport) -> Vec<Settled> {
        let mut settled = Vec::new();
        let current = self.under_way.take_if(|way| way.mail == report.mail);
        let mut way = current;
        for (recipient, fate) in &report.recipients {
            let Some(entry) = self.entries.get_mut(&report.mail) else { break };
            if !entry.open.contains(recipient) {
                continue;
            }
            let (Fate::Accepted(text)
            | Fate::Deferred(text)
            | Fate::Delayed(text, _)
            | Fate::Refused(text)) = fate;
            // Whoever is named was talked about with a server; a late word counts as well.
            entry.left = true;
            entry.last_answer = Some(text.clone());
            if matches!(fate, Fate::Deferred(_) | Fate::Delayed(..)) {
                if let Some(way) = way.as_mut().filter(|way| way.recipients.contains(recipient)) {
                    way.deferred.insert(recipient.clone());
                    if let Fate::Delayed(_, pause) = fate {
                        way.pauses.insert(recipient.clone(), *pause);
                    }
                }
                continue;
            }
            if let Some(way) = &mut way {
                way.answered = true;
                way.deferred.remove(recipient);
            }
            self.recipients.remove(recipient);
            settled.extend(self.settle(report.mail, recipient, fate.clone()));
        }
        let Some(mut way) = way else { return settled };
        if !report.done {
            self.under_way = Some(way);
            return settled;
        }
        // Those never named are deferred, whatever the reason.
        let unnamed = way.recipients.iter().filter(|r| self.is_open(way.mail, r));
        way.deferred = unnamed.cloned().collect();
        if way.answered {
            self.everybody = Backoff::default();
        }
        self.trouble.clone_from(&report.trouble);
        match &report.trouble {
            Some(trouble) if !way.deferred.is_empty() => {
                self.everybody.fail(way.started, now);
                if let Some(entry) = self.entries.get_mut(&way.mail) {
                    entry.last_answer.get_or_insert_with(|| trouble.clone());
                    if !entry.left {
                        entry.last_answer = Some(trouble.clone());
                    }
                }
            }
            Some(_) => {}
            None => {
                self.everybody = Backoff::default();
                if let Some(entry) = self.entries.get_mut(&way.mail) {
                    entry.left = true;
                }
                for recipient in &way.deferred {
                    let backoff = self.recipients.entry(recipient.clone()).or_default();
                    backoff.fail(way.started, now);
                    if let Some(pause) = way.pauses.get(recipient) {
                        backoff.until = backoff.until.max(now + (*pause).min(RETRY_AFTER_MAX));
                    }
                }
            }
        }
        if way.flushed {
            self.flush(now);
        }
        self.give_up(now, &way, report.trouble.is_some(), &mut settled);
        settled
    }

    /// Tries everything now, whatever the backoff says.
    pub fn flush(&mut self, now: Moment) {
        let _ = now;
        self.everybody = Backoff::default();
        self.recipients.clear();
        if let Some(way) = &mut self.under_way {
            way.flushed = true;
        }
    }

    /// What waits, oldest first.
    #[must_use]
    pub fn waiting(&self) -> Vec<Waiting> {
        self.entries
            .values()
            .map(|entry| Waiting {
                mail: entry.mail.id,
                subject: entry.mail.subject.clone(),
                recipients: entry.open.clone(),
                made: entry.mail.made,
                attempts: entry.attempts,
                next: entry
                    .open
                    .iter()
                    .map(|r| self.waits_until(r).max(self.everybody.until))
                    .min()
                    .unwrap_or_default(),
                last_answer: entry.last_answer.clone(),
            })
            .collect()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Why no way out worked, if the latest attempt ended so; for `status`.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// When the oldest waiting mail was composed; for "mail is stuck".
    #[must_use]
    pub fn oldest(&self) -> Option<Moment> {
        self.entries.values().map(|entry| entry.mail.made).min()
    }

    /// A contact and its mails that are to become one mail: more than [`OUTBOX_MERGE`] of them
    /// wait (or the outbox holds more than [`OUTBOX_BYTES`]), and none can have reached a server.
    /// Oldest first; every one of them is later than any mail of the contact that is left alone.
    #[must_use]
    pub fn merge_candidates(&self) -> Option<(String, Vec<Arc<Mail>>)> {
        let mut runs: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
        for entry in self.entries.values() {
            let run = runs.entry(entry.mail.contact.as_str()).or_default();
            // An event has no words that could be joined with another's.
            let whole = entry.left || entry.mail.form == Form::Event;
            if whole || self.under_way.as_ref().is_some_and(|w| w.mail == entry.mail.id) {
                run.clear();
            } else {
                run.push(entry);
            }
        }
        let full = self.bytes > OUTBOX_BYTES;
        let (contact, run) = runs
            .into_iter()
            .filter(|(_, run)| run.len() > OUTBOX_MERGE || (full && run.len() > 1))
            .max_by_key(|(_, run)| run.iter().map(|e| e.mail.bytes.len()).sum::<usize>())?;
        Some((contact.to_owned(), run.into_iter().map(|e| Arc::clone(&e.mail)).collect()))
    }

    /// Puts one mail in the place of many, as [`Self::merge_candidates`] named them. Returns the
    /// numbers of the mails that are gone; none, and nothing is changed, if one of them went
    /// under way meanwhile. The new mail waits for its [`Self::release`] like any other.
    pub fn replace(&mut self, merged: &[MailId], mail: Arc<Mail>) -> Vec<MailId> {
        let busy = |id: &MailId| {
            self.under_way.as_ref().is_some_and(|way| way.mail == *id)
                || self.entries.get(id).is_none_or(|entry| entry.left)
        };
        if merged.iter().any(busy) {
            return Vec::new();
        }
        for id in merged {
            self.remove(*id);
        }
        self.push(mail, &[]);
        merged.to_vec()
    }

    /// Mails with the recipients for whom they are the oldest unsettled one, oldest mail first.
    fn turns(&self) -> impl Iterator<Item = (&Entry, Vec<&String>)> {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        self.entries.values().filter_map(move |entry| {
            // A mail that is not released holds back what follows it: order is order.
            let turn: Vec<&String> = entry.open.iter().filter(|r| seen.insert(r)).collect();
            (entry.released && !turn.is_empty()).then_some((entry, turn))
        })
    }

    fn waits_until(&self, recipient: &str) -> Moment {
        self.recipients.get(recipient).map(|backoff| backoff.until).unwrap_or_default()
    }

    fn is_open(&self, id: MailId, recipient: &String) -> bool {
        self.entries.get(&id).is_some_and(|entry| entry.open.contains(recipient))
    }

    fn remove(&mut self, id: MailId) {
        if let Some(entry) = self.entries.remove(&id) {
            self.bytes = self.bytes.saturating_sub(entry.mail.bytes.len());
        }
    }

    fn settle(&mut self, id: MailId, recipient: &str, fate: Fate) -> Option<Settled> {
        let entry = self.entries.get_mut(&id)?;
        let place = entry.open.iter().position(|open| open == recipient)?;
        let recipient = entry.open.remove(place);
        if entry.open.is_empty() {
            self.remove(id);
        }
        Some(Settled { mail: id, recipient, fate })
    }

    /// Gives up mails older than `keep`, but only after an attempt failed at that age: an agent
    /// that was off for long still tries once.
    fn give_up(&mut self, now: Moment, way: &UnderWay, all: bool, settled: &mut Vec<Settled>) {
        let failed = |recipient: &String| all || way.deferred.contains(recipient);
        let mut gone: Vec<(MailId, String, String)> = Vec::new();
        if self.keep > Span::ZERO && !way.deferred.is_empty() {
            for entry in self.entries.values() {
                if now.since(entry.mail.made) < self.keep {
                    continue;
                }
                let last = entry.last_answer.as_deref().or(self.trouble.as_deref());
                let why =
                    format!("gave up after {}; last answer: {}", self.keep, last.unwrap_or("none"));
                let open = entry.open.iter().filter(|r| failed(r));
                gone.extend(open.map(|r| (entry.mail.id, r.clone(), why.clone())));
            }
        }
        // The last resort against a full memory: what cannot be merged and cannot be sent.
        if self.bytes > OUTBOX_BYTES && self.merge_candidates().is_none() {
            let mut over = self.bytes.saturating_sub(OUTBOX_BYTES);
            for entry in self.entries.values() {
                over = over.saturating_sub(entry.mail.bytes.len());
                let why = format!("given up: more than {} MiB of mail wait", OUTBOX_BYTES >> 20);
                gone.extend(entry.open.iter().map(|r| (entry.mail.id, r.clone(), why.clone())));
                if over == 0 {
                    break;
                }
            }
        }
        for (id, recipient, why) in gone {
            settled.extend(self.settle(id, &recipient, Fate::Refused(why)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Stamp;

    fn mail(id: u64, contact: &str, recipients: &[&str]) -> Arc<Mail> {
        Arc::new(Mail {
            id: MailId(id),
            contact: contact.to_owned(),
            form: Form::Mail,
            message_id: format!("<{id}@h>"),
            subject: format!("mail {id}"),
            from: "hw@h".to_owned(),
            recipients: recipients.iter().map(|r| (*r).to_owned()).collect(),
            bytes: "x".repeat(100),
            made: Moment(id),
            made_wall: Stamp(0),
        })
    }

    fn put(outbox: &mut Outbox, mail: Arc<Mail>) {
        let id = mail.id;
        outbox.push(mail, &[]);
        outbox.release(id);
    }

    fn report(id: u64, fates: &[(&str, Fate)], trouble: Option<&str>) -> DeliveryReport {
        DeliveryReport {
            mail: MailId(id),
            recipients: fates.iter().map(|(r, f)| ((*r).to_owned(), f.clone())).collect(),
            done: true,
            trouble: trouble.map(str::to_owned),
        }
    }

    fn accepted() -> Fate {
        Fate::Accepted("250 ok".to_owned())
    }
    fn deferred() -> Fate {
        Fate::Deferred("450 later".to_owned())
    }

    #[test]
    fn nothing_goes_out_before_it_is_durable_and_nothing_overtakes() {
        let mut outbox = Outbox::new(Span::from_secs(86_400));
        outbox.push(mail(1, "ops", &["a"]), &[]);
        put(&mut outbox, mail(2, "ops", &["a", "b"]));
        let attempt = outbox.next(Moment(10)).unwrap();
        assert_eq!((attempt.mail.id, attempt.recipients), (MailId(2), vec!["b".to_owned()]));
        assert!(outbox.next(Moment(10)).is_none(), "one attempt at a time");
        assert!(outbox.next_due().is_none());
        assert_eq!(outbox.report(Moment(11), &report(2, &[("b", accepted())], None)).len(), 1);
        assert!(outbox.next(Moment(12)).is_none(), "mail 1 is not durable");
        outbox.release(MailId(1));
        assert_eq!(outbox.next(Moment(13)).unwrap().mail.id, MailId(1));
        outbox.report(Moment(14), &report(1, &[("a", accepted())], None));
        assert_eq!(outbox.next(Moment(15)).unwrap().recipients, ["a"]);
        outbox.report(Moment(16), &report(2, &[("a", accepted())], None));
        assert!(outbox.is_empty());
    }

    #[test]
    fn a_day_without_a_server_retries_soon_and_then_every_quarter_of_an_hour() {
        let mut outbox = Outbox::new(Span::from_secs(7 * 86_400));
        put(&mut outbox, mail(1, "ops", &["a"]));
        let mut now = Moment(0);
        let mut starts = Vec::new();
        while now < Moment(0) + Span::from_secs(86_400) {
            now = outbox.next_due().unwrap().max(now);
            starts.push(now);
            assert_eq!(outbox.next(now).unwrap().mail.id, MailId(1));
            // A server that stalls until the deadline.
            now = now + Span::from_secs(if starts.len() % 2 == 0 { 300 } else { 1 });
            assert!(outbox.report(now, &report(1, &[], Some("no connection"))).is_empty());
            assert_eq!(outbox.trouble(), Some("no connection"));
        }
        let gaps: Vec<u64> =
            starts.windows(2).map(|w| w[1].since(w[0]).as_millis() / 1000).collect();
        assert!(gaps[0] <= 60, "{gaps:?}");
        assert!(gaps.iter().all(|gap| *gap <= 900), "{gaps:?}");
        assert_eq!(&gaps[..6], [31, 330, 120, 330, 600, 900]);
        assert_eq!(outbox.waiting()[0].attempts as usize, starts.len());
    }

    #[test]
    fn a_deferred_recipient_waits_alone_and_a_refused_one_is_settled() {
        let mut outbox = Outbox::new(Span::from_secs(86_400));
        put(&mut outbox, mail(1, "ops", &["grey", "dead", "good"]));
        put(&mut outbox, mail(2, "ops", &["grey", "dead", "good"]));
        outbox.next(Moment(0)).unwrap();
        let refused = Fate::Refused("550 no such user".to_owned());
        let settled = outbox.report(
            Moment(100),
            &report(
                1,
                &[("grey", deferred()), ("dead", refused.clone()), ("good", accepted())],
                None,
            ),
        );
        assert_eq!(settled.len(), 2);
        assert_eq!(settled[0].fate, refused);
        let attempt = outbox.next(Moment(100)).unwrap();
        assert_eq!(attempt.recipients, ["dead", "good"], "the second mail goes on without grey");
        outbox.report(Moment(200), &report(2, &[("dead", refused), ("good", accepted())], None));
        assert!(outbox.next(Moment(200)).is_none());
        assert_eq!(outbox.next_due(), Some(Moment(30_100)));
        assert_eq!(
            outbox.next(Moment(30_100)).unwrap().mail.id,
            MailId(1),
            "grey gets mail 1 first"
        );
    }

    #[test]
    fn flush_tries_now_even_when_asked_during_an_attempt() {
        let mut outbox = Outbox::new(Span::from_secs(86_400));
        put(&mut outbox, mail(1, "ops", &["a"]));
        outbox.next(Moment(0)).unwrap();
        outbox.report(Moment(1), &report(1, &[], Some("down")));
        assert!(outbox.next(Moment(2)).is_none());
        outbox.flush(Moment(2));
        outbox.next(Moment(2)).unwrap();
        outbox.flush(Moment(3));
        outbox.report(Moment(4), &report(1, &[], Some("down")));
        assert!(outbox.next(Moment(4)).is_some());
    }

    #[test]
    fn old_mail_is_given_up_visibly_but_never_untried() {
        let mut outbox = Outbox::new(Span::from_secs(10));
        put(&mut outbox, mail(1, "ops", &["a"]));
        put(&mut outbox, mail(2, "ops", &["a"]));
        put(&mut outbox, mail(60_000, "ops", &["a"]));
        outbox.next(Moment(60_000)).unwrap();
        let settled = outbox.report(Moment(60_001), &report(1, &[], Some("no route")));
        let gone: Vec<u64> = settled.iter().map(|s| s.mail.0).collect();
        assert_eq!(gone, [1, 2]);
        assert_eq!(
            settled[0].fate,
            Fate::Refused("gave up after 10s; last answer: no route".to_owned())
        );
        assert_eq!(outbox.waiting().len(), 1);
    }

    #[test]
    fn more_than_a_hundred_waiting_become_one_that_none_saw_before() {
        let mut outbox = Outbox::new(Span::from_secs(86_400));
        for id in 1..=102 {
            put(&mut outbox, mail(id, "ops", &["a"]));
            put(&mut outbox, mail(1000 + id, "dba", &["b"]));
        }
        // The first was handed to a server that hung up: it stays as it is.
        outbox.next(Moment(0)).unwrap();
        assert_eq!(
            outbox.merge_candidates().unwrap().1.len(),
            102,
            "dba's mails; ops' has one under way"
        );
        outbox.report(Moment(1), &report(1, &[("a", deferred())], Some("hung up")));
        outbox.may_have_left(MailId(1050));
        let (contact, mails) = outbox.merge_candidates().unwrap();
        assert_eq!((contact.as_str(), mails.len(), mails[0].id), ("ops", 101, MailId(2)));
        let ids: Vec<MailId> = mails.iter().map(|m| m.id).collect();
        assert_eq!(outbox.replace(&ids, mail(5000, "ops", &["a"])), ids);
        assert!(outbox.merge_candidates().is_none(), "dba's run after 1050 is short");
        outbox.flush(Moment(2));
        assert_eq!(outbox.next(Moment(2)).unwrap().mail.id, MailId(1));
        outbox.report(Moment(3), &report(1, &[("a", accepted())], None));
        assert_eq!(outbox.next(Moment(4)).unwrap().mail.id, MailId(1001), "5000 is not released");
        assert!(outbox.replace(&[MailId(1001)], mail(6000, "dba", &["b"])).is_empty());
    }

    #[test]
    fn a_pause_that_is_asked_for_is_kept_within_bounds() {
        let mut outbox = Outbox::new(Span::from_secs(86_400));
        put(&mut outbox, mail(1, "phone", &["webhook:phone"]));
        put(&mut outbox, mail(2, "pager", &["webhook:pager"]));
        let wait = |seconds| Fate::Delayed("429".to_owned(), Span::from_secs(seconds));
        let mut now = Moment(0);
        for (asked, due) in [(120, 120), (1, 60), (86_400, 3600)] {
            let attempt = outbox.next(now).unwrap();
            assert_eq!(attempt.mail.id, MailId(1));
            assert!(
                outbox.report(now, &report(1, &[("webhook:phone", wait(asked))], None)).is_empty()
            );
            if asked == 120 {
                assert_eq!(outbox.next(now).unwrap().mail.id, MailId(2), "the other does not wait");
                outbox.report(now, &report(2, &[("webhook:pager", accepted())], None));
            }
            assert_eq!(outbox.next_due(), Some(now + Span::from_secs(due)), "{asked}");
            now = now + Span::from_secs(due);
        }
    }

    #[test]
    fn a_late_word_of_an_attempt_given_up_counts() {
        let mut outbox = Outbox::new(Span::from_secs(86_400));
        put(&mut outbox, mail(1, "ops", &["a", "b"]));
        outbox.next(Moment(0)).unwrap();
        outbox.report(Moment(1), &report(1, &[], Some("killed")));
        let settled =
            outbox.report(Moment(2), &report(1, &[("a", accepted()), ("b", deferred())], None));
        assert_eq!(settled.len(), 1);
        assert_eq!(outbox.next_due(), Some(Moment(30_001)), "the pause stands");
    }
}
