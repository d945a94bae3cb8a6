//! A daemon in virtual time: does at once what the engine asks for, against a world that a test
//! sets by the second. Owns no expectation.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use hostwatch::alert::rule::{Clause, Level, Place, Rule};
use hostwatch::config::plan::{Check, Plan, Selection};
use hostwatch::engine::event::{Effect, Event, NextWake, SourceId};
use hostwatch::engine::order::{Asked, Order};
use hostwatch::engine::status::Report;
use hostwatch::engine::{Engine, Start};
use hostwatch::evidence::Inquiry;
use hostwatch::host::Host;
use hostwatch::model::batch::Parcel;
use hostwatch::model::evidence::Evidence;
use hostwatch::model::finding::Finding;
use hostwatch::model::history::Minute;
use hostwatch::model::id::HostIdentity;
use hostwatch::model::kind::{KindSpec, Selector};
use hostwatch::model::reading::{Bad, Metric, MetricId, Observation, ProbeError, Reading, Sample};
use hostwatch::model::state::State;
use hostwatch::model::time::{Moment, Now, Stamp};
use hostwatch::model::unit::{Span, Unit};
use hostwatch::notify::contact::Contact;
use hostwatch::notify::mail::Form;
use hostwatch::notify::notice::Notice;
use hostwatch::notify::outbox::{DeliveryReport, Fate};
use hostwatch::probe::{Found, Kind, Lane, Options, Probe};

/// A kind with one metric a side.
#[derive(Debug)]
pub(crate) struct TestKind;

static SPEC: KindSpec = KindSpec {
    name: "disk",
    title: "A thing that is judged in tests.",
    doc: "",
    selectors: &[Selector { key: "name", doc: "" }],
    options: &[],
    metrics: &[
        Metric {
            key: "used",
            name: "used_percent",
            unit: Unit::Percent,
            bad: Bad::High,
            phrase: "{} full",
            doc: "",
        },
        Metric {
            key: "free",
            name: "free_percent",
            unit: Unit::Percent,
            bad: Bad::Low,
            phrase: "{} free",
            doc: "",
        },
    ],
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

    fn is_inquired(&self, facts: &BTreeMap<String, Vec<String>>) -> bool {
        facts.get("name").is_some_and(|names| names.iter().any(|name| is_on_device(name)))
    }

    fn open(&self, _: &str, _: &Options) -> Box<dyn Probe> {
        unreachable!("the simulation answers reads itself")
    }
}

/// Whether only the device lists an instance of this name.
fn is_on_device(name: &str) -> bool {
    name.starts_with("dev")
}

pub(crate) const SECOND: u64 = 1000;
pub(crate) const MINUTE: u64 = 60 * SECOND;
pub(crate) const HOUR: u64 = 60 * MINUTE;
pub(crate) const DAY: u64 = 24 * HOUR;

/// A level on `used`.
pub(crate) fn level(limit: f64, clear: f64, hold: u64, share: f64) -> Level {
    let place = Place { file: "conf.d/disk.yaml".into(), line: 7 };
    let clause = Clause {
        metric: MetricId(0),
        bad: Bad::High,
        limit,
        clear,
        unless: Vec::new(),
        place: place.clone(),
    };
    Level { clauses: vec![clause], findings: false, hold: Span::from_millis(hold), share, place }
}

/// A check that tells `ops`; `crit` at 90, at once, every 10 s.
pub(crate) fn check(name: &str) -> Check {
    Check {
        name: name.into(),
        kind: &TestKind,
        selection: Selection::default(),
        rule: Rule {
            warn: None,
            crit: Some(level(90.0, 90.0, 0, 1.0)),
            every: Span::from_secs(10),
            recover_for: Span::ZERO,
            unknown_after: Span::from_secs(900),
        },
        timeout: Span::from_secs(5),
        notify: vec!["ops".to_owned()],
        advice: None,
        runbook: None,
        options: Options::default(),
        notify_improvement: false,
        remind: Vec::new(),
        place: Place { file: "conf.d/disk.yaml".into(), line: 3 },
    }
}

/// A plan with the contact `ops`, mails after 30 s.
pub(crate) fn plan(checks: Vec<Check>) -> Plan {
    let mut plan = Plan {
        host: HostIdentity {
            name: "db03".to_owned(),
            fqdn: "db03.example.net".to_owned(),
            timezone: "UTC".to_owned(),
            labels: BTreeMap::new(),
        },
        checks: checks.into_iter().map(Arc::new).collect(),
        ..Plan::default()
    };
    let ops = Contact { mail: vec!["ops@example.net".to_owned()], ..Contact::default() };
    plan.contacts.insert("ops".to_owned(), ops);
    plan.mail.from = "hostwatch@db03.example.net".to_owned();
    plan.mail.keep = Span::from_secs(7 * 86_400);
    plan.mail.group_wait = Span::from_secs(30);
    plan.mail.culprits = true;
    plan
}

