//! The list of instances of a kind: what a survey finds at once, and what devices list that must be
//! asked. Owns when either part counts; what follows from the list is `survey`'s.

use crate::model::reading::ProbeError;
use crate::model::time::Moment;
use crate::probe::{self, Found, Kind};

use super::Engine;
use super::event::Effect;

/// A kind that some check is about.
#[derive(Debug)]
pub(super) struct Surveyed {
    pub(super) kind: &'static dyn Kind,
    /// What the latest survey found, with what devices listed; `None` before the first.
    pub(super) found: Option<Vec<Found>>,
    /// The survey's own part of it.
    pub(super) quick: Vec<Found>,
    /// What devices listed last. `None`: they are there and have not answered yet, so that nothing
    /// which they may list is gone.
    pub(super) asked_for: Option<Vec<Found>>,
    /// When the latest survey came, and when the one before.
    pub(super) listed: Option<Moment>,
    pub(super) listed_before: Option<Moment>,
    /// Why the latest survey failed.
    pub(super) failed: Option<String>,
    /// A survey was asked for and has not come back.
    pub(super) asked: bool,
    /// Something is missing that may be gone for good, or was not judged yet.
    pub(super) missing: bool,
}

impl Engine {
    /// Learns the kinds of the plan's checks and asks for a survey of each.
    pub(super) fn learn_kinds(&mut self, effects: &mut Vec<Effect>) {
        for check in &self.plan.checks {
            self.kinds.entry(check.kind.spec().name).or_insert_with(|| Surveyed {
                kind: check.kind,
                found: None,
                quick: Vec::new(),
                asked_for: Some(Vec::new()),
                listed: None,
                listed_before: None,
                failed: None,
                asked: false,
                missing: false,
            });
        }
        let kinds: Vec<&'static str> = self.kinds.keys().copied().collect();
        for kind in kinds {
            self.ask_survey(kind, effects);
        }
    }

    /// Asks for a survey, unless one is under way.
    pub(super) fn ask_survey(&mut self, kind: &str, effects: &mut Vec<Effect>) {
        if let Some(surveyed) = self.kinds.get_mut(kind)
            && !surveyed.asked
        {
            surveyed.asked = true;
            effects.push(Effect::Survey(surveyed.kind));
        }
    }

    /// A survey came back.
    pub(super) fn surveyed(
        &mut self,
        kind: &'static str,
        result: Result<Vec<Found>, ProbeError>,
        asking: bool,
        effects: &mut Vec<Effect>,
    ) {
        let Some(surveyed) = self.kinds.get_mut(kind) else { return };
        surveyed.asked = false;
        let found = match result {
            Ok(found) => found,
            Err(error) => {
                // What is watched stays watched: a list that cannot be read proves nothing gone.
                let text = error.to_string();
                if surveyed.failed.as_ref() != Some(&text) {
                    let line = format!("cannot list the instances of {kind}: {text}");
                    effects.push(Effect::Log { level: tracing::Level::WARN, line });
                    surveyed.failed = Some(text);
                }
                return;
            }
        };
        surveyed.failed = None;
        let was_asking = surveyed.found.is_some() && surveyed.asked_for.is_none();
        surveyed.listed_before = surveyed.listed.replace(self.now.moment);
        if !asking {
            // No device to ask (any more): it lists nothing.
            surveyed.quick = Vec::new();
            surveyed.asked_for = Some(Vec::new());
            surveyed.missing |= was_asking;
            return self.take_list(kind, found, effects);
        }
        surveyed.quick.clone_from(&found);
        if surveyed.found.is_none() {
            surveyed.asked_for = None;
        }
        let asked_for = surveyed.asked_for.clone().unwrap_or_default();
        self.take_list(kind, probe::join(found, asked_for), effects);
    }

    /// A device listed its instances, or did not.
    pub(super) fn inquired(
        &mut self,
        kind: &'static str,
        result: Result<Vec<Found>, ProbeError>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(surveyed) = self.kinds.get_mut(kind) else { return };
        // What is watched stays watched without an answer; who gave none is told by its reading.
        let Ok(found) = result else { return };
        // The first answer decides of what waited for it, also where it lists nothing.
        surveyed.missing |= surveyed.asked_for.is_none();
        surveyed.asked_for = Some(found.clone());
        let found = probe::join(surveyed.quick.clone(), found);
        self.take_list(kind, found, effects);
    }

    /// Acts on a kind's list if it is another than before.
    fn take_list(&mut self, kind: &'static str, found: Vec<Found>, effects: &mut Vec<Effect>) {
        let Some(surveyed) = self.kinds.get_mut(kind) else { return };
        if surveyed.found.as_ref() == Some(&found) && !surveyed.missing {
            return;
        }
        surveyed.found = Some(found);
        self.assign(kind, effects);
    }

    /// Whether a device that may list more instances of a kind has not answered yet.
    pub(super) fn is_asking(&self, kind: &str) -> bool {
        self.kinds.get(kind).is_some_and(|surveyed| surveyed.asked_for.is_none())
    }
}
