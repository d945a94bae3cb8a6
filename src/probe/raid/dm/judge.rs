//! What the state of a volume of the device mapper means to an administrator. Pure.

use crate::model::reading::Observation;
use crate::model::state::State;
use crate::parse::dmsetup::{Status, Target, Volume};
use crate::probe::raid::level::{Redundancy, redundancy};
use crate::probe::raid::report::{Report, counted};
use crate::probe::raid::{
    MEMBERS_FAILED, MEMBERS_MISSING, METADATA_PERCENT, MISMATCHES, PROGRESS_PERCENT,
    REDUNDANCY_LEFT, USED_PERCENT,
};

/// Used data space of a thin pool from which it is worth a look, and from which to act: writes to
/// every volume in it stop at the end.
const DATA_PERCENT: (f64, f64) = (90.0, 97.0);
/// The same for metadata: full, it has to be repaired by hand.
const METADATA_PERCENT_BAD: (f64, f64) = (75.0, 90.0);

/// Level for a selector: `raid1`, `mirror`, `thin-pool`.
pub(super) fn level(status: &Status) -> &str {
    match status {
        Status::Raid { level, .. } => level,
        Status::Mirror { .. } => "mirror",
        Status::ThinPool { .. } => "thin-pool",
        Status::Snapshot { .. } => "snapshot",
        Status::Cache { .. } => "cache",
        Status::Failed { target } => target,
    }
}

/// Whether `lvs` describes something with redundancy, a pool, or a volume that misses a disk. The
/// parts of volumes are left to those.
pub(super) fn is_judged(volume: &Volume) -> bool {
    let kind = volume.attributes.chars().next();
    let is_partial = volume.attributes.chars().nth(8) == Some('p');
    matches!(kind, Some('r' | 'R' | 'm' | 'M' | 't'))
        || volume.segment.starts_with("raid")
        || (is_partial && matches!(kind, Some('-' | 'o' | 'O' | 'C')))
}

/// Judges a line of `dmsetup status`.
pub(super) fn target(name: &str, target: &Target) -> Observation {
    let mut report = Report::new(name);
    let what = match &target.status {
        Status::Raid { level, health, sync, action, mismatches, journal } => {
            raid(level, health, *sync, action.as_deref(), name, &mut report);
            report.count(MISMATCHES, *mismatches);
            let idle = action.as_deref().is_none_or(|action| action == "idle");
            if *mismatches > 0
                && idle
                && matches!(level.get(..5), Some("raid4" | "raid5" | "raid6"))
            {
                let fact = format!("{mismatches} mismatches in the last check");
                let next = format!(
                    "Next: compare with a backup, then lvchange --syncaction repair {name}."
                );
                report.say(State::Warning, "mismatches", fact, vec![next]);
            }
            match journal.as_deref() {
                Some("D") => {
                    let fact = "its write journal failed".to_owned();
                    report.say(State::Critical, "journal-failed", fact, Vec::new());
                }
                Some("A" | "a" | "-") | None => {}
                Some(word) => unknown("state of its journal", word, &mut report),
            }
            format!("LVM {level} of {}", legs(health))
        }
        Status::Mirror { health, sync } => {
            mirror(health, *sync, name, &mut report);
            format!("LVM mirror of {}", legs(health))
        }
        Status::ThinPool { metadata, data, words } => {
            let used = percent(*data);
            pool(used, percent(*metadata), &mut report);
            for word in words {
                pool_word(word, &mut report);
            }
            let shown = used.map(|used| format!(", {used:.0}% used")).unwrap_or_default();
            format!("LVM thin pool {}{shown}", target.device)
        }
        Status::Snapshot { used, word } => {
            snapshot(*used, word, &mut report);
            let shown = used.and_then(percent).map(|used| format!(", {used:.0}% used"));
            format!("LVM snapshot{}", shown.unwrap_or_default())
        }
        Status::Cache { words } => {
            for word in words {
                let fact = match word.as_str() {
                    "ro" => "read-only: its metadata is damaged",
                    "needs_check" => "its metadata needs a check (lvconvert --repair)",
                    _ => continue,
                };
                report.say(State::Critical, "cache-failed", fact.to_owned(), Vec::new());
            }
            "LVM cache".to_owned()
        }
        Status::Failed { target } => {
            let fact = "failed: the kernel gave it up".to_owned();
            report.say(State::Critical, "failed", fact, Vec::new());
            format!("LVM {target}")
        }
    };
    report.finish(&what)
}

