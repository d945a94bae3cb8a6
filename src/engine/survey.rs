//! Which instances exist and which check judges which: keeps watches and sources in step with the
//! surveys. Owns the end of what is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::config::plan::Check;
use crate::model::id::Id;
use crate::model::limit::{INSTANCES, SURVEY_EVERY};
use crate::model::state::State;
use crate::model::unit::Span;
use crate::notify::notice::{Cause, Notice};
use crate::probe::{Found, Lane};

use super::event::{Effect, SourceId};
use super::kept::Kept;
use super::minutes::Tally;
use super::schedule::{Doing, Source, SourceKey};
use super::watch::{Watch, WatchIx};
use super::{Engine, agent};

/// Instances of one source, with those who judge each.
type Members = BTreeMap<Arc<str>, Vec<WatchIx>>;

impl Engine {
    /// Brings the watches and sources of one kind in step with what its last survey found.
    pub(super) fn assign(&mut self, kind: &'static str, effects: &mut Vec<Effect>) {
        let Some(mut found) = self.kinds.get_mut(kind).and_then(|k| k.found.take()) else { return };
        let here = found.len();
        let listed = self.is_pinned(kind).then(|| found.clone());
        self.add_pinned(kind, &mut found);
        // Pairs come in the order of `found`; kept by index, so that the plan is free again.
        let mut place = 0;
        let mut pairs: Vec<(Arc<Check>, usize)> = Vec::new();
        for (check, instance) in self.plan.assign(kind, &found) {
            while found.get(place).is_some_and(|here| !std::ptr::eq(here, instance)) {
                place += 1;
            }
            pairs.push((Arc::clone(check), place));
        }
        // One copy of what was found serves all checks that judge it.
        let copies: Vec<Arc<Found>> = found.iter().cloned().map(Arc::new).collect();
        let mut wanted = BTreeSet::new();
        let mut touched = Vec::new();
        for (check, place) in pairs {
            let away = place >= here;
            let Some(one) = copies.get(place) else { continue };
            let id = Id::new(Arc::clone(&check.name), Arc::clone(&one.instance));
            let ix = match self.ids.get(&id) {
                Some(ix) => *ix,
                None => match self.begin(&id, &check, one) {
                    Some(ix) => ix,
                    None => continue,
                },
            };
            wanted.insert(id);
            if self.refresh(ix, &check, one, (away, &found)) {
                touched.push(ix);
            }
        }
        let exists: BTreeSet<&str> = found.iter().map(|found| &*found.instance).collect();
        let missing = self.end_missing(kind, &wanted, &exists, effects);
        self.end_dormant(kind, effects);
        if let Some(surveyed) = self.kinds.get_mut(kind) {
            surveyed.missing = missing || self.dormant.values().any(|kept| kept.kind == kind);
            surveyed.found = Some(listed.unwrap_or(found));
        }
        self.rebuild_sources(kind, effects);
        for ix in touched {
            self.turn(ix, self.now.moment, effects);
        }
    }

    /// Begins to watch an instance, where the journal left off if it knows it.
    fn begin(&mut self, id: &Id, check: &Arc<Check>, found: &Arc<Found>) -> Option<WatchIx> {
        if self.watches.len() >= INSTANCES {
            if !std::mem::replace(&mut self.full, true) {
                self.inform(
                    "not everything is watched",
                    &format!(
                        "this host has more than {INSTANCES} things to watch; the rest is not \
                         watched: narrow `select` or add `exclude` in the configuration"
                    ),
                );
            }
            return None;
        }
        let mut watch = Watch::new(Arc::clone(check), Arc::clone(found), self.now.moment);
        if let Some(kept) = self.dormant.remove(id) {
            watch.restore(kept);
        }
        let ix = self.watches.insert(watch);
        self.ids.insert(id.clone(), ix);
        self.arm(ix);
        Some(ix)
    }

    /// Takes over a changed check or description. Says whether the watch must be looked at again.
    fn refresh(
        &mut self,
        ix: WatchIx,
        check: &Arc<Check>,
        found: &Arc<Found>,
        (away, listed): (bool, &[Found]),
    ) -> bool {
        let now = self.now.moment;
        let kind = check.kind.spec().name;
        let pin = self.pin(kind, &found.instance).cloned();
        let read = self.watches.get(ix).is_some_and(|watch| watch.read);
        let absence = pin.as_ref().filter(|_| away).map(|pin| self.absence(kind, pin, read));
        let Some(watch) = self.watches.get_mut(ix) else { return false };
        watch.missing = None;
        let turned = match (&pin, absence) {
            (Some(pin), Some(absence)) => watch.miss(pin, absence),
            _ => watch.compare(pin.as_ref(), found, listed),
        };
        if watch.found != *found {
            watch.found = Arc::clone(found);
        }
        if Arc::ptr_eq(&watch.check, check) {
            return turned;
        }
        let (warn, crit) = watch.check.rule.same_levels(&check.rule);
        watch.check = Arc::clone(check);
        watch.tally = Tally::default();
        watch.told.retain(|(contact, _)| self.plan.contacts.contains_key(contact));
        if !(warn && crit) {
            let before = watch.other_rule.unwrap_or((true, true));
            let same = (before.0 && warn, before.1 && crit);
            match super::facts::seen(&self.schedule, watch) {
                Some(seen) if watch.lost.is_none() => {
                    let was_bad = watch.machine.state() != State::Ok;
                    watch.machine.change_rule(same, &check.rule, seen, now);
                    watch.ended_by_rule = was_bad && watch.machine.state() == State::Ok;
                    watch.other_rule = None;
                }
                _ => watch.other_rule = Some(same),
            }
        }
        true
    }

