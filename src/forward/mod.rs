//! Forwarding to a collector: outlets, each one file behind one trait, and what they share.
//!
//! A batch (how everything looked at one moment) or a change of state comes from the engine; what it
//! is called outside stands in one table. Owns the dialects and what an answer means. Must not know:
//! checks, mail, who asks. Runs in a process of its own, so that no check waits for a collector.
//!
//! ```text
//! batch, change -> pack -> spool -> queue (what is next, what an answer means) -> dialect -> collector
//!                                   names, series: what everything is called -/
//! ```

use std::path::PathBuf;

use crate::model::id::HostIdentity;
use crate::model::unit::Span;
use target::OutletPlan;

pub mod dialect;
pub mod forwarder;
pub mod health;
pub mod names;
pub mod outlet;
pub mod pack;
pub mod queue;
pub mod series;
pub mod target;
pub mod unopened;

/// Who sends: what is the same in everything that leaves this host.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Site {
    /// Short name of the host.
    pub name: String,
    /// Its full name, used as `instance` and `host.name`.
    pub fqdn: String,
    /// `host.labels` of the configuration.
    pub labels: Vec<(String, String)>,
}

impl Site {
    /// The site of a host.
    #[must_use]
    pub fn of(host: &HostIdentity) -> Self {
        Self {
            name: host.name.clone(),
            fqdn: host.fqdn.clone(),
            labels: host.labels.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
        }
    }
}

/// Everything that the forwarder's process must know.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Setup {
    /// Who sends.
    pub site: Site,
    /// How often a batch comes.
    pub every: Span,
    /// Directory of the spool.
    pub spool: PathBuf,
    /// Its bound.
    pub spool_bytes: u64,
    /// Where things go.
    pub outlets: Vec<OutletPlan>,
}