/// What an instance gives.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Gives {
    /// A value of `used`.
    Value(f64),
    /// These values in turn, one a reading, again and again.
    Pattern(Vec<f64>, usize),
    /// An observation without the metric.
    Blank,
    /// It is in the survey, but not in the reading.
    Absent,
    /// The whole source fails.
    Error(&'static str),
    /// The whole source does not answer.
    Hang,
}

/// One instance of the world.
#[derive(Debug, Clone)]
pub(crate) struct Thing {
    pub gives: Gives,
    pub lane: Lane,
    pub source: String,
    /// Empty where it has none.
    pub serial: String,
    pub findings: Vec<Finding>,
    pub memo: Option<String>,
    /// What it is read through.
    pub behind: Option<String>,
    /// What it stands upon.
    pub upon: Vec<String>,
}

impl Thing {
    fn new(gives: Gives, lane: Lane, source: &str) -> Self {
        Self {
            gives,
            lane,
            source: source.to_owned(),
            serial: String::new(),
            findings: Vec::new(),
            memo: None,
            behind: None,
            upon: Vec::new(),
        }
    }
}

/// A fact as a probe states it.
pub(crate) fn finding(state: State, key: &str, fact: &str) -> Finding {
    let (code, detail) = ("test".to_owned(), Vec::new());
    Finding { state, code, key: key.to_owned(), fact: fact.to_owned(), detail }
}

/// How the device behaves that alone lists what begins with `dev`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Device {
    /// There is none.
    None,
    Answers,
    Silent,
    Fails,
}

/// How a service of the world behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Up,
    Down,
    Hangs,
}

/// A mail that a server took.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub at: u64,
    pub contact: String,
    pub subject: String,
    pub message_id: String,
    pub bytes: String,
    /// What it tells, if the journal was told of it.
    pub tells: Vec<Notice>,
}

/// What a frame says of people.
#[derive(serde::Deserialize)]
struct Said {
    #[serde(default)]
    owed: Vec<(u64, Notice)>,
    #[serde(default)]
    tells: Vec<u64>,
    mail: Option<SaidMail>,
}

#[derive(serde::Deserialize)]
struct SaidMail {
    id: u64,
}

/// The daemon.
pub(crate) struct Sim {
    pub engine: Option<Engine>,
    pub plan: Plan,
    pub time: u64,
    /// Wall clock minus timeline.
    pub offset: i64,
    next: NextWake,
    effects: VecDeque<Effect>,
    sources: BTreeMap<SourceId, String>,
    hanging_reads: Vec<(SourceId, u64)>,
    hanging_writes: Vec<Event>,
    pub journal: Vec<Vec<u8>>,
    pub store: Service,
    pub mail: Service,
    /// What hooks reach.
    pub hooks: Service,
    pub refused: Vec<String>,
    /// What takes heartbeats, and when they came.
    pub collector: Service,
    pub beats: Vec<u64>,
    pub world: BTreeMap<String, Thing>,
    pub device: Device,
    /// It was asked and has not answered.
    device_asked: bool,
    /// Instances with what they were given back, and when.
    pub recalls: Vec<(u64, String, String)>,
    /// What an inline read costs.
    pub read_takes: u64,
    pub taken: Vec<Taken>,
    pub attempts: Vec<u64>,
    /// What every question for evidence is answered; `None` is no answer.
    pub evidence: Option<Evidence>,
    /// Such questions with their time.
    pub inquiries: Vec<(u64, Inquiry)>,
    /// Finished minutes, and when they were handed out.
    pub minutes: Vec<(u64, Vec<Minute>)>,
    /// What was handed over to be forwarded, and when; and how often outlets were named.
    pub parcels: Vec<(u64, Parcel)>,
    pub outlets_named: u32,
    /// Log lines with their time.
    pub log: Vec<(u64, String)>,
    pub writes: Vec<(u64, bool)>,
    pub wakes: u64,
    pub notices: Vec<Notice>,
    numbered: BTreeMap<u64, Notice>,
    tells: BTreeMap<u64, Vec<u64>>,
    /// The process is killed when this many more effects were carried out.
    pub kill_after: Option<usize>,
    /// When that happened last.
    pub died: Option<u64>,
}

