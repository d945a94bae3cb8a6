//! Mail that waits for its hour: kept back by a route until its hours are over, or by a silence. Owns
//! the rule of holding. What is held stays owed and stored; it is told late or, where it was over
//! before anybody heard of it under a silence, noted for the daily digest.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::model::evidence::Row;
use crate::model::limit::BLIPS;
use crate::model::state::State;
use crate::model::time::{Moment, Stamp};
use crate::notify::notice::{Cause, Notice};
use crate::notify::when::Zone;

use super::Engine;
use super::event::Effect;

/// Head of the line of a mail that says until when it was held.
const HELD: &str = "held";

/// Who keeps a notice back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Holder {
    /// A route, by this schedule.
    Schedule(String),
    /// The silence of this number.
    Silence(u64),
}

/// That a notice waits, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hold {
    pub(super) by: Holder,
    /// On the timeline: never later, whatever is done to the wall clock.
    pub(super) until: Moment,
    /// On the wall clock: once that is past, the hours are over.
    pub(super) wall: Stamp,
}

/// Whether a notice tells that something is over.
pub(super) fn is_over(notice: &Notice) -> bool {
    match notice.cause {
        Cause::Recovered | Cause::Closed => true,
        Cause::Steady => notice.state == State::Ok,
        _ => false,
    }
}

/// Whether nobody was mailed of what a notice says to be over.
fn is_blip(notice: &Notice) -> bool {
    is_over(notice) && notice.root.is_none() && notice.seq <= 1
}

/// Whether a route has kept a notice back.
fn was_held(notice: &Notice) -> bool {
    notice.remarks.iter().any(|row| row.amount == HELD)
}

impl Engine {
    /// Whether a notice must wait.
    pub(super) fn hold_for(&self, notice: &Notice) -> Option<Hold> {
        self.silence_hold(notice).or_else(|| self.schedule_hold(notice))
    }

    /// Kept back by a silence. Who was mailed of a problem hears of its end all the same.
    pub(super) fn silence_hold(&self, notice: &Notice) -> Option<Hold> {
        let silence = self.quiet.silence(&notice.id, self.now.moment)?;
        (!is_over(notice) || is_blip(notice)).then(|| Hold {
            by: Holder::Silence(silence.number),
            until: silence.until,
            wall: self.now.wall_at_or_after(silence.until),
        })
    }

    /// Kept back by a route. The end of a problem waits as the problem itself would.
    fn schedule_hold(&self, notice: &Notice) -> Option<Hold> {
        if self.plan.routing.routes.is_empty() {
            return None;
        }
        let watch = self.watches.get(*self.ids.get(&notice.id)?)?;
        let told = watch.told_of(&notice.contact);
        let about = match (notice.state, told) {
            (State::Ok, Some(told)) if told.level == State::Ok && told.lost => State::Unknown,
            (State::Ok, told) => told?.level,
            (state, _) => state,
        };
        let (plan, wall) = (&self.plan, self.now.wall);
        let route = plan.routing.find(&plan.host, &watch.check, &watch.found, about, wall);
        let (until, schedule) = route?.1?;
        Some(Hold {
            by: Holder::Schedule(schedule.to_owned()),
            until: self.now.moment + wall.until(until),
            wall: until,
        })
    }

    /// Keeps back what waits and falls under a silence that was just made.
    pub(super) fn hold_what_waits(&mut self) {
        let mut held = Vec::new();
        for (contact, desk) in &self.desks {
            for (number, notice) in desk.waiting() {
                let hold = self.silence_hold(notice).filter(|_| desk.hold_of(*number).is_none());
                held.extend(hold.map(|hold| (contact.clone(), *number, hold)));
            }
        }
        for (contact, number, hold) in held {
            let Some(desk) = self.desks.get_mut(&contact) else { continue };
            desk.hold(number, hold);
            self.pending.owed.insert(number);
        }
    }

    fn is_hold_over(&self, hold: &Hold) -> bool {
        match &hold.by {
            Holder::Schedule(_) => hold.until <= self.now.moment || hold.wall <= self.now.wall,
            Holder::Silence(number) => {
                hold.until <= self.now.moment
                    || self.quiet.numbered(*number).is_none_or(|silence| silence.over)
            }
        }
    }

    /// Lets go what need not wait any more.
    pub(super) fn release_held(&mut self, effects: &mut Vec<Effect>) {
        let mut ended = Vec::new();
        for (contact, desk) in &self.desks {
            for (number, hold) in desk.held() {
                if self.is_hold_over(hold)
                    && let Some(notice) = desk.waiting().get(number)
                {
                    ended.push((contact.clone(), *number, hold.clone(), notice.clone()));
                }
            }
        }
        for (contact, number, hold, notice) in ended {
            self.release_one(&contact, number, &hold, notice, effects);
        }
    }

