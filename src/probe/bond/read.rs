//! Where a bond's facts come from: the kernel over netlink, `/proc/net/bonding`, sysfs; each alone
//! is enough to judge by, and what one does not tell another may.

use std::collections::{BTreeMap, BTreeSet};

use crate::host::Host;
use crate::host::dir::{exists, folder, names};
use crate::host::file::{Shape, read, read_line};
use crate::host::netlink::{Family, Request, ask};
use crate::model::reading::ProbeError;
use crate::parse::bonding::{
    Active, Aggregator, Bond, Member, Mii, Mode, bonding, full_duplex, mac, speed,
};
use crate::parse::link::{RTM_GETLINK, RTM_NEWLINK, all_links, bonds};

const NET: &str = "sys/class/net";
const PROC: &str = "proc/net/bonding";

/// Names of all bonds. A machine without the bonding driver has none.
pub(super) fn list(host: &Host) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = names(host, PROC).unwrap_or_default().into_iter().collect();
    if let Ok(masters) = read_line(host, &format!("{NET}/bonding_masters")) {
        found.extend(masters.split_whitespace().map(str::to_owned));
    }
    let has_folder = |name: &String| {
        exists(host, &format!("{}/bonding", folder(host, &format!("{NET}/{name}"))))
    };
    found.extend(names(host, NET).unwrap_or_default().into_iter().filter(has_folder));
    // A recording may list more than it holds.
    found.retain(|name| exists(host, &format!("{PROC}/{name}")) || has_folder(name));
    found
}

/// All bonds now.
///
/// # Errors
/// When there are bonds of which nothing can be read.
pub(super) fn all(host: &Host) -> Result<BTreeMap<String, Bond>, ProbeError> {
    // A bond that is only being made or unmade is not in every list.
    let listed = list(host);
    let mut found =
        if listed.is_empty() { BTreeMap::new() } else { live(host).unwrap_or_default() };
    let mut reason = None;
    for name in listed {
        let text = read(host, &format!("{PROC}/{name}"), Shape::UntilEnd);
        let bond = found.entry(name.clone()).or_default();
        match text {
            Ok(text) => bond.fill_from(bonding(&text).unwrap_or_default()),
            Err(error) => reason = Some(error),
        }
        bond.fill_from(sysfs(host, &name));
        for member in &mut bond.members {
            speeds(host, &name, member);
        }
        if *bond == Bond::default() {
            found.remove(&name);
        }
    }
    match (found.is_empty(), reason) {
        (true, Some(reason)) => Err(reason),
        _ => Ok(found),
    }
}

/// The running kernel's own words. Without them (an old kernel, a sandbox) files must do.
fn live(host: &Host) -> Option<BTreeMap<String, Bond>> {
    let body = all_links();
    let request = Request { kind: RTM_GETLINK, dump: true, body: &body };
    let messages = ask(host, Family::Route, &request).ok()?;
    let links = messages.iter().filter(|message| message.kind == RTM_NEWLINK);
    Some(bonds(links.map(|message| message.body.as_slice())))
}

fn line(host: &Host, path: String) -> Option<String> {
    read_line(host, &path).ok().filter(|line| !line.is_empty())
}

fn number<T: std::str::FromStr>(host: &Host, path: String) -> Option<T> {
    line(host, path)?.parse().ok()
}

