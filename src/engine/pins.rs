//! What is pinned and not there: an instance all the same, critical after a minute of grace, and
//! never recovered before it is read again. Owns how long a thing has been away, and the words.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::config::plan::{Pin, PinSet};
use crate::model::limit::SURVEY_EVERY;
use crate::model::state::State;
use crate::model::time::Moment;
use crate::notify::when::Zone;
use crate::probe::Found;

use super::Engine;
use super::watch::Watch;

/// Something pinned that no survey lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Absence {
    /// Since when.
    pub(super) since: Moment,
    /// For people.
    pub(super) text: String,
    /// The grace is over: it is critical.
    pub(super) holds: bool,
    /// A survey lists it again; the first reading ends the absence.
    #[serde(default)]
    pub(super) back: bool,
}

impl Absence {
    /// When it becomes critical by itself.
    pub(super) fn due(&self) -> Option<Moment> {
        (!self.holds && !self.back).then(|| self.since + SURVEY_EVERY)
    }

    fn is_away(&self) -> bool {
        !self.back
    }
}

impl Engine {
    /// Adds what is pinned and was not found to what a survey found, and has all that is pinned
    /// watched, also what is watched only on request otherwise.
    pub(super) fn add_pinned(&self, kind: &str, found: &mut Vec<Found>) {
        let Some(pins) = self.pins(kind) else { return };
        for here in found.iter_mut().filter(|found| pins.contains_key(&found.instance)) {
            here.by_default = true;
        }
        let Some(of_kind) = self.kinds.get(kind).map(|surveyed| surveyed.kind) else { return };
        let spec = of_kind.spec();
        let asking = self.is_asking(kind).then_some(of_kind);
        for (instance, pin) in pins {
            let here = found.iter().any(|found| found.instance == *instance);
            if here || pin.is_elsewhere(instance, found) {
                continue;
            }
            if asking.is_some_and(|kind| kind.is_inquired(&pin.facts)) {
                continue;
            }
            // What was seen of it in this run says more than its pin.
            let known = self.watches.iter().find(|(_, watch)| {
                watch.check.kind.spec().name == kind && watch.found.instance == *instance
            });
            found.push(match known {
                Some((_, watch)) => Found { by_default: true, ..(*watch.found).clone() },
                None => pin.found(spec, instance),
            });
        }
    }

    /// What must be there of a kind.
    fn pins(&self, kind: &str) -> Option<&PinSet> {
        self.plan.pinned.get(kind).filter(|pins| !pins.is_empty())
    }

    /// Whether anything of a kind must be there.
    pub(super) fn is_pinned(&self, kind: &str) -> bool {
        self.pins(kind).is_some()
    }

    /// The pin of an instance.
    pub(super) fn pin(&self, kind: &str, instance: &str) -> Option<&Pin> {
        self.pins(kind)?.get(instance)
    }

    /// What is to be said of something pinned that is away. `read`: it was there in this run.
    pub(super) fn absence(&self, kind: &str, pin: &Pin, read: bool) -> Absence {
        let now = self.now;
        let place = crate::alert::words::place(&pin.place);
        let seen = self.kinds.get(kind).and_then(|surveyed| surveyed.listed_before);
        let seen = seen.filter(|_| read);
        let zone = Zone::named(&self.plan.host.timezone);
        let seen = match seen {
            Some(at) => format!("last seen {}", zone.full(now.wall_at(at))),
            None => format!("not seen since the agent started {}", zone.full(self.started)),
        };
        let text = format!("missing: was pinned by {place}, {seen}");
        Absence { since: now.moment, text, holds: false, back: false }
    }
}

impl Watch {
    /// Takes over what a survey says of a pinned instance. Says whether that changes anything.
    pub(super) fn compare(&mut self, pin: Option<&Pin>, found: &Found, listed: &[Found]) -> bool {
        self.pin = pin.map(|pin| Arc::new(pin.clone()));
        let stays = pin.filter(|pin| !pin.is_elsewhere(&found.instance, listed));
        let replaced = stays.and_then(|pin| pin.difference(found)).map(|difference| {
            format!("replaced: {difference}; accept with `hostwatch detect accept {}`", self.id)
        });
        let changed = self.replaced != replaced;
        self.replaced = replaced;
        match &mut self.absent {
            None => changed,
            Some(absent) if absent.holds => {
                absent.back = true;
                changed
            }
            // Back within the grace: nothing happened.
            Some(_) => {
                self.absent = None;
                true
            }
        }
    }

    /// No survey lists it, but it is pinned.
    pub(super) fn miss(&mut self, pin: &Pin, absence: Absence) -> bool {
        self.pin = Some(Arc::new(pin.clone()));
        match &mut self.absent {
            // Gone again before it could be read.
            Some(absent) => absent.back = false,
            None => self.absent = Some(absence),
        }
        true
    }

    /// Whether nothing can be read of it.
    pub(super) fn is_away(&self) -> bool {
        self.absent.as_ref().is_some_and(Absence::is_away)
    }

    /// Makes an absence count whose grace is over.
    pub(super) fn give_up_waiting(&mut self, now: Moment) {
        if let Some(absent) = &mut self.absent
            && absent.due().is_some_and(|due| due <= now)
        {
            absent.holds = true;
        }
    }

    /// The text of an absence that counts.
    pub(super) fn missing_text(&self) -> Option<&str> {
        self.absent.as_ref().filter(|absent| absent.holds).map(|absent| absent.text.as_str())
    }

    /// What the pin says is wrong, where the state is because of the pin.
    pub(super) fn pin_fact(&self) -> Option<&str> {
        self.missing_text().or_else(|| {
            let by_pin = self.state == State::Warning && self.machine.state() == State::Ok;
            self.replaced.as_deref().filter(|_| by_pin)
        })
    }

    /// What is known of the pinned thing, and what to do, for the mail's body.
    pub(super) fn pin_detail(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(pin) = &self.pin {
            let facts: Vec<String> = pin
                .facts
                .iter()
                .filter(|(name, _)| *name != "title")
                .map(|(name, values)| format!("{name} {}", values.join(", ")))
                .collect();
            if !facts.is_empty() {
                lines.push(format!("pinned: {}", facts.join("; ")));
            }
        }
        lines.push(format!(
            "if this is meant: hostwatch detect accept {} && hostwatch reload",
            self.id
        ));
        lines
    }
}
