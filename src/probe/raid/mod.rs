//! `raid`: arrays, pools and volumes with redundancy, of every technology, judged as one kind.
//!
//! Owns: the kind's table, and the list of technologies, each in a file of its own. Must not know:
//! how any of them stores its state. A technology names the instances that exist and says of each,
//! in the same words: what it is, what redundancy is left, which member is bad, what is going on,
//! which disk to pull.

use std::collections::BTreeMap;
use std::fmt::Debug;

use crate::host::Host;
use crate::model::reading::{Bad, Metric, MetricId, Observation, ProbeError};
use crate::model::time::Moment;
use crate::model::unit::Unit;
use crate::probe::{Found, Kind, KindSpec, Options, Probe, Selector, join};

mod arcconf;
mod btrfs;
mod controller;
mod disk;
mod dm;
mod level;
mod md;
mod megaraid;
mod pace;
mod pci;
mod report;
mod sas2ircu;
mod sentence;
mod ssacli;
mod tool;
mod tw_cli;
mod vendor;
mod vocabulary;
mod words;
mod zfs;

pub use vocabulary::{Verdict, vocabulary};

/// What redundant storage can be made with; a new one is a file and a line here.
static TECHNOLOGIES: &[&dyn Technology] = &[
    &md::Md,
    &dm::Dm,
    &zfs::Zfs,
    &btrfs::Btrfs,
    &&megaraid::MEGARAID,
    &&ssacli::SMART_ARRAY,
    &&arcconf::ADAPTEC,
    &&sas2ircu::IRCU,
    &&tw_cli::THREE_WARE,
    &pci::Unwatched,
];

/// Families of controllers that only their vendor's tool can ask.
static VENDORS: &[&vendor::Vendor] = &[
    &megaraid::MEGARAID,
    &ssacli::SMART_ARRAY,
    &arcconf::ADAPTEC,
    &sas2ircu::IRCU,
    &tw_cli::THREE_WARE,
];

/// One way of making redundant storage.
trait Technology: Sync + Debug {
    /// First word of its sources: `md`, or what stands before the colon of `storcli:0`.
    fn name(&self) -> &'static str;

    /// Its instances, none where it is not in use. On a running machine from kernel memory alone;
    /// in a recording, where a tool is a file that answers at once, also from tools.
    ///
    /// # Errors
    /// Only when the list could be read a moment before or after: an error holds back the survey
    /// of every technology, so that nothing is taken for gone.
    fn survey(&self, host: &Host) -> Result<Vec<Found>, ProbeError>;

    /// As [`Kind::asks`].
    fn asks(&self, _: &Host) -> bool {
        false
    }

    /// As [`Kind::inquire`].
    ///
    /// # Errors
    /// As there.
    fn inquire(&'static self, _: &Host, _: Moment) -> Result<Vec<Found>, ProbeError> {
        Ok(Vec::new())
    }

    /// A probe of one of its sources. Does no I/O yet.
    fn open(&self, source: &str) -> Box<dyn Probe>;
}

/// The kind.
#[derive(Debug)]
pub struct Raid;

// Rows of the metric table.
const NOT_OPTIMAL: MetricId = MetricId(0);
const REDUNDANCY_LEFT: MetricId = MetricId(1);
const MEMBERS_MISSING: MetricId = MetricId(2);
const MEMBERS_FAILED: MetricId = MetricId(3);
const SPARES: MetricId = MetricId(4);
const PROGRESS_PERCENT: MetricId = MetricId(5);
const MISMATCHES: MetricId = MetricId(6);
const ERRORS: MetricId = MetricId(7);
const USED_PERCENT: MetricId = MetricId(8);
const METADATA_PERCENT: MetricId = MetricId(9);
const TEMPERATURE: MetricId = MetricId(10);

