//! Answers of `sas2ircu` and `sas3ircu`: `list`, `N display`, `N status`.

use super::controller::{Controller, Task, note, pair, percent};

/// Numbers of the adapters in `list`.
#[must_use]
pub fn adapters(text: &[u8]) -> Vec<u64> {
    let text = String::from_utf8_lossy(text);
    let mut below_rule = false;
    let mut numbers = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with("-----") {
            below_rule = true;
        } else if below_rule {
            let number = line.split_whitespace().next().and_then(|word| word.parse().ok());
            match number {
                Some(number) => numbers.push(number),
                None => break,
            }
        }
    }
    numbers
}

/// Reads `display` of the adapter of a number; nothing if the answer describes none.
#[must_use]
pub fn display(number: u64, text: &[u8]) -> Option<Controller> {
    let text = String::from_utf8_lossy(text);
    let mut one = Controller { name: format!("ir{number}"), ..Controller::default() };
    let (mut seen, mut section) = (false, String::new());
    let (mut ruled, mut headed) = (false, false);
    let (mut volume, mut enclosure, mut place) = (String::new(), String::new(), String::new());
    let (mut is_drive, mut members) = (false, Vec::new());
    for line in text.lines().map(str::trim) {
        if line.len() > 20 && line.bytes().all(|byte| byte == b'-') {
            // A heading stands between two such lines: the second opens none.
            ruled = !std::mem::take(&mut headed);
            continue;
        }
        headed = std::mem::take(&mut ruled) && pair(line).is_none();
        if headed {
            section = line.to_ascii_lowercase();
            seen |= section.starts_with("controller information");
            continue;
        }
        let lower = line.to_ascii_lowercase();
        if section.starts_with("ir volume")
            && let Some(number) = lower.strip_prefix("ir volume ")
        {
            volume = format!("vol{}", number.trim());
        }
        if section.starts_with("physical") && line.starts_with("Device is a") {
            is_drive = lower.contains("disk") || lower.contains("solid state");
            place.clear();
        }
        let Some((key, value)) = pair(line) else { continue };
        if section.starts_with("controller") && key == "Controller type" {
            value.clone_into(&mut one.model);
        } else if section.starts_with("ir volume") && !volume.is_empty() {
            let Some(known) = one.volume(&volume) else { continue };
            match key {
                "Status of volume" => known.state = word(value),
                "RAID level" => value.clone_into(&mut known.level),
                "Size (in MB)" => known.size = format!("{value} MB"),
                "Volume Name" => value.clone_into(&mut known.label),
                _ if key.starts_with("PHY[") => {
                    known.width += 1;
                    members.push((value.replace(' ', ""), volume.clone()));
                }
                _ => {}
            }
        } else if section.starts_with("physical") && is_drive {
            match key {
                "Enclosure #" => value.clone_into(&mut enclosure),
                "Slot #" => place = format!("{enclosure}:{value}"),
                _ => {}
            }
            let Some(drive) = (!place.is_empty()).then(|| one.drive(&place)).flatten() else {
                continue;
            };
            match key {
                "State" => drive.state = word(value),
                "Model Number" => value.clone_into(&mut drive.model),
                "Serial No" => value.clone_into(&mut drive.serial),
                "Size (in MB)/(in sectors)" => {
                    drive.size = format!("{} MB", value.split('/').next().unwrap_or_default());
                }
                _ => {}
            }
        }
    }
    for drive in &mut one.drives {
        let of = members.iter().filter(|(place, _)| *place == drive.place);
        drive.volumes = of.map(|(_, volume)| volume.clone()).collect();
    }
    // A member that is not there any more stands as `0:0` or under a place without a drive.
    for volume in &mut one.volumes {
        let lost = members.iter().filter(|(place, of)| {
            *of == volume.name && !one.drives.iter().any(|drive| drive.place == *place)
        });
        volume.vacant = u64::try_from(lost.count()).unwrap_or(0);
    }
    seen.then_some(one)
}

/// `Okay (OKY)` as `OKY`; a word without brackets as it is.
fn word(text: &str) -> String {
    match text.rsplit_once('(').and_then(|(_, code)| code.strip_suffix(')')) {
        Some(code) if !code.is_empty() => code.to_owned(),
        _ => text.to_owned(),
    }
}

/// Reads `status`: state and progress of each volume.
pub fn status(one: &mut Controller, text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    let (mut volume, mut what) = (String::new(), String::new());
    for line in text.lines().map(str::trim) {
        let lower = line.to_ascii_lowercase();
        if let Some(number) = lower.strip_prefix("ir volume ") {
            volume = format!("vol{}", number.trim());
        }
        let Some((key, value)) = pair(line) else { continue };
        let Some(known) = one.volumes.iter_mut().find(|known| known.name == volume) else {
            continue;
        };
        match key {
            "Current operation" => value.clone_into(&mut what),
            "Volume state" => note(&mut known.facts, key, value),
            "Percentage complete" => {
                known.task = Some(Task {
                    what: what.clone(),
                    percent: percent(value),
                    time_left: String::new(),
                });
            }
            _ => {}
        }
    }
}
