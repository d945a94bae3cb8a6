//! Every state of a bond that the kernel was seen in, and what is said of it.

use super::*;
use crate::model::time::Moment;
use crate::parse::bonding::{Active, Aggregator, Churn, Mac, Member, Mii};

const SWITCH: Mac = [0, 0x1c, 0x73, 0xaa, 0x10, 1];

fn member(name: &str) -> Member {
    Member {
        mii: Some(Mii::Up),
        speed: Some(1000),
        full_duplex: Some(true),
        failures: Some(0),
        ..Member::named(name)
    }
}

fn port(name: &str) -> Member {
    Member {
        aggregator: Some(1),
        actor_state: Some(63),
        partner_state: Some(63),
        actor_churn: Some(Churn::None),
        partner_churn: Some(Churn::None),
        ..member(name)
    }
}

fn lacp(members: Vec<Member>) -> Bond {
    let active = Active { id: 1, ports: Some(2), partner: Some(SWITCH) };
    Bond {
        mode: Some(Mode::Lacp),
        up: Some(true),
        switched_on: Some(true),
        aggregator: Aggregator::Active(active),
        members,
        ..Bond::default()
    }
}

fn plain(mode: Mode, members: Vec<Member>) -> Bond {
    Bond { mode: Some(mode), up: Some(true), switched_on: Some(true), members, ..Bond::default() }
}

fn terms(seconds: u64) -> Terms {
    Terms { now: Moment(seconds * 1000), expected: None, recorded: false }
}

fn said(bond: &Bond) -> Vec<(State, String, String)> {
    let findings = judge(bond, &mut Past::default(), terms(0));
    findings.into_iter().map(|f| (f.state, f.code, f.fact)).collect()
}

/// The worst and only finding that is no information.
#[track_caller]
fn only(bond: &Bond, state: State, code: &str, fact: &str) {
    let bad: Vec<_> = said(bond).into_iter().filter(|(state, ..)| *state != State::Ok).collect();
    assert_eq!(bad, [(state, code.to_owned(), fact.to_owned())]);
}

fn port_state(bond: &mut Bond, index: usize, change: impl FnOnce(&mut Member)) {
    change(&mut bond.members[index]);
}

#[test]
fn a_healthy_bond_says_nothing_even_in_its_first_minute() {
    let mut bond = lacp(vec![port("eth0"), port("eth1")]);
    assert_eq!(said(&bond), []);
    bond.members[0].actor_churn = Some(Churn::Monitoring);
    bond.members[0].actor_state = Some(61);
    assert_eq!(said(&bond), [], "slow rate, and still being watched");
}

#[test]
fn a_pulled_cable_is_judged_by_the_link_not_by_what_lacp_said_before() {
    let mut bond = lacp(vec![port("eth0"), port("eth1")]);
    port_state(&mut bond, 1, |m| {
        m.mii = Some(Mii::Down);
        m.speed = None;
        m.actor_churn = Some(Churn::Monitoring);
        m.partner_state = Some(0);
    });
    only(&bond, State::Warning, "member-down", "no link on eth1 (1 of 2 links)");
}

#[test]
fn the_far_side_of_a_pulled_cable_has_a_link_and_no_partner() {
    let mut bond = lacp(vec![port("eth0"), port("eth1")]);
    port_state(&mut bond, 1, |m| {
        m.aggregator = Some(2);
        m.actor_state = Some(143);
        m.partner_state = Some(55);
    });
    only(&bond, State::Warning, "expired", "LACP partner of eth1 fell silent (1 of 2 links)");
    port_state(&mut bond, 1, |m| {
        m.actor_state = Some(71);
        m.partner_state = Some(0);
    });
    only(&bond, State::Warning, "no-partner", "no LACP partner on eth1 (1 of 2 links)");
    let findings = judge(&bond, &mut Past::default(), terms(0));
    assert!(findings[0].detail[0].contains("not in an LACP channel group"));
    assert!(findings[0].detail.iter().any(|line| line.starts_with("eth0: up, 1000 Mbit/s full")));
}

