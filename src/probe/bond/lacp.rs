//! What is wrong with a member of an LACP bond, in words with the likely cause. Pure.

use crate::parse::bonding::{Aggregator, Bond, Churn, Mac, Member, Mii};

/// Bits of a port's state (IEEE 802.1AX, as the kernel and `/proc/net/bonding` number them).
const SYNCHRONISED: u8 = 0x08;
const COLLECTING: u8 = 0x10;
const DISTRIBUTING: u8 = 0x20;
const DEFAULTED: u8 = 0x40;
const EXPIRED: u8 = 0x80;

/// Why a member with a link carries no traffic of the bond, or soon may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Nobody speaks LACP at the other end.
    NoPartner,
    /// The partner fell silent.
    Expired,
    /// LACP cannot group a port that sends or receives, never both.
    HalfDuplex,
    /// Slower or faster than the members in use, in Mbit/s.
    OtherSpeed { own: u32, usual: u32 },
    /// Another switch at the other end than the members in use have.
    OtherPartner { own: Mac, usual: Mac },
    /// In another group of ports for a reason that is not told.
    OtherAggregator { own: u16, active: u16 },
    /// This end did not take the port into the group.
    NotInSync,
    /// The partner did not.
    PartnerNotInSync,
    /// No agreement within a minute.
    Churned,
}

impl Trouble {
    /// Stable word.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::NoPartner => "no-partner",
            Self::Expired => "expired",
            Self::HalfDuplex => "half-duplex",
            Self::OtherSpeed { .. } => "unequal-speed",
            Self::OtherPartner { .. } => "other-partner",
            Self::OtherAggregator { .. } => "other-aggregator",
            Self::NotInSync => "not-in-sync",
            Self::PartnerNotInSync => "partner-not-in-sync",
            Self::Churned => "churned",
        }
    }

    /// The fact, for a subject.
    pub(super) fn fact(&self, name: &str) -> String {
        match self {
            Self::NoPartner => format!("no LACP partner on {name}"),
            Self::Expired => format!("LACP partner of {name} fell silent"),
            Self::HalfDuplex => format!("{name} runs half duplex"),
            Self::OtherSpeed { own, usual } => {
                format!("{name} runs at {own} Mbit/s, the others at {usual}")
            }
            Self::OtherPartner { .. } => format!("{name} leads to another switch"),
            Self::OtherAggregator { .. } => format!("{name} is in another aggregator"),
            Self::NotInSync => format!("{name} carries no traffic (LACP not in sync)"),
            Self::PartnerNotInSync => format!("the switch does not use {name}"),
            Self::Churned => format!("LACP on {name} finds no agreement"),
        }
    }

    /// What it means and where to look.
    pub(super) fn cause(&self, name: &str) -> String {
        match self {
            Self::NoPartner => format!(
                "{name} has a link, so the cable is fine, but nobody speaks LACP at the other end: \
                 the switch port is not in an LACP channel group (or that group is static)."
            ),
            Self::Expired => format!(
                "No LACP packet came on {name} within the time agreed: look whether the switch port \
                 left its channel group, and for a link that passes nothing in one direction."
            ),
            Self::HalfDuplex => format!(
                "LACP cannot use {name} at half duplex: set both ends to negotiate speed and duplex."
            ),
            Self::OtherSpeed { own, usual } => format!(
                "LACP groups links of one speed only, so {name} at {own} Mbit/s is left out of the \
                 group at {usual} Mbit/s: look at its cable, and at a speed forced at either end."
            ),
            Self::OtherPartner { own, usual } => format!(
                "{name} is connected to the switch {}, the members in use to {}: a cable in the \
                 wrong switch, or two switches that are not set up to act as one.",
                shown(*own),
                shown(*usual)
            ),
            Self::OtherAggregator { own, active } => format!(
                "{name} is in aggregator {own}, traffic goes through aggregator {active}: its switch \
                 port is in another channel group."
            ),
            Self::NotInSync => format!(
                "{name} has a partner, yet it is not collecting and distributing: compare the \
                 settings of its switch port (channel group, speed, VLANs) with the others'."
            ),
            Self::PartnerNotInSync => format!(
                "The switch says that it does not take {name} into the channel: its port may be \
                 suspended for a setting that differs from the group's, or the group is full."
            ),
            Self::Churned => format!(
                "The kernel saw no agreement on {name} within a minute: compare the settings of its \
                 switch port with the others'."
            ),
        }
    }
}

