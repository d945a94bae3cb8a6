//! What a link is and how it stands, from its folder below `/sys/class/net`.

use std::collections::HashSet;

use crate::host::Host;
use crate::host::dir::{exists, folder, link_name, names};
use crate::host::file::{Shape, read, read_line};
use crate::parse::bonding::{full_duplex, speed};
use crate::parse::{fields, lines};

const NET: &str = "sys/class/net";
/// `type` of Ethernet and of InfiniBand; others (CAN, raw IP of a modem) negotiate no speed.
const WATCHED_TYPES: [&str; 2] = ["1", "32"];
/// Names that are never hardware, for recordings that do not show where a link's folder is.
const VIRTUAL_NAMES: &[&str] = &[
    "veth", "docker", "virbr", "br-", "br0", "tun", "tap", "dummy", "bond", "team", "vnet", "cni",
    "flannel", "cali", "wg", "vxlan", "gre", "sit", "ip6tnl", "ifb", "macvtap", "lxc", "fwbr",
    "vmbr",
];

/// What stands behind a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// Hardware, or what a hypervisor presents as such.
    Physical,
    /// Hardware without a wire: it has no one speed.
    Wireless,
    /// A slice of a card, made to be handed to a guest.
    VirtualFunction,
    /// Several links as one.
    Bond,
    /// The kernel alone.
    Virtual,
}

impl Sort {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Physical => "physical",
            Self::Wireless => "wireless",
            Self::VirtualFunction => "vf",
            Self::Bond => "bond",
            Self::Virtual => "virtual",
        }
    }

    /// Whether it is judged without being asked for.
    pub(super) fn by_default(self) -> bool {
        matches!(self, Self::Physical | Self::Wireless)
    }
}

/// A link's name and folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) name: String,
    pub(super) base: String,
    pub(super) sort: Sort,
}

/// All links; files beside them (`bonding_masters`) are none.
pub(super) fn list(host: &Host) -> Vec<Place> {
    let mut places = Vec::new();
    for name in names(host, NET).unwrap_or_default() {
        let entry = format!("{NET}/{name}");
        let base = folder(host, &entry);
        if let Some(sort) = sort(host, &name, &base, base != entry) {
            places.push(Place { name, base, sort });
        }
    }
    places
}

fn sort(host: &Host, name: &str, base: &str, resolved: bool) -> Option<Sort> {
    let has = |entry: &str| exists(host, &format!("{base}/{entry}"));
    let is_link = ["operstate", "speed", "carrier", "ifindex", "statistics", "address"];
    if !is_link.into_iter().any(has) {
        return None;
    }
    if has("bonding") {
        return Some(Sort::Bond);
    }
    let kind = read_line(host, &format!("{base}/type")).ok();
    if kind.is_some_and(|kind| !WATCHED_TYPES.contains(&kind.as_str())) {
        return Some(Sort::Virtual);
    }
    // Older kernels have `wireless`, newer ones `phy80211`; a recording may have neither.
    if has("wireless") || has("phy80211") || (name.starts_with("wl") && host.is_recorded()) {
        return Some(Sort::Wireless);
    }
    if has("device/physfn") {
        return Some(Sort::VirtualFunction);
    }
    if has("device") {
        return Some(Sort::Physical);
    }
    if resolved {
        let hidden = base.contains("/virtual/");
        return Some(if hidden { Sort::Virtual } else { Sort::Physical });
    }
    if !host.is_recorded() || has("bridge") || has("tun_flags") {
        return Some(Sort::Virtual);
    }
    let is_virtual = name == "lo"
        || name.contains(['.', ':', '@'])
        || VIRTUAL_NAMES.iter().any(|prefix| name.starts_with(prefix));
    Some(if is_virtual { Sort::Virtual } else { Sort::Physical })
}

/// How a link stands now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// Whether the administrator switched it on.
    pub(super) switched_on: Option<bool>,
    /// Whether there is a link.
    pub(super) carrier: Option<bool>,
    /// Times it came up since the driver was loaded.
    pub(super) ups: Option<u64>,
    /// Times it came up or went down.
    pub(super) changes: Option<u64>,
    /// The bond that it is a member of.
    pub(super) bond: Option<String>,
    /// Whether that bond holds it in reserve: what comes in there is dropped by design.
    pub(super) reserve: bool,
}