fn legs(health: &str) -> String {
    counted(u64::try_from(health.chars().count()).unwrap_or_default(), "leg", "legs")
}

fn unknown(what: &str, word: &str, report: &mut Report) {
    report.say(State::Warning, "unknown-word", format!("unknown {what} `{word}`"), Vec::new());
}

#[expect(clippy::cast_precision_loss, reason = "a percentage")]
fn percent((done, all): (u64, u64)) -> Option<f64> {
    (all > 0).then(|| done as f64 / all as f64 * 100.0)
}

fn raid(
    level: &str,
    health: &str,
    sync: Option<(u64, u64)>,
    action: Option<&str>,
    name: &str,
    report: &mut Report,
) {
    // `raid5_ls`, `raid10_near`: the layout does not change what it survives.
    let family = level.split('_').next().unwrap_or_default();
    let up: Vec<bool> = health.chars().map(|letter| letter == 'A').collect();
    let alive: Vec<bool> = health.chars().map(|letter| matches!(letter, 'A' | 'a')).collect();
    let count =
        |of: &[bool]| u64::try_from(of.iter().filter(|up| !**up).count()).unwrap_or_default();
    let (missing, dead) = (count(&up), count(&alive));
    let first_sync = dead == 0 && !up.iter().any(|up| *up);
    report.count(MEMBERS_FAILED, dead);
    report.count(MEMBERS_MISSING, if first_sync { 0 } else { missing });
    for letter in health.chars().filter(|letter| !matches!(letter, 'A' | 'a' | 'D' | '-')) {
        unknown("health of a leg", &letter.to_string(), report);
    }
    let done = sync.and_then(percent);
    let running = action.filter(|action| *action != "idle");
    if let (Some(done), Some(_)) = (done, running) {
        report.measure(PROGRESS_PERCENT, done);
    }
    let doing = |name: &str| match done {
        Some(done) => format!("{name} {done:.1}%"),
        None => format!("{name} running"),
    };
    let left = redundancy(family, if first_sync { &alive } else { &up }, (2, 1));
    if let Redundancy::Left(left) = left {
        report.count(REDUNDANCY_LEFT, if first_sync { 0 } else { left });
    }
    let dead_legs: Vec<String> = alive
        .iter()
        .enumerate()
        .filter(|(_, alive)| !**alive)
        .map(|(leg, _)| leg.to_string())
        .collect();
    let legs = match dead_legs.as_slice() {
        [] => String::new(),
        [leg] => format!(" (leg {leg} failed)"),
        legs => format!(" (legs {} failed)", legs.join(", ")),
    };
    let all = up.len();
    let working = u64::try_from(all).unwrap_or_default().saturating_sub(missing);
    let next = format!(
        "Next: lvs -a -o +devices {name} names the disk; after replacing it, lvconvert --repair {name}."
    );
    if first_sync {
        let state = if running == Some("resync") { State::Ok } else { State::Warning };
        report.say(state, "resync", doing("first synchronisation"), Vec::new());
    } else if missing > 0 && redundancy(family, &alive, (2, 1)) == Redundancy::Lost {
        let fact =
            format!("failed, only {working} of {all} legs left{legs}: its data is not available");
        report.say(State::Critical, "failed", fact, vec![next]);
        report.distinguish("lost".to_owned());
    } else if missing > 0 {
        let (state, code, now) = match running {
            Some("recover") if dead == 0 => (State::Warning, "rebuilding", doing("rebuild")),
            Some("recover") => (State::Critical, "degraded", doing("rebuild of another leg")),
            Some("resync") if dead == 0 => (State::Warning, "rebuilding", doing("synchronisation")),
            _ => (State::Critical, "degraded", "nothing is being rebuilt".to_owned()),
        };
        let mut detail = vec![match left {
            Redundancy::Left(left) if left > 0 => {
                format!("At least {} more may fail.", counted(left, "leg", "legs"))
            }
            _ => "No redundancy left: one more failure loses data.".to_owned(),
        }];
        if dead == 0 && running.is_none() {
            detail.push(format!("Next: lvchange --refresh {name} takes the leg back in."));
        } else if dead > 0 {
            detail.push(next);
        }
        report.say(state, code, format!("degraded, {working} of {all} legs{legs}; {now}"), detail);
        report.distinguish(format!("missing-{missing}"));
    } else {
        let known = match running {
            None => None,
            Some("resync") => Some("synchronisation"),
            Some("recover") => Some("rebuild"),
            Some("check") => Some("routine check"),
            Some("repair") => Some("repair of mismatches"),
            Some("reshape") => Some("reshape"),
            Some("frozen") => Some("synchronisation stopped at"),
            Some(word) => {
                unknown("activity", word, report);
                None
            }
        };
        if let Some(name) = known {
            report.say(State::Ok, "sync", doing(name), Vec::new());
        }
    }
    if left == Redundancy::Unknown {
        unknown("level", level, report);
    }
}

