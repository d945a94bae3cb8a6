//! Answers of `arcconf`: `getconfig N` (controller, battery, logical and physical devices) and
//! `getstatus N` (what is under way).

use super::controller::{Controller, Task, celsius, is_nothing, note, pair, percent};

/// `Controllers found: 1`, the first line of any answer.
#[must_use]
pub fn controllers_found(text: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(text);
    text.lines().find_map(|line| {
        let (key, value) = pair(line)?;
        key.eq_ignore_ascii_case("Controllers found").then(|| value.parse().ok()).flatten()
    })
}

/// Large headings stand between lines of hyphens that begin at the margin, small ones between
/// indented lines.
#[derive(Default)]
struct Place {
    part: String,
    section: String,
    volume: String,
    drive: Option<String>,
    channel: String,
    is_drive: bool,
}

/// Reads `getconfig` of the controller of a number; nothing if the answer describes none.
#[must_use]
pub fn config(number: u64, text: &[u8]) -> Option<Controller> {
    let text = String::from_utf8_lossy(text);
    let mut one = Controller { name: format!("ctrl{number}"), ..Controller::default() };
    let (mut at, mut seen) = (Place::default(), false);
    let (mut ruled, mut headed) = (false, false);
    for raw in text.lines() {
        let line = raw.trim();
        let is_rule = line.len() > 20 && line.bytes().all(|byte| byte == b'-');
        // A heading stands between two lines of hyphens: the second opens none.
        if is_rule {
            ruled = !std::mem::take(&mut headed);
            continue;
        }
        if line.is_empty() {
            continue;
        }
        let heading = std::mem::take(&mut ruled) && pair(line).is_none();
        headed = heading;
        if heading {
            let name = line.to_ascii_lowercase();
            if raw.starts_with(' ') {
                at.section = name;
            } else {
                seen |= name.starts_with("controller information");
                at = Place { part: name, ..Place::default() };
            }
            continue;
        }
        match at.part.as_str() {
            "controller information" => controller_line(&mut one, &at.section, line),
            "logical device information" => volume_line(&mut one, &mut at, line),
            "physical device information" => drive_line(&mut one, &mut at, line),
            _ => {}
        }
    }
    // Enclosures and controllers among the devices.
    one.drives.retain(|drive| !drive.state.is_empty());
    let by_serial: Vec<(String, Vec<String>)> = one
        .volumes
        .iter()
        .flat_map(|v| v.facts.iter().map(|fact| (fact.field.clone(), vec![v.name.clone()])))
        .filter(|(field, _)| field.starts_with("member "))
        .collect();
    for drive in &mut one.drives {
        let key = format!("member {}", drive.serial);
        for (_, volumes) in by_serial.iter().filter(|(field, _)| *field == key) {
            drive.volumes.extend(volumes.iter().cloned());
        }
    }
    for volume in &mut one.volumes {
        volume.facts.retain(|fact| !fact.field.starts_with("member "));
    }
    one.join_groups();
    seen.then_some(one)
}

fn controller_line(one: &mut Controller, section: &str, line: &str) {
    let Some((key, value)) = pair(line) else { return };
    // Before the first small heading stands what concerns the controller itself.
    if section.is_empty() {
        match key {
            "Controller Status" => note(&mut one.facts, key, value),
            "Controller Model" => value.clone_into(&mut one.model),
            "Controller Serial Number" => value.clone_into(&mut one.serial),
            "PCI Address (Domain:Bus:Device:Function)" => value.clone_into(&mut one.address),
            "Temperature" => {
                one.temperature_celsius = celsius(value);
                // `77 C/ 170 F (Normal)`
                if let Some(word) = value.rsplit_once('(').map(|(_, word)| word) {
                    note(&mut one.facts, "Temperature", word.trim_end_matches(')'));
                }
            }
            "NVRAM Checksum Status" => note(&mut one.facts, key, value),
            _ => {}
        }
        return;
    }
    let feeds = ["battery", "zmm", "green backup", "cache backup", "supercap", "flash backup"];
    if feeds.iter().any(|word| section.contains(word)) {
        let known = [
            "Status",
            "Overall Status",
            "Overall Backup Unit Status",
            "Supercap Status",
            "Non-Volatile Storage Status",
            "Backup Power Status",
            "Battery/Capacitor Status",
            "Over temperature",
            "Hardware Error",
        ];
        if !known.contains(&key) {
            return;
        }
        let Some(part) = one.part("battery") else { return };
        part.title = section.trim_end_matches("information").trim().to_owned();
        note(&mut part.facts, key, value);
    } else if section.starts_with("cache properties") && key == "Cache Status" {
        note(&mut one.facts, key, value);
    }
}

