//! What a probe finds out that no single number says: a member failed, a link has no partner.
//!
//! A probe may name the state that the fact itself means to a competent administrator; whether and
//! when that becomes the state of an instance is for rules to say.

use serde::{Deserialize, Serialize};

use super::state::State;

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What the fact means by itself: `Warning` and `Critical` feed the rule's levels, `Ok` is
    /// information (a rebuild under way, a first sync). Never `Unknown`: what cannot be read is a
    /// [`super::reading::ProbeError`], and a word that is not understood is a warning.
    pub state: State,
    /// A stable word of the kind's own, for JSON and for counting: `degraded`, `no-partner`.
    pub code: String,
    /// Tells one fact from another of the same code: the record of a log, the slot of a disk. Where
    /// it is given, a fact that comes while the state is bad already is told too; where it is
    /// empty, only a change of state is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// The fact, short, to follow the instance's name in a subject: `degraded, 1 of 2 disks (sdb1
    /// failed)`.
    pub fact: String,
    /// Further lines for the mail's body, most useful first: what it means, which part to pull
    /// (serial, slot), what to do next.
    pub detail: Vec<String>,
}
