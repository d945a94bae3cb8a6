//! What is told as one incident: marks and order in one mail, over kinds with sides and with faults
//! of their own. Drives a live engine without the journal.

use std::sync::Arc;

use crate::alert::rule::{Clause, Level, Place, Rule};
use crate::config::plan::{Check, Plan, Selection};
use crate::host::Host;
use crate::model::kind::KindSpec;
use crate::model::reading::{Bad, Metric, MetricId, Observation, ProbeError, Reading, Sample};
use crate::model::time::{Moment, Now, Stamp};
use crate::model::unit::{Span, Unit};
use crate::notify::contact::Contact;
use crate::notify::notice::Notice;
use crate::probe::{Found, Kind, Lane, Options, Probe};

use super::event::{Effect, Event, SourceId};
use super::{Engine, Start};

const fn metric(key: &'static str) -> Metric {
    Metric { key, name: key, unit: Unit::Percent, bad: Bad::High, phrase: "{}", doc: "" }
}

static METRICS: [Metric; 2] = [metric("wear"), metric("used")];

const fn spec(name: &'static str) -> KindSpec {
    KindSpec {
        name,
        title: "",
        doc: "",
        selectors: &[],
        options: &[],
        metrics: &METRICS,
        measures: &[],
        findings: None,
        example: "",
    }
}

static THINGS: KindSpec = spec("thing");
static HEAT: KindSpec = spec("heat");

/// A thing, whose `used` is its own fault, or the heat of one.
#[derive(Debug)]
struct TestKind {
    spec: &'static KindSpec,
}

impl Kind for TestKind {
    fn spec(&self) -> &'static KindSpec {
        self.spec
    }
    fn survey(&self, _: &Host) -> Result<Vec<Found>, ProbeError> {
        Ok(Vec::new())
    }
    fn is_its_own_fault(&self, metric: MetricId) -> bool {
        metric == MetricId(1)
    }
    fn is_side(&self) -> bool {
        self.spec.name == "heat"
    }
    fn open(&self, _: &str, _: &Options) -> Box<dyn Probe> {
        unreachable!("nothing is read here")
    }
}

static KINDS: [TestKind; 2] = [TestKind { spec: &THINGS }, TestKind { spec: &HEAT }];

fn level(limit: f64) -> Level {
    let place = Place::default();
    let clause = |metric| Clause {
        metric: MetricId(metric),
        bad: Bad::High,
        limit,
        clear: limit,
        unless: Vec::new(),
        place: place.clone(),
    };
    let clauses = vec![clause(0), clause(1)];
    Level { clauses, findings: false, hold: Span::ZERO, share: 1.0, place }
}

fn check(kind: &'static TestKind) -> Check {
    Check {
        name: Arc::from(kind.spec.name),
        kind,
        selection: Selection::default(),
        rule: Rule {
            warn: Some(level(80.0)),
            crit: Some(level(90.0)),
            every: Span::from_secs(10),
            recover_for: Span::from_secs(10),
            unknown_after: Span::from_secs(900),
        },
        timeout: Span::from_secs(5),
        notify: vec!["ops".to_owned()],
        advice: None,
        runbook: None,
        options: Options::default(),
        notify_improvement: false,
        remind: Vec::new(),
        place: Place::default(),
    }
}

/// One instance: kind, name, what it stands upon.
type Thing = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// A machine whose things are read together, a source a kind.
struct Machine {
    engine: Engine,
    effects: Vec<Effect>,
    things: Vec<Thing>,
    now: u64,
}

impl Machine {
    fn new(things: &[Thing]) -> Self {
        let checks = KINDS.iter().map(|kind| Arc::new(check(kind))).collect();
        let mut plan = Plan { checks, ..Plan::default() };
        let ops = Contact { mail: vec!["o@h".to_owned()], ..Contact::default() };
        plan.contacts.insert("ops".to_owned(), ops);
        plan.mail.group_wait = Span::from_secs(86_400);
        let now = Now { moment: Moment(0), wall: Stamp(0) };
        let mut effects = Vec::new();
        let mut engine = Engine::new(plan, Start::default(), now, &mut effects);
        for kind in ["thing", "heat"] {
            let mine = things.iter().filter(|(of, _, _)| *of == kind);
            let found = mine.map(|(_, name, upon)| Found {
                instance: Arc::from(*name),
                title: (*name).to_owned(),
                source: Arc::from("all"),
                lane: Lane::Inline,
                attributes: Vec::new(),
                labels: Vec::new(),
                behind: None,
                upon: upon.iter().map(|(kind, name)| (*kind, Arc::from(*name))).collect(),
                by_default: true,
            });
            let found = Event::Surveyed { kind, result: Ok(found.collect()), asking: false };
            let _ = engine.step(now, found, &mut effects);
        }
        Self { engine, effects, things: things.to_vec(), now: 0 }
    }