fn volume_line(one: &mut Controller, at: &mut Place, line: &str) {
    let lower = line.to_ascii_lowercase();
    if let Some(number) = lower.strip_prefix("logical device number ") {
        at.volume = format!("ld{}", number.trim());
        at.section.clear();
    }
    if at.volume.is_empty() {
        return;
    }
    let Some(volume) = one.volume(&at.volume) else { return };
    let Some((key, value)) = pair(line) else { return };
    let lower = key.to_ascii_lowercase();
    match lower.as_str() {
        "logical device name" => value.clone_into(&mut volume.label),
        "disk name" if !is_nothing(value) => value.clone_into(&mut volume.device),
        "raid level" => value.clone_into(&mut volume.level),
        "status of logical device" => value.clone_into(&mut volume.state),
        "size" => value.clone_into(&mut volume.size),
        "array" => value.clone_into(&mut volume.group),
        "failed stripes" => note(&mut volume.facts, key, value),
        "write-cache mode" | "write-cache status" | "write-cache setting" => {
            note(&mut volume.facts, &lower, value);
            let fact = |field: &str| {
                let fact = volume.facts.iter().find(|fact| fact.field == field);
                fact.map(|fact| fact.word.as_str()).unwrap_or_default()
            };
            // Elder tools say how it is in `mode`, and either line may come first.
            let is_off = ["write-cache mode", "write-cache status"]
                .iter()
                .any(|field| fact(field).starts_with("Disabled") || fact(field).starts_with("Off"));
            let wanted = fact("write-cache setting");
            volume.cache_off =
                is_off && (wanted.starts_with("Enabled") || wanted.starts_with("On"));
        }
        _ if lower.contains("segment") || lower.starts_with("device ") => {
            // `Present (Controller:1,Enclosure:0,Slot:3)      WD-WCAW36405341`, `Missing`
            let word = value.split([' ', '(']).next().unwrap_or_default();
            volume.width += 1;
            volume.vacant += u64::from(word == "Missing" || word == "Inconsistent");
            if let Some((_, serial)) = value.rsplit_once(')') {
                let field = format!("member {}", serial.trim());
                if !serial.trim().is_empty() {
                    note(&mut volume.facts, &field, word);
                }
            }
        }
        _ => {}
    }
}

fn drive_line(one: &mut Controller, at: &mut Place, line: &str) {
    if let Some(channel) = line.strip_prefix("Channel #") {
        channel.trim_end_matches(':').clone_into(&mut at.channel);
        at.drive = None;
        return;
    }
    if let Some(number) = line.strip_prefix("Device #") {
        let channel = if at.channel.is_empty() { "0" } else { &at.channel };
        at.drive = Some(format!("{channel},{}", number.trim()));
        at.is_drive = false;
        return;
    }
    let Some(place) = at.drive.clone() else { return };
    if line.starts_with("Device is a") {
        at.is_drive = line.contains("Hard drive") || line.contains("Solid State");
        return;
    }
    if !at.is_drive {
        return;
    }
    let Some((key, value)) = pair(line) else { return };
    let Some(drive) = one.drive(&place) else { return };
    match key {
        "State" => value.clone_into(&mut drive.state),
        // `Enclosure 0, Slot 3`, `Connector 1, Device 4`
        "Reported Location" => {
            let place = value.split('(').next().unwrap_or_default().trim();
            drive.path = place.to_owned();
        }
        "Model" => value.clone_into(&mut drive.model),
        "Serial number" | "Serial Number" => value.clone_into(&mut drive.serial),
        "Size" | "Total Size" => value.clone_into(&mut drive.size),
        "Array" if !is_nothing(value) => value.clone_into(&mut drive.group),
        "S.M.A.R.T. warnings" => {
            drive.failing |= value.parse::<u64>().is_ok_and(|count| count > 0);
        }
        "S.M.A.R.T." => drive.failing |= value == "Yes",
        "Current Temperature" => drive.temperature_celsius = celsius(value),
        "Media Failures" | "Medium Error Count" => drive.media_errors = value.parse().ok(),
        _ => {}
    }
}

/// Reads `getstatus`: what a logical device is busy with.
pub fn status(one: &mut Controller, text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    let (mut volume, mut what) = (String::new(), String::new());
    for (key, value) in text.lines().filter_map(pair) {
        match key.to_ascii_lowercase().as_str() {
            "logical device" | "logical device number" => volume = format!("ld{value}"),
            "current operation" => value.clone_into(&mut what),
            "percentage complete" if !is_nothing(&what) => {
                let known = one.volumes.iter_mut().find(|known| known.name == volume);
                if let Some(known) = known {
                    let what = what.clone();
                    let percent = percent(value);
                    known.task = Some(Task { what, percent, time_left: String::new() });
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(cache: &str) -> String {
        let rule = "-".repeat(60);
        format!(
            "Controllers Found: 2\n{rule}\nController Information\n{rule}\n   Controller Status : OK\n   \
             {rule}\n   Controller Cache Backup Unit Information\n   {rule}\n\n    Overall Backup Unit \
             Status : Not Ready\n         Supercap Status : Fatal\n\n{rule}\nLogical Device \
             Information\n{rule}\nLogical Device Number 0\n   Status of Logical Device : Optimal\n{cache}   \
             Segment 0 : Present (2861588MB, SATA, HDD, Enclosure:0, Slot:0)      WD-1\n{rule}\nPhysical \
             Device Information\n{rule}\n      Device #0\n         Device is a Hard drive\n         \
             State : Online\n         Serial Number : WD-1\n"
        )
    }

    #[test]
    fn capitals_of_newer_tools_make_no_difference() {
        let text = text("");
        assert_eq!(controllers_found(text.as_bytes()), Some(2));
        let one = config(1, text.as_bytes()).unwrap();
        assert_eq!(one.drives[0].volumes, ["ld0"]);
        let battery: Vec<&str> = one.parts[0].facts.iter().map(|fact| fact.word.as_str()).collect();
        assert_eq!(battery, ["Not Ready", "Fatal"]);
    }

    #[test]
    fn a_write_cache_is_off_where_it_was_wanted() {
        for (cache, off) in [
            ("   Write-cache setting : Disabled\n   Write-cache status : Off\n", false),
            ("   Write-cache setting : Enabled\n   Write-cache status : On\n", false),
            (
                "   Write-cache setting : On when protected by battery\n   Write-cache status : Off\n",
                true,
            ),
            (
                "   Write-cache mode : Disabled (write-through)\n   Write-cache setting : Enabled \
                 (write-back)\n",
                true,
            ),
        ] {
            let one = config(1, text(cache).as_bytes()).unwrap();
            assert_eq!(one.volumes[0].cache_off, off, "{cache}");
        }
    }
}
