//! The daily digest: when it is due, its number, and what it says. Owns the number, which goes to
//! the journal in one transaction with the mail that bears it: it never skips and never repeats.
//!
//! It is due when a clock on the wall shows its time. The day is counted on the timeline, so that
//! a clock that is set makes no second digest of a day and leaves none out: the next one is due at
//! the first such time that is half a day or more after the last.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::id::Id;
use crate::model::limit::{CLOCK_STEP_MS, DIGEST_NAMES, NOTICES_PER_MAIL};
use crate::model::state::State;
use crate::model::time::{Moment, Stamp};
use crate::model::unit::Span;
use crate::notify::digest::SilencedRow;
use crate::notify::digest::{self, AgentNews, Changes, Counts, Digest, HeldRow, OpenRow};
use crate::notify::mail::MailId;
use crate::notify::notice::{Cause, Notice};
use crate::notify::when::Zone;

use super::event::Effect;
use super::record::{self, Posted};
use super::status::Quieted;
use super::watch::Watch;
use super::{Engine, Sent, facts};

/// Two digests are never closer than this, whatever the clock does.
const HALF_A_DAY: Span = Span::from_secs(12 * 3600);
/// How long after a start a digest waits for readings, if it is due by then.
const WARM_UP: Span = Span::from_secs(45);
/// How long after its time a reader should wait for a digest: mail has its detours.
const GRACE: Span = Span::from_secs(2 * 3600);
/// A digest that is this late says so.
const LATE: Span = Span::from_secs(300);
/// How long before a digest is asked what will be bad soon.
const FORESEE_BEFORE: Span = Span::from_secs(120);

/// What the digests of one contact go by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ledger {
    /// Number of the latest; 0 before the first.
    number: u64,
    /// When the latest was due; before the first, since when there is to be one.
    at: Moment,
    /// Problems that were told since then, and how many ended.
    #[serde(default)]
    problems: u64,
    #[serde(default)]
    recoveries: u64,
    /// What changed too often, and how many times.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    flapping: Vec<(String, u32)>,
}

/// What was counted last, so that a change that several contacts are told of counts once.
type Counted = (Id, u64, bool);

/// All digests.
#[derive(Debug, Default)]
pub(super) struct Digests {
    ledgers: BTreeMap<String, Ledger>,
    /// Whose ledger is to be stored.
    changed: BTreeSet<String>,
    counted: Option<Counted>,
    /// When each is due on the wall, and by how much wall and timeline were apart then.
    due: BTreeMap<String, (Stamp, i64)>,
    /// Runs of checks when the latest was sent: made, and left out.
    runs: BTreeMap<String, (u64, u64)>,
    /// When the agent started.
    started: Moment,
    /// What will be bad soon, as whoever keeps the past says.
    pub(super) soon: Vec<String>,
    /// For the digests of which moment that was asked.
    foresaw: Option<Stamp>,
}

impl Digests {
    pub(super) fn new(ledgers: BTreeMap<String, Ledger>, started: Moment) -> Self {
        Self { ledgers, started, ..Self::default() }
    }

    /// Ledgers that changed, for the next frame.
    pub(super) fn take_changed(&mut self) -> BTreeMap<String, Ledger> {
        let names = std::mem::take(&mut self.changed);
        let ledger = |name: String| Some((name.clone(), self.ledgers.get(&name)?.clone()));
        names.into_iter().filter_map(ledger).collect()
    }

    /// Every ledger, for a new journal.
    pub(super) fn ledgers(&self) -> &BTreeMap<String, Ledger> {
        &self.ledgers
    }

    /// Forgets what followed from the configuration that was.
    pub(super) fn reload(&mut self) {
        self.due.clear();
    }

    /// Counts what a notice tells, for every reader of digests.
    pub(super) fn count(&mut self, notice: &Notice) {
        let over = match notice.cause {
            Cause::Problem | Cause::Lost if notice.seq == 1 => false,
            Cause::Flapping => false,
            Cause::Recovered | Cause::Closed => true,
            Cause::Steady if notice.state == State::Ok => true,
            _ => return,
        };
        let now = (notice.id.clone(), notice.episode, over);
        if notice.cause != Cause::Flapping && self.counted.replace(now.clone()) == Some(now) {
            return;
        }
        for (name, ledger) in &mut self.ledgers {
            match (notice.cause, over) {
                (Cause::Flapping, _) => {
                    let full = ledger.flapping.len() >= DIGEST_NAMES;
                    let known =
                        ledger.flapping.iter_mut().find(|(title, _)| *title == notice.title);
                    match known {
                        Some((_, times)) => *times = (*times).max(notice.changes),
                        None if !full => {
                            ledger.flapping.push((notice.title.clone(), notice.changes));
                        }
                        None => {}
                    }
                }
                (_, true) => ledger.recoveries = ledger.recoveries.saturating_add(1),
                (_, false) => ledger.problems = ledger.problems.saturating_add(1),
            }
            self.changed.insert(name.clone());
        }
    }
}

