//! Bonds: what is known of one, and the text of `/proc/net/bonding/NAME`.
//!
//! Every field may be missing: old kernels say less, and without `CAP_NET_ADMIN` the kernel leaves
//! out the active aggregator and each member's LACP details. What is not said is [`None`] here and
//! never read as "no partner".

use super::lines;

/// An address of six bytes.
pub type Mac = [u8; 6];

/// How a bond spreads traffic; the numbers are the kernel's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// `balance-rr`, 0.
    RoundRobin,
    /// `active-backup`, 1.
    ActiveBackup,
    /// `balance-xor`, 2.
    Xor,
    /// `broadcast`, 3.
    Broadcast,
    /// `802.3ad`, 4: LACP.
    Lacp,
    /// `balance-tlb`, 5.
    Tlb,
    /// `balance-alb`, 6.
    Alb,
}

impl Mode {
    /// From the kernel's number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        [
            Self::RoundRobin,
            Self::ActiveBackup,
            Self::Xor,
            Self::Broadcast,
            Self::Lacp,
            Self::Tlb,
            Self::Alb,
        ]
        .get(usize::from(number))
        .copied()
    }

    /// The name that the module's `mode` option takes.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::RoundRobin => "balance-rr",
            Self::ActiveBackup => "active-backup",
            Self::Xor => "balance-xor",
            Self::Broadcast => "broadcast",
            Self::Lacp => "802.3ad",
            Self::Tlb => "balance-tlb",
            Self::Alb => "balance-alb",
        }
    }

    /// From sysfs (`802.3ad 4`) or from procfs' long name.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let has = |word: &str| text.contains(word);
        Some(match () {
            () if has("802.3ad") => Self::Lacp,
            () if has("active-backup") => Self::ActiveBackup,
            () if has("balance-rr") || has("round-robin") => Self::RoundRobin,
            () if has("xor") => Self::Xor,
            () if has("broadcast") => Self::Broadcast,
            () if has("balance-tlb") || has("transmit load balancing") => Self::Tlb,
            () if has("balance-alb") || has("adaptive load balancing") => Self::Alb,
            () => return None,
        })
    }
}

/// What the bond's own watch says of a member's link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mii {
    /// In use, or ready for it.
    Up,
    /// The link is gone, the bond waits `downdelay` before it says so.
    GoingDown,
    /// No link.
    Down,
    /// The link is back, the bond waits `updelay` before it uses it.
    GoingBack,
}

impl Mii {
    /// From the kernel's number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::Up, Self::GoingDown, Self::Down, Self::GoingBack].get(usize::from(number)).copied()
    }

    /// From the kernel's word.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        match text {
            "up" => Some(Self::Up),
            "going down" => Some(Self::GoingDown),
            "down" => Some(Self::Down),
            "going back" => Some(Self::GoingBack),
            _ => None,
        }
    }
}

/// Whether LACP found an agreement within a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Churn {
    /// Agreed.
    None,
    /// The minute is not over.
    Monitoring,
    /// No agreement after a minute.
    Churned,
}

impl Churn {
    fn from_text(text: &str) -> Option<Self> {
        match text {
            "none" => Some(Self::None),
            "monitoring" => Some(Self::Monitoring),
            "churned" => Some(Self::Churned),
            _ => None,
        }
    }
}

/// Which group of ports carries traffic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Aggregator {
    /// Not said.
    #[default]
    Unknown,
    /// Said that there is none.
    None,
    /// This one.
    Active(Active),
}

/// The active group of ports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Active {
    /// Its number.
    pub id: u16,
    /// Ports in it.
    pub ports: Option<u16>,
    /// The switch at the other end; all zero where none answered.
    pub partner: Option<Mac>,
}

