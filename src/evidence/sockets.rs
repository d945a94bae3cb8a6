//! Who sends and receives on a link: TCP connections with their counters at two moments, put
//! together by process and peer. The kernel keeps no such counters for UDP and forwarded packets:
//! the share of the link's bytes that the connections explain is said.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;

use super::people::{People, status};
use super::processes::{numbers, stat};
use super::told::{Told, float, percent, row, share};
use super::{Inquiry, Pace};
use crate::host::Host;
use crate::host::dir;
use crate::host::file::read_line;
use crate::host::netlink::{Family, Request, ask};
use crate::model::evidence::Row;
use crate::model::limit::{CONNECTIONS, EVIDENCE_LOOK, EVIDENCE_ROWS, OPEN_FILES};
use crate::model::reading::ProbeError;
use crate::model::text::counted;
use crate::model::unit::Unit;
use crate::parse::number;
use crate::parse::sockets::{
    ADDRESSES, Connection, Counted, IPV4, IPV6, MESSAGE, address, connection, request,
};

/// A line of less than this share of the connections' bytes explains nothing, in percent.
const WORTH_PERCENT: f64 = 2.0;

pub(super) fn gather(inquiry: &Inquiry, host: &Host, pace: &mut dyn Pace, told: &mut Told<'_>) {
    let link = inquiry.id.instance.to_string();
    let judged = inquiry.measure.as_ref().map_or("", |measure| measure.metric.as_str());
    let receiving = judged.starts_with("rx");
    let begin = match connections(host) {
        Ok(list) => list,
        Err(why) => {
            return told.remark(format!("Who uses {link} is not known: {why}"));
        }
    };
    let own = OwnLink::of(host, &link);
    let (before, first) = (moved_bytes(host, &link, receiving), pace.elapsed());
    pace.rest(EVIDENCE_LOOK);
    let end = connections(host).unwrap_or_default();
    let seconds = float(pace.elapsed().as_millis().saturating_sub(first.as_millis())) / 1000.0;
    let after = moved_bytes(host, &link, receiving);
    let whole = after.zip(before).map(|(after, before)| after.saturating_sub(before));
    let way = |counted: &Counted| if receiving { counted.received } else { counted.sent };
    let mut moved: Vec<(Connection, u64)> = Vec::new();
    for (cookie, now) in end {
        let Some(counters) = now.counted else { continue };
        let then = begin.get(&cookie).and_then(|then| then.counted).unwrap_or_default();
        let bytes = way(&counters).saturating_sub(way(&then));
        // What stays on this machine uses no link but `lo`.
        if bytes > 0 && (link == "lo") == is_own(&now) && own.may_use(&now) {
            moved.push((now, bytes));
        }
    }
    let seen = Seen { link, receiving, whole, seconds, by_address: !own.addresses.is_empty() };
    tell(host, &seen, &moved, told);
}

/// All TCP connections by their cookie.
fn connections(host: &Host) -> Result<HashMap<u64, Connection>, ProbeError> {
    let mut found = HashMap::new();
    let mut refused = None;
    for family in [IPV4, IPV6] {
        let body = request(family);
        match ask(host, Family::Sockets, &Request { kind: MESSAGE, dump: true, body: &body }) {
            Ok(messages) => {
                let list = messages.iter().filter(|m| m.kind == MESSAGE);
                let list = list.filter_map(|message| connection(&message.body)).take(CONNECTIONS);
                found.extend(list.map(|connection| (connection.cookie, connection)));
            }
            Err(why) => refused = Some(why),
        }
    }
    match refused {
        Some(why) if found.is_empty() => Err(why),
        _ => Ok(found),
    }
}

/// The link as connections know it.
struct OwnLink {
    index: u32,
    addresses: HashSet<IpAddr>,
}

impl OwnLink {
    fn of(host: &Host, link: &str) -> Self {
        let folder = dir::folder(host, &format!("sys/class/net/{link}"));
        let index = read_line(host, &format!("{folder}/ifindex")).ok();
        let index = index.and_then(|line| line.parse().ok()).unwrap_or_default();
        let request = Request { kind: ADDRESSES, dump: true, body: &[0; 8] };
        let list = ask(host, Family::Route, &request).unwrap_or_default();
        let addresses = list.iter().filter_map(|message| address(&message.body));
        let addresses = addresses.filter(|(of, _)| *of == index).map(|(_, address)| address);
        Self { index, addresses: addresses.collect() }
    }

    /// Whether a connection goes over it as far as can be told: bound to it, or from an address of
    /// its own. A link without addresses (a member of a bond, a port of a bridge) carries others'.
    fn may_use(&self, connection: &Connection) -> bool {
        if connection.interface != 0 && self.index != 0 {
            return connection.interface == self.index;
        }
        self.addresses.is_empty() || self.addresses.contains(&connection.local.ip())
    }
}

fn is_own(connection: &Connection) -> bool {
    let (local, remote) = (connection.local.ip(), connection.remote.ip());
    local == remote || remote.is_loopback()
}