impl Engine {
    /// Sends the digests that are due.
    pub(super) fn care_for_digests(&mut self, effects: &mut Vec<Effect>) {
        let Some(plan) = &self.plan.mail.digest else { return };
        for contact in plan.to.clone() {
            if !self.plan.contacts.contains_key(&contact) {
                continue;
            }
            if !self.digests.ledgers.contains_key(&contact) {
                let ledger = Ledger { at: self.now.moment, ..Ledger::default() };
                self.digests.ledgers.insert(contact.clone(), ledger);
                self.digests.changed.insert(contact.clone());
            }
            let due = self.plan_digest(&contact);
            if let Some(due) = due
                && due.minus(FORESEE_BEFORE) <= self.now.wall
                && self.digests.foresaw != Some(due)
            {
                self.digests.foresaw = Some(due);
                effects.push(Effect::Foresee);
            }
            let warm = self.now.moment >= self.digests.started + WARM_UP;
            if warm && due.is_some_and(|due| due <= self.now.wall) {
                self.send_digest(&contact, effects);
                self.plan_digest(&contact);
            }
        }
    }

    /// When digests need attention next.
    pub(super) fn digests_due(&self) -> Option<Moment> {
        self.plan.mail.digest.as_ref()?;
        let due = self.digests.due.values().map(|(due, _)| *due).min()?;
        let ask = Some(due.minus(FORESEE_BEFORE)).filter(|_| self.digests.foresaw != Some(due));
        let next = ask.filter(|ask| *ask > self.now.wall).unwrap_or(due);
        let at = self.now.moment + self.now.wall.until(next);
        Some(if due <= self.now.wall { self.digests.started + WARM_UP } else { at })
    }

    /// Finds out when a contact's next digest is due, if that is not known or the clock was set.
    fn plan_digest(&mut self, contact: &str) -> Option<Stamp> {
        let apart = apart(self.now.moment, self.now.wall);
        if let Some((due, before)) = self.digests.due.get(contact)
            && apart.abs_diff(*before) < CLOCK_STEP_MS
        {
            return Some(*due);
        }
        let at = self.plan.mail.digest.as_ref()?.at;
        let ledger = self.digests.ledgers.get(contact)?;
        let zone = Zone::named(&self.plan.host.timezone);
        let last = self.now.wall_at_or_after(ledger.at);
        let after = if ledger.number == 0 { last } else { later(last, HALF_A_DAY) };
        let due = zone.next(at, after);
        self.digests.due.insert(contact.to_owned(), (due, apart));
        Some(due)
    }

    /// Sends one digest. Of several that were missed it is the last; they were none, so that their
    /// numbers were not used.
    fn send_digest(&mut self, name: &str, effects: &mut Vec<Effect>) {
        let (Some(plan), Some(contact)) =
            (self.plan.mail.digest.as_ref(), self.plan.contacts.get(name).cloned())
        else {
            return;
        };
        let Some((mut due, _)) = self.digests.due.remove(name) else { return };
        let zone = Zone::named(&self.plan.host.timezone);
        let mut next = zone.next(plan.at, later(due, HALF_A_DAY));
        while next <= self.now.wall {
            due = next;
            next = zone.next(plan.at, later(due, HALF_A_DAY));
        }
        let Some(before) = self.digests.ledgers.get(name).cloned() else { return };
        let blips = self.take_blips(name);
        let digest = self.digest(name, &before, (due, next), blips);
        let head = self.letterhead(&[]);
        let id = MailId(self.numbers.mail);
        self.numbers.mail += 1;
        let mail = Arc::new(digest::compose_digest(&head, name, &contact, &digest, id, self.now));
        let ledger = Ledger {
            number: digest.number,
            at: self.now.moment - due.until(self.now.wall),
            ..Ledger::default()
        };
        self.digests.ledgers.insert(name.to_owned(), ledger.clone());
        self.digests.changed.remove(name);
        let counted = (self.schedule.runs, self.schedule.skipped);
        self.digests.runs.insert(name.to_owned(), counted);
        self.outbox.push(Arc::clone(&mail), &[]);
        let posted = Posted {
            mail: (*mail).clone(),
            also: Vec::new(),
            tells: Vec::new(),
            merges: Vec::new(),
            settled: Vec::new(),
            digest: Some((name.to_owned(), ledger)),
        };
        self.mails.insert(id, Sent { mail, settled: Vec::new(), accepted: false });
        self.write(record::POSTED, &posted, true, vec![id], effects);
    }

