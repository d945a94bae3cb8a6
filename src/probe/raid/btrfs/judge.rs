//! What the state of a btrfs file system means to an administrator.

use super::volume::{Device, Volume};
use crate::host::Host;
use crate::model::reading::{Observation, ProbeError};
use crate::model::state::State;
use crate::parse::btrfs::Errors;
use crate::probe::raid::disk::described;
use crate::probe::raid::report::{Report, counted};
use crate::probe::raid::{ERRORS, MEMBERS_FAILED, MEMBERS_MISSING, REDUNDANCY_LEFT};

/// Failed writes from which a device is dead and not just stumbling: btrfs goes on writing to a
/// dead device for ever and never takes it out.
const DEAD_WRITES: u64 = 1000;

/// Says what is to be said of one file system.
pub(super) fn judge(host: &Host, volume: &Volume, trouble: Option<&ProbeError>) -> Observation {
    let mut report = Report::new(&volume.name);
    missing(host, volume, &mut report);
    counters(host, volume, &mut report);
    profiles(volume, &mut report);
    match volume.operation.as_str() {
        "" | "none" => {}
        operation => {
            let fact = format!("{operation} is running");
            report.say(State::Ok, "operation", fact, Vec::new());
        }
    }
    if let Some(error) = trouble {
        let fact = "its error counters are not known".to_owned();
        report.say(State::Ok, "no-detail", fact, vec![error.to_string()]);
    }
    report.finish(&what(volume))
}

/// How many devices a profile survives the loss of.
fn survives(profile: &str) -> u64 {
    match profile {
        "raid1" | "raid10" | "raid5" => 1,
        "raid1c3" | "raid6" => 2,
        "raid1c4" => 3,
        _ => 0,
    }
}

fn what(volume: &Volume) -> String {
    let devices = counted(volume.total, "device", "devices");
    if volume.counters_only {
        return format!("btrfs of {devices} (known from device stats alone)");
    }
    let mut what = format!("btrfs {}", volume.level()).trim_end().to_owned();
    what.push_str(&format!(" of {devices}"));
    if !volume.label.is_empty() && volume.label != volume.name {
        what.push_str(&format!(", label {}", volume.label));
    }
    // Without a place the UUID is what `mount` and `btrfs` take.
    if volume.mount.is_none() && volume.uuid != volume.name {
        what.push_str(&format!(", {}", volume.uuid));
    }
    what
}

fn missing(host: &Host, volume: &Volume, report: &mut Report) {
    let gone: Vec<&Device> =
        volume.devices.iter().filter(|device| device.missing || device.vanished).collect();
    let listed = u64::try_from(volume.devices.len()).unwrap_or_default();
    let named = u64::try_from(gone.len()).unwrap_or_default();
    let unlisted = volume.total.saturating_sub(listed);
    let count = (named + unlisted).max(u64::from(volume.some_missing));
    report.count(MEMBERS_MISSING, count);
    let survived = volume
        .profiles
        .iter()
        .filter(|(_, _, used)| *used != Some(0))
        .map(|(_, profile, _)| survives(profile))
        .min();
    if let Some(left) = survived.and_then(|survived| survived.checked_sub(count)) {
        report.count(REDUNDANCY_LEFT, left);
    }
    if count == 0 {
        return;
    }
    let who: Vec<String> = gone.iter().map(|device| device.shown()).collect();
    let who = if who.is_empty() { String::new() } else { format!(" ({})", who.join(", ")) };
    let mut detail = Vec::new();
    let lost = survived.is_some_and(|survived| survived < count);
    if lost {
        detail.push(format!("{} does not survive that: data is lost.", volume.level()));
    } else if survived == Some(count) {
        detail.push("No redundancy left: one more failure loses data.".to_owned());
    }
    for device in gone.iter().filter(|device| !device.name.is_empty()) {
        detail.push(format!("Missing: {}", described(host, &device.name)));
    }
    if !volume.present.is_empty() {
        let there: Vec<String> = volume.present.iter().map(|name| described(host, name)).collect();
        detail.push(format!("Do not pull: {}", there.join(", ")));
    }
    let place = volume.mount.as_deref().unwrap_or("the mount point");
    let number = gone.first().map_or("the missing number", |device| device.id.as_str());
    detail.push(format!("Next: btrfs replace start {number} with a new device on {place}."));
    let all = volume.total.max(listed);
    let working = all.saturating_sub(count);
    let fact = if lost {
        format!("failed, only {working} of {} left{who}", counted(all, "device", "devices"))
    } else {
        format!("degraded, {working} of {}{who}", counted(all, "device", "devices"))
    };
    report.say(State::Critical, if lost { "failed" } else { "degraded" }, fact, detail);
}