    /// Ends what is not there any more. What people were told of is given a minute to come back (a
    /// reboot mounts things late). Says whether something still waits for that.
    fn end_missing(
        &mut self,
        kind: &str,
        wanted: &BTreeSet<Id>,
        exists: &BTreeSet<&str>,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let now = self.now.moment;
        let unwanted: Vec<WatchIx> = self
            .watches
            .iter()
            .filter(|(_, w)| w.check.kind.spec().name == kind && !wanted.contains(&w.id))
            .map(|(ix, _)| ix)
            .collect();
        let mut waits = false;
        for ix in unwanted {
            let Some(watch) = self.watches.get_mut(ix) else { continue };
            let there = exists.contains(&*watch.id.instance);
            let since = *watch.missing.get_or_insert(now);
            // A pin that was taken back is an answer.
            let unpinned = watch.absent.is_some();
            if there || unpinned || !watch.anybody_told() || now.since(since) >= SURVEY_EVERY {
                let why = match (there, unpinned) {
                    (true, _) => "no check watches it any more",
                    (false, true) => "it is gone, and nothing says any more that it must be there",
                    (false, false) => "it is gone",
                };
                self.end(ix, why, effects);
            } else {
                waits = true;
            }
        }
        waits
    }

    /// Ends a watch; who was told of a problem is told that it is closed.
    pub(super) fn end(&mut self, ix: WatchIx, why: &str, effects: &mut Vec<Effect>) {
        let now = self.now.moment;
        let Some(watch) = self.watches.get(ix) else { return };
        let mut notices = Vec::new();
        for (contact, told) in &watch.told {
            if (told.level != State::Ok || told.lost) && self.plan.contacts.contains_key(contact) {
                let mut notice = self.notice(watch, contact, Cause::Closed, now);
                notice.state = State::Ok;
                why.clone_into(&mut notice.fact);
                notices.push(notice);
            }
        }
        for notice in notices {
            self.owe(notice);
        }
        let before = self.watches.get(ix).map_or(State::Ok, |watch| watch.state);
        if before != State::Ok {
            self.forward_change(ix, before, true, effects);
        }
        let Some(watch) = self.watches.remove(ix) else { return };
        self.forget_ack(&watch.id);
        if watch.state != State::Ok {
            let line = format!("{}: closed: {why}", watch.id);
            effects.push(Effect::Log { level: tracing::Level::INFO, line });
        }
        if let Some(timer) = watch.timer {
            self.timers.remove(&(timer, ix));
        }
        self.soft.retain(|other| *other != ix);
        if self.pending.kept.remove(&ix) || watch.stored {
            self.pending.gone.push(watch.id.clone());
        }
        self.ids.remove(&watch.id);
    }

    /// Ends what the journal knows and no survey found.
    fn end_dormant(&mut self, kind: &str, effects: &mut Vec<Effect>) {
        if self.is_asking(kind) {
            return;
        }
        let patient = self.now.moment < self.dormant_until;
        let ended: Vec<Id> = self
            .dormant
            .values()
            .filter(|kept| kept.kind == kind && !(patient && kept.is_told()))
            .map(|kept| kept.id.clone())
            .collect();
        for id in ended {
            self.end_kept(&id, "it is gone", effects);
        }
    }

    /// Ends what the journal knows of checks that are no more.
    pub(super) fn close_unknown_checks(&mut self, effects: &mut Vec<Effect>) {
        let known: BTreeSet<(&str, &str)> =
            self.plan.checks.iter().map(|check| (&*check.name, check.kind.spec().name)).collect();
        let ended: Vec<Id> = self
            .dormant
            .values()
            .filter(|kept| !known.contains(&(&*kept.id.check, kept.kind.as_str())))
            .map(|kept| kept.id.clone())
            .collect();
        for id in ended {
            self.end_kept(&id, "its check was removed", effects);
        }
    }

