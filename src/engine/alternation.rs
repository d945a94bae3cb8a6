//! R19 over 100,000 sequences: what a contact is told alternates, whatever is read. Drives the
//! ledger of a live engine without the journal, whose text would cost a hundred times as much.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::alert::rule::{Clause, Level, Place, Rule};
use crate::config::plan::{Check, Plan, Selection};
use crate::host::Host;
use crate::model::finding::Finding;
use crate::model::kind::KindSpec;
use crate::model::reading::{Bad, Metric, MetricId, Observation, ProbeError, Reading, Sample};
use crate::model::state::State;
use crate::model::time::{Moment, Now, Stamp};
use crate::model::unit::{Span, Unit};
use crate::notify::contact::{Contact, Style};
use crate::notify::notice::Cause;
use crate::probe::{Found, Kind, Lane, Options, Probe};

use super::event::{Effect, Event, SourceId};
use super::{Engine, Pending, Start};

#[derive(Debug)]
struct TestKind;

static METRICS: [Metric; 1] = [Metric {
    key: "used",
    name: "used_percent",
    unit: Unit::Percent,
    bad: Bad::High,
    phrase: "{} full",
    doc: "",
}];
static SPEC: KindSpec = KindSpec {
    name: "disk",
    title: "",
    doc: "",
    selectors: &[],
    options: &[],
    metrics: &METRICS,
    measures: &[],
    findings: None,
    example: "",
};