static SPEC: KindSpec = KindSpec {
    name: "raid",
    title: "Arrays, pools and volumes with redundancy: degraded, failed, rebuilding, worn out.",
    doc: "Watched are Linux md, LVM (dm-raid, mirrors, thin pools), ZFS pools and btrfs, and \
hardware controllers whose vendor's tool is installed. Each array is judged by what an \
administrator would say of it, without any limit in the configuration: no redundancy left and \
nothing being rebuilt is critical; a rebuild under way, a failed disk that a spare replaced, or a \
word that is not known is a warning; a first synchronisation, a routine check and a scrub are \
information. Where a disk is bad, its model, serial number and place are named.\n\n\
md is read from `/proc/mdstat` and sysfs together, as neither shows all: a member that vanished \
without an access still counts as working in both, and a striped array with a lost member still \
counts as active in mdstat. Containers of firmware RAID (IMSM, DDF) are no arrays: they \
are listed, and always ok.\n\n\
ZFS pools are read from the kernel's statistics and `zpool status`, btrfs from sysfs and, before \
Linux 5.14, `btrfs device stats`, LVM from `dmsetup status` or `lvs`, which need the rights of \
root. Tools are started at most every five minutes, every minute while something is wrong.\n\n\
Hardware controllers are asked through `storcli`, `perccli` or `megacli` (MegaRAID, PERC), \
`ssacli` or its elders (Smart Array), `arcconf` (Adaptec), `sas2ircu` and `sas3ircu` (LSI mirrors), \
and `tw_cli` (3ware), which stand in their vendor's folder or in one of the system's, never in \
`PATH`. There is an instance for the controller, each volume, the battery or cache, and for the \
drives together. A failed drive is told by the volume that misses it, with its slot and serial \
number; a word that the agent does not know is a warning. A controller without its tool is named \
once, as information.",
    selectors: &[
        Selector { key: "name", doc: "Name of the array: `md0`, `tank`, `vg/lv`." },
        Selector {
            key: "technology",
            doc: "`md`, `lvm`, `zfs`, `btrfs`, `megaraid`, `smartarray`, `adaptec`, `ircu`, `3ware`.",
        },
        Selector { key: "level", doc: "Level where it is known: `raid1`, `raid10`, `thin-pool`." },
    ],
    options: &[],
    metrics: &[
        Metric {
            key: "not_optimal",
            name: "not_optimal",
            unit: Unit::Flag,
            bad: Bad::Set,
            phrase: "not optimal",
            doc: "Whether anything is found that is worth a warning or worse.",
        },
        Metric {
            key: "redundancy",
            name: "redundancy_left_count",
            unit: Unit::Count,
            bad: Bad::Low,
            phrase: "survives the loss of {} more disks",
            doc: "Disks that may fail now, whichever they are, without loss of data.",
        },
        Metric {
            key: "missing",
            name: "members_missing_count",
            unit: Unit::Count,
            bad: Bad::High,
            phrase: "{} members missing",
            doc: "Places of the array without a member in sync.",
        },
        Metric {
            key: "failed",
            name: "members_failed_count",
            unit: Unit::Count,
            bad: Bad::High,
            phrase: "{} failed disks attached",
            doc: "Members that failed and are still attached.",
        },
        Metric {
            key: "spares",
            name: "spares_count",
            unit: Unit::Count,
            bad: Bad::Low,
            phrase: "{} spares",
            doc: "Spare disks ready to take over.",
        },
        Metric {
            key: "progress",
            name: "progress_percent",
            unit: Unit::Percent,
            bad: Bad::Low,
            phrase: "{} done",
            doc: "Progress of the rebuild, reshape, check or scrub that is running.",
        },
        Metric {
            key: "mismatches",
            name: "mismatches_count",
            unit: Unit::Count,
            bad: Bad::High,
            phrase: "{} mismatches in the last check",
            doc: "Sectors whose copies or parity differed in the last check. On RAID1 and RAID10 \
with swap or memory-mapped files a few are normal.",
        },
        Metric {
            key: "errors",
            name: "errors_count",
            unit: Unit::Count,
            bad: Bad::High,
            phrase: "{} errors counted on members",
            doc: "Read, write and checksum errors that the members' counters show.",
        },
        Metric {
            key: "used",
            name: "used_percent",
            unit: Unit::Percent,
            bad: Bad::High,
            phrase: "{} of the pool used",
            doc: "Used share of a thin pool's data space; a full one stops every volume in it.",
        },
        Metric {
            key: "metadata",
            name: "metadata_percent",
            unit: Unit::Percent,
            bad: Bad::High,
            phrase: "{} of the pool's metadata used",
            doc: "Used share of a thin pool's metadata space; a full one damages the pool.",
        },
        Metric {
            key: "temperature",
            name: "temperature_celsius",
            unit: Unit::Celsius,
            bad: Bad::High,
            phrase: "{}",
            doc: "Temperature of a controller's processor, of its battery, or of its hottest drive.",
        },
    ],
    measures: &md::MEASURES,
    findings: Some("not optimal"),
    example: include_str!("../../../conf.d/raid.yaml"),
};

impl Kind for Raid {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn survey(&self, host: &Host) -> Result<Vec<Found>, ProbeError> {
        let mut all: Vec<Found> = Vec::new();
        for technology in TECHNOLOGIES {
            match technology.survey(host) {
                Ok(found) => all.extend(found),
                // Not in use on this machine, or not for the agent's eyes: steady facts.
                Err(ProbeError::Absent(_) | ProbeError::Denied(_) | ProbeError::Unsupported(_)) => {
                }
                Err(error) => return Err(error),
            }
        }
        // A pool and a volume of one name: the id belongs to the first.
        let mut names = std::collections::BTreeSet::new();
        all.retain(|found| names.insert(found.instance.clone()));
        Ok(all)
    }

    fn asks(&self, host: &Host) -> bool {
        TECHNOLOGIES.iter().any(|technology| technology.asks(host))
    }

    fn inquire(&self, host: &Host, now: Moment) -> Result<Vec<Found>, ProbeError> {
        let (mut all, mut refused) = (Vec::new(), None);
        for technology in TECHNOLOGIES.iter().filter(|technology| technology.asks(host)) {
            match technology.inquire(host, now) {
                Ok(found) => all = join(all, found),
                Err(error) => refused = Some(error),
            }
        }
        // One family whose tool fails hides no other; alone, it proves nothing gone.
        match refused {
            Some(error) if all.is_empty() => Err(error),
            _ => Ok(all),
        }
    }

    fn is_inquired(&self, facts: &BTreeMap<String, Vec<String>>) -> bool {
        let technologies = facts.get("technology");
        let is_vendor = |name: &String| VENDORS.iter().any(|vendor| vendor.name == name);
        technologies.is_some_and(|names| names.iter().any(is_vendor))
    }

    fn open(&self, source: &str, _: &Options) -> Box<dyn Probe> {
        let name = source.split(':').next().unwrap_or_default();
        match TECHNOLOGIES.iter().find(|technology| technology.name() == name) {
            Some(technology) => technology.open(source),
            None => Box::new(Nothing(source.to_owned())),
        }
    }
}

/// A source that no technology knows, from a journal of another release.
struct Nothing(String);

impl Probe for Nothing {
    fn read(&mut self, _: &Host, _: Moment) -> Result<Vec<Observation>, ProbeError> {
        Err(ProbeError::Unsupported(format!("`{}` is no source of RAID state", self.0)))
    }
}