    fn end_kept(&mut self, id: &Id, why: &str, effects: &mut Vec<Effect>) {
        let Some(kept) = self.dormant.remove(id) else { return };
        let told: Vec<_> =
            kept.told.iter().filter(|(_, t)| t.level != State::Ok || t.lost).cloned().collect();
        for (contact, told) in told {
            if !self.plan.contacts.contains_key(&contact) {
                continue;
            }
            let mut notice = self.news(&contact, Cause::Closed, why, &kept.summary);
            self.describe(&mut notice, &kept);
            notice.previous = told.last;
            notice.seq = told.mails + 1;
            notice.root = told.root;
            self.owe(notice);
        }
        if kept.state != State::Ok {
            let line = format!("{id}: closed: {why}");
            effects.push(Effect::Log { level: tracing::Level::INFO, line });
        }
        self.pending.gone.push(kept.id);
    }

    fn describe(&self, notice: &mut Notice, kept: &Kept) {
        notice.id = kept.id.clone();
        notice.kind.clone_from(&kept.kind);
        notice.title.clone_from(&kept.title);
        if let Some(episode) = &kept.episode {
            notice.episode = episode.number;
            notice.lasted = self.now.moment.since(episode.began);
            notice.worst_state = episode.worst_state;
        }
    }

    /// Groups the watches of a kind into sources; opens what is new, closes what is empty.
    fn rebuild_sources(&mut self, kind: &'static str, effects: &mut Vec<Effect>) {
        let away: Vec<WatchIx> = self
            .watches
            .iter()
            .filter(|(_, watch)| watch.check.kind.spec().name == kind && watch.is_away())
            .map(|(ix, _)| ix)
            .collect();
        for ix in away {
            if let Some(watch) = self.watches.get_mut(ix) {
                watch.source = None;
            }
        }
        let mut groups: BTreeMap<SourceKey, (Members, Span, Lane)> = BTreeMap::new();
        for (ix, watch) in self.watches.iter() {
            if watch.check.kind.spec().name != kind || watch.is_away() {
                continue;
            }
            let key = SourceKey {
                kind,
                name: Arc::clone(&watch.found.source),
                every: watch.check.rule.every,
                options: watch.check.options.clone(),
            };
            let (members, timeout, lane) = groups
                .entry(key)
                .or_insert_with(|| (BTreeMap::new(), Span::ZERO, watch.found.lane));
            *timeout = (*timeout).max(watch.check.timeout);
            if watch.found.lane == Lane::Own {
                *lane = Lane::Own;
            }
            members.entry(Arc::clone(&watch.found.instance)).or_default().push(ix);
        }
        let dead: Vec<SourceId> = self
            .schedule
            .sources
            .iter()
            .filter(|(_, source)| source.key.kind == kind)
            .filter(|(_, source)| {
                groups.get(&source.key).is_none_or(|(_, _, lane)| *lane != source.lane)
            })
            .map(|(id, _)| *id)
            .collect();
        for id in dead {
            self.schedule.remove(id);
            effects.push(Effect::Close(id));
        }
        let Some(kind) = self.kinds.get(kind).map(|surveyed| surveyed.kind) else { return };
        for (key, (members, timeout, lane)) in groups {
            let id = self.schedule.find(&key).unwrap_or_else(|| {
                let name = Arc::clone(&key.name);
                let options = key.options.clone();
                let id = self.schedule.add(Source::new(key, lane), self.now.moment);
                effects.push(Effect::Open { source: id, kind, name, options, lane });
                id
            });
            self.schedule.set_timeout(id, timeout);
            let list: Vec<(Arc<str>, Vec<WatchIx>)> = members.into_iter().collect();
            for (n, (instance, watches)) in list.iter().enumerate() {
                let mut known = false;
                let mut memo = None;
                for ix in watches {
                    let Some(watch) = self.watches.get_mut(*ix) else { continue };
                    known |= watch.source.replace((id, n)).is_some_and(|(old, _)| old == id);
                    memo = memo.or_else(|| watch.memo.clone());
                }
                // Once, however many checks judge it; a probe that reads it already knows more.
                if let Some(memo) = memo.filter(|_| !known) {
                    let instance = Arc::clone(instance);
                    effects.push(Effect::Recall { source: id, instance, memo });
                }
            }
            let Some(source) = self.schedule.sources.get_mut(&id) else { continue };
            source.set_entries(list);
            if let Doing::Stuck { since, .. } = source.doing {
                self.gave_no_answer(id, since, effects);
            }
        }
    }

    /// Instances of the agent's own kind, continued from the journal.
    pub(super) fn restore_agent(&mut self, effects: &mut Vec<Effect>) {
        for fault in agent::faults(&self.plan) {
            if self.ids.contains_key(&fault.id()) {
                continue;
            }
            let found = Arc::new(fault.found());
            let id = fault.id();
            let check = Arc::clone(&self.agent_check);
            if let Some(ix) = self.begin(&id, &check, &found) {
                // A fault of the run before is over until it shows again.
                if let Some(watch) = self.watches.get_mut(ix) {
                    watch.forced = Some((State::Ok, fault.absence().to_owned()));
                }
                self.turn(ix, self.now.moment, effects);
            }
        }
    }
}