impl Kind for TestKind {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }
    fn survey(&self, _: &Host) -> Result<Vec<Found>, ProbeError> {
        Ok(Vec::new())
    }
    fn open(&self, _: &str, _: &Options) -> Box<dyn Probe> {
        unreachable!("nothing is read here")
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

fn level(limit: f64, clear: f64, hold: u64) -> Level {
    let place = Place::default();
    let clause = Clause {
        metric: MetricId(0),
        bad: Bad::High,
        limit,
        clear,
        unless: Vec::new(),
        place: place.clone(),
    };
    Level { clauses: vec![clause], findings: false, hold: Span::from_secs(hold), share: 1.0, place }
}

fn engine(check: Check, instances: &[Arc<str>], effects: &mut Vec<Effect>) -> Engine {
    let mut plan = Plan { checks: vec![Arc::new(check)], ..Plan::default() };
    plan.contacts.insert(
        "ops".to_owned(),
        Contact { mail: vec!["o@h".to_owned()], style: Style::StateFirst, ..Contact::default() },
    );
    plan.mail.group_wait = Span::from_secs(40 * 86_400);
    let now = Now { moment: Moment(0), wall: Stamp(0) };
    let mut engine = Engine::new(plan, Start::default(), now, effects);
    let found = instances.iter().map(|name| Found {
        instance: Arc::clone(name),
        title: name.to_string(),
        source: Arc::from("all"),
        lane: Lane::Inline,
        attributes: Vec::new(),
        labels: Vec::new(),
        behind: None,
        upon: Vec::new(),
        by_default: true,
    });
    let _ = engine.step(
        now,
        Event::Surveyed { kind: "disk", result: Ok(found.collect()), asking: false },
        effects,
    );
    engine
}

fn check(random: &mut Random) -> Check {
    let mut pick = |list: &[u64]| list[usize::try_from(random.below(list.len() as u64)).unwrap()];
    Check {
        name: Arc::from("disk"),
        kind: &TestKind,
        selection: Selection::default(),
        rule: Rule {
            crit: Some(level(90.0, 85.0, pick(&[0, 0, 20, 60]))),
            warn: (pick(&[0, 1]) == 0).then(|| level(80.0, 75.0, 0)),
            every: Span::from_secs(pick(&[10, 60, 600])),
            recover_for: Span::from_secs(pick(&[0, 0, 30, 120])),
            unknown_after: Span::from_secs(pick(&[0, 60, 900])),
        },
        timeout: Span::from_secs(5),
        notify: vec!["ops".to_owned()],
        advice: None,
        runbook: None,
        options: Options::default(),
        notify_improvement: pick(&[0, 1, 2, 3]) == 0,
        remind: Vec::new(),
        place: Place::default(),
    }
}

/// A fact with a key of its own: no other round makes the same.
fn fact(round: u64, critical: bool) -> Finding {
    let state = if critical { State::Critical } else { State::Warning };
    let fact = format!("record {round}");
    Finding { state, code: "record".to_owned(), key: round.to_string(), fact, detail: Vec::new() }
}

#[test]
fn what_a_contact_is_told_alternates() {
    let (mut told, mut flaps, mut further) = (0, 0, 0);
    let names: Vec<Arc<str>> = (0..800).map(|n| Arc::from(format!("i{n:03}"))).collect();
    for seed in 1..=125_u64 {
        let mut random = Random(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let check = check(&mut random);
        let every = check.rule.every;
        let mut effects = Vec::new();
        let mut engine = engine(check, &names, &mut effects);
        let mut open: HashMap<Arc<str>, State> = HashMap::new();
        let mut now = Moment(0);
        let mut run = 1;
        let mut values = vec![10.0; names.len()];
        let mut facts: HashMap<Arc<str>, Vec<Finding>> = HashMap::new();
        let mut told_facts: HashMap<Arc<str>, HashSet<String>> = HashMap::new();
        for round in 0..32_u64 {
            // Twelve restless readings, then good ones with a steady hour among them.
            let pause = if round == 28 { Span::from_secs(3700) } else { every };
            now = now + pause;
            let mut list = Vec::with_capacity(names.len());
            for (name, value) in names.iter().zip(&mut values) {
                let mut missing = (false, false);
                match random.below(20) {
                    _ if round >= 12 => *value = 10.0,
                    0..=2 => *value = 95.0,
                    3 => *value = 82.0,
                    4 | 5 => missing.0 = true,
                    6 => missing.1 = true,
                    7..=9 => *value = 10.0,
                    _ => {}
                }
                match random.below(24) {
                    _ if round >= 12 => drop(facts.remove(name)),
                    0 => facts.entry(Arc::clone(name)).or_default().push(fact(round, true)),
                    1 => facts.entry(Arc::clone(name)).or_default().push(fact(round, false)),
                    2 => drop(facts.remove(name)),
                    _ => {}
                }
                if missing.0 {
                    continue;
                }
                let reading = Reading { metric: MetricId(0), value: *value };
                list.push(Observation {
                    instance: Arc::clone(name),
                    readings: if missing.1 { Vec::new() } else { vec![reading] },
                    findings: facts.get(name).cloned().unwrap_or_default(),
                    ..Observation::default()
                });
            }
            engine.now = Now { moment: now, wall: Stamp(0) };
            engine.run_due(&mut effects);
            if let Some(Effect::Read { run: latest, .. }) =
                effects.iter().rev().find(|effect| matches!(effect, Effect::Read { .. }))
            {
                run = *latest;
            }
            let sample = Sample { taken: now, result: Ok(list) };
            engine.sampled(SourceId(0), run, sample, &mut effects);
            engine.run_due(&mut effects);
            effects.retain(|effect| matches!(effect, Effect::Read { .. }));
            for number in std::mem::take(&mut engine.pending).owed {
                let Some(notice) = engine.desks.get("ops").and_then(|d| d.waiting().get(&number))
                else {
                    continue;
                };
                told += 1;
                flaps += usize::from(notice.cause == Cause::Flapping);
                let name = Arc::clone(&notice.id.instance);
                let over = match notice.cause {
                    Cause::Recovered | Cause::Closed => true,
                    Cause::Steady => notice.state == State::Ok,
                    _ => false,
                };
                let known = told_facts.entry(Arc::clone(&name)).or_default();
                let grown = notice.news.iter().filter(|f| known.insert(f.key.clone())).count() > 0;
                if over {
                    told_facts.remove(&name);
                    assert!(open.remove(&name).is_some(), "{seed}: over, never told: {notice:?}");
                } else {
                    let before = open.insert(name, notice.state);
                    let again = before == Some(notice.state);
                    let news = grown || matches!(notice.cause, Cause::Flapping | Cause::Steady);
                    further += usize::from(again && grown);
                    assert!(!again || news, "{seed}: told twice: {notice:?}");
                }
            }
            engine.pending = Pending::default();
        }
        assert!(open.is_empty(), "{seed}: never closed: {open:?}");
    }
    assert!(told > 100_000 && flaps > 5000, "little is told: {told}, {flaps}");
    assert!(further > 5000, "few facts came while something was bad: {further}");
}
