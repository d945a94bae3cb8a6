//! Links as rtnetlink lists them, as far as bonds need it: here alone an unprivileged reader is
//! told the partner and the port states of LACP.

use std::collections::{BTreeMap, HashMap};

use super::bonding::{Active, Aggregator, Bond, Member, Mii, Mode};
use super::netlink::{attribute, encode, narrow, text};

/// Type of a request for links.
pub const RTM_GETLINK: u16 = 18;
/// Type of a message that describes one.
pub const RTM_NEWLINK: u16 = 16;
/// Bytes of `struct ifinfomsg`.
const HEADER_BYTES: usize = 16;

const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_EXT_MASK: u16 = 29;
const IFLA_CARRIER: u16 = 33;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const IFLA_INFO_SLAVE_KIND: u16 = 4;
const IFLA_INFO_SLAVE_DATA: u16 = 5;
/// Flag of a link that is switched on.
const IFF_UP: u32 = 1;
const RTEXT_FILTER_SKIP_STATS: u32 = 1 << 3;

/// The body of a request for all links, without their counters.
#[must_use]
pub fn all_links() -> Vec<u8> {
    let mut body = vec![0; HEADER_BYTES];
    body.extend(encode(IFLA_EXT_MASK, &RTEXT_FILTER_SKIP_STATS.to_ne_bytes()));
    body
}

/// What a list of links, each a message's body, says of bonds, by name.
pub fn bonds<'a>(bodies: impl Iterator<Item = &'a [u8]>) -> BTreeMap<String, Bond> {
    let mut names = HashMap::new();
    let mut masters = Vec::new();
    let mut members: Vec<(u32, u32, Member)> = Vec::new();
    for body in bodies {
        let Some((header, attributes)) = body.split_first_chunk::<HEADER_BYTES>() else { continue };
        let [_, _, _, _, i0, i1, i2, i3, f0, f1, f2, f3, ..] = *header;
        let index = u32::from_ne_bytes([i0, i1, i2, i3]);
        let Some(name) = attribute(attributes, IFLA_IFNAME).and_then(text) else { continue };
        let info = attribute(attributes, IFLA_LINKINFO).unwrap_or_default();
        let is_bond = |kind| attribute(info, kind).and_then(text).is_some_and(|k| k == "bond");
        if is_bond(IFLA_INFO_KIND) {
            let carrier = attribute(attributes, IFLA_CARRIER).and_then(narrow::<u8>);
            let data = attribute(info, IFLA_INFO_DATA).unwrap_or_default();
            let up = carrier.map(|carrier| carrier == 1);
            let switched_on = u32::from_ne_bytes([f0, f1, f2, f3]) & IFF_UP != 0;
            masters.push((index, name.clone(), up, switched_on, data));
        }
        let master = attribute(attributes, IFLA_MASTER).and_then(narrow::<u32>);
        if let Some(master) = master.filter(|_| is_bond(IFLA_INFO_SLAVE_KIND)) {
            let data = attribute(info, IFLA_INFO_SLAVE_DATA).unwrap_or_default();
            let mut one = member(&name, data);
            one.mac = one.mac.or_else(|| address(attribute(attributes, IFLA_ADDRESS)?));
            members.push((master, index, one));
        }
        names.insert(index, name);
    }
    // In the order in which the links came to be, not in that of the kernel's hash.
    members.sort_by_key(|(_, index, _)| *index);
    masters
        .into_iter()
        .map(|(index, name, up, switched_on, data)| {
            let mut bond = bond(data, |index| names.get(&index).cloned());
            bond.up = up;
            bond.switched_on = Some(switched_on);
            bond.members = members
                .iter()
                .filter(|(master, ..)| *master == index)
                .map(|(.., member)| member.clone())
                .collect();
            (name, bond)
        })
        .collect()
}

fn address(value: &[u8]) -> Option<[u8; 6]> {
    value.try_into().ok()
}

/// `IFLA_BOND_*`: the numbers are those of `linux/if_link.h`.
fn bond(data: &[u8], name: impl Fn(u32) -> Option<String>) -> Bond {
    let mode = attribute(data, 1).and_then(narrow).and_then(Mode::from_number);
    // Members are named by index; no attribute means that there is none.
    let named = |kind| match attribute(data, kind).and_then(narrow) {
        Some(index) => name(index),
        None => Some(String::new()),
    };
    let one_at_a_time = matches!(mode, Some(Mode::ActiveBackup | Mode::Tlb | Mode::Alb));
    let active = attribute(data, 23).and_then(|info| {
        Some(Active {
            id: attribute(info, 1).and_then(narrow)?,
            ports: attribute(info, 2).and_then(narrow),
            partner: attribute(info, 5).and_then(address),
        })
    });
    Bond {
        mode,
        up: None,
        switched_on: None,
        active: one_at_a_time.then(|| named(2)).flatten(),
        primary: one_at_a_time.then(|| named(11)).flatten(),
        primary_always: attribute(data, 12).and_then(narrow::<u8>).map(|choice| choice == 0),
        min_links: attribute(data, 18).and_then(narrow),
        aggregator: match active {
            Some(active) => Aggregator::Active(active),
            None if mode == Some(Mode::Lacp) => Aggregator::None,
            None => Aggregator::Unknown,
        },
        members: Vec::new(),
    }
}