    fn release_one(
        &mut self,
        contact: &str,
        number: u64,
        hold: &Hold,
        notice: Notice,
        effects: &mut Vec<Effect>,
    ) {
        let now = self.now;
        let next = match hold.by {
            // A clock that was set back would make hours of it that are over.
            Holder::Schedule(_) => self.silence_hold(&notice),
            Holder::Silence(_) => self.hold_for(&notice),
        };
        let row = self.held_row(hold);
        let Some(desk) = self.desks.get_mut(contact) else { return };
        let silenced = matches!(hold.by, Holder::Silence(_));
        if let Some(next) = next {
            desk.hold(number, next);
            if let Some(notice) = desk.waiting_mut(number).filter(|_| !silenced) {
                notice.remarks.push(row);
            }
            self.pending.owed.insert(number);
            return;
        }
        if silenced && is_blip(&notice) && !was_held(&notice) {
            let line = format!("{}: was {} for {}", notice.id, notice.worst_state, notice.lasted);
            desk.remove(number);
            self.pending.owed.remove(&number);
            self.pending.dropped.push(number);
            if self.blips.len() >= BLIPS {
                self.blips.pop_front();
            }
            let why = format!("{line}, under a silence");
            effects.push(Effect::Log { level: tracing::Level::INFO, line: why });
            self.blips.push_back((notice.contact, notice.at_wall, line));
            return;
        }
        desk.release(number, now.moment);
        self.pending.owed.insert(number);
        if silenced && let Some(fresh) = self.unsilenced(&notice, &row) {
            self.lay_down(fresh, None);
            return;
        }
        let Some(notice) = self.desks.get_mut(contact).and_then(|desk| desk.waiting_mut(number))
        else {
            return;
        };
        notice.remarks.push(row);
        let told = matches!(
            notice.cause,
            Cause::Problem | Cause::Worse | Cause::Another | Cause::Better | Cause::Lost
        );
        if silenced && told {
            notice.cause = Cause::Unsilenced;
        }
    }

    /// What is still bad when a silence ends, as it is now and not as it was when it was kept back.
    fn unsilenced(&mut self, old: &Notice, row: &Row) -> Option<Notice> {
        let bad = |state| matches!(state, State::Warning | State::Critical);
        let told = matches!(
            old.cause,
            Cause::Problem | Cause::Worse | Cause::Another | Cause::Better | Cause::Reminder
        );
        let ix = *self.ids.get(&old.id)?;
        let watch = self.watches.get(ix)?;
        let same = watch.episode.as_deref().is_some_and(|e| e.number == old.episode);
        if !(same && told && bad(watch.state) && bad(old.state) && watch.is_seen()) {
            return None;
        }
        let mut notice = self.notice(watch, &old.contact, Cause::Unsilenced, self.now.moment);
        let state = watch.state;
        notice.remarks.push(row.clone());
        notice.remarks.extend(self.ack_remark(&notice));
        let entry = self.watches.get_mut(ix)?.told_mut(&old.contact)?;
        (entry.level, entry.last) = (state, state);
        (entry.from, entry.reminded) = (Some(self.now.moment), 0);
        self.pending.kept.insert(ix);
        Some(notice)
    }

    /// `held until 07:00 by schedule night`, as a line of a mail.
    fn held_row(&self, hold: &Hold) -> Row {
        let zone = Zone::named(&self.plan.host.timezone);
        match &hold.by {
            Holder::Schedule(name) => Row {
                amount: HELD.to_owned(),
                text: format!("until {} by schedule {name}", zone.short(hold.wall)),
            },
            Holder::Silence(number) => {
                let end = zone.short(self.now.wall);
                let text = match self.quiet.numbered(*number) {
                    Some(silence) => {
                        format!("silenced by {} until {end}: {}", silence.author, silence.reason)
                    }
                    None => format!("silenced until {end}"),
                };
                Row { amount: "quiet".to_owned(), text }
            }
        }
    }

    /// When something that is held is due next.
    pub(super) fn holds_due(&self) -> Option<Moment> {
        self.desks.values().flat_map(|desk| desk.held().values()).map(|hold| hold.until).min()
    }

    /// Takes what was over before a contact heard of it, for the daily digest: what became bad and
    /// good again within one night of quiet hours, and under a silence. What nobody takes is mailed
    /// when the hours are over; of what was silenced the latest are kept, as long as the agent runs.
    pub fn take_blips(&mut self, contact: &str) -> Vec<(Stamp, String)> {
        let (mine, others) =
            std::mem::take(&mut self.blips).into_iter().partition(|(name, ..)| name == contact);
        self.blips = others;
        let mine: VecDeque<(String, Stamp, String)> = mine;
        let mut blips: Vec<(Stamp, String)> =
            mine.into_iter().map(|(_, at, line)| (at, line)).collect();
        let Some(desk) = self.desks.get_mut(contact) else { return blips };
        // One that the end of its hours has let go a moment ago is still here.
        let held = desk.waiting().iter().filter(|(number, notice)| {
            is_blip(notice) && (desk.hold_of(**number).is_some() || was_held(notice))
        });
        let numbers: Vec<u64> = held.map(|(number, _)| *number).collect();
        for number in numbers {
            let Some(notice) = desk.remove(number) else { continue };
            self.pending.owed.remove(&number);
            self.pending.dropped.push(number);
            let line = format!("{}: was {} for {}", notice.id, notice.worst_state, notice.lasted);
            blips.push((notice.at_wall, line));
        }
        blips.sort();
        blips
    }
}
