//! The sign of life to a web address. Owns when it is given, when it is withheld, and the fault
//! `agent:heartbeat`. Like the watchdog's food it comes from the loop itself, and only while checks
//! are read and mail goes out: who misses it knows that something is wrong.

use crate::model::limit::{HEARTBEAT_MISSES, HEARTBEAT_PATIENCE};
use crate::model::time::Moment;

use super::agent::Fault;
use super::event::Effect;
use super::schedule::Doing;
use super::{Engine, grid};

/// The heartbeat as it goes.
#[derive(Debug, Default)]
pub(super) struct Heart {
    /// When the next is due; `None` before the first.
    next: Option<Moment>,
    /// Since when the end of one is awaited.
    waiting: Option<Moment>,
    /// Failures in a row.
    misses: u32,
    /// Whether it is withheld, which is logged once.
    withheld: bool,
}

impl Engine {
    /// Gives a sign of life when one is due, and gives up on one that never ended.
    pub(super) fn care_for_heartbeat(&mut self, effects: &mut Vec<Effect>) {
        let now = self.now.moment;
        let Some(plan) = &self.plan.mail.heartbeat else {
            self.heart = Heart::default();
            return;
        };
        let (url, every, token) = (plan.url.clone(), plan.every, plan.token.clone());
        if self.heart.waiting.is_some_and(|since| now >= since + HEARTBEAT_PATIENCE) {
            self.beaten(Err(format!("no answer within {HEARTBEAT_PATIENCE}")), effects);
        }
        let next = *self.heart.next.get_or_insert_with(|| grid(now, every));
        if now < next {
            return;
        }
        self.heart.next = Some(grid(now, every));
        let why = self.unwell();
        if let Some(why) = why {
            if !std::mem::replace(&mut self.heart.withheld, true) {
                let line = format!("no heartbeat is sent: {why}");
                effects.push(Effect::Log { level: tracing::Level::WARN, line });
            }
            return;
        }
        if std::mem::take(&mut self.heart.withheld) {
            let line = "heartbeats are sent again".to_owned();
            effects.push(Effect::Log { level: tracing::Level::INFO, line });
        }
        if self.heart.waiting.is_none() {
            self.heart.waiting = Some(now);
            effects.push(Effect::Beat { url, token });
        }
    }

    /// Why no sign of life may be given, if so.
    fn unwell(&self) -> Option<&'static str> {
        let mut sources = self.schedule.sources.values().peekable();
        let stuck = |doing: &Doing| matches!(doing, Doing::Stuck { .. });
        if self.stuck.is_some() {
            Some("mail does not go out")
        } else if sources.peek().is_some() && sources.all(|source| stuck(&source.doing)) {
            Some("no check gives an answer")
        } else {
            None
        }
    }

    /// What became of a sign of life.
    pub(super) fn beaten(&mut self, result: Result<(), String>, effects: &mut Vec<Effect>) {
        if self.heart.waiting.take().is_none() {
            // Given up before, or asked for by a configuration that is gone.
            return;
        }
        match result {
            Ok(()) => {
                self.heart.misses = 0;
                self.set_fault(&Fault::Heartbeat, None, effects);
            }
            Err(why) => {
                if self.heart.misses == 0 {
                    let line = format!("the heartbeat was not taken: {why}");
                    effects.push(Effect::Log { level: tracing::Level::WARN, line });
                }
                self.heart.misses = self.heart.misses.saturating_add(1);
                if self.heart.misses >= HEARTBEAT_MISSES {
                    let text = format!("{} heartbeats in a row were not taken: {why}", {
                        self.heart.misses
                    });
                    self.set_fault(&Fault::Heartbeat, Some(text), effects);
                }
            }
        }
    }

    /// When the heartbeat needs attention next.
    pub(super) fn heartbeat_due(&self) -> Option<Moment> {
        self.plan.mail.heartbeat.as_ref()?;
        let given_up = self.heart.waiting.map(|since| since + HEARTBEAT_PATIENCE);
        self.heart.next.into_iter().chain(given_up).min()
    }
}