/// Attributes of other modes are there and empty; `N/A` is none either.
fn sysfs(host: &Host, name: &str) -> Bond {
    let base = folder(host, &format!("{NET}/{name}"));
    let of = |attribute: &str| line(host, format!("{base}/bonding/{attribute}"));
    let mode = of("mode").and_then(|mode| Mode::from_text(&mode));
    let one_at_a_time = matches!(mode, Some(Mode::ActiveBackup | Mode::Tlb | Mode::Alb));
    let named = |attribute: &str| {
        let readable = || read_line(host, &format!("{base}/bonding/{attribute}")).ok();
        one_at_a_time.then(readable).flatten()
    };
    let aggregator = match of("ad_aggregator").and_then(|id| id.parse().ok()) {
        Some(0) => Aggregator::None,
        Some(id) => Aggregator::Active(Active {
            id,
            ports: of("ad_num_ports").and_then(|ports| ports.parse().ok()),
            partner: of("ad_partner_mac").and_then(|address| mac(&address)),
        }),
        None => Aggregator::Unknown,
    };
    // Carrier cannot be asked of a link that is switched off: its state says the same.
    let up = number::<u8>(host, format!("{base}/carrier")).map(|carrier| carrier == 1);
    let state = || line(host, format!("{base}/operstate")).map(|state| state == "up");
    let flags = line(host, format!("{base}/flags"));
    let flags = flags.and_then(|text| u32::from_str_radix(text.strip_prefix("0x")?, 16).ok());
    Bond {
        mode,
        up: up.or_else(state),
        switched_on: flags.map(|flags| flags & 1 == 1),
        active: named("active_slave"),
        primary: named("primary"),
        primary_always: of("primary_reselect").map(|choice| choice.starts_with("always")),
        min_links: of("min_links").and_then(|links| links.parse().ok()),
        aggregator,
        members: members(host, &base).iter().map(|name| member(host, &base, name)).collect(),
    }
}

fn members(host: &Host, base: &str) -> Vec<String> {
    let listed = line(host, format!("{base}/bonding/slaves")).unwrap_or_default();
    let mut members: Vec<String> = listed.split_whitespace().map(str::to_owned).collect();
    members.sort_unstable();
    members
}

/// The folder of a member's link: by its own name, or as the bond links to it.
fn link_of(host: &Host, base: &str, member: &str) -> String {
    let own = folder(host, &format!("{NET}/{member}"));
    if exists(host, &own) { own } else { folder(host, &format!("{base}/slave_{member}")) }
}

fn member(host: &Host, base: &str, name: &str) -> Member {
    let link = link_of(host, base, name);
    let of = |attribute: &str| line(host, format!("{link}/bonding_slave/{attribute}"));
    Member {
        mii: of("mii_status").and_then(|status| Mii::from_text(&status)).or_else(|| {
            match line(host, format!("{link}/operstate"))?.as_str() {
                "up" => Some(Mii::Up),
                "down" | "lowerlayerdown" | "notpresent" => Some(Mii::Down),
                _ => None,
            }
        }),
        failures: of("link_failure_count").and_then(|count| count.parse().ok()),
        mac: of("perm_hwaddr").and_then(|address| mac(&address)),
        aggregator: of("ad_aggregator_id").and_then(|id| id.parse().ok()),
        actor_state: of("ad_actor_oper_port_state").and_then(|state| state.parse().ok()),
        partner_state: of("ad_partner_oper_port_state").and_then(|state| state.parse().ok()),
        ..Member::named(name)
    }
}

/// Netlink tells no speed. A link that is down keeps an old one in some drivers: not asked then.
fn speeds(host: &Host, bond: &str, member: &mut Member) {
    if matches!(member.mii, Some(Mii::Down)) {
        member.speed = None;
        member.full_duplex = None;
        return;
    }
    if member.speed.is_none() || member.full_duplex.is_none() {
        let link = link_of(host, &folder(host, &format!("{NET}/{bond}")), &member.name);
        member.speed = member.speed.or_else(|| speed(&line(host, format!("{link}/speed"))?));
        member.full_duplex =
            member.full_duplex.or_else(|| full_duplex(&line(host, format!("{link}/duplex"))?));
    }
}

/// The bond's own speed in Mbit/s as its driver adds it up.
pub(super) fn bond_speed(host: &Host, name: &str) -> Option<u32> {
    speed(&line(host, format!("{}/speed", folder(host, &format!("{NET}/{name}"))))?)
}

/// How it spreads traffic, for selection.
pub(super) fn mode(host: &Host, name: &str) -> Option<Mode> {
    let base = folder(host, &format!("{NET}/{name}"));
    line(host, format!("{base}/bonding/mode")).and_then(|mode| Mode::from_text(&mode)).or_else(
        || {
            let text = read(host, &format!("{PROC}/{name}"), Shape::UntilEnd).ok()?;
            bonding(&text)?.mode
        },
    )
}

/// The bond's address.
pub(super) fn address(host: &Host, name: &str) -> Option<String> {
    line(host, format!("{}/address", folder(host, &format!("{NET}/{name}"))))
}