/// One member of a bond.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Member {
    /// Name of its link.
    pub name: String,
    /// Its link as the bond sees it.
    pub mii: Option<Mii>,
    /// Mbit/s.
    pub speed: Option<u32>,
    /// Whether it sends and receives at once.
    pub full_duplex: Option<bool>,
    /// Times its link failed since it joined.
    pub failures: Option<u64>,
    /// Its own address, whatever the bond made of it.
    pub mac: Option<Mac>,
    /// The group of ports it is in.
    pub aggregator: Option<u16>,
    /// LACP bits of this end.
    pub actor_state: Option<u8>,
    /// LACP bits that the other end told; 0 where none did.
    pub partner_state: Option<u8>,
    /// The switch at the other end; all zero where none answered.
    pub partner: Option<Mac>,
    /// Whether this end found an agreement.
    pub actor_churn: Option<Churn>,
    /// Whether the other end did.
    pub partner_churn: Option<Churn>,
}

/// One bond.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bond {
    /// How it spreads traffic.
    pub mode: Option<Mode>,
    /// Whether it has carrier.
    pub up: Option<bool>,
    /// Whether the administrator switched it on.
    pub switched_on: Option<bool>,
    /// Name of the member in use, in `active-backup`, `tlb` and `alb`; empty where there is none.
    pub active: Option<String>,
    /// The member that is preferred; empty where none is.
    pub primary: Option<String>,
    /// Whether the bond goes back to the primary as soon as that is up.
    pub primary_always: Option<bool>,
    /// Members that must be up for the bond to be.
    pub min_links: Option<u32>,
    /// LACP's group of ports in use.
    pub aggregator: Aggregator,
    /// Its members.
    pub members: Vec<Member>,
}

impl Bond {
    /// Fills what is not known here with what another source says.
    pub fn fill_from(&mut self, other: Self) {
        self.mode = self.mode.or(other.mode);
        self.up = self.up.or(other.up);
        self.switched_on = self.switched_on.or(other.switched_on);
        self.active = self.active.take().or(other.active);
        self.primary = self.primary.take().or(other.primary);
        self.primary_always = self.primary_always.or(other.primary_always);
        self.min_links = self.min_links.or(other.min_links);
        match (&mut self.aggregator, other.aggregator) {
            (Aggregator::Active(own), Aggregator::Active(more)) if own.id == more.id => {
                own.ports = own.ports.or(more.ports);
                own.partner = own.partner.or(more.partner);
            }
            (Aggregator::Unknown, more) => self.aggregator = more,
            _ => {}
        }
        if self.members.is_empty() {
            self.members = other.members;
            return;
        }
        for more in other.members {
            if let Some(own) = self.members.iter_mut().find(|own| own.name == more.name) {
                own.fill_from(more);
            }
        }
    }
}

impl Member {
    /// A member of which only the name is known.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    fn fill_from(&mut self, other: Self) {
        self.mii = self.mii.or(other.mii);
        self.speed = self.speed.or(other.speed);
        self.full_duplex = self.full_duplex.or(other.full_duplex);
        self.failures = self.failures.or(other.failures);
        self.mac = self.mac.or(other.mac);
        self.aggregator = self.aggregator.or(other.aggregator);
        self.actor_state = self.actor_state.or(other.actor_state);
        self.partner_state = self.partner_state.or(other.partner_state);
        self.partner = self.partner.or(other.partner);
        self.actor_churn = self.actor_churn.or(other.actor_churn);
        self.partner_churn = self.partner_churn.or(other.partner_churn);
    }
}

/// An address written as `52:54:00:00:00:12`.
#[must_use]
pub fn mac(text: &str) -> Option<Mac> {
    let mut parts = text.trim().split(':');
    let mut mac = Mac::default();
    for byte in &mut mac {
        *byte = parts
            .next()
            .filter(|part| part.len() == 2 && !part.starts_with('+'))
            .and_then(|part| u8::from_str_radix(part, 16).ok())?;
    }
    parts.next().is_none().then_some(mac)
}

/// Mbit/s: `1000` or `1000 Mbps`. What stands for "unknown" in 16 and 32 bits is none, nor is 0.
#[must_use]
pub fn speed(text: &str) -> Option<u32> {
    let number: u32 = text.trim().trim_end_matches("Mbps").trim().parse().ok()?;
    known_speed(number)
}