impl Sim {
    pub(crate) fn new(plan: Plan) -> Self {
        Self {
            engine: None,
            plan,
            time: 0,
            offset: 1_795_370_400_000,
            next: NextWake::Never,
            effects: VecDeque::new(),
            sources: BTreeMap::new(),
            hanging_reads: Vec::new(),
            hanging_writes: Vec::new(),
            journal: Vec::new(),
            store: Service::Up,
            mail: Service::Up,
            hooks: Service::Up,
            refused: Vec::new(),
            collector: Service::Up,
            beats: Vec::new(),
            world: BTreeMap::new(),
            device: Device::None,
            device_asked: false,
            recalls: Vec::new(),
            read_takes: 0,
            taken: Vec::new(),
            attempts: Vec::new(),
            evidence: Some(Evidence::default()),
            inquiries: Vec::new(),
            minutes: Vec::new(),
            parcels: Vec::new(),
            outlets_named: 0,
            log: Vec::new(),
            writes: Vec::new(),
            wakes: 0,
            notices: Vec::new(),
            numbered: BTreeMap::new(),
            tells: BTreeMap::new(),
            kill_after: None,
            died: None,
        }
    }

    /// Sets what an instance gives; a new one appears with the next survey.
    pub(crate) fn set(&mut self, instance: &str, gives: Gives) {
        let blank = || Thing::new(Gives::Blank, Lane::Inline, "all");
        let thing = self.world.entry(instance.to_owned()).or_insert_with(blank);
        thing.gives = gives;
        let waits = !self.hanging_reads.is_empty();
        if waits && !self.world.values().any(|thing| thing.gives == Gives::Hang) {
            for (source, run) in std::mem::take(&mut self.hanging_reads) {
                self.answer(source, run);
            }
        }
    }

    /// An instance that is read in a lane of its own.
    pub(crate) fn set_own(&mut self, instance: &str, gives: Gives) {
        self.world.insert(instance.to_owned(), Thing::new(gives, Lane::Own, instance));
    }

    /// An instance finds one fact more.
    pub(crate) fn find(&mut self, instance: &str, state: State, key: &str, fact: &str) {
        let thing = self.world.get_mut(instance).unwrap();
        thing.findings.push(finding(state, key, fact));
    }

    /// Sets how the device behaves; one that was asked and can answer now does.
    pub(crate) fn set_device(&mut self, device: Device) {
        self.device = device;
        if std::mem::take(&mut self.device_asked) {
            self.ask_device();
            self.carry_out();
        }
    }

    fn ask_device(&mut self) {
        let result = match self.device {
            Device::None => return,
            Device::Silent => {
                self.device_asked = true;
                return;
            }
            Device::Answers => Ok(self.found(true)),
            Device::Fails => Err(ProbeError::TimedOut("the device is busy".to_owned())),
        };
        self.queue(Event::Inquired { kind: SPEC.name, result });
    }

    /// What a survey finds, or what the device lists.
    fn found(&self, on_device: bool) -> Vec<Found> {
        let listed = self.world.iter().filter(|(name, _)| is_on_device(name) == on_device);
        let found = listed.map(|(name, thing)| Found {
            instance: name.as_str().into(),
            title: name.clone(),
            source: thing.source.as_str().into(),
            lane: thing.lane,
            attributes: vec![("name", name.clone())],
            labels: vec![("serial", thing.serial.clone())],
            behind: thing.behind.as_ref().map(|behind| (SPEC.name, behind.as_str().into())),
            upon: thing.upon.iter().map(|upon| (SPEC.name, upon.as_str().into())).collect(),
            by_default: true,
        });
        found.collect()
    }

    pub(crate) fn now(&self) -> Now {
        let wall = i64::try_from(self.time).unwrap() + self.offset;
        Now { moment: Moment(self.time), wall: Stamp(wall) }
    }

    pub(crate) fn start(&mut self) {
        self.start_with(None, None);
    }

    pub(crate) fn start_with(&mut self, store_note: Option<&str>, store_error: Option<&str>) {
        let mut effects = Vec::new();
        let start = Start {
            frames: self.journal.clone(),
            store_note: store_note.map(str::to_owned),
            store_error: store_error.map(str::to_owned),
            ..Start::default()
        };
        self.engine = Some(Engine::new(self.plan.clone(), start, self.now(), &mut effects));
        self.effects = effects.into();
        self.next = NextWake::At(Moment(self.time));
        self.carry_out();
    }

