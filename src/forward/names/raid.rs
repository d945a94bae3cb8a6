//! Names for RAID of all technologies.

use super::Source::{Fixed, Instance, Label};
use super::{Family, Naming, RATIO, Row, Tag, row, tag};
use crate::forward::series::Instrument;

const ARRAY: &[Tag] = &[
    tag("level", Label("level")),
    tag("object", Instance),
    tag("technology", Label("technology")),
];
const OTEL_ARRAY: &[Tag] = &[
    tag("hw.id", Instance),
    tag("hw.logical_disk.raid_level", Label("level")),
    tag("hw.name", Instance),
];

/// Every technology under the same names; node_exporter names numbers of md alone.
const fn array(
    value: &'static str,
    help: &'static str,
    name: &'static str,
    otel: &'static str,
    (unit, per): (&'static str, f64),
) -> Row {
    let naming = Naming::gauge(help, name, ARRAY).per(per);
    row(value, naming.otel(otel, (unit, per), Instrument::Gauge, OTEL_ARRAY))
}

/// What node_exporter names of md arrays; its blocks have 1024 bytes.
const fn md(
    value: &'static str,
    (help, name): (&'static str, &'static str),
    (otel, unit): (&'static str, &'static str),
    labels: &'static [Tag],
) -> Row {
    let per = if matches!(unit.as_bytes(), b"By") { 1024.0 } else { 1.0 };
    let naming = Naming::gauge(help, name, labels).per(per);
    row(value, naming.otel(otel, (unit, 1.0), Instrument::Gauge, labels))
}

const MD: &[Tag] = &[tag("device", Instance)];
const MD_DISKS: (&str, &str) = ("Members of an md array in this state", "node_md_disks");
const OTEL_MD_DISKS: (&str, &str) = ("hostwatch.raid.md.disks", "{disk}");
const MD_STATE: (&str, &str) = ("Whether an md array is in this state", "node_md_state");
const OTEL_MD_STATE: (&str, &str) = ("hostwatch.raid.md.state", "1");

const fn md_state(state: &'static str) -> [Tag; 2] {
    [tag("device", Instance), tag("state", Fixed(state))]
}

pub(super) static RAID: Family = Family {
    kind: "raid",
    hardware: Some("logical_disk"),
    rows: &[
        array(
            "not_optimal",
            "Whether anything is found that is worth a warning or worse",
            "hostwatch_raid_not_optimal",
            "hostwatch.raid.not_optimal",
            ("1", 1.0),
        ),
        array(
            "redundancy_left_count",
            "Disks that may fail now, whichever they are, without loss of data",
            "hostwatch_raid_redundancy_left",
            "hostwatch.raid.redundancy_left",
            ("{disk}", 1.0),
        ),
        array(
            "members_missing_count",
            "Places of the array without a member in sync",
            "hostwatch_raid_members_missing",
            "hostwatch.raid.members_missing",
            ("{disk}", 1.0),
        ),
        array(
            "members_failed_count",
            "Members that failed and are still attached",
            "hostwatch_raid_members_failed",
            "hostwatch.raid.members_failed",
            ("{disk}", 1.0),
        ),
        array(
            "spares_count",
            "Spare disks ready to take over",
            "hostwatch_raid_spares",
            "hostwatch.raid.spares",
            ("{disk}", 1.0),
        ),
        array(
            "progress_percent",
            "Progress of the rebuild, reshape, check or scrub that is running",
            "hostwatch_raid_progress_ratio",
            "hostwatch.raid.progress",
            RATIO,
        ),
        array(
            "mismatches_count",
            "Sectors whose copies or parity differed in the last check",
            "hostwatch_raid_mismatches",
            "hostwatch.raid.mismatches",
            ("{sector}", 1.0),
        ),
        array(
            "errors_count",
            "Read, write and checksum errors that the members' counters show",
            "hostwatch_raid_errors",
            "hostwatch.raid.errors",
            ("{error}", 1.0),
        ),
        array(
            "used_percent",
            "Used share of a thin pool's data space",
            "hostwatch_raid_pool_used_ratio",
            "hostwatch.raid.pool_used",
            RATIO,
        ),
        array(
            "metadata_percent",
            "Used share of a thin pool's metadata space",
            "hostwatch_raid_pool_metadata_used_ratio",
            "hostwatch.raid.pool_metadata_used",
            RATIO,
        ),
        array(
            "temperature_celsius",
            "Temperature of a controller's processor, of its battery, or of its hottest drive",
            "hostwatch_raid_temperature_celsius",
            "hw.temperature",
            ("Cel", 1.0),
        ),
        md(
            "size_bytes",
            (
                "Size of each member that an md array uses, in blocks of 1024 bytes",
                "node_md_blocks",
            ),
            ("hostwatch.raid.md.size", "By"),
            MD,
        ),
        md(
            "synced_bytes",
            ("Blocks of 1024 bytes of an md array in sync", "node_md_blocks_synced"),
            ("hostwatch.raid.md.synced", "By"),
            MD,
        ),
        md(
            "disks_required_count",
            ("Members that an md array has when whole", "node_md_disks_required"),
            ("hostwatch.raid.md.disks_required", "{disk}"),
            MD,
        ),
        md("disks_active_count", MD_DISKS, OTEL_MD_DISKS, &md_state("active")),
        md("disks_failed_count", MD_DISKS, OTEL_MD_DISKS, &md_state("failed")),
        md("disks_spare_count", MD_DISKS, OTEL_MD_DISKS, &md_state("spare")),
        md("state_active", MD_STATE, OTEL_MD_STATE, &md_state("active")),
        md("state_inactive", MD_STATE, OTEL_MD_STATE, &md_state("inactive")),
        md("state_recovering", MD_STATE, OTEL_MD_STATE, &md_state("recovering")),
        md("state_resync", MD_STATE, OTEL_MD_STATE, &md_state("resync")),
        md("state_check", MD_STATE, OTEL_MD_STATE, &md_state("check")),
    ],
};