/// An address as people write it.
pub(super) fn shown(mac: Mac) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

/// Whether its link is there and in use.
pub(super) fn has_link(member: &Member) -> bool {
    member.mii.is_none_or(|mii| mii == Mii::Up)
}

/// Whether the kernel's minute for finding an agreement is not over.
pub(super) fn negotiating(member: &Member) -> bool {
    [member.actor_churn, member.partner_churn].contains(&Some(Churn::Monitoring))
}

/// The group that carries traffic. Where the kernel hides it, the one that most members with a
/// link are in; none where it is said that there is none, or nothing is known.
pub(super) fn active(bond: &Bond) -> Option<u16> {
    match bond.aggregator {
        Aggregator::Active(active) => Some(active.id),
        Aggregator::None => None,
        Aggregator::Unknown => {
            let ids = || bond.members.iter().filter(|m| has_link(m)).filter_map(|m| m.aggregator);
            // Of equals the first counts.
            ids().rev().max_by_key(|id| ids().filter(|other| other == id).count())
        }
    }
}

/// What is wrong with a member that has a link.
pub(super) fn trouble(bond: &Bond, member: &Member) -> Option<Trouble> {
    let actor = |bits: u8| member.actor_state.map(|state| state & bits == bits);
    if member.partner == Some(Mac::default())
        || member.partner_state == Some(0)
        || actor(DEFAULTED) == Some(true)
    {
        return Some(Trouble::NoPartner);
    }
    if actor(EXPIRED) == Some(true) {
        return Some(Trouble::Expired);
    }
    if member.full_duplex == Some(false) {
        return Some(Trouble::HalfDuplex);
    }
    if let Some((active, own)) = active(bond).zip(member.aggregator).filter(|(a, own)| a != own) {
        return Some(other_group(bond, member, active, own));
    }
    if actor(SYNCHRONISED | COLLECTING | DISTRIBUTING) == Some(false) {
        // A port waits for its partner before it collects: then the cause is at the other end.
        let partner = member.partner_state.map(|state| state & SYNCHRONISED != 0);
        return Some(match (actor(SYNCHRONISED), partner) {
            (Some(true), Some(false)) => Trouble::PartnerNotInSync,
            _ => Trouble::NotInSync,
        });
    }
    if member
        .partner_state
        .is_some_and(|state| state & (SYNCHRONISED | COLLECTING) != SYNCHRONISED | COLLECTING)
    {
        return Some(Trouble::PartnerNotInSync);
    }
    [member.actor_churn, member.partner_churn]
        .contains(&Some(Churn::Churned))
        .then_some(Trouble::Churned)
}

fn other_group(bond: &Bond, member: &Member, active: u16, own: u16) -> Trouble {
    let used = || bond.members.iter().filter(|m| has_link(m) && m.aggregator == Some(active));
    let usual_speed = used().find_map(|m| m.speed);
    if let Some((own, usual)) = member.speed.zip(usual_speed).filter(|(own, usual)| own != usual) {
        return Trouble::OtherSpeed { own, usual };
    }
    let known = match bond.aggregator {
        Aggregator::Active(group) => group.partner,
        _ => None,
    };
    let usual_partner = known.or_else(|| used().find_map(|m| m.partner));
    let partners = member.partner.zip(usual_partner);
    if let Some((own, usual)) = partners.filter(|(own, usual)| own != usual) {
        return Trouble::OtherPartner { own, usual };
    }
    Trouble::OtherAggregator { own, active }
}
