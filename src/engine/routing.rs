//! Who is told of a state of an instance: what the routes said when the state began. Owns that this is
//! asked once a state, so that hours that begin or end while it lasts tell nobody anew.

use serde::{Deserialize, Serialize};

use crate::alert::words;
use crate::config::hook::ON_CHANGE;
use crate::model::state::State;

use super::Engine;
use super::kept::Episode;
use super::watch::{Watch, WatchIx};

/// Who is told of one state of an episode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Routed {
    state: State,
    to: Vec<String>,
    /// Which route that was, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    /// Of the routes that said so: others may say something else.
    print: u32,
}

impl Engine {
    /// Who is told of a state of a watch if it begins now, and by which route: `route 2,
    /// hostwatch.yaml:14`.
    pub(super) fn recipients(&self, watch: &Watch, state: State) -> (Vec<String>, Option<String>) {
        let (plan, wall) = (&self.plan, self.now.wall);
        let found = plan.routing.find(&plan.host, &watch.check, &watch.found, state, wall);
        let Some((route, _)) = found else { return (watch.check.notify.clone(), None) };
        let by = format!("route {}, {}", route.number, words::place(&route.place));
        let mut to = route.to.clone();
        // It is told of every change, wherever a route leads.
        let everything = |name: &String| name == ON_CHANGE;
        if watch.check.notify.iter().any(everything) && !to.iter().any(everything) {
            to.push(ON_CHANGE.to_owned());
        }
        (to, Some(by))
    }

    /// Who is told of the present state of a watch.
    pub(super) fn routed(&mut self, ix: WatchIx) -> Vec<String> {
        let Some(watch) = self.watches.get(ix) else { return Vec::new() };
        let state = watch.state;
        if self.plan.routing.routes.is_empty() {
            return watch.check.notify.clone();
        }
        if state == State::Ok {
            return Vec::new();
        }
        let print = self.print(watch);
        let known = watch.episode.as_deref().and_then(|e| self.routed_before(watch, e, state));
        // Those who were told hear of what else there is, wherever a route leads by now.
        let told = watch.told.iter().filter(|(_, told)| told.level != State::Ok);
        let told: Vec<String> = told.map(|(name, _)| name.clone()).collect();
        let mut to = match known {
            Some((to, _)) => to,
            None => {
                let (to, by) = self.recipients(watch, state);
                // Of silence, people are told only when it has lasted.
                let patience = watch.check.rule.unknown_after;
                let begins = state != State::Unknown
                    || watch.lost.as_ref().is_some_and(|l| l.since + patience <= self.now.moment);
                let routed = Routed { state, to: to.clone(), by, print };
                if begins
                    && let Some(watch) = self.watches.get_mut(ix)
                    && let Some(episode) = watch.episode.as_deref_mut()
                {
                    episode.routed.retain(|old| old.state != state);
                    episode.routed.push(routed);
                }
                to
            }
        };
        for name in told {
            if !to.contains(&name) && self.is_told_enough(ix, &name, state) {
                to.push(name);
            }
        }
        to
    }

    /// Who was to be told of a state when it began, if the routes are still the same.
    pub(super) fn routed_before(
        &self,
        watch: &Watch,
        episode: &Episode,
        state: State,
    ) -> Option<(Vec<String>, Option<String>)> {
        let print = self.print(watch);
        let known = |routed: &&Routed| routed.state == state && routed.print == print;
        episode.routed.iter().find(known).map(|routed| (routed.to.clone(), routed.by.clone()))
    }

    /// Changes with what decides who is told of a watch.
    fn print(&self, watch: &Watch) -> u32 {
        self.plan.routing.print ^ crc32fast::hash(watch.check.notify.join(" ").as_bytes())
    }

    /// Whether a contact knows of a state at least as bad, so that it hears of further facts and of
    /// what gets better, and of nothing that gets worse.
    fn is_told_enough(&self, ix: WatchIx, contact: &str, state: State) -> bool {
        let told = self.watches.get(ix).and_then(|watch| watch.told_of(contact));
        told.is_some_and(|told| state != State::Unknown && told.level.rank() >= state.rank())
    }
}
