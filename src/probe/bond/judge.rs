//! A bond's facts to findings: what is lost, which member, the likely cause. Pure.

use std::collections::BTreeSet;

use super::lacp::{self, has_link, negotiating, shown};
use crate::model::finding::Finding;
use crate::model::limit::GROWTH_WITHIN;
use crate::model::state::State;
use crate::model::time::Moment;
use crate::model::unit::Span;
use crate::parse::bonding::{Aggregator, Bond, Mac, Member, Mii, Mode};

/// How long LACP may negotiate: the kernel's own minute, and time to read its verdict.
const NEGOTIATION: Span = Span::from_secs(90);

/// What was seen of a bond before.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// Names of the members seen.
    members: BTreeSet<String>,
    /// The member in use.
    active: Option<String>,
    /// The last failover: from, to, when.
    failover: Option<(String, String, Moment)>,
    /// Since when LACP is not as it should be.
    trouble_since: Option<Moment>,
}

/// What else counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) now: Moment,
    /// Members that the check asks for.
    pub(super) expected: Option<usize>,
    /// A recording has no later reading to wait for.
    pub(super) recorded: bool,
}

/// Members that carry traffic or could at once.
pub(super) fn usable(bond: &Bond) -> usize {
    let lacp = bond.mode == Some(Mode::Lacp);
    bond.members
        .iter()
        .filter(|member| has_link(member))
        .filter(|member| !lacp || lacp::trouble(bond, member).is_none())
        .count()
}

/// Everything to be said of a bond now, worst first.
pub(super) fn judge(bond: &Bond, past: &mut Past, terms: Terms) -> Vec<Finding> {
    let mut said = Said { all: bond.members.len(), usable: usable(bond), findings: Vec::new() };
    if bond.switched_on == Some(false) {
        said.add(State::Ok, "switched-off", "switched off by the administrator".to_owned(), &[]);
        past.trouble_since = None;
        return said.findings;
    }
    vanished(bond, past, terms, &mut said);
    if bond.members.is_empty() {
        // Without members there is no carrier; a bond that says otherwise is not told whole.
        let down = bond.up == Some(false) && bond.switched_on == Some(true);
        let state = if down { State::Warning } else { State::Ok };
        let cause = "It was made or switched on, and no link was added to it.";
        said.add(state, "no-members", "has no member".to_owned(), &[cause.to_owned()]);
        return said.findings;
    }
    let linked = bond.members.iter().filter(|member| has_link(member)).count();
    if linked == 0 {
        let fact = format!("down, none of {} has a link", links(said.all));
        said.add(
            State::Critical,
            "all-down",
            fact,
            &["All cables at once: look at the switch, its power, and at what they share."
                .to_owned()],
        );
    } else {
        members_down(bond, &mut said);
        match bond.mode {
            Some(Mode::Lacp) => group(bond, past, terms, linked, &mut said),
            Some(Mode::ActiveBackup) => backup(bond, past, terms, &mut said),
            mode => together(bond, mode, &mut said),
        }
        let told = said.findings.iter().any(|finding| finding.state == State::Critical);
        if bond.up == Some(false) && !told {
            let fact = format!("down although {} {} a link", links(linked), have(linked));
            said.add(State::Critical, "no-carrier", fact, &[]);
        }
    }
    said.findings.sort_by_key(|finding| std::cmp::Reverse(finding.state.rank()));
    if let Some(first) = said.findings.first_mut() {
        first.detail.extend(bond.members.iter().map(|member| table_line(bond, member)));
    }
    said.findings
}

struct Said {
    all: usize,
    usable: usize,
    findings: Vec<Finding>,
}

impl Said {
    fn add(&mut self, state: State, code: &str, fact: String, detail: &[String]) {
        let detail = detail.to_vec();
        self.findings.push(Finding {
            state,
            code: code.to_owned(),
            key: String::new(),
            fact,
            detail,
        });
    }

    /// `(1 of 2 links)`.
    fn left(&self) -> String {
        format!("({} of {})", self.usable, links(self.all))
    }
}

fn links(count: usize) -> String {
    format!("{count} link{}", if count == 1 { "" } else { "s" })
}

fn have(count: usize) -> &'static str {
    if count == 1 { "has" } else { "have" }
}