fn mirror(health: &str, sync: Option<(u64, u64)>, name: &str, report: &mut Report) {
    let all = health.chars().count();
    let bad: Vec<String> = health
        .chars()
        .enumerate()
        .filter(|(_, letter)| *letter != 'A')
        .map(|(leg, letter)| match letter {
            'D' => format!("leg {leg} failed to write"),
            'S' => format!("leg {leg} failed to synchronise"),
            'R' => format!("leg {leg} failed to read"),
            'F' => format!("leg {leg} failed to flush"),
            letter => format!("leg {leg} is `{letter}`"),
        })
        .collect();
    let count = |count: usize| u64::try_from(count).unwrap_or_default();
    report.count(MEMBERS_FAILED, count(bad.len()));
    let copied = sync.and_then(percent);
    let copying = sync.is_some_and(|(done, all)| done < all);
    if bad.is_empty() {
        let left = if copying { 0 } else { count(all.saturating_sub(1)) };
        report.count(REDUNDANCY_LEFT, left);
        if let (Some(copied), true) = (copied, copying) {
            report.measure(PROGRESS_PERCENT, copied);
            let fact = format!("its copy is {copied:.1}% in sync");
            report.say(State::Ok, "resync", fact, Vec::new());
        }
        return;
    }
    let next = format!(
        "Next: lvs -a -o +devices {name} names the disk; replace it, then lvconvert --repair {name}."
    );
    let fact = if bad.len() >= all {
        format!("failed: {}", bad.join(", "))
    } else {
        format!("degraded, {} of {all} legs ({})", all - bad.len(), bad.join(", "))
    };
    report.say(State::Critical, "degraded", fact, vec![next]);
}

fn pool(data: Option<f64>, metadata: Option<f64>, report: &mut Report) {
    let parts = [
        (USED_PERCENT, "data", data, DATA_PERCENT),
        (METADATA_PERCENT, "metadata", metadata, METADATA_PERCENT_BAD),
    ];
    for (metric, name, used, (warning, critical)) in parts {
        let Some(used) = used else { continue };
        report.measure(metric, used);
        let state = if used >= critical {
            State::Critical
        } else if used >= warning {
            State::Warning
        } else {
            continue;
        };
        let next = match name {
            "data" => "Next: lvextend the pool, or delete volumes and snapshots in it.",
            _ => {
                "Next: lvextend --poolmetadatasize; a pool without room for metadata must be repaired."
            }
        };
        report.say(state, "pool-full", format!("{name} {used:.0}% full"), vec![next.to_owned()]);
    }
}

/// A snapshot that runs full is lost; the volume that it was taken of is not.
fn snapshot(used: Option<(u64, u64)>, word: &str, report: &mut Report) {
    let lost = "What it kept is lost; the volume that it was taken of is not touched by that. Next: \
                lvremove it.";
    match used.and_then(percent) {
        Some(used) => {
            report.measure(USED_PERCENT, used);
            if used >= DATA_PERCENT.0 {
                let next = "Next: lvextend it, or lvremove it: full, it is lost.".to_owned();
                let fact = format!("{used:.0}% full");
                report.say(State::Warning, "snapshot-full", fact, vec![next]);
            }
        }
        None if word == "Invalid" || word == "Overflow" => {
            let fact = "not valid any more: it ran full, or its disk failed".to_owned();
            report.say(State::Warning, "snapshot-lost", fact, vec![lost.to_owned()]);
        }
        None if word == "Merge failed" => {
            let fact = "failed to be merged back: the volume is partly old and new".to_owned();
            report.say(State::Critical, "merge-failed", fact, Vec::new());
        }
        None => unknown("state of the snapshot", word, report),
    }
}

