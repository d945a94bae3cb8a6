//! Frames: when what is written. Owns the transaction (a transition and what is owed because of it
//! are one frame), the checkpoint, the rewrite, and the fault `agent:state`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::limit::{CHECKPOINT_EVERY, JOURNAL_COMPACT_BYTES};
use crate::model::state::State;
use crate::notify::mail::MailId;
use crate::notify::notice::Notice;

use super::agent::Fault;
use super::desk::Desk;
use super::event::Effect;
use super::facts;
use super::holding::Hold;
use super::kept::Kept;
use super::record::{self, Posted, Turn};
use super::watch::WatchIx;
use super::{Engine, grid};

/// Watches or notices in one frame, so that it stays far below `JOURNAL_FRAME_BYTES`.
const PER_FRAME: usize = 4000;

/// A record without a body.
#[derive(Debug, Serialize)]
struct Mark {}

impl Engine {
    /// Writes the mark of a start, so that the next one can tell a crash; rewrites a journal that
    /// is mostly over.
    pub(super) fn mark_start(&mut self, effects: &mut Vec<Effect>) {
        let live: usize = self.live_frames().iter().map(Vec::len).sum();
        let live = u64::try_from(live).unwrap_or(u64::MAX);
        if self.pen.size() > live.saturating_mul(4).saturating_add(JOURNAL_COMPACT_BYTES / 128)
            && self.pen.broken().is_none()
        {
            self.rewrite(effects);
            return;
        }
        self.write(record::START, &Mark {}, false, Vec::new(), effects);
    }

    /// Appends one record; releases at once what need not wait for it.
    pub(super) fn write<T: Serialize>(
        &mut self,
        kind: &'static str,
        body: &T,
        sync: bool,
        releases: Vec<MailId>,
        effects: &mut Vec<Effect>,
    ) {
        let frame = record::frame(kind, self.now.moment, self.now.wall, body);
        let now = self.now.moment;
        let at_once = self.pen.append(now, frame, sync, releases, effects);
        self.release(&at_once);
    }

    pub(super) fn release(&mut self, mails: &[MailId]) {
        for mail in mails {
            self.outbox.release(*mail);
            self.hooks.release(*mail);
        }
    }

    /// Marks a watch for the next checkpoint.
    pub(super) fn mark(&mut self, ix: WatchIx) {
        if let Some(watch) = self.watches.get_mut(ix)
            && !watch.dirty
        {
            watch.dirty = true;
            self.soft.push(ix);
        }
    }

    fn kept(&self, ix: WatchIx) -> Option<Kept> {
        let watch = self.watches.get(ix)?;
        let seen = facts::seen(&self.schedule, watch);
        Some(watch.keep(&facts::summary(watch, seen, self.now.moment)))
    }

    /// Writes what changed: transitions and what is owed because of them, as one transaction.
    pub(super) fn flush_turn(&mut self, effects: &mut Vec<Effect>) {
        let pending = std::mem::take(&mut self.pending);
        let owed: Vec<u64> = pending.owed.into_iter().collect();
        let kept: Vec<WatchIx> = pending.kept.into_iter().collect();
        let digests = self.digests.take_changed();
        let (gone, dropped) = (pending.gone, pending.dropped);
        let mut turn = Turn { gone, dropped, digests, ..Turn::default() };
        for number in &owed {
            let desk = self.desks.values().find(|desk| desk.waiting().contains_key(number));
            if let Some(notice) = desk.and_then(|desk| desk.waiting().get(number)) {
                turn.owed.push((*number, notice.clone()));
            }
            let hold = desk.and_then(|desk| desk.hold_of(*number));
            turn.held.extend(hold.map(|hold| (*number, hold.clone())));
            // Notices first: if the power goes between two frames, one is told twice, not never.
            if turn.owed.len() >= PER_FRAME {
                self.write(record::TURN, &turn, true, Vec::new(), effects);
                turn = Turn::default();
            }
        }
        for ix in kept {
            let Some(kept) = self.kept(ix) else { continue };
            if let Some(watch) = self.watches.get_mut(ix) {
                watch.stored = true;
            }
            turn.kept.push(kept);
            if turn.kept.len() >= PER_FRAME {
                self.write(record::TURN, &turn, true, Vec::new(), effects);
                turn = Turn::default();
            }
        }
        if !turn.is_empty() {
            // Only mail waits for the disk.
            let sync = !turn.owed.is_empty() || !owed.is_empty();
            self.write(record::TURN, &turn, sync, Vec::new(), effects);
        }
    }

    /// Writes windows and other soft state, if any changed and it is time.
    pub(super) fn checkpoint(&mut self, effects: &mut Vec<Effect>) {
        if self.soft.is_empty() {
            return;
        }
        if self.checkpoint_at.is_none() {
            self.checkpoint_at = Some(grid(self.now.moment, CHECKPOINT_EVERY));
        }
        if self.checkpoint_at.is_some_and(|at| at <= self.now.moment) {
            // What was told is in the record of a watch: the notice that tells it must not come
            // to the disk after it.
            self.flush_turn(effects);
            self.write_soft(effects);
        }
    }

