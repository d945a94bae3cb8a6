//! ZFS pools: the kernel's word from `/proc/spl/kstat/zfs`, the tree of disks from `zpool status`.
//!
//! Owns: how both are put together and what they mean. The kernel's word costs nothing and cannot
//! hang; the tool may, as when a pool's disks are gone.

use super::pace::Paced;
use super::report::{Report, counted, found};
use super::{
    ERRORS, MEMBERS_FAILED, MEMBERS_MISSING, PROGRESS_PERCENT, REDUNDANCY_LEFT, SPARES, Technology,
};
use crate::host::command::{self, Ending, Limits};
use crate::host::file::read_line;
use crate::host::{Host, dir};
use crate::model::reading::{Observation, ProbeError};
use crate::model::state::State;
use crate::model::time::Moment;
use crate::parse::zpool::{self, Pool, Vdev};
use crate::probe::raid::disk::described;
use crate::probe::{Found, Probe};

/// The technology.
#[derive(Debug)]
pub(super) struct Zfs;

const KSTAT: &str = "proc/spl/kstat/zfs";

impl Technology for Zfs {
    fn name(&self) -> &'static str {
        "zfs"
    }

    fn survey(&self, host: &Host) -> Result<Vec<Found>, ProbeError> {
        let mut names: Vec<String> = kernel(host)?.into_iter().map(|(name, _)| name).collect();
        if host.is_recorded()
            && let Ok(pools) = ask(host, &mut None)
        {
            names.extend(pools.into_iter().map(|pool| pool.name));
        }
        names.sort_unstable();
        names.dedup();
        let found = |name: &String| found(name, format!("pool {name}"), "zfs", "zfs", "");
        Ok(names.iter().map(found).collect())
    }

    fn open(&self, _: &str) -> Box<dyn Probe> {
        Box::new(Reader { tool: Paced::default(), json: None, last: Vec::new() })
    }
}

