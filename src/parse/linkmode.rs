//! What a link could do: the modes that ethtool's netlink family tells of both ends.
//!
//! The `ethtool` crate reads the same messages and keeps only the advertised modes; the supported
//! ones, which say what the card could do, it throws away.

use super::netlink::{attribute, attributes, encode, narrow, text, unsigned};

/// Type of requests to the family that knows the others' numbers.
pub const GENL_ID_CTRL: u16 = 16;
/// `struct genlmsghdr`: command, version, two bytes of nothing.
const HEADER_BYTES: usize = 4;

const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
const ETHTOOL_MSG_LINKMODES_GET: u8 = 4;
const ETHTOOL_A_HEADER: u16 = 1;
const ETHTOOL_A_HEADER_DEV_NAME: u16 = 2;
const ETHTOOL_A_HEADER_FLAGS: u16 = 3;
const ETHTOOL_FLAG_COMPACT_BITSETS: u32 = 1;
const ETHTOOL_A_LINKMODES_AUTONEG: u16 = 2;
const ETHTOOL_A_LINKMODES_OURS: u16 = 3;
const ETHTOOL_A_LINKMODES_PEER: u16 = 4;
const ETHTOOL_A_BITSET_VALUE: u16 = 4;
const ETHTOOL_A_BITSET_MASK: u16 = 5;

/// A speed and a duplex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkMode {
    /// Mbit/s.
    pub speed: u32,
    /// Whether it sends and receives at once.
    pub full_duplex: bool,
}

/// What both ends of a link can do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkModes {
    /// Whether the ends negotiate.
    pub autoneg: Option<bool>,
    /// What the card can do.
    pub supported: Vec<LinkMode>,
    /// What it tells the other end.
    pub advertised: Vec<LinkMode>,
    /// What the other end told; empty where the driver does not say.
    pub partner: Vec<LinkMode>,
}

/// The body of a request for ethtool's family number.
#[must_use]
pub fn family_request() -> Vec<u8> {
    let mut body = vec![CTRL_CMD_GETFAMILY, 1, 0, 0];
    body.extend(encode(CTRL_ATTR_FAMILY_NAME, b"ethtool\0"));
    body
}

/// The family number in the answer.
#[must_use]
pub fn family(body: &[u8]) -> Option<u16> {
    attribute(body.get(HEADER_BYTES..)?, CTRL_ATTR_FAMILY_ID).and_then(narrow)
}

/// The body of a request for the modes of all links.
#[must_use]
pub fn modes_request() -> Vec<u8> {
    let mut body = vec![ETHTOOL_MSG_LINKMODES_GET, 1, 0, 0];
    let flags = encode(ETHTOOL_A_HEADER_FLAGS, &ETHTOOL_FLAG_COMPACT_BITSETS.to_ne_bytes());
    body.extend(encode(ETHTOOL_A_HEADER | 0x8000, &flags));
    body
}

/// Name and modes of the link that a message's body is about.
#[must_use]
pub fn modes(body: &[u8]) -> Option<(String, LinkModes)> {
    let body = body.get(HEADER_BYTES..)?;
    let header = attribute(body, ETHTOOL_A_HEADER)?;
    let name = attribute(header, ETHTOOL_A_HEADER_DEV_NAME).and_then(text)?;
    let mut modes = LinkModes::default();
    for (kind, value) in attributes(body) {
        match kind {
            ETHTOOL_A_LINKMODES_AUTONEG => modes.autoneg = unsigned(value).map(|on| on == 1),
            ETHTOOL_A_LINKMODES_OURS => {
                modes.supported = bits(value, ETHTOOL_A_BITSET_MASK);
                modes.advertised = bits(value, ETHTOOL_A_BITSET_VALUE);
            }
            ETHTOOL_A_LINKMODES_PEER => modes.partner = bits(value, ETHTOOL_A_BITSET_VALUE),
            _ => {}
        }
    }
    Some((name, modes))
}

/// The modes of a compact bit set: 32 bit words in the machine's byte order.
fn bits(set: &[u8], kind: u16) -> Vec<LinkMode> {
    let Some(words) = attribute(set, kind) else { return Vec::new() };
    let mut modes: Vec<LinkMode> = (0_u32..)
        .zip(words.chunks_exact(4))
        .filter_map(|(n, word)| Some((n, u32::from_ne_bytes(*word.first_chunk()?))))
        .flat_map(|(n, word)| {
            (0..32).filter(move |bit| word >> bit & 1 == 1).map(move |bit| n * 32 + bit)
        })
        .filter_map(mode)
        .collect();
    modes.sort_unstable();
    modes.dedup();
    modes
}