    /// Who cares for an open problem, or wants no mail of it.
    fn digest_remark(&self, watch: &Watch) -> String {
        match self.quieted(watch) {
            (_, Some(ack)) => format!("acked ({})", ack.by),
            (Some(silence), None) => format!("silenced ({})", silence.by),
            (None, None) => String::new(),
        }
    }

    /// What a digest says.
    fn digest(
        &self,
        name: &str,
        ledger: &Ledger,
        (due, next): (Stamp, Stamp),
        blips: Vec<(Stamp, String)>,
    ) -> Digest {
        let now = self.now;
        let last = now.wall_at(ledger.at);
        let (mut open, mut counts) = (Vec::new(), Counts::default());
        for (ix, watch) in self.watches.iter() {
            match watch.state {
                State::Critical => counts.critical += 1,
                State::Unknown => counts.unknown += 1,
                State::Warning => counts.warning += 1,
                State::Ok => counts.ok += usize::from(watch.forced.is_none()),
            }
            // What gives no answer because of what stands before it is told by that.
            let told = watch.state == State::Unknown && !self.hear_elsewhere(ix).is_empty();
            if watch.state == State::Ok || told {
                continue;
            }
            let began = watch.episode.as_deref().map_or(watch.since, |episode| episode.began);
            open.push(OpenRow {
                state: watch.state,
                title: watch.found.title.clone(),
                fact: facts::fact(watch, facts::seen(&self.schedule, watch)),
                lasted: now.moment.since(began),
                remark: self.digest_remark(watch),
            });
        }
        let dormant = self.dormant.values().filter(|kept| kept.state != State::Ok);
        open.extend(dormant.map(|kept| OpenRow {
            state: kept.state,
            title: kept.title.clone(),
            fact: kept.summary.clone(),
            lasted: now.moment.since(kept.since),
            remark: "not read since the restart".to_owned(),
        }));
        open.sort_by_key(|row| {
            (std::cmp::Reverse(row.state.rank()), std::cmp::Reverse(row.lasted))
        });
        open.truncate(NOTICES_PER_MAIL);
        let mut held: Vec<HeldRow> =
            blips.into_iter().map(|(at, subject)| HeldRow { at, subject }).collect();
        if due.until(now.wall) >= LATE {
            let late = due.until(now.wall);
            let subject = format!("this digest, {late} late: the agent did not run at its time");
            held.push(HeldRow { at: due, subject });
        }
        let (runs, skipped) = self.digests.runs.get(name).copied().unwrap_or_default();
        Digest {
            number: ledger.number.saturating_add(1),
            at: due,
            next,
            late_after: later(next, GRACE),
            open,
            silenced: self.silenced().into_iter().map(silenced_row).collect(),
            changed: Changes {
                over: last.until(now.wall),
                problems: ledger.problems,
                recoveries: ledger.recoveries,
                flapping: ledger.flapping.clone(),
            },
            held,
            soon: self.digests.soon.clone(),
            agent: AgentNews {
                up: self.started.until(now.wall),
                checks_run: self.schedule.runs.saturating_sub(runs),
                late: self.schedule.skipped.saturating_sub(skipped),
                queue: self.outbox.waiting().len(),
                restarted: (self.started > last).then_some(self.started),
            },
            counts,
        }
    }
}

fn silenced_row(silence: Quieted) -> SilencedRow {
    SilencedRow { title: silence.what, reason: silence.reason, ends: silence.until }
}

/// How far the wall clock is ahead of the timeline.
fn apart(moment: Moment, wall: Stamp) -> i64 {
    wall.0.saturating_sub(i64::try_from(moment.0).unwrap_or(i64::MAX))
}

fn later(stamp: Stamp, span: Span) -> Stamp {
    Stamp(stamp.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
}
