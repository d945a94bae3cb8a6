//! What a link is and how fast it can be: its folder below `/sys/class/net`, read rarely.

use crate::host::file::{KeptFile, Shape};
use crate::host::{Host, dir};
use crate::model::time::Moment;
use crate::model::unit::Span;

/// What stands behind a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// Hardware, or what a hypervisor presents as such.
    Physical,
    /// Several links as one.
    Bond,
    /// The kernel alone.
    Virtual,
}

impl Sort {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Physical => "physical",
            Self::Bond => "bond",
            Self::Virtual => "virtual",
        }
    }
}

/// Names that the kernel and service managers give to hardware; for recordings without folders.
const PHYSICAL_NAMES: &[&str] =
    &["eth", "en", "em", "wl", "ib", "p1p", "p2p", "p3p", "p4p", "usb", "ww"];

/// Sorts a link by its folder or, if the links' folders are not there at all, by its name.
pub(super) fn sort_of(host: &Host, name: &str, described: bool) -> Sort {
    if described {
        let has = |entry: &str| dir::exists(host, &format!("sys/class/net/{name}/{entry}"));
        return match () {
            () if has("bonding") => Sort::Bond,
            () if has("device") => Sort::Physical,
            () => Sort::Virtual,
        };
    }
    match name {
        _ if name.contains(['.', ':', '-']) => Sort::Virtual,
        _ if name.starts_with("bond") => Sort::Bond,
        _ if PHYSICAL_NAMES.iter().any(|prefix| name.starts_with(prefix)) => Sort::Physical,
        _ => Sort::Virtual,
    }
}

/// How often a link's speed is read: renegotiation is rare, and other kinds watch it.
const REFRESH_EVERY: Span = Span::from_secs(60);
/// Mbit/s that drivers of virtual links claim because the field must hold something.
const CLAIMED_MBITS: u64 = 10;
/// Values that mean "unknown" (-1) in 16 and in 32 bits.
const UNKNOWN_MBITS: [u64; 2] = [u16::MAX as u64, u32::MAX as u64];

/// One link's folder.
#[derive(Debug)]
pub(super) struct Link {
    files: Option<Files>,
    speed_bits: Option<f64>,
    index: Option<u64>,
    refreshed: Option<Moment>,
}

#[derive(Debug)]
struct Files {
    index: KeptFile,
    carrier: KeptFile,
    speed: KeptFile,
    is_presented: bool,
}

impl Link {
    /// Looks at what it is. The speed of a virtual link is never asked for: drivers make it up.
    pub(super) fn new(host: &Host, name: &str) -> Self {
        let described = dir::exists(host, "sys/class/net");
        let file =
            |entry: &str| KeptFile::new(format!("sys/class/net/{name}/{entry}"), Shape::Whole);
        let files = (described && sort_of(host, name, described) != Sort::Virtual).then(|| {
            let driver = dir::link_name(host, &format!("sys/class/net/{name}/device/driver"));
            Files {
                index: file("ifindex"),
                carrier: file("carrier"),
                speed: file("speed"),
                is_presented: driver.is_some_and(|driver| driver.starts_with("virtio")),
            }
        });
        Self { files, speed_bits: None, index: None, refreshed: None }
    }

    /// Negotiated speed; none without carrier or where the driver does not know.
    pub(super) fn speed_bits(&self) -> Option<f64> {
        self.speed_bits
    }

    /// Reads index and speed if that is due; says whether this is another link than before.
    pub(super) fn refresh(&mut self, host: &Host, now: Moment) -> bool {
        let due = self.refreshed.is_none_or(|then| then > now || now.since(then) >= REFRESH_EVERY);
        if !due {
            return false;
        }
        let before = self.index;
        self.reread(host, now);
        before.is_some() && self.index != before
    }

    /// Reads index and speed; says whether the speed changed.
    pub(super) fn reread(&mut self, host: &Host, now: Moment) -> bool {
        self.refreshed = Some(now);
        let Some(files) = &mut self.files else { return false };
        self.index = value(&mut files.index, host);
        // Reading the speed of a link that is down is an error with some drivers and slow with others.
        let has_carrier = value(&mut files.carrier, host) == Some(1);
        let mbits = has_carrier.then(|| value(&mut files.speed, host)).flatten().filter(|mbits| {
            *mbits > 0
                && !UNKNOWN_MBITS.contains(mbits)
                && !(files.is_presented && *mbits <= CLAIMED_MBITS)
        });
        let before = self.speed_bits;
        self.speed_bits =
            mbits.and_then(|mbits| u32::try_from(mbits).ok()).map(|m| f64::from(m) * 1e6);
        self.speed_bits != before
    }
}

/// The number in a file; none for -1, EINVAL and the like.
fn value(file: &mut KeptFile, host: &Host) -> Option<u64> {
    std::str::from_utf8(file.read(host).ok()?).ok()?.trim().parse().ok()
}