fn line(host: &Host, base: &str, attribute: &str) -> Option<String> {
    read_line(host, &format!("{base}/{attribute}")).ok().filter(|line| !line.is_empty())
}

fn count(host: &Host, base: &str, attribute: &str) -> Option<u64> {
    line(host, base, attribute)?.parse().ok()
}

/// Carrier and state. A link that is switched off answers EINVAL for carrier.
pub(super) fn standing(host: &Host, base: &str) -> Standing {
    let flags = line(host, base, "flags");
    let flags = flags.and_then(|text| u32::from_str_radix(text.strip_prefix("0x")?, 16).ok());
    let carrier = count(host, base, "carrier").map(|carrier| carrier == 1);
    let state = || match line(host, base, "operstate")?.as_str() {
        "up" | "dormant" | "testing" => Some(true),
        "down" | "lowerlayerdown" | "notpresent" => Some(false),
        // `unknown` is what a driver without a watch on its link says.
        _ => None,
    };
    let bond = exists(host, &format!("{base}/bonding_slave"))
        .then(|| link_name(host, &format!("{base}/master")).unwrap_or_else(|| "a bond".to_owned()));
    Standing {
        switched_on: flags.map(|flags| flags & 1 == 1),
        carrier: carrier.or_else(state),
        ups: count(host, base, "carrier_up_count"),
        changes: count(host, base, "carrier_changes"),
        reserve: bond.is_some()
            && line(host, base, "bonding_slave/state").is_some_and(|state| state == "backup"),
        bond,
    }
}

/// Negotiated speed in Mbit/s and duplex, for a link with carrier: without, drivers answer an old
/// or a made-up one.
pub(super) fn negotiated(host: &Host, base: &str) -> (Option<u32>, Option<bool>) {
    let speed = line(host, base, "speed").and_then(|text| speed(&text));
    // Drivers that know no speed answer any duplex.
    let duplex = speed.and_then(|_| full_duplex(&line(host, base, "duplex")?));
    (speed, duplex)
}

/// Counters of what went wrong, as the driver keeps them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Faults {
    pub(super) rx_errors: Option<u64>,
    pub(super) tx_errors: Option<u64>,
    pub(super) crc_errors: Option<u64>,
    pub(super) rx_dropped: Option<u64>,
    pub(super) tx_dropped: Option<u64>,
}

/// Reads [`Faults`].
pub(super) fn faults(host: &Host, base: &str) -> Faults {
    let of = |name: &str| count(host, base, &format!("statistics/{name}"));
    Faults {
        rx_errors: of("rx_errors"),
        tx_errors: of("tx_errors"),
        crc_errors: of("rx_crc_errors"),
        rx_dropped: of("rx_dropped"),
        tx_dropped: of("tx_dropped"),
    }
}

/// Links that carry an address of their own, lost carrier or not: IPv4 by their routes, IPv6 by
/// addresses that reach further than the link.
pub(super) fn addressed(host: &Host) -> HashSet<String> {
    let mut found = HashSet::new();
    if let Ok(text) = read(host, "proc/net/route", Shape::UntilEnd) {
        found.extend(lines(&text).skip(1).filter_map(|line| owned(fields(line).next()?)));
    }
    if let Ok(text) = read(host, "proc/net/if_inet6", Shape::UntilEnd) {
        for line in lines(&text) {
            let mut words = fields(line).skip(3);
            if words.next() == Some(b"00")
                && let Some(name) = words.nth(1).and_then(owned)
            {
                found.insert(name);
            }
        }
    }
    found
}

fn owned(name: &[u8]) -> Option<String> {
    std::str::from_utf8(name).ok().map(str::to_owned)
}

/// Whether others are built on it: a bridge it is a port of, a VLAN above it.
pub(super) fn carries_others(host: &Host, base: &str) -> bool {
    names(host, base)
        .unwrap_or_default()
        .iter()
        .any(|entry| entry == "master" || entry == "brport" || entry.starts_with("upper_"))
}

/// Driver, place on its bus and address, where told.
pub(super) fn identity(host: &Host, base: &str) -> Vec<(&'static str, String)> {
    let mut labels = Vec::new();
    labels.extend(line(host, base, "address").map(|mac| ("mac", mac)));
    let driver = link_name(host, &format!("{base}/device/driver"));
    labels.extend(driver.map(|driver| ("driver", driver)));
    let bus = link_name(host, &format!("{base}/device"));
    labels.extend(bus.map(|bus| ("bus", bus)));
    labels
}
