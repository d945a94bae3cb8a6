//! What is on its way to the journal, and which mails wait for it. Owns the rule that mail waits
//! for the disk, but not for a disk that fails or does not answer.

use std::collections::VecDeque;

use crate::model::limit::{JOURNAL_COMPACT_BYTES, STORE_PATIENCE, STORE_RETRY};
use crate::model::time::Moment;
use crate::notify::mail::MailId;

use super::event::{Effect, WriteId};

/// A write that is not answered yet.
#[derive(Debug)]
struct Write {
    id: WriteId,
    at: Moment,
    releases: Vec<MailId>,
    /// Size of the journal after it, for a rewrite.
    rewrite: Option<u64>,
    given_up: bool,
}

/// Writes to the journal.
#[derive(Debug, Default)]
pub(super) struct Pen {
    next: u64,
    waiting: VecDeque<Write>,
    broken: Option<String>,
    retry_at: Moment,
    /// Bytes in the journal, and of them those that a rewrite left.
    size: u64,
    base: u64,
    /// The write that the latest frame became, if it was handed out at all.
    pub(super) latest: Option<WriteId>,
}

impl Pen {
    pub(super) fn new(size: u64, broken: Option<String>, now: Moment) -> Self {
        Self { size, broken, retry_at: now + STORE_RETRY, ..Self::default() }
    }

    /// Why nothing can be stored, if so.
    pub(super) fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// Whether a write has not been answered, and not been given up either.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting.iter().any(|write| !write.given_up)
    }

    /// Whether one write has not been answered, and not been given up either.
    pub(super) fn awaits(&self, id: WriteId) -> bool {
        self.waiting.iter().any(|write| write.id == id && !write.given_up)
    }

    /// Bytes in the journal.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Appends a frame. Returns the mails that need not wait for it.
    pub(super) fn append(
        &mut self,
        now: Moment,
        frame: Vec<u8>,
        sync: bool,
        releases: Vec<MailId>,
        effects: &mut Vec<Effect>,
    ) -> Vec<MailId> {
        // A journal that misses a frame is of no use until it is rewritten. While that is under
        // way, frames follow it in order.
        self.latest = None;
        if self.broken.is_some() && !self.waiting.iter().any(|write| write.rewrite.is_some()) {
            return releases;
        }
        let id = self.number();
        self.latest = Some(id);
        self.size += bytes(&frame);
        effects.push(Effect::Append { id, frame, sync });
        let (kept, at_once) =
            if self.broken.is_some() { (Vec::new(), releases) } else { (releases, Vec::new()) };
        self.waiting.push_back(Write {
            id,
            at: now,
            releases: kept,
            rewrite: None,
            given_up: false,
        });
        at_once
    }

    /// Replaces the journal.
    pub(super) fn rewrite(&mut self, now: Moment, frames: Vec<Vec<u8>>, fx: &mut Vec<Effect>) {
        let id = self.number();
        let size = frames.iter().map(|frame| bytes(frame)).sum();
        fx.push(Effect::Rewrite { id, frames });
        self.size = size;
        self.base = size;
        self.retry_at = now + STORE_RETRY;
        self.waiting.push_back(Write {
            id,
            at: now,
            releases: Vec::new(),
            rewrite: Some(size),
            given_up: false,
        });
    }

    /// Whether the journal should be replaced now: it is broken and may work again, or it is full
    /// of what is over.
    pub(super) fn wants_rewrite(&self, now: Moment) -> bool {
        if !self.waiting.is_empty() {
            return false;
        }
        match self.broken {
            Some(_) => now >= self.retry_at,
            None => self.size > self.base.saturating_mul(2).saturating_add(JOURNAL_COMPACT_BYTES),
        }
    }

    /// A write is on the disk. Returns the mails that waited for it.
    pub(super) fn stored(&mut self, id: WriteId) -> Vec<MailId> {
        let Some(write) = self.take(id) else { return Vec::new() };
        if write.rewrite.is_some() && !write.given_up {
            self.broken = None;
        }
        write.releases
    }

    /// A write failed. Returns the mails that waited for it: they go out from memory.
    pub(super) fn failed(&mut self, id: WriteId, why: String, now: Moment) -> Vec<MailId> {
        let Some(write) = self.take(id) else { return Vec::new() };
        if self.broken.is_none() {
            self.retry_at = now + STORE_RETRY;
        }
        self.broken = Some(why);
        write.releases
    }

    /// Gives up waiting for writes that hang. Returns the mails that waited for them.
    pub(super) fn give_up(&mut self, now: Moment) -> Vec<MailId> {
        let mut released = Vec::new();
        for write in &mut self.waiting {
            if !write.given_up && now.since(write.at) >= STORE_PATIENCE {
                write.given_up = true;
                released.append(&mut write.releases);
                if self.broken.is_none() {
                    self.broken = Some(format!("a write has not ended for {STORE_PATIENCE}"));
                    self.retry_at = now + STORE_RETRY;
                }
            }
        }
        released
    }

    /// When something has to be done if nothing is answered.
    pub(super) fn next(&self) -> Option<Moment> {
        let hang = self.waiting.iter().find(|w| !w.given_up).map(|w| w.at + STORE_PATIENCE);
        let retry = (self.broken.is_some() && self.waiting.is_empty()).then_some(self.retry_at);
        hang.into_iter().chain(retry).min()
    }

    fn number(&mut self) -> WriteId {
        self.next += 1;
        WriteId(self.next)
    }

    fn take(&mut self, id: WriteId) -> Option<Write> {
        let place = self.waiting.iter().position(|write| write.id == id)?;
        self.waiting.remove(place)
    }
}

fn bytes(frame: &[u8]) -> u64 {
    u64::try_from(frame.len()).unwrap_or(u64::MAX)
}
