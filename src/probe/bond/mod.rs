//! `bond`: whether every member of a bond carries its share, and what is wrong where it does not.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::host::Host;
use crate::model::finding::Finding;
use crate::model::reading::{Bad, Metric, MetricId, Observation, ProbeError, Reading};
use crate::model::state::State;
use crate::model::time::Moment;
use crate::model::unit::Unit;
use crate::parse::bonding::{Bond, Mode};
use crate::probe::growth::Growth;
use crate::probe::rate::float;
use crate::probe::{
    Found, Kind, KindSpec, Lane, OptionForm, OptionSpec, OptionValue, Options, Probe, Selector,
    stack,
};

use judge::{Past, Terms, judge, usable};
use lacp::has_link;

mod judge;
mod lacp;
mod read;

/// The kind.
#[derive(Debug)]
pub struct Bonds;

const MEMBERS: MetricId = MetricId(0);
const MEMBERS_UP: MetricId = MetricId(1);
const SPEED: MetricId = MetricId(2);
const FAILURES: MetricId = MetricId(3);

/// Option: members that there should be.
const EXPECTED: &str = "members";
/// The one source: the kernel lists all links in one answer.
const SOURCE: &str = "bonds";

static SPEC: KindSpec = KindSpec {
    name: "bond",
    title: "Bonds: LACP with a partner on every member, spares that are there.",
    doc: "Every bond is an instance. A lost link that leaves traffic flowing is a warning, a bond that \
carries nothing is critical.\n\n\
LACP (802.3ad): each member with a link must be in the active aggregator, in sync, collecting and \
distributing, at both ends. What is wrong is told with its likely cause: no partner (the switch port \
is not in an LACP channel group), another switch, another speed, a partner that fell silent, no \
agreement within a minute. A member without a link keeps what LACP said before; that is not looked \
at. While the kernel still negotiates (its churn state is `monitoring`) nothing is judged for at most \
90 seconds.\n\n\
active-backup: a member without a link means that no spare is left. A change of the member in use is \
told as information.\n\n\
The kernel is asked over netlink, which needs no privilege; `/proc/net/bonding`, which hides the \
partner from unprivileged readers, and sysfs fill in the rest. What is hidden is never taken for \
missing. Links of a bond that is switched off are not judged.",
    selectors: &[
        Selector { key: "name", doc: "Name of the bond, such as `bond*`." },
        Selector { key: "mode", doc: "`802.3ad`, `active-backup`, `balance-xor`, ..." },
    ],
    options: &[OptionSpec {
        key: EXPECTED,
        form: OptionForm::Number(Unit::Count),
        doc: "How many members the bond should have; fewer is a warning.",
    }],
    metrics: &[
        Metric {
            key: "members",
            name: "members",
            unit: Unit::Count,
            bad: Bad::Low,
            phrase: "{} members",
            doc: "Links in the bond, whatever their state.",
        },
        Metric {
            key: "members_up",
            name: "members_up",
            unit: Unit::Count,
            bad: Bad::Low,
            phrase: "{} members usable",
            doc: "Members with a link; with LACP, those that carry traffic.",
        },
        Metric {
            key: "speed",
            name: "speed_bits_per_second",
            unit: Unit::BitsPerSecond,
            bad: Bad::Low,
            phrase: "{} in all",
            doc: "What the usable members can carry together; in active-backup, the member in use.",
        },
        Metric {
            key: "failures",
            name: "failures",
            unit: Unit::Count,
            bad: Bad::High,
            phrase: "{} link failures in the last hour",
            doc: "Link failures of all members within the last hour, as far as it was watched.",
        },
    ],
    measures: &[],
    findings: Some("it carries nothing, and warning when it lost redundancy"),
    example: include_str!("../../../conf.d/bond.yaml"),
};

impl Kind for Bonds {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn survey(&self, host: &Host) -> Result<Vec<Found>, ProbeError> {
        Ok(read::list(host).into_iter().map(|name| found(host, name)).collect())
    }

    fn open(&self, _: &str, options: &Options) -> Box<dyn Probe> {
        let expected = options.get(EXPECTED).and_then(OptionValue::number);
        Box::new(Reader { expected: expected.and_then(whole), known: HashMap::new() })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "negative numbers are left out before, and float casts saturate"
)]
fn whole(number: f64) -> Option<usize> {
    (number >= 0.0).then_some(number as usize)
}

fn found(host: &Host, name: String) -> Found {
    let mut attributes = vec![("name", name.clone())];
    let mut labels = Vec::new();
    if let Some(mode) = read::mode(host, &name) {
        attributes.push(("mode", mode.word().to_owned()));
        labels.push(("mode", mode.word().to_owned()));
    }
    if let Some(mac) = read::address(host, &name) {
        labels.push(("mac", mac));
    }
    Found {
        instance: name.as_str().into(),
        upon: stack::below_link(host, &name),
        title: name,
        source: SOURCE.into(),
        lane: Lane::Own,
        attributes,
        labels,
        behind: None,
        by_default: true,
    }
}