/// A speed in Mbit/s unless it is one of the numbers by which drivers say that they do not know.
#[must_use]
pub fn known_speed(mbits: u32) -> Option<u32> {
    let unknown = [0, u32::from(u16::MAX), u32::MAX, i32::MAX.unsigned_abs()];
    (!unknown.contains(&mbits)).then_some(mbits)
}

/// `full` or `half`; anything else is not known.
#[must_use]
pub fn full_duplex(text: &str) -> Option<bool> {
    match text.trim() {
        "full" => Some(true),
        "half" => Some(false),
        _ => None,
    }
}

/// Which end of a member's link a line of LACP details is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Bond,
    Actor,
    Partner,
}

/// Takes the text of `/proc/net/bonding/NAME` apart. Lines that it does not know are left out;
/// none if nothing in it is about a bond.
#[must_use]
pub fn bonding(text: &[u8]) -> Option<Bond> {
    let mut bond = Bond::default();
    let mut end = End::Bond;
    for line in lines(text) {
        let line = String::from_utf8_lossy(line);
        let line = line.trim();
        if line.starts_with("bond ") && line.ends_with("has no active aggregator") {
            bond.aggregator = Aggregator::None;
            continue;
        }
        let Some((key, value)) = line.split_once(':') else { continue };
        let (key, value) = (key.trim(), value.trim());
        match key {
            "Slave Interface" => {
                bond.members.push(Member::named(value));
                end = End::Bond;
            }
            "details actor lacp pdu" => end = End::Actor,
            "details partner lacp pdu" => end = End::Partner,
            _ => match bond.members.last_mut() {
                Some(member) => member_line(member, end, key, value),
                None => bond_line(&mut bond, key, value),
            },
        }
    }
    (bond.mode.is_some() || bond.up.is_some() || !bond.members.is_empty()).then_some(bond)
}

fn bond_line(bond: &mut Bond, key: &str, value: &str) {
    let name = |value: &str| match value {
        "None" => String::new(),
        name => name.to_owned(),
    };
    match key {
        "Bonding Mode" => bond.mode = Mode::from_text(value),
        "MII Status" => bond.up = Mii::from_text(value).map(|mii| mii == Mii::Up),
        "Currently Active Slave" => bond.active = Some(name(value)),
        "Primary Slave" => {
            let (primary, choice) = value.split_once(" (").unwrap_or((value, ""));
            bond.primary = Some(name(primary));
            bond.primary_always =
                choice.strip_prefix("primary_reselect ").map(|word| word.starts_with("always"));
        }
        "Min links" => bond.min_links = value.parse().ok(),
        "Aggregator ID" => {
            if let Ok(id) = value.parse() {
                bond.aggregator = Aggregator::Active(Active { id, ..Active::default() });
            }
        }
        "Number of ports" => {
            if let Aggregator::Active(active) = &mut bond.aggregator {
                active.ports = value.parse().ok();
            }
        }
        "Partner Mac Address" => {
            if let Aggregator::Active(active) = &mut bond.aggregator {
                active.partner = mac(value);
            }
        }
        _ => {}
    }
}

fn member_line(member: &mut Member, end: End, key: &str, value: &str) {
    match (end, key) {
        (End::Bond, "MII Status") => member.mii = Mii::from_text(value),
        (End::Bond, "Speed") => member.speed = speed(value),
        (End::Bond, "Duplex") => member.full_duplex = full_duplex(value),
        (End::Bond, "Link Failure Count") => member.failures = value.parse().ok(),
        (End::Bond, "Permanent HW addr") => member.mac = mac(value),
        (End::Bond, "Aggregator ID") => member.aggregator = value.parse().ok(),
        (End::Bond, "Actor Churn State") => member.actor_churn = Churn::from_text(value),
        (End::Bond, "Partner Churn State") => member.partner_churn = Churn::from_text(value),
        (End::Actor, "port state") => member.actor_state = value.parse().ok(),
        (End::Partner, "port state") => member.partner_state = value.parse().ok(),
        (End::Partner, "system mac address") => member.partner = mac(value),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