#[test]
fn negotiation_gets_its_minute_and_no_more() {
    let mut bond = lacp(vec![port("eth0"), port("eth1")]);
    port_state(&mut bond, 1, |m| {
        m.aggregator = Some(2);
        m.actor_state = Some(71);
        m.partner_state = Some(0);
        m.actor_churn = Some(Churn::Monitoring);
    });
    let mut past = Past::default();
    let state = |bond: &Bond, past: &mut Past, seconds| judge(bond, past, terms(seconds))[0].state;
    assert_eq!(state(&bond, &mut past, 10), State::Ok);
    assert_eq!(state(&bond, &mut past, 70), State::Ok);
    assert_eq!(state(&bond, &mut past, 101), State::Warning, "some kernels monitor for ever");
    let mut recorded = terms(0);
    recorded.recorded = true;
    let finding = judge(&bond, &mut Past::default(), recorded).remove(0);
    assert_eq!(finding.state, State::Warning, "a recording has no later");
    bond.members[1].actor_churn = Some(Churn::Churned);
    assert_eq!(state(&bond, &mut Past::default(), 0), State::Warning);
    // Good in between begins a new minute.
    let good = lacp(vec![port("eth0"), port("eth1")]);
    bond.members[1].actor_churn = Some(Churn::Monitoring);
    assert_eq!(judge(&good, &mut past, terms(110)), []);
    assert_eq!(state(&bond, &mut past, 120), State::Ok);
}

#[test]
fn a_slower_member_is_left_out_of_the_group() {
    let mut bond = lacp(vec![port("eth0"), port("eth1")]);
    port_state(&mut bond, 1, |m| {
        m.aggregator = Some(2);
        m.speed = Some(100);
    });
    let fact = "eth1 runs at 100 Mbit/s, the others at 1000 (1 of 2 links)";
    only(&bond, State::Warning, "unequal-speed", fact);
    port_state(&mut bond, 1, |m| m.full_duplex = Some(false));
    only(&bond, State::Warning, "half-duplex", "eth1 runs half duplex (1 of 2 links)");
}

#[test]
fn another_switch_and_another_group_are_told_apart() {
    let mut bond = lacp(vec![port("eth0"), port("eth1")]);
    bond.members[1].aggregator = Some(2);
    only(&bond, State::Warning, "other-aggregator", "eth1 is in another aggregator (1 of 2 links)");
    bond.members[1].partner = Some([2, 2, 2, 2, 2, 2]);
    only(&bond, State::Warning, "other-partner", "eth1 leads to another switch (1 of 2 links)");
}

#[test]
fn ports_out_of_sync_name_the_end_that_refuses() {
    let mut bond = lacp(vec![port("eth0"), port("eth1")]);
    bond.members[1].actor_state = Some(0x07);
    let fact = "eth1 carries no traffic (LACP not in sync) (1 of 2 links)";
    only(&bond, State::Warning, "not-in-sync", fact);
    for (actor, partner) in [(0x0f, 0x07), (63, 0x07), (63, 0x0f)] {
        bond.members[1].actor_state = Some(actor);
        bond.members[1].partner_state = Some(partner);
        let fact = "the switch does not use eth1 (1 of 2 links)";
        only(&bond, State::Warning, "partner-not-in-sync", fact);
    }
}

#[test]
fn churned_alone_is_enough() {
    let mut bond = lacp(vec![port("eth0"), port("eth1")]);
    bond.members[0].partner_churn = Some(Churn::Churned);
    only(&bond, State::Warning, "churned", "LACP on eth0 finds no agreement (1 of 2 links)");
}