    /// The process ends without a word.
    pub(crate) fn kill(&mut self) {
        self.engine = None;
        self.effects.clear();
        self.sources.clear();
        self.hanging_reads.clear();
        self.hanging_writes.clear();
        self.device_asked = false;
    }

    /// The process ends in order.
    pub(crate) fn stop(&mut self) {
        self.event(Event::Stop);
        self.kill();
    }

    pub(crate) fn event(&mut self, event: Event) {
        let now = self.now();
        let Some(engine) = &mut self.engine else { return };
        let mut effects = Vec::new();
        self.next = engine.step(now, event, &mut effects);
        self.effects.extend(effects);
        self.carry_out();
    }

    /// A person orders quiet, or its end.
    pub(crate) fn order(&mut self, order: Order) {
        let asked = Asked { ticket: 1, author: "ana".to_owned(), order };
        self.event(Event::Order(Box::new(asked)));
    }

    pub(crate) fn reload(&mut self, plan: Plan) {
        self.plan = plan.clone();
        self.event(Event::Reload(Box::new(plan)));
    }

    pub(crate) fn set_store(&mut self, store: Service) {
        self.store = store;
        if store != Service::Hangs {
            for event in std::mem::take(&mut self.hanging_writes) {
                self.event(event);
            }
        }
    }

    pub(crate) fn report(&self) -> Report {
        self.engine.as_ref().unwrap().status(self.now())
    }

    /// Time passes, and the agent is woken when it asked to be.
    pub(crate) fn run_until(&mut self, end: u64) {
        while let NextWake::At(Moment(at)) = self.next {
            if at > end || self.engine.is_none() {
                break;
            }
            self.time = self.time.max(at);
            self.wakes += 1;
            self.event(Event::Wake);
            if let NextWake::At(Moment(next)) = self.next {
                assert!(next > self.time || self.engine.is_none(), "woken for nothing at {at}");
            }
        }
        self.time = end;
    }

    /// Time passes, but the machine sleeps.
    pub(crate) fn suspend(&mut self, span: u64) {
        self.time += span;
    }

    fn carry_out(&mut self) {
        while let Some(effect) = self.effects.pop_front() {
            if let Some(left) = &mut self.kill_after {
                if *left == 0 {
                    self.kill_after = None;
                    self.died = Some(self.time);
                    self.kill();
                    return;
                }
                *left -= 1;
            }
            self.one(effect);
        }
    }

    fn queue(&mut self, event: Event) {
        let now = self.now();
        let Some(engine) = &mut self.engine else { return };
        let mut effects = Vec::new();
        self.next = engine.step(now, event, &mut effects);
        self.effects.extend(effects);
    }