/// `eno2: up, 10000 Mbit/s full, aggregator 2, partner 00:1c:73:aa:10:01`.
fn table_line(bond: &Bond, member: &Member) -> String {
    let mut line = format!("{}: ", member.name);
    line.push_str(match member.mii {
        Some(Mii::Up) => "up",
        Some(Mii::GoingDown) => "going down",
        Some(Mii::Down) => "no link",
        Some(Mii::GoingBack) => "link back, not used yet",
        None => "state not known",
    });
    if let Some(speed) = member.speed {
        line.push_str(&format!(", {speed} Mbit/s"));
    }
    match member.full_duplex {
        Some(true) => line.push_str(" full"),
        Some(false) => line.push_str(" half"),
        None => {}
    }
    // What LACP says of a member without a link is what it said before the link went.
    if bond.mode == Some(Mode::Lacp) && has_link(member) {
        if let Some(id) = member.aggregator {
            line.push_str(&format!(", aggregator {id}"));
        }
        if member.partner_state == Some(0) || member.partner == Some(Mac::default()) {
            line.push_str(", no partner");
        } else if let Some(partner) = member.partner {
            line.push_str(&format!(", partner {}", shown(partner)));
        }
    }
    if let Some(failures) = member.failures.filter(|count| *count > 0) {
        line.push_str(&format!(", link failed {failures} times since it joined"));
    }
    line
}

fn vanished(bond: &Bond, past: &mut Past, terms: Terms, said: &mut Said) {
    let now: BTreeSet<String> = bond.members.iter().map(|member| member.name.clone()).collect();
    let gone: Vec<String> = past.members.difference(&now).cloned().collect();
    past.members.extend(now);
    if !gone.is_empty() {
        said.all += gone.len();
        let detail = "It was a member before: removed on purpose, or its card or driver is gone.";
        let fact = format!("lost its member {} {}", gone.join(", "), said.left());
        said.add(State::Warning, "member-vanished", fact, &[detail.to_owned()]);
    }
    let members = bond.members.len();
    if let Some(expected) = terms.expected.filter(|expected| gone.is_empty() && *expected > members)
    {
        let fact = format!("has {members} of {expected} members");
        said.add(State::Warning, "members-missing", fact, &[]);
    }
}