/// The mode that a bit of `enum ethtool_link_mode_bit_indices` stands for; none for what is no
/// speed (ports, pause, error correction) and for bits of kernels to come.
fn mode(bit: u32) -> Option<LinkMode> {
    let full_duplex = !matches!(bit, 0 | 2 | 4 | 90 | 100 | 101);
    let speed = match bit {
        0 | 1 | 92 | 99..=102 => 10,
        2 | 3 | 67 | 90 | 91 => 100,
        4 | 5 | 17 | 41 | 68 => 1000,
        15 | 47 => 2500,
        48 => 5000,
        12 | 18..=20 | 42..=46 => 10_000,
        21 | 22 => 20_000,
        31..=33 => 25_000,
        23..=26 => 40_000,
        34 | 35 | 40 | 52..=56 => 50_000,
        27..=30 => 56_000,
        36..=39 | 57..=61 | 75..=79 => 100_000,
        62..=66 | 80..=84 | 103..=108 => 200_000,
        69..=73 | 85..=89 | 109..=114 => 400_000,
        93..=98 | 115..=120 => 800_000,
        121..=124 => 1_600_000,
        _ => return None,
    };
    Some(LinkMode { speed, full_duplex })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(value: &[u32], mask: Option<&[u32]>) -> Vec<u8> {
        let words = |words: &[u32]| words.iter().flat_map(|w| w.to_ne_bytes()).collect::<Vec<_>>();
        let mut set = encode(2, &128_u32.to_ne_bytes());
        set.extend(encode(ETHTOOL_A_BITSET_VALUE, &words(value)));
        if let Some(mask) = mask {
            set.extend(encode(ETHTOOL_A_BITSET_MASK, &words(mask)));
        }
        set
    }

    fn message() -> Vec<u8> {
        let name = encode(ETHTOOL_A_HEADER_DEV_NAME, b"eno2\0");
        let mut body = vec![4, 1, 0, 0];
        body.extend(encode(ETHTOOL_A_HEADER | 0x8000, &name));
        body.extend(encode(ETHTOOL_A_LINKMODES_AUTONEG, &[1]));
        // 10/100 half and full, 1000 full, autonegotiation, twisted pair, and 2500 in word two.
        body.extend(encode(ETHTOOL_A_LINKMODES_OURS, &set(&[0xcf, 0], Some(&[0xef, 1 << 15]))));
        body.extend(encode(ETHTOOL_A_LINKMODES_PEER, &set(&[0x2c], None)));
        body
    }

    #[test]
    fn supported_advertised_and_partner_are_three_sets() {
        let (name, modes) = modes(&message()).unwrap();
        let list =
            |modes: &[LinkMode]| modes.iter().map(|m| (m.speed, m.full_duplex)).collect::<Vec<_>>();
        assert_eq!((name.as_str(), modes.autoneg), ("eno2", Some(true)));
        let slow = [(10, false), (10, true), (100, false), (100, true)];
        assert_eq!(list(&modes.advertised), slow);
        assert_eq!(list(&modes.supported), [&slow[..], &[(1000, true), (2500, true)]].concat());
        assert_eq!(list(&modes.partner), [(100, false), (100, true), (1000, true)]);
    }

    #[test]
    fn bits_mean_what_the_kernels_header_says() {
        let of = |bit| mode(bit).map(|mode| (mode.speed, mode.full_duplex));
        for (bit, speed) in [
            (1, 10),
            (3, 100),
            (5, 1000),
            (12, 10_000),
            (15, 2500),
            (17, 1000),
            (20, 10_000),
            (21, 20_000),
            (23, 40_000),
            (27, 56_000),
            (31, 25_000),
            (34, 50_000),
            (36, 100_000),
            (40, 50_000),
            (41, 1000),
            (42, 10_000),
            (47, 2500),
            (48, 5000),
            (52, 50_000),
            (57, 100_000),
            (62, 200_000),
            (67, 100),
            (69, 400_000),
            (75, 100_000),
            (80, 200_000),
            (85, 400_000),
            (91, 100),
            (92, 10),
            (98, 800_000),
        ] {
            assert_eq!(of(bit), Some((speed, true)), "bit {bit}");
        }
        assert_eq!(
            (of(0), of(2), of(4), of(90)),
            (Some((10, false)), Some((100, false)), Some((1000, false)), Some((100, false)))
        );
        for bit in [6, 7, 8, 9, 10, 11, 13, 14, 16, 49, 50, 51, 74, 500] {
            assert_eq!(of(bit), None, "bit {bit} is no speed");
        }
    }

    #[test]
    fn the_familys_number_is_found() {
        let mut answer = vec![1, 2, 0, 0];
        answer.extend(encode(CTRL_ATTR_FAMILY_NAME, b"ethtool\0"));
        answer.extend(encode(CTRL_ATTR_FAMILY_ID, &21_u16.to_ne_bytes()));
        assert_eq!(family(&answer), Some(21));
        assert_eq!(family(&answer[..3]), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(
            cut in 0..200_usize, place in 0..200_usize, byte in any::<u8>(),
            noise in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut body = message();
            if let Some(at) = body.get_mut(place) {
                *at = byte;
            }
            body.truncate(cut);
            let _ = (modes(&body), modes(&noise), family(&body), family(&noise));
        }
    }
}