    fn one(&mut self, effect: Effect) {
        match effect {
            Effect::Survey(kind) => {
                let asking = self.device != Device::None;
                let result = Ok(self.found(false));
                self.queue(Event::Surveyed { kind: kind.spec().name, result, asking });
                self.ask_device();
            }
            Effect::Open { source, name, .. } => {
                self.sources.insert(source, name.to_string());
            }
            Effect::Recall { source, instance, memo } => {
                assert!(self.sources.contains_key(&source), "given back before it is opened");
                self.recalls.push((self.time, instance.to_string(), memo));
            }
            Effect::Close(source) => {
                self.sources.remove(&source);
            }
            Effect::Read { source, run } => {
                let name = self.sources[&source].clone();
                let hangs = self.world.values().any(|t| t.source == name && t.gives == Gives::Hang);
                if hangs {
                    self.hanging_reads.push((source, run));
                } else {
                    self.time += self.read_takes;
                    self.answer_queued(source, run);
                }
            }
            Effect::Append { id, frame, sync } => {
                self.writes.push((self.time, sync));
                self.note(&frame);
                self.write(|journal| journal.push(frame), id);
            }
            Effect::Rewrite { id, frames } => {
                self.writes.push((self.time, true));
                self.write(|journal| *journal = frames, id);
            }
            Effect::Deliver { mail, recipients, .. } => {
                let service = match mail.form {
                    Form::Mail => self.mail,
                    Form::Event => self.hooks,
                };
                if mail.form == Form::Mail {
                    self.attempts.push(self.time);
                }
                let mut report = DeliveryReport {
                    mail: mail.id,
                    recipients: Vec::new(),
                    done: true,
                    trouble: None,
                };
                match service {
                    Service::Hangs => return,
                    Service::Down => report.trouble = Some("connection refused".to_owned()),
                    Service::Up => {
                        for to in recipients {
                            let refused = self.refused.contains(&to);
                            let fate = if refused {
                                Fate::Refused("550 no such user".to_owned())
                            } else {
                                Fate::Accepted("250 queued".to_owned())
                            };
                            report.recipients.push((to, fate));
                            if refused {
                                continue;
                            }
                            let numbers = self.tells.get(&mail.id.0).cloned().unwrap_or_default();
                            self.taken.push(Taken {
                                at: self.time,
                                contact: mail.contact.clone(),
                                subject: mail.subject.clone(),
                                message_id: mail.message_id.clone(),
                                bytes: mail.bytes.clone(),
                                tells: numbers
                                    .iter()
                                    .filter_map(|n| self.numbered.get(n).cloned())
                                    .collect(),
                            });
                        }
                    }
                }
                self.queue(Event::Delivery(report));
            }
            Effect::Inquire(inquiry) => {
                let (number, evidence) = (inquiry.number, self.evidence.clone());
                self.inquiries.push((self.time, *inquiry));
                if let Some(evidence) = evidence {
                    self.queue(Event::Gathered { number, evidence, done: true });
                }
            }
            Effect::Remember(minutes) => self.minutes.push((self.time, minutes)),
            Effect::Outlets(_) => self.outlets_named += 1,
            Effect::Forward(parcel) => self.parcels.push((self.time, *parcel)),
            Effect::Foresee => {
                self.queue(Event::Foreseen(vec!["/data full in about 6 d".to_owned()]))
            }
            Effect::Beat { url, .. } => {
                self.beats.push(self.time);
                let result = match self.collector {
                    Service::Up => Ok(()),
                    Service::Down => Err(format!("{url}: connection refused")),
                    Service::Hangs => return,
                };
                self.queue(Event::Beaten(result));
            }
            Effect::Answer { ticket: _, answer } => {
                let text = answer.text.replace('\n', " | ");
                self.log.push((self.time, format!("answer {}: {text}", answer.code)));
            }
            Effect::Log { line, .. } => self.log.push((self.time, line)),
        }
    }

    /// Remembers what a frame owes and tells.
    fn note(&mut self, frame: &[u8]) {
        let Ok(said) = serde_json::from_slice::<Said>(frame) else { return };
        for (number, notice) in said.owed {
            // A notice is written again when what keeps it back changes.
            if self.numbered.insert(number, notice.clone()).is_none() {
                self.notices.push(notice);
            }
        }
        if let Some(mail) = said.mail {
            self.tells.insert(mail.id, said.tells);
        }
    }

    fn write(
        &mut self,
        change: impl FnOnce(&mut Vec<Vec<u8>>),
        id: hostwatch::engine::event::WriteId,
    ) {
        match self.store {
            Service::Up => {
                change(&mut self.journal);
                self.queue(Event::Stored(id));
            }
            Service::Down => {
                self.queue(Event::StoreFailed(id, "no space left on device".to_owned()));
            }
            Service::Hangs => {
                change(&mut self.journal);
                self.hanging_writes.push(Event::Stored(id));
            }
        }
    }

    fn answer(&mut self, source: SourceId, run: u64) {
        self.answer_queued(source, run);
        self.carry_out();
    }

    fn answer_queued(&mut self, source: SourceId, run: u64) {
        let Some(name) = self.sources.get(&source).cloned() else { return };
        let mut seen = Vec::new();
        let mut failed = None;
        for (instance, thing) in self.world.iter_mut().filter(|(_, t)| t.source == name) {
            let value = match &mut thing.gives {
                Gives::Value(value) => Some(*value),
                Gives::Pattern(values, next) => {
                    let value = values[*next % values.len()];
                    *next += 1;
                    Some(value)
                }
                Gives::Blank => None,
                Gives::Absent => continue,
                Gives::Error(word) => {
                    failed = Some(ProbeError::Failed((*word).to_owned()));
                    continue;
                }
                Gives::Hang => continue,
            };
            seen.push(Observation {
                instance: instance.as_str().into(),
                readings: value
                    .map(|value| Reading { metric: MetricId(0), value })
                    .into_iter()
                    .collect(),
                findings: thing.findings.clone(),
                memo: thing.memo.clone(),
                summary: value.map_or("no value".to_owned(), |value| format!("{value}% used")),
                ..Observation::default()
            });
        }
        let result = failed.map_or(Ok(seen), Err);
        let taken = Moment(self.time);
        self.queue(Event::Sampled { source, run, sample: Sample { taken, result } });
    }
}