/// Imported pools and the kernel's word on each; empty where the word is not offered.
fn kernel(host: &Host) -> Result<Vec<(String, String)>, ProbeError> {
    let names = match dir::names(host, KSTAT) {
        Ok(names) => names,
        Err(ProbeError::Absent(_)) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    // Pools are folders; everything else there is a file.
    let pools =
        names.into_iter().filter(|name| dir::names(host, &format!("{KSTAT}/{name}")).is_ok());
    Ok(pools
        .map(|name| {
            let state = read_line(host, &format!("{KSTAT}/{name}/state")).unwrap_or_default();
            (name, state)
        })
        .collect())
}

/// Asks the tool. `json` remembers whether it knows that form.
fn ask(host: &Host, json: &mut Option<bool>) -> Result<Vec<Pool>, ProbeError> {
    let Some(program) = command::find(host, &["zpool"]) else {
        return Err(ProbeError::Absent("the tool `zpool` is not installed".to_owned()));
    };
    let forms: &[&[&str]] = match json {
        Some(true) => &[&["status", "-j"]],
        Some(false) => &[&["status"]],
        None => &[&["status", "-j"], &["status"]],
    };
    let mut said = String::new();
    for arguments in forms {
        let output = command::run(host, &program, arguments, Limits::default())?;
        if output.ending == Ending::Exit(0) {
            *json = Some(arguments.len() > 1);
            return Ok(zpool::status(&output.stdout));
        }
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        text.lines().next().unwrap_or_default().clone_into(&mut said);
    }
    Err(ProbeError::Failed(format!("`zpool status` failed: {said}")))
}

struct Reader {
    tool: Paced<Result<Vec<Pool>, ProbeError>>,
    json: Option<bool>,
    last: Vec<(String, String)>,
}

impl Probe for Reader {
    fn read(&mut self, host: &Host, now: Moment) -> Result<Vec<Observation>, ProbeError> {
        let kernel = kernel(host)?;
        if kernel != self.last {
            self.tool.hurry();
            self.last.clone_from(&kernel);
        }
        if self.tool.is_due(now) {
            let answer = ask(host, &mut self.json);
            let well = answer
                .as_ref()
                .is_ok_and(|pools| pools.iter().all(|pool| worst(host, pool) == State::Ok));
            self.tool.keep(now, well, answer);
        }
        let (pools, trouble) = match self.tool.answer() {
            Some(Ok(pools)) => (pools.as_slice(), None),
            Some(Err(error)) => (&[][..], Some(error)),
            None => (&[][..], None),
        };
        if kernel.is_empty()
            && let Some(error) = trouble
        {
            return Err(error.clone());
        }
        let mut observations = Vec::new();
        for (name, state) in &kernel {
            let pool = pools.iter().find(|pool| pool.name == *name);
            observations.push(judge(host, name, Some(state), pool, trouble));
        }
        for pool in pools.iter().filter(|pool| !kernel.iter().any(|(name, _)| *name == pool.name)) {
            observations.push(judge(host, &pool.name, None, Some(pool), None));
        }
        Ok(observations)
    }
}

fn worst(host: &Host, pool: &Pool) -> State {
    let observation = judge(host, &pool.name, None, Some(pool), None);
    observation.findings.iter().fold(State::Ok, |worst, finding| worst.worst(finding.state))
}

/// Says what is to be said of one pool.
fn judge(
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
        }
        "SUSPENDED" | "FAULTED" | "UNAVAIL" | "OFFLINE" | "REMOVED" => {
            let fact = match state {
                "SUSPENDED" => format!("suspended: reads and writes wait{who}"),
                _ => format!("failed ({state}): its data is not available{who}"),
            };
            report.say(State::Critical, "failed", fact, disk_detail(host, pool));
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

/// The members of the pool itself that hold data: mirrors, raidz groups, single disks.
fn tops(pool: &Pool) -> impl Iterator<Item = &Vdev> {
    pool.vdevs
        .iter()
        .filter(|vdev| vdev.depth == 1 && matches!(vdev.section.as_str(), "" | "special" | "dedup"))
}

/// Rows below another row.
fn children<'a>(pool: &'a Pool, parent: &'a Vdev) -> impl Iterator<Item = &'a Vdev> {
    pool.vdevs
        .iter()
        .skip_while(move |vdev| !std::ptr::eq(*vdev, parent))
        .skip(1)
        .take_while(move |vdev| vdev.depth > parent.depth)
        .filter(move |vdev| vdev.depth == parent.depth + 1)
}

fn is_leaf(pool: &Pool, vdev: &Vdev) -> bool {
    children(pool, vdev).next().is_none()
}

fn leaves(pool: &Pool) -> impl Iterator<Item = &Vdev> {
    pool.vdevs.iter().filter(|vdev| {
        (vdev.depth > 0 || matches!(vdev.section.as_str(), "spares" | "cache"))
            && is_leaf(pool, vdev)
    })
}

fn is_good(state: &str) -> bool {
    matches!(state, "ONLINE" | "AVAIL" | "INUSE" | "")
}

/// Disks of the pool itself that do not work as they should.
fn bad_disks(pool: &Pool) -> impl Iterator<Item = &Vdev> {
    leaves(pool).filter(|vdev| !is_good(&vdev.state) && !is_aside(vdev))
}

/// What holds no data of its own.
fn is_aside(vdev: &Vdev) -> bool {
    matches!(vdev.section.as_str(), "spares" | "cache")
}

/// `sdb UNAVAIL, cannot open`.
fn named(vdev: &Vdev) -> String {
    match vdev.note.as_str() {
        "" => format!("{} {}", vdev.name, vdev.state),
        note => format!("{} {}, {note}", vdev.name, vdev.state),
    }
}

/// How many more disks may fail, whichever they are; none if the tree is not known.
fn redundancy(pool: &Pool) -> Option<u64> {
    tops(pool)
        .map(|top| {
            let all = children(pool, top).count();
            let bad = children(pool, top).filter(|vdev| vdev.state != "ONLINE").count();
            let parity = match top.name.split('-').next().unwrap_or_default() {
                "mirror" => all.saturating_sub(1),
                name if name.starts_with("raidz") || name.starts_with("draid") => name
                    .trim_start_matches("draid")
                    .trim_start_matches("raidz")
                    .chars()
                    .next()
                    .and_then(|digit| digit.to_digit(10))
                    .map_or(1, |parity| usize::try_from(parity).unwrap_or(1)),
                _ => 0,
            };
            u64::try_from(parity.saturating_sub(bad)).unwrap_or_default()
        })
        .min()
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

/// Counts, and disks that are sick while the pool is whole.
fn disks(host: &Host, state: &str, pool: &Pool, report: &mut Report) {
    if pool.vdevs.is_empty() {
        return;
    }
    let length = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let missing = bad_disks(pool).filter(|vdev| vdev.state != "DEGRADED").count();
    report.count(MEMBERS_MISSING, length(missing));
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
