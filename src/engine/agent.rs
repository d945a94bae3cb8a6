//! The agent's own faults as instances like any other: `agent:state` (the journal), `agent:mail`
//! (the way out), `agent:config` (a refused reload), `agent:heartbeat`, `agent:forward/NAME` (an
//! outlet). Owns their kind, which is never read.

use std::sync::Arc;

use super::forwarding;
use crate::alert::rule::{Place, Rule};
use crate::config::plan::{Check, Plan, Selection};
use crate::host::Host;
use crate::model::id::Id;
use crate::model::reading::{Observation, ProbeError};
use crate::model::state::State;
use crate::model::time::Moment;
use crate::model::unit::Span;
use crate::probe::{Found, Kind, KindSpec, Lane, Options, Probe};

/// Name of the kind and of its only check.
pub(super) const KIND: &str = "agent";

/// What can be wrong with the agent itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing can be stored.
    State,
    /// Mail does not go out, or an address is refused.
    Mail,
    /// The last reload was refused.
    Config,
    /// The sign of life is not taken.
    Heartbeat,
    /// This outlet takes nothing.
    Outlet(Arc<str>),
}

/// What an outlet's instance begins with.
pub(super) const OUTLET: &str = "forward/";

/// Those that every agent may have.
const FAULTS: [Fault; 4] = [Fault::State, Fault::Mail, Fault::Config, Fault::Heartbeat];

/// All that can be wrong under this plan.
pub(super) fn faults(plan: &Plan) -> Vec<Fault> {
    let own = FAULTS.into_iter().filter(|fault| fault.can_be(plan));
    own.chain(forwarding::faults(plan)).collect()
}

impl Fault {
    /// Name of the instance.
    pub(super) fn instance(&self) -> Arc<str> {
        match self {
            Self::State => Arc::from("state"),
            Self::Mail => Arc::from("mail"),
            Self::Config => Arc::from("config"),
            Self::Heartbeat => Arc::from("heartbeat"),
            Self::Outlet(name) => Arc::from(forwarding::instance(name)),
        }
    }

    /// Whether it can be wrong under this plan.
    pub(super) fn can_be(&self, plan: &Plan) -> bool {
        match self {
            Self::State | Self::Mail | Self::Config => true,
            Self::Heartbeat => plan.mail.heartbeat.is_some(),
            Self::Outlet(_) => forwarding::faults(plan).contains(self),
        }
    }

    /// What is said of one that can be no more.
    pub(super) fn farewell(&self) -> &'static str {
        match self {
            Self::Outlet(_) => "the outlet was removed",
            Self::Heartbeat => "no heartbeat is sent any more",
            Self::State | Self::Mail | Self::Config => "it is watched no more",
        }
    }

    /// Its id.
    pub(super) fn id(&self) -> Id {
        Id::new(KIND, self.instance())
    }

    /// The fault that an id is about.
    pub(super) fn of(id: &Id) -> Option<Self> {
        if let Some(name) = id.instance.strip_prefix(OUTLET).filter(|_| &*id.check == KIND) {
            return Some(Self::Outlet(Arc::from(name)));
        }
        FAULTS.into_iter().find(|fault| *id == fault.id())
    }

    /// What there is to say while it is not there.
    pub(super) fn absence(&self) -> &'static str {
        match self {
            Self::State => "kept on disk",
            Self::Mail => "nothing is stuck",
            Self::Config => "loaded without a mistake",
            Self::Heartbeat => "taken",
            Self::Outlet(_) => "nothing is stuck",
        }
    }

    /// When it shows, and how bad that is at worst.
    pub(super) fn rule(&self) -> (State, &'static str) {
        match self {
            Self::State => (State::Critical, "nothing can be written to the state directory"),
            Self::Mail => (
                State::Critical,
                "mail has waited for an hour (or, a warning: a recipient was refused for good, or a \
                 hook has not worked for 5 minutes)",
            ),
            Self::Config => (State::Warning, "a reload was refused because of a mistake"),
            Self::Heartbeat => (State::Warning, "three heartbeats in a row were not taken"),
            Self::Outlet(_) => (
                State::Warning,
                "nothing has been taken for 15 minutes, or for 5 where somebody must mend something",
            ),
        }
    }

    /// The instance.
    pub(super) fn found(&self) -> Found {
        Found {
            instance: self.instance(),
            title: format!("agent {}", self.instance()),
            source: Arc::from(""),
            lane: Lane::Inline,
            attributes: Vec::new(),
            labels: Vec::new(),
            behind: None,
            upon: Vec::new(),
            by_default: true,
        }
    }
}

/// The check they belong to: tells everybody.
pub(super) fn check(plan: &Plan) -> Check {
    Check {
        name: Arc::from(KIND),
        kind: &AgentKind,
        selection: Selection::default(),
        rule: Rule {
            warn: None,
            crit: None,
            every: Span::from_secs(60),
            recover_for: Span::ZERO,
            unknown_after: Span::ZERO,
        },
        timeout: Span::ZERO,
        notify: plan.contacts.keys().cloned().collect(),
        advice: None,
        runbook: None,
        options: Options::default(),
        notify_improvement: false,
        remind: plan.remind.clone(),
        place: Place::default(),
    }
}

/// The kind of the agent's own faults.
#[derive(Debug)]
struct AgentKind;

static SPEC: KindSpec = KindSpec {
    name: KIND,
    title: "The agent itself: its state directory, its mail, its configuration.",
    doc: "",
    selectors: &[],
    options: &[],
    metrics: &[],
    measures: &[],
    findings: None,
    example: "",
};

impl Kind for AgentKind {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn survey(&self, _: &Host) -> Result<Vec<Found>, ProbeError> {
        Ok(Vec::new())
    }

    fn open(&self, _: &str, _: &Options) -> Box<dyn Probe> {
        Box::new(Nothing)
    }
}

/// Nothing is ever read of it: the engine knows.
#[derive(Debug)]
struct Nothing;

impl Probe for Nothing {
    fn read(&mut self, _: &Host, _: Moment) -> Result<Vec<Observation>, ProbeError> {
        Ok(Vec::new())
    }
}