struct Reader {
    expected: Option<usize>,
    known: HashMap<String, Known>,
}

#[derive(Default)]
struct Known {
    past: Past,
    /// By member: the counter starts anew when a link joins.
    failures: BTreeMap<String, Growth>,
}

impl Probe for Reader {
    fn read(&mut self, host: &Host, now: Moment) -> Result<Vec<Observation>, ProbeError> {
        let bonds = read::all(host)?;
        self.known.retain(|name, _| bonds.contains_key(name));
        let terms = Terms { now, expected: self.expected, recorded: host.is_recorded() };
        Ok(bonds
            .into_iter()
            .map(|(name, bond)| {
                let known = self.known.entry(name.clone()).or_default();
                let own_speed = read::bond_speed(host, &name);
                observe(name.as_str().into(), &bond, known, own_speed, terms)
            })
            .collect())
    }
}

/// What the bond can carry now, in Mbit/s, if every usable member's speed is known.
fn speed(bond: &Bond) -> Option<u64> {
    let usable = bond.members.iter().filter(|m| has_link(m)).filter(|m| match bond.mode {
        Some(Mode::Lacp) => lacp::trouble(bond, m).is_none(),
        Some(Mode::ActiveBackup) => bond.active.as_deref() == Some(m.name.as_str()),
        _ => true,
    });
    let mut sum = 0_u64;
    for member in usable {
        sum = sum.saturating_add(u64::from(member.speed?));
    }
    let sum_is_one = bond.mode == Some(Mode::Broadcast);
    let slowest = || bond.members.iter().filter_map(|m| m.speed).min().map(u64::from);
    if sum_is_one { slowest() } else { Some(sum).filter(|sum| *sum > 0) }
}

fn observe(
    instance: Arc<str>,
    bond: &Bond,
    known: &mut Known,
    own_speed: Option<u32>,
    terms: Terms,
) -> Observation {
    let findings = judge(bond, &mut known.past, terms);
    let (all, up) = (bond.members.len(), usable(bond));
    let mut readings = Vec::with_capacity(4);
    let mut put = |metric, value: u64| readings.push(Reading { metric, value: float(value) });
    put(MEMBERS, u64::try_from(all).unwrap_or(u64::MAX));
    put(MEMBERS_UP, u64::try_from(up).unwrap_or(u64::MAX));
    let mbits = speed(bond).or_else(|| own_speed.filter(|_| up > 0).map(u64::from));
    if let Some(mbits) = mbits {
        put(SPEED, mbits.saturating_mul(1_000_000));
    }
    known.failures.retain(|name, _| bond.members.iter().any(|member| member.name == *name));
    let mut failures = None;
    for member in &bond.members {
        let Some(count) = member.failures else { continue };
        let growth = known.failures.entry(member.name.clone()).or_default();
        if let Some(grown) = growth.add(terms.now, count) {
            failures = Some(failures.unwrap_or(0_u64).saturating_add(grown));
        }
    }
    if let Some(failures) = failures {
        put(FAILURES, failures);
    }
    let summary = summary(bond, &findings, up, mbits);
    Observation { instance, readings, summary, findings, ..Observation::default() }
}

/// Members that fit on a line with the rest.
const MEMBERS_NAMED: usize = 8;

/// `802.3ad, 2 of 2 links (eno1, eno2), 20 Gbit/s`, and what is wrong with it.
fn summary(bond: &Bond, findings: &[Finding], up: usize, mbits: Option<u64>) -> String {
    let mut text = String::new();
    if let Some(worst) = findings.first().filter(|finding| finding.state != State::Ok) {
        text.push_str(&format!("{}; ", worst.fact));
    }
    let is_fine = text.is_empty();
    if let Some(mode) = bond.mode {
        text.push_str(&format!("{}, ", mode.word()));
    }
    text.push_str(&format!("{up} of {} links", bond.members.len()));
    // Where something is wrong, the fact before names the members that matter.
    if is_fine && (1..=MEMBERS_NAMED).contains(&bond.members.len()) {
        let names: Vec<&str> = bond.members.iter().map(|member| member.name.as_str()).collect();
        text.push_str(&format!(" ({})", names.join(", ")));
    }
    if let Some(mbits) = mbits {
        let shown = Unit::BitsPerSecond.show(float(mbits.saturating_mul(1_000_000)));
        text.push_str(&format!(", {shown}"));
    }
    if let Some(active) = bond.active.as_deref().filter(|name| !name.is_empty()) {
        text.push_str(&format!(", through {active}"));
    }
    text
}

#[cfg(test)]
mod tests;
