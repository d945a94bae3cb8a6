//! What the state of a pool means to an administrator. Pure, but for the identity of the disk to
//! pull.

use super::tree::{bad_disks, is_aside, is_good, leaves, named, redundancy, tops};
use crate::host::Host;
use crate::model::reading::{Observation, ProbeError};
use crate::model::state::State;
use crate::parse::zpool::{self, Pool, Vdev};
use crate::probe::raid::disk::described;
use crate::probe::raid::report::{Report, counted};
use crate::probe::raid::{
    ERRORS, MEMBERS_FAILED, MEMBERS_MISSING, PROGRESS_PERCENT, REDUNDANCY_LEFT, SPARES,
};

/// Says what is to be said of one pool.
pub(super) fn judge(
    host: &Host,
    name: &str,
    kernel: Option<&String>,
    pool: Option<&Pool>,
    trouble: Option<&ProbeError>,
) -> Observation {
    let mut report = Report::new(name);
    let kernel = kernel.map(String::as_str).filter(|state| !state.is_empty());
    let told = pool.map(|pool| pool.state.as_str());
    // Both, as the tool's answer may be minutes old and says ONLINE of a suspended pool's disks.
    let state = match (kernel, told) {
        (Some("ONLINE") | None, Some(told)) => told,
        (Some(kernel), _) => kernel,
        (None, None) => "",
    };
    let empty = Pool::default();
    let pool = pool.unwrap_or(&empty);
    condition(host, state, pool, &mut report);
    disks(host, state, pool, &mut report);
    data_errors(name, pool, &mut report);
    scan(pool, &mut report);
    remark(pool, &mut report);
    if let Some(error) = trouble {
        let fact = "its disks are not known".to_owned();
        report.say(State::Ok, "no-detail", fact, vec![error.to_string()]);
    }
    let groups: Vec<&str> = tops(pool).map(|top| top.name.as_str()).collect();
    let what = match groups.as_slice() {
        [] => "ZFS pool".to_owned(),
        [one] => format!("ZFS pool of {one}"),
        [first, ..] => format!("ZFS pool of {first} and {} more", groups.len() - 1),
    };
    report.finish(&what)
}

fn condition(host: &Host, state: &str, pool: &Pool, report: &mut Report) {
    let bad: Vec<String> = bad_disks(pool).map(named).collect();
    let who = match bad.as_slice() {
        [] => String::new(),
        bad if bad.len() > 4 => format!(" ({} disks)", bad.len()),
        bad => format!(" ({})", bad.join(", ")),
    };
    match state {
        "ONLINE" => {}
        "DEGRADED" => {
            let resilver = pool.scan.as_ref().filter(|scan| scan.resilver && scan.running);
            let (severity, code, doing) = match resilver {
                Some(scan) => {
                    (State::Warning, "rebuilding", format!("; {}", progress("rebuild", scan)))
                }
                None if spares_cover(pool) => (State::Warning, "spare-in-use", String::new()),
                None if logs_only(pool) => {
                    (State::Warning, "no-log", "; only the log device is gone".to_owned())
                }
                // Without the tool's answer only the kernel's word is known.
                None if pool.vdevs.is_empty() => (State::Critical, "degraded", String::new()),
                None => (State::Critical, "degraded", "; nothing is being rebuilt".to_owned()),
            };
            let mut detail = Vec::new();
            match redundancy(pool) {
                Some(0) => {
                    detail.push("No redundancy left: one more failure loses data.".to_owned());
                }
                Some(left) => detail.push(format!(
                    "At least {} more may fail without loss of data.",
                    counted(left, "disk", "disks")
                )),
                None => {}
            }
            detail.extend(disk_detail(host, pool));
            report.say(severity, code, format!("degraded{who}{doing}"), detail);
            report.distinguish(match redundancy(pool) {
                Some(left) => format!("left-{left}"),
                None => "degraded".to_owned(),
            });
        }
        "SUSPENDED" | "FAULTED" | "UNAVAIL" | "OFFLINE" | "REMOVED" => {
            let fact = match state {
                "SUSPENDED" => format!("suspended: reads and writes wait{who}"),
                _ => format!("failed ({state}): its data is not available{who}"),
            };
            report.say(State::Critical, "failed", fact, disk_detail(host, pool));
            report.distinguish("lost".to_owned());
        }
        "" => {
            let fact = "its state is not known".to_owned();
            report.say(State::Warning, "unknown-word", fact, Vec::new());
        }
        word => {
            report.say(
                State::Warning,
                "unknown-word",
                format!("unknown state `{word}`"),
                Vec::new(),
            );
        }
    }
}

/// Members that are gone.
fn gone(pool: &Pool) -> impl Iterator<Item = &Vdev> {
    bad_disks(pool).filter(|vdev| vdev.state != "DEGRADED")
}

/// Whether a spare has taken over for every member that is gone: the data is whole again, and the
/// pool waits for a new disk.
fn spares_cover(pool: &Pool) -> bool {
    let gone = gone(pool).count();
    let taken = |vdev: &&Vdev| vdev.section == "spares" && vdev.state == "INUSE";
    gone > 0 && pool.vdevs.iter().filter(taken).count() >= gone
}

/// Whether only log devices are gone: the pool writes its log to its disks, and no data is at risk.
fn logs_only(pool: &Pool) -> bool {
    gone(pool).next().is_some() && gone(pool).all(|vdev| vdev.section == "logs")
}