#[test]
fn a_switch_without_lacp_is_critical_and_told_once() {
    let mut bond = lacp(vec![port("eth0"), port("eth1")]);
    bond.aggregator = Aggregator::Active(Active { id: 1, ports: Some(1), partner: Some([0; 6]) });
    for (id, member) in (1..).zip(&mut bond.members) {
        member.aggregator = Some(id);
        member.actor_state = Some(71);
        member.partner_state = Some(0);
        member.actor_churn = Some(Churn::Churned);
    }
    only(&bond, State::Critical, "no-partner", "no LACP partner on any link (0 of 2 links)");
}

#[test]
fn hidden_partners_are_not_missing_ones() {
    let mut bond = lacp(vec![port("eth0"), port("eth1")]);
    bond.aggregator = Aggregator::Unknown;
    for member in &mut bond.members {
        member.actor_state = None;
        member.partner_state = None;
    }
    assert_eq!(said(&bond), []);
    // The numbers of the groups are told to everybody: two of them are a split.
    bond.members[1].aggregator = Some(2);
    only(&bond, State::Warning, "other-aggregator", "eth1 is in another aggregator (1 of 2 links)");
}

#[test]
fn without_an_active_aggregator_or_links_nothing_flows() {
    let mut bond = lacp(vec![port("eth0"), port("eth1")]);
    bond.aggregator = Aggregator::None;
    only(&bond, State::Critical, "no-aggregator", "no active aggregator");
    for member in &mut bond.members {
        member.mii = Some(Mii::Down);
    }
    bond.up = Some(false);
    only(&bond, State::Critical, "all-down", "down, none of 2 links has a link");
}

#[test]
fn fewer_ports_than_links_or_than_asked_for() {
    let mut bond = lacp(vec![port("eth0"), port("eth1")]);
    bond.aggregator = Aggregator::Active(Active { id: 1, ports: Some(1), partner: Some(SWITCH) });
    only(&bond, State::Warning, "few-ports", "1 of 2 links in the active aggregator");
    let mut bond = lacp(vec![port("eth0"), port("eth1")]);
    bond.min_links = Some(2);
    assert_eq!(said(&bond), []);
    bond.members[1].mii = Some(Mii::Down);
    bond.up = Some(false);
    let (state, code, fact) = said(&bond).remove(0);
    assert_eq!((state, code.as_str()), (State::Critical, "below-min-links"));
    assert_eq!(fact, "1 link usable, below its min_links of 2");
}

#[test]
fn active_backup_tells_the_lost_spare_and_the_failover() {
    let mut bond = plain(Mode::ActiveBackup, vec![member("eth0"), member("eth1")]);
    bond.active = Some("eth0".to_owned());
    bond.members[1].speed = Some(100);
    let mut past = Past::default();
    assert_eq!(judge(&bond, &mut past, terms(0)), [], "a slower spare is common");
    bond.active = Some("eth1".to_owned());
    bond.members[0].mii = Some(Mii::Down);
    let findings = judge(&bond, &mut past, terms(60));
    let facts: Vec<_> = findings.iter().map(|f| (f.state, f.fact.as_str())).collect();
    assert_eq!(
        facts,
        [
            (State::Warning, "no spare left, eth0 has no link (1 of 2 links)"),
            (State::Ok, "went over from eth0 to eth1"),
        ]
    );
    bond.members[0].mii = Some(Mii::Up);
    assert_eq!(judge(&bond, &mut past, terms(61))[0].state, State::Ok);
    assert_eq!(judge(&bond, &mut past, terms(4000)), [], "an hour later it is history");
    bond.active = Some(String::new());
    only(&bond, State::Critical, "no-active", "no active member");
}

#[test]
fn the_primary_matters_where_the_bond_should_go_back_to_it() {
    let mut bond = plain(Mode::ActiveBackup, vec![member("eth0"), member("eth1")]);
    bond.active = Some("eth1".to_owned());
    bond.primary = Some("eth0".to_owned());
    for (always, state) in
        [(None, State::Ok), (Some(false), State::Ok), (Some(true), State::Warning)]
    {
        bond.primary_always = always;
        let fact = "uses eth1 although its primary eth0 is up".to_owned();
        assert_eq!(said(&bond), [(state, "primary-not-active".to_owned(), fact)]);
    }
}