fn counters(host: &Host, volume: &Volume, report: &mut Report) {
    let known: Vec<(&Device, Errors)> =
        volume.devices.iter().filter_map(|device| Some((device, device.errors?))).collect();
    if known.is_empty() {
        return;
    }
    let total = known.iter().fold(0_u64, |sum, (_, errors)| sum.saturating_add(errors.total()));
    report.count(ERRORS, total);
    let dead = known.iter().filter(|(_, errors)| is_dead(*errors)).count();
    report.count(MEMBERS_FAILED, u64::try_from(dead).unwrap_or_default());
    for (device, errors) in known.iter().filter(|(_, errors)| errors.total() > 0) {
        let parts: Vec<String> = [
            (errors.write, "write"),
            (errors.read, "read"),
            (errors.flush, "flush"),
            (errors.corruption, "corruption"),
            (errors.generation, "generation"),
        ]
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
        let name = device.shown();
        let place = volume.mount.as_deref().unwrap_or("the mount point");
        let writes = errors.write > 0 || errors.flush > 0;
        let (state, code, fact) = if is_dead(*errors) {
            (
                State::Critical,
                "device-dead",
                format!("{name} fails its writes ({} errors)", parts.join(", ")),
            )
        } else if device.growing {
            let state = if writes { State::Critical } else { State::Warning };
            (
                state,
                "errors-growing",
                format!("errors on {name} are growing ({})", parts.join(", ")),
            )
        } else {
            (State::Warning, "errors", format!("{name} counted {} errors", parts.join(", ")))
        };
        let mut detail = vec![format!("Device {}", described(host, &name))];
        if writes {
            detail.push("What it missed stands on the other copies alone.".to_owned());
        }
        detail.push(if is_dead(*errors) {
            format!(
                "Next: replace it: btrfs replace start {} with a new device on {place}.",
                device.id
            )
        } else {
            format!(
                "Next: btrfs scrub start {place}, look for a bad cable, disk or memory; then \
                 btrfs device stats --reset {place}."
            )
        });
        report.say(state, code, fact, detail);
    }
}

fn is_dead(errors: Errors) -> bool {
    errors.write.saturating_add(errors.flush) >= DEAD_WRITES
}

/// Chunks that were written while a device was missing have no second copy, and stay so.
fn profiles(volume: &Volume, report: &mut Report) {
    if !matches!(volume.operation.as_str(), "" | "none") {
        return;
    }
    for kind in ["data", "metadata"] {
        let used = volume
            .profiles
            .iter()
            .filter(|(k, _, used)| *k == kind && used.is_some_and(|used| used > 0));
        let names: Vec<&str> = used.map(|(_, profile, _)| profile.as_str()).collect();
        let weakest = names.iter().map(|name| survives(name)).min();
        let strongest = names.iter().map(|name| survives(name)).max();
        if weakest != strongest {
            let fact = format!("its {kind} is of mixed profiles ({})", names.join(", "));
            let detail = vec![
                "What was written while a device was missing may have one copy only.".to_owned(),
                "Next: btrfs balance start with convert= to the profile that is meant, and soft."
                    .to_owned(),
            ];
            report.say(State::Warning, "mixed-profiles", fact, detail);
        }
    }
}
