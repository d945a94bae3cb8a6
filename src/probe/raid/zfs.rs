//! zfs: nothing is read yet.

use super::Technology;
use crate::host::Host;
use crate::model::reading::{Observation, ProbeError};
use crate::model::time::Moment;
use crate::probe::{Found, Probe};

/// The technology.
#[derive(Debug)]
pub(super) struct Zfs;

impl Technology for Zfs {
    fn name(&self) -> &'static str {
        "zfs"
    }

    fn survey(&self, _: &Host) -> Result<Vec<Found>, ProbeError> {
        Ok(Vec::new())
    }

    fn open(&self, _: &str) -> Box<dyn Probe> {
        Box::new(Reader)
    }
}

struct Reader;

impl Probe for Reader {
    fn read(&mut self, _: &Host, _: Moment) -> Result<Vec<Observation>, ProbeError> {
        Ok(Vec::new())
    }
}