fn pool_word(word: &str, report: &mut Report) {
    let fact = match word {
        "rw"
        | "-"
        | "queue_if_no_space"
        | "error_if_no_space"
        | "discard_passdown"
        | "no_discard_passdown"
        | "ignore_discard"
        | "skip_block_zeroing" => return,
        "ro" => "read-only: its metadata is damaged or full",
        "out_of_data_space" => "out of space: writes wait or fail",
        "needs_check" => "its metadata needs a check (lvconvert --repair)",
        // The low water mark of metadata.
        word if word.bytes().all(|byte| byte.is_ascii_digit()) => return,
        word => return unknown("word", word, report),
    };
    report.say(State::Critical, "pool-failed", fact.to_owned(), Vec::new());
}

/// Judges a volume by what `lvs` says.
pub(super) fn volume(volume: &Volume) -> Observation {
    let mut report = Report::new(&volume.name);
    let kind = volume.attributes.chars().next().unwrap_or('-');
    let name = &volume.name;
    if kind == 't' {
        pool(volume.data_percent, volume.metadata_percent, &mut report);
    }
    let health = volume.attributes.chars().nth(8).unwrap_or('-');
    let bad = match health {
        '-' | 'w' | 's' | 'R' => None,
        'p' => Some((State::Critical, "degraded", "degraded: a disk of it is missing")),
        'r' => {
            Some((State::Critical, "degraded", "degraded: a leg failed and is not taken back in"))
        }
        'm' => Some((State::Warning, "mismatches", "mismatches in the last check")),
        'F' => Some((State::Critical, "failed", "failed: the kernel gave it up")),
        'D' => Some((State::Critical, "pool-failed", "out of space: writes wait or fail")),
        'M' => Some((State::Critical, "pool-failed", "read-only: its metadata is damaged or full")),
        'X' => Some((State::Warning, "unknown-word", "lvs does not know its health")),
        letter => {
            unknown("health", &letter.to_string(), &mut report);
            None
        }
    };
    if let Some((state, code, fact)) = bad {
        let next = format!(
            "Next: lvs -a -o +devices,lv_health_status {name}, then lvchange --refresh or lvconvert --repair."
        );
        report.say(state, code, fact.to_owned(), vec![next]);
    }
    if kind != 't'
        && let Some(done) = volume.sync_percent.filter(|done| *done < 100.0)
    {
        report.measure(PROGRESS_PERCENT, done);
        let recover = volume.action == "recover";
        let (state, name) =
            if recover { (State::Warning, "rebuild") } else { (State::Ok, "synchronisation") };
        report.say(state, "sync", format!("{name} {done:.1}%"), Vec::new());
    }
    let what = match (kind, volume.segment.as_str()) {
        ('t', _) => "LVM thin pool".to_owned(),
        (_, "") => "LVM volume".to_owned(),
        (_, segment) => format!("LVM {segment}"),
    };
    report.finish(&what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_without_redundancy_is_judged_when_it_misses_a_disk() {
        let of = |attributes: &str| Volume {
            name: "vg/lv".to_owned(),
            attributes: attributes.to_owned(),
            ..Volume::default()
        };
        for (attributes, judged) in [
            ("-wi-ao----", false),
            ("-wi-a---p-", true),
            ("rwi-aor---", true),
            ("iwi-aor-p-", false),
            ("", false),
        ] {
            assert_eq!(is_judged(&of(attributes)), judged, "{attributes}");
        }
        let findings = volume(&of("-wi-a---p-")).findings;
        assert_eq!(findings[0].state, State::Critical);
    }

    #[test]
    fn a_snapshot_is_lost_when_full_and_its_origin_is_not() {
        let said = |used, word: &str| {
            let mut report = Report::new("vg/s");
            snapshot(used, word, &mut report);
            report.worst()
        };
        assert_eq!(said(Some((50, 100)), ""), State::Ok);
        assert_eq!(said(Some((95, 100)), ""), State::Warning);
        assert_eq!(said(None, "Invalid"), State::Warning);
        assert_eq!(said(None, "Merge failed"), State::Critical);
        assert_eq!(said(None, "anything new"), State::Warning);
    }
}
