//! What of a watch outlives the process, and what each contact was told of it. Owns the form in which
//! the journal keeps it; changes no state.

use serde::{Deserialize, Serialize};

use crate::alert::flap::Flap;
use crate::alert::machine::Machine;
use crate::model::finding::Finding;
use crate::model::id::Id;
use crate::model::limit::FACTS_PER_EPISODE;
use crate::model::reading::Observation;
use crate::model::state::State;
use crate::model::time::Moment;

use super::pins::Absence;
use super::routing::Routed;

/// Why nothing is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lost {
    /// Since when.
    pub(super) since: Moment,
    /// Short, for subjects.
    pub(super) fact: String,
    /// For people.
    pub(super) text: String,
    /// Runs in a row.
    pub(super) runs: u32,
    /// Whether the state is unknown because of it.
    pub(super) holds: bool,
}

/// From leaving ok until ok again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Episode {
    pub(super) number: u64,
    pub(super) began: Moment,
    pub(super) worst_state: State,
    /// Metric that is followed, and its worst value.
    #[serde(default)]
    pub(super) worst: Option<(u8, f64)>,
    /// Who is told of its states, as the routes were when each began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) routed: Vec<Routed>,
}

/// What one contact was told in this episode.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    /// Worst of ok, warning, critical that was told and not taken back.
    pub(super) level: State,
    /// Whether "no answer" was told.
    #[serde(default)]
    pub(super) lost: bool,
    /// The state in the latest notice.
    pub(super) last: State,
    /// Mails.
    #[serde(default)]
    pub(super) mails: u32,
    /// When it was told last that it is bad, or worse: from then on the distances of reminders
    /// count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<Moment>,
    /// Reminders since then.
    #[serde(default)]
    pub(super) reminded: u32,
    /// Message-ID of the first.
    #[serde(default)]
    pub(super) root: Option<String>,
    /// Fingerprints of the facts that were told, of those that have a key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) facts: Vec<u32>,
}

impl Told {
    /// The facts of a reading that this contact has not been told, of those at least as bad as
    /// `least`.
    pub(super) fn news<'s>(
        &self,
        seen: &'s Observation,
        least: State,
    ) -> impl Iterator<Item = &'s Finding> {
        let full = self.facts.len() >= FACTS_PER_EPISODE;
        seen.findings.iter().filter(move |finding| {
            !full
                && !finding.key.is_empty()
                && finding.state.rank() >= least.rank()
                && !self.facts.contains(&fact_print(finding))
        })
    }

    /// Takes note that these facts were told.
    pub(super) fn note_facts(&mut self, seen: &Observation) {
        let keyed = seen.findings.iter().filter(|finding| !finding.key.is_empty());
        for print in keyed.filter(|f| f.state != State::Ok).map(fact_print) {
            if self.facts.len() < FACTS_PER_EPISODE && !self.facts.contains(&print) {
                self.facts.push(print);
            }
        }
    }
}

/// What tells one fact from another.
fn fact_print(finding: &Finding) -> u32 {
    crc32fast::hash(finding.key.as_bytes())
}

/// What is stored of a watch: everything that must outlive the process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) id: Id,
    pub(super) kind: String,
    pub(super) title: String,
    /// Fingerprints of the warning and the critical level.
    pub(super) rule: (u32, u32),
    pub(super) state: State,
    pub(super) since: Moment,
    #[serde(default)]
    pub(super) machine: Machine,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) lost: Option<Lost>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) episode: Option<Episode>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) told: Vec<(String, Told)>,
    #[serde(default, skip_serializing_if = "Flap::is_blank")]
    pub(super) flap: Flap,
    #[serde(default)]
    pub(super) settling: bool,
    #[serde(default)]
    pub(super) summary: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) absent: Option<Absence>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) replaced: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) memo: Option<String>,
}

impl Kept {
    /// Nothing that a fresh watch would not have.
    pub(super) fn is_blank(&self) -> bool {
        self.state == State::Ok
            && self.machine.is_blank()
            && self.lost.is_none()
            && self.episode.is_none()
            && self.told.is_empty()
            && self.flap.is_blank()
            && self.absent.is_none()
            && self.replaced.is_none()
            && self.memo.is_none()
    }

    /// Whether anybody was told of a problem that is not over.
    pub(super) fn is_told(&self) -> bool {
        self.told.iter().any(|(_, told)| told.level != State::Ok || told.lost)
    }
}
