//! What an outlet has done and lost so far, what is wrong with it, and what was said of that. Pure.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

use crate::forward::health::{Health, Trouble};
use crate::model::batch::OutletNumbers;
use crate::model::limit::{FORWARD_WORDS, FORWARD_WORDS_CHARS};
use crate::model::time::{Moment, Now, Stamp};

/// What is wrong, and since when.
#[derive(Debug)]
struct Told {
    since: Moment,
    text: String,
    misconfigured: bool,
}

/// How one outlet stands.
#[derive(Debug, Default)]
pub(super) struct Standing {
    sent: u64,
    dropped: BTreeMap<&'static str, u64>,
    lost_values: u64,
    last_sent: Option<Stamp>,
    up: bool,
    /// Of the latest attempt.
    failing: Option<Told>,
    /// Why batches are held.
    held: Option<Told>,
    words: Vec<String>,
    said: VecDeque<String>,
}

impl Standing {
    pub(super) fn sent(&mut self, now: Now) {
        self.sent = self.sent.saturating_add(1);
        self.last_sent = Some(now.wall);
    }

    pub(super) fn lose(&mut self, reason: &'static str, parcels: u64) {
        if parcels > 0 {
            let count = self.dropped.entry(reason).or_default();
            *count = count.saturating_add(parcels);
        }
    }

    pub(super) fn lose_values(&mut self, values: usize) {
        let values = u64::try_from(values).unwrap_or(u64::MAX);
        self.lost_values = self.lost_values.saturating_add(values);
    }

    pub(super) fn works(&mut self) {
        self.up = true;
        self.failing = None;
    }

    pub(super) fn fails(&mut self, now: Now, why: &str, misconfigured: bool) {
        self.up = false;
        tell(&mut self.failing, now, why, misconfigured);
    }

    /// Whatever it is sent, it refuses.
    pub(super) fn refuses(&mut self, now: Now, why: &str) {
        let text = format!("the receiver refuses everything it is sent: {why}");
        tell(&mut self.failing, now, &text, true);
    }

    pub(super) fn holds(&mut self, now: Now, why: &str) {
        tell(&mut self.held, now, why, false);
    }

    pub(super) fn holds_nothing(&mut self) {
        self.held = None;
    }

    pub(super) fn forget_trouble(&mut self) {
        self.failing = None;
        self.held = None;
    }

    pub(super) fn health(
        &self,
        now: Now,
        name: &str,
        (waiting, waiting_bytes): (u64, u64),
    ) -> Health {
        let numbers = OutletNumbers {
            name: name.to_owned(),
            waiting,
            waiting_bytes,
            sent: self.sent,
            dropped: self.dropped.iter().map(|(why, n)| (Cow::Borrowed(*why), *n)).collect(),
            last_sent: self.last_sent,
            up: self.up,
        };
        let trouble = self.failing.as_ref().or(self.held.as_ref()).map(|told| Trouble {
            since: now.wall_at(told.since),
            lasting: now.moment.since(told.since),
            text: told.text.clone(),
            misconfigured: told.misconfigured,
        });
        Health { numbers, lost_values: self.lost_values, trouble }
    }

    /// Says something that was not said lately.
    pub(super) fn say(&mut self, text: &str) {
        let text = short(text);
        if self.said.contains(&text) {
            return;
        }
        self.said.push_back(text.clone());
        self.words.push(text);
        if self.said.len() > FORWARD_WORDS {
            self.said.pop_front();
        }
        if self.words.len() > FORWARD_WORDS {
            self.words.remove(0);
        }
    }

    pub(super) fn take_words(&mut self) -> Vec<String> {
        std::mem::take(&mut self.words)
    }
}

/// Keeps since when something is wrong, whatever the words are by now.
fn tell(told: &mut Option<Told>, now: Now, text: &str, misconfigured: bool) {
    let since = told.as_ref().map_or(now.moment, |told| told.since);
    *told = Some(Told { since, text: short(text), misconfigured });
}

fn short(text: &str) -> String {
    text.chars().take(FORWARD_WORDS_CHARS).collect()
}