#[test]
fn other_modes_miss_members_and_equal_speeds() {
    let mut bond = plain(Mode::RoundRobin, vec![member("eth0"), member("eth1")]);
    bond.members[1].speed = Some(100);
    let fact = "eth1 runs at 100 Mbit/s, others at 1000";
    only(&bond, State::Warning, "unequal-speed", fact);
    bond.mode = Some(Mode::Alb);
    assert_eq!(said(&bond), [], "made for unequal links");
    bond.members[1].mii = Some(Mii::GoingBack);
    assert_eq!(said(&bond)[0].0, State::Ok, "coming back is no fault");
    bond.members[1].mii = Some(Mii::GoingDown);
    only(&bond, State::Warning, "member-down", "no link on eth1 (1 of 2 links)");
    let mut bond = plain(Mode::Xor, vec![member("eth0"), member("eth1")]);
    bond.up = Some(false);
    only(&bond, State::Critical, "no-carrier", "down although 2 links have a link");
    bond.up = Some(true);
    bond.members[0].full_duplex = Some(false);
    only(&bond, State::Warning, "half-duplex", "eth0 runs half duplex");
}

#[test]
fn bonds_without_members_and_switched_off_ones() {
    let mut bond = plain(Mode::RoundRobin, vec![]);
    assert_eq!(said(&bond)[0].0, State::Ok, "carrier without members: not told whole");
    bond.up = Some(false);
    only(&bond, State::Warning, "no-members", "has no member");
    bond.switched_on = Some(false);
    assert_eq!(said(&bond)[0].1, "switched-off");
    assert_eq!(said(&bond)[0].0, State::Ok);
}

#[test]
fn members_that_vanish_or_never_came() {
    let mut past = Past::default();
    let mut bond = lacp(vec![port("eth0"), port("eth1")]);
    assert_eq!(judge(&bond, &mut past, terms(0)), []);
    bond.members.pop();
    let mut expecting = terms(30);
    expecting.expected = Some(2);
    let findings = judge(&bond, &mut past, expecting);
    assert_eq!(findings[0].fact, "lost its member eth1 (1 of 2 links)");
    let finding = judge(&bond, &mut Past::default(), expecting).remove(0);
    assert_eq!((finding.state, finding.fact.as_str()), (State::Warning, "has 1 of 2 members"));
}

#[test]
fn readings_count_what_carries_traffic() {
    let mut bond = lacp(vec![port("eth0"), port("eth1"), port("eth2")]);
    bond.members[1].mii = Some(Mii::Down);
    bond.members[2].aggregator = Some(2);
    let mut known = Known::default();
    let mut seen = |bond: &Bond, seconds| {
        observe("bond0".into(), bond, &mut known, Some(2000), terms(seconds))
    };
    let first = seen(&bond, 0);
    assert_eq!((first.get(MEMBERS), first.get(MEMBERS_UP)), (Some(3.0), Some(1.0)));
    assert_eq!((first.get(SPEED), first.get(FAILURES)), (Some(1e9), None));
    assert!(first.summary.ends_with("802.3ad, 1 of 3 links, 1 Gbit/s"), "{}", first.summary);
    bond.members[0].failures = Some(2);
    bond.members[1].failures = Some(1);
    assert_eq!(seen(&bond, 60).get(FAILURES), Some(3.0));
    let mut bond = plain(Mode::ActiveBackup, vec![member("eth0"), member("eth1")]);
    bond.active = Some("eth1".to_owned());
    bond.members[1].speed = Some(10_000);
    assert_eq!(speed(&bond), Some(10_000));
    bond.mode = Some(Mode::Xor);
    assert_eq!(speed(&bond), Some(11_000));
    bond.members[0].speed = None;
    assert_eq!(speed(&bond), None, "no sum of what is not known");
}