    fn write_soft(&mut self, effects: &mut Vec<Effect>) {
        self.checkpoint_at = None;
        let mut turn = Turn::default();
        for ix in std::mem::take(&mut self.soft) {
            let Some(watch) = self.watches.get_mut(ix) else { continue };
            watch.dirty = false;
            let stored = watch.stored;
            let Some(kept) = self.kept(ix) else { continue };
            if kept.is_blank() && !stored {
                continue;
            }
            if let Some(watch) = self.watches.get_mut(ix) {
                watch.stored = true;
            }
            turn.kept.push(kept);
            if turn.kept.len() >= PER_FRAME {
                self.write(record::TURN, &turn, false, Vec::new(), effects);
                turn = Turn::default();
            }
        }
        if !turn.is_empty() {
            self.write(record::TURN, &turn, false, Vec::new(), effects);
        }
    }

    /// Everything that is alive, as frames of a new journal.
    fn live_frames(&self) -> Vec<Vec<u8>> {
        let (at, wall) = (self.now.moment, self.now.wall);
        let mut frames = vec![record::frame(record::NUMBERS, at, wall, &self.numbers)];
        let waiting = self.desks.values().flat_map(|desk| desk.waiting());
        let mut owed: Vec<(u64, Notice)> =
            waiting.map(|(number, notice)| (*number, notice.clone())).collect();
        owed.sort_by_key(|(number, _)| *number);
        let held: BTreeMap<u64, &Hold> =
            self.desks.values().flat_map(Desk::held).map(|(n, h)| (*n, h)).collect();
        for part in owed.chunks(PER_FRAME) {
            let holds = part.iter().filter_map(|(n, _)| Some((*n, (*held.get(n)?).clone())));
            let turn = Turn { owed: part.to_vec(), held: holds.collect(), ..Turn::default() };
            frames.push(record::frame(record::TURN, at, wall, &turn));
        }
        let mut kept: Vec<Kept> = self
            .watches
            .iter()
            .filter_map(|(ix, _)| self.kept(ix))
            .chain(self.dormant.values().cloned())
            .filter(|kept| !kept.is_blank())
            .collect();
        while !kept.is_empty() {
            let rest = kept.split_off(kept.len().min(PER_FRAME));
            let turn = Turn { kept, ..Turn::default() };
            frames.push(record::frame(record::TURN, at, wall, &turn));
            kept = rest;
        }
        let digests = self.digests.ledgers().clone();
        if !digests.is_empty() {
            let turn = Turn { digests, ..Turn::default() };
            frames.push(record::frame(record::TURN, at, wall, &turn));
        }
        let quiet = self.quiet.records();
        if !(quiet.silences.is_empty() && quiet.acks.is_empty()) {
            frames.push(record::frame(record::QUIET, at, wall, &quiet));
        }
        for sent in self.mails.values() {
            let posted = Posted {
                mail: (*sent.mail).clone(),
                also: Vec::new(),
                tells: Vec::new(),
                merges: Vec::new(),
                settled: sent.settled.clone(),
                digest: None,
            };
            frames.push(record::frame(record::POSTED, at, wall, &posted));
        }
        frames.extend(self.foreign.iter().cloned());
        // Last, so that its end is told from an orderly one.
        frames.push(record::frame(record::START, at, wall, &Mark {}));
        frames
    }

    fn rewrite(&mut self, effects: &mut Vec<Effect>) {
        self.flush_turn(effects);
        self.soft.retain(|ix| {
            if let Some(watch) = self.watches.get_mut(*ix) {
                watch.dirty = false;
            }
            false
        });
        self.checkpoint_at = None;
        let frames = self.live_frames();
        let now = self.now.moment;
        self.pen.rewrite(now, frames, effects);
    }

    /// Gives up on writes that hang, tries a broken journal again, keeps its size in bounds, and
    /// tells people when their state is not stored.
    pub(super) fn care_for_store(&mut self, effects: &mut Vec<Effect>) {
        let now = self.now.moment;
        let mails = self.pen.give_up(now);
        self.release(&mails);
        if self.pen.wants_rewrite(now) {
            self.rewrite(effects);
        }
        let fault = self.pen.broken().map(|why| format!("cannot store its state: {why}"));
        self.set_fault(&Fault::State, fault, effects);
    }

    /// Sets or clears one of the agent's own faults.
    pub(super) fn set_fault(
        &mut self,
        fault: &Fault,
        text: Option<String>,
        effects: &mut Vec<Effect>,
    ) {
        let state = match (fault, &text) {
            (_, None) => State::Ok,
            (Fault::State, Some(_)) => State::Critical,
            (_, Some(_)) => State::Warning,
        };
        self.force(fault, state, text, effects);
    }

    /// Sets the state of one of the agent's own instances.
    pub(super) fn force(
        &mut self,
        fault: &Fault,
        state: State,
        text: Option<String>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(ix) = self.ids.get(&fault.id()).copied() else { return };
        let Some(watch) = self.watches.get_mut(ix) else { return };
        let text = text.unwrap_or_else(|| fault.absence().to_owned());
        match &mut watch.forced {
            // The words may change with every try; only a change of state is one.
            Some((before, old)) if *before == state => {
                if state != State::Ok {
                    *old = text;
                }
                return;
            }
            forced => *forced = Some((state, text)),
        }
        self.turn(ix, self.now.moment, effects);
    }

    /// The agent stops: everything that must be kept is handed out.
    pub(super) fn stop(&mut self, effects: &mut Vec<Effect>) {
        self.close_minute(effects);
        self.flush_turn(effects);
        self.write_soft(effects);
        self.write(record::STOP, &Mark {}, true, Vec::new(), effects);
        self.stopped = true;
    }
}
