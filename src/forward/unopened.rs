//! An outlet that could not be opened, as one that holds everything and tries again: a port that is
//! taken may be free in a while.

use super::Site;
use super::dialect::open;
use super::outlet::{Appetite, Batches, Load, Mark, Outcome, Outlet, Proof, Reply};
use super::target::OutletPlan;
use crate::model::time::Stamp;
use crate::model::unit::Span;

/// The outlet, or what stands for it until it can be opened.
#[must_use]
pub fn open_or_wait(plan: &OutletPlan, site: &Site) -> Box<dyn Outlet> {
    open(plan, site).unwrap_or_else(|_| {
        Box::new(Unopened { plan: plan.clone(), site: site.clone(), outlet: None })
    })
}

/// Opens what it stands for with each attempt.
#[derive(Debug)]
struct Unopened {
    plan: OutletPlan,
    site: Site,
    outlet: Option<Box<dyn Outlet>>,
}

impl Unopened {
    fn outlet(&mut self) -> Result<&mut Box<dyn Outlet>, String> {
        match &mut self.outlet {
            Some(outlet) => Ok(outlet),
            none => Ok(none.insert(open(&self.plan, &self.site)?)),
        }
    }
}

impl Outlet for Unopened {
    /// Only what is served on this host can fail to open, and that shows the present alone.
    fn appetite(&self) -> Appetite {
        Appetite { batches: Batches::Newest, changes: false }
    }

    fn deliver(&mut self, load: Load<'_>, within: Span) -> Reply {
        match self.outlet() {
            Ok(outlet) => outlet.deliver(load, within),
            Err(why) => Reply { outcome: Outcome::Hold { why }, clock: None },
        }
    }

    fn clock(&mut self, within: Span) -> Option<Stamp> {
        self.outlet().ok()?.clock(within)
    }

    fn test(&mut self, mark: &Mark, within: Span) -> Result<Proof, String> {
        self.outlet()?.test(mark, within)
    }
}