    /// Reads everything after so many seconds; a thing that is not named is good. Values are of
    /// `wear`, or with a `u` before them of `used`.
    fn read(&mut self, seconds: u64, values: &str) {
        self.now += seconds * 1000;
        let moment = Moment(self.now);
        self.engine.now = Now { moment, wall: Stamp(i64::try_from(self.now).unwrap()) };
        self.engine.run_due(&mut self.effects);
        let runs: Vec<(SourceId, u64)> = self
            .effects
            .drain(..)
            .filter_map(|effect| match effect {
                Effect::Read { source, run } => Some((source, run)),
                _ => None,
            })
            .collect();
        for (source, run) in runs {
            let kind = self.engine.schedule.sources[&source].key.kind;
            let mine = self.things.iter().filter(|(of, _, _)| *of == kind);
            let seen = mine.map(|(_, name, _)| {
                let words = values.split(' ').filter_map(|word| word.split_once('='));
                let value = words.filter(|(of, _)| of == name).map(|(_, value)| value).next();
                let value = value.unwrap_or("10");
                let (own, number) = match value.strip_prefix('u') {
                    Some(number) => (1, number),
                    None => (0, value),
                };
                let reading = |metric: u8| Reading {
                    metric: MetricId(metric),
                    value: if metric == own { number.parse().unwrap() } else { 10.0 },
                };
                Observation {
                    instance: Arc::from(*name),
                    readings: vec![reading(0), reading(1)],
                    ..Observation::default()
                }
            });
            let sample = Sample { taken: moment, result: Ok(seen.collect()) };
            self.engine.sampled(source, run, sample, &mut self.effects);
        }
    }

    /// What waits, as it would stand in one mail: `eno2`, and below it what follows.
    fn mail(&self) -> String {
        let desk = &self.engine.desks["ops"];
        let mut notices: Vec<Notice> = desk.waiting().values().cloned().collect();
        self.engine.fold(&mut notices);
        let line = |notice: &Notice| match &notice.follows {
            Some(cause) => format!("{}<{}", notice.id.instance, cause.instance),
            None => notice.id.instance.to_string(),
        };
        notices.iter().map(line).collect::<Vec<_>>().join(" ")
    }
}

const NET: &[Thing] = &[
    ("thing", "a-rx", &[("thing", "bond0"), ("thing", "eno1"), ("thing", "eno2")]),
    ("thing", "bond0", &[("thing", "eno1"), ("thing", "eno2")]),
    ("thing", "cpu", &[]),
    ("thing", "eno1", &[]),
    ("thing", "eno2", &[]),
];

#[test]
fn causes_come_first_and_what_follows_names_the_first_of_them() {
    let mut net = Machine::new(NET);
    net.read(10, "");
    net.read(10, "a-rx=85 bond0=95 cpu=95 eno2=95");
    assert_eq!(net.mail(), "cpu eno2 a-rx<eno2 bond0<eno2");
    net.read(10, "");
    net.read(10, "");
    net.read(10, "");
    assert_eq!(net.mail(), "cpu eno2 a-rx<eno2 bond0<eno2", "good again, together");
}

#[test]
fn of_two_causes_the_worse_then_the_earlier_is_named() {
    let mut net = Machine::new(NET);
    net.read(10, "");
    net.read(10, "eno1=85");
    net.read(10, "eno1=85 eno2=85");
    net.read(10, "eno1=85 eno2=85 bond0=85");
    assert_eq!(net.mail(), "eno1 bond0<eno1 eno2");
    net.read(10, "eno1=85 eno2=95 bond0=85");
    assert_eq!(net.mail(), "eno1 eno2 bond0<eno2");
}

#[test]
fn what_is_milder_or_of_another_time_is_no_cause() {
    let mut net = Machine::new(NET);
    net.read(10, "");
    net.read(10, "eno2=85 bond0=95");
    assert_eq!(net.mail(), "bond0 eno2");
    let mut net = Machine::new(NET);
    net.read(10, "");
    net.read(10, "eno2=95");
    for _ in 0..70 {
        net.read(10, "eno2=95");
    }
    net.read(10, "eno2=95 bond0=95");
    assert_eq!(net.mail(), "eno2 bond0");
}

const DISK: &[Thing] = &[
    ("thing", "data", &[("thing", "md0"), ("thing", "sda"), ("thing", "sdb")]),
    ("thing", "md0", &[("thing", "sda"), ("thing", "sdb")]),
    ("thing", "sda", &[]),
    ("thing", "sdb", &[]),
    ("heat", "sda-heat", &[("thing", "sda")]),
];

#[test]
fn a_full_file_system_does_not_follow_from_its_disk() {
    let mut disk = Machine::new(DISK);
    disk.read(10, "");
    disk.read(10, "sda=95 md0=95 data=u95");
    assert_eq!(disk.mail(), "data sda md0<sda");
    let mut disk = Machine::new(DISK);
    disk.read(10, "");
    disk.read(10, "sda=95 md0=95 data=95");
    assert_eq!(disk.mail(), "sda data<sda md0<sda");
}

#[test]
fn heat_is_a_cause_where_it_is_worse_than_what_it_is_the_heat_of() {
    let mut disk = Machine::new(DISK);
    disk.read(10, "");
    disk.read(10, "sda-heat=95 sda=85 md0=95");
    assert_eq!(disk.mail(), "sda-heat md0<sda-heat sda<sda-heat");
    let mut disk = Machine::new(DISK);
    disk.read(10, "");
    disk.read(10, "sda-heat=95 sda=95 md0=95");
    assert_eq!(disk.mail(), "sda md0<sda sda-heat", "neither is worse: side by side");
}

#[test]
fn a_ring_ends() {
    let ring: &[Thing] = &[
        ("thing", "a", &[("thing", "b")]),
        ("thing", "b", &[("thing", "c")]),
        ("thing", "c", &[("thing", "a")]),
    ];
    let mut machine = Machine::new(ring);
    machine.read(10, "");
    machine.read(10, "a=95 b=95 c=95");
    assert_eq!(machine.mail().split(' ').count(), 3);
}
