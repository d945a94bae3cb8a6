//! What runs bring home: judged at once, in the order it was read. The hot path: in a steady state
//! nothing here allocates.

use crate::model::reading::{ProbeError, Sample};
use crate::model::time::Moment;

use super::Engine;
use super::event::{Effect, SourceId};
use super::watch::WatchIx;

impl Engine {
    /// A run came back.
    pub(super) fn sampled(
        &mut self,
        id: SourceId,
        run: u64,
        sample: Sample,
        effects: &mut Vec<Effect>,
    ) {
        if !self.schedule.finish(id, run) {
            return;
        }
        let at = sample.taken.min(self.now.moment);
        self.turn_minute(effects);
        let mut turns: Vec<WatchIx> = Vec::new();
        let mut resurvey = None;
        let Some(source) = self.schedule.sources.get_mut(&id) else { return };
        match sample.result {
            Ok(observations) => {
                source.failing = false;
                let (mut guess, mut present) = (0, 0);
                for seen in observations {
                    let Some(place) = source.locate(&seen.instance, guess) else { continue };
                    guess = place + 1;
                    let Some(entry) = source.entries.get_mut(place) else { continue };
                    if entry.seen_in != run {
                        entry.seen_in = run;
                        present += 1;
                    }
                    for ix in &entry.watches {
                        let Some(watch) = self.watches.get_mut(*ix) else { continue };
                        let touch = watch.observe(&seen, at);
                        if touch.soft && !watch.dirty {
                            watch.dirty = true;
                            self.soft.push(*ix);
                        }
                        if touch.turn {
                            turns.push(*ix);
                        }
                    }
                    entry.last = Some(seen);
                    entry.at = at;
                }
                if present < source.entries.len() {
                    let absent = ProbeError::Absent("it was not in the last reading".to_owned());
                    for entry in source.entries.iter().filter(|entry| entry.seen_in != run) {
                        for ix in &entry.watches {
                            let Some(watch) = self.watches.get_mut(*ix) else { continue };
                            if watch.lost.is_none() {
                                resurvey = Some(source.key.kind);
                            }
                            if watch.fail(&absent, at, false).turn {
                                turns.push(*ix);
                            }
                        }
                    }
                }
            }
            Err(error) => {
                if !source.failing {
                    source.failing = true;
                    let line = format!("{}: {}: {error}", source.name(), error.word());
                    effects.push(Effect::Log { level: tracing::Level::WARN, line });
                }
                if matches!(error, ProbeError::Absent(_)) {
                    resurvey = Some(source.key.kind);
                }
                for ix in source.entries.iter().flat_map(|entry| &entry.watches) {
                    let Some(watch) = self.watches.get_mut(*ix) else { continue };
                    if watch.fail(&error, at, false).turn {
                        turns.push(*ix);
                    }
                }
            }
        }
        for ix in turns {
            self.turn(ix, at, effects);
        }
        if let Some(kind) = resurvey {
            self.ask_survey(kind, effects);
        }
    }

    /// A run was given up: everything it should have brought is unknown from now on.
    pub(super) fn gave_no_answer(
        &mut self,
        id: SourceId,
        since: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let Some(source) = self.schedule.sources.get_mut(&id) else { return };
        if !source.failing {
            source.failing = true;
            let line = format!("{}: no answer within {}", source.name(), source.timeout);
            effects.push(Effect::Log { level: tracing::Level::WARN, line });
        }
        let error = ProbeError::TimedOut(String::new());
        let list: Vec<WatchIx> =
            source.entries.iter().flat_map(|entry| entry.watches.iter().copied()).collect();
        for ix in list {
            let turn = self.watches.get_mut(ix).is_some_and(|w| w.fail(&error, since, true).turn);
            if turn {
                self.turn(ix, self.now.moment, effects);
            }
        }
    }
}