/// Counts, and disks that are sick while the pool is whole.
fn disks(host: &Host, state: &str, pool: &Pool, report: &mut Report) {
    if pool.vdevs.is_empty() {
        return;
    }
    let length = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    report.count(MEMBERS_MISSING, length(gone(pool).count()));
    report.count(
        MEMBERS_FAILED,
        length(bad_disks(pool).filter(|vdev| vdev.state == "FAULTED").count()),
    );
    if matches!(state, "ONLINE" | "DEGRADED")
        && let Some(left) = redundancy(pool)
    {
        report.count(REDUNDANCY_LEFT, left);
    }
    let spares = |vdev: &&Vdev| vdev.section == "spares" && vdev.state == "AVAIL";
    report.count(SPARES, length(pool.vdevs.iter().filter(spares).count()));
    let total = leaves(pool).flat_map(|vdev| vdev.errors).fold(0_u64, u64::saturating_add);
    report.count(ERRORS, total);
    for vdev in leaves(pool).filter(|vdev| vdev.errors != [0; 3] && is_good(&vdev.state)) {
        let [read, write, checksum] = vdev.errors;
        let fact =
            format!("{} counts {read} read, {write} write, {checksum} checksum errors", vdev.name);
        let disk = vdev.name.rsplit('/').next().unwrap_or_default();
        let detail = vec![
            format!("Disk {}", described(host, disk)),
            format!(
                "Next: look for a bad cable or disk (kernel log, SMART), then zpool clear {}.",
                pool.name
            ),
        ];
        report.say(State::Warning, "disk-errors", fact, detail);
    }
    for vdev in leaves(pool).filter(|vdev| is_aside(vdev) && !is_good(&vdev.state)) {
        let kind = if vdev.section == "spares" { "spare" } else { "cache" };
        let fact = format!("{kind} {} is not usable", named(vdev));
        report.say(State::Warning, "spare-failed", fact, Vec::new());
    }
    if state == "ONLINE" {
        for vdev in bad_disks(pool) {
            report.say(State::Warning, "disk-failed", named(vdev), disk_detail(host, pool));
        }
    }
    for vdev in pool.vdevs.iter().filter(|vdev| vdev.section == "spares" && vdev.state == "INUSE") {
        let fact = format!("spare {} has taken over", vdev.name);
        report.say(
            State::Warning,
            "spare-in-use",
            fact,
            vec!["Next: replace the disk for which it stands in.".to_owned()],
        );
    }
}

fn data_errors(name: &str, pool: &Pool, report: &mut Report) {
    let Some(errors) = &pool.errors else { return };
    let fact = if errors.starts_with("List of errors unavailable") {
        "whether data is damaged cannot be told now".to_owned()
    } else {
        "data is damaged, and no copy could repair it".to_owned()
    };
    let detail = vec![
        format!("zpool says: {errors}"),
        format!("Next: zpool status -v {name} names the files; restore them from a backup."),
    ];
    report.say(State::Critical, "data-errors", fact, detail);
}

fn progress(name: &str, scan: &zpool::Scan) -> String {
    let mut text = name.to_owned();
    match scan.percent {
        Some(percent) => text.push_str(&format!(" {percent:.1}%")),
        None => text.push_str(" running"),
    }
    if let Some(left) = &scan.left {
        text.push_str(&format!(", {left} left"));
    }
    text
}

fn scan(pool: &Pool, report: &mut Report) {
    let Some(scan) = &pool.scan else { return };
    if scan.running {
        if let Some(percent) = scan.percent {
            report.measure(PROGRESS_PERCENT, percent);
        }
        if !scan.resilver {
            report.say(State::Ok, "scrub", progress("scrub", scan), Vec::new());
        } else if pool.state != "DEGRADED" {
            report.say(State::Ok, "resilver", progress("rebuild", scan), Vec::new());
        }
    } else if scan.errors > 0 && pool.errors.is_none() {
        let name = if scan.resilver { "rebuild" } else { "scrub" };
        let fact = format!("its last {name} ended with {} errors", scan.errors);
        report.say(State::Warning, "scan-errors", fact, pool.status.iter().cloned().collect());
    }
}

/// Parts of zpool's remarks on pools that work as they should.
const HARMLESS: &[&str] = &[
    "features are not enabled",
    "features are enabled on the pool despite",
    "compatibility list specified",
    "on-disk format",
    "non-native block size",
    "reduced performance",
    "resilver",
    "being removed",
    "being initialized",
    "being expanded",
    "checkpoint",
];

/// A remark that nothing else explains.
fn remark(pool: &Pool, report: &mut Report) {
    let Some(status) = &pool.status else { return };
    if pool.state != "ONLINE" || report.worst() != State::Ok {
        return;
    }
    let sentence = status.split(". ").next().unwrap_or(status).trim_end_matches('.').to_owned();
    let harmless = HARMLESS.iter().any(|part| status.contains(part));
    let state = if harmless { State::Ok } else { State::Warning };
    let detail = pool.action.iter().map(|action| format!("Next: {action}")).collect();
    report.say(state, "remark", sentence, detail);
}

fn disk_detail(host: &Host, pool: &Pool) -> Vec<String> {
    let mut detail: Vec<String> = bad_disks(pool)
        .map(|vdev| {
            let disk = vdev.name.rsplit('/').next().unwrap_or_default();
            let [read, write, checksum] = vdev.errors;
            let described = described(host, disk);
            let note = if vdev.note.is_empty() { String::new() } else { format!(", {}", vdev.note) };
            format!(
                "Disk {described}: {}{note}; errors: {read} read, {write} write, {checksum} checksum",
                vdev.state
            )
        })
        .collect();
    let spares: Vec<&str> = pool
        .vdevs
        .iter()
        .filter(|vdev| vdev.section == "spares" && vdev.state == "AVAIL")
        .map(|vdev| vdev.name.as_str())
        .collect();
    if !spares.is_empty() {
        detail.push(format!("Spare: {}", spares.join(", ")));
    }
    detail.extend(pool.status.clone());
    detail.extend(pool.action.as_ref().map(|action| format!("Next: {action}")));
    detail
}