fn members_down(bond: &Bond, said: &mut Said) {
    let down: Vec<&Member> = bond.members.iter().filter(|member| !has_link(member)).collect();
    let names = |which: &dyn Fn(&Member) -> bool| {
        down.iter().filter(|m| which(m)).map(|m| m.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    let lost = names(&|member| member.mii != Some(Mii::GoingBack));
    let back = names(&|member| member.mii == Some(Mii::GoingBack));
    if !lost.is_empty() {
        let left = bond.members.len() - down.len();
        let fact = match (bond.mode, left) {
            (Some(Mode::ActiveBackup), 1) => {
                format!("no spare left, {lost} has no link {}", said.left())
            }
            _ => format!("no link on {lost} {}", said.left()),
        };
        let cause = match left {
            1 => "Traffic flows through one link; the next failure cuts the machine off.",
            _ => "Traffic flows through the links that are left.",
        };
        let look = format!("Look at the cable of {lost}, its module and its switch port.");
        said.add(State::Warning, "member-down", fact, &[cause.to_owned(), look]);
    }
    if !back.is_empty() {
        let fact = format!("{back} has its link back and is not used yet");
        said.add(State::Ok, "coming-back", fact, &[]);
    }
}

/// 802.3ad.
fn group(bond: &Bond, past: &mut Past, terms: Terms, linked: usize, said: &mut Said) {
    let troubled: Vec<(&Member, lacp::Trouble)> = bond
        .members
        .iter()
        .filter(|member| has_link(member))
        .filter_map(|member| Some((member, lacp::trouble(bond, member)?)))
        .collect();
    let zero =
        matches!(bond.aggregator, Aggregator::Active(a) if a.partner == Some(Mac::default()));
    let none = bond.aggregator == Aggregator::None;
    let few = match bond.aggregator {
        Aggregator::Active(active) => active.ports.map(usize::from).filter(|ports| *ports < linked),
        _ => None,
    };
    let fine = troubled.is_empty() && !zero && !none && few.is_none();
    let since = *past.trouble_since.get_or_insert(terms.now);
    if fine {
        past.trouble_since = None;
    }
    let young = !terms.recorded && terms.now.since(since) < NEGOTIATION;
    let patient = |member: &Member| young && negotiating(member);
    // The kernel has not given up on any of them: the bond as a whole is not judged yet either.
    let all_patient = bond.members.iter().filter(|m| has_link(m)).all(patient);
    let level = |state: State, wait: bool| if wait { State::Ok } else { state };

    let everywhere = zero
        || (troubled.len() == linked
            && troubled.iter().all(|(_, t)| *t == lacp::Trouble::NoPartner));
    if none {
        let cause = "No member agreed with the switch on LACP: the bond carries nothing.";
        let state = level(State::Critical, all_patient);
        said.add(state, "no-aggregator", "no active aggregator".to_owned(), &[cause.to_owned()]);
    } else if everywhere {
        let cause = "The links are up, so the cables are fine, but nobody speaks LACP at the other \
            end: the switch ports are not in an LACP channel group (or that group is static).";
        let fact = format!("no LACP partner on any link {}", said.left());
        said.add(level(State::Critical, all_patient), "no-partner", fact, &[cause.to_owned()]);
    }
    for (member, trouble) in &troubled {
        if (everywhere || none) && *trouble == lacp::Trouble::NoPartner {
            continue;
        }
        let fact = format!("{} {}", trouble.fact(&member.name), said.left());
        let state = level(State::Warning, patient(member));
        said.add(state, trouble.code(), fact, &[trouble.cause(&member.name)]);
    }
    if let Some(ports) = few.filter(|_| troubled.is_empty() && !everywhere) {
        let fact = format!("{ports} of {} in the active aggregator", links(linked));
        said.add(level(State::Warning, all_patient), "few-ports", fact, &[]);
    }
    let ports = said.usable;
    if let Some(least) = bond.min_links.and_then(|n| usize::try_from(n).ok()).filter(|n| ports < *n)
    {
        let fact = format!("{} usable, below its min_links of {least}", links(ports));
        let cause = "The kernel takes the whole bond down then.";
        said.add(level(State::Critical, all_patient), "below-min-links", fact, &[cause.to_owned()]);
    }
}

fn backup(bond: &Bond, past: &mut Past, terms: Terms, said: &mut Said) {
    let Some(active) = bond.active.clone() else { return };
    if active.is_empty() {
        said.add(State::Critical, "no-active", "no active member".to_owned(), &[]);
        return;
    }
    match past.active.replace(active.clone()) {
        Some(before) if before != active => {
            past.failover = Some((before, active.clone(), terms.now));
        }
        _ => {}
    }
    if let Some((from, to, at)) = &past.failover
        && terms.now.since(*at) < GROWTH_WITHIN
    {
        let fact = format!("went over from {from} to {to}");
        said.add(State::Ok, "failover", fact, &[]);
    }
    let primary = bond.primary.as_deref().filter(|name| !name.is_empty() && *name != active);
    let ready = |name: &str| bond.members.iter().any(|m| m.name == name && has_link(m));
    if let Some(primary) = primary.filter(|name| ready(name)) {
        // With another `primary_reselect` the bond stays where it is on purpose.
        let state = if bond.primary_always == Some(true) { State::Warning } else { State::Ok };
        let fact = format!("uses {active} although its primary {primary} is up");
        said.add(state, "primary-not-active", fact, &[]);
    }
    duplex(bond, said);
}

/// Modes in which all members work together.
fn together(bond: &Bond, mode: Option<Mode>, said: &mut Said) {
    let speeds: BTreeSet<u32> =
        bond.members.iter().filter(|m| has_link(m)).filter_map(|m| m.speed).collect();
    if let (Some(slow), Some(fast), Some(Mode::RoundRobin | Mode::Xor)) =
        (speeds.first(), speeds.last(), mode)
        && slow != fast
    {
        let names: Vec<&str> = bond
            .members
            .iter()
            .filter(|m| has_link(m) && m.speed == Some(*slow))
            .map(|m| m.name.as_str())
            .collect();
        let fact = format!("{} runs at {slow} Mbit/s, others at {fast}", names.join(", "));
        let cause = "This mode gives every member the same share: the slow one slows all down.";
        said.add(State::Warning, "unequal-speed", fact, &[cause.to_owned()]);
    }
    duplex(bond, said);
}

fn duplex(bond: &Bond, said: &mut Said) {
    for member in bond.members.iter().filter(|m| has_link(m) && m.full_duplex == Some(false)) {
        let cause =
            "One end is forced to full duplex and the other negotiates: make both negotiate.";
        let fact = format!("{} runs half duplex", member.name);
        said.add(State::Warning, "half-duplex", fact, &[cause.to_owned()]);
    }
}