/// `IFLA_BOND_SLAVE_*`.
fn member(name: &str, data: &[u8]) -> Member {
    Member {
        mii: attribute(data, 2).and_then(narrow).and_then(Mii::from_number),
        failures: attribute(data, 3).and_then(narrow),
        mac: attribute(data, 4).and_then(address),
        aggregator: attribute(data, 6).and_then(narrow),
        actor_state: attribute(data, 7).and_then(narrow),
        // Two bytes wide for an eight bit state, since the kernel made it so.
        partner_state: attribute(data, 8).and_then(narrow),
        ..Member::named(name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn link(index: u32, name: &str, more: &[u8]) -> Vec<u8> {
        let mut body = vec![0; HEADER_BYTES];
        body[4..8].copy_from_slice(&index.to_ne_bytes());
        body[8] = 1;
        body.extend(encode(IFLA_IFNAME, format!("{name}\0").as_bytes()));
        body.extend(more);
        body
    }

    fn info(kind: u16, data_kind: u16, data: &[Vec<u8>]) -> Vec<u8> {
        let nest = [encode(kind, b"bond\0"), encode(data_kind, &data.concat())].concat();
        encode(0x8000 | IFLA_LINKINFO, &nest)
    }

    fn a_bond(mode: u8, more: &[Vec<u8>]) -> Vec<u8> {
        let mut data = vec![encode(1, &[mode])];
        data.extend_from_slice(more);
        let carrier = encode(IFLA_CARRIER, &[1]);
        link(9, "bond0", &[carrier, info(IFLA_INFO_KIND, IFLA_INFO_DATA, &data)].concat())
    }

    fn a_member(index: u32, name: &str, data: &[Vec<u8>]) -> Vec<u8> {
        let master = encode(IFLA_MASTER, &9_u32.to_ne_bytes());
        link(
            index,
            name,
            &[master, info(IFLA_INFO_SLAVE_KIND, IFLA_INFO_SLAVE_DATA, data)].concat(),
        )
    }

    fn read(links: &[Vec<u8>]) -> BTreeMap<String, Bond> {
        bonds(links.iter().map(Vec::as_slice))
    }

    #[test]
    fn lacp_is_told_whole() {
        let partner = [0x52, 0x54, 0, 0, 0, 0x12];
        let info =
            [encode(1, &1_u16.to_ne_bytes()), encode(2, &2_u16.to_ne_bytes()), encode(5, &partner)];
        let member = [
            encode(2, &[0]),
            encode(3, &4_u32.to_ne_bytes()),
            encode(4, &[2, 0, 0, 0, 0, 1]),
            encode(6, &2_u16.to_ne_bytes()),
            encode(7, &[71]),
            encode(8, &0_u16.to_ne_bytes()),
        ];
        let bonds = read(&[
            a_member(3, "eth1", &[encode(2, &[2])]),
            a_bond(4, &[encode(18, &1_u32.to_ne_bytes()), encode(0x8000 | 23, &info.concat())]),
            a_member(2, "eth0", &member),
            link(1, "lo", &[]),
        ]);
        let bond = &bonds["bond0"];
        assert_eq!((bonds.len(), bond.mode, bond.up), (1, Some(Mode::Lacp), Some(true)));
        assert_eq!((bond.min_links, bond.switched_on), (Some(1), Some(true)));
        let active = Active { id: 1, ports: Some(2), partner: Some(partner) };
        assert_eq!(bond.aggregator, Aggregator::Active(active));
        let [eth0, eth1] = &bond.members[..] else { panic!("{bond:?}") };
        assert_eq!((eth0.name.as_str(), eth0.mii, eth0.failures), ("eth0", Some(Mii::Up), Some(4)));
        assert_eq!(
            (eth0.aggregator, eth0.actor_state, eth0.partner_state),
            (Some(2), Some(71), Some(0))
        );
        assert_eq!(eth0.mac, Some([2, 0, 0, 0, 0, 1]));
        assert_eq!((eth1.name.as_str(), eth1.mii), ("eth1", Some(Mii::Down)));
    }

    #[test]
    fn what_is_left_out_means_none_where_the_kernel_means_none() {
        let bond = &read(&[a_bond(4, &[])])["bond0"];
        assert_eq!((bond.aggregator, bond.active.as_deref()), (Aggregator::None, None));
        let active = encode(2, &2_u32.to_ne_bytes());
        let always = encode(12, &[0]);
        let bonds = read(&[a_bond(1, &[active, always]), a_member(2, "eth0", &[])]);
        let bond = &bonds["bond0"];
        assert_eq!((bond.active.as_deref(), bond.primary.as_deref()), (Some("eth0"), Some("")));
        assert_eq!((bond.primary_always, bond.aggregator), (Some(true), Aggregator::Unknown));
        assert_eq!(read(&[a_bond(1, &[])])["bond0"].active.as_deref(), Some(""));
    }

    #[test]
    fn a_bridge_port_is_no_member() {
        let master = encode(IFLA_MASTER, &9_u32.to_ne_bytes());
        let bonds = read(&[a_bond(1, &[]), link(2, "eth0", &master)]);
        assert_eq!(bonds["bond0"].members, []);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(
            cut in 0..400_usize, place in 0..400_usize, byte in any::<u8>(),
            noise in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut link = a_bond(4, &[encode(23, &encode(1, &[1, 0]))]);
            link.extend(a_member(2, "eth0", &[encode(7, &[63])]));
            if let Some(at) = link.get_mut(place) {
                *at = byte;
            }
            link.truncate(cut);
            prop_assert!(read(&[link, noise]).len() <= 2);
        }
    }
}
