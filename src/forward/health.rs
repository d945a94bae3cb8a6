//! How an outlet is doing, as plain data: its numbers and what is wrong with it.

use serde::{Deserialize, Serialize};

use crate::model::batch::OutletNumbers;
use crate::model::time::Stamp;
use crate::model::unit::Span;

/// How an outlet is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Its numbers.
    pub numbers: OutletNumbers,
    /// Values and results that receivers refused one by one within parcels, since the forwarder
    /// started.
    #[serde(default)]
    pub lost_values: u64,
    /// Why it does not deliver now.
    pub trouble: Option<Trouble>,
}

/// Why an outlet does not deliver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// When that began, by this host's clock as it stands now.
    pub since: Stamp,
    /// For how long, whatever the clock was set to meanwhile.
    pub lasting: Span,
    /// In words for a person.
    pub text: String,
    /// It does not pass by itself: somebody must mend the configuration of one side.
    pub misconfigured: bool,
}
