//! Who is told of what, as run: schedules, and routes of which the first that fits is taken. Owns
//! what a route takes; what time it is, is an argument.

use std::collections::BTreeMap;

use super::plan::{Check, Glob};
use crate::alert::rule::Place;
use crate::model::id::HostIdentity;
use crate::model::state::State;
use crate::model::time::Stamp;
use crate::notify::hours::Hours;
use crate::notify::when::Zone;
use crate::probe::Found;

/// Schedules and routes.
#[derive(Debug, Clone, Default)]
pub struct Routing {
    /// Hours by the name of their schedule.
    pub hours: BTreeMap<String, Hours>,
    /// In their order.
    pub routes: Vec<Route>,
    /// Changes with what they say.
    pub print: u32,
}

/// One route.
#[derive(Debug, Clone, Default)]
pub struct Route {
    /// Its place in the list, from 1.
    pub number: usize,
    /// States it takes; empty for all, as the other lists.
    pub states: Vec<State>,
    /// Kinds it takes.
    pub kinds: Vec<String>,
    /// Names of checks it takes.
    pub checks: Vec<Glob>,
    /// Instances it takes.
    pub instances: Vec<Glob>,
    /// Labels of the host or facts of the instance that must be so.
    pub labels: Vec<(String, String)>,
    /// Only within these hours.
    pub schedule: Option<String>,
    /// Only outside of these hours.
    pub not_schedule: Option<String>,
    /// Names of contacts.
    pub to: Vec<String>,
    /// Whether mail waits until the hours are over.
    pub hold: bool,
    /// Where it is written.
    pub place: Place,
}

/// Until when mail waits, and by which schedule.
pub type Wait<'r> = (Stamp, &'r str);

impl Routing {
    /// Puts them together.
    #[must_use]
    pub fn new(hours: BTreeMap<String, Hours>, routes: Vec<Route>) -> Self {
        let mut text = format!("{hours:?}");
        for route in &routes {
            let globs = |list: &[Glob]| list.iter().map(|g| g.text.clone()).collect::<Vec<_>>();
            let Route { states, kinds, labels, schedule, not_schedule, to, hold, .. } = route;
            let (checks, instances) = (globs(&route.checks), globs(&route.instances));
            text.push_str(&format!(
                "{states:?}{kinds:?}{checks:?}{instances:?}{labels:?}{schedule:?}{not_schedule:?}{to:?}{hold}"
            ));
        }
        Self { print: crc32fast::hash(text.as_bytes()), hours, routes }
    }

    /// The route that takes a state of an instance now, and until when its mail waits.
    #[must_use]
    pub fn find(
        &self,
        host: &HostIdentity,
        check: &Check,
        found: &Found,
        state: State,
        now: Stamp,
    ) -> Option<(&Route, Option<Wait<'_>>)> {
        if self.routes.is_empty() {
            return None;
        }
        let zone = Zone::named(&host.timezone);
        self.routes.iter().find_map(|route| {
            if !route.takes(host, check, found, state) {
                return None;
            }
            let within = match &route.schedule {
                Some(name) => Some((self.hours.get(name)?.end(&zone, now)?, name.as_str())),
                None => None,
            };
            let outside = match &route.not_schedule {
                Some(name) => {
                    let hours = self.hours.get(name)?;
                    if hours.end(&zone, now).is_some() {
                        return None;
                    }
                    hours.begin(&zone, now).map(|begin| (begin, name.as_str()))
                }
                None => None,
            };
            let wait = within.into_iter().chain(outside).min().filter(|_| route.hold);
            Some((route, wait))
        })
    }
}

impl Route {
    /// Whether it takes a state of an instance, were it not for the time.
    fn takes(&self, host: &HostIdentity, check: &Check, found: &Found, state: State) -> bool {
        let any = |globs: &[Glob], name: &str| {
            globs.is_empty() || globs.iter().any(|glob| glob.matches(name))
        };
        let kind = check.kind.spec().name;
        let has = |(name, value): &(String, String)| {
            let mut facts = found.labels.iter().chain(&found.attributes);
            host.labels.get(name) == Some(value) || facts.any(|(n, v)| n == name && v == value)
        };
        (self.states.is_empty() || self.states.contains(&state))
            && (self.kinds.is_empty() || self.kinds.iter().any(|known| known == kind))
            && any(&self.checks, &check.name)
            && any(&self.instances, &found.instance)
            && self.labels.iter().all(has)
    }

    /// Whether it surely takes everything that another takes.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        fn wider<T: PartialEq>(mine: &[T], others: &[T]) -> bool {
            mine.is_empty() || !others.is_empty() && others.iter().all(|one| mine.contains(one))
        }
        let texts = |globs: &[Glob]| globs.iter().map(|g| g.text.clone()).collect::<Vec<_>>();
        let same =
            |mine: &Option<String>, others: &Option<String>| mine.is_none() || mine == others;
        wider(&self.states, &other.states)
            && wider(&self.kinds, &other.kinds)
            && wider(&texts(&self.checks), &texts(&other.checks))
            && wider(&texts(&self.instances), &texts(&other.instances))
            && self.labels.iter().all(|label| other.labels.contains(label))
            && same(&self.schedule, &other.schedule)
            && same(&self.not_schedule, &other.not_schedule)
    }
}