/// Bytes that a link has received or sent.
fn moved_bytes(host: &Host, link: &str, receiving: bool) -> Option<u64> {
    if link.contains('/') || link.starts_with('.') {
        return None;
    }
    let folder = dir::folder(host, &format!("sys/class/net/{link}"));
    let way = if receiving { "rx_bytes" } else { "tx_bytes" };
    number(read_line(host, &format!("{folder}/statistics/{way}")).ok()?.as_bytes())
}

/// Connections of one process.
#[derive(Default)]
struct Flow {
    bytes: u64,
    connections: usize,
    /// Bytes by peer and by the port that both ends know.
    peers: BTreeMap<(IpAddr, u16), u64>,
}

impl Flow {
    fn add(&mut self, connection: &Connection, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.connections += 1;
        // A server's port is the lower one, most often.
        let port = connection.remote.port().min(connection.local.port());
        *self.peers.entry((connection.remote.ip(), port)).or_default() += bytes;
    }

    /// `203.0.113.7 port 22`, or `41 peers, most of it 198.51.100.7 port 443`.
    fn describe(&self) -> String {
        let most = self.peers.iter().max_by_key(|(_, bytes)| **bytes);
        let most = most.map_or(String::new(), |((peer, port), _)| format!("{peer} port {port}"));
        let addresses: HashSet<IpAddr> = self.peers.keys().map(|(peer, _)| *peer).collect();
        match addresses.len() {
            0 | 1 => most,
            peers => format!("{peers} peers, most of it {most}"),
        }
    }
}

/// What was seen of the link itself.
struct Seen {
    link: String,
    receiving: bool,
    whole: Option<u64>,
    seconds: f64,
    by_address: bool,
}

fn tell(host: &Host, seen: &Seen, moved: &[(Connection, u64)], told: &mut Told<'_>) {
    let Seen { link, receiving, whole, seconds, by_address } = seen;
    let wanted: HashSet<u32> = moved.iter().map(|(connection, _)| connection.inode).collect();
    let holders = holders(host, &wanted);
    let people = People::of(host);
    let all: u64 = moved.iter().fold(0, |sum, (_, bytes)| sum.saturating_add(*bytes));
    let mut flows: BTreeMap<String, Flow> = BTreeMap::new();
    for (connection, bytes) in moved {
        let who = match holders.get(&connection.inode) {
            Some(pid) => {
                let uid = status(host, *pid).map(|status| status.uid);
                stat(host, *pid).map(|process| people.describe(&process, uid))
            }
            None => None,
        };
        let who = who.unwrap_or_else(|| format!("a process of {}", people.name(connection.uid)));
        flows.entry(who).or_default().add(connection, *bytes);
    }
    let mut flows: Vec<(String, Flow)> = flows.into_iter().collect();
    flows.sort_by_key(|(_, flow)| std::cmp::Reverse(flow.bytes));
    let base = whole.map_or(all, |whole| whole.max(1));
    let arrow = if *receiving { "<-" } else { "->" };
    let rows: Vec<Row> = flows
        .iter()
        .filter(|(_, flow)| percent(flow.bytes, all) >= WORTH_PERCENT)
        .take(EVIDENCE_ROWS)
        .map(|(who, flow)| {
            let bits = float(flow.bytes) * 8.0 / seconds.max(0.001);
            let many = match flow.connections {
                1 => String::new(),
                n => format!(", {}", counted(n, "connection", "connections")),
            };
            let speed = Unit::BitsPerSecond.show(bits);
            let text = format!("{who} {arrow} {}, {speed}{many}", flow.describe());
            row(share(flow.bytes, base), text)
        })
        .collect();
    let verb = if *receiving { "Received from" } else { "Sent to" };
    let coverage = match whole {
        Some(whole) if *whole > 0 => format!("{} of the bytes of {link}", share(all, *whole)),
        _ => "bytes of the link not known".to_owned(),
    };
    if rows.is_empty() {
        let why = "no TCP connection moves bytes: look for UDP and forwarded packets";
        return told.remark(format!("Who uses {link} is not known: {why}"));
    }
    let from = if *by_address {
        format!("by its addresses over {EVIDENCE_LOOK}")
    } else {
        format!("over {EVIDENCE_LOOK} on all links, since it has no address of its own")
    };
    told.list(format!("{verb} peers by TCP {from} ({coverage})"), rows);
}

/// Which process holds a socket, by the socket's inode; of several the first.
fn holders(host: &Host, wanted: &HashSet<u32>) -> HashMap<u32, u32> {
    let mut found = HashMap::new();
    let mut room = OPEN_FILES;
    for pid in numbers(host) {
        let folder = format!("proc/{pid}/fd");
        let Ok(links) = dir::names(host, &folder) else { continue };
        for link in links.iter().take(room) {
            room -= 1;
            let Some(target) = dir::link_text(host, &format!("{folder}/{link}")) else { continue };
            let inode = target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
            let Some(inode) = inode.and_then(|inode| inode.parse::<u32>().ok()) else { continue };
            if wanted.contains(&inode) {
                found.entry(inode).or_insert(pid);
            }
        }
    }
    found
}
