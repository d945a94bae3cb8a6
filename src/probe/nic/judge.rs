//! A link's facts to findings: slower than it could be, half duplex, lost. Pure.

use super::expect::Expected;
use super::link::Standing;
use crate::model::finding::Finding;
use crate::model::state::State;
use crate::parse::linkmode::{LinkMode, LinkModes};

/// Below this a wired server link is slower than any switch it is likely connected to.
const SLOW_MBITS: u32 = 1000;

/// Everything known of a link.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) standing: Standing,
    /// Mbit/s; none without carrier.
    pub(super) speed: Option<u32>,
    pub(super) full_duplex: Option<bool>,
    pub(super) wireless: bool,
    /// What both ends can do, where told.
    pub(super) modes: Option<LinkModes>,
    /// Whether this probe saw it up.
    pub(super) seen_up: bool,
    /// Whether it carries an address.
    pub(super) addressed: bool,
    /// Whether a bridge, a VLAN or the like is built on it.
    pub(super) carries_others: bool,
    /// What the check asks for.
    pub(super) expected: Option<Expected>,
}

/// Everything to be said of a link now, worst first.
pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    if facts.standing.switched_on == Some(false) {
        let state = if facts.expected.is_some() { State::Warning } else { State::Ok };
        findings.push(finding(state, "switched-off", "switched off by the administrator", &[]));
        return findings;
    }
    if facts.standing.carrier == Some(false) {
        findings.extend(lost(facts));
        return findings;
    }
    match (facts.expected, facts.speed) {
        (Some(expected), Some(speed)) => {
            findings.extend(unexpected(facts, expected, speed));
        }
        (None, Some(speed)) => {
            findings.extend(below(facts, speed));
            if facts.full_duplex == Some(false) {
                let cause = "Usually one end is forced to full duplex and the other negotiates, \
                    which then means half: make both ends negotiate. Collisions slow it down.";
                let fact = format!("runs half duplex at {speed} Mbit/s");
                findings.push(finding(State::Warning, "half-duplex", &fact, &[cause]));
            }
        }
        (Some(_), None) => {
            let fact = "its speed is not known, so it cannot be compared with what is expected";
            let cause = "The driver tells none: common for wireless links and in virtual machines.";
            findings.push(finding(State::Ok, "speed-unknown", fact, &[cause]));
        }
        (None, None) => {}
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.state.rank()));
    findings
}

fn finding(state: State, code: &str, fact: &str, detail: &[&str]) -> Finding {
    Finding {
        state,
        code: code.to_owned(),
        key: String::new(),
        fact: fact.to_owned(),
        detail: detail.iter().map(|line| (*line).to_owned()).collect(),
    }
}

/// No carrier. A port where nothing was ever plugged in is no fault.
fn lost(facts: &Facts) -> Option<Finding> {
    let was_up = facts.seen_up
        || facts.standing.ups.is_some_and(|ups| ups > 0)
        || (facts.standing.ups.is_none() && facts.standing.changes.is_some_and(|n| n > 1));
    if let Some(expected) = facts.expected {
        let fact = format!("no link, {} Mbit/s expected", expected.speed);
        return Some(finding(State::Critical, "no-link", &fact, &[LOOK]));
    }
    if let Some(bond) = &facts.standing.bond {
        // One cause, one alarm: the bond's check tells it.
        let fact = format!("no link, member of {bond}");
        return Some(finding(State::Ok, "no-link", &fact, &[]));
    }
    if facts.wireless {
        return None;
    }
    let (state, why) = match () {
        () if was_up && facts.addressed => (State::Critical, "It carries an address."),
        () if was_up && facts.carries_others => (State::Critical, "Other links are built on it."),
        () if facts.seen_up => (State::Warning, "It carries no address."),
        () if facts.addressed => {
            (State::Warning, "It carries an address and was never up since the machine started.")
        }
        () => return None,
    };
    let fact = if was_up { "lost its link" } else { "has an address and no link" };
    Some(finding(state, "no-link", fact, &[why, LOOK]))
}

const LOOK: &str = "Look at the cable, its module, and whether the switch port is up.";

fn mode(speed: u32, full_duplex: Option<bool>) -> String {
    match full_duplex {
        Some(true) => format!("{speed} Mbit/s full duplex"),
        Some(false) => format!("{speed} Mbit/s half duplex"),
        None => format!("{speed} Mbit/s"),
    }
}

fn unexpected(facts: &Facts, expected: Expected, speed: u32) -> Option<Finding> {
    let duplex_is_wrong = match (expected.full_duplex, facts.full_duplex) {
        (Some(wanted), Some(own)) => wanted != own,
        // Nobody means half who does not say so.
        (None, Some(false)) => true,
        _ => false,
    };
    if speed == expected.speed && !duplex_is_wrong {
        return None;
    }
    let own = mode(speed, facts.full_duplex);
    let wanted = mode(expected.speed, expected.full_duplex);
    let fact = format!("runs at {own}, expected {wanted}");
    if speed > expected.speed && facts.full_duplex != Some(false) {
        let cause = "Faster than expected: another port or switch than before?";
        return Some(finding(State::Warning, "faster", &fact, &[cause]));
    }
    let cause = cause(facts, expected.speed);
    Some(finding(State::Critical, "slower", &fact, &[&cause]))
}

fn best(modes: &[LinkMode]) -> Option<u32> {
    modes.iter().map(|mode| mode.speed).max()
}

/// Slower than both ends can. Where the other end does not tell, only what is slower than any
/// switch of today is taken for a fault: a 10 Gbit/s card on a 1 Gbit/s switch is common.
fn below(facts: &Facts, speed: u32) -> Option<Finding> {
    let modes = facts.modes.as_ref()?;
    let own = best(&modes.supported)?;
    let common: Vec<LinkMode> =
        modes.supported.iter().filter(|mode| modes.partner.contains(mode)).copied().collect();
    let (possible, certain) = match best(&common) {
        Some(common) => (common, true),
        None => (own, speed < SLOW_MBITS),
    };
    if speed >= possible || facts.wireless {
        return None;
    }
    let fact = format!("runs at {speed} of {possible} Mbit/s");
    let cause = cause(facts, possible);
    let state = if certain { State::Warning } else { State::Ok };
    Some(finding(state, "below-capability", &fact, &[&cause]))
}

/// The likely cause for running slower than `possible`.
fn cause(facts: &Facts, possible: u32) -> String {
    let Some(modes) = &facts.modes else {
        return "A cable with a broken pair, a slower switch port, or a speed forced at one end."
            .to_owned();
    };
    let offers = |modes: &[LinkMode]| modes.iter().any(|mode| mode.speed >= possible);
    match () {
        () if modes.autoneg == Some(false) => {
            "The speed is forced at this end: autonegotiation is off.".to_owned()
        }
        () if !modes.supported.is_empty() && !offers(&modes.supported) => {
            format!("This card cannot do {possible} Mbit/s.")
        }
        () if !modes.advertised.is_empty() && !offers(&modes.advertised) => {
            format!("This end does not offer {possible} Mbit/s to the other.")
        }
        () if offers(&modes.partner) => format!(
            "Both ends offer {possible} Mbit/s and agreed on less: usually a cable with a broken \
             pair or a bad contact."
        ),
        () if !modes.partner.is_empty() => {
            format!(
                "The other end does not offer {possible} Mbit/s: another port, or forced there."
            )
        }
        () => "A cable with a broken pair, a slower switch port, or a speed forced at the other \
            end, which does not tell what it can."
            .to_owned(),
    }
}

#[cfg(test)]
mod tests;
