//! What is said of a link in every state that kernels and drivers were seen in.

use super::*;
use crate::probe::nic::expect::parse;

fn set(speeds: &[u32]) -> Vec<LinkMode> {
    speeds.iter().map(|speed| LinkMode { speed: *speed, full_duplex: true }).collect()
}

fn up(speed: u32) -> Facts {
    Facts {
        standing: Standing { carrier: Some(true), switched_on: Some(true), ..Standing::default() },
        speed: Some(speed),
        full_duplex: Some(true),
        ..Facts::default()
    }
}

fn down() -> Facts {
    Facts {
        standing: Standing { carrier: Some(false), switched_on: Some(true), ..Standing::default() },
        ..Facts::default()
    }
}

fn with(mut facts: Facts, change: impl FnOnce(&mut Facts)) -> Facts {
    change(&mut facts);
    facts
}

fn modes(supported: &[u32], advertised: &[u32], partner: &[u32]) -> Option<LinkModes> {
    Some(LinkModes {
        autoneg: Some(true),
        supported: set(supported),
        advertised: set(advertised),
        partner: set(partner),
    })
}

/// State, fact and first line of the only finding.
#[track_caller]
fn one(facts: &Facts) -> (State, String, String) {
    let mut findings = judge(facts);
    assert_eq!(findings.len(), 1, "{findings:?}");
    let finding = findings.remove(0);
    (finding.state, finding.fact, finding.detail.join(" "))
}

#[test]
fn as_fast_as_both_ends_can_is_fine() {
    assert_eq!(judge(&up(1000)), []);
    let facts = with(up(1000), |f| f.modes = modes(&[10, 100, 1000], &[1000], &[100, 1000]));
    assert_eq!(judge(&facts), []);
    // A slower partner is the most that both can.
    let facts = with(up(100), |f| f.modes = modes(&[10, 100, 1000], &[1000], &[10, 100]));
    assert_eq!(judge(&facts), []);
    // Modes of a virtual machine's link are empty.
    let facts = with(up(10), |f| f.modes = modes(&[], &[], &[]));
    assert_eq!(judge(&facts), []);
}

#[test]
fn slower_than_both_ends_can_names_the_likely_cause() {
    let all = [10, 100, 1000];
    let facts = with(up(100), |f| f.modes = modes(&all, &all, &all));
    let (state, fact, cause) = one(&facts);
    assert_eq!((state, fact.as_str()), (State::Warning, "runs at 100 of 1000 Mbit/s"));
    assert!(cause.contains("broken pair"), "{cause}");
    let facts = with(up(100), |f| f.modes = modes(&all, &[10, 100], &all));
    assert!(one(&facts).2.contains("does not offer 1000 Mbit/s to the other"));
    let facts = with(up(100), |f| {
        f.modes = modes(&all, &[100], &[]);
        f.modes.as_mut().unwrap().autoneg = Some(false);
    });
    let (state, _, cause) = one(&facts);
    assert_eq!(state, State::Warning);
    assert!(cause.contains("autonegotiation is off"), "{cause}");
}

#[test]
fn a_silent_partner_is_blamed_only_below_what_every_switch_can() {
    let facts = with(up(1000), |f| f.modes = modes(&[1000, 10_000], &[1000, 10_000], &[]));
    assert_eq!(one(&facts).0, State::Ok);
    let facts = with(up(100), |f| f.modes = modes(&[100, 1000], &[100, 1000], &[]));
    assert_eq!(one(&facts).0, State::Warning);
    let facts = with(up(100), |f| f.modes = modes(&[10, 100], &[10, 100], &[]));
    assert_eq!(judge(&facts), [], "the card cannot do more");
}

#[test]
fn half_duplex_is_a_fault_at_any_speed() {
    let facts = with(up(100), |f| f.full_duplex = Some(false));
    let (state, fact, _) = one(&facts);
    assert_eq!((state, fact.as_str()), (State::Warning, "runs half duplex at 100 Mbit/s"));
}

#[test]
fn what_is_expected_overrides_what_is_possible() {
    let expect = |text: &str| parse(text).ok();
    let at = |speed, full, text| {
        with(up(speed), |f| {
            f.full_duplex = Some(full);
            f.modes = modes(&[100, 1000], &[100, 1000], &[100, 1000]);
            f.expected = expect(text);
        })
    };
    assert_eq!(judge(&at(1000, true, "1000baseT/Full")), []);
    assert_eq!(judge(&at(100, true, "100")), [], "the admin knows of the old switch");
    assert_eq!(judge(&at(100, false, "100baseT/Half")), []);
    let (state, fact, cause) = one(&at(100, true, "1000baseT-FD"));
    assert_eq!(state, State::Critical);
    assert_eq!(fact, "runs at 100 Mbit/s full duplex, expected 1000 Mbit/s full duplex");
    assert!(cause.contains("broken pair"));
    assert_eq!(one(&at(1000, false, "1Gbit/s full")).0, State::Critical);
    assert_eq!(one(&at(1000, false, "1000")).0, State::Critical, "nobody means half");
    assert_eq!(one(&at(10_000, true, "1000")).0, State::Warning);
    let facts = with(at(10_000, true, "10G"), |f| f.speed = None);
    assert_eq!(one(&facts).0, State::Ok, "unknown is not slow");
    let facts = with(down(), |f| f.expected = expect("1G"));
    assert_eq!(one(&facts), (State::Critical, "no link, 1000 Mbit/s expected".into(), LOOK.into()));
    let facts = with(up(1000), |f| {
        f.standing.switched_on = Some(false);
        f.expected = expect("1G");
    });
    assert_eq!(one(&facts).0, State::Warning);
}

#[test]
fn a_port_without_a_cable_is_no_fault_and_a_lost_link_is() {
    assert_eq!(judge(&down()), []);
    let was_up = |f: &mut Facts| f.standing.ups = Some(1);
    assert_eq!(judge(&with(down(), was_up)), [], "unplugged long ago, not in use");
    let in_use = with(down(), |f| {
        was_up(f);
        f.addressed = true;
    });
    assert_eq!(one(&in_use).0, State::Critical);
    assert_eq!(one(&in_use).1, "lost its link");
    let bridged = with(down(), |f| {
        f.standing.changes = Some(3);
        f.carries_others = true;
    });
    assert_eq!(one(&bridged).0, State::Critical);
    let never = with(down(), |f| {
        f.standing.ups = Some(0);
        f.standing.changes = Some(9);
        f.carries_others = true;
    });
    assert_eq!(judge(&never), [], "the count of ups is surer than that of changes");
    assert_eq!(one(&with(down(), |f| f.addressed = true)).0, State::Warning);
    assert_eq!(one(&with(down(), |f| f.seen_up = true)).0, State::Warning);
}

#[test]
fn who_tells_it_better_is_left_to_tell() {
    let member = with(down(), |f| {
        f.seen_up = true;
        f.standing.bond = Some("bond0".to_owned());
    });
    assert_eq!(one(&member).0, State::Ok);
    assert_eq!(one(&member).1, "no link, member of bond0");
    let off = with(down(), |f| {
        f.standing.switched_on = Some(false);
        f.seen_up = true;
        f.addressed = true;
    });
    assert_eq!(one(&off).0, State::Ok);
    let wifi = with(down(), |f| {
        f.wireless = true;
        f.seen_up = true;
    });
    assert_eq!(judge(&wifi), []);
}
